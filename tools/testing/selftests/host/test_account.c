// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-account without a kernel: pages of the ring buffer that are made here, as kernels
 * from 5.10 to 7.3 describe them, the log and whose lines stay in it, control groups of
 * processes, and what ttmem-smi makes of the log.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../ttmem-account/account.h"
#include "fake.h"

#define SEC	NSEC_PER_SEC

static char out[1 << 20], err[8192];
static uint64_t time_now = 1000 * SEC;
static char said[1024];

/* What ttmem-account's main.c has. */
uint64_t now_ns(void)
{
	return time_now;
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
}

void out_of_memory(void)
{
	abort();
}

static const char header_page[] =
	"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
	"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
	"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
	"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

#define COMMON \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" \
	"\tfield:u32 card;\toffset:8;\tsize:4;\tsigned:0;\n" \
	"\tfield:u64 client;\toffset:16;\tsize:8;\tsigned:0;\n"

static const char begin_format[] =
	"name: ttmem_client_begin\nID: 1361\nformat:\n" COMMON
	"\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:uid_t uid;\toffset:28;\tsize:4;\tsigned:0;\n\nprint fmt: \"\"\n";

static const char end_format[] =
	"name: ttmem_client_end\nID: 1359\nformat:\n" COMMON
	"\tfield:u64 begin;\toffset:24;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 end;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 dram;\toffset:40;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 l1;\toffset:48;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 reservations;\toffset:56;\tsize:8;\tsigned:0;\n"
	"\tfield:bool closed;\toffset:64;\tsize:1;\tsigned:0;\n"
	"\tfield:u64 chip0_dram_peak;\toffset:72;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 chip0_l1_peak;\toffset:80;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 chip1_dram_peak;\toffset:88;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 chip1_l1_peak;\toffset:96;\tsize:8;\tsigned:0;\n"
	"\tfield:pid_t pid;\toffset:104;\tsize:4;\tsigned:1;\n"
	"\tfield:uid_t uid;\toffset:108;\tsize:4;\tsigned:0;\n"
	"\tfield:__data_loc char[] comm;\toffset:112;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n";

static struct page_layout layout;
static struct event_layout layouts[EVENT_KINDS];

static void parse_formats(void)
{
	assert_true(page_layout_parse(header_page, &layout));
	assert_true(event_layout_parse(begin_format, EVENT_BEGIN, &layouts[EVENT_BEGIN]));
	assert_true(event_layout_parse(end_format, EVENT_END, &layouts[EVENT_END]));
	memset(&layouts[EVENT_ATTRIBUTE], 0, sizeof(layouts[0]));
}

/* A page that is being made. */
static unsigned char page[4096];
static size_t used;

static void page_begin(uint64_t timestamp)
{
	memset(page, 0xee, sizeof(page));
	memcpy(page, &timestamp, 8);
	used = 0;
}

static void put_word(uint32_t word)
{
	memcpy(page + 16 + used, &word, 4);
	used += 4;
}

static void page_end(uint64_t flags)
{
	uint64_t commit = used | flags;

	memcpy(page + 8, &commit, 8);
}

/* A record with its length in its head, or in a word of its own. */
static void put_record(const void *data, size_t len, uint32_t delta, bool own_word)
{
	assert_int_equal(len % 4, 0);
	if (own_word) {
		put_word(delta << 5);
		put_word(len + 4);
	} else {
		put_word(delta << 5 | len / 4);
	}
	memcpy(page + 16 + used, data, len);
	used += len;
}

static size_t make_begin(unsigned char *data, uint64_t client, int32_t pid, uint32_t uid)
{
	uint16_t type = 1361;
	uint32_t card = 3;

	memset(data, 0, 32);
	memcpy(data, &type, 2);
	memcpy(data + 8, &card, 4);
	memcpy(data + 16, &client, 8);
	memcpy(data + 24, &pid, 4);
	memcpy(data + 28, &uid, 4);
	return 32;
}

static size_t make_end(unsigned char *data, uint64_t client, int32_t pid, uint32_t uid,
		       const char *command)
{
	uint32_t card = 1, where = (strlen(command) + 1) << 16 | 116;
	uint64_t numbers[2] = { 900 * SEC, 950 * SEC }, peaks[4] = { 1ull << 40, 20, 30, 40 };
	uint16_t type = 1359;

	memset(data, 0, 160);
	memcpy(data, &type, 2);
	memcpy(data + 8, &card, 4);
	memcpy(data + 16, &client, 8);
	memcpy(data + 24, numbers, 16);
	memcpy(data + 72, peaks, 32);
	memcpy(data + 104, &pid, 4);
	memcpy(data + 108, &uid, 4);
	memcpy(data + 112, &where, 4);
	strcpy((char *)data + 116, command);
	return 116 + ((strlen(command) + 1 + 3) & ~3ul);
}

