// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-metald with real processes and real regions, before sys, dev and TT-KMD's
 * lists that are made here and a node that kernel.c plays.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../ttmem-metald/layout.h"
#include "support.h"
#include "ttmem.h"

#define QUICK	"--interval=0.02"
#define DRAM(card, pid, chip)	told(card, pid, chip, TTMEM_DRAM, TTMEM_TAG_BUFFER)

static void counts(const char *layout)
{
	struct player p;
	uint64_t id = new_id();

	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	player_do(&p, "layout %s", layout);
	put_pids(0, p.pid, 0);
	player_hold(&p, id, 209715200);
	await(DRAM(0, p.pid, 0) == 209715200);
	player_do(&p, "alloc %" PRIu64 " trace 5", id);
	player_do(&p, "alloc %" PRIu64 " l1 6", id);
	player_do(&p, "alloc %" PRIu64 " l1_small 7", id);
	player_do(&p, "thread %" PRIu64 " cb 8", id);
	await(told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) == 5 &&
	      told(0, p.pid, 0, TTMEM_L1, TTMEM_TAG_BUFFER) == 6 &&
	      told(0, p.pid, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL) == 7 &&
	      told(0, p.pid, 0, TTMEM_L1, TTMEM_TAG_CB) == 8);
	assert_int_equal(DRAM(0, p.pid, 0), 209715200);
	player_do(&p, "free %" PRIu64 " dram 209715199", id);
	await(DRAM(0, p.pid, 0) == 1);
	player_do(&p, "detach %" PRIu64, id);
	await(DRAM(0, p.pid, 0) == 0);
	await(told(0, p.pid, 0, TTMEM_L1, TTMEM_TAG_CB) == 0);
	player_hold(&p, id, 3);
	await(DRAM(0, p.pid, 0) == 3);
	player_kill(&p);
	await(DRAM(0, p.pid, 0) == -1);
	assert_int_equal(count_text("log", "is told of"), 1);
	assert_int_equal(metald_end(SIGTERM), 0);
	assert_int_equal(access("run/metald.json", F_OK), -1);
}

static void layout_2(void **state)
{
	(void)state;
	counts("2 monotonic");
}

static void layout_3(void **state)
{
	(void)state;
	counts("3 realtime");
}

static void layout_4(void **state)
{
	(void)state;
	counts("4 realtime");
}

/* Nothing is told again that has not changed. */
static void silence(void **state)
{
	uint64_t id = new_id();
	struct player p;
	size_t lines;

	(void)state;
	put_cards(1, 1);
	p = player_with_card();
	player_hold(&p, id, 77);
	metald_start(QUICK, NULL);
	await(DRAM(0, p.pid, 0) == 77);
	lines = told_lines();
	await_look();
	assert_int_equal(told_lines(), lines);
	/* Who has closed the card is not told of. */
	put_pids(0, 0);
	await(DRAM(0, p.pid, 0) == -1);
	player_kill(&p);
}

static void container(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_start("--private");
	player_do(&p, "user 12345");
	put_pids(0, p.pid, 0);
	player_hold(&p, id, 4096);
	await(DRAM(0, p.pid, 0) == 4096);
	assert_int_equal(count_text("log", "of user 12345 is told of"), 1);
	player_kill(&p);
	await(DRAM(0, p.pid, 0) == -1);
}

/* A child that goes on with its parent's region has an entry of its own. */
static void forks(void **state)
{
	uint64_t id = new_id();
	struct player p;
	pid_t child;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	player_hold(&p, id, 10);
	child = atoi(player_say(&p, "fork %" PRIu64 " dram 20", id));
	put_pids(0, p.pid, child, 0);
	await(DRAM(0, p.pid, 0) == 10 && DRAM(0, child, 0) == 20);
	player_kill(&p);
	await(DRAM(0, p.pid, 0) == -1 && DRAM(0, child, 0) == -1);
}

/* Two users cannot share a region: the second one is not counted by anybody. */
static void second_user(void **state)
{
	uint64_t id = new_id();
	struct player first, second;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	first = player_start(NULL);
	second = player_start(NULL);
	player_do(&first, "user 1001");
	player_do(&second, "user 1002");
	put_pids(0, first.pid, second.pid, 0);
	player_hold(&first, id, 10);
	assert_string_equal(player_say(&second, "attach %" PRIu64 " 0", id),
			    strerror(EACCES));
	await(DRAM(0, first.pid, 0) == 10);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"starting\":1}"));
	assert_int_equal(DRAM(0, second.pid, 0), -1);
	player_kill(&first);
	player_kill(&second);
}

static void poke_entry(struct player *p, uint64_t id, int slot, pid_t pid,
		       long long dram, long long stamp)
{
	int at = LAYOUT_ENTRIES + slot * LAYOUT_ENTRY_SIZE;

	player_do(p, "poke %" PRIu64 " %d 8 %lld", id, at + LAYOUT_ENTRY_BYTES, dram);
	player_do(p, "poke %" PRIu64 " %d 8 %lld", id, at + LAYOUT_ENTRY_STAMP, stamp);
	player_do(p, "poke %" PRIu64 " %d 4 %d", id, at + LAYOUT_ENTRY_PID, pid);
}

