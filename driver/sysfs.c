// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_stats/: one value a file, bytes in decimal. The files stand over all
 * chips in the directory itself and for each chip in chipK/; what each tells
 * is written in Documentation/ABI/testing/sysfs-driver-ttmem.
 *
 * All attributes are on ttmem's own device. What TT-KMD's device shows is a
 * symbolic link to it.
 */

#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include "card.h"
#include "counter.h"
#include "pool.h"
#include "sysfs.h"
#include "ttmem.h"

/* In place of a chip: over all of them. */
#define CARD	(-1)

enum ttmem_stat_kind {
	TTMEM_STAT_TOTAL,
	TTMEM_STAT_BANKS,
	TTMEM_STAT_USED,
	TTMEM_STAT_FREE,
	TTMEM_STAT_PEAK,
	TTMEM_STAT_TAG_USED,
	TTMEM_STAT_CLIENTS,
	TTMEM_STAT_RESERVATIONS,
	TTMEM_STAT_DENIED,
};

/**
 * struct ttmem_stat - a file
 * @attr: the file
 * @kind: what it tells
 * @chip: of which chip, or CARD
 * @memory: of which memory, where that matters
 * @tag: of which tag, for TTMEM_STAT_TAG_USED
 */
struct ttmem_stat {
	struct device_attribute attr;
	enum ttmem_stat_kind kind;
	int chip;
	u32 memory;
	u32 tag;
};

static struct ttmem_stat *ttmem_stat_of(struct device_attribute *attr)
{
	return container_of(attr, struct ttmem_stat, attr);
}

static struct ttmem_pool *ttmem_stat_pool(struct ttmem_card *card,
					  const struct ttmem_stat *stat)
{
	return stat->chip == CARD ? &card->sum[stat->memory] :
				    &card->pool[stat->chip][stat->memory];
}

static const struct ttmem_tally *ttmem_stat_tally(struct ttmem_card *card,
						  const struct ttmem_stat *stat)
{
	return stat->chip == CARD ? &card->tally : &card->chip_tally[stat->chip];
}

/* Whether what counters say is in it. */
static bool ttmem_stat_counts(const struct ttmem_stat *stat)
{
	switch (stat->kind) {
	case TTMEM_STAT_USED:
	case TTMEM_STAT_FREE:
	case TTMEM_STAT_PEAK:
	case TTMEM_STAT_TAG_USED:
	case TTMEM_STAT_CLIENTS:
	case TTMEM_STAT_RESERVATIONS:
		return true;
	default:
		return false;
	}
}

/* The card's lock is held. */
static u64 ttmem_stat_read(struct ttmem_card *card, const struct ttmem_stat *stat)
{
	const struct ttmem_pool *pool = ttmem_stat_pool(card, stat);
	bool all = stat->chip == CARD;

	switch (stat->kind) {
	case TTMEM_STAT_TOTAL:
		return all ? ttmem_card_total(card, stat->memory) : pool->total;
	case TTMEM_STAT_BANKS:
		return all ? ttmem_card_banks(card, stat->memory) : pool->banks;
	case TTMEM_STAT_FREE:
		return all ? ttmem_card_free(card, stat->memory) : ttmem_pool_free(pool);
	case TTMEM_STAT_USED:
		return pool->used;
	case TTMEM_STAT_PEAK:
		return pool->peak;
	case TTMEM_STAT_TAG_USED:
		return pool->tag[stat->tag];
	case TTMEM_STAT_CLIENTS:
		return ttmem_stat_tally(card, stat)->clients;
	case TTMEM_STAT_RESERVATIONS:
		return ttmem_stat_tally(card, stat)->reservations;
	case TTMEM_STAT_DENIED:
		return ttmem_stat_tally(card, stat)->denied;
	}
	return 0;
}

