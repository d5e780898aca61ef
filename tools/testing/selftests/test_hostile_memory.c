// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that runs out under a hostile user's hand: several allocations in a row that fail,
 * a budget of bytes after which all do, a cgroup that is full. A single failure is retried
 * with another allocation in many places, so test_faults.c does not get to what comes after
 * the second. Each call is tried, and a card's coming. What failed has changed nothing, and
 * all memory comes back.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "calls.h"
#include "hostile.h"

#define CARD	0
#define GROUP	"hostile"

/* Slots of one node of a tree, and of a tree of two levels that is full. */
#define NODE	64
#define FULL	(NODE * NODE)

/*
 * What may be left of a cgroup's slab: each processor keeps the objects of a page to itself.
 * Up to 5.12 it also keeps up to 32 pages of the statistics, which later kernels collect
 * from all processors when memory.stat is read.
 */
static uint64_t slab_left(void)
{
	int major, minor, pages = 1, read;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	read = sscanf(name.release, "%d.%d", &major, &minor);
	assert_int_equal(read, 2);
	if (major < 5 || (major == 5 && minor < 13))
		pages += 32;
	return (uint64_t)pages * sysconf(_SC_PAGESIZE) * sysconf(_SC_NPROCESSORS_ONLN);
}

static void need_faults(void)
{
	if (!faults_possible()) {
		print_message("skipped: no CONFIG_FAILSLAB with CONFIG_FAULT_INJECTION_DEBUG_FS\n");
		skip();
	}
}

/**
 * struct group - what a cgroup's slab is compared with
 * @before: its bytes at first
 */
struct group {
	uint64_t before;
};

/* The processors give back what they have taken in advance, and tell what they have not yet. */
static void drain(void)
{
	assert_int_equal(st_write("/sys/fs/cgroup/" GROUP "/memory.high", "4096"), 0);
	assert_int_equal(st_write("/sys/fs/cgroup/" GROUP "/memory.high", "max"), 0);
}

static bool slab_is_back(void *arg)
{
	struct group *g = arg;

	drain();
	return cgroup_stat(GROUP, "slab") <= g->before + slab_left();
}

static void check_slab_back(struct group *g)
{
	/* What is freed after a grace period takes its time. */
	bool back = st_await(slab_is_back, g);

	print_message("a cgroup's slab was %" PRIu64 " bytes and has come back to %" PRIu64 "\n",
		      g->before, cgroup_stat(GROUP, "slab"));
	assert_true(back);
}

static void fail_in_nodes(int sock, void *arg)
{
	long rounds = *(long *)arg, nodes, failed = 0;

	cgroup_enter(GROUP);
	st_say(sock);
	st_hear(sock);
	while (rounds--)
		/* The tree gets a third level: three nodes are made, one after the other. */
		for (nodes = 0; nodes < 4; nodes++) {
			int fd = st_open(CARD), error;
			long made;

			st_reserve_many(fd, FULL);
			faults_begin(nodes * 576, 1000, "radix_tree_node");
			error = st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL);
			made = faults_end();
			assert_int_equal(error, made ? -ENOMEM : 0);
			failed += !!error;
			close(fd);
		}
	/* With no node, with one, and with two. */
	assert_int_equal(failed, 3 * *(long *)arg);
}

/*
 * A store that fails half-way leaves a node of the tree without an entry, which nobody
 * finds who looks for entries.
 */
static void test_empty_node(void **state)
{
	long rounds = st_many(400) < 400 ? 20 : 40;
	struct group g;
	struct st_child child;

	(void)state;
	need_faults();
	cgroup_make(GROUP, 0);
	child = st_spawn(fail_in_nodes, &rounds);
	st_hear(child.sock);
	g.before = cgroup_stat(GROUP, "slab");
	st_say(child.sock);
	st_join(&child);
	st_check_used(CARD, 0, 0);
	check_slab_back(&g);
	cgroup_remove(GROUP);
}

/*
 * The kernel writes of each process that it kills for memory, with its stack. That is no
 * complaint, so it is not to stand on the console, where the guest looks for complaints.
 */
static char *console;

static void quiet_console(void)
{
	console = st_slurp("/proc/sys/kernel/printk");
	assert_non_null(console);
	assert_int_equal(st_write("/proc/sys/kernel/printk", "4"), 0);
}

