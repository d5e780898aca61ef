// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reference that random operations are compared with, and the books' invariant.
 */

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "../driver/client.h"
#include "model.h"
#include "ttmem_kunit.h"

/* What the lists add up to. */
struct sums {
	u64 used[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 tag[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	u64 reserved[TTMEM_MODEL_ACCOUNTS][TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	u32 count[TTMEM_MODEL_ACCOUNTS][TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	u64 chip_clients[TTMEM_CHIPS_MAX];
	u64 chip_reservations[TTMEM_CHIPS_MAX];
	u64 clients;
	u64 reservations;
};

/* Good until the next call: it is too big for a stack, and cases run one by one. */
static const struct sums *add_up(const struct ttmem_model *model)
{
	static struct sums the_sums;
	struct sums *sums = &the_sums;
	unsigned int a, i, chip, memory, tag;

	memset(sums, 0, sizeof(*sums));
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		const struct ttmem_model_account *account = &model->account[a];
		bool holds[TTMEM_CHIPS_MAX] = { }, any = false;

		for (i = 0; i < account->count; i++) {
			const struct ttmem_reserve *held = &account->held[i];

			sums->reserved[a][held->chip][held->memory][held->tag] += held->size;
			sums->count[a][held->chip][held->memory][held->tag]++;
			sums->used[held->chip][held->memory] += held->size;
			sums->tag[held->chip][held->memory][held->tag] += held->size;
			sums->chip_reservations[held->chip]++;
			sums->reservations++;
			holds[held->chip] = true;
		}
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					u64 bytes = account->gauge[chip][memory][tag].bytes +
						    account->counter[chip][memory][tag];

					sums->used[chip][memory] += bytes;
					sums->tag[chip][memory][tag] += bytes;
					holds[chip] |= bytes != 0;
				}
			}
			sums->chip_clients[chip] += holds[chip];
			any |= holds[chip];
		}
		sums->clients += any;
	}
	return sums;
}

static u64 settled(u64 used, u64 unsettled)
{
	return used > unsettled ? used - unsettled : 0;
}

static u64 used_of_sum(const struct sums *sums, unsigned int memory)
{
	unsigned int chip;
	u64 used = 0;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		used += sums->used[chip][memory];
	return used;
}

static void raise_peak(struct ttmem_model *model, unsigned int chip, unsigned int memory)
{
	const struct sums *sums = add_up(model);

	model->peak[chip][memory] = max(model->peak[chip][memory],
					settled(sums->used[chip][memory],
						model->unsettled[chip][memory]));
	model->sum_peak[memory] = max(model->sum_peak[memory],
				      settled(used_of_sum(sums, memory),
					      model->sum_unsettled[memory]));
}

static void raise_peaks(struct ttmem_model *model)
{
	unsigned int chip, memory;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			raise_peak(model, chip, memory);
}

/* All counters were read: at the end of a fold. */
void ttmem_model_settle(struct ttmem_model *model)
{
	memset(model->unsettled, 0, sizeof(model->unsettled));
	memset(model->sum_unsettled, 0, sizeof(model->sum_unsettled));
	raise_peaks(model);
}

static void change_unsettled(u64 *unsettled, u64 before, u64 after)
{
	*unsettled = after > before ? *unsettled + (after - before) :
				      settled(*unsettled, before - after);
}

/* What an account holds of a pool but for its counters; with them, with @counters. */
static u64 own_bytes(const struct ttmem_model_account *account, unsigned int chip,
		     unsigned int memory, bool counters)
{
	unsigned int i, tag;
	u64 bytes = 0;

	for (i = 0; i < account->count; i++)
		if (account->held[i].chip == chip && account->held[i].memory == memory)
			bytes += account->held[i].size;
	for (tag = 0; tag < TTMEM_TAGS; tag++) {
		bytes += account->gauge[chip][memory][tag].bytes;
		if (counters)
			bytes += account->counter[chip][memory][tag];
	}
	return bytes;
}

static void raise_own_peaks(struct ttmem_model_account *account)
{
	unsigned int chip, memory;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			account->peak[chip][memory] = max(account->peak[chip][memory],
							  own_bytes(account, chip, memory, true));
}

void ttmem_model_restart_own_peaks(struct ttmem_model *model, unsigned int account)
{
	struct ttmem_model_account *of = &model->account[account];

	memset(of->peak, 0, sizeof(of->peak));
	raise_own_peaks(of);
}

/* Whether the account holds nothing of any pool. */
bool ttmem_model_empty(const struct ttmem_model *model, unsigned int account)
{
	unsigned int chip, memory;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			if (own_bytes(&model->account[account], chip, memory, true))
				return false;
	return true;
}

