// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of each board.
 */

#include <linux/string.h>

#include "../driver/board.c"
#include "../uapi/ttmem.h"

#include "ttmem_kunit.h"

/* Per chip; written out in figures, so that it is not board.c's own sums again. */
struct expected {
	const char *name;
	u16 device_id;
	u16 subsystem_id;
	unsigned int chips;
	u64 dram_total;
	u32 dram_banks;
	u64 l1_total;
	u32 l1_banks;
};

static const struct expected expected_boards[] = {
	{ "n150", 0x401e, 0x18, 1, 12884901888, 12, 107937792, 72 },
	{ "n300", 0x401e, 0x14, 2, 12884901888, 12, 95944704, 64 },
	{ "galaxy-wormhole", 0x401e, 0x35, 1, 12884901888, 12, 119930880, 80 },
	{ "p100a", 0xb140, 0x43, 1, 30064771072, 7, 188743680, 120 },
	{ "p150a", 0xb140, 0x40, 1, 34359738368, 8, 188743680, 120 },
	{ "p150b", 0xb140, 0x41, 1, 34359738368, 8, 188743680, 120 },
	{ "p150c", 0xb140, 0x42, 1, 34359738368, 8, 188743680, 120 },
	{ "p300a", 0xb140, 0x45, 1, 34359738368, 8, 188743680, 120 },
	{ "p300b", 0xb140, 0x44, 1, 34359738368, 8, 188743680, 120 },
	{ "p300c", 0xb140, 0x46, 1, 34359738368, 8, 188743680, 120 },
	{ "galaxy-blackhole", 0xb140, 0x47, 1, 34359738368, 8, 204472320, 130 },
};

static void expected_desc(const struct expected *expected, char *desc)
{
	strscpy(desc, expected->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(expected, expected_boards, expected_desc);

static void board_is_known(struct kunit *test)
{
	const struct expected *expected = test->param_value;
	const struct ttmem_board *board;
	unsigned int chip;

	board = ttmem_board_find(expected->device_id, 0x1e52, expected->subsystem_id);
	KUNIT_ASSERT_NOT_NULL(test, board);
	KUNIT_EXPECT_STREQ(test, board->name, expected->name);
	KUNIT_EXPECT_EQ(test, board->device_id, expected->device_id);
	KUNIT_EXPECT_EQ(test, board->subsystem_id, expected->subsystem_id);
	KUNIT_EXPECT_EQ(test, board->chips, expected->chips);
	KUNIT_EXPECT_LT(test, strlen(board->name), TTMEM_BOARD_SIZE);
	for (chip = 0; chip < expected->chips; chip++) {
		KUNIT_EXPECT_EQ(test, board->chip[chip].dram_total, expected->dram_total);
		KUNIT_EXPECT_EQ(test, board->chip[chip].dram_banks, expected->dram_banks);
		KUNIT_EXPECT_EQ(test, board->chip[chip].l1_total, expected->l1_total);
		KUNIT_EXPECT_EQ(test, board->chip[chip].l1_banks, expected->l1_banks);
	}
}

static bool is_listed(u16 device_id, u16 subsystem_id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(expected_boards); i++)
		if (expected_boards[i].device_id == device_id &&
		    expected_boards[i].subsystem_id == subsystem_id)
			return true;
	return false;
}

static void expect_wormhole(struct kunit *test, const struct ttmem_board *board)
{
	KUNIT_EXPECT_STREQ(test, board->name, "");
	KUNIT_EXPECT_EQ(test, board->chips, 2);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_total, 12884901888);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_banks, 12);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_total, 0);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_banks, 0);
	KUNIT_EXPECT_EQ(test, board->chip[1].dram_total, 0);
	KUNIT_EXPECT_EQ(test, board->chip[1].dram_banks, 0);
	KUNIT_EXPECT_EQ(test, board->chip[1].l1_total, 0);
	KUNIT_EXPECT_EQ(test, board->chip[1].l1_banks, 0);
}

