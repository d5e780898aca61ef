// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file: reservations, handles, limits, identity.
 */

#include "../driver/client.c"

#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/sort.h>
#include <linux/vmstat.h>

#include "model.h"
#include "ttmem_kunit.h"

#define CAPACITY	12884901888ULL

static const struct ttmem_pci n300 = {
	.vendor_id = 0x1e52, .device_id = 0x401e,
	.subsystem_vendor_id = 0x1e52, .subsystem_id = 0x14,
};

struct fixture {
	struct ttmem_card *card;
	struct ttmem_client *client[3];
};

static int suite_init(struct kunit_suite *suite)
{
	return ttmem_client_init();
}

static void suite_exit(struct kunit_suite *suite)
{
	/* Both complain where something is left. */
	ttmem_client_exit();
}

static int client_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->card = ttmem_card_create(3, &n300);
	KUNIT_ASSERT_NOT_NULL(test, f->card);
	for (i = 0; i < ARRAY_SIZE(f->client); i++) {
		f->client[i] = ttmem_client_open(f->card);
		KUNIT_ASSERT_FALSE(test, IS_ERR(f->client[i]));
	}
	return 0;
}

static void expect_empty(struct kunit *test, struct ttmem_card *card)
{
	TTMEM_EXPECT_BALANCED(test, card);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_DRAM].used, 0);
	KUNIT_EXPECT_EQ(test, card->sum[TTMEM_L1].used, 0);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 0);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 0);
}

static void end(struct fixture *f, unsigned int i)
{
	if (!IS_ERR_OR_NULL(f->client[i]))
		ttmem_client_close(f->client[i]);
	f->client[i] = NULL;
}

static void client_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	ttmem_max_reservations = TTMEM_SLOTS;
	ttmem_max_reservations_per_uid = 4194304;
	if (!f || !f->card)
		return;
	for (i = 0; i < ARRAY_SIZE(f->client); i++)
		end(f, i);
	expect_empty(test, f->card);
	KUNIT_EXPECT_TRUE(test, list_empty(&f->card->accounts));
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 1);
	KUNIT_EXPECT_TRUE_MSG(test, xa_empty(&users), "a user is left who has no client");
	ttmem_card_put(f->card);
}

static struct ttmem_reserve request(unsigned int chip, u32 memory, u32 tag, u64 size)
{
	return (struct ttmem_reserve) {
		.chip = chip, .memory = memory, .tag = tag, .size = size,
	};
}

/* As chardev.c does it. Returns 0 or an error, and the handle. */
static int reserve(struct ttmem_client *client, const struct ttmem_reserve *req, u64 *handle)
{
	struct ttmem_held *held = ttmem_client_prepare(client, req);

	*handle = 0;
	if (IS_ERR(held))
		return PTR_ERR(held);
	*handle = ttmem_held_handle(held);
	return ttmem_client_publish(client, held);
}

static int reserve_bytes(struct ttmem_client *client, u64 size)
{
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, size);
	u64 handle;

	return reserve(client, &req, &handle);
}

static u64 reserve_one(struct kunit *test, struct ttmem_client *client)
{
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	u64 handle;

	KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
	return handle;
}

static int set_one(struct ttmem_client *client, unsigned int chip, u32 memory, u32 tag, u64 bytes)
{
	struct ttmem_gauge gauge = {
		.chip = chip, .memory = memory, .tag = tag, .bytes = bytes,
	};

	return ttmem_client_set(client, &gauge, 1);
}

static u64 reservations_of(struct kunit *test, struct ttmem_client *client)
{
	u64 next, total = ~0ULL;

	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, 0, NULL, 0, &next, &total), 0);
	return total;
}

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
		KUNIT_ASSERT_EQ(test, slot_of(handle), 0);
		KUNIT_ASSERT_GT(test, handle, last);
		last = handle;
		KUNIT_ASSERT_EQ(test, ttmem_client_free(f->client[0], handle), 0);
	}
}

static void lowest_free_slot_is_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle[70];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handle); i++) {
		handle[i] = reserve_one(test, f->client[0]);
		KUNIT_EXPECT_EQ(test, slot_of(handle[i]), i);
	}
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle[65]), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle[3]), 0);
	KUNIT_EXPECT_EQ(test, slot_of(reserve_one(test, f->client[0])), 3);
	KUNIT_EXPECT_EQ(test, slot_of(reserve_one(test, f->client[0])), 65);
	KUNIT_EXPECT_EQ(test, slot_of(reserve_one(test, f->client[0])), 70);
}

static void stale_handle_frees_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 stale = reserve_one(test, f->client[0]), handle;

	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], stale), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], stale), -ENOENT);
	/* Another stands in its slot now. */
	handle = reserve_one(test, f->client[0]);
	KUNIT_EXPECT_EQ(test, slot_of(handle), slot_of(stale));
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], stale), -ENOENT);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle), 0);
}

static void made_up_handle_frees_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 handle = reserve_one(test, f->client[0]);
	unsigned int bit;

	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], U64_MAX), -ENOENT);
	for (bit = 0; bit < 64; bit++)
		KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle ^ BIT_ULL(bit)),
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
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle), -ENOENT);
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
	KUNIT_EXPECT_EQ(test, atomic_read(&client->user->reservations), 1);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(client, handle), 0);
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
		.size = 0x1122334455667788, .payload = 0x1122334455667700,
		.address = 0xfedcba9876543210, .cookie = 0x0123456789abcdef,
		.label = "0123456789012345678901234567890",
	};
	struct ttmem_reservation res[2];
	u64 handle, next, total;

	KUNIT_ASSERT_EQ(test, reserve(f->client[0], &req, &handle), 0);
	KUNIT_ASSERT_EQ(test, ttmem_client_list(f->client[0], 0, 0, res, 2, &next, &total), 1);
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
	KUNIT_ASSERT_EQ(test, ttmem_client_list(f->client[0], 0, 0, res, 2, &next, &total), 2);
	KUNIT_EXPECT_NULL(test, memchr_inv(res[1].label, 0, sizeof(res[1].label)));
	KUNIT_EXPECT_EQ(test, res[1].cookie, 0);
}

