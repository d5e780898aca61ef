// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi watch: looks at the cards every so often, as nothing tells of what
 * programs count by themselves, and says or runs something when a line is crossed.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "internal.h"
#include "look/look.h"
#include "text/text.h"
#include "watch/marks.h"
#include "watch/watch.h"

/* With --once: some line is crossed. */
#define EXIT_CROSSED	3

/* More per cent than this is a mistake. */
#define PERCENT_MAX	1000

/* The lines of tools/prometheus/ttmem.rules.yml; a test compares them. */
#define LINES_DEFAULT	"--above 95% --for 5m --growing 1G/10m --for 15m"

static const char help[] =
	"Usage: ttmem-smi watch [OPTION...] [-- COMMAND...]\n"
	"Look again and again, and print or run COMMAND when a line is crossed. Once for\n"
	"each crossing: again only after a twentieth of the line was given back.\n"
	"\n"
	"Lines; each may be given several times:\n"
	"  -a, --above=[WHO:]SIZE|PERCENT%\n"
	"                         more than so much is held\n"
	"  -g, --growing=[WHO:]SIZE|PERCENT%/TIME\n"
	"                         it has grown by more than so much in that time\n"
	"  -f, --for=TIME         the line before it only where it is crossed for so long\n"
	"WHO is pool, which is one memory of one chip, process or user, who are taken card\n"
	"by card; if not given, pool for --above, process for --growing. SIZE is as 4G or\n"
	"512M, PERCENT of the capacity, TIME as 90, 90s, 15m, 2h or 1d. Without a line it\n"
	"is as the alert rules for Prometheus have it:\n"
	"  " LINES_DEFAULT "\n"
	"\n"
	"  -m, --memory=MEMORY    dram, l1 or all; dram if not given: L1 is meant to be full\n"
	"  -i, --id=CARD,...      only these: numbers, bus ids, UUIDs, serials or boards\n"
	"  -l, --loop=SECONDS     seconds between two looks, as 0.5 (1)\n"
	"      --loop-ms=MS       every so many milliseconds; also -lms MS\n"
	"  -c, --count=N          end after N looks\n"
	"  -1, --once             one look, and a status of 3 if a line is crossed\n"
	"  -t, --timeout=TIME     COMMAND is ended after this time; 60s if not given\n"
	"  -h, --help             this text\n"
	"\n"
	"COMMAND runs once at a time, and not in a shell. It is told by the variables\n"
	"TTMEM_WATCH_KIND, WHO, LINE, CARD, BUS_ID, CHIP, MEMORY, PID, USER, NAME, BYTES,\n"
	"TOTAL, GROWN and TEXT.\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi watch --above 90% --growing 1G/10m\n"
	"  ttmem-smi watch --above user:50% -- sh -c 'logger -t ttmem \"$TTMEM_WATCH_TEXT\"'\n"
	"  ttmem-smi watch -i 0 --above 8G --once || echo card 0 is busy\n"
	"\n"
	"Exit status: 0; 1 failed, or with --once something could not be read; 2 wrong\n"
	"argument; 3 with --once, a line is crossed; 6 no such card; 9 TT-KMD or ttmem is\n"
	"not loaded; 126 or 127 if there is no such COMMAND.\n";

/* What was asked for. */
struct job {
	struct marks marks;
	struct want want;
	struct runner runner;
	double seconds;
	uint64_t count;		/* 0: for ever */
	bool once;
};

/* What was seen before, to tell of what has changed. */
struct seen {
	struct snapshot snap;
	int list_error;
	bool begun;
	bool unread;		/* something, at the last look */
	bool crossed;
};

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t ended;	/* a child has */
static struct runner *running;

static void __attribute__((noreturn, format(printf, 1, 2)))
wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: watch: ", stderr);
	vfprintf(stderr, format, args);
	fputs(". ttmem-smi watch --help tells more\n", stderr);
	va_end(args);
	exit(EXIT_USAGE);
}

/* A second one ends at once, whatever is being waited for. */
static void stop(int signal)
{
	if (stopped) {
		if (running->pid > 0)
			kill(-running->pid, SIGKILL);
		_exit(128 + signal);
	}
	stopped = 1;
}

static void child_ended(int signal)
{
	(void)signal;
	ended = 1;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * 1000000ll + time.tv_nsec / 1000;
}

/* "90%" or "92.5%" in thousandths. */
static bool parse_percent(const char *text, uint64_t *milli)
{
	size_t len = strlen(text);
	double percent;
	char *end;

	if (!len || text[len - 1] != '%' || strspn(text, "0123456789.") != len - 1)
		return false;
	percent = strtod(text, &end);
	if (end == text || end != text + len - 1 || percent > PERCENT_MAX)
		return false;
	*milli = (uint64_t)(percent * 1000 + 0.5);
	return *milli;
}

