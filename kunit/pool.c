// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of charging.
 */

#include "../driver/pool.c"

#include "ttmem_kunit.h"

#define CAPACITY	1000

/* As card.c takes a reservation. */
static int charge(struct ttmem_pool *pool, u32 tag, u64 bytes)
{
	if (!ttmem_pool_fits(pool, bytes))
		return -ENOSPC;
	ttmem_pool_charge(pool, tag, bytes);
	ttmem_pool_raise_peak(pool);
	return 0;
}

/* Two pools of one memory, and the card's sum that they have for parent. */
struct pools {
	struct ttmem_pool sum;
	struct ttmem_pool pool[2];
};

static int pool_init(struct kunit *test)
{
	struct pools *pools = kunit_kzalloc(test, sizeof(*pools), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pools);
	for (i = 0; i < ARRAY_SIZE(pools->pool); i++) {
		pools->pool[i].parent = &pools->sum;
		pools->pool[i].total = CAPACITY;
		pools->pool[i].banks = 8;
	}
	test->priv = pools;
	return 0;
}

static void expect_pool(struct kunit *test, const struct ttmem_pool *pool, u64 used, u64 peak)
{
	u64 tags = 0;
	unsigned int tag;

	for (tag = 0; tag < TTMEM_TAGS; tag++)
		tags += pool->tag[tag];
	KUNIT_EXPECT_EQ(test, pool->used, used);
	KUNIT_EXPECT_EQ(test, pool->peak, peak);
	KUNIT_EXPECT_EQ(test, tags, used);
}

static void charge_adds_to_pool_and_sum(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 100), 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[1], TTMEM_TAG_BUFFER, 20), 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 3), 0);
	expect_pool(test, &p->pool[0], 103, 103);
	expect_pool(test, &p->pool[1], 20, 20);
	expect_pool(test, &p->sum, 123, 123);
}

static void uncharge_gives_back_to_pool_and_sum(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 100), 0);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[1], TTMEM_TAG_BUFFER, 20), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 30);
	expect_pool(test, &p->pool[0], 70, 100);
	expect_pool(test, &p->pool[1], 20, 20);
	expect_pool(test, &p->sum, 90, 120);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 70);
	ttmem_pool_uncharge(&p->pool[1], TTMEM_TAG_BUFFER, 20);
	expect_pool(test, &p->pool[0], 0, 100);
	expect_pool(test, &p->sum, 0, 120);
}

static void charge_of_nothing_changes_nothing(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 0), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 0);
	expect_pool(test, &p->pool[0], 0, 0);
	expect_pool(test, &p->sum, 0, 0);
}

static void peak_stays_where_used_falls(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 600), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 500);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 499), 0);
	expect_pool(test, &p->pool[0], 599, 600);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 2), 0);
	expect_pool(test, &p->pool[0], 601, 601);
}

/* What the chips' peaks add up to was never there at once. */
static void peak_of_the_sum_is_its_own(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 600), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 600);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[1], TTMEM_TAG_BUFFER, 700), 0);
	expect_pool(test, &p->pool[0], 0, 600);
	expect_pool(test, &p->pool[1], 700, 700);
	expect_pool(test, &p->sum, 700, 700);
}

/* What belongs together is charged first, so that no peak is seen that never was. */
static void peak_rises_only_where_it_is_told_to(struct kunit *test)
{
	struct pools *p = test->priv;

	ttmem_pool_charge(&p->pool[0], TTMEM_TAG_BUFFER, 100);
	expect_pool(test, &p->pool[0], 100, 0);
	expect_pool(test, &p->sum, 100, 0);
	ttmem_pool_charge(&p->pool[1], TTMEM_TAG_BUFFER, 100);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 60);
	ttmem_pool_raise_peak(&p->pool[0]);
	expect_pool(test, &p->pool[0], 40, 40);
	expect_pool(test, &p->pool[1], 100, 0);
	expect_pool(test, &p->sum, 140, 140);
	ttmem_pool_raise_peak(&p->pool[1]);
	expect_pool(test, &p->pool[1], 100, 100);
	expect_pool(test, &p->sum, 140, 140);
	/* And never falls. */
	ttmem_pool_uncharge(&p->pool[1], TTMEM_TAG_BUFFER, 50);
	ttmem_pool_raise_peak(&p->pool[1]);
	expect_pool(test, &p->pool[1], 50, 100);
	expect_pool(test, &p->sum, 90, 140);
}

