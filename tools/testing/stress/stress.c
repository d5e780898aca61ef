// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main process of the stress test: fills the places of workers that end, kills some, and
 * after each round stops the world and checks the books.
 *
 * The world is stopped by freezing the cgroup that the workers are in. What is
 * frozen is in no system call, so the books are at rest wherever its processes
 * were, and must agree to the byte: what the pools have used, what the list of
 * clients says, and what the reservations of every client, and the counters in
 * its page, add up to. Some workers are then killed in their sleep: what was told
 * in their name is gone at the next look. In each third round all are killed
 * instead, and everything must be 0 at once.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../common/options.h"
#include "root.h"
#include "worker.h"

#define TICK_MS		20
#define BRAWL_MS	500

static pid_t workers[SLOTS_MAX], roles[ROLES];
static uint64_t lives[SLOTS_MAX];
static struct dice kills;
static uint64_t round_s = 10;
static double minutes = 1;
static uint64_t begin_ms;

static void group_write(const char *group, const char *file, const char *text)
{
	st_must_write(st_cgroup_path(group, file), text);
}

static bool group_is(void *event)
{
	char *text = st_slurp(st_cgroup_path(GROUP, "cgroup.events"));
	bool is;

	assert_non_null(text);
	is = strstr(text, event);
	free(text);
	return is;
}

static void make_groups(void)
{
	int slot, error = st_cgroup_make(GROUP);

	if (error) {
		fprintf(stderr, "stress: cgroup " GROUP ": %s; the guest's kernel needs cgroup v2\n",
			strerror(-error));
		exit(2);
	}
	group_write(GROUP, "cgroup.subtree_control", "+memory");
	for (slot = 0; slot < shared->slots; slot++) {
		error = st_cgroup_make(group_of(slot));
		if (error)
			fail_msg("cgroup %s: %s", group_of(slot), strerror(-error));
	}
}

/* How often a small cgroup has killed what was in it. */
static unsigned long long small_kills(void)
{
	unsigned long long kills = 0;
	char *text, *at;
	int slot;

	for (slot = 0; slot < shared->slots; slot++) {
		if (!slot_is_small(slot))
			continue;
		text = st_slurp(st_cgroup_path(group_of(slot), "memory.events"));
		at = text ? strstr(text, "oom_kill ") : NULL;
		kills += at ? strtoull(at + 9, NULL, 10) : 0;
		free(text);
	}
	return kills;
}

/* Call @fn with each process of the test. */
static void each_process(void (*fn)(pid_t pid, void *arg), void *arg)
{
	bool wide = false;
	char *pids, *pid, *save;
	int slot;

	for (slot = 0; slot < shared->slots; slot++) {
		if (!slot_is_small(slot) && wide)
			continue;
		wide |= !slot_is_small(slot);
		pids = st_slurp(st_cgroup_path(group_of(slot), "cgroup.procs"));
		assert_non_null(pids);
		for (pid = strtok_r(pids, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
			fn(atoi(pid), arg);
		free(pids);
	}
}

static void show_stack(pid_t pid, void *arg)
{
	char *text = st_slurp(st_text("/proc/%d/stack", (int)pid));

	(void)arg;
	printf("process %d:\n%s\n", (int)pid, text ? text : "");
	free(text);
}

static void await_group(const char *event)
{
	if (st_await(group_is, (void *)event))
		return;
	each_process(show_stack, NULL);
	fail_msg("the workers have not come to '%s' after %d s", event, ST_PATIENCE / 1000);
}

static pid_t begin_process(void)
{
	pid_t pid = st_fork();

	assert_true(pid >= 0);
	return pid;
}

static void fill_slot(int slot)
{
	pid_t pid;

	atomic_store(&shared->slot[slot].files, 0);
	pid = begin_process();
	if (!pid) {
		/* Until it has begun. */
		group_write(group_of(slot), "memory.max", "max");
		group_write(group_of(slot), "cgroup.procs", "0");
		worker(slot, lives[slot]);
		_exit(0);
	}
	workers[slot] = pid;
	atomic_store(&shared->slot[slot].pid, pid);
	lives[slot]++;
}

/* Whoever has ended: a worker, a child of one that was killed, or, by mistake, a role. */
static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < ROLES; i++)
			if (pid == roles[i])
				fail_msg("root's process %d ended with status %#x", i, status);
		worker_check_end(pid, status);
		for (i = 0; i < shared->slots; i++)
			if (workers[i] == pid) {
				workers[i] = 0;
				count(COUNT_KILLED, 1);
				count(COUNT_KILLED_FILES, atomic_load(&shared->slot[i].files));
			}
	}
}

