// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gauges, counters and their folds.
 */

#include "../driver/counter.c"

#include <linux/completion.h>
#include <linux/kthread.h>

#include "fixture.h"

#define MOST	TTMEM_CLIENT_BYTES_MAX

/* The cell that most cases write to. */
#define CELL	TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)

static u64 used(struct fixture *f)
{
	return f->card->sum[TTMEM_DRAM].used;
}

static u64 peak(struct fixture *f)
{
	return f->card->sum[TTMEM_DRAM].peak;
}

/* SET */

static void set_is_all_or_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 8 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_BUFFER, .bytes = MOST - 7 },
	};

	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 0, TTMEM_L1, TTMEM_TAG_CB, 5), 0);
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(f->client[0], gauges, 2, false), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 5);
	/* What a gauge tells has happened already: nothing was denied. */
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(f->client[0], gauges, 1, false), 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 8);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void set_restarts_the_client_s_own_peaks(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	const u64 (*own)[TTMEM_MEMORIES] = client->account.peak;
	s64 *counters = counters_of(test, client);
	struct ttmem_gauge gauge = {
		.memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 3,
	};

	KUNIT_ASSERT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 90), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->client[1], 0, TTMEM_L1, TTMEM_TAG_CB, 90), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->client[1], 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	counters[CELL] = 70;
	ttmem_look_client(client);
	KUNIT_EXPECT_EQ(test, own[0][TTMEM_L1], 90);
	KUNIT_EXPECT_EQ(test, own[0][TTMEM_DRAM], 70);

	/* At what it holds after the call: the gauges that the call sets, */
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(client, &gauge, 1, true), 0);
	KUNIT_EXPECT_EQ(test, own[0][TTMEM_L1], 3);
	/* and the counters as they stand then. */
	counters[CELL] = 20;
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(client, NULL, 0, true), 0);
	KUNIT_EXPECT_EQ(test, own[0][TTMEM_DRAM], 20);
	KUNIT_EXPECT_EQ(test, client->account.bytes[0][TTMEM_DRAM], 20);
	/* The pools have history of their own, and so have the others. */
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].peak, 180);
	KUNIT_EXPECT_EQ(test, f->client[1]->account.peak[0][TTMEM_L1], 90);

	/* One that is refused restarts nothing. */
	KUNIT_ASSERT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	gauge.bytes = MOST + 1;
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(client, &gauge, 1, true), -EDQUOT);
	KUNIT_EXPECT_EQ(test, own[0][TTMEM_L1], 3);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void set_with_restart_is_esrch_where_the_target_is_gone(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pid *dead = dead_process(test);

	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 0, TTMEM_L1, TTMEM_TAG_CB, 90), 0);
	attribute_to(f->client[0], dead);
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(f->client[0], NULL, 0, true), -ESRCH);
	expect_empty(test, f->card);
	put_pid(dead);
}

/* The page */

static void page_is_made_once_and_empty(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct page *page = ttmem_counter_page(f->client[0]);

	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
	KUNIT_EXPECT_PTR_EQ(test, ttmem_counter_page(f->client[0]), page);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
	KUNIT_EXPECT_PTR_NE(test, ttmem_counter_page(f->client[1]), page);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 2);
	TTMEM_EXPECT_BALANCED(test, f->card);

	/* Whoever has taken it otherwise keeps it, and nobody reads it any more. */
	get_page(page);
	end_client(f, 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
	((s64 *)page_address(page))[CELL] = 1000;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	expect_empty(test, f->card);
	put_page(page);
}

/* Looks */

static void look_at_a_card_without_counters_is_no_fold(struct kunit *test)
{
	struct fixture *f = test->priv;

	reserve_one(test, f->client[0]);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	ttmem_look_client(f->client[0]);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 0);
	KUNIT_EXPECT_EQ(test, used(f), 64);
	ttmem_card_remove(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), -ENODEV);
}

static void look_reads_every_page(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		counters[i] = counters_of(test, f->client[i]);
		counters[i][CELL] = 1 + i;
	}
	KUNIT_EXPECT_EQ(test, used(f), 0);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 6);
	KUNIT_EXPECT_EQ(test, peak(f), 6);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.left, 0);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 3);
	for (i = 0; i < 3; i++)
		counters[i][CELL] = i ? 10 * (s64)i : -5;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 30);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 2);
	for (i = 0; i < 3; i++)
		counters[i][CELL] = 0;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, peak(f), 30);
	expect_empty(test, f->card);
}

