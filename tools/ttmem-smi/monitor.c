// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmon and pmon: a line for each chip or process, again and again, as nvidia-smi
 * has them. What begins with "#" is the head.
 */
#include <stdlib.h>
#include <string.h>

#include "smi.h"

/* The head comes again after so many lines. */
#define HEAD_EVERY	40

#define CELL		32

/* What a line is about. */
struct line {
	const struct snapshot *snap;
	const struct card *card;
	size_t chip;			/* not if card->chips is 0 */
	const struct process *process;	/* of pmon; NULL if the card has none */
};

struct column {
	char group;	/* of -s; a blank for those that are always there */
	const char *head;
	const char *unit;
	int width;
	/* Leaves the text alone where nothing is known. */
	void (*value)(char *text, const struct line *line);
};

static void print_card(char *text, const struct line *line)
{
	snprintf(text, CELL, "%u", line->card->id.number);
}

static void print_chip(char *text, const struct line *line)
{
	if (line->card->chips)
		snprintf(text, CELL, "%zu", line->chip);
}

static void print_power(char *text, const struct line *line)
{
	if (line->card->has_power)
		format_milli(text, CELL, line->card->power / 1000, 0);
}

static void print_temperature(char *text, const struct line *line)
{
	if (line->card->has_temperature)
		format_milli(text, CELL, line->card->temperature, 0);
}

static void print_clock(char *text, const struct line *line)
{
	if (line->card->has_clock)
		snprintf(text, CELL, "%llu",
			 (unsigned long long)line->card->clock);
}

static void print_mib(char *text, uint64_t bytes)
{
	uint64_t mib = in_mib(bytes);

	if (bytes && !mib)
		strcpy(text, "<1");
	else
		snprintf(text, CELL, "%llu", (unsigned long long)mib);
}

/* Nothing that is told of a card in silent use is not the same as nothing. */
static bool is_known(const struct line *line, unsigned int memory)
{
	return line->card->chips && (!line->card->silent.processes ||
				     line->card->chip[line->chip].pool[memory].used);
}

static void print_used(char *text, const struct line *line, unsigned int memory)
{
	if (is_known(line, memory))
		print_mib(text, line->card->chip[line->chip].pool[memory].used);
}

static void print_full(char *text, const struct line *line, unsigned int memory)
{
	int percent = -1;

	if (is_known(line, memory))
		percent = percent_used(&line->card->chip[line->chip].pool[memory]);
	if (percent >= 0)
		snprintf(text, CELL, "%d", percent);
}

static void print_dram(char *text, const struct line *line)
{
	print_used(text, line, TTMEM_DRAM);
}

static void print_dram_full(char *text, const struct line *line)
{
	print_full(text, line, TTMEM_DRAM);
}

static void print_l1(char *text, const struct line *line)
{
	print_used(text, line, TTMEM_L1);
}

static void print_l1_full(char *text, const struct line *line)
{
	print_full(text, line, TTMEM_L1);
}

static void print_count(char *text, const struct line *line, uint64_t count)
{
	if (line->card->chips)
		snprintf(text, CELL, "%llu", (unsigned long long)count);
}

static void print_clients(char *text, const struct line *line)
{
	print_count(text, line, line->card->chip[line->chip].clients);
}

static void print_reservations_held(char *text, const struct line *line)
{
	print_count(text, line, line->card->chip[line->chip].reservations);
}

static void print_denied(char *text, const struct line *line)
{
	print_count(text, line, line->card->chip[line->chip].denied);
}

static const struct column dmon_columns[] = {
	{ ' ', "card", "Idx", 4, print_card },
	{ ' ', "chip", "Idx", 4, print_chip },
	{ 'p', "pwr", "W", 5, print_power },
	{ 'p', "temp", "C", 5, print_temperature },
	{ 'c', "clk", "MHz", 5, print_clock },
	{ 'm', "dram", "MiB", 7, print_dram },
	{ 'm', "dram", "%", 4, print_dram_full },
	{ 'm', "l1", "MiB", 5, print_l1 },
	{ 'm', "l1", "%", 4, print_l1_full },
	{ 'r', "cli", "#", 5, print_clients },
	{ 'r', "resv", "#", 8, print_reservations_held },
	{ 'r', "denied", "#", 6, print_denied },
	{ }
};

static void print_process_chip(char *text, const struct line *line)
{
	if (line->process && line->process->reports)
		snprintf(text, CELL, "%u", line->process->chip);
}

static void print_pid(char *text, const struct line *line)
{
	if (line->process && line->process->pid)
		snprintf(text, CELL, "%d", line->process->pid);
}

static void print_user(char *text, const struct line *line)
{
	if (line->process && line->process->user)
		fit(text, CELL, 9, line->process->user, false);
}

static void print_process_dram(char *text, const struct line *line)
{
	if (line->process && line->process->reports)
		print_mib(text, line->process->bytes[TTMEM_DRAM]);
}

static void print_process_l1(char *text, const struct line *line)
{
	if (line->process && line->process->reports)
		print_mib(text, line->process->bytes[TTMEM_L1]);
}

