// SPDX-License-Identifier: GPL-2.0-only
/* What all keys do and what all words mean. */
#include <ncurses.h>

#include "top/draw.h"
#include "top/ui.h"

static const char * const help[] = {
	"q F10         quit",
	"h ? F1        this text; Esc goes back",
	"p Space       pause, and go on",
	"+ -           look less often, more often",
	"Up Down PgUp PgDn Home End",
	"              choose a process; it stays",
	"              chosen wherever it moves to",
	"Enter         its reservations: address,",
	"              size, memory, tag, label; and",
	"              above them its peaks",
	"k F9          end it: asks, and for which",
	"              signal; not with --read-only",
	"/ F4          only processes whose command",
	"              or user has this text in it,",
	"              or whose PID begins with it;",
	"              Esc shows all again",
	"s F6          choose what they are sorted by",
	"< >           by the column before, after",
	"D L P M N     by DRAM, L1, CPU%, MEM, PID",
	"r I           the other way round",
	"c             all cards in one line",
	"Tab           arrows scroll cards, processes",
	"Ctrl-L        draw the screen anew",
	"",
	"Each chip has a bar, used of total, and the",
	"past as a graph, now at the right. At its",
	"left stand what is at its top, and how far",
	"it goes back; the head tells that of graphs",
	"of one line. N/A is what is not known: a",
	"process that has the card open and reports",
	"nothing. Then + at the bar means: at least.",
	"",
	"CARDS         cards it uses",
	"DRAM L1       what it holds of their memory",
	"RESV          how many reservations",
	"CPU% MEM      what it takes of the host; 100",
	"              is one core",
};

#define HELP_LINES	(sizeof(help) / sizeof(help[0]))

void draw_help(struct ui *ui)
{
	static const char * const keys[][2] = {
		{ "Esc", "Back" }, { "Up/Down", "Scroll" }, { "q", "Quit" }, { }
	};
	size_t room = ui->layout.rows - 3, last, i;

	attron(A_BOLD);
	print(ui, 0, 0, ui->layout.columns, "ttmem-smi top " TTMEM_VERSION);
	attroff(A_BOLD);
	last = room < HELP_LINES ? HELP_LINES - room : 0;
	if (ui->first_help > last)
		ui->first_help = last;
	for (i = 0; i < room && ui->first_help + i < HELP_LINES; i++)
		print(ui, 2 + i, 0, ui->layout.columns, "%s",
		      help[ui->first_help + i]);
	draw_keys(ui, 0, keys);
}
