// SPDX-License-Identifier: GPL-2.0-only
/*
 * The books of one card.
 */

#include "../driver/card.c"

#include "model.h"
#include "ttmem_kunit.h"

#define MIB	1048576ULL

/* What every chip of an n300 has of DRAM. */
#define CAPACITY	12884901888ULL

static const struct ttmem_pci n300 = {
	.vendor_id = 0x1e52, .device_id = 0x401e,
	.subsystem_vendor_id = 0x1e52, .subsystem_id = 0x14,
};

struct fixture {
	struct ttmem_card *card;
	struct ttmem_account account[3];
	bool joined[3];
};

static int card_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->card = ttmem_card_create(7, &n300);
	KUNIT_ASSERT_NOT_NULL(test, f->card);
	for (i = 0; i < ARRAY_SIZE(f->account); i++) {
		KUNIT_ASSERT_EQ(test, ttmem_card_join(f->card, &f->account[i]), 0);
		f->joined[i] = true;
	}
	return 0;
}

static void leave(struct fixture *f, unsigned int i)
{
	ttmem_card_leave(f->card, &f->account[i]);
	f->joined[i] = false;
}

static void expect_empty(struct kunit *test, struct ttmem_card *card)
{
	unsigned int chip, memory;

	TTMEM_EXPECT_BALANCED(test, card);
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			KUNIT_EXPECT_EQ(test, card->pool[chip][memory].used, 0);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 0);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 0);
}

static void card_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	if (!f || !f->card)
		return;
	for (i = 0; i < ARRAY_SIZE(f->account); i++)
		if (f->joined[i])
			leave(f, i);
	expect_empty(test, f->card);
	ttmem_card_put(f->card);
}

static int reserve(struct ttmem_card *card, struct ttmem_account *account, unsigned int chip,
		   u32 memory, u32 tag, u64 bytes, bool overcommit)
{
	int err;

	spin_lock(&card->lock);
	err = ttmem_card_reserve(card, account, chip, memory, tag, bytes, overcommit);
	spin_unlock(&card->lock);
	return err;
}

static void unreserve(struct ttmem_card *card, struct ttmem_account *account, unsigned int chip,
		      u32 memory, u32 tag, u64 bytes)
{
	spin_lock(&card->lock);
	ttmem_card_unreserve(card, account, chip, memory, tag, bytes);
	spin_unlock(&card->lock);
}

static int set(struct ttmem_card *card, struct ttmem_account *account,
	       const struct ttmem_gauge *gauges, unsigned int count)
{
	int err;

	spin_lock(&card->lock);
	err = ttmem_card_set(card, account, gauges, count);
	spin_unlock(&card->lock);
	return err;
}

static int set_one(struct ttmem_card *card, struct ttmem_account *account, unsigned int chip,
		   u32 memory, u32 tag, u64 bytes)
{
	struct ttmem_gauge gauge = {
		.chip = chip, .memory = memory, .tag = tag, .bytes = bytes,
	};

	return set(card, account, &gauge, 1);
}

static u64 clear(struct ttmem_card *card, struct ttmem_account *account, unsigned int chip)
{
	u64 bytes;

	spin_lock(&card->lock);
	bytes = ttmem_card_clear_gauges(card, account, chip);
	spin_unlock(&card->lock);
	return bytes;
}

static void new_card_has_its_board_s_defaults(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;
	unsigned int chip;

	KUNIT_EXPECT_EQ(test, card->number, 7);
	KUNIT_EXPECT_EQ(test, card->chips, 2);
	KUNIT_EXPECT_STREQ(test, card->board->name, "n300");
	KUNIT_EXPECT_EQ(test, memcmp(&card->pci, &n300, sizeof(n300)), 0);
	for (chip = 0; chip < 2; chip++) {
		KUNIT_EXPECT_EQ(test, card->pool[chip][TTMEM_DRAM].total, CAPACITY);
		KUNIT_EXPECT_EQ(test, card->pool[chip][TTMEM_DRAM].banks, 12);
		KUNIT_EXPECT_EQ(test, card->pool[chip][TTMEM_L1].total, 95944704);
		KUNIT_EXPECT_EQ(test, card->pool[chip][TTMEM_L1].banks, 64);
	}
	expect_empty(test, card);
}