/* As card.c reads a client's counters. */
static void count(struct ttmem_pool *pool, u64 before, u64 after)
{
	if (after > before)
		ttmem_pool_charge(pool, TTMEM_TAG_BUFFER, after - before);
	else
		ttmem_pool_uncharge(pool, TTMEM_TAG_BUFFER, before - after);
	ttmem_pool_unsettle(pool, before, after);
}

static void peak_is_not_raised_by_what_is_not_settled(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 10), 0);
	count(&p->pool[0], 0, 100);
	ttmem_pool_raise_peak(&p->pool[0]);
	expect_pool(test, &p->pool[0], 110, 10);
	expect_pool(test, &p->sum, 110, 10);
	/* What is taken meanwhile raises it by its own part, in the other pool as well. */
	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 5), 0);
	expect_pool(test, &p->pool[0], 115, 15);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[1], TTMEM_TAG_BUFFER, 2), 0);
	expect_pool(test, &p->pool[1], 2, 2);
	expect_pool(test, &p->sum, 117, 17);
	/* What falls was the other half of the move, or what had risen before. */
	count(&p->pool[0], 100, 60);
	KUNIT_EXPECT_EQ(test, p->pool[0].unsettled, 60);
	KUNIT_EXPECT_EQ(test, p->sum.unsettled, 60);
	count(&p->pool[0], 60, 0);
	KUNIT_EXPECT_EQ(test, p->pool[0].unsettled, 0);
	count(&p->pool[0], 0, 0);
	expect_pool(test, &p->pool[0], 15, 15);
	/* A restart is at what is settled, too. */
	count(&p->pool[0], 0, 30);
	ttmem_pool_restart_peak(&p->pool[0]);
	expect_pool(test, &p->pool[0], 45, 15);
	/* More may be unsettled than is used, where what was settled is given back. */
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 40);
	ttmem_pool_raise_peak(&p->pool[0]);
	ttmem_pool_restart_peak(&p->pool[0]);
	expect_pool(test, &p->pool[0], 5, 0);

	/* Once all were read it is the truth. */
	ttmem_pool_settle(&p->pool[0]);
	expect_pool(test, &p->pool[0], 5, 5);
	KUNIT_EXPECT_EQ(test, p->pool[0].unsettled, 0);
	KUNIT_EXPECT_EQ(test, p->sum.unsettled, 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 100), 0);
	expect_pool(test, &p->pool[0], 105, 105);
	/* Nor is there anything unsettled in a pool that is emptied. */
	count(&p->pool[0], 0, 30);
	ttmem_pool_clear(&p->pool[0]);
	KUNIT_EXPECT_EQ(test, p->pool[0].unsettled, 0);
}

static void peak_restarts_at_used(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 600), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 500);
	ttmem_pool_restart_peak(&p->pool[0]);
	expect_pool(test, &p->pool[0], 100, 100);
	expect_pool(test, &p->sum, 100, 600);
	ttmem_pool_restart_peak(&p->sum);
	expect_pool(test, &p->sum, 100, 100);
}

static void cleared_pool_keeps_its_peak(struct kunit *test)
{
	struct pools *p = test->priv;
	unsigned int tag;

	for (tag = 0; tag < TTMEM_TAGS; tag++)
		KUNIT_ASSERT_EQ(test, charge(&p->pool[0], tag, 10 + tag), 0);
	ttmem_pool_clear(&p->pool[0]);
	expect_pool(test, &p->pool[0], 0, 60);
	for (tag = 0; tag < TTMEM_TAGS; tag++)
		KUNIT_EXPECT_EQ(test, p->pool[0].tag[tag], 0);
	KUNIT_EXPECT_EQ(test, p->pool[0].total, CAPACITY);
	KUNIT_EXPECT_EQ(test, p->pool[0].banks, 8);
	/* Each of a card's pools is cleared by itself. */
	expect_pool(test, &p->sum, 60, 60);
	ttmem_pool_clear(&p->sum);
	expect_pool(test, &p->sum, 0, 60);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_CB, CAPACITY), 0);
}

