// SPDX-License-Identifier: GPL-2.0-only
/*
 * What top knows, whatever it comes from and however it is shown. The functions
 * are explained in top.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "top/model.h"

void history_add(struct history *history, uint64_t value, double time)
{
	history->sample[history->next] = value;
	history->time[history->next] = time;
	history->next = (history->next + 1) % HISTORY;
	if (history->count < HISTORY)
		history->count++;
}

bool history_get(const struct history *history, size_t age, uint64_t *value,
		 double *time)
{
	size_t at = (history->next + HISTORY - 1 - age) % HISTORY;

	if (age >= history->count)
		return false;
	*value = history->sample[at];
	if (time)
		*time = history->time[at];
	return true;
}

double history_age(const struct history *history, size_t age, double delay)
{
	size_t oldest = history->count ? history->count - 1 : 0;
	double from = 0, to;
	uint64_t value;

	if (!history_get(history, 0, &value, &to))
		return age * delay;
	history_get(history, age < oldest ? age : oldest, &value, &from);
	return to - from + (age > oldest ? (age - oldest) * delay : 0);
}

bool parse_host_stat(const char *text, struct host_stat *stat)
{
	const char *rest = strrchr(text, ')');
	unsigned long long user, system, start;
	long long pages;

	/* Fields 3 to 24 of proc(5). */
	if (!rest ||
	    sscanf(rest + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %*u %lld",
		   &user, &system, &start, &pages) != 4)
		return false;
	stat->start = start;
	stat->ticks = user + system;
	stat->pages = pages > 0 ? pages : 0;
	return true;
}

void top_host(struct top_process *process, const struct host_stat *stat,
	      double now, double hertz, uint64_t page)
{
	const struct host_stat *before = &process->host;
	double passed = now - process->host_time;

	process->cpu = -1;
	if (process->has_host && before->start == stat->start &&
	    before->ticks <= stat->ticks && passed > 0)
		process->cpu = 100 * (stat->ticks - before->ticks) / hertz /
			       passed;
	process->memory = stat->pages * page;
	process->host = *stat;
	process->host_time = now;
	process->has_host = true;
}

struct top_chip *top_chip(struct top *top, size_t place,
			  const struct card *card, unsigned int chip)
{
	struct top_chip *c;
	size_t i;

	for (i = place; i < top->chips; i++) {
		c = top->chip[i];
		if (c->card.id.number == card->id.number && c->chip == chip &&
		    !strcmp(c->card.id.address, card->id.address))
			break;
	}
	c = i < top->chips ? top->chip[i] : NULL;
	if (!c) {
		c = calloc(1, sizeof(*c));
		top->chip = reallocarray(top->chip, top->chips + 1, sizeof(c));
		if (!c || !top->chip)
			out_of_memory();
		c->chip = chip;
		top->chips++;
	}
	memmove(&top->chip[place + 1], &top->chip[place],
		(i - place) * sizeof(c));
	top->chip[place] = c;
	c->card = *card;
	c->card.chip = NULL;
	return c;
}

void top_keep_chips(struct top *top, size_t count)
{
	while (top->chips > count)
		free(top->chip[--top->chips]);
}

static bool same_key(const struct top_key *a, const struct top_key *b)
{
	return a->pid == b->pid &&
	       (a->pid || (a->card == b->card && a->client == b->client));
}

static struct top_process **find_slot(const struct top *top,
				      const struct top_key *key)
{
	uint64_t hash = key->pid ? (uint64_t)key->pid :
				   key->client * 64 + key->card;
	size_t i = hash * 0x9e3779b97f4a7c15 >> 32;

	for (;; i++) {
		struct top_process **slot = &top->slot[i & (top->slots - 1)];

		if (!*slot || same_key(&(*slot)->key, key))
			return slot;
	}
}

/* Put all processes into slots, of which at least half are free. */
static void fill_slots(struct top *top)
{
	size_t i;

	if (top->slots < 2 * top->processes + 2) {
		top->slots = 64;
		while (top->slots < 4 * top->processes)
			top->slots *= 2;
		free(top->slot);
		top->slot = calloc(top->slots, sizeof(*top->slot));
		if (!top->slot)
			out_of_memory();
	} else {
		memset(top->slot, 0, top->slots * sizeof(*top->slot));
	}
	for (i = 0; i < top->processes; i++)
		*find_slot(top, &top->process[i]->key) = top->process[i];
}

void top_begin(struct top *top)
{
	size_t i;

	top->invisible = false;
	for (i = 0; i < top->processes; i++) {
		struct top_process *p = top->process[i];

		p->seen = false;
		p->reports = false;
		p->bytes[TTMEM_DRAM] = 0;
		p->bytes[TTMEM_L1] = 0;
		p->peak[TTMEM_DRAM] = 0;
		p->peak[TTMEM_L1] = 0;
		p->attributed = false;
		p->reservations = 0;
		p->cards[0] = '\0';
	}
}

