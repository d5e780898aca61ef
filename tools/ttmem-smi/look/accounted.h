/* SPDX-License-Identifier: GPL-2.0-only */
/* What ttmem-account has written down of clients that have ended. */
#ifndef TTMEM_SMI_LOOK_ACCOUNTED_H
#define TTMEM_SMI_LOOK_ACCOUNTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A client that has ended. What is not known is an empty string. */
struct accounted {
	uint32_t card;
	char *address;
	char *board;
	char *serial;
	char *asic;
	uint64_t client;
	pid_t pid;
	uid_t uid;
	char *command;
	char *cgroup;
	uint64_t begin;		/* ms since 1970 */
	uint64_t end;
	uint64_t peak[2][2];	/* bytes, by chip and memory */
};

enum accounting { ACCOUNTING_UNKNOWN, ACCOUNTING_ON, ACCOUNTING_OFF };

struct accounts {
	struct accounted *client;	/* in the order of their ends */
	size_t clients;
	uint64_t left_out;	/* clients that are counted only */
	uint64_t lost_events;
	uint64_t lost_lines;
	uint64_t broken;	/* lines that are none */
	enum accounting state;	/* whether more are being written down */
	bool recording;		/* if it is on: whether ttmem is there */
	uint64_t since_clients;	/* likewise: what it has written down since its begin */
	char why[256];		/* why the log could not be read, else empty */
	int status;		/* to end with then */
};

/**
 * accounts_read() - read the log and whether it goes on
 * @accounts: out; to be freed with accounts_free()
 */
void accounts_read(struct accounts *accounts);

/**
 * accounts_read_state() - see only whether clients are being written down
 * @accounts: out, @accounts->state and what follows from it
 */
void accounts_read_state(struct accounts *accounts);

/**
 * accounts_free() - free what was read
 * @accounts: of accounts_read()
 */
void accounts_free(struct accounts *accounts);

/**
 * accounted_peak() - the most that a client has held on all chips of its card
 * @accounted: the client
 * @memory: of enum ttmem_memory
 * Return: bytes; each chip's peak may have been at another time
 */
uint64_t accounted_peak(const struct accounted *accounted, unsigned int memory);

#endif /* TTMEM_SMI_LOOK_ACCOUNTED_H */
