// SPDX-License-Identifier: GPL-2.0-only
/*
 * The books of one card: its pools, what each client holds of them, and the
 * one lock that guards both.
 *
 * The invariant, whenever the lock is free: what a pool has used is the sum of
 * what the accounts of the card's epoch hold there, and the card's sums and
 * tallies are those of its chips and accounts.
 *
 * Invalidation does not look at the accounts: it begins a new epoch with empty
 * books. An account of another epoch is taken for empty wherever it is read,
 * and nothing that stands in it is ever subtracted.
 *
 * A card outlives its hardware: the attachment drops its reference when the
 * card goes, the clients theirs when they are freed.
 */

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "card.h"

/**
 * ttmem_card_create() - Make the books of a card that has come.
 * @number: N of tenstorrent!N
 * @pci: which PCI function it is
 *
 * Capacities and banks are the board's defaults.
 *
 * Context: Process context, may sleep.
 * Return: the card with one reference, which is the caller's; NULL if there is
 * no memory.
 */
struct ttmem_card *ttmem_card_create(unsigned int number,
				     const struct ttmem_pci *pci)
{
	struct ttmem_card *card;
	unsigned int chip, memory;

	/* What keeps every sum within 64 bits. */
	BUILD_BUG_ON(TTMEM_CHIPS_MAX > 2);
	BUILD_BUG_ON(TTMEM_CLIENT_BYTES_MAX >
		     U64_MAX / TTMEM_CARD_CLIENTS_MAX / TTMEM_CHIPS_MAX);

	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return NULL;

	kref_init(&card->ref);
	spin_lock_init(&card->lock);
	card->epoch = TTMEM_EPOCH_LEFT + 1;
	INIT_LIST_HEAD(&card->fold.clients);
	INIT_LIST_HEAD(&card->fold.cursor);
	card->number = number;
	card->pci = *pci;
	card->board = ttmem_board_find(pci->device_id, pci->subsystem_vendor_id,
				       pci->subsystem_id);
	card->chips = card->board->chips;
	for (chip = 0; chip < card->chips; chip++) {
		const struct ttmem_board_chip *known = &card->board->chip[chip];
		struct ttmem_pool *pool = card->pool[chip];

		pool[TTMEM_DRAM].total = known->dram_total;
		pool[TTMEM_DRAM].banks = known->dram_banks;
		pool[TTMEM_L1].total = known->l1_total;
		pool[TTMEM_L1].banks = known->l1_banks;
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			pool[memory].parent = &card->sum[memory];
	}
	return card;
}

static void ttmem_card_release(struct kref *ref)
{
	struct ttmem_card *card = container_of(ref, struct ttmem_card, ref);

	WARN_ON(card->clients || card->fold.count);
	kfree(card);
}

/**
 * ttmem_card_get() - Take a reference.
 * @card: the card, to which the caller has a reference or the attachment
 *
 * Context: Any.
 * Return: @card.
 */
struct ttmem_card *ttmem_card_get(struct ttmem_card *card)
{
	kref_get(&card->ref);
	return card;
}

/**
 * ttmem_card_put() - Drop a reference; the last one frees the card.
 * @card: the card
 *
 * Context: Process context; the card's lock is not held.
 */
void ttmem_card_put(struct ttmem_card *card)
{
	kref_put(&card->ref, ttmem_card_release);
}

/**
 * ttmem_account_view() - Look at what an account holds.
 * @card: the card
 * @account: an account of it
 *
 * Context: Process context. The card's lock is held, and as long as the result is used.
 * Return: @account, or an empty one if it is not in the books.
 */
const struct ttmem_account *ttmem_account_view(const struct ttmem_card *card,
					       const struct ttmem_account *account)
{
	static const struct ttmem_account empty;

	lockdep_assert_held(&card->lock);
	return ttmem_account_current(card, account) ? account : &empty;
}

/**
 * ttmem_account_holds() - Tell whether a client holds anything of a chip.
 * @account: the client's account
 * @chip: the chip, below TTMEM_CHIPS_MAX
 *
 * Context: Process context. The card's lock is held, or @account is a copy.
 * Return: true if it has a reservation, or a gauge or counter above 0 there.
 */