static bool wanted(const struct top *top, pid_t pid)
{
	size_t i;

	for (i = 0; i < top->only_count; i++)
		if (top->only[i] == pid)
			return true;
	return !top->only_count;
}

/* Find a process or make it. */
static struct top_process *get_process(struct top *top, const struct top_key *key)
{
	struct top_process *p, **slot;

	if (!wanted(top, key->pid))
		return NULL;
	if (top->slots < 2 * top->processes + 2)
		fill_slots(top);
	slot = find_slot(top, key);
	if (!*slot) {
		p = calloc(1, sizeof(*p));
		top->process = reallocarray(top->process, top->processes + 1,
					    sizeof(p));
		if (!p || !top->process)
			out_of_memory();
		top->process[top->processes++] = p;
		p->key = *key;
		p->cpu = -1;
		*slot = p;
	}
	return *slot;
}

/* It is seen, and on this card. */
static void see(struct top_process *p, unsigned int card)
{
	size_t used;

	p->seen = true;
	if (!*p->cards) {
		p->cards_tail = 0;
		p->card_first = card;
	} else if (card == p->card_last) {
		return;
	} else if (card != p->card_last + 1) {
		p->cards_tail = strlen(p->cards);
		p->card_first = card;
	}
	p->card_last = card;
	used = p->cards_tail;
	used += snprintf(p->cards + used, sizeof(p->cards) - used, "%s%u",
			 used ? "," : "", p->card_first);
	if (card != p->card_first && used < sizeof(p->cards))
		snprintf(p->cards + used, sizeof(p->cards) - used, "-%u", card);
}

struct top_process *top_client(struct top *top,
			       const struct ttmem_client *client, bool add_peak)
{
	const struct top_key key = {
		.pid = client->pid,
		.card = client->pid ? 0 : client->card,
		.client = client->pid ? 0 : client->client,
	};
	struct top_process *p = get_process(top, &key);
	bool holds = client->tag != TTMEM_TAG_NONE;

	if (!client->pid && holds) {
		top->invisible = true;
		top->invisible_card = client->card;
	}
	if (!p)
		return NULL;
	if (holds)
		see(p, client->card);
	p->reports = true;
	p->attributed |= client->source == TTMEM_SOURCE_ATTRIBUTED;
	p->reservations += client->reservations;
	if (client->memory != TTMEM_UNKNOWN) {
		add_bytes(&p->bytes[client->memory], client->bytes);
		if (add_peak)
			add_bytes(&p->peak[client->memory], client->peak);
	}
	return p;
}

struct top_process *top_open(struct top *top, unsigned int card, pid_t pid)
{
	const struct top_key key = {
		.pid = pid,
		.card = pid ? 0 : card,
		.client = pid ? 0 : UINT64_MAX,
	};

	struct top_process *p;

	/* It may be one of those in the books. */
	if (!pid && top->invisible && top->invisible_card == card)
		return NULL;
	p = get_process(top, &key);
	if (p)
		see(p, card);
	return p;
}

static void free_process(struct top_process *p)
{
	free(p->command);
	free(p->user);
	free(p);
}

void top_end(struct top *top)
{
	size_t i, kept = 0;

	for (i = 0; i < top->processes; i++) {
		if (top->process[i]->seen)
			top->process[kept++] = top->process[i];
		else
			free_process(top->process[i]);
	}
	if (kept == top->processes)
		return;
	top->processes = kept;
	fill_slots(top);
}

static bool matches(const struct top_process *p, const char *filter)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", p->key.pid);
	return (p->command && strcasestr(p->command, filter)) ||
	       (p->user && strcasestr(p->user, filter)) ||
	       (p->key.pid && !strncmp(pid, filter, strlen(filter)));
}

/* Text as people sort it; what is not known is behind the rest. */
static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return strcasecmp(a, b);
}

/* What is most interesting comes first: much memory, a low number. */
static int compare(const struct top_process *a, const struct top_process *b,
		   enum top_sort sort)
{
	switch (sort) {
	case SORT_DRAM:
		return compare_numbers(b->bytes[TTMEM_DRAM], a->bytes[TTMEM_DRAM]);
	case SORT_L1:
		return compare_numbers(b->bytes[TTMEM_L1], a->bytes[TTMEM_L1]);
	case SORT_CPU:
		return (b->cpu > a->cpu) - (b->cpu < a->cpu);
	case SORT_MEMORY:
		return compare_numbers(b->memory, a->memory);
	case SORT_USER:
		return compare_texts(a->user, b->user);
	case SORT_CARDS:
		return strverscmp(a->cards, b->cards);
	case SORT_RESERVATIONS:
		return compare_numbers(b->reservations, a->reservations);
	case SORT_COMMAND:
		return compare_texts(a->command, b->command);
	default:
		return 0;
	}
}

