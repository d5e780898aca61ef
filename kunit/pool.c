// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of charging.
 */

#include "../driver/pool.c"

#include "ttmem_kunit.h"

#define CAPACITY	1000

static int charge(struct ttmem_pool *pool, u32 tag, u64 bytes)
{
	return ttmem_pool_charge(pool, tag, bytes, false);
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
	KUNIT_EXPECT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, 1ULL << 62), 0);
	KUNIT_EXPECT_EQ(test, ttmem_pool_free(&p->pool[0]), 0);
	expect_pool(test, &p->pool[0], 1ULL << 62, 1ULL << 62);
}

static void overcommit_passes_the_capacity(struct kunit *test)
{
	struct pools *p = test->priv;

	KUNIT_EXPECT_EQ(test,
			ttmem_pool_charge(&p->pool[0], TTMEM_TAG_BUFFER, CAPACITY + 1, true), 0);
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

/* Nothing overrides it: neither an unknown capacity nor OVERCOMMIT. */
static void overflow_of_64_bits_is_refused(struct kunit *test)
{
	struct pools *p = test->priv;
	unsigned int overcommit;

	p->pool[0].total = 0;
	p->pool[1].total = 0;
	KUNIT_ASSERT_EQ(test, charge(&p->pool[0], TTMEM_TAG_BUFFER, U64_MAX - 10), 0);
	for (overcommit = 0; overcommit < 2; overcommit++) {
		/* The pool's own. */
		KUNIT_EXPECT_EQ(test,
				ttmem_pool_charge(&p->pool[0], TTMEM_TAG_TRACE, 11, overcommit),
				-EOVERFLOW);
		/* The sum's, where the pool itself has room. */
		KUNIT_EXPECT_EQ(test,
				ttmem_pool_charge(&p->pool[1], TTMEM_TAG_TRACE, 11, overcommit),
				-EOVERFLOW);
		KUNIT_EXPECT_EQ(test,
				ttmem_pool_charge(&p->pool[1], TTMEM_TAG_TRACE, U64_MAX,
						  overcommit),
				-EOVERFLOW);
		expect_pool(test, &p->pool[0], U64_MAX - 10, U64_MAX - 10);
		expect_pool(test, &p->pool[1], 0, 0);
		expect_pool(test, &p->sum, U64_MAX - 10, U64_MAX - 10);
	}
	KUNIT_EXPECT_EQ(test, charge(&p->pool[1], TTMEM_TAG_TRACE, 10), 0);
	expect_pool(test, &p->sum, U64_MAX, U64_MAX);
	ttmem_pool_uncharge(&p->pool[0], TTMEM_TAG_BUFFER, U64_MAX - 10);
	expect_pool(test, &p->sum, 10, U64_MAX);
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
	unsigned int operation, i, tag, n = 0, done = 0, full = 0, overflow = 0, given = 0;
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
			p->pool[which].total = ttmem_kunit_below(&random, 2) ?
					       ttmem_kunit_size(&random) : 0;
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
			u64 bytes = ttmem_kunit_size(&random), before[2] = { };
			int err, expected = 0;

			if (n == CHARGES)
				break;
			for (i = 0; i < n; i++)
				before[charges[i].pool] += charges[i].bytes;
			if (bytes > U64_MAX - before[0] - before[1])
				expected = -EOVERFLOW;
			else if (p->pool[which].total && !overcommit &&
				 before[which] + bytes > p->pool[which].total)
				expected = -ENOSPC;

			tag = ttmem_kunit_below(&random, TTMEM_TAGS);
			err = ttmem_pool_charge(&p->pool[which], tag, bytes, overcommit);
			KUNIT_ASSERT_EQ_MSG(test, err, expected, "operation %u", operation);
			if (!err)
				charges[n++] = (struct entry) { which, tag, bytes };
			done += !err;
			full += err == -ENOSPC;
			overflow += err == -EOVERFLOW;
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
	ttmem_kunit_happened(test, "refused, pool full", full);
	ttmem_kunit_happened(test, "refused, beyond 64 bits", overflow);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(charge_adds_to_pool_and_sum),
	KUNIT_CASE(uncharge_gives_back_to_pool_and_sum),
	KUNIT_CASE(charge_of_nothing_changes_nothing),
	KUNIT_CASE(peak_stays_where_used_falls),
	KUNIT_CASE(peak_of_the_sum_is_its_own),
	KUNIT_CASE(peak_restarts_at_used),
	KUNIT_CASE(tags_are_kept_apart),
	KUNIT_CASE(each_memory_knows_its_tags),
	KUNIT_CASE(names_are_what_procfs_shows),
	KUNIT_CASE(capacity_is_filled_to_the_last_byte),
	KUNIT_CASE(exhausted_pool_comes_back_whole),
	KUNIT_CASE(unknown_capacity_refuses_nothing),
	KUNIT_CASE(overcommit_passes_the_capacity),
	KUNIT_CASE(capacity_may_fall_below_used),
	KUNIT_CASE(banks_and_capacity_are_not_charged),
	KUNIT_CASE(overflow_of_64_bits_is_refused),
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
