// SPDX-License-Identifier: GPL-2.0-only
/*
 * The six calls of /dev/tenstorrent/mem/N: what each does, field by field, and
 * each error of the reference. Built as a 64-bit and as a 32-bit program.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "selftest.h"

#define CARD 0

static const struct {
	const char *name;
	unsigned long request;
	size_t size;
} calls[] = {
	{ "INFO", TTMEM_IOC_INFO, sizeof(struct ttmem_info) },
	{ "RESERVE", TTMEM_IOC_RESERVE, sizeof(struct ttmem_reserve) },
	{ "FREE", TTMEM_IOC_FREE, sizeof(struct ttmem_free) },
	{ "SET", TTMEM_IOC_SET, sizeof(struct ttmem_set) },
	{ "RESERVATIONS", TTMEM_IOC_RESERVATIONS, sizeof(struct ttmem_reservations) },
	{ "ATTRIBUTE", TTMEM_IOC_ATTRIBUTE, sizeof(struct ttmem_attribute) },
};

static struct ttmem_gauge one_gauge = { .memory = TTMEM_DRAM, .bytes = MIB };
static struct ttmem_reservation one_entry;

/* A request of the given kind that would succeed. */
static void good_request(unsigned long request, void *buffer)
{
	switch (request) {
	case TTMEM_IOC_RESERVE:
		*(struct ttmem_reserve *)buffer = (struct ttmem_reserve){ .size = 4096 };
		break;
	case TTMEM_IOC_FREE:
		*(struct ttmem_free *)buffer = (struct ttmem_free){ .flags = TTMEM_FREE_ALL };
		break;
	case TTMEM_IOC_SET:
		*(struct ttmem_set *)buffer = (struct ttmem_set){
			.gauges = (uintptr_t)&one_gauge,
			.count = 1,
			.entry_size = sizeof(one_gauge),
		};
		break;
	case TTMEM_IOC_RESERVATIONS:
		*(struct ttmem_reservations *)buffer = (struct ttmem_reservations){
			.entries = (uintptr_t)&one_entry,
			.count = 1,
			.entry_size = sizeof(one_entry),
		};
		break;
	case TTMEM_IOC_ATTRIBUTE:
		*(struct ttmem_attribute *)buffer = (struct ttmem_attribute){ .pid = getpid() };
		break;
	default:
		*(struct ttmem_info *)buffer = (struct ttmem_info){ 0 };
	}
	*(uint32_t *)buffer = st_argsz(request);
}

/* A page that may be written, followed by one that may not be touched. Returns the border. */
static char *border(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	return map + page;
}

static void test_layout(void **state)
{
	(void)state;
	/* One layout for every caller; these numbers are the contract. */
	assert_int_equal(sizeof(struct ttmem_info), 104);
	assert_int_equal(sizeof(struct ttmem_reserve), 96);
	assert_int_equal(sizeof(struct ttmem_free), 40);
	assert_int_equal(sizeof(struct ttmem_gauge), 32);
	assert_int_equal(sizeof(struct ttmem_set), 24);
	assert_int_equal(sizeof(struct ttmem_reservation), 88);
	assert_int_equal(sizeof(struct ttmem_reservations), 56);
	assert_int_equal(sizeof(struct ttmem_attribute), 16);
	assert_int_equal(offsetof(struct ttmem_info, total), 48);
	assert_int_equal(offsetof(struct ttmem_info, board), 80);
	assert_int_equal(offsetof(struct ttmem_reserve, handle), 8);
	assert_int_equal(offsetof(struct ttmem_reserve, label), 64);
	assert_int_equal(TTMEM_IOC_INFO, 0xfa80);
	assert_int_equal(TTMEM_IOC_RESERVE, 0xfa81);
	assert_int_equal(TTMEM_IOC_FREE, 0xfa82);
	assert_int_equal(TTMEM_IOC_SET, 0xfa83);
	assert_int_equal(TTMEM_IOC_RESERVATIONS, 0xfa84);
	assert_int_equal(TTMEM_IOC_ATTRIBUTE, 0xfa85);
}

static void test_unknown_calls(void **state)
{
	static const unsigned int directions[] = { _IOC_READ, _IOC_WRITE, _IOC_READ | _IOC_WRITE };
	uint32_t buffer[64] = { sizeof(struct ttmem_info) };
	int fd = st_open(CARD);
	unsigned int number;
	size_t i;

	(void)state;
	for (number = 0; number < 256; number++)
		if (number < 0x80 || number > 0x85)
			assert_int_equal(st_ioctl(fd, _IO(TTMEM_IOC_MAGIC, number), buffer),
					 -ENOTTY);
	for (number = 0x80; number <= 0x85; number++)
		assert_int_equal(st_ioctl(fd, _IO(0xFB, number), buffer), -ENOTTY);
	/* A direction and a size make it another number. */
	for (i = 0; i < ARRAY_SIZE(directions); i++)
		for (number = 0x80; number <= 0x85; number++) {
			assert_int_equal(st_ioctl(fd, _IOC(directions[i], TTMEM_IOC_MAGIC, number,
							   0), buffer), -ENOTTY);
			assert_int_equal(st_ioctl(fd, _IOC(directions[i], TTMEM_IOC_MAGIC, number,
							   sizeof(struct ttmem_info)), buffer),
					 -ENOTTY);
		}
	st_check_used(CARD, 0, 0);
}

/*
 * The client of a file goes through one ATTRIBUTE only: for it each good call has a file of
 * its own.
 */
static void renew(int *fd)
{
	close(*fd);
	*fd = st_open(CARD);
}

/* Sets argsz and calls; a refused call is to have changed nothing. */
#define SIZE_REFUSED(request, size, error) \
	do { \
		*(uint32_t *)buffer = (size); \
		ST_REFUSED(CARD, st_ioctl(fd, request, buffer), error); \
	} while (0)

/* Structures may grow: a longer one is good if what is not known is zero, a shorter never. */
static void test_sizes(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	const size_t extra[] = { 1, 4, 8, 128, 1000 };
	char buffer[8192] __attribute__((aligned(8)));
	int fd = st_open(CARD);
	size_t i, k, size;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned long request = calls[i].request;
		size_t known = calls[i].size;

		assert_int_equal(st_argsz(request), known);
		for (k = 0; k <= ARRAY_SIZE(extra); k++) {
			/* A whole page is the most. */
			size = k < ARRAY_SIZE(extra) ? known + extra[k] : (size_t)page;
			memset(buffer, 0, sizeof(buffer));
			good_request(request, buffer);
			*(uint32_t *)buffer = size;
			/* What stands behind the structure is not the kernel's. */
			buffer[size] = 1;
			assert_int_equal(st_ioctl(fd, request, buffer), 0);
			assert_int_equal(buffer[size], 1);
			/* How much of it the kernel has looked at. */
			assert_int_equal(*(uint32_t *)buffer, known);
			st_check_books(CARD);
			assert_int_equal(st_free_all(fd), 0);
			renew(&fd);

			memset(buffer, 0, sizeof(buffer));
			good_request(request, buffer);
			buffer[size - 1] = 1;
			SIZE_REFUSED(request, size, E2BIG);
			buffer[size - 1] = 0;
			buffer[known] = 1;
			SIZE_REFUSED(request, size, E2BIG);
		}
		memset(buffer, 0, sizeof(buffer));
		good_request(request, buffer);
		SIZE_REFUSED(request, page + 1, E2BIG);
		SIZE_REFUSED(request, 1u << 31, E2BIG);
		SIZE_REFUSED(request, ~0u, E2BIG);
		for (size = 0; size < known; size++) {
			*(uint32_t *)buffer = size;
			assert_int_equal(st_ioctl(fd, request, buffer), -EINVAL);
		}
		SIZE_REFUSED(request, known - 1, EINVAL);
	}
	st_check_used(CARD, 0, 0);
}

/* argsz is written before the fields are looked at, so also where the call is refused. */
static void test_size_written_back(void **state)
{
	struct {
		struct ttmem_reserve reserve;
		uint64_t more;
	} larger = { .reserve = { .argsz = sizeof(larger), .size = 1ull << 39 } };
	int fd = st_open(CARD);

	(void)state;
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_RESERVE, &larger), ENOSPC);
	assert_int_equal(larger.reserve.argsz, sizeof(larger.reserve));
	larger.reserve.argsz = sizeof(larger);
	larger.reserve.chip = 99;
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_RESERVE, &larger), EINVAL);
	assert_int_equal(larger.reserve.argsz, sizeof(larger.reserve));
	/* Set before every call: what the last one left is the size of what is known. */
	larger.reserve = (struct ttmem_reserve){ .argsz = sizeof(larger), .size = 64 };
	assert_int_equal(st_ioctl(fd, TTMEM_IOC_RESERVE, &larger), 0);
	larger.more = 1;
	assert_int_equal(st_ioctl(fd, TTMEM_IOC_RESERVE, &larger), 0);
	larger.reserve.argsz = sizeof(larger);
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_RESERVE, &larger), E2BIG);
	st_check_used(CARD, 128, 0);
}

