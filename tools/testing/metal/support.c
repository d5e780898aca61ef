// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of ttmem-metald share; support.h explains it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#ifndef METALD_RUN
#define METALD_RUN "run"
#endif

static uint64_t ids[256];
static size_t ids_count;
pid_t metald_pid;
rlim_t metald_files;
const char *metald_program = METALD;

int tree_setup(void **state)
{
	(void)state;
	/* Of a tmpfs: some tests make very many files. */
	if (tree_enter("/dev/shm/ttmem-metald") || mkdir("proc", 0777) || mkdir("etc", 0777) ||
	    symlink("/proc/self", "proc/self"))
		return -1;
	return chmod(".", 0755);
}

int tree_teardown(void **state)
{
	char path[64];

	(void)state;
	if (metald_pid)
		metald_end(SIGKILL);
	metald_files = 0;
	metald_program = METALD;
	while (ids_count) {
		snprintf(path, sizeof(path), "/dev/shm/tt_device_%" PRIu64 "_memory",
			 ids[--ids_count]);
		unlink(path);
	}
	return tree_leave();
}

void put_cards(unsigned int count, unsigned int chips)
{
	static const char * const nodes[] = { "1:5", "1:7", "1:8", "1:9" };
	unsigned int n, chip;
	const char *device;

	put("2.10.0\n", "sys/module/tenstorrent/version");
	put("", "sys/module/ttmem/version");
	for (n = 0; n < count; n++) {
		device = st_text("0000:%02x:00.0", n + 1);
		put_device(n, nodes[n % ARRAY_SIZE(nodes)], device);
		put("0x401e\n", "sys/devices/%s/device", device);
		put("1:3\n", "sys/class/ttmem/ttmem%u/dev", n);
		put("0\n", "sys/class/ttmem/ttmem%u/clients", n);
		for (chip = 0; chip < chips; chip++)
			put("0\n", "sys/class/ttmem/ttmem%u/chip%u/clients", n, chip);
		put("", "proc/driver/tenstorrent/%u/pids", n);
		put_link("/dev/null", "dev/tenstorrent/mem/%u", n);
	}
	put(HEADER, LIST);
}

void put_proc(pid_t pid)
{
	char path[64], target[64];

	snprintf(path, sizeof(path), "proc/%d", pid);
	snprintf(target, sizeof(target), "/proc/%d", pid);
	if (symlink(target, path))
		assert_int_equal(errno, EEXIST);
}

/*
 * Into the file that is there, as a reader keeps it open: the new first, then what is
 * behind it is cut off, so that nothing is missing at any time.
 */
static void overwrite(const char *path, const char *text)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	assert_int_equal(ftruncate(fd, strlen(text)), 0);
	close(fd);
}

void put_list(unsigned int card, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/driver/tenstorrent/%u/pids", card);
	overwrite(path, text);
}

void put_clients(unsigned int card, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "sys/class/ttmem/ttmem%u/clients", card);
	overwrite(path, text);
}

void put_pids(unsigned int card, ...)
{
	char text[8192] = "";
	size_t used = 0;
	va_list args;
	pid_t pid;

	va_start(args, card);
	while ((pid = va_arg(args, pid_t))) {
		char path[64];

		snprintf(path, sizeof(path), "proc/%d/stat", pid);
		if (access(path, F_OK))
			put_proc(pid);
		used += snprintf(text + used, sizeof(text) - used, "%d\n", pid);
	}
	va_end(args);
	put_list(card, text);
}

void put_fake(pid_t pid, uid_t uid, const char *environment)
{
	char text[256];
	FILE *file;

	snprintf(text, sizeof(text), "%d (fake) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n",
		 pid);
	put(text, "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "Name:\tfake\nUid:\t%u\t%u\t%u\t%u\nNSpid:\t%d\n",
		 uid, uid, uid, uid, pid);
	put(text, "proc/%d/status", pid);
	put("100 10 10 1 0 10 0\n", "proc/%d/statm", pid);
	put("", "proc/%d/maps", pid);
	/* With the NUL that ends it. */
	put("", "proc/%d/environ", pid);
	snprintf(text, sizeof(text), "proc/%d/environ", pid);
	file = fopen(text, "w");
	assert_non_null(file);
	fwrite(environment, 1, strlen(environment) + 1, file);
	assert_int_equal(fclose(file), 0);
}

/* Players */

uint64_t new_id(void)
{
	uint64_t id = 5000000000ull + getpid() * 100000ull + ids_count * 64;

	assert_true(ids_count < sizeof(ids) / sizeof(ids[0]));
	ids[ids_count++] = id;
	return id;
}

