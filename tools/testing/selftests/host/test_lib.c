// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem, ttmem-run and ttmem-smi before the real module. Wants a guest as
 * tools/testing/vm/run makes it, root, and all cards to itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "libttmem.h"

#define MIB	(1ull << 20)

static uint64_t stat_of(unsigned int number, const char *name)
{
	uint64_t value;

	assert_int_equal(ttmem_stat(number, name, &value), 0);
	return value;
}

static struct ttmem_card *open_card(unsigned int number)
{
	struct ttmem_card *card;

	assert_int_equal(ttmem_open(number, 0, &card), 0);
	assert_non_null(card);
	return card;
}

static uint64_t reserve(struct ttmem_card *card, uint64_t size, const char *label)
{
	struct ttmem_reserve r = { .size = size, .cookie = size };

	strcpy((char *)r.label, label);
	assert_int_equal(ttmem_reserve(card, &r, sizeof(r)), 0);
	assert_int_not_equal(r.handle, 0);
	return r.handle;
}

/* Run a command in a shell, its output and errors in @out; its exit status. */
static int run(const char *command, char *out, size_t size)
{
	char line[1024];
	size_t len;
	FILE *file;
	int status;

	snprintf(line, sizeof(line), "{ %s\n} 2>&1", command);
	file = popen(line, "re");
	assert_non_null(file);
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	status = pclose(file);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void opening(void **state)
{
	struct ttmem_card *card, *same;
	struct ttmem_card_id *list;
	struct ttmem_info info = { 0 };
	char path[64];
	size_t count, i;
	int fd;

	(void)state;
	assert_int_equal(ttmem_present(), 0);
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	assert_true(count > 0);
	for (i = 0; i < count; i++) {
		card = open_card(list[i].number);
		assert_int_equal(ttmem_card_number(card), list[i].number);
		assert_int_equal(fcntl(ttmem_fd(card), F_GETFD), FD_CLOEXEC);
		assert_int_equal(ttmem_info(card, &info, sizeof(info)), 0);
		assert_int_equal(info.chips, list[i].chips);
		assert_int_equal(info.pci_domain, list[i].pci_domain);
		assert_int_equal(info.pci_bus, list[i].pci_bus);
		assert_int_equal(info.pci_device, list[i].pci_device);
		assert_int_equal(ttmem_close(card), 0);

		assert_int_equal(ttmem_open_pci(list[i].address, TTMEM_OPEN_INHERIT,
						&same), 0);
		assert_int_equal(ttmem_card_number(same), list[i].number);
		assert_int_equal(fcntl(ttmem_fd(same), F_GETFD), 0);

		/* ttmem's own node is none of TT-KMD's. */
		assert_int_equal(ttmem_open_fd(ttmem_fd(same), 0, &card), -EINVAL);
		ttmem_close(same);

		snprintf(path, sizeof(path), "/dev/tenstorrent/%u", list[i].number);
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(ttmem_open_fd(fd, 0, &same), 0);
		assert_int_equal(ttmem_card_number(same), list[i].number);
		ttmem_close(same);
		close(fd);
	}
	assert_int_equal(ttmem_open(list[count - 1].number + 1, 0, &card), -ENXIO);
	assert_null(card);
	ttmem_list_free(list);
}

static void books(void **state)
{
	struct ttmem_card *card = open_card(0);
	struct ttmem_gauge gauges[2] = {
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 4096 },
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = MIB },
	};
	struct ttmem_reserve full = { .size = TTMEM_CLIENT_BYTES_MAX };
	struct ttmem_client *list;
	struct ttmem_info info = { 0 };
	uint64_t handle, bytes, reservations;
	size_t count, i;

	(void)state;
	handle = reserve(card, 200 * MIB, "kv");
	assert_int_equal(stat_of(0, "dram_used"), 209715200);
	assert_int_equal(ttmem_set(card, gauges, 2, sizeof(*gauges)), 0);
	assert_int_equal(stat_of(0, "chip0/l1_cb_used"), 4096);
	assert_int_equal(stat_of(0, "chip0/dram_used"), 201 * MIB);
	assert_int_equal(ttmem_reserve(card, &full, sizeof(full) - 8), -EINVAL);
	full.size -= 200 * MIB + MIB;
	assert_int_equal(ttmem_reserve(card, &full, sizeof(full)), -ENOSPC);
	full.size++;
	assert_int_equal(ttmem_reserve(card, &full, sizeof(full)), -EDQUOT);
	assert_int_equal(ttmem_set(card, gauges, 257, sizeof(*gauges)), -EINVAL);
	assert_int_equal(ttmem_set(card, gauges, 0, sizeof(*gauges)), -EINVAL);

	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 3);
	assert_int_equal(ttmem_info(card, &info, sizeof(info)), 0);
	assert_int_equal(list[0].client, info.client);
	assert_int_equal(list[0].card, 0);
	assert_int_equal(list[0].pid, getpid());
	assert_int_equal(list[0].uid, geteuid());
	assert_int_equal(list[0].source, TTMEM_SOURCE_SELF);
	assert_string_equal(list[0].command, "test_lib");
	for (i = 0; i < count; i++)
		assert_int_equal(list[i].peak, list[i].memory == TTMEM_DRAM ?
					       201 * MIB : 4096);
	ttmem_list_free(list);

	assert_int_equal(ttmem_free(card, handle), 0);
	assert_int_equal(stat_of(0, "dram_used"), MIB);
	assert_int_equal(ttmem_free(card, handle), -ENOENT);
	assert_int_equal(ttmem_free_chip(card, 9, &bytes, &reservations), -EINVAL);
	assert_int_equal(ttmem_free_chip(card, 0, &bytes, &reservations), 0);
	assert_int_equal(bytes, MIB + 4096);
	assert_int_equal(reservations, 0);
	reserve(card, 7, "");
	assert_int_equal(ttmem_free_all(card, &bytes, &reservations), 0);
	assert_int_equal(bytes, 7);
	assert_int_equal(ttmem_free_all(card, NULL, NULL), 0);
	reserve(card, 9, "");
	assert_int_equal(ttmem_close(card), 0);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	assert_int_equal(stat_of(0, "clients"), 0);
}

