// SPDX-License-Identifier: GPL-2.0-only
/*
 * ATTRIBUTE: a client that speaks for another process. Who may say so and of whom,
 * what is shown for it while that process lives, changes and runs other programs,
 * and that nothing is left of it at the first look after that process has gone.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD	0
#define USER	4242

/* A process to speak for: it waits, and ends when told. */
static void target_main(int sock, void *arg)
{
	uid_t uid = (uintptr_t)arg;

	prctl(PR_SET_NAME, "target");
	assert_int_equal(setresuid(uid, uid, uid), 0);
	st_say(sock);
	st_hear(sock);
}

static struct st_child spawn_target(uid_t uid)
{
	struct st_child target = st_spawn(target_main, (void *)(uintptr_t)uid);

	st_hear(target.sock);
	return target;
}

/* An open file that speaks for @pid and has told @bytes for it. */
static int open_for(pid_t pid, uint64_t bytes)
{
	int fd = st_open(CARD);

	assert_int_equal(st_attribute(fd, pid), 0);
	if (bytes)
		assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, bytes), 0);
	return fd;
}

/* Kills a child and sees it dead; nobody waits for it. */
static void kill_unwaited(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
}

static void check_fdinfo(int fd, const char *key, const char *value)
{
	char text[64];

	st_fdinfo(fd, key, text, sizeof(text));
	assert_string_equal(text, value);
}

static void check_line(pid_t pid, uid_t uid, const char *command, uint64_t bytes)
{
	struct st_line line = st_only_line(CARD);

	assert_true(line.attributed);
	assert_int_equal(line.pid, pid);
	assert_int_equal(line.uid, uid);
	assert_string_equal(line.command, command);
	assert_int_equal(line.bytes, bytes);
	st_check_used(CARD, bytes, 0);
}

static void use_file(int sock, void *arg)
{
	int fd = *(int *)arg;

	prctl(PR_SET_NAME, "user");
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_say(sock);
	st_hear(sock);
}

/* Whoever uses the file, it is shown for the one that it speaks for. */
static void test_shown(void **state)
{
	struct st_child target = spawn_target(USER), user;
	pid_t pid = target.pid;
	int fd = st_open(CARD);
	uint64_t client = st_client(fd);

	(void)state;
	check_fdinfo(fd, "ttmem-source", "self");
	assert_int_equal(st_attribute(fd, pid), 0);
	check_fdinfo(fd, "ttmem-source", "attributed");
	check_fdinfo(fd, "ttmem-state", "live");
	assert_int_equal(st_client(fd), client);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	check_line(pid, USER, "target", MIB);
	assert_int_equal(st_only_line(CARD).client, client);
	user = st_spawn(use_file, &fd);
	st_hear(user.sock);
	check_line(pid, USER, "target", 2 * MIB);
	st_say(user.sock);
	st_join(&user);
	check_line(pid, USER, "target", 2 * MIB);
	assert_int_equal(st_free_all(fd), 0);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	/* Its end is the file's as well as the process's. */
	close(fd);
	st_check_used(CARD, 0, 0);
	st_say(target.sock);
	st_join(&target);
}

static void *tell_tid_and_wait(void *arg)
{
	int *sock = arg;
	pid_t tid = gettid();

	assert_int_equal(send(*sock, &tid, sizeof(tid), 0), sizeof(tid));
	st_hear(*sock);
	return NULL;
}

static void with_thread(int sock, void *arg)
{
	pthread_t thread;

	(void)arg;
	assert_int_equal(pthread_create(&thread, NULL, tell_tid_and_wait, &sock), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A number that no process ever has. */
static pid_t unused_pid(void)
{
	char *text = st_slurp("/proc/sys/kernel/pid_max");
	pid_t pid;

	assert_non_null(text);
	pid = atoi(text);
	free(text);
	return pid;
}

#define ATTRIBUTE_REFUSED(error, ...) \
	do { \
		struct ttmem_attribute bad_ = { .pid = 1, __VA_ARGS__ }; \
\
		ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_ATTRIBUTE, &bad_), error); \
	} while (0)

