// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_stats/ and the list of clients: each file, who may read and write it,
 * what it takes and what it says; fdinfo; and invalidate.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARD 0
#define NOBODY 65534

struct attribute {
	const char *name;
	mode_t card_mode;
	mode_t chip_mode;
};

static const struct attribute attributes[] = {
	{ "dram_total", 0444, 0644 },	{ "l1_total", 0444, 0644 },
	{ "dram_banks", 0444, 0644 },	{ "l1_banks", 0444, 0644 },
	{ "dram_used", 0444, 0444 },	{ "l1_used", 0444, 0444 },
	{ "dram_free", 0444, 0444 },	{ "l1_free", 0444, 0444 },
	{ "dram_peak", 0644, 0644 },	{ "l1_peak", 0644, 0644 },
	{ "dram_trace_used", 0444, 0444 }, { "dram_system_used", 0444, 0444 },
	{ "l1_small_used", 0444, 0444 }, { "l1_cb_used", 0444, 0444 },
	{ "l1_system_used", 0444, 0444 },
	{ "clients", 0444, 0444 },	{ "reservations", 0444, 0444 },
	{ "denied", 0444, 0444 },	{ "invalidate", 0200, 0 },
};

/* Each board's defaults, a chip's: the documented numbers, written out once more. */
static const struct {
	const char *board;
	unsigned int id;
	int chips;
	uint64_t dram, dram_banks, l1, l1_banks;
} boards[] = {
	{ "n150", 0x18, 1, 12884901888, 12, 107937792, 72 },
	{ "n300", 0x14, 2, 12884901888, 12, 95944704, 64 },
	{ "galaxy-wormhole", 0x35, 1, 12884901888, 12, 119930880, 80 },
	{ "p100a", 0x43, 1, 30064771072, 7, 188743680, 120 },
	{ "p150a", 0x40, 1, 34359738368, 8, 188743680, 120 },
	{ "p150b", 0x41, 1, 34359738368, 8, 188743680, 120 },
	{ "p150c", 0x42, 1, 34359738368, 8, 188743680, 120 },
	{ "p300a", 0x45, 1, 34359738368, 8, 188743680, 120 },
	{ "p300b", 0x44, 1, 34359738368, 8, 188743680, 120 },
	{ "p300c", 0x46, 1, 34359738368, 8, 188743680, 120 },
	{ "galaxy-blackhole", 0x47, 1, 34359738368, 8, 204472320, 130 },
};

static void test_board_defaults(void **state)
{
	struct ttmem_info info;
	int card, chip, fd;
	size_t i;

	(void)state;
	for (card = 0; card < st_cards(); card++) {
		for (i = 0; i < ARRAY_SIZE(boards); i++)
			if (!strcmp(boards[i].board, st_board(card)))
				break;
		if (i == ARRAY_SIZE(boards))
			fail_msg("card %d is a %s, of which this test knows nothing", card,
				 st_board(card));
		assert_int_equal(st_chips(card), boards[i].chips);
		fd = st_open(card);
		assert_int_equal(st_info(fd, &info), 0);
		assert_int_equal(info.subsystem_vendor_id, 0x1e52);
		assert_int_equal(info.subsystem_id, boards[i].id);
		assert_string_equal((char *)info.board, boards[i].board);
		close(fd);
		for (chip = 0; chip < boards[i].chips; chip++) {
			assert_int_equal(st_get(card, chip, "dram_total"), boards[i].dram);
			assert_int_equal(st_get(card, chip, "dram_banks"), boards[i].dram_banks);
			assert_int_equal(st_get(card, chip, "l1_total"), boards[i].l1);
			assert_int_equal(st_get(card, chip, "l1_banks"), boards[i].l1_banks);
		}
		assert_int_equal(st_get(card, ST_CARD, "dram_total"),
				 boards[i].dram * boards[i].chips);
		assert_int_equal(st_get(card, ST_CARD, "l1_total"), boards[i].l1 * boards[i].chips);
		assert_int_equal(st_get(card, ST_CARD, "dram_banks"),
				 boards[i].dram_banks * boards[i].chips);
		st_check_used(card, 0, 0);
	}
}

