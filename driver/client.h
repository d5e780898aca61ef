/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_CLIENT_H
#define TTMEM_CLIENT_H

#include <linux/pid.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "../uapi/ttmem.h"

struct ttmem_account;
struct ttmem_card;
struct ttmem_client;
struct ttmem_held;

/* For ttmem_client_free_all(): every chip of the card. */
#define TTMEM_ALL_CHIPS		(~0U)

/**
 * struct ttmem_client_line - what a client holds of one pool under one tag
 * @client: the client's id
 * @bytes: reservations and gauge together
 * @reservations: how many
 * @pid: the process that last used the client, a reference; NULL if none did
 * @uid: that process's effective user
 * @chip: the chip
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 */
struct ttmem_client_line {
	u64 client;
	u64 bytes;
	u32 reservations;
	struct pid *pid;
	kuid_t uid;
	u8 chip;
	u8 memory;
	u8 tag;
};

int ttmem_client_init(void);
void ttmem_client_exit(void);

struct ttmem_client *ttmem_client_open(struct ttmem_card *card);
void ttmem_client_close(struct ttmem_client *client);
struct ttmem_card *ttmem_client_card(const struct ttmem_client *client);
u64 ttmem_client_id(const struct ttmem_client *client);
bool ttmem_client_closed(const struct ttmem_client *client);
void ttmem_client_account(const struct ttmem_client *client,
			  struct ttmem_account *account);

struct ttmem_held *ttmem_client_prepare(struct ttmem_client *client,
					const struct ttmem_reserve *req);
u64 ttmem_held_handle(const struct ttmem_held *held);
int ttmem_client_publish(struct ttmem_client *client, struct ttmem_held *held);
void ttmem_client_abandon(struct ttmem_client *client, struct ttmem_held *held);

int ttmem_client_free(struct ttmem_client *client, u64 handle);
int ttmem_client_free_all(struct ttmem_client *client, unsigned int chip,
			  u64 *bytes, u64 *reservations);
int ttmem_client_set(struct ttmem_client *client,
		     const struct ttmem_gauge *gauges, unsigned int count);
int ttmem_client_list(struct ttmem_client *client, u64 id, u64 start,
		      struct ttmem_reservation *page, unsigned int room,
		      u64 *next, u64 *total);

ssize_t ttmem_client_snapshot(struct ttmem_card *card,
			      struct ttmem_client_line **lines);
void ttmem_client_snapshot_free(struct ttmem_client_line *lines, size_t count);

#endif /* TTMEM_CLIENT_H */