/* Some structure of a program that was compiled with a later libttmem.h. */
struct later {
	union {
		struct ttmem_info info;
		struct ttmem_reserve reserve;
		struct ttmem_gauge gauge;
		struct ttmem_reservation reservation;
	};
	uint64_t more[4];
};

static void growth(void **state)
{
	struct ttmem_card *card = open_card(0);
	struct later later = { 0 }, *list;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_info(card, &later.info, sizeof(later)), 0);
	assert_int_equal(later.info.abi_version, TTMEM_ABI_VERSION);

	memset(&later, 0, sizeof(later));
	later.reserve.size = 5;
	assert_int_equal(ttmem_reserve(card, &later.reserve, sizeof(later)), 0);
	later.more[3] = 1;
	assert_int_equal(ttmem_reserve(card, &later.reserve, sizeof(later)),
			 -E2BIG);

	memset(&later, 0, sizeof(later));
	later.gauge.bytes = 6;
	assert_int_equal(ttmem_set(card, &later.gauge, 1, sizeof(later)), 0);
	assert_int_equal(stat_of(0, "dram_used"), 11);
	assert_int_equal(ttmem_reservations(card, 0, (void *)&list, &count,
					    sizeof(*list)), 0);
	assert_int_equal(count, 1);
	assert_int_equal(list->reservation.size, 5);
	ttmem_list_free(list);
	ttmem_close(card);
}

