/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processes of the stress test share. stress.c is the main process, which checks;
 * it begins what worker.c has, a program that uses ttmem, and what root.c has, which pulls
 * cards, unloads modules and writes what only root may write. These two know this file
 * alone.
 *
 * Whoever finds a mistake fails an assertion and so aborts; the main process sees
 * a process that ended otherwise than it should, and ends the test.
 */
#ifndef STRESS_SHARED_H
#define STRESS_SHARED_H

#include <stdatomic.h>

#include "selftest.h"

#define SLOTS_MAX	64

/* The workers' cgroups: one that all are in, and below it theirs. */
#define GROUP		"ttmem-stress"
/* A mount of proc that hides who is not the reader. */
#define HIDING_PROC	"/tmp/ttmem-stress-proc"

/* What is counted, in the order in which it is printed. */
enum count {
	COUNT_OPERATIONS,
	COUNT_OPENED,
	COUNT_LOST,
	COUNT_KILLED,
	COUNT_KILLED_FILES,
	COUNT_FORKED,
	COUNT_EXECED,
	COUNT_PASSED,
	COUNT_ATTRIBUTED,
	COUNT_MAPPED,
	COUNT_PULLED,
	COUNT_TTMEM,
	COUNT_DRIVER,
	COUNT_INVALIDATED,
	COUNT_AUDITED,
	COUNT_COUNTERS,
	COUNT_TARGETS,
	COUNTS,
};

/**
 * struct slot - the place of one worker, which is filled again when it ends
 * @pid: the worker there
 * @files: how many clients the worker there has open
 * @send: where to send it an open file
 * @receive: where it receives them; outlives the worker, with what is in it
 */
struct slot {
	atomic_int pid;
	atomic_int files;
	int send;
	int receive;
};

/**
 * struct shared - what all processes of the test see
 * @seed: of all decisions
 * @cards: how many cards there are
 * @slots: how many workers
 * @files: how many clients a thread of a worker has open at most
 * @rest: root's processes end what they are at, and wait
 * @resting: how many of them do
 * @let_go: not 0: a module is to go, so close all; 2: and open nothing
 * @brawl: a slot + 1: all others rest, and its threads fight for one client; or 0
 * @count: how often what has happened
 * @slot: the workers
 */
struct shared {
	uint64_t seed;
	int cards;
	int slots;
	int files;
	atomic_int rest;
	atomic_int resting;
	atomic_int let_go;
	atomic_int brawl;
	atomic_ullong count[COUNTS];
	struct slot slot[SLOTS_MAX];
};

extern struct shared *shared;

static inline void count(enum count which, unsigned long long n)
{
	atomic_fetch_add_explicit(&shared->count[which], n, memory_order_relaxed);
}

/**
 * struct dice - a sequence of numbers that is a function of the seed
 * @stream: whose sequence it is
 * @step: how many steps it has come
 * @state: of the step that it is at
 *
 * Each step begins anew from @stream and @step: how many numbers one takes
 * depends on what the calls answer, and must not bear on the next.
 */
struct dice {
	uint64_t stream;
	uint64_t step;
	uint64_t state;
};

void dice_make(struct dice *dice, uint64_t kind, uint64_t which, uint64_t life);
void dice_step(struct dice *dice);
uint64_t dice_below(struct dice *dice, uint64_t end);

/* Whether the worker of a slot has a memory cgroup that is too small for it. */
static inline bool slot_is_small(int slot)
{
	return slot % 8 == 7;
}

/* The cgroup of a slot below the one that all are in; "wide" is the others'. */
const char *group_of(int slot);

/* Make what processes share, and have it, which a program does that exec() began, too. */
void shared_make(void);
void shared_map(void);

#endif /* STRESS_SHARED_H */