static void look_at_a_client_reads_its_page_alone(struct kunit *test)
{
	struct fixture *f = test->priv;

	counters_of(test, f->client[0])[CELL] = 1;
	counters_of(test, f->client[1])[CELL] = 20;
	ttmem_look_client(f->client[1]);
	KUNIT_EXPECT_EQ(test, used(f), 20);
	KUNIT_EXPECT_EQ(test, f->client[1]->account.peak[0][TTMEM_DRAM], 20);
	KUNIT_EXPECT_EQ(test, peak(f), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, 0);
	ttmem_look_client(f->client[2]);
	KUNIT_EXPECT_EQ(test, used(f), 20);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* Counters stand beside what else the client holds, and FREE does not touch them. */
static void counters_stand_beside_gauges_and_reservations(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	s64 *counters = counters_of(test, client);
	u64 handle, bytes, reservations;

	counters[CELL] = 1000;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	handle = reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 3), 0);
	KUNIT_EXPECT_EQ(test, used(f), 1067);
	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 5), 0);
	KUNIT_EXPECT_EQ(test, used(f), 1069);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle), 0);
	KUNIT_EXPECT_EQ(test, used(f), 1005);
	reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, 0, &bytes, &reservations), 0);
	KUNIT_EXPECT_EQ(test, bytes, 69);
	KUNIT_EXPECT_EQ(test, reservations, 1);
	KUNIT_EXPECT_EQ(test, used(f), 1000);
	KUNIT_EXPECT_EQ(test, counters[CELL], 1000);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes,
							 &reservations), 0);
	KUNIT_EXPECT_EQ(test, bytes, 0);
	KUNIT_EXPECT_EQ(test, used(f), 1000);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	TTMEM_EXPECT_BALANCED(test, f->card);
	end_client(f, 0);
	expect_empty(test, f->card);
}

/* Folds, step by step as several readers would take them */

static void step(struct fixture *f)
{
	spin_lock(&f->card->lock);
	ttmem_fold_step(f->card);
	spin_unlock(&f->card->lock);
}

static void map_all(struct kunit *test, s64 *counters[3])
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 3; i++)
		counters[i] = counters_of(test, f->client[i]);
}

/* A move from one client to another, which a fold that goes by sees twice. */
static void peaks_rise_at_the_end_of_a_fold(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];

	map_all(test, counters);
	counters[0][CELL] = 0;
	counters[1][CELL] = 1000;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, peak(f), 1000);
	counters[0][CELL] = 1000;
	counters[1][CELL] = 0;
	step(f);
	KUNIT_EXPECT_EQ(test, used(f), 2000);
	KUNIT_EXPECT_EQ(test, peak(f), 1000);
	step(f);
	KUNIT_EXPECT_EQ(test, used(f), 1000);
	counters[2][CELL] = 5;
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 1);
	step(f);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 2);
	KUNIT_EXPECT_EQ(test, peak(f), 1005);
	KUNIT_EXPECT_EQ(test, f->card->pool[0][TTMEM_DRAM].peak, 1005);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* Nor do they rise in the middle by what another client reserves or sets. */
static void reserve_in_the_middle_of_a_move_raises_no_peak_that_never_was(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];
	unsigned int i;

	map_all(test, counters);
	counters[1][CELL] = 1000;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	/* To and fro, seen by half by a fold that is under way, or by a look at a client. */
	for (i = 0; i < 4; i++) {
		u64 others = 64 * i;
		bool twice = i != 1;

		counters[i % 2][CELL] = 1000;
		counters[!(i % 2)][CELL] = 0;
		if (i < 2)
			step(f);
		else
			ttmem_look_client(f->client[i % 2]);
		KUNIT_EXPECT_EQ(test, used(f), others + (twice ? 2000 : 0));
		reserve_one(test, f->client[2]);
		KUNIT_EXPECT_EQ(test, peak(f), 1000 + others + (twice ? 64 : 0));
		KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
		KUNIT_EXPECT_EQ(test, used(f), 1000 + others + 64);
		KUNIT_EXPECT_EQ(test, peak(f), used(f));
		TTMEM_EXPECT_BALANCED(test, f->card);
	}
}

