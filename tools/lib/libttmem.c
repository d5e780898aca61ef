// SPDX-License-Identifier: MIT
/*
 * Open cards and the ioctls on them. The functions are explained in libttmem.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/* Counters of a page; more of a larger page is not used. */
#define COUNTERS	512
#define COUNTERS_CHIP	TTMEM_COUNTER_INDEX(1, 0, 0)

/**
 * struct ttmem_card - an open card
 * @fd: its node
 * @number: TT-KMD's number of it
 * @counters: its page or @nowhere, NULL until ttmem_counters() was called
 */
struct ttmem_card {
	int fd;
	unsigned int number;
	int64_t *counters;
};

/* What is counted where there is no page. */
static int64_t nowhere[COUNTERS] __attribute__((aligned(128)));

/*
 * Each structure begins with argsz, by which the kernel learns the version that
 * the program was compiled with.
 */
static int call(const struct ttmem_card *card, unsigned int request, void *arg,
		size_t size, size_t least)
{
	if (!card)
		return -EBADF;
	if (!arg || size < least || size > UINT32_MAX)
		return -EINVAL;

	*(uint32_t *)arg = size;
	return ioctl(card->fd, request, arg) < 0 ? -errno : 0;
}

/* Print once per process what a person would otherwise hunt for. */
static void complain(unsigned int number, int error)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;

	if (getenv("TTMEM_QUIET") || atomic_flag_test_and_set(&told))
		return;
	fprintf(stderr,
		"ttmem: card %u: %s (the program goes on uncounted; TTMEM_QUIET=1 silences this)\n",
		number, ttmem_strerror(error));
}

/* The device number of a card's node; why not, if ttmem does not follow it. */
static int node_devt(unsigned int number, dev_t *devt)
{
	unsigned int major, minor;
	char path[TTMEM_PATH_SIZE], line[32];
	int ret;

	snprintf(path, sizeof(path), TTMEM_BOOKS "/dev", number);
	ret = ttmem__read_line(path, line, sizeof(line));
	if (ret == -ENOENT || ret == -ENODEV)
		return ttmem__why_not(number);
	if (ret)
		return ret;
	if (sscanf(line, "%u:%u", &major, &minor) != 2)
		return -EPROTO;
	*devt = makedev(major, minor);
	return 0;
}

static bool is_node(const char *path, dev_t devt)
{
	struct stat st;

	return !stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == devt;
}

/*
 * Find the node of a card under its own name or, in a container that renames
 * nodes, under another one. Return: 0, -ENOTCONN if it is not there, or why it
 * could not be looked for.
 */
static int find_node(unsigned int number, dev_t devt, char *path, size_t size)
{
	const struct dirent *entry;
	bool found = false;
	DIR *dir;
	int ret;

	snprintf(path, size, TTMEM_NODES "/%u", number);
	if (is_node(path, devt))
		return 0;

	dir = opendir(TTMEM_NODES);
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? -ENOTCONN : -errno;
	while (!found && (errno = 0, entry = readdir(dir))) {
		snprintf(path, size, TTMEM_NODES "/%s", entry->d_name);
		found = is_node(path, devt);
	}
	ret = found ? 0 : errno ? -errno : -ENOTCONN;
	closedir(dir);
	return ret;
}

static int open_node(unsigned int number, unsigned int flags)
{
	char path[TTMEM_PATH_SIZE];
	dev_t devt = 0;
	int fd, ret;

	ret = node_devt(number, &devt);
	if (!ret)
		ret = find_node(number, devt, path, sizeof(path));
	if (ret)
		return ret;

	fd = open(path, O_RDWR | (flags & TTMEM_OPEN_INHERIT ? 0 : O_CLOEXEC));
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EPERM:	/* a container's device rules */
	case EACCES:
		return -EACCES;
	case ENOENT:
		return -ENOTCONN;
	case ENXIO:
	case ENODEV:	/* gone since it was looked for */
		return ttmem__why_not(number);
	default:
		return -errno;
	}
}

