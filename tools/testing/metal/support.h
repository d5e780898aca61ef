/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of ttmem-metald share: cards and processes made by hand, played
 * programs, ttmem-metald started and watched. Everything here asserts.
 */
#ifndef METAL_SUPPORT_H
#define METAL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "../common/system.h"
#include "../common/tree.h"

/* How long anything may take that is waited for, in ms. */
#define PATIENCE	60000

/* Wait for something, as long as anything may take. */
#define await(condition) \
	do { \
		uint64_t end_ = st_now_ms() + PATIENCE; \
		while (!(condition)) { \
			if (st_now_ms() > end_) \
				fail_msg("waited in vain for " #condition \
					 "; ttmem-metald's log:\n%s", slurp("log")); \
			usleep(2000); \
		} \
	} while (0)

/* A tree with nothing but proc/self in it, removed again with what was started before it. */
int tree_setup(void **state);
int tree_teardown(void **state);

/* Cards 0 to @count - 1 of @chips chips, which nobody has open, with TT-KMD 2.10. */
void put_cards(unsigned int count, unsigned int chips);
/* Who has a card open, by TT-KMD's list, ended by 0; they are in proc from now on. */
void put_pids(unsigned int card, ...);
void put_list(unsigned int card, const char *text);
/* How many clients hold something on it, in sysfs. */
void put_clients(unsigned int card, const char *text);
void put_proc(pid_t pid);
/* A process that is none, with files of its own in proc/PID. */
void put_fake(pid_t pid, uid_t uid, const char *environment);

/* A played program. */
struct player {
	pid_t child;	/* ours */
	pid_t pid;	/* the program, which is another where it is in a namespace */
	FILE *to;
	FILE *from;
};

struct player player_start(const char *option);
/* One that has card 0 open, and nobody else has. */
struct player player_with_card(void);
/* Say a line; return what it answers, up to the next call. */
char *player_say(struct player *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, and it answers "ok". */
#define player_do(p, ...) assert_string_equal(player_say(p, __VA_ARGS__), "ok")
/* It attaches to a chip's region, as tt-metal's device 0, and holds so much DRAM. */
void player_hold(struct player *p, uint64_t id, uint64_t dram);
void player_kill(struct player *p);
void player_end(struct player *p);
/* A chip's id that no other test has; its region is removed with the tree. */
uint64_t new_id(void);

/* ttmem-metald with these arguments, ended by NULL; errors go into the file "log". */
void metald_start(const char *argument, ...);
int metald_end(int signal);
extern pid_t metald_pid;
/* So many files it may have open; 0: as many as this. */
extern rlim_t metald_files;
/* Which ttmem-metald, if not the usual. */
extern const char *metald_program;
/* What it has in memory; -1 if it has ended. */
long metald_rss_kib(void);
/* Run it to its end. */
int metald_run(const char *arguments, char **out, char **errors);
/* It has looked at everything once more since this was called. */
void await_look(void);

/* What it has told the node, by kernel.c; -1 if nothing was, or its client has ended. */
int64_t told(unsigned int card, pid_t pid, unsigned int chip, unsigned int memory,
	     unsigned int tag);
size_t told_lines(void);
size_t count_text(const char *path, const char *text);

#endif /* METAL_SUPPORT_H */
