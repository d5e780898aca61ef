// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node /dev/tenstorrent/mem/N: its device, open files and mappings.
 *
 * One character device serves all cards, and its minor number is the card's.
 * Which card that is now is looked up at each open: a node that somebody has
 * copied leads to the card that has its number, or nowhere, and never to another
 * driver's device while ttmem is loaded.
 */

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "card.h"
#include "chardev.h"
#include "client.h"
#include "compat.h"
#include "counter.h"
#include "ioctl.h"
#include "reservation.h"
#include "ttmem.h"

static dev_t ttmem_first;
static struct cdev ttmem_cdev;

/*
 * The nodes that are there; nothing else is taken under their lock. It is not a mutex: a
 * holder whose processor time is used up would make everybody else wait.
 */
static LIST_HEAD(ttmem_nodes);
static DEFINE_SPINLOCK(ttmem_nodes_lock);

static vm_fault_t ttmem_fault(struct vm_fault *vmf)
{
	vmf->page = vmf->vma->vm_private_data;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct ttmem_vm_ops = {
	.fault = ttmem_fault,
};

/* Maps the counter page. The mapping keeps the file open, and so the page. */
static int ttmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ttmem_client *client = file->private_data;
	struct page *page;
	int err;

	err = ttmem_client_check(client);
	if (err)
		return err;
	/* First: of a file that is not open for writing no mapping is VM_SHARED. */
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return -EACCES;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff ||
	    vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;

	page = ttmem_counter_page(client);
	if (IS_ERR(page))
		return PTR_ERR(page);
	ttmem_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = page;
	vma->vm_ops = &ttmem_vm_ops;
	return 0;
}

static struct ttmem_card *ttmem_card_of_minor(unsigned int minor)
{
	struct ttmem_card *card = NULL;
	struct ttmem_node *node;

	spin_lock(&ttmem_nodes_lock);
	list_for_each_entry(node, &ttmem_nodes, list) {
		if (node->card->number == minor) {
			card = ttmem_card_get(node->card);
			break;
		}
	}
	spin_unlock(&ttmem_nodes_lock);
	return card;
}

static int ttmem_open(struct inode *inode, struct file *file)
{
	struct ttmem_card *card = ttmem_card_of_minor(iminor(inode));
	struct ttmem_client *client;

	if (!card)
		return -ENODEV;
	ttmem_test_delay(TTMEM_TEST_OPEN);
	client = ttmem_client_open(card);
	ttmem_card_put(card);
	if (IS_ERR(client))
		return PTR_ERR(client);
	file->private_data = client;
	return nonseekable_open(inode, file);
}

static int ttmem_release(struct inode *inode, struct file *file)
{
	struct ttmem_client *client = file->private_data;

	ttmem_client_close(client);
	ttmem_reservation_end(client);
	ttmem_counter_end(client);
	ttmem_client_put(client);
	return 0;
}

static void ttmem_show_pool(struct seq_file *m, const struct ttmem_account *account,
			    unsigned int chip, u32 memory)
{
	static const char *const memories[TTMEM_MEMORIES] = { "dram", "l1" };
	unsigned int tag;
	u64 bytes;

	seq_printf(m, "ttmem-total-chip%u-%s:\t%llu\n", chip, memories[memory],
		   account->bytes[chip][memory]);
	seq_printf(m, "ttmem-peak-chip%u-%s:\t%llu\n", chip, memories[memory],
		   account->peak[chip][memory]);
	for (tag = 0; tag < TTMEM_TAGS; tag++) {
		bytes = ttmem_account_tagged(account, chip, memory, tag);
		if (bytes)
			seq_printf(m, "ttmem-total-chip%u-%s-%s:\t%llu\n", chip,
				   memories[memory], ttmem_tag_name(tag), bytes);
		bytes = account->part[chip][memory][tag].largest_free;
		if (bytes)
			seq_printf(m, "ttmem-largest-free-chip%u-%s-%s:\t%llu\n", chip,
				   memories[memory], ttmem_tag_name(tag), bytes);
	}
}

static const char *ttmem_state_name(const struct ttmem_client *client, bool in_books)
{
	if (in_books)
		return "live";
	if (ttmem_client_error(client) == -ESRCH)
		return "exited";
	return ttmem_card_gone(client->card) ? "gone" : "invalidated";
}

