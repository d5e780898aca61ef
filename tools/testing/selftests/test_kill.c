// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that are killed with -9: many in the middle of their work, and a few
 * with more than anyone would hold. Nothing of them may be left, and nobody
 * else may have to wait for it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "selftest.h"

#define CLIENTS 200
#define TAG_OF(memory) ((memory) == TTMEM_DRAM ? TTMEM_TAG_TRACE : TTMEM_TAG_CB)

/* How far each worker has come; -1 if it has found something wrong. */
static volatile long *progress;

static volatile long *shared(size_t count)
{
	void *map = mmap(NULL, count * sizeof(long), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	return map;
}

/* Does what a runtime does, in no order, until it is killed. */
static void work(int sock, void *arg)
{
	long number = (intptr_t)arg;
	struct ttmem_reservation entries[16];
	struct ttmem_reservations list = {
		.entries = (uintptr_t)entries,
		.count = ARRAY_SIZE(entries),
		.entry_size = sizeof(entries[0]),
	};
	unsigned int seed = number;
	uint64_t handles[64] = { 0 };
	int card = number % st_cards(), chips = st_chips(card);
	int fd = st_open(card);

	(void)sock;
	/*
	 * Where spinlocks sleep (PREEMPT_RT) an open, which holds up all others, waits long
	 * for a lock that hundreds fight for: so all are open before they begin.
	 */
	__atomic_add_fetch(&progress[CLIENTS], 1, __ATOMIC_RELAXED);
	while (progress[CLIENTS] < CLIENTS)
		usleep(10000);
	for (;;) {
		unsigned int dice = rand_r(&seed), slot = dice / 16 % ARRAY_SIZE(handles);
		uint32_t chip = dice / 1024 % chips, memory = dice / 4096 % 2;

		switch (dice % 16) {
		case 0:
			assert_int_equal(st_set(fd, chip, memory, TAG_OF(memory), dice % 8192), 0);
			break;
		case 1:
			list.start = 0;
			list.count = ARRAY_SIZE(entries);
			assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &list), 0);
			break;
		case 2:
			if (slot)
				break;
			assert_int_equal(st_free_all(fd), 0);
			memset(handles, 0, sizeof(handles));
			break;
		default:
			if (handles[slot]) {
				assert_int_equal(st_free(fd, handles[slot]), 0);
				handles[slot] = 0;
			} else {
				assert_int_equal(st_reserve(fd, chip, memory, 0, 64 + dice % 4096,
							    0, &handles[slot]), 0);
			}
		}
		progress[number]++;
	}
}

static bool all_are_working(void *arg)
{
	long count = *(long *)arg, i;

	for (i = 0; i < count; i++)
		if (progress[i] < st_many(100))
			return false;
	return true;
}

