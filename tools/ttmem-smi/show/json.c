// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same as JSON. Its fields are those of the schema in Documentation and
 * stay: what comes later is added, and JSON_FORMAT rises only if something must change.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "clean.h"
#include "internal.h"
#include "look/look.h"
#include "make_json.h"
#include "show/show.h"
#include "text/text.h"

#define JSON_FORMAT	1

static struct json_object *number(uint64_t n)
{
	return made(json_object_new_uint64(n));
}

/* Thousandths as a number with its decimals, not what a double makes of it. */
static struct json_object *thousandths(int64_t n)
{
	char text[32];

	format_milli(text, sizeof(text), n, 3);
	return made(json_object_new_double_s(n / 1000.0, text));
}

/*
 * A command may hold any byte; JSON is UTF-8, so U+FFFD stands for the rest. What may
 * not be shown is kept, and escaped by clean_json().
 */
static struct json_object *string(const char *text)
{
	struct json_object *obj;
	char *out, *to;
	size_t len;

	if (!text || !*text)
		return NULL;
	out = malloc(strlen(text) * strlen(CLEAN_UNKNOWN) + 1);
	if (!out)
		out_of_memory();
	for (to = out; *text; text += len ? len : 1) {
		len = ttmem__utf8_length(text);
		if (len)
			to = mempcpy(to, text, len);
		else
			to = mempcpy(to, CLEAN_UNKNOWN, strlen(CLEAN_UNKNOWN));
	}
	*to = '\0';
	obj = made(json_object_new_string(out));
	free(out);
	return obj;
}

/* @memory is what the pool is of; with @at_least what is free is not known. */
static struct json_object *pool_object(const struct pool *pool,
				       unsigned int memory, bool at_least)
{
	struct json_object *obj = made(json_object_new_object());
	struct json_object *tags = made(json_object_new_object());
	unsigned int tag;

	put(obj, "used", number(pool->used));
	put(obj, "total", pool->total ? number(pool->total) : NULL);
	put(obj, "free", pool->total && !at_least ? number(pool->free) : NULL);
	put(obj, "peak", number(pool->peak));
	put(obj, "banks", pool->banks ? number(pool->banks) : NULL);
	for (tag = 0; tag < TAGS; tag++)
		if (memory_has_tag(memory, tag))
			put(tags, tag_names[tag], number(pool->tag[tag]));
	put(obj, "tags", tags);
	return obj;
}

static void put_books(struct json_object *to, const struct books *books, bool at_least)
{
	put(to, "dram", pool_object(&books->pool[TTMEM_DRAM], TTMEM_DRAM, at_least));
	put(to, "l1", pool_object(&books->pool[TTMEM_L1], TTMEM_L1, at_least));
	put(to, "clients", number(books->clients));
	put(to, "reservations", number(books->reservations));
	put(to, "denied", number(books->denied));
}

static struct json_object *card_object(const struct snapshot *snap,
				       const struct card *card)
{
	struct json_object *obj = made(json_object_new_object());
	struct json_object *chips = made(json_object_new_array());
	size_t i;

	put(obj, "card", number(card->id.number));
	put(obj, "board", string(card->board));
	put(obj, "bus_id", string(card->id.address));
	put(obj, "serial", string(card->serial));
	put(obj, "asic_id", string(card->asic));
	put(obj, "firmware", string(card->firmware));
	put(obj, "temperature_celsius", card->has_temperature ?
	    thousandths(card->temperature) : NULL);
	put(obj, "power_watts", card->has_power ?
	    thousandths(card->power / 1000) : NULL);
	put(obj, "power_limit_watts", card->has_power_limit ?
	    thousandths(card->power_limit / 1000) : NULL);
	put(obj, "clock_mhz", card->has_clock ? number(card->clock) : NULL);
	put(obj, "silent_processes", card->silent.known ?
	    number(card->silent.processes) : NULL);
	put(obj, "silent_reason", string(silent_word(snap, &card->silent)));
	for (i = 0; i < card->chips; i++) {
		struct json_object *chip = made(json_object_new_object());

		put(chip, "chip", number(i));
		put_books(chip, &card->chip[i], maybe_silent(card));
		append(chips, chip);
	}
	put(obj, "chips", chips);
	return obj;
}

static struct json_object *process_object(const struct process *p)
{
	struct json_object *obj = made(json_object_new_object());

	put(obj, "card", number(p->card));
	put(obj, "chip", p->reports ? number(p->chip) : NULL);
	put(obj, "pid", p->pid ? number(p->pid) : NULL);
	put(obj, "uid", p->has_uid ? number(p->uid) : NULL);
	put(obj, "user", string(p->user));
	put(obj, "dram", p->reports ? number(p->bytes[TTMEM_DRAM]) : NULL);
	put(obj, "l1", p->reports ? number(p->bytes[TTMEM_L1]) : NULL);
	put(obj, "dram_peak", p->reports ? number(p->peak[TTMEM_DRAM]) : NULL);
	put(obj, "l1_peak", p->reports ? number(p->peak[TTMEM_L1]) : NULL);
	put(obj, "reservations", p->reports ? number(p->reservations) : NULL);
	put(obj, "source", string(source_name(p)));
	put(obj, "command", string(p->command));
	return obj;
}

void print_json(FILE *out, const struct snapshot *snap, bool compact)
{
	struct json_object *obj = made(json_object_new_object());
	struct json_object *cards = made(json_object_new_array());
	struct json_object *processes = NULL;
	char when[32];
	struct tm tm;
	size_t i;

	gmtime_r(&snap->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	for (i = 0; i < snap->cards; i++)
		append(cards, card_object(snap, &snap->card[i]));
	if (snap->processes_known)
		processes = made(json_object_new_array());
	for (i = 0; i < snap->processes; i++)
		append(processes, process_object(&snap->process[i]));

	put(obj, "format", number(JSON_FORMAT));
	put(obj, "time", string(when));
	put(obj, "ttmem_smi_version", string(TTMEM_VERSION));
	put(obj, "ttmem_version", string(snap->ttmem));
	put(obj, "tt_kmd_version", string(snap->tt_kmd));
	put(obj, "metald_running", made(json_object_new_boolean(snap->metald.running)));
	put(obj, "unplaced_bytes", snap->metald.running ?
	    number(snap->metald.unplaced) : NULL);
	put(obj, "cards", cards);
	put(obj, "processes", processes);

	print_object(out, obj, compact);
}
