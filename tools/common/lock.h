/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to be one of on a machine. */
#ifndef TTMEM_LOCK_H
#define TTMEM_LOCK_H

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * lock_take() - hold a file, as long as this process lives
 * @dir: the directory that it is in, made if it is not there
 * @path: the file, root's alone: who may open it may hold it
 * Return: 0; -EWOULDBLOCK if another one holds it, or another negative errno
 */
static inline int lock_take(const char *dir, const char *path)
{
	int fd, error;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	error = errno;
	close(fd);
	return -error;
}

#endif /* TTMEM_LOCK_H */
