// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem and ttmem-run before trees of sysfs and procfs made by hand: what no
 * guest shows at will, as a number of 64 bits, a later module, a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "internal.h"

#include "fake.h"

/*
 * The module's part, on a node that is a link to a device with pages or one
 * without: what a call was given last, and what it is to be answered.
 */
static struct {
	unsigned long request;
	union {
		uint32_t argsz;
		char bytes[256];
		struct ttmem_info info;
		struct ttmem_reserve reserve;
		struct ttmem_free free;
		struct ttmem_set set;
		struct ttmem_attribute attribute;
	};
	int error;
} asked;

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	asked.request = request;
	assert_between(*(uint32_t *)arg, 8, sizeof(asked.bytes));
	memcpy(asked.bytes, arg, *(uint32_t *)arg);
	if (asked.error) {
		errno = asked.error;
		return -1;
	}
	/* As a module that knows more would: nothing is to be taken for it. */
	*(uint32_t *)arg = 4095;
	if (request == TTMEM_IOC_INFO)
		((struct ttmem_info *)arg)->card = 0;
	return 0;
}

/* A card 0 whose node is a link to a device of the system, and the card. */
static struct ttmem_card *open_linked(const char *device)
{
	struct ttmem_card *card;
	struct stat st;
	char text[32];

	put_card(0, "0000:01:00.0");
	put_books(0, 2);
	assert_int_equal(stat(device, &st), 0);
	snprintf(text, sizeof(text), "%u:%u\n", major(st.st_rdev),
		 minor(st.st_rdev));
	put(text, "sys/class/ttmem/ttmem0/dev");
	put("", "dev/tenstorrent/mem/other");
	assert_int_equal(symlink(device, "dev/tenstorrent/mem/0"), 0);
	asked.error = 0;
	assert_int_equal(ttmem_open(0, 0, &card), 0);
	assert_int_equal(asked.request, TTMEM_IOC_INFO);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_info));
	return card;
}

