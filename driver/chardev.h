/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CHARDEV_H
#define TTMEM_CHARDEV_H

#include <linux/list.h>

struct attribute_group;
struct device;
struct ttmem_card;

/**
 * struct ttmem_node - the device of one card: its node and the owner of its
 * attributes
 * @list: in the list of all nodes
 * @card: the card; the attachment's reference
 * @dev: the device; its drvdata is the card
 */
struct ttmem_node {
	struct list_head list;
	struct ttmem_card *card;
	struct device *dev;
};

int ttmem_chardev_init(void);
void ttmem_chardev_exit(void);

int ttmem_chardev_add(struct ttmem_node *node, struct ttmem_card *card,
		      struct device *parent, const struct attribute_group **groups);
void ttmem_chardev_remove(struct ttmem_node *node);

#endif /* TTMEM_CHARDEV_H */