static void card_lives_until_its_last_reference(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, ttmem_card_get(f->card), f->card);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 2);
	ttmem_card_put(f->card);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 1);
}

static void card_without_memory_is_none(struct kunit *test)
{
	struct ttmem_card *card;
	unsigned int nth, failures = 0;
	bool failed;

	ttmem_kunit_need_faults(test);
	for (nth = 1, failed = true; failed; nth++) {
		ttmem_kunit_fail(nth, true);
		card = ttmem_card_create(1, &n300);
		failed = ttmem_kunit_failed();
		failures += !card;
		KUNIT_EXPECT_TRUE(test, failed || card);
		if (card)
			ttmem_card_put(card);
	}
	KUNIT_EXPECT_GE(test, failures, 1);
}

static void reservation_is_entered_everywhere(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;
	struct ttmem_part *part = &f->account[0].part[1][TTMEM_L1][TTMEM_TAG_L1_SMALL];

	KUNIT_ASSERT_EQ(test, reserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 300,
				      false), 0);
	KUNIT_ASSERT_EQ(test, reserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 40,
				      false), 0);
	KUNIT_EXPECT_EQ(test, part->reserved, 340);
	KUNIT_EXPECT_EQ(test, part->reservations, 2);
	KUNIT_EXPECT_EQ(test, part->gauge, 0);
	KUNIT_EXPECT_EQ(test, f->account[0].bytes[1][TTMEM_L1], 340);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].used, 340);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].tag[TTMEM_TAG_L1_SMALL], 340);
	KUNIT_EXPECT_EQ(test, card->pool[0][TTMEM_L1].used, 0);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_L1].used, 340);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].used, 0);
	KUNIT_EXPECT_EQ(test, card->chip_tally[1].reservations, 2);
	KUNIT_EXPECT_EQ(test, card->chip_tally[0].reservations, 0);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 2);
	KUNIT_EXPECT_TRUE(test, ttmem_account_holds(&f->account[0], 1));
	KUNIT_EXPECT_FALSE(test, ttmem_account_holds(&f->account[0], 0));
	TTMEM_EXPECT_BALANCED(test, card);

	unreserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 300);
	KUNIT_EXPECT_EQ(test, part->reserved, 40);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 1);
	TTMEM_EXPECT_BALANCED(test, card);
	unreserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 40);
	expect_empty(test, card);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].peak, 340);
}

static void refused_reservation_changes_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;

	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 1, false), -ENOSPC);
	expect_empty(test, card);
	KUNIT_ASSERT_EQ(test, reserve(card, &f->account[1], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      U64_MAX, true), 0);
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1,
				      true), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 1);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_DRAM].used, 0);
	TTMEM_EXPECT_BALANCED(test, card);
}

static void client_of_two_chips_is_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;

	KUNIT_ASSERT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1,
				      false), 0);
	KUNIT_ASSERT_EQ(test, set_one(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	KUNIT_ASSERT_EQ(test, reserve(card, &f->account[1], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1,
				      false), 0);
	KUNIT_EXPECT_EQ(test, card->chip_tally[0].clients, 1);
	KUNIT_EXPECT_EQ(test, card->chip_tally[1].clients, 2);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 2);

	unreserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1);
	KUNIT_EXPECT_EQ(test, card->chip_tally[0].clients, 0);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 2);
	KUNIT_ASSERT_EQ(test, set_one(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	KUNIT_EXPECT_EQ(test, card->chip_tally[1].clients, 1);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 1);
	TTMEM_EXPECT_BALANCED(test, card);
}

static void gauge_is_absolute(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_pool *pool = &f->card->pool[0][TTMEM_L1];

	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 100), 0);
	KUNIT_EXPECT_EQ(test, pool->used, 100);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 70), 0);
	KUNIT_EXPECT_EQ(test, pool->used, 70);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 70), 0);
	KUNIT_EXPECT_EQ(test, pool->used, 70);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[1], 0, TTMEM_L1, TTMEM_TAG_CB, 5), 0);
	KUNIT_EXPECT_EQ(test, pool->used, 75);
	KUNIT_EXPECT_EQ(test, pool->tag[TTMEM_TAG_CB], 75);
	KUNIT_EXPECT_EQ(test, pool->peak, 100);
	KUNIT_EXPECT_EQ(test, f->card->tally.reservations, 0);
	TTMEM_EXPECT_BALANCED(test, f->card);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[1], 0, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	expect_empty(test, f->card);
}

