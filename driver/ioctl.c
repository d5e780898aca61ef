// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on the node: copies in, checks, calls the client, copies out. What
 * they mean is told in Documentation/userspace-api/ttmem.rst.
 */

#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "card.h"
#include "client.h"
#include "counter.h"
#include "ioctl.h"
#include "reservation.h"
#include "ttmem.h"

/*
 * Reservations copied out in one hold of the card's lock. As many callers as there are
 * processors may be before somebody else in the lock's queue.
 */
#define PAGE_MAX	64

/* The structures of version 1: callers may bring more, never less. */
#define INFO_SIZE_1		104
#define RESERVE_SIZE_1		96
#define FREE_SIZE_1		40
#define GAUGE_SIZE_1		32
#define SET_SIZE_1		24
#define RESERVATION_SIZE_1	88
#define RESERVATIONS_SIZE_1	56
#define ATTRIBUTE_SIZE_1	16

/*
 * Copy a structure in: @least bytes, which every version has, and what more the
 * caller brings. Its argsz is taken once, with the rest, as every access to user
 * memory costs; it stays in the structure for ttmem_copy_out(). Then the size
 * that the kernel knows is written back, unless it is there already.
 */
static int ttmem_copy_in(void *arg, size_t size, size_t least, void __user *uarg)
{
	u32 argsz;
	int err;

	if (copy_from_user(arg, uarg, least)) {
		/* It may be so short that memory ends behind it. */
		if (!get_user(argsz, (u32 __user *)uarg) && argsz < least)
			return -EINVAL;
		return -EFAULT;
	}
	argsz = *(u32 *)arg;
	if (argsz < least)
		return -EINVAL;
	if (argsz > PAGE_SIZE)
		return -E2BIG;
	if (argsz > least || size > least) {
		err = copy_struct_from_user(arg + least, size - least, uarg + least,
					    argsz - least);
		if (err)
			return err;
	}
	if (argsz != size && put_user((u32)size, (u32 __user *)uarg))
		return -EFAULT;
	return 0;
}

/* Fill in @usize bytes of the caller's with the @size bytes that there are. */
static int ttmem_fill(void __user *uarg, size_t usize, const void *arg, size_t size)
{
	if (copy_to_user(uarg, arg, min(size, usize)))
		return -EFAULT;
	if (usize > size && clear_user(uarg + size, usize - size))
		return -EFAULT;
	return 0;
}

/* Give back what ttmem_copy_in() has copied in. */
static int ttmem_copy_out(void __user *uarg, void *arg, size_t size)
{
	u32 *argsz = arg;
	size_t usize = *argsz;
	int err;

	*argsz = size;
	err = ttmem_fill(uarg, usize, arg, size);
	*argsz = usize;
	return err;
}

/* Checked numbers that index tables: not past their ends by speculation either. */
static void ttmem_confine(u32 *chip, u32 *memory, u32 *tag)
{
	*chip = array_index_nospec(*chip, TTMEM_CHIPS_MAX);
	*memory = array_index_nospec(*memory, TTMEM_MEMORIES);
	if (tag)
		*tag = array_index_nospec(*tag, TTMEM_TAGS);
}

static long ttmem_info(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_card *card = client->card;
	struct ttmem_info info, in;
	struct ttmem_pool *pool;
	int err;

	BUILD_BUG_ON(sizeof(in) < INFO_SIZE_1);
	err = ttmem_copy_in(&in, sizeof(in), INFO_SIZE_1, uarg);
	if (err)
		return err;
	if (in.flags || in.chip >= card->chips || in.memory >= TTMEM_MEMORIES)
		return -EINVAL;
	ttmem_confine(&in.chip, &in.memory, NULL);
	err = ttmem_look_card(card);
	if (err)
		return err;

	memset(&info, 0, sizeof(info));
	info.argsz = in.argsz;
	info.chip = in.chip;
	info.memory = in.memory;
	info.abi_version = TTMEM_ABI_VERSION;
	info.card = card->number;
	info.chips = card->chips;
	info.pci_domain = card->pci.domain;
	info.pci_bus = card->pci.bus;
	info.pci_device = PCI_SLOT(card->pci.devfn);
	info.pci_function = PCI_FUNC(card->pci.devfn);
	info.vendor_id = card->pci.vendor_id;
	info.device_id = card->pci.device_id;
	info.subsystem_vendor_id = card->pci.subsystem_vendor_id;
	info.subsystem_id = card->pci.subsystem_id;
	info.client = client->id;
	strscpy(info.board, card->board->name, sizeof(info.board));

	spin_lock(&card->lock);
	pool = &card->pool[info.chip][info.memory];
	info.total = pool->total;
	info.used = pool->used;
	info.peak = pool->peak;
	info.banks = pool->banks;
	err = ttmem_client_error(client);
	spin_unlock(&card->lock);

	return err ?: ttmem_copy_out(uarg, &info, sizeof(info));
}

