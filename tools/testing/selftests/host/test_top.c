// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ttmem-smi top computes: history, CPU, sorting, filter and layout. What it
 * draws of it is seen by ../python/test_top.py, in a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "top/model.h"

void out_of_memory(void)
{
	abort();
}

static void history(void **state)
{
	struct history h = { 0 };
	uint64_t value, i;
	double time;

	(void)state;
	assert_false(history_get(&h, 0, &value, NULL));
	assert_true(history_age(&h, 9, 0.5) == 4.5);
	history_add(&h, 7, 100);
	assert_true(history_get(&h, 0, &value, &time));
	assert_int_equal(value, 7);
	assert_true(time == 100);
	assert_false(history_get(&h, 1, &value, &time));

	/* What there is was then; what is not there yet will be at this pace. */
	history_add(&h, 8, 102);
	history_add(&h, 9, 103);
	assert_true(history_age(&h, 0, 1) == 0);
	assert_true(history_age(&h, 1, 1) == 1);
	assert_true(history_age(&h, 2, 1) == 3);
	assert_true(history_age(&h, 5, 1) == 6);

	for (i = 0; i < HISTORY + 3; i++)
		history_add(&h, i, i);
	assert_true(history_get(&h, 0, &value, NULL));
	assert_int_equal(value, HISTORY + 2);
	assert_true(history_get(&h, HISTORY - 1, &value, NULL));
	assert_int_equal(value, 3);
	assert_false(history_get(&h, HISTORY, &value, NULL));
}

static void times(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} times[] = {
		{ 0, "0.0s" }, { 2.5, "2.5s" }, { 9.96, "10s" }, { 99, "99s" },
		{ 120, "2m" }, { 7200, "2h" }, { 86400 * 5, "5d" },
	};
	char text[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_string_equal(short_time(text, sizeof(text), times[i].seconds),
				    times[i].text);
}

static void host_stat(void **state)
{
	static const char * const bad[] = {
		"", "12 (x", "12 (x) S 1 2 3", "12 x S 1 1 1 0 -1 0 0 0 0 0 7 5",
	};
	struct host_stat stat;
	size_t i;

	(void)state;
	/* The name may look like the rest of the line. */
	assert_true(parse_host_stat("12 (a) R 9 (b) S 1 12 12 0 -1 4194560 1 2 3 4 700 55 8 9 20 0 3 0 987654 8396800 2560 18446744073709551615 1 1",
				    &stat));
	assert_int_equal(stat.ticks, 755);
	assert_int_equal(stat.start, 987654);
	assert_int_equal(stat.pages, 2560);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_host_stat(bad[i], &stat));
}

static void cpu(void **state)
{
	struct top_process p = { .cpu = -1 };
	struct host_stat stat = { .ticks = 1000, .start = 5, .pages = 3 };

	(void)state;
	top_host(&p, &stat, 10.0, 100, 4096);
	assert_true(p.cpu < 0);
	assert_int_equal(p.memory, 3 * 4096);

	/* Two cores for half a second. */
	stat.ticks += 100;
	top_host(&p, &stat, 10.5, 100, 4096);
	assert_int_equal(p.cpu, 200);
	top_host(&p, &stat, 11.5, 100, 4096);
	assert_int_equal(p.cpu, 0);

	/* Another process has the number now; its ticks tell nothing yet. */
	stat.start = 6;
	stat.ticks = 5000;
	top_host(&p, &stat, 12.5, 100, 4096);
	assert_true(p.cpu < 0);
	stat.ticks += 50;
	top_host(&p, &stat, 13.5, 100, 4096);
	assert_int_equal(p.cpu, 50);
	/* No time has passed, or the ticks went back. */
	top_host(&p, &stat, 13.5, 100, 4096);
	assert_true(p.cpu < 0);
	stat.ticks--;
	top_host(&p, &stat, 14.5, 100, 4096);
	assert_true(p.cpu < 0);
}

static struct card card_of(unsigned int number, const char *address)
{
	struct card card = { .id.number = number };

	strcpy(card.id.address, address);
	return card;
}

