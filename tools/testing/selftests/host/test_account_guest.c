// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-account before the real module: clients that reserve, in a control group, and are
 * killed; what ttmem-smi tells of them afterwards; a buffer that is too small; a user who
 * opens and closes all the time; the module loaded anew, and the service killed.
 */
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../selftest.h"
#include "fake.h"

#define CARD		0
#define NOBODY		65534
#define INSTANCE	"/sys/kernel/tracing/instances/ttmem-account"
#define GROUP		"/sys/fs/cgroup/job_71"
#define LOG		"/var/log/ttmem/account.log"
#define STATE		"/run/ttmem/account.json"
#define AS_NOBODY	"setpriv --reuid 65534 --regid 65534 --clear-groups "

static char out[1 << 20], err[8192];
static pid_t service;

static bool is_recording(void *arg)
{
	char *text = access(STATE, F_OK) ? NULL : st_slurp(STATE);
	bool yes = text && strstr(text, "\"recording\":true");

	(void)arg;
	free(text);
	return yes;
}

/* Start ttmem-account with these options, and wait until it records. */
static void start(const char *options)
{
	char command[512];

	unlink(STATE);
	snprintf(command, sizeof(command), "exec " TTMEM_ACCOUNT " %s", options);
	service = fork();
	assert_true(service >= 0);
	if (!service) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	assert_true(st_await(is_recording, NULL));
}

static void end_service(void)
{
	int status;

	assert_int_equal(kill(service, SIGTERM), 0);
	assert_int_equal(waitpid(service, &status, 0), service);
	service = 0;
	assert_int_equal(status, 0);
	assert_int_equal(access(INSTANCE, F_OK), -1);
	assert_int_equal(access(STATE, F_OK), -1);
}

static int teardown(void **state)
{
	if (service) {
		kill(service, SIGKILL);
		waitpid(service, NULL, 0);
		service = 0;
	}
	rmdir(INSTANCE);
	return st_teardown(state);
}

static int setup(void **state)
{
	if (access("/sys/kernel/tracing/instances", F_OK)) {
		print_message("skipped: no tracefs at /sys/kernel/tracing\n");
		skip();
	}
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		return -1;
	assert_int_equal(system("rm -rf /var/log/ttmem"), 0);
	return fake_setup(state);
}

static int both_teardowns(void **state)
{
	int ret = teardown(state);

	return fake_teardown(state) || ret ? -1 : 0;
}

static const char *run_ok(const char *command)
{
	int status = run(command, out, sizeof(out), err, sizeof(err));

	if (status)
		fail_msg("%s: %d: %s", command, status, err);
	return out;
}

static uint64_t number(const char *command)
{
	return strtoull(run_ok(command), NULL, 10);
}

static const char *const accounted = TTMEM_SMI
	" --query-accounted-apps=card,pid,uid,command,cgroup,dram.peak,l1.peak,chip0.dram.peak"
	" --format=csv,noheader,nounits";

/* Lines appear a moment after the end of their clients. */
static bool has_lines(void *arg)
{
	char command[64];

	snprintf(command, sizeof(command), "grep -c '\"event\":\"client\"' %s", LOG);
	run(command, out, sizeof(out), err, sizeof(err));
	return strtoull(out, NULL, 10) >= *(uint64_t *)arg;
}

static void await_lines(uint64_t count)
{
	if (!st_await(has_lines, &count))
		fail_msg("%s lines of %lu", out, (unsigned long)count);
}

static void enter_group(void)
{
	assert_int_equal(st_write(GROUP "/cgroup.procs", "0"), 0);
}

static void become_nobody(void)
{
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setgid(NOBODY), 0);
	assert_int_equal(setuid(NOBODY), 0);
}

/* Opens, reserves, gives a part back, and stays until it is killed. */
static void holder(int sock, void *arg)
{
	uint64_t handle;
	int fd;

	(void)arg;
	enter_group();
	become_nobody();
	assert_int_equal(prctl(PR_SET_NAME, "a\nb: ttmem_c,\""), 0);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, 4096, 0, NULL), 0);
	st_say(sock);
	for (;;)
		pause();
}

