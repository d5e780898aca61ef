// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi: the Tenstorrent cards of this machine, what of their memory is
 * used, and by whom.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smi.h"

#define EXIT_USAGE	2

/* A year; longer is a mistake. */
#define INTERVAL_MAX	31536000.0

static const char help[] =
	"Usage: ttmem-smi [-i CARD] [-l SECONDS] [--json]\n"
	"Show the Tenstorrent cards of this machine, what of their memory is used, and\n"
	"by whom.\n"
	"\n"
	"  -i, --id=CARD       only this card: its number or its bus id\n"
	"  -l, --loop=SECONDS  again every so many seconds, also 0.5, until Ctrl-C\n"
	"      --json          exact bytes as JSON, documented in ttmem-smi(1);\n"
	"                      with -l a document on each line\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version of ttmem-smi and of the ioctl interface\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi\n"
	"  ttmem-smi -i 0000:01:00.0 -l 1\n"
	"  ttmem-smi --json | jq '.processes[] | select(.dram > 1000000000)'\n"
	"\n"
	"Exit status: 0; 1 if a driver or the card is missing; 2 for a wrong argument.\n";

/* There is nothing to put back, not even half a table is worth waiting for. */
static void stop(int signal)
{
	(void)signal;
	_exit(0);
}

static bool write_out(const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(STDOUT_FILENO, text, size);

		if (done < 0) {
			if (errno == EINTR)
				continue;
			fprintf(stderr, "ttmem-smi: cannot write: %s\n",
				strerror(errno));
			return false;
		}
		text += done;
		size -= done;
	}
	return true;
}

static bool show(const struct snapshot *snap, bool json, bool loop)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool ok;

	if (!out)
		out_of_memory();
	if (json) {
		print_json(out, snap, loop);
	} else {
		print_table(out, snap);
		if (loop)
			fputc('\n', out);
	}
	if (fclose(out))
		out_of_memory();
	ok = write_out(text, size);
	free(text);
	return ok;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
					a->tv_nsec > b->tv_nsec;
}

/* Sleep until the next multiple of the interval; late ones are left out. */
static void wait_for_next(struct timespec *next, double seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	next->tv_sec += (time_t)seconds;
	next->tv_nsec += (long)((seconds - (time_t)seconds) * 1e9);
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	if (later(&now, next))
		*next = now;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL))
		;
}

static int __attribute__((format(printf, 1, 2)))
wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: ", stderr);
	vfprintf(stderr, format, args);
	fputs(". ttmem-smi --help tells more\n", stderr);
	va_end(args);
	return EXIT_USAGE;
}

static int run(int only, double seconds, bool json)
{
	struct timespec next;
	char why[512], before[512] = "";
	bool first = true;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		struct snapshot snap;
		bool ok = snapshot_take(&snap, only, why, sizeof(why));

		if (ok) {
			before[0] = '\0';
			ok = show(&snap, json, seconds > 0);
			snapshot_free(&snap);
			if (!ok)
				return 1;
		} else {
			/* Who watches sees it come back: told once, goes on. */
			snapshot_free(&snap);
			if (strcmp(why, before))
				fprintf(stderr, "ttmem-smi: %s\n", why);
			strcpy(before, why);
			if (first)
				return 1;
		}
		first = false;
		if (!(seconds > 0))
			return 0;
		wait_for_next(&next, seconds);
	}
}

int main(int argc, char **argv)
{
	enum { OPT_JSON = 256 };
	static const struct option options[] = {
		{ "id", required_argument, NULL, 'i' },
		{ "loop", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct sigaction action = { .sa_handler = stop };
	const char *card = NULL;
	unsigned int number;
	double seconds = 0;
	bool json = false;
	int only = -1;
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "i:l:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			card = optarg;
			break;
		case 'l':
			errno = 0;
			seconds = strtod(optarg, &end);
			if (end == optarg || *end || errno ||
			    !(seconds >= 0.001 && seconds <= INTERVAL_MAX))
				return wrong("'%s' is no number of seconds from 0.001 to %.0f",
					     optarg, INTERVAL_MAX);
			break;
		case OPT_JSON:
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? 1 : 0;
		case 'V':
			printf("ttmem-smi %s (ABI %d)\n", TTMEM_VERSION,
			       TTMEM_ABI_VERSION);
			return fflush(stdout) ? 1 : 0;
		default:
			fputs("ttmem-smi: ttmem-smi --help tells more\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return wrong("'%s' is one argument too many", argv[optind]);

	if (card) {
		int ret = ttmem__find(card, &number);

		if (ret == -EINVAL)
			return wrong("'%s' is neither a card's number nor a bus id as 0000:01:00.0",
				     card);
		if (ret && !ttmem_present()) {
			fprintf(stderr,
				"ttmem-smi: there is no card %s. ttmem-smi without -i shows those there are\n",
				card);
			return 1;
		}
		/* Without the driver any card will do: run() says what lacks. */
		only = ret ? 0 : (int)number;
	}

	if (seconds > 0)
		sigaction(SIGINT, &action, NULL);
	return run(only, seconds, json);
}
