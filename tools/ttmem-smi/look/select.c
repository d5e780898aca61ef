// SPDX-License-Identifier: GPL-2.0-only
/* Which cards and processes are asked for, and in which order they are wanted. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "internal.h"
#include "look/parts.h"

/* Cut the next word off a list with commas; NULL at its end. */
static char *next_word(char **list)
{
	return strsep(list, ",");
}

/* So many hex digits are no card's number. */
#define ID_MIN	8

/* Whether a word of -i may be a board's serial number, or an ASIC's id. */
static bool is_id(const char *word)
{
	size_t digits = strspn(word, "0123456789abcdefABCDEF");

	return digits >= ID_MIN && !word[digits];
}

/* A user by name, else by number. */
static bool find_user(const char *word, uid_t *uid)
{
	const struct passwd *pw = getpwnam(word);
	uint64_t number;

	if (!pw && !ttmem__number(word, UINT32_MAX - 1, &number))
		return false;
	*uid = pw ? pw->pw_uid : number;
	return true;
}

/* How processes may be sorted, @descending unless a sign says otherwise. */
static const struct sort_key {
	const char *name;
	bool descending;
} sort_keys[] = {
	{ "card", false },
	{ "pid", false },
	{ "user", false },
	{ "command", false },
	{ "dram", true },
	{ "l1", true },
	{ "reservations", true },
};

/* Their places there. */
enum { BY_CARD, BY_PID, BY_USER, BY_COMMAND, BY_DRAM, BY_L1, BY_RESERVATIONS };

#define SORT_KEYS	(sizeof(sort_keys) / sizeof(sort_keys[0]))

/* Find a key as typed: ps's sign before it, "-" for the largest first. */
static const struct sort_key *find_sort(const char *text, bool *descending)
{
	const char *name = text + (*text == '-' || *text == '+');
	size_t i;

	for (i = 0; i < SORT_KEYS; i++) {
		if (strcmp(name, sort_keys[i].name))
			continue;
		*descending = name == text ? sort_keys[i].descending :
					     *text == '-';
		return &sort_keys[i];
	}
	return NULL;
}

static bool is_card(const char *word, char *why, size_t why_size)
{
	unsigned int number;

	if (ttmem__is_board(word) || is_id(word) || ttmem__find(word, &number) != -EINVAL)
		return true;
	snprintf(why, why_size,
		 "'%s' is neither a card's number, nor a bus id as 0000:01:00.0, nor a board as n300, nor a serial number or UUID",
		 word);
	return false;
}

static bool is_pid(const char *word, char *why, size_t why_size)
{
	uint64_t pid;

	if (ttmem__number(word, INT32_MAX, &pid) && pid)
		return true;
	snprintf(why, why_size, "'%s' is no process's number", word);
	return false;
}

static bool is_user(const char *word, char *why, size_t why_size)
{
	uid_t uid;

	if (find_user(word, &uid))
		return true;
	snprintf(why, why_size,
		 "there is no user '%s' here. Of a container's users give the number", word);
	return false;
}

/* See whether each word of an option's list is what it should be. */
static bool check_list(const char *option, const char *text,
		       bool (*is)(const char *word, char *why, size_t why_size),
		       char *why, size_t why_size)
{
	char *list, *rest, *word;
	bool ok = true;
	int len;

	if (!text)
		return true;
	len = snprintf(why, why_size, "%s %s: ", option, text);
	if ((size_t)len > why_size / 2)
		len = snprintf(why, why_size, "%s: ", option);
	list = copy(text);
	rest = list;
	while (ok && (word = next_word(&rest)))
		ok = is(word, why + len, why_size - len);
	free(list);
	return ok;
}

bool want_check(const struct want *want, char *why, size_t why_size)
{
	char found[16] = "";
	unsigned int best;
	bool descending;
	size_t i;

	if (!check_list("-i", want->cards, is_card, why, why_size) ||
	    !check_list("-p", want->pids, is_pid, why, why_size) ||
	    !check_list("-u", want->users, is_user, why, why_size))
		return false;

	if (want->sort && !find_sort(want->sort, &descending)) {
		best = MISTAKES(strlen(want->sort));
		for (i = 0; i < SORT_KEYS; i++)
			closest(want->sort, strlen(want->sort), sort_keys[i].name, &best,
				found, sizeof(found));
		snprintf(why, why_size,
			 "--sort %s: processes are sorted by card, pid, user, command, dram, l1 or reservations, with + or - before it for the smallest or the largest first%s%s%s",
			 want->sort, *found ? " (did you mean " : "", found,
			 *found ? "?)" : "");
		return false;
	}
	return true;
}

