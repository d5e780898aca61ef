/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of top share that draw: top_draw.c has the screen, top_meter.c a memory. */
#ifndef TTMEM_TOP_DRAW_H
#define TTMEM_TOP_DRAW_H

#include "top.h"

#define ROW_MAX		1024	/* columns at the most */

/* How things look. Without colours all but text is told by signs too. */
enum look { LOW = 1, MIDDLE, HIGH, HEAD, CHOSEN, ATTRIBUTES };

/**
 * look_of() - how to draw something
 * @name: what
 * Return: attributes of ncurses
 */
int look_of(enum look name);

/**
 * print() - draw text of exactly so many columns
 * @ui: whether there is more than ASCII
 * @y: the line
 * @x: the first column
 * @width: how many columns
 * @format: as for printf()
 */
void __attribute__((format(printf, 5, 6)))
print(const struct ui *ui, int y, int x, int width, const char *format, ...);

/**
 * draw_pool() - draw a memory: a bar, and its graph beside it or below
 * @ui: what to draw with, and in how many lines
 * @y: the first line
 * @x: the first column
 * @width: how many columns
 * @name: the memory
 * @pool: its numbers
 */
void draw_pool(const struct ui *ui, int y, int x, int width, const char *name,
	       const struct top_pool *pool);

/**
 * past_of_lines() - how far graphs of one line go back, beside which is no room
 * @top: the model
 * @ui: what is drawn
 * @width: columns of a memory
 * @text: out: the time
 * @size: size of @text
 * Return: whether there are such graphs
 */
bool past_of_lines(const struct top *top, const struct ui *ui, int width,
		   char *text, size_t size);

#endif /* TTMEM_TOP_DRAW_H */
