// SPDX-License-Identifier: GPL-2.0-only
/*
 * The races that only a delay shows. The first half asks the module to
 * sleep at a point (test_delay_points, in a build for tests only) and lets
 * something else happen meanwhile; without those parameters it is skipped. The
 * second half stalls the copying of a call with userfaultfd, for as long as it
 * wants.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "selftest.h"

#define CARD 0
/* Long enough for the other side to come, on an emulated machine too. */
#define DELAY_MS "700"

/* One thing that happens beside another. Its result is what the call gave. */
struct job {
	pthread_t thread;
	int (*run)(struct job *job);
	int fd;
	void *argument;
	unsigned long request;
	volatile pid_t tid;
	volatile bool stop;
	volatile int rounds;
	int result;
};

static void *job_main(void *arg)
{
	struct job *job = arg;

	job->tid = gettid();
	job->result = job->run(job);
	return NULL;
}

static void start(struct job *job, int (*run)(struct job *job))
{
	job->run = run;
	job->tid = 0;
	job->stop = false;
	job->rounds = 0;
	assert_int_equal(pthread_create(&job->thread, NULL, job_main, job), 0);
}

/* What does not come back in time hangs, and that is the failure. */
static int finish(struct job *job, const char *what)
{
	struct timespec end;

	job->stop = true;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ST_PATIENCE / 1000;
	if (pthread_timedjoin_np(job->thread, NULL, &end))
		fail_msg("%s does not come to an end", what);
	return job->result;
}

static bool has_gone_round(void *arg)
{
	return ((struct job *)arg)->rounds > 1;
}

/* Whether a job sleeps in the kernel where no signal wakes it: where it was told to. */
static bool is_delayed(void *arg)
{
	struct job *job = arg;
	char *text = st_slurp(st_text("/proc/self/task/%d/stat", (int)job->tid));
	bool asleep;

	asleep = text && strstr(text, ") D ");
	free(text);
	return asleep;
}

static int job_unload(struct job *job)
{
	return st_unload(job->argument);
}

static int job_load(struct job *job)
{
	return st_load("TTMEM_KO", job->argument);
}

static int job_unbind(struct job *job)
{
	return st_unbind(job->fd);
}

static int job_bind(struct job *job)
{
	return st_bind(job->fd);
}

static int job_call(struct job *job)
{
	return st_ioctl(job->fd, job->request, job->argument);
}

static void delay_module(const char *points)
{
	if (access(st_param_path("test_delay_points"), F_OK)) {
		print_message("skipped: ttmem is not built for tests (TTMEM_TEST=1)\n");
		skip();
	}
	st_set_param("test_delay_points", points);
	st_set_param("test_delay_ms", DELAY_MS);
}

static void end_delay(void)
{
	st_set_param("test_delay_ms", "0");
}

static bool module_is(const char *state)
{
	char *text = st_slurp("/sys/module/ttmem/initstate");
	bool is = text && !strncmp(text, state, strlen(state));

	free(text);
	return is;
}

static bool module_is_going(void *arg)
{
	(void)arg;
	return module_is("going");
}

static bool module_is_coming(void *arg)
{
	(void)arg;
	return module_is("coming");
}

/* ttmem goes; a card does while it is at it. */
static void exit_against(const char *points, int (*pull)(int card), int (*put_back)(int card))
{
	struct job unload = { .argument = "ttmem" };

	delay_module(points);
	start(&unload, job_unload);
	assert_true(st_await(module_is_going, NULL));
	assert_int_equal(pull(CARD), 0);
	if (st_cards() > 1)
		assert_int_equal(pull(1), 0);
	assert_int_equal(finish(&unload, "unloading ttmem"), 0);
	assert_int_equal(put_back(CARD), 0);
	if (st_cards() > 1)
		put_back(1);
	st_await_all_attached(false);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
}

static void test_exit_against_unbind(void **state)
{
	(void)state;
	exit_against("exit", st_unbind, st_bind);
}

static void test_exit_in_detach_against_unbind(void **state)
{
	(void)state;
	exit_against("detach", st_unbind, st_bind);
}

