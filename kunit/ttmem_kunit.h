/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_KUNIT_H
#define TTMEM_KUNIT_H

#include <kunit/test.h>
#include <linux/prandom.h>

#ifndef KUNIT_CASE_SLOW
#define KUNIT_CASE_SLOW KUNIT_CASE
#endif

extern struct kunit_suite ttmem_pool_suite;
extern struct kunit_suite ttmem_card_suite;
extern struct kunit_suite ttmem_client_suite;
extern struct kunit_suite ttmem_reservation_suite;
extern struct kunit_suite ttmem_counter_suite;
extern struct kunit_suite ttmem_random_suite;
extern struct kunit_suite ttmem_board_suite;
extern struct kunit_suite ttmem_uapi_suite;

extern unsigned int ttmem_kunit_operations;

void ttmem_kunit_seed(struct kunit *test, struct rnd_state *random);
u32 ttmem_kunit_below(struct rnd_state *random, u32 bound);
u64 ttmem_kunit_size(struct rnd_state *random, unsigned int bits);
void ttmem_kunit_happened(struct kunit *test, const char *what, unsigned int times);

void ttmem_kunit_need_faults(struct kunit *test);
void ttmem_kunit_fail(unsigned int nth, bool rest);
bool ttmem_kunit_failed(void);

#endif /* TTMEM_KUNIT_H */
