// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_stats/: one value a file, bytes in decimal. The files stand over all
 * chips in the directory itself and for each chip in chipK/; what each tells
 * is written in Documentation/ABI/testing/sysfs-driver-ttmem.
 *
 * All attributes are on ttmem's own device. What TT-KMD's device shows is a
 * symbolic link to it.
 */

#include <linux/build_bug.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include "card.h"
#include "chardev.h"
#include "sysfs.h"
#include "ttmem.h"

/* Where the files stand: in the directory itself, or in chipK/. */
#define LEVELS	(1 + TTMEM_CHIPS_MAX)
#define CARD	(-1)

enum stat_kind {
	STAT_TOTAL,
	STAT_BANKS,
	STAT_USED,
	STAT_FREE,
	STAT_PEAK,
	STAT_TAG_USED,
	STAT_CLIENTS,
	STAT_RESERVATIONS,
	STAT_DENIED,
};

/**
 * struct stat_file - a file that stands at every level
 * @name: the file's name
 * @kind: what it tells
 * @memory: of which memory, where that matters
 * @tag: of which tag, for STAT_TAG_USED
 */
struct stat_file {
	const char *name;
	enum stat_kind kind;
	u32 memory;
	u32 tag;
};

static const struct stat_file stat_files[] = {
	{ "dram_total", STAT_TOTAL, TTMEM_DRAM },
	{ "dram_banks", STAT_BANKS, TTMEM_DRAM },
	{ "dram_used", STAT_USED, TTMEM_DRAM },
	{ "dram_free", STAT_FREE, TTMEM_DRAM },
	{ "dram_peak", STAT_PEAK, TTMEM_DRAM },
	{ "dram_trace_used", STAT_TAG_USED, TTMEM_DRAM, TTMEM_TAG_TRACE },
	{ "dram_system_used", STAT_TAG_USED, TTMEM_DRAM, TTMEM_TAG_SYSTEM },
	{ "l1_total", STAT_TOTAL, TTMEM_L1 },
	{ "l1_banks", STAT_BANKS, TTMEM_L1 },
	{ "l1_used", STAT_USED, TTMEM_L1 },
	{ "l1_free", STAT_FREE, TTMEM_L1 },
	{ "l1_peak", STAT_PEAK, TTMEM_L1 },
	{ "l1_small_used", STAT_TAG_USED, TTMEM_L1, TTMEM_TAG_L1_SMALL },
	{ "l1_cb_used", STAT_TAG_USED, TTMEM_L1, TTMEM_TAG_CB },
	{ "l1_system_used", STAT_TAG_USED, TTMEM_L1, TTMEM_TAG_SYSTEM },
	{ "clients", STAT_CLIENTS },
	{ "reservations", STAT_RESERVATIONS },
	{ "denied", STAT_DENIED },
};

/**
 * struct stat_attribute - a file at one level
 * @attr: the file
 * @file: what it tells
 * @chip: of which chip, or CARD
 */
struct stat_attribute {
	struct device_attribute attr;
	const struct stat_file *file;
	int chip;
};

static struct ttmem_card *card_of(struct device *dev)
{
	struct miscdevice *misc = dev_get_drvdata(dev);

	return container_of(misc, struct ttmem_node, misc)->card;
}

static struct ttmem_pool *pool_of(struct ttmem_card *card, const struct stat_attribute *a)
{
	u32 memory = a->file->memory;

	return a->chip == CARD ? &card->sum[memory] : &card->pool[a->chip][memory];
}

static const struct ttmem_tally *tally_of(struct ttmem_card *card,
					  const struct stat_attribute *a)
{
	return a->chip == CARD ? &card->tally : &card->chip_tally[a->chip];
}

/* The card's lock is held. */
static u64 stat_read(struct ttmem_card *card, const struct stat_attribute *a)
{
	const struct stat_file *file = a->file;
	const struct ttmem_pool *pool = pool_of(card, a);

	switch (file->kind) {
	case STAT_TOTAL:
		return a->chip == CARD ? ttmem_card_total(card, file->memory) : pool->total;
	case STAT_BANKS:
		return a->chip == CARD ? ttmem_card_banks(card, file->memory) : pool->banks;
	case STAT_FREE:
		return a->chip == CARD ? ttmem_card_free(card, file->memory) :
					 ttmem_pool_free(pool);
	case STAT_USED:
		return pool->used;
	case STAT_PEAK:
		return pool->peak;
	case STAT_TAG_USED:
		return pool->tag[file->tag];
	case STAT_CLIENTS:
		return tally_of(card, a)->clients;
	case STAT_RESERVATIONS:
		return tally_of(card, a)->reservations;
	case STAT_DENIED:
		return tally_of(card, a)->denied;
	}
	return 0;
}

