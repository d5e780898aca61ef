// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi record: a look at the cards every so often, into a file. Each sample
 * is one write(), so whatever ends the recording, the samples before are whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "clean.h"
#include "look/look.h"
#include "record/record.h"
#include "record/rows.h"

/* As env(1) and its like answer. */
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

static const char help[] =
	"Usage: ttmem-smi record [OPTION...] [-- COMMAND...]\n"
	"Record who holds what of the cards' memory, until COMMAND ends, or a time has\n"
	"passed, or Ctrl-C. ttmem-smi report sums a recording up and draws it.\n"
	"\n"
	"  -o, --output=FILE      the file, - for standard output; if not given,\n"
	"                         ttmem.csv or ttmem.json. What has that name already\n"
	"                         becomes FILE.old\n"
	"      --format=csv|trace a line for each value, or events that ui.perfetto.dev\n"
	"                         opens; if not given, trace if FILE ends in .json\n"
	"  -l, --loop=SECONDS     seconds between two samples, as 0.5 (1)\n"
	"      --loop-ms=MS       every so many milliseconds; also --lms and -lms\n"
	"  -d, --duration=TIME    end after 90, 90s, 15m, 2h or 1d\n"
	"  -i, --id=CARD,...      only these: numbers, bus ids, UUIDs, serials or boards\n"
	"  -p, --pid=PID,...      of the processes only these\n"
	"      --labels           what is held under each label of reservations, too: of\n"
	"                         one's own processes, for root of all\n"
	"  -h, --help             this text\n"
	"\n"
	"Examples:\n"
	"  ttmem-smi record -- python3 serve.py\n"
	"  ttmem-smi record -i 0 -l 0.1 -d 1m -o run.csv\n"
	"  ttmem-smi record -o run.json         and open it at ui.perfetto.dev\n"
	"  ttmem-smi report run.csv --svg run.svg\n"
	"\n"
	"Exit status: COMMAND's, 126 if it cannot be run, 127 if it is not found. Without\n"
	"one 0; 1 if the file cannot be written; 2 wrong argument; 6 no such card;\n"
	"9 TT-KMD or ttmem is not loaded.\n";

/* What was asked for. */
struct job {
	const char *path;
	const char *format;
	struct want want;
	bool trace;
	bool labels;
	double seconds;		/* between samples */
	double duration;	/* 0 for no end */
	char **command;
};

/* Where it goes. */
struct output {
	const char *path;
	int fd;
	bool file;		/* can be cut back to what was whole */
	off_t whole;
	size_t samples;
	bool begun;
	bool failed;
	bool lacks_processes;	/* some sample does */
	struct unread_labels unread;
};

static void __attribute__((noreturn, format(printf, 1, 2)))
wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: record: ", stderr);
	clean_vprint(stderr, format, args);
	fputs(". ttmem-smi record --help tells more\n", stderr);
	va_end(args);
	exit(EXIT_USAGE);
}

/* Microseconds since 1970, and from the first call on never backwards. */
static int64_t now(void)
{
	static int64_t offset;
	struct timespec time;
	int64_t since_boot;

	clock_gettime(CLOCK_BOOTTIME, &time);
	since_boot = time.tv_sec * 1000000ll + time.tv_nsec / 1000;
	if (!offset) {
		clock_gettime(CLOCK_REALTIME, &time);
		offset = time.tv_sec * 1000000ll + time.tv_nsec / 1000 -
			 since_boot;
	}
	return since_boot + offset;
}

/* Write a whole sample or nothing of it. */
static void send(struct output *output, const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(output->fd, text, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			say("cannot write to %s: %s. %zu sample%s from before %s in it",
			    output->path, strerror(errno), output->samples,
			    output->samples == 1 ? "" : "s",
			    output->samples == 1 ? "is" : "are");
			if (output->file &&
			    ftruncate(output->fd, output->whole))
				say("cannot cut %s back to them: %s",
				    output->path, strerror(errno));
			output->failed = true;
			return;
		}
		text += done;
		size -= done;
		if (output->file && !size)
			output->whole = lseek(output->fd, 0, SEEK_CUR);
	}
}

/* A sample, and what it is compared with. */
struct look {
	struct snapshot snap;
	struct rows rows;
};

static void free_look(struct look *look)
{
	rows_free(&look->rows);
	snapshot_free(&look->snap);
}

