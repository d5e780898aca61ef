# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-smi watch before made-up trees that change under it."""

import os
import pty
import re
import signal
import subprocess
import time

import support

SMI = f"{os.environ['TTMEM_TOOLS']}/ttmem-smi"
RULES = f"{os.environ['TTMEM_TREE']}/tools/prometheus/ttmem.rules.yml"
DRAM = 12 << 30
WHEN = "2025-11-24T16:00:00+0000 "
MIB = 1 << 20
GIB = 1 << 30
# What a process calls itself; and that with nothing in it that a terminal takes for more.
HOSTILE = r"$(id)\033[2J\012'`"
SHOWN = "$(id)?[2J?'`"


def watch(*arguments, **options):
    result = subprocess.run(
        [SMI, "watch", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, check=False, timeout=support.PATIENCE, **options)
    return result.returncode, result.stdout, result.stderr


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Watch(support.Roots):
    def setUp(self):
        super().setUp()
        os.environ["TZ"] = "UTC"
        self.clients = []
        self.beacons = 0
        self.process = None
        self.put_card(0, "0000:01:00.0")
        self.put_used(0)
        self.put_clients()

    def tearDown(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.out.close()
            self.err.close()
        super().tearDown()

    def put(self, path, text):
        """Whole or not at all, as it may be read in the middle."""
        super().put("new", text)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        os.replace("new", path)

    def put_used(self, used, total=DRAM, number=0, **more):
        self.put_books(number, 2, chip0_dram_total=total, chip0_dram_used=used,
                       chip1_dram_total=total, **more)

    def hold(self, *clients):
        """What clients hold: (pid, uid, chip, bytes), with numbers of their own, and names."""
        self.clients = [
            f"0 {client[4] if len(client) > 4 else client[0]} {client[0]} {client[1]} {client[2]} "
            f"DRAM buffer {client[3]} {client[3]} 1 self "
            f"{client[5] if len(client) > 5 else 'python3'}" for client in clients]
        self.put_clients(*self.clients)

    def start(self, *arguments, **options):
        self.out = open("watch.out", "w+")
        self.err = open("watch.err", "w+")
        options = {"stdout": self.out, "stderr": self.err, "stdin": subprocess.DEVNULL, **options}
        self.process = subprocess.Popen([SMI, "watch", *arguments], **options)

    def text(self, name):
        with open(name) as file:
            return file.read()

    def until(self, true, what):
        end = time.monotonic() + support.PATIENCE
        while not true():
            self.assertLess(time.monotonic(), end, f"{what}: " + self.text("watch.out") +
                            self.text("watch.err"))
            time.sleep(0.01)

    def wait_for(self, text, name="watch.out"):
        self.until(lambda: os.path.exists(name) and text in self.text(name), text)

    def looked(self):
        """Until all that was put was looked at: one more process crosses process:1T."""
        self.beacons += 1
        pid = 7000 + self.beacons
        self.put_clients(*self.clients, f"0 {pid} {pid} 0 0 DRAM buffer {2 << 40} 0 1 self b")
        self.wait_for(f"process {pid} ")

    def end(self, how=signal.SIGTERM):
        """What it has printed, but for what looked() had it print."""
        self.process.send_signal(how)
        self.assertEqual(self.process.wait(support.PATIENCE), 0)
        return "".join(line for line in self.text("watch.out").splitlines(True)
                       if not re.search(r"process 7\d\d\d ", line)), self.text("watch.err")

    def test_once_for_each_crossing(self):
        self.start("--above", "90%", "-a", "process:1T", "-l", "0.02")
        self.looked()
        for used in (DRAM * 9 // 10, DRAM * 9 // 10 + 8, DRAM, DRAM * 86 // 100, 11 * GIB,
                     DRAM * 85 // 100, DRAM * 10 // 11):
            self.put_used(used)
            self.looked()
        line = " of 12 GiB held, above 90%\n"
        self.assertEqual(self.end(), (
            WHEN + "card 0 DRAM chip 0: 10.8 GiB" + line +
            WHEN + "card 0 DRAM chip 0: 10.9 GiB" + line, ""))

    def test_turns(self):
        """Who has many processes above a line keeps others waiting for one of them only."""
        self.hold(*((1000 + i, 54321, 0, GIB) for i in range(50)),
                  *((2000 + i, 54322, 0, GIB) for i in range(2)), (3000, 54323, 0, GIB))
        status, out, err = watch("-a", "process:512M", "--once")
        self.assertEqual((status, err), (3, ""))
        self.assertEqual(re.findall(r"process (\d+) ", out)[:6],
                         ["1000", "2000", "3000", "1001", "2001", "1002"])
        self.assertEqual(out.count("process "), 53)

    def test_who(self):
        """A process and a user with all chips of a card; who is not visible counts for a user."""
        self.start("-a", "process:4G", "-a", "user:50%", "-a", "process:1T", "-l", "0.02")
        self.hold((11, 0, 0, 3 * GIB), (11, 0, 1, GIB), (12, 54321, 0, 6 * GIB),
                  (0, 54321, 1, 6 * GIB, 13))
        self.looked()
        self.hold((11, 0, 0, 3 * GIB, 11, HOSTILE), (11, 0, 1, GIB + 1, 11, HOSTILE), (12, 54321, 0, 6 * GIB),
                  (0, 54321, 1, 6 * GIB + 1, 13))
        self.looked()
        out, err = self.end()
        # What looked() has put is root's, and may have been gone for a look: then it is told twice.
        self.assertEqual(sorted(set(out.splitlines())), sorted([
            WHEN + "card 0 DRAM process 12 of 54321: 6 GiB of 24 GiB held, above 4G: python3",
            WHEN + f"card 0 DRAM process 11 of root: 4 GiB of 24 GiB held, above 4G: {SHOWN}",
            WHEN + "card 0 DRAM user 54321: 12 GiB of 24 GiB held, above 50%",
            WHEN + "card 0 DRAM user root: 2 TiB of 24 GiB held, above 50%",
        ]))
        self.assertEqual(err, "")

    def test_another_process_with_its_number(self):
        self.start("-a", "process:4G", "-a", "process:1T", "-l", "0.02")
        for client in (5, 5, 6):
            self.hold((11, 0, 0, 5 * GIB, client))
            self.looked()
        self.assertEqual(self.end()[0].count("process 11 "), 2)

    def test_growth(self):
        self.start("--growing", "1M/3s", "-a", "process:1T", "-l", "0.05")
        self.hold((11, 0, 0, MIB), (12, 0, 0, MIB))
        self.looked()
        time.sleep(3.1)
        self.looked()
        # One grows, one by as much as the line, and one begins.
        self.hold((11, 0, 0, 3 * MIB), (12, 0, 0, 2 * MIB), (13, 0, 0, 9 * MIB))
        self.wait_for("process 11 ")
        self.looked()
        time.sleep(3.5)
        self.looked()
        self.assertEqual(self.end(), (
            WHEN + "card 0 DRAM process 11 of root: 2 MiB more, 3 MiB of 24 GiB held, above 1M/3s: "
            "python3\n", ""))

    def test_for_so_long(self):
        self.start("-a", "8G", "--for", "2s", "-a", "process:1T", "-l", "0.02")
        self.put_used(9 * GIB)
        self.looked()
        self.put_used(7 * GIB)
        self.looked()
        again = time.monotonic()
        self.put_used(9 * GIB)
        self.wait_for("chip 0: 9 GiB")
        self.assertGreaterEqual(time.monotonic() - again, 2)
        self.assertEqual(self.end()[0].count("chip 0"), 1)

    def test_what_cannot_be_read(self):
        """It is told, and is not nothing: what was told before is not told again after it."""
        self.start("-a", "process:4G", "-a", "90%", "-a", "process:1T", "-l", "0.02")
        self.put_used(DRAM)
        self.hold((11, 0, 0, 5 * GIB))
        self.looked()
        os.rename(support.LIST, "list")
        os.mkdir(support.LIST)
        self.wait_for("what is free is not known: ", "watch.err")
        self.wait_for("who holds what is not known: ", "watch.err")
        os.rename("sys/class/ttmem/ttmem0/chip0/dram_used", "used")
        self.wait_for("what is held of card 0 is not known", "watch.err")
        os.rename("used", "sys/class/ttmem/ttmem0/chip0/dram_used")
        self.wait_for("what is held of card 0 is known again\n", "watch.err")
        os.rmdir(support.LIST)
        os.rename("list", support.LIST)
        self.wait_for("who holds what is known again\n", "watch.err")
        self.looked()
        out, err = self.end()
        self.assertEqual(out, (
            WHEN + "card 0 DRAM chip 0: 12 GiB of 12 GiB held, above 90%\n" +
            WHEN + "card 0 DRAM process 11 of root: 5 GiB of 24 GiB held, above 4G: python3\n"))
        self.assertEqual(len(err.splitlines()), 5, err)

    def test_a_capacity_that_is_not_known(self):
        self.put_used(99 * GIB, total=0)
        self.assertEqual(watch("--above", "90%", "-c", "2", "-l", "0.01"), (0, "", "".join(
            f"ttmem-smi: card 0 chip {chip}: the capacity of its DRAM is not known, so limits in "
            "per cent are not watched\n" for chip in range(2))))
        self.assertEqual(watch("--above", "process:90%", "--once")[:2], (1, ""))
        self.assertEqual(watch("--above", "process:98G", "--once"), (0, "", ""))
        self.assertEqual(watch("--above", "98G", "-c", "2", "-l", "0.01"), (
            0, WHEN + "card 0 DRAM chip 0: 99 GiB held, above 98G\n", ""))

    def test_silent_use(self):
        self.put("proc/driver/tenstorrent/0/pids", f"{os.getpid()}\n")
        self.put(f"proc/{os.getpid()}/comm", "x\n")
        status, out, err = watch("-c", "2", "-l", "0.01")
        self.assertEqual((status, out), (0, ""))
        self.assertRegex(err, r"\Attmem-smi: card 0 may be fuller than it looks: nothing is "
                              r"reported of 1 process that uses it: .*\n\Z")
        # So a job that waits for memory is not started.
        self.assertEqual(watch("--once", "-a", "4G")[:2], (1, ""))

    def test_a_card_goes_and_returns(self):
        self.put_card(1, "0000:02:00.0")
        self.put_used(DRAM, number=1)
        self.start("-a", "90%", "-a", "process:1T", "-l", "0.02")
        self.looked()
        os.rename("sys/class/tenstorrent/tenstorrent!1", "gone")
        self.wait_for("card 1 (0000:02:00.0) is gone\n", "watch.err")
        os.rename("gone", "sys/class/tenstorrent/tenstorrent!1")
        self.wait_for("card 1 (0000:02:00.0) is there\n", "watch.err")
        self.looked()
        # TT-KMD itself.
        os.rename("sys/class/tenstorrent", "gone")
        self.wait_for("is not loaded", "watch.err")
        os.rename("gone", "sys/class/tenstorrent")
        self.until(lambda: self.text("watch.err").count(") is there") == 3, "two cards")
        self.looked()
        self.assertEqual(self.end()[0], 3 * (
            WHEN + "card 1 DRAM chip 0: 12 GiB of 12 GiB held, above 90%\n"))

    def test_command(self):
        self.put_used(11 * GIB)
        self.hold((12, 0, 1, 7 * GIB, 1, HOSTILE), (0, 54321, 1, 20 * GIB, 2))
        script = "echo \"$# $1\"; env | grep ^TTMEM_WATCH_ | sort; cat; echo .; exit 3"
        status, out, err = watch(
            "-a", "process:6G", "-a", "90%", "-a", "user:75%", "-c", "1", "--", "sh", "-c", script,
            "-", "$(id)", env={**os.environ, "TTMEM_WATCH_GROWN": "x", "TTMEM_WATCH_EVIL": "x"})

        def told(**values):
            names = ("BUS_ID", "BYTES", "CARD", "CHIP", "GROWN", "KIND", "LINE", "MEMORY", "NAME",
                     "PID", "TEXT", "TOTAL", "USER", "WHO")
            self.assertEqual(set(values) - set(names), set())
            values = {"BUS_ID": "0000:01:00.0", "CARD": 0, "MEMORY": "DRAM", "KIND": "above",
                      **values}
            return "1 $(id)\n" + "".join(
                f"TTMEM_WATCH_{name}={values.get(name, '')}\n" for name in names) + ".\n"

        # Pools, then users, then processes.
        self.assertEqual((status, out), (0, (
            told(WHO="pool", LINE="90%", CHIP=0, BYTES=11 * GIB, TOTAL=DRAM,
                 TEXT="card 0 DRAM chip 0: 11 GiB of 12 GiB held, above 90%") +
            told(WHO="user", LINE="75%", BYTES=20 * GIB, TOTAL=2 * DRAM, USER="54321",
                 TEXT="card 0 DRAM user 54321: 20 GiB of 24 GiB held, above 75%") +
            told(WHO="process", LINE="6G", BYTES=7 * GIB, TOTAL=2 * DRAM, USER="root", PID=12,
                 NAME=SHOWN, TEXT="card 0 DRAM process 12 of root: 7 GiB of 24 GiB held, above 6G: "
                 + SHOWN))))
        self.assertEqual(err, 3 * "ttmem-smi: sh ended with status 3\n")

    def test_a_command_that_hangs(self):
        """It is ended with what it has started; others wait meanwhile, and looks go on."""
        self.put_used(DRAM, chip1_dram_used=DRAM)
        script = ("trap '' TERM; echo $$ >> pids; sleep 1000 & echo $! >> pids\n"
                  "while :; do wait; done")
        self.start("-a", "90%", "-t", "0.3s", "-l", "0.02", "--", "sh", "-c", script)
        self.wait_for("sh takes longer than 0.3 s and is ended", "watch.err")
        first, second = self.pids(2)
        # Not yet the other pool's; that one falls back before its turn.
        self.assertTrue(alive(first))
        self.put_used(DRAM)
        self.wait_for("1 crossings ended before sh could be run for them", "watch.err")
        self.assertTrue(alive(first))
        self.put_used(DRAM, chip1_dram_used=DRAM)
        third, fourth = self.pids(4)[2:]
        self.assertFalse(alive(first) or alive(second))
        self.assertEqual(self.end()[0], "")
        self.assertFalse(alive(third) or alive(fourth))

    def pids(self, count):
        self.until(lambda: os.path.exists("pids") and len(self.text("pids").split()) == count,
                   f"{count} processes")
        return [int(pid) for pid in self.text("pids").split()]

    def test_signals(self):
        """Each ends it, and what it has started, also one that does not want to end."""
        for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            self.put_used(DRAM)
            self.start("-l", "0.02", "-a", "90%", "--", "sh", "-c",
                       "trap '' TERM; sleep 1000 & echo $$ $! > now; mv now pids; wait; wait; sleep 999")
            pids = self.pids(2)
            self.assertEqual(self.end(how), ("", ""))
            self.assertEqual([pid for pid in pids if alive(pid)], [])
            os.unlink("pids")
            self.out.close()
            self.err.close()
        self.process = None

    def test_dead_terminal(self):
        """Without a signal: it had its own session, or the shell did not pass it on."""
        self.put_used(DRAM)
        for command in ([], ["--", "sh", "-c", "echo $$ > now; mv now pids; sleep 1000"]):
            master, slave = pty.openpty()
            self.start("-l", "60", "-a", "90%", *command, stdout=slave)
            os.close(slave)
            if command:
                pids = self.pids(1)
            else:
                self.assertIn(b"above 90%", os.read(master, 1000))
            os.close(master)
            self.assertEqual(self.process.wait(support.PATIENCE), 0)
            self.assertEqual(self.text("watch.err"), "")
            self.out.close()
            self.err.close()
        self.assertFalse(alive(pids[0]))
        self.process = None

    def test_dead_pipe(self):
        read, write = os.pipe()
        self.start("-l", "60", stdout=write)
        os.close(write)
        os.close(read)
        self.assertEqual(self.process.wait(support.PATIENCE), 0)

    def test_once(self):
        self.assertEqual(watch("--once", "-a", "4G"), (0, "", ""))
        self.put_used(5 * GIB)
        line = WHEN + "card 0 DRAM chip 0: 5 GiB of 12 GiB held, above 4G\n"
        self.assertEqual(watch("--once", "-a", "4G"), (3, line, ""))
        self.assertEqual(watch("--once", "-a", "4G", "-i", "0000:01:00.0", "true"), (3, "", ""))
        self.assertEqual(watch("-1", "-a", "4G", "-m", "l1"), (0, "", ""))
        self.assertEqual(watch("-1"), (0, "", ""))
        self.put_used(DRAM)
        self.assertEqual(watch("-1")[0], 3)
        # What cannot be read is not below the line.
        os.unlink(support.LIST)
        status, out, err = watch("-1", "-a", "user:99%")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("who holds what is not known: ", err)
        os.unlink("sys/class/ttmem/ttmem0/chip1/dram_used")
        self.assertEqual(watch("-1", "-a", "99%")[:2], (1, ""))

    def test_nothing_to_look_at(self):
        self.assertEqual(watch("-i", "7")[0], 6)
        os.rename("sys/class/tenstorrent", "gone")
        status, out, err = watch()
        self.assertEqual((status, out), (9, ""))
        self.assertIn("is not loaded", err)

    def test_arguments(self):
        for arguments, sentence in (
            (["-a", "90"], None),   # bytes
            (["-a", "0"], "neither a size above 0"),
            (["-a", "0%"], "neither a size above 0"),
            (["-a", "1001%"], "neither a size above 0"),
            (["-a", "nan%"], "neither a size above 0"),
            (["-a", "1.2.3%"], "neither a size above 0"),
            (["-a", "%"], "neither a size above 0"),
            (["-a", ""], "neither a size above 0"),
            (["-a", "host:5G"], "before the colon stands pool, process or user"),
            (["-a", "proc:5G"], "before the colon stands pool, process or user"),
            (["-a", ":5G"], "before the colon stands pool, process or user"),
            (["-a", "5G/10m"], "growth in a time is for --growing"),
            (["-g", "5G"], "write AMOUNT/TIME, as in 1G/10m"),
            (["-g", "5G/"], "write AMOUNT/TIME, as in 1G/10m"),
            (["-g", "5G/10x"], "write AMOUNT/TIME, as in 1G/10m"),
            (["-g", "/10m"], "neither a size above 0"),
            (["-g", "1G/1s", "-l", "2"], "the time is shorter than that between two looks"),
            (["-f", "5m"], "write it behind the limit that it is for"),
            (["-a", "5G", "-f", "0"], "not a time of up to a year"),
            (["-m", "hbm"], "it is dram, l1 or all"),
            (["-c", "0"], "not a number from 1 on"),
            (["-t", "x"], "not a time of up to a year"),
            (["-i", "x!"], None),   # a board that nobody has
            (["-i", "1x"], "neither a card's number"),
            (["-l", "0"], "is no number of seconds"),
            (["-1", "-g", "1G/10m"], "--once looks once"),
            (["-1", "-a", "1G", "-f", "1m"], "--once looks once"),
            (["-1", "-c", "2"], "do not go together"),
            (["-a", "1G"] * 17, "more than 16 lines"),
        ):
            with self.subTest(arguments):
                few = [] if "-c" in arguments or "-1" in arguments else ["-c", "1"]
                status, out, err = watch(*arguments, *few)
                if sentence:
                    self.assertEqual((status, out), (2, ""), err)
                    self.assertIn(sentence, err)
                    self.assertIn("ttmem-smi watch --help tells more\n" if "no number" not in sentence
                                  else "ttmem-smi --help", err)
                else:
                    self.assertIn(status, (0, 6), err)
        for command, status in (("/dev/null", 126), ("/nonexistent", 127), ("nonexistent", 127)):
            code, out, err = watch("--", command)
            self.assertEqual((code, out), (status, ""))
            self.assertIn(f"cannot run {command}: ", err)

    def test_as_the_alert_rules(self):
        """Without a line it has theirs."""
        with open(RULES) as file:
            rules = file.read()
        full = re.search(r"> 0\.(\d\d)\n +for: (\w+)\n", rules)
        grows = re.search(
            r" - ttmem:process_dram_used_bytes:sum offset (\w+) > 1073741824\n +for: (\w+)\n", rules)
        lines = (f"--above {full[1]}% --for {full[2]} --growing 1G/{grows[1]} --for {grows[2]}")
        self.assertIn(f"  {lines}\n", watch("--help")[1])
        with open(f"{os.environ['TTMEM_TREE']}/Documentation/man/ttmem-smi-watch.1") as file:
            self.assertIn(f".Dl {lines}\n", file.read())


if __name__ == "__main__":
    support.main()
