// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-metald with the real module: what terminal 1 sees of a program that only
 * counts by itself, and that nothing is left of it, whoever is killed or stopped.
 */
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../selftests/selftest.h"
#include "player.h"
#include "support.h"

#define CARD	0
#define QUICK	"--interval=0.05"

static uint64_t used(void)
{
	return st_get(CARD, ST_CARD, "dram_used");
}

static const char *node(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/tenstorrent/%d", CARD);
	return path;
}

/* A program that holds @bytes, seen by nobody yet. */
static struct player holder(const char *option, uid_t uid, uint64_t id, uint64_t bytes)
{
	struct player p = player_start(option);

	/* Here it is root's alone, as no udev runs. */
	player_do(&p, "card %s", node());
	if (uid)
		player_do(&p, "user %u", uid);
	player_do(&p, "attach %" PRIu64 " 0", id);
	player_do(&p, "alloc %" PRIu64 " dram %" PRIu64, id, bytes);
	return p;
}

/* Another user's, as in a container; killed, it is gone at the next cat. */
static void a_container(void **state)
{
	struct player p = holder("--private", 12345, new_id(), 200 * MIB);
	struct st_line line;

	(void)state;
	metald_start(QUICK, NULL);
	await(used() == 200 * MIB);
	line = st_only_line(CARD);
	assert_int_equal(line.pid, p.pid);
	assert_int_equal(line.uid, 12345);
	assert_int_equal(line.bytes, 200 * MIB);
	assert_true(line.attributed);
	assert_string_equal(line.command, "player");
	player_kill(&p);
	assert_int_equal(used(), 0);
	metald_end(SIGTERM);
}

/* All kinds of bytes on their pools and tags. */
static void all_kinds(void **state)
{
	uint64_t id = new_id();
	struct player p = holder(NULL, 0, id, 1);

	(void)state;
	player_do(&p, "alloc %" PRIu64 " trace 2", id);
	player_do(&p, "alloc %" PRIu64 " l1 4", id);
	player_do(&p, "alloc %" PRIu64 " l1_small 8", id);
	player_do(&p, "alloc %" PRIu64 " cb 16", id);
	metald_start(QUICK, NULL);
	await(used() == 3);
	assert_int_equal(st_get(CARD, 0, "dram_trace_used"), 2);
	assert_int_equal(st_get(CARD, 0, "l1_used"), 28);
	assert_int_equal(st_get(CARD, 0, "l1_small_used"), 8);
	assert_int_equal(st_get(CARD, 0, "l1_cb_used"), 16);
	st_check_books(CARD);
	player_do(&p, "detach %" PRIu64, id);
	await(used() == 0 && st_get(CARD, ST_CARD, "l1_used") == 0);
	player_end(&p);
	metald_end(SIGTERM);
}

/* It is the module that sees a process end, also one whose parent never waits. */
static void metald_stopped(void **state)
{
	struct player p = holder(NULL, 0, new_id(), MIB);
	siginfo_t info;

	(void)state;
	metald_start(QUICK, NULL);
	await(used() == MIB);
	assert_int_equal(kill(metald_pid, SIGSTOP), 0);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, p.child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(used(), 0);
	assert_int_equal(kill(metald_pid, SIGCONT), 0);
	player_kill(&p);
	metald_end(SIGTERM);
}

/* Its client goes at once, not at the next look only. */
static void client_leaves(void **state)
{
	struct player p = holder(NULL, 0, new_id(), MIB);
	struct st_line *lines;
	uint64_t start;
	size_t count;

	(void)state;
	/* Looks are far apart here, so it is the end itself that is seen. */
	metald_start("--interval=20", NULL);
	await(used() == MIB);
	start = st_now_ms();
	player_kill(&p);
	do {
		count = st_list(CARD, &lines);
		free(lines);
		assert_true(st_now_ms() - start < 15000);
	} while (count || st_get(CARD, ST_CARD, "clients"));
	print_message("gone after %u ms\n", (unsigned int)(st_now_ms() - start));
	metald_end(SIGTERM);
}

static void metald_killed(void **state)
{
	struct player p = holder(NULL, 1001, new_id(), MIB);
	char *out, *errors;

	(void)state;
	metald_start(QUICK, NULL);
	await(used() == MIB);
	assert_int_equal(metald_run("", &out, &errors), 1);
	assert_string_equal(errors, "ttmem-metald: another ttmem-metald is running: it holds /run/ttmem/metald.lock\n");
	metald_end(SIGKILL);
	assert_int_equal(used(), 0);
	metald_start(QUICK, NULL);
	await(used() == MIB);
	metald_end(SIGKILL);
	assert_int_equal(used(), 0);
	player_kill(&p);
}

