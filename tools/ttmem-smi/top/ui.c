// SPDX-License-Identifier: GPL-2.0-only
/* What the user has chosen to see. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "top/model.h"
#include "top/ui.h"

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void tell(struct ui *ui, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ui->message, sizeof(ui->message), format, args);
	va_end(args);
	ui->message_end = seconds() + MESSAGE_TIME;
}

const struct top_process *chosen(const struct top *top, const struct ui *ui)
{
	return ui->at < top->shown_count ? top->shown[ui->at] : NULL;
}

/* The processes have moved: the chosen one stays chosen, if it is there. */
static void keep_chosen(const struct top *top, struct ui *ui)
{
	size_t at;

	if (!ui->follow)
		return;
	at = top_find(top, &ui->chosen);
	if (at < top->shown_count) {
		ui->at = at;
		return;
	}
	/* It has ended: the next one takes its line. */
	if (ui->at >= top->shown_count && top->shown_count)
		ui->at = top->shown_count - 1;
	if (chosen(top, ui))
		ui->chosen = chosen(top, ui)->key;
}

void arrange(struct top *top, struct ui *ui)
{
	top_arrange(top);
	keep_chosen(top, ui);
}

void choose(const struct top *top, struct ui *ui, long move)
{
	long at = (long)ui->at + move, last = (long)top->shown_count - 1;

	if (at > last)
		at = last;
	if (at < 0)
		at = 0;
	ui->at = at;
	ui->follow = chosen(top, ui);
	if (ui->follow)
		ui->chosen = chosen(top, ui)->key;
}

void name_chosen(const struct top *top, struct ui *ui)
{
	const struct top_process *p = chosen(top, ui);
	char pid[16] = "-";

	if (p->key.pid)
		snprintf(pid, sizeof(pid), "%d", p->key.pid);
	snprintf(ui->who, sizeof(ui->who), "%s (%s) %s", pid,
		 p->user ? p->user : "-", p->command ? p->command : "-");
}