static const struct attribute *find_attribute(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		if (!strcmp(attributes[i].name, name))
			return &attributes[i];
	return NULL;
}

/* The directory has these files and no others, each with its mode. */
static void check_directory(int card, int chip)
{
	static const char *const device_own[] = { ".", "..", "uevent", "dev", "power", "subsystem",
						   "device" };
	const char *path = st_path(card, chip, "");
	unsigned int found = 0, chips = 0;
	struct dirent *entry;
	DIR *dir;
	size_t i;

	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const struct attribute *attribute = find_attribute(entry->d_name);
		struct stat status;
		mode_t mode;

		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &status, 0), 0);
		if (attribute) {
			mode = chip == ST_CARD ? attribute->card_mode : attribute->chip_mode;
			if (!mode)
				fail_msg("%s has a file %s", path, entry->d_name);
			assert_true(S_ISREG(status.st_mode));
			if ((status.st_mode & 07777) != mode)
				fail_msg("%s%s has mode %o, not %o", path, entry->d_name,
					 status.st_mode & 07777, mode);
			assert_int_equal(status.st_uid, 0);
			found++;
			continue;
		}
		if (chip == ST_CARD && !strncmp(entry->d_name, "chip", 4)) {
			assert_true(S_ISDIR(status.st_mode));
			chips++;
			continue;
		}
		for (i = 0; i < ARRAY_SIZE(device_own); i++)
			if (!strcmp(device_own[i], entry->d_name))
				break;
		if (i == ARRAY_SIZE(device_own) || (chip != ST_CARD && i >= 2))
			fail_msg("%s has an unknown entry %s", path, entry->d_name);
	}
	closedir(dir);
	assert_int_equal(found, ARRAY_SIZE(attributes) - (chip == ST_CARD ? 0 : 1));
	if (chip == ST_CARD)
		assert_int_equal(chips, st_chips(card));
}

/* The major number under which the kernel knows ttmem. */
static unsigned int own_major(void)
{
	char *text = st_slurp("/proc/devices"), *row;
	unsigned int number = 0;

	assert_non_null(text);
	row = strstr(text, " ttmem\n");
	if (!row)
		fail_msg("ttmem has no major number");
	while (row > text && row[-1] != '\n')
		row--;
	number = strtoul(row, NULL, 10);
	free(text);
	assert_true(number > 0);
	return number;
}

/* One list for all cards, and nothing beside it. */
static void check_proc_directory(void)
{
	DIR *dir = opendir("/proc/driver/ttmem");
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, "clients");
	closedir(dir);
}

