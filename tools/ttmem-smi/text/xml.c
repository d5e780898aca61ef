// SPDX-License-Identifier: GPL-2.0-only
/* Text of others in XML. */
#include "text/text.h"

void xml_text(FILE *out, const char *text, size_t max)
{
	size_t count = 0;

	for (; *text; text++) {
		if ((*text & 0xc0) != 0x80 && count++ == max) {
			fputs("\xe2\x80\xa6", out);
			break;
		}
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}
