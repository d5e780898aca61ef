/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of cards and processes, and how it is sorted, filtered and laid out. It
 * knows neither a kernel nor a terminal: read.c fills it from sysfs and procfs, draw.c
 * shows it, top.c has the terminal and the clock.
 */
#ifndef TTMEM_SMI_TOP_MODEL_H
#define TTMEM_SMI_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libttmem.h"
#include "look/look.h"

/* How many samples a graph goes back. */
#define HISTORY		512

/* A ring of samples; those that were never taken are not counted. */
struct history {
	uint64_t sample[HISTORY];
	double time[HISTORY];	/* when each was taken, in seconds */
	size_t next;
	size_t count;
};

/* A memory of a chip. @total is 0 where the capacity is not known. */
struct top_pool {
	uint64_t used;
	uint64_t total;
	bool at_least;		/* somebody uses the card and tells nothing, or may */
	struct history history;
};

/* A chip of a card; a card that ttmem does not follow has one, not @followed. */
struct top_chip {
	struct card card;	/* without its chips */
	unsigned int chip;
	bool followed;
	struct top_pool pool[2];
};

/* What /proc/PID/stat tells. */
struct host_stat {
	uint64_t ticks;		/* of a CPU, user and system */
	uint64_t start;		/* when it was started, in ticks since boot */
	uint64_t pages;		/* resident */
};

/* Whom a line of the table is about: a process, or a client without one. */
struct top_key {
	pid_t pid;		/* 0 if not visible from here, or dead */
	unsigned int card;	/* only without a pid, and so the next */
	uint64_t client;	/* UINT64_MAX for one that reports nothing */
};

struct top_process {
	struct top_key key;
	bool seen;		/* in this look, with bytes or with the card open */
	bool reports;		/* it is in the books */
	uid_t uid;		/* whose name is @user */
	uint64_t bytes[2];
	uint64_t peak[2];	/* its clients' added up, those of all chips too */
	bool attributed;	/* another program has told some of it */
	uint64_t reservations;
	char cards[32];		/* "0-3,7" */
	size_t cards_tail;	/* where its last range begins */
	unsigned int card_first, card_last;	/* of that range */
	char name[64];		/* the name that @command belongs to */
	char *command;		/* NULL if not visible */
	char *user;
	bool has_host;
	struct host_stat host;
	double host_time;	/* when that was read, in seconds */
	double cpu;		/* per cent of a CPU, -1 if not known yet */
	uint64_t memory;	/* bytes on the host */
};

/* A process that has a card of TT-KMD open. */
struct top_opener {
	unsigned int card;
	pid_t pid;		/* 0 if not visible from here */
};

/* What processes are sorted by. */
enum top_sort {
	SORT_DRAM, SORT_L1, SORT_CPU, SORT_MEMORY, SORT_PID, SORT_USER,
	SORT_CARDS, SORT_RESERVATIONS, SORT_COMMAND, SORTS
};

/* How many processes may be asked for. */
#define ONLY_MAX	64

struct top {
	struct want want;
	pid_t only[ONLY_MAX];		/* processes to show, none for all */
	size_t only_count;
	char problem[512];		/* what is missing, else empty */
	bool unknown;			/* the list cannot be read */
	struct top_chip **chip;		/* by card and chip */
	size_t chips;
	size_t cards;
	struct top_process **process;
	size_t processes;
	struct top_process **slot;	/* the same, by the hash of their keys */
	size_t slots;
	bool invisible;			/* the card has told of such a process */
	unsigned int invisible_card;
	struct top_process **shown;	/* as sorted and filtered */
	size_t shown_count;
	enum top_sort sort;
	bool reverse;
	char filter[64];
	double next_cards;		/* when cards are looked for again */
	struct top_opener *opener;	/* found then */
	size_t openers;
};

/* Where things are on the screen; lines and columns from 0. */
struct layout {
	bool too_small;
	int rows;
	int columns;
	int meter_columns;	/* chips side by side */
	int meter_width;
	int meter_height;	/* 1: no graph below the bar */
	int meter_rows;		/* lines of chips that are seen at once */
	int table;		/* the line of the table's head */
	int table_rows;		/* below it */
};

#define MIN_ROWS	10
#define MIN_COLUMNS	40

/**
 * history_add() - take a sample
 * @history: the ring; the oldest sample is lost if it is full
 * @value: the sample
 * @time: when that is, in seconds
 */
