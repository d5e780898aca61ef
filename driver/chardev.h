/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CHARDEV_H
#define TTMEM_CHARDEV_H

#include <linux/miscdevice.h>

struct ttmem_card;

/**
 * struct ttmem_node - the device of one card: its node and the owner of its
 * attributes
 * @misc: the device; its drvdata leads back here
 * @card: the card; the attachment's reference
 * @name: the device's name in class misc
 * @path: the node's path below /dev
 */
struct ttmem_node {
	struct miscdevice misc;
	struct ttmem_card *card;
	char name[16];
	char path[32];
};

int ttmem_chardev_add(struct ttmem_node *node, struct ttmem_card *card,
		      struct device *parent, const struct attribute_group **groups);
void ttmem_chardev_remove(struct ttmem_node *node);

#endif /* TTMEM_CHARDEV_H */
