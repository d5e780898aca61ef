/* SPDX-License-Identifier: GPL-2.0-only */
/* The control group of a process, which names its container or its job. */
#ifndef TTMEM_CGROUP_H
#define TTMEM_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/**
 * cgroup_choose() - find the path among the hierarchies
 * @text: what /proc/PID/cgroup holds; taken apart
 * @group: out: the path, which begins with a slash; empty if there is none
 * @size: size of @group; what is longer is cut off
 *
 * On machines with both hierarchies the older one may be in use: then its memory
 * controller's path is taken.
 * Return: whether the path was taken whole
 */
bool cgroup_choose(char *text, char *group, size_t size);

#endif /* TTMEM_CGROUP_H */
