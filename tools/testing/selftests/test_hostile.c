// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user can do to another by what he tells, reads, keeps open or keeps a copy of:
 * Mallory against Alice and against root, in namespaces of his own too.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hostile.h"

#define CARD	0
#define MOST	TTMEM_CLIENT_BYTES_MAX
#define LIES	8

/* Tells as much as he may, of both memories and in every way; the victim is asked meanwhile. */
static void tell_lies(int sock, void *arg)
{
	int fd, i;

	(void)arg;
	hostile_become(MALLORY);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, ~0ull, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 -EDQUOT);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1ull << 63, TTMEM_RESERVE_OVERCOMMIT,
				    NULL), -EDQUOT);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MOST + 1, TTMEM_RESERVE_OVERCOMMIT,
				    NULL), -EDQUOT);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MOST, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 1,
				    TTMEM_RESERVE_OVERCOMMIT, NULL), -EDQUOT);
	/* Each pool has a bound of its own, for reservations and gauges together. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, MOST - 1, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 1), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, ~0ull), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 2), -EDQUOT);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	for (i = 1; i < LIES; i++) {
		fd = st_open(CARD);
		assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM, MOST), 0);
		assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_SYSTEM, MOST), 0);
		assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_SYSTEM, MOST + 1), -EDQUOT);
		assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 1), -EDQUOT);
	}
	st_say(sock);
	st_hear(sock);
}

static void be_lied_to(int sock, void *arg)
{
	struct ttmem_info info;
	int fd;

	(void)arg;
	hostile_become(ALICE);
	fd = st_open(CARD);
	/* So far a lie goes: a pool that is said to be full refuses, and overcommitment helps. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), -ENOSPC);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	assert_int_equal(st_info(fd, &info), 0);
	assert_int_equal(info.used, LIES * MOST + MIB);
	st_say(sock);
	st_hear(sock);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
}

static void test_sums(void **state)
{
	uint64_t denied = st_get(CARD, ST_CARD, "denied");
	struct st_child mallory = st_spawn(tell_lies, NULL), alice;

	(void)state;
	st_hear(mallory.sock);
	st_check_used(CARD, LIES * MOST, LIES * MOST);
	/* Refused reservations are counted, gauges that are too high are not. */
	assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied + 4);
	alice = st_spawn(be_lied_to, NULL);
	st_hear(alice.sock);
	st_check_used(CARD, LIES * MOST + MIB, LIES * MOST + 4096);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);

	/* He is gone, and so is all that he has told. */
	st_kill(&mallory);
	st_check_used(CARD, MIB, 4096);
	st_say(alice.sock);
	st_join(&alice);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_put(CARD, ST_CARD, "dram_peak", "0"), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "l1_peak", "0"), 0);
}

static const unsigned long calls[] = {
	TTMEM_IOC_INFO, TTMEM_IOC_RESERVE, TTMEM_IOC_FREE, TTMEM_IOC_SET,
	TTMEM_IOC_RESERVATIONS, TTMEM_IOC_ATTRIBUTE,
};

static bool changes(unsigned long call)
{
	return call != TTMEM_IOC_INFO && call != TTMEM_IOC_RESERVATIONS;
}

/* Neither TT-KMD's numbers, nor ours with a size in them, nor those that come after. */
static void check_unknown(int fd)
{
	unsigned int number;
	size_t i;

	for (number = 0; number < 0x100; number++)
		if (number < 0x80 || number > 0x85)
			assert_int_equal(st_ioctl(fd, _IO(TTMEM_IOC_MAGIC, number), NULL), -ENOTTY);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(st_ioctl(fd, calls[i] | _IOC_READ << _IOC_DIRSHIFT, NULL),
				 -ENOTTY);
		assert_int_equal(st_ioctl(fd, calls[i] | 64 << _IOC_SIZESHIFT, NULL), -ENOTTY);
		assert_int_equal(st_ioctl(fd, calls[i] ^ 1 << _IOC_TYPESHIFT, NULL), -ENOTTY);
	}
}

