// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a recording, CSV or trace, line by line into tracks. Only a last line
 * may be cut off; anything else that cannot be understood is an error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "internal.h"
#include "record/lookup.h"
#include "record/reader.h"
#include "record/recording.h"
#include "record/rows.h"
#include "text/text.h"

enum column {
	COL_TIME, COL_KIND, COL_CARD, COL_BUS_ID, COL_BOARD, COL_CHIP,
	COL_MEMORY, COL_USED, COL_TOTAL, COL_PID, COL_USER, COL_COMMAND,
	COL_NOTE, COL_TAG, COL_LABEL, COLUMNS,
};

#define FIELDS_MAX	64

/*
 * A few lines are not to make a report of any size: there is a part of it for each
 * memory, and a name may stand in all of them.
 */
#define RECORD_CARDS	512
#define RECORD_POOLS	1024
#define NAME_BYTES	4096

/* Text of a file, which may hold anything; NULL is none. */
static char *cleaned(const char *text)
{
	char *clean = printable(text ? text : "");
	size_t len;

	if (strlen(clean) > NAME_BYTES) {
		len = NAME_BYTES;
		while (len && (clean[len] & 0xc0) == 0x80)
			len--;
		clean[len] = '\0';
	}
	return clean;
}

bool bad(struct reader *reader, const char *format, ...)
{
	va_list args;
	int len;

	len = snprintf(reader->why, reader->why_size, "line %zu: ",
		       reader->line);
	va_start(args, format);
	vsnprintf(reader->why + len, reader->why_size - len, format, args);
	va_end(args);
	return false;
}

bool add_time(struct reader *reader, int64_t time)
{
	struct recording *rec = reader->rec;

	if (rec->samples && rec->time[rec->samples - 1] == time)
		return true;
	if (rec->samples && rec->time[rec->samples - 1] > time)
		return bad(reader, "its time is before that of the line above");
	rec->time = grow(rec->time, rec->samples, sizeof(*rec->time));
	rec->time[rec->samples++] = time;
	return true;
}

static size_t find_card(struct reader *reader, const struct row *row)
{
	size_t *at = lookup(&reader->cards, "%u %s", row->card, row->bus_id);
	struct recording *rec = reader->rec;
	struct card_track *card;

	if (*at == NOWHERE) {
		*at = rec->cards;
		rec->card = grow(rec->card, rec->cards, sizeof(*card));
		card = &rec->card[rec->cards++];
		card->number = row->card;
		card->bus_id = cleaned(row->bus_id);
		card->board = cleaned(row->board);
	}
	card = &rec->card[*at];
	/* The firmware tells it some seconds after the start. */
	if (!*card->board && row->board && *row->board) {
		free(card->board);
		card->board = cleaned(row->board);
	}
	return *at;
}

static size_t find_pool(struct reader *reader, const struct row *row)
{
	struct recording *rec = reader->rec;
	size_t card = find_card(reader, row);
	size_t *at = lookup(&reader->pools, "%zu %u %u", card, row->chip,
			    row->memory);
	struct pool_track *pool;

	if (*at == NOWHERE) {
		*at = rec->pools;
		rec->pool = grow(rec->pool, rec->pools, sizeof(*pool));
		pool = &rec->pool[rec->pools++];
		pool->card = card;
		pool->chip = row->chip;
		pool->memory = row->memory;
	}
	return *at;
}

static size_t add_holder(struct recording *rec, pid_t pid, const char *user,
			 const char *command)
{
	struct holder *holder;

	rec->holder = grow(rec->holder, rec->holders, sizeof(*holder));
	holder = &rec->holder[rec->holders];
	holder->pid = pid;
	holder->user = cleaned(user);
	holder->command = cleaned(command);
	return rec->holders++;
}

/*
 * A number that was away for a sample and comes back with another command is
 * another process; one that goes on has become another program.
 */
static size_t find_process(struct reader *reader, const struct row *row)
{
	const char *command = row->command ? row->command : "";
	const char *user = row->user ? row->user : "";
	struct recording *rec = reader->rec;
	size_t now = rec->samples - 1, *last, *was;
	struct holder *holder;
	char *clean;

	last = lookup(&reader->holders, "last %d %s", row->pid,
		      row->pid ? "" : user);
	if (*last == NOWHERE)
		*last = add_holder(rec, row->pid, user, command);
	holder = &rec->holder[*last];
	clean = cleaned(command);
	if (strcmp(holder->command, clean) && holder->last + 1 >= now) {
		free(holder->command);
		holder->command = clean;
		return *last;
	}
	if (strcmp(holder->command, clean)) {
		*lookup(&reader->holders, "was %d %s", row->pid,
			holder->command) = *last;
		was = lookup(&reader->holders, "was %d %s", row->pid, clean);
		if (*was == NOWHERE || strcmp(rec->holder[*was].command, clean))
			*was = add_holder(rec, row->pid, user, command);
		*last = *was;
	}
	free(clean);
	return *last;
}

