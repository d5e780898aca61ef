// SPDX-License-Identifier: GPL-2.0-only
/* The reservations of a process. */
#include <ncurses.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "text/text.h"
#include "top/draw.h"
#include "top/model.h"
#include "top/read.h"
#include "top/ui.h"
#include "ttmem.h"

static void held_line(const struct ui *ui, int y, const struct held *h)
{
	int end = ui->layout.columns, wide = end >= 70;
	int address = wide ? 18 : 10, size = wide ? 20 : 6;
	char chip[32] = "CHIP", memory[8] = "MEM", tag[16] = "TAG";
	char where[32] = "ADDRESS", bytes[32] = "SIZE", label[64] = "LABEL";

	if (h) {
		const struct ttmem_reservation *r = &h->is;

		snprintf(chip, sizeof(chip), "%u.%u", h->card, r->chip);
		snprintf(memory, sizeof(memory), "%s",
			 r->memory < 2 ? memory_names[r->memory] : "?");
		snprintf(tag, sizeof(tag), "%s", r->tag < TAGS ?
			 tag_names[r->tag] : "?");
		if (r->flags & TTMEM_RESERVE_ADDRESS)
			snprintf(where, sizeof(where), "0x%llx",
				 (unsigned long long)r->address);
		else
			strcpy(where, "-");
		if (wide)
			snprintf(bytes, sizeof(bytes), "%llu",
				 (unsigned long long)r->size);
		else
			short_bytes(bytes, sizeof(bytes), r->size);
		snprintf(label, sizeof(label), "%s", h->sum ? "(gauge or counter)" :
			 (const char *)r->label);
	}
	print(ui, y, 0, 5, "%s", chip);
	print(ui, y, 6, 4, "%s", memory);
	print(ui, y, 11, 8, "%s", tag);
	print(ui, y, 20, address, "%*s", address, where);
	print(ui, y, 21 + address, size, "%*s", size, bytes);
	print(ui, y, 22 + address + size, end - 22 - address - size, "%s",
	      label);
}

/* What all reservations of the process are together, or why that is not known. */
static void draw_sums(const struct ui *ui)
{
	const struct held_list *list = &ui->held;
	char dram[16], l1[16], count[112] = "", besides[64] = "", peak[2][16];
	uint64_t bytes[2] = { 0 };
	size_t n, sums = 0;

	if (ui->held_gone) {
		print(ui, 1, 0, ui->layout.columns,
		      "It is not in the list any more. This is what it held last:");
		return;
	}
	if (!ui->held_reports) {
		print(ui, 1, 0, ui->layout.columns,
		      "Nothing is reported of it, so what it holds is not known. ttmem-smi doctor says why");
		return;
	}
	for (n = 0; n < list->count; n++) {
		const struct ttmem_reservation *r = &list->held[n].is;

		sums += list->held[n].sum;
		if (r->memory < 2)
			add_bytes(&bytes[r->memory], r->size);
	}
	n = list->count - sums;
	if (sums)
		snprintf(besides, sizeof(besides), ", %zu other%s", sums, sums == 1 ? "" : "s");
	/* Where they cannot be read, or not all, the list of processes still has the sums. */
	if (*list->problem)
		memcpy(bytes, ui->held_bytes, sizeof(bytes));
	else
		snprintf(count, sizeof(count), "%zu reservation%s%s: ", n, n == 1 ? "" : "s",
			 besides);
	short_bytes(dram, sizeof(dram), bytes[TTMEM_DRAM]);
	short_bytes(l1, sizeof(l1), bytes[TTMEM_L1]);
	short_bytes(peak[0], sizeof(peak[0]), ui->held_peak[TTMEM_DRAM]);
	short_bytes(peak[1], sizeof(peak[1]), ui->held_peak[TTMEM_L1]);
	print(ui, 1, 0, ui->layout.columns, "%sDRAM %s, L1 %s; peak %s, %s%s", count, dram, l1,
	      peak[0], peak[1], ui->held_attributed ? "; attributed" : "");
}

void draw_held(struct ui *ui)
{
	static const char * const keys[][2] = {
		{ "Esc", "Back" }, { "Up/Down", "Scroll" }, { "p", "Pause" },
		{ }
	};
	const struct held_list *list = &ui->held;
	int rows = ui->layout.rows, how = look_of(CHOSEN), i;
	size_t room = rows - 4, last;

	attron(A_BOLD);
	print(ui, 0, 0, ui->layout.columns, "%s", ui->who);
	attroff(A_BOLD);
	draw_sums(ui);
	attron(how);
	print(ui, 2, 0, ui->layout.columns, " ");
	held_line(ui, 2, NULL);
	attroff(how);

	last = list->count > room ? list->count - room : 0;
	if (ui->first_held > last)
		ui->first_held = last;
	for (i = 0; (size_t)i < room && ui->first_held + i < list->count; i++)
		held_line(ui, 3 + i, &list->held[ui->first_held + i]);
	if ((size_t)i < room && *list->problem)
		draw_sentence(ui, 3 + i, 0, ui->layout.columns, room - i,
			      list->problem);
	draw_keys(ui, 0, keys);
}
