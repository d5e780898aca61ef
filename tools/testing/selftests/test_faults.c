// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel does not have and copies that fail, injected by the
 * kernel itself: at each place of open(), of each ioctl, and of reads and writes of the
 * files in turn. A call that fails has changed nothing, and nothing is left behind.
 */
#include "selftest.h"

#define CARD		0
#define FAILSLAB	"/sys/kernel/debug/failslab"
#define FAIL_USERCOPY	"/sys/kernel/debug/fail_usercopy"

/* Which fault of this thread's next ones is made: /proc/thread-self/fail-nth. */
static int nth_fd = -1;

static void put(const char *dir, const char *file, const char *text)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	error = st_write(path, text);
	if (error)
		fail_msg("%s = %s: %s", path, text, strerror(-error));
}

/* None at random, no trace in the log, and allocations that may sleep fail as well. */
static void set_up(const char *dir)
{
	put(dir, "verbose", "0");
	put(dir, "probability", "0");
	if (!strcmp(dir, FAILSLAB))
		put(dir, "ignore-gfp-wait", "N");
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
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	assert_true(nth_fd >= 0);
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

/* What a call has to work with. */
static int client, opened;
static uint64_t handle;

static int call_open(void)
{
	opened = open("/dev/tenstorrent/mem/0", O_RDWR | O_CLOEXEC);
	return opened < 0 ? -errno : 0;
}

static int call_info(void)
{
	struct ttmem_info info;

	return st_info(client, &info);
}

static int call_reserve(void)
{
	return st_reserve(client, 0, TTMEM_DRAM, 0, MIB, 0, NULL);
}

static int call_reserve_labelled(void)
{
	struct ttmem_reserve reserve = { .size = MIB, .label = "a label" };

	return st_call(client, TTMEM_IOC_RESERVE, &reserve);
}

static int call_free(void)
{
	return st_free(client, handle);
}

static int call_free_chip(void)
{
	struct ttmem_free request = { .flags = TTMEM_FREE_CHIP };

	return st_call(client, TTMEM_IOC_FREE, &request);
}

static int call_free_all(void)
{
	return st_free_all(client);
}

static int call_set(void)
{
	return st_set(client, 0, TTMEM_L1, TTMEM_TAG_CB, MIB);
}

static int call_set_many(void)
{
	static struct ttmem_gauge gauges[16];
	struct ttmem_set set = {
		.gauges = (uintptr_t)gauges,
		.count = ARRAY_SIZE(gauges),
		.entry_size = sizeof(gauges[0]),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gauges); i++)
		gauges[i].bytes = i + 1;
	return st_call(client, TTMEM_IOC_SET, &set);
}

static int call_list(void)
{
	static struct ttmem_reservation entries[16];
	struct ttmem_reservations list = {
		.entries = (uintptr_t)entries,
		.count = ARRAY_SIZE(entries),
		.entry_size = sizeof(entries[0]),
	};

	return st_call(client, TTMEM_IOC_RESERVATIONS, &list);
}

static int read_all(const char *path)
{
	char *text;
	int error;

	errno = 0;
	text = st_slurp(path);
	error = -errno;
	free(text);
	return text ? 0 : error;
}

static int call_read_card(void)
{
	return read_all(st_path(CARD, ST_CARD, "dram_used"));
}

static int call_read_chip(void)
{
	return read_all(st_path(CARD, 0, "l1_free"));
}

static int call_read_clients(void)
{
	return read_all("/proc/driver/ttmem/0/clients");
}

/* It cannot tell that it has failed: it tells all that it has to or nothing. */
static int call_read_fdinfo(void)
{
	char path[64], *text;
	int error;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", client);
	errno = 0;
	text = st_slurp(path);
	error = -errno;
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

static int call_invalidate(void)
{
	return st_put(CARD, ST_CARD, "invalidate", "1");
}

static const struct trial trials[] = {
	{ "open, the user's first client", 0, 0, 0, call_open },
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
	{ "RESERVATIONS", 1, 20, 0, call_list },
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
	opened = -1;
	client = -1;
	if (t->call == call_open)
		return;
	client = st_open(CARD);
	if (t->held)
		assert_int_equal(st_set(client, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 64), 0);
	for (i = 0; i < t->held; i++)
		assert_int_equal(st_reserve(client, 0, TTMEM_DRAM, 0, 64, 0, &handle), 0);
	if (t->spare)
		assert_int_equal(st_free(client, handle), 0);
}

static void clean_up(const struct trial *t, const int *others)
{
	unsigned int i;

	close(opened);
	close(client);
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

/* Where a test failed half way, its fault is not to come later. */
static int teardown(void **state)
{
	if (nth_fd >= 0)
		fail_nth(0);
	nth_fd = -1;
	return st_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_every_call, teardown),
	};

	return ST_RUN(tests);
}
