// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table, 79 columns of ASCII whatever it is given: numbers change to larger
 * units and text is cut rather than pushing a border out.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "smi.h"

#define INNER		77	/* between the outer borders */
#define LEFT		37	/* the card's cell */
#define RIGHT		39	/* its pools' cell */

#define DRAM_WIDTH	18	/* "32768 / 32768 MiB" */
#define L1_WIDTH	13	/* "195 / 195 MiB" */

static void rule(FILE *out, char end, char line, char cross)
{
	int i;

	fputc(end, out);
	for (i = 0; i < INNER; i++)
		fputc(i == LEFT && cross ? cross : line, out);
	fprintf(out, "%c\n", end);
}

/* One line of the box, padded or cut to fit it. */
static void __attribute__((format(printf, 2, 3)))
boxed(FILE *out, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(out, "|%-*.*s|\n", INNER, INNER, line);
}

static const char * const units[] = { "MiB", "GiB", "TiB", "PiB", "EiB" };

#define UNITS	(sizeof(units) / sizeof(units[0]))

/* Bytes to the nearest of a unit; what is not nothing never looks like it. */
static void format_in(char *text, size_t size, uint64_t bytes, size_t unit)
{
	unsigned int shift = 20 + 10 * unit;
	uint64_t n = (bytes >> shift) + ((bytes >> (shift - 1)) & 1);

	if (bytes && !n)
		snprintf(text, size, "<1");
	else
		snprintf(text, size, "%llu", (unsigned long long)n);
}

/* "200 MiB", in the smallest unit that fits the width. */
static void format_bytes(char *text, size_t size, uint64_t bytes, size_t width)
{
	char number[24];
	size_t i;

	for (i = 0; i < UNITS; i++) {
		format_in(number, sizeof(number), bytes, i);
		snprintf(text, size, "%s %s", number, units[i]);
		if (strlen(text) <= width)
			break;
	}
}

/* "200 / 12288 MiB", likewise. */
static void format_pool(char *text, size_t size, const struct pool *pool,
			size_t width)
{
	char used[24], total[24];
	size_t i;

	if (!pool->total) {
		format_bytes(used, sizeof(used), pool->used, width - 6);
		snprintf(text, size, "%s / N/A", used);
		return;
	}
	for (i = 0; i < UNITS; i++) {
		format_in(used, sizeof(used), pool->used, i);
		format_in(total, sizeof(total), pool->total, i);
		snprintf(text, size, "%s / %s %s", used, total, units[i]);
		if (strlen(text) <= width)
			break;
	}
}

/*
 * Text of others, fit to stand in a terminal and in a width: what is not
 * printable ASCII becomes a question mark for each character of UTF-8, what is
 * cut off is told by a plus, as ps does.
 */
static void sanitise(char *to, size_t width, const char *from)
{
	size_t len = 0;

	for (; *from; from++) {
		unsigned char c = *from;

		if ((c & 0xc0) == 0x80)	/* goes on */
			continue;
		if (len == width) {
			to[width - 1] = '+';
			break;
		}
		to[len++] = c < ' ' || c > '~' ? '?' : c;
	}
	to[len] = '\0';
}

static void print_head(FILE *out, const struct snapshot *snap)
{
	char when[64], versions[160];
	struct tm tm;

	localtime_r(&snap->time, &tm);
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	fprintf(out, "%s\n", when);
	rule(out, '+', '-', 0);
	snprintf(versions, sizeof(versions), "ttmem: %-18.18s TT-KMD: %.18s",
		 *snap->ttmem ? snap->ttmem : "N/A",
		 *snap->tt_kmd ? snap->tt_kmd : "N/A");
	boxed(out, " ttmem-smi %-19.19s %s", TTMEM_VERSION, versions);
	rule(out, '|', '-', '+');
	fprintf(out, "| %4s %-16s %-13s | %4s %*s %*s |\n", "Card", "Board",
		"Bus id", "Chip", DRAM_WIDTH, "DRAM used / total", L1_WIDTH,
		"L1 used/total");
	fprintf(out, "|      %-5s  %-6s  %-15s | %*s |\n", "Temp", "Power",
		"Clock", RIGHT - 2, "");
	rule(out, '|', '=', '+');
}

