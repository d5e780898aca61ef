/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CLIENT_H
#define TTMEM_CLIENT_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "card.h"

struct page;
struct ttmem_held;

/**
 * struct ttmem_client - one open file
 * @account: what it holds, in the books of @card
 * @ref: one for the file, one for whoever found it in the tree; the last frees
 *	memory, nothing else
 * @node: in the tree of clients
 * @id: unique for the life of the module, and the key of the tree
 * @card: a reference, dropped with the client
 * @begin: when the file was opened, in ns of the boot clock
 * @pid: the process that the client is shown for: the thread group that last
 *	reserved or set, the opener's before that; or the one it is attributed to.
 *	A reference. Guarded by the card's lock
 * @uid: that process's effective user then. Guarded by the card's lock
 * @comm: its name then, or when it ended with the file open. Guarded by the card's
 *	lock
 * @attributed: it speaks for @pid, whoever uses it. Set once, under the card's
 *	lock
 * @keeps_uid: @uid stays what it was when the client was attributed. Likewise
 * @fold: in the card's fold.clients, if it has a page or is attributed.
 *	Guarded by the card's lock
 * @counters: the counter page, NULL until it is mapped first; set once
 * @held: the reservations by slot
 * @spare: those kept for reuse, in their slots. Guarded by the xa_lock of @held
 * @spares: how many; likewise
 * @reservations: how many, published or on the way there; not what is spare
 * @sequence: of the handle given last
 *
 * @held and what follows are reservation.c's.
 */
struct ttmem_client {
	struct ttmem_account account;
	struct kref ref;
	struct rb_node node;
	u64 id;
	struct ttmem_card *card;
	u64 begin;

	struct pid *pid;
	kuid_t uid;
	char comm[TASK_COMM_LEN];
	bool attributed;
	bool keeps_uid;

	struct list_head fold;
	struct page *counters;

	struct xarray held;
	struct ttmem_held *spare;
	unsigned int spares;
	atomic_t reservations;
	atomic64_t sequence;
};

/**
 * struct ttmem_client_picture - a client at one moment
 * @account: what it holds; nothing if it is not in the books
 * @pid: the process it is shown for, a reference
 * @uid: that process's user
 * @attributed: it speaks for that process
 */
struct ttmem_client_picture {
	struct ttmem_account account;
	struct pid *pid;
	kuid_t uid;
	bool attributed;
};

/**
 * ttmem_copy_comm() - Copy the name of a task.
 * @comm: out: TASK_COMM_LEN bytes, terminated
 * @task: the task, which may be changing its name: the copy may then have a part
 *	of either
 *
 * Before Linux 6.14 exec() writes the end of a name that it cuts off after the rest,
 * so a copy that was made in between has none of its own.
 *
 * Context: Any.
 */
static inline void ttmem_copy_comm(char *comm, const struct task_struct *task)
{
	/* Good enough for a name, and the card's lock stays a leaf: no task_lock() under it. */
	data_race(memcpy(comm, task->comm, TASK_COMM_LEN));
	comm[TASK_COMM_LEN - 1] = '\0';
}

/**
 * ttmem_source_name() - Name the source of what a client tells.
 * @attributed: whether the client speaks for another process
 *
 * Context: Any.
 * Return: the word of the list of clients and of fdinfo.
 */
static inline const char *ttmem_source_name(bool attributed)
{
	return attributed ? "attributed" : "self";
}

/**
 * ttmem_client_error() - Tell what every call on a client answers.
 * @client: the client
 *
 * Context: Any. Without the card's lock the answer may be outdated when it
 * comes; every change of the books asks again.
 * Return: 0; -ENODEV if the books were invalidated or the card is gone; -ESRCH
 * if the process that the client speaks for is gone.
 */
static inline int ttmem_client_error(const struct ttmem_client *client)
{
	if (ttmem_account_current(client->card, &client->account))
		return 0;
	return READ_ONCE(client->account.epoch) == TTMEM_EPOCH_LEFT ? -ESRCH : -ENODEV;
}

int ttmem_client_init(void);
void ttmem_client_exit(void);

struct ttmem_client *ttmem_client_open(struct ttmem_card *card);
void ttmem_client_close(struct ttmem_client *client);
struct ttmem_client *ttmem_client_from(u64 id);
u64 ttmem_client_last_id(void);
void ttmem_client_put(struct ttmem_client *client);

int ttmem_client_check(struct ttmem_client *client);
bool ttmem_client_meets(struct ttmem_client *client);
void ttmem_client_enlist(struct ttmem_client *client);

struct pid *ttmem_client_identify(struct ttmem_client *client);
int ttmem_client_attribute(struct ttmem_client *client, pid_t nr);
bool ttmem_client_picture(struct ttmem_client *client,
			  struct ttmem_client_picture *picture);
struct task_struct *ttmem_process(struct pid *pid);

#endif /* TTMEM_CLIENT_H */