static void test_directory(void **state)
{
	char path[128], target[PATH_MAX], expected[PATH_MAX];
	struct stat status;
	int card, chip;

	(void)state;
	for (card = 0; card < st_cards(); card++) {
		check_directory(card, ST_CARD);
		for (chip = 0; chip < st_chips(card); chip++)
			check_directory(card, chip);

		/* A link on TT-KMD's device, to a device of ttmem's own. */
		snprintf(path, sizeof(path), "/sys/class/tenstorrent/tenstorrent!%d/memory_stats",
			 card);
		assert_int_equal(lstat(path, &status), 0);
		assert_true(S_ISLNK(status.st_mode));
		assert_non_null(realpath(path, target));
		snprintf(path, sizeof(path), "/sys/class/ttmem/ttmem%d", card);
		assert_non_null(realpath(path, expected));
		assert_string_equal(target, expected);

		/* And the node is that device's, for everybody to use; its minor is N. */
		assert_int_equal(stat(st_node(card), &status), 0);
		assert_true(S_ISCHR(status.st_mode));
		assert_int_equal(status.st_mode & 07777, 0666);
		assert_int_equal(minor(status.st_rdev), card);
		assert_int_equal(major(status.st_rdev), own_major());
		snprintf(expected, sizeof(expected), "%u:%u\n", major(status.st_rdev),
			 minor(status.st_rdev));
		snprintf(path, sizeof(path), "/sys/class/ttmem/ttmem%d/dev", card);
		assert_string_equal(st_slurp(path), expected);
	}
	assert_int_equal(stat(ST_LIST, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0444);
	check_proc_directory();
}

/* Everybody may read what may be read, and write nothing. */
static void as_nobody(int sock, void *arg)
{
	int card, chip;
	size_t i;

	(void)sock;
	(void)arg;
	assert_int_equal(setresgid(NOBODY, NOBODY, NOBODY), 0);
	assert_int_equal(setresuid(NOBODY, NOBODY, NOBODY), 0);
	for (card = 0; card < st_cards(); card++) {
		for (chip = ST_CARD; chip < st_chips(card); chip++)
			for (i = 0; i < ARRAY_SIZE(attributes); i++) {
				const char *name = attributes[i].name;

				if (!strcmp(name, "invalidate"))
					continue;
				st_get(card, chip, name);
				assert_int_equal(st_put(card, chip, name, "0"), -EACCES);
			}
		assert_int_equal(st_put(card, ST_CARD, "invalidate", "1"), -EACCES);
		assert_true(open(st_path(card, ST_CARD, "invalidate"), O_RDONLY) < 0);
		st_check_used(card, card ? 0 : MIB, 0);
	}
	assert_int_equal(st_write(st_param_path("max_reservations"), "1"), -EACCES);
}

static void test_permissions(void **state)
{
	struct st_child child;
	int fd = st_open(CARD);

	(void)state;
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	child = st_spawn(as_nobody, NULL);
	st_join(&child);
	assert_int_equal(st_put(CARD, ST_CARD, "dram_used", "0"), -EACCES);
	st_check_used(CARD, MIB, 0);
}

/* root may write a file that nobody may: the mode does not stop it, the file does. */
static void test_read_only(void **state)
{
	int card = st_card_with_chips(2) < 0 ? CARD : st_card_with_chips(2), chip, error;
	size_t i;

	(void)state;
	for (chip = ST_CARD; chip < st_chips(card); chip++)
		for (i = 0; i < ARRAY_SIZE(attributes); i++) {
			mode_t mode = chip == ST_CARD ? attributes[i].card_mode :
							attributes[i].chip_mode;
			char *before;

			if (mode != 0444)
				continue;
			before = st_snapshot(card);
			error = st_put(card, chip, attributes[i].name, "1");
			assert_true(error == -EIO || error == -EACCES);
			assert_string_equal(before, st_snapshot(card));
		}
}

static void test_capacity(void **state)
{
	static const char *const names[] = { "dram_total", "l1_total" };
	static const char *const bad[] = { "x", "1x", "1 2", "-1", "1.5", "0x10", " 1", "",
					    "1\n\n" };
	int card = st_card_with_chips(2) < 0 ? CARD : st_card_with_chips(2), chip;
	size_t i, k;

	(void)state;
	for (chip = 0; chip < st_chips(card); chip++)
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			uint64_t others = st_get(card, ST_CARD, names[i]) -
					  st_get(card, chip, names[i]);

			assert_int_equal(st_put(card, chip, names[i], "12345"), 0);
			assert_int_equal(st_get(card, chip, names[i]), 12345);
			assert_int_equal(st_get(card, ST_CARD, names[i]), others + 12345);
			assert_int_equal(st_put(card, chip, names[i], "54321\n"), 0);
			assert_int_equal(st_get(card, chip, names[i]), 54321);
			for (k = 0; k < ARRAY_SIZE(bad); k++)
				if (*bad[k])
					ST_REFUSED(card, st_put(card, chip, names[i], bad[k]),
						   EINVAL);
			ST_REFUSED(card, st_put(card, chip, names[i], "18446744073709551616"),
				   ERANGE);
			ST_REFUSED(card, st_put(card, chip, names[i], "18446744073709551615"),
				   ERANGE);
			/* 4 TiB is the most. */
			ST_REFUSED(card, st_put(card, chip, names[i], "4398046511105"), ERANGE);
			assert_int_equal(st_put(card, chip, names[i], "4398046511104"), 0);
			assert_int_equal(st_get(card, chip, names[i]), 1ull << 42);
			assert_int_equal(st_get(card, ST_CARD, names[i]), others + (1ull << 42));
			/* Back to what the next round's sum expects. */
			assert_int_equal(st_put(card, chip, names[i], "1000"), 0);
		}
}