/* Put a file where it belongs; what has its name already is kept. */
static bool open_recording(struct output *output)
{
	struct stat st;
	bool there;
	char *old;

	if (!strcmp(output->path, "-")) {
		output->fd = STDOUT_FILENO;
		return true;
	}
	there = !lstat(output->path, &st);
	if (there && !S_ISREG(st.st_mode)) {
		output->fd = open_special(output->path);
		return output->fd >= 0;
	}
	if (there) {
		if (asprintf(&old, "%s.old", output->path) < 0)
			out_of_memory();
		if (rename(output->path, old)) {
			say("cannot keep what is in %s as %s: %s",
			    output->path, old, strerror(errno));
			free(old);
			return false;
		}
		say("what was in %s is now in %s", output->path, old);
		free(old);
	}
	/* What is new is no link of somebody else's, whose directory this may be. */
	output->fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (output->fd < 0) {
		say("cannot write to %s: %s", output->path, strerror(errno));
		return false;
	}
	output->file = true;
	return true;
}

/*
 * Take a sample and write it. It becomes the one before.
 * Return: EXIT_OK or, if that was the first one, why nothing came of it
 */
static int sample(struct output *output, const struct job *job,
		  struct look *before)
{
	struct look look = { 0 };
	bool begin = !output->begun;
	char *text;
	size_t size;
	FILE *out;
	int status;

	look.rows.time = now();
	status = snapshot_take(&look.snap, &job->want);
	if (begin && !look.snap.cards)
		say("%s", look.snap.why);
	else if (begin)
		status = open_recording(output) ? EXIT_OK : EXIT_FAILED;
	if (begin && status) {
		free_look(&look);
		return status;
	}
	keep_commands(&look.snap, &before->snap);
	rows_fill(&look.rows, &look.snap, &job->want);
	if (job->labels)
		rows_labels(&look.rows, &output->unread);
	if (look.rows.count && !look.snap.processes_known)
		output->lacks_processes = true;
	if (!begin) {
		rows_compare_cards(&look.rows, &look.rows, &before->rows, "is there");
		rows_compare_cards(&look.rows, &before->rows, &look.rows, "is gone");
	}
	if (*look.snap.why && strcmp(look.snap.why, before->snap.why))
		rows_notice(&look.rows, strdup(look.snap.why));

	out = open_memstream(&text, &size);
	if (!out)
		out_of_memory();
	if (job->trace) {
		if (begin)
			trace_begin(out);
		trace_rows(out, &look.rows, &before->rows);
	} else {
		if (begin)
			fputs(CSV_COLUMNS "\n", out);
		csv_rows(out, &look.rows);
	}
	if (fclose(out))
		out_of_memory();
	send(output, text, size);
	free(text);
	output->begun = true;
	output->samples += look.rows.count && !output->failed;
	free_look(before);
	*before = look;
	return EXIT_OK;
}

/* Take those signals that end a recording, or say that the command did. */
static void block_signals(sigset_t *set, sigset_t *old)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;
	unsigned int i;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	/* nohup(1) and shells have some ignored. */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			sigaddset(set, ends[i]);
	sigprocmask(SIG_BLOCK, set, old);
}

/* Start the command; 0 and how to end if it cannot be. */
static pid_t start(char **command, const sigset_t *mask, int *status)
{
	posix_spawnattr_t attr;
	pid_t pid;
	int ret;

	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, mask);
	ret = posix_spawnp(&pid, command[0], NULL, &attr, command, environ);
	posix_spawnattr_destroy(&attr);
	if (!ret)
		return pid;
	say("cannot run %s: %s", command[0], strerror(ret));
	*status = ret == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
	return 0;
}

/*
 * Wait until a time or a signal.
 * Return: whether the recording is over, with how to end in @status
 */
static bool wait_until(int64_t time, const sigset_t *set, pid_t command,
		       int *status)
{
	struct timespec left;
	siginfo_t info;
	int64_t delta;
	int code;

	for (;;) {
		delta = time - now();
		if (delta < 0)
			delta = 0;
		left.tv_sec = delta / 1000000;
		left.tv_nsec = delta % 1000000 * 1000;
		switch (sigtimedwait(set, &info, &left)) {
		case -1:
			if (errno == EAGAIN)
				return false;
			break;
		case SIGCHLD:
			if (!command || waitpid(command, &code, WNOHANG) <= 0)
				break;
			*status = WIFEXITED(code) ? WEXITSTATUS(code) :
						    128 + WTERMSIG(code);
			return true;
		default:
			if (!command)
				return true;
			/* A terminal's Ctrl-C has reached it already. */
			if (info.si_code <= 0)
				kill(command, info.si_signo);
		}
	}
}

