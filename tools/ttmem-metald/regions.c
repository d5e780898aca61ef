// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of tt-metal's regions a process has mapped. Names and files are under
 * the control of whoever runs the process, so nothing is done to a file that
 * could wait for somebody before it is known to be of a tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lines.h"
#include "metald.h"

/* A program has thousands of mappings, lines of some hundred bytes. */
#define MAPS_SIZE	(16u << 20)
#define MOUNTINFO_SIZE	(1u << 20)
/* So many files are tried in one reading. */
#define TRIES		(4 * PROCESS_REGIONS)

/* The tmpfs of the process whose maps are being read. */
static struct {
	bool read;
	size_t count;
	dev_t dev[1024];
} tmpfs;

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

bool maps_line(const char *line, uint64_t *start, uint64_t *end, struct region *r)
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

static bool is_tmpfs(struct process *p, dev_t dev)
{
	static struct lines lines;
	char *line;
	size_t i;
	int fd;

	if (!tmpfs.read) {
		tmpfs.read = true;
		tmpfs.count = 0;
		fd = openat(p->dir, "mountinfo", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		lines_begin(&lines, fd, MOUNTINFO_SIZE);
		while (tmpfs.count < sizeof(tmpfs.dev) / sizeof(tmpfs.dev[0]) &&
		       (line = lines_next(&lines)))
			tmpfs.count += mountinfo_line(line, &tmpfs.dev[tmpfs.count]);
		close(fd);
	}
	for (i = 0; i < tmpfs.count; i++)
		if (tmpfs.dev[i] == dev)
			return true;
	return false;
}

/*
 * Open the file of a mapping. It may be any file: O_PATH and statx() as it is
 * called here ask no server of a FUSE file, open() would, and for ever.
 * O_NONBLOCK: who has a lease on it could make open() wait too.
 * Return: the file, -1 if it is none of tt-metal's regions
 */
static int open_mapping(struct process *p, uint64_t start, uint64_t end,
			const struct region *r)
{
	struct statx st;
	char name[64];
	int path, fd = -1;

	snprintf(name, sizeof(name), "map_files/%llx-%llx",
		 (unsigned long long)start, (unsigned long long)end);
	path = openat(p->dir, name, O_PATH | O_CLOEXEC);
	if (path < 0) {
		/* It may have been unmapped meanwhile. */
		p->unreadable |= errno != ENOENT && errno != ESRCH;
		return -1;
	}
	if (!statx(path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		   STATX_TYPE | STATX_SIZE | STATX_INO, &st) &&
	    S_ISREG(st.stx_mode) && st.stx_size == LAYOUT_SIZE &&
	    st.stx_ino == r->ino &&
	    makedev(st.stx_dev_major, st.stx_dev_minor) == r->dev &&
	    is_tmpfs(p, r->dev)) {
		snprintf(name, sizeof(name), TTMEM_PROC "/self/fd/%d", path);
		fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	p->unreadable |= fd < 0;
	close(path);
	return fd;
}

static struct region *find_region(struct process *p, const struct region *key)
{
	size_t i;

	for (i = 0; i < p->regions; i++)
		if (p->region[i].id == key->id && p->region[i].ino == key->ino &&
		    p->region[i].dev == key->dev)
			return &p->region[i];
	return NULL;
}

static void add_region(struct process *p, uint64_t start, uint64_t end,
		       const struct region *key)
{
	struct region *r;
	int fd;

	if (!process_charge(p, 1)) {
		p->limited = true;
		return;
	}
	fd = open_mapping(p, start, end, key);
	if (fd < 0) {
		process_charge(p, -1);
		return;
	}
	p->region = more(p->region, p->regions, sizeof(*p->region));
	r = &p->region[p->regions++];
	*r = (struct region){
		.id = key->id, .dev = key->dev, .ino = key->ino, .fd = fd,
		.slot = -1, .seen = true, .card = -1,
	};
	p->placed = 0;
}

void region_drop(struct process *p, struct region *r)
{
	close(r->fd);
	process_charge(p, -1);
	*r = p->region[--p->regions];
	p->placed = 0;
}

/* The size of a process in pages; false if it has ended. */
static bool read_pages(const struct process *p, uint64_t *pages)
{
	char text[64];
	ssize_t got;
	int fd;

	fd = openat(p->dir, "statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	*pages = strtoull(text, NULL, 10);
	return true;
}

void regions_read(struct process *p)
{
	static struct lines lines;
	bool young = process_young(p);
	uint64_t now = now_ns(), pages, start, end;
	unsigned int tries = 0;
	struct region key, *r;
	char *line;
	size_t i;
	int fd;

	if (p->checked && !young && now - p->checked < NSEC_PER_SEC)
		return;
	if (!read_pages(p, &pages)) {
		p->gone = true;
		return;
	}
	/* Once a second all of each region is read, not the entry alone. */
	if (now - p->checked >= NSEC_PER_SEC)
		for (i = 0; i < p->regions; i++)
			p->region[i].slot = -1;
	if (p->checked && !young && pages == p->pages) {
		p->checked = now;
		return;
	}
	p->checked = now;
	p->pages = pages;
	p->limited = false;
	p->unreadable = false;

	fd = openat(p->dir, "maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		p->gone = errno == ESRCH || errno == ENOENT;
		p->unreadable = true;
		return;
	}
	tmpfs.read = false;
	for (i = 0; i < p->regions; i++)
		p->region[i].seen = false;
	lines_begin(&lines, fd, MAPS_SIZE);
	while ((line = lines_next(&lines))) {
		if (!maps_line(line, &start, &end, &key))
			continue;
		r = find_region(p, &key);
		if (r)
			r->seen = true;
		else if (p->regions < PROCESS_REGIONS && tries++ < TRIES)
			add_region(p, start, end, &key);
	}
	close(fd);
	if (lines.error)
		return;
	for (i = p->regions; i--;)
		if (!p->region[i].seen)
			region_drop(p, &p->region[i]);
}
