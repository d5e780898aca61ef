// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi before the real module: with 1, 3 and 32 cards, idle and under load,
 * in a pid namespace and as a plain user. What it prints is compared whole with
 * the transcripts in expected/; what differs from one machine to the next, times,
 * processes' numbers and TT-KMD's sensors, is taken out first.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../selftest.h"
#include "libttmem.h"
#include "fake.h"

#define NOBODY		65534
#define HOLDERS_MAX	40

static char out[1 << 20], err[8192];
static char *name_of_this;	/* argv[0], which a holder writes over */

static pid_t holders[HOLDERS_MAX];
static unsigned int holder_count;

static void reserve(struct ttmem_card *card, unsigned int chip,
		    unsigned int memory, unsigned int tag, uint64_t size,
		    uint64_t address, const char *label)
{
	struct ttmem_reserve r = {
		.chip = chip, .memory = memory, .tag = tag, .size = size,
		.flags = address ? TTMEM_RESERVE_ADDRESS : 0,
		.address = address, .payload = size - 1,
	};

	strcpy((char *)r.label, label);
	if (ttmem_reserve(card, &r, sizeof(r)))
		_exit(1);
}

/* A process that holds something of each kind. */
static void hold(unsigned int number, unsigned int chip, uid_t uid)
{
	struct ttmem_gauge gauge = {
		.chip = chip, .memory = TTMEM_L1, .tag = TTMEM_TAG_CB,
		.bytes = 512 << 10,
	};
	struct ttmem_card *card;
	int to[2];
	char c;

	assert_int_equal(pipe(to), 0);
	holders[holder_count] = fork();
	if (!holders[holder_count]) {
		memset(name_of_this, 0, strlen(name_of_this));
		strcpy(name_of_this, "holder");
		if (prctl(PR_SET_NAME, "holder") || ttmem_open(number, 0, &card))
			_exit(1);
		/* Who it is then may trace it, as if it had been from the start. */
		if (uid && (setgid(uid) || setuid(uid) ||
			    prctl(PR_SET_DUMPABLE, 1)))
			_exit(1);
		reserve(card, chip, TTMEM_DRAM, TTMEM_TAG_BUFFER, 200 * MIB,
			0x2000, "kv cache");
		reserve(card, chip, TTMEM_DRAM, TTMEM_TAG_TRACE, 64 * MIB, 0,
			"");
		reserve(card, chip, TTMEM_L1, TTMEM_TAG_BUFFER, MIB, 0x100,
			"acts, \"hot\"");
		if (ttmem_set(card, &gauge, 1, sizeof(gauge)))
			_exit(1);
		write(to[1], "", 1);
		for (;;)
			pause();
	}
	close(to[1]);
	holder_count++;
	assert_int_equal(read(to[0], &c, 1), 1);
	close(to[0]);
}

