// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "cgroup.h"

bool cgroup_choose(char *text, char *group, size_t size)
{
	char *line, *rest;
	bool whole = true;

	group[0] = '\0';
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':');
		char *where = names ? strchr(names + 1, ':') : NULL;

		if (!where)
			continue;
		*where++ = '\0';
		names++;
		if (!*names ? !*group : !strcmp(names, "memory"))
			whole = snprintf(group, size, "%s", where) < (int)size;
	}
	return whole;
}
