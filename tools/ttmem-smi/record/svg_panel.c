// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was held of a memory over time, stacked by holder, the largest at the
 * bottom. A value is drawn until the next sample; where there are more samples
 * than pixels, the highest one of each pixel.
 */
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "record/lookup.h"
#include "record/recording.h"
#include "record/svg.h"
#include "text/text.h"
#include "ttmem.h"

#define PANEL		200	/* height of a plot */
#define PANEL_L1	110
#define MARGIN		12	/* above what is drawn */
#define BREAK		22	/* for what is left out below the capacity */

/* A step of the picture: a value from @x0 to @x1. */
struct step {
	double x0;
	double x1;
	size_t sample;
	double base;		/* bytes drawn below, so far */
	bool gap;		/* nothing is known before it */
};

/* A plot; @bytes of each layer at each step. */
struct panel {
	struct scene *scene;
	const struct pool_track *pool;
	const struct share *share[COLOURS];
	struct step *step;
	size_t steps;
	double *bytes[LAYERS];
	double height;
	double scale;		/* pixels of a byte */
	double most;		/* bytes at the top */
	uint64_t capacity;	/* 0 if not known */
	double limit;		/* where that is drawn */
	bool broken;		/* not in scale */
};

/* From a sample to the next; a recording of one sample fills the plot. */
static double sample_end(const struct recording *rec, size_t sample)
{
	if (sample + 1 < rec->samples)
		return svg_time(rec, rec->time[sample + 1]);
	return SVG_PLOT;
}

static struct step *make_steps(const struct recording *rec,
			       const struct track *track, size_t *count)
{
	struct step *steps = calloc(track->points + 1, sizeof(*steps)), *last;
	uint64_t highest = 0;
	size_t i, n = 0;

	if (!steps)
		out_of_memory();
	for (i = 0; i < track->points; i++) {
		const struct point *point = &track->point[i];
		double x = svg_time(rec, rec->time[point->sample]);
		bool gap = i && point[-1].sample + 1 != point->sample;

		last = n ? &steps[n - 1] : NULL;
		if (last && !gap && floor(x) == floor(last->x0)) {
			last->x1 = sample_end(rec, point->sample);
			if (point->used > highest) {
				highest = point->used;
				last->sample = point->sample;
			}
			continue;
		}
		highest = point->used;
		steps[n].x0 = x;
		steps[n].x1 = sample_end(rec, point->sample);
		steps[n].sample = point->sample;
		steps[n].gap = gap;
		n++;
	}
	*count = n;
	return steps;
}

/* Add up what each layer has at each step. */
static void fill_layers(struct panel *panel)
{
	const struct recording *rec = panel->scene->rec;
	const struct pool_track *pool = panel->pool;
	size_t *step_of = calloc(rec->samples, sizeof(*step_of)), i, j;
	double *untold;

	if (!step_of)
		out_of_memory();
	for (i = 0; i < LAYERS; i++) {
		panel->bytes[i] = calloc(panel->steps, sizeof(double));
		if (!panel->bytes[i])
			out_of_memory();
	}
	for (i = 0; i < rec->samples; i++)
		step_of[i] = NOWHERE;
	untold = panel->bytes[UNTOLD];
	for (i = 0; i < panel->steps; i++) {
		step_of[panel->step[i].sample] = i;
		untold[i] = track_at(&pool->track, panel->step[i].sample)->used;
	}
	for (i = 0; i < pool->shares; i++) {
		const struct share *share = &pool->share[i];
		unsigned int layer = panel->scene->layer_of[share->holder];

		if (layer < COLOURS)
			panel->share[layer] = share;
		for (j = 0; j < share->track.points; j++) {
			const struct point *point = &share->track.point[j];

			if (step_of[point->sample] == NOWHERE)
				continue;
			panel->bytes[layer][step_of[point->sample]] += point->used;
			untold[step_of[point->sample]] -= point->used;
		}
	}
	for (i = 0; i < panel->steps; i++)
		if (untold[i] < 0)
			untold[i] = 0;
	free(step_of);
}

/* The layer's own title, which appears where the mouse is. */
static void layer_title(FILE *out, const struct panel *panel, unsigned int layer)
{
	const struct scene *scene = panel->scene;
	const struct recording *rec = scene->rec;
	const struct share *share;
	char peak[32], mean[32], after[32];

	fputs("<title>", out);
	if (layer == OTHERS) {
		fprintf(out, "%zu other %s", scene->others,
			svg_kinds[rec->by][scene->others != 1]);
	} else if (layer == UNTOLD) {
		fprintf(out, "held %s", svg_rest[rec->by]);
	} else {
		share = panel->share[layer];
		svg_who(out, scene, share->holder, SIZE_MAX);
		format_size(peak, sizeof(peak),
			    track_peak(&share->track)->used);
		format_size(mean, sizeof(mean),
			    pool_mean(rec, panel->pool, &share->track));
		if (rec->by == BY_PROCESS) {
			fputs("\nuser ", out);
			xml_text(out, rec->holder[share->holder].user, SIZE_MAX);
		}
		format_after(after, sizeof(after), rec,
			     seconds_after(rec, track_peak(&share->track)->sample),
			     0);
		fprintf(out, "\npeak %s after %s, mean %s", peak, after, mean);
	}
	fputs("</title>", out);
}

