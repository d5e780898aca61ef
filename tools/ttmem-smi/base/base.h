/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of ttmem-smi stands on: how it ends, memory, what it says and
 * writes, and arguments that several commands take. It knows no card.
 */
#ifndef TTMEM_SMI_BASE_H
#define TTMEM_SMI_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How ttmem-smi ends: nvidia-smi's numbers. Documented in ttmem-smi(1). */
enum {
	EXIT_OK		= 0,
	EXIT_FAILED	= 1,
	EXIT_USAGE	= 2,
	EXIT_NOT_DONE	= 3,
	EXIT_PERMISSION	= 4,
	EXIT_NOT_FOUND	= 6,
	EXIT_NO_DRIVER	= 9,
};

/* memory.c */

/**
 * out_of_memory() - give up for lack of memory
 */
void __attribute__((noreturn)) out_of_memory(void);

/**
 * grow() - make room for one more entry in an array that doubles
 * @array: the array, NULL at first
 * @count: how many entries it has
 * @size: size of an entry
 * Return: the array, its new entry cleared
 */
void *grow(void *array, size_t count, size_t size);

/* A copy of a text, to be freed. */
char *copy(const char *text);

/* Add bytes up; a sum beyond 64 bits stays at the end. */
static inline void add_bytes(uint64_t *sum, uint64_t bytes)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		*sum = UINT64_MAX;
}

static inline int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* output.c */

/**
 * say() - tell something on standard error
 * @format: a sentence without its end, as for printf()
 * Return: EXIT_FAILED, for what ends with that
 */
int __attribute__((format(printf, 1, 2))) say(const char *format, ...);

/**
 * open_special() - open what is no file, such as a pipe or a terminal, to write to it
 * @path: its name, or that of a link to it
 *
 * The directory may be another user's: what is a file or a disk when it is opened is
 * refused, whatever it was before.
 * Return: a descriptor, or -1 once it was told why there is none
 */
int open_special(const char *path);

/**
 * open_output() - open a file that somebody has named, to write it anew
 * @path: its name; a link is followed to no file and no disk, see open_special()
 * Return: a descriptor, or -1 once it was told why there is none
 */
int open_output(const char *path);

/**
 * close_output() - close what was printed to, and tell if not all of it arrived
 * @out: the file
 * @path: its name, for the message
 * Return: EXIT_OK or EXIT_FAILED
 */
int close_output(FILE *out, const char *path);

/**
 * write_out() - write all of a text, and tell if that cannot be
 * @fd: where to
 * @text: the text
 * @size: bytes of it
 * Return: whether all was written
 */
bool write_out(int fd, const char *text, size_t size);

/* Where to: what has been put together goes out in one piece. */
struct paper {
	FILE *out;
	char *text;
	size_t size;
};

/**
 * paper_open() - begin to put something together
 * @paper: out: @paper->out is to be printed to
 */
void paper_open(struct paper *paper);

/**
 * paper_send() - write what was put together, in ASCII where the terminal has no more
 * @paper: the paper, which is freed
 * @fd: where to
 * Return: whether all was written
 */
bool paper_send(struct paper *paper, int fd);

/* arguments.c */

/**
 * wrong_usage() - tell what is wrong with the arguments, and end
 * @format: a sentence without its end, as for printf()
 */
void __attribute__((noreturn, format(printf, 1, 2))) wrong_usage(const char *format, ...);

/**
 * parse_seconds() - understand an interval, or end with what is wrong with it
 * @text: as typed
 * @unit: what it counts, in seconds: 1 or 0.001
 * Return: seconds
 */
double parse_seconds(const char *text, double unit);

/**
 * parse_loop() - understand -l SECONDS, and nvidia-smi's -lms MILLISECONDS
 * @argc: of main()
 * @argv: likewise, where getopt has just found -l
 *
 * To getopt the second is an -l with the value "ms"; what follows is taken too, and so
 * nothing is changed of what stands behind, which may be a command's.
 * Return: seconds
 */
double parse_loop(int argc, char **argv);

/**
 * parse_span() - understand a time as a person types it
 * @text: "90", "90s", "15m", "2h" or "1d"
 * @seconds: out: the time
 * Return: whether it is one, of a millisecond to a year
 */
bool parse_span(const char *text, double *seconds);

#endif /* TTMEM_SMI_BASE_H */
