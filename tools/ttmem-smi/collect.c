// SPDX-License-Identifier: GPL-2.0-only
/*
 * One look at the cards and at who uses them: sysfs and procfs, of ttmem and of
 * TT-KMD. TT-KMD's node is never opened, so ttmem-smi is not among the users.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smi.h"

/* How much of a command line is kept. */
#define COMMAND_MAX	4096

void out_of_memory(void)
{
	fputs("ttmem-smi: out of memory\n", stderr);
	exit(1);
}

/* Make room for one more entry in an array that doubles, cleared. */
static void *grow(void *array, size_t count, size_t size)
{
	if (!(count & (count - 1))) {	/* 0, 1, 2, 4, ... */
		array = reallocarray(array, count ? count * 2 : 1, size);
		if (!array)
			out_of_memory();
	}
	memset((char *)array + count * size, 0, size);
	return array;
}

static char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		out_of_memory();
	return new;
}

/* Read a line of a file whose path is put together as printf() does. */
static int __attribute__((format(printf, 3, 4)))
read_line(char *line, size_t size, const char *format, ...)
{
	char path[TTMEM_PATH_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return ttmem__read_line(path, line, size);
}

/* Find the card's hwmon: it is a child of its PCI device. */
static void read_hwmon(struct card *card)
{
	char path[TTMEM_PATH_SIZE], line[32], *end;
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/device/hwmon",
		 card->id.number);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "hwmon", strlen("hwmon")))
			continue;
		if (!read_line(line, sizeof(line), "%s/%s/temp1_input", path,
			       entry->d_name) && *line) {
			card->temperature = strtoll(line, &end, 10);
			card->has_temperature = !*end &&
						card->temperature > -1000000 &&
						card->temperature < 1000000;
		}
		if (!read_line(line, sizeof(line), "%s/%s/power1_input", path,
			       entry->d_name))
			card->has_power = ttmem__number(line, INT64_MAX,
							&card->power);
	}
	closedir(dir);
}

static void read_board(struct card *card)
{
	struct ttmem_info info = { 0 };
	struct ttmem_card *node;

	if (!read_line(card->board, sizeof(card->board),
		       TTMEM_CLASS "/tenstorrent!%u/tt_card_type",
		       card->id.number) &&
	    *card->board && strcmp(card->board, "unknown"))
		return;

	/* The firmware has not answered yet: ttmem knows most by their ids. */
	card->board[0] = '\0';
	if (ttmem_open(card->id.number, TTMEM_OPEN_QUIET, &node))
		return;
	if (!ttmem_info(node, &info, sizeof(info)))
		snprintf(card->board, sizeof(card->board), "%.*s",
			 (int)sizeof(info.board), (const char *)info.board);
	ttmem_close(node);
}

static bool read_pool(struct card *card, size_t chip, const char *memory,
		      struct pool *pool)
{
	char name[64];

	snprintf(name, sizeof(name), "chip%zu/%s_used", chip, memory);
	if (ttmem_stat(card->id.number, name, &pool->used))
		return false;
	snprintf(name, sizeof(name), "chip%zu/%s_total", chip, memory);
	return !ttmem_stat(card->id.number, name, &pool->total);
}

/* Fill in a card that was listed, false if it has vanished. */
static bool read_card(struct card *card)
{
	char line[32];
	size_t i;

	card->chip = calloc(card->id.chips + 1, sizeof(*card->chip));
	if (!card->chip)
		out_of_memory();
	for (i = 0; i < card->id.chips; i++) {
		struct pool *pool = card->chip[i].pool;

		if (!read_pool(card, i, "dram", &pool[TTMEM_DRAM]) ||
		    !read_pool(card, i, "l1", &pool[TTMEM_L1]))
			break;
	}
	/* Without all its chips it is a card that ttmem has just let go. */
	card->chips = i == card->id.chips ? i : 0;

	read_board(card);
	read_hwmon(card);
	if (!read_line(line, sizeof(line),
		       TTMEM_CLASS "/tenstorrent!%u/tt_aiclk", card->id.number))
		card->has_clock = ttmem__number(line, INT64_MAX, &card->clock);

	return !read_line(line, sizeof(line),
			  TTMEM_CLASS "/tenstorrent!%u/dev", card->id.number);
}