/*
 * A process changes the size between the known one and a larger one while another calls.
 * They differ in one byte, as the kernel may copy one after the other.
 */
struct unsteady {
	struct ttmem_info info;
	uint8_t behind[128];
	volatile bool stop;
};

#define LARGER_SIZE	(sizeof(struct ttmem_info) ^ 0x80)

static void change_size(int sock, void *arg)
{
	struct unsteady *it = arg;
	volatile uint32_t *argsz = &it->info.argsz;

	(void)sock;
	while (!it->stop) {
		*argsz = LARGER_SIZE;
		*argsz = sizeof(it->info);
	}
}

/* The size is taken once: what was not read as the caller's is never written. */
static void test_size_changes_meanwhile(void **state)
{
	int fd = st_open(CARD), error, good = 0, refused = 0;
	long rounds = st_many(100000);
	struct st_child child;
	struct unsteady *it;
	size_t i;

	(void)state;
	it = mmap(NULL, sizeof(*it), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(it != MAP_FAILED);
	assert_int_equal(LARGER_SIZE, sizeof(it->info) + sizeof(it->behind));
	memset(it->behind, 0xcc, sizeof(it->behind));
	/* The child may begin late. */
	it->info.argsz = sizeof(it->info);
	child = st_spawn(change_size, it);
	while (rounds--) {
		it->info.flags = 0;
		error = st_ioctl(fd, TTMEM_IOC_INFO, &it->info);
		good += !error;
		refused += error == -E2BIG;
		if (error && error != -E2BIG)
			fail_msg("INFO: %s", strerror(-error));
		for (i = 0; i < sizeof(it->behind); i++)
			assert_int_equal(it->behind[i], 0xcc);
	}
	it->stop = true;
	st_join(&child);
	munmap(it, sizeof(*it));
	print_message("%d calls good, %d refused\n", good, refused);
	assert_true(good > 0);
}

static void test_bad_pointers(void **state)
{
	char *edge = border(), *none = edge, buffer[256] __attribute__((aligned(8)));
	int fd = st_open(CARD);
	size_t i, cut;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned long request = calls[i].request;
		size_t size = calls[i].size;

		ST_REFUSED(CARD, st_ioctl(fd, request, NULL), EFAULT);
		ST_REFUSED(CARD, st_ioctl(fd, request, none), EFAULT);
		ST_REFUSED(CARD, st_ioctl(fd, request, (void *)-4096l), EFAULT);
		good_request(request, buffer);
		/* A size whose end cannot be read, and a structure of which that is true. */
		for (cut = 1; cut < 4; cut++) {
			memcpy(edge - cut, buffer, cut);
			ST_REFUSED(CARD, st_ioctl(fd, request, edge - cut), EFAULT);
		}
		for (cut = 4; cut < size; cut *= 2) {
			memcpy(edge - cut, buffer, cut);
			ST_REFUSED(CARD, st_ioctl(fd, request, edge - cut), EFAULT);
		}
		/* A structure that is too short may end there. */
		memset(edge - 4, 0, 4);
		ST_REFUSED(CARD, st_ioctl(fd, request, edge - 4), EINVAL);
		memset(edge - 4, 0xff, 4);
		ST_REFUSED(CARD, st_ioctl(fd, request, edge - 4), EFAULT);
		/* Larger, the part that is not known cannot be read. */
		memcpy(edge - size, buffer, size);
		*(uint32_t *)(edge - size) = size + 8;
		ST_REFUSED(CARD, st_ioctl(fd, request, edge - size), EFAULT);
		/* One that ends where the page does is good; at an odd address too. */
		memcpy(edge - size, buffer, size);
		assert_int_equal(st_ioctl(fd, request, edge - size), 0);
		assert_int_equal(st_free_all(fd), 0);
		renew(&fd);
		memcpy(edge - size - 1, buffer, size);
		assert_int_equal(st_ioctl(fd, request, edge - size - 1), 0);
		assert_int_equal(st_free_all(fd), 0);
		renew(&fd);
	}
	st_check_used(CARD, 0, 0);
}

/* A copy of a structure that can be read and not written. */
static void *read_only(const void *content, size_t size)
{
	long page = sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	memcpy(map, content, size);
	assert_int_equal(mprotect(map, page, PROT_READ), 0);
	return map;
}

/* Where the answer cannot be written the reservation has not been made. */
static void test_answer_unwritable(void **state)
{
	struct ttmem_reserve request = { .argsz = sizeof(request), .size = MIB };
	struct ttmem_info info = { .argsz = sizeof(info) };
	void *map = read_only(&request, sizeof(request));
	int fd = st_open(CARD);
	uint64_t handle;
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(st_ioctl(fd, TTMEM_IOC_RESERVE, map), -EFAULT);
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_RESERVE, map), EFAULT);
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_INFO, read_only(&info, sizeof(info))), EFAULT);
	st_check_used(CARD, 0, 0);
	/* And the file is as good as before. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, MIB, 0, &handle), 0);
	st_check_used(CARD, MIB, 0);
	assert_int_equal(st_free(fd, handle), 0);
}

/* And what is given back by flag, which has an answer, not given back. */
static void test_free_answer_unwritable(void **state)
{
	struct ttmem_free all = { .argsz = sizeof(all), .flags = TTMEM_FREE_ALL };
	struct ttmem_free chip = { .argsz = sizeof(chip), .flags = TTMEM_FREE_CHIP };
	struct ttmem_free one = { .argsz = sizeof(one) };
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	one.handle = handle;
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 64), 0);
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_FREE, read_only(&all, sizeof(all))), EFAULT);
	ST_REFUSED(CARD, st_ioctl(fd, TTMEM_IOC_FREE, read_only(&chip, sizeof(chip))), EFAULT);
	/* One has none, so constant data will do. */
	assert_int_equal(st_ioctl(fd, TTMEM_IOC_FREE, read_only(&one, sizeof(one))), 0);
	st_check_used(CARD, 0, 64);
}

/* Constant data does where nothing is answered and the size is the known one, only there. */
static void test_size_unwritable(void **state)
{
	char buffer[512] __attribute__((aligned(8))) = { 0 };
	int fd = st_open(CARD);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned long request = calls[i].request;

		memset(buffer, 0, sizeof(buffer));
		good_request(request, buffer);
		*(uint32_t *)buffer += 8;
		ST_REFUSED(CARD, st_ioctl(fd, request, read_only(buffer, sizeof(buffer))), EFAULT);
	}
	good_request(TTMEM_IOC_SET, buffer);
	assert_int_equal(st_ioctl(fd, TTMEM_IOC_SET, read_only(buffer, sizeof(buffer))), 0);
	st_check_used(CARD, MIB, 0);
	renew(&fd);
	good_request(TTMEM_IOC_ATTRIBUTE, buffer);
	assert_int_equal(st_ioctl(fd, TTMEM_IOC_ATTRIBUTE, read_only(buffer, sizeof(buffer))), 0);
}

