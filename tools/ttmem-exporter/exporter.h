/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-exporter: a page of metrics (metrics.c) with the containers that processes are in
 * (container.c), and the server that gives it away (main.c), where it listens (listen.c).
 */
#ifndef TTMEM_EXPORTER_H
#define TTMEM_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define EXIT_USAGE	2

/* 0x1e52, Tenstorrent's PCI id; 9100 to 9999 are given away to others. */
#define LISTEN_DEFAULT	"127.0.0.1:7762"

/* The most connections at a time, of all addresses together, and the most addresses. */
#define CONNECTIONS	64
#define LISTEN_MAX	8

/* Sockets that listen. */
struct listeners {
	int fd[LISTEN_MAX];
	size_t count;
};

/**
 * die() - say why, and end
 * @status: the status to end with
 * @format: as for printf()
 */
void __attribute__((noreturn, format(printf, 2, 3))) die(int status, const char *format, ...);

/**
 * listen_at() - listen, and tell where on standard error
 * @where: ADDRESS:PORT, as typed
 * @to: out: the sockets, one at least
 *
 * An address that this machine does not have is served from when it does. Any other failure
 * ends the program.
 */
void listen_at(const char *where, struct listeners *to);

/* The longest that the label cgroup may be, with a NUL: its text is anybody's. */
#define GROUP_SIZE	512

/**
 * struct container - what a process's control group tells
 * @group: its path, cut off where it is too long; empty if it could not be read
 * @pod_uid: the uid of the Kubernetes pod, empty if it is in none
 * @id: the container's id, empty if it is in none
 */
struct container {
	char group[GROUP_SIZE];
	char pod_uid[37];
	char id[65];
};

/**
 * container_read() - find out which container a process is in
 * @pid: the process
 * @container: out
 * Return: 0, also if there is no such process, or a negative errno
 */
int container_read(pid_t pid, struct container *container);

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
