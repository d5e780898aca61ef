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

#include "sensors.h"
#include "smi.h"
#include "words.h"

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

static void read_sensors(struct card *card)
{
	struct sensors sensors;

	/* What could not be read is N/A, as what there is not. */
	sensors_read(card->id.number, &sensors);
	card->has_temperature = sensors.has_temperature;
	card->temperature = sensors.temperature;
	card->has_power = sensors.has_power;
	card->power = sensors.power;
	card->has_power_limit = sensors.has_power_limit;
	card->power_limit = sensors.power_limit;
	card->has_clock = sensors.has_clock;
	card->clock = sensors.clock;
}

/* A file of memory_stats/ and where in struct books its value goes. */
struct stat_file {
	const char *name;
	size_t place;
};

#define POOL(memory, field)	offsetof(struct books, pool[memory].field)

static const struct stat_file stat_files[] = {
	{ "dram_used", POOL(TTMEM_DRAM, used) },
	{ "dram_total", POOL(TTMEM_DRAM, total) },
	{ "l1_used", POOL(TTMEM_L1, used) },
	{ "l1_total", POOL(TTMEM_L1, total) },
	/* Those from here on only with details. */
	{ "dram_free", POOL(TTMEM_DRAM, free) },
	{ "dram_peak", POOL(TTMEM_DRAM, peak) },
	{ "dram_banks", POOL(TTMEM_DRAM, banks) },
	{ "dram_trace_used", POOL(TTMEM_DRAM, tag[TTMEM_TAG_TRACE]) },
	{ "dram_system_used", POOL(TTMEM_DRAM, tag[TTMEM_TAG_SYSTEM]) },
	{ "l1_free", POOL(TTMEM_L1, free) },
	{ "l1_peak", POOL(TTMEM_L1, peak) },
	{ "l1_banks", POOL(TTMEM_L1, banks) },
	{ "l1_small_used", POOL(TTMEM_L1, tag[TTMEM_TAG_L1_SMALL]) },
	{ "l1_cb_used", POOL(TTMEM_L1, tag[TTMEM_TAG_CB]) },
	{ "l1_system_used", POOL(TTMEM_L1, tag[TTMEM_TAG_SYSTEM]) },
	{ "clients", offsetof(struct books, clients) },
	{ "reservations", offsetof(struct books, reservations) },
	{ "denied", offsetof(struct books, denied) },
};

#define STAT_FILES		(sizeof(stat_files) / sizeof(stat_files[0]))
#define STAT_FILES_FEW		4

/* Read the books in a directory below memory_stats/, "" or "chip0/". */
static bool read_books(unsigned int number, const char *dir, bool details,
		       struct books *books)
{
	size_t count = details ? STAT_FILES : STAT_FILES_FEW, i, tag;
	char name[64];

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%s", dir, stat_files[i].name);
		if (ttmem_stat(number, name, (uint64_t *)((char *)books +
							  stat_files[i].place)))
			return false;
	}
	/* What has no other tag; files are read one after the other, though. */
	for (i = 0; i < 2; i++) {
		struct pool *pool = &books->pool[i];
		uint64_t left = pool->used;

		for (tag = 0; tag < TAGS; tag++)
			left -= pool->tag[tag] < left ? pool->tag[tag] : left;
		pool->tag[TTMEM_TAG_BUFFER] = left;
	}
	return true;
}

/* Read what TT-KMD tells of a card in words, empty where it does not. */
static void read_text(const struct card *card, const char *name, char *text,
		      size_t size)
{
	read_line(text, size, TTMEM_CLASS "/tenstorrent!%u/%s",
		  card->id.number, name);
}

void read_ids(struct card *card)
{
	read_text(card, "tt_serial", card->serial, sizeof(card->serial));
	read_text(card, "tt_asic_id", card->asic, sizeof(card->asic));
}