bool ttmem_account_holds(const struct ttmem_account *account, unsigned int chip)
{
	return account->bytes[chip][TTMEM_DRAM] || account->bytes[chip][TTMEM_L1];
}

/**
 * ttmem_account_empty() - Tell whether a client holds nothing of the card.
 * @account: the client's account
 *
 * Context: Process context. The card's lock is held, or @account is a copy.
 * Return: true if it holds nothing of any chip.
 */
bool ttmem_account_empty(const struct ttmem_account *account)
{
	unsigned int chip;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		if (ttmem_account_holds(account, chip))
			return false;
	return true;
}

/**
 * ttmem_account_reservations() - Tell how many reservations a client holds.
 * @account: the client's account
 *
 * Context: Process context. The card's lock is held, or @account is a copy.
 * Return: reservations of all chips, memories and tags.
 */
u64 ttmem_account_reservations(const struct ttmem_account *account)
{
	unsigned int chip, memory, tag;
	u64 n = 0;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				n += account->part[chip][memory][tag].reservations;
	return n;
}

/**
 * ttmem_account_restart_peaks() - Let a client's own peaks start again at what
 * it holds.
 * @account: the client's account
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_account_restart_peaks(struct ttmem_account *account)
{
	BUILD_BUG_ON(sizeof(account->peak) != sizeof(account->bytes));
	memcpy(account->peak, account->bytes, sizeof(account->peak));
}

static void ttmem_account_raise_peaks(struct ttmem_account *account)
{
	unsigned int chip, memory;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			account->peak[chip][memory] = max(account->peak[chip][memory],
							  account->bytes[chip][memory]);
}

/* Change @value, a number of the account for that tag, and the books with it. */
static void ttmem_account_change(struct ttmem_card *card, struct ttmem_account *account,
				 unsigned int chip, u32 memory, u32 tag, u64 *value, u64 to)
{
	struct ttmem_pool *pool = &card->pool[chip][memory];
	u64 *held = &account->bytes[chip][memory];
	u64 from = *value, before = *held;

	lockdep_assert_held(&card->lock);
	if (to == from)
		return;
	if (to > from)
		ttmem_pool_charge(pool, tag, to - from);
	else
		ttmem_pool_uncharge(pool, tag, from - to);
	*value = to;

	/* Only who begins to hold something, or ends, changes how many do. */
	if (!before) {
		card->tally.clients += ttmem_account_empty(account);
		card->chip_tally[chip].clients += !ttmem_account_holds(account, chip);
	}
	*held = before + to - from;
	if (!*held) {
		card->chip_tally[chip].clients -= !ttmem_account_holds(account, chip);
		card->tally.clients -= ttmem_account_empty(account);
	}
}

static void ttmem_card_tally(struct ttmem_card *card, unsigned int chip, u64 change)
{
	card->chip_tally[chip].reservations += change;
	card->tally.reservations += change;
}

/**
 * ttmem_card_join() - Enter a new client into the books.
 * @card: the card
 * @account: the client's account, all zero; the client keeps owning it and
 *	must call ttmem_card_leave() before it frees it
 * @limit: clients that the card may have, this one counted
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -ENODEV if the card is gone, -ENFILE if it has @limit clients.
 * Then there is nothing to leave.
 */
int ttmem_card_join(struct ttmem_card *card, struct ttmem_account *account,
		    unsigned int limit)
{
	int err = 0;

	spin_lock(&card->lock);
	if (card->epoch == TTMEM_EPOCH_GONE) {
		err = -ENODEV;
	} else if (card->clients >= limit) {
		err = -ENFILE;
	} else {
		card->clients++;
		account->epoch = card->epoch;
	}
	spin_unlock(&card->lock);
	return err;
}

