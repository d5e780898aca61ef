// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command of ttmem-smi watch: one at a time, in a process group of its own,
 * and not for longer than it may. It learns what has happened from variables, so
 * what others have named is never anything but data.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "look/look.h"
#include "text/text.h"
#include "watch/marks.h"

/* From being asked to end until it is made to. */
#define GRACE		5000000

/* As env(1) and its like answer. */
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

#define PREFIX		"TTMEM_WATCH_"

int runner_check(const char *command)
{
	const char *path = getenv("PATH"), *end;
	int error = ENOENT;

	if (strchr(command, '/')) {
		if (!access(command, X_OK))
			return 0;
		error = errno;
		path = NULL;
	} else if (!path) {
		path = "/bin:/usr/bin";
	}
	for (; path; path = *end ? end + 1 : NULL) {
		char *file;
		bool found;

		end = strchrnul(path, ':');
		if (asprintf(&file, "%.*s/%s", (int)(end - path),
			     end == path ? "." : path, command) < 0)
			out_of_memory();
		found = !access(file, X_OK);
		free(file);
		if (found)
			return 0;
	}
	say("cannot run %s: %s", command, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

/* What the command is told, beside all that ttmem-smi has been told. */
struct variables {
	char **text;
	size_t count;
	size_t ours;	/* from here on */
};

static void __attribute__((format(printf, 2, 3)))
set(struct variables *v, const char *format, ...)
{
	va_list args;
	char *text;
	int ret;

	va_start(args, format);
	ret = vasprintf(&text, format, args);
	va_end(args);
	if (ret < 0)
		out_of_memory();
	v->text = grow(v->text, v->count, sizeof(*v->text));
	v->text[v->count++] = text;
}

/* All of them are there each time, empty where there is nothing to tell. */
static void set_all(struct variables *v, const struct mark *mark,
		    const struct line *line)
{
	char *text = mark_text(mark, line);
	char *user = printable(line->who == WHO_POOL ? "" : user_name(mark->uid));
	char **from;

	for (from = environ; *from; from++) {
		if (!strncmp(*from, PREFIX, strlen(PREFIX)))
			continue;
		v->text = grow(v->text, v->count, sizeof(*v->text));
		v->text[v->count++] = *from;
	}
	v->ours = v->count;
	set(v, PREFIX "KIND=%s", line->window ? "growing" : "above");
	set(v, PREFIX "WHO=%s", who_names[line->who]);
	set(v, PREFIX "LINE=%s", line->text);
	set(v, PREFIX "CARD=%u", mark->card);
	set(v, PREFIX "BUS_ID=%s", mark->address);
	if (line->who == WHO_POOL)
		set(v, PREFIX "CHIP=%u", mark->chip);
	else
		set(v, PREFIX "CHIP=");
	set(v, PREFIX "MEMORY=%s", memory_names[mark->memory]);
	if (line->who == WHO_PROCESS)
		set(v, PREFIX "PID=%llu", (unsigned long long)mark->id);
	else
		set(v, PREFIX "PID=");
	set(v, PREFIX "USER=%s", user);
	set(v, PREFIX "NAME=%s", mark->name);
	set(v, PREFIX "BYTES=%llu", (unsigned long long)mark->bytes);
	if (mark->total)
		set(v, PREFIX "TOTAL=%llu", (unsigned long long)mark->total);
	else
		set(v, PREFIX "TOTAL=");
	if (line->window)
		set(v, PREFIX "GROWN=%llu", (unsigned long long)mark->grown);
	else
		set(v, PREFIX "GROWN=");
	set(v, PREFIX "TEXT=%s", text);
	v->text = grow(v->text, v->count, sizeof(*v->text));
	free(text);
	free(user);
}

void runner_start(struct runner *runner, const struct mark *mark,
		  const struct line *line, int64_t now)
{
	struct variables v = { 0 };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe;
	pid_t pid = 0;
	size_t i;
	int ret;

	set_all(&v, mark, line);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
					POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	ret = posix_spawnp(&pid, runner->command[0], &actions, &attr,
			   runner->command, v.text);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (i = v.ours; i < v.count; i++)
		free(v.text[i]);
	free(v.text);
	if (ret) {
		char *text = mark_text(mark, line);

		say("cannot run %s: %s. It was for: %s", runner->command[0],
		    strerror(ret), text);
		free(text);
		return;
	}
	runner->asked = 0;
	runner->end = now + runner->limit;
	runner->pid = pid;
}

/*
 * Whether it has ended; then all that is left of it is reaped. Its group keeps its
 * number until then, so nobody else is met.
 */
static bool reap(struct runner *runner, bool with_group, int *status)
{
	siginfo_t info = { 0 };
	pid_t pid = runner->pid;

	if (!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	    !info.si_pid)
		return false;
	if (with_group)
		kill(-pid, SIGKILL);
	/* From here on a signal's handler must not take the number for ours. */
	runner->pid = 0;
	*status = 0;
	waitpid(pid, status, 0);
	return true;
}

static void ask(const struct runner *runner)
{
	kill(-runner->pid, SIGTERM);
	/* One that a terminal has stopped hears it too. */
	kill(-runner->pid, SIGCONT);
}

void runner_tend(struct runner *runner, int64_t now)
{
	const char *name = runner->command ? runner->command[0] : "";
	int status;

	if (!runner->pid)
		return;
	if (reap(runner, runner->asked, &status)) {
		if (WIFSIGNALED(status) && !runner->asked)
			say("%s was ended by signal %d", name, WTERMSIG(status));
		else if (WIFEXITED(status) && WEXITSTATUS(status))
			say("%s ended with status %d", name, WEXITSTATUS(status));
		return;
	}
	if (now < runner->end)
		return;
	if (runner->asked) {
		kill(-runner->pid, SIGKILL);
	} else {
		say("%s takes longer than %.3g s and is ended; --timeout is how long it may take",
		    name, runner->limit / 1e6);
		ask(runner);
	}
	runner->asked = now;
	runner->end = now + GRACE;
}

void runner_stop(struct runner *runner)
{
	const struct timespec rest = { .tv_nsec = 10000000 };
	int i, status;

	if (!runner->pid)
		return;
	ask(runner);
	for (i = 0; i < 200; i++) {
		if (reap(runner, true, &status))
			return;
		if (i == 100)
			kill(-runner->pid, SIGKILL);
		nanosleep(&rest, NULL);
	}
	say("%s, process %d, cannot be ended", runner->command[0], runner->pid);
}
