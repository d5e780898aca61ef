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
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include "card.h"
#include "chardev.h"
#include "sysfs.h"
#include "ttmem.h"

/* An attribute over all chips. */
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
 * struct stat_attribute - a file of memory_stats/
 * @attr: the file
 * @stat: what it tells
 * @chip: of which chip, or CARD
 * @memory: of which memory, where that matters
 * @tag: of which tag, for STAT_TAG_USED
 */
struct stat_attribute {
	struct device_attribute attr;
	enum stat_kind stat;
	int chip;
	u32 memory;
	u32 tag;
};

static struct ttmem_card *card_of(struct device *dev)
{
	struct miscdevice *misc = dev_get_drvdata(dev);

	return container_of(misc, struct ttmem_node, misc)->card;
}

/* The card's lock is held. */
static u64 stat_read(struct ttmem_card *card, const struct stat_attribute *a)
{
	const struct ttmem_tally *tally =
		a->chip == CARD ? &card->tally : &card->chip_tally[a->chip];
	const struct ttmem_pool *pool =
		a->chip == CARD ? &card->sum[a->memory] : &card->pool[a->chip][a->memory];

	switch (a->stat) {
	case STAT_TOTAL:
		return a->chip == CARD ? ttmem_card_total(card, a->memory) : pool->total;
	case STAT_BANKS:
		return a->chip == CARD ? ttmem_card_banks(card, a->memory) : pool->banks;
	case STAT_FREE:
		return a->chip == CARD ? ttmem_card_free(card, a->memory) :
					 ttmem_pool_free(pool);
	case STAT_USED:
		return pool->used;
	case STAT_PEAK:
		return pool->peak;
	case STAT_TAG_USED:
		return pool->tag[a->tag];
	case STAT_CLIENTS:
		return tally->clients;
	case STAT_RESERVATIONS:
		return tally->reservations;
	case STAT_DENIED:
		return tally->denied;
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

static ssize_t total_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct stat_attribute *a = container_of(attr, struct stat_attribute, attr);
	struct ttmem_card *card = card_of(dev);
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou64(buf, 10, &value);
	if (err)
		return err;
	spin_lock(&card->lock);
	card->pool[a->chip][a->memory].total = value;
	spin_unlock(&card->lock);
	return count;
}

static ssize_t banks_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct stat_attribute *a = container_of(attr, struct stat_attribute, attr);
	struct ttmem_card *card = card_of(dev);
	u32 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou32(buf, 10, &value);
	if (err)
		return err;
	spin_lock(&card->lock);
	card->pool[a->chip][a->memory].banks = value;
	spin_unlock(&card->lock);
	return count;
}

static ssize_t peak_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct stat_attribute *a = container_of(attr, struct stat_attribute, attr);
	struct ttmem_card *card = card_of(dev);
	u64 value;
	int err;

	ttmem_test_delay(TTMEM_TEST_STORE);
	err = kstrtou64(buf, 10, &value);
	if (err)
		return err;
	if (value)
		return -EINVAL;
	spin_lock(&card->lock);
	ttmem_pool_restart_peak(a->chip == CARD ? &card->sum[a->memory] :
						  &card->pool[a->chip][a->memory]);
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

#define STAT(_prefix, _name, _mode, _store, _stat, _chip, _memory, _tag)	\
	static struct stat_attribute _prefix##_name = {				\
		.attr = __ATTR(_name, _mode, stat_show, _store),		\
		.stat = _stat, .chip = _chip, .memory = _memory, .tag = _tag,	\
	}

