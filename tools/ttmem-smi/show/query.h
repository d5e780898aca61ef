/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of CSV: what a field is, for the tables of them. */
#ifndef TTMEM_SMI_QUERY_H
#define TTMEM_SMI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "look/look.h"
#include "show/show.h"

struct accounted_row;

/* What a line is about; @chip, @process and @accounted where it is about one. */
struct row {
	const struct snapshot *snap;
	const struct card *card;
	const struct books *books;	/* NULL if ttmem does not follow the card */
	size_t chip;
	const struct process *process;
	const struct accounted_row *accounted;
};

enum kind {
	NUMBER,		/* of struct books at @place */
	BYTES,		/* likewise */
	BYTES_MIB,	/* likewise, in MiB unless --format=bytes */
	CARD_TEXT,	/* of struct card at @place */
	CUSTOM,		/* as @value prints it */
};

struct field {
	const char *names;	/* separated by blanks */
	const char *what;
	enum kind kind;
	size_t place;
	size_t needs;		/* N/A where this number of struct books is 0 */
	const char *unit;
	/* NULL where it is never known. */
	bool (*value)(FILE *out, const struct row *row);
	bool silent;		/* @value looks at who uses a card and tells nothing */
};

#define PLACE(memory, field)	offsetof(struct books, pool[memory].field)
#define TOTAL(memory)		PLACE(memory, total)
#define TAG(memory, tag_)	PLACE(memory, tag[tag_])
#define NEEDS_NOTHING		SIZE_MAX

#define CUSTOM_FIELD(names_, unit_, value_, what_) \
	{ .names = names_, .what = what_, .kind = CUSTOM, .unit = unit_, \
	  .value = value_ }
#define SILENT_FIELD(names_, unit_, value_, what_) \
	{ .names = names_, .what = what_, .kind = CUSTOM, .unit = unit_, \
	  .value = value_, .silent = true }
#define TEXT_FIELD(names_, field, what_) \
	{ .names = names_, .what = what_, .kind = CARD_TEXT, \
	  .place = offsetof(struct card, field) }
#define BOOKS_FIELD(names_, kind_, unit_, place_, needs_, what_) \
	{ .names = names_, .what = what_, .kind = kind_, .place = place_, \
	  .needs = needs_, .unit = unit_ }

/* The fields of --query-card and --query-chip, -compute-apps and -accounted-apps. */
extern const struct field card_fields[];
extern const struct field process_fields[];
extern const struct field accounted_fields[];

/* Values that several tables have; each returns whether it is known. */
bool query_time(FILE *out, const struct row *row);
bool query_number(FILE *out, const struct row *row);
bool query_text(FILE *out, const char *text);

/* Whether a line is about a process: it is what was told of that, whoever else uses the card. */
bool query_of_process(const struct row *row);

/* The command line of a process, which is not read without need. */
bool query_command(FILE *out, const struct row *row);

/* The names of the fields as typed, and their units. */
void query_header(FILE *out, enum query query, const char *fields,
		  const struct csv *csv);

/* A line with these fields. */
void query_row(FILE *out, enum query query, const char *fields,
	       const struct csv *csv, const struct row *row);

#endif /* TTMEM_SMI_QUERY_H */
