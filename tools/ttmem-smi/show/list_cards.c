// SPDX-License-Identifier: GPL-2.0-only
/* -L: a line for each card. */
#include <stdlib.h>

#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

void print_list(FILE *out, const struct snapshot *snap)
{
	size_t i;

	/* Scripts take what stands behind "UUID: " up to the end, and count lines. */
	for (i = 0; i < snap->cards; i++) {
		const struct card *card = &snap->card[i];
		char *board = printable(*card->board ? card->board : "N/A");
		char *uuid = printable(*card->asic ? card->asic : "N/A");

		fprintf(out, "GPU %u: %s (UUID: %s)\n", card->id.number, board, uuid);
		free(board);
		free(uuid);
	}
}
