// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests against hostile users share; hostile.h says what is what.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hostile.h"

#define FAILSLAB	"/sys/kernel/debug/failslab"
#define MAY_STICK	"/proc/sys/vm/unprivileged_userfaultfd"

void hostile_become_member(uid_t uid, gid_t group)
{
	assert_int_equal(setgroups(1, &group), 0);
	assert_int_equal(setresgid(uid, uid, uid), 0);
	assert_int_equal(setresuid(uid, uid, uid), 0);
	/* Another user's process is not to die with its parent any more, unless told again. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

void hostile_become(uid_t uid)
{
	hostile_become_member(uid, uid);
}

void hostile_allow_files(long count)
{
	struct rlimit limit = { .rlim_cur = count + 64, .rlim_max = count + 64 };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void hostile_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

int hostile_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

int hostile_end(struct st_child *child)
{
	siginfo_t info;

	/* st_kill() and st_join() find it as it is now. */
	assert_int_equal(waitid(P_PID, child->pid, &info, WEXITED | WNOWAIT), 0);
	return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static void set_all_gauges(int fd, int chips)
{
	struct ttmem_gauge gauges[2 * 2 * ARRAY_SIZE(st_tag_names)];
	uint32_t chip, memory, tag, n = 0;

	memset(gauges, 0, sizeof(gauges));
	for (chip = 0; chip < (uint32_t)chips; chip++)
		for (memory = 0; memory < 2; memory++)
			for (tag = 0; tag < ARRAY_SIZE(st_tag_names); tag++)
				if (st_tag_fits(memory, tag)) {
					gauges[n].chip = chip;
					gauges[n].memory = memory;
					gauges[n].tag = tag;
					gauges[n++].bytes = 1;
				}
	assert_int_equal(st_set_many(fd, gauges, n, 0), 0);
}

static void crowd_main(int sock, void *arg)
{
	const struct crowd *crowd = arg;
	int chips = st_chips(crowd->card), fd;
	long i, size = sysconf(_SC_PAGESIZE);

	hostile_allow_files(crowd->files);
	hostile_become(crowd->uid);
	for (i = 0; i < crowd->files; i++) {
		fd = st_open(crowd->card);
		if (crowd->gauges)
			set_all_gauges(fd, chips);
		if (crowd->pages) {
			int64_t *page = st_map(fd);

			assert_non_null(page);
			page[TTMEM_COUNTER_INDEX(0, TTMEM_L1, TTMEM_TAG_BUFFER)] = 1;
			munmap(page, size);
		}
	}
	st_say(sock);
	/* However long that takes: until it is killed. */
	for (;;)
		pause();
}

void crowd_gather(struct crowd *crowd)
{
	crowd->child = st_spawn(crowd_main, crowd);
	st_hear(crowd->child.sock);
}

void crowd_go(struct crowd *crowd)
{
	st_kill(&crowd->child);
}

/**
 * struct bystander - it and who watches it
 * @uid: whose it is
 * @card: the card
 * @cpu: where it runs
 * @child: the process
 * @pairs: how many it has made
 * @longest: nanoseconds that one of them took, since it was asked last
 * @answer: what that was when it was asked
 * @asked: raised by the watcher, who waits for @answered to follow
 * @answered: the question seen last
 * @stop: to end
 */
struct bystander {
	uid_t uid;
	int card;
	int cpu;
	struct st_child child;
	uint64_t pairs;
	uint64_t longest;
	uint64_t answer;
	unsigned int asked;
	unsigned int answered;
	bool stop;
};

/* What was invalidated begins again; what is gone stays so, and is not looked for anew. */
static void reopen(int card, int *fd, bool *gone)
{
	int again = *gone ? -1 : st_try_open(card);

	*gone = again < 0;
	if (*gone)
		return;
	close(*fd);
	*fd = again;
}

static void stand_by(int sock, void *arg)
{
	struct bystander *b = arg;
	uint64_t last, now, handle;
	unsigned int asked;
	bool gone = false;
	int fd, error;

	hostile_pin(b->cpu);
	hostile_become(b->uid);
	fd = st_open(b->card);
	st_say(sock);
	last = st_now_ns();
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		error = st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, TTMEM_RESERVE_OVERCOMMIT, &handle);
		if (!error)
			error = st_free(fd, handle);
		if (error == -ENODEV)
			reopen(b->card, &fd, &gone);
		else
			assert_int_equal(error, 0);
		now = st_now_ns();
		if (now - last > b->longest)
			b->longest = now - last;
		last = now;
		__atomic_store_n(&b->pairs, b->pairs + 1, __ATOMIC_RELAXED);

		asked = __atomic_load_n(&b->asked, __ATOMIC_ACQUIRE);
		if (asked != b->answered) {
			b->answer = b->longest;
			b->longest = 0;
			__atomic_store_n(&b->answered, asked, __ATOMIC_RELEASE);
		}
	}
	close(fd);
}

