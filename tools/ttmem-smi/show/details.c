// SPDX-License-Identifier: GPL-2.0-only
/* -q: all that is known, in words, laid out as nvidia-smi does. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "look/accounted.h"
#include "look/look.h"
#include "show/nvidia.h"
#include "show/show.h"
#include "text/text.h"

#define NAME_WIDTH	42

bool parse_parts(const char *text, unsigned int *parts, char *why,
		 size_t why_size)
{
	static const char names[] = "MEMORY TEMPERATURE POWER CLOCK PIDS";
	static const struct {
		const char *word;
		unsigned int part;
	} words[] = {
		{ "MEMORY", ALL_MEMORY },
		{ "TEMPERATURE", ALL_TEMPERATURE },
		{ "POWER", ALL_POWER },
		{ "CLOCK", ALL_CLOCK },
		{ "PIDS", ALL_PIDS },
		{ "ACCOUNTING", ALL_ACCOUNTING },
	};
	char found[32] = "";
	unsigned int best;
	size_t len, i;
	int section;

	*parts = 0;
	if (!text) {
		*parts = ALL_OF_IT;
		return true;
	}
	for (;; text += len + 1) {
		len = strcspn(text, ",");
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i].word) == len &&
			    ttmem__same(text, words[i].word, len))
				break;
		section = find_section(text, len);
		if (i < sizeof(words) / sizeof(words[0])) {
			*parts |= words[i].part;
		} else if (section >= 0) {
			*parts |= ALL_SECTIONS << section;
		} else {
			best = MISTAKES(len);
			closest(text, len, names, &best, found, sizeof(found));
			for (i = 0; sections[i].word; i++)
				closest(text, len, sections[i].word, &best, found,
					sizeof(found));
			snprintf(why, why_size,
				 "-d %.*s: -q displays MEMORY, TEMPERATURE, POWER, CLOCK, PIDS and ACCOUNTING, and nvidia-smi's other sections with N/A%s%s%s",
				 (int)len, text, *found ? " (did you mean " : "",
				 found, *found ? "?)" : "");
			return false;
		}
		if (!text[len])
			return true;
	}
}

/* A line "name : value", below so many headings. */
static void __attribute__((format(printf, 4, 5)))
line(FILE *out, unsigned int depth, const char *name, const char *format, ...)
{
	va_list args;

	fprintf(out, "%*s%-*s: ", 4 * depth, "", NAME_WIDTH - 4 * depth, name);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

static void text_line(FILE *out, unsigned int depth, const char *name,
		      const char *text)
{
	char *clean = printable(text && *text ? text : "N/A");

	line(out, depth, name, "%s", clean);
	free(clean);
}

static void heading(FILE *out, unsigned int depth, const char *name)
{
	fprintf(out, "%*s%s\n", 4 * depth, "", name);
}

/* "200 MiB", and exactly where that is rounded. */
static void bytes_line(FILE *out, unsigned int depth, const char *name,
		       uint64_t bytes)
{
	char text[64];

	format_bytes(text, sizeof(text), bytes, 20);
	if (bytes & ((1u << 20) - 1))
		line(out, depth, name, "%s (%llu bytes)", text,
		     (unsigned long long)bytes);
	else
		line(out, depth, name, "%s", text);
}

static void known_bytes_line(FILE *out, unsigned int depth, const char *name,
			     uint64_t bytes, bool known)
{
	if (known)
		bytes_line(out, depth, name, bytes);
	else
		line(out, depth, name, "N/A");
}

static void milli_line(FILE *out, unsigned int depth, const char *name,
		       bool known, int64_t value, unsigned int decimals,
		       const char *unit)
{
	char text[32];

	format_milli(text, sizeof(text), value, decimals);
	line(out, depth, name, "%s%s%s", known ? text : "N/A",
	     known ? " " : "", known ? unit : "");
}

/* To the nearest MiB, as a script expects it. */
static void mib_line(FILE *out, const char *name, uint64_t bytes, bool known)
{
	if (known)
		line(out, 2, name, "%llu MiB", (unsigned long long)in_mib(bytes));
	else
		line(out, 2, name, "N/A");
}

static void print_pool_in_words(FILE *out, unsigned int depth, unsigned int memory,
				const struct pool *pool, bool at_least)
{
	static const char * const used_by[TAGS] = {
		[TTMEM_TAG_BUFFER] = "Buffers",
		[TTMEM_TAG_TRACE] = "Traces",
		[TTMEM_TAG_SYSTEM] = "System",
		[TTMEM_TAG_L1_SMALL] = "L1 Small",
		[TTMEM_TAG_CB] = "Circular Buffers",
	};
	unsigned int tag;

	fprintf(out, "%*s%s Usage\n", 4 * depth, "", memory_names[memory]);
	depth++;
	known_bytes_line(out, depth, "Total", pool->total, pool->total);
	bytes_line(out, depth, "Used", pool->used);
	for (tag = 0; tag < TAGS; tag++)
		if (memory_has_tag(memory, tag))
			bytes_line(out, depth + 1, used_by[tag],
				   pool->tag[tag]);
	known_bytes_line(out, depth, "Free", pool->free, pool->total && !at_least);
	bytes_line(out, depth, "Peak", pool->peak);
	if (pool->banks)
		line(out, depth, "Banks", "%llu",
		     (unsigned long long)pool->banks);
	else
		line(out, depth, "Banks", "N/A");
}

static void print_books(FILE *out, unsigned int depth, const struct books *books,
			bool at_least)
{
	unsigned int memory;

	for (memory = 0; memory < 2; memory++)
		print_pool_in_words(out, depth, memory, &books->pool[memory], at_least);
	line(out, depth, "Clients", "%llu", (unsigned long long)books->clients);
	line(out, depth, "Reservations", "%llu",
	     (unsigned long long)books->reservations);
	line(out, depth, "Refused Reservations", "%llu",
	     (unsigned long long)books->denied);
}

/* As nvidia-smi has it, of its only memory. */
static void print_fb(FILE *out, const struct card *card)
{
	const struct pool *pool = &card->sum.pool[TTMEM_DRAM];
	bool silent = maybe_silent(card);

	heading(out, 1, "FB Memory Usage");
	mib_line(out, "Total", pool->total, pool->total);
	line(out, 2, "Reserved", "N/A");
	mib_line(out, "Used", pool->used, card->chips && used_known(card, pool));
	mib_line(out, "Free", pool->free, pool->total && !silent);
}

static void print_sensors(FILE *out, const struct card *card,
			  unsigned int parts)
{
	if (parts & ALL_TEMPERATURE) {
		heading(out, 1, "Temperature");
		milli_line(out, 2, "GPU Current Temp", card->has_temperature,
			   card->temperature, 0, "C");
	}
	if (parts & ALL_POWER) {
		heading(out, 1, "GPU Power Readings");
		milli_line(out, 2, "Power Draw", card->has_power,
			   card->power / 1000, 2, "W");
		milli_line(out, 2, "Current Power Limit", card->has_power_limit,
			   card->power_limit / 1000, 2, "W");
	}
	if (!(parts & ALL_CLOCK))
		return;
	heading(out, 1, "Clocks");
	if (card->has_clock) {
		line(out, 2, "Graphics", "%llu MHz", (unsigned long long)card->clock);
		line(out, 2, "SM", "%llu MHz", (unsigned long long)card->clock);
	} else {
		line(out, 2, "Graphics", "N/A");
		line(out, 2, "SM", "N/A");
	}
	line(out, 2, "Memory", "N/A");
}

static void print_processes(FILE *out, const struct snapshot *snap,
			    unsigned int card)
{
	bool any = false;
	size_t i;

	for (i = 0; i < snap->processes; i++) {
		const struct process *p = &snap->process[i];

		if (p->card != card)
			continue;
		if (!any)
			heading(out, 1, "Processes");
		any = true;
		if (p->pid)
			line(out, 2, "Process ID", "%d", p->pid);
		else
			line(out, 2, "Process ID", "N/A");
		line(out, 3, "Type", "C");
		text_line(out, 3, "Name", p->command);
		if (p->reports)
			line(out, 3, "Used GPU Memory", "%llu MiB",
			     (unsigned long long)in_mib(p->bytes[TTMEM_DRAM]));
		else
			line(out, 3, "Used GPU Memory", "N/A");
		text_line(out, 3, "User", p->user);
		if (p->reports)
			line(out, 3, "Chip", "%u", p->chip);
		else
			line(out, 3, "Chip", "N/A");
		known_bytes_line(out, 3, "Used DRAM", p->bytes[TTMEM_DRAM],
				 p->reports);
		known_bytes_line(out, 3, "Used L1", p->bytes[TTMEM_L1],
				 p->reports);
		known_bytes_line(out, 3, "Peak DRAM", p->peak[TTMEM_DRAM],
				 p->reports);
		known_bytes_line(out, 3, "Peak L1", p->peak[TTMEM_L1],
				 p->reports);
		text_line(out, 3, "Source", source_name(p));
		if (p->reports)
			line(out, 3, "Reservations", "%llu",
			     (unsigned long long)p->reservations);
	}
	if (!any)
		line(out, 1, "Processes", "%s",
		     snap->processes_known ? "None" : "N/A");
}

/* When something was, for people. */
static char *accounted_time(char *text, size_t size, uint64_t ms)
{
	time_t seconds = ms / 1000;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, size, "%a %b %e %H:%M:%S %Y", &tm);
	return text;
}

