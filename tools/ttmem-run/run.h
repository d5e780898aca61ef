/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of ttmem-run share: main.c takes the arguments, hold.c reserves,
 * full.c says why that cannot be done, stay.c waits for the command, report.c tells
 * what it took.
 */
#ifndef TTMEM_RUN_H
#define TTMEM_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "internal.h"

/* As env(1) and its like answer. */
#define EXIT_OWN	125
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

/**
 * struct plan - what is to be reserved
 * @cards: as typed
 * @chips: as typed
 * @size: bytes of each memory, on each chip of each card; 0 for none
 * @tag: enum ttmem_tag
 * @label: of the reservations
 * @best_effort: what cannot be reserved is only told
 * @card: those that were opened by hold_open()
 * @count: how many
 */
struct plan {
	const char *cards;
	const char *chips;
	uint64_t size[2];
	unsigned int tag;
	const char *label;
	bool best_effort;
	struct ttmem_card **card;
	size_t count;
};

/* Where a child says that it will not become the command; -1 in no child. */
extern int failure_fd;

/**
 * tell() - print a message on standard error
 * @format: a sentence without its end, as for printf()
 */
void __attribute__((format(printf, 1, 2))) tell(const char *format, ...);

/**
 * die() - print a message and end with EXIT_OWN
 * @format: as for tell()
 */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);

/**
 * give_up() - end without having become the command
 * @status: how
 */
void __attribute__((noreturn)) give_up(int status);

/**
 * become() - become the command
 * @command: it and its arguments
 */
void __attribute__((noreturn)) become(char **command);

/**
 * hold_check() - see that cards and chips are named in a way that can be understood
 * @plan: the plan
 *
 * Ends the program if not.
 */
void hold_check(const struct plan *plan);

/**
 * hold_open() - open the cards of a plan
 * @plan: the plan
 * @command: for messages
 *
 * They stay open for what this process becomes and for its children. Ends the
 * program if one cannot be opened, unless best effort is enough.
 */
void hold_open(struct plan *plan, const char *command);

/**
 * hold_reserve() - reserve what is planned, in the name of this process
 * @plan: the plan, its cards open
 * @command: what this process is about to become, whose name it takes: what it
 *	holds is kept under the name that it has now
 *
 * Ends the program if that is refused, unless best effort is enough.
 */
void hold_reserve(const struct plan *plan, const char *command);

/**
 * hold_close() - free what a plan holds; its cards stay open for others
 * @plan: the plan
 */
void hold_close(struct plan *plan);

/**
 * size_text() - bytes in units, exactly
 * @text: out: "4 GiB", or "3.99 GiB (4284481536 bytes)" where no unit fits
 * @size: size of @text, 64 is enough
 * @bytes: how many
 */
void size_text(char *text, size_t size, uint64_t bytes);

/**
 * tell_full() - say that a pool is too full, and who holds what of it
 * @card: the card
 * @chip: the chip
 * @memory: the memory
 * @size: bytes that were asked for
 */
void tell_full(struct ttmem_card *card, unsigned int chip,
	       enum ttmem_memory memory, uint64_t size);

/**
 * stay() - run the command in a child, and wait for it
 * @plan: what the child reserves before
 * @command: the command
 * @report: print what it took
 * Return: the status to end with; if a signal has ended the command, it ends this
 * process too
 */
int stay(const struct plan *plan, char **command, bool report);

/**
 * report_begin() - see that there can be a report, and get ready to inherit orphans
 * @best_effort: if there cannot, tell that and no more
 * Return: whether there can
 */
bool report_begin(bool best_effort);

/**
 * report_look() - see what children hold
 */
void report_look(void);

/**
 * report_print() - print what was seen
 * @command: the command
 * @seconds: how long it ran
 * @status: how it ended, as of waitpid()
 */
void report_print(char **command, double seconds, int status);

#endif /* TTMEM_RUN_H */