/* What it read before he came may be outdated for him. */
static void reader_is_served_by_a_fold_that_began_after_he_came(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];
	unsigned int i;

	map_all(test, counters);
	for (i = 1; i < 3; i++) {
		u64 begun = f->card->fold.begun;

		counters[0][CELL] = 1;
		counters[1][CELL] = 1;
		step(f);
		if (i == 2)
			step(f);
		counters[0][CELL] = 100;
		counters[1][CELL] = 200;
		KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
		KUNIT_EXPECT_EQ(test, used(f), 300);
		/* The one under way was brought to its end, and one more. */
		KUNIT_EXPECT_EQ(test, f->card->fold.begun, begun + 2);
		KUNIT_EXPECT_EQ(test, f->card->fold.completed, begun + 2);
	}
}

static void killed_reader_leaves_the_rest_to_the_next(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];
	int err;

	map_all(test, counters);
	counters[0][CELL] = 1;
	counters[1][CELL] = 20;
	counters[2][CELL] = 300;
	be_killed(true);
	err = ttmem_look_card(f->card);
	be_killed(false);
	KUNIT_EXPECT_EQ(test, err, -EINTR);
	KUNIT_EXPECT_EQ(test, used(f), 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.left, 2);
	KUNIT_EXPECT_EQ(test, peak(f), 0);
	TTMEM_EXPECT_BALANCED(test, f->card);

	counters[0][CELL] = 2;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 322);
	KUNIT_EXPECT_EQ(test, peak(f), 322);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, 2);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 2);

	/* Where there is nothing to read he is served, killed or not. */
	end_client(f, 0);
	end_client(f, 1);
	end_client(f, 2);
	be_killed(true);
	err = ttmem_look_card(f->card);
	be_killed(false);
	KUNIT_EXPECT_EQ(test, err, 0);
	ttmem_card_remove(f->card);
	be_killed(true);
	err = ttmem_look_card(f->card);
	be_killed(false);
	KUNIT_EXPECT_EQ(test, err, -ENODEV);
}

/* Which of three clients leave when so many of them have been read. */
struct leaving {
	unsigned int read;
	unsigned int leave;
};

static const struct leaving leavings[] = {
	{ 1, 0x1 }, { 1, 0x2 }, { 1, 0x4 }, { 1, 0x3 }, { 1, 0x5 }, { 1, 0x6 }, { 1, 0x7 },
	{ 2, 0x1 }, { 2, 0x2 }, { 2, 0x4 }, { 2, 0x3 }, { 2, 0x5 }, { 2, 0x6 }, { 2, 0x7 },
};

static void leaving_desc(const struct leaving *leaving, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u read, %#x leave", leaving->read, leaving->leave);
}

KUNIT_ARRAY_PARAM(leaving, leavings, leaving_desc);

static void fold_goes_on_where_clients_leave_and_come(struct kunit *test)
{
	const struct leaving *leaving = test->param_value;
	struct ttmem_client *late[4];
	struct fixture *f = test->priv;
	unsigned int come, i, n, steps;
	u64 expected;

	for (come = 0; come <= ARRAY_SIZE(late); come += 2) {
		for (i = 0; i < 3; i++) {
			if (!f->client[i])
				f->client[i] = open_client(test, f->card);
			counters_of(test, f->client[i])[CELL] = 1;
		}
		KUNIT_ASSERT_EQ(test, ttmem_look_card(f->card), 0);
		for (i = 0; i < leaving->read; i++)
			step(f);
		KUNIT_ASSERT_EQ(test, f->card->fold.left, 3 - leaving->read);

		expected = 0;
		for (i = 0, n = 0; i < 3; i++) {
			if (leaving->leave & BIT(i)) {
				end_client(f, i);
			} else {
				counters_of(test, f->client[i])[CELL] = 10;
				expected += 10;
				n++;
			}
		}
		for (i = 0; i < come; i++) {
			late[i] = open_client(test, f->card);
			counters_of(test, late[i])[CELL] = 100;
			expected += 100;
		}
		KUNIT_EXPECT_EQ(test, f->card->fold.count, n + come);
		TTMEM_EXPECT_BALANCED(test, f->card);

		/* A fold reads no more than it had clients when it began. */
		for (steps = 0; f->card->fold.count && f->card->fold.left; steps++)
			step(f);
		KUNIT_EXPECT_LE(test, steps, 3 - leaving->read + 1);
		KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
		KUNIT_EXPECT_EQ(test, used(f), expected);
		TTMEM_EXPECT_BALANCED(test, f->card);
		if (n + come) {
			KUNIT_EXPECT_GE(test, peak(f), expected);
			KUNIT_EXPECT_EQ(test, f->card->fold.left, 0);
			KUNIT_EXPECT_EQ(test, f->card->fold.completed, f->card->fold.begun);
		}
		for (i = 0; i < come; i++)
			close_client(late[i]);
		TTMEM_EXPECT_BALANCED(test, f->card);
	}
}

