// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem and ttmem-run before trees of sysfs and procfs made by hand: what no
 * guest shows at will, as a number of 64 bits, a later module, a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "libttmem.h"

#include "fake.h"

static void null_card(void **state)
{
	struct ttmem_gauge gauge = { 0 };
	struct ttmem_reserve reserve = { .size = 1 };
	struct ttmem_reservation *list;
	struct ttmem_info info = { 0 };
	uint64_t bytes = 1, count64 = 1;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_close(NULL), -EBADF);
	assert_int_equal(ttmem_fd(NULL), -EBADF);
	assert_int_equal(ttmem_card_number(NULL), -EBADF);
	assert_int_equal(ttmem_info(NULL, &info, sizeof(info)), -EBADF);
	assert_int_equal(ttmem_reserve(NULL, &reserve, sizeof(reserve)),
			 -EBADF);
	assert_int_equal(ttmem_free(NULL, 1), -EBADF);
	assert_int_equal(ttmem_free_chip(NULL, 0, NULL, NULL), -EBADF);
	assert_int_equal(ttmem_free_all(NULL, &bytes, &count64), -EBADF);
	assert_int_equal(bytes, 0);
	assert_int_equal(count64, 0);
	assert_int_equal(ttmem_set(NULL, &gauge, 1, sizeof(gauge)), -EBADF);
	assert_int_equal(ttmem_reservations(NULL, 0, &list, &count,
					    sizeof(*list)), -EBADF);
	assert_null(list);
	assert_int_equal(ttmem_reservations(NULL, 0, NULL, NULL, 0), -EBADF);
	ttmem_list_free(NULL);
}

static void open_errors(void **state)
{
	struct ttmem_card *card = (void *)1;

	(void)state;
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, NULL), -EINVAL);
	assert_int_equal(ttmem_open(0, 1u << 31, &card), -EINVAL);
	assert_null(card);

	/* No TT-KMD, then without the card. */
	assert_int_equal(ttmem_present(), -ENXIO);
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, &card), -ENXIO);
	put_card(1, "0000:02:00.0");
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, &card), -ENXIO);

	/* The card without ttmem. */
	put_card(0, "0000:01:00.0");
	assert_int_equal(ttmem_present(), -ENOPKG);
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, &card), -ENOPKG);

	/* ttmem without the node: a container. */
	put_books(0, 1);
	assert_int_equal(ttmem_present(), 0);
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, &card), -ENOTCONN);
	put("", "dev/tenstorrent/mem/0");
	assert_int_equal(ttmem_open(0, TTMEM_OPEN_QUIET, &card), -ENOTCONN);
	assert_null(card);

	/* A card that ttmem does not follow. */
	assert_int_equal(ttmem_open(1, TTMEM_OPEN_QUIET, &card), -ENXIO);
}

static void open_pci(void **state)
{
	static const char * const bad[] = {
		"", "0", "1:2", "0000:01:00", "0000:01:00.8", "0000:01:20.0",
		"0000:001:00.0", "0000:01:00.0 ", "123456789:01:00.0", "g:1.0",
	};
	struct ttmem_card *card;
	unsigned int i;

	(void)state;
	put_card(3, "0000:01:00.0");
	put_card(4, "10000:e1:1f.7");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ttmem_open_pci(bad[i], 0, &card), -EINVAL);
	assert_int_equal(ttmem_open_pci(NULL, 0, &card), -EINVAL);

	/* Found is what answers otherwise than "no such card". */
	assert_int_equal(ttmem_open_pci("0000:01:00.0", 0, &card), -ENOPKG);
	assert_int_equal(ttmem_open_pci("01:00.0", 0, &card), -ENOPKG);
	assert_int_equal(ttmem_open_pci("10000:E1:1f.7", 0, &card), -ENOPKG);
	assert_int_equal(ttmem_open_pci("e1:1f.7", 0, &card), -ENXIO);
}

static void open_fd(void **state)
{
	struct ttmem_card *card;
	char path[128];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(ttmem_open_fd(-1, 0, &card), -EBADF);
	put("", "file");
	fd = open("file", O_RDONLY);
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -EINVAL);
	close(fd);

	/* /dev/null plays a card: by what sysfs says of its number. */
	fd = open("/dev/null", O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -ENXIO);
	put("", "sys/dev/char/none");
	snprintf(path, sizeof(path), "sys/dev/char/1:3");
	assert_int_equal(symlink("../../devices/virtual/mem/null", path), 0);
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -EINVAL);
	unlink(path);
	assert_int_equal(symlink("../x/faketenstorrent/tenstorrent!7", path), 0);
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -EINVAL);
	unlink(path);
	assert_int_equal(symlink("../../devices/pci/0000:01:00.0/tenstorrent/tenstorrent!7",
				 path), 0);
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -ENXIO);
	put_card(7, "0000:01:00.0");
	assert_int_equal(ttmem_open_fd(fd, 0, &card), -ENOPKG);
	close(fd);
}

