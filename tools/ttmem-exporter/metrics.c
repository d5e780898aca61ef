// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page: text of Prometheus' exposition format 0.0.4. All samples of a metric
 * stand together, so everything is read first and then written metric by metric.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "clean.h"
#include "exporter.h"
#include "internal.h"
#include "metald_state.h"
#include "sensors.h"

#define MEMORIES	2

/*
 * Most bytes of the list of clients. A user may open a card as often as he may open files,
 * and the unit's MemoryMax= is for all.
 */
#define LIST_MAX	(16u << 20)

static const char * const memory_names[MEMORIES] = {
	[TTMEM_DRAM] = "DRAM",
	[TTMEM_L1] = "L1",
};

/* As the files of memory_stats have them. */
static const char * const file_names[MEMORIES] = {
	[TTMEM_DRAM] = "dram",
	[TTMEM_L1] = "l1",
};

/* What is told with tags; what is left of a pool has the tag buffer. */
static const struct {
	const char *file;
	const char *tag;
	size_t memory;
} tag_files[] = {
	{ "dram_trace_used", "trace", TTMEM_DRAM },
	{ "dram_system_used", "system", TTMEM_DRAM },
	{ "l1_small_used", "l1_small", TTMEM_L1 },
	{ "l1_cb_used", "cb", TTMEM_L1 },
	{ "l1_system_used", "system", TTMEM_L1 },
};

#define TAG_FILES	(sizeof(tag_files) / sizeof(tag_files[0]))

struct pool {
	uint64_t total;
	uint64_t used;
	uint64_t peak;
	uint64_t buffer;	/* of used, what has no other tag */
	uint64_t unnamed;	/* of used, what is told of no process by itself */
};

struct chip {
	struct pool pool[MEMORIES];
	uint64_t tag[TAG_FILES];
	uint64_t reservations;
	uint64_t denied;
};

/* A process, or those of one user that are not visible from here. */
struct holder {
	const struct ttmem_client *first;	/* its entries stand together */
	size_t entries;
	bool holds;				/* something now; else it has peaks */
	uint64_t bytes;
	char *labels;				/* who it is */
	struct ttmem_client *merged;		/* where @first is, if it is not the list */
};

struct card {
	const struct ttmem_card_id *id;
	char board[TTMEM_BOARD_SIZE];
	uint64_t clients;
	uint64_t peak[MEMORIES];
	struct sensors sensors;
	struct chip *chip;			/* NULL if there are no books */
	struct holder *holder;			/* those that are named */
	size_t holders;
	size_t unnamed;				/* how many that hold something are not */
	bool holders_known;
};

/* What there is to tell. */
struct look {
	struct ttmem_card_id *id;
	struct card *card;
	size_t cards;
	struct ttmem_client *client;		/* by card and process */
	size_t clients;
	bool clients_known;
	struct metald_state metald;
	bool metald_known;
};

/* Since the program has run. */
static uint64_t read_errors;

static void add(uint64_t *sum, uint64_t bytes)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		*sum = UINT64_MAX;
}

/* A card that goes meanwhile is no error. */
static bool is_error(int ret)
{
	return ret && ret != -ENXIO && ret != -ENOPKG && ret != -ENODEV;
}

static bool failed(int ret)
{
	read_errors += is_error(ret);
	return ret;
}

static bool read_value(const struct card *card, const char *name, uint64_t *value)
{
	return !failed(ttmem_stat(card->id->number, name, value));
}

static bool read_chip(const struct card *card, unsigned int number,
		      struct chip *chip)
{
	char name[64];
	size_t m;