static void tick(void)
{
	int i;

	reap();
	for (i = 0; i < shared->slots; i++)
		if (!workers[i])
			fill_slot(i);
	dice_step(&kills);
	i = dice_below(&kills, shared->slots);
	if (!dice_below(&kills, 20))
		kill(workers[i], SIGKILL);
	usleep(TICK_MS * 1000);
}

static void blow(uint64_t ms)
{
	uint64_t end = st_now_ms() + ms;

	while (st_now_ms() < end)
		tick();
}

/* A worker's threads are left alone with each other now and then. */
static void blow_with_brawls(uint64_t ms)
{
	uint64_t end = st_now_ms() + ms;

	while (st_now_ms() < end) {
		blow(BRAWL_MS);
		atomic_store(&shared->brawl, 1 + dice_below(&kills, shared->slots));
		blow(BRAWL_MS);
		atomic_store(&shared->brawl, 0);
		blow(BRAWL_MS);
	}
}

/* Root's processes end what they are at. The workers go on, and find all cards there. */
static void calm_root(void)
{
	uint64_t end = st_now_ms() + ST_PATIENCE;

	atomic_store(&shared->rest, 1);
	while (atomic_load(&shared->resting) < ROLES) {
		if (st_now_ms() > end)
			fail_msg("root's processes do not come to rest");
		tick();
	}
	root_put_back();
}

static void wake_root(void)
{
	atomic_store(&shared->resting, 0);
	atomic_store(&shared->rest, 0);
}

/* What a client's reservations add up to, by chip, memory and tag. */
struct sums {
	uint64_t bytes[2][2][5];
	uint64_t reservations[2][2][5];
};

static void sum_reservations(int fd, uint64_t client, struct sums *sums)
{
	static struct ttmem_reservation entries[512];
	struct ttmem_reservations list = {
		.client = client,
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(entries[0]),
	};
	uint32_t i;

	memset(sums, 0, sizeof(*sums));
	do {
		list.start = list.next;
		list.count = ARRAY_SIZE(entries);
		assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &list), 0);
		for (i = 0; i < list.count; i++) {
			const struct ttmem_reservation *r = &entries[i];

			assert_true(r->chip < 2 && st_tag_fits(r->memory, r->tag));
			sums->bytes[r->chip][r->memory][r->tag] += r->size;
			sums->reservations[r->chip][r->memory][r->tag]++;
		}
	} while (list.next);
}

static uint64_t total_reservations(const struct sums *sums)
{
	const uint64_t *n = &sums->reservations[0][0][0];
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < sizeof(sums->reservations) / sizeof(*n); i++)
		total += n[i];
	return total;
}

/*
 * The counters of clients that have some, while their processes are frozen: the file is
 * taken from the process, and its page read.
 */
#define CELLS	(2 * 16)

struct counters {
	uint64_t client;
	bool found;
	int64_t cell[CELLS];
};

struct counted {
	struct counters *list;
	size_t count;
};

static struct counters *find_counters(struct counted *counted, uint64_t client)
{
	size_t low = 0, high = counted->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (counted->list[middle].client < client)
			low = middle + 1;
		else
			high = middle;
	}
	return low < counted->count && counted->list[low].client == client ?
	       &counted->list[low] : NULL;
}

/* The client behind an open file of a process; 0 if there is none. */
static uint64_t client_of(pid_t pid, const char *fd)
{
	char *text = st_slurp(st_text("/proc/%d/fdinfo/%s", (int)pid, fd)), *at;
	uint64_t client;

	at = text ? strstr(text, "ttmem-client-id:") : NULL;
	client = at ? strtoull(at + 16, NULL, 10) : 0;
	free(text);
	return client;
}

static void read_counters(pid_t pid, void *arg)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd;
	struct counted *counted = arg;
	struct counters *counters;
	struct dirent *entry;
	int64_t *page;
	DIR *dir;

	dir = opendir(st_text("/proc/%d/fd", (int)pid));
	while (dir && pidfd >= 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		counters = find_counters(counted, client_of(pid, entry->d_name));
		if (!counters || counters->found)
			continue;
		fd = syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
		assert_true(fd >= 0);
		page = st_map(fd);
		assert_non_null(page);
		memcpy(counters->cell, page, sizeof(counters->cell));
		counters->found = true;
		munmap(page, sysconf(_SC_PAGESIZE));
		close(fd);
	}
	if (dir)
		closedir(dir);
	close(pidfd);
}

