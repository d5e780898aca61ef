// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations: handles, limits, listing.
 */

#include "../driver/reservation.c"

#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/vmstat.h>

#include "fixture.h"

/* Handles */

static void handles_are_never_reused(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle, last = 0;
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		handle = reserve_one(test, f->client[0]);
		KUNIT_ASSERT_NE(test, handle, 0);
		/* The slot is used again and again, so it is the number that must rise. */
		KUNIT_ASSERT_EQ(test, ttmem_slot_of(handle), 0);
		KUNIT_ASSERT_GT(test, handle, last);
		last = handle;
		KUNIT_ASSERT_EQ(test, ttmem_reservation_free(f->client[0], handle), 0);
	}
}

static void lowest_free_slot_is_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle[70];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handle); i++) {
		handle[i] = reserve_one(test, f->client[0]);
		KUNIT_EXPECT_EQ(test, ttmem_slot_of(handle[i]), i);
	}
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle[65]), 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle[3]), 0);
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(reserve_one(test, f->client[0])), 3);
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(reserve_one(test, f->client[0])), 65);
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(reserve_one(test, f->client[0])), 70);
}

static void stale_handle_frees_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 stale = reserve_one(test, f->client[0]), handle;

	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], stale), 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], stale), -ENOENT);
	/* Another stands in its slot now. */
	handle = reserve_one(test, f->client[0]);
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(handle), ttmem_slot_of(stale));
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], stale), -ENOENT);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle), 0);
}

static void made_up_handle_frees_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle = reserve_one(test, f->client[0]);
	unsigned int bit;

	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], U64_MAX), -ENOENT);
	for (bit = 0; bit < 64; bit++)
		KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle ^ BIT_ULL(bit)),
				-ENOENT);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 1);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
}

static void handle_of_another_client_frees_nothing_of_its(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle;

	/* Not the first of either, so that the numbers differ. */
	reserve_one(test, f->client[1]);
	handle = reserve_one(test, f->client[1]);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle), -ENOENT);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[1]), 2);
}

static void handles_end_with_edquot(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	u64 handle;

	atomic64_set(&client->sequence, (1LL << 44) - 2);
	handle = reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, handle >> TTMEM_SLOT_BITS, (1ULL << 44) - 1);
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&client->reservations), 1);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle), 0);
	/* Freeing gives no number back, and the refused one's slot is not lost. */
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), -EDQUOT);
	KUNIT_EXPECT_TRUE(test, xa_empty(&client->held));
}

/* What is reserved */

static void reservation_is_listed_as_it_was_made(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = {
		.chip = 1, .memory = TTMEM_L1, .tag = TTMEM_TAG_L1_SMALL,
		.flags = TTMEM_RESERVE_OVERCOMMIT | TTMEM_RESERVE_ADDRESS,
		.size = 0x1122334455, .payload = 0x1122334400,
		.address = 0xfedcba9876543210, .cookie = 0x0123456789abcdef,
		.label = "0123456789012345678901234567890",
	};
	struct ttmem_reservation res[2];
	u64 handle, next, total;

	KUNIT_ASSERT_EQ(test, reserve(f->client[0], &req, &handle), 0);
	KUNIT_ASSERT_EQ(test, ttmem_reservation_list(f->client[0], 0, 0, res, 2, &next, &total), 1);
	KUNIT_EXPECT_EQ(test, next, 0);
	KUNIT_EXPECT_EQ(test, total, 1);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle);
	KUNIT_EXPECT_EQ(test, res[0].chip, req.chip);
	KUNIT_EXPECT_EQ(test, res[0].memory, req.memory);
	KUNIT_EXPECT_EQ(test, res[0].tag, req.tag);
	KUNIT_EXPECT_EQ(test, res[0].flags, req.flags);
	KUNIT_EXPECT_EQ(test, res[0].size, req.size);
	KUNIT_EXPECT_EQ(test, res[0].payload, req.payload);
	KUNIT_EXPECT_EQ(test, res[0].address, req.address);
	KUNIT_EXPECT_EQ(test, res[0].cookie, req.cookie);
	KUNIT_EXPECT_EQ(test, memcmp(res[0].label, req.label, sizeof(req.label)), 0);

	/* The next has no label, and nothing of this one. */
	reserve_one(test, f->client[0]);
	KUNIT_ASSERT_EQ(test, ttmem_reservation_list(f->client[0], 0, 0, res, 2, &next, &total), 2);
	KUNIT_EXPECT_NULL(test, memchr_inv(res[1].label, 0, sizeof(res[1].label)));
	KUNIT_EXPECT_EQ(test, res[1].cookie, 0);
}

