// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that uses tt-metal, played: it does what the lines of its standard
 * input say and answers each with a line, "ok" or what went wrong.
 *
 *	player [--private]
 *
 * METAL_TRACKER in the environment names a shared object, made of tracker.cpp, that has
 * tt-metal's own tracker, which is used then.
 *
 * --private: in pid and mount namespaces of its own with a /dev/shm of its own, as
 * a container is. The first line of the output is the process's number outside.
 *
 *	layout VERSION CLOCK		of regions that are attached from now on:
 *					2 to 4, monotonic or realtime
 *	user UID			be that user from now on
 *	card PATH			open a node, for ever
 *	attach ID DEVICE		to a chip's region
 *	alloc ID KIND BYTES		dram, l1, l1_small, trace or cb
 *	free ID KIND BYTES
 *	thread ID KIND BYTES		alloc, in a thread that ends
 *	fork ID KIND BYTES		alloc, in a child that stays; answers its number
 *	detach ID
 *	poke ID OFFSET WIDTH VALUE	write 4 or 8 bytes into the region
 *	mappings COUNT			have so many more mappings
 *	churn				take and give back at all chips, a hundred times a
 *					second, from now on
 *	resize ID BYTES			cut the region's file or let it grow
 *	lease ID			make a region's file, map it and take a lease on it
 *	map PATH			map a file, as it is, and keep it open
 *	fuse DIRECTORY			mount a FUSE file system there, for oneself;
 *					answers its server's number
 *	wall				have who wants to read this process's maps wait,
 *					for as long as the server of what was mapped last
 *	next PID			the next process made here has this number
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"
#include "player.h"

#define REGIONS	128

static const char * const kinds[LAYOUT_KINDS] = { "dram", "l1", "l1_small", "trace", "cb" };

static struct {
	uint64_t id;
	struct metal *metal;
} regions[REGIONS];
static struct metal *(*attach_to)(uint64_t, int, int, bool) = metal_attach;
static bool (*record_at)(struct metal *, int, int64_t) = metal_record;
static void (*detach_from)(struct metal *) = metal_detach;
static unsigned char *(*data_of)(struct metal *) = metal_data;
static int version = 3;
static bool realtime = true;

static void answer(bool ok)
{
	printf("%s\n", ok ? "ok" : strerror(errno));
}

static struct metal **region(uint64_t id)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		if (regions[i].metal && regions[i].id == id)
			return &regions[i].metal;
	fprintf(stderr, "player: not attached to %" PRIu64 "\n", id);
	exit(2);
}

static int kind_of(const char *name)
{
	int kind;

	for (kind = 0; kind < LAYOUT_KINDS; kind++)
		if (!strcmp(kinds[kind], name))
			return kind;
	fprintf(stderr, "player: no kind %s\n", name);
	exit(2);
}

static void attach(uint64_t id, int device)
{
	unsigned int i = 0;

	while (regions[i].metal)
		i++;
	regions[i].id = id;
	regions[i].metal = attach_to(id, version, device, realtime);
	answer(regions[i].metal);
}

struct event {
	struct metal *metal;
	int kind;
	int64_t bytes;
	bool ok;
};

static void *record(void *arg)
{
	struct event *e = arg;

	errno = ENOSPC;
	e->ok = record_at(e->metal, e->kind, e->bytes);
	return NULL;
}

static void happen(const char *how, uint64_t id, const char *kind, int64_t bytes)
{
	struct event e = { .metal = *region(id), .kind = kind_of(kind), .bytes = bytes };
	pthread_t thread;
	pid_t pid;

	if (!strcmp(how, "free"))
		e.bytes = -bytes;
	if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, record, &e);
		pthread_join(thread, NULL);
	} else if (!strcmp(how, "fork")) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			record(&e);
			for (;;)
				pause();
		}
		printf("%d\n", pid);
		return;
	} else {
		record(&e);
	}
	answer(e.ok);
}

/* Each second page with other rights, so that none are put together. */
static bool make_mappings(int count)
{
	long page = sysconf(_SC_PAGESIZE);
	char *base;
	int i;

	base = mmap(NULL, count * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return false;
	for (i = 0; i < count; i += 2)
		if (mprotect(base + i * page, page, PROT_READ | PROT_WRITE))
			return false;
	return true;
}

static void *churn(void *arg)
{
	unsigned int turn, i;

	for (turn = 0;; turn++) {
		for (i = 0; i < REGIONS; i++)
			if (regions[i].metal)
				record_at(regions[i].metal, LAYOUT_DRAM,
					  turn % 2 ? -4096 : 4096);
		usleep(10000);
	}
	return arg;
}

static bool next_pid(int pid)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");

	return file && fprintf(file, "%d", pid - 1) > 0 && !fclose(file);
}

static int open_region(uint64_t id)
{
	char path[64];

	metal_path(id, path, sizeof(path));
	return open(path, O_RDWR | O_CLOEXEC);
}

static void *mapped;

