// SPDX-License-Identifier: GPL-2.0-only
/*
 * The books of one card.
 */

#include "../driver/card.c"

#include "model.h"
#include "ttmem_kunit.h"

#define MIB	1048576ULL
#define MOST	TTMEM_CLIENT_BYTES_MAX

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

static int join(struct ttmem_card *card, struct ttmem_account *account)
{
	return ttmem_card_join(card, account, TTMEM_CARD_CLIENTS_MAX);
}

static int card_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->card = ttmem_card_create(7, &n300);
	KUNIT_ASSERT_NOT_NULL(test, f->card);
	for (i = 0; i < ARRAY_SIZE(f->account); i++) {
		KUNIT_ASSERT_EQ(test, join(f->card, &f->account[i]), 0);
		f->joined[i] = true;
	}
	return 0;
}

static void leave(struct fixture *f, unsigned int i)
{
	spin_lock(&f->card->lock);
	ttmem_card_leave(f->card, &f->account[i]);
	spin_unlock(&f->card->lock);
	f->joined[i] = false;
}

static void expect_balanced(struct kunit *test)
{
	struct ttmem_account *accounts[ARRAY_SIZE(((struct fixture *)0)->account)];
	struct fixture *f = test->priv;
	unsigned int i, n = 0;
	const char *what;

	for (i = 0; i < ARRAY_SIZE(f->account); i++)
		if (f->joined[i])
			accounts[n++] = &f->account[i];
	what = ttmem_kunit_unbalanced(f->card, accounts, n);
	if (what)
		KUNIT_FAIL(test, "the books do not add up: %s", what);
}

static void expect_empty(struct kunit *test, struct ttmem_card *card)
{
	unsigned int chip, memory, tag;

	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		KUNIT_EXPECT_EQ(test, card->sum[memory].used, 0);
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			KUNIT_EXPECT_EQ(test, card->pool[chip][memory].used, 0);
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				KUNIT_EXPECT_EQ(test, card->pool[chip][memory].tag[tag], 0);
		}
	}
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		KUNIT_EXPECT_EQ(test, card->chip_tally[chip].clients, 0);
		KUNIT_EXPECT_EQ(test, card->chip_tally[chip].reservations, 0);
	}
	KUNIT_EXPECT_EQ(test, card->tally.clients, 0);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 0);
}

static bool in_books(struct fixture *f, unsigned int i)
{
	const struct ttmem_account *view;

	spin_lock(&f->card->lock);
	view = ttmem_account_view(f->card, &f->account[i]);
	spin_unlock(&f->card->lock);
	return view == &f->account[i];
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
	expect_balanced(test);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->clients, 0);
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

static void count(struct ttmem_card *card, struct ttmem_account *account, const s64 *counters)
{
	spin_lock(&card->lock);
	ttmem_card_count(card, account, counters);
	spin_unlock(&card->lock);
}

static s64 *new_counters(struct kunit *test)
{
	s64 *counters = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, counters);
	return counters;
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
	KUNIT_EXPECT_FALSE(test, ttmem_account_empty(&f->account[0]));
	KUNIT_EXPECT_TRUE(test, ttmem_account_empty(&f->account[1]));
	KUNIT_EXPECT_EQ(test, ttmem_account_reservations(&f->account[0]), 2);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_L1], 340);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], 0);
	expect_balanced(test);

	unreserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 300);
	KUNIT_EXPECT_EQ(test, part->reserved, 40);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 1);
	expect_balanced(test);
	unreserve(card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_L1_SMALL, 40);
	expect_empty(test, card);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].peak, 340);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_L1], 340);
	KUNIT_EXPECT_TRUE(test, ttmem_account_empty(&f->account[0]));
}

