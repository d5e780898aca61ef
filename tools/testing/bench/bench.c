// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reservation costs: the node's calls against the least that a call can
 * cost, against what a GPU driver and tt-metal do today, against an earlier
 * version of the module, and against themselves with more reservations, threads
 * and clients around. And what a counter costs, natively.
 *
 * Results are lines `name value`. What is compared is measured in turns, slice by
 * slice, and the medians of the slices are set against each other, so that
 * whatever else the machine does weighs on both sides. A name with `_over_` is
 * such a ratio, the others have their unit at the end. No number is a failure:
 * only what makes a number meaningless is.
 *
 * It wants root, three cards of one kind that nobody else uses, and two CPUs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "../../lib/libttmem.h"
#include "../common/node.h"
#include "../common/options.h"

/* Of every reservation. A million of them fit the smallest card. */
#define BYTES		4096
#define CARDS		3
#define THREADS		2
#define GAUGES		64
#define PAIRS		100	/* in a slice */
#define HEAP		50
#define TURNS		5	/* of an earlier module and this one */

/* A number that no version of the module has a call for. */
#define NO_SUCH_CALL	_IO(TTMEM_IOC_MAGIC, 0xff)

static bool quick;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Files. */

static uint64_t stat_of(int card, const char *name)
{
	const char *path = st_path(card, ST_CARD, name);
	char text[32];
	int error;

	error = st_read(path, text, sizeof(text));
	if (error)
		die("%s cannot be read: %s", path, strerror(-error));
	return strtoull(text, NULL, 10);
}

static void expect(int card, const char *name, uint64_t value)
{
	uint64_t is = stat_of(card, name);

	if (is != value)
		die("card %d: %s is %" PRIu64 " and should be %" PRIu64, card, name, is, value);
}

static void expect_held(int card, uint64_t clients, uint64_t reservations)
{
	expect(card, "clients", clients);
	expect(card, "reservations", reservations);
	expect(card, "dram_used", reservations * BYTES);
	expect(card, "l1_used", 0);
}

/* Calls. */

static int open_card(int card)
{
	int fd = st_try_open(card);

	if (fd < 0)
		die("%s: %s", st_node(card), strerror(-fd));
	return fd;
}

/*
 * What is measured is called here and not by node.c, which would take some nanoseconds of
 * its own.
 */
static uint64_t reserve(int fd)
{
	struct ttmem_reserve req = {
		.argsz = sizeof(req),
		.memory = TTMEM_DRAM,
		.size = BYTES,
	};

	if (ioctl(fd, TTMEM_IOC_RESERVE, &req))
		die("RESERVE: %s", strerror(errno));
	return req.handle;
}

static void release(int fd, uint64_t handle)
{
	struct ttmem_free req = { .argsz = sizeof(req), .handle = handle };

	if (ioctl(fd, TTMEM_IOC_FREE, &req))
		die("FREE: %s", strerror(errno));
}

static void release_all(int fd, uint64_t reservations)
{
	struct ttmem_free req = { .argsz = sizeof(req), .flags = TTMEM_FREE_ALL };

	if (ioctl(fd, TTMEM_IOC_FREE, &req))
		die("FREE of all: %s", strerror(errno));
	if (req.reservations != reservations)
		die("FREE of all gave back %llu reservations and not %" PRIu64,
		    req.reservations, reservations);
}

static void hold(int fd, unsigned int count)
{
	while (count--)
		reserve(fd);
}

struct version;

/*
 * Measuring. A job runs a slice of work at a time and tells how long it took, so
 * that it can leave out what is not to be counted.
 */
struct job {
	uint64_t (*run)(struct job *job);
	int fd;
	int other_fd;
	unsigned int threads;
	const struct version *version;
	uint64_t size;
	double each;		/* operations in a slice */
	double *slices;		/* nanoseconds of one operation */
	double median;
};

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
	return count % 2 ? values[count / 2] :
	       (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void measure(struct job *jobs, size_t count, unsigned int rounds)
{
	unsigned int round;
	size_t i;

	if (quick)
		rounds = rounds / 50 + 3;
	for (i = 0; i < count; i++) {
		jobs[i].slices = calloc(rounds, sizeof(double));
		if (!jobs[i].slices)
			die("out of memory");
		jobs[i].run(&jobs[i]);
	}
	/* Each round begins with another job: none always runs after the same. */
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < count; i++) {
			struct job *job = &jobs[(round + i) % count];

			job->slices[round] = job->run(job) / job->each;
		}
	}
	for (i = 0; i < count; i++) {
		jobs[i].median = median(jobs[i].slices, rounds);
		free(jobs[i].slices);
		if (jobs[i].median <= 0)
			die("a slice took no time at all: the clock is of no use");
	}
}

static void __attribute__((format(printf, 2, 3))) ratio(double value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" %.2f\n", value);
}