bool read_card(struct card *card, bool details)
{
	char line[32], dir[16];
	bool whole = true;
	size_t i;

	card->chip = calloc(card->id.chips + 1, sizeof(*card->chip));
	if (!card->chip)
		out_of_memory();
	for (i = 0; whole && i < card->id.chips; i++) {
		snprintf(dir, sizeof(dir), "chip%zu/", i);
		whole = read_books(card->id.number, dir, details,
				   &card->chip[i]);
	}
	if (whole && details && card->id.chips)
		whole = read_books(card->id.number, "", details, &card->sum);
	/* Without all its files it is a card that ttmem has just let go. */
	card->chips = whole ? card->id.chips : 0;

	ttmem__board(card->id.number, card->board, sizeof(card->board));
	if (details) {
		read_ids(card);
		read_text(card, "tt_fw_bundle_ver", card->firmware,
			  sizeof(card->firmware));
	}
	read_sensors(card);

	return !read_line(line, sizeof(line),
			  TTMEM_CLASS "/tenstorrent!%u/dev", card->id.number);
}

/* A few users whose names were looked up, by their numbers. */
static struct user {
	uid_t uid;
	char *name;	/* NULL if there is none here */
} users[1024];

const char *user_name(uid_t uid)
{
	struct user *user = &users[uid % (sizeof(users) / sizeof(users[0]))];
	const struct passwd *pw;
	char number[16];

	if (user->name && user->uid == uid)
		return user->name;
	free(user->name);
	pw = getpwuid(uid);
	snprintf(number, sizeof(number), "%u", uid);
	user->uid = uid;
	user->name = copy(pw ? pw->pw_name : number);
	return user->name;
}

void forget_users(void)
{
	size_t i;

	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		free(users[i].name);
		users[i].name = NULL;
	}
}

static struct process *add_process(struct snapshot *snap, unsigned int card)
{
	struct process *p;

	snap->process = grow(snap->process, snap->processes, sizeof(*p));
	p = &snap->process[snap->processes++];
	p->card = card;
	return p;
}

/* Processes that are not visible by client. */
static int by_process(const void *a, const void *b)
{
	const struct ttmem_client *x = a, *y = b;
	int order = compare_numbers(x->card, y->card);

	if (!order)
		order = compare_numbers(x->chip, y->chip);
	if (!order)
		order = compare_numbers(x->pid, y->pid);
	if (!order)
		order = compare_numbers(x->client, y->client);
	if (!order)
		order = compare_numbers(x->memory, y->memory);
	return order;
}

int list_clients(struct ttmem_client **list, size_t *count)
{
	int ret = ttmem_clients(list, count, sizeof(**list));

	if (ret == -ENOMEM)
		out_of_memory();
	if (*count)
		qsort(*list, *count, sizeof(**list), by_process);
	return ret;
}

size_t clients_of(const struct ttmem_client **list, size_t count,
		  unsigned int card)
{
	size_t first = 0, end;

	while (first < count && (*list)[first].card < card)
		first++;
	for (end = first; end < count && (*list)[end].card == card; end++)
		;
	*list += first;
	return end - first;
}

int list_status(int error)
{
	return error == -ENXIO || error == -ENOPKG ? EXIT_NO_DRIVER :
						     EXIT_FAILED;
}

/* Add a sentence to what is missing. */
static void __attribute__((format(printf, 2, 3)))
tell(struct snapshot *snap, const char *format, ...)
{
	size_t len = strlen(snap->why);
	va_list args;

	if (len && len + 2 < sizeof(snap->why)) {
		strcpy(snap->why + len, "; ");
		len += 2;
	}
	va_start(args, format);
	vsnprintf(snap->why + len, sizeof(snap->why) - len, format, args);
	va_end(args);
}

static bool same_process(const struct ttmem_client *a,
			 const struct ttmem_client *b)
{
	return a->chip == b->chip && a->pid == b->pid &&
	       (a->pid || a->client == b->client);
}

