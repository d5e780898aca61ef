// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file, and whose it is.
 */

#include "../driver/client.c"

#include <linux/mm.h>

#include "../driver/ttmem.h"
#include "fixture.h"

/* The tree, and references */

static void ids_are_unique(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 last = f->client[2]->id;

	KUNIT_EXPECT_NE(test, f->client[0]->id, 0);
	KUNIT_EXPECT_LT(test, f->client[0]->id, f->client[1]->id);
	KUNIT_EXPECT_LT(test, f->client[1]->id, last);
	KUNIT_EXPECT_EQ(test, ttmem_client_last_id(), last);
	end_client(f, 2);
	KUNIT_EXPECT_EQ(test, ttmem_client_last_id(), last);
	f->client[2] = open_client(test, f->card);
	KUNIT_EXPECT_LT(test, last, f->client[2]->id);
	KUNIT_EXPECT_EQ(test, ttmem_client_last_id(), f->client[2]->id);
	KUNIT_EXPECT_PTR_EQ(test, f->client[2]->card, f->card);
}

/* The id of the first client that is not below @id, 0 if there is none. */
static u64 first_from(u64 id)
{
	struct ttmem_client *client = ttmem_client_from(id);
	u64 found = 0;

	if (client) {
		found = client->id;
		ttmem_client_put(client);
	}
	return found;
}

static void first_client_from_an_id_is_found(struct kunit *test)
{
	struct ttmem_client *more[64];
	struct fixture *f = test->priv;
	struct ttmem_card *other = ttmem_card_create(4, &ttmem_kunit_n300);
	u64 first = f->client[0]->id, last;
	unsigned int i, n;

	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, first_from(0), first);
	KUNIT_EXPECT_EQ(test, first_from(first), first);
	KUNIT_EXPECT_EQ(test, first_from(first + 1), f->client[1]->id);
	KUNIT_EXPECT_EQ(test, first_from(U64_MAX), 0);

	/* Of all cards, in the order of ids, whichever have gone in between. */
	for (i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = open_client(test, i % 3 ? f->card : other);
	last = more[ARRAY_SIZE(more) - 1]->id;
	KUNIT_EXPECT_EQ(test, first_from(last), last);
	KUNIT_EXPECT_EQ(test, first_from(last + 1), 0);
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		if (i % 5 == 2) {
			close_client(more[i]);
			more[i] = NULL;
		}
	}
	for (i = 0, n = 0; i < ARRAY_SIZE(more); i++) {
		u64 next = i + 1 < ARRAY_SIZE(more) ? more[0]->id + i + 1 : 0;

		if (i + 1 < ARRAY_SIZE(more) && !more[i + 1])
			next++;
		KUNIT_EXPECT_EQ(test, first_from(more[0]->id + i + 1), next);
		n += !!more[i];
	}
	for (i = ARRAY_SIZE(more); i--;)
		if (more[i])
			close_client(more[i]);
	KUNIT_EXPECT_EQ(test, n, ARRAY_SIZE(more) - 13);
	KUNIT_EXPECT_EQ(test, first_from(f->client[2]->id + 1), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&other->ref), 1);
	ttmem_card_put(other);
}

/* Whoever has found it may look at any time after, and finds nothing. */
static void reference_outlives_the_file(struct kunit *test)
{
	struct ttmem_client_picture picture = { };
	struct fixture *f = test->priv;
	struct ttmem_client *found = ttmem_client_from(f->client[1]->id);
	u64 id = f->client[1]->id;
	s64 *counters;

	KUNIT_ASSERT_PTR_EQ(test, found, f->client[1]);
	KUNIT_EXPECT_EQ(test, kref_read(&found->ref), 2);
	counters = counters_of(test, found);
	reserve_one(test, found);
	counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)] = 100;
	ttmem_look_client(found);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 164);

	end_client(f, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&found->ref), 1);
	/* The card's, each client's. */
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 4);
	KUNIT_EXPECT_EQ(test, f->card->clients, 2);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&found->fold));
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, first_from(id), f->client[2]->id);
	KUNIT_EXPECT_FALSE(test, ttmem_client_picture(found, &picture));
	KUNIT_EXPECT_NULL(test, picture.pid);
	KUNIT_EXPECT_NULL(test, memchr_inv(&picture.account, 0, sizeof(picture.account)));
	ttmem_look_client(found);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(found), -ESRCH);
	expect_empty(test, f->card);
	ttmem_client_put(found);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 3);
}