static void test_banks(void **state)
{
	static const char *const names[] = { "dram_banks", "l1_banks" };
	int card = st_card_with_chips(2) < 0 ? CARD : st_card_with_chips(2), chip;
	struct ttmem_info info;
	int fd = st_open(card);
	size_t i;

	(void)state;
	for (chip = 0; chip < st_chips(card); chip++)
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			uint64_t others = st_get(card, ST_CARD, names[i]) -
					  st_get(card, chip, names[i]);

			assert_int_equal(st_put(card, chip, names[i], "130"), 0);
			assert_int_equal(st_get(card, chip, names[i]), 130);
			assert_int_equal(st_get(card, ST_CARD, names[i]), others + 130);
			ST_REFUSED(card, st_put(card, chip, names[i], "some"), EINVAL);
			ST_REFUSED(card, st_put(card, chip, names[i], "-1"), EINVAL);
			ST_REFUSED(card, st_put(card, chip, names[i], "4294967296"), ERANGE);
			info = (struct ttmem_info){ .chip = chip, .memory = i };
			assert_int_equal(st_call(fd, TTMEM_IOC_INFO, &info), 0);
			assert_int_equal(info.banks, 130);
			assert_int_equal(st_put(card, chip, names[i], "0"), 0);
			assert_int_equal(st_get(card, chip, names[i]), 0);
		}
}

static void restart_peaks(int card)
{
	int chip;

	for (chip = ST_CARD; chip < st_chips(card); chip++) {
		assert_int_equal(st_put(card, chip, "dram_peak", "0"), 0);
		assert_int_equal(st_put(card, chip, "l1_peak", "0\n"), 0);
		assert_int_equal(st_get(card, chip, "dram_peak"), st_get(card, chip, "dram_used"));
		assert_int_equal(st_get(card, chip, "l1_peak"), st_get(card, chip, "l1_used"));
	}
}

static void test_peaks(void **state)
{
	int card = st_card_with_chips(2), fd;
	uint64_t handle;

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	restart_peaks(card);
	/* The card's peak is of the sum: not the sum of the chips' peaks. */
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 8 * MIB, 0, &handle), 0);
	assert_int_equal(st_free(fd, handle), 0);
	assert_int_equal(st_reserve(fd, 1, TTMEM_DRAM, 0, 5 * MIB, 0, &handle), 0);
	st_check_used(card, 5 * MIB, 0);
	assert_int_equal(st_get(card, 0, "dram_peak"), 8 * MIB);
	assert_int_equal(st_get(card, 1, "dram_peak"), 5 * MIB);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 8 * MIB);
	assert_int_equal(st_get(card, ST_CARD, "l1_peak"), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 4 * MIB, 0, NULL), 0);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 9 * MIB);
	/* Only 0 may be written; it restarts that one peak at what is used. */
	ST_REFUSED(card, st_put(card, ST_CARD, "dram_peak", "1"), EINVAL);
	ST_REFUSED(card, st_put(card, 0, "dram_peak", "1"), EINVAL);
	ST_REFUSED(card, st_put(card, 0, "dram_peak", "zero"), EINVAL);
	assert_int_equal(st_put(card, 0, "dram_peak", "0"), 0);
	assert_int_equal(st_get(card, 0, "dram_peak"), 4 * MIB);
	assert_int_equal(st_get(card, 1, "dram_peak"), 5 * MIB);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 9 * MIB);
	assert_int_equal(st_free_all(fd), 0);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 9 * MIB);
	restart_peaks(card);
	assert_int_equal(st_get(card, ST_CARD, "dram_peak"), 0);
	/* A gauge's peak is what it said, and one that falls makes none. */
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 3000), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 1000), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 2000), 0);
	assert_int_equal(st_get(card, 1, "l1_peak"), 3000);
	assert_int_equal(st_get(card, ST_CARD, "l1_peak"), 3000);
	st_check_used(card, 0, 2000);
}

