// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcard - a PCI host bridge with virtual Tenstorrent cards behind it
 *
 *	insmod vcard.ko cards=n150,n300,p150a
 *	insmod vcard.ko cards=galaxy-wormholex32
 *
 * Each name in cards= is one PCI function, device number 0 upwards on one root
 * bus in a PCI domain of its own. A p300 board is two functions on a real
 * machine: name it twice. A name with xK behind it stands for K of them.
 * "wormhole" and "blackhole" are the bare chips, with PCI subsystem id 0, as
 * a driver sees a board that it does not know.
 *
 * The cards are configuration space and nothing else. That is enough for the
 * PCI core to size, place, bind, unbind, remove and rescan them, and for a
 * driver to map the BARs; but nothing answers in the BARs. A hypervisor that
 * reads such addresses as zeros (QEMU) makes a card look as if its firmware
 * was not running. Meant for guests: on a machine of one's own the window
 * might cover something that firmware forgot to mention.
 *
 * There is no MODULE_DEVICE_TABLE, and no alias: nothing may ever load this
 * module but a person or a test.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#ifndef CONFIG_X86_64
#error "vcard knows only how x86-64 finds a bus's PCI domain"
#endif

#define VCARD_VENDOR		0x1e52
#define VCARD_WORMHOLE		0x401e
#define VCARD_BLACKHOLE		0xb140

/* A bus has 32 device numbers, and each card is function 0 of one. */
#define VCARD_MAX		32

/* 512 + 32 + 1 MiB of BARs, and slack for their alignment. */
#define VCARD_WINDOW		SZ_1G

/* Below 0x10000, so that an address keeps its usual four digits. */
#define VCARD_DOMAIN_FIRST	0x1000
#define VCARD_DOMAIN_LAST	0xffff

#define VCARD_MSI		0x50
#define VCARD_PCIE		0x70

/* The space of 4096 bytes reads as zero beyond these, the classic 256. */
#define VCARD_CFG_WORDS		(PCI_CFG_SPACE_SIZE / sizeof(u32))

static char *cards;
module_param(cards, charp, 0444);
MODULE_PARM_DESC(cards, "Boards to show, one PCI function each, up to 32: n150 n300 galaxy-wormhole p100a p150a p150b p150c p300a p300b p300c galaxy-blackhole wormhole blackhole; NAMExK for K of one");

static unsigned int bus;
module_param(bus, uint, 0444);
MODULE_PARM_DESC(bus, "Number of the bus the cards are on, 0 (default) to 255. TT-KMD numbers galaxies by it");

struct vcard_board {
	const char *name;
	u16 device;
	u16 subsystem;
};

static const struct vcard_board vcard_boards[] = {
	{ "n150",		VCARD_WORMHOLE,		0x18 },
	{ "n300",		VCARD_WORMHOLE,		0x14 },
	{ "galaxy-wormhole",	VCARD_WORMHOLE,		0x35 },
	{ "p100a",		VCARD_BLACKHOLE,	0x43 },
	{ "p150a",		VCARD_BLACKHOLE,	0x40 },
	{ "p150b",		VCARD_BLACKHOLE,	0x41 },
	{ "p150c",		VCARD_BLACKHOLE,	0x42 },
	{ "p300a",		VCARD_BLACKHOLE,	0x45 },
	{ "p300b",		VCARD_BLACKHOLE,	0x44 },
	{ "p300c",		VCARD_BLACKHOLE,	0x46 },
	{ "galaxy-blackhole",	VCARD_BLACKHOLE,	0x47 },
	{ "wormhole",		VCARD_WORMHOLE,		0 },
	{ "blackhole",		VCARD_BLACKHOLE,	0 },
};

/**
 * struct vcard_host - the host bridge and its cards
 * @sysdata: what x86 keeps for a bus; leads from a bus to this struct
 * @lock: makes a write of part of a configuration word whole. The PCI core on
 *	x86 calls the accessors without a lock (PCI_LOCKLESS_CONFIG)
 * @busn: the one bus number
 * @window: the addresses the BARs are placed in
 * @cards: how many cards there are
 * @cfg: the first 256 bytes of each card's configuration space
 *
 * Stands in the private part of struct pci_host_bridge, so that it lives as
 * long as anyone holds a reference on a card, which a driver with an open
 * file may do past the unloading of this module.
 */
