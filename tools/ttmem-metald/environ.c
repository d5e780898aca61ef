// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the environment that a process began with turns tt-metal's tracking off. It
 * is memory of the process's, and may be of a FUSE file whose server never answers: not
 * even SIGKILL ends such a read. So a child reads it, which has nothing of ours open.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metald.h"

/* So much of an environment is looked through. */
#define ENVIRON_SIZE	(1u << 20)
/* So many children may be at it, one of each user's processes. */
#define CHILDREN	8

static struct {
	pid_t child;
	pid_t pid;
	uint64_t boot;
	uid_t uid;
} children[CHILDREN];

static bool is_disabled(int dir)
{
	static const char what[] = "TT_METAL_SHM_TRACKING_DISABLED=1";
	char buffer[4096], *at, *end;
	size_t used = 0, left = ENVIRON_SIZE;
	bool begins = true, found = false;
	ssize_t got;
	int fd;

	fd = openat(dir, "environ", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* Strings may be longer than the buffer; only their begins matter. */
	while (!found && left &&
	       (got = read(fd, buffer + used, sizeof(buffer) - used)) > 0) {
		left -= (size_t)got < left ? (size_t)got : left;
		used += got;
		at = buffer;
		while (!found && (end = memchr(at, '\0', used - (at - buffer)))) {
			found = begins && !strcmp(at, what);
			begins = true;
			at = end + 1;
		}
		used -= at - buffer;
		memmove(buffer, at, used);
		if (used == sizeof(buffer)) {
			begins = false;
			used = 0;
		}
	}
	close(fd);
	return found;
}

void environ_read(struct process *p)
{
	size_t i, room = CHILDREN;
	pid_t child;

	for (i = 0; i < CHILDREN; i++) {
		if (!children[i].child)
			room = i;
		else if (children[i].uid == p->user->uid)
			return;
	}
	if (room == CHILDREN)
		return;
	child = fork();
	if (child < 0)
		return;
	if (!child) {
		/* What the parent has open must not stay open with this. */
		if (dup2(p->dir, 0) < 0 || syscall(SYS_close_range, 1, ~0u, 0))
			_exit(0);
		_exit(is_disabled(0));
	}
	children[room].child = child;
	children[room].pid = p->pid;
	children[room].boot = p->boot;
	children[room].uid = p->user->uid;
	p->disabled = -2;
}

void environ_poll(void)
{
	int status;
	size_t i;

	for (i = 0; i < CHILDREN; i++) {
		struct process *p;

		if (!children[i].child ||
		    waitpid(children[i].child, &status, WNOHANG) != children[i].child)
			continue;
		p = process_find(children[i].pid);
		if (p && p->boot == children[i].boot)
			p->disabled = WIFEXITED(status) && WEXITSTATUS(status) == 1;
		children[i].child = 0;
	}
}