/* A vector that moves bytes from one gauge to another is one step: no peak of both. */
static void test_peak_of_set(void **state)
{
	struct ttmem_gauge gauges[2] = {
		{ .tag = TTMEM_TAG_BUFFER, .bytes = 4 * MIB },
		{ .tag = TTMEM_TAG_TRACE, .bytes = 0 },
	};
	struct ttmem_set request = {
		.gauges = (uintptr_t)gauges,
		.count = 2,
		.entry_size = sizeof(gauges[0]),
	};
	int fd = st_open(CARD);

	(void)state;
	restart_peaks(CARD);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 4 * MIB), 0);
	assert_int_equal(st_call(fd, TTMEM_IOC_SET, &request), 0);
	st_check_used(CARD, 4 * MIB, 0);
	assert_int_equal(st_get(CARD, 0, "dram_peak"), 4 * MIB);
	assert_int_equal(st_get(CARD, ST_CARD, "dram_peak"), 4 * MIB);
}

static void test_denied(void **state)
{
	int card = st_card_with_chips(2), fd;
	uint64_t zero, one, all;

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	zero = st_get(card, 0, "denied");
	one = st_get(card, 1, "denied");
	all = st_get(card, ST_CARD, "denied");
	assert_int_equal(st_reserve(fd, 1, TTMEM_DRAM, 0, 1ull << 39, 0, NULL), -ENOSPC);
	assert_int_equal(st_reserve(fd, 1, TTMEM_L1, 0, ~0ull, 0, NULL), -EDQUOT);
	assert_int_equal(st_reserve(fd, 0, TTMEM_L1, 0, 1ull << 39, 0, NULL), -ENOSPC);
	/* A mistake of the caller's is not counted. */
	assert_int_equal(st_reserve(fd, 7, TTMEM_L1, 0, 64, 0, NULL), -EINVAL);
	assert_int_equal(st_free(fd, 12345), -ENOENT);
	assert_int_equal(st_get(card, 0, "denied"), zero + 1);
	assert_int_equal(st_get(card, 1, "denied"), one + 2);
	assert_int_equal(st_get(card, ST_CARD, "denied"), all + 3);
	assert_int_equal(st_put(card, ST_CARD, "denied", "0") < 0, 1);
	st_check_used(card, 0, 0);
}

/* A client that holds something of two chips is one client of the card. */
static void test_clients_of_chips(void **state)
{
	int card = st_card_with_chips(2), fd, other, idle;

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	other = st_open(card);
	idle = st_open(card);
	st_check_used(card, 0, 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 64), 0);
	assert_int_equal(st_reserve(other, 1, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	st_check_used(card, 2 * MIB, 64);
	assert_int_equal(st_get(card, 0, "clients"), 1);
	assert_int_equal(st_get(card, 1, "clients"), 2);
	assert_int_equal(st_get(card, ST_CARD, "clients"), 2);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 0), 0);
	assert_int_equal(st_get(card, 1, "clients"), 1);
	assert_int_equal(st_get(card, ST_CARD, "clients"), 2);
	close(fd);
	st_check_used(card, MIB, 0);
	assert_int_equal(st_get(card, ST_CARD, "clients"), 1);
	close(other);
	close(idle);
	st_check_used(card, 0, 0);
}

static void test_invalidate(void **state)
{
	static const char *const bad[] = { "0", "2", "-1", "yes", "11" };
	int holder = st_open(CARD), idle = st_open(CARD), fresh, other, i;
	uint64_t handle, peak, denied;

	(void)state;
	for (i = 0; i < 200; i++)
		assert_int_equal(st_reserve(holder, 0, TTMEM_DRAM, 0, MIB, 0, &handle), 0);
	assert_int_equal(st_set(holder, 0, TTMEM_L1, TTMEM_TAG_CB, 4096), 0);
	for (i = 0; i < (int)ARRAY_SIZE(bad); i++)
		ST_REFUSED(CARD, st_put(CARD, ST_CARD, "invalidate", bad[i]), EINVAL);
	st_check_used(CARD, 200 * MIB, 4096);
	peak = st_get(CARD, ST_CARD, "dram_peak");
	denied = st_get(CARD, ST_CARD, "denied");
	assert_true(peak >= 200 * MIB);

	assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1\n"), 0);
	st_check_used(CARD, 0, 0);
	assert_int_equal(st_get(CARD, ST_CARD, "clients"), 0);
	assert_int_equal(st_get(CARD, ST_CARD, "reservations"), 0);
	/* What has been stays known. */
	assert_int_equal(st_get(CARD, ST_CARD, "dram_peak"), peak);
	assert_int_equal(st_get(CARD, ST_CARD, "denied"), denied);
	st_check_dead(holder, "invalidated");
	st_check_dead(idle, "invalidated");
	/* For good, and a new client is none the worse. */
	fresh = st_open(CARD);
	assert_int_equal(st_reserve(fresh, 0, TTMEM_DRAM, 0, 3 * MIB, 0, NULL), 0);
	st_check_dead(holder, "invalidated");
	st_check_used(CARD, 3 * MIB, 0);
	/* The old ones' end takes nothing from the new one. */
	close(holder);
	st_check_used(CARD, 3 * MIB, 0);
	close(idle);
	st_check_used(CARD, 3 * MIB, 0);
	/* Other cards are not meant. */
	if (st_cards() > 1) {
		other = st_open(1);
		assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
		assert_int_equal(st_put(CARD, ST_CARD, "invalidate", "1"), 0);
		st_check_used(1, MIB, 0);
		assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	}
}