	for (m = 0; m < MEMORIES; m++) {
		struct pool *pool = &chip->pool[m];
		const struct {
			const char *name;
			uint64_t *value;
		} values[] = {
			{ "total", &pool->total },
			{ "used", &pool->used },
			{ "peak", &pool->peak },
		};
		size_t i;

		for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			snprintf(name, sizeof(name), "chip%u/%s_%s", number,
				 file_names[m], values[i].name);
			if (!read_value(card, name, values[i].value))
				return false;
		}
	}
	for (m = 0; m < MEMORIES; m++)
		chip->pool[m].buffer = chip->pool[m].used;
	for (m = 0; m < TAG_FILES; m++) {
		uint64_t *left = &chip->pool[tag_files[m].memory].buffer;

		snprintf(name, sizeof(name), "chip%u/%s", number, tag_files[m].file);
		if (!read_value(card, name, &chip->tag[m]))
			return false;
		/* Files are read one after the other. */
		*left -= chip->tag[m] < *left ? chip->tag[m] : *left;
	}
	snprintf(name, sizeof(name), "chip%u/reservations", number);
	if (!read_value(card, name, &chip->reservations))
		return false;
	snprintf(name, sizeof(name), "chip%u/denied", number);
	return read_value(card, name, &chip->denied);
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Processes one after the other; those that are not visible by user. */
static int by_process(const void *a, const void *b)
{
	const struct ttmem_client *x = a, *y = b;
	int order = compare(x->card, y->card);

	if (!order)
		order = compare(x->pid, y->pid);
	if (!order && !x->pid)
		order = compare(x->uid, y->uid);
	if (!order)
		order = compare(x->chip, y->chip);
	if (!order)
		order = compare(x->memory, y->memory);
	if (!order)
		order = compare(x->source, y->source);
	if (!order)
		order = compare(x->client, y->client);
	return order;
}

static bool same_process(const struct ttmem_client *a,
			 const struct ttmem_client *b)
{
	return a->pid == b->pid && (a->pid || a->uid == b->uid);
}

static int by_bytes(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return by_process(x->first, y->first);
}

/*
 * Write a label's value. A page with a byte that is not UTF-8 is refused whole
 * by Prometheus, so U+FFFD stands for such, and for what may not be shown.
 */
static void put_value(FILE *out, const char *text)
{
	size_t len;
	bool shown;

	for (; *text; text += len) {
		len = clean_next(text, &shown);
		if (!shown)
			fputs(CLEAN_UNKNOWN, out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fwrite(text, 1, len, out);
	}
}

static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",%s=\"", name);
	put_value(out, value);
	fputc('"', out);
}

/* Write down who a holder is; false for lack of memory. */
static bool name_holder(struct holder *h)
{
	const struct passwd *pw = getpwuid(h->first->uid);
	char pid[16] = "", user[16];
	struct container container = { 0 };
	size_t size;
	FILE *out;
	bool ok;

	snprintf(user, sizeof(user), "%u", h->first->uid);
	if (h->first->pid) {
		snprintf(pid, sizeof(pid), "%d", h->first->pid);
		failed(container_read(h->first->pid, &container));
	}
	out = open_memstream(&h->labels, &size);
	if (!out)
		return false;
	put_label(out, "pid", pid);
	put_label(out, "command", h->first->command);
	put_label(out, "user", pw ? pw->pw_name : user);
	put_label(out, "cgroup", container.group);
	put_label(out, "pod_uid", container.pod_uid);
	put_label(out, "container_id", container.id);
	ok = !ferror(out);
	return !fclose(out) && ok;
}

/* What holder @h has goes to what is told without names. */
static void unname(struct card *card, const struct holder *h)
{
	size_t i;

	for (i = 0; i < h->entries; i++) {
		const struct ttmem_client *c = &h->first[i];

		if (c->chip < card->id->chips && c->memory < MEMORIES)
			add(&card->chip[c->chip].pool[c->memory].unnamed,
			    c->bytes);
	}
	if (h->holds)
		card->unnamed++;
}

/* Read the list of all cards; false for lack of memory. */
static bool read_clients(struct look *look)
{
	static const char too_long[] =
		"the list of clients has more than 16 MiB; ttmem-smi shows whose they are";
	static int told;
	int ret = ttmem__clients(&look->client, &look->clients, sizeof(*look->client),
				 LIST_MAX);

	if (ret == -ENOMEM)
		return false;
	look->clients_known = !failed(ret);
	/* Who scrapes sees that it is missing; why goes to the log. */
	if (ret != told && is_error(ret))
		fprintf(stderr, "ttmem-exporter: processes are left out: %s\n",
			ret == -EFBIG ? too_long : ttmem_strerror(ret));
	told = ret;
	if (look->clients)
		qsort(look->client, look->clients, sizeof(*look->client),
		      by_process);
	return true;
}

