// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file, and whose it is.
 *
 * A client is shown for the process that uses it, until it is attributed to
 * another one, for which it speaks from then on. Whether that one still lives is
 * asked at each look: once it is gone the account leaves the books as if the
 * file had been closed.
 *
 * All clients of the module stand in a tree by their ids, which only grow, so
 * that whoever walks over them goes from one to the next with no lock held in
 * between. Who finds a client there takes a reference under the tree's lock,
 * and looks into it under the card's lock if the account has not left. The file
 * takes the client out of the books first, then out of the tree; the last
 * reference frees memory only.
 *
 * Locks: the card's lock and ttmem_clients_lock are both innermost; neither is taken
 * under the other. The last reference to a pid is dropped under neither.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "client.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static struct kmem_cache *ttmem_client_cache;
/* The id that was given last. */
static atomic64_t ttmem_client_ids;

/* Guards the tree, and no client in it goes while it is held. */
static DEFINE_SPINLOCK(ttmem_clients_lock);
static struct rb_root ttmem_clients = RB_ROOT;

/**
 * ttmem_client_init() - Make what all clients need.
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int ttmem_client_init(void)
{
	ttmem_client_cache = kmem_cache_create("ttmem_client", sizeof(struct ttmem_client),
					       0, SLAB_ACCOUNT, NULL);
	return ttmem_client_cache ? 0 : -ENOMEM;
}

/**
 * ttmem_client_exit() - Undo ttmem_client_init().
 *
 * Context: Module exit; no client is left.
 */
void ttmem_client_exit(void)
{
	WARN_ON(!RB_EMPTY_ROOT(&ttmem_clients));
	kmem_cache_destroy(ttmem_client_cache);
}

static void ttmem_client_insert(struct ttmem_client *client)
{
	struct rb_node **link = &ttmem_clients.rb_node, *parent = NULL;

	lockdep_assert_held(&ttmem_clients_lock);
	while (*link) {
		parent = *link;
		if (client->id < rb_entry(parent, struct ttmem_client, node)->id)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&client->node, parent, link);
	rb_insert_color(&client->node, &ttmem_clients);
}

/**
 * ttmem_client_from() - Find the client with an id or the next one after it.
 * @id: any number
 *
 * Context: Process context. Takes the lock of the tree.
 * Return: the client with the lowest id that is not below @id, of any card; a
 * reference, to be dropped by ttmem_client_put(). NULL if there is none.
 */
struct ttmem_client *ttmem_client_from(u64 id)
{
	struct ttmem_client *client, *found = NULL;
	struct rb_node *node;

