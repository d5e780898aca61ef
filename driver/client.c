// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file: its reservations and whose they are.
 *
 * A reservation stands in a slot of the client's xarray, the lowest that is
 * free, so that the tree stays dense. Its handle is the slot below and a
 * sequence number above, so that no handle comes twice. One that is not
 * published yet passes for an empty slot: nobody can free what its owner has
 * not been told of.
 *
 * What FREE gives back stays in its slot, unpublished, for the next RESERVE: a
 * few to a client. So a pair of the two allocates nothing, neither a
 * reservation nor a node of the tree.
 *
 * The card's lock guards what is published, the account, pid and uid. What
 * stands in a slot is looked at and taken out under it, published or not.
 * Memory is allocated before it is taken and freed after it is dropped.
 */

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "card.h"
#include "client.h"
#include "compat.h"
#include "ttmem.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Reservations freed, or looked at, in one hold of the card's lock. */
#define FREE_BATCH	64
#define LOOK_BATCH	1024

/* Reservations that a client keeps for its next RESERVEs. */
#define SPARES_MAX	64

/**
 * struct ttmem_held - a reservation
 * @handle: names it to user space: sequence number and slot
 * @size: bytes charged
 * @payload: bytes asked for, 0 if not told
 * @address: bank-local address, if @flags has TTMEM_RESERVE_ADDRESS
 * @cookie: the runtime's own id
 * @label: NULL if there is none
 * @next: the next spare one, where this is spare
 * @chip: the chip
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 * @flags: TTMEM_RESERVE_*
 * @published: it is in the books. Guarded by the card's lock
 *
 * While it is published the rest is constant; before that it is its maker's
 * alone. There may be a million of them to a client: keep it small.
 */
struct ttmem_held {
	u64 handle;
	u64 size;
	u64 payload;
	u64 address;
	u64 cookie;
	union {
		char *label;
		struct ttmem_held *next;
	};
	u8 chip;
	u8 memory;
	u8 tag;
	u8 flags;
	bool published;
};

/**
 * struct ttmem_user - what all clients that a user opened have together
 * @uid: the user
 * @clients: how many; the last one frees this. Guarded by users_lock
 * @reservations: how many, published or on the way there; not what is spare
 */
struct ttmem_user {
	kuid_t uid;
	unsigned long clients;
	atomic_t reservations;
};

/**
 * struct ttmem_client - one open file
 * @account: what it holds, in the books of @card
 * @card: a reference
 * @user: the user who opened the file, a count in its @clients
 * @id: unique for the life of the module
 * @pid: thread group that last reserved or set, the opener's before that; a
 *	reference. Guarded by the card's lock
 * @uid: its effective user then. Guarded by the card's lock
 * @sequence: of the handle given last
 * @reservations: how many, published or on the way there; not what is spare
 * @held: the reservations by slot
 * @spare: those kept for reuse, in their slots. Guarded by the xa_lock of @held
 * @spares: how many; likewise
 */
struct ttmem_client {
	struct ttmem_account account;
	struct ttmem_card *card;
	struct ttmem_user *user;
	u64 id;
	struct pid *pid;
	kuid_t uid;
	atomic64_t sequence;
	atomic_t reservations;
	struct xarray held;
	struct ttmem_held *spare;
	unsigned int spares;
};

static struct kmem_cache *held_cache;
static atomic64_t last_id;

static DEFINE_XARRAY(users);
static DEFINE_MUTEX(users_lock);

/**
 * ttmem_client_init() - Make what all clients need.
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int ttmem_client_init(void)
{
	held_cache = kmem_cache_create("ttmem_reservation", sizeof(struct ttmem_held),
				       0, SLAB_ACCOUNT, NULL);
	return held_cache ? 0 : -ENOMEM;
}

/**
 * ttmem_client_exit() - Undo ttmem_client_init().
 *
 * Context: Module exit; no client is left.
 */
void ttmem_client_exit(void)
{
	WARN_ON(!xa_empty(&users));
	kmem_cache_destroy(held_cache);
}

static struct ttmem_user *user_get(kuid_t uid)
{
	unsigned long index = __kuid_val(uid);
	struct ttmem_user *user;

