// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a recording, CSV or trace, line by line into tracks. Only a last line
 * may be cut off; anything else that cannot be understood is an error.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* More than ttmem can know of; what is beyond was not written by record. */
#define CARDS_MAX	(1u << 20)

enum column {
	COL_TIME, COL_KIND, COL_CARD, COL_BUS_ID, COL_BOARD, COL_CHIP,
	COL_MEMORY, COL_USED, COL_TOTAL, COL_PID, COL_USER, COL_COMMAND,
	COL_NOTE, COLUMNS,
};

#define FIELDS_MAX	64

/* What a pid of a trace stands for: a process, or a card. */
struct named {
	int64_t pid;
	char *bus_id;
	char *board;
	char *user;
	char *command;
};

/* A capacity that a trace told. */
struct capacity {
	unsigned int card;
	unsigned int chip;
	unsigned int memory;
	uint64_t bytes;
};

struct reader {
	struct recording *rec;
	const char *only;
	char *why;
	size_t why_size;
	size_t line;
	int column[COLUMNS];	/* where each is in the file, -1 if nowhere */
	struct named *named;
	size_t nameds;
	struct capacity *capacity;
	size_t capacities;
	size_t pool;		/* where the last row's was */
	size_t holder;		/* likewise */
};

static char *copy(const char *text)
{
	return printable(text ? text : "");
}

static bool __attribute__((format(printf, 2, 3)))
bad(struct reader *reader, const char *format, ...)
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

/* Begin a sample where the time is another one. */
static bool add_time(struct reader *reader, int64_t time)
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

static size_t find_card(struct recording *rec, const struct row *row)
{
	struct card_track *card;
	size_t i;

	for (i = 0; i < rec->cards; i++) {
		card = &rec->card[i];
		if (card->number == row->card &&
		    !strcmp(card->bus_id, row->bus_id))
			break;
	}
	if (i == rec->cards) {
		rec->card = grow(rec->card, rec->cards++, sizeof(*card));
		card = &rec->card[i];
		card->number = row->card;
		card->bus_id = copy(row->bus_id);
		card->board = copy(row->board);
	}
	/* The firmware tells it some seconds after the start. */
	if (!*card->board && row->board && *row->board) {
		free(card->board);
		card->board = copy(row->board);
	}
	return i;
}

/* Rows repeat in the same order, so the search goes on where it ended. */
static struct pool_track *find_pool(struct reader *reader,
				    const struct row *row)
{
	struct recording *rec = reader->rec;
	size_t card = find_card(rec, row), i;
	struct pool_track *pool;

	for (i = 0; i < rec->pools; i++) {
		size_t at = (reader->pool + i) % rec->pools;

		pool = &rec->pool[at];
		if (pool->card == card && pool->chip == row->chip &&
		    pool->memory == row->memory) {
			reader->pool = at;
			return pool;
		}
	}
	rec->pool = grow(rec->pool, rec->pools, sizeof(*pool));
	reader->pool = rec->pools;
	pool = &rec->pool[rec->pools++];
	pool->card = card;
	pool->chip = row->chip;
	pool->memory = row->memory;
	return pool;
}

/*
 * A number that was away for a sample and comes back with another command is
 * another process; one that goes on has become another program.
 */