/* Of what is far below 1. */
static void thousandths(double value, const char *name)
{
	printf("%s %.3f\n", name, value);
}

/* RESERVE and FREE, and the least that two calls can cost. */

static uint64_t run_pairs(struct job *job)
{
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < job->each; i++)
		release(job->fd, reserve(job->fd));
	return st_now_ns() - start;
}

/* As a runtime does that makes all its buffers before it drops them. */
static uint64_t run_heaps(struct job *job)
{
	uint64_t handles[HEAP], start = st_now_ns();
	unsigned int i, done;

	for (done = 0; done < job->each; done += HEAP) {
		for (i = 0; i < HEAP; i++)
			handles[i] = reserve(job->fd);
		for (i = 0; i < HEAP; i++)
			release(job->fd, handles[i]);
	}
	return st_now_ns() - start;
}

/* Both go the way into the module and end at its switch. */
static uint64_t run_floor(struct job *job)
{
	struct ttmem_reserve req = { .argsz = sizeof(req), .size = BYTES };
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < 2 * job->each; i++)
		if (ioctl(job->fd, NO_SUCH_CALL, &req) != -1 || errno != ENOTTY)
			die("a call that does not exist was not refused");
	return st_now_ns() - start;
}

/*
 * Peers: what two small system calls take that do something, and what every GPU driver
 * does for a buffer, here vgem, which has no hardware either.
 */

static uint64_t run_eventfd(struct job *job)
{
	uint64_t start = st_now_ns(), value = 1;
	unsigned int i;

	for (i = 0; i < job->each; i++)
		if (write(job->fd, &value, sizeof(value)) != sizeof(value) ||
		    read(job->fd, &value, sizeof(value)) != sizeof(value))
			die("eventfd: %s", strerror(errno));
	return st_now_ns() - start;
}

/* From drm/drm.h and drm/drm_mode.h, which no package has that the rest takes. */
struct drm_version {
	int major, minor, patch;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct drm_gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct drm_mode_create_dumb {
	uint32_t height;
	uint32_t width;
	uint32_t bpp;
	uint32_t flags;
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
};

#define DRM_IOCTL_VERSION		_IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE		_IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_MODE_CREATE_DUMB	_IOWR('d', 0xb2, struct drm_mode_create_dumb)

static uint64_t run_gem(struct job *job)
{
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < job->each; i++) {
		/* Of BYTES. */
		struct drm_mode_create_dumb create = { .width = 32, .height = 32, .bpp = 32 };
		struct drm_gem_close close = { };

		if (ioctl(job->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
			die("CREATE_DUMB: %s", strerror(errno));
		close.handle = create.handle;
		if (ioctl(job->fd, DRM_IOCTL_GEM_CLOSE, &close))
			die("GEM_CLOSE: %s", strerror(errno));
	}
	return st_now_ns() - start;
}

/* Returns a file of vgem's, or -1 where the kernel has no vgem. */
static int open_vgem(void)
{
	static const char *const modules[] = {
		"drm", "drm_kms_helper", "drm_shmem_helper", "vgem/vgem",
	};
	static const char *const endings[] = { "", ".xz", ".zst" };
	struct utsname name;
	char path[256];
	unsigned int i, j;
	int fd, error;

	uname(&name);
	/* What is missing may be built in, or not be a part of this version's. */
	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		for (j = 0; j < ARRAY_SIZE(endings); j++) {
			snprintf(path, sizeof(path), "/lib/modules/%s/kernel/drivers/gpu/drm/%s.ko%s",
				 name.release, modules[i], endings[j]);
			error = st_load_file(path, "");
			if (!error || error == -EEXIST)
				break;
		}
	}
	for (i = 0; i < 8; i++) {
		char driver[8] = "";
		struct drm_version version = { .name = driver, .name_len = sizeof(driver) - 1 };

		snprintf(path, sizeof(path), "/dev/dri/card%u", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(driver, "vgem"))
			return fd;
		close(fd);
	}
	return -1;
}

/*
 * A model of tt-metal's tracker, in the cases where it is quickest: tracking is
 * on, the process has its slot and it is the first, the chip is the first.
 *
 * The file has the sums of five types of buffer, the same for 16 chips and for 64
 * processes, and the time of the last change for the whole and for each process.
 * To record a buffer its process asks for its pid, looks for the slot with that
 * pid, adds to the sum, looks for the chip, adds there, notes the time, adds to
 * its slot, and notes the time there. To undo that it does the same, but takes
 * away with a loop of compare and exchange that ends at 0. All of it without
 * locks, in the relaxed order.
 */
enum { TRACKER_TYPES = 5, TRACKER_CHIPS = 16, TRACKER_PROCESSES = 64 };

struct tracker {
	_Atomic uint64_t changed;
	_Atomic uint64_t bytes[TRACKER_TYPES];
	struct {
		_Atomic uint32_t id;
		_Atomic uint32_t remote;
		_Atomic uint64_t bytes[TRACKER_TYPES];
	} chip[TRACKER_CHIPS];
	struct {
		_Atomic pid_t pid;
		_Atomic uint64_t bytes[TRACKER_TYPES];
		_Atomic uint64_t changed;
		char name[64];
	} process[TRACKER_PROCESSES];
};

static struct tracker *tracker;
/* Whether it notes the time: emulated machines may have none without a system call. */
static bool tracker_has_clock;

static void tracker_open(void)
{
	char name[64];
	unsigned int i;
	int fd;

	snprintf(name, sizeof(name), "/ttmem-bench-%d", getpid());
	fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*tracker)))
		die("no shared memory: %s", strerror(errno));
	tracker = mmap(NULL, sizeof(*tracker), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (tracker == MAP_FAILED)
		die("no shared memory: %s", strerror(errno));
	close(fd);
	shm_unlink(name);
	for (i = 1; i < TRACKER_CHIPS; i++)
		tracker->chip[i].id = UINT32_MAX;
	tracker->process[0].pid = getpid();
}