static void print_process_held(char *text, const struct line *line)
{
	if (line->process && line->process->reports)
		snprintf(text, CELL, "%llu",
			 (unsigned long long)line->process->reservations);
}

/* The command follows them. */
static const struct column pmon_columns[] = {
	{ ' ', "card", "Idx", 4, print_card },
	{ ' ', "chip", "Idx", 4, print_process_chip },
	{ ' ', "pid", "#", 7, print_pid },
	{ ' ', "user", "name", 9, print_user },
	{ 'm', "dram", "MiB", 7, print_process_dram },
	{ 'm', "l1", "MiB", 5, print_process_l1 },
	{ 'r', "resv", "#", 8, print_process_held },
	{ }
};

bool monitor_check(bool processes, const struct monitor *monitor, char *why,
		   size_t why_size)
{
	const char *known = processes ? "mr" : "pcmr", *c;

	for (c = monitor->groups ? monitor->groups : ""; *c; c++) {
		if (strchr(known, *c))
			continue;
		snprintf(why, why_size,
			 "-s %s: no group of columns has the letter '%c'. %s",
			 monitor->groups, *c, processes ?
			 "pmon has m for memory and r for reservations" :
			 "dmon has p for power and temperature, c for the clock, m for memory and r for clients and reservations");
		return false;
	}
	return true;
}

static bool shown(const struct column *column, const struct monitor *monitor)
{
	return column->group == ' ' || !monitor->groups ||
	       strchr(monitor->groups, column->group);
}

/* Both lines begin with "#", in the place of a blank. */
static void print_head(FILE *out, const struct column *columns,
		       const struct monitor *monitor, bool processes)
{
	const struct column *column;
	int line;

	for (line = 0; line < 2; line++) {
		fputc('#', out);
		if (monitor->date)
			fprintf(out, "%-9s", line ? "YYYYMMDD" : "Date");
		if (monitor->time)
			fprintf(out, "%-9s", line ? "HH:MM:SS" : "Time");
		for (column = columns; column->head; column++)
			if (shown(column, monitor))
				fprintf(out, " %*s", column->width,
					line ? column->unit : column->head);
		fprintf(out, "%s\n", !processes ? "" : line ? "  line" :
			"  command");
	}
}

static void print_line(FILE *out, const struct column *columns,
		       const struct monitor *monitor, const struct line *line,
		       const struct style *style, bool processes)
{
	const struct column *column;
	int used = 1;
	char when[16];
	struct tm tm;

	localtime_r(&line->snap->time.tv_sec, &tm);
	fputc(' ', out);
	if (monitor->date) {
		strftime(when, sizeof(when), "%Y%m%d", &tm);
		used += fprintf(out, "%-9s", when);
	}
	if (monitor->time) {
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
		used += fprintf(out, "%-9s", when);
	}
	for (column = columns; column->head; column++) {
		char text[CELL] = "-";

		if (!shown(column, monitor))
			continue;
		column->value(text, line);
		used += fprintf(out, " %*s", column->width, text);
	}
	if (processes) {
		const char *command = line->process ? line->process->command : NULL;
		char fitted[4 * 512];
		int room = style->width - used - 2;

		if (!command)
			command = line->snap->processes_known ? "-" : "N/A";
		if (room < 8)
			room = 8;
		if (style->terminal) {
			fprintf(out, "  %s", fit(fitted, sizeof(fitted), room,
						 command, style->utf8));
		} else {
			char *clean = printable(command);

			fprintf(out, "  %s", clean);
			free(clean);
		}
	}
	fputc('\n', out);
}

/* The lines of a card; how many they are. */
static size_t print_card_lines(FILE *out, struct line *line,
			       const struct monitor *monitor,
			       const struct style *style, bool processes)
{
	const struct snapshot *snap = line->snap;
	size_t count = 0, i;

	if (!processes) {
		line->chip = 0;
		do {
			print_line(out, dmon_columns, monitor, line, style,
				   false);
		} while (++line->chip < line->card->chips);
		return line->chip;
	}
	for (i = 0; i < snap->processes; i++) {
		if (snap->process[i].card != line->card->id.number)
			continue;
		line->process = &snap->process[i];
		print_line(out, pmon_columns, monitor, line, style, true);
		count++;
	}
	if (!count) {
		line->process = NULL;
		print_line(out, pmon_columns, monitor, line, style, true);
		count++;
	}
	return count;
}

void print_monitor(FILE *out, const struct snapshot *snap, bool processes,
		   const struct monitor *monitor, const struct style *style)
{
	static size_t since_head = HEAD_EVERY;
	struct line line = { .snap = snap };
	size_t i;

	if (since_head >= HEAD_EVERY) {
		print_head(out, processes ? pmon_columns : dmon_columns,
			   monitor, processes);
		since_head = 0;
	}
	for (i = 0; i < snap->cards; i++) {
		line.card = &snap->card[i];
		since_head += print_card_lines(out, &line, monitor, style,
					       processes);
	}
}
