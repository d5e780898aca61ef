// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi top: the terminal, the keys and the clock. Signals are let in only
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
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clean.h"
#include "top.h"

#define DELAY_DEFAULT	1.0
#define DELAY_MIN	0.1
#define DELAY_MAX	3600.0

/* How long a message stays, in seconds. */
#define MESSAGE_TIME	5.0

/* A long list is read at most this part of the time. */
#define HELD_SHARE	0.05

#define KEY_ESCAPE	27
#define KEY_CTRL(c)	((c) & 0x1f)

static const char usage[] =
	"Usage: ttmem-smi top [-d SECONDS] [-i CARD,...] [-p PID,...] [--ascii]\n"
	"                     [--read-only]\n"
	"Watch cards and processes on the whole terminal.\n"
	"\n"
	"  -d, --delay=SECONDS  look every so many seconds, from 0.1 on (1)\n"
	"  -i, --id=CARD,...    only these: numbers, bus ids or boards\n"
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

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
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

static void __attribute__((format(printf, 2, 3)))
tell(struct ui *ui, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ui->message, sizeof(ui->message), format, args);
	va_end(args);
	ui->message_end = seconds() + MESSAGE_TIME;
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

static const struct top_process *chosen(const struct top *top,
					const struct ui *ui)
{
	return ui->at < top->shown_count ? top->shown[ui->at] : NULL;
}

/* The processes have moved: the chosen one stays chosen, if it is there. */
static void keep_chosen(const struct top *top, struct ui *ui)
{
	size_t at;

	if (!ui->follow)
		return;
	at = top_find(top, &ui->chosen);
	if (at < top->shown_count) {
		ui->at = at;
		return;
	}
	/* It has ended: the next one takes its line. */
	if (ui->at >= top->shown_count && top->shown_count)
		ui->at = top->shown_count - 1;
	if (chosen(top, ui))
		ui->chosen = chosen(top, ui)->key;
}

static void arrange(struct top *top, struct ui *ui)
{
	top_arrange(top);
	keep_chosen(top, ui);
}

static void choose(const struct top *top, struct ui *ui, long move)
{
	long at = (long)ui->at + move, last = (long)top->shown_count - 1;

	if (at > last)
		at = last;
	if (at < 0)
		at = 0;
	ui->at = at;
	ui->follow = chosen(top, ui);
	if (ui->follow)
		ui->chosen = chosen(top, ui)->key;
}

/* "1234 (alice) python3 serve.py" */
static void name_chosen(const struct top *top, struct ui *ui)
{
	const struct top_process *p = chosen(top, ui);
	char pid[16] = "-";

	if (p->key.pid)
		snprintf(pid, sizeof(pid), "%d", p->key.pid);
	snprintf(ui->who, sizeof(ui->who), "%s (%s) %s", pid,
		 p->user ? p->user : "-", p->command ? p->command : "-");
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
	memcpy(ui->held_peak, p->peak, sizeof(ui->held_peak));
	ui->held_attributed = p->attributed;
	top_read_held(top, &ui->held_key, &list);
	held_free(&ui->held);
	ui->held = list;
	took = seconds() - now;
	*next = now + (took / HELD_SHARE > ui->delay ? took / HELD_SHARE : 0);
}

/* Hold on to the process, so that no other one gets the signal. */
static void ask_kill(const struct top *top, struct ui *ui)
{
	const struct top_process *p = chosen(top, ui);
	struct host_stat stat;

	if (ui->read_only) {
		tell(ui, "No process is ended from here: top was started with --read-only");
		return;
	}
	if (!p)
		return;
	if (!p->key.pid) {
		tell(ui, "This process cannot be seen from here: end it where it runs");
		return;
	}
	ui->pidfd = syscall(SYS_pidfd_open, p->key.pid, 0);
	if (ui->pidfd < 0) {
		tell(ui, errno == ESRCH ? "Process %d has ended" :
			 "Process %d cannot be ended from here", p->key.pid);
		return;
	}
	if (p->has_host && (!read_host_stat(p->key.pid, &stat) ||
			    stat.start != p->host.start)) {
		tell(ui, "Process %d has ended", p->key.pid);
		close(ui->pidfd);
		return;
	}
	name_chosen(top, ui);
	ui->choice = 0;
	ui->ask = ASK_KILL;
}

