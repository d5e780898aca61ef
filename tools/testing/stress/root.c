// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root does in the stress test: pulls cards and plugs them, unloads and loads the
 * driver and ttmem in every order, writes capacities, limits and invalidations.
 * The three go on at the same time, each at its own pace.
 *
 * Cards are known by their PCI addresses here: their numbers change when they
 * are found anew in another order.
 */
#define _GNU_SOURCE
#include <inttypes.h>

#include "root.h"

#define CARDS_MAX	32
#define DRIVER		"/sys/bus/pci/drivers/tenstorrent"

static char address[CARDS_MAX][16];

static const char *pci_path(int card, const char *file)
{
	return st_text("/sys/bus/pci/devices/%s/%s", address[card], file);
}

void root_find_cards(void)
{
	int card;

	for (card = 0; card < shared->cards; card++)
		snprintf(address[card], sizeof(address[card]), "%s", st_pci(card));
}

static bool is_bound(int card)
{
	return !access(pci_path(card, "driver"), F_OK);
}

static bool is_loaded(const char *module)
{
	return !access(st_text("/sys/module/%s/initstate", module), F_OK);
}

/* It was done, or what it was to be done to has just gone. */
static bool done(const char *what, int error)
{
	if (error && error != -ENOENT && error != -ENODEV)
		fail_msg("%s: %s", what, strerror(-error));
	return !error;
}

static void pull(int card)
{
	if (done("remove", st_write(pci_path(card, "remove"), "1")))
		count(COUNT_PULLED, 1);
}

static void plug(void)
{
	done("rescan", st_write("/sys/bus/pci/rescan", "1"));
}

static void unbind(int card)
{
	if (is_bound(card) && done("unbind", st_write(DRIVER "/unbind", address[card])))
		count(COUNT_PULLED, 1);
}

static void bind(int card)
{
	int error = st_write(DRIVER "/bind", address[card]);

	/* Bound by now, or being bound, by a driver that is just loaded. */
	if (error != -EBUSY && error != -EAGAIN)
		done("bind", error);
}

static void pause_ms(struct dice *dice, unsigned int most)
{
	usleep(dice_below(dice, most) * 1000);
}

static void hardware(struct dice *dice)
{
	int card = dice_below(dice, shared->cards), i;

	switch (dice_below(dice, 4)) {
	case 0:
		pull(card);
		pause_ms(dice, 50);
		plug();
		break;
	case 1:
		unbind(card);
		pause_ms(dice, 50);
		bind(card);
		break;
	case 2:
		for (i = 0; i < shared->cards; i++)
			pull((card + i) % shared->cards);
		plug();
		break;
	case 3:
		for (i = 0; i < shared->cards; i++)
			unbind((card + i) % shared->cards);
		for (i = shared->cards; i--;)
			bind((card + i) % shared->cards);
		break;
	}
	pause_ms(dice, 400);
}

static void load(const char *variable)
{
	int error = st_load(variable, "");

	if (error)
		fail_msg("loading %s: %s", getenv(variable), strerror(-error));
}

/* Whoever binds a card holds the driver for that long. */
static void unload_driver(void)
{
	uint64_t end = st_now_ms() + ST_PATIENCE;
	int error;

	while ((error = st_unload("tenstorrent")) == -EAGAIN && st_now_ms() < end)
		usleep(1000);
	if (error)
		fail_msg("unloading the driver: %s", strerror(-error));
	count(COUNT_DRIVER, 1);
	count(COUNT_PULLED, shared->cards);
}

/* The workers close what they have; after a second no one opens anything. */
static void unload_ttmem(void)
{
	uint64_t begin = st_now_ms();
	int error;

	atomic_store(&shared->let_go, 1);
	while ((error = st_unload("ttmem")) == -EAGAIN && st_now_ms() < begin + ST_PATIENCE) {
		if (st_now_ms() > begin + 1000)
			atomic_store(&shared->let_go, 2);
		usleep(500);
	}
	if (error)
		fail_msg("unloading ttmem: %s", strerror(-error));
	count(COUNT_TTMEM, 1);
}