static void invalidate(void **state)
{
	uint64_t id = new_id();
	struct player p = holder(NULL, 0, id, MIB);

	(void)state;
	metald_start(QUICK, NULL);
	await(used() == MIB);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	await_look();
	assert_int_equal(used(), 0);
	player_do(&p, "alloc %" PRIu64 " dram 1", id);
	await(used() == MIB + 1);
	player_kill(&p);
	metald_end(SIGTERM);
}

/* Who tells by himself is counted once. */
static void tells_itself(void **state)
{
	struct metal *m = metal_attach(new_id(), 3, 0, true);
	int card = open(node(), O_RDWR | O_CLOEXEC), fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_non_null(m);
	assert_true(card >= 0);
	assert_true(metal_record(m, LAYOUT_DRAM, MIB));
	metald_start(QUICK, NULL);
	await(used() == MIB);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5, 0, &handle), 0);
	await(used() == 5);
	await_look();
	assert_int_equal(used(), 5);
	assert_int_equal(st_free(fd, handle), 0);
	await(used() == MIB);
	close(fd);
	close(card);
	metal_detach(m);
	await(used() == 0);
	metald_end(SIGTERM);
}

/*
 * The card goes and comes back. Who had it open has to open it anew: his old file is of
 * no card any more, and what he counts is not told again, though he counts it still.
 */
static void unplug(void **state)
{
	uint64_t id = new_id(), other = new_id();
	struct player p = holder(NULL, 0, id, MIB), q;

	(void)state;
	metald_start(QUICK, NULL);
	await(used() == MIB);
	assert_int_equal(st_remove(CARD), 0);
	/* The card is forgotten within a second, and then within another one the process. */
	await(!strstr(slurp(METALD_RUN "/metald.json"), "\"told\":1"));
	await_look();
	assert_int_equal(st_rescan(CARD), 0);
	st_await_attached(CARD, true);
	assert_int_equal(used(), 0);
	q = holder(NULL, 0, other, 7);
	await(used() == 7);
	await_look();
	assert_int_equal(used(), 7);
	player_kill(&p);
	player_kill(&q);
	metald_end(SIGTERM);
}

static void load_driver(const char *parameters)
{
	assert_int_equal(st_unload("tenstorrent"), 0);
	assert_int_equal(st_load("DRIVER_KO", parameters), 0);
	st_await_attached(CARD, true);
}

/* The same where TT-KMD does not list who has a card open, so all files are looked at. */
static void unplug_unlisted(void **state)
{
	if (access("/sys/module/tenstorrent/parameters/release", F_OK)) {
		print_message("skipped: only the stand-in can play an earlier TT-KMD\n");
		skip();
	}
	load_driver("release=2.4");
	unplug(state);
}

/* Books are kept of a tight machine too: as many clients as processes. */
static void many(void **state)
{
	static struct player p[40];
	const int count = ARRAY_SIZE(p);
	int i;

	(void)state;
	metald_start(QUICK, NULL);
	for (i = 0; i < count; i++)
		p[i] = holder("--private", 1000 + i, new_id(), 1 + i);
	await(used() == (uint64_t)count * (count + 1) / 2);
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), count);
	st_check_books(CARD);
	for (i = 0; i < count; i++)
		player_kill(&p[i]);
	assert_int_equal(used(), 0);
	metald_end(SIGTERM);
}

/*
 * With hidepid and with no other privileges than its service has. A plain user sees how
 * much is used, and not by whom.
 */
static void hidepid(void **state)
{
	static const char start[] =
		"#!/bin/sh\n"
		"exec setpriv --bounding-set=-all,+sys_ptrace,+checkpoint_restore,"
		"+dac_read_search,+sys_resource " METALD " \"$@\"\n";
	struct player p = holder(NULL, 4242, new_id(), MIB);
	char program[PATH_MAX], *list;
	struct st_line line;

	(void)state;
	put(start, "bounded");
	assert_int_equal(chmod("bounded", 0755), 0);
	assert_non_null(realpath("bounded", program));
	metald_program = program;
	assert_int_equal(mount("proc", "/proc", "proc", 0, "hidepid=2"), 0);
	metald_start(QUICK, NULL);
	await(used() == MIB);
	line = st_only_line(CARD);
	assert_int_equal(line.pid, p.pid);
	assert_true(line.attributed);
	assert_int_equal(system("setpriv --reuid=nobody --regid=nogroup --clear-groups"
				" cat /proc/driver/ttmem/clients >list"), 0);
	list = slurp("list");
	assert_non_null(strstr(list, " 1048576 "));
	assert_null(strstr(list, "4242"));
	assert_null(strstr(list, "player"));
	player_kill(&p);
	assert_int_equal(used(), 0);
	metald_end(SIGTERM);
	assert_int_equal(umount("/proc"), 0);
}

