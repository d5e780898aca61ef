/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the stand-in is built for. */
#ifndef STANDIN_COMPAT_H
#define STANDIN_COMPAT_H

#include <linux/device.h>
#include <linux/module.h>
#include <linux/version.h>

/*
 * class_create() lost its owner in 1aaba11da9aa ("driver core: class: remove
 * module * from class_create()").
 */
static inline struct class *compat_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

#endif
