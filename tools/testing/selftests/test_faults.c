// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel does not have and copies that fail, injected by the
 * kernel itself: at each place of open(), of each ioctl, and of reads and writes of the
 * files in turn, and of a card's coming; and at random, at rising rates, while processes
 * are at work. A call that fails has changed nothing, and nothing is left behind.
 */
#include <sys/mman.h>

#include "calls.h"

#define CARD		0
#define FAILSLAB	"/sys/kernel/debug/failslab"
#define FAIL_USERCOPY	"/sys/kernel/debug/fail_usercopy"

/* Which fault of this thread's next ones is made: /proc/thread-self/fail-nth. */
static int nth_fd = -1;
/* Whether those at random concern this process: /proc/self/make-it-fail. */
static int random_fd = -1;

static void put(const char *dir, const char *file, const char *text)
{
	st_must_write(st_text("%s/%s", dir, file), text);
}

/* None at random, no trace in the log, and allocations that may sleep fail as well. */
static void set_up(const char *dir)
{
	put(dir, "verbose", "0");
	put(dir, "probability", "0");
	if (!strcmp(dir, FAILSLAB))
		put(dir, "ignore-gfp-wait", "N");
}

static int open_own(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void need_faults(void)
{
	if (access(FAILSLAB, F_OK) || access("/proc/thread-self/fail-nth", F_OK)) {
		print_message("skipped: this kernel makes no allocation fail, it needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS\n");
		skip();
	}
	set_up(FAILSLAB);
	if (!access(FAIL_USERCOPY, F_OK))
		set_up(FAIL_USERCOPY);
	nth_fd = open_own("/proc/thread-self/fail-nth");
	random_fd = open_own("/proc/self/make-it-fail");
}

/* The @n-th fault from now on, 0 for none. A number that is set counts this copy too. */
static void fail_nth(unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	while (pwrite(nth_fd, text, length, 0) != length)
		assert_int_equal(errno, EFAULT);
}

/* Whether the fault has been made. Copying the answer may well be the one that fails. */
static bool fault_made(void)
{
	char text[16] = "";
	bool made = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	fail_nth(0);
	return made;
}

/**
 * struct trial - a call that is made to fail in every place
 * @name: for the log
 * @clients: clients that hold something meanwhile
 * @held: reservations that the calling client holds
 * @spare: 1: the last of these is free again, and stays for the next
 * @call: 0 or a negative errno
 */
struct trial {
	const char *name;
	unsigned int clients;
	unsigned int held;
	unsigned int spare;
	int (*call)(void);
};

static int call_reserve(void)
{
	return st_reserve(subject.client, 0, TTMEM_DRAM, 0, MIB, 0, NULL);
}

static int call_free_chip(void)
{
	struct ttmem_free request = { .flags = TTMEM_FREE_CHIP };

	return st_call(subject.client, TTMEM_IOC_FREE, &request);
}

static int call_set_many(void)
{
	static struct ttmem_gauge gauges[16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gauges); i++)
		gauges[i].bytes = i + 1;
	return st_set_many(subject.client, gauges, ARRAY_SIZE(gauges), 0);
}

static int call_restart_peaks(void)
{
	struct ttmem_set set = { .flags = TTMEM_SET_RESTART_PEAKS };

	return st_call(subject.client, TTMEM_IOC_SET, &set);
}

/* A process that cannot be given what it touches gets a signal, so the kernel touches it. */
static int call_map_populated(void)
{
	void *page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, subject.client, 0);

	if (page == MAP_FAILED)
		return -errno;
	subject.page = page;
	return 0;
}

static int call_read_chip(void)
{
	return call_read(st_path(CARD, 0, "l1_free"));
}

/* It cannot tell that it has failed: it tells all that it has to or nothing. */
static int call_read_fdinfo(void)
{
	char *text;
	int error;

	errno = 0;
	text = st_slurp(st_text("/proc/self/fdinfo/%d", subject.client));
	error = -errno;
	/* What procfs says where it has no memory for an inode of a process. */
	if (error == -ENOENT)
		error = -ENOMEM;
	if (!text)
		return error;
	if (strstr(text, "ttmem-"))
		assert_non_null(strstr(text, "ttmem-total-chip0-l1:"));
	free(text);
	return 0;
}

static int call_write_total(void)
{
	return st_put(CARD, 0, "dram_total", "123456789");
}

static int call_write_banks(void)
{
	return st_put(CARD, 0, "l1_banks", "7");
}

static int call_write_peak(void)
{
	return st_put(CARD, ST_CARD, "dram_peak", "0");
}

