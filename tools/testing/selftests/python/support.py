# SPDX-License-Identifier: GPL-2.0-only
"""What the tests in Python share: made-up trees of sysfs and procfs, and the report."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

# What may take long on a slow machine is waited for, this long at the most.
PATIENCE = 120

PROMETHEUS = f"{os.environ['TTMEM_CACHE']}/prometheus/usr/bin"

EXPECTED = f"{os.environ['TTMEM_TREE']}/tools/testing/selftests/host/expected"

LIST = "proc/driver/ttmem/clients"
HEADER = (
    "CARD CLIENT PID UID CHIP MEMORY TAG BYTES PEAK RESERVATIONS SOURCE COMMAND\n"
)


class Roots(unittest.TestCase):
    """A test in a directory of its own, where what was built with roots.h finds sys and proc."""

    maxDiff = None

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="ttmem-python.")
        os.chdir(self.top)

    def tearDown(self):
        os.chdir("/")
        shutil.rmtree(self.top)

    def until(self, done):
        end = time.monotonic() + PATIENCE
        while not done():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def compare(self, name, text):
        """Compares what was seen with the file of that name in ../host/expected."""
        path = f"{EXPECTED}/{name}"
        if os.environ.get("TTMEM_UPDATE"):
            with open(path, "w") as file:
                file.write(text)
        with open(path) as file:
            self.assertEqual(text, file.read())

    def put(self, path, text):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(path, mode) as file:
            file.write(text)

    def put_card(self, number, address):
        top = f"sys/class/tenstorrent/tenstorrent!{number}"
        self.put(f"{top}/dev", f"241:{number}\n")
        self.put(f"sys/devices/pci/{address}/vendor", "")
        os.symlink(f"../../../devices/pci/{address}", f"{top}/device")

    def put_books(self, number, chips, **values):
        """The books of a card, all 0 but what is named, as chip0_dram_used=5 or denied=1."""
        self.put("sys/module/ttmem/version", "0.1.0\n")
        top = f"sys/class/ttmem/ttmem{number}"
        self.put(f"{top}/dev", f"510:{number}\n")
        for chip in [None, *range(chips)]:
            where = "" if chip is None else f"chip{chip}/"
            names = ["clients", "reservations", "denied", "dram_trace_used", "dram_system_used",
                     "l1_small_used", "l1_cb_used", "l1_system_used"]
            names += [
                f"{memory}_{name}"
                for memory in ("dram", "l1")
                for name in ("total", "used", "free", "peak", "banks")
            ]
            for name in names:
                value = values.get((where + name).replace("/", "_"), 0)
                self.put(f"{top}/{where}{name}", f"{value}\n")
        if not os.path.exists(LIST):
            self.put_clients()

    def put_clients(self, *lines):
        """The list of clients of all cards: these lines below the header."""
        text = HEADER.encode()
        for line in lines:
            text += (line if isinstance(line, bytes) else line.encode()) + b"\n"
        self.put(LIST, text)


class Exporter:
    """A ttmem-exporter that runs, at a port of its own; a context manager that ends it.

    It may be run under a command that makes it its only child and passes its status on.
    """

    def __init__(self, program, *arguments, under=(), **popen):
        self.process = subprocess.Popen(
            [*under, program, "--listen", "127.0.0.1:0", *arguments], stderr=subprocess.PIPE,
            **popen)
        self.pid = self.process.pid
        # What it tells on stderr besides.
        self.says = ""
        line = self.process.stderr.readline().decode()
        # "ttmem-exporter: http://127.0.0.1:1234/metrics"
        start = "ttmem-exporter: http://127.0.0.1:"
        assert line.startswith(start) and line.endswith("/metrics\n"), line
        self.port = int(line[len(start):].split("/")[0])
        if under:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
                self.pid = int(file.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """It ends when asked, has said what it should, and the sanitizers have found no leak."""
        os.kill(self.pid, signal.SIGTERM)
        said = self.process.stderr.read().decode()
        self.process.stderr.close()
        status = self.process.wait()
        assert (status, said) == (0, self.says), (status, said)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def raw(self, request):
        """Send bytes and read until the other side closes."""
        with self.connect() as connection:
            answer = b""
            try:
                connection.sendall(request)
                while True:
                    piece = connection.recv(1 << 16)
                    if not piece:
                        break
                    answer += piece
            except (BrokenPipeError, ConnectionResetError):
                pass  # it did not want to hear it all
            return answer

    def get(self, path="/metrics", method="GET"):
        """Status, headers and body of an answer."""
        head, _, body = self.raw(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, body.decode()

    def page(self):
        status, headers, body = self.get()
        assert status == 200, status
        return body

    def fds(self):
        """What each open file is: paths, "socket:[1234]" and the like."""
        top = f"/proc/{self.pid}/fd"
        found = []
        for fd in os.listdir(top):
            try:
                found.append(os.readlink(f"{top}/{fd}"))
            except FileNotFoundError:
                pass  # closed meanwhile
        return found

    def connections(self):
        """How many are open: all sockets but the one that listens."""
        return sum(fd.startswith("socket:") for fd in self.fds()) - 1

    def rss(self):
        """In KiB."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


class _Result(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        signal.signal(signal.SIGTERM, self._ended)

    def _ended(self, *_):
        """The test at work takes back what it has started, and none comes after it."""
        # timeout(1) sends it to the process and then to its group.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.stop()
        sys.exit("ended by a signal")

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        print(f"[ RUN      ] {test._testMethodName}", flush=True)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        print(f"[       OK ] {test._testMethodName}", flush=True)

    # addSubTest() calls neither of these for the test around.
    def stopTest(self, test):
        unittest.TestResult.stopTest(self, test)
        failed = {getattr(t, "test_case", t).id() for t, _ in self.failures + self.errors}
        if test.id() in failed:
            print(f"[  FAILED  ] {test._testMethodName}", flush=True)


def main():
    """Run the tests of the program and close in cmocka's words, which selftests/run counts."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=_Result, verbosity=0)
    result = runner.run(suite)
    bad = {getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors}
    skipped = len(result.skipped)
    print(f"[  PASSED  ] {result.testsRun - len(bad) - skipped} test(s).")
    if skipped:
        print(f"[  SKIPPED ] {skipped} test(s), listed below:")
    if bad:
        print(f"[  FAILED  ] {len(bad)} test(s), listed below:")
    sys.exit(1 if bad else 0)
