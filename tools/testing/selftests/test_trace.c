// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: that each fires once for what it is named after, with every
 * field that a person would filter by, and that a filter on one works.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "selftest.h"

#define CARD 0
#define INSTANCE "/sys/kernel/tracing/instances/ttmem-selftest"
#define EVENTS INSTANCE "/events/ttmem"

/* The events of ttmem and the fields that each must have. */
static const struct {
	const char *name;
	const char *const fields[16];
} events[] = {
	{ "ttmem_reserve", { "card", "chip", "memory", "tag", "client", "handle", "size",
			     "payload", "address", "cookie", "used", "flags", "pid", "uid",
			     "label" } },
	{ "ttmem_free", { "card", "chip", "memory", "tag", "client", "handle", "size", "payload",
			  "address", "cookie", "used", "flags", "pid", "uid", "label" } },
	{ "ttmem_set", { "card", "chip", "memory", "tag", "client", "bytes", "largest_free",
			 "used", "pid", "uid" } },
	{ "ttmem_refuse", { "card", "chip", "memory", "tag", "client", "size", "used", "total",
			    "flags", "error", "pid", "uid" } },
	{ "ttmem_client_begin", { "card", "client", "pid", "uid" } },
	{ "ttmem_client_attribute", { "card", "client", "pid", "uid" } },
	{ "ttmem_client_end", { "card", "client", "begin", "end", "dram", "l1", "reservations",
				"closed", "chip0_dram_peak", "chip0_l1_peak", "chip1_dram_peak",
				"chip1_l1_peak", "pid", "uid", "comm" } },
};

/* An instance of its own: whoever traces on the machine is not disturbed. */
static void trace_begin(void)
{
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700) || access(EVENTS, F_OK)) {
		print_message("skipped: no tracefs at /sys/kernel/tracing, or no events in it\n");
		skip();
	}
	assert_int_equal(st_write(EVENTS "/enable", "1"), 0);
}

static int trace_teardown(void **state)
{
	int error;

	st_write(EVENTS "/enable", "0");
	/* The module is in use as long as an event of it is on somewhere. */
	error = rmdir(INSTANCE) && errno != ENOENT;
	return st_teardown(state) || error ? -1 : 0;
}

/* How often an event is in the trace, and the line of the last time. */
static unsigned int count_events(const char *event, char *last, size_t size)
{
	char *text = st_slurp(INSTANCE "/trace"), *row, *save, *found, mark[64];
	unsigned int count = 0;

	assert_non_null(text);
	snprintf(mark, sizeof(mark), ": %s: ", event);
	for (row = strtok_r(text, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		if (*row == '#')
			continue;
		found = strstr(row, mark);
		if (!found)
			continue;
		count++;
		snprintf(last, size, " %s ", found + strlen(mark));
	}
	free(text);
	return count;
}

static void trace_clear(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

/* A field's value as text, from "name=value" to the next blank. */
static const char *field(const char *line, const char *name)
{
	static char value[128];
	char mark[64];
	const char *at;

	snprintf(mark, sizeof(mark), " %s=", name);
	at = strstr(line, mark);
	if (!at)
		fail_msg("no field %s in '%s'", name, line);
	at += strlen(mark);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " "), at);
	return value;
}

static void check_field(const char *line, const char *name, uint64_t value)
{
	const char *text = field(line, name);

	/* Signed ones compare as what they become when widened. */
	if ((*text == '-' ? (uint64_t)strtoll(text, NULL, 0) : strtoull(text, NULL, 0)) != value)
		fail_msg("%s is %s, not %" PRIu64 ", in '%s'", name, text, value, line);
}

static void check_text(const char *line, const char *name, const char *value)
{
	assert_string_equal(field(line, name), value);
}

/* What every event says of where it comes from. */
static void check_origin(const char *line, uint64_t client)
{
	check_field(line, "card", CARD);
	check_field(line, "client", client);
	check_field(line, "pid", getpid());
	check_field(line, "uid", geteuid());
}

static void test_formats(void **state)
{
	char path[256], *format, declaration[64];
	size_t i, k;

	(void)state;
	trace_begin();
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), EVENTS "/%s/format", events[i].name);
		format = st_slurp(path);
		if (!format)
			fail_msg("no tracepoint ttmem:%s", events[i].name);
		for (k = 0; k < ARRAY_SIZE(events[i].fields) && events[i].fields[k]; k++) {
			/* Of its own kind, or the text, which is declared with brackets. */
			snprintf(declaration, sizeof(declaration), " %s;", events[i].fields[k]);
			if (strstr(format, declaration))
				continue;
			snprintf(declaration, sizeof(declaration), "[] %s;", events[i].fields[k]);
			if (!strstr(format, declaration))
				fail_msg("ttmem:%s has no field %s", events[i].name,
					 events[i].fields[k]);
		}
		/* A name of the kernel's says nothing to who reads the format. */
		assert_null(strstr(format, "TTMEM_"));
		free(format);
	}
}

