/* SPDX-License-Identifier: GPL-2.0-only */
/* Places in arrays, by name, in a time that does not grow with how many there are. */
#ifndef TTMEM_SMI_LOOKUP_H
#define TTMEM_SMI_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#define NOWHERE		SIZE_MAX

/* All 0 at first. */
struct lookup {
	struct lh_table *table;
};

/**
 * lookup() - find the place of a name
 * @lookup: where
 * @format: the name, as for printf()
 *
 * Lack of memory ends the program.
 * Return: the place, to be changed there; NOWHERE if it is a new name
 */
__attribute__((format(printf, 2, 3)))
size_t *lookup(struct lookup *lookup, const char *format, ...);

/**
 * lookup_free() - forget all names
 * @lookup: where
 */
void lookup_free(struct lookup *lookup);

#endif /* TTMEM_SMI_LOOKUP_H */