/* The command line of a process, else its name, NULL if it is gone. */
static char *read_command(pid_t pid, const char *name)
{
	char path[TTMEM_PATH_SIZE], comm[64], line[COMMAND_MAX];
	size_t len, i;
	FILE *file;

	/*
	 * Where /proc is of another pid namespace, or the number was given to
	 * the next process meanwhile, the name tells.
	 */
	if (read_line(comm, sizeof(comm), TTMEM_PROC "/%d/comm", pid) ||
	    (name && strcmp(comm, name)))
		return name ? copy(name) : NULL;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return copy(comm);
	len = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	while (len && !line[len - 1])
		len--;
	if (!len)
		return copy(comm);
	for (i = 0; i < len; i++)
		if (!line[i])
			line[i] = ' ';
	line[len] = '\0';
	return copy(line);
}

/* Name the user of the last process; those before it serve as a cache. */
static void name_user(struct snapshot *snap)
{
	struct process *last = &snap->process[snap->processes - 1];
	const struct process *p;
	const struct passwd *pw;
	char number[16];

	for (p = snap->process; p != last; p++) {
		if (p->has_uid && p->uid == last->uid) {
			last->user = copy(p->user);
			return;
		}
	}
	pw = getpwuid(last->uid);
	snprintf(number, sizeof(number), "%u", last->uid);
	last->user = copy(pw ? pw->pw_name : number);
}

static struct process *add_process(struct snapshot *snap, unsigned int card)
{
	struct process *p;

	snap->process = grow(snap->process, snap->processes, sizeof(*p));
	p = &snap->process[snap->processes++];
	p->card = card;
	return p;
}

/* By chip, then process; processes that are not visible by client. */
static int by_process(const void *a, const void *b)
{
	const struct ttmem_client *x = a, *y = b;

	if (x->chip != y->chip)
		return x->chip < y->chip ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->client > y->client) - (x->client < y->client);
}

static bool same_process(const struct ttmem_client *a,
			 const struct ttmem_client *b)
{
	return a->chip == b->chip && a->pid == b->pid &&
	       (a->pid || a->client == b->client);
}

/* Add up what a client's line says; a sum beyond 64 bits stays at the end. */
static void add_bytes(struct process *p, const struct ttmem_client *c)
{
	if (c->memory != TTMEM_UNKNOWN &&
	    __builtin_add_overflow(p->bytes[c->memory], c->bytes,
				   &p->bytes[c->memory]))
		p->bytes[c->memory] = UINT64_MAX;
}

static void read_clients(struct snapshot *snap, unsigned int card)
{
	struct ttmem_client *list;
	struct process *p = NULL;
	size_t count, i;

	if (ttmem_clients(card, &list, &count, sizeof(*list)))
		return;
	if (count)
		qsort(list, count, sizeof(*list), by_process);
	for (i = 0; i < count; i++) {
		if (list[i].pid == getpid())
			continue;
		if (p && i && same_process(&list[i - 1], &list[i])) {
			add_bytes(p, &list[i]);
			continue;
		}
		p = add_process(snap, card);
		p->chip = list[i].chip;
		p->reports = true;
		p->pid = list[i].pid;
		p->has_uid = true;
		p->uid = list[i].uid;
		name_user(snap);
		add_bytes(p, &list[i]);
		if (p->pid)
			p->command = read_command(p->pid, list[i].command);
	}
	ttmem_list_free(list);
}

