// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/driver/ttmem/clients: who holds what of all cards. The format is told
 * in Documentation/userspace-api/ttmem.rst; columns may be added before COMMAND.
 *
 * The file lives as long as the module, and who has it open keeps the module: a
 * card's removal waits for no reader, however long he takes. Reading goes from
 * one client to the next by their ids with no lock held in between, so it may be
 * preempted and killed. A client is one record: its lines are one picture.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "card.h"
#include "client.h"
#include "counter.h"
#include "pool.h"
#include "procfs.h"

static struct proc_dir_entry *ttmem_proc_dir;

/**
 * struct ttmem_reader - an open file
 * @last: the highest id when reading began: who opens file after file cannot
 *	make the list endless
 * @uid: the opener's fsuid
 * @hide_command: from who does not own the process, by the mount's hidepid
 * @hide_process: likewise, and the process and its user as well
 * @picture: the client being shown
 */
struct ttmem_reader {
	u64 last;
	kuid_t uid;
	bool hide_command;
	bool hide_process;
	struct ttmem_client_picture picture;
};

/**
 * struct ttmem_shown - whose a client is, as a reader may see it
 * @pid: in the mount's pid namespace, 0 if it is not seen there
 * @uid: in the reader's user namespace
 * @comm: the process's name, "-" if it is not seen
 */
struct ttmem_shown {
	pid_t pid;
	uid_t uid;
	char comm[TASK_COMM_LEN];
};

/*
 * What the mount of procfs hides of others' processes. It is decided once, when
 * the file is opened: a setuid program that inherits it must not print more.
 */
static void ttmem_reader_begin(struct ttmem_reader *reader, struct inode *inode)
{
	struct proc_fs_info *fs = proc_sb_info(inode->i_sb);

	reader->uid = current_fsuid();
	/* The capability last: a security module may log that it was asked for. */
	if (fs->hide_pid == HIDEPID_OFF ||
	    (fs->hide_pid < HIDEPID_NOT_PTRACEABLE && in_group_p(fs->pid_gid)) ||
	    capable(CAP_SYS_PTRACE))
		return;
	reader->hide_command = fs->hide_pid >= HIDEPID_NO_ACCESS;
	reader->hide_process = fs->hide_pid >= HIDEPID_INVISIBLE;
}

/*
 * The number of a dead process may be another's by now, so only a live one's
 * is shown. Of others' processes that the mount's pid namespace does not have the
 * user is hidden too: anybody may make a namespace and a mount that hides nothing.
 */
static void ttmem_reader_identify(struct seq_file *m, const struct ttmem_reader *reader,
				  struct ttmem_shown *shown)
{
	const struct ttmem_client_picture *picture = &reader->picture;
	pid_t nr = pid_nr_ns(picture->pid, proc_pid_ns(file_inode(m->file)->i_sb));
	bool own = uid_eq(picture->uid, reader->uid);
	kuid_t uid = INVALID_UID;
	struct task_struct *task;

	shown->pid = 0;
	strscpy(shown->comm, "-", sizeof(shown->comm));
	if (own || (nr && !reader->hide_process)) {
		uid = picture->uid;
		rcu_read_lock();
		task = ttmem_process(picture->pid);
		if (task) {
			shown->pid = nr;
			if (shown->pid && (own || !reader->hide_command))
				ttmem_copy_comm(shown->comm, task);
		}
		rcu_read_unlock();
	}
	shown->uid = from_kuid_munged(seq_user_ns(m), uid);
}

/* Nothing that could break a line or a terminal, nor what escapes begin with. */
static void ttmem_put_escaped(struct seq_file *m, const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (c >= ' ' && c <= '~' && c != '\\')
			seq_putc(m, c);
		else
			seq_printf(m, "\\%03o", c);
	}
}

static void ttmem_show_line(struct seq_file *m, const struct ttmem_client *client,
			    const struct ttmem_shown *shown, unsigned int chip,
			    u32 memory, const char *tag, u64 bytes, u32 reservations)
{
	const struct ttmem_reader *reader = m->private;

	seq_printf(m, "%-4u %-8llu %7d %10u %4u %-6s %-8s %14llu %14llu %12u %10s ",
		   client->card->number, client->id, shown->pid, shown->uid, chip,
		   ttmem_memory_name(memory), tag, bytes,
		   reader->picture.account.peak[chip][memory], reservations,
		   ttmem_source_name(reader->picture.attributed));
	ttmem_put_escaped(m, shown->comm);
	seq_putc(m, '\n');
}