/* A client's peak of a memory stands in each of its lines of that. */
static bool same_peak(const struct ttmem_client *a, const struct ttmem_client *b)
{
	return a->client == b->client && a->memory == b->memory;
}

/* Add up what a client's line says. */
static void add_line(struct process *p, const struct ttmem_client *c,
		     bool add_peak)
{
	if (c->tag != TTMEM_TAG_NONE)
		p->holds = true;
	if (c->source <= TTMEM_SOURCE_ATTRIBUTED)
		p->sources |= 1u << c->source;
	p->reservations += c->reservations;
	if (c->memory == TTMEM_UNKNOWN)
		return;
	add_bytes(&p->bytes[c->memory], c->bytes);
	if (c->tag < TAGS)
		add_bytes(&p->tag[c->memory][c->tag], c->bytes);
	if (add_peak)
		add_bytes(&p->peak[c->memory], c->peak);
}

/* Add those that are in the books, from a card's part of the list. */
static void add_clients(struct snapshot *snap, unsigned int card,
			const struct ttmem_client *list, size_t count)
{
	struct process *p = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].pid == getpid())
			continue;
		if (p && same_process(&list[i - 1], &list[i])) {
			add_line(p, &list[i], !same_peak(&list[i - 1], &list[i]));
			continue;
		}
		p = add_process(snap, card);
		p->chip = list[i].chip;
		p->reports = true;
		p->pid = list[i].pid;
		p->has_uid = true;
		p->uid = list[i].uid;
		p->name = list[i].command;
		add_line(p, &list[i], true);
	}
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Whether a process can be seen from here, and whose it is. */
static bool see_process(pid_t pid, uid_t *uid)
{
	char path[TTMEM_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d", pid);
	if (stat(path, &st))
		return false;
	*uid = st.st_uid;
	return true;
}

/* Add a process that has the card open and reports nothing; 0 if it is not seen. */
static void add_silent(struct snapshot *snap, unsigned int card, pid_t pid, uid_t uid)
{
	struct process *p = add_process(snap, card);

	p->open = true;
	p->pid = pid;
	p->has_uid = pid;
	p->uid = uid;
}

/*
 * Add those that have the card open and report nothing; from @from on are those
 * in the books. One that is not visible from here may be one of these, so it
 * counts only if none of them that is not visible holds anything. A process that
 * has ended and left its file to another one is taken for an invisible one, as
 * its number may belong to somebody else. Returns whether TT-KMD tells who has.
 */
static bool add_openers(struct snapshot *snap, unsigned int card, size_t from)
{
	size_t first = snap->processes, count, i;
	bool hidden = false, *listed;
	pid_t *pids, *pid;
	int ret;

	ret = ttmem__openers(card, &pids, &count);
	if (ret == -ENOMEM)
		out_of_memory();
	/* Before 2.5 it has no list. */
	if (ret && ret != -ENOENT)
		tell(snap, "who has card %u open is not known: %s", card, strerror(-ret));
	listed = calloc(count + 1, sizeof(*listed));
	if (!listed)
		out_of_memory();
	for (i = from; i < first; i++) {
		struct process *p = &snap->process[i];

		if (!p->pid) {
			hidden |= p->holds;
			continue;
		}
		pid = count ? bsearch(&p->pid, pids, count, sizeof(*pids),
				      compare_pids) : NULL;
		if (pid) {
			p->open = true;
			listed[pid - pids] = true;
		}
	}
	for (i = 0; i < count; i++) {
		uid_t uid = 0;
		bool seen;

		if (listed[i])
			continue;
		seen = pids[i] && see_process(pids[i], &uid);
		if (!seen && hidden)
			continue;
		hidden |= !seen;
		add_silent(snap, card, seen ? pids[i] : 0, uid);
	}
	free(listed);
	free(pids);
	if (snap->processes > first)
		qsort(snap->process + first, snap->processes - first,
		      sizeof(*snap->process), by_pid);
	return !ret;
}

static void free_process(struct process *p)
{
	free(p->user);
	free(p->command);
}

/*
 * Who holds nothing is no user of memory: he stays where peaks are wanted, or
 * with the card open, where that he holds nothing is more than N/A.
 */
static void drop_idle(struct snapshot *snap, size_t from)
{
	size_t i, kept = from;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (p->holds || p->open)
			snap->process[kept++] = *p;
		else
			free_process(p);
	}
	snap->processes = kept;
}

