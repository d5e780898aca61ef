// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counter page in a hostile user's hands: written to by everybody with everything, mapped by
 * many, turned over by each call that works on mappings, kept by those that take a page of another
 * process, and made as often as memory lasts. test_counters.c tells what it is good for.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "hostile.h"

#define CARD	0
#define PAGE	4096
#define CELLS	(PAGE / 8)
#define MOST	((int64_t)TTMEM_CLIENT_BYTES_MAX)
#define CELL(page, memory, tag)	((page)[TTMEM_COUNTER_INDEX(0, memory, tag)])

static int64_t *map_of(int fd)
{
	int64_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		fail_msg("mmap: %s", strerror(errno));
	return page;
}

/**
 * struct overwrite - a page and those who write to it
 * @page: the page
 * @stop: to end
 */
struct overwrite {
	int64_t *page;
	bool stop;
};

static void *overwrite(void *arg)
{
	static const int64_t wild[] = {
		0, 1, -1, INT64_MIN, INT64_MAX, 1ll << 40, (1ll << 40) + 1, 1ll << 62, 4096,
	};
	struct overwrite *s = arg;
	unsigned int random = (uintptr_t)&s ^ (unsigned int)syscall(SYS_gettid);

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		int64_t value = wild[rand_r(&random) % ARRAY_SIZE(wild)];
		unsigned int cell = rand_r(&random) % CELLS;

		if (random & 1)
			__atomic_store_n(&s->page[cell], value, __ATOMIC_RELAXED);
		else
			__atomic_fetch_add(&s->page[cell], value, __ATOMIC_RELAXED);
		/* Across two cells, as no counter lies. */
		memcpy((char *)&s->page[cell % (CELLS - 1)] + 3, &value, sizeof(value));
	}
	return NULL;
}

static void overwrite_all(int sock, void *arg)
{
	struct overwrite s = { 0 };
	pthread_t threads[4];
	size_t i;

	(void)arg;
	hostile_become(MALLORY);
	s.page = map_of(st_open(CARD));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, overwrite, &s), 0);
	st_say(sock);
	for (;;)
		pause();
}

/* Whatever stands in the page, it is he who has told it, and no more than he may tell. */
static void test_overwrite(void **state)
{
	static const char *const names[] = { "dram_used", "l1_used" };
	struct st_child mallory;
	int fd = st_open(CARD);
	long rounds = st_many(2000) + 50;
	size_t i;

	(void)state;
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 4096), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, 0, 4096), 0);
	mallory = st_spawn(overwrite_all, NULL);
	st_hear(mallory.sock);
	while (rounds--) {
		struct ttmem_info info;
		uint64_t handle;

		for (i = 0; i < ARRAY_SIZE(names); i++)
			assert_between(st_get(CARD, ST_CARD, names[i]), 4096, 4096 + MOST);
		assert_int_equal(st_info(fd, &info), 0);
		assert_between(info.used, 4096, 4096 + MOST);
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, TTMEM_RESERVE_OVERCOMMIT,
					    &handle), 0);
		assert_int_equal(st_free(fd, handle), 0);
	}
	st_kill(&mallory);
	st_check_used(CARD, 4096, 4096);
	close(fd);
	assert_int_equal(st_put(CARD, ST_CARD, "dram_peak", "0"), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "l1_peak", "0"), 0);
}

static void call_userfaultfd(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)page, .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	/* UFFD_USER_MODE_ONLY, which takes no right. */
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | 1);

	if (fd < 0)
		return;
	if (!ioctl(fd, UFFDIO_API, &api))
		assert_int_equal(ioctl(fd, UFFDIO_REGISTER, &range), -1);
	close(fd);
}