/* Whoever opens file after file cannot make a fold endless. */
static void fold_ends_though_clients_come_all_the_time(struct kunit *test)
{
	struct ttmem_client *late[6];
	struct fixture *f = test->priv;
	s64 *counters[3];
	unsigned int i;

	map_all(test, counters);
	for (i = 0; i < ARRAY_SIZE(late); i++) {
		step(f);
		KUNIT_EXPECT_EQ(test, f->card->fold.begun, 1 + i / 3);
		KUNIT_EXPECT_EQ(test, f->card->fold.completed, (i + 1) / 3);
		if (i == 2)
			break;
		late[i] = open_client(test, f->card);
		counters_of(test, late[i])[CELL] = 1;
	}
	KUNIT_EXPECT_EQ(test, used(f), 0);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 2);
	while (i--)
		close_client(late[i]);
}

static void fold_takes_out_who_speaks_for_a_dead_process(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pid *dead = dead_process(test);
	s64 *counters[3];
	unsigned int i;

	map_all(test, counters);
	for (i = 0; i < 3; i++) {
		counters[i][CELL] = 1;
		reserve_one(test, f->client[i]);
	}
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 3 * 65);
	attribute_to(f->client[0], dead);
	attribute_to(f->client[2], dead);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 3);
	KUNIT_EXPECT_EQ(test, used(f), 3 * 65);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 65);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
	KUNIT_EXPECT_EQ(test, f->card->clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.clients, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.reservations, 1);
	KUNIT_EXPECT_EQ(test, ttmem_client_error(f->client[0]), -ESRCH);
	KUNIT_EXPECT_EQ(test, ttmem_client_error(f->client[1]), 0);
	TTMEM_EXPECT_BALANCED(test, f->card);
	/* The last one, in the middle of a fold. */
	attribute_to(f->client[1], dead);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	expect_empty(test, f->card);
	put_pid(dead);
}

static void fold_ends_with_the_card(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters[3];
	unsigned int i;

	map_all(test, counters);
	for (i = 0; i < 3; i++)
		counters[i][CELL] = 1;
	step(f);
	/* After an invalidation it goes on, and reads nothing of whom was before. */
	KUNIT_ASSERT_EQ(test, ttmem_card_invalidate(f->card), 0);
	step(f);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 2);
	expect_empty(test, f->card);
	end_client(f, 0);
	f->client[0] = open_client(test, f->card);
	counters_of(test, f->client[0])[CELL] = 50;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), 50);
	TTMEM_EXPECT_BALANCED(test, f->card);

	step(f);
	ttmem_card_remove(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), -ENODEV);
	ttmem_look_client(f->client[0]);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 3);
}

/* RESERVE, where the pool is full */