/* More than a page of them, and another client's. */
static void listing(void **state)
{
	struct ttmem_card *card = open_card(0), *other = open_card(0);
	struct ttmem_reservation *list;
	struct ttmem_client *clients;
	uint64_t sum = 0;
	size_t count, i;

	(void)state;
	assert_int_equal(ttmem_reservations(card, 0, &list, &count,
					    sizeof(*list)), 0);
	assert_null(list);
	for (i = 1; i <= 5000; i++)
		reserve(card, i, "many");
	assert_int_equal(ttmem_reservations(card, 0, &list, &count,
					    sizeof(*list)), 0);
	assert_int_equal(count, 5000);
	for (i = 0; i < count; i++) {
		sum += list[i].size;
		assert_int_equal(list[i].cookie, list[i].size);
		assert_string_equal((char *)list[i].label, "many");
	}
	assert_int_equal(sum, 5000 * 5001 / 2);
	ttmem_list_free(list);

	assert_int_equal(ttmem_clients(&clients, &count, sizeof(*clients)), 0);
	assert_int_equal(count, 1);
	assert_int_equal(ttmem_reservations(other, clients[0].client, &list,
					    &count, sizeof(*list)), 0);
	assert_int_equal(count, 5000);
	ttmem_list_free(list);
	assert_int_equal(ttmem_reservations(other, 1ull << 60, &list, &count,
					    sizeof(*list)), -ENOENT);
	assert_null(list);
	/* The card is that client's, not any. */
	ttmem_close(other);
	other = open_card(1);
	assert_int_equal(ttmem_reservations(other, clients[0].client, &list,
					    &count, sizeof(*list)), -ENOENT);
	ttmem_list_free(clients);
	ttmem_close(card);
	ttmem_close(other);
}

/* What is said of the client of a card: how many entries, and the first one. */
static size_t entries_of(struct ttmem_card *card, struct ttmem_client *first)
{
	struct ttmem_info info = { 0 };
	struct ttmem_client *list;
	size_t count, found = 0, i;

	assert_int_equal(ttmem_info(card, &info, sizeof(info)), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	for (i = 0; i < count; i++)
		if (list[i].client == info.client && !found++)
			*first = list[i];
	first->command = NULL;
	ttmem_list_free(list);
	return found;
}

static void peaks(void **state)
{
	struct ttmem_card *card = open_card(0);
	struct ttmem_client entry;

	(void)state;
	assert_int_equal(entries_of(card, &entry), 0);
	ttmem_free(card, reserve(card, 10 * MIB, ""));
	assert_int_equal(entries_of(card, &entry), 1);
	assert_int_equal(entry.tag, TTMEM_TAG_NONE);
	assert_int_equal(entry.memory, TTMEM_DRAM);
	assert_int_equal(entry.bytes, 0);
	assert_int_equal(entry.peak, 10 * MIB);
	reserve(card, 3 * MIB, "");
	assert_int_equal(ttmem_restart_peaks(card), 0);
	assert_int_equal(entries_of(card, &entry), 1);
	assert_int_equal(entry.tag, TTMEM_TAG_BUFFER);
	assert_int_equal(entry.peak, 3 * MIB);
	assert_int_equal(ttmem_free_all(card, NULL, NULL), 0);
	assert_int_equal(ttmem_restart_peaks(card), 0);
	assert_int_equal(entries_of(card, &entry), 0);
	ttmem_close(card);
}

static void *count_in_thread(void *counters)
{
	int i;

	for (i = 0; i < 20000; i++) {
		ttmem_add(counters, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 3);
		ttmem_counter_add(counters, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, -2);
	}
	return NULL;
}

static void counting(void **state)
{
	struct ttmem_gauge gauge = { .bytes = 100 };
	struct ttmem_card *card = open_card(0);
	struct ttmem_client entry;
	pthread_t thread[4];
	int64_t *page;
	int i;

	(void)state;
	page = ttmem_counters(card);
	assert_ptr_not_equal(page, ttmem_counters(NULL));
	assert_ptr_equal(page, ttmem_counters(card));
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_in_thread,
						page), 0);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(stat_of(0, "dram_used"), 80000);
	ttmem_add(page, 0, TTMEM_L1, TTMEM_TAG_CB, 4096);
	assert_int_equal(stat_of(0, "chip0/l1_cb_used"), 4096);

	/* A gauge of the same tag, and reservations, are counted too. */
	assert_int_equal(ttmem_set(card, &gauge, 1, sizeof(gauge)), 0);
	reserve(card, 7, "");
	assert_int_equal(stat_of(0, "dram_used"), 80107);
	assert_int_equal(entries_of(card, &entry), 2);
	assert_int_equal(entry.bytes, 80107);
	assert_int_equal(entry.reservations, 1);

	/* Below 0 is 0. */
	ttmem_add(page, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, -80001);
	assert_int_equal(stat_of(0, "dram_used"), 107);
	ttmem_add(page, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 2);
	assert_int_equal(stat_of(0, "dram_used"), 108);

	assert_int_equal(ttmem_free_chip(card, 0, NULL, NULL), 0);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	assert_int_equal(stat_of(0, "l1_used"), 0);
	ttmem_add(page, 0, TTMEM_L1, TTMEM_TAG_CB, 5);
	assert_int_equal(stat_of(0, "l1_used"), 5);
	assert_int_equal(ttmem_free_all(card, NULL, NULL), 0);
	assert_int_equal(stat_of(0, "l1_used"), 0);
	ttmem_add(page, 0, TTMEM_L1, TTMEM_TAG_CB, 6);
	assert_int_equal(ttmem_close(card), 0);
	assert_int_equal(stat_of(0, "l1_used"), 0);
	assert_int_equal(stat_of(0, "clients"), 0);
}