/* Each call that works on mappings, with each of its words: what it answers is the kernel's. */
static void turn_over(int64_t *page, int fd)
{
	struct timespec soon = { .tv_nsec = 1000 };
	unsigned char in_core;
	long nodes = 1;
	int advice, status;

	for (advice = 0; advice < 128; advice++)
		/* Not that which makes memory bad, should it ever be allowed. */
		if (advice != MADV_HWPOISON && advice != 101)
			madvise(page, PAGE, advice);
	mlock(page, PAGE);
	munlock(page, PAGE);
	msync(page, PAGE, MS_SYNC | MS_INVALIDATE);
	mincore(page, PAGE, &in_core);
	mprotect(page, PAGE, PROT_NONE);
	mprotect(page, PAGE, PROT_READ | PROT_EXEC);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	syscall(SYS_mbind, page, PAGE, 2, &nodes, 64, 3);
	syscall(SYS_move_pages, 0, 1, &page, NULL, &status, 0);
	syscall(SYS_futex, page, FUTEX_WAIT, (int)*page, &soon, NULL, 0);
	syscall(SYS_futex, page, FUTEX_WAKE, 1, NULL, NULL, 0);
	call_userfaultfd(page);
	assert_int_equal(ftruncate(fd, PAGE), -1);
	assert_int_equal(fallocate(fd, 0, 0, PAGE), -1);
	posix_fadvise(fd, 0, PAGE, POSIX_FADV_DONTNEED);
	syscall(SYS_readahead, fd, 0, PAGE);
	/* It neither grows nor doubles. */
	assert_true(mremap(page, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	assert_true(mremap(page, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	assert_true(mremap(page, 0, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
}

static void turn_page_over(int sock, void *arg)
{
	int fd, round;
	int64_t *page;

	(void)sock;
	(void)arg;
	hostile_become(MALLORY);
	fd = st_open(CARD);
	page = map_of(fd);
	for (round = 1; round <= 20; round++) {
		CELL(page, TTMEM_DRAM, TTMEM_TAG_BUFFER) = round * MIB;
		turn_over(page, fd);
		assert_int_equal(CELL(page, TTMEM_DRAM, TTMEM_TAG_BUFFER), round * MIB);
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), round * MIB);
		/* Moved elsewhere it is the same page still. */
		page = mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		assert_true(page != MAP_FAILED);
	}
	/* To map it at another offset is refused here as by mmap(). */
	assert_int_equal(syscall(SYS_remap_file_pages, page, PAGE, 0, 1, 0), -1);
	assert_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 20 * MIB);
}

static void test_mapping_calls(void **state)
{
	struct st_child mallory = st_spawn(turn_page_over, NULL);

	(void)state;
	st_join(&mallory);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_module_refs("ttmem"), 0);
}

/* A process whose page another one works on from outside. */
static void offer_page(int sock, void *arg)
{
	int64_t *page;

	(void)arg;
	hostile_become(MALLORY);
	page = map_of(st_open(CARD));
	assert_int_equal(send(sock, &page, sizeof(page), 0), sizeof(page));
	st_hear(sock);
}

/**
 * struct foreign - the page of another process
 * @pid: the process
 * @page: where it is there
 */
struct foreign {
	pid_t pid;
	int64_t *page;
};

static void take_foreign_page(int sock, void *arg)
{
	const struct foreign *f = arg;
	int64_t copy[CELLS] = { 0 };
	struct iovec here = { copy, PAGE }, there = { f->page, PAGE };
	int fd;

	(void)sock;
	hostile_become(MALLORY);
	fd = open(st_text("/proc/%d/mem", f->pid), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	CELL(copy, TTMEM_DRAM, TTMEM_TAG_BUFFER) = MIB;
	assert_int_equal(pwrite(fd, copy, PAGE, (uintptr_t)f->page), PAGE);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), MIB);
	memset(copy, 0, sizeof(copy));
	assert_int_equal(pread(fd, copy, PAGE, (uintptr_t)f->page), PAGE);
	assert_int_equal(CELL(copy, TTMEM_DRAM, TTMEM_TAG_BUFFER), MIB);

	/* By calls that not every kernel has. */
	CELL(copy, TTMEM_DRAM, TTMEM_TAG_BUFFER) = 2 * MIB;
	if (process_vm_writev(f->pid, &here, 1, &there, 1, 0) < 0) {
		assert_true(errno != EFAULT && errno != EPERM);
		return;
	}
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 2 * MIB);
	assert_int_equal(process_vm_readv(f->pid, &here, 1, &there, 1, 0), PAGE);
	assert_int_equal(CELL(copy, TTMEM_DRAM, TTMEM_TAG_BUFFER), 2 * MIB);
}

static void test_from_outside(void **state)
{
	struct st_child owner = st_spawn(offer_page, NULL), other;
	struct foreign f = { .pid = owner.pid };

	(void)state;
	assert_int_equal(recv(owner.sock, &f.page, sizeof(f.page), MSG_WAITALL), sizeof(f.page));
	other = st_spawn(take_foreign_page, &f);
	st_join(&other);
	assert_true(st_get(CARD, ST_CARD, "dram_used") >= MIB);
	st_say(owner.sock);
	st_join(&owner);
	st_check_used(CARD, 0, 0);
}

