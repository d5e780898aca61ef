// SPDX-License-Identifier: GPL-2.0-only
/*
 * What processes run. A command line is memory of the process's, and may be of a FUSE
 * file whose server never answers: not even SIGKILL ends such a read. So a child reads
 * it, which has nothing of ours open, and who makes it wait is shown by its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "internal.h"
#include "look/look.h"

/* How much of a command line is kept. */
#define COMMAND_MAX	4096

/* So long is waited for one of them, and for all of one look, ms. */
#define WAIT_ONE	250
#define WAIT_ALL	1000

/* So many children may be stuck; and so soon a process is tried again, ms. */
#define STUCK_MAX	16
#define AGAIN		30000

struct answer {
	char known;
	char line[COMMAND_MAX];
};

static struct {
	int fd;			/* a socket to the child */
	pid_t pid;		/* 0 if there is none */
} child;

/* Who made a child wait, which may wait still. */
static struct {
	pid_t pid;		/* 0 if free */
	pid_t child;		/* 0 if it has ended */
	int64_t again;
} stuck[STUCK_MAX];

static int64_t wait_left = WAIT_ALL;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static size_t read_line(pid_t pid, char *line, size_t size)
{
	char path[TTMEM_PATH_SIZE];
	size_t used = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	do {
		got = read(fd, line + used, size - used);
		if (got > 0)
			used += got;
	} while ((got > 0 && used < size) || (got < 0 && errno == EINTR));
	close(fd);
	return got < 0 ? 0 : used;
}

/* The child: is asked for a process, and answers. */
static void __attribute__((noreturn)) serve(int fd)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static struct answer answer;
	size_t size, i;
	pid_t pid;

	/* The parent decides when it ends. */
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	/* What the parent has open must not stay open with this. */
	if (dup2(fd, 0) < 0 || syscall(SYS_close_range, 1, ~0u, 0))
		_exit(1);
	while (recv(0, &pid, sizeof(pid), 0) == sizeof(pid)) {
		size = read_line(pid, answer.line, sizeof(answer.line) - 1);
		answer.known = size > 0;
		if (send(0, &answer, offsetof(struct answer, line) + size,
			 MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static bool start_child(void)
{
	int pair[2];

	if (child.pid)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	child.pid = fork();
	if (!child.pid)
		serve(pair[1]);
	close(pair[1]);
	if (child.pid < 0) {
		close(pair[0]);
		child.pid = 0;
		return false;
	}
	child.fd = pair[0];
	return true;
}

/* End the child. Return: its number if it has not ended yet, else 0. */
static pid_t end_child(void)
{
	pid_t pid = child.pid;

	child.pid = 0;
	close(child.fd);
	kill(pid, SIGKILL);
	return waitpid(pid, NULL, WNOHANG) ? 0 : pid;
}

/* Whether a process may be asked about, and where it is to be noted if it is stuck. */
static bool may_ask(pid_t pid, size_t *place)
{
	int64_t now = now_ms();
	size_t i;

	*place = STUCK_MAX;
	for (i = 0; i < STUCK_MAX; i++) {
		if (stuck[i].child && waitpid(stuck[i].child, NULL, WNOHANG))
			stuck[i].child = 0;
		if (!stuck[i].child && now >= stuck[i].again)
			stuck[i].pid = 0;
		if (stuck[i].pid == pid)
			return false;
		if (!stuck[i].pid)
			*place = i;
	}
	return *place < STUCK_MAX && wait_left > 0;
}

/* Read a command line; nothing if it cannot be had in time. */
static size_t ask(pid_t pid, struct answer *answer)
{
	struct pollfd fd = { .events = POLLIN };
	int64_t begin = now_ms(), left;
	size_t place;
	ssize_t got;
	int ret;

	if (!may_ask(pid, &place) || !start_child())
		return 0;
	if (send(child.fd, &pid, sizeof(pid), MSG_NOSIGNAL) != sizeof(pid)) {
		end_child();
		return 0;
	}
	fd.fd = child.fd;
	do {
		left = begin + (wait_left < WAIT_ONE ? wait_left : WAIT_ONE) - now_ms();
		ret = poll(&fd, 1, left > 0 ? left : 0);
	} while (ret < 0 && errno == EINTR);
	wait_left -= now_ms() - begin;
	if (ret <= 0) {
		stuck[place].pid = pid;
		stuck[place].again = now_ms() + AGAIN;
		stuck[place].child = end_child();
		return 0;
	}
	got = recv(child.fd, answer, sizeof(*answer), 0);
	if (got < (ssize_t)offsetof(struct answer, line)) {
		end_child();
		return 0;
	}
	return answer->known ? got - offsetof(struct answer, line) : 0;
}

void commands_begin(void)
{
	wait_left = WAIT_ALL;
}

/* Its name, which may hold line feeds; NULL if that cannot be read. */
static char *read_comm(pid_t pid)
{
	char path[TTMEM_PATH_SIZE], *comm;
	size_t len;
	int ret;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d/comm", pid);
	ret = ttmem__read_file(path, &comm, &len);
	if (ret == -ENOMEM)
		out_of_memory();
	if (!ret && len && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	return comm;
}

char *read_command(pid_t pid, const char *name, bool *has_line)
{
	char *comm = read_comm(pid), *command = NULL;
	struct answer answer;
	size_t len, i;

	if (has_line)
		*has_line = false;
	/*
	 * Where /proc is of another pid namespace, or the number was given to
	 * the next process meanwhile, the name tells.
	 */
	if (!comm || (name && strcmp(comm, name))) {
		free(comm);
		if (!name)
			return NULL;
		command = strdup(name);
		if (!command)
			out_of_memory();
		return command;
	}
	len = ask(pid, &answer);
	while (len && !answer.line[len - 1])
		len--;
	if (!len)
		return comm;
	for (i = 0; i < len; i++)
		if (!answer.line[i])
			answer.line[i] = ' ';
	command = strndup(answer.line, len);
	if (!command)
		out_of_memory();
	free(comm);
	if (has_line)
		*has_line = true;
	return command;
}
