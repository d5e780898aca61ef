// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi top: the arguments, the terminal and the clock. Signals are let in only
 * while it waits, so what they do is done in one place and nothing is half drawn.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/base.h"
#include "clean.h"
#include "look/look.h"
#include "top/draw.h"
#include "top/keys.h"
#include "top/model.h"
#include "top/read.h"
#include "top/top.h"
#include "top/ui.h"

#define DELAY_DEFAULT	1.0
#define DELAY_MIN	0.1
#define DELAY_MAX	3600.0

/* A long list is read at most this part of the time. */
#define HELD_SHARE	0.05

static const char usage[] =
	"Usage: ttmem-smi top [-d SECONDS] [-i CARD,...] [-p PID,...] [--ascii]\n"
	"                     [--read-only]\n"
	"Watch cards and processes on the whole terminal.\n"
	"\n"
	"  -d, --delay=SECONDS  look every so many seconds, from 0.1 on (1)\n"
	"  -i, --id=CARD,...    only these: numbers, bus ids, UUIDs, serials or boards\n"
	"  -p, --pid=PID,...    only these processes\n"
	"      --ascii          draw with ASCII, also where the terminal has more\n"
	"      --read-only      send no signals to processes\n"
	"  -h, --help           this text\n"
	"\n"
	"Keys: h explains all of them, q quits. NO_COLOR in the environment is heeded.\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi top -i n300 -d 0.5\n"
	"  ttmem-smi top -p $(pidof -s python3)\n";

static volatile sig_atomic_t ended, stopped, resized;
static sigset_t waiting;	/* signals that are held back while it waits */
static bool screen;

/*
 * What reads is a thread, as it may wait for the kernel as long as that likes: keys and
 * signals are taken meanwhile. One job at a time, and nobody else touches what it does.
 */
static struct {
	void (*work)(struct top *top, struct ui *ui, double now);
	struct top *top;
	struct ui *ui;
	double now;
	int done;		/* an eventfd */
} job = { .done = -1 };

/* Keys that came meanwhile, in their order; more than so many are dropped. */
#define KEYS		64
static int early[KEYS];
static size_t early_count;

static void on_signal(int number)
{
	if (number == SIGTSTP)
		stopped = 1;
	else if (number == SIGWINCH)
		resized = 1;
	else if (number != SIGCONT)
		ended = number;
}

/* Give the terminal back; also where out_of_memory() ends the program. */
static void end_screen(void)
{
	if (screen)
		endwin();
	screen = false;
}

static void catch_signals(void)
{
	static const int signals[] = {
		SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH,
		/* What else would end it, with the terminal as it is. */
		SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO,
		SIGPWR, SIGXCPU,
	};
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&held, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &waiting);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(&waiting, signals[i]);
}

static int __attribute__((format(printf, 2, 3)))
fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi top: ", stderr);
	clean_vprint(stderr, format, args);
	fputs(status == EXIT_USAGE ? ". ttmem-smi top --help tells more\n" :
				     "\n", stderr);
	va_end(args);
	return status;
}

/* Stop as any program does on Ctrl-Z, and come back. */
static void suspend(void)
{
	stopped = 0;
	endwin();
	raise(SIGSTOP);
	resized = 1;	/* nobody told of it meanwhile */
	clearok(curscr, TRUE);
}

static void resize(void)
{
	struct winsize size;

	resized = 0;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row &&
	    size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
}

static void read_held(struct top *top, struct ui *ui, double now)
{
	double *next = &ui->next_held;
	const struct top_process *p;
	struct held_list list;
	double took;
	size_t i;

	for (i = 0; i < top->processes; i++) {
		const struct top_key *key = &top->process[i]->key;

		if (key->pid == ui->held_key.pid &&
		    key->card == ui->held_key.card &&
		    key->client == ui->held_key.client)
			break;
	}
	ui->held_gone = i == top->processes;
	if (ui->held_gone)
		return;
	p = top->process[i];
	ui->held_reports = p->reports;
	memcpy(ui->held_bytes, p->bytes, sizeof(ui->held_bytes));
	memcpy(ui->held_peak, p->peak, sizeof(ui->held_peak));
	ui->held_attributed = p->attributed;
	top_read_held(top, &ui->held_key, &list);
	held_free(&ui->held);
	ui->held = list;
	took = seconds() - now;
	*next = now + (took / HELD_SHARE > ui->delay ? took / HELD_SHARE : 0);
}

