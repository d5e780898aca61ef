// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table: 79 columns, or as many as the terminal has if these are more,
 * whatever it is given. Numbers change to larger units and text is cut rather
 * than pushing a border out.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

#define TABLE_MIN	79

/* The columns at 79; what more there is goes to the names and to the bars. */
#define BOARD_WIDTH	16
#define BUS_WIDTH	13
#define DRAM_WIDTH	18	/* "32768 / 32768 MiB" */
#define L1_WIDTH	13	/* "195 / 195 MiB" */
#define USER_WIDTH	9
#define COMMAND_WIDTH	24

/* Names are not given more than this. */
#define BOARD_MAX	(TTMEM_BOARD_SIZE - 1)
#define BUS_MAX		16	/* "10000000:e1:1f.7" */
#define USER_MAX	16

/* A bar of less says nothing: "[#####.....]  50%". */
#define BAR_MIN		16

/* Where per cent of a pool become worth a look, and a worry. */
#define YELLOW_FROM	75
#define RED_FROM	90

#define ROOM		(4 * 512)	/* a line, each column of four bytes */

struct layout {
	const struct style *style;
	int inner;		/* between the outer borders */
	int left;		/* a card's cell */
	int board;
	int bus;
	int dram_bar;		/* 0: none; else with the blank before it */
	int l1_bar;
	int user;
	int command;
};

enum paint { PLAIN, BOLD, DIM, GREEN, YELLOW, RED };

static const char *colour_of(const struct style *style, enum paint colour)
{
	static const char * const codes[] = {
		[PLAIN] = "\033[0m", [BOLD] = "\033[1m", [DIM] = "\033[2m",
		[GREEN] = "\033[32m", [YELLOW] = "\033[33m", [RED] = "\033[31m",
	};

	return style->colour ? codes[colour] : "";
}

static enum paint pool_colour(const struct pool *pool)
{
	int percent = percent_used(pool);

	if (percent >= RED_FROM)
		return RED;
	if (percent >= YELLOW_FROM)
		return YELLOW;
	return pool->used ? GREEN : PLAIN;
}

/* The horizontal lines: end, line, crossing, end. */
enum rule { TOP, HEAD, DOUBLE, CARDS, CARDS_END, WHOLE_DOUBLE, END };

static const struct {
	const char *ascii;
	const char *box[4];
} rules[] = {
	[TOP] = { "+--+", { "┌", "─", "─", "┐" } },
	[HEAD] = { "|-+|", { "├", "─", "┬", "┤" } },
	[DOUBLE] = { "|=+|", { "╞", "═", "╪", "╡" } },
	[CARDS] = { "+-++", { "├", "─", "┼", "┤" } },
	[CARDS_END] = { "+-++", { "└", "─", "┴", "┘" } },
	[WHOLE_DOUBLE] = { "|==|", { "╞", "═", "═", "╡" } },
	[END] = { "+--+", { "└", "─", "─", "┘" } },
};

static void rule_part(FILE *out, const struct layout *to, enum rule kind,
		      int part)
{
	if (to->style->utf8)
		fputs(rules[kind].box[part], out);
	else
		fputc(rules[kind].ascii[part], out);
}

static void print_rule(FILE *out, const struct layout *to, enum rule kind)
{
	int i;

	rule_part(out, to, kind, 0);
	for (i = 0; i < to->inner; i++)
		rule_part(out, to, kind, i == to->left ? 2 : 1);
	rule_part(out, to, kind, 3);
	fputc('\n', out);
}

static const char *border(const struct layout *to)
{
	return to->style->utf8 ? "│" : "|";
}

/* Text of so many columns, cut or padded. */
static void cell(FILE *out, const struct layout *to, int width,
		 const char *text)
{
	char fitted[ROOM];

	fputs(fit(fitted, sizeof(fitted), width, text, to->style->utf8), out);
}

/* A line through the whole box. */
static void __attribute__((format(printf, 4, 5)))
box_line(FILE *out, const struct layout *to, enum paint colour,
	 const char *format, ...)
{
	char line[ROOM];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(out, "%s%s", border(to), colour_of(to->style, colour));
	cell(out, to, to->inner, line);
	fprintf(out, "%s%s\n", colour == PLAIN ? "" :
		colour_of(to->style, PLAIN), border(to));
}

