// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmon and pmon: a line for each chip or process, again and again, as nvidia-smi
 * has them. What begins with "#" is the head. Scripts read columns by their places: so
 * nvidia-smi's come first, in its order, and no column but the last has a blank in it.
 */
#include <stdlib.h>
#include <string.h>

#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

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
	/* Leaves the text alone where nothing is known; NULL where nothing ever is. */
	void (*value)(char *text, const struct line *line);
};

/*
 * @nvidia are nvidia-smi's, those of a letter in its order; the letters in the order in
 * which they are typed, else in that of @usual. @ours follow in their own order.
 */
struct columns {
	const char *letters;
	const char *usual;
	const struct column *nvidia;
	const struct column *ours;
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

static bool is_known(const struct line *line, unsigned int memory)
{
	return line->card->chips &&
	       used_known(line->card, &line->card->chip[line->chip].pool[memory]);
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

/* As a number, whatever it is: nvidia-smi's column. */
static void print_fb(char *text, const struct line *line)
{
	if (is_known(line, TTMEM_DRAM))
		snprintf(text, CELL, "%llu", (unsigned long long)
			 in_mib(line->card->chip[line->chip].pool[TTMEM_DRAM].used));
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

static const struct column dmon_nvidia[] = {
	{ ' ', "gpu", "Idx", 4, print_card },
	{ 'p', "pwr", "W", 4, print_power },
	{ 'p', "gtemp", "C", 5, print_temperature },
	{ 'p', "mtemp", "C", 5, NULL },
	{ 'u', "sm", "%", 3, NULL },
	{ 'u', "mem", "%", 3, NULL },
	{ 'u', "enc", "%", 3, NULL },
	{ 'u', "dec", "%", 3, NULL },
	{ 'u', "jpg", "%", 3, NULL },
	{ 'u', "ofa", "%", 3, NULL },
	{ 'c', "mclk", "MHz", 4, NULL },
	{ 'c', "pclk", "MHz", 4, print_clock },
	{ 'v', "pviol", "%", 5, NULL },
	{ 'v', "tviol", "bool", 5, NULL },
	{ 'm', "fb", "MB", 6, print_fb },
	{ 'm', "bar1", "MB", 4, NULL },
	{ 'm', "ccpm", "MB", 4, NULL },
	{ 'e', "sbecc", "errs", 5, NULL },
	{ 'e', "dbecc", "errs", 5, NULL },
	{ 'e', "pci", "errs", 4, NULL },
	{ 't', "rxpci", "MB/s", 5, NULL },
	{ 't', "txpci", "MB/s", 5, NULL },
	{ }
};

static const struct column dmon_ours[] = {
	{ ' ', "chip", "Idx", 4, print_chip },
	{ 'm', "dram", "MiB", 6, print_dram },
	{ 'm', "dram", "%", 4, print_dram_full },
	{ 'm', "l1", "MiB", 4, print_l1 },
	{ 'm', "l1", "%", 3, print_l1_full },
	{ 'r', "cli", "#", 4, print_clients },
	{ 'r', "resv", "#", 6, print_reservations_held },
	{ 'r', "denied", "#", 6, print_denied },
	{ }
};

static const struct columns dmon = { "pucvmetr", "puc", dmon_nvidia, dmon_ours };

/* One word, so that the columns behind it keep their places. */
static void print_word(char *text, const char *from, size_t len, size_t width)
{
	size_t i, used = 0;

	if (!len)
		return;
	for (i = 0; i < len && used <= width; i++) {
		/* A character of several bytes counts as one. */
		if (used && (from[i] & 0xc0) == 0x80)
			continue;
		text[used++] = from[i] > ' ' && from[i] <= '~' ? from[i] : '?';
	}
	if (used > width) {
		used = width;
		text[width - 1] = '+';
	}
	text[used] = '\0';
}

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

static void print_type(char *text, const struct line *line)
{
	if (line->process)
		strcpy(text, "C");
}

/* The program: the first word of the command without its directory. */
static void print_name(char *text, const struct line *line)
{
	const char *command = line->process ? line->process->command : NULL, *slash;
	size_t len;

	if (!line->process && !line->snap->processes_known)
		strcpy(text, "N/A");
	if (!command)
		return;
	command += strspn(command, " ");
	len = strcspn(command, " ");
	while ((slash = memchr(command, '/', len)) && slash + 1 < command + len) {
		len -= slash + 1 - command;
		command = slash + 1;
	}
	print_word(text, command, len, 15);
}

static void print_user(char *text, const struct line *line)
{
	if (line->process && line->process->user)
		print_word(text, line->process->user, strlen(line->process->user), 9);
}

static void print_process_fb(char *text, const struct line *line)
{
	if (line->process && line->process->reports)
		snprintf(text, CELL, "%llu", (unsigned long long)
			 in_mib(line->process->bytes[TTMEM_DRAM]));
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

static const struct column pmon_nvidia[] = {
	{ ' ', "gpu", "Idx", 4, print_card },
	{ ' ', "pid", "#", 7, print_pid },
	{ ' ', "type", "C/G", 4, print_type },
	{ 'u', "sm", "%", 3, NULL },
	{ 'u', "mem", "%", 3, NULL },
	{ 'u', "enc", "%", 3, NULL },
	{ 'u', "dec", "%", 3, NULL },
	{ 'u', "jpg", "%", 3, NULL },
	{ 'u', "ofa", "%", 3, NULL },
	{ 'm', "fb", "MB", 6, print_process_fb },
	{ 'm', "ccpm", "MB", 4, NULL },
	{ }
};

/* The command line follows them. */
static const struct column pmon_ours[] = {
	{ ' ', "command", "name", -15, print_name },
	{ ' ', "chip", "Idx", 4, print_process_chip },
	{ ' ', "user", "name", 9, print_user },
	{ 'm', "dram", "MiB", 6, print_process_dram },
	{ 'm', "l1", "MiB", 4, print_process_l1 },
	{ 'r', "resv", "#", 6, print_process_held },
	{ }
};

static const struct columns pmon = { "umr", "u", pmon_nvidia, pmon_ours };

bool monitor_check(bool processes, const struct monitor *monitor, char *why,
		   size_t why_size)
{
	const char *known = processes ? pmon.letters : dmon.letters, *c;

	for (c = monitor->groups ? monitor->groups : ""; *c; c++) {
		if (strchr(known, *c))
			continue;
		snprintf(why, why_size,
			 "-s %s: no group of columns has the letter '%c'. %s",
			 monitor->groups, *c, processes ?
			 "pmon has m for memory, r for reservations and nvidia-smi's u" :
			 "dmon has p for power and temperature, c for the clock, m for memory, r for clients and reservations, and nvidia-smi's u, v, e and t");
		return false;
	}
	return true;
}

/* The columns to print, in their order; at the end NULL. */
static void choose(const struct column **chosen, const struct columns *columns,
		   const struct monitor *monitor)
{
	const char *letters = monitor->groups ? monitor->groups : columns->usual, *c;
	const struct column *column;

	for (column = columns->nvidia; column->head; column++)
		if (column->group == ' ')
			*chosen++ = column;
	for (c = letters; *c; c++)
		for (column = columns->nvidia; column->head && !memchr(letters, *c, c - letters);
		     column++)
			if (column->group == *c)
				*chosen++ = column;
	for (column = columns->ours; column->head; column++)
		if (column->group == ' ' || !monitor->groups ||
		    strchr(monitor->groups, column->group))
			*chosen++ = column;
	*chosen = NULL;
}

#define COLUMNS_MAX	40

/* Both lines begin with "#", in the place of a blank. */
static void print_head(FILE *out, const struct column **columns,
		       const struct monitor *monitor, bool processes)
{
	int line, i;

	for (line = 0; line < 2; line++) {
		fputc('#', out);
		if (monitor->date)
			fprintf(out, "%-9s", line ? "YYYYMMDD" : "Date");
		if (monitor->time)
			fprintf(out, "%-9s", line ? "HH:MM:SS" : "Time");
		for (i = 0; columns[i]; i++)
			fprintf(out, " %*s", columns[i]->width,
				line ? columns[i]->unit : columns[i]->head);
		fprintf(out, "%s\n", !processes ? "" : line ? "  text" :
			"  line");
	}
}

static void print_line(FILE *out, const struct column **columns,
		       const struct monitor *monitor, const struct line *line,
		       const struct style *style, bool processes)
{
	int used = 1, i;
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
	for (i = 0; columns[i]; i++) {
		char text[CELL] = "-";

		if (columns[i]->value)
			columns[i]->value(text, line);
		used += fprintf(out, " %*s", columns[i]->width, text);
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
			       const struct column **columns, const struct monitor *monitor,
			       const struct style *style, bool processes)
{
	const struct snapshot *snap = line->snap;
	size_t count = 0, i;

	if (!processes) {
		line->chip = 0;
		do {
			print_line(out, columns, monitor, line, style,
				   false);
		} while (++line->chip < line->card->chips);
		return line->chip;
	}
	for (i = 0; i < snap->processes; i++) {
		if (snap->process[i].card != line->card->id.number)
			continue;
		line->process = &snap->process[i];
		print_line(out, columns, monitor, line, style, true);
		count++;
	}
	if (!count) {
		line->process = NULL;
		print_line(out, columns, monitor, line, style, true);
		count++;
	}
	return count;
}

void print_monitor(FILE *out, const struct snapshot *snap, bool processes,
		   const struct monitor *monitor, const struct style *style)
{
	static size_t since_head = HEAD_EVERY;
	const struct column *columns[COLUMNS_MAX];
	struct line line = { .snap = snap };
	size_t i;

	choose(columns, processes ? &pmon : &dmon, monitor);
	if (since_head >= HEAD_EVERY) {
		print_head(out, columns, monitor, processes);
		since_head = 0;
	}
	for (i = 0; i < snap->cards; i++) {
		line.card = &snap->card[i];
		since_head += print_card_lines(out, &line, columns, monitor, style,
					       processes);
	}
}