/* A forked child counts on in the same page; exec() leaves what was counted. */
static void counters_of_two(void **state)
{
	struct ttmem_card *card;
	int64_t *page;
	int to[2], from[2], status;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_INHERIT, &card), 0);
	page = ttmem_counters(card);
	ttmem_add(page, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 10);
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		ttmem_add(page, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 20);
		if (write(from[1], "", 1) != 1 || read(to[0], &c, 1) != 1)
			_exit(1);
		ttmem_add(page, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 40);
		dup2(from[1], STDOUT_FILENO);
		dup2(to[0], STDIN_FILENO);
		execlp("sh", "sh", "-c", "echo; read line; exit 3", NULL);
		_exit(2);
	}
	assert_int_equal(read(from[0], &c, 1), 1);
	assert_int_equal(stat_of(0, "dram_used"), 30);
	ttmem_close(card);
	assert_int_equal(stat_of(0, "dram_used"), 30);
	assert_int_equal(write(to[1], "", 1), 1);
	assert_int_equal(read(from[0], &c, 1), 1);
	assert_int_equal(stat_of(0, "dram_used"), 70);
	assert_int_equal(write(to[1], "\n", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

/* A process that waits to be killed. */
static pid_t idle_process(void)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	return pid;
}

static void attributed(void **state)
{
	/* First: what it had of ours would stay open until its exec(). */
	pid_t target = idle_process(), pid;
	struct ttmem_card *card = open_card(0), *holder = open_card(0);
	struct ttmem_gauge gauge = { .bytes = 5 * MIB };
	struct ttmem_client *list;
	size_t count;
	int status;

	(void)state;
	assert_int_equal(ttmem_attribute(card, 0), -EINVAL);
	assert_int_equal(ttmem_attribute(card, -1), -EINVAL);
	assert_int_equal(ttmem_attribute(card, 4194304), -ESRCH);
	assert_int_equal(ttmem_attribute(card, 2), -EPERM);	/* kthreadd */
	assert_int_equal(ttmem_attribute(card, target), 0);
	assert_int_equal(ttmem_attribute(card, target), -EBUSY);
	reserve(holder, 1, "");
	assert_int_equal(ttmem_attribute(holder, target), -EBUSY);
	ttmem_close(holder);

	assert_int_equal(ttmem_set(card, &gauge, 1, sizeof(gauge)), 0);
	ttmem_add(ttmem_counters(card), 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 7);
	assert_int_equal(stat_of(0, "dram_used"), 5 * MIB + 7);
	/* It has its name when exec() is over. */
	do {
		assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
		assert_int_equal(count, 1);
		assert_int_equal(list[0].pid, target);
		assert_int_equal(list[0].source, TTMEM_SOURCE_ATTRIBUTED);
		assert_int_equal(list[0].bytes, 5 * MIB + 7);
		status = strcmp(list[0].command, "sleep");
		ttmem_list_free(list);
	} while (status);

	/* Another user may speak for his own process only. */
	pid = fork();
	if (!pid) {
		int ok = !chmod("/dev/tenstorrent/mem/0", 0666) && !setuid(65534);

		ok &= !ttmem_open(0, 0, &holder) &&
		      ttmem_attribute(holder, target) == -EPERM &&
		      ttmem_attribute(holder, 4194304) == -EPERM &&
		      !ttmem_attribute(holder, getpid());
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	/* With the process goes what was told in its name, for good. */
	assert_int_equal(kill(target, SIGKILL), 0);
	assert_int_equal(waitpid(target, &status, 0), target);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	assert_int_equal(ttmem_set(card, &gauge, 1, sizeof(gauge)), -ESRCH);
	assert_int_equal(ttmem_restart_peaks(card), -ESRCH);
	assert_int_equal(ttmem_attribute(card, getpid()), -ESRCH);
	ttmem_add(ttmem_counters(card), 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 7);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 0);
	ttmem_close(card);
}

/* Whatever a process calls itself, the list stays one and tells it as it is. */
static void commands(void **state)
{
	static const char * const names[] = {
		"", " ", "  a  b ", "a\nb 0 1 2", "\\012\\", "\377\200\033[31m\177",
		"-", "self COMMAND",
	};
	struct ttmem_card *card = open_card(0);
	struct ttmem_client *list;
	size_t count, i;

	(void)state;
	reserve(card, 1, "");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
		assert_int_equal(count, 1);
		assert_string_equal(list[0].command, names[i]);
		ttmem_list_free(list);
	}
	assert_int_equal(prctl(PR_SET_NAME, "test_lib"), 0);
	ttmem_close(card);
}

