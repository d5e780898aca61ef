// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a command and all its children took at the most, told when it has ended, as
 * /usr/bin/time -v does. Nothing notifies of it, so the list of clients is looked at
 * ten times a second. Between two looks the kernel keeps each client's own peak.
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clean.h"
#include "internal.h"
#include "run.h"

/**
 * struct pool - a memory of a chip, and what all children together took of it
 * @card: the card
 * @chip: the chip
 * @memory: the memory
 * @now: bytes at the look that is being made
 * @least: they took this together at one time
 * @most: what each client took at its own most, together
 */
struct pool {
	uint32_t card;
	uint32_t chip;
	uint32_t memory;
	uint64_t now;
	uint64_t least;
	uint64_t most;
};

/**
 * struct holding - what a child's client took of a pool
 * @client: the client
 * @card: the pool
 * @chip: likewise
 * @memory: likewise
 * @peak: the most that the kernel told of it
 */
struct holding {
	uint64_t client;
	uint32_t card;
	uint32_t chip;
	uint32_t memory;
	uint64_t peak;
};

static struct {
	void *clients;		/* tree of ids, each of a child's client */
	void *holdings;		/* tree of struct holding */
	void *pools;		/* tree of struct pool */
	unsigned long looks;
	unsigned long failed;
} report;

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
	return compare(*(const uint64_t *)a, *(const uint64_t *)b);
}

static int by_pool(const void *a, const void *b)
{
	const struct pool *p = a, *q = b;

	if (p->card != q->card)
		return compare(p->card, q->card);
	if (p->chip != q->chip)
		return compare(p->chip, q->chip);
	return compare(p->memory, q->memory);
}

static int by_holding(const void *a, const void *b)
{
	const struct holding *p = a, *q = b;

	if (p->client != q->client)
		return compare(p->client, q->client);
	if (p->chip != q->chip)
		return compare(p->chip, q->chip);
	return compare(p->memory, q->memory);
}

/* The entry of a tree that is like @key, made of it if there is none. */
static void *entry(void **tree, const void *key, size_t size,
		   int (*order)(const void *a, const void *b))
{
	void **node = tfind(key, tree, order);
	void *copy;

	if (node)
		return *node;
	copy = malloc(size);
	if (!copy)
		die("%s", ttmem_strerror(-ENOMEM));
	memcpy(copy, key, size);
	if (!tsearch(copy, tree, order))
		die("%s", ttmem_strerror(-ENOMEM));
	return copy;
}

static pid_t parent_of(pid_t pid)
{
	char path[TTMEM_PATH_SIZE], *text;
	const char *rest;
	int parent = 0;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d/stat", pid);
	if (ttmem__read_file(path, &text, NULL))
		return 0;
	/* The name is in parentheses and may hold any others. */
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %*c %d", &parent) != 1)
		parent = 0;
	free(text);
	return parent;
}

/* Whether a process descends from this one, which inherits all orphans. */
static bool is_child(pid_t pid)
{
	static pid_t self;

	if (!self)
		self = ttmem__self();
	while (pid > 1 && pid != self)
		pid = parent_of(pid);
	return pid == self;
}

/* Once a child's, a client stays the children's: its process may be gone. */
static bool is_ours(const struct ttmem_client *client)
{
	if (tfind(&client->client, &report.clients, by_id))
		return true;
	if (!client->pid || !is_child(client->pid))
		return false;
	entry(&report.clients, &client->client, sizeof(client->client), by_id);
	return true;
}

static void begin_pool(const void *node, VISIT visit, int depth)
{
	struct pool *pool = *(struct pool **)node;

	(void)depth;
	if (visit == postorder || visit == leaf)
		pool->now = 0;
}

static void end_pool(const void *node, VISIT visit, int depth)
{
	struct pool *pool = *(struct pool **)node;

	(void)depth;
	if ((visit == postorder || visit == leaf) && pool->now > pool->least)
		pool->least = pool->now;
}

