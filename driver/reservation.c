// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations and their handles.
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
 * The card's lock guards what is published. What stands in a slot is looked at
 * and taken out under it, published or not. Memory is allocated before it is
 * taken and freed after it is dropped.
 */

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "card.h"
#include "client.h"
#include "counter.h"
#include "reservation.h"
#include "trace.h"
#include "ttmem.h"

/* Reservations freed, or looked at, in one hold of the card's lock. */
#define FREE_BATCH	64
#define LOOK_BATCH	128

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

static struct kmem_cache *ttmem_held_cache;

/**
 * ttmem_reservation_init() - Make what all reservations need.
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int ttmem_reservation_init(void)
{
	ttmem_held_cache = kmem_cache_create("ttmem_reservation", sizeof(struct ttmem_held),
					     0, SLAB_ACCOUNT, NULL);
	return ttmem_held_cache ? 0 : -ENOMEM;
}

/**
 * ttmem_reservation_exit() - Undo ttmem_reservation_init().
 *
 * Context: Module exit; no client is left.
 */
void ttmem_reservation_exit(void)
{
	kmem_cache_destroy(ttmem_held_cache);
}

static unsigned long ttmem_slot_of(u64 handle)
{
	return handle & (TTMEM_SLOTS - 1);
}

/* It was published, and stands in no slot any more. */
static void ttmem_held_destroy(struct ttmem_client *client, struct ttmem_held *held)
{
	atomic_dec(&client->reservations);
	kfree(held->label);
	kmem_cache_free(ttmem_held_cache, held);
}

/* Destroy what was not published, and give its slot back. */
static void ttmem_held_drop(struct ttmem_client *client, struct ttmem_held *held)
{
	spin_lock(&client->card->lock);
	xa_erase(&client->held, ttmem_slot_of(held->handle));
	spin_unlock(&client->card->lock);
	kfree(held->label);
	kmem_cache_free(ttmem_held_cache, held);
}

/* Keep what is not published any more. Returns false if there are enough. */
static bool ttmem_spare_put(struct ttmem_client *client, struct ttmem_held *held)
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

static struct ttmem_held *ttmem_spare_get(struct ttmem_client *client)
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
static struct ttmem_held *ttmem_held_create(struct ttmem_client *client)
{
	struct ttmem_held *held;
	u32 slot;
	int err;

	held = ttmem_spare_get(client);
	if (held)
		return held;

	held = kmem_cache_zalloc(ttmem_held_cache, GFP_KERNEL);
	if (!held)
		return ERR_PTR(-ENOMEM);
	err = xa_alloc(&client->held, &slot, held, XA_LIMIT(0, TTMEM_SLOTS - 1),
		       GFP_KERNEL);
	if (err) {
		kmem_cache_free(ttmem_held_cache, held);
		return ERR_PTR(err == -EBUSY ? -EDQUOT : err);
	}
	held->handle = slot;
	return held;
}

/**
 * ttmem_reservation_end() - Free all reservations of a client that was closed.
 * @client: the client, out of the books
 *
 * There may be a million of them.
 *
 * Context: Process context, may sleep.
 */
void ttmem_reservation_end(struct ttmem_client *client)
{
	struct ttmem_held *held;
	unsigned long slot;

	/* Erased one by one: xa_destroy() would free the tree in one go. */
	xa_for_each(&client->held, slot, held) {
		xa_erase(&client->held, slot);
		if (held->published)
			kfree(held->label);
		kmem_cache_free(ttmem_held_cache, held);
		cond_resched();
	}
	/* A store that failed half-way leaves an empty node, which no walk meets. */
	xa_destroy(&client->held);
}

static void ttmem_describe(const struct ttmem_held *held, struct ttmem_reservation *res)
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

/* Trace what @held is, with what its pool has used; the card's lock is held. */
static void ttmem_trace_held(struct ttmem_client *client, const struct ttmem_held *held,
			     bool free)
{
	const struct ttmem_pool *pool = &client->card->pool[held->chip][held->memory];
	struct ttmem_reservation res;

	ttmem_describe(held, &res);
	if (free)
		trace_ttmem_free(client->card->number, client->id, &res, pool->used,
				 task_tgid_nr(current), __kuid_val(current_euid()));
	else
		trace_ttmem_reserve(client->card->number, client->id, &res, pool->used,
				    task_tgid_nr(current), __kuid_val(current_euid()));
}

/* Count and trace a refusal; the card's lock is held. Returns @error. */
static int ttmem_refuse(struct ttmem_client *client, const struct ttmem_reserve *req,
			int error)
{
	struct ttmem_pool *pool = &client->card->pool[req->chip][req->memory];

	ttmem_card_deny(client->card, req->chip);
	trace_ttmem_refuse(client->card->number, client->id, req, error, pool->used,
			   pool->total, task_tgid_nr(current), __kuid_val(current_euid()));
	return error;
}

