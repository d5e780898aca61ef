// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counter page: who may map it and how, what the kernel makes of each cell, how
 * long the page lives, and that every look sees what was stored before it. All of it in
 * a memory cgroup other than the root one, where a kernel that charges the page has to
 * be right about it, and once more outside of it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD	0
#define CGROUP	"/sys/fs/cgroup/ttmem-counters"
#define MOST	TTMEM_CLIENT_BYTES_MAX
#define CELLS	(4096 / sizeof(int64_t))

#define CELL(map, chip, memory, tag) ((map)[TTMEM_COUNTER_INDEX(chip, memory, tag)])
#define DRAM(map)	CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER)
#define L1(map)		CELL(map, 0, TTMEM_L1, TTMEM_TAG_BUFFER)

/* An open file with its page, which must come. */
static int open_mapped(int card, int64_t **map)
{
	int fd = st_open(card);

	*map = st_map(fd);
	if (!*map)
		fail_msg("the page cannot be mapped: %s", strerror(errno));
	return fd;
}

static void unmap(int64_t *map)
{
	assert_int_equal(munmap(map, sysconf(_SC_PAGESIZE)), 0);
}

static const struct {
	int flags;
	size_t length;
	int prot;
	int shared;
	off_t offset;
	int error;
} mappings[] = {
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0 },
	{ O_RDWR, 4096, PROT_READ, MAP_SHARED, 0, 0 },
	{ O_RDWR, 4096, PROT_NONE, MAP_SHARED, 0, 0 },
	{ O_RDWR, 1, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0 },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, 0, 0 },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED, 0, 0 },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, EINVAL },
	{ O_RDWR, 4096, PROT_READ, MAP_PRIVATE, 0, EINVAL },
	{ O_RDWR, 4097, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EINVAL },
	{ O_RDWR, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EINVAL },
	{ O_RDWR, 1 << 21, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EINVAL },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4096, EINVAL },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 1ll << 40, EINVAL },
	{ O_RDWR, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 1ll << 62, EINVAL },
	/* To count is to change, and to look at the page is no use to anybody else. */
	{ O_RDONLY, 4096, PROT_READ, MAP_SHARED, 0, EACCES },
	{ O_RDONLY, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES },
	{ O_WRONLY, 4096, PROT_WRITE, MAP_SHARED, 0, EACCES },
	{ O_WRONLY, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES },
};

static void test_map_rules(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(mappings); i++) {
		int fd = open(st_node(CARD), mappings[i].flags | O_CLOEXEC);
		void *map;

		assert_true(fd >= 0);
		map = mmap(NULL, mappings[i].length, mappings[i].prot, mappings[i].shared, fd,
			   mappings[i].offset);
		if ((map == MAP_FAILED ? errno : 0) != mappings[i].error)
			fail_msg("mapping %zu: %s", i,
				 map == MAP_FAILED ? strerror(errno) : "it is mapped");
		/* A refused one is none: the file's end is the client's. */
		close(fd);
		assert_int_equal(st_module_refs("ttmem") > 0, map != MAP_FAILED);
		if (map != MAP_FAILED)
			munmap(map, mappings[i].length);
		assert_int_equal(st_module_refs("ttmem"), 0);
	}
	st_check_used(CARD, 0, 0);
}

/* Whether a mapping has a flag of those in smaps. */
static bool has_flag(const void *map, const char *flag)
{
	char *text = st_slurp("/proc/self/smaps"), start[32], *at, *end, *found;
	bool has;

	assert_non_null(text);
	snprintf(start, sizeof(start), "\n%lx-", (unsigned long)map);
	at = strstr(text, start);
	assert_non_null(at);
	at = strstr(at, "\nVmFlags:");
	assert_non_null(at);
	end = strchr(at + 1, '\n');
	*end = '\0';
	found = strstr(at, flag);
	has = found && found[-1] == ' ';
	free(text);
	return has;
}

