/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test program asks of the system: files read and written, the clock,
 * processes, files sent to another process, memory cgroups and modules. Nothing here
 * asserts or prints: it returns what went wrong, and the caller says so in its own way.
 */
#ifndef COMMON_SYSTEM_H
#define COMMON_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIB		(1024ull * 1024)

/*
 * For callers with cmocka, whose assert_in_range() is deprecated from release 2 on in
 * favour of names that the releases before do not have. No value is below 0.
 */
#define assert_between(value, low, high) \
	do { \
		const uint64_t value_ = (value); \
		\
		assert_true(value_ >= (uint64_t)(low) && value_ <= (uint64_t)(high)); \
	} while (0)

/* Where a memory cgroup is made. */
#define ST_CGROUPS	"/sys/fs/cgroup"

/**
 * st_text() - a text for a moment, so that callers need not free it
 * @format: as printf()'s; what is longer than 511 bytes is cut off
 *
 * Return: the text, good until the thread has asked for 16 more
 */
const char *st_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * st_slurp() - read a file of any size
 * @path: the file
 *
 * Return: its text, to be freed; NULL if it cannot be read, with errno
 */
char *st_slurp(const char *path);

/**
 * st_read() - read a small file without an allocation
 * @path: the file
 * @text: where its text goes, terminated; left alone if the file cannot be opened
 * @size: of @text; what does not fit is not read
 *
 * Return: 0 or a negative errno
 */
int st_read(const char *path, char *text, size_t size);

/**
 * st_write() - write a file that is there, in one go
 * @path: the file
 * @text: what is written
 *
 * Return: 0 or a negative errno
 */
int st_write(const char *path, const char *text);

/* The monotonic clock, in nanoseconds. */
static inline uint64_t st_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* The same in milliseconds. */
static inline uint64_t st_now_ms(void)
{
	return st_now_ns() / 1000000;
}

/**
 * st_fork() - fork a child that is killed when its parent's thread ends
 *
 * What was printed before is written out, so that the child does not print it again.
 *
 * Return: as fork()
 */
pid_t st_fork(void);

/**
 * st_send_with_fd() - send an open file to another process, with a message
 * @sock: a Unix socket
 * @fd: the file
 * @data: the message, which may not be empty
 * @size: of @data
 * @flags: of sendmsg()
 *
 * Return: as sendmsg()
 */
ssize_t st_send_with_fd(int sock, int fd, const void *data, size_t size, int flags);

/**
 * st_receive_with_fd() - receive what st_send_with_fd() has sent
 * @sock: the other end of the socket
 * @fd: where the file goes, which is closed on exec; -1 if none came with the message
 * @data: where the message goes
 * @size: of @data
 * @flags: of recvmsg()
 *
 * Return: as recvmsg()
 */
ssize_t st_receive_with_fd(int sock, int *fd, void *data, size_t size, int flags);

/* The path of a file of a cgroup: st_text()'s. */
const char *st_cgroup_path(const char *name, const char *file);

/**
 * st_cgroup_make() - make a memory cgroup, if it is not there
 * @name: its path below %ST_CGROUPS
 *
 * Return: 0 or a negative errno
 */
int st_cgroup_make(const char *name);

/**
 * st_load_file() - load a module
 * @path: its file, which may be compressed
 * @parameters: of the module
 *
 * Return: 0 or a negative errno
 */
int st_load_file(const char *path, const char *parameters);

/**
 * st_unload() - unload a module as rmmod does
 * @module: its name
 *
 * Return: 0 or a negative errno; -EAGAIN is the kernel's word for a module in use
 */
int st_unload(const char *module);

#endif /* COMMON_SYSTEM_H */