static void name_processes(struct snapshot *snap, size_t from, bool commands)
{
	size_t i;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (p->has_uid)
			p->user = copy(user_name(p->uid));
		if (p->pid && commands)
			p->command = read_command(p->pid, p->name, &p->has_line);
		p->name = NULL;
	}
}

static void drop_processes(struct snapshot *snap, size_t from)
{
	while (snap->processes > from)
		free_process(&snap->process[--snap->processes]);
}

/* Tell of the words of -i for which there is no card. */
static bool all_found(struct snapshot *snap, const struct want *want)
{
	char *list, *rest, *word;
	bool all = true;

	if (!want->cards)
		return true;
	list = copy(want->cards);
	rest = list;
	while ((word = strsep(&rest, ","))) {
		const struct want one = { .cards = word };
		size_t i;

		for (i = 0; i < snap->cards; i++)
			if (card_wanted(&one, &snap->card[i]))
				break;
		if (i == snap->cards && !ttmem__same(word, "all", SIZE_MAX)) {
			tell(snap, "there is no card %s. ttmem-smi -L lists those there are",
			     word);
			all = false;
		}
	}
	free(list);
	return all;
}

/* Keep the processes that are asked for. */
static void keep_processes(struct snapshot *snap, size_t from, struct filter *filter)
{
	size_t i, kept = from;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (filter_takes(filter, p->pid, p->has_uid, p->uid))
			snap->process[kept++] = *p;
		else
			free_process(p);
	}
	snap->processes = kept;
}

/* Tell of the numbers of -p for which there is no process. */
static bool pids_found(struct snapshot *snap, const struct filter *filter)
{
	bool all = true;
	size_t i;

	for (i = 0; i < filter->pid_count; i++) {
		if (filter->seen[i])
			continue;
		tell(snap, "no process %llu has %s open or holds memory of one",
		     (unsigned long long)filter->pids[i],
		     filter->want->cards ? "one of these cards" : "a card");
		all = false;
	}
	return all;
}

/* Look at one card of the list. */
static void take_card(struct snapshot *snap, const struct ttmem_card_id *id,
		      const struct want *want, struct filter *filter,
		      const struct ttmem_client *clients, size_t count)
{
	size_t from = snap->processes;
	bool known = false;
	struct card *card;

	snap->card = grow(snap->card, snap->cards, sizeof(*card));
	card = &snap->card[snap->cards];
	card->id = *id;
	if (want->ids)
		read_ids(card);
	if (want->cards) {
		ttmem__board(card->id.number, card->board, sizeof(card->board));
		if (!card_wanted(want, card))
			return;
	}
	if (snap->processes_known) {
		count = clients_of(&clients, count, id->number);
		add_clients(snap, id->number, clients, count);
		known = add_openers(snap, id->number, from);
	}
	silent_count(card, snap, from, known);
	if (!want->processes)
		drop_processes(snap, from);
	if (!want->peaks)
		drop_idle(snap, from);
	keep_processes(snap, from, filter);
	name_processes(snap, from, want->commands);
	if (!read_card(card, want->details)) {
		free(card->chip);
		drop_processes(snap, from);
		tell(snap, "card %u went away while it was looked at",
		     id->number);
		return;
	}
	snap->cards++;
}