static struct event events[64];
static size_t event_count;

static void take(uint64_t time, const void *data, size_t len, void *arg)
{
	(void)arg;
	assert_true(event_count < 64);
	event_count += event_read(layouts, time, data, len, &events[event_count]);
}

/* Read the page, or so many bytes of it, which end where memory does. */
static bool read_page(size_t size, struct page_lost *lost)
{
	unsigned char *copy = malloc(size);
	bool ok;

	memcpy(copy, page, size);
	event_count = 0;
	ok = page_read(&layout, copy, size, lost, take, NULL);
	free(copy);
	return ok;
}

static void test_layouts(void **state)
{
	struct event_layout event;
	struct page_layout other;
	char *text;

	(void)state;
	parse_formats();
	assert_int_equal(layout.data.offset, 16);
	assert_int_equal(layout.data.size, 4080);
	assert_int_equal(layouts[EVENT_END].id, 1359);
	assert_int_equal(layouts[EVENT_END].peak[1][TTMEM_L1].offset, 96);
	assert_int_equal(layouts[EVENT_END].command.offset, 112);
	/* A begin is no end, and the other way round it has no more than it needs. */
	assert_false(event_layout_parse(begin_format, EVENT_END, &event));
	assert_false(event_layout_parse("", EVENT_BEGIN, &event));
	assert_false(page_layout_parse("", &other));
	/* What would have us read elsewhere. */
	text = strdup(header_page);
	memcpy(strstr(text, "offset:8"), "offset:9", 8);
	assert_false(page_layout_parse(text, &other));
	free(text);
	text = strdup(end_format);
	memcpy(strstr(text, "size:8"), "size:3", 6);
	assert_false(event_layout_parse(text, EVENT_END, &event));
	free(text);
}

static void test_page(void **state)
{
	unsigned char data[256];
	struct page_lost lost;
	size_t len;

	(void)state;
	parse_formats();
	page_begin(5000);
	put_record(data, make_begin(data, 7, 100, 1000), 10, false);
	/* Another event's, one that was taken back, and more time than 27 bits. */
	memset(data, 0xff, sizeof(data));
	put_record(data, 112, 1, false);
	put_word(1 << 5 | 29);
	put_word(12);
	put_word(0xdead);
	put_word(0xdead);
	put_word(5 << 5 | 30);
	put_word(2);
	len = make_end(data, 7, 101, 1001, "python3");
	put_record(data, len, 3, true);
	/* The whole time. */
	put_word(77 << 5 | 31);
	put_word(4);
	put_record(data, make_begin(data, 8, 102, 1002), 0, false);
	/* The rest is nothing. */
	put_word(29);
	put_word(0xdead);
	page_end(0);
	assert_true(read_page(sizeof(page), &lost));
	assert_false(lost.lost);
	assert_int_equal(event_count, 3);
	assert_int_equal(events[0].kind, EVENT_BEGIN);
	assert_int_equal(events[0].time, 5010);
	assert_int_equal(events[0].card, 3);
	assert_int_equal(events[0].client, 7);
	assert_int_equal(events[0].pid, 100);
	assert_int_equal(events[0].uid, 1000);
	assert_int_equal(events[1].kind, EVENT_END);
	assert_int_equal(events[1].time, 5011 + (2ull << 27) + 5 + 3);
	assert_int_equal(events[1].card, 1);
	assert_int_equal(events[1].pid, 101);
	assert_int_equal(events[1].uid, 1001);
	assert_int_equal(events[1].begin, 900 * SEC);
	assert_int_equal(events[1].end, 950 * SEC);
	assert_int_equal(events[1].peak[0][TTMEM_DRAM], 1ull << 40);
	assert_int_equal(events[1].peak[0][TTMEM_L1], 20);
	assert_int_equal(events[1].peak[1][TTMEM_DRAM], 30);
	assert_int_equal(events[1].peak[1][TTMEM_L1], 40);
	assert_string_equal(events[1].command, "python3");
	assert_int_equal(events[2].time, (4ull << 27) + 77);
	assert_int_equal(events[2].client, 8);
}