/*
 * One of @holder, @count of them, that is shown as @h is: users have names, and two numbers
 * may have one. Who has a pid is shown as nobody else is.
 */
static struct holder *shown_as(struct holder *holder, size_t count, const struct holder *h)
{
	size_t i;

	for (i = 0; !h->first->pid && i < count; i++)
		if (!holder[i].first->pid && !strcmp(holder[i].labels, h->labels))
			return &holder[i];
	return NULL;
}

/* What @from has goes to @to; false for lack of memory. */
static bool merge(struct holder *to, const struct holder *from)
{
	size_t count = to->entries + from->entries, i;
	struct ttmem_client *all = reallocarray(NULL, count, sizeof(*all));

	if (!all)
		return false;
	memcpy(all, to->first, to->entries * sizeof(*all));
	memcpy(all + to->entries, from->first, from->entries * sizeof(*all));
	for (i = 0; i < count; i++)
		all[i].uid = all[0].uid;
	qsort(all, count, sizeof(*all), by_process);
	free(to->merged);
	to->merged = all;
	to->first = all;
	to->entries = count;
	to->holds |= from->holds;
	add(&to->bytes, from->bytes);
	return true;
}

/* Name those that hold most, @max of them; false for lack of memory. */
static bool name_holders(struct card *card, size_t max)
{
	size_t named = 0, i;

	for (i = 0; i < card->holders; i++) {
		struct holder *h = &card->holder[i], *same;

		if (named == max) {
			unname(card, h);
			continue;
		}
		if (!name_holder(h))
			return false;
		same = shown_as(card->holder, named, h);
		if (same) {
			free(h->labels);
			h->labels = NULL;
			if (!merge(same, h))
				return false;
		} else if (i != named++) {
			card->holder[named - 1] = *h;
			h->labels = NULL;
		}
	}
	card->holders = named;
	return true;
}

/* Where a card's clients begin in the list, which is in the order of cards. */
static size_t first_client(const struct look *look, unsigned int card)
{
	size_t i = 0;

	while (i < look->clients && look->client[i].card < card)
		i++;
	return i;
}

/* Find out who the holders of a card are; false for lack of memory. */
static bool read_holders(struct card *card, const struct look *look, size_t max)
{
	const struct ttmem_client *list = look->client;
	size_t first = first_client(look, card->id->number), end, i;

	card->holders_known = look->clients_known;
	for (end = first; end < look->clients && list[end].card == card->id->number;)
		end++;
	if (first == end)
		return true;
	card->holder = calloc(end - first, sizeof(*card->holder));
	if (!card->holder)
		return false;

	for (i = first; i < end; i++) {
		struct holder *h;

		if (i == first || !same_process(&list[i - 1], &list[i]))
			card->holder[card->holders++].first = &list[i];
		h = &card->holder[card->holders - 1];
		h->entries++;
		h->holds |= list[i].tag != TTMEM_TAG_NONE;
		add(&h->bytes, list[i].bytes);
	}
	qsort(card->holder, card->holders, sizeof(*card->holder), by_bytes);
	return name_holders(card, max);
}

/* Read a card; false for lack of memory. */
static bool read_card(struct card *card, const struct ttmem_card_id *id,
		      const struct look *look, size_t max)
{
	char path[TTMEM_PATH_SIZE], name[64];
	unsigned int i;
	bool ok;

	card->id = id;
	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/tt_card_type",
		 id->number);
	ttmem__read_line(path, card->board, sizeof(card->board));
	failed(sensors_read(id->number, &card->sensors));
	if (!id->chips)
		return true;

	card->chip = calloc(id->chips, sizeof(*card->chip));
	if (!card->chip)
		return false;
	ok = read_value(card, "clients", &card->clients);
	for (i = 0; ok && i < MEMORIES; i++) {
		snprintf(name, sizeof(name), "%s_peak", file_names[i]);
		ok = read_value(card, name, &card->peak[i]);
	}
	for (i = 0; ok && i < id->chips; i++)
		ok = read_chip(card, i, &card->chip[i]);
	if (ok)
		return read_holders(card, look, max);

	/* On its way out: half of its books is worse than none. */
	free(card->chip);
	card->chip = NULL;
	return true;
}