static void reserve_looks_before_it_refuses(struct kunit *test)
{
	struct fixture *f = test->priv;
	s64 *counters = counters_of(test, f->client[1]);
	struct pid *dead = dead_process(test);
	int err;

	counters[CELL] = CAPACITY - 10;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 11), -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 2);
	/* Where it fits it does not look. */
	counters[CELL] = CAPACITY;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 10), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 2);
	/* It was given back, as only a look can tell. */
	counters[CELL] = 1;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 11), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.completed, 3);
	KUNIT_EXPECT_EQ(test, used(f), 22);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);

	/* The same where who holds it is dead. */
	KUNIT_EXPECT_EQ(test, set_one(f->client[1], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, CAPACITY), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -ENOSPC);
	attribute_to(f->client[1], dead);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), 0);
	KUNIT_EXPECT_EQ(test, used(f), 22);
	put_pid(dead);

	/* Killed meanwhile it was not refused, and nothing is left of it. */
	counters_of(test, f->client[2])[CELL] = CAPACITY;
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	counters_of(test, f->client[0])[CELL] = 0;
	be_killed(true);
	err = reserve_bytes(f->client[0], 1);
	be_killed(false);
	KUNIT_EXPECT_EQ(test, err, -EINTR);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 2);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 3);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void reserve_of_a_client_whose_target_died_meanwhile_is_esrch(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pid *dead = dead_process(test);

	attribute_to(f->client[0], dead);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], CAPACITY + 1), -ESRCH);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	expect_empty(test, f->card);
	put_pid(dead);
}

/* Several at once */

/**
 * struct worker - one of the threads of a case
 * @card: the card
 * @client: that all share, or the worker's own
 * @counters: its page
 * @other: another process, alive or not
 * @random: the worker's own row
 * @rounds: how often it does what it does
 * @wrong: what was not as it has to be
 * @page: what it got
 * @done: when it is through
 */
struct worker {
	struct ttmem_card *card;
	struct ttmem_client *client;
	s64 *counters;
	struct pid *other;
	struct rnd_state random;
	unsigned int rounds;
	unsigned int wrong;
	struct page *page;
	struct completion done;
};

/* Runs @count of @job, each with a worker of its own, until all are through. */
static void run_workers(struct kunit *test, struct worker *workers, int (*const *job)(void *),
			unsigned int count)
{
	struct task_struct *task;
	unsigned int i, started;

	for (i = 0; i < count; i++)
		init_completion(&workers[i].done);
	for (started = 0; started < count; started++) {
		task = kthread_run(job[started], &workers[started], "ttmem_worker%u", started);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
		if (IS_ERR(task))
			break;
	}
	for (i = 0; i < started; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ_MSG(test, workers[i].wrong, 0, "worker %u", i);
	}
}

/* So that they meet on a kernel with one CPU, too. */
static void let_others_run(void)
{
	yield();
}

static u64 counted(struct ttmem_client *client)
{
	u64 bytes;

	spin_lock(&client->card->lock);
	bytes = client->account.counter[0][TTMEM_DRAM][TTMEM_TAG_BUFFER];
	spin_unlock(&client->card->lock);
	return bytes;
}

/* Each finds in the books what it wrote before it came. */
static int read_own_writes(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		u64 bytes = 1 + (i * 7919) % 100000;

		WRITE_ONCE(worker->counters[CELL], bytes);
		if (ttmem_look_card(worker->card) || counted(worker->client) != bytes)
			worker->wrong++;
	}
	WRITE_ONCE(worker->counters[CELL], 0);
	complete(&worker->done);
	return 0;
}

#define READERS	4

static void readers_step_the_same_fold(struct kunit *test)
{
	int (*job[READERS])(void *);
	struct ttmem_client *others[64];
	struct fixture *f = test->priv;
	struct worker *workers;
	unsigned int i;

	workers = kunit_kcalloc(test, READERS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = open_client(test, f->card);
		counters_of(test, others[i])[CELL] = 1;
	}
	for (i = 0; i < READERS; i++) {
		workers[i].card = f->card;
		workers[i].client = open_client(test, f->card);
		workers[i].counters = counters_of(test, workers[i].client);
		workers[i].rounds = ttmem_kunit_operations / 50;
		job[i] = read_own_writes;
	}
	run_workers(test, workers, job, READERS);
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, used(f), ARRAY_SIZE(others));
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, f->card->fold.completed);
	for (i = 0; i < READERS; i++)
		close_client(workers[i].client);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		close_client(others[i]);
}

static int map(void *data)
{
	struct worker *worker = data;

	worker->page = ttmem_counter_page(worker->client);
	complete(&worker->done);
	return 0;
}