/* The one line that the library ever prints, and what silences it. */
static void told_once(void **state)
{
	char text[1024];
	int pipes[2], status, i;
	ssize_t len;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(pipe(pipes), 0);
		if (!fork()) {
			struct ttmem_card *card;

			dup2(pipes[1], STDERR_FILENO);
			if (i == 1)
				setenv("TTMEM_QUIET", "1", 1);
			ttmem_open(0, i == 2 ? TTMEM_OPEN_QUIET : 0, &card);
			ttmem_open(0, i == 2 ? TTMEM_OPEN_QUIET : 0, &card);
			_exit(0);
		}
		close(pipes[1]);
		len = read(pipes[0], text, sizeof(text) - 1);
		assert_true(len >= 0);
		text[len] = '\0';
		assert_int_equal(read(pipes[0], text + len, 1), 0);
		close(pipes[0]);
		wait(&status);
		assert_int_equal(status, 0);
		if (i) {
			assert_string_equal(text, "");
			continue;
		}
		assert_ptr_equal(strstr(text, "ttmem: card 0: the card's node"),
				 text);
		assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	}
}

static void cards(void **state)
{
	struct {
		struct ttmem_card_id id;
		char later[40];
	} *grown;
	struct ttmem_card_id *list;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), -ENXIO);
	assert_null(list);
	put("", CLASS "/other");
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	assert_null(list);
	assert_int_equal(count, 0);

	put_card(10, "0000:0a:00.0");
	put_card(2, "10000:e1:02.1");
	put_card(0, "0000:01:00.0");
	put("", CLASS "/tenstorrent!x/dev");
	put("", CLASS "/tenstorrent!5/dev");	/* without its parent: leaving */
	put_books(2, 2);
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 3);
	assert_int_equal(list[0].number, 0);
	assert_int_equal(list[0].chips, 0);
	assert_int_equal(list[1].number, 2);
	assert_int_equal(list[1].chips, 2);
	assert_int_equal(list[1].pci_domain, 0x10000);
	assert_int_equal(list[1].pci_bus, 0xe1);
	assert_int_equal(list[1].pci_device, 2);
	assert_int_equal(list[1].pci_function, 1);
	assert_string_equal(list[1].address, "10000:e1:02.1");
	assert_int_equal(list[2].number, 10);
	ttmem_list_free(list);

	/* A program of a later version, and one of an impossible one. */
	assert_int_equal(ttmem_cards((void *)&grown, &count, sizeof(*grown)),
			 0);
	assert_int_equal(grown[1].id.number, 2);
	assert_int_equal(grown[2].id.number, 10);
	assert_int_equal(grown[2].later[0], 0);
	ttmem_list_free(grown);
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list) - 8),
			 -EINVAL);
}