static void tags_are_kept_apart(struct kunit *test)
{
	struct pools *p = test->priv;
	unsigned int tag;

	for (tag = 0; tag < TTMEM_TAGS; tag++)
		KUNIT_ASSERT_EQ(test, charge(&p->pool[0], tag, 10 + tag), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_SYSTEM, 12);
	for (tag = 0; tag < TTMEM_TAGS; tag++) {
		u64 bytes = tag == TTMEM_TAG_SYSTEM ? 0 : 10 + tag;

		KUNIT_EXPECT_EQ(test, p->pool[0].tag[tag], bytes);
		KUNIT_EXPECT_EQ(test, p->sum.tag[tag], bytes);
		KUNIT_EXPECT_EQ(test, p->pool[1].tag[tag], 0);
	}
	expect_pool(test, &p->pool[0], 10 + 11 + 13 + 14, 10 + 11 + 12 + 13 + 14);
}

static void each_memory_knows_its_tags(struct kunit *test)
{
	static const bool known[TTMEM_MEMORIES][TTMEM_TAGS] = {
		/* buffer, trace, system, l1_small, cb */
		[TTMEM_DRAM] = { true, true, true, false, false },
		[TTMEM_L1] = { true, false, true, true, true },
	};
	u32 memory, tag;

	for (memory = 0; memory < 70; memory++)
		for (tag = 0; tag < 70; tag++)
			KUNIT_EXPECT_EQ_MSG(test, ttmem_pool_tag_valid(memory, tag),
					    memory < TTMEM_MEMORIES && tag < TTMEM_TAGS &&
					    known[memory][tag],
					    "memory %u tag %u", memory, tag);
	KUNIT_EXPECT_FALSE(test, ttmem_pool_tag_valid(U32_MAX, TTMEM_TAG_BUFFER));
	KUNIT_EXPECT_FALSE(test, ttmem_pool_tag_valid(TTMEM_DRAM, U32_MAX));
	KUNIT_EXPECT_FALSE(test, ttmem_pool_tag_valid(TTMEM_L1, 1U << 31));
}

static void names_are_what_procfs_shows(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, ttmem_memory_name(TTMEM_DRAM), "DRAM");
	KUNIT_EXPECT_STREQ(test, ttmem_memory_name(TTMEM_L1), "L1");
	KUNIT_EXPECT_STREQ(test, ttmem_tag_name(TTMEM_TAG_BUFFER), "buffer");
	KUNIT_EXPECT_STREQ(test, ttmem_tag_name(TTMEM_TAG_TRACE), "trace");
	KUNIT_EXPECT_STREQ(test, ttmem_tag_name(TTMEM_TAG_SYSTEM), "system");
	KUNIT_EXPECT_STREQ(test, ttmem_tag_name(TTMEM_TAG_L1_SMALL), "l1_small");
	KUNIT_EXPECT_STREQ(test, ttmem_tag_name(TTMEM_TAG_CB), "cb");
}

static void capacity_is_filled_to_the_last_byte(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, CAPACITY + 1),
			-ENOSPC);
	expect_pool(test, &p->pool[0], 0, 0);
	expect_pool(test, &p->sum, 0, 0);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), CAPACITY);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, CAPACITY), 0);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_TRACE, 1), -ENOSPC);
	expect_pool(test, &p->pool[0], CAPACITY, CAPACITY);
	expect_pool(test, &p->sum, CAPACITY, CAPACITY);
	/* One full pool is no hindrance to the other. */
	KUNIT_EXPECT_EQ(test, charge(&p->pool[1], TTMEM_TAG_BUFFER, 1), 0);
}

static void exhausted_pool_comes_back_whole(struct kunit *test)
{
	struct pools *p = test->priv;
	unsigned int round, n;

	for (round = 0; round < 3; round++) {
		for (n = 0; !charge(&p->pool[0], n % 3, 7); n++)
			;
		KUNIT_EXPECT_EQ(test, n, CAPACITY / 7);
		expect_pool(test, &p->pool[0], CAPACITY / 7 * 7, CAPACITY / 7 * 7);
		while (n--)
			ttmem_pool_uncharge(&p->pool[0], n % 3, 7);
		expect_pool(test, &p->pool[0], 0, CAPACITY / 7 * 7);
		expect_pool(test, &p->sum, 0, CAPACITY / 7 * 7);
	}
}

static void unknown_capacity_refuses_nothing(struct kunit *test)
{
	struct pools *p = test->priv;

	p->pool[0].total = 0;
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1ULL << 40), 0);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	expect_pool(test, &p->pool[0], 1ULL << 40, 1ULL << 40);
}