static void prepared_is_seen_by_nobody(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held = ttmem_client_prepare(f->client[0], &req);
	struct ttmem_reservation res[2];
	u64 next, total, bytes, reservations;

	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].peak, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], 0, 0, res, 2, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, total, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], ttmem_held_handle(held)), -ENOENT);
	KUNIT_EXPECT_EQ(test, ttmem_client_free_all(f->client[0], TTMEM_ALL_CHIPS, &bytes,
						    &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, 0);
	/* Its slot is taken all the same. */
	KUNIT_EXPECT_EQ(test, slot_of(reserve_one(test, f->client[0])), 1);

	KUNIT_EXPECT_EQ(test, ttmem_client_publish(f->client[0], held), 0);
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
	held = ttmem_client_prepare(f->client[0], &req);
	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	handle = ttmem_held_handle(held);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 1);
	ttmem_client_abandon(f->client[0], held);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 0);
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
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->client[0]->held));
	expect_empty(test, f->card);

	/* OVERCOMMIT gets past the capacity, not past 64 bits. */
	req.flags = TTMEM_RESERVE_OVERCOMMIT;
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), 0);
	req.size = U64_MAX;
	KUNIT_EXPECT_EQ(test, reserve(f->client[0], &req, &handle), -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 2);
	KUNIT_EXPECT_EQ(test, reservations_of(test, f->client[0]), 1);
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
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 3);
	/* Each client has its own. */
	reserve_one(test, f->client[1]);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], first), 0);
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
	held = ttmem_client_prepare(f->client[0], &req);
	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	ttmem_client_abandon(f->client[0], held);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), 0);
}

static void limit_of_0_refuses_all(struct kunit *test)
{
	struct fixture *f = test->priv;

	ttmem_max_reservations = 0;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	ttmem_max_reservations = TTMEM_SLOTS;
	ttmem_max_reservations_per_uid = 0;
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 0);
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
		KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle[i]), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[0], 1), 0);
}

/* Runs as another user until become_self(). */
static const struct cred *become(struct kunit *test, uid_t uid, bool capable)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cred->uid = KUIDT_INIT(uid);
	cred->euid = cred->uid;
	cred->suid = cred->uid;
	cred->fsuid = cred->uid;
	if (!capable)
		cap_clear(cred->cap_effective);
	return override_creds(cred);
}

static void become_self(const struct cred *self)
{
	const struct cred *other = current_cred();

	revert_creds(self);
	put_cred(other);
}

static void user_s_limit_spans_clients_and_cards(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_card *card = ttmem_card_create(4, &n300);
	struct ttmem_client *elsewhere, *other;
	const struct cred *self;
	u64 handle;

	KUNIT_ASSERT_NOT_NULL(test, card);
	elsewhere = ttmem_client_open(card);
	KUNIT_ASSERT_FALSE(test, IS_ERR(elsewhere));
	self = become(test, 1000, true);
	other = ttmem_client_open(card);
	become_self(self);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));

	ttmem_max_reservations_per_uid = 3;
	handle = reserve_one(test, f->client[0]);
	reserve_one(test, f->client[1]);
	reserve_one(test, elsewhere);
	KUNIT_EXPECT_EQ(test, reserve_bytes(elsewhere, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[2], 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 3);

	/* Another user has a count of its own, and it goes by who opened the file. */
	KUNIT_EXPECT_EQ(test, reserve_bytes(other, 1), 0);
	self = become(test, 1000, true);
	KUNIT_EXPECT_EQ(test, reserve_bytes(elsewhere, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, reserve_bytes(other, 1), 0);
	become_self(self);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->user->reservations), 2);

	/* Each way to give back gives the count back. */
	KUNIT_EXPECT_EQ(test, ttmem_client_free(f->client[0], handle), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[2], 1), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[2], 1), -EDQUOT);
	ttmem_client_close(elsewhere);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[2], 1), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(f->client[2], 1), -EDQUOT);
	ttmem_client_close(other);
	expect_empty(test, card);
	ttmem_card_put(card);
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

	KUNIT_EXPECT_EQ(test, ttmem_client_free_all(client, 1, &bytes, &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, DIV_ROUND_UP(i, 16));
	KUNIT_EXPECT_EQ(test, bytes, 10 * DIV_ROUND_UP(i, 16) + 5);
	KUNIT_EXPECT_FALSE(test, ttmem_account_holds(&client->account, 1));
	KUNIT_EXPECT_EQ(test, reservations_of(test, client), i - DIV_ROUND_UP(i, 16));
	TTMEM_EXPECT_BALANCED(test, f->card);

	KUNIT_EXPECT_EQ(test, ttmem_client_free_all(client, TTMEM_ALL_CHIPS, &bytes,
						    &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, i - DIV_ROUND_UP(i, 16));
	KUNIT_EXPECT_EQ(test, bytes, 10 * (i - DIV_ROUND_UP(i, 16)) + 3);
	KUNIT_EXPECT_TRUE(test, xa_empty(&client->held));

	/* With nothing held it is no error. */
	KUNIT_EXPECT_EQ(test, ttmem_client_free_all(client, TTMEM_ALL_CHIPS, &bytes,
						    &reservations), 0);
	KUNIT_EXPECT_EQ(test, reservations, 0);
	KUNIT_EXPECT_EQ(test, bytes, 0);
	/* And what another client holds stays. */
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

static void set_is_all_or_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct ttmem_gauge gauges[] = {
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_CB, .bytes = 8 },
		{ .memory = TTMEM_L1, .tag = TTMEM_TAG_BUFFER, .bytes = U64_MAX - 7 },
	};

	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 0, TTMEM_L1, TTMEM_TAG_CB, 5), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_set(f->client[0], gauges, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 5);
	/* No ENOSPC and no EDQUOT, so it is not counted. */
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_set(f->client[0], gauges, 1), 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_L1].used, 8);
	TTMEM_EXPECT_BALANCED(test, f->card);
}

