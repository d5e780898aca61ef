// SPDX-License-Identifier: GPL-2.0-only
/*
 * Follows TT-KMD, and is the only file that knows what it looks like: a class
 * "tenstorrent", in it per PCI function a device tenstorrent!N, whose parent is
 * the PCI device.
 *
 * TT-KMD exports nothing, so a PCI bus notifier tells when it has bound a card
 * and when it is about to let go of one; at load a walk finds the cards that
 * are bound already. All of it runs under the card's device_lock, which
 * serializes it card by card: no card is attached twice, none detached while
 * it is attached. device_lock is taken before ttmem_attach_mutex, which guards the
 * list alone and is not held while anything is registered or deregistered:
 * that waits for handlers to end.
 *
 * What is taken away is marked as gone first, so that nobody who reads in
 * between takes a 0 for what is used. That a card is gone ends every look at it,
 * so nothing here waits long for a reader.
 *
 * A pointer to TT-KMD's device is never kept: what frees it is tenstorrent.ko's
 * code, which may be unloaded at any time. It is looked up again where it is
 * needed.
 */

#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "attach.h"
#include "card.h"
#include "chardev.h"
#include "sysfs.h"
#include "ttmem.h"

#define DRIVER_CLASS	"tenstorrent"
#define LINK_NAME	"memory_stats"

/**
 * struct ttmem_attachment - what ttmem shows of a card that is there
 * @node: in ttmem_attachments
 * @pdev: the PCI function, a reference
 * @card: its books, a reference
 * @device: our device and node
 * @linked: TT-KMD's device has our link
 */
struct ttmem_attachment {
	struct list_head node;
	struct pci_dev *pdev;
	struct ttmem_card *card;
	struct ttmem_node device;
	bool linked;
};

static LIST_HEAD(ttmem_attachments);
static DEFINE_MUTEX(ttmem_attach_mutex);
/* The module is about to go: attach no more. Guarded by ttmem_attach_mutex. */
static bool ttmem_dying;

struct ttmem_driver_device {
	struct device *dev;
	unsigned int number;
};

static int ttmem_match_driver_device(struct device *dev, void *data)
{
	struct ttmem_driver_device *found = data;
	const char *name = dev_name(dev);

	if (!dev->class || strcmp(dev->class->name, DRIVER_CLASS))
		return 0;
	/* In the kobject's name the slash of tenstorrent/N is a bang. */
	name += str_has_prefix(name, DRIVER_CLASS "!") ?:
		str_has_prefix(name, DRIVER_CLASS "/");
	if (name == dev_name(dev) || kstrtouint(name, 10, &found->number))
		return 0;
	found->dev = get_device(dev);
	return 1;
}

/*
 * Find TT-KMD's device of a card, whose device_lock is held; the reference is
 * the caller's, to be dropped before the lock is.
 */
static bool ttmem_find_driver_device(struct pci_dev *pdev, struct ttmem_driver_device *found)
{
	device_lock_assert(&pdev->dev);
	return device_for_each_child(&pdev->dev, found, ttmem_match_driver_device);
}

static void ttmem_link_stats(struct ttmem_attachment *at, struct device *driver_dev)
{
	int err = sysfs_create_link_nowarn(&driver_dev->kobj,
					   &at->device.dev->kobj, LINK_NAME);

	at->linked = !err;
	if (err == -EEXIST)
		pci_info(at->pdev, "%s has a " LINK_NAME " of its own; ttmem's stays at ttmem/%s\n",
			 dev_name(driver_dev), dev_name(at->device.dev));
	else if (err)
		pci_warn(at->pdev, "%s gets no link " LINK_NAME ": error %d\n",
			 dev_name(driver_dev), err);
}

static void ttmem_unlink_stats(struct ttmem_attachment *at)
{
	struct ttmem_driver_device found;

	if (!at->linked || !ttmem_find_driver_device(at->pdev, &found))
		return;
	sysfs_remove_link(&found.dev->kobj, LINK_NAME);
	put_device(found.dev);
}

static int ttmem_register_card(struct ttmem_attachment *at, struct device *driver_dev)
{
	int err;

	err = ttmem_chardev_add(&at->device, at->card, &at->pdev->dev,
				ttmem_sysfs_groups(at->card->chips));
	if (err)
		ttmem_card_remove(at->card);
	else
		ttmem_link_stats(at, driver_dev);
	return err;
}

/* When it returns, nothing of the card can be opened, read or written. */
static void ttmem_unregister_card(struct ttmem_attachment *at)
{
	ttmem_card_remove(at->card);
	ttmem_unlink_stats(at);
	ttmem_chardev_remove(&at->device);
}

static struct ttmem_attachment *ttmem_create_attachment(struct pci_dev *pdev, unsigned int number)
{
	const struct ttmem_pci pci = {
		.domain = pci_domain_nr(pdev->bus),
		.bus = pdev->bus->number,
		.devfn = pdev->devfn,
		.vendor_id = pdev->vendor,
		.device_id = pdev->device,
		.subsystem_vendor_id = pdev->subsystem_vendor,
		.subsystem_id = pdev->subsystem_device,
	};
	struct ttmem_attachment *at;