/* What is wrong with the call, then with the card, with the file, with the argument. */
static void try_modes(int sock, void *arg)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int fd[ARRAY_SIZE(modes)];
	size_t m, i;

	(void)arg;
	hostile_become(MALLORY);
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		fd[m] = open(st_node(CARD), modes[m] | O_CLOEXEC);
		assert_true(fd[m] >= 0);
		check_unknown(fd[m]);
		for (i = 0; i < ARRAY_SIZE(calls); i++) {
			bool barred = modes[m] == O_RDONLY && changes(calls[i]);
			int error = barred ? -EBADF : -EFAULT;

			assert_int_equal(st_ioctl(fd[m], calls[i], NULL), error);
		}
	}
	/* Read only is that, and for writing only is enough to write. */
	assert_int_equal(st_reserve(fd[0], 0, TTMEM_DRAM, 0, 64, 0, NULL), -EBADF);
	assert_int_equal(st_set(fd[0], 0, TTMEM_DRAM, 0, 64), -EBADF);
	assert_int_equal(st_free_all(fd[0]), -EBADF);
	assert_int_equal(st_reserve(fd[1], 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	/* A file is what it was opened as, also under another name of it. */
	for (m = 0; m < 2; m++) {
		char path[64];
		int again;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[m]);
		again = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(again >= 0);
		assert_int_equal(st_reserve(again, 0, TTMEM_DRAM, 0, 64, 0, NULL), -EBADF);
		close(again);
	}
	st_say(sock);
	st_hear(sock);
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		check_unknown(fd[m]);
		for (i = 0; i < ARRAY_SIZE(calls); i++)
			assert_int_equal(st_ioctl(fd[m], calls[i], NULL), -ENODEV);
	}
	st_say(sock);
}

static void test_order(void **state)
{
	struct st_child mallory = st_spawn(try_modes, NULL);

	(void)state;
	st_hear(mallory.sock);
	st_check_used(CARD, 64, 0);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	st_say(mallory.sock);
	st_hear(mallory.sock);
	st_join(&mallory);
}

/* Sizes and counts that a multiplication or an allocation would choke on. */
static void try_sizes(int sock, void *arg)
{
	static const uint32_t wild[] = {
		0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, 0x01000000, 0x55555556,
	};
	static uint32_t room[2048];
	int fd;
	size_t i, j, c;

	(void)sock;
	(void)arg;
	hostile_become(MALLORY);
	fd = st_open(CARD);
	for (c = 0; c < ARRAY_SIZE(calls); c++)
		for (i = 0; i < ARRAY_SIZE(wild); i++) {
			memset(room, 0, sizeof(room));
			room[0] = wild[i];
			assert_int_equal(st_ioctl(fd, calls[c], room), wild[i] > 4096 ? -E2BIG :
					 -EINVAL);
		}
	for (i = 0; i < ARRAY_SIZE(wild); i++)
		for (j = 0; j < ARRAY_SIZE(wild); j++) {
			struct ttmem_set set = {
				.gauges = (uintptr_t)room,
				.count = wild[i],
				.entry_size = wild[j],
			};
			struct ttmem_reservations list = {
				.entries = (uintptr_t)room,
				.count = wild[i],
				.entry_size = wild[j],
			};

			assert_true(st_call(fd, TTMEM_IOC_SET, &set) < 0);
			/* Of no reservation there is none to copy; else it is refused. */
			st_call(fd, TTMEM_IOC_RESERVATIONS, &list);
			assert_int_equal(list.next, 0);
		}
}

static void test_sizes(void **state)
{
	struct st_child mallory = st_spawn(try_sizes, NULL);

	(void)state;
	st_join(&mallory);
	st_check_used(CARD, 0, 0);
}

/* Takes ten, which is the limit, and no more. */
static void fill_quota(int sock)
{
	int fd = st_open(CARD), i;

	st_hear(sock);
	for (i = 0; i < 10; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), -EDQUOT);
	st_say(sock);
	st_hear(sock);
}

