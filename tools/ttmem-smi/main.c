// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi: the Tenstorrent cards of this machine, what of their memory is
 * used, and by whom. Options are nvidia-smi's where that has one for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look/accounted.h"
#include "clean.h"
#include "smi.h"
#include "words.h"

static const char help[] =
	"Usage: ttmem-smi [OPTION...]\n"
	"       ttmem-smi dmon|pmon [OPTION...]\n"
	"       ttmem-smi top [OPTION...]\n"
	"       ttmem-smi record|report|watch|doctor --help\n"
	"Show the Tenstorrent cards of this machine, what of their memory is used, and\n"
	"by whom.\n"
	"\n"
	"What to show, instead of the table:\n"
	"  -L, --list-cards       a line for each card, with its UUID; also --list-gpus\n"
	"  -q, --query            all that is known of each card, in words\n"
	"  -d, --display=LIST     with -q: only MEMORY, TEMPERATURE, POWER, CLOCK, PIDS;\n"
	"                         ACCOUNTING: what has ended, see --query-accounted-apps\n"
	"                         nvidia-smi's other sections are N/A\n"
	"  -x, --xml-format       with -q: as XML, with nvidia-smi's elements\n"
	"      --query-card=LIST  these fields of each card, as CSV; also --query-gpu\n"
	"      --query-chip=LIST  of each chip\n"
	"      --query-compute-apps=LIST\n"
	"                         of each process\n"
	"      --query-accounted-apps=LIST\n"
	"                         of each client that has ended, as ttmem-account has\n"
	"                         written it down\n"
	"      --by=WHAT          with that: added up by cgroup, job or user\n"
	"      --accounting-mode[=0|1]\n"
	"                         whether ttmem-account is running; also -am\n"
	"      --format=csv[,noheader][,nounits][,bytes]\n"
	"                         how CSV is written; bytes: exactly, in place of MiB\n"
	"      --help-query       explain all fields; those of one query:\n"
	"                         --help-query-card, --help-query-gpu,\n"
	"                         --help-query-chip, --help-query-compute-apps,\n"
	"                         --help-query-accounted-apps\n"
	"      --json             exact bytes as JSON; with -l a document a line\n"
	"      --reservations=PID what a process has reserved: address, size, memory,\n"
	"                         tag and label; with --format=csv exactly\n"
	"  dmon                   a line for each chip, every second\n"
	"  pmon                   a line for each process, every second\n"
	"  top                    cards and processes on the whole terminal; see\n"
	"                         ttmem-smi top --help\n"
	"  record                 samples into a file; has a --help of its own\n"
	"  report                 peaks, means and a picture of such a file; likewise\n"
	"  watch                  prints or runs something when memory gets scarce; likewise\n"
	"  doctor                 whether all that ttmem needs is there, and how to mend it\n"
	"\n"
	"Which, how often, and where to:\n"
	"  -i, --id=CARD,...      only these: numbers, bus ids, boards, serial numbers or\n"
	"                         UUIDs, or all\n"
	"  -p, --pid=PID,...      only these processes\n"
	"  -u, --user=USER,...    only processes of these users, by name or number\n"
	"      --sort=KEY         processes by card, pid, user, command, dram, l1 or\n"
	"                         reservations; -KEY largest first, +KEY smallest first\n"
	"  -l, --loop=SECONDS     again every so many seconds, also 0.5, until Ctrl-C;\n"
	"                         -l alone every 5\n"
	"      --loop-ms=MS       again every so many milliseconds; also -lms MS\n"
	"  -c, --count=N          end after N times\n"
	"  -f, --filename=FILE    write to a file\n"
	"      --ascii            draw with ASCII, also where the terminal has more\n"
	"      --color=WHEN       auto, always or never; NO_COLOR is heeded\n"
	"\n"
	"With dmon and pmon:\n"
	"  -d, --delay=SECONDS    in place of every second\n"
	"  -s, --select=GROUPS    columns: p power and temperature, c clock, m memory,\n"
	"                         r reservations; pmon has m and r. nvidia-smi's come\n"
	"                         first, in its order; u, v, e and t are all -\n"
	"  -o, --options=DT       D: with the date, T: with the time\n"
	"\n"
	"What root may change, of the cards of -i:\n"
	"      --set-capacity=MEMORY=SIZE,...\n"
	"                         what a chip has, as dram=12G,l1=90M; 0: not known\n"
	"      --reset-peaks      let the peaks start again\n"
	"      --invalidate       after a reset: all books of the card to 0\n"
	"      --chip=K           only this chip\n"
	"  -y, --yes              do not ask\n"
	"\n"
	"  -h, --help             this text\n"
	"  -V, --version          versions of this program, ttmem and TT-KMD\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi -i n300 -l 1\n"
	"  ttmem-smi --query-gpu=index,name,memory.used,memory.total --format=csv\n"
	"  ttmem-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits\n"
	"  ttmem-smi --json | jq '.processes[] | select(.dram > 1000000000)'\n"
	"  ttmem-smi pmon -s m -d 5 -o T\n"
	"  sudo ttmem-smi -i 0 --invalidate\n"
	"\n"
	"Exit status: 0; 1 failed; 2 wrong argument; 3 nvidia-smi's, not done here; 4 not\n"
	"permitted; 6 no such card or process; 9 TT-KMD or ttmem is not loaded.\n";

