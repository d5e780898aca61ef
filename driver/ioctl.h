/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_IOCTL_H
#define TTMEM_IOCTL_H

struct file;

long ttmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* TTMEM_IOCTL_H */
