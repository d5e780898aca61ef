// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program in user-mode Linux: loads the module of suites, which run as they
 * load, unloads it and ends. Static, so that no library comes along. The module's name
 * and parameters stand in the kernel's command line; what that does not know comes here
 * as environment.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void end(void)
{
	fflush(NULL);
	reboot(RB_POWER_OFF);
	exit(1);
}

static void fail(const char *what)
{
	printf("init: %s: %s\n", what, strerror(errno));
	end();
}

static void mount_on(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL))
		fail(dir);
}

/* So that a suite can make its own allocations fail, and nobody else's. */
static void set_failslab(const char *name, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/failslab/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(path);
	close(fd);
}

static void add_param(char *params, size_t size, const char *name)
{
	const char *value = getenv(name);
	size_t used = strlen(params);

	if (value)
		snprintf(params + used, size - used, "%s=%s ", name, value);
}

int main(void)
{
	const char *module = getenv("ttmem_module");
	char params[256] = "", path[64];
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
		fail("debugfs");

	set_failslab("verbose", "0");
	set_failslab("task-filter", "Y");
	set_failslab("ignore-gfp-wait", "N");
	set_failslab("interval", "1");
	set_failslab("times", "-1");
	set_failslab("probability", "100");

	add_param(params, sizeof(params), "kunit_seed");
	add_param(params, sizeof(params), "kunit_operations");
	if (!module)
		module = "ttmem_kunit";
	snprintf(path, sizeof(path), "/%s.ko", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	if (syscall(SYS_finit_module, fd, params, 0))
		fail("loading the module");
	if (syscall(SYS_delete_module, module, O_NONBLOCK))
		fail("unloading the module");
	puts("init: done");
	end();
}
