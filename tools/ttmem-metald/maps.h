/* SPDX-License-Identifier: GPL-2.0-only */
/* A process's maps, read by somebody who may be left waiting. */
#ifndef TTMEM_METALD_MAPS_H
#define TTMEM_METALD_MAPS_H

#include "lines.h"
#include "metald.h"

/* So many tmpfs of a process are known. */
#define MAPS_TMPFS	1024

/**
 * struct region_file - a region that is mapped
 * @id: UMD's unique id of the chip, out of the name
 * @dev: device of the file
 * @ino: the file's number there
 * @fd: the file, -1 if it is open already
 * @seen: it was found in the maps
 */
struct region_file {
	uint64_t id;
	dev_t dev;
	ino_t ino;
	int fd;
	bool seen;
};

/**
 * struct maps_job - one reading
 * @dir: /proc/PID
 * @count: regions in @file: those that are open already, and then new ones too
 * @file: the regions
 * @gone: out: the process has ended
 * @unreadable: out: it has mapped what is called as a region, and that is none
 * @failed: out: not all was read
 * @maps: for maps
 * @mountinfo: for mountinfo
 * @tmpfs_read: that was read
 * @tmpfs_count: tmpfs in @tmpfs
 * @tmpfs: the tmpfs of the process
 */
struct maps_job {
	int dir;
	size_t count;
	struct region_file file[PROCESS_REGIONS];
	bool gone;
	bool unreadable;
	bool failed;
	struct lines maps;
	struct lines mountinfo;
	bool tmpfs_read;
	size_t tmpfs_count;
	dev_t tmpfs[MAPS_TMPFS];
};

/* Do it. This may take as long as whoever runs the process likes. */
void maps_read(struct maps_job *job);

/**
 * maps_line() - see whether a line of /proc/PID/maps is of a region
 * @line: the line without its end
 * @start: out: the mapping's first address
 * @end: out: the address behind it
 * @r: out: id, dev and ino
 * Return: whether it is
 */
bool maps_line(const char *line, uint64_t *start, uint64_t *end,
	       struct region_file *r);

/**
 * mountinfo_line() - see whether a line of /proc/PID/mountinfo is of a tmpfs
 * @line: the line without its end
 * @dev: out: its device
 * Return: whether it is
 */
bool mountinfo_line(const char *line, dev_t *dev);

#endif /* TTMEM_METALD_MAPS_H */