static void prepared_is_seen_by_nobody(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held = ttmem_reservation_prepare(f->client[0], &req);
	struct ttmem_reservation res[2];
	u64 next, total, bytes, reservations;

	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(f->client[0], 0, 0, res, 2, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, total, 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], ttmem_reservation_handle(held)),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(f->client[0], TTMEM_ALL_CHIPS, &bytes,
							 &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, 0);
	/* Its slot is taken all the same. */
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(reserve_one(test, f->client[0])), 1);

	KUNIT_EXPECT_EQ(test, ttmem_reservation_publish(f->client[0], held), 0);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 2);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 128);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void abandoned_leaves_nothing_behind(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held;
	u64 handle;

	strscpy((char *)req.label, "never seen", sizeof(req.label));
	held = ttmem_reservation_prepare(f->client[0], &req);
	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	handle = ttmem_reservation_handle(held);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 1);
	ttmem_reservation_abandon(f->client[0], held);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->client[0]->held));
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	expect_empty(test, f->card);
	/* Its number is spent. */
	KUNIT_EXPECT_NE(test, reserve_one(test, f->client[0]), handle);
}

static void refused_leaves_nothing_behind(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(1, TTMEM_DRAM, TTMEM_TAG_BUFFER, CAPACITY + 1);
	u64 handle;

	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[1].denied, 1);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[0].denied, 0);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->client[0]->held));
	expect_empty(test, f->card);

	/* OVERCOMMIT gets past the capacity, not past what a client may hold. */
	req.flags = TTMEM_RESERVE_OVERCOMMIT;
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), 0);
	req.size = TTMEM_CLIENT_BYTES_MAX - CAPACITY;
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -EDQUOT);
	req.size = U64_MAX;
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->chip_tally[1].denied, 3);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 3);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 1);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, CAPACITY + 1);
	TTMEM_EXPECT_BALANCED(test, f->card);
	/* Another client has a bound of its own. */
	req.size = TTMEM_CLIENT_BYTES_MAX;
	KUNIT_EXPECT_EQ(test, reserve(f->client[1], &req, &handle), 0);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 3);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* Limits */

static void client_s_limit_is_edquot(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	u64 handle, first;

	req.flags = TTMEM_RESERVE_OVERCOMMIT;
	ttmem_max_reservations = 3;
	first = reserve_one(test, f->client[0]);
	reserve_one(test, f->client[0]);
	reserve_one(test, f->client[0]);
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 3);
	/* Each client has its own. */
	reserve_one(test, f->client[1]);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], first), 0);
	reserve_one(test, f->client[0]);
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -EDQUOT);
	/* Gauges are no reservations. */
	KUNIT_EXPECT_EQ(test, set_one(f->client[0], 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 2);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void prepared_counts_towards_the_limit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held;

	ttmem_max_reservations = 1;
	held = ttmem_reservation_prepare(f->client[0], &req);
	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	ttmem_reservation_abandon(f->client[0], held);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), 0);
}

static void limit_of_0_refuses_all(struct kunit *test)
{
	struct fixture *f = test->priv;

	ttmem_max_reservations = 0;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 0);
	expect_empty(test, f->card);
}

static void lowered_limit_takes_nothing_away(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handle); i++)
		handle[i] = reserve_one(test, f->client[0]);
	ttmem_max_reservations = 2;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 4);
	for (i = 0; i < ARRAY_SIZE(handle); i++)
		KUNIT_EXPECT_EQ(test, ttmem_reservation_free(f->client[0], handle[i]), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), 0);
}

/* Giving back */