/* It grows by no mremap, is in no core dump, and wherever it is moved it is the same page. */
static void test_map_flags(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	int64_t *map, *moved;
	int fd = open_mapped(CARD, &map);

	(void)state;
	DRAM(map) = MIB;
	assert_true(has_flag(map, "sh"));
	assert_true(has_flag(map, "de"));
	assert_true(has_flag(map, "dd"));
	assert_true(mremap(map, page, 2 * page, MREMAP_MAYMOVE) == MAP_FAILED);
	moved = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(moved != MAP_FAILED);
	moved = mremap(map, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	assert_true(moved != MAP_FAILED);
	assert_int_equal(DRAM(moved), MIB);
	DRAM(moved) = 2 * MIB;
	st_check_used(CARD, 2 * MIB, 0);
	/* What is thrown out of the page tables is in the page. */
	assert_int_equal(madvise(moved, page, MADV_DONTNEED), 0);
	st_check_used(CARD, 2 * MIB, 0);
	assert_int_equal(DRAM(moved), 2 * MIB);
	assert_int_equal(mprotect(moved, page, PROT_READ), 0);
	assert_int_equal(mprotect(moved, page, PROT_READ | PROT_WRITE), 0);
	DRAM(moved) = 64;
	st_check_used(CARD, 64, 0);
	unmap(moved);
	st_check_used(CARD, 64, 0);
	close(fd);
	st_check_used(CARD, 0, 0);
}

static const struct {
	uint32_t memory;
	uint32_t tag;
	const char *file;
} cells[] = {
	{ TTMEM_DRAM, TTMEM_TAG_BUFFER, NULL },
	{ TTMEM_DRAM, TTMEM_TAG_TRACE, "dram_trace_used" },
	{ TTMEM_DRAM, TTMEM_TAG_SYSTEM, "dram_system_used" },
	{ TTMEM_L1, TTMEM_TAG_BUFFER, NULL },
	{ TTMEM_L1, TTMEM_TAG_SYSTEM, "l1_system_used" },
	{ TTMEM_L1, TTMEM_TAG_L1_SMALL, "l1_small_used" },
	{ TTMEM_L1, TTMEM_TAG_CB, "l1_cb_used" },
};

/* Each cell is where it should be, and is seen in each place where sums are told. */
static void test_cells(void **state)
{
	int card = st_card_with_chips(2) < 0 ? CARD : st_card_with_chips(2), chip;
	struct ttmem_info info;
	struct st_line line;
	int64_t *map;
	int fd = open_mapped(card, &map), other = st_open(card);
	char key[64], text[64];
	size_t i;

	(void)state;
	for (i = 0; i < CELLS; i++)
		assert_int_equal(map[i], 0);
	st_check_used(card, 0, 0);
	for (chip = 0; chip < st_chips(card); chip++)
		for (i = 0; i < ARRAY_SIZE(cells); i++) {
			uint64_t bytes = (i + 1) * 1000 + chip;
			bool l1 = cells[i].memory;

			CELL(map, chip, cells[i].memory, cells[i].tag) = bytes;
			/* Any of these is a look of its own, and sees it first. */
			info = (struct ttmem_info){ .chip = chip, .memory = cells[i].memory };
			if (i % 3 == 0) {
				assert_int_equal(st_call(other, TTMEM_IOC_INFO, &info), 0);
				assert_int_equal(info.used, bytes);
			} else if (i % 3 == 1) {
				assert_int_equal(st_get(card, chip, l1 ? "l1_used" : "dram_used"),
						 bytes);
			}
			line = st_only_line(card);
			assert_int_equal(line.chip, chip);
			assert_int_equal(line.memory, cells[i].memory);
			assert_int_equal(line.tag, cells[i].tag);
			assert_int_equal(line.bytes, bytes);
			assert_int_equal(line.reservations, 0);
			assert_int_equal(line.client, st_client(fd));
			snprintf(key, sizeof(key), "ttmem-total-chip%d-%s-%s", chip,
				 l1 ? "l1" : "dram", st_tag_names[cells[i].tag]);
			assert_int_equal(st_fdinfo(fd, key, NULL, 0), bytes);
			if (cells[i].file) {
				assert_int_equal(st_get(card, chip, cells[i].file), bytes);
				assert_int_equal(st_get(card, ST_CARD, cells[i].file), bytes);
			}
			st_check_used(card, l1 ? 0 : bytes, l1 ? bytes : 0);
			assert_int_equal(st_get(card, ST_CARD, "clients"), 1);
			assert_int_equal(st_get(card, ST_CARD, "reservations"), 0);
			CELL(map, chip, cells[i].memory, cells[i].tag) = 0;
			assert_int_equal(st_fdinfo(fd, key, text, sizeof(text)), 0);
			st_check_used(card, 0, 0);
		}
	/* The kernel has written nothing. */
	for (i = 0; i < CELLS; i++)
		assert_int_equal(map[i], 0);
}

/* Whatever stands in cells that nobody should use is not read. */
static void test_other_cells(void **state)
{
	int card, chip;
	size_t i;

	(void)state;
	for (card = 0; card < st_cards(); card++) {
		int64_t *map;
		int fd = open_mapped(card, &map);

		for (i = 0; i < CELLS; i++)
			map[i] = i % 2 ? 4096 : INT64_MAX;
		for (chip = 0; chip < st_chips(card); chip++)
			for (i = 0; i < ARRAY_SIZE(cells); i++)
				CELL(map, chip, cells[i].memory, cells[i].tag) = 0;
		st_check_used(card, 0, 0);
		CELL(map, st_chips(card) - 1, TTMEM_DRAM, TTMEM_TAG_SYSTEM) = 64;
		st_check_used(card, 64, 0);
		unmap(map);
		close(fd);
	}
}

/* Signed, each for itself: one below 0 takes nothing from another. */
static void test_below_zero(void **state)
{
	static const int64_t below[] = { -1, -4096, INT64_MIN, INT64_MIN + 1, -(1ll << 40) };
	int64_t *map;
	size_t i;

	(void)state;
	open_mapped(CARD, &map);
	for (i = 0; i < ARRAY_SIZE(below); i++) {
		DRAM(map) = below[i];
		st_check_used(CARD, 0, 0);
		assert_int_equal(st_get(CARD, ST_CARD, "clients"), 0);
		CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) = 10;
		st_check_used(CARD, 10, 0);
		CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) = 0;
	}
	/* It is the number that goes on being counted. */
	DRAM(map) = -4096;
	st_check_used(CARD, 0, 0);
	DRAM(map) += 5000;
	st_check_used(CARD, 904, 0);
}