static void modules(struct dice *dice)
{
	bool driver = dice_below(dice, 2), ttmem = !driver || dice_below(dice, 2);
	bool out_first = dice_below(dice, 2), in_first = dice_below(dice, 2);

	if (driver && out_first)
		unload_driver();
	if (ttmem)
		unload_ttmem();
	if (driver && !out_first)
		unload_driver();
	pause_ms(dice, 20);
	if (driver && in_first)
		load("DRIVER_KO");
	if (ttmem) {
		load("TTMEM_KO");
		atomic_store(&shared->let_go, 0);
	}
	if (driver && !in_first)
		load("DRIVER_KO");
	pause_ms(dice, 3000);
}

static void write_number(const char *path, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	done(path, st_write(path, text));
}

static void write_parameter(const char *name, uint64_t number)
{
	write_number(st_param_path(name), number);
}

/* Rather often none, few, and what is in use already. */
static uint64_t some_capacity(struct dice *dice)
{
	return dice_below(dice, 4) ? dice_below(dice, 1ull << (16 + dice_below(dice, 20))) : 0;
}

static void invalidate(int card)
{
	if (done("invalidate", st_put(card, ST_CARD, "invalidate", "1")))
		count(COUNT_INVALIDATED, 1);
}

/*
 * Have ttmem wait at one point or another, where it is built for that. Some
 * invalidations come in the middle of that.
 */
static void delay_module(struct dice *dice, int card)
{
	static const char *const points[] = {
		"reserve", "reserve,show", "reserve,open", "attach", "detach", "exit",
		"probe_walk", "open", "show", "store",
	};

	done("test_delay_points", st_write(st_param_path("test_delay_points"),
					   points[dice_below(dice, ARRAY_SIZE(points))]));
	write_parameter("test_delay_ms", 1 + dice_below(dice, 20));
	pause_ms(dice, 200);
	if (!dice_below(dice, 4))
		invalidate(card);
	pause_ms(dice, 200);
	write_parameter("test_delay_ms", 0);
}

static void admin(struct dice *dice)
{
	static const char *const pools[] = { "dram", "l1" };
	const char *pool = pools[dice_below(dice, 2)];
	int card = dice_below(dice, shared->cards), chip = dice_below(dice, 2);
	char name[16];

	switch (dice_below(dice, 8)) {
	case 0:
	case 1:
	case 2:
		snprintf(name, sizeof(name), "%s_total", pool);
		write_number(st_path(card, chip, name), some_capacity(dice));
		break;
	case 3:
		snprintf(name, sizeof(name), "%s_banks", pool);
		write_number(st_path(card, chip, name), dice_below(dice, 200));
		break;
	case 4:
		snprintf(name, sizeof(name), "%s_peak", pool);
		write_number(st_path(card, (int)dice_below(dice, 3) - 1, name), 0);
		break;
	case 5:
		write_parameter("max_reservations", dice_below(dice, 200));
		pause_ms(dice, 200);
		write_parameter("max_reservations", 1048576);
		break;
	case 6:
		delay_module(dice, card);
		break;
	case 7:
		if (!dice_below(dice, 8))
			invalidate(card);
		break;
	}
	pause_ms(dice, 200);
}

void root_role(enum role role)
{
	static void (*const acts[ROLES])(struct dice *dice) = { hardware, modules, admin };
	struct dice dice;

	dice_make(&dice, 'r', role, 0);
	for (;;) {
		if (atomic_load(&shared->rest)) {
			atomic_fetch_add(&shared->resting, 1);
			while (atomic_load(&shared->rest))
				usleep(2000);
		}
		dice_step(&dice);
		acts[role](&dice);
	}
}

void root_put_back(void)
{
	int card;

	if (!is_loaded("tenstorrent"))
		load("DRIVER_KO");
	if (!is_loaded("ttmem"))
		load("TTMEM_KO");
	plug();
	for (card = 0; card < shared->cards; card++)
		if (!is_bound(card))
			bind(card);
	st_await_all_attached(true);
}
