// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-run: reserve, then become another program. The open file stays with it
 * and its children, and so does the reservation.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "run.h"

/* As env(1) and its like answer. */
#define EXIT_OWN	125
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

/*
 * Shells and scripts use low descriptors by number, "exec 3>log", and would
 * close the card with it; so it is moved out of their way.
 */
#define FD_FIRST	200

static const char help[] =
	"Usage: ttmem-run [--card CARD] [--chip K] [--dram SIZE] [--l1 SIZE] [--report]\n"
	"                 [--] COMMAND...\n"
	"Reserve memory of a Tenstorrent card in ttmem's books, then run COMMAND, which\n"
	"holds the reservation until it and its children are gone.\n"
	"\n"
	"  -c, --card=CARD  the card's number or its bus id; 0 if not given\n"
	"  -k, --chip=K     the chip of that card; 0 if not given\n"
	"  -d, --dram=SIZE  bytes of DRAM\n"
	"  -l, --l1=SIZE    bytes of L1\n"
	"  -r, --report     print at the end what COMMAND and its children took at the\n"
	"                   most of each card, as ttmem knows it\n"
	"  -h, --help       this text\n"
	"  -V, --version    the version of ttmem-run and of the ioctl interface\n"
	"\n"
	"SIZE is a number of bytes, or of KiB, MiB, GiB or TiB with that unit or its\n"
	"first letter behind it; one of --dram, --l1 and --report is needed.\n"
	"\n"
	"Examples:\n"
	"  ttmem-run --dram 200M -- python3 serve.py\n"
	"  ttmem-run --card 0000:01:00.0 --dram 4GiB --l1 512K -- ./a.out --flag\n"
	"  ttmem-run --report -- python3 train.py\n"
	"\n"
	"Exit status: COMMAND's; 125 if ttmem-run fails, 126 if COMMAND cannot be run,\n"
	"127 if it is not found.\n";

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-run: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_OWN);
}

static uint64_t parse_size(const char *option, const char *text)
{
	uint64_t n;

	if (!ttmem__size(text, &n))
		die("%s %s: not a size; write it as 209715200, 200M or 200MiB",
		    option, text);
	if (!n)
		die("%s %s: the size is 0; leave the option away to reserve nothing",
		    option, text);
	return n;
}

static void reserve(struct ttmem_card *card, unsigned int chip,
		    enum ttmem_memory memory, uint64_t size)
{
	const char *name = memory == TTMEM_DRAM ? "DRAM" : "L1";
	struct ttmem_reserve arg = {
		.chip = chip,
		.memory = memory,
		.tag = TTMEM_TAG_BUFFER,
		.size = size,
		.label = "ttmem-run",
	};
	struct ttmem_info info = { .chip = chip, .memory = memory };
	uint64_t left = 0;
	int ret;

	ret = ttmem_reserve(card, &arg, sizeof(arg));
	if (!ret)
		return;
	if (ret == -ENOSPC && !ttmem_info(card, &info, sizeof(info))) {
		if (info.total > info.used)
			left = info.total - info.used;
		die("card %d, chip %u: not enough free %s: %llu bytes asked for, %llu of %llu are free; ttmem-smi shows who holds the rest",
		    ttmem_card_number(card), chip, name,
		    (unsigned long long)size, (unsigned long long)left,
		    (unsigned long long)info.total);
	}
	die("card %d, chip %u: cannot reserve %llu bytes of %s: %s",
	    ttmem_card_number(card), chip, (unsigned long long)size, name,
	    ttmem_strerror(ret));
}

static struct ttmem_card *open_card(const char *name)
{
	struct ttmem_card *card;
	unsigned int number;
	int ret;

	ret = ttmem__find(name, &number);
	if (ret == -EINVAL)
		die("--card %s: neither a card's number nor a bus id as 0000:01:00.0",
		    name);
	if (!ret)
		ret = ttmem_open(number, TTMEM_OPEN_QUIET, &card);
	if (ret)
		die("card %s: %s", name, ttmem_strerror(ret));
	return card;
}

/* Reserve in this process's name, on a file that exec() keeps. */
static void hold(const char *name, uint64_t chip, uint64_t dram, uint64_t l1,
		 const char *command)
{
	struct ttmem_card *card = open_card(name);
	struct ttmem_info info = { 0 };
	int ret, fd;

	ret = ttmem_info(card, &info, sizeof(info));
	if (ret)
		die("card %s: %s", name, ttmem_strerror(ret));
	if (chip >= info.chips)
		die("--chip %llu: card %u has %u chip%s, counted from 0",
		    (unsigned long long)chip, info.card, info.chips,
		    info.chips == 1 ? "" : "s");
	if (dram)
		reserve(card, chip, TTMEM_DRAM, dram);
	if (l1)
		reserve(card, chip, TTMEM_L1, l1);

	/* A copy that exec() keeps; the library's own is closed by it. */
	fd = fcntl(ttmem_fd(card), F_DUPFD, FD_FIRST);
	if (fd < 0)	/* RLIMIT_NOFILE is low */
		fd = fcntl(ttmem_fd(card), F_DUPFD, STDERR_FILENO + 1);
	if (fd < 0)
		die("cannot keep the card open for %s: %s", command,
		    strerror(errno));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "card", required_argument, NULL, 'c' },
		{ "chip", required_argument, NULL, 'k' },
		{ "dram", required_argument, NULL, 'd' },
		{ "l1", required_argument, NULL, 'l' },
		{ "report", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	uint64_t dram = 0, l1 = 0, chip = 0;
	const char *name = "0";
	bool report = false;
	int opt, ret;

	/* The plus: what follows COMMAND is COMMAND's. */
	while ((opt = getopt_long(argc, argv, "+c:k:d:l:rhV", options,
				  NULL)) != -1) {
		switch (opt) {
		case 'c':
			name = optarg;
			break;
		case 'k':
			if (!ttmem__number(optarg, UINT32_MAX, &chip))
				die("--chip %s: not a number", optarg);
			break;
		case 'd':
			dram = parse_size("--dram", optarg);
			break;
		case 'l':
			l1 = parse_size("--l1", optarg);
			break;
		case 'r':
			report = true;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_OWN : 0;
		case 'V':
			printf("ttmem-run %s (ABI %d)\n", TTMEM_VERSION,
			       TTMEM_ABI_VERSION);
			return fflush(stdout) ? EXIT_OWN : 0;
		default:
			die("ttmem-run --help tells more");
		}
	}
	if (!dram && !l1 && !report)
		die("nothing to do: give --dram SIZE, --l1 SIZE or --report");
	if (optind == argc)
		die("no COMMAND to run: give it behind the options");

	/* The child goes on, and becomes COMMAND. */
	if (report && watch(argv + optind, &ret))
		return ret;
	if (dram || l1)
		hold(name, chip, dram, l1, argv[optind]);

	execvp(argv[optind], argv + optind);
	ret = errno;
	fprintf(stderr, "ttmem-run: cannot run %s: %s\n", argv[optind],
		strerror(ret));
	return ret == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}