/* In the grammar of the kernel's Documentation/gpu/drm-usage-stats.rst. */
static void ttmem_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ttmem_client *client = file->private_data;
	struct ttmem_card *card = client->card;
	struct ttmem_client_picture *picture;
	unsigned int chip, memory;
	bool in_books;

	picture = kzalloc(sizeof(*picture), GFP_KERNEL);
	if (!picture)
		return;
	ttmem_look_client(client);
	in_books = ttmem_client_picture(client, picture);

	seq_puts(m, "ttmem-driver:\tttmem\n");
	seq_printf(m, "ttmem-abi:\t%u\n", TTMEM_ABI_VERSION);
	seq_printf(m, "ttmem-card:\t%u\n", card->number);
	seq_printf(m, "ttmem-pdev:\t%04x:%02x:%02x.%u\n", card->pci.domain,
		   card->pci.bus, PCI_SLOT(card->pci.devfn), PCI_FUNC(card->pci.devfn));
	seq_printf(m, "ttmem-client-id:\t%llu\n", client->id);
	seq_printf(m, "ttmem-source:\t%s\n",
		   ttmem_source_name(picture->attributed));
	seq_printf(m, "ttmem-state:\t%s\n", ttmem_state_name(client, in_books));
	seq_printf(m, "ttmem-reservations:\t%llu\n",
		   ttmem_account_reservations(&picture->account));
	for (chip = 0; chip < card->chips; chip++)
		for (memory = 0; memory < TTMEM_MEMORIES; memory++)
			ttmem_show_pool(m, &picture->account, chip, memory);

	put_pid(picture->pid);
	kfree(picture);
}

static const struct file_operations ttmem_fops = {
	.owner = THIS_MODULE,
	.open = ttmem_open,
	.release = ttmem_release,
	.unlocked_ioctl = ttmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = ttmem_mmap,
	.show_fdinfo = ttmem_show_fdinfo,
	.llseek = noop_llseek,
};

static char *ttmem_devnode(ttmem_devnode_device *dev, umode_t *mode)
{
	/* Who may open it is udev's to change. */
	if (mode)
		*mode = 0666;
	return kasprintf(GFP_KERNEL, "tenstorrent/mem/%u", MINOR(dev->devt));
}

static struct class ttmem_class = {
	.name = "ttmem",
	.devnode = ttmem_devnode,
};

/**
 * ttmem_chardev_init() - Make class and character device, with no card.
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ttmem_chardev_init(void)
{
	int err;

	err = class_register(&ttmem_class);
	if (err)
		return err;
	err = alloc_chrdev_region(&ttmem_first, 0, MINORMASK + 1, "ttmem");
	if (err)
		goto class;
	cdev_init(&ttmem_cdev, &ttmem_fops);
	ttmem_cdev.owner = THIS_MODULE;
	err = cdev_add(&ttmem_cdev, ttmem_first, MINORMASK + 1);
	if (err)
		goto region;
	return 0;

region:
	unregister_chrdev_region(ttmem_first, MINORMASK + 1);
class:
	class_unregister(&ttmem_class);
	return err;
}

/**
 * ttmem_chardev_exit() - Undo ttmem_chardev_init().
 *
 * Context: Module exit; no card and no file is left.
 */
void ttmem_chardev_exit(void)
{
	cdev_del(&ttmem_cdev);
	unregister_chrdev_region(ttmem_first, MINORMASK + 1);
	class_unregister(&ttmem_class);
}

static void ttmem_chardev_hide(struct ttmem_node *node)
{
	spin_lock(&ttmem_nodes_lock);
	list_del(&node->list);
	spin_unlock(&ttmem_nodes_lock);
}

/**
 * ttmem_chardev_add() - Make a card's device and node.
 * @node: filled in; stays in place until ttmem_chardev_remove()
 * @card: the card, which the caller keeps a reference to as long
 * @parent: the PCI device
 * @groups: the device's attributes
 *
 * On error the caller marks the card as gone: somebody may have opened it in
 * between.
 *
 * Context: Process context, may sleep; no lock is held that an open, show or
 * store takes.
 * Return: 0 or a negative errno.
 */
int ttmem_chardev_add(struct ttmem_node *node, struct ttmem_card *card,
		      struct device *parent, const struct attribute_group **groups)
{
	if (card->number > MINORMASK)
		return -ERANGE;

	node->card = card;
	spin_lock(&ttmem_nodes_lock);
	list_add_tail(&node->list, &ttmem_nodes);
	spin_unlock(&ttmem_nodes_lock);

	node->dev = device_create_with_groups(&ttmem_class, parent,
					      MKDEV(MAJOR(ttmem_first), card->number),
					      card, groups, "ttmem%u", card->number);
	if (!IS_ERR(node->dev))
		return 0;
	ttmem_chardev_hide(node);
	return PTR_ERR(node->dev);
}

/**
 * ttmem_chardev_remove() - Take a card's device and node away.
 * @node: what ttmem_chardev_add() made
 *
 * Returns when no show or store runs any more. Files stay open.
 *
 * Context: Process context, may sleep; no lock is held that a show or store
 * takes.
 */
void ttmem_chardev_remove(struct ttmem_node *node)
{
	ttmem_chardev_hide(node);
	device_unregister(node->dev);
}