struct player player_start(const char *option)
{
	int to[2], from[2];
	struct player p;
	char line[32];

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	p.child = st_fork();
	assert_true(p.child >= 0);
	if (!p.child) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl(PLAYER, "player", option, NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	p.to = fdopen(to[1], "w");
	p.from = fdopen(from[0], "r");
	assert_non_null(fgets(line, sizeof(line), p.from));
	p.pid = atoi(line);
	assert_true(p.pid > 0);
	return p;
}

char *player_say(struct player *p, const char *format, ...)
{
	static char line[256];
	va_list args;

	va_start(args, format);
	vfprintf(p->to, format, args);
	va_end(args);
	fputc('\n', p->to);
	fflush(p->to);
	if (!fgets(line, sizeof(line), p->from))
		fail_msg("the player has ended at '%s'", format);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

struct player player_with_card(void)
{
	struct player p = player_start(NULL);

	put_pids(0, p.pid, 0);
	return p;
}

void player_hold(struct player *p, uint64_t id, uint64_t dram)
{
	player_do(p, "attach %" PRIu64 " 0", id);
	player_do(p, "alloc %" PRIu64 " dram %" PRIu64, id, dram);
}

static void reap(struct player *p)
{
	fclose(p->to);
	fclose(p->from);
	assert_int_equal(waitpid(p->child, NULL, 0), p->child);
	p->child = 0;
}

void player_kill(struct player *p)
{
	assert_int_equal(kill(p->pid, SIGKILL), 0);
	reap(p);
}

void player_end(struct player *p)
{
	fclose(p->to);
	p->to = fopen("/dev/null", "w");
	reap(p);
}

/* ttmem-metald */

static void run_metald(char **argv)
{
	const struct rlimit limit = { metald_files, metald_files };
	int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (metald_files)
		setrlimit(RLIMIT_NOFILE, &limit);
	dup2(log, 2);
	execv(metald_program, argv);
	_exit(127);
}

void metald_start(const char *argument, ...)
{
	char *argv[16] = { "ttmem-metald" };
	size_t count = 1;
	va_list args;

	va_start(args, argument);
	for (; argument; argument = va_arg(args, const char *))
		argv[count++] = (char *)argument;
	va_end(args);
	unlink(METALD_RUN "/metald.json");
	metald_pid = st_fork();
	assert_true(metald_pid >= 0);
	if (!metald_pid)
		run_metald(argv);
	await(!access(METALD_RUN "/metald.json", F_OK) || waitpid(metald_pid, NULL, WNOHANG));
	if (access(METALD_RUN "/metald.json", F_OK))
		fail_msg("ttmem-metald has ended: %s", slurp("log"));
}

int metald_end(int signal)
{
	int status;

	kill(metald_pid, signal);
	assert_int_equal(waitpid(metald_pid, &status, 0), metald_pid);
	metald_pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

long metald_rss_kib(void)
{
	char *at = strstr(slurp(st_text("/proc/%d/status", metald_pid)), "VmRSS:");

	return at ? atol(at + 6) : -1;
}

int metald_run(const char *arguments, char **out, char **errors)
{
	static char text[2][1 << 16];
	char line[1024];

	snprintf(line, sizeof(line), "%s %s", METALD, arguments);
	*out = text[0];
	*errors = text[1];
	return run(line, text[0], sizeof(text[0]), text[1], sizeof(text[1]));
}

/* metald.json is written at the end of a look. Two of them: one may be half-way. */
void await_look(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct stat before, after;

		assert_int_equal(stat(METALD_RUN "/metald.json", &before), 0);
		await(!stat(METALD_RUN "/metald.json", &after) &&
		      after.st_mtim.tv_sec * 1000000000ll + after.st_mtim.tv_nsec !=
		      before.st_mtim.tv_sec * 1000000000ll + before.st_mtim.tv_nsec);
	}
}

int64_t told(unsigned int card, pid_t pid, unsigned int chip, unsigned int memory,
	     unsigned int tag)
{
	unsigned int c, k, m, t;
	int64_t value = -1, bytes;
	char line[128];
	FILE *file;
	int p;

	file = fopen("told", "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "set %u %d %u %u %u %" SCNd64, &c, &p, &k, &m, &t, &bytes) == 6) {
			if (c == card && p == pid && k == chip && m == memory && t == tag)
				value = bytes;
		} else if (sscanf(line, "end %u %d", &c, &p) == 2) {
			if (c == card && p == pid)
				value = -1;
		}
	}
	fclose(file);
	return value;
}

size_t count_text(const char *path, const char *text)
{
	char *at = slurp(path);
	size_t count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at += strlen(text);
	}
	return count;
}

size_t told_lines(void)
{
	return count_text("told", "\n");
}