/* The kernel is told the size that the program has, whatever was there. */
static void argsz(void **state)
{
	struct {
		struct ttmem_reserve reserve;
		uint64_t later;
	} grown = { .reserve = { .argsz = 7, .size = 5 }, .later = 9 };
	struct ttmem_card *card = open_linked("/dev/null");
	struct ttmem_reserve reserve = { .size = 6 };
	struct ttmem_gauge gauge = { 0 };

	(void)state;
	assert_int_equal(ttmem_reserve(card, &grown.reserve, sizeof(grown)), 0);
	assert_int_equal(asked.request, TTMEM_IOC_RESERVE);
	assert_int_equal(asked.argsz, sizeof(grown));
	assert_int_equal(asked.reserve.size, 5);
	assert_int_equal(ttmem_reserve(card, &reserve, sizeof(reserve)), 0);
	/* Again, with what the kernel has written there. */
	assert_int_equal(ttmem_reserve(card, &reserve, sizeof(reserve)), 0);
	assert_int_equal(asked.argsz, sizeof(reserve));

	asked.request = 0;
	assert_int_equal(ttmem_reserve(card, &reserve, sizeof(reserve) - 8),
			 -EINVAL);
	assert_int_equal(ttmem_reserve(card, &reserve, 1ull << 32), -EINVAL);
	assert_int_equal(ttmem_reserve(card, NULL, sizeof(reserve)), -EINVAL);
	assert_int_equal(asked.request, 0);

	assert_int_equal(ttmem_free(card, 77), 0);
	assert_int_equal(asked.request, TTMEM_IOC_FREE);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_free));
	assert_int_equal(asked.free.handle, 77);
	assert_int_equal(asked.free.flags, 0);

	assert_int_equal(ttmem_set(card, &gauge, 1, sizeof(gauge)), 0);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_set));
	assert_int_equal(asked.set.flags, 0);
	assert_int_equal(asked.set.count, 1);
	assert_int_equal(ttmem_restart_peaks(card), 0);
	assert_int_equal(asked.request, TTMEM_IOC_SET);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_set));
	assert_int_equal(asked.set.flags, TTMEM_SET_RESTART_PEAKS);
	assert_int_equal(asked.set.count, 0);
	assert_int_equal(asked.set.entry_size, sizeof(gauge));

	assert_int_equal(ttmem_attribute(card, -5), 0);
	assert_int_equal(asked.request, TTMEM_IOC_ATTRIBUTE);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_attribute));
	assert_int_equal(asked.attribute.pid, -5);
	asked.error = ESRCH;
	assert_int_equal(ttmem_attribute(card, 5), -ESRCH);
	ttmem_close(card);
}

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
	assert_int_equal(ttmem_restart_peaks(NULL), -EBADF);
	assert_int_equal(ttmem_attribute(NULL, 1), -EBADF);
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
	ssize_t len, got;
	pid_t pid;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (!pid) {
			struct ttmem_card *card;

			dup2(pipes[1], STDERR_FILENO);
			if (i == 1)
				setenv("TTMEM_QUIET", "1", 1);
			ttmem_open(0, i == 2 ? TTMEM_OPEN_QUIET : 0, &card);
			ttmem_open(0, i == 2 ? TTMEM_OPEN_QUIET : 0, &card);
			_exit(0);
		}
		close(pipes[1]);
		/* The C library may write a line in pieces. */
		for (len = 0; (got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0; )
			len += got;
		assert_int_equal(got, 0);
		text[len] = '\0';
		close(pipes[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
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
	/* What cannot be looked at is not empty. */
	put("", "sys/class/other");
	assert_int_equal(symlink("tenstorrent", "sys/class/tenstorrent"), 0);
	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), -ELOOP);
	assert_int_equal(unlink("sys/class/tenstorrent"), 0);
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
	put("18446744073709551615\n", "sys/class/ttmem/ttmem0/dram_used");
	put("18446744073709551616\n", "sys/class/ttmem/ttmem0/l1_used");
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
	struct {
		struct ttmem_client client;
		char later[40];
	} *grown;
	struct ttmem_client *list;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_clients(NULL, &count, sizeof(*list)), -EINVAL);
	assert_int_equal(ttmem_clients(&list, NULL, sizeof(*list)), -EINVAL);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list) - 8),
			 -EINVAL);
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_null(list);
	assert_int_equal(count, 0);

	/* Padding, blanks around a command, escapes, 64 bits, several cards. */
	put("CARD CLIENT         PID        UID CHIP MEMORY TAG               BYTES           PEAK RESERVATIONS     SOURCE COMMAND\n"
	    "   0 7             1234          0    0 DRAM   buffer       209715200      209715201            1       self python3\n"
	    "2147483647 18446744073709551615       0 4294967295    1 L1     l1_small 18446744073709551615 18446744073709551614 4294967296 attributed  a b\\012\\134\\377\040\n"
	    "   3 8             1234          0    0 HBM    weird                1              2            1       rope -\n"
	    "   0 9             1234          0    1 L1     -                    0           4096            0       self\040\n",
	    LIST);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 4);
	assert_int_equal(list[0].card, 0);
	assert_int_equal(list[0].client, 7);
	assert_int_equal(list[0].pid, 1234);
	assert_int_equal(list[0].uid, 0);
	assert_int_equal(list[0].chip, 0);
	assert_int_equal(list[0].memory, TTMEM_DRAM);
	assert_int_equal(list[0].tag, TTMEM_TAG_BUFFER);
	assert_int_equal(list[0].source, TTMEM_SOURCE_SELF);
	assert_int_equal(list[0].bytes, 209715200);
	assert_int_equal(list[0].peak, 209715201);
	assert_int_equal(list[0].reservations, 1);
	assert_string_equal(list[0].command, "python3");
	assert_int_equal(list[1].card, INT32_MAX);
	assert_true(list[1].client == UINT64_MAX);
	assert_int_equal(list[1].pid, 0);
	assert_int_equal(list[1].uid, UINT32_MAX);
	assert_int_equal(list[1].chip, 1);
	assert_int_equal(list[1].memory, TTMEM_L1);
	assert_int_equal(list[1].tag, TTMEM_TAG_L1_SMALL);
	assert_int_equal(list[1].source, TTMEM_SOURCE_ATTRIBUTED);
	assert_true(list[1].bytes == UINT64_MAX);
	assert_true(list[1].peak == UINT64_MAX - 1);
	assert_true(list[1].reservations == 1ull << 32);
	assert_string_equal(list[1].command, " a b\n\\\377 ");
	assert_int_equal(list[2].card, 3);
	assert_int_equal(list[2].memory, TTMEM_UNKNOWN);
	assert_int_equal(list[2].tag, TTMEM_UNKNOWN);
	assert_int_equal(list[2].source, TTMEM_UNKNOWN);
	assert_int_equal(list[3].tag, TTMEM_TAG_NONE);
	assert_int_equal(list[3].bytes, 0);
	assert_int_equal(list[3].peak, 4096);
	assert_string_equal(list[3].command, "");
	ttmem_list_free(list);

	/* A program of a later version. */
	assert_int_equal(ttmem_clients((void *)&grown, &count, sizeof(*grown)),
			 0);
	assert_int_equal(count, 4);
	assert_int_equal(grown[3].client.client, 9);
	assert_int_equal(grown[3].later[0], 0);
	assert_string_equal(grown[0].client.command, "python3");
	ttmem_list_free(grown);

	/* A column that a later module adds, and another order. */
	put("CLIENT PID CGROUP CARD UID CHIP MEMORY TAG BYTES PEAK SOURCE RESERVATIONS COMMAND\n"
	    "1 2 /x 5 3 0 L1 cb 4 6 self 0 sh -c\n", LIST);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].card, 5);
	assert_int_equal(list[0].uid, 3);
	assert_int_equal(list[0].tag, TTMEM_TAG_CB);
	assert_string_equal(list[0].command, "sh -c");
	ttmem_list_free(list);
}

