// SPDX-License-Identifier: GPL-2.0-only
/* What somebody meant to type. */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "text/text.h"

#define WORD_MAX	48

static unsigned int min_of(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Damerau's distance: how often one has to type differently. */
static unsigned int mistakes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int row[3][WORD_MAX + 1];
	size_t i, j;

	for (j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (i = 1; i <= a_len; i++) {
		unsigned int *now = row[i % 3], *before = row[(i + 2) % 3];

		now[0] = i;
		for (j = 1; j <= b_len; j++) {
			bool same = ttmem__same(&a[i - 1], &b[j - 1], 1);

			now[j] = min_of(min_of(before[j], now[j - 1]) + 1,
					before[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_of(now[j], row[(i + 1) % 3][j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

void closest(const char *typed, size_t len, const char *words, unsigned int *best,
	     char *found, size_t size)
{
	if (!len || len > WORD_MAX)
		return;
	while (*words) {
		size_t width = strcspn(words, " ");
		unsigned int count;

		count = width <= WORD_MAX ? mistakes(typed, len, words, width) : *best;
		if (count < *best) {
			*best = count;
			snprintf(found, size, "%.*s", (int)width, words);
		}
		words += width + (words[width] == ' ');
	}
}
