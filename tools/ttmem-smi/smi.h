/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-smi: one look at all cards (collect.c), and the ways to show it
 * (table.c, json.c).
 */
#ifndef TTMEM_SMI_H
#define TTMEM_SMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "internal.h"

/* A pool's books. @total is 0 where the capacity is not known. */
struct pool {
	uint64_t used;
	uint64_t total;
};

/* A chip's pools, in the order of enum ttmem_memory. */
struct chip {
	struct pool pool[2];
};

/* A card. What TT-KMD does not tell is an empty string, or not @has_. */
struct card {
	struct ttmem_card_id id;
	char board[TTMEM_BOARD_SIZE];
	bool has_temperature;
	bool has_power;
	bool has_clock;
	int64_t temperature;	/* millidegrees Celsius */
	uint64_t power;		/* microwatts */
	uint64_t clock;		/* MHz */
	size_t chips;		/* 0 if ttmem does not follow the card */
	struct chip *chip;
};

/*
 * What a process holds on a chip or, not @reports, a process that has the card
 * open and reports nothing.
 */
struct process {
	unsigned int card;
	unsigned int chip;
	bool reports;
	bool has_uid;
	pid_t pid;		/* 0 if not visible from here, or dead */
	uid_t uid;
	uint64_t bytes[2];	/* in the order of enum ttmem_memory */
	char *user;		/* name, or number where it has none */
	char *command;		/* NULL if @pid is 0 */
};

struct snapshot {
	time_t time;
	char ttmem[64];		/* the module's version, empty if not told */
	char tt_kmd[64];	/* likewise TT-KMD's */
	struct card *card;
	size_t cards;
	struct process *process;
	size_t processes;
};

/**
 * snapshot_take() - look at all cards, or at one
 * @snap: what was seen; to be freed with snapshot_free() whatever is returned
 * @only: a card's number, or -1 for all
 * @why: what is missing and how to get it, where the look fails
 * @why_size: size of @why
 *
 * A card that vanishes meanwhile is left out.
 * Return: whether there is a card to show
 */
bool snapshot_take(struct snapshot *snap, int only, char *why, size_t why_size);

/* Free what a snapshot holds. */
void snapshot_free(struct snapshot *snap);

/* Print a snapshot as a table of 79 columns, in ASCII. */
void print_table(FILE *out, const struct snapshot *snap);

/* Print a snapshot as a JSON document, on one line if @compact. */
void print_json(FILE *out, const struct snapshot *snap, bool compact);

/* Give up for lack of memory. */
void __attribute__((noreturn)) out_of_memory(void);

#endif /* TTMEM_SMI_H */