/* What the page says, as far as the bound leaves room for it. */
static void audit_counter(const struct st_line *lines, size_t n, const struct st_line *l,
			  struct counted *counted)
{
	const struct counters *counters = find_counters(counted, l->client);
	uint64_t room = TTMEM_CLIENT_BYTES_MAX;
	int64_t value;
	size_t i;

	/* On the way from one process to another it cannot be had. */
	if (!counters->found)
		return;
	for (i = 0; i < n; i++)
		if (lines[i].client == l->client && lines[i].chip == l->chip &&
		    lines[i].memory == l->memory && lines[i].tag != l->tag)
			room -= lines[i].bytes;
	value = counters->cell[TTMEM_COUNTER_INDEX(l->chip, l->memory, l->tag)];
	assert_true(value > 0);
	assert_int_equal(l->bytes, (uint64_t)value < room ? (uint64_t)value : room);
	count(COUNT_COUNTERS, 1);
}

/* Is it there, and not a process that nobody has reaped? */
static bool lives_on(pid_t pid)
{
	siginfo_t info = { 0 };

	if (kill(pid, 0))
		return false;
	/* Of another's child there is no more to know. */
	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid;
}

/*
 * Each line against the client's reservations and counters. Workers have gauges and
 * counters under tags of their own, so the lines of all other tags are made of
 * reservations alone.
 */
static void audit_card(int card, uint64_t *clients, uint64_t *reservations)
{
	uint64_t last = 0, listed = 0;
	struct counted counted = { 0 };
	struct st_line *lines;
	struct sums sums = { 0 };
	size_t n, i;
	int fd;

	st_check_books(card);
	fd = st_open(card);
	n = st_clients(card, &lines);
	counted.list = calloc(n + 1, sizeof(*counted.list));
	assert_non_null(counted.list);
	for (i = 0; i < n; i++)
		if (lines[i].tag == TTMEM_TAG_SYSTEM &&
		    (!counted.count || counted.list[counted.count - 1].client != lines[i].client))
			counted.list[counted.count++].client = lines[i].client;
	each_process(read_counters, &counted);
	for (i = 0; i < n; i++) {
		const struct st_line *l = &lines[i];

		if (l->client != last) {
			assert_int_equal(listed, total_reservations(&sums));
			sum_reservations(fd, l->client, &sums);
			last = l->client;
			listed = 0;
			++*clients;
			if (l->attributed)
				assert_true(l->pid && lives_on(l->pid));
		}
		assert_int_equal(l->reservations, sums.reservations[l->chip][l->memory][l->tag]);
		if (l->tag == TTMEM_TAG_SYSTEM)
			audit_counter(lines, n, l, &counted);
		else if (l->tag != TTMEM_TAG_TRACE && l->tag != TTMEM_TAG_CB)
			assert_int_equal(l->bytes, sums.bytes[l->chip][l->memory][l->tag]);
		listed += l->reservations;
	}
	assert_int_equal(listed, total_reservations(&sums));
	assert_int_equal(st_get(card, ST_CARD, "clients"), *clients);
	*reservations += st_get(card, ST_CARD, "reservations");
	free(counted.list);
	free(lines);
	close(fd);
}

/* Clients of the main process, each of which speaks for a worker. */
static struct agent {
	pid_t target;
	int fd;
	int card;
	uint64_t client;
	int64_t *page;
} agents[SLOTS_MAX];

static void begin_agents(void)
{
	int slot, error;

	for (slot = 0; slot < shared->slots; slot++) {
		struct agent *a = &agents[slot];

		*a = (struct agent){
			.target = workers[slot],
			.card = slot % shared->cards,
			.fd = st_open(slot % shared->cards),
		};
		a->client = st_client(a->fd);
		/* Any of it may come too late: then nothing is told. */
		error = a->target ? st_attribute(a->fd, a->target) : -ESRCH;
		if (!error)
			error = st_set(a->fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 4096 + slot);
		if (!error) {
			a->page = st_map(a->fd);
			error = a->page ? 0 : -errno;
		}
		if (!error)
			a->page[TTMEM_COUNTER_INDEX(0, TTMEM_L1, TTMEM_TAG_SYSTEM)] = 64 + slot;
		else
			assert_int_equal(error, -ESRCH);
	}
}

static uint64_t told_by(const struct agent *a, const struct st_line *lines, size_t n,
			uint32_t memory, uint32_t tag)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (lines[i].client != a->client)
			continue;
		assert_true(lines[i].attributed);
		assert_int_equal(lines[i].pid, a->target);
		if (lines[i].memory == memory && lines[i].tag == tag)
			bytes += lines[i].bytes;
	}
	return bytes;
}

