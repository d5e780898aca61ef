// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as a picture: a panel for each memory that was used, card by card,
 * with a legend. It has the colours of a light ground and, where the reader
 * prefers that, those of a dark one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "record/recording.h"
#include "record/svg.h"
#include "text/text.h"
#include "ttmem.h"

#define WIDTH		1240
#define LEGEND		(SVG_LEFT + SVG_PLOT + 32)
#define LEGEND_LINE	38
#define NAME_WIDTH	28	/* characters of a command in the legend */

#define NO_COLOUR	SIZE_MAX

/* Okabe and Ito's, which the colour-blind tell apart, and Tol's wine. */
const char * const svg_fills[LAYERS] = {
	"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
	"#f0e442", "#882255", "#9a9a9a", "url(#untold)",
};

const char * const svg_kinds[REPORT_BYS][2] = {
	[BY_PROCESS] = { "process", "processes" },
	[BY_TAG] = { "tag", "tags" },
	[BY_LABEL] = { "label", "labels" },
};

const char * const svg_rest[REPORT_BYS] = {
	[BY_PROCESS] = "by processes that the recording does not tell",
	[BY_TAG] = "with tags that the recording does not tell",
	[BY_LABEL] = "by gauge or counter, or under labels that were not read",
};

void svg_who(FILE *out, const struct scene *scene, size_t holder, size_t max)
{
	const struct recording *rec = scene->rec;
	const struct holder *h = &rec->holder[holder];

	if (rec->by == BY_TAG)
		xml_text(out, *h->command ? h->command : "tag not known", max);
	else if (rec->by == BY_LABEL)
		xml_text(out, *h->command ? h->command : "(no label)", max);
	else if (!h->pid)
		fputs("not visible", out);
	else
		fprintf(out, "%d ", h->pid);
	if (rec->by == BY_PROCESS && h->pid)
		xml_text(out, h->command, max);
}

double svg_time(const struct recording *rec, int64_t time)
{
	int64_t all = rec->time[rec->samples - 1] - rec->time[0];

	return all ? (double)SVG_PLOT * (time - rec->time[0]) / all : 0;
}

static const struct share *find_share(const struct pool_track *pool,
				      size_t holder)
{
	size_t i;

	for (i = 0; i < pool->shares; i++)
		if (pool->share[i].holder == holder)
			return &pool->share[i];
	return NULL;
}

struct ranked {
	size_t holder;
	double weight;
};

static int by_weight(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->holder > y->holder) - (x->holder < y->holder);
}

/* What each holder has had on the card. */
static void weigh(const struct scene *scene, struct ranked *list)
{
	const struct recording *rec = scene->rec;
	size_t i, j;

	for (i = 0; i < rec->holders; i++)
		list[i].holder = i;
	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];
		/* L1 is small; there a byte counts as much as a hundred. */
		double factor = pool->memory == TTMEM_L1 ? 100 : 1;

		if (pool->card != scene->card)
			continue;
		for (j = 0; j < pool->shares; j++) {
			const struct share *share = &pool->share[j];

			if (!share->track.points)
				continue;
			list[share->holder].weight += factor *
				(track_sum(rec, &share->track, NULL) +
				 track_peak(&share->track)->used / 1000.0);
		}
	}
}

/*
 * Give the largest holders of a card a colour each; one that had a colour on
 * the card before keeps it if it can.
 */