static void print_card(FILE *out, const struct card *card)
{
	char temperature[32] = "N/A", power[32] = "N/A", clock[32] = "N/A";
	char left[2][128], board[17];
	size_t i;

	if (card->has_temperature)
		snprintf(temperature, sizeof(temperature), "%lld C",
			 (long long)(card->temperature +
				     (card->temperature < 0 ? -500 : 500)) /
			 1000);
	if (card->has_power)
		snprintf(power, sizeof(power), "%llu W",
			 (unsigned long long)(card->power + 500000) / 1000000);
	if (card->has_clock)
		snprintf(clock, sizeof(clock), "%llu MHz",
			 (unsigned long long)card->clock);
	sanitise(board, sizeof(board) - 1, *card->board ? card->board : "N/A");
	snprintf(left[0], sizeof(left[0]), " %4u %-16s %-13.13s ",
		 card->id.number, board, card->id.address);
	snprintf(left[1], sizeof(left[1]), "      %-5s  %-6s  %s", temperature,
		 power, clock);

	for (i = 0; i < 2 || i < card->chips; i++) {
		char dram[64] = "", l1[64] = "", chip[24] = "";

		if (i < card->chips) {
			const struct pool *pool = card->chip[i].pool;

			snprintf(chip, sizeof(chip), "%zu", i);
			format_pool(dram, sizeof(dram), &pool[TTMEM_DRAM],
				    DRAM_WIDTH);
			format_pool(l1, sizeof(l1), &pool[TTMEM_L1], L1_WIDTH);
		} else if (!i) {
			strcpy(chip, "-");
			strcpy(dram, "N/A");
			strcpy(l1, "N/A");
		}
		fprintf(out, "|%-*.*s| %4.4s %*.*s %*.*s |\n", LEFT, LEFT,
			i < 2 ? left[i] : "", chip, DRAM_WIDTH, DRAM_WIDTH,
			dram, L1_WIDTH, L1_WIDTH, l1);
	}
}

static void print_process(FILE *out, const struct process *p)
{
	char dram[64] = "N/A", l1[64] = "N/A", user[10], command[25];
	char pid[16] = "-", chip[16] = "-";

	if (p->pid)
		snprintf(pid, sizeof(pid), "%d", p->pid);
	if (p->reports) {
		snprintf(chip, sizeof(chip), "%u", p->chip);
		format_bytes(dram, sizeof(dram), p->bytes[TTMEM_DRAM], 11);
		format_bytes(l1, sizeof(l1), p->bytes[TTMEM_L1], 9);
	}
	sanitise(user, sizeof(user) - 1, p->user ? p->user : "-");
	sanitise(command, sizeof(command) - 1, p->command ? p->command : "-");
	boxed(out, " %4u %4s %7s %-9s %11s %9s  %-24s", p->card, chip, pid,
	      user, dram, l1, command);
}

void print_table(FILE *out, const struct snapshot *snap)
{
	size_t i;

	print_head(out, snap);
	for (i = 0; i < snap->cards; i++) {
		print_card(out, &snap->card[i]);
		rule(out, '+', '-', '+');
	}
	fputc('\n', out);

	rule(out, '+', '-', 0);
	boxed(out, " Processes:");
	boxed(out, " %4s %4s %7s %-9s %11s %9s  %-24s", "Card", "Chip", "PID",
	      "User", "DRAM", "L1", "Command");
	rule(out, '|', '=', 0);
	for (i = 0; i < snap->processes; i++)
		print_process(out, &snap->process[i]);
	if (!snap->processes)
		boxed(out, "  No running processes found");
	rule(out, '+', '-', 0);
}