static void kill_holders(void)
{
	while (holder_count) {
		pid_t pid = holders[--holder_count];

		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

/* The machine's cards become others. */
static void plug(const char *cards)
{
	char parameter[1024];

	if (access("/sys/module/vcard", F_OK) == 0)
		assert_int_equal(st_unload("vcard"), 0);
	snprintf(parameter, sizeof(parameter), "cards=%s", cards);
	assert_int_equal(st_load("VCARD_KO", parameter), 0);
	setenv("TTMEM_CARDS", cards, 1);
	st_await_all_attached(true);
}

/* Write the script for sed that takes out what differs. */
static void write_hide(void)
{
	FILE *file = fopen("hide", "w");
	unsigned int i;

	assert_non_null(file);
	fputs("s/^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [0-9]{4}$/TIME/\n"
	      "s/TT-KMD: .*\\|$/TT-KMD: |/\n"
	      "s/^\\|      [0-9N].{30}\\|/| SENSORS |/\n"
	      "/\"(time|tt_kmd_version|serial|asic_id|firmware|temperature_celsius|power_watts|power_limit_watts|clock_mhz)\"/d\n"
	      "s/^(Timestamp|Driver Version) +: .*/\\1/\n", file);
	for (i = 0; i < holder_count; i++)
		fprintf(file, "s/%7d/   PID%u/g\ns/\\b%d\\b/PID%u/g\n",
			holders[i], i + 1, holders[i], i + 1);
	fclose(file);
}

static void play_shell(const char *command)
{
	int status = run(command, out, sizeof(out), err, sizeof(err));
	FILE *file;

	write_hide();
	file = popen("sed -E -f hide out", "r");
	assert_non_null(file);
	out[fread(out, 1, sizeof(out) - 1, file)] = '\0';
	assert_int_equal(pclose(file), 0);
	file = popen("sed -E -f hide err", "r");
	assert_non_null(file);
	err[fread(err, 1, sizeof(err) - 1, file)] = '\0';
	assert_int_equal(pclose(file), 0);
	note(command, status, out, err);
}

static void play_views(void)
{
	play_shell("$smi");
	play_shell("$smi -L");
	play_shell("$smi -q -d MEMORY,PIDS -i 0");
	play_shell("$smi --query-gpu=index,name,pci.bus_id,memory.used,memory.total,l1.used,clients");
	play_shell("$smi --query-chip=index,chip,dram.used,dram.peak,dram.trace,l1.cb,reservations --format=csv,nounits");
	play_shell("$smi --query-compute-apps=pid,name,used_memory,l1,user,gpu_name");
	play_shell("$smi dmon -c 1 -s mr");
	play_shell("$smi pmon -c 1");
}

static void idle_and_loaded(const char *cards, const char *transcript)
{
	unsigned int i;

	plug(cards);
	begin();
	play_views();
	play_shell("$smi --json -i 0");
	for (i = 0; i < (unsigned int)st_cards(); i++)
		hold(i, st_chips(i) - 1, i % 2 ? NOBODY : 0);
	play_views();
	play_shell("$smi --json -i 0");
	kill_holders();
	play_shell("$smi --query-gpu=dram.used,l1.used,clients,dram.peak -i 0");
	end(transcript);
}

static void test_one(void **state)
{
	(void)state;
	idle_and_loaded("p150a", "guest-one");
}

static void test_three(void **state)
{
	(void)state;
	idle_and_loaded("n150,n300,p150a", "guest-three");
}

static void test_many(void **state)
{
	char cards[1024] = "galaxy-wormhole";
	unsigned int i;

	(void)state;
	for (i = 1; i < 32; i++)
		strcat(cards, ",galaxy-wormhole");
	idle_and_loaded(cards, "guest-many");
}

/* All that the document holds is in the schema, with real cards too. */
static void test_schema(void **state)
{
	(void)state;
	hold(0, 0, NOBODY);
	assert_int_equal(run("$smi --json -l 0.1 -c 3 >documents && python3 $HERE/validate $HERE/../../../../Documentation/ttmem-smi.schema.json documents",
			     out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(out, "3 documents are valid\n");
	kill_holders();
}

static void test_plain_user(void **state)
{
	struct stat status;
	int card;

	(void)state;
	plug("n150,n300,p150a");
	assert_int_equal(stat("/dev/tenstorrent/mem/1", &status), 0);
	for (card = 0; card < st_cards(); card++)
		assert_int_equal(chmod(st_node(card), 0666), 0);
	hold(1, 1, 0);
	hold(1, 0, NOBODY);
	begin();
	snprintf(out, sizeof(out), "%d", holders[0]);
	setenv("PID1", out, 1);
	snprintf(out, sizeof(out), "%d", holders[1]);
	setenv("PID2", out, 1);
	/* Where the tree stands may be closed to others. */
	assert_int_equal(run("cp $smi /tmp/ttmem-smi-of-all", out, sizeof(out),
			     err, sizeof(err)), 0);
	setenv("nobody", "setpriv --reuid=65534 --regid=65534 --clear-groups /tmp/ttmem-smi-of-all",
	       1);
	play_shell("$nobody");
	play_shell("$nobody --reservations $PID1");
	play_shell("$nobody --reservations $PID2");
	play_shell("$nobody -i 1 --reset-peaks");
	play_shell("$nobody -i n300 --set-capacity dram=1G");
	play_shell("$nobody -i all --invalidate --yes");
	play_shell("$nobody --version | grep -v TT-KMD");
	assert_int_equal(chmod("/dev/tenstorrent/mem/1", 0600), 0);
	play_shell("$nobody --reservations $PID2");
	play_shell("$smi --reservations $PID1");
	play_shell("$smi --reservations $PID2 --format=csv | sed -E 's/^([^,]*,[^,]*), [0-9]+/\\1, CLIENT/'");
	for (card = 0; card < st_cards(); card++)
		assert_int_equal(chmod(st_node(card), status.st_mode & 07777), 0);
	kill_holders();
	end("guest-user");
}

/* Those outside have no number inside; those inside have theirs. */
static void test_pid_namespace(void **state)
{
	(void)state;
	hold(2, 0, 0);
	begin();
	setenv("inside", "unshare --pid --fork --mount-proc --kill-child", 1);
	play_shell("$inside $smi -i 2");
	play_shell("$inside $smi --query-compute-apps=pid,process_name,dram");
	play_shell("$inside $smi pmon -c 1 -i 2");
	play_shell("$inside sh -c '$run --card 2 --dram 1M -- sh -c \"echo; exec sleep 1000\" | { read x; $smi --query-compute-apps=pid,process_name,dram | sed \"s/^[0-9][0-9]*/A NUMBER/\"; kill -9 -1; }'");
	kill_holders();
	end("guest-namespace");
}

/* One tells itself; in its name another tells too; one holds nothing any more. */
static void test_sources(void **state)
{
	struct ttmem_gauge gauge = {
		.memory = TTMEM_DRAM, .tag = TTMEM_TAG_TRACE, .bytes = 3 * MIB,
	};
	struct ttmem_reserve r = { .memory = TTMEM_DRAM, .size = 5 * MIB };
	struct ttmem_card *card, *of_other;

	(void)state;
	hold(0, 0, 0);
	assert_int_equal(ttmem_open(0, 0, &of_other), 0);
	assert_int_equal(ttmem_attribute(of_other, holders[0]), 0);
	assert_int_equal(ttmem_set(of_other, &gauge, 1, sizeof(gauge)), 0);
	gauge.bytes = MIB;
	assert_int_equal(ttmem_set(of_other, &gauge, 1, sizeof(gauge)), 0);
	/* This one here. */
	assert_int_equal(ttmem_open(0, 0, &card), 0);
	assert_int_equal(ttmem_reserve(card, &r, sizeof(r)), 0);
	assert_int_equal(ttmem_free(card, r.handle), 0);
	begin();
	play_shell("$smi --query-compute-apps=pid,chip,dram,l1,source");
	play_shell("$smi --query-compute-apps=dram,dram.peak,max_memory_usage,l1,l1.peak,source");
	play_shell("$smi -q -d PIDS | grep -vE 'Process ID|User|Command'");
	play_shell("$smi pmon -c 1 -i 0");
	kill_holders();
	play_shell("$smi --query-compute-apps=dram,dram.peak,source");
	end("guest-sources");
	assert_int_equal(ttmem_close(of_other), 0);
	assert_int_equal(ttmem_close(card), 0);
}

/* In a /proc of processes alone there is no list, which is not an empty list. */
static void test_subset_pid(void **state)
{
	(void)state;
	hold(0, 0, 0);
	begin();
	setenv("inside", "unshare --mount sh -c 'mount -t proc -o subset=pid proc /proc && exec \"$@\"' -",
	       1);
	play_shell("eval \"$inside $smi -i 0\"");
	play_shell("eval \"$inside $smi --query-compute-apps=pid,dram -i 0\"");
	play_shell("eval \"$inside $smi --json -i 0\" | tail -n 2");
	play_shell("eval \"$inside $smi --query-gpu=index,memory.used -i 0\"");
	kill_holders();
	end("guest-subset");
}

static void test_levers(void **state)
{
	(void)state;
	hold(1, 1, 0);
	begin();
	play_shell("$smi -y -i 1 --set-capacity dram=6G,l1=64M --chip 1");
	play_shell("$smi -i 1 --query-chip=chip,dram.total,dram.free,l1.total,dram.peak");
	play_shell("$smi -y -i 1 --set-capacity dram=100M");
	play_shell("$smi -i 1 --query-chip=chip,dram.total,dram.used,dram.free");
	play_shell("$smi -y -i 1 --set-capacity dram=12884901888,l1=95944704");
	play_shell("$smi -i 1 --invalidate");
	play_shell("$smi -y -i 1 --invalidate");
	play_shell("$smi -i 1 --query-card=dram.used,l1.used,clients,reservations,dram.peak");
	play_shell("$smi -i 1 --query-compute-apps=pid");
	play_shell("$smi -y -i 1 --set-capacity dram=5T");
	play_shell("$smi -y -i 1 --reset-peaks");
	play_shell("$smi -i 1 --query-card=dram.peak,l1.peak");
	kill_holders();
	end("guest-levers");
}

static int setup(void **state)
{
	if (fake_setup(state))
		return -1;
	setenv("smi", TTMEM_SMI, 1);
	setenv("run", TTMEM_RUN, 1);
	setenv("HERE", TTMEM_TREE "/tools/testing/selftests/host", 1);
	/* No process's number may be one that stands for bytes, nor be lower than this one's. */
	if (run("echo 4194304 >/proc/sys/kernel/pid_max; [ $$ -gt 700000 ] || echo 700000 >/proc/sys/kernel/ns_last_pid",
		out, sizeof(out), err, sizeof(err)))
		return -1;
	return 0;
}

/* A test that failed leaves its holders. */
static int teardown(void **state)
{
	while (holder_count)
		kill(holders[--holder_count], SIGKILL);
	return fake_teardown(state);
}

static char cards_before[1024];

static int group_setup(void **state)
{
	snprintf(cards_before, sizeof(cards_before), "%s", getenv("TTMEM_CARDS"));
	return st_group_setup(state);
}

/* The cards that the machine had. */
static int group_teardown(void **state)
{
	plug(cards_before);
	return st_group_teardown(state);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(test_one),
		CASE(test_many),
		CASE(test_schema),
		CASE(test_three),
		CASE(test_plain_user),
		CASE(test_pid_namespace),
		CASE(test_sources),
		CASE(test_subset_pid),
		CASE(test_levers),
	};

	(void)argc;
	name_of_this = argv[0];
	return cmocka_run_group_tests_name("smi_guest", tests, group_setup,
					   group_teardown);
}