static void add_line(struct job *job, bool growing, const char *text)
{
	const char *option = growing ? "--growing" : "--above";
	struct line line = { .who = growing ? WHO_PROCESS : WHO_POOL };
	const char *colon = strchr(text, ':');
	char *slash, *amount;
	double window = 0;
	enum who who;

	line.text = colon ? colon + 1 : text;
	for (who = 0; colon && who < WHO_COUNT; who++)
		if (strlen(who_names[who]) == (size_t)(colon - text) &&
		    !strncmp(text, who_names[who], colon - text))
			break;
	if (colon && who == WHO_COUNT)
		wrong("%s %s: before the colon stands pool, process or user", option,
		      text);
	if (colon)
		line.who = who;
	if (job->marks.lines == LINES_MAX)
		wrong("%s %s: there are more than %d lines", option, text, LINES_MAX);

	amount = strdup(line.text);
	if (!amount)
		out_of_memory();
	slash = strchr(amount, '/');
	if (slash)
		*slash = '\0';
	if (growing && (!slash || !parse_span(slash + 1, &window)))
		wrong("%s %s: write AMOUNT/TIME, as in 1G/10m",
		      option, text);
	if (!growing && slash)
		wrong("%s %s: growth in a time is for --growing", option, text);
	if (!parse_percent(amount, &line.milli) &&
	    (!ttmem__size(amount, &line.bytes) || !line.bytes))
		wrong("%s %s: neither a size above 0, as 4G or 512M, nor a part of the capacity, as 90%%",
		      option, text);
	free(amount);
	line.window = (int64_t)(window * 1e6);
	job->marks.line[job->marks.lines++] = line;
}

static void set_hold(struct job *job, const char *text)
{
	double hold;

	if (!job->marks.lines)
		wrong("--for %s: write it behind the limit that it is for", text);
	if (!parse_span(text, &hold))
		wrong("--for %s: not a time of up to a year, as 90, 90s, 15m, 2h or 1d",
		      text);
	job->marks.line[job->marks.lines - 1].hold = (int64_t)(hold * 1e6);
}

static void set_memories(struct job *job, const char *text)
{
	if (!strcmp(text, "dram"))
		job->marks.memories = 1u << TTMEM_DRAM;
	else if (!strcmp(text, "l1"))
		job->marks.memories = 1u << TTMEM_L1;
	else if (!strcmp(text, "all"))
		job->marks.memories = 1u << TTMEM_DRAM | 1u << TTMEM_L1;
	else
		wrong("--memory %s: it is dram, l1 or all", text);
}

/* Fill in what was not asked for, and refuse what does not go together. */
static void check(struct job *job)
{
	char why[512];
	size_t i;

	if (!want_check(&job->want, why, sizeof(why)))
		wrong("%s", why);
	if (!job->marks.lines) {
		add_line(job, false, "95%");
		set_hold(job, "5m");
		if (!job->once) {
			add_line(job, true, "1G/10m");
			set_hold(job, "15m");
		} else {
			job->marks.line[0].hold = 0;
		}
	}
	for (i = 0; i < job->marks.lines; i++) {
		const struct line *line = &job->marks.line[i];

		if (job->once && (line->window || line->hold))
			wrong("--once looks once: there is no --growing or --for with it");
		if (line->window && line->window < job->seconds * 1e6)
			wrong("--growing %s: the time is shorter than that between two looks",
			      line->text);
	}
	job->marks.slack = (int64_t)(job->seconds * 1e6);
	if (job->once && job->count)
		wrong("--once and -c do not go together");
	if (job->once)
		job->count = 1;
}

