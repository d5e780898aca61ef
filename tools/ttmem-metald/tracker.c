// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a region of tt-metal's tells of a process. It is read by pread(): a
 * mapping would end us by SIGBUS when the owner makes the file shorter.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "metald.h"

static uint32_t get32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/*
 * An entry is this process's if it was written after the process began: else a
 * dead one that had the same number has left it behind.
 */
static bool is_fresh(const struct process *p, uint64_t stamp)
{
	return stamp > (stamp < LAYOUT_STAMP_REALTIME ? p->monotonic : p->realtime);
}

static void take_entry(const unsigned char *entry, const struct process *p,
		       struct region *r)
{
	unsigned int kind;

	r->stamp = get64(entry + LAYOUT_ENTRY_STAMP);
	r->fresh |= is_fresh(p, r->stamp);
	if (!r->fresh) {
		r->state = REGION_STALE;
		return;
	}
	r->state = REGION_READ;
	for (kind = 0; kind < LAYOUT_KINDS; kind++) {
		uint64_t bytes = get64(entry + LAYOUT_ENTRY_BYTES + 8 * kind);

		/* More was given back than was taken: that is below 0. */
		r->bytes[kind] = bytes > INT64_MAX ? 0 : bytes;
	}
}

void tracker_parse(const unsigned char *data, const struct process *p,
		   struct region *r)
{
	bool full = true;
	int slot;

	r->slot = -1;
	r->version = get32(data + LAYOUT_VERSION);
	if (!r->version) {
		r->state = REGION_NEW;
		return;
	}
	if (r->version < LAYOUT_FIRST || r->version > LAYOUT_LAST) {
		r->state = REGION_LAYOUT;
		return;
	}
	if (r->version >= 4 && get32(data + LAYOUT_READY) != LAYOUT_READY_VALUE) {
		r->state = REGION_NEW;
		return;
	}
	r->order = get32(data + LAYOUT_DEVICE_ID);
	for (slot = 0; slot < LAYOUT_ENTRY_COUNT; slot++) {
		const unsigned char *entry = data + LAYOUT_ENTRIES +
					     slot * LAYOUT_ENTRY_SIZE;
		pid_t pid = get32(entry + LAYOUT_ENTRY_PID);

		if (pid == p->inner) {
			r->slot = slot;
			take_entry(entry, p, r);
			return;
		}
		full &= pid != 0;
	}
	r->state = full ? REGION_FULL : REGION_NO_ENTRY;
}

static bool read_fully(int fd, unsigned char *data, size_t size, off_t offset)
{
	ssize_t got;

	do {
		got = pread(fd, data, size, offset);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)size;
}

void tracker_read(const struct process *p, struct region *r)
{
	unsigned char data[LAYOUT_SIZE];

	memset(r->bytes, 0, sizeof(r->bytes));
	if (r->slot >= 0 &&
	    read_fully(r->fd, data, LAYOUT_ENTRY_SIZE,
		       LAYOUT_ENTRIES + r->slot * LAYOUT_ENTRY_SIZE) &&
	    get32(data + LAYOUT_ENTRY_PID) == (uint32_t)p->inner) {
		take_entry(data, p, r);
		return;
	}
	r->state = REGION_UNREADABLE;
	r->slot = -1;
	if (read_fully(r->fd, data, sizeof(data), 0))
		tracker_parse(data, p, r);
}