static void test_refused(void **state)
{
	struct st_child threaded = st_spawn(with_thread, NULL), zombie = spawn_target(0);
	int fd = st_open(CARD), bit;
	pid_t tid;

	(void)state;
	ATTRIBUTE_REFUSED(EINVAL, .pid = 0);
	ATTRIBUTE_REFUSED(EINVAL, .pid = -1);
	ATTRIBUTE_REFUSED(EINVAL, .pid = -getpid());
	ATTRIBUTE_REFUSED(EINVAL, .pid = INT_MIN);
	ATTRIBUTE_REFUSED(EINVAL, .reserved = 1);
	ATTRIBUTE_REFUSED(EINVAL, .reserved = 1u << 31);
	for (bit = 0; bit < 32; bit++)
		ATTRIBUTE_REFUSED(EINVAL, .flags = 1u << bit);

	ATTRIBUTE_REFUSED(ESRCH, .pid = unused_pid());
	ATTRIBUTE_REFUSED(ESRCH, .pid = INT_MAX);
	assert_int_equal(recv(threaded.sock, &tid, sizeof(tid), MSG_WAITALL), sizeof(tid));
	assert_int_not_equal(tid, threaded.pid);
	ATTRIBUTE_REFUSED(ESRCH, .pid = tid);
	kill_unwaited(zombie.pid);
	ATTRIBUTE_REFUSED(ESRCH, .pid = zombie.pid);
	/* The kernel's own. */
	ATTRIBUTE_REFUSED(EPERM, .pid = 2);
	check_fdinfo(fd, "ttmem-source", "self");

	/* None of that has used up the one time. */
	assert_int_equal(st_attribute(fd, threaded.pid), 0);
	st_say(threaded.sock);
	st_join(&threaded);
	st_kill(&zombie);
	st_check_dead(fd, "exited");
}

static void become(uid_t uid)
{
	assert_int_equal(setresgid(uid, uid, uid), 0);
	assert_int_equal(setresuid(uid, uid, uid), 0);
}

static void set_effective(uint32_t set, uint32_t clear)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = (data[0].effective | set) & ~clear;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

#define SYS_PTRACE	(1u << CAP_SYS_PTRACE)

/* Whoever has no right to say it learns nothing from the answer either. */
static void check_own_only(pid_t target)
{
	int fd = st_try_open(CARD);

	assert_true(fd >= 0);
	assert_int_equal(st_attribute(fd, target), -EPERM);
	assert_int_equal(st_attribute(fd, getppid()), -EPERM);
	assert_int_equal(st_attribute(fd, 1), -EPERM);
	assert_int_equal(st_attribute(fd, 2), -EPERM);
	assert_int_equal(st_attribute(fd, unused_pid()), -EPERM);
	assert_int_equal(st_attribute(fd, 0), -EINVAL);
	assert_int_equal(st_attribute(fd, getpid()), 0);
	close(fd);
}

static void as_user(int sock, void *arg)
{
	(void)sock;
	become(USER);
	check_own_only(*(pid_t *)arg);
}

static void as_root_without(int sock, void *arg)
{
	(void)sock;
	set_effective(0, SYS_PTRACE);
	check_own_only(*(pid_t *)arg);
}

static void in_user_namespace(int sock, void *arg)
{
	(void)sock;
	become(USER);
	assert_int_equal(unshare(CLONE_NEWUSER), 0);
	check_own_only(*(pid_t *)arg);
}

static void as_user_with(int sock, void *arg)
{
	int fd;

	(void)sock;
	assert_int_equal(prctl(PR_SET_KEEPCAPS, 1), 0);
	become(USER);
	set_effective(SYS_PTRACE, 0);
	fd = st_try_open(CARD);
	assert_true(fd >= 0);
	assert_int_equal(st_attribute(fd, *(pid_t *)arg), 0);
}

static void test_permissions(void **state)
{
	static void (*const as[])(int sock, void *arg) = {
		as_user, as_root_without, in_user_namespace, as_user_with,
	};
	/* Of the same user as those that try. */
	struct st_child target = spawn_target(USER), child;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(as); i++) {
		child = st_spawn(as[i], &target.pid);
		st_join(&child);
	}
	st_say(target.sock);
	st_join(&target);
}

