/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What text of others may contain: commands, names of users and of control groups,
 * labels, what a file holds. Every output of ttmem's tools asks here.
 */
#ifndef TTMEM_CLEAN_H
#define TTMEM_CLEAN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What stands for a character that may not be shown: for people, and for programs. */
#define CLEAN_MARK	"?"
#define CLEAN_UNKNOWN	"\xef\xbf\xbd"	/* U+FFFD */

/**
 * clean_allows() - whether a character of text of others may be shown
 * @code: its number in Unicode
 *
 * Not what a terminal obeys (control characters, C1 too), what changes the direction of
 * the text around it, what ends a line without looking so, what cannot be seen, so that
 * two names look the same, and what is no character at all.
 * Return: whether it may
 */
bool clean_allows(uint32_t code);

/**
 * clean_next() - look at the first character of a text
 * @text: not empty
 * @shown: out: whether it may be shown
 * Return: how many bytes it has; 1 where no character of UTF-8 begins
 */
size_t clean_next(const char *text, bool *shown);

/**
 * clean_copy() - copy a text, fit for a line of anything
 * @text: the text
 * @mark: what stands for each character that may not be shown
 * Return: UTF-8, to be freed; NULL for lack of memory
 */
char *clean_copy(const char *text, const char *mark);

/**
 * clean_json() - write a JSON document; what may not be shown is escaped, and so kept
 * @out: where to
 * @json: the document, of which the strings are UTF-8
 */
void clean_json(FILE *out, const char *json);

/**
 * clean_ascii() - put question marks for all that is not ASCII
 * @text: the text, which is changed and gets no longer
 */
void clean_ascii(char *text);

/**
 * clean_speaks_utf8() - whether UTF-8 may be written
 * @fd: where to
 *
 * A terminal that has another encoding may take a part of a character for a command.
 * Return: false for such a terminal
 */
bool clean_speaks_utf8(int fd);

/**
 * clean_send() - write what was put together, as question marks where need be
 * @out: where to; a terminal may have another encoding than UTF-8
 * @paper: from open_memstream(), which is closed here
 * @text: where its text is, which is freed
 * Return: false for lack of memory; else ferror(@out) tells
 */
bool clean_send(FILE *out, FILE *paper, char **text);

/**
 * clean_vprint() - print part of a line for people, as vfprintf() does
 * @out: where to
 * @format: as for printf(), without a line feed
 * @args: likewise
 */
void __attribute__((format(printf, 2, 0)))
clean_vprint(FILE *out, const char *format, va_list args);

/**
 * clean_print() - the same, as fprintf()
 * @out: where to
 * @format: as for printf(), without a line feed
 */
void __attribute__((format(printf, 2, 3))) clean_print(FILE *out, const char *format, ...);

#endif /* TTMEM_CLEAN_H */
