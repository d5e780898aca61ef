// SPDX-License-Identifier: GPL-2.0-only
/* Trees of sysfs, procfs and dev made by hand; tree.h tells what for. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "system.h"
#include "tree.h"

static char top[64];

int tree_enter(const char *prefix)
{
	snprintf(top, sizeof(top), "%s.XXXXXX", prefix);
	return mkdtemp(top) && !chdir(top) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int tree_leave(void)
{
	return chdir("/") || nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? -1 : 0;
}

/* The path of something to be made, in directories that are there. */
static const char *place(const char *format, va_list args)
{
	static char path[512];
	char *slash;

	vsnprintf(path, sizeof(path), format, args);
	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0777))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	return path;
}

void put(const char *text, const char *format, ...)
{
	const char *path;
	va_list args;
	FILE *file;

	va_start(args, format);
	path = place(format, args);
	va_end(args);
	file = fopen("new", "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename("new", path), 0);
}

void put_link(const char *target, const char *format, ...)
{
	const char *path;
	va_list args;

	va_start(args, format);
	path = place(format, args);
	va_end(args);
	assert_int_equal(symlink(target, path), 0);
}

void put_device(unsigned int n, const char *dev, const char *device)
{
	put(st_text("%s\n", dev), CLASS "/tenstorrent!%u/dev", n);
	put_link(st_text("../../../devices/%s", device), CLASS "/tenstorrent!%u/device", n);
}

char *slurp(const char *path)
{
	static char text[1 << 20];

	text[0] = '\0';
	st_read(path, text, sizeof(text));
	return text;
}

int run(const char *command, char *out, size_t out_size, char *err, size_t err_size)
{
	char line[4096];
	int status;

	snprintf(line, sizeof(line), "export LC_ALL=C; { %s\n} >out 2>err </dev/null", command);
	status = system(line);
	assert_true(WIFEXITED(status));
	assert_int_equal(st_read("out", out, out_size), 0);
	assert_int_equal(st_read("err", err, err_size), 0);
	return WEXITSTATUS(status);
}
