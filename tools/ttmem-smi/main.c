// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi: the Tenstorrent cards of this machine, what of their memory is
 * used, and by whom. Here it looks, prints and looks again; what has arguments
 * of its own is called first.
 *
 * Each folder has a header of its name, which is what the others see of it. Who
 * stands above may include who stands below, and those on one line do not know each
 * other:
 *
 *	options/	the arguments of ttmem-smi itself
 *	show/ change/ top/ record/ watch/ doctor/
 *	look/		one look at the cards and at who uses them
 *	text/		names, numbers, and what others have written
 *	base/		memory, output, and arguments that several commands take
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "change/change.h"
#include "doctor/doctor.h"
#include "look/look.h"
#include "options/options.h"
#include "record/record.h"
#include "show/show.h"
#include "text/text.h"
#include "top/top.h"
#include "watch/watch.h"

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
	struct job job;
	int i, status;

	setlocale(LC_CTYPE, "");
	/* Were it ignored, as a parent may have it, no child's number would be kept for us. */
	signal(SIGCHLD, SIG_DFL);
	for (i = 0; argc > 1 && commands[i].name; i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		argv[1] = (char *)commands[i].whole;
		return commands[i].main(argc - 1, argv + 1);
	}
	take_arguments(&job, argc, argv);

	if (job.file) {
		job.fd = open_output(job.file);
		if (job.fd < 0)
			return EXIT_FAILED;
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
	if (job.file && close(job.fd) && !status)
		status = say("cannot write to %s: %s", job.file, strerror(errno));
	return status;
}