static void test_reserve_and_free(void **state)
{
	struct ttmem_reserve request = {
		.tag = TTMEM_TAG_TRACE,
		.flags = TTMEM_RESERVE_ADDRESS,
		.size = 3 * MIB,
		.payload = 1000,
		.address = 0x12340,
		.cookie = 0xabcdef,
		.label = "decode",
	};
	int fd = st_open(CARD);
	uint64_t client = st_fdinfo(fd, "ttmem-client-id", NULL, 0);
	char line[1024];

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	trace_begin();
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &request), 0);
	assert_int_equal(count_events("ttmem_reserve", line, sizeof(line)), 1);
	check_origin(line, client);
	check_field(line, "chip", 0);
	check_text(line, "memory", "DRAM");
	check_text(line, "tag", "trace");
	check_field(line, "handle", request.handle);
	check_field(line, "size", 3 * MIB);
	check_field(line, "payload", 1000);
	check_field(line, "address", 0x12340);
	check_field(line, "cookie", 0xabcdef);
	check_field(line, "used", 4 * MIB);
	check_field(line, "flags", TTMEM_RESERVE_ADDRESS);
	check_text(line, "label", "decode");
	assert_int_equal(count_events("ttmem_free", line, sizeof(line)), 0);

	assert_int_equal(st_free(fd, request.handle), 0);
	assert_int_equal(count_events("ttmem_free", line, sizeof(line)), 1);
	check_origin(line, client);
	check_text(line, "memory", "DRAM");
	check_text(line, "tag", "trace");
	check_field(line, "handle", request.handle);
	check_field(line, "size", 3 * MIB);
	check_field(line, "used", MIB);
	check_text(line, "label", "decode");
	/* All at once is one by one. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_free_all(fd), 0);
	assert_int_equal(count_events("ttmem_free", line, sizeof(line)), 3);
	check_field(line, "used", 0);
	assert_int_equal(count_events("ttmem_reserve", line, sizeof(line)), 2);
	assert_int_equal(count_events("ttmem_refuse", line, sizeof(line)), 0);
}

static void test_set(void **state)
{
	struct ttmem_gauge gauges[2] = {
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 5000, .largest_free = 77 },
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_SYSTEM, .bytes = 6000 },
	};
	struct ttmem_set request = {
		.gauges = (uintptr_t)gauges,
		.count = 2,
		.entry_size = sizeof(gauges[0]),
	};
	int fd = st_open(CARD);
	uint64_t client = st_fdinfo(fd, "ttmem-client-id", NULL, 0);
	char line[1024];

	(void)state;
	trace_begin();
	request.count = 1;
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
	assert_int_equal(count_events("ttmem_set", line, sizeof(line)), 1);
	check_origin(line, client);
	check_field(line, "chip", 0);
	check_text(line, "memory", "L1");
	check_text(line, "tag", "cb");
	check_field(line, "bytes", 5000);
	check_field(line, "largest_free", 77);
	check_field(line, "used", 5000);
	request.count = 2;
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
	assert_int_equal(count_events("ttmem_set", line, sizeof(line)), 3);
	check_text(line, "memory", "DRAM");
	check_text(line, "tag", "system");
	check_field(line, "bytes", 6000);
	gauges[1].reserved = 1;
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), -EINVAL);
	assert_int_equal(count_events("ttmem_set", line, sizeof(line)), 3);
}

static void test_refuse(void **state)
{
	uint64_t total = st_get(CARD, 0, "l1_total");
	int fd = st_open(CARD);
	uint64_t client = st_fdinfo(fd, "ttmem-client-id", NULL, 0);
	char line[1024];

	(void)state;
	trace_begin();
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL, 64, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL, total, 0, NULL), -ENOSPC);
	assert_int_equal(count_events("ttmem_refuse", line, sizeof(line)), 1);
	check_origin(line, client);
	check_field(line, "chip", 0);
	check_text(line, "memory", "L1");
	check_text(line, "tag", "l1_small");
	check_field(line, "size", total);
	check_field(line, "used", 64);
	check_field(line, "total", total);
	check_field(line, "flags", 0);
	check_field(line, "error", -ENOSPC);
	st_set_param("max_reservations", "1");
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, 32, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 -EDQUOT);
	assert_int_equal(count_events("ttmem_refuse", line, sizeof(line)), 2);
	check_text(line, "tag", "buffer");
	check_field(line, "size", 32);
	check_field(line, "flags", TTMEM_RESERVE_OVERCOMMIT);
	check_field(line, "error", -EDQUOT);
	/* What a client may hold of a pool is another such limit; for a gauge it is none. */
	st_set_param("max_reservations", "1048576");
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX + 1,
				    TTMEM_RESERVE_OVERCOMMIT, NULL), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX + 1), -EDQUOT);
	assert_int_equal(count_events("ttmem_refuse", line, sizeof(line)), 3);
	check_text(line, "memory", "DRAM");
	check_field(line, "size", TTMEM_CLIENT_BYTES_MAX + 1);
	check_field(line, "error", -EDQUOT);
	/* A caller's mistake is no refusal. */
	assert_int_equal(st_reserve(fd, 99, TTMEM_L1, 0, 32, 0, NULL), -EINVAL);
	assert_int_equal(count_events("ttmem_refuse", line, sizeof(line)), 3);
}