static void chips_come_and_go(void **state)
{
	struct card a = card_of(0, "0000:01:00.0"), b = card_of(3, "0000:02:00.0");
	struct card moved = card_of(3, "0000:09:00.0");
	struct top_chip *b0, *b1, *again;
	struct top top = { 0 };

	(void)state;
	b0 = top_chip(&top, 0, &b, 0);
	b1 = top_chip(&top, 1, &b, 1);
	history_add(&b0->pool[0].history, 5, 1);
	assert_int_equal(top.chips, 2);

	/* A card comes before it: the chips stay what they are. */
	assert_int_equal(top_chip(&top, 0, &a, 0)->card.id.number, 0);
	assert_ptr_equal(top_chip(&top, 1, &b, 0), b0);
	assert_ptr_equal(top_chip(&top, 2, &b, 1), b1);
	top_keep_chips(&top, 3);
	assert_int_equal(top.chips, 3);
	assert_ptr_equal(top.chip[1], b0);

	/* It goes. */
	assert_ptr_equal(top_chip(&top, 0, &b, 0), b0);
	assert_ptr_equal(top_chip(&top, 1, &b, 1), b1);
	top_keep_chips(&top, 2);
	assert_int_equal(top.chips, 2);
	assert_int_equal(b0->pool[0].history.count, 1);

	/* The number at another address is another card, without a past. */
	again = top_chip(&top, 0, &moved, 0);
	assert_int_equal(again->pool[0].history.count, 0);
	top_keep_chips(&top, 1);
	assert_int_equal(top.chips, 1);
	top_keep_chips(&top, 0);
	assert_int_equal(top.chips, 0);
	top_free(&top);
}

/* Tell of a client's line, and name the process. */
static struct top_process *tell(struct top *top, unsigned int card, pid_t pid,
				uint64_t id, uint32_t memory, uint64_t bytes,
				const char *command)
{
	const struct ttmem_client client = {
		.client = id, .card = card, .pid = pid, .memory = memory,
		.bytes = bytes, .peak = bytes, .reservations = 2,
	};
	struct top_process *p = top_client(top, &client, true);

	if (p && !p->command && command)
		p->command = strdup(command);
	return p;
}

static void processes(void **state)
{
	struct top top = { 0 };
	struct top_process *p, *q;
	pid_t pid;

	(void)state;
	top_begin(&top);
	p = tell(&top, 0, 10, 1, TTMEM_DRAM, 100, "a");
	assert_ptr_equal(tell(&top, 0, 10, 1, TTMEM_L1, 7, NULL), p);
	assert_ptr_equal(tell(&top, 0, 10, 2, TTMEM_DRAM, 11, NULL), p);
	tell(&top, 0, 10, 2, TTMEM_UNKNOWN, 1000, NULL);
	assert_true(p->reports);
	assert_int_equal(p->bytes[TTMEM_DRAM], 111);
	assert_int_equal(p->bytes[TTMEM_L1], 7);
	assert_int_equal(p->reservations, 8);
	tell(&top, 1, 10, 1, TTMEM_L1, UINT64_MAX, NULL);
	assert_true(p->bytes[TTMEM_L1] == UINT64_MAX);

	/* It has the card open too: that is no other one. */
	assert_ptr_equal(top_open(&top, 1, 10), p);
	/* One that reports nothing. */
	q = top_open(&top, 1, 11);
	assert_false(q->reports);
	/* Those that cannot be seen are told apart by card and client. */
	assert_ptr_not_equal(tell(&top, 0, 0, 5, TTMEM_DRAM, 1, NULL),
			     tell(&top, 0, 0, 6, TTMEM_DRAM, 1, NULL));
	tell(&top, 1, 0, 5, TTMEM_DRAM, 1, NULL);
	/* One that has card 1 open may be that; one of card 2 is not. */
	assert_null(top_open(&top, 1, 0));
	q = top_open(&top, 2, 0);
	assert_non_null(q);
	assert_ptr_equal(top_open(&top, 2, 0), q);
	top_end(&top);
	assert_int_equal(top.processes, 6);

	/* The next look: sums begin anew, who is not seen is gone. */
	top_begin(&top);
	assert_ptr_equal(tell(&top, 0, 10, 1, TTMEM_DRAM, 3, NULL), p);
	top_end(&top);
	assert_int_equal(top.processes, 1);
	assert_int_equal(p->bytes[TTMEM_DRAM], 3);
	assert_int_equal(p->bytes[TTMEM_L1], 0);
	assert_string_equal(p->cards, "0");

	/* Many, and all of them found again. */
	top_begin(&top);
	for (pid = 1; pid <= 5000; pid++)
		tell(&top, 0, pid, pid, TTMEM_DRAM, pid, NULL);
	for (pid = 1; pid <= 5000; pid++)
		assert_int_equal(tell(&top, 1, pid, pid, TTMEM_DRAM, 1, NULL)->bytes[TTMEM_DRAM],
				 pid + 1);
	top_end(&top);
	assert_int_equal(top.processes, 5000);
	top_free(&top);
}

