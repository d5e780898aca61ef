// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations of all that a client does, against the reference.
 */

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sort.h>

#include "../driver/ttmem.h"
#include "fixture.h"

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

/* The order in which a fold goes over clients, which the model's accounts do not tell. */
struct fold {
	unsigned int list[TTMEM_MODEL_ACCOUNTS];
	unsigned int count, next, left;
	u64 begun, completed;
};

struct world {
	struct ttmem_card *card;
	struct pid *dead;
	struct ttmem_model model;
	struct fold fold;
	struct ttmem_client *client[TTMEM_MODEL_ACCOUNTS];
	struct ttmem_account *account[TTMEM_MODEL_ACCOUNTS];
	struct pending pending[TTMEM_MODEL_ACCOUNTS];
	/* What the file keeps until it is closed, in the books or not. */
	unsigned int kept[TTMEM_MODEL_ACCOUNTS];
	s64 *counters[TTMEM_MODEL_ACCOUNTS];
	bool attributed[TTMEM_MODEL_ACCOUNTS];
	bool dying[TTMEM_MODEL_ACCOUNTS];
	struct ttmem_reservation page[TTMEM_MODEL_HELD + 1];
	struct given *given;
	unsigned int given_count;
	unsigned int prepared, published, full, bound, denied, stale, freed, freed_all, sets;
	unsigned int set_refused, invalidations, dead_calls, lists, pictures, restarts, looks;
	unsigned int killed, attributions, attributions_busy, exits, made_room;
};

/* The fold of the model */

static void fold_add(struct world *w, unsigned int a)
{
	unsigned int i;

	for (i = 0; i < w->fold.count; i++)
		if (w->fold.list[i] == a)
			return;
	w->fold.list[w->fold.count++] = a;
}

static void fold_remove(struct world *w, unsigned int a)
{
	unsigned int i;

	for (i = 0; i < w->fold.count && w->fold.list[i] != a; i++)
		;
	if (i == w->fold.count)
		return;
	if (i < w->fold.next)
		w->fold.next--;
	w->fold.count--;
	memmove(&w->fold.list[i], &w->fold.list[i + 1],
		(w->fold.count - i) * sizeof(w->fold.list[0]));
	if (!w->fold.count)
		ttmem_model_settle(&w->model);
}

static void look_at(struct world *w, unsigned int a)
{
	if (w->model.account[a].error)
		return;
	if (w->attributed[a] && w->dying[a]) {
		ttmem_model_end(&w->model, a, -ESRCH);
		fold_remove(w, a);
		w->exits++;
	} else if (w->counters[a]) {
		ttmem_model_count(&w->model, a, w->counters[a]);
	}
}

static void fold_step(struct world *w)
{
	struct fold *fold = &w->fold;

	if (!fold->left) {
		fold->begun++;
		fold->left = fold->count;
		fold->next = 0;
	}
	if (fold->next == fold->count) {
		fold->left = 0;
	} else {
		fold->left--;
		look_at(w, fold->list[fold->next++]);
	}
	if (!fold->left) {
		fold->completed = fold->begun;
		ttmem_model_settle(&w->model);
	}
}

static void look_at_all(struct world *w)
{
	u64 wanted = w->fold.begun + 1;

	while (w->fold.count && w->fold.completed < wanted)
		fold_step(w);
}

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
		n = ttmem_reservation_list(w->client[a], 0, next, w->page, room, &next, &total);
		if (account->error)
			return n == account->error;
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

/* Whether the picture is what the model has, and whose it is. */
static const char *picture_differs(struct world *w, unsigned int a)
{
	struct ttmem_client_picture picture = { };
	bool in_books = ttmem_client_picture(w->client[a], &picture);
	const char *differs;

	if (in_books == !!w->model.account[a].error)
		return "whether a picture is in the books";
	differs = ttmem_model_account_differs(&w->model, a, &picture.account);
	if (!differs && in_books && picture.attributed != w->attributed[a])
		differs = "whether a picture is attributed";
	if (!differs && in_books && !w->dying[a] &&
	    pid_nr(picture.pid) != (w->attributed[a] ? 1 : task_tgid_nr(current)))
		differs = "the process of a picture";
	put_pid(picture.pid);
	return differs;
}