static void restore_console(void)
{
	if (console)
		st_write("/proc/sys/kernel/printk", console);
	free(console);
	console = NULL;
}

/* Fills a tree but for a few slots, and when told goes on until it is killed. */
static void fill_up(int sock, void *arg)
{
	int fd;

	cgroup_enter(GROUP);
	hostile_become(MALLORY);
	fd = st_open(CARD);
	st_reserve_many(fd, FULL - *(long *)arg);
	st_say(sock);
	st_hear(sock);
	for (;;)
		st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL);
}

/* The cgroup may have one page more than it has in use. */
static void leave_a_page(void)
{
	uint64_t current, last = 0;
	char text[32];

	drain();
	for (current = cgroup_current(GROUP); current != last; current = cgroup_current(GROUP)) {
		last = current;
		usleep(1000);
	}
	snprintf(text, sizeof(text), "%" PRIu64, current + 4096);
	assert_int_equal(st_write("/sys/fs/cgroup/" GROUP "/memory.max", text), 0);
}

/*
 * The last page goes for reservations, and what is left of it, each time less, for the nodes of
 * another level: with some lengths it ends between two of them.
 */
static void test_full_cgroup(void **state)
{
	long sweeps = st_many(400) < 400 ? 1 : 3, left, i;
	struct group g;
	uint64_t killed;

	(void)state;
	quiet_console();
	cgroup_make(GROUP, 0);
	killed = cgroup_event(GROUP, "oom_kill");
	g.before = cgroup_stat(GROUP, "slab");
	for (i = 0; i < sweeps; i++)
		for (left = 1; left <= 40; left++) {
			struct st_child child = st_spawn(fill_up, &left);

			st_hear(child.sock);
			leave_a_page();
			st_say(child.sock);
			assert_int_equal(hostile_end(&child), -SIGKILL);
			st_kill(&child);
			assert_int_equal(cgroup_event(GROUP, "oom_kill"), ++killed);
			assert_int_equal(st_write("/sys/fs/cgroup/" GROUP "/memory.max", "max"), 0);
		}
	restore_console();
	st_check_used(CARD, 0, 0);
	check_slab_back(&g);
	cgroup_remove(GROUP);
}

static void take_reservations(void)
{
	struct ttmem_reserve reserve = { .size = 64, .label = "a label" };
	int fd = st_open(CARD);

	for (;;)
		assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &reserve), 0);
}

static void take_files(void)
{
	for (;;)
		st_open(CARD);
}

static void take_pages(void)
{
	for (;;) {
		int64_t *page = st_map(st_open(CARD));

		*page = 1;
		munmap(page, sysconf(_SC_PAGESIZE));
	}
}

static void take_all(int sock, void *arg)
{
	void (*const *take)(void) = arg;

	(void)sock;
	hostile_allow_files(200000);
	cgroup_enter(GROUP);
	hostile_become(MALLORY);
	(*take)();
}

/* What a user makes the kernel keep is his own cgroup's, which ends him and nobody else. */
static void test_cgroup_pays(void **state)
{
	static void (*const ways[])(void) = { take_reservations, take_files, take_pages };
	int fd = st_open(CARD);
	struct group g;
	size_t i;

	(void)state;
	quiet_console();
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		void (*way)(void) = ways[i];
		struct st_child child;

		cgroup_make(GROUP, 8 * MIB);
		g.before = cgroup_stat(GROUP, "slab");
		child = st_spawn(take_all, &way);
		assert_int_equal(hostile_end(&child), -SIGKILL);
		assert_int_equal(cgroup_event(GROUP, "oom_kill"), 1);
		st_kill(&child);
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
		st_check_used(CARD, (i + 1) * MIB, 0);
		check_slab_back(&g);
		cgroup_remove(GROUP);
	}
	restore_console();
	close(fd);
}

/**
 * struct trial - a call that is made to fail wherever it allocates
 * @name: for the log
 * @held: reservations that the calling client holds
 * @step: bytes from one budget to the next; more where most of it is not ours
 * @call: 0 or a negative errno
 */
struct trial {
	const char *name;
	long held;
	long step;
	int (*call)(void);
};

