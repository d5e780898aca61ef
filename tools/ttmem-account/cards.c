// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which card a number is. The end of a card is the end of its clients, and a number is
 * given again, so what a card was is kept until another is there in its place.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "account.h"

#define CARDS_MAX	256
/* A board is told some seconds after the card is there. */
#define LOOK_AGAIN	(10 * NSEC_PER_SEC)

static struct card cards[CARDS_MAX];

/* A file of TT-KMD's; as long as that tells nothing, it is asked again. */
static void read_name(unsigned int card, const char *name, char *text, size_t size)
{
	char path[TTMEM_PATH_SIZE];

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/%s", card, name);
	if (!*text)
		ttmem__read_line(path, text, size);
}

static void read_cards(void)
{
	char path[TTMEM_PATH_SIZE];
	struct ttmem_card_id *list;
	struct stat st;
	size_t count, i;

	if (ttmem_cards(&list, &count, sizeof(*list)))
		return;
	for (i = 0; i < count; i++) {
		struct card *card;

		if (list[i].number >= CARDS_MAX)
			continue;
		card = &cards[list[i].number];
		snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u", list[i].number);
		if (stat(path, &st))
			continue;
		/* Another one may be in the same slot, which has another directory then. */
		if (strcmp(card->address, list[i].address) || card->inode != st.st_ino)
			memset(card, 0, sizeof(*card));
		card->inode = st.st_ino;
		strcpy(card->address, list[i].address);
		read_name(list[i].number, "tt_card_type", card->board, sizeof(card->board));
		read_name(list[i].number, "tt_serial", card->serial, sizeof(card->serial));
		read_name(list[i].number, "tt_asic_id", card->asic, sizeof(card->asic));
	}
	ttmem_list_free(list);
}

const struct card *card_of(unsigned int number)
{
	static const struct card unknown;
	static uint64_t last;
	uint64_t now = now_ns();

	if (!last || now - last >= LOOK_AGAIN ||
	    (number < CARDS_MAX && !cards[number].address[0] && now - last >= NSEC_PER_SEC)) {
		last = now;
		read_cards();
	}
	return number < CARDS_MAX ? &cards[number] : &unknown;
}