/* A page that is cut off anywhere is read up to there and no further. */
static void test_cut_off(void **state)
{
	unsigned char data[256];
	struct page_lost lost;
	uint64_t commit;
	size_t size, whole;

	(void)state;
	parse_formats();
	page_begin(1);
	put_record(data, make_begin(data, 7, 100, 1000), 10, true);
	put_word(5 << 5 | 30);
	put_word(2);
	put_record(data, make_end(data, 7, 101, 1001, "x"), 3, true);
	page_end(0);
	whole = 16 + used;
	for (size = 0; size < whole; size++)
		assert_false(read_page(size, &lost));
	assert_true(read_page(whole, &lost));
	assert_int_equal(event_count, 2);
	/* Likewise where it is the count of bytes that is wrong. */
	for (size = 0; size < whole - 16; size++) {
		commit = size;
		memcpy(page + 8, &commit, 8);
		read_page(16 + size, &lost);
		assert_true(event_count < 2);
	}
	/* Lengths and places that lead behind the page. */
	page_begin(1);
	put_word(0);
	put_word(0xfffffff0);
	page_end(0);
	assert_false(read_page(sizeof(page), &lost));
	page_begin(1);
	put_word(28);
	page_end(0);
	assert_false(read_page(16 + used, &lost));
	page_begin(1);
	size = make_end(data, 7, 101, 1001, "x");
	data[115] = 0xff;
	put_record(data, size, 0, true);
	page_end(0);
	assert_true(read_page(16 + used, &lost));
	assert_int_equal(event_count, 0);
}

static void test_lost(void **state)
{
	unsigned char data[256];
	struct page_lost lost;
	uint64_t many = 123456;

	(void)state;
	parse_formats();
	page_begin(1);
	put_record(data, make_begin(data, 7, 100, 1000), 10, false);
	page_end(1u << 31 | 1u << 30);
	memcpy(page + 16 + used, &many, 8);
	assert_true(read_page(sizeof(page), &lost));
	assert_true(lost.lost);
	assert_true(lost.known);
	assert_int_equal(lost.events, 123456);
	assert_int_equal(event_count, 1);
	/* Where there was no room for the number. */
	page_end(1u << 31);
	assert_true(read_page(sizeof(page), &lost));
	assert_true(lost.lost);
	assert_false(lost.known);
	page_end(1u << 31 | 1u << 30);
	assert_true(read_page(16 + used, &lost));
	assert_true(lost.lost);
	assert_false(lost.known);
}

static void put_task(int pid, const char *name, unsigned int begin_seconds, const char *cgroup)
{
	char text[256];

	snprintf(text, sizeof(text), "%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0\n",
		 pid, name, begin_seconds * 100);
	put(text, "proc/%d/stat", pid);
	put(cgroup, "proc/%d/cgroup", pid);
}

static struct event make_event(enum event_kind kind, uint64_t client, int pid, uint64_t time)
{
	return (struct event) {
		.kind = kind, .client = client, .pid = pid, .uid = getuid(),
		.time = time, .begin = time, .end = time, .command = "x",
	};
}

static void see(uint64_t client, int pid, uint64_t time)
{
	struct event event = make_event(EVENT_BEGIN, client, pid, time);

	processes_next_round();
	process_seen(&event, time);
}

static const char *cgroup_of(uint64_t client, int pid, uint64_t time)
{
	struct event event = make_event(EVENT_END, client, pid, time);

	return process_cgroup(&event);
}

