// SPDX-License-Identifier: GPL-2.0-only
/*
 * record --labels: what processes hold under each label of their reservations.
 * It takes the node, and to be the process's user or root.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "libttmem.h"
#include "record/rows.h"
#include "text/text.h"

/* A client that has more reservations would hold up the samples. */
#define RESERVATIONS_MAX	65536

/* A client with reservations, of a process that the sample has. */
struct source {
	unsigned int card;
	uint64_t client;
	pid_t pid;
	uint64_t reservations;
};

/* A row's process is the first of its rows of that chip. */
static int compare_process(const struct row *row, unsigned int card,
			   unsigned int chip, pid_t pid)
{
	const struct row key = {
		.kind = ROW_PROCESS, .card = card, .chip = chip, .pid = pid,
		.memory = row->memory,
	};

	return compare_counters(row, &key);
}

static const struct row *find_process(const struct rows *rows, size_t count,
				      unsigned int card, unsigned int chip,
				      pid_t pid)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_process(&rows->row[middle], card, chip, pid);

		if (!order)
			return &rows->row[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int by_client(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->card != y->card)
		return x->card < y->card ? -1 : 1;
	return (x->client > y->client) - (x->client < y->client);
}

/* List those to be read, each once. */
static struct source *find_sources(const struct rows *rows,
				   const struct ttmem_client *list, size_t count,
				   size_t *sources)
{
	struct source *source = calloc(count + 1, sizeof(*source));
	size_t found = 0, kept = 0, i;

	if (!source)
		out_of_memory();
	for (i = 0; i < count; i++) {
		const struct ttmem_client *c = &list[i];

		if (!c->pid || !c->reservations ||
		    !find_process(rows, rows->count, c->card, c->chip, c->pid))
			continue;
		source[found++] = (struct source){
			c->card, c->client, c->pid, c->reservations,
		};
	}
	if (found)
		qsort(source, found, sizeof(*source), by_client);
	for (i = 0; i < found; i++) {
		if (kept && !by_client(&source[kept - 1], &source[i]))
			source[kept - 1].reservations += source[i].reservations;
		else
			source[kept++] = source[i];
	}
	*sources = kept;
	return source;
}

static int by_label(const void *a, const void *b)
{
	const struct ttmem_reservation *x = a, *y = b;

	if (x->chip != y->chip)
		return x->chip < y->chip ? -1 : 1;
	if (x->memory != y->memory)
		return x->memory < y->memory ? -1 : 1;
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return strncmp((const char *)x->label, (const char *)y->label,
		       TTMEM_LABEL_SIZE);
}

/* Add a row for each label of a client; the process's other rows are in @own. */
static int add_client(struct rows *rows, size_t own, struct ttmem_card *node,
		      const struct source *source)
{
	struct row *row = NULL, copy;
	struct ttmem_reservation *r;
	const struct row *process;
	size_t count, i;
	int ret;

	ret = ttmem_reservations(node, source->client, &r, &count, sizeof(*r));
	if (ret)
		return ret;
	if (count)
		qsort(r, count, sizeof(*r), by_label);
	for (i = 0; i < count; i++) {
		char label[TTMEM_LABEL_SIZE + 1] = "";

		if (row && !by_label(&r[i], &r[i - 1])) {
			add_bytes(&row->used, r[i].size);
			continue;
		}
		row = NULL;
		process = find_process(rows, own, source->card, r[i].chip,
				       source->pid);
		if (!process || r[i].memory > TTMEM_L1)
			continue;
		copy = *process;
		row = rows_add(rows);
		*row = copy;
		row->kind = ROW_LABEL;
		row->memory = r[i].memory;
		row->tag = r[i].tag < TAGS ? r[i].tag : TTMEM_UNKNOWN;
		row->used = r[i].size;
		memcpy(label, r[i].label, TTMEM_LABEL_SIZE);
		row->label = printable(label);
	}
	ttmem_list_free(r);
	return 0;
}

/* What is not read is told when it is more than ever before. */
static void tell(struct rows *rows, size_t now, size_t *most, const char *why)
{
	char *note;

	if (now <= *most)
		return;
	*most = now;
	if (asprintf(&note, "the labels of %zu client%s %s", now,
		     now == 1 ? "" : "s", why) < 0)
		note = NULL;
	rows_notice(rows, note);
}

void rows_labels(struct rows *rows, struct unread_labels *most)
{
	size_t own = rows->count, count = 0, sources, i;
	struct unread_labels now = { 0 };
	struct ttmem_card *node = NULL;
	struct ttmem_client *list;
	struct source *source;
	int ret, error = 0;

	ret = ttmem_clients(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	source = find_sources(rows, list, count, &sources);
	ttmem_list_free(list);
	for (i = 0; i < sources; i++) {
		const struct source *s = &source[i];

		if (!i || s->card != s[-1].card) {
			ttmem_close(node);
			node = NULL;
			error = ttmem_open(s->card, TTMEM_OPEN_QUIET, &node);
		}
		if (s->reservations > RESERVATIONS_MAX) {
			now.many++;
			continue;
		}
		ret = error ? error : add_client(rows, own, node, s);
		if (ret == -ENOMEM)
			out_of_memory();
		/* It may have ended, or the card may be gone. */
		if (ret == -EACCES)
			now.forbidden++;
		else if (ret && ret != -ENOENT && ret != -ESRCH && ret != -ENODEV)
			now.failed++;
	}
	ttmem_close(node);
	free(source);
	rows_sort(rows);
	tell(rows, now.forbidden, &most->forbidden,
	     "cannot be read: only the user of the process and root may");
	tell(rows, now.many, &most->many,
	     "are not read: that many reservations would hold up the samples");
	tell(rows, now.failed, &most->failed, "could not be read");
}
