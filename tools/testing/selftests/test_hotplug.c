// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cards that come and go, and modules that do: at rest with files open, and
 * with processes at work. What is gone answers ENODEV for good, what comes back
 * is fresh, and ttmem keeps nobody from going.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD 0

static int unload_driver(int card)
{
	(void)card;
	return st_unload("tenstorrent");
}

static int load_driver(int card)
{
	(void)card;
	return st_load("DRIVER_KO", "");
}

/* The ways for a card to go and to come back. */
static const struct way {
	const char *name;
	int (*pull)(int card);
	int (*put_back)(int card);
	/* The driver goes as a whole, and every card with it. */
	bool all;
} ways[] = {
	{ "remove and rescan", st_remove, st_rescan, false },
	{ "unbind and bind", st_unbind, st_bind, false },
	{ "unload and load the driver", unload_driver, load_driver, true },
};

static void await_all(const struct way *way, int card, bool attached)
{
	int each;

	for (each = 0; each < st_cards(); each++)
		if (way->all || each == card)
			st_await_attached(each, attached);
}

/* What somebody may have open of a card, and what it says when the card is gone. */
struct open_files {
	int used, peak, list, directory;
};

static struct open_files open_files(int card)
{
	struct open_files files;
	char byte;

	files.used = open(st_path(card, 0, "dram_used"), O_RDONLY | O_CLOEXEC);
	files.peak = open(st_path(card, ST_CARD, "dram_peak"), O_RDWR | O_CLOEXEC);
	files.list = open(ST_LIST, O_RDONLY | O_CLOEXEC);
	files.directory = open(st_path(card, ST_CARD, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(files.used >= 0 && files.peak >= 0 && files.list >= 0 && files.directory >= 0);
	/* In the middle of reading. */
	assert_int_equal(read(files.list, &byte, 1), 1);
	assert_int_equal(read(files.used, &byte, 1), 1);
	return files;
}

static void check_open_files_dead(const struct open_files *files, int card)
{
	char text[4096], *row, *save;
	ssize_t got;

	assert_true(pread(files->used, text, sizeof(text), 0) < 0 && errno == ENODEV);
	assert_true(write(files->peak, "0", 1) < 0 && errno == ENODEV);
	assert_true(openat(files->directory, "dram_used", O_RDONLY) < 0);
	/* The list is all cards', and goes on without this one. */
	got = pread(files->list, text, sizeof(text) - 1, 0);
	assert_true(got > 0);
	text[got] = '\0';
	strtok_r(text, "\n", &save);
	while ((row = strtok_r(NULL, "\n", &save)))
		assert_int_not_equal(atoi(row), card);
}

static void close_open_files(const struct open_files *files)
{
	close(files->used);
	close(files->peak);
	close(files->list);
	close(files->directory);
}

static void check_fresh(int card)
{
	st_check_used(card, 0, 0);
	assert_int_equal(st_get(card, ST_CARD, "clients"), 0);
	assert_int_equal(st_get(card, ST_CARD, "denied"), 0);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 0);
	assert_int_equal(st_get(card, 0, "dram_peak"), 0);
	assert_int_equal(st_get(card, ST_CARD, "l1_peak"), 0);
}

static void check_way(const struct way *way, int card)
{
	int holder, idle, fresh, i, refs = st_module_refs("tenstorrent");
	struct open_files files;

	print_message("card %d: %s\n", card, way->name);
	holder = st_open(card);
	idle = st_open(card);
	for (i = 0; i < 500; i++)
		assert_int_equal(st_reserve(holder, 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	assert_int_equal(st_set(holder, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	assert_int_equal(st_reserve(holder, 0, TTMEM_DRAM, 0, 1ull << 39, 0, NULL), -ENOSPC);
	st_check_used(card, 500 * 4096, 4096);
	files = open_files(card);
	/* TT-KMD is held by nothing of this. */
	assert_int_equal(st_module_refs("tenstorrent"), refs);

	assert_int_equal(way->pull(card), 0);
	await_all(way, card, false);
	assert_true(open(st_node(card), O_RDWR) < 0 && (errno == ENOENT || errno == ENXIO));
	st_check_dead(holder, "gone");
	st_check_dead(idle, "gone");
	check_open_files_dead(&files, card);

	assert_int_equal(way->put_back(card), 0);
	await_all(way, card, true);
	check_fresh(card);
	/* Gone is for good: another card has come, if under the same number. */
	st_check_dead(holder, "gone");
	check_open_files_dead(&files, card);
	fresh = st_open(card);
	assert_int_equal(st_reserve(fresh, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_check_used(card, MIB, 0);
	close(holder);
	st_check_used(card, MIB, 0);
	close(idle);
	close_open_files(&files);
	close(fresh);
	st_check_used(card, 0, 0);
}

static void test_ways(void **state)
{
	size_t i;
	int card;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		for (card = 0; card < st_cards(); card++)
			check_way(&ways[i], card);
}

static void test_ttmem_reloaded(void **state)
{
	int card, fd;

	(void)state;
	fd = st_open(CARD);
	assert_true(st_module_refs("ttmem") > 0);
	/* In use: the kernel's word for it is EAGAIN, what rmmod makes of it is "in use". */
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	st_check_used(CARD, MIB, 0);
	close(fd);
	assert_int_equal(st_module_refs("ttmem"), 0);

	assert_int_equal(st_unload("ttmem"), 0);
	st_await_all_attached(false);
	assert_true(access("/proc/driver/ttmem", F_OK) < 0);
	assert_true(access("/sys/module/ttmem", F_OK) < 0);
	/* TT-KMD's cards are there as before. */
	for (card = 0; card < st_cards(); card++)
		assert_int_equal(access(st_text("/sys/class/tenstorrent/tenstorrent!%d", card),
					F_OK), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
	for (card = 0; card < st_cards(); card++)
		check_fresh(card);
}

/* A file of a card that is gone is still a use of ttmem, until it is closed. */
static void test_unload_with_file_of_gone_card(void **state)
{
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_remove(CARD), 0);
	st_await_attached(CARD, false);
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	st_check_dead(fd, "gone");
	close(fd);
	assert_int_equal(st_unload("ttmem"), 0);
	assert_int_equal(st_rescan(CARD), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
	check_fresh(CARD);
}

static int open_list(void)
{
	int list = open(ST_LIST, O_RDONLY | O_CLOEXEC);

	assert_true(list >= 0);
	return list;
}

/* The list being read keeps ttmem, as an open node does, but no card from going. */
static void test_unload_with_list_open(void **state)
{
	int list = open_list(), other;
	char text[4096];

	(void)state;
	assert_int_equal(st_module_refs("ttmem"), 1);
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	other = open_list();
	assert_int_equal(st_module_refs("ttmem"), 2);
	assert_int_equal(read(list, text, 10), 10);
	close(other);
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	assert_true(read(list, text, sizeof(text)) > 0);
	assert_int_equal(st_unload("tenstorrent"), 0);
	st_await_all_attached(false);
	/* With no card at all it is a header. */
	assert_true(pread(list, text, sizeof(text), 0) > 0);
	assert_int_equal(strncmp(text, "CARD ", 5), 0);
	assert_int_equal(st_unload("ttmem"), -EAGAIN);
	close(list);
	assert_int_equal(st_module_refs("ttmem"), 0);
	assert_int_equal(st_unload("ttmem"), 0);
	assert_true(access(ST_LIST, F_OK) < 0);
	assert_int_equal(st_load("DRIVER_KO", ""), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
}

/* A copy of a card's node, as a container has one. */
static const char node_copy[] = "/tmp/ttmem-node-copy";

static int open_copy(void)
{
	int fd = open(node_copy, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void check_copy_meets(int card)
{
	struct ttmem_info info;
	struct st_line *lines;
	int fd = open_copy();

	assert_true(fd >= 0);
	assert_int_equal(st_info(fd, &info), 0);
	assert_int_equal(info.card, card);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_check_used(card, MIB, 0);
	assert_int_equal(st_clients(card, &lines), 1);
	assert_int_equal(lines[0].client, info.client);
	free(lines);
	close(fd);
}

/*
 * Whoever has a copy of the node meets the card that has its number, or ENODEV: also with a
 * file of the old card still open, and never another driver's device.
 */
static void test_copied_node(void **state)
{
	struct stat status, now;
	size_t i;
	int old;

	(void)state;
	unlink(node_copy);
	assert_int_equal(stat(st_node(CARD), &status), 0);
	assert_int_equal(mknod(node_copy, S_IFCHR | 0666, status.st_rdev), 0);
	check_copy_meets(CARD);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		old = open_copy();
		assert_true(old >= 0);
		assert_int_equal(ways[i].pull(CARD), 0);
		await_all(&ways[i], CARD, false);
		assert_int_equal(open_copy(), -ENODEV);
		st_check_dead(old, "gone");
		assert_int_equal(ways[i].put_back(CARD), 0);
		await_all(&ways[i], CARD, true);
		assert_int_equal(stat(st_node(CARD), &now), 0);
		assert_int_equal(now.st_rdev, status.st_rdev);
		check_copy_meets(CARD);
		st_check_dead(old, "gone");
		close(old);
		check_copy_meets(CARD);
	}
	/* A number that no card has. */
	unlink(node_copy);
	assert_int_equal(mknod(node_copy, S_IFCHR | 0666, makedev(major(status.st_rdev), 4095)), 0);
	assert_int_equal(open_copy(), -ENODEV);
	assert_int_equal(st_module_refs("ttmem"), 0);
	unlink(node_copy);
}

static void test_either_order(void **state)
{
	(void)state;
	/* ttmem first: it waits for the driver. */
	assert_int_equal(st_unload("ttmem"), 0);
	assert_int_equal(st_unload("tenstorrent"), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	assert_int_equal(access("/proc/driver/ttmem", F_OK), 0);
	st_await_all_attached(false);
	assert_int_equal(st_load("DRIVER_KO", ""), 0);
	st_await_all_attached(true);
	check_fresh(CARD);
	/* The driver goes and comes, and goes while ttmem does. */
	assert_int_equal(st_unload("tenstorrent"), 0);
	st_await_all_attached(false);
	assert_int_equal(st_unload("ttmem"), 0);
	/* The driver first. */
	assert_int_equal(st_load("DRIVER_KO", ""), 0);
	st_await_all_attached(false);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
	check_fresh(CARD);
}

static void test_driver_goes_from_under_clients(void **state)
{
	int fds[32], card, i;

	(void)state;
	for (i = 0; i < 5; i++) {
		for (card = 0; card < st_cards(); card++) {
			fds[card] = st_open(card);
			assert_int_equal(st_reserve(fds[card], 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
		}
		assert_int_equal(st_unload("tenstorrent"), 0);
		for (card = 0; card < st_cards(); card++)
			st_check_dead(fds[card], "gone");
		assert_int_equal(st_load("DRIVER_KO", ""), 0);
		st_await_all_attached(true);
		for (card = 0; card < st_cards(); card++) {
			check_fresh(card);
			close(fds[card]);
		}
	}
}

/* The workers of the tests under load: how far each has come, and how often its card went. */
enum { WORKERS = 12 };
static volatile struct {
	long steps;
	long losses;
} *load;

static bool some_stay;

static bool card_is_away(int error)
{
	return error == ENOENT || error == ENXIO || error == ENODEV;
}

/*
 * A client's life over and over; its card may go at any step, and then stays gone for it.
 * With @some_stay the first worker of each card keeps its file until that comes: on a slow
 * kernel most of the others are on their way to the next open() then.
 */
static void live(int sock, void *arg)
{
	long number = (intptr_t)arg;
	bool stays = some_stay && number < st_cards();
	int card = number % st_cards(), fd, i, error;
	struct ttmem_info info;
	uint64_t handles[20];
	char node[64];

	(void)sock;
	snprintf(node, sizeof(node), "%s", st_node(card));
	for (;;) {
		fd = open(node, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			if (!card_is_away(errno))
				fail_msg("%s: %s", node, strerror(errno));
			usleep(1000);
			continue;
		}
		do {
			for (i = 0, error = 0; i < 20 && !error; i++)
				error = st_reserve(fd, 0, i % 2, 0, 64 * (i + 1), 0, &handles[i]);
			if (!error)
				error = st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, number + 1);
			if (!error)
				error = st_info(fd, &info);
			for (i = 0; i < 10 && !error; i++)
				error = st_free(fd, handles[i]);
			if (!error && (stays || load[number].steps % 3 == 0))
				error = st_free_all(fd);
			load[number].steps++;
		} while (stays && !error);
		if (error) {
			if (error != -ENODEV)
				fail_msg("a call on card %d: %s", card, strerror(-error));
			for (i = 0; i < 5; i++)
				st_check_dead(fd, "gone");
			load[number].losses++;
		}
		close(fd);
	}
}

/* Reads all there is to read, of cards that may go in between. */
static void look(int sock, void *arg)
{
	long number = (intptr_t)arg;
	int card;

	(void)sock;
	for (;;) {
		free(st_slurp(ST_LIST));
		for (card = 0; card < st_cards(); card++) {
			free(st_slurp(st_path(card, ST_CARD, "dram_used")));
			free(st_slurp(st_path(card, 0, "l1_used")));
			st_put(card, ST_CARD, "dram_peak", "0");
		}
		load[number].steps++;
	}
}

static struct st_child workers[WORKERS];

static void start_workers(bool with_some_that_stay)
{
	long i;

	some_stay = with_some_that_stay;
	load = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(load != MAP_FAILED);
	for (i = 0; i < WORKERS; i++)
		workers[i] = st_spawn(i < WORKERS - 2 ? live : look, (void *)(intptr_t)i);
}

static bool all_moved(void *arg)
{
	const long *before = arg;
	int i;

	for (i = 0; i < WORKERS; i++)
		if (load[i].steps < before[i] + 3)
			return false;
	return true;
}

/* Every worker comes round a few times. */
static void await_work(void)
{
	long before[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		before[i] = load[i].steps;
	assert_true(st_await(all_moved, before));
}

static void stop_workers(void)
{
	int i, card;

	for (i = 0; i < WORKERS; i++)
		st_kill(&workers[i]);
	for (card = 0; card < st_cards(); card++)
		st_check_used(card, 0, 0);
}

static long losses(void)
{
	long sum = 0;
	int i;

	for (i = 0; i < WORKERS; i++)
		sum += load[i].losses;
	return sum;
}

/* Every card goes six times, or once where everything takes long. */
static void under_load(const struct way *way)
{
	int rounds = st_many(6) ? st_many(6) : 1, round, card;
	long lost;

	start_workers(true);
	await_work();
	for (round = 0; round < rounds; round++)
		for (card = 0; card < (way->all ? 1 : st_cards()); card++) {
			assert_int_equal(way->pull(card), 0);
			await_all(way, card, false);
			assert_int_equal(way->put_back(card), 0);
			await_all(way, card, true);
			await_work();
		}
	lost = losses();
	stop_workers();
	print_message("%s: %ld times a client lost its card\n", way->name, lost);
	/* One on each card each time at least. */
	assert_true(lost >= rounds * st_cards());
}

/* A later TT-KMD may tell of memory itself: then ttmem's files are only where they always are. */
static void test_driver_with_memory_stats_of_its_own(void **state)
{
	static const char parameter[] = "/sys/module/tenstorrent/parameters/memory_stats";
	char used[64], link[64], *text;
	struct stat status;
	int fd;

	(void)state;
	if (access(parameter, W_OK)) {
		print_message("skipped: only the stand-in can play a later TT-KMD\n");
		skip();
	}
	snprintf(used, sizeof(used), "/sys/class/ttmem/ttmem%d/dram_used", CARD);
	snprintf(link, sizeof(link), "/sys/class/tenstorrent/tenstorrent!%d/memory_stats", CARD);

	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	assert_int_equal(st_write(parameter, "1"), 0);
	assert_int_equal(st_bind(CARD), 0);
	assert_int_equal(st_write(parameter, "0"), 0);

	/* Theirs, and nothing in it is ours. */
	assert_int_equal(access(st_path(CARD, ST_CARD, "tt_card_type"), F_OK), 0);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(access(st_path(CARD, ST_CARD, "dram_used"), F_OK), -1);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, NULL), 0);
	text = st_slurp(used);
	assert_non_null(text);
	assert_string_equal(text, "4096\n");
	free(text);

	/* And it is theirs to take away. */
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	st_check_dead(fd, "gone");
	close(fd);
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	check_fresh(CARD);
}

static void test_remove_under_load(void **state)
{
	(void)state;
	under_load(&ways[0]);
}

static void test_unbind_under_load(void **state)
{
	(void)state;
	under_load(&ways[1]);
}

static void test_driver_unloaded_under_load(void **state)
{
	(void)state;
	under_load(&ways[2]);
}

/* ttmem goes whenever nobody has it open, which with few workers comes about. */
static void test_ttmem_unloaded_under_load(void **state)
{
	int error, unloads = 0, refusals = 0;
	uint64_t end;

	(void)state;
	start_workers(false);
	await_work();
	end = st_now_ms() + 10000;
	do {
		error = st_unload("ttmem");
		if (!error) {
			unloads++;
			assert_int_equal(st_load("TTMEM_KO", ""), 0);
			st_await_all_attached(true);
			await_work();
		} else {
			assert_int_equal(error, -EAGAIN);
			refusals++;
		}
	} while (st_now_ms() < end && unloads < 10);
	stop_workers();
	print_message("ttmem unloaded %d times, in use %d times\n", unloads, refusals);
	assert_true(unloads + refusals > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_ways),
		ST_TEST(test_ttmem_reloaded),
		ST_TEST(test_unload_with_file_of_gone_card),
		ST_TEST(test_unload_with_list_open),
		ST_TEST(test_copied_node),
		ST_TEST(test_either_order),
		ST_TEST(test_driver_goes_from_under_clients),
		ST_TEST(test_driver_with_memory_stats_of_its_own),
		ST_TEST(test_remove_under_load),
		ST_TEST(test_unbind_under_load),
		ST_TEST(test_driver_unloaded_under_load),
		ST_TEST(test_ttmem_unloaded_under_load),
	};

	return ST_RUN(tests);
}