enum mode {
	MODE_TABLE, MODE_LIST, MODE_ALL, MODE_QUERY, MODE_JSON, MODE_DMON,
	MODE_PMON, MODE_RESERVATIONS, MODE_CHANGE, MODE_HELP_QUERY,
	MODE_ACCOUNTED, MODE_ACCOUNTING,
};

/* What is to be done. */
struct job {
	enum mode mode;
	const char *mode_name;	/* as typed */
	enum query query;
	bool xml;		/* of -q */
	bool all_queries;	/* of --help-query */
	const char *fields;
	const char *by;
	enum accounted_by accounted_by;
	const char *accounting;	/* of --accounting-mode */
	const char *display;	/* -d: of -q, or the delay of dmon and pmon */
	unsigned int parts;
	const char *format;
	struct csv csv;
	const char *colour;
	bool ascii;
	struct monitor monitor;
	struct want want;
	uint64_t pid;
	struct change_args change;
	const char *chip;
	double seconds;
	uint64_t count;		/* 0: for ever, with @seconds */
	const char *file;
	int fd;
	struct style style;
};

static volatile sig_atomic_t stopped;

/* What is being written is finished; a second signal ends at once. */
static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void print(FILE *out, const struct snapshot *snap, const struct job *job,
		  bool first)
{
	bool loop = job->seconds > 0;

	switch (job->mode) {
	case MODE_LIST:
		print_list(out, snap);
		break;
	case MODE_ALL:
		if (job->xml)
			print_xml(out, snap);
		else
			print_all(out, snap, job->parts);
		break;
	case MODE_QUERY:
		print_query(out, snap, job->query, job->fields, &job->csv,
			    first);
		break;
	case MODE_JSON:
		print_json(out, snap, loop);
		break;
	case MODE_DMON:
	case MODE_PMON:
		print_monitor(out, snap, job->mode == MODE_PMON, &job->monitor,
			      &job->style);
		break;
	default:
		print_table(out, snap, &job->style);
		if (loop)
			fputc('\n', out);
	}
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
	while (!stopped &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL))
		;
}

/* Look, print, and again. */
static int run(const struct job *job)
{
	char before[sizeof(((struct snapshot *)0)->why)] = "";
	struct timespec next;
	uint64_t times = 0;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		struct snapshot snap;
		struct paper paper;
		bool ok = true;

		status = snapshot_take(&snap, &job->want);
		/* Who watches sees it come back: told once, goes on. */
		if (*snap.why && strcmp(snap.why, before))
			say("%s", snap.why);
		strcpy(before, snap.why);
		if (snap.cards) {
			paper_open(&paper);
			print(paper.out, &snap, job, !times);
			ok = paper_send(&paper, job->fd);
		} else if (!times) {
			ok = false;
		}
		snapshot_free(&snap);
		if (!ok)
			return status ? status : EXIT_FAILED;
		times++;
		if (!(job->seconds > 0) || (job->count && times == job->count))
			return status;
		if (!stopped)
			wait_for_next(&next, job->seconds);
		if (stopped)
			return EXIT_OK;
	}
}