/* Each state that a client may be in, and each way for its card to end */

enum state { EMPTY, LOOKING, PREPARED, ABANDONED, PUBLISHED, FREED, GAUGED };
enum ending { NONE, INVALIDATED, GONE, INVALIDATED_GONE };

struct release {
	enum state state;
	enum ending ending;
};

static const struct release releases[] = {
	{ EMPTY, NONE }, { EMPTY, INVALIDATED }, { EMPTY, GONE },
	{ LOOKING, NONE }, { LOOKING, INVALIDATED }, { LOOKING, GONE },
	{ PREPARED, NONE }, { PREPARED, INVALIDATED }, { PREPARED, GONE },
	{ PREPARED, INVALIDATED_GONE },
	{ ABANDONED, NONE }, { ABANDONED, INVALIDATED }, { ABANDONED, GONE },
	{ PUBLISHED, NONE }, { PUBLISHED, INVALIDATED }, { PUBLISHED, GONE },
	{ PUBLISHED, INVALIDATED_GONE },
	{ FREED, NONE }, { FREED, INVALIDATED }, { FREED, GONE },
	{ GAUGED, NONE }, { GAUGED, INVALIDATED }, { GAUGED, GONE },
	{ GAUGED, INVALIDATED_GONE },
};

static void release_desc(const struct release *release, char *desc)
{
	static const char *const states[] = {
		"empty", "looking", "prepared", "abandoned", "published", "freed", "gauged",
	};
	static const char *const endings[] = {
		"live", "invalidated", "gone", "invalidated and gone",
	};

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", states[release->state],
		 endings[release->ending]);
}

KUNIT_ARRAY_PARAM(release, releases, release_desc);

static void release_gives_back_all(struct kunit *test)
{
	const struct release *release = test->param_value;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_held *held = NULL;
	u64 next, total, bytes, reservations;
	struct ttmem_reservation res;
	struct ttmem_client *late;

	strscpy((char *)req.label, "labelled", sizeof(req.label));
	switch (release->state) {
	case EMPTY:
		break;
	case LOOKING:
		KUNIT_EXPECT_EQ(test, reservations_of(test, client), 0);
		break;
	case PREPARED:
		held = ttmem_client_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(held));
		break;
	case ABANDONED:
		held = ttmem_client_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(held));
		ttmem_client_abandon(client, held);
		held = NULL;
		break;
	case PUBLISHED:
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &next), 0);
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &next), 0);
		break;
	case FREED:
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &next), 0);
		KUNIT_ASSERT_EQ(test, ttmem_client_free(client, next), 0);
		break;
	case GAUGED:
		KUNIT_ASSERT_EQ(test, set_one(client, 1, TTMEM_L1, TTMEM_TAG_CB, 9), 0);
		break;
	}

	if (release->ending == INVALIDATED || release->ending == INVALIDATED_GONE)
		ttmem_card_invalidate(f->card);
	if (release->ending == GONE || release->ending == INVALIDATED_GONE)
		ttmem_card_remove(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_client_closed(client), release->ending != NONE);

	if (release->ending != NONE) {
		/* Nothing but ENODEV from now on, and nothing in the books. */
		expect_empty(test, f->card);
		if (held)
			KUNIT_EXPECT_EQ(test, ttmem_client_publish(client, held), -ENODEV);
		KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), -ENODEV);
		ttmem_max_reservations = 0;
		KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), -ENODEV);
		KUNIT_EXPECT_EQ(test, ttmem_client_free(client, 1ULL << TTMEM_SLOT_BITS), -ENODEV);
		KUNIT_EXPECT_EQ(test, ttmem_client_free_all(client, TTMEM_ALL_CHIPS, &bytes,
							    &reservations), -ENODEV);
		KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 9), -ENODEV);
		KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, 0, &res, 1, &next, &total),
				-ENODEV);
		KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
		expect_empty(test, f->card);
	} else if (held) {
		ttmem_client_abandon(client, held);
	}

	end(f, 0);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[1]->user->reservations), 0);
	KUNIT_EXPECT_EQ(test, f->client[1]->user->clients, 2);

	late = ttmem_client_open(f->card);
	if (release->ending == GONE || release->ending == INVALIDATED_GONE) {
		KUNIT_EXPECT_PTR_EQ(test, late, ERR_PTR(-ENODEV));
	} else {
		KUNIT_ASSERT_FALSE(test, IS_ERR(late));
		KUNIT_EXPECT_FALSE(test, ttmem_client_closed(late));
		ttmem_client_close(late);
	}
}

