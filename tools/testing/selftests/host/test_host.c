// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem and ttmem-smi before trees of sysfs and procfs made by hand: what no
 * guest shows at will, as a number of 64 bits, a later module, a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
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

#define CLASS	"sys/class/tenstorrent"
#define HEADER	"CLIENT PID UID CHIP MEMORY TAG BYTES RESERVATIONS COMMAND\n"

static char top[] = "/tmp/ttmem-host.XXXXXX";

/* Make a file and the directories it is in. */
static void __attribute__((format(printf, 2, 3)))
put(const char *text, const char *format, ...)
{
	char path[512], *slash;
	va_list args;
	FILE *file;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0777))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void put_card(unsigned int n, const char *address)
{
	char path[512], target[512];

	put("241:0\n", CLASS "/tenstorrent!%u/dev", n);
	put("", "sys/devices/pci/%s/vendor", address);
	snprintf(path, sizeof(path), CLASS "/tenstorrent!%u/device", n);
	snprintf(target, sizeof(target), "../../../devices/pci/%s", address);
	assert_int_equal(symlink(target, path), 0);
}

static void put_pool(unsigned int n, unsigned int chip, const char *memory,
		     const char *used, const char *total)
{
	put(used, "sys/class/misc/ttmem%u/chip%u/%s_used", n, chip, memory);
	put(total, "sys/class/misc/ttmem%u/chip%u/%s_total", n, chip, memory);
}

static void put_books(unsigned int n, unsigned int chips)
{
	unsigned int chip;

	put("0.1.0\n", "sys/module/ttmem/version");
	put("10:250\n", "sys/class/misc/ttmem%u/dev", n);
	put("0\n", "sys/class/misc/ttmem%u/clients", n);
	for (chip = 0; chip < chips; chip++) {
		put_pool(n, chip, "dram", "0\n", "12884901888\n");
		put_pool(n, chip, "l1", "0\n", "95944704\n");
	}
	put(HEADER, "proc/driver/ttmem/%u/clients", n);
}

static void put_process(int pid, const char *comm)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\n", comm);
	put(line, "proc/%d/comm", pid);
	put("", "proc/%d/cmdline", pid);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	return !mkdtemp(top) || chdir(top);
}

static int teardown(void **state)
{
	(void)state;
	return chdir("/") || nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Run a program; its output and its errors are cut off at the sizes. */
static int run(const char *command, char *out, size_t out_size, char *err,
	       size_t err_size)
{
	char line[1024];
	FILE *file;
	int status;

	snprintf(line, sizeof(line), "LC_ALL=C %s >out 2>err", command);
	status = system(line);
	assert_true(WIFEXITED(status));
	file = fopen("out", "r");
	out[fread(out, 1, out_size - 1, file)] = '\0';
	fclose(file);
	file = fopen("err", "r");
	err[fread(err, 1, err_size - 1, file)] = '\0';
	fclose(file);
	return WEXITSTATUS(status);
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

static void smi_missing(void **state)
{
	char out[4096], err[1024];

	(void)state;
	assert_int_equal(run(TTMEM_SMI, out, sizeof(out), err, sizeof(err)), 1);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "TT-KMD"));
	assert_non_null(strstr(err, "sudo modprobe tenstorrent"));
	assert_non_null(strstr(err, "sudo modprobe ttmem"));

	put_card(0, "0000:01:00.0");
	assert_int_equal(run(TTMEM_SMI " --json -l 1 -i 01:00.0", out,
			     sizeof(out), err, sizeof(err)), 1);
	assert_string_equal(out, "");
	assert_null(strstr(err, "tenstorrent."));
	assert_non_null(strstr(err, "sudo modprobe ttmem"));

	put_books(0, 1);
	assert_int_equal(run(TTMEM_SMI " -i 4", out, sizeof(out), err,
			     sizeof(err)), 1);
	assert_non_null(strstr(err, "no card 4"));
	assert_int_equal(run(TTMEM_SMI " -i 0000:02:00.0", out, sizeof(out),
			     err, sizeof(err)), 1);
	assert_non_null(strstr(err, "no card 0000:02:00.0"));

	assert_int_equal(run("rm -r " CLASS "/*; " TTMEM_SMI, out, sizeof(out),
			     err, sizeof(err)), 1);
	assert_non_null(strstr(err, "drives no card"));
}