static void test_exit_against_remove(void **state)
{
	(void)state;
	exit_against("exit,detach", st_remove, st_rescan);
}

/* The driver goes as a whole while ttmem does. */
static void test_exit_against_driver_unload(void **state)
{
	struct job unload = { .argument = "ttmem" };

	(void)state;
	delay_module("exit,detach");
	start(&unload, job_unload);
	assert_true(st_await(module_is_going, NULL));
	assert_int_equal(st_unload("tenstorrent"), 0);
	assert_int_equal(finish(&unload, "unloading ttmem"), 0);
	assert_int_equal(st_load("DRIVER_KO", ""), 0);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
}

/* ttmem goes while a card is being attached: it may come, but not stay. */
static void test_exit_against_attach(void **state)
{
	struct job binding = { .fd = CARD };

	(void)state;
	delay_module("attach");
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	start(&binding, job_bind);
	assert_true(st_await(is_delayed, &binding));
	assert_int_equal(st_unload("ttmem"), 0);
	st_await_all_attached(false);
	assert_int_equal(finish(&binding, "binding a card"), 0);
	st_await_all_attached(false);
	assert_int_equal(st_load("TTMEM_KO", ""), 0);
	st_await_all_attached(true);
}

/* ttmem comes and walks the cards; they go and come meanwhile, each is there once. */
static void load_against(const char *parameters)
{
	struct job load = { .argument = (void *)parameters };
	int card;

	delay_module("probe_walk");
	assert_int_equal(st_unload("ttmem"), 0);
	start(&load, job_load);
	assert_true(st_await(module_is_coming, NULL));
	for (card = st_cards() - 1; card >= 0; card--) {
		assert_int_equal(st_unbind(card), 0);
		assert_int_equal(st_bind(card), 0);
	}
	assert_int_equal(finish(&load, "loading ttmem"), 0);
	st_await_all_attached(true);
	end_delay();
	/* Attached once: detached once it is away. */
	assert_int_equal(st_unbind(CARD), 0);
	st_await_attached(CARD, false);
	assert_int_equal(st_bind(CARD), 0);
	st_await_all_attached(true);
}

static void test_load_against_rebind(void **state)
{
	(void)state;
	load_against("test_delay_points=probe_walk test_delay_ms=" DELAY_MS);
}

static void test_load_attaching_against_rebind(void **state)
{
	(void)state;
	load_against("test_delay_points=attach test_delay_ms=" DELAY_MS);
}

/* Cards that nobody drives are bound while ttmem looks for bound ones. */
static void test_load_against_probe(void **state)
{
	struct job load = {
		.argument = "test_delay_points=probe_walk,attach test_delay_ms=" DELAY_MS,
	};
	int card;

	(void)state;
	delay_module("probe_walk");
	assert_int_equal(st_unload("ttmem"), 0);
	for (card = 0; card < st_cards(); card++)
		assert_int_equal(st_unbind(card), 0);
	start(&load, job_load);
	assert_true(st_await(module_is_coming, NULL));
	for (card = 0; card < st_cards(); card++)
		assert_int_equal(st_bind(card), 0);
	assert_int_equal(finish(&load, "loading ttmem"), 0);
	st_await_all_attached(true);
	for (card = 0; card < st_cards(); card++)
		st_check_used(card, 0, 0);
}

/* The driver is loaded while ttmem is. */
static void test_load_against_driver_load(void **state)
{
	struct job load = {
		.argument = "test_delay_points=probe_walk,attach test_delay_ms=" DELAY_MS,
	};

	(void)state;
	delay_module("probe_walk");
	assert_int_equal(st_unload("ttmem"), 0);
	assert_int_equal(st_unload("tenstorrent"), 0);
	start(&load, job_load);
	assert_int_equal(st_load("DRIVER_KO", ""), 0);
	assert_int_equal(finish(&load, "loading ttmem"), 0);
	st_await_all_attached(true);
}

