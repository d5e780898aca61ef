// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi before trees of sysfs and procfs made by hand. What it prints is
 * compared whole: with the transcripts in expected/, which begin each command
 * with a dollar sign and close it with its status.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "libttmem.h"
#include "fake.h"

static char out[1 << 20], err[8192];

static void play_shell(const char *command)
{
	int status = run(command, out, sizeof(out), err, sizeof(err));

	note(command, status, out, err);
}

/* Run ttmem-smi with these arguments. */
static void play(const char *arguments)
{
	char command[2048], shown[1024];
	int status;

	snprintf(command, sizeof(command), TTMEM_SMI " %s", arguments);
	snprintf(shown, sizeof(shown), "ttmem-smi%s%s", *arguments ? " " : "",
		 arguments);
	status = run(command, out, sizeof(out), err, sizeof(err));
	note(shown, status, out, err);
}

/* The same on a terminal, where both outputs are one; settings before it. */
static void play_on_terminal(const char *settings, const char *arguments,
			     unsigned int columns, const char *answer)
{
	char command[2048], shown[1024];
	int status;

	snprintf(command, sizeof(command), "%s " TTMEM_SMI " %s", settings,
		 arguments);
	snprintf(shown, sizeof(shown), "%s%sttmem-smi %s # %u columns%s%.*s",
		 settings, *settings ? " " : "", arguments, columns,
		 answer ? ", answered " : "",
		 answer ? (int)strcspn(answer, "\n") : 0, answer ? answer : "");
	status = run_on_terminal(command, columns, answer, out, sizeof(out));
	note(shown, status, out, "");
}

/* Show what a lever has written. */
static void show_file(const char *path)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command), "cat '%s' && echo", path);
	status = run(command, out, sizeof(out), err, sizeof(err));
	note(command, status, out, err);
}

/* A machine with most of what there is, and what to make of it. */
static void put_machine(void)
{
	put("2.10.1\n", "sys/module/tenstorrent/version");
	put_card(0, "0000:01:00.0");
	put("n300\n", CLASS "/tenstorrent!0/tt_card_type");
	put("1000\n", CLASS "/tenstorrent!0/tt_aiclk");
	put("45500\n", "sys/devices/pci/0000:01:00.0/hwmon/hwmon3/temp1_input");
	put("36000000\n", "sys/devices/pci/0000:01:00.0/hwmon/hwmon3/power1_input");
	put_books(0, 2);
	put_pool(0, 0, "dram", "209715200\n", "12884901888\n");
	put_pool(0, 0, "l1", "1024\n", "95944704\n");
	put_pool(0, 1, "dram", "18446744073709551615\n", "12884901888\n");
	put_pool(0, 1, "l1", "524288\n", "0\n");
	put_clients("0 9 1234 0 1 L1 cb 1048576 2097152 0 self python3\n"
		    "0 7 1234 0 0 DRAM buffer 104857600 104857600 1 self python3\n"
		    "0 8 1234 0 0 DRAM trace 104857600 104857601 2 self python3\n"
		    "0 8 1234 0 0 L1 buffer 1024 1024 2 self python3\n"
		    "0 10 0 54321 0 DRAM buffer 1 1 1 self -\n"
		    "0 11 0 54321 0 DRAM buffer 2 2 1 self -\n"
		    "0 12 4194304 54321 1 DRAM buffer 18446744073709551615 18446744073709551615 1 attributed \\033[2J\xc3\xa9\xff\n"
		    "0 13 4321 0 0 DRAM - 0 4096 0 self idle\n"
		    "0 14 4444 0 0 DRAM - 0 8192 0 attributed idle\n");
	put_process(1234, "python3");
	put("python3 serve.py --a-long-option-here", "proc/1234/cmdline");
	put_process(4321, "idle");
	/* Opened twice, holding nothing any more, one that reports, an invisible, an ended one. */
	put("4321\n4321\n1234\n0\n999\n", "proc/driver/tenstorrent/0/pids");

	/* A card without firmware, which ttmem does not follow. */
	put_card(31, "10000:e1:00.0");
	put("4321\n0\n0\n999\n", "proc/driver/tenstorrent/31/pids");
}