int snapshot_take(struct snapshot *snap, const struct want *want)
{
	int ret, status = EXIT_OK;
	struct ttmem_client *clients = NULL;
	size_t count, client_count = 0, i;
	struct ttmem_card_id *list;
	struct filter filter;

	memset(snap, 0, sizeof(*snap));
	forget_users();
	commands_begin();
	clock_gettime(CLOCK_REALTIME, &snap->time);

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret && ret != -ENXIO) {
		tell(snap, "the cards could not be listed: %s", ttmem_strerror(ret));
		return EXIT_FAILED;
	}
	if (ret) {
		tell(snap, "TT-KMD, Tenstorrent's driver, is not loaded (there is no " TTMEM_CLASS "). Run: sudo modprobe tenstorrent. To install it see https://github.com/tenstorrent/tt-kmd%s",
		     access(TTMEM_SYSFS "/module/ttmem", F_OK) ?
		     ". Nor is ttmem: sudo modprobe ttmem" : "");
		return EXIT_NO_DRIVER;
	}
	if (ttmem_present()) {
		tell(snap, "the kernel module ttmem, which keeps the books, is not loaded. Run: sudo modprobe ttmem. To install it run, in its source: sudo make install");
		ttmem_list_free(list);
		return EXIT_NO_DRIVER;
	}
	read_line(snap->ttmem, sizeof(snap->ttmem),
		  TTMEM_SYSFS "/module/ttmem/version");
	read_line(snap->tt_kmd, sizeof(snap->tt_kmd),
		  TTMEM_SYSFS "/module/tenstorrent/version");

	ret = want->silent ? metald_read(&snap->metald) : 0;
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret)
		tell(snap, "what ttmem-metald says in " METALD_STATE " is not known: %s",
		     strerror(-ret));
	/* It knows who uses a card and tells nothing; else it is to be found out. */
	if (want->processes || (want->silent && !snap->metald.running)) {
		ret = list_clients(&clients, &client_count);
		if (ret && want->processes) {
			tell(snap, "who holds what is not known: %s",
			     ttmem_strerror(ret));
			status = list_status(ret);
		}
		snap->processes_known = !ret;
	}
	filter_open(&filter, want);
	for (i = 0; i < count; i++)
		take_card(snap, &list[i], want, &filter, clients, client_count);
	ttmem_list_free(clients);
	ttmem_list_free(list);

	if (!all_found(snap, want))
		status = EXIT_NOT_FOUND;
	if (want->all_pids && snap->processes_known && snap->cards &&
	    !pids_found(snap, &filter) && !status)
		status = EXIT_NOT_FOUND;
	filter_close(&filter);
	if (!snap->cards) {
		if (!*snap->why)
			tell(snap, "TT-KMD is loaded and drives no card. lspci -d 1e52: shows the cards that the machine sees, dmesg what TT-KMD says of them");
		return EXIT_NOT_FOUND;
	}
	if (want->sort)
		sort_processes(snap, want->sort);
	return status;
}

const struct card *snapshot_card(const struct snapshot *snap,
				 unsigned int number)
{
	size_t i;

	for (i = 0; i < snap->cards; i++)
		if (snap->card[i].id.number == number)
			return &snap->card[i];
	return NULL;
}

void snapshot_free(struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->cards; i++)
		free(snap->card[i].chip);
	for (i = 0; i < snap->processes; i++)
		free_process(&snap->process[i]);
	metald_free(&snap->metald);
	free(snap->card);
	free(snap->process);
	memset(snap, 0, sizeof(*snap));
}

const char *source_name(const struct process *process)
{
	static const char * const names[] = {
		[1 << TTMEM_SOURCE_SELF] = "self",
		[1 << TTMEM_SOURCE_ATTRIBUTED] = "attributed",
		[1 << TTMEM_SOURCE_SELF | 1 << TTMEM_SOURCE_ATTRIBUTED] = "both",
	};

	return names[process->sources];
}

int percent_used(const struct pool *pool)
{
	double percent;

	if (!pool->total)
		return -1;
	percent = 100.0 * pool->used / pool->total;
	return percent < 999 ? (int)(percent + 0.5) : 999;
}