/* Once for each client, and only while it holds nothing; then its peaks start anew. */
static void test_busy(void **state)
{
	struct st_child target = spawn_target(0);
	pid_t pid = target.pid;
	int fd = st_open(CARD);
	int64_t *counters = st_map(fd);
	uint64_t handle, client = st_client(fd);

	(void)state;
	assert_non_null(counters);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	ATTRIBUTE_REFUSED(EBUSY, .pid = pid);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 64), 0);
	ATTRIBUTE_REFUSED(EBUSY, .pid = pid);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	/* What its counters say is held, whether or not anybody has looked. */
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 4096;
	assert_int_equal(st_attribute(fd, pid), -EBUSY);
	st_check_used(CARD, 4096, 0);
	ATTRIBUTE_REFUSED(EBUSY, .pid = pid);
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 0;
	assert_int_equal(st_own_peak(CARD, client, 0, TTMEM_DRAM), MIB);
	assert_int_equal(st_own_peak(CARD, client, 0, TTMEM_L1), 64);
	check_fdinfo(fd, "ttmem-source", "self");

	assert_int_equal(st_attribute(fd, pid), 0);
	assert_int_equal(st_own_peak(CARD, client, 0, TTMEM_DRAM), 0);
	assert_int_equal(st_own_peak(CARD, client, 0, TTMEM_L1), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-peak-chip0-dram", NULL, 0), 0);
	ATTRIBUTE_REFUSED(EBUSY, .pid = pid);
	ATTRIBUTE_REFUSED(EBUSY, .pid = getpid());
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	ATTRIBUTE_REFUSED(EBUSY, .pid = pid);
	check_line(pid, 0, "target", MIB);
	st_say(target.sock);
	st_join(&target);
}

/* Goes by another name, another user, and at last another program. */
static void change(int sock, void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "first");
	st_say(sock);
	st_hear(sock);
	prctl(PR_SET_NAME, "a\nsecond");
	st_say(sock);
	st_hear(sock);
	assert_int_equal(setresuid(-1, 777, -1), 0);
	st_say(sock);
	st_hear(sock);
	assert_int_equal(dup2(sock, 0), 0);
	assert_int_equal(dup2(sock, 1), 1);
	execl("/bin/cat", "cat", (char *)NULL);
	fail_msg("exec: %s", strerror(errno));
}

static void test_target_changes(void **state)
{
	struct st_child target = st_spawn(change, NULL);
	pid_t pid = target.pid;

	(void)state;
	st_hear(target.sock);
	open_for(pid, MIB);
	check_line(pid, 0, "first", MIB);
	st_say(target.sock);
	st_hear(target.sock);
	check_line(pid, 0, "a\\012second", MIB);
	st_say(target.sock);
	st_hear(target.sock);
	check_line(pid, 777, "a\\012second", MIB);
	st_say(target.sock);
	/* The other program says that it runs by giving a byte back. */
	st_say(target.sock);
	st_hear(target.sock);
	check_line(pid, 777, "cat", MIB);
	assert_int_equal(shutdown(target.sock, SHUT_WR), 0);
	st_join(&target);
	st_check_used(CARD, 0, 0);
}

/* An agent that tells for another process, and then is stopped in the middle of all. */
static void agent_main(int sock, void *arg)
{
	int fd = open_for(*(pid_t *)arg, MIB), i;

	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 64), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	st_say(sock);
	st_hear(sock);
	st_check_dead(fd, "exited");
	close(fd);
}

/* Killed, and nobody has noticed: neither the parent nor the stopped agent. It reads 0 at once. */
static void test_killed_and_agent_stopped(void **state)
{
	struct st_child target = spawn_target(USER), agent;
	struct st_line *lines;
	siginfo_t info;

	(void)state;
	agent = st_spawn(agent_main, &target.pid);
	st_hear(agent.sock);
	st_check_used(CARD, MIB + 40960, 64);
	assert_int_equal(kill(agent.pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, agent.pid, &info, WSTOPPED | WNOWAIT), 0);
	kill_unwaited(target.pid);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 0);
	assert_int_equal(st_get(CARD, ST_CARD, "l1_used"), 0);
	assert_int_equal(st_get(CARD, ST_CARD, "reservations"), 0);
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), 0);
	assert_int_equal(st_list(CARD, &lines), 0);
	st_check_used(CARD, 0, 0);
	assert_int_equal(kill(agent.pid, SIGCONT), 0);
	st_say(agent.sock);
	st_join(&agent);
	st_kill(&target);
}

