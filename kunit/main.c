// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module of ttmem's KUnit suites: what they share.
 */

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ttmem_kunit.h"
#include "../driver/ttmem.h"

/* What driver/main.c has for ttmem.ko. */
unsigned int ttmem_max_reservations = TTMEM_SLOTS;

static unsigned long long kunit_seed;
module_param(kunit_seed, ullong, 0444);
MODULE_PARM_DESC(kunit_seed, "Seed of the random operations, to do again what a run printed (0: a new one)");

unsigned int ttmem_kunit_operations = 100000;
module_param_named(kunit_operations, ttmem_kunit_operations, uint, 0444);
MODULE_PARM_DESC(kunit_operations, "Random operations of each property (default 100000)");

/**
 * ttmem_kunit_seed() - Begin a row of random numbers and print what began it.
 * @test: the case
 * @random: the row
 */
void ttmem_kunit_seed(struct kunit *test, struct rnd_state *random)
{
	while (!kunit_seed)
		kunit_seed = get_random_u64();
	kunit_info(test, "kunit_seed=%llu kunit_operations=%u\n", kunit_seed,
		   ttmem_kunit_operations);
	prandom_seed_state(random, kunit_seed);
}

/**
 * ttmem_kunit_below() - Draw a number.
 * @random: the row
 * @bound: above the highest, not 0
 *
 * Return: 0 to @bound - 1.
 */
u32 ttmem_kunit_below(struct rnd_state *random, u32 bound)
{
	return prandom_u32_state(random) % bound;
}

/**
 * ttmem_kunit_size() - Draw a number of bytes, each order of magnitude alike.
 * @random: the row
 * @bits: the highest has so many, less than 64
 *
 * Return: 1 to 2^@bits - 1.
 */
u64 ttmem_kunit_size(struct rnd_state *random, unsigned int bits)
{
	u64 size = (u64)prandom_u32_state(random) << 32 | prandom_u32_state(random);

	return max(size >> (64 - bits + ttmem_kunit_below(random, bits)), 1ULL);
}

/**
 * ttmem_kunit_happened() - Print how often random operations met a case, and
 * fail if they never did though there were many.
 * @test: the case
 * @what: for the message
 * @times: how often
 */
void ttmem_kunit_happened(struct kunit *test, const char *what, unsigned int times)
{
	kunit_info(test, "%u %s\n", times, what);
	/* What has failed ended early. */
	if (ttmem_kunit_operations >= 100000 && READ_ONCE(test->status) == KUNIT_SUCCESS)
		KUNIT_EXPECT_GT_MSG(test, times, 0, "no operation was: %s", what);
}

/**
 * ttmem_kunit_fail() - Let allocations of the running task fail from now on.
 * @nth: the first that fails, counted from 1
 * @rest: let all after it fail too, until ttmem_kunit_failed()
 *
 * This is failslab's own way to do it, and needs what
 * ttmem_kunit_need_faults() asks for.
 */
void ttmem_kunit_fail(unsigned int nth, bool rest)
{
#ifdef CONFIG_FAILSLAB
	current->make_it_fail = rest;
	WRITE_ONCE(current->fail_nth, nth);
	barrier();
#endif
}

/**
 * ttmem_kunit_failed() - Let allocations succeed again.
 *
 * Return: whether one failed since ttmem_kunit_fail().
 */
bool ttmem_kunit_failed(void)
{
	bool failed = false;

#ifdef CONFIG_FAILSLAB
	barrier();
	failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	current->make_it_fail = 0;
#endif
	return failed;
}

static bool allocation_fails(void)
{
	void *p = kmalloc(32, GFP_KERNEL);

	kfree(p);
	return !p;
}

/**
 * ttmem_kunit_need_faults() - Skip the case where allocations cannot be made
 * to fail.
 * @test: the case
 */
void ttmem_kunit_need_faults(struct kunit *test)
{
	bool first, second, third, normal;

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "the kernel has no CONFIG_FAILSLAB");

	ttmem_kunit_fail(2, true);
	first = allocation_fails();
	second = allocation_fails();
	third = allocation_fails();
	ttmem_kunit_failed();
	normal = allocation_fails();
	if (first || !second || !third || normal)
		kunit_skip(test,
			   "failslab wants ignore-gfp-wait=N task-filter=Y probability=100 times=-1 in debugfs");
}

kunit_test_suites(&ttmem_pool_suite, &ttmem_card_suite, &ttmem_client_suite,
		  &ttmem_reservation_suite, &ttmem_counter_suite, &ttmem_random_suite,
		  &ttmem_board_suite, &ttmem_uapi_suite);

MODULE_DESCRIPTION("KUnit suites of ttmem");
MODULE_LICENSE("GPL");
