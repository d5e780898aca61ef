// SPDX-License-Identifier: GPL-2.0-only
/* Reading a trace that record has written, line by line. See recording.h. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "libttmem.h"
#include "record/lookup.h"
#include "record/reader.h"
#include "record/rows.h"
#include "text/text.h"

static const char *json_text(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static bool json_number(struct json_object *obj, const char *key,
			uint64_t max, uint64_t *number)
{
	struct json_object *value;

	*number = 0;
	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return false;
	*number = json_object_get_uint64(value);
	return *number <= max;
}

static struct named *find_named(struct reader *reader, int64_t pid)
{
	size_t *at = lookup(&reader->pids, "%lld", (long long)pid);

	return *at == NOWHERE ? NULL : &reader->named[*at];
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = printable(by);
}

static void read_name(struct reader *reader, int64_t pid,
		      struct json_object *args)
{
	struct named *named = find_named(reader, pid);

	if (!named) {
		reader->named = grow(reader->named, reader->nameds,
				     sizeof(*named));
		*lookup(&reader->pids, "%lld", (long long)pid) = reader->nameds;
		named = &reader->named[reader->nameds++];
	}
	replace(&named->bus_id, json_text(args, "bus_id"));
	replace(&named->board, json_text(args, "board"));
	replace(&named->user, json_text(args, "user"));
	replace(&named->command, json_text(args, "name"));
}

static uint64_t *find_capacity(struct reader *reader, unsigned int card,
			       unsigned int chip, unsigned int memory)
{
	size_t *at = lookup(&reader->capacity_of, "%u %u %u", card, chip,
			    memory);

	if (*at == NOWHERE) {
		*at = reader->capacities;
		reader->capacity = grow(reader->capacity, reader->capacities++,
					sizeof(*reader->capacity));
	}
	return &reader->capacity[*at];
}

static bool read_capacity(struct reader *reader, int64_t pid,
			  struct json_object *args)
{
	unsigned int memory;
	uint64_t chip, bytes;

	if (pid < TRACE_CARDS || !json_number(args, "chip", CARDS_MAX, &chip) ||
	    !json_number(args, "bytes", UINT64_MAX, &bytes) ||
	    !parse_memory(json_text(args, "memory"), &memory))
		return bad(reader, "no capacity of a card");
	*find_capacity(reader, pid - TRACE_CARDS, chip, memory) = bytes;
	return true;
}

static bool no_bytes(struct reader *reader, const char *name)
{
	return bad(reader, "counter '%s' has no number of bytes", name);
}

/* A row for each tag, and one for what none of them tells. */
static bool add_tags(struct reader *reader, int64_t time, struct row *row,
		     const char *name, struct json_object *args)
{
	uint64_t left;

	if (!json_number(args, "held", UINT64_MAX, &left))
		return no_bytes(reader, name);
	json_object_object_foreach(args, key, value) {
		(void)value;
		if (!parse_tag(key, &row->tag))
			continue;
		if (!json_number(args, key, UINT64_MAX, &row->used))
			return no_bytes(reader, name);
		left -= row->used < left ? row->used : left;
		if (!add_row(reader, time, row))
			return false;
	}
	row->tag = TTMEM_UNKNOWN;
	row->used = left;
	return add_row(reader, time, row);
}

/* "buffer weights": a row for each tag and label. */
static bool add_labels(struct reader *reader, int64_t time, struct row *row,
		       const char *name, struct json_object *args)
{
	char tag[16];

	json_object_object_foreach(args, key, value) {
		size_t len = strcspn(key, " ");

		(void)value;
		if (!key[len] || len >= sizeof(tag) ||
		    !json_number(args, key, UINT64_MAX, &row->used))
			return no_bytes(reader, name);
		snprintf(tag, sizeof(tag), "%.*s", (int)len, key);
		parse_tag(tag, &row->tag);
		row->label = key + len + 1;
		if (!add_row(reader, time, row))
			return false;
	}
	return true;
}

