// SPDX-License-Identifier: MIT
/* Who has a card of TT-KMD open, as TT-KMD lists them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

pid_t ttmem__self(void)
{
	char text[32];
	ssize_t len = readlink(TTMEM_PROC "/self", text, sizeof(text) - 1);
	uint64_t pid;

	if (len < 0)
		return getpid();
	text[len] = '\0';
	return ttmem__number(text, INT32_MAX, &pid) ? (pid_t)pid : getpid();
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int ttmem__openers(unsigned int card, pid_t **pids, size_t *count)
{
	char path[TTMEM_PATH_SIZE], *text, *line, *rest;
	size_t read = 0, lines = 1, size, i;
	pid_t self = ttmem__self();
	uint64_t pid;
	int ret;

	*pids = NULL;
	*count = 0;
	snprintf(path, sizeof(path), TTMEM_PROC "/driver/tenstorrent/%u/pids", card);
	ret = ttmem__read_file(path, &text, &size);
	if (ret)
		return ret;
	/* Not a byte of it may be passed over. */
	if ((size && text[size - 1] != '\n') || memchr(text, '\0', size)) {
		free(text);
		return -EPROTO;
	}
	for (line = text; (line = strchr(line, '\n')); line++)
		lines++;
	*pids = reallocarray(NULL, lines, sizeof(**pids));
	if (!*pids) {
		free(text);
		return -ENOMEM;
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!ttmem__number(line, INT32_MAX, &pid)) {
			free(*pids);
			*pids = NULL;
			free(text);
			return -EPROTO;
		}
		if (pid != (uint64_t)self)
			(*pids)[read++] = pid;
	}
	free(text);
	/* There is a line for each file, and they may be many. */
	qsort(*pids, read, sizeof(**pids), compare_pids);
	for (i = 0; i < read; i++)
		if (!i || (*pids)[i] != (*pids)[i - 1])
			(*pids)[(*count)++] = (*pids)[i];
	return 0;
}
