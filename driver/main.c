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
#include "client.h"
#include "procfs.h"
#include "sysfs.h"
#include "ttmem.h"

unsigned int ttmem_max_reservations = TTMEM_SLOTS;
unsigned int ttmem_max_reservations_per_uid = 4194304;

static int max_reservations_set(const char *val, const struct kernel_param *kp)
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

static const struct kernel_param_ops max_reservations_ops = {
	.set = max_reservations_set,
	.get = param_get_uint,
};

module_param_cb(max_reservations, &max_reservations_ops, &ttmem_max_reservations, 0644);
MODULE_PARM_DESC(max_reservations,
		 "Reservations that one open file may hold, at most 1048576 (the default)");
module_param_named(max_reservations_per_uid, ttmem_max_reservations_per_uid, uint, 0644);
MODULE_PARM_DESC(max_reservations_per_uid,
		 "Reservations that all files opened by one user may hold (default 4194304)");

#ifdef TTMEM_TEST
static const char *const test_point_names[TTMEM_TEST_POINTS] = {
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
MODULE_PARM_DESC(test_delay_points, "Where to hold the breath, a comma list (tests only)");

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
	size_t length = strlen(test_point_names[point]);
	const char *p = test_delay_points;

	if (!test_delay_ms)
		return;
	while ((p = strstr(p, test_point_names[point]))) {
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
static const struct pci_device_id pci_ids[] = {
	{ PCI_DEVICE(TTMEM_PCI_VENDOR, TTMEM_PCI_WORMHOLE) },
	{ PCI_DEVICE(TTMEM_PCI_VENDOR, TTMEM_PCI_BLACKHOLE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, pci_ids);

static int __init ttmem_init(void)
{
	int err;

	err = ttmem_client_init();
	if (err)
		return err;
	err = ttmem_procfs_init();
	if (err)
		goto client;
	ttmem_sysfs_init();
	err = ttmem_attach_init();
	if (err)
		goto procfs;
	return 0;

procfs:
	ttmem_procfs_exit();
client:
	ttmem_client_exit();
	return err;
}

static void __exit ttmem_exit(void)
{
	ttmem_attach_exit();
	ttmem_procfs_exit();
	ttmem_client_exit();
}

module_init(ttmem_init);
module_exit(ttmem_exit);

MODULE_DESCRIPTION("Accounts for what processes hold in the memory of Tenstorrent cards");
MODULE_LICENSE("GPL");
MODULE_VERSION(TTMEM_VERSION);
