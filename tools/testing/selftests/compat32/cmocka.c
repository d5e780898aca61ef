// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a list of tests as cmocka does, for the 32-bit build.
 */
#include "cmocka.h"

jmp_buf mini_cmocka_env;
int mini_cmocka_running;

/* One test with its teardown: 0 passed, 1 failed, 2 skipped. */
static int run_one(const struct CMUnitTest *test)
{
	void *state = test->initial_state;
	volatile int result;

	mini_cmocka_running = 1;
	result = setjmp(mini_cmocka_env);
	if (!result)
		test->test_func(&state);
	if (test->teardown_func) {
		int torn = setjmp(mini_cmocka_env);

		if (!torn)
			torn = test->teardown_func(&state);
		if (torn)
			result = 1;
	}
	mini_cmocka_running = 0;
	return result;
}

int mini_cmocka_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
		    CMFixtureFunction teardown)
{
	static const char *const words[] = { "      OK", " FAILED ", " SKIPPED" };
	size_t results[3] = { 0 }, i;

	printf("[==========] tests: Running %zu test(s).\n", count);
	if (setup && setup(NULL)) {
		printf("[  FAILED  ] GROUP SETUP\n");
		return 1;
	}
	for (i = 0; i < count; i++) {
		int result;

		printf("[ RUN      ] %s\n", tests[i].name);
		result = run_one(&tests[i]);
		results[result]++;
		printf("[ %s ] %s\n", words[result], tests[i].name);
	}
	printf("[==========] tests: %zu test(s) run.\n", count);
	printf("[  PASSED  ] %zu test(s).\n", results[0]);
	if (results[2])
		printf("[  SKIPPED ] tests: %zu test(s), listed below:\n", results[2]);
	if (results[1])
		printf("[  FAILED  ] tests: %zu test(s), listed below:\n", results[1]);
	if (teardown && teardown(NULL)) {
		printf("[  FAILED  ] GROUP TEARDOWN\n");
		results[1]++;
	}
	return results[1];
}