static void tracker_note_time(_Atomic uint64_t *changed)
{
	struct timespec t;

	if (!tracker_has_clock)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	atomic_store_explicit(changed, t.tv_sec * 1000000000ull + t.tv_nsec,
			      memory_order_relaxed);
}

static void tracker_change(_Atomic uint64_t *counter, uint64_t bytes, bool add)
{
	uint64_t is;

	if (add) {
		atomic_fetch_add_explicit(counter, bytes, memory_order_relaxed);
		return;
	}
	is = atomic_load_explicit(counter, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(counter, &is, is < bytes ? 0 : is - bytes,
						      memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static void __attribute__((noinline)) tracker_record(uint32_t chip, unsigned int type,
						     uint64_t bytes, bool add)
{
	pid_t pid = getpid();
	unsigned int slot, i;

	for (slot = 0; slot < TRACKER_PROCESSES; slot++)
		if (atomic_load_explicit(&tracker->process[slot].pid,
					 memory_order_relaxed) == pid)
			break;
	if (slot == TRACKER_PROCESSES)
		return;
	tracker_change(&tracker->bytes[type], bytes, add);
	for (i = 0; i < TRACKER_CHIPS; i++)
		if (atomic_load_explicit(&tracker->chip[i].id, memory_order_relaxed) == chip)
			break;
	if (i < TRACKER_CHIPS)
		tracker_change(&tracker->chip[i].bytes[type], bytes, add);
	tracker_note_time(&tracker->changed);
	tracker_change(&tracker->process[slot].bytes[type], bytes, add);
	tracker_note_time(&tracker->process[slot].changed);
}

static uint64_t tracked(void)
{
	return tracker->bytes[0] + tracker->chip[0].bytes[0] + tracker->process[0].bytes[0];
}

static uint64_t run_tracker(struct job *job)
{
	uint64_t start;
	unsigned int i;

	tracker_has_clock = true;
	start = st_now_ns();
	for (i = 0; i < job->each; i++) {
		tracker_record(0, 0, BYTES, true);
		tracker_record(0, 0, BYTES, false);
	}
	return st_now_ns() - start;
}

static uint64_t run_tracker_without_clock(struct job *job)
{
	uint64_t start;
	unsigned int i;

	tracker_has_clock = false;
	start = st_now_ns();
	for (i = 0; i < job->each; i++) {
		tracker_record(0, 0, BYTES, true);
		tracker_record(0, 0, BYTES, false);
	}
	return st_now_ns() - start;
}

/*
 * tt-metal's own tracker, where somebody has built it: a shared object with this function,
 * which is a few lines around its record and its undo of a buffer.
 */
static void (*metal_record)(uint32_t chip, uint64_t bytes, int add);

static bool metal_open(void)
{
	const char *path = getenv("METAL_TRACKER");
	void *object;

	if (!path || !path[0])
		return false;
	object = dlopen(path, RTLD_NOW);
	if (!object)
		die("METAL_TRACKER: %s", dlerror());
	*(void **)&metal_record = dlsym(object, "tracker_record");
	if (!metal_record)
		die("METAL_TRACKER: %s", dlerror());
	return true;
}

static uint64_t run_metal(struct job *job)
{
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < job->each; i++) {
		metal_record(0, BYTES, 1);
		metal_record(0, BYTES, 0);
	}
	return st_now_ns() - start;
}

/* The same for a counter of ttmem's: it is memory, whether or not a kernel reads it. */

static int64_t *counters;

static void counters_open(void)
{
	counters = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED)
		die("no shared memory: %s", strerror(errno));
}

static uint64_t run_counter(struct job *job)
{
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < job->each; i++) {
		ttmem_add(counters, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, BYTES);
		ttmem_add(counters, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, -BYTES);
	}
	return st_now_ns() - start;
}