/* What a dead process with the same number has left is not told. */
static void stale(void **state)
{
	uint64_t monotonic = new_id(), realtime = new_id();
	struct player p;

	(void)state;
	put_cards(2, 1);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	put("", "etc/chips");
	player_do(&p, "attach %" PRIu64 " 0", monotonic);
	player_do(&p, "attach %" PRIu64 " 1", realtime);
	poke_entry(&p, monotonic, 5, p.pid, 1000, 1);
	poke_entry(&p, realtime, 63, p.pid, 2000, 1700000000000000000);
	put_pids(0, p.pid, 0);
	await_look();
	assert_int_equal(told_lines(), 0);
	/* Before layout 4 tt-metal itself goes on from it, and so do we. */
	player_do(&p, "alloc %" PRIu64 " dram 10", monotonic);
	await(DRAM(0, p.pid, 0) == 1010);
	player_kill(&p);
}

static void full(void **state)
{
	uint64_t id = new_id();
	struct player p;
	int i;

	(void)state;
	put_cards(1, 1);
	p = player_start(NULL);
	player_do(&p, "attach %" PRIu64 " 0", id);
	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++)
		poke_entry(&p, id, i, 1000000 + i, 1, 1);
	assert_string_equal(player_say(&p, "alloc %" PRIu64 " dram 10", id),
			    strerror(ENOSPC));
	put_pids(0, p.pid, 0);
	metald_start(QUICK, NULL);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"full\":1}"));
	/* One of them goes. */
	poke_entry(&p, id, 7, 0, 0, 0);
	player_do(&p, "alloc %" PRIu64 " dram 10", id);
	await(DRAM(0, p.pid, 0) == 10);
	await(strstr(slurp("run/metald.json"), "\"silent\":{}"));
	player_kill(&p);
}

/* Sixty-four programs at one region, each told of. */
static void sixty_four(void **state)
{
	static struct player p[LAYOUT_ENTRY_COUNT + 1];
	uint64_t id = new_id();
	char text[1024] = "";
	size_t used = 0;
	int i;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	for (i = 0; i <= LAYOUT_ENTRY_COUNT; i++) {
		p[i] = player_start(NULL);
		put_proc(p[i].pid);
		used += snprintf(text + used, sizeof(text) - used, "%d\n", p[i].pid);
		player_do(&p[i], "attach %" PRIu64 " 0", id);
		assert_string_equal(player_say(&p[i], "alloc %" PRIu64 " dram %d", id, i + 1),
				    i < LAYOUT_ENTRY_COUNT ? "ok" : strerror(ENOSPC));
	}
	put_list(0, text);
	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++)
		await(DRAM(0, p[i].pid, 0) == i + 1);
	await(strstr(slurp("run/metald.json"),
		     "\"processes\":65,\"told\":64,\"silent\":{\"full\":1}"));
	for (i = 0; i <= LAYOUT_ENTRY_COUNT; i++)
		player_kill(&p[i]);
	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++)
		await(DRAM(0, p[i].pid, 0) == -1);
}

static void unknown_layout(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	p = player_with_card();
	player_hold(&p, id, 10);
	player_do(&p, "poke %" PRIu64 " %d 4 5", id, LAYOUT_VERSION);
	metald_start(QUICK, NULL);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"layout\":1}"));
	await_look();
	assert_int_equal(told_lines(), 0);
	assert_int_equal(count_text("log", "in layout 5, which"), 1);
	/* The layout is looked at again, also once the entry has been found. */
	player_do(&p, "poke %" PRIu64 " %d 4 3", id, LAYOUT_VERSION);
	await(DRAM(0, p.pid, 0) == 10);
	player_do(&p, "poke %" PRIu64 " %d 4 1", id, LAYOUT_VERSION);
	await(DRAM(0, p.pid, 0) == 0);
	player_kill(&p);
}

static void not_ready(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	p = player_with_card();
	player_do(&p, "layout 4 realtime");
	player_hold(&p, id, 10);
	player_do(&p, "poke %" PRIu64 " %d 4 4", id, LAYOUT_VERSION);
	player_do(&p, "poke %" PRIu64 " %d 4 1", id, LAYOUT_READY);
	metald_start(QUICK, NULL);
	await_look();
	assert_int_equal(told_lines(), 0);
	player_do(&p, "poke %" PRIu64 " %d 4 %lld", id, LAYOUT_READY,
		  (long long)LAYOUT_READY_VALUE);
	await(DRAM(0, p.pid, 0) == 10);
	player_kill(&p);
}