static ssize_t ttmem_stat_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct ttmem_stat *stat = ttmem_stat_of(attr);
	struct ttmem_card *card = dev_get_drvdata(dev);
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_SHOW);
	if (ttmem_stat_counts(stat)) {
		err = ttmem_look_card(card);
		if (err)
			return err;
	}
	spin_lock(&card->lock);
	value = ttmem_stat_read(card, stat);
	err = ttmem_card_gone(card) ? -ENODEV : 0;
	spin_unlock(&card->lock);
	return err ?: sysfs_emit(buf, "%llu\n", value);
}

/* Highest value that may be written. */
static u64 ttmem_stat_limit(const struct ttmem_stat *stat)
{
	return stat->kind == TTMEM_STAT_TOTAL ? TTMEM_POOL_TOTAL_MAX : U32_MAX;
}

static ssize_t ttmem_stat_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	const struct ttmem_stat *stat = ttmem_stat_of(attr);
	struct ttmem_card *card = dev_get_drvdata(dev);
	struct ttmem_pool *pool = ttmem_stat_pool(card, stat);
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou64(buf, 10, &value);
	if (err)
		return err;
	if (stat->kind == TTMEM_STAT_PEAK) {
		if (value)
			return -EINVAL;
		err = ttmem_look_card(card);
		if (err)
			return err;
	} else if (value > ttmem_stat_limit(stat)) {
		return -ERANGE;
	}

	spin_lock(&card->lock);
	if (ttmem_card_gone(card))
		err = -ENODEV;
	else if (stat->kind == TTMEM_STAT_TOTAL)
		pool->total = value;
	else if (stat->kind == TTMEM_STAT_BANKS)
		pool->banks = value;
	else
		ttmem_pool_restart_peak(pool);
	spin_unlock(&card->lock);
	return err ?: count;
}

static ssize_t ttmem_invalidate_store(struct device *dev, struct device_attribute *attr,
				      const char *buf, size_t count)
{
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou64(buf, 10, &value);
	if (err)
		return err;
	if (value != 1)
		return -EINVAL;
	return ttmem_card_invalidate(dev_get_drvdata(dev)) ?: count;
}

static struct device_attribute ttmem_invalidate =
	__ATTR(invalidate, 0200, NULL, ttmem_invalidate_store);

/* A file that is read, and one that root may write to. */
#define TTMEM_RO(_name, _kind, _chip, _memory, _tag) {		\
	.attr = __ATTR(_name, 0444, ttmem_stat_show, NULL),	\
	.kind = TTMEM_STAT_##_kind,				\
	.chip = _chip, .memory = _memory, .tag = _tag,		\
}

#define TTMEM_RW(_name, _kind, _chip, _memory) {			\
	.attr = __ATTR(_name, 0644, ttmem_stat_show, ttmem_stat_store),	\
	.kind = TTMEM_STAT_##_kind,					\
	.chip = _chip, .memory = _memory,				\
}

/* What files there are of each chip, and of the card. */
enum ttmem_stat_index {
	DRAM_TOTAL,
	DRAM_BANKS,
	DRAM_USED,
	DRAM_FREE,
	DRAM_PEAK,
	DRAM_TRACE_USED,
	DRAM_SYSTEM_USED,
	L1_TOTAL,
	L1_BANKS,
	L1_USED,
	L1_FREE,
	L1_PEAK,
	L1_SMALL_USED,
	L1_CB_USED,
	L1_SYSTEM_USED,
	CLIENTS,
	RESERVATIONS,
	DENIED,
	TTMEM_STATS,
};

