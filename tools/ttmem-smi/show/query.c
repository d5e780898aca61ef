// SPDX-License-Identifier: GPL-2.0-only
/*
 * --query-card and the like: lines of CSV with the fields that are asked for. All
 * there are stand in the tables of query_cards.c, query_processes.c and
 * query_accounted.c, from which --help-query is made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "show/query.h"
#include "show/show.h"
#include "text/text.h"

bool query_time(FILE *out, const struct row *row)
{
	csv_time(out, row->snap->time.tv_sec, row->snap->time.tv_nsec / 1000000);
	return true;
}

bool query_text(FILE *out, const char *text)
{
	if (!text || !*text)
		return false;
	csv_text(out, text);
	return true;
}

bool query_number(FILE *out, const struct row *row)
{
	if (!row->card)
		return false;
	fprintf(out, "%u", row->card->id.number);
	return true;
}

bool query_of_process(const struct row *row)
{
	return row->process || row->accounted;
}

static const struct field *fields_of(enum query query)
{
	if (query == QUERY_ACCOUNTED)
		return accounted_fields;
	return query == QUERY_PROCESSES ? process_fields : card_fields;
}

/* Find a field by one of its names, whose length is told. */
static const struct field *find_field(enum query query, const char *name,
				      size_t len)
{
	const struct field *field;

	for (field = fields_of(query); field->names; field++) {
		const char *at = field->names;

		while (*at) {
			size_t size = strcspn(at, " ");

			if (size == len && !memcmp(at, name, len))
				return field;
			at += size + (at[size] == ' ');
		}
	}
	return NULL;
}

/* The next name of a list with commas, blanks around it left out. */
static const char *next_field(const char **list, size_t *len)
{
	const char *name = *list;

	if (!name)
		return NULL;
	name += strspn(name, " ");
	*len = strcspn(name, ",");
	*list = name[*len] ? name + *len + 1 : NULL;
	while (*len && name[*len - 1] == ' ')
		--*len;
	return name;
}

bool query_check(enum query query, const char *fields, char *why,
		 size_t why_size)
{
	static const char * const help[] = {
		[QUERY_CARDS] = "card", [QUERY_CHIPS] = "chip",
		[QUERY_PROCESSES] = "compute-apps",
		[QUERY_ACCOUNTED] = "accounted-apps",
	};
	const struct field *field;
	char found[64] = "";
	unsigned int best;
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len))) {
		if (find_field(query, name, len))
			continue;
		best = MISTAKES(len);
		for (field = fields_of(query); field->names; field++)
			closest(name, len, field->names, &best, found, sizeof(found));
		snprintf(why, why_size,
			 "field \"%.*s\" is not a valid field to query%s%s%s: --help-query-%s explains those there are",
			 (int)len, name, *found ? " (did you mean " : "", found,
			 *found ? "?)" : "", help[query]);
		return false;
	}
	return true;
}

bool query_wants_peaks(enum query query, const char *fields)
{
	const char *name;
	size_t len;

	if (query != QUERY_PROCESSES)
		return false;
	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);

		if ((field->kind == BYTES || field->kind == BYTES_MIB) &&
		    (field->place == PLACE(TTMEM_DRAM, peak) ||
		     field->place == PLACE(TTMEM_L1, peak)))
			return true;
	}
	return false;
}

static bool is_free(const struct field *field)
{
	return field->place == PLACE(TTMEM_DRAM, free) || field->place == PLACE(TTMEM_L1, free);
}

static bool is_used(const struct field *field)
{
	return field->place == PLACE(TTMEM_DRAM, used) || field->place == PLACE(TTMEM_L1, used);
}

bool query_wants_silent(enum query query, const char *fields)
{
	const char *name;
	size_t len;

	while (query != QUERY_PROCESSES && (name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);

		if (field->kind == BYTES || field->kind == BYTES_MIB ?
		    is_free(field) || is_used(field) : field->silent)
			return true;
	}
	return false;
}

bool query_wants_commands(const char *fields)
{
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len)))
		if (find_field(QUERY_PROCESSES, name, len)->value == query_command)
			return true;
	return false;
}

static uint64_t books_number(const struct books *books, size_t place)
{
	return *(const uint64_t *)((const char *)books + place);
}

/* Print a value with no unit, false if it is not known. */
static bool print_plain(FILE *out, const struct field *field,
			const struct row *row, bool bytes)
{
	uint64_t n;

	switch (field->kind) {
	case CARD_TEXT:
		return row->card &&
		       query_text(out, (const char *)row->card + field->place);
	case CUSTOM:
		return field->value && field->value(out, row);
	default:
		break;
	}
	if (!row->books || (field->needs != NEEDS_NOTHING &&
			    !books_number(row->books, field->needs)))
		return false;
	n = books_number(row->books, field->place);
	if (!query_of_process(row) && maybe_silent(row->card) &&
	    (is_free(field) || (is_used(field) && !n)))
		return false;
	if (field->kind == BYTES_MIB && !bytes)
		n = in_mib(n);
	fprintf(out, "%llu", (unsigned long long)n);
	return true;
}

static const char *unit_of(const struct field *field, const struct csv *csv)
{
	return field->kind == BYTES_MIB && csv->bytes ? "B" : field->unit;
}

