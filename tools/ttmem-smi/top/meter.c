// SPDX-License-Identifier: GPL-2.0-only
/* How top draws a memory: a bar of what is used now, and a graph of the past. */
#include <ncurses.h>
#include <string.h>

#include "top/draw.h"
#include "top/model.h"
#include "top/ui.h"
#include "ttmem.h"

/* From these on a memory is called rather full and full, in thousandths. */
#define LEVEL_MIDDLE	700
#define LEVEL_HIGH	900

static enum look level_of(unsigned int part)
{
	return part >= LEVEL_HIGH ? HIGH : part >= LEVEL_MIDDLE ? MIDDLE : LOW;
}

/* What a full bar stands for: the capacity, else the most that was seen. */
static uint64_t scale_of(const struct top_pool *pool)
{
	uint64_t most = 1, value;
	size_t i;

	if (pool->total)
		return pool->total;
	for (i = 0; history_get(&pool->history, i, &value, NULL); i++)
		if (value > most)
			most = value;
	return most;
}

/* "DRAM[||||||      4.2G/12.0G]" */
static void draw_bar(int y, int x, int width, const char *name,
		     const struct top_pool *pool)
{
	char used[16], total[16], percent[16], text[64], bar[ROW_MAX + 1];
	int inner = width - (int)strlen(name) - 2, full = 0, len, i;
	const char *plus = pool->at_least ? "+" : "";
	enum look level = LOW;
	unsigned int part;

	if (inner < 4 || inner > ROW_MAX)
		return;
	short_bytes(used, sizeof(used), pool->used);
	short_bytes(total, sizeof(total), pool->total);
	part = pool->total ? permille(pool->used, pool->total) : 0;
	if (part && part < 5)
		strcpy(percent, "<1%");
	else
		snprintf(percent, sizeof(percent), "%u%%", (part + 5) / 10);
	if (!pool->total)
		snprintf(text, sizeof(text), "%s%s", used, plus);
	else if (width >= 26)
		snprintf(text, sizeof(text), "%s%s/%s %3s", used, plus, total,
			 percent);
	else if (inner >= 15)
		snprintf(text, sizeof(text), "%s%s/%s", used, plus, total);
	else
		snprintf(text, sizeof(text), "%s%s", percent, plus);

	if (pool->total) {
		full = (int)part * inner / 1000;
		if (part && !full)
			full = 1;
		level = level_of(part);
	}
	len = strlen(text);
	memset(bar, ' ', inner);
	memset(bar, '|', full);
	if (len <= inner)
		memcpy(bar + inner - len, text, len);
	bar[inner] = '\0';

	attron(look_of(HEAD));
	mvaddstr(y, x, name);
	attroff(look_of(HEAD));
	addch('[');
	for (i = 0; i < inner; i++) {
		int how = i < full ? look_of(level) : 0;

		if (i >= inner - len)
			how |= A_BOLD;
		addch((unsigned char)bar[i] | how);
	}
	addch(']');
}

/* A column of a graph, in eighths of a line. */
static const char *glyph(int eighths, bool utf8)
{
	static const char * const blocks[] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588",
	};
	static const char * const signs[] = {
		" ", ".", ".", ".", ":", ":", ":", "#", "#",
	};

	eighths = eighths < 0 ? 0 : eighths > 8 ? 8 : eighths;
	return utf8 ? blocks[eighths] : signs[eighths];
}

/* The past, the last sample at the right. */
static void draw_graph(const struct ui *ui, int y, int x, int width, int height,
		       const struct top_pool *pool)
{
	uint64_t scale = scale_of(pool), value;
	int column, row;

	for (column = 0; column < width; column++) {
		unsigned int part;
		int eighths, how;

		if (!history_get(&pool->history, width - 1 - column, &value,
				 NULL) || !value)
			continue;
		part = permille(value, scale);
		eighths = part * height * 8 / 1000;
		if (!eighths)
			eighths = 1;
		how = look_of(pool->total ? level_of(part) : LOW);
		attron(how);
		for (row = 0; row * 8 < eighths; row++)
			mvaddstr(y + height - 1 - row, x + column,
				 glyph(eighths - row * 8, ui->utf8));
		attroff(how);
	}
}

/* Columns beside a graph, for what it is in, and a blank. */
#define SCALE		6

/* Beside a graph of so many columns: what its top is, and its left end. */
static void draw_scale(const struct ui *ui, int y, int x, int width, int height,
		       const struct top_pool *pool)
{
	char text[16];

	if (height > 1) {
		short_bytes(text, sizeof(text), scale_of(pool));
		print(ui, y, x, SCALE - 1, "%s", text);
	}
	text[0] = '-';
	short_time(text + 1, sizeof(text) - 1,
		   history_age(&pool->history, width - 1, ui->delay));
	print(ui, y + height - 1, x, SCALE - 1, "%s", text);
}

/* Columns of a graph beside its bar. */
static int line_graph(int width)
{
	return width >= 28 ? width / 3 : 0;
}

void draw_pool(const struct ui *ui, int y, int x, int width, const char *name,
	       const struct top_pool *pool)
{
	int height = ui->layout.meter_height - 1, graph = line_graph(width);

	if (height > 0) {
		draw_bar(y, x, width, name, pool);
		draw_scale(ui, y + 1, x, width - SCALE, height, pool);
		draw_graph(ui, y + 1, x + SCALE, width - SCALE, height, pool);
		return;
	}
	draw_bar(y, x, width - graph - !!graph, name, pool);
	draw_graph(ui, y, x + width - graph, graph, 1, pool);
}

bool past_of_lines(const struct top *top, const struct ui *ui, int width,
		   char *text, size_t size)
{
	int graph = line_graph(width);

	if (ui->layout.meter_height > 1 || !graph || !top->chips)
		return false;
	short_time(text, size,
		   history_age(&top->chip[0]->pool[TTMEM_DRAM].history,
			       graph - 1, ui->delay));
	return true;
}
