// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi report: what a recording amounts to.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "clean.h"
#include "internal.h"
#include "make_json.h"
#include "record/record.h"
#include "record/recording.h"
#include "record/svg.h"
#include "text/text.h"

/* A user's name has no more. */
#define USER_WIDTH	32

/* The words of --by. */
static const char * const by_names[REPORT_BYS] = {
	[BY_PROCESS] = "process",
	[BY_TAG] = "tag",
	[BY_LABEL] = "label",
};

static const char help[] =
	"Usage: ttmem-smi report [OPTION...] [FILE]\n"
	"Sum up what ttmem-smi record has recorded: of each memory the peak, the mean\n"
	"over time, and who held how much when the peak was. FILE is ttmem.csv if not\n"
	"given, - is standard input; CSV and traces are told apart.\n"
	"\n"
	"      --svg=OUT.svg  draw it too: memory over time, stacked by process; - is\n"
	"                     standard output, in place of the text\n"
	"      --by=WORD      process, or in its place: tag, or label of reservations, of\n"
	"                     all processes; labels are there if they were recorded\n"
	"  -i, --id=CARD      only this card: its number, its bus id or its board\n"
	"      --csv          exact bytes, a line for each memory and each holder\n"
	"      --json         the same as JSON\n"
	"  -h, --help         this text\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi report\n"
	"  ttmem-smi report run.csv --svg run.svg -i 0\n"
	"  ttmem-smi report run.csv --svg tags.svg --by tag\n"
	"  ttmem-smi report run.json --json | jq '.cards[].pools[].peak'\n"
	"\n"
	"Exit status: 0; 1 if a file cannot be read, understood or written, or the card\n"
	"is not in it; 2 for a wrong argument.\n";

static const char *name_of(const struct recording *rec, const struct holding *h,
			   char *text, size_t size)
{
	char *clean;

	if (!h->holder)
		return rec->by == BY_PROCESS ? "(not in the recording)" :
		       rec->by == BY_TAG ? "(tag not in the recording)" :
		       "(gauge or counter, or not read)";
	if (rec->by == BY_PROCESS && !h->holder->pid)
		return "(not visible where it was recorded)";
	if (rec->by != BY_PROCESS && !*h->holder->command)
		return rec->by == BY_TAG ? "(tag not known)" : "(no label)";
	snprintf(text, size, "%s", h->holder->command);
	/* It may have been cut within a character. */
	clean = printable(text);
	snprintf(text, size, "%s", clean);
	free(clean);
	return text;
}

static void print_holders(FILE *out, const struct recording *rec,
			  const struct pool_track *pool)
{
	const struct point *peak = track_peak(&pool->track);
	char bytes[32], pid[16], name[80], after[32];
	struct holding *list;
	size_t count, i;
	int user = 12, len;

	if (!peak->used)
		return;
	list = pool_holdings(rec, pool, peak->sample, &count);
	/* One that is longer than any user's name does not widen all lines. */
	for (i = 0; i < count; i++) {
		len = list[i].holder ? (int)strlen(list[i].holder->user) : 0;
		if (len > user && len <= USER_WIDTH)
			user = len;
	}
	format_size(bytes, sizeof(bytes), peak->used);
	format_after(after, sizeof(after), rec,
		     seconds_after(rec, peak->sample), 0);
	fprintf(out, "\nCard %u chip %u %s, at its peak of %s after %s:\n",
		rec->card[pool->card].number, pool->chip,
		memory_names[pool->memory], bytes, after);
	if (rec->by == BY_PROCESS)
		fprintf(out, "%8s %-*s ", "PID", user, "User");
	fprintf(out, "%10s  %s\n", "Held", rec->by == BY_PROCESS ? "Command" :
		rec->by == BY_TAG ? "Tag" : "Label");
	for (i = 0; i < count; i++) {
		const struct holder *holder = list[i].holder;

		snprintf(pid, sizeof(pid), "-");
		if (holder && holder->pid)
			snprintf(pid, sizeof(pid), "%d", holder->pid);
		format_size(bytes, sizeof(bytes), list[i].bytes);
		if (rec->by == BY_PROCESS)
			fprintf(out, "%8s %-*s ", pid, user,
				holder ? holder->user : "-");
		fprintf(out, "%10s  %s\n", bytes,
			name_of(rec, &list[i], name, sizeof(name)));
	}
	free(list);
}

