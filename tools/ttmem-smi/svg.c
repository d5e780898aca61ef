// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as a picture: for each memory that was used a panel with the
 * bytes over time, stacked by process, the largest at the bottom. A value is
 * drawn until the next sample; where there are more samples than pixels, the
 * highest one of each pixel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

#define WIDTH		1240
#define LEFT		100	/* of the plots */
#define PLOT		760	/* their width */
#define LEGEND		(LEFT + PLOT + 32)
#define PANEL		200	/* their height */
#define PANEL_L1	110

/* Who is told apart on a card; the others are drawn as one. */
#define COLOURS		8
#define OTHERS		COLOURS
#define UNTOLD		(COLOURS + 1)	/* what no process of the file holds */
#define LAYERS		(COLOURS + 2)

#define LEGEND_LINE	38
#define NAME_WIDTH	28	/* characters of a command in the legend */

#define NOBODY		SIZE_MAX

/* Okabe and Ito's, which the colour-blind tell apart, and Tol's wine. */
static const char * const colours[LAYERS] = {
	"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
	"#f0e442", "#882255", "#9a9a9a", "url(#untold)",
};

/* A step of the picture: a value from @x0 to @x1. */
struct step {
	double x0;
	double x1;
	size_t sample;
	double base;		/* bytes drawn below, so far */
	bool gap;		/* nothing is known before it */
};

/* How a card is drawn: whose each layer is, the largest first, in what colour. */
struct scene {
	const struct recording *rec;
	size_t card;
	size_t holder[COLOURS];
	size_t colour[LAYERS];
	unsigned int holders;
	size_t others;		/* processes that share a layer */
	bool untold;		/* there is a layer that nobody is known to hold */
};