/* What is told in the name of who lives is told, and of others nothing, for good. */
static void check_agents(void)
{
	struct st_line *lines;
	int card, slot;
	size_t n;

	for (card = 0; card < shared->cards; card++) {
		n = st_clients(card, &lines);
		for (slot = card; slot < shared->slots; slot += shared->cards) {
			struct agent *a = &agents[slot];
			bool alive = a->page && lives_on(a->target);

			assert_int_equal(told_by(a, lines, n, TTMEM_DRAM, TTMEM_TAG_TRACE),
					 alive ? 4096 + slot : 0);
			assert_int_equal(told_by(a, lines, n, TTMEM_L1, TTMEM_TAG_SYSTEM),
					 alive ? 64 + slot : 0);
			if (!alive && a->page)
				st_check_dead(a->fd, "exited");
		}
		free(lines);
	}
}

static void end_agents(void)
{
	int slot;

	for (slot = 0; slot < shared->slots; slot++) {
		if (agents[slot].page)
			munmap(agents[slot].page, sysconf(_SC_PAGESIZE));
		close(agents[slot].fd);
	}
}

/* In their sleep, which does not keep them from dying; nobody reaps them yet. */
static void kill_some(void)
{
	siginfo_t info;
	int slot;

	for (slot = 0; slot < shared->slots; slot += 3) {
		if (!workers[slot])
			continue;
		kill(workers[slot], SIGKILL);
		assert_int_equal(waitid(P_PID, workers[slot], &info, WEXITED | WNOWAIT), 0);
		count(COUNT_TARGETS, 1);
	}
}

static void say(const char *what)
{
	printf("stress: %4u s, %10llu operations, %8llu clients opened: %s\n",
	       (unsigned int)((st_now_ms() - begin_ms) / 1000),
	       (unsigned long long)shared->count[COUNT_OPERATIONS],
	       (unsigned long long)shared->count[COUNT_OPENED], what);
	fflush(stdout);
}

static void audit(void)
{
	uint64_t clients = 0, reservations = 0;
	char text[128];
	int card;

	for (card = 0; card < shared->cards; card++) {
		uint64_t of_card = 0;

		audit_card(card, &of_card, &reservations);
		clients += of_card;
	}
	check_agents();
	count(COUNT_AUDITED, clients);
	snprintf(text, sizeof(text), "the books agree on %" PRIu64 " clients, %" PRIu64
		 " reservations", clients, reservations);
	say(text);
}

static void check_frozen(void)
{
	begin_agents();
	group_write(GROUP, "cgroup.freeze", "1");
	await_group("frozen 1");
	audit();
	kill_some();
	audit();
	group_write(GROUP, "cgroup.freeze", "0");
	end_agents();
}

/* With the last process and the last file on its way, all is 0: at once, not after a while. */
static void check_killed(void)
{
	int i, card;

	begin_agents();
	for (i = 0; i < shared->slots; i++)
		if (workers[i])
			kill(workers[i], SIGKILL);
	/* Their children end by themselves, after some steps. */
	await_group("populated 0");
	for (i = 0; i < shared->slots; i++)
		worker_drain(i);
	for (card = 0; card < shared->cards; card++) {
		st_check_used(card, 0, 0);
		assert_int_equal(st_get(card, ST_CARD, "clients"), 0);
		assert_int_equal(st_get(card, ST_CARD, "reservations"), 0);
	}
	check_agents();
	end_agents();
	assert_int_equal(st_module_refs("ttmem"), 0);
	reap();
	say("all workers killed, the books are 0");
}

static void report(unsigned int rounds)
{
	static const char *const names[COUNTS] = {
		[COUNT_OPERATIONS] = "operations",
		[COUNT_OPENED] = "clients_opened",
		[COUNT_LOST] = "clients_that_lost_their_card",
		[COUNT_KILLED] = "processes_killed",
		[COUNT_KILLED_FILES] = "clients_of_killed_processes",
		[COUNT_FORKED] = "forks",
		[COUNT_EXECED] = "execs",
		[COUNT_PASSED] = "files_passed",
		[COUNT_ATTRIBUTED] = "clients_attributed",
		[COUNT_MAPPED] = "counter_pages_mapped",
		[COUNT_PULLED] = "cards_pulled",
		[COUNT_TTMEM] = "ttmem_reloaded",
		[COUNT_DRIVER] = "driver_reloaded",
		[COUNT_INVALIDATED] = "invalidations",
		[COUNT_AUDITED] = "clients_audited",
		[COUNT_COUNTERS] = "counters_audited",
		[COUNT_TARGETS] = "targets_killed",
	};
	int i;

	for (i = 0; i < COUNTS; i++)
		printf("%s %llu\n", names[i], (unsigned long long)shared->count[i]);
	printf("killed_for_memory %llu\n", small_kills());
	printf("rounds %u\n", rounds);
}

