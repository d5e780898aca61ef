/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_POOL_H
#define TTMEM_POOL_H

#include <linux/types.h>

#include "../uapi/ttmem.h"

#define TTMEM_MEMORIES	(TTMEM_L1 + 1)
#define TTMEM_TAGS	(TTMEM_TAG_CB + 1)

/* The highest capacity that root may tell of a pool: 4 TiB. */
#define TTMEM_POOL_TOTAL_MAX	(1ULL << 42)

/**
 * struct ttmem_pool - one memory of one chip, or the sum of a card's
 * @parent: the card's sum of this memory, charged along; NULL for that sum
 * @total: capacity in bytes, 0 if not known; then nothing is refused. At most
 *	TTMEM_POOL_TOTAL_MAX
 * @banks: equal parts it consists of, 0 if not known
 * @used: bytes charged now, all tags
 * @unsettled: about what counters have risen by, all in all, since the last
 *	whole fold; it may be the half of a move and does not raise @peak
 * @peak: highest @used since load or since it was restarted
 * @tag: the part of @used that each tag has; their sum is @used
 */
struct ttmem_pool {
	struct ttmem_pool *parent;
	u64 total;
	u32 banks;
	u64 used;
	u64 unsettled;
	u64 peak;
	u64 tag[TTMEM_TAGS];
};

/**
 * ttmem_pool_fits() - Tell whether a pool has room for more bytes.
 * @pool: a chip's pool
 * @bytes: how many, at most TTMEM_CLIENT_BYTES_MAX
 *
 * Context: Process context. The card's lock is held.
 * Return: true if they fit its capacity, or that is not known.
 */
static inline bool ttmem_pool_fits(const struct ttmem_pool *pool, u64 bytes)
{
	return !pool->total || pool->used + bytes <= pool->total;
}

const char *ttmem_memory_name(u32 memory);
const char *ttmem_tag_name(u32 tag);
bool ttmem_pool_tag_valid(u32 memory, u32 tag);
void ttmem_pool_charge(struct ttmem_pool *pool, u32 tag, u64 bytes);
void ttmem_pool_uncharge(struct ttmem_pool *pool, u32 tag, u64 bytes);
u64 ttmem_pool_free(const struct ttmem_pool *pool);
void ttmem_pool_unsettle(struct ttmem_pool *pool, u64 before, u64 after);
void ttmem_pool_settle(struct ttmem_pool *pool);
void ttmem_pool_raise_peak(struct ttmem_pool *pool);
void ttmem_pool_restart_peak(struct ttmem_pool *pool);
void ttmem_pool_clear(struct ttmem_pool *pool);

#endif /* TTMEM_POOL_H */
