/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of ttmem-run share. */
#ifndef TTMEM_RUN_H
#define TTMEM_RUN_H

#include <stdbool.h>

void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...);

/**
 * watch() - fork, and look at what the child and its children hold
 * @command: for the report, ended by NULL
 * @status: out, in the parent: the status to exit with
 *
 * Return: false in the child, at once; true in the parent, when the child has
 * ended and the report is printed.
 */
bool watch(char **command, int *status);

#endif /* TTMEM_RUN_H */
