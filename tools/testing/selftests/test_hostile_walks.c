// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile user has as many files, gauges, pages and reservations as he can get, and
 * something walks over them all. Others reserve and free meanwhile, one on another processor
 * and one on the same: neither waits for the walk.
 *
 * A card takes 2^22 clients; that many do not fit this machine, so KUnit tries the limit.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>

#include "hostile.h"

/* Files of the crowd; half of that where each has a page. */
#define FILES		100000
#define RESERVATIONS	200000

/*
 * The longest wait: at most this part of the walk, or, in nanoseconds, what a process waits
 * anyway on a processor of its own and on one that it shares.
 */
#define PART		20
#define OWN		10000000ull
#define SHARED		60000000ull
/*
 * A machine that is emulated on a busy one stands still for longer than that, also while
 * somebody merely computes, and for longer still in a walker who has a lock at that moment. There
 * less is asked: this part of the walk, or this many times the wait beside who computes.
 */
#define BUSY_PART	4
#define BUSY_TIMES	2
/* Pairs: at least so many, in the time of the walk, or in that and a second where it is short. */
#define PAIRS		1000
#define SECOND		1000000000ull
/* While the walk goes on, at least this part of those while somebody merely computes. */
#define SHARE		5
#define NOTICEABLE	20000000ull
/* What goes wrong because of the walk goes wrong each time. */
#define TRIES		12
#define DEAR_TRIES	4

static int card;
/* On a processor of its own, and on that of the walk. */
static struct bystander *bystanders[2];

/**
 * struct walk - what is walked, and what was seen beside it
 * @uid: who walks, 0 for what only root may do
 * @fn: the walk
 * @took: nanoseconds that it took
 * @within: pairs of each bystander during the walk
 * @longest: the longest wait of each, in nanoseconds
 * @pairs: of each, during the walk and shortly after it
 */
struct walk {
	uid_t uid;
	void (*fn)(void);
	uint64_t took;
	uint64_t within[2];
	uint64_t longest[2];
	uint64_t pairs[2];
};

static void walk(struct walk *w)
{
	uint64_t before[2], begin = st_now_ns();
	int i;

	for (i = 0; i < 2; i++)
		before[i] = bystander_pairs(bystanders[i]);
	w->fn();
	w->took = st_now_ns() - begin;
	for (i = 0; i < 2; i++)
		w->within[i] = bystander_pairs(bystanders[i]) - before[i];
}

static void walk_as(int sock, void *arg)
{
	struct walk *w = arg;

	hostile_pin(0);
	if (w->uid)
		hostile_become(w->uid);
	st_say(sock);
	st_hear(sock);
	walk(w);
	st_say(sock);
}

/* The walk, by another process or by the caller, between two questions to the bystanders. */
static struct walk watch(uid_t uid, void (*fn)(void), bool here)
{
	struct walk *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0), seen;
	struct st_child child = { 0 };
	uint64_t before[2], end;
	int i;

	assert_true(w != MAP_FAILED);
	w->uid = uid;
	w->fn = fn;
	if (!here) {
		child = st_spawn(walk_as, w);
		st_hear(child.sock);
	}
	for (i = 0; i < 2; i++) {
		before[i] = bystander_pairs(bystanders[i]);
		bystander_longest(bystanders[i]);
	}
	if (here) {
		walk(w);
	} else {
		st_say(child.sock);
		st_hear(child.sock);
	}
	end = st_now_ns() + SECOND;
	for (i = 0; i < 2; i++) {
		while (bystander_pairs(bystanders[i]) - before[i] < PAIRS && st_now_ns() < end)
			usleep(1000);
		w->longest[i] = bystander_longest(bystanders[i]);
		w->pairs[i] = bystander_pairs(bystanders[i]) - before[i];
	}
	if (!here)
		st_join(&child);
	seen = *w;
	munmap(w, sizeof(*w));
	return seen;
}

static uint64_t burn_time;

static void burn(void)
{
	uint64_t end = st_now_ns() + burn_time;

	while (st_now_ns() < end)
		getppid();
}

