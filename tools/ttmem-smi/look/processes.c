// SPDX-License-Identifier: GPL-2.0-only
/* Who uses a card: those in its books, and those that have it open. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "internal.h"
#include "look/parts.h"

static struct process *add_process(struct snapshot *snap, unsigned int card)
{
	struct process *p;

	snap->process = grow(snap->process, snap->processes, sizeof(*p));
	p = &snap->process[snap->processes++];
	p->card = card;
	return p;
}

static bool same_process(const struct ttmem_client *a,
			 const struct ttmem_client *b)
{
	return a->chip == b->chip && a->pid == b->pid &&
	       (a->pid || a->client == b->client);
}

/* A client's peak of a memory stands in each of its lines of that. */
static bool same_peak(const struct ttmem_client *a, const struct ttmem_client *b)
{
	return a->client == b->client && a->memory == b->memory;
}

/* Add up what a client's line says. */
static void add_line(struct process *p, const struct ttmem_client *c,
		     bool add_peak)
{
	if (c->tag != TTMEM_TAG_NONE)
		p->holds = true;
	if (c->source <= TTMEM_SOURCE_ATTRIBUTED)
		p->sources |= 1u << c->source;
	p->reservations += c->reservations;
	if (c->memory == TTMEM_UNKNOWN)
		return;
	add_bytes(&p->bytes[c->memory], c->bytes);
	if (c->tag < TAGS)
		add_bytes(&p->tag[c->memory][c->tag], c->bytes);
	if (add_peak)
		add_bytes(&p->peak[c->memory], c->peak);
}

void add_clients(struct snapshot *snap, unsigned int card,
		 const struct ttmem_client *list, size_t count)
{
	pid_t self = ttmem__self();
	struct process *p = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].pid == self)
			continue;
		if (p && same_process(&list[i - 1], &list[i])) {
			add_line(p, &list[i], !same_peak(&list[i - 1], &list[i]));
			continue;
		}
		p = add_process(snap, card);
		p->chip = list[i].chip;
		p->reports = true;
		p->pid = list[i].pid;
		p->has_uid = true;
		p->uid = list[i].uid;
		p->name = list[i].command;
		add_line(p, &list[i], true);
	}
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Whether a process can be seen from here, and whose it is. */
static bool see_process(pid_t pid, uid_t *uid)
{
	char path[TTMEM_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), TTMEM_PROC "/%d", pid);
	if (stat(path, &st))
		return false;
	*uid = st.st_uid;
	return true;
}

/* Add a process that has the card open and reports nothing; 0 if it is not seen. */
static void add_silent(struct snapshot *snap, unsigned int card, pid_t pid, uid_t uid)
{
	struct process *p = add_process(snap, card);

	p->open = true;
	p->pid = pid;
	p->has_uid = pid;
	p->uid = uid;
}

/*
 * Add those that have the card open and report nothing; from @from on are those
 * in the books. One that is not visible from here may be one of these, so it
 * counts only if none of them that is not visible holds anything. A process that
 * has ended and left its file to another one is taken for an invisible one, as
 * its number may belong to somebody else.
 */
int add_openers(struct snapshot *snap, unsigned int card, size_t from)
{
	size_t first = snap->processes, count, i;
	bool hidden = false, *listed;
	pid_t *pids, *pid;
	int ret;

	ret = ttmem__openers(card, &pids, &count);
	if (ret == -ENOMEM)
		out_of_memory();
	listed = calloc(count + 1, sizeof(*listed));
	if (!listed)
		out_of_memory();
	for (i = from; i < first; i++) {
		struct process *p = &snap->process[i];

		if (!p->pid) {
			hidden |= p->holds;
			continue;
		}
		pid = count ? bsearch(&p->pid, pids, count, sizeof(*pids),
				      compare_pids) : NULL;
		if (pid) {
			p->open = true;
			listed[pid - pids] = true;
		}
	}
	for (i = 0; i < count; i++) {
		uid_t uid = 0;
		bool seen;

		if (listed[i])
			continue;
		seen = pids[i] && see_process(pids[i], &uid);
		if (!seen && hidden)
			continue;
		hidden |= !seen;
		add_silent(snap, card, seen ? pids[i] : 0, uid);
	}
	free(listed);
	free(pids);
	if (snap->processes > first)
		qsort(snap->process + first, snap->processes - first,
		      sizeof(*snap->process), by_pid);
	return ret;
}

void free_process(struct process *p)
{
	free(p->user);
	free(p->command);
}

void drop_idle(struct snapshot *snap, size_t from)
{
	size_t i, kept = from;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (p->holds || p->open)
			snap->process[kept++] = *p;
		else
			free_process(p);
	}
	snap->processes = kept;
}

void name_processes(struct snapshot *snap, size_t from, bool commands)
{
	size_t i;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (p->has_uid)
			p->user = copy(user_name(p->uid));
		if (p->pid && commands)
			p->command = read_command(p->pid, p->name, &p->has_line);
		p->name = NULL;
	}
}

void drop_processes(struct snapshot *snap, size_t from)
{
	while (snap->processes > from)
		free_process(&snap->process[--snap->processes]);
}

void keep_processes(struct snapshot *snap, size_t from, struct filter *filter)
{
	size_t i, kept = from;

	for (i = from; i < snap->processes; i++) {
		struct process *p = &snap->process[i];

		if (filter_takes(filter, p->pid, p->has_uid, p->uid))
			snap->process[kept++] = *p;
		else
			free_process(p);
	}
	snap->processes = kept;
}

const char *source_name(const struct process *process)
{
	static const char * const names[] = {
		[1 << TTMEM_SOURCE_SELF] = "self",
		[1 << TTMEM_SOURCE_ATTRIBUTED] = "attributed",
		[1 << TTMEM_SOURCE_SELF | 1 << TTMEM_SOURCE_ATTRIBUTED] = "both",
	};

	return names[process->sources];
}
