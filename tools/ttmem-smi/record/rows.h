/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rows of a sample: rows.c and labels.c make them of a look, and they are written as
 * CSV, or through write_trace.c.
 */
#ifndef TTMEM_SMI_ROWS_H
#define TTMEM_SMI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "look/look.h"

enum row_kind {
	ROW_POOL,	/* what is used of a pool */
	ROW_PROCESS,	/* what a process holds of it with a tag */
	ROW_LABEL,	/* what of that has a label, where it could be read */
	ROW_SILENT,	/* a process that has the card open and reports nothing */
	ROW_NOTICE,	/* something happened */
	ROW_KINDS,
};

/* A line of a file. What a kind has not is 0 or NULL. */
struct row {
	enum row_kind kind;
	unsigned int card;
	unsigned int chip;
	unsigned int memory;	/* enum ttmem_memory */
	unsigned int tag;	/* enum ttmem_tag or TTMEM_UNKNOWN */
	uint64_t used;
	uint64_t total;		/* 0 if not known */
	pid_t pid;		/* 0 if not visible */
	const char *bus_id;
	const char *board;
	const char *user;
	const char *command;
	const char *note;	/* to be freed, as @label, where a row has one */
	const char *label;
};

/* The rows of one sample. */
struct rows {
	int64_t time;		/* microseconds since 1970 */
	struct row *row;
	size_t count;
};

/* The columns of CSV. Later ones are added behind these. */
#define CSV_COLUMNS	"time,kind,card,bus_id,board,chip,memory,used,total,pid,user,command,note,tag,label"

/* The names of enum row_kind in CSV. */
extern const char * const row_kinds[ROW_KINDS];

/*
 * In a trace a card is a process with this pid plus its number, and all
 * processes that are not visible are the one before: no real pid is above 2^22.
 */
#define TRACE_CARDS	10000000
#define TRACE_HIDDEN	(TRACE_CARDS - 1)

/* The end of the name of a counter that tells labels. */
#define TRACE_LABELS	" labels"

/* rows.c */

/**
 * rows_add() - add a row
 * @rows: the sample
 * Return: the row, cleared
 */
struct row *rows_add(struct rows *rows);

/**
 * rows_notice() - add a notice, and tell it on standard error
 * @rows: the sample
 * @note: the text, which it keeps and frees; NULL for lack of memory
 */
void rows_notice(struct rows *rows, char *note);

/**
 * rows_free() - free what a sample holds
 * @rows: the sample
 */
void rows_free(struct rows *rows);

/**
 * compare_counters() - the order of rows, but for tags and labels
 * @a: a row
 * @b: another one
 * Return: below 0, 0, above 0, as strcmp()
 */
int compare_counters(const struct row *a, const struct row *b);

/**
 * rows_sort() - put rows in order, and make one of those that belong together
 * @rows: the sample
 */
void rows_sort(struct rows *rows);

/**
 * rows_fill() - make the rows of a look
 * @rows: out: the sample, in order; it points to what @snap holds
 * @snap: the look
 * @want: what was looked for
 */
void rows_fill(struct rows *rows, const struct snapshot *snap,
	       const struct want *want);

/**
 * rows_compare_cards() - tell which cards are in one sample and not in another
 * @to: where the notices go
 * @in: the one, which may be @to
 * @other: the other
 * @what: what has happened to such a card
 */
void rows_compare_cards(struct rows *to, const struct rows *in,
			const struct rows *other, const char *what);

/**
 * csv_rows() - write a sample as lines of CSV
 * @out: where to
 * @rows: the sample
 */
void csv_rows(FILE *out, const struct rows *rows);

/**
 * keep_commands() - give processes the command lines they had before
 * @snap: a look
 * @before: the one before
 *
 * A process that ends loses its command line first, and what it holds last.
 */
void keep_commands(struct snapshot *snap, const struct snapshot *before);

/* labels.c */

/* How many clients' labels a sample lacks. */
struct unread_labels {
	size_t forbidden;
	size_t many;	/* it has too many reservations */
	size_t failed;
};

/**
 * rows_labels() - add what processes hold under each label
 * @rows: a sample, filled
 * @most: the most that was not read of a sample so far
 *
 * The reservations are read a moment after the rest. That more of them than ever
 * before cannot be is told as a notice.
 */
void rows_labels(struct rows *rows, struct unread_labels *most);

/* write_trace.c */

/**
 * trace_begin() - begin a trace
 * @out: where to
 */
void trace_begin(FILE *out);

/**
 * trace_rows() - write a sample as events
 * @out: where to
 * @rows: the sample
 * @before: the one before; what is only there has ended
 */
void trace_rows(FILE *out, const struct rows *rows, const struct rows *before);

/**
 * trace_end() - end a trace
 * @out: where to
 */
void trace_end(FILE *out);

#endif /* TTMEM_SMI_ROWS_H */
