/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_FUSE_H
#define METAL_FUSE_H

#include <sys/types.h>

/**
 * fuse_start() - mount a FUSE file system, in a mount namespace of our own
 * @dir: where
 * Return: its server's process, -1 with errno
 */
pid_t fuse_start(const char *dir);

#endif /* METAL_FUSE_H */