/* A file that is open for reading looks and changes nothing; for writing it does all. */
static void test_open_modes(void **state)
{
	int holder = st_open(CARD), reader, writer;
	struct ttmem_reserve wrong = { .argsz = 1 };
	struct ttmem_reservation entry;
	struct ttmem_reservations list = {
		.client = st_client(holder),
		.entries = (uintptr_t)&entry,
		.count = 1,
		.entry_size = sizeof(entry),
	};
	struct ttmem_info info;
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(holder, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	reader = open(st_node(CARD), O_RDONLY | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(st_info(reader, &info), 0);
	assert_int_equal(info.used, MIB);
	assert_int_equal(st_call(reader, TTMEM_IOC_RESERVATIONS, &list), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(entry.handle, handle);
	ST_REFUSED(CARD, st_reserve(reader, 0, TTMEM_DRAM, 0, MIB, 0, NULL), EBADF);
	ST_REFUSED(CARD, st_free(reader, handle), EBADF);
	ST_REFUSED(CARD, st_free_all(reader), EBADF);
	ST_REFUSED(CARD, st_set(reader, 0, TTMEM_DRAM, 0, MIB), EBADF);
	ST_REFUSED(CARD, st_attribute(reader, getpid()), EBADF);
	/* Before anything is said of the argument, and after what is said of the file. */
	ST_REFUSED(CARD, st_ioctl(reader, TTMEM_IOC_RESERVE, NULL), EBADF);
	ST_REFUSED(CARD, st_ioctl(reader, TTMEM_IOC_RESERVE, &wrong), EBADF);
	ST_REFUSED(CARD, st_ioctl(reader, TTMEM_IOC_INFO, NULL), EFAULT);
	assert_int_equal(st_ioctl(reader, _IO(TTMEM_IOC_MAGIC, 0xff), NULL), -ENOTTY);

	writer = open(st_node(CARD), O_WRONLY | O_CLOEXEC);
	assert_true(writer >= 0);
	assert_int_equal(st_attribute(writer, getpid()), 0);
	assert_int_equal(st_reserve(writer, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	assert_int_equal(st_set(writer, 0, TTMEM_L1, 0, 64), 0);
	assert_int_equal(st_info(writer, &info), 0);
	st_check_used(CARD, 2 * MIB, 64);
	assert_int_equal(st_free(writer, handle), 0);
	assert_int_equal(st_free_all(writer), 0);
	st_check_used(CARD, MIB, 0);

	/* An end comes before all that. */
	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
	st_check_dead(reader, "invalidated");
	st_check_dead(writer, "invalidated");
}

static uint64_t pci_number(const char *file, int card)
{
	char *text = st_slurp(st_text("/sys/bus/pci/devices/%s/%s", st_pci(card), file));
	uint64_t value;

	assert_non_null(text);
	value = strtoull(text, NULL, 16);
	free(text);
	return value;
}

static void check_info(int fd, int card, uint32_t chip, uint32_t memory)
{
	const char *names[2][4] = {
		{ "dram_total", "dram_used", "dram_peak", "dram_banks" },
		{ "l1_total", "l1_used", "l1_peak", "l1_banks" },
	};
	struct ttmem_info info;
	char address[64];

	/* What is an answer only may hold anything on the way in. */
	memset(&info, 0xcc, sizeof(info));
	info.chip = chip;
	info.memory = memory;
	info.flags = 0;
	assert_int_equal(st_call(fd, TTMEM_IOC_INFO, &info), 0);

	assert_int_equal(info.argsz, sizeof(info));
	assert_int_equal(info.chip, chip);
	assert_int_equal(info.memory, memory);
	assert_int_equal(info.flags, 0);
	assert_int_equal(info.abi_version, TTMEM_ABI_VERSION);
	assert_int_equal(info.card, card);
	assert_int_equal(info.chips, st_chips(card));
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", info.pci_domain, info.pci_bus,
		 info.pci_device, info.pci_function);
	assert_string_equal(address, st_pci(card));
	assert_int_equal(info.reserved, 0);
	assert_int_equal(info.vendor_id, pci_number("vendor", card));
	assert_int_equal(info.device_id, pci_number("device", card));
	assert_int_equal(info.subsystem_vendor_id, pci_number("subsystem_vendor", card));
	assert_int_equal(info.subsystem_id, pci_number("subsystem_device", card));
	assert_int_equal(info.total, st_get(card, chip, names[memory][0]));
	assert_int_equal(info.used, st_get(card, chip, names[memory][1]));
	assert_int_equal(info.peak, st_get(card, chip, names[memory][2]));
	assert_int_equal(info.banks, st_get(card, chip, names[memory][3]));
	assert_int_equal(info.client, st_fdinfo(fd, "ttmem-client-id", NULL, 0));
	assert_non_null(memchr(info.board, '\0', sizeof(info.board)));
}

static void test_info(void **state)
{
	int card, chip, fd;

	(void)state;
	for (card = 0; card < st_cards(); card++) {
		fd = st_open(card);
		for (chip = 0; chip < st_chips(card); chip++) {
			check_info(fd, card, chip, TTMEM_DRAM);
			check_info(fd, card, chip, TTMEM_L1);
		}
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 5 * MIB, 0, NULL),
				 0);
		assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, MIB), 0);
		st_check_used(card, 5 * MIB, MIB);
		check_info(fd, card, 0, TTMEM_DRAM);
		check_info(fd, card, 0, TTMEM_L1);
		close(fd);
		st_check_used(card, 0, 0);
	}
}

static void test_info_refused(void **state)
{
	int fd = st_open(CARD), bit;
	struct ttmem_info info;

	(void)state;
	info = (struct ttmem_info){ .chip = st_chips(CARD) };
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_INFO, &info), EINVAL);
	info = (struct ttmem_info){ .chip = ~0u };
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_INFO, &info), EINVAL);
	info = (struct ttmem_info){ .memory = 2 };
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_INFO, &info), EINVAL);
	info = (struct ttmem_info){ .memory = ~0u };
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_INFO, &info), EINVAL);
	for (bit = 0; bit < 32; bit++) {
		info = (struct ttmem_info){ .flags = 1u << bit };
		assert_int_equal(st_call(fd, TTMEM_IOC_INFO, &info), -EINVAL);
	}
}

/* The first page of a file's own list, at most @room entries. */
static uint32_t list(int fd, uint64_t start, struct ttmem_reservation *entries, uint32_t room,
		     uint64_t *next, uint64_t *total)
{
	struct ttmem_reservations request = {
		.start = start,
		.entries = (uintptr_t)entries,
		.count = room,
		.entry_size = sizeof(*entries),
	};

	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), 0);
	assert_true(request.count <= room);
	assert_int_equal(request.client, 0);
	assert_int_equal(request.start, start);
	assert_int_equal(request.entries, (uintptr_t)entries);
	assert_int_equal(request.entry_size, sizeof(*entries));
	assert_int_equal(request.flags, 0);
	if (next)
		*next = request.next;
	if (total)
		*total = request.total;
	return request.count;
}

/* A reservation made, what the call left of its structure, and what the list says of it. */
static void check_reserve(int fd, const struct ttmem_reserve *wanted)
{
	struct ttmem_reserve got = *wanted;
	struct ttmem_reservation entry;
	struct ttmem_free gone;
	struct ttmem_info info;
	uint64_t used, next, total;

	st_info(fd, &info);
	used = st_get(info.card, wanted->chip, wanted->memory ? "l1_used" : "dram_used");
	got.handle = 0;
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &got), 0);
	assert_true(got.handle);
	assert_int_equal(got.chip, wanted->chip);
	assert_int_equal(got.memory, wanted->memory);
	assert_int_equal(got.tag, wanted->tag);
	assert_int_equal(got.flags, wanted->flags);
	assert_int_equal(got.reserved, 0);
	assert_int_equal(got.size, wanted->size);
	assert_int_equal(got.payload, wanted->payload);
	assert_int_equal(got.address, wanted->address);
	assert_int_equal(got.cookie, wanted->cookie);
	assert_memory_equal(got.label, wanted->label, TTMEM_LABEL_SIZE);
	st_check_books(info.card);
	assert_int_equal(st_get(info.card, wanted->chip, wanted->memory ? "l1_used" : "dram_used"),
			 used + wanted->size);

	memset(&entry, 0xcc, sizeof(entry));
	assert_int_equal(list(fd, 0, &entry, 1, &next, &total), 1);
	assert_int_equal(next, 0);
	assert_int_equal(total, 1);
	assert_int_equal(entry.handle, got.handle);
	assert_int_equal(entry.chip, wanted->chip);
	assert_int_equal(entry.memory, wanted->memory);
	assert_int_equal(entry.tag, wanted->tag);
	assert_int_equal(entry.flags, wanted->flags);
	assert_int_equal(entry.size, wanted->size);
	assert_int_equal(entry.payload, wanted->payload);
	assert_int_equal(entry.address, wanted->address);
	assert_int_equal(entry.cookie, wanted->cookie);
	assert_memory_equal(entry.label, wanted->label, TTMEM_LABEL_SIZE);

	/* FREE of one has nothing to tell: its structure is left as it was. */
	gone = (struct ttmem_free){ .handle = got.handle, .bytes = 11, .reservations = 12 };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &gone), 0);
	assert_int_equal(gone.handle, got.handle);
	assert_int_equal(gone.chip, 0);
	assert_int_equal(gone.flags, 0);
	assert_int_equal(gone.bytes, 11);
	assert_int_equal(gone.reservations, 12);
	st_check_books(info.card);
	assert_int_equal(st_get(info.card, wanted->chip, wanted->memory ? "l1_used" : "dram_used"),
			 used);
}

static void test_reserve(void **state)
{
	uint32_t memory, tag;
	int card, chip, fd;

	(void)state;
	for (card = 0; card < st_cards(); card++) {
		fd = st_open(card);
		for (chip = 0; chip < st_chips(card); chip++)
			for (memory = 0; memory < 2; memory++)
				for (tag = 0; tag < 5; tag++) {
					struct ttmem_reserve reserve = {
						.chip = chip,
						.memory = memory,
						.tag = tag,
						.size = 12345 + tag,
					};

					if (st_tag_fits(memory, tag))
						check_reserve(fd, &reserve);
				}
		close(fd);
		st_check_used(card, 0, 0);
	}
}

