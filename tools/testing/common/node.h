/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ttmem shows of a card and what its node answers: where the files are, and the calls.
 * Nothing here asserts.
 */
#ifndef COMMON_NODE_H
#define COMMON_NODE_H

#include "system.h"
#include "../../../uapi/ttmem.h"

/* For the chip of st_path(): the files of the card itself. */
#define ST_CARD		(-1)

/* The list of clients. */
#define ST_LIST		"/proc/driver/ttmem/clients"

/* A value that ttmem shows; a parameter of the module; a card's node: each st_text()'s. */
const char *st_path(int card, int chip, const char *name);
const char *st_param_path(const char *name);
const char *st_node(int card);

/**
 * st_find_pci() - where a card is in PCI
 * @card: its number
 * @address: where its address goes, such as 0000:01:00.0; left alone if there is no card
 * @size: of @address
 *
 * Return: false if there is no card of that number
 */
bool st_find_pci(int card, char *address, size_t size);

/**
 * st_try_open() - open a card's node for all that it can do
 * @card: its number
 *
 * Return: the file, closed on exec, or a negative errno
 */
int st_try_open(int card);

/* The size of a call's structure, as this was built with; 0 for an unknown call. */
size_t st_argsz(unsigned long request);

/**
 * st_ioctl() - a call, its structure as it stands
 * @fd: an open node
 * @request: which call
 * @argument: its structure, or whatever pointer
 *
 * Return: 0 or a negative errno
 */
int st_ioctl(int fd, unsigned long request, void *argument);

/* The same, but argsz, the first field of every structure, is set before. */
int st_call(int fd, unsigned long request, void *argument);

/* Calls for one thing each: 0 or a negative errno. @handle may be NULL. */
int st_reserve(int fd, uint32_t chip, uint32_t memory, uint32_t tag, uint64_t size,
	       uint32_t flags, uint64_t *handle);
int st_free(int fd, uint64_t handle);
int st_free_all(int fd);
int st_set(int fd, uint32_t chip, uint32_t memory, uint32_t tag, uint64_t bytes);
int st_set_many(int fd, const struct ttmem_gauge *gauges, uint32_t count, uint32_t flags);
int st_info(int fd, struct ttmem_info *info);
int st_attribute(int fd, pid_t pid);

/* The counter page of an open file; NULL with errno set if it cannot be mapped. */
int64_t *st_map(int fd);

#endif /* COMMON_NODE_H */
