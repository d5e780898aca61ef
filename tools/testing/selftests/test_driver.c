// SPDX-License-Identifier: GPL-2.0-only
/*
 * TT-KMD's own node used beside ttmem's, in the ways in which programs use it:
 * O_EXCL, O_APPEND, several files of a process, containers; and cards that come
 * back under other numbers. TT-KMD's releases differ in some of that. The stand-in
 * plays those that do, and each case says what must hold of which, so that a real
 * TT-KMD is held to the same.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD 0

/* As numbers: 100 times the major one and the minor one. */
#define SINCE_PIDS		205
#define SINCE_READERS_PIDS	207
#define SINCE_EXCLUSIVE		210

static const char played[] = "/sys/module/tenstorrent/parameters/release";

static unsigned int driver_release(void)
{
	char *text = st_slurp(access(played, F_OK) ? "/sys/module/tenstorrent/version" : played);
	unsigned int major, minor;

	assert_non_null(text);
	if (sscanf(text, "%u.%u", &major, &minor) != 2)
		fail_msg("no release of TT-KMD: %s", text);
	free(text);
	return major * 100 + minor;
}

static void load_driver(const char *parameters)
{
	assert_int_equal(st_unload("tenstorrent"), 0);
	st_await_all_attached(false);
	assert_int_equal(st_load("DRIVER_KO", parameters), 0);
	st_await_all_attached(true);
}

/* Once with TT-KMD as it is; or with the stand-in as one of each kind. */
static void with_each_release(void (*check)(void))
{
	static const char *const kinds[] = {
		"release=1.34", "release=2.6", "release=2.9", "release=2.10",
	};
	size_t i;

	if (access(played, F_OK)) {
		check();
		return;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		print_message("stand-in, %s\n", kinds[i]);
		load_driver(kinds[i]);
		check();
	}
}

static const char *driver_node(int card)
{
	return st_text("/dev/tenstorrent/%d", card);
}

