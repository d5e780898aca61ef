/* SPDX-License-Identifier: GPL-2.0-only */
/* The workers of the stress test: programs that use ttmem in every way there is. */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include "shared.h"

/**
 * worker() - be a worker, until killed
 * @slot: its place
 * @life: how many were there before
 */
void worker(int slot, uint64_t life);

/* What a worker's child does that has called exec(). */
int worker_heir(char **args);

/* A process ended as one may: by itself, or killed. */
void worker_check_end(pid_t pid, int status);

/* Receive what is on the way to a slot, and close it. */
void worker_drain(int slot);

#endif /* STRESS_WORKER_H */