static void print_text(FILE *out, const struct recording *rec, const char *path)
{
	char span[64], peak[32], mean[32], capacity[32], after[32];
	size_t i;

	format_span(span, sizeof(span), rec);
	clean_print(out, "%s", path);
	fprintf(out, ": %zu sample%s in %.1f s, %s%s\n\n",
		rec->samples, rec->samples == 1 ? "" : "s",
		seconds_after(rec, rec->samples - 1), span,
		rec->cut ? "; its end was cut off" : "");

	fprintf(out, "%4s %-16s %-13s %4s %-6s %10s %10s %10s  %s\n", "Card",
		"Board", "Bus id", "Chip", "Memory", "Peak", "Mean", "Capacity",
		"Peak after");
	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];
		const struct card_track *card = &rec->card[pool->card];
		const struct point *point = track_peak(&pool->track);

		format_size(peak, sizeof(peak), point->used);
		format_size(mean, sizeof(mean),
			    pool_mean(rec, pool, &pool->track));
		format_size(capacity, sizeof(capacity), pool_capacity(pool));
		fprintf(out, "%4u %-16s %-13s %4u %-6s %10s %10s %10s", card->number,
			*card->board ? card->board : "N/A", card->bus_id,
			pool->chip, memory_names[pool->memory], peak, mean,
			pool_capacity(pool) ? capacity : "N/A");
		format_after(after, sizeof(after), rec,
			     seconds_after(rec, point->sample), 0);
		fprintf(out, "  %s\n", point->used ? after : "-");
	}
	for (i = 0; i < rec->cards; i++)
		if (rec->card[i].silent)
			fprintf(out, "Card %u: up to %zu process%s had it open and told ttmem nothing.\n",
				rec->card[i].number, rec->card[i].silent,
				rec->card[i].silent == 1 ? "" : "es");
	for (i = 0; i < rec->pools; i++)
		print_holders(out, rec, &rec->pool[i]);

	if (rec->notices)
		fputs("\nMeanwhile:\n", out);
	for (i = 0; i < rec->notices; i++) {
		format_after(after, sizeof(after), rec,
			     (rec->notice[i].time - rec->time[0]) / 1e6, 0);
		fprintf(out, "  after %s: %s\n", after, rec->notice[i].text);
	}
}

static void csv_pool(FILE *out, const char *kind, const struct recording *rec,
		     const struct pool_track *pool)
{
	const struct card_track *card = &rec->card[pool->card];

	fprintf(out, "%s,%u,", kind, card->number);
	csv_text(out, card->bus_id);
	fputc(',', out);
	csv_text(out, card->board);
	fprintf(out, ",%u,%s,", pool->chip, memory_names[pool->memory]);
}

/* pid, user, command, tag, label: those that it is divided by. */
static void csv_holder(FILE *out, enum report_by by, const struct holder *holder)
{
	static const char * const before[REPORT_BYS] = { ",", ",,,", ",,,," };
	static const char * const behind[REPORT_BYS] = { ",,", ",", "" };

	if (by == BY_PROCESS) {
		if (holder && holder->pid)
			fprintf(out, "%d", holder->pid);
		fputc(',', out);
		if (holder)
			csv_text(out, holder->user);
	}
	fputs(before[by], out);
	if (holder)
		csv_text(out, holder->command);
	fprintf(out, "%s\n", behind[by]);
}