/* What no card has room for is told as the most that a client may hold. */
static void bounds(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_do(&p, "attach %" PRIu64 " 0", id);
	player_do(&p, "alloc %" PRIu64 " trace 9", id);
	player_do(&p, "alloc %" PRIu64 " dram %lld", id, 1ll << 50);
	await(DRAM(0, p.pid, 0) == (int64_t)TTMEM_CLIENT_BYTES_MAX);
	assert_true(told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) <= 0);
	player_do(&p, "free %" PRIu64 " dram %lld", id, (1ll << 50) - 1);
	await(DRAM(0, p.pid, 0) == 1 &&
	      told(0, p.pid, 0, TTMEM_DRAM, TTMEM_TAG_TRACE) == 9);
	/* More was given back than taken. */
	player_do(&p, "free %" PRIu64 " dram 2", id);
	await(DRAM(0, p.pid, 0) == 0);
	player_kill(&p);
}

static void truncation(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_hold(&p, id, 10);
	await(DRAM(0, p.pid, 0) == 10);
	player_do(&p, "resize %" PRIu64 " 100", id);
	await(DRAM(0, p.pid, 0) == 0);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	player_do(&p, "resize %" PRIu64 " 0", id);
	await_look();
	player_do(&p, "resize %" PRIu64 " %lld", id, 1ll << 40);
	await_look();
	assert_int_equal(DRAM(0, p.pid, 0), 0);
	player_kill(&p);
	await(DRAM(0, p.pid, 0) == -1);

	/* One that is too long from the start is not opened. */
	p = player_start(NULL);
	player_do(&p, "attach %" PRIu64 " 0", id);
	player_do(&p, "resize %" PRIu64 " 8577", id);
	player_do(&p, "alloc %" PRIu64 " dram 10", id);
	put_pids(0, p.pid, 0);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	assert_int_equal(DRAM(0, p.pid, 0), -1);
	player_kill(&p);
}

/* A file of another file system, however it is called, is not even opened. */
static void elsewhere(void **state)
{
	char dir[] = "/var/tmp/ttmem-metald.XXXXXX", command[128];
	struct player p;

	(void)state;
	put_cards(1, 1);
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "mkdir -p %s/dev/shm && truncate -s %d %s/dev/shm/tt_device_5_memory",
		 dir, LAYOUT_SIZE, dir);
	assert_int_equal(system(command), 0);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_do(&p, "map %s/dev/shm/tt_device_5_memory", dir);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	assert_int_equal(told_lines(), 0);
	player_kill(&p);
}

/* A container may not have it. */
static void need_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		print_message("skipped: /dev/fuse: %s\n", strerror(errno));
		skip();
	}
	close(fd);
}

/* A FUSE server, which does not answer any more. */
static pid_t server;

static void map_silent_file(struct player *p, const char *path)
{
	server = atoi(player_say(p, "fuse %s", path));
	assert_true(server > 0);
	player_do(p, "map %s/tt_device_5_memory", path);
	assert_int_equal(kill(server, SIGSTOP), 0);
}

static void end_server(void)
{
	if (server > 0)
		assert_int_equal(kill(server, SIGKILL), 0);
	server = 0;
}

/* Also after a failure: a player that closes a file waits for its server, even when killed. */
static int teardown(void **state)
{
	end_server();
	return tree_teardown(state);
}

/*
 * A file of a FUSE server that never answers, called as a region and mapped: to
 * open it, or to ask for its size in the usual way, would take for ever.
 */
static void never_answers(const char *version)
{
	uint64_t id = new_id();
	char path[PATH_MAX];
	struct player p, q;

	need_fuse();
	put_cards(1, 1);
	put(version, "sys/module/tenstorrent/version");
	put("", "dev/shm/x");
	assert_non_null(realpath("dev/shm", path));
	p = player_with_card();
	player_do(&p, "card /dev/zero");
	map_silent_file(&p, path);
	metald_start(QUICK, NULL);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	q = player_start(NULL);
	player_do(&q, "card /dev/zero");
	player_hold(&q, id, 10);
	put_pids(0, p.pid, q.pid, 0);
	await(DRAM(0, q.pid, 0) == 10);
	/* Or the player would not end, as it closes its file. */
	end_server();
	player_kill(&p);
	await(!strstr(slurp("run/metald.json"), "unreadable"));
	player_kill(&q);
}

static void fuse_mapped(void **state)
{
	(void)state;
	never_answers("2.10.0\n");
}

/*
 * Somebody waits for that server while he reads the process's memory, and so would
 * who reads its maps. Newer kernels let him read them all the same.
 */
static void fuse_wall(void **state)
{
	uint64_t id = new_id();
	char path[PATH_MAX];
	struct player p, q;

	(void)state;
	need_fuse();
	put_cards(1, 1);
	put("", "dev/shm/x");
	assert_non_null(realpath("dev/shm", path));
	p = player_with_card();
	map_silent_file(&p, path);
	player_do(&p, "wall");
	metald_start(QUICK, NULL);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	q = player_start(NULL);
	player_do(&q, "user 1001");
	player_hold(&q, id, 10);
	put_pids(0, p.pid, q.pid, 0);
	await(DRAM(0, q.pid, 0) == 10);
	player_do(&q, "alloc %" PRIu64 " dram 1", id);
	await(DRAM(0, q.pid, 0) == 11);
	print_message("it %s\n", strstr(slurp("log"), "lets nobody read its maps") ?
		      "was given up" : "could be read");
	end_server();
	player_kill(&p);
	await(!strstr(slurp("run/metald.json"), "unreadable"));
	player_kill(&q);
}

