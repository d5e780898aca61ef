/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tt-metal keeps in /dev/shm/tt_device_ID_memory: one table of offsets for
 * ttmem-metald, which reads it, and for the tests' player, which writes it.
 * Versions 2, 3 and 4 have the same offsets; 4 tells at the end when the rest is
 * ready.
 */
#ifndef TTMEM_METALD_LAYOUT_H
#define TTMEM_METALD_LAYOUT_H

#define LAYOUT_SIZE		8576

#define LAYOUT_FIRST		2	/* versions that are known */
#define LAYOUT_LAST		4

#define LAYOUT_VERSION		0	/* u32, 0 until the region is set up */
#define LAYOUT_ACTIVE		4	/* u32, processes that have an entry */
#define LAYOUT_STAMP		8	/* u64, ns, the last change */
#define LAYOUT_REFERENCES	16	/* u32 */
#define LAYOUT_ASIC_ID		32	/* u64 */
#define LAYOUT_DEVICE_ID	40	/* i32, tt-metal's own number of the chip */
#define LAYOUT_TOTALS		48	/* u64 of each kind */
#define LAYOUT_READY		8536	/* u32, from version 4 on */
#define LAYOUT_READY_VALUE	0x52454459u

#define LAYOUT_CHIPS		88
#define LAYOUT_CHIP_SIZE	48
#define LAYOUT_CHIP_COUNT	16
#define LAYOUT_CHIP_BYTES	8	/* u64 of each kind */

#define LAYOUT_ENTRIES		856
#define LAYOUT_ENTRY_SIZE	120
#define LAYOUT_ENTRY_COUNT	64
#define LAYOUT_ENTRY_PID	0	/* i32, 0 if free */
#define LAYOUT_ENTRY_BYTES	8	/* u64 of each kind */
#define LAYOUT_ENTRY_STAMP	48	/* u64, ns */
#define LAYOUT_ENTRY_NAME	56
#define LAYOUT_ENTRY_NAME_SIZE	64

/* The kinds of bytes, in the order in which each of the tables has them. */
enum layout_kind {
	LAYOUT_DRAM,
	LAYOUT_L1,
	LAYOUT_L1_SMALL,
	LAYOUT_TRACE,
	LAYOUT_CB,
	LAYOUT_KINDS
};

/*
 * A stamp is in ns of CLOCK_MONOTONIC or of CLOCK_REALTIME; what is this large is
 * of the latter, whose value it had in 2001.
 */
#define LAYOUT_STAMP_REALTIME	1000000000000000000ull

#endif /* TTMEM_METALD_LAYOUT_H */