static void test_killed(void **state)
{
	struct st_child child;
	char expected[256];
	pid_t pid;

	(void)state;
	start("");
	child = st_spawn(holder, NULL);
	st_hear(child.sock);
	pid = child.pid;
	assert_int_equal(number("grep -c '\"client\"' " LOG " || :"), 0);
	st_kill(&child);
	await_lines(1);
	snprintf(expected, sizeof(expected),
		 "%d, %d, %d,\"a?b: ttmem_c,\"\"\", /job_71, %llu, 4096, %llu\n",
		 CARD, pid, NOBODY, 5 * MIB, 5 * MIB);
	assert_string_equal(run_ok(accounted), expected);
	assert_string_equal(err, "");
	/* One line each, whatever its name; and it is not for everybody. */
	assert_int_equal(number("wc -l < " LOG), 2);
	assert_int_equal(number("stat -c %a " LOG), 640);
	assert_int_equal(number("stat -c %a /var/log/ttmem"), 750);
	assert_int_equal(run(AS_NOBODY TTMEM_SMI " --query-accounted-apps=pid", out, sizeof(out),
			     err, sizeof(err)), 4);
	assert_non_null(strstr(err, "sudo"));
	assert_int_equal(run(AS_NOBODY TTMEM_SMI " -am", out, sizeof(out), err, sizeof(err)), 0);
	assert_non_null(strstr(out, "Accounting Mode: Enabled"));
	/* There is one of it. */
	assert_int_equal(run(TTMEM_ACCOUNT, out, sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(err, "another ttmem-account is running"));
	end_service();
	assert_string_equal(run_ok("sed -n 's/^{\"event\":\"\\(st[a-z]*\\)\".*/\\1/p' " LOG),
			    "start\nstop\n");
	run_ok(accounted);
	assert_non_null(strstr(err, "is not running"));
}

/* What ttmem-run starts is written down under its own name, whoever closed the card last. */
static void test_run(void **state)
{
	(void)state;
	start("");
	run_ok(TTMEM_RUN " --dram 1M -- sleep 0.1");
	run_ok(TTMEM_RUN " --exec --dram 2M -- /bin/sleep 0.1");
	await_lines(2);
	run_ok(TTMEM_SMI
	       " --query-accounted-apps=command,dram.peak --format=csv,noheader,nounits");
	assert_string_equal(out, "sleep, 1048576\nsleep, 2097152\n");
	end_service();
}

/* Holds on each chip of a card something of its own. */
static void hold_on_chips(int sock, void *arg)
{
	int card = *(int *)arg, fd = st_open(card), chip;

	for (chip = 0; chip < st_chips(card); chip++)
		assert_int_equal(st_reserve(fd, chip, TTMEM_DRAM, 0, (1 + card + 10 * chip) * MIB,
					    0, NULL), 0);
	st_say(sock);
	for (;;)
		pause();
}

/* Cards of each kind; nothing was held on a chip that a card does not have. */
static void test_every_card(void **state)
{
	char expected[4096] = "";
	struct st_child child;
	size_t len = 0;
	int card;

	(void)state;
	start("");
	for (card = 0; card < st_cards(); card++) {
		child = st_spawn(hold_on_chips, &card);
		st_hear(child.sock);
		len += snprintf(expected + len, sizeof(expected) - len, "%d, %d, %llu, %llu\n",
				card, child.pid, (1 + card) * MIB,
				st_chips(card) > 1 ? (1 + card + 10) * MIB : 0);
		st_kill(&child);
		await_lines(card + 1);
	}
	assert_string_equal(run_ok(TTMEM_SMI
				   " --query-accounted-apps=card,pid,chip0.dram.peak,chip1.dram.peak"
				   " --format=csv,noheader,nounits"), expected);
	end_service();
}

/* A client that speaks for another process is that one's, its control group too. */
static void wait_in_group(int sock, void *arg)
{
	(void)arg;
	enter_group();
	st_say(sock);
	st_hear(sock);
}

static void test_attributed(void **state)
{
	struct st_child child;
	char expected[256];
	pid_t pid;
	int fd;

	(void)state;
	start("");
	child = st_spawn(wait_in_group, NULL);
	st_hear(child.sock);
	pid = child.pid;
	fd = st_open(CARD);
	assert_int_equal(st_attribute(fd, pid), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 3 * MIB), 0);
	usleep(200000);
	st_say(child.sock);
	st_join(&child);
	close(fd);
	await_lines(1);
	snprintf(expected, sizeof(expected), "%d, %d, 0, test_account_gu, /job_71, %llu, 0, %llu\n",
		 CARD, pid, 3 * MIB, 3 * MIB);
	assert_string_equal(run_ok(accounted), expected);
	end_service();
}

