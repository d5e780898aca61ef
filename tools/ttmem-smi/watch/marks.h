/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has crossed a line, which lines.c finds out, and the command that command.c runs
 * for it; watch.c takes the arguments and looks again and again.
 */
#ifndef TTMEM_SMI_MARKS_H
#define TTMEM_SMI_MARKS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "look/look.h"

/* Who may cross a line. When several have, they are told in this order. */
enum who { WHO_POOL, WHO_USER, WHO_PROCESS, WHO_COUNT };

/* The names of enum who. */
extern const char * const who_names[WHO_COUNT];

#define LINES_MAX	16

/**
 * struct line - what must not be crossed
 * @text: as typed, without the word for @who: "90%", "4G" or "1G/10m"
 * @who: whom it is about
 * @milli: per mille of a per cent of the capacity, 0 where @bytes counts
 * @bytes: bytes
 * @window: growth in so many microseconds counts; 0 for what is held
 * @hold: microseconds that it must be crossed before it is told
 */
struct line {
	const char *text;
	enum who who;
	uint64_t milli;
	uint64_t bytes;
	int64_t window;
	int64_t hold;
};

struct past;

/**
 * struct mark - how somebody stands to a line
 * @line: the line, by its place
 * @card: the card
 * @chip: the chip of a pool; 0 for others, of whom all chips count together
 * @memory: enum ttmem_memory
 * @id: the process or the user; 0 for a pool
 * @first: the oldest client of it
 * @last: the newest client of it
 * @uid: whose that is
 * @address: the card's bus id
 * @name: the process's name, made printable
 * @bytes: what is held
 * @total: capacity of that, 0 if not known
 * @grown: what it has grown by in the line's window
 * @above: it is above the line
 * @told: that was told, and it has not fallen back since
 * @pending: that is to be told
 * @since: when it crossed the line
 * @past: what was held before; NULL if the line is not about growth
 */
struct mark {
	size_t line;
	unsigned int card;
	unsigned int chip;
	unsigned int memory;
	uint64_t id;
	uint64_t first;
	uint64_t last;
	uid_t uid;
	char address[24];
	char name[64];
	uint64_t bytes;
	uint64_t total;
	uint64_t grown;
	bool above;
	bool told;
	bool pending;
	int64_t since;
	struct past *past;
};

struct turn;	/* of lines.c */

/**
 * struct marks - all of them
 * @line: the lines
 * @lines: how many
 * @memories: which memories are looked at: bits by enum ttmem_memory
 * @slack: microseconds between two looks
 * @mark: by line, card, chip, memory and id
 * @count: how many
 * @queue: places of those that are pending, the next one first
 * @queued: how many
 * @taken: so many of them were taken
 * @last: whose the last one was that is a process's or a user's
 */
struct marks {
	struct line line[LINES_MAX];
	size_t lines;
	unsigned int memories;
	int64_t slack;
	struct mark *mark;
	size_t count;
	struct turn *queue;
	size_t queued;
	size_t taken;
	uid_t last;
};

/**
 * marks_need_clients() - whether any line is about processes or users
 * @marks: the lines
 * Return: whether one is
 */
bool marks_need_clients(const struct marks *marks);

/**
 * marks_look() - compare what was seen with the lines
 * @marks: what is known from before; out: what is now
 * @now: microseconds of a clock that does not jump
 * @snap: the cards
 * @list: as from list_clients(), NULL if it could not be read or is not needed
 * @count: likewise
 *
 * What could not be read stays as it was: it has neither crossed a line nor fallen
 * back. Who crosses a line becomes pending.
 * Return: how many were pending and have fallen back, or are gone
 */
size_t marks_look(struct marks *marks, int64_t now, const struct snapshot *snap,
		  const struct ttmem_client *list, size_t count);

/**
 * marks_next() - take one that is pending
 * @marks: all of them
 * Return: a mark, no longer pending; NULL if there is none
 */
struct mark *marks_next(struct marks *marks);

/**
 * marks_free() - free what there is
 * @marks: all of them
 */
void marks_free(struct marks *marks);

/**
 * mark_text() - who has crossed which line, in a sentence
 * @mark: who
 * @line: the line
 *
 * What others have named comes at its end.
 * Return: the sentence without its end, to be freed
 */
char *mark_text(const struct mark *mark, const struct line *line);

/**
 * struct runner - a command that is run for marks, one at a time
 * @command: it and its arguments, NULL at the end
 * @limit: microseconds that it may run
 * @pid: of the one that runs, 0 if none does
 * @asked: microseconds when it was asked to end, else 0
 * @end: when it is to be asked, or is made to
 */
struct runner {
	char **command;
	int64_t limit;
	volatile pid_t pid;
	int64_t asked;
	int64_t end;
};

/**
 * runner_check() - see whether there is such a command
 * @command: its name
 * Return: 0, or the status to end with, and then why was told
 */
int runner_check(const char *command);

/**
 * runner_start() - run the command, while it does not run
 * @runner: the command
 * @mark: who has crossed a line
 * @line: the line
 * @now: microseconds
 */
void runner_start(struct runner *runner, const struct mark *mark,
		  const struct line *line, int64_t now);

/**
 * runner_tend() - see whether it has ended, and make it if it takes too long
 * @runner: the command
 * @now: microseconds
 */
void runner_tend(struct runner *runner, int64_t now);

/**
 * runner_stop() - end what runs, and wait for that
 * @runner: the command
 */
void runner_stop(struct runner *runner);

#endif /* TTMEM_SMI_MARKS_H */