static void overcommit_passes_the_capacity(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_EXPECT_FALSE(test, ttmem_pool_fits(&p->pool[0], CAPACITY + 1));
	ttmem_pool_charge(&p->pool[0], TTMEM_TAG_BUFFER, CAPACITY + 1);
	ttmem_pool_raise_peak(&p->pool[0]);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	expect_pool(test, &p->pool[0], CAPACITY + 1, CAPACITY + 1);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1), -ENOSPC);
}

static void capacity_may_fall_below_used(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 600), 0);
	p->pool[0].total = 500;
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1), -ENOSPC);
	expect_pool(test, &p->pool[0], 600, 600);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 100);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1), -ENOSPC);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 1);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 1);
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1), 0);
	p->pool[0].total = 501;
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1), 0);
	expect_pool(test, &p->pool[0], 501, 600);
}

static void banks_and_capacity_are_not_charged(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 600), 0);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 100);
	KUNIT_EXPECT_EQ(test, p->pool[0].banks, 8);
	KUNIT_EXPECT_EQ(test, p->pool[0].total, CAPACITY);
	KUNIT_EXPECT_EQ(test, p->sum.banks, 0);
	KUNIT_EXPECT_EQ(test, p->sum.total, 0);
	/* A pool that is no multiple of its banks is filled all the same. */
	p->pool[0].banks = 7;
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 500), 0);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
}

/* As many clients as a card may have, each of which holds as much as it may. */
static void worst_case_fits_64_bits(struct kunit *test)
{
	const u64 most = TTMEM_CLIENT_BYTES_MAX << 22;
	struct pools *p = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, TTMEM_CLIENT_BYTES_MAX, 1ULL << 40);
	KUNIT_EXPECT_EQ(test, TTMEM_POOL_TOTAL_MAX, 1ULL << 42);
	for (i = 0; i < 2; i++) {
		p->pool[i].total = TTMEM_POOL_TOTAL_MAX;
		ttmem_pool_charge(&p->pool[i], TTMEM_TAG_BUFFER, most);
		ttmem_pool_raise_peak(&p->pool[i]);
	}
	expect_pool(test, &p->sum, 1ULL << 63, 1ULL << 63);
	for (i = 0; i < 2; i++) {
		expect_pool(test, &p->pool[i], 1ULL << 62, 1ULL << 62);
		KUNIT_EXPECT_FALSE(test, ttmem_pool_fits(&p->pool[i], 1));
		KUNIT_EXPECT_FALSE(test, ttmem_pool_fits(&p->pool[i], TTMEM_CLIENT_BYTES_MAX));
		KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[i]), 0);
		ttmem_pool_uncharge(&p->pool[i], TTMEM_TAG_BUFFER, most);
		expect_pool(test, &p->pool[i], 0, 1ULL << 62);
	}
	expect_pool(test, &p->sum, 0, 1ULL << 63);
}

#ifdef kunit_warning_suppress
static void uncharge_takes_no_more_than_there_is(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 5), 0);
	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_TRACE, 7), 0);
	kunit_warning_suppress(test)
		ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, 6);
	expect_pool(test, &p->pool[0], 7, 12);
	expect_pool(test, &p->sum, 7, 12);
}
#endif

/* The reference: a list of what is charged, added up anew after each operation. */
#define CHARGES	128

struct entry {
	unsigned int pool, tag;
	u64 bytes;
};

