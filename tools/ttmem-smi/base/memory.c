// SPDX-License-Identifier: GPL-2.0-only
/* Memory, without which ttmem-smi ends. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void out_of_memory(void)
{
	fputs("ttmem-smi: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

void *grow(void *array, size_t count, size_t size)
{
	if (!(count & (count - 1))) {	/* 0, 1, 2, 4, ... */
		array = reallocarray(array, count ? count * 2 : 1, size);
		if (!array)
			out_of_memory();
	}
	memset((char *)array + count * size, 0, size);
	return array;
}

char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		out_of_memory();
	return new;
}