static uint64_t listed(uint32_t memory, uint32_t tag)
{
	struct st_line *lines;
	size_t count = st_clients(CARD, &lines), i;
	uint64_t bytes = 0;

	for (i = 0; i < count; i++)
		if (lines[i].memory == memory && lines[i].tag == tag)
			bytes += lines[i].bytes;
	free(lines);
	return bytes;
}

/* What is above the bound of a pool is cut off, in the order of tags. */
static void test_above_bound(void **state)
{
	int64_t *map;
	int fd = open_mapped(CARD, &map);
	uint64_t handle;

	(void)state;
	DRAM(map) = MOST;
	st_check_used(CARD, MOST, 0);
	DRAM(map) = MOST + 1;
	st_check_used(CARD, MOST, 0);
	DRAM(map) = INT64_MAX;
	st_check_used(CARD, MOST, 0);
	CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) = INT64_MAX;
	CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM) = INT64_MAX;
	st_check_used(CARD, MOST, 0);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_BUFFER), MOST);
	DRAM(map) = MOST - 100;
	st_check_used(CARD, MOST, 0);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_BUFFER), MOST - 100);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_TRACE), 100);
	CELL(map, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) = 70;
	st_check_used(CARD, MOST, 0);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_TRACE), 70);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_SYSTEM), 30);
	/* The other pool is for itself. */
	CELL(map, 0, TTMEM_L1, TTMEM_TAG_SYSTEM) = MOST - 5;
	CELL(map, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL) = 2;
	CELL(map, 0, TTMEM_L1, TTMEM_TAG_CB) = 1000;
	st_check_used(CARD, MOST, MOST);
	assert_int_equal(listed(TTMEM_L1, TTMEM_TAG_CB), 3);
	memset(map, 0, 4096);
	st_check_used(CARD, 0, 0);

	/* Reservations and gauges are first: counters have what these leave. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, MOST - 2 * MIB), 0);
	DRAM(map) = INT64_MAX;
	st_check_used(CARD, MOST, 0);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_BUFFER), 2 * MIB);
	/* At the bound there is no more to be had, by whatever way. */
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, TTMEM_RESERVE_OVERCOMMIT, NULL),
		   EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 1), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, MOST - 2 * MIB + 1), -EDQUOT);
	st_check_used(CARD, MOST, 0);
	/* What is given back the counter takes at the next look. */
	assert_int_equal(st_free(fd, handle), 0);
	st_check_used(CARD, MOST, 0);
	assert_int_equal(listed(TTMEM_DRAM, TTMEM_TAG_BUFFER), 2 * MIB);
	DRAM(map) = 64;
	st_check_used(CARD, MOST - 2 * MIB + 64, 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, TTMEM_RESERVE_OVERCOMMIT, NULL), 0);
	st_check_used(CARD, MOST - MIB + 64, 0);
	DRAM(map) = 0;
	assert_int_equal(st_free_all(fd), 0);
	st_check_used(CARD, 0, 0);
}

/* Nobody is refused for what his own counters have said before. */
static void test_below_bound_again(void **state)
{
	uint64_t denied = st_get(CARD, ST_CARD, "denied"), handle;
	int64_t *map;
	int fd = open_mapped(CARD, &map);

	(void)state;
	assert_int_equal(st_put(CARD, 0, "dram_total", "0"), 0);
	DRAM(map) = MOST;
	st_check_used(CARD, MOST, 0);
	DRAM(map) = MOST - MIB;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), -EDQUOT);
	assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied + 1);
	st_check_used(CARD, MOST, 0);
	DRAM(map) = MOST - 2 * MIB;
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB + 1), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	st_check_used(CARD, MOST, 0);
	/* And whoever counts more than there is room for has had his room by that. */
	DRAM(map) = INT64_MAX;
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB + 1), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 0), 0);
	st_check_used(CARD, MOST, 0);
	DRAM(map) = 0;
	st_check_used(CARD, MIB, 0);
}

/* Beside reservations and gauges of the same tag; what is freed by flag is these. */
static void test_beside_others(void **state)
{
	struct ttmem_free all = { .flags = TTMEM_FREE_ALL };
	struct ttmem_free chip = { .flags = TTMEM_FREE_CHIP };
	struct st_line line;
	int64_t *map;
	int fd = open_mapped(CARD, &map);

	(void)state;
	DRAM(map) = 1000;
	L1(map) = 2000;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 4096), 0);
	st_check_used(CARD, 2 * MIB + 4096 + 1000, 2000);
	L1(map) = 0;
	line = st_only_line(CARD);
	assert_int_equal(line.bytes, 2 * MIB + 4096 + 1000);
	assert_int_equal(line.reservations, 2);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip0-dram-buffer", NULL, 0),
			 2 * MIB + 4096 + 1000);
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &chip), 0);
	assert_int_equal(chip.bytes, 2 * MIB + 4096);
	assert_int_equal(chip.reservations, 2);
	assert_int_equal(DRAM(map), 1000);
	st_check_used(CARD, 1000, 0);
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &all), 0);
	assert_int_equal(all.bytes, 0);
	assert_int_equal(DRAM(map), 1000);
	st_check_used(CARD, 1000, 0);
	/* A gauge of 0 is no counter of 0. */
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 0), 0);
	st_check_used(CARD, 1000, 0);
	DRAM(map) = 0;
	st_check_used(CARD, 0, 0);
}

