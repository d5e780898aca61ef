// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked into the ttmem-metald of test_metald and bench_metald, in the place of
 * the module: dev/tenstorrent/mem/N answers as its node would. What happens there is
 * written to the file "told", a line each:
 *
 *	attribute CARD PID
 *	set CARD PID CHIP MEMORY TAG BYTES
 *	end CARD PID
 *
 * What environ.c forks takes a second to close its files if there is a file "slow".
 *
 * With FAST in the environment nothing is looked at, and a call costs what a refused one
 * does. Else a file "invalid" has all that was opened before it was made answer ENODEV, and one
 * "refuse" has nodes not opened, with the errno that it holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ttmem.h"

#define FILES	4096

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static struct file {
	int open;
	unsigned int card;
	uint64_t client;
	pid_t pid;
	ino_t epoch;
	uint64_t bytes[2][2][5];
} files[FILES];
static uint64_t last_client = 1000;

static void __attribute__((format(printf, 1, 2))) log_line(const char *format, ...)
{
	static FILE *file;
	va_list args;

	if (!file)
		file = fopen("told", "ae");
	if (!file)
		abort();
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fflush(file);
}

static ino_t epoch(void)
{
	struct stat st;

	return stat("invalid", &st) ? 0 : st.st_ino;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	static const char nodes[] = "dev/tenstorrent/mem/";
	va_list args;
	FILE *refuse;
	int fd, error;

	va_start(args, flags);
	fd = __real_open(path, flags, va_arg(args, int));
	va_end(args);
	if (fd < 0 || strncmp(path, nodes, strlen(nodes)))
		return fd;
	refuse = fopen("refuse", "re");
	if (refuse) {
		if (fscanf(refuse, "%d", &error) != 1)
			abort();
		fclose(refuse);
		__real_close(fd);
		return fail(error);
	}
	if (fd >= FILES)
		abort();
	memset(&files[fd], 0, sizeof(files[fd]));
	files[fd].open = 1;
	files[fd].card = atoi(path + strlen(nodes));
	files[fd].client = ++last_client;
	files[fd].epoch = epoch();
	return fd;
}

long __wrap_syscall(long number, ...)
{
	long arg[4];
	va_list args;
	size_t i;

	va_start(args, number);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_close_range && !access("slow", F_OK))
		usleep(1000000);
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3]);
}

int __wrap_close(int fd)
{
	if (fd >= 0 && fd < FILES && files[fd].open) {
		files[fd].open = 0;
		log_line("end %u %d\n", files[fd].card, files[fd].pid);
	}
	return __real_close(fd);
}

static int set(struct file *f, const struct ttmem_set *arg)
{
	const struct ttmem_gauge *gauge = (void *)(uintptr_t)arg->gauges;
	uint64_t bytes[2][2][5];
	uint32_t i, chip, memory, tag;

	if (!arg->count || arg->count > TTMEM_SET_MAX || arg->entry_size != sizeof(*gauge))
		return fail(EINVAL);
	memcpy(bytes, f->bytes, sizeof(bytes));
	for (i = 0; i < arg->count; i++) {
		if (gauge[i].chip > 1 || gauge[i].memory > 1 || gauge[i].tag > 4)
			return fail(EINVAL);
		bytes[gauge[i].chip][gauge[i].memory][gauge[i].tag] = gauge[i].bytes;
	}
	for (chip = 0; chip < 2; chip++) {
		for (memory = 0; memory < 2; memory++) {
			uint64_t left = TTMEM_CLIENT_BYTES_MAX;

			for (tag = 0; tag < 5; tag++) {
				if (bytes[chip][memory][tag] > left)
					return fail(EDQUOT);
				left -= bytes[chip][memory][tag];
			}
		}
	}
	memcpy(f->bytes, bytes, sizeof(bytes));
	for (i = 0; i < arg->count; i++)
		log_line("set %u %d %u %u %u %llu\n", f->card, f->pid, gauge[i].chip,
			 gauge[i].memory, gauge[i].tag,
			 (unsigned long long)gauge[i].bytes);
	return 0;
}

static int attribute(struct file *f, const struct ttmem_attribute *arg)
{
	if (f->pid)
		return fail(EBUSY);
	if (kill(arg->pid, 0) && errno == ESRCH)
		return fail(ESRCH);
	f->pid = arg->pid;
	log_line("attribute %u %d\n", f->card, f->pid);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct ttmem_info *info;
	struct file *f;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd < 0 || fd >= FILES || !files[fd].open)
		return __real_ioctl(fd, request, arg);
	f = &files[fd];
	if (getenv("FAST"))
		__real_ioctl(fd, request, arg);
	else if (f->epoch != epoch())
		return fail(ENODEV);
	else if (f->pid && kill(f->pid, 0) && errno == ESRCH)
		return fail(ESRCH);
	switch (request) {
	case TTMEM_IOC_INFO:
		info = arg;
		info->card = f->card;
		info->client = f->client;
		return 0;
	case TTMEM_IOC_ATTRIBUTE:
		return attribute(f, arg);
	case TTMEM_IOC_SET:
		return set(f, arg);
	case TTMEM_IOC_FREE:
		return fail(ENOENT);
	default:
		return fail(ENOTTY);
	}
}