/* Handlers that are inside while their card goes. */
static int job_show(struct job *job)
{
	char path[256], *text;

	snprintf(path, sizeof(path), "%s", st_path(CARD, 0, job->argument));
	while (!job->stop) {
		text = st_slurp(path);
		if (!text && errno != ENODEV && errno != ENOENT)
			return -errno;
		free(text);
		job->rounds++;
	}
	return 0;
}

static int job_store(struct job *job)
{
	const char *name = job->argument;
	char path[256];
	int error;

	snprintf(path, sizeof(path), "%s",
		 st_path(CARD, !strcmp(name, "invalidate") ? ST_CARD : 0, name));
	while (!job->stop) {
		error = st_write(path, strstr(name, "peak") ? "0" : "1");
		if (error && error != -ENODEV && error != -ENOENT)
			return error;
		job->rounds++;
	}
	return 0;
}

static int job_open(struct job *job)
{
	char path[64];

	snprintf(path, sizeof(path), "%s", st_node(CARD));
	while (!job->stop) {
		struct ttmem_info info;
		int fd = open(path, O_RDWR | O_CLOEXEC), error;

		if (fd < 0 && errno != ENOENT && errno != ENXIO && errno != ENODEV)
			return -errno;
		/* Open or not; if it is, it may be of a card that is gone by now. */
		if (fd >= 0) {
			error = st_info(fd, &info);
			close(fd);
			if (error && error != -ENODEV)
				return error;
		}
		job->rounds++;
	}
	return 0;
}

/* Three at it, the card taken away and given back twice. */
static void detach_against(const char *points, int (*run)(struct job *job),
			   const char *const names[3])
{
	struct job jobs[3] = { { 0 } };
	int i;

	delay_module(points);
	for (i = 0; i < 3; i++) {
		jobs[i].argument = (void *)names[i];
		start(&jobs[i], run);
	}
	for (i = 0; i < 2; i++) {
		assert_true(st_await(has_gone_round, &jobs[0]));
		assert_int_equal(st_unbind(CARD), 0);
		assert_true(access(st_node(CARD), F_OK) < 0);
		assert_int_equal(st_bind(CARD), 0);
		jobs[0].rounds = 0;
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(finish(&jobs[i], "a handler of a card that is gone"), 0);
	end_delay();
	st_await_attached(CARD, true);
}

static void test_show_against_detach(void **state)
{
	static const char *const names[3] = { "dram_used", "l1_free", "clients" };

	(void)state;
	detach_against("show", job_show, names);
}

static void test_store_against_detach(void **state)
{
	static const char *const names[3] = { "dram_peak", "l1_peak", "invalidate" };

	(void)state;
	detach_against("store", job_store, names);
}

static void test_open_against_detach(void **state)
{
	static const char *const names[3] = { NULL, NULL, NULL };

	(void)state;
	detach_against("open", job_open, names);
}

static void test_all_against_slow_detach(void **state)
{
	static const char *const names[3] = { "dram_used", "l1_used", "reservations" };

	(void)state;
	detach_against("detach,attach,show", job_show, names);
}

static int job_reserve(struct job *job)
{
	return st_reserve(job->fd, 0, TTMEM_DRAM, 0, MIB, 0, job->argument);
}

/* A reservation on its way while its books are closed: nothing of it stays. */
static void test_reserve_against_end(void **state)
{
	struct job reserve = { .fd = st_open(CARD) };

	(void)state;
	delay_module("reserve");
	start(&reserve, job_reserve);
	assert_true(st_await(is_delayed, &reserve));
	/* Nobody has seen it yet; one look, a delay is short on a slow machine. */
	assert_int_equal(st_get(CARD, 0, "dram_used"), 0);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	assert_int_equal(finish(&reserve, "RESERVE"), -ENODEV);
	st_check_used(CARD, 0, 0);
	close(reserve.fd);

	reserve.fd = st_open(CARD);
	start(&reserve, job_reserve);
	assert_true(st_await(is_delayed, &reserve));
	assert_int_equal(st_unbind(CARD), 0);
	assert_int_equal(finish(&reserve, "RESERVE"), -ENODEV);
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	st_check_used(CARD, 0, 0);
}

/*
 * A page whose next fault waits until release() lets it: writing to it if it is
 * write-protected, touching it at all if it is missing.
 */
struct stall {
	int fd;
	void *page;
	size_t size;
	bool missing;
};

static struct stall make_stall(bool missing)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = missing ? 0 : UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register area = { 0 };
	struct stall stall = { .size = sysconf(_SC_PAGESIZE), .missing = missing };

	stall.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (stall.fd < 0 || ioctl(stall.fd, UFFDIO_API, &api)) {
		print_message("skipped: the kernel has no userfaultfd that stalls writes\n");
		skip();
	}
	stall.page = mmap(NULL, stall.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	assert_true(stall.page != MAP_FAILED);
	if (!missing)
		memset(stall.page, 0, stall.size);
	area.range.start = (uintptr_t)stall.page;
	area.range.len = stall.size;
	area.mode = missing ? UFFDIO_REGISTER_MODE_MISSING : UFFDIO_REGISTER_MODE_WP;
	assert_int_equal(ioctl(stall.fd, UFFDIO_REGISTER, &area), 0);
	return stall;
}

static void write_protect(struct stall *stall, bool protect)
{
	struct uffdio_writeprotect change = {
		.range = { (uintptr_t)stall->page, stall->size },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	assert_int_equal(ioctl(stall->fd, UFFDIO_WRITEPROTECT, &change), 0);
}

/* Returns when somebody stands at the page. */
static void await_stalled(struct stall *stall)
{
	struct pollfd ready = { .fd = stall->fd, .events = POLLIN };
	struct uffd_msg message;

	assert_int_equal(poll(&ready, 1, ST_PATIENCE), 1);
	assert_int_equal(read(stall->fd, &message, sizeof(message)), sizeof(message));
	assert_int_equal(message.event, UFFD_EVENT_PAGEFAULT);
	assert_int_equal(!!(message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP),
			 !stall->missing);
}

static void release(struct stall *stall, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)stall->page,
		.src = (uintptr_t)content,
		.len = stall->size,
	};

	if (stall->missing)
		assert_int_equal(ioctl(stall->fd, UFFDIO_COPY, &copy), 0);
	else
		write_protect(stall, false);
}