/* Begin a sample with the labels that all samples of a card have. */
static void put_card(FILE *out, const char *metric, const struct card *card)
{
	fprintf(out, "%s{card=\"%u\"", metric, card->id->number);
	put_label(out, "address", card->id->address);
}

static void put_number(FILE *out, uint64_t value)
{
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void put_head(FILE *out, const char *metric, const char *type,
		     const char *text)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, text, metric, type);
}

/* A metric with a sample for each pool: the number @offset bytes into it. */
static void put_pools(FILE *out, const char *metric, const char *text,
		      size_t offset, bool zero_too, const struct card *cards,
		      size_t count)
{
	size_t i, k, m;

	put_head(out, metric, "gauge", text);
	for (i = 0; i < count; i++) {
		for (k = 0; cards[i].chip && k < cards[i].id->chips; k++) {
			for (m = 0; m < MEMORIES; m++) {
				const char *pool = (void *)&cards[i].chip[k].pool[m];
				const uint64_t *value = (void *)(pool + offset);

				if (!*value && !zero_too)
					continue;
				put_card(out, metric, &cards[i]);
				fprintf(out, ",chip=\"%zu\",memory=\"%s\"", k,
					memory_names[m]);
				put_number(out, *value);
			}
		}
	}
}

/* A metric with a sample for each chip: the number @offset bytes into it. */
static void put_chips(FILE *out, const char *metric, const char *type,
		      const char *text, size_t offset, const struct card *cards,
		      size_t count)
{
	size_t i, k;

	put_head(out, metric, type, text);
	for (i = 0; i < count; i++) {
		for (k = 0; cards[i].chip && k < cards[i].id->chips; k++) {
			const char *chip = (void *)&cards[i].chip[k];

			put_card(out, metric, &cards[i]);
			fprintf(out, ",chip=\"%zu\"", k);
			put_number(out, *(const uint64_t *)(chip + offset));
		}
	}
}

static const char *source_word(const struct ttmem_client *client)
{
	switch (client->source) {
	case TTMEM_SOURCE_SELF:
		return "self";
	case TTMEM_SOURCE_ATTRIBUTED:
		return "attributed";
	default:
		return "";
	}
}

/* By what is shown: two sources that are not known look like one. */
static bool same_series(const struct ttmem_client *a, const struct ttmem_client *b)
{
	return a->chip == b->chip && a->memory == b->memory &&
	       !strcmp(source_word(a), source_word(b));
}

/* Add up what a series of a holder tells, @count entries. False if nothing. */
static bool add_up(const struct ttmem_client *entry, size_t count, bool peaks,
		   uint64_t *bytes)
{
	bool any = peaks;
	size_t i;

	*bytes = 0;
	for (i = 0; i < count; i++) {
		any |= entry[i].tag != TTMEM_TAG_NONE;
		if (!peaks)
			add(bytes, entry[i].bytes);
		/* A client's peak of a memory stands in each of its entries. */
		else if (!i || entry[i].client != entry[i - 1].client)
			add(bytes, entry[i].peak);
	}
	return any && entry->memory < MEMORIES;
}

static void put_holder(FILE *out, const char *metric, const struct card *card,
		       const struct holder *h, bool peaks)
{
	uint64_t bytes;
	size_t i, j;

	for (i = 0; i < h->entries; i = j) {
		const struct ttmem_client *c = &h->first[i];

		/* Its clients and tags together. */
		for (j = i; j < h->entries && same_series(c, &h->first[j]); j++)
			;
		if (!add_up(c, j - i, peaks, &bytes))
			continue;
		put_card(out, metric, card);
		fprintf(out, ",chip=\"%u\",memory=\"%s\"%s", c->chip,
			memory_names[c->memory], h->labels);
		put_label(out, "source", source_word(c));
		put_number(out, bytes);
	}
}

