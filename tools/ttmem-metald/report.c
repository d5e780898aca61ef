// SPDX-License-Identifier: GPL-2.0-only
/*
 * What metald knows, for people and for ttmem's other tools: metald.json, which
 * everybody may read and which therefore names no process, and --once.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clean.h"
#include "metald.h"

/* So often metald.json is written, in ns: it is a sign of life too. */
#define REPORT_PERIOD	NSEC_PER_SEC

static const char json_path[] = TTMEM_RUN "/metald.json";

static enum silence silence_of(const struct process *p, const struct opened *o)
{
	bool placed = false, unplaced = false, layout = false, full = false, bad;
	size_t i;

	if (o->self)
		return SILENT_NOT;
	if (p->beyond || p->limited)
		return SILENT_LIMIT;
	if (!p->examined)
		return SILENT_STARTING;
	bad = p->unreadable;
	for (i = 0; i < p->regions; i++) {
		const struct region *r = &p->region[i];

		layout |= r->state == REGION_LAYOUT;
		full |= r->state == REGION_FULL;
		bad |= r->state == REGION_UNREADABLE;
		if (r->state == REGION_LAYOUT || r->state == REGION_FULL ||
		    r->state == REGION_UNREADABLE)
			continue;
		placed |= r->card == (int)o->number;
		unplaced |= r->card < 0;
	}
	if (layout)
		return SILENT_LAYOUT;
	if (full)
		return SILENT_FULL;
	if (placed)
		return SILENT_NOT;
	if (bad)
		return SILENT_UNREADABLE;
	if (unplaced)
		return SILENT_UNPLACED;
	/* It counts other cards: it has opened this one and uses it not. */
	if (p->regions)
		return SILENT_NOT;
	if (p->disabled > 0)
		return SILENT_DISABLED;
	return process_young(p) ? SILENT_STARTING : SILENT_NO_TRACKER;
}

static void add(uint64_t *sum, uint64_t bytes)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		*sum = UINT64_MAX;
}

/* What a process counts for chips that no rule places. */
static uint64_t unplaced_bytes(const struct process *p)
{
	uint64_t sum = 0;
	unsigned int kind;
	size_t i;

	for (i = 0; i < p->regions; i++)
		if (p->region[i].card < 0 && p->region[i].state == REGION_READ)
			for (kind = 0; kind < LAYOUT_KINDS; kind++)
				add(&sum, p->region[i].bytes[kind]);
	return sum;
}

/* What is told of a card. */
struct summary {
	uint64_t processes;
	uint64_t told;
	uint64_t unplaced;
	uint64_t silent[SILENCES];
};

static void summarize(const struct card *c, struct summary *s)
{
	struct process *p;
	struct opened *o;
	struct user *u;

	memset(s, 0, sizeof(*s));
	s->processes = c->inherited;
	s->silent[SILENT_INHERITED] = c->inherited;
	for_each_process(u, p) {
		o = process_opened(p, c->id.number);
		if (!o)
			continue;
		s->processes++;
		s->told += o->holds;
		s->silent[silence_of(p, o)]++;
		add(&s->unplaced, unplaced_bytes(p));
	}
}

static void write_summary(FILE *file, const struct card *c)
{
	const char *comma = "";
	struct summary s;
	int reason;

	summarize(c, &s);
	fprintf(file, "{\"card\":%u,\"address\":\"%s\",\"processes\":%llu,\"told\":%llu,\"silent\":{",
		c->id.number, c->id.address, (unsigned long long)s.processes,
		(unsigned long long)s.told);
	for (reason = SILENT_NOT + 1; reason < SILENCES; reason++) {
		if (!s.silent[reason])
			continue;
		fprintf(file, "%s\"%s\":%llu", comma, silence_word(reason),
			(unsigned long long)s.silent[reason]);
		comma = ",";
	}
	fprintf(file, "},\"unplaced_bytes\":%llu}", (unsigned long long)s.unplaced);
}

struct page {
	double interval;
};

static void write_page(FILE *file, void *arg)
{
	const struct page *page = arg;
	uint64_t unplaced = 0;
	struct process *p;
	struct timespec ts;
	struct user *u;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &ts);
	for_each_process(u, p)
		add(&unplaced, unplaced_bytes(p));
	fprintf(file, "{\"schema\":1,\"version\":\"%s\",\"time\":%lld.%03ld,\"interval\":%g,\"unplaced_bytes\":%llu,\"cards\":[",
		TTMEM_VERSION, (long long)ts.tv_sec, ts.tv_nsec / 1000000, page->interval,
		(unsigned long long)unplaced);
	for (i = 0; i < cards_count; i++) {
		fputs(i ? "," : "", file);
		write_summary(file, &cards[i]);
	}
	fputs("]}\n", file);
}

void report(double interval)
{
	struct page page = { .interval = interval };
	static uint64_t next;
	static int error;
	int ret;

	if (now_ns() < next)
		return;
	next = now_ns() + REPORT_PERIOD;
	ret = write_whole(json_path, write_page, &page);
	if (ret && ret != error)
		say("%s: %s", json_path, strerror(-ret));
	error = ret;
}

