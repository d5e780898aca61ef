/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of ttmem share beside ../common: values of its files, the books checked,
 * children that may fail, and the machine left as it was.
 *
 * Everything here asserts: what a helper cannot do fails the test that asked.
 * A child made by st_spawn() may assert too, it then dies and st_join() fails.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "../common/node.h"

/* How long anything may take that is waited for, in milliseconds: emulated machines are slow. */
#define ST_PATIENCE	120000

/* Files and parameters. */
uint64_t st_get(int card, int chip, const char *name);
int st_put(int card, int chip, const char *name, const char *text);
uint64_t st_param(const char *name);
void st_set_param(const char *name, const char *text);
void st_must_write(const char *path, const char *text);

/* Cards. */
int st_cards(void);
int st_chips(int card);
int st_card_with_chips(int chips);
const char *st_board(int card);
const char *st_pci(int card);
bool st_attached(int card);
void st_await_attached(int card, bool attached);
void st_await_all_attached(bool attached);

/* A card taken from its driver, or from the machine, and given back; 0 or a negative errno. */
int st_unbind(int card);
int st_bind(int card);
int st_remove(int card);
int st_rescan(int card);

/* The tag of a line that tells only a peak. */
#define ST_NO_TAG	(~0u)

/* A line of the list of clients. */
struct st_line {
	int card;
	uint64_t client;
	int64_t pid;
	int64_t uid;
	uint32_t chip;
	uint32_t memory;
	uint32_t tag;
	uint64_t bytes;
	uint64_t peak;
	uint64_t reservations;
	bool attributed;
	char command[128];
};

/* The lines of a card: all, and those that have bytes. */
size_t st_list(int card, struct st_line **lines);
size_t st_clients(int card, struct st_line **lines);
struct st_line st_only_line(int card);
uint64_t st_own_peak(int card, uint64_t client, uint32_t chip, uint32_t memory);
bool st_tag_fits(uint32_t memory, uint32_t tag);
extern const char *const st_memory_names[2];
extern const char *const st_tag_names[5];

/* The books: sysfs against the list of clients. */
void st_check_books(int card);
void st_check_used(int card, uint64_t dram, uint64_t l1);
char *st_snapshot(int card);

/* Of an open node: what node.h has not, as it asserts. */
int st_open(int card);
/* @count reservations of 64 bytes. */
void st_reserve_many(int fd, long count);
uint64_t st_client(int fd);
void st_check_dead(int fd, const char *fdinfo_state);
uint64_t st_fdinfo(int fd, const char *key, char *text, size_t size);

/* Children: @fn runs in the child with one end of a socket to the parent. */
struct st_child {
	pid_t pid;
	int sock;
};

struct st_child st_spawn(void (*fn)(int sock, void *arg), void *arg);
void st_say(int sock);
void st_hear(int sock);
/* A child becomes cat, and the parent waits until it is, which ends when @sock does. */
void st_become_cat(int sock);
void st_await_cat(int sock);
struct st_child st_spawn_in_pid_namespace(void (*fn)(int sock), pid_t *inner);
void st_join(struct st_child *child);
void st_kill(struct st_child *child);
void st_send_fd(int sock, int fd);
int st_receive_fd(int sock);

/* @count of something to make, or a part of it where ST_DIVISOR says that each is dear. */
long st_many(long count);
/* Waiting for an event: true as soon as @done is, false after ST_PATIENCE. */
bool st_await(bool (*done)(void *arg), void *arg);

/* Modules and buses. */
int st_load(const char *variable, const char *parameters);
int st_module_refs(const char *module);

/* Around each test and around each program. */
int st_group_setup(void **state);
int st_group_teardown(void **state);
int st_teardown(void **state);
#define ST_TEST(fn)	cmocka_unit_test_teardown(fn, st_teardown)
#define ST_RUN(tests)	cmocka_run_group_tests(tests, st_group_setup, st_group_teardown)

/* @call is refused with @error and has changed no file that ttmem shows, except denied. */
#define ST_REFUSED(card, call, error) \
	do { \
		char *before_ = st_snapshot(card); \
		uint64_t denied_ = st_get(card, ST_CARD, "denied"); \
		char *after_; \
\
		assert_int_equal((call), -(error)); \
		after_ = st_snapshot(card); \
		assert_string_equal(after_, before_); \
		if ((error) == ENOSPC || (error) == EDQUOT) \
			denied_++; \
		assert_int_equal(st_get(card, ST_CARD, "denied"), denied_); \
		free(before_); \
		free(after_); \
	} while (0)

#endif /* SELFTEST_H */
