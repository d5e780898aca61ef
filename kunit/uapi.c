// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of the ioctl contract. It is one for 32-bit and 64-bit callers, as no field
 * has a type whose size or alignment differs; layout.c has both compilers say so.
 */

#include <linux/stddef.h>
#include <linux/string.h>

#include "../uapi/ttmem.h"
#include "ttmem_kunit.h"

struct field {
	const char *type;
	const char *name;
	size_t offset, expected_offset;
	size_t size, expected_size;
};

static const struct field fields[] = {
#define FIELD(t, f, o, s) { #t, #f, offsetof(struct t, f), o, sizeof_field(struct t, f), s },
#include "layout.h"
};

struct type {
	const char *name;
	size_t size, expected_size;
	size_t alignment, expected_alignment;
};

static const struct type types[] = {
#define STRUCT(t, s, a) { #t, sizeof(struct t), s, __alignof__(struct t), a },
#include "layout.h"
};

struct call {
	const char *name;
	unsigned int number, expected;
};

static const struct call calls[] = {
#define CALL(n, v) { #n, n, v },
#include "layout.h"
};

static void type_desc(const struct type *type, char *desc)
{
	strscpy(desc, type->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(type, types, type_desc);

static void fields_are_where_they_were(struct kunit *test)
{
	const struct type *type = test->param_value;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (strcmp(field->type, type->name))
			continue;
		n++;
		KUNIT_EXPECT_EQ_MSG(test, field->offset, field->expected_offset, "%s", field->name);
		KUNIT_EXPECT_EQ_MSG(test, field->size, field->expected_size, "%s", field->name);
	}
	KUNIT_EXPECT_GT(test, n, 0);
}

static void there_are_no_holes(struct kunit *test)
{
	const struct type *type = test->param_value;
	unsigned int i;
	size_t end = 0;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (strcmp(field->type, type->name))
			continue;
		KUNIT_EXPECT_EQ_MSG(test, field->offset, end, "before %s", field->name);
		end = field->offset + field->size;
	}
	KUNIT_EXPECT_EQ_MSG(test, type->size, end, "after the last field");
}

/* So a 32-bit compiler, to which plain 64-bit fields are aligned to 4, does as ours. */
static void fields_are_aligned_to_their_size(struct kunit *test)
{
	const struct type *type = test->param_value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (strcmp(field->type, type->name))
			continue;
		KUNIT_EXPECT_EQ_MSG(test, field->offset % min_t(size_t, field->size, 8), 0, "%s",
				    field->name);
	}
	KUNIT_EXPECT_EQ(test, type->alignment, type->expected_alignment);
	KUNIT_EXPECT_EQ(test, type->size % 8, 0);
	KUNIT_EXPECT_EQ(test, type->size, type->expected_size);
}

static void numbers_are_what_they_were(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		KUNIT_EXPECT_EQ_MSG(test, calls[i].number, calls[i].expected, "%s", calls[i].name);
		KUNIT_EXPECT_EQ(test, _IOC_TYPE(calls[i].number), 0xFA);
		/* The size is in the structure, not in the number. */
		KUNIT_EXPECT_EQ(test, _IOC_DIR(calls[i].number), _IOC_NONE);
		KUNIT_EXPECT_EQ(test, _IOC_SIZE(calls[i].number), 0);
		/* TT-KMD has those below. */
		KUNIT_EXPECT_GE(test, _IOC_NR(calls[i].number), 0x80);
	}
}

static void values_are_what_they_were(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, TTMEM_ABI_VERSION, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_DRAM, 0);
	KUNIT_EXPECT_EQ(test, TTMEM_L1, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_TAG_BUFFER, 0);
	KUNIT_EXPECT_EQ(test, TTMEM_TAG_TRACE, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_TAG_SYSTEM, 2);
	KUNIT_EXPECT_EQ(test, TTMEM_TAG_L1_SMALL, 3);
	KUNIT_EXPECT_EQ(test, TTMEM_TAG_CB, 4);
	KUNIT_EXPECT_EQ(test, TTMEM_RESERVE_OVERCOMMIT, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_RESERVE_ADDRESS, 2);
	KUNIT_EXPECT_EQ(test, TTMEM_FREE_CHIP, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_FREE_ALL, 2);
	KUNIT_EXPECT_EQ(test, TTMEM_SET_MAX, 256);
	KUNIT_EXPECT_EQ(test, TTMEM_SET_RESTART_PEAKS, 1);
	KUNIT_EXPECT_EQ(test, TTMEM_CLIENT_BYTES_MAX, 1ULL << 40);
	KUNIT_EXPECT_EQ(test, TTMEM_LABEL_SIZE, 32);
	KUNIT_EXPECT_EQ(test, TTMEM_BOARD_SIZE, 24);
}

/* 16 counters a chip, 8 a memory: 128 bytes from chip to chip, and all in one page. */
static void counters_have_their_places(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER), 0);
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_SYSTEM), 2);
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(0, TTMEM_L1, TTMEM_TAG_BUFFER), 8);
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(0, TTMEM_L1, TTMEM_TAG_CB), 12);
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(1, TTMEM_DRAM, TTMEM_TAG_BUFFER), 16);
	KUNIT_EXPECT_EQ(test, TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB), 28);
}

static struct kunit_case uapi_cases[] = {
	KUNIT_CASE_PARAM(fields_are_where_they_were, type_gen_params),
	KUNIT_CASE_PARAM(there_are_no_holes, type_gen_params),
	KUNIT_CASE_PARAM(fields_are_aligned_to_their_size, type_gen_params),
	KUNIT_CASE(numbers_are_what_they_were),
	KUNIT_CASE(values_are_what_they_were),
	KUNIT_CASE(counters_have_their_places),
	{ }
};

struct kunit_suite ttmem_uapi_suite = {
	.name = "ttmem_uapi",
	.test_cases = uapi_cases,
};
