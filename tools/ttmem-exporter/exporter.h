/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-exporter: a page of metrics (metrics.c), and the server that gives it
 * away (main.c).
 */
#ifndef TTMEM_EXPORTER_H
#define TTMEM_EXPORTER_H

#include <stddef.h>

/**
 * metrics() - look at all cards and write what was seen as a page for Prometheus
 * @max_processes: the most processes that are told of each card; the rest is
 *	told as a sum
 * @size: out: bytes of the page
 *
 * What cannot be read is left out and counted in ttmem_read_errors_total.
 * Return: the page, to be freed, NULL for lack of memory
 */
char *metrics(size_t max_processes, size_t *size);

#endif /* TTMEM_EXPORTER_H */
