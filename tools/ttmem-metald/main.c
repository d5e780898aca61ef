// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-metald: brings what unmodified tt-metal programs count by themselves into
 * ttmem's books. Options, and the loop: some looks a second, and the ends of
 * processes in between.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clean.h"
#include "lock.h"
#include "metald.h"

#define EXIT_USAGE	2

#define INTERVAL	0.1
#define INTERVAL_MIN	0.01
#define INTERVAL_MAX	60.0

/* However many processes there are, looks take at most this part of a processor. */
#define SHARE		10
/* A look ends after this many ns of it, and the next one goes on. */
#define LOOK_MAX	(50 * NSEC_PER_MSEC)

/* --once waits so long for all that it wants to know, ns. */
#define ONCE_MAX	(5 * NSEC_PER_SEC)

/* What so many processes cost is not looked at. */
#define FEW		8

/* So many lines a minute go into the log: users decide how much there is to say. */
#define LOG_LINES	100

/* So many layouts and chips that are not known are remembered, to tell each once. */
#define NOTED		256

static const char help[] =
	"Usage: ttmem-metald [-i SECONDS]\n"
	"       ttmem-metald --once [--json]\n"
	"       ttmem-metald --chips DESCRIPTOR\n"
	"Bring what tt-metal programs count by themselves into ttmem's books.\n"
	"\n"
	"  -i, --interval=SECONDS   look so often, 0.01 to 60 (0.1)\n"
	"  -1, --once               print what it sees, tell the kernel nothing, and end\n"
	"  -j, --json               with --once: as JSON\n"
	"  -c, --chips=DESCRIPTOR   write " TTMEM_RUN "/chips from UMD's cluster descriptor, and\n"
	"                           end: it tells which chip is which\n"
	"  -h, --help               this text\n"
	"  -V, --version            the version of ttmem-metald\n"
	"\n"
	"Example:\n"
	"  ttmem-metald --once\n";

static bool looping;
static int epoll_fd = -1;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

uint64_t busy_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void say(const char *format, ...)
{
	static unsigned int lines, left_out;
	static uint64_t minute;
	va_list args;

	if (looping && now_ns() - minute >= 60 * NSEC_PER_SEC) {
		if (left_out)
			fprintf(stderr, "ttmem-metald: %u lines were left out\n", left_out);
		minute = now_ns();
		lines = 0;
		left_out = 0;
	}
	if (looping && lines++ >= LOG_LINES) {
		left_out++;
		return;
	}
	va_start(args, format);
	fputs("ttmem-metald: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void out_of_memory(void)
{
	fputs("ttmem-metald: out of memory\n", stderr);
	exit(1);
}

/* Make room for one more entry behind @count, which were made here too. */
void *more(void *list, size_t count, size_t size)
{
	if (count & (count - 1))	/* not 0, 1, 2, 4, ... */
		return list;
	list = realloc(list, (count ? count * 2 : 1) * size);
	if (!list)
		out_of_memory();
	return list;
}

int write_whole(const char *path, void (*write)(FILE *file, void *arg), void *arg)
{
	char new[TTMEM_PATH_SIZE];
	FILE *file = NULL;
	int fd, error;

	snprintf(new, sizeof(new), "%s.XXXXXX", path);
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file)
		out_of_memory();
	write(file, arg);
	if (!ferror(file) && !fflush(file) && !fchmod(fd, 0644) && !rename(new, path)) {
		fclose(file);
		return 0;
	}
	error = errno;
	unlink(new);
	fclose(file);
	return -error;
}

bool watch_end(struct process *p)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = p };

	return !epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p->pidfd, &event);
}

void unwatch_end(struct process *p)
{
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, p->pidfd, NULL);
}

void process_ended(struct process *p)
{
	process_forget(p);
}

/* Whether this is said for the first time, of those that are remembered. */
static bool first_time(uint64_t *noted, size_t *count, uint64_t value)
{
	size_t i;

	for (i = 0; i < *count; i++)
		if (noted[i] == value)
			return false;
	if (*count == NOTED)
		return false;
	noted[(*count)++] = value;
	return true;
}

static void log_region(const struct process *p, const struct region *r)
{
	static uint64_t layouts[NOTED], chips[NOTED];
	static size_t layouts_count, chips_count;

	if (r->state == REGION_LAYOUT &&
	    first_time(layouts, &layouts_count, r->version))
		say("process %d counts in layout %u, which this version does not know: it is not told of",
		    p->pid, r->version);
	if (r->state == REGION_READ && r->card < 0 &&
	    first_time(chips, &chips_count, r->id))
		say("chip %llu, which process %d uses: it is not known on which card it is, so it is not reported; run ttmem-metald --chips, see its manual page",
		    (unsigned long long)r->id, p->pid);
}

static void look_at(struct process *p)
{
	size_t i;

	/* There may be room for one of its user's by now. */
	if (p->dir < 0 && (!p->examined || !user_is_full(p->user)))
		process_examine(p);
	if (p->dir < 0)
		return;
	regions_read(p);
	if (p->gone)
		return;
	for (i = 0; i < p->regions; i++)
		tracker_read(p, &p->region[i]);
	chips_place(p);
	if (!p->regions && p->disabled == -1)
		environ_read(p);
	if (!looping)
		return;
	for (i = 0; i < p->regions; i++)
		log_region(p, &p->region[i]);
	tell(p);
}