static void threads_that_map_at_once_get_the_same_page(struct kunit *test)
{
	int (*job[READERS])(void *);
	struct fixture *f = test->priv;
	struct worker *workers;
	unsigned int i, round;

	workers = kunit_kcalloc(test, READERS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (round = 0; round < 100; round++) {
		for (i = 0; i < READERS; i++) {
			workers[i].client = f->client[0];
			job[i] = map;
		}
		run_workers(test, workers, job, READERS);
		KUNIT_ASSERT_FALSE(test, IS_ERR(workers[0].page));
		for (i = 1; i < READERS; i++)
			KUNIT_EXPECT_PTR_EQ(test, workers[i].page, workers[0].page);
		KUNIT_EXPECT_EQ(test, page_count(workers[0].page), 1);
		KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
		end_client(f, 0);
		f->client[0] = open_client(test, f->card);
	}
}

/* The jobs of the case below */

static int look(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		worker->wrong += ttmem_look_card(worker->card) != 0;
		ttmem_look_client(worker->client);
		let_others_run();
	}
	complete(&worker->done);
	return 0;
}

static int write_counters(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		s64 bytes = ttmem_kunit_size(&worker->random, 42);
		unsigned int cell = ttmem_kunit_below(&worker->random, 32);

		WRITE_ONCE(worker->counters[cell], i % 3 ? bytes : -bytes);
		let_others_run();
	}
	complete(&worker->done);
	return 0;
}

static int set(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		struct ttmem_gauge gauge = {
			.chip = i % 2, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB,
			.bytes = ttmem_kunit_size(&worker->random, 41),
		};
		int err = ttmem_counter_set(worker->client, &gauge, i % 8 != 0, i % 4 == 0);

		worker->wrong += err && err != -EDQUOT;
		let_others_run();
	}
	complete(&worker->done);
	return 0;
}

static int reserve_and_free(void *data)
{
	u64 handle, bytes, reservations;
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		struct ttmem_reserve req = request(i % 2, TTMEM_L1, TTMEM_TAG_CB, 1 + i);
		int err = reserve(worker->client, &req, &handle);

		worker->wrong += err && err != -EDQUOT && err != -ENOSPC;
		let_others_run();
		if (!err && i % 3)
			err = ttmem_reservation_free(worker->client, handle);
		/* The other one that frees may have been there first. */
		worker->wrong += err && err != -EDQUOT && err != -ENOSPC && err != -ENOENT;
		if (i % 64 == 0)
			worker->wrong += ttmem_reservation_free_all(worker->client, i % 3 ? i % 2 :
								    TTMEM_ALL_CHIPS, &bytes,
								    &reservations) != 0;
	}
	complete(&worker->done);
	return 0;
}

/* Files that come and go, some of which speak for a process that is dead or not. */
static int open_and_close(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		struct ttmem_client *client = ttmem_client_open(worker->card);
		struct page *page;

		if (IS_ERR(client)) {
			worker->wrong++;
			continue;
		}
		page = ttmem_counter_page(client);
		if (IS_ERR(page))
			worker->wrong++;
		else
			((s64 *)page_address(page))[i % 32] = 1 + i;
		let_others_run();
		if (i % 4 == 0)
			worker->wrong += ttmem_client_attribute(client, 1) &&
					 ttmem_account_empty(&client->account);
		if (i % 4 == 1)
			attribute_to(client, worker->other);
		reserve_bytes(client, 1);
		let_others_run();
		close_client(client);
	}
	complete(&worker->done);
	return 0;
}