/**
 * ttmem_reservation_prepare() - Allocate a reservation and take a handle for it.
 * @client: the client
 * @req: what to reserve; its fields are valid, the label is terminated
 *
 * Nothing of it can be seen until ttmem_reservation_publish().
 *
 * Context: Process context, may sleep. Takes the card's lock on refusal.
 * Return: the reservation, for ttmem_reservation_publish() or
 * ttmem_reservation_abandon(); -EDQUOT if the client has as many as it may
 * have, -ENOMEM, or as ttmem_client_error().
 */
struct ttmem_held *ttmem_reservation_prepare(struct ttmem_client *client,
					     const struct ttmem_reserve *req)
{
	struct ttmem_held *held;
	u64 sequence;
	int err;

	/* Counted first, and undone below where it is one too many. */
	if (atomic_inc_return(&client->reservations) > READ_ONCE(ttmem_max_reservations)) {
		err = -EDQUOT;
		goto uncount;
	}

	held = ttmem_held_create(client);
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

	held->handle = sequence << TTMEM_SLOT_BITS | ttmem_slot_of(held->handle);
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
	ttmem_held_drop(client, held);
uncount:
	atomic_dec(&client->reservations);
	if (err == -EDQUOT) {
		spin_lock(&client->card->lock);
		err = ttmem_client_error(client) ?: ttmem_refuse(client, req, err);
		spin_unlock(&client->card->lock);
	}
	return ERR_PTR(err);
}

/**
 * ttmem_reservation_handle() - Tell the handle of a reservation.
 * @held: from ttmem_reservation_prepare()
 *
 * Context: Any.
 * Return: the handle, never 0.
 */
u64 ttmem_reservation_handle(const struct ttmem_held *held)
{
	return held->handle;
}

/**
 * ttmem_reservation_abandon() - Drop a reservation that was not published.
 * @client: the client
 * @held: from ttmem_reservation_prepare()
 *
 * Context: Process context. Takes the card's lock.
 */
void ttmem_reservation_abandon(struct ttmem_client *client, struct ttmem_held *held)
{
	ttmem_held_drop(client, held);
	atomic_dec(&client->reservations);
}

/* The card's lock is held. */
static int ttmem_reservation_charge(struct ttmem_client *client,
				    const struct ttmem_held *held)
{
	int err = ttmem_client_error(client);

	return err ?: ttmem_card_reserve(client->card, &client->account, held->chip,
					 held->memory, held->tag, held->size,
					 held->flags & TTMEM_RESERVE_OVERCOMMIT);
}

/**
 * ttmem_reservation_publish() - Charge a reservation and let it be seen.
 * @client: the client
 * @held: from ttmem_reservation_prepare(); belongs to @client from now on, and
 *	is gone on error
 *
 * Before it is refused, the counters of the card are read.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: 0; -ENOSPC if the pool is full; -EDQUOT if the client would hold more
 * of the pool than it may; -EINTR if it was killed meanwhile; or as
 * ttmem_client_error().
 */
int ttmem_reservation_publish(struct ttmem_client *client, struct ttmem_held *held)
{
	struct ttmem_card *card = client->card;
	struct pid *old = NULL;
	int err, look;

	spin_lock(&card->lock);
	err = ttmem_reservation_charge(client, held);
	if ((err == -ENOSPC || err == -EDQUOT) && card->fold.count) {
		spin_unlock(&card->lock);
		look = ttmem_look_card(card);
		spin_lock(&card->lock);
		err = look == -EINTR ? look : ttmem_reservation_charge(client, held);
	}
	if (!err) {
		old = ttmem_client_identify(client);
		held->published = true;
		if (trace_ttmem_reserve_enabled())
			ttmem_trace_held(client, held, false);
	} else if (err == -ENOSPC || err == -EDQUOT) {
		struct ttmem_reserve req = {
			.chip = held->chip,
			.memory = held->memory,
			.tag = held->tag,
			.flags = held->flags,
			.size = held->size,
		};

		ttmem_refuse(client, &req, err);
	}
	spin_unlock(&card->lock);

	put_pid(old);
	if (err)
		ttmem_reservation_abandon(client, held);
	return err;
}

/* Take a reservation out of the books; the card's lock is held. */
static void ttmem_reservation_withdraw(struct ttmem_client *client,
				       struct ttmem_held *held)
{
	held->published = false;
	ttmem_card_unreserve(client->card, &client->account, held->chip,
			     held->memory, held->tag, held->size);
	if (trace_ttmem_free_enabled())
		ttmem_trace_held(client, held, true);
}

/**
 * ttmem_reservation_free() - Give back one reservation.
 * @client: the client
 * @handle: any number
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -ENOENT if the client has no such reservation; or as
 * ttmem_client_error().
 */
int ttmem_reservation_free(struct ttmem_client *client, u64 handle)
{
	struct ttmem_card *card = client->card;
	struct ttmem_held *held;
	char *label;
	bool kept;
	int err;

	spin_lock(&card->lock);
	err = ttmem_client_error(client);
	if (err)
		goto unlock;
	held = xa_load(&client->held, ttmem_slot_of(handle));
	if (!held || !held->published || held->handle != handle) {
		err = -ENOENT;
		goto unlock;
	}
	ttmem_reservation_withdraw(client, held);
	/* Another thread may reserve with it as soon as it is kept. */
	label = held->label;
	kept = ttmem_spare_put(client, held);
	if (!kept)
		xa_erase(&client->held, ttmem_slot_of(handle));
unlock:
	spin_unlock(&card->lock);
	if (err)
		return err;

	atomic_dec(&client->reservations);
	kfree(label);
	if (!kept)
		kmem_cache_free(ttmem_held_cache, held);
	return 0;
}