static void choose_colours(struct scene *scene, size_t *colour_of)
{
	const struct recording *rec = scene->rec;
	struct ranked *list = calloc(rec->holders + 1, sizeof(*list));
	size_t i, count = 0, colour;
	bool taken[COLOURS] = { 0 };

	if (!list)
		out_of_memory();
	weigh(scene, list);
	for (i = 0; i < rec->holders; i++)
		if (list[i].weight > 0)
			list[count++] = list[i];
	qsort(list, count, sizeof(*list), by_weight);
	scene->others = count > COLOURS ? count - COLOURS : 0;
	scene->holders = count > COLOURS ? COLOURS : count;
	scene->colour[OTHERS] = OTHERS;
	scene->colour[UNTOLD] = UNTOLD;
	for (i = 0; i < rec->holders; i++)
		scene->layer_of[i] = OTHERS;
	for (i = 0; i < scene->holders; i++) {
		scene->holder[i] = list[i].holder;
		scene->layer_of[list[i].holder] = i;
		scene->colour[i] = colour_of[list[i].holder];
		if (scene->colour[i] == NO_COLOUR || taken[scene->colour[i]])
			scene->colour[i] = NO_COLOUR;
		else
			taken[scene->colour[i]] = true;
	}
	for (i = 0, colour = 0; i < scene->holders; i++) {
		if (scene->colour[i] != NO_COLOUR)
			continue;
		while (taken[colour])
			colour++;
		taken[colour] = true;
		scene->colour[i] = colour;
		colour_of[scene->holder[i]] = colour;
	}
	free(list);
}

/* The most that a holder has had of a memory of the card at once. */
static double holder_peak(const struct scene *scene, size_t holder,
			  unsigned int memory, double *sums)
{
	const struct recording *rec = scene->rec;
	double peak = 0;
	size_t i, j;

	memset(sums, 0, rec->samples * sizeof(*sums));
	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];
		const struct share *share;

		if (pool->card != scene->card || pool->memory != memory)
			continue;
		share = find_share(pool, holder);
		if (!share)
			continue;
		for (j = 0; j < share->track.points; j++) {
			const struct point *point = &share->track.point[j];

			sums[point->sample] += point->used;
			if (sums[point->sample] > peak)
				peak = sums[point->sample];
		}
	}
	return peak;
}

static void swatch(FILE *out, double y, size_t colour)
{
	fprintf(out, "<rect x=\"%d\" y=\"%.0f\" width=\"14\" height=\"14\" rx=\"2\" class=\"c%zu\" fill=\"%s\"/>",
		LEGEND, y, colour, svg_fills[colour]);
}

static void legend_entry(FILE *out, const struct scene *scene,
			 unsigned int layer, double y, double *sums)
{
	size_t holder = scene->holder[layer];
	unsigned int memory;
	const char *between = " at most ";
	char text[32];
	double peak;

	fputs("<g><title>", out);
	svg_who(out, scene, holder, SIZE_MAX);
	fputs("</title>", out);
	swatch(out, y, scene->colour[layer]);
	fprintf(out, "<text x=\"%d\" y=\"%.0f\">", LEGEND + 22, y + 12);
	svg_who(out, scene, holder, NAME_WIDTH);
	fprintf(out, "</text><text class=\"note\" x=\"%d\" y=\"%.0f\">",
		LEGEND + 22, y + 27);
	if (scene->rec->by == BY_PROCESS) {
		xml_text(out, scene->rec->holder[holder].user, 16);
		fputc(',', out);
	}
	for (memory = 0; memory < 2; memory++) {
		peak = holder_peak(scene, holder, memory, sums);
		if (!(peak > 0))
			continue;
		format_size(text, sizeof(text), peak);
		fprintf(out, "%s%s %s", between, text, memory_names[memory]);
		between = ", ";
	}
	fputs("</text></g>\n", out);
}