/* A client that holds nothing any more. */
static struct top_process *tell_peak(struct top *top, unsigned int card,
				     pid_t pid, uint64_t id, uint64_t peak)
{
	const struct ttmem_client client = {
		.client = id, .card = card, .pid = pid,
		.tag = TTMEM_TAG_NONE, .peak = peak,
		.source = TTMEM_SOURCE_ATTRIBUTED,
	};

	return top_client(top, &client, true);
}

static void peaks(void **state)
{
	struct ttmem_client client = {
		.client = 3, .card = 1, .pid = 10, .bytes = 5, .peak = 60,
		.tag = TTMEM_TAG_TRACE,
	};
	struct top top = { 0 };
	struct top_process *p;

	(void)state;
	/* Of two lines of one client and memory one tells the peak. */
	top_begin(&top);
	p = top_client(&top, &client, true);
	assert_ptr_equal(top_client(&top, &client, false), p);
	assert_int_equal(p->bytes[TTMEM_DRAM], 10);
	assert_int_equal(p->peak[TTMEM_DRAM], 60);
	assert_false(p->attributed);
	/* What it once held elsewhere does not show it there. */
	assert_ptr_equal(tell_peak(&top, 2, 10, 4, 7), p);
	assert_int_equal(p->peak[TTMEM_DRAM], 67);
	assert_true(p->attributed);
	assert_string_equal(p->cards, "1");
	tell(&top, 3, 10, 4, TTMEM_L1, UINT64_MAX, NULL);
	tell(&top, 4, 10, 4, TTMEM_L1, 1, NULL);
	assert_true(p->peak[TTMEM_L1] == UINT64_MAX);

	/* Who holds nothing at all is no user, unless he has the card open. */
	tell_peak(&top, 1, 11, 5, 9);
	tell_peak(&top, 1, 12, 6, 8);
	tell_peak(&top, 1, 0, 7, 8);
	p = top_open(&top, 1, 12);
	assert_true(p->reports);
	assert_int_equal(p->bytes[TTMEM_DRAM], 0);
	assert_int_equal(p->peak[TTMEM_DRAM], 8);
	/* One that is not visible and has it open may be another than that. */
	assert_false(top_open(&top, 1, 0)->reports);
	top_end(&top);
	assert_int_equal(top.processes, 3);

	/* Peaks and who told them are those of this look. */
	top_begin(&top);
	p = tell(&top, 1, 10, 3, TTMEM_DRAM, 4, NULL);
	assert_int_equal(p->peak[TTMEM_DRAM], 4);
	assert_int_equal(p->peak[TTMEM_L1], 0);
	assert_false(p->attributed);
	top_end(&top);
	assert_int_equal(top.processes, 1);
	top_free(&top);
}

static void cards_of_a_process(void **state)
{
	static const unsigned int cards[] = { 0, 0, 1, 2, 5, 7, 8, 8, 31 };
	struct top top = { 0 };
	struct top_process *p;
	unsigned int i;

	(void)state;
	top_begin(&top);
	for (i = 0; i < sizeof(cards) / sizeof(cards[0]); i++)
		p = tell(&top, cards[i], 10, 1, TTMEM_DRAM, 1, NULL);
	assert_string_equal(p->cards, "0-2,5,7-8,31");

	/* More than there is room for: cut off, not written beyond. */
	for (i = 100; i < 2000; i += 2)
		tell(&top, i, 10, 1, TTMEM_DRAM, 1, NULL);
	assert_int_equal(strlen(p->cards), sizeof(p->cards) - 1);
	top_end(&top);
	top_free(&top);
}

static void only(void **state)
{
	struct top top = { .only = { 12, 13 }, .only_count = 2 };

	(void)state;
	top_begin(&top);
	assert_null(tell(&top, 0, 11, 1, TTMEM_DRAM, 1, NULL));
	assert_non_null(tell(&top, 0, 13, 1, TTMEM_DRAM, 1, NULL));
	assert_null(tell(&top, 0, 0, 2, TTMEM_DRAM, 1, NULL));
	assert_null(top_open(&top, 0, 0));
	assert_non_null(top_open(&top, 0, 12));
	top_end(&top);
	assert_int_equal(top.processes, 2);
	top_free(&top);
}