/**
 * ttmem_reservation_free_all() - Give back all reservations and gauges.
 * @client: the client
 * @chip: of this chip only, below the card's chips; or TTMEM_ALL_CHIPS
 * @bytes: what was given back, gauges included
 * @reservations: how many were
 *
 * The lock is dropped now and then, as there may be a million. What another
 * thread reserves meanwhile may stay.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: 0, or as ttmem_client_error().
 */
int ttmem_reservation_free_all(struct ttmem_client *client, unsigned int chip,
			       u64 *bytes, u64 *reservations)
{
	struct ttmem_card *card = client->card;
	struct ttmem_held *held, *batch[FREE_BATCH];
	unsigned long slot = 0, start = 0;
	unsigned int i, n, looked;
	int err;

	*bytes = 0;
	*reservations = 0;

	spin_lock(&card->lock);
	err = ttmem_client_error(client);
	for (i = 0; !err && i < card->chips; i++)
		if (chip == i || chip == TTMEM_ALL_CHIPS)
			*bytes += ttmem_card_clear_gauges(card, &client->account, i);
	spin_unlock(&card->lock);
	if (err)
		return err;

	do {
		n = 0;
		looked = 0;
		held = NULL;
		spin_lock(&card->lock);
		if (!ttmem_client_error(client)) {
			xa_for_each_start(&client->held, slot, held, start) {
				if (held->published &&
				    (chip == held->chip || chip == TTMEM_ALL_CHIPS)) {
					ttmem_reservation_withdraw(client, held);
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
			ttmem_held_destroy(client, batch[i]);
		}
		*reservations += n;
		cond_resched();
	} while (held);

	return 0;
}

/*
 * Whether what @client holds is the caller's to read: the process it is shown
 * for is the caller's user's, and can be seen from here. The card's lock is held.
 */
static bool ttmem_reservation_own(const struct ttmem_client *client)
{
	return uid_eq(current_fsuid(), client->uid) && pid_vnr(client->pid);
}

/* Copy a page of what @client holds; the card's lock is held. */
static unsigned int ttmem_reservation_page(struct ttmem_client *client, u64 start,
					   struct ttmem_reservation *page,
					   unsigned int room, u64 *next, u64 *total)
{
	unsigned int n = 0, looked = 0;
	struct ttmem_held *held;
	unsigned long slot;

	*next = 0;
	*total = ttmem_account_reservations(&client->account);
	if (!room)
		return 0;

	xa_for_each_start(&client->held, slot, held, start ? ttmem_slot_of(start) + 1 : 0) {
		/* A handle of the slot before continues here; 0 would start again. */
		if (looked++ == LOOK_BATCH) {
			*next = (u64)TTMEM_SLOTS | (slot - 1);
			break;
		}
		if (!held->published)
			continue;
		if (n == room) {
			*next = page[n - 1].handle;
			break;
		}
		ttmem_describe(held, &page[n++]);
	}
	return n;
}

/* As ttmem_reservation_list(), of a client to which the caller has a reference. */
static int ttmem_reservation_list_other(struct ttmem_client *other, u64 start,
					struct ttmem_reservation *page,
					unsigned int room, u64 *next, u64 *total)
{
	struct ttmem_card *card = other->card;
	bool allowed = false;
	int ret;

	for (;;) {
		spin_lock(&card->lock);
		if (!ttmem_account_current(card, &other->account)) {
			ret = -ENOENT;
			break;
		}
		allowed = allowed || ttmem_reservation_own(other);
		if (allowed) {
			ret = ttmem_reservation_page(other, start, page, room, next, total);
			break;
		}
		spin_unlock(&card->lock);

		/* Asked without the lock, and of others only: it may be written to a log. */
		if (!capable(CAP_SYS_PTRACE))
			return -EACCES;
		allowed = true;
	}
	spin_unlock(&card->lock);
	return ret;
}

/**
 * ttmem_reservation_list() - List a client's reservations, a page at a time.
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
 * if the caller may not read it, or as ttmem_client_error().
 */
int ttmem_reservation_list(struct ttmem_client *client, u64 id, u64 start,
			   struct ttmem_reservation *page, unsigned int room,
			   u64 *next, u64 *total)
{
	struct ttmem_card *card = client->card;
	struct ttmem_client *other;
	int ret;

	if (!id || id == client->id) {
		spin_lock(&card->lock);
		ret = ttmem_client_error(client) ?:
		      ttmem_reservation_page(client, start, page, room, next, total);
		spin_unlock(&card->lock);
		return ret;
	}

	other = ttmem_client_from(id);
	if (!other)
		return -ENOENT;
	ret = -ENOENT;
	if (other->id == id && other->card == card)
		ret = ttmem_reservation_list_other(other, start, page, room, next, total);
	ttmem_client_put(other);
	return ret;
}