/* TT-KMD's node; a negative errno if it cannot be opened. */
static int open_driver(int card, int flags)
{
	int fd = open(driver_node(card), O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

/* How often TT-KMD says that a process has a card open; without @pid all there are. */
static int times_listed(int card, pid_t pid)
{
	char path[64], *text, *row, *save;
	int times = 0;

	snprintf(path, sizeof(path), "/proc/driver/tenstorrent/%d/pids", card);
	text = st_slurp(path);
	if (!text)
		fail_msg("%s: %s", path, strerror(errno));
	for (row = strtok_r(text, "\n", &save); row; row = strtok_r(NULL, "\n", &save))
		times += !pid || atoi(row) == pid;
	free(text);
	return times;
}

static void check_listed(int card, pid_t pid, int times)
{
	if (driver_release() >= SINCE_PIDS)
		assert_int_equal(times_listed(card, pid), times);
	else
		assert_int_equal(access("/proc/driver/tenstorrent", F_OK), -1);
}

/* A file of ours that holds a MiB. */
static int hold(int card)
{
	int fd = st_open(card);

	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	return fd;
}

/* Opens TT-KMD's node with the flags given, says so, and closes it when told. */
static void open_until_told(int sock, void *arg)
{
	int fd = open_driver(CARD, *(int *)arg);

	assert_true(fd >= 0);
	st_say(sock);
	st_hear(sock);
	close(fd);
	st_say(sock);
	st_hear(sock);
}

/* Whether a process is inside open(), as one is that waits there. */
static bool is_opening(void *arg)
{
	char *text = st_slurp(st_text("/proc/%d/syscall", *(pid_t *)arg));
	long number;

	assert_non_null(text);
	/* "running" is 0, which is read(). */
	number = strtol(text, NULL, 10);
	free(text);
	return number == SYS_openat;
}

/*
 * The one that has TT-KMD's node to itself, and one that waits for it, keep nobody
 * from ttmem's: not from using it, not from reading, and not the card from going.
 */
static void check_exclusive(void)
{
	bool exclusive = driver_release() >= SINCE_EXCLUSIVE;
	int alone = O_RDWR | O_EXCL, plain = O_RDWR, fd, other;
	struct st_child owner, waiter;

	/* A client of ours does not make the card a busy one. */
	fd = hold(CARD);
	other = open_driver(CARD, O_RDWR | O_EXCL | O_NONBLOCK);
	assert_true(other >= 0);
	close(other);

	owner = st_spawn(open_until_told, &alone);
	st_hear(owner.sock);
	other = open_driver(CARD, O_RDWR | O_NONBLOCK);
	assert_int_equal(other < 0 ? other : 0, exclusive ? -EAGAIN : 0);
	close(other);
	waiter = st_spawn(open_until_told, &plain);
	if (exclusive)
		assert_true(st_await(is_opening, &waiter.pid));
	else
		st_hear(waiter.sock);
	check_listed(CARD, 0, exclusive ? 1 : 2);

	other = hold(CARD);
	st_check_used(CARD, 2 * MIB, 0);
	close(other);
	st_check_used(CARD, MIB, 0);

	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	st_check_dead(fd, "gone");
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	st_check_used(CARD, 0, 0);
	other = hold(CARD);
	/* What is open of the card that went takes nothing of the one that came. */
	check_listed(CARD, 0, 0);

	st_say(owner.sock);
	st_hear(owner.sock);
	if (exclusive)
		st_hear(waiter.sock);
	st_say(waiter.sock);
	st_hear(waiter.sock);
	st_check_used(CARD, MIB, 0);
	st_say(owner.sock);
	st_say(waiter.sock);
	st_join(&owner);
	st_join(&waiter);
	close(other);
	close(fd);
}

static void test_exclusive(void **state)
{
	(void)state;
	with_each_release(check_exclusive);
}

/* Has the card to itself, holds of it, and is killed. */
static void own_and_hold(int sock, void *arg)
{
	(void)arg;
	assert_true(open_driver(CARD, O_RDWR | O_EXCL) >= 0);
	hold(CARD);
	st_say(sock);
	st_hear(sock);
}

static void check_owner_killed(void)
{
	struct st_child owner = st_spawn(own_and_hold, NULL);
	int fd;

	st_hear(owner.sock);
	st_check_used(CARD, MIB, 0);
	check_listed(CARD, owner.pid, 1);
	st_kill(&owner);
	st_check_used(CARD, 0, 0);
	check_listed(CARD, 0, 0);
	fd = open_driver(CARD, O_RDWR | O_EXCL | O_NONBLOCK);
	assert_true(fd >= 0);
	close(fd);
}

static void test_owner_killed(void **state)
{
	(void)state;
	with_each_release(check_owner_killed);
}

/* A card goes and comes while a process has files of both nodes open. */
static void pull_under_files(int (*pull)(int card), int (*put_back)(int card), const int *fds,
			     size_t count)
{
	int fd = hold(CARD), fresh, refs = st_module_refs("tenstorrent");
	size_t i;

	assert_int_equal(pull(CARD), 0);
	st_await_attached(CARD, false);
	st_check_dead(fd, "gone");
	/* What TT-KMD's files hold of their module they go on holding. */
	assert_int_equal(st_module_refs("tenstorrent"), refs);
	assert_int_equal(st_unload("tenstorrent"), -EAGAIN);
	assert_int_equal(put_back(CARD), 0);
	st_await_attached(CARD, true);
	assert_int_equal(st_module_refs("tenstorrent"), refs);
	fresh = hold(CARD);
	check_listed(CARD, getpid(), 0);
	/* Its old files are closed now, and the last of them is the end of the old card. */
	for (i = 0; i < count; i++)
		close(fds[i]);
	assert_int_equal(st_module_refs("tenstorrent"), 0);
	st_check_used(CARD, MIB, 0);
	assert_int_equal(st_free_all(fresh), 0);
	st_check_dead(fd, "gone");
	close(fresh);
	close(fd);
}

/* One process with several files of TT-KMD's node and of ours: each is for itself. */
static void check_several_files(void)
{
	static const int flags[] = { O_RDWR, O_RDWR | O_APPEND, O_RDONLY, O_RDWR | O_NONBLOCK };
	int fds[ARRAY_SIZE(flags)], ours[2], round, copy, refs;
	struct st_line *lines;
	size_t i;

	for (round = 0; round < 2; round++) {
		assert_int_equal(st_module_refs("tenstorrent"), 0);
		ours[0] = hold(CARD);
		for (i = 0; i < ARRAY_SIZE(flags); i++) {
			fds[i] = open_driver(CARD, flags[i]);
			assert_true(fds[i] >= 0);
		}
		refs = st_module_refs("tenstorrent");
		assert_true(refs > 0);
		ours[1] = hold(CARD);
		copy = dup(fds[0]);
		assert_int_equal(st_module_refs("tenstorrent"), refs);
		check_listed(CARD, getpid(), ARRAY_SIZE(flags));
		assert_int_equal(st_clients(CARD, &lines), 2);
		assert_int_equal(lines[0].pid, getpid());
		assert_int_equal(lines[1].pid, getpid());
		free(lines);
		/* Ours mean nothing to TT-KMD, TT-KMD's nothing to us. */
		close(ours[0]);
		close(copy);
		st_check_used(CARD, MIB, 0);
		check_listed(CARD, getpid(), ARRAY_SIZE(flags));
		/* In use, it stays, and so does all that follows it. */
		assert_int_equal(st_unload("tenstorrent"), -EAGAIN);
		assert_int_equal(st_reserve(ours[1], 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
		st_check_used(CARD, 2 * MIB, 0);
		close(ours[1]);
		/* ttmem may go and come meanwhile. */
		assert_int_equal(st_unload("ttmem"), 0);
		check_listed(CARD, getpid(), ARRAY_SIZE(flags));
		assert_int_equal(st_load("TTMEM_KO", ""), 0);
		st_await_all_attached(true);
		if (round)
			pull_under_files(st_remove, st_rescan, fds, ARRAY_SIZE(fds));
		else
			pull_under_files(st_unbind, st_bind, fds, ARRAY_SIZE(fds));
	}
}

static void test_several_files(void **state)
{
	(void)state;
	with_each_release(check_several_files);
}

/* The first process of a pid namespace, with both nodes open. */
static void inside_pid_namespace(int sock)
{
	st_hear(sock);
	assert_int_equal(getpid(), 1);
	assert_true(open_driver(CARD, O_RDWR) >= 0);
	hold(CARD);
	st_say(sock);
	st_hear(sock);
}

/* Whatever TT-KMD calls a process of a container, ttmem has the reader's number for it. */
static void check_container(void)
{
	struct st_child child;
	struct st_line line;
	pid_t inner;

	child = st_spawn_in_pid_namespace(inside_pid_namespace, &inner);
	st_say(child.sock);
	st_hear(child.sock);
	line = st_only_line(CARD);
	assert_true(line.pid > child.pid);
	assert_int_equal(line.pid, inner);
	assert_string_equal(line.command, "test_driver");
	check_listed(CARD, driver_release() >= SINCE_READERS_PIDS ? line.pid : 1, 1);
	st_say(child.sock);
	st_join(&child);
	st_check_used(CARD, 0, 0);
}

static void test_container(void **state)
{
	(void)state;
	with_each_release(check_container);
}

/* What ttmem says that card N is, in every place, is what stands in PCI under N. */
static void check_identity(int card, const char *pci)
{
	unsigned int domain, bus, device, function;
	char path[64], target[256];
	struct ttmem_info info;
	struct stat status;
	ssize_t length;
	int fd;

	assert_string_equal(st_pci(card), pci);
	if (sscanf(pci, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
		fail_msg("no PCI address: %s", pci);
	fd = st_open(card);
	assert_int_equal(st_info(fd, &info), 0);
	assert_int_equal(info.card, card);
	assert_int_equal(info.pci_domain, domain);
	assert_int_equal(info.pci_bus, bus);
	assert_int_equal(info.pci_device, device);
	assert_int_equal(info.pci_function, function);
	close(fd);

	snprintf(path, sizeof(path), "/sys/class/ttmem/ttmem%d/device", card);
	length = readlink(path, target, sizeof(target) - 1);
	assert_true(length > 0);
	target[length] = '\0';
	assert_string_equal(strrchr(target, '/') + 1, pci);
	/* The node's minor of TT-KMD's is how a runtime with such a file finds ours. */
	assert_int_equal(stat(driver_node(card), &status), 0);
	assert_int_equal(status.st_rdev & 0xff, card);
}

static int write_pci(const char *what, const char *pci)
{
	return st_write(st_text("/sys/bus/pci/drivers/tenstorrent/%s", what), pci);
}

/* Cards that come back under each other's numbers: the books do not go with a number. */
static void test_swapped(void **state)
{
	char first[16], second[16];
	int files[2], fd;

	(void)state;
	if (st_cards() < 2) {
		print_message("skipped: one card has nothing to swap with\n");
		skip();
	}
	snprintf(first, sizeof(first), "%s", st_pci(0));
	snprintf(second, sizeof(second), "%s", st_pci(1));
	files[0] = hold(0);
	files[1] = hold(1);
	assert_int_equal(st_put(0, 0, "dram_total", "4096"), 0);

	assert_int_equal(write_pci("unbind", first), 0);
	st_await_attached(0, false);
	/* Whoever stays keeps its number and its books. */
	check_identity(1, second);
	st_check_used(1, MIB, 0);
	assert_int_equal(write_pci("unbind", second), 0);
	st_await_attached(1, false);
	assert_int_equal(write_pci("bind", second), 0);
	st_await_attached(0, true);
	check_identity(0, second);
	assert_int_equal(write_pci("bind", first), 0);
	st_await_attached(1, true);
	check_identity(1, first);

	/* Who held of the one called 0 holds nothing of the other, nor of that one. */
	st_check_dead(files[0], "gone");
	st_check_dead(files[1], "gone");
	st_check_used(0, 0, 0);
	st_check_used(1, 0, 0);
	assert_true(st_get(0, 0, "dram_total") > MIB);
	assert_true(st_get(1, 0, "dram_total") > MIB);
	fd = hold(0);
	close(files[0]);
	close(files[1]);
	st_check_used(0, MIB, 0);
	st_check_used(1, 0, 0);
	close(fd);
}

/* Removed and found again, a card is the last one in PCI and at the driver's next load. */
static void test_renumbered(void **state)
{
	int cards = st_cards(), card, fd;
	char pci[32][16];

	(void)state;
	if (cards < 2) {
		print_message("skipped: one card has no other number\n");
		skip();
	}
	for (card = 0; card < cards; card++)
		snprintf(pci[card], sizeof(pci[card]), "%s", st_pci(card));
	fd = hold(0);
	assert_int_equal(st_remove(0), 0);
	st_await_attached(0, false);
	assert_int_equal(st_rescan(0), 0);
	st_await_attached(0, true);
	/* The number was free, so for now it is the same. */
	check_identity(0, pci[0]);
	load_driver("");
	for (card = 0; card < cards; card++) {
		check_identity(card, pci[(card + 1) % cards]);
		st_check_used(card, 0, 0);
	}
	st_check_dead(fd, "gone");
	close(fd);
}

/* The stand-in is as it was loaded at first, also after a case that failed. */
static int teardown(void **state)
{
	char *text = st_slurp(played);
	int error = st_teardown(state);

	if (text && strcmp(text, "2.10\n") && !error)
		load_driver("");
	free(text);
	return error;
}

#define TEST(fn)	cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exclusive),
		TEST(test_owner_killed),
		TEST(test_several_files),
		TEST(test_container),
		TEST(test_swapped),
		TEST(test_renumbered),
	};

	return ST_RUN(tests);
}