/* Print a line; false if nobody is there to read it. */
static bool print_mark(const struct mark *mark, const struct line *line,
		       const struct snapshot *snap)
{
	char *text = mark_text(mark, line), when[40];
	struct tm tm;

	localtime_r(&snap->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", &tm);
	printf("%s %s\n", when, text);
	free(text);
	if (!fflush(stdout))
		return true;
	say("cannot write: %s", strerror(errno));
	return false;
}

/* Whether a limit in per cent cannot be compared, as the capacity is not known. */
static bool lacks_capacity(const struct marks *marks, const struct card *card, size_t chip,
			   unsigned int memory)
{
	bool percent = false;
	size_t i;

	for (i = 0; i < marks->lines; i++)
		percent |= marks->line[i].milli;
	return percent && marks->memories & 1u << memory && !card->chip[chip].pool[memory].total;
}

/* Whether something of a card that a limit may be about is not known. */
static bool is_unknown(const struct marks *marks, const struct card *card)
{
	unsigned int memory;
	size_t i;

	if (!card->chips || maybe_silent(card))
		return true;
	for (i = 0; i < card->chips; i++)
		for (memory = 0; memory < 2; memory++)
			if (lacks_capacity(marks, card, i, memory))
				return true;
	return false;
}

/* Tell of a card's state where it is another one than before. */
static void tell_card(const struct marks *marks, const struct card *card,
		      const struct card *before, const struct snapshot *snap,
		      bool begun)
{
	unsigned int number = card->id.number, memory;
	size_t i;

	if (begun && !before)
		say("card %u (%s) is there", number, card->id.address);
	if (!card->chips && (!before || before->chips))
		say("what is held of card %u is not known: ttmem has no books of it that can be read",
		    number);
	if (card->chips && before && !before->chips)
		say("what is held of card %u is known again", number);
	if (card->silent.processes && (!before || !before->silent.processes))
		say("card %u may be fuller than it looks: nothing is reported of %llu process%s: %s",
		    number, (unsigned long long)card->silent.processes,
		    card->silent.processes == 1 ? " that uses it" : "es that use it",
		    silent_sentence(snap, &card->silent));
	for (i = 0; i < card->chips; i++)
		for (memory = 0; memory < 2; memory++)
			if (lacks_capacity(marks, card, i, memory) &&
			    !(before && i < before->chips &&
			      lacks_capacity(marks, before, i, memory)))
				say("card %u chip %zu: the capacity of its %s is not known, so limits in per cent are not watched",
				    number, i, memory_names[memory]);
}

/* Tell what has changed of what can be seen; each of it once. */
static void tell_changes(const struct marks *marks, const struct seen *seen,
			 const struct snapshot *snap)
{
	size_t i;

	if (*snap->why && strcmp(snap->why, seen->snap.why))
		say("%s", snap->why);
	for (i = 0; i < snap->cards; i++)
		tell_card(marks, &snap->card[i],
			  snapshot_card(&seen->snap, snap->card[i].id.number),
			  snap, seen->begun);
	for (i = 0; i < seen->snap.cards; i++) {
		const struct card *card = &seen->snap.card[i];

		if (!snapshot_card(snap, card->id.number))
			say("card %u (%s) is gone", card->id.number,
			    card->id.address);
	}
}

static void tell_list(struct seen *seen, int error)
{
	if (error && error != seen->list_error)
		say("who holds what is not known: %s. Lines for processes and users wait until it is",
		    ttmem_strerror(error));
	if (!error && seen->list_error)
		say("who holds what is known again");
	seen->list_error = error;
}

/*
 * Look once. Return: EXIT_OK, or how to end if nothing could be looked at, or
 * nobody reads what is printed
 */
static int look(struct job *job, struct seen *seen)
{
	struct ttmem_client *list = NULL;
	struct snapshot snap;
	size_t count = 0, lost, i;
	struct mark *mark;
	int status, error;

	status = snapshot_take(&snap, &job->want);
	if (!seen->begun && !snap.cards) {
		say("%s", snap.why);
		snapshot_free(&snap);
		return status ? status : EXIT_FAILED;
	}
	tell_changes(&job->marks, seen, &snap);
	seen->unread = status;
	for (i = 0; i < snap.cards; i++)
		seen->unread |= is_unknown(&job->marks, &snap.card[i]);
	if (snap.cards && marks_need_clients(&job->marks)) {
		error = list_clients(&list, &count);
		tell_list(seen, error);
		seen->unread |= error;
		/* An empty list was read all the same. */
		if (!error && !list)
			list = calloc(1, sizeof(*list));
		if (!error && !list)
			out_of_memory();
	}
	lost = marks_look(&job->marks, now(), &snap, list, count);
	if (lost)
		say("%zu crossings ended before %s could be run for them", lost,
		    job->runner.command[0]);
	ttmem_list_free(list);
	status = EXIT_OK;
	while (!job->runner.command && !status &&
	       (mark = marks_next(&job->marks))) {
		seen->crossed = true;
		if (!print_mark(mark, &job->marks.line[mark->line], &snap))
			status = EXIT_FAILED;
	}
	snapshot_free(&seen->snap);
	seen->snap = snap;
	seen->begun = true;
	return status;
}

/* Run what is to be run next, if nothing runs; whether something does then. */
static bool run_next(struct job *job, struct seen *seen)
{
	struct mark *mark;

	if (!job->runner.command)
		return false;
	ended = 0;
	runner_tend(&job->runner, now());
	while (!job->runner.pid && (mark = marks_next(&job->marks))) {
		seen->crossed = true;
		runner_start(&job->runner, mark, &job->marks.line[mark->line],
			     now());
	}
	return job->runner.pid;
}

/*
 * Wait until a time, a signal, or until nobody can read what is printed. Signals
 * are held back only here, so that a look can be ended as well.
 */
static void wait_until(int64_t time)
{
	struct pollfd out = { .fd = STDOUT_FILENO };
	struct timespec left = { 0 };
	int64_t delta = time - now();
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (delta > 0) {
		left.tv_sec = delta / 1000000;
		left.tv_nsec = delta % 1000000 * 1000;
	}
	if (!stopped && !ended && ppoll(&out, 1, &left, &before) > 0 &&
	    out.revents & (POLLERR | POLLHUP))
		stopped = 1;
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = stop }, before;
	unsigned int i;

	/* nohup(1) and shells have some ignored. */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &before) &&
		    before.sa_handler != SIG_IGN)
			sigaction(ends[i], &action, NULL);
	action.sa_handler = child_ended;
	action.sa_flags = SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int watch(struct job *job)
{
	int64_t interval = (int64_t)(job->seconds * 1e6), next = now(), wake;
	struct seen seen = { 0 };
	uint64_t looks = 0;
	int status;

	running = &job->runner;
	catch_signals();
	do {
		status = look(job, &seen);
		if (status)
			break;
		looks++;
		next += interval;
		if (next < now())
			next = now();
		/* The last time, what is to be run is waited for. */
		while (!stopped) {
			bool runs = run_next(job, &seen);

			if (looks == job->count ? !runs : now() >= next)
				break;
			wake = looks == job->count ? INT64_MAX : next;
			if (runs && job->runner.end < wake)
				wake = job->runner.end;
			wait_until(wake);
		}
	} while (!stopped && looks != job->count);
	runner_stop(&job->runner);
	marks_free(&job->marks);
	snapshot_free(&seen.snap);
	if (!status && job->once && seen.crossed)
		return EXIT_CROSSED;
	return !status && job->once && seen.unread ? EXIT_FAILED : status;
}

