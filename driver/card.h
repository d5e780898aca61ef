/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CARD_H
#define TTMEM_CARD_H

#include <linux/compiler.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "board.h"
#include "pool.h"

/* The most clients of a card, and how many of these are the administrator's. */
#define TTMEM_CARD_CLIENTS_MAX		(1U << 22)
#define TTMEM_CARD_CLIENTS_RESERVED	(1U << 16)

/* The epoch of an account that has left or not joined, and of a card that is gone. */
#define TTMEM_EPOCH_LEFT	0UL
#define TTMEM_EPOCH_GONE	ULONG_MAX

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
 * @epoch: the card's when the client joined; TTMEM_EPOCH_LEFT since it left.
 *	Written under the card's lock
 * @bytes: what it holds of each pool, at most TTMEM_CLIENT_BYTES_MAX
 * @peak: highest @bytes
 * @counter: bytes of its counters as they were read last. Apart from @part: a
 *	fold reads these of every client, and should touch few cache lines
 * @part: the rest of what it holds, by pool and tag; with @counter that adds up
 *	to @bytes
 *
 * The client owns the memory; but for @epoch, which may be read without, the
 * card's lock guards all of it. An account whose epoch is not the card's holds
 * nothing, whatever stands in it: read it by ttmem_account_view().
 */
struct ttmem_account {
	unsigned long epoch;
	u64 bytes[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 peak[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 counter[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	struct ttmem_part part[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
};

/**
 * ttmem_account_tagged() - Tell what a client holds of a pool under a tag.
 * @account: the client's account
 * @chip: the chip
 * @memory: the memory
 * @tag: the tag
 *
 * Context: Process context. The card's lock is held, or @account is a copy.
 * Return: bytes of reservations, gauge and counter.
 */
static inline u64 ttmem_account_tagged(const struct ttmem_account *account,
				       unsigned int chip, u32 memory, u32 tag)
{
	const struct ttmem_part *part = &account->part[chip][memory][tag];

	return part->reserved + part->gauge + account->counter[chip][memory][tag];
}

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
 * struct ttmem_fold - the reading of all counters of a card, see counter.c
 * @clients: those that have a counter page or are attributed, and @cursor
 * @count: how many clients
 * @cursor: stands behind the client that was read last
 * @left: clients that the fold under way has yet to read, 0 if none is
 * @begun: folds that have begun
 * @completed: folds that have come to their end
 */
struct ttmem_fold {
	struct list_head clients;
	unsigned long count;
	struct list_head cursor;
	unsigned long left;
	u64 begun;
	u64 completed;
};

/**
 * struct ttmem_card - the books of one card
 * @ref: one for the attachment, one for each client; the last frees the card
 * @number: N of tenstorrent!N
 * @chips: how many are reached through it, 1 to TTMEM_CHIPS_MAX
 * @pci: which function it is
 * @board: what is known of it, constant data
 * @lock: guards all below. A leaf: only a client's xarray lock is taken under
 *	it; no sleep, no user copy, no walk over clients
 * @epoch: rises when the books are invalidated; TTMEM_EPOCH_GONE once the card
 *	was removed. May be read without the lock
 * @clients: accounts that have joined and not left
 * @fold: the reading of counters
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
	unsigned long epoch;
	unsigned int clients;
	struct ttmem_fold fold;
	struct ttmem_pool pool[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	struct ttmem_pool sum[TTMEM_MEMORIES];
	struct ttmem_tally chip_tally[TTMEM_CHIPS_MAX];
	struct ttmem_tally tally;
};

/**
 * ttmem_account_current() - Tell whether an account is in the books.
 * @card: the card
 * @account: an account of it
 *
 * Context: Any. Without the card's lock the answer may be outdated when it
 * comes; every change of the books asks again.
 * Return: false if the books were invalidated since it joined, the card is
 * gone, or it has left.
 */
static inline bool ttmem_account_current(const struct ttmem_card *card,
					 const struct ttmem_account *account)
{
	return READ_ONCE(account->epoch) == READ_ONCE(card->epoch);
}

struct ttmem_card *ttmem_card_create(unsigned int number,
				     const struct ttmem_pci *pci);
struct ttmem_card *ttmem_card_get(struct ttmem_card *card);
void ttmem_card_put(struct ttmem_card *card);

int ttmem_card_join(struct ttmem_card *card, struct ttmem_account *account,
		    unsigned int limit);
void ttmem_card_leave(struct ttmem_card *card, struct ttmem_account *account);
int ttmem_card_invalidate(struct ttmem_card *card);
void ttmem_card_remove(struct ttmem_card *card);
bool ttmem_card_gone(const struct ttmem_card *card);

const struct ttmem_account *ttmem_account_view(const struct ttmem_card *card,
					       const struct ttmem_account *account);
bool ttmem_account_holds(const struct ttmem_account *account, unsigned int chip);
bool ttmem_account_empty(const struct ttmem_account *account);
u64 ttmem_account_reservations(const struct ttmem_account *account);
void ttmem_account_restart_peaks(struct ttmem_account *account);

int ttmem_card_reserve(struct ttmem_card *card, struct ttmem_account *account,
		       unsigned int chip, u32 memory, u32 tag, u64 bytes,
		       bool overcommit);
void ttmem_card_unreserve(struct ttmem_card *card, struct ttmem_account *account,
			  unsigned int chip, u32 memory, u32 tag, u64 bytes);
int ttmem_card_set(struct ttmem_card *card, struct ttmem_account *account,
		   const struct ttmem_gauge *gauges, unsigned int count);
u64 ttmem_card_clear_gauges(struct ttmem_card *card,
			    struct ttmem_account *account, unsigned int chip);
void ttmem_card_count(struct ttmem_card *card, struct ttmem_account *account,
		      const s64 *counters);
void ttmem_card_settle(struct ttmem_card *card);
void ttmem_card_deny(struct ttmem_card *card, unsigned int chip);

u64 ttmem_card_total(const struct ttmem_card *card, u32 memory);
u64 ttmem_card_free(const struct ttmem_card *card, u32 memory);
u64 ttmem_card_banks(const struct ttmem_card *card, u32 memory);

#endif /* TTMEM_CARD_H */