static void stat_values(void **state)
{
	uint64_t value = 1;

	(void)state;
	assert_int_equal(ttmem_stat(0, "dram_used", &value), -ENXIO);
	put_card(0, "0000:01:00.0");
	assert_int_equal(ttmem_stat(0, "dram_used", &value), -ENOPKG);
	assert_int_equal(value, 0);
	put_books(0, 1);
	put("18446744073709551615\n", "sys/class/misc/ttmem0/dram_used");
	put("18446744073709551616\n", "sys/class/misc/ttmem0/l1_used");
	assert_int_equal(ttmem_stat(0, "dram_used", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(ttmem_stat(0, "l1_used", &value), -EPROTO);
	assert_int_equal(ttmem_stat(0, "chip0/dram_total", &value), 0);
	assert_true(value == 12884901888);
	assert_int_equal(ttmem_stat(0, "chip1/dram_total", &value), -ENOENT);
	assert_int_equal(ttmem_stat(0, "../ttmem0/dram_used", &value), -EINVAL);
	assert_int_equal(ttmem_stat(0, "/etc/hostname", &value), -EINVAL);
	assert_int_equal(ttmem_stat(0, "", &value), -EINVAL);
	assert_int_equal(ttmem_stat(0, NULL, &value), -EINVAL);
	assert_int_equal(ttmem_stat(0, "clients", NULL), -EINVAL);
}

static void clients(void **state)
{
	struct ttmem_client *list;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_clients(0, &list, &count, sizeof(*list)),
			 -ENXIO);
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	assert_int_equal(ttmem_clients(0, &list, &count, sizeof(*list)), 0);
	assert_null(list);

	/* Padding, a blank at the command's front, escapes, 64 bits. */
	put("CLIENT       PID        UID CHIP MEMORY TAG               BYTES RESERVATIONS COMMAND\n"
	    "7           1234          0    0 DRAM   buffer       209715200            1 python3\n"
	    "18446744073709551615       0 4294967295    1 L1     l1_small 18446744073709551615 4294967296  a b\\012\\134\\377\n"
	    "8           1234          0    0 HBM   weird       1            1 -\n",
	    "proc/driver/ttmem/0/clients");
	assert_int_equal(ttmem_clients(0, &list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 3);
	assert_int_equal(list[0].client, 7);
	assert_int_equal(list[0].pid, 1234);
	assert_int_equal(list[0].uid, 0);
	assert_int_equal(list[0].chip, 0);
	assert_int_equal(list[0].memory, TTMEM_DRAM);
	assert_int_equal(list[0].tag, TTMEM_TAG_BUFFER);
	assert_int_equal(list[0].bytes, 209715200);
	assert_int_equal(list[0].reservations, 1);
	assert_string_equal(list[0].command, "python3");
	assert_true(list[1].client == UINT64_MAX);
	assert_int_equal(list[1].pid, 0);
	assert_int_equal(list[1].uid, UINT32_MAX);
	assert_int_equal(list[1].chip, 1);
	assert_int_equal(list[1].memory, TTMEM_L1);
	assert_int_equal(list[1].tag, TTMEM_TAG_L1_SMALL);
	assert_true(list[1].bytes == UINT64_MAX);
	assert_true(list[1].reservations == 1ull << 32);
	assert_string_equal(list[1].command, " a b\n\\\377");
	assert_int_equal(list[2].memory, TTMEM_UNKNOWN);
	assert_int_equal(list[2].tag, TTMEM_UNKNOWN);
	ttmem_list_free(list);

	/* A column that a later module adds. */
	put("CLIENT PID CGROUP UID CHIP MEMORY TAG BYTES RESERVATIONS COMMAND\n"
	    "1 2 /x 3 0 L1 cb 4 0 sh -c\n", "proc/driver/ttmem/0/clients");
	assert_int_equal(ttmem_clients(0, &list, &count, sizeof(*list)), 0);
	assert_int_equal(list[0].uid, 3);
	assert_int_equal(list[0].tag, TTMEM_TAG_CB);
	assert_string_equal(list[0].command, "sh -c");
	ttmem_list_free(list);
}

static void clients_not_understood(void **state)
{
	static const char * const bad[] = {
		"", "\n", "CLIENT PID\n", "COMMAND\n",
		"CLIENT PID UID CHIP MEMORY TAG BYTES RESERVATIONS\n",
		HEADER "1 2 3\n", HEADER "x 2 3 0 L1 cb 4 0 sh\n",
		HEADER "1 -2 3 0 L1 cb 4 0 sh\n",
		HEADER "1 2 3 0 L1 cb 18446744073709551616 0 sh\n",
	};
	struct ttmem_client *list;
	unsigned int i;
	size_t count;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i], "proc/driver/ttmem/0/clients");
		assert_int_equal(ttmem_clients(0, &list, &count,
					       sizeof(*list)), -EPROTO);
		assert_null(list);
		assert_int_equal(count, 0);
	}
}

static void strerrors(void **state)
{
	static const int codes[] = {
		ENXIO, ENOPKG, ENOTCONN, EACCES, EBADF, ENODEV, ENOSPC, EDQUOT,
		ENOENT, EINVAL, E2BIG, ENOTTY, EPROTO, ENOMEM,
	};
	unsigned int i, j;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(ttmem_strerror(-codes[i]),
						ttmem_strerror(-codes[j]));
	assert_string_equal(ttmem_strerror(0), "no error");
	assert_non_null(ttmem_strerror(INT32_MIN));
	assert_non_null(ttmem_strerror(INT32_MAX));
}

static void run_arguments(void **state)
{
	static const char * const bad[] = {
		"true", "--dram 1M", "--dram 1M --", "--dram '' true",
		"--dram M true", "--dram 1MB true", "--dram 1.5G true",
		"--dram -1 true", "--dram 0 true", "--l1 1KKiB true",
		"--dram 16777216T true", "--dram 18446744073709551616 true",
		"--dram '1 ' true", "--dram 1 --chip x true", "--dram 1 --card x true", "-x true",
	};
	char out[4096], err[1024], command[512];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_RUN " %s", bad[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 125);
		assert_null(strstr(err, "no such card"));
		assert_non_null(strstr(err, "ttmem-run"));
	}
	/* Good ones come as far as the card. */
	assert_int_equal(run(TTMEM_RUN " --dram 16777215TiB --l1 1k -- true",
			     out, sizeof(out), err, sizeof(err)), 125);
	assert_non_null(strstr(err, "card 0: no such card"));
	assert_int_equal(run(TTMEM_RUN " --help", out, sizeof(out), err,
			     sizeof(err)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
		CASE(null_card),
		CASE(open_errors),
		CASE(open_pci),
		CASE(open_fd),
		CASE(told_once),
		CASE(cards),
		CASE(stat_values),
		CASE(clients),
		CASE(clients_not_understood),
		CASE(strerrors),
		CASE(run_arguments),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