/*
 * Look at one process of each user in turn, until all were looked at or it has cost
 * enough: so nobody's processes keep another's waiting.
 */
static void look_at_all(uint64_t budget)
{
	uint64_t until = UINT64_MAX;
	struct user *u, *next;
	unsigned int seen = 0;
	struct process *p;
	bool again;

	TAILQ_FOREACH(u, &users, node)
		u->left = u->count;
	do {
		again = false;
		for (u = TAILQ_FIRST(&users); u; u = next) {
			next = TAILQ_NEXT(u, node);
			if (!u->left)
				continue;
			u->left--;
			again |= u->left != 0;
			p = TAILQ_FIRST(&u->processes);
			TAILQ_REMOVE(&u->processes, p, turn);
			TAILQ_INSERT_TAIL(&u->processes, p, turn);
			look_at(p);
			if (p->gone)
				process_forget(p);
			/* A few cost nothing worth to be measured. */
			if (++seen == FEW && budget != UINT64_MAX)
				until = busy_ns() + budget;
		}
	} while (again && (seen < FEW || busy_ns() < until));
}

static void read_machine(void)
{
	static uint64_t next;

	if (now_ns() < next)
		return;
	next = now_ns() + NSEC_PER_SEC;
	if (cards_read())
		chips_changed();
	chips_read();
}

static void look(double interval)
{
	read_machine();
	regions_poll();
	environ_poll();
	openers_find(LOOK_MAX);
	look_at_all(LOOK_MAX);
	tell_look_around(false);
	report(interval);
}

/* One metald is enough: two would tell everything twice. */
static bool take_lock(void)
{
	static const char path[] = TTMEM_RUN "/metald.lock";
	int ret = lock_take(TTMEM_RUN, path);

	if (ret == -EWOULDBLOCK)
		say("another ttmem-metald is running: it holds %s", path);
	else if (ret)
		say("%s: %s", path, strerror(-ret));
	return !ret;
}

static int run(double interval)
{
	const struct sigaction action = { .sa_handler = stop };
	struct epoll_event event;
	uint64_t start, before = 0, busy, took, wait, now;

	if (!take_lock())
		return 1;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0) {
		say("epoll: %s", strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	looping = true;
	while (!stopped) {
		start = now_ns();
		look(interval);
		took = now_ns() - start;
		wait = interval * NSEC_PER_SEC;
		wait = took < wait ? wait - took : 0;
		busy = busy_ns();
		if (wait < (busy - before) * (SHARE - 1))
			wait = (busy - before) * (SHARE - 1);
		before = busy;
		/* Ends of processes are taken one by one: one may free another's. */
		for (start = now_ns(); !stopped; ) {
			now = now_ns();
			if (now - start >= wait)
				break;
			if (epoll_wait(epoll_fd, &event, 1,
				       (wait - (now - start)) / NSEC_PER_MSEC + 1) > 0)
				process_ended(event.data.ptr);
		}
	}
	report_end();
	return 0;
}

/* Whether something is still to be learned of a process. */
static bool is_settled(void)
{
	struct process *p;
	struct user *u;

	for_each_process(u, p)
		if (p->dir >= 0 && (!p->checked || (!p->regions && p->disabled < 0)))
			return false;
	return !regions_pending();
}

static int once(bool json)
{
	const struct timespec nap = { .tv_nsec = 5 * NSEC_PER_MSEC };
	uint64_t until = now_ns() + ONCE_MAX;

	read_machine();
	if (!cards_count)
		say("%s", ttmem_strerror(-ENXIO));
	openers_find(UINT64_MAX);
	/* What takes longer is somebody's who lets others wait. */
	do {
		regions_poll();
		environ_poll();
		look_at_all(UINT64_MAX);
	} while (!is_settled() && now_ns() < until && !nanosleep(&nap, NULL));
	tell_look_around(true);
	report_once(json);
	return fflush(stdout) || !cards_count ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "once", no_argument, NULL, '1' },
		{ "json", no_argument, NULL, 'j' },
		{ "chips", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	bool json = false, only_once = false;
	const char *descriptor = NULL;
	double interval = INTERVAL;
	struct rlimit limit;
	char *end;
	int opt;

	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-metald";
	while ((opt = getopt_long(argc, argv, "i:1jc:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			interval = strtod(optarg, &end);
			if (end == optarg || *end ||
			    !(interval >= INTERVAL_MIN && interval <= INTERVAL_MAX)) {
				say("'%s' is no number of seconds from 0.01 to 60. ttmem-metald --help tells more",
				    optarg);
				return EXIT_USAGE;
			}
			break;
		case '1':
			only_once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'c':
			descriptor = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? 1 : 0;
		case 'V':
			printf("ttmem-metald %s\n", TTMEM_VERSION);
			return fflush(stdout) ? 1 : 0;
		default:
			say("ttmem-metald --help tells more");
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		say("'%s' is one argument too many. ttmem-metald --help tells more", argv[optind]);
		return EXIT_USAGE;
	}
	if ((json && !only_once) || (descriptor && only_once)) {
		say("these options do not go together. ttmem-metald --help tells more");
		return EXIT_USAGE;
	}
	umask(022);
	if (descriptor)
		return chips_write(descriptor);
	if (getrlimit(RLIMIT_NOFILE, &limit))
		limit.rlim_max = 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	processes_limit(limit.rlim_max > 1u << 30 ? 1u << 30 : limit.rlim_max);
	return only_once ? once(json) : run(interval);
}
