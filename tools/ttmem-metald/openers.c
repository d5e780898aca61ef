// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has a card open. TT-KMD lists that itself from 2.7 on; before, its list was
 * missing or had numbers of other pid namespaces. Then, and where the list cannot be
 * read, the open files of all processes are looked through.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lines.h"
#include "metald.h"

/* A pass over all processes' open files begins so often, in ns. */
#define SCAN_PERIOD	NSEC_PER_SEC
/* So many open files of a process are looked at; a card is opened early. */
#define SCAN_FILES	4096
/* What it may cost to take note of new processes in one reading of the lists, in ns. */
#define ADDING		(50 * NSEC_PER_MSEC)
/* Reading TT-KMD's lists takes at most the so-manieth part of the time. */
#define LISTS_SHARE	20

static uint64_t adding_until;	/* new processes are taken note of, of busy_ns() */
static bool adding_late;	/* that is over, and there were more */
static uint64_t lists_next;
static bool lists_long;		/* reading them took its time */
static DIR *scan;
static dev_t scan_dev;		/* the file system that the kernel makes nodes in */
static uint64_t scan_next;

/*
 * A process was seen with a card open. However many are known already, some new
 * ones are taken note of in each pass: their time begins with the first of them.
 * Return: false if there is none with that number
 */
static bool saw(pid_t pid, unsigned int number)
{
	struct process *p = process_find(pid);
	static pid_t self;
	struct opened *o;

	if (!self)
		self = ttmem__self();
	if (!p && pid != self) {
		if (!adding_until)
			adding_until = busy_ns() + ADDING;
		if (busy_ns() >= adding_until) {
			adding_late = true;
			return true;
		}
		p = process_add(pid);
		if (!p)
			return false;
	}
	if (!p)
		return true;
	o = process_opened(p, number);
	if (!o) {
		p->opened = more(p->opened, p->opened_count, sizeof(*p->opened));
		o = &p->opened[p->opened_count++];
		memset(o, 0, sizeof(*o));
		o->number = number;
		p->placed = 0;
	}
	o->seen = true;
	return true;
}

static void begin_seeing(void)
{
	struct process *p;
	struct user *u;
	size_t i;

	for_each_process(u, p)
		for (i = 0; i < p->opened_count; i++)
			p->opened[i].seen = false;
}

/* Forget what was not seen. */
static void end_seeing(void)
{
	struct user *u, *next_user;
	struct process *p, *next;
	size_t i, kept;

	for (u = TAILQ_FIRST(&users); u; u = next_user) {
		next_user = TAILQ_NEXT(u, node);
		for (p = TAILQ_FIRST(&u->processes); p; p = next) {
			next = TAILQ_NEXT(p, turn);
			for (i = kept = 0; i < p->opened_count; i++) {
				if (p->opened[i].seen) {
					p->opened[kept++] = p->opened[i];
					continue;
				}
				tell_end(p, &p->opened[i]);
				p->placed = 0;
			}
			p->opened_count = kept;
			/* With its last process the user goes. */
			if (!kept)
				process_forget(p);
		}
	}
}

/* All of a card's that are in the list stay what they are. */
static void saw_as_before(unsigned int number)
{
	struct process *p;
	struct opened *o;
	struct user *u;

	for_each_process(u, p) {
		o = process_opened(p, number);
		if (o)
			o->seen = true;
	}
}

/*
 * A list that cannot be read is not an empty one: there is another way. Some errors pass:
 * others have too much open, or the card is gone, for which procfs answers EIO.
 */
static void do_without_lists(struct card *c, int error)
{
	if (error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO)
		return;
	if (cards_list_pids)
		say("TT-KMD's list of who has card %u open: %s; the open files of all processes are looked through instead",
		    c->id.number, strerror(error));
	cards_list_pids = false;
	c->inherited = 0;
}