static bool ttmem_label_valid(const u8 *label)
{
	size_t i;

	for (i = 0; i < TTMEM_LABEL_SIZE; i++) {
		if (!label[i])
			return true;
		if (label[i] < ' ' || label[i] > '~')
			return false;
	}
	return false;
}

static bool ttmem_reserve_valid(const struct ttmem_card *card,
				const struct ttmem_reserve *req)
{
	return req->chip < card->chips &&
	       ttmem_pool_tag_valid(req->memory, req->tag) &&
	       !(req->flags & ~(TTMEM_RESERVE_OVERCOMMIT | TTMEM_RESERVE_ADDRESS)) &&
	       !req->reserved && req->size && req->payload <= req->size &&
	       (!req->address || (req->flags & TTMEM_RESERVE_ADDRESS)) &&
	       ttmem_label_valid(req->label);
}

static long ttmem_reserve(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_reserve __user *ureq = uarg;
	struct ttmem_reserve req;
	struct ttmem_held *held;
	int err;

	BUILD_BUG_ON(sizeof(req) < RESERVE_SIZE_1);
	err = ttmem_copy_in(&req, sizeof(req), RESERVE_SIZE_1, uarg);
	if (err)
		return err;
	if (!ttmem_reserve_valid(client->card, &req))
		return -EINVAL;
	ttmem_confine(&req.chip, &req.memory, &req.tag);

	held = ttmem_reservation_prepare(client, &req);
	if (IS_ERR(held))
		return PTR_ERR(held);
	/*
	 * Before it is charged: if this fails nothing has happened that anyone
	 * can see, and no other thread can free it before its owner knows it.
	 */
	if (put_user(ttmem_reservation_handle(held), &ureq->handle)) {
		ttmem_reservation_abandon(client, held);
		return -EFAULT;
	}
	ttmem_test_delay(TTMEM_TEST_RESERVE);
	return ttmem_reservation_publish(client, held);
}

static long ttmem_free(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_card *card = client->card;
	struct ttmem_free req;
	unsigned int chip;
	int err;

	BUILD_BUG_ON(sizeof(req) < FREE_SIZE_1);
	err = ttmem_copy_in(&req, sizeof(req), FREE_SIZE_1, uarg);
	if (err)
		return err;
	if (req.reserved)
		return -EINVAL;

	switch (req.flags) {
	case 0:
		if (req.chip)
			return -EINVAL;
		return ttmem_reservation_free(client, req.handle);
	case TTMEM_FREE_CHIP:
		if (req.handle || req.chip >= card->chips)
			return -EINVAL;
		chip = array_index_nospec(req.chip, TTMEM_CHIPS_MAX);
		break;
	case TTMEM_FREE_ALL:
		if (req.handle || req.chip)
			return -EINVAL;
		chip = TTMEM_ALL_CHIPS;
		break;
	default:
		return -EINVAL;
	}

	/* What cannot be told must not be done. */
	err = ttmem_copy_out(uarg, &req, sizeof(req));
	if (err)
		return err;
	err = ttmem_reservation_free_all(client, chip, &req.bytes, &req.reservations);
	/* It is done, so it has not failed, even if the structure went meanwhile. */
	if (!err)
		ttmem_copy_out(uarg, &req, sizeof(req));
	return err;
}

static bool ttmem_gauge_valid(const struct ttmem_card *card,
			      const struct ttmem_gauge *gauge)
{
	return gauge->chip < card->chips && !gauge->reserved &&
	       ttmem_pool_tag_valid(gauge->memory, gauge->tag);
}