static size_t find_holder(struct reader *reader, const struct row *row)
{
	struct recording *rec = reader->rec;
	const char *command = row->command ? row->command : "";
	const char *user = row->user ? row->user : "";
	size_t now = rec->samples - 1, i;
	struct holder *holder;

	/* Rows repeat in the same order here, too. */
	for (i = 0; i < 2 && rec->holders; i++) {
		size_t at = (reader->holder + i) % rec->holders;

		holder = &rec->holder[at];
		if (row->pid && holder->pid == row->pid &&
		    holder->last + 1 >= now &&
		    !strcmp(holder->command, command)) {
			holder->last = now;
			reader->holder = at;
			return at;
		}
	}
	for (i = rec->holders; i--; ) {
		holder = &rec->holder[i];
		if (holder->pid != row->pid ||
		    (!row->pid && strcmp(holder->user, user)))
			continue;
		if (!strcmp(holder->command, command))
			break;
		if (holder->last + 1 >= now) {
			free(holder->command);
			holder->command = copy(command);
			break;
		}
	}
	if (i == (size_t)-1) {
		i = rec->holders;
		rec->holder = grow(rec->holder, rec->holders++,
				   sizeof(*holder));
		holder = &rec->holder[i];
		holder->pid = row->pid;
		holder->user = copy(user);
		holder->command = copy(command);
	}
	rec->holder[i].last = now;
	reader->holder = i;
	return i;
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

static struct track *find_share(struct reader *reader, struct pool_track *pool,
				const struct row *row)
{
	size_t holder = find_holder(reader, row), i;

	for (i = 0; i < pool->shares; i++) {
		size_t at = (pool->next + i) % pool->shares;

		if (pool->share[at].holder == holder) {
			pool->next = at + 1;
			return &pool->share[at].track;
		}
	}
	pool->share = grow(pool->share, pool->shares, sizeof(*pool->share));
	pool->share[pool->shares].holder = holder;
	return &pool->share[pool->shares++].track;
}

static void count_silent(struct recording *rec, const struct row *row)
{
	struct card_track *card = &rec->card[find_card(rec, row)];

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
	return !strcasecmp(name, row->bus_id) ||
	       !strcasecmp(name, row->board) ||
	       (!strncmp(row->bus_id, "0000:", 5) &&
		!strcasecmp(name, row->bus_id + 5));
}

static bool add_row(struct reader *reader, int64_t time, const struct row *row)
{
	struct recording *rec = reader->rec;
	struct pool_track *pool;
	struct notice *notice;

	if (!add_time(reader, time))
		return false;
	if (reader->only && row->kind != ROW_NOTICE &&
	    !is_card(row, reader->only))
		return true;
	switch (row->kind) {
	case ROW_POOL:
		add_point(rec, &find_pool(reader, row)->track, row, false);
		break;
	case ROW_PROCESS:
		pool = find_pool(reader, row);
		if (row->used)
			add_point(rec, find_share(reader, pool, row), row, true);
		break;
	case ROW_SILENT:
		count_silent(rec, row);
		break;
	default:
		rec->notice = grow(rec->notice, rec->notices, sizeof(*notice));
		notice = &rec->notice[rec->notices++];
		notice->time = time;
		notice->text = copy(row->note);
	}
	return true;
}

static bool parse_memory(const char *text, unsigned int *memory)
{
	for (*memory = 0; *memory < 2; ++*memory)
		if (!strcmp(text, memory_names[*memory]))
			return true;
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
			return bad(reader, "%d values where the first line has more columns",
				   count);
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

static const char *json_text(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static bool json_number(struct json_object *obj, const char *key,
			uint64_t max, uint64_t *number)
{
	struct json_object *value;

	*number = 0;
	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return false;
	*number = json_object_get_uint64(value);
	return *number <= max;
}

static struct named *find_named(struct reader *reader, int64_t pid)
{
	size_t i;

	for (i = 0; i < reader->nameds; i++)
		if (reader->named[i].pid == pid)
			return &reader->named[i];
	return NULL;
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = copy(by);
}

static void read_name(struct reader *reader, int64_t pid,
		      struct json_object *args)
{
	struct named *named = find_named(reader, pid);

	if (!named) {
		reader->named = grow(reader->named, reader->nameds,
				     sizeof(*named));
		named = &reader->named[reader->nameds++];
		named->pid = pid;
	}
	replace(&named->bus_id, json_text(args, "bus_id"));
	replace(&named->board, json_text(args, "board"));
	replace(&named->user, json_text(args, "user"));
	replace(&named->command, json_text(args, "name"));
}

static struct capacity *find_capacity(struct reader *reader,
				      unsigned int card, unsigned int chip,
				      unsigned int memory)
{
	struct capacity *capacity;
	size_t i;

	for (i = 0; i < reader->capacities; i++) {
		capacity = &reader->capacity[i];
		if (capacity->card == card && capacity->chip == chip &&
		    capacity->memory == memory)
			return capacity;
	}
	reader->capacity = grow(reader->capacity, reader->capacities,
				sizeof(*capacity));
	capacity = &reader->capacity[reader->capacities++];
	capacity->card = card;
	capacity->chip = chip;
	capacity->memory = memory;
	return capacity;
}

static bool read_capacity(struct reader *reader, int64_t pid,
			  struct json_object *args)
{
	unsigned int memory;
	uint64_t chip, bytes;

	if (pid < TRACE_CARDS || !json_number(args, "chip", CARDS_MAX, &chip) ||
	    !json_number(args, "bytes", UINT64_MAX, &bytes) ||
	    !parse_memory(json_text(args, "memory"), &memory))
		return bad(reader, "no capacity of a card");
	find_capacity(reader, pid - TRACE_CARDS, chip, memory)->bytes = bytes;
	return true;
}

static bool read_counter(struct reader *reader, int64_t pid, int64_t time,
			 const char *name, struct json_object *args)
{
	struct named *named = find_named(reader, pid), *card;
	struct row row = { .kind = ROW_PROCESS };
	char memory[8] = "";
	int end = 0;
	bool ok;

	if (pid >= TRACE_CARDS) {
		row.kind = ROW_POOL;
		row.card = pid - TRACE_CARDS;
		ok = sscanf(name, "chip %u %7s%n", &row.chip, memory,
			    &end) == 2;
	} else {
		ok = sscanf(name, "card %u chip %u %7s%n", &row.card, &row.chip,
			    memory, &end) == 3;
		row.pid = pid == TRACE_HIDDEN ? 0 : pid;
	}
	if (!ok || !parse_memory(memory, &row.memory))
		return bad(reader, "counter '%s' is none of ttmem-smi's", name);
	card = find_named(reader, TRACE_CARDS + (int64_t)row.card);
	if (!named || !card)
		return bad(reader, "counter '%s' of pid %lld, which was not named before",
			   name, (long long)pid);
	row.bus_id = card->bus_id;
	row.board = card->board;
	if (row.kind == ROW_POOL) {
		row.total = find_capacity(reader, row.card, row.chip,
					  row.memory)->bytes;
	} else if (row.pid) {
		row.user = named->user;
		row.command = named->command;
	} else if (!strncmp(name + end, " of ", 4)) {
		row.user = name + end + 4;
	}
	if (!json_number(args, row.kind == ROW_POOL ? "used" : "held",
			 UINT64_MAX, &row.used))
		return bad(reader, "counter '%s' has no number of bytes", name);
	return add_row(reader, time, &row);
}

static bool read_event(struct reader *reader, struct json_object *event)
{
	const char *phase = json_text(event, "ph");
	const char *name = json_text(event, "name");
	struct json_object *args;
	uint64_t pid, time;
	struct row row;

	if (!json_object_object_get_ex(event, "args", &args) ||
	    !json_number(event, "pid", TRACE_CARDS + CARDS_MAX, &pid))
		return bad(reader, "an event without pid or args, none of ttmem-smi's");
	if (!strcmp(phase, "M")) {
		if (!strcmp(name, "process_name"))
			read_name(reader, pid, args);
		else if (!strcmp(name, "ttmem_capacity"))
			return read_capacity(reader, pid, args);
		return true;
	}
	if (strcmp(phase, "C") && strcmp(phase, "i"))
		return true;
	if (!json_number(event, "ts", INT64_MAX, &time))
		return bad(reader, "an event without a time");
	if (*phase == 'i') {
		row = (struct row){ .kind = ROW_NOTICE, .note = name };
		return add_row(reader, time, &row);
	}
	/* Only for those who draw counters: it has ended. */
	if (!strcmp(json_text(event, "cat"), "gone"))
		return add_time(reader, time);
	return read_counter(reader, pid, time, name, args);
}

static bool read_trace(struct reader *reader, char *line)
{
	enum json_tokener_error error;
	struct json_object *event;
	size_t len = strlen(line);
	bool ok;

	if (!strcmp(line, "]"))
		return true;
	if (len && line[len - 1] == ',')
		line[len - 1] = '\0';
	event = json_tokener_parse_verbose(line, &error);
	if (!event)
		return bad(reader, "not JSON: %s",
			   json_tokener_error_desc(error));
	ok = read_event(reader, event);
	json_object_put(event);
	return ok;
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
	}
	return ok;
}

bool recording_read(struct recording *rec, const char *path, const char *only,
		    char *why, size_t why_size)
{
	struct reader reader = {
		.rec = rec,
		.only = only,
		.why = why,
		.why_size = why_size,
	};
	FILE *file = stdin;
	bool ok;
	size_t i;

	memset(rec, 0, sizeof(*rec));
	if (strcmp(path, "-"))
		file = fopen(path, "re");
	if (!file) {
		snprintf(why, why_size, "%s", strerror(errno));
		return false;
	}
	ok = read_lines(&reader, file);
	if (ferror(file)) {
		snprintf(why, why_size, "%s", strerror(errno));
		ok = false;
	}
	if (file != stdin)
		fclose(file);
	for (i = 0; i < reader.nameds; i++) {
		free(reader.named[i].bus_id);
		free(reader.named[i].board);
		free(reader.named[i].user);
		free(reader.named[i].command);
	}
	free(reader.named);
	free(reader.capacity);
	return ok;
}

void recording_free(struct recording *rec)
{
	size_t i, j;

	for (i = 0; i < rec->pools; i++) {
		for (j = 0; j < rec->pool[i].shares; j++)
			free(rec->pool[i].share[j].track.point);
		free(rec->pool[i].share);
		free(rec->pool[i].track.point);
	}
	for (i = 0; i < rec->cards; i++) {
		free(rec->card[i].bus_id);
		free(rec->card[i].board);
	}
	for (i = 0; i < rec->holders; i++) {
		free(rec->holder[i].user);
		free(rec->holder[i].command);
	}
	for (i = 0; i < rec->notices; i++)
		free(rec->notice[i].text);
	free(rec->pool);
	free(rec->card);
	free(rec->holder);
	free(rec->notice);
	free(rec->time);
	memset(rec, 0, sizeof(*rec));
}

const struct point *track_at(const struct track *track, size_t sample)
{
	size_t low = 0, high = track->points;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (track->point[middle].sample < sample)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < track->points && track->point[low].sample == sample)
		return &track->point[low];
	return NULL;
}

const struct point *track_peak(const struct track *track)
{
	const struct point *peak = track->point;
	size_t i;

	for (i = 1; i < track->points; i++)
		if (track->point[i].used > peak->used)
			peak = &track->point[i];
	return peak;
}

double track_sum(const struct recording *rec, const struct track *track,
		 double *seconds)
{
	double sum = 0, time = 0, step;
	size_t i;

	for (i = 0; i < track->points; i++) {
		size_t sample = track->point[i].sample;

		if (sample + 1 == rec->samples)
			break;
		step = (rec->time[sample + 1] - rec->time[sample]) / 1e6;
		time += step;
		sum += step * track->point[i].used;
	}
	if (seconds)
		*seconds = time;
	return sum;
}

double pool_mean(const struct recording *rec, const struct pool_track *pool,
		 const struct track *track)
{
	double seconds, sum;

	track_sum(rec, &pool->track, &seconds);
	sum = track_sum(rec, track, NULL);
	if (seconds > 0)
		return sum / seconds;
	return track->points ? track->point[0].used : 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (!x->holder || !y->holder)
		return !x->holder - !y->holder;
	return (x->holder->pid > y->holder->pid) -
	       (x->holder->pid < y->holder->pid);
}

struct holding *pool_holdings(const struct recording *rec,
			      const struct pool_track *pool, size_t sample,
			      size_t *count)
{
	const struct point *point, *used = track_at(&pool->track, sample);
	struct holding *list = calloc(pool->shares + 1, sizeof(*list));
	uint64_t rest = used ? used->used : 0;
	size_t i;

	if (!list)
		out_of_memory();
	*count = 0;
	for (i = 0; i < pool->shares; i++) {
		point = track_at(&pool->share[i].track, sample);
		if (!point)
			continue;
		list[*count].holder = &rec->holder[pool->share[i].holder];
		list[(*count)++].bytes = point->used;
		rest -= point->used < rest ? point->used : rest;
	}
	if (rest)
		list[(*count)++].bytes = rest;
	qsort(list, *count, sizeof(*list), by_bytes);
	return list;
}