static void refused_reservation_changes_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;

	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 1, false), -ENOSPC);
	expect_empty(test, card);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], 0);
	KUNIT_EXPECT_EQ(test, card->pool[0][TTMEM_DRAM].peak, 0);
	/* OVERCOMMIT gets past the capacity, not past the client's own bound. */
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 1, true), 0);
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE,
				      MOST - CAPACITY, true), -EDQUOT);
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE,
				      U64_MAX, true), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], CAPACITY + 1);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].peak, CAPACITY + 1);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 1);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_DRAM].used, 0);
	expect_balanced(test);
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
	expect_balanced(test);
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
	expect_balanced(test);
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
	expect_balanced(test);
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
	expect_balanced(test);
}

static void gauge_passes_the_capacity(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      CAPACITY + 5), 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].used, CAPACITY + 5);
	KUNIT_EXPECT_EQ(test, reserve(f->card, &f->account[1], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 1,
				      false), -ENOSPC);
	expect_balanced(test);
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
	expect_balanced(test);
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
	expect_balanced(test);
}

static void gauges_are_set_all_or_none(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_part *buffer = &f->account[0].part[0][TTMEM_DRAM][TTMEM_TAG_BUFFER];
	struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_BUFFER, .bytes = 5, .largest_free = 4 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 6, .largest_free = 4 },
		{ .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = MOST - 11 },
	};

	KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM, 7,
				      false), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      2), 0);
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), -EDQUOT);
	KUNIT_EXPECT_EQ(test, buffer->gauge, 2);
	KUNIT_EXPECT_EQ(test, buffer->largest_free, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 9);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 9);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], 9);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], 0);
	expect_balanced(test);
	/* To the last byte that a client may hold. */
	gauges[2].bytes = MOST - 12;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, f->account[0].bytes[0][TTMEM_DRAM], MOST);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], MOST);
	/* What falls makes room for what rises, in whichever order they come. */
	gauges[0].bytes = MOST - 7 - 1;
	gauges[2].bytes = 1;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), 0);
	KUNIT_EXPECT_EQ(test, buffer->gauge, MOST - 8);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, MOST);
	expect_balanced(test);
	/* Two that fit alone do not fit together, nor does one that wraps 64 bits. */
	gauges[0].bytes = MOST / 2;
	gauges[2].bytes = MOST / 2;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), -EDQUOT);
	gauges[0].bytes = U64_MAX - 6;
	gauges[2].bytes = 0;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), -EDQUOT);
	gauges[0].bytes = 1;
	gauges[2].bytes = U64_MAX;
	KUNIT_EXPECT_EQ(test, set(f->card, &f->account[0], gauges, 3), -EDQUOT);
	KUNIT_EXPECT_EQ(test, buffer->gauge, MOST - 8);
	expect_balanced(test);
}

/* A bound for each pool, and for each client: reservations, gauges and counters together. */
static void client_s_bound_is_of_each_pool(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = f->card;
	s64 *counters = new_counters(test);
	unsigned int i, chip, memory;

	for (i = 0; i < ARRAY_SIZE(f->account); i++) {
		for (chip = 0; chip < 2; chip++) {
			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				KUNIT_EXPECT_EQ(test, reserve(card, &f->account[i], chip, memory,
							      TTMEM_TAG_BUFFER, MOST, true), 0);
				KUNIT_EXPECT_EQ(test, reserve(card, &f->account[i], chip, memory,
							      TTMEM_TAG_SYSTEM, 1, true), -EDQUOT);
				KUNIT_EXPECT_EQ(test, set_one(card, &f->account[i], chip, memory,
							      TTMEM_TAG_SYSTEM, 1), -EDQUOT);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_L1].used, 6 * MOST);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_L1].peak, 6 * MOST);
	expect_balanced(test);

	unreserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, MOST);
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 100;
	count(card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, set_one(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE,
				      MOST - 99), -EDQUOT);
	KUNIT_EXPECT_EQ(test, set_one(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE,
				      MOST - 101), 0);
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 2,
				      true), -EDQUOT);
	KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 1,
				      true), 0);
	KUNIT_EXPECT_EQ(test, f->account[0].bytes[0][TTMEM_DRAM], MOST);
	expect_balanced(test);
}

/* Counters */