/* What is done once, with a status of its own. */
static int run_once(const struct job *job)
{
	struct paper paper;
	int status = EXIT_OK;

	paper_open(&paper);
	switch (job->mode) {
	case MODE_RESERVATIONS:
		status = print_reservations(paper.out, &job->want, job->pid,
					    job->format ? &job->csv : NULL);
		break;
	case MODE_CHANGE:
		status = change_cards(paper.out, &job->want, &job->change);
		break;
	case MODE_ACCOUNTED:
		status = print_accounts(paper.out, &job->want, job->accounted_by, job->fields,
					&job->csv);
		break;
	case MODE_ACCOUNTING:
		status = print_accounting_mode(paper.out, job->accounting);
		break;
	default:
		print_query_help(paper.out, job->query);
		if (job->all_queries) {
			fputc('\n', paper.out);
			print_query_help(paper.out, QUERY_PROCESSES);
			fputc('\n', paper.out);
			print_query_help(paper.out, QUERY_ACCOUNTED);
		}
	}
	if (!paper_send(&paper, job->fd))
		return EXIT_FAILED;
	return status;
}

/* What nvidia-smi does and ttmem-smi does not. */
static void __attribute__((noreturn)) refuse(const char *word)
{
	fprintf(stderr, "ttmem-smi: %s: %s\n", word, refusal(word));
	exit(EXIT_NOT_DONE);
}

static void set_mode(struct job *job, enum mode mode, const char *name)
{
	if (job->mode_name && (job->mode != mode || mode != MODE_ALL))
		wrong_usage("%s and %s do not go together", job->mode_name, name);
	job->mode = mode;
	job->mode_name = name;
}

static void set_query(struct job *job, enum query query, const char *name,
		      const char *fields)
{
	set_mode(job, MODE_QUERY, name);
	job->query = query;
	job->fields = fields;
}

static void set_help_query(struct job *job, enum query query, const char *name)
{
	set_mode(job, MODE_HELP_QUERY, name);
	job->query = query;
}

static void set_change(struct job *job, enum change_kind kind, const char *name)
{
	set_mode(job, MODE_CHANGE, name);
	job->change.kind = kind;
}

static uint64_t parse_number(const char *option, const char *text,
			     uint64_t min, uint64_t max)
{
	uint64_t n;

	if (!ttmem__number(text, max, &n) || n < min)
		wrong_usage("%s %s: not a number from %llu to %llu", option, text,
			    (unsigned long long)min, (unsigned long long)max);
	return n;
}

static void parse_format(struct job *job)
{
	const char *text = job->format;
	bool csv = false;
	size_t len;

	job->csv.header = true;
	job->csv.units = true;
	for (; text; text = text[len] ? text + len + 1 : NULL) {
		len = strcspn(text, ",");
		if (len == 3 && !memcmp(text, "csv", len))
			csv = true;
		else if (len == 8 && !memcmp(text, "noheader", len))
			job->csv.header = false;
		else if (len == 7 && !memcmp(text, "nounits", len))
			job->csv.units = false;
		else if (len == 5 && !memcmp(text, "bytes", len))
			job->csv.bytes = true;
		else
			wrong_usage("--format %s: its words are csv, noheader, nounits and bytes, not '%.*s'",
				    job->format, (int)len, text);
	}
	if (job->format && !csv)
		wrong_usage("--format %s: it begins with csv", job->format);
}

static void parse_options(struct job *job, const char *text)
{
	for (; *text; text++) {
		if (*text == 'D')
			job->monitor.date = true;
		else if (*text == 'T')
			job->monitor.time = true;
		else
			wrong_usage("-o %c: D is for the date, T for the time", *text);
	}
}