/* Whatever bytes a command has: all that a list can carry, and all escapes. */
static void commands(void **state)
{
	char text[4 * 256 + 1], expected[2 * 256 + 1];
	struct ttmem_client *list;
	size_t count, len = 0, i;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 1; i < 256; i++) {
		sprintf(text + 4 * (i - 1), "\\%03zo", i);
		expected[len++] = i;
	}
	expected[len] = '\0';
	for (i = 0; i < 2; i++) {
		char line[sizeof(text) + 64];

		snprintf(line, sizeof(line), "0 1 2 0 0 DRAM buffer 1 1 1 self %s\n",
			 text);
		put_clients(line);
		assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
		assert_int_equal(count, 1);
		assert_string_equal(list[0].command, expected);
		ttmem_list_free(list);

		/* Next, the same bytes as they are, but line feed and backslash. */
		for (len = 0; len < 255; len++)
			text[len] = expected[len] == '\n' || expected[len] == '\\' ?
				    ' ' : expected[len];
		text[len] = '\0';
		strcpy(expected, text);
	}
	/* What is no escape is text; a NUL that is escaped is left out. */
	put_clients("0 1 2 0 0 DRAM buffer 1 1 1 self a\\400\\08\\000b\\\n");
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), 0);
	assert_string_equal(list[0].command, "a\\400\\08b\\");
	ttmem_list_free(list);
}

static void clients_not_understood(void **state)
{
#define LINE(card, pid, bytes, peak) \
	HEADER card " 1 " pid " 3 0 L1 cb " bytes " " peak " 0 self sh\n"
	static const char * const bad[] = {
		"", "\n", "CLIENT PID\n", "COMMAND\n", "\n" HEADER,
		"CARD CLIENT PID UID CHIP MEMORY TAG BYTES PEAK RESERVATIONS SOURCE\n",
		"CARD CLIENT PID UID CHIP MEMORY TAG BYTES PEAK RESERVATIONS SOURCE COMMAND CGROUP\n",
		"CLIENT PID UID CHIP MEMORY TAG BYTES PEAK RESERVATIONS SOURCE COMMAND\n",
		"CARD CLIENT PID UID CHIP MEMORY TAG BYTES RESERVATIONS SOURCE COMMAND\n",
		HEADER "0 1 2 3\n", HEADER "\n", HEADER "0 1 2 3 0 L1 cb 4 4 0 self sh",
		HEADER "0 1 2 3 0 L1 cb 4 4 0 self sh\n0",
		LINE("x", "2", "4", "4"), LINE("2147483648", "2", "4", "4"),
		LINE("0", "-2", "4", "4"), LINE("0", "2147483648", "4", "4"),
		LINE("0", "2", "18446744073709551616", "4"),
		LINE("0", "2", "4", "18446744073709551616"), LINE("0", "2", "4", "-"),
	};
#undef LINE
	static const char nul[] = HEADER "\0\n";
	struct ttmem_client *list;
	unsigned int i;
	size_t count;
	FILE *file;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i], LIST);
		assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)),
				 -EPROTO);
		assert_null(list);
		assert_int_equal(count, 0);
	}
	file = fopen(LIST, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(nul, 1, sizeof(nul) - 1, file), sizeof(nul) - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), -EPROTO);
}

/* No list, and why: never an empty one. */
static void no_list(void **state)
{
	struct ttmem_client *list;
	size_t count;

	(void)state;
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), -ENXIO);
	assert_null(list);
	put_card(0, "0000:01:00.0");
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), -ENOPKG);
	put_books(0, 1);
	assert_int_equal(unlink(LIST), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)),
			 -EOPNOTSUPP);
	assert_null(list);
	assert_int_equal(mkdir(LIST, 0755), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), -EISDIR);
	assert_null(list);
	assert_int_equal(rmdir(LIST), 0);
	assert_int_equal(symlink("clients", LIST), 0);
	assert_int_equal(ttmem_clients(&list, &count, sizeof(*list)), -ELOOP);
	assert_int_equal(count, 0);
}

