// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose a client is: across fork, exec, dup, threads and passed files, and as
 * it is seen from other pid and user namespaces.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD 0

static void check_owner(int64_t pid, const char *command, uint64_t bytes)
{
	struct st_line line = st_only_line(CARD);

	assert_int_equal(line.pid, pid);
	assert_string_equal(line.command, command);
	assert_int_equal(line.bytes, bytes);
	st_check_used(CARD, bytes, 0);
}

/* Uses the inherited file when told to, and holds it until told again. */
static void use_inherited(int sock, void *arg)
{
	int fd = *(int *)arg;

	prctl(PR_SET_NAME, "child");
	st_hear(sock);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_say(sock);
	st_hear(sock);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	st_say(sock);
	st_hear(sock);
}

static void test_fork(void **state)
{
	int fd = st_open(CARD);
	struct st_child child;
	uint64_t client;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	client = st_only_line(CARD).client;
	child = st_spawn(use_inherited, &fd);
	/* To inherit is not to use. */
	check_owner(getpid(), "test_identity", MIB);
	st_say(child.sock);
	st_hear(child.sock);
	check_owner(child.pid, "child", 2 * MIB);
	assert_int_equal(st_only_line(CARD).client, client);
	/* Nor is to look or to free. */
	assert_int_equal(st_free(fd, 12345), -ENOENT);
	check_owner(child.pid, "child", 2 * MIB);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_owner(getpid(), "test_identity", 3 * MIB);
	st_say(child.sock);
	st_hear(child.sock);
	check_owner(child.pid, "child", 3 * MIB + 64);
	/* The client ends with the last reference, not with the first. */
	close(fd);
	check_owner(child.pid, "child", 3 * MIB + 64);
	st_kill(&child);
	st_check_used(CARD, 0, 0);
}

static void test_dup(void **state)
{
	int fd = st_open(CARD), copy = dup(fd), third = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(copy, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(third, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_owner(getpid(), "test_identity", 3 * MIB);
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), 1);
	close(fd);
	check_owner(getpid(), "test_identity", 3 * MIB);
	close(third);
	check_owner(getpid(), "test_identity", 3 * MIB);
	close(copy);
	st_check_used(CARD, 0, 0);
}