/* What goes only with some of the modes. */
static void check_modes(struct job *job)
{
	bool monitor = job->mode == MODE_DMON || job->mode == MODE_PMON;
	bool once = job->mode >= MODE_RESERVATIONS;
	const char *name = job->mode_name ? job->mode_name : "the table";

	if (job->format && job->mode != MODE_QUERY &&
	    job->mode != MODE_RESERVATIONS && job->mode != MODE_ACCOUNTED)
		wrong_usage("--format is for --query-card and the like, and for --reservations");
	if (job->display && !monitor && job->mode != MODE_ALL)
		wrong_usage("-d is for -q, dmon and pmon");
	if (job->xml && job->display)
		wrong_usage("-x is always of all sections: there is no -d with it");
	if ((job->monitor.groups || job->monitor.date || job->monitor.time) &&
	    !monitor)
		wrong_usage("-s and -o are for dmon and pmon");
	if (once && job->seconds > 0)
		wrong_usage("%s is done once: there is no -l with it", name);
	if (job->count && !monitor && !(job->seconds > 0))
		wrong_usage("-c takes -l, dmon or pmon");
	if (job->change.yes && job->mode != MODE_CHANGE)
		wrong_usage("--yes is for what root may change");
	if (job->chip && (job->mode != MODE_CHANGE ||
			  job->change.kind == CHANGE_INVALIDATE))
		wrong_usage("--chip is for --set-capacity and --reset-peaks");
	if (job->by && job->mode != MODE_ACCOUNTED)
		wrong_usage("--by is for --query-accounted-apps");
	if (job->by && !accounted_by(job->by, &job->accounted_by))
		wrong_usage("--by %s: it is cgroup, job or user", job->by);
	if (job->accounting && strcmp(job->accounting, "0") && strcmp(job->accounting, "1") &&
	    !ttmem__same(job->accounting, "DISABLED", SIZE_MAX) &&
	    !ttmem__same(job->accounting, "ENABLED", SIZE_MAX))
		wrong_usage("--accounting-mode %s: it is 0 or DISABLED, or 1 or ENABLED",
			    job->accounting);
	if (job->want.sort && (job->mode == MODE_ACCOUNTED || job->mode == MODE_ACCOUNTING))
		wrong_usage("%s has an order of its own: there is no --sort with it", name);
	if ((job->want.cards || job->want.pids || job->want.users) &&
	    job->mode == MODE_ACCOUNTING)
		wrong_usage("%s is about the machine: there is no -i, -p or -u with it", name);
	if (job->mode == MODE_CHANGE && !job->want.cards)
		wrong_usage("%s: say which card with -i, or all with -i all", name);
	if (job->mode == MODE_CHANGE && (job->want.pids || job->want.users || job->want.sort))
		wrong_usage("%s is about cards: there is no -p, -u or --sort with it",
			    name);
}