/* A refusal and an invalidation that comes between count as the latter. */
static void limit_of_a_closed_client_is_enodev(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	struct ttmem_held *held = ttmem_client_prepare(f->client[0], &req);

	KUNIT_ASSERT_FALSE(test, IS_ERR(held));
	f->card->pool[0][TTMEM_DRAM].total = 1;
	ttmem_card_invalidate(f->card);
	KUNIT_EXPECT_EQ(test, ttmem_client_publish(f->client[0], held), -ENODEV);
	KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->client[0]->user->reservations), 0);
}

/* Whose it is */

static void ids_are_unique(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 last = ttmem_client_id(f->client[2]);

	KUNIT_EXPECT_NE(test, ttmem_client_id(f->client[0]), 0);
	KUNIT_EXPECT_LT(test, ttmem_client_id(f->client[0]), ttmem_client_id(f->client[1]));
	KUNIT_EXPECT_LT(test, ttmem_client_id(f->client[1]), last);
	end(f, 2);
	f->client[2] = ttmem_client_open(f->card);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->client[2]));
	KUNIT_EXPECT_LT(test, last, ttmem_client_id(f->client[2]));
	KUNIT_EXPECT_PTR_EQ(test, ttmem_client_card(f->client[2]), f->card);
}

/* Puts the client into another process's hands. */
static void give_to(struct ttmem_client *client, struct pid *pid)
{
	put_pid(client->pid);
	client->pid = get_pid(pid);
}

static void identity_follows_use(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct pid *init = find_get_pid(1), *own = task_tgid(current);
	const struct cred *self;
	u64 handle;

	KUNIT_ASSERT_NOT_NULL(test, init);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, own);
	KUNIT_EXPECT_TRUE(test, uid_eq(client->uid, current_euid()));

	self = become(test, 1000, true);
	give_to(client, init);
	handle = reserve_one(test, client);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, own);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 1000);
	become_self(self);

	/* Neither what only looks or frees is use, nor what was refused. */
	give_to(client, init);
	KUNIT_EXPECT_EQ(test, reservations_of(test, client), 1);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(client, handle), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, CAPACITY + 1), -ENOSPC);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, init);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 1000);

	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, own);
	KUNIT_EXPECT_TRUE(test, uid_eq(client->uid, current_euid()));
	put_pid(init);
}

static void list_of_another_needs_the_right(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_reservation res[4];
	struct pid *init = find_get_pid(1);
	u64 id = ttmem_client_id(f->client[1]), next, total;
	const struct cred *self;
	u64 handle;

	KUNIT_ASSERT_NOT_NULL(test, init);
	handle = reserve_one(test, f->client[1]);
	/* One's own process, whichever file it used. */
	self = become(test, 1000, false);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], id, 0, res, 4, &next, &total), 1);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle);
	KUNIT_EXPECT_EQ(test, total, 1);

	give_to(f->client[1], init);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], id, 0, res, 4, &next, &total),
			-EACCES);
	/* The handle's file is enough, whoever used it last. */
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[1], 0, 0, res, 4, &next, &total), 1);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[1], id, 0, res, 4, &next, &total), 1);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], ~0ULL, 0, res, 4, &next, &total),
			-ENOENT);
	become_self(self);

	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], id, 0, res, 4, &next, &total), 1);
	self = become(test, 1000, true);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], id, 0, res, 4, &next, &total), 1);
	become_self(self);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(f->client[0], id + 1000, 0, res, 4, &next, &total),
			-ENOENT);
	put_pid(init);
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
			n = ttmem_client_list(client, 0, next, res, room, &next, &total);
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
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, handle[12], res, 7, &next, &total), 7);
	KUNIT_EXPECT_EQ(test, next, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, handle[19], res, 7, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, next, 0);

	/* From a handle that is gone meanwhile. */
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, 0, res, 5, &next, &total), 5);
	KUNIT_EXPECT_EQ(test, next, handle[4]);
	KUNIT_EXPECT_EQ(test, ttmem_client_free(client, handle[4]), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, next, res, 5, &next, &total), 5);
	KUNIT_EXPECT_EQ(test, res[0].handle, handle[5]);
	KUNIT_EXPECT_EQ(test, total, ARRAY_SIZE(handle) - 1);
	/* And from any number at all. */
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, U64_MAX, res, 5, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, next, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_list(client, 0, 0, NULL, 0, &next, &total), 0);
	KUNIT_EXPECT_EQ(test, next, 0);
}