int ttmem_open(unsigned int number, unsigned int flags,
	       struct ttmem_card **card)
{
	struct ttmem_info info = { 0 };
	struct ttmem_card *new;
	int ret;

	if (!card)
		return -EINVAL;
	*card = NULL;
	if (flags & ~(TTMEM_OPEN_INHERIT | TTMEM_OPEN_QUIET))
		return -EINVAL;
	if (number > INT_MAX)
		return -ENXIO;

	ret = open_node(number, flags);
	if (ret < 0) {
		if ((ret == -ENOTCONN || ret == -EACCES) &&
		    !(flags & TTMEM_OPEN_QUIET))
			complain(number, ret);
		return ret;
	}

	new = malloc(sizeof(*new));
	if (!new) {
		close(ret);
		return -ENOMEM;
	}
	new->fd = ret;
	new->number = number;
	new->counters = NULL;

	/* A device number may be another driver's by now: is this ttmem's, and the card? */
	ret = ttmem_info(new, &info, sizeof(info));
	if (!ret && info.card != number)
		ret = -ENODEV;
	if (ret) {
		ttmem_close(new);
		return ret;
	}
	*card = new;
	return 0;
}

int ttmem_open_pci(const char *address, unsigned int flags,
		   struct ttmem_card **card)
{
	unsigned int number;
	int ret;

	if (!card)
		return -EINVAL;
	*card = NULL;
	if (!address || !strchr(address, ':'))
		return -EINVAL;
	ret = ttmem__find(address, &number);
	if (ret)
		return ret;
	return ttmem_open(number, flags, card);
}

int ttmem_open_fd(int fd, unsigned int flags, struct ttmem_card **card)
{
	static const char before[] = "/tenstorrent/tenstorrent!";
	char path[TTMEM_PATH_SIZE], target[PATH_MAX];
	const char *name;
	struct stat st;
	uint64_t number;
	ssize_t len;

	if (!card)
		return -EINVAL;
	*card = NULL;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -EINVAL;

	/*
	 * sysfs knows a device by its number, whatever the node was called. The
	 * link ends in .../tenstorrent/tenstorrent!N, class and device.
	 */
	snprintf(path, sizeof(path), TTMEM_SYSFS "/dev/char/%u:%u",
		 major(st.st_rdev), minor(st.st_rdev));
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -ENXIO;
	target[len] = '\0';
	name = strrchr(target, '/');
	if (!name || name - target < (ptrdiff_t)strlen("/tenstorrent"))
		return -EINVAL;
	name -= strlen("/tenstorrent");
	if (strncmp(name, before, strlen(before)) ||
	    !ttmem__number(name + strlen(before), INT_MAX, &number))
		return -EINVAL;
	return ttmem_open(number, flags, card);
}

int ttmem_close(struct ttmem_card *card)
{
	if (!card)
		return -EBADF;
	if (card->counters && card->counters != nowhere)
		munmap(card->counters, sysconf(_SC_PAGESIZE));
	close(card->fd);
	free(card);
	return 0;
}

int ttmem_fd(const struct ttmem_card *card)
{
	return card ? card->fd : -EBADF;
}

int ttmem_card_number(const struct ttmem_card *card)
{
	return card ? (int)card->number : -EBADF;
}

int ttmem_info(struct ttmem_card *card, struct ttmem_info *info, size_t size)
{
	return call(card, TTMEM_IOC_INFO, info, size, sizeof(*info));
}

int ttmem_reserve(struct ttmem_card *card, struct ttmem_reserve *reserve,
		  size_t size)
{
	return call(card, TTMEM_IOC_RESERVE, reserve, size, sizeof(*reserve));
}

int ttmem_free(struct ttmem_card *card, uint64_t handle)
{
	struct ttmem_free arg = { .handle = handle };

	return call(card, TTMEM_IOC_FREE, &arg, sizeof(arg), sizeof(arg));
}