struct vcard_host {
	struct pci_sysdata sysdata;
	raw_spinlock_t lock;
	struct resource busn;
	struct resource window;
	unsigned int cards;
	u32 cfg[VCARD_MAX][VCARD_CFG_WORDS];
};

static struct pci_host_bridge *vcard_bridge;

#define BAR_FLAGS (PCI_BASE_ADDRESS_SPACE_MEMORY | \
		   PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)

/* The bits of each word that a write changes. */
static const u32 vcard_writable[VCARD_CFG_WORDS] = {
	[PCI_COMMAND / 4] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			    PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
			    PCI_COMMAND_INTX_DISABLE,
	[PCI_CACHE_LINE_SIZE / 4] = 0x000000ff,
	[PCI_BASE_ADDRESS_0 / 4] = ~(SZ_512M - 1),
	[PCI_BASE_ADDRESS_1 / 4] = U32_MAX,
	[PCI_BASE_ADDRESS_2 / 4] = ~(SZ_1M - 1),
	[PCI_BASE_ADDRESS_3 / 4] = U32_MAX,
	[PCI_BASE_ADDRESS_4 / 4] = ~(SZ_32M - 1),
	[PCI_BASE_ADDRESS_5 / 4] = U32_MAX,
	[PCI_INTERRUPT_LINE / 4] = 0x000000ff,
	[VCARD_MSI / 4] = (u32)PCI_MSI_FLAGS_ENABLE << 16,
	[(VCARD_MSI + PCI_MSI_ADDRESS_LO) / 4] = ~3U,
	[(VCARD_MSI + PCI_MSI_ADDRESS_HI) / 4] = U32_MAX,
	[(VCARD_MSI + PCI_MSI_DATA_64) / 4] = 0x0000ffff,
	/* Device Control but for its last bit, a reset that we do not have. */
	[(VCARD_PCIE + PCI_EXP_DEVCTL) / 4] = 0x00007fff,
	[(VCARD_PCIE + PCI_EXP_LNKCTL) / 4] = PCI_EXP_LNKCTL_RCB |
					      PCI_EXP_LNKCTL_CCC |
					      PCI_EXP_LNKCTL_ES,
	[(VCARD_PCIE + PCI_EXP_LNKCTL2) / 4] = PCI_EXP_LNKCTL2_TLS,
};

static void vcard_power_on(u32 *cfg, const struct vcard_board *board)
{
	/* Both are x16; Wormhole speaks PCIe 4, Blackhole 5. */
	u32 speed = board->device == VCARD_WORMHOLE ?
		    PCI_EXP_LNKCAP_SLS_16_0GB : PCI_EXP_LNKCAP_SLS_32_0GB;
	u32 link = speed | 16 << PCI_EXP_LNKSTA_NLW_SHIFT;

	cfg[PCI_VENDOR_ID / 4] = VCARD_VENDOR | (u32)board->device << 16;
	cfg[PCI_COMMAND / 4] = (u32)PCI_STATUS_CAP_LIST << 16;
	cfg[PCI_CLASS_REVISION / 4] = 0x120000 << 8;
	cfg[PCI_BASE_ADDRESS_0 / 4] = BAR_FLAGS;
	cfg[PCI_BASE_ADDRESS_2 / 4] = BAR_FLAGS;
	cfg[PCI_BASE_ADDRESS_4 / 4] = BAR_FLAGS;
	cfg[PCI_SUBSYSTEM_VENDOR_ID / 4] = VCARD_VENDOR |
					   (u32)board->subsystem << 16;
	cfg[PCI_CAPABILITY_LIST / 4] = VCARD_MSI;

	cfg[VCARD_MSI / 4] = PCI_CAP_ID_MSI | VCARD_PCIE << 8 |
			     (u32)PCI_MSI_FLAGS_64BIT << 16;

	cfg[VCARD_PCIE / 4] = PCI_CAP_ID_EXP |
			      (2 | PCI_EXP_TYPE_ENDPOINT << 4) << 16;
	/* Payloads of up to 512 bytes, role-based error reporting. */
	cfg[(VCARD_PCIE + PCI_EXP_DEVCAP) / 4] = 2 | PCI_EXP_DEVCAP_RBER;
	cfg[(VCARD_PCIE + PCI_EXP_LNKCAP) / 4] = link;
	cfg[(VCARD_PCIE + PCI_EXP_LNKCTL) / 4] = link << 16;
	cfg[(VCARD_PCIE + PCI_EXP_LNKCAP2) / 4] = GENMASK(speed, 1);
	cfg[(VCARD_PCIE + PCI_EXP_LNKCTL2) / 4] = speed;
}