static uint64_t timed_close(int fd)
{
	uint64_t start = st_now_ns();

	if (close(fd))
		die("close: %s", strerror(errno));
	return st_now_ns() - start;
}

/*
 * Without ttmem, on the machine that builds it: what two refused calls, the tracker and a
 * counter take there. Beside what kunit/bench.c takes natively, this tells what a guest
 * without KVM cannot.
 */
static void bench_host(void)
{
	enum { FLOOR, TRACKER, COUNTER, METAL, JOBS };
	struct job jobs[JOBS] = {
		[FLOOR] = { .run = run_floor, .fd = open("/dev/null", O_RDWR | O_CLOEXEC) },
		[TRACKER] = { .run = run_tracker },
		[COUNTER] = { .run = run_counter },
		[METAL] = { .run = run_metal },
	};
	bool metal = metal_open();
	unsigned int i;

	for (i = 0; i < JOBS; i++)
		jobs[i].each = PAIRS;
	/* So short that the clock's own time would count. */
	jobs[COUNTER].each = 100 * PAIRS;
	tracker_open();
	counters_open();
	measure(jobs, metal ? JOBS : METAL, 1000);
	printf("host_floor_ns %.0f\n", jobs[FLOOR].median);
	printf("host_tracker_model_ns %.0f\n", jobs[TRACKER].median);
	if (metal)
		printf("host_tracker_ns %.0f\n", jobs[METAL].median);
	printf("host_counter_add_ns %.1f\n", jobs[COUNTER].median);
	thousandths(jobs[COUNTER].median / jobs[TRACKER].median, "counter_add_over_tracker_model");
	if (metal)
		thousandths(jobs[COUNTER].median / jobs[METAL].median,
			    "counter_add_over_tracker");
}

static void bench_pairs(void)
{
	/* Of the kernel's parts a GPU's may be missing, so it is the last. */
	enum { FLOOR, PAIR, HEAPS, TRACKER, NO_CLOCK, FEW_HELD, MANY_HELD, EVENTFD, GEM, JOBS };
	const unsigned int few = 1000, many = quick ? 50000 : 1000000;
	struct job jobs[JOBS] = {
		[FLOOR] = { .run = run_floor, .fd = open_card(0) },
		[PAIR] = { .run = run_pairs, .fd = open_card(0) },
		[HEAPS] = { .run = run_heaps, .fd = open_card(0) },
		[TRACKER] = { .run = run_tracker },
		[NO_CLOCK] = { .run = run_tracker_without_clock },
		[FEW_HELD] = { .run = run_pairs, .fd = open_card(0) },
		[MANY_HELD] = { .run = run_pairs, .fd = open_card(0) },
		[EVENTFD] = { .run = run_eventfd, .fd = eventfd(0, EFD_CLOEXEC) },
		[GEM] = { .run = run_gem, .fd = open_vgem() },
	};
	bool gem = jobs[GEM].fd >= 0;
	double closes[3];
	unsigned int i;

	for (i = 0; i < JOBS; i++)
		jobs[i].each = PAIRS;

	tracker_open();
	tracker_record(0, 0, BYTES, true);
	if (tracked() != 3 * BYTES)
		die("the model of the tracker counts wrongly");
	tracker_record(0, 0, BYTES, false);

	hold(jobs[FEW_HELD].fd, few);
	hold(jobs[MANY_HELD].fd, many);
	expect_held(0, 2, few + many);
	measure(jobs, gem ? JOBS : GEM, 1000);
	expect_held(0, 2, few + many);
	if (tracked() || !tracker->process[0].changed)
		die("the model of the tracker did not come back to 0");

	printf("floor_ns %.0f\n", jobs[FLOOR].median);
	printf("reserve_free_ns %.0f\n", jobs[PAIR].median);
	printf("tracker_ns %.0f\n", jobs[TRACKER].median);
	ratio(jobs[PAIR].median / jobs[FLOOR].median, "reserve_free_over_floor");
	ratio(jobs[PAIR].median / jobs[EVENTFD].median, "reserve_free_over_eventfd");
	if (gem)
		ratio(jobs[PAIR].median / jobs[GEM].median, "reserve_free_over_gem");
	else
		fputs("bench: this kernel has no vgem: no reserve_free_over_gem\n", stderr);
	ratio(jobs[PAIR].median / jobs[TRACKER].median, "reserve_free_over_tracker");
	ratio(jobs[PAIR].median / jobs[NO_CLOCK].median,
	      "reserve_free_over_tracker_without_clock");
	ratio(jobs[HEAPS].median / jobs[FLOOR].median, "reserve_%u_then_free_%u_over_floor",
	      HEAP, HEAP);
	ratio(jobs[FEW_HELD].median / jobs[PAIR].median, "reserve_free_%u_held_over_none", few);
	ratio(jobs[MANY_HELD].median / jobs[PAIR].median, "reserve_free_%u_held_over_none",
	      many);

	close(jobs[FLOOR].fd);
	close(jobs[PAIR].fd);
	close(jobs[HEAPS].fd);
	close(jobs[FEW_HELD].fd);
	close(jobs[EVENTFD].fd);
	close(jobs[GEM].fd);
	for (i = 0; i < ARRAY_SIZE(closes); i++) {
		int fd = i ? open_card(0) : jobs[MANY_HELD].fd;

		if (i)
			hold(fd, many);
		expect_held(0, 1, many);
		closes[i] = timed_close(fd);
		expect_held(0, 0, 0);
	}
	median(closes, ARRAY_SIZE(closes));
	printf("close_%u_held_ms %.1f\n", many, closes[1] / 1e6);
	printf("close_%u_held_ns_each %.0f\n", many, closes[1] / many);
}