static void free_all_gives_back_one_chip_or_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_reserve req;
	u64 handle, bytes, reservations;
	unsigned int i;

	/* More than one hold of the lock looks at or frees, the chips mixed. */
	for (i = 0; i < 2 * LOOK_BATCH + 100; i++) {
		req = request(i % 16 == 0, i % 2, TTMEM_TAG_BUFFER, 10);
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
	}
	KUNIT_ASSERT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 3), 0);
	KUNIT_ASSERT_EQ(test, set_one(client, 1, TTMEM_L1, TTMEM_TAG_CB, 5), 0);
	reserve_one(test, f->client[1]);

	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, 1, &bytes, &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, DIV_ROUND_UP(i, 16));
	KUNIT_EXPECT_EQ(test, bytes, 10 * DIV_ROUND_UP(i, 16) + 5);
	KUNIT_EXPECT_FALSE(test, ttmem_account_holds(&client->account, 1));
	KUNIT_EXPECT_EQ(test, reservations_of(test, client), i - DIV_ROUND_UP(i, 16));
	TTMEM_EXPECT_BALANCED(test, f->card);

	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes,
							 &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, i - DIV_ROUND_UP(i, 16));
	KUNIT_EXPECT_EQ(test, bytes, 10 * (i - DIV_ROUND_UP(i, 16)) + 3);
	KUNIT_EXPECT_TRUE(test, xa_empty(&client->held));

	/* With nothing held it is no error. */
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes,
							 &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, 0);
	KUNIT_EXPECT_EQ(test, bytes, 0);
	/* And what another client holds stays. */
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* A refusal and an invalidation that comes between count as the latter. */
static void limit_of_a_closed_client_is_enodev(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held = ttmem_reservation_prepare(f->client[0], &req);

	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	f->card->pool[0][TTMEM_DRAM].total = 1;
	ttmem_card_invalidate(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_publish(f->client[0], held), -ENODEV);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->reservations), 0);
}

/* Whose it is */

static int list_other(struct fixture *f, u64 id, struct ttmem_reservation *res, u64 *total)
{
	u64 next;

	return ttmem_reservation_list(f->client[0], id, 0, res, 4, &next, total);
}

static void list_of_another_needs_the_right(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 id = f->client[1]->id, handle, next, total;
	struct ttmem_reservation res[4];
	struct pid *init = find_get_pid(1);
	const struct cred *self;

	KUNIT_ASSERT_NOT_NULL(test, init);
	self = become(test, 1000, false);
	handle = reserve_one(test, f->client[1]);
	/* One's own user's, whichever process and file it is. */
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), 1);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle);
	KUNIT_EXPECT_EQ(test, total, 1);
	give_to(f->client[1], init);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), 1);
	become_self(self);

	/* Another user's. */
	self = become(test, 1001, false);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), -EACCES);
	/* The handle's file is enough, whoever used it last. */
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(f->client[1], 0, 0, res, 4, &next, &total), 1);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(f->client[1], id, 0, res, 4, &next, &total),
			1);
	KUNIT_EXPECT_EQ(test, list_other(f, ~0ULL, res, &total), -ENOENT);
	KUNIT_EXPECT_EQ(test, list_other(f, id + 1000, res, &total), -ENOENT);
	become_self(self);

	/* CAP_SYS_PTRACE, whoever one is. */
	self = become(test, 1001, true);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), 1);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle);
	become_self(self);
	KUNIT_EXPECT_EQ(test, list_other(f, id + 1000, res, &total), -ENOENT);
	put_pid(init);
}

