/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CARD_H
#define TTMEM_CARD_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "board.h"
#include "pool.h"

/**
 * struct ttmem_part - what one client holds of one pool under one tag
 * @reserved: bytes of its reservations
 * @gauge: bytes it has set
 * @largest_free: largest free range of a bank in bytes, as it told with the
 *	gauge; 0 if it did not
 * @reservations: how many
 */
struct ttmem_part {
	u64 reserved;
	u64 gauge;
	u64 largest_free;
	u32 reservations;
};

/**
 * struct ttmem_account - what one client holds of a card
 * @node: in the card's accounts
 * @closed: the client gets ENODEV from now on: the books were invalidated or
 *	the card is gone. Written under the card's lock, never taken back
 * @bytes: what it holds of each pool
 * @part: its part of each pool and tag; they add up to @bytes
 *
 * The client owns the memory; but for @closed, which may be read without, the
 * card's lock guards all of it.
 */
struct ttmem_account {
	struct list_head node;
	bool closed;
	u64 bytes[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	struct ttmem_part part[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
};

/**
 * struct ttmem_tally - what is counted of a chip, and of the card as a whole
 * @clients: clients that hold something
 * @reservations: reservations held
 * @denied: ENOSPC and EDQUOT answered since load
 */
struct ttmem_tally {
	u64 clients;
	u64 reservations;
	u64 denied;
};

/**
 * struct ttmem_pci - which PCI function a card is
 * @domain: PCI domain
 * @bus: bus number
 * @devfn: device and function number
 * @vendor_id: PCI ids
 * @device_id: likewise
 * @subsystem_vendor_id: likewise
 * @subsystem_id: likewise
 */
struct ttmem_pci {
	u32 domain;
	u8 bus;
	u8 devfn;
	u16 vendor_id;
	u16 device_id;
	u16 subsystem_vendor_id;
	u16 subsystem_id;
};

/**
 * struct ttmem_card - the books of one card
 * @ref: one for the attachment, one for each client; the last frees the card
 * @number: N of tenstorrent!N
 * @chips: how many are reached through it, 1 to TTMEM_CHIPS_MAX
 * @pci: which function it is
 * @board: what is known of it, constant data
 * @lock: guards all below. A leaf: only a client's xarray lock is taken under
 *	it; no sleep, no user copy
 * @gone: the card was removed
 * @accounts: every client's account
 * @pool: the pools of each chip
 * @sum: of each memory over all chips
 * @chip_tally: counts of each chip
 * @tally: counts of the card: not the sum of its chips', as a client that
 *	holds something of two chips is one
 */
struct ttmem_card {
	struct kref ref;
	unsigned int number;
	unsigned int chips;
	struct ttmem_pci pci;
	const struct ttmem_board *board;

	spinlock_t lock;	/* guards what follows */
	bool gone;
	struct list_head accounts;
	struct ttmem_pool pool[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	struct ttmem_pool sum[TTMEM_MEMORIES];
	struct ttmem_tally chip_tally[TTMEM_CHIPS_MAX];
	struct ttmem_tally tally;
};

struct ttmem_card *ttmem_card_create(unsigned int number,
				     const struct ttmem_pci *pci);
struct ttmem_card *ttmem_card_get(struct ttmem_card *card);
void ttmem_card_put(struct ttmem_card *card);

int ttmem_card_join(struct ttmem_card *card, struct ttmem_account *account);
void ttmem_card_leave(struct ttmem_card *card, struct ttmem_account *account);
void ttmem_card_invalidate(struct ttmem_card *card);
void ttmem_card_remove(struct ttmem_card *card);

bool ttmem_account_holds(const struct ttmem_account *account, unsigned int chip);
u64 ttmem_account_reservations(const struct ttmem_account *account);

int ttmem_card_reserve(struct ttmem_card *card, struct ttmem_account *account,
		       unsigned int chip, u32 memory, u32 tag, u64 bytes,
		       bool overcommit);
void ttmem_card_unreserve(struct ttmem_card *card, struct ttmem_account *account,
			  unsigned int chip, u32 memory, u32 tag, u64 bytes);
int ttmem_card_set(struct ttmem_card *card, struct ttmem_account *account,
		   const struct ttmem_gauge *gauges, unsigned int count);
u64 ttmem_card_clear_gauges(struct ttmem_card *card,
			    struct ttmem_account *account, unsigned int chip);
void ttmem_card_deny(struct ttmem_card *card, unsigned int chip);

u64 ttmem_card_total(const struct ttmem_card *card, u32 memory);
u64 ttmem_card_free(const struct ttmem_card *card, u32 memory);
u64 ttmem_card_banks(const struct ttmem_card *card, u32 memory);

#endif /* TTMEM_CARD_H */