static const struct trial trials[] = {
	{ "open, the card's first client", 0, 0, 0, call_open },
	{ "open", 1, 1, 0, call_open },
	{ "INFO", 1, 1, 0, call_info },
	{ "RESERVE, the client's first", 1, 0, 0, call_reserve },
	{ "RESERVE, with 64 held", 1, 64, 0, call_reserve },
	{ "RESERVE, with 4096 held", 0, 4096, 0, call_reserve },
	{ "RESERVE with a label", 1, 1, 0, call_reserve_labelled },
	{ "RESERVE with a spare one", 1, 3, 1, call_reserve_labelled },
	{ "FREE", 1, 3, 0, call_free },
	{ "FREE with CHIP", 1, 100, 0, call_free_chip },
	{ "FREE with ALL", 1, 100, 0, call_free_all },
	{ "SET", 1, 1, 0, call_set },
	{ "SET of 16", 1, 1, 0, call_set_many },
	{ "SET that restarts peaks", 1, 1, 0, call_restart_peaks },
	{ "RESERVATIONS", 1, 20, 0, call_list },
	{ "ATTRIBUTE", 1, 0, 0, call_attribute },
	{ "mmap", 1, 1, 0, call_map },
	{ "mmap with its page", 1, 1, 0, call_map_populated },
	{ "a file of the card", 1, 1, 0, call_read_card },
	{ "a file of a chip", 1, 1, 0, call_read_chip },
	{ "clients, one", 1, 1, 0, call_read_clients },
	{ "clients, 100", 100, 1, 0, call_read_clients },
	{ "fdinfo", 1, 1, 0, call_read_fdinfo },
	{ "write of dram_total", 1, 1, 0, call_write_total },
	{ "write of l1_banks", 1, 1, 0, call_write_banks },
	{ "write of dram_peak", 1, 1, 0, call_write_peak },
	{ "write of invalidate", 1, 1, 0, call_invalidate },
};

/* Each time with everything made anew, so that the call finds what it found before. */
static void prepare(const struct trial *t, int *others)
{
	unsigned int i;

	for (i = 0; i < t->clients; i++) {
		others[i] = st_open(CARD);
		assert_int_equal(st_reserve(others[i], 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	}
	subject.opened = -1;
	subject.client = -1;
	if (t->call == call_open)
		return;
	subject.client = st_open(CARD);
	if (t->held)
		assert_int_equal(st_set(subject.client, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 64), 0);
	for (i = 0; i < t->held; i++)
		assert_int_equal(st_reserve(subject.client, 0, TTMEM_DRAM, 0, 64, 0,
					    &subject.handle), 0);
	if (t->spare)
		assert_int_equal(st_free(subject.client, subject.handle), 0);
}

static void clean_up(const struct trial *t, const int *others)
{
	unsigned int i;

	subject_clean();
	for (i = 0; i < t->clients; i++)
		close(others[i]);
}

/*
 * Returns how often the call has failed. A fault that the kernel has another
 * way around does not fail it.
 */
static unsigned int try_all_places(const struct trial *t)
{
	unsigned int n, failed = 0;
	int others[128], error;
	bool made;

	assert_true(t->clients <= ARRAY_SIZE(others));
	for (n = 1, made = true; made; n++) {
		uint64_t denied = st_get(CARD, ST_CARD, "denied");
		char *before, *after;

		prepare(t, others);
		before = st_snapshot(CARD);
		fail_nth(n);
		error = t->call();
		made = fault_made();
		if (error) {
			if (!made || (error != -ENOMEM && error != -EFAULT))
				fail_msg("%s, fault %u%s: %s", t->name, n,
					 made ? "" : " not made", strerror(-error));
			failed++;
			after = st_snapshot(CARD);
			assert_string_equal(after, before);
			free(after);
		}
		assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied);
		free(before);
		clean_up(t, others);
	}
	st_check_used(CARD, 0, 0);
	print_message("%s: %u faults, %u made it fail\n", t->name, n - 2, failed);
	return failed;
}

static void test_every_call(void **state)
{
	bool usercopy = !access(FAIL_USERCOPY, F_OK);
	size_t i;

	(void)state;
	need_faults();
	for (i = 0; i < ARRAY_SIZE(trials); i++) {
		unsigned int failed = try_all_places(&trials[i]);

		/* All copy something from or to the caller, or allocate. */
		if (usercopy)
			assert_true(failed > 0);
	}
}

/* In percent of all allocations and copies of the processes that ask for it. */
static const char *const rates[] = { "1", "5", "20", "50" };

/* "0" ends it. Only who has said make_it_fail(true) is concerned. */
static void set_rate(const char *percent)
{
	static const char *const dirs[] = { FAILSLAB, FAIL_USERCOPY };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (access(dirs[i], F_OK))
			continue;
		put(dirs[i], "task-filter", "Y");
		put(dirs[i], "times", "-1");
		put(dirs[i], "probability", percent);
	}
}

