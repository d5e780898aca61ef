// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-account: writes down what each client of ttmem took, when it has ended. Options,
 * and the loop: what the kernel has recorded is read soon after, as a process's control
 * group can be read only while it is there.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "lock.h"

#define EXIT_USAGE	2

#define LOCK		TTMEM_RUN "/account.lock"

#define SIZE_DEFAULT	(32ull << 20)
#define SIZE_MIN	(256ull << 10)
#define SIZE_MAX_LOG	(1ull << 30)
#define RATE_DEFAULT	600
#define RATE_MAX	1000000
#define BUFFER_DEFAULT	256
#define BUFFER_MIN	4
#define BUFFER_MAX	65536

/* However many events there are, not more rounds than this. */
#define ROUND		(10 * NSEC_PER_MSEC)
#define TICK		NSEC_PER_SEC
/* So many ends wait for the begins of their clients; beyond, they wait no longer. */
#define ENDS_MAX	8192

/* So many lines a minute go into the machine's log: users decide how much there is to say. */
#define LOG_LINES	60

static const char help[] =
	"Usage: ttmem-account [OPTION...]\n"
	"Write down what each client of ttmem took of a card's memory, when it has ended,\n"
	"in " ACCOUNT_LOG ", which ttmem-smi reads.\n"
	"\n"
	"  -s, --size=SIZE      bytes that the log may have in all, 256K to 1G (32M)\n"
	"  -r, --rate=LINES     lines a minute for each user, on average, and ten times as\n"
	"                       many at once; more are only counted (600)\n"
	"  -b, --buffer=KIB     of events that the kernel keeps for each processor, 4 to\n"
	"                       65536 (256)\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version of ttmem-account\n"
	"\n"
	"Example:\n"
	"  ttmem-account --size 256M\n";

