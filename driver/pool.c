// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of charging.
 *
 * A pool is one memory of one chip. Bytes are charged to it under a tag and
 * uncharged again; in between they are part of its used. Each pool of a chip
 * has a parent, the card's sum of that memory, which is charged along so that
 * the card has a peak of its own. Only a pool's own capacity refuses; the sum
 * has none.
 *
 * No sum can overflow, so nothing here asks: a client holds at most 2^40 bytes
 * of a pool, a card has at most 2^22 clients and two chips, which makes 2^63.
 *
 * A peak rises only where its caller says so, after all that belongs together
 * has been charged, and not by what one client's counters have risen before all
 * others' were read as well. Counters are read while they change, so a peak of
 * theirs is as good as the readings: a move during one may count twice.
 *
 * Nothing here locks: the caller holds the lock of the card that the pool is
 * part of.
 */

#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "pool.h"

/**
 * ttmem_memory_name() - Name a memory as the files of procfs do.
 * @memory: enum ttmem_memory, valid
 *
 * Context: Any.
 * Return: the name, constant data.
 */
const char *ttmem_memory_name(u32 memory)
{
	static const char *const names[TTMEM_MEMORIES] = {
		[TTMEM_DRAM] = "DRAM",
		[TTMEM_L1] = "L1",
	};

	return names[memory];
}

/**
 * ttmem_tag_name() - Name a tag as the files of procfs do.
 * @tag: enum ttmem_tag, valid
 *
 * Context: Any.
 * Return: the name, constant data.
 */
const char *ttmem_tag_name(u32 tag)
{
	static const char *const names[TTMEM_TAGS] = {
		[TTMEM_TAG_BUFFER] = "buffer",
		[TTMEM_TAG_TRACE] = "trace",
		[TTMEM_TAG_SYSTEM] = "system",
		[TTMEM_TAG_L1_SMALL] = "l1_small",
		[TTMEM_TAG_CB] = "cb",
	};

	return names[tag];
}

/**
 * ttmem_pool_tag_valid() - Tell whether a memory knows a tag.
 * @memory: enum ttmem_memory, unchecked
 * @tag: enum ttmem_tag, unchecked
 *
 * Context: Any.
 * Return: true if bytes of @memory may be charged under @tag.
 */
bool ttmem_pool_tag_valid(u32 memory, u32 tag)
{
	static const u32 tags[TTMEM_MEMORIES] = {
		[TTMEM_DRAM] = BIT(TTMEM_TAG_BUFFER) | BIT(TTMEM_TAG_TRACE) |
			       BIT(TTMEM_TAG_SYSTEM),
		[TTMEM_L1] = BIT(TTMEM_TAG_BUFFER) | BIT(TTMEM_TAG_SYSTEM) |
			     BIT(TTMEM_TAG_L1_SMALL) | BIT(TTMEM_TAG_CB),
	};

	return memory < TTMEM_MEMORIES && tag < TTMEM_TAGS &&
	       (tags[array_index_nospec(memory, TTMEM_MEMORIES)] & BIT(tag));
}

/**
 * ttmem_pool_charge() - Take bytes from a pool and from the card's sum.
 * @pool: a chip's pool
 * @tag: what the bytes are for, valid for the pool's memory
 * @bytes: how many, whether or not they fit
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_charge(struct ttmem_pool *pool, u32 tag, u64 bytes)
{
	for (; pool; pool = pool->parent) {
		pool->used += bytes;
		pool->tag[tag] += bytes;
	}
}

/**
 * ttmem_pool_uncharge() - Give bytes back to a pool and to the card's sum.
 * @pool: the pool they were charged to
 * @tag: the tag they were charged under
 * @bytes: how many, at most what is charged there
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_uncharge(struct ttmem_pool *pool, u32 tag, u64 bytes)
{
	if (WARN_ON_ONCE(pool->tag[tag] < bytes))
		bytes = pool->tag[tag];

	for (; pool; pool = pool->parent) {
		pool->used -= bytes;
		pool->tag[tag] -= bytes;
	}
}

/**
 * ttmem_pool_free() - Tell what is left of a pool.
 * @pool: a chip's pool
 *
 * Context: Process context. The card's lock is held.
 * Return: capacity less used in bytes, 0 where more is used than there is and
 * where the capacity is not known.
 */
u64 ttmem_pool_free(const struct ttmem_pool *pool)
{
	return pool->total > pool->used ? pool->total - pool->used : 0;
}

/* What is used for certain, which is what a peak may rise to. */
static u64 ttmem_pool_settled(const struct ttmem_pool *pool)
{
	return pool->used - min(pool->used, pool->unsettled);
}

/**
 * ttmem_pool_unsettle() - Note that counters of one client were read.
 * @pool: a chip's pool, to which the change has been charged
 * @before: bytes of the client there before
 * @after: bytes of it now
 *
 * Another client's counters may have fallen by what these have risen, and not
 * have been read yet.
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_unsettle(struct ttmem_pool *pool, u64 before, u64 after)
{
	for (; pool; pool = pool->parent) {
		if (after > before)
			pool->unsettled += after - before;
		else
			pool->unsettled -= min(pool->unsettled, before - after);
	}
}

/**
 * ttmem_pool_settle() - Note that all counters were read, and let the peaks rise.
 * @pool: a chip's pool, and with it the card's sum
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_settle(struct ttmem_pool *pool)
{
	struct ttmem_pool *p;

	for (p = pool; p; p = p->parent)
		p->unsettled = 0;
	ttmem_pool_raise_peak(pool);
}

/**
 * ttmem_pool_raise_peak() - Let the peaks rise to what is used for certain.
 * @pool: a chip's pool, and with it the card's sum
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_raise_peak(struct ttmem_pool *pool)
{
	for (; pool; pool = pool->parent)
		pool->peak = max(pool->peak, ttmem_pool_settled(pool));
}

/**
 * ttmem_pool_restart_peak() - Let the peak start again at what is used.
 * @pool: any pool
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_restart_peak(struct ttmem_pool *pool)
{
	pool->peak = ttmem_pool_settled(pool);
}

/**
 * ttmem_pool_clear() - Empty a pool; what it was, its peak, stays.
 * @pool: any pool; the others of the card are emptied as well
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_pool_clear(struct ttmem_pool *pool)
{
	pool->used = 0;
	pool->unsettled = 0;
	memset(pool->tag, 0, sizeof(pool->tag));
}
