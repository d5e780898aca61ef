// SPDX-License-Identifier: GPL-2.0-only
/*
 * The highest bytes that a client has held of each memory and chip: told in the list,
 * in fdinfo and at its end, for each client by itself, and begun anew by SET's flag.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "selftest.h"

#define CARD 0

static uint64_t fdinfo_peak(int fd, uint32_t chip, uint32_t memory)
{
	char key[64];

	snprintf(key, sizeof(key), "ttmem-peak-chip%u-%s", chip, memory ? "l1" : "dram");
	return st_fdinfo(fd, key, NULL, 0);
}

/* Both places say the same; a peak of 0 has no line. */
static void check_peak(int card, int fd, uint32_t chip, uint32_t memory, uint64_t peak)
{
	assert_int_equal(fdinfo_peak(fd, chip, memory), peak);
	assert_int_equal(st_own_peak(card, st_client(fd), chip, memory), peak);
}

static int restart(int fd)
{
	struct ttmem_set request = { .flags = TTMEM_SET_RESTART_PEAKS };

	return st_call(fd, TTMEM_IOC_SET, &request);
}

static void test_reservations(void **state)
{
	int card = st_card_with_chips(2) < 0 ? CARD : st_card_with_chips(2);
	int chips = st_chips(card), fd = st_open(card);
	uint64_t first, second;
	struct st_line *lines;

	(void)state;
	check_peak(card, fd, 0, TTMEM_DRAM, 0);
	assert_int_equal(st_list(card, &lines), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 3 * MIB, 0, &first), 0);
	check_peak(card, fd, 0, TTMEM_DRAM, 3 * MIB);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 2 * MIB, 0, &second), 0);
	check_peak(card, fd, 0, TTMEM_DRAM, 5 * MIB);
	/* Of the pool, so on each of its lines, whatever the tag. */
	assert_int_equal(st_list(card, &lines), 2);
	assert_int_equal(lines[0].peak, 5 * MIB);
	assert_int_equal(lines[1].peak, 5 * MIB);
	free(lines);
	assert_int_equal(st_free(fd, first), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_peak(card, fd, 0, TTMEM_DRAM, 5 * MIB);
	check_peak(card, fd, 0, TTMEM_L1, 0);
	if (chips > 1)
		check_peak(card, fd, 1, TTMEM_DRAM, 0);
	assert_int_equal(st_reserve(fd, chips - 1, TTMEM_L1, 0, 4096, 0, NULL), 0);
	check_peak(card, fd, chips - 1, TTMEM_L1, 4096);

	/* With nothing left there is one line for each pool that had something. */
	assert_int_equal(st_free_all(fd), 0);
	assert_int_equal(st_list(card, &lines), 2);
	assert_int_equal(lines[0].tag, ST_NO_TAG);
	assert_int_equal(lines[0].memory, TTMEM_DRAM);
	assert_int_equal(lines[0].chip, 0);
	assert_int_equal(lines[0].bytes, 0);
	assert_int_equal(lines[0].peak, 5 * MIB);
	assert_int_equal(lines[0].pid, getpid());
	assert_string_equal(lines[0].command, "test_peaks");
	assert_int_equal(lines[1].tag, ST_NO_TAG);
	assert_int_equal(lines[1].memory, TTMEM_L1);
	assert_int_equal(lines[1].chip, chips - 1);
	assert_int_equal(lines[1].peak, 4096);
	free(lines);
	st_check_used(card, 0, 0);
	assert_int_equal(st_get(card, ST_CARD, "clients"), 0);
	close(fd);
	assert_int_equal(st_list(card, &lines), 0);
}

static void test_gauges(void **state)
{
	struct ttmem_gauge gauges[2] = {
		{ .tag = TTMEM_TAG_BUFFER, .bytes = 4 * MIB },
		{ .tag = TTMEM_TAG_TRACE, .bytes = 0 },
	};
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_set_many(fd, gauges, 2, 0), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 4 * MIB);
	/* A vector is one step: no peak of both. */
	gauges[0].bytes = 0;
	gauges[1].bytes = 4 * MIB;
	assert_int_equal(st_set_many(fd, gauges, 2, 0), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 4 * MIB);
	gauges[1].bytes = MIB;
	assert_int_equal(st_set_many(fd, gauges, 2, 0), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 4 * MIB);
	/* Of two for one gauge the first has never been. */
	gauges[0] = (struct ttmem_gauge){ .tag = TTMEM_TAG_TRACE, .bytes = 100 * MIB };
	assert_int_equal(st_set_many(fd, gauges, 2, 0), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 4 * MIB);
	/* Reservation and gauge together. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4 * MIB, 0, NULL), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
}

/* What was refused has never been held. */
static void test_refused(void **state)
{
	uint64_t total = st_get(CARD, 0, "dram_total");
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, total, 0, NULL), -ENOSPC);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX, 0, NULL),
			 -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 99, 4 * MIB), -EINVAL);
	check_peak(CARD, fd, 0, TTMEM_DRAM, MIB);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX - MIB), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, TTMEM_CLIENT_BYTES_MAX);
}

/* Each client's is its own, and none is the pool's. */
static void test_of_each_client(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, 3 * MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
	check_peak(CARD, other, 0, TTMEM_DRAM, 3 * MIB);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 5 * MIB);
	/* root's restart of the pool's is no restart of theirs. */
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 4 * MIB);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
	check_peak(CARD, other, 0, TTMEM_DRAM, 3 * MIB);
	/* And the other way round. */
	assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, 8 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(other, handle), 0);
	assert_int_equal(restart(other), 0);
	check_peak(CARD, other, 0, TTMEM_DRAM, 3 * MIB);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 12 * MIB);
}