static void print_csv(FILE *out, const struct recording *rec)
{
	struct holding *list;
	size_t count, i, j;
	char time[40];

	fputs("kind,card,bus_id,board,chip,memory,samples,bytes,time,mean,total,pid,user,command,tag,label\n",
	      out);
	for (i = 0; i < rec->pools; i++) {
		const struct pool_track *pool = &rec->pool[i];
		const struct point *peak = track_peak(&pool->track);

		format_time(time, sizeof(time), rec->time[peak->sample], 6);
		csv_pool(out, "peak", rec, pool);
		fprintf(out, "%zu,%llu,%s,%.0f,", pool->track.points,
			(unsigned long long)peak->used, time,
			pool_mean(rec, pool, &pool->track));
		if (pool_capacity(pool))
			fprintf(out, "%llu",
				(unsigned long long)pool_capacity(pool));
		fputs(",,,,,\n", out);

		list = pool_holdings(rec, pool, peak->sample, &count);
		for (j = 0; j < count; j++) {
			csv_pool(out, list[j].holder ? "holder" : "rest", rec,
				 pool);
			fprintf(out, ",%llu,,,,",
				(unsigned long long)list[j].bytes);
			csv_holder(out, rec->by, list[j].holder);
		}
		free(list);
	}
}

static void put_number(struct json_object *to, const char *key, uint64_t n)
{
	put(to, key, made(json_object_new_uint64(n)));
}

static void put_text(struct json_object *to, const char *key, const char *text)
{
	put(to, key, text && *text ? made(json_object_new_string(text)) : NULL);
}

static void put_time(struct json_object *to, const char *key, int64_t time)
{
	char text[40];

	format_time(text, sizeof(text), time, 6);
	put_text(to, key, text);
}

/* Microseconds as a number with its decimals, not what a double makes of it. */
static void put_seconds(struct json_object *to, const char *key, int64_t time)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld.%06lld", (long long)time / 1000000,
		 (long long)time % 1000000);
	put(to, key, made(json_object_new_double_s(time / 1e6, text)));
}

/* An empty name is one of no label; else it is not known. */
static bool named(const struct recording *rec, const struct holder *holder)
{
	return rec->by == BY_LABEL || *holder->command;
}

static struct json_object *pool_object(const struct recording *rec,
				       const struct pool_track *pool)
{
	struct json_object *obj = made(json_object_new_object());
	struct json_object *held = made(json_object_new_array());
	static const char * const names[REPORT_BYS] = {
		"command", "tag", "label",
	};
	unsigned int by;
	const struct point *peak = track_peak(&pool->track);
	struct holding *list;
	size_t count, i;

	put_number(obj, "chip", pool->chip);
	put_text(obj, "memory", memory_names[pool->memory]);
	put_number(obj, "samples", pool->track.points);
	put_number(obj, "peak", peak->used);
	put_time(obj, "peak_time", rec->time[peak->sample]);
	put_seconds(obj, "peak_after", since_start(rec, peak->sample));
	put_number(obj, "mean", llround(pool_mean(rec, pool, &pool->track)));
	if (pool_capacity(pool))
		put_number(obj, "total", pool_capacity(pool));
	else
		put(obj, "total", NULL);
	list = pool_holdings(rec, pool, peak->sample, &count);
	for (i = 0; i < count; i++) {
		const struct holder *holder = list[i].holder;
		struct json_object *one = made(json_object_new_object());

		if (holder && holder->pid)
			put_number(one, "pid", holder->pid);
		else
			put(one, "pid", NULL);
		put_text(one, "user", holder ? holder->user : NULL);
		for (by = 0; by < REPORT_BYS; by++)
			put(one, names[by], holder && rec->by == by && named(rec, holder) ?
			    made(json_object_new_string(holder->command)) : NULL);
		put_number(one, "bytes", list[i].bytes);
		append(held, one);
	}
	free(list);
	put(obj, "held_at_peak", held);
	return obj;
}

