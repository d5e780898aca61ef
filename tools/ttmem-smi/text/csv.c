// SPDX-License-Identifier: GPL-2.0-only
/* Values of CSV, quoted where they must be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

void csv_time(FILE *out, time_t seconds, unsigned int ms)
{
	char when[32];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &tm);
	fprintf(out, "%s.%03u", when, ms);
}

static bool must_be_quoted(const char *text)
{
	size_t len = strlen(text);

	return strpbrk(text, ",\"") || *text == ' ' || (len && text[len - 1] == ' ');
}

static void put_text(FILE *out, const char *clean)
{
	const char *c;

	if (!must_be_quoted(clean)) {
		fputs(clean, out);
		return;
	}
	fputc('"', out);
	for (c = clean; *c; c++) {
		if (*c == '"')
			fputc('"', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

void csv_text(FILE *out, const char *text)
{
	char *clean = printable(text);

	put_text(out, clean);
	free(clean);
}

/* nvidia-smi's comma and blank; but a blank before quotation marks would be text (RFC 4180). */
void csv_comma(FILE *out, bool quoted)
{
	fputs(quoted ? "," : ", ", out);
}

void csv_next(FILE *out, const char *text)
{
	char *clean = printable(text);

	csv_comma(out, must_be_quoted(clean));
	put_text(out, clean);
	free(clean);
}