/* Of the card, capacity and banks are sums of what its chips have. */
static struct ttmem_stat ttmem_card_stats[TTMEM_STATS] = {
	[DRAM_TOTAL] = TTMEM_RO(dram_total, TOTAL, CARD, TTMEM_DRAM, 0),
	[DRAM_BANKS] = TTMEM_RO(dram_banks, BANKS, CARD, TTMEM_DRAM, 0),
	[DRAM_USED] = TTMEM_RO(dram_used, USED, CARD, TTMEM_DRAM, 0),
	[DRAM_FREE] = TTMEM_RO(dram_free, FREE, CARD, TTMEM_DRAM, 0),
	[DRAM_PEAK] = TTMEM_RW(dram_peak, PEAK, CARD, TTMEM_DRAM),
	[DRAM_TRACE_USED] = TTMEM_RO(dram_trace_used, TAG_USED, CARD, TTMEM_DRAM, TTMEM_TAG_TRACE),
	[DRAM_SYSTEM_USED] = TTMEM_RO(dram_system_used, TAG_USED, CARD, TTMEM_DRAM,
		TTMEM_TAG_SYSTEM),
	[L1_TOTAL] = TTMEM_RO(l1_total, TOTAL, CARD, TTMEM_L1, 0),
	[L1_BANKS] = TTMEM_RO(l1_banks, BANKS, CARD, TTMEM_L1, 0),
	[L1_USED] = TTMEM_RO(l1_used, USED, CARD, TTMEM_L1, 0),
	[L1_FREE] = TTMEM_RO(l1_free, FREE, CARD, TTMEM_L1, 0),
	[L1_PEAK] = TTMEM_RW(l1_peak, PEAK, CARD, TTMEM_L1),
	[L1_SMALL_USED] = TTMEM_RO(l1_small_used, TAG_USED, CARD, TTMEM_L1, TTMEM_TAG_L1_SMALL),
	[L1_CB_USED] = TTMEM_RO(l1_cb_used, TAG_USED, CARD, TTMEM_L1, TTMEM_TAG_CB),
	[L1_SYSTEM_USED] = TTMEM_RO(l1_system_used, TAG_USED, CARD, TTMEM_L1, TTMEM_TAG_SYSTEM),
	[CLIENTS] = TTMEM_RO(clients, CLIENTS, CARD, 0, 0),
	[RESERVATIONS] = TTMEM_RO(reservations, RESERVATIONS, CARD, 0, 0),
	[DENIED] = TTMEM_RO(denied, DENIED, CARD, 0, 0),
};

static struct ttmem_stat ttmem_chip0_stats[TTMEM_STATS] = {
	[DRAM_TOTAL] = TTMEM_RW(dram_total, TOTAL, 0, TTMEM_DRAM),
	[DRAM_BANKS] = TTMEM_RW(dram_banks, BANKS, 0, TTMEM_DRAM),
	[DRAM_USED] = TTMEM_RO(dram_used, USED, 0, TTMEM_DRAM, 0),
	[DRAM_FREE] = TTMEM_RO(dram_free, FREE, 0, TTMEM_DRAM, 0),
	[DRAM_PEAK] = TTMEM_RW(dram_peak, PEAK, 0, TTMEM_DRAM),
	[DRAM_TRACE_USED] = TTMEM_RO(dram_trace_used, TAG_USED, 0, TTMEM_DRAM, TTMEM_TAG_TRACE),
	[DRAM_SYSTEM_USED] = TTMEM_RO(dram_system_used, TAG_USED, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM),
	[L1_TOTAL] = TTMEM_RW(l1_total, TOTAL, 0, TTMEM_L1),
	[L1_BANKS] = TTMEM_RW(l1_banks, BANKS, 0, TTMEM_L1),
	[L1_USED] = TTMEM_RO(l1_used, USED, 0, TTMEM_L1, 0),
	[L1_FREE] = TTMEM_RO(l1_free, FREE, 0, TTMEM_L1, 0),
	[L1_PEAK] = TTMEM_RW(l1_peak, PEAK, 0, TTMEM_L1),
	[L1_SMALL_USED] = TTMEM_RO(l1_small_used, TAG_USED, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL),
	[L1_CB_USED] = TTMEM_RO(l1_cb_used, TAG_USED, 0, TTMEM_L1, TTMEM_TAG_CB),
	[L1_SYSTEM_USED] = TTMEM_RO(l1_system_used, TAG_USED, 0, TTMEM_L1, TTMEM_TAG_SYSTEM),
	[CLIENTS] = TTMEM_RO(clients, CLIENTS, 0, 0, 0),
	[RESERVATIONS] = TTMEM_RO(reservations, RESERVATIONS, 0, 0, 0),
	[DENIED] = TTMEM_RO(denied, DENIED, 0, 0, 0),
};