/* Threads. Each times itself, from when all are there; the mean of them counts. */

struct thread {
	pthread_t id;
	struct job job;
	uint64_t (*run)(struct job *job);
	unsigned int cpu;
	atomic_uint *waiting;
	uint64_t took;
};

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %u cannot be used: %s", cpu, strerror(errno));
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	pin(thread->cpu);
	atomic_fetch_sub(thread->waiting, 1);
	while (atomic_load(thread->waiting))
		;
	thread->took = thread->run(&thread->job);
	return NULL;
}

static uint64_t run_threads(struct job *job, uint64_t (*run)(struct job *job))
{
	struct thread threads[THREADS];
	atomic_uint waiting = job->threads;
	uint64_t took = 0;
	unsigned int i;

	for (i = 0; i < job->threads; i++) {
		threads[i] = (struct thread) {
			.job = *job,
			.run = run,
			.cpu = THREADS - 1 - i,
			.waiting = &waiting,
		};
		if (i)
			threads[i].job.fd = job->other_fd;
		errno = pthread_create(&threads[i].id, NULL, thread_main, &threads[i]);
		if (errno)
			die("no thread: %s", strerror(errno));
	}
	for (i = 0; i < job->threads; i++) {
		pthread_join(threads[i].id, NULL);
		took += threads[i].took;
	}
	return took / job->threads;
}

static uint64_t run_threads_pairs(struct job *job)
{
	return run_threads(job, run_pairs);
}

static uint64_t run_threads_floor(struct job *job)
{
	return run_threads(job, run_floor);
}

static void bench_threads(void)
{
	enum { FLOOR, FLOORS, ONE, ONE_FILE, TWO_FILES, TWO_CARDS, JOBS };
	int fd = open_card(0), second = open_card(0), elsewhere = open_card(1);
	struct job jobs[JOBS] = {
		[FLOOR] = { .run = run_threads_floor, .threads = 1 },
		[FLOORS] = { .run = run_threads_floor, .threads = 2, .other_fd = elsewhere },
		[ONE] = { .run = run_threads_pairs, .threads = 1 },
		[ONE_FILE] = { .run = run_threads_pairs, .threads = 2, .other_fd = fd },
		[TWO_FILES] = { .run = run_threads_pairs, .threads = 2, .other_fd = second },
		[TWO_CARDS] = { .run = run_threads_pairs, .threads = 2, .other_fd = elsewhere },
	};
	unsigned int i;

	for (i = 0; i < JOBS; i++) {
		jobs[i].fd = fd;
		jobs[i].each = 10 * PAIRS;
	}
	measure(jobs, JOBS, 300);
	/* What two threads lose that share nothing but the machine. */
	ratio(jobs[FLOORS].median / jobs[FLOOR].median, "floor_2_threads_over_1");
	ratio(jobs[ONE_FILE].median / jobs[ONE].median,
	      "reserve_free_2_threads_1_file_over_1_thread");
	ratio(jobs[TWO_FILES].median / jobs[ONE].median,
	      "reserve_free_2_threads_2_files_over_1_thread");
	ratio(jobs[TWO_CARDS].median / jobs[ONE].median,
	      "reserve_free_2_threads_2_cards_over_1_thread");
	close(fd);
	close(second);
	close(elsewhere);
}

/* One SET of 64 gauges against 64 reservations. */