/* Here its open files are looked through too. */
static void fuse_open(void **state)
{
	(void)state;
	never_answers("2.6.0\n");
}

/* Who has a lease on the file would make a plain open() wait for him. */
static void lease(void **state)
{
	uint64_t id = new_id(), other = new_id();
	struct player p, q;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_do(&p, "lease %" PRIu64, id);
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"unreadable\":1}"));
	q = player_start(NULL);
	player_hold(&q, other, 10);
	put_pids(0, p.pid, q.pid, 0);
	await(DRAM(0, q.pid, 0) == 10);
	player_kill(&p);
	player_kill(&q);
}

/* The books are invalidated: told again only what is counted anew. */
static void invalidated(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_hold(&p, id, 10);
	await(DRAM(0, p.pid, 0) == 10);
	put("", "invalid");
	await(DRAM(0, p.pid, 0) == -1);
	await_look();
	assert_int_equal(DRAM(0, p.pid, 0), -1);
	player_do(&p, "alloc %" PRIu64 " dram 1", id);
	await(DRAM(0, p.pid, 0) == 11);
	player_kill(&p);
}

static bool has_child(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", metald_pid, metald_pid);
	return *slurp(path);
}

/*
 * What metald forks to read an environment has its files for a moment: a process that
 * ends then is forgotten once, and not told of again by a file that is not closed.
 */
static void forked(void **state)
{
	uint64_t id = new_id();
	struct player p, q;

	(void)state;
	put_cards(1, 1);
	p = player_with_card();
	player_hold(&p, id, 10);
	metald_start(QUICK, NULL);
	await(DRAM(0, p.pid, 0) == 10);
	put("", "slow");
	q = player_start(NULL);
	put_pids(0, p.pid, q.pid, 0);
	await(has_child());
	player_kill(&p);
	await(DRAM(0, p.pid, 0) == -1);
	await(!has_child());
	await_look();
	player_kill(&q);
}

/* No node, or none that may be opened: said once, and tried again. */
static void refused(void **state)
{
	uint64_t id = new_id();
	struct player p;

	(void)state;
	put_cards(1, 1);
	put("13", "refuse");
	p = player_with_card();
	player_hold(&p, id, 10);
	metald_start(QUICK, NULL);
	await(count_text("log", "card 0:") == 1);
	await_look();
	assert_int_equal(count_text("log", "card 0:"), 1);
	unlink("refuse");
	await(DRAM(0, p.pid, 0) == 10);
	player_kill(&p);
}

static void restart(void **state)
{
	uint64_t id = new_id(), start;
	char *out, *errors;
	struct player p;

	(void)state;
	put_cards(1, 1);
	p = player_with_card();
	player_hold(&p, id, 10);
	metald_start(QUICK, NULL);
	await(DRAM(0, p.pid, 0) == 10);
	assert_int_equal(metald_run("", &out, &errors), 1);
	assert_string_equal(errors, "ttmem-metald: another ttmem-metald is running: it holds run/metald.lock\n");
	assert_int_equal(metald_end(SIGKILL), -SIGKILL);
	unlink("told");
	start = st_now_ms();
	metald_start(NULL);
	await(DRAM(0, p.pid, 0) == 10);
	assert_true(st_now_ms() - start < 1000);
	player_kill(&p);
}

/* Who tells by himself is told of no more, and again when he holds nothing. */
static void tells_itself(void **state)
{
	uint64_t id = new_id();
	char text[512];
	struct player p;

	(void)state;
	put_cards(1, 1);
	metald_start(QUICK, NULL);
	p = player_with_card();
	player_hold(&p, id, 10);
	await(DRAM(0, p.pid, 0) == 10);
	snprintf(text, sizeof(text),
		 HEADER
		 "0 1001 %d 0 0 DRAM buffer 10 10 0 attributed player\n"
		 "0 7 %d 0 0 DRAM buffer 5 5 1 self player\n", p.pid, p.pid);
	put(text, LIST);
	put_clients(0, "2\n");
	await(DRAM(0, p.pid, 0) == 0);
	put_clients(0, "1\n");
	await_look();
	assert_int_equal(DRAM(0, p.pid, 0), 0);
	assert_int_equal(count_text("log", "tells by itself"), 1);
	put(HEADER, LIST);
	put_clients(0, "0\n");
	await(DRAM(0, p.pid, 0) == 10);
	player_kill(&p);
}