/* The looks, each of which is the first after the target has gone. */
static int looker;

static void look_list(void)
{
	struct st_line *lines;

	assert_int_equal(st_list(CARD, &lines), 0);
	free(lines);
}

static void look_info(void)
{
	struct ttmem_info info;

	assert_int_equal(st_info(looker, &info), 0);
	assert_int_equal(info.used, 0);
}

/* Anew from what is used, which is nothing. */
static void look_peak_restart(void)
{
	assert_int_equal(st_put(CARD, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 0);
}

/* The books say that much is taken, so it is looked before that is refused. */
static void look_reserve(void)
{
	uint64_t handle;

	assert_int_equal(st_reserve(looker, 0, TTMEM_DRAM, 0, st_get(CARD, 0, "dram_total"), 0,
				    &handle), 0);
	assert_int_equal(st_free(looker, handle), 0);
}

static int open_for_all(pid_t pid)
{
	int fd = open_for(pid, MIB);

	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 64), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 64), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	return fd;
}

static void test_each_look(void **state)
{
	static void (*const looks[])(void) = {
		look_list, look_info, look_peak_restart, look_reserve,
	};
	static const char *const files[] = {
		"dram_used", "l1_used", "dram_trace_used", "l1_cb_used", "clients", "reservations",
	};
	uint64_t denied = st_get(CARD, ST_CARD, "denied");
	size_t i;
	int chip;

	(void)state;
	looker = st_open(CARD);
	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		struct st_child target = spawn_target(0);
		int fd = open_for_all(target.pid);

		st_kill(&target);
		looks[i]();
		st_check_dead(fd, "exited");
		close(fd);
	}
	for (i = 0; i < ARRAY_SIZE(files); i++)
		for (chip = ST_CARD; chip <= 0; chip++) {
			struct st_child target = spawn_target(0);
			int fd = open_for_all(target.pid);

			assert_int_not_equal(st_get(CARD, chip, files[i]), 0);
			st_kill(&target);
			assert_int_equal(st_get(CARD, chip, files[i]), 0);
			st_check_dead(fd, "exited");
			close(fd);
		}
	assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied);
}

/* And the two that are about the one client: its own calls and its fdinfo. */
static void test_look_at_one(void **state)
{
	int number;

	(void)state;
	for (number = 0; number < 4; number++) {
		struct st_child target = spawn_target(0);
		int fd = open_for_all(target.pid);
		struct ttmem_info info;

		st_kill(&target);
		if (number == 0)
			check_fdinfo(fd, "ttmem-state", "exited");
		else if (number == 1)
			assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), -ESRCH);
		else if (number == 2)
			assert_int_equal(st_info(fd, &info), -ESRCH);
		else
			assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 0), -ESRCH);
		st_check_dead(fd, "exited");
		st_check_used(CARD, 0, 0);
		/* What follows is no matter of that client's. */
		close(fd);
		st_check_used(CARD, 0, 0);
	}
}

/* The file is closed, by its owner or with its agent, before anybody has looked. */
static void test_closed_before_a_look(void **state)
{
	struct st_child target = spawn_target(0), agent;
	int fd = open_for(target.pid, MIB);

	(void)state;
	agent = st_spawn(agent_main, &target.pid);
	st_hear(agent.sock);
	st_kill(&target);
	st_kill(&agent);
	close(fd);
	assert_int_equal(st_get(CARD, ST_CARD, "reservations"), 0);
	st_check_used(CARD, 0, 0);
}

static void *outlive_leader(void *arg)
{
	int sock = *(int *)arg;
	char path[64], *status;
	bool dead;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)getpid());
	do {
		status = st_slurp(path);
		dead = strstr(status, ") Z ");
		free(status);
	} while (!dead);
	st_say(sock);
	st_hear(sock);
	_exit(0);
}