static uint64_t run_set(struct job *job)
{
	static const struct { uint32_t memory, tag; } kinds[] = {
		{ TTMEM_DRAM, TTMEM_TAG_BUFFER }, { TTMEM_DRAM, TTMEM_TAG_TRACE },
		{ TTMEM_DRAM, TTMEM_TAG_SYSTEM }, { TTMEM_L1, TTMEM_TAG_BUFFER },
		{ TTMEM_L1, TTMEM_TAG_SYSTEM }, { TTMEM_L1, TTMEM_TAG_L1_SMALL },
		{ TTMEM_L1, TTMEM_TAG_CB },
	};
	static unsigned int turn;
	struct ttmem_gauge gauges[GAUGES] = { };
	struct ttmem_set req = {
		.argsz = sizeof(req),
		.gauges = (uintptr_t)gauges,
		.count = GAUGES,
		.entry_size = sizeof(gauges[0]),
	};
	uint64_t start;
	unsigned int i;

	/* A card has fewer gauges than 64, so some come twice; all get another value. */
	turn++;
	for (i = 0; i < GAUGES; i++) {
		gauges[i].memory = kinds[i % ARRAY_SIZE(kinds)].memory;
		gauges[i].tag = kinds[i % ARRAY_SIZE(kinds)].tag;
		gauges[i].chip = i / ARRAY_SIZE(kinds) % job->threads;
		gauges[i].bytes = BYTES * (1 + (turn + i) % 3);
	}
	start = st_now_ns();
	if (ioctl(job->fd, TTMEM_IOC_SET, &req))
		die("SET: %s", strerror(errno));
	return st_now_ns() - start;
}

static uint64_t run_reserves(struct job *job)
{
	uint64_t start = st_now_ns(), took;

	hold(job->fd, GAUGES);
	took = st_now_ns() - start;
	release_all(job->fd, GAUGES);
	return took;
}

static uint64_t run_64_pairs(struct job *job)
{
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < GAUGES; i++)
		release(job->fd, reserve(job->fd));
	return st_now_ns() - start;
}

static void bench_set(void)
{
	enum { SET, RESERVES, ALL_PAIRS, JOBS };
	struct job jobs[JOBS] = {
		[SET] = { .run = run_set, .fd = open_card(0), .each = 1 },
		[RESERVES] = { .run = run_reserves, .fd = open_card(0), .each = 1 },
		[ALL_PAIRS] = { .run = run_64_pairs, .fd = open_card(0), .each = 1 },
	};
	struct ttmem_info info;
	unsigned int i;
	int error;

	error = st_info(jobs[SET].fd, &info);
	if (error)
		die("INFO: %s", strerror(-error));
	jobs[SET].threads = info.chips;
	measure(jobs, JOBS, 1000);
	/* The RESERVEs alone, and each with its FREE. */
	printf("set_%u_us %.1f\n", GAUGES, jobs[SET].median / 1000);
	ratio(jobs[SET].median / jobs[RESERVES].median, "set_%u_over_%u_reserves", GAUGES,
	      GAUGES);
	ratio(jobs[SET].median / jobs[ALL_PAIRS].median, "set_%u_over_%u_reserve_free", GAUGES,
	      GAUGES);
	for (i = 0; i < JOBS; i++)
		close(jobs[i].fd);
}

/*
 * An earlier version of the module, in turns with the one that is loaded. There is none in
 * the tree: whoever wants to compare builds one for the guest's kernel and names it. What a
 * pair takes of its calls stands in a table, as words of 64 bits, so that nothing else here
 * knows of a version before; a new line there is enough for another one.
 */
static const struct version {
	unsigned long reserve, free;
	uint64_t reserve_words[12], free_words[5];
	unsigned int reserve_handle, free_handle;	/* which word is the handle */
} before = {
	/* Up to the list of clients by card: _IOWR(), without argsz. */
	.reserve = _IOC(_IOC_READ | _IOC_WRITE, TTMEM_IOC_MAGIC, 0x81, 88),
	.reserve_words = { [2] = BYTES },
	.reserve_handle = 6,
	.free = _IOC(_IOC_READ | _IOC_WRITE, TTMEM_IOC_MAGIC, 0x82, 32),
	.free_handle = 0,
}, after = {
	.reserve = TTMEM_IOC_RESERVE,
	.reserve_words = { [0] = sizeof(struct ttmem_reserve), [4] = BYTES },
	.reserve_handle = 1,
	.free = TTMEM_IOC_FREE,
	.free_words = { [0] = sizeof(struct ttmem_free) },
	.free_handle = 1,
};

static uint64_t run_version(struct job *job)
{
	const struct version *version = job->version;
	uint64_t start = st_now_ns();
	unsigned int i;

	for (i = 0; i < job->each; i++) {
		struct version v = *version;

		if (ioctl(job->fd, v.reserve, v.reserve_words))
			die("RESERVE: %s", strerror(errno));
		v.free_words[v.free_handle] = v.reserve_words[v.reserve_handle];
		if (ioctl(job->fd, v.free, v.free_words))
			die("FREE: %s", strerror(errno));
	}
	return st_now_ns() - start;
}

static void change_module(const char *path)
{
	int error = st_unload("ttmem");

	if (error)
		die("unloading ttmem: %s", strerror(-error));
	error = st_load_file(path, "");
	if (error)
		die("loading %s: %s", path, strerror(-error));
}