static void test_reserve_fields(void **state)
{
	struct ttmem_reserve reserve;
	int fd = st_open(CARD);

	(void)state;
	reserve = (struct ttmem_reserve){ .size = 1 };
	check_reserve(fd, &reserve);
	reserve = (struct ttmem_reserve){ .size = MIB, .payload = MIB, .cookie = ~0ull };
	check_reserve(fd, &reserve);
	reserve = (struct ttmem_reserve){ .size = MIB, .payload = 1, .cookie = 1 };
	check_reserve(fd, &reserve);
	reserve = (struct ttmem_reserve){
		.size = MIB,
		.flags = TTMEM_RESERVE_ADDRESS,
		.address = ~0ull,
		.label = "weights of layer 12 (bf16, ~!#)",
	};
	assert_int_equal(strlen((char *)reserve.label), TTMEM_LABEL_SIZE - 1);
	check_reserve(fd, &reserve);
	reserve = (struct ttmem_reserve){
		.size = MIB,
		.flags = TTMEM_RESERVE_ADDRESS | TTMEM_RESERVE_OVERCOMMIT,
		.label = " ",
	};
	check_reserve(fd, &reserve);
	/* An answer only: what stood there does not matter. */
	reserve = (struct ttmem_reserve){ .size = MIB, .handle = 0xdeadbeef };
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &reserve), 0);
	assert_int_not_equal(reserve.handle, 0xdeadbeef);
	close(fd);
	st_check_used(CARD, 0, 0);
}

#define RESERVE_REFUSED(error, ...) \
	do { \
		struct ttmem_reserve bad_ = { .size = MIB, __VA_ARGS__ }; \
\
		ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_RESERVE, &bad_), error); \
	} while (0)

static void test_reserve_refused(void **state)
{
	int fd = st_open(CARD), bit, byte;
	struct ttmem_reserve reserve;
	uint32_t memory, tag;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, MIB, 0, NULL), 0);
	RESERVE_REFUSED(EINVAL, .chip = st_chips(CARD));
	RESERVE_REFUSED(EINVAL, .chip = ~0u);
	RESERVE_REFUSED(EINVAL, .memory = 2);
	RESERVE_REFUSED(EINVAL, .memory = ~0u);
	for (memory = 0; memory < 2; memory++)
		for (tag = 0; tag < 8; tag++)
			if (!st_tag_fits(memory, tag))
				RESERVE_REFUSED(EINVAL, .memory = memory, .tag = tag);
	RESERVE_REFUSED(EINVAL, .tag = ~0u);
	RESERVE_REFUSED(EINVAL, .payload = MIB + 1);
	RESERVE_REFUSED(EINVAL, .payload = ~0ull);
	RESERVE_REFUSED(EINVAL, .reserved = 1);
	RESERVE_REFUSED(EINVAL, .reserved = 1u << 31);
	RESERVE_REFUSED(EINVAL, .address = 4096);
	RESERVE_REFUSED(EINVAL, .address = 1ull << 63, .flags = TTMEM_RESERVE_OVERCOMMIT);
	for (bit = 2; bit < 32; bit++) {
		reserve = (struct ttmem_reserve){ .size = MIB, .flags = 1u << bit };
		assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &reserve), -EINVAL);
	}
	reserve = (struct ttmem_reserve){ 0 };
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_RESERVE, &reserve), EINVAL);
	reserve.flags = TTMEM_RESERVE_OVERCOMMIT;
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_RESERVE, &reserve), EINVAL);

	/* A label is printable ASCII and ends within its 32 bytes. */
	reserve = (struct ttmem_reserve){ .size = MIB };
	memset(reserve.label, 'x', sizeof(reserve.label));
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_RESERVE, &reserve), EINVAL);
	for (byte = 1; byte < 256; byte++) {
		reserve = (struct ttmem_reserve){ .size = MIB, .label = "a?b" };
		reserve.label[1] = byte;
		assert_int_equal(st_call(fd, TTMEM_IOC_RESERVE, &reserve),
				 byte >= ' ' && byte <= '~' ? 0 : -EINVAL);
	}
	assert_int_equal(st_get(CARD, 0, "reservations"), 1 + 95);
	assert_int_equal(st_free_all(fd), 0);
	st_check_used(CARD, 0, 0);
}

static void test_pool_full(void **state)
{
	uint64_t total = st_get(CARD, 0, "dram_total"), handle, other;
	int fd = st_open(CARD), second = st_open(CARD);

	(void)state;
	assert_true(total > 4 * MIB);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, total + 1, 0, NULL), ENOSPC);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1ull << 39, 0, NULL), ENOSPC);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, total - MIB, 0, &handle), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, MIB + 1, 0, NULL), ENOSPC);
	/* A pool is everybody's. */
	ST_REFUSED(CARD, st_reserve(second, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, MIB + 1, 0, NULL),
		   ENOSPC);
	assert_int_equal(st_reserve(second, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, MIB, 0, &other), 0);
	st_check_used(CARD, total, 0);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	/* The other memory is a pool of its own. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, MIB, 0, NULL), 0);
	st_check_used(CARD, total, MIB);
	assert_int_equal(st_free(second, other), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_check_used(CARD, total, MIB);
	close(fd);
	st_check_used(CARD, 0, 0);
}

static void test_overcommit(void **state)
{
	uint64_t total = st_get(CARD, 0, "dram_total"), denied = st_get(CARD, 0, "denied");
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, total, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 3 * MIB, TTMEM_RESERVE_OVERCOMMIT,
				    &handle), 0);
	st_check_used(CARD, total + 3 * MIB, 0);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);
	assert_true(st_get(CARD, 0, "dram_peak") >= total + 3 * MIB);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	assert_int_equal(st_get(CARD, 0, "denied"), denied + 1);
	assert_int_equal(st_free(fd, handle), 0);
	st_check_used(CARD, total, 0);
	/* A gauge is a statement of fact: capacity does not refuse it. */
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 2 * MIB), 0);
	st_check_used(CARD, total + 2 * MIB, 0);
}

static void test_capacity_written(void **state)
{
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_put(CARD, 0, "dram_total", "1048576\n"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);

	/* Below what is used: nobody is evicted, nothing is free, nothing new comes in. */
	assert_int_equal(st_put(CARD, 0, "dram_total", "4096"), 0);
	st_check_used(CARD, MIB, 0);
	assert_int_equal(st_get(CARD, 0, "dram_total"), 4096);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 4096);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4096, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);

	/* Not known: nothing is refused, and the card's is not known either. */
	assert_int_equal(st_put(CARD, 0, "dram_total", "0"), 0);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_total"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1ull << 39, 0, &handle), 0);
	st_check_used(CARD, 1ull << 39, 0);
	assert_int_equal(st_get(CARD, 0, "dram_free"), 0);
	assert_int_equal(st_free(fd, handle), 0);
	st_check_used(CARD, 0, 0);
}

static int set(int fd, const struct ttmem_gauge *gauges, uint32_t count)
{
	struct ttmem_set request = {
		.gauges = (uintptr_t)gauges,
		.count = count,
		.entry_size = sizeof(*gauges),
	};
	int error = st_call(fd, TTMEM_IOC_SET, &request);

	assert_int_equal(request.gauges, (uintptr_t)gauges);
	assert_int_equal(request.count, count);
	assert_int_equal(request.entry_size, sizeof(*gauges));
	assert_int_equal(request.flags, 0);
	return error;
}

/* What one client may hold of one pool, with a known capacity and without. */
static void test_bounds(void **state)
{
	const uint64_t most = TTMEM_CLIENT_BYTES_MAX;
	int fd = st_open(CARD), other = st_open(CARD), round;
	uint64_t handle;

	(void)state;
	assert_int_equal(most, 1ull << 40);
	for (round = 0; round < 2; round++) {
		uint32_t flags = round ? 0 : TTMEM_RESERVE_OVERCOMMIT;

		if (round)
			assert_int_equal(st_put(CARD, 0, "dram_total", "0"), 0);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, most + 1, flags, NULL), EDQUOT);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1ull << 63, flags, NULL), EDQUOT);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, ~0ull, flags, NULL), EDQUOT);
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, most, flags, &handle), 0);
		st_check_used(CARD, most, 0);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 1, flags, NULL),
			   EDQUOT);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, ~0ull, flags, NULL), EDQUOT);
		/* Each pool for itself, and each client. */
		assert_int_equal(st_set(fd, 0, TTMEM_L1, 0, most), 0);
		assert_int_equal(st_set(other, 0, TTMEM_DRAM, 0, most), 0);
		st_check_used(CARD, 2 * most, most);
		assert_int_equal(st_free(fd, handle), 0);
		/* Exactly to the bound with what is held under other tags. */
		assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM, 5), 0);
		ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, most - 4, flags, NULL), EDQUOT);
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, most - 5, flags, &handle), 0);
		st_check_used(CARD, 2 * most, most);
		assert_int_equal(st_free_all(fd), 0);
		assert_int_equal(st_free_all(other), 0);
		st_check_used(CARD, 0, 0);
	}
}

