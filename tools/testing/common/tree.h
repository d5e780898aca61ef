/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trees of sysfs, procfs and dev made by hand, in a directory of their own for each test,
 * and what is run before them. Everything here asserts.
 */
#ifndef COMMON_TREE_H
#define COMMON_TREE_H

#include <stddef.h>

#define CLASS	"sys/class/tenstorrent"
#define LIST	"proc/driver/ttmem/clients"
#define HEADER	"CARD CLIENT PID UID CHIP MEMORY TAG BYTES PEAK RESERVATIONS SOURCE COMMAND\n"

/**
 * tree_enter() - make a directory and stand in it
 * @prefix: its path, to which a dot and six letters are added
 *
 * Return: 0, or -1 if that fails
 */
int tree_enter(const char *prefix);

/* Leave the directory and remove it with all that is in it; 0, or -1 if that fails. */
int tree_leave(void);

/* Make a file and the directories it is in: whole or not at all, as somebody may be reading. */
void __attribute__((format(printf, 2, 3))) put(const char *text, const char *format, ...);

/* A symbolic link, likewise. */
void __attribute__((format(printf, 2, 3))) put_link(const char *target, const char *format, ...);

/**
 * put_device() - what TT-KMD shows of a card
 * @n: its number
 * @dev: of the node, such as 241:0
 * @device: its directory below sys/devices, which the caller makes
 */
void put_device(unsigned int n, const char *dev, const char *device);

/* What a file holds, up to the next call; nothing if it is not there. */
char *slurp(const char *path);

/**
 * run() - run a shell command before the tree
 * @command: what the shell is given; what it prints is also in the files "out" and "err"
 * @out: what it printed, cut off at @out_size
 * @out_size: of @out
 * @err: what it printed as errors, cut off at @err_size
 * @err_size: of @err
 *
 * Return: its exit status
 */
int run(const char *command, char *out, size_t out_size, char *err, size_t err_size);

#endif /* COMMON_TREE_H */
