// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked into the tools that test_host, test_smi and test_tools_host run, in the place of
 * functions of the system: the clock stands still; a node, which the tests make as a link
 * to /dev/null, answers as the module would; and processes belong to root, whoever runs
 * the tests.
 *
 *	TTMEM_FAKE_ABI=N	the version that INFO tells (1)
 *	TTMEM_FAKE_ERROR=N	what RESERVATIONS fails with
 *	TTMEM_FAKE_USERS=DIR	users: files, named by their numbers, with their names
 *	TTMEM_FAKE_NO_IPV6=1	a machine that has none
 *	TTMEM_FAKE_FREE=N	what INFO tells as free of 12 GiB, and RESERVE refuses
 *				more than; without it nothing is reserved
 *	TTMEM_FAKE_NOW=N	what INFO tells as free instead
 *
 * What is reserved is written to a file "reserved": process, chip, memory, tag, size,
 * flags and label.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ttmem.h"

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock != CLOCK_REALTIME)
		return __real_clock_gettime(clock, time);
	time->tv_sec = 1764000000;
	time->tv_nsec = 123456789;
	return 0;
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);

int __wrap_stat(const char *path, struct stat *st)
{
	int ret = __real_stat(path, st);

	if (!ret && !strncmp(path, "proc/", strlen("proc/")))
		st->st_uid = 0;
	return ret;
}

struct passwd *__real_getpwuid(uid_t uid);
struct passwd *__wrap_getpwuid(uid_t uid);
int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

struct passwd *__wrap_getpwuid(uid_t uid)
{
	const char *users = getenv("TTMEM_FAKE_USERS");
	static char name[64];
	static struct passwd found = { .pw_name = name };
	char path[256];
	FILE *file;

	if (!users)
		return __real_getpwuid(uid);
	snprintf(path, sizeof(path), "%s/%u", users, uid);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	name[fread(name, 1, sizeof(name) - 1, file)] = '\0';
	fclose(file);
	return &found;
}

int __wrap_socket(int family, int type, int protocol)
{
	if (family == AF_INET6 && getenv("TTMEM_FAKE_NO_IPV6")) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(family, type, protocol);
}

static int number_of(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? atoi(text) : otherwise;
}

static const struct ttmem_reservation held[] = {
	{
		.handle = 1048577, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB,
		.size = 65536, .cookie = 77, .label = "circular",
	}, {
		.handle = 3, .memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE,
		.flags = TTMEM_RESERVE_OVERCOMMIT, .size = 18446744073709551615u,
	}, {
		.handle = 2, .memory = TTMEM_DRAM, .flags = TTMEM_RESERVE_ADDRESS,
		.size = 104857600, .payload = 104857599, .address = 0x40000000,
		.label = "kv \"cache\", layer 1",
	}, {
		.handle = 1, .memory = TTMEM_DRAM, .flags = TTMEM_RESERVE_ADDRESS,
		.size = 4096, .address = 0x2000, .label = "weights",
	},
};

/* Client 7 holds all of these, any other client the first. */
static int reservations(struct ttmem_reservations *arg)
{
	size_t count = arg->client == 7 ? sizeof(held) / sizeof(held[0]) : 1;
	int error = number_of("TTMEM_FAKE_ERROR", 0);

	if (error) {
		errno = error;
		return -1;
	}
	if (arg->argsz != sizeof(*arg) || arg->count < count ||
	    arg->entry_size != sizeof(held[0]))
		abort();
	memcpy((void *)(uintptr_t)arg->entries, held, count * sizeof(held[0]));
	arg->count = count;
	arg->total = count;
	arg->next = 0;
	return 0;
}

#define CAPACITY	(12ull << 30)

static int reserve(const struct ttmem_reserve *arg)
{
	const char *left = getenv("TTMEM_FAKE_FREE");
	FILE *file;

	if (!left || (arg->size > strtoull(left, NULL, 10) &&
		      !(arg->flags & TTMEM_RESERVE_OVERCOMMIT))) {
		errno = left ? ENOSPC : ENOTTY;
		return -1;
	}
	if (arg->memory == TTMEM_L1 && arg->tag == TTMEM_TAG_TRACE) {
		errno = EINVAL;
		return -1;
	}
	file = fopen("reserved", "a");
	if (!file)
		abort();
	fprintf(file, "%d %u %u %u %llu %u %s\n", getpid(), arg->chip, arg->memory,
		arg->tag, (unsigned long long)arg->size, arg->flags, (const char *)arg->label);
	fclose(file);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct ttmem_info *info;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case TTMEM_IOC_INFO:
		info = arg;
		if (info->argsz != sizeof(*info))
			abort();
		info->abi_version = number_of("TTMEM_FAKE_ABI", 1);
		info->card = 0;
		info->chips = 1;
		info->client = 1;
		if (getenv("TTMEM_FAKE_FREE")) {
			const char *left = getenv("TTMEM_FAKE_NOW");

			info->total = CAPACITY;
			info->used = CAPACITY - strtoull(left ? left : getenv("TTMEM_FAKE_FREE"),
							 NULL, 10);
		}
		strcpy((char *)info->board, "p150a");
		return 0;
	case TTMEM_IOC_RESERVE:
		return reserve(arg);
	case TTMEM_IOC_RESERVATIONS:
		return reservations(arg);
	default:
		return __real_ioctl(fd, request, arg);
	}
}
