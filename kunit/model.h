/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plain reference: lists of what is held, added up anew whenever a sum is asked for.
 * Nothing of it is kept as a sum but the peaks, which are history.
 */
#ifndef TTMEM_MODEL_H
#define TTMEM_MODEL_H

#include "../driver/card.h"

struct rnd_state;

#define TTMEM_MODEL_ACCOUNTS	6
#define TTMEM_MODEL_HELD	96

struct ttmem_model_gauge {
	u64 bytes;
	u64 largest_free;
};

/**
 * struct ttmem_model_account - what one client holds, item by item
 * @error: what its calls answer: 0, -ENODEV once invalidated, -ESRCH once the process
 *	that it spoke for is gone; then it holds nothing
 * @peak: the most that it held of each pool
 * @gauge: what it has set
 * @counter: what was counted at the last look
 * @count: entries of @held
 * @held: its reservations
 */
struct ttmem_model_account {
	int error;
	u64 peak[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	struct ttmem_model_gauge gauge[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	u64 counter[TTMEM_CHIPS_MAX][TTMEM_MEMORIES][TTMEM_TAGS];
	unsigned int count;
	struct ttmem_reserve held[TTMEM_MODEL_HELD];
};

struct ttmem_model {
	unsigned int chips;
	u64 total[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 peak[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 sum_peak[TTMEM_MEMORIES];
	/* What counters have risen by since all of them were read. */
	u64 unsettled[TTMEM_CHIPS_MAX][TTMEM_MEMORIES];
	u64 sum_unsettled[TTMEM_MEMORIES];
	u64 chip_denied[TTMEM_CHIPS_MAX];
	u64 denied;
	struct ttmem_model_account account[TTMEM_MODEL_ACCOUNTS];
};

void ttmem_model_begin(struct ttmem_model *model, const struct ttmem_card *card);
void ttmem_model_request(const struct ttmem_model *model, struct rnd_state *random,
			 struct ttmem_reserve *req);
unsigned int ttmem_model_gauges(const struct ttmem_model *model, struct rnd_state *random,
				struct ttmem_gauge *gauges, unsigned int room);
void ttmem_model_counters(struct rnd_state *random, s64 *counters);
int ttmem_model_reserve(struct ttmem_model *model, unsigned int account,
			const struct ttmem_reserve *req);
void ttmem_model_free(struct ttmem_model *model, unsigned int account, unsigned int index);
int ttmem_model_set(struct ttmem_model *model, unsigned int account,
		    const struct ttmem_gauge *gauges, unsigned int count);
u64 ttmem_model_clear(struct ttmem_model *model, unsigned int account, unsigned int chip);
void ttmem_model_count(struct ttmem_model *model, unsigned int account, const s64 *counters);
void ttmem_model_settle(struct ttmem_model *model);
void ttmem_model_restart_own_peaks(struct ttmem_model *model, unsigned int account);
bool ttmem_model_empty(const struct ttmem_model *model, unsigned int account);
void ttmem_model_deny(struct ttmem_model *model, unsigned int chip);
void ttmem_model_end(struct ttmem_model *model, unsigned int account, int error);
void ttmem_model_end_all(struct ttmem_model *model);
void ttmem_model_write_total(struct ttmem_model *model, struct ttmem_card *card,
			     struct rnd_state *random);
void ttmem_model_restart_peak(struct ttmem_model *model, struct ttmem_card *card,
			      struct rnd_state *random);
const char *ttmem_model_account_differs(const struct ttmem_model *model, unsigned int account,
					const struct ttmem_account *view);
const char *ttmem_model_differs(const struct ttmem_model *model, struct ttmem_card *card,
				struct ttmem_account *const *accounts);

const char *ttmem_kunit_unbalanced(struct ttmem_card *card,
				   struct ttmem_account *const *accounts, unsigned int count);
const char *ttmem_kunit_clients_unbalanced(struct ttmem_card *card);

/* The invariant that card.c promises, of a card whose accounts are clients'. */
#define TTMEM_EXPECT_BALANCED(test, card)					\
do {										\
	const char *_what = ttmem_kunit_clients_unbalanced(card);		\
										\
	if (_what)								\
		KUNIT_FAIL(test, "the books do not add up: %s", _what);		\
} while (0)

#endif /* TTMEM_MODEL_H */