static void gauge_stands_beside_reservations(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_part *part = &f->account[0].part[0][TTMEM_DRAM][TTMEM_TAG_BUFFER];

	KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 30,
				      false), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      4), 0);
	KUNIT_EXPECT_EQ(test, part->reserved, 30);
	KUNIT_EXPECT_EQ(test, part->gauge, 4);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].used, 34);
	KUNIT_EXPECT_EQ(test, clear(f->card, &f->account[0], 0), 4);
	KUNIT_EXPECT_EQ(test, part->reserved, 30);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].used, 30);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void gauges_of_one_chip_are_cleared(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct ttmem_gauge gauges[] = {
		{ .chip = 0, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = 1 },
		{ .chip = 0, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 20,
		  .largest_free = 9 },
		{ .chip = 1, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 300,
		  .largest_free = 9 },
	};

	KUNIT_ASSERT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_ASSERT_EQ(test, set(f->card, &f->account[1], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, clear(f->card, &f->account[0], 0), 21);
	KUNIT_EXPECT_EQ(test, clear(f->card, &f->account[0], 0), 0);
	KUNIT_EXPECT_EQ(test, f->account[0].part[0][TTMEM_L1][TTMEM_TAG_CB].largest_free, 0);
	KUNIT_EXPECT_EQ(test, f->account[0].part[1][TTMEM_L1][TTMEM_TAG_CB].largest_free, 9);
	KUNIT_EXPECT_EQ(test, f->account[0].bytes[1][TTMEM_L1], 300);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 20 + 300 + 300);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void gauge_passes_the_capacity(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 5), 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].used, CAPACITY + 5);
	KUNIT_EXPECT_EQ(test, reserve(f->card, &f->account[1], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1,
				      false), -ENOSPC);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void later_of_two_gauges_counts(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = U64_MAX, .largest_free = 1 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_BUFFER, .bytes = 3 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 50, .largest_free = 2 },
	};
	struct ttmem_part *part = &f->account[0].part[0][TTMEM_L1][TTMEM_TAG_CB];

	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, part->gauge, 50);
	KUNIT_EXPECT_EQ(test, part->largest_free, 2);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_L1].used, 53);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_L1].peak, 53);
	/* From above, where the first entry alone would not be a fall. */
	gauges[0].bytes = 900;
	gauges[2].bytes = 10;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, part->gauge, 10);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_L1].used, 13);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_L1].peak, 53);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* Bytes that go from one tag to another were never there twice. */
static void gauges_that_move_raise_no_peak(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_gauge gauges[] = {
		{ .chip = 0, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = 1000 },
		{ .chip = 1, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = 1000 },
		{ .chip = 0, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_BUFFER, .bytes = 0 },
		{ .chip = 1, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_BUFFER, .bytes = 0 },
	};

	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      1000), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      1000), 0);
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 4), 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].peak, 1000);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_DRAM].peak, 1000);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 2000);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void gauges_are_set_all_or_none(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_part *buffer = &f->account[0].part[0][TTMEM_DRAM][TTMEM_TAG_BUFFER];
	struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_BUFFER, .bytes = 5, .largest_free = 4 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 6, .largest_free = 4 },
		{ .chip = 1, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = U64_MAX - 11 },
	};

	KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[1], 1, TTMEM_DRAM, TTMEM_TAG_SYSTEM, 7,
				      false), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      2), 0);
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, buffer->gauge, 2);
	KUNIT_EXPECT_EQ(test, buffer->largest_free, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 9);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 9);
	TTMEM_EXPECT_BALANCED(test, f->card);
	/* To the last byte that 64 bits hold. */
	gauges[2].bytes = U64_MAX - 12;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, U64_MAX);
	/* What falls makes room for what rises, in whichever order they come. */
	gauges[0].bytes = U64_MAX - 7 - 1;
	gauges[2].bytes = 1;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, buffer->gauge, U64_MAX - 8);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void leaving_gives_back_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int chip, memory, tag, i;

	for (i = 0; i < 2; i++) {
		for (chip = 0; chip < 2; chip++) {
			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					if (!ttmem_pool_tag_valid(memory, tag))
						continue;
					KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[i], chip,
								      memory, tag, MIB, false), 0);
					KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[i], chip,
								      memory, tag, 1 + i), 0);
				}
			}
		}
	}
	TTMEM_EXPECT_BALANCED(test, f->card);
	leave(f, 0);
	TTMEM_EXPECT_BALANCED(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 2 * 3 * (MIB + 2));
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 2 * 4 * (MIB + 2));
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.reservations, 2 * 7);
	leave(f, 1);
	expect_empty(test, f->card);
}