/* Look at everything that is shown. */
static void look(struct top *top, struct ui *ui, double now)
{
	top_read(top, now);
	arrange(top, ui);
	top_read_host(top, ui->first, ui->layout.table_rows, now);
	if (top->sort == SORT_CPU || top->sort == SORT_MEMORY)
		arrange(top, ui);
}

/* Wait for a key, a signal or the time. Return false if the terminal is gone. */
static bool wait_until(double until)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	double left = until - seconds();
	struct timespec time = { 0 };

	if (left > 0) {
		time.tv_sec = left;
		time.tv_nsec = (left - time.tv_sec) * 1e9;
	}
	if (ppoll(&fd, 1, &time, &waiting) <= 0)
		return true;
	return !(fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void *do_job(void *arg)
{
	uint64_t one = 1;

	(void)arg;
	job.work(job.top, job.ui, job.now);
	if (write(job.done, &one, sizeof(one)) != sizeof(one))
		abort();
	return NULL;
}

/*
 * Have a thread do something, and wait for it. Return false if top is to end, be it
 * done or not; then nobody may touch what it does any more.
 */
static bool do_meanwhile(void (*work)(struct top *top, struct ui *ui, double now),
			 struct top *top, struct ui *ui, double now)
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO }, { .fd = job.done } };
	pthread_t thread;
	uint64_t done;
	int key, ret;

	job.work = work;
	job.top = top;
	job.ui = ui;
	job.now = now;
	ret = pthread_create(&thread, NULL, do_job, NULL);
	if (ret) {
		tell(ui, "Nothing can be read, for lack of a thread: %s", strerror(ret));
		return true;
	}
	for (;;) {
		fds[0].events = POLLIN;
		fds[1].events = POLLIN;
		if (ppoll(fds, 2, NULL, &waiting) < 0) {
			fds[0].revents = 0;
			fds[1].revents = 0;
		}
		if (fds[1].revents)
			break;
		if (ended || fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return false;
		if (stopped)
			suspend();
		while ((key = getch()) != ERR) {
			if (quits(ui, key))
				return false;
			if (early_count < KEYS)
				early[early_count++] = key;
		}
	}
	if (read(job.done, &done, sizeof(done)) != sizeof(done))
		abort();
	pthread_join(thread, NULL);
	return true;
}

/* The next key, ERR if there is none. */
static int next_key(void)
{
	int key;

	if (!early_count)
		return getch();
	key = early[0];
	memmove(early, early + 1, --early_count * sizeof(early[0]));
	return key;
}

/* Return whether all that a read touches may be freed. */
static bool run(struct top *top, struct ui *ui)
{
	double next = seconds();
	bool go_on = true;

	while (go_on && !ended) {
		double now = seconds();
		int key;

		if (!ui->paused && now >= next) {
			if (!do_meanwhile(look, top, ui, now))
				return false;
			next += ui->delay;
			if (next < now)
				next = now + ui->delay;
		}
		if (ui->view != VIEW_HELD)
			ui->next_held = 0;
		else if ((!ui->paused || !ui->next_held) && now >= ui->next_held &&
			 !do_meanwhile(read_held, top, ui, now))
			return false;
		if (*ui->message && now >= ui->message_end)
			ui->message[0] = '\0';
		draw(top, ui);

		if (!early_count &&
		    !wait_until(ui->paused ? now + MESSAGE_TIME : next))
			break;
		if (stopped)
			suspend();
		if (resized)
			resize();
		while (go_on && (key = next_key()) != ERR) {
			go_on = take_key(top, ui, key);
			arrange(top, ui);
		}
		if (next > seconds() + ui->delay)
			next = seconds() + ui->delay;
	}
	return true;
}