static void snapshot_shows_who_holds_something(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client_line *lines;
	ssize_t count;

	count = ttmem_client_snapshot(f->card, &lines);
	KUNIT_ASSERT_EQ(test, count, 0);
	ttmem_client_snapshot_free(lines, count);

	/* The second client first; the first with a gauge and two reservations. */
	reserve_one(test, f->client[1]);
	reserve_one(test, f->client[0]);
	reserve_one(test, f->client[0]);
	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 7), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 1, TTMEM_L1, TTMEM_TAG_CB, 9), 0);
	KUNIT_ASSERT_EQ(test, set_one(f->client[2], 1, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	count = ttmem_client_snapshot(f->card, &lines);
	KUNIT_ASSERT_EQ(test, count, 3);
	KUNIT_EXPECT_EQ(test, lines[0].client, ttmem_client_id(f->client[0]));
	KUNIT_EXPECT_EQ(test, lines[0].bytes, 64 + 64 + 7);
	KUNIT_EXPECT_EQ(test, lines[0].reservations, 2);
	KUNIT_EXPECT_EQ(test, lines[0].memory, TTMEM_DRAM);
	KUNIT_EXPECT_EQ(test, lines[0].tag, TTMEM_TAG_BUFFER);
	KUNIT_EXPECT_PTR_EQ(test, lines[0].pid, task_tgid(current));
	KUNIT_EXPECT_TRUE(test, uid_eq(lines[0].uid, current_euid()));
	KUNIT_EXPECT_EQ(test, lines[1].client, ttmem_client_id(f->client[0]));
	KUNIT_EXPECT_EQ(test, lines[1].chip, 1);
	KUNIT_EXPECT_EQ(test, lines[1].memory, TTMEM_L1);
	KUNIT_EXPECT_EQ(test, lines[1].tag, TTMEM_TAG_CB);
	KUNIT_EXPECT_EQ(test, lines[1].bytes, 9);
	KUNIT_EXPECT_EQ(test, lines[1].reservations, 0);
	KUNIT_EXPECT_EQ(test, lines[2].client, ttmem_client_id(f->client[1]));
	KUNIT_EXPECT_EQ(test, lines[2].bytes, 64);
	ttmem_client_snapshot_free(lines, count);
}

/* Fills more lines than a snapshot has room for at its first try. */
static void hold_many_lines(struct kunit *test, struct fixture *f)
{
	unsigned int i, chip, tag;

	for (i = 0; i < ARRAY_SIZE(f->client); i++)
		for (chip = 0; chip < 2; chip++)
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				if (ttmem_pool_tag_valid(TTMEM_L1, tag))
					KUNIT_ASSERT_EQ(test, set_one(f->client[i], chip, TTMEM_L1,
								      tag, 1 + tag), 0);
}

static void snapshot_grows_until_all_fits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client_line *lines;
	ssize_t count, i;
	u64 bytes = 0;

	hold_many_lines(test, f);
	count = ttmem_client_snapshot(f->card, &lines);
	KUNIT_ASSERT_EQ(test, count, 3 * 2 * 4);
	for (i = 0; i < count; i++) {
		bytes += lines[i].bytes;
		KUNIT_EXPECT_EQ(test, lines[i].bytes, 1 + lines[i].tag);
	}
	KUNIT_EXPECT_EQ(test, bytes, f->card->sum[TTMEM_L1].used);
	ttmem_client_snapshot_free(lines, count);
}

static void account_is_copied(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_account *account = kunit_kzalloc(test, sizeof(*account), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, account);
	reserve_one(test, f->client[0]);
	KUNIT_ASSERT_EQ(test, set_one(f->client[0], 1, TTMEM_L1, TTMEM_TAG_CB, 9), 0);
	ttmem_client_account(f->client[0], account);
	KUNIT_EXPECT_EQ(test, memcmp(account->part, f->client[0]->account.part,
				     sizeof(account->part)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(account->bytes, f->client[0]->account.bytes,
				     sizeof(account->bytes)), 0);
	KUNIT_EXPECT_FALSE(test, account->closed);
	ttmem_card_invalidate(f->card);
	ttmem_client_account(f->client[0], account);
	KUNIT_EXPECT_TRUE(test, account->closed);
	KUNIT_EXPECT_EQ(test, account->bytes[0][TTMEM_DRAM], 0);
}

/* Allocations that fail: each alone, and each with all that follow it */

static void open_without_memory_changes_nothing(struct kunit *test)
{
	struct ttmem_card *card = ttmem_card_create(4, &n300);
	unsigned int nth, rest, failures = 0;
	const struct cred *self;
	bool failed;

	KUNIT_ASSERT_NOT_NULL(test, card);
	ttmem_kunit_need_faults(test);
	/* A user who is not known yet, and whose place in the table is not there yet. */
	self = become(test, 123456, true);
	for (rest = 0; rest < 2; rest++) {
		for (nth = 1, failed = true; failed; nth++) {
			struct ttmem_client *client;

			ttmem_kunit_fail(nth, rest);
			client = ttmem_client_open(card);
			failed = ttmem_kunit_failed();
			if (!IS_ERR(client)) {
				KUNIT_EXPECT_EQ(test, kref_read(&card->ref), 2);
				ttmem_client_close(client);
			} else {
				failures++;
				KUNIT_EXPECT_TRUE(test, failed);
				KUNIT_EXPECT_PTR_EQ(test, client, ERR_PTR(-ENOMEM));
			}
			KUNIT_EXPECT_EQ(test, kref_read(&card->ref), 1);
			KUNIT_EXPECT_TRUE(test, list_empty(&card->accounts));
			KUNIT_EXPECT_NULL(test, xa_load(&users, 123456));
		}
		kunit_info(test, "%u allocations\n", nth - 2);
	}
	become_self(self);
	/* The client and the user alone; with the rest, the table's node as well. */
	KUNIT_EXPECT_GE(test, failures, 2 + 3);
	ttmem_card_put(card);
}

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
				KUNIT_EXPECT_EQ(test, ttmem_client_free_all(client, 0, &bytes,
									    &reservations), 0);
			} else {
				failures++;
				KUNIT_EXPECT_TRUE(test, failed);
				KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			}
			KUNIT_EXPECT_EQ(test, atomic_read(&client->user->reservations), 1);
			KUNIT_EXPECT_EQ(test, reservations_of(test, client), 1);
			KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
			KUNIT_EXPECT_EQ(test, f->card->tally.denied, 0);
			TTMEM_EXPECT_BALANCED(test, f->card);
		}
		kunit_info(test, "%u allocations\n", nth - 2);
	}
	/* The reservation and its label alone; with the rest, the tree's node as well. */
	KUNIT_EXPECT_GE(test, failures, 2 + 3);
	KUNIT_EXPECT_EQ(test, slot_of(reserve_one(test, client)), 1);
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
		held[i] = ttmem_client_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(held[i]));
	}
	ttmem_kunit_fail(1, true);
	err[0] = ttmem_client_publish(client, held[0]);
	err[1] = ttmem_client_publish(client, held[1]);
	ttmem_client_abandon(client, held[2]);
	err[2] = set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 1);
	err[3] = ttmem_client_list(client, 0, 0, res, 4, &next, &total);
	err[4] = ttmem_client_free(client, 1ULL << TTMEM_SLOT_BITS);
	err[5] = ttmem_client_free_all(client, TTMEM_ALL_CHIPS, &bytes, &reservations);
	ttmem_card_invalidate(f->card);
	ttmem_client_close(client);
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