/*
 * Make the pool of what is pending so small that it fits only once a look has found that
 * some client's counter went to 0.
 */
static void tighten(struct world *w, const struct ttmem_reserve *req)
{
	struct ttmem_pool *pool = &w->card->pool[req->chip][req->memory];
	unsigned int a, tag;
	u64 counter;

	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		for (tag = 0; tag < TTMEM_TAGS; tag++) {
			counter = w->model.account[a].counter[req->chip][req->memory][tag];
			if (!counter)
				continue;
			w->counters[a][TTMEM_COUNTER_INDEX(req->chip, req->memory, tag)] = 0;
			spin_lock(&w->card->lock);
			pool->total = pool->used - counter + req->size;
			spin_unlock(&w->card->lock);
			w->model.total[req->chip][req->memory] = pool->total;
			return;
		}
	}
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

	switch (ttmem_kunit_below(random, 160)) {
	case 0 ... 39: {
		struct ttmem_held *held;

		if (pending->held || account->count == TTMEM_MODEL_HELD)
			return NULL;
		ttmem_model_request(&w->model, random, &pending->req);
		held = ttmem_reservation_prepare(client, &pending->req);
		if (w->kept[a] >= ttmem_max_reservations) {
			if (account->error) {
				w->dead_calls++;
				return held == ERR_PTR(account->error) ? NULL :
				       "prepare at the limit of a client that is not in the books";
			}
			w->denied++;
			ttmem_model_deny(&w->model, pending->req.chip);
			return held == ERR_PTR(-EDQUOT) ? NULL : "prepare at the limit";
		}
		if (IS_ERR(held))
			return "prepare";
		w->prepared++;
		pending->held = held;
		pending->req.handle = ttmem_reservation_handle(held);
		w->given[w->given_count++] = (struct given) { client->id, pending->req.handle };
		return NULL;
	}
	case 40 ... 75:
		if (!pending->held)
			return NULL;
		if (!ttmem_kunit_below(random, 8))
			tighten(w, &pending->req);
		expected = ttmem_model_reserve(&w->model, a, &pending->req);
		if ((expected == -ENOSPC || expected == -EDQUOT) && w->fold.count) {
			look_at_all(w);
			expected = ttmem_model_reserve(&w->model, a, &pending->req);
			w->made_room += !expected;
		}
		if (expected == -ENOSPC || expected == -EDQUOT)
			ttmem_model_deny(&w->model, pending->req.chip);
		err = ttmem_reservation_publish(client, pending->held);
		pending->held = NULL;
		w->kept[a] += !err;
		w->published += !err;
		w->full += err == -ENOSPC;
		w->bound += err == -EDQUOT;
		w->dead_calls += err == -ENODEV || err == -ESRCH;
		return err == expected ? NULL : "publish";
	case 76 ... 78:
		if (!pending->held)
			return NULL;
		ttmem_reservation_abandon(client, pending->held);
		pending->held = NULL;
		return NULL;
	case 79 ... 98:
		if (!account->count)
			return NULL;
		i = ttmem_kunit_below(random, account->count);
		err = ttmem_reservation_free(client, account->held[i].handle);
		ttmem_model_free(&w->model, a, i);
		w->kept[a]--;
		w->freed++;
		return err ? "free" : NULL;
	case 99 ... 104: {
		/* Any number that was ever given, to whomever. */
		u64 handle;

		if (!w->given_count)
			return NULL;
		handle = w->given[ttmem_kunit_below(random, w->given_count)].handle;
		err = ttmem_reservation_free(client, handle);
		if (account->error)
			return err == account->error ? NULL :
			       "free of a client that is not in the books";
		if (model_find(account, handle) < 0) {
			w->stale++;
			return err == -ENOENT ? NULL : "free of a stale handle";
		}
		ttmem_model_free(&w->model, a, model_find(account, handle));
		w->kept[a]--;
		return err ? "free of a handle that another client has too" : NULL;
	}
	case 105 ... 106:
		chip = ttmem_kunit_below(random, 3);
		err = ttmem_reservation_free_all(client, chip == 2 ? TTMEM_ALL_CHIPS : chip,
						 &bytes, &reservations);
		if (account->error)
			return err == account->error ? NULL :
			       "free_all of a client that is not in the books";
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
			w->kept[a]--;
		}
		w->freed_all++;
		return err || reservations || bytes != expected_bytes ? "free_all" : NULL;
	case 107 ... 116: {
		bool restart = !ttmem_kunit_below(random, 4);

		i = ttmem_model_gauges(&w->model, random, gauges, ARRAY_SIZE(gauges));
		if (restart && !ttmem_kunit_below(random, 4))
			i = 0;
		err = ttmem_counter_set(client, gauges, i, restart);
		look_at(w, a);
		expected = ttmem_model_set(&w->model, a, gauges, i);
		if (!expected && restart) {
			ttmem_model_restart_own_peaks(&w->model, a);
			w->restarts++;
		}
		w->sets += !err;
		w->set_refused += err == -EDQUOT;
		return err == expected ? NULL : "set";
	}
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
		ttmem_model_end_all(&w->model);
		w->invalidations++;
		return ttmem_card_invalidate(w->card) ? "invalidate" : NULL;
	case 121 ... 123:
		w->lists++;
		return list_matches(w, a, 1 + ttmem_kunit_below(random, TTMEM_MODEL_HELD)) ?
		       NULL : "list";
	case 124 ... 125:
		w->pictures++;
		return picture_differs(w, a);
	case 126 ... 127: {
		struct page *page = ttmem_counter_page(client);

		if (account->error)
			return page == ERR_PTR(account->error) ? NULL :
			       "mmap of a client that is not in the books";
		if (IS_ERR(page))
			return "mmap";
		w->counters[a] = page_address(page);
		fold_add(w, a);
		return NULL;
	}
	case 128 ... 137:
		if (w->counters[a])
			ttmem_model_counters(random, w->counters[a]);
		return NULL;
	case 138 ... 140:
		ttmem_look_client(client);
		look_at(w, a);
		return NULL;
	case 141 ... 143:
		w->looks++;
		err = ttmem_look_card(w->card);
		look_at_all(w);
		return err ? "look" : NULL;
	case 144 ... 147:
		/* One step, and the rest is left to who comes next. */
		be_killed(true);
		err = ttmem_look_card(w->card);
		be_killed(false);
		if (!w->fold.count)
			return err ? "look where there is nothing to read" : NULL;
		w->killed++;
		fold_step(w);
		return err == -EINTR ? NULL : "look of one who is killed";
	case 148 ... 149:
		expected = account->error;
		if (!expected && (w->attributed[a] || !ttmem_model_empty(&w->model, a)))
			expected = -EBUSY;
		err = ttmem_client_attribute(client, 1);
		w->attributions_busy += err == -EBUSY;
		if (!expected) {
			w->attributions++;
			w->attributed[a] = true;
			memset(account->peak, 0, sizeof(account->peak));
			fold_add(w, a);
		}
		return err == expected ? NULL : "attribute";
	case 150:
		/* The process dies, and at first nobody sees it. */
		if (w->attributed[a] && !account->error && !w->dying[a]) {
			give_to(client, w->dead);
			w->dying[a] = true;
		}
		return NULL;
	case 151:
		err = ttmem_client_check(client);
		if (w->attributed[a] && w->dying[a])
			look_at(w, a);
		return err == account->error ? NULL : "check";
	default:
		/* A file that goes takes nothing with it that is under way. */
		if (pending->held || (!account->error && ttmem_kunit_below(random, 4)))
			return NULL;
		close_client(client);
		ttmem_model_end(&w->model, a, 0);
		fold_remove(w, a);
		w->kept[a] = 0;
		w->counters[a] = NULL;
		w->attributed[a] = false;
		w->dying[a] = false;
		w->client[a] = ttmem_client_open(w->card);
		if (IS_ERR(w->client[a]))
			return "open";
		w->account[a] = &w->client[a]->account;
		return NULL;
	}
}