/* Reserves and becomes cat. */
static void exec_cat(int sock, void *arg)
{
	bool keep = *(bool *)arg;
	int fd = open(st_node(CARD), O_RDWR | (keep ? 0 : O_CLOEXEC));

	assert_true(fd >= 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_become_cat(sock);
}

static void check_exec(bool keep)
{
	struct st_child child = st_spawn(exec_cat, &keep);

	st_await_cat(child.sock);
	if (keep)
		check_owner(child.pid, "cat", MIB);
	else
		st_check_used(CARD, 0, 0);
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

/* Holds a MiB, passes the file on and ends when told. */
static void pass_on(int sock, void *arg)
{
	int fd = st_open(CARD);

	(void)arg;
	prctl(PR_SET_NAME, "giver");
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_send_fd(sock, fd);
	close(fd);
	st_say(sock);
	st_hear(sock);
}

static void test_passed_on(void **state)
{
	struct st_child child = st_spawn(pass_on, NULL);
	pid_t giver = child.pid;
	int fd;

	(void)state;
	/* Received or not, it is held; and still the giver's, who used it last. */
	fd = st_receive_fd(child.sock);
	st_hear(child.sock);
	check_owner(giver, "giver", MIB);
	st_say(child.sock);
	st_join(&child);
	/* The number of a dead process may be another's next: it is not shown. */
	check_owner(0, "-", MIB);
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 1);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_owner(getpid(), "test_identity", 2 * MIB);
	close(fd);
	st_check_used(CARD, 0, 0);
}

static bool nothing_held(void *arg)
{
	(void)arg;
	return st_get(CARD, ST_CARD, "dram_used") == 0;
}

/* A file that is only in a socket's queue holds what it holds, until the socket goes. */
static void test_in_flight(void **state)
{
	int fd = st_open(CARD), sock[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_send_fd(sock[0], fd);
	close(fd);
	check_owner(getpid(), "test_identity", MIB);
	close(sock[0]);
	check_owner(getpid(), "test_identity", MIB);
	close(sock[1]);
	assert_true(st_await(nothing_held, NULL));
	st_check_used(CARD, 0, 0);
}

/* Also where the pair of sockets is in its own queue and only the collector finds it. */
static void test_in_flight_cycle(void **state)
{
	int fd = st_open(CARD), sock[2], other[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_send_fd(sock[0], fd);
	st_send_fd(sock[0], sock[0]);
	st_send_fd(sock[0], sock[1]);
	close(fd);
	close(sock[0]);
	close(sock[1]);
	/* The collector starts when some Unix socket is closed. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
	close(other[0]);
	close(other[1]);
	assert_true(st_await(nothing_held, NULL));
	st_check_used(CARD, 0, 0);
}

static void *reserve_thread(void *arg)
{
	int fd = *(int *)arg;

	prctl(PR_SET_NAME, "a thread");
	return (void *)(intptr_t)st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL);
}

/* A thread reserves and ends: the process it belonged to holds. */
static void test_thread_exits(void **state)
{
	int fd = st_open(CARD);
	pthread_t thread;
	void *result;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reserve_thread, &fd), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, 0);
	check_owner(getpid(), "test_identity", MIB);
}

struct orphan {
	int sock;
	int fd;
};

static void *outlive_leader(void *arg)
{
	const struct orphan *orphan = arg;
	char path[64], *status;

	/* Wait for the leader to be dead: its own state says so. */
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)getpid());
	for (;;) {
		status = st_slurp(path);
		if (strstr(status, ") Z "))
			break;
		free(status);
		usleep(1000);
	}
	assert_int_equal(st_reserve(orphan->fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_say(orphan->sock);
	st_hear(orphan->sock);
	_exit(0);
}

static void lose_leader(int sock, void *arg)
{
	static struct orphan orphan;
	pthread_t thread;

	(void)arg;
	prctl(PR_SET_NAME, "leader");
	orphan = (struct orphan){ sock, st_open(CARD) };
	assert_int_equal(pthread_create(&thread, NULL, outlive_leader, &orphan), 0);
	/* The raw call: this thread alone ends, its process goes on. */
	syscall(SYS_exit, 0);
}

/* The first thread is dead, the process is not: it is shown under its number. */
static void test_leader_exits(void **state)
{
	struct st_child child = st_spawn(lose_leader, NULL);

	(void)state;
	st_hear(child.sock);
	check_owner(child.pid, "leader", MIB);
	st_say(child.sock);
	st_join(&child);
	st_check_used(CARD, 0, 0);
}

/* A process that is dead but not waited for is dead: what it held is free. */
static void die_holding(int sock, void *arg)
{
	int fd = st_open(CARD);

	(void)arg;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_send_fd(sock, fd);
}

static void test_zombie(void **state)
{
	struct st_child child = st_spawn(die_holding, NULL);
	siginfo_t info;
	int fd;

	(void)state;
	fd = st_receive_fd(child.sock);
	assert_int_equal(waitid(P_PID, child.pid, &info, WEXITED | WNOWAIT), 0);
	check_owner(0, "-", MIB);
	close(fd);
	st_check_used(CARD, 0, 0);
	st_join(&child);
}

static void check_command(const char *name, const char *shown)
{
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	assert_string_equal(st_only_line(CARD).command, shown);
}

/* Commands are read as they are now, and can neither end a line nor reach a terminal. */
static void test_command_escaped(void **state)
{
	int fd = st_open(CARD), byte;
	char name[4] = "a?b", shown[16];

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	check_command("new name", "new name");
	check_command("a\nb\tc\x1b[2J\\", "a\\012b\\011c\\033[2J\\134");
	check_command(" two  blanks ", " two  blanks ");
	check_command("\n0 0 0 0", "\\0120 0 0 0");
	for (byte = 1; byte < ' '; byte++) {
		name[1] = byte;
		snprintf(shown, sizeof(shown), "a\\%03ob", byte);
		check_command(name, shown);
	}
	for (byte = 0x7f; byte < 0x100; byte++) {
		name[1] = byte;
		snprintf(shown, sizeof(shown), "a\\%03ob", byte);
		check_command(name, shown);
	}
	check_command("", "");
	st_check_used(CARD, MIB, 0);
	prctl(PR_SET_NAME, "test_identity");
}

/* The first process of a pid namespace with its own /proc. */
static void inside_pid_namespace(int sock)
{
	struct st_line *lines;
	size_t count, i;
	bool mine = false;
	int fd;

	/* Its number outside is on its way through the same socket. */
	st_hear(sock);
	assert_int_equal(getpid(), 1);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("proc", "/proc", "proc", 0, NULL), 0);
	prctl(PR_SET_NAME, "inner");
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);

	/* Itself by its number here; the outside's not at all, but for its bytes. */
	count = st_clients(CARD, &lines);
	assert_int_equal(count, 2);
	for (i = 0; i < count; i++) {
		if (lines[i].bytes == MIB) {
			assert_int_equal(lines[i].pid, 1);
			assert_string_equal(lines[i].command, "inner");
			mine = true;
		} else {
			assert_int_equal(lines[i].bytes, 4 * MIB);
			assert_int_equal(lines[i].pid, 0);
			assert_string_equal(lines[i].command, "-");
		}
	}
	assert_true(mine);
	st_check_used(CARD, 5 * MIB, 0);
	st_say(sock);
	st_hear(sock);
}