static long ttmem_set(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_gauge *gauges = NULL;
	struct ttmem_set req;
	unsigned int i;
	int err;

	BUILD_BUG_ON(sizeof(req) < SET_SIZE_1);
	BUILD_BUG_ON(sizeof(*gauges) < GAUGE_SIZE_1);
	err = ttmem_copy_in(&req, sizeof(req), SET_SIZE_1, uarg);
	if (err)
		return err;
	if (req.flags & ~TTMEM_SET_RESTART_PEAKS || req.count > TTMEM_SET_MAX ||
	    (!req.count && !req.flags) ||
	    (req.count && (req.entry_size < GAUGE_SIZE_1 || req.entry_size > PAGE_SIZE)))
		return -EINVAL;

	if (req.count) {
		gauges = kmalloc_array(req.count, sizeof(*gauges), GFP_KERNEL);
		if (!gauges)
			return -ENOMEM;
	}
	for (i = 0; i < req.count; i++) {
		err = copy_struct_from_user(&gauges[i], sizeof(*gauges),
					    u64_to_user_ptr(req.gauges +
							    (u64)i * req.entry_size),
					    req.entry_size);
		if (!err && !ttmem_gauge_valid(client->card, &gauges[i]))
			err = -EINVAL;
		if (err)
			goto free;
		ttmem_confine(&gauges[i].chip, &gauges[i].memory, &gauges[i].tag);
	}
	err = ttmem_counter_set(client, gauges, req.count,
				req.flags & TTMEM_SET_RESTART_PEAKS);
free:
	kfree(gauges);
	return err;
}

static long ttmem_reservations(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_reservation *page;
	struct ttmem_reservations req;
	unsigned int room, i;
	int n, err;

	BUILD_BUG_ON(sizeof(req) < RESERVATIONS_SIZE_1);
	BUILD_BUG_ON(sizeof(*page) < RESERVATION_SIZE_1);
	err = ttmem_copy_in(&req, sizeof(req), RESERVATIONS_SIZE_1, uarg);
	if (err)
		return err;
	if (req.flags || req.entry_size < RESERVATION_SIZE_1 || req.entry_size > PAGE_SIZE)
		return -EINVAL;

	room = min_t(u32, req.count, PAGE_MAX);
	page = kmalloc_array(room ?: 1, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	n = ttmem_reservation_list(client, req.client, req.start, page, room, &req.next,
				   &req.total);
	err = n < 0 ? n : 0;
	for (i = 0; !err && i < n; i++)
		err = ttmem_fill(u64_to_user_ptr(req.entries + (u64)i * req.entry_size),
				 req.entry_size, &page[i], sizeof(*page));
	kfree(page);
	if (err)
		return err;

	req.count = n;
	return ttmem_copy_out(uarg, &req, sizeof(req));
}

static long ttmem_attribute(struct ttmem_client *client, void __user *uarg)
{
	struct ttmem_attribute req;
	int err;

	BUILD_BUG_ON(sizeof(req) < ATTRIBUTE_SIZE_1);
	err = ttmem_copy_in(&req, sizeof(req), ATTRIBUTE_SIZE_1, uarg);
	if (err)
		return err;
	if (req.flags || req.reserved || req.pid <= 0)
		return -EINVAL;
	/* What its counters say is held, too. */
	ttmem_look_client(client);
	return ttmem_client_attribute(client, req.pid);
}

/* What is asked before a call looks at its argument. */
static long ttmem_refused(struct file *file, bool changes)
{
	int err = ttmem_client_check(file->private_data);

	if (!err && changes && !(file->f_mode & FMODE_WRITE))
		err = -EBADF;
	return err;
}

/**
 * ttmem_ioctl() - Serve a call on the node.
 * @file: an open file of the node
 * @cmd: TTMEM_IOC_*
 * @arg: address of the call's structure
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno, as Documentation/userspace-api/ttmem.rst tells.
 */
long ttmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ttmem_client *client = file->private_data;
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case TTMEM_IOC_INFO:
		return ttmem_refused(file, false) ?: ttmem_info(client, uarg);
	case TTMEM_IOC_RESERVE:
		return ttmem_refused(file, true) ?: ttmem_reserve(client, uarg);
	case TTMEM_IOC_FREE:
		return ttmem_refused(file, true) ?: ttmem_free(client, uarg);
	case TTMEM_IOC_SET:
		return ttmem_refused(file, true) ?: ttmem_set(client, uarg);
	case TTMEM_IOC_RESERVATIONS:
		return ttmem_refused(file, false) ?: ttmem_reservations(client, uarg);
	case TTMEM_IOC_ATTRIBUTE:
		return ttmem_refused(file, true) ?: ttmem_attribute(client, uarg);
	default:
		return -ENOTTY;
	}
}