static void test_cgroups(void **state)
{
	char *deep, *text;
	struct event theirs;
	const char *told;

	(void)state;
	processes_forget_all();
	/* Its name cannot pass for its begin. */
	put_task(100, "a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 (", 100, "0::/job_1\n");
	see(5, 100, 150 * SEC);
	assert_int_equal(system("rm -r proc/100"), 0);
	assert_string_equal(cgroup_of(5, 100, 200 * SEC), "/job_1");
	/* A client from before it was seen may be another process's. */
	assert_string_equal(cgroup_of(4, 100, 200 * SEC), "-");
	/* One that came and went under the same number: neither is told for it. */
	see(9, 100, 300 * SEC);
	assert_string_equal(cgroup_of(9, 100, 301 * SEC), "-");
	assert_string_equal(cgroup_of(5, 100, 301 * SEC), "/job_1");
	/* Another one has the number now. */
	put_task(100, "b", 400, "0::/job_2\n");
	see(12, 100, 450 * SEC);
	assert_string_equal(cgroup_of(12, 100, 460 * SEC), "/job_2");
	assert_string_equal(cgroup_of(5, 100, 399 * SEC), "-");
	/* It began later than the event: it is not who was meant. */
	put_task(101, "c", 500, "0::/job_3\n");
	see(13, 101, 450 * SEC);
	assert_string_equal(cgroup_of(13, 101, 451 * SEC), "-");
	/* A later one with the number of one that was seen, with a file that another opened. */
	theirs = make_event(EVENT_END, 12, 100, 460 * SEC);
	theirs.uid++;
	assert_string_equal(process_cgroup(&theirs), "-");
	/* And with that of one that is forgotten: it began when the client was there already. */
	theirs = make_event(EVENT_END, 14, 101, 450 * SEC);
	theirs.end = 510 * SEC;
	assert_string_equal(process_cgroup(&theirs), "-");
	/* Not seen, but still there; then gone. */
	assert_string_equal(cgroup_of(14, 101, 510 * SEC), "/job_3");
	assert_string_equal(cgroup_of(15, 999, 510 * SEC), "-");
	/* Both hierarchies, and the older one is in use. */
	put_task(102, "d", 500, "5:cpu:/wrong\n4:memory:/slurm/uid_0/job_9/step_0\n0::/\n");
	see(16, 102, 510 * SEC);
	assert_string_equal(cgroup_of(16, 102, 511 * SEC), "/slurm/uid_0/job_9/step_0");
	/* It went to another one meanwhile. */
	put_task(102, "d", 500, "0::/job_10\n");
	see(17, 102, 520 * SEC);
	assert_string_equal(cgroup_of(16, 102, 521 * SEC), "/job_10");
	/* A very long one is cut off, and that is told. */
	deep = malloc(4000);
	memset(deep, 'x', 3999);
	deep[0] = '/';
	deep[3999] = '\0';
	assert_true(asprintf(&text, "0::%s\n", deep) > 0);
	put_task(103, "e", 500, text);
	see(18, 103, 510 * SEC);
	told = cgroup_of(18, 103, 511 * SEC);
	assert_int_equal(strlen(told), CGROUP_SIZE - 1);
	assert_int_equal(told[CGROUP_SIZE - 2], '+');
	free(text);
	free(deep);
}

/* Processes that are gone are forgotten, but not before their ends may have been read. */
static void test_forget(void **state)
{
	uint64_t now = 2000 * SEC;

	(void)state;
	processes_forget_all();
	/* A number that no process has: kill() says so. */
	put_task(0x3fffffff, "a", 100, "0::/gone\n");
	see(1, 0x3fffffff, 150 * SEC);
	assert_int_equal(system("rm -r proc/1073741823"), 0);
	processes_forget(now);
	assert_string_equal(cgroup_of(1, 0x3fffffff, 200 * SEC), "/gone");
	now += 61 * SEC;
	processes_forget(now);
	assert_string_equal(cgroup_of(1, 0x3fffffff, 200 * SEC), "-");
	/* Ours is there. */
	put_task(getpid(), "b", 100, "0::/here\n");
	see(2, getpid(), 150 * SEC);
	put_task(getpid(), "b", 2000, "0::/elsewhere\n");
	processes_forget(now + 61 * SEC);
	processes_forget(now + 122 * SEC);
	assert_string_equal(cgroup_of(2, getpid(), 200 * SEC), "/here");
}

static uint64_t lines_of(const char *pattern)
{
	char command[512];

	snprintf(command, sizeof(command), "cat log/account.log* | grep -c '%s'", pattern);
	run(command, out, sizeof(out), err, sizeof(err));
	return strtoull(out, NULL, 10);
}

/* How many clients of a user the log only counts. */
static uint64_t left_out_of(unsigned int uid)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cat log/account.log* | sed -n 's/.*\"left_out\",\"uid\":%u,\"clients\":\\([0-9]*\\).*/\\1/p' | awk '{ n += $1 } END { print n + 0 }'",
		 uid);
	assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 0);
	return strtoull(out, NULL, 10);
}

static uint64_t log_size(void)
{
	run("cat log/account.log* | wc -c", out, sizeof(out), err, sizeof(err));
	return strtoull(out, NULL, 10);
}