/* What has ended on the card that is there now, as ttmem-account has written it down. */
static void print_accounted(FILE *out, const struct card *card, const struct accounts *accounts)
{
	bool any = false;
	char when[64];
	size_t i;

	line(out, 1, "Accounting Mode", "%s",
	     accounts->state == ACCOUNTING_ON ? "Enabled" :
	     accounts->state == ACCOUNTING_OFF ? "Disabled" : "N/A");
	if (*accounts->why) {
		line(out, 1, "Accounted Processes", "N/A, %s", accounts->why);
		return;
	}
	for (i = 0; i < accounts->clients; i++) {
		const struct accounted *a = &accounts->client[i];

		if (strcmp(a->address, card->id.address))
			continue;
		if (!any)
			heading(out, 1, "Accounted Processes");
		any = true;
		line(out, 2, "Process ID", "%d", a->pid);
		text_line(out, 3, "User", user_name(a->uid));
		text_line(out, 3, "Command", a->command);
		text_line(out, 3, "Control Group", a->cgroup);
		text_line(out, 3, "Begin", accounted_time(when, sizeof(when), a->begin));
		text_line(out, 3, "End", accounted_time(when, sizeof(when), a->end));
		bytes_line(out, 3, "Peak DRAM", accounted_peak(a, TTMEM_DRAM));
		bytes_line(out, 3, "Peak L1", accounted_peak(a, TTMEM_L1));
	}
	if (!any)
		line(out, 1, "Accounted Processes", "None");
}