/* A gauge beyond the bound sets nothing and is not counted in denied. */
#define BOUND_REFUSED(call) \
	do { \
		uint64_t denied_ = st_get(CARD, ST_CARD, "denied"); \
		char *before_ = st_snapshot(CARD), *after_; \
\
		assert_int_equal(call, -EDQUOT); \
		after_ = st_snapshot(CARD); \
		assert_string_equal(after_, before_); \
		assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied_); \
		free(before_); \
		free(after_); \
	} while (0)

static void test_set_bounds(void **state)
{
	const uint64_t most = TTMEM_CLIENT_BYTES_MAX;
	struct ttmem_gauge gauges[3] = {
		{ .memory = TTMEM_L1, .bytes = 64 },
		{ .tag = TTMEM_TAG_TRACE, .bytes = most / 2 },
		{ .tag = TTMEM_TAG_SYSTEM, .bytes = most / 2 + 1 },
	};
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, most + 1));
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, 1ull << 63));
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, ~0ull));
	/* The sum over tags, in one vector; the good entry before sets nothing either. */
	BOUND_REFUSED(set(fd, gauges, 3));
	gauges[2].bytes = ~0ull;
	BOUND_REFUSED(set(fd, gauges, 3));
	gauges[2].bytes = most / 2;
	assert_int_equal(set(fd, gauges, 3), 0);
	st_check_used(CARD, most, 64);
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, 1));
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, most / 2 + 1));
	/* A gauge replaces itself: no sum of old and new is made. */
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, most / 2 - 5), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, most / 2), 0);
	/* One vector that moves bytes from tag to tag is one step. */
	gauges[1].bytes = most;
	gauges[2].bytes = 0;
	assert_int_equal(set(fd, gauges, 3), 0);
	gauges[1].bytes = 1;
	gauges[2].bytes = most - 1;
	assert_int_equal(set(fd, gauges, 3), 0);
	st_check_used(CARD, most, 64);
	/* Of two for one gauge the later counts, for the bound too. */
	gauges[0] = (struct ttmem_gauge){ .tag = TTMEM_TAG_TRACE, .bytes = ~0ull };
	assert_int_equal(set(fd, gauges, 3), 0);
	st_check_used(CARD, most, 64);
	/* With reservations. */
	assert_int_equal(st_free_all(fd), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, most));
	BOUND_REFUSED(st_set(fd, 0, TTMEM_DRAM, 0, most - MIB + 1));
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, most - MIB), 0);
	st_check_used(CARD, most, 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, most), 0);
	st_check_used(CARD, most, 0);
}

/* A peer who has filled a pool with lies is passed by OVERCOMMIT, and gone with his file. */
static void test_pool_lied_full(void **state)
{
	int liars[20], fd = st_open(CARD);
	uint64_t handle;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(liars); i++) {
		liars[i] = st_open(CARD);
		assert_int_equal(st_set(liars[i], 0, TTMEM_DRAM, 0, TTMEM_CLIENT_BYTES_MAX), 0);
	}
	ST_REFUSED(CARD, st_reserve(fd, 0, TTMEM_DRAM, 0, 1, 0, NULL), ENOSPC);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 1, TTMEM_RESERVE_OVERCOMMIT, &handle), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 4095), 0);
	st_check_used(CARD, 20 * TTMEM_CLIENT_BYTES_MAX + 4096, 0);
	for (i = 0; i < ARRAY_SIZE(liars); i++)
		close(liars[i]);
	st_check_used(CARD, 4096, 0);
}

/* The sum over a card's chips is of more than one client's bound. */
static void test_bounds_of_chips(void **state)
{
	const uint64_t most = TTMEM_CLIENT_BYTES_MAX;
	int card = st_card_with_chips(2), fd;

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, most, TTMEM_RESERVE_OVERCOMMIT, NULL),
			 0);
	assert_int_equal(st_set(fd, 1, TTMEM_DRAM, 0, most), 0);
	st_check_used(card, 2 * most, 0);
	ST_REFUSED(card, st_reserve(fd, 1, TTMEM_DRAM, 0, 1, TTMEM_RESERVE_OVERCOMMIT, NULL),
		   EDQUOT);
}

static void test_free_one(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD), i;
	uint64_t handles[10], foreign;
	struct ttmem_free request;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, (i + 1) * 4096, 0, &handles[i]),
				 0);
	/* Someone else's handle is no handle; ids are a file's own, so make one that differs. */
	for (i = 0; i < 20; i++)
		assert_int_equal(st_reserve(other, 0, TTMEM_L1, 0, 64, 0, &foreign), 0);
	ST_REFUSED(CARD, st_free(fd, foreign), ENOENT);
	ST_REFUSED(CARD, st_free(fd, ~0ull), ENOENT);
	ST_REFUSED(CARD, st_free(fd, 1ull << 63), ENOENT);
	assert_int_equal(st_free(fd, handles[4]), 0);
	st_check_used(CARD, 50 * 4096, 20 * 64);
	ST_REFUSED(CARD, st_free(fd, handles[4]), ENOENT);
	/* The slot may be taken again, the handle may not. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 5 * 4096, 0, &handles[5]), 0);
	assert_int_not_equal(handles[5], handles[4]);
	ST_REFUSED(CARD, st_free(fd, handles[4]), ENOENT);

	request = (struct ttmem_free){ .flags = TTMEM_FREE_ALL };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.handle, 0);
	assert_int_equal(request.flags, TTMEM_FREE_ALL);
	assert_int_equal(request.bytes, 55 * 4096);
	assert_int_equal(request.reservations, 10);
	st_check_used(CARD, 0, 20 * 64);
	for (i = 0; i < 10; i++)
		ST_REFUSED(CARD, st_free(fd, handles[i]), ENOENT);
	/* Nothing left: nothing given back, and no error. */
	request = (struct ttmem_free){ .flags = TTMEM_FREE_ALL, .bytes = 7, .reservations = 7 };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.bytes, 0);
	assert_int_equal(request.reservations, 0);
	request = (struct ttmem_free){ .flags = TTMEM_FREE_CHIP };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.bytes, 0);
	close(other);
	st_check_used(CARD, 0, 0);
}

#define FREE_REFUSED(error, ...) \
	do { \
		struct ttmem_free bad_ = { __VA_ARGS__ }; \
\
		ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_FREE, &bad_), error); \
	} while (0)

static void test_free_refused(void **state)
{
	int fd = st_open(CARD), bit;
	struct ttmem_free request;
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	FREE_REFUSED(ENOENT, .handle = 0);
	FREE_REFUSED(ENOENT, .handle = handle + 1);
	FREE_REFUSED(EINVAL, .handle = handle, .chip = 1);
	FREE_REFUSED(EINVAL, .handle = handle, .reserved = 1);
	FREE_REFUSED(EINVAL, .flags = TTMEM_FREE_ALL, .reserved = 1u << 31);
	FREE_REFUSED(EINVAL, .handle = handle, .flags = TTMEM_FREE_ALL);
	FREE_REFUSED(EINVAL, .handle = handle, .flags = TTMEM_FREE_CHIP);
	FREE_REFUSED(EINVAL, .flags = TTMEM_FREE_ALL | TTMEM_FREE_CHIP);
	FREE_REFUSED(EINVAL, .flags = TTMEM_FREE_ALL, .chip = 1);
	FREE_REFUSED(EINVAL, .flags = TTMEM_FREE_CHIP, .chip = st_chips(CARD));
	FREE_REFUSED(EINVAL, .flags = TTMEM_FREE_CHIP, .chip = ~0u);
	for (bit = 2; bit < 32; bit++) {
		request = (struct ttmem_free){ .handle = handle, .flags = 1u << bit };
		assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), -EINVAL);
	}
	assert_int_equal(st_free(fd, handle), 0);
	st_check_used(CARD, 0, 0);
}