static volatile sig_atomic_t stopped;
static struct event ends[ENDS_MAX];
static size_t end_count;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void say(const char *format, ...)
{
	static unsigned int lines, left_out;
	static uint64_t minute;
	va_list args;

	if (now_ns() - minute >= 60 * NSEC_PER_SEC) {
		if (left_out)
			fprintf(stderr, "ttmem-account: %u lines were left out\n", left_out);
		minute = now_ns();
		lines = 0;
		left_out = 0;
	}
	if (lines++ >= LOG_LINES) {
		left_out++;
		return;
	}
	va_start(args, format);
	fputs("ttmem-account: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void out_of_memory(void)
{
	fputs("ttmem-account: out of memory\n", stderr);
	exit(1);
}

/* Write down the first @count of those that have ended. */
static void write_ends(size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		store_client(&ends[i], process_cgroup(&ends[i]));
	end_count -= count;
	memmove(ends, ends + count, end_count * sizeof(*ends));
}

static void take_event(const struct event *event)
{
	uint64_t now = now_ns();
	struct user *user;

	if (event->kind != EVENT_END) {
		process_seen(event, now);
		return;
	}
	user = user_of(event->uid, now);
	if (!user_may_write(user, now)) {
		user_leave_out(user, event->begin, event->end, now);
		return;
	}
	if (end_count == ENDS_MAX)
		write_ends(end_count);
	ends[end_count++] = *event;
}

/*
 * Read what there is. The end of a client may be read before its begin, if that is in
 * another processor's buffer; but before the next round has been read too, it is there.
 */
static uint64_t look(void)
{
	size_t before = end_count;
	uint64_t lost;

	processes_next_round();
	lost = ring_read(take_event);
	write_ends(before < end_count ? before : end_count);
	return lost;
}

/* Everybody may read it, and it names nobody. */
static void write_state(bool recording)
{
	static const char new[] = ACCOUNT_STATE ".new";
	struct timespec now;
	FILE *file;

	file = fopen(new, "we");
	if (!file) {
		say("%s: %s", new, strerror(errno));
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(file,
		"{\"schema\":1,\"time\":%lld.%03ld,\"recording\":%s,\"clients\":%" PRIu64
		",\"left_out\":%" PRIu64 ",\"lost_events\":%" PRIu64 ",\"lost_lines\":%" PRIu64 "}\n",
		(long long)now.tv_sec, now.tv_nsec / 1000000, recording ? "true" : "false",
		totals.clients, totals.left_out, totals.lost, totals.unwritten);
	if (fclose(file) || chmod(new, 0644) || rename(new, ACCOUNT_STATE))
		say(ACCOUNT_STATE ": %s", strerror(errno));
}

static void tell_lost(uint64_t lost)
{
	if (!lost)
		return;
	store_lost(lost);
	say("%" PRIu64 " events were lost, and with them clients: they came quicker than they were read. --buffer makes the kernel's buffer larger",
	    lost);
}

static void loop(void)
{
	uint64_t now, next_tick = 0, lost = 0, start;
	unsigned int ticks = 0;
	bool recording, anew;

	while (!stopped) {
		start = now_ns();
		if (start >= next_tick) {
			next_tick = start + TICK;
			recording = ring_attend(&anew);
			if (anew)
				processes_forget_all();
			users_read_subuid();
			users_tell(start, false);
			processes_forget(start);
			tell_lost(lost);
			lost = 0;
			if (ticks++ % 2 == 0)
				write_state(recording);
		}
		ring_wait((end_count ? ROUND : next_tick - start) / NSEC_PER_MSEC + 1);
		lost += look();
		now = now_ns();
		if (!stopped && now - start < ROUND) {
			const struct timespec rest = { .tv_nsec = ROUND - (now - start) };

			nanosleep(&rest, NULL);
		}
	}
	ring_stop();
	lost += look();
	write_ends(end_count);
	tell_lost(lost);
	users_tell(now_ns(), true);
}

static int run(uint64_t size, unsigned long buffer)
{
	const struct sigaction action = { .sa_handler = stop };
	int ret;

	ret = lock_take(TTMEM_RUN, LOCK);
	if (ret) {
		if (ret == -EWOULDBLOCK)
			say("another ttmem-account is running: it holds " LOCK);
		else
			say(LOCK ": %s", strerror(-ret));
		return 1;
	}
	users_read_subuid();
	if (!store_open(size) || !ring_open(buffer))
		return 1;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	store_mark("start");
	loop();
	store_mark("stop");
	unlink(ACCOUNT_STATE);
	return ring_close() ? 0 : 1;
}

static void __attribute__((noreturn)) wrong(const char *option, const char *text, const char *what)
{
	say("%s %s: it is %s. ttmem-account --help tells more", option, text, what);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "buffer", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	uint64_t size = SIZE_DEFAULT, rate = RATE_DEFAULT, buffer = BUFFER_DEFAULT;
	int opt;

	/* In getopt's messages. */
	if (argc)
		argv[0] = "ttmem-account";
	while ((opt = getopt_long(argc, argv, "s:r:b:hV", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			if (!ttmem__size(optarg, &size) || size < SIZE_MIN || size > SIZE_MAX_LOG)
				wrong("--size", optarg, "from 256K to 1G");
			break;
		case 'r':
			if (!ttmem__number(optarg, RATE_MAX, &rate) || !rate)
				wrong("--rate", optarg, "a number from 1 to 1000000");
			break;
		case 'b':
			if (!ttmem__number(optarg, BUFFER_MAX, &buffer) || buffer < BUFFER_MIN)
				wrong("--buffer", optarg, "a number of KiB from 4 to 65536");
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? 1 : 0;
		case 'V':
			printf("ttmem-account %s\n", TTMEM_VERSION);
			return fflush(stdout) ? 1 : 0;
		default:
			say("ttmem-account --help tells more");
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		say("'%s' is one argument too many. ttmem-account --help tells more", argv[optind]);
		return EXIT_USAGE;
	}
	/* What users do is in the log; it is for root and the group that this runs with. */
	umask(022);
	users_limit(rate);
	return run(size, buffer);
}
