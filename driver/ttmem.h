/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What belongs to the module as a whole: its limits, and the delays that
 * tests inject.
 */
#ifndef TTMEM_TTMEM_H
#define TTMEM_TTMEM_H

#include <linux/types.h>

/* A client's reservations stand in slots, the low bits of their handles. */
#define TTMEM_SLOT_BITS		20
#define TTMEM_SLOTS		(1U << TTMEM_SLOT_BITS)

extern unsigned int ttmem_max_reservations;

enum ttmem_test_point {
	TTMEM_TEST_ATTACH,
	TTMEM_TEST_DETACH,
	TTMEM_TEST_EXIT,
	TTMEM_TEST_PROBE_WALK,
	TTMEM_TEST_OPEN,
	TTMEM_TEST_SHOW,
	TTMEM_TEST_STORE,
	TTMEM_TEST_RESERVE,
	TTMEM_TEST_POINTS,
};

#ifdef TTMEM_TEST
void ttmem_test_delay(enum ttmem_test_point point);
#else
static inline void ttmem_test_delay(enum ttmem_test_point point)
{
}
#endif

#endif /* TTMEM_TTMEM_H */