static void store_of(uid_t uid, const char *command)
{
	static uint64_t client;
	struct event event = make_event(EVENT_END, ++client, 100, 900 * SEC);

	event.uid = uid;
	snprintf(event.command, sizeof(event.command), "%s", command);
	store_client(&event, "/job_1");
}

/* Who fills the log pushes nobody else's lines out, and it is told what is missing. */
static void test_fair(void **state)
{
	const uint64_t size = 256 << 10;
	unsigned int i;

	(void)state;
	users_read_subuid();
	assert_true(store_open(size));
	for (i = 0; i < 50; i++)
		store_of(1000, "victim");
	store_mark("start");
	for (i = 0; i < 20000; i++)
		store_of(1001, "hostile");
	for (i = 0; i < 300; i++)
		store_of(1002, "other");
	assert_int_equal(lines_of("\"uid\":1000,"), 50);
	assert_int_equal(lines_of("\"uid\":1002,"), 300);
	assert_int_equal(lines_of("\"start\""), 1);
	assert_int_equal(left_out_of(1000), 0);
	assert_true(left_out_of(1001) > 10000);
	assert_int_equal(lines_of("\"client\",\"uid\":1001,") + left_out_of(1001), 20000);
	assert_true(log_size() <= size);
	/* With nobody else there the log is his. */
	assert_true(log_size() > size / 2);
	/* The newest stay. */
	assert_int_equal(run("grep -c '\"client\":20050,' log/account.log*", out, sizeof(out), err,
			     sizeof(err)), 0);
	/* What is counted once stays counted. */
	for (i = 0; i < 20000; i++)
		store_of(1001, "hostile");
	assert_int_equal(lines_of("\"client\",\"uid\":1001,") + left_out_of(1001), 40000);
	assert_int_equal(lines_of("\"uid\":1000,"), 50);
	assert_int_equal(lines_of("\"left_out\",\"uid\":1001,"), 1);
}

/* The same with ever new ids of those that one user was given. */
static void test_subuid(void **state)
{
	unsigned int i;

	(void)state;
	put("eve:100000:65536\n# none\nbroken\nbob:165536:65536\neve:300000:10\n", "subuid");
	users_read_subuid();
	assert_int_equal(user_key(99999), 99999);
	assert_int_equal(user_key(100000), 100000);
	assert_int_equal(user_key(165535), 100000);
	assert_int_equal(user_key(165536), 165536);
	assert_int_equal(user_key(300009), 100000);
	assert_int_equal(user_key(300010), 300010);
	/* What cannot be read is not empty. */
	assert_int_equal(system("rm subuid; mkdir subuid"), 0);
	users_read_subuid();
	assert_int_equal(user_key(100001), 100000);
	assert_true(store_open(256 << 10));
	for (i = 0; i < 100; i++)
		store_of(1000, "victim");
	for (i = 0; i < 20000; i++)
		store_of(100000 + i, "hostile");
	assert_int_equal(lines_of("\"uid\":1000,"), 100);
	assert_int_equal(left_out_of(1000), 0);
	assert_true(left_out_of(100000) > 10000);
}

/* The same with ever new ids that nobody was given, as root in a container has them. */
static void test_any_uid(void **state)
{
	unsigned int i;

	(void)state;
	users_read_subuid();
	assert_true(store_open(256 << 10));
	for (i = 0; i < 100; i++)
		store_of(1000, "victim");
	for (i = 0; i < 20000; i++) {
		store_of(100000 + i, "hostile");
		/* The service's own lines are nobody's to push out. */
		if (i == 5000)
			store_mark("start");
	}
	assert_int_equal(lines_of("\"start\""), 1);
	assert_int_equal(lines_of("\"uid\":1000,"), 100);
	assert_int_equal(left_out_of(1000), 0);
	/* All are accounted for, in one line of those that have no share of their own. */
	assert_int_equal(lines_of("\"left_out\",\"uid\":null,"), 1);
	run("cat log/account.log* | sed -n 's/.*\"left_out\".*\"clients\":\\([0-9]*\\).*/\\1/p' | awk '{ n += $1 } END { print n + 0 }'",
	    out, sizeof(out), err, sizeof(err));
	assert_int_equal(strtoull(out, NULL, 10) + lines_of("hostile"), 20000);
	assert_true(log_size() <= 256 << 10);
}

