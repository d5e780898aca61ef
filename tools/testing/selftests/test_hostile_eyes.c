// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user may learn of another: by the list, through mounts of procfs that hide
 * processes; by RESERVATIONS; by ATTRIBUTE, which also says who may speak in whose name, and for
 * how long.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hostile.h"

#define CARD		0
#define OPERATORS	4005	/* the group of mounts with gid= */
#define NOBODY		65534
#define MOUNT		"/tmp/hostile-proc"
#define HIDING		MOUNT "/driver/ttmem/clients"

/* A process of Alice that holds a MiB, and its client's id. */
static void hold(int sock, void *arg)
{
	struct ttmem_info info;
	int fd;

	(void)arg;
	prctl(PR_SET_NAME, "alice");
	hostile_become(ALICE);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_info(fd, &info), 0);
	assert_int_equal(write(sock, &info.client, sizeof(info.client)), sizeof(info.client));
	st_hear(sock);
}

static struct st_child spawn_alice(uint64_t *client)
{
	struct st_child child = st_spawn(hold, NULL);

	assert_int_equal(read(child.sock, client, sizeof(*client)), sizeof(*client));
	return child;
}

/**
 * struct seen - what a line of the list tells of a client
 * @pid: its number in the mount's namespace, or 0
 * @uid: in the reader's
 * @bytes: what it holds
 * @command: or -
 */
struct seen {
	long pid;
	unsigned long uid;
	uint64_t bytes;
	char command[64];
};

/* A file of the list is read from where it begins, by whoever has it. */
static struct seen see(int fd, uint64_t client)
{
	static char text[65536];
	struct seen seen = { .pid = -1 };
	size_t length = 0;
	char *row, *save;
	ssize_t got;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while ((got = read(fd, text + length, sizeof(text) - length - 1)) > 0)
		length += got;
	assert_int_equal(got, 0);
	text[length] = '\0';
	for (row = strtok_r(text, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		struct seen line;
		uint64_t id;

		if (sscanf(row, "%*u %" SCNu64 " %ld %lu %*u %*s %*s %" SCNu64 " %*u %*u %*s %63s",
			   &id, &line.pid, &line.uid, &line.bytes, line.command) == 5 &&
		    id == client)
			seen = line;
	}
	return seen;
}

static int open_list(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

static void check_seen(struct seen seen, long pid, unsigned long uid, const char *command)
{
	assert_int_equal(seen.bytes, MIB);
	assert_int_equal(seen.pid, pid);
	assert_int_equal(seen.uid, uid);
	assert_string_equal(seen.command, command);
}

/* The caller alone sees a procfs of this kind. Root calls it. */
static void mount_proc(const char *options)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mkdir(MOUNT, 0755))
		assert_int_equal(errno, EEXIST);
	if (mount("proc", MOUNT, "proc", 0, options))
		fail_msg("mount of procfs, %s: %s", options, strerror(errno));
}

/**
 * struct look - who looks at Alice's line
 * @options: of the mount
 * @uid: who
 * @member: he is in the group of the mount's gid=
 * @namespace: he is in a user namespace of his own, in which he may do everything
 * @number: he sees her pid and uid
 * @name: he sees her command
 * @client: the id of hers
 * @pid: her process
 */
struct look {
	const char *options;
	uid_t uid;
	bool member;
	bool namespace;
	bool number;
	bool name;
	uint64_t client;
	pid_t pid;
};