static void add(const struct ttmem_client *client)
{
	const struct holding holding = {
		.client = client->client,
		.card = client->card,
		.chip = client->chip,
		.memory = client->memory,
	};
	const struct pool pool = {
		.card = client->card,
		.chip = client->chip,
		.memory = client->memory,
	};
	struct holding *h = entry(&report.holdings, &holding, sizeof(holding),
				  by_holding);
	struct pool *p = entry(&report.pools, &pool, sizeof(pool), by_pool);

	p->now += client->bytes;
	if (client->peak > h->peak)
		h->peak = client->peak;
}

bool report_begin(bool best_effort)
{
	struct ttmem_client *list;
	size_t count;
	int ret;

	ret = ttmem_clients(&list, &count, sizeof(*list));
	if (ret && !best_effort)
		die("nothing to report: %s", ttmem_strerror(ret));
	if (ret) {
		tell("the command runs without a report: %s", ttmem_strerror(ret));
		return false;
	}
	ttmem_list_free(list);
	/* Children whose parent has ended become this process's, and are told apart so. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return true;
}

void report_look(void)
{
	const struct ttmem_client *last = NULL;
	struct ttmem_client *list;
	bool ours = false;
	size_t count, i;

	report.looks++;
	if (ttmem_clients(&list, &count, sizeof(*list))) {
		report.failed++;
		return;
	}
	twalk(report.pools, begin_pool);
	for (i = 0; i < count; i++) {
		if (list[i].memory > TTMEM_L1)
			continue;
		/* A client's entries stand together. */
		if (!last || list[i].client != last->client)
			ours = is_ours(&list[i]);
		last = &list[i];
		if (ours)
			add(last);
	}
	twalk(report.pools, end_pool);
	ttmem_list_free(list);
}

static void sum_holding(const void *node, VISIT visit, int depth)
{
	const struct holding *holding = *(const struct holding **)node;
	const struct pool pool = {
		.card = holding->card,
		.chip = holding->chip,
		.memory = holding->memory,
	};
	struct pool *p;

	(void)depth;
	if (visit != postorder && visit != leaf)
		return;
	p = entry(&report.pools, &pool, sizeof(pool), by_pool);
	p->most += holding->peak;
	if (holding->peak > p->least)
		p->least = holding->peak;
}

static void print_pool(const void *node, VISIT visit, int depth)
{
	const struct pool *pool = *(const struct pool **)node;

	(void)depth;
	if (visit != postorder && visit != leaf)
		return;
	fprintf(stderr, "\tCard %u chip %u peak %s (bytes): %llu", pool->card,
		pool->chip, pool->memory == TTMEM_DRAM ? "DRAM" : "L1",
		(unsigned long long)pool->least);
	if (pool->most > pool->least)
		fprintf(stderr, ", at most %llu",
			(unsigned long long)pool->most);
	fputc('\n', stderr);
}

void report_print(char **command, double seconds, int status)
{
	fputs("\tCommand being run: \"", stderr);
	for (; *command; command++)
		clean_print(stderr, "%s%s", *command, command[1] ? " " : "");
	fputs("\"\n", stderr);
	twalk(report.holdings, sum_holding);
	twalk(report.pools, print_pool);
	if (!report.pools)
		fputs("\tNo memory of a card was seen\n", stderr);
	fprintf(stderr, "\tElapsed (wall clock) time (seconds): %.2f\n", seconds);
	fprintf(stderr, "\tLooks at ttmem's list: %lu", report.looks);
	if (report.failed)
		fprintf(stderr, ", %lu of them failed", report.failed);
	fputc('\n', stderr);
	if (WIFSIGNALED(status))
		fprintf(stderr, "\tCommand terminated by signal %d\n",
			WTERMSIG(status));
	else
		fprintf(stderr, "\tExit status: %d\n", WEXITSTATUS(status));
}