static void counters_are_entered_as_they_stand(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_part (*part)[TTMEM_MEMORIES][TTMEM_TAGS] = f->account[0].part;
	u64 (*counter)[TTMEM_MEMORIES][TTMEM_TAGS] = f->account[0].counter;
	s64 *counters = new_counters(test);

	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_CB, 3), 0);
	KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[0], 1, TTMEM_L1, TTMEM_TAG_CB, 20,
				      false), 0);
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 1000;
	counters[TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB)] = 400;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, counter[0][TTMEM_DRAM][TTMEM_TAG_TRACE], 1000);
	KUNIT_EXPECT_EQ(test, counter[1][TTMEM_L1][TTMEM_TAG_CB], 400);
	KUNIT_EXPECT_EQ(test, part[1][TTMEM_L1][TTMEM_TAG_CB].gauge, 3);
	KUNIT_EXPECT_EQ(test, part[1][TTMEM_L1][TTMEM_TAG_CB].reserved, 20);
	KUNIT_EXPECT_EQ(test, ttmem_account_tagged(&f->account[0], 1, TTMEM_L1, TTMEM_TAG_CB),
			423);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_L1].tag[TTMEM_TAG_CB], 423);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[0].clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.reservations, 1);
	expect_balanced(test);

	/* Again the same changes nothing; then backward, and to nothing. */
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 423);
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 999;
	counters[TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB)] = 0;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 999);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 23);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], 1000);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_L1], 423);
	expect_balanced(test);
	/* What else there is stays where the counters are nothing. */
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = 0;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 23);
	expect_balanced(test);
}

static void counter_below_0_is_0(struct kunit *test)
{
	static const s64 below[] = { -1, -1000, S64_MIN + 1, S64_MIN };
	const unsigned int trace = TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE);
	struct fixture *f = test->priv;
	s64 *counters = new_counters(test);
	unsigned int i;

	/* One below 0 takes nothing from its neighbour. */
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)] = 70;
	for (i = 0; i < ARRAY_SIZE(below); i++) {
		counters[trace] = 5;
		count(f->card, &f->account[0], counters);
		KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 75);
		counters[trace] = below[i];
		count(f->card, &f->account[0], counters);
		KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 70);
		KUNIT_EXPECT_EQ(test,
				f->account[0].counter[0][TTMEM_DRAM][TTMEM_TAG_TRACE], 0);
		KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], 75);
		expect_balanced(test);
	}
}

static void counters_above_the_bound_are_cut_off_in_order(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 *counter = f->account[0].counter[0][TTMEM_L1];
	s64 *counters = new_counters(test);
	s64 *cell = counters + TTMEM_COUNTER_INDEX(0, TTMEM_L1, 0);

	KUNIT_ASSERT_EQ(test, reserve(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 10,
				      true), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_BUFFER,
				      1), 0);
	cell[TTMEM_TAG_BUFFER] = 100;
	cell[TTMEM_TAG_SYSTEM] = S64_MAX;
	cell[TTMEM_TAG_L1_SMALL] = 5;
	cell[TTMEM_TAG_CB] = S64_MAX;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_BUFFER], 100);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_SYSTEM], MOST - 111);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_L1_SMALL], 0);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_CB], 0);
	KUNIT_EXPECT_EQ(test, f->account[0].bytes[0][TTMEM_L1], MOST);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], MOST);
	expect_balanced(test);

	/* From full to full, by other tags: what falls makes room. */
	cell[TTMEM_TAG_SYSTEM] = -1;
	cell[TTMEM_TAG_L1_SMALL] = MOST - 112;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_SYSTEM], 0);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_L1_SMALL], MOST - 112);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_CB], 1);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], MOST);
	expect_balanced(test);

	/* One exactly at the bound, with nothing else. */
	unreserve(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 10);
	KUNIT_EXPECT_EQ(test, clear(f->card, &f->account[0], 0), 1);
	memset(cell, 0, TTMEM_TAGS * sizeof(*cell));
	cell[TTMEM_TAG_CB] = MOST;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_CB], MOST);
	cell[TTMEM_TAG_CB] = MOST + 1;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, counter[TTMEM_TAG_CB], MOST);
	expect_balanced(test);
}

