/* SPDX-License-Identifier: GPL-2.0-only */
/* The arguments of ttmem-smi itself; what has arguments of its own takes those. */
#ifndef TTMEM_SMI_OPTIONS_H
#define TTMEM_SMI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "change/change.h"
#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

enum mode {
	MODE_TABLE, MODE_LIST, MODE_ALL, MODE_QUERY, MODE_JSON, MODE_DMON,
	MODE_PMON, MODE_RESERVATIONS, MODE_CHANGE, MODE_HELP_QUERY,
	MODE_ACCOUNTED, MODE_ACCOUNTING,
};

/* What is to be done. */
struct job {
	enum mode mode;
	const char *mode_name;	/* as typed */
	enum query query;
	bool xml;		/* of -q */
	bool all_queries;	/* of --help-query */
	const char *fields;
	const char *by;
	enum accounted_by accounted_by;
	const char *accounting;	/* of --accounting-mode */
	const char *display;	/* -d: of -q, or the delay of dmon and pmon */
	unsigned int parts;
	const char *format;
	struct csv csv;
	const char *colour;
	bool ascii;
	struct monitor monitor;
	struct want want;
	uint64_t pid;
	struct change_args change;
	const char *chip;
	double seconds;
	uint64_t count;		/* 0: for ever, with @seconds */
	const char *file;
	int fd;			/* where to; only standard output is opened yet */
	struct style style;	/* who reads it, not known yet */
};

/**
 * take_arguments() - understand the arguments, or end with what is wrong with them
 * @job: out: what is to be done
 * @argc: how many arguments
 * @argv: the arguments
 *
 * What is asked of the program itself, as --help, is answered, and ends it too.
 */
void take_arguments(struct job *job, int argc, char **argv);

#endif /* TTMEM_SMI_OPTIONS_H */