	spin_lock(&ttmem_clients_lock);
	node = ttmem_clients.rb_node;
	while (node) {
		client = rb_entry(node, struct ttmem_client, node);
		if (client->id >= id) {
			found = client;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	if (found)
		kref_get(&found->ref);
	spin_unlock(&ttmem_clients_lock);
	return found;
}

/**
 * ttmem_client_last_id() - Tell the highest id that a client has by now.
 *
 * Context: Any.
 * Return: the id, 0 if there was no client yet.
 */
u64 ttmem_client_last_id(void)
{
	return atomic64_read(&ttmem_client_ids);
}

static void ttmem_client_release(struct kref *ref)
{
	struct ttmem_client *client = container_of(ref, struct ttmem_client, ref);

	ttmem_card_put(client->card);
	kmem_cache_free(ttmem_client_cache, client);
}

/**
 * ttmem_client_put() - Drop a reference.
 * @client: the client
 *
 * Context: Process context; no lock is held.
 */
void ttmem_client_put(struct ttmem_client *client)
{
	kref_put(&client->ref, ttmem_client_release);
}

/* The last places of a card are for those who look after the machine. */
static int ttmem_client_join(struct ttmem_client *client)
{
	struct ttmem_card *card = client->card;
	int err;

	err = ttmem_card_join(card, &client->account,
			      TTMEM_CARD_CLIENTS_MAX - TTMEM_CARD_CLIENTS_RESERVED);
	if (err == -ENFILE && capable(CAP_SYS_RESOURCE))
		err = ttmem_card_join(card, &client->account, TTMEM_CARD_CLIENTS_MAX);
	return err;
}

/**
 * ttmem_client_open() - Begin a client.
 * @card: the card; the client takes a reference of its own
 *
 * Context: Process context of the opener, may sleep.
 * Return: the client, which the caller ends with ttmem_client_close(); -ENODEV
 * if the card is gone, -ENFILE if it has as many clients as it may have,
 * -ENOMEM.
 */
struct ttmem_client *ttmem_client_open(struct ttmem_card *card)
{
	struct ttmem_client *client;
	int err;

	client = kmem_cache_zalloc(ttmem_client_cache, GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);

	kref_init(&client->ref);
	INIT_LIST_HEAD(&client->fold);
	xa_init_flags(&client->held, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	client->card = ttmem_card_get(card);
	client->begin = ktime_get_boottime_ns();
	err = ttmem_client_join(client);
	if (err) {
		ttmem_client_put(client);
		return ERR_PTR(err);
	}

	spin_lock(&card->lock);
	ttmem_client_identify(client);
	spin_unlock(&card->lock);

	/* Taken under the lock, the order of the tree is that of the ids. */
	spin_lock(&ttmem_clients_lock);
	client->id = atomic64_inc_return(&ttmem_client_ids);
	ttmem_client_insert(client);
	spin_unlock(&ttmem_clients_lock);

	/* Without the lock, as nobody else has the file yet. */
	trace_ttmem_client_begin(card->number, client->id, pid_nr(client->pid),
				 __kuid_val(client->uid));
	return client;
}

/* Take the client out of the books, if it is still there; the lock is held. */
static void ttmem_client_leave(struct ttmem_client *client)
{
	struct ttmem_card *card = client->card;

	lockdep_assert_held(&card->lock);
	if (client->account.epoch == TTMEM_EPOCH_LEFT)
		return;
	trace_ttmem_client_end(client, ttmem_account_view(card, &client->account));
	ttmem_card_leave(card, &client->account);
	if (!list_empty(&client->fold)) {
		list_del_init(&client->fold);
		/* Without counters all is known that there is to know. */
		if (!--card->fold.count)
			ttmem_card_settle(card);
	}
}

/**
 * ttmem_client_close() - Take a client out of the books and out of the tree.
 * @client: the client; its file is used by nobody any more
 *
 * The name of a process that ends with the file open is noted. The caller frees
 * what the client consists of and drops its reference after that.
 *
 * Context: Process context. Takes the card's lock and that of the tree.
 */
void ttmem_client_close(struct ttmem_client *client)
{
	spin_lock(&client->card->lock);
	/*
	 * Who ends with the file open may have another name by now. But exec(), which
	 * closes files too, has given him that of the next program already.
	 */
	if (current->flags & PF_EXITING && !client->attributed &&
	    client->pid == task_tgid(current))
		ttmem_copy_comm(client->comm, current->group_leader);
	ttmem_client_leave(client);
	spin_unlock(&client->card->lock);

	spin_lock(&ttmem_clients_lock);
	rb_erase(&client->node, &ttmem_clients);
	spin_unlock(&ttmem_clients_lock);

	/* Nobody looks into it any more. */
	put_pid(client->pid);
}

/**
 * ttmem_process() - Look up a process that lives.
 * @pid: of a thread group
 *
 * A process whose leader has exited lives as long as another of its threads
 * does. One that has exited whole does not, whether or not its parent waits.
 *
 * Context: Any. Under rcu_read_lock(), as long as the result is used.
 * Return: its leader, or NULL.
 */
struct task_struct *ttmem_process(struct pid *pid)
{
	struct task_struct *task = pid_task(pid, PIDTYPE_TGID);

	if (task && READ_ONCE(task->exit_state) && thread_group_empty(task))
		return NULL;
	return task;
}

/* Note who @task is, under rcu_read_lock(); the card's lock is held. */
static void ttmem_client_note(struct ttmem_client *client, struct task_struct *task)
{
	if (!client->keeps_uid)
		client->uid = task_cred_xxx(task, euid);
	ttmem_copy_comm(client->comm, task);
}

/**
 * ttmem_client_meets() - See whether the process that a client speaks for is
 * still there.
 * @client: the client
 *
 * If it is, its user and name are noted; if not, the client leaves the books.
 * A client that is not attributed speaks for whoever uses it.
 *
 * Context: Process context. The card's lock is held.
 * Return: whether the client is in the books.
 */
bool ttmem_client_meets(struct ttmem_client *client)
{
	struct task_struct *task;

	lockdep_assert_held(&client->card->lock);
	if (!ttmem_account_current(client->card, &client->account))
		return false;
	if (!client->attributed)
		return true;

	rcu_read_lock();
	task = ttmem_process(client->pid);
	if (task)
		ttmem_client_note(client, task);
	else
		ttmem_client_leave(client);
	rcu_read_unlock();
	return task;
}

/**
 * ttmem_client_check() - Tell what every call on a client answers, having seen
 * whether the process that it speaks for is still there.
 * @client: the client
 *
 * Context: Process context. Takes the card's lock if the client is attributed.
 * Return: as ttmem_client_error().
 */
int ttmem_client_check(struct ttmem_client *client)
{
	if (READ_ONCE(client->attributed)) {
		spin_lock(&client->card->lock);
		ttmem_client_meets(client);
		spin_unlock(&client->card->lock);
	}
	return ttmem_client_error(client);
}

/**
 * ttmem_client_enlist() - Have a client looked at by each fold of its card.
 * @client: the client, in the books
 *
 * Context: Process context. The card's lock is held.
 */
void ttmem_client_enlist(struct ttmem_client *client)
{
	struct ttmem_fold *fold = &client->card->fold;

	lockdep_assert_held(&client->card->lock);
	if (!list_empty(&client->fold))
		return;
	list_add_tail(&client->fold, &fold->clients);
	fold->count++;
}

/**
 * ttmem_client_identify() - Note who uses a client.
 * @client: the client
 *
 * Identity follows use, unless the client is attributed.
 *
 * Context: Process context of the user. The card's lock is held.
 * Return: a reference for put_pid() once the lock is dropped, or NULL.
 */
struct pid *ttmem_client_identify(struct ttmem_client *client)
{
	struct pid *pid = task_tgid(current), *old = NULL;

	lockdep_assert_held(&client->card->lock);
	if (client->attributed)
		return NULL;
	if (client->pid != pid) {
		old = client->pid;
		client->pid = get_pid(pid);
	}
	client->uid = current_euid();
	ttmem_copy_comm(client->comm, current->group_leader);
	return old;
}

/* The card's lock is held. Takes *@pid and leaves the one it replaces. */
static int ttmem_client_take(struct ttmem_client *client, struct pid **pid, bool own)
{
	struct task_struct *task;
	int err = ttmem_client_error(client);

	lockdep_assert_held(&client->card->lock);
	if (err)
		return err;
	if (client->attributed || !ttmem_account_empty(&client->account))
		return -EBUSY;

	rcu_read_lock();
	task = ttmem_process(*pid);
	if (!task) {
		err = -ESRCH;
	} else if (task->flags & PF_KTHREAD) {
		err = -EPERM;
	} else {
		swap(client->pid, *pid);
		ttmem_client_note(client, task);
	}
	rcu_read_unlock();
	if (err)
		return err;

	/* It may begin a setuid program, and what is told is still its user's. */
	client->keeps_uid = own;
	WRITE_ONCE(client->attributed, true);
	ttmem_account_restart_peaks(&client->account);
	ttmem_client_enlist(client);
	trace_ttmem_client_attribute(client->card->number, client->id,
				     pid_nr(client->pid), __kuid_val(client->uid));
	return 0;
}

/**
 * ttmem_client_attribute() - Let a client speak for a process from now on.
 * @client: the client
 * @nr: the process, by its number in the caller's pid namespace, above 0
 *
 * A client that speaks for its caller's own process is shown with the user that
 * this has now, whatever program it becomes.
 *
 * Whether the caller may is asked before the number is looked up, so that
 * nobody learns from this which processes there are.
 *
 * Context: Process context, may sleep. Takes the card's lock.
 * Return: 0; -EPERM if @nr is neither the caller's own process nor the caller
 * may trace all of the machine, or for a kernel thread; -ESRCH if no process
 * that lives has this number; -EBUSY if the client speaks for a process already
 * or holds something; as ttmem_client_error().
 */
int ttmem_client_attribute(struct ttmem_client *client, pid_t nr)
{
	bool own = nr == task_tgid_vnr(current);
	struct pid *pid;
	int err;

	if (!own && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	pid = find_get_pid(nr);
	if (!pid)
		return -ESRCH;
	spin_lock(&client->card->lock);
	err = ttmem_client_take(client, &pid, own);
	spin_unlock(&client->card->lock);
	put_pid(pid);
	return err;
}

/**
 * ttmem_client_picture() - Copy what a client is and holds at this moment.
 * @client: the client
 * @picture: filled in; on success the caller drops the reference to its pid
 *
 * Context: Process context. Takes the card's lock.
 * Return: whether the client is in the books.
 */
bool ttmem_client_picture(struct ttmem_client *client,
			  struct ttmem_client_picture *picture)
{
	bool in_books;

	spin_lock(&client->card->lock);
	in_books = ttmem_account_current(client->card, &client->account);
	picture->account = *ttmem_account_view(client->card, &client->account);
	picture->attributed = client->attributed;
	if (in_books) {
		picture->pid = get_pid(client->pid);
		picture->uid = client->uid;
	}
	spin_unlock(&client->card->lock);
	return in_books;
}
