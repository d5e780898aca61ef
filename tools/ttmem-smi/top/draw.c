// SPDX-License-Identifier: GPL-2.0-only
/*
 * What top looks like. All is drawn anew each time, ncurses sends what differs.
 * The functions are explained in draw.h.
 */
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>

#include "text/text.h"
#include "top/draw.h"
#include "top/model.h"
#include "top/ui.h"

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

int draw_sentence(const struct ui *ui, int y, int x, int width, int lines,
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

int draw_keys(const struct ui *ui, int x, const char * const (*keys)[2])
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

		snprintf(text, sizeof(text), "Too small: %dx%d; %dx%d needed",
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