/* Begin with what @card, which nobody uses yet, was made with. */
void ttmem_model_begin(struct ttmem_model *model, const struct ttmem_card *card)
{
	unsigned int chip, memory;

	memset(model, 0, sizeof(*model));
	model->chips = card->chips;
	for (chip = 0; chip < card->chips; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			model->total[chip][memory] = card->pool[chip][memory].total;
}

static void draw_pool(const struct ttmem_model *model, struct rnd_state *random, u32 *chip,
		      u32 *memory, u32 *tag)
{
	*chip = ttmem_kunit_below(random, model->chips);
	*memory = ttmem_kunit_below(random, TTMEM_MEMORIES);
	do {
		*tag = ttmem_kunit_below(random, TTMEM_TAGS);
	} while (!ttmem_pool_tag_valid(*memory, *tag));
}

/* Draw a reservation as ioctl.c would let it pass. */
void ttmem_model_request(const struct ttmem_model *model, struct rnd_state *random,
			 struct ttmem_reserve *req)
{
	memset(req, 0, sizeof(*req));
	draw_pool(model, random, &req->chip, &req->memory, &req->tag);
	req->size = ttmem_kunit_size(random, 41);
	req->payload = ttmem_kunit_below(random, 2) ? req->size : 0;
	req->cookie = prandom_u32_state(random);
	if (!ttmem_kunit_below(random, 4))
		req->flags |= TTMEM_RESERVE_OVERCOMMIT;
	if (ttmem_kunit_below(random, 2)) {
		req->flags |= TTMEM_RESERVE_ADDRESS;
		req->address = prandom_u32_state(random);
	}
	if (!ttmem_kunit_below(random, 4))
		strscpy((char *)req->label, "weights of a layer", sizeof(req->label));
}

/* Draw gauges, twice the same among them; returns how many. */
unsigned int ttmem_model_gauges(const struct ttmem_model *model, struct rnd_state *random,
				struct ttmem_gauge *gauges, unsigned int room)
{
	unsigned int i, count = 1 + ttmem_kunit_below(random, room);

	for (i = 0; i < count; i++) {
		memset(&gauges[i], 0, sizeof(gauges[i]));
		draw_pool(model, random, &gauges[i].chip, &gauges[i].memory, &gauges[i].tag);
		if (ttmem_kunit_below(random, 3))
			gauges[i].bytes = ttmem_kunit_size(random, 41);
		gauges[i].largest_free = prandom_u32_state(random);
	}
	return count;
}

/* Write to a counter page: mostly what one that adds up would say, but also anything. */
void ttmem_model_counters(struct rnd_state *random, s64 *counters)
{
	unsigned int i, n = 1 + ttmem_kunit_below(random, 8);

	while (n--) {
		s64 bytes = ttmem_kunit_size(random, 63);

		/* Cells of no pair and of no chip as well. */
		i = ttmem_kunit_below(random, TTMEM_COUNTER_INDEX(3, 0, 0));
		switch (ttmem_kunit_below(random, 32)) {
		case 0:
			counters[i] = bytes;
			break;
		case 1 ... 3:
			counters[i] = -bytes;
			break;
		case 4 ... 15:
			counters[i] = 0;
			break;
		default:
			counters[i] = ttmem_kunit_size(random, 36);
		}
	}
}

/* Returns what the driver has to answer, and does it if that is 0. */
int ttmem_model_reserve(struct ttmem_model *model, unsigned int account,
			const struct ttmem_reserve *req)
{
	struct ttmem_model_account *to = &model->account[account];
	u64 total = model->total[req->chip][req->memory];
	const struct sums *sums = add_up(model);

	if (to->error)
		return to->error;
	if (own_bytes(to, req->chip, req->memory, true) + req->size > TTMEM_CLIENT_BYTES_MAX)
		return -EDQUOT;
	if (total && !(req->flags & TTMEM_RESERVE_OVERCOMMIT) &&
	    sums->used[req->chip][req->memory] + req->size > total)
		return -ENOSPC;
	to->held[to->count++] = *req;
	raise_own_peaks(to);
	raise_peak(model, req->chip, req->memory);
	return 0;
}

void ttmem_model_free(struct ttmem_model *model, unsigned int account, unsigned int index)
{
	struct ttmem_model_account *from = &model->account[account];

	from->held[index] = from->held[--from->count];
}

/* As ttmem_model_reserve(). */
int ttmem_model_set(struct ttmem_model *model, unsigned int account,
		    const struct ttmem_gauge *gauges, unsigned int count)
{
	struct ttmem_model_account *to = &model->account[account];
	struct ttmem_model_gauge before[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	unsigned int i, chip, memory;

	if (to->error)
		return to->error;
	memcpy(before, to->gauge, sizeof(before));
	for (i = 0; i < count; i++)
		to->gauge[gauges[i].chip][gauges[i].memory][gauges[i].tag] =
			(struct ttmem_model_gauge) { gauges[i].bytes, gauges[i].largest_free };
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			if (own_bytes(to, chip, memory, true) > TTMEM_CLIENT_BYTES_MAX) {
				memcpy(to->gauge, before, sizeof(before));
				return -EDQUOT;
			}
		}
	}
	raise_own_peaks(to);
	raise_peaks(model);
	return 0;
}

