// SPDX-License-Identifier: GPL-2.0-only
/*
 * The books of one card: its pools, what each client holds of them, and the
 * one lock that guards both.
 *
 * The invariant, whenever the lock is free: what a pool has used is the sum
 * over all accounts of reservations and gauges there, and the card's sums and
 * tallies are those of its chips and accounts. An account that is closed is
 * empty.
 *
 * A card outlives its hardware: the attachment drops its reference when the
 * card goes, the clients theirs when their files are closed.
 */

#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
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

	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return NULL;

	kref_init(&card->ref);
	spin_lock_init(&card->lock);
	INIT_LIST_HEAD(&card->accounts);
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

static void card_release(struct kref *ref)
{
	struct ttmem_card *card = container_of(ref, struct ttmem_card, ref);

	WARN_ON(!list_empty(&card->accounts));
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
 * Context: Any; the card's lock is not held.
 */
void ttmem_card_put(struct ttmem_card *card)
{
	kref_put(&card->ref, card_release);
}

/**
 * ttmem_account_holds() - Tell whether a client holds anything of a chip.
 * @account: the client's account
 * @chip: the chip, below TTMEM_CHIPS_MAX
 *
 * Context: Any. The card's lock is held.
 * Return: true if it has a reservation or a gauge above 0 there.
 */
bool ttmem_account_holds(const struct ttmem_account *account, unsigned int chip)
{
	return account->bytes[chip][TTMEM_DRAM] || account->bytes[chip][TTMEM_L1];
}

/**
 * ttmem_account_reservations() - Tell how many reservations a client holds.
 * @account: the client's account
 *
 * Context: Any. The card's lock is held, or @account is a copy.
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

static bool account_is_empty(const struct ttmem_account *account)
{
	unsigned int chip;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		if (ttmem_account_holds(account, chip))
			return false;
	return true;
}

/* Charge bytes to a pool and enter them into the account, not into a part. */
static int take(struct ttmem_card *card, struct ttmem_account *account,
		unsigned int chip, u32 memory, u32 tag, u64 bytes, bool overcommit)
{
	int err;

	lockdep_assert_held(&card->lock);
	err = ttmem_pool_charge(&card->pool[chip][memory], tag, bytes, overcommit);
	if (err || !bytes)
		return err;

	card->tally.clients += account_is_empty(account);
	card->chip_tally[chip].clients += !ttmem_account_holds(account, chip);
	account->bytes[chip][memory] += bytes;
	return 0;
}

/* Undo take(). */
static void give(struct ttmem_card *card, struct ttmem_account *account,
		 unsigned int chip, u32 memory, u32 tag, u64 bytes)
{
	lockdep_assert_held(&card->lock);
	if (!bytes)
		return;

	ttmem_pool_uncharge(&card->pool[chip][memory], tag, bytes);
	account->bytes[chip][memory] -= bytes;
	card->chip_tally[chip].clients -= !ttmem_account_holds(account, chip);
	card->tally.clients -= account_is_empty(account);
}

static void tally_reservations(struct ttmem_card *card, unsigned int chip, u64 change)
{
	card->chip_tally[chip].reservations += change;
	card->tally.reservations += change;
}

/* Take all that an account holds out of the books at once. */
static void empty_account(struct ttmem_card *card, struct ttmem_account *account)
{
	unsigned int chip, memory, tag;

	for (chip = 0; chip < card->chips; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				struct ttmem_part *part =
					&account->part[chip][memory][tag];

				give(card, account, chip, memory, tag,
				     part->reserved + part->gauge);
				tally_reservations(card, chip,
						   -(u64)part->reservations);
				memset(part, 0, sizeof(*part));
			}
		}
	}
}

/**
 * ttmem_card_join() - Enter a new client into the books.
 * @card: the card
 * @account: the client's account, all zero; the client keeps owning it and
 *	must call ttmem_card_leave() before it frees it
 *
 * Context: Any. Takes the card's lock.
 * Return: 0, or -ENODEV if the card is gone; then there is nothing to leave.
 */
int ttmem_card_join(struct ttmem_card *card, struct ttmem_account *account)
{
	int err = 0;

	spin_lock(&card->lock);
	if (card->gone)
		err = -ENODEV;
	else
		list_add_tail(&account->node, &card->accounts);
	spin_unlock(&card->lock);
	return err;
}

/**
 * ttmem_card_leave() - Take a client and all that it holds out of the books.
 * @card: the card
 * @account: the client's account
 *
 * Context: Any. Takes the card's lock.
 */
void ttmem_card_leave(struct ttmem_card *card, struct ttmem_account *account)
{
	spin_lock(&card->lock);
	empty_account(card, account);
	account->closed = true;
	list_del(&account->node);
	spin_unlock(&card->lock);
}

static void close_accounts(struct ttmem_card *card)
{
	struct ttmem_account *account;

	lockdep_assert_held(&card->lock);
	list_for_each_entry(account, &card->accounts, node) {
		empty_account(card, account);
		WRITE_ONCE(account->closed, true);
	}
}

/**
 * ttmem_card_invalidate() - Set all books to 0 and close every account.
 * @card: the card
 *
 * For a card that was reset: what was in its memory is no more. Peaks and the
 * count of refusals are history and stay.
 *
 * Context: Any. Takes the card's lock.
 */
void ttmem_card_invalidate(struct ttmem_card *card)
{
	spin_lock(&card->lock);
	close_accounts(card);
	spin_unlock(&card->lock);
}

/**
 * ttmem_card_remove() - Note that the card is gone, close every account.
 * @card: the card; nobody joins it any more
 *
 * Context: Any. Takes the card's lock.
 */