/* The last places of a card */

static struct ttmem_client *open_as(struct kunit *test, struct ttmem_card *card, bool capable)
{
	const struct cred *self = become(test, 1000, capable);
	struct ttmem_client *client = ttmem_client_open(card);

	become_self(self);
	return client;
}

static void last_places_are_for_the_administrator(struct kunit *test)
{
	const unsigned int for_all = TTMEM_CARD_CLIENTS_MAX - TTMEM_CARD_CLIENTS_RESERVED;
	struct fixture *f = test->priv;
	struct ttmem_client *client, *more;

	/* As if others had opened all but one of the places that are for all. */
	f->card->clients = for_all - 1;
	client = open_as(test, f->card, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_EXPECT_EQ(test, f->card->clients, for_all);
	KUNIT_EXPECT_PTR_EQ(test, open_as(test, f->card, false), ERR_PTR(-ENFILE));
	KUNIT_EXPECT_EQ(test, f->card->clients, for_all);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 5);
	KUNIT_EXPECT_EQ(test, first_from(client->id + 1), 0);

	/* It goes by capability, not by who one is. */
	more = open_as(test, f->card, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(more));
	KUNIT_EXPECT_EQ(test, f->card->clients, for_all + 1);
	KUNIT_EXPECT_PTR_EQ(test, open_as(test, f->card, false), ERR_PTR(-ENFILE));
	close_client(more);
	KUNIT_EXPECT_PTR_EQ(test, open_as(test, f->card, false), ERR_PTR(-ENFILE));
	/* Each that goes makes a place for all again. */
	close_client(client);
	client = open_as(test, f->card, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));

	f->card->clients = TTMEM_CARD_CLIENTS_MAX - 1;
	more = open_as(test, f->card, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(more));
	KUNIT_EXPECT_EQ(test, f->card->clients, TTMEM_CARD_CLIENTS_MAX);
	KUNIT_EXPECT_PTR_EQ(test, open_as(test, f->card, true), ERR_PTR(-ENFILE));
	KUNIT_EXPECT_PTR_EQ(test, open_as(test, f->card, false), ERR_PTR(-ENFILE));
	close_client(client);
	client = open_as(test, f->card, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 6);
	close_client(client);
	close_client(more);
	f->card->clients = 3;
}

static void open_of_a_card_that_is_gone_is_enodev(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 last = ttmem_client_last_id();

	ttmem_card_remove(f->card);
	KUNIT_EXPECT_PTR_EQ(test, ttmem_client_open(f->card), ERR_PTR(-ENODEV));
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 4);
	KUNIT_EXPECT_EQ(test, ttmem_client_last_id(), last);
}

/* Whose it is */

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
	KUNIT_EXPECT_STREQ(test, client->comm, current->comm);
	KUNIT_EXPECT_FALSE(test, client->attributed);

	self = become(test, 1000, true);
	give_to(client, init);
	handle = reserve_one(test, client);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, own);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 1000);
	become_self(self);

	/* Neither what only looks or frees is use, nor what was refused. */
	give_to(client, init);
	KUNIT_EXPECT_EQ(test, reservations_of(test, client), 1);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle), 0);
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, CAPACITY + 1), -ENOSPC);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, init);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 1000);

	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, own);
	KUNIT_EXPECT_TRUE(test, uid_eq(client->uid, current_euid()));
	put_pid(init);
}