void report_end(void)
{
	unlink(json_path);
}

/* --once */

static const char *user_name(uid_t uid, char *text, size_t size)
{
	struct passwd *entry = getpwuid(uid);
	char *clean = entry ? clean_copy(entry->pw_name, CLEAN_MARK) : NULL;

	if (clean) {
		clean_ascii(clean);
		snprintf(text, size, "%s", clean);
	} else {
		snprintf(text, size, "%u", uid);
	}
	free(clean);
	return text;
}

static const char *state_word(const struct region *r)
{
	static const char * const states[] = {
		[REGION_NEW] = "new",
		[REGION_READ] = "counts",
		[REGION_NO_ENTRY] = "nothing yet",
		[REGION_FULL] = "full",
		[REGION_STALE] = "a dead one's",
		[REGION_LAYOUT] = "layout",
		[REGION_UNREADABLE] = "unreadable",
	};

	return r->card < 0 && r->state == REGION_READ ? "unplaced" : states[r->state];
}

static void once_region(const struct process *p, const struct region *r)
{
	char card[16] = "-", chip[16] = "-", text[16];
	unsigned int kind;

	if (r->card >= 0) {
		snprintf(card, sizeof(card), "%d", r->card);
		snprintf(chip, sizeof(chip), "%u", r->chip);
	}
	printf("%7d %-10.10s %4s %4s %20llu", p->pid,
	       user_name(p->user->uid, text, sizeof(text)), card, chip,
	       (unsigned long long)r->id);
	for (kind = 0; kind < LAYOUT_KINDS; kind++)
		printf(" %12llu", (unsigned long long)r->bytes[kind]);
	printf(" %s\n", state_word(r));
}

static int by_pid(const void *a, const void *b)
{
	const struct process * const *x = a, * const *y = b;

	return ((*x)->pid > (*y)->pid) - ((*x)->pid < (*y)->pid);
}

/* All processes in the order of their numbers, to be freed. */
static struct process **in_order(size_t *count)
{
	struct process **list = NULL, *p;
	struct user *u;

	*count = 0;
	for_each_process(u, p) {
		list = more(list, *count, sizeof(*list));
		list[(*count)++] = p;
	}
	if (*count)
		qsort(list, *count, sizeof(*list), by_pid);
	return list;
}

static void once_process(const struct process *p)
{
	char text[16];
	size_t i;

	for (i = 0; i < p->regions; i++)
		once_region(p, &p->region[i]);
	for (i = 0; i < p->opened_count; i++) {
		enum silence why = silence_of(p, &p->opened[i]);

		if (why == SILENT_NOT)
			continue;
		printf("%7d %-10.10s %4u %4s %20s %12s %12s %12s %12s %12s %s\n", p->pid,
		       user_name(p->user->uid, text, sizeof(text)), p->opened[i].number,
		       "-", "-", "-", "-", "-", "-", "-", silence_sentence(why));
	}
}

static void once_json_process(const struct process *p)
{
	static const char * const kinds[LAYOUT_KINDS] = {
		"dram", "l1", "l1_small", "trace", "cb",
	};
	unsigned int kind;
	size_t i;

	printf("{\"pid\":%d,\"uid\":%u,\"cards\":[", p->pid, p->user->uid);
	for (i = 0; i < p->opened_count; i++)
		printf("%s{\"card\":%u,\"silent\":\"%s\"}", i ? "," : "",
		       p->opened[i].number,
		       silence_word(silence_of(p, &p->opened[i])));
	printf("],\"regions\":[");
	for (i = 0; i < p->regions; i++) {
		const struct region *r = &p->region[i];

		printf("%s{\"id\":%llu,\"state\":\"%s\",\"version\":%u", i ? "," : "",
		       (unsigned long long)r->id, state_word(r), r->version);
		if (r->card >= 0)
			printf(",\"card\":%d,\"chip\":%u", r->card, r->chip);
		for (kind = 0; kind < LAYOUT_KINDS; kind++)
			printf(",\"%s\":%llu", kinds[kind],
			       (unsigned long long)r->bytes[kind]);
		printf("}");
	}
	printf("]}");
}

void report_once(bool json)
{
	struct process **list;
	size_t count, i;

	list = in_order(&count);
	if (json)
		printf("{\"schema\":1,\"processes\":[");
	else
		printf("%7s %-10s %4s %4s %20s %12s %12s %12s %12s %12s %s\n", "PID", "USER",
		       "CARD", "CHIP", "ID", "DRAM", "L1", "L1_SMALL", "TRACE", "CB", "STATE");
	for (i = 0; i < count; i++) {
		if (json) {
			printf("%s", i ? "," : "");
			once_json_process(list[i]);
		} else {
			once_process(list[i]);
		}
	}
	if (json)
		printf("]}\n");
	free(list);
}