/* Nanoseconds since boot, as an event has them. */
static uint64_t boot_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* The four peaks that the end of a client tells. */
static void check_peaks(const char *line, uint64_t dram0, uint64_t l1_0, uint64_t dram1,
			uint64_t l1_1)
{
	check_field(line, "chip0_dram_peak", dram0);
	check_field(line, "chip0_l1_peak", l1_0);
	check_field(line, "chip1_dram_peak", dram1);
	check_field(line, "chip1_l1_peak", l1_1);
}

static void test_client(void **state)
{
	uint64_t client, handle, before = boot_time(), opened, begin, end;
	char line[1024];
	int fd;

	(void)state;
	trace_begin();
	fd = st_open(CARD);
	opened = boot_time();
	client = st_fdinfo(fd, "ttmem-client-id", NULL, 0);
	assert_int_equal(count_events("ttmem_client_begin", line, sizeof(line)), 1);
	check_origin(line, client);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 1999), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 999), 0);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 0);
	close(fd);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	check_origin(line, client);
	check_field(line, "dram", MIB);
	check_field(line, "l1", 999);
	check_field(line, "reservations", 1);
	check_field(line, "closed", 0);
	check_peaks(line, 5 * MIB, 1999, 0, 0);
	begin = strtoull(field(line, "begin"), NULL, 10);
	end = strtoull(field(line, "end"), NULL, 10);
	assert_true(before <= begin && begin <= opened);
	assert_true(opened <= end && end <= boot_time());
	assert_string_equal(strstr(line, " comm="), " comm=test_trace ");
}

/* Of each chip and memory, since the client's own restart. */
static void test_client_peaks(void **state)
{
	struct ttmem_gauge gauges[2] = {
		{ .chip = 1, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 30 },
		{ .chip = 0, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = 20 },
	};
	struct ttmem_set request = {
		.flags = TTMEM_SET_RESTART_PEAKS,
		.gauges = (uintptr_t)gauges,
		.count = 2,
		.entry_size = sizeof(gauges[0]),
	};
	int card = st_card_with_chips(2), fd;
	int64_t *counters;
	char line[1024];

	(void)state;
	if (card < 0)
		skip();
	trace_begin();
	fd = st_open(card);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 5000), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_DRAM, 0, 6000), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, 0, 7000), 0);
	assert_int_equal(st_free_all(fd), 0);
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
	counters = st_map(fd);
	assert_non_null(counters);
	counters[TTMEM_COUNTER_INDEX(1, TTMEM_DRAM, TTMEM_TAG_SYSTEM)] = 100;
	assert_int_equal(st_get(card, 1, "dram_used"), 100);
	/* What nobody has looked at is not known; what was looked at last is what is held. */
	counters[TTMEM_COUNTER_INDEX(1, TTMEM_DRAM, TTMEM_TAG_SYSTEM)] = 1000;
	munmap(counters, 4096);
	close(fd);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	check_field(line, "card", card);
	check_field(line, "dram", 120);
	check_field(line, "l1", 30);
	check_peaks(line, 20, 0, 100, 30);
}

/* A client that had lost its books before tells that, and what it had held at most. */
static void test_client_invalidated(void **state)
{
	int fd = st_open(CARD);
	char line[1024];

	(void)state;
	trace_begin();
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * MIB, 0, NULL), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	close(fd);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	check_field(line, "dram", 0);
	check_field(line, "l1", 0);
	check_field(line, "reservations", 0);
	check_field(line, "closed", 1);
	check_peaks(line, 5 * MIB, 0, 0, 0);
}