/* Draw the legend from @y on, in the order of the stack; return its height. */
static double draw_legend(FILE *out, const struct scene *scene, double y)
{
	static const char * const untold[REPORT_BYS] = {
		[BY_PROCESS] = "held, not told by whom",
		[BY_TAG] = "held, not told with which tag",
		[BY_LABEL] = "gauges, counters, labels not read",
	};
	double *sums = calloc(scene->rec->samples, sizeof(*sums));
	double top = y;
	unsigned int i;

	if (!sums)
		out_of_memory();
	if (scene->untold) {
		swatch(out, y, UNTOLD);
		fprintf(out, "<text x=\"%d\" y=\"%.0f\">%s</text>\n",
			LEGEND + 22, y + 12, untold[scene->rec->by]);
		y += 24;
	}
	if (scene->others) {
		swatch(out, y, OTHERS);
		fprintf(out, "<text x=\"%d\" y=\"%.0f\">%zu other%s</text>\n",
			LEGEND + 22, y + 12, scene->others,
			scene->others == 1 ? "" : "s");
		y += 24;
	}
	for (i = scene->holders; i--; y += LEGEND_LINE)
		legend_entry(out, scene, i, y, sums);
	free(sums);
	return y - top;
}

/* The memories of a card that nobody held anything of. */
static double draw_unused(FILE *out, const struct scene *scene, double y)
{
	const struct recording *rec = scene->rec;
	const char *between = "Nothing held of: ";
	size_t i;

	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];

		if (pool->card != scene->card ||
		    track_peak(&pool->track)->used)
			continue;
		if (*between == 'N')
			fprintf(out, "<text class=\"note\" x=\"%d\" y=\"%.0f\">",
				SVG_LEFT, y);
		fprintf(out, "%schip %u %s", between, pool->chip,
			memory_names[pool->memory]);
		between = ", ";
	}
	if (*between == 'N')
		return 0;
	fputs("</text>\n", out);
	return 24;
}

static double draw_card(FILE *out, struct scene *scene, double y)
{
	const struct card_track *card = &scene->rec->card[scene->card];
	const struct recording *rec = scene->rec;
	double top = y, legend;
	size_t i;

	fprintf(out, "<text class=\"card\" x=\"%d\" y=\"%.0f\">Card %u", SVG_LEFT,
		y + 18, card->number);
	fputs(" \xc2\xb7 ", out);
	xml_text(out, *card->board ? card->board : "board not known", 32);
	fputs("<tspan class=\"note\" dx=\"10\">", out);
	xml_text(out, card->bus_id, 24);
	if (card->silent)
		fprintf(out, ", %zu process%s told ttmem nothing",
			card->silent, card->silent == 1 ? "" : "es");
	fputs("</tspan></text>\n", out);
	y += 56;
	for (i = 0; i < rec->pools; i++)
		if (rec->pool[i].card == scene->card &&
		    track_peak(&rec->pool[i].track)->used)
			y += draw_panel(out, scene, &rec->pool[i], y) + 62;
	legend = top + 52 + draw_legend(out, scene, top + 52);
	y -= 22;
	y += draw_unused(out, scene, y);
	return (y > legend ? y : legend) - top;
}

static void draw_head(FILE *out, const struct recording *rec)
{
	char span[64];

	format_span(span, sizeof(span), rec);
	fprintf(out, "<text class=\"title\" x=\"%d\" y=\"40\">Memory held on Tenstorrent cards, by %s</text>\n",
		SVG_LEFT, svg_kinds[rec->by][0]);
	fprintf(out, "<text class=\"note\" x=\"%d\" y=\"62\">%s, %zu sample%s. What processes told ttmem; the hardware is not asked.</text>\n",
		SVG_LEFT, span, rec->samples, rec->samples == 1 ? "" : "s");
}

static double draw_footer(FILE *out, const struct recording *rec, double y)
{
	double top = y;
	char after[32];
	size_t i;

	for (i = 0; i < rec->notices; i++, y += 20) {
		format_after(after, sizeof(after), rec,
			     (rec->notice[i].time - rec->time[0]) / 1e6, 0);
		fprintf(out, "<text class=\"note\" x=\"%d\" y=\"%.0f\">After %s: ",
			SVG_LEFT, y + 14, after);
		xml_text(out, rec->notice[i].text, 140);
		fputs("</text>\n", out);
	}
	return y - top;
}

