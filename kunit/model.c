// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reference that random operations are compared with, and the books' invariant.
 */

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/string.h>

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
					u64 bytes = account->gauge[chip][memory][tag].bytes;

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

static void note_peaks(struct ttmem_model *model)
{
	const struct sums *sums = add_up(model);
	unsigned int chip, memory;

	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		u64 sum = 0;

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			sum += sums->used[chip][memory];
			model->peak[chip][memory] = max(model->peak[chip][memory],
							sums->used[chip][memory]);
		}
		model->sum_peak[memory] = max(model->sum_peak[memory], sum);
	}
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

/* Draw a reservation as chardev.c would let it pass. */
void ttmem_model_request(const struct ttmem_model *model, struct rnd_state *random,
			 struct ttmem_reserve *req)
{
	memset(req, 0, sizeof(*req));
	draw_pool(model, random, &req->chip, &req->memory, &req->tag);
	req->size = ttmem_kunit_size(random);
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
			gauges[i].bytes = ttmem_kunit_size(random);
		gauges[i].largest_free = prandom_u32_state(random);
	}
	return count;
}

/* Returns what the driver has to answer, and does it if that is 0. */
int ttmem_model_reserve(struct ttmem_model *model, unsigned int account,
			const struct ttmem_reserve *req)
{
	struct ttmem_model_account *to = &model->account[account];
	u64 total = model->total[req->chip][req->memory], sum = 0;
	const struct sums *sums = add_up(model);
	unsigned int chip;

	if (to->closed)
		return -ENODEV;
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++)
		sum += sums->used[chip][req->memory];
	if (req->size > U64_MAX - sum)
		return -EOVERFLOW;
	if (total && !(req->flags & TTMEM_RESERVE_OVERCOMMIT) &&
	    sums->used[req->chip][req->memory] + req->size > total)
		return -ENOSPC;
	to->held[to->count++] = *req;
	note_peaks(model);
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
	unsigned int a, i, chip, memory, tag;
	bool fits = true;

	if (to->closed)
		return -ENODEV;
	memcpy(before, to->gauge, sizeof(before));
	for (i = 0; i < count; i++)
		to->gauge[gauges[i].chip][gauges[i].memory][gauges[i].tag] =
			(struct ttmem_model_gauge) { gauges[i].bytes, gauges[i].largest_free };

	/* Not with add_up(), which would not see that a sum has come around. */
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		u64 room = U64_MAX;

		for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
			const struct ttmem_model_account *of = &model->account[a];

			for (i = 0; i < of->count; i++) {
				u64 bytes = of->held[i].memory == memory ? of->held[i].size : 0;

				fits = fits && bytes <= room;
				room -= bytes;
			}
			for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					u64 bytes = of->gauge[chip][memory][tag].bytes;

					fits = fits && bytes <= room;
					room -= bytes;
				}
			}
		}
	}
	if (!fits) {
		memcpy(to->gauge, before, sizeof(before));
		return -EOVERFLOW;
	}
	note_peaks(model);
	return 0;
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

/* The card was invalidated, or is gone. */
void ttmem_model_close_all(struct ttmem_model *model)
{
	unsigned int a;

	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		memset(&model->account[a], 0, sizeof(model->account[a]));
		model->account[a].closed = true;
	}
}

/* Does to the card as well what sysfs.c does. */
void ttmem_model_write_total(struct ttmem_model *model, struct ttmem_card *card,
			     struct rnd_state *random)
{
	unsigned int chip = ttmem_kunit_below(random, model->chips);
	unsigned int memory = ttmem_kunit_below(random, TTMEM_MEMORIES);
	u64 total = ttmem_kunit_below(random, 3) ? ttmem_kunit_size(random) : 0;

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

	spin_lock(&card->lock);
	if (chip == model->chips) {
		ttmem_pool_restart_peak(&card->sum[memory]);
		model->sum_peak[memory] = 0;
	} else {
		ttmem_pool_restart_peak(&card->pool[chip][memory]);
		model->peak[chip][memory] = 0;
	}
	spin_unlock(&card->lock);
	note_peaks(model);
}

static const char *account_differs(const struct ttmem_model *model, const struct sums *sums,
				   unsigned int a, const struct ttmem_account *account)
{
	unsigned int chip, memory, tag;

	if (account->closed != model->account[a].closed)
		return "an account's being closed";
	for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			u64 bytes = 0;

			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				const struct ttmem_part *part = &account->part[chip][memory][tag];
				const struct ttmem_model_gauge *gauge =
					&model->account[a].gauge[chip][memory][tag];

				if (part->reserved != sums->reserved[a][chip][memory][tag])
					return "the bytes reserved under a tag";
				if (part->reservations != sums->count[a][chip][memory][tag])
					return "an account's reservations";
				if (part->gauge != gauge->bytes)
					return "a gauge";
				if (part->largest_free != gauge->largest_free)
					return "a largest free range";
				bytes += part->reserved + part->gauge;
			}
			if (account->bytes[chip][memory] != bytes)
				return "an account's bytes of a pool";
		}
	}
	return NULL;
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
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS && !what; a++)
		if (accounts[a])
			what = account_differs(model, sums, a, accounts[a]);
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		const struct ttmem_pool *sum = &card->sum[memory];
		u64 used = 0, tags[TTMEM_TAGS] = { };

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			const struct ttmem_pool *pool = &card->pool[chip][memory];

			if (pool->used != sums->used[chip][memory])
				what = "a pool's used";
			if (pool->peak != model->peak[chip][memory])
				what = "a pool's peak";
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
 *
 * Return: what does not add up, or NULL.
 */
const char *ttmem_kunit_unbalanced(struct ttmem_card *card)
{
	u64 used[TTMEM_CHIPS_MAX][TTMEM_MEMORIES] = { };
	u64 tags[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS] = { };
	u64 chip_clients[TTMEM_CHIPS_MAX] = { }, chip_reservations[TTMEM_CHIPS_MAX] = { };
	u64 clients = 0, reservations = 0;
	unsigned int chip, memory, tag;
	struct ttmem_account *account;
	const char *what = NULL;

	spin_lock(&card->lock);
	list_for_each_entry(account, &card->accounts, node) {
		bool any = false;

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			bool holds = false;

			for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
				u64 bytes = 0;

				for (tag = 0; tag < TTMEM_TAGS; tag++) {
					struct ttmem_part *part = &account->part[chip][memory][tag];

					bytes += part->reserved + part->gauge;
					tags[chip][memory][tag] += part->reserved + part->gauge;
					chip_reservations[chip] += part->reservations;
					reservations += part->reservations;
				}
				if (account->bytes[chip][memory] != bytes)
					what = "an account's bytes";
				used[chip][memory] += bytes;
				holds |= bytes != 0;
			}
			chip_clients[chip] += holds;
			any |= holds;
		}
		clients += any;
		if (any && account->closed)
			what = "a closed account holds something";
	}
	for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
		u64 sum = 0;

		for (chip = 0; chip < TTMEM_CHIPS_MAX; chip++) {
			struct ttmem_pool *pool = &card->pool[chip][memory];

			sum += pool->used;
			if (pool->used != used[chip][memory])
				what = "a pool's used";
			if (pool->peak < pool->used)
				what = "a pool's peak";
			for (tag = 0; tag < TTMEM_TAGS; tag++)
				if (pool->tag[tag] != tags[chip][memory][tag])
					what = "a pool's tag";
		}
		if (card->sum[memory].used != sum)
			what = "the card's used";
		if (card->sum[memory].peak < sum)
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
	spin_unlock(&card->lock);
	return what;
}
