/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that tests make fail, in one place after the other, on card 0: each returns 0 or a
 * negative errno, and asserts nothing.
 */
#ifndef CALLS_H
#define CALLS_H

#include "selftest.h"

/**
 * struct subject - what the calls have to work with
 * @client: an open file, whose client they are made for
 * @handle: one of its reservations
 * @opened: what call_open() has opened, or below 0
 * @page: what call_map() has mapped, or NULL
 */
struct subject {
	int client;
	uint64_t handle;
	int opened;
	int64_t *page;
};

extern struct subject subject;

int call_open(void);
int call_info(void);
int call_reserve_labelled(void);
int call_free(void);
int call_free_all(void);
int call_set(void);
int call_list(void);
/* It takes a client that holds nothing. */
int call_attribute(void);
/* The page is made at the first call, so each try has a file of its own. */
int call_map(void);
int call_read_card(void);
int call_read_clients(void);
int call_invalidate(void);

/* Read a file to its end, without an allocation of one's own. */
int call_read(const char *path);

/* Close and unmap what a try had. */
void subject_clean(void);

#endif /* CALLS_H */
