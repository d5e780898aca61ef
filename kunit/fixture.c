// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of clients share.
 */

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../driver/ttmem.h"
#include "fixture.h"

const struct ttmem_pci ttmem_kunit_n300 = {
	.vendor_id = 0x1e52, .device_id = 0x401e,
	.subsystem_vendor_id = 0x1e52, .subsystem_id = 0x14,
};

int fixture_suite_init(struct kunit_suite *suite)
{
	int err = ttmem_client_init();

	if (err)
		return err;
	err = ttmem_reservation_init();
	if (err)
		ttmem_client_exit();
	return err;
}

/* What is left in a slab that goes is printed, which fails the run. */
void fixture_suite_exit(struct kunit_suite *suite)
{
	ttmem_reservation_exit();
	ttmem_client_exit();
}

int fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->card = ttmem_card_create(3, &ttmem_kunit_n300);
	KUNIT_ASSERT_NOT_NULL(test, f->card);
	for (i = 0; i < ARRAY_SIZE(f->client); i++)
		f->client[i] = open_client(test, f->card);
	return 0;
}

void expect_empty(struct kunit *test, struct ttmem_card *card)
{
	unsigned int memory;

	TTMEM_EXPECT_BALANCED(test, card);
	for (memory = 0; memory < TTMEM_MEMORIES; memory++)
		KUNIT_EXPECT_EQ(test, card->sum[memory].used, 0);
	KUNIT_EXPECT_EQ(test, card->tally.clients, 0);
	KUNIT_EXPECT_EQ(test, card->tally.reservations, 0);
}

struct ttmem_client *open_client(struct kunit *test, struct ttmem_card *card)
{
	struct ttmem_client *client = ttmem_client_open(card);

	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	return client;
}

/* As chardev.c releases a file. */
void close_client(struct ttmem_client *client)
{
	ttmem_client_close(client);
	ttmem_reservation_end(client);
	ttmem_counter_end(client);
	ttmem_client_put(client);
}

void end_client(struct fixture *f, unsigned int i)
{
	if (!IS_ERR_OR_NULL(f->client[i]))
		close_client(f->client[i]);
	f->client[i] = NULL;
}

void fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	ttmem_max_reservations = TTMEM_SLOTS;
	if (!f || !f->card)
		return;
	for (i = 0; i < ARRAY_SIZE(f->client); i++)
		end_client(f, i);
	expect_empty(test, f->card);
	KUNIT_EXPECT_EQ(test, f->card->clients, 0);
	KUNIT_EXPECT_EQ(test, f->card->fold.count, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&f->card->ref), 1);
	KUNIT_EXPECT_NULL(test, ttmem_client_from(0));
	ttmem_card_put(f->card);
}

struct ttmem_reserve request(unsigned int chip, u32 memory, u32 tag, u64 size)
{
	return (struct ttmem_reserve) {
		.chip = chip, .memory = memory, .tag = tag, .size = size,
	};
}

/* Returns 0 or an error, and the handle. */
int reserve(struct ttmem_client *client, const struct ttmem_reserve *req, u64 *handle)
{
	struct ttmem_held *held = ttmem_reservation_prepare(client, req);

	*handle = 0;
	if (IS_ERR(held))
		return PTR_ERR(held);
	*handle = ttmem_reservation_handle(held);
	return ttmem_reservation_publish(client, held);
}

int reserve_bytes(struct ttmem_client *client, u64 size)
{
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, size);
	u64 handle;

	return reserve(client, &req, &handle);
}

u64 reserve_one(struct kunit *test, struct ttmem_client *client)
{
	struct ttmem_reserve req = request(0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 64);
	u64 handle;

	KUNIT_ASSERT_EQ(test, reserve(client, &req, &handle), 0);
	return handle;
}

int set_one(struct ttmem_client *client, unsigned int chip, u32 memory, u32 tag, u64 bytes)
{
	struct ttmem_gauge gauge = {
		.chip = chip, .memory = memory, .tag = tag, .bytes = bytes,
	};

	return ttmem_counter_set(client, &gauge, 1, false);
}

u64 reservations_of(struct kunit *test, struct ttmem_client *client)
{
	u64 next, total = ~0ULL;

	KUNIT_EXPECT_EQ(test, ttmem_reservation_list(client, 0, 0, NULL, 0, &next, &total), 0);
	return total;
}

/* The client's counter page as the one who has mapped it sees it. */
s64 *counters_of(struct kunit *test, struct ttmem_client *client)
{
	struct page *page = ttmem_counter_page(client);

	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	return page_address(page);
}

/* Runs as another user until become_self(). */
const struct cred *become(struct kunit *test, uid_t uid, bool capable)
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

void become_self(const struct cred *self)
{
	const struct cred *other = current_cred();

	revert_creds(self);
	put_cred(other);
}

/* Puts the client into another process's hands. */
void give_to(struct ttmem_client *client, struct pid *pid)
{
	struct pid *old;

	spin_lock(&client->card->lock);
	old = client->pid;
	client->pid = get_pid(pid);
	spin_unlock(&client->card->lock);
	put_pid(old);
}

/*
 * Lets the client speak for a process that ATTRIBUTE would not take: there is none of
 * a user's that a suite could end, so kernel threads have to do.
 */
void attribute_to(struct ttmem_client *client, struct pid *pid)
{
	give_to(client, pid);
	spin_lock(&client->card->lock);
	WRITE_ONCE(client->attributed, true);
	ttmem_client_enlist(client);
	spin_unlock(&client->card->lock);
}

/* As who was sent SIGKILL and has not died of it yet; or not any more. */
void be_killed(bool killed)
{
	spin_lock_irq(&current->sighand->siglock);
	if (killed)
		sigaddset(&current->pending.signal, SIGKILL);
	else
		sigdelset(&current->pending.signal, SIGKILL);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
}

static int wait_to_stop(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Returns a reference to the number of a process that lives until it is stopped. */
struct pid *start_process(struct kunit *test, const char *name, struct task_struct **task)
{
	*task = kthread_run(wait_to_stop, NULL, "%s", name);
	KUNIT_ASSERT_FALSE(test, IS_ERR(*task));
	return get_task_pid(*task, PIDTYPE_TGID);
}

/* Returns once it has ended and was reaped. */
void stop_process(struct task_struct *task, struct pid *pid)
{
	/* It may not have begun to run, which is no error here. */
	kthread_stop(task);
	while (pid_has_task(pid, PIDTYPE_TGID))
		schedule_timeout_uninterruptible(1);
}

/* Returns a reference to the number of a process that has ended. */
struct pid *dead_process(struct kunit *test)
{
	struct task_struct *task;
	struct pid *pid = start_process(test, "ttmem_dead", &task);

	stop_process(task, pid);
	return pid;
}