/* To end it takes a copy, which may fail as well. */
static void make_it_fail(bool on)
{
	while (pwrite(random_fd, on ? "1" : "0", 1, 0) != 1)
		assert_int_equal(errno, EFAULT);
}

#define WORKERS		8

/**
 * struct worker - a process with a client, and what that must hold
 * @handle: of its reservations
 * @size: of these, in bytes
 * @count: how many there are
 * @gauge: bytes of its two gauges: DRAM's trace, L1's cb
 * @calls: how many it has made
 * @failed: how many of them have failed
 * @random: state of rand_r()
 */
struct worker {
	uint64_t handle[256];
	uint64_t size[256];
	unsigned int count;
	uint64_t gauge[2];
	unsigned long calls;
	unsigned long failed;
	unsigned int random;
};

static unsigned int below(struct worker *w, unsigned int end)
{
	return rand_r(&w->random) % end;
}

static int work_reserve(struct worker *w)
{
	struct ttmem_reserve r = { .size = 1 + below(w, 4096) };
	int error;

	if (w->count == ARRAY_SIZE(w->size))
		return 0;
	if (below(w, 2))
		strcpy((char *)r.label, "a label");
	error = st_call(subject.client, TTMEM_IOC_RESERVE, &r);
	if (!error) {
		w->handle[w->count] = r.handle;
		w->size[w->count++] = r.size;
	}
	return error;
}

static int work_free(struct worker *w)
{
	unsigned int i;
	int error;

	if (!w->count)
		return 0;
	i = below(w, w->count);
	error = st_free(subject.client, w->handle[i]);
	if (!error) {
		w->handle[i] = w->handle[--w->count];
		w->size[i] = w->size[w->count];
	}
	return error;
}

static int work_free_all(struct worker *w)
{
	int error;

	if (below(w, 8))
		return 0;
	error = below(w, 2) ? call_free_chip() : call_free_all();
	if (!error) {
		w->count = 0;
		memset(w->gauge, 0, sizeof(w->gauge));
	}
	return error;
}

static int work_set(struct worker *w)
{
	struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = below(w, 4096) },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = below(w, 4096) },
	};
	int error = st_set_many(subject.client, gauges, ARRAY_SIZE(gauges), 0);

	if (!error) {
		w->gauge[TTMEM_DRAM] = gauges[TTMEM_DRAM].bytes;
		w->gauge[TTMEM_L1] = gauges[TTMEM_L1].bytes;
	}
	return error;
}

/* Its close() is to free what it holds where there is no memory. */
static int work_open(struct worker *w)
{
	int fd = st_try_open(CARD), error;

	(void)w;
	if (fd < 0)
		return fd;
	error = st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL);
	close(fd);
	return error;
}

static int work_read(struct worker *w)
{
	static const char *const paths[] = {
		ST_LIST,
		"/sys/class/tenstorrent/tenstorrent!0/memory_stats/dram_used",
		"/sys/class/tenstorrent/tenstorrent!0/memory_stats/chip0/l1_free",
	};

	return call_read(paths[below(w, ARRAY_SIZE(paths))]);
}

static int work_look(struct worker *w)
{
	return below(w, 2) ? call_info() : call_list();
}

/* Another client with a page: what it counts is seen, or the call has failed. */
static int work_count(struct worker *w)
{
	int fd = st_try_open(CARD), error = 0;
	int64_t *map;

	if (fd < 0)
		return fd;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED) {
		error = -errno;
	} else {
		if (below(w, 2))
			error = st_attribute(fd, getpid());
		munmap(map, 4096);
	}
	close(fd);
	return error;
}

static uint64_t dram_of(const struct worker *w)
{
	uint64_t bytes = w->gauge[TTMEM_DRAM];
	unsigned int i;

	for (i = 0; i < w->count; i++)
		bytes += w->size[i];
	return bytes;
}

static void work_step(struct worker *w)
{
	static int (*const calls[])(struct worker *w) = {
		work_reserve, work_reserve, work_reserve, work_free, work_free, work_free_all,
		work_set, work_open, work_read, work_look, work_count,
	};
	int (*call)(struct worker *w) = calls[below(w, ARRAY_SIZE(calls))];
	int error;

	make_it_fail(true);
	error = call(w);
	make_it_fail(false);
	w->calls++;
	if (!error)
		return;
	if (error != -ENOMEM && error != -EFAULT)
		fail_msg("call %lu: %s", w->calls, strerror(-error));
	w->failed++;
	assert_int_equal(st_fdinfo(subject.client, "ttmem-reservations", NULL, 0), w->count);
	assert_int_equal(st_fdinfo(subject.client, "ttmem-total-chip0-dram", NULL, 0), dram_of(w));
	assert_int_equal(st_fdinfo(subject.client, "ttmem-total-chip0-l1", NULL, 0),
			 w->gauge[TTMEM_L1]);
}