static void test_pid_namespace(void **state)
{
	struct st_child child;
	struct st_line *lines;
	int fd = st_open(CARD);
	size_t count, i, seen = 0;
	pid_t inner;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4 * MIB, 0, NULL), 0);
	child = st_spawn_in_pid_namespace(inside_pid_namespace, &inner);
	st_say(child.sock);
	st_hear(child.sock);
	/* From outside every process has a number, the one it has here. */
	count = st_clients(CARD, &lines);
	for (i = 0; i < count; i++) {
		if (lines[i].pid == inner) {
			assert_int_equal(lines[i].bytes, MIB);
			assert_string_equal(lines[i].command, "inner");
			seen++;
		} else {
			assert_int_equal(lines[i].pid, getpid());
			seen++;
		}
	}
	assert_int_equal(seen, 2);
	st_say(child.sock);
	st_join(&child);
	st_check_used(CARD, 4 * MIB, 0);
}

/* In a user namespace where 0 outside is 1000 inside, and nobody else has a number. */
static void inside_user_namespace(int sock, void *arg)
{
	const uint64_t *clients = arg;
	struct ttmem_reservation entry;
	struct ttmem_reservations request = {
		.client = clients[1],
		.entries = (uintptr_t)&entry,
		.count = 1,
		.entry_size = sizeof(entry),
	};
	struct st_line *lines;
	size_t count, i;
	int fd;

	assert_int_equal(unshare(CLONE_NEWUSER), 0);
	assert_int_equal(st_write("/proc/self/setgroups", "deny"), 0);
	assert_int_equal(st_write("/proc/self/uid_map", "1000 0 1"), 0);
	assert_int_equal(getuid(), 1000);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	count = st_clients(CARD, &lines);
	assert_int_equal(count, 3);
	for (i = 0; i < count; i++)
		assert_int_equal(lines[i].uid, lines[i].client == clients[1] ? 65534 : 1000);
	/* All power inside is no right to look into another user's process outside. */
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), -EACCES);
	/* Nor to write the card's files. */
	assert_true(st_put(CARD, 0, "dram_used", "0") < 0);
	st_check_used(CARD, 6 * MIB, 0);
	st_say(sock);
	st_hear(sock);
}

static void hold_as_user(int sock, void *arg)
{
	int fd = st_open(CARD);

	assert_int_equal(setresuid(4242, 4242, 4242), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4 * MIB, 0, NULL), 0);
	(void)arg;
	st_say(sock);
	st_hear(sock);
}

static void test_user_namespace(void **state)
{
	struct st_child user, inside;
	struct st_line *lines;
	uint64_t clients[2];
	int fd = st_open(CARD);
	size_t count, i;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	clients[0] = st_only_line(CARD).client;
	user = st_spawn(hold_as_user, NULL);
	st_hear(user.sock);
	assert_int_equal(st_clients(CARD, &lines), 2);
	clients[1] = lines[0].client == clients[0] ? lines[1].client : lines[0].client;
	inside = st_spawn(inside_user_namespace, clients);
	st_hear(inside.sock);
	/* From outside: 0 is 0, whatever it is called inside. */
	count = st_clients(CARD, &lines);
	assert_int_equal(count, 3);
	for (i = 0; i < count; i++)
		assert_int_equal(lines[i].uid, lines[i].client == clients[1] ? 4242 : 0);
	st_say(inside.sock);
	st_join(&inside);
	st_say(user.sock);
	st_join(&user);
	st_check_used(CARD, MIB, 0);
}

/* The user shown is the effective one that used the file last. */
static void switch_user(int sock, void *arg)
{
	int fd = st_open(CARD);

	(void)arg;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_only_line(CARD).uid, 0);
	assert_int_equal(seteuid(777), 0);
	assert_int_equal(st_only_line(CARD).uid, 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	assert_int_equal(st_only_line(CARD).uid, 777);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(st_only_line(CARD).uid, 777);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_only_line(CARD).uid, 0);
	/* A use that is refused is none. */
	assert_int_equal(seteuid(777), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1ull << 39, 0, NULL), -ENOSPC);
	assert_int_equal(st_only_line(CARD).uid, 0);
	st_say(sock);
}

static void test_effective_user(void **state)
{
	struct st_child child = st_spawn(switch_user, NULL);

	(void)state;
	st_join(&child);
	st_check_used(CARD, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_fork),
		ST_TEST(test_dup),
		ST_TEST(test_exec),
		ST_TEST(test_passed_on),
		ST_TEST(test_in_flight),
		ST_TEST(test_in_flight_cycle),
		ST_TEST(test_thread_exits),
		ST_TEST(test_leader_exits),
		ST_TEST(test_zombie),
		ST_TEST(test_command_escaped),
		ST_TEST(test_pid_namespace),
		ST_TEST(test_user_namespace),
		ST_TEST(test_effective_user),
	};

	return ST_RUN(tests);
}
