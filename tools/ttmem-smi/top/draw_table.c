// SPDX-License-Identifier: GPL-2.0-only
/* The table of processes. */
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>

#include "top/draw.h"
#include "top/model.h"
#include "top/ui.h"
#include "ttmem.h"

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

void draw_table(const struct top *top, struct ui *ui)
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
