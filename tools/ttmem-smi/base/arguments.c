// SPDX-License-Identifier: GPL-2.0-only
/* Arguments that several commands take. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "clean.h"

/* A year; longer is a mistake. */
#define SECONDS_MAX	31536000.0

void wrong_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: ", stderr);
	clean_vprint(stderr, format, args);
	fputs(". ttmem-smi --help tells more\n", stderr);
	va_end(args);
	exit(EXIT_USAGE);
}

double parse_seconds(const char *text, double unit)
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(text, &end) * unit;
	if (end == text || *end || errno ||
	    !(seconds >= 0.001 && seconds <= SECONDS_MAX))
		wrong_usage("'%s' is no number of %sseconds from %s to %.0f", text,
			    unit < 1 ? "milli" : "", unit < 1 ? "1" : "0.001",
			    SECONDS_MAX / unit);
	return seconds;
}

double parse_loop(int argc, char **argv)
{
	if (strcmp(optarg, "ms") || strcmp(argv[optind - 1], "-lms"))
		return parse_seconds(optarg, 1);
	if (optind >= argc)
		wrong_usage("option '-lms' requires an argument");
	return parse_seconds(argv[optind++], 0.001);
}

bool parse_span(const char *text, double *seconds)
{
	static const char units[] = "smhd";
	static const double lengths[] = { 1, 60, 3600, 86400 };
	const char *unit;
	char *end;

	errno = 0;
	*seconds = strtod(text, &end);
	unit = *end ? strchr(units, *end) : units;
	if (end == text || errno || !unit || (*end && end[1]))
		return false;
	*seconds *= lengths[unit - units];
	return *seconds >= 0.001 && *seconds <= SECONDS_MAX;
}