static bool listed(const struct snapshot *snap, size_t from, pid_t pid)
{
	size_t i;

	for (i = from; i < snap->processes; i++)
		if (snap->process[i].pid == pid)
			return true;
	return false;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/*
 * Add those that have the card open and report nothing. TT-KMD lists a process
 * for each file it has open, and 0 for one that is not visible from here: that
 * may be one of those in the books already, so it counts only if there is none.
 * For the same reason a process that has ended and left its file to another one
 * is taken for an invisible one, its number may belong to somebody else.
 */
static void read_openers(struct snapshot *snap, unsigned int card, size_t from)
{
	char path[TTMEM_PATH_SIZE], *text, *line, *rest;
	size_t first = snap->processes;
	struct process *p;
	struct stat st;

	snprintf(path, sizeof(path), TTMEM_PROC "/driver/tenstorrent/%u/pids",
		 card);
	if (ttmem__read_file(path, &text, NULL))
		return;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *command = NULL;
		uint64_t pid;

		if (!ttmem__number(line, INT32_MAX, &pid) ||
		    pid == (uint64_t)getpid())
			continue;
		if (pid && listed(snap, from, pid))
			continue;
		if (pid)
			command = read_command(pid, NULL);
		if (!command && listed(snap, from, 0))
			continue;

		p = add_process(snap, card);
		p->command = command;
		if (!command)
			continue;
		p->pid = pid;
		snprintf(path, sizeof(path), TTMEM_PROC "/%d", p->pid);
		if (!stat(path, &st)) {
			p->has_uid = true;
			p->uid = st.st_uid;
			name_user(snap);
		}
	}
	free(text);
	if (snap->processes > first)
		qsort(snap->process + first, snap->processes - first,
		      sizeof(*snap->process), by_pid);
}

static void drop_card(struct snapshot *snap, struct card *card, size_t from)
{
	free(card->chip);
	while (snap->processes > from) {
		struct process *p = &snap->process[--snap->processes];

		free(p->user);
		free(p->command);
	}
}

bool snapshot_take(struct snapshot *snap, int only, char *why, size_t why_size)
{
	static const char no_driver[] =
		"TT-KMD, Tenstorrent's driver, is not loaded (there is no " TTMEM_CLASS "). Run: sudo modprobe tenstorrent. To install it see https://github.com/tenstorrent/tt-kmd";
	static const char no_module[] =
		"the kernel module ttmem, which keeps the books, is not loaded. Run: sudo modprobe ttmem. To install it run, in its source: sudo make install";
	struct ttmem_card_id *list;
	size_t count, i;
	int ret;

	memset(snap, 0, sizeof(*snap));
	snap->time = time(NULL);

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret) {
		snprintf(why, why_size, "%s%s", no_driver,
			 access(TTMEM_SYSFS "/module/ttmem", F_OK) ?
			 ". Nor is ttmem: sudo modprobe ttmem" : "");
		return false;
	}
	if (ttmem_present()) {
		snprintf(why, why_size, "%s", no_module);
		ttmem_list_free(list);
		return false;
	}
	read_line(snap->ttmem, sizeof(snap->ttmem),
		  TTMEM_SYSFS "/module/ttmem/version");
	read_line(snap->tt_kmd, sizeof(snap->tt_kmd),
		  TTMEM_SYSFS "/module/tenstorrent/version");

	for (i = 0; i < count; i++) {
		size_t from = snap->processes;
		struct card *card;

		if (only >= 0 && list[i].number != (unsigned int)only)
			continue;
		snap->card = grow(snap->card, snap->cards, sizeof(*card));
		card = &snap->card[snap->cards];
		card->id = list[i];
		read_clients(snap, card->id.number);
		read_openers(snap, card->id.number, from);
		if (read_card(card))
			snap->cards++;
		else
			drop_card(snap, card, from);
	}
	ttmem_list_free(list);
	if (snap->cards)
		return true;

	if (only >= 0)
		snprintf(why, why_size,
			 "there is no card %d. ttmem-smi without -i shows those there are",
			 only);
	else
		snprintf(why, why_size,
			 "TT-KMD is loaded and drives no card. lspci -d 1e52: shows the cards that the machine sees, dmesg what TT-KMD says of them");
	return false;
}

void snapshot_free(struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->cards; i++)
		free(snap->card[i].chip);
	for (i = 0; i < snap->processes; i++) {
		free(snap->process[i].user);
		free(snap->process[i].command);
	}
	free(snap->card);
	free(snap->process);
	memset(snap, 0, sizeof(*snap));
}