/* The kernel leaves counters to their owner; so they are set to 0 here. */
static void clear_counters(struct ttmem_card *card, const struct ttmem_free *arg)
{
	int64_t *counters = __atomic_load_n(&card->counters, __ATOMIC_ACQUIRE);
	unsigned int i = 0, end = COUNTERS;

	if (!counters || counters == nowhere)
		return;
	if (arg->flags & TTMEM_FREE_CHIP) {
		i = arg->chip * COUNTERS_CHIP;
		end = i + COUNTERS_CHIP;
	}
	for (; i < end; i++)
		__atomic_store_n(&counters[i], 0, __ATOMIC_RELAXED);
}

static int free_many(struct ttmem_card *card, struct ttmem_free *arg,
		     uint64_t *bytes, uint64_t *reservations)
{
	int ret = call(card, TTMEM_IOC_FREE, arg, sizeof(*arg), sizeof(*arg));

	if (!ret)
		clear_counters(card, arg);
	if (bytes)
		*bytes = ret ? 0 : arg->bytes;
	if (reservations)
		*reservations = ret ? 0 : arg->reservations;
	return ret;
}

int ttmem_free_chip(struct ttmem_card *card, unsigned int chip,
		    uint64_t *bytes, uint64_t *reservations)
{
	struct ttmem_free arg = { .chip = chip, .flags = TTMEM_FREE_CHIP };

	return free_many(card, &arg, bytes, reservations);
}

int ttmem_free_all(struct ttmem_card *card, uint64_t *bytes,
		   uint64_t *reservations)
{
	struct ttmem_free arg = { .flags = TTMEM_FREE_ALL };

	return free_many(card, &arg, bytes, reservations);
}

int ttmem_set(struct ttmem_card *card, const struct ttmem_gauge *gauges,
	      size_t count, size_t entry_size)
{
	struct ttmem_set arg = {
		.gauges = (uintptr_t)gauges,
		.count = count,
		.entry_size = entry_size,
	};

	if (!card)
		return -EBADF;
	if (!gauges || count > TTMEM_SET_MAX ||
	    entry_size < sizeof(*gauges) || entry_size > UINT32_MAX)
		return -EINVAL;
	return call(card, TTMEM_IOC_SET, &arg, sizeof(arg), sizeof(arg));
}

int ttmem_restart_peaks(struct ttmem_card *card)
{
	struct ttmem_set arg = {
		.flags = TTMEM_SET_RESTART_PEAKS,
		.entry_size = sizeof(struct ttmem_gauge),
	};

	return call(card, TTMEM_IOC_SET, &arg, sizeof(arg), sizeof(arg));
}

int ttmem_attribute(struct ttmem_card *card, pid_t pid)
{
	struct ttmem_attribute arg = { .pid = pid };

	return call(card, TTMEM_IOC_ATTRIBUTE, &arg, sizeof(arg), sizeof(arg));
}

