/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-smi: one look at the cards (collect.c), the ways to show it (table.c,
 * list.c, query.c, json.c, monitor.c), one process's reservations
 * (reservations.c), what root may change (levers.c), and how text is made fit
 * for people (text.c). main.c takes the arguments and looks again and again.
 */
#ifndef TTMEM_SMI_H
#define TTMEM_SMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "base/base.h"
#include "internal.h"
#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

/* Root's levers. */
enum lever { LEVER_CAPACITY, LEVER_PEAKS, LEVER_INVALIDATE };

struct lever_args {
	enum lever lever;
	const char *capacity;	/* as "dram=12G,l1=100M" */
	int chip;		/* -1 for all */
	bool yes;		/* do not ask */
};

/**
 * lever_check() - see whether a capacity is one
 * @args: what was typed
 * @why: what is wrong with it
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool lever_check(const struct lever_args *args, char *why, size_t why_size);

/**
 * pull_lever() - ask, unless told not to, and do it
 * @out: where to tell what was done
 * @want: to which cards
 * @args: what
 * Return: the status to end with
 */
int pull_lever(FILE *out, const struct want *want,
	       const struct lever_args *args);

/**
 * top_main() - run `ttmem-smi top`
 * @argc: how many arguments
 * @argv: the arguments, from "top" on
 * Return: the status to end with
 */
int top_main(int argc, char **argv);

/**
 * watch_main() - ttmem-smi watch
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int watch_main(int argc, char **argv);

/**
 * doctor_main() - ttmem-smi doctor
 * @argc: how many arguments, from its name on
 * @argv: the arguments
 * Return: the status to end with
 */
int doctor_main(int argc, char **argv);

/* Recordings, see record.h. They take the arguments from their name on. */

/**
 * record_main() - ttmem-smi record
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int record_main(int argc, char **argv);

/**
 * report_main() - ttmem-smi report
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int report_main(int argc, char **argv);

#endif /* TTMEM_SMI_H */
