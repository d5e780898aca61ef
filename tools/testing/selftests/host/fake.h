/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ttmem and TT-KMD show of cards, made by hand in a tree of common/tree.h, and
 * programs that are run before it.
 */
#ifndef FAKE_H
#define FAKE_H

#include <stddef.h>

#include "../../common/system.h"
#include "../../common/tree.h"

/*
 * Around each test: the directory is made, entered, and removed. What runs before it sees
 * 2025-11-24 16:00:00.123 UTC.
 */
int fake_setup(void **state);
int fake_teardown(void **state);

/* A card of TT-KMD's. */
void put_card(unsigned int n, const char *address);

/*
 * What ttmem shows of it: all files, nothing used, an n300's capacity. With the
 * first one comes an empty list of clients.
 */
void put_books(unsigned int n, unsigned int chips);

/* The list of clients of all cards: these lines below the header. */
void put_clients(const char *lines);

/* A file of memory_stats/ of a chip or, with a @chip of -1, of the card. */
void put_stat(unsigned int n, int chip, const char *name,
	      unsigned long long value);

/* Used and total of a pool of a chip, as text. */
void put_pool(unsigned int n, unsigned int chip, const char *memory,
	      const char *used, const char *total);

/* A process without a command line. */
void put_process(int pid, const char *comm);

/*
 * Run a shell command on a terminal of so many columns, with @answer typed in.
 * What it prints comes with line feeds alone.
 * Return: its exit status
 */
int run_on_terminal(const char *command, unsigned int columns,
		    const char *answer, char *out, size_t out_size);

/*
 * A transcript: begun, each command noted with what it printed, and at its end
 * compared whole with expected/NAME. With TTMEM_UPDATE in the environment it is
 * written there first.
 */
void begin(void);
void note(const char *command, int status, const char *out, const char *errors);
void end(const char *name);

#endif /* FAKE_H */