/* Asked for by an id, a client that is not in the books is none, also to its own user. */
static void list_of_another_that_is_not_in_the_books_is_enoent(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = ttmem_card_create(4, &ttmem_kunit_n300);
	struct ttmem_client *elsewhere, *late;
	struct ttmem_reservation res[4];
	u64 id = f->client[1]->id, total;
	struct pid *dead;

	KUNIT_ASSERT_NOT_NULL(test, card);
	reserve_one(test, f->client[1]);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), 1);

	/* Of another card. */
	elsewhere = open_client(test, card);
	reserve_one(test, elsewhere);
	KUNIT_EXPECT_EQ(test, list_other(f, elsewhere->id, res, &total), -ENOENT);
	close_client(elsewhere);
	ttmem_card_put(card);

	/* Of a process that is gone. */
	dead = dead_process(test);
	attribute_to(f->client[1], dead);
	ttmem_look_client(f->client[1]);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), -ENOENT);
	put_pid(dead);

	/* Of a file that is closed; the next one's number is no help. */
	id = f->client[2]->id;
	late = open_client(test, f->card);
	reserve_one(test, late);
	end_client(f, 2);
	KUNIT_EXPECT_EQ(test, list_other(f, id, res, &total), -ENOENT);
	KUNIT_EXPECT_EQ(test, list_other(f, late->id, res, &total), 1);

	/* Of an older epoch, asked for by one that came after. */
	KUNIT_ASSERT_EQ(test, ttmem_card_invalidate(f->card), 0);
	f->client[2] = open_client(test, f->card);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(f->client[2], late->id, 0, res, 4, &total,
						     &total), -ENOENT);
	close_client(late);
}

/* Listing */

static void pages_go_on_where_the_last_one_ended(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_reservation res[7];
	u64 handle[20], next = 0, total;
	unsigned int room, i, seen;
	int n;

	for (i = 0; i < ARRAY_SIZE(handle); i++)
		handle[i] = reserve_one(test, client);
	for (room = 1; room <= ARRAY_SIZE(res); room++) {
		seen = 0;
		do {
			n = ttmem_reservation_list(client, 0, next, res, room, &next, &total);
			KUNIT_ASSERT_GT(test, n, 0);
			KUNIT_ASSERT_LE(test, n, room);
			KUNIT_ASSERT_LE(test, seen + n, ARRAY_SIZE(handle));
			KUNIT_EXPECT_EQ(test, total, ARRAY_SIZE(handle));
			for (i = 0; i < n; i++)
				KUNIT_EXPECT_EQ(test, res[i].handle, handle[seen++]);
		} while (next);
		KUNIT_EXPECT_EQ(test, seen, ARRAY_SIZE(handle));
	}
	/* No more than there is, also where the room is met exactly. */
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, handle[12], res, 7, &next, &total),
			7);
	KUNIT_EXPECT_EQ(test, next, 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, handle[19], res, 7, &next, &total),
			0);
	KUNIT_EXPECT_EQ(test, next, 0);

	/* From a handle that is gone meanwhile. */
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, 0, res, 5, &next, &total), 5);
	KUNIT_EXPECT_EQ(test, next, handle[4]);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle[4]), 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, next, res, 5, &next, &total), 5);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle[5]);
	KUNIT_EXPECT_EQ(test, total, ARRAY_SIZE(handle) - 1);
	/* And from any number at all. */
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, U64_MAX, res, 5, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, next, 0);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, 0, NULL, 0, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, next, 0);
}

/* Threads that wait in the middle of RESERVE do not make a page's walk long. */
static void page_looks_at_so_many_slots(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	const unsigned int waiting = 3 * LOOK_BATCH + 1;
	unsigned int i, pages = 0;
	struct ttmem_reservation res[2];
	struct ttmem_held **held;
	u64 handle, next = 0, total;
	int n, found = 0;

	held = kunit_kcalloc(test, waiting, sizeof(*held), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, held);
	for (i = 0; i < waiting; i++) {
		held[i] = ttmem_reservation_prepare(f->client[0], &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(held[i]));
	}
	handle = reserve_one(test, f->client[0]);
	do {
		n = ttmem_reservation_list(f->client[0], 0, next, res, 2, &next, &total);
		KUNIT_ASSERT_GE(test, n, 0);
		if (n)
			KUNIT_EXPECT_EQ(test, res[0].handle, handle);
		found += n;
	} while (next && ++pages < 9);
	KUNIT_EXPECT_EQ(test, found, 1);
	KUNIT_EXPECT_EQ(test, pages, 3);
	for (i = 0; i < waiting; i++)
		ttmem_reservation_abandon(f->client[0], held[i]);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 1);
}

/* Allocations that fail: each alone, and each with all that follow it */