/* Uses the file under one name and goes by another after that. */
static void use_and_say(int sock, void *arg)
{
	int fd = *(int *)arg;

	prctl(PR_SET_NAME, "a user = b");
	assert_int_equal(setresuid(777, 777, 777), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	prctl(PR_SET_NAME, "later");
	st_say(sock);
	st_hear(sock);
}

/* Who used it last is told, not who closes it, under the name of then, the rest of the line. */
static void test_client_user(void **state)
{
	int fd = st_open(CARD);
	struct st_child child = st_spawn(use_and_say, &fd);
	pid_t pid = child.pid;
	char line[1024];

	(void)state;
	trace_begin();
	st_hear(child.sock);
	st_say(child.sock);
	st_join(&child);
	close(fd);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	check_field(line, "pid", pid);
	check_field(line, "uid", 777);
	assert_string_equal(strstr(line, " comm="), " comm=a user = b ");
}

/* Reserves and is killed under another name than it had then. */
static void use_and_end(int sock, void *arg)
{
	int fd = st_open(CARD);

	(void)arg;
	prctl(PR_SET_NAME, "before");
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	prctl(PR_SET_NAME, "VLLM::Worker");
	st_say(sock);
	st_hear(sock);
}

/* Who closes it himself is told under the name that he has by then. */
static void test_client_renamed(void **state)
{
	struct st_child child;
	char line[1024];

	(void)state;
	trace_begin();
	child = st_spawn(use_and_end, NULL);
	st_hear(child.sock);
	st_kill(&child);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	assert_string_equal(strstr(line, " comm="), " comm=VLLM::Worker ");
}

/* A process that waits to be told that it may end. */
static void wait_told(int sock, void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "target");
	assert_int_equal(setresuid(888, 888, 888), 0);
	st_say(sock);
	st_hear(sock);
}

static void test_attribute(void **state)
{
	struct st_child child = st_spawn(wait_told, NULL);
	pid_t pid = child.pid;
	uint64_t client;
	char line[1024];
	int fd;

	(void)state;
	st_hear(child.sock);
	trace_begin();
	fd = st_open(CARD);
	client = st_client(fd);
	assert_int_equal(count_events("ttmem_client_attribute", line, sizeof(line)), 0);
	assert_int_equal(st_attribute(fd, 0), -EINVAL);
	assert_int_equal(count_events("ttmem_client_attribute", line, sizeof(line)), 0);
	assert_int_equal(st_attribute(fd, pid), 0);
	assert_int_equal(st_attribute(fd, pid), -EBUSY);
	assert_int_equal(count_events("ttmem_client_attribute", line, sizeof(line)), 1);
	check_field(line, "card", CARD);
	check_field(line, "client", client);
	check_field(line, "pid", pid);
	check_field(line, "uid", 888);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	st_say(child.sock);
	st_join(&child);
	/* The look that finds it gone; then the file, which is closed later, tells whose it was. */
	st_check_used(CARD, 0, 0);
	close(fd);
	assert_int_equal(count_events("ttmem_client_end", line, sizeof(line)), 1);
	check_field(line, "client", client);
	check_field(line, "pid", pid);
	check_field(line, "uid", 888);
	check_peaks(line, MIB, 0, 0, 0);
	assert_string_equal(strstr(line, " comm="), " comm=target ");
}

static void test_filter(void **state)
{
	int fd = st_open(CARD);
	char line[1024];

	(void)state;
	trace_begin();
	assert_int_equal(st_write(EVENTS "/ttmem_reserve/filter", "size > 1000 && card == 0"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1000, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1001, 0, NULL), 0);
	assert_int_equal(count_events("ttmem_reserve", line, sizeof(line)), 1);
	check_field(line, "size", 1001);
	trace_clear();
	assert_int_equal(st_write(EVENTS "/ttmem_reserve/filter", "card == 1"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5000, 0, NULL), 0);
	assert_int_equal(count_events("ttmem_reserve", line, sizeof(line)), 0);
}

#define TRACE_TEST(fn) cmocka_unit_test_teardown(fn, trace_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(test_formats),
		TRACE_TEST(test_reserve_and_free),
		TRACE_TEST(test_set),
		TRACE_TEST(test_refuse),
		TRACE_TEST(test_client),
		TRACE_TEST(test_client_peaks),
		TRACE_TEST(test_client_invalidated),
		TRACE_TEST(test_client_user),
		TRACE_TEST(test_client_renamed),
		TRACE_TEST(test_attribute),
		TRACE_TEST(test_filter),
	};

	return ST_RUN(tests);
}