static void end_stall(struct stall *stall)
{
	close(stall->fd);
	munmap(stall->page, stall->size);
}

/* A RESERVE of a MiB that waits where its handle is to be written. */
struct stalled_reserve {
	struct stall stall;
	struct job job;
};

static void stall_reserve(struct stalled_reserve *it, int fd)
{
	struct ttmem_reserve request = {
		.argsz = sizeof(request),
		.size = MIB,
		.cookie = 77,
		.label = "stalled",
	};

	it->stall = make_stall(false);
	memcpy(it->stall.page, &request, sizeof(request));
	write_protect(&it->stall, true);
	it->job = (struct job){
		.fd = fd,
		.argument = it->stall.page,
		.request = TTMEM_IOC_RESERVE,
	};
	start(&it->job, job_call);
	await_stalled(&it->stall);
}

static int end_reserve(struct stalled_reserve *it, uint64_t *handle)
{
	int error;

	release(&it->stall, NULL);
	error = finish(&it->job, "a RESERVE let go");
	*handle = ((struct ttmem_reserve *)it->stall.page)->handle;
	end_stall(&it->stall);
	return error;
}

/* While it stalls, all others go their way; then it is made as if nothing had been. */
static void test_stalled_reserve_and_frees(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD), i;
	struct ttmem_free all = { .flags = TTMEM_FREE_ALL };
	struct stalled_reserve stalled;
	uint64_t handles[100], handle;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, &handles[i]), 0);
	stall_reserve(&stalled, fd);
	st_check_used(CARD, 100 * 4096, 0);
	for (i = 0; i < 50; i++)
		assert_int_equal(st_free(fd, handles[i]), 0);
	st_check_used(CARD, 50 * 4096, 0);
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &all), 0);
	assert_int_equal(all.reservations, 50);
	assert_int_equal(all.bytes, 50 * 4096);
	st_check_used(CARD, 0, 0);
	/* The file is as usable as ever, to this thread and to others. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, &handles[0]), 0);
	assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	st_check_used(CARD, 128, 0);

	assert_int_equal(end_reserve(&stalled, &handle), 0);
	assert_int_not_equal(handle, handles[0]);
	st_check_used(CARD, MIB + 128, 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_free(fd, handle), -ENOENT);
	st_check_used(CARD, 128, 0);
}

/* Its number is written before anyone can free it, and until then names nothing. */
static void test_stalled_reserve_cannot_be_freed(void **state)
{
	struct stalled_reserve stalled;
	uint64_t handle, guess;
	struct ttmem_reservation entry;
	struct ttmem_reservations list = {
		.entries = (uintptr_t)&entry,
		.count = 1,
		.entry_size = sizeof(entry),
	};
	int fd = st_open(CARD), twin = st_open(CARD);

	(void)state;
	/* Two new files number alike: the twin tells what the next handle will be. */
	assert_int_equal(st_reserve(twin, 0, TTMEM_L1, 0, 64, 0, &guess), 0);
	stall_reserve(&stalled, fd);
	assert_int_equal(st_free(fd, guess), -ENOENT);
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &list), 0);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.total, 0);
	assert_int_equal(list.next, 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 0);
	assert_int_equal(end_reserve(&stalled, &handle), 0);
	/* Else the guess has shown nothing. */
	assert_int_equal(handle, guess);
	assert_int_equal(st_free(fd, handle), 0);
	st_check_used(CARD, 0, 64);
}