static void cells_of_no_pair_and_no_chip_are_not_read(struct kunit *test)
{
	static const struct ttmem_pci n150 = {
		.vendor_id = 0x1e52, .device_id = 0x401e,
		.subsystem_vendor_id = 0x1e52, .subsystem_id = 0x18,
	};
	struct fixture *f = test->priv;
	struct ttmem_card *card = ttmem_card_create(1, &n150);
	struct ttmem_account *account = kunit_kzalloc(test, sizeof(*account), GFP_KERNEL);
	s64 *counters = new_counters(test);
	unsigned int i, chip, memory, tag;

	KUNIT_ASSERT_NOT_NULL(test, account);
	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_ASSERT_EQ(test, card->chips, 1);
	KUNIT_ASSERT_EQ(test, join(card, account), 0);
	for (i = 0; i < PAGE_SIZE / sizeof(*counters); i++)
		counters[i] = 1000 + i;
	for (chip = 0; chip < 2; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				if (ttmem_pool_tag_valid(memory, tag))
					counters[chip * 16 + memory * 8 + tag] = 1;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 2 * 3);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 2 * 4);
	expect_balanced(test);
	count(card, account, counters);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].used, 3);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_L1].used, 4);
	KUNIT_EXPECT_NULL(test, ttmem_kunit_unbalanced(card, &account, 1));
	spin_lock(&card->lock);
	ttmem_card_leave(card, account);
	spin_unlock(&card->lock);
	expect_empty(test, card);
	ttmem_card_put(card);
}

/* One client's counters alone may be the half of a move. */
static void counters_raise_own_peaks_and_no_pool_s(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters = new_counters(test);

	counters[TTMEM_COUNTER_INDEX(1, TTMEM_DRAM, TTMEM_TAG_BUFFER)] = 100;
	count(f->card, &f->account[0], counters);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_DRAM], 100);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_DRAM], 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_DRAM].used, 100);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_DRAM].peak, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 0);
	/* Nor do they by what else is entered meanwhile. */
	KUNIT_EXPECT_EQ(test, reserve(f->card, &f->account[1], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, 7,
				      false), 0);
	KUNIT_EXPECT_EQ(test, set_one(f->card, &f->account[1], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER,
				      20), 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_DRAM].peak, 27);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 27);
	expect_balanced(test);
	unreserve(f->card, &f->account[1], 1, TTMEM_DRAM, TTMEM_TAG_BUFFER, 7);
	KUNIT_EXPECT_EQ(test, clear(f->card, &f->account[1], 1), 20);
	spin_lock(&f->card->lock);
	ttmem_card_settle(f->card);
	spin_unlock(&f->card->lock);
	KUNIT_EXPECT_EQ(test, f->card->pool[1][TTMEM_DRAM].peak, 100);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].peak, 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 100);
}

static void own_peaks_restart_at_what_is_held(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 90), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 30), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 1, TTMEM_DRAM, TTMEM_TAG_TRACE,
				      5), 0);
	KUNIT_ASSERT_EQ(test, clear(f->card, &f->account[0], 1), 5);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], 90);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_DRAM], 5);
	spin_lock(&f->card->lock);
	ttmem_account_restart_peaks(&f->account[0]);
	spin_unlock(&f->card->lock);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[0][TTMEM_L1], 30);
	KUNIT_EXPECT_EQ(test, f->account[0].peak[1][TTMEM_DRAM], 0);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_L1].peak, 90);
}

static void leaving_gives_back_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters = new_counters(test);
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
					counters[TTMEM_COUNTER_INDEX(chip, memory, tag)] = 100;
				}
			}
		}
		count(f->card, &f->account[i], counters);
	}
	expect_balanced(test);
	leave(f, 0);
	KUNIT_EXPECT_EQ(test, f->account[0].epoch, TTMEM_EPOCH_LEFT);
	KUNIT_EXPECT_FALSE(test, in_books(f, 0));
	expect_balanced(test);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 2 * 3 * (MIB + 102));
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 2 * 4 * (MIB + 102));
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.reservations, 2 * 7);
	KUNIT_EXPECT_EQ(test, f->card->clients, 2);
	leave(f, 1);
	expect_empty(test, f->card);
}