/* By the files that processes have open, and with a node under another name. */
static void told_by_open_files(void)
{
	uint64_t id = new_id();
	struct player p;

	put_proc(1);
	assert_int_equal(symlink("/dev/full", "mycard"), 0);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	put_proc(p.pid);
	player_hold(&p, id, 10);
	await_look();
	assert_int_equal(told_lines(), 0);
	player_do(&p, "card mycard");
	await(DRAM(1, p.pid, 0) == 10);
	player_kill(&p);
	await(DRAM(1, p.pid, 0) == -1);
}

/* Before TT-KMD 2.7. */
static void without_lists(void **state)
{
	(void)state;
	put_cards(2, 1);
	put("2.6.1\n", "sys/module/tenstorrent/version");
	put_list(0, "1\n");
	told_by_open_files();
}

/* /proc with processes alone, as it is mounted with subset=pid. */
static void hidden_lists(void **state)
{
	(void)state;
	put_cards(2, 1);
	assert_int_equal(rename("proc/driver", "proc/elsewhere"), 0);
	told_by_open_files();
}

/* What cannot be read is not empty: a directory stands for any such error. */
static void unreadable_lists(void **state)
{
	(void)state;
	put_cards(2, 1);
	assert_int_equal(unlink("proc/driver/tenstorrent/1/pids"), 0);
	assert_int_equal(mkdir("proc/driver/tenstorrent/1/pids", 0755), 0);
	told_by_open_files();
	assert_int_equal(count_text("log", "list of who has card 1 open: Is a directory"), 1);
}

/* Chips */

static void only_card(void **state)
{
	uint64_t first = new_id(), second = new_id(), third = new_id();
	struct player p;

	(void)state;
	put_cards(2, 2);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	/* The chip that PCI reaches has the lower number, whatever its id. */
	player_do(&p, "attach %" PRIu64 " 1", first);
	player_do(&p, "attach %" PRIu64 " 0", second);
	player_do(&p, "alloc %" PRIu64 " dram 10", first);
	player_do(&p, "alloc %" PRIu64 " dram 20", second);
	put_pids(1, p.pid, 0);
	await(DRAM(1, p.pid, 0) == 20 && DRAM(1, p.pid, 1) == 10);
	/* There is no third chip. */
	player_do(&p, "attach %" PRIu64 " 2", third);
	player_do(&p, "alloc %" PRIu64 " dram 30", third);
	await(strstr(slurp("run/metald.json"), "\"unplaced_bytes\":30,\"cards\""));
	await(count_text("log", "which process") == 1);
	player_kill(&p);
}

static void map_files(void **state)
{
	uint64_t id = new_id();
	struct player p;
	char text[128];

	(void)state;
	put_cards(3, 2);
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	player_hold(&p, id, 10);
	put_pids(0, p.pid, 0);
	put_pids(1, p.pid, 0);
	/* Two cards and no rule: on none. */
	await(strstr(slurp("run/metald.json"), "\"unplaced_bytes\":10,\"cards\""));
	assert_true(strstr(slurp("run/metald.json"), "\"silent\":{\"unplaced\":1}"));
	assert_int_equal(told_lines(), 0);
	snprintf(text, sizeof(text), "# comment\n\n%" PRIu64 " 0000:02:00.0 1\n", id);
	put(text, "run/chips");
	await(DRAM(1, p.pid, 1) == 10);
	snprintf(text, sizeof(text), "%" PRIu64 " 0 0\nnonsense\n", id);
	put(text, "etc/chips");
	await(DRAM(0, p.pid, 0) == 10);
	await(DRAM(1, p.pid, 1) <= 0);
	assert_int_equal(count_text("log", "etc/chips:2:"), 1);
	/* Never on a card that the process has not open, nor by another rule then. */
	snprintf(text, sizeof(text), "%" PRIu64 " 2 0\n", id);
	put(text, "etc/chips");
	await(DRAM(0, p.pid, 0) <= 0);
	await_look();
	assert_true(DRAM(0, p.pid, 0) <= 0 && DRAM(1, p.pid, 1) <= 0 &&
		    DRAM(2, p.pid, 0) <= 0);
	unlink("etc/chips");
	await(DRAM(1, p.pid, 1) == 10);
	player_kill(&p);
}