static void test_rate(void **state)
{
	struct user *user, *other;
	unsigned int i, written = 0;
	uint64_t now = 5000 * SEC;

	(void)state;
	users_read_subuid();
	assert_true(store_open(1 << 20));
	users_limit(600);
	user = user_of(7000, now);
	for (i = 0; i < 100000; i++) {
		if (user_may_write(user, now))
			written++;
		else
			user_leave_out(user, 10 * SEC + i, 20 * SEC + i, now);
	}
	assert_int_equal(written, 6000);
	/* Another one is not held up by it. */
	other = user_of(7001, now);
	assert_true(user_may_write(other, now));
	users_tell(now + 59 * SEC, false);
	assert_int_equal(left_out_of(7000), 0);
	users_tell(now + 60 * SEC, false);
	assert_int_equal(left_out_of(7000), 94000);
	users_tell(now + 120 * SEC, true);
	assert_int_equal(left_out_of(7000), 94000);
	assert_non_null(strstr(said, "94000 clients of user 7000"));
	/* In the long run 600 a minute, also where it is asked for all the time. */
	for (written = 0, i = 0; i < 60000; i++)
		written += user_may_write(user, now + i * NSEC_PER_MSEC);
	assert_between(written, 599, 601);
	/* However many users there are, memory is for so many. */
	for (i = 0; i < 20000; i++)
		user_of(1000000 + i, now + 200 * SEC);
	for (i = 0; i < 20000; i++)
		user_may_write(user_of(2000000 + i, now + 200 * SEC), now + 200 * SEC);
	user = user_of(3000000, now + 200 * SEC);
	other = user_of(3000001, now + 200 * SEC);
	assert_ptr_equal(user, other);
	assert_int_equal(user->key, USER_OTHERS);
	users_limit(1000000);
}

/* Lines that could not be written are counted, and a line is written whole or not at all. */
static void test_full(void **state)
{
	struct rlimit limit, before;
	struct stat st;
	unsigned int i;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_true(store_open(1 << 20));
	store_of(1000, "first");
	assert_int_equal(stat("log/account.log", &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = st.st_size + 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (i = 0; i < 5; i++)
		store_of(1000, "second");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(said, "cannot write to log/account.log"));
	store_of(1000, "third");
	assert_int_equal(lines_of("first"), 1);
	assert_int_equal(lines_of("second"), 0);
	assert_int_equal(lines_of("^{.*third.*}$"), 1);
	assert_int_equal(lines_of("{\"event\":\"lost\",\"lines\":5,"), 1);
	/* What a crash has cut off spoils no other line. */
	assert_int_equal(system("printf '{\"event\":\"cli' >> log/account.log"), 0);
	assert_true(store_open(1 << 20));
	store_of(1000, "fourth");
	assert_int_equal(lines_of("^{\"event\":\"client\".*fourth.*}$"), 1);
	/* And one in the middle of adding loses nothing. */
	assert_int_equal(system("mv log/account.log log/account.log.2"), 0);
	assert_true(store_open(1 << 20));
	assert_int_equal(lines_of("first"), 1);
	assert_int_equal(lines_of("fourth"), 1);
	assert_int_equal(access("log/account.log.2", F_OK), -1);
}

/* How often the log cannot be opened from now on, after so many times; see the Makefile. */
static int opens_well = -1;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (opens_well >= 0 && !strncmp(path, "log/", 4) && !opens_well--) {
		errno = EIO;
		return NULL;
	}
	return __real_fopen(path, mode);
}

/* Wherever adding to the older file fails, nothing of both is lost, and nothing twice. */
static void test_add_fails(void **state)
{
	int i, at;

	(void)state;
	for (at = 0; at < 6; at++) {
		put("", "log/account.log");
		assert_int_equal(system("rm -f log/*"), 0);
		assert_true(store_open(1 << 20));
		for (i = 0; i < 20; i++)
			store_of(1000, "older");
		assert_int_equal(system("mv log/account.log log/account.log.1"), 0);
		assert_true(store_open(1 << 20));
		for (i = 0; i < 30; i++)
			store_of(1000, "full");
		assert_int_equal(system("mv log/account.log log/account.log.2"), 0);
		opens_well = at;
		store_open(1 << 20);
		assert_int_equal(opens_well, -1);
		assert_int_equal(lines_of("older"), 20);
		assert_int_equal(lines_of("full"), 30);
		assert_non_null(strstr(said, "cannot add log/account.log to "));
		assert_non_null(strstr(said, ": Input/output error"));
		/* And the next time all is well. */
		assert_true(store_open(1 << 20));
		assert_int_equal(access("log/account.log.2", F_OK), -1);
		assert_int_equal(lines_of("older"), 20);
		assert_int_equal(lines_of("full"), 30);
	}
}