static uint64_t highest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whether neither has waited for the walk. */
static bool is_good(const char *name, const struct walk *w)
{
	static const uint64_t anyway[] = { OWN, SHARED };
	bool good = true, busy;
	struct walk idle;
	int i;

	burn_time = w->took < NOTICEABLE ? NOTICEABLE : w->took < SECOND ? w->took : SECOND;
	idle = watch(MALLORY, burn, false);
	busy = idle.longest[0] > OWN;
	for (i = 0; i < 2; i++) {
		uint64_t allowed = highest(w->took / (busy ? BUSY_PART : PART), anyway[i]);
		double share = ((double)w->within[i] / w->took) /
			       ((double)(idle.within[i] + 1) / idle.took);

		if (busy)
			allowed = highest(allowed, BUSY_TIMES * idle.longest[i]);
		print_message("%s: %.1f ms; %s: longest wait %.1f ms (else %.1f)%s, %.2f of the pairs, %lu in all\n",
			      name, w->took / 1e6, i ? "on its processor" : "on another",
			      w->longest[i] / 1e6, idle.longest[i] / 1e6, busy ? ", busy" : "",
			      share, (unsigned long)w->pairs[i]);
		good = good && w->longest[i] <= allowed && w->pairs[i] >= PAIRS &&
		       (w->took < NOTICEABLE || share >= 1.0 / SHARE);
	}
	return good;
}

static void call_bystanders(void)
{
	bystanders[0] = bystander_start(ALICE, card, hostile_cpus() - 1);
	bystanders[1] = bystander_start(ALICE, card, 0);
}

static void dismiss_bystanders(void)
{
	bystander_stop(bystanders[0]);
	bystander_stop(bystanders[1]);
}

/* What may be done again is, until it was good once. The test is over when all is tried. */
static bool try_again(const char *name, uid_t uid, void (*fn)(void))
{
	struct walk w = { 0 };
	bool good = false;
	int tries;

	call_bystanders();
	for (tries = 0; !good && tries < (w.took > SECOND ? DEAR_TRIES : TRIES); tries++) {
		w = watch(uid, fn, false);
		good = is_good(name, &w);
	}
	dismiss_bystanders();
	if (!good)
		print_error("%s: others had to wait each time\n", name);
	return good;
}

/* What takes away what it walks over has that anew for each try; @undo is for the rest. */
static void try_anew(const char *name, struct crowd *crowd, void (*fn)(void), void (*undo)(void))
{
	bool good = false;
	struct walk w;
	int tries;

	for (tries = 0; !good && tries < DEAR_TRIES; tries++) {
		/* Not after the crowd: they would have its files, too, and no close be the last. */
		call_bystanders();
		crowd_gather(crowd);
		w = watch(0, fn, true);
		good = is_good(name, &w);
		dismiss_bystanders();
		crowd_go(crowd);
		if (undo)
			undo();
	}
	if (!good)
		fail_msg("%s: others had to wait each time", name);
}

static char buffer[65536];

static void read_list(void)
{
	int fd = open(ST_LIST, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		;
	assert_int_equal(got, 0);
	close(fd);
}

/* The whole walk in one call. */
static void seek_in_list(void)
{
	int fd = open(ST_LIST, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	lseek(fd, 1ll << 40, SEEK_SET);
	close(fd);
}

static void ask_for_unknown(void)
{
	struct ttmem_reservations list = {
		.client = 1ull << 60,
		.entry_size = sizeof(struct ttmem_reservation),
	};
	int fd = st_open(card);

	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &list), -ENOENT);
	close(fd);
}

static void look_at_sums(void)
{
	assert_true(st_get(card, ST_CARD, "l1_used") > 0);
}

static void invalidate(void)
{
	assert_int_equal(st_put(card, ST_CARD, "invalidate", "1"), 0);
}

static void unplug(void)
{
	assert_int_equal(st_remove(card), 0);
}

static void plug(void)
{
	assert_int_equal(st_rescan(card), 0);
	st_await_all_attached(true);
}

static struct crowd crowd_of(long files, bool gauges, bool pages)
{
	return (struct crowd) {
		.uid = MALLORY, .card = card, .files = files, .gauges = gauges, .pages = pages,
	};
}