/* Read TT-KMD's list of a card, which stays open. */
static void read_list(struct card *c)
{
	static struct lines lines;
	char path[TTMEM_PATH_SIZE], *line;
	uint64_t pid, ended = 0, inherited = 0;

	if (c->pids < 0) {
		snprintf(path, sizeof(path), TTMEM_PROC "/driver/tenstorrent/%u/pids",
			 c->id.number);
		c->pids = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (c->pids < 0) {
		if (errno == ENOENT) {
			c->inherited = 0;
			return;
		}
		do_without_lists(c, errno);
		saw_as_before(c->id.number);
		return;
	}
	lines_begin(&lines, c->pids, SIZE_MAX);
	while ((line = lines_next(&lines))) {
		if (!ttmem__number(line, INT_MAX, &pid) || !pid || pid == ended ||
		    saw(pid, c->id.number))
			continue;
		/* Its file is open still, so another process has it, and not to be told of. */
		ended = pid;
		inherited++;
	}
	if (!lines.error) {
		c->inherited = inherited;
		return;
	}
	/* If the card is gone, it may be another one's next time. */
	do_without_lists(c, lines.error);
	saw_as_before(c->id.number);
	close(c->pids);
	c->pids = -1;
}

static void read_lists(bool all)
{
	uint64_t start = now_ns(), busy = 0;
	size_t i;

	if (start < lists_next)
		return;
	/* They are long only if somebody makes them so. */
	if (lists_long)
		busy = busy_ns();
	adding_until = all ? UINT64_MAX : 0;
	adding_late = false;
	begin_seeing();
	for (i = 0; i < cards_count; i++)
		read_list(&cards[i]);
	end_seeing();
	if (lists_long && !adding_late)
		lists_next = start + (busy_ns() - busy) * LISTS_SHARE;
	lists_long = now_ns() - start > NSEC_PER_MSEC;
}

/*
 * Whether it is the node of a card that was unplugged since: the kernel removes the
 * nodes that it made itself. Its next card may have the number, and the device's.
 */
static bool is_removed(const struct statx *st)
{
	return !st->stx_nlink && makedev(st->stx_dev_major, st->stx_dev_minor) == scan_dev;
}

/* Look through the open files of a process. */
static void scan_files(pid_t pid)
{
	unsigned int files = 0;
	struct dirent *entry;
	struct statx st;
	char path[64];
	DIR *dir;
	size_t i;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while (files++ < SCAN_FILES && (entry = readdir(dir))) {
		/* So no server of a FUSE file is asked, which may never answer. */
		if (entry->d_name[0] == '.' ||
		    statx(dirfd(dir), entry->d_name,
			  AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
			  STATX_TYPE | STATX_NLINK, &st) ||
		    !S_ISCHR(st.stx_mode) || is_removed(&st))
			continue;
		for (i = 0; i < cards_count; i++)
			if (cards[i].devt == makedev(st.stx_rdev_major, st.stx_rdev_minor))
				saw(pid, cards[i].id.number);
	}
	closedir(dir);
}

/* Look through all processes, or as many as there is time for. */
static void scan_processes(uint64_t budget)
{
	uint64_t until = budget == UINT64_MAX ? budget : busy_ns() + budget;
	struct dirent *entry;
	struct stat st;
	uint64_t pid;

	if (!scan) {
		if (now_ns() < scan_next)
			return;
		scan_next = now_ns() + SCAN_PERIOD;
		scan = opendir(TTMEM_PROC);
		if (!scan)
			return;
		scan_dev = stat(TTMEM_DEV "/tenstorrent", &st) ? 0 : st.st_dev;
		begin_seeing();
	}
	adding_until = UINT64_MAX;
	while ((entry = readdir(scan))) {
		if (!ttmem__number(entry->d_name, INT_MAX, &pid) || !pid)
			continue;
		scan_files(pid);
		if (busy_ns() >= until)
			return;
	}
	closedir(scan);
	scan = NULL;
	end_seeing();
}

void openers_find(uint64_t budget)
{
	/* A pass that was begun is ended, or its marks would be lost. */
	if (!scan && cards_list_pids)
		read_lists(budget == UINT64_MAX);
	if (scan || !cards_list_pids)
		scan_processes(budget);
}