static void test_restart(void **state)
{
	struct ttmem_gauge gauges[2] = {
		{ .tag = TTMEM_TAG_TRACE, .bytes = 2 * MIB },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 100 },
	};
	int fd = st_open(CARD);
	uint64_t handle;
	struct st_line *lines;

	(void)state;
	/* With nothing held nothing is left of it. */
	assert_int_equal(restart(fd), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 9 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 9 * MIB);
	assert_int_equal(restart(fd), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 0);
	assert_int_equal(st_list(CARD, &lines), 0);
	/* With gauges: at what is held after the call. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 9 * MIB, 0, &handle), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_set_many(fd, gauges, 2, TTMEM_SET_RESTART_PEAKS), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 3 * MIB);
	check_peak(CARD, fd, 0, TTMEM_L1, 100);
	gauges[0].bytes = 0;
	gauges[1].bytes = 50;
	assert_int_equal(st_set_many(fd, gauges, 2, 0), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 3 * MIB);
	check_peak(CARD, fd, 0, TTMEM_L1, 100);
	assert_int_equal(st_set_many(fd, gauges, 2, TTMEM_SET_RESTART_PEAKS), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, MIB);
	check_peak(CARD, fd, 0, TTMEM_L1, 50);
	/* Without entries what is held stays as it is. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 9 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_set_many(fd, gauges, 0, TTMEM_SET_RESTART_PEAKS), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, MIB);
	st_check_used(CARD, MIB, 50);
	/* A call that is refused has restarted nothing. */
	assert_int_equal(st_free_all(fd), 0);
	gauges[0].bytes = TTMEM_CLIENT_BYTES_MAX + 1;
	assert_int_equal(st_set_many(fd, gauges, 2, TTMEM_SET_RESTART_PEAKS), -EDQUOT);
	check_peak(CARD, fd, 0, TTMEM_DRAM, MIB);
	gauges[1].tag = 77;
	assert_int_equal(st_set_many(fd, gauges, 2, TTMEM_SET_RESTART_PEAKS), -EINVAL);
	check_peak(CARD, fd, 0, TTMEM_DRAM, MIB);
	check_peak(CARD, fd, 0, TTMEM_L1, 50);
	assert_int_equal(st_set_many(fd, gauges, 0, 0), -EINVAL);
	st_check_used(CARD, 0, 0);
}

/* Of counters what looks have seen is the peak. */
static void test_counters(void **state)
{
	int64_t *counters, *cell;
	int fd = st_open(CARD);

	(void)state;
	counters = st_map(fd);
	assert_non_null(counters);
	cell = &counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)];
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "dram_peak", "0"), 0);
	*cell = 9 * MIB;
	*cell = 5 * MIB;
	st_check_used(CARD, 5 * MIB, 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 5 * MIB);
	*cell = MIB;
	check_peak(CARD, fd, 0, TTMEM_DRAM, 5 * MIB);
	st_check_used(CARD, MIB, 0);
	/* With what is held otherwise. */
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 7 * MIB), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 8 * MIB);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 8 * MIB);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_peak"), 8 * MIB);
	/* A restart looks first: it begins at what the counters say now. */
	*cell = 2 * MIB;
	assert_int_equal(restart(fd), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 9 * MIB);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 0), 0);
	*cell = 64;
	assert_int_equal(restart(fd), 0);
	check_peak(CARD, fd, 0, TTMEM_DRAM, 64);
	/* And root's of the pool's too. */
	*cell = 32;
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 32);
}

/* The counter of DRAM's buffers of a new file's page. */
static int64_t *new_counter(int *fd)
{
	int64_t *counters;

	*fd = st_open(CARD);
	counters = st_map(*fd);
	assert_non_null(counters);
	return &counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)];
}

/*
 * Bytes that go from one client's counter to another's have never been twice, though the
 * one has been looked at after the move and the other before it.
 */
static void test_move_between_counters(void **state)
{
	int from_fd, to_fd, fd = st_open(CARD);
	int64_t *from = new_counter(&from_fd), *to = new_counter(&to_fd);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "dram_peak", "0"), 0);
	*from = 1000;
	st_check_used(CARD, 1000, 0);
	*from = 0;
	*to = 1000;
	assert_int_equal(st_fdinfo(to_fd, "ttmem-total-chip0-dram", NULL, 0), 1000);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 2), 0);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 1002);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_peak"), 1002);
	st_check_used(CARD, 1002, 0);
	/* One that leaves takes what it has counted along: no peak is too low for that. */
	*to = 5000;
	assert_int_equal(st_fdinfo(to_fd, "ttmem-total-chip0-dram", NULL, 0), 5000);
	munmap((void *)((uintptr_t)to & -4096ul), 4096);
	close(to_fd);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 2000, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_true(st_get(CARD, 0, "dram_peak") >= 2002);
	st_check_used(CARD, 2, 0);
}

/* Books that were closed have no lines, and what the file then says is 0. */
static void test_invalidated(void **state)
{
	int fd = st_open(CARD), fresh;
	struct st_line *lines;
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_list(CARD, &lines), 1);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	assert_int_equal(st_list(CARD, &lines), 0);
	assert_int_equal(fdinfo_peak(fd, 0, TTMEM_DRAM), 0);
	fresh = st_open(CARD);
	check_peak(CARD, fresh, 0, TTMEM_DRAM, 0);
	st_check_dead(fd, "invalidated");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_reservations),
		ST_TEST(test_gauges),
		ST_TEST(test_refused),
		ST_TEST(test_of_each_client),
		ST_TEST(test_restart),
		ST_TEST(test_counters),
		ST_TEST(test_move_between_counters),
		ST_TEST(test_invalidated),
	};

	return ST_RUN(tests);
}