static void snapshot_without_memory_is_enomem(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pid *own = task_tgid(current);
	unsigned int nth, failures = 0;
	bool failed;

	ttmem_kunit_need_faults(test);
	hold_many_lines(test, f);
	for (nth = 1, failed = true; failed; nth++) {
		unsigned int references = refcount_read(&own->count);
		struct ttmem_client_line *lines;
		ssize_t count;

		ttmem_kunit_fail(nth, true);
		count = ttmem_client_snapshot(f->card, &lines);
		failed = ttmem_kunit_failed();
		if (count < 0) {
			failures++;
			KUNIT_EXPECT_EQ(test, count, -ENOMEM);
			KUNIT_EXPECT_TRUE(test, failed);
		} else {
			KUNIT_EXPECT_EQ(test, count, 3 * 2 * 4);
			ttmem_client_snapshot_free(lines, count);
		}
		KUNIT_EXPECT_EQ(test, refcount_read(&own->count), references);
	}
	/* The first try, and the second one with more room. */
	KUNIT_EXPECT_GE(test, failures, 2);
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
	struct ttmem_client_line *lines;
	unsigned int round, rounds = 4 * ttmem_kunit_operations;
	unsigned long before = 0, after;
	const struct cred *self;
	ssize_t count;

	/* In fewer rounds it is lost in what the slabs keep for themselves. */
	if (IS_ENABLED(CONFIG_KASAN) || ttmem_kunit_operations < 100000) {
		kunit_info(test, "not with KASAN, nor with fewer than 100000 operations\n");
		return;
	}
	ttmem_kunit_need_faults(test);
	strscpy((char *)req.label, "labelled", sizeof(req.label));
	self = become(test, 123456, true);
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
			held = ttmem_client_prepare(client, &req);
			if (!IS_ERR(held))
				ttmem_client_abandon(client, held);
			if (round % 5 && handle)
				ttmem_client_free(client, handle);
			count = ttmem_client_snapshot(f->card, &lines);
			if (count >= 0)
				ttmem_client_snapshot_free(lines, count);
			ttmem_client_close(client);
		}
		ttmem_kunit_failed();
		if (!(round % 1024))
			cond_resched();
	}
	become_self(self);
	after = slab_pages();
	kunit_info(test, "%lu pages of slab, then %lu\n", before, after);
	/* 32 bytes, left behind in one round of twelve, would be twice as many. */
	KUNIT_EXPECT_LT(test, after, before + rounds / 12 * 32 / PAGE_SIZE / 2);
	expect_empty(test, f->card);
}

/* Random operations against the reference */

struct given {
	u64 client, handle;
};

static int cmp_given(const void *a, const void *b)
{
	const struct given *x = a, *y = b;

	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	return x->handle == y->handle ? 0 : x->handle < y->handle ? -1 : 1;
}

/* What is between prepare and publish; it is not in the model's lists. */
struct pending {
	struct ttmem_held *held;
	struct ttmem_reserve req;
};

struct world {
	struct ttmem_card *card;
	struct ttmem_model model;
	struct ttmem_client *client[TTMEM_MODEL_ACCOUNTS];
	struct ttmem_account *account[TTMEM_MODEL_ACCOUNTS];
	struct pending pending[TTMEM_MODEL_ACCOUNTS];
	struct ttmem_reservation page[TTMEM_MODEL_HELD + 1];
	struct given *given;
	unsigned int given_count;
	unsigned int prepared, published, full, denied, stale, freed, freed_all, sets, set_refused;
	unsigned int invalidations, dead, lists, snapshots;
};

static int model_find(const struct ttmem_model_account *account, u64 handle)
{
	unsigned int i;

	for (i = 0; i < account->count; i++)
		if (account->held[i].handle == handle)
			return i;
	return -1;
}

/* Whether what is listed in pages of @room is what the model has. */
static bool list_matches(struct world *w, unsigned int a, unsigned int room)
{
	const struct ttmem_model_account *account = &w->model.account[a];
	unsigned int seen = 0;
	u64 next = 0, total;
	int n, i;

	do {
		n = ttmem_client_list(w->client[a], 0, next, w->page, room, &next, &total);
		if (account->closed)
			return n == -ENODEV;
		if (n < 0 || n > room || total != account->count)
			return false;
		for (i = 0; i < n; i++) {
			const struct ttmem_reservation *res = &w->page[i];
			int at = model_find(account, res->handle);
			const struct ttmem_reserve *req;

			if (at < 0)
				return false;
			req = &account->held[at];
			if (res->chip != req->chip || res->memory != req->memory ||
			    res->tag != req->tag || res->flags != req->flags ||
			    res->size != req->size || res->payload != req->payload ||
			    res->address != req->address || res->cookie != req->cookie ||
			    memcmp(res->label, req->label, sizeof(res->label)))
				return false;
			seen++;
		}
	} while (next);
	return seen == account->count;
}

