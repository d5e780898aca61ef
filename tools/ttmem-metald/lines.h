/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a file whose length somebody else decides, in bounded memory. */
#ifndef TTMEM_METALD_LINES_H
#define TTMEM_METALD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct lines - a file that is read line by line
 * @fd: the file
 * @offset: where the next read is from
 * @left: bytes that may still be read
 * @at: where the next line begins in @text
 * @end: where what was read ends there
 * @skip: what comes is the rest of a line that was too long
 * @error: a read has failed with this, 0 if none has
 * @text: what was read and is not taken yet
 */
struct lines {
	int fd;
	off_t offset;
	size_t left;
	size_t at;
	size_t end;
	bool skip;
	int error;
	char text[16384];
};

static inline void lines_begin(struct lines *l, int fd, size_t limit)
{
	l->fd = fd;
	l->offset = 0;
	l->left = limit;
	l->at = 0;
	l->end = 0;
	l->skip = false;
	l->error = 0;
}

/**
 * lines_next() - take the next line
 * @l: the file
 *
 * What is longer than the buffer is left out as a whole, and so is the line in
 * which the limit is reached.
 *
 * Return: the line without its end, NULL behind the last one
 */
char *lines_next(struct lines *l);

#endif /* TTMEM_METALD_LINES_H */
