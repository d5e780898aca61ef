// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control groups of processes that have a card open. The event of a client's end
 * has none, and the process may be gone by then, so it is read at the client's begin, and
 * once more where it speaks for another. What is kept is one entry a process, however
 * many clients it has.
 *
 * A process's number may be given to another one. An entry knows when its process began
 * and which clients it has been verified for, and it is told for no others.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "cgroup.h"
#include "read_at.h"

#define BUCKETS		4096
#define PROCESSES_MAX	32768
/* What one user's processes may take of them. */
#define SHARE		4
/* Events of one that is gone may still come, from another processor's buffer. */
#define KEEP		(10 * NSEC_PER_SEC)
/* In which field of /proc/PID/stat its begin stands, counted behind the name. */
#define STAT_BEGIN	20

struct process {
	struct process *next;
	struct user *user;
	pid_t pid;
	uid_t uid;
	uint64_t begin;		/* ns since boot, to a tick of the clock */
	uint64_t first;		/* the lowest client that it is verified for */
	uint64_t doubt;		/* from this client on it may be another process */
	uint64_t gone;		/* when it was found to be gone, 0: it is not */
	unsigned int round;
	char cgroup[];
};

static struct process *table[BUCKETS];
static unsigned int count, round_now = 1;

void processes_next_round(void)
{
	round_now++;
}

static struct process **place_of(pid_t pid)
{
	struct process **at;

	for (at = &table[(unsigned int)pid % BUCKETS]; *at && (*at)->pid != pid; at = &(*at)->next)
		;
	return at;
}

static void drop(struct process **at)
{
	struct process *process = *at;

	*at = process->next;
	process->user->processes--;
	count--;
	free(process);
}

/* When a process began. Its name, in parentheses, may hold anything. */
static bool parse_begin(char *stat, uint64_t *begin)
{
	char *field = strrchr(stat, ')'), *rest = NULL;
	uint64_t ticks;
	int i;

	if (!field)
		return false;
	field = strtok_r(field + 1, " ", &rest);
	for (i = 1; field && i < STAT_BEGIN; i++)
		field = strtok_r(NULL, " ", &rest);
	if (!field || !ttmem__number(field, UINT64_MAX / NSEC_PER_SEC, &ticks))
		return false;
	*begin = ticks * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	return true;
}

/* What is read of a process, all of the same one. */
struct look {
	uint64_t begin;
	uid_t uid;
	char cgroup[CGROUP_SIZE];
};

static bool look_at(pid_t pid, struct look *look)
{
	static char text[16384];
	char path[TTMEM_PATH_SIZE];
	struct stat st;
	bool ok;
	int dir;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d", pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	ok = !fstat(dir, &st) && read_at(dir, "stat", text, sizeof(text)) &&
	     parse_begin(text, &look->begin);
	look->uid = st.st_uid;
	/* Behind the directory is always this process, never a later one. */
	if (ok) {
		ok = read_at(dir, "cgroup", text, sizeof(text));
		if (ok && !cgroup_choose(text, look->cgroup, sizeof(look->cgroup)))
			look->cgroup[CGROUP_SIZE - 2] = '+';
		ok = ok && look->cgroup[0];
	}
	close(dir);
	return ok;
}

void process_seen(const struct event *event, uint64_t now)
{
	struct process **at = place_of(event->pid), *process = *at;
	static struct look look;
	struct user *user;
	size_t len;

	if (process && process->round == round_now)
		return;
	if (event->pid <= 0 || !look_at(event->pid, &look) || look.begin > event->time) {
		/* It may have been this one, or a later one that has gone already. */
		if (process && event->client < process->doubt)
			process->doubt = event->client;
		return;
	}
	if (process && process->begin == look.begin && !strcmp(process->cgroup, look.cgroup)) {
		if (event->client < process->first)
			process->first = event->client;
		process->uid = look.uid;
		process->gone = 0;
		process->round = round_now;
		return;
	}

	user = user_of(look.uid, now);
	len = strlen(look.cgroup) + 1;
	if (!process && (count >= PROCESSES_MAX ||
			 user->processes >= PROCESSES_MAX / SHARE))
		return;
	process = malloc(sizeof(*process) + len);
	if (!process)
		out_of_memory();
	*process = (struct process) {
		.user = user, .pid = event->pid, .uid = look.uid, .begin = look.begin,
		.first = event->client,
		.doubt = UINT64_MAX, .round = round_now,
	};
	/* The same one may have gone to another control group meanwhile. */
	if (*at && (*at)->begin == look.begin && (*at)->first < process->first)
		process->first = (*at)->first;
	memcpy(process->cgroup, look.cgroup, len);
	if (*at)
		drop(at);
	process->next = *at;
	*at = process;
	user->processes++;
	count++;
}

const char *process_cgroup(const struct event *event)
{
	const struct process *process = *place_of(event->pid);
	static struct look look;

	/*
	 * A later process with its number that uses a file which another one opened has no
	 * EVENT_BEGIN. Of another user it is not the same process.
	 */
	if (process && event->client >= process->first && event->client < process->doubt &&
	    process->uid == event->uid)
		return process->cgroup;
	/*
	 * It used a file that another one opened, or began before this program. Its number
	 * is its own as long as it is there. One that began later than the client may have
	 * the number of one that is gone.
	 */
	if (event->pid > 0 && look_at(event->pid, &look) && look.begin <= event->begin &&
	    look.uid == event->uid)
		return look.cgroup;
	return ACCOUNT_NO_CGROUP;
}

void processes_forget_all(void)
{
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		while (table[i])
			drop(&table[i]);
}

void processes_forget(uint64_t now)
{
	static uint64_t last;
	struct process **at;
	unsigned int i;

	/* It is a call for each; more often only where room is needed. */
	if (now - last < (count >= PROCESSES_MAX / 2 ? 1 : 60) * NSEC_PER_SEC)
		return;
	last = now;
	for (i = 0; i < BUCKETS; i++)
		for (at = &table[i]; *at; ) {
			bool gone = kill((*at)->pid, 0) && errno == ESRCH;

			if (gone && (*at)->gone && now - (*at)->gone >= KEEP) {
				drop(at);
				continue;
			}
			if (!gone || !(*at)->gone)
				(*at)->gone = gone ? now : 0;
			at = &(*at)->next;
		}
}
