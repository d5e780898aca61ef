// SPDX-License-Identifier: GPL-2.0-only
/*
 * --reservations PID: each reservation that a process holds, as its runtime told
 * it. It takes the node, and to be the process's user or root. What is held only
 * by gauge or counter stands among them, as reservations with handle 0, which none
 * has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

struct listing {
	FILE *out;
	const struct csv *csv;		/* NULL for a table */
	uint64_t client;		/* looked at now */
	const struct card *card;	/* likewise */
	bool head;			/* has been printed */
	size_t count;
	size_t sums;			/* by gauge or counter */
	uint64_t bytes[2];
};

static const char *memory_name(uint32_t memory)
{
	return memory < 2 ? memory_names[memory] : "?";
}

static const char *tag_name(uint32_t tag)
{
	return tag < TAGS ? tag_names[tag] : "?";
}

static void print_head(struct listing *list)
{
	const char *b = " [B]";

	if (list->head)
		return;
	list->head = true;
	if (!list->csv)
		fprintf(list->out, "%4s %4s %-6s %-8s %-18s %12s  %s\n", "Card",
			"Chip", "Memory", "Tag", "Address", "Size", "Label");
	else if (list->csv->header)
		fprintf(list->out, "card, chip, client, handle, memory, tag, address, size%s, payload%s, overcommit, cookie, label\n",
			b, b);
}

static void print_csv(struct listing *list, const struct ttmem_reservation *r)
{
	const char *b = list->csv->units ? " B" : "";
	FILE *out = list->out;

	fprintf(out, "%u, %u, %" PRIu64 ", ", list->card->id.number, r->chip,
		list->client);
	if (r->handle)
		fprintf(out, "%llu", (unsigned long long)r->handle);
	else
		fputs("[N/A]", out);
	fprintf(out, ", %s, %s, ", memory_name(r->memory), tag_name(r->tag));
	if (r->flags & TTMEM_RESERVE_ADDRESS)
		fprintf(out, "0x%llx", (unsigned long long)r->address);
	else
		fputs("[N/A]", out);
	fprintf(out, ", %llu%s, ", (unsigned long long)r->size, b);
	if (r->payload)
		fprintf(out, "%llu%s", (unsigned long long)r->payload, b);
	else
		fputs("[N/A]", out);
	fprintf(out, ", %u, 0x%llx", !!(r->flags & TTMEM_RESERVE_OVERCOMMIT),
		(unsigned long long)r->cookie);
	csv_next(out, (const char *)r->label);
	fputc('\n', out);
}

static void print_line(struct listing *list, const struct ttmem_reservation *r)
{
	char address[32] = "-", size[32], label[4 * TTMEM_LABEL_SIZE];

	if (r->flags & TTMEM_RESERVE_ADDRESS)
		snprintf(address, sizeof(address), "0x%llx",
			 (unsigned long long)r->address);
	if (r->size >> 20)
		format_bytes(size, sizeof(size), r->size, 12);
	else
		snprintf(size, sizeof(size), "%llu B",
			 (unsigned long long)r->size);
	fit(label, sizeof(label), strnlen((const char *)r->label,
					  TTMEM_LABEL_SIZE - 1),
	    (const char *)r->label, false);
	fprintf(list->out, "%4u %4u %-6s %-8s %-18s %12s  %s\n",
		list->card->id.number, r->chip, memory_name(r->memory),
		tag_name(r->tag), address, size, label);
}

static void print_one(struct listing *list, const struct ttmem_reservation *r)
{
	if (list->csv)
		print_csv(list, r);
	else
		print_line(list, r);
	if (r->handle)
		list->count++;
	else
		list->sums++;
	if (r->memory < 2)
		add_bytes(&list->bytes[r->memory], r->size);
}

static void print_sum(struct listing *list, const struct ttmem_client *c)
{
	struct ttmem_reservation r = {
		.chip = c->chip, .memory = c->memory, .tag = c->tag,
		.size = c->bytes, .label = "(gauge or counter)",
	};

	print_head(list);
	print_one(list, &r);
}