/* Killed in the middle of adding. */
static void test_add_killed(void **state)
{
	(void)state;
	put("{\"event\":\"older\"}\n", "log/account.log.1");
	put("{\"event\":\"full\"}\n", "log/account.log.2");
	put("{\"event\":\"older\"}\n{\"eve", "log/account.log.1.new");
	assert_true(store_open(1 << 20));
	assert_int_equal(lines_of("older"), 1);
	assert_int_equal(lines_of("full"), 1);
	assert_int_equal(access("log/account.log.2", F_OK), -1);
	assert_int_equal(access("log/account.log.1.new", F_OK), -1);
	/* Where all of it had been written, it only has its name to get. */
	put("{\"event\":\"older\"}\n{\"event\":\"full\"}\n", "log/account.log.1.new");
	put("{\"event\":\"older\"}\n", "log/account.log.1");
	assert_true(store_open(1 << 20));
	assert_int_equal(lines_of("older"), 1);
	assert_int_equal(lines_of("full"), 1);
	assert_int_equal(access("log/account.log.1.new", F_OK), -1);
}

/* A number is the same card as before only as long as it was not taken out. */
static void test_card(void **state)
{
	(void)state;
	put_card(0, "0000:01:00.0");
	put("1\n", "sys/class/tenstorrent/tenstorrent!0/tt_serial");
	time_now += 20 * SEC;
	assert_string_equal(card_of(0)->serial, "1");
	/* Taken out: its clients' ends come after it. */
	assert_int_equal(system("mv sys taken-out"), 0);
	time_now += 20 * SEC;
	assert_string_equal(card_of(0)->serial, "1");
	/* Another one in its slot does not tell yet what it is. */
	put_card(0, "0000:01:00.0");
	time_now += 20 * SEC;
	assert_string_equal(card_of(0)->address, "0000:01:00.0");
	assert_string_equal(card_of(0)->serial, "");
	put("2\n", "sys/class/tenstorrent/tenstorrent!0/tt_serial");
	time_now += 20 * SEC;
	assert_string_equal(card_of(0)->serial, "2");
}

static void play(const char *arguments)
{
	char command[2048], shown[1024];
	int status;

	snprintf(command, sizeof(command), TTMEM_SMI " %s", arguments);
	snprintf(shown, sizeof(shown), "ttmem-smi %s", arguments);
	status = run(command, out, sizeof(out), err, sizeof(err));
	note(shown, status, out, err);
}

