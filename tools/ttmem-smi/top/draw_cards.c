// SPDX-License-Identifier: GPL-2.0-only
/* The head, and the chips below it. */
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "text/text.h"
#include "top/draw.h"
#include "top/model.h"
#include "top/ui.h"

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
	char name[24], heat[32] = "", power[32] = "";

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

	if (card->has_temperature) {
		format_milli(heat, sizeof(heat), card->temperature, 0);
		strcat(heat, " C");
	}
	if (card->has_power) {
		format_milli(power, sizeof(power), card->power / 1000, 0);
		strcat(power, " W");
	}
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

void draw_chips(const struct top *top, struct ui *ui)
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

void draw_head(const struct top *top, const struct ui *ui)
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
