# SPDX-License-Identifier: GPL-2.0-only
"""What the tests in Python share: made-up trees of sysfs and procfs, and the report."""

import os
import shutil
import sys
import tempfile
import unittest

HEADER = "CLIENT PID UID CHIP MEMORY TAG BYTES RESERVATIONS COMMAND\n"


class Roots(unittest.TestCase):
    """A test in a directory of its own, where what was built with roots.h finds sys and proc."""

    maxDiff = None

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="ttmem-python.")
        os.chdir(self.top)

    def tearDown(self):
        os.chdir("/")
        shutil.rmtree(self.top)

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
        top = f"sys/class/misc/ttmem{number}"
        self.put(f"{top}/dev", f"10:{250 + number}\n")
        for chip in [None, *range(chips)]:
            where = "" if chip is None else f"chip{chip}/"
            names = ["clients", "reservations", "denied"]
            names += [
                f"{memory}_{name}"
                for memory in ("dram", "l1")
                for name in ("total", "used", "free", "peak", "banks")
            ]
            for name in names:
                value = values.get((where + name).replace("/", "_"), 0)
                self.put(f"{top}/{where}{name}", f"{value}\n")
        self.put_clients(number)

    def put_clients(self, number, *lines):
        text = HEADER.encode()
        for line in lines:
            text += (line if isinstance(line, bytes) else line.encode()) + b"\n"
        self.put(f"proc/driver/ttmem/{number}/clients", text)


class _Result(unittest.TextTestResult):
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