static void telemetry(void **state)
{
	uint64_t asic = new_id(), serial = new_id(), located = new_id(), late = new_id();
	struct player p;
	char text[64];

	(void)state;
	put_cards(4, 1);
	put("0xb140\n", "sys/devices/0000:03:00.0/device");
	snprintf(text, sizeof(text), "%016" PRIX64 "\n", asic);
	put(text, "sys/class/tenstorrent/tenstorrent!0/tt_asic_id");
	snprintf(text, sizeof(text), "%016" PRIX64 "\n", serial);
	put(text, "sys/class/tenstorrent/tenstorrent!1/tt_serial");
	snprintf(text, sizeof(text), "%016" PRIX64 "\n", located >> 5);
	put(text, "sys/class/tenstorrent/tenstorrent!2/tt_serial");
	metald_start(QUICK, NULL);
	p = player_start(NULL);
	player_do(&p, "attach %" PRIu64 " 0", asic);
	player_do(&p, "attach %" PRIu64 " 1", serial);
	player_do(&p, "alloc %" PRIu64 " dram 10", asic);
	player_do(&p, "alloc %" PRIu64 " dram 20", serial);
	put_pids(0, p.pid, 0);
	put_pids(1, p.pid, 0);
	put_pids(2, p.pid, 0);
	await(DRAM(0, p.pid, 0) == 10 && DRAM(1, p.pid, 0) == 20);
	/* Its id is the serial and five bits, on a Blackhole. */
	player_do(&p, "attach %" PRIu64 " 2", located);
	player_do(&p, "alloc %" PRIu64 " dram 30", located);
	await(DRAM(2, p.pid, 0) == 30);
	/* Not on a Wormhole; and told late, as the firmware does. */
	snprintf(text, sizeof(text), "%016" PRIX64 "\n", late >> 5);
	put(text, "sys/class/tenstorrent/tenstorrent!3/tt_serial");
	put_pids(3, p.pid, 0);
	player_do(&p, "attach %" PRIu64 " 3", late);
	player_do(&p, "alloc %" PRIu64 " dram 40", late);
	await(strstr(slurp("run/metald.json"), "\"unplaced_bytes\":40,\"cards\""));
	snprintf(text, sizeof(text), "%016" PRIX64 "\n", late);
	put(text, "sys/class/tenstorrent/tenstorrent!3/tt_asic_id");
	await(DRAM(3, p.pid, 0) == 40);
	player_kill(&p);
}

/* A mesh: each chip on the card that the map says. */
static void mesh(void **state)
{
	char text[4096] = "";
	uint64_t id[32];
	struct player p;
	size_t used = 0;
	int i;

	(void)state;
	put_cards(32, 1);
	p = player_start(NULL);
	for (i = 0; i < 32; i++) {
		id[i] = new_id();
		used += snprintf(text + used, sizeof(text) - used, "%" PRIu64 " %d 0\n",
				 id[i], 31 - i);
		player_do(&p, "attach %" PRIu64 " %d", id[i], i);
		put_pids(i, p.pid, 0);
	}
	put(text, "run/chips");
	metald_start(QUICK, NULL);
	for (i = 0; i < 32; i++)
		player_do(&p, "alloc %" PRIu64 " dram %d", id[i], 100 + i);
	for (i = 0; i < 32; i++)
		await(DRAM(31 - i, p.pid, 0) == 100 + i);
	player_kill(&p);
	for (i = 0; i < 32; i++)
		await(DRAM(i, p.pid, 0) == -1);
}

/* Why nothing is told. */
static void reasons(void **state)
{
	(void)state;
	put_cards(2, 1);
	put_fake(4000001, 1000, "");
	put_fake(4000002, 1000, "TT_METAL_SHM_TRACKING_DISABLED=1");
	put_fake(4000003, 1000, "XTT_METAL_SHM_TRACKING_DISABLED=1");
	put_pids(0, 4000001, 4000002, 0);
	put_pids(1, 4000003, 0);
	metald_start(QUICK, NULL);
	await(strstr(slurp("run/metald.json"),
		     "\"card\":0,\"address\":\"0000:01:00.0\",\"processes\":2,\"told\":0,\"silent\":{\"disabled\":1,\"no_tracker\":1},\"unplaced_bytes\":0}"));
	assert_non_null(strstr(slurp("run/metald.json"),
			       "\"card\":1,\"address\":\"0000:02:00.0\",\"processes\":1,\"told\":0,\"silent\":{\"no_tracker\":1},\"unplaced_bytes\":0}"));
	/* Who opened it has ended, and somebody else has it: the card is not free. */
	put_pids(1, 4000009, 4000009, 0);
	await(strstr(slurp("run/metald.json"),
		     "\"card\":1,\"address\":\"0000:02:00.0\",\"processes\":1,\"told\":0,\"silent\":{\"inherited\":1},\"unplaced_bytes\":0}"));
	put_list(1, "");
	await(strstr(slurp("run/metald.json"),
		     "\"card\":1,\"address\":\"0000:02:00.0\",\"processes\":0,\"told\":0,\"silent\":{},\"unplaced_bytes\":0}"));
}

/* One user's processes do not use up what another's need. */
static void quota(void **state)
{
	uint64_t id = new_id();
	struct player p;
	FILE *file;
	int i;

	(void)state;
	put_cards(1, 1);
	for (i = 0; i < 300; i++)
		put_fake(4000000 + i, 1000, "");
	p = player_start(NULL);
	player_do(&p, "user 1001");
	player_hold(&p, id, 10);
	put_proc(p.pid);
	file = fopen("list", "w");
	for (i = 0; i < 300; i++)
		fprintf(file, "%d\n", 4000000 + i);
	fprintf(file, "%d\n", p.pid);
	fclose(file);
	put_list(0, slurp("list"));
	metald_files = 400;
	metald_start(QUICK, NULL);
	await(DRAM(0, p.pid, 0) == 10);
	await(strstr(slurp("run/metald.json"),
		     "\"silent\":{\"no_tracker\":100,\"limit\":200}"));
	assert_int_equal(count_text("log", "user 1000 has too many processes"), 1);
	/* When some have gone, others are looked at. */
	file = fopen("list", "w");
	for (i = 250; i < 300; i++)
		fprintf(file, "%d\n", 4000000 + i);
	fclose(file);
	put_list(0, slurp("list"));
	await(strstr(slurp("run/metald.json"), "\"silent\":{\"no_tracker\":50}"));
	player_kill(&p);
}

