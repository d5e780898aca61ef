// SPDX-License-Identifier: GPL-2.0-only
/* Lines of a file; lines.h explains them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"

char *lines_next(struct lines *l)
{
	for (;;) {
		char *line = l->text + l->at;
		char *end = memchr(line, '\n', l->end - l->at);
		size_t room;
		ssize_t got;

		if (end) {
			*end = '\0';
			l->at = end + 1 - l->text;
			if (!l->skip)
				return line;
			l->skip = false;
			continue;
		}
		if (l->at) {
			memmove(l->text, line, l->end - l->at);
			l->end -= l->at;
			l->at = 0;
		}
		if (l->end == sizeof(l->text)) {
			l->skip = true;
			l->end = 0;
		}
		room = sizeof(l->text) - l->end;
		if (room > l->left)
			room = l->left;
		if (!room)
			return NULL;
		got = pread(l->fd, l->text + l->end, room, l->offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			l->error = errno;
		if (got <= 0)
			return NULL;
		l->left -= got;
		l->offset += got;
		l->end += got;
	}
}