static void finish(struct output *output, const struct job *job,
		   int64_t lasted)
{
	char *text;
	size_t size, stem;
	FILE *out;

	if (job->trace && !output->failed) {
		out = open_memstream(&text, &size);
		if (!out)
			out_of_memory();
		trace_end(out);
		if (fclose(out))
			out_of_memory();
		send(output, text, size);
		free(text);
	}
	if (!output->failed && close(output->fd)) {
		say("cannot write to %s: %s", output->path, strerror(errno));
		output->failed = true;
	}
	if (output->failed || !output->file)
		return;
	stem = strlen(output->path);
	if (stem > 4 && !strcmp(output->path + stem - 4, ".csv"))
		stem -= 4;
	say("%zu sample%s in %.1f s %s in %s. To see %s: ttmem-smi report %s --svg %.*s.svg",
	    output->samples, output->samples == 1 ? "" : "s", lasted / 1e6,
	    output->samples == 1 ? "is" : "are", output->path,
	    output->samples == 1 ? "it" : "them", output->path, (int)stem, output->path);
}

static int record(const struct job *job)
{
	struct output output = { .path = job->path };
	struct look before = { 0 };
	int64_t begin = now(), next, end, wake;
	pid_t command = 0;
	bool over = false;
	sigset_t set, old;
	int status;

	block_signals(&set, &old);
	status = sample(&output, job, &before);
	if (status)
		return status;
	next = begin;
	end = job->duration > 0 ? begin + (int64_t)(job->duration * 1e6) :
				  INT64_MAX;
	if (job->command && !output.failed) {
		command = start(job->command, &old, &status);
		over = !command;
	}
	while (!over && (!output.failed || command)) {
		next += (int64_t)(job->seconds * 1e6);
		if (next < now())
			next = now();
		wake = next < end ? next : end;
		over = wait_until(output.failed ? INT64_MAX : wake, &set,
				  command, &status) || wake == end;
		if (!output.failed)
			sample(&output, job, &before);
	}
	finish(&output, job, before.rows.time - begin);
	free_look(&before);
	if (output.failed || output.lacks_processes)
		return status ? status : EXIT_FAILED;
	return status;
}

/* Fill in what was not asked for, and refuse what does not go together. */
static void check(struct job *job)
{
	char why[512];
	size_t len;

	if (job->format && strcmp(job->format, "csv") &&
	    strcmp(job->format, "trace"))
		wrong("--format %s: it is csv or trace", job->format);
	if (job->format) {
		job->trace = !strcmp(job->format, "trace");
	} else if (job->path) {
		len = strlen(job->path);
		job->trace = len >= 5 && !strcmp(job->path + len - 5, ".json");
	}
	if (!job->path)
		job->path = job->trace ? "ttmem.json" : "ttmem.csv";
	if (job->command && job->duration > 0)
		wrong("-d and a command do not go together: the recording ends when the command does");
	if (job->command && !strcmp(job->path, "-"))
		wrong("-o - and a command do not go together: both would write to standard output");
	if (!want_check(&job->want, why, sizeof(why)))
		wrong("%s", why);
}

int record_main(int argc, char **argv)
{
	enum { OPT_FORMAT = 256, OPT_LOOP_MS, OPT_LABELS };
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "loop", required_argument, NULL, 'l' },
		{ "loop-ms", required_argument, NULL, OPT_LOOP_MS },
		{ "lms", required_argument, NULL, OPT_LOOP_MS },
		{ "duration", required_argument, NULL, 'd' },
		{ "id", required_argument, NULL, 'i' },
		{ "pid", required_argument, NULL, 'p' },
		{ "labels", no_argument, NULL, OPT_LABELS },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct job job = { .seconds = 1, .want = {
		.processes = true, .commands = true, .all_pids = true,
	} };
	int opt;

	/* With +, the options behind the command's name are the command's. */
	while ((opt = getopt_long(argc, argv, "+o:l:d:i:p:h", options,
				  NULL)) != -1) {
		switch (opt) {
		case 'o':
			job.path = optarg;
			break;
		case OPT_FORMAT:
			job.format = optarg;
			break;
		case 'l':
			job.seconds = parse_loop(argc, argv);
			break;
		case OPT_LOOP_MS:
			job.seconds = parse_seconds(optarg, 0.001);
			break;
		case 'd':
			if (!parse_span(optarg, &job.duration))
				wrong("-d %s: not a time of up to a year, as 90, 90s, 15m, 2h or 1d",
				      optarg);
			break;
		case 'i':
			job.want.cards = optarg;
			break;
		case 'p':
			job.want.pids = optarg;
			break;
		case OPT_LABELS:
			job.labels = true;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
		default:
			fputs("ttmem-smi: ttmem-smi record --help tells more\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		job.command = argv + optind;
	check(&job);
	return record(&job);
}
