// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: its parameters, its beginning and its end.
 */

#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "attach.h"
#include "board.h"
#include "chardev.h"
#include "client.h"
#include "procfs.h"
#include "reservation.h"
#include "ttmem.h"

unsigned int ttmem_max_reservations = TTMEM_SLOTS;

static int ttmem_max_reservations_set(const char *val, const struct kernel_param *kp)
{
	unsigned int limit;
	int err;

	err = kstrtouint(val, 0, &limit);
	if (err)
		return err;
	if (limit > TTMEM_SLOTS)
		return -ERANGE;
	WRITE_ONCE(ttmem_max_reservations, limit);
	return 0;
}

static const struct kernel_param_ops ttmem_max_reservations_ops = {
	.set = ttmem_max_reservations_set,
	.get = param_get_uint,
};

module_param_cb(max_reservations, &ttmem_max_reservations_ops, &ttmem_max_reservations, 0644);
MODULE_PARM_DESC(max_reservations,
		 "Reservations that one open file may hold, at most 1048576 (the default)");

#ifdef TTMEM_TEST
static const char *const ttmem_test_point_names[TTMEM_TEST_POINTS] = {
	[TTMEM_TEST_ATTACH] = "attach",
	[TTMEM_TEST_DETACH] = "detach",
	[TTMEM_TEST_EXIT] = "exit",
	[TTMEM_TEST_PROBE_WALK] = "probe_walk",
	[TTMEM_TEST_OPEN] = "open",
	[TTMEM_TEST_SHOW] = "show",
	[TTMEM_TEST_STORE] = "store",
	[TTMEM_TEST_RESERVE] = "reserve",
};

static char test_delay_points[64];
module_param_string(test_delay_points, test_delay_points, sizeof(test_delay_points), 0644);
MODULE_PARM_DESC(test_delay_points, "Where to wait, a comma list (tests only)");

static unsigned int test_delay_ms;
module_param(test_delay_ms, uint, 0644);
MODULE_PARM_DESC(test_delay_ms, "For how long, in milliseconds (tests only)");

/**
 * ttmem_test_delay() - Sleep if a test asked for it here.
 * @point: where
 *
 * Context: Process context, may sleep.
 */
void ttmem_test_delay(enum ttmem_test_point point)
{
	size_t length = strlen(ttmem_test_point_names[point]);
	const char *p = test_delay_points;

	if (!test_delay_ms)
		return;
	while ((p = strstr(p, ttmem_test_point_names[point]))) {
		if ((p == test_delay_points || p[-1] == ',') &&
		    (!p[length] || p[length] == ',' || p[length] == '\n')) {
			msleep(test_delay_ms);
			return;
		}
		p += length;
	}
}
#endif

/*
 * For autoload only: ttmem binds no card. There is no softdep on tenstorrent,
 * as modprobe -r ttmem would then pull that out too.
 */
static const struct pci_device_id ttmem_pci_ids[] = {
	{ PCI_DEVICE(TTMEM_PCI_VENDOR, TTMEM_PCI_WORMHOLE) },
	{ PCI_DEVICE(TTMEM_PCI_VENDOR, TTMEM_PCI_BLACKHOLE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ttmem_pci_ids);

static int __init ttmem_init(void)
{
	int err;

	err = ttmem_client_init();
	if (err)
		return err;
	err = ttmem_reservation_init();
	if (err)
		goto client;
	err = ttmem_chardev_init();
	if (err)
		goto reservation;
	err = ttmem_procfs_init();
	if (err)
		goto chardev;
	err = ttmem_attach_init();
	if (err)
		goto procfs;
	return 0;

procfs:
	ttmem_procfs_exit();
chardev:
	ttmem_chardev_exit();
reservation:
	ttmem_reservation_exit();
client:
	ttmem_client_exit();
	return err;
}

static void __exit ttmem_exit(void)
{
	ttmem_attach_exit();
	ttmem_procfs_exit();
	ttmem_chardev_exit();
	ttmem_reservation_exit();
	ttmem_client_exit();
}

module_init(ttmem_init);
module_exit(ttmem_exit);

MODULE_DESCRIPTION("Accounts for what processes hold in the memory of Tenstorrent cards");
MODULE_LICENSE("GPL");
MODULE_VERSION(TTMEM_VERSION);
