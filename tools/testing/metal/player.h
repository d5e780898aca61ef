/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays tt-metal's tracker: what a program that uses tt-metal keeps in
 * /dev/shm/tt_device_ID_memory, in the layouts 2, 3 and 4, faults included.
 */
#ifndef METAL_PLAYER_H
#define METAL_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../ttmem-metald/layout.h"

/* A region that this process has attached to. */
struct metal;

/**
 * metal_attach() - map the region of a chip, made if it is not there
 * @id: UMD's unique id of the chip
 * @version: of the layout, 2 to 4
 * @device: tt-metal's own number of the chip
 * @realtime: stamps are of CLOCK_REALTIME, not of CLOCK_MONOTONIC
 *
 * In layout 4 a process has an entry from now on, before that from its first
 * event on.
 *
 * Return: NULL if that fails, with errno; EACCES if it is another user's
 */
struct metal *metal_attach(uint64_t id, int version, int device, bool realtime);

/**
 * metal_record() - a buffer is made or given back
 * @m: the region
 * @kind: enum layout_kind
 * @bytes: how many, below 0 if they are given back
 *
 * Return: false if the process has no entry, as 64 others have
 */
bool metal_record(struct metal *m, int kind, int64_t bytes);

/* The device is closed: the entry is cleared. The region stays. */
void metal_detach(struct metal *m);

/* The region itself, for tests that write random bytes there. */
unsigned char *metal_data(struct metal *m);

/* The name of a region's file. */
void metal_path(uint64_t id, char *path, unsigned int size);

#endif /* METAL_PLAYER_H */
