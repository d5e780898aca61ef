// SPDX-License-Identifier: GPL-2.0-only
/*
 * standin - a driver called "tenstorrent", for tests without TT-KMD
 *
 * It shows of a Tenstorrent card what TT-KMD (github.com/tenstorrent/tt-kmd)
 * shows to the outside, so that what follows and reads TT-KMD can be tested
 * where TT-KMD is not at hand, or where a later TT-KMD is to be played:
 *
 *   /sys/class/tenstorrent/tenstorrent!N	parent: the PCI function
 *	tt_card_type tt_asic_id tt_serial tt_aiclk
 *   /dev/tenstorrent/N		minor N; opens, honours O_EXCL, does nothing
 *   /proc/driver/tenstorrent/N/pids	a line for each open file
 *   hwmon "wormhole" or "blackhole"	below the PCI function
 *
 * That is what TT-KMD 2.10 shows. With release= it does as an earlier one did:
 *
 *   before 2.10	O_EXCL means nothing
 *   before 2.8		a galaxy's number is the lowest free one too
 *   before 2.7		pids has the numbers that the openers have themselves
 *   before 2.5		/proc/driver/tenstorrent is not there
 *
 * N is the lowest free number; a galaxy's comes from its bus number if that is
 * free. Unbinding with open files works, unloading with open files does not,
 * .shutdown is remove. A board is known by its PCI subsystem id, there being
 * no firmware to ask. It touches no register and works with any card, virtual
 * or not, without doing anything to it.
 *
 * There is no MODULE_DEVICE_TABLE: the name is TT-KMD's, but this module must
 * never be loaded by itself on a machine with cards.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hwmon.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"

#define STANDIN_NAME		"tenstorrent"

#define STANDIN_VENDOR		0x1e52
#define STANDIN_WORMHOLE	0x401e
#define STANDIN_BLACKHOLE	0xb140

#define BOARD_GALAXY_WORMHOLE	0x35
#define BOARD_GALAXY_BLACKHOLE	0x47

static unsigned int max_devices = 32;
module_param(max_devices, uint, 0444);
MODULE_PARM_DESC(max_devices, "How many cards to drive at most (default 32)");

static char *release = "2.10";
module_param(release, charp, 0444);
MODULE_PARM_DESC(release, "The release of TT-KMD to do as, MAJOR.MINOR (default 2.10)");

static bool telemetry = true;
module_param(telemetry, bool, 0444);
MODULE_PARM_DESC(telemetry, "Show the tt_* attributes and hwmon (default 1); 0 is a card whose firmware never answers");

static unsigned int telemetry_delay_ms;
module_param(telemetry_delay_ms, uint, 0644);
MODULE_PARM_DESC(telemetry_delay_ms, "Milliseconds from a card's probe to its tt_* attributes and hwmon (default 0: they are there when probe ends)");

static bool memory_stats;
module_param(memory_stats, bool, 0644);
MODULE_PARM_DESC(memory_stats, "Give cards probed from now on a directory memory_stats, as a later TT-KMD may (default 0)");

/**
 * struct standin_card - a PCI function while bound, and after it while files
 *	of it are open
 * @dev: the class device; owns the memory
 * @cdev: /dev/tenstorrent/N
 * @pdev: the PCI function, referenced
 * @number: N
 * @gone: remove has begun
 * @lock: guards the two that follow
 * @exclusive: the one file in @files was opened with O_EXCL
 * @files: struct standin_file of each open file
 * @turn: where opens wait for each other
 * @proc: /proc/driver/tenstorrent/N
 * @telemetry_work: shows the telemetry when its time has come
 * @attributes: the tt_* attributes are there
 * @hwmon: the hwmon device, or NULL
 * @reboot: notifier, registered and dropped where TT-KMD does
 */
struct standin_card {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	u32 number;
	bool gone;
	struct mutex lock; /* exclusive, files */
	bool exclusive;
	struct list_head files;
	wait_queue_head_t turn;
	struct proc_dir_entry *proc;
	struct delayed_work telemetry_work;
	bool attributes;
	struct device *hwmon;
	struct notifier_block reboot;
};

/**
 * struct standin_file - an open file
 * @card: whose, referenced
 * @pid: who opened it
 * @own_number: the opener's number in its own namespace
 * @node: in the card's list
 */
struct standin_file {
	struct standin_card *card;
	struct pid *pid;
	pid_t own_number;
	struct list_head node;
};

#define RELEASE(major, minor)	((major) * 100 + (minor))