static void test_free_chip(void **state)
{
	int card = st_card_with_chips(2), fd, other;
	struct ttmem_free request;
	uint64_t first, second;

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	other = st_open(card);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &first), 0);
	assert_int_equal(st_reserve(fd, 1, TTMEM_DRAM, 0, 2 * MIB, 0, &second), 0);
	assert_int_equal(st_reserve(fd, 1, TTMEM_L1, 0, 4096, 0, NULL), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 8192), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 16384), 0);
	assert_int_equal(st_reserve(other, 1, TTMEM_DRAM, 0, 32 * MIB, 0, NULL), 0);
	st_check_used(card, 35 * MIB, 4096 + 8192 + 16384);

	request = (struct ttmem_free){ .chip = 1, .flags = TTMEM_FREE_CHIP };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.handle, 0);
	assert_int_equal(request.chip, 1);
	assert_int_equal(request.flags, TTMEM_FREE_CHIP);
	assert_int_equal(request.bytes, 2 * MIB + 4096 + 8192);
	assert_int_equal(request.reservations, 2);
	st_check_used(card, 33 * MIB, 16384);
	assert_int_equal(st_get(card, 1, "clients"), 1);
	ST_REFUSED(card, st_free(fd, second), ENOENT);
	assert_int_equal(st_free(fd, first), 0);
	request = (struct ttmem_free){ .flags = TTMEM_FREE_ALL };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.bytes, 16384);
	assert_int_equal(request.reservations, 0);
	st_check_used(card, 32 * MIB, 0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_handles_never_reused(void **state)
{
	enum { ROUNDS = 400, HELD = 40 };
	static uint64_t seen[ROUNDS * HELD];
	int fd = st_open(CARD), round, i;

	(void)state;
	srand(1);
	for (round = 0; round < ROUNDS; round++) {
		uint64_t *handles = seen + round * HELD;

		for (i = 0; i < HELD; i++)
			assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, &handles[i]), 0);
		/* By turns one by one, in another order, and all at once. */
		if (round % 3 == 0)
			for (i = 0; i < HELD; i++)
				assert_int_equal(st_free(fd, handles[i]), 0);
		else if (round % 3 == 1)
			for (i = HELD - 1; i >= 0; i--)
				assert_int_equal(st_free(fd, handles[i]), 0);
		else
			assert_int_equal(st_free_all(fd), 0);
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(st_free(fd, seen[rand() % ARRAY_SIZE(seen)]), -ENOENT);
	qsort(seen, ARRAY_SIZE(seen), sizeof(seen[0]), by_value);
	assert_true(seen[0] > 0);
	for (i = 1; i < (int)ARRAY_SIZE(seen); i++)
		assert_true(seen[i - 1] != seen[i]);
	st_check_used(CARD, 0, 0);
}

static void test_set(void **state)
{
	struct ttmem_gauge gauges[7] = {
		{ 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 0, 1 * MIB, 0 },
		{ 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 0, 2 * MIB, 0 },
		{ 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM, 0, 4 * MIB, 0 },
		{ 0, TTMEM_L1, TTMEM_TAG_BUFFER, 0, 1000, 0 },
		{ 0, TTMEM_L1, TTMEM_TAG_SYSTEM, 0, 2000, 0 },
		{ 0, TTMEM_L1, TTMEM_TAG_L1_SMALL, 0, 4000, 0 },
		{ 0, TTMEM_L1, TTMEM_TAG_CB, 0, 8000, 0 },
	};
	int fd = st_open(CARD), other = st_open(CARD), i;
	struct ttmem_free request;

	(void)state;
	assert_int_equal(set(fd, gauges, 7), 0);
	st_check_used(CARD, 7 * MIB, 15000);
	assert_int_equal(st_get(CARD, 0, "dram_trace_used"), 2 * MIB);
	assert_int_equal(st_get(CARD, 0, "dram_system_used"), 4 * MIB);
	assert_int_equal(st_get(CARD, 0, "l1_system_used"), 2000);
	assert_int_equal(st_get(CARD, 0, "l1_small_used"), 4000);
	assert_int_equal(st_get(CARD, 0, "l1_cb_used"), 8000);
	assert_int_equal(st_get(CARD, 0, "reservations"), 0);
	assert_int_equal(st_get(CARD, 0, "clients"), 1);
	/* Absolute: said again it is the same. */
	assert_int_equal(set(fd, gauges, 7), 0);
	st_check_used(CARD, 7 * MIB, 15000);
	/* A gauge beside reservations of the same tag, and another client's. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER, 8 * MIB, 0, NULL), 0);
	assert_int_equal(set(other, gauges, 1), 0);
	st_check_used(CARD, 16 * MIB, 15000);
	/* Down, up, away. */
	gauges[0].bytes = 512;
	gauges[6].bytes = 16000;
	assert_int_equal(set(fd, gauges, 7), 0);
	st_check_used(CARD, 15 * MIB + 512, 23000);
	for (i = 0; i < 7; i++)
		gauges[i].bytes = 0;
	assert_int_equal(set(fd, gauges, 7), 0);
	st_check_used(CARD, 9 * MIB, 0);
	/* Of two for one gauge the later counts. */
	for (i = 0; i < 7; i++)
		gauges[i] = (struct ttmem_gauge){ .bytes = (i + 1) * 4096 };
	assert_int_equal(set(fd, gauges, 7), 0);
	st_check_used(CARD, 9 * MIB + 7 * 4096, 0);
	/* FREE by flag takes gauges too and counts them. */
	request = (struct ttmem_free){ .flags = TTMEM_FREE_ALL };
	assert_int_equal(st_call(fd, TTMEM_IOC_FREE, &request), 0);
	assert_int_equal(request.bytes, 8 * MIB + 7 * 4096);
	assert_int_equal(request.reservations, 1);
	st_check_used(CARD, MIB, 0);
	close(other);
	st_check_used(CARD, 0, 0);
}

#define SET_REFUSED(error, ...) \
	do { \
		struct ttmem_set bad_ = { \
			.gauges = (uintptr_t)gauges, .count = 2, .entry_size = sizeof(gauges[0]), \
			__VA_ARGS__ \
		}; \
\
		ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_SET, &bad_), error); \
	} while (0)

/* The second of two entries is bad: the first has done nothing either. */
#define ENTRY_REFUSED(...) \
	do { \
		gauges[1] = (struct ttmem_gauge){ .bytes = 4096, __VA_ARGS__ }; \
		ST_REFUSED(CARD, set(fd, gauges, 2), EINVAL); \
	} while (0)

static void test_set_refused(void **state)
{
	struct ttmem_gauge gauges[2] = { { .bytes = 8192 }, { .memory = TTMEM_L1, .bytes = 64 } };
	char *edge = border();
	int fd = st_open(CARD);
	uint32_t memory, tag;

	(void)state;
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, MIB), 0);
	SET_REFUSED(EINVAL, .count = 0);
	SET_REFUSED(EINVAL, .count = TTMEM_SET_MAX + 1);
	SET_REFUSED(EINVAL, .count = ~0u);
	SET_REFUSED(EINVAL, .flags = 2);
	SET_REFUSED(EINVAL, .flags = 2 | TTMEM_SET_RESTART_PEAKS);
	SET_REFUSED(EINVAL, .flags = 1u << 31);
	SET_REFUSED(EINVAL, .flags = TTMEM_SET_RESTART_PEAKS, .count = TTMEM_SET_MAX + 1);
	SET_REFUSED(EINVAL, .entry_size = 0);
	SET_REFUSED(EINVAL, .entry_size = sizeof(gauges[0]) - 1);
	SET_REFUSED(EINVAL, .entry_size = sizeof(gauges[0]) - 8);
	SET_REFUSED(EINVAL, .entry_size = 4096 + 8);
	SET_REFUSED(EINVAL, .entry_size = ~0u);
	SET_REFUSED(EFAULT, .gauges = 0);
	SET_REFUSED(EFAULT, .gauges = (uintptr_t)edge);
	memcpy(edge - sizeof(gauges[0]), gauges, sizeof(gauges[0]));
	SET_REFUSED(EFAULT, .gauges = (uintptr_t)(edge - sizeof(gauges[0])));
	SET_REFUSED(EFAULT, .gauges = ~0ull - 4096);

	ENTRY_REFUSED(.chip = st_chips(CARD));
	ENTRY_REFUSED(.chip = ~0u);
	ENTRY_REFUSED(.memory = 2);
	ENTRY_REFUSED(.memory = ~0u);
	ENTRY_REFUSED(.tag = ~0u);
	ENTRY_REFUSED(.reserved = 1);
	for (memory = 0; memory < 2; memory++)
		for (tag = 0; tag < 8; tag++)
			if (!st_tag_fits(memory, tag))
				ENTRY_REFUSED(.memory = memory, .tag = tag);
	st_check_used(CARD, MIB, 0);
}