static void *count_in_thread(void *counters)
{
	int i;

	for (i = 0; i < 100000; i++) {
		ttmem_add(counters, 1, TTMEM_L1, TTMEM_TAG_CB, 3);
		ttmem_counter_add(counters, 1, TTMEM_L1, TTMEM_TAG_CB, -2);
	}
	return NULL;
}

#define CELL(chip)	TTMEM_COUNTER_INDEX(chip, TTMEM_L1, TTMEM_TAG_CB)

/* Several ask first at the same time. */
static void *ask_in_thread(void *card)
{
	return ttmem_counters(card);
}

/* A page of the node's: one, and the library clears it where it frees. */
static void mapped(void **state)
{
	struct ttmem_card *card = open_linked("/dev/zero");
	struct ttmem_card *other;
	pthread_t thread[8];
	int64_t *page;
	void *found;
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_in_thread,
						card), 0);
	page = ttmem_counters(card);
	assert_ptr_not_equal(page, ttmem_counters(NULL));
	for (i = 0; i < 8; i++) {
		pthread_join(thread[i], &found);
		assert_ptr_equal(found, page);
	}
	assert_int_equal(ttmem_open(0, 0, &other), 0);
	assert_ptr_not_equal(ttmem_counters(other), page);

	for (i = 0; i < 4; i++)
		ttmem_add(page, i, TTMEM_L1, TTMEM_TAG_CB, 10 + i);
	ttmem_add(page, 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, -1);
	asked.error = EINVAL;
	assert_int_equal(ttmem_free_chip(card, 1, NULL, NULL), -EINVAL);
	assert_int_equal(page[CELL(1)], 11);
	asked.error = 0;
	assert_int_equal(ttmem_free_chip(card, 1, NULL, NULL), 0);
	assert_int_equal(asked.argsz, sizeof(struct ttmem_free));
	assert_int_equal(page[CELL(0)], 10);
	assert_int_equal(page[CELL(1)], 0);
	assert_int_equal(page[TTMEM_COUNTER_INDEX(1, 0, 0)], 0);
	assert_int_equal(page[CELL(2)], 12);
	/* One reservation goes without the counters. */
	assert_int_equal(ttmem_free(card, 1), 0);
	assert_int_equal(page[CELL(0)], 10);
	assert_int_equal(ttmem_free_all(other, NULL, NULL), 0);
	assert_int_equal(page[CELL(0)], 10);
	page[511] = 1;
	assert_int_equal(ttmem_free_all(card, NULL, NULL), 0);
	for (i = 0; i < 512; i++)
		assert_int_equal(page[i], 0);

	/* Closed, it is unmapped. */
	ttmem_close(other);
	ttmem_close(card);
	assert_int_equal(msync(page, 4096, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
}

/* A node that maps nothing: the first answer stays, and is not cleared. */
static void unmapped(void **state)
{
	struct ttmem_card *card = open_linked("/dev/null");
	int64_t *nowhere = ttmem_counters(NULL);

	(void)state;
	assert_ptr_equal(ttmem_counters(card), nowhere);
	assert_ptr_equal(ttmem_counters(card), nowhere);
	ttmem_add(nowhere, 0, TTMEM_L1, TTMEM_TAG_CB, 5);
	assert_int_equal(ttmem_free_all(card, NULL, NULL), 0);
	assert_int_equal(nowhere[CELL(0)], 5);
	ttmem_close(card);
	nowhere[CELL(0)] = 0;
}

/* Without a page of the module's: one that stays, and loses nothing. */
static void counters(void **state)
{
	int64_t *nowhere = ttmem_counters(NULL);
	pthread_t thread[4];
	int i;

	(void)state;
	assert_non_null(nowhere);
	assert_ptr_equal(ttmem_counters(NULL), nowhere);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_in_thread,
						nowhere), 0);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(nowhere[CELL(1)],
			 400000);
	/* There is room for what the header promises. */
	ttmem_add(nowhere, 31, TTMEM_L1, TTMEM_TAG_CB, -7);
	assert_int_equal(nowhere[CELL(31)],
			 -7);
	for (i = 0; i < 512; i++)
		nowhere[i] = 0;
}

/*
 * The header in another program, in all languages that it is for, with the
 * warnings that such programs have.
 */
