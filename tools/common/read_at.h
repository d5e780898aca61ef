/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files of a process that is held open by its directory. */
#ifndef TTMEM_READ_AT_H
#define TTMEM_READ_AT_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/**
 * read_at() - read a file below a directory
 * @dir: the directory
 * @name: the file
 * @text: out: what stands in it, and a NUL
 * @size: size of @text; what is longer is cut off
 * Return: whether something was read, and no error met
 */
static inline bool read_at(int dir, const char *name, char *text, size_t size)
{
	size_t used = 0;
	ssize_t got = 0;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (used < size - 1) {
		got = read(fd, text + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += got;
	}
	close(fd);
	text[used] = '\0';
	return used && got >= 0;
}

#endif /* TTMEM_READ_AT_H */