static void open_and_close(long count)
{
	long i;

	for (i = 0; i < count; i++)
		close(st_open(CARD));
}

/* What the kernel had to overwrite is counted, and told to who asks. */
static void test_lost(void **state)
{
	const uint64_t count = 4000;
	uint64_t lines, lost;

	(void)state;
	start("--buffer 4");
	assert_int_equal(kill(service, SIGSTOP), 0);
	open_and_close(count);
	assert_int_equal(kill(service, SIGCONT), 0);
	await_lines(1);
	end_service();
	lines = number("grep -c '\"event\":\"client\"' " LOG);
	lost = number("sed -n 's/.*\"lost\",\"events\":\\([0-9]*\\),.*/\\1/p' " LOG
		      " | awk '{ n += $1 } END { print n + 0 }'");
	/* Each has a begin and an end; no end is missing that was not counted. */
	assert_between(lines, 1, count - 1);
	assert_between(lost, count - lines, 2 * count - lines);
	run_ok(accounted);
	assert_non_null(strstr(err, "events were lost"));
	run_ok(TTMEM_SMI " -q -d ACCOUNTING");
	assert_null(strstr(out, "Lost Events                               : 0\n"));
}

static void hostile(int sock, void *arg)
{
	(void)sock;
	become_nobody();
	open_and_close(*(long *)arg);
}

/* Who opens and closes all the time takes no memory and pushes nobody out. */
static void test_flood(void **state)
{
	long count = st_many(100000);
	struct st_child child;
	uint64_t lines, left_out;
	int fd;

	(void)state;
	start("--size 256K --rate 300 --buffer 16384");
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 7 * MIB, 0, NULL), 0);
	close(fd);
	await_lines(1);
	child = st_spawn(hostile, &count);
	st_join(&child);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 9 * MIB, 0, NULL), 0);
	close(fd);
	/* Whatever was recorded is read before it ends. */
	snprintf(out, sizeof(out), "awk '/VmHWM/ { print $2 }' /proc/%d/status", service);
	assert_between(number(strdupa(out)), 1, 32768);
	end_service();
	assert_int_equal(number("cat " LOG "* | grep -c '\"uid\":0,.*dram_peak\":7340032,'"), 1);
	assert_int_equal(number("cat " LOG "* | grep -c '\"uid\":0,.*dram_peak\":9437184,'"), 1);
	lines = number("cat " LOG "* | grep -c '\"client\",\"uid\":65534,'");
	left_out = number("cat " LOG "* | sed -n 's/.*\"left_out\",\"uid\":65534,\"clients\":\\([0-9]*\\),.*/\\1/p'"
			  " | awk '{ n += $1 } END { print n + 0 }'");
	assert_int_equal(number("cat " LOG "* | grep -c '\"lost\"' || :"), 0);
	assert_int_equal(lines + left_out, count);
	assert_between(lines, 1, count - 1);
	assert_between(number("cat " LOG "* | wc -c"), 1, 256 * 1024);
}

/* What was recorded while it was dead is read by the next one. */
static void test_service_killed(void **state)
{
	int fd;

	(void)state;
	start("");
	assert_int_equal(kill(service, SIGKILL), 0);
	assert_int_equal(waitpid(service, NULL, 0), service);
	service = 0;
	assert_int_equal(access(INSTANCE, F_OK), 0);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 2 * MIB, 0, NULL), 0);
	close(fd);
	start("");
	await_lines(1);
	run_ok(accounted);
	assert_non_null(strstr(out, "2097152"));
	end_service();
}

static void test_reload(void **state)
{
	int fd;

	(void)state;
	start("");
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	close(fd);
	await_lines(1);
	/* Where an event that is on keeps the module, it is for the service to end first. */
	if (st_unload("ttmem")) {
		print_message("skipped: this kernel keeps a module whose events are recorded\n");
		end_service();
		skip();
	}
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
	assert_int_equal(unlink(STATE), 0);
	assert_true(st_await(is_recording, NULL));
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 3 * MIB, 0, NULL), 0);
	close(fd);
	await_lines(2);
	run_ok(accounted);
	assert_non_null(strstr(out, "3145728"));
	end_service();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, both_teardowns)
		TEST(test_killed),
		TEST(test_run),
		TEST(test_every_card),
		TEST(test_attributed),
		TEST(test_lost),
		TEST(test_flood),
		TEST(test_service_killed),
		TEST(test_reload),
	};

	return ST_RUN(tests);
}