static bool begin_screen(struct ui *ui)
{
	set_escdelay(25);
	if (!newterm(NULL, stdout, stdin))
		return false;
	/* One that cannot move the cursor would only fill lines with control characters. */
	if (!tigetstr("cup")) {
		endwin();
		return false;
	}
	screen = true;
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	draw_begin(ui);
	return true;
}

static bool number(const char *text, double min, double max, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return end != text && !*end && !errno && *value >= min && *value <= max;
}

/* Keep the numbers of -p, which are known to be some. */
static bool keep_pids(struct top *top)
{
	const char *text = top->want.pids;

	for (; text; text = strchr(text, ',')) {
		text += *text == ',';
		if (top->only_count == ONLY_MAX)
			return false;
		top->only[top->only_count++] = strtol(text, NULL, 10);
	}
	return true;
}

static int take_options(struct top *top, struct ui *ui, int argc, char **argv,
			bool *done)
{
	enum { OPT_ASCII = 256, OPT_READ_ONLY };
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "id", required_argument, NULL, 'i' },
		{ "pid", required_argument, NULL, 'p' },
		{ "ascii", no_argument, NULL, OPT_ASCII },
		{ "read-only", no_argument, NULL, OPT_READ_ONLY },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	char why[512];
	int opt;

	*done = true;
	while ((opt = getopt_long(argc, argv, "d:i:p:h", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			if (!number(optarg, DELAY_MIN, DELAY_MAX, &ui->delay))
				return fail(EXIT_USAGE,
					    "-d %s: not a number of seconds from %.1f to %.0f",
					    optarg, DELAY_MIN, DELAY_MAX);
			break;
		case 'i':
			top->want.cards = optarg;
			break;
		case 'p':
			top->want.pids = optarg;
			break;
		case OPT_ASCII:
			ui->utf8 = false;
			break;
		case OPT_READ_ONLY:
			ui->read_only = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
		default:
			fputs("ttmem-smi top: ttmem-smi top --help tells more\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return fail(EXIT_USAGE, "'%s' is one argument too many",
			    argv[optind]);
	if (!want_check(&top->want, why, sizeof(why)))
		return fail(EXIT_USAGE, "%s", why);
	if (!keep_pids(top))
		return fail(EXIT_USAGE, "-p %s: at most %d processes",
			    top->want.pids, ONLY_MAX);
	*done = false;
	return 0;
}

int top_main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct ui ui = { .delay = DELAY_DEFAULT };
	struct top top = { 0 };
	bool done, at_rest;
	int status;

	setlocale(LC_CTYPE, "");
	/* The kernel's own console has not the characters for graphs. */
	ui.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8") &&
		  !(term && !strcmp(term, "linux"));
	ui.colour = !(no_color && *no_color);
	status = take_options(&top, &ui, argc, argv, &done);
	if (done)
		return status;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(EXIT_FAILED, "input and output must be a terminal. For a file use ttmem-smi -l or --json");
	/* What is missing at first is told as by ttmem-smi, later on the screen. */
	status = top_read(&top, seconds());
	if (status) {
		fail(status, "%s", top.problem);
		top_free(&top);
		return status;
	}
	job.done = eventfd(0, EFD_CLOEXEC);
	if (job.done < 0)
		return fail(EXIT_FAILED, "%s", strerror(errno));
	catch_signals();
	atexit(end_screen);
	if (!begin_screen(&ui)) {
		top_free(&top);
		return fail(EXIT_FAILED, "cannot draw on this terminal: TERM is '%s', which is not known here or cannot move its cursor",
			    term ? term : "");
	}

	at_rest = run(&top, &ui);
	end_screen();
	if (at_rest) {
		held_free(&ui.held);
		top_free(&top);
	}
	if (ended) {
		/* End by it, as the shell expects. */
		signal(ended, SIG_DFL);
		sigprocmask(SIG_SETMASK, &waiting, NULL);
		raise(ended);
	}
	/* A thread that still reads would be waited for by exit(), by some of its hooks. */
	if (!at_rest)
		_exit(0);
	return 0;
}