void ttmem_card_remove(struct ttmem_card *card)
{
	spin_lock(&card->lock);
	WRITE_ONCE(card->gone, true);
	close_accounts(card);
	spin_unlock(&card->lock);
}

/**
 * ttmem_card_reserve() - Enter a reservation.
 * @card: the card
 * @account: the client's account, not closed
 * @chip: the chip, below the card's chips
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag, valid for @memory
 * @bytes: its size, above 0
 * @overcommit: enter it also past the capacity
 *
 * Context: Any. The card's lock is held.
 * Return: 0, or as ttmem_pool_charge().
 */
int ttmem_card_reserve(struct ttmem_card *card, struct ttmem_account *account,
		       unsigned int chip, u32 memory, u32 tag, u64 bytes,
		       bool overcommit)
{
	struct ttmem_part *part = &account->part[chip][memory][tag];
	int err;

	err = take(card, account, chip, memory, tag, bytes, overcommit);
	if (err)
		return err;

	part->reserved += bytes;
	part->reservations++;
	tally_reservations(card, chip, 1);
	return 0;
}

/**
 * ttmem_card_unreserve() - Take a reservation out again.
 * @card: the card
 * @account: the account it was entered into, not closed since
 * @chip: as it was entered, and so all that follows
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 * @bytes: its size
 *
 * Context: Any. The card's lock is held.
 */
void ttmem_card_unreserve(struct ttmem_card *card, struct ttmem_account *account,
			  unsigned int chip, u32 memory, u32 tag, u64 bytes)
{
	struct ttmem_part *part = &account->part[chip][memory][tag];

	part->reserved -= bytes;
	part->reservations--;
	tally_reservations(card, chip, -1ULL);
	give(card, account, chip, memory, tag, bytes);
}

/**
 * ttmem_card_set() - Set gauges, all or none.
 * @card: the card
 * @account: the client's account, not closed
 * @gauges: what to set; chip, memory and tag are valid. Of two entries for one
 *	gauge the later counts
 * @count: how many
 *
 * A gauge tells what has happened already, so capacity refuses none.
 *
 * Context: Any. The card's lock is held.
 * Return: 0; -EOVERFLOW if the card's sum would not fit 64 bits.
 */
int ttmem_card_set(struct ttmem_card *card, struct ttmem_account *account,
		   const struct ttmem_gauge *gauges, unsigned int count)
{
	u64 next[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	u64 sum[TTMEM_MEMORIES];
	unsigned int chip, memory, tag, rising, i;

	lockdep_assert_held(&card->lock);

	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		sum[memory] = card->sum[memory].used;
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				next[chip][memory][tag] =
					account->part[chip][memory][tag].gauge;
				sum[memory] -= next[chip][memory][tag];
			}
		}
	}
	for (i = 0; i < count; i++)
		next[gauges[i].chip][gauges[i].memory][gauges[i].tag] = gauges[i].bytes;

	for (memory = 0; memory < TTMEM_MEMORIES; memory++)
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				if (check_add_overflow(sum[memory],
						       next[chip][memory][tag],
						       &sum[memory]))
					return -EOVERFLOW;

	/* What falls before what rises, so that no peak is seen that never was. */
	for (rising = 0; rising <= 1; rising++) {
		for (i = 0; i < count; i++) {
			struct ttmem_part *part;
			u64 to;

			chip = gauges[i].chip;
			memory = gauges[i].memory;
			tag = gauges[i].tag;
			part = &account->part[chip][memory][tag];
			to = next[chip][memory][tag];
			if (rising)
				WARN_ON_ONCE(take(card, account, chip, memory, tag,
						  to - part->gauge, true));
			else if (to < part->gauge)
				give(card, account, chip, memory, tag, part->gauge - to);
			else
				continue;
			part->gauge = to;
			part->largest_free = gauges[i].largest_free;
		}
	}
	return 0;
}

/**
 * ttmem_card_clear_gauges() - Take a client's gauges of a chip away.
 * @card: the card
 * @account: the client's account, not closed
 * @chip: the chip, below the card's chips
 *
 * Context: Any. The card's lock is held.
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

			give(card, account, chip, memory, tag, part->gauge);
			bytes += part->gauge;
			part->gauge = 0;
			part->largest_free = 0;
		}
	}
	return bytes;
}

/**
 * ttmem_card_deny() - Count a refusal.
 * @card: the card
 * @chip: the chip that the reservation was for
 *
 * Context: Any. The card's lock is held.
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
 * Context: Any. The card's lock is held.
 * Return: bytes; 0 if that of any chip is not known or the sum does not fit
 * 64 bits.
 */
u64 ttmem_card_total(const struct ttmem_card *card, u32 memory)
{
	unsigned int chip;
	u64 total = 0;

	for (chip = 0; chip < card->chips; chip++)
		if (!card->pool[chip][memory].total ||
		    check_add_overflow(total, card->pool[chip][memory].total, &total))
			return 0;
	return total;
}

/**
 * ttmem_card_free() - Tell what is free of a memory over all chips.
 * @card: the card
 * @memory: enum ttmem_memory
 *
 * Context: Any. The card's lock is held.
 * Return: bytes, the sum of the chips'; U64_MAX where that does not fit.
 */
u64 ttmem_card_free(const struct ttmem_card *card, u32 memory)
{
	unsigned int chip;
	u64 bytes = 0;

	for (chip = 0; chip < card->chips; chip++)
		if (check_add_overflow(bytes, ttmem_pool_free(&card->pool[chip][memory]),
				       &bytes))
			return U64_MAX;
	return bytes;
}

/**
 * ttmem_card_banks() - Tell how many banks a memory has over all chips.
 * @card: the card
 * @memory: enum ttmem_memory
 *
 * Context: Any. The card's lock is held.
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