/* What ttmem_client_identify() does where the client speaks for another one. */
static void identity_of_an_attributed_client_stays(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct pid *init = find_get_pid(1);
	unsigned int references = refcount_read(&init->count);
	const struct cred *self;
	char comm[TASK_COMM_LEN];

	KUNIT_ASSERT_EQ(test, ttmem_client_attribute(client, 1), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&init->count), references + 1);
	KUNIT_EXPECT_TRUE(test, client->attributed);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, init);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 0);
	rcu_read_lock();
	get_task_comm(comm, pid_task(init, PIDTYPE_TGID));
	rcu_read_unlock();
	KUNIT_EXPECT_STREQ(test, client->comm, comm);

	self = become(test, 1000, true);
	reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	become_self(self);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, init);
	KUNIT_EXPECT_EQ(test, __kuid_val(client->uid), 0);
	KUNIT_EXPECT_STREQ(test, client->comm, comm);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(client), 0);

	end_client(f, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&init->count), references);
	put_pid(init);
}

/* ATTRIBUTE */

static void attribute_starts_peaks_anew_and_joins_the_fold(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct ttmem_client_picture picture;
	struct pid *own = get_pid(task_tgid(current));
	unsigned int references;
	u64 handle = reserve_one(test, client);

	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle), 0);
	KUNIT_EXPECT_EQ(test, client->account.peak[0][TTMEM_DRAM], 64);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	references = refcount_read(&own->count);
	KUNIT_ASSERT_EQ(test, ttmem_client_attribute(client, 1), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&own->count), references - 1);
	KUNIT_EXPECT_EQ(test, client->account.peak[0][TTMEM_DRAM], 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&client->fold));
	/* A page as well puts it there once. */
	counters_of(test, client);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 1);

	KUNIT_ASSERT_TRUE(test, ttmem_client_picture(client, &picture));
	KUNIT_EXPECT_TRUE(test, picture.attributed);
	KUNIT_EXPECT_EQ(test, pid_nr(picture.pid), 1);
	KUNIT_EXPECT_EQ(test, __kuid_val(picture.uid), 0);
	put_pid(picture.pid);
	put_pid(own);
}

static void attribute_twice_is_ebusy(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, ttmem_client_attribute(f->client[0], 1), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[0], 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[1], 1), 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 2);
}

static void attribute_of_what_is_held_is_ebusy(struct kunit *test)
{
	const unsigned int cell = TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB);
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	s64 *counters = counters_of(test, client);
	u64 handle;

	handle = reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, handle), 0);
	KUNIT_EXPECT_EQ(test, set_one(client, 1, TTMEM_L1, TTMEM_TAG_CB, 1), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, set_one(client, 1, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	/* As ioctl.c does, which looks first. */
	counters[cell] = 1;
	ttmem_look_client(client);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), -EBUSY);
	KUNIT_EXPECT_FALSE(test, client->attributed);
	KUNIT_EXPECT_PTR_EQ(test, client->pid, task_tgid(current));
	KUNIT_EXPECT_EQ(test, client->account.peak[0][TTMEM_DRAM], 64);
	counters[cell] = 0;
	ttmem_look_client(client);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), 0);
	KUNIT_EXPECT_EQ(test, client->account.peak[1][TTMEM_L1], 0);
}

static void attribute_needs_the_right(struct kunit *test)
{
	pid_t own = task_tgid_vnr(current);
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	const struct cred *self;

	self = become(test, 0, false);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), -EPERM);
	/* Whether there is one is not told. */
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, PID_MAX_LIMIT), -EPERM);
	/* One's own may be taken, but that of a suite is a kernel thread. */
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, own), -EPERM);
	become_self(self);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, PID_MAX_LIMIT), -ESRCH);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, own), -EPERM);
	/* That of kthreadd, which every kernel has. */
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 2), -EPERM);
	KUNIT_EXPECT_FALSE(test, client->attributed);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	self = become(test, 1000, true);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), 0);
	become_self(self);
}

