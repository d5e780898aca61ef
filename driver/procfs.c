// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/driver/ttmem/N/clients: who holds what of a card. The format is told in
 * Documentation/userspace-api/ttmem.rst; columns may be added before COMMAND.
 */

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "card.h"
#include "client.h"
#include "compat.h"
#include "procfs.h"

static struct proc_dir_entry *root;

/* Whatever could break a line or a terminal, and what escapes begin with. */
static const char unprintable[] =
	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020"
	"\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037\177\\";

/*
 * The number of a dead process may be another's by now, so only a live one's
 * is shown, and only where the reader's pid namespace has it.
 */
static pid_t show_live(struct pid *pid, char comm[TASK_COMM_LEN])
{
	struct task_struct *task;
	pid_t nr = 0;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	if (task && !(READ_ONCE(task->exit_state) && thread_group_empty(task)))
		nr = pid_vnr(pid);
	if (nr)
		/* Without its lock: may be torn while it changes, never unterminated. */
		strscpy(comm, task->comm, TASK_COMM_LEN);
	rcu_read_unlock();
	return nr;
}

/**
 * struct view - what an open file shows
 * @lines: the clients when reading last began at the start of the file
 * @count: how many lines
 */
struct view {
	struct ttmem_client_line *lines;
	size_t count;
};

static void view_clear(struct view *view)
{
	ttmem_client_snapshot_free(view->lines, view->count);
	view->lines = NULL;
	view->count = 0;
}

static void *clients_start(struct seq_file *m, loff_t *pos)
{
	struct ttmem_card *card = pde_data(file_inode(m->file));
	struct view *view = m->private;
	ssize_t count;

	/* One picture, however many reads it takes. */
	if (!*pos) {
		view_clear(view);
		count = ttmem_client_snapshot(card, &view->lines);
		if (count < 0)
			return ERR_PTR(count);
		view->count = count;
		return SEQ_START_TOKEN;
	}
	return *pos <= view->count ? &view->lines[*pos - 1] : NULL;
}

static void *clients_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct view *view = m->private;

	++*pos;
	return *pos <= view->count ? &view->lines[*pos - 1] : NULL;
}

static void clients_stop(struct seq_file *m, void *v)
{
}

static int clients_show(struct seq_file *m, void *v)
{
	const struct ttmem_client_line *line = v;
	char comm[TASK_COMM_LEN] = "-";
	pid_t pid;

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "%-8s %7s %10s %4s %-6s %-8s %14s %12s %s\n", "CLIENT", "PID",
			   "UID", "CHIP", "MEMORY", "TAG", "BYTES", "RESERVATIONS", "COMMAND");
		return 0;
	}
	pid = show_live(line->pid, comm);
	seq_printf(m, "%-8llu %7d %10u %4u %-6s %-8s %14llu %12u ", line->client, pid,
		   from_kuid_munged(current_user_ns(), line->uid), line->chip,
		   ttmem_memory_name(line->memory), ttmem_tag_name(line->tag), line->bytes,
		   line->reservations);
	seq_escape(m, comm, unprintable);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations clients_seq = {
	.start = clients_start,
	.next = clients_next,
	.stop = clients_stop,
	.show = clients_show,
};

static int clients_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &clients_seq, sizeof(struct view));
}

static int clients_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	view_clear(m->private);
	return seq_release_private(inode, file);
}

static const struct proc_ops clients_ops = {
	.proc_open = clients_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = clients_release,
};

/**
 * ttmem_procfs_init() - Make /proc/driver/ttmem.
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int ttmem_procfs_init(void)
{
	root = proc_mkdir("driver/ttmem", NULL);
	return root ? 0 : -ENOMEM;
}

/**
 * ttmem_procfs_exit() - Undo ttmem_procfs_init().
 *
 * Context: Module exit; no card is left.
 */
void ttmem_procfs_exit(void)
{
	proc_remove(root);
}

/**
 * ttmem_procfs_add() - Make a card's directory.
 * @card: the card, which the caller keeps a reference to until
 *	ttmem_procfs_remove()
 *
 * Context: Process context, may sleep.
 * Return: the directory, NULL if there is no memory.
 */
struct proc_dir_entry *ttmem_procfs_add(struct ttmem_card *card)
{
	struct proc_dir_entry *dir;
	char name[12];

	snprintf(name, sizeof(name), "%u", card->number);
	dir = proc_mkdir(name, root);
	if (dir && !proc_create_data("clients", 0444, dir, &clients_ops, card)) {
		proc_remove(dir);
		dir = NULL;
	}
	return dir;
}

/**
 * ttmem_procfs_remove() - Take a card's directory away.
 * @dir: from ttmem_procfs_add()
 *
 * Returns when no reader is inside any more.
 *
 * Context: Process context, may sleep; no lock is held that a reader takes.
 */
void ttmem_procfs_remove(struct proc_dir_entry *dir)
{
	proc_remove(dir);
}