static int by_sort(const void *a, const void *b, void *data)
{
	const struct top_process *x = *(struct top_process * const *)a;
	const struct top_process *y = *(struct top_process * const *)b;
	const struct top *top = data;
	int order = compare(x, y, top->sort);

	/* All have an order, so that lines stay where they are. */
	if (!order)
		order = compare_numbers(x->key.pid, y->key.pid);
	if (!order)
		order = compare_numbers(x->key.card, y->key.card);
	if (!order)
		order = compare_numbers(x->key.client, y->key.client);
	return top->reverse ? -order : order;
}

void top_arrange(struct top *top)
{
	size_t i;

	free(top->shown);
	top->shown = calloc(top->processes + 1, sizeof(*top->shown));
	if (!top->shown)
		out_of_memory();
	top->shown_count = 0;
	for (i = 0; i < top->processes; i++)
		if (!*top->filter || matches(top->process[i], top->filter))
			top->shown[top->shown_count++] = top->process[i];
	qsort_r(top->shown, top->shown_count, sizeof(*top->shown), by_sort,
		top);
}

size_t top_find(const struct top *top, const struct top_key *key)
{
	size_t i;

	for (i = 0; i < top->shown_count; i++)
		if (same_key(&top->shown[i]->key, key))
			break;
	return i;
}

void top_sum(const struct top *top, unsigned int memory, uint64_t *used,
	     uint64_t *total)
{
	bool known = true;
	size_t i;

	*used = 0;
	*total = 0;
	for (i = 0; i < top->chips; i++) {
		const struct top_pool *pool = &top->chip[i]->pool[memory];

		if (!top->chip[i]->followed)
			continue;
		known = known && pool->total;
		add_bytes(used, pool->used);
		add_bytes(total, pool->total);
	}
	if (!known)
		*total = 0;
}

void top_free(struct top *top)
{
	size_t i;

	top_keep_chips(top, 0);
	for (i = 0; i < top->processes; i++)
		free_process(top->process[i]);
	free(top->chip);
	free(top->process);
	free(top->slot);
	free(top->shown);
	free(top->opener);
	memset(top, 0, sizeof(*top));
}

char *short_bytes(char *text, size_t size, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = bytes;
	size_t i;

	for (i = 0; value >= 999.5; i++)
		value /= 1024;
	if (!i || value >= 99.95)
		snprintf(text, size, "%.0f%c", value, units[i]);
	else
		snprintf(text, size, "%.1f%c", value, units[i]);
	return text;
}

char *short_time(char *text, size_t size, double seconds)
{
	static const struct {
		char name;
		double seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t i;

	for (i = 0; i < 3 && seconds >= 99.5 * units[i].seconds; i++)
		;
	snprintf(text, size, !i && seconds < 9.95 ? "%.1f%c" : "%.0f%c",
		 seconds / units[i].seconds, units[i].name);
	return text;
}

unsigned int permille(uint64_t used, uint64_t total)
{
	double part = 1000.0 * used / total;

	if (used >= total)
		return 1000;
	return used && part < 1 ? 1 : part;
}

/* A panel with a graph below its bar should have this many columns and lines. */
#define PANEL_COLUMNS	64
#define PANEL_ROWS	4

/* The narrowest line for a chip. */
#define LINE_COLUMNS	38

/* Where that shows all chips, the table may shrink to so many lines. */
#define TABLE_LEAST	5

/* Lines that so many chips take, so many side by side. */
static int lines(size_t meters, int columns)
{
	return (meters + columns - 1) / columns;
}

void layout_make(struct layout *layout, int rows, int columns, size_t meters,
		 int highest)
{
	int wide = columns / PANEL_COLUMNS, narrow = columns / LINE_COLUMNS;
	int body = rows - 3;	/* without head, table's head and foot */
	int table, room, height = 1, side, best = 1;

	memset(layout, 0, sizeof(*layout));
	layout->rows = rows;
	layout->columns = columns;
	layout->too_small = rows < MIN_ROWS || columns < MIN_COLUMNS;
	if (layout->too_small)
		return;

	table = body * 2 / 5 > 3 ? body * 2 / 5 : 3;
	room = body - table;
	if (!meters)
		meters = 1;

	/* As few side by side as give each its graph, else the highest. */
	for (side = 1; (side == 1 || side <= wide) && height < PANEL_ROWS; side++) {
		int high = room / lines(meters, side);

		if (high > height) {
			height = high;
			best = side;
		}
	}
	/*
	 * Else a line each, and as few side by side as show all of them, for
	 * which the table gives up lines if that helps.
	 */
	if (height == 1) {
		for (best = 1; best < narrow && lines(meters, best) > room;
		     best++)
			;
		if (lines(meters, best) > room &&
		    lines(meters, best) <= body - TABLE_LEAST)
			room = lines(meters, best);
	}
	if (height > highest)
		height = highest;

	layout->meter_columns = best;
	layout->meter_width = columns / best;
	layout->meter_height = height;
	layout->meter_rows = lines(meters, best);
	if (layout->meter_rows > room / height)
		layout->meter_rows = room / height;
	layout->table = 1 + layout->meter_rows * height;
	layout->table_rows = rows - 2 - layout->table;
}