/* Whether the lines are what the accounts have, which are compared by themselves. */
static bool snapshot_matches(struct world *w)
{
	struct ttmem_client_line *lines;
	unsigned int a, chip, memory, tag, expected = 0;
	bool right = true;
	ssize_t count, i;

	count = ttmem_client_snapshot(w->card, &lines);
	if (count < 0)
		return false;
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++)
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
			for (memory = 0; memory < TTMEM_MEMORIES; memory++)
				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					struct ttmem_part *part =
						&w->account[a]->part[chip][memory][tag];

					expected += part->reserved + part->gauge != 0;
				}
	right = count == expected;
	for (i = 0; i < count; i++) {
		for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
			struct ttmem_part *part =
				&w->account[a]->part[lines[i].chip][lines[i].memory][lines[i].tag];

			if (ttmem_client_id(w->client[a]) == lines[i].client)
				right &= lines[i].bytes == part->reserved + part->gauge &&
					 lines[i].reservations == part->reservations;
		}
	}
	ttmem_client_snapshot_free(lines, count);
	return right;
}

/* One random operation; returns what is wrong, or NULL. */
static const char *operate(struct world *w, struct rnd_state *random)
{
	unsigned int a = ttmem_kunit_below(random, TTMEM_MODEL_ACCOUNTS);
	struct ttmem_model_account *account = &w->model.account[a];
	struct pending *pending = &w->pending[a];
	struct ttmem_client *client = w->client[a];
	u64 bytes, reservations, expected_bytes;
	struct ttmem_gauge gauges[12];
	int err, expected;
	unsigned int i, chip;

	switch (ttmem_kunit_below(random, 128)) {
	case 0 ... 39: {
		struct ttmem_held *held;
		bool closed = account->closed;

		if (pending->held || account->count == TTMEM_MODEL_HELD)
			return NULL;
		ttmem_model_request(&w->model, random, &pending->req);
		held = ttmem_client_prepare(client, &pending->req);
		if (closed) {
			w->dead++;
			return held == ERR_PTR(-ENODEV) ? NULL : "prepare on a closed client";
		}
		if (account->count >= ttmem_max_reservations) {
			w->denied++;
			ttmem_model_deny(&w->model, pending->req.chip);
			return held == ERR_PTR(-EDQUOT) ? NULL : "prepare at the limit";
		}
		if (IS_ERR(held))
			return "prepare";
		w->prepared++;
		pending->held = held;
		pending->req.handle = ttmem_held_handle(held);
		w->given[w->given_count++] = (struct given) {
			ttmem_client_id(client), pending->req.handle
		};
		return NULL;
	}
	case 40 ... 75:
		if (!pending->held)
			return NULL;
		expected = ttmem_model_reserve(&w->model, a, &pending->req);
		if (expected == -EOVERFLOW)
			expected = -ENOSPC;
		if (expected == -ENOSPC)
			ttmem_model_deny(&w->model, pending->req.chip);
		err = ttmem_client_publish(client, pending->held);
		pending->held = NULL;
		w->published += !err;
		w->full += err == -ENOSPC;
		return err == expected ? NULL : "publish";
	case 76 ... 78:
		if (!pending->held)
			return NULL;
		ttmem_client_abandon(client, pending->held);
		pending->held = NULL;
		return NULL;
	case 79 ... 98:
		if (!account->count)
			return NULL;
		i = ttmem_kunit_below(random, account->count);
		err = ttmem_client_free(client, account->held[i].handle);
		ttmem_model_free(&w->model, a, i);
		w->freed++;
		return err ? "free" : NULL;
	case 99 ... 104: {
		/* Any number that was ever given, to whomever. */
		u64 handle;

		if (!w->given_count)
			return NULL;
		handle = w->given[ttmem_kunit_below(random, w->given_count)].handle;
		err = ttmem_client_free(client, handle);
		if (account->closed)
			return err == -ENODEV ? NULL : "free on a closed client";
		if (model_find(account, handle) < 0) {
			w->stale++;
			return err == -ENOENT ? NULL : "free of a stale handle";
		}
		ttmem_model_free(&w->model, a, model_find(account, handle));
		return err ? "free of a handle that another client has too" : NULL;
	}
	case 105 ... 106:
		chip = ttmem_kunit_below(random, 3);
		err = ttmem_client_free_all(client, chip == 2 ? TTMEM_ALL_CHIPS : chip, &bytes,
					    &reservations);
		if (account->closed)
			return err == -ENODEV ? NULL : "free_all on a closed client";
		expected_bytes = 0;
		for (i = 0; i < 2; i++)
			if (chip == i || chip == 2)
				expected_bytes += ttmem_model_clear(&w->model, a, i);
		for (i = account->count; i--;) {
			if (chip != 2 && account->held[i].chip != chip)
				continue;
			expected_bytes += account->held[i].size;
			reservations--;
			ttmem_model_free(&w->model, a, i);
		}
		w->freed_all++;
		return err || reservations || bytes != expected_bytes ? "free_all" : NULL;
	case 107 ... 116:
		i = ttmem_model_gauges(&w->model, random, gauges, ARRAY_SIZE(gauges));
		err = ttmem_client_set(client, gauges, i);
		expected = ttmem_model_set(&w->model, a, gauges, i);
		w->sets += !err;
		w->set_refused += err == -EINVAL;
		return err == (expected == -EOVERFLOW ? -EINVAL : expected) ? NULL : "set";
	case 117:
		ttmem_model_write_total(&w->model, w->card, random);
		return NULL;
	case 118:
		ttmem_model_restart_peak(&w->model, w->card, random);
		return NULL;
	case 119:
		ttmem_max_reservations = ttmem_kunit_below(random, 2) ? TTMEM_SLOTS :
					 ttmem_kunit_below(random, 16);
		return NULL;
	case 120:
		if (ttmem_kunit_below(random, 16))
			return NULL;
		ttmem_card_invalidate(w->card);
		ttmem_model_close_all(&w->model);
		w->invalidations++;
		return NULL;
	case 121 ... 123:
		w->lists++;
		return list_matches(w, a, 1 + ttmem_kunit_below(random, TTMEM_MODEL_HELD)) ?
		       NULL : "list";
	case 124 ... 125:
		w->snapshots++;
		return snapshot_matches(w) ? NULL : "snapshot";
	default:
		/* A file that goes takes nothing with it that is under way. */
		if (pending->held || (!account->closed && ttmem_kunit_below(random, 4)))
			return NULL;
		ttmem_client_close(client);
		memset(account, 0, sizeof(*account));
		w->client[a] = ttmem_client_open(w->card);
		if (IS_ERR(w->client[a]))
			return "open";
		w->account[a] = &w->client[a]->account;
		return NULL;
	}
}