/* The states that an account may be in when the books are closed. */
enum state { HOLDING, EMPTY, CLOSED, GONE };

struct closing {
	const char *name;
	enum state state;
	bool remove;
};

static const struct closing closings[] = {
	{ "holding, invalidated", HOLDING, false },
	{ "holding, removed", HOLDING, true },
	{ "empty, invalidated", EMPTY, false },
	{ "empty, removed", EMPTY, true },
	{ "closed, invalidated", CLOSED, false },
	{ "closed, removed", CLOSED, true },
	{ "gone, invalidated", GONE, false },
	{ "gone, removed", GONE, true },
};

static void closing_desc(const struct closing *closing, char *desc)
{
	strscpy(desc, closing->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(closing, closings, closing_desc);

static void closing_empties_the_books(struct kunit *test)
{
	const struct closing *closing = test->param_value;
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;
	bool held = closing->state != EMPTY;
	unsigned int i;

	if (held) {
		for (i = 0; i < 2; i++) {
			KUNIT_ASSERT_EQ(test, reserve(card, &f->account[i], i, TTMEM_DRAM,
						      TTMEM_TAG_TRACE, 100, false), 0);
			KUNIT_ASSERT_EQ(test, set_one(card, &f->account[i], 1, TTMEM_L1,
						      TTMEM_TAG_CB, 10), 0);
		}
	}
	spin_lock(&card->lock);
	ttmem_card_deny(card, 1);
	spin_unlock(&card->lock);
	if (closing->state == CLOSED)
		ttmem_card_invalidate(card);
	else if (closing->state == GONE)
		ttmem_card_remove(card);

	if (closing->remove)
		ttmem_card_remove(card);
	else
		ttmem_card_invalidate(card);

	expect_empty(test, card);
	for (i = 0; i < ARRAY_SIZE(f->account); i++) {
		KUNIT_EXPECT_TRUE(test, f->account[i].closed);
		KUNIT_EXPECT_NULL(test, memchr_inv(f->account[i].part, 0,
						   sizeof(f->account[i].part)));
		KUNIT_EXPECT_NULL(test, memchr_inv(f->account[i].bytes, 0,
						   sizeof(f->account[i].bytes)));
	}
	/* History and capacity stay. */
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].peak, held ? 200 : 0);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].peak, held ? 20 : 0);
	KUNIT_EXPECT_EQ(test, card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, card->chip_tally[1].denied, 1);
	KUNIT_EXPECT_EQ(test, card->pool[0][TTMEM_DRAM].total, CAPACITY);

	/* Whoever comes later finds a card that works, or that is gone for good. */
	leave(f, 0);
	memset(&f->account[0], 0, sizeof(f->account[0]));
	if (closing->remove || closing->state == GONE) {
		KUNIT_EXPECT_TRUE(test, card->gone);
		KUNIT_EXPECT_EQ(test, ttmem_card_join(card, &f->account[0]), -ENODEV);
	} else {
		KUNIT_EXPECT_FALSE(test, card->gone);
		KUNIT_ASSERT_EQ(test, ttmem_card_join(card, &f->account[0]), 0);
		f->joined[0] = true;
		KUNIT_EXPECT_FALSE(test, f->account[0].closed);
		KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM,
					      TTMEM_TAG_BUFFER, CAPACITY, false), 0);
	}
	TTMEM_EXPECT_BALANCED(test, card);
}

static void closing_without_clients_does_nothing(struct kunit *test)
{
	struct ttmem_card *card = ttmem_card_create(1, &n300);

	KUNIT_ASSERT_NOT_NULL(test, card);
	ttmem_card_invalidate(card);
	expect_empty(test, card);
	ttmem_card_remove(card);
	expect_empty(test, card);
	ttmem_card_put(card);
}