static void test_stalled_reserve_and_full_pool(void **state)
{
	uint64_t total = st_get(CARD, 0, "dram_total"), handle;
	uint64_t denied = st_get(CARD, 0, "denied");
	int fd = st_open(CARD), other = st_open(CARD);
	struct stalled_reserve stalled;

	(void)state;
	stall_reserve(&stalled, fd);
	/* Nothing was set aside for it. */
	assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, total, 0, NULL), 0);
	assert_int_equal(end_reserve(&stalled, &handle), -ENOSPC);
	assert_int_equal(st_get(CARD, 0, "denied"), denied + 1);
	st_check_used(CARD, total, 0);
	assert_int_equal(st_free(fd, handle), -ENOENT);
}

static void test_stalled_reserve_and_invalidate(void **state)
{
	struct stalled_reserve stalled;
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	stall_reserve(&stalled, fd);
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	st_check_used(CARD, 0, 0);
	assert_int_equal(end_reserve(&stalled, &handle), -ENODEV);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "invalidated");
}

/* A stalled call keeps no card from going. */
static void check_pull_goes_through(int fd)
{
	struct job pull = { .fd = CARD };

	start(&pull, job_unbind);
	assert_int_equal(finish(&pull, "unbinding a card while a call stalls"), 0);
	st_check_dead(fd, "gone");
	assert_int_equal(st_bind(CARD), 0);
	st_await_attached(CARD, true);
	st_check_used(CARD, 0, 0);
}

static void test_stalled_reserve_and_pulled_card(void **state)
{
	struct stalled_reserve stalled;
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	stall_reserve(&stalled, fd);
	check_pull_goes_through(fd);
	assert_int_equal(end_reserve(&stalled, &handle), -ENODEV);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "gone");
}

static void wait_told(int sock, void *arg)
{
	(void)arg;
	st_hear(sock);
}

/* The process that it is made for goes in the middle of it. */
static void test_stalled_reserve_and_dead_target(void **state)
{
	struct st_child target = st_spawn(wait_told, NULL);
	struct stalled_reserve stalled;
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_attribute(fd, target.pid), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	stall_reserve(&stalled, fd);
	st_kill(&target);
	st_check_used(CARD, 0, 0);
	assert_int_equal(end_reserve(&stalled, &handle), -ESRCH);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
}

/* Nobody has looked yet when it is made: it does not stay longer than the next look. */
static void test_stalled_reserve_and_unseen_death(void **state)
{
	struct st_child target = st_spawn(wait_told, NULL);
	struct stalled_reserve stalled;
	int fd = st_open(CARD), error;
	uint64_t handle;

	(void)state;
	assert_int_equal(st_attribute(fd, target.pid), 0);
	stall_reserve(&stalled, fd);
	st_kill(&target);
	error = end_reserve(&stalled, &handle);
	assert_true(!error || error == -ESRCH);
	st_check_used(CARD, 0, 0);
	st_check_dead(fd, "exited");
}