static void test_clients_format(void **state)
{
	int fd = st_open(CARD), other = st_open(CARD);
	struct st_line *lines;
	char *text;

	(void)state;
	/* A client that only looks is not listed. */
	assert_int_equal(st_clients(CARD, &lines), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_DRAM, 0, 512), 0);
	assert_int_equal(st_set(fd, 0, TTMEM_L1, TTMEM_TAG_L1_SMALL, 100), 0);
	assert_int_equal(st_reserve(other, 0, TTMEM_DRAM, TTMEM_TAG_TRACE, 4096, 0, NULL), 0);
	st_check_used(CARD, 2 * MIB + 512 + 4096, 100);

	/* One line for each client, chip, memory and tag, oldest client first. */
	assert_int_equal(st_clients(CARD, &lines), 3);
	assert_int_equal(lines[0].client, lines[1].client);
	assert_true(lines[2].client > lines[0].client);
	assert_int_equal(lines[0].memory, TTMEM_DRAM);
	assert_int_equal(lines[0].tag, TTMEM_TAG_BUFFER);
	assert_int_equal(lines[0].bytes, 2 * MIB + 512);
	assert_int_equal(lines[0].reservations, 2);
	assert_int_equal(lines[1].memory, TTMEM_L1);
	assert_int_equal(lines[1].tag, TTMEM_TAG_L1_SMALL);
	assert_int_equal(lines[1].bytes, 100);
	assert_int_equal(lines[1].reservations, 0);
	assert_int_equal(lines[2].tag, TTMEM_TAG_TRACE);
	assert_int_equal(lines[2].bytes, 4096);
	assert_int_equal(lines[0].chip, 0);
	assert_int_equal(lines[0].pid, getpid());
	assert_int_equal(lines[0].uid, 0);
	assert_string_equal(lines[0].command, "test_sysfs");

	/* The ids are those of fdinfo. */
	assert_int_equal(st_fdinfo(fd, "ttmem-client-id", NULL, 0), lines[0].client);
	assert_int_equal(st_fdinfo(other, "ttmem-client-id", NULL, 0), lines[2].client);
	/* What a shell's awk makes of a line. */
	text = st_slurp(ST_LIST);
	assert_non_null(text);
	assert_null(strchr(text, '\t'));
	free(text);
}

/* What is read of the list, in pieces of @piece bytes from where the file is. */
static char *read_on(int file, char *text, size_t piece)
{
	size_t at = strlen(text);
	ssize_t n;

	while ((n = read(file, text + at, piece)) > 0)
		at += n;
	assert_int_equal(n, 0);
	text[at] = '\0';
	return text;
}

/*
 * In however many reads, each client is there at most once, whole and in the order of ids;
 * one that was there all the time is there, whoever came and went meanwhile.
 */
