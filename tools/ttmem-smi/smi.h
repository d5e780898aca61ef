/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-smi: one look at the cards (collect.c), the ways to show it (table.c,
 * list.c, query.c, json.c, monitor.c), one process's reservations
 * (reservations.c), what root may change (levers.c), and how text is made fit
 * for people (text.c). main.c takes the arguments and looks again and again.
 */
#ifndef TTMEM_SMI_H
#define TTMEM_SMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "base/base.h"
#include "internal.h"
#include "change/change.h"
#include "doctor/doctor.h"
#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

/**
 * top_main() - run `ttmem-smi top`
 * @argc: how many arguments
 * @argv: the arguments, from "top" on
 * Return: the status to end with
 */
int top_main(int argc, char **argv);

#endif /* TTMEM_SMI_H */