/* Take all that an account holds of a pool out of the books. */
static void ttmem_account_clear(struct ttmem_card *card, struct ttmem_account *account,
				unsigned int chip, u32 memory)
{
	u64 counters = 0;
	u32 tag;

	for (tag = 0; tag < TTMEM_TAGS; tag++) {
		struct ttmem_part *part = &account->part[chip][memory][tag];
		u64 *counter = &account->counter[chip][memory][tag];

		counters += *counter;
		ttmem_account_change(card, account, chip, memory, tag, &part->reserved, 0);
		ttmem_account_change(card, account, chip, memory, tag, &part->gauge, 0);
		ttmem_account_change(card, account, chip, memory, tag, counter, 0);
		ttmem_card_tally(card, chip, -(u64)part->reservations);
	}
	ttmem_pool_unsettle(&card->pool[chip][memory], counters, 0);
}

/**
 * ttmem_card_leave() - Take a client and all that it holds out of the books.
 * @card: the card
 * @account: the client's account, which has not left yet
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_card_leave(struct ttmem_card *card, struct ttmem_account *account)
{
	unsigned int chip, memory;

	lockdep_assert_held(&card->lock);
	if (ttmem_account_current(card, account))
		for (chip = 0; chip < card->chips; chip++)
			for (memory = 0; memory < TTMEM_MEMORIES; memory++)
				ttmem_account_clear(card, account, chip, memory);
	WRITE_ONCE(account->epoch, TTMEM_EPOCH_LEFT);
	card->clients--;
}

/* Begin @epoch with empty books; what is history, peaks and refusals, stays. */
static void ttmem_card_begin_epoch(struct ttmem_card *card, unsigned long epoch)
{
	unsigned int chip, memory;

	lockdep_assert_held(&card->lock);
	WRITE_ONCE(card->epoch, epoch);
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		ttmem_pool_clear(&card->sum[memory]);
		for (chip = 0; chip < card->chips; chip++)
			ttmem_pool_clear(&card->pool[chip][memory]);
	}
	for (chip = 0; chip < card->chips; chip++) {
		card->chip_tally[chip].clients = 0;
		card->chip_tally[chip].reservations = 0;
	}
	card->tally.clients = 0;
	card->tally.reservations = 0;
}

/**
 * ttmem_card_invalidate() - Set all books to 0 and close every account.
 * @card: the card
 *
 * For a card that was reset: what was in its memory is no more. Peaks and the
 * count of refusals are history and stay.
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0, or -ENODEV if the card is gone.
 */
int ttmem_card_invalidate(struct ttmem_card *card)
{
	int err = 0;

	spin_lock(&card->lock);
	if (card->epoch == TTMEM_EPOCH_GONE)
		err = -ENODEV;
	else
		ttmem_card_begin_epoch(card, card->epoch + 1);
	spin_unlock(&card->lock);
	return err;
}

/**
 * ttmem_card_remove() - Note that the card is gone, close every account.
 * @card: the card; nobody joins it any more
 *
 * Context: Process context. Takes the card's lock.
 */
void ttmem_card_remove(struct ttmem_card *card)
{
	spin_lock(&card->lock);
	ttmem_card_begin_epoch(card, TTMEM_EPOCH_GONE);
	spin_unlock(&card->lock);
}

/**
 * ttmem_card_gone() - Tell whether the card was removed.
 * @card: the card
 *
 * Context: Any. Without the card's lock false may be outdated when it comes.
 * Return: true once ttmem_card_remove() was called.
 */
bool ttmem_card_gone(const struct ttmem_card *card)
{
	return READ_ONCE(card->epoch) == TTMEM_EPOCH_GONE;
}

/**
 * ttmem_card_reserve() - Enter a reservation.
 * @card: the card
 * @account: the client's account, current
 * @chip: the chip, below the card's chips
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag, valid for @memory
 * @bytes: its size, above 0
 * @overcommit: enter it also past the capacity
 *
 * Context: Process context. The card's lock is held.
 * Return: 0; -EDQUOT if the client would hold more than it may of one pool,
 * -ENOSPC if the pool has no room. On error nothing has changed.
 */