/* A part of a layer without a hole: along its top, and back along its bottom. */
static void draw_part(FILE *out, const struct step *step, const double *bytes,
		      size_t count, double scale, double height)
{
	double y, last = NAN;
	size_t i;

	fprintf(out, "M%.1f %.1f", step[0].x0,
		height - (step[0].base + bytes[0]) * scale);
	for (i = 0; i < count; i++) {
		y = height - (step[i].base + bytes[i]) * scale;
		if (i && fabs(y - last) >= 0.05)
			fprintf(out, "H%.1fV%.1f", step[i].x0, y);
		last = y;
	}
	last = height - step[count - 1].base * scale;
	fprintf(out, "H%.1fV%.1f", step[count - 1].x1, last);
	for (i = count - 1; i--; ) {
		y = height - step[i].base * scale;
		if (fabs(y - last) >= 0.05)
			fprintf(out, "H%.1fV%.1f", step[i].x1, y);
		last = y;
	}
	fprintf(out, "H%.1fZ", step[0].x0);
}

static void draw_layer(FILE *out, const struct panel *panel, unsigned int layer)
{
	const double *bytes = panel->bytes[layer];
	struct step *step = panel->step;
	size_t count = panel->steps, colour = panel->scene->colour[layer];
	bool begun = false;
	size_t i, from;

	for (i = 0; i < count; i = from) {
		for (from = i; from < count && bytes[from] > 0 &&
		     (from == i || !step[from].gap); from++)
			;
		if (from == i) {
			from++;
			continue;
		}
		if (!begun) {
			fprintf(out, "<path class=\"layer c%zu\" fill=\"%s\" d=\"",
				colour, svg_fills[colour]);
			begun = true;
		}
		draw_part(out, step + i, bytes + i, from - i, panel->scale,
			  panel->height);
	}
	if (begun) {
		panel->scene->untold |= layer == UNTOLD;
		fputs("\">", out);
		layer_title(out, panel, layer);
		fputs("</path>\n", out);
	}
	for (i = 0; i < count; i++)
		step[i].base += bytes[i];
}

/* A power of two that makes at most six ticks. */
static double byte_tick(double max)
{
	double tick = 1;

	while (max / tick > 6)
		tick *= 2;
	return tick;
}

static double time_tick(double seconds)
{
	static const double ticks[] = {
		0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
		10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800,
		21600, 43200, 86400, 172800, 604800, 1209600,
	};
	unsigned int i;
	double tick;

	for (i = 0; i < sizeof(ticks) / sizeof(ticks[0]) - 1; i++)
		if (seconds / ticks[i] <= 10)
			break;
	tick = ticks[i];
	while (seconds / tick > 10)
		tick *= 2;
	return tick;
}