static void lay_out(struct layout *to, const struct style *style)
{
	int more = style->width > TABLE_MIN ? style->width - TABLE_MIN : 0;
	int names, rest;

	memset(to, 0, sizeof(*to));
	to->style = style;
	to->inner = TABLE_MIN - 2 + more;

	names = more < BOARD_MAX - BOARD_WIDTH ? more : BOARD_MAX - BOARD_WIDTH;
	to->board = BOARD_WIDTH + names;
	rest = more - names;
	names = rest < BUS_MAX - BUS_WIDTH ? rest : BUS_MAX - BUS_WIDTH;
	to->bus = BUS_WIDTH + names;
	rest -= names;
	if (rest >= 2 * BAR_MIN) {
		to->dram_bar = rest - rest / 2;
		to->l1_bar = rest / 2;
	} else if (rest >= BAR_MIN) {
		to->dram_bar = rest;
	} else {
		to->bus += rest;
	}
	/* Blanks, the card's number, and the two names. */
	to->left = 8 + to->board + to->bus;

	names = more < USER_MAX - USER_WIDTH ? more : USER_MAX - USER_WIDTH;
	to->user = USER_WIDTH + names;
	to->command = COMMAND_WIDTH + more - names;
}

/* The time, and the versions of all that takes part. */
static void print_head(FILE *out, const struct layout *to,
		       const struct snapshot *snap)
{
	char when[64], versions[160], left[ROOM];
	struct tm tm;

	localtime_r(&snap->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	fprintf(out, "%s\n", when);
	print_rule(out, to, TOP);
	snprintf(versions, sizeof(versions), "ttmem: %-18.18s TT-KMD: %.18s",
		 *snap->ttmem ? snap->ttmem : "N/A",
		 *snap->tt_kmd ? snap->tt_kmd : "N/A");
	box_line(out, to, BOLD, " ttmem-smi %-19.19s %s", TTMEM_VERSION,
		 versions);
	print_rule(out, to, HEAD);

	fprintf(out, "%s%s", border(to), colour_of(to->style, BOLD));
	snprintf(left, sizeof(left), " %4s %-*s %s", "Card", to->board, "Board",
		 "Bus id");
	cell(out, to, to->left, left);
	fprintf(out, "%s%s%s %4s %*s%*s %*s%*s %s%s\n",
		colour_of(to->style, PLAIN), border(to),
		colour_of(to->style, BOLD), "Chip", DRAM_WIDTH,
		"DRAM used / total", to->dram_bar, "", L1_WIDTH,
		"L1 used/total", to->l1_bar, "", colour_of(to->style, PLAIN),
		border(to));
	fprintf(out, "%s%s", border(to), colour_of(to->style, BOLD));
	cell(out, to, to->left, "      Temp   Power   Clock");
	fprintf(out, "%s%s%*s%s\n", colour_of(to->style, PLAIN), border(to),
		to->inner - to->left - 1, "", border(to));
	print_rule(out, to, DOUBLE);
}

/* " [#####.....]  50%" in so many columns. */
static void print_bar(FILE *out, const struct layout *to, int width,
		      const struct pool *pool)
{
	int percent = percent_used(pool), inner = width - 8, full, i;

	if (percent < 0) {
		fprintf(out, "%*s", width, "");
		return;
	}
	full = percent < 100 ? (percent * inner + 50) / 100 : inner;
	fputs(" [", out);
	for (i = 0; i < inner; i++) {
		if (to->style->utf8)
			fputs(i < full ? "█" : "░", out);
		else
			fputc(i < full ? '#' : '.', out);
	}
	fprintf(out, "] %3d%%", percent);
}

static void print_pool(FILE *out, const struct layout *to, int width, int bar,
		       const struct pool *pool, bool at_least)
{
	enum paint colour = pool_colour(pool);
	char text[64];

	format_pool(text, sizeof(text), pool->used, pool->total, at_least, width);
	fprintf(out, " %s%*.*s", colour == PLAIN ? "" :
		colour_of(to->style, colour), width, width, text);
	if (bar)
		print_bar(out, to, bar, pool);
	if (colour != PLAIN)
		fputs(colour_of(to->style, PLAIN), out);
}

static void print_card(FILE *out, const struct layout *to,
		       const struct card *card)
{
	char temperature[32] = "N/A", power[32] = "N/A", clock[32] = "N/A";
	char left[2][ROOM], board[4 * BOARD_MAX + 1], bus[4 * 64];
	size_t i;

	if (card->has_temperature) {
		format_milli(temperature, sizeof(temperature) - 2,
			     card->temperature, 0);
		strcat(temperature, " C");
	}
	if (card->has_power) {
		format_milli(power, sizeof(power) - 2, card->power / 1000, 0);
		strcat(power, " W");
	}
	if (card->has_clock)
		snprintf(clock, sizeof(clock), "%llu MHz",
			 (unsigned long long)card->clock);
	fit(board, sizeof(board), to->board, *card->board ? card->board : "N/A",
	    to->style->utf8);
	fit(bus, sizeof(bus), to->bus < 60 ? to->bus : 60, card->id.address,
	    false);
	snprintf(left[0], sizeof(left[0]), " %4u %s %s", card->id.number, board,
		 bus);
	snprintf(left[1], sizeof(left[1]), "      %-5s  %-6s  %s", temperature,
		 power, clock);

	for (i = 0; i < 2 || i < card->chips; i++) {
		fputs(border(to), out);
		cell(out, to, to->left, i < 2 ? left[i] : "");
		fputs(border(to), out);
		if (i < card->chips) {
			const struct pool *pool = card->chip[i].pool;

			fprintf(out, " %4zu", i);
			print_pool(out, to, DRAM_WIDTH, to->dram_bar,
				   &pool[TTMEM_DRAM], maybe_silent(card));
			print_pool(out, to, L1_WIDTH, to->l1_bar,
				   &pool[TTMEM_L1], maybe_silent(card));
		} else {
			const char *none = i ? "" : "N/A";

			fprintf(out, " %4s %*s%*s %*s%*s", i ? "" : "-",
				DRAM_WIDTH, none, to->dram_bar, "", L1_WIDTH,
				none, to->l1_bar, "");
		}
		fprintf(out, " %s\n", border(to));
	}
}

static void print_process(FILE *out, const struct layout *to,
			  const struct process *p)
{
	char dram[64] = "N/A", l1[64] = "N/A", pid[16] = "-", chip[16] = "-";

	if (p->pid)
		snprintf(pid, sizeof(pid), "%d", p->pid);
	if (p->reports) {
		snprintf(chip, sizeof(chip), "%u", p->chip);
		format_bytes(dram, sizeof(dram), p->bytes[TTMEM_DRAM], 11);
		format_bytes(l1, sizeof(l1), p->bytes[TTMEM_L1], 9);
	}
	fprintf(out, "%s %4u %4.4s %7.7s ", border(to), p->card, chip, pid);
	cell(out, to, to->user, p->user ? p->user : "-");
	fprintf(out, " %11.11s %9.9s  ", dram, l1);
	cell(out, to, to->command, p->command ? p->command : "-");
	fprintf(out, " %s\n", border(to));
}

/* What stands below the table: a line each for silent processes and for chips. */
static void print_silent(FILE *out, const struct snapshot *snap)
{
	const struct silent_use *use = NULL;
	uint64_t processes = 0;
	bool differ = false;
	char text[64];
	size_t i;

	for (i = 0; i < snap->cards; i++) {
		const struct silent_use *one = &snap->card[i].silent;

		if (!one->known || !one->processes)
			continue;
		add_bytes(&processes, one->processes);
		differ |= use && one->why != use->why;
		if (!use || one->processes > use->processes)
			use = one;
	}
	if (use)
		fprintf(out, "+ %" PRIu64 " %s not tell what %s: %s\n",
			processes, processes == 1 ? "process (N/A) does" : "processes (N/A) do",
			processes == 1 ? "it holds" : differ ? "they hold; of most" : "they hold",
			silent_sentence(snap, use));
	if (snap->metald.running && snap->metald.unplaced) {
		format_bytes(text, sizeof(text), snap->metald.unplaced, 20);
		fprintf(out, "%s are counted of chips that cannot be placed: sudo ttmem-metald --chips DESCRIPTOR\n",
			text);
	}
}

void print_table(FILE *out, const struct snapshot *snap,
		 const struct style *style)
{
	struct layout to;
	size_t i;

	lay_out(&to, style);
	print_head(out, &to, snap);
	for (i = 0; i < snap->cards; i++) {
		print_card(out, &to, &snap->card[i]);
		print_rule(out, &to, i + 1 < snap->cards ? CARDS : CARDS_END);
	}
	fputc('\n', out);

	/* The lower box has no second cell. */
	to.left = -1;
	print_rule(out, &to, TOP);
	box_line(out, &to, BOLD, " Processes:");
	box_line(out, &to, BOLD, " %4s %4s %7s %-*s %11s %9s  %s", "Card",
		 "Chip", "PID", to.user, "User", "DRAM", "L1", "Command");
	print_rule(out, &to, WHOLE_DOUBLE);
	for (i = 0; i < snap->processes; i++)
		print_process(out, &to, &snap->process[i]);
	if (!snap->processes_known)
		box_line(out, &to, DIM, "  N/A: the list of processes cannot be read");
	else if (!snap->processes)
		box_line(out, &to, DIM, "  No running processes found");
	print_rule(out, &to, END);
	print_silent(out, snap);
}