/* All containers' root is one user: what one of them takes is not taken from the other. */
static void test_quota(void **state)
{
	struct st_child container[3];
	pid_t inner;
	int i, fd;

	(void)state;
	assert_int_equal(access(st_param_path("max_reservations_per_uid"), F_OK), -1);
	st_set_param("max_reservations", "10\n");
	for (i = 0; i < 3; i++) {
		container[i] = st_spawn_in_pid_namespace(fill_quota, &inner);
		st_say(container[i].sock);
		st_hear(container[i].sock);
	}
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	st_check_used(CARD, 31 * 64, 0);
	for (i = 0; i < 3; i++) {
		st_say(container[i].sock);
		st_join(&container[i]);
	}
	close(fd);
}

/* How long a card's removal may take, in milliseconds, while somebody is stuck. */
#define SOON	30000

static void unbind(int sock, void *arg)
{
	(void)arg;
	assert_int_equal(st_unbind(CARD), 0);
	st_say(sock);
}

static char list_path[] = ST_LIST;

static void read_list(void *page)
{
	int fd = open(list_path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	(void)!read(fd, page, 4096);
}

static void read_sum(void *page)
{
	int fd = open(st_path(CARD, ST_CARD, "dram_used"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	(void)!read(fd, page, 4096);
}

static void call_info(void *page)
{
	ioctl(st_open(CARD), TTMEM_IOC_INFO, page);
}

static void call_reserve(void *page)
{
	ioctl(st_open(CARD), TTMEM_IOC_RESERVE, page);
}

static void call_set(void *page)
{
	struct ttmem_set set = {
		.argsz = sizeof(set),
		.gauges = (uintptr_t)page,
		.count = 1,
		.entry_size = sizeof(struct ttmem_gauge),
	};

	ioctl(st_open(CARD), TTMEM_IOC_SET, &set);
}

static void call_reservations(void *page)
{
	struct ttmem_reservations list = {
		.argsz = sizeof(list),
		.entries = (uintptr_t)page,
		.count = 1,
		.entry_size = sizeof(struct ttmem_reservation),
	};
	int fd = st_open(CARD);

	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	ioctl(fd, TTMEM_IOC_RESERVATIONS, &list);
}

static const struct {
	const char *name;
	void (*fn)(void *page);
	bool holds_module;
} stickers[] = {
	{ "a reader of the list", read_list, true },
	{ "a reader of a sum", read_sum, false },
	{ "INFO", call_info, true },
	{ "RESERVE", call_reserve, true },
	{ "SET", call_set, true },
	{ "RESERVATIONS", call_reservations, true },
};

static void check_sticker(size_t n)
{
	struct st_child mallory = stuck_in(MALLORY, stickers[n].fn), root;
	struct pollfd ready;
	uint64_t handle;
	int fd;

	/* rmmod does not begin what it could not end. */
	if (stickers[n].holds_module)
		assert_int_equal(st_unload("ttmem"), -EAGAIN);
	root = st_spawn(unbind, NULL);
	ready = (struct pollfd) { .fd = root.sock, .events = POLLIN };
	if (poll(&ready, 1, SOON) != 1) {
		st_kill(&mallory);
		fail_msg("%s holds up the card's removal", stickers[n].name);
	}
	st_join(&root);
	st_await_attached(CARD, false);
	assert_true(stuck_still(&mallory));
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	fd = st_open(CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, &handle), 0);
	st_check_used(CARD, 64, 0);
	close(fd);
	assert_true(stuck_still(&mallory));
	/* It is not so stuck that it could not be killed. */
	st_kill(&mallory);
	st_check_used(CARD, 0, 0);
}

static void test_stuck(void **state)
{
	size_t i;

	(void)state;
	if (!stuck_possible()) {
		print_message("skipped: this kernel has no userfaultfd\n");
		skip();
	}
	for (i = 0; i < ARRAY_SIZE(stickers); i++)
		check_sticker(i);
	assert_int_equal(st_module_refs("ttmem"), 0);
	assert_int_equal(st_unload("ttmem"), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
}

/* A copy of the node elsewhere, as a container has one. */
static const char copy[] = "/tmp/hostile-node";

static uint32_t card_of(int fd)
{
	struct ttmem_info info;

	assert_int_equal(st_info(fd, &info), 0);
	return info.card;
}

/* All cards away, and back in another order: the copy is the card of its number, or nobody's. */
static void test_copied_node(void **state)
{
	static const char bind[] = "/sys/bus/pci/drivers/tenstorrent/bind";
	int card, cards = st_cards(), old, fd;
	struct stat status;
	char pci[32][16];

	(void)state;
	assert_int_equal(stat(st_node(CARD), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0666);
	unlink(copy);
	assert_int_equal(mknod(copy, S_IFCHR | 0666, status.st_rdev), 0);
	old = open(copy, O_RDWR | O_CLOEXEC);
	assert_true(old >= 0);

	for (card = 0; card < cards; card++) {
		snprintf(pci[card], sizeof(pci[card]), "%s", st_pci(card));
		assert_int_equal(st_unbind(card), 0);
	}
	st_await_all_attached(false);
	assert_int_equal(open(copy, O_RDWR | O_CLOEXEC), -1);
	assert_int_equal(errno, ENODEV);
	for (card = cards - 1; card >= 0; card--) {
		assert_int_equal(st_write(bind, pci[card]), 0);
		fd = open(copy, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			assert_int_equal(card_of(fd), CARD);
		else
			assert_int_equal(errno, ENODEV);
		close(fd);
	}
	st_await_all_attached(true);
	/* The file that was opened before is dead, and does not keep the copy dead. */
	st_check_dead(old, "gone");
	fd = open(copy, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(card_of(fd), CARD);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_check_used(CARD, MIB, 0);
	close(fd);
	close(old);
	unlink(copy);
	/* They have changed their numbers; found anew in order, they have their old ones. */
	for (card = 0; card < cards; card++)
		assert_int_equal(st_remove(card), 0);
	assert_int_equal(st_rescan(0), 0);
	st_await_all_attached(true);
}

/* Becomes itself anew from a thread that is not the first one, as often as it is told. */
static char *const *exec_arguments;

static void *exec_again(void *arg)
{
	(void)arg;
	execv("/proc/self/exe", exec_arguments);
	return NULL;
}

static void exec_from_thread(int left, int sock)
{
	char count[16], file[16];
	char *const arguments[] = { "test_hostile", count, file, NULL };
	pthread_t thread;

	if (!left) {
		st_say(sock);
		st_hear(sock);
		return;
	}
	snprintf(count, sizeof(count), "%d", left - 1);
	snprintf(file, sizeof(file), "%d", sock);
	exec_arguments = arguments;
	if (!pthread_create(&thread, NULL, exec_again, NULL))
		for (;;)
			pause();
}

static void begin_execs(int sock, void *arg)
{
	st_hear(sock);
	hostile_become(MALLORY);
	exec_from_thread(*(long *)arg, dup(sock));
}

/* A process that is spoken for stays so when it becomes another program, in whatever way. */
static void test_target_execs(void **state)
{
	long execs = st_many(200) + 20, looks = 0;
	struct st_child mallory = st_spawn(begin_execs, &execs);
	struct pollfd ready = { .fd = mallory.sock, .events = POLLIN };
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_attribute(fd, mallory.pid), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	st_say(mallory.sock);
	while (!poll(&ready, 1, 0)) {
		assert_int_equal(st_get(CARD, ST_CARD, "dram_used"), MIB);
		assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
		looks += 2;
	}
	st_hear(mallory.sock);
	print_message("%ld looks while it became another program %ld times\n", looks, execs);
	assert_true(looks > execs);
	st_say(mallory.sock);
	st_join(&mallory);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_sums),
		ST_TEST(test_order),
		ST_TEST(test_sizes),
		ST_TEST(test_quota),
		ST_TEST(test_stuck),
		ST_TEST(test_copied_node),
		ST_TEST(test_target_execs),
	};

	if (argc == 3) {
		exec_from_thread(atoi(argv[1]), atoi(argv[2]));
		return 0;
	}
	return ST_RUN(tests);
}