static void draw_bytes(FILE *out, const struct panel *panel)
{
	double tick = byte_tick(panel->most), value, y;
	char text[32];

	for (value = 0; value <= panel->most; value += tick) {
		y = panel->height - value * panel->scale;
		/* The capacity's own number stands there. */
		if (panel->capacity && fabs(y - panel->limit) < 14)
			continue;
		format_size(text, sizeof(text), value);
		fprintf(out, "<path class=\"grid\" d=\"M0 %.1fH%d\"/><text class=\"tick\" x=\"-8\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			y, SVG_PLOT, y + 4, value > 0 ? text : "0");
	}
}

static void draw_times(FILE *out, const struct recording *rec, double height)
{
	double all = seconds_after(rec, rec->samples - 1), tick, value;
	char text[32];

	if (!(all > 0))
		return;
	tick = time_tick(all);
	for (value = 0; value <= all; value += tick) {
		format_after(text, sizeof(text), rec, value, tick);
		fprintf(out, "<path class=\"axis\" d=\"M%.1f %.1fv5\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
			value / all * SVG_PLOT, height, value / all * SVG_PLOT,
			height + 18, text);
	}
}

static void draw_gap(FILE *out, double x0, double x1, double height)
{
	if (x1 - x0 < 0.05)
		return;
	fprintf(out, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.1f\" fill=\"url(#gap)\"><title>the card was not there, or ttmem was not loaded</title></rect>\n",
		x0, x1 - x0, height);
}

static void draw_gaps(FILE *out, const struct step *steps, size_t count,
		      double height)
{
	size_t i;

	draw_gap(out, 0, steps[0].x0, height);
	for (i = 1; i < count; i++)
		if (steps[i].gap)
			draw_gap(out, steps[i - 1].x1, steps[i].x0, height);
	draw_gap(out, steps[count - 1].x1, SVG_PLOT, height);
}

static void draw_notices(FILE *out, const struct recording *rec, double height)
{
	double x, last = -1;
	char after[32];
	size_t i;

	for (i = 0; i < rec->notices; i++) {
		/* Those nearer than that are one line; the footer has them all. */
		x = svg_time(rec, rec->notice[i].time);
		if (last >= 0 && x - last < 2)
			continue;
		last = x;
		format_after(after, sizeof(after), rec,
			     (rec->notice[i].time - rec->time[0]) / 1e6, 0);
		fprintf(out, "<g><title>after %s: ", after);
		xml_text(out, rec->notice[i].text, 140);
		fprintf(out, "</title><path class=\"notice\" d=\"M%.1f 0V%.1f\"/></g>\n", x,
			height);
	}
}

static void draw_peak(FILE *out, const struct recording *rec,
		      const struct pool_track *pool, double scale,
		      double height)
{
	const struct point *peak = track_peak(&pool->track);
	double x = svg_time(rec, rec->time[peak->sample]);
	double y = height - peak->used * scale;

	fprintf(out, "<path class=\"peak\" d=\"M%.1f %.1fl-5 -8h10z\"><title>the peak</title></path>\n",
		x, y);
}

static void draw_capacity(FILE *out, const struct panel *panel)
{
	char text[32];

	if (!panel->capacity)
		return;
	format_size(text, sizeof(text), panel->capacity);
	fprintf(out, "<path class=\"capacity\" d=\"M0 %.1fH%d\"><title>capacity %s</title></path><text class=\"tick limit\" x=\"-8\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		panel->limit, SVG_PLOT, text, panel->limit + 4, text);
	if (panel->broken)
		fprintf(out, "<path class=\"axis break\" d=\"M-6 %.1fl12 -5m-12 10l12 -5\"><title>from here to the capacity not in scale</title></path>\n",
			panel->limit + BREAK / 2);
}

static void panel_title(FILE *out, const struct recording *rec,
			const struct pool_track *pool)
{
	const struct point *peak = track_peak(&pool->track);
	uint64_t capacity = pool_capacity(pool);
	char text[32], after[32];

	fprintf(out, "<text class=\"panel\" x=\"0\" y=\"-12\">chip %u %s</text>",
		pool->chip, memory_names[pool->memory]);
	format_size(text, sizeof(text), peak->used);
	fprintf(out, "<text class=\"note\" x=\"%d\" y=\"-12\" text-anchor=\"end\">peak %s",
		SVG_PLOT, text);
	if (capacity)
		fprintf(out, " (%.0f %%)", 100.0 * peak->used / capacity);
	format_size(text, sizeof(text), pool_mean(rec, pool, &pool->track));
	format_after(after, sizeof(after), rec,
		     seconds_after(rec, peak->sample), 0);
	fprintf(out, " after %s, mean %s, ", after, text);
	format_size(text, sizeof(text), capacity);
	fprintf(out, "capacity %s</text>\n", capacity ? text : "not known");
}

/* What is at which height. Far from full, the capacity would press the rest flat. */
static void set_scale(struct panel *panel)
{
	double peak = track_peak(&panel->pool->track)->used;

	panel->height = panel->pool->memory == TTMEM_L1 ? PANEL_L1 : PANEL;
	panel->capacity = pool_capacity(panel->pool);
	panel->broken = panel->capacity > peak * 5;
	panel->most = peak;
	if (!panel->broken && panel->capacity > peak)
		panel->most = panel->capacity;
	panel->scale = (panel->height - MARGIN - (panel->broken ? BREAK : 0)) /
		       panel->most;
	panel->limit = panel->broken ? MARGIN :
		       panel->height - panel->capacity * panel->scale;
}

double draw_panel(FILE *out, struct scene *scene, const struct pool_track *pool,
		  double y)
{
	struct panel panel = { .scene = scene, .pool = pool };
	const struct recording *rec = scene->rec;
	unsigned int layer;

	set_scale(&panel);
	panel.step = make_steps(rec, &pool->track, &panel.steps);
	fill_layers(&panel);

	fprintf(out, "<g transform=\"translate(%d %.0f)\">\n", SVG_LEFT, y);
	panel_title(out, rec, pool);
	fprintf(out, "<rect class=\"plot\" width=\"%d\" height=\"%.0f\"/>\n",
		SVG_PLOT, panel.height);
	draw_bytes(out, &panel);
	draw_times(out, rec, panel.height);
	draw_gaps(out, panel.step, panel.steps, panel.height);
	for (layer = 0; layer < LAYERS; layer++)
		draw_layer(out, &panel, layer);
	draw_capacity(out, &panel);
	draw_notices(out, rec, panel.height);
	draw_peak(out, rec, pool, panel.scale, panel.height);
	fprintf(out, "<path class=\"axis\" d=\"M0 %.0fH%d\"/>\n</g>\n",
		panel.height, SVG_PLOT);
	for (layer = 0; layer < LAYERS; layer++)
		free(panel.bytes[layer]);
	free(panel.step);
	return panel.height;
}