/* Names are users': no line of the log is theirs, and no line that is printed. */
static void test_names(void **state)
{
	struct event event = make_event(EVENT_END, 1, 100, 900 * SEC);

	(void)state;
	assert_true(store_open(1 << 20));
	strcpy(event.command, "a\n{\"event\":\"\x1b[2J\xff\"");
	store_client(&event, "/a\"b,c\\\x01\x7f\xc2\x9b");
	assert_int_equal(lines_of(""), 1);
	assert_int_equal(lines_of("c\\\\\\\\\\\\u0001\\\\u007f\\\\u009b\""), 1);
	assert_int_equal(run(TTMEM_SMI " --query-accounted-apps=command,cgroup,pid --format=csv,noheader",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(out, "\"a?{\"\"event\"\":\"\"?[2J?\"\"\",\"/a\"\"b,c\\???\", 100\n");
}

#define LINE(uid, card, client, pid, command, cgroup, begin, end, peaks) \
	"{\"event\":\"client\",\"uid\":" uid ",\"card\":" card ",\"bus_id\":\"0000:01:00." card \
	"\",\"board\":\"n300\",\"serial\":\"\",\"asic_id\":\"17\",\"client\":" client ",\"pid\":" \
	pid ",\"command\":\"" command "\",\"cgroup\":\"" cgroup "\",\"begin\":" begin ",\"end\":" \
	end "," peaks "}\n"
#define PEAKS(a, b, c, d) \
	"\"chip0_dram_peak\":" #a ",\"chip0_l1_peak\":" #b ",\"chip1_dram_peak\":" #c \
	",\"chip1_l1_peak\":" #d
#define STEP	"/system.slice/slurmstepd.scope/job_12/step_0/user/task_"
#define POD	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1a.slice/cri-"

static void test_queries(void **state)
{
	(void)state;
	begin();
	put("2.10.1\n", "sys/module/tenstorrent/version");
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	play("--query-accounted-apps=pid --format=csv");
	play("-q -d ACCOUNTING");
	play("-am");
	put("{\"event\":\"start\",\"time\":1763999990.000,\"version\":\"0.1.0\"}\n"
	    LINE("4000001", "0", "1", "100", "early", STEP "0", "1763999991.000", "1763999993.500",
		 PEAKS(1048576, 1, 2097152, 2)), "log/account.log.1");
	put(LINE("4000001", "0", "2", "101", "serve", STEP "1", "1763999993.000", "1763999996.000",
		 PEAKS(4194304, 4, 0, 0))
	    LINE("4000002", "1", "3", "102", "serve", POD "a", "1763999991.250", "1763999997.000",
		 PEAKS(8388609, 0, 0, 0))
	    LINE("4000002", "0", "4", "103", "late", POD "b", "1763999998.000", "1763999998.001",
		 PEAKS(0, 0, 0, 0))
	    LINE("4000003", "0", "5", "104", "short", "-", "1763999998.000", "1763999998.000",
		 PEAKS(5, 6, 7, 8))
	    LINE("4000001", "0", "6", "105", "again", STEP "0", "1763999999.000", "1763999999.500",
		 PEAKS(1, 0, 0, 0)), "log/account.log");
	put("{\"schema\":1,\"time\":1763999999.000,\"recording\":true,\"clients\":6,\"left_out\":0,\"lost_events\":0,\"lost_lines\":0}\n",
	    "run/account.json");
	play("--query-accounted-apps=timestamp,gpu_name,gpu_bus_id,gpu_serial,gpu_uuid,vgpu_instance,pid,gpu_utilization,mem_utilization,max_memory_usage,time --format=csv");
	play("--query-accounted-apps=card,client,user,uid,command,cgroup,job,begin,end,clients,dram.peak,l1.peak,chip0.dram.peak,chip0.l1.peak,chip1.dram.peak,chip1.l1.peak --format=csv");
	play("--query-accounted-apps=pid,max_mem_usage,time --format=csv,noheader,nounits,bytes -i 0 -p 101,102,103");
	play("--query-accounted-apps=cgroup,job,card,clients,time,dram.peak,l1.peak,pid,user --by=cgroup --format=csv,nounits");
	play("--query-accounted-apps=job,card,clients,begin,end,time,dram.peak,l1.peak,chip1.dram.peak --by=job --format=csv,nounits");
	play("--query-accounted-apps=uid,user,job,card,clients,time,max_memory_usage --by user --format=csv,nounits");
	play("-q -d ACCOUNTING");
	play("-am");
	play("-am 1");
	play("-am 0");
	play("--accounting-mode=ENABLED");
	/* What is missing is told beside the lines. */
	put("{\"event\":\"left_out\",\"uid\":1,\"clients\":3,\"begin\":1.000,\"end\":2.000}\n"
	    "{\"event\":\"left_out\",\"uid\":null,\"clients\":4,\"begin\":1.000,\"end\":2.000}\n"
	    "{\"event\":\"lost\",\"events\":8,\"time\":1.000}\n"
	    "{\"event\":\"lost\",\"lines\":9,\"time\":1.000}\n"
	    "no line\n{\"event\":\"client\",\"uid\":-1}\n[]\n"
	    "{\"event\":\"client\",\"uid\":1", "log/account.log");
	put("{\"schema\":1,\"time\":1763999900.000,\"recording\":true,\"clients\":6}\n",
	    "run/account.json");
	play("--query-accounted-apps=pid,time --format=csv");
	play("-am 1");
	play("-am ENABLED -i 0");
	play("-am yes");
	play("--query-accounted-apps=pid,tim");
	play("--query-accounted-apps=pid --by=pid");
	play("--query-accounted-apps=pid --sort=pid");
	play("--query-accounted-apps=pid -l 1");
	play("-L --by=user");
	play("--help-query-accounted-apps");
	end("accounted");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
		TEST(test_layouts),
		TEST(test_page),
		TEST(test_cut_off),
		TEST(test_lost),
		TEST(test_cgroups),
		TEST(test_forget),
		TEST(test_fair),
		TEST(test_subuid),
		TEST(test_any_uid),
		TEST(test_rate),
		TEST(test_full),
		TEST(test_add_fails),
		TEST(test_add_killed),
		TEST(test_card),
		TEST(test_names),
		TEST(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