	mutex_lock(&users_lock);
	user = xa_load(&users, index);
	if (!user) {
		user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
		if (!user)
			goto unlock;
		user->uid = uid;
		if (xa_err(xa_store(&users, index, user, GFP_KERNEL_ACCOUNT))) {
			kfree(user);
			user = NULL;
			goto unlock;
		}
	}
	user->clients++;
unlock:
	mutex_unlock(&users_lock);
	return user;
}

static void user_put(struct ttmem_user *user)
{
	mutex_lock(&users_lock);
	if (!--user->clients) {
		xa_erase(&users, __kuid_val(user->uid));
		kfree(user);
	}
	mutex_unlock(&users_lock);
}

/**
 * ttmem_client_open() - Begin a client.
 * @card: the card; the client takes a reference of its own
 *
 * Context: Process context of the opener, may sleep.
 * Return: the client, which the caller ends with ttmem_client_close(); -ENODEV
 * if the card is gone, -ENOMEM.
 */
struct ttmem_client *ttmem_client_open(struct ttmem_card *card)
{
	struct ttmem_client *client;
	int err;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return ERR_PTR(-ENOMEM);

	client->user = user_get(current_uid());
	if (!client->user) {
		err = -ENOMEM;
		goto free_client;
	}
	client->id = atomic64_inc_return(&last_id);
	client->pid = get_pid(task_tgid(current));
	client->uid = current_euid();
	xa_init_flags(&client->held, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	client->card = ttmem_card_get(card);

	err = ttmem_card_join(card, &client->account);
	if (err)
		goto put;

	trace_client_begin(card->number, client->id, pid_nr(client->pid),
			   __kuid_val(client->uid));
	return client;

put:
	ttmem_card_put(card);
	put_pid(client->pid);
	user_put(client->user);
free_client:
	kfree(client);
	return ERR_PTR(err);
}

static unsigned long slot_of(u64 handle)
{
	return handle & (TTMEM_SLOTS - 1);
}

/* Count one more against both limits; to be undone whatever it returns. */
static bool count(struct ttmem_client *client)
{
	unsigned int own = atomic_inc_return(&client->reservations);
	unsigned int users = atomic_inc_return(&client->user->reservations);

	return own <= READ_ONCE(ttmem_max_reservations) &&
	       users <= READ_ONCE(ttmem_max_reservations_per_uid);
}

static void uncount(struct ttmem_client *client)
{
	atomic_dec(&client->user->reservations);
	atomic_dec(&client->reservations);
}

/* It was published, and stands in no slot any more. */
static void held_destroy(struct ttmem_client *client, struct ttmem_held *held)
{
	uncount(client);
	kfree(held->label);
	kmem_cache_free(held_cache, held);
}

/* Destroy what was not published, and give its slot back. */
static void held_drop(struct ttmem_client *client, struct ttmem_held *held)
{
	spin_lock(&client->card->lock);
	xa_erase(&client->held, slot_of(held->handle));
	spin_unlock(&client->card->lock);
	kfree(held->label);
	kmem_cache_free(held_cache, held);
}

/* Keep what is not published any more. Returns false if there are enough. */
static bool spare_put(struct ttmem_client *client, struct ttmem_held *held)
{
	bool kept;

	xa_lock(&client->held);
	kept = client->spares < SPARES_MAX;
	if (kept) {
		held->next = client->spare;
		client->spare = held;
		client->spares++;
	}
	xa_unlock(&client->held);
	return kept;
}

static struct ttmem_held *spare_get(struct ttmem_client *client)
{
	struct ttmem_held *held;

	xa_lock(&client->held);
	held = client->spare;
	if (held) {
		client->spare = held->next;
		client->spares--;
		held->label = NULL;
	}
	xa_unlock(&client->held);
	return held;
}

/* A reservation in a slot, not published, or an error. */
static struct ttmem_held *held_create(struct ttmem_client *client)
{
	struct ttmem_held *held;
	u32 slot;
	int err;

	held = spare_get(client);
	if (held)
		return held;