static void check(struct job *job)
{
	const char *name = job->mode_name ? job->mode_name : "the table";
	char why[512];

	check_modes(job);
	parse_format(job);
	if (!want_check(&job->want, why, sizeof(why)))
		wrong_usage("%s", why);
	if ((job->mode == MODE_QUERY || job->mode == MODE_ACCOUNTED) &&
	    !query_check(job->query, job->fields, why, sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_ALL &&
	    !parse_parts(job->display, &job->parts, why, sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_CHANGE && !change_check(&job->change, why,
						     sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_DMON || job->mode == MODE_PMON) {
		if (!monitor_check(job->mode == MODE_PMON, &job->monitor, why,
				   sizeof(why)))
			wrong_usage("%s", why);
		if (job->display)
			job->seconds = parse_seconds(job->display, 1);
		else if (!(job->seconds > 0))
			job->seconds = 1;
	}
	if (strcmp(job->colour, "auto") && strcmp(job->colour, "always") &&
	    strcmp(job->colour, "never"))
		wrong_usage("--color %s: it is auto, always or never", job->colour);
	job->want.details = job->mode != MODE_TABLE && job->mode != MODE_LIST &&
			    job->mode != MODE_PMON;
	job->want.ids = job->mode == MODE_LIST;
	job->want.all_pids = true;
	job->want.silent = job->mode == MODE_TABLE || job->mode == MODE_JSON ||
			   (job->mode == MODE_ALL && job->parts & ALL_MEMORY) ||
			   job->mode == MODE_DMON ||
			   (job->mode == MODE_QUERY && job->query != QUERY_PROCESSES);
	job->want.peaks = job->mode == MODE_ALL || job->mode == MODE_JSON ||
			  (job->mode == MODE_QUERY &&
			   query_wants_peaks(job->query, job->fields));
	job->want.processes = job->mode == MODE_TABLE ||
			      job->mode == MODE_JSON || job->mode == MODE_PMON ||
			      (job->mode == MODE_ALL && job->parts & ALL_PIDS) ||
			      (job->mode == MODE_QUERY &&
			       job->query == QUERY_PROCESSES);
	/* It is memory of the process's, and not read without need. */
	job->want.commands = job->want.processes &&
			     (job->mode != MODE_QUERY ||
			      query_wants_commands(job->fields) ||
			      (job->want.sort && strstr(job->want.sort, "command")));
	if ((job->want.pids || job->want.users) && !job->want.processes &&
	    job->mode != MODE_ACCOUNTED)
		wrong_usage("-p and -u are for what shows processes, which %s does not", name);
}

/* Options without a letter. */
enum {
	OPT_JSON = 256, OPT_QUERY_CARD, OPT_QUERY_CHIP, OPT_QUERY_APPS,
	OPT_FORMAT, OPT_HELP_QUERY, OPT_HELP_CARD, OPT_HELP_CHIP, OPT_HELP_APPS,
	OPT_RESERVATIONS, OPT_SORT, OPT_LOOP_MS, OPT_COLOR, OPT_ASCII,
	OPT_CAPACITY,
	OPT_PEAKS, OPT_INVALIDATE, OPT_CHIP, OPT_NOTHING,
	OPT_QUERY_ACCOUNTED, OPT_HELP_ACCOUNTED, OPT_BY, OPT_ACCOUNTING,
};

static const struct option options[] = {
	{ "list-cards", no_argument, NULL, 'L' },
	{ "list-gpus", no_argument, NULL, 'L' },
	{ "query", no_argument, NULL, 'q' },
	{ "display", required_argument, NULL, 'd' },
	{ "xml-format", no_argument, NULL, 'x' },
	{ "query-card", required_argument, NULL, OPT_QUERY_CARD },
	{ "query-gpu", required_argument, NULL, OPT_QUERY_CARD },
	{ "query-chip", required_argument, NULL, OPT_QUERY_CHIP },
	{ "query-compute-apps", required_argument, NULL, OPT_QUERY_APPS },
	{ "query-accounted-apps", required_argument, NULL, OPT_QUERY_ACCOUNTED },
	{ "by", required_argument, NULL, OPT_BY },
	{ "accounting-mode", optional_argument, NULL, OPT_ACCOUNTING },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "help-query", no_argument, NULL, OPT_HELP_QUERY },
	{ "help-query-card", no_argument, NULL, OPT_HELP_CARD },
	{ "help-query-gpu", no_argument, NULL, OPT_HELP_CARD },
	{ "help-query-chip", no_argument, NULL, OPT_HELP_CHIP },
	{ "help-query-compute-apps", no_argument, NULL, OPT_HELP_APPS },
	{ "help-query-accounted-apps", no_argument, NULL, OPT_HELP_ACCOUNTED },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "reservations", required_argument, NULL, OPT_RESERVATIONS },
	{ "id", required_argument, NULL, 'i' },
	{ "pid", required_argument, NULL, 'p' },
	{ "user", required_argument, NULL, 'u' },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "loop", required_argument, NULL, 'l' },
	{ "loop-ms", required_argument, NULL, OPT_LOOP_MS },
	{ "count", required_argument, NULL, 'c' },
	{ "filename", required_argument, NULL, 'f' },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "ascii", no_argument, NULL, OPT_ASCII },
	{ "delay", required_argument, NULL, 'd' },
	{ "select", required_argument, NULL, 's' },
	{ "options", required_argument, NULL, 'o' },
	{ "set-capacity", required_argument, NULL, OPT_CAPACITY },
	{ "reset-peaks", no_argument, NULL, OPT_PEAKS },
	{ "invalidate", no_argument, NULL, OPT_INVALIDATE },
	{ "chip", required_argument, NULL, OPT_CHIP },
	{ "yes", no_argument, NULL, 'y' },
	{ "show-all-processes", no_argument, NULL, OPT_NOTHING },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ }
};

static int print_text(const char *text)
{
	return write_out(STDOUT_FILENO, text, strlen(text)) ? EXIT_OK :
							      EXIT_FAILED;
}

