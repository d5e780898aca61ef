/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_PROCFS_H
#define TTMEM_PROCFS_H

int ttmem_procfs_init(void);
void ttmem_procfs_exit(void);

#endif /* TTMEM_PROCFS_H */