	held = kmem_cache_zalloc(held_cache, GFP_KERNEL);
	if (!held)
		return ERR_PTR(-ENOMEM);
	err = xa_alloc(&client->held, &slot, held, XA_LIMIT(0, TTMEM_SLOTS - 1),
		       GFP_KERNEL);
	if (err) {
		kmem_cache_free(held_cache, held);
		return ERR_PTR(err == -EBUSY ? -EDQUOT : err);
	}
	held->handle = slot;
	return held;
}

static void trace_end(struct ttmem_client *client)
{
	u64 bytes[TTMEM_MEMORIES] = { }, reservations;
	unsigned int chip, memory;
	bool closed;

	if (!trace_client_end_enabled())
		return;

	spin_lock(&client->card->lock);
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			bytes[memory] += client->account.bytes[chip][memory];
	reservations = ttmem_account_reservations(&client->account);
	closed = client->account.closed;
	spin_unlock(&client->card->lock);

	trace_client_end(client->card->number, client->id, bytes[TTMEM_DRAM],
			 bytes[TTMEM_L1], reservations, closed,
			 pid_nr(client->pid), __kuid_val(client->uid));
}

/**
 * ttmem_client_close() - End a client and give back all that it holds.
 * @client: the client; nobody uses it any more
 *
 * The books are set right at once; the reservations, a million perhaps, are
 * freed after that.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 */
void ttmem_client_close(struct ttmem_client *client)
{
	struct ttmem_held *held;
	unsigned long slot;

	trace_end(client);
	ttmem_card_leave(client->card, &client->account);

	/* Erased one by one: xa_destroy() would free the tree in one go. */
	xa_for_each(&client->held, slot, held) {
		xa_erase(&client->held, slot);
		if (held->published)
			held_destroy(client, held);
		else
			kmem_cache_free(held_cache, held);
		cond_resched();
	}

	ttmem_card_put(client->card);
	put_pid(client->pid);
	user_put(client->user);
	kfree(client);
}

/**
 * ttmem_client_card() - Tell the card of a client.
 * @client: the client
 *
 * Context: Any.
 * Return: the card, for as long as the client lives.
 */
struct ttmem_card *ttmem_client_card(const struct ttmem_client *client)
{
	return client->card;
}

/**
 * ttmem_client_id() - Tell the id of a client.
 * @client: the client
 *
 * Context: Any.
 * Return: the id that /proc/driver/ttmem/N/clients shows.
 */
u64 ttmem_client_id(const struct ttmem_client *client)
{
	return client->id;
}

/**
 * ttmem_client_closed() - Tell whether a client gets nothing but ENODEV.
 * @client: the client
 *
 * Context: Any. Without the card's lock the answer may be outdated when it
 * comes; every change of the books asks again.
 * Return: true if the books were invalidated or the card is gone.
 */
bool ttmem_client_closed(const struct ttmem_client *client)
{
	return READ_ONCE(client->account.closed);
}

/**
 * ttmem_client_account() - Copy what a client holds.
 * @client: the client
 * @account: filled in, but for its node
 *
 * Context: Any. Takes the card's lock.
 */
void ttmem_client_account(const struct ttmem_client *client,
			  struct ttmem_account *account)
{
	spin_lock(&client->card->lock);
	account->closed = client->account.closed;
	memcpy(account->bytes, client->account.bytes, sizeof(account->bytes));
	memcpy(account->part, client->account.part, sizeof(account->part));
	spin_unlock(&client->card->lock);
}

/* Identity follows use. The card's lock is held. */
static void identify(struct ttmem_client *client)
{
	struct pid *pid = task_tgid(current);

	lockdep_assert_held(&client->card->lock);
	if (client->pid != pid) {
		put_pid(client->pid);
		client->pid = get_pid(pid);
	}
	client->uid = current_euid();
}

static void describe(const struct ttmem_held *held, struct ttmem_reservation *res)
{
	memset(res, 0, sizeof(*res));
	res->handle = held->handle;
	res->chip = held->chip;
	res->memory = held->memory;
	res->tag = held->tag;
	res->flags = held->flags;
	res->size = held->size;
	res->payload = held->payload;
	res->address = held->address;
	res->cookie = held->cookie;
	if (held->label)
		strscpy(res->label, held->label, sizeof(res->label));
}

/* The card's lock is held. */
static u64 used_of(const struct ttmem_client *client, u32 chip, u32 memory)
{
	return client->card->pool[chip][memory].used;
}

static void trace_held(struct ttmem_client *client, const struct ttmem_held *held,
		       bool free)
{
	struct ttmem_reservation res;
	u64 used = used_of(client, held->chip, held->memory);

	describe(held, &res);
	if (free)
		trace_free(client->card->number, client->id, &res, used,
			   task_tgid_nr(current), __kuid_val(current_euid()));
	else
		trace_reserve(client->card->number, client->id, &res, used,
			      task_tgid_nr(current), __kuid_val(current_euid()));
}

/* Count and trace a refusal; the card's lock is held. Returns @error. */
static int refuse(struct ttmem_client *client, const struct ttmem_reserve *req,
		  int error)
{
	struct ttmem_pool *pool = &client->card->pool[req->chip][req->memory];

	ttmem_card_deny(client->card, req->chip);
	trace_refuse(client->card->number, client->id, req, error, pool->used,
		     pool->total, task_tgid_nr(current), __kuid_val(current_euid()));
	return error;
}

/**
 * ttmem_client_prepare() - Allocate a reservation and take a handle for it.
 * @client: the client
 * @req: what to reserve; its fields are valid, the label is terminated
 *
 * Nothing of it can be seen until ttmem_client_publish().
 *
 * Context: Process context, may sleep. Takes the card's lock on refusal.
 * Return: the reservation, for ttmem_client_publish() or
 * ttmem_client_abandon(); -EDQUOT at a limit, -ENODEV if the client is closed,
 * -ENOMEM.
 */
struct ttmem_held *ttmem_client_prepare(struct ttmem_client *client,
					const struct ttmem_reserve *req)
{
	struct ttmem_held *held;
	u64 sequence;
	int err;

	if (ttmem_client_closed(client))
		return ERR_PTR(-ENODEV);

	if (!count(client)) {
		err = -EDQUOT;
		goto uncount;
	}

	held = held_create(client);
	if (IS_ERR(held)) {
		err = PTR_ERR(held);
		goto uncount;
	}
	if (req->label[0]) {
		held->label = kstrdup((const char *)req->label, GFP_KERNEL_ACCOUNT);
		if (!held->label) {
			err = -ENOMEM;
			goto drop;
		}
	}
	sequence = atomic64_inc_return(&client->sequence);
	if (sequence >> (64 - TTMEM_SLOT_BITS)) {
		err = -EDQUOT;
		goto drop;
	}

	held->handle = sequence << TTMEM_SLOT_BITS | slot_of(held->handle);
	held->size = req->size;
	held->payload = req->payload;
	held->address = req->address;
	held->cookie = req->cookie;
	held->chip = req->chip;
	held->memory = req->memory;
	held->tag = req->tag;
	held->flags = req->flags;
	return held;

drop:
	held_drop(client, held);
uncount:
	uncount(client);
	if (err == -EDQUOT) {
		spin_lock(&client->card->lock);
		err = client->account.closed ? -ENODEV : refuse(client, req, err);
		spin_unlock(&client->card->lock);
	}
	return ERR_PTR(err);
}

/**
 * ttmem_held_handle() - Tell the handle of a reservation.
 * @held: from ttmem_client_prepare()
 *
 * Context: Any.
 * Return: the handle, never 0.
 */
u64 ttmem_held_handle(const struct ttmem_held *held)
{
	return held->handle;
}

/**
 * ttmem_client_abandon() - Drop a reservation that was not published.
 * @client: the client
 * @held: from ttmem_client_prepare()
 *
 * Context: Process context. Takes the card's lock.
 */
void ttmem_client_abandon(struct ttmem_client *client, struct ttmem_held *held)
{
	held_drop(client, held);
	uncount(client);
}

/**
 * ttmem_client_publish() - Charge a reservation and let it be seen.
 * @client: the client
 * @held: from ttmem_client_prepare(); belongs to @client from now on, and is
 *	gone on error
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -ENOSPC if the pool is full or its sum would not fit 64 bits,
 * -ENODEV if the client is closed.
 */
int ttmem_client_publish(struct ttmem_client *client, struct ttmem_held *held)
{
	struct ttmem_card *card = client->card;
	int err;

	spin_lock(&card->lock);
	if (client->account.closed) {
		err = -ENODEV;
		goto unlock;
	}
	err = ttmem_card_reserve(card, &client->account, held->chip, held->memory,
				 held->tag, held->size,
				 held->flags & TTMEM_RESERVE_OVERCOMMIT);
	if (err) {
		struct ttmem_reserve req = {
			.chip = held->chip,
			.memory = held->memory,
			.tag = held->tag,
			.flags = held->flags,
			.size = held->size,
		};

		err = refuse(client, &req, -ENOSPC);
		goto unlock;
	}
	identify(client);
	held->published = true;
	if (trace_reserve_enabled())
		trace_held(client, held, false);
unlock:
	spin_unlock(&card->lock);
	if (err)
		ttmem_client_abandon(client, held);
	return err;
}

/* Take a reservation out of the books; the card's lock is held. */
static void withdraw(struct ttmem_client *client, struct ttmem_held *held)
{
	held->published = false;
	ttmem_card_unreserve(client->card, &client->account, held->chip,
			     held->memory, held->tag, held->size);
	if (trace_free_enabled())
		trace_held(client, held, true);
}

/**
 * ttmem_client_free() - Give back one reservation.
 * @client: the client
 * @handle: any number
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -ENOENT if the client has no such reservation, -ENODEV if it is
 * closed.
 */
int ttmem_client_free(struct ttmem_client *client, u64 handle)
{
	struct ttmem_card *card = client->card;
	struct ttmem_held *held;
	char *label;
	int err = 0;
	bool kept;

	spin_lock(&card->lock);
	if (client->account.closed) {
		err = -ENODEV;
		goto unlock;
	}
	held = xa_load(&client->held, slot_of(handle));
	if (!held || !held->published || held->handle != handle) {
		err = -ENOENT;
		goto unlock;
	}
	withdraw(client, held);
	/* Another thread may reserve with it as soon as it is kept. */
	label = held->label;
	kept = spare_put(client, held);
	if (!kept)
		xa_erase(&client->held, slot_of(handle));
unlock:
	spin_unlock(&card->lock);
	if (err)
		return err;

	uncount(client);
	kfree(label);
	if (!kept)
		kmem_cache_free(held_cache, held);
	return 0;
}

/**
 * ttmem_client_free_all() - Give back all that a client holds.
 * @client: the client
 * @chip: of this chip only, below the card's chips; or TTMEM_ALL_CHIPS
 * @bytes: what was given back, gauges included
 * @reservations: how many were
 *
 * The lock is dropped now and then, as there may be a million. What another
 * thread reserves meanwhile may stay.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: 0, or -ENODEV if the client is closed.
 */
int ttmem_client_free_all(struct ttmem_client *client, unsigned int chip,
			  u64 *bytes, u64 *reservations)
{
	struct ttmem_card *card = client->card;
	struct ttmem_held *held, *batch[FREE_BATCH];
	unsigned long slot = 0, start = 0;
	unsigned int i, n, looked;

	*bytes = 0;
	*reservations = 0;

	spin_lock(&card->lock);
	if (client->account.closed) {
		spin_unlock(&card->lock);
		return -ENODEV;
	}
	for (i = 0; i < card->chips; i++)
		if (chip == i || chip == TTMEM_ALL_CHIPS)
			*bytes += ttmem_card_clear_gauges(card, &client->account, i);
	spin_unlock(&card->lock);

	do {
		n = 0;
		looked = 0;
		held = NULL;
		spin_lock(&card->lock);
		if (!client->account.closed) {
			xa_for_each_start(&client->held, slot, held, start) {
				if (held->published &&
				    (chip == held->chip || chip == TTMEM_ALL_CHIPS)) {
					withdraw(client, held);
					xa_erase(&client->held, slot);
					batch[n++] = held;
				}
				if (n == FREE_BATCH || ++looked == LOOK_BATCH)
					break;
			}
		}
		spin_unlock(&card->lock);

		start = slot + 1;
		for (i = 0; i < n; i++) {
			*bytes += batch[i]->size;
			held_destroy(client, batch[i]);
		}
		*reservations += n;
		cond_resched();
	} while (held);

	return 0;
}

/**
 * ttmem_client_set() - Set gauges, all or none.
 * @client: the client
 * @gauges: what to set; chip, memory and tag are valid
 * @count: how many
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -EINVAL if a sum would not fit 64 bits, -ENODEV if the client is
 * closed.
 */
int ttmem_client_set(struct ttmem_client *client,
		     const struct ttmem_gauge *gauges, unsigned int count)
{
	struct ttmem_card *card = client->card;
	unsigned int i;
	int err = 0;

	spin_lock(&card->lock);
	if (client->account.closed)
		err = -ENODEV;
	else if (ttmem_card_set(card, &client->account, gauges, count))
		err = -EINVAL;
	if (err)
		goto unlock;

	identify(client);
	if (trace_set_enabled())
		for (i = 0; i < count; i++)
			trace_set(card->number, client->id, &gauges[i],
				  used_of(client, gauges[i].chip, gauges[i].memory),
				  task_tgid_nr(current), __kuid_val(current_euid()));
unlock:
	spin_unlock(&card->lock);
	return err;
}

/*
 * Whether the caller may read what the process @pid has reserved: if it may
 * read that process with ptrace, or is the machine's administrator. This is
 * ptrace_may_access(PTRACE_MODE_READ_FSCREDS), which modules cannot call, less
 * what security modules add to it.
 */
static bool may_read(struct pid *pid)
{
	const struct cred *cred = current_cred(), *other;
	struct task_struct *task;
	bool allowed = false;

	if (pid == task_tgid(current))
		return true;

	/* A process that is not seen here cannot be traced either. */
	task = pid_vnr(pid) ? get_pid_task(pid, PIDTYPE_TGID) : NULL;
	if (task) {
		rcu_read_lock();
		other = __task_cred(task);
		allowed = (uid_eq(cred->fsuid, other->euid) &&
			   uid_eq(cred->fsuid, other->suid) &&
			   uid_eq(cred->fsuid, other->uid) &&
			   gid_eq(cred->fsgid, other->egid) &&
			   gid_eq(cred->fsgid, other->sgid) &&
			   gid_eq(cred->fsgid, other->gid)) ||
			  ns_capable(other->user_ns, CAP_SYS_PTRACE);
		rcu_read_unlock();

		/* After the credentials; pairs with the barrier in commit_creds(). */
		smp_rmb();
		if (!ttmem_task_dumpable(task))
			allowed = allowed && capable(CAP_SYS_PTRACE);
		put_task_struct(task);
	}
	return allowed || capable(CAP_SYS_ADMIN);
}

/* The card's lock is held. */
static struct ttmem_client *find_client(struct ttmem_card *card, u64 id)
{
	struct ttmem_account *account;