/* At the edge of a pool: before a RESERVE is refused the counters are looked at. */
static void test_reserve_at_the_edge(void **state)
{
	uint64_t total = st_get(CARD, 0, "dram_total"), denied = st_get(CARD, 0, "denied"), handle;
	int64_t *map;
	int fd = st_open(CARD);

	(void)state;
	open_mapped(CARD, &map);
	DRAM(map) = total;
	/* The books do not know yet, and full or not, they are looked at. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, total + 1, 0, NULL), -ENOSPC);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	assert_int_equal(st_get(CARD, 0, "denied"), denied + 2);
	/* The books say full, the counter no longer does. */
	DRAM(map) = total - MIB;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	assert_int_equal(st_get(CARD, 0, "denied"), denied + 2);
	st_check_used(CARD, total, 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	assert_int_equal(st_free(fd, handle), 0);
	/* What fits the books as they were read last costs no look, and is recorded. */
	DRAM(map) = total;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	st_check_used(CARD, total + MIB, 0);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	DRAM(map) = 0;
	st_check_used(CARD, MIB, 0);
}

/* Both mappings of a file are the one page; the page goes with neither. */
static void test_two_maps(void **state)
{
	int64_t *map, *second;
	int fd = open_mapped(CARD, &map);

	(void)state;
	second = st_map(fd);
	assert_non_null(second);
	assert_true(second != map);
	DRAM(map) = MIB;
	assert_int_equal(DRAM(second), MIB);
	DRAM(second) += 64;
	st_check_used(CARD, MIB + 64, 0);
	unmap(map);
	st_check_used(CARD, MIB + 64, 0);
	DRAM(second) += 64;
	st_check_used(CARD, MIB + 128, 0);
	unmap(second);
	st_check_used(CARD, MIB + 128, 0);
	/* And is there when it is mapped again. */
	map = st_map(fd);
	assert_non_null(map);
	assert_int_equal(DRAM(map), MIB + 128);
	/* Another file has another page. */
	open_mapped(CARD, &second);
	assert_int_equal(DRAM(second), 0);
	DRAM(second) = 64;
	st_check_used(CARD, MIB + 192, 0);
}

struct page_of_file {
	int fd;
	int64_t *map;
	pthread_barrier_t barrier;
};

static void *map_thread(void *arg)
{
	struct page_of_file *page = arg;
	int64_t *map;

	pthread_barrier_wait(&page->barrier);
	map = st_map(page->fd);
	if (!map)
		return "a thread could not map the page";
	__atomic_add_fetch(&DRAM(map), 1, __ATOMIC_RELAXED);
	munmap(map, sysconf(_SC_PAGESIZE));
	return NULL;
}

/* The page is made at the first of several calls at once, and is one. */
static void test_first_maps_at_once(void **state)
{
	long rounds = st_many(200);
	struct page_of_file page;
	pthread_t threads[4];
	void *result;
	int i;

	(void)state;
	assert_int_equal(pthread_barrier_init(&page.barrier, NULL, 4), 0);
	while (rounds--) {
		page.fd = st_open(CARD);
		for (i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, map_thread, &page), 0);
		for (i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(threads[i], &result), 0);
			assert_null(result);
		}
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 4);
		close(page.fd);
	}
	st_check_used(CARD, 0, 0);
}

static void add_and_wait(int sock, void *arg)
{
	struct page_of_file *page = arg;

	close(page->fd);
	DRAM(page->map) += MIB;
	st_say(sock);
	st_hear(sock);
	DRAM(page->map) += MIB;
	st_say(sock);
	st_hear(sock);
}

/* The mapping is inherited, and keeps the client also where the file is closed everywhere. */
static void test_fork(void **state)
{
	struct page_of_file page;
	struct st_child child;
	struct st_line line;

	(void)state;
	page.fd = open_mapped(CARD, &page.map);
	DRAM(page.map) = 64;
	child = st_spawn(add_and_wait, &page);
	st_hear(child.sock);
	assert_int_equal(DRAM(page.map), MIB + 64);
	st_check_used(CARD, MIB + 64, 0);
	close(page.fd);
	unmap(page.map);
	st_check_used(CARD, MIB + 64, 0);
	st_say(child.sock);
	st_hear(child.sock);
	st_check_used(CARD, 2 * MIB + 64, 0);
	/* To count is not to use: it is who opened it or called last. */
	line = st_only_line(CARD);
	assert_int_equal(line.pid, getpid());
	assert_false(line.attributed);
	assert_true(st_module_refs("ttmem") > 0);
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	st_kill(&child);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_module_refs("ttmem"), 0);
}

/* Counts, and becomes cat. */
static void exec_cat(int sock, void *arg)
{
	int fd = open(st_node(CARD), O_RDWR | (*(bool *)arg ? 0 : O_CLOEXEC));
	int64_t *map;

	assert_true(fd >= 0);
	map = st_map(fd);
	assert_non_null(map);
	DRAM(map) = MIB;
	st_become_cat(sock);
}

