// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits: how many reservations a client may hold, what a reservation costs
 * the kernel, and what the module's parameter takes.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sys/stat.h>

#include "selftest.h"

#define CARD 0

static void test_parameters(void **state)
{
	const char *path = st_param_path("max_reservations");
	struct stat status;

	(void)state;
	assert_int_equal(st_param("max_reservations"), 1048576);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	assert_int_equal(st_write(path, "many\n"), -EINVAL);
	assert_int_equal(st_write(path, "-1\n"), -EINVAL);
	assert_int_equal(st_param("max_reservations"), 1048576);
	/* There is an upper bound: that many slots a handle can name. */
	assert_int_equal(st_write(path, "1048577\n"), -ERANGE);
	assert_int_equal(st_param("max_reservations"), 1048576);
	st_set_param("max_reservations", "1048576\n");
}

static void test_client_limit(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD);
	uint64_t handle;

	(void)state;
	st_set_param("max_reservations", "10\n");
	st_reserve_many(fd, 9);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, &handle), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), EDQUOT);
	/* A limit is no capacity: to have placed the buffer already is no excuse. */
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 64, TTMEM_RESERVE_OVERCOMMIT, NULL),
		   EDQUOT);
	assert_int_equal(st_get(CARD, 0, "denied"), st_get(CARD, ST_CARD, "denied"));
	/* Each file has its own, and gauges are not reservations. */
	st_reserve_many(other, 10);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	st_check_used(CARD, 20 * 64, 4096);
	assert_int_equal(st_free(fd, handle), 0);
	st_reserve_many(fd, 1);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), EDQUOT);

	/* Lowered below what is held: nothing is taken away, nothing is added. */
	st_set_param("max_reservations", "5\n");
	ST_REFUSED(CARD, st_reserve(other, 0, TTMEM_DRAM, 0, 64, 0, NULL), EDQUOT);
	st_check_used(CARD, 20 * 64, 4096);
	assert_int_equal(st_free_all(other), 0);
	st_reserve_many(other, 5);
	ST_REFUSED(CARD, st_reserve(other, 0, TTMEM_DRAM, 0, 64, 0, NULL), EDQUOT);
	st_set_param("max_reservations", "0\n");
	ST_REFUSED(CARD, st_reserve(other, 0, TTMEM_DRAM, 0, 64, 0, NULL), EDQUOT);
	/* And raised while they hold. */
	st_set_param("max_reservations", "1048576\n");
	st_reserve_many(fd, 20);
	st_reserve_many(other, 20);
	close(fd);
	close(other);
	st_check_used(CARD, 0, 0);
}

/* Slab memory of the whole machine in bytes. */
static uint64_t slab_bytes(void)
{
	char *text = st_slurp("/proc/meminfo"), *row;
	uint64_t kib;

	assert_non_null(text);
	row = strstr(text, "\nSlab:");
	assert_non_null(row);
	kib = strtoull(row + strlen("\nSlab:"), NULL, 10);
	free(text);
	return kib * 1024;
}

/* A number of the cache of reservations, 0 if the kernel does not tell. */
static uint64_t slab_file(const char *name)
{
	char *text = st_slurp(st_text("/sys/kernel/slab/ttmem_reservation/%s", name));
	uint64_t value;

	value = text ? strtoull(text, NULL, 10) : 0;
	free(text);
	return value;
}

/*
 * A reservation costs at most 128 bytes of slab, its label aside, beside its
 * share of a dense tree: 576 bytes for 64 slots, seven to a page or two.
 */
static void test_slab_cost(void **state)
{
	enum { HELD = 200000, OBJECT = 128, TREE = 10, NOISE = 6 };
	uint64_t before, grown, object = slab_file("object_size"), slot = slab_file("slab_size");
	int fd = st_open(CARD);

	(void)state;
	if (!object) {
		print_message("skipped: no /sys/kernel/slab: a kernel without SLUB_DEBUG\n");
		skip();
	}
	assert_between(object, 1, OBJECT);

	/* The first round brings what stays: caches of the CPUs. */
	st_reserve_many(fd, 1000);
	before = slab_bytes();
	st_reserve_many(fd, HELD);
	grown = slab_bytes() - before;
	print_message("%" PRIu64 " bytes of slab a reservation, tree included\n", grown / HELD);
	/* What a kernel puts around an object to guard it (KASAN) is not the reservation's. */
	if (slot < object + sizeof(long))
		assert_between(grown / HELD, 1, OBJECT + TREE + NOISE);
	st_check_used(CARD, (HELD + 1000) * 64, 0);
	close(fd);
	st_check_used(CARD, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_parameters),
		ST_TEST(test_client_limit),
		ST_TEST(test_slab_cost),
	};

	return ST_RUN(tests);
}