/*
 * 10^5 processes of one user, who are all before another's in TT-KMD's list: that one
 * is told of all the same, and soon.
 */
static void crowd(void **state)
{
	const int count = 100000;
	uint64_t id = new_id(), start, longest = 0;
	char path[64];
	struct player p;
	FILE *file;
	int i;

	(void)state;
	put_cards(1, 1);
	put_fake(1, 1000, "");
	file = fopen("list", "w");
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "proc/%d", 4000000 + i);
		assert_int_equal(symlink("1", path), 0);
		fprintf(file, "%d\n", 4000000 + i);
	}
	p = player_start(NULL);
	put_proc(p.pid);
	fprintf(file, "%d\n", p.pid);
	fclose(file);
	put_list(0, slurp("list"));
	player_do(&p, "user 1001");
	player_hold(&p, id, 10);
	metald_program = METALD_PLAIN;
	metald_files = 4096;
	start = st_now_ms();
	metald_start(NULL);
	await(DRAM(0, p.pid, 0) == 10);
	print_message("told of after %u ms", (unsigned int)(st_now_ms() - start));
	await(strstr(slurp("run/metald.json"), "\"processes\":100001"));
	/* And all the time. */
	for (i = 1; i <= 10; i++) {
		start = st_now_ms();
		player_do(&p, "alloc %" PRIu64 " dram 1", id);
		await(DRAM(0, p.pid, 0) == 10 + i);
		if (st_now_ms() - start > longest)
			longest = st_now_ms() - start;
	}
	print_message(", then within %u ms\n", (unsigned int)longest);
	put_list(0, "");
	await(strstr(slurp("run/metald.json"), "\"processes\":0"));
	player_kill(&p);
}

/* 10^5 processes come and go: nothing of them stays. */
static void come_and_go(void **state)
{
	const int count = 10000, times = 10;
	int round, i, pid = 10000000;
	long before = 0;
	char path[64];
	FILE *file;

	(void)state;
	put_cards(1, 1);
	put_fake(1, 1000, "");
	metald_program = METALD_PLAIN;
	metald_start(QUICK, NULL);
	for (round = 0; round < times; round++) {
		file = fopen("list", "w");
		for (i = 0; i < count; i++) {
			snprintf(path, sizeof(path), "proc/%d", ++pid);
			assert_int_equal(symlink("1", path), 0);
			fprintf(file, "%d\n", pid);
		}
		fclose(file);
		put_list(0, slurp("list"));
		await(strstr(slurp("run/metald.json"), "\"processes\":10000"));
		put_list(0, "");
		await(strstr(slurp("run/metald.json"), "\"processes\":0"));
		if (round == 1)
			before = metald_rss_kib();
	}
	print_message("RSS after 20,000 processes %ld KiB, after 100,000 %ld KiB\n", before,
		      metald_rss_kib());
	assert_between(metald_rss_kib(), 1, before + before / 10);
}

static void once(void **state)
{
	uint64_t id = new_id();
	char *out, *errors, want[512];
	struct player p;

	(void)state;
	/* Without TT-KMD: not that nobody uses a card. */
	assert_int_equal(metald_run("--once", &out, &errors), 1);
	assert_non_null(strstr(errors, "no such card"));
	put_cards(1, 2);
	p = player_start(NULL);
	player_hold(&p, id, 10);
	player_do(&p, "alloc %" PRIu64 " cb 11", id);
	put_fake(4000002, 4294967, "TT_METAL_SHM_TRACKING_DISABLED=1");
	put_pids(0, p.pid, 4000002, 0);
	assert_int_equal(metald_run("--once", &out, &errors), 0);
	snprintf(want, sizeof(want),
		 "    PID USER       CARD CHIP                   ID         DRAM           L1     L1_SMALL        TRACE           CB STATE\n"
		 "%7d root          0    0 %20" PRIu64 "           10            0            0            0           11 counts\n",
		 p.pid, id);
	assert_non_null(strstr(out, want));
	assert_non_null(strstr(out,
		"4000002 4294967       0    -                    -            -            -            -            -            - TT_METAL_SHM_TRACKING_DISABLED=1 in its environment: start it without\n"));
	assert_string_equal(errors, "");
	assert_int_equal(metald_run("--once --json", &out, &errors), 0);
	snprintf(want, sizeof(want),
		 "{\"pid\":%d,\"uid\":0,\"cards\":[{\"card\":0,\"silent\":\"\"}],\"regions\":[{\"id\":%" PRIu64 ",\"state\":\"counts\",\"version\":3,\"card\":0,\"chip\":0,\"dram\":10,\"l1\":0,\"l1_small\":0,\"trace\":0,\"cb\":11}]}",
		 p.pid, id);
	assert_non_null(strstr(out, want));
	/* Nothing was told, and none of its files was made. */
	assert_int_equal(told_lines(), 0);
	assert_int_equal(access("run", F_OK), -1);
	player_kill(&p);
}

