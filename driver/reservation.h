/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_RESERVATION_H
#define TTMEM_RESERVATION_H

#include <linux/types.h>

#include "../uapi/ttmem.h"

struct ttmem_client;
struct ttmem_held;

/* For ttmem_reservation_free_all(): every chip of the card. */
#define TTMEM_ALL_CHIPS		(~0U)

int ttmem_reservation_init(void);
void ttmem_reservation_exit(void);

struct ttmem_held *ttmem_reservation_prepare(struct ttmem_client *client,
					     const struct ttmem_reserve *req);
u64 ttmem_reservation_handle(const struct ttmem_held *held);
int ttmem_reservation_publish(struct ttmem_client *client, struct ttmem_held *held);
void ttmem_reservation_abandon(struct ttmem_client *client, struct ttmem_held *held);

int ttmem_reservation_free(struct ttmem_client *client, u64 handle);
int ttmem_reservation_free_all(struct ttmem_client *client, unsigned int chip,
			       u64 *bytes, u64 *reservations);
int ttmem_reservation_list(struct ttmem_client *client, u64 id, u64 start,
			   struct ttmem_reservation *page, unsigned int room,
			   u64 *next, u64 *total);
void ttmem_reservation_end(struct ttmem_client *client);

#endif /* TTMEM_RESERVATION_H */