static void test_set_many(void **state)
{
	static struct ttmem_gauge gauges[TTMEM_SET_MAX + 1];
	int fd = st_open(CARD), i;

	(void)state;
	for (i = 0; i <= TTMEM_SET_MAX; i++)
		gauges[i] = (struct ttmem_gauge){ .memory = i % 2, .bytes = (i + 1) * 64 };
	ST_REFUSED(CARD, set(fd, gauges, TTMEM_SET_MAX + 1), EINVAL);
	assert_int_equal(set(fd, gauges, TTMEM_SET_MAX), 0);
	st_check_used(CARD, 255 * 64, 256 * 64);
	/* The last of a full vector is bad: none of the 255 before it counts. */
	for (i = 0; i < TTMEM_SET_MAX; i++)
		gauges[i].bytes = 4096;
	gauges[TTMEM_SET_MAX - 1].tag = 77;
	ST_REFUSED(CARD, set(fd, gauges, TTMEM_SET_MAX), EINVAL);
}

/* Entries come with the caller's size, and longer ones follow the rule of the structures. */
static void test_set_entry_size(void **state)
{
	struct {
		struct ttmem_gauge gauge;
		uint64_t more;
	} gauges[2] = {
		{ { .bytes = 4096 }, 0 },
		{ { .memory = TTMEM_L1, .bytes = 64 }, 0 },
	};
	struct ttmem_set request = {
		.gauges = (uintptr_t)gauges,
		.count = 2,
		.entry_size = sizeof(gauges[0]),
	};
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
	assert_int_equal(request.entry_size, sizeof(gauges[0]));
	st_check_used(CARD, 4096, 64);
	gauges[0].gauge.bytes = 8192;
	gauges[1].more = 1ull << 63;
	ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_SET, &request), E2BIG);
}

static void test_largest_free(void **state)
{
	struct ttmem_gauge gauge = {
		.tag = TTMEM_TAG_BUFFER,
		.bytes = MIB,
		.largest_free = 123456789,
	};
	int fd = st_open(CARD);
	char text[64];

	(void)state;
	st_fdinfo(fd, "ttmem-largest-free-chip0-dram-buffer", text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(set(fd, &gauge, 1), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-largest-free-chip0-dram-buffer", NULL, 0), 123456789);
	/* Told, not counted. */
	st_check_used(CARD, MIB, 0);
	gauge.largest_free = ~0ull;
	assert_int_equal(set(fd, &gauge, 1), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-largest-free-chip0-dram-buffer", NULL, 0), ~0ull);
	gauge.largest_free = 0;
	assert_int_equal(set(fd, &gauge, 1), 0);
	st_fdinfo(fd, "ttmem-largest-free-chip0-dram-buffer", text, sizeof(text));
	assert_string_equal(text, "");
}

static void test_list_pages(void **state)
{
	enum { HELD = 1000, PAGE = 64 };
	static uint64_t handles[HELD], listed[HELD];
	struct ttmem_reservation page[PAGE];
	uint64_t start = 0, next, total;
	int fd = st_open(CARD), i;
	uint32_t count, seen = 0;

	(void)state;
	assert_int_equal(list(fd, 0, page, PAGE, &next, &total), 0);
	assert_int_equal(next, 0);
	assert_int_equal(total, 0);
	for (i = 0; i < HELD; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64 + i, 0, &handles[i]), 0);

	do {
		count = list(fd, start, page, PAGE, &next, &total);
		assert_int_equal(total, HELD);
		assert_true(count > 0);
		assert_true(seen + count <= HELD);
		for (i = 0; i < (int)count; i++)
			listed[seen + i] = page[i].handle;
		seen += count;
		start = next;
	} while (start);
	assert_int_equal(seen, HELD);
	qsort(handles, HELD, sizeof(handles[0]), by_value);
	qsort(listed, HELD, sizeof(listed[0]), by_value);
	assert_memory_equal(handles, listed, sizeof(handles));
	st_check_books(CARD);
}

/* A list read in pages while entries go, the one to go on from too: none twice, none lost. */
static void test_list_across_frees(void **state)
{
	enum { HELD = 300, PAGE = 10 };
	static uint64_t handles[HELD];
	static int times[HELD];
	static bool freed[HELD];
	struct ttmem_reservation page[PAGE];
	uint64_t start = 0, next, total;
	int fd = st_open(CARD), i, k;
	uint32_t count;

	(void)state;
	for (i = 0; i < HELD; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, &handles[i]), 0);
	srand(2);
	for (;;) {
		count = list(fd, start, page, PAGE, &next, &total);
		for (k = 0; k < (int)count; k++) {
			for (i = 0; i < HELD && handles[i] != page[k].handle; i++)
				;
			assert_true(i < HELD);
			assert_false(freed[i]);
			times[i]++;
		}
		if (!next)
			break;
		/* The place to go on from is no promise that the reservation lives. */
		for (i = 0; i < HELD; i++)
			if (!freed[i] && (handles[i] == next || rand() % 20 == 0)) {
				assert_int_equal(st_free(fd, handles[i]), 0);
				freed[i] = true;
			}
		start = next;
	}
	for (i = 0; i < HELD; i++)
		assert_true(freed[i] ? times[i] <= 1 : times[i] == 1);
	st_check_books(CARD);
}

static void test_list_entry_size(void **state)
{
	struct {
		struct ttmem_reservation entry;
		uint64_t more[2];
	} entries[3];
	struct ttmem_reservations request = {
		.entries = (uintptr_t)entries,
		.count = 3,
		.entry_size = sizeof(entries[0]),
	};
	uint64_t handles[2];
	int fd = st_open(CARD), i;

	(void)state;
	for (i = 0; i < 2; i++)
		assert_int_equal(st_reserve(fd, 0, TTMEM_L1, TTMEM_TAG_CB, 64 << i, 0,
					    &handles[i]), 0);
	memset(entries, 0xcc, sizeof(entries));
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), 0);
	assert_int_equal(request.count, 2);
	assert_int_equal(request.entry_size, sizeof(entries[0]));
	assert_int_equal(request.total, 2);
	assert_int_equal(request.next, 0);
	for (i = 0; i < 2; i++) {
		assert_true(entries[i].entry.handle == handles[0] ||
			    entries[i].entry.handle == handles[1]);
		assert_int_equal(entries[i].entry.tag, TTMEM_TAG_CB);
		/* What a newer caller has room for is zero, not what stood there. */
		assert_int_equal(entries[i].more[0], 0);
		assert_int_equal(entries[i].more[1], 0);
	}
	assert_int_equal(entries[2].more[1], 0xccccccccccccccccull);
}

#define LIST_REFUSED(error, ...) \
	do { \
		struct ttmem_reservations bad_ = { \
			.entries = (uintptr_t)&entry, .count = 1, .entry_size = sizeof(entry), \
			__VA_ARGS__ \
		}; \
\
		ST_REFUSED(CARD, st_call(fd, TTMEM_IOC_RESERVATIONS, &bad_), error); \
	} while (0)

static void test_list_refused(void **state)
{
	struct ttmem_reservation entry;
	struct ttmem_reservations request;
	char *edge = border();
	int fd = st_open(CARD);
	uint64_t handle;

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	LIST_REFUSED(EINVAL, .flags = 1);
	LIST_REFUSED(EINVAL, .flags = 1u << 31);
	LIST_REFUSED(EINVAL, .entry_size = 0);
	LIST_REFUSED(EINVAL, .entry_size = sizeof(entry) - 1);
	LIST_REFUSED(EINVAL, .entry_size = sizeof(entry) - 8);
	LIST_REFUSED(EINVAL, .entry_size = 4096 + 8);
	LIST_REFUSED(EINVAL, .entry_size = ~0u);
	LIST_REFUSED(ENOENT, .client = ~0ull);
	LIST_REFUSED(ENOENT, .client = 1ull << 62);
	LIST_REFUSED(EFAULT, .entries = 0);
	LIST_REFUSED(EFAULT, .entries = (uintptr_t)edge);
	LIST_REFUSED(EFAULT, .entries = (uintptr_t)edge - sizeof(entry) + 1);

	/* Room far beyond what there is costs nothing and is not touched. */
	request = (struct ttmem_reservations){
		.entries = (uintptr_t)edge - sizeof(entry),
		.count = ~0u,
		.entry_size = sizeof(entry),
	};
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), 0);
	assert_int_equal(request.count, 1);
	assert_int_equal(request.total, 1);
	assert_int_equal(((struct ttmem_reservation *)edge)[-1].handle, handle);
	/* No room at all: how many there are is told. */
	request = (struct ttmem_reservations){ .entry_size = sizeof(entry) };
	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), 0);
	assert_int_equal(request.count, 0);
	assert_int_equal(request.total, 1);
}

/* Reads the list of another client through @fd and expects one entry, or an error. */
static void check_list_of(int fd, uint64_t client, int expect, uint64_t handle)
{
	struct ttmem_reservation entry = { 0 };
	struct ttmem_reservations request = {
		.client = client,
		.entries = (uintptr_t)&entry,
		.count = 1,
		.entry_size = sizeof(entry),
	};

	assert_int_equal(st_call(fd, TTMEM_IOC_RESERVATIONS, &request), expect);
	if (expect)
		return;
	assert_int_equal(request.count, 1);
	assert_int_equal(request.total, 1);
	assert_int_equal(request.client, client);
	assert_int_equal(entry.handle, handle);
}