/* The last descriptor is closed in the middle of a call: the call still has the file. */
static void test_stalled_reserve_and_close(void **state)
{
	struct stalled_reserve stalled;
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	stall_reserve(&stalled, fd);
	close(fd);
	st_check_used(CARD, MIB, 0);
	assert_int_equal(end_reserve(&stalled, &handle), 0);
	/* The thread is joined, and its file went with it. */
	st_check_used(CARD, 0, 0);
}

static void stall_and_be_killed(int sock, void *arg)
{
	struct stalled_reserve stalled;
	int fd = st_open(CARD);

	(void)arg;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	stall_reserve(&stalled, fd);
	st_say(sock);
	st_hear(sock);
}

static void test_stalled_reserve_killed(void **state)
{
	struct stall probe = make_stall(false);
	struct st_child child;

	(void)state;
	end_stall(&probe);
	child = st_spawn(stall_and_be_killed, NULL);
	st_hear(child.sock);
	st_check_used(CARD, MIB, 0);
	st_kill(&child);
	st_check_used(CARD, 0, 0);
}

/* The other calls that copy: none holds up a card, nor another client. */
static void test_stalled_list(void **state)
{
	struct stall stall = make_stall(false);
	struct ttmem_reservations list = {
		.argsz = sizeof(list),
		.entries = (uintptr_t)stall.page,
		.count = 10,
		.entry_size = sizeof(struct ttmem_reservation),
	};
	struct job job = { .request = TTMEM_IOC_RESERVATIONS, .argument = &list };
	int other = st_open(CARD), i;

	(void)state;
	job.fd = st_open(CARD);
	for (i = 0; i < 10; i++)
		assert_int_equal(st_reserve(job.fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
	write_protect(&stall, true);
	start(&job, job_call);
	await_stalled(&stall);
	assert_int_equal(st_reserve(other, 0, TTMEM_L1, 0, 64, 0, NULL), 0);
	assert_int_equal(st_free_all(job.fd), 0);
	st_check_used(CARD, 0, 64);
	check_pull_goes_through(other);
	release(&stall, NULL);
	/* The picture was taken before: ten, as there were then. */
	assert_int_equal(finish(&job, "RESERVATIONS"), 0);
	assert_int_equal(list.count, 10);
	assert_int_equal(list.total, 10);
	assert_int_equal(((struct ttmem_reservation *)stall.page)[9].size, 64);
	end_stall(&stall);
}

static void test_stalled_set(void **state)
{
	struct stall stall = make_stall(true);
	static struct ttmem_gauge page[4096 / sizeof(struct ttmem_gauge)];
	struct ttmem_set set = {
		.argsz = sizeof(set),
		.gauges = (uintptr_t)stall.page,
		.count = 2,
		.entry_size = sizeof(struct ttmem_gauge),
	};
	struct job job = { .request = TTMEM_IOC_SET, .argument = &set };
	int other = st_open(CARD);

	(void)state;
	assert_int_equal(stall.size, sizeof(page));
	page[0] = (struct ttmem_gauge){ .bytes = 64 };
	page[1] = (struct ttmem_gauge){ .memory = TTMEM_L1, .bytes = 64 };
	job.fd = st_open(CARD);
	start(&job, job_call);
	await_stalled(&stall);
	assert_int_equal(st_reserve(other, 0, TTMEM_L1, 0, 64, 0, NULL), 0);
	st_check_used(CARD, 0, 64);
	check_pull_goes_through(other);
	release(&stall, page);
	assert_int_equal(finish(&job, "SET"), -ENODEV);
	st_check_used(CARD, 0, 0);
	end_stall(&stall);
}

/* Threads on one file, taking and giving back each other's: each goes exactly once. */
struct shared_file {
	int fd;
	pthread_barrier_t barrier;
	uint64_t handles[64];
	volatile int freed;
	volatile int round;
};

static void *free_the_same(void *arg)
{
	struct shared_file *shared = arg;
	int round, i, error;

	for (round = 0; round < 200; round++) {
		pthread_barrier_wait(&shared->barrier);
		for (i = 0; i < 64; i++) {
			error = st_free(shared->fd, shared->handles[i]);
			if (!error)
				__atomic_add_fetch(&shared->freed, 1, __ATOMIC_SEQ_CST);
			else if (error != -ENOENT)
				return (void *)1;
		}
		pthread_barrier_wait(&shared->barrier);
	}
	return NULL;
}

static void test_threads_free_the_same(void **state)
{
	static struct shared_file shared;
	pthread_t threads[4];
	void *result;
	int round, i;

	(void)state;
	shared.fd = st_open(CARD);
	assert_int_equal(pthread_barrier_init(&shared.barrier, NULL, 5), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, free_the_same, &shared), 0);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 64; i++)
			assert_int_equal(st_reserve(shared.fd, 0, TTMEM_DRAM, 0, 64, 0,
						    &shared.handles[i]), 0);
		shared.freed = 0;
		pthread_barrier_wait(&shared.barrier);
		pthread_barrier_wait(&shared.barrier);
		assert_int_equal(shared.freed, 64);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	st_check_used(CARD, 0, 0);
}

