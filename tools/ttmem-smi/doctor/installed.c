// SPDX-License-Identifier: GPL-2.0-only
/* What is installed: modules for this kernel and the next, rules and services. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/findings.h"
#include "internal.h"

void see_rule(struct findings *f)
{
	char path[TTMEM_PATH_SIZE];
	int ret;

	ret = first_of("udev/rules.d", "60-ttmem.rules", path, sizeof(path));
	if (ret == -ENOENT)
		mend(found(f, WRONG, "udev rule", "there is no 60-ttmem.rules"),
		     "install the package ttmem-dkms, or in ttmem's source: sudo make udev-install");
	else if (ret)
		cannot_see(f, "udev rule", path, ret);
	else if (turned_off(path))
		mend(found(f, WRONG, "udev rule", "%s is empty: nodes are root's alone", path),
		     "sudo rm %s && sudo udevadm trigger --subsystem-match=ttmem", path);
	else
		found(f, WELL, "udev rule", "%s", path);
}

static void see_dkms(struct findings *f)
{
	static const char version[] = TTMEM_ROOT "/var/lib/dkms/ttmem/" TTMEM_VERSION;
	static const char sentence[] =
		"install the package ttmem-dkms, or in ttmem's source: sudo make dkms";
	char path[TTMEM_PATH_SIZE];
	int ret;

	ret = look_for(version);
	if (!ret) {
		found(f, WELL, "DKMS", "%s", version);
		return;
	}
	if (ret == -ENOENT)
		ret = match(TTMEM_ROOT "/var/lib/dkms/ttmem/[0-9]*", path, sizeof(path));
	if (!ret)
		mend(found(f, WRONG, "DKMS", "it has %s and not %s", path, TTMEM_VERSION),
		     "%s", sentence);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "DKMS",
			   "it does not know ttmem: the kernel's next update will be without it"),
		     "%s", sentence);
	else
		cannot_see(f, "DKMS", TTMEM_ROOT "/var/lib/dkms/ttmem", ret);
}

void see_installed(struct findings *f)
{
	char pattern[TTMEM_PATH_SIZE + 100], path[TTMEM_PATH_SIZE];
	const char *release = f->kernel.release;
	int ret;

	snprintf(pattern, sizeof(pattern), TTMEM_ROOT "/lib/modules/%s/{updates,extra}{,/dkms}/ttmem.ko*",
		 release);
	ret = match(pattern, path, sizeof(path));
	if (!ret)
		found(f, WELL, "installed", "%s", path);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "installed", "ttmem is not installed for Linux %s", release),
		     "sudo dkms autoinstall, or in ttmem's source: sudo make dkms");
	else
		cannot_see(f, "installed", pattern, ret);
	see_dkms(f);
	snprintf(path, sizeof(path), TTMEM_ROOT "/lib/modules/%s/build/Makefile", release);
	ret = look_for(path);
	if (!ret)
		found(f, WELL, "headers", "of Linux %s", release);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "headers", "there are none of Linux %s", release),
		     "sudo apt install linux-headers-%s, or your distribution's package", release);
	else
		cannot_see(f, "headers", path, ret);
}

void see_unit(struct findings *f)
{
	static const char wants[] =
		TTMEM_ROOT "/etc/systemd/system/*.{wants,requires}/ttmem-metald.service";
	char unit[TTMEM_PATH_SIZE], path[TTMEM_PATH_SIZE];
	int ret, rule;

	ret = look_for(TTMEM_ROOT "/run/systemd/system");
	if (ret) {
		found(f, UNKNOWN, "unit", "%s: whether ttmem-metald is started at the next boot is not known",
		      ret == -ENOENT ? "systemd does not run here" : strerror(-ret));
		return;
	}
	ret = first_of("systemd/system", "ttmem-metald.service", unit, sizeof(unit));
	if (ret == -ENOENT) {
		mend(found(f, WRONG, "unit", "there is no ttmem-metald.service"),
		     "install the package ttmem-metald, or in ttmem's source: sudo make tools-install");
		return;
	}
	if (!ret && turned_off(unit)) {
		mend(found(f, WRONG, "unit", "%s is masked", unit),
		     "sudo systemctl unmask ttmem-metald && sudo systemctl enable --now ttmem-metald");
		return;
	}
	if (ret) {
		cannot_see(f, "unit", unit, ret);
		return;
	}
	ret = match(wants, path, sizeof(path));
	if (!ret) {
		found(f, WELL, "unit", "%s is enabled", unit);
		return;
	}
	rule = first_of("udev/rules.d", "61-ttmem-metald.rules", path, sizeof(path));
	if (!rule && !turned_off(path))
		found(f, WELL, "unit", "%s is started by %s", unit, path);
	else if (ret != -ENOENT)
		cannot_see(f, "unit", wants, ret);
	else if (rule && rule != -ENOENT)
		cannot_see(f, "unit", path, rule);
	else
		mend(found(f, WRONG, "unit", "%s is not enabled: ttmem-metald is missing after the next boot",
			   unit),
		     "sudo systemctl enable --now ttmem-metald");
}
