// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random bytes in all that a user controls: the bytes of a region, lines of maps and
 * mountinfo; and in what an administrator may get wrong, UMD's descriptor. Built
 * with sanitizers.
 *
 *	fuzz_metald MINUTES [SEED]
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "maps.h"
#include "player.h"

/* What the files under test take from those that are not here. */
struct card *cards;
size_t cards_count;
struct users users = TAILQ_HEAD_INITIALIZER(users);

static uint64_t state;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t bound)
{
	return draw() % bound;
}

#define expect(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "fuzz_metald: not so: %s\n", #condition); \
			abort(); \
		} \
	} while (0)

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void say(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
}

void out_of_memory(void)
{
	abort();
}

void *more(void *list, size_t count, size_t size)
{
	list = realloc(list, (count + 1) * size);
	expect(list);
	return list;
}

int write_whole(const char *path, void (*write)(FILE *file, void *arg), void *arg)
{
	(void)path;
	(void)write;
	(void)arg;
	return 0;
}

bool process_young(const struct process *p)
{
	(void)p;
	return true;
}

bool process_charge(struct process *p, int fds)
{
	p->fds += fds;
	return true;
}

static struct process *current;

struct process *process_find(pid_t pid)
{
	return current && current->pid == pid ? current : NULL;
}

struct card *card_find(unsigned int number)
{
	(void)number;
	return NULL;
}

/* Values that are at the edge of something. */
static uint64_t edge(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 4, 5, 63, 64, 65, INT32_MAX, UINT32_MAX, INT64_MAX,
		UINT64_MAX, LAYOUT_READY_VALUE, LAYOUT_STAMP_REALTIME,
		TTMEM_CLIENT_BYTES_MAX,
	};
	uint64_t value = edges[below(sizeof(edges) / sizeof(edges[0]))];

	switch (below(4)) {
	case 0:
		return value + below(3) - 1;
	case 1:
		return draw();
	case 2:
		return getpid();
	default:
		return value;
	}
}

static void scribble(unsigned char *data, size_t size)
{
	unsigned int times = below(20);

	while (times--) {
		uint64_t value = edge();
		size_t width = below(2) ? 8 : 4;
		size_t at = below(size / 4) * 4;

		if (at + width <= size)
			memcpy(data + at, &value, width);
	}
}

static void fuzz_region(unsigned char *data)
{
	struct process p = {
		.inner = below(2) ? getpid() : (pid_t)edge(),
		.monotonic = edge(), .realtime = edge(),
	};
	struct region r = { .slot = below(80), .fd = -1, .fresh = below(2) };
	unsigned int kind;

	if (p.inner <= 0)
		p.inner = 1;
	scribble(data, LAYOUT_SIZE);
	if (below(3))
		memcpy(data, &(uint32_t){ 2 + below(3) }, 4);
	tracker_parse(data, &p, &r);
	expect(r.slot >= -1 && r.slot < LAYOUT_ENTRY_COUNT);
	expect(r.state <= REGION_UNREADABLE);
	for (kind = 0; kind < LAYOUT_KINDS; kind++)
		expect(r.bytes[kind] <= INT64_MAX &&
		       (!r.bytes[kind] || r.state == REGION_READ));
}

static const char * const words[] = {
	"7f0000000000-7f0000003000", "rw-s", "00000000", "00:1a", "12345", "    ", " ", "-",
	"/dev/shm/tt_device_", "_memory", " (deleted)", "18446744073709551615",
	"18446744073709551616", "0", "007", "99999999999999999999999999", "tmpfs",
	" - tmpfs shm rw", " - ", "36 35 0:30 / /dev/shm rw shared:1", "\\012", "\n", "/",
	"fuse.tmpfs", "-1", "+1", "ffffffffffffffff-ffffffffffffffff", "\xff", ":",
	"/dev/shm/tt_device_1_memory", "0x10",
};

static size_t sentence(char *text, size_t size)
{
	size_t used = 0;
	unsigned int count = below(12);

	while (count--) {
		const char *word = words[below(sizeof(words) / sizeof(words[0]))];

		if (!below(30)) {
			/* A path as long as a path may be. */
			size_t len = below(20000);

			if (used + len < size - 64) {
				memset(text + used, 'a' + below(4), len);
				used += len;
			}
		}
		if (used + strlen(word) + 2 >= size)
			break;
		used += sprintf(text + used, "%s%s", word, below(3) ? " " : "");
	}
	text[used] = '\0';
	return used;
}

static void check_line(const char *line)
{
	struct region_file r = { 0 };
	uint64_t start, end;
	char name[64];
	dev_t dev;

	if (maps_line(line, &start, &end, &r)) {
		/* What is taken for a region is called as one, to the digit. */
		snprintf(name, sizeof(name), "/dev/shm/tt_device_%llu_memory",
			 (unsigned long long)r.id);
		expect(strstr(line, name));
	}
	if (mountinfo_line(line, &dev))
		expect(strstr(line, " - tmpfs "));
}

