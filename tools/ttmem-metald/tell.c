// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the kernel what is known: for each process and card a client of ours that
 * speaks for the process, with a gauge for each kind of bytes.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "metald.h"

/* So long after a node could not be opened it is not tried again, ns. */
#define RETRY		NSEC_PER_SEC

/* The kernel's words for tt-metal's. */
static const struct {
	uint32_t memory;
	uint32_t tag;
} words[LAYOUT_KINDS] = {
	[LAYOUT_DRAM] = { TTMEM_DRAM, TTMEM_TAG_BUFFER },
	[LAYOUT_L1] = { TTMEM_L1, TTMEM_TAG_BUFFER },
	[LAYOUT_L1_SMALL] = { TTMEM_L1, TTMEM_TAG_L1_SMALL },
	[LAYOUT_TRACE] = { TTMEM_DRAM, TTMEM_TAG_TRACE },
	[LAYOUT_CB] = { TTMEM_L1, TTMEM_TAG_CB },
};

typedef uint64_t amounts[CARD_CHIPS][LAYOUT_KINDS];

static bool any(amounts bytes)
{
	unsigned int chip, kind;

	for (chip = 0; chip < CARD_CHIPS; chip++)
		for (kind = 0; kind < LAYOUT_KINDS; kind++)
			if (bytes[chip][kind])
				return true;
	return false;
}

/* What a client may hold of one pool is bounded, and a SET beyond sets nothing. */
static void clamp(uint64_t *bytes)
{
	uint64_t left[2] = { TTMEM_CLIENT_BYTES_MAX, TTMEM_CLIENT_BYTES_MAX };
	unsigned int kind;

	for (kind = 0; kind < LAYOUT_KINDS; kind++) {
		uint64_t *l = &left[words[kind].memory];

		if (bytes[kind] > *l)
			bytes[kind] = *l;
		*l -= bytes[kind];
	}
}

/* What is to be told of a process on a card. */
static void wanted(struct process *p, struct opened *o, amounts bytes)
{
	unsigned int chip, kind;
	size_t i;

	memset(bytes, 0, sizeof(amounts));
	for (i = 0; i < p->regions; i++) {
		struct region *r = &p->region[i];

		if (r->card != (int)o->number || r->state != REGION_READ ||
		    o->silenced[r->chip])
			continue;
		if (r->waits && r->stamp == r->since)
			continue;
		r->waits = false;
		/* Each is below 2^63, so two of them do not overflow; then clamp. */
		for (kind = 0; kind < LAYOUT_KINDS; kind++) {
			uint64_t *sum = &bytes[r->chip][kind];

			*sum += r->bytes[kind];
			if (*sum > TTMEM_CLIENT_BYTES_MAX)
				*sum = TTMEM_CLIENT_BYTES_MAX;
		}
	}
	for (chip = 0; chip < CARD_CHIPS; chip++)
		clamp(bytes[chip]);
}

static void forget_client(struct process *p, struct opened *o)
{
	if (o->client) {
		ttmem_close(o->client);
		process_charge(p, -1);
	}
	o->client = NULL;
	o->holds = false;
	memset(o->told, 0, sizeof(o->told));
}

void tell_end(struct process *p, struct opened *o)
{
	forget_client(p, o);
}

/*
 * The books of the card were invalidated, after a reset as a rule: what the
 * process still counts is not there any more, until it counts anew.
 */
static void invalidated(struct process *p, struct opened *o)
{
	size_t i;

	forget_client(p, o);
	for (i = 0; i < p->regions; i++) {
		struct region *r = &p->region[i];

		if (r->card == (int)o->number) {
			r->waits = true;
			r->since = r->stamp;
		}
	}
}

