// SPDX-License-Identifier: GPL-2.0-only
/* Plays tt-metal's tracker; player.h explains it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "player.h"

struct metal {
	unsigned char *data;
	int version;
	bool realtime;
};

static uint32_t *u32(struct metal *m, size_t offset)
{
	return (uint32_t *)(m->data + offset);
}

static uint64_t *u64(struct metal *m, size_t offset)
{
	return (uint64_t *)(m->data + offset);
}

static uint64_t now(const struct metal *m)
{
	struct timespec ts;

	clock_gettime(m->realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void metal_path(uint64_t id, char *path, unsigned int size)
{
	snprintf(path, size, "/dev/shm/tt_device_%llu_memory", (unsigned long long)id);
}

static size_t entry_at(unsigned int i)
{
	return LAYOUT_ENTRIES + i * LAYOUT_ENTRY_SIZE;
}

/* Clear an entry, its bytes taken off the totals. */
static void release(struct metal *m, size_t entry)
{
	unsigned int kind;

	for (kind = 0; kind < LAYOUT_KINDS; kind++) {
		uint64_t *bytes = u64(m, entry + LAYOUT_ENTRY_BYTES + 8 * kind);

		__atomic_fetch_sub(u64(m, LAYOUT_TOTALS + 8 * kind), *bytes,
				   __ATOMIC_RELAXED);
		__atomic_store_n(bytes, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(u32(m, entry + LAYOUT_ENTRY_PID), 0, __ATOMIC_RELEASE);
	__atomic_fetch_sub(u32(m, LAYOUT_ACTIVE), 1, __ATOMIC_RELAXED);
}

/*
 * The entry of this process, made if it has none; 0 if there is no room. Before
 * version 4 a dead process's is gone on from if it had the same number.
 */
static size_t own_entry(struct metal *m)
{
	uint32_t pid = getpid(), none = 0;
	unsigned int i;

	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++)
		if (__atomic_load_n(u32(m, entry_at(i)), __ATOMIC_ACQUIRE) == pid)
			return entry_at(i);
	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++, none = 0) {
		if (!__atomic_compare_exchange_n(u32(m, entry_at(i)), &none, pid, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		snprintf((char *)m->data + entry_at(i) + LAYOUT_ENTRY_NAME,
			 LAYOUT_ENTRY_NAME_SIZE, "player");
		__atomic_fetch_add(u32(m, LAYOUT_ACTIVE), 1, __ATOMIC_RELAXED);
		return entry_at(i);
	}
	return 0;
}

/* Version 4 clears what dead processes and a namesake have left. */
static void reap(struct metal *m)
{
	unsigned int i;

	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++) {
		pid_t pid = *u32(m, entry_at(i));

		if (pid == getpid() || (pid > 0 && kill(pid, 0) && errno == ESRCH))
			release(m, entry_at(i));
	}
}

struct metal *metal_attach(uint64_t id, int version, int device, bool realtime)
{
	struct metal *m = calloc(1, sizeof(*m));
	size_t entry;
	char path[64];
	int fd;

	metal_path(id, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (!m || fd < 0 || ftruncate(fd, LAYOUT_SIZE))
		goto fail;
	m->data = mmap(NULL, LAYOUT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->data == MAP_FAILED)
		goto fail;
	close(fd);
	m->version = version;
	m->realtime = realtime;

	*u64(m, LAYOUT_ASIC_ID) = id;
	*u32(m, LAYOUT_DEVICE_ID) = device;
	__atomic_fetch_add(u32(m, LAYOUT_REFERENCES), 1, __ATOMIC_RELAXED);
	if (version >= 4) {
		reap(m);
		entry = own_entry(m);
		if (entry)
			*u64(m, entry + LAYOUT_ENTRY_STAMP) = now(m);
		__atomic_store_n(u32(m, LAYOUT_READY), LAYOUT_READY_VALUE,
				 __ATOMIC_RELEASE);
	}
	__atomic_store_n(u32(m, LAYOUT_VERSION), version, __ATOMIC_RELEASE);
	return m;

fail:
	if (fd >= 0)
		close(fd);
	free(m);
	return NULL;
}

bool metal_record(struct metal *m, int kind, int64_t bytes)
{
	size_t entry = own_entry(m);

	__atomic_fetch_add(u64(m, LAYOUT_TOTALS + 8 * kind), bytes, __ATOMIC_RELAXED);
	*u64(m, LAYOUT_STAMP) = now(m);
	if (!entry)
		return false;
	__atomic_fetch_add(u64(m, entry + LAYOUT_ENTRY_BYTES + 8 * kind), bytes,
			   __ATOMIC_RELAXED);
	__atomic_store_n(u64(m, entry + LAYOUT_ENTRY_STAMP), now(m), __ATOMIC_RELAXED);
	return true;
}

void metal_detach(struct metal *m)
{
	unsigned int i;

	for (i = 0; i < LAYOUT_ENTRY_COUNT; i++)
		if (*u32(m, entry_at(i)) == (uint32_t)getpid())
			release(m, entry_at(i));
	__atomic_fetch_sub(u32(m, LAYOUT_REFERENCES), 1, __ATOMIC_RELAXED);
	munmap(m->data, LAYOUT_SIZE);
	free(m);
}

unsigned char *metal_data(struct metal *m)
{
	return m->data;
}