/* All of its work, then it waits with what it holds until the books have been looked at. */
static void work(int sock, void *arg)
{
	struct worker *w = arg;
	long steps = st_many(10000);

	subject.client = st_open(CARD);
	random_fd = open_own("/proc/self/make-it-fail");
	while (steps--)
		work_step(w);
	st_say(sock);
	st_hear(sock);
}

static void work_at_rate(const char *rate, struct worker *workers)
{
	unsigned long calls = 0, failed = 0;
	uint64_t dram = 0, l1 = 0, clients = 0;
	struct st_child child[WORKERS];
	unsigned int i;

	memset(workers, 0, WORKERS * sizeof(*workers));
	set_rate(rate);
	for (i = 0; i < WORKERS; i++) {
		workers[i].random = i + 1;
		child[i] = st_spawn(work, &workers[i]);
	}
	for (i = 0; i < WORKERS; i++) {
		st_hear(child[i].sock);
		dram += dram_of(&workers[i]);
		l1 += workers[i].gauge[TTMEM_L1];
		clients += dram_of(&workers[i]) || workers[i].gauge[TTMEM_L1];
		calls += workers[i].calls;
		failed += workers[i].failed;
	}
	set_rate("0");
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), clients);
	st_check_used(CARD, dram, l1);
	st_check_books(CARD);
	assert_int_equal(st_get(CARD, ST_CARD, "denied"), 0);
	for (i = 0; i < WORKERS; i++) {
		st_say(child[i].sock);
		st_join(&child[i]);
	}
	st_check_used(CARD, 0, 0);
	print_message("%s %%: %lu calls, %lu failed\n", rate, calls, failed);
	assert_true(failed > 0 && failed < calls);
}

static void test_rising_rates(void **state)
{
	struct worker *workers;
	size_t i;

	(void)state;
	need_faults();
	workers = mmap(NULL, WORKERS * sizeof(*workers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(workers != MAP_FAILED);
	for (i = 0; i < ARRAY_SIZE(rates); i++)
		work_at_rate(rates[i], workers);
	munmap(workers, WORKERS * sizeof(*workers));
}

/* A card that has come in spite of a fault is whole: what can be seen of it works. */
static bool check_card_if_there(void)
{
	int fd = open("/dev/tenstorrent/mem/0", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		assert_true(errno == ENOENT || errno == ENODEV);
		return false;
	}
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	if (st_attached(CARD))
		st_check_used(CARD, MIB, 0);
	close(fd);
	return true;
}

/*
 * A card's coming, with each of its faults, the driver's own too. It goes without: devtmpfs
 * leaves a node where it has no memory for its name, and the next one stays away for that.
 */
static void test_bind(void **state)
{
	/*
	 * Not all of them where each is dear. An odd stride: on a debugging kernel every
	 * other allocation is that of its own books.
	 */
	unsigned int stride = st_many(1000) < 1000 ? 7 : 1;
	unsigned int n, tried = 0, failed = 0, there = 0;
	bool made;

	(void)state;
	need_faults();
	for (n = 1, made = true; made; n += stride) {
		int error;

		assert_int_equal(st_unbind(CARD), 0);
		st_await_attached(CARD, false);
		fail_nth(n);
		error = st_bind(CARD);
		made = fault_made();
		tried++;
		if (error && !made)
			fail_msg("bind, fault %u not made: %s", n, strerror(-error));
		failed += !!error;
		there += check_card_if_there();
		if (!error)
			assert_int_equal(st_unbind(CARD), 0);
		st_await_attached(CARD, false);
		assert_int_equal(st_bind(CARD), 0);
		st_await_attached(CARD, true);
		assert_true(check_card_if_there());
		st_check_used(CARD, 0, 0);
	}
	print_message("bind: %u faults, %u made it fail, the card was there %u times\n", tried - 1,
		      failed, there);
	assert_true(failed > 0 && there < tried);
}

/* Where a test failed half way, its faults are not to come later. */
static int teardown(void **state)
{
	if (nth_fd >= 0) {
		fail_nth(0);
		make_it_fail(false);
		set_rate("0");
	}
	nth_fd = -1;
	return st_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_every_call, teardown),
		cmocka_unit_test_teardown(test_rising_rates, teardown),
		cmocka_unit_test_teardown(test_bind, teardown),
	};

	return ST_RUN(tests);
}
