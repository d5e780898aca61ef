// SPDX-License-Identifier: GPL-2.0-only
/* The options of a test program; options.h tells how they are said. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define OPTIONS_MAX	16

static void __attribute__((noreturn)) refuse(const char *program, const struct st_option *option,
					     const char *text)
{
	const char *slash = strrchr(program, '/');

	fprintf(stderr, "%s: --%s %s: ", slash ? slash + 1 : program, option->name, text);
	if (option->amount)
		fputs("more than 0, less than 10000\n", stderr);
	else
		fprintf(stderr, "a whole number from %" PRIu64 " to %" PRIu64 "\n", option->least,
			option->most);
	exit(2);
}

static void take(const char *program, const struct st_option *option, const char *text)
{
	char *end;

	if (option->flag) {
		*option->flag = true;
	} else if (option->text) {
		*option->text = text;
	} else if (option->amount) {
		*option->amount = strtod(text, &end);
		if (end == text || *end || !(*option->amount > 0 && *option->amount < 10000))
			refuse(program, option, text);
	} else {
		errno = 0;
		*option->number = strtoull(text, &end, 0);
		if (errno || end == text || *end || *text == '-' ||
		    *option->number < option->least || *option->number > option->most)
			refuse(program, option, text);
	}
}

void st_options(int argc, char **argv, const struct st_option *options,
		void (*usage)(FILE *out))
{
	struct option known[OPTIONS_MAX + 1] = { };
	int count, c, at;

	for (count = 0; options[count].name && count < OPTIONS_MAX - 1; count++) {
		known[count].name = options[count].name;
		known[count].has_arg = options[count].flag ? no_argument : required_argument;
	}
	known[count].name = "help";
	known[count].val = 'h';
	while ((c = getopt_long(argc, argv, "h", known, &at)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (c) {
			usage(stderr);
			exit(2);
		}
		take(argv[0], &options[at], optarg);
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}