/* One reading tells of all cards. */
static void all_cards(void **state)
{
	struct ttmem_card *card[2] = { open_card(0), open_card(1) };
	struct ttmem_client *list;
	size_t count, i;

	(void)state;
	for (i = 0; i < 2; i++)
		reserve(card[i], 5 + i, "");
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(list[i].card, i);
		assert_int_equal(list[i].bytes, 5 + i);
		ttmem_close(card[i]);
	}
	assert_true(list[0].client < list[1].client);
	ttmem_list_free(list);
}

/* A /proc that has no list is not one where nobody holds anything. */
static void no_list(void **state)
{
	struct ttmem_client *list;
	size_t count;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		int ok = !unshare(CLONE_NEWNS) &&
			 !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
			 !mount("none", "/proc", "proc", 0, "subset=pid");

		ok &= ttmem_clients(&list, &count, sizeof(*list)) == -EOPNOTSUPP &&
		      !list;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *in_thread(void *arg)
{
	struct ttmem_card *card = arg;
	struct ttmem_reservation *list;
	uint64_t ok = 1, handle;
	size_t count, i;

	for (i = 0; i < 200; i++) {
		struct ttmem_reserve r = { .size = 4096 };

		ok &= !ttmem_reserve(card, &r, sizeof(r));
		handle = r.handle;
		if (!(i % 20)) {
			ok &= !ttmem_reservations(card, 0, &list, &count,
						  sizeof(*list));
			ttmem_list_free(list);
		}
		ok &= !ttmem_free(card, handle);
	}
	return (void *)(uintptr_t)ok;
}

static void threads(void **state)
{
	struct ttmem_card *card = open_card(0);
	pthread_t thread[8];
	void *ok;
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, in_thread, card), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(thread[i], &ok);
		assert_ptr_equal(ok, (void *)1);
	}
	assert_int_equal(stat_of(0, "dram_used"), 0);
	ttmem_close(card);
}

