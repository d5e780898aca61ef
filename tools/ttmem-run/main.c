// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-run: run a program with memory reserved in its name. The open file stays with
 * it and its children, and so does the reservation.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clean.h"
#include "run.h"

static const char help[] =
	"Usage: ttmem-run [OPTION...] [--] COMMAND...\n"
	"Reserve memory of Tenstorrent cards in ttmem's books and run COMMAND, in whose\n"
	"name that is held until it and its children are gone.\n"
	"\n"
	"  -c, --card=CARD,...  cards by number, bus id or board, or all; 0 if not given\n"
	"  -k, --chip=K,...     chips of each of these, or all; 0 if not given\n"
	"  -d, --dram=SIZE      DRAM, on each of these chips\n"
	"  -l, --l1=SIZE        L1, likewise\n"
	"  -t, --tag=TAG        what for: buffer, trace or system; of L1 buffer, system,\n"
	"                       l1_small or cb; buffer if not given\n"
	"  -L, --label=TEXT     shown with the reservation; ttmem-run if not given\n"
	"  -b, --best-effort    run COMMAND in any case: what does not fit is reserved all\n"
	"                       the same, and other failures only print a message\n"
	"  -w, --wait           stay as COMMAND's parent, so that the reservation stays\n"
	"                       where COMMAND closes files it does not know; the default\n"
	"  -e, --exec           become COMMAND, for those who need its process to be this\n"
	"  -r, --report         print at the end what COMMAND and its children took at\n"
	"                       the most of each card, as ttmem knows it\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version of ttmem-run and of the ioctl interface\n"
	"\n"
	"SIZE is a number of bytes, or as 1.5G with K, M, G or T for KiB, MiB, GiB or TiB,\n"
	"which may be written out; 4GB is 4,000,000,000 bytes. One of --dram, --l1 and\n"
	"--report is needed.\n"
	"\n"
	"Examples:\n"
	"  ttmem-run --dram 200M -- python3 serve.py\n"
	"  ttmem-run --card n300 --chip all --dram 1.5GiB --l1 512K -- ./a.out --flag\n"
	"  ttmem-run --report -- python3 train.py\n"
	"\n"
	"Exit status: COMMAND's; 125 if ttmem-run fails, 126 if COMMAND cannot be run,\n"
	"127 if it is not found.\n";

static void print(const char *format, va_list args)
{
	fputs("ttmem-run: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
}

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
}

void give_up(int status)
{
	/* The pipe has room, and its other end waits for this process. */
	if (failure_fd >= 0 && write(failure_fd, "", 1) < 0)
		perror("ttmem-run");
	exit(status);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
	give_up(EXIT_OWN);
}

void become(char **command)
{
	int error;

	execvp(command[0], command);
	error = errno;
	tell("cannot run %s: %s", command[0], strerror(error));
	give_up(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

static uint64_t parse_size(const char *option, const char *text)
{
	uint64_t n;

	if (!ttmem__size(text, &n))
		die("%s %s: not a size; write it as 209715200, 200M, 200MiB or 1.5G",
		    option, text);
	if (!n)
		die("%s %s: the size is 0; leave the option away to reserve nothing",
		    option, text);
	return n;
}

static unsigned int parse_tag(const char *text)
{
	unsigned int tag;

	for (tag = 0; tag <= TTMEM_TAG_CB; tag++)
		if (!strcmp(text, ttmem__tags[tag]))
			return tag;
	die("--tag %s: it is buffer, trace or system, or of L1 buffer, system, l1_small or cb",
	    text);
}

static const char *parse_label(const char *text)
{
	const char *c;

	for (c = text; *c >= ' ' && *c <= '~'; c++)
		;
	if (*c || c - text >= TTMEM_LABEL_SIZE)
		die("--label: it has at most %d characters, of ASCII that can be printed",
		    TTMEM_LABEL_SIZE - 1);
	return text;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "card", required_argument, NULL, 'c' },
		{ "chip", required_argument, NULL, 'k' },
		{ "dram", required_argument, NULL, 'd' },
		{ "l1", required_argument, NULL, 'l' },
		{ "tag", required_argument, NULL, 't' },
		{ "label", required_argument, NULL, 'L' },
		{ "best-effort", no_argument, NULL, 'b' },
		{ "wait", no_argument, NULL, 'w' },
		{ "exec", no_argument, NULL, 'e' },
		{ "report", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct plan plan = {
		.cards = "0",
		.chips = "0",
		.tag = TTMEM_TAG_BUFFER,
		.label = "ttmem-run",
	};
	bool report = false, wait = true;
	int opt;

	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-run";
	/* The plus: what follows COMMAND is COMMAND's. */
	while ((opt = getopt_long(argc, argv, "+c:k:d:l:t:L:bwerhV", options,
				  NULL)) != -1) {
		switch (opt) {
		case 'c':
			plan.cards = optarg;
			break;
		case 'k':
			plan.chips = optarg;
			break;
		case 'd':
			plan.size[TTMEM_DRAM] = parse_size("--dram", optarg);
			break;
		case 'l':
			plan.size[TTMEM_L1] = parse_size("--l1", optarg);
			break;
		case 't':
			plan.tag = parse_tag(optarg);
			break;
		case 'L':
			plan.label = parse_label(optarg);
			break;
		case 'b':
			plan.best_effort = true;
			break;
		case 'w':
			wait = true;
			break;
		case 'e':
			wait = false;
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
	if (!plan.size[TTMEM_DRAM] && !plan.size[TTMEM_L1] && !report)
		die("nothing to do: give --dram SIZE, --l1 SIZE or --report");
	if (report && !wait)
		die("--exec and --report do not go together: nobody would be there to report");
	if (optind >= argc)
		die("no COMMAND to run: give it behind the options");
	hold_check(&plan);

	argv += optind;
	if (plan.size[TTMEM_DRAM] || plan.size[TTMEM_L1])
		hold_open(&plan, argv[0]);
	if (!wait) {
		hold_reserve(&plan, argv[0]);
		become(argv);
	}
	opt = stay(&plan, argv, report);
	hold_close(&plan);
	return opt;
}
