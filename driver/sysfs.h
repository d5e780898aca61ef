/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_SYSFS_H
#define TTMEM_SYSFS_H

#include <linux/sysfs.h>

const struct attribute_group **ttmem_sysfs_groups(unsigned int chips);

#endif /* TTMEM_SYSFS_H */