static void fuzz_lines(int fd)
{
	static char text[1 << 16];
	static struct lines lines;
	size_t used = 0, limit;
	unsigned int count = 1 + below(30);
	char *line;

	while (count-- && used < sizeof(text) - 30000) {
		used += sentence(text + used, 30000);
		text[used++] = '\n';
	}
	line = malloc(used + 1);
	expect(line);
	memcpy(line, text, used);
	line[used] = '\0';
	line[strcspn(line, "\n")] = '\0';
	check_line(line);
	free(line);

	expect(!ftruncate(fd, 0) && pwrite(fd, text, used, 0) == (ssize_t)used);
	lseek(fd, 0, SEEK_SET);
	limit = below(3) ? SIZE_MAX : below(70000);
	lines_begin(&lines, fd, limit);
	count = 0;
	while ((line = lines_next(&lines))) {
		expect(strlen(line) < sizeof(lines.text));
		expect(!strchr(line, '\n'));
		check_line(line);
		count++;
	}
	expect(count <= 31 * 12);
}

static void fuzz_descriptor(void)
{
	static const char seed[] =
		"chip_unique_ids:\n  1: 101\n  0: 100\nchips_with_mmio:\n  - 0: 4\n"
		"boards:\n  -\n    - board_id: 7\n    - chips:\n        - 1\n        - 0\n"
		"chip_pci_bdfs:\n  0: 0000:41:00.0\n&a *a [{]}: - ,\"'!%@`|>?";
	struct described *list;
	char text[1024], why[256];
	unsigned int times = below(8);
	size_t size, count, i;
	FILE *file;

	size = snprintf(text, sizeof(text), "%s", seed);
	size -= below(40);
	while (times--) {
		size_t from = below(sizeof(seed) - 20), to = below(size - 20);

		memcpy(text + to, seed + from, below(20));
	}
	file = fmemopen(text, size, "r");
	expect(file);
	if (descriptor_read(file, &list, &count, why, sizeof(why))) {
		for (i = 0; i < count; i++)
			expect(!strpbrk(list[i].address, " \n#"));
		free(list);
	}
	fclose(file);
}

/* A process that changes its regions and their sizes all the time. */
static void vandal(uint64_t id)
{
	char path[64];
	int fd;

	metal_path(id, path, sizeof(path));
	for (;;) {
		uint64_t random[2] = { edge(), edge() };
		unsigned char *data;

		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			_exit(1);
		if (ftruncate(fd, below(4) ? LAYOUT_SIZE : below(3 * LAYOUT_SIZE)))
			_exit(1);
		data = mmap(NULL, LAYOUT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (!below(8))
			unlink(path);
		/* Written by way of the file: a mapping beyond its end would be SIGBUS. */
		if (pwrite(fd, random, sizeof(random), below(LAYOUT_SIZE)) < 0)
			_exit(1);
		if (below(16))
			munmap(data, LAYOUT_SIZE);
		close(fd);
	}
}

/* Return how often regions were found open. */
static unsigned int fuzz_process(uint64_t id, uint64_t until)
{
	struct user u = { .uid = 0 };
	struct process p = { .user = &u, .dir = -1, .pidfd = -1 };
	unsigned int reads = 0, found = 0;
	char path[64];
	size_t i;

	TAILQ_INSERT_TAIL(&users, &u, node);
	p.pid = fork();
	expect(p.pid >= 0);
	if (!p.pid)
		vandal(id);
	p.inner = p.pid;
	current = &p;
	snprintf(path, sizeof(path), "/proc/%d", p.pid);
	p.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (now_ns() < until) {
		regions_poll();
		regions_read(&p);
		expect(p.regions <= PROCESS_REGIONS);
		expect(p.fds == p.regions);
		for (i = 0; i < p.regions; i++)
			tracker_read(&p, &p.region[i]);
		reads++;
		found += p.regions;
		/* It has as many mappings as it may: another one takes its place. */
		if (waitpid(p.pid, NULL, WNOHANG) == p.pid || reads % 2000 == 0)
			break;
	}
	kill(p.pid, SIGKILL);
	waitpid(p.pid, NULL, 0);
	current = NULL;
	while (p.regions)
		region_drop(&p, &p.region[p.regions - 1]);
	expect(!p.fds);
	TAILQ_REMOVE(&users, &u, node);
	free(p.region);
	close(p.dir);
	metal_path(id, path, sizeof(path));
	unlink(path);
	return found;
}

int main(int argc, char **argv)
{
	unsigned char data[LAYOUT_SIZE] = { 0 };
	uint64_t seed, end, rounds = 0, found = 0, id = 4000000000ull + getpid();
	double minutes = argc > 1 ? atof(argv[1]) : 0.1;
	int fd;

	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : now_ns() | 1;
	state = seed;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	fd = memfd_create("lines", MFD_CLOEXEC);
	end = now_ns() + minutes * 60 * NSEC_PER_SEC;
	while (now_ns() < end) {
		int i;

		for (i = 0; i < 2000; i++) {
			fuzz_region(data);
			fuzz_descriptor();
			if (i % 4 == 0)
				fuzz_lines(fd);
		}
		found += fuzz_process(id, now_ns() + NSEC_PER_SEC / 4);
		rounds += i;
	}
	printf("%llu rounds, a region was read %llu times\n", (unsigned long long)rounds,
	       (unsigned long long)found);
	expect(found);
	return 0;
}