static void header(void **state)
{
	static const char * const languages[] = {
		"cc -x c -std=gnu89", "cc -x c -std=c99 -pedantic",
		"cc -x c -std=c11 -pedantic -Wconversion -Wsign-conversion",
		"c++ -x c++ -std=c++11 -pedantic -Wshadow -Wconversion -Wsign-conversion",
		"c++ -x c++ -std=c++20 -pedantic",
		"c++ -x c++ -std=c++17 -DHPP -pedantic -Wshadow -Wconversion -Wsign-conversion",
		"c++ -x c++ -std=c++20 -DHPP -pedantic -fno-exceptions -fno-rtti",
	};
	char out[4096], err[4096], command[1024];
	unsigned int i;

	(void)state;
	put("#ifdef HPP\n"
	    "#include \"libttmem.hpp\"\n"
	    "void count(const ttmem::Counter &counter);\n"
	    "void count(const ttmem::Counter &counter)\n"
	    "{\n"
	    "	counter.allocated(5);\n"
	    "}\n"
	    "#else\n"
	    "#include \"libttmem.h\"\n"
	    "void count(void);\n"
	    "void count(void)\n"
	    "{\n"
	    "	ttmem_add(ttmem_counters(0), 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, -5);\n"
	    "}\n"
	    "#endif\n", "program.c");
	for (i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		snprintf(command, sizeof(command),
			 "%s -Wall -Wextra -Werror -O2 -I" TTMEM_TREE "/uapi -I" TTMEM_TREE "/tools/lib -S -o program.s program.c",
			 languages[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 0);
		assert_string_equal(err, "");
#ifdef __x86_64__
		/* One addition and nothing that decides. */
		assert_int_equal(run("grep -cw lock program.s; grep -Ec '^[[:space:]]j' program.s",
				     out, sizeof(out), err, sizeof(err)), 1);
		assert_string_equal(out, "1\n0\n");
#endif
	}
}

static void strerrors(void **state)
{
	static const int codes[] = {
		ENXIO, ENOPKG, ENOTCONN, EACCES, EBADF, ENODEV, ENOSPC, EDQUOT,
		ENOENT, EINVAL, E2BIG, ENOTTY, EPROTO, ENOMEM, EPERM, ESRCH,
		EBUSY, EMFILE, ENFILE, EOPNOTSUPP, EFAULT, EIO,
	};
	unsigned int i, j;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(ttmem_strerror(-codes[i]),
						ttmem_strerror(-codes[j]));
	assert_string_equal(ttmem_version(), TTMEM_VERSION);
	assert_string_equal(ttmem_strerror(0), "no error");
	assert_non_null(ttmem_strerror(INT32_MIN));
	assert_non_null(ttmem_strerror(INT32_MAX));
}

/*
 * The script is child and grandchild, and writes the list as others would: two pictures,
 * each of which it lets ttmem-run look at several times.
 */
static void run_reports(void **state)
{
	static const char script[] =
		"reads() { sed -n 's/^syscr: //p' /proc/$PPID/io; }\n"
		"list() {\n"
		"	cat > new && mv new " LIST "\n"
		"	at=$(reads)\n"
		"	while [ $(reads) -le $((at + 60)) ]; do sleep 0.02; done\n"
		"}\n"
		"me=$$\n"
		"mkdir -p proc/$me proc/77 proc/79\n"
		"if parent=$(readlink proc/self); then other=$PPID; else parent=$PPID other=1; fi\n"
		"echo \"$me (a) S 1 (b\n) S $parent 0\" > proc/$me/stat\n"
		"echo \"79 (sh) S $other 0\" > proc/79/stat\n"
		"echo \"77 (sh) S $me 0\" > proc/77/stat\n"
		"list <<END\n"
		HEADER
		"0 1 $me 0 0 DRAM buffer 100 150 1 self sh\n"
		"0 1 $me 0 0 DRAM trace 10 150 1 self sh\n"
		"0 2 77 0 0 DRAM buffer 200 200 1 attributed sh\n"
		"0 3 78 0 0 DRAM buffer 9999 9999 1 self sh\n"
		"0 3 78 0 1 L1 buffer 9999 9999 1 self sh\n"
		"0 6 79 0 1 L1 buffer 9999 9999 1 self sh\n"
		"END\n"
		"list <<END\n"
		HEADER
		"0 1 0 0 0 DRAM buffer 120 150 1 self -\n"
		"1 4 77 0 1 L1 - 0 5000 0 self sh\n"
		"1 5 0 0 1 L1 buffer 9999 9999 1 self -\n"
		"END\n"
		"echo out; exit 3\n";
	char out[4096], err[4096];
	int i;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_card(1, "0000:02:00.0");
	put_books(0, 1);
	put_books(1, 2);
	put(script, "script");
	/* Then in a pid namespace of its own, with the /proc of an outer one. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(run(TTMEM_RUN " --report sh script", out, sizeof(out),
				     err, sizeof(err)), 3);
		assert_string_equal(out, "out\n");
		assert_ptr_equal(strstr(err, "\tCommand being run: \"sh script\"\n"
					"\tCard 0 chip 0 peak DRAM (bytes): 310, at most 350\n"
					"\tCard 1 chip 1 peak L1 (bytes): 5000\n"
					"\tElapsed (wall clock) time (seconds): "), err);
		if (!i)
			put_link("4242", "proc/self");
	}
	assert_int_equal(unlink("proc/self"), 0);
	assert_non_null(strstr(err, "\n\tLooks at ttmem's list: "));
	assert_null(strstr(err, "failed"));
	assert_non_null(strstr(err, "\n\tExit status: 3\n"));

	/* A list that cannot be read in the middle, and a command that is killed. */
	assert_int_equal(run(TTMEM_RUN " --report -- sh -c 'rm " LIST "; mkdir " LIST "; at=$(grep syscr /proc/$PPID/io | tr -dc 0-9); while [ $(grep syscr /proc/$PPID/io | tr -dc 0-9) -le $((at + 9)) ]; do sleep 0.02; done; kill -9 $$'",
			     out, sizeof(out), err, sizeof(err)), 137);
	assert_non_null(strstr(err, "\tNo memory of a card was seen\n"));
	assert_non_null(strstr(err, " of them failed\n"));
	assert_non_null(strstr(err, "\n\tCommand terminated by signal 9\n"));
	assert_int_equal(run(TTMEM_RUN " --report touch ran", out, sizeof(out),
			     err, sizeof(err)), 125);
	assert_non_null(strstr(err, "ttmem-run: nothing to report: "));
	assert_int_equal(access("ran", F_OK), -1);
	assert_int_equal(run(TTMEM_RUN " --report --best-effort sh -c 'exit 4'", out, sizeof(out),
			     err, sizeof(err)), 4);
	assert_ptr_equal(strstr(err, "ttmem-run: the command runs without a report: "), err);
	assert_null(strstr(err, "Exit status"));

	assert_int_equal(rmdir(LIST), 0);

	/* Passed on: the command ends by itself then. */
	put_clients("");
	assert_int_equal(run(TTMEM_RUN " --report sh -c 'trap \"exit 5\" TERM; kill -TERM $PPID; while :; do sleep 0.02; done'",
			     out, sizeof(out), err, sizeof(err)), 5);
	assert_int_equal(run(TTMEM_RUN " --report /nonexistent", out, sizeof(out),
			     err, sizeof(err)), 127);
}

/* A card whose node answers as kernel.c has it. */
static void put_card_with_node(void)
{
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	put("", "dev/tenstorrent/mem/x");
	assert_int_equal(symlink("/dev/null", "dev/tenstorrent/mem/0"), 0);
	put("1:3\n", "sys/class/ttmem/ttmem0/dev");
	setenv("TTMEM_FAKE_FREE", "8589934592", 1);
}

/* What is reserved is the command's own, whether there is a parent or not. */
static void run_reserves(void **state)
{
	static const char * const ways[] = { "", "--exec", "--report", "-e -w" };
	char out[4096], err[4096], command[512], expected[256], parent[32];
	unsigned int i;

#define BEYOND "\nttmem-run: card 0, chip 0: 13 GiB of DRAM are in the books all the same\n"
#define WITHOUT "ttmem-run: the command runs without this: "

	(void)state;
	put_card_with_node();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(command, sizeof(command),
			 "rm -f reserved; sh -c 'echo $$; exec \"$@\"' - " TTMEM_RUN " %s -d 1.5G --l1 4KB -t system -L 'a b' sh -c 'echo $$; cat reserved; exit 9'",
			 ways[i]);
		assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 9);
		snprintf(parent, sizeof(parent), "%d", atoi(out));
		memmove(out, strchr(out, '\n') + 1, strlen(strchr(out, '\n')));
		snprintf(expected, sizeof(expected), "%d\n%d 0 0 2 1610612736 0 a b\n%d 0 1 2 4000 0 a b\n",
			 atoi(out), atoi(out), atoi(out));
		assert_string_equal(out, expected);
		assert_int_equal(atoi(parent) == atoi(out), i == 1);
		if (i != 2)
			assert_string_equal(err, "");
	}
}

