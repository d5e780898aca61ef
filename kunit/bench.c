// SPDX-License-Identifier: GPL-2.0-only
/*
 * What reservations and looks take by themselves, without the system call and the
 * copying: loaded on user-mode Linux, where the code runs at the machine's own speed, it
 * prints lines `name value` and is done. `make bench` runs it after the guest's.
 *
 * That kernel has one CPU, so its spin locks and atomics cost next to nothing, and no
 * memory cgroups.
 */

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

/* As in the suites, no object is shared with ttmem.ko. */
#include "../driver/pool.c"
#include "../driver/board.c"
#include "../driver/card.c"
#include "../driver/counter.c"
#include "../driver/reservation.c"
/* The last: it makes the trace points. */
#include "../driver/client.c"

#define SLICES	201
#define PAIRS	2000	/* in a slice */
#define HEAP	50
#define BYTES	4096

/* What driver/main.c has for ttmem.ko. */
unsigned int ttmem_max_reservations = TTMEM_SLOTS;

static struct ttmem_card *the_card;
static u64 slices[SLICES];

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* The median of the slices, in nanoseconds for each of @per_slice. */
static void tell(const char *name, u64 per_slice)
{
	u64 tenths;

	sort(slices, SLICES, sizeof(*slices), compare, NULL);
	tenths = div64_u64(slices[SLICES / 2] * 10, per_slice);
	pr_info("bench: native_%s_ns %llu.%llu\n", name, tenths / 10, tenths % 10);
}

static struct ttmem_client *begin(void)
{
	struct ttmem_client *client = ttmem_client_open(the_card);

	if (IS_ERR(client))
		panic("bench: open: %pe\n", client);
	return client;
}

/* As chardev.c's release. */
static void end(struct ttmem_client *client)
{
	ttmem_client_close(client);
	ttmem_reservation_end(client);
	ttmem_counter_end(client);
	ttmem_client_put(client);
}

static u64 reserve(struct ttmem_client *client)
{
	const struct ttmem_reserve req = { .size = BYTES };
	struct ttmem_held *held = ttmem_reservation_prepare(client, &req);
	u64 handle;

	if (IS_ERR(held))
		panic("bench: RESERVE: %pe\n", held);
	handle = ttmem_reservation_handle(held);
	if (ttmem_reservation_publish(client, held))
		panic("bench: publishing failed\n");
	return handle;
}

static void release(struct ttmem_client *client, u64 handle)
{
	if (ttmem_reservation_free(client, handle))
		panic("bench: FREE failed\n");
}

/* Pairs of a client that holds @held besides. */
static void bench_pairs(const char *name, unsigned int held)
{
	struct ttmem_client *client = begin();
	unsigned int i, slice;
	u64 start;

	for (i = 0; i < held; i++)
		reserve(client);
	for (slice = 0; slice < SLICES; slice++) {
		start = ktime_get_ns();
		for (i = 0; i < PAIRS; i++)
			release(client, reserve(client));
		slices[slice] = ktime_get_ns() - start;
		cond_resched();
	}
	tell(name, PAIRS);
	end(client);
}

/* As a runtime does that makes all its buffers before it drops them. */
static void bench_heaps(void)
{
	struct ttmem_client *client = begin();
	unsigned int i, done, slice;
	u64 handles[HEAP], start;

	for (slice = 0; slice < SLICES; slice++) {
		start = ktime_get_ns();
		for (done = 0; done < PAIRS; done += HEAP) {
			for (i = 0; i < HEAP; i++)
				handles[i] = reserve(client);
			for (i = 0; i < HEAP; i++)
				release(client, handles[i]);
		}
		slices[slice] = ktime_get_ns() - start;
		cond_resched();
	}
	tell("reserve_50_then_free_50", PAIRS);
	end(client);
}