static void send_signal(struct ui *ui)
{
	int number = ui->choice ? SIGKILL : SIGTERM;
	const char *name = ui->choice ? "SIGKILL" : "SIGTERM";

	if (!syscall(SYS_pidfd_send_signal, ui->pidfd, number, NULL, 0))
		tell(ui, "%s was sent to %s", name, ui->who);
	else if (errno == EPERM)
		tell(ui, "Not permitted: only its user and root may end %s",
		     ui->who);
	else if (errno == ESRCH)
		tell(ui, "It had ended already: %s", ui->who);
	else
		tell(ui, "%s could not be sent to %s: %s", name, ui->who,
		     strerror(errno));
}

static void key_kill(struct ui *ui, int key)
{
	switch (key) {
	case KEY_UP:
	case KEY_DOWN:
	case '\t':
		ui->choice = !ui->choice;
		return;
	case '\n':
	case '\r':
	case KEY_ENTER:
		send_signal(ui);
		break;
	case KEY_ESCAPE:
	case 'q':
	case 'n':
	case KEY_F(10):
		break;
	default:
		return;
	}
	close(ui->pidfd);
	ui->ask = ASK_NOTHING;
}

static void key_sort(struct top *top, struct ui *ui, int key)
{
	switch (key) {
	case KEY_UP:
		ui->choice = (ui->choice + SORTS - 1) % SORTS;
		return;
	case KEY_DOWN:
		ui->choice = (ui->choice + 1) % SORTS;
		return;
	case '\n':
	case '\r':
	case KEY_ENTER:
		top->sort = ui->choice;
		top->reverse = false;
		break;
	case KEY_ESCAPE:
	case 'q':
	case KEY_F(10):
		break;
	default:
		return;
	}
	ui->ask = ASK_NOTHING;
}

static void key_filter(struct top *top, struct ui *ui, int key)
{
	size_t len = strlen(top->filter);

	if (key == KEY_ESCAPE) {
		top->filter[0] = '\0';
		ui->ask = ASK_NOTHING;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		ui->ask = ASK_NOTHING;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		/* A character of UTF-8 goes as a whole. */
		while (len && (top->filter[len - 1] & 0xc0) == 0x80)
			len--;
		top->filter[len ? len - 1 : 0] = '\0';
	} else if (key == KEY_CTRL('u')) {
		top->filter[0] = '\0';
	} else if (key >= ' ' && key < 256 && len + 1 < sizeof(top->filter)) {
		top->filter[len] = key;
		top->filter[len + 1] = '\0';
	}
}

static void scroll_by(size_t *first, long lines)
{
	*first = lines < 0 && *first < (size_t)-lines ? 0 : *first + lines;
}

/* Lines that a key moves by, 0 if it does not. */
static long moves(int key, long page)
{
	switch (key) {
	case KEY_UP:
		return -1;
	case KEY_DOWN:
		return 1;
	case KEY_PPAGE:
		return -page;
	case KEY_NPAGE:
		return page;
	case KEY_HOME:
		return -INT32_MAX;
	case KEY_END:
		return INT32_MAX;
	default:
		return 0;
	}
}

static void leave_view(struct ui *ui)
{
	ui->view = VIEW_PROCESSES;
	held_free(&ui->held);
}

static void change_delay(struct ui *ui, bool longer)
{
	static const double steps[] = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60 };
	size_t count = sizeof(steps) / sizeof(steps[0]), i;

	if (longer) {
		for (i = 0; i < count - 1 && steps[i] <= ui->delay; i++)
			;
		if (steps[i] > ui->delay)
			ui->delay = steps[i];
	} else {
		for (i = count - 1; i && steps[i] >= ui->delay; i--)
			;
		if (steps[i] < ui->delay)
			ui->delay = steps[i];
	}
}