static unsigned int release_played;
static dev_t standin_devt;
static struct class *standin_class;
static struct proc_dir_entry *standin_proc;
static DEFINE_XARRAY_ALLOC(standin_cards);

/* Telemetry */

static bool is_wormhole(const struct standin_card *card)
{
	return card->pdev->device == STANDIN_WORMHOLE;
}

static ssize_t tt_card_type_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	const struct standin_card *card = dev_get_drvdata(dev);
	const char *name = "unknown";

	switch (card->pdev->subsystem_device) {
	case 0x14:
		name = "n300";
		break;
	case 0x18:
		name = "n150";
		break;
	case BOARD_GALAXY_WORMHOLE:
		name = "galaxy-wormhole";
		break;
	case 0x40:
		name = "p150a";
		break;
	case 0x41:
		name = "p150b";
		break;
	case 0x42:
		name = "p150c";
		break;
	case 0x43:
		name = "p100a";
		break;
	case 0x44:
		name = "p300b";
		break;
	case 0x45:
		name = "p300a";
		break;
	case 0x46:
		name = "p300c";
		break;
	case BOARD_GALAXY_BLACKHOLE:
		name = "galaxy-blackhole";
		break;
	}
	return sysfs_emit(buf, "%s\n", name);
}
static DEVICE_ATTR_RO(tt_card_type);

/* Made up, but of the right form, and another for each PCI address. */
static u32 made_up_id(const struct standin_card *card)
{
	return (u32)pci_domain_nr(card->pdev->bus) << 16 |
	       pci_dev_id(card->pdev);
}

static ssize_t tt_asic_id_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	const struct standin_card *card = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%08X%08X\n", card->pdev->device,
			  made_up_id(card));
}
static DEVICE_ATTR_RO(tt_asic_id);

/* A serial number has the board's id in bits 36 to 51. */
static ssize_t tt_serial_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	const struct standin_card *card = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%08X%08X\n",
			  card->pdev->subsystem_device << 4, made_up_id(card));
}
static DEVICE_ATTR_RO(tt_serial);

/* In MHz, what an idle card has. */
static ssize_t tt_aiclk_show(struct device *dev,
			     struct device_attribute *attr, char *buf)
{
	const struct standin_card *card = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", is_wormhole(card) ? 500 : 800);
}
static DEVICE_ATTR_RO(tt_aiclk);

static struct attribute *standin_attrs[] = {
	&dev_attr_tt_card_type.attr,
	&dev_attr_tt_asic_id.attr,
	&dev_attr_tt_serial.attr,
	&dev_attr_tt_aiclk.attr,
	NULL
};

static const struct attribute_group standin_group = {
	.attrs = standin_attrs,
};

/* What is in it does not matter, only the name. */
static const struct attribute_group standin_stats_group = {
	.name = "memory_stats",
	.attrs = standin_attrs,
};

static const struct attribute_group *standin_stats_groups[] = {
	&standin_stats_group,
	NULL
};

static umode_t standin_hwmon_is_visible(const void *drvdata,
					enum hwmon_sensor_types type,
					u32 attr, int channel)
{
	/* No Wormhole tells of a fan. */
	return type == hwmon_fan && is_wormhole(drvdata) ? 0 : 0444;
}