static const struct look looks[] = {
	{ "hidepid=0", MALLORY, false, false, true, true },
	{ "hidepid=1", MALLORY, false, false, true, false },
	{ "hidepid=2", MALLORY, false, false, false, false },
	{ "hidepid=4", MALLORY, false, false, false, false },
	{ "hidepid=1,gid=4005", MALLORY, true, false, true, true },
	{ "hidepid=2,gid=4005", MALLORY, true, false, true, true },
	{ "hidepid=4,gid=4005", MALLORY, true, false, false, false },
	{ "hidepid=1,gid=4005", MALLORY, false, false, true, false },
	{ "hidepid=2,gid=4005", MALLORY, false, false, false, false },
	{ "hidepid=1", ALICE, false, false, true, true },
	{ "hidepid=2", ALICE, false, false, true, true },
	{ "hidepid=4", ALICE, false, false, true, true },
	{ "hidepid=2", 0, false, false, true, true },
	{ "hidepid=4", 0, false, false, true, true },
	/* To be root of a namespace of one's own is to be nobody here. */
	{ "hidepid=0", MALLORY, false, true, true, true },
	{ "hidepid=1", MALLORY, false, true, true, false },
	{ "hidepid=2", MALLORY, false, true, false, false },
	{ "hidepid=4", MALLORY, false, true, false, false },
};

static void look_at_list(int sock, void *arg)
{
	const struct look *l = arg;
	gid_t group = OPERATORS;
	struct seen seen;

	(void)sock;
	mount_proc(l->options);
	if (l->uid)
		hostile_become(l->uid);
	if (l->member) {
		/* As a login would have it, before it drops what it needs for that. */
		fail_msg("become() has dropped the groups");
		assert_int_equal(setgroups(1, &group), 0);
	}
	if (l->namespace)
		assert_int_equal(unshare(CLONE_NEWUSER), 0);
	seen = see(open_list(HIDING), l->client);
	check_seen(seen, l->number ? l->pid : 0, l->number && !l->namespace ? ALICE : NOBODY,
		   l->name ? "alice" : "-");
}

static void test_hidepid(void **state)
{
	uint64_t client;
	struct st_child alice = spawn_alice(&client);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		struct look l = looks[i];
		struct st_child mallory;

		print_message("%s, user %d%s%s\n", l.options, (int)l.uid,
			      l.member ? ", in the group" : "",
			      l.namespace ? ", in a namespace" : "");
		l.client = client;
		l.pid = alice.pid;
		mallory = st_spawn(look_at_list, &l);
		st_join(&mallory);
	}
	/* What is hidden is counted all the same, and root sees it all where nothing hides. */
	st_check_used(CARD, MIB, 0);
	st_say(alice.sock);
	st_join(&alice);
}

/* Opens the list of a mount that hides, and gives the file to root; takes root's. */
static void swap_files(int sock, void *arg)
{
	uint64_t client = *(uint64_t *)arg;
	int fd;

	mount_proc("hidepid=2");
	fd = open_list(HIDING);
	/* What root has opened shows all, also to who has it now. */
	hostile_become(MALLORY);
	assert_string_equal(see(fd, client).command, "alice");
	close(fd);
	st_send_fd(sock, open_list(HIDING));
	st_hear(sock);
}

/* A setuid program that is given a file to read does not print more than its user may see. */
static void test_opener_decides(void **state)
{
	uint64_t client;
	struct st_child alice = spawn_alice(&client), mallory = st_spawn(swap_files, &client);
	int fd = st_receive_fd(mallory.sock);

	(void)state;
	check_seen(see(fd, client), 0, NOBODY, "-");
	st_say(mallory.sock);
	st_join(&mallory);
	st_say(alice.sock);
	st_join(&alice);
}