static void arguments(void **state)
{
	static const char * const bad[] = {
		"-x", "more", "-l", "-l 0", "-l -1", "-l 1x", "-l nan",
		"-l inf", "-l 1e300", "-i", "-i ''", "-i x", "-i 1:2", "--jso=",
	};
	char out[4096], err[1024], command[512];
	unsigned int i;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_SMI " %s", bad[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 2);
		assert_string_equal(out, "");
		assert_non_null(strstr(err, "ttmem-smi --help tells more\n"));
	}
	assert_int_equal(run(TTMEM_SMI " --help", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_ptr_equal(strstr(out, "Usage: "), out);
	assert_int_equal(run(TTMEM_SMI " >/dev/full", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_int_equal(run("sh -c '" TTMEM_SMI " >/dev/full'", out,
			     sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(err, "cannot write"));
	assert_int_equal(run("timeout -s INT 1 " TTMEM_SMI " -l 0.05 --json",
			     out, sizeof(out), err, sizeof(err)), 124);
	assert_int_equal(run("timeout --preserve-status -s INT 1 " TTMEM_SMI
			     " -l 0.05 --json", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_string_equal(err, "");
}

static void run_arguments(void **state)
{
	static const char * const bad[] = {
		"true", "--dram 1M", "--dram 1M --", "--dram '' true",
		"--dram M true", "--dram 1MB true", "--dram 1.5G true",
		"--dram -1 true", "--dram 0 true", "--l1 1KKiB true",
		"--dram 16777216T true", "--dram 18446744073709551616 true",
		"--dram 1 --chip x true", "--dram 1 --card x true", "-x true",
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

/* A machine with most of what there is, and what to make of it. */
static void put_machine(void)
{
	put("2.10.1\n", "sys/module/tenstorrent/version");
	put_card(0, "0000:01:00.0");
	put("n300\n", CLASS "/tenstorrent!0/tt_card_type");
	put("1000\n", CLASS "/tenstorrent!0/tt_aiclk");
	put("45500\n", "sys/devices/pci/0000:01:00.0/hwmon/hwmon3/temp1_input");
	put("36000000\n", "sys/devices/pci/0000:01:00.0/hwmon/hwmon3/power1_input");
	put_books(0, 2);
	put_pool(0, 0, "dram", "209715200\n", "12884901888\n");
	put_pool(0, 0, "l1", "1024\n", "95944704\n");
	put_pool(0, 1, "dram", "18446744073709551615\n", "12884901888\n");
	put_pool(0, 1, "l1", "524288\n", "0\n");
	put(HEADER
	    "9 1234 0 1 L1 cb 1048576 0 python3\n"
	    "7 1234 0 0 DRAM buffer 104857600 1 python3\n"
	    "8 1234 0 0 DRAM trace 104857600 2 python3\n"
	    "8 1234 0 0 L1 buffer 1024 2 python3\n"
	    "10 0 54321 0 DRAM buffer 1 1 -\n"
	    "11 0 54321 0 DRAM buffer 2 1 -\n"
	    "12 4194304 54321 1 DRAM buffer 18446744073709551615 1 \\033[2J\xc3\xa9\xff\n",
	    "proc/driver/ttmem/0/clients");
	put_process(1234, "python3");
	put("python3 serve.py --a-long-option-here", "proc/1234/cmdline");
	put_process(4321, "idle");
	/* Opened twice, one that reports, an invisible, an ended one. */
	put("4321\n4321\n1234\n0\n999\n", "proc/driver/tenstorrent/0/pids");

	/* A card without firmware, which ttmem does not follow. */
	put_card(31, "10000:e1:00.0");
	put("4321\n0\n0\n999\n", "proc/driver/tenstorrent/31/pids");
}

/* Compare whole outputs; the user that runs the test stands for "USER". */
static void assert_output(const char *out, const char *expected)
{
	char text[8192];
	size_t len = 0;
	const struct passwd *pw = getpwuid(getuid());
	char user[16];

	snprintf(user, sizeof(user), "%-9.9s", pw ? pw->pw_name : "?");
	for (; *expected; expected++) {
		assert_true(len < sizeof(text) - 16);
		if (!strncmp(expected, "USER_____", 9)) {
			len += sprintf(text + len, "%s", user);
			expected += 8;
		} else {
			text[len++] = *expected;
		}
	}
	text[len] = '\0';
	assert_string_equal(out, text);
}

static void table(void **state)
{
	static const char expected[] =
"+-----------------------------------------------------------------------------+\n"
"| ttmem-smi " TTMEM_VERSION "               ttmem: 0.1.0              TT-KMD: 2.10.1      |\n"
"|-------------------------------------+---------------------------------------|\n"
"| Card Board            Bus id        | Chip  DRAM used / total L1 used/total |\n"
"|      Temp   Power   Clock           |                                       |\n"
"|=====================================+=======================================|\n"
"|    0 n300             0000:01:00.0  |    0    200 / 12288 MiB   <1 / 92 MiB |\n"
"|      46 C   36 W    1000 MHz        |    1  16777216 / <1 TiB   1 MiB / N/A |\n"
"+-------------------------------------+---------------------------------------+\n"
"|   31 N/A              10000:e1:00.0 |    -                N/A           N/A |\n"
"|      N/A    N/A     N/A             |                                       |\n"
"+-------------------------------------+---------------------------------------+\n"
"\n"
"+-----------------------------------------------------------------------------+\n"
"| Processes:                                                                  |\n"
"| Card Chip     PID User             DRAM        L1  Command                  |\n"
"|=============================================================================|\n"
"|    0    0       - 54321          <1 MiB     0 MiB  -                        |\n"
"|    0    0       - 54321          <1 MiB     0 MiB  -                        |\n"
"|    0    0    1234 root          200 MiB    <1 MiB  python3 serve.py --a-lo+ |\n"
"|    0    1    1234 root            0 MiB     1 MiB  python3 serve.py --a-lo+ |\n"
"|    0    1 4194304 54321       16384 PiB     0 MiB  ?[2J??                   |\n"
"|    0    -    4321 USER_____         N/A       N/A  idle                     |\n"
"|   31    -       - -                 N/A       N/A  -                        |\n"
"|   31    -    4321 USER_____         N/A       N/A  idle                     |\n"
"+-----------------------------------------------------------------------------+\n";
	char out[8192], err[1024];

	(void)state;
	put_machine();
	assert_int_equal(run(TTMEM_SMI, out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_output(strchr(out, '\n') + 1, expected);
}

static void table_of_one(void **state)
{
	static const char expected[] =
"|   31 N/A              10000:e1:00.0 |    -                N/A           N/A |\n"
"|      N/A    N/A     N/A             |                                       |\n"
"+-------------------------------------+---------------------------------------+\n"
"\n"
"+-----------------------------------------------------------------------------+\n"
"| Processes:                                                                  |\n"
"| Card Chip     PID User             DRAM        L1  Command                  |\n"
"|=============================================================================|\n"
"|  No running processes found                                                 |\n"
"+-----------------------------------------------------------------------------+\n";
	static const char * const ways[] = {
		"-i 31", "--id=10000:e1:00.0", "-i 10000:E1:0.0",
	};
	char out[8192], err[1024], command[512];
	const char *body;
	unsigned int i;

	(void)state;
	put_machine();
	put("", "proc/driver/tenstorrent/31/pids");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_SMI " %s", ways[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 0);
		assert_string_equal(err, "");
		body = strstr(out, "|   31");
		assert_non_null(body);
		assert_output(body, expected);
		assert_null(strstr(out, "n300"));
	}
}

/* No border is pushed out or missing, with all that is large or long. */
static void table_width(void **state)
{
	char out[65536], err[1024], *line, *rest;
	unsigned int n, lines = 0;

	(void)state;
	put("a version of which nobody would have thought that it could be so long\n",
	    "sys/module/tenstorrent/version");
	for (n = 0; n < 32; n++) {
		char address[24];

		snprintf(address, sizeof(address), "%x:%02x:1f.7",
			 n % 2 ? 0x10000000 : 0x10000, n);
		put_card(n, address);
		put("galaxy-blackhole-and-more\n",
		    CLASS "/tenstorrent!%u/tt_card_type", n);
		put("18446744073709551615\n", CLASS "/tenstorrent!%u/tt_aiclk", n);
		put(n % 2 ? "-9223372036854775808\n" : "-40400\n",
		    "sys/devices/pci/%s/hwmon/hwmon0/temp1_input", address);
		put("9223372036854775807\n",
		    "sys/devices/pci/%s/hwmon/hwmon0/power1_input", address);
		put_books(n, 1 + n % 3);
		put_pool(n, 0, "dram", "18446744073709551615\n",
			 n % 2 ? "0\n" : "18446744073709551615\n");
		put_pool(n, 0, "l1", "18446744073709551615\n",
			 n % 2 ? "0\n" : "18446744073709551615\n");
		put(HEADER
		    "18446744073709551615 2147483647 4294967295 0 DRAM buffer 18446744073709551615 1 123456789012345\n"
		    "18446744073709551614 2147483647 4294967295 0 DRAM buffer 18446744073709551615 1 123456789012345\n"
		    "18446744073709551614 2147483647 4294967295 0 L1 buffer 18446744073709551615 1 123456789012345\n",
		    "proc/driver/ttmem/%u/clients", n);
	}
	put_process(2147483647, "123456789012345");
	put("\033]0;x\a \xe2\x82\xac\n\t no end to this command line at all",
	    "proc/2147483647/cmdline");
	assert_int_equal(run(TTMEM_SMI, out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	for (line = strtok_r(out, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!lines++)
			continue;	/* the time */
		assert_int_equal(strlen(line), 79);
		assert_non_null(strchr("|+", line[0]));
		assert_non_null(strchr("|+", line[78]));
		for (n = 0; n < 79; n++)
			assert_in_range(line[n], ' ', '~');
	}
	assert_true(lines > 32 * 4);
}

static void json(void **state)
{
	static const char expected[] =
"\"ttmem_smi_version\":\"" TTMEM_VERSION "\",\"ttmem_version\":\"0.1.0\",\"tt_kmd_version\":\"2.10.1\","
"\"cards\":["
"{\"card\":0,\"board\":\"n300\",\"bus_id\":\"0000:01:00.0\",\"temperature_celsius\":45.500,\"power_watts\":36.000,\"clock_mhz\":1000,"
"\"chips\":["
"{\"chip\":0,\"dram\":{\"used\":209715200,\"total\":12884901888},\"l1\":{\"used\":1024,\"total\":95944704}},"
"{\"chip\":1,\"dram\":{\"used\":18446744073709551615,\"total\":12884901888},\"l1\":{\"used\":524288,\"total\":null}}]},"
"{\"card\":31,\"board\":null,\"bus_id\":\"10000:e1:00.0\",\"temperature_celsius\":null,\"power_watts\":null,\"clock_mhz\":null,\"chips\":[]}],"
"\"processes\":["
"{\"card\":0,\"chip\":0,\"pid\":null,\"uid\":54321,\"user\":\"54321\",\"dram\":1,\"l1\":0,\"command\":null},"
"{\"card\":0,\"chip\":0,\"pid\":null,\"uid\":54321,\"user\":\"54321\",\"dram\":2,\"l1\":0,\"command\":null},"
"{\"card\":0,\"chip\":0,\"pid\":1234,\"uid\":0,\"user\":\"root\",\"dram\":209715200,\"l1\":1024,\"command\":\"python3 serve.py --a-long-option-here\"},"
"{\"card\":0,\"chip\":1,\"pid\":1234,\"uid\":0,\"user\":\"root\",\"dram\":0,\"l1\":1048576,\"command\":\"python3 serve.py --a-long-option-here\"},"
"{\"card\":0,\"chip\":1,\"pid\":4194304,\"uid\":54321,\"user\":\"54321\",\"dram\":18446744073709551615,\"l1\":0,\"command\":\"\\u001b[2J\xc3\xa9\xef\xbf\xbd\"}]}\n";
	char out[8192], err[1024];
	unsigned int year, rest[5];

	(void)state;
	put_machine();
	put("", "proc/driver/tenstorrent/0/pids");
	put("", "proc/driver/tenstorrent/31/pids");
	/* -l makes it one line; the process ends after the first by its reader. */
	assert_int_equal(run(TTMEM_SMI " --json -l 1 | head -n 1", out,
			     sizeof(out), err, sizeof(err)), 0);
	assert_int_equal(sscanf(out, "{\"format\":1,\"time\":\"%4u-%2u-%2uT%2u:%2u:%2uZ\",",
				&year, &rest[0], &rest[1], &rest[2], &rest[3],
				&rest[4]), 6);
	assert_string_equal(strstr(out, "\"ttmem_smi_version\""), expected);

	/* The same over several lines, and what reports nothing. */
	put_process(5, "x");
	put("5\n999\n", "proc/driver/tenstorrent/31/pids");
	assert_int_equal(run(TTMEM_SMI " --json -i 31 | tr -d ' \\n'", out,
			     sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "\"processes\":[{\"card\":31,\"chip\":null,\"pid\":null,\"uid\":null,\"user\":null,\"dram\":null,\"l1\":null,\"command\":null},{\"card\":31,\"chip\":null,\"pid\":5,\"uid\":"));
	assert_non_null(strstr(out, "\"dram\":null,\"l1\":null,\"command\":\"x\"}]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
		CASE(smi_missing),
		CASE(arguments),
		CASE(run_arguments),
		CASE(table),
		CASE(table_of_one),
		CASE(table_width),
		CASE(json),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