static void refusals_are_counted_for_chip_and_card(struct kunit *test)
{
	struct fixture *f = test->priv;

	spin_lock(&f->card->lock);
	ttmem_card_deny(f->card, 0);
	ttmem_card_deny(f->card, 1);
	ttmem_card_deny(f->card, 1);
	spin_unlock(&f->card->lock);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[0].denied, 1);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[1].denied, 2);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 3);
}

static void card_s_figures_are_its_chips_together(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;

	KUNIT_EXPECT_EQ(test, ttmem_card_total(card, TTMEM_DRAM), 2 * CAPACITY);
	KUNIT_EXPECT_EQ(test, ttmem_card_banks(card, TTMEM_DRAM), 24);
	KUNIT_EXPECT_EQ(test, ttmem_card_banks(card, TTMEM_L1), 128);
	KUNIT_EXPECT_EQ(test, ttmem_card_free(card, TTMEM_DRAM), 2 * CAPACITY);
	/* A chip that is overfull takes nothing from what the other has free. */
	KUNIT_ASSERT_EQ(test, set_one(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 100), 0);
	KUNIT_ASSERT_EQ(test, set_one(card, &f->account[0], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      10), 0);
	KUNIT_EXPECT_EQ(test, ttmem_card_free(card, TTMEM_DRAM), CAPACITY - 10);
	/* One that is not known makes the whole unknown. */
	card->pool[1][TTMEM_DRAM].total = 0;
	KUNIT_EXPECT_EQ(test, ttmem_card_total(card, TTMEM_DRAM), 0);
	KUNIT_EXPECT_EQ(test, ttmem_card_free(card, TTMEM_DRAM), 0);
	/* Root may write what no 64 bits hold together. */
	card->pool[0][TTMEM_DRAM].total = U64_MAX;
	card->pool[1][TTMEM_DRAM].total = U64_MAX;
	KUNIT_EXPECT_EQ(test, ttmem_card_total(card, TTMEM_DRAM), 0);
	KUNIT_EXPECT_EQ(test, ttmem_card_free(card, TTMEM_DRAM), U64_MAX);
	card->pool[0][TTMEM_DRAM].banks = U32_MAX;
	card->pool[1][TTMEM_DRAM].banks = U32_MAX;
	KUNIT_EXPECT_EQ(test, ttmem_card_banks(card, TTMEM_DRAM), 2ULL * U32_MAX);
}

