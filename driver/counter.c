// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clients count by themselves: gauges, which they set by a call, and
 * counters, which they keep in a page that they map from the node.
 *
 * The kernel reads a page when somebody asks for numbers, which is a look. Under
 * the card's lock it enters what stands there as if the client had set it. The
 * same look asks whether the process that an attributed client speaks for still
 * lives.
 *
 * A look at a whole card is a fold: it goes over the clients that have a page or
 * are attributed, one at a time, and the lock is dropped after each. A fold that
 * began after a reader came serves him. So he waits for the end of the one that
 * is under way, if any, and of the next one; and whoever waits does the work:
 * each reader takes the next step that is to be done, whoever began the fold.
 * So no reader depends on another one that is stopped, throttled or of low
 * priority, and no lock is held that could sleep.
 *
 * The pools' peaks rise at the end of a fold only: in the middle of it a move
 * from one client to another may have been seen by half.
 */

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uidgid.h>

#include "card.h"
#include "client.h"
#include "compat.h"
#include "counter.h"
#include "trace.h"

/* The card's lock is held. */
static void ttmem_look(struct ttmem_client *client)
{
	struct page *page = READ_ONCE(client->counters);

	if (ttmem_client_meets(client) && page)
		ttmem_card_count(client->card, &client->account, page_address(page));
}

/**
 * ttmem_look_client() - Bring what one client holds up to date.
 * @client: the client
 *
 * Context: Process context. Takes the card's lock.
 */
void ttmem_look_client(struct ttmem_client *client)
{
	spin_lock(&client->card->lock);
	ttmem_look(client);
	spin_unlock(&client->card->lock);
}

static void ttmem_fold_begin(struct ttmem_fold *fold)
{
	fold->begun++;
	/* Who comes later stands behind these, and is not waited for. */
	fold->left = fold->count;
	list_move(&fold->cursor, &fold->clients);
}

/* Look at the next client; the card's lock is held, and there is a client. */
static void ttmem_fold_step(struct ttmem_card *card)
{
	struct ttmem_fold *fold = &card->fold;
	struct list_head *next;

	lockdep_assert_held(&card->lock);
	if (!fold->left)
		ttmem_fold_begin(fold);

	next = fold->cursor.next;
	if (next == &fold->clients) {
		/* Some have left since it began. */
		fold->left = 0;
	} else {
		fold->left--;
		list_move(&fold->cursor, next);
		ttmem_look(list_entry(next, struct ttmem_client, fold));
	}

	if (!fold->left) {
		fold->completed = fold->begun;
		ttmem_card_settle(card);
	}
}

/**
 * ttmem_look_card() - Bring the books of a card up to date.
 * @card: the card
 *
 * Without counters and attributed clients it returns at once.
 *
 * Context: Process context, may sleep. Takes the card's lock, again and again.
 * Return: 0; -ENODEV if the card is gone, -EINTR if the caller was killed.
 */
int ttmem_look_card(struct ttmem_card *card)
{
	struct ttmem_fold *fold = &card->fold;
	u64 wanted;
	int err = 0;

	spin_lock(&card->lock);
	wanted = fold->begun + 1;
	while (!ttmem_card_gone(card) && fold->count && fold->completed < wanted) {
		ttmem_fold_step(card);
		spin_unlock(&card->lock);
		cond_resched();
		if (fatal_signal_pending(current))
			err = -EINTR;
		spin_lock(&card->lock);
		if (err)
			break;
	}
	if (ttmem_card_gone(card))
		err = -ENODEV;
	spin_unlock(&card->lock);
	return err;
}

/**
 * ttmem_counter_set() - Set gauges, all or none.
 * @client: the client
 * @gauges: what to set; chip, memory and tag are valid
 * @count: how many, may be 0
 * @restart_peaks: let the client's own peaks start again at what it then holds
 *
 * Context: Process context. Takes the card's lock.
 * Return: 0; -EDQUOT if the client would hold more of a pool than it may; or as
 * ttmem_client_error().
 */
int ttmem_counter_set(struct ttmem_client *client, const struct ttmem_gauge *gauges,
		      unsigned int count, bool restart_peaks)
{
	struct ttmem_card *card = client->card;
	struct pid *old = NULL;
	unsigned int i;
	int err;

	spin_lock(&card->lock);
	/* What its counters say is in its peaks, and in what it may hold. */
	if (!list_empty(&client->fold))
		ttmem_look(client);
	err = ttmem_client_error(client) ?:
	      ttmem_card_set(card, &client->account, gauges, count);
	if (err)
		goto unlock;

	if (restart_peaks)
		ttmem_account_restart_peaks(&client->account);
	old = ttmem_client_identify(client);
	if (trace_ttmem_set_enabled())
		for (i = 0; i < count; i++)
			trace_ttmem_set(card->number, client->id, &gauges[i],
					card->pool[gauges[i].chip][gauges[i].memory].used,
					task_tgid_nr(current), __kuid_val(current_euid()));
unlock:
	spin_unlock(&card->lock);
	put_pid(old);
	return err;
}

/**
 * ttmem_counter_page() - Give a client its counter page.
 * @client: the client
 *
 * The page is made at the first call and zero then.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: the page, which lives as long as the client; -ENOMEM; or as
 * ttmem_client_error().
 */
struct page *ttmem_counter_page(struct ttmem_client *client)
{
	struct page *page = READ_ONCE(client->counters), *other;
	int err;

	if (!page) {
		page = alloc_page(TTMEM_GFP_MAPPED | __GFP_ZERO);
		if (!page)
			return ERR_PTR(-ENOMEM);
		other = cmpxchg(&client->counters, NULL, page);
		if (other) {
			__free_page(page);
			page = other;
		}
	}

	spin_lock(&client->card->lock);
	err = ttmem_client_error(client);
	if (!err)
		ttmem_client_enlist(client);
	spin_unlock(&client->card->lock);
	return err ? ERR_PTR(err) : page;
}

/**
 * ttmem_counter_end() - Free the counter page of a client that was closed.
 * @client: the client, out of the books
 *
 * Nothing maps it any more, as a mapping keeps the file open. Who has taken a
 * reference to it otherwise keeps a page that nobody reads.
 *
 * Context: Process context.
 */
void ttmem_counter_end(struct ttmem_client *client)
{
	if (client->counters)
		__free_page(client->counters);
}
