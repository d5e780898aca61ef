// SPDX-License-Identifier: GPL-2.0-only
/* What the keys do. */
#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "top/keys.h"
#include "top/model.h"
#include "top/read.h"
#include "top/ui.h"

#define KEY_ESCAPE	27
#define KEY_CTRL(c)	((c) & 0x1f)

/* Hold on to the process, so that no other one gets the signal. */
static void ask_kill(const struct top *top, struct ui *ui)
{
	const struct top_process *p = chosen(top, ui);
	struct host_stat stat;

	if (ui->read_only) {
		tell(ui, "No process is ended from here: top was started with --read-only");
		return;
	}
	if (!p)
		return;
	if (!p->key.pid) {
		tell(ui, "This process cannot be seen from here: end it where it runs");
		return;
	}
	ui->pidfd = syscall(SYS_pidfd_open, p->key.pid, 0);
	if (ui->pidfd < 0) {
		tell(ui, errno == ESRCH ? "Process %d has ended" :
			 "Process %d cannot be ended from here", p->key.pid);
		return;
	}
	if (p->has_host && (!read_host_stat(p->key.pid, &stat) ||
			    stat.start != p->host.start)) {
		tell(ui, "Process %d has ended", p->key.pid);
		close(ui->pidfd);
		return;
	}
	name_chosen(top, ui);
	ui->choice = 0;
	ui->ask = ASK_KILL;
}

static void send_signal(struct ui *ui)
{
	int number = ui->choice ? SIGKILL : SIGTERM;
	const char *name = ui->choice ? "SIGKILL" : "SIGTERM";

	if (!syscall(SYS_pidfd_send_signal, ui->pidfd, number, NULL, 0))
		tell(ui, "%s was sent to %s", name, ui->who);
	else if (errno == EPERM)
		tell(ui, "Not permitted: only its user and root may end %s",
		     ui->who);
	else if (errno == ESRCH)
		tell(ui, "It had ended already: %s", ui->who);
	else
		tell(ui, "%s could not be sent to %s: %s", name, ui->who,
		     strerror(errno));
}

static void key_kill(struct ui *ui, int key)
{
	switch (key) {
	case KEY_UP:
	case KEY_DOWN:
	case '\t':
		ui->choice = !ui->choice;
		return;
	case '\n':
	case '\r':
	case KEY_ENTER:
		send_signal(ui);
		break;
	case KEY_ESCAPE:
	case 'q':
	case 'n':
	case KEY_F(10):
		break;
	default:
		return;
	}
	close(ui->pidfd);
	ui->ask = ASK_NOTHING;
}

static void key_sort(struct top *top, struct ui *ui, int key)
{
	switch (key) {
	case KEY_UP:
		ui->choice = (ui->choice + SORTS - 1) % SORTS;
		return;
	case KEY_DOWN:
		ui->choice = (ui->choice + 1) % SORTS;
		return;
	case '\n':
	case '\r':
	case KEY_ENTER:
		top->sort = ui->choice;
		top->reverse = false;
		break;
	case KEY_ESCAPE:
	case 'q':
	case KEY_F(10):
		break;
	default:
		return;
	}
	ui->ask = ASK_NOTHING;
}

static void key_filter(struct top *top, struct ui *ui, int key)
{
	size_t len = strlen(top->filter);

	if (key == KEY_ESCAPE) {
		top->filter[0] = '\0';
		ui->ask = ASK_NOTHING;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		ui->ask = ASK_NOTHING;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		/* A character of UTF-8 goes as a whole. */
		while (len && (top->filter[len - 1] & 0xc0) == 0x80)
			len--;
		top->filter[len ? len - 1 : 0] = '\0';
	} else if (key == KEY_CTRL('u')) {
		top->filter[0] = '\0';
	} else if (key >= ' ' && key < 256 && len + 1 < sizeof(top->filter)) {
		top->filter[len] = key;
		top->filter[len + 1] = '\0';
	}
}

static void scroll_by(size_t *first, long lines)
{
	*first = lines < 0 && *first < (size_t)-lines ? 0 : *first + lines;
}

/* Lines that a key moves by, 0 if it does not. */
static long moves(int key, long page)
{
	switch (key) {
	case KEY_UP:
		return -1;
	case KEY_DOWN:
		return 1;
	case KEY_PPAGE:
		return -page;
	case KEY_NPAGE:
		return page;
	case KEY_HOME:
		return -INT32_MAX;
	case KEY_END:
		return INT32_MAX;
	default:
		return 0;
	}
}

