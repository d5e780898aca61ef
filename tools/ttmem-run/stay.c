// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parent of the command. It has the cards open as well, so what is reserved stays
 * also where the command closes descriptors that it does not know; and the command's
 * own process has made the reservations, so they are under its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

/* Between two looks of a report. */
#define INTERVAL_NS	100000000ull

int failure_fd = -1;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Reap whatever has ended; whether that was @child, with its status. */
static bool reap(pid_t child, int *status)
{
	bool ended = false;
	int one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
		if (pid == child) {
			*status = one;
			ended = true;
		}
	}
	return ended;
}

static void pass_on(pid_t child, int signal)
{
	if (!kill(child, signal) || errno == ESRCH)
		return;
	tell("cannot pass signal %d on to process %d: %s", signal, child, strerror(errno));
}

/* Those that are somebody's word to the command. */
static void fill_set(sigset_t *set)
{
	static const int signals[] = {
		SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGALRM, SIGCONT, SIGWINCH,
	};
	size_t i;
	int real;

	sigemptyset(set);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
	for (real = SIGRTMIN; real <= SIGRTMAX; real++)
		sigaddset(set, real);
}

/* The command's input and output are its own: it alone has them open. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static pid_t start(const struct plan *plan, char **command, const sigset_t *mask,
		   const struct sigaction *chld, int *failed)
{
	pid_t self = getpid(), child;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		die("cannot make a pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		die("cannot fork: %s", strerror(errno));
	if (!child) {
		failure_fd = ends[1];
		/* Who kills the process that he has started means the command. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(EXIT_OWN);
		sigaction(SIGCHLD, chld, NULL);
		sigprocmask(SIG_SETMASK, mask, NULL);
		hold_reserve(plan, command[0]);
		become(command);
	}
	close(ends[1]);
	*failed = ends[0];
	return child;
}

/* End as the command has; as the first process of a container one lives on. */
static int end_as(int status)
{
	const struct rlimit none = { 0 };
	sigset_t set;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* One core is enough. */
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int stay(const struct plan *plan, char **command, bool report)
{
	uint64_t begin = now(), next = begin, at;
	struct timespec rest = { 0 };
	sigset_t set, before;
	struct sigaction chld = { .sa_handler = SIG_DFL }, old_chld;
	siginfo_t info;
	int ended = 0, failed, ret;
	char word;
	pid_t child;

	if (report)
		report = report_begin(plan->best_effort);
	/* A parent may have it ignored, and then nothing could be waited for. */
	sigaction(SIGCHLD, &chld, &old_chld);
	fill_set(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	child = start(plan, command, &before, &old_chld, &failed);
	let_go();

	do {
		at = now();
		/* Not for each of many children that end. */
		if (report && at >= next) {
			report_look();
			at = now();
			next = at + INTERVAL_NS;
		}
		rest.tv_nsec = next > at ? next - at : 0;
		ret = report ? sigtimedwait(&set, &info, &rest) : sigwaitinfo(&set, &info);
		/* What a terminal sends, it sends to the command as well. */
		if (ret > 0 && ret != SIGCHLD && info.si_code <= 0)
			pass_on(child, ret);
	} while (!reap(child, &ended));

	/* A child that did not become the command has said why. */
	if (read(failed, &word, 1) == 1)
		return WIFEXITED(ended) ? WEXITSTATUS(ended) : EXIT_OWN;
	if (report)
		report_print(command, (now() - begin) / 1e9, ended);
	return end_as(ended);
}
