// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of each board.
 *
 * Where the numbers come from:
 *
 * - Board ids and the boards' names: tt-umd, cluster_descriptor_types.hpp; the
 *   names as TT-KMD's attribute tt_card_type spells them.
 * - DRAM: channels and bytes a channel of the chip, tt-umd, tests/soc_descs
 *   (Wormhole 12 x 1 GiB; Blackhole 8 x 4 GiB, of which a p100a has 7), and
 *   docs.tenstorrent.com for the boards.
 * - Tensix cores: docs.tenstorrent.com and tt-umd's example clusters. They are
 *   what is left after harvesting; firmware may leave others.
 * - L1 of a Tensix core: tt-umd, tests/soc_descs: 1,499,136 bytes on Wormhole,
 *   1,572,864 on Blackhole.
 *
 * A PCI subsystem id is the board's id on the galaxies, where TT-KMD itself
 * relies on it. The other boards are taken to do the same; one that does not
 * is not found here and falls back on its PCI device id, which promises only
 * what holds for every board with that chip. A Wormhole may then have a second
 * chip; whether it does, and how many cores are left, is not known.
 */

#include <linux/kernel.h>
#include <linux/sizes.h>

#include "board.h"

#define WORMHOLE_L1	1499136ULL
#define BLACKHOLE_L1	1572864ULL

#define WORMHOLE(cores) {					\
	.dram_total = 12ULL * SZ_1G, .dram_banks = 12,		\
	.l1_total = (cores) * WORMHOLE_L1, .l1_banks = (cores),	\
}

#define BLACKHOLE(channels, cores) {				\
	.dram_total = (channels) * 4ULL * SZ_1G,		\
	.dram_banks = (channels),				\
	.l1_total = (cores) * BLACKHOLE_L1, .l1_banks = (cores),\
}

static const struct ttmem_board boards[] = {
	{ "n150", TTMEM_PCI_WORMHOLE, 0x18, 1, { WORMHOLE(72) } },
	{ "n300", TTMEM_PCI_WORMHOLE, 0x14, 2, { WORMHOLE(64), WORMHOLE(64) } },
	{ "galaxy-wormhole", TTMEM_PCI_WORMHOLE, 0x35, 1, { WORMHOLE(80) } },
	{ "p100a", TTMEM_PCI_BLACKHOLE, 0x43, 1, { BLACKHOLE(7, 120) } },
	{ "p150a", TTMEM_PCI_BLACKHOLE, 0x40, 1, { BLACKHOLE(8, 120) } },
	{ "p150b", TTMEM_PCI_BLACKHOLE, 0x41, 1, { BLACKHOLE(8, 120) } },
	{ "p150c", TTMEM_PCI_BLACKHOLE, 0x42, 1, { BLACKHOLE(8, 120) } },
	/* A p300 is two PCI functions with one chip each. */
	{ "p300a", TTMEM_PCI_BLACKHOLE, 0x45, 1, { BLACKHOLE(8, 120) } },
	{ "p300b", TTMEM_PCI_BLACKHOLE, 0x44, 1, { BLACKHOLE(8, 120) } },
	{ "p300c", TTMEM_PCI_BLACKHOLE, 0x46, 1, { BLACKHOLE(8, 120) } },
	{ "galaxy-blackhole", TTMEM_PCI_BLACKHOLE, 0x47, 1, { BLACKHOLE(8, 130) } },
};

static const struct ttmem_board fallbacks[] = {
	{ "", TTMEM_PCI_WORMHOLE, 0, 2, {
		{ .dram_total = 12ULL * SZ_1G, .dram_banks = 12 },
	} },
	{ "", TTMEM_PCI_BLACKHOLE, 0, 1, { BLACKHOLE(8, 120) } },
};

/* A chip that came after this module: everything is counted, nothing refused. */
static const struct ttmem_board unknown = { "", 0, 0, 1, { } };

/**
 * ttmem_board_find() - Look up what is known of a card's board.
 * @device_id: the card's PCI device id
 * @subsystem_vendor_id: its PCI subsystem vendor id
 * @subsystem_id: its PCI subsystem id
 *
 * Context: Any.
 * Return: the board, or what holds for every board with that chip if the
 * board is not known; never NULL.
 */
const struct ttmem_board *ttmem_board_find(u16 device_id, u16 subsystem_vendor_id,
					   u16 subsystem_id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(boards); i++)
		if (subsystem_vendor_id == TTMEM_PCI_VENDOR &&
		    boards[i].device_id == device_id &&
		    boards[i].subsystem_id == subsystem_id)
			return &boards[i];

	for (i = 0; i < ARRAY_SIZE(fallbacks); i++)
		if (fallbacks[i].device_id == device_id)
			return &fallbacks[i];

	return &unknown;
}