static bool read_counter(struct reader *reader, int64_t pid, int64_t time,
			 const char *name, struct json_object *args)
{
	struct row row = { .kind = ROW_PROCESS };
	const struct named *named, *card;
	char memory[8] = "";
	int end = 0;
	bool ok;

	if (pid >= TRACE_CARDS) {
		row.kind = ROW_POOL;
		row.card = pid - TRACE_CARDS;
		ok = sscanf(name, "chip %u %7s%n", &row.chip, memory,
			    &end) == 2;
	} else {
		ok = sscanf(name, "card %u chip %u %7s%n", &row.card, &row.chip,
			    memory, &end) == 3;
		row.pid = pid == TRACE_HIDDEN ? 0 : pid;
	}
	if (!ok || !parse_memory(memory, &row.memory))
		return bad(reader, "counter '%s' is none of ttmem-smi's", name);
	named = find_named(reader, pid);
	card = find_named(reader, TRACE_CARDS + (int64_t)row.card);
	if (!named || !card)
		return bad(reader, "counter '%s' of pid %lld, which was not named before",
			   name, (long long)pid);
	row.bus_id = card->bus_id;
	row.board = card->board;
	if (row.kind == ROW_POOL) {
		if (!json_number(args, "used", UINT64_MAX, &row.used))
			return no_bytes(reader, name);
		row.total = *find_capacity(reader, row.card, row.chip,
					   row.memory);
		return add_row(reader, time, &row);
	}
	if (row.pid) {
		row.user = named->user;
		row.command = named->command;
	} else if (!strncmp(name + end, " of ", 4)) {
		row.user = name + end + 4;
	}
	if (!row.pid || strcmp(name + end, TRACE_LABELS))
		return add_tags(reader, time, &row, name, args);
	row.kind = ROW_LABEL;
	return add_labels(reader, time, &row, name, args);
}

static bool read_event(struct reader *reader, struct json_object *event)
{
	const char *phase = json_text(event, "ph");
	const char *name = json_text(event, "name");
	struct json_object *args;
	uint64_t pid, time;
	struct row row;

	if (!json_object_object_get_ex(event, "args", &args) ||
	    !json_object_is_type(args, json_type_object) ||
	    !json_number(event, "pid", TRACE_CARDS + CARDS_MAX, &pid))
		return bad(reader, "an event without pid or args, none of ttmem-smi's");
	if (!strcmp(phase, "M")) {
		if (!strcmp(name, "process_name"))
			read_name(reader, pid, args);
		else if (!strcmp(name, "ttmem_capacity"))
			return read_capacity(reader, pid, args);
		return true;
	}
	if (strcmp(phase, "C") && strcmp(phase, "i"))
		return true;
	if (!json_number(event, "ts", INT64_MAX, &time))
		return bad(reader, "an event without a time");
	if (*phase == 'i') {
		row = (struct row){ .kind = ROW_NOTICE, .note = name };
		return add_row(reader, time, &row);
	}
	/* Only for those who draw counters: it has ended. */
	if (!strcmp(json_text(event, "cat"), "gone"))
		return add_time(reader, time);
	return read_counter(reader, pid, time, name, args);
}

bool read_trace(struct reader *reader, char *line)
{
	enum json_tokener_error error;
	struct json_object *event;
	size_t len = strlen(line);
	bool ok;

	if (!strcmp(line, "]"))
		return true;
	if (len && line[len - 1] == ',')
		line[len - 1] = '\0';
	event = json_tokener_parse_verbose(line, &error);
	if (!event)
		return bad(reader, "not JSON: %s",
			   json_tokener_error_desc(error));
	ok = read_event(reader, event);
	json_object_put(event);
	return ok;
}

void trace_free(struct reader *reader)
{
	size_t i;

	for (i = 0; i < reader->nameds; i++) {
		free(reader->named[i].bus_id);
		free(reader->named[i].board);
		free(reader->named[i].user);
		free(reader->named[i].command);
	}
	free(reader->named);
	free(reader->capacity);
	lookup_free(&reader->pids);
	lookup_free(&reader->capacity_of);
}