static void lose_leader(int sock, void *arg)
{
	static int thread_sock;
	pthread_t thread;

	(void)arg;
	prctl(PR_SET_NAME, "leader");
	thread_sock = sock;
	st_hear(sock);
	assert_int_equal(pthread_create(&thread, NULL, outlive_leader, &thread_sock), 0);
	/* The raw call: this thread alone ends, its process goes on. */
	syscall(SYS_exit, 0);
}

/* A process lives as long as one of its threads does, before and after it was named. */
static void test_leader_exits(void **state)
{
	struct st_child target = st_spawn(lose_leader, NULL);
	int fd = open_for(target.pid, MIB), later = st_open(CARD);
	siginfo_t info;

	(void)state;
	st_say(target.sock);
	st_hear(target.sock);
	check_line(target.pid, 0, "leader", MIB);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	check_line(target.pid, 0, "leader", 64);
	assert_int_equal(st_attribute(later, target.pid), 0);
	st_say(target.sock);
	assert_int_equal(waitid(P_PID, target.pid, &info, WEXITED | WNOWAIT), 0);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
	st_check_dead(later, "exited");
	st_join(&target);
}

static void wait_for_end(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* Makes a child that has a certain number; -1 if the kernel does not. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	fflush(NULL);
	return syscall(SYS_clone3, &args, sizeof(args));
}

/* Another process that gets the number of the one that has gone is another one. */
static void test_number_reused(void **state)
{
	struct st_child target = spawn_target(0);
	pid_t pid = target.pid, again;
	int fd = open_for(pid, MIB), fresh;

	(void)state;
	st_kill(&target);
	again = fork_as(pid);
	if (again < 0) {
		print_message("skipped: this kernel makes no process with a given number\n");
		skip();
	}
	if (!again)
		wait_for_end();
	assert_int_equal(again, pid);
	fresh = open_for(pid, 64);
	check_line(pid, 0, "test_attribute", 64);
	st_check_dead(fd, "exited");
	kill_unwaited(pid);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	st_check_used(CARD, 0, 0);
	st_check_dead(fresh, "exited");
}

/* The number is the caller's: the first process of a namespace tells for its child. */
static void agent_in_pid_namespace(int sock)
{
	pid_t child;
	int fd = st_open(CARD);

	st_hear(sock);
	assert_int_equal(getpid(), 1);
	prctl(PR_SET_NAME, "inner target");
	child = fork();
	if (!child)
		wait_for_end();
	prctl(PR_SET_NAME, "inner agent");
	assert_between(child, 2, 10);
	/* Who is outside has no number here. */
	assert_int_equal(st_attribute(fd, unused_pid() - 1), -ESRCH);
	assert_int_equal(st_attribute(fd, child), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	st_say(sock);
	st_hear(sock);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	st_say(sock);
	st_hear(sock);
	st_check_dead(fd, "exited");
}

static void test_agent_in_pid_namespace(void **state)
{
	struct st_child agent;
	struct st_line line;
	pid_t inner;

	(void)state;
	agent = st_spawn_in_pid_namespace(agent_in_pid_namespace, &inner);
	st_say(agent.sock);
	st_hear(agent.sock);
	line = st_only_line(CARD);
	assert_true(line.attributed);
	assert_int_not_equal(line.pid, inner);
	assert_string_equal(line.command, "inner target");
	st_check_used(CARD, MIB, 0);
	st_say(agent.sock);
	st_hear(agent.sock);
	st_check_used(CARD, 0, 0);
	st_say(agent.sock);
	st_join(&agent);
}

/* The other way round: what one outside tells for a process in a namespace is seen inside. */
static void target_in_pid_namespace(int sock)
{
	struct st_line line;

	st_hear(sock);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("proc", "/proc", "proc", 0, NULL), 0);
	prctl(PR_SET_NAME, "inner");
	st_say(sock);
	st_hear(sock);
	line = st_only_line(CARD);
	assert_true(line.attributed);
	assert_int_equal(line.pid, 1);
	assert_string_equal(line.command, "inner");
	st_say(sock);
	st_hear(sock);
}

static void test_target_in_pid_namespace(void **state)
{
	struct st_child target;
	pid_t inner;
	int fd;

	(void)state;
	target = st_spawn_in_pid_namespace(target_in_pid_namespace, &inner);
	st_say(target.sock);
	st_hear(target.sock);
	fd = open_for(inner, MIB);
	check_line(inner, 0, "inner", MIB);
	st_say(target.sock);
	st_hear(target.sock);
	st_say(target.sock);
	st_join(&target);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
}

