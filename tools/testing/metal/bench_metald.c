// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ttmem-metald costs, natively: real processes and real regions, TT-KMD's
 * lists and the node played. Each line is a figure and, where there is one, its goal;
 * status 1 if one is missed.
 *
 *	bench_metald [SECONDS]		of each measurement (5)
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"
#include "ttmem.h"

#define PROCESSES	32
/* A process is looked at with more care in its first ten seconds. */
#define GROWN		11000

static double seconds = 5;
static bool missed;

static void figure(const char *name, double value, const char *unit, double goal)
{
	bool bad = goal && value > goal;

	printf("%-34s %10.4g %-5s", name, value, unit);
	if (goal)
		printf(" goal <= %g%s", goal, bad ? ", missed" : "");
	putchar('\n');
	fflush(stdout);
	missed |= bad;
}

/* What ttmem-metald has used of the processor, all its threads, in ns. */
static uint64_t used(void)
{
	const struct dirent *entry;
	uint64_t sum = 0;
	char path[512];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", metald_pid);
	dir = opendir(path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", metald_pid,
			 entry->d_name);
		sum += strtoull(slurp(path), NULL, 10);
	}
	closedir(dir);
	return sum;
}

static double share(void)
{
	uint64_t before = used(), start = st_now_ms();

	while (st_now_ms() - start < seconds * 1000)
		usleep(2000);
	return 100.0 * (used() - before) / 1e6 / (st_now_ms() - start);
}

static void grow_up(uint64_t born)
{
	while (st_now_ms() - born < GROWN)
		usleep(2000);
}

static void one_with_mappings(void)
{
	uint64_t id, born;
	struct player p;

	tree_setup(NULL);
	id = new_id();
	put_cards(1, 1);
	born = st_now_ms();
	p = player_start(NULL);
	player_do(&p, "mappings 3000");
	player_hold(&p, id, 1);
	put_pids(0, p.pid, 0);
	metald_start(NULL);
	await(told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER) == 1);
	figure("mappings_3000_young", share(), "%", 0);
	grow_up(born);
	figure("mappings_3000", share(), "%", 0.1);
	player_kill(&p);
	tree_teardown(NULL);
}

static struct player players[PROCESSES];

/* So many cards, and processes that have all of them open, or one each. */
static void many(const char *name, unsigned int chips, double goal)
{
	uint64_t id[PROCESSES][PROCESSES], born;
	char map[PROCESSES * PROCESSES * 24] = "", text[64], pids[1024];
	size_t used_map = 0, used_pids;
	unsigned int i, j;

	tree_setup(NULL);
	put_cards(PROCESSES, 1);
	born = st_now_ms();
	/* A card's chip has a region of each process's own: private /dev/shm. */
	for (i = 0; i < PROCESSES; i++) {
		players[i] = player_start("--private");
		put_proc(players[i].pid);
		for (j = 0; j < chips; j++) {
			unsigned int card = chips == 1 ? i : j;

			id[i][j] = 6000000000ull + i * 64 + j;
			used_map += snprintf(map + used_map, sizeof(map) - used_map,
					     "%" PRIu64 " %u 0\n", id[i][j], card);
			player_do(&players[i], "attach %" PRIu64 " %u", id[i][j], j);
			player_do(&players[i], "alloc %" PRIu64 " dram 1", id[i][j]);
		}
	}
	put(map, "run/chips");
	for (j = 0; j < PROCESSES; j++) {
		used_pids = 0;
		for (i = 0; i < PROCESSES; i++)
			if (chips > 1 || i == j)
				used_pids += snprintf(pids + used_pids,
						      sizeof(pids) - used_pids, "%d\n",
						      players[i].pid);
		put_list(j, pids);
	}
	metald_start(NULL);
	await(told_lines() == 2 * PROCESSES * chips);
	grow_up(born);
	snprintf(text, sizeof(text), "%s_idle", name);
	figure(text, share(), "%", goal);
	for (i = 0; i < PROCESSES; i++)
		player_do(&players[i], "churn");
	snprintf(text, sizeof(text), "%s_busy", name);
	figure(text, share(), "%", goal);
	snprintf(text, sizeof(text), "%s_rss", name);
	figure(text, metald_rss_kib() / 1024.0, "MiB", 5);
	for (i = 0; i < PROCESSES; i++)
		player_kill(&players[i]);
	tree_teardown(NULL);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In milliseconds. */
static double now_precise(void)
{
	return st_now_ns() / 1e6;
}

/* How soon something is told, and how soon it is gone. */
static void delays(void)
{
	enum { TIMES = 15 };
	double begin[TIMES], change[TIMES], end[TIMES], start;
	struct player p;
	uint64_t id;
	int i;

	tree_setup(NULL);
	id = new_id();
	put_cards(1, 1);
	metald_start(NULL);
	for (i = 0; i < TIMES; i++) {
		p = player_start(NULL);
		player_hold(&p, id, 1);
		start = now_precise();
		put_pids(0, p.pid, 0);
		while (told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER) != 1)
			usleep(100);
		begin[i] = now_precise() - start;
		start = now_precise();
		player_do(&p, "alloc %" PRIu64 " dram 1", id);
		while (told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER) != 2)
			usleep(100);
		change[i] = now_precise() - start;
		start = now_precise();
		kill(p.pid, SIGKILL);
		while (told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER) != -1)
			usleep(100);
		end[i] = now_precise() - start;
		player_kill(&p);
		put_pids(0, 0);
	}
	qsort(begin, TIMES, sizeof(double), by_value);
	qsort(change, TIMES, sizeof(double), by_value);
	qsort(end, TIMES, sizeof(double), by_value);
	figure("told_after_median", begin[TIMES / 2], "ms", 0);
	figure("change_after_median", change[TIMES / 2], "ms", 0);
	figure("change_after_longest", change[TIMES - 1], "ms", 0);
	figure("end_after_median", end[TIMES / 2], "ms", 0);
	figure("end_after_longest", end[TIMES - 1], "ms", 0);
	tree_teardown(NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	/* Of the played node. */
	setenv("FAST", "1", 1);
	delays();
	one_with_mappings();
	many("processes_32", 1, 1);
	many("processes_32_chips_32", PROCESSES, 0);
	return missed;
}