static void bench_set(void)
{
	struct ttmem_client *client = begin();
	static struct ttmem_gauge gauges[64];
	unsigned int i, slice;
	u64 start;

	for (slice = 0; slice < SLICES; slice++) {
		for (i = 0; i < ARRAY_SIZE(gauges); i++)
			gauges[i].bytes = BYTES + slice + i;
		start = ktime_get_ns();
		for (i = 0; i < PAIRS / 10; i++)
			if (ttmem_counter_set(client, gauges, ARRAY_SIZE(gauges), false))
				panic("bench: SET failed\n");
		slices[slice] = ktime_get_ns() - start;
		cond_resched();
	}
	tell("set_64", PAIRS / 10);
	end(client);
}

static void bench_pool(void)
{
	struct ttmem_pool *pool = &the_card->pool[0][TTMEM_DRAM];
	unsigned int i, slice;
	u64 start;

	for (slice = 0; slice < SLICES; slice++) {
		start = ktime_get_ns();
		for (i = 0; i < PAIRS; i++) {
			if (!ttmem_pool_fits(pool, BYTES))
				panic("bench: the pool is full\n");
			ttmem_pool_charge(pool, TTMEM_TAG_BUFFER, BYTES);
			ttmem_pool_raise_peak(pool);
			ttmem_pool_uncharge(pool, TTMEM_TAG_BUFFER, BYTES);
		}
		slices[slice] = ktime_get_ns() - start;
		cond_resched();
	}
	tell("pool_charge_uncharge", PAIRS);
}

/*
 * What a look at the card takes, as dram_used does it, for each of @count clients with
 * a counter page, whose counters have changed since the look before.
 */
static void bench_look(unsigned int count)
{
	struct ttmem_client **clients = vmalloc(array_size(count, sizeof(*clients)));
	unsigned int i, slice, look, looks = max(1U, PAIRS / count);
	u64 start, took;
	char name[40];
	struct page *page;
	s64 *counters;

	if (!clients)
		panic("bench: out of memory\n");
	for (i = 0; i < count; i++) {
		clients[i] = begin();
		page = ttmem_counter_page(clients[i]);
		if (IS_ERR(page))
			panic("bench: counter page: %pe\n", page);
	}
	for (slice = 0; slice < SLICES; slice++) {
		took = 0;
		for (look = 0; look < looks; look++) {
			for (i = 0; i < count; i++) {
				counters = page_address(clients[i]->counters);
				counters[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)] +=
					BYTES;
			}
			start = ktime_get_ns();
			if (ttmem_look_card(the_card))
				panic("bench: the look failed\n");
			took += ktime_get_ns() - start;
		}
		slices[slice] = took;
	}
	snprintf(name, sizeof(name), "dram_used_%u_pages_each", count);
	tell(name, looks * count);
	if (the_card->pool[0][TTMEM_DRAM].used != (u64)BYTES * SLICES * looks * count)
		panic("bench: the looks have not seen all\n");
	for (i = 0; i < count; i++)
		end(clients[i]);
	vfree(clients);
}

static int __init bench_init(void)
{
	/* An n300, as in the guest. */
	const struct ttmem_pci pci = {
		.vendor_id = 0x1e52,
		.device_id = 0x401e,
		.subsystem_vendor_id = 0x1e52,
		.subsystem_id = 0x14,
	};

	if (ttmem_client_init() || ttmem_reservation_init())
		panic("bench: out of memory\n");
	the_card = ttmem_card_create(0, &pci);
	if (!the_card)
		panic("bench: out of memory\n");

	bench_pool();
	bench_pairs("reserve_free", 0);
	bench_pairs("reserve_free_1000_held", 1000);
	bench_pairs("reserve_free_1000000_held", 1000000);
	bench_heaps();
	bench_set();
	bench_look(1);
	bench_look(64);
	bench_look(1024);
	bench_look(16384);

	ttmem_card_remove(the_card);
	ttmem_card_put(the_card);
	ttmem_reservation_exit();
	ttmem_client_exit();
	pr_info("bench: done\n");
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("The native time of ttmem's books");
MODULE_LICENSE("GPL");