static struct vcard_host *vcard_host(struct pci_bus *pbus)
{
	struct pci_sysdata *sysdata = pbus->sysdata;

	return container_of(sysdata, struct vcard_host, sysdata);
}

/* The configuration space of a card; NULL where there is no card. */
static u32 *vcard_cfg(struct vcard_host *host, unsigned int devfn)
{
	if (PCI_FUNC(devfn) || PCI_SLOT(devfn) >= host->cards)
		return NULL;
	return host->cfg[PCI_SLOT(devfn)];
}

/* The PCI core lets through aligned accesses of 1, 2 and 4 bytes only. */
static int vcard_read(struct pci_bus *pbus, unsigned int devfn, int where,
		      int size, u32 *val)
{
	const u32 *cfg = vcard_cfg(vcard_host(pbus), devfn);
	u32 word = 0;

	if (!cfg) {
		*val = U32_MAX;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}

	if (where < PCI_CFG_SPACE_SIZE)
		word = READ_ONCE(cfg[where / 4]);
	*val = word >> 8 * (where % 4) & GENMASK(8 * size - 1, 0);
	return PCIBIOS_SUCCESSFUL;
}

static int vcard_write(struct pci_bus *pbus, unsigned int devfn, int where,
		       int size, u32 val)
{
	struct vcard_host *host = vcard_host(pbus);
	u32 *cfg = vcard_cfg(host, devfn);
	unsigned int shift = 8 * (where % 4);
	unsigned long flags;
	u32 mask, *word;

	if (!cfg)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where >= PCI_CFG_SPACE_SIZE)
		return PCIBIOS_SUCCESSFUL;

	word = &cfg[where / 4];
	mask = (u32)GENMASK(8 * size - 1, 0) << shift;
	mask &= vcard_writable[where / 4];

	raw_spin_lock_irqsave(&host->lock, flags);
	WRITE_ONCE(*word, (*word & ~mask) | (val << shift & mask));
	raw_spin_unlock_irqrestore(&host->lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops vcard_ops = {
	.read = vcard_read,
	.write = vcard_write,
};

static const struct vcard_board *vcard_find_board(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vcard_boards); i++) {
		const char *have = vcard_boards[i].name;

		if (strlen(have) == len && !strncmp(have, name, len))
			return &vcard_boards[i];
	}
	return NULL;
}

/*
 * One name of the list, NAME or NAMExK, as K more cards of @host.
 * Return: 0, or -EINVAL after saying why.
 */
static int vcard_add(struct vcard_host *host, const char *item)
{
	const struct vcard_board *board = vcard_find_board(item, strlen(item));
	const char *times = strrchr(item, 'x');
	unsigned int count = 1;

	if (!board && times && !kstrtouint(times + 1, 10, &count) && count)
		board = vcard_find_board(item, times - item);
	if (!board) {
		pr_err("cards=: there is no board \"%s\"; see modinfo for those there are\n",
		       item);
		return -EINVAL;
	}
	if (count > VCARD_MAX - host->cards) {
		pr_err("cards=: more than %d cards at \"%s\", a bus holds no more\n",
		       VCARD_MAX, item);
		return -EINVAL;
	}

	while (count--)
		vcard_power_on(host->cfg[host->cards++], board);
	return 0;
}