static void sort_by(struct top *top, enum top_sort sort)
{
	top->reverse = top->sort == sort && !top->reverse;
	top->sort = sort;
}

/* Keys of the cards and the processes. */
static void key_processes(struct top *top, struct ui *ui, int key)
{
	long move = moves(key, ui->layout.table_rows);

	if (move && ui->on_cards) {
		long to = ui->first_meter + moves(key, ui->layout.meter_rows);

		ui->first_meter = to < 0 ? 0 : to > INT16_MAX ? INT16_MAX : to;
		return;
	}
	if (key == KEY_HOME) {
		ui->at = 0;
		ui->follow = false;
		return;
	}
	if (move) {
		choose(top, ui, move);
		return;
	}
	switch (key) {
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (!chosen(top, ui))
			break;
		name_chosen(top, ui);
		ui->held_key = chosen(top, ui)->key;
		ui->first_held = 0;
		ui->view = VIEW_HELD;
		break;
	case 'k':
	case KEY_F(9):
		ask_kill(top, ui);
		break;
	case 's':
	case KEY_F(6):
		ui->choice = top->sort;
		ui->ask = ASK_SORT;
		break;
	case '/':
	case '\\':
	case KEY_F(4):
		ui->ask = ASK_FILTER;
		break;
	case KEY_ESCAPE:
		top->filter[0] = '\0';
		ui->on_cards = false;
		ui->follow = false;
		break;
	case '<':
		top->sort = (top->sort + SORTS - 1) % SORTS;
		break;
	case '>':
		top->sort = (top->sort + 1) % SORTS;
		break;
	case 'D':
		sort_by(top, SORT_DRAM);
		break;
	case 'L':
		sort_by(top, SORT_L1);
		break;
	case 'P':
		sort_by(top, SORT_CPU);
		break;
	case 'M':
		sort_by(top, SORT_MEMORY);
		break;
	case 'N':
		sort_by(top, SORT_PID);
		break;
	case 'r':
	case 'I':
		top->reverse = !top->reverse;
		break;
	case 'c':
		ui->collapsed = !ui->collapsed;
		break;
	case '\t':
		ui->on_cards = !ui->on_cards;
		break;
	case '+':
	case '-':
		change_delay(ui, key == '+');
		break;
	default:
		break;
	}
}

/* Whether a key ends top. */
static bool quits(const struct ui *ui, int key)
{
	return ui->ask == ASK_NOTHING &&
	       (key == KEY_F(10) || (key == 'q' && ui->view != VIEW_HELD));
}

/* Return whether to go on. */
static bool take_key(struct top *top, struct ui *ui, int key)
{
	ui->message[0] = '\0';
	if (key == KEY_CTRL('l')) {
		clearok(curscr, TRUE);
		return true;
	}
	switch (ui->ask) {
	case ASK_KILL:
		key_kill(ui, key);
		return true;
	case ASK_SORT:
		key_sort(top, ui, key);
		return true;
	case ASK_FILTER:
		key_filter(top, ui, key);
		return true;
	default:
		break;
	}
	if (quits(ui, key))
		return false;
	if (key == 'p' || key == ' ') {
		ui->paused = !ui->paused;
		return true;
	}
	if (key == 'h' || key == '?' || key == KEY_F(1)) {
		ui->first_help = 0;
		ui->view = VIEW_HELP;
		return true;
	}
	if (ui->view == VIEW_PROCESSES) {
		key_processes(top, ui, key);
		return true;
	}
	if (key == KEY_ESCAPE || key == 'q' || key == '\n' || key == '\r' ||
	    key == KEY_ENTER)
		leave_view(ui);
	scroll_by(ui->view == VIEW_HELD ? &ui->first_held : &ui->first_help,
		  moves(key, ui->layout.rows - 4));
	return true;
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
	/* Without moving the cursor, as dumb ones, it would only fill the lines with rubbish. */
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
		return fail(EXIT_FAILED, "it takes a terminal. For a file use ttmem-smi -l or --json");
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
