// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node /dev/tenstorrent/mem/N: copies in, checks, calls the client, copies
 * out. What the calls mean is told in Documentation/userspace-api/ttmem.rst.
 */

#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "card.h"
#include "chardev.h"
#include "client.h"
#include "ttmem.h"

/* Reservations copied out in one hold of the card's lock: 44 KiB of them. */
#define PAGE_MAX	512

/* The structures of version 1: callers may bring more, never less. */
#define INFO_SIZE_1		104
#define RESERVE_SIZE_1		88
#define FREE_SIZE_1		32
#define GAUGE_SIZE_1		32
#define SET_SIZE_1		24
#define RESERVATION_SIZE_1	88
#define RESERVATIONS_SIZE_1	56

static int copy_in(void *arg, size_t size, size_t least, const void __user *uarg,
		   size_t usize)
{
	if (usize < least)
		return -EINVAL;
	return copy_struct_from_user(arg, size, uarg, usize);
}

static int copy_out(void __user *uarg, size_t usize, const void *arg, size_t size)
{
	if (copy_to_user(uarg, arg, min(size, usize)))
		return -EFAULT;
	if (usize > size && clear_user(uarg + size, usize - size))
		return -EFAULT;
	return 0;
}

static long ttmem_info(struct ttmem_client *client, void __user *uarg, size_t usize)
{
	struct ttmem_card *card = ttmem_client_card(client);
	struct ttmem_pool *pool;
	struct ttmem_info info, in;
	int err;

	BUILD_BUG_ON(sizeof(in) < INFO_SIZE_1);
	err = copy_in(&in, sizeof(in), INFO_SIZE_1, uarg, usize);
	if (err)
		return err;
	if (ttmem_client_closed(client))
		return -ENODEV;
	if (in.flags || in.chip >= card->chips || in.memory >= TTMEM_MEMORIES)
		return -EINVAL;

	memset(&info, 0, sizeof(info));
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
	strscpy(info.board, card->board->name, sizeof(info.board));

	spin_lock(&card->lock);
	pool = &card->pool[info.chip][info.memory];
	info.total = pool->total;
	info.used = pool->used;
	info.peak = pool->peak;
	info.banks = pool->banks;
	spin_unlock(&card->lock);

	return copy_out(uarg, usize, &info, sizeof(info));
}

static bool label_valid(const u8 *label)
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

static bool reserve_valid(const struct ttmem_card *card,
			  const struct ttmem_reserve *req)
{
	return req->chip < card->chips &&
	       ttmem_pool_tag_valid(req->memory, req->tag) &&
	       !(req->flags & ~(TTMEM_RESERVE_OVERCOMMIT | TTMEM_RESERVE_ADDRESS)) &&
	       req->size && req->payload <= req->size &&
	       (!req->address || (req->flags & TTMEM_RESERVE_ADDRESS)) &&
	       label_valid(req->label);
}

static long ttmem_reserve(struct ttmem_client *client, void __user *uarg, size_t usize)
{
	struct ttmem_reserve __user *ureq = uarg;
	struct ttmem_reserve req;
	struct ttmem_held *held;
	int err;

	BUILD_BUG_ON(sizeof(req) < RESERVE_SIZE_1);
	err = copy_in(&req, sizeof(req), RESERVE_SIZE_1, uarg, usize);
	if (err)
		return err;
	if (ttmem_client_closed(client))
		return -ENODEV;
	if (!reserve_valid(ttmem_client_card(client), &req))
		return -EINVAL;

	held = ttmem_client_prepare(client, &req);
	if (IS_ERR(held))
		return PTR_ERR(held);
	/*
	 * Before it is charged: if this fails nothing has happened that anyone
	 * can see, and no other thread can free it before its owner knows it.
	 */
	if (put_user(ttmem_held_handle(held), &ureq->handle)) {
		ttmem_client_abandon(client, held);
		return -EFAULT;
	}
	ttmem_test_delay(TTMEM_TEST_RESERVE);
	return ttmem_client_publish(client, held);
}