/* The account's counters are read. */
void ttmem_model_count(struct ttmem_model *model, unsigned int account, const s64 *counters)
{
	struct ttmem_model_account *to = &model->account[account];
	unsigned int chip, memory, tag;

	for (chip = 0; chip < model->chips; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			u64 before = own_bytes(to, chip, memory, true), after;

			memset(to->counter[chip][memory], 0, sizeof(to->counter[chip][memory]));
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				s64 value = counters[chip * 16 + memory * 8 + tag];
				u64 room = TTMEM_CLIENT_BYTES_MAX -
					   own_bytes(to, chip, memory, true);

				if (value > 0 && ttmem_pool_tag_valid(memory, tag))
					to->counter[chip][memory][tag] =
						min_t(u64, value, room);
			}
			after = own_bytes(to, chip, memory, true);
			change_unsettled(&model->unsettled[chip][memory], before, after);
			change_unsettled(&model->sum_unsettled[memory], before, after);
		}
	}
	raise_own_peaks(to);
}

/* Returns the bytes that the gauges had. */
u64 ttmem_model_clear(struct ttmem_model *model, unsigned int account, unsigned int chip)
{
	struct ttmem_model_account *of = &model->account[account];
	unsigned int memory, tag;
	u64 bytes = 0;

	for (memory = 0; memory < TTMEM_MEMORIES; memory++)
		for (tag = 0; tag < TTMEM_TAGS; tag++)
			bytes += of->gauge[chip][memory][tag].bytes;
	memset(of->gauge[chip], 0, sizeof(of->gauge[chip]));
	return bytes;
}

void ttmem_model_deny(struct ttmem_model *model, unsigned int chip)
{
	model->chip_denied[chip]++;
	model->denied++;
}

/* The account holds nothing any more, and its calls answer @error. */
void ttmem_model_end(struct ttmem_model *model, unsigned int account, int error)
{
	struct ttmem_model_account *of = &model->account[account];
	unsigned int chip, memory, tag;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			u64 counters = 0;

			for (tag = 0; tag < TTMEM_TAGS; tag++)
				counters += of->counter[chip][memory][tag];
			change_unsettled(&model->unsettled[chip][memory], counters, 0);
			change_unsettled(&model->sum_unsettled[memory], counters, 0);
		}
	}
	memset(of, 0, sizeof(*of));
	of->error = error;
}

/* The card was invalidated, or is gone. */
void ttmem_model_end_all(struct ttmem_model *model)
{
	unsigned int a;

	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++)
		ttmem_model_end(model, a, model->account[a].error ?: -ENODEV);
	memset(model->unsettled, 0, sizeof(model->unsettled));
	memset(model->sum_unsettled, 0, sizeof(model->sum_unsettled));
}

/* Does to the card as well what sysfs.c does. */
void ttmem_model_write_total(struct ttmem_model *model, struct ttmem_card *card,
			     struct rnd_state *random)
{
	unsigned int chip = ttmem_kunit_below(random, model->chips);
	unsigned int memory = ttmem_kunit_below(random, TTMEM_MEMORIES);
	u64 total = ttmem_kunit_below(random, 3) ? ttmem_kunit_size(random, 42) : 0;

	model->total[chip][memory] = total;
	spin_lock(&card->lock);
	card->pool[chip][memory].total = total;
	spin_unlock(&card->lock);
}

void ttmem_model_restart_peak(struct ttmem_model *model, struct ttmem_card *card,
			      struct rnd_state *random)
{
	unsigned int chip = ttmem_kunit_below(random, model->chips + 1);
	unsigned int memory = ttmem_kunit_below(random, TTMEM_MEMORIES);
	const struct sums *sums = add_up(model);