/* By chip, memory and address; those without one by handle, behind. */
static int by_place(const void *a, const void *b)
{
	const struct ttmem_reservation *x = a, *y = b;
	unsigned int has_x = x->flags & TTMEM_RESERVE_ADDRESS;
	unsigned int has_y = y->flags & TTMEM_RESERVE_ADDRESS;

	if (x->chip != y->chip)
		return x->chip < y->chip ? -1 : 1;
	if (x->memory != y->memory)
		return x->memory < y->memory ? -1 : 1;
	if (has_x != has_y)
		return has_x ? -1 : 1;
	if (has_x && x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->handle > y->handle) - (x->handle < y->handle);
}

/* List a client's. One that has ended meanwhile holds nothing. */
static int list_client(struct listing *list, struct ttmem_card *node)
{
	struct ttmem_reservation *r;
	size_t count, i;
	int ret;

	ret = ttmem_reservations(node, list->client, &r, &count, sizeof(*r));
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	print_head(list);
	if (count)
		qsort(r, count, sizeof(*r), by_place);
	for (i = 0; i < count; i++)
		print_one(list, &r[i]);
	ttmem_list_free(r);
	return 0;
}

/* List what a process holds of one card; @found says if it is in the books. */
static int list_card(struct listing *list, const struct ttmem_client *clients,
		     size_t count, pid_t pid, bool *found)
{
	unsigned int number = list->card->id.number;
	struct ttmem_card *node = NULL;
	uint64_t last = UINT64_MAX;
	int ret = 0;
	size_t i;

	/* A client has a line for each tag, one after the other. */
	for (i = 0; !ret && i < count; i++) {
		const struct ttmem_client *c = &clients[i];

		if (c->pid != pid || c->card != number ||
		    c->tag == TTMEM_TAG_NONE)
			continue;
		*found = true;
		list->client = c->client;
		if (!c->reservations) {
			print_sum(list, c);
			continue;
		}
		if (c->client == last)
			continue;
		last = c->client;
		if (!node)
			ret = ttmem_open(number, TTMEM_OPEN_QUIET, &node);
		if (!ret)
			ret = list_client(list, node);
	}
	ttmem_close(node);
	return ret;
}

static int fail(int error, unsigned int card, pid_t pid)
{
	say("card %u: the reservations of process %d: %s", card, pid, ttmem_strerror(error));
	switch (error) {
	case -EACCES:
		return EXIT_PERMISSION;
	case -ENXIO:
	case -ENODEV:
		return EXIT_NOT_FOUND;
	default:
		return list_status(error);
	}
}

int print_reservations(FILE *out, const struct want *want, pid_t pid,
		       const struct csv *csv)
{
	struct listing list = { .out = out, .csv = csv };
	char dram[64], l1[64], sums[64] = "";
	struct ttmem_client *clients = NULL;
	struct snapshot snap;
	bool found = false;
	int status, ret;
	size_t count, i;

	status = snapshot_take(&snap, want);
	if (*snap.why)
		say("%s", snap.why);
	if (!snap.cards)
		goto out;

	ret = ttmem_clients(&clients, &count, sizeof(*clients));
	if (ret) {
		say("the reservations of process %d: %s", pid, ttmem_strerror(ret));
		status = list_status(ret);
		goto out;
	}
	for (i = 0; i < snap.cards; i++) {
		list.card = &snap.card[i];
		ret = list_card(&list, clients, count, pid, &found);
		if (ret) {
			status = fail(ret, list.card->id.number, pid);
			goto out;
		}
	}
	if (!found) {
		say("process %d holds no memory of a card here, or cannot be seen from here. ttmem-smi shows who does",
		    pid);
		status = EXIT_NOT_FOUND;
	} else if (!csv) {
		format_bytes(dram, sizeof(dram), list.bytes[TTMEM_DRAM], 20);
		format_bytes(l1, sizeof(l1), list.bytes[TTMEM_L1], 20);
		if (list.sums)
			snprintf(sums, sizeof(sums), " and %zu gauge%s or counter%s",
				 list.sums, list.sums == 1 ? "" : "s",
				 list.sums == 1 ? "" : "s");
		fprintf(out, "%zu reservation%s%s of process %d: DRAM %s, L1 %s\n",
			list.count, list.count == 1 ? "" : "s", sums, pid,
			dram, l1);
	}
out:
	ttmem_list_free(clients);
	snapshot_free(&snap);
	return status;
}