bool card_wanted(const struct want *want, struct card *card)
{
	char *list, *rest, *word;
	bool found = !want->cards;
	unsigned int number;

	if (found)
		return true;
	list = copy(want->cards);
	rest = list;
	while (!found && (word = next_word(&rest))) {
		found = !ttmem__find(word, &number) && number == card->id.number;
		if (!found && ttmem__is_board(word))
			found = ttmem__same(word, "all", SIZE_MAX) ||
				ttmem__same(word, card->board, SIZE_MAX);
		if (!found && is_id(word)) {
			/* Unless they are told already, of a card that was there once. */
			if (!*card->asic && !*card->serial)
				read_ids(card);
			found = ttmem__same(word, card->asic, SIZE_MAX) ||
				ttmem__same(word, card->serial, SIZE_MAX);
		}
	}
	free(list);
	return found;
}

/* The numbers of a list that want_check() has seen, of processes or users. */
static size_t read_numbers(const char *text, bool names, uint64_t **numbers)
{
	char *list, *rest, *word;
	size_t count = 0;
	uid_t uid;

	*numbers = NULL;
	if (!text)
		return 0;
	list = copy(text);
	rest = list;
	while ((word = next_word(&rest))) {
		*numbers = grow(*numbers, count, sizeof(**numbers));
		if (!names)
			ttmem__number(word, INT32_MAX, &(*numbers)[count++]);
		else if (find_user(word, &uid))
			(*numbers)[count++] = uid;
	}
	free(list);
	return count;
}

void filter_open(struct filter *filter, const struct want *want)
{
	filter->want = want;
	filter->pid_count = read_numbers(want->pids, false, &filter->pids);
	filter->uid_count = read_numbers(want->users, true, &filter->uids);
	filter->seen = calloc(filter->pid_count + 1, sizeof(*filter->seen));
	if (!filter->seen)
		out_of_memory();
}

void filter_close(struct filter *filter)
{
	free(filter->pids);
	free(filter->uids);
	free(filter->seen);
}

bool filter_takes(struct filter *filter, pid_t pid, bool has_uid, uid_t uid)
{
	bool taken = !filter->want->pids;
	size_t i;

	for (i = 0; i < filter->pid_count; i++) {
		if (filter->pids[i] != (uint64_t)pid)
			continue;
		filter->seen[i] = true;
		taken = true;
	}
	if (!taken || !filter->want->users)
		return taken;
	for (i = 0; has_uid && i < filter->uid_count; i++)
		if (filter->uids[i] == uid)
			return true;
	return false;
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const struct process *a, const struct process *b, size_t key)
{
	switch (key) {
	case BY_PID:
		return compare_numbers(a->pid, b->pid);
	case BY_USER:
		return compare_texts(a->user, b->user);
	case BY_COMMAND:
		return compare_texts(a->command, b->command);
	case BY_DRAM:
		return compare_numbers(a->bytes[TTMEM_DRAM], b->bytes[TTMEM_DRAM]);
	case BY_L1:
		return compare_numbers(a->bytes[TTMEM_L1], b->bytes[TTMEM_L1]);
	case BY_RESERVATIONS:
		return compare_numbers(a->reservations, b->reservations);
	default:
		return compare_numbers(a->card, b->card);
	}
}

struct order {
	size_t key;
	bool descending;
};

/* The order that they have stays among equals. */
static int by_order(const void *a, const void *b, void *data)
{
	const struct process *x = a, *y = b;
	const struct order *order = data;
	int ret = compare(x, y, order->key);

	if (!ret)
		return compare_numbers(x->place, y->place);
	return order->descending ? -ret : ret;
}

void sort_processes(struct snapshot *snap, const char *text)
{
	const struct sort_key *key;
	struct order order;
	size_t i;

	key = find_sort(text, &order.descending);
	if (!key || !snap->processes)
		return;
	order.key = key - sort_keys;
	for (i = 0; i < snap->processes; i++)
		snap->process[i].place = i;
	qsort_r(snap->process, snap->processes, sizeof(*snap->process), by_order,
		&order);
}