static void ttmem_show_pool(struct seq_file *m, const struct ttmem_client *client,
			    const struct ttmem_shown *shown, unsigned int chip, u32 memory)
{
	const struct ttmem_reader *reader = m->private;
	const struct ttmem_account *account = &reader->picture.account;
	unsigned int tag;
	u64 bytes;

	if (!account->bytes[chip][memory] && account->peak[chip][memory])
		ttmem_show_line(m, client, shown, chip, memory, "-", 0, 0);
	for (tag = 0; tag < TTMEM_TAGS; tag++) {
		bytes = ttmem_account_tagged(account, chip, memory, tag);
		if (bytes)
			ttmem_show_line(m, client, shown, chip, memory, ttmem_tag_name(tag),
					bytes, account->part[chip][memory][tag].reservations);
	}
}

static int ttmem_clients_show(struct seq_file *m, void *v)
{
	struct ttmem_reader *reader = m->private;
	struct ttmem_client *client = v;
	struct ttmem_shown shown;
	unsigned int chip, memory;

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "%-4s %-8s %7s %10s %4s %-6s %-8s %14s %14s %12s %10s %s\n",
			   "CARD", "CLIENT", "PID", "UID", "CHIP", "MEMORY", "TAG", "BYTES",
			   "PEAK", "RESERVATIONS", "SOURCE", "COMMAND");
		return 0;
	}

	ttmem_look_client(client);
	if (!ttmem_client_picture(client, &reader->picture))
		return 0;
	ttmem_reader_identify(m, reader, &shown);
	for (chip = 0; chip < client->card->chips; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			ttmem_show_pool(m, client, &shown, chip, memory);
	put_pid(reader->picture.pid);
	return 0;
}

static struct ttmem_client *ttmem_reader_from(const struct ttmem_reader *reader, u64 id)
{
	struct ttmem_client *client = ttmem_client_from(id);

	if (client && client->id > reader->last) {
		ttmem_client_put(client);
		client = NULL;
	}
	return client;
}

/* The position is the lowest id that is yet to be shown, 0 for the header. */
static void *ttmem_clients_start(struct seq_file *m, loff_t *pos)
{
	struct ttmem_reader *reader = m->private;

	if (*pos)
		return ttmem_reader_from(reader, *pos);
	reader->last = ttmem_client_last_id();
	return SEQ_START_TOKEN;
}

static void ttmem_clients_stop(struct seq_file *m, void *v)
{
	if (!IS_ERR_OR_NULL(v) && v != SEQ_START_TOKEN)
		ttmem_client_put(v);
}

static void *ttmem_clients_next(struct seq_file *m, void *v, loff_t *pos)
{
	*pos = v == SEQ_START_TOKEN ? 1 : ((struct ttmem_client *)v)->id + 1;
	ttmem_clients_stop(m, v);

	/* Clients that hold nothing show nothing, and there may be millions. */
	cond_resched();
	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	return ttmem_reader_from(m->private, *pos);
}

static const struct seq_operations ttmem_clients_seq = {
	.start = ttmem_clients_start,
	.next = ttmem_clients_next,
	.stop = ttmem_clients_stop,
	.show = ttmem_clients_show,
};

static int ttmem_clients_open(struct inode *inode, struct file *file)
{
	struct ttmem_reader *reader;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	reader = __seq_open_private(file, &ttmem_clients_seq, sizeof(*reader));
	if (!reader) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	ttmem_reader_begin(reader, inode);
	return 0;
}

static int ttmem_clients_release(struct inode *inode, struct file *file)
{
	int ret = seq_release_private(inode, file);

	/* The last thing: the end of the module waits for procfs to return from here. */
	module_put(THIS_MODULE);
	return ret;
}

static const struct proc_ops ttmem_clients_ops = {
	.proc_open = ttmem_clients_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = ttmem_clients_release,
};

/**
 * ttmem_procfs_init() - Make /proc/driver/ttmem.
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int ttmem_procfs_init(void)
{
	ttmem_proc_dir = proc_mkdir("driver/ttmem", NULL);
	if (!ttmem_proc_dir)
		return -ENOMEM;
	if (proc_create("clients", 0444, ttmem_proc_dir, &ttmem_clients_ops))
		return 0;
	proc_remove(ttmem_proc_dir);
	return -ENOMEM;
}

/**
 * ttmem_procfs_exit() - Undo ttmem_procfs_init().
 *
 * Context: Module exit; nobody has the list open.
 */
void ttmem_procfs_exit(void)
{
	proc_remove(ttmem_proc_dir);
}