static void leave_view(struct ui *ui)
{
	ui->view = VIEW_PROCESSES;
	held_free(&ui->held);
}

static void change_delay(struct ui *ui, bool longer)
{
	static const double steps[] = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60 };
	size_t count = sizeof(steps) / sizeof(steps[0]), i;

	if (longer) {
		for (i = 0; i < count - 1 && steps[i] <= ui->delay; i++)
			;
		if (steps[i] > ui->delay)
			ui->delay = steps[i];
	} else {
		for (i = count - 1; i && steps[i] >= ui->delay; i--)
			;
		if (steps[i] < ui->delay)
			ui->delay = steps[i];
	}
}

static void sort_by(struct top *top, enum top_sort sort)
{
	top->reverse = top->sort == sort && !top->reverse;
	top->sort = sort;
}

/* Keys of the cards and the processes. */
static void key_processes(struct top *top, struct ui *ui, int key)
{
	long move = moves(key, ui->layout.table_rows);

	if (move && ui->on_cards) {
		long to = ui->first_meter + moves(key, ui->layout.meter_rows);

		ui->first_meter = to < 0 ? 0 : to > INT16_MAX ? INT16_MAX : to;
		return;
	}
	if (key == KEY_HOME) {
		ui->at = 0;
		ui->follow = false;
		return;
	}
	if (move) {
		choose(top, ui, move);
		return;
	}
	switch (key) {
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (!chosen(top, ui))
			break;
		name_chosen(top, ui);
		ui->held_key = chosen(top, ui)->key;
		ui->first_held = 0;
		ui->view = VIEW_HELD;
		break;
	case 'k':
	case KEY_F(9):
		ask_kill(top, ui);
		break;
	case 's':
	case KEY_F(6):
		ui->choice = top->sort;
		ui->ask = ASK_SORT;
		break;
	case '/':
	case '\\':
	case KEY_F(4):
		ui->ask = ASK_FILTER;
		break;
	case KEY_ESCAPE:
		top->filter[0] = '\0';
		ui->on_cards = false;
		ui->follow = false;
		break;
	case '<':
		top->sort = (top->sort + SORTS - 1) % SORTS;
		break;
	case '>':
		top->sort = (top->sort + 1) % SORTS;
		break;
	case 'D':
		sort_by(top, SORT_DRAM);
		break;
	case 'L':
		sort_by(top, SORT_L1);
		break;
	case 'P':
		sort_by(top, SORT_CPU);
		break;
	case 'M':
		sort_by(top, SORT_MEMORY);
		break;
	case 'N':
		sort_by(top, SORT_PID);
		break;
	case 'r':
	case 'I':
		top->reverse = !top->reverse;
		break;
	case 'c':
		ui->collapsed = !ui->collapsed;
		break;
	case '\t':
		ui->on_cards = !ui->on_cards;
		break;
	case '+':
	case '-':
		change_delay(ui, key == '+');
		break;
	default:
		break;
	}
}

bool quits(const struct ui *ui, int key)
{
	return ui->ask == ASK_NOTHING &&
	       (key == KEY_F(10) || (key == 'q' && ui->view != VIEW_HELD));
}

bool take_key(struct top *top, struct ui *ui, int key)
{
	ui->message[0] = '\0';
	if (key == KEY_CTRL('l')) {
		clearok(curscr, TRUE);
		return true;
	}
	switch (ui->ask) {
	case ASK_KILL:
		key_kill(ui, key);
		return true;
	case ASK_SORT:
		key_sort(top, ui, key);
		return true;
	case ASK_FILTER:
		key_filter(top, ui, key);
		return true;
	default:
		break;
	}
	if (quits(ui, key))
		return false;
	if (key == 'p' || key == ' ') {
		ui->paused = !ui->paused;
		return true;
	}
	if (key == 'h' || key == '?' || key == KEY_F(1)) {
		ui->first_help = 0;
		ui->view = VIEW_HELP;
		return true;
	}
	if (ui->view == VIEW_PROCESSES) {
		key_processes(top, ui, key);
		return true;
	}
	if (key == KEY_ESCAPE || key == 'q' || key == '\n' || key == '\r' ||
	    key == KEY_ENTER)
		leave_view(ui);
	scroll_by(ui->view == VIEW_HELD ? &ui->first_held : &ui->first_help,
		  moves(key, ui->layout.rows - 4));
	return true;
}