static void check_exec(bool keep)
{
	struct st_child child = st_spawn(exec_cat, &keep);

	st_await_cat(child.sock);
	/* The mapping went; with the file open the page keeps what was counted. */
	st_check_used(CARD, keep ? MIB : 0, 0);
	if (keep)
		assert_string_equal(st_only_line(CARD).command, "cat");
	assert_int_equal(shutdown(child.sock, SHUT_WR), 0);
	st_join(&child);
	st_check_used(CARD, 0, 0);
}

static void test_exec(void **state)
{
	(void)state;
	check_exec(true);
	check_exec(false);
}

static void test_close_while_mapped(void **state)
{
	int64_t *map, *other;
	int fd = open_mapped(CARD, &map), again;

	(void)state;
	DRAM(map) = MIB;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	close(fd);
	/* What the file held it holds, and nobody can free it but by the end of the mapping. */
	st_check_used(CARD, MIB + 4096, 0);
	DRAM(map) = 64;
	st_check_used(CARD, 64 + 4096, 0);
	/* Opened again it is another client. */
	again = open_mapped(CARD, &other);
	assert_int_equal(DRAM(other), 0);
	close(again);
	unmap(other);
	st_check_used(CARD, 64 + 4096, 0);
	unmap(map);
	st_check_used(CARD, 0, 0);
}

static void count_until_killed(int sock, void *arg)
{
	int64_t *map;

	(void)arg;
	open_mapped(CARD, &map);
	DRAM(map) = MIB;
	st_say(sock);
	for (;;)
		__atomic_add_fetch(&L1(map), 64, __ATOMIC_RELAXED);
}

static void test_killed(void **state)
{
	struct st_child children[8];
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		children[i] = st_spawn(count_until_killed, NULL);
	for (i = 0; i < 8; i++)
		st_hear(children[i].sock);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 8 * MIB);
	for (i = 0; i < 8; i++)
		st_kill(&children[i]);
	st_check_used(CARD, 0, 0);
}

/* Books that were closed are not counted in any more, whatever is stored. */
static void test_invalidated(void **state)
{
	int64_t *map, *fresh;
	int fd = open_mapped(CARD, &map);

	(void)state;
	DRAM(map) = MIB;
	st_check_used(CARD, MIB, 0);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	st_check_used(CARD, 0, 0);
	DRAM(map) += MIB;
	st_check_used(CARD, 0, 0);
	assert_int_equal(DRAM(map), 2 * MIB);
	st_check_dead(fd, "invalidated");
	open_mapped(CARD, &fresh);
	DRAM(fresh) = 64;
	st_check_used(CARD, 64, 0);
	DRAM(map) = INT64_MAX;
	st_check_used(CARD, 64, 0);
	unmap(map);
	close(fd);
	st_check_used(CARD, 64, 0);
}

static void check_replug(int (*pull)(int card), int (*put_back)(int card))
{
	int64_t *map, *fresh;
	int fd = open_mapped(CARD, &map), closed;

	DRAM(map) = MIB;
	st_check_used(CARD, MIB, 0);
	assert_int_equal(pull(CARD), 0);
	st_await_attached(CARD, false);
	DRAM(map) += MIB;
	st_check_dead(fd, "gone");
	assert_int_equal(put_back(CARD), 0);
	st_await_attached(CARD, true);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_peak"), 0);
	st_check_used(CARD, 0, 0);
	DRAM(map) += MIB;
	assert_int_equal(DRAM(map), 3 * MIB);
	st_check_used(CARD, 0, 0);
	closed = open_mapped(CARD, &fresh);
	assert_int_equal(DRAM(fresh), 0);
	DRAM(fresh) = 64;
	st_check_used(CARD, 64, 0);
	close(closed);
	unmap(map);
	close(fd);
	st_check_used(CARD, 64, 0);
	unmap(fresh);
	st_check_used(CARD, 0, 0);
}

static void test_replug(void **state)
{
	(void)state;
	check_replug(st_unbind, st_bind);
	check_replug(st_remove, st_rescan);
}

/* What is told for another process by counters goes with that process. */
static void wait_told(int sock, void *arg)
{
	(void)arg;
	st_hear(sock);
}

static void test_attributed(void **state)
{
	struct st_child target = st_spawn(wait_told, NULL);
	int64_t *map;
	int fd = open_mapped(CARD, &map);

	(void)state;
	assert_int_equal(st_attribute(fd, target.pid), 0);
	DRAM(map) = MIB;
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	assert_int_equal(st_only_line(CARD).pid, target.pid);
	st_check_used(CARD, MIB + 64, 0);
	st_kill(&target);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 0);
	DRAM(map) += MIB;
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
	assert_int_equal(DRAM(map), 2 * MIB);
}