static void card_has_so_many_clients_and_no_more(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_account *account = &f->account[2];

	KUNIT_EXPECT_EQ(test, TTMEM_CARD_CLIENTS_MAX, 1U << 22);
	KUNIT_EXPECT_EQ(test, TTMEM_CARD_CLIENTS_RESERVED, 1U << 16);
	leave(f, 2);
	memset(account, 0, sizeof(*account));
	KUNIT_EXPECT_EQ(test, ttmem_card_join(f->card, account, 2), -ENFILE);
	KUNIT_EXPECT_EQ(test, f->card->clients, 2);
	KUNIT_EXPECT_EQ(test, ttmem_card_join(f->card, account, 3), 0);
	f->joined[2] = true;
	KUNIT_EXPECT_EQ(test, f->card->clients, 3);
	/* An invalidation ends no client. */
	KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(f->card), 0);
	KUNIT_EXPECT_EQ(test, f->card->clients, 3);
	leave(f, 2);
	memset(account, 0, sizeof(*account));
	KUNIT_EXPECT_EQ(test, ttmem_card_join(f->card, account, 2), -ENFILE);
	/* Of a card that is gone nothing else is told. */
	ttmem_card_remove(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_card_join(f->card, account, 2), -ENODEV);
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
	s64 *counters = new_counters(test);
	unsigned int i;

	counters[TTMEM_COUNTER_INDEX(1, TTMEM_DRAM, TTMEM_TAG_SYSTEM)] = 1000;
	if (held) {
		for (i = 0; i < 2; i++) {
			KUNIT_ASSERT_EQ(test, reserve(card, &f->account[i], i, TTMEM_DRAM,
						      TTMEM_TAG_TRACE, 100, false), 0);
			KUNIT_ASSERT_EQ(test, set_one(card, &f->account[i], 1, TTMEM_L1,
						      TTMEM_TAG_CB, 10), 0);
		}
		count(card, &f->account[0], counters);
	}
	spin_lock(&card->lock);
	ttmem_card_deny(card, 1);
	spin_unlock(&card->lock);
	if (closing->state == CLOSED)
		KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(card), 0);
	else if (closing->state == GONE)
		ttmem_card_remove(card);

	if (closing->remove)
		ttmem_card_remove(card);
	else
		KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(card),
				closing->state == GONE ? -ENODEV : 0);

	expect_empty(test, card);
	expect_balanced(test);
	for (i = 0; i < ARRAY_SIZE(f->account); i++) {
		const struct ttmem_account *view;

		KUNIT_EXPECT_FALSE(test, ttmem_account_current(card, &f->account[i]));
		spin_lock(&card->lock);
		view = ttmem_account_view(card, &f->account[i]);
		spin_unlock(&card->lock);
		KUNIT_EXPECT_PTR_NE(test, view, &f->account[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(view, 0, sizeof(*view)));
	}
	KUNIT_EXPECT_EQ(test, card->clients, ARRAY_SIZE(f->account));
	/* History and capacity stay. */
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].peak, held ? 200 : 0);
	KUNIT_EXPECT_EQ(test, card->pool[1][TTMEM_L1].peak, held ? 20 : 0);
	KUNIT_EXPECT_EQ(test, card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, card->chip_tally[1].denied, 1);
	KUNIT_EXPECT_EQ(test, card->pool[0][TTMEM_DRAM].total, CAPACITY);

	/* Whoever comes later finds a card that works, or that is gone for good. */
	leave(f, 0);
	expect_empty(test, card);
	memset(&f->account[0], 0, sizeof(f->account[0]));
	if (closing->remove || closing->state == GONE) {
		KUNIT_EXPECT_TRUE(test, ttmem_card_gone(card));
		KUNIT_EXPECT_EQ(test, join(card, &f->account[0]), -ENODEV);
		KUNIT_EXPECT_EQ(test, card->clients, ARRAY_SIZE(f->account) - 1);
	} else {
		KUNIT_EXPECT_FALSE(test, ttmem_card_gone(card));
		KUNIT_ASSERT_EQ(test, join(card, &f->account[0]), 0);
		f->joined[0] = true;
		KUNIT_EXPECT_TRUE(test, in_books(f, 0));
		KUNIT_EXPECT_EQ(test, reserve(card, &f->account[0], 0, TTMEM_DRAM,
					      TTMEM_TAG_BUFFER, CAPACITY, false), 0);
		/* The others leave, and nothing of theirs is taken from it. */
		leave(f, 1);
		leave(f, 2);
		KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].used, CAPACITY);
		KUNIT_EXPECT_EQ(test, card->tally.clients, 1);
		KUNIT_EXPECT_EQ(test, card->tally.reservations, 1);
	}
	expect_balanced(test);
}

