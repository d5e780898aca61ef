// SPDX-License-Identifier: GPL-2.0-only
/*
 * What top looks like. All is drawn anew each time, ncurses sends what differs.
 * The functions are explained in top.h.
 */
#include <ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "top_draw.h"

static int attributes[ATTRIBUTES];

int look_of(enum look name)
{
	return attributes[name];
}

/* Text of exactly so many columns. */
static void put(int y, int x, int width, const char *text, bool utf8)
{
	char line[ROW_MAX * 4 + 1];

	if (width <= 0)
		return;
	if (width > ROW_MAX)
		width = ROW_MAX;
	fit(line, sizeof(line), width, text, utf8);
	mvaddstr(y, x, line);
}

void print(const struct ui *ui, int y, int x, int width, const char *format, ...)
{
	char text[ROW_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(y, x, width, text, ui->utf8);
}

/* Room for what a card is called, with the most for a board's name. */
#define LABEL_SHORT	6
#define LABEL_LONG	14
#define LABEL_BOARD	6	/* where its name begins, and a blank behind it */
#define LABEL_MOST	21

/* One width for all, so that their bars begin at the same place. */
static int label_width(const struct top *top, const struct ui *ui)
{
	int width = LABEL_LONG, needed;
	size_t i;

	if (ui->layout.meter_width < 64)
		return LABEL_SHORT;
	for (i = 0; i < top->chips; i++) {
		needed = LABEL_BOARD + strlen(top->chip[i]->card.board);
		if (needed > width)
			width = needed;
	}
	return width < LABEL_MOST ? width : LABEL_MOST;
}

static void draw_label(const struct ui *ui, int y, int x, int width,
		       const struct top_chip *chip)
{
	const struct card *card = &chip->card;
	char name[24], heat[24] = "", power[24] = "";

	if (card->id.chips > 1)
		snprintf(name, sizeof(name), "%u.%u", card->id.number,
			 chip->chip);
	else
		snprintf(name, sizeof(name), "%u", card->id.number);
	if (width < LABEL_LONG)
		print(ui, y, x, width - 1, "%s", name);
	else
		print(ui, y, x, width - 1, "%-4s %s", name, card->board);
	if (ui->layout.meter_height < 2 || width < LABEL_LONG)
		return;

	if (card->has_temperature)
		snprintf(heat, sizeof(heat), "%d C",
			 (int)(card->temperature / 1000));
	if (card->has_power)
		snprintf(power, sizeof(power), "%u W",
			 (unsigned int)(card->power / 1000000));
	print(ui, y + 1, x, width - 1, "%s%s%s", heat,
	      *heat && *power ? "  " : "", power);
	if (ui->layout.meter_height > 2 && card->has_clock)
		print(ui, y + 2, x, width - 1, "%u MHz",
		      (unsigned int)card->clock);
	if (ui->layout.meter_height > 3)
		print(ui, y + 3, x, width - 1, "%s", card->id.address);
}

/* Columns of a memory of a chip. */
static int pool_width(const struct ui *ui, int label)
{
	return (ui->layout.meter_width - label - 2) / 2;
}

static void draw_chip(const struct ui *ui, int y, int x, int label,
		      const struct top_chip *chip)
{
	int half = pool_width(ui, label);

	if (chip->card.id.address[0])
		draw_label(ui, y, x, label, chip);
	else
		print(ui, y, x, label - 1, "all");
	if (!chip->followed) {
		print(ui, y, x + label, ui->layout.meter_width - label - 1,
		      "ttmem does not follow this card");
		return;
	}
	draw_pool(ui, y, x + label, half, "DRAM", &chip->pool[TTMEM_DRAM]);
	draw_pool(ui, y, x + label + half + 1, half, "L1",
		  &chip->pool[TTMEM_L1]);
}

/* All chips as one. */
static void sum_chips(const struct top *top, struct top_chip *sum)
{
	unsigned int memory;
	size_t age, i;

	memset(sum, 0, sizeof(*sum));
	sum->followed = true;
	for (memory = 0; memory < 2; memory++) {
		struct top_pool *pool = &sum->pool[memory];

		top_sum(top, memory, &pool->used, &pool->total);
		for (i = 0; i < top->chips; i++)
			pool->at_least |= top->chip[i]->pool[memory].at_least;
		for (age = HISTORY; age--;) {
			uint64_t value, all = 0;
			double time = 0;
			bool any = false;

			for (i = 0; i < top->chips; i++) {
				if (!history_get(&top->chip[i]->pool[memory].history,
						 age, &value, &time))
					continue;
				any = true;
				add_bytes(&all, value);
			}
			if (any)
				history_add(&pool->history, all, time);
		}
	}
}

/* Break a sentence into lines at its blanks. Return how many there were. */
static int draw_sentence(const struct ui *ui, int y, int x, int width, int lines,
			 const char *text)
{
	int line;

	for (line = 0; line < lines && *text; line++) {
		int len = strlen(text);

		if (len > width)
			for (len = width; len && text[len] != ' '; len--)
				;
		if (!len)
			len = width;
		print(ui, y + line, x, width, "%.*s", len, text);
		text += len;
		text += *text == ' ';
	}
	return line;
}

static void draw_chips(const struct top *top, struct ui *ui)
{
	const struct layout *l = &ui->layout;
	int columns = l->meter_columns, label = label_width(top, ui);
	int lines, line, column;
	struct top_chip *sum;

	if (!top->chips) {
		attron(A_BOLD);
		draw_sentence(ui, 1, 1, l->columns - 2,
			      l->meter_rows * l->meter_height, top->problem);
		attroff(A_BOLD);
		return;
	}
	if (ui->collapsed) {
		sum = malloc(sizeof(*sum));
		if (!sum)
			out_of_memory();
		sum_chips(top, sum);
		draw_chip(ui, 1, 0, label, sum);
		free(sum);
		return;
	}

	lines = (top->chips + columns - 1) / columns;
	if (ui->first_meter > lines - l->meter_rows)
		ui->first_meter = lines - l->meter_rows;
	if (ui->first_meter < 0)
		ui->first_meter = 0;
	/* Numbers go down the columns, as they do in a list. */
	for (line = 0; line < l->meter_rows; line++) {
		for (column = 0; column < columns; column++) {
			size_t i = column * lines + ui->first_meter + line;

			if (ui->first_meter + line < lines && i < top->chips)
				draw_chip(ui, 1 + line * l->meter_height,
					  column * l->meter_width, label,
					  top->chip[i]);
		}
	}
}

static void draw_head(const struct top *top, const struct ui *ui)
{
	const struct layout *l = &ui->layout;
	char text[512], right[64], used[16], total[16], past[16];
	unsigned int memory;
	size_t len;

	len = snprintf(text, sizeof(text),
		       "ttmem-smi top  %zu card%s, %zu process%s", top->cards,
		       top->cards == 1 ? "" : "s", top->processes,
		       top->processes == 1 ? "" : "es");
	if (*top->filter)
		len += snprintf(text + len, sizeof(text) - len, ", %zu match",
				top->shown_count);
	for (memory = 0; top->chips && memory < 2; memory++) {
		uint64_t bytes, of;

		top_sum(top, memory, &bytes, &of);
		short_bytes(used, sizeof(used), bytes);
		short_bytes(total, sizeof(total), of);
		len += snprintf(text + len, sizeof(text) - len, "  %s %s%s%s",
				memory == TTMEM_DRAM ? "DRAM" : "L1", used,
				of ? "/" : "", of ? total : "");
	}
	snprintf(right, sizeof(right), " %.3gs", ui->delay);
	if (ui->paused)
		strcpy(right, " PAUSED");
	else if (past_of_lines(top, ui, pool_width(ui, label_width(top, ui)),
			       past, sizeof(past)) &&
		 len + strlen(right) + strlen(past) + 8 <= (size_t)l->columns)
		snprintf(right, sizeof(right), " graph %s, %.3gs", past,
			 ui->delay);
	attron(A_BOLD);
	print(ui, 0, 0, l->columns - strlen(right), "%s", text);
	print(ui, 0, l->columns - strlen(right), strlen(right), "%s", right);
	attroff(A_BOLD);
}

/* The columns of the table: those that have room, from left to right. */
static const struct column {
	const char *title;
	int width;		/* negative: text, at the left */
	enum top_sort sort;
	int from;		/* columns of the terminal that it takes */
} table_columns[] = {
	{ "PID", 7, SORT_PID, 0 },
	{ "USER", -9, SORT_USER, 72 },
	{ "CARDS", -6, SORT_CARDS, 60 },
	{ "DRAM", 6, SORT_DRAM, 0 },
	{ "L1", 6, SORT_L1, 0 },
	{ "RESV", 7, SORT_RESERVATIONS, 100 },
	{ "CPU%", 6, SORT_CPU, 0 },
	{ "MEM", 6, SORT_MEMORY, 60 },
	{ "COMMAND", -ROW_MAX, SORT_COMMAND, 0 },
};

#define COLUMNS_OF_TABLE	(sizeof(table_columns) / sizeof(table_columns[0]))

const char * const sort_names[SORTS] = {
	[SORT_DRAM] = "DRAM",
	[SORT_L1] = "L1",
	[SORT_CPU] = "CPU% of the host",
	[SORT_MEMORY] = "MEM of the host",
	[SORT_PID] = "PID",
	[SORT_USER] = "USER",
	[SORT_CARDS] = "CARDS",
	[SORT_RESERVATIONS] = "RESV, reservations",
	[SORT_COMMAND] = "COMMAND",
};

static bool falls(const struct top *top)
{
	bool down = top->sort == SORT_DRAM || top->sort == SORT_L1 ||
		    top->sort == SORT_CPU || top->sort == SORT_MEMORY ||
		    top->sort == SORT_RESERVATIONS;

	return down != top->reverse;
}

static void cell(const struct top_process *p, enum top_sort column, char *text,
		 size_t size)
{
	switch (column) {
	case SORT_PID:
		if (p->key.pid)
			snprintf(text, size, "%d", p->key.pid);
		else
			snprintf(text, size, "-");
		break;
	case SORT_USER:
		snprintf(text, size, "%s", p->user ? p->user : "-");
		break;
	case SORT_CARDS:
		snprintf(text, size, "%s", p->cards);
		break;
	case SORT_DRAM:
	case SORT_L1:
		if (p->reports)
			short_bytes(text, size, p->bytes[column == SORT_L1 ?
							 TTMEM_L1 : TTMEM_DRAM]);
		else
			snprintf(text, size, "N/A");
		break;
	case SORT_RESERVATIONS:
		if (p->reports)
			snprintf(text, size, "%llu",
				 (unsigned long long)p->reservations);
		else
			snprintf(text, size, "N/A");
		break;
	case SORT_CPU:
		if (p->cpu >= 0)
			snprintf(text, size, p->cpu < 999.95 ? "%.1f" : "%.0f",
				 p->cpu);
		else
			snprintf(text, size, "-");
		break;
	case SORT_MEMORY:
		if (p->has_host)
			short_bytes(text, size, p->memory);
		else
			snprintf(text, size, "-");
		break;
	default:
		snprintf(text, size, "%s", p->command ? p->command : "-");
	}
}

/* A line of the table, the head if there is no process. */
static void draw_line(const struct top *top, const struct ui *ui, int y,
		      const struct top_process *p)
{
	int end = ui->layout.columns, x = 0;
	char text[ROW_MAX];
	size_t i;

	for (i = 0; i < COLUMNS_OF_TABLE; i++) {
		const struct column *c = &table_columns[i];
		int width = abs(c->width);

		if (end < c->from)
			continue;
		if (width > end - x)
			width = end - x;
		if (p)
			cell(p, c->sort, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s%s", c->title,
				 c->sort != top->sort ? "" :
				 falls(top) ? "-" : "+");
		if (c->width < 0)
			print(ui, y, x, width, "%s", text);
		else
			print(ui, y, x, width, "%*s", width, text);
		x += width;
		if (x < end)
			print(ui, y, x++, 1, " ");
	}
}

static void draw_table(const struct top *top, struct ui *ui)
{
	const struct layout *l = &ui->layout;
	int how = look_of(CHOSEN), i;
	size_t rows = l->table_rows, last;

	attron(how);
	draw_line(top, ui, l->table, NULL);
	attroff(how);

	/* What is chosen stays in sight. */
	if (ui->at >= top->shown_count)
		ui->at = top->shown_count ? top->shown_count - 1 : 0;
	last = top->shown_count > rows ? top->shown_count - rows : 0;
	if (ui->first > last)
		ui->first = last;
	if (ui->first > ui->at)
		ui->first = ui->at;
	if (ui->first + rows <= ui->at)
		ui->first = ui->at + 1 - rows;

	for (i = 0; i < l->table_rows; i++) {
		size_t n = ui->first + i;

		if (n >= top->shown_count)
			break;
		how = n == ui->at && !ui->on_cards ? A_REVERSE : 0;
		attron(how);
		draw_line(top, ui, l->table + 1 + i, top->shown[n]);
		attroff(how);
	}
	if (!i && top->chips)
		print(ui, l->table + 1, 1, l->columns - 1, "%s",
		      top->unknown ? "N/A" : *top->filter ? "No process matches the filter" :
				     "No running processes found");
}

/*
 * Names of keys and what they do from column @x on, as many as there is room for.
 * Return the column behind.
 */
static int draw_keys(const struct ui *ui, int x, const char * const (*keys)[2])
{
	int y = ui->layout.rows - 1, how = look_of(CHOSEN);

	for (; (*keys)[0]; keys++) {
		int key = strlen((*keys)[0]), label = strlen((*keys)[1]);

		if (x + key + label >= ui->layout.columns)
			break;
		mvaddstr(y, x, (*keys)[0]);
		attron(how);
		mvaddstr(y, x + key, (*keys)[1]);
		attroff(how);
		x += key + label + 1;
	}
	return x;
}

static void draw_foot(const struct top *top, const struct ui *ui)
{
	static const char * const keys[][2] = {
		{ "F10", "Quit" }, { "F1", "Help" }, { "F4", "Filter" },
		{ "F6", "Sort" }, { "F9", "Kill" }, { "Enter", "Reservations" },
		{ "p", "Pause" }, { "c", "Cards" }, { "+-", "Delay" }, { }
	};
	static const char * const only[][2] = {
		{ "F10", "Quit" }, { "F1", "Help" }, { "F4", "Filter" },
		{ "F6", "Sort" }, { "Enter", "Reservations" }, { "p", "Pause" },
		{ "c", "Cards" }, { "+-", "Delay" }, { }
	};
	static const char * const more[][2] = { { "Tab", "More cards" }, { } };
	const struct layout *l = &ui->layout;
	int y = l->rows - 1, x = 0;

	if (ui->ask == ASK_FILTER) {
		print(ui, y, 0, ui->layout.columns, "Filter: %s_", top->filter);
	} else if (*ui->message || (*top->problem && top->chips)) {
		attron(A_BOLD);
		print(ui, y, 0, ui->layout.columns, "%s",
		      *ui->message ? ui->message : top->problem);
		attroff(A_BOLD);
	} else if (ui->on_cards) {
		print(ui, y, 0, ui->layout.columns,
		      "Arrows move the cards; Tab: processes");
	} else {
		/* Where some are out of sight, that is to be told first. */
		if (!ui->collapsed &&
		    (size_t)l->meter_rows * l->meter_columns < top->chips)
			x = draw_keys(ui, x, more);
		draw_keys(ui, x, ui->read_only ? only : keys);
	}
}

/* An empty box in the middle. Return its first line and column. */
static void draw_box(const struct ui *ui, int rows, int columns, int *y, int *x)
{
	int i;

	*y = (ui->layout.rows - rows) / 2;
	*x = (ui->layout.columns - columns) / 2;
	for (i = 0; i < rows; i++)
		print(ui, *y + i, *x, columns, " ");
}

static void draw_sort(const struct ui *ui)
{
	int y, x, i;

	attron(A_REVERSE);
	draw_box(ui, SORTS + 1, 28, &y, &x);
	print(ui, y, x + 1, 26, "Sort by");
	for (i = 0; i < SORTS; i++)
		print(ui, y + 1 + i, x + 1, 26, "%c %s",
		      i == (int)ui->choice ? '>' : ' ', sort_names[i]);
	attroff(A_REVERSE);
}

static void draw_kill(const struct ui *ui)
{
	int width = ui->layout.columns - 4 < 60 ? ui->layout.columns - 4 : 60;
	int y, x;

	attron(A_REVERSE);
	draw_box(ui, 8, width, &y, &x);
	print(ui, y, x + 1, width - 2, "End this process?");
	print(ui, y + 1, x + 1, width - 2, "%s", ui->who);
	print(ui, y + 3, x + 1, width - 2, "%c SIGTERM: ask it to end",
	      ui->choice ? ' ' : '>');
	print(ui, y + 4, x + 1, width - 2, "%c SIGKILL: end it at once",
	      ui->choice ? '>' : ' ');
	print(ui, y + 6, x + 1, width - 2, "Enter: send it   Esc: leave it");
	attroff(A_REVERSE);
}

static void held_line(const struct ui *ui, int y, const struct held *h)
{
	int end = ui->layout.columns, wide = end >= 70;
	int address = wide ? 18 : 10, size = wide ? 20 : 6;
	char chip[32] = "CHIP", memory[8] = "MEM", tag[16] = "TAG";
	char where[32] = "ADDRESS", bytes[32] = "SIZE", label[64] = "LABEL";

	if (h) {
		const struct ttmem_reservation *r = &h->is;

		snprintf(chip, sizeof(chip), "%u.%u", h->card, r->chip);
		snprintf(memory, sizeof(memory), "%s",
			 r->memory < 2 ? memory_names[r->memory] : "?");
		snprintf(tag, sizeof(tag), "%s", r->tag < TAGS ?
			 tag_names[r->tag] : "?");
		if (r->flags & TTMEM_RESERVE_ADDRESS)
			snprintf(where, sizeof(where), "0x%llx",
				 (unsigned long long)r->address);
		else
			strcpy(where, "-");
		if (wide)
			snprintf(bytes, sizeof(bytes), "%llu",
				 (unsigned long long)r->size);
		else
			short_bytes(bytes, sizeof(bytes), r->size);
		snprintf(label, sizeof(label), "%s", h->sum ? "(gauge or counter)" :
			 (const char *)r->label);
	}
	print(ui, y, 0, 5, "%s", chip);
	print(ui, y, 6, 4, "%s", memory);
	print(ui, y, 11, 8, "%s", tag);
	print(ui, y, 20, address, "%*s", address, where);
	print(ui, y, 21 + address, size, "%*s", size, bytes);
	print(ui, y, 22 + address + size, end - 22 - address - size, "%s",
	      label);
}

static void draw_held(struct ui *ui)
{
	static const char * const keys[][2] = {
		{ "Esc", "Back" }, { "Up/Down", "Scroll" }, { "p", "Pause" },
		{ }
	};
	const struct held_list *list = &ui->held;
	int rows = ui->layout.rows, how = look_of(CHOSEN), i;
	size_t room = rows - 4, last, sums = 0, count, n;
	char dram[16], l1[16], besides[64] = "", peak[2][16];
	uint64_t bytes[2] = { 0 };

	for (n = 0; n < list->count; n++) {
		const struct ttmem_reservation *r = &list->held[n].is;

		sums += list->held[n].sum;
		if (r->memory < 2)
			add_bytes(&bytes[r->memory], r->size);
	}
	short_bytes(dram, sizeof(dram), bytes[TTMEM_DRAM]);
	short_bytes(l1, sizeof(l1), bytes[TTMEM_L1]);
	short_bytes(peak[0], sizeof(peak[0]), ui->held_peak[TTMEM_DRAM]);
	short_bytes(peak[1], sizeof(peak[1]), ui->held_peak[TTMEM_L1]);
	count = list->count - sums;
	if (sums)
		snprintf(besides, sizeof(besides), ", %zu other%s", sums,
			 sums == 1 ? "" : "s");

	attron(A_BOLD);
	print(ui, 0, 0, ui->layout.columns, "%s", ui->who);
	attroff(A_BOLD);
	if (ui->held_gone)
		print(ui, 1, 0, ui->layout.columns,
		      "It has ended. This is what it held last:");
	else
		print(ui, 1, 0, ui->layout.columns,
		      "%zu reservation%s%s: DRAM %s, L1 %s; peak %s, %s%s",
		      count, count == 1 ? "" : "s", besides, dram, l1, peak[0],
		      peak[1], ui->held_attributed ? "; attributed" : "");
	attron(how);
	print(ui, 2, 0, ui->layout.columns, " ");
	held_line(ui, 2, NULL);
	attroff(how);

	last = list->count > room ? list->count - room : 0;
	if (ui->first_held > last)
		ui->first_held = last;
	for (i = 0; (size_t)i < room && ui->first_held + i < list->count; i++)
		held_line(ui, 3 + i, &list->held[ui->first_held + i]);
	if ((size_t)i < room && *list->problem)
		draw_sentence(ui, 3 + i, 0, ui->layout.columns, room - i,
			      list->problem);
	draw_keys(ui, 0, keys);
}

static const char * const help[] = {
	"q F10         quit",
	"h ? F1        this text; Esc goes back",
	"p Space       pause, and go on",
	"+ -           look less often, more often",
	"Up Down PgUp PgDn Home End",
	"              choose a process; it stays",
	"              chosen wherever it moves to",
	"Enter         its reservations: address,",
	"              size, memory, tag, label; and",
	"              above them its peaks",
	"k F9          end it: asks, and for which",
	"              signal; not with --read-only",
	"/ F4          only processes whose command",
	"              or user has this text in it,",
	"              or whose PID begins with it;",
	"              Esc shows all again",
	"s F6          choose what they are sorted by",
	"< >           by the column before, after",
	"D L P M N     by DRAM, L1, CPU%, MEM, PID",
	"r I           the other way round",
	"c             all cards in one line",
	"Tab           arrows scroll cards, processes",
	"Ctrl-L        draw the screen anew",
	"",
	"Each chip has a bar, used of total, and the",
	"past as a graph, now at the right. At its",
	"left stand what is at its top, and how far",
	"it goes back; the head tells that of graphs",
	"of one line. N/A is what is not known: a",
	"process that has the card open and reports",
	"nothing. Then + at the bar means: at least.",
	"",
	"CARDS         cards it uses",
	"DRAM L1       what it holds of their memory",
	"RESV          how many reservations",
	"CPU% MEM      what it takes of the host; 100",
	"              is one core",
};

#define HELP_LINES	(sizeof(help) / sizeof(help[0]))

static void draw_help(struct ui *ui)
{
	static const char * const keys[][2] = {
		{ "Esc", "Back" }, { "Up/Down", "Scroll" }, { "q", "Quit" }, { }
	};
	size_t room = ui->layout.rows - 3, last, i;

	attron(A_BOLD);
	print(ui, 0, 0, ui->layout.columns, "ttmem-smi top " TTMEM_VERSION);
	attroff(A_BOLD);
	last = room < HELP_LINES ? HELP_LINES - room : 0;
	if (ui->first_help > last)
		ui->first_help = last;
	for (i = 0; i < room && ui->first_help + i < HELP_LINES; i++)
		print(ui, 2 + i, 0, ui->layout.columns, "%s",
		      help[ui->first_help + i]);
	draw_keys(ui, 0, keys);
}

/*
 * Nobody tells whether the ground is dark or light. Of 256 colours these are in
 * the middle between black and white, the same on all terminals; of 8, which
 * each terminal has its own of, yellow, cyan and green are lost on white and
 * blue on black.
 */
static void take_colours(void)
{
	bool many = COLORS >= 256;

	use_default_colors();
	init_pair(LOW, many ? 28 : -1, -1);
	init_pair(MIDDLE, many ? 166 : COLOR_MAGENTA, -1);
	init_pair(HIGH, many ? 160 : COLOR_RED, -1);
	init_pair(HEAD, many ? 31 : -1, -1);
	init_pair(CHOSEN, many ? 231 : COLOR_BLACK, many ? 24 : COLOR_CYAN);
	attributes[LOW] = COLOR_PAIR(LOW);
	attributes[MIDDLE] = COLOR_PAIR(MIDDLE);
	attributes[HIGH] = COLOR_PAIR(HIGH);
	attributes[HEAD] = COLOR_PAIR(HEAD) | A_BOLD;
	attributes[CHOSEN] = COLOR_PAIR(CHOSEN);
}

void draw_begin(struct ui *ui)
{
	attributes[HEAD] = A_BOLD;
	attributes[CHOSEN] = A_REVERSE;
	ui->colour = ui->colour && has_colors() && start_color() == OK;
	if (ui->colour)
		take_colours();
}

void draw(const struct top *top, struct ui *ui)
{
	size_t meters = ui->collapsed ? 1 : top->chips;
	int highest = ui->collapsed ? 1 : top->chips ? 9 : 4;

	erase();
	layout_make(&ui->layout, LINES, COLS, meters, highest);
	if (ui->layout.too_small) {
		char text[128];

		snprintf(text, sizeof(text), "Too small: %dx%d takes %dx%d",
			 COLS, LINES, MIN_COLUMNS, MIN_ROWS);
		draw_sentence(ui, 0, 0, COLS, LINES, text);
	} else if (ui->view == VIEW_HELP) {
		draw_help(ui);
	} else if (ui->view == VIEW_HELD) {
		draw_held(ui);
	} else {
		draw_head(top, ui);
		draw_chips(top, ui);
		draw_table(top, ui);
		draw_foot(top, ui);
		if (ui->ask == ASK_SORT)
			draw_sort(ui);
		else if (ui->ask == ASK_KILL)
			draw_kill(ui);
	}
	refresh();
}