/* Pages of files that are closed, kept in pipes; then the same files anew. */
static void keep_in_pipes(int sock, void *arg)
{
	enum { KEPT = 100 };
	int pipes[KEPT][2], i;

	(void)arg;
	hostile_become(MALLORY);
	for (i = 0; i < KEPT; i++) {
		int fd = st_open(CARD);
		int64_t *page = map_of(fd);
		struct iovec whole = { page, PAGE };

		memset(page, 0x11, PAGE);
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
		assert_int_equal(vmsplice(pipes[i][1], &whole, 1, SPLICE_F_GIFT), PAGE);
		munmap(page, PAGE);
		close(fd);
	}
	st_say(sock);
	st_hear(sock);
	for (i = 0; i < KEPT; i++) {
		int64_t copy[CELLS];
		size_t cell;

		/* What is in the pipes is what it was: nobody else has got these pages. */
		assert_int_equal(read(pipes[i][0], copy, PAGE), PAGE);
		for (cell = 0; cell < CELLS; cell++)
			assert_int_equal(copy[cell], 0x1111111111111111);
	}
}

static void test_kept(void **state)
{
	struct st_child mallory = st_spawn(keep_in_pipes, NULL);
	int i, fds[100];

	(void)state;
	st_hear(mallory.sock);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_module_refs("ttmem"), 0);
	for (i = 0; i < 100; i++) {
		int64_t *page;
		size_t cell;

		fds[i] = st_open(CARD);
		page = map_of(fds[i]);
		for (cell = 0; cell < CELLS; cell++)
			assert_int_equal(page[cell], 0);
		memset(page, 0x22, PAGE);
		CELL(page, TTMEM_DRAM, TTMEM_TAG_BUFFER) = 0;
		munmap(page, PAGE);
	}
	for (i = 0; i < 100; i++)
		close(fds[i]);
	st_say(mallory.sock);
	st_join(&mallory);
	st_check_used(CARD, 0, 0);
}

/* Processes that inherit the mapping, map it again, and end in every way. */
static void many_processes(int sock, void *arg)
{
	long left = st_many(2000) + 50, alive = 0;
	int fd = st_open(CARD);
	int64_t *page = map_of(fd);

	(void)sock;
	(void)arg;
	hostile_become(MALLORY);
	while (left--) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			int64_t *again = map_of(fd);

			__atomic_fetch_add(&CELL(page, TTMEM_L1, TTMEM_TAG_CB), 1,
					   __ATOMIC_RELAXED);
			__atomic_fetch_add(&CELL(again, TTMEM_L1, TTMEM_TAG_CB), 1,
					   __ATOMIC_RELAXED);
			if (left % 3)
				munmap(page, PAGE);
			if (left % 5)
				close(fd);
			if (left % 7 == 0)
				raise(SIGKILL);
			_exit(0);
		}
		if (++alive == 50)
			while (alive && waitpid(-1, NULL, 0) > 0)
				alive--;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(CELL(page, TTMEM_L1, TTMEM_TAG_CB), 2 * (st_many(2000) + 50));
	assert_int_equal(st_get(CARD, ST_CARD, "l1_used"), 2 * (st_many(2000) + 50));
}

static void test_many_processes(void **state)
{
	struct st_child mallory = st_spawn(many_processes, NULL);

	(void)state;
	st_join(&mallory);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_module_refs("ttmem"), 0);
}

/* Not touched before the card goes: what is touched then is there, and is nobody's. */
static void test_touched_late(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD);
	int64_t *page = map_of(fd);

	(void)state;
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	CELL(page, TTMEM_DRAM, TTMEM_TAG_BUFFER) = MIB;
	assert_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	CELL(page, TTMEM_DRAM, TTMEM_TAG_BUFFER) = 2 * MIB;
	st_check_used(CARD, 0, 0);
	munmap(page, PAGE);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_overwrite),
		ST_TEST(test_mapping_calls),
		ST_TEST(test_from_outside),
		ST_TEST(test_kept),
		ST_TEST(test_many_processes),
		ST_TEST(test_touched_late),
	};

	return ST_RUN(tests);
}
