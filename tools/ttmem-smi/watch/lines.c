// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has crossed a line. For each line there is a mark for each pool, process or
 * user that it is about; the marks of a look are merged with those of the look
 * before, so what goes away is forgotten and begins anew when it is back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "text/text.h"
#include "watch/marks.h"

/* A window of growth has so many parts; what was held is kept for each. */
#define PARTS		60
#define PAST		(PARTS + 4)

/* Told again only after it fell back to so many per cent of the line. */
#define BACK		95

/* What was held, the newest at @next - 1. */
struct past {
	int64_t time[PAST];
	uint64_t bytes[PAST];
	unsigned int next;
	unsigned int count;
};

/* What somebody holds of a memory. */
struct value {
	enum who who;
	unsigned int card;
	unsigned int chip;
	unsigned int memory;
	uint64_t id;
	uint64_t first;
	uint64_t last;
	uint64_t bytes;
	uint64_t total;
	uid_t uid;
	const char *address;
	const char *name;
};

struct values {
	struct value *value;
	size_t count;
};

const char * const who_names[WHO_COUNT] = {
	[WHO_POOL] = "pool",
	[WHO_USER] = "user",
	[WHO_PROCESS] = "process",
};

bool marks_need_clients(const struct marks *marks)
{
	size_t i;

	for (i = 0; i < marks->lines; i++)
		if (marks->line[i].who != WHO_POOL)
			return true;
	return false;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_key(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	int order = compare(x->who, y->who);

	if (!order)
		order = compare(x->card, y->card);
	if (!order)
		order = compare(x->chip, y->chip);
	if (!order)
		order = compare(x->memory, y->memory);
	if (!order)
		order = compare(x->id, y->id);
	return order;
}

static struct value *add_value(struct values *values, enum who who,
			       const struct card *card, unsigned int memory)
{
	struct value *v;

	values->value = grow(values->value, values->count, sizeof(*v));
	v = &values->value[values->count++];
	v->who = who;
	v->card = card->id.number;
	v->memory = memory;
	v->address = card->id.address;
	v->name = "";
	return v;
}

static void add_pools(struct values *values, const struct card *card,
		      unsigned int memory)
{
	struct value *v;
	size_t chip;

	for (chip = 0; chip < card->chips; chip++) {
		v = add_value(values, WHO_POOL, card, memory);
		v->chip = chip;
		v->bytes = card->chip[chip].pool[memory].used;
		v->total = card->chip[chip].pool[memory].total;
	}
}

/* Of all chips together; not known if one chip's is not. */
static uint64_t card_total(const struct card *card, unsigned int memory)
{
	uint64_t total = 0;
	size_t chip;

	for (chip = 0; chip < card->chips; chip++) {
		if (!card->chip[chip].pool[memory].total)
			return 0;
		add_bytes(&total, card->chip[chip].pool[memory].total);
	}
	return total;
}

static void add_client(struct values *values, const struct card *card,
		       const struct ttmem_client *client)
{
	enum who who;

	for (who = WHO_USER; who <= WHO_PROCESS; who++) {
		struct value *v;

		/* Those that are not visible cannot be told apart. */
		if (who == WHO_PROCESS && client->pid <= 0)
			continue;
		v = add_value(values, who, card, client->memory);
		v->id = who == WHO_USER ? client->uid : (uint32_t)client->pid;
		v->first = client->client;
		v->last = client->client;
		v->uid = client->uid;
		v->bytes = client->bytes;
		v->total = card_total(card, client->memory);
		if (who == WHO_PROCESS)
			v->name = client->command;
	}
}

/* Make one of those that are about the same. */
static void merge_values(struct values *values)
{
	size_t i, kept = 0;

	if (values->count)
		qsort(values->value, values->count, sizeof(*values->value), by_key);
	for (i = 0; i < values->count; i++) {
		struct value *v = &values->value[i], *to;

		to = kept ? &values->value[kept - 1] : NULL;
		if (!to || by_key(to, v)) {
			values->value[kept++] = *v;
			continue;
		}
		add_bytes(&to->bytes, v->bytes);
		if (v->first < to->first)
			to->first = v->first;
		if (v->last > to->last) {
			to->last = v->last;
			to->uid = v->uid;
			to->name = v->name;
		}
	}
	values->count = kept;
}

static void take_values(struct values *values, const struct marks *marks,
			const struct snapshot *snap,
			const struct ttmem_client *list, size_t count)
{
	const struct card *card = NULL;
	unsigned int memory;
	size_t i;

	for (i = 0; i < snap->cards; i++)
		for (memory = 0; memory < 2; memory++)
			if (marks->memories & 1u << memory)
				add_pools(values, &snap->card[i], memory);
	for (i = 0; i < count; i++) {
		if (!card || card->id.number != list[i].card)
			card = snapshot_card(snap, list[i].card);
		if (card && list[i].memory <= TTMEM_L1 &&
		    marks->memories & 1u << list[i].memory && list[i].bytes)
			add_client(values, card, &list[i]);
	}
	merge_values(values);
}

static int compare_marks(const struct mark *a, const struct mark *b)
{
	int order = compare(a->line, b->line);

	if (!order)
		order = compare(a->card, b->card);
	if (!order)
		order = compare(a->chip, b->chip);
	if (!order)
		order = compare(a->memory, b->memory);
	if (!order)
		order = compare(a->id, b->id);
	return order;
}

/* Whether what could not be read may be there still. */
static bool is_unread(const struct mark *mark, const struct line *line,
		      const struct snapshot *snap,
		      const struct ttmem_client *list)
{
	const struct card *card = snapshot_card(snap, mark->card);

	if (!card)
		return false;
	return !card->chips || (line->who != WHO_POOL && !list);
}

/* The most that may be held without crossing the line; false if not known. */
static bool limit_of(const struct line *line, const struct mark *mark,
		     double *limit)
{
	if (line->milli && !mark->total)
		return false;
	*limit = line->milli ? (double)mark->total * line->milli / 100000 :
			       line->bytes;
	return true;
}

/*
 * What it has grown by since the window's begin; false if that is not known, as of
 * one that was not there then.
 */
static bool look_back(struct mark *mark, const struct line *line, int64_t now,
		      int64_t slack)
{
	struct past *past = mark->past;
	bool found = false;
	unsigned int i;

	if (!past) {
		past = calloc(1, sizeof(*past));
		if (!past)
			out_of_memory();
		mark->past = past;
	}
	for (i = 1; i <= past->count && !found; i++) {
		unsigned int at = (past->next + PAST - i) % PAST;
		int64_t age = now - past->time[at];

		if (age < line->window)
			continue;
		/* One that is much older says nothing of the window. */
		if (age > line->window + line->window / 4 + slack)
			break;
		found = true;
		mark->grown = mark->bytes > past->bytes[at] ?
			      mark->bytes - past->bytes[at] : 0;
	}
	i = (past->next + PAST - 1) % PAST;
	if (!past->count || now - past->time[i] >= line->window / PARTS) {
		past->time[past->next] = now;
		past->bytes[past->next] = mark->bytes;
		past->next = (past->next + 1) % PAST;
		if (past->count < PAST)
			past->count++;
	}
	return found;
}

/* Returns whether it was to be told and has fallen back before. */
static bool judge(struct mark *mark, const struct line *line, int64_t now,
		  int64_t slack)
{
	double held, limit;
	bool lost = false;

	mark->grown = 0;
	if (line->window && !look_back(mark, line, now, slack))
		return false;
	if (!limit_of(line, mark, &limit))
		return false;
	held = line->window ? mark->grown : mark->bytes;
	if (held > limit) {
		if (!mark->above)
			mark->since = now;
		mark->above = true;
		if (!mark->told && now - mark->since >= line->hold) {
			mark->told = true;
			mark->pending = true;
		}
		return false;
	}
	mark->above = false;
	if (held <= limit * BACK / 100) {
		lost = mark->pending;
		mark->told = false;
		mark->pending = false;
	}
	return lost;
}

static struct mark *add_mark(struct marks *marks, const struct mark *mark)
{
	marks->mark = grow(marks->mark, marks->count, sizeof(*mark));
	marks->mark[marks->count] = *mark;
	return &marks->mark[marks->count++];
}

static void fill_mark(struct mark *mark, size_t line, const struct value *v)
{
	char *name = printable(v->name);

	memset(mark, 0, sizeof(*mark));
	mark->line = line;
	mark->card = v->card;
	mark->chip = v->chip;
	mark->memory = v->memory;
	mark->id = v->id;
	mark->first = v->first;
	mark->last = v->last;
	mark->uid = v->uid;
	mark->bytes = v->bytes;
	mark->total = v->total;
	snprintf(mark->address, sizeof(mark->address), "%s", v->address);
	snprintf(mark->name, sizeof(mark->name), "%s", name);
	free(name);
}

/*
 * Take over how it stood. A process whose clients are all newer than those that
 * were seen may be another one with its number.
 */
static bool inherit(struct mark *mark, const struct line *line,
		    const struct mark *before)
{
	if (line->who == WHO_PROCESS && mark->first > before->last)
		return false;
	mark->above = before->above;
	mark->told = before->told;
	mark->pending = before->pending;
	mark->since = before->since;
	mark->past = before->past;
	return true;
}

static size_t forget(struct mark *mark)
{
	free(mark->past);
	return mark->pending;
}

/* What could not be read may be what it was. Return: messages that are lost with it. */
static size_t keep_or_forget(struct marks *marks, struct mark *mark, const struct snapshot *snap,
			     const struct ttmem_client *list)
{
	if (!is_unread(mark, &marks->line[mark->line], snap, list))
		return forget(mark);
	add_mark(marks, mark);
	return 0;
}

/* A mark that is pending, and how many of the same user's come before it. */
struct turn {
	size_t mark;
	size_t before;
};

static enum who who_of(const struct marks *marks, const struct turn *turn)
{
	return marks->line[marks->mark[turn->mark].line].who;
}

static int by_user(const void *a, const void *b, void *arg)
{
	const struct turn *x = a, *y = b;
	const struct marks *marks = arg;
	int order = compare(who_of(marks, x), who_of(marks, y));

	if (!order)
		order = compare(marks->mark[x->mark].uid, marks->mark[y->mark].uid);
	return order ? order : compare(x->mark, y->mark);
}

/* What one user does is not to come before what concerns all; then they take turns. */
static int by_turn(const void *a, const void *b, void *arg)
{
	const struct turn *x = a, *y = b;
	const struct marks *marks = arg;
	uid_t x_after = marks->mark[x->mark].uid - marks->last - 1;
	uid_t y_after = marks->mark[y->mark].uid - marks->last - 1;
	int order = compare(who_of(marks, x), who_of(marks, y));

	if (!order)
		order = compare(x->before, y->before);
	if (!order)
		order = compare(x_after, y_after);
	return order ? order : compare(x->mark, y->mark);
}

static void make_queue(struct marks *marks)
{
	struct turn *turn;
	size_t i;

	free(marks->queue);
	marks->queue = NULL;
	marks->queued = 0;
	marks->taken = 0;
	for (i = 0; i < marks->count; i++) {
		if (!marks->mark[i].pending)
			continue;
		marks->queue = grow(marks->queue, marks->queued, sizeof(*turn));
		marks->queue[marks->queued++].mark = i;
	}
	if (!marks->queued)
		return;
	qsort_r(marks->queue, marks->queued, sizeof(*turn), by_user, marks);
	for (i = 1; i < marks->queued; i++) {
		turn = &marks->queue[i];
		if (who_of(marks, turn) == who_of(marks, turn - 1) &&
		    marks->mark[turn->mark].uid == marks->mark[turn[-1].mark].uid)
			turn->before = turn[-1].before + 1;
	}
	qsort_r(marks->queue, marks->queued, sizeof(*turn), by_turn, marks);
}

size_t marks_look(struct marks *marks, int64_t now, const struct snapshot *snap,
		  const struct ttmem_client *list, size_t count)
{
	struct marks before = *marks;
	struct values values = { 0 };
	size_t i, line, old = 0, lost = 0;

	marks->mark = NULL;
	marks->count = 0;
	take_values(&values, marks, snap, list, list ? count : 0);
	for (line = 0; line < marks->lines; line++) {
		for (i = 0; i < values.count; i++) {
			struct mark mark, *new;

			if (values.value[i].who != marks->line[line].who)
				continue;
			fill_mark(&mark, line, &values.value[i]);
			while (old < before.count && compare_marks(&before.mark[old], &mark) < 0)
				lost += keep_or_forget(marks, &before.mark[old++], snap, list);
			new = add_mark(marks, &mark);
			if (old < before.count &&
			    !compare_marks(&before.mark[old], new)) {
				if (!inherit(new, &marks->line[line], &before.mark[old]))
					lost += forget(&before.mark[old]);
				old++;
			}
			lost += judge(new, &marks->line[line], now, marks->slack);
		}
	}
	while (old < before.count)
		lost += keep_or_forget(marks, &before.mark[old++], snap, list);
	free(before.mark);
	free(values.value);
	make_queue(marks);
	return lost;
}

struct mark *marks_next(struct marks *marks)
{
	struct mark *next;

	if (marks->taken == marks->queued)
		return NULL;
	next = &marks->mark[marks->queue[marks->taken].mark];
	if (who_of(marks, &marks->queue[marks->taken++]) != WHO_POOL)
		marks->last = next->uid;
	next->pending = false;
	return next;
}

void marks_free(struct marks *marks)
{
	size_t i;

	for (i = 0; i < marks->count; i++)
		free(marks->mark[i].past);
	free(marks->mark);
	free(marks->queue);
	marks->mark = NULL;
	marks->queue = NULL;
	marks->count = 0;
	marks->queued = 0;
	marks->taken = 0;
}

char *mark_text(const struct mark *mark, const struct line *line)
{
	char held[32], total[32], grown[48] = "", who[128] = "", *text, *clean;
	int ret;

	format_size(held, sizeof(held), mark->bytes);
	format_size(total, sizeof(total), mark->total);
	if (line->who == WHO_POOL)
		snprintf(who, sizeof(who), " chip %u", mark->chip);
	if (line->who == WHO_USER)
		snprintf(who, sizeof(who), " user %.64s", user_name(mark->uid));
	if (line->who == WHO_PROCESS)
		snprintf(who, sizeof(who), " process %llu of %.64s",
			 (unsigned long long)mark->id, user_name(mark->uid));
	if (line->window) {
		format_size(grown, sizeof(grown), mark->grown);
		strcat(grown, " more, ");
	}
	ret = asprintf(&text, "card %u %s%s: %s%s%s%s held, above %s%s%s",
		       mark->card, memory_names[mark->memory], who, grown, held,
		       mark->total ? " of " : "", mark->total ? total : "",
		       line->text, *mark->name ? ": " : "", mark->name);
	if (ret < 0)
		out_of_memory();
	clean = printable(text);
	free(text);
	return clean;
}