static void attribute_of_a_client_that_is_not_in_the_books(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pid *dead = dead_process(test);

	attribute_to(f->client[0], dead);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(f->client[0]), -ESRCH);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[0], 1), -ESRCH);
	/* A number that nobody has any more. */
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[1], pid_nr(dead)), -ESRCH);
	KUNIT_ASSERT_EQ(test, ttmem_card_invalidate(f->card), 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[0], 1), -ESRCH);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(f->client[1], 1), -ENODEV);
	KUNIT_EXPECT_FALSE(test, f->client[1]->attributed);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	put_pid(dead);
}

/* A process that lives, exits, and is reaped: each as its own exit_state tells */

static void process_lives_until_it_has_exited_whole(struct kunit *test)
{
	struct pid *pid, *init = find_get_pid(1);
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0];
	struct task_struct *task;

	pid = start_process(test, "ttmem_target", &task);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, ttmem_process(pid), task);
	KUNIT_EXPECT_NOT_NULL(test, ttmem_process(init));
	rcu_read_unlock();

	attribute_to(client, pid);
	reserve_one(test, client);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(client), 0);
	KUNIT_EXPECT_STREQ(test, client->comm, "ttmem_target");
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);

	/* As one that has exited and is not waited for. */
	WRITE_ONCE(task->exit_state, EXIT_ZOMBIE);
	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, ttmem_process(pid));
	rcu_read_unlock();
	WRITE_ONCE(task->exit_state, 0);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(client), 0);

	stop_process(task, pid);
	/* Nobody has looked yet. */
	KUNIT_EXPECT_EQ(test, ttmem_client_error(client), 0);
	KUNIT_EXPECT_EQ(test, f->card->sum[TTMEM_DRAM].used, 64);
	KUNIT_EXPECT_EQ(test, ttmem_client_check(client), -ESRCH);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->clients, 2);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	/* The name and the number stay for the trace, and the file for its owner. */
	KUNIT_EXPECT_STREQ(test, client->comm, "ttmem_target");
	KUNIT_EXPECT_PTR_EQ(test, client->pid, pid);
	KUNIT_EXPECT_EQ(test, first_from(client->id), client->id);
	put_pid(pid);
	put_pid(init);
}

static void name_of_the_target_is_read_at_each_look(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct task_struct *task;
	struct pid *pid;

	pid = start_process(test, "ttmem_before", &task);
	attribute_to(f->client[0], pid);
	ttmem_look_client(f->client[0]);
	KUNIT_EXPECT_STREQ(test, f->client[0]->comm, "ttmem_before");
	strscpy(task->comm, "ttmem_after", sizeof(task->comm));
	KUNIT_EXPECT_STREQ(test, f->client[0]->comm, "ttmem_before");
	ttmem_look_client(f->client[0]);
	KUNIT_EXPECT_STREQ(test, f->client[0]->comm, "ttmem_after");
	strscpy(task->comm, "ttmem_last", sizeof(task->comm));
	KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
	KUNIT_EXPECT_STREQ(test, f->client[0]->comm, "ttmem_last");
	stop_process(task, pid);
	put_pid(pid);
}

/* Each state that a client may be in, and each way for its card to end */

enum state { EMPTY, LOOKING, PREPARED, ABANDONED, PUBLISHED, FREED, GAUGED, MAPPED, COUNTED };
enum ending { NONE, INVALIDATED, GONE, INVALIDATED_GONE, EXITED, EXITED_INVALIDATED, EXITED_GONE };

struct release {
	enum state state;
	enum ending ending;
};