static void put_processes(FILE *out, const struct look *look)
{
	static const char used[] = "ttmem_process_used_bytes";
	static const char peak[] = "ttmem_process_peak_bytes";
	size_t i, k, m;

	put_head(out, used, "gauge",
		 "Bytes that a process holds. Those that are not visible from here have no pid; what is beyond --max-processes is in pid other.");
	for (i = 0; i < look->cards; i++) {
		const struct card *card = &look->card[i];

		for (k = 0; k < card->holders; k++)
			put_holder(out, used, card, &card->holder[k], false);
		for (k = 0; card->chip && k < card->id->chips; k++) {
			for (m = 0; m < MEMORIES; m++) {
				uint64_t bytes = card->chip[k].pool[m].unnamed;

				if (!bytes)
					continue;
				put_card(out, used, card);
				fprintf(out, ",chip=\"%zu\",memory=\"%s\",pid=\"other\",command=\"\",user=\"\",cgroup=\"\",pod_uid=\"\",container_id=\"\",source=\"\"",
					k, memory_names[m]);
				put_number(out, bytes);
			}
		}
	}
	put_head(out, peak, "gauge",
		 "The most that a process has held, of its open files added up; told of those that have a pid and are named.");
	for (i = 0; i < look->cards; i++) {
		const struct card *card = &look->card[i];

		for (k = 0; k < card->holders; k++)
			if (card->holder[k].first->pid)
				put_holder(out, peak, card, &card->holder[k],
					   true);
	}
}

static void put_tag(FILE *out, const struct card *card, size_t chip, size_t memory,
		    const char *tag, uint64_t bytes)
{
	put_card(out, "ttmem_tag_used_bytes", card);
	fprintf(out, ",chip=\"%zu\",memory=\"%s\",tag=\"%s\"", chip, memory_names[memory], tag);
	put_number(out, bytes);
}

/* Bytes of a pool by what they are for; a sum over tags is ttmem_used_bytes. */
static void put_tags(FILE *out, const struct card *cards, size_t count)
{
	size_t i, k, m, t;

	put_head(out, "ttmem_tag_used_bytes", "gauge",
		 "What is held of a memory by what it is for, in bytes.");
	for (i = 0; i < count; i++) {
		for (k = 0; cards[i].chip && k < cards[i].id->chips; k++) {
			const struct chip *chip = &cards[i].chip[k];

			for (m = 0; m < MEMORIES; m++)
				put_tag(out, &cards[i], k, m, "buffer", chip->pool[m].buffer);
			for (t = 0; t < TAG_FILES; t++)
				put_tag(out, &cards[i], k, tag_files[t].memory, tag_files[t].tag,
					chip->tag[t]);
		}
	}
}

/*
 * A metric with a sample for each card whose sensor is known: the number @value bytes into
 * its sensors, with so many decimals, or millions if none. Exactly, so without floating
 * point.
 */
static void put_sensor(FILE *out, const char *metric, const char *text, size_t has, size_t value,
		       int decimals, const struct card *cards, size_t count)
{
	unsigned long long unit = decimals == 3 ? 1000 : decimals ? 1000000 : 1, n;
	const char *sensors;
	int64_t number;
	size_t i;

	put_head(out, metric, "gauge", text);
	for (i = 0; i < count; i++) {
		sensors = (const void *)&cards[i].sensors;
		if (!*(const bool *)(sensors + has))
			continue;
		number = *(const int64_t *)(sensors + value);
		n = llabs(number);
		put_card(out, metric, &cards[i]);
		fprintf(out, "} %s%llu", number < 0 ? "-" : "", n / unit);
		if (decimals)
			fprintf(out, ".%0*llu", decimals, n % unit);
		fputs(decimals || !number ? "\n" : "000000\n", out);
	}
}

static const struct {
	const char *metric;
	const char *text;
	size_t known;
	size_t value;
	int decimals;
} sensor_metrics[] = {
	{
		"ttmem_card_temperature_celsius",
		"A card's temperature; like the next three not there where TT-KMD does not tell it.",
		offsetof(struct sensors, has_temperature),
		offsetof(struct sensors, temperature), 3,
	}, {
		"ttmem_card_power_watts", "What a card takes.",
		offsetof(struct sensors, has_power), offsetof(struct sensors, power), 6,
	}, {
		"ttmem_card_power_limit_watts", "What a card may take.",
		offsetof(struct sensors, has_power_limit),
		offsetof(struct sensors, power_limit), 6,
	}, {
		"ttmem_card_clock_hertz", "The clock of a card's chips.",
		offsetof(struct sensors, has_clock), offsetof(struct sensors, clock), 0,
	},
};

