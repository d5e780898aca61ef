// SPDX-License-Identifier: GPL-2.0-only
/* Who reads the output: in how many columns, in which colours and characters. */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"
#include "text/text.h"

/* Where nobody tells how many columns there are. */
#define WIDTH_DEFAULT	79
#define WIDTH_MAX	400

void style_of(struct style *style, int fd, const char *colour)
{
	const char *columns = getenv("COLUMNS"), *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;
	bool terminal;
	uint64_t n;

	terminal = isatty(fd);
	style->terminal = terminal;
	style->width = WIDTH_DEFAULT;
	if (columns && ttmem__number(columns, WIDTH_MAX, &n))
		style->width = n;
	else if (terminal && !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		style->width = size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;

	style->utf8 = terminal && !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!strcmp(colour, "auto"))
		style->colour = terminal && !(no_color && *no_color) &&
				term && *term && strcmp(term, "dumb");
	else
		style->colour = !strcmp(colour, "always");
}