static void expect_blackhole(struct kunit *test, const struct ttmem_board *board)
{
	KUNIT_EXPECT_STREQ(test, board->name, "");
	KUNIT_EXPECT_EQ(test, board->chips, 1);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_total, 34359738368);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_banks, 8);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_total, 188743680);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_banks, 120);
}

static void every_other_id_falls_back_on_the_chip(struct kunit *test)
{
	u32 id;

	for (id = 0; id <= U16_MAX; id++) {
		if (!is_listed(0x401e, id) &&
		    ttmem_board_find(0x401e, 0x1e52, id) != &fallbacks[0])
			KUNIT_FAIL(test, "Wormhole with subsystem id %#x", id);
		if (!is_listed(0xb140, id) &&
		    ttmem_board_find(0xb140, 0x1e52, id) != &fallbacks[1])
			KUNIT_FAIL(test, "Blackhole with subsystem id %#x", id);
	}
	expect_wormhole(test, ttmem_board_find(0x401e, 0x1e52, 0));
	expect_blackhole(test, ttmem_board_find(0xb140, 0x1e52, 0));
}

static void board_id_of_another_chip_is_not_taken(struct kunit *test)
{
	expect_blackhole(test, ttmem_board_find(0xb140, 0x1e52, 0x14));
	expect_wormhole(test, ttmem_board_find(0x401e, 0x1e52, 0x40));
}

static void board_id_of_another_vendor_is_not_taken(struct kunit *test)
{
	expect_wormhole(test, ttmem_board_find(0x401e, 0, 0x18));
	expect_wormhole(test, ttmem_board_find(0x401e, 0x1e53, 0x14));
	expect_blackhole(test, ttmem_board_find(0xb140, 0xffff, 0x43));
}

static void of_an_unknown_chip_nothing_is_known(struct kunit *test)
{
	const struct ttmem_board *board = ttmem_board_find(0xfaca, 0x1e52, 0x18);

	KUNIT_ASSERT_NOT_NULL(test, board);
	KUNIT_EXPECT_STREQ(test, board->name, "");
	KUNIT_EXPECT_EQ(test, board->chips, 1);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_total, 0);
	KUNIT_EXPECT_EQ(test, board->chip[0].dram_banks, 0);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_total, 0);
	KUNIT_EXPECT_EQ(test, board->chip[0].l1_banks, 0);
}

/* A row that the table above has not heard of would go unproved. */
static void no_board_is_missing_here(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(boards), ARRAY_SIZE(expected_boards));
	for (i = 0; i < ARRAY_SIZE(boards); i++) {
		KUNIT_EXPECT_TRUE_MSG(test, is_listed(boards[i].device_id, boards[i].subsystem_id),
				      "%s", boards[i].name);
		KUNIT_EXPECT_GE(test, boards[i].chips, 1);
		KUNIT_EXPECT_LE(test, boards[i].chips, TTMEM_CHIPS_MAX);
		KUNIT_EXPECT_PTR_EQ_MSG(test, &boards[i],
					ttmem_board_find(boards[i].device_id, 0x1e52,
							 boards[i].subsystem_id),
					"%s is hidden by another row", boards[i].name);
	}
}

static struct kunit_case board_cases[] = {
	KUNIT_CASE_PARAM(board_is_known, expected_gen_params),
	KUNIT_CASE(no_board_is_missing_here),
	KUNIT_CASE(every_other_id_falls_back_on_the_chip),
	KUNIT_CASE(board_id_of_another_chip_is_not_taken),
	KUNIT_CASE(board_id_of_another_vendor_is_not_taken),
	KUNIT_CASE(of_an_unknown_chip_nothing_is_known),
	{ }
};

struct kunit_suite ttmem_board_suite = {
	.name = "ttmem_board",
	.test_cases = board_cases,
};