static void prepare(void)
{
	struct rlimit files = { 8192, 8192 };
	int slot, sock[2], card;

	if (geteuid()) {
		fprintf(stderr, "stress: it unloads modules and kills: run it as root, by make stress\n");
		exit(2);
	}
	shared->cards = st_cards();
	st_await_all_attached(true);
	for (card = 0; card < shared->cards; card++)
		st_check_used(card, 0, 0);
	root_find_cards();
	make_groups();
	if ((mkdir(HIDING_PROC, 0755) && errno != EEXIST) ||
	    mount("proc", HIDING_PROC, "proc", 0, "hidepid=2,gid=4242"))
		fail_msg(HIDING_PROC ": %s", strerror(errno));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	/* A child too is sent files and sends them, exec or not. */
	for (slot = 0; slot < shared->slots; slot++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, sock), 0);
		shared->slot[slot].send = sock[0];
		shared->slot[slot].receive = sock[1];
	}
}

static void begin_roles(void)
{
	int i;

	for (i = 0; i < ROLES; i++) {
		roles[i] = begin_process();
		if (!roles[i])
			root_role(i);
	}
}

static void end_roles(void)
{
	int i;

	for (i = 0; i < ROLES; i++) {
		pid_t pid = roles[i];

		roles[i] = 0;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void stress_all(void)
{
	uint64_t end = begin_ms + minutes * 60000;
	unsigned int rounds = 0;
	bool last;

	begin_roles();
	do {
		blow_with_brawls(round_s * 1000);
		calm_root();
		/* So that all cards have clients. */
		blow(round_s * 250);
		last = st_now_ms() >= end;
		if (!last && ++rounds % 3) {
			check_frozen();
		} else {
			rounds += last;
			check_frozen();
			check_killed();
		}
		if (last)
			end_roles();
		wake_root();
	} while (!last);
	report(rounds);
	umount2(HIDING_PROC, MNT_DETACH);
	rmdir(HIDING_PROC);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: stress [--minutes M] [--seed N] [--workers N] [--files N] [--round SECONDS]\n"
		"\n"
		"Many clients on all cards of a guest, while cards and modules come and go.\n"
		"`make stress` runs it. It loads and unloads modules: never run it on a machine\n"
		"that you need.\n"
		"\n"
		"  --minutes M      how long (default: 1; fractions may be)\n"
		"  --seed N         of every decision (default: a new one, which is printed)\n"
		"  --workers N      processes at a time, at most %d (default: 32)\n"
		"  --files N        clients that each of their two threads has open at most\n"
		"                   (default: 48)\n"
		"  --round SECONDS  from one check of the books to the next (default: %" PRIu64 ")\n",
		SLOTS_MAX, round_s);
}

static void parse(int argc, char **argv)
{
	uint64_t seed = time(NULL) * 1000003 + getpid(), slots = 32, files = 48;
	const struct st_option options[] = {
		{ "minutes", .amount = &minutes },
		{ "seed", .number = &seed, .most = UINT64_MAX },
		{ "workers", .number = &slots, .least = 1, .most = SLOTS_MAX },
		{ "files", .number = &files, .least = 1, .most = 1000 },
		{ "round", .number = &round_s, .least = 1, .most = 3600 },
		{ }
	};

	st_options(argc, argv, options, usage);
	shared->seed = seed;
	shared->slots = slots;
	shared->files = files;
}

int main(int argc, char **argv)
{
	/* There is no test to come back to: what fails aborts, and says so. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	if (argc == 7 && !strcmp(argv[1], "--heir")) {
		shared_map();
		return worker_heir(argv + 2);
	}

	shared_make();
	shared_map();
	parse(argc, argv);
	prepare();
	begin_ms = st_now_ms();
	printf("stress: seed %" PRIu64 ", %g minutes, %d cards, %d workers with %d clients each\n",
	       shared->seed, minutes, shared->cards, shared->slots, 2 * shared->files);
	fflush(stdout);
	dice_make(&kills, 'k', 0, 0);
	stress_all();
	printf("stress: passed\n");
	return 0;
}
