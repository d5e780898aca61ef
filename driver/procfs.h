/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_PROCFS_H
#define TTMEM_PROCFS_H

struct proc_dir_entry;
struct ttmem_card;

int ttmem_procfs_init(void);
void ttmem_procfs_exit(void);
struct proc_dir_entry *ttmem_procfs_add(struct ttmem_card *card);
void ttmem_procfs_remove(struct proc_dir_entry *dir);

#endif /* TTMEM_PROCFS_H */