static void random_operations_match_the_reference(struct kunit *test)
{
	struct ttmem_account *accounts[TTMEM_MODEL_ACCOUNTS], *memory;
	unsigned int reserved = 0, freed = 0, sets = 0, closings = 0;
	unsigned int full = 0, overflow = 0, set_overflow = 0;
	unsigned int operation, a, chip;
	struct ttmem_gauge gauges[12];
	struct ttmem_model *model;
	struct ttmem_card *card;
	struct rnd_state random;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	memory = kunit_kcalloc(test, TTMEM_MODEL_ACCOUNTS, sizeof(*memory), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	card = ttmem_card_create(1, &n300);
	KUNIT_ASSERT_NOT_NULL(test, card);
	ttmem_model_begin(model, card);
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		accounts[a] = &memory[a];
		KUNIT_EXPECT_EQ(test, ttmem_card_join(card, accounts[a]), 0);
	}
	ttmem_kunit_seed(test, &random);

	for (operation = 0; operation < ttmem_kunit_operations; operation++) {
		struct ttmem_model_account *account;
		struct ttmem_reserve req;
		const char *differs;
		int err, expected;
		unsigned int i;

		a = ttmem_kunit_below(&random, TTMEM_MODEL_ACCOUNTS);
		account = &model->account[a];
		err = 0;
		expected = 0;
		switch (ttmem_kunit_below(&random, 64)) {
		case 0 ... 27:
			ttmem_model_request(model, &random, &req);
			if (account->closed || account->count == TTMEM_MODEL_HELD)
				break;
			expected = ttmem_model_reserve(model, a, &req);
			err = reserve(card, accounts[a], req.chip, req.memory, req.tag, req.size,
				      req.flags & TTMEM_RESERVE_OVERCOMMIT);
			reserved += !err;
			full += err == -ENOSPC;
			overflow += err == -EOVERFLOW;
			break;
		case 28 ... 47:
			if (!account->count)
				break;
			i = ttmem_kunit_below(&random, account->count);
			req = account->held[i];
			ttmem_model_free(model, a, i);
			unreserve(card, accounts[a], req.chip, req.memory, req.tag, req.size);
			freed++;
			break;
		case 48 ... 54:
			i = ttmem_model_gauges(model, &random, gauges, ARRAY_SIZE(gauges));
			if (account->closed)
				break;
			expected = ttmem_model_set(model, a, gauges, i);
			err = set(card, accounts[a], gauges, i);
			sets += !err;
			set_overflow += err == -EOVERFLOW;
			break;
		case 55 ... 56:
			chip = ttmem_kunit_below(&random, 2);
			if (account->closed)
				break;
			KUNIT_EXPECT_EQ(test, clear(card, accounts[a], chip),
					ttmem_model_clear(model, a, chip));
			break;
		case 57:
			ttmem_model_write_total(model, card, &random);
			break;
		case 58:
			ttmem_model_restart_peak(model, card, &random);
			break;
		case 59:
			chip = ttmem_kunit_below(&random, 2);
			ttmem_model_deny(model, chip);
			spin_lock(&card->lock);
			ttmem_card_deny(card, chip);
			spin_unlock(&card->lock);
			break;
		case 60:
			if (ttmem_kunit_below(&random, 16))
				break;
			ttmem_model_close_all(model);
			ttmem_card_invalidate(card);
			closings++;
			break;
		default:
			ttmem_card_leave(card, accounts[a]);
			memset(account, 0, sizeof(*account));
			memset(accounts[a], 0, sizeof(*accounts[a]));
			err = ttmem_card_join(card, accounts[a]);
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, err, expected, "operation %u", operation);
		differs = ttmem_model_differs(model, card, accounts);
		if (!differs)
			differs = ttmem_kunit_unbalanced(card);
		if (differs || err != expected) {
			KUNIT_FAIL(test, "after operation %u: %s", operation,
				   differs ?: "the answer");
			break;
		}
	}
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++)
		ttmem_card_leave(card, accounts[a]);
	expect_empty(test, card);
	ttmem_card_put(card);

	ttmem_kunit_happened(test, "reserved", reserved);
	ttmem_kunit_happened(test, "unreserved", freed);
	ttmem_kunit_happened(test, "refused, pool full", full);
	ttmem_kunit_happened(test, "refused, beyond 64 bits", overflow);
	ttmem_kunit_happened(test, "gauges set", sets);
	ttmem_kunit_happened(test, "gauges refused, beyond 64 bits", set_overflow);
	ttmem_kunit_happened(test, "invalidations", closings);
}

static struct kunit_case card_cases[] = {
	KUNIT_CASE(new_card_has_its_board_s_defaults),
	KUNIT_CASE(card_lives_until_its_last_reference),
	KUNIT_CASE(card_without_memory_is_none),
	KUNIT_CASE(reservation_is_entered_everywhere),
	KUNIT_CASE(refused_reservation_changes_nothing),
	KUNIT_CASE(client_of_two_chips_is_one),
	KUNIT_CASE(gauge_is_absolute),
	KUNIT_CASE(gauge_stands_beside_reservations),
	KUNIT_CASE(gauges_of_one_chip_are_cleared),
	KUNIT_CASE(gauge_passes_the_capacity),
	KUNIT_CASE(later_of_two_gauges_counts),
	KUNIT_CASE(gauges_that_move_raise_no_peak),
	KUNIT_CASE(gauges_are_set_all_or_none),
	KUNIT_CASE(leaving_gives_back_all),
	KUNIT_CASE_PARAM(closing_empties_the_books, closing_gen_params),
	KUNIT_CASE(closing_without_clients_does_nothing),
	KUNIT_CASE(refusals_are_counted_for_chip_and_card),
	KUNIT_CASE(card_s_figures_are_its_chips_together),
	KUNIT_CASE_SLOW(random_operations_match_the_reference),
	{ }
};

struct kunit_suite ttmem_card_suite = {
	.name = "ttmem_card",
	.init = card_init,
	.exit = card_exit,
	.test_cases = card_cases,
};