static void put_sensors(FILE *out, const struct card *cards, size_t count)
{
	size_t i;

	for (i = 0; i < sizeof(sensor_metrics) / sizeof(sensor_metrics[0]); i++)
		put_sensor(out, sensor_metrics[i].metric, sensor_metrics[i].text,
			   sensor_metrics[i].known, sensor_metrics[i].value,
			   sensor_metrics[i].decimals, cards, count);
}

static void put_cards(FILE *out, const struct look *look)
{
	const struct card *cards = look->card;
	size_t count = look->cards;
	size_t i, m;

	put_head(out, "ttmem_card_info", "gauge",
		 "A card that TT-KMD drives, 1. The label board is empty while TT-KMD does not tell it.");
	for (i = 0; i < count; i++) {
		put_card(out, "ttmem_card_info", &cards[i]);
		put_label(out, "board", cards[i].board);
		put_number(out, 1);
	}
	put_pools(out, "ttmem_capacity_bytes",
		  "What a memory of a chip has, in bytes; not there where it is not known.",
		  offsetof(struct pool, total), false, cards, count);
	put_pools(out, "ttmem_used_bytes",
		  "What of it processes hold, in bytes.",
		  offsetof(struct pool, used), true, cards, count);
	put_tags(out, cards, count);
	put_pools(out, "ttmem_peak_bytes",
		  "Highest ttmem_used_bytes since ttmem was loaded or root restarted it.",
		  offsetof(struct pool, peak), true, cards, count);
	put_head(out, "ttmem_card_peak_bytes", "gauge",
		 "The same for all chips of a card together, which is not the sum of their peaks.");
	for (i = 0; i < count; i++) {
		for (m = 0; cards[i].chip && m < MEMORIES; m++) {
			put_card(out, "ttmem_card_peak_bytes", &cards[i]);
			fprintf(out, ",memory=\"%s\"", memory_names[m]);
			put_number(out, cards[i].peak[m]);
		}
	}
	put_chips(out, "ttmem_reservations", "gauge",
		  "How many reservations are held.",
		  offsetof(struct chip, reservations), cards, count);
	put_chips(out, "ttmem_denied_total", "counter",
		  "How many reservations were refused, as the memory was full or a limit was reached.",
		  offsetof(struct chip, denied), cards, count);
	put_head(out, "ttmem_clients", "gauge",
		 "How many clients, open files of the card's node, hold something.");
	for (i = 0; i < count; i++) {
		if (!cards[i].chip)
			continue;
		put_card(out, "ttmem_clients", &cards[i]);
		put_number(out, cards[i].clients);
	}
	put_sensors(out, cards, count);
	put_processes(out, look);
	put_head(out, "ttmem_processes_other", "gauge",
		 "How many processes pid other is the sum of.");
	for (i = 0; i < count; i++) {
		if (!cards[i].chip || !cards[i].holders_known)
			continue;
		put_card(out, "ttmem_processes_other", &cards[i]);
		put_number(out, cards[i].unnamed);
	}
}

/*
 * How many have a card open that are not in the list, by TT-KMD's list. False where that
 * cannot be told.
 */
static bool count_silent(const struct look *look, unsigned int card, uint64_t *silent)
{
	size_t openers, i, k;
	pid_t *pids;
	int ret;

	ret = ttmem__openers(card, &pids, &openers);
	/* Before 2.5 it has no list, which is no error. */
	if (ret == -ENOENT || failed(ret) || !look->clients_known) {
		free(pids);
		return false;
	}
	*silent = 0;
	/* Both are in the order of their numbers. */
	k = first_client(look, card);
	for (i = 0; i < openers; i++) {
		while (k < look->clients && look->client[k].card == card &&
		       look->client[k].pid < pids[i])
			k++;
		*silent += k == look->clients || look->client[k].card != card ||
			   look->client[k].pid != pids[i];
	}
	free(pids);
	return true;
}

static void put_silent_of(FILE *out, const struct card *card, const char *reason,
			  uint64_t processes)
{
	put_card(out, "ttmem_silent_processes", card);
	put_label(out, "reason", reason);
	put_number(out, processes);
}