/* Whose a row is: a process, a tag or a label, as the recording is seen. */
static size_t find_holder(struct reader *reader, const struct row *row)
{
	const char *name = row->label;
	size_t *at;

	if (reader->rec->by == BY_PROCESS)
		return find_process(reader, row);
	if (reader->rec->by == BY_TAG)
		name = row->tag < TAGS ? tag_names[row->tag] : "";
	at = lookup(&reader->holders, "%s", name);
	if (*at == NOWHERE)
		*at = add_holder(reader->rec, 0, "", name);
	return *at;
}

/* Set the value of the sample that is being read; shares of one add up. */
static void add_point(struct recording *rec, struct track *track,
		      const struct row *row, bool add)
{
	size_t now = rec->samples - 1;
	struct point *point;

	if (!track->points || track->point[track->points - 1].sample != now) {
		track->point = grow(track->point, track->points,
				    sizeof(*point));
		point = &track->point[track->points++];
		point->sample = now;
	}
	point = &track->point[track->points - 1];
	if (!add)
		point->used = 0;
	if (__builtin_add_overflow(point->used, row->used, &point->used))
		point->used = UINT64_MAX;
	point->total = row->total;
}

/* Rows repeat in the same order, so the next share is most likely its. */
static size_t guess_share(const struct reader *reader,
			  const struct pool_track *pool, const struct row *row)
{
	const struct holder *holder;
	size_t at = pool->next, now = reader->rec->samples - 1, i;

	for (i = 0; i < 2 && at + i < pool->shares; i++) {
		holder = &reader->rec->holder[pool->share[at + i].holder];
		if (row->pid && holder->pid == row->pid &&
		    holder->last + 1 >= now &&
		    !strcmp(holder->command, row->command ? row->command : ""))
			return at + i;
	}
	return NOWHERE;
}

static struct track *find_share(struct reader *reader, size_t place,
				const struct row *row)
{
	struct recording *rec = reader->rec;
	struct pool_track *pool = &rec->pool[place];
	size_t at = guess_share(reader, pool, row), holder, *known;

	if (at == NOWHERE) {
		holder = find_holder(reader, row);
		known = lookup(&reader->shares, "%zu %zu", place, holder);
		if (*known == NOWHERE) {
			*known = pool->shares;
			pool->share = grow(pool->share, pool->shares,
					   sizeof(*pool->share));
			pool->share[pool->shares++].holder = holder;
		}
		at = *known;
	}
	pool->next = at;
	rec->holder[pool->share[at].holder].last = rec->samples - 1;
	return &pool->share[at].track;
}

static void count_silent(struct reader *reader, const struct row *row)
{
	struct recording *rec = reader->rec;
	size_t at = find_card(reader, row);
	struct card_track *card = &rec->card[at];

	if (card->silent_sample != rec->samples)
		card->silent_now = 0;
	card->silent_sample = rec->samples;
	if (++card->silent_now > card->silent)
		card->silent = card->silent_now;
}

/* Is it the card that a person names by number, bus id or board? */
static bool is_card(const struct row *row, const char *name)
{
	uint64_t number;

	if (ttmem__number(name, CARDS_MAX, &number))
		return number == row->card;
	return ttmem__same(name, row->bus_id, SIZE_MAX) ||
	       ttmem__same(name, row->board, SIZE_MAX) ||
	       (!strncmp(row->bus_id, "0000:", 5) &&
		ttmem__same(name, row->bus_id + 5, SIZE_MAX));
}

bool add_row(struct reader *reader, int64_t time, const struct row *row)
{
	struct recording *rec = reader->rec;
	enum row_kind held = rec->by == BY_LABEL ? ROW_LABEL : ROW_PROCESS;
	struct notice *notice;
	size_t pool;

	if (!add_time(reader, time))
		return false;
	if (reader->only && row->kind != ROW_NOTICE &&
	    !is_card(row, reader->only))
		return true;
	switch (row->kind) {
	case ROW_POOL:
		pool = find_pool(reader, row);
		add_point(rec, &rec->pool[pool].track, row, false);
		break;
	case ROW_PROCESS:
	case ROW_LABEL:
		reader->labels |= row->kind == ROW_LABEL;
		pool = find_pool(reader, row);
		if (row->used && row->kind == held)
			add_point(rec, find_share(reader, pool, row), row, true);
		break;
	case ROW_SILENT:
		count_silent(reader, row);
		break;
	default:
		rec->notice = grow(rec->notice, rec->notices, sizeof(*notice));
		notice = &rec->notice[rec->notices++];
		notice->time = time;
		notice->text = cleaned(row->note);
	}
	if (rec->cards > RECORD_CARDS || rec->pools > RECORD_POOLS)
		return bad(reader, "more than %d cards or %d memories", RECORD_CARDS,
			   RECORD_POOLS);
	return true;
}