static void print_report_json(FILE *out, const struct recording *rec)
{
	struct json_object *obj = made(json_object_new_object());
	struct json_object *cards = made(json_object_new_array());
	struct json_object *notices = made(json_object_new_array());
	size_t i, j;

	put_number(obj, "format", 1);
	put_text(obj, "by", by_names[rec->by]);
	put_time(obj, "begin", rec->time[0]);
	put_time(obj, "end", rec->time[rec->samples - 1]);
	put_seconds(obj, "seconds", since_start(rec, rec->samples - 1));
	put_number(obj, "samples", rec->samples);
	put(obj, "cut", made(json_object_new_boolean(rec->cut)));
	for (i = 0; i < rec->cards; i++) {
		const struct card_track *card = &rec->card[i];
		struct json_object *one = made(json_object_new_object());
		struct json_object *pools = made(json_object_new_array());

		put_number(one, "card", card->number);
		put_text(one, "bus_id", card->bus_id);
		put_text(one, "board", card->board);
		put_number(one, "silent", card->silent);
		for (j = 0; j < rec->pools; j++)
			if (rec->pool[j].card == i)
				append(pools, pool_object(rec, &rec->pool[j]));
		put(one, "pools", pools);
		append(cards, one);
	}
	put(obj, "cards", cards);
	for (i = 0; i < rec->notices; i++) {
		struct json_object *one = made(json_object_new_object());

		put_time(one, "time", rec->notice[i].time);
		put_text(one, "text", rec->notice[i].text);
		append(notices, one);
	}
	put(obj, "notices", notices);

	print_object(out, obj, false);
}

static int draw(const struct recording *rec, const char *path)
{
	bool is_stdout = !strcmp(path, "-");
	int fd = is_stdout ? STDOUT_FILENO : open_output(path);
	FILE *out;

	if (fd < 0)
		return EXIT_FAILED;
	out = is_stdout ? stdout : fdopen(fd, "w");
	if (!out)
		out_of_memory();
	print_svg(out, rec);
	return close_output(out, is_stdout ? "standard output" : path);
}

static int wrong(const char *what, const char *why)
{
	say("report: %s %s. ttmem-smi report --help tells more", what, why);
	return EXIT_USAGE;
}

int report_main(int argc, char **argv)
{
	enum { OPT_SVG = 256, OPT_BY, OPT_CSV, OPT_JSON };
	static const struct option options[] = {
		{ "svg", required_argument, NULL, OPT_SVG },
		{ "by", required_argument, NULL, OPT_BY },
		{ "id", required_argument, NULL, 'i' },
		{ "csv", no_argument, NULL, OPT_CSV },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *path = "ttmem.csv", *svg = NULL, *card = NULL;
	bool csv = false, json = false;
	enum report_by by = BY_PROCESS;
	struct recording rec;
	char why[512];
	int opt, status = 0;
	char *text = NULL;
	FILE *paper;
	size_t size;

	while ((opt = getopt_long(argc, argv, "i:h", options, NULL)) != -1) {
		switch (opt) {
		case OPT_SVG:
			svg = optarg;
			break;
		case OPT_BY:
			for (by = 0; by < REPORT_BYS; by++)
				if (!strcmp(optarg, by_names[by]))
					break;
			if (by < REPORT_BYS)
				break;
			snprintf(why, sizeof(why), "--by %s:", optarg);
			return wrong(why, "it is process, tag or label");
		case 'i':
			card = ttmem__same(optarg, "all", SIZE_MAX) ? NULL : optarg;
			break;
		case OPT_CSV:
			csv = true;
			break;
		case OPT_JSON:
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
		default:
			fputs("ttmem-smi: ttmem-smi report --help tells more\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	if (csv && json)
		return wrong("--csv and --json", "do not go together");
	if (optind < argc)
		path = argv[optind++];
	if (optind < argc)
		return wrong(argv[optind], "is one argument too many");

	if (!recording_read(&rec, path, by, card, why, sizeof(why))) {
		status = say("cannot report on %s: %s", path, why);
		goto done;
	}
	if (svg)
		status = draw(&rec, svg);
	if (!svg || strcmp(svg, "-")) {
		paper = open_memstream(&text, &size);
		if (!paper)
			out_of_memory();
		if (json)
			print_report_json(paper, &rec);
		else if (csv)
			print_csv(paper, &rec);
		else
			print_text(paper, &rec, path);
		if (!clean_send(stdout, paper, &text))
			out_of_memory();
		if (!status)
			status = close_output(stdout, "standard output");
	}
done:
	recording_free(&rec);
	return status;
}