static const struct release releases[] = {
	{ EMPTY, NONE }, { EMPTY, INVALIDATED }, { EMPTY, GONE },
	{ EMPTY, INVALIDATED_GONE }, { EMPTY, EXITED },
	{ EMPTY, EXITED_INVALIDATED }, { EMPTY, EXITED_GONE },
	{ LOOKING, NONE }, { LOOKING, INVALIDATED }, { LOOKING, GONE },
	{ LOOKING, INVALIDATED_GONE }, { LOOKING, EXITED },
	{ LOOKING, EXITED_INVALIDATED }, { LOOKING, EXITED_GONE },
	{ PREPARED, NONE }, { PREPARED, INVALIDATED }, { PREPARED, GONE },
	{ PREPARED, INVALIDATED_GONE }, { PREPARED, EXITED },
	{ PREPARED, EXITED_INVALIDATED }, { PREPARED, EXITED_GONE },
	{ ABANDONED, NONE }, { ABANDONED, INVALIDATED }, { ABANDONED, GONE },
	{ ABANDONED, INVALIDATED_GONE }, { ABANDONED, EXITED },
	{ ABANDONED, EXITED_INVALIDATED }, { ABANDONED, EXITED_GONE },
	{ PUBLISHED, NONE }, { PUBLISHED, INVALIDATED }, { PUBLISHED, GONE },
	{ PUBLISHED, INVALIDATED_GONE }, { PUBLISHED, EXITED },
	{ PUBLISHED, EXITED_INVALIDATED }, { PUBLISHED, EXITED_GONE },
	{ FREED, NONE }, { FREED, INVALIDATED }, { FREED, GONE },
	{ FREED, INVALIDATED_GONE }, { FREED, EXITED },
	{ FREED, EXITED_INVALIDATED }, { FREED, EXITED_GONE },
	{ GAUGED, NONE }, { GAUGED, INVALIDATED }, { GAUGED, GONE },
	{ GAUGED, INVALIDATED_GONE }, { GAUGED, EXITED },
	{ GAUGED, EXITED_INVALIDATED }, { GAUGED, EXITED_GONE },
	{ MAPPED, NONE }, { MAPPED, INVALIDATED }, { MAPPED, GONE },
	{ MAPPED, INVALIDATED_GONE }, { MAPPED, EXITED },
	{ MAPPED, EXITED_INVALIDATED }, { MAPPED, EXITED_GONE },
	{ COUNTED, NONE }, { COUNTED, INVALIDATED }, { COUNTED, GONE },
	{ COUNTED, INVALIDATED_GONE }, { COUNTED, EXITED },
	{ COUNTED, EXITED_INVALIDATED }, { COUNTED, EXITED_GONE },
};

static void release_desc(const struct release *release, char *desc)
{
	static const char *const states[] = {
		"empty", "looking", "prepared", "abandoned", "published", "freed", "gauged",
		"mapped", "counted",
	};
	static const char *const endings[] = {
		"live", "invalidated", "gone", "invalidated and gone", "exited",
		"exited and invalidated", "exited and gone",
	};

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", states[release->state],
		 endings[release->ending]);
}

KUNIT_ARRAY_PARAM(release, releases, release_desc);

static void enter_state(struct kunit *test, struct ttmem_client *client, enum state state,
			struct ttmem_held **held)
{
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	s64 *counters;
	u64 handle;

	strscpy((char *)req.label, "labelled", sizeof(req.label));
	switch (state) {
	case EMPTY:
		break;
	case LOOKING:
		KUNIT_EXPECT_EQ(test, reservations_of(test, client), 0);
		break;
	case PREPARED:
		*held = ttmem_reservation_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(*held));
		break;
	case ABANDONED:
		*held = ttmem_reservation_prepare(client, &req);
		KUNIT_ASSERT_FALSE(test, IS_ERR(*held));
		ttmem_reservation_abandon(client, *held);
		*held = NULL;
		break;
	case PUBLISHED:
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
		break;
	case FREED:
		KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
		KUNIT_ASSERT_EQ(test, ttmem_reservation_free(client, handle), 0);
		break;
	case GAUGED:
		KUNIT_ASSERT_EQ(test, set_one(client, 1, TTMEM_L1, TTMEM_TAG_CB, 9), 0);
		break;
	case MAPPED:
		counters_of(test, client);
		break;
	case COUNTED:
		counters = counters_of(test, client);
		counters[TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB)] = 9;
		KUNIT_EXPECT_EQ(test, ttmem_look_card(client->card), 0);
		break;
	}
}