/* The page may be pinned by the kernel when its client ends: it is freed after that. */
static void test_pinned(void **state)
{
	int64_t *map, read_back[CELLS];
	int fd = open_mapped(CARD, &map), pipes[2];
	struct iovec whole = { map, sizeof(read_back) };

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	DRAM(map) = MIB;
	assert_int_equal(vmsplice(pipes[1], &whole, 1, 0), sizeof(read_back));
	st_check_used(CARD, MIB, 0);
	unmap(map);
	close(fd);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_module_refs("ttmem"), 0);
	assert_int_equal(read(pipes[0], read_back, sizeof(read_back)), sizeof(read_back));
	assert_int_equal(DRAM(read_back), MIB);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_many_clients(void **state)
{
	enum { CLIENTS = 300 };
	static int64_t *maps[CLIENTS];
	static int fds[CLIENTS];
	struct st_line *lines;
	uint64_t sum = 0;
	int i;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		fds[i] = open_mapped(CARD, &maps[i]);
		CELL(maps[i], 0, TTMEM_DRAM, i % 3) = 64 + i;
		sum += 64 + i;
	}
	st_check_used(CARD, sum, 0);
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), CLIENTS);
	assert_int_equal(st_clients(CARD, &lines), CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		assert_int_equal(lines[i].bytes, 64 + i);
	free(lines);
	for (i = 0; i < CLIENTS; i += 2) {
		close(fds[i]);
		unmap(maps[i]);
		sum -= 64 + i;
	}
	st_check_used(CARD, sum, 0);
	for (i = 1; i < CLIENTS; i += 2) {
		CELL(maps[i], 0, TTMEM_DRAM, i % 3) = 0;
		L1(maps[i]) = 1;
	}
	st_check_used(CARD, 0, CLIENTS / 2);
}

/* Threads that add to one page, all through the relaxed adds of a runtime. */
struct adders {
	int64_t *map;
	pthread_barrier_t barrier;
	long rounds;
	atomic_ullong begun;
	atomic_ullong done;
	atomic_bool stop;
};

static void add(int64_t *cell, int64_t delta)
{
	__atomic_add_fetch(cell, delta, __ATOMIC_RELAXED);
}

static void *add_in_phases(void *arg)
{
	struct adders *adders = arg;
	long round;
	int i;

	for (round = 0; round < adders->rounds; round++) {
		pthread_barrier_wait(&adders->barrier);
		for (i = 0; i < 1000; i++) {
			add(&DRAM(adders->map), 128);
			add(&DRAM(adders->map), -64);
			add(&CELL(adders->map, 0, TTMEM_L1, TTMEM_TAG_CB), 2);
		}
		pthread_barrier_wait(&adders->barrier);
	}
	return NULL;
}

/* Between two phases of adding every look has the sum to the byte. */
static void test_sums_between_adds(void **state)
{
	struct adders adders = { .rounds = st_many(100) };
	pthread_t threads[4];
	uint64_t sum = 0;
	long round;
	int i;

	(void)state;
	open_mapped(CARD, &adders.map);
	assert_int_equal(pthread_barrier_init(&adders.barrier, NULL, 5), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_in_phases, &adders), 0);
	for (round = 0; round < adders.rounds; round++) {
		pthread_barrier_wait(&adders.barrier);
		pthread_barrier_wait(&adders.barrier);
		sum += 4 * 1000;
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), sum * 64);
		assert_int_equal(st_get(CARD, 0, "l1_cb_used"), sum * 2);
		if (round % 10 == 0)
			st_check_used(CARD, sum * 64, sum * 2);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	st_check_used(CARD, sum * 64, sum * 2);
}

static void *add_for_ever(void *arg)
{
	struct adders *adders = arg;

	while (!adders->stop) {
		adders->begun += 64;
		add(&DRAM(adders->map), 64);
		adders->done += 64;
	}
	return NULL;
}

static void *look_for_ever(void *arg)
{
	struct adders *adders = arg;

	while (!adders->stop) {
		uint64_t least = adders->done;
		uint64_t shown = st_get(CARD, ST_CARD, "dram_used");

		if (shown < least)
			return "a look has missed what was counted before it";
		if (shown > adders->begun)
			return "a look has seen what was not counted yet";
	}
	return NULL;
}

/* In the middle of it each of several readers has all that was counted before he came. */
static void test_sums_while_adding(void **state)
{
	struct adders adders = { .rounds = 0 };
	long rounds = st_many(500);
	pthread_t threads[5];
	void *result;
	int fd = open_mapped(CARD, &adders.map), i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < 2 ? add_for_ever : look_for_ever, &adders), 0);
	while (rounds--) {
		struct st_line line;
		uint64_t least = adders.done;

		if (!least)
			continue;
		line = st_only_line(CARD);
		assert_true(line.bytes >= least && line.bytes <= adders.begun);
		least = adders.done;
		assert_true(st_fdinfo(fd, "ttmem-total-chip0-dram", NULL, 0) >= least);
	}
	adders.stop = true;
	for (i = 0; i < 5; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		if (result)
			fail_msg("%s", (char *)result);
	}
	st_check_used(CARD, adders.done, 0);
}

/* Hundreds of pages, and one who goes over them and sets each to the same number. */
struct pages {
	int64_t *maps[200];
	atomic_ullong reached;
	atomic_bool stop;
};

static void *set_all_for_ever(void *arg)
{
	struct pages *pages = arg;
	uint64_t value;
	size_t i;

	for (value = 1; !pages->stop; value++) {
		for (i = 0; i < ARRAY_SIZE(pages->maps); i++)
			DRAM(pages->maps[i]) = value;
		pages->reached = value;
	}
	return NULL;
}