	spin_lock(&card->lock);
	if (chip == model->chips) {
		ttmem_pool_restart_peak(&card->sum[memory]);
		model->sum_peak[memory] = settled(used_of_sum(sums, memory),
						  model->sum_unsettled[memory]);
	} else {
		ttmem_pool_restart_peak(&card->pool[chip][memory]);
		model->peak[chip][memory] = settled(sums->used[chip][memory],
						    model->unsettled[chip][memory]);
	}
	spin_unlock(&card->lock);
}

static const char *account_differs(const struct ttmem_model_account *expected,
				   const struct sums *sums, unsigned int a,
				   const struct ttmem_account *view)
{
	unsigned int chip, memory, tag;

	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				const struct ttmem_part *part = &view->part[chip][memory][tag];
				const struct ttmem_model_gauge *gauge =
					&expected->gauge[chip][memory][tag];

				if (part->reserved != sums->reserved[a][chip][memory][tag])
					return "the bytes reserved under a tag";
				if (part->reservations != sums->count[a][chip][memory][tag])
					return "an account's reservations";
				if (part->gauge != gauge->bytes)
					return "a gauge";
				if (part->largest_free != gauge->largest_free)
					return "a largest free range";
				if (view->counter[chip][memory][tag] !=
				    expected->counter[chip][memory][tag])
					return "a counter";
			}
			if (view->bytes[chip][memory] != own_bytes(expected, chip, memory, true))
				return "an account's bytes of a pool";
			if (view->peak[chip][memory] != expected->peak[chip][memory])
				return "an account's peak";
		}
	}
	return NULL;
}

/**
 * ttmem_model_account_differs() - Compare one account with the reference.
 * @model: the reference
 * @account: which
 * @view: what the driver says of it: a copy, or the card's lock is held
 *
 * Return: what differs, or NULL.
 */
const char *ttmem_model_account_differs(const struct ttmem_model *model, unsigned int account,
					const struct ttmem_account *view)
{
	return account_differs(&model->account[account], add_up(model), account, view);
}

/**
 * ttmem_model_differs() - Compare the books with the reference.
 * @model: the reference
 * @card: the card
 * @accounts: TTMEM_MODEL_ACCOUNTS pointers, NULL for one that is not there
 *
 * Return: what differs, or NULL.
 */
const char *ttmem_model_differs(const struct ttmem_model *model, struct ttmem_card *card,
				struct ttmem_account *const *accounts)
{
	unsigned int a, chip, memory, tag;
	const char *what = NULL;
	const struct sums *sums = add_up(model);

	spin_lock(&card->lock);
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS && !what; a++) {
		if (!accounts[a])
			continue;
		if (ttmem_account_current(card, accounts[a]) == !!model->account[a].error)
			what = "whether an account is in the books";
		else
			what = account_differs(&model->account[a], sums, a,
					       ttmem_account_view(card, accounts[a]));
	}
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		const struct ttmem_pool *sum = &card->sum[memory];
		u64 used = 0, tags[TTMEM_TAGS] = { };

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			const struct ttmem_pool *pool = &card->pool[chip][memory];

			if (pool->used != sums->used[chip][memory])
				what = "a pool's used";
			if (pool->peak != model->peak[chip][memory])
				what = "a pool's peak";
			if (pool->unsettled != model->unsettled[chip][memory])
				what = "a pool's unsettled";
			if (pool->total != model->total[chip][memory])
				what = "a pool's total";
			used += sums->used[chip][memory];
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				if (pool->tag[tag] != sums->tag[chip][memory][tag])
					what = "a pool's tag";
				tags[tag] += sums->tag[chip][memory][tag];
			}
		}
		if (sum->used != used)
			what = "the card's used";
		if (sum->unsettled != model->sum_unsettled[memory])
			what = "the card's unsettled";
		if (sum->peak != model->sum_peak[memory])
			what = "the card's peak";
		for (tag = 0; tag < TTMEM_TAGS; tag++)
			if (sum->tag[tag] != tags[tag])
				what = "the card's tag";
	}
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		if (card->chip_tally[chip].clients != sums->chip_clients[chip])
			what = "a chip's clients";
		if (card->chip_tally[chip].reservations != sums->chip_reservations[chip])
			what = "a chip's reservations";
		if (card->chip_tally[chip].denied != model->chip_denied[chip])
			what = "a chip's denied";
	}
	if (card->tally.clients != sums->clients)
		what = "the card's clients";
	if (card->tally.reservations != sums->reservations)
		what = "the card's reservations";
	if (card->tally.denied != model->denied)
		what = "the card's denied";
	spin_unlock(&card->lock);
	return what;
}

