# SPDX-License-Identifier: GPL-2.0-only
"""The tools before the real module with 1, 3 and 32 cards.

Each is run idle, under load, in a pid namespace and as a plain user, and what it shows is
compared whole with ../host/expected; what differs from one run to the next, times, processes'
numbers, what they take of the host and TT-KMD's sensors, is taken out first. Wants a guest and
all cards to itself.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import support
import ttmem
from terminal import Terminal

TOOLS = os.environ["TTMEM_TOOLS"]
NOBODY = 65534
CLONE_NEWPID = 0x20000000
PRIVILEGES = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
TIMES = ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:10.000000Z"]

# Where the tree stands may be closed to others.
BIN = ""


def setUpModule():
    global BIN
    BIN = tempfile.mkdtemp(prefix="ttmem-cards.")
    os.chmod(BIN, 0o755)
    for name in ("ttmem-smi", "ttmem-run", "ttmem-exporter", "ttmem-cdi"):
        shutil.copy(f"{TOOLS}/{name}", BIN)
    # No process's number may be taken for bytes, and all have six digits.
    for name, number in (("pid_max", 4194304), ("ns_last_pid", 700000)):
        with open(f"/proc/sys/kernel/{name}", "w") as file:
            file.write(str(number))


def tearDownModule():
    plug(os.environ["TTMEM_CARDS"])
    shutil.rmtree(BIN)


def plug(cards):
    """The machine's cards become others."""
    subprocess.run(["rmmod", "vcard"], check=True)
    subprocess.run(["insmod", os.environ["VCARD_KO"], f"cards={cards}"], check=True)
    end = time.monotonic() + support.PATIENCE
    while [card.chips > 0 for card in ttmem.cards()] != [True] * len(cards.split(",")):
        assert time.monotonic() < end, ttmem.cards()
        time.sleep(0.1)
    for card in ttmem.cards():
        os.chmod(f"/dev/tenstorrent/mem/{card.number}", 0o666)


def become_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class Root:
    under = []
    popen = {}

    def enter(self):
        pass


class PlainUser(Root):
    under = PRIVILEGES
    popen = {"preexec_fn": become_nobody}

    def enter(self):
        become_nobody()


class PidNamespace(Root):
    under = NAMESPACE
    popen = {"under": NAMESPACE}

    def enter(self):
        """The next child is in it; ttmem's answers are for who reads, whatever is mounted."""
        if ctypes.CDLL(None).unshare(CLONE_NEWPID):
            raise OSError("unshare")
        pid = os.fork()
        if pid:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