static long ttmem_free(struct ttmem_client *client, void __user *uarg, size_t usize)
{
	struct ttmem_card *card = ttmem_client_card(client);
	struct ttmem_free req;
	unsigned int chip;
	int err;

	BUILD_BUG_ON(sizeof(req) < FREE_SIZE_1);
	err = copy_in(&req, sizeof(req), FREE_SIZE_1, uarg, usize);
	if (err)
		return err;
	if (ttmem_client_closed(client))
		return -ENODEV;

	switch (req.flags) {
	case 0:
		if (req.chip)
			return -EINVAL;
		return ttmem_client_free(client, req.handle);
	case TTMEM_FREE_CHIP:
		if (req.handle || req.chip >= card->chips)
			return -EINVAL;
		chip = req.chip;
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
	err = copy_out(uarg, usize, &req, sizeof(req));
	if (err)
		return err;
	err = ttmem_client_free_all(client, chip, &req.bytes, &req.reservations);
	/* It is done, so it has not failed, even if the structure went meanwhile. */
	if (!err)
		copy_out(uarg, usize, &req, sizeof(req));
	return err;
}

static bool gauge_valid(const struct ttmem_card *card, const struct ttmem_gauge *gauge)
{
	return gauge->chip < card->chips && !gauge->reserved &&
	       ttmem_pool_tag_valid(gauge->memory, gauge->tag);
}

static long ttmem_set(struct ttmem_client *client, void __user *uarg, size_t usize)
{
	struct ttmem_gauge *gauges;
	struct ttmem_set req;
	unsigned int i;
	int err;

	BUILD_BUG_ON(sizeof(req) < SET_SIZE_1);
	BUILD_BUG_ON(sizeof(*gauges) < GAUGE_SIZE_1);
	err = copy_in(&req, sizeof(req), SET_SIZE_1, uarg, usize);
	if (err)
		return err;
	if (ttmem_client_closed(client))
		return -ENODEV;
	if (req.flags || req.reserved || !req.count || req.count > TTMEM_SET_MAX ||
	    req.entry_size < GAUGE_SIZE_1 || req.entry_size > PAGE_SIZE)
		return -EINVAL;

	gauges = kmalloc_array(req.count, sizeof(*gauges), GFP_KERNEL);
	if (!gauges)
		return -ENOMEM;
	for (i = 0; i < req.count; i++) {
		err = copy_struct_from_user(&gauges[i], sizeof(*gauges),
					    u64_to_user_ptr(req.gauges +
							    (u64)i * req.entry_size),
					    req.entry_size);
		if (!err && !gauge_valid(ttmem_client_card(client), &gauges[i]))
			err = -EINVAL;
		if (err)
			goto free;
	}
	err = ttmem_client_set(client, gauges, req.count);
free:
	kfree(gauges);
	return err;
}

static long ttmem_reservations(struct ttmem_client *client, void __user *uarg,
			       size_t usize)
{
	struct ttmem_reservation *page;
	struct ttmem_reservations req;
	unsigned int room, i;
	int n, err;

	BUILD_BUG_ON(sizeof(req) < RESERVATIONS_SIZE_1);
	BUILD_BUG_ON(sizeof(*page) < RESERVATION_SIZE_1);
	err = copy_in(&req, sizeof(req), RESERVATIONS_SIZE_1, uarg, usize);
	if (err)
		return err;
	if (ttmem_client_closed(client))
		return -ENODEV;
	if (req.flags || req.reserved || req.entry_size < RESERVATION_SIZE_1 ||
	    req.entry_size > PAGE_SIZE)
		return -EINVAL;

	room = min_t(u32, req.count, PAGE_MAX);
	page = kvmalloc_array(room ?: 1, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	n = ttmem_client_list(client, req.client, req.start, page, room, &req.next,
			      &req.total);
	err = n < 0 ? n : 0;
	for (i = 0; !err && i < n; i++)
		err = copy_out(u64_to_user_ptr(req.entries + (u64)i * req.entry_size),
			       req.entry_size, &page[i], sizeof(*page));
	kvfree(page);
	if (err)
		return err;

	req.count = n;
	return copy_out(uarg, usize, &req, sizeof(req));
}

/* Dispatches on the number alone: the size grows with the structures. */
static long ttmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ttmem_client *client = file->private_data;
	void __user *uarg = (void __user *)arg;
	size_t usize = _IOC_SIZE(cmd);

	if (_IOC_TYPE(cmd) != TTMEM_IOC_MAGIC)
		return -ENOTTY;

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(TTMEM_IOC_INFO):
		return ttmem_info(client, uarg, usize);
	case _IOC_NR(TTMEM_IOC_RESERVE):
		return ttmem_reserve(client, uarg, usize);
	case _IOC_NR(TTMEM_IOC_FREE):
		return ttmem_free(client, uarg, usize);
	case _IOC_NR(TTMEM_IOC_SET):
		return ttmem_set(client, uarg, usize);
	case _IOC_NR(TTMEM_IOC_RESERVATIONS):
		return ttmem_reservations(client, uarg, usize);
	default:
		return -ENOTTY;
	}
}

