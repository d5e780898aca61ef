// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process's maps, and the regions in them opened. Names and files are under the
 * control of whoever runs the process, so nothing is done to a file that could wait
 * for somebody before it is known to be of a tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "maps.h"

/* A program has thousands of mappings, lines of some hundred bytes. */
#define MAPS_SIZE	(16u << 20)
#define MOUNTINFO_SIZE	(1u << 20)
/* So many files are tried in one reading. */
#define TRIES		(4 * PROCESS_REGIONS)

static bool number(const char **text, int base, char end, uint64_t *value)
{
	char *stop;

	if (**text == ' ' || **text == '-' || **text == '+')
		return false;
	errno = 0;
	*value = strtoull(*text, &stop, base);
	if (errno || stop == *text || *stop != end)
		return false;
	*text = stop + 1;
	return true;
}

bool maps_line(const char *line, uint64_t *start, uint64_t *end,
	       struct region_file *r)
{
	static const char before[] = "/dev/shm/tt_device_";
	static const char after[] = "_memory", deleted[] = " (deleted)";
	uint64_t major, minor, ino, offset;
	size_t len, digits = 0;
	const char *at, *stop;
	char text[24];

	/* Most lines are of something else, so their end is looked at first. */
	len = strlen(line);
	if (len > strlen(deleted) &&
	    !strcmp(line + len - strlen(deleted), deleted))
		len -= strlen(deleted);
	if (len < strlen(after) ||
	    memcmp(line + len - strlen(after), after, strlen(after)))
		return false;
	stop = line + len - strlen(after);
	while (stop - digits > line && digits < sizeof(text) &&
	       stop[-1 - (ptrdiff_t)digits] >= '0' &&
	       stop[-1 - (ptrdiff_t)digits] <= '9')
		digits++;
	at = stop - digits;
	if (!digits || digits == sizeof(text) || (*at == '0' && digits > 1) ||
	    (size_t)(at - line) < strlen(before) ||
	    memcmp(at - strlen(before), before, strlen(before)))
		return false;
	memcpy(text, at, digits);
	text[digits] = '\0';
	if (!ttmem__number(text, UINT64_MAX, &r->id))
		return false;

	at = line;
	if (!number(&at, 16, '-', start) || !number(&at, 16, ' ', end))
		return false;
	at += strcspn(at, " ");		/* permissions */
	if (!*at++ || !number(&at, 16, ' ', &offset) ||
	    !number(&at, 16, ':', &major) || !number(&at, 16, ' ', &minor) ||
	    !number(&at, 10, ' ', &ino))
		return false;
	r->dev = makedev(major, minor);
	r->ino = ino;
	return true;
}

bool mountinfo_line(const char *line, dev_t *dev)
{
	static const char type[] = "- tmpfs ";
	uint64_t id, parent, major, minor;
	const char *at = line;
	int field;

	if (!number(&at, 10, ' ', &id) || !number(&at, 10, ' ', &parent) ||
	    !number(&at, 10, ':', &major) || !number(&at, 10, ' ', &minor))
		return false;
	/*
	 * Root, mount point, options and what the kernel adds come before a lone
	 * dash. In none of them stands a space, so none can be taken for it.
	 */
	for (field = 0; field < 3 || strncmp(at, "- ", 2); field++) {
		at += strcspn(at, " ");
		if (!*at++)
			return false;
	}
	if (strncmp(at, type, strlen(type)))
		return false;
	*dev = makedev(major, minor);
	return true;
}

static bool is_tmpfs(struct maps_job *job, dev_t dev)
{
	char *line;
	size_t i;
	int fd;

	if (!job->tmpfs_read) {
		job->tmpfs_read = true;
		job->tmpfs_count = 0;
		fd = openat(job->dir, "mountinfo", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		lines_begin(&job->mountinfo, fd, MOUNTINFO_SIZE);
		while (job->tmpfs_count < MAPS_TMPFS &&
		       (line = lines_next(&job->mountinfo)))
			job->tmpfs_count += mountinfo_line(line, &job->tmpfs[job->tmpfs_count]);
		close(fd);
	}
	for (i = 0; i < job->tmpfs_count; i++)
		if (job->tmpfs[i] == dev)
			return true;
	return false;
}

/*
 * Open the file of a mapping. It may be any file: O_PATH and statx() as it is
 * called here ask no server of a FUSE file, open() would, and for ever.
 * O_NONBLOCK: who has a lease on it could make open() wait too.
 * Return: the file, -1 if it is none of tt-metal's regions
 */
static int open_mapping(struct maps_job *job, uint64_t start, uint64_t end,
			const struct region_file *r)
{
	struct statx st;
	char name[64];
	int path, fd = -1;

	snprintf(name, sizeof(name), "map_files/%llx-%llx",
		 (unsigned long long)start, (unsigned long long)end);
	path = openat(job->dir, name, O_PATH | O_CLOEXEC);
	if (path < 0) {
		/* It may have been unmapped meanwhile. */
		job->unreadable |= errno != ENOENT && errno != ESRCH;
		return -1;
	}
	if (!statx(path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		   STATX_TYPE | STATX_SIZE | STATX_INO, &st) &&
	    S_ISREG(st.stx_mode) && st.stx_size == LAYOUT_SIZE &&
	    st.stx_ino == r->ino &&
	    makedev(st.stx_dev_major, st.stx_dev_minor) == r->dev &&
	    is_tmpfs(job, r->dev)) {
		snprintf(name, sizeof(name), TTMEM_PROC "/self/fd/%d", path);
		fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	job->unreadable |= fd < 0;
	close(path);
	return fd;
}

static struct region_file *find(struct maps_job *job, const struct region_file *key)
{
	size_t i;

	for (i = 0; i < job->count; i++)
		if (job->file[i].id == key->id && job->file[i].ino == key->ino &&
		    job->file[i].dev == key->dev)
			return &job->file[i];
	return NULL;
}

void maps_read(struct maps_job *job)
{
	struct region_file key = { .seen = true }, *known;
	unsigned int tries = 0;
	uint64_t start, end;
	char *line;
	int fd;

	job->tmpfs_read = false;
	fd = openat(job->dir, "maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		job->gone = errno == ESRCH || errno == ENOENT;
		job->unreadable = true;
		job->failed = true;
		return;
	}
	lines_begin(&job->maps, fd, MAPS_SIZE);
	while ((line = lines_next(&job->maps))) {
		if (!maps_line(line, &start, &end, &key))
			continue;
		known = find(job, &key);
		if (known) {
			known->seen = true;
		} else if (job->count < PROCESS_REGIONS && tries++ < TRIES) {
			key.fd = open_mapping(job, start, end, &key);
			if (key.fd >= 0)
				job->file[job->count++] = key;
		}
	}
	close(fd);
	job->failed = job->maps.error;
}