static void test_many_killed(void **state)
{
	static struct st_child workers[CLIENTS];
	uint64_t seen = 0, start;
	struct st_line *lines;
	long count = CLIENTS, i;
	int card, status;

	(void)state;
	progress = shared(CLIENTS + 1);
	for (i = 0; i < CLIENTS; i++)
		workers[i] = st_spawn(work, (void *)(intptr_t)i);
	assert_true(st_await(all_are_working, &count));
	for (card = 0; card < st_cards(); card++) {
		st_clients(card, &lines);
		seen += st_get(card, ST_CARD, "clients");
		free(lines);
	}
	/* A worker holds nothing only in the blink after it gave all back. */
	assert_true(seen > CLIENTS / 2);
	start = st_now_ms();
	for (i = 0; i < CLIENTS; i++)
		assert_int_equal(kill(workers[i].pid, SIGKILL), 0);
	for (i = 0; i < CLIENTS; i++) {
		assert_int_equal(waitpid(workers[i].pid, &status, 0), workers[i].pid);
		/* By the signal, and not by an assertion of its own before. */
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	print_message("%d clients killed and gone in %" PRIu64 " ms\n", CLIENTS,
		      st_now_ms() - start);
	for (card = 0; card < st_cards(); card++)
		st_check_used(card, 0, 0);
}

/* Moves bytes between two gauges in one step each time: their sum never changes. */
static void shift(int sock, void *arg)
{
	struct ttmem_gauge gauges[2] = { { .tag = TTMEM_TAG_BUFFER }, { .tag = TTMEM_TAG_TRACE } };
	struct ttmem_set request = {
		.gauges = (uintptr_t)gauges,
		.count = 2,
		.entry_size = sizeof(gauges[0]),
	};
	long number = (intptr_t)arg;
	int fd = st_open(0);

	(void)sock;
	for (;;) {
		gauges[0].bytes = progress[number] % 1000 * 1024 + 1;
		gauges[1].bytes = MIB - gauges[0].bytes;
		assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
		progress[number]++;
	}
}

/* The list and each value are one picture, however busy the clients are. */
static void test_one_picture(void **state)
{
	enum { SHIFTERS = 8 };
	struct st_child shifters[SHIFTERS];
	long count = SHIFTERS, i;
	struct st_line *lines;
	size_t lines_count, k;
	uint64_t sum;

	(void)state;
	progress = shared(SHIFTERS);
	for (i = 0; i < SHIFTERS; i++)
		shifters[i] = st_spawn(shift, (void *)(intptr_t)i);
	assert_true(st_await(all_are_working, &count));
	for (i = 0; i < st_many(300); i++) {
		lines_count = st_clients(0, &lines);
		assert_int_equal(lines_count, 2 * SHIFTERS);
		for (sum = 0, k = 0; k < lines_count; k++)
			sum += lines[k].bytes;
		free(lines);
		assert_int_equal(sum, SHIFTERS * MIB);
		assert_int_equal(st_get(0, ST_CARD, "dram_used"), SHIFTERS * MIB);
		assert_int_equal(st_get(0, 0, "dram_used"), SHIFTERS * MIB);
		assert_int_equal(st_get(0, ST_CARD, "clients"), SHIFTERS);
	}
	for (i = 0; i < SHIFTERS; i++)
		st_kill(&shifters[i]);
	st_check_used(0, 0, 0);
}

/* Takes as many reservations as it is told, every tenth with a label. */
static void take_many(int sock, void *arg)
{
	struct ttmem_reserve plain = { .size = 64 };
	struct ttmem_reserve labelled = { .size = 64, .label = "a label" };
	long count = *(long *)arg, i;
	int fd = st_open(0);

	for (i = 0; i < count; i++)
		if (st_call(fd, TTMEM_IOC_RESERVE, i % 10 ? &plain : &labelled))
			fail_msg("reservation %ld: %s", i, strerror(errno));
	st_say(sock);
	st_hear(sock);
}

static bool is_dead(void *arg)
{
	siginfo_t info = { 0 };

	assert_int_equal(waitid(P_PID, *(pid_t *)arg, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid != 0;
}

/* A million, or what stands for it, and while they are given back others work and look as ever. */
static void test_million(void **state)
{
	long count = st_many(1000000);
	struct st_child child = st_spawn(take_many, &count);
	uint64_t start, took, slowest = 0, zero = 0, rounds = 0, handle, used;
	int fd = st_open(0);

	(void)state;
	start = st_now_ms();
	st_hear(child.sock);
	print_message("%ld reservations made in %" PRIu64 " ms\n", count, st_now_ms() - start);
	st_check_used(0, count * 64, 0);
	assert_int_equal(st_get(0, ST_CARD, "reservations"), count);

	start = st_now_ms();
	kill(child.pid, SIGKILL);
	while (!is_dead(&child.pid)) {
		uint64_t round = st_now_ms();

		assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, 64, 0, &handle), 0);
		assert_int_equal(st_free(fd, handle), 0);
		used = st_get(0, 0, "dram_used");
		/* At once or not yet: no half of it is to be seen. */
		assert_true(used == 0 || used == (uint64_t)count * 64);
		if (!used && !zero)
			zero = st_now_ms() - start;
		round = st_now_ms() - round;
		slowest = round > slowest ? round : slowest;
		rounds++;
	}
	took = st_now_ms() - start;
	print_message("given back in %" PRIu64 " ms, books 0 after %" PRIu64 " ms; %" PRIu64
		      " rounds of others meanwhile, the slowest %" PRIu64 " ms\n",
		      took, zero, rounds, slowest);
	assert_true(slowest < 5000);
	st_kill(&child);
	st_check_used(0, 0, 0);
}

/* The same by FREE, which gives them back one batch after another. */
static void free_many(int sock, void *arg)
{
	struct ttmem_free request = { .flags = TTMEM_FREE_ALL };
	long count = *(long *)arg;
	int fd = st_open(0);

	st_reserve_many(fd, count);
	st_say(sock);
	st_hear(sock);
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.reservations, count);
	assert_int_equal(request.bytes, count * 64);
	st_say(sock);
	st_hear(sock);
}

static void test_free_all_of_many(void **state)
{
	long count = st_many(200000);
	struct st_child child = st_spawn(free_many, &count);

	(void)state;
	st_hear(child.sock);
	st_check_used(0, count * 64, 0);
	st_say(child.sock);
	st_hear(child.sock);
	st_check_used(0, 0, 0);
	st_say(child.sock);
	st_join(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_many_killed),
		ST_TEST(test_one_picture),
		ST_TEST(test_free_all_of_many),
		ST_TEST(test_million),
	};

	return ST_RUN(tests);
}
