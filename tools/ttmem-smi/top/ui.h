/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user has chosen to see of the model. */
#ifndef TTMEM_SMI_TOP_UI_H
#define TTMEM_SMI_TOP_UI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "top/model.h"
#include "top/read.h"

/* How long a message stays, in seconds. */
#define MESSAGE_TIME	5.0

/* What takes the screen, and what asks in front of it. */
enum top_view { VIEW_PROCESSES, VIEW_HELD, VIEW_HELP };
enum top_ask { ASK_NOTHING, ASK_SORT, ASK_FILTER, ASK_KILL };

/* What the user has chosen to see. */
struct ui {
	bool utf8;
	bool colour;
	bool read_only;		/* it sends no signals */
	bool paused;
	bool collapsed;
	bool on_cards;		/* arrows move the cards */
	double delay;		/* seconds from look to look */
	enum top_view view;
	enum top_ask ask;
	struct layout layout;
	int first_meter;	/* first line of chips that is seen */
	size_t first;		/* first process that is seen */
	size_t at;		/* the chosen one, among those shown */
	bool follow;		/* it stays chosen wherever it is sorted to */
	struct top_key chosen;
	unsigned int choice;	/* line of the menu or of the question */
	int pidfd;		/* the process of the question */
	char who[192];		/* it, or that of VIEW_HELD, in words */
	struct top_key held_key;
	struct held_list held;
	bool held_gone;		/* the process is not in the list any more */
	bool held_reports;
	uint64_t held_bytes[2];
	uint64_t held_peak[2];
	bool held_attributed;
	double next_held;	/* when the list is read again; 0: now */
	size_t first_held;
	size_t first_help;
	char message[256];	/* at the foot, until @message_end */
	double message_end;
};

/* Seconds of a clock that only goes on. */
double seconds(void);

/**
 * tell() - leave a message at the foot, for a while
 * @ui: where
 * @format: the message, as for printf()
 */
void __attribute__((format(printf, 2, 3)))
tell(struct ui *ui, const char *format, ...);

/**
 * chosen() - the process that is chosen
 * @top: the model, arranged
 * @ui: what is chosen
 * Return: the process, NULL if there is none
 */
const struct top_process *chosen(const struct top *top, const struct ui *ui);

/**
 * choose() - choose a process some lines away
 * @top: the model, arranged
 * @ui: what is chosen
 * @move: lines down, below 0 up
 */
void choose(const struct top *top, struct ui *ui, long move);

/**
 * arrange() - sort and filter the processes; the chosen one stays chosen, if it is there
 * @top: the model
 * @ui: what is chosen
 */
void arrange(struct top *top, struct ui *ui);

/**
 * name_chosen() - name the process that is chosen: "1234 (alice) python3 serve.py"
 * @top: the model, arranged
 * @ui: in: what is chosen, not nothing; out: @ui->who
 */
void name_chosen(const struct top *top, struct ui *ui);

#endif /* TTMEM_SMI_TOP_UI_H */