static void *look_at_all(void *arg)
{
	struct pages *pages = arg;
	const uint64_t count = ARRAY_SIZE(pages->maps);

	while (!pages->stop) {
		uint64_t least = pages->reached;
		uint64_t shown = st_get(CARD, ST_CARD, "dram_used");

		if (shown < count * least)
			return "a look has missed what was counted before it";
		if (shown > count * (pages->reached + 1))
			return "a look has seen what was not counted yet";
	}
	return NULL;
}

/* Readers who come in the middle of another's look: what he has passed already he reads anew. */
static void test_readers_in_the_middle(void **state)
{
	static struct pages pages;
	long rounds = st_many(1000);
	pthread_t threads[5];
	struct ttmem_info info;
	void *result;
	int fd = st_open(CARD);
	size_t i;

	(void)state;
	memset(&pages, 0, sizeof(pages));
	for (i = 0; i < ARRAY_SIZE(pages.maps); i++)
		open_mapped(CARD, &pages.maps[i]);
	for (i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i ? look_at_all : set_all_for_ever, &pages), 0);
	while (rounds--) {
		uint64_t least = pages.reached;

		assert_int_equal(st_info(fd, &info), 0);
		assert_true(info.used >= least * ARRAY_SIZE(pages.maps));
	}
	pages.stop = true;
	for (i = 0; i < 5; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		if (result)
			fail_msg("%s", (char *)result);
	}
	st_check_used(CARD, pages.reached * ARRAY_SIZE(pages.maps), 0);
}

/* Clients that come, count and go, in no order. */
static void come_and_go(int sock, void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	(void)sock;
	for (;;) {
		int fd = st_open(CARD);
		int64_t *map = st_map(fd);
		unsigned int dice = rand_r(&seed);

		assert_non_null(map);
		DRAM(map) = 1 + dice % 4096;
		if (dice % 3 == 0)
			assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 4096), 0);
		if (dice % 5 == 0)
			assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
		if (dice % 2)
			close(fd);
		DRAM(map) = 1;
		unmap(map);
		if (!(dice % 2))
			close(fd);
	}
}

/* Whoever comes and goes meanwhile: one that stays is in every sum, and the rest is bounded. */
static void test_looks_while_others_come_and_go(void **state)
{
	enum { OTHERS = 6 };
	struct st_child children[OTHERS];
	long rounds = st_many(1000);
	struct st_line *lines;
	int64_t *map, *late;
	size_t count, i, seen;
	uint64_t used;
	int fd;

	(void)state;
	fd = open_mapped(CARD, &map);
	DRAM(map) = MIB;
	for (i = 0; i < OTHERS; i++)
		children[i] = st_spawn(come_and_go, (void *)(uintptr_t)(i + 1));
	open_mapped(CARD, &late);
	while (rounds--) {
		DRAM(late) = rounds;
		used = st_get(CARD, ST_CARD, "dram_used");
		assert_true(used >= MIB + rounds);
		assert_true(used <= MIB + rounds + OTHERS * (4096 + 4096 + 64));
		if (rounds % 10)
			continue;
		count = st_clients(CARD, &lines);
		for (i = 0, seen = 0; i < count; i++)
			seen += lines[i].client == st_client(fd) && lines[i].bytes == MIB;
		assert_int_equal(seen, 1);
		free(lines);
	}
	for (i = 0; i < OTHERS; i++)
		st_kill(&children[i]);
	DRAM(late) = 0;
	st_check_used(CARD, MIB, 0);
}

/* A card goes under clients that count and readers that look. */
static void count_and_lose(int sock, void *arg)
{
	char node[64];

	(void)sock;
	(void)arg;
	snprintf(node, sizeof(node), "%s", st_node(CARD));
	for (;;) {
		int fd = open(node, O_RDWR | O_CLOEXEC), i;
		int64_t *map;

		if (fd < 0) {
			assert_true(errno == ENOENT || errno == ENXIO || errno == ENODEV);
			usleep(1000);
			continue;
		}
		map = st_map(fd);
		if (map) {
			for (i = 0; i < 100; i++)
				add(&DRAM(map), 64);
			unmap(map);
		} else {
			assert_int_equal(errno, ENODEV);
		}
		close(fd);
	}
}

static void look_and_lose(int sock, void *arg)
{
	char path[256];

	(void)sock;
	(void)arg;
	snprintf(path, sizeof(path), "%s", st_path(CARD, ST_CARD, "dram_used"));
	for (;;) {
		char *text = st_slurp(path);

		if (!text)
			assert_true(errno == ENOENT || errno == ENODEV);
		free(text);
		free(st_slurp(ST_LIST));
	}
}

static void test_replug_under_load(void **state)
{
	long rounds = st_many(10) ? st_many(10) : 1;
	struct st_child children[6];
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		children[i] = st_spawn(i < 4 ? count_and_lose : look_and_lose, NULL);
	while (rounds--) {
		assert_int_equal(st_unbind(CARD), 0);
		st_await_attached(CARD, false);
		assert_int_equal(st_bind(CARD), 0);
		st_await_attached(CARD, true);
		assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	}
	for (i = 0; i < 6; i++)
		st_kill(&children[i]);
	st_check_used(CARD, 0, 0);
}