static void draw_body(FILE *out, const struct recording *rec, double *y)
{
	size_t *colour_of = calloc(rec->holders + 1, sizeof(*colour_of));
	unsigned int *layer_of = calloc(rec->holders + 1, sizeof(*layer_of));
	size_t i;

	if (!colour_of || !layer_of)
		out_of_memory();
	for (i = 0; i < rec->holders; i++)
		colour_of[i] = NO_COLOUR;
	for (i = 0; i < rec->cards; i++) {
		struct scene scene = { .rec = rec, .card = i };

		scene.layer_of = layer_of;
		choose_colours(&scene, colour_of);
		*y += draw_card(out, &scene, *y) + 16;
	}
	free(colour_of);
	free(layer_of);
	*y += draw_footer(out, rec, *y);
}

static const char style[] =
	":root { color-scheme: light dark }\n"
	"text { font: 13px 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; fill: #222 }\n"
	".title { font-size: 22px; font-weight: bold }\n"
	".card { font-size: 17px; font-weight: bold }\n"
	".panel { font-size: 14px; font-weight: bold }\n"
	".note, .tick { font-size: 12px; font-weight: normal; fill: #555 }\n"
	".ground { fill: #fff }\n"
	".plot { fill: #fafafa }\n"
	".grid { stroke: #e2e2e2 }\n"
	".axis { stroke: #777; fill: none }\n"
	".layer { stroke: #fff; stroke-width: 0.4 }\n"
	".capacity { stroke: #b00020; stroke-width: 1.5; stroke-dasharray: 7 4; fill: none }\n"
	".limit { fill: #b00020; font-weight: bold }\n"
	".notice { stroke: #222; stroke-dasharray: 2 3; fill: none }\n"
	".peak { fill: #222 }\n"
	".g0 { fill: #f2f2f2 }\n"
	".g1 { stroke: #d0d0d0; stroke-width: 2 }\n"
	".u0 { fill: #d5d5d5 }\n"
	".u1 { fill: #888 }\n";

/* What differs on a dark ground: all but the fills that are seen on both. */
static const char dark[] =
	"text { fill: #e6e6e6 }\n"
	".note, .tick { fill: #b0b0b0 }\n"
	".ground { fill: #16181c }\n"
	".plot { fill: #1e2126 }\n"
	".grid { stroke: #33373d }\n"
	".axis { stroke: #999 }\n"
	".layer { stroke: #16181c }\n"
	".c0 { fill: #2f8fd0 }\n"
	".c7 { fill: #b85c9e }\n"
	".capacity { stroke: #ff6b81 }\n"
	".limit { fill: #ff6b81 }\n"
	".notice { stroke: #e6e6e6 }\n"
	".peak { fill: #e6e6e6 }\n"
	".g0 { fill: #23262b }\n"
	".g1 { stroke: #3c4148 }\n"
	".u0 { fill: #4a4e55 }\n"
	".u1 { fill: #9aa0a8 }\n";

void print_svg(FILE *out, const struct recording *rec)
{
	double y = 84;
	char *body;
	size_t size;
	FILE *to = open_memstream(&body, &size);

	if (!to)
		out_of_memory();
	draw_head(to, rec);
	draw_body(to, rec, &y);
	if (fclose(to))
		out_of_memory();
	y += 12;
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n"
		"<style>\n%s@media (prefers-color-scheme: dark) {\n%s}\n</style>\n"
		"<defs><pattern id=\"gap\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"g0\" width=\"8\" height=\"8\"/><path class=\"g1\" d=\"M0 0V8\"/></pattern>\n"
		"<pattern id=\"untold\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect class=\"u0\" width=\"6\" height=\"6\"/><circle class=\"u1\" cx=\"3\" cy=\"3\" r=\"1.2\"/></pattern></defs>\n"
		"<rect class=\"ground\" width=\"%d\" height=\"%.0f\"/>\n",
		WIDTH, y, WIDTH, y, style, dark, WIDTH, y);
	fwrite(body, 1, size, out);
	fputs("</svg>\n", out);
	free(body);
}