/* A container: nodes are renamed, not passed, or not permitted. */
static void container(void **state)
{
	struct ttmem_card *card;
	struct stat kmd, mem;
	int status, fd;
	pid_t pid;

	(void)state;
	assert_int_equal(stat("/dev/tenstorrent/0", &kmd), 0);
	assert_int_equal(stat("/dev/tenstorrent/mem/0", &mem), 0);
	pid = fork();
	if (!pid) {
		int ok = !unshare(CLONE_NEWNS) &&
			 !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
			 !mount("none", "/dev/tenstorrent", "tmpfs", 0, NULL) &&
			 !mknod("/dev/tenstorrent/5", S_IFCHR | 0666, kmd.st_rdev) &&
			 !chmod("/dev/tenstorrent/5", 0666);

		fd = open("/dev/tenstorrent/5", O_RDWR | O_CLOEXEC);
		ok &= ttmem_open_fd(fd, TTMEM_OPEN_QUIET, &card) == -ENOTCONN;
		ok &= !mkdir("/dev/tenstorrent/mem", 0755) &&
		      !mknod("/dev/tenstorrent/mem/5", S_IFCHR | 0600, mem.st_rdev);
		ok &= !ttmem_open_fd(fd, 0, &card) &&
		      ttmem_card_number(card) == 0;
		ttmem_close(card);
		ok &= !setuid(65534);
		ok &= ttmem_open_fd(fd, TTMEM_OPEN_QUIET, &card) == -EACCES && !card;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/*
 * What ttmem-run reserves is its command's, in a child, and that one's children's. With
 * --exec there is no child, and no parent that keeps the card open.
 */
static void running_as(const char *how)
{
	bool waits = !strcmp(how, "--wait");
	char out[4096], expected[256];
	struct ttmem_client *list;
	pid_t pid, runs;
	int to[2], status;
	size_t count;
	char c;

	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (!pid) {
		dup2(to[1], STDOUT_FILENO);
		close(to[0]);
		close(to[1]);
		/* A shell that plays with low descriptors and leaves a child. */
		execl(TTMEM_RUN, "ttmem-run", how, "--dram", "200M", "--l1=4k", "--",
		      "sh", "-c", "exec 3>/dev/null; sleep 1000 & echo; wait",
		      NULL);
		_exit(99);
	}
	assert_int_equal(read(to[0], &c, 1), 1);
	assert_int_equal(stat_of(0, "dram_used"), 209715200);
	assert_int_equal(stat_of(0, "l1_used"), 4096);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 2);
	runs = list[0].pid;
	assert_int_equal(runs != pid, waits);
	assert_string_equal(list[0].command, "sh");
	ttmem_list_free(list);

	snprintf(expected, sizeof(expected), "|    0    0 %7d root          200 MiB    <1 MiB  sh -c exec 3>/dev/null;+ |",
		 runs);
	assert_int_equal(run(TTMEM_SMI " -i 0", out, sizeof(out)), 0);
	assert_non_null(strstr(out, expected));
	snprintf(expected, sizeof(expected), "\"pid\": %d, \"uid\": 0, \"user\": \"root\", \"dram\": 209715200, \"l1\": 4096, \"dram_peak\": 209715200, \"l1_peak\": 4096, \"reservations\": 2, \"source\": \"self\", \"command\": \"sh ",
		 runs);
	assert_int_equal(run(TTMEM_SMI " -i 0 --json | tr -s '\\n ' ' '", out,
			     sizeof(out)), 0);
	assert_non_null(strstr(out, expected));

	/* The shell dies, its child goes on holding; nobody knows by what pid. */
	kill(runs, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(stat_of(0, "dram_used"), 209715200);
	assert_int_equal(run(TTMEM_SMI " -i 0", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "|    0    0       - root          200 MiB    <1 MiB  -"));
	assert_int_equal(system("kill -9 $(pidof sleep)"), 0);
	while (stat_of(0, "clients"))
		usleep(10000);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	close(to[0]);
	close(to[1]);
}

static void running(void **state)
{
	(void)state;
	running_as("--exec");
	running_as("--wait");
}

static void run_fails(void **state)
{
	static const char full[] =
		"ttmem-run: card 0, chip 0: 1 TiB of DRAM were asked for, and it has ";
	char out[4096];

	(void)state;
	assert_int_equal(run(TTMEM_RUN " --dram 1T true", out, sizeof(out)), 125);
	assert_ptr_equal(strstr(out, full), out);
	assert_int_equal(run(TTMEM_RUN " --chip 7 --l1 1 true", out, sizeof(out)), 125);
	assert_non_null(strstr(out, "--chip 7: card 0 has"));
	assert_int_equal(run(TTMEM_RUN " --l1 1 /nonexistent", out, sizeof(out)), 127);
	assert_int_equal(run(TTMEM_RUN " --l1 1 /dev", out, sizeof(out)), 126);
	assert_int_equal(run(TTMEM_RUN " --l1 1 sh -c 'exit 3'", out, sizeof(out)), 3);
	assert_int_equal(run("ulimit -n 16; " TTMEM_RUN " --l1 1 true", out,
			     sizeof(out)), 0);
	assert_int_equal(stat_of(0, "clients"), 0);
}

/* A process with the card open that reports nothing is seen all the same. */
static void openers(void **state)
{
	char out[4096], expected[128];
	int a, b;

	(void)state;
	a = open("/dev/tenstorrent/0", O_RDWR | O_CLOEXEC);
	b = open("/dev/tenstorrent/0", O_RDWR | O_CLOEXEC);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(run(TTMEM_SMI " -i 0 | tail -n 3 | head -n 1", out,
			     sizeof(out)), 0);
	snprintf(expected, sizeof(expected),
		 "|    0    - %7d root              N/A       N/A  ", getpid());
	assert_ptr_equal(strstr(out, expected), out);
	assert_int_equal(run(TTMEM_SMI " -i 0 | grep -c ' N/A       N/A  '", out,
			     sizeof(out)), 0);
	assert_string_equal(out, "1\n");
	assert_int_equal(run(TTMEM_SMI " -i 0 | grep -c '^+ 1 process (N/A) does not tell what it holds: '",
			     out, sizeof(out)), 0);
	assert_string_equal(out, "1\n");
	close(a);
	close(b);
	assert_int_equal(run(TTMEM_SMI " -i 0", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "No running processes found"));
}

/* Cards come and go under a list that is taken again and again. */
static void vanishing(void **state)
{
	char address[64], line[256];
	struct ttmem_card *card = open_card(0);
	struct ttmem_card_id *list;
	struct ttmem_info info = { 0 };
	int status, i;
	size_t count;
	pid_t pid;

	(void)state;
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	strcpy(address, list[0].address);
	ttmem_list_free(list);

	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl(TTMEM_SMI, "ttmem-smi", "--json", "-l", "0.001", NULL);
		_exit(99);
	}
	for (i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "cd /sys/bus/pci/drivers/tenstorrent && echo %s >unbind && sleep 0.2 && echo %s >bind && sleep 0.2",
			 address, address);
		assert_int_equal(system(line), 0);
	}
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ttmem_info(card, &info, sizeof(info)), -ENODEV);
	assert_int_equal(ttmem_free_all(card, NULL, NULL), -ENODEV);
	ttmem_close(card);
	ttmem_close(open_card(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening),
		cmocka_unit_test(books),
		cmocka_unit_test(growth),
		cmocka_unit_test(listing),
		cmocka_unit_test(peaks),
		cmocka_unit_test(counting),
		cmocka_unit_test(counters_of_two),
		cmocka_unit_test(attributed),
		cmocka_unit_test(commands),
		cmocka_unit_test(all_cards),
		cmocka_unit_test(no_list),
		cmocka_unit_test(threads),
		cmocka_unit_test(container),
		cmocka_unit_test(running),
		cmocka_unit_test(run_fails),
		cmocka_unit_test(openers),
		cmocka_unit_test(vanishing),
	};

	return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