static void table(void **state)
{
	static const char expected[] =
"+-----------------------------------------------------------------------------+\n"
"| ttmem-smi " TTMEM_VERSION "               ttmem: 0.1.0              TT-KMD: 2.10.1      |\n"
"|-------------------------------------+---------------------------------------|\n"
"| Card Board            Bus id        | Chip  DRAM used / total L1 used/total |\n"
"|      Temp   Power   Clock           |                                       |\n"
"|=====================================+=======================================|\n"
"|    0 n300             0000:01:00.0  |    0    200 / 12288 MiB   <1 / 92 MiB |\n"
"|      46 C   36 W    1000 MHz        |    1  16777216 / <1 TiB   1 MiB / N/A |\n"
"+-------------------------------------+---------------------------------------+\n"
"|   31 N/A              10000:e1:00.0 |    -                N/A           N/A |\n"
"|      N/A    N/A     N/A             |                                       |\n"
"+-------------------------------------+---------------------------------------+\n"
"\n"
"+-----------------------------------------------------------------------------+\n"
"| Processes:                                                                  |\n"
"| Card Chip     PID User             DRAM        L1  Command                  |\n"
"|=============================================================================|\n"
"|    0    0       - 54321          <1 MiB     0 MiB  -                        |\n"
"|    0    0       - 54321          <1 MiB     0 MiB  -                        |\n"
"|    0    0    1234 root          200 MiB    <1 MiB  python3 serve.py --a-lo+ |\n"
"|    0    0    4321 root            0 MiB     0 MiB  idle                     |\n"
"|    0    1    1234 root            0 MiB     1 MiB  python3 serve.py --a-lo+ |\n"
"|    0    1 4194304 54321       16384 PiB     0 MiB  ?[2J??                   |\n"
"|   31    -       - -                 N/A       N/A  -                        |\n"
"|   31    -    4321 root              N/A       N/A  idle                     |\n"
"+-----------------------------------------------------------------------------+\n"
"+ 2 processes (N/A) do not tell what they hold: ttmem-metald is not running: sudo systemctl enable --now ttmem-metald\n";
	(void)state;
	put_machine();
	assert_int_equal(run(TTMEM_SMI, out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_string_equal(strchr(out, '\n') + 1, expected);
}

static void table_of_one(void **state)
{
	static const char expected[] =
"|   31 N/A              10000:e1:00.0 |    -                N/A           N/A |\n"
"|      N/A    N/A     N/A             |                                       |\n"
"+-------------------------------------+---------------------------------------+\n"
"\n"
"+-----------------------------------------------------------------------------+\n"
"| Processes:                                                                  |\n"
"| Card Chip     PID User             DRAM        L1  Command                  |\n"
"|=============================================================================|\n"
"|  No running processes found                                                 |\n"
"+-----------------------------------------------------------------------------+\n";
	static const char * const ways[] = {
		"-i 31", "--id=10000:e1:00.0", "-i 10000:E1:0.0",
	};
	char command[512];
	const char *body;
	unsigned int i;

	(void)state;
	put_machine();
	put("", "proc/driver/tenstorrent/31/pids");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_SMI " %s", ways[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 0);
		assert_string_equal(err, "");
		body = strstr(out, "|   31");
		assert_non_null(body);
		assert_string_equal(body, expected);
		assert_null(strstr(out, "n300"));
	}
}

/* No border is pushed out or missing, with all that is large or long. */
static void table_width(void **state)
{
	char *line, *rest, *clients;
	unsigned int n, lines = 0;
	size_t size;
	FILE *list;

	(void)state;
	list = open_memstream(&clients, &size);
	put("a version of which nobody would have thought that it could be so long\n",
	    "sys/module/tenstorrent/version");
	for (n = 0; n < 32; n++) {
		char address[24];

		snprintf(address, sizeof(address), "%x:%02x:1f.7",
			 n % 2 ? 0x10000000 : 0x10000, n);
		put_card(n, address);
		put("galaxy-blackhole-and-more\n",
		    CLASS "/tenstorrent!%u/tt_card_type", n);
		put("18446744073709551615\n", CLASS "/tenstorrent!%u/tt_aiclk", n);
		put(n % 2 ? "-9223372036854775808\n" : "-40400\n",
		    "sys/devices/pci/%s/hwmon/hwmon0/temp1_input", address);
		put("9223372036854775807\n",
		    "sys/devices/pci/%s/hwmon/hwmon0/power1_input", address);
		put_books(n, 1 + n % 3);
		put_pool(n, 0, "dram", "18446744073709551615\n",
			 n % 2 ? "0\n" : "18446744073709551615\n");
		put_pool(n, 0, "l1", "18446744073709551615\n",
			 n % 2 ? "0\n" : "18446744073709551615\n");
		fprintf(list, "%u 18446744073709551615 2147483647 4294967295 0 DRAM buffer 18446744073709551615 18446744073709551615 1 self 123456789012345\n"
			"%u 18446744073709551614 2147483647 4294967295 0 DRAM buffer 18446744073709551615 18446744073709551615 1 self 123456789012345\n"
			"%u 18446744073709551614 2147483647 4294967295 0 L1 buffer 18446744073709551615 18446744073709551615 1 self 123456789012345\n",
			n, n, n);
	}
	assert_int_equal(fclose(list), 0);
	put_clients(clients);
	free(clients);
	put_process(2147483647, "123456789012345");
	put("\033]0;x\a \xe2\x82\xac\n\t no end to this command line at all",
	    "proc/2147483647/cmdline");
	assert_int_equal(run(TTMEM_SMI, out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	for (line = strtok_r(out, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!lines++)
			continue;	/* the time */
		assert_int_equal(strlen(line), 79);
		assert_non_null(strchr("|+", line[0]));
		assert_non_null(strchr("|+", line[78]));
		for (n = 0; n < 79; n++)
			assert_between(line[n], ' ', '~');
	}
	assert_true(lines > 32 * 4);
}

/* What goes wrong, each with what to do about it, and its status. */
static void missing(void **state)
{
	(void)state;
	begin();
	play("");
	play("--version");
	put("2.10.1\n", "sys/module/tenstorrent/version");
	put_card(0, "0000:01:00.0");
	play("");
	play("--json -l 1 -i 01:00.0");
	play("--reservations 1");
	play("-i 0 --yes --invalidate");
	play("--version");
	put_books(0, 1);
	play("-L -i 4");
	play("-L -i 0,4,x280");
	play("-L -i 0000:02:00.0");
	play("-f no/such/directory -L");

	/* On its way out: it was listed, and its node is gone. */
	put_card(1, "0000:02:00.0");
	put_books(1, 1);
	unlink(CLASS "/tenstorrent!1/dev");
	play("-L");
	play("-L -i 1");

	/* A list that a later module made. */
	put("CLIENT PID\n1 2\n", LIST);
	play("--query-compute-apps=pid,dram");
	play("--query-card=index,dram.used");
	assert_int_equal(run("rm -r " CLASS "/*", out, sizeof(out), err,
			     sizeof(err)), 0);
	play("-L");
	end("missing");
}

static void arguments(void **state)
{
	static const char * const bad[] = {
		"more", "-i 0 top", "pmno", "-q --displya ECC", "--qurey-gpu=name",
		"--unknown", "--que", "-x -d MEMORY", "-L -p 1", "dmon -u 0",
		"-u no-such-user", "-u 4294967295", "-i =0", "-i=", "-lms=", "-lms=x", "-l x", "-l 0", "-l -1", "-l 1x", "-l nan",
		"-l inf", "-l 1e300", "-lms 0.5", "-i", "-i ''", "-i 0,",
		"-i 1:2", "-i 1x", "--jso=", "-p x", "-p 0", "-p 1,,2",
		"--sort size", "--sort ''", "--sort dra", "-L -q", "dmon pmon",
		"--json --query-gpu=name", "--query-gpu=", "--query-gpu=x", "--query-gpu=memory.usde",
		"--query-gpu=name,,index", "--query-compute-apps=memory.used",
		"--format=csv", "--query-gpu=name --format=noheader",
		"--query-gpu=name --format=csv,xml", "-q -d ECCC", "-q -d ''", "-d MEMORY",
		"dmon -s x", "pmon -s p", "dmon -o X", "-s m", "-o D", "-c 1",
		"dmon -c 0", "dmon -d 0", "--reservations", "--reservations 0",
		"--reservations 1 -l 1", "--reservations x", "--chip 0 -L",
		"--yes", "--reset-peaks", "--invalidate -l 1 -i 0",
		"--invalidate --chip 0 -i 0", "-i 0 --set-capacity 12G",
		"-i 0 --set-capacity dram", "-i 0 --set-capacity dram=",
		"-i 0 --set-capacity dram=1.5", "-i 0 --set-capacity hbm=1",
		"-i 0 --set-capacity dram=1,dram=2", "-i 0 --reset-peaks -p 1",
		"-i 0 --reset-peaks --invalidate", "--color=red",
	};
	unsigned int i;

	(void)state;
	put_card(0, "0000:01:00.0");
	put_books(0, 1);
	begin();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char command[1024];

		/* The name that it is called by is the caller's, and in no message. */
		snprintf(command, sizeof(command),
			 "bash -c 'exec -a \"$(printf \"\\033[2J\")\" " TTMEM_SMI " \"$@\"' - %s",
			 bad[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 2);
		assert_string_equal(out, "");
		assert_non_null(strstr(err, "ttmem-smi --help tells more\n"));
		note(bad[i], 2, out, err);
	}
	end("arguments");

	assert_int_equal(run(TTMEM_SMI " --help", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_ptr_equal(strstr(out, "Usage: "), out);
	assert_int_equal(run("sh -c '" TTMEM_SMI " >/dev/full'", out,
			     sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(err, "cannot write"));
	assert_int_equal(run("sh -c '" TTMEM_SMI " --help >/dev/full'", out,
			     sizeof(out), err, sizeof(err)), 1);
	assert_int_equal(run("sh -c '" TTMEM_SMI " -f /dev/full -L'", out,
			     sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(err, "cannot write"));
}

struct kind {
	const char *board;
	unsigned int chips;
	uint64_t dram, dram_banks, l1, l1_banks;
};

static const struct kind kinds[] = {
	{ "n150", 1, 12884901888, 12, 107937792, 72 },
	{ "n300", 2, 12884901888, 12, 95944704, 64 },
	{ "p150a", 1, 34359738368, 8, 188743680, 120 },
	{ "galaxy-wormhole", 1, 12884901888, 12, 119930880, 80 },
};

/* A card as TT-KMD and ttmem show it, with nothing used. */
static void put_kind(unsigned int n, const struct kind *kind)
{
	char address[24], line[32];
	int chip;

	snprintf(address, sizeof(address), "0000:%02x:00.0", n + 1);
	put_card(n, address);
	snprintf(line, sizeof(line), "%s\n", kind->board);
	put(line, CLASS "/tenstorrent!%u/tt_card_type", n);
	put("1000\n", CLASS "/tenstorrent!%u/tt_aiclk", n);
	snprintf(line, sizeof(line), "01000145114110%02x\n", n);
	put(line, CLASS "/tenstorrent!%u/tt_serial", n);
	snprintf(line, sizeof(line), "3a00a8a98f8701%02x\n", n);
	put(line, CLASS "/tenstorrent!%u/tt_asic_id", n);
	put("18.7.0.0\n", CLASS "/tenstorrent!%u/tt_fw_bundle_ver", n);
	put("45500\n", "sys/devices/pci/%s/hwmon/hwmon3/temp1_input", address);
	put("36400000\n", "sys/devices/pci/%s/hwmon/hwmon3/power1_input",
	    address);
	put("100000000\n", "sys/devices/pci/%s/hwmon/hwmon3/power1_max",
	    address);
	put_books(n, kind->chips);
	for (chip = -1; chip < (int)kind->chips; chip++) {
		unsigned int times = chip < 0 ? kind->chips : 1;

		put_stat(n, chip, "dram_total", kind->dram * times);
		put_stat(n, chip, "dram_free", kind->dram * times);
		put_stat(n, chip, "dram_banks", kind->dram_banks * times);
		put_stat(n, chip, "l1_total", kind->l1 * times);
		put_stat(n, chip, "l1_free", kind->l1 * times);
		put_stat(n, chip, "l1_banks", kind->l1_banks * times);
	}
	put("2.10.1\n", "sys/module/tenstorrent/version");
}

/* A chip that holds something of each kind. */
static void put_load(unsigned int n, int chip, const struct kind *kind,
		     uint64_t dram, uint64_t l1, unsigned int clients)
{
	put_stat(n, chip, "dram_used", dram);
	put_stat(n, chip, "dram_peak", dram + (1 << 20));
	put_stat(n, chip, "dram_trace_used", dram / 4);
	put_stat(n, chip, "dram_system_used", dram / 8);
	put_stat(n, chip, "dram_free",
		 (chip < 0 ? kind->chips : 1) * kind->dram - dram);
	put_stat(n, chip, "l1_used", l1);
	put_stat(n, chip, "l1_peak", l1 * 2);
	put_stat(n, chip, "l1_cb_used", l1 / 2);
	put_stat(n, chip, "l1_free", (chip < 0 ? kind->chips : 1) * kind->l1 - l1);
	put_stat(n, chip, "clients", clients);
	put_stat(n, chip, "reservations", 3 * clients);
	put_stat(n, chip, "denied", 1);
}

static void one_card(void)
{
	put_kind(0, &kinds[2]);
}

/* Three cards: quiet, loaded on one chip, nearly full. */
static void three_cards(void)
{
	static const uint64_t mib = 1 << 20;
	unsigned int n;

	for (n = 0; n < 3; n++)
		put_kind(n, &kinds[n]);
	put_load(1, 1, &kinds[1], 5120 * mib, 65536, 1);
	put_load(1, -1, &kinds[1], 5120 * mib, 65536, 1);
	put_load(2, 0, &kinds[2], 31744 * mib + 1, 150 * mib, 2);
	put_load(2, -1, &kinds[2], 31744 * mib + 1, 150 * mib, 2);
	put_clients("1 7 1234 4294967001 1 DRAM buffer 5368709120 5368709121 3 self serve\n"
		    "1 7 1234 4294967001 1 L1 cb 65536 131072 0 self serve\n"
		    "2 8 1300 4294967002 0 DRAM buffer 1 6442450944 1 attributed train\n"
		    "2 9 1234 4294967001 0 DRAM buffer 33285996544 33285996544 2 self serve\n"
		    "2 9 1234 4294967001 0 L1 buffer 157286400 157286400 3 self serve\n"
		    "2 10 0 4294967003 0 L1 buffer 0 7 0 later -\n"
		    "2 11 1300 4294967002 0 L1 - 0 99 0 self train\n"
		    "0 12 1400 4294967001 0 DRAM - 0 1048576 0 self quiet\n");
	put_process(1234, "serve");
	put("python3 serve.py --model \"llama, 8b\" --port 8000",
	    "proc/1234/cmdline");
	put_process(1300, "train");
	put_process(1400, "quiet");
}

static void many_cards(void)
{
	char *clients;
	unsigned int n;
	size_t size;
	FILE *list;

	list = open_memstream(&clients, &size);
	for (n = 0; n < 32; n++) {
		put_kind(n, &kinds[3]);
		put_load(n, 0, &kinds[3], n * 402653184ull, n << 20, 1);
		put_load(n, -1, &kinds[3], n * 402653184ull, n << 20, 1);
		/* The cards are mixed in the list, which is by client. */
		fprintf(list, "%u %u 1234 4294967001 0 DRAM buffer 402653184 402653184 1 self a-long-name-abc\n",
			n * 7 % 32, n + 1);
	}
	assert_int_equal(fclose(list), 0);
	put_clients(clients);
	free(clients);
	put_process(1234, "a-long-name-abc");
}

/* nvidia-smi's most usual questions, and ours. */
#define ASK_CARDS	"--query-gpu=timestamp,name,pci.bus_id,driver_version,utilization.gpu,temperature.gpu,memory.total,memory.free,memory.used --format=csv"
#define ASK_CHIPS	"--query-chip=index,chip,dram.used,dram.used_percent,l1.used,l1.cb,clients --format=csv,nounits"
#define ASK_PROCESSES	"--query-compute-apps=pid,process_name,used_memory --format=csv"

static void views_of_one(void **state)
{
	(void)state;
	one_card();
	begin();
	play("");
	play("-L");
	play("-q");
	play("--json");
	play(ASK_CARDS);
	play(ASK_CHIPS);
	play(ASK_PROCESSES);
	play("dmon -c 1");
	play("pmon -c 1");
	end("one");
}

static void views_of_three(void **state)
{
	(void)state;
	three_cards();
	begin();
	play("");
	play("-L");
	play("-q");
	play("-q -d MEMORY -i 2");
	play("-q -d pids,Temperature -i n300");
	play("--json");
	play(ASK_CARDS);
	play(ASK_CHIPS);
	play(ASK_PROCESSES);
	play("dmon -c 1");
	play("pmon -c 1");
	end("three");
}

/* nvidia-smi's words and forms, by which scripts ask. */
static void words(void **state)
{
	static const char * const refused[] = {
		"-r", "--gpu-reset -i 0", "topo -m", "nvlink -s", "mig -lgip", "-pm 1",
		"-pm=1", "--persistence-mode=1", "-pl 300", "-i 0 -pl 300", "-i 0 topo",
		"-ac 1,2", "-c 1 --compute-mode=0", "-B", "drain", "daemon",
		"--query-retired-pages=pid", "--dtd", "-caa", "--clear-accounted-apps",
		"stats", "-c EXCLUSIVE_PROCESS",
	};
	char command[1024];
	unsigned int i;

	(void)state;
	three_cards();
	put("1400\n", "proc/driver/tenstorrent/0/pids");
	put("/opt/a\x01b/very-long-program-name\302\240x 1 2", "proc/1400/cmdline");
	begin();
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_SMI " %s", refused[i]);
		assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 3);
		note(refused[i], 3, out, err);
	}
	/* What follows the dashes is no option. */
	play("-c 3");
	play("dmon --format csv");
	play("-L -- -r");
	play("-L -i=0");
	play("-L -i 3A00a8a98f870101");
	play("-L -i 0100014511411002,0");
	play("-L -i 0100014511411009");
	play("-L --id=deadbeef");
	play("--query-gpu=index -i=n300 -l=0.01 -c=2 --format=csv,noheader");
	play("-L -i=0 -lms=10 -c 2");
	play("-a -q -d=CLOCK -i=0 --show-all-processes");
	play("-q -i 0 -d utilization,ecc,compute,performance,supported_clocks,page_retirement");
	play("-q -i 0 -d ACCOUNTING,ENCODER_STATS,SUPPORTED_GPU_TARGET_TEMP,VOLTAGE,FBC_STATS");
	play("-q -i 0 -d ROW_REMAPPER,RESET_STATUS,GSP_FIRMWARE_VERSION,POWER_SMOOTHING,POWER_PROFILES");
	play("-q -i 1 -d TEMPERATURE,POWER,CLOCK");
	play("--query-gpu=index,pci.domain,pci.bus,pci.device,fan.speed,gpu_serial,clocks.current.graphics,clocks.mem,enforced.power.limit,power.max_limit,ecc.errors.corrected.volatile.total --format=csv");
	play("dmon -c 1 -i 1 -s pucvmet");
	play("dmon -c 1 -i 1 -s metr");
	play("dmon -c 1 -i 1 -s mm");
	play("dmon -c 1 -i 1 -o DT");
	play("pmon -c 1 -s um");
	play("pmon -c 1 -i 0 -s m");
	play("pmon -c 1 -i 2 -s u");
	play("pmon -c 1 -i 2 -p 1234");
	play("-u 4294967002 --query-compute-apps=card,pid,uid");
	play("pmon -c 1 -u 4294967001,4294967003 -i 2");
	play("-u 0 --query-compute-apps=card,pid,uid");
	play("-p 999");
	play("-p 1234,999 --query-compute-apps=card,pid");
	play("-p 1300 -i 1 --query-compute-apps=card,pid");
	play("-p 999 -l 0.01 -c 2 --query-compute-apps=card,pid");
	play("-q -x -i 0,2");
	end("words");

	/* A Slurm epilog: what it kills is a process, never 0 or a card's number. */
	put("!/^#/ { print $1, $2, $10, $11, $12 }\n", "columns.awk");
	assert_int_equal(run(TTMEM_SMI " pmon -c 1 | awk -f columns.awk", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_string_equal(out,
			    "0 1400 very-long-prog+ 0 42949670+\n"
			    "1 1234 python3 1 42949670+\n"
			    "2 - - 0 42949670+\n"
			    "2 1234 python3 0 42949670+\n"
			    "2 1300 train 0 42949670+\n");
}

/* In Turkish "i" is no small "I". */
static void locales(void **state)
{
	static const char * const same[] = {
		"-q -d pids,TEMPERATURE -i N150", "-L -i ALL", "-L -i 3A00A8A98F870101",
		"-y -i 0 --set-capacity dram=1GIB,L1=1mIb",
	};
	char command[1024];
	static char expected[1 << 16];
	unsigned int i;

	(void)state;
	three_cards();
	if (run("localedef -i tr_TR -f ISO-8859-9 ./tr_TR.ISO-8859-9", out, sizeof(out), err,
		sizeof(err)))
		skip();
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(command, sizeof(command), TTMEM_SMI " %s", same[i]);
		/* The first time sets what the others find. */
		assert_int_equal(run(command, expected, sizeof(expected), err, sizeof(err)), 0);
		assert_int_equal(run(command, expected, sizeof(expected), err, sizeof(err)), 0);
		snprintf(command, sizeof(command),
			 "LOCPATH=$PWD LC_ALL=tr_TR.ISO-8859-9 " TTMEM_SMI " %s", same[i]);
		assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 0);
		assert_string_equal(out, expected);
	}
}

/* Python's csv reads what is printed: RFC 4180. */
static void csv_is_read(void **state)
{
	(void)state;
	put_kind(0, &kinds[0]);
	put_clients("0 7 1234 0 0 DRAM buffer 1048576 1048576 1 self serve\n"
		    "0 8 1235 0 0 DRAM buffer 2097152 2097152 1 self blank\n");
	put_process(1234, "serve");
	put("serve --model \"llama, 8b\", -p", "proc/1234/cmdline");
	put_process(1235, "blank");
	put("blank  ", "proc/1235/cmdline");
	assert_int_equal(run("sh -c '" TTMEM_SMI " --query-compute-apps=pid,command,used_memory,command --format=csv | python3 -c \"import csv, sys; [print(r) for r in csv.reader(sys.stdin)]\"'",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(out,
			    "['pid', ' command', ' used_memory [MiB]', ' command']\n"
			    "['1234', 'serve --model \"llama, 8b\", -p', ' 1 MiB', 'serve --model \"llama, 8b\", -p']\n"
			    "['1235', 'blank  ', ' 2 MiB', 'blank  ']\n");
}

/* And its parser of XML what is printed there, whatever a process is called. */
static void xml_is_read(void **state)
{
	(void)state;
	put_kind(0, &kinds[0]);
	put_clients("0 7 1234 0 0 DRAM buffer 1048576 1048576 1 self serve\n");
	put_process(1234, "serve");
	put("<a b='c'>&amp;]]>\"\033[2J\xff", "proc/1234/cmdline");
	put("import sys, xml.etree.ElementTree as tree\n"
	    "card = tree.parse(sys.stdin).getroot().find('gpu')\n"
	    "for path in ('uuid', 'fb_memory_usage/total', 'processes/process_info/used_memory',\n"
	    "             'processes/process_info/process_name'):\n"
	    "    print(card.find(path).text)\n", "read.py");
	assert_int_equal(run(TTMEM_SMI " -q -x | python3 read.py", out, sizeof(out), err,
			     sizeof(err)), 0);
	assert_string_equal(out, "3a00a8a98f870100\n12288 MiB\n1 MiB\n"
				 "<a b='c'>&amp;]]>\"?[2J?\n");
}

/* A process tells, and another tells in its name; it is in the books twice. */
static void sources(void **state)
{
	(void)state;
	put_kind(0, &kinds[1]);
	put_clients("0 1 1234 0 0 DRAM buffer 100 300 1 self serve\n"
		    "0 2 1234 0 0 DRAM buffer 10 30 0 attributed serve\n"
		    "0 2 1234 0 0 DRAM trace 10 30 0 attributed serve\n"
		    "0 3 1234 0 0 DRAM - 0 18446744073709551615 0 self serve\n"
		    "0 3 1234 0 1 L1 system 5 6 0 self serve\n"
		    "0 4 1235 0 1 L1 HBM 5 6 0 attributed serve\n"
		    "0 4 1235 0 1 HBM buffer 5 6 0 attributed serve\n"
		    "0 5 1236 0 1 L1 - 0 6 0 nobody serve\n");
	begin();
	play("--query-compute-apps=pid,chip,dram,l1,source --format=csv,nounits");
	play("--query-compute-apps=pid,chip,dram,dram.peak,l1,l1.peak,source --format=csv,nounits");
	play("--query-compute-apps=pid,max_memory_usage");
	play("-q -d PIDS");
	play("--json");
	end("sources");
}

#define METALD_STATE	"run/metald.json"

/* What ttmem-metald says, @age seconds before the tests' time. */
static void put_metald(int age, const char *unplaced, const char *cards)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"schema\":1,\"version\":\"0.1.0\",\"time\":%d.5,\"interval\":0.1,\"unplaced_bytes\":%s,\"cards\":[%s]}\n",
		 1764000000 - age, unplaced, cards);
	put(text, METALD_STATE);
}

#define ASK_SILENT \
	"--query-gpu=index,memory.used,memory.free,dram.used_percent,silent_processes,silent_reason --format=csv"

/* A card with a process that tells nothing never looks free, and a person is told why. */
static void silent(void **state)
{
	static const char * const cards[] = {
		"{\"card\":0,\"silent\":{}},{\"card\":1,\"silent\":{\"starting\":5,\"disabled\":1}},"
		"{\"card\":2,\"silent\":{\"no_tracker\":2,\"full\":1}}",
		"{\"card\":0,\"silent\":{\"starting\":1}}",
	};

	(void)state;
	three_cards();
	put("1400\n1500\n", "proc/driver/tenstorrent/0/pids");
	put("1234\n", "proc/driver/tenstorrent/1/pids");
	put("1234\n0\n1500\n1500\n", "proc/driver/tenstorrent/2/pids");
	put_process(1500, "ttnn");
	begin();
	play("");
	play("-q -d MEMORY -i 0");
	play(ASK_SILENT);
	play("dmon -c 1 -s m");
	/* It sees more than we do, as of other namespaces. */
	put_metald(0, "0", cards[0]);
	play("-i 1");
	play("");
	play(ASK_SILENT);
	play("--json -i 0,1");
	put_metald(5, "1073741824", cards[1]);
	play("-i 0");
	play("--json -i 2");
	/* Old, of a time to come, or not there: it does not run. */
	put_metald(11, "0", cards[0]);
	play(ASK_SILENT);
	put_metald(-11, "0", cards[0]);
	play(ASK_SILENT);
	assert_int_equal(unlink(METALD_STATE), 0);
	play(ASK_SILENT);
	end("silent");
}

/* What stands there is not ours to believe. */
static void silent_garbled(void **state)
{
	static const char * const garbled[] = {
		"", "{", "[]", "null", "{\"schema\":1}", "{\"schema\":2,\"time\":1764000000}",
		"{\"schema\":1,\"time\":\"now\",\"unplaced_bytes\":0,\"cards\":[]}",
		"{\"schema\":1,\"time\":1764000000,\"unplaced_bytes\":-1,\"cards\":[]}",
		"{\"schema\":1,\"time\":1764000000,\"unplaced_bytes\":0,\"cards\":{}}",
		"{\"schema\":1,\"time\":1764000000,\"unplaced_bytes\":0,\"cards\":[1]}",
		"{\"schema\":1,\"time\":1764000000,\"unplaced_bytes\":0,\"cards\":[{\"card\":-1,\"silent\":{}}]}",
		"{\"schema\":1,\"time\":1764000000,\"unplaced_bytes\":0,\"cards\":[{\"card\":0,\"silent\":3}]}",
	};
	size_t i, size = (1u << 20) + 1;
	char *large;

	(void)state;
	three_cards();
	for (i = 0; i < sizeof(garbled) / sizeof(garbled[0]); i++) {
		put(garbled[i], METALD_STATE);
		assert_int_equal(run(TTMEM_SMI " " ASK_SILENT, out, sizeof(out), err, sizeof(err)), 0);
		assert_non_null(strstr(err, "what ttmem-metald says in " METALD_STATE " is not known: Bad message"));
		assert_non_null(strstr(out, "\n1, 5120 MiB, 19456 MiB, 21 %, [N/A], [N/A]\n"));
	}
	large = malloc(size + 1);
	assert_non_null(large);
	memset(large, ' ', size);
	large[size] = '\0';
	put(large, METALD_STATE);
	free(large);
	assert_int_equal(run(TTMEM_SMI " -i 0", out, sizeof(out), err, sizeof(err)), 0);
	assert_non_null(strstr(err, "is not known: File too large"));
	/* Nobody may wait for a word that does not come. */
	assert_int_equal(unlink(METALD_STATE), 0);
	assert_int_equal(mkfifo(METALD_STATE, 0600), 0);
	assert_int_equal(run("timeout 20 " TTMEM_SMI " -i 0", out, sizeof(out), err, sizeof(err)), 0);
	assert_non_null(strstr(err, "what ttmem-metald says in "));
	/* Nor is a list of openers that cannot be read an empty one. */
	assert_int_equal(unlink(METALD_STATE), 0);
	assert_int_equal(system("mkdir -p proc/driver/tenstorrent/0/pids"), 0);
	assert_int_equal(run(TTMEM_SMI " " ASK_SILENT, out, sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(err, "who has card 0 open is not known: Is a directory"));
	assert_non_null(strstr(out, "\n0, [N/A], [N/A], [N/A], [N/A], [N/A]\n"));
	/* What does not depend on it is told as ever. */
	assert_int_equal(run(TTMEM_SMI " --query-gpu=name,memory.total --format=csv,noheader -i 0",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(out, "n150, 12288 MiB\n");
	assert_string_equal(err, "");
	assert_int_equal(run(TTMEM_SMI " -i 0", out, sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(out, " 0+/ 12288 MiB "));
	assert_null(strstr(out, "No running processes"));
	assert_int_equal(run(TTMEM_SMI " --json", out, sizeof(out), err, sizeof(err)), 1);
	assert_non_null(strstr(out, "\"processes\": null"));
}

/* As on a machine where all is well; sh makes what has the kernel's name in it. */
static void put_well(void)
{
	static const char script[] =
		"mkdir -p dev/tenstorrent/mem root/etc root/var/lib/dkms/ttmem/0.1.0 lib\n"
		"for n in 0 1 2; do\n"
		"	ln -s /dev/null dev/tenstorrent/$n; ln -s /dev/null dev/tenstorrent/mem/$n\n"
		"done\n"
		"modules=root/lib/modules/$(uname -r)\n"
		"mkdir -p $modules/updates/dkms $modules/build\n"
		"touch $modules/updates/dkms/ttmem.ko.xz $modules/build/Makefile\n"
		"mkdir -p root/run/systemd/system root/etc/systemd/system/multi-user.target.wants\n"
		"ln -s /unit root/etc/systemd/system/multi-user.target.wants/ttmem-metald.service\n"
		"cp \"${smi%/*}/libttmem.so.0\" lib\n";

	three_cards();
	put("#\n", "root/usr/lib/udev/rules.d/60-ttmem.rules");
	put("#\n", "root/usr/lib/udev/rules.d/61-ttmem-metald.rules");
	put("[Service]\n", "root/usr/lib/systemd/system/ttmem-metald.service");
	put("echo 'const char *ttmem_version(void) { return \"0.0.9\"; }' |\n"
	    "	cc -shared -fPIC -x c -o lib/libttmem.so.0 -\n", "older");
	put_metald(0, "0", "{\"card\":0,\"silent\":{\"starting\":1}}");
	setenv("smi", TTMEM_SMI, 1);
	assert_int_equal(system(script), 0);
	/* Does something in a copy of it, and prints what is not well then. */
	put("mkdir copy; cp -a sys proc dev run root lib copy; cd copy; eval \"$1\"\n"
	    "LD_LIBRARY_PATH=lib $smi doctor | sed \"s/$(uname -r)/RELEASE/g\" | grep -v \"$2\"\n"
	    "status=${PIPESTATUS[0]}; cd ..; rm -r copy; exit $status\n", "try");
}

/* What is not well is said, with what mends it, and changes the status. */
static void doctor(void **state)
{
	/* A link to itself is something that nobody can look at, not even root. */
	static const char * const wrongs[] = {
		"mv sys/module/tenstorrent sys/module/gone", "rm sys/module/tenstorrent/version",
		"mv sys/module/ttmem sys/module/gone", "rm sys/module/ttmem/version",
		"rm -r sys/module/ttmem; ln -s ttmem sys/module/ttmem",
		"echo 0.0.9 >sys/module/ttmem/version",
		"sh ../older", "echo | cc -shared -o lib/libttmem.so.0 -x c -",
		"echo >lib/libttmem.so.0",
		"rm -r root/lib/modules/*/updates",
		"cd root/lib/modules/*/; rm -r updates; ln -s ./updates updates; cd ../../../..",
		"rm -r root/var/lib/dkms/ttmem/*",
		"cd root/var/lib/dkms/ttmem; mv 0.1.0 0.0.9; cd ../../../../..",
		"cd root/var/lib/dkms; rm -r ttmem; ln -s ./ttmem ttmem; cd ../../../..",
		"rm -r root/lib/modules/*/build",
		"cd root/lib/modules/*/; rm -r build; ln -s ./build build; cd ../../../..",
		"rm root/usr/lib/udev/rules.d/60-ttmem.rules",
		"mkdir -p root/etc/udev/rules.d; ln -s /dev/null root/etc/udev/rules.d/60-ttmem.rules",
		"ln -s udev root/etc/udev",
		"rm -r sys/class/tenstorrent/*",
		"rm -r sys/class/tenstorrent; ln -s tenstorrent sys/class/tenstorrent",
		"rm dev/tenstorrent/mem/1", "rm dev/tenstorrent/mem/1; echo >dev/tenstorrent/mem/1",
		"rm dev/tenstorrent/1",
		"rm -r sys/class/ttmem/ttmem2", "rm proc/driver/ttmem/clients",
		"rm -r root/run/systemd",
		"ln -s systemd root/run/system; rm -r root/run/systemd; ln -s system root/run/systemd",
		"rm root/usr/lib/systemd/system/*",
		"ln -s /dev/null root/etc/systemd/system/ttmem-metald.service",
		"cd root/usr/lib/systemd; rm -r system; ln -s ./system system; cd ../../../..",
		"rm root/etc/systemd/system/*/*",
		"rm root/etc/systemd/system/*/* root/usr/lib/udev/rules.d/61-*",
		"rm run/metald.json", "echo '{' >run/metald.json",
		"ln -sf metald.json run/metald.json",
		"sed -i s/1764000000/1763999900/ run/metald.json",
		"sed -i s/1764000000/1764000100/ run/metald.json",
		"sed -i s/0.1.0/0.0.9/ run/metald.json", "sed -i s/version/name/ run/metald.json",
		"sed -i 's/bytes.:0/bytes\\x22:5/; s/starting/no_tracker/' run/metald.json",
		"mkdir -p root/run; touch root/run/.containerenv; rm -r dev/tenstorrent/mem/0 dev/tenstorrent/1 root/usr root/var run",
	};
	char command[1024];
	size_t i;

	(void)state;
	put_well();
	begin();
	play_shell("bash try true ^$");
	play("doctor --json | tr -d '\\n ' | cut -c 1-75");
	/* One after the other, each in a copy of what is well. */
	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		snprintf(command, sizeof(command), "bash try \"%s\" ^ok", wrongs[i]);
		play_shell(command);
	}
	play("doctor now");
	play("doctor --all");
	end("doctor");
}

/* Programs alone need no library, where none is installed. */
static void doctor_no_library(void **state)
{
	(void)state;
	put_well();
	if (!system("PATH=$PATH:/sbin ldconfig -p | grep -q libttmem"))
		skip();
	assert_int_equal(run("bash try 'rm lib/*' ^$", out, sizeof(out), err, sizeof(err)), 0);
	assert_non_null(strstr(out, "\nok       versions      libttmem.so.0 is not installed; "));
}

/* Who may use the card may tell what he holds of it. To root both are open. */
static void doctor_modes(void **state)
{
	static const struct {
		const char *driver, *node, *group;
		bool well;
	} modes[] = {
		{ "666", "666", "0:0", true }, { "660", "660", "0:0", true },
		{ "660", "666", "0:4", true }, { "600", "660", "0:0", true },
		{ "666", "660", "0:0", false }, { "660", "640", "0:0", false },
		{ "660", "660", "0:4", false }, { "666", "600", "0:0", false },
	};
	char command[512], line[256];
	size_t i;

	(void)state;
	put_well();
	if (system("mknod node c 1 3 2>err"))
		skip();
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(command, sizeof(command),
			 "bash try 'cd dev/tenstorrent; rm 1 mem/1; mknod -m %s 1 c 1 3; mknod -m %s mem/1 c 1 3; chown %s mem/1; cd ../..' ^$",
			 modes[i].driver, modes[i].node, modes[i].group);
		assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), !modes[i].well);
		snprintf(line, sizeof(line), modes[i].well ?
			 "\nok       node          dev/tenstorrent/mem/1, mode 0%s\n" :
			 "\nwrong    node          dev/tenstorrent/mem/1, mode 0%s, is closed to some who may use dev/tenstorrent/1, mode 0%s\n",
			 modes[i].node, modes[i].driver);
		assert_non_null(strstr(out, line));
	}
}

/* The list of all cards is read once a look, which a pipe allows no second time. */
static void one_reading(void **state)
{
	static const char * const views[] = {
		"", "-q", "--json", "--query-compute-apps=pid,dram", "pmon -c 1",
		"--reservations 5",
	};
	char command[1024];
	unsigned int i;

	(void)state;
	many_cards();
	assert_int_equal(rename(LIST, "list"), 0);
	assert_int_equal(mkfifo(LIST, 0600), 0);
	for (i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		snprintf(command, sizeof(command),
			 "timeout 60 sh -c 'cat list >" LIST "' & timeout 60 " TTMEM_SMI " %s; status=$?; wait; exit $status",
			 views[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)),
				 strncmp(views[i], "--res", 5) ? 0 : 6);
	}
}

/* Where the list is not, nobody may think that nobody holds anything. */
static void list_not_there(void **state)
{
	(void)state;
	three_cards();
	put("1234\n", "proc/driver/tenstorrent/1/pids");
	assert_int_equal(unlink(LIST), 0);
	begin();
	play("-i 0");
	play("-L");
	play("-q -d PIDS -i 0,1");
	play("-q -d CLOCK -i 0");
	play("--json -i 0");
	play("--query-compute-apps=card,pid,used_memory,gpu_name");
	play("--query-gpu=index,memory.used");
	play("--query-chip=index,chip,dram.used");
	play("dmon -c 1 -s m");
	play("pmon -c 1");
	play("--reservations 1234");
	play("-y -i 0 --reset-peaks");
	end("no-list");
}

static void views_of_many(void **state)
{
	(void)state;
	many_cards();
	begin();
	play("");
	play("-L");
	play(ASK_CARDS);
	play("dmon -c 1");
	play("pmon -c 1 -s m");
	end("many");
}

static void queries(void **state)
{
	(void)state;
	three_cards();
	put_card(3, "0001:01:00.0");
	begin();
	play("--query-gpu=index,memory.used,dram.used --format=csv,noheader");
	play("--query-gpu=index,memory.used,dram.used --format=csv,nounits");
	play("--query-card=card,memory.used --format=csv,bytes");
	play("--query-card=card,memory.used --format=csv,noheader,nounits,bytes");
	play("--query-card ' card , board,clock ' -i 0");
	play("--query-chip=card,chip,chips,dram.total,l1.peak,dram.banks");
	play("--query-compute-apps=pid,gpu_name,gpu_bus_id,name,dram,l1,uid --format=csv,nounits");
	/* Every field there is: all names come from the program. */
	setenv("smi", TTMEM_SMI, 1);
	play("--query-card=$($smi --help-query-card | sed -n 's/^\"//;T;s/\" or \"/,/g;s/\".*//p' | paste -sd,) -i 1");
	play("--query-compute-apps=$($smi --help-query-compute-apps | sed -n 's/^\"//;T;s/\" or \"/,/g;s/\".*//p' | paste -sd,) -i 2");
	play("--help-query");
	play("--help-query-gpu | head -n 1");
	play("--help-query-chip | head -n 1");
	play("--help-query-compute-apps | head -n 1");
	end("queries");
}

static void selections(void **state)
{
	(void)state;
	three_cards();
	begin();
	play("-L -i 2,0");
	play("-L -i n300");
	play("-L -i N150,0000:03:00.0");
	play("-L -i all");
	play("--query-compute-apps=card,pid -i 1,p150a");
	play("--query-compute-apps=card,pid -p 1300");
	play("--query-compute-apps=card,pid -p 1300,1234 -i 2");
	play("--query-compute-apps=card,pid -p 999");
	play("--query-compute-apps=card,pid,dram --sort dram");
	play("--query-compute-apps=card,pid,dram --sort=+dram");
	play("--query-compute-apps=card,pid,l1 --sort=-l1");
	play("--query-compute-apps=card,pid --sort pid");
	play("--query-compute-apps=card,pid --sort=-card");
	play("--query-compute-apps=command --sort=-command");
	play("--query-compute-apps=uid --sort=user");
	play("--query-compute-apps=pid,reservations --sort=reservations");
	end("selections");
}

static void play_signal(const char *signal, const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sh -c 'rm -f begun; " TTMEM_SMI " %s > begun & until [ -s begun ]; do sleep 0.01; done; kill -%s $!; wait $!'",
		 arguments, signal);
	assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
}

/* Again and again: one head, a count, a file, and a clean end. */
static void loops(void **state)
{
	(void)state;
	three_cards();
	begin();
	play("-L -i 0 -l 0.01 -c 3");
	play("-L -i 0 -lms 10 -c 2");
	play("-L -c 1 -l -i 0");
	play("-L -i 0 -c 1 -l");
	play("--query-gpu=name,memory.used -i 1 --loop-ms=10 -c 3");
	play("-i 0 -l 0.01 -c 2");
	play("dmon -i 1 -d 0.01 -c 3 -s m -o DT");
	play("dmon -i 1 -s pc -l 0.01 -c 2");
	play("pmon -i 2 -d 0.01 -c 2 -s r -o T");
	play("dmon -d 0.001 -c 12 | grep -c '^#'");
	play("-L -f file -l 0.01 -c 2");
	show_file("file");
	play("-L -i 0 --filename file");
	show_file("file");
	end("loops");

	/* A signal is a clean end, once it has begun. */
	play_signal("INT", "-l 0.01 --json");
	play_signal("TERM", "dmon -d 1000");
	play_signal("INT", "dmon -d 1000");
	/* What goes away is told once; what comes back is shown. */
	assert_int_equal(run("sh -c '" TTMEM_SMI " -L -l 0.2 & sleep 0.5; mv sys away; sleep 1; mv away sys; sleep 1; kill -INT $!; wait $!'",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_ptr_equal(strstr(err, "ttmem-smi: TT-KMD, Tenstorrent's driver, is not loaded"),
			 err);
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
}

static void terminals(void **state)
{
	(void)state;
	three_cards();
	put("tr\xc3\xa4in --\xe2\x82\xac \xe4\xb8\xad\xe6\x96\x87 \033[2J\xff",
	    "proc/1300/cmdline");
	begin();
	play_on_terminal("", "", 80, NULL);
	play_on_terminal("", "", 132, NULL);
	play_on_terminal("", "", 100, NULL);
	play_on_terminal("", "-i 0", 40, NULL);
	play_on_terminal("NO_COLOR=1", "-i 1", 80, NULL);
	play_on_terminal("NO_COLOR=", "-i 1", 80, NULL);
	play_on_terminal("LC_ALL=C", "-i 2", 80, NULL);
	play_on_terminal("TERM=dumb", "-i 0", 80, NULL);
	play_on_terminal("COLUMNS=90", "--color=never -i 2", 80, NULL);
	play_on_terminal("", "pmon -c 1", 60, NULL);
	play("--color=always -i 2");
	play("-i 2");
	end("terminals");
}

/* Each line of a table is as wide as the terminal, whatever that is. */
static void every_width(void **state)
{
	char settings[512], *line, *rest;
	unsigned int width, lines;

	(void)state;
	three_cards();
	for (width = 1; width <= 260; width += 7) {
		snprintf(settings, sizeof(settings), "COLUMNS=%u %s", width,
			 TTMEM_SMI);
		assert_int_equal(run(settings, out, sizeof(out), err,
				     sizeof(err)), 0);
		lines = 0;
		for (line = strtok_r(out, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			if (lines++)
				assert_int_equal(strlen(line),
						 width < 79 ? 79 : width);
		assert_true(lines > 20);
	}
}

/* The node is a link to /dev/null and answers by kernel.c. */
static void put_node(void)
{
	put("1:3\n", "sys/class/ttmem/ttmem0/dev");
	put("", "dev/tenstorrent/mem/none");
	assert_int_equal(symlink("/dev/null", "dev/tenstorrent/mem/0"), 0);
}

static void reservations(void **state)
{
	(void)state;
	put_kind(0, &kinds[2]);
	put_kind(1, &kinds[0]);
	put_clients("0 7 1234 4294967001 0 DRAM buffer 104861696 104861696 2 self serve\n"
		    "0 7 1234 4294967001 0 L1 cb 65536 65536 1 self serve\n"
		    "0 8 1235 4294967001 0 L1 cb 65536 65536 1 self serve\n"
		    "0 9 1234 4294967001 0 DRAM - 0 4096 0 self serve\n"
		    "0 9 1234 4294967001 0 L1 cb 65536 9999999 1 self serve\n"
		    "0 9 1234 4294967001 0 L1 buffer 5242880 9999999 0 self serve\n"
		    "0 10 1236 4294967001 0 DRAM - 0 4096 0 self serve\n"
		    "0 11 1237 4294967001 0 DRAM buffer 4096 4096 0 attributed serve\n");
	begin();
	play("--reservations 1234");
	play("--reservations 1237");	/* takes no node */
	put_node();
	play("--reservations 1234");
	play("--reservations 1235");
	play("--reservations 1234 --format=csv");
	play("--reservations 1234 --format=csv,noheader,nounits -i p150a");
	play("--reservations 1234 -i 1");
	play("--reservations 4");
	play("--reservations 1236");	/* has held something */
	setenv("TTMEM_FAKE_ERROR", "13", 1);
	play("--reservations 1234");
	setenv("TTMEM_FAKE_ERROR", "25", 1);
	play("--reservations 1234");
	setenv("TTMEM_FAKE_ERROR", "2", 1);	/* it has ended meanwhile */
	play("--reservations 1235");
	unsetenv("TTMEM_FAKE_ERROR");
	end("reservations");
}

static void levers(void **state)
{
	(void)state;
	three_cards();
	begin();
	play("-i 2 --set-capacity dram=12G");
	play("-i 2 --reset-peaks");
	play("-i 2 --invalidate");
	show_file("sys/class/ttmem/ttmem2/chip0/dram_total");
	show_file("sys/class/ttmem/ttmem2/dram_peak");
	show_file("sys/class/ttmem/ttmem2/invalidate");
	play("-y -i 2 --set-capacity dram=12G");
	show_file("sys/class/ttmem/ttmem2/chip0/dram_total");
	play("-y -i 1 --chip 1 --set-capacity l1=95944704,DRAM=0");
	show_file("sys/class/ttmem/ttmem1/chip1/dram_total");
	show_file("sys/class/ttmem/ttmem1/chip1/l1_total");
	show_file("sys/class/ttmem/ttmem1/chip0/l1_total");
	play("-y -i n150,n300 --reset-peaks");
	show_file("sys/class/ttmem/ttmem0/dram_peak");
	show_file("sys/class/ttmem/ttmem1/chip1/l1_peak");
	show_file("sys/class/ttmem/ttmem2/dram_peak");
	play("-y -i 1 --chip 0 --reset-peaks");
	play_on_terminal("", "-i 2 --invalidate", 80, "n\n");
	play_on_terminal("", "-i 2 --invalidate", 80, "\n");
	show_file("sys/class/ttmem/ttmem2/invalidate");
	play_on_terminal("", "-i 2 --invalidate", 80, "y\n");
	show_file("sys/class/ttmem/ttmem2/invalidate");
	play_on_terminal("", "-i all --invalidate --yes", 80, NULL);
	show_file("sys/class/ttmem/ttmem0/invalidate");
	play("-i 1 --chip 2 --reset-peaks");
	play("-i 7 --reset-peaks");
	put_card(3, "0001:01:00.0");
	play("-i 3 --invalidate");
	unlink("sys/class/ttmem/ttmem0/invalidate");
	play("-i 0 --invalidate");
	end("levers");
}

static void versions(void **state)
{
	(void)state;
	begin();
	play("--version");
	put("2.10.1\n", "sys/module/tenstorrent/version");
	play("-V");
	put_kind(0, &kinds[0]);
	play("--version");
	put_node();
	play("--version");
	setenv("TTMEM_FAKE_ABI", "2", 1);
	play("--version");
	setenv("TTMEM_FAKE_ABI", "0", 1);
	play("--version");
	unsetenv("TTMEM_FAKE_ABI");
	end("versions");
}

static void no_list(void)
{
	three_cards();
	assert_int_equal(unlink(LIST), 0);
}

/* The documents of all machines against the schema that is documented. */
static void json_schema(void **state)
{
	static void (*const machines[])(void) = {
		one_card, three_cards, many_cards, put_machine, no_list,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (i) {
			fake_teardown(NULL);
			fake_setup(NULL);
		}
		machines[i]();
		assert_int_equal(run(TTMEM_SMI " --json -l 0.01 -c 2", out,
				     sizeof(out), err, sizeof(err)),
				 machines[i] == no_list ? 1 : 0);
		put(out, "documents");
		assert_int_equal(run("python3 " TTMEM_TREE "/tools/testing/selftests/host/validate "
				     TTMEM_TREE "/Documentation/ttmem-smi.schema.json documents",
				     out, sizeof(out), err, sizeof(err)), 0);
		assert_string_equal(err, "");
		assert_string_equal(out, "2 documents are valid\n");
	}
}

/* A shell's command in the transcript, as it stands here. */
/* Each option is where it must be told: a new one fails here until it is. */
static void no_drift(void **state)
{
	(void)state;
	begin();
	setenv("HERE", TTMEM_TREE "/tools/testing/selftests/host", 1);
	setenv("smi", TTMEM_SMI, 1);
	setenv("run", TTMEM_RUN, 1);
	setenv("tools", TTMEM_REAL, 1);
	play_shell("$HERE/drift $smi ttmem-smi top");
	play_shell("$HERE/drift \"$smi top\" ttmem-smi-top");
	play_shell("$HERE/drift \"$smi record\" ttmem-smi-record");
	play_shell("$HERE/drift \"$smi report\" ttmem-smi-report");
	play_shell("$HERE/drift \"$smi watch\" ttmem-smi-watch");
	play_shell("$HERE/drift \"$smi doctor\" ttmem-smi-doctor");
	play_shell("$HERE/drift $run ttmem-run");
	play_shell("$HERE/drift $tools/ttmem-cdi ttmem-cdi");
	play_shell("$HERE/drift $tools/ttmem-exporter ttmem-exporter");
	play_shell("$HERE/drift $tools/ttmem-account ttmem-account");
	end("drift");
}

/* What a person gets for a tab. */
static void completions(void **state)
{
	static const char * const lines[] = {
		"ttmem-smi d", "ttmem-smi --query-gpu = memory.",
		"ttmem-smi --query-gpu = name,memory.u",
		"ttmem-smi --query-compute-apps = used", "ttmem-smi -i ",
		"ttmem-smi -i 0,n", "ttmem-smi -p ", "ttmem-smi --sort r",
		"ttmem-smi -q -d P", "ttmem-smi dmon -d ",
		"ttmem-smi --format = csv,no", "ttmem-smi --set-capacity = d",
		"ttmem-smi top -i 1,p", "ttmem-smi record --fo",
		"ttmem-smi record --format = t", "ttmem-smi record -o sy",
		"ttmem-smi record -l 5 -- python3 -", "ttmem-smi watch -a 90% sh -",
		"ttmem-smi record -l 5 --form", "ttmem-run -c 0 ls -",
		"ttmem-smi report --", "ttmem-smi report pr",
		"ttmem-run -c ", "ttmem-run -c 0 --d",
		"ttmem-cdi ", "ttmem-cdi --o", "ttmem-cdi -o sy",
		"ttmem-cdi --output = pr", "ttmem-exporter --m",
		"ttmem-exporter -", "ttmem-exporter -l ",
	};
	char command[1024];
	unsigned int i;

	(void)state;
	three_cards();
	setenv("HERE", TTMEM_TREE "/tools/completions", 1);
	setenv("smi", TTMEM_SMI, 1);
	begin();
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		/* What is behind the last blank is being typed. */
		snprintf(command, sizeof(command),
			 "bash -c 'ttmem-smi() { $smi \"$@\"; }; compopt() { :; }; . $HERE/ttmem.bash; IFS=\" \" read -ra COMP_WORDS <<< \"$1\"; case $1 in *\" \") COMP_WORDS+=(\"\");; esac; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _${COMP_WORDS[0]//-/_}; echo \"${COMPREPLY[@]}\"' - '%s'",
			 lines[i]);
		assert_int_equal(run(command, out, sizeof(out), err,
				     sizeof(err)), 0);
		note(lines[i], 0, out, err);
	}
	end("completions");
}

/* The same of zsh, on a terminal of its own, and of fish: values too, and no mistakes. */
static void completions_of_others(void **state)
{
	static const char * const lines[] = {
		"ttmem-smi -i ", "ttmem-smi -i 0,n", "ttmem-smi -p ", "ttmem-smi -p 1234,",
		"ttmem-smi --reservations=", "ttmem-smi --query-gpu=memory.f",
		"ttmem-smi --query-gpu=name,memory.u", "ttmem-smi --query-chip=l1.to",
		"ttmem-smi --query-compute-apps=used", "ttmem-smi --format=csv,no",
		"ttmem-smi --set-capacity=d", "ttmem-smi --set-capacity=dram=4,",
		"ttmem-smi -q -d P", "ttmem-smi --sort=d", "ttmem-smi top -i 1,p",
		"ttmem-smi record -p 1234,", "ttmem-smi record --format=t",
		"ttmem-smi report -i n", "ttmem-cdi -o sy", "ttmem-exporter --listen=",
	};
	static const char zsh[] = TTMEM_TREE "/tools/testing/selftests/host/ask-zsh $HERE '%s'";
	static const char fish[] =
		"HOME=$PWD XDG_CONFIG_HOME=$PWD fish --no-config -c 'function ttmem-smi; $smi $argv; end; for f in $HERE/*.fish; source $f; end; complete -C \"%s\"' | cut -f 1 | sort -u";
	char command[1024], shown[256];
	unsigned int i, with;

	(void)state;
	three_cards();
	setenv("HERE", TTMEM_TREE "/tools/completions", 1);
	setenv("smi", TTMEM_SMI, 1);
	begin();
	/* Without processes there are no pids, which is no mistake. */
	for (with = 0; with < 2; with++) {
		if (with)
			put("CARD\n", LIST);
		for (i = 0; i < 2 * sizeof(lines) / sizeof(lines[0]); i++) {
			const char *line = lines[i / 2];

			if (with && !strstr(line, " -p ") && !strstr(line, " -i "))
				continue;
			snprintf(command, sizeof(command), i % 2 ? fish : zsh, line);
			snprintf(shown, sizeof(shown), "%s: %s%s", i % 2 ? "fish" : "zsh",
				 line, with ? " # who holds what is not known" : "");
			assert_int_equal(run(command, out, sizeof(out), err, sizeof(err)), 0);
			note(shown, 0, out, err);
		}
	}
	end("completions-of-others");
}

/* What make install puts where, and that uninstall takes all of it. */
static void installed(void **state)
{
	(void)state;
	setenv("TOOLS", TTMEM_TREE "/tools", 1);
	setenv("BUILT", TTMEM_REAL, 1);
	unsetenv("MAKEFLAGS");
	unsetenv("MAKELEVEL");
	begin();
	play_shell("make -s -C $TOOLS O=$BUILT WERROR=1 DESTDIR=$PWD/root install >/dev/null && find root ! -type d | grep -E '(ttmem-|_ttmem)' | LC_ALL=C sort");
	play_shell("make -s -C $TOOLS O=$BUILT WERROR=1 DESTDIR=$PWD/root uninstall && find root ! -type d");
	end("install");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
		CASE(missing),
		CASE(arguments),
		CASE(table),
		CASE(table_of_one),
		CASE(table_width),
		CASE(views_of_one),
		CASE(views_of_three),
		CASE(views_of_many),
		CASE(words),
		CASE(locales),
		CASE(csv_is_read),
		CASE(xml_is_read),
		CASE(sources),
		CASE(silent),
		CASE(doctor),
		CASE(doctor_no_library),
		CASE(doctor_modes),
		CASE(silent_garbled),
		CASE(one_reading),
		CASE(list_not_there),
		CASE(queries),
		CASE(selections),
		CASE(loops),
		CASE(terminals),
		CASE(every_width),
		CASE(reservations),
		CASE(levers),
		CASE(versions),
		CASE(json_schema),
		CASE(no_drift),
		CASE(completions),
		CASE(completions_of_others),
		CASE(installed),
	};

	return cmocka_run_group_tests_name("smi", tests, NULL, NULL);
}
