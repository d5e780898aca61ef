/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests against hostile users share: other users, crowds of open files, a
 * bystander whose longest wait is measured, a reader that gets stuck, memory cgroups,
 * and allocations that fail one after the other.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "selftest.h"

/* Users that own nothing. Above 63, so that a number of theirs takes a tree of two levels. */
#define MALLORY		4001
#define ALICE		4002

/* The calling process, a child, becomes a user for good, with no group and no capability. */
void hostile_become(uid_t uid);
/* The same, but with this group beside his own. */
void hostile_become_member(uid_t uid, gid_t group);
/* It may open this many files from now on. Root calls it, before hostile_become(). */
void hostile_allow_files(long count);
void hostile_pin(int cpu);
int hostile_cpus(void);

/* Waits for a child's end: its status, or the signal below 0. It stays to be joined or killed. */
int hostile_end(struct st_child *child);

/**
 * struct crowd - a process with many open files of one card
 * @uid: whose it is
 * @card: the card
 * @files: how many
 * @gauges: each file sets all gauges that the card has
 * @pages: each file has its counter page, which is not mapped any more
 * @child: the process; to kill it closes the files
 */
struct crowd {
	uid_t uid;
	int card;
	long files;
	bool gauges;
	bool pages;
	struct st_child child;
};

void crowd_gather(struct crowd *crowd);
void crowd_go(struct crowd *crowd);

/* A user who reserves and frees as fast as it goes, on one processor. */
struct bystander;

struct bystander *bystander_start(uid_t uid, int card, int cpu);
/* Pairs of RESERVE and FREE that were answered since it began, by ENODEV too. */
uint64_t bystander_pairs(const struct bystander *b);
/* The longest time between two answers since it was asked last, in nanoseconds. */
uint64_t bystander_longest(struct bystander *b);
void bystander_stop(struct bystander *b);

/* False where the kernel has no userfaultfd. */
bool stuck_possible(void);
/* A user calls @fn with a page that nobody brings, and does not come back from it. */
struct st_child stuck_in(uid_t uid, void (*fn)(void *page));
bool stuck_still(struct st_child *child);

/* A memory cgroup of this name, empty; what it may have in bytes; its slab; gone again. */
void cgroup_make(const char *name, uint64_t limit);
void cgroup_enter(const char *name);
uint64_t cgroup_current(const char *name);
uint64_t cgroup_stat(const char *name, const char *key);
uint64_t cgroup_event(const char *name, const char *key);
void cgroup_remove(const char *name);

/*
 * Allocations that fail: the first @times after those that take @bytes together. Of one slab
 * cache, or of any with NULL. faults_disarm() tells how many have failed. Only processes
 * that root has marked are concerned; faults_begin() and faults_end() mark the caller, too.
 */
bool faults_possible(void);
void faults_mark(bool on);
void faults_arm(long bytes, long times, const char *cache);
long faults_disarm(void);
void faults_begin(long bytes, long times, const char *cache);
long faults_end(void);
/* Where a test failed half way. */
void faults_stop(void);

#endif /* HOSTILE_H */
