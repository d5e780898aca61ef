/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TTMEM_COUNTER_H
#define TTMEM_COUNTER_H

#include <linux/types.h>

#include "../uapi/ttmem.h"

struct page;
struct ttmem_card;
struct ttmem_client;

int ttmem_counter_set(struct ttmem_client *client, const struct ttmem_gauge *gauges,
		      unsigned int count, bool restart_peaks);
struct page *ttmem_counter_page(struct ttmem_client *client);
void ttmem_counter_end(struct ttmem_client *client);

void ttmem_look_client(struct ttmem_client *client);
int ttmem_look_card(struct ttmem_card *card);

#endif /* TTMEM_COUNTER_H */