static void closing_without_clients_does_nothing(struct kunit *test)
{
	struct ttmem_card *card = ttmem_card_create(1, &n300);

	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_EXPECT_FALSE(test, ttmem_card_gone(card));
	KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(card), 0);
	expect_empty(test, card);
	KUNIT_EXPECT_FALSE(test, ttmem_card_gone(card));
	ttmem_card_remove(card);
	expect_empty(test, card);
	KUNIT_EXPECT_TRUE(test, ttmem_card_gone(card));
	KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(card), -ENODEV);
	KUNIT_EXPECT_TRUE(test, ttmem_card_gone(card));
	ttmem_card_put(card);
}

/* No epoch comes twice, however often the books are invalidated. */
static void account_of_an_older_epoch_never_comes_back(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set_one(f->card, &f->account[0], 0, TTMEM_L1, TTMEM_TAG_CB, 7), 0);
	for (i = 0; i < 1000; i++) {
		KUNIT_ASSERT_EQ(test, ttmem_card_invalidate(f->card), 0);
		KUNIT_ASSERT_FALSE(test, ttmem_account_current(f->card, &f->account[0]));
		KUNIT_ASSERT_NE(test, f->card->epoch, TTMEM_EPOCH_GONE);
		KUNIT_ASSERT_NE(test, f->card->epoch, TTMEM_EPOCH_LEFT);
	}
	expect_empty(test, f->card);
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
	/* The most that root may write. */
	card->pool[0][TTMEM_DRAM].total = TTMEM_POOL_TOTAL_MAX;
	card->pool[1][TTMEM_DRAM].total = TTMEM_POOL_TOTAL_MAX;
	KUNIT_EXPECT_EQ(test, ttmem_card_total(card, TTMEM_DRAM), 2 * TTMEM_POOL_TOTAL_MAX);
	KUNIT_EXPECT_EQ(test, ttmem_card_free(card, TTMEM_DRAM),
			2 * TTMEM_POOL_TOTAL_MAX - CAPACITY - 110);
	card->pool[0][TTMEM_DRAM].banks = U32_MAX;
	card->pool[1][TTMEM_DRAM].banks = U32_MAX;
	KUNIT_EXPECT_EQ(test, ttmem_card_banks(card, TTMEM_DRAM), 2ULL * U32_MAX);
}

