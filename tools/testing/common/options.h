/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of a test program that is run by hand or by make. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct st_option - an option, of which one of the pointers says the kind
 * @name: as it is written, without the dashes
 * @flag: it takes nothing, and this becomes true
 * @text: it takes a text
 * @number: it takes a whole number from @least to @most
 * @amount: it takes a number, which may have a fraction, above 0 and below 10000
 * @least: of @number
 * @most: of @number
 */
struct st_option {
	const char *name;
	bool *flag;
	const char **text;
	uint64_t *number;
	double *amount;
	uint64_t least;
	uint64_t most;
};

/**
 * st_options() - take a program's arguments, all of which are options
 * @argc: main()'s
 * @argv: main()'s
 * @options: what there is beside --help, at most 15, ended by one without a name
 * @usage: prints what there is
 *
 * It ends the program with status 0 after --help, and with 2 where an argument is wrong.
 */
void st_options(int argc, char **argv, const struct st_option *options,
		void (*usage)(FILE *out));

#endif /* COMMON_OPTIONS_H */