static void descriptors(void **state)
{
	char *out, *errors;

	(void)state;
	put_cards(1, 2);
	put("chip_unique_ids:\n  3: 103\n  2: 102\n  1: 101\n  0: 100\n  7: 107\n"
	    "chips_with_mmio:\n  - 0: 4\n  - 2: 6\n"
	    "boards:\n  -\n    - board_id: 72058990196040166\n    - board_type: n300\n"
	    "    - chips:\n        - 1\n        - 0\n"
	    "  -\n    - board_id: 7\n    - chips: [2, 3]\n"
	    "chip_pci_bdfs:\n  2: 0000:41:00.0\n", "cluster.yaml");
	assert_int_equal(metald_run("--chips=cluster.yaml", &out, &errors), 0);
	assert_string_equal(errors, "ttmem-metald: chip 7 of cluster.yaml is left out: which card leads to it is not told\n");
	assert_string_equal(slurp("run/chips"),
			    "# Written by ttmem-metald --chips: a chip's id, its card, the chip there.\n"
			    "103 0000:41:00.0 1\n102 0000:41:00.0 0\n101 4 1\n100 4 0\n");
	/* As UMD wrote it before. */
	put("chip_unique_ids: {\n 0: 100,\n 1: 101,\n}\nchips_with_mmio: [\n 0: 4,\n]\n"
	    "boards: [[{board_id: 7}, {board_type: n300}, {chips: [0,1]}]]\n", "cluster.yaml");
	assert_int_equal(metald_run("--chips=cluster.yaml", &out, &errors), 0);
	assert_string_equal(slurp("run/chips"),
			    "# Written by ttmem-metald --chips: a chip's id, its card, the chip there.\n"
			    "100 4 0\n101 4 1\n");

	/* What is wrong is said, and the file before stays. */
	put("chips: {}\n", "cluster.yaml");
	assert_int_equal(metald_run("--chips=cluster.yaml", &out, &errors), 1);
	assert_non_null(strstr(errors, "it has no chip_unique_ids"));
	put("chip_unique_ids: [\n", "cluster.yaml");
	assert_int_equal(metald_run("--chips=cluster.yaml", &out, &errors), 1);
	assert_non_null(strstr(errors, "cluster.yaml: line"));
	put("chip_unique_ids: {0: 5}\nchip_pci_bdfs: {0: \"0000:01:00.0 0\\n7 8 9\"}\n", "cluster.yaml");
	assert_int_equal(metald_run("--chips=cluster.yaml", &out, &errors), 1);
	assert_non_null(strstr(errors, "chip_pci_bdfs cannot be understood"));
	assert_int_equal(metald_run("--chips=nothing", &out, &errors), 1);
	assert_string_equal(errors, "ttmem-metald: nothing: No such file or directory\n");
	assert_non_null(strstr(slurp("run/chips"), "101 4 1\n"));
}

static void arguments(void **state)
{
	static const char * const wrong[] = {
		"--interval=0", "--interval=61", "--interval=x", "--interval=nan", "more",
		"--json", "--once --chips=x", "--nothing",
	};
	char *out, *errors;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(metald_run(wrong[i], &out, &errors), 2);
		assert_non_null(strstr(errors, "ttmem-metald --help tells more\n"));
	}
	assert_int_equal(metald_run("--help", &out, &errors), 0);
	assert_non_null(strstr(out, "Usage: ttmem-metald"));
	assert_int_equal(metald_run("--version", &out, &errors), 0);
	assert_string_equal(out, "ttmem-metald 0.1.0\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, tree_setup, teardown)
		CASE(layout_2), CASE(layout_3), CASE(layout_4), CASE(silence),
		CASE(container), CASE(forks), CASE(second_user), CASE(stale), CASE(full),
		CASE(sixty_four), CASE(unknown_layout), CASE(not_ready), CASE(bounds),
		CASE(truncation), CASE(elsewhere), CASE(lease),
		CASE(fuse_mapped), CASE(fuse_open), CASE(fuse_wall), CASE(invalidated),
		CASE(forked), CASE(refused), CASE(restart), CASE(tells_itself), CASE(without_lists),
		CASE(hidden_lists), CASE(unreadable_lists),
		CASE(only_card), CASE(map_files), CASE(telemetry), CASE(mesh),
		CASE(reasons), CASE(quota), CASE(crowd),
		CASE(come_and_go), CASE(once), CASE(descriptors), CASE(arguments),
	};

	/* One test, or those that fit a pattern. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("metald", tests, NULL, NULL);
}