static const struct trial trials[] = {
	{ "open", 0, 64, call_open },
	{ "INFO", 1, 64, call_info },
	{ "RESERVE, the client's first", 0, 64, call_reserve_labelled },
	{ "RESERVE, a new node", NODE, 64, call_reserve_labelled },
	{ "RESERVE, a new level", FULL, 64, call_reserve_labelled },
	{ "FREE", 3, 64, call_free },
	{ "FREE of all", 3, 64, call_free_all },
	{ "SET", 1, 64, call_set },
	{ "RESERVATIONS", 20, 64, call_list },
	{ "ATTRIBUTE", 0, 64, call_attribute },
	{ "mmap", 1, 64, call_map },
	{ "the list", 1, 256, call_read_clients },
	{ "a sum", 1, 256, call_read_card },
	{ "invalidation", 1, 256, call_invalidate },
};

static const char *const sums[] = { "dram_used", "l1_used", "clients", "reservations", "denied" };

static void note_sums(uint64_t noted[ARRAY_SIZE(sums)])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sums); i++)
		noted[i] = st_get(CARD, ST_CARD, sums[i]);
}

/* How often it has failed when @times allocations fail after each budget of bytes. */
static unsigned int try_budgets(const struct trial *t, long times)
{
	uint64_t before[ARRAY_SIZE(sums)], after[ARRAY_SIZE(sums)];
	unsigned int failed = 0;
	long budget, made = 1;
	int error;

	for (budget = 0; made; budget += t->step) {
		subject.opened = -1;
		subject.client = st_open(CARD);
		if (t->held) {
			st_reserve_many(subject.client, t->held - 1);
			assert_int_equal(st_reserve(subject.client, 0, TTMEM_L1, 0, 64, 0,
						    &subject.handle), 0);
		}
		note_sums(before);
		faults_begin(budget, times, NULL);
		error = t->call();
		made = faults_end();
		if (error) {
			if (!made || error != -ENOMEM)
				fail_msg("%s, %ld bytes%s: %s", t->name, budget,
					 made ? "" : ", no fault made", strerror(-error));
			failed++;
			note_sums(after);
			assert_memory_equal(before, after, sizeof(before));
			assert_int_equal(t->call(), 0);
		}
		subject_clean();
	}
	st_check_used(CARD, 0, 0);
	print_message("%s, %ld in a row: up to %ld bytes, failed %u times\n", t->name, times,
		      budget - t->step, failed);
	return failed;
}

static void test_budgets(void **state)
{
	unsigned int failed = 0;
	size_t i;

	(void)state;
	need_faults();
	for (i = 0; i < ARRAY_SIZE(trials); i++) {
		failed += try_budgets(&trials[i], 2);
		failed += try_budgets(&trials[i], 1000);
	}
	assert_true(failed > ARRAY_SIZE(trials));
}

/**
 * struct opener - a user who opens the node when told, and who tells him
 * @go: to open once, or all the time while it is set
 * @done: he has
 * @error: 0 or a negative errno
 * @stop: to end
 */
struct opener {
	int go;
	int done;
	int error;
	int stop;
};

static struct opener *make_opener(void)
{
	struct opener *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(o != MAP_FAILED);
	return o;
}