class Machine:
    # Looking at the screen takes as long here as what is looked at.
    interval = 0.5
    cards = ""
    # (user, (card, chip, DRAM, L1), ...) of each process that holds something.
    load = ()

    @classmethod
    def setUpClass(cls):
        plug(cls.cards)
        cls.processes = []
        cls.of_root = {}

    @classmethod
    def tearDownClass(cls):
        for process in cls.processes:
            process.kill()
            process.wait()

    def setUp(self):
        super().setUp()
        os.chmod(self.top, 0o755)

    def begin_load(self):
        """It stays for the tests that follow."""
        if self.processes:
            return
        for number, (user, *pools) in enumerate(self.load):
            command = ["sleep", str(1000 + number)]
            for card, chip, dram, l1 in pools:
                command = [f"{BIN}/ttmem-run", "--exec", f"--card={card}", f"--chip={chip}",
                           f"--dram={dram}M", f"--l1={l1}M", "--", *command]
            self.begin(command, become_nobody if user else None)
        self.begin(["sh", "-c", "exec sleep 900 </dev/tenstorrent/0"], None)

    def begin(self, command, preexec):
        process = subprocess.Popen(command, preexec_fn=preexec)
        self.processes.append(process)
        end = time.monotonic() + support.PATIENCE
        name = ""
        while name != "sleep":
            self.assertLess(time.monotonic(), end, command)
            self.assertIsNone(process.poll(), command)
            time.sleep(0.01)
            with open(f"/proc/{process.pid}/comm") as file:
                name = file.read().strip()

    def hide(self, text):
        for number, process in enumerate(self.processes):
            text = re.sub(rf"\b{process.pid}\b", f"PID{number + 1:03}", text)
        return text

    def run_as(self, who, program, *arguments, **options):
        return subprocess.run(
            [*who.under, f"{BIN}/{program}", *arguments], check=True, text=True,
            stdout=subprocess.PIPE, **options).stdout

    def top_screen(self, who, columns, rows):
        self.run_in(columns, rows, f"{' '.join(who.under)} {BIN}/ttmem-smi top -d 0.5")
        # A process that has come into sight has no CPU% before its second look.
        screen = self.still("0.5s$", "PID|No running", absent=[r"^ +7\d{5} .* - "])
        self.stop()
        screen = re.sub(r"\d+ C  \d+ W|\d+ MHz", lambda found: " " * len(found[0]), screen)
        screen = re.sub(r"( 0\.0 )( *)([\d.]+[KMG])( )",
                        lambda found: f"{found[1]}{'MEM':>{len(found[2] + found[3])}}{found[4]}", screen)
        return re.sub(" +$", "", self.hide(screen), flags=re.M)

    def recording(self, who):
        """A recording with times of its own; both of its samples tell the same."""
        text = self.run_as(who, "ttmem-smi", "record", "-l", "60", "-d", "0.01", "-o", "-")
        head, *lines = text.splitlines(keepends=True)
        samples = {}
        for line in lines:
            stamp, rest = line.split(",", 1)
            samples.setdefault(stamp, []).append(rest)
        first, second = samples.values()
        self.assertEqual(first, second)
        return head, first

    def report(self, who, head, rows, *arguments):
        text = head + "".join(f"{stamp},{row}" for stamp in TIMES for row in rows)
        for number, process in enumerate(self.processes):
            text = text.replace(f",{process.pid},", f",{101 + number},")
        return self.run_as(who, "ttmem-smi", "report", "-", *arguments, input=text)

    def page(self, who):
        with support.Exporter(f"{BIN}/ttmem-exporter", **who.popen) as exporter:
            page = exporter.page()
        return re.sub(r'version="[^"]*"', 'version="VERSION"', self.hide(page))

    def cdi(self, who):
        """With a line for each device."""
        specification = json.loads(self.run_as(who, "ttmem-cdi"))
        devices = specification.pop("devices")
        text = "".join(f"{json.dumps(line)}\n" for line in [specification, *devices])
        # A hook has the path of the program that wrote it.
        return text.replace(BIN, "BIN")

    def python(self, who):
        """What the package tells, a line each."""
        ends = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                who.enter()
                with open(ends[1], "w") as file:
                    for card in ttmem.cards():
                        print(card, *ttmem.pools(card.number), sep="\n    ", file=file)
                        for client in ttmem.clients(card.number):
                            print("   ", client._replace(client=0), file=file)
                status = 0
            finally:
                os._exit(status)
        os.close(ends[1])
        with open(ends[0]) as file:
            text = file.read()
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return self.hide(text)

    def views(self, who):
        head, rows = self.recording(who)
        return {
            "ttmem-smi top": self.top_screen(who, 80, 24),
            "ttmem-smi record": self.hide(head + "".join(rows)),
            "ttmem-smi report -i 0": self.report(who, head, rows, "-i", "0"),
            "ttmem-exporter": self.page(who),
            "ttmem-cdi": self.cdi(who),
            "Python": self.python(who),
        }

    def compare_views(self, what, views):
        self.compare(f"cards-{type(self).__name__.lower()}-{what}",
                     "".join(f"== {name}\n{text}" for name, text in views.items()))

    def test_0_idle(self):
        """Before the others, which have load."""
        self.compare_views("idle", self.views(Root()))

    def test_1_load(self):
        self.begin_load()
        self.of_root.update(self.views(Root()))
        self.compare_views("load", self.of_root)

    def test_pid_namespace(self):
        """Those outside have no number inside, and count all the same."""
        self.begin_load()
        views = self.views(PidNamespace())
        self.assertEqual(views.pop("ttmem-cdi"), self.of_root["ttmem-cdi"])
        # Of the exporter's page, all but what it tells of processes is as it was. One that is
        # not seen may be one of those in the list, so there are fewer silent ones.
        processes = ("ttmem_process_", "ttmem_silent_")
        page = views["ttmem-exporter"].splitlines(keepends=True)
        self.assertEqual(
            [line for line in page if not line.startswith(processes)],
            [line for line in self.of_root["ttmem-exporter"].splitlines(keepends=True)
             if not line.startswith(processes)])
        views["ttmem-exporter"] = "".join(line for line in page if line.startswith(processes))
        self.compare_views("namespace", views)

    def test_plain_user(self):
        """He is told no less than root."""
        self.begin_load()
        self.assertEqual(self.views(PlainUser()), self.of_root)


class One(Machine, Terminal):
    cards = "p150a"
    load = ((0, (0, 0, 20000, 3)), (1, (0, 0, 5000, 150)))


class Three(Machine, Terminal):
    cards = "n150,n300,p150a"
    load = ((0, (0, 0, 200, 3)), (1, (1, 1, 11000, 80), (2, 0, 24000, 1)), (1, (1, 0, 4096, 16)))

    def test_pictures(self):
        """The largest terminal, and the drawing."""
        self.begin_load()
        self.compare("cards-three-200x60", self.top_screen(Root(), 200, 60))
        self.compare("cards-three.svg", self.report(Root(), *self.recording(Root()), "--svg", "-"))

    def test_trace(self):
        """A trace tells what CSV does."""
        self.begin_load()
        reports = []
        for form in ("csv", "trace"):
            recording = self.run_as(Root(), "ttmem-smi", "record", f"--format={form}", "-l", "60",
                                    "-d", "0.01", "-o", "-")
            report = json.loads(self.run_as(Root(), "ttmem-smi", "report", "--json", "-",
                                            input=recording))
            for time_of in ("begin", "end", "seconds"):
                del report[time_of]
            for card in report["cards"]:
                # CSV alone has them.
                del card["silent"]
                for pool in card["pools"]:
                    del pool["peak_time"], pool["peak_after"]
            reports.append(report)
        self.assertEqual(*reports)


class Many(Machine, Terminal):
    cards = ",".join(["galaxy-wormhole"] * 32)
    load = tuple((i % 2, (i, 0, 1 + i * 380, 1 + i * 3)) for i in range(32))

    def test_pictures(self):
        self.begin_load()
        self.compare("cards-many-200x60", self.top_screen(Root(), 200, 60))


if __name__ == "__main__":
    support.main()