static void *map(int fd)
{
	mapped = mmap(NULL, LAYOUT_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	return mapped;
}

/* Both begin when both are there and that was answered: no thread can be made afterwards. */
static pthread_barrier_t wall_begins;

/* Who reads a process's memory so keeps its mappings from being changed. */
static void *read_memory(void *arg)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char byte;

	pthread_barrier_wait(&wall_begins);
	if (pread(fd, &byte, 1, (uintptr_t)mapped) < 0)
		perror("player: mem");
	return arg;
}

/* Who waits to change them keeps others from looking at them. */
static void *change_mappings(void *arg)
{
	pthread_barrier_wait(&wall_begins);
	for (;;)
		munmap(mmap(NULL, LAYOUT_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       LAYOUT_SIZE);
	return arg;
}

static void wall(void)
{
	pthread_t reader, changer;
	bool made;

	pthread_barrier_init(&wall_begins, NULL, 3);
	made = !pthread_create(&reader, NULL, read_memory, NULL) &&
	       !pthread_create(&changer, NULL, change_mappings, NULL);
	answer(made);
	if (made)
		pthread_barrier_wait(&wall_begins);
}

static bool map_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && map(fd) != MAP_FAILED;
}

/* By the file that is mapped: a lease is had by who alone has it open. */
static bool lease(uint64_t id)
{
	char path[64];
	int fd;

	signal(SIGIO, SIG_IGN);
	metal_path(id, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && !ftruncate(fd, LAYOUT_SIZE) && map(fd) != MAP_FAILED &&
	       !fcntl(fd, F_SETLEASE, F_WRLCK);
}

static void take(char *line)
{
	char word[16] = "", text[128] = "";
	uint64_t id = 0;
	long long value = 0, offset, width;
	pthread_t thread;
	int fd;

	errno = 0;
	if (sscanf(line, "%15s", word) != 1)
		return;
	if (sscanf(line, "layout %d %127s", &version, text) == 2) {
		realtime = !strcmp(text, "realtime");
		answer(true);
	} else if (sscanf(line, "user %lld", &value) == 1) {
		answer(!setresgid(value, value, value) && !setresuid(value, value, value));
		/* Else it were root's in /proc. */
		prctl(PR_SET_DUMPABLE, 1);
	} else if (sscanf(line, "card %127s", text) == 1) {
		answer(open(text, O_RDWR | O_CLOEXEC) >= 0);
	} else if (sscanf(line, "attach %" SCNu64 " %lld", &id, &value) == 2) {
		attach(id, value);
	} else if (sscanf(line, "detach %" SCNu64, &id) == 1) {
		detach_from(*region(id));
		*region(id) = NULL;
		answer(true);
	} else if (sscanf(line, "poke %" SCNu64 " %lld %lld %lld", &id, &offset, &width,
			  &value) == 4) {
		memcpy(data_of(*region(id)) + offset, &value, width);
		answer(true);
	} else if (sscanf(line, "mappings %lld", &value) == 1) {
		answer(make_mappings(value));
	} else if (!strcmp(word, "wall")) {
		wall();
	} else if (!strcmp(word, "churn")) {
		answer(!pthread_create(&thread, NULL, churn, NULL));
	} else if (sscanf(line, "resize %" SCNu64 " %lld", &id, &value) == 2) {
		fd = open_region(id);
		answer(fd >= 0 && !ftruncate(fd, value));
		close(fd);
	} else if (sscanf(line, "lease %" SCNu64, &id) == 1) {
		answer(lease(id));
	} else if (sscanf(line, "map %127s", text) == 1) {
		answer(map_path(text));
	} else if (sscanf(line, "fuse %127s", text) == 1) {
		printf("%d\n", fuse_start(text));
	} else if (sscanf(line, "next %lld", &value) == 1) {
		answer(next_pid(value));
	} else if (sscanf(line, "%*s %" SCNu64 " %127s %lld", &id, text, &value) == 3) {
		happen(word, id, text, value);
	} else {
		fprintf(stderr, "player: what is %s", line);
		exit(2);
	}
}

/* As the first process of a container. */
static void enter_container(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		goto fail;
	pid = fork();
	if (pid) {
		printf("%d\n", pid);
		fflush(stdout);
		fclose(stdin);
		waitpid(pid, &status, 0);
		exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777") &&
	    !mount("proc", "/proc", "proc", 0, NULL))
		return;
fail:
	perror("player");
	exit(2);
}

static void use(const char *tracker)
{
	void *object = dlopen(tracker, RTLD_NOW);

	if (object) {
		*(void **)&attach_to = dlsym(object, "metal_attach");
		*(void **)&record_at = dlsym(object, "metal_record");
		*(void **)&detach_from = dlsym(object, "metal_detach");
		*(void **)&data_of = dlsym(object, "metal_data");
	}
	if (object && attach_to && record_at && detach_from && data_of)
		return;
	fprintf(stderr, "player: %s\n", dlerror());
	exit(2);
}

int main(int argc, char **argv)
{
	const char *tracker = getenv("METAL_TRACKER");
	char line[256];

	if (tracker && *tracker)
		use(tracker);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "--private"))
		enter_container();
	else
		printf("%d\n", getpid());
	while (fgets(line, sizeof(line), stdin))
		take(line);
	return 0;
}