	lockdep_assert_held(&card->lock);
	list_for_each_entry(account, &card->accounts, node) {
		struct ttmem_client *client =
			container_of(account, struct ttmem_client, account);

		if (client->id == id)
			return client;
	}
	return NULL;
}

/* Copy a page of what @client holds; the card's lock is held. */
static unsigned int list_page(struct ttmem_client *client, u64 start,
			      struct ttmem_reservation *page, unsigned int room,
			      u64 *next, u64 *total)
{
	struct ttmem_held *held;
	unsigned int n = 0;
	unsigned long slot;

	*next = 0;
	*total = ttmem_account_reservations(&client->account);

	/* A closed client's reservations are out of the books already. */
	if (!room || client->account.closed)
		return 0;

	xa_for_each_start(&client->held, slot, held, start ? slot_of(start) + 1 : 0) {
		if (!held->published)
			continue;
		if (n == room) {
			*next = page[n - 1].handle;
			break;
		}
		describe(held, &page[n++]);
	}
	return n;
}

/**
 * ttmem_client_list() - List a client's reservations, a page at a time.
 * @client: the caller's client
 * @id: of the client that is asked for; 0 for @client itself
 * @start: 0, or @next of the page before
 * @page: filled in
 * @room: entries that it has room for; 0 to ask for @total alone
 * @next: @start of the next page, 0 if nothing follows
 * @total: reservations that the client holds now
 *
 * A page is one consistent picture. It comes in the order of slots, so it can
 * go on from a handle that is gone.
 *
 * Context: Process context. Takes the card's lock.
 * Return: entries filled in; -ENOENT if the card has no such client, -EACCES
 * if the caller may not read it, -ENODEV if @client is closed.
 */
int ttmem_client_list(struct ttmem_client *client, u64 id, u64 start,
		      struct ttmem_reservation *page, unsigned int room,
		      u64 *next, u64 *total)
{
	struct ttmem_card *card = client->card;
	struct ttmem_client *other;
	struct pid *allowed = NULL;
	int ret;

	for (;;) {
		struct pid *pid;

		spin_lock(&card->lock);
		if (client->account.closed) {
			ret = -ENODEV;
			break;
		}
		other = id ? find_client(card, id) : client;
		if (!other) {
			ret = -ENOENT;
			break;
		}
		if (other == client || other->pid == allowed) {
			ret = list_page(other, start, page, room, next, total);
			break;
		}
		pid = get_pid(other->pid);
		spin_unlock(&card->lock);

		/* It may have changed hands when the lock is taken again. */
		put_pid(allowed);
		allowed = pid;
		if (!may_read(allowed)) {
			put_pid(allowed);
			return -EACCES;
		}
	}
	spin_unlock(&card->lock);
	put_pid(allowed);
	return ret;
}

/* Fill in what there is room for and count what there is; lock is held. */
static size_t snapshot(struct ttmem_card *card, struct ttmem_client_line *lines,
		       size_t room)
{
	struct ttmem_account *account;
	unsigned int chip, memory, tag;
	size_t n = 0;

	list_for_each_entry(account, &card->accounts, node) {
		struct ttmem_client *client =
			container_of(account, struct ttmem_client, account);

		for (chip = 0; chip < card->chips; chip++) {
			if (!ttmem_account_holds(account, chip))
				continue;
			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					struct ttmem_part *part =
						&account->part[chip][memory][tag];
					u64 bytes = part->reserved + part->gauge;

					if (!bytes)
						continue;
					if (n++ >= room)
						continue;
					lines[n - 1] = (struct ttmem_client_line) {
						.client = client->id,
						.bytes = bytes,
						.reservations = part->reservations,
						.pid = get_pid(client->pid),
						.uid = client->uid,
						.chip = chip,
						.memory = memory,
						.tag = tag,
					};
				}
			}
		}
	}
	return n;
}

/**
 * ttmem_client_snapshot() - Tell what every client of a card holds.
 * @card: the card
 * @lines: set to an array that the caller gives to
 *	ttmem_client_snapshot_free(); oldest client first
 *
 * It is one consistent picture.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: how many lines, or -ENOMEM.
 */
ssize_t ttmem_client_snapshot(struct ttmem_card *card,
			      struct ttmem_client_line **lines)
{
	size_t room = 16, n;

	for (;;) {
		*lines = kvmalloc_array(room, sizeof(**lines), GFP_KERNEL_ACCOUNT);
		if (!*lines)
			return -ENOMEM;
		spin_lock(&card->lock);
		n = snapshot(card, *lines, room);
		spin_unlock(&card->lock);
		if (n <= room)
			return n;
		/* More than fits, and more may come before the next try. */
		ttmem_client_snapshot_free(*lines, room);
		room = n + n / 8;
	}
}

/**
 * ttmem_client_snapshot_free() - Free what ttmem_client_snapshot() made.
 * @lines: the array
 * @count: its lines
 *
 * Context: Process context.
 */
void ttmem_client_snapshot_free(struct ttmem_client_line *lines, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		put_pid(lines[i].pid);
	kvfree(lines);
}