static void look_for_list(int sock, void *arg)
{
	(void)sock;
	(void)arg;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mkdir(MOUNT, 0755))
		assert_int_equal(errno, EEXIST);
	assert_int_equal(mount("proc", MOUNT, "proc", 0, "subset=pid"), 0);
	assert_int_equal(open(HIDING, O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_subset(void **state)
{
	struct st_child child = st_spawn(look_for_list, NULL);

	(void)state;
	st_join(&child);
}

/* The first process of a pid namespace, with a procfs of it, before and after it has clients. */
static void look_from_inside(int sock)
{
	struct ttmem_info info;
	uint64_t alice;
	int fd;

	assert_int_equal(recv(sock, &alice, sizeof(alice), MSG_WAITALL), sizeof(alice));
	mount_proc(NULL);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_info(fd, &info), 0);
	prctl(PR_SET_NAME, "inner");
	/* The numbers are the mount's: who is not in its namespace has none. */
	check_seen(see(open_list(HIDING), info.client), 1, 0, "inner");
	check_seen(see(open_list(HIDING), alice), 0, ALICE, "-");
	st_say(sock);
}

static void test_pid_namespace(void **state)
{
	uint64_t client;
	struct st_child alice = spawn_alice(&client), container;
	pid_t inner;

	(void)state;
	container = st_spawn_in_pid_namespace(look_from_inside, &inner);
	assert_int_equal(send(container.sock, &client, sizeof(client), 0), sizeof(client));
	st_hear(container.sock);
	st_join(&container);
	st_say(alice.sock);
	st_join(&alice);
}

static int ask(int fd, uint64_t client, uint64_t *total)
{
	struct ttmem_reservation entry;
	struct ttmem_reservations list = {
		.argsz = sizeof(list),
		.client = client,
		.entries = (uintptr_t)&entry,
		.count = 1,
		.entry_size = sizeof(entry),
	};
	int error = st_call(fd, TTMEM_IOC_RESERVATIONS, &list);

	*total = list.total;
	return error;
}

/**
 * struct question - who asks what Alice has reserved
 * @uid: who
 * @namespace: in a user namespace of his own
 * @error: the answer
 * @client: the id of hers
 */
struct question {
	uid_t uid;
	bool namespace;
	int error;
	uint64_t client;
};

static void ask_as(int sock, void *arg)
{
	const struct question *q = arg;
	uint64_t total;
	int fd;

	(void)sock;
	if (q->uid)
		hostile_become(q->uid);
	if (q->namespace)
		assert_int_equal(unshare(CLONE_NEWUSER), 0);
	/* To look takes no right to write. */
	fd = open(st_node(CARD), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ask(fd, q->client, &total), q->error);
	if (!q->error)
		assert_int_equal(total, 1);
	assert_int_equal(ask(fd, 1ull << 60, &total), -ENOENT);
	assert_int_equal(ask(fd, 0, &total), 0);
}

/* As Alice, in a pid namespace that her other process is not in. */
static void ask_from_inside(int sock)
{
	uint64_t client, total;

	assert_int_equal(recv(sock, &client, sizeof(client), MSG_WAITALL), sizeof(client));
	hostile_become(ALICE);
	assert_int_equal(ask(st_open(CARD), client, &total), -EACCES);
	st_say(sock);
}

static void test_reservations_of_another(void **state)
{
	struct question questions[] = {
		{ .uid = MALLORY, .error = -EACCES },
		{ .uid = MALLORY, .namespace = true, .error = -EACCES },
		{ .uid = ALICE },
		{ .uid = ALICE, .namespace = true },
		{ .uid = 0 },
		{ .uid = 0, .namespace = true, .error = -EACCES },
	};
	uint64_t client;
	struct st_child alice = spawn_alice(&client), child;
	pid_t inner;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(questions); i++) {
		questions[i].client = client;
		child = st_spawn(ask_as, &questions[i]);
		st_join(&child);
	}
	child = st_spawn_in_pid_namespace(ask_from_inside, &inner);
	assert_int_equal(send(child.sock, &client, sizeof(client), 0), sizeof(client));
	st_hear(child.sock);
	st_join(&child);
	st_say(alice.sock);
	st_join(&alice);
}

static int attribute(int fd, pid_t pid)
{
	struct ttmem_attribute request = { .argsz = sizeof(request), .pid = pid };

	return st_call(fd, TTMEM_IOC_ATTRIBUTE, &request);
}