int ttmem_card_reserve(struct ttmem_card *card, struct ttmem_account *account,
		       unsigned int chip, u32 memory, u32 tag, u64 bytes,
		       bool overcommit)
{
	struct ttmem_part *part = &account->part[chip][memory][tag];
	struct ttmem_pool *pool = &card->pool[chip][memory];
	u64 held = account->bytes[chip][memory];

	lockdep_assert_held(&card->lock);
	if (bytes > TTMEM_CLIENT_BYTES_MAX - held)
		return -EDQUOT;
	if (!overcommit && !ttmem_pool_fits(pool, bytes))
		return -ENOSPC;

	ttmem_account_change(card, account, chip, memory, tag, &part->reserved,
			     part->reserved + bytes);
	part->reservations++;
	ttmem_card_tally(card, chip, 1);
	account->peak[chip][memory] = max(account->peak[chip][memory], held + bytes);
	ttmem_pool_raise_peak(pool);
	return 0;
}

/**
 * ttmem_card_unreserve() - Take a reservation out again.
 * @card: the card
 * @account: the account it was entered into, current
 * @chip: as it was entered, and so all that follows
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 * @bytes: its size
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_card_unreserve(struct ttmem_card *card, struct ttmem_account *account,
			  unsigned int chip, u32 memory, u32 tag, u64 bytes)
{
	struct ttmem_part *part = &account->part[chip][memory][tag];

	part->reservations--;
	ttmem_card_tally(card, chip, -1ULL);
	ttmem_account_change(card, account, chip, memory, tag, &part->reserved,
			     part->reserved - bytes);
}

/**
 * ttmem_card_set() - Set gauges, all or none.
 * @card: the card
 * @account: the client's account, current
 * @gauges: what to set; chip, memory and tag are valid. Of two entries for one
 *	gauge the later counts
 * @count: how many
 *
 * A gauge tells what has happened already, so capacity refuses none.
 *
 * Context: Process context. The card's lock is held.
 * Return: 0; -EDQUOT if the client would hold more than it may of one pool.
 */
int ttmem_card_set(struct ttmem_card *card, struct ttmem_account *account,
		   const struct ttmem_gauge *gauges, unsigned int count)
{
	u64 next[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	unsigned int chip, memory, tag, i;

	lockdep_assert_held(&card->lock);

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				next[chip][memory][tag] =
					account->part[chip][memory][tag].gauge;
	for (i = 0; i < count; i++)
		next[gauges[i].chip][gauges[i].memory][gauges[i].tag] = gauges[i].bytes;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			u64 room = TTMEM_CLIENT_BYTES_MAX - account->bytes[chip][memory];

			for (tag = 0; tag < TTMEM_TAGS; tag++)
				room += account->part[chip][memory][tag].gauge;
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				if (next[chip][memory][tag] > room)
					return -EDQUOT;
				room -= next[chip][memory][tag];
			}
		}
	}

	for (i = 0; i < count; i++) {
		struct ttmem_part *part;

		chip = gauges[i].chip;
		memory = gauges[i].memory;
		tag = gauges[i].tag;
		part = &account->part[chip][memory][tag];
		ttmem_account_change(card, account, chip, memory, tag, &part->gauge,
				     next[chip][memory][tag]);
		part->largest_free = gauges[i].largest_free;
	}
	ttmem_account_raise_peaks(account);
	for (chip = 0; chip < card->chips; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			ttmem_pool_raise_peak(&card->pool[chip][memory]);
	return 0;
}

/**
 * ttmem_card_clear_gauges() - Take a client's gauges of a chip away.
 * @card: the card
 * @account: the client's account, current
 * @chip: the chip, below the card's chips
 *
 * Context: Process context. The card's lock is held.
 * Return: the bytes that they had.
 */
u64 ttmem_card_clear_gauges(struct ttmem_card *card,
			    struct ttmem_account *account, unsigned int chip)
{
	unsigned int memory, tag;
	u64 bytes = 0;

	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		for (tag = 0; tag < TTMEM_TAGS; tag++) {
			struct ttmem_part *part = &account->part[chip][memory][tag];

			bytes += part->gauge;
			ttmem_account_change(card, account, chip, memory, tag,
					     &part->gauge, 0);
			part->largest_free = 0;
		}
	}
	return bytes;
}