/* Speaks for itself, gives the file away and ends: then it is not the one who has it that holds. */
static void speak_for_self(int sock, void *arg)
{
	int fd = open_for(getpid(), MIB);

	(void)arg;
	check_line(getpid(), 0, "test_attribute", MIB);
	st_send_fd(sock, fd);
}

static void test_self(void **state)
{
	struct st_child child = st_spawn(speak_for_self, NULL);
	int fd = st_receive_fd(child.sock);

	(void)state;
	st_join(&child);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
}

/*
 * Who speaks for himself and becomes another user, as by a setuid program, goes on with the
 * user that he was when he said so.
 */
static void become_another(int sock, void *arg)
{
	int fd = open_for(getpid(), MIB);

	(void)arg;
	(void)sock;
	prctl(PR_SET_NAME, "another");
	assert_int_equal(setresuid(-1, 777, -1), 0);
	check_line(getpid(), 0, "another", MIB);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 64), 0);
	check_line(getpid(), 0, "another", 64);
}

static void test_self_keeps_user(void **state)
{
	struct st_child child = st_spawn(become_another, NULL);

	(void)state;
	st_join(&child);
	st_check_used(CARD, 0, 0);
}

struct read_as {
	uid_t uid;
	uint64_t client;
	int expect;
};

static void read_reservations(int sock, void *arg)
{
	const struct read_as *as = arg;
	struct ttmem_reservations request = {
		.client = as->client,
		.entry_size = sizeof(struct ttmem_reservation),
	};
	int fd = st_open(CARD);

	(void)sock;
	become(as->uid);
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), as->expect);
	if (!as->expect)
		assert_int_equal(request.total, 1);
}

/* What is told for a process is its user's to read. */
static void test_reservations_are_the_targets(void **state)
{
	struct st_child target = spawn_target(USER), reader;
	int fd = open_for(target.pid, 0);
	struct read_as as[] = { { 0, 0, 0 }, { USER, 0, 0 }, { USER + 1, 0, -EACCES } };
	size_t i;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(as); i++) {
		as[i].client = st_client(fd);
		reader = st_spawn(read_reservations, &as[i]);
		st_join(&reader);
	}
	st_kill(&target);
	st_check_used(CARD, 0, 0);
}

/* Books that were closed stay closed; that the process goes later is nothing new. */
static void test_books_closed_first(void **state)
{
	struct st_child target = spawn_target(0);
	int fd = open_for(target.pid, MIB), other;

	(void)state;
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "invalidated");
	other = open_for(target.pid, MIB);
	st_kill(&target);
	st_check_dead(fd, "invalidated");
	st_check_used(CARD, 0, 0);
	st_check_dead(other, "exited");

	target = spawn_target(0);
	other = open_for(target.pid, MIB);
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	st_check_dead(other, "gone");
	st_kill(&target);
	st_check_dead(other, "gone");
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	st_check_dead(other, "gone");
	st_check_used(CARD, 0, 0);
}

/* Runs this program again from another thread than the first, over and over. */
static void *exec_again(void *arg)
{
	(void)arg;
	execl("/proc/self/exe", "test_attribute", "--exec", (char *)NULL);
	_exit(1);
}

static int exec_for_ever(void)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&thread, NULL, exec_again, NULL))
		return 1;
	pthread_join(thread, NULL);
	return 1;
}

static void begin_exec(int sock, void *arg)
{
	(void)sock;
	(void)arg;
	exec_again(NULL);
}

/* In exec() the leader dies and another thread takes its number: that is no end of a process. */
static void test_target_execs(void **state)
{
	struct st_child target = st_spawn(begin_exec, NULL);
	int fd = open_for(target.pid, MIB);
	long rounds = st_many(3000);

	(void)state;
	while (rounds--) {
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), MIB);
		assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
		assert_int_equal(st_only_line(CARD).pid, target.pid);
	}
	st_kill(&target);
	st_check_used(CARD, 0, 0);
}