void query_header(FILE *out, enum query query, const char *fields,
		  const struct csv *csv)
{
	const char *name, *comma = "";
	size_t len;

	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);
		const char *unit = unit_of(field, csv);

		fprintf(out, "%s%.*s", comma, (int)len, name);
		if (unit)
			fprintf(out, " [%s]", unit);
		comma = ", ";
	}
	fputc('\n', out);
}

void query_row(FILE *out, enum query query, const char *fields,
	       const struct csv *csv, const struct row *row)
{
	bool first = true;
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);
		const char *unit = unit_of(field, csv);
		char *text = NULL;
		size_t size;
		FILE *value = open_memstream(&text, &size);
		bool known;

		if (!value)
			out_of_memory();
		known = print_plain(value, field, row, csv->bytes);
		if (fclose(value))
			out_of_memory();
		if (!first)
			csv_comma(out, known && *text == '"');
		first = false;
		fputs(known ? text : "[N/A]", out);
		if (known && unit && csv->units)
			fprintf(out, " %s", unit);
		free(text);
	}
	fputc('\n', out);
}

static void print_process_row(FILE *out, const struct snapshot *snap,
			      const struct process *p, const char *fields,
			      const struct csv *csv)
{
	struct books held = { 0 };
	struct row row = {
		.snap = snap,
		.card = snapshot_card(snap, p->card),
		.books = p->reports ? &held : NULL,
		.process = p,
	};

	held.pool[TTMEM_DRAM].used = p->bytes[TTMEM_DRAM];
	held.pool[TTMEM_L1].used = p->bytes[TTMEM_L1];
	held.pool[TTMEM_DRAM].peak = p->peak[TTMEM_DRAM];
	held.pool[TTMEM_L1].peak = p->peak[TTMEM_L1];
	query_row(out, QUERY_PROCESSES, fields, csv, &row);
}

/* Where the list cannot be read: that is not the same as no processes. */
static void print_unknown_rows(FILE *out, const struct snapshot *snap,
			       const char *fields, const struct csv *csv)
{
	struct process nobody = { 0 };
	size_t i;

	for (i = 0; i < snap->cards; i++) {
		nobody.card = snap->card[i].id.number;
		print_process_row(out, snap, &nobody, fields, csv);
	}
}

static void print_card_rows(FILE *out, const struct snapshot *snap,
			    const struct card *card, enum query query,
			    const char *fields, const struct csv *csv)
{
	struct row row = { .snap = snap, .card = card };

	if (query == QUERY_CARDS || !card->chips) {
		row.books = card->chips ? &card->sum : NULL;
		query_row(out, query, fields, csv, &row);
		return;
	}
	for (; row.chip < card->chips; row.chip++) {
		row.books = &card->chip[row.chip];
		query_row(out, query, fields, csv, &row);
	}
}

void print_query(FILE *out, const struct snapshot *snap, enum query query,
		 const char *fields, const struct csv *csv, bool first)
{
	size_t i;

	if (csv->header && first)
		query_header(out, query, fields, csv);
	if (query == QUERY_PROCESSES) {
		if (!snap->processes_known)
			print_unknown_rows(out, snap, fields, csv);
		for (i = 0; i < snap->processes; i++)
			print_process_row(out, snap, &snap->process[i], fields,
					  csv);
		return;
	}
	for (i = 0; i < snap->cards; i++)
		print_card_rows(out, snap, &snap->card[i], query, fields, csv);
}

void print_query_help(FILE *out, enum query query)
{
	const struct field *field;

	if (query == QUERY_PROCESSES)
		fputs("--query-compute-apps=LIST: a line for each process and chip that it holds memory of\n"
		      "or, if a peak is asked for, has held.\n", out);
	else if (query == QUERY_ACCOUNTED)
		fputs("--query-accounted-apps=LIST: a line for each client that has ended, as ttmem-account\n"
		      "has written it down; or with --by for each card and control group, job or user.\n",
		      out);
	else
		fputs("--query-card=LIST, --query-gpu=LIST: a line for each card.\n"
		      "--query-chip=LIST: a line for each chip.\n", out);
	fputs("Fields, separated by commas:\n", out);
	for (field = fields_of(query); field->names && field->what; field++) {
		const char *at = field->names;

		fputc('\n', out);
		while (*at) {
			size_t size = strcspn(at, " ");

			fprintf(out, "%s\"%.*s\"",
				at == field->names ? "" : " or ", (int)size, at);
			at += size + (at[size] == ' ');
		}
		if (field->unit)
			fprintf(out, " [%s]", field->unit);
		fprintf(out, "\n  %s\n", field->what);
	}
	if (!field->names)
		return;
	fputs("\nAlways [N/A], as no driver tells them; so that what is written for nvidia-smi runs:\n\n",
	      out);
	for (; field->names; field++) {
		const char *at = field->names;

		while (*at) {
			size_t size = strcspn(at, " ");

			fprintf(out, "\"%.*s\"", (int)size, at);
			if (field->unit)
				fprintf(out, " [%s]", field->unit);
			fputc('\n', out);
			at += size;
			at += strspn(at, " ");
		}
	}
}
