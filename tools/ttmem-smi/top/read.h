/* SPDX-License-Identifier: GPL-2.0-only */
/* What sysfs and procfs tell, for the model, and of what a process holds. */
#ifndef TTMEM_SMI_TOP_READ_H
#define TTMEM_SMI_TOP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "libttmem.h"
#include "top/model.h"

/**
 * top_read() - look at the cards and at who uses them
 * @top: the model
 * @now: seconds of a clock that only goes on
 *
 * What is missing is told in @top->problem.
 * Return: EXIT_OK, or the status that ttmem-smi would end with
 */
int top_read(struct top *top, double now);

/**
 * top_read_host() - look at what processes use of the host, once a second
 * @top: the model, arranged
 * @first: the first process that is seen
 * @count: how many are
 * @now: as for top_read()
 */
void top_read_host(struct top *top, size_t first, size_t count, double now);

/**
 * read_host_stat() - read what /proc tells of a process
 * @pid: the process
 * @stat: out
 * Return: whether it does
 */
bool read_host_stat(pid_t pid, struct host_stat *stat);

/* A line of a process's reservations. */
struct held {
	unsigned int card;
	bool sum;		/* by gauge or counter: only size, memory and tag */
	struct ttmem_reservation is;
};

struct held_list {
	struct held *held;
	size_t count;
	char problem[512];	/* why there are none, or not all */
};

/**
 * top_read_held() - list what a process has reserved
 * @top: the model
 * @key: whom
 * @list: out, to be freed with held_free()
 */
void top_read_held(const struct top *top, const struct top_key *key,
		   struct held_list *list);

/**
 * held_free() - free a list
 * @list: the list
 */
void held_free(struct held_list *list);

#endif /* TTMEM_SMI_TOP_READ_H */