int64_t *ttmem_counters(struct ttmem_card *card)
{
	int64_t *counters, *before = NULL;
	size_t size;

	if (!card)
		return nowhere;
	counters = __atomic_load_n(&card->counters, __ATOMIC_ACQUIRE);
	if (counters)
		return counters;

	/*
	 * Also without a page the first answer stays: counters that began
	 * elsewhere would go below 0.
	 */
	size = sysconf(_SC_PAGESIZE);
	counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd,
			0);
	if (counters == MAP_FAILED)
		counters = nowhere;
	if (__atomic_compare_exchange_n(&card->counters, &before, counters, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return counters;
	if (counters != nowhere)	/* another thread was first */
		munmap(counters, size);
	return before;
}

void ttmem_counter_add(int64_t *counters, unsigned int chip,
		       enum ttmem_memory memory, enum ttmem_tag tag,
		       int64_t delta)
{
	ttmem_add(counters, chip, memory, tag, delta);
}

/* Entries asked for at once; large lists take few calls, small ones one. */
#define PAGE_ENTRIES	1024u

int ttmem_reservations(struct ttmem_card *card, uint64_t client,
		       struct ttmem_reservation **list, size_t *count,
		       size_t entry_size)
{
	struct ttmem_reservations arg = { .client = client };
	size_t used = 0, room = 0;
	char *entries = NULL;
	int ret;

	if (!list || !count)
		return card ? -EINVAL : -EBADF;
	*list = NULL;
	*count = 0;
	if (!card)
		return -EBADF;
	if (entry_size < sizeof(**list) || entry_size > UINT32_MAX)
		return -EINVAL;

	do {
		if (room - used < PAGE_ENTRIES) {
			size_t more = room + room / 2 + PAGE_ENTRIES;
			char *moved = NULL;

			if (more <= SIZE_MAX / entry_size)
				moved = realloc(entries, more * entry_size);
			if (!moved) {
				ret = -ENOMEM;
				goto fail;
			}
			entries = moved;
			room = more;
		}
		arg.start = arg.next;
		arg.entries = (uintptr_t)(entries + used * entry_size);
		arg.count = PAGE_ENTRIES;
		arg.entry_size = entry_size;
		arg.next = 0;
		arg.total = 0;
		ret = call(card, TTMEM_IOC_RESERVATIONS, &arg, sizeof(arg),
			   sizeof(arg));
		if (!ret && (arg.count > PAGE_ENTRIES ||
			     (arg.next && arg.next == arg.start)))
			ret = -EPROTO;
		if (ret)
			goto fail;
		used += arg.count;
	} while (arg.next);

	if (!used) {
		free(entries);
		return 0;
	}
	*list = (struct ttmem_reservation *)entries;
	*count = used;
	return 0;

fail:
	free(entries);
	return ret;
}

const char *ttmem_version(void)
{
	return TTMEM_VERSION;
}

const char *ttmem_strerror(int error)
{
	if (error == INT_MIN)
		error = 0;
	switch (error < 0 ? -error : error) {
	case 0:
		return "no error";
	case ENXIO:
		return "no such card: ls /sys/class/tenstorrent shows those there are; if there are none, is TT-KMD loaded (modprobe tenstorrent)?";
	case ENOPKG:
		return "the kernel module ttmem is not loaded: install it and run modprobe ttmem";
	case ENOTCONN:
		return "the card's node is not in /dev/tenstorrent/mem: in a container pass it too (--device /dev/tenstorrent passes all), elsewhere see that udev runs";
	case EACCES:
		return "not permitted: opening /dev/tenstorrent/mem/N takes read and write permission (ttmem's udev rule grants it), another user's reservations need root, or CAP_SYS_PTRACE";
	case EPERM:
		return "not permitted: to speak for another process takes CAP_SYS_PTRACE, and nobody speaks for a kernel thread";
	case EBADF:
		return "no open card or file: open it first and look at what that returned";
	case ENODEV:
		return "the card is gone, or was reset since it was opened: close it and open it again";
	case ESRCH:
		return "no such process (any more): what was attributed to it has left the books; close the card";
	case EBUSY:
		return "this client speaks for a process already, or holds something: open the card once more for it";
	case ENOSPC:
		return "the pool is full: not so many bytes are free in this memory of this chip; ttmem-smi shows who holds them";
	case EDQUOT:
		return "a limit of this client is reached: 1 TiB of one pool, or the number of reservations, which root raises in /sys/module/ttmem/parameters/max_reservations";
	case ENOENT:
		return "not found: this client has no such handle, or there is no such client or value (any more)";
	case EINVAL:
		return "invalid argument: the card has no such chip, the memory no such tag, or a field is out of range";
	case E2BIG:
		return "the program asks for something that this version of the module ttmem does not know: update the module";
	case ENOTTY:
		return "the module ttmem does not know this call: update the module";
	case EPROTO:
		return "the module ttmem answered in a form that this version of libttmem does not know: update libttmem";
	case ENOMEM:
		return "out of memory, on the host or in this memory cgroup";
	case EMFILE:
		return "too many open files of this process: ulimit -n raises the limit";
	case ENFILE:
		return "too many open files: the card has as many clients as it can have, or the system as many files";
	case EOPNOTSUPP:
		return "ttmem is loaded, but its list of clients is not in this /proc: it is mounted with subset=pid, or covered; look from where all of /proc is seen";
	case EFAULT:
		return "an address that is not the program's was passed";
	default:
		return "unexpected error of the system";
	}
}