static void *idle(void *tid)
{
	*(pid_t *)tid = syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

/* He may speak for himself and for nobody else, and learns nothing by trying. */
static void speak_for_others(int sock, void *arg)
{
	pid_t alice = *(pid_t *)arg, tid = 0, child;
	pthread_t thread;
	int fd, round;

	(void)sock;
	hostile_become(MALLORY);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		pause();
		_exit(0);
	}
	assert_int_equal(pthread_create(&thread, NULL, idle, &tid), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		sched_yield();
	for (round = 0; round < 2; round++) {
		fd = st_open(CARD);
		assert_int_equal(attribute(fd, 0), -EINVAL);
		assert_int_equal(attribute(fd, -1), -EINVAL);
		assert_int_equal(attribute(fd, INT32_MIN), -EINVAL);
		/* There or not there, his own child or a kernel thread: the same answer. */
		assert_int_equal(attribute(fd, alice), -EPERM);
		assert_int_equal(attribute(fd, getppid()), -EPERM);
		assert_int_equal(attribute(fd, 2), -EPERM);
		assert_int_equal(attribute(fd, INT32_MAX), -EPERM);
		assert_int_equal(attribute(fd, child), -EPERM);
		/* No harm done: it is still what it was. */
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
		assert_int_equal(attribute(fd, getpid()), -EBUSY);
		assert_int_equal(st_free_all(fd), 0);
		assert_int_equal(attribute(fd, getpid()), 0);
		assert_int_equal(attribute(fd, getpid()), -EBUSY);
		close(fd);
		/* Once more as root of a user namespace, which a process with threads cannot get. */
		if (!round) {
			pid_t inner = fork();
			int status;

			assert_true(inner >= 0);
			if (!inner) {
				fd = st_open(CARD);
				if (unshare(CLONE_NEWUSER) || attribute(fd, alice) != -EPERM ||
				    attribute(fd, INT32_MAX) != -EPERM || attribute(fd, getpid()))
					_exit(1);
				_exit(0);
			}
			assert_int_equal(waitpid(inner, &status, 0), inner);
			assert_int_equal(status, 0);
		}
	}
	kill(child, SIGKILL);
}

static void test_attribute_others(void **state)
{
	uint64_t client;
	struct st_child alice = spawn_alice(&client), mallory;

	(void)state;
	mallory = st_spawn(speak_for_others, &alice.pid);
	st_join(&mallory);
	st_check_used(CARD, MIB, 0);
	st_say(alice.sock);
	st_join(&alice);
}

/* A client of root's that speaks for this process, and holds a MiB and a gauge. */
static int speak_for(pid_t pid)
{
	int fd = st_open(CARD);

	assert_int_equal(attribute(fd, pid), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	st_check_used(CARD, MIB, 4096);
	return fd;
}

static void check_gone(int fd)
{
	char text[32];
	size_t i;
	static const unsigned long calls[] = {
		TTMEM_IOC_INFO, TTMEM_IOC_RESERVE, TTMEM_IOC_FREE, TTMEM_IOC_SET,
		TTMEM_IOC_RESERVATIONS, TTMEM_IOC_ATTRIBUTE,
	};

	st_check_used(CARD, 0, 0);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(st_call(fd, calls[i], NULL), -ESRCH);
	st_fdinfo(fd, "ttmem-state", text, sizeof(text));
	assert_string_equal(text, "exited");
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 0);
}

static void be_mallory(int sock, void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "mallory");
	hostile_become(MALLORY);
	st_say(sock);
	st_hear(sock);
}