static void put_silent(FILE *out, const struct look *look)
{
	const struct metald_card *told;
	uint64_t silent;
	size_t i;
	int why;

	put_head(out, "ttmem_silent_processes", "gauge",
		 "Processes that have the card open and of which nothing is told, so that more of it is used than ttmem_used_bytes.");
	for (i = 0; i < look->cards; i++) {
		const struct card *card = &look->card[i];

		told = metald_card(&look->metald, card->id->number);
		for (why = SILENT_NOT + 1; told && why < SILENCES; why++)
			put_silent_of(out, card, silence_word(why), told->silent[why]);
		if (!told && count_silent(look, card->id->number, &silent))
			put_silent_of(out, card, look->metald_known ? "metald_not_running" :
				      silence_word(SILENT_OTHER), silent);
	}
	put_head(out, "ttmem_metald_up", "gauge",
		 "Whether ttmem-metald, which tells of unmodified programs, runs, 1 or 0.");
	if (look->metald_known)
		fprintf(out, "ttmem_metald_up %d\n", look->metald.running);
	put_head(out, "ttmem_unplaced_bytes", "gauge",
		 "Bytes that processes count for chips which ttmem-metald cannot place; see ttmem-metald --chips.");
	if (look->metald.running)
		fprintf(out, "ttmem_unplaced_bytes %" PRIu64 "\n", look->metald.unplaced);
}

static void put_version(FILE *out, const char *metric, const char *text,
			const char *version)
{
	put_head(out, metric, "gauge", text);
	fprintf(out, "%s{version=\"", metric);
	put_value(out, version);
	fputs("\"} 1\n", out);
}

static void put_page(FILE *out, const struct look *look)
{
	char version[64];
	int ret = ttmem_present();
	bool up = !ret;

	put_version(out, "ttmem_exporter_info", "This exporter, 1.",
		    TTMEM_VERSION);
	put_head(out, "ttmem_up", "gauge",
		 "Whether TT-KMD and ttmem are loaded, 1 or 0.");
	failed(ret);
	if (!is_error(ret))
		fprintf(out, "ttmem_up %d\n", up);
	if (up) {
		ttmem__read_line(TTMEM_SYSFS "/module/ttmem/version", version,
				 sizeof(version));
		put_version(out, "ttmem_module_info", "The module ttmem, 1.",
			    version);
		put_cards(out, look);
		put_silent(out, look);
	}
	put_head(out, "ttmem_read_errors_total", "counter",
		 "How often this exporter failed to read something and left it out.");
	fprintf(out, "ttmem_read_errors_total %" PRIu64 "\n", read_errors);
}

/* Look at all that there is; false for lack of memory. */
static bool take_look(struct look *look, size_t max_processes)
{
	size_t i;

	int ret;

	failed(ttmem_cards(&look->id, &look->cards, sizeof(*look->id)));
	ret = metald_read(&look->metald);
	if (ret == -ENOMEM)
		return false;
	look->metald_known = !failed(ret);
	/* One more, as calloc() may answer NULL to none. */
	look->card = calloc(look->cards + 1, sizeof(*look->card));
	if (!look->card || !read_clients(look))
		return false;
	for (i = 0; i < look->cards; i++)
		if (!read_card(&look->card[i], &look->id[i], look, max_processes))
			return false;
	return true;
}

static void free_look(struct look *look)
{
	size_t i, k;

	for (i = 0; look->card && i < look->cards; i++) {
		struct card *card = &look->card[i];

		for (k = 0; k < card->holders; k++) {
			free(card->holder[k].labels);
			free(card->holder[k].merged);
		}
		free(card->holder);
		free(card->chip);
	}
	free(look->card);
	metald_free(&look->metald);
	ttmem_list_free(look->client);
	ttmem_list_free(look->id);
}

char *metrics(size_t max_processes, size_t *size)
{
	struct look look = { 0 };
	char *page = NULL;
	FILE *out = NULL;
	bool ok;

	if (take_look(&look, max_processes))
		out = open_memstream(&page, size);
	if (out) {
		put_page(out, &look);
		ok = !ferror(out);
		if (fclose(out) || !ok) {
			free(page);
			page = NULL;
		}
	}
	free_look(&look);
	return page;
}