/* Two calls that go no further than the kernel's own part, which no version changes. */
static double bench_version(const struct version *version, double *ns)
{
	enum { YARDSTICK, PAIR, JOBS };
	struct job jobs[JOBS] = {
		[YARDSTICK] = { .run = run_floor, .fd = open("/dev/null", O_RDWR | O_CLOEXEC) },
		[PAIR] = { .run = run_version, .fd = open_card(0), .version = version },
	};
	unsigned int i;

	for (i = 0; i < JOBS; i++)
		jobs[i].each = PAIRS;
	measure(jobs, JOBS, 500);
	expect(0, "reservations", 0);
	for (i = 0; i < JOBS; i++)
		close(jobs[i].fd);
	*ns = jobs[PAIR].median;
	return jobs[PAIR].median / jobs[YARDSTICK].median;
}

static void bench_before(const char *path)
{
	const char *own = getenv("TTMEM_KO");
	double ratios[TURNS], before_ns[TURNS], after_ns[TURNS];
	unsigned int i;

	if (!own)
		die("TTMEM_KO is not set: run this through tools/testing/vm/run");
	for (i = 0; i < TURNS; i++) {
		double was;

		change_module(path);
		was = bench_version(&before, &before_ns[i]);
		change_module(own);
		ratios[i] = bench_version(&after, &after_ns[i]) / was;
	}
	printf("before_reserve_free_ns %.0f\n", median(before_ns, TURNS));
	printf("after_reserve_free_ns %.0f\n", median(after_ns, TURNS));
	ratio(median(ratios, TURNS), "reserve_free_over_before");
}

/* What a reader pays, with more and more clients. */

static size_t read_whole(const char *path, size_t *lines)
{
	static char text[128 * 1024];
	size_t size = 0;
	ssize_t n, i;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	while ((n = read(fd, text, sizeof(text))) > 0) {
		size += n;
		for (i = 0; lines && i < n; i++)
			*lines += text[i] == '\n';
	}
	if (n < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
	return size;
}

static uint64_t run_list(struct job *job)
{
	uint64_t start = st_now_ns(), took;
	size_t size = read_whole(ST_LIST, NULL);

	took = st_now_ns() - start;
	if (size != job->size)
		die("%s has %zu bytes and had %" PRIu64, ST_LIST, size, job->size);
	return took;
}

static uint64_t run_used(struct job *job)
{
	uint64_t start = st_now_ns();
	char text[32];
	unsigned int i;

	for (i = 0; i < job->each; i++)
		if (pread(job->fd, text, sizeof(text), 0) <= 0)
			die("dram_used: %s", strerror(errno));
	return st_now_ns() - start;
}

/* The list is of all cards, so it grows from card to card, and is measured after each. */
static double bench_list(unsigned int clients, double one)
{
	struct job job = { .run = run_list, .each = 1 };
	size_t lines = 0;

	job.size = read_whole(ST_LIST, &lines);
	if (lines != clients + 1)
		die("%s has %zu lines with %u clients", ST_LIST, lines, clients);
	measure(&job, 1, 50);
	printf("list_%u_us %.1f\n", clients, job.median / 1000);
	if (one)
		ratio(job.median / one, "list_%u_over_1", clients);
	return job.median;
}

/* A counter page for each of a card's clients, with a counter that is not 0. */
static int64_t **map_pages(const int *fds, unsigned int count)
{
	int64_t **pages = calloc(count, sizeof(*pages));
	unsigned int i;

	if (!pages)
		die("out of memory");
	for (i = 0; i < count; i++) {
		pages[i] = st_map(fds[i]);
		if (!pages[i])
			die("mapping counter page %u: %s", i, strerror(errno));
		pages[i][TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_TRACE)] = BYTES;
	}
	return pages;
}

static void bench_readers(void)
{
	unsigned int counts[CARDS] = { 1, 64, quick ? 256 : 4096 }, card, i, all = 0;
	struct job used[CARDS] = { };
	double one = 0, list;
	int64_t **pages[CARDS];
	int *fds[CARDS];

	for (card = 0; card < CARDS; card++) {
		fds[card] = calloc(counts[card], sizeof(int));
		if (!fds[card])
			die("out of memory");
		for (i = 0; i < counts[card]; i++) {
			fds[card][i] = open_card(card);
			reserve(fds[card][i]);
		}
		expect_held(card, counts[card], counts[card]);
		all += counts[card];
		list = bench_list(all, one);
		if (!card)
			one = list;

		used[card] = (struct job) {
			.run = run_used,
			.fd = open(st_path(card, ST_CARD, "dram_used"), O_RDONLY),
			.each = 100,
		};
		if (used[card].fd < 0)
			die("%s: %s", st_path(card, ST_CARD, "dram_used"), strerror(errno));
	}

	/* Without counters it is one number; with them each page is looked at. */
	measure(used, CARDS, 1000);
	printf("dram_used_1_us %.2f\n", used[0].median / 1000);
	for (card = 1; card < CARDS; card++)
		ratio(used[card].median / used[0].median, "dram_used_%u_over_1",
		      counts[card]);

	for (card = 0; card < CARDS; card++) {
		pages[card] = map_pages(fds[card], counts[card]);
		expect(card, "dram_used", 2ull * BYTES * counts[card]);
		used[card].each = counts[card] > 64 ? 1 : 100;
	}
	measure(used, CARDS, 300);
	for (card = 0; card < CARDS; card++)
		printf("dram_used_%u_pages_us %.2f\n", counts[card], used[card].median / 1000);

	for (card = 0; card < CARDS; card++) {
		close(used[card].fd);
		for (i = 0; i < counts[card]; i++) {
			munmap(pages[card][i], sysconf(_SC_PAGESIZE));
			close(fds[card][i]);
		}
		free(pages[card]);
		free(fds[card]);
	}
}

