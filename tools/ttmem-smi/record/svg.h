/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the picture of a recording: svg.c has the page, svg_panel.c a memory. */
#ifndef TTMEM_SMI_SVG_H
#define TTMEM_SMI_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "record/recording.h"

#define SVG_LEFT	100	/* of the plots */
#define SVG_PLOT	760	/* their width */

/* Who is told apart on a card; the others are drawn as one. */
#define COLOURS		8
#define OTHERS		COLOURS
#define UNTOLD		(COLOURS + 1)	/* what no holder of the file holds */
#define LAYERS		(COLOURS + 2)

/* Their fills; svg.c's style has what differs on a dark ground. */
extern const char * const svg_fills[LAYERS];

/* How a card is drawn: whose each layer is, the largest first, in what colour. */
struct scene {
	const struct recording *rec;
	size_t card;
	size_t holder[COLOURS];
	size_t colour[LAYERS];
	unsigned int holders;
	unsigned int *layer_of;	/* by holder of the recording */
	size_t others;		/* holders that share a layer */
	bool untold;		/* there is a layer that nobody is known to hold */
};

/* What there are several of, by enum report_by, and who holds the rest. */
extern const char * const svg_kinds[REPORT_BYS][2];
extern const char * const svg_rest[REPORT_BYS];

/**
 * svg_who() - name a holder
 * @out: where to
 * @scene: of what
 * @holder: the holder
 * @max: characters of a command at the most
 */
void svg_who(FILE *out, const struct scene *scene, size_t holder, size_t max);

/**
 * svg_time() - where a time is
 * @rec: the recording
 * @time: microseconds since 1970
 * Return: pixels from the left of a plot
 */
double svg_time(const struct recording *rec, int64_t time);

/**
 * draw_panel() - draw what was held of a memory over time
 * @out: where to
 * @scene: its card
 * @pool: the memory, something of which was used
 * @y: where the plot begins
 * Return: the plot's height
 */
double draw_panel(FILE *out, struct scene *scene, const struct pool_track *pool,
		  double y);

/**
 * print_svg() - draw a recording
 * @out: where to
 * @rec: the recording
 */
void print_svg(FILE *out, const struct recording *rec);

#endif /* TTMEM_SMI_SVG_H */
