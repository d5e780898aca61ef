/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recordings. record.c samples into a file, in rows, which record_rows.c and
 * record_labels.c make; it writes them as CSV, or through trace.c. recording.c
 * and recording_trace.c read the rows back into tracks (tracks.c); report.c,
 * svg.c and svg_panel.c show those.
 */
#ifndef TTMEM_RECORD_H
#define TTMEM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "smi.h"

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

/* record_rows.c */

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

/* record_labels.c */

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

/* trace.c */

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

/* A value from a sample on, until the next point. */
struct point {
	size_t sample;
	uint64_t used;
	uint64_t total;
};

/* Values of samples, in order; samples without one are left out. */
struct track {
	struct point *point;
	size_t points;
};

/* What a recording is divided by. */
enum report_by { BY_PROCESS, BY_TAG, BY_LABEL, REPORT_BYS };

/*
 * A process, with the last command it was seen with. By tag or label that has
 * these in the place of processes, each of all processes: @command is it, empty
 * for a tag that is not known and for no label.
 */
struct holder {
	pid_t pid;		/* 0: all that are not visible, of one user */
	char *user;
	char *command;
	size_t last;		/* the sample it was last seen in */
};

/* What a holder holds of a pool. */
struct share {
	size_t holder;
	struct track track;
};

struct pool_track {
	unsigned int card;	/* index, not number */
	unsigned int chip;
	unsigned int memory;
	struct track track;
	struct share *share;
	size_t shares;
	size_t next;		/* while it is read: the share of the last row */
};

struct card_track {
	unsigned int number;
	char *bus_id;
	char *board;
	size_t silent;		/* most processes at once that report nothing */
	size_t silent_now;
	size_t silent_sample;	/* the sample that is of, counted from 1 */
};

struct notice {
	int64_t time;
	char *text;
};

/* A whole file. */
struct recording {
	enum report_by by;
	int64_t *time;		/* of each sample */
	size_t samples;
	struct card_track *card;
	size_t cards;
	struct pool_track *pool;
	size_t pools;
	struct holder *holder;
	size_t holders;
	struct notice *notice;
	size_t notices;
	bool cut;		/* its end is missing */
};

/**
 * recording_read() - read a file that record has written
 * @rec: out: what is in it; to be freed with recording_free() in any case
 * @path: the file, "-" for standard input
 * @by: what it is to be divided by
 * @only: a card's number, bus id or board, NULL for all
 * @why: where and why it cannot be understood
 * @why_size: size of @why
 * Return: whether it could
 */
bool recording_read(struct recording *rec, const char *path,
		    enum report_by by, const char *only, char *why,
		    size_t why_size);

/**
 * recording_free() - free what a recording holds
 * @rec: the recording
 */
void recording_free(struct recording *rec);

/**
 * track_at() - the point of a sample
 * @track: the track
 * @sample: the sample
 * Return: the point, NULL if it has none
 */
const struct point *track_at(const struct track *track, size_t sample);

/**
 * track_peak() - the highest point, the first of them
 * @track: the track, not empty
 * Return: the point
 */
const struct point *track_peak(const struct track *track);

/**
 * track_sum() - what was used times how long
 * @rec: the recording
 * @track: one of it
 * @seconds: out: how long there were values; may be NULL
 *
 * A value holds until the next sample; that of the last sample holds no time.
 * Return: byte seconds
 */
double track_sum(const struct recording *rec, const struct track *track,
		 double *seconds);

/**
 * pool_mean() - the mean over time
 * @rec: the recording
 * @pool: one of it
 * @track: of the pool, or of a share of it, which counts as 0 where it has none
 * Return: bytes
 */
double pool_mean(const struct recording *rec, const struct pool_track *pool,
		 const struct track *track);

/* Bytes that a holder has at a sample. */
struct holding {
	const struct holder *holder;	/* NULL: nobody that the file names */
	uint64_t bytes;
};

/**
 * pool_holdings() - who holds how much at a sample, largest first
 * @rec: the recording
 * @pool: one of it
 * @sample: the sample
 * @count: out: entries
 * Return: an array to be freed
 */
struct holding *pool_holdings(const struct recording *rec,
			      const struct pool_track *pool, size_t sample,
			      size_t *count);

/* In report.c. */

/**
 * format_time() - a time in UTC
 * @text: out
 * @size: size of @text
 * @time: microseconds since 1970
 * @decimals: of the second, 0 to 6
 */
void format_time(char *text, size_t size, int64_t time, int decimals);

/**
 * seconds_after() - when a sample was
 * @rec: the recording
 * @sample: the sample
 * Return: seconds after the first one
 */
double seconds_after(const struct recording *rec, size_t sample);

/**
 * format_span() - "2026-11-23 05:16:39 to 05:17:39 UTC"
 * @text: out
 * @size: size of @text
 * @rec: the recording
 */
void format_span(char *text, size_t size, const struct recording *rec);

/**
 * format_after() - a time after the start: "0.2 s", "90 s", "1:30" or "1:30:00"
 * @text: out
 * @size: size of @text
 * @rec: the recording; all its times have the same form
 * @seconds: the time
 * @step: what times are multiples of, 0 for a tenth of a second
 */
void format_after(char *text, size_t size, const struct recording *rec,
		  double seconds, double step);

/**
 * pool_capacity() - a pool's capacity, as it was last
 * @pool: the pool
 * Return: bytes, 0 if not known
 */
uint64_t pool_capacity(const struct pool_track *pool);

/**
 * print_svg() - draw a recording
 * @out: where to
 * @rec: the recording
 */
void print_svg(FILE *out, const struct recording *rec);

#endif /* TTMEM_RECORD_H */