static void reserve_without_memory_changes_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_reserve first = request(1, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	unsigned int nth, rest, failures = 0;
	u64 handle, bytes, reservations;
	bool failed;

	ttmem_kunit_need_faults(test);
	strscpy((char *)req.label, "labelled", sizeof(req.label));
	/* Nodes are allocated where the tree has to grow: for the second slot. */
	KUNIT_ASSERT_EQ(test, reserve(client, &first, &handle), 0);
	for (rest = 0; rest < 2; rest++) {
		for (nth = 1, failed = true; failed; nth++) {
			int err;

			ttmem_kunit_fail(nth, rest);
			err = reserve(client, &req, &handle);
			failed = ttmem_kunit_failed();
			if (!err) {
				/* What FREE gives back would be kept, and allocated no more. */
				KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, 0, &bytes,
										 &reservations), 0);
			} else {
				failures++;
				KUNIT_EXPECT_TRUE(test, failed);
				KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			}
			KUNIT_EXPECT_EQ(test, atomic_read(&client->reservations), 1);
			KUNIT_EXPECT_EQ(test, reservations_of(test, client), 1);
			KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
			KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
			TTMEM_EXPECT_BALANCED(test, f->card);
		}
		kunit_info(test, "%u allocations\n", nth - 2);
	}
	/* The reservation and its label alone; with the rest, the tree's node as well. */
	KUNIT_EXPECT_GE(test, failures, 2 + 3);
	KUNIT_EXPECT_EQ(test, ttmem_slot_of(reserve_one(test, client)), 1);
}

/*
 * The array links the inner nodes of a new slot one by one, and keeps an empty one where
 * the next cannot be had: nothing that goes from entry to entry meets it.
 */
static void failed_store_leaves_no_inner_node(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int nth, try, i, left = 0;

	ttmem_kunit_need_faults(test);
	for (nth = 1; nth <= 6; nth++) {
		struct ttmem_client *client = open_client(test, f->card);
		u64 bytes, reservations;
		unsigned long slot = 0;

		/* The next slot needs another inner node, and a leaf below it. */
		for (i = 0; i < 4096; i++)
			reserve_one(test, client);
		/* Twice, as what the first try has linked the second finds. */
		for (try = 0; try < 2; try++) {
			int err;

			ttmem_kunit_fail(nth, true);
			err = reserve_bytes(client, 64);
			if (ttmem_kunit_failed())
				KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			else
				KUNIT_EXPECT_EQ(test, err, 0);
		}
		KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes,
								 &reservations), 0);
		KUNIT_EXPECT_NULL(test, xa_find(&client->held, &slot, ULONG_MAX, XA_PRESENT));
		left += !xa_empty(&client->held);

		ttmem_client_close(client);
		ttmem_reservation_end(client);
		KUNIT_EXPECT_TRUE(test, xa_empty(&client->held));
		ttmem_counter_end(client);
		ttmem_client_put(client);
	}
	/* Else it is another array by now, and this case proves nothing. */
	KUNIT_EXPECT_GE(test, left, 1);
}

static void rest_needs_no_memory(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held[3];
	u64 bytes, reservations, next, total;
	struct ttmem_reservation res[4];
	int err[7];
	unsigned int i;
	bool failed;

	ttmem_kunit_need_faults(test);
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = ttmem_reservation_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(held[i]));
	}
	ttmem_kunit_fail(1, true);
	err[0] = ttmem_reservation_publish(client, held[0]);
	err[1] = ttmem_reservation_publish(client, held[1]);
	ttmem_reservation_abandon(client, held[2]);
	err[2] = set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 1);
	err[3] = ttmem_reservation_list(client, 0, 0, res, 4, &next, &total);
	err[4] = ttmem_reservation_free(client, 1ULL << TTMEM_SLOT_BITS);
	err[5] = ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes, &reservations);
	ttmem_card_invalidate(f->card);
	close_client(client);
	failed = ttmem_kunit_failed();
	f->client[0] = NULL;
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_EQ(test, err[0], 0);
	KUNIT_EXPECT_EQ(test, err[1], 0);
	KUNIT_EXPECT_EQ(test, err[2], 0);
	KUNIT_EXPECT_EQ(test, err[3], 2);
	KUNIT_EXPECT_EQ(test, err[4], 0);
	KUNIT_EXPECT_EQ(test, err[5], 0);
	KUNIT_EXPECT_EQ(test, reservations, 1);
}