/* Capacity and banks are the chips'; the card's follow from them. */
#define STATS(_prefix, _chip, _mode, _total_store, _banks_store)		\
	STAT(_prefix, dram_total, _mode, _total_store, STAT_TOTAL, _chip, TTMEM_DRAM, 0); \
	STAT(_prefix, l1_total, _mode, _total_store, STAT_TOTAL, _chip, TTMEM_L1, 0); \
	STAT(_prefix, dram_banks, _mode, _banks_store, STAT_BANKS, _chip, TTMEM_DRAM, 0); \
	STAT(_prefix, l1_banks, _mode, _banks_store, STAT_BANKS, _chip, TTMEM_L1, 0); \
	STAT(_prefix, dram_used, 0444, NULL, STAT_USED, _chip, TTMEM_DRAM, 0);	\
	STAT(_prefix, l1_used, 0444, NULL, STAT_USED, _chip, TTMEM_L1, 0);	\
	STAT(_prefix, dram_free, 0444, NULL, STAT_FREE, _chip, TTMEM_DRAM, 0);	\
	STAT(_prefix, l1_free, 0444, NULL, STAT_FREE, _chip, TTMEM_L1, 0);	\
	STAT(_prefix, dram_peak, 0644, peak_store, STAT_PEAK, _chip, TTMEM_DRAM, 0); \
	STAT(_prefix, l1_peak, 0644, peak_store, STAT_PEAK, _chip, TTMEM_L1, 0); \
	STAT(_prefix, dram_trace_used, 0444, NULL, STAT_TAG_USED, _chip,	\
	     TTMEM_DRAM, TTMEM_TAG_TRACE);					\
	STAT(_prefix, dram_system_used, 0444, NULL, STAT_TAG_USED, _chip,	\
	     TTMEM_DRAM, TTMEM_TAG_SYSTEM);					\
	STAT(_prefix, l1_small_used, 0444, NULL, STAT_TAG_USED, _chip,		\
	     TTMEM_L1, TTMEM_TAG_L1_SMALL);					\
	STAT(_prefix, l1_cb_used, 0444, NULL, STAT_TAG_USED, _chip,		\
	     TTMEM_L1, TTMEM_TAG_CB);						\
	STAT(_prefix, l1_system_used, 0444, NULL, STAT_TAG_USED, _chip,		\
	     TTMEM_L1, TTMEM_TAG_SYSTEM);					\
	STAT(_prefix, clients, 0444, NULL, STAT_CLIENTS, _chip, 0, 0);		\
	STAT(_prefix, reservations, 0444, NULL, STAT_RESERVATIONS, _chip, 0, 0); \
	STAT(_prefix, denied, 0444, NULL, STAT_DENIED, _chip, 0, 0)

#define STATS_LIST(_prefix)				\
	&_prefix##dram_total.attr.attr,			\
	&_prefix##l1_total.attr.attr,			\
	&_prefix##dram_banks.attr.attr,			\
	&_prefix##l1_banks.attr.attr,			\
	&_prefix##dram_used.attr.attr,			\
	&_prefix##l1_used.attr.attr,			\
	&_prefix##dram_free.attr.attr,			\
	&_prefix##l1_free.attr.attr,			\
	&_prefix##dram_peak.attr.attr,			\
	&_prefix##l1_peak.attr.attr,			\
	&_prefix##dram_trace_used.attr.attr,		\
	&_prefix##dram_system_used.attr.attr,		\
	&_prefix##l1_small_used.attr.attr,		\
	&_prefix##l1_cb_used.attr.attr,			\
	&_prefix##l1_system_used.attr.attr,		\
	&_prefix##clients.attr.attr,			\
	&_prefix##reservations.attr.attr,		\
	&_prefix##denied.attr.attr

STATS(card_, CARD, 0444, NULL, NULL);
STATS(chip0_, 0, 0644, total_store, banks_store);
STATS(chip1_, 1, 0644, total_store, banks_store);

static struct attribute *card_attrs[] = {
	STATS_LIST(card_), &dev_attr_invalidate.attr, NULL
};

static struct attribute *chip0_attrs[] = { STATS_LIST(chip0_), NULL };
static struct attribute *chip1_attrs[] = { STATS_LIST(chip1_), NULL };

static const struct attribute_group card_group = { .attrs = card_attrs };
static const struct attribute_group chip0_group = { .name = "chip0", .attrs = chip0_attrs };
static const struct attribute_group chip1_group = { .name = "chip1", .attrs = chip1_attrs };

/**
 * ttmem_sysfs_groups() - Tell the attributes of a card's device.
 * @chips: how many chips the card has, 1 to TTMEM_CHIPS_MAX
 *
 * Context: Any.
 * Return: the groups for device_create_with_groups(), constant data.
 */
const struct attribute_group **ttmem_sysfs_groups(unsigned int chips)
{
	static const struct attribute_group *groups[TTMEM_CHIPS_MAX][TTMEM_CHIPS_MAX + 2] = {
		{ &card_group, &chip0_group, NULL },
		{ &card_group, &chip0_group, &chip1_group, NULL },
	};

	return groups[chips - 1];
}