/* Plain ttnn, played, in a script. */
static void script(void **state)
{
	struct st_line line;
	FILE *python;

	(void)state;
	put("import ttnn\n"
	    "device = ttnn.open_device(device_id=0)\n"
	    "tensor = ttnn.zeros((100, 1024, 1024), dtype=ttnn.bfloat16, device=device)\n"
	    "print('holds', flush=True)\n"
	    "input()\n"
	    "ttnn.deallocate(tensor)\n"
	    "print('freed', flush=True)\n"
	    "input()\n", "test_script.py");
	metald_start(QUICK, NULL);
	python = popen("PYTHONPATH=" BUILD " exec python3 -B test_script.py >said", "w");
	assert_non_null(python);
	await(strstr(slurp("said"), "holds"));
	await(used() == 200 * MIB);
	line = st_only_line(CARD);
	assert_string_equal(line.command, "python3");
	fputs("\n", python);
	fflush(python);
	await(strstr(slurp("said"), "freed"));
	await(used() == 0);
	fputs("\n", python);
	assert_int_equal(pclose(python), 0);
	metald_end(SIGTERM);
}

/*
 * A container of podman's, with TT-KMD's node under another name: it is given nothing
 * of ttmem's, and is seen as any other.
 */
static void podman(const char *option)
{
	static const char start[] =
		"mkdir -p root/dev root/proc root/sys root/etc root/tmp root/run &&"
		" cp " PLAYER " root/player &&"
		" for file in $(ldd " PLAYER " | grep -o '/[^ ]*'); do cp -L --parents $file root; done &&"
		" exec podman --root $PWD/storage --runroot $PWD/runroot --storage-driver vfs"
		" --cgroup-manager cgroupfs --events-backend none run --rm -i --network none"
		" --ulimit nofile=1024:1024 --cgroups disabled"
		" --device /dev/tenstorrent/0:/dev/mycard %s --rootfs $PWD/root /player >said 2>&1";
	uint64_t id = new_id();
	struct st_line line;
	char command[1024];
	FILE *container;

	if (system("command -v podman >/dev/null"))
		skip();
	snprintf(command, sizeof(command), start, option);
	metald_start(QUICK, NULL);
	container = popen(command, "w");
	assert_non_null(container);
	fprintf(container, "card /dev/mycard\nuser 4242\nattach %" PRIu64 " 0\n"
		"alloc %" PRIu64 " dram 4096\n", id, id);
	fflush(container);
	await(used() == 4096 || strstr(slurp("said"), "rror"));
	if (used() != 4096)
		fail_msg("%s", slurp("said"));
	line = st_only_line(CARD);
	assert_int_equal(line.uid, 4242);
	assert_true(line.attributed);
	assert_string_equal(line.command, "player");
	snprintf(command, sizeof(command), "/proc/%d/status", (int)line.pid);
	assert_non_null(strstr(slurp(command), "\t1\n"));
	assert_int_equal(kill(line.pid, SIGKILL), 0);
	pclose(container);
	assert_int_equal(used(), 0);
	metald_end(SIGTERM);
}

static void podman_private(void **state)
{
	(void)state;
	podman("");
}

static void podman_ipc_host(void **state)
{
	(void)state;
	podman("--ipc=host");
}

static int setup(void **state)
{
	return tree_setup(state);
}

static int teardown(void **state)
{
	return tree_teardown(state) || st_teardown(state);
}

/* The stand-in is as it was loaded at first, also after a case that failed. */
static int as_loaded_first(void **state)
{
	char *text = st_slurp("/sys/module/tenstorrent/parameters/release");
	int error = teardown(state);

	if (text && strcmp(text, "2.10\n") && !error)
		load_driver("");
	free(text);
	return error;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(a_container), CASE(all_kinds), CASE(metald_stopped),
		CASE(client_leaves), CASE(metald_killed), CASE(invalidate),
		CASE(tells_itself), CASE(unplug),
		cmocka_unit_test_setup_teardown(unplug_unlisted, setup, as_loaded_first),
		CASE(many), CASE(hidepid), CASE(script),
		CASE(podman_private), CASE(podman_ipc_host),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, st_group_setup, st_group_teardown);
}
