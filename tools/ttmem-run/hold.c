// SPDX-License-Identifier: GPL-2.0-only
/* Which cards and chips are meant, and what is reserved there. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "run.h"

/*
 * Shells and scripts use low descriptors by number, "exec 3>log", and would
 * close the card with it; so it is moved out of their way.
 */
#define FD_FIRST	200

static const char * const memory_names[] = {
	[TTMEM_DRAM] = "DRAM",
	[TTMEM_L1] = "L1",
};

static void out_of_memory(void)
{
	die("%s", ttmem_strerror(-ENOMEM));
}

/* A list with commas that strsep() may take apart. */
static char *words(const char *list)
{
	char *copy = strdup(list);

	if (!copy)
		out_of_memory();
	return copy;
}

void hold_check(const struct plan *plan)
{
	char *list = words(plan->cards), *rest = list, *word;
	unsigned int number;
	uint64_t chip;

	while ((word = strsep(&rest, ",")))
		if (!ttmem__is_board(word) && ttmem__find(word, &number) == -EINVAL)
			die("--card %s: '%s' is neither a card's number, nor a bus id as 0000:01:00.0, nor a board as n300, nor all",
			    plan->cards, word);
	free(list);
	if (ttmem__same(plan->chips, "all", SIZE_MAX))
		return;
	list = words(plan->chips);
	rest = list;
	while ((word = strsep(&rest, ",")))
		if (!ttmem__number(word, UINT32_MAX, &chip))
			die("--chip %s: '%s' is not a number; it is one, several with commas, or all",
			    plan->chips, word);
	free(list);
}

/* What cannot be had ends the program, or is only told. */
static void __attribute__((format(printf, 2, 3)))
lacks(const struct plan *plan, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	va_end(args);
	if (!plan->best_effort)
		die("%s", text);
	tell("the command runs without this: %s", text);
	free(text);
}

static void open_one(struct plan *plan, const char *name, unsigned int number)
{
	struct ttmem_card *card;
	size_t i;
	int ret;

	for (i = 0; i < plan->count; i++)
		if (ttmem_card_number(plan->card[i]) == (int)number)
			return;
	ret = ttmem_open(number, TTMEM_OPEN_QUIET, &card);
	if (ret) {
		lacks(plan, "card %s: %s", name, ttmem_strerror(ret));
		return;
	}
	plan->card = reallocarray(plan->card, plan->count + 1, sizeof(*plan->card));
	if (!plan->card)
		out_of_memory();
	plan->card[plan->count++] = card;
}

/* Open all cards, or those of a board. */
static void open_board(struct plan *plan, const char *name)
{
	char board[TTMEM_BOARD_SIZE], number[16];
	bool found = false, all = ttmem__same(name, "all", SIZE_MAX);
	struct ttmem_card_id *list;
	size_t count, i;
	int ret;

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret) {
		lacks(plan, "card %s: %s", name, ttmem_strerror(ret));
		return;
	}
	for (i = 0; i < count; i++) {
		ttmem__board(list[i].number, board, sizeof(board));
		if (!all && !ttmem__same(name, board, SIZE_MAX))
			continue;
		found = true;
		snprintf(number, sizeof(number), "%u", list[i].number);
		open_one(plan, number, list[i].number);
	}
	ttmem_list_free(list);
	if (!found)
		lacks(plan, all ? "card %s: there is no card" :
		      "card %s: there is none; ttmem-smi -L lists those there are", name);
}