static unsigned long slab_pages(void)
{
	/* What waits for a grace period is none of it. */
	rcu_barrier();
	return global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) +
	       global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);
}

/*
 * Every way out of every call, so often that a small object of one, left behind, would
 * be seen in the slabs. KASAN keeps what was freed; kmemleak looks there.
 */
static void nothing_is_left_in_the_slabs(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	unsigned int round, rounds = 4 * ttmem_kunit_operations;
	unsigned long before = 0, after;

	/* In fewer rounds it is lost in what the slabs keep for themselves. */
	if (IS_ENABLED(CONFIG_KASAN) || ttmem_kunit_operations < 100000) {
		kunit_info(test, "not with KASAN, nor with fewer than 100000 operations\n");
		return;
	}
	ttmem_kunit_need_faults(test);
	strscpy((char *)req.label, "labelled", sizeof(req.label));
	for (round = 0; round < 2 * rounds; round++) {
		struct ttmem_client *client;
		struct ttmem_held *held;
		u64 handle;

		if (round == rounds)
			before = slab_pages();
		ttmem_kunit_fail(1 + round % 12, round & 16);
		client = ttmem_client_open(f->card);
		if (!IS_ERR(client)) {
			req.size = round % 3 ? 64 : CAPACITY + 1;
			reserve(client, &req, &handle);
			held = ttmem_reservation_prepare(client, &req);
			if (!IS_ERR(held))
				ttmem_reservation_abandon(client, held);
			if (round % 5 && handle)
				ttmem_reservation_free(client, handle);
			ttmem_counter_page(client);
			close_client(client);
		}
		ttmem_kunit_failed();
		if (!(round % 1024))
			cond_resched();
	}
	after = slab_pages();
	kunit_info(test, "%lu pages of slab, then %lu\n", before, after);
	/* 32 bytes, left behind in one round of twelve, would be twice as many. */
	KUNIT_EXPECT_LT(test, after, before + rounds / 12 * 32 / PAGE_SIZE / 2);
	expect_empty(test, f->card);
}

static struct kunit_case reservation_cases[] = {
	KUNIT_CASE(handles_are_never_reused),
	KUNIT_CASE(lowest_free_slot_is_taken),
	KUNIT_CASE(stale_handle_frees_nothing),
	KUNIT_CASE(made_up_handle_frees_nothing),
	KUNIT_CASE(handle_of_another_client_frees_nothing_of_its),
	KUNIT_CASE(handles_end_with_edquot),
	KUNIT_CASE(reservation_is_listed_as_it_was_made),
	KUNIT_CASE(prepared_is_seen_by_nobody),
	KUNIT_CASE(abandoned_leaves_nothing_behind),
	KUNIT_CASE(refused_leaves_nothing_behind),
	KUNIT_CASE(client_s_limit_is_edquot),
	KUNIT_CASE(prepared_counts_towards_the_limit),
	KUNIT_CASE(limit_of_0_refuses_all),
	KUNIT_CASE(lowered_limit_takes_nothing_away),
	KUNIT_CASE(limit_of_a_closed_client_is_enodev),
	KUNIT_CASE(free_all_gives_back_one_chip_or_all),
	KUNIT_CASE(list_of_another_needs_the_right),
	KUNIT_CASE(list_of_another_that_is_not_in_the_books_is_enoent),
	KUNIT_CASE(pages_go_on_where_the_last_one_ended),
	KUNIT_CASE(page_looks_at_so_many_slots),
	KUNIT_CASE(reserve_without_memory_changes_nothing),
	KUNIT_CASE(failed_store_leaves_no_inner_node),
	KUNIT_CASE(rest_needs_no_memory),
	KUNIT_CASE_SLOW(nothing_is_left_in_the_slabs),
	{ }
};

struct kunit_suite ttmem_reservation_suite = {
	.name = "ttmem_reservation",
	.suite_init = fixture_suite_init,
	.suite_exit = fixture_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = reservation_cases,
};