static void test_list_of_gauges(void **state)
{
	struct crowd crowd = crowd_of(st_many(FILES), true, false);
	bool good;

	(void)state;
	crowd_gather(&crowd);
	good = try_again("reading the list, files with gauges", MALLORY, read_list);
	good = try_again("a seek in the list, files with gauges", MALLORY, seek_in_list) && good;
	good = try_again("RESERVATIONS of an unknown id", MALLORY, ask_for_unknown) && good;
	good = try_again("reading a sum", MALLORY, look_at_sums) && good;
	crowd_go(&crowd);
	assert_true(good);
}

static void test_list_of_nothing(void **state)
{
	struct crowd crowd = crowd_of(st_many(FILES), false, false);
	bool good;

	(void)state;
	crowd_gather(&crowd);
	good = try_again("reading the list, files that hold nothing", MALLORY, read_list);
	good = try_again("a seek in the list, files that hold nothing", MALLORY, seek_in_list) &&
	       good;
	crowd_go(&crowd);
	assert_true(good);
}

static void test_pages(void **state)
{
	struct crowd crowd = crowd_of(st_many(FILES) / 2, false, true);
	bool good;

	(void)state;
	crowd_gather(&crowd);
	assert_int_equal(st_get(card, ST_CARD, "l1_used"), crowd.files);
	good = try_again("reading a sum, files with pages", MALLORY, look_at_sums);
	good = try_again("reading the list, files with pages", MALLORY, read_list) && good;
	crowd_go(&crowd);
	assert_true(good);
}

static void test_invalidation(void **state)
{
	struct crowd crowd = crowd_of(st_many(FILES), true, false);

	(void)state;
	try_anew("invalidation", &crowd, invalidate, NULL);
}

static void test_unplug(void **state)
{
	struct crowd crowd = crowd_of(st_many(FILES), true, false);

	(void)state;
	try_anew("unplug", &crowd, unplug, plug);
}

static struct crowd *killed;

static void kill_crowd(void)
{
	kill(killed->child.pid, SIGKILL);
	assert_int_equal(hostile_end(&killed->child), -SIGKILL);
}

/* All that it had open is closed by the kernel, one after the other. */
static void test_kill(void **state)
{
	static struct crowd crowd;

	(void)state;
	crowd = crowd_of(st_many(FILES), true, false);
	killed = &crowd;
	try_anew("kill", &crowd, kill_crowd, NULL);
}

/* The file that a walk works on, where it takes one. */
static int walked = -1;

static void fill(void)
{
	long i;

	walked = st_open(card);
	for (i = 0; i < st_many(RESERVATIONS); i++)
		assert_int_equal(st_reserve(walked, 0, TTMEM_L1, 0, 1, TTMEM_RESERVE_OVERCOMMIT,
					    NULL), 0);
}

static void page_through_own(void)
{
	static struct ttmem_reservation entries[512];
	struct ttmem_reservations list = { .entries = (uintptr_t)entries };

	do {
		list.count = ARRAY_SIZE(entries);
		list.entry_size = sizeof(entries[0]);
		list.start = list.next;
		assert_int_equal(st_call(walked, TTMEM_IOC_RESERVATIONS, &list), 0);
	} while (list.next);
}

static void free_all(void)
{
	assert_int_equal(st_free_all(walked), 0);
}

static void close_it(void)
{
	close(walked);
	walked = -1;
}

static bool try_on_full(const char *name, void (*fn)(void))
{
	bool good = false;
	struct walk w;
	int tries;

	for (tries = 0; !good && tries < DEAR_TRIES; tries++) {
		call_bystanders();
		fill();
		w = watch(0, fn, true);
		good = is_good(name, &w);
		close(walked);
		dismiss_bystanders();
	}
	return good;
}

static void test_reservations(void **state)
{
	bool good;

	(void)state;
	good = try_on_full("FREE of all", free_all);
	good = try_on_full("close", close_it) && good;
	fill();
	good = try_again("paging through reservations", 0, page_through_own) && good;
	close(walked);
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_list_of_gauges),
		ST_TEST(test_list_of_nothing),
		ST_TEST(test_pages),
		ST_TEST(test_invalidation),
		ST_TEST(test_unplug),
		ST_TEST(test_kill),
		ST_TEST(test_reservations),
	};

	/* One with two chips has the most gauges. */
	card = st_card_with_chips(2);
	if (card < 0)
		card = 0;
	hostile_pin(0);
	return ST_RUN(tests);
}
