// SPDX-License-Identifier: GPL-2.0-only
/* What ttmem shows of a card and what its node answers; node.h tells what is what. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node.h"

const char *st_path(int card, int chip, const char *name)
{
	if (chip == ST_CARD)
		return st_text("/sys/class/tenstorrent/tenstorrent!%d/memory_stats/%s", card, name);
	return st_text("/sys/class/tenstorrent/tenstorrent!%d/memory_stats/chip%d/%s", card, chip,
		       name);
}

const char *st_param_path(const char *name)
{
	return st_text("/sys/module/ttmem/parameters/%s", name);
}

const char *st_node(int card)
{
	return st_text("/dev/tenstorrent/mem/%d", card);
}

bool st_find_pci(int card, char *address, size_t size)
{
	char target[PATH_MAX];
	ssize_t length;

	length = readlink(st_text("/sys/class/tenstorrent/tenstorrent!%d/device", card), target,
			  sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = '\0';
	snprintf(address, size, "%.12s", strrchr(target, '/') + 1);
	return true;
}

int st_try_open(int card)
{
	int fd = open(st_node(card), O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

size_t st_argsz(unsigned long request)
{
	switch (request) {
	case TTMEM_IOC_INFO:
		return sizeof(struct ttmem_info);
	case TTMEM_IOC_RESERVE:
		return sizeof(struct ttmem_reserve);
	case TTMEM_IOC_FREE:
		return sizeof(struct ttmem_free);
	case TTMEM_IOC_SET:
		return sizeof(struct ttmem_set);
	case TTMEM_IOC_RESERVATIONS:
		return sizeof(struct ttmem_reservations);
	case TTMEM_IOC_ATTRIBUTE:
		return sizeof(struct ttmem_attribute);
	default:
		return 0;
	}
}

int st_ioctl(int fd, unsigned long request, void *argument)
{
	int ret = ioctl(fd, request, argument);

	/* A call that succeeds returns 0, never a number. */
	return ret < 0 ? -errno : ret;
}

int st_call(int fd, unsigned long request, void *argument)
{
	uint32_t size = st_argsz(request);

	memcpy(argument, &size, sizeof(size));
	return st_ioctl(fd, request, argument);
}

int st_reserve(int fd, uint32_t chip, uint32_t memory, uint32_t tag, uint64_t size,
	       uint32_t flags, uint64_t *handle)
{
	struct ttmem_reserve reserve = {
		.chip = chip,
		.memory = memory,
		.tag = tag,
		.flags = flags,
		.size = size,
	};
	int error = st_call(fd, TTMEM_IOC_RESERVE, &reserve);

	if (!error && handle)
		*handle = reserve.handle;
	return error;
}

int st_free(int fd, uint64_t handle)
{
	struct ttmem_free request = { .handle = handle };

	return st_call(fd, TTMEM_IOC_FREE, &request);
}

int st_free_all(int fd)
{
	struct ttmem_free request = { .flags = TTMEM_FREE_ALL };

	return st_call(fd, TTMEM_IOC_FREE, &request);
}

int st_set_many(int fd, const struct ttmem_gauge *gauges, uint32_t count, uint32_t flags)
{
	struct ttmem_set set = {
		.flags = flags,
		.gauges = (uintptr_t)gauges,
		.count = count,
		.entry_size = sizeof(*gauges),
	};

	return st_call(fd, TTMEM_IOC_SET, &set);
}

int st_set(int fd, uint32_t chip, uint32_t memory, uint32_t tag, uint64_t bytes)
{
	struct ttmem_gauge gauge = { .chip = chip, .memory = memory, .tag = tag, .bytes = bytes };

	return st_set_many(fd, &gauge, 1, 0);
}

int st_info(int fd, struct ttmem_info *info)
{
	memset(info, 0, sizeof(*info));
	return st_call(fd, TTMEM_IOC_INFO, info);
}

int st_attribute(int fd, pid_t pid)
{
	struct ttmem_attribute request = { .pid = pid };

	return st_call(fd, TTMEM_IOC_ATTRIBUTE, &request);
}

int64_t *st_map(int fd)
{
	void *map = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}
