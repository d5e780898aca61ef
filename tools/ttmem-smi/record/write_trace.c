// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as Chrome's trace events, an array with an event on each line.
 * Counters keep their value until the next one, so what ends is set to 0. An
 * array that lacks its end is a valid trace, so each line begins with what
 * separates it from the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "make_json.h"
#include "record/rows.h"
#include "text/text.h"
#include "ttmem.h"

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
		snprintf(name, size, "card %u chip %u %s%s", row->card, row->chip,
			 memory_names[row->memory],
			 row->kind == ROW_LABEL ? TRACE_LABELS : "");
	else
		snprintf(name, size, "card %u chip %u %s of %s", row->card,
			 row->chip, memory_names[row->memory], row->user);
}

/* What a row's bytes are called in its counter, NULL if they have no name. */
static const char *series_name(char *name, size_t size, const struct row *row)
{
	const char *tag = row->tag < TAGS ? tag_names[row->tag] : "-";

	if (row->kind == ROW_POOL)
		return "used";
	if (row->kind == ROW_PROCESS)
		return row->tag < TAGS ? tag : NULL;
	snprintf(name, size, "%s %s", tag, row->label);
	return name;
}

/* Rows of one counter, one behind the other. */
struct group {
	const struct row *row;
	size_t count;
};

/* Give each row of a group its series; those that are gone are 0 once more. */
static void put_series(struct json_object *args, const struct group *group,
		       bool gone)
{
	const char *key;
	char name[64];
	size_t i;

	for (i = 0; i < group->count; i++) {
		key = series_name(name, sizeof(name), &group->row[i]);
		if (key)
			put_number(args, key, gone ? 0 : group->row[i].used);
	}
}

/* @old: what the counter was in the sample before, without rows if it was not */
static void write_counter(FILE *out, int64_t time, const struct group *group,
			  const struct group *old)
{
	struct json_object *args = made(json_object_new_object()), *event;
	const struct row *row = group->count ? group->row : old->row;
	uint64_t held = 0;
	char name[128];
	size_t i;

	counter_name(name, sizeof(name), row);
	event = new_event("C", name, trace_pid(row));
	put_number(event, "ts", time);
	if (!group->count)
		put_text(event, "cat", "gone");
	if (row->kind == ROW_PROCESS) {
		for (i = 0; i < group->count; i++)
			add_bytes(&held, group->row[i].used);
		put_number(args, "held", held);
	}
	put_series(args, old, true);
	put_series(args, group, false);
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

static bool counts(const struct row *row)
{
	return row->kind == ROW_POOL || row->kind == ROW_PROCESS ||
	       row->kind == ROW_LABEL;
}

/* The rows of a counter, from one on; none at the end of what counts. */
static struct group group_at(const struct rows *rows, size_t from)
{
	struct group group = { .row = rows->row + from };

	while (from < rows->count && counts(&rows->row[from]) &&
	       !compare_counters(group.row, &rows->row[from])) {
		group.count++;
		from++;
	}
	return group;
}

/* What a counter is of, where that is new. */
static void write_names(FILE *out, const struct row *row, const struct row *old)
{
	if (row->kind == ROW_POOL) {
		if (!row->chip && row->memory == TTMEM_DRAM &&
		    (!old || !same_text(old->bus_id, row->bus_id) ||
		     !same_text(old->board, row->board)))
			write_card(out, row);
		if (!old || old->total != row->total)
			write_capacity(out, row);
	} else if (row->kind == ROW_PROCESS &&
		   (!old || !same_text(old->command, row->command))) {
		write_process(out, row);
	}
}

/* Both samples are in the same order, and so gone through together. */
void trace_rows(FILE *out, const struct rows *rows, const struct rows *before)
{
	const struct group none = { 0 };
	size_t i = 0, j = 0;

	for (;;) {
		struct group now = group_at(rows, i), old = group_at(before, j);
		int order = 0;

		if (now.count && old.count)
			order = compare_counters(now.row, old.row);
		if (!now.count || order > 0)
			now = none;
		if (!old.count || order < 0)
			old = none;
		if (!now.count && !old.count)
			break;
		if (now.count)
			write_names(out, now.row, old.count ? old.row : NULL);
		write_counter(out, rows->time, &now, &old);
		i += now.count;
		j += old.count;
	}
	for (; i < rows->count; i++)
		if (rows->row[i].kind == ROW_NOTICE)
			write_notice(out, rows->time, &rows->row[i]);
}
