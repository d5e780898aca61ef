/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that ttmem builds for, and no other
 * file asks for a version.
 */
#ifndef TTMEM_COMPAT_H
#define TTMEM_COMPAT_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>

/*
 * __assign_str() takes the source from __string() alone since
 * 2c92ca849fcc ("tracing/treewide: Remove second parameter of __assign_str()").
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define ttmem_assign_str(dst, src) __assign_str(dst)
#else
#define ttmem_assign_str(dst, src) __assign_str(dst, src)
#endif

/*
 * A page that is charged to the memory cgroup cannot be mapped before
 * 18b2db3b0385 ("mm: Convert page kmemcg type to a page memcg flag"): the
 * charge's mark is taken for a type of page that is never mapped. There it is
 * not charged.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define TTMEM_GFP_MAPPED GFP_KERNEL_ACCOUNT
#else
#define TTMEM_GFP_MAPPED GFP_KERNEL
#endif

/*
 * vm_flags is not written to directly since bc292ab00f6c ("mm: introduce
 * vma->vm_flags wrapper functions").
 */
static inline void ttmem_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/*
 * A class's devnode takes a constant device since ff62b8e6588f ("driver core:
 * make struct class.devnode() take a const *").
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define ttmem_devnode_device const struct device
#else
#define ttmem_devnode_device struct device
#endif

#endif /* TTMEM_COMPAT_H */