/* Dead and not waited for, it holds nothing, however long its parent leaves it so. */
static void test_zombie(void **state)
{
	struct st_child mallory = st_spawn(be_mallory, NULL);
	struct st_line *lines;
	size_t count;
	int fd, other;

	(void)state;
	st_hear(mallory.sock);
	fd = speak_for(mallory.pid);
	count = st_clients(CARD, &lines);
	assert_int_equal(count, 2);
	assert_int_equal(lines[0].pid, mallory.pid);
	assert_int_equal(lines[0].uid, MALLORY);
	assert_string_equal(lines[0].command, "mallory");
	free(lines);
	kill(mallory.pid, SIGKILL);
	assert_int_equal(hostile_end(&mallory), -SIGKILL);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), 0);
	check_gone(fd);
	/* For a zombie nobody begins to speak. */
	other = st_open(CARD);
	assert_int_equal(attribute(other, mallory.pid), -ESRCH);
	st_kill(&mallory);
	assert_int_equal(attribute(other, mallory.pid), -ESRCH);
	check_gone(fd);
	close(other);
	close(fd);
}

static void *outlive(void *arg)
{
	int sock = *(int *)arg;

	st_say(sock);
	st_hear(sock);
	_exit(0);
}

/* The first thread ends, the process goes on. */
static void lose_leader(int sock, void *arg)
{
	pthread_t thread;

	(void)arg;
	st_hear(sock);
	assert_int_equal(pthread_create(&thread, NULL, outlive, &sock), 0);
	syscall(SYS_exit, 0);
}

static bool is_zombie(void *arg)
{
	char path[64], *text;
	bool zombie;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)arg);
	text = st_slurp(path);
	assert_non_null(text);
	zombie = strstr(text, ") Z ");
	free(text);
	return zombie;
}

static void test_leader_gone(void **state)
{
	struct st_child child = st_spawn(lose_leader, NULL);
	int fd = speak_for(child.pid);

	(void)state;
	st_say(child.sock);
	st_hear(child.sock);
	assert_true(st_await(is_zombie, &child.pid));
	st_check_used(CARD, MIB, 4096);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	st_say(child.sock);
	st_join(&child);
	check_gone(fd);
	close(fd);
}

/* The number of a process that has ended, given to another: that is not who was meant. */
static void test_pid_reuse(void **state)
{
	struct st_child child = st_spawn(be_mallory, NULL);
	struct { pid_t *set_tid; size_t size; } how;
	uint64_t args[11] = { 0 };
	pid_t pid = child.pid, again;
	int fd, other;

	(void)state;
	st_hear(child.sock);
	fd = speak_for(pid);
	st_kill(&child);
	how.set_tid = &pid;
	how.size = 1;
	/* struct clone_args: the signal at the end, and which number it is to have. */
	args[4] = SIGCHLD;
	args[8] = (uintptr_t)how.set_tid;
	args[9] = how.size;
	again = syscall(SYS_clone3, args, 10 * sizeof(args[0]));
	if (!again) {
		pause();
		_exit(0);
	}
	assert_int_equal(again, pid);
	check_gone(fd);
	/* Who means the new one may say so. */
	other = speak_for(pid);
	assert_int_equal(st_call(fd, TTMEM_IOC_INFO, NULL), -ESRCH);
	kill(again, SIGKILL);
	assert_int_equal(waitpid(again, NULL, 0), again);
	check_gone(other);
	close(other);
	close(fd);
}

/* Root may, but for what is no process of a user. */
static void test_attribute_as_root(void **state)
{
	int fd = st_open(CARD);
	pid_t tid = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, idle, &tid), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		sched_yield();
	assert_int_equal(attribute(fd, 2), -EPERM);
	assert_int_equal(attribute(fd, tid), -ESRCH);
	assert_int_equal(attribute(fd, INT32_MAX), -ESRCH);
	assert_int_equal(attribute(fd, getpid()), 0);
	close(fd);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_hidepid),
		ST_TEST(test_opener_decides),
		ST_TEST(test_subset),
		ST_TEST(test_pid_namespace),
		ST_TEST(test_reservations_of_another),
		ST_TEST(test_attribute_others),
		ST_TEST(test_zombie),
		ST_TEST(test_leader_gone),
		ST_TEST(test_pid_reuse),
		ST_TEST(test_attribute_as_root),
	};

	return ST_RUN(tests);
}