static int version(void)
{
	struct paper paper;
	int status;

	paper_open(&paper);
	status = print_version(paper.out);
	return paper_send(&paper, STDOUT_FILENO) ? status : EXIT_FAILED;
}

/* Tell what an option that there is not may have been meant for, and end. */
static void __attribute__((noreturn)) suggest(const char *typed)
{
	char found[64] = "";
	unsigned int best;
	size_t len, i;

	len = strncmp(typed, "--", 2) ? 0 : strcspn(typed + 2, "=");
	best = MISTAKES(len);
	for (i = 0; len && options[i].name; i++) {
		/* What begins so is known; something else is wrong with it. */
		if (!strncmp(options[i].name, typed + 2, len)) {
			*found = '\0';
			break;
		}
		closest(typed + 2, len, options[i].name, &best, found, sizeof(found));
	}
	if (*found)
		fprintf(stderr, "ttmem-smi: did you mean --%s? ", found);
	else
		fputs("ttmem-smi: ", stderr);
	fputs("ttmem-smi --help tells more\n", stderr);
	exit(EXIT_USAGE);
}

/* Take an option, or end. */
static void take_option(struct job *job, int opt, const char *typed)
{
	switch (opt) {
	case 'L':
		set_mode(job, MODE_LIST, "-L");
		break;
	case 'q':
	case 'a':	/* nvidia-smi had it for this */
		set_mode(job, MODE_ALL, "-q");
		break;
	case 'd':
		job->display = optarg;
		break;
	case OPT_QUERY_CARD:
		set_query(job, QUERY_CARDS, "--query-card", optarg);
		break;
	case OPT_QUERY_CHIP:
		set_query(job, QUERY_CHIPS, "--query-chip", optarg);
		break;
	case OPT_QUERY_APPS:
		set_query(job, QUERY_PROCESSES, "--query-compute-apps", optarg);
		break;
	case OPT_QUERY_ACCOUNTED:
		set_query(job, QUERY_ACCOUNTED, "--query-accounted-apps", optarg);
		job->mode = MODE_ACCOUNTED;
		break;
	case OPT_BY:
		job->by = optarg;
		break;
	case OPT_ACCOUNTING:
		set_mode(job, MODE_ACCOUNTING, "--accounting-mode");
		job->accounting = optarg;
		break;
	case OPT_FORMAT:
		job->format = optarg;
		break;
	case OPT_HELP_QUERY:
		set_help_query(job, QUERY_CARDS, "--help-query");
		job->all_queries = true;
		break;
	case OPT_HELP_CARD:
		set_help_query(job, QUERY_CARDS, "--help-query-card");
		break;
	case OPT_HELP_CHIP:
		set_help_query(job, QUERY_CHIPS, "--help-query-chip");
		break;
	case OPT_HELP_APPS:
		set_help_query(job, QUERY_PROCESSES,
			       "--help-query-compute-apps");
		break;
	case OPT_HELP_ACCOUNTED:
		set_help_query(job, QUERY_ACCOUNTED, "--help-query-accounted-apps");
		break;
	case OPT_JSON:
		set_mode(job, MODE_JSON, "--json");
		break;
	case OPT_RESERVATIONS:
		set_mode(job, MODE_RESERVATIONS, "--reservations");
		job->pid = parse_number("--reservations", optarg, 1, INT32_MAX);
		break;
	case 'i':
		job->want.cards = optarg;
		break;
	case 'p':
		job->want.pids = optarg;
		break;
	case 'u':
		job->want.users = optarg;
		break;
	case OPT_SORT:
		job->want.sort = optarg;
		break;
	case 'l':
		job->seconds = parse_seconds(optarg, 1);
		break;
	case OPT_LOOP_MS:
		job->seconds = parse_seconds(optarg, 0.001);
		break;
	case 'c':
		job->count = parse_number("-c", optarg, 1, UINT32_MAX);
		break;
	case 'f':
		job->file = optarg;
		break;
	case OPT_ASCII:
		job->ascii = true;
		break;
	case OPT_COLOR:
		job->colour = optarg;
		break;
	case 's':
		job->monitor.groups = optarg;
		break;
	case 'o':
		parse_options(job, optarg);
		break;
	case OPT_CAPACITY:
		set_change(job, CHANGE_CAPACITY, "--set-capacity");
		job->change.capacity = optarg;
		break;
	case OPT_PEAKS:
		set_change(job, CHANGE_PEAKS, "--reset-peaks");
		break;
	case OPT_INVALIDATE:
		set_change(job, CHANGE_INVALIDATE, "--invalidate");
		break;
	case OPT_CHIP:
		job->chip = optarg;
		job->change.chip = parse_number("--chip", optarg, 0, INT32_MAX);
		break;
	case 'y':
		job->change.yes = true;
		break;
	case 'x':
		set_mode(job, MODE_ALL, "-x");
		job->xml = true;
		break;
	case OPT_NOTHING:
		break;
	case 'h':
		exit(print_text(help));
	case 'V':
		exit(version());
	default:
		suggest(typed);
	}
}

