// SPDX-License-Identifier: GPL-2.0-only
/* Numbers for people: bytes in units, and thousandths. */
#include <stdio.h>
#include <string.h>

#include "text/text.h"

static const char * const units[] = { "MiB", "GiB", "TiB", "PiB", "EiB" };

#define UNITS	(sizeof(units) / sizeof(units[0]))

/* Bytes to the nearest of a unit; what is not nothing never looks like it. */
static void format_in(char *text, size_t size, uint64_t bytes, size_t unit)
{
	unsigned int shift = 20 + 10 * unit;
	uint64_t n = (bytes >> shift) + ((bytes >> (shift - 1)) & 1);

	if (bytes && !n)
		snprintf(text, size, "<1");
	else
		snprintf(text, size, "%llu", (unsigned long long)n);
}

uint64_t in_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes >> 19) & 1);
}

void format_bytes(char *text, size_t size, uint64_t bytes, size_t width)
{
	char number[24];
	size_t i;

	for (i = 0; i < UNITS; i++) {
		format_in(number, sizeof(number), bytes, i);
		snprintf(text, size, "%s %s", number, units[i]);
		if (strlen(text) <= width)
			break;
	}
}

void format_pool(char *text, size_t size, uint64_t used, uint64_t total, bool at_least,
		 size_t width)
{
	/* It takes the place of a blank, so that no column grows. */
	char plus = at_least ? '+' : ' ';
	char of[2][24];
	size_t i;

	if (!total) {
		format_bytes(of[0], sizeof(of[0]), used, width - 6);
		snprintf(text, size, "%s%c/ N/A", of[0], plus);
		return;
	}
	for (i = 0; i < UNITS; i++) {
		format_in(of[0], sizeof(of[0]), used, i);
		format_in(of[1], sizeof(of[1]), total, i);
		snprintf(text, size, "%s%c/ %s %s", of[0], plus, of[1], units[i]);
		if (strlen(text) <= width)
			break;
	}
}

void format_milli(char *text, size_t size, int64_t n, unsigned int decimals)
{
	static const unsigned int units_of[] = { 1000, 100, 10, 1 };
	uint64_t value = n < 0 ? -(uint64_t)n : (uint64_t)n;
	unsigned int unit = units_of[decimals], whole = 1000 / unit;

	value = value / unit + (value % unit >= unit - unit / 2);
	if (decimals)
		snprintf(text, size, "%s%llu.%0*llu", n < 0 && value ? "-" : "",
			 (unsigned long long)(value / whole), (int)decimals,
			 (unsigned long long)(value % whole));
	else
		snprintf(text, size, "%s%llu", n < 0 && value ? "-" : "",
			 (unsigned long long)value);
}

void format_size(char *text, size_t size, double bytes)
{
	static const char * const names[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
	};
	unsigned int unit = 0;
	char number[32];

	while (bytes >= 1023.5 && unit < 6) {
		bytes /= 1024;
		unit++;
	}
	snprintf(number, sizeof(number), "%.*f",
		 !unit || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes);
	if (strchr(number, '.')) {
		size_t len = strlen(number);

		while (number[len - 1] == '0')
			number[--len] = '\0';
		if (number[len - 1] == '.')
			number[--len] = '\0';
	}
	snprintf(text, size, "%s %s", number, names[unit]);
}