static struct ttmem_stat ttmem_chip1_stats[TTMEM_STATS] = {
	[DRAM_TOTAL] = TTMEM_RW(dram_total, TOTAL, 1, TTMEM_DRAM),
	[DRAM_BANKS] = TTMEM_RW(dram_banks, BANKS, 1, TTMEM_DRAM),
	[DRAM_USED] = TTMEM_RO(dram_used, USED, 1, TTMEM_DRAM, 0),
	[DRAM_FREE] = TTMEM_RO(dram_free, FREE, 1, TTMEM_DRAM, 0),
	[DRAM_PEAK] = TTMEM_RW(dram_peak, PEAK, 1, TTMEM_DRAM),
	[DRAM_TRACE_USED] = TTMEM_RO(dram_trace_used, TAG_USED, 1, TTMEM_DRAM, TTMEM_TAG_TRACE),
	[DRAM_SYSTEM_USED] = TTMEM_RO(dram_system_used, TAG_USED, 1, TTMEM_DRAM, TTMEM_TAG_SYSTEM),
	[L1_TOTAL] = TTMEM_RW(l1_total, TOTAL, 1, TTMEM_L1),
	[L1_BANKS] = TTMEM_RW(l1_banks, BANKS, 1, TTMEM_L1),
	[L1_USED] = TTMEM_RO(l1_used, USED, 1, TTMEM_L1, 0),
	[L1_FREE] = TTMEM_RO(l1_free, FREE, 1, TTMEM_L1, 0),
	[L1_PEAK] = TTMEM_RW(l1_peak, PEAK, 1, TTMEM_L1),
	[L1_SMALL_USED] = TTMEM_RO(l1_small_used, TAG_USED, 1, TTMEM_L1, TTMEM_TAG_L1_SMALL),
	[L1_CB_USED] = TTMEM_RO(l1_cb_used, TAG_USED, 1, TTMEM_L1, TTMEM_TAG_CB),
	[L1_SYSTEM_USED] = TTMEM_RO(l1_system_used, TAG_USED, 1, TTMEM_L1, TTMEM_TAG_SYSTEM),
	[CLIENTS] = TTMEM_RO(clients, CLIENTS, 1, 0, 0),
	[RESERVATIONS] = TTMEM_RO(reservations, RESERVATIONS, 1, 0, 0),
	[DENIED] = TTMEM_RO(denied, DENIED, 1, 0, 0),
};

static struct attribute *ttmem_card_attrs[] = {
	&ttmem_card_stats[DRAM_TOTAL].attr.attr,
	&ttmem_card_stats[DRAM_BANKS].attr.attr,
	&ttmem_card_stats[DRAM_USED].attr.attr,
	&ttmem_card_stats[DRAM_FREE].attr.attr,
	&ttmem_card_stats[DRAM_PEAK].attr.attr,
	&ttmem_card_stats[DRAM_TRACE_USED].attr.attr,
	&ttmem_card_stats[DRAM_SYSTEM_USED].attr.attr,
	&ttmem_card_stats[L1_TOTAL].attr.attr,
	&ttmem_card_stats[L1_BANKS].attr.attr,
	&ttmem_card_stats[L1_USED].attr.attr,
	&ttmem_card_stats[L1_FREE].attr.attr,
	&ttmem_card_stats[L1_PEAK].attr.attr,
	&ttmem_card_stats[L1_SMALL_USED].attr.attr,
	&ttmem_card_stats[L1_CB_USED].attr.attr,
	&ttmem_card_stats[L1_SYSTEM_USED].attr.attr,
	&ttmem_card_stats[CLIENTS].attr.attr,
	&ttmem_card_stats[RESERVATIONS].attr.attr,
	&ttmem_card_stats[DENIED].attr.attr,
	&ttmem_invalidate.attr,
	NULL
};