static void random_operations_match_the_reference(struct kunit *test)
{
	unsigned int operation, a, i, held;
	const char *wrong = NULL;
	struct rnd_state random;
	struct world *w;

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	w->given = kvcalloc(ttmem_kunit_operations, sizeof(*w->given), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w->given);
	w->card = ttmem_card_create(5, &n300);
	KUNIT_ASSERT_NOT_NULL(test, w->card);
	ttmem_model_begin(&w->model, w->card);
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		w->client[a] = ttmem_client_open(w->card);
		KUNIT_ASSERT_FALSE(test, IS_ERR(w->client[a]));
		w->account[a] = &w->client[a]->account;
	}
	ttmem_kunit_seed(test, &random);

	for (operation = 0; operation < ttmem_kunit_operations && !wrong; operation++) {
		wrong = operate(w, &random);
		if (!wrong)
			wrong = ttmem_model_differs(&w->model, w->card, w->account);
		if (!wrong)
			wrong = ttmem_kunit_unbalanced(w->card);
		if (wrong)
			KUNIT_FAIL(test, "after operation %u: %s", operation, wrong);
		if (operation % 64)
			continue;
		/* What the user holds, published, on the way or waiting for its file. */
		for (a = 0, held = 0; a < TTMEM_MODEL_ACCOUNTS && !wrong; a++) {
			struct ttmem_held *each;
			unsigned long slot;

			xa_for_each(&w->client[a]->held, slot, each)
				held += each->published;
			held += !!w->pending[a].held;
		}
		if (!wrong)
			KUNIT_EXPECT_EQ(test, atomic_read(&w->client[0]->user->reservations), held);
	}

	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		if (IS_ERR(w->client[a]))
			continue;
		if (w->pending[a].held)
			ttmem_client_abandon(w->client[a], w->pending[a].held);
		ttmem_client_close(w->client[a]);
	}
	expect_empty(test, w->card);
	KUNIT_EXPECT_EQ(test, kref_read(&w->card->ref), 1);
	ttmem_card_put(w->card);

	sort(w->given, w->given_count, sizeof(*w->given), cmp_given, NULL);
	for (i = 1; i < w->given_count; i++)
		if (!cmp_given(&w->given[i - 1], &w->given[i]))
			KUNIT_FAIL(test, "client %llu got handle %#llx twice", w->given[i].client,
				   w->given[i].handle);
	kvfree(w->given);

	ttmem_kunit_happened(test, "prepared", w->prepared);
	ttmem_kunit_happened(test, "published", w->published);
	ttmem_kunit_happened(test, "refused, no room", w->full);
	ttmem_kunit_happened(test, "refused, limit", w->denied);
	ttmem_kunit_happened(test, "freed", w->freed);
	ttmem_kunit_happened(test, "stale handles", w->stale);
	ttmem_kunit_happened(test, "freed as a whole", w->freed_all);
	ttmem_kunit_happened(test, "gauges set", w->sets);
	ttmem_kunit_happened(test, "gauges refused", w->set_refused);
	ttmem_kunit_happened(test, "invalidations", w->invalidations);
	ttmem_kunit_happened(test, "prepared on a closed client", w->dead);
	ttmem_kunit_happened(test, "lists", w->lists);
	ttmem_kunit_happened(test, "snapshots", w->snapshots);
}

static struct kunit_case client_cases[] = {
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
	KUNIT_CASE(user_s_limit_spans_clients_and_cards),
	KUNIT_CASE(free_all_gives_back_one_chip_or_all),
	KUNIT_CASE(set_is_all_or_nothing),
	KUNIT_CASE_PARAM(release_gives_back_all, release_gen_params),
	KUNIT_CASE(limit_of_a_closed_client_is_enodev),
	KUNIT_CASE(ids_are_unique),
	KUNIT_CASE(identity_follows_use),
	KUNIT_CASE(list_of_another_needs_the_right),
	KUNIT_CASE(pages_go_on_where_the_last_one_ended),
	KUNIT_CASE(snapshot_shows_who_holds_something),
	KUNIT_CASE(snapshot_grows_until_all_fits),
	KUNIT_CASE(account_is_copied),
	KUNIT_CASE(open_without_memory_changes_nothing),
	KUNIT_CASE(reserve_without_memory_changes_nothing),
	KUNIT_CASE(rest_needs_no_memory),
	KUNIT_CASE(snapshot_without_memory_is_enomem),
	KUNIT_CASE_SLOW(nothing_is_left_in_the_slabs),
	KUNIT_CASE_SLOW(random_operations_match_the_reference),
	{ }
};

struct kunit_suite ttmem_client_suite = {
	.name = "ttmem_client",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = client_init,
	.exit = client_exit,
	.test_cases = client_cases,
};