/* Nothing but @err from now on, and nothing in the books. */
static void expect_only(struct kunit *test, struct ttmem_client *client, struct ttmem_held *held,
			int err)
{
	struct ttmem_card *card = client->card;
	struct ttmem_client_picture picture = { };
	u64 next, total, bytes, reservations;
	struct ttmem_reservation res;

	KUNIT_EXPECT_EQ(test, ttmem_client_check(client), err);
	KUNIT_EXPECT_EQ(test, ttmem_client_error(client), err);
	expect_empty(test, card);
	if (held)
		KUNIT_EXPECT_EQ(test, ttmem_reservation_publish(client, held), err);
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), err);
	ttmem_max_reservations = 0;
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, 1), err);
	ttmem_max_reservations = TTMEM_SLOTS;
	KUNIT_EXPECT_EQ(test, reserve_bytes(client, U64_MAX), err);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free(client, 1ULL << TTMEM_SLOT_BITS), err);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_free_all(client, TTMEM_ALL_CHIPS, &bytes,
							 &reservations), err);
	KUNIT_EXPECT_EQ(test, set_one(client, 0, TTMEM_L1, TTMEM_TAG_CB, 9), err);
	KUNIT_EXPECT_EQ(test, ttmem_counter_set(client, NULL, 0, true), err);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, 0, &res, 1, &next, &total), err);
	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, client->id, 0, &res, 1, &next,
						     &total), err);
	KUNIT_EXPECT_EQ(test, ttmem_client_attribute(client, 1), err);
	KUNIT_EXPECT_PTR_EQ(test, ttmem_counter_page(client), ERR_PTR(err));
	KUNIT_EXPECT_FALSE(test, ttmem_client_picture(client, &picture));
	KUNIT_EXPECT_NULL(test, memchr_inv(&picture.account, 0, sizeof(picture.account)));
	ttmem_look_client(client);
	KUNIT_EXPECT_EQ(test, card->tally.denied, 0);
	expect_empty(test, card);
}

static void release_gives_back_all(struct kunit *test)
{
	const struct release *release = test->param_value;
	struct fixture *f = test->priv;
	struct ttmem_client *client = f->client[0], *late;
	struct ttmem_held *held = NULL;
	bool gone = false, exited = false;
	struct pid *dead;

	enter_state(test, client, release->state, &held);

	switch (release->ending) {
	case NONE:
		break;
	case EXITED:
	case EXITED_INVALIDATED:
	case EXITED_GONE:
		dead = dead_process(test);
		attribute_to(client, dead);
		put_pid(dead);
		KUNIT_EXPECT_EQ(test, ttmem_look_card(f->card), 0);
		exited = true;
		break;
	default:
		break;
	}
	switch (release->ending) {
	case INVALIDATED:
	case INVALIDATED_GONE:
	case EXITED_INVALIDATED:
		KUNIT_EXPECT_EQ(test, ttmem_card_invalidate(f->card), 0);
		break;
	default:
		break;
	}
	switch (release->ending) {
	case GONE:
	case INVALIDATED_GONE:
	case EXITED_GONE:
		ttmem_card_remove(f->card);
		gone = true;
		break;
	default:
		break;
	}

	if (release->ending != NONE) {
		expect_only(test, client, held, exited ? -ESRCH : -ENODEV);
		KUNIT_EXPECT_EQ(test, f->card->clients, exited ? 2 : 3);
	} else {
		KUNIT_EXPECT_EQ(test, ttmem_client_check(client), 0);
		if (held)
			ttmem_reservation_abandon(client, held);
	}

	end_client(f, 0);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->clients, 2);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 3);

	late = ttmem_client_open(f->card);
	if (gone) {
		KUNIT_EXPECT_PTR_EQ(test, late, ERR_PTR(-ENODEV));
	} else {
		KUNIT_ASSERT_FALSE(test, IS_ERR(late));
		KUNIT_EXPECT_EQ(test, ttmem_client_check(late), 0);
		close_client(late);
	}
}

