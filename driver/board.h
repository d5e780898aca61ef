/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_BOARD_H
#define TTMEM_BOARD_H

#include <linux/types.h>

#define TTMEM_PCI_VENDOR	0x1e52
#define TTMEM_PCI_WORMHOLE	0x401e
#define TTMEM_PCI_BLACKHOLE	0xb140

/* No board has more ASICs behind one PCI function. */
#define TTMEM_CHIPS_MAX		2

/**
 * struct ttmem_board_chip - what is known of one chip
 * @dram_total: bytes, all banks together; 0 if not known
 * @dram_banks: DRAM channels; 0 if not known
 * @l1_total: bytes, all Tensix cores together; 0 if not known
 * @l1_banks: Tensix cores; 0 if not known
 */
struct ttmem_board_chip {
	u64 dram_total;
	u32 dram_banks;
	u64 l1_total;
	u32 l1_banks;
};

/**
 * struct ttmem_board - what is known of a board: defaults, which root may
 * overwrite in memory_stats/chipK/
 * @name: as TT-KMD's tt_card_type spells it; empty if the board is not known
 * @device_id: PCI device id
 * @subsystem_id: PCI subsystem id, which is the board's id
 * @chips: chips behind one PCI function, at most TTMEM_CHIPS_MAX
 * @chip: what is known of each
 */
struct ttmem_board {
	const char *name;
	u16 device_id;
	u16 subsystem_id;
	unsigned int chips;
	struct ttmem_board_chip chip[TTMEM_CHIPS_MAX];
};

const struct ttmem_board *ttmem_board_find(u16 device_id, u16 subsystem_vendor_id,
					   u16 subsystem_id);

#endif /* TTMEM_BOARD_H */
