// SPDX-License-Identifier: GPL-2.0-only
/* What the processes of the stress test share; shared.h tells what is what. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "shared.h"

/* Where the shared memory is, also after exec(). */
#define SHARED_FD	100

struct shared *shared;

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

void dice_make(struct dice *dice, uint64_t kind, uint64_t which, uint64_t life)
{
	dice->stream = mix(mix(mix(shared->seed ^ kind) + which) + life);
	dice->step = 0;
}

void dice_step(struct dice *dice)
{
	dice->state = mix(dice->stream + dice->step++);
}

uint64_t dice_below(struct dice *dice, uint64_t end)
{
	dice->state = mix(dice->state);
	return dice->state % end;
}

const char *group_of(int slot)
{
	return st_text(slot_is_small(slot) ? GROUP "/small%d" : GROUP "/wide", slot);
}

void shared_make(void)
{
	int fd = memfd_create("ttmem-stress", 0);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*shared)), 0);
	assert_int_equal(dup2(fd, SHARED_FD), SHARED_FD);
	close(fd);
}

void shared_map(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	assert_true(shared != MAP_FAILED);
}