static bool still_lives(const struct process *p)
{
	struct pollfd poll_fd = { .fd = p->pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

/*
 * A pidfd, by which its end is seen. The number may have gone to another process
 * since its directory was opened: statm tells, which no dead process has.
 */
static bool open_pidfd(struct process *p)
{
	if (p->pidfd >= 0)
		return true;
	if (!process_charge(p, 1)) {
		p->limited = true;
		return false;
	}
	p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd >= 0 && faccessat(p->dir, "statm", F_OK, 0))
		p->gone = true;
	if (p->pidfd >= 0 && watch_end(p))
		return true;
	p->gone |= p->pidfd < 0 && errno == ESRCH;
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
	process_charge(p, -1);
	return false;
}

static void open_failed(struct card *c, int error)
{
	c->retry = now_ns() + RETRY;
	if (c->error == error)
		return;
	c->error = error;
	say("card %u: %s", c->id.number, ttmem_strerror(error));
}

/* A client of ours that speaks for the process. */
static bool open_client(struct process *p, struct opened *o)
{
	struct card *c = card_find(o->number);
	struct ttmem_info info = { 0 };
	int ret;

	if (!c || now_ns() < c->retry || !open_pidfd(p))
		return false;
	if (!process_charge(p, 1)) {
		p->limited = true;
		return false;
	}
	ret = ttmem_open(o->number, TTMEM_OPEN_QUIET, &o->client);
	if (!ret)
		ret = ttmem_attribute(o->client, p->pid);
	if (!ret)
		ret = ttmem_info(o->client, &info, sizeof(info));
	/* It was this process that the number meant, if this one is there still. */
	if (!ret && !still_lives(p))
		ret = -ESRCH;
	if (!ret) {
		o->id = info.client;
		c->error = 0;
		return true;
	}
	if (ret == -ESRCH)
		p->gone = true;
	else
		open_failed(c, ret);
	if (o->client)
		ttmem_close(o->client);
	o->client = NULL;
	process_charge(p, -1);
	return false;
}

static void log_process(struct process *p, const struct opened *o)
{
	char comm[4 * sizeof(p->comm)];
	const char *from;
	char *to = comm;

	if (p->logged)
		return;
	p->logged = true;
	for (from = p->comm; *from; from++) {
		if (*from < 0x20 || *from > 0x7e || *from == '\\')
			to += sprintf(to, "\\%03o", (unsigned char)*from);
		else
			*to++ = *from;
	}
	*to = '\0';
	say("process %d (%s) of user %u is told of, on card %u first", p->pid, comm,
	    p->user->uid, o->number);
}

static void tell_card(struct process *p, struct opened *o)
{
	struct ttmem_gauge gauges[CARD_CHIPS * LAYOUT_KINDS] = { 0 };
	unsigned int chip, kind, count = 0;
	amounts bytes;
	bool holds;
	int ret;

	wanted(p, o, bytes);
	holds = any(bytes);
	if (!o->client && (!holds || !open_client(p, o)))
		return;
	for (chip = 0; chip < CARD_CHIPS; chip++) {
		for (kind = 0; kind < LAYOUT_KINDS; kind++) {
			if (bytes[chip][kind] == o->told[chip][kind])
				continue;
			gauges[count++] = (struct ttmem_gauge){
				.chip = chip,
				.memory = words[kind].memory,
				.tag = words[kind].tag,
				.bytes = bytes[chip][kind],
			};
		}
	}
	/* With nothing to tell: do the books stand? A handle of 0 is never given. */
	ret = count ? ttmem_set(o->client, gauges, count, sizeof(gauges[0])) :
		      ttmem_free(o->client, 0);
	if (ret == -ESRCH) {
		p->gone = true;
	} else if (ret == -ENODEV) {
		invalidated(p, o);
	} else if (count && !ret) {
		memcpy(o->told, bytes, sizeof(o->told));
		o->holds = holds;
		if (holds)
			log_process(p, o);
	}
}

void tell(struct process *p)
{
	size_t i;

	for (i = 0; i < p->opened_count && !p->gone; i++)
		tell_card(p, &p->opened[i]);
}

/* Who tells by itself is not told of. */

static void mark_one(const struct ttmem_client *client, bool once)
{
	struct process *p = client->pid ? process_find(client->pid) : NULL;
	struct opened *o = p ? process_opened(p, client->card) : NULL;

	if (!o || !client->bytes || client->chip >= CARD_CHIPS ||
	    (o->client && client->client == o->id) ||
	    (once && client->source == TTMEM_SOURCE_ATTRIBUTED))
		return;
	o->self = true;
	o->silenced[client->chip] = true;
	if (!p->logged_self && !once)
		say("process %d tells by itself what it holds on card %u: it is not told of there",
		    p->pid, o->number);
	p->logged_self = true;
}

static void mark_all(bool once)
{
	struct ttmem_client *list;
	struct process *p;
	struct user *u;
	size_t count, i;

	if (ttmem_clients(&list, &count, sizeof(*list)))
		return;
	for_each_process(u, p) {
		for (i = 0; i < p->opened_count; i++) {
			p->opened[i].self = false;
			memset(p->opened[i].silenced, 0, sizeof(p->opened[i].silenced));
		}
	}
	for (i = 0; i < count; i++)
		mark_one(&list[i], once);
	ttmem_list_free(list);
}

/* Count for each card our clients that hold something. */
static void count_own(void)
{
	struct process *p;
	struct card *c;
	struct user *u;
	size_t i;

	for (i = 0; i < cards_count; i++) {
		cards[i].own = 0;
		cards[i].open = false;
	}
	for_each_process(u, p) {
		for (i = 0; i < p->opened_count; i++) {
			c = card_find(p->opened[i].number);
			if (!c)
				continue;
			c->open = true;
			c->own += p->opened[i].holds;
		}
	}
}

void tell_look_around(bool once)
{
	static uint64_t last;
	static bool marked;
	bool others = false, changed = false;
	uint64_t now = now_ns(), clients;
	size_t i;

	count_own();
	for (i = 0; i < cards_count; i++) {
		if (!cards[i].open || !cards[i].id.chips ||
		    !card_clients(&cards[i], &clients))
			continue;
		others |= clients > cards[i].own;
		changed |= clients != cards[i].clients;
		cards[i].clients = clients;
	}
	/* The list is as long as there are clients: it is read when that helps. */
	if (others ? changed || now - last >= NSEC_PER_SEC : marked) {
		mark_all(once);
		last = now;
		marked = others;
	}
}