#define SOMEBODY	12345

struct peer {
	uid_t uid;
	uint64_t client;
	int expect;
	uint64_t expect_handle;
};

static void become(uid_t uid)
{
	assert_int_equal(setresgid(uid, uid, uid), 0);
	assert_int_equal(setresuid(uid, uid, uid), 0);
}

/* As another user: may the list of client @peer->client be read? */
static void list_as(int sock, void *arg)
{
	const struct peer *peer = arg;
	int fd = st_open(CARD);

	(void)sock;
	become(peer->uid);
	check_list_of(fd, peer->client, peer->expect, peer->expect_handle);
}

static void check_list_as(uid_t uid, uint64_t client, int expect, uint64_t expect_handle)
{
	struct peer peer = { uid, client, expect, expect_handle };
	struct st_child child = st_spawn(list_as, &peer);

	st_join(&child);
}

/* All but CAP_SYS_PTRACE; and the user of the file system is neither the real nor the effective. */
static void list_by_fsuid(int sock, void *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const struct peer *peer = arg;
	int fd = st_open(CARD);

	(void)sock;
	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	check_list_of(fd, peer->client, 0, peer->expect_handle);
	data[0].effective &= ~(1u << CAP_SYS_PTRACE);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
	check_list_of(fd, peer->client, -EACCES, 0);
	setfsuid(peer->uid);
	assert_int_equal(setfsuid(-1), peer->uid);
	check_list_of(fd, peer->client, 0, peer->expect_handle);
	setfsuid(peer->uid + 1);
	check_list_of(fd, peer->client, -EACCES, 0);
}

/* All power over a user namespace is none over others' clients. */
static void list_in_user_namespace(int sock, void *arg)
{
	const struct peer *peer = arg;
	int fd = st_open(CARD);

	(void)sock;
	become(peer->uid);
	assert_int_equal(unshare(CLONE_NEWUSER), 0);
	check_list_of(fd, peer->client, peer->expect, peer->expect_handle);
}

static void check_list_in_user_namespace(uid_t uid, uint64_t client, int expect,
					 uint64_t expect_handle)
{
	struct peer peer = { uid, client, expect, expect_handle };
	struct st_child child = st_spawn(list_in_user_namespace, &peer);

	st_join(&child);
}

/* The same user in a pid namespace that does not show the holder. */
static struct peer inner_peer;

static void list_in_pid_namespace(int sock)
{
	int fd = st_open(CARD);

	st_hear(sock);
	become(inner_peer.uid);
	check_list_of(fd, inner_peer.client, -EACCES, 0);
	/* Its own through another file is its own. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, 64, 0, &inner_peer.expect_handle), 0);
	check_list_of(st_open(CARD), st_client(fd), 0, inner_peer.expect_handle);
	st_say(sock);
	st_hear(sock);
}

struct somebody {
	uint64_t client;
	uint64_t handle;
};

/* A process of another user holds a MiB. Whether it could be traced makes no difference. */
static void hold_as_somebody(int sock, void *arg)
{
	struct somebody *it = arg;
	int fd = st_open(CARD);

	become(SOMEBODY);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &it->handle), 0);
	it->client = st_client(fd);
	st_say(sock);
	st_hear(sock);
	close(fd);
}

static void test_list_of_others(void **state)
{
	struct ttmem_reservations outside = { .entry_size = sizeof(struct ttmem_reservation) };
	struct st_child somebody, inner;
	struct somebody *it;
	uint64_t root, client;
	struct st_line *lines;
	int fd = st_open(CARD);
	size_t count, i;
	pid_t pid;

	(void)state;
	it = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(it != MAP_FAILED);

	/* Root's, read by root through another file, and by somebody else not. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, &root), 0);
	client = st_client(fd);
	check_list_of(fd, client, 0, root);
	check_list_as(0, client, 0, root);
	check_list_as(SOMEBODY, client, -EACCES, 0);
	check_list_as(SOMEBODY, client + 1000, -ENOENT, 0);
	check_list_as(0, client + 1000, -ENOENT, 0);
	check_list_in_user_namespace(SOMEBODY, client, -EACCES, 0);
	/* Ids are of one card each. */
	if (st_cards() > 1)
		check_list_of(st_open(1), client, -ENOENT, 0);
	close(fd);
	check_list_as(0, client, -ENOENT, 0);

	/* Somebody's: his own and root's to read. */
	somebody = st_spawn(hold_as_somebody, it);
	st_hear(somebody.sock);
	assert_int_equal(st_only_line(CARD).uid, SOMEBODY);
	check_list_as(0, it->client, 0, it->handle);
	check_list_as(SOMEBODY, it->client, 0, it->handle);
	check_list_as(SOMEBODY + 1, it->client, -EACCES, 0);
	check_list_in_user_namespace(SOMEBODY, it->client, 0, it->handle);
	check_list_in_user_namespace(0, it->client, -EACCES, 0);
	inner_peer = (struct peer){ SOMEBODY, it->client, 0, it->handle };
	inner = st_spawn(list_by_fsuid, &inner_peer);
	st_join(&inner);

	/* In a pid namespace he sees his that are in it; from outside all are seen. */
	inner = st_spawn_in_pid_namespace(list_in_pid_namespace, &pid);
	st_say(inner.sock);
	st_hear(inner.sock);
	count = st_clients(CARD, &lines);
	assert_int_equal(count, 2);
	for (i = 0, client = 0; i < count; i++)
		if (lines[i].pid == pid)
			client = lines[i].client;
	free(lines);
	assert_int_not_equal(client, 0);
	outside.client = client;
	assert_int_equal(st_call(st_open(CARD), TTMEM_IOC_RESERVATIONS, &outside), 0);
	assert_int_equal(outside.total, 1);
	st_say(inner.sock);
	st_join(&inner);
	st_say(somebody.sock);
	st_join(&somebody);
	st_check_used(CARD, 0, 0);
}

static void test_two_files(void **state)
{
	int first = st_open(CARD), second = st_open(CARD);
	struct ttmem_reservation entry;
	struct st_line *lines;
	uint64_t total;

	(void)state;
	assert_int_equal(st_reserve(first, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(second, 0, TTMEM_DRAM, 0, 2 * MIB, 0, NULL), 0);
	assert_int_equal(st_clients(CARD, &lines), 2);
	assert_int_not_equal(lines[0].client, lines[1].client);
	free(lines);
	assert_int_equal(list(first, 0, &entry, 1, NULL, &total), 1);
	assert_int_equal(total, 1);
	assert_int_equal(entry.size, MIB);
	st_check_used(CARD, 3 * MIB, 0);
	close(first);
	st_check_used(CARD, 2 * MIB, 0);
	close(second);
	st_check_used(CARD, 0, 0);
}

static void test_other_file_calls(void **state)
{
	int fd = st_open(CARD);
	char byte = 0;

	(void)state;
	assert_true(read(fd, &byte, 1) < 0);
	assert_true(write(fd, &byte, 1) < 0);
	st_check_used(CARD, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_layout),
		ST_TEST(test_unknown_calls),
		ST_TEST(test_sizes),
		ST_TEST(test_size_written_back),
		ST_TEST(test_size_changes_meanwhile),
		ST_TEST(test_bad_pointers),
		ST_TEST(test_answer_unwritable),
		ST_TEST(test_free_answer_unwritable),
		ST_TEST(test_size_unwritable),
		ST_TEST(test_open_modes),
		ST_TEST(test_info),
		ST_TEST(test_info_refused),
		ST_TEST(test_reserve),
		ST_TEST(test_reserve_fields),
		ST_TEST(test_reserve_refused),
		ST_TEST(test_pool_full),
		ST_TEST(test_overcommit),
		ST_TEST(test_capacity_written),
		ST_TEST(test_bounds),
		ST_TEST(test_set_bounds),
		ST_TEST(test_pool_lied_full),
		ST_TEST(test_bounds_of_chips),
		ST_TEST(test_free_one),
		ST_TEST(test_free_refused),
		ST_TEST(test_free_chip),
		ST_TEST(test_handles_never_reused),
		ST_TEST(test_set),
		ST_TEST(test_set_refused),
		ST_TEST(test_set_many),
		ST_TEST(test_set_entry_size),
		ST_TEST(test_largest_free),
		ST_TEST(test_list_pages),
		ST_TEST(test_list_across_frees),
		ST_TEST(test_list_entry_size),
		ST_TEST(test_list_refused),
		ST_TEST(test_list_of_others),
		ST_TEST(test_two_files),
		ST_TEST(test_other_file_calls),
	};

	return ST_RUN(tests);
}