static void run_refused(void **state)
{
	char out[4096], err[4096];

	(void)state;
	put_card_with_node();
	setenv("TTMEM_FAKE_FREE", "1073741825", 1);
	put_clients("0 1 5 0 0 DRAM buffer 77 0 1 self own\n"
		    "0 2 0 54321 0 DRAM buffer 1073741824 0 1 self -\n"
		    "0 2 0 54321 0 DRAM trace 1073741824 0 1 self -\n"
		    "0 3 812 54321 0 DRAM buffer 7516192768 0 1 self \\033[2J\\012)\n"
		    "0 4 0 54321 0 DRAM buffer 4096 0 1 self -\n"
		    "0 5 813 54321 0 L1 buffer 99 0 1 self other\n"
		    "1 6 814 54321 0 DRAM buffer 99 0 1 self other\n");
	put("sleep\n", "proc/900/comm");
	put("pos:\t0\nttmem-client-id:\t2\n", "proc/900/fdinfo/200");
	put("", "proc/900/fd/x");
	assert_int_equal(symlink("/dev/tenstorrent/mem/0", "proc/900/fd/200"), 0);
	/* Another client's, and one that only says it is. */
	put("pos:\t0\nttmem-client-id:\t3\n", "proc/899/fdinfo/200");
	put("", "proc/899/fd/x");
	assert_int_equal(symlink("/dev/tenstorrent/mem/0", "proc/899/fd/200"), 0);
	put("pos:\t0\nttmem-client-id:\t2\n", "proc/898/fdinfo/200");
	put("", "proc/898/fd/x");
	assert_int_equal(symlink("/home/x", "proc/898/fd/200"), 0);

	assert_int_equal(run(TTMEM_RUN " --dram 2G touch ran", out, sizeof(out), err,
			     sizeof(err)), 125);
	assert_string_equal(err, "ttmem-run: card 0, chip 0: 2 GiB of DRAM were asked for, and 1.00 GiB (1073741825 bytes) of 12 GiB are free. The rest is held by\n"
			    "  7 GiB: process 812 (?[2J?)) of user 54321\n"
			    "  2 GiB: process 900 (sleep) of user 54321, whose file is from a process that has ended\n"
			    "  4 KiB: a process that is not visible from here of user 54321\n");
	assert_int_equal(run(TTMEM_RUN " --exec --dram 13G touch ran", out, sizeof(out), err,
			     sizeof(err)), 125);
	assert_string_equal(err, "ttmem-run: card 0, chip 0: 13 GiB of DRAM were asked for, and it has 12 GiB\n");
	setenv("TTMEM_FAKE_NOW", "4294967296", 1);
	assert_int_equal(run(TTMEM_RUN " --report --dram 2G touch ran", out, sizeof(out), err,
			     sizeof(err)), 125);
	assert_string_equal(err, "ttmem-run: card 0, chip 0: 2 GiB of DRAM were asked for and were not free; by now 4 GiB are\n");
	unsetenv("TTMEM_FAKE_NOW");
	assert_int_equal(run(TTMEM_RUN " --l1 1K -t trace -b touch ran", out, sizeof(out), err,
			     sizeof(err)), 125);
	assert_non_null(strstr(err, "--tag trace: L1 has no such tag;"));
	assert_int_equal(access("ran", F_OK), -1);
	assert_int_equal(access("reserved", F_OK), -1);

	/* In any case, with what can be entered in the books. */
	assert_int_equal(run(TTMEM_RUN " -b --dram 13G sh -c 'cat reserved; exit 3'", out,
			     sizeof(out), err, sizeof(err)), 3);
	assert_non_null(strstr(out, " 0 0 0 13958643712 1 ttmem-run\n"));
	assert_non_null(strstr(err, BEYOND));
	assert_int_equal(run(TTMEM_RUN " -b --card 0,7,p300a,all --chip 0,5 --l1 1k sh -c 'exit 3'",
			     out, sizeof(out), err, sizeof(err)), 3);
	assert_non_null(strstr(err, WITHOUT "card 7: no such card"));
	assert_non_null(strstr(err, WITHOUT "card p300a: there is none;"));
	assert_non_null(strstr(err, WITHOUT "--chip 5: card 0 has 1 chip, counted from 0"));
	assert_int_equal(unlink("reserved"), 0);
	assert_int_equal(run(TTMEM_RUN " --chip 5 --l1 1k true", out, sizeof(out), err,
			     sizeof(err)), 125);
	unsetenv("TTMEM_FAKE_FREE");
}