/* The numbers of the processes as they are shown. */
static const char *order(struct top *top)
{
	static char text[64];
	size_t i, used = 0;

	top_arrange(top);
	text[0] = '\0';
	for (i = 0; i < top->shown_count; i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%d",
				 i ? " " : "", top->shown[i]->key.pid);
	return text;
}

static void sorting(void **state)
{
	struct top top = { 0 };
	struct top_process *p;
	struct top_key key;

	(void)state;
	top_begin(&top);
	p = tell(&top, 0, 3, 1, TTMEM_DRAM, 10, "beta");
	p->user = strdup("zoe");
	p->cpu = 5;
	p->memory = 1;
	p = tell(&top, 2, 1, 2, TTMEM_DRAM, 30, "Alpha");
	tell(&top, 2, 1, 2, TTMEM_L1, 1, NULL);
	p->user = strdup("Adam");
	p->memory = 3;
	p = tell(&top, 10, 2, 3, TTMEM_DRAM, 30, "gamma");
	p->user = strdup("mike");
	p->cpu = 50;
	p->memory = 2;
	p = tell(&top, 1, 0, 4, TTMEM_L1, 5, NULL);
	top_end(&top);

	assert_string_equal(order(&top), "1 2 3 0");	/* DRAM */
	top.reverse = true;
	assert_string_equal(order(&top), "0 3 2 1");
	top.reverse = false;
	top.sort = SORT_L1;
	assert_string_equal(order(&top), "0 1 2 3");
	top.sort = SORT_CPU;
	assert_string_equal(order(&top), "2 3 0 1");
	top.sort = SORT_MEMORY;
	assert_string_equal(order(&top), "1 2 3 0");
	top.sort = SORT_PID;
	assert_string_equal(order(&top), "0 1 2 3");
	top.sort = SORT_USER;
	assert_string_equal(order(&top), "1 2 3 0");
	top.sort = SORT_COMMAND;
	assert_string_equal(order(&top), "1 3 2 0");
	top.sort = SORT_CARDS;				/* 10 behind 2 */
	assert_string_equal(order(&top), "3 0 1 2");
	top.sort = SORT_RESERVATIONS;
	assert_string_equal(order(&top), "1 0 2 3");

	key = (struct top_key){ .pid = 3 };
	assert_int_equal(top_find(&top, &key), 3);
	key = (struct top_key){ .card = 1, .client = 4 };
	assert_int_equal(top_find(&top, &key), 1);
	key.client = 5;
	assert_int_equal(top_find(&top, &key), 4);
	top_free(&top);
}

static void filter(void **state)
{
	struct top top = { .sort = SORT_PID };
	struct top_process *p;

	(void)state;
	top_begin(&top);
	p = tell(&top, 0, 120, 1, TTMEM_DRAM, 1, "python3 Serve.py");
	p->user = strdup("alice");
	p = tell(&top, 0, 312, 2, TTMEM_DRAM, 1, "tt-bench");
	p->user = strdup("bob");
	tell(&top, 0, 0, 3, TTMEM_DRAM, 1, NULL);
	top_end(&top);

	strcpy(top.filter, "serve");
	assert_string_equal(order(&top), "120");
	strcpy(top.filter, "BOB");
	assert_string_equal(order(&top), "312");
	strcpy(top.filter, "12");
	assert_string_equal(order(&top), "120");
	strcpy(top.filter, "0");
	assert_string_equal(order(&top), "");
	top.filter[0] = '\0';
	assert_string_equal(order(&top), "0 120 312");
	top_free(&top);
}