static void section_line(FILE *out, unsigned int depth, const char *name, bool value)
{
	if (value)
		line(out, depth, name, "N/A");
	else
		heading(out, depth, name);
}

static void print_card(FILE *out, const struct snapshot *snap,
		       const struct card *card, unsigned int parts,
		       const struct accounts *accounts)
{
	char name[32];
	size_t i;

	fprintf(out, "\nGPU %s\n", card->id.address);
	line(out, 1, "Minor Number", "%u", card->id.number);
	if (parts & ALL_PRODUCT) {
		text_line(out, 1, "Product Name", card->board);
		text_line(out, 1, "Serial Number", card->serial);
		text_line(out, 1, "GPU UUID", card->asic);
		text_line(out, 1, "Firmware Version", card->firmware);
		if (card->chips)
			line(out, 1, "Chips", "%zu", card->chips);
		else
			line(out, 1, "Chips", "N/A");
	}
	if (parts & ALL_MEMORY) {
		print_fb(out, card);
		if (!card->silent.known)
			line(out, 1, "Silent Processes", "N/A");
		else if (!card->silent.processes)
			line(out, 1, "Silent Processes", "0");
		else
			line(out, 1, "Silent Processes", "%llu: %s",
			     (unsigned long long)card->silent.processes,
			     silent_sentence(snap, &card->silent));
		if (!card->chips)
			line(out, 1, "Memory Usage",
			     "N/A, ttmem does not follow the card");
		/* Of one chip, its books are the card's. */
		if (card->chips)
			print_books(out, 1, &card->sum, maybe_silent(card));
		for (i = 0; card->chips > 1 && i < card->chips; i++) {
			snprintf(name, sizeof(name), "Chip %zu", i);
			heading(out, 1, name);
			print_books(out, 2, &card->chip[i], maybe_silent(card));
		}
	}
	print_sensors(out, card, parts);
	for (i = 0; sections[i].word; i++)
		if (parts & (ALL_SECTIONS << i))
			print_section(out, &sections[i], section_line);
	if (parts & ALL_PIDS)
		print_processes(out, snap, card->id.number);
	if (parts & ALL_ACCOUNTING)
		print_accounted(out, card, accounts);
}

void print_all(FILE *out, const struct snapshot *snap, unsigned int parts)
{
	char when[64];
	struct accounts accounts = { 0 };
	struct tm tm;
	size_t i;

	if (parts & ALL_ACCOUNTING)
		accounts_read(&accounts);
	localtime_r(&snap->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	fputs("\n==============TTMEM-SMI LOG==============\n\n", out);
	line(out, 0, "Timestamp", "%s", when);
	text_line(out, 0, "ttmem-smi Version", TTMEM_VERSION);
	text_line(out, 0, "ttmem Version", snap->ttmem);
	text_line(out, 0, "Driver Version", snap->tt_kmd);
	fputc('\n', out);
	line(out, 0, "Attached GPUs", "%zu", snap->cards);
	if (parts & ALL_ACCOUNTING && !*accounts.why) {
		line(out, 0, "Clients Only Counted", "%llu", (unsigned long long)accounts.left_out);
		line(out, 0, "Lost Events", "%llu", (unsigned long long)accounts.lost_events);
		line(out, 0, "Lost Lines", "%llu", (unsigned long long)accounts.lost_lines);
	}
	for (i = 0; i < snap->cards; i++)
		print_card(out, snap, &snap->card[i], parts, &accounts);
	accounts_free(&accounts);
}