/* What the driver has beside the books. */
static const char *rest_differs(struct world *w)
{
	const struct ttmem_fold *fold = &w->card->fold;
	unsigned int a;

	if (fold->count != w->fold.count)
		return "how many clients a fold has";
	if (fold->left != w->fold.left)
		return "how many clients a fold has yet to read";
	if (fold->begun != w->fold.begun || fold->completed != w->fold.completed)
		return "how many folds there were";
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++)
		if (atomic_read(&w->client[a]->reservations) !=
		    w->kept[a] + !!w->pending[a].held)
			return "how many reservations a file keeps";
	return NULL;
}

static void random_operations_match_the_reference(struct kunit *test)
{
	unsigned int operation, a, i;
	const char *wrong = NULL;
	struct rnd_state random;
	struct world *w;

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	w->given = kvcalloc(ttmem_kunit_operations, sizeof(*w->given), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w->given);
	w->card = ttmem_card_create(5, &ttmem_kunit_n300);
	KUNIT_ASSERT_NOT_NULL(test, w->card);
	ttmem_model_begin(&w->model, w->card);
	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		w->client[a] = ttmem_client_open(w->card);
		KUNIT_ASSERT_FALSE(test, IS_ERR(w->client[a]));
		w->account[a] = &w->client[a]->account;
	}
	w->dead = dead_process(test);
	ttmem_kunit_seed(test, &random);

	for (operation = 0; operation < ttmem_kunit_operations && !wrong; operation++) {
		wrong = operate(w, &random);
		if (!wrong)
			wrong = ttmem_model_differs(&w->model, w->card, w->account);
		if (!wrong)
			wrong = ttmem_kunit_clients_unbalanced(w->card);
		if (!wrong)
			wrong = rest_differs(w);
		if (wrong)
			KUNIT_FAIL(test, "after operation %u: %s", operation, wrong);
	}

	for (a = 0; a < TTMEM_MODEL_ACCOUNTS; a++) {
		if (IS_ERR(w->client[a]))
			continue;
		if (w->pending[a].held)
			ttmem_reservation_abandon(w->client[a], w->pending[a].held);
		close_client(w->client[a]);
	}
	ttmem_max_reservations = TTMEM_SLOTS;
	put_pid(w->dead);
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
	ttmem_kunit_happened(test, "room after a look", w->made_room);
	ttmem_kunit_happened(test, "refused, the client's bound", w->bound);
	ttmem_kunit_happened(test, "refused, limit", w->denied);
	ttmem_kunit_happened(test, "freed", w->freed);
	ttmem_kunit_happened(test, "stale handles", w->stale);
	ttmem_kunit_happened(test, "freed as a whole", w->freed_all);
	ttmem_kunit_happened(test, "gauges set", w->sets);
	ttmem_kunit_happened(test, "gauges refused, the client's bound", w->set_refused);
	ttmem_kunit_happened(test, "own peaks restarted", w->restarts);
	ttmem_kunit_happened(test, "looks", w->looks);
	ttmem_kunit_happened(test, "looks of one who is killed", w->killed);
	ttmem_kunit_happened(test, "attributions", w->attributions);
	ttmem_kunit_happened(test, "attributions refused", w->attributions_busy);
	ttmem_kunit_happened(test, "exits seen", w->exits);
	ttmem_kunit_happened(test, "invalidations", w->invalidations);
	ttmem_kunit_happened(test, "calls on what is not in the books", w->dead_calls);
	ttmem_kunit_happened(test, "lists", w->lists);
	ttmem_kunit_happened(test, "pictures", w->pictures);
}

static struct kunit_case random_cases[] = {
	KUNIT_CASE_SLOW(random_operations_match_the_reference),
	{ }
};

struct kunit_suite ttmem_random_suite = {
	.name = "ttmem_random",
	.suite_init = fixture_suite_init,
	.suite_exit = fixture_suite_exit,
	.test_cases = random_cases,
};