void history_add(struct history *history, uint64_t value, double time);

/**
 * history_get() - look up a sample
 * @history: the ring
 * @age: 0 for the last one
 * @value: out: the sample
 * @time: out: when it was taken; may be NULL
 * Return: whether there is one of that age
 */
bool history_get(const struct history *history, size_t age, uint64_t *value,
		 double *time);

/**
 * history_age() - how long before the last sample another one is
 * @history: the ring
 * @age: which, as for history_get(), also where there is none yet
 * @delay: seconds between samples, for these
 * Return: seconds
 */
double history_age(const struct history *history, size_t age, double delay);

/**
 * parse_host_stat() - understand /proc/PID/stat
 * @text: its line; the process's name in it may hold anything
 * @stat: out
 * Return: whether it is understood
 */
bool parse_host_stat(const char *text, struct host_stat *stat);

/**
 * top_host() - take a sample of what a process uses of the host
 * @process: the process
 * @stat: the sample
 * @now: when it was taken, in seconds
 * @hertz: ticks in a second
 * @page: bytes in a page
 */
void top_host(struct top_process *process, const struct host_stat *stat,
	      double now, double hertz, uint64_t page);

/**
 * top_chip() - tell of a chip
 * @top: the model
 * @place: how many chips were told of before, this time
 * @card: the card; its chips are not kept
 * @chip: the chip's number
 *
 * A card that has come back at another address is another one.
 * Return: the chip, the same as the last time if it was there
 */
struct top_chip *top_chip(struct top *top, size_t place,
			  const struct card *card, unsigned int chip);

/**
 * top_keep_chips() - forget the chips that were not told of
 * @top: the model
 * @count: how many were
 */
void top_keep_chips(struct top *top, size_t count);

/**
 * top_begin() - begin to tell of processes, card by card
 * @top: the model
 */
void top_begin(struct top *top);

/**
 * top_client() - tell of a line of a card's books
 * @top: the model
 * @client: the line
 * @add_peak: the client's peak of this memory and chip was not told yet
 *
 * Who has only peaks is forgotten at the end, unless top_open() tells of him.
 * Return: the process, NULL if it is not wanted
 */
struct top_process *top_client(struct top *top,
			       const struct ttmem_client *client, bool add_peak);

/**
 * top_open() - tell of a process that has a card open, after its books
 * @top: the model
 * @card: the card
 * @pid: the process, 0 if not visible from here
 * Return: the process, NULL if it is not wanted
 */
struct top_process *top_open(struct top *top, unsigned int card, pid_t pid);

/**
 * top_end() - forget the processes that were not told of
 * @top: the model
 */
void top_end(struct top *top);

/**
 * top_arrange() - sort and filter the processes
 * @top: the model
 */
void top_arrange(struct top *top);

/**
 * top_find() - find a process among those shown
 * @top: the model
 * @key: whom
 * Return: its place, or @top->shown_count
 */
size_t top_find(const struct top *top, const struct top_key *key);

/**
 * top_sum() - add up all chips
 * @top: the model
 * @memory: which memory
 * @used: out
 * @total: out: 0 if one chip's is not known
 */
void top_sum(const struct top *top, unsigned int memory, uint64_t *used,
	     uint64_t *total);

/**
 * top_free() - free what a model holds
 * @top: the model
 */
void top_free(struct top *top);

/**
 * short_bytes() - "4.2G", in at most five columns
 * @text: out
 * @size: size of @text
 * @bytes: how many
 * Return: @text
 */
char *short_bytes(char *text, size_t size, uint64_t bytes);

/**
 * short_time() - "5.0s", "38s", "12m", in at most four columns up to 999 days
 * @text: out
 * @size: size of @text
 * @seconds: how long
 * Return: @text
 */
char *short_time(char *text, size_t size, double seconds);

/**
 * permille() - how full a pool is
 * @used: bytes used
 * @total: bytes there are, not 0
 * Return: 0 only if nothing is used, at most 1000
 */
unsigned int permille(uint64_t used, uint64_t total);

/**
 * layout_make() - divide the screen
 * @layout: out
 * @rows: lines of the terminal
 * @columns: its columns
 * @meters: chips to show
 * @highest: lines that a chip may take
 */
void layout_make(struct layout *layout, int rows, int columns, size_t meters,
		 int highest);

#endif /* TTMEM_SMI_TOP_MODEL_H */