/* Keeps some handles of its own: nobody else has them, so each of them is good once. */
static void *keep_own(void *arg)
{
	const int *fd = arg;
	uint64_t handles[8] = { 0 };
	long rounds = st_many(100000);
	unsigned int i = 0;

	while (rounds--) {
		/* Now these, now those: what is freed is not what was reserved last. */
		i = (i + 3 + rounds % 2) % ARRAY_SIZE(handles);
		if (handles[i] && st_free(*fd, handles[i]))
			return "a thread could not free what it holds";
		if (st_reserve(*fd, 0, TTMEM_DRAM, 0, 64, 0, &handles[i]))
			return "a thread could not reserve";
	}
	for (i = 0; i < ARRAY_SIZE(handles); i++)
		if (handles[i] && st_free(*fd, handles[i]))
			return "a thread could not free what it holds at the end";
	return NULL;
}

static void test_threads_keep_their_own(void **state)
{
	pthread_t threads[4];
	int fd = st_open(CARD), i;
	char *complaint = NULL;
	void *result;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_own, &fd), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		if (result)
			complaint = result;
	}
	if (complaint)
		fail_msg("%s", complaint);
	assert_int_equal(st_get(CARD, ST_CARD, "reservations"), 0);
	st_check_used(CARD, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_exit_against_unbind),
		ST_TEST(test_exit_in_detach_against_unbind),
		ST_TEST(test_exit_against_remove),
		ST_TEST(test_exit_against_driver_unload),
		ST_TEST(test_exit_against_attach),
		ST_TEST(test_load_against_rebind),
		ST_TEST(test_load_attaching_against_rebind),
		ST_TEST(test_load_against_probe),
		ST_TEST(test_load_against_driver_load),
		ST_TEST(test_show_against_detach),
		ST_TEST(test_store_against_detach),
		ST_TEST(test_open_against_detach),
		ST_TEST(test_all_against_slow_detach),
		ST_TEST(test_reserve_against_end),
		ST_TEST(test_stalled_reserve_and_frees),
		ST_TEST(test_stalled_reserve_cannot_be_freed),
		ST_TEST(test_stalled_reserve_and_full_pool),
		ST_TEST(test_stalled_reserve_and_invalidate),
		ST_TEST(test_stalled_reserve_and_pulled_card),
		ST_TEST(test_stalled_reserve_and_dead_target),
		ST_TEST(test_stalled_reserve_and_unseen_death),
		ST_TEST(test_stalled_reserve_and_close),
		ST_TEST(test_stalled_reserve_killed),
		ST_TEST(test_stalled_list),
		ST_TEST(test_stalled_set),
		ST_TEST(test_threads_free_the_same),
		ST_TEST(test_threads_keep_their_own),
	};

	return ST_RUN(tests);
}
