# SPDX-License-Identifier: GPL-2.0-only
"""The Python package, and tools, before the real module.

Wants a guest and all cards to itself.
"""

import errno
import gc
import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import ExitStack, contextmanager

import support
import ttmem

MIB = 1 << 20
TOOLS = os.environ["TTMEM_TOOLS"]
EXAMPLE = f"{os.environ['TTMEM_TREE']}/tools/python/example.py"


def sysfs(name, card=0):
    """What a shell would read, past the package."""
    with open(f"/sys/class/tenstorrent/tenstorrent!{card}/memory_stats/{name}") as file:
        return int(file.read())


class Guest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        for card in ttmem.cards():
            self.assertEqual(sysfs("clients", card.number), 0)

    def tearDown(self):
        for card in ttmem.cards():
            self.assertEqual(sysfs("clients", card.number), 0)

    @contextmanager
    def refused(self, number):
        with self.assertRaises(OSError) as caught:
            yield
        self.assertEqual(caught.exception.errno, number)

    def test_the_promise(self):
        with ttmem.open(0) as card:
            card.reserve("DRAM", 200 << 20, tag="buffer", label="kv")
            self.assertEqual(sysfs("dram_used"), 209715200)
        self.assertEqual(sysfs("dram_used"), 0)
        self.assertTrue(card.closed)

    def test_killed(self):
        """kill -9 of a script gives back what it held."""
        script = subprocess.Popen(
            [sys.executable, "-B", EXAMPLE], stdout=subprocess.PIPE, text=True
        )
        self.assertEqual(
            script.stdout.readline(),
            "<ttmem.Reservation 209715200 bytes of DRAM chip 0 tag buffer label 'kv'>\n",
        )
        self.assertEqual(sysfs("dram_used"), 209715200)
        [client] = ttmem.clients(0)
        self.assertEqual(client, ttmem.Client(
            0, client.client, script.pid, os.geteuid(), 0, "DRAM", "buffer", 209715200, 209715200,
            1, "self", os.path.basename(sys.executable)))
        script.send_signal(signal.SIGKILL)
        self.assertEqual(script.wait(), -signal.SIGKILL)
        script.stdout.close()
        self.assertEqual(sysfs("dram_used"), 0)
        self.assertEqual(ttmem.clients(), [])

    def test_recorded(self):
        """A recording knows who was killed, and what that one held."""
        for form in ("csv", "trace"):
            path = f"/tmp/record.{form}"
            recorder = subprocess.Popen(
                [f"{TOOLS}/ttmem-smi", "record", "--loop-ms", "50", "--format", form, "-o", path],
                stderr=subprocess.PIPE, text=True)
            self.recorded_until(path, "DRAM")
            script = subprocess.Popen(
                [sys.executable, "-B", EXAMPLE], stdout=subprocess.PIPE, text=True)
            script.stdout.readline()
            at = self.recorded_until(path, "209715200")
            script.send_signal(signal.SIGKILL)
            script.wait()
            script.stdout.close()
            gone = ",0,DRAM,0,12884901888," if form == "csv" else '"cat":"gone"'
            self.recorded_until(path, gone, at)
            recorder.send_signal(signal.SIGINT)
            told = recorder.communicate()[1]
            self.assertEqual(recorder.returncode, 0, told)
            report = json.loads(subprocess.run(
                [f"{TOOLS}/ttmem-smi", "report", "--json", path], check=True,
                stdout=subprocess.PIPE).stdout)
            self.assertEqual([card["card"] for card in report["cards"]],
                             [card.number for card in ttmem.cards()])
            pool = report["cards"][0]["pools"][0]
            self.assertEqual((pool["memory"], pool["peak"], pool["total"]),
                             ("DRAM", 209715200, 12884901888))
            self.assertTrue(0 < pool["mean"] < 209715200)
            self.assertEqual(pool["held_at_peak"], [{
                "pid": script.pid, "user": "root", "command": f"{sys.executable} -B {EXAMPLE}",
                "tag": None, "label": None, "bytes": 209715200}])
            svg = subprocess.run(
                [f"{TOOLS}/ttmem-smi", "report", "--svg", "-", path], check=True,
                stdout=subprocess.PIPE, text=True).stdout
            self.assertIn(f"<title>{script.pid} {sys.executable} -B {EXAMPLE}\nuser root\n", svg)
            os.remove(path)

    def recorded_until(self, path, what, after=0):
        """Wait until a recording has it, from an offset on; tell its size then."""
        end = time.monotonic() + support.PATIENCE
        while time.monotonic() < end:
            if os.path.exists(path):
                with open(path) as file:
                    text = file.read()
                if what in text[after:]:
                    return len(text)
            time.sleep(0.1)
        self.fail(f"{what} does not get into {path}")

    def test_every_card(self):
        cards = ttmem.cards()
        self.assertEqual(
            [card.number for card in cards], list(range(len(os.listdir("/sys/class/tenstorrent"))))
        )
        for number, chips, address in cards:
            with ttmem.open(number) as card, ttmem.open(address) as same:
                self.assertEqual((card.number, same.number), (number, number))
                info = card.info()
                self.assertEqual(
                    (info.card, info.address, info.chips, info.vendor_id, info.abi_version),
                    (number, address, chips, 0x1E52, 1),
                )
                self.assertNotEqual(info.board, "")
                for chip in range(chips):
                    for memory in ("DRAM", "L1"):
                        # Each with a number of its own, so that no two can be mistaken.
                        size = 1 + chip * 2 + (memory == "L1")
                        card.reserve(memory, size, chip=chip)
                        pool = ttmem.pool(number, memory, chip)
                        self.assertEqual(same.pool(memory, chip), pool)
                        self.assertEqual(pool.used, size)
                        self.assertEqual(pool.free, pool.total - size)
                        self.assertEqual(
                            pool.total, sysfs(f"chip{chip}/{memory.lower()}_total", number))
                        self.assertEqual(
                            pool.banks, sysfs(f"chip{chip}/{memory.lower()}_banks", number))
                        self.assertIn(pool, ttmem.pools())
                        self.assertIn(pool, ttmem.pools(number))
                with self.refused(errno.EINVAL):
                    card.pool("L1", chips)
        self.assertEqual(len(ttmem.pools()), 2 * sum(card.chips for card in cards))

    def test_reservations(self):
        with ttmem.open(0) as card, ttmem.open(0) as other:
            self.assertEqual(card.reservations(), [])
            full = card.reserve(
                "L1", 4096, tag="l1_small", label="x" * 31, payload=4000, address=0,
                cookie=2**64 - 1)
            plain = card.reserve("DRAM", 1)
            over = card.reserve(
                "DRAM", 2**40 - 1, tag="trace", overcommit=True, address=2**63)
            entries = sorted(card.reservations(), key=lambda entry: entry.size)
            self.assertEqual(entries, [
                ttmem.ReservationEntry(
                    plain.handle, 0, "DRAM", "buffer", 1, 0, None, 0, "", False),
                ttmem.ReservationEntry(
                    full.handle, 0, "L1", "l1_small", 4096, 4000, 0, 2**64 - 1, "x" * 31, False),
                ttmem.ReservationEntry(
                    over.handle, 0, "DRAM", "trace", 2**40 - 1, 0, 2**63, 0, "", True),
            ])
            with self.refused(errno.EDQUOT):
                card.reserve("DRAM", 1, overcommit=True)
            [client] = {client.client for client in ttmem.clients(0)}
            self.assertEqual(card.info().client, client)
            self.assertEqual(sorted(other.reservations(client), key=lambda e: e.size), entries)
            with self.refused(errno.ENOENT):
                other.reservations(client + 1000)

            over.free()
            with self.refused(errno.ENOENT):
                over.free()
            with self.refused(errno.ENOENT):
                other.free(full.handle)
            self.assertEqual(sysfs("dram_used"), 1)
            self.assertEqual(card.free_chip(0), ttmem.Freed(4097, 2))
            self.assertEqual(card.free_all(), ttmem.Freed(0, 0))
            for i in range(3000):
                card.reserve("DRAM", i + 1)
            self.assertEqual(sum(e.size for e in card.reservations()), 3000 * 3001 // 2)

    def test_context_of_a_reservation(self):
        with ttmem.open(0) as card:
            with card.reserve("DRAM", 7) as reservation:
                self.assertEqual(sysfs("dram_used"), 7)
            self.assertEqual(sysfs("dram_used"), 0)
            with card.reserve("DRAM", 7) as reservation:
                reservation.free()
            with card.reserve("DRAM", 7):
                card.close()
        self.assertEqual(sysfs("dram_used"), 0)

    def test_what_is_lost_stays_in_the_books(self):
        """A lost reservation is still held; a lost card is not."""
        card = ttmem.open(0)
        card.reserve("DRAM", 7)
        gc.collect()
        self.assertEqual(sysfs("dram_used"), 7)
        reservation = card.reserve("DRAM", 5)
        del card
        self.assertEqual(sysfs("dram_used"), 12)
        del reservation
        self.assertEqual(sysfs("dram_used"), 0)

    def test_gauges(self):
        with ttmem.open(0) as card:
            card.set("L1", 3 * MIB, tag="cb")
            card.set_many([
                ttmem.Gauge("DRAM", 5, tag="trace"), ttmem.Gauge("DRAM", 6, largest_free=77),
            ])
            self.assertEqual(sysfs("l1_cb_used"), 3 * MIB)
            self.assertEqual((sysfs("dram_used"), sysfs("dram_trace_used")), (11, 5))
            with open(f"/proc/self/fdinfo/{card.fileno()}") as file:
                fdinfo = file.read()
            self.assertIn("ttmem-largest-free-chip0-dram-buffer:\t77\n", fdinfo)
            for gauges in ([], [ttmem.Gauge("DRAM", 1)] * 257, [ttmem.Gauge("DRAM", 1, chip=9)],
                           [ttmem.Gauge("DRAM", 1), ttmem.Gauge("DRAM", 1, tag="cb")]):
                with self.refused(errno.EINVAL):
                    card.set_many(gauges)
            self.assertEqual(sysfs("dram_used"), 11)
            card.set("L1", 0, tag="cb")
            self.assertEqual(sysfs("l1_used"), 0)

    def test_counters(self):
        with ttmem.open(0) as card:
            card.add("DRAM", 5 * MIB)
            card.add("DRAM", -MIB)
            card.add("L1", 4096, tag="cb")
            self.assertEqual((sysfs("dram_used"), sysfs("l1_cb_used")), (4 * MIB, 4096))
            self.assertEqual(
                [(c.tag, c.bytes, c.reservations) for c in ttmem.clients()],
                [("buffer", 4 * MIB, 0), ("cb", 4096, 0)])
            for wrong, sentence, arguments, named in (
                (ValueError, "DRAM has no tag cb", ("DRAM", 1), {"tag": "cb"}),
                (ValueError, "L1 has no tag trace", ("L1", 1), {"tag": "trace"}),
                (ValueError, "chip must be below 1, not 1", ("DRAM", 1), {"chip": 1}),
                (ValueError, "chip must be below 1, not -1", ("DRAM", 1), {"chip": -1}),
                (ValueError, f"delta must be from -2^63 to 2^63 - 1, not {2**63}",
                 ("DRAM", 2**63), {}),
                (TypeError, "'float' object cannot be interpreted as an integer",
                 ("DRAM", 1.0), {}),
            ):
                with self.subTest(sentence), self.assertRaises(wrong) as caught:
                    card.add(*arguments, **named)
                self.assertEqual(str(caught.exception), sentence)
            self.assertEqual(card.free_all(), ttmem.Freed(0, 0))
            self.assertEqual((sysfs("dram_used"), sysfs("l1_used")), (0, 0))
            # Where there are two chips, each has its own.
            with ttmem.open(1) as two:
                two.add("L1", 3, tag="l1_small", chip=1)
                self.assertEqual(sysfs("chip1/l1_small_used", 1), 3)

    def test_peaks(self):
        with ttmem.open(0) as card:
            card.reserve("L1", 7).free()
            [client] = ttmem.clients(0)
            self.assertEqual(
                (client.memory, client.tag, client.bytes, client.peak), ("L1", None, 0, 7))
            card.restart_peaks()
            self.assertEqual(ttmem.clients(0), [])

    def test_attributed(self):
        target = subprocess.Popen(["sleep", "1000"])
        with ttmem.open(0) as card:
            with self.refused(errno.EINVAL):
                card.attribute(0)
            card.attribute(target.pid)
            with self.refused(errno.EBUSY):
                card.attribute(target.pid)
            card.set("DRAM", 5)
            [client] = ttmem.clients()
            self.assertEqual((client.pid, client.source, client.command, client.bytes),
                             (target.pid, "attributed", "sleep", 5))
            target.kill()
            target.wait()
            self.assertEqual(sysfs("dram_used"), 0)
            for call in (card.info, card.restart_peaks, lambda: card.set("DRAM", 5)):
                with self.refused(errno.ESRCH):
                    call()

    def test_in_torch_s_words(self):
        """Of this process: two clients, one of them none of the package's."""
        total = sysfs("dram_total")
        self.assertEqual(ttmem.memory_allocated(0), 0)
        self.assertEqual(ttmem.mem_get_info(0), (total, total))
        with ttmem.open(0) as card, ttmem.open(0) as other:
            card.reserve("DRAM", 5 * MIB).free()
            card.reserve("DRAM", 2 * MIB, tag="trace")
            card.add("DRAM", 1 * MIB)
            other.set("DRAM", 7 * MIB)
            other.set("DRAM", 3 * MIB)
            other.set("L1", 4096, tag="cb")
            self.assertEqual(ttmem.memory_allocated(0), 6 * MIB)
            self.assertEqual(ttmem.memory_allocated(card, os.getpid(), chip=0), 6 * MIB)
            self.assertEqual(ttmem.memory_allocated(0, memory="L1"), 4096)
            self.assertEqual(ttmem.max_memory_allocated(0), 12 * MIB)
            self.assertEqual(ttmem.mem_get_info(card), (total - 6 * MIB, total))
            self.assertIn("|  6144 KiB |    12 MiB |  6144 KiB |", ttmem.memory_summary(0))
            ttmem.reset_peak_memory_stats(0)
            self.assertEqual(ttmem.max_memory_allocated(0), 6 * MIB)

            # One that somebody in this process opened by itself.
            fd = os.dup(other.fileno())
            reader = os.open("/dev/tenstorrent/mem/0", os.O_RDONLY)
            other.set("L1", 9000, tag="cb")
            other.set("L1", 5000, tag="cb")
            other.close()
            self.assertEqual(ttmem.max_memory_allocated(0, memory="L1"), 9000)
            opened = os.listdir("/proc/self/fd")
            ttmem.reset_peak_memory_stats(0, os.getpid())
            self.assertEqual(ttmem.max_memory_allocated(0, memory="L1"), 5000)
            self.assertEqual(os.listdir("/proc/self/fd"), opened)
            os.close(reader)
            os.close(fd)
            self.assertEqual(ttmem.memory_allocated(0), 3 * MIB)

            output = io.StringIO()
            with ttmem.measure(card, "block", file=output) as measure:
                card.add("DRAM", 8 * MIB)
                card.add("L1", 100, tag="cb")
                self.assertEqual(ttmem.memory_allocated(0), 11 * MIB)
                card.add("DRAM", -7 * MIB)
            self.assertEqual(output.getvalue(), "ttmem: block: card 0 DRAM: +1024 KiB, "
                             "peak +8192 KiB; L1: +100 B, peak +100 B\n")
            self.assertEqual(measure.taken[0], ttmem.Taken("DRAM", 3 * MIB, 4 * MIB, 11 * MIB))
        self.assertEqual(ttmem.max_memory_allocated(0), 0)

    def test_few_descriptors_left(self):
        """Its own clients that cannot be found are not none, and nothing of them stays open."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = []
        with ttmem.open(0) as card:
            card.set("DRAM", 2 * MIB)
            card.set("DRAM", 1 * MIB)
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
            try:
                with self.refused(errno.EMFILE):
                    while True:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                for _ in range(2):
                    with self.refused(errno.EMFILE):
                        ttmem._torch._own_nodes(0)
                    os.close(held.pop())
                found = ttmem._torch._own_nodes(0)
                self.assertEqual(len(found), 1)
                os.close(found[0])
            finally:
                for fd in held:
                    os.close(fd)
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    def test_others_in_torch_s_words(self):
        script = subprocess.Popen(
            [sys.executable, "-B", EXAMPLE], stdout=subprocess.PIPE, text=True)
        script.stdout.readline()
        with ttmem.open(0) as agent:
            agent.attribute(script.pid)
            agent.set("DRAM", 9)
            agent.set("DRAM", 5)
            self.assertEqual(ttmem.memory_allocated(0, script.pid), 209715205)
            self.assertEqual(ttmem.max_memory_allocated(0, script.pid), 209715209)
            self.assertIn("python", ttmem.memory_summary(0, script.pid))
            self.assertIn(", told by another", ttmem.memory_summary(0, script.pid))
            with self.refused(errno.EPERM):
                ttmem.reset_peak_memory_stats(0, script.pid)
            # Nor does what this process tells of others count as its own.
            self.assertEqual(ttmem.memory_allocated(0), 0)
            ttmem.reset_peak_memory_stats(0)
            self.assertEqual(ttmem.max_memory_allocated(0, script.pid), 209715209)
            with ttmem.measure(0, pid=script.pid, quiet=True) as measure:
                agent.set("DRAM", 7)
            self.assertEqual(measure.taken[0], ttmem.Taken("DRAM", 209715205, 209715207, None))
            with ttmem.measure(0, pid=script.pid, quiet=True) as measure:
                agent.set("DRAM", 20)
                agent.set("DRAM", 0)
            self.assertEqual(
                measure.taken[0], ttmem.Taken("DRAM", 209715207, 209715200, 209715220))
        script.kill()
        script.wait()
        script.stdout.close()
        self.assertEqual(ttmem.memory_allocated(0, script.pid), 0)

        # Of this process itself, told as a service would.
        with ttmem.open(0) as agent:
            agent.attribute(os.getpid())
            agent.set("DRAM", 5)
            self.assertEqual(ttmem.memory_allocated(0), 5)
            with self.refused(errno.EPERM):
                ttmem.reset_peak_memory_stats(0)

    def test_reported(self):
        """ttmem-run tells what a command, its child and itself took, and nobody else."""
        child = (
            "import os, sys, ttmem\n"
            "def reads():\n"
            "    with open(f'/proc/{sys.argv[1]}/io') as file:\n"
            "        return int(next(l for l in file if l.startswith('syscr')).split()[1])\n"
            "with ttmem.open(1) as card:\n"
            "    card.reserve('L1', 4096, chip=1)\n"
            "    card.reserve('DRAM', 5 << 20).free()\n"
            "    card.reserve('DRAM', 2 << 20)\n"
            "    at = reads()\n"
            "    while reads() < at + 100: pass\n"
            "sys.exit(3)\n")
        with ttmem.open(1) as other:
            other.reserve("DRAM", 77 * MIB)
            result = subprocess.run(
                [f"{TOOLS}/ttmem-run", "--report", "--dram", "1M", "--", "sh", "-c",
                 f'{sys.executable} -B -c "$0" $PPID; exit $?', child],
                stderr=subprocess.PIPE, text=True)
            self.assertEqual(result.returncode, 3, result.stderr)
            _, _, rest = result.stderr.partition("\tCard 0")
            self.assertEqual(
                ("\tCard 0" + rest).splitlines()[:3], [
                    "\tCard 0 chip 0 peak DRAM (bytes): 1048576",
                    "\tCard 1 chip 0 peak DRAM (bytes): 5242880",
                    "\tCard 1 chip 1 peak L1 (bytes): 4096",
                ])
            self.assertEqual(result.stderr.splitlines()[-1], "\tExit status: 3")
        self.assertEqual(sysfs("clients"), 0)

    def test_watched(self):
        """watch runs a command once for a pool of each chip of each card that is nearly full."""
        told = ("KIND", "WHO", "CARD", "CHIP", "MEMORY", "BYTES", "TOTAL")
        with tempfile.TemporaryDirectory() as top, ExitStack() as held:
            with open(f"{top}/told", "w") as file:
                watch = subprocess.Popen(
                    [f"{TOOLS}/ttmem-smi", "watch", "-lms", "50", "--above", "90%", "--", "sh", "-c",
                     "echo " + " ".join(f"$TTMEM_WATCH_{name}" for name in told)],
                    stdout=file, stderr=subprocess.PIPE, text=True)
            self.addCleanup(watch.stderr.close)
            self.addCleanup(watch.kill)
            expected = []
            for card in ttmem.cards():
                for chip in range(card.chips):
                    total = sysfs(f"chip{chip}/dram_total", card.number)
                    size = total * 91 // 100
                    held.enter_context(ttmem.open(card.number)).reserve("DRAM", size, chip=chip)
                    expected.append(f"above pool {card.number} {chip} DRAM {size} {total}")
            end = time.monotonic() + support.PATIENCE
            lines = []
            while len(lines) < len(expected) and time.monotonic() < end:
                time.sleep(0.1)
                with open(f"{top}/told") as file:
                    lines = file.read().splitlines()
            # Two looks more: each is told once.
            time.sleep(0.2)
            watch.send_signal(signal.SIGTERM)
            self.assertEqual(watch.wait(), 0, watch.stderr.read())
            with open(f"{top}/told") as file:
                self.assertEqual(sorted(file.read().splitlines()), sorted(expected))

    def test_run_on_every_chip(self):
        """What ttmem-run reserves stays where the command closes files that it does not know."""
        script = "import os, sys; os.closerange(3, 1024); print(flush=True); sys.stdin.read()"
        chips = [(card.number, chip) for card in ttmem.cards() for chip in range(card.chips)]
        for how, left in (("--wait", 4096), ("--exec", 0)):
            with self.subTest(how), subprocess.Popen(
                    [f"{TOOLS}/ttmem-run", how, "--card", "all", "--chip", "all", "--l1", "4K",
                     "--tag", "cb", "--label", "every", "--", sys.executable, "-c", script],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE) as command:
                command.stdout.readline()
                self.assertEqual([sysfs(f"chip{chip}/l1_cb_used", card) for card, chip in chips],
                                 [left] * len(chips))
                holders = {(c.card, c.pid) for c in ttmem.clients() if c.bytes}
                self.assertEqual(len(holders), len(ttmem.cards()) if left else 0)
                self.assertNotIn(command.pid, {pid for _, pid in holders})
                command.stdin.close()
                self.assertEqual(command.wait(), 0)
            self.assertEqual([sysfs("clients", card.number) for card in ttmem.cards()],
                             [0] * len(ttmem.cards()))

    def test_errors(self):
        with ttmem.open(0) as card:
            with self.assertRaises(OSError) as caught:
                card.reserve("DRAM", 1 << 40)
            self.assertEqual(
                (caught.exception.errno, caught.exception.strerror),
                (errno.ENOSPC, "the pool is full: not so many bytes are free in this memory of "
                 "this chip; ttmem-smi shows who holds them"),
            )
            for named in ({"chip": 9}, {"tag": "cb"}, {"payload": 2},
                          {"label": "\n"}):
                with self.subTest(named), self.refused(errno.EINVAL):
                    card.reserve("DRAM", **{"size": 1, **named})
            for wrong, sentence, named in (
                (ValueError, "memory must be one of DRAM, L1, not 'HBM'", {"memory": "HBM"}),
                (ValueError, "tag must be one of buffer, trace, system, l1_small, cb, not 'kv'",
                 {"tag": "kv"}),
                (ValueError, "size must be from 1 to 2^64 - 1, not -1", {"size": -1}),
                (ValueError, "size must be from 1 to 2^64 - 1, not 0", {"size": 0}),
                (ValueError, f"size must be from 1 to 2^64 - 1, not {2**64}", {"size": 2**64}),
                (ValueError, "chip must be from 0 to 2^32 - 1, not -1", {"chip": -1}),
                (ValueError, "label must be printable ASCII, not '\u20ac'", {"label": "\u20ac"}),
                (ValueError, f"label must have at most 31 characters and no NUL, not {'x' * 32!r}",
                 {"label": "x" * 32}),
                (TypeError, "'float' object cannot be interpreted as an integer", {"size": 1e6}),
            ):
                with self.subTest(sentence), self.assertRaises(wrong) as caught:
                    card.reserve(**{"memory": "DRAM", "size": 1, **named})
                self.assertEqual(str(caught.exception), sentence)
            self.assertEqual(sysfs("dram_used"), 0)

    def test_closed(self):
        card = ttmem.open(0)
        reservation = card.reserve("DRAM", 7)
        card.close()
        card.close()
        self.assertEqual(sysfs("dram_used"), 0)
        self.assertEqual(repr(card), "<ttmem.Card closed>")
        for call in (card.info, card.fileno, card.reservations, card.free_all, reservation.free,
                     lambda: card.number, lambda: card.reserve("DRAM", 1),
                     lambda: card.set("DRAM", 1), lambda: card.pool("DRAM"),
                     lambda: card.add("DRAM", 1), card.restart_peaks, lambda: card.attribute(1)):
            with self.refused(errno.EBADF):
                call()

    def test_an_error_keeps_no_card_open(self):
        """The traceback of what was raised holds frames, and must not hold the card."""
        try:
            with ttmem.open(0) as card:
                card.reserve("DRAM", 7)
                card.reserve("DRAM", 1 << 40)
        except OSError as error:
            self.assertIsNotNone(error.__traceback__)
            self.assertEqual(sysfs("dram_used"), 0)

    def test_invalidated(self):
        with ttmem.open(0) as card:
            card.reserve("DRAM", 7)
            with open("/sys/class/tenstorrent/tenstorrent!0/memory_stats/invalidate", "w") as file:
                file.write("1")
            with self.refused(errno.ENODEV):
                card.reserve("DRAM", 7)

    def test_threads(self):
        """Eight reserve and free on one card while it is closed under them."""
        card = ttmem.open(0)
        started = threading.Barrier(9)
        wrong = []

        def work():
            started.wait()
            try:
                while True:
                    with card.reserve("DRAM", 4096):
                        card.reservations()
            except OSError as error:
                if error.errno != errno.EBADF:
                    wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        started.wait()
        while sysfs("dram_peak") == 0:
            time.sleep(0.01)
        card.close()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(sysfs("dram_used"), 0)

    def test_fork(self):
        """The child shares the client; with the later of both the books end."""
        card = ttmem.open(0)
        card.reserve("DRAM", 7)
        to_child, to_parent = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.read(to_child[0], 1)
                card.reserve("DRAM", 5)
                os.write(to_parent[1], b"x")
                os.read(to_child[0], 1)
            finally:
                os._exit(0)
        card.close()
        self.assertEqual(sysfs("dram_used"), 7)
        os.write(to_child[1], b"x")
        os.read(to_parent[0], 1)
        self.assertEqual(sysfs("dram_used"), 12)
        os.write(to_child[1], b"x")
        self.assertEqual(os.waitpid(pid, 0), (pid, 0))
        self.assertEqual(sysfs("dram_used"), 0)

    def test_fork_in_a_block(self):
        """A child that leaves its parent's blocks takes nothing from it."""
        pid = 0
        with ttmem.open(0) as card:
            with card.reserve("DRAM", 7):
                pid = os.fork()
                if pid:
                    self.assertEqual(os.waitpid(pid, 0), (pid, 0))
                    self.assertEqual(sysfs("dram_used"), 7)
            if pid:
                self.assertEqual(sysfs("dram_used"), 0)
        if not pid:
            os._exit(not card.closed)

    def test_inherit(self):
        for inherit in (False, True):
            with ttmem.open(0, inherit=inherit) as card:
                self.assertEqual(os.get_inheritable(card.fileno()), inherit)

    def test_open_fd(self):
        fd = os.open("/dev/tenstorrent/0", os.O_RDWR)
        with ttmem.open_fd(fd) as card:
            self.assertEqual(card.number, 0)
            with self.refused(errno.EINVAL):
                ttmem.open_fd(card.fileno())
        os.close(fd)

    def test_a_plain_user(self):
        """Reserves and lists as anybody may; another user's reservations are not told."""
        with ttmem.open(0) as card:
            card.reserve("DRAM", 3)
            [client] = ttmem.clients(0)
            pid = os.fork()
            if not pid:
                try:
                    os.chmod("/dev/tenstorrent/mem/0", 0o666)
                    os.setuid(65534)
                    with ttmem.open(0) as own:
                        own.reserve("DRAM", 5)
                        assert [(c.uid, c.bytes) for c in ttmem.clients(0)] == [
                            (0, 3), (65534, 5)]
                        try:
                            own.reservations(client.client)
                        except PermissionError:
                            os._exit(0)
                finally:
                    os._exit(1)
            self.assertEqual(os.waitpid(pid, 0), (pid, 0))

    def test_cdi(self):
        """A runtime that follows the specification makes nodes that libttmem finds."""
        output = subprocess.run(
            [f"{TOOLS}/ttmem-cdi"], stdout=subprocess.PIPE, check=True).stdout
        nodes = {
            device["name"]: [node["path"] for node in device["containerEdits"]["deviceNodes"]]
            for device in json.loads(output)["devices"]
        }
        for card in ttmem.cards():
            paths = nodes[str(card.number)]
            self.assertEqual(nodes[card.address], paths)
            self.assertEqual(set(paths) - set(nodes["all"]), set())
            kmd, mem = paths
            fd = os.open(kmd, os.O_RDWR)
            with ttmem.open_fd(fd) as opened:
                self.assertEqual(opened.number, card.number)
                self.assertEqual(os.fstat(opened.fileno()).st_rdev, os.stat(mem).st_rdev)
                self.assertTrue(stat.S_ISCHR(os.stat(mem).st_mode))
            os.close(fd)
        self.assertEqual(len(nodes), 2 * len(ttmem.cards()) + 1)


if __name__ == "__main__":
    support.main()
