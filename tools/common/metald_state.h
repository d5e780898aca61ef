/* SPDX-License-Identifier: GPL-2.0-only */
/* What ttmem-metald says of the machine, in /run/ttmem/metald.json. */
#ifndef TTMEM_METALD_STATE_H
#define TTMEM_METALD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "silence.h"

/* Only a test is compiled with another. */
#ifndef TTMEM_RUN
#define TTMEM_RUN	"/run/ttmem"
#endif
#define METALD_STATE	TTMEM_RUN "/metald.json"

/**
 * struct metald_card - a card as ttmem-metald sees it
 * @card: its number
 * @silent: for each reason, processes that have it open and of which nothing is told
 */
struct metald_card {
	unsigned int card;
	uint64_t silent[SILENCES];
};

/**
 * struct metald_state - what it said last
 * @version: ttmem-metald's own, empty if it does not say so
 * @running: it has said so just now; without that the rest means nothing
 * @age: seconds since it has, where there is a file
 * @unplaced: bytes that processes count for chips which no rule places
 * @card: the cards it knows
 * @cards: how many
 */
struct metald_state {
	char version[32];
	bool running;
	double age;
	uint64_t unplaced;
	struct metald_card *card;
	size_t cards;
};

/**
 * metald_read() - read what ttmem-metald said last
 * @state: out; to be given to metald_free() whatever is returned
 *
 * No file, or one that is old, is no error: then it is not running.
 * Return: 0; -EBADMSG if the file is not understood; -EFBIG if it is too large; or
 * another negative errno if it cannot be read
 */
int metald_read(struct metald_state *state);

/**
 * metald_card() - find a card
 * @state: as read
 * @card: its number
 * Return: the card, NULL if ttmem-metald does not run or does not know it
 */
const struct metald_card *metald_card(const struct metald_state *state,
				      unsigned int card);

/**
 * metald_free() - free what was read
 * @state: as read
 */
void metald_free(struct metald_state *state);

#endif /* TTMEM_METALD_STATE_H */
