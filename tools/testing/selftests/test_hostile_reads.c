// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user may learn of another: by the list, through mounts of procfs that hide
 * processes, and by RESERVATIONS.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "hostile.h"

#define CARD		0
#define OPERATORS	4005	/* the group of mounts with gid= */
#define NOBODY		65534
#define MOUNT		"/tmp/hostile-proc"
#define HIDING		MOUNT "/driver/ttmem/clients"

/* A process of Alice's that holds a MiB, and its client's id. */
static struct st_child alice;
static uint64_t client_of_alice;

static void hold(int sock, void *arg)
{
	uint64_t client;
	int fd;

	(void)arg;
	prctl(PR_SET_NAME, "alice");
	hostile_become(ALICE);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	client = st_client(fd);
	assert_int_equal(send(sock, &client, sizeof(client), 0), sizeof(client));
	st_hear(sock);
}

static void call_alice(void)
{
	alice = st_spawn(hold, NULL);
	assert_int_equal(recv(alice.sock, &client_of_alice, sizeof(client_of_alice), MSG_WAITALL),
			 sizeof(client_of_alice));
}

static void dismiss_alice(void)
{
	/* Whatever was hidden, all of it was counted. */
	st_check_used(CARD, MIB, 0);
	st_say(alice.sock);
	st_join(&alice);
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
 */
struct look {
	const char *options;
	uid_t uid;
	bool member;
	bool namespace;
	bool number;
	bool name;
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
	struct seen seen;

	(void)sock;
	mount_proc(l->options);
	if (l->uid)
		hostile_become_member(l->uid, l->member ? OPERATORS : l->uid);
	if (l->namespace)
		assert_int_equal(unshare(CLONE_NEWUSER), 0);
	seen = see(open_list(HIDING), client_of_alice);
	check_seen(seen, l->number ? alice.pid : 0, l->number && !l->namespace ? ALICE : NOBODY,
		   l->name ? "alice" : "-");
}

static void test_hidepid(void **state)
{
	size_t i;

	(void)state;
	call_alice();
	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		struct look l = looks[i];
		struct st_child mallory;

		print_message("%s, user %d%s%s\n", l.options, (int)l.uid,
			      l.member ? ", in the group" : "",
			      l.namespace ? ", in a namespace" : "");
		mallory = st_spawn(look_at_list, &l);
		st_join(&mallory);
	}
	dismiss_alice();
}

/* Opens the list of a mount that hides, and gives the file to root; takes root's. */
static void swap_files(int sock, void *arg)
{
	int fd;

	(void)arg;
	mount_proc("hidepid=2");
	fd = open_list(HIDING);
	/* What root has opened shows all, also to who has it now. */
	hostile_become(MALLORY);
	assert_string_equal(see(fd, client_of_alice).command, "alice");
	close(fd);
	st_send_fd(sock, open_list(HIDING));
	st_hear(sock);
}

/* A setuid program that is given a file to read does not print more than its user may see. */
static void test_opener_decides(void **state)
{
	struct st_child mallory;
	int fd;

	(void)state;
	call_alice();
	mallory = st_spawn(swap_files, NULL);
	fd = st_receive_fd(mallory.sock);
	check_seen(see(fd, client_of_alice), 0, NOBODY, "-");
	close(fd);
	st_say(mallory.sock);
	st_join(&mallory);
	dismiss_alice();
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

/* The first process of a pid namespace, with a procfs of it. */
static void look_from_inside(int sock)
{
	int fd;

	st_hear(sock);
	mount_proc(NULL);
	prctl(PR_SET_NAME, "inner");
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	/* The numbers are the mount's: who is not in its namespace has none. */
	check_seen(see(open_list(HIDING), st_client(fd)), 1, 0, "inner");
	/*
	 * Nor a user, as anybody may have such a mount, by way of a user namespace, and take
	 * its list out of there. One's own files are one's own.
	 */
	check_seen(see(open_list(HIDING), client_of_alice), 0, NOBODY, "-");
	hostile_become(ALICE);
	check_seen(see(open_list(HIDING), client_of_alice), 0, ALICE, "-");
	st_say(sock);
}

static void test_pid_namespace(void **state)
{
	struct st_child container;
	pid_t inner;

	(void)state;
	call_alice();
	container = st_spawn_in_pid_namespace(look_from_inside, &inner);
	st_say(container.sock);
	st_hear(container.sock);
	st_join(&container);
	dismiss_alice();
}

static int ask(int fd, uint64_t client, uint64_t *total)
{
	struct ttmem_reservation entry;
	struct ttmem_reservations list = {
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
 */
struct question {
	uid_t uid;
	bool namespace;
	int error;
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
	assert_int_equal(ask(fd, client_of_alice, &total), q->error);
	if (!q->error)
		assert_int_equal(total, 1);
	assert_int_equal(ask(fd, 1ull << 60, &total), -ENOENT);
	assert_int_equal(ask(fd, 0, &total), 0);
}

/* As Alice, in a pid namespace that her other process is not in. */
static void ask_from_inside(int sock)
{
	uint64_t total;

	st_hear(sock);
	hostile_become(ALICE);
	assert_int_equal(ask(st_open(CARD), client_of_alice, &total), -EACCES);
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
	struct st_child child;
	pid_t inner;
	size_t i;

	(void)state;
	call_alice();
	for (i = 0; i < ARRAY_SIZE(questions); i++) {
		child = st_spawn(ask_as, &questions[i]);
		st_join(&child);
	}
	child = st_spawn_in_pid_namespace(ask_from_inside, &inner);
	st_say(child.sock);
	st_hear(child.sock);
	st_join(&child);
	dismiss_alice();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_hidepid),
		ST_TEST(test_opener_decides),
		ST_TEST(test_subset),
		ST_TEST(test_pid_namespace),
		ST_TEST(test_reservations_of_another),
	};

	return ST_RUN(tests);
}