/* Text of others; what XML cannot hold at all is not in printable() text. */
static void xml_text(FILE *out, const char *text, size_t max)
{
	size_t count = 0;

	for (; *text; text++) {
		if ((*text & 0xc0) != 0x80 && count++ == max) {
			fputs("\xe2\x80\xa6", out);
			break;
		}
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static double time_x(const struct recording *rec, int64_t time)
{
	int64_t all = rec->time[rec->samples - 1] - rec->time[0];

	return all ? (double)PLOT * (time - rec->time[0]) / all : 0;
}

/* From a sample to the next; a recording of one sample fills the plot. */
static double sample_end(const struct recording *rec, size_t sample)
{
	if (sample + 1 < rec->samples)
		return time_x(rec, rec->time[sample + 1]);
	return PLOT;
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
		double x = time_x(rec, rec->time[point->sample]);
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

static const struct share *find_share(const struct pool_track *pool,
				      size_t holder)
{
	size_t i;

	for (i = 0; i < pool->shares; i++)
		if (pool->share[i].holder == holder)
			return &pool->share[i];
	return NULL;
}

static bool has_colour(const struct scene *scene, size_t holder)
{
	size_t i;

	for (i = 0; i < scene->holders; i++)
		if (scene->holder[i] == holder)
			return true;
	return false;
}

static double at(const struct track *track, size_t sample)
{
	const struct point *point = track_at(track, sample);

	return point ? point->used : 0;
}

/* Bytes of a layer of a panel at a sample. */
static double layer_bytes(const struct scene *scene,
			  const struct pool_track *pool, unsigned int layer,
			  size_t sample)
{
	const struct share *share;
	double bytes = 0;
	size_t i;

	if (layer < COLOURS && layer >= scene->holders)
		return 0;
	if (layer < COLOURS) {
		share = find_share(pool, scene->holder[layer]);
		return share ? at(&share->track, sample) : 0;
	}
	if (layer == UNTOLD)
		bytes = at(&pool->track, sample);
	for (i = 0; i < pool->shares; i++) {
		share = &pool->share[i];
		if (layer == UNTOLD)
			bytes -= at(&share->track, sample);
		else if (!has_colour(scene, share->holder))
			bytes += at(&share->track, sample);
	}
	return bytes > 0 ? bytes : 0;
}

/* What a holder has had on a card of a memory, or of both. */
static double weight(const struct scene *scene, size_t holder,
		     unsigned int memory)
{
	const struct recording *rec = scene->rec;
	double sum = 0;
	size_t i;

	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];
		const struct share *share = find_share(pool, holder);

		if (pool->card == scene->card && pool->memory == memory &&
		    share)
			sum += track_sum(rec, &share->track, NULL) +
			       track_peak(&share->track)->used / 1000.0;
	}
	return sum;
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
	for (i = 0; i < rec->holders; i++) {
		list[count].holder = i;
		/* L1 is small; there a byte counts as much as a hundred. */
		list[count].weight = weight(scene, i, TTMEM_DRAM) +
				     weight(scene, i, TTMEM_L1) * 100;
		count += list[count].weight > 0;
	}
	qsort(list, count, sizeof(*list), by_weight);
	scene->others = count > COLOURS ? count - COLOURS : 0;
	scene->holders = count > COLOURS ? COLOURS : count;
	scene->colour[OTHERS] = OTHERS;
	scene->colour[UNTOLD] = UNTOLD;
	for (i = 0; i < scene->holders; i++) {
		scene->holder[i] = list[i].holder;
		scene->colour[i] = colour_of[list[i].holder];
		if (scene->colour[i] == NOBODY || taken[scene->colour[i]])
			scene->colour[i] = NOBODY;
		else
			taken[scene->colour[i]] = true;
	}
	for (i = 0, colour = 0; i < scene->holders; i++) {
		if (scene->colour[i] != NOBODY)
			continue;
		while (taken[colour])
			colour++;
		taken[colour] = true;
		scene->colour[i] = colour;
		colour_of[scene->holder[i]] = colour;
	}
	free(list);
}

static void who(FILE *out, const struct holder *holder, size_t max)
{
	if (holder->pid) {
		fprintf(out, "%d ", holder->pid);
		xml_text(out, holder->command, max);
	} else {
		fputs("not visible", out);
	}
}

/* The layer's own title, which appears where the mouse is. */
static void layer_title(FILE *out, const struct scene *scene,
			const struct pool_track *pool, unsigned int layer)
{
	const struct recording *rec = scene->rec;
	const struct share *share;
	char peak[32], mean[32], after[32];

	fputs("<title>", out);
	if (layer == OTHERS) {
		fprintf(out, "%zu other processes", scene->others);
	} else if (layer == UNTOLD) {
		fputs("held by processes that the recording does not tell", out);
	} else {
		share = find_share(pool, scene->holder[layer]);
		who(out, &rec->holder[share->holder], SIZE_MAX);
		format_size(peak, sizeof(peak),
			    track_peak(&share->track)->used);
		format_size(mean, sizeof(mean),
			    pool_mean(rec, pool, &share->track));
		fputs("\nuser ", out);
		xml_text(out, rec->holder[share->holder].user, SIZE_MAX);
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

static void draw_layer(FILE *out, struct scene *scene,
		       const struct pool_track *pool, unsigned int layer,
		       struct step *steps, size_t count, double scale,
		       double height)
{
	double *bytes = calloc(count + 1, sizeof(*bytes));
	bool begun = false;
	size_t i, from;

	if (!bytes)
		out_of_memory();
	for (i = 0; i < count; i++)
		bytes[i] = layer_bytes(scene, pool, layer, steps[i].sample);
	for (i = 0; i < count; i = from) {
		for (from = i; from < count && bytes[from] > 0 &&
		     (from == i || !steps[from].gap); from++)
			;
		if (from == i) {
			from++;
			continue;
		}
		if (!begun) {
			fprintf(out, "<path class=\"layer\" fill=\"%s\" d=\"",
				colours[scene->colour[layer]]);
			begun = true;
		}
		draw_part(out, steps + i, bytes + i, from - i, scale, height);
	}
	if (begun) {
		scene->untold |= layer == UNTOLD;
		fputs("\">", out);
		layer_title(out, scene, pool, layer);
		fputs("</path>\n", out);
	}
	for (i = 0; i < count; i++)
		steps[i].base += bytes[i];
	free(bytes);
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

	for (i = 0; i < sizeof(ticks) / sizeof(ticks[0]) - 1; i++)
		if (seconds / ticks[i] <= 10)
			break;
	return ticks[i];
}

static void draw_axes(FILE *out, const struct recording *rec, double max,
		      double scale, double height)
{
	double all = seconds_after(rec, rec->samples - 1), tick, value;
	char text[32];

	tick = byte_tick(max);
	for (value = 0; value <= max; value += tick) {
		format_size(text, sizeof(text), value);
		fprintf(out, "<path class=\"grid\" d=\"M0 %.1fH%d\"/><text class=\"tick\" x=\"-8\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			height - value * scale, PLOT,
			height - value * scale + 4, value > 0 ? text : "0");
	}
	if (!(all > 0))
		return;
	tick = time_tick(all);
	for (value = 0; value <= all; value += tick) {
		format_after(text, sizeof(text), rec, value, tick);
		fprintf(out, "<path class=\"axis\" d=\"M%.1f %.1fv5\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
			value / all * PLOT, height, value / all * PLOT,
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
	draw_gap(out, steps[count - 1].x1, PLOT, height);
}

static void draw_notices(FILE *out, const struct recording *rec, double height)
{
	char after[32];
	size_t i;

	for (i = 0; i < rec->notices; i++) {
		format_after(after, sizeof(after), rec,
			     (rec->notice[i].time - rec->time[0]) / 1e6, 0);
		fprintf(out, "<g><title>after %s: ", after);
		xml_text(out, rec->notice[i].text, SIZE_MAX);
		fprintf(out, "</title><path class=\"notice\" d=\"M%.1f 0V%.1f\"/></g>\n",
			time_x(rec, rec->notice[i].time), height);
	}
}

static void draw_peak(FILE *out, const struct recording *rec,
		      const struct pool_track *pool, double scale,
		      double height)
{
	const struct point *peak = track_peak(&pool->track);
	double x = time_x(rec, rec->time[peak->sample]);
	double y = height - peak->used * scale;

	fprintf(out, "<path class=\"peak\" d=\"M%.1f %.1fl-5 -8h10z\"><title>the peak</title></path>\n",
		x, y);
}

static void draw_capacity(FILE *out, uint64_t capacity, double scale,
			  double height)
{
	char text[32];

	format_size(text, sizeof(text), capacity);
	fprintf(out, "<path class=\"capacity\" d=\"M0 %.1fH%d\"><title>capacity %s</title></path>\n",
		height - capacity * scale, PLOT, text);
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
		PLOT, text);
	if (capacity)
		fprintf(out, " (%.0f %%)", 100.0 * peak->used / capacity);
	format_size(text, sizeof(text), pool_mean(rec, pool, &pool->track));
	format_after(after, sizeof(after), rec,
		     seconds_after(rec, peak->sample), 0);
	fprintf(out, " after %s, mean %s, ", after, text);
	format_size(text, sizeof(text), capacity);
	fprintf(out, "capacity %s</text>\n", capacity ? text : "not known");
}

/* Draw a memory with its plot at @y; return what it takes below that. */
static double draw_panel(FILE *out, struct scene *scene,
			 const struct pool_track *pool, double y)
{
	const struct recording *rec = scene->rec;
	double height = pool->memory == TTMEM_L1 ? PANEL_L1 : PANEL;
	double max = track_peak(&pool->track)->used, scale;
	uint64_t capacity = pool_capacity(pool);
	bool shown = capacity && capacity <= max * 5;
	struct step *steps;
	unsigned int layer;
	size_t count, i;

	/* Far from full, the capacity would press the rest flat. */
	if (shown && capacity > max)
		max = capacity;
	scale = (height - 12) / max;
	steps = make_steps(rec, &pool->track, &count);

	fprintf(out, "<g transform=\"translate(%d %.0f)\">\n", LEFT, y);
	panel_title(out, rec, pool);
	fprintf(out, "<rect class=\"plot\" width=\"%d\" height=\"%.0f\"/>\n",
		PLOT, height);
	draw_axes(out, rec, max, scale, height);
	draw_gaps(out, steps, count, height);
	for (layer = 0; layer < LAYERS; layer++)
		draw_layer(out, scene, pool, layer, steps, count, scale,
			   height);
	for (i = 0; i < count; i++)
		steps[i].base = 0;
	if (shown)
		draw_capacity(out, capacity, scale, height);
	draw_notices(out, rec, height);
	draw_peak(out, rec, pool, scale, height);
	fprintf(out, "<path class=\"axis\" d=\"M0 %.0fH%d\"/>\n</g>\n", height,
		PLOT);
	free(steps);
	return height;
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
		const struct share *share = find_share(pool, holder);

		if (pool->card != scene->card || pool->memory != memory ||
		    !share)
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
	fprintf(out, "<rect x=\"%d\" y=\"%.0f\" width=\"14\" height=\"14\" rx=\"2\" fill=\"%s\"/>",
		LEGEND, y, colours[colour]);
}

static void legend_entry(FILE *out, const struct scene *scene,
			 unsigned int layer, double y, double *sums)
{
	const struct holder *holder;
	unsigned int memory;
	const char *between = " at most ";
	char text[32];
	double peak;

	holder = &scene->rec->holder[scene->holder[layer]];
	fputs("<g><title>", out);
	who(out, holder, SIZE_MAX);
	fputs("</title>", out);
	swatch(out, y, scene->colour[layer]);
	fprintf(out, "<text x=\"%d\" y=\"%.0f\">", LEGEND + 22, y + 12);
	who(out, holder, NAME_WIDTH);
	fprintf(out, "</text><text class=\"note\" x=\"%d\" y=\"%.0f\">",
		LEGEND + 22, y + 27);
	xml_text(out, holder->user, 16);
	fputc(',', out);
	for (memory = 0; memory < 2; memory++) {
		peak = holder_peak(scene, scene->holder[layer], memory, sums);
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
	double *sums = calloc(scene->rec->samples, sizeof(*sums));
	double top = y;
	unsigned int i;

	if (!sums)
		out_of_memory();
	if (scene->untold) {
		swatch(out, y, UNTOLD);
		fprintf(out, "<text x=\"%d\" y=\"%.0f\">held, not told by whom</text>\n",
			LEGEND + 22, y + 12);
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
				LEFT, y);
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

	fprintf(out, "<text class=\"card\" x=\"%d\" y=\"%.0f\">Card %u", LEFT,
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
	fprintf(out, "<text class=\"title\" x=\"%d\" y=\"40\">Memory held on Tenstorrent cards, by process</text>\n",
		LEFT);
	fprintf(out, "<text class=\"note\" x=\"%d\" y=\"62\">%s, %zu sample%s. What processes told ttmem; the hardware is not asked.</text>\n",
		LEFT, span, rec->samples, rec->samples == 1 ? "" : "s");
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
			LEFT, y + 14, after);
		xml_text(out, rec->notice[i].text, 140);
		fputs("</text>\n", out);
	}
	return y - top;
}

static void draw_body(FILE *out, const struct recording *rec, double *y)
{
	size_t *colour_of = calloc(rec->holders + 1, sizeof(*colour_of));
	size_t i;

	if (!colour_of)
		out_of_memory();
	for (i = 0; i < rec->holders; i++)
		colour_of[i] = NOBODY;
	for (i = 0; i < rec->cards; i++) {
		struct scene scene = { .rec = rec, .card = i };

		choose_colours(&scene, colour_of);
		*y += draw_card(out, &scene, *y) + 16;
	}
	free(colour_of);
	*y += draw_footer(out, rec, *y);
}

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
		"<style>\n"
		"text { font: 13px 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; fill: #222 }\n"
		".title { font-size: 22px; font-weight: bold }\n"
		".card { font-size: 17px; font-weight: bold }\n"
		".panel { font-size: 14px; font-weight: bold }\n"
		".note, .tick { font-size: 12px; font-weight: normal; fill: #555 }\n"
		".plot { fill: #fafafa }\n"
		".grid { stroke: #e2e2e2 }\n"
		".axis { stroke: #777; fill: none }\n"
		".layer { stroke: #fff; stroke-width: 0.4 }\n"
		".capacity { stroke: #b00020; stroke-width: 1.5; stroke-dasharray: 7 4; fill: none }\n"
		".notice { stroke: #222; stroke-dasharray: 2 3; fill: none }\n"
		".peak { fill: #222 }\n"
		"</style>\n"
		"<defs><pattern id=\"gap\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#f2f2f2\"/><path d=\"M0 0V8\" stroke=\"#d0d0d0\" stroke-width=\"2\"/></pattern>\n"
		"<pattern id=\"untold\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#d5d5d5\"/><circle cx=\"3\" cy=\"3\" r=\"1.2\" fill=\"#888\"/></pattern></defs>\n"
		"<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n",
		WIDTH, y, WIDTH, y, WIDTH, y);
	fwrite(body, 1, size, out);
	fputs("</svg>\n", out);
	free(body);
}