static struct attribute *ttmem_chip0_attrs[] = {
	&ttmem_chip0_stats[DRAM_TOTAL].attr.attr,
	&ttmem_chip0_stats[DRAM_BANKS].attr.attr,
	&ttmem_chip0_stats[DRAM_USED].attr.attr,
	&ttmem_chip0_stats[DRAM_FREE].attr.attr,
	&ttmem_chip0_stats[DRAM_PEAK].attr.attr,
	&ttmem_chip0_stats[DRAM_TRACE_USED].attr.attr,
	&ttmem_chip0_stats[DRAM_SYSTEM_USED].attr.attr,
	&ttmem_chip0_stats[L1_TOTAL].attr.attr,
	&ttmem_chip0_stats[L1_BANKS].attr.attr,
	&ttmem_chip0_stats[L1_USED].attr.attr,
	&ttmem_chip0_stats[L1_FREE].attr.attr,
	&ttmem_chip0_stats[L1_PEAK].attr.attr,
	&ttmem_chip0_stats[L1_SMALL_USED].attr.attr,
	&ttmem_chip0_stats[L1_CB_USED].attr.attr,
	&ttmem_chip0_stats[L1_SYSTEM_USED].attr.attr,
	&ttmem_chip0_stats[CLIENTS].attr.attr,
	&ttmem_chip0_stats[RESERVATIONS].attr.attr,
	&ttmem_chip0_stats[DENIED].attr.attr,
	NULL
};

static struct attribute *ttmem_chip1_attrs[] = {
	&ttmem_chip1_stats[DRAM_TOTAL].attr.attr,
	&ttmem_chip1_stats[DRAM_BANKS].attr.attr,
	&ttmem_chip1_stats[DRAM_USED].attr.attr,
	&ttmem_chip1_stats[DRAM_FREE].attr.attr,
	&ttmem_chip1_stats[DRAM_PEAK].attr.attr,
	&ttmem_chip1_stats[DRAM_TRACE_USED].attr.attr,
	&ttmem_chip1_stats[DRAM_SYSTEM_USED].attr.attr,
	&ttmem_chip1_stats[L1_TOTAL].attr.attr,
	&ttmem_chip1_stats[L1_BANKS].attr.attr,
	&ttmem_chip1_stats[L1_USED].attr.attr,
	&ttmem_chip1_stats[L1_FREE].attr.attr,
	&ttmem_chip1_stats[L1_PEAK].attr.attr,
	&ttmem_chip1_stats[L1_SMALL_USED].attr.attr,
	&ttmem_chip1_stats[L1_CB_USED].attr.attr,
	&ttmem_chip1_stats[L1_SYSTEM_USED].attr.attr,
	&ttmem_chip1_stats[CLIENTS].attr.attr,
	&ttmem_chip1_stats[RESERVATIONS].attr.attr,
	&ttmem_chip1_stats[DENIED].attr.attr,
	NULL
};

static const struct attribute_group ttmem_card_group = { .attrs = ttmem_card_attrs };
static const struct attribute_group ttmem_chip0_group = {
	.name = "chip0",
	.attrs = ttmem_chip0_attrs,
};

static const struct attribute_group ttmem_chip1_group = {
	.name = "chip1",
	.attrs = ttmem_chip1_attrs,
};

/**
 * ttmem_sysfs_groups() - Tell the attributes of a card's device.
 * @chips: how many chips the card has, 1 to TTMEM_CHIPS_MAX
 *
 * Context: Any.
 * Return: the groups for device_create_with_groups(), constant data.
 */
const struct attribute_group **ttmem_sysfs_groups(unsigned int chips)
{
	static const struct attribute_group *one_chip[] = {
		&ttmem_card_group, &ttmem_chip0_group, NULL
	};
	static const struct attribute_group *two_chips[] = {
		&ttmem_card_group, &ttmem_chip0_group, &ttmem_chip1_group, NULL
	};

	return chips == 1 ? one_chip : two_chips;
}