static void random_operations_match_the_reference(struct kunit *test)
{
	struct ttmem_account *accounts[TTMEM_MODEL_ACCOUNTS], *memory;
	unsigned int reserved = 0, freed = 0, sets = 0, counts = 0, closings = 0;
	unsigned int full = 0, bound = 0, set_bound = 0, restarts = 0;
	unsigned int operation, a, chip;
	s64 *counters = new_counters(test);
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
		KUNIT_EXPECT_EQ(test, join(card, accounts[a]), 0);
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
		case 0 ... 23:
			ttmem_model_request(model, &random, &req);
			if (account->error || account->count == TTMEM_MODEL_HELD)
				break;
			expected = ttmem_model_reserve(model, a, &req);
			err = reserve(card, accounts[a], req.chip, req.memory, req.tag, req.size,
				      req.flags & TTMEM_RESERVE_OVERCOMMIT);
			reserved += !err;
			full += err == -ENOSPC;
			bound += err == -EDQUOT;
			break;
		case 24 ... 42:
			if (!account->count)
				break;
			i = ttmem_kunit_below(&random, account->count);
			req = account->held[i];
			ttmem_model_free(model, a, i);
			unreserve(card, accounts[a], req.chip, req.memory, req.tag, req.size);
			freed++;
			break;
		case 43 ... 48:
			i = ttmem_model_gauges(model, &random, gauges, ARRAY_SIZE(gauges));
			if (account->error)
				break;
			expected = ttmem_model_set(model, a, gauges, i);
			err = set(card, accounts[a], gauges, i);
			sets += !err;
			set_bound += err == -EDQUOT;
			break;
		case 49 ... 54:
			ttmem_model_counters(&random, counters);
			if (account->error)
				break;
			ttmem_model_count(model, a, counters);
			count(card, accounts[a], counters);
			counts++;
			break;
		case 55:
			chip = ttmem_kunit_below(&random, 2);
			if (account->error)
				break;
			KUNIT_EXPECT_EQ(test, clear(card, accounts[a], chip),
					ttmem_model_clear(model, a, chip));
			break;
		case 56:
			ttmem_model_settle(model);
			spin_lock(&card->lock);
			ttmem_card_settle(card);
			spin_unlock(&card->lock);
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
			ttmem_model_end_all(model);
			err = ttmem_card_invalidate(card);
			closings++;
			break;
		case 61:
			if (account->error)
				break;
			ttmem_model_restart_own_peaks(model, a);
			spin_lock(&card->lock);
			ttmem_account_restart_peaks(accounts[a]);
			spin_unlock(&card->lock);
			restarts++;
			break;
		default:
			spin_lock(&card->lock);
			ttmem_card_leave(card, accounts[a]);
			spin_unlock(&card->lock);
			ttmem_model_end(model, a, 0);
			memset(accounts[a], 0, sizeof(*accounts[a]));
			err = join(card, accounts[a]);
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, err, expected, "operation %u", operation);
		differs = ttmem_model_differs(model, card, accounts);
		if (!differs)
			differs = ttmem_kunit_unbalanced(card, accounts, TTMEM_MODEL_ACCOUNTS);
		if (differs || err != expected) {
			KUNIT_FAIL(test, "after operation %u: %s", operation,
				   differs ?: "the answer");
			break;
		}
	}
	spin_lock(&card->lock);
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++)
		ttmem_card_leave(card, accounts[a]);
	spin_unlock(&card->lock);
	expect_empty(test, card);
	ttmem_card_put(card);

	ttmem_kunit_happened(test, "reserved", reserved);
	ttmem_kunit_happened(test, "unreserved", freed);
	ttmem_kunit_happened(test, "refused, pool full", full);
	ttmem_kunit_happened(test, "refused, the client's bound", bound);
	ttmem_kunit_happened(test, "gauges set", sets);
	ttmem_kunit_happened(test, "gauges refused, the client's bound", set_bound);
	ttmem_kunit_happened(test, "counters read", counts);
	ttmem_kunit_happened(test, "own peaks restarted", restarts);
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
	KUNIT_CASE(client_s_bound_is_of_each_pool),
	KUNIT_CASE(counters_are_entered_as_they_stand),
	KUNIT_CASE(counter_below_0_is_0),
	KUNIT_CASE(counters_above_the_bound_are_cut_off_in_order),
	KUNIT_CASE(cells_of_no_pair_and_no_chip_are_not_read),
	KUNIT_CASE(counters_raise_own_peaks_and_no_pool_s),
	KUNIT_CASE(own_peaks_restart_at_what_is_held),
	KUNIT_CASE(leaving_gives_back_all),
	KUNIT_CASE(card_has_so_many_clients_and_no_more),
	KUNIT_CASE_PARAM(closing_empties_the_books, closing_gen_params),
	KUNIT_CASE(closing_without_clients_does_nothing),
	KUNIT_CASE(account_of_an_older_epoch_never_comes_back),
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