bool parse_memory(const char *text, unsigned int *memory)
{
	for (*memory = 0; *memory < 2; ++*memory)
		if (!strcmp(text, memory_names[*memory]))
			return true;
	return false;
}

bool parse_tag(const char *text, unsigned int *tag)
{
	for (*tag = 0; *tag < TAGS; ++*tag)
		if (!strcmp(text, tag_names[*tag]))
			return true;
	*tag = TTMEM_UNKNOWN;
	return false;
}

/* "2026-11-23T05:16:39.123456Z", with any number of decimals. */
static bool parse_time(const char *text, int64_t *time)
{
	int64_t unit = 100000;
	struct tm tm = { 0 };
	const char *end;

	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return false;
	*time = timegm(&tm) * 1000000ll;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
			*time += (*end - '0') * unit;
	return !strcmp(end, "Z") && *time >= 0;
}

/* Cut a line of CSV into its values, in place; -1 if quotes are not closed. */
static int split(char *line, char **field)
{
	int count = 0;

	for (;;) {
		char *to = line, *from = line;
		bool quoted = *from == '"';

		if (count == FIELDS_MAX)
			return count;
		field[count++] = line;
		if (quoted) {
			for (from++; ; from++) {
				if (!*from)
					return -1;
				if (*from == '"' && *++from != '"')
					break;
				*to++ = *from;
			}
		}
		while (*from && *from != ',')
			*to++ = *from++;
		line = from + 1;
		if (!*from) {
			*to = '\0';
			return count;
		}
		*to = '\0';
	}
}

/* Find out which column is where. */
static bool read_header(struct reader *reader, char *line)
{
	char names[] = CSV_COLUMNS, *name[FIELDS_MAX], *field[FIELDS_MAX];
	int count = split(line, field), i, j;

	split(names, name);
	for (i = 0; i < COLUMNS; i++) {
		reader->column[i] = -1;
		for (j = 0; j < count; j++)
			if (!strcmp(field[j], name[i]))
				reader->column[i] = j;
		if (reader->column[i] < 0)
			return bad(reader, "no recording of ttmem-smi: there is no column '%s'",
				   name[i]);
	}
	return true;
}

static bool read_csv(struct reader *reader, char *line)
{
	static const char * const empty = "";
	char *field[FIELDS_MAX];
	const char *value[COLUMNS];
	struct row row = { 0 };
	uint64_t number;
	int64_t time;
	int count, i;

	count = split(line, field);
	if (count < 0)
		return bad(reader, "a quotation mark is not closed");
	for (i = 0; i < COLUMNS; i++) {
		if (reader->column[i] >= count)
			return bad(reader, "%d value%s where the first line has more columns",
				   count, count == 1 ? "" : "s");
		value[i] = field[reader->column[i]];
	}
	if (!parse_time(value[COL_TIME], &time))
		return bad(reader, "'%s' is no time as 2026-11-23T05:16:39.123456Z",
			   value[COL_TIME]);
	for (row.kind = 0; row.kind < ROW_KINDS; row.kind++)
		if (!strcmp(value[COL_KIND], row_kinds[row.kind]))
			break;
	if (row.kind == ROW_KINDS)	/* of a later version */
		return add_time(reader, time);

	row.bus_id = value[COL_BUS_ID];
	row.board = value[COL_BOARD];
	row.user = value[COL_USER];
	row.command = value[COL_COMMAND];
	row.note = value[COL_NOTE];
	row.label = value[COL_LABEL];
	/* What a later version calls by another name is not known here. */
	parse_tag(value[COL_TAG], &row.tag);
	if (row.kind == ROW_NOTICE)
		return add_row(reader, time, &row);
	if (!ttmem__number(value[COL_CARD], CARDS_MAX, &number))
		return bad(reader, "card '%s' is no number", value[COL_CARD]);
	row.card = number;
	number = 0;
	if (strcmp(value[COL_PID], empty) &&
	    !ttmem__number(value[COL_PID], INT32_MAX, &number))
		return bad(reader, "pid '%s' is no number", value[COL_PID]);
	row.pid = number;
	if (row.kind == ROW_SILENT)
		return add_row(reader, time, &row);
	if (!ttmem__number(value[COL_CHIP], CARDS_MAX, &number))
		return bad(reader, "chip '%s' is no number", value[COL_CHIP]);
	row.chip = number;
	if (!parse_memory(value[COL_MEMORY], &row.memory))
		return bad(reader, "memory '%s' is neither DRAM nor L1",
			   value[COL_MEMORY]);
	if (!ttmem__number(value[COL_USED], UINT64_MAX, &row.used))
		return bad(reader, "used '%s' is no number of bytes",
			   value[COL_USED]);
	if (strcmp(value[COL_TOTAL], empty) &&
	    !ttmem__number(value[COL_TOTAL], UINT64_MAX, &row.total))
		return bad(reader, "total '%s' is no number of bytes",
			   value[COL_TOTAL]);
	return add_row(reader, time, &row);
}