static void random_charges_add_up(struct kunit *test)
{
	struct pools *p = test->priv;
	unsigned int operation, i, tag, n = 0, done = 0, full = 0, given = 0, cleared = 0;
	u64 peak[2] = { }, sum_peak = 0;
	struct entry *charges;
	struct rnd_state random;

	charges = kunit_kcalloc(test, CHARGES, sizeof(*charges), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, charges);
	ttmem_kunit_seed(test, &random);

	for (operation = 0; operation < ttmem_kunit_operations; operation++) {
		u64 used[2] = { }, tags[2][TTMEM_TAGS] = { };
		unsigned int which = ttmem_kunit_below(&random, 2);
		bool right = true;

		switch (ttmem_kunit_below(&random, 16)) {
		case 0:
			if (!ttmem_kunit_below(&random, 64)) {
				ttmem_pool_clear(&p->pool[0]);
				ttmem_pool_clear(&p->pool[1]);
				ttmem_pool_clear(&p->sum);
				n = 0;
				cleared++;
				break;
			}
			p->pool[which].total = ttmem_kunit_below(&random, 2) ?
					       ttmem_kunit_size(&random, 42) : 0;
			break;
		case 1:
			ttmem_pool_restart_peak(&p->pool[which]);
			peak[which] = 0;
			break;
		case 2:
			ttmem_pool_restart_peak(&p->sum);
			sum_peak = 0;
			break;
		case 3 ... 8:
			if (!n)
				break;
			i = ttmem_kunit_below(&random, n);
			ttmem_pool_uncharge(&p->pool[charges[i].pool], charges[i].tag,
					    charges[i].bytes);
			charges[i] = charges[--n];
			given++;
			break;
		default: {
			bool overcommit = !ttmem_kunit_below(&random, 4);
			u64 bytes = ttmem_kunit_size(&random, 40), before = 0;
			bool fits;

			if (n == CHARGES)
				break;
			for (i = 0; i < n; i++)
				if (charges[i].pool == which)
					before += charges[i].bytes;
			fits = !p->pool[which].total || before + bytes <= p->pool[which].total;
			KUNIT_ASSERT_EQ_MSG(test, ttmem_pool_fits(&p->pool[which], bytes), fits,
					    "operation %u", operation);
			full += !fits;
			if (!fits && !overcommit)
				break;
			tag = ttmem_kunit_below(&random, TTMEM_TAGS);
			ttmem_pool_charge(&p->pool[which], tag, bytes);
			ttmem_pool_raise_peak(&p->pool[which]);
			charges[n++] = (struct entry) { which, tag, bytes };
			done++;
		}
		}

		for (i = 0; i < n; i++) {
			used[charges[i].pool] += charges[i].bytes;
			tags[charges[i].pool][charges[i].tag] += charges[i].bytes;
		}
		for (i = 0; i < 2; i++) {
			u64 total = p->pool[i].total;

			peak[i] = max(peak[i], used[i]);
			right &= p->pool[i].used == used[i] && p->pool[i].peak == peak[i] &&
				 ttmem_pool_free(&p->pool[i]) ==
				 (total < used[i] ? 0 : total - used[i]);
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				right &= p->pool[i].tag[tag] == tags[i][tag];
		}
		sum_peak = max(sum_peak, used[0] + used[1]);
		right &= p->sum.used == used[0] + used[1] && p->sum.peak == sum_peak;
		for (tag = 0; tag < TTMEM_TAGS; tag++)
			right &= p->sum.tag[tag] == tags[0][tag] + tags[1][tag];
		KUNIT_ASSERT_TRUE_MSG(test,
				      right, "the pools differ after operation %u", operation);
	}

	ttmem_kunit_happened(test, "charged", done);
	ttmem_kunit_happened(test, "given back", given);
	ttmem_kunit_happened(test, "did not fit", full);
	ttmem_kunit_happened(test, "cleared", cleared);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(charge_adds_to_pool_and_sum),
	KUNIT_CASE(uncharge_gives_back_to_pool_and_sum),
	KUNIT_CASE(charge_of_nothing_changes_nothing),
	KUNIT_CASE(peak_stays_where_used_falls),
	KUNIT_CASE(peak_of_the_sum_is_its_own),
	KUNIT_CASE(peak_rises_only_where_it_is_told_to),
	KUNIT_CASE(peak_is_not_raised_by_what_is_not_settled),
	KUNIT_CASE(peak_restarts_at_used),
	KUNIT_CASE(cleared_pool_keeps_its_peak),
	KUNIT_CASE(tags_are_kept_apart),
	KUNIT_CASE(each_memory_knows_its_tags),
	KUNIT_CASE(names_are_what_procfs_shows),
	KUNIT_CASE(capacity_is_filled_to_the_last_byte),
	KUNIT_CASE(exhausted_pool_comes_back_whole),
	KUNIT_CASE(unknown_capacity_refuses_nothing),
	KUNIT_CASE(overcommit_passes_the_capacity),
	KUNIT_CASE(capacity_may_fall_below_used),
	KUNIT_CASE(banks_and_capacity_are_not_charged),
	KUNIT_CASE(worst_case_fits_64_bits),
#ifdef kunit_warning_suppress
	KUNIT_CASE(uncharge_takes_no_more_than_there_is),
#endif
	KUNIT_CASE_SLOW(random_charges_add_up),
	{ }
};

struct kunit_suite ttmem_pool_suite = {
	.name = "ttmem_pool",
	.init = pool_init,
	.test_cases = pool_cases,
};