int watch_main(int argc, char **argv)
{
	enum { OPT_LOOP_MS = 256 };
	static const struct option options[] = {
		{ "above", required_argument, NULL, 'a' },
		{ "growing", required_argument, NULL, 'g' },
		{ "for", required_argument, NULL, 'f' },
		{ "memory", required_argument, NULL, 'm' },
		{ "id", required_argument, NULL, 'i' },
		{ "loop", required_argument, NULL, 'l' },
		{ "loop-ms", required_argument, NULL, OPT_LOOP_MS },
		{ "count", required_argument, NULL, 'c' },
		{ "once", no_argument, NULL, '1' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct job job = {
		.seconds = 1,
		.runner.limit = 60000000,
		.marks.memories = 1u << TTMEM_DRAM,
		.want.silent = true,
	};
	int opt, status = EXIT_OK;
	double timeout;

	/* With +, the options behind the command's name are the command's. */
	while ((opt = getopt_long(argc, argv, "+a:g:f:m:i:l:c:1t:h", options,
				  NULL)) != -1) {
		switch (opt) {
		case 'a':
			add_line(&job, false, optarg);
			break;
		case 'g':
			add_line(&job, true, optarg);
			break;
		case 'f':
			set_hold(&job, optarg);
			break;
		case 'm':
			set_memories(&job, optarg);
			break;
		case 'i':
			job.want.cards = optarg;
			break;
		case 'l':
			job.seconds = parse_loop(argc, argv);
			break;
		case OPT_LOOP_MS:
			job.seconds = parse_seconds(optarg, 0.001);
			break;
		case 'c':
			if (!ttmem__number(optarg, UINT32_MAX, &job.count) ||
			    !job.count)
				wrong("-c %s: not a number from 1 on", optarg);
			break;
		case '1':
			job.once = true;
			break;
		case 't':
			if (!parse_span(optarg, &timeout))
				wrong("--timeout %s: not a time of up to a year, as 90, 90s, 15m, 2h or 1d",
				      optarg);
			job.runner.limit = (int64_t)(timeout * 1e6);
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
		default:
			fputs("ttmem-smi: ttmem-smi watch --help tells more\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	check(&job);
	if (optind < argc) {
		job.runner.command = argv + optind;
		status = runner_check(argv[optind]);
	}
	return status ? status : watch(&job);
}
