// SPDX-License-Identifier: GPL-2.0-only
/* The processes that have a card open, and the users whose they are. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "metald.h"
#include "read_at.h"

struct users users = TAILQ_HEAD_INITIALIZER(users);

static void *by_pid;		/* all processes, for tsearch() */
static void *by_uid;		/* all users */
static unsigned int user_files;	/* what one user's processes may cost */

static int compare_pids(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int compare_uids(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

void processes_limit(unsigned int files)
{
	user_files = files / 4;
}

bool user_is_full(const struct user *u)
{
	return u->fds >= user_files;
}

bool process_charge(struct process *p, int fds)
{
	if (fds > 0 && user_is_full(p->user))
		return false;
	p->user->fds += fds;
	p->fds += fds;
	return true;
}

struct process *process_find(pid_t pid)
{
	struct process key = { .pid = pid };
	struct process **found = tfind(&key, &by_pid, compare_pids);

	return found ? *found : NULL;
}

static struct user *user_get(uid_t uid)
{
	struct user key = { .uid = uid }, **found, *u;

	found = tfind(&key, &by_uid, compare_uids);
	if (found)
		return *found;
	u = calloc(1, sizeof(*u));
	if (!u)
		out_of_memory();
	u->uid = uid;
	TAILQ_INIT(&u->processes);
	TAILQ_INSERT_TAIL(&users, u, node);
	if (!tsearch(u, &by_uid, compare_uids))
		out_of_memory();
	return u;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/*
 * What a process's CLOCK_MONOTONIC is ahead of ours, in ns: not 0 only in a time
 * namespace, of a container that was moved from another machine.
 */
static int64_t monotonic_ahead(int dir)
{
	char ours[64], its[64], text[256], *line;
	long long sec, nsec;
	ssize_t a, b;

	a = readlink(TTMEM_PROC "/self/ns/time", ours, sizeof(ours));
	b = readlinkat(dir, "ns/time", its, sizeof(its));
	if (a < 0 || a != b || !memcmp(ours, its, a) ||
	    !read_at(dir, "timens_offsets", text, sizeof(text)))
		return 0;
	line = strstr(text, "monotonic");
	if (!line || sscanf(line, "monotonic %lld %lld", &sec, &nsec) != 2)
		return 0;
	return sec * (int64_t)NSEC_PER_SEC + nsec;
}

/* What does not change about a process. Return: whether it is still there. */
static bool read_identity(struct process *p, int dir, uid_t *uid)
{
	uint64_t realtime, monotonic, boot, ticks;
	char text[4096], *at, *comm;
	unsigned int real;
	int field;

	/*
	 * In this order: should we be kept waiting in between, the process began
	 * earlier by these clocks, and none of its entries is taken for older.
	 */
	realtime = clock_ns(CLOCK_REALTIME);
	monotonic = clock_ns(CLOCK_MONOTONIC);
	boot = clock_ns(CLOCK_BOOTTIME);
	if (!read_at(dir, "stat", text, sizeof(text)))
		return false;
	/* The name is in parentheses and may hold some itself. */
	comm = strchr(text, '(');
	at = strrchr(text, ')');
	if (!comm || !at || at < comm)
		return false;
	*at++ = '\0';
	snprintf(p->comm, sizeof(p->comm), "%s", comm + 1);
	/* Behind it is field 3; 22 is the start in ticks since boot. */
	for (field = 2; field < 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
	}
	ticks = strtoull(at, NULL, 10);

	/* A name's line feed is escaped here, so lines are what they seem. */
	if (!read_at(dir, "status", text, sizeof(text)))
		return false;
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at, "\nUid: %u", &real) != 1)
		return false;
	*uid = real;
	at = strstr(text, "\nNSpid:");
	if (!at)
		return false;
	at[1 + strcspn(at + 1, "\n")] = '\0';
	at = strrchr(at, '\t');
	p->inner = at ? atoi(at) : 0;
	if (p->inner <= 0)
		return false;

	p->boot = ticks * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	/*
	 * How long the machine slept before the process began is not known; what
	 * it slept until now is the most that this can be.
	 */
	p->monotonic = monotonic - (boot - p->boot) + monotonic_ahead(dir);
	p->realtime = realtime - (boot - p->boot);
	return true;
}

static void give_to(struct process *p, struct user *u)
{
	p->user = u;
	u->count++;
	/* Who is new is looked at before those who were looked at already. */
	TAILQ_INSERT_HEAD(&u->processes, p, turn);
}

/* With his last process the user goes. */
static void take_from_user(struct process *p)
{
	struct user *u = p->user;

	TAILQ_REMOVE(&u->processes, p, turn);
	if (--u->count)
		return;
	tdelete(u, &by_uid, compare_uids);
	TAILQ_REMOVE(&users, u, node);
	free(u);
}

struct process *process_add(pid_t pid)
{
	struct process *p;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), TTMEM_PROC "/%d", pid);
	if (stat(path, &st))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		out_of_memory();
	p->pid = pid;
	p->dir = -1;
	p->pidfd = -1;
	p->disabled = -1;
	give_to(p, user_get(st.st_uid));
	if (!tsearch(p, &by_pid, compare_pids))
		out_of_memory();
	return p;
}

void process_examine(struct process *p)
{
	struct user *u;
	char path[64];
	uid_t uid;
	int dir;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d", p->pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !read_identity(p, dir, &uid)) {
		if (dir >= 0)
			close(dir);
		p->gone = true;
		return;
	}
	/* One that may not be dumped looks as root's until here. */
	if (uid != p->user->uid) {
		u = user_get(uid);
		take_from_user(p);
		give_to(p, u);
	}
	p->examined = true;
	p->beyond = !process_charge(p, 1);
	if (!p->beyond) {
		p->dir = dir;
		return;
	}
	close(dir);
	if (!p->user->logged)
		say("user %u has too many processes with a card open: the others are not looked at",
		    p->user->uid);
	p->user->logged = true;
}

void process_forget(struct process *p)
{
	while (p->opened_count)
		tell_end(p, &p->opened[--p->opened_count]);
	while (p->regions)
		region_drop(p, &p->region[p->regions - 1]);
	if (p->pidfd >= 0) {
		unwatch_end(p);
		close(p->pidfd);
		process_charge(p, -1);
	}
	if (p->dir >= 0) {
		close(p->dir);
		process_charge(p, -1);
	}
	tdelete(p, &by_pid, compare_pids);
	take_from_user(p);
	free(p->opened);
	free(p->region);
	free(p);
}

bool process_young(const struct process *p)
{
	return clock_ns(CLOCK_BOOTTIME) - p->boot < PROCESS_YOUNG;
}

struct opened *process_opened(struct process *p, unsigned int number)
{
	size_t i;

	for (i = 0; i < p->opened_count; i++)
		if (p->opened[i].number == number)
			return &p->opened[i];
	return NULL;
}
