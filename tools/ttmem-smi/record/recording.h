/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was recorded: read.c and read_trace.c read the rows of a file back into tracks,
 * report.c, svg.c and svg_panel.c show those.
 */
#ifndef TTMEM_SMI_RECORDING_H
#define TTMEM_SMI_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/* read.c */

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

/* tracks.c */

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
 * pool_capacity() - a pool's capacity, as it was last
 * @pool: the pool
 * Return: bytes, 0 if not known
 */
uint64_t pool_capacity(const struct pool_track *pool);

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

/* times.c */

/**
 * format_time() - a time in UTC
 * @text: out
 * @size: size of @text
 * @time: microseconds since 1970
 * @decimals: of the second, 0 to 6
 */
void format_time(char *text, size_t size, int64_t time, int decimals);

/**
 * since_start() - when a sample was
 * @rec: the recording
 * @sample: the sample
 * Return: microseconds after the first one
 */
int64_t since_start(const struct recording *rec, size_t sample);

/**
 * seconds_after() - likewise, in seconds
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

#endif /* TTMEM_SMI_RECORDING_H */