/* What it ran on. */

static const char *accelerator(void)
{
#ifdef __x86_64__
	static char signature[13];
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 31)))
		return "none";
	__cpuid(0x40000000, a, b, c, d);
	memcpy(signature, &b, 4);
	memcpy(signature + 4, &c, 4);
	memcpy(signature + 8, &d, 4);
	if (!strcmp(signature, "TCGTCGTCGTCG"))
		return "TCG";
	if (!strcmp(signature, "KVMKVMKVM"))
		return "KVM";
	return signature[0] ? signature : "unknown";
#else
	return "unknown";
#endif
}

/* A kernel charges nothing to the root's memory cgroup; users are in none such. */
static bool enter_cgroup(void)
{
	return !st_cgroup_make("ttmem-bench") &&
	       !st_write(st_cgroup_path("ttmem-bench", "cgroup.procs"), "0");
}

static void tell_ground(bool charged)
{
	char clock[32] = "unknown";
	struct utsname name;

	uname(&name);
	st_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", clock,
		sizeof(clock));
	clock[strcspn(clock, "\n")] = '\0';
	printf("accelerator %s\n", accelerator());
	printf("kernel %s\n", name.release);
	printf("cpus %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	printf("clocksource %s\n", clock);
	printf("memory_cgroup %s\n", charged ? "own" : "root");
}

static void raise_open_files(rlim_t files)
{
	struct rlimit limit = { .rlim_cur = files, .rlim_max = files };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("%llu open files are not allowed: %s", (unsigned long long)files,
		    strerror(errno));
}

static void usage(FILE *to)
{
	fputs("Usage: bench [--quick] [--root-cgroup] [--before FILE]\n"
	      "       bench --host\n"
	      "\n"
	      "Prints what RESERVE, FREE, SET, close and the files of ttmem cost, as lines\n"
	      "`name value`.\n"
	      "\n"
	      "  --quick        a few rounds: to see that it works, not to compare\n"
	      "  --root-cgroup  stay in the cgroup it was started in: in the root's the\n"
	      "                 kernel does not charge a reservation's memory to anyone\n"
	      "  --before FILE  load this ttmem.ko of the version before, and the one that is\n"
	      "                 here, by turns, and compare a pair of theirs\n"
	      "  --host         only what needs no ttmem: what it is compared with, and a\n"
	      "                 counter. METAL_TRACKER names a shared object with tt-metal's own\n"
	      "                 tracker, as void tracker_record(uint32_t chip, uint64_t bytes,\n"
	      "                 int add), to compare it with\n", to);
}

int main(int argc, char **argv)
{
	bool stay = false, host = false;
	const char *earlier = NULL;
	const struct st_option options[] = {
		{ "quick", .flag = &quick },
		{ "root-cgroup", .flag = &stay },
		{ "before", .text = &earlier },
		{ "host", .flag = &host },
		{ }
	};
	uint64_t denied[CARDS];
	int card;

	st_options(argc, argv, options, usage);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (host) {
		bench_host();
		return 0;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS)
		die("it takes %d CPUs", THREADS);
	raise_open_files(8192);
	tell_ground(!stay && enter_cgroup());
	pin(THREADS - 1);

	for (card = 0; card < CARDS; card++) {
		expect_held(card, 0, 0);
		denied[card] = stat_of(card, "denied");
		if (stat_of(card, "dram_total") != stat_of(0, "dram_total"))
			die("cards 0 and %d are not of one kind", card);
	}

	bench_pairs();
	bench_threads();
	bench_set();
	bench_readers();

	for (card = 0; card < CARDS; card++) {
		expect_held(card, 0, 0);
		expect(card, "denied", denied[card]);
	}
	/* The last: it loads the module anew, which counts from 0 again. */
	if (earlier)
		bench_before(earlier);
	return 0;
}