static int look_at(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void raise_flag(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static void open_when_told(int sock, void *arg)
{
	struct opener *o = arg;
	int fd;

	faults_mark(true);
	hostile_become(MALLORY);
	st_say(sock);
	while (!look_at(&o->stop)) {
		if (!look_at(&o->go)) {
			usleep(100);
			continue;
		}
		fd = st_try_open(CARD);
		o->error = fd < 0 ? fd : 0;
		close(fd);
		raise_flag(&o->go, 0);
		raise_flag(&o->done, 1);
	}
}

static bool is_done(void *arg)
{
	return look_at(&((struct opener *)arg)->done);
}

/* A user's open() leaves nothing that the module's end would find. */
static void test_open_of_a_user(void **state)
{
	struct opener *o = make_opener();
	struct st_child child;
	long budget;

	(void)state;
	need_faults();
	child = st_spawn(open_when_told, o);
	st_hear(child.sock);
	/* Less each time, and once too little: another one would mend what that has left. */
	for (budget = 8192; !o->error && budget >= 0; budget -= 64) {
		faults_arm(budget, 1000, NULL);
		raise_flag(&o->done, 0);
		raise_flag(&o->go, 1);
		assert_true(st_await(is_done, o));
		faults_disarm();
	}
	raise_flag(&o->stop, 1);
	st_join(&child);
	assert_int_equal(o->error, -ENOMEM);
	assert_int_equal(st_unload("ttmem"), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
	munmap(o, sizeof(*o));
}

#define KEPT_OPEN	64

/* A copy of the node leads to the card as soon as it comes, before its own node is there. */
static const char copied_node[] = "/tmp/hostile-node";

/* Opens while told to, and then says whether what it has got is what the card's state asks. */
static void open_in_between(int sock, void *arg)
{
	struct opener *o = arg;
	int fds[KEPT_OPEN], n = 0, i;

	hostile_become(MALLORY);
	st_say(sock);
	while (!look_at(&o->stop)) {
		int fd = n < KEPT_OPEN ? open(copied_node, O_RDWR | O_CLOEXEC) : -1;

		if (fd >= 0)
			fds[n++] = fd;
	}
	st_hear(sock);
	/* The parent has told by @error what each answer has to be. */
	for (i = 0; i < n; i++)
		assert_int_equal(st_reserve(fds[i], 0, TTMEM_DRAM, 0, 64, 0, NULL), o->error);
	o->done = n;
	st_say(sock);
}

/**
 * struct coming - what has become of the card when its coming had so many bytes
 * @made: allocations that have failed
 * @half: its driver is there, it is not
 * @opened: somebody has opened it in between
 */
struct coming {
	long made;
	bool half;
	bool opened;
};

static struct coming try_coming(struct opener *o, long budget)
{
	char books[64];
	struct st_child child;
	struct coming c;
	int error;

	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	memset(o, 0, sizeof(*o));
	child = st_spawn(open_in_between, o);
	st_hear(child.sock);
	faults_begin(budget, 2, NULL);
	error = st_bind(CARD);
	c.made = faults_end();
	assert_true(!error || c.made);
	raise_flag(&o->stop, 1);
	/* Without its node or a link from its driver's device it is there all the same. */
	snprintf(books, sizeof(books), "/sys/class/ttmem/ttmem%d", CARD);
	o->error = access(books, F_OK) ? -ENODEV : 0;
	st_say(child.sock);
	st_hear(child.sock);
	st_join(&child);
	c.half = !error && o->error;
	c.opened = o->error && o->done;
	if (error)
		assert_int_equal(st_bind(CARD), 0);
	if (!st_attached(CARD)) {
		assert_int_equal(st_unbind(CARD), 0);
		st_await_attached(CARD, false);
		assert_int_equal(st_bind(CARD), 0);
	}
	st_await_attached(CARD, true);
	st_check_used(CARD, 0, 0);
	return c;
}

/*
 * A card whose coming fails half-way could be opened in between. Who has done so has a client of
 * a card that is gone, not one of books that nobody sees.
 */
static void test_half_way(void **state)
{
	long coarse = 8192, fine = st_many(1000) < 1000 ? 512 : 64, budget, most;
	unsigned int tried = 0, half = 0, opened_half = 0;
	struct opener *o = make_opener();
	struct stat status;
	struct coming c;

	(void)state;
	need_faults();
	assert_int_equal(stat(st_node(CARD), &status), 0);
	unlink(copied_node);
	assert_int_equal(mknod(copied_node, S_IFCHR | 0666, status.st_rdev), 0);
	assert_int_equal(chmod(copied_node, 0666), 0);
	/* First how much it takes, then, close to that, each part of it: ttmem comes last. */
	for (most = 0; try_coming(o, most).made; most += coarse)
		;
	for (budget = most; budget > most - 4 * coarse && budget >= 0; budget -= fine) {
		c = try_coming(o, budget);
		tried++;
		half += c.half;
		opened_half += c.opened;
	}
	print_message("bind: %u budgets below %ld bytes, the card did not come %u times, and had been opened %u times then\n",
		      tried, most, half, opened_half);
	assert_true(half > 0 && half < tried && opened_half > 0);
	unlink(copied_node);
	munmap(o, sizeof(*o));
}

static int teardown(void **state)
{
	faults_stop();
	restore_console();
	return st_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_empty_node, teardown),
		cmocka_unit_test_teardown(test_full_cgroup, teardown),
		cmocka_unit_test_teardown(test_cgroup_pays, teardown),
		cmocka_unit_test_teardown(test_budgets, teardown),
		cmocka_unit_test_teardown(test_open_of_a_user, teardown),
		cmocka_unit_test_teardown(test_half_way, teardown),
	};

	return ST_RUN(tests);
}