static void sums(void **state)
{
	struct card a = card_of(0, "0000:01:00.0");
	struct top top = { 0 };
	uint64_t used, total;
	struct top_chip *c;

	(void)state;
	top_sum(&top, TTMEM_DRAM, &used, &total);
	assert_int_equal(total, 0);
	c = top_chip(&top, 0, &a, 0);
	c->followed = true;
	c->pool[TTMEM_DRAM] = (struct top_pool){ .used = 1, .total = 10 };
	c = top_chip(&top, 1, &a, 1);
	c->followed = true;
	c->pool[TTMEM_DRAM] = (struct top_pool){ .used = 2, .total = 20 };
	top_chip(&top, 2, &a, 2);			/* not followed */
	top_sum(&top, TTMEM_DRAM, &used, &total);
	assert_int_equal(used, 3);
	assert_int_equal(total, 30);
	c->pool[TTMEM_DRAM].total = 0;			/* not known */
	top_sum(&top, TTMEM_DRAM, &used, &total);
	assert_int_equal(used, 3);
	assert_int_equal(total, 0);
	c->pool[TTMEM_DRAM].used = UINT64_MAX;
	top_sum(&top, TTMEM_DRAM, &used, &total);
	assert_true(used == UINT64_MAX);
	top_free(&top);
}

static void bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0B" }, { 1, "1B" }, { 999, "999B" }, { 1000, "1.0K" },
		{ 1024, "1.0K" }, { 1536, "1.5K" }, { 102297, "99.9K" },
		{ 102400, "100K" }, { 1023487, "999K" }, { 1023488, "1.0M" },
		{ 12884901888, "12.0G" }, { 1ull << 40, "1.0T" },
		{ UINT64_MAX, "16.0E" },
	};
	char text[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(short_bytes(text, sizeof(text),
						cases[i].bytes), cases[i].text);
	assert_int_equal(permille(0, 10), 0);
	assert_int_equal(permille(1, UINT64_MAX), 1);
	assert_int_equal(permille(5, 10), 500);
	assert_int_equal(permille(999999, 1000000), 999);
	assert_int_equal(permille(11, 10), 1000);
}

static void layouts(void **state)
{
	static const struct {
		int rows, columns;
		size_t meters;
		int side, height, seen;
	} cases[] = {
		{ 24, 80, 1, 1, 9, 1 },
		{ 24, 80, 3, 1, 4, 3 },
		{ 24, 80, 6, 1, 2, 6 },
		{ 24, 80, 32, 2, 1, 16 },	/* the table has 5 lines */
		{ 24, 80, 34, 2, 1, 13 },	/* 8 chips are out of sight */
		{ 60, 200, 1, 1, 9, 1 },
		{ 60, 200, 3, 1, 9, 3 },
		{ 60, 200, 32, 3, 3, 11 },
		{ 10, 40, 1, 1, 4, 1 },
		{ 10, 40, 3, 1, 1, 3 },
		{ 10, 40, 32, 1, 1, 4 },
	};
	struct layout l;
	size_t i, meters;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		layout_make(&l, cases[i].rows, cases[i].columns,
			    cases[i].meters, 9);
		assert_int_equal(l.meter_columns, cases[i].side);
		assert_int_equal(l.meter_height, cases[i].height);
		assert_int_equal(l.meter_rows, cases[i].seen);
	}
	layout_make(&l, 24, 80, 1, 1);
	assert_int_equal(l.meter_height, 1);
	layout_make(&l, 9, 80, 1, 9);
	assert_true(l.too_small);
	layout_make(&l, 10, 39, 1, 9);
	assert_true(l.too_small);

	/* Whatever the size, all has its place. */
	for (meters = 0; meters <= 64; meters++) {
		int rows, columns;

		for (rows = MIN_ROWS; rows < 100; rows++) {
			for (columns = MIN_COLUMNS; columns < 400; columns++) {
				layout_make(&l, rows, columns, meters, 9);
				assert_true(l.meter_width >= 38);
				assert_true(l.meter_width * l.meter_columns <=
					    columns);
				assert_true(l.meter_rows >= 1);
				assert_true(l.table == 1 + l.meter_rows *
					    l.meter_height);
				assert_true(l.table_rows >= 3);
				assert_true(l.table + 1 + l.table_rows ==
					    rows - 1);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(history),
		cmocka_unit_test(times),
		cmocka_unit_test(host_stat),
		cmocka_unit_test(cpu),
		cmocka_unit_test(chips_come_and_go),
		cmocka_unit_test(processes),
		cmocka_unit_test(peaks),
		cmocka_unit_test(cards_of_a_process),
		cmocka_unit_test(only),
		cmocka_unit_test(sorting),
		cmocka_unit_test(filter),
		cmocka_unit_test(sums),
		cmocka_unit_test(bytes),
		cmocka_unit_test(layouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