/**
 * ttmem_card_count() - Enter what a client's counters say now.
 * @card: the card
 * @account: the client's account, current
 * @counters: of each chip, memory and tag, at TTMEM_COUNTER_INDEX(); others may
 *	be writing to them
 *
 * What is below 0 counts as 0. What is above the bound that reservations and
 * gauges leave is cut off, in the order of tags. The client's own peaks rise;
 * the pools' do not before ttmem_card_settle().
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_card_count(struct ttmem_card *card, struct ttmem_account *account,
		      const s64 *counters)
{
	unsigned int chip, memory, tag;

	lockdep_assert_held(&card->lock);
	for (chip = 0; chip < card->chips; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			u64 *counted = account->counter[chip][memory];
			u64 before = account->bytes[chip][memory];
			u64 room = TTMEM_CLIENT_BYTES_MAX - before;

			for (tag = 0; tag < TTMEM_TAGS; tag++)
				room += counted[tag];
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				s64 value;
				u64 bytes;

				if (!ttmem_pool_tag_valid(memory, tag))
					continue;
				value = READ_ONCE(counters[TTMEM_COUNTER_INDEX(chip, memory, tag)]);
				bytes = min_t(u64, max_t(s64, value, 0), room);
				room -= bytes;
				ttmem_account_change(card, account, chip, memory, tag,
						     &counted[tag], bytes);
			}
			ttmem_pool_unsettle(&card->pool[chip][memory], before,
					    account->bytes[chip][memory]);
		}
	}
	ttmem_account_raise_peaks(account);
}

/**
 * ttmem_card_settle() - Note that the counters of all clients were read, and let
 * the peaks rise to what is used.
 * @card: the card
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_card_settle(struct ttmem_card *card)
{
	unsigned int chip, memory;

	lockdep_assert_held(&card->lock);
	for (chip = 0; chip < card->chips; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			ttmem_pool_settle(&card->pool[chip][memory]);
}

/**
 * ttmem_card_deny() - Count a refusal.
 * @card: the card
 * @chip: the chip that the reservation was for
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_card_deny(struct ttmem_card *card, unsigned int chip)
{
	lockdep_assert_held(&card->lock);
	card->chip_tally[chip].denied++;
	card->tally.denied++;
}

/**
 * ttmem_card_total() - Tell the capacity of a memory over all chips.
 * @card: the card
 * @memory: enum ttmem_memory
 *
 * Context: Process context. The card's lock is held.
 * Return: bytes; 0 if that of any chip is not known.
 */
u64 ttmem_card_total(const struct ttmem_card *card, u32 memory)
{
	unsigned int chip;
	u64 total = 0;

	for (chip = 0; chip < card->chips; chip++) {
		if (!card->pool[chip][memory].total)
			return 0;
		total += card->pool[chip][memory].total;
	}
	return total;
}

/**
 * ttmem_card_free() - Tell what is free of a memory over all chips.
 * @card: the card
 * @memory: enum ttmem_memory
 *
 * Context: Process context. The card's lock is held.
 * Return: bytes, the sum of the chips'.
 */
u64 ttmem_card_free(const struct ttmem_card *card, u32 memory)
{
	unsigned int chip;
	u64 bytes = 0;

	for (chip = 0; chip < card->chips; chip++)
		bytes += ttmem_pool_free(&card->pool[chip][memory]);
	return bytes;
}

/**
 * ttmem_card_banks() - Tell how many banks a memory has over all chips.
 * @card: the card
 * @memory: enum ttmem_memory
 *
 * Context: Process context. The card's lock is held.
 * Return: the sum of the chips' banks.
 */
u64 ttmem_card_banks(const struct ttmem_card *card, u32 memory)
{
	unsigned int chip;
	u64 banks = 0;

	for (chip = 0; chip < card->chips; chip++)
		banks += card->pool[chip][memory].banks;
	return banks;
}