static void drop_point(struct track *track, size_t sample)
{
	if (track->points && track->point[track->points - 1].sample == sample)
		track->points--;
}

/* Forget the last sample: with the end of the file some of its rows are gone. */
static void drop_sample(struct recording *rec)
{
	size_t last, i, j;

	rec->cut = true;
	if (rec->samples < 2)
		return;
	last = --rec->samples;
	for (i = 0; i < rec->pools; i++) {
		drop_point(&rec->pool[i].track, last);
		for (j = 0; j < rec->pool[i].shares; j++)
			drop_point(&rec->pool[i].share[j].track, last);
	}
}

/* Forget memories of which nothing is told but who holds them. */
static void drop_empty(struct recording *rec)
{
	size_t i, j, kept = 0;

	for (i = 0; i < rec->pools; i++) {
		struct pool_track *pool = &rec->pool[i];

		if (pool->track.points) {
			rec->pool[kept++] = *pool;
			continue;
		}
		for (j = 0; j < pool->shares; j++)
			free(pool->share[j].track.point);
		free(pool->share);
		free(pool->track.point);
	}
	rec->pools = kept;
}

static bool read_lines(struct reader *reader, FILE *file)
{
	char *line = NULL;
	bool ok = true, trace = false, last;
	size_t room = 0;
	ssize_t len;

	for (reader->line = 1; ok; reader->line++) {
		len = getline(&line, &room, file);
		if (len < 0)
			break;
		last = line[len - 1] != '\n';
		if (memchr(line, '\0', len)) {
			ok = bad(reader, "it holds a NUL byte");
			break;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (reader->line == 1) {
			trace = !strcmp(line, "[");
			if (!trace)
				ok = read_header(reader, line);
		} else if (trace) {
			ok = read_trace(reader, line);
			if (!ok && last) {
				drop_sample(reader->rec);
				ok = true;
			}
		} else if (last) {
			drop_sample(reader->rec);
		} else {
			ok = read_csv(reader, line);
		}
	}
	free(line);
	drop_empty(reader->rec);
	if (ok && reader->line == 1) {
		snprintf(reader->why, reader->why_size, "it is empty");
		ok = false;
	} else if (ok && !reader->rec->samples) {
		snprintf(reader->why, reader->why_size,
			 "there is no sample in it");
		ok = false;
	} else if (ok && reader->only && !reader->rec->pools) {
		snprintf(reader->why, reader->why_size,
			 "there is no card %s in it; without -i all are shown",
			 reader->only);
		ok = false;
	} else if (ok && reader->rec->by == BY_LABEL && !reader->labels) {
		snprintf(reader->why, reader->why_size,
			 "there is no label in it: ttmem-smi record --labels records those that may be read");
		ok = false;
	}
	return ok;
}

bool recording_read(struct recording *rec, const char *path,
		    enum report_by by, const char *only, char *why,
		    size_t why_size)
{
	int column[COLUMNS];
	struct reader reader = {
		.rec = rec,
		.column = column,
		.only = only,
		.why = why,
		.why_size = why_size,
	};
	FILE *file = stdin;
	bool ok;

	memset(rec, 0, sizeof(*rec));
	rec->by = by;
	if (strcmp(path, "-"))
		file = fopen(path, "re");
	if (!file) {
		snprintf(why, why_size, "%s", strerror(errno));
		return false;
	}
	ok = read_lines(&reader, file);
	/* To run out of memory is no error of the file. */
	if (ferror(file) || (ok && !feof(file))) {
		snprintf(why, why_size, "%s", strerror(errno));
		ok = false;
	}
	if (file != stdin)
		fclose(file);
	lookup_free(&reader.cards);
	lookup_free(&reader.pools);
	lookup_free(&reader.holders);
	lookup_free(&reader.shares);
	trace_free(&reader);
	return ok;
}