/* The parent is not in the way. */
static void run_stays(void **state)
{
	static const char * const passed[] = {
		"HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "CONT", "RTMIN",
	};
	char out[4096], err[4096], command[512];
	int status, command_pid, ignored;
	unsigned int i;
	pid_t pid;

	(void)state;
	put_card_with_node();
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		snprintf(command, sizeof(command),
			 TTMEM_RUN " --l1 1k bash -c 'trap \"exit 7\" %s; kill -%s $PPID; while :; do sleep 0.02; done'",
			 passed[i], passed[i]);
		assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 7);
	}
	/* It ends as the command does, by the same signal too. */
	for (ignored = 0; ignored < 2; ignored++) {
		pid = fork();
		if (!pid) {
			if (ignored) {
				signal(SIGTERM, SIG_IGN);
				signal(SIGCHLD, SIG_IGN);
			}
			execl(TTMEM_RUN, "x", "--l1", "1k", "sh", "-c",
			      ignored ? "kill -TERM $$; exit 5" : "kill -TERM $$", NULL);
			_exit(99);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (ignored)
			assert_int_equal(status, 5 << 8);
		else
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	}
	/* What kills it kills the command. */
	pid = fork();
	if (!pid) {
		execl(TTMEM_RUN, "x", "--l1", "1k", "sh", "-c",
		      "echo $$ > new; mv new pid; exec sleep 1000", NULL);
		_exit(99);
	}
	while (run("cat pid", out, sizeof(out), err, sizeof(err)))
		usleep(10000);
	command_pid = atoi(out);
	assert_int_not_equal(command_pid, pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (!kill(command_pid, 0))
		usleep(10000);
	/* Who reads what the command writes sees when that is over. */
	assert_int_equal(run(TTMEM_RUN " --l1 1k sh -c 'exec >/dev/null; while [ ! -e over ]; do sleep 0.02; done; exit 6' | { timeout 60 cat; touch over; }",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_int_equal(run(TTMEM_RUN " --l1 1k /nonexistent", out, sizeof(out), err,
			     sizeof(err)), 127);
	assert_int_equal(run(TTMEM_RUN " --l1 1k /dev", out, sizeof(out), err, sizeof(err)), 126);
	/* A report of what was not run would be none. */
	assert_int_equal(run(TTMEM_RUN " --report /nonexistent", out, sizeof(out), err,
			     sizeof(err)), 127);
	assert_string_equal(err, "ttmem-run: cannot run /nonexistent: No such file or directory\n");
	unsetenv("TTMEM_FAKE_FREE");
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;	/* 0 if it is none */
	} cases[] = {
		{ "1", 1 }, { "4k", 4096 }, { "4KiB", 4096 }, { "4kb", 4000 },
		{ "4GB", 4000000000 },
		{ "4G", 4294967296 }, { "1.5G", 1610612736 }, { "1.5GiB", 1610612736 },
		{ "1.5GB", 1500000000 }, { "0.1K", 102 }, { "1.000001M", 1048577 },
		{ "16777215T", 18446742974197923840u },
		{ "16777215.999999T", 18446744073708452104u },
		{ "18446744073709551615", UINT64_MAX }, { "18446744TB", 18446744000000000000u },
		{ "18446744073709551616", 0 }, { "16777216T", 0 }, { "18446745TB", 0 },
		{ "", 0 }, { "G", 0 }, { ".5G", 0 }, { "1.G", 0 }, { "1.5", 0 }, { "1,5G", 0 },
		{ "1.0000001G", 0 }, { "1.5.1G", 0 }, { "1B", 0 }, { "1iB", 0 }, { "1GBB", 0 },
		{ "1Gi", 0 }, { "1GiBs", 0 }, { "1P", 0 }, { "-1", 0 }, { "+1", 0 }, { " 1", 0 },
		{ "1 G", 0 }, { "1e9", 0 }, { "0x10", 0 }, { "1\vM", 0 },
	};
	uint64_t bytes;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes = 0;
		if (ttmem__size(cases[i].text, &bytes) != !!cases[i].bytes ||
		    (cases[i].bytes && bytes != cases[i].bytes))
			fail_msg("%s is %llu", cases[i].text, (unsigned long long)bytes);
	}
}

static void run_arguments(void **state)
{
	static const char * const bad[] = {
		"true", "--dram 1M", "--dram 1M --", "--dram '' true",
		"--dram M true", "--dram 1MBB true", "--dram 1.5 true",
		"--dram -1 true", "--dram 0 true", "--l1 1KKiB true",
		"--dram 16777216T true", "--dram 18446744073709551616 true",
		"--dram '1 ' true", "--dram 1 --chip x true", "--dram 1 --chip 0, true",
		"--dram 1 --chip '' true", "--dram 1 --card '' true", "--dram 1 --card 0,,1 true",
		"--dram 1 --card 0x true", "-x true", "--dram 1 --tag cbs true",
		"--dram 1 --label \"$(printf 'a\\nb')\" true", "--report --exec true",
		"--dram 1 --label 12345678901234567890123456789012 true",
		"-b --dram 1 --chip x true", "-b --dram 1 --card 0x true", "-b --dram 1.5 true",
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
		CASE(commands),
		CASE(clients_not_understood),
		CASE(no_list),
		CASE(argsz),
		CASE(mapped),
		CASE(unmapped),
		CASE(counters),
		CASE(header),
		CASE(strerrors),
		CASE(sizes),
		CASE(run_reports),
		CASE(run_reserves),
		CASE(run_refused),
		CASE(run_stays),
		CASE(run_arguments),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