/* Allocations that fail: each alone, and each with all that follow it */

static void open_without_memory_changes_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int nth, rest, failures = 0;
	u64 last = ttmem_client_last_id();
	bool failed;

	ttmem_kunit_need_faults(test);
	for (rest = 0; rest < 2; rest++) {
		for (nth = 1, failed = true; failed; nth++) {
			struct ttmem_client *client;

			ttmem_kunit_fail(nth, rest);
			client = ttmem_client_open(f->card);
			failed = ttmem_kunit_failed();
			if (!IS_ERR(client)) {
				KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 5);
				close_client(client);
			} else {
				failures++;
				KUNIT_EXPECT_TRUE(test, failed);
				KUNIT_EXPECT_PTR_EQ(test, client, ERR_PTR(-ENOMEM));
				KUNIT_EXPECT_EQ(test, ttmem_client_last_id(), last);
			}
			last = ttmem_client_last_id();
			KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 4);
			KUNIT_EXPECT_EQ(test, f->card->clients, 3);
		}
		kunit_info(test, "%u allocations\n", nth - 2);
	}
	/* The client, and nothing else. */
	KUNIT_EXPECT_EQ(test, failures, 2);
}

/* exec() before Linux 6.14 stores the end of a long name after the rest of it. */
static void name_that_is_being_changed_is_terminated(struct kunit *test)
{
	struct task_struct *task = kunit_kzalloc(test, sizeof(*task), GFP_KERNEL);
	char comm[TASK_COMM_LEN + 1];

	KUNIT_ASSERT_NOT_NULL(test, task);
	memset(task->comm, 'x', TASK_COMM_LEN);
	memset(comm, 'y', sizeof(comm));
	ttmem_copy_comm(comm, task);
	KUNIT_EXPECT_EQ(test, strnlen(comm, sizeof(comm)), TASK_COMM_LEN - 1);
	KUNIT_EXPECT_EQ(test, comm[TASK_COMM_LEN], 'y');
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(ids_are_unique),
	KUNIT_CASE(first_client_from_an_id_is_found),
	KUNIT_CASE(reference_outlives_the_file),
	KUNIT_CASE(last_places_are_for_the_administrator),
	KUNIT_CASE(open_of_a_card_that_is_gone_is_enodev),
	KUNIT_CASE(identity_follows_use),
	KUNIT_CASE(identity_of_an_attributed_client_stays),
	KUNIT_CASE(attribute_starts_peaks_anew_and_joins_the_fold),
	KUNIT_CASE(attribute_twice_is_ebusy),
	KUNIT_CASE(attribute_of_what_is_held_is_ebusy),
	KUNIT_CASE(attribute_needs_the_right),
	KUNIT_CASE(attribute_of_a_client_that_is_not_in_the_books),
	KUNIT_CASE(process_lives_until_it_has_exited_whole),
	KUNIT_CASE(name_of_the_target_is_read_at_each_look),
	KUNIT_CASE(name_that_is_being_changed_is_terminated),
	KUNIT_CASE_PARAM(release_gives_back_all, release_gen_params),
	KUNIT_CASE(open_without_memory_changes_nothing),
	{ }
};

struct kunit_suite ttmem_client_suite = {
	.name = "ttmem_client",
	.suite_init = fixture_suite_init,
	.suite_exit = fixture_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = client_cases,
};
