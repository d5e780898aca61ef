// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows of a sample: made of a look at the cards, put in order, and written
 * as CSV. The functions are explained in record.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/look.h"
#include "record/recording.h"
#include "record/rows.h"
#include "text/text.h"

const char * const row_kinds[ROW_KINDS] = {
	[ROW_POOL] = "pool",
	[ROW_PROCESS] = "process",
	[ROW_LABEL] = "label",
	[ROW_SILENT] = "silent",
	[ROW_NOTICE] = "notice",
};

struct row *rows_add(struct rows *rows)
{
	rows->row = grow(rows->row, rows->count, sizeof(*rows->row));
	return &rows->row[rows->count++];
}

void rows_notice(struct rows *rows, char *note)
{
	struct row *row = rows_add(rows);

	if (!note)
		out_of_memory();
	row->kind = ROW_NOTICE;
	row->note = note;
	say("%s", note);
}

static void free_row(struct row *row)
{
	if (row->kind == ROW_NOTICE)
		free((char *)row->note);
	if (row->kind == ROW_LABEL)
		free((char *)row->label);
}

void rows_free(struct rows *rows)
{
	size_t i;

	for (i = 0; i < rows->count; i++)
		free_row(&rows->row[i]);
	free(rows->row);
	memset(rows, 0, sizeof(*rows));
}

int compare_counters(const struct row *a, const struct row *b)
{
	int order = compare_numbers(a->kind, b->kind);

	if (!order)
		order = compare_numbers(a->card, b->card);
	if (!order)
		order = compare_numbers(a->chip, b->chip);
	if (!order)
		order = compare_numbers(a->pid, b->pid);
	/* Those that are not visible have nothing else to tell them apart. */
	if (!order && !a->pid && a->user && b->user)
		order = strcmp(a->user, b->user);
	if (!order)
		order = compare_numbers(a->memory, b->memory);
	return order;
}

static int by_place(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare_counters(x, y);

	if (!order)
		order = compare_numbers(x->tag, y->tag);
	if (!order && x->label && y->label)
		order = strcmp(x->label, y->label);
	return order;
}

void rows_sort(struct rows *rows)
{
	size_t i, kept = 0;

	if (!rows->count)
		return;
	qsort(rows->row, rows->count, sizeof(*rows->row), by_place);
	for (i = 1; i < rows->count; i++) {
		struct row *row = &rows->row[kept];

		if ((row->kind == ROW_PROCESS || row->kind == ROW_LABEL) &&
		    !by_place(row, &rows->row[i])) {
			add_bytes(&row->used, rows->row[i].used);
			free_row(&rows->row[i]);
		} else {
			rows->row[++kept] = rows->row[i];
		}
	}
	rows->count = kept + 1;
}

static struct row *add_process_row(struct rows *rows, const struct card *card,
				   const struct process *p)
{
	struct row *row = rows_add(rows);

	row->kind = p->reports ? ROW_PROCESS : ROW_SILENT;
	row->card = p->card;
	row->bus_id = card->id.address;
	row->board = card->board;
	row->pid = p->pid;
	row->user = p->user;
	row->command = p->command;
	return row;
}

/* A row for each tag; what no tag tells has one that is not known. */
static void add_process(struct rows *rows, const struct card *card,
			const struct process *p)
{
	unsigned int memory, tag;
	struct row *row;

	if (!p->reports) {
		add_process_row(rows, card, p);
		return;
	}
	for (memory = 0; memory < 2; memory++) {
		uint64_t left = p->bytes[memory];

		for (tag = 0; left && tag <= TAGS; tag++) {
			uint64_t bytes = left;

			if (tag < TAGS && p->tag[memory][tag] < left)
				bytes = p->tag[memory][tag];
			if (!bytes)
				continue;
			row = add_process_row(rows, card, p);
			row->chip = p->chip;
			row->memory = memory;
			row->tag = tag < TAGS ? tag : TTMEM_UNKNOWN;
			row->used = bytes;
			left -= bytes;
		}
	}
}

/*
 * What is used of a pool: what its processes hold. The file of sysfs was read a
 * moment later, and the difference would look like bytes that nobody holds.
 */
static uint64_t used_of(const struct snapshot *snap, const struct card *card,
			unsigned int chip, unsigned int memory)
{
	uint64_t used = 0;
	size_t i;

	for (i = 0; i < snap->processes; i++) {
		const struct process *p = &snap->process[i];

		if (p->reports && p->card == card->id.number &&
		    p->chip == chip)
			add_bytes(&used, p->bytes[memory]);
	}
	return used;
}

