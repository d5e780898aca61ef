/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A card with three clients, and what suites do with them as ioctl.c and chardev.c do.
 */
#ifndef TTMEM_FIXTURE_H
#define TTMEM_FIXTURE_H

#include <linux/cred.h>

#include "../driver/client.h"
#include "../driver/counter.h"
#include "../driver/reservation.h"

#include "model.h"
#include "ttmem_kunit.h"

/* What every chip of an n300 has of DRAM. */
#define CAPACITY	12884901888ULL

extern const struct ttmem_pci ttmem_kunit_n300;

struct fixture {
	struct ttmem_card *card;
	struct ttmem_client *client[3];
};

int fixture_suite_init(struct kunit_suite *suite);
void fixture_suite_exit(struct kunit_suite *suite);
int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);

void expect_empty(struct kunit *test, struct ttmem_card *card);
struct ttmem_client *open_client(struct kunit *test, struct ttmem_card *card);
void close_client(struct ttmem_client *client);
void end_client(struct fixture *f, unsigned int i);

struct ttmem_reserve request(unsigned int chip, u32 memory, u32 tag, u64 size);
int reserve(struct ttmem_client *client, const struct ttmem_reserve *req, u64 *handle);
int reserve_bytes(struct ttmem_client *client, u64 size);
u64 reserve_one(struct kunit *test, struct ttmem_client *client);
int set_one(struct ttmem_client *client, unsigned int chip, u32 memory, u32 tag, u64 bytes);
u64 reservations_of(struct kunit *test, struct ttmem_client *client);
s64 *counters_of(struct kunit *test, struct ttmem_client *client);

const struct cred *become(struct kunit *test, uid_t uid, bool capable);
void become_self(const struct cred *self);
void give_to(struct ttmem_client *client, struct pid *pid);
void attribute_to(struct ttmem_client *client, struct pid *pid);
void be_killed(bool killed);
struct pid *start_process(struct kunit *test, const char *name, struct task_struct **task);
void stop_process(struct task_struct *task, struct pid *pid);
struct pid *dead_process(struct kunit *test);

#endif /* TTMEM_FIXTURE_H */
