/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen. Others call what comes first; a file draws each part of it.
 */
#ifndef TTMEM_SMI_TOP_DRAW_H
#define TTMEM_SMI_TOP_DRAW_H

#include <stdbool.h>
#include <stddef.h>

#include "top/model.h"
#include "top/ui.h"

/**
 * draw_begin() - take the colours
 * @ui: @colour is cleared if the terminal has none
 */
void draw_begin(struct ui *ui);

/**
 * draw() - draw all of the screen
 * @top: the model, arranged
 * @ui: what to draw of it; places beyond the end are brought back
 */
void draw(const struct top *top, struct ui *ui);

/* What the parts of the screen share. */

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
 * draw_sentence() - break a sentence into lines at its blanks
 * @ui: what to draw with
 * @y: the first line
 * @x: the first column
 * @width: how many columns
 * @lines: how many lines at the most
 * @text: the sentence
 * Return: how many lines there were
 */
int draw_sentence(const struct ui *ui, int y, int x, int width, int lines,
		  const char *text);

/**
 * draw_keys() - names of keys and what they do at the foot, as many as there is room for
 * @ui: what to draw with
 * @x: the first column
 * @keys: the names, and what they do; an empty one ends them
 * Return: the column behind
 */
int draw_keys(const struct ui *ui, int x, const char * const (*keys)[2]);

/* draw_cards.c */

/* The first line, of all cards together. */
void draw_head(const struct top *top, const struct ui *ui);

/* The chips; the place of the first that is seen is brought back where it is beyond the end. */
void draw_chips(const struct top *top, struct ui *ui);

/* draw_table.c */

/* How a column of the table is called in the menu, by enum top_sort. */
extern const char * const sort_names[SORTS];

/* The processes, likewise. */
void draw_table(const struct top *top, struct ui *ui);

/* draw_held.c */

/* What a process has reserved, likewise. */
void draw_held(struct ui *ui);

/* draw_help.c */

void draw_help(struct ui *ui);

/* meter.c */

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

#endif /* TTMEM_SMI_TOP_DRAW_H */