static void folds_race_with_all_that_changes_the_books(struct kunit *test)
{
	static int (*const job[])(void *) = {
		look, look, write_counters, write_counters, set, set, reserve_and_free,
		reserve_and_free, open_and_close, open_and_close,
	};
	struct fixture *f = test->priv;
	struct rnd_state random;
	struct worker *workers;
	u64 bytes, reservations;
	s64 *counters[3];
	struct pid *dead;
	unsigned int i;

	workers = kunit_kcalloc(test, ARRAY_SIZE(job), sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	dead = dead_process(test);
	map_all(test, counters);
	ttmem_kunit_seed(test, &random);
	for (i = 0; i < ARRAY_SIZE(job); i++) {
		prandom_seed_state(&workers[i].random, prandom_u32_state(&random));
		workers[i].card = f->card;
		workers[i].client = f->client[i % 2];
		workers[i].counters = counters[i % 2];
		workers[i].other = dead;
		workers[i].rounds = ttmem_kunit_operations / 20;
	}
	run_workers(test, workers, job, ARRAY_SIZE(job));
	put_pid(dead);
	TTMEM_EXPECT_BALANCED(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->clients, 3);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 3);
	for (i = 0; i < 3; i++) {
		memset(counters[i], 0, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(f->client[i], TTMEM_ALL_CHIPS,
								 &bytes, &reservations), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&f->client[i]->reservations), 0);
	}
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.begun, f->card->fold.completed);
	expect_empty(test, f->card);
}

/* Whether a process lives is asked while it dies. */
static void looks_race_with_the_end_of_processes(struct kunit *test)
{
	unsigned int i, round, rounds = 20 + ttmem_kunit_operations / 500;
	struct fixture *f = test->priv;
	struct worker *worker;
	struct task_struct *looker;

	worker = kunit_kzalloc(test, sizeof(*worker), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, worker);
	worker->card = f->card;
	worker->client = f->client[2];
	worker->rounds = 100 * rounds;
	init_completion(&worker->done);
	looker = kthread_run(look, worker, "ttmem_looker");
	KUNIT_ASSERT_FALSE(test, IS_ERR(looker));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < 2; i++) {
			struct task_struct *task;
			struct pid *pid = start_process(test, "ttmem_mortal", &task);

			reserve_one(test, f->client[i]);
			attribute_to(f->client[i], pid);
			KUNIT_EXPECT_EQ(test, ttmem_client_check(f->client[i]), 0);
			stop_process(task, pid);
			put_pid(pid);
			KUNIT_EXPECT_EQ(test, ttmem_client_check(f->client[i]), -ESRCH);
			end_client(f, i);
			f->client[i] = open_client(test, f->card);
		}
	}
	wait_for_completion(&worker->done);
	KUNIT_EXPECT_EQ(test, worker->wrong, 0);
	expect_empty(test, f->card);
}

static struct kunit_case counter_cases[] = {
	KUNIT_CASE(set_is_all_or_nothing),
	KUNIT_CASE(set_restarts_the_client_s_own_peaks),
	KUNIT_CASE(set_with_restart_is_esrch_where_the_target_is_gone),
	KUNIT_CASE(page_is_made_once_and_empty),
	KUNIT_CASE(look_at_a_card_without_counters_is_no_fold),
	KUNIT_CASE(look_reads_every_page),
	KUNIT_CASE(look_at_a_client_reads_its_page_alone),
	KUNIT_CASE(counters_stand_beside_gauges_and_reservations),
	KUNIT_CASE(peaks_rise_at_the_end_of_a_fold),
	KUNIT_CASE(reserve_in_the_middle_of_a_move_raises_no_peak_that_never_was),
	KUNIT_CASE(reader_is_served_by_a_fold_that_began_after_he_came),
	KUNIT_CASE(killed_reader_leaves_the_rest_to_the_next),
	KUNIT_CASE_PARAM(fold_goes_on_where_clients_leave_and_come, leaving_gen_params),
	KUNIT_CASE(fold_ends_though_clients_come_all_the_time),
	KUNIT_CASE(fold_takes_out_who_speaks_for_a_dead_process),
	KUNIT_CASE(fold_ends_with_the_card),
	KUNIT_CASE(reserve_looks_before_it_refuses),
	KUNIT_CASE(reserve_of_a_client_whose_target_died_meanwhile_is_esrch),
	KUNIT_CASE_SLOW(readers_step_the_same_fold),
	KUNIT_CASE(threads_that_map_at_once_get_the_same_page),
	KUNIT_CASE_SLOW(folds_race_with_all_that_changes_the_books),
	KUNIT_CASE_SLOW(looks_race_with_the_end_of_processes),
	{ }
};

struct kunit_suite ttmem_counter_suite = {
	.name = "ttmem_counter",
	.suite_init = fixture_suite_init,
	.suite_exit = fixture_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = counter_cases,
};