void hold_open(struct plan *plan, const char *command)
{
	char *list = words(plan->cards), *rest = list, *word;
	unsigned int number;
	size_t i;
	int ret, fd;

	while ((word = strsep(&rest, ","))) {
		if (ttmem__is_board(word)) {
			open_board(plan, word);
			continue;
		}
		ret = ttmem__find(word, &number);
		if (ret)
			lacks(plan, "card %s: %s", word, ttmem_strerror(ret));
		else
			open_one(plan, word, number);
	}
	free(list);
	for (i = 0; i < plan->count; i++) {
		/* A copy that exec() keeps; the library's own is closed by it. */
		fd = fcntl(ttmem_fd(plan->card[i]), F_DUPFD, FD_FIRST);
		if (fd < 0)	/* RLIMIT_NOFILE is low */
			fd = fcntl(ttmem_fd(plan->card[i]), F_DUPFD, STDERR_FILENO + 1);
		if (fd < 0)
			die("cannot keep card %d open for %s: %s",
			    ttmem_card_number(plan->card[i]), command, strerror(errno));
	}
}

static void reserve(const struct plan *plan, struct ttmem_card *card,
		    unsigned int chip, enum ttmem_memory memory)
{
	struct ttmem_reserve arg = {
		.chip = chip,
		.memory = memory,
		.tag = plan->tag,
		.size = plan->size[memory],
	};
	int number = ttmem_card_number(card), ret;
	char size[64];

	snprintf((char *)arg.label, sizeof(arg.label), "%s", plan->label);
	ret = ttmem_reserve(card, &arg, sizeof(arg));
	if (!ret)
		return;
	if (ret == -EINVAL && plan->tag != TTMEM_TAG_BUFFER)
		die("--tag %s: %s has no such tag; DRAM has buffer, trace and system, L1 has buffer, system, l1_small and cb",
		    ttmem__tags[plan->tag], memory_names[memory]);
	size_text(size, sizeof(size), arg.size);
	if (ret == -ENOSPC) {
		tell_full(card, chip, memory, arg.size);
		if (!plan->best_effort)
			give_up(EXIT_OWN);
		/* The books tell what is used, also where that is too much. */
		arg.flags = TTMEM_RESERVE_OVERCOMMIT;
		ret = ttmem_reserve(card, &arg, sizeof(arg));
		if (!ret) {
			tell("card %d, chip %u: %s of %s are in the books all the same",
			     number, chip, size, memory_names[memory]);
			return;
		}
	}
	lacks(plan, "card %d, chip %u: cannot reserve %s of %s: %s", number, chip,
	      size, memory_names[memory], ttmem_strerror(ret));
}

static void reserve_chip(const struct plan *plan, struct ttmem_card *card,
			 unsigned int chip)
{
	unsigned int memory;

	for (memory = TTMEM_DRAM; memory <= TTMEM_L1; memory++)
		if (plan->size[memory])
			reserve(plan, card, chip, memory);
}

static void reserve_card(const struct plan *plan, struct ttmem_card *card)
{
	struct ttmem_info info = { 0 };
	char *list, *rest, *word;
	unsigned int i;
	uint64_t chip;
	int ret;

	ret = ttmem_info(card, &info, sizeof(info));
	if (ret) {
		lacks(plan, "card %d: %s", ttmem_card_number(card), ttmem_strerror(ret));
		return;
	}
	if (ttmem__same(plan->chips, "all", SIZE_MAX)) {
		for (i = 0; i < info.chips; i++)
			reserve_chip(plan, card, i);
		return;
	}
	list = words(plan->chips);
	rest = list;
	while ((word = strsep(&rest, ","))) {
		ttmem__number(word, UINT32_MAX, &chip);
		if (chip >= info.chips)
			lacks(plan, "--chip %s: card %u has %u chip%s, counted from 0",
			      word, info.card, info.chips, info.chips == 1 ? "" : "s");
		else
			reserve_chip(plan, card, chip);
	}
	free(list);
}

void hold_reserve(const struct plan *plan, const char *command)
{
	const char *slash = strrchr(command, '/');
	size_t i;

	prctl(PR_SET_NAME, slash ? slash + 1 : command);
	for (i = 0; i < plan->count; i++)
		reserve_card(plan, plan->card[i]);
}

void hold_close(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		ttmem_close(plan->card[i]);
	free(plan->card);
}
