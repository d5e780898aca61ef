/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of taking arguments share. */
#ifndef TTMEM_SMI_OPTIONS_PARTS_H
#define TTMEM_SMI_OPTIONS_PARTS_H

#include "options/options.h"

/* What --help prints. */
extern const char help_text[];

/**
 * check_job() - see whether what was typed goes together, and what follows from it
 * @job: what was typed; out: all of it
 *
 * What is wrong with it is told, and ends the program.
 */
void check_job(struct job *job);

#endif /* TTMEM_SMI_OPTIONS_PARTS_H */