static int vcard_parse(struct vcard_host *host)
{
	char *list, *rest, *item;
	int err = 0;

	if (bus > 255) {
		pr_err("bus=%u: a bus number is 0 to 255\n", bus);
		return -EINVAL;
	}
	if (!cards || !*cards) {
		pr_err("cards= is missing: name the boards, for example cards=n150,p150a\n");
		return -EINVAL;
	}

	list = kstrdup(cards, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	rest = list;
	while (!err && (item = strsep(&rest, ",")))
		err = vcard_add(host, item);
	kfree(list);
	return err;
}

/*
 * A domain without a bus, so that no address of ours is another's.
 * Context: pci_lock_rescan_remove() held. Return: the domain or -EBUSY.
 */
static int vcard_free_domain(void)
{
	struct pci_bus *other = NULL;
	int domain = VCARD_DOMAIN_FIRST;

	while ((other = pci_find_next_bus(other))) {
		int nr = pci_domain_nr(other);

		if (nr >= domain && nr <= VCARD_DOMAIN_LAST)
			domain = nr + 1;
	}
	return domain <= VCARD_DOMAIN_LAST ? domain : -EBUSY;
}

/* Take the addresses for the BARs, wherever there is room above 4 GiB. */
static int vcard_take_window(struct vcard_host *host)
{
	resource_size_t size = (resource_size_t)host->cards * VCARD_WINDOW;
	int err;

	host->window.name = "vcard";
	host->window.flags = IORESOURCE_MEM | IORESOURCE_MEM_64 |
			     IORESOURCE_PREFETCH;
	err = allocate_resource(&iomem_resource, &host->window, size, SZ_4G,
				iomem_resource.end, SZ_512M, NULL, NULL);
	if (err)
		pr_err("no %u GiB of free addresses above 4 GiB for %u cards (%d); name fewer, or give the guest a CPU with more address bits (-cpu max)\n",
		       host->cards, host->cards, err);
	return err;
}

static int __init vcard_init(void)
{
	struct pci_host_bridge *bridge;
	struct vcard_host *host;
	int err;

	bridge = pci_alloc_host_bridge(sizeof(*host));
	if (!bridge)
		return -ENOMEM;
	host = pci_host_bridge_priv(bridge);
	raw_spin_lock_init(&host->lock);

	err = vcard_parse(host);
	if (err)
		goto free;
	err = vcard_take_window(host);
	if (err)
		goto free;

	host->busn.name = "vcard";
	host->busn.start = bus;
	host->busn.end = bus;
	host->busn.flags = IORESOURCE_BUS;
	pci_add_resource(&bridge->windows, &host->busn);
	pci_add_resource(&bridge->windows, &host->window);
	bridge->sysdata = &host->sysdata;
	bridge->busnr = bus;
	bridge->ops = &vcard_ops;

	pci_lock_rescan_remove();
	err = vcard_free_domain();
	if (err < 0)
		goto unlock;
	host->sysdata.domain = err;
	host->sysdata.node = NUMA_NO_NODE;
	err = pci_scan_root_bus_bridge(bridge);
	if (err)
		goto unlock;
	pci_assign_unassigned_bus_resources(bridge->bus);
	pci_bus_add_devices(bridge->bus);
	pci_unlock_rescan_remove();

	vcard_bridge = bridge;
	pr_info("%u card%s on bus %04x:%02x, BARs in %pR\n", host->cards,
		host->cards == 1 ? "" : "s", host->sysdata.domain, bus,
		&host->window);
	return 0;

unlock:
	pci_unlock_rescan_remove();
	pr_err("cannot show the cards to the PCI core (%d)\n", err);
	release_resource(&host->window);
free:
	pci_free_host_bridge(bridge);
	return err;
}

static void __exit vcard_exit(void)
{
	struct vcard_host *host = pci_host_bridge_priv(vcard_bridge);
	struct pci_bus *root = vcard_bridge->bus;
	struct pci_dev *pdev;

	pci_lock_rescan_remove();
	pci_stop_root_bus(root);
	/*
	 * A driver may hold on to its pci_dev as long as a file of it is open.
	 * As from a card that was pulled out, it can read nothing any more:
	 * the PCI core does not call into this module for such a device.
	 */
	list_for_each_entry(pdev, &root->devices, bus_list)
		pdev->error_state = pci_channel_io_perm_failure;
	pci_remove_root_bus(root);
	pci_unlock_rescan_remove();

	release_resource(&host->window);
	pci_free_host_bridge(vcard_bridge);
}

module_init(vcard_init);
module_exit(vcard_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual Tenstorrent cards on a PCI bus of their own, for tests in a guest");