static void add_pools(struct rows *rows, const struct snapshot *snap,
		      const struct card *card, bool all_processes)
{
	unsigned int chip, memory;
	struct row *row;

	for (chip = 0; chip < card->chips; chip++) {
		for (memory = 0; memory < 2; memory++) {
			row = rows_add(rows);
			row->kind = ROW_POOL;
			row->card = card->id.number;
			row->bus_id = card->id.address;
			row->board = card->board;
			row->chip = chip;
			row->memory = memory;
			row->total = card->chip[chip].pool[memory].total;
			row->used = all_processes ?
				    used_of(snap, card, chip, memory) :
				    card->chip[chip].pool[memory].used;
		}
	}
}

void rows_fill(struct rows *rows, const struct snapshot *snap,
	       const struct want *want)
{
	bool all_processes = snap->processes_known && !want->pids;
	size_t i, j;

	for (i = 0; i < snap->cards; i++) {
		if (!snap->card[i].chips)
			continue;
		add_pools(rows, snap, &snap->card[i], all_processes);
		for (j = 0; j < snap->processes; j++)
			if (snap->process[j].card == snap->card[i].id.number)
				add_process(rows, &snap->card[i],
					    &snap->process[j]);
	}
	rows_sort(rows);
}

static bool has_card(const struct rows *rows, unsigned int number)
{
	size_t i;

	for (i = 0; i < rows->count && rows->row[i].kind == ROW_POOL; i++)
		if (rows->row[i].card == number)
			return true;
	return false;
}

void rows_compare_cards(struct rows *to, const struct rows *in,
			const struct rows *other, const char *what)
{
	size_t i, count = in->count;
	char *note;

	for (i = 0; i < count; i++) {
		const struct row *row = &in->row[i];

		if (row->kind != ROW_POOL || row->chip ||
		    row->memory != TTMEM_DRAM || has_card(other, row->card))
			continue;
		if (asprintf(&note, "card %u (%s) %s", row->card, row->bus_id,
			     what) < 0)
			note = NULL;
		rows_notice(to, note);
	}
}

static void put_value(FILE *out, const char *text)
{
	if (text)
		csv_text(out, text);
}

static void csv_row(FILE *out, const char *time, const struct row *row)
{
	bool holds = row->kind == ROW_PROCESS || row->kind == ROW_LABEL;

	fprintf(out, "%s,%s,", time, row_kinds[row->kind]);
	if (row->kind == ROW_NOTICE) {
		fputs(",,,,,,,,,,", out);
		put_value(out, row->note);
		fputs(",,\n", out);
		return;
	}
	fprintf(out, "%u,%s,", row->card, row->bus_id);
	put_value(out, row->board);
	if (holds || row->kind == ROW_POOL)
		fprintf(out, ",%u,%s,%llu,", row->chip,
			memory_names[row->memory],
			(unsigned long long)row->used);
	else
		fputs(",,,,", out);
	if (row->total)
		fprintf(out, "%llu", (unsigned long long)row->total);
	fputc(',', out);
	if (row->pid)
		fprintf(out, "%d", row->pid);
	fputc(',', out);
	put_value(out, row->user);
	fputc(',', out);
	put_value(out, row->command);
	fprintf(out, ",,%s,", holds && row->tag < TAGS ? tag_names[row->tag] : "");
	put_value(out, row->label);
	fputc('\n', out);
}

void csv_rows(FILE *out, const struct rows *rows)
{
	char time[40];
	size_t i;

	format_time(time, sizeof(time), rows->time, 6);
	for (i = 0; i < rows->count; i++)
		csv_row(out, time, &rows->row[i]);
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = *(struct process * const *)a;
	const struct process *y = *(struct process * const *)b;

	return compare_numbers(x->pid, y->pid);
}

void keep_commands(struct snapshot *snap, const struct snapshot *before)
{
	const struct process **known, **found, *key;
	size_t count = 0, i;

	known = calloc(before->processes + 1, sizeof(*known));
	if (!known)
		out_of_memory();
	for (i = 0; i < before->processes; i++)
		if (before->process[i].has_line)
			known[count++] = &before->process[i];
	if (count)
		qsort(known, count, sizeof(*known), by_pid);
	for (i = 0; count && i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (!p->command || p->has_line)
			continue;
		key = p;
		found = bsearch(&key, known, count, sizeof(*known), by_pid);
		if (!found)
			continue;
		free(p->command);
		p->command = strdup((*found)->command);
		if (!p->command)
			out_of_memory();
		p->has_line = true;
	}
	free(known);
}