static void test_clients_in_pieces(void **state)
{
	enum { CLIENTS = 100, PIECE = 7, SIZE = 65536 };
	uint64_t ids[CLIENTS], id, last = 0, bytes;
	int fds[CLIENTS], seen[CLIENTS] = { 0 }, file, i;
	char *before, *text = calloc(1, SIZE), *row, *save;
	size_t size, at;

	(void)state;
	assert_non_null(text);
	/* More lines than a page has room for. */
	for (i = 0; i < CLIENTS; i++) {
		fds[i] = st_open(CARD);
		ids[i] = st_client(fds[i]);
		assert_int_equal(st_reserve(fds[i], 0, TTMEM_DRAM, 0, 4096 * (i + 1), 0, NULL), 0);
		assert_int_equal(st_set(fds[i], 0, TTMEM_L1, TTMEM_TAG_CB, i + 1), 0);
	}
	before = st_slurp(ST_LIST);
	assert_non_null(before);
	size = strlen(before);
	assert_true(size > 4096 && size < SIZE);

	file = open(ST_LIST, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_string_equal(read_on(file, text, PIECE), before);
	/* As a tool does that reads on from where it was. */
	for (at = 0; at < size; at += 1001) {
		char piece[PIECE];
		ssize_t n = pread(file, piece, PIECE, at);

		assert_true(n > 0);
		assert_memory_equal(piece, before + at, n);
	}
	assert_int_equal(pread(file, text, PIECE, size), 0);

	/* Every second one goes while the list is read. */
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	memset(text, 0, SIZE);
	assert_int_equal(read(file, text, PIECE), PIECE);
	for (i = 0; i < CLIENTS; i += 2)
		close(fds[i]);
	read_on(file, text, PIECE);
	strtok_r(text, "\n", &save);
	while ((row = strtok_r(NULL, "\n", &save))) {
		if (sscanf(row, "%*d %" SCNu64 " %*d %*d %*u %*s %*s %" SCNu64, &id, &bytes) != 2)
			fail_msg("not a line of the list: '%s'", row);
		assert_true(id >= last);
		last = id;
		for (i = 0; i < CLIENTS && ids[i] != id; i++)
			;
		assert_true(i < CLIENTS);
		assert_int_equal(bytes, seen[i] ? i + 1 : 4096 * (i + 1));
		seen[i]++;
	}
	for (i = 0; i < CLIENTS; i++)
		assert_true(seen[i] == 2 || (i % 2 == 0 && !seen[i]));
	close(file);
	free(before);
	free(text);
}

static void test_fdinfo(void **state)
{
	int card = st_card_with_chips(2), fd;
	char text[64];

	(void)state;
	if (card < 0)
		skip();
	fd = st_open(card);
	st_fdinfo(fd, "ttmem-driver", text, sizeof(text));
	assert_string_equal(text, "ttmem");
	assert_int_equal(st_fdinfo(fd, "ttmem-abi", NULL, 0), TTMEM_ABI_VERSION);
	assert_int_equal(st_fdinfo(fd, "ttmem-card", NULL, 0), card);
	st_fdinfo(fd, "ttmem-pdev", text, sizeof(text));
	assert_string_equal(text, st_pci(card));
	st_fdinfo(fd, "ttmem-state", text, sizeof(text));
	assert_string_equal(text, "live");
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip1-l1", NULL, 0), 0);
	st_fdinfo(fd, "ttmem-total-chip0-dram-buffer", text, sizeof(text));
	assert_string_equal(text, "");

	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, MIB, 0, NULL), 0);
	assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM, 64, 0, NULL), 0);
	assert_int_equal(st_set(fd, 1, TTMEM_L1, TTMEM_TAG_CB, 333), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 2);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip0-dram", NULL, 0), MIB + 64);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip0-dram-buffer", NULL, 0), MIB);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip0-dram-system", NULL, 0), 64);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip1-dram", NULL, 0), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip1-l1", NULL, 0), 333);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip1-l1-cb", NULL, 0), 333);
	st_check_used(card, MIB + 64, 333);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ST_TEST(test_board_defaults),
		ST_TEST(test_directory),
		ST_TEST(test_permissions),
		ST_TEST(test_read_only),
		ST_TEST(test_capacity),
		ST_TEST(test_banks),
		ST_TEST(test_peaks),
		ST_TEST(test_peak_of_set),
		ST_TEST(test_denied),
		ST_TEST(test_clients_of_chips),
		ST_TEST(test_invalidate),
		ST_TEST(test_clients_format),
		ST_TEST(test_clients_in_pieces),
		ST_TEST(test_fdinfo),
	};

	return ST_RUN(tests);
}
