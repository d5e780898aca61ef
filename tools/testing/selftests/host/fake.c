// SPDX-License-Identifier: GPL-2.0-only
/* Cards made by hand; fake.h tells what for. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake.h"

#define EXPECTED	TTMEM_TREE "/tools/testing/selftests/host/expected/"

void put_card(unsigned int n, const char *address)
{
	char device[64];

	snprintf(device, sizeof(device), "pci/%s", address);
	put_device(n, "241:0", device);
	put("", "sys/devices/%s/vendor", device);
}

void put_stat(unsigned int n, int chip, const char *name,
	      unsigned long long value)
{
	char dir[16] = "", text[32];

	if (chip >= 0)
		snprintf(dir, sizeof(dir), "chip%d/", chip);
	snprintf(text, sizeof(text), "%llu\n", value);
	put(text, "sys/class/ttmem/ttmem%u/%s%s", n, dir, name);
}

void put_pool(unsigned int n, unsigned int chip, const char *memory,
	      const char *used, const char *total)
{
	put(used, "sys/class/ttmem/ttmem%u/chip%u/%s_used", n, chip, memory);
	put(total, "sys/class/ttmem/ttmem%u/chip%u/%s_total", n, chip, memory);
}

void put_books(unsigned int n, unsigned int chips)
{
	static const char * const zero[] = {
		"dram_used", "dram_peak", "dram_trace_used", "dram_system_used",
		"l1_used", "l1_peak", "l1_small_used", "l1_cb_used",
		"l1_system_used", "clients", "reservations", "denied",
	};
	char dev[16];
	int chip;
	size_t i;

	put("0.1.0\n", "sys/module/ttmem/version");
	snprintf(dev, sizeof(dev), "510:%u\n", n);
	put(dev, "sys/class/ttmem/ttmem%u/dev", n);
	put("", "sys/class/ttmem/ttmem%u/invalidate", n);
	for (chip = -1; chip < (int)chips; chip++) {
		unsigned int times = chip < 0 ? chips : 1;

		for (i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
			put_stat(n, chip, zero[i], 0);
		put_stat(n, chip, "dram_total", 12884901888 * times);
		put_stat(n, chip, "dram_free", 12884901888 * times);
		put_stat(n, chip, "dram_banks", 12 * times);
		put_stat(n, chip, "l1_total", 95944704 * times);
		put_stat(n, chip, "l1_free", 95944704 * times);
		put_stat(n, chip, "l1_banks", 64 * times);
	}
	if (access(LIST, F_OK))
		put_clients("");
}

void put_clients(const char *lines)
{
	char *text;

	assert_true(asprintf(&text, HEADER "%s", lines) > 0);
	put(text, LIST);
	free(text);
}

void put_process(int pid, const char *comm)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\n", comm);
	put(line, "proc/%d/comm", pid);
	put("", "proc/%d/cmdline", pid);
}

int fake_setup(void **state)
{
	(void)state;
	unsetenv("COLUMNS");
	unsetenv("NO_COLOR");
	setenv("TZ", "UTC", 1);
	return tree_enter("/tmp/ttmem-host");
}

int fake_teardown(void **state)
{
	(void)state;
	return tree_leave();
}

int run_on_terminal(const char *command, unsigned int columns,
		    const char *answer, char *out, size_t out_size)
{
	struct winsize size = { .ws_row = 24, .ws_col = columns };
	size_t used = 0, i, kept = 0;
	int master, status;
	struct termios mode;
	ssize_t got;
	pid_t pid;

	pid = forkpty(&master, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (!pid) {
		/* What is typed is not shown, so the output is the program's. */
		tcgetattr(STDIN_FILENO, &mode);
		mode.c_lflag &= ~ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &mode);
		setenv("LC_ALL", "C.UTF-8", 1);
		setenv("TERM", "xterm", 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	/* Typed too early it would be shown. */
	do
		assert_int_equal(tcgetattr(master, &mode), 0);
	while ((mode.c_lflag & ECHO) && !usleep(1000));
	if (answer)
		assert_int_equal(write(master, answer, strlen(answer)),
				 strlen(answer));
	/* EIO when the other side is closed. */
	while (used < out_size - 1 &&
	       (got = read(master, out + used, out_size - 1 - used)) > 0)
		used += got;
	close(master);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	for (i = 0; i < used; i++)
		if (out[i] != '\r')
			out[kept++] = out[i];
	out[kept] = '\0';
	return WEXITSTATUS(status);
}

/* What was played so far. */
static FILE *transcript;
static char *transcript_text;
static size_t transcript_size;

void begin(void)
{
	transcript = open_memstream(&transcript_text, &transcript_size);
	assert_non_null(transcript);
}

void note(const char *command, int status, const char *out, const char *errors)
{
	fprintf(transcript, "$ %s\n%s%s%s[%d]\n", command, out,
		*errors ? "[stderr] " : "", errors, status);
}

/*
 * Releases of json-c lay the same values out in different ways: what stands between the
 * values of an object that a line begins with does not count.
 */
static void squeeze_json(char *text)
{
	bool line_begins = true, string = false;
	unsigned int depth = 0;
	char *to = text;

	for (; *text; text++) {
		if (string) {
			if (*text == '\\' && text[1])
				*to++ = *text++;
			else
				string = *text != '"';
		} else if (depth || (line_begins && *text == '{')) {
			if (*text == ' ' || *text == '\n')
				continue;
			string = *text == '"';
			depth += *text == '{';
			depth -= *text == '}';
		}
		line_begins = *text == '\n';
		*to++ = *text;
	}
	*to = '\0';
}

/* Compare what was played with the transcript of that name. */
void end(const char *name)
{
	char path[1024], *played, *expected;
	FILE *file;

	assert_int_equal(fclose(transcript), 0);
	snprintf(path, sizeof(path), EXPECTED "%s", name);
	if (getenv("TTMEM_UPDATE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(transcript_text, file);
		assert_int_equal(fclose(file), 0);
	}
	assert_int_equal(access(path, R_OK), 0);
	played = strdup(transcript_text);
	expected = strdup(slurp(path));
	assert_true(played && expected);
	squeeze_json(played);
	squeeze_json(expected);
	if (strcmp(played, expected)) {
		char command[2048];

		put(transcript_text, "played");
		snprintf(command, sizeof(command), "diff -u %s played", path);
		assert_int_not_equal(system(command), -1);
		fail_msg("it prints something else than %s", path);
	}
	free(played);
	free(expected);
	free(transcript_text);
}
