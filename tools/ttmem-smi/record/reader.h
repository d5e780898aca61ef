/* SPDX-License-Identifier: GPL-2.0-only */
/* What the readers of both formats share: read.c has CSV, read_trace.c events. */
#ifndef TTMEM_SMI_READER_H
#define TTMEM_SMI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/lookup.h"
#include "record/recording.h"
#include "record/rows.h"

/* More than ttmem can know of; what is beyond was not written by record. */
#define CARDS_MAX	(1u << 20)

/* What a pid of a trace stands for: a process, or a card. */
struct named {
	char *bus_id;
	char *board;
	char *user;
	char *command;
};

struct reader {
	struct recording *rec;
	const char *only;
	char *why;
	size_t why_size;
	size_t line;
	int *column;		/* of CSV: where each is in the file */
	struct lookup cards;
	struct lookup pools;
	struct lookup holders;
	struct lookup shares;
	bool labels;		/* some row has told of one */
	/* Of a trace. */
	struct named *named;
	size_t nameds;
	struct lookup pids;	/* places there */
	uint64_t *capacity;	/* bytes of pools */
	size_t capacities;
	struct lookup capacity_of;
};

/**
 * bad() - tell what is wrong with the line that is read
 * @reader: the reader
 * @format: what, as for printf()
 * Return: false
 */
bool __attribute__((format(printf, 2, 3)))
bad(struct reader *reader, const char *format, ...);

/**
 * add_time() - begin a sample where the time is another one
 * @reader: the reader
 * @time: microseconds since 1970
 * Return: false if it is before that of the line above
 */
bool add_time(struct reader *reader, int64_t time);

/**
 * add_row() - take in a row
 * @reader: the reader
 * @time: microseconds since 1970
 * @row: the row
 * Return: likewise
 */
bool add_row(struct reader *reader, int64_t time, const struct row *row);

/**
 * parse_memory() - understand the name of a memory
 * @text: the name
 * @memory: out: enum ttmem_memory
 * Return: whether it is one
 */
bool parse_memory(const char *text, unsigned int *memory);

/**
 * parse_tag() - understand the name of a tag
 * @text: the name
 * @tag: out: enum ttmem_tag, TTMEM_UNKNOWN if it is none that is known here
 * Return: whether it is known
 */
bool parse_tag(const char *text, unsigned int *tag);

/**
 * read_trace() - take in a line of a trace
 * @reader: the reader
 * @line: the line, which is changed
 * Return: whether it was understood
 */
bool read_trace(struct reader *reader, char *line);

/**
 * trace_free() - free what a reader has kept of a trace
 * @reader: the reader
 */
void trace_free(struct reader *reader);

#endif /* TTMEM_SMI_READER_H */
