// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as Chrome's trace events, an array with an event on each line.
 * Counters keep their value until the next one, so what ends is set to 0. An
 * array that lacks its end is a valid trace, so each line begins with what
 * separates it from the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "make_json.h"
#include "record.h"

static void put_number(struct json_object *to, const char *key, uint64_t n)
{
	put(to, key, made(json_object_new_uint64(n)));
}

static void put_text(struct json_object *to, const char *key, const char *text)
{
	char *clean = printable(text ? text : "");

	put(to, key, made(json_object_new_string(clean)));
	free(clean);
}

static struct json_object *new_event(const char *phase, const char *name,
				     unsigned int pid)
{
	struct json_object *event = made(json_object_new_object());

	put_text(event, "ph", phase);
	put_text(event, "name", name);
	put_number(event, "pid", pid);
	return event;
}

/* Write an event with its arguments; both are used up. */
static void write_event(FILE *out, const char *before, struct json_object *event,
			struct json_object *args)
{
	const char *text;

	put(event, "args", args);
	text = json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		out_of_memory();
	fprintf(out, "%s%s", before, text);
	json_object_put(event);
}

void trace_begin(FILE *out)
{
	struct json_object *args = made(json_object_new_object());

	put_number(args, "format", 1);
	put_text(args, "version", TTMEM_VERSION);
	write_event(out, "[\n", new_event("M", "ttmem_recording", TRACE_CARDS),
		    args);
}

void trace_end(FILE *out)
{
	fputs("\n]\n", out);
}

static unsigned int trace_pid(const struct row *row)
{
	if (row->kind == ROW_POOL)
		return TRACE_CARDS + row->card;
	return row->pid ? (unsigned int)row->pid : TRACE_HIDDEN;
}

/* What a counter is called; together with the pid it is one of a kind. */
static void counter_name(char *name, size_t size, const struct row *row)
{
	if (row->kind == ROW_POOL)
		snprintf(name, size, "chip %u %s", row->chip,
			 memory_names[row->memory]);
	else if (row->pid)
		snprintf(name, size, "card %u chip %u %s", row->card, row->chip,
			 memory_names[row->memory]);
	else
		snprintf(name, size, "card %u chip %u %s of %s", row->card,
			 row->chip, memory_names[row->memory], row->user);
}

static void write_counter(FILE *out, int64_t time, const struct row *row,
			  bool gone)
{
	struct json_object *args = made(json_object_new_object()), *event;
	char name[128];

	counter_name(name, sizeof(name), row);
	event = new_event("C", name, trace_pid(row));
	put_number(event, "ts", time);
	if (gone)
		put_text(event, "cat", "gone");
	put_number(args, row->kind == ROW_POOL ? "used" : "held",
		   gone ? 0 : row->used);
	write_event(out, ",\n", event, args);
}

static void write_card(FILE *out, const struct row *row)
{
	struct json_object *args = made(json_object_new_object());
	char name[128];

	snprintf(name, sizeof(name), "card %u: %s %s", row->card, row->board,
		 row->bus_id);
	put_text(args, "name", name);
	put_text(args, "bus_id", row->bus_id);
	put_text(args, "board", row->board);
	write_event(out, ",\n", new_event("M", "process_name", trace_pid(row)),
		    args);
}

static void write_capacity(FILE *out, const struct row *row)
{
	struct json_object *args = made(json_object_new_object());

	put_number(args, "chip", row->chip);
	put_text(args, "memory", memory_names[row->memory]);
	put_number(args, "bytes", row->total);
	write_event(out, ",\n", new_event("M", "ttmem_capacity", trace_pid(row)),
		    args);
}

static void write_process(FILE *out, const struct row *row)
{
	struct json_object *args = made(json_object_new_object());

	put_text(args, "name", row->pid ? row->command :
		 "processes that are not visible");
	if (row->pid)
		put_text(args, "user", row->user);
	write_event(out, ",\n", new_event("M", "process_name", trace_pid(row)),
		    args);
}

static void write_notice(FILE *out, int64_t time, const struct row *row)
{
	struct json_object *event, *args = made(json_object_new_object());

	event = new_event("i", row->note, TRACE_CARDS);
	put_text(event, "cat", "notice");
	put_text(event, "s", "g");
	put_number(event, "ts", time);
	write_event(out, ",\n", event, args);
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool same_counter(const struct row *a, const struct row *b)
{
	return a->kind == b->kind && a->card == b->card && a->chip == b->chip &&
	       a->memory == b->memory && a->pid == b->pid &&
	       (a->kind == ROW_POOL || a->pid || same_text(a->user, b->user));
}

/*
 * Find a row's counter in another sample. Both are in the same order, so it is
 * most likely behind the one found last, at @from.
 */
static const struct row *find(const struct rows *rows, const struct row *row,
			      size_t *from)
{
	size_t i;

	for (i = 0; i < rows->count; i++) {
		size_t at = (*from + i) % rows->count;

		if (same_counter(&rows->row[at], row)) {
			*from = at + 1;
			return &rows->row[at];
		}
	}
	return NULL;
}

static bool counts(const struct row *row)
{
	return row->kind == ROW_POOL || row->kind == ROW_PROCESS;
}

void trace_rows(FILE *out, const struct rows *rows, const struct rows *before)
{
	size_t i, from = 0;

	for (i = 0; i < before->count; i++)
		if (counts(&before->row[i]) &&
		    !find(rows, &before->row[i], &from))
			write_counter(out, rows->time, &before->row[i], true);

	for (i = 0, from = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i], *old;

		if (row->kind == ROW_NOTICE)
			write_notice(out, rows->time, row);
		if (!counts(row))
			continue;
		old = find(before, row, &from);
		if (row->kind == ROW_POOL) {
			if (!row->chip && row->memory == TTMEM_DRAM &&
			    (!old || !same_text(old->bus_id, row->bus_id) ||
			     !same_text(old->board, row->board)))
				write_card(out, row);
			if (!old || old->total != row->total)
				write_capacity(out, row);
		} else if (!old || !same_text(old->command, row->command)) {
			write_process(out, row);
		}
		write_counter(out, rows->time, row, false);
	}
}
