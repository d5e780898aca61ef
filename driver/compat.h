/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that ttmem builds for, and no other
 * file asks for a version.
 */
#ifndef TTMEM_COMPAT_H
#define TTMEM_COMPAT_H

#include <linux/mm_types.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/task.h>
#include <linux/version.h>
#if defined(TTMEM_HAVE_EXEC_STATE)
#include <linux/sched/exec_state.h>
#endif

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
 * PDE_DATA() got its name in small letters in 6dfbbae14a7b ("fs: proc: store
 * PDE()->data into inode->i_private").
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define pde_data(inode) PDE_DATA(inode)
#endif

/*
 * Whether an equal user may look into @task. Dumpability moved from the mm to
 * the task, where sched/exec_state.h exists, in 6b1c66c9cca9 ("exec_state:
 * relocate dumpable information"); ptrace_may_access() is exported to modules
 * by none.
 *
 * Context: Process context, takes @task's alloc_lock.
 */
static inline bool ttmem_task_dumpable(struct task_struct *task)
{
	bool dumpable;
#if defined(TTMEM_HAVE_EXEC_STATE)
	rcu_read_lock();
	dumpable = READ_ONCE(rcu_dereference(task->exec_state)->dumpable) ==
		   TASK_DUMPABLE_OWNER;
	rcu_read_unlock();
#else
	task_lock(task);
	dumpable = task->mm && get_dumpable(task->mm) == SUID_DUMP_USER;
	task_unlock(task);
#endif
	return dumpable;
}

#endif /* TTMEM_COMPAT_H */