struct both {
	pthread_barrier_t barrier;
	int fd;
	pid_t pid;
};

static void *attribute_thread(void *arg)
{
	struct both *both = arg;

	pthread_barrier_wait(&both->barrier);
	return (void *)(intptr_t)st_attribute(both->fd, both->pid);
}

/* Of two at the same time one has done it. */
static void test_twice_at_once(void **state)
{
	struct st_child target = spawn_target(0);
	long rounds = st_many(300);
	struct both both = { .pid = target.pid };
	pthread_t threads[2];
	void *results[2];
	int i;

	(void)state;
	assert_int_equal(pthread_barrier_init(&both.barrier, NULL, 2), 0);
	while (rounds--) {
		both.fd = st_open(CARD);
		for (i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, attribute_thread,
							&both), 0);
		for (i = 0; i < 2; i++)
			assert_int_equal(pthread_join(threads[i], &results[i]), 0);
		assert_int_equal((intptr_t)results[0] + (intptr_t)results[1], -EBUSY);
		close(both.fd);
	}
	st_kill(&target);
}

/* Tells for one process after the other until it is gone, which may be at any step. */
static void *tell_thread(void *arg)
{
	struct both *both = arg;
	int error = 0, i;

	for (i = 1; !error; i++) {
		error = st_set(both->fd, 0, TTMEM_DRAM, 0, i % 1000 * 64 + 64);
		if (!error && i % 3 == 0)
			error = st_reserve(both->fd, 0, TTMEM_L1, 0, 64, 0, NULL);
		if (!error && i % 10 == 0)
			error = st_free_all(both->fd);
	}
	return (void *)(intptr_t)error;
}

static volatile bool stop;

static void *look_thread(void *arg)
{
	struct ttmem_info info;

	while (!stop) {
		free(st_slurp(st_path(CARD, ST_CARD, "dram_used")));
		free(st_slurp(ST_LIST));
		if (st_info(*(int *)arg, &info))
			return "INFO failed";
	}
	return NULL;
}

/* Targets are killed while their agents tell and others look. */
static void test_killed_at_work(void **state)
{
	long rounds = st_many(100);
	int eye = st_open(CARD), i;
	pthread_t lookers[2];
	void *result;

	(void)state;
	stop = false;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&lookers[i], NULL, look_thread, &eye), 0);
	while (rounds--) {
		struct st_child targets[4];
		struct both both[4];
		pthread_t tellers[4];

		for (i = 0; i < 4; i++) {
			targets[i] = spawn_target(0);
			both[i].fd = open_for(targets[i].pid, 0);
			assert_int_equal(pthread_create(&tellers[i], NULL, tell_thread, &both[i]),
					 0);
		}
		for (i = 0; i < 4; i++)
			kill_unwaited(targets[i].pid);
		/* At once, in spite of all that goes on. */
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 0);
		assert_int_equal(st_get(CARD, ST_CARD, "clients"), 0);
		for (i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(tellers[i], &result), 0);
			assert_int_equal((intptr_t)result, -ESRCH);
			st_kill(&targets[i]);
			close(both[i].fd);
		}
	}
	stop = true;
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(lookers[i], &result), 0);
		assert_null(result);
	}
	st_check_used(CARD, 0, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_shown),
		ST_TEST(test_refused),
		ST_TEST(test_permissions),
		ST_TEST(test_busy),
		ST_TEST(test_target_changes),
		ST_TEST(test_killed_and_agent_stopped),
		ST_TEST(test_each_look),
		ST_TEST(test_look_at_one),
		ST_TEST(test_closed_before_a_look),
		ST_TEST(test_leader_exits),
		ST_TEST(test_number_reused),
		ST_TEST(test_agent_in_pid_namespace),
		ST_TEST(test_target_in_pid_namespace),
		ST_TEST(test_self),
		ST_TEST(test_self_keeps_user),
		ST_TEST(test_reservations_are_the_targets),
		ST_TEST(test_books_closed_first),
		ST_TEST(test_target_execs),
		ST_TEST(test_twice_at_once),
		ST_TEST(test_killed_at_work),
	};

	if (argc == 2 && !strcmp(argv[1], "--exec"))
		return exec_for_ever();
	return ST_RUN(tests);
}