/* Millidegrees, millivolts, milliamperes, microwatts, turns per minute. */
static int standin_hwmon_read(struct device *dev, enum hwmon_sensor_types type,
			      u32 attr, int channel, long *val)
{
	switch (type) {
	case hwmon_temp:
		*val = attr == hwmon_temp_max ? 75000 : 45500;
		return 0;
	case hwmon_in:
		*val = attr == hwmon_in_max ? 950 : 760;
		return 0;
	case hwmon_curr:
		*val = attr == hwmon_curr_max ? 160000 : 25000;
		return 0;
	case hwmon_power:
		*val = attr == hwmon_power_max ? 100000000 : 19000000;
		return 0;
	case hwmon_fan:
		*val = 1500;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int standin_hwmon_read_string(struct device *dev,
				     enum hwmon_sensor_types type,
				     u32 attr, int channel, const char **str)
{
	const struct standin_card *card = dev_get_drvdata(dev);

	switch (type) {
	case hwmon_temp:
		*str = is_wormhole(card) ? "asic1_temp" : "asic_temp";
		return 0;
	case hwmon_in:
		*str = is_wormhole(card) ? "vcore1" : "vcore";
		return 0;
	case hwmon_curr:
		*str = is_wormhole(card) ? "current1" : "current";
		return 0;
	case hwmon_power:
		*str = is_wormhole(card) ? "power1" : "power";
		return 0;
	case hwmon_fan:
		*str = "fan_rpm";
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static const struct hwmon_ops standin_hwmon_ops = {
	.is_visible = standin_hwmon_is_visible,
	.read = standin_hwmon_read,
	.read_string = standin_hwmon_read_string,
};

/* Not "const *const": a kernel before 6.4 does not take that. */
static const struct hwmon_channel_info *standin_sensors[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_LABEL | HWMON_T_MAX),
	HWMON_CHANNEL_INFO(in, HWMON_I_INPUT | HWMON_I_LABEL | HWMON_I_MAX),
	HWMON_CHANNEL_INFO(curr, HWMON_C_INPUT | HWMON_C_LABEL | HWMON_C_MAX),
	HWMON_CHANNEL_INFO(power, HWMON_P_INPUT | HWMON_P_LABEL | HWMON_P_MAX),
	HWMON_CHANNEL_INFO(fan, HWMON_F_INPUT | HWMON_F_LABEL),
	NULL
};

static const struct hwmon_chip_info standin_chip = {
	.ops = &standin_hwmon_ops,
	.info = standin_sensors,
};

static void standin_show_telemetry(struct standin_card *card)
{
	struct device *dev = &card->pdev->dev;

	if (!sysfs_create_group(&card->dev.kobj, &standin_group))
		card->attributes = true;
	else
		dev_warn(dev, "no tt_* attributes\n");

	if (IS_REACHABLE(CONFIG_HWMON)) {
		const char *name = is_wormhole(card) ? "wormhole" : "blackhole";
		struct device *hwmon;

		hwmon = hwmon_device_register_with_info(dev, name, card,
							&standin_chip, NULL);
		if (IS_ERR(hwmon))
			dev_warn(dev, "no hwmon (%pe)\n", hwmon);
		else
			card->hwmon = hwmon;
	}

	kobject_uevent(&card->dev.kobj, KOBJ_CHANGE);
}

static void standin_telemetry_work(struct work_struct *work)
{
	standin_show_telemetry(container_of(to_delayed_work(work),
					    struct standin_card,
					    telemetry_work));
}

static void standin_hide_telemetry(struct standin_card *card)
{
	cancel_delayed_work_sync(&card->telemetry_work);
	if (IS_REACHABLE(CONFIG_HWMON) && card->hwmon)
		hwmon_device_unregister(card->hwmon);
	card->hwmon = NULL;
	if (card->attributes)
		sysfs_remove_group(&card->dev.kobj, &standin_group);
	card->attributes = false;
}

/* The char device */

/* Whether an open need wait no longer. */
static bool standin_may_go_on(const struct standin_card *card, bool exclusive)
{
	return exclusive ? list_empty(&card->files) :
			   !READ_ONCE(card->exclusive);
}

/*
 * An O_EXCL open waits until it is alone, any other until no O_EXCL file is
 * open; with O_NONBLOCK that is -EAGAIN instead. A card that goes wakes nobody:
 * who waits gets a dead file in its turn, as from TT-KMD.
 */
static int standin_admit(struct standin_card *card, struct standin_file *file,
			 unsigned int flags)
{
	bool exclusive = (flags & O_EXCL) && release_played >= RELEASE(2, 10);
	int err;

	mutex_lock(&card->lock);
	while (!standin_may_go_on(card, exclusive)) {
		mutex_unlock(&card->lock);
		if (flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(card->turn,
					       standin_may_go_on(card, exclusive));
		if (err)
			return err;
		mutex_lock(&card->lock);
	}
	WRITE_ONCE(card->exclusive, exclusive);
	list_add(&file->node, &card->files);
	mutex_unlock(&card->lock);
	return 0;
}

static int standin_open(struct inode *inode, struct file *filp)
{
	struct standin_card *card = container_of(inode->i_cdev,
						 struct standin_card, cdev);
	struct standin_file *file;
	int err;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	file->card = card;
	file->pid = get_pid(task_tgid(current));
	file->own_number = task_tgid_vnr(current);

	err = standin_admit(card, file, filp->f_flags);
	if (err) {
		put_pid(file->pid);
		kfree(file);
		return err;
	}

	/* The cdev holds the device only until remove. */
	get_device(&card->dev);
	filp->private_data = file;
	return 0;
}

static int standin_release(struct inode *inode, struct file *filp)
{
	struct standin_file *file = filp->private_data;
	struct standin_card *card = file->card;

	mutex_lock(&card->lock);
	list_del(&file->node);
	WRITE_ONCE(card->exclusive, false);
	mutex_unlock(&card->lock);
	wake_up_interruptible(&card->turn);

	put_pid(file->pid);
	kfree(file);
	put_device(&card->dev);
	return 0;
}

static long standin_ioctl(struct file *filp, unsigned int cmd,
			  unsigned long arg)
{
	struct standin_file *file = filp->private_data;

	return READ_ONCE(file->card->gone) ? -ENODEV : -ENOTTY;
}

static const struct file_operations standin_fops = {
	.owner = THIS_MODULE,
	.open = standin_open,
	.release = standin_release,
	.unlocked_ioctl = standin_ioctl,
};

static int standin_pids_show(struct seq_file *s, void *v)
{
	struct standin_card *card = s->private;
	struct standin_file *file;

	mutex_lock(&card->lock);
	list_for_each_entry(file, &card->files, node)
		seq_printf(s, "%d\n", release_played >= RELEASE(2, 7) ?
			   pid_vnr(file->pid) : file->own_number);
	mutex_unlock(&card->lock);
	return 0;
}

/* The PCI driver */

/* Nothing to tell the card; being in the chain is what is to be shown. */
static int standin_reboot(struct notifier_block *nb, unsigned long action,
			  void *data)
{
	return NOTIFY_DONE;
}

/*
 * A galaxy has four trays of eight chips. The high digit of a chip's bus
 * number tells the tray, the low one, from 1, the chip.
 * Return: the number that belongs to that place, or -1.
 */
static int standin_galaxy_number(const struct pci_dev *pdev)
{
	static const u8 wormhole[] = { 0xc, 0x8, 0x0, 0x4 };
	static const u8 blackhole[] = { 0x0, 0x4, 0xc, 0x8 };
	unsigned int chip = pdev->bus->number & 0xf;
	const u8 *trays;
	int i;

	if (pdev->subsystem_device == BOARD_GALAXY_WORMHOLE)
		trays = wormhole;
	else if (pdev->subsystem_device == BOARD_GALAXY_BLACKHOLE)
		trays = blackhole;
	else
		return -1;

	if (chip < 1 || chip > 8)
		return -1;
	for (i = 0; i < 4; i++) {
		if (trays[i] == pdev->bus->number >> 4)
			return 8 * i + chip - 1;
	}
	return -1;
}

/* Takes the card's number out of @standin_cards. */
static int standin_take_number(struct standin_card *card)
{
	int galaxy = standin_galaxy_number(card->pdev);

	if (release_played >= RELEASE(2, 8) && galaxy >= 0 && galaxy < max_devices &&
	    !xa_insert(&standin_cards, galaxy, card, GFP_KERNEL)) {
		card->number = galaxy;
		return 0;
	}
	return xa_alloc(&standin_cards, &card->number, card,
			XA_LIMIT(0, max_devices - 1), GFP_KERNEL);
}

/* The last reference is dropped by remove, or by closing a file after it. */
static void standin_release_card(struct device *dev)
{
	struct standin_card *card = container_of(dev, struct standin_card, dev);

	if (card->reboot.notifier_call)
		unregister_reboot_notifier(&card->reboot);
	pci_dev_put(card->pdev);
	mutex_destroy(&card->lock);
	kfree(card);
}

static int standin_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct standin_card *card;
	char name[12];
	int err;

	err = pci_enable_device(pdev);
	if (err)
		return err;

	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card) {
		err = -ENOMEM;
		goto disable;
	}
	card->pdev = pci_dev_get(pdev);
	mutex_init(&card->lock);
	INIT_LIST_HEAD(&card->files);
	init_waitqueue_head(&card->turn);
	INIT_DELAYED_WORK(&card->telemetry_work, standin_telemetry_work);
	device_initialize(&card->dev);
	card->dev.class = standin_class;
	card->dev.parent = &pdev->dev;
	card->dev.release = standin_release_card;
	if (memory_stats)
		card->dev.groups = standin_stats_groups;
	dev_set_drvdata(&card->dev, card);

	err = standin_take_number(card);
	if (err) {
		dev_err(&pdev->dev, "no number left for this card (%d), see max_devices=%u\n",
			err, max_devices);
		goto put;
	}
	card->dev.devt = MKDEV(MAJOR(standin_devt), card->number);
	err = dev_set_name(&card->dev, STANDIN_NAME "/%u", card->number);
	if (err)
		goto erase;

	pci_set_drvdata(pdev, card);

	snprintf(name, sizeof(name), "%u", card->number);
	if (standin_proc)
		card->proc = proc_mkdir(name, standin_proc);
	if (card->proc)
		proc_create_single_data("pids", 0444, card->proc,
					standin_pids_show, card);

	cdev_init(&card->cdev, &standin_fops);
	card->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&card->cdev, &card->dev);
	if (err) {
		dev_err(&pdev->dev, "no char device (%d)\n", err);
		goto proc;
	}

	/* As TT-KMD: under the device's lock, and for Wormhole only. */
	if (is_wormhole(card)) {
		card->reboot.notifier_call = standin_reboot;
		register_reboot_notifier(&card->reboot);
	}

	if (telemetry && telemetry_delay_ms)
		schedule_delayed_work(&card->telemetry_work,
				      msecs_to_jiffies(telemetry_delay_ms));
	else if (telemetry)
		standin_show_telemetry(card);
	return 0;

proc:
	proc_remove(card->proc);
	pci_set_drvdata(pdev, NULL);
erase:
	xa_erase(&standin_cards, card->number);
put:
	put_device(&card->dev);
disable:
	pci_disable_device(pdev);
	return err;
}

/* Also .shutdown, where no remove follows and files may stay open. */
static void standin_remove(struct pci_dev *pdev)
{
	struct standin_card *card = pci_get_drvdata(pdev);

	standin_hide_telemetry(card);

	WRITE_ONCE(card->gone, true);
	proc_remove(card->proc);
	cdev_device_del(&card->cdev, &card->dev);
	pci_disable_device(pdev);
	pci_set_drvdata(pdev, NULL);

	/* Now and not later, so that the next probe gets the same number. */
	xa_erase(&standin_cards, card->number);
	put_device(&card->dev);
}

static const struct pci_device_id standin_ids[] = {
	{ PCI_DEVICE(STANDIN_VENDOR, STANDIN_WORMHOLE) },
	{ PCI_DEVICE(STANDIN_VENDOR, STANDIN_BLACKHOLE) },
	{ }
};

static struct pci_driver standin_driver = {
	.name = STANDIN_NAME,
	.id_table = standin_ids,
	.probe = standin_probe,
	.remove = standin_remove,
	.shutdown = standin_remove,
};

/* The version in sysfs is that of the release played, as users of TT-KMD read it there. */
static int standin_show_version(void)
{
	char *version = kasprintf(GFP_KERNEL, "%s.0", release);

	if (!version)
		return -ENOMEM;
	/* The module's end frees it, as it would have freed that one. */
	kfree(THIS_MODULE->version);
	THIS_MODULE->version = version;
	return 0;
}

static int __init standin_init(void)
{
	unsigned int major, minor;
	int err;

	if (sscanf(release, "%u.%u", &major, &minor) != 2 || minor > 99) {
		pr_err("release=%s: not a release as 2.10\n", release);
		return -EINVAL;
	}
	release_played = RELEASE(major, minor);
	if (!max_devices || max_devices > MINORMASK) {
		pr_err("max_devices=%u: 1 to %u\n", max_devices, MINORMASK);
		return -EINVAL;
	}
	err = standin_show_version();
	if (err)
		return err;

	if (release_played >= RELEASE(2, 5)) {
		standin_proc = proc_mkdir("driver/" STANDIN_NAME, NULL);
		if (!standin_proc)
			return -ENOMEM;
	}
	err = alloc_chrdev_region(&standin_devt, 0, max_devices, STANDIN_NAME);
	if (err)
		goto proc;
	standin_class = compat_class_create(STANDIN_NAME);
	if (IS_ERR(standin_class)) {
		err = PTR_ERR(standin_class);
		goto region;
	}
	err = pci_register_driver(&standin_driver);
	if (err)
		goto class;

	pr_info("this is the stand-in for tests, not TT-KMD\n");
	return 0;

class:
	class_destroy(standin_class);
region:
	unregister_chrdev_region(standin_devt, max_devices);
proc:
	proc_remove(standin_proc);
	return err;
}

static void __exit standin_exit(void)
{
	pci_unregister_driver(&standin_driver);
	class_destroy(standin_class);
	unregister_chrdev_region(standin_devt, max_devices);
	proc_remove(standin_proc);
	xa_destroy(&standin_cards);
}

module_init(standin_init);
module_exit(standin_exit);

MODULE_LICENSE("GPL");
/* So that there is one to be shown; standin_show_version() sets it. */
MODULE_VERSION("2.10.0");
MODULE_DESCRIPTION("Stand-in for TT-KMD in tests: its devices and files, no hardware");