	at = kzalloc(sizeof(*at), GFP_KERNEL);
	if (!at)
		return NULL;
	at->card = ttmem_card_create(number, &pci);
	if (!at->card) {
		kfree(at);
		return NULL;
	}
	at->pdev = pci_dev_get(pdev);
	return at;
}

static void ttmem_free_attachment(struct ttmem_attachment *at)
{
	ttmem_card_put(at->card);
	pci_dev_put(at->pdev);
	kfree(at);
}

static struct ttmem_attachment *ttmem_find_attachment(const struct pci_dev *pdev)
{
	struct ttmem_attachment *at;

	lockdep_assert_held(&ttmem_attach_mutex);
	list_for_each_entry(at, &ttmem_attachments, node)
		if (at->pdev == pdev)
			return at;
	return NULL;
}

static bool ttmem_attached_or_dying(const struct pci_dev *pdev)
{
	bool ret;

	mutex_lock(&ttmem_attach_mutex);
	ret = ttmem_dying || ttmem_find_attachment(pdev);
	mutex_unlock(&ttmem_attach_mutex);
	return ret;
}

/* The card's device_lock is held, so TT-KMD is neither probing nor removing. */
static void ttmem_attach(struct pci_dev *pdev)
{
	struct ttmem_driver_device found;
	struct ttmem_attachment *at;
	int err = -ENOMEM;

	device_lock_assert(&pdev->dev);
	if (ttmem_attached_or_dying(pdev) || !ttmem_find_driver_device(pdev, &found))
		return;

	ttmem_test_delay(TTMEM_TEST_ATTACH);
	at = ttmem_create_attachment(pdev, found.number);
	if (at)
		err = ttmem_register_card(at, found.dev);
	put_device(found.dev);
	if (err) {
		pci_err(pdev, "ttmem cannot account for card %u: error %d\n",
			found.number, err);
		if (at)
			ttmem_free_attachment(at);
		return;
	}

	mutex_lock(&ttmem_attach_mutex);
	if (!ttmem_dying) {
		list_add_tail(&at->node, &ttmem_attachments);
		at = NULL;
	}
	mutex_unlock(&ttmem_attach_mutex);
	if (at) {
		ttmem_unregister_card(at);
		ttmem_free_attachment(at);
	}
}

/* The card's device_lock is held. */
static void ttmem_detach(struct pci_dev *pdev)
{
	struct ttmem_attachment *at;

	device_lock_assert(&pdev->dev);
	mutex_lock(&ttmem_attach_mutex);
	at = ttmem_find_attachment(pdev);
	if (at)
		list_del(&at->node);
	mutex_unlock(&ttmem_attach_mutex);
	if (!at)
		return;

	ttmem_test_delay(TTMEM_TEST_DETACH);
	ttmem_unregister_card(at);
	ttmem_free_attachment(at);
}

static int ttmem_bus_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	if (pdev->vendor != TTMEM_PCI_VENDOR)
		return NOTIFY_DONE;

	switch (action) {
	case BUS_NOTIFY_BOUND_DRIVER:
		ttmem_attach(pdev);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBIND_DRIVER:
		ttmem_detach(pdev);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block ttmem_bus_notifier = {
	.notifier_call = ttmem_bus_notify,
};

/**
 * ttmem_attach_init() - Begin to follow TT-KMD: attach every card it has bound
 * and every one it binds from now on.
 *
 * Context: Module init. Takes the device_lock of each Tenstorrent card.
 * Return: 0 or a negative errno.
 */
int ttmem_attach_init(void)
{
	struct pci_dev *pdev = NULL;
	int err;

	err = bus_register_notifier(&pci_bus_type, &ttmem_bus_notifier);
	if (err)
		return err;

	while ((pdev = pci_get_device(TTMEM_PCI_VENDOR, PCI_ANY_ID, pdev))) {
		device_lock(&pdev->dev);
		ttmem_test_delay(TTMEM_TEST_PROBE_WALK);
		ttmem_attach(pdev);
		device_unlock(&pdev->dev);
	}
	return 0;
}

/**
 * ttmem_attach_exit() - Detach every card and follow TT-KMD no more.
 *
 * The notifier goes last: until then each card that TT-KMD lets go of is
 * detached before its device is torn down, by whoever comes first.
 *
 * Context: Module exit. Takes the device_lock of each attached card.
 */
void ttmem_attach_exit(void)
{
	struct ttmem_attachment *at;
	struct pci_dev *pdev;

	for (;;) {
		mutex_lock(&ttmem_attach_mutex);
		ttmem_dying = true;
		at = list_first_entry_or_null(&ttmem_attachments, struct ttmem_attachment, node);
		pdev = at ? pci_dev_get(at->pdev) : NULL;
		mutex_unlock(&ttmem_attach_mutex);
		if (!pdev)
			break;

		ttmem_test_delay(TTMEM_TEST_EXIT);
		device_lock(&pdev->dev);
		ttmem_detach(pdev);
		device_unlock(&pdev->dev);
		pci_dev_put(pdev);
	}
	bus_unregister_notifier(&pci_bus_type, &ttmem_bus_notifier);
}