static uint64_t cgroup_bytes(void)
{
	char *text = st_slurp(CGROUP "/memory.current");
	uint64_t bytes;

	assert_non_null(text);
	bytes = strtoull(text, NULL, 10);
	free(text);
	return bytes;
}

/* From 5.11 on: before that a page that is charged cannot be mapped. */
static bool pages_are_charged(void)
{
	unsigned int major, minor;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
		fail_msg("no release of Linux: %s", name.release);
	return major > 5 || (major == 5 && minor >= 11);
}

static void test_charged(void **state)
{
	enum { PAGES = 800 };
	static int fds[PAGES];
	uint64_t before, with_files, with_pages;
	int64_t *map;
	int i;

	(void)state;
	if (access(CGROUP, F_OK)) {
		print_message("skipped: no memory controller in /sys/fs/cgroup\n");
		skip();
	}
	before = cgroup_bytes();
	for (i = 0; i < PAGES; i++)
		fds[i] = st_open(CARD);
	with_files = cgroup_bytes();
	for (i = 0; i < PAGES; i++) {
		map = st_map(fds[i]);
		assert_non_null(map);
		DRAM(map) = 1;
		unmap(map);
	}
	with_pages = cgroup_bytes();
	st_check_used(CARD, PAGES, 0);
	for (i = 0; i < PAGES; i++)
		close(fds[i]);
	st_check_used(CARD, 0, 0);
	print_message("%" PRIu64 " bytes for %d files, %" PRId64 " for their pages, %" PRId64
		      " are left\n", with_files - before, PAGES,
		      (int64_t)(with_pages - with_files), (int64_t)(cgroup_bytes() - before));
	/* Charges go by bundles of 64 pages a CPU. */
	if (pages_are_charged())
		assert_true(with_pages - with_files > (PAGES - 200) * 4096ull);
	assert_true(cgroup_bytes() < before + PAGES * 2048ull);
}

/* All that a page goes through, by one who is in no memory cgroup but the root one. */
static void live_in_root_cgroup(int sock, void *arg)
{
	struct page_of_file page;
	struct st_child child;
	int64_t *second;

	(void)sock;
	(void)arg;
	assert_int_equal(st_write("/sys/fs/cgroup/cgroup.procs", "0"), 0);
	page.fd = open_mapped(CARD, &page.map);
	DRAM(page.map) = 64;
	second = st_map(page.fd);
	assert_int_equal(DRAM(second), 64);
	child = st_spawn(add_and_wait, &page);
	st_hear(child.sock);
	unmap(second);
	unmap(page.map);
	close(page.fd);
	st_check_used(CARD, MIB + 64, 0);
	st_kill(&child);
	st_check_used(CARD, 0, 0);
	/* Made here, and used by others elsewhere. */
	page.fd = open_mapped(CARD, &page.map);
	st_send_fd(sock, page.fd);
}

static void test_across_cgroups(void **state)
{
	struct st_child child;
	int64_t *map;
	int fd;

	(void)state;
	if (access(CGROUP, F_OK)) {
		print_message("skipped: no memory controller in /sys/fs/cgroup\n");
		skip();
	}
	child = st_spawn(live_in_root_cgroup, NULL);
	fd = st_receive_fd(child.sock);
	st_join(&child);
	map = st_map(fd);
	assert_non_null(map);
	DRAM(map) = MIB;
	st_check_used(CARD, MIB, 0);
}

static int setup(void **state)
{
	int error = st_group_setup(state);

	if (error)
		return error;
	/* Without a memory controller all of it runs as it can. */
	st_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return 0;
	if (access(CGROUP "/memory.current", F_OK)) {
		rmdir(CGROUP);
		return 0;
	}
	return st_write(CGROUP "/cgroup.procs", "0");
}

static int teardown(void **state)
{
	st_write("/sys/fs/cgroup/cgroup.procs", "0");
	if (!access(CGROUP, F_OK) && rmdir(CGROUP)) {
		print_error("%s: %s\n", CGROUP, strerror(errno));
		return -1;
	}
	return st_group_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_map_rules),
		ST_TEST(test_map_flags),
		ST_TEST(test_cells),
		ST_TEST(test_other_cells),
		ST_TEST(test_below_zero),
		ST_TEST(test_above_bound),
		ST_TEST(test_below_bound_again),
		ST_TEST(test_beside_others),
		ST_TEST(test_reserve_at_the_edge),
		ST_TEST(test_two_maps),
		ST_TEST(test_first_maps_at_once),
		ST_TEST(test_fork),
		ST_TEST(test_exec),
		ST_TEST(test_close_while_mapped),
		ST_TEST(test_killed),
		ST_TEST(test_invalidated),
		ST_TEST(test_replug),
		ST_TEST(test_attributed),
		ST_TEST(test_pinned),
		ST_TEST(test_many_clients),
		ST_TEST(test_sums_between_adds),
		ST_TEST(test_sums_while_adding),
		ST_TEST(test_readers_in_the_middle),
		ST_TEST(test_looks_while_others_come_and_go),
		ST_TEST(test_replug_under_load),
		ST_TEST(test_charged),
		ST_TEST(test_across_cgroups),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