static ssize_t stat_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ttmem_card *card = card_of(dev);
	u64 value;

	ttmem_test_delay(TTMEM_TEST_SHOW);
	spin_lock(&card->lock);
	value = stat_read(card, container_of(attr, struct stat_attribute, attr));
	spin_unlock(&card->lock);
	return sysfs_emit(buf, "%llu\n", value);
}

static ssize_t stat_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct stat_attribute *a = container_of(attr, struct stat_attribute, attr);
	struct ttmem_card *card = card_of(dev);
	struct ttmem_pool *pool = pool_of(card, a);
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou64(buf, 10, &value);
	if (err)
		return err;
	if (a->file->kind == STAT_PEAK && value)
		return -EINVAL;
	if (a->file->kind == STAT_BANKS && value > U32_MAX)
		return -ERANGE;

	spin_lock(&card->lock);
	switch (a->file->kind) {
	case STAT_TOTAL:
		pool->total = value;
		break;
	case STAT_BANKS:
		pool->banks = value;
		break;
	case STAT_PEAK:
		ttmem_pool_restart_peak(pool);
		break;
	default:
		break;
	}
	spin_unlock(&card->lock);
	return count;
}

static ssize_t invalidate_store(struct device *dev, struct device_attribute *attr,
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
	ttmem_card_invalidate(card_of(dev));
	return count;
}

static DEVICE_ATTR_WO(invalidate);

static struct stat_attribute stat_attrs[LEVELS][ARRAY_SIZE(stat_files)];
/* With room for invalidate and the end. */
static struct attribute *level_attrs[LEVELS][ARRAY_SIZE(stat_files) + 2];
static struct attribute_group level_groups[LEVELS] = {
	{ .attrs = level_attrs[0] },
	{ .attrs = level_attrs[1], .name = "chip0" },
	{ .attrs = level_attrs[2], .name = "chip1" },
};

/* Capacity and banks are the chips'; the card's follow from them. */
static bool writable(enum stat_kind kind, int chip)
{
	return kind == STAT_PEAK ||
	       ((kind == STAT_TOTAL || kind == STAT_BANKS) && chip != CARD);
}

/**
 * ttmem_sysfs_init() - Make the attributes that all cards share.
 *
 * Context: Module init.
 */
void ttmem_sysfs_init(void)
{
	unsigned int level, i;

	BUILD_BUG_ON(ARRAY_SIZE(level_groups) != LEVELS);
	for (level = 0; level < LEVELS; level++) {
		for (i = 0; i < ARRAY_SIZE(stat_files); i++) {
			struct stat_attribute *a = &stat_attrs[level][i];
			bool rw;

			a->file = &stat_files[i];
			a->chip = (int)level + CARD;
			rw = writable(a->file->kind, a->chip);
			a->attr.attr.name = a->file->name;
			a->attr.attr.mode = rw ? 0644 : 0444;
			a->attr.show = stat_show;
			a->attr.store = rw ? stat_store : NULL;
			level_attrs[level][i] = &a->attr.attr;
		}
	}
	level_attrs[0][ARRAY_SIZE(stat_files)] = &dev_attr_invalidate.attr;
}

/**
 * ttmem_sysfs_groups() - Tell the attributes of a card's device.
 * @chips: how many chips the card has, 1 to TTMEM_CHIPS_MAX
 *
 * Context: Any, after ttmem_sysfs_init().
 * Return: the groups for device_create_with_groups(), constant data.
 */
const struct attribute_group **ttmem_sysfs_groups(unsigned int chips)
{
	static const struct attribute_group *groups[TTMEM_CHIPS_MAX][LEVELS + 1] = {
		{ &level_groups[0], &level_groups[1], NULL },
		{ &level_groups[0], &level_groups[1], &level_groups[2], NULL },
	};

	return groups[chips - 1];
}
