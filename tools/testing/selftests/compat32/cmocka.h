/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of cmocka as the tests use, in one header: distributions have no
 * 32-bit and no static cmocka, and the ioctls want to be called by a 32-bit
 * program too. Names, meaning and output are cmocka's.
 */
#ifndef COMPAT32_CMOCKA_H
#define COMPAT32_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	CMUnitTestFunction test_func;
	CMFixtureFunction setup_func;
	CMFixtureFunction teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_teardown(f, t) { #f, f, NULL, t, NULL }

extern jmp_buf mini_cmocka_env;
extern int mini_cmocka_running;

/* Ends the running test: 1 failed, 2 skipped. */
static inline void __attribute__((noreturn)) mini_cmocka_end(int how)
{
	const char *die = getenv("CMOCKA_TEST_ABORT");

	fflush(stdout);
	if (how == 1 && die && !strcmp(die, "1"))
		abort();
	if (!mini_cmocka_running)
		exit(1);
	longjmp(mini_cmocka_env, how);
}

#define print_error(...)	fprintf(stderr, __VA_ARGS__)
#define print_message(...)	printf(__VA_ARGS__)
#define skip()			mini_cmocka_end(2)
#define fail_msg(...) \
	do { \
		fprintf(stderr, "[  ERROR   ] --- "); \
		fprintf(stderr, __VA_ARGS__); \
		fprintf(stderr, "\n%s:%d: error: Failure!\n", __FILE__, __LINE__); \
		mini_cmocka_end(1); \
	} while (0)

#define MINI_CMOCKA_CHECK(good, what) \
	do { \
		if (!(good)) \
			fail_msg("%s", what); \
	} while (0)
#define MINI_CMOCKA_COMPARE(a, op, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (!(a_ op b_)) \
			fail_msg("%#llx %s %#llx is not so: %s, %s", a_, #op, b_, #a, #b); \
	} while (0)

#define assert_true(c)			MINI_CMOCKA_CHECK(c, #c)
#define assert_false(c)			MINI_CMOCKA_CHECK(!(c), "not: " #c)
#define assert_non_null(p)		MINI_CMOCKA_CHECK((p) != NULL, #p " is null")
#define assert_null(p)			MINI_CMOCKA_CHECK(!(p), #p " is not null")
#define assert_int_equal(a, b)		MINI_CMOCKA_COMPARE(a, ==, b)
#define assert_int_not_equal(a, b)	MINI_CMOCKA_COMPARE(a, !=, b)
#define assert_string_equal(a, b) \
	do { \
		const char *s_ = (a), *t_ = (b); \
		if (strcmp(s_, t_)) \
			fail_msg("\"%s\" != \"%s\"", s_, t_); \
	} while (0)
#define assert_memory_equal(a, b, n) \
	MINI_CMOCKA_CHECK(!memcmp(a, b, n), #a " and " #b " differ")

int mini_cmocka_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
		    CMFixtureFunction teardown);
#define cmocka_run_group_tests(tests, setup, teardown) \
	mini_cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif /* COMPAT32_CMOCKA_H */