struct bystander *bystander_start(uid_t uid, int card, int cpu)
{
	struct bystander *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(b != MAP_FAILED);
	b->uid = uid;
	b->card = card;
	b->cpu = cpu;
	b->child = st_spawn(stand_by, b);
	st_hear(b->child.sock);
	return b;
}

uint64_t bystander_pairs(const struct bystander *b)
{
	return __atomic_load_n(&b->pairs, __ATOMIC_RELAXED);
}

static bool has_answered(void *arg)
{
	struct bystander *b = arg;

	return __atomic_load_n(&b->answered, __ATOMIC_ACQUIRE) == b->asked;
}

uint64_t bystander_longest(struct bystander *b)
{
	/* A pair that takes long still has ended before this is answered, and is counted. */
	__atomic_store_n(&b->asked, b->asked + 1, __ATOMIC_RELEASE);
	if (!st_await(has_answered, b))
		fail_msg("the bystander does not get on");
	return b->answer;
}

void bystander_stop(struct bystander *b)
{
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	st_join(&b->child);
	munmap(b, sizeof(*b));
}

bool stuck_possible(void)
{
	return !access(MAY_STICK, F_OK);
}

/* A page that is missing and stays so, as the calling user may have one. */
static void *page_that_stays_out(void)
{
	long size = sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range;
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	assert_true(page != MAP_FAILED);
	if (fd < 0)
		fail_msg("userfaultfd: %s", strerror(errno));
	assert_int_equal(ioctl(fd, UFFDIO_API, &api), 0);
	range = (struct uffdio_register) {
		.range = { .start = (uintptr_t)page, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	assert_int_equal(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	return page;
}

/**
 * struct stuck_task - what a process is to get stuck in
 * @uid: whose it is
 * @fn: what it does with the page
 */
struct stuck_task {
	uid_t uid;
	void (*fn)(void *page);
};

static void get_stuck(int sock, void *arg)
{
	const struct stuck_task *task = arg;
	void *page;

	hostile_become(task->uid);
	page = page_that_stays_out();
	st_say(sock);
	task->fn(page);
	fail_msg("it came back");
}

bool stuck_still(struct st_child *child)
{
	/* wchan names nothing here on 5.10, which looks for frame pointers. */
	char *text = st_slurp(st_text("/proc/%d/stack", child->pid));
	bool stuck;

	assert_non_null(text);
	stuck = strstr(text, "userfault");
	free(text);
	return stuck;
}

static bool is_stuck(void *child)
{
	return stuck_still(child);
}

struct st_child stuck_in(uid_t uid, void (*fn)(void *page))
{
	struct stuck_task task = { .uid = uid, .fn = fn };
	char *before = st_slurp(MAY_STICK);
	struct st_child child;

	/* A file system in user space does as well, and takes no leave of root. */
	assert_int_equal(st_write(MAY_STICK, "1"), 0);
	child = st_spawn(get_stuck, &task);
	st_hear(child.sock);
	assert_int_equal(st_write(MAY_STICK, before), 0);
	free(before);
	if (!st_await(is_stuck, &child))
		fail_msg("the process is not stuck");
	return child;
}

void cgroup_make(const char *name, uint64_t limit)
{
	char text[32];

	assert_int_equal(st_cgroup_make(name), 0);
	snprintf(text, sizeof(text), "%" PRIu64, limit);
	assert_int_equal(st_write(st_cgroup_path(name, "memory.max"), limit ? text : "max"), 0);
	/* What is to be seen is the limit, not swap. */
	st_write(st_cgroup_path(name, "memory.swap.max"), "0");
}

void cgroup_enter(const char *name)
{
	assert_int_equal(st_write(st_cgroup_path(name, "cgroup.procs"), "0"), 0);
}

static uint64_t cgroup_number(const char *name, const char *file, const char *key)
{
	char *text = st_slurp(st_cgroup_path(name, file)), *row, *save;
	size_t length = strlen(key);
	uint64_t value = 0;
	bool found = false;

	assert_non_null(text);
	for (row = strtok_r(text, "\n", &save); row; row = strtok_r(NULL, "\n", &save))
		if (!strncmp(row, key, length) && row[length] == ' ') {
			value = strtoull(row + length, NULL, 10);
			found = true;
		}
	free(text);
	if (!found)
		fail_msg("%s of a cgroup has no %s", file, key);
	return value;
}

uint64_t cgroup_stat(const char *name, const char *key)
{
	return cgroup_number(name, "memory.stat", key);
}

uint64_t cgroup_event(const char *name, const char *key)
{
	return cgroup_number(name, "memory.events", key);
}

uint64_t cgroup_current(const char *name)
{
	char *text = st_slurp(st_cgroup_path(name, "memory.current"));
	uint64_t value;

	assert_non_null(text);
	value = strtoull(text, NULL, 10);
	free(text);
	return value;
}

static bool cgroup_is_removed(void *name)
{
	return !rmdir(st_cgroup_path(name, "")) || errno == ENOENT;
}

void cgroup_remove(const char *name)
{
	/* A process that has ended may be in it for a moment. */
	if (!st_await(cgroup_is_removed, (void *)name))
		fail_msg("cgroup %s: %s", name, strerror(errno));
}

/* /proc/self/make-it-fail, of the process that opened it. */
static int filter_fd = -1;
static pid_t filter_pid;
static long times_left;
static char cache_file[128];

static void failslab_put(const char *file, const char *text)
{
	st_must_write(st_text(FAILSLAB "/%s", file), text);
}

static long failslab_get(const char *file)
{
	char *text = st_slurp(st_text(FAILSLAB "/%s", file));
	long value;

	assert_non_null(text);
	value = atol(text);
	free(text);
	return value;
}

bool faults_possible(void)
{
	return !access(FAILSLAB, F_OK) && !access("/proc/self/make-it-fail", F_OK);
}

void faults_mark(bool on)
{
	if (filter_pid != getpid()) {
		filter_fd = open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC);
		assert_true(filter_fd >= 0);
		filter_pid = getpid();
	}
	assert_int_equal(pwrite(filter_fd, on ? "1" : "0", 1, 0), 1);
}

void faults_arm(long bytes, long times, const char *cache)
{
	char text[32];

	failslab_put("probability", "0");
	failslab_put("verbose", "0");
	failslab_put("interval", "1");
	failslab_put("ignore-gfp-wait", "N");
	failslab_put("task-filter", "Y");
	failslab_put("cache-filter", cache ? "Y" : "N");
	if (cache) {
		snprintf(cache_file, sizeof(cache_file), "/sys/kernel/slab/%s/failslab", cache);
		st_must_write(cache_file, "1");
	}
	/* It is taken from while it is above what an allocation takes. */
	snprintf(text, sizeof(text), "%ld", bytes + 1);
	failslab_put("space", text);
	times_left = times;
	snprintf(text, sizeof(text), "%ld", times);
	failslab_put("times", text);
	failslab_put("probability", "100");
}

long faults_disarm(void)
{
	failslab_put("probability", "0");
	failslab_put("cache-filter", "N");
	if (cache_file[0])
		st_write(cache_file, "0");
	cache_file[0] = '\0';
	return times_left - failslab_get("times");
}

void faults_begin(long bytes, long times, const char *cache)
{
	faults_arm(bytes, times, cache);
	faults_mark(true);
}

long faults_end(void)
{
	faults_mark(false);
	return faults_disarm();
}

void faults_stop(void)
{
	if (!faults_possible() || filter_pid != getpid())
		return;
	faults_end();
	close(filter_fd);
	filter_fd = -1;
	filter_pid = 0;
}