static void take_word(struct job *job, const char *word)
{
	unsigned int best = MISTAKES(strlen(word));
	char found[16] = "";

	if (!strcmp(word, "dmon")) {
		set_mode(job, MODE_DMON, "dmon");
		return;
	}
	if (!strcmp(word, "pmon")) {
		set_mode(job, MODE_PMON, "pmon");
		return;
	}
	if (!strcmp(word, "top") || !strcmp(word, "record") ||
	    !strcmp(word, "report") || !strcmp(word, "watch") ||
	    !strcmp(word, "doctor"))
		wrong_usage("%s stands first, as in ttmem-smi %s --help",
			    word, word);
	if (refusal(word))
		refuse(word);
	closest(word, strlen(word), "dmon pmon top record report watch doctor", &best,
		found, sizeof(found));
	if (*found)
		wrong_usage("'%s' is no command (did you mean %s?)", word, found);
	wrong_usage("'%s' is neither an option nor one of dmon, pmon, top, record, report, watch and doctor",
		    word);
}

static int run_top(int argc, char **argv)
{
#ifdef TTMEM_TOP
	return top_main(argc, argv);
#else
	(void)argc;
	(void)argv;
	fputs("ttmem-smi: top was left out when this was built, as ncurses was missing. Install libncurses-dev (ncurses-devel) and build it again\n",
	      stderr);
	return EXIT_FAILED;
#endif
}

/* What has options of its own. */
static const struct {
	const char *name;
	const char *whole;	/* for messages */
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "top", "ttmem-smi top", run_top },
	{ "record", "ttmem-smi record", record_main },
	{ "report", "ttmem-smi report", report_main },
	{ "watch", "ttmem-smi watch", watch_main },
	{ "doctor", "ttmem-smi doctor", doctor_main },
	{ }
};

int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_handler = stop,
		.sa_flags = SA_RESETHAND,
	};
	struct job job = {
		.colour = "auto",
		.change = { .chip = -1 },
		.fd = STDOUT_FILENO,
	};
	const char *refused;
	int opt, status;

	setlocale(LC_CTYPE, "");
	for (opt = 0; argc > 1 && commands[opt].name; opt++) {
		if (strcmp(argv[1], commands[opt].name))
			continue;
		argv[1] = (char *)commands[opt].whole;
		return commands[opt].main(argc - 1, argv + 1);
	}

	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-smi";
	refused = respell(&argc, argv);
	if (refused)
		refuse(refused);
	while ((opt = getopt_long(argc, argv, "Lqad:i:p:u:l:c:f:s:o:yxhV", options,
				  NULL)) != -1)
		take_option(&job, opt, argv[optind - 1]);
	for (; optind < argc; optind++)
		take_word(&job, argv[optind]);
	check(&job);

	if (job.file) {
		job.fd = open(job.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			      0666);
		if (job.fd < 0) {
			return say("cannot write to %s: %s", job.file,
				   strerror(errno));
		}
	}
	style_of(&job.style, job.fd, job.colour);
	if (job.ascii)
		job.style.utf8 = false;

	if (job.mode >= MODE_RESERVATIONS) {
		status = run_once(&job);
	} else {
		if (job.seconds > 0) {
			sigaction(SIGINT, &action, NULL);
			sigaction(SIGTERM, &action, NULL);
		}
		status = run(&job);
	}
	if (job.file && close(job.fd) && !status) {
		status = say("cannot write to %s: %s", job.file, strerror(errno));
	}
	return status;
}