/* Runs under misc_mtx, so the node and its card are there. */
static int ttmem_open(struct inode *inode, struct file *file)
{
	struct ttmem_node *node = container_of(file->private_data, struct ttmem_node, misc);
	struct ttmem_client *client;

	ttmem_test_delay(TTMEM_TEST_OPEN);
	client = ttmem_client_open(node->card);
	if (IS_ERR(client))
		return PTR_ERR(client);
	file->private_data = client;
	return nonseekable_open(inode, file);
}

static int ttmem_release(struct inode *inode, struct file *file)
{
	ttmem_client_close(file->private_data);
	return 0;
}

/* In the grammar of the kernel's Documentation/gpu/drm-usage-stats.rst. */
static void ttmem_show_fdinfo(struct seq_file *m, struct file *file)
{
	static const char *const memories[TTMEM_MEMORIES] = { "dram", "l1" };
	struct ttmem_client *client = file->private_data;
	struct ttmem_card *card = ttmem_client_card(client);
	unsigned int chip, memory, tag;
	struct ttmem_account *account;

	account = kmalloc(sizeof(*account), GFP_KERNEL);
	if (!account)
		return;
	ttmem_client_account(client, account);

	seq_puts(m, "ttmem-driver:\tttmem\n");
	seq_printf(m, "ttmem-abi:\t%u\n", TTMEM_ABI_VERSION);
	seq_printf(m, "ttmem-card:\t%u\n", card->number);
	seq_printf(m, "ttmem-pdev:\t%04x:%02x:%02x.%u\n", card->pci.domain,
		   card->pci.bus, PCI_SLOT(card->pci.devfn), PCI_FUNC(card->pci.devfn));
	seq_printf(m, "ttmem-client-id:\t%llu\n", ttmem_client_id(client));
	/* The numbers are those of a live client, if it was closed only since. */
	seq_printf(m, "ttmem-state:\t%s\n", !account->closed ? "live" :
		   READ_ONCE(card->gone) ? "gone" : "invalidated");
	seq_printf(m, "ttmem-reservations:\t%llu\n", ttmem_account_reservations(account));

	for (chip = 0; chip < card->chips; chip++) {
		for (memory = 0; memory < TTMEM_MEMORIES; memory++) {
			seq_printf(m, "ttmem-total-chip%u-%s:\t%llu\n", chip,
				   memories[memory], account->bytes[chip][memory]);
			for (tag = 0; tag < TTMEM_TAGS; tag++) {
				struct ttmem_part *part = &account->part[chip][memory][tag];

				if (part->reserved || part->gauge)
					seq_printf(m, "ttmem-total-chip%u-%s-%s:\t%llu\n",
						   chip, memories[memory],
						   ttmem_tag_name(tag),
						   part->reserved + part->gauge);
				if (part->largest_free)
					seq_printf(m, "ttmem-largest-free-chip%u-%s-%s:\t%llu\n",
						   chip, memories[memory],
						   ttmem_tag_name(tag),
						   part->largest_free);
			}
		}
	}
	kfree(account);
}

static const struct file_operations ttmem_fops = {
	.owner = THIS_MODULE,
	.open = ttmem_open,
	.release = ttmem_release,
	.unlocked_ioctl = ttmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = ttmem_show_fdinfo,
	.llseek = noop_llseek,
};

/**
 * ttmem_chardev_add() - Make a card's device and node.
 * @node: filled in; stays in place until ttmem_chardev_remove()
 * @card: the card, which the caller keeps a reference to as long
 * @parent: the PCI device
 * @groups: the device's attributes
 *
 * Context: Process context, may sleep; no lock is held that an open, show or
 * store takes.
 * Return: 0 or a negative errno.
 */
int ttmem_chardev_add(struct ttmem_node *node, struct ttmem_card *card,
		      struct device *parent, const struct attribute_group **groups)
{
	node->card = card;
	snprintf(node->name, sizeof(node->name), "ttmem%u", card->number);
	snprintf(node->path, sizeof(node->path), "tenstorrent/mem/%u", card->number);
	node->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = node->name,
		.nodename = node->path,
		.fops = &ttmem_fops,
		.parent = parent,
		.groups = groups,
	};
	return misc_register(&node->misc);
}

/**
 * ttmem_chardev_remove() - Take a card's device and node away.
 * @node: what ttmem_chardev_add() made
 *
 * Returns when no open, show or store runs any more. Files stay open.
 *
 * Context: Process context, may sleep; no lock is held that an open, show or
 * store takes.
 */
void ttmem_chardev_remove(struct ttmem_node *node)
{
	misc_deregister(&node->misc);
}
