// SPDX-License-Identifier: GPL-2.0-only
/* One card: sysfs, of ttmem and of TT-KMD. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "internal.h"
#include "look/parts.h"
#include "sensors.h"

int read_line(char *line, size_t size, const char *format, ...)
{
	char path[TTMEM_PATH_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return ttmem__read_line(path, line, size);
}

static void read_sensors(struct card *card)
{
	struct sensors sensors;

	/* What could not be read is N/A, as what there is not. */
	sensors_read(card->id.number, &sensors);
	card->has_temperature = sensors.has_temperature;
	card->temperature = sensors.temperature;
	card->has_power = sensors.has_power;
	card->power = sensors.power;
	card->has_power_limit = sensors.has_power_limit;
	card->power_limit = sensors.power_limit;
	card->has_clock = sensors.has_clock;
	card->clock = sensors.clock;
}

/* A file of memory_stats/ and where in struct books its value goes. */
struct stat_file {
	const char *name;
	size_t place;
};

#define POOL(memory, field)	offsetof(struct books, pool[memory].field)

static const struct stat_file stat_files[] = {
	{ "dram_used", POOL(TTMEM_DRAM, used) },
	{ "dram_total", POOL(TTMEM_DRAM, total) },
	{ "l1_used", POOL(TTMEM_L1, used) },
	{ "l1_total", POOL(TTMEM_L1, total) },
	/* Those from here on only with details. */
	{ "dram_free", POOL(TTMEM_DRAM, free) },
	{ "dram_peak", POOL(TTMEM_DRAM, peak) },
	{ "dram_banks", POOL(TTMEM_DRAM, banks) },
	{ "dram_trace_used", POOL(TTMEM_DRAM, tag[TTMEM_TAG_TRACE]) },
	{ "dram_system_used", POOL(TTMEM_DRAM, tag[TTMEM_TAG_SYSTEM]) },
	{ "l1_free", POOL(TTMEM_L1, free) },
	{ "l1_peak", POOL(TTMEM_L1, peak) },
	{ "l1_banks", POOL(TTMEM_L1, banks) },
	{ "l1_small_used", POOL(TTMEM_L1, tag[TTMEM_TAG_L1_SMALL]) },
	{ "l1_cb_used", POOL(TTMEM_L1, tag[TTMEM_TAG_CB]) },
	{ "l1_system_used", POOL(TTMEM_L1, tag[TTMEM_TAG_SYSTEM]) },
	{ "clients", offsetof(struct books, clients) },
	{ "reservations", offsetof(struct books, reservations) },
	{ "denied", offsetof(struct books, denied) },
};

#define STAT_FILES		(sizeof(stat_files) / sizeof(stat_files[0]))
#define STAT_FILES_FEW		4

/* Read the books in a directory below memory_stats/, "" or "chip0/". */
static bool read_books(unsigned int number, const char *dir, bool details,
		       struct books *books)
{
	size_t count = details ? STAT_FILES : STAT_FILES_FEW, i, tag;
	char name[64];

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%s", dir, stat_files[i].name);
		if (ttmem_stat(number, name, (uint64_t *)((char *)books +
							  stat_files[i].place)))
			return false;
	}
	/* What has no other tag; files are read one after the other, though. */
	for (i = 0; i < 2; i++) {
		struct pool *pool = &books->pool[i];
		uint64_t left = pool->used;

		for (tag = 0; tag < TAGS; tag++)
			left -= pool->tag[tag] < left ? pool->tag[tag] : left;
		pool->tag[TTMEM_TAG_BUFFER] = left;
	}
	return true;
}

/* Read what TT-KMD tells of a card in words, empty where it does not. */
static void read_text(const struct card *card, const char *name, char *text,
		      size_t size)
{
	read_line(text, size, TTMEM_CLASS "/tenstorrent!%u/%s",
		  card->id.number, name);
}

void read_ids(struct card *card)
{
	read_text(card, "tt_serial", card->serial, sizeof(card->serial));
	read_text(card, "tt_asic_id", card->asic, sizeof(card->asic));
}

bool read_card(struct card *card, bool details)
{
	char line[32], dir[16];
	bool whole = true;
	size_t i;

	card->chip = calloc(card->id.chips + 1, sizeof(*card->chip));
	if (!card->chip)
		out_of_memory();
	for (i = 0; whole && i < card->id.chips; i++) {
		snprintf(dir, sizeof(dir), "chip%zu/", i);
		whole = read_books(card->id.number, dir, details,
				   &card->chip[i]);
	}
	if (whole && details && card->id.chips)
		whole = read_books(card->id.number, "", details, &card->sum);
	/* Without all its files it is a card that ttmem has just let go. */
	card->chips = whole ? card->id.chips : 0;

	ttmem__board(card->id.number, card->board, sizeof(card->board));
	if (details) {
		read_ids(card);
		read_text(card, "tt_fw_bundle_ver", card->firmware,
			  sizeof(card->firmware));
	}
	read_sensors(card);

	return !read_line(line, sizeof(line),
			  TTMEM_CLASS "/tenstorrent!%u/dev", card->id.number);
}

int percent_used(const struct pool *pool)
{
	double percent;

	if (!pool->total)
		return -1;
	percent = 100.0 * pool->used / pool->total;
	return percent < 999 ? (int)(percent + 0.5) : 999;
}