/**
 * ttmem_kunit_unbalanced() - Check the books against themselves.
 * @card: the card
 * @accounts: all accounts that have joined and not been freed
 * @count: how many
 *
 * Return: what does not add up, or NULL.
 */
const char *ttmem_kunit_unbalanced(struct ttmem_card *card,
				   struct ttmem_account *const *accounts, unsigned int count)
{
	u64 used[TTMEM_CHIPS_MAX][TTMEM_MEMORIES] = { };
	u64 tags[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS] = { };
	u64 chip_clients[TTMEM_CHIPS_MAX] = { }, chip_reservations[TTMEM_CHIPS_MAX] = { };
	u64 clients = 0, reservations = 0;
	unsigned int chip, memory, tag, i, joined = 0;
	const char *what = NULL;

	spin_lock(&card->lock);
	for (i = 0; i < count; i++) {
		const struct ttmem_account *account = ttmem_account_view(card, accounts[i]);
		bool any = false;

		joined += accounts[i]->epoch != TTMEM_EPOCH_LEFT;
		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			bool holds = false;

			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				u64 bytes = 0;

				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					const struct ttmem_part *part =
						&account->part[chip][memory][tag];
					u64 tagged = ttmem_account_tagged(account, chip,
									  memory, tag);

					if (tagged && !ttmem_pool_tag_valid(memory, tag))
						what = "a tag that the memory does not know";
					if (!part->reserved != !part->reservations)
						what = "bytes reserved without a reservation";
					bytes += tagged;
					tags[chip][memory][tag] += tagged;
					chip_reservations[chip] += part->reservations;
					reservations += part->reservations;
				}
				if (account->bytes[chip][memory] != bytes)
					what = "an account's bytes";
				if (bytes > TTMEM_CLIENT_BYTES_MAX)
					what = "an account above its bound";
				if (account->peak[chip][memory] < bytes)
					what = "an account's peak";
				if (bytes && chip >= card->chips)
					what = "a chip that is not there";
				used[chip][memory] += bytes;
				holds |= bytes != 0;
			}
			chip_clients[chip] += holds;
			any |= holds;
		}
		clients += any;
	}
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		u64 sum = 0;

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			struct ttmem_pool *pool = &card->pool[chip][memory];

			sum += pool->used;
			if (pool->used != used[chip][memory])
				what = "a pool's used";
			if (pool->peak < settled(pool->used, pool->unsettled))
				what = "a pool's peak";
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				if (pool->tag[tag] != tags[chip][memory][tag])
					what = "a pool's tag";
		}
		if (card->sum[memory].used != sum)
			what = "the card's used";
		if (card->sum[memory].peak < settled(sum, card->sum[memory].unsettled))
			what = "the card's peak";
		for (tag = 0; tag < TTMEM_TAGS; tag++) {
			u64 tagged = 0;

			for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
				tagged += tags[chip][memory][tag];
			if (card->sum[memory].tag[tag] != tagged)
				what = "the card's tag";
		}
	}
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		if (card->chip_tally[chip].clients != chip_clients[chip])
			what = "a chip's clients";
		if (card->chip_tally[chip].reservations != chip_reservations[chip])
			what = "a chip's reservations";
	}
	if (card->tally.clients != clients)
		what = "the card's clients";
	if (card->tally.reservations != reservations)
		what = "the card's reservations";
	if (card->clients != joined)
		what = "how many clients have joined";
	spin_unlock(&card->lock);
	return what;
}

#define CLIENTS_MAX	32

/**
 * ttmem_kunit_clients_unbalanced() - Check the books of a card against its clients.
 * @card: the card; nobody opens or closes a client of it meanwhile
 *
 * Return: what does not add up, or NULL.
 */
const char *ttmem_kunit_clients_unbalanced(struct ttmem_card *card)
{
	struct ttmem_account *accounts[CLIENTS_MAX];
	struct ttmem_client *client;
	unsigned int count = 0;
	unsigned long in_fold = 0;
	struct list_head *at;
	bool fold_right;
	u64 id = 0;

	/* Their files keep them. */
	while ((client = ttmem_client_from(id))) {
		id = client->id + 1;
		if (client->card == card) {
			if (count == CLIENTS_MAX) {
				ttmem_client_put(client);
				return "too many clients to check";
			}
			accounts[count++] = &client->account;
		}
		ttmem_client_put(client);
	}
	spin_lock(&card->lock);
	list_for_each(at, &card->fold.clients)
		in_fold += at != &card->fold.cursor;
	fold_right = in_fold == card->fold.count;
	spin_unlock(&card->lock);
	return fold_right ? ttmem_kunit_unbalanced(card, accounts, count) :
			    "how many clients a fold has";
}
