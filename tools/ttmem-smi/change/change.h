/* SPDX-License-Identifier: GPL-2.0-only */
/* What root may change of the books of cards. */
#ifndef TTMEM_SMI_CHANGE_H
#define TTMEM_SMI_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "look/look.h"

/* What is to be changed. */
enum change_kind { CHANGE_CAPACITY, CHANGE_PEAKS, CHANGE_INVALIDATE };

struct change_args {
	enum change_kind kind;
	const char *capacity;	/* as "dram=12G,l1=100M" */
	int chip;		/* -1 for all */
	bool yes;		/* do not ask */
};

/**
 * change_check() - see whether a capacity is one
 * @args: what was typed
 * @why: what is wrong with it
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool change_check(const struct change_args *args, char *why, size_t why_size);

/**
 * change_cards() - ask, unless told not to, and do it
 * @out: where to tell what was done
 * @want: to which cards
 * @args: what
 * Return: the status to end with
 */
int change_cards(FILE *out, const struct want *want,
		 const struct change_args *args);

#endif /* TTMEM_SMI_CHANGE_H */
