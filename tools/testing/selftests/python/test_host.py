# SPDX-License-Identifier: GPL-2.0-only
"""The Python package before made-up trees: lists, totals, errors, and its structures."""

import ctypes
import errno
import fcntl
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest

import support
import ttmem
from ttmem import _library

TREE = os.environ["TTMEM_TREE"]


class Structures(unittest.TestCase):
    def test_as_the_compiler_has_them(self):
        """Each field where a C compiler puts it, no field more or less in size."""
        structures = {
            _library.Info: "ttmem_info",
            _library.Reserve: "ttmem_reserve",
            _library.Gauge: "ttmem_gauge",
            _library.Set: "ttmem_set",
            _library.Reservation: "ttmem_reservation",
            _library.Client: "ttmem_client",
            _library.CardId: "ttmem_card_id",
        }
        lines = []
        expected = []
        for structure, name in structures.items():
            lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
            expected.append(f"{name} {ctypes.sizeof(structure)}")
            for field, *_ in structure._fields_:
                place = getattr(structure, field)
                lines.append(
                    f'printf("{name}.{field} %zu %zu\\n", offsetof(struct {name}, {field}), '
                    f"sizeof(((struct {name} *)0)->{field}));"
                )
                expected.append(f"{name}.{field} {place.offset} {place.size}")
        for name in ("OPEN_INHERIT", "OPEN_QUIET", "RESERVE_OVERCOMMIT", "RESERVE_ADDRESS",
                     "SET_RESTART_PEAKS", "IOC_SET", "LABEL_SIZE"):
            lines.append(f'printf("{name} %u\\n", TTMEM_{name});')
            expected.append(f"{name} {getattr(_library, name)}")
        for i, name in enumerate(ttmem._MEMORIES):
            lines.append(f'printf("{name} %u\\n", TTMEM_{name});')
            expected.append(f"{name} {i}")
        for i, name in enumerate(ttmem._TAGS):
            lines.append(f'printf("{name} %u\\n", TTMEM_TAG_{name.upper()});')
            expected.append(f"{name} {i}")
        source = (
            '#include <stddef.h>\n#include <stdio.h>\n#include "libttmem.h"\n'
            "int main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"
        )
        program = f"{os.environ['TTMEM_BUILD']}/layout"
        subprocess.run(
            ["cc", "-x", "c", f"-I{TREE}/uapi", f"-I{TREE}/tools/lib", "-o", program, "-"],
            input=source, text=True, check=True,
        )
        output = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(output.splitlines(), expected)

    def test_every_function_is_declared(self):
        """What the library exports, ctypes knows: none is called with guessed arguments."""
        with open(f"{TREE}/tools/lib/libttmem.map") as file:
            exported = re.findall(r"^\t(ttmem_\w+);", file.read(), re.M)
        self.assertIn("ttmem_open", exported)
        for name in exported:
            with self.subTest(name):
                self.assertIsNotNone(getattr(_library.library, name).argtypes)

    def test_version(self):
        with open(f"{TREE}/dkms.conf") as file:
            version = re.search(r'^PACKAGE_VERSION="(.*)"$', file.read(), re.M).group(1)
        self.assertEqual(ttmem.__version__, version)

    def test_without_the_library(self):
        result = subprocess.run(
            [sys.executable, "-B", "-c", "import ttmem"],
            env={**os.environ, "TTMEM_LIBRARY": "/nonexistent.so"},
            stderr=subprocess.PIPE, text=True,
        )
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stderr.splitlines()[-1],
            "ImportError: libttmem, which this package calls, cannot be loaded "
            "(/nonexistent.so: cannot open shared object file: No such file or directory). "
            "Install it (in ttmem's source: sudo make tools-install), or name the file in "
            "TTMEM_LIBRARY",
        )


class Forked(unittest.TestCase):
    """What a forked child leaves is its parent's."""

    def in_a_child(self, function):
        """What it has written, and that it came to its end."""
        to_parent, to_child = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.write(to_child, function().encode())
                status = 0
            finally:
                os._exit(status)
        os.close(to_child)
        with open(to_parent) as answer:
            text = answer.read()
        self.assertEqual(os.waitpid(pid, 0), (pid, 0))
        return text

    def test_reservation(self):
        class Card:
            def __init__(self):
                self.freed = []

            def free(self, handle):
                self.freed.append(handle)

        card = Card()
        with ttmem.Reservation(card, 5, 0, "DRAM", "buffer", 4096, "") as held:
            def leave():
                held.__exit__(None, None, None)
                left = repr(card.freed)
                held.free()
                return f"{left} {card.freed}"

            # By hand it may.
            self.assertEqual(self.in_a_child(leave), "[] [5]")
            self.assertEqual(card.freed, [])
        self.assertEqual(card.freed, [5])

    def test_reservation_of_a_child(self):
        """One of its own it gives back."""
        freed = []

        class Card:
            free = staticmethod(freed.append)

        def own():
            with ttmem.Reservation(Card, 6, 0, "DRAM", "buffer", 4096, ""):
                pass
            return repr(freed)

        self.assertEqual(self.in_a_child(own), "[6]")


class Listing(support.Roots):
    def refused(self, number, function, *arguments, **named):
        with self.assertRaises(OSError) as caught:
            function(*arguments, **named)
        sentence = _library.library.ttmem_strerror(number).decode()
        self.assertEqual((caught.exception.errno, caught.exception.strerror), (number, sentence))
        return caught.exception

    def test_nothing_is_loaded(self):
        for function, *arguments in (
            (ttmem.present,), (ttmem.cards,), (ttmem.clients,), (ttmem.clients, 0),
            (ttmem.stat, 0, "dram_used"),
            (ttmem.pool, 0, "DRAM"), (ttmem.pools,), (ttmem.pools, 0), (ttmem.open, 0),
            (ttmem.open, "0000:01:00.0"),
        ):
            with self.subTest(function.__name__):
                self.refused(errno.ENXIO, function, *arguments)

    def test_without_ttmem(self):
        self.put_card(0, "0000:01:00.0")
        self.assertEqual(ttmem.cards(), [ttmem.CardId(0, 0, "0000:01:00.0")])
        for function, *arguments in (
            (ttmem.present,), (ttmem.clients,), (ttmem.clients, 0), (ttmem.pools,),
            (ttmem.open, 0), (ttmem.open, "01:00.0"),
        ):
            with self.subTest(function.__name__):
                self.refused(errno.ENOPKG, function, *arguments)

    def test_without_the_node(self):
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        self.assertIsNone(ttmem.present())
        self.refused(errno.ENOTCONN, ttmem.open, 0, quiet=True)
        self.refused(errno.ENXIO, ttmem.open, 1)
        self.refused(errno.ENXIO, ttmem.pools, 1)

    def test_cards_and_pools(self):
        self.put_card(0, "0000:01:00.0")
        self.put_card(3, "10000:e1:00.0")
        self.put_card(7, "0000:02:00.0")
        self.put_books(0, 2, dram_total=24, dram_used=7, dram_peak=9, dram_free=17, dram_banks=6,
                       chip0_dram_total=12, chip0_dram_used=7, chip0_dram_free=5,
                       chip1_l1_used=2**64 - 1, chip1_l1_peak=2**64 - 1, chip1_l1_banks=64)
        self.put_books(3, 1)
        self.assertEqual(ttmem.cards(), [
            ttmem.CardId(0, 2, "0000:01:00.0"),
            ttmem.CardId(3, 1, "10000:e1:00.0"),
            ttmem.CardId(7, 0, "0000:02:00.0"),
        ])
        of_0 = [
            ttmem.Pool(0, 0, "DRAM", 12, 7, 5, 0, 0),
            ttmem.Pool(0, 0, "L1", 0, 0, 0, 0, 0),
            ttmem.Pool(0, 1, "DRAM", 0, 0, 0, 0, 0),
            ttmem.Pool(0, 1, "L1", 0, 2**64 - 1, 0, 2**64 - 1, 64),
        ]
        of_3 = [
            ttmem.Pool(3, 0, "DRAM", 0, 0, 0, 0, 0),
            ttmem.Pool(3, 0, "L1", 0, 0, 0, 0, 0),
        ]
        self.assertEqual(ttmem.pools(0), of_0)
        self.assertEqual(ttmem.pools(), of_0 + of_3)
        self.assertEqual(ttmem.pool(0, "DRAM"), ttmem.Pool(0, None, "DRAM", 24, 7, 17, 9, 6))
        self.assertEqual(ttmem.stat(0, "chip0/dram_total"), 12)
        self.refused(errno.ENOENT, ttmem.pool, 0, "DRAM", 2)
        self.refused(errno.ENOENT, ttmem.stat, 0, "nothing")
        self.refused(errno.EINVAL, ttmem.stat, 0, "../ttmem3/denied")
        self.refused(errno.ENXIO, ttmem.pools, 7)

    def test_clients(self):
        self.put_card(0, "0000:01:00.0")
        self.put_card(3, "0000:02:00.0")
        self.put_books(0, 1)
        self.put_books(3, 1)
        self.assertEqual(ttmem.clients(), [])
        self.put_clients(
            "0 1 4194304 4294967295 0 DRAM buffer 18446744073709551615 18446744073709551614 3 "
            "self a b\\134c\\012",
            "3 2 0 1000 1 L1 cb 5 6 0 attributed -",
            b"0 3 7 0 2 HBM rope 1 2 1 hearsay \xff\xc3\xa9",
            "0 4 8 0 1 L1 - 0 7 0 self ",
        )
        of_0 = [
            ttmem.Client(0, 1, 4194304, 4294967295, 0, "DRAM", "buffer", 2**64 - 1, 2**64 - 2, 3,
                         "self", "a b\\c\n"),
            ttmem.Client(0, 3, 7, 0, 2, None, None, 1, 2, 1, None, "\udcff\xe9"),
            ttmem.Client(0, 4, 8, 0, 1, "L1", None, 0, 7, 0, "self", ""),
        ]
        of_3 = [ttmem.Client(3, 2, None, 1000, 1, "L1", "cb", 5, 6, 0, "attributed", "-")]
        self.assertEqual(ttmem.clients(0), of_0)
        self.assertEqual(ttmem.clients(3), of_3)
        self.assertEqual(ttmem.clients(), of_0[:1] + of_3 + of_0[1:])
        self.refused(errno.ENXIO, ttmem.clients, 1)

        # Every byte that a list can carry, and every escape.
        every = bytes(range(1, 256))
        for text, expected in (
            (b"".join(b"\\%03o" % byte for byte in every), every),
            (every.replace(b"\n", b"").replace(b"\\", b""),
             every.replace(b"\n", b"").replace(b"\\", b"")),
        ):
            self.put_clients(b"0 1 2 3 0 L1 cb 4 4 0 self " + text)
            [client] = ttmem.clients()
            self.assertEqual(os.fsencode(client.command), expected)

        self.put(support.LIST, "CLIENT PID\n")
        self.refused(errno.EPROTO, ttmem.clients)
        self.put(support.LIST, support.HEADER + "0 1 2 3 0 L1 cb 4 4 0 self cut off")
        self.refused(errno.EPROTO, ttmem.clients, 0)
        os.unlink(support.LIST)
        self.refused(errno.EOPNOTSUPP, ttmem.clients)

    def test_bad_arguments(self):
        self.refused(errno.EINVAL, ttmem.open, "0")
        self.refused(errno.EINVAL, ttmem.open, "a:b:c")
        self.refused(errno.EINVAL, ttmem.open_fd, os.open(".", os.O_RDONLY))
        self.refused(errno.EBADF, ttmem.open_fd, 2**31 - 1)
        for wrong, sentence, function, *arguments in (
            (ValueError, "card must be from 0 to 2^32 - 1, not -1", ttmem.open, -1),
            (ValueError, "card must be from 0 to 2^32 - 1, not 4294967296", ttmem.clients, 2**32),
            (ValueError, "fd must be from 0 to 2^31 - 1, not -1", ttmem.open_fd, -1),
            (ValueError, "card must be a PCI address without NUL, not '1:\\x00'", ttmem.open, "1:\0"),
            (ValueError, "name must have no NUL, not '\\x00'", ttmem.stat, 0, "\0"),
            (ValueError, "memory must be one of DRAM, L1, not 'dram'", ttmem.pool, 0, "dram"),
            (TypeError, "'float' object cannot be interpreted as an integer", ttmem.open, 0.0),
        ):
            with self.subTest(sentence):
                with self.assertRaises(wrong) as caught:
                    function(*arguments)
                self.assertEqual(str(caught.exception), sentence)

    def test_told_once(self):
        """The one line that libttmem prints, and what silences it."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        script = (
            "import ttmem\n"
            "for i in range(2):\n"
            "    try: ttmem.open(0, quiet={})\n"
            "    except OSError: pass\n"
        )
        for quiet, lines in ((True, 0), (False, 1)):
            result = subprocess.run(
                [sys.executable, "-B", "-c", script.format(quiet)],
                stderr=subprocess.PIPE, text=True, check=True,
            )
            self.assertEqual(len(result.stderr.splitlines()), lines, result.stderr)


class Torch(support.Roots):
    """torch.cuda's words."""

    def setUp(self):
        super().setUp()
        self.own = os.getpid()
        self.put_card(0, "0000:01:00.0")
        self.put_card(1, "0000:02:00.0")
        self.put_books(0, 2, dram_total=24 << 30, dram_free=20 << 30, dram_used=4 << 30,
                       chip0_dram_total=12 << 30, chip0_dram_used=3 << 30,
                       chip0_dram_peak=11 << 30, chip0_dram_free=9 << 30,
                       chip1_l1_used=5000, chip1_l1_peak=20000)
        self.put_books(1, 1)
        self.lines = [
            # Two clients of this process; an own peak for each memory of each chip.
            f"0 1 {self.own} 0 0 DRAM buffer {1 << 30} {7 << 30} 3 self python3 -c \\012",
            f"0 1 {self.own} 0 0 DRAM trace 4096 {7 << 30} 1 self python3 -c \\012",
            f"0 1 {self.own} 0 1 L1 cb 5000 6000 0 self python3 -c \\012",
            f"0 2 {self.own} 0 0 DRAM buffer 1 2 1 self python3 -c \\012",
            f"0 2 {self.own} 0 1 DRAM - 0 100 0 self python3 -c \\012",
            # On the other card; of other processes; of one that is not visible.
            f"1 3 {self.own} 0 0 DRAM buffer 99 99 1 self python3 -c \\012",
            f"0 4 {self.own + 1} 0 0 DRAM buffer 1000 2000 1 attributed vllm",
            f"0 4 {self.own + 1} 0 0 DRAM rope 10 2000 1 attributed vllm",
            "0 5 0 65534 0 DRAM buffer 77 77 1 self -",
        ]
        self.put_clients(*self.lines)

    def test_bytes_and_peaks(self):
        for arguments, named, held, peak in (
            ((0,), {}, (1 << 30) + 4097, (7 << 30) + 102),
            ((0, self.own), {}, (1 << 30) + 4097, (7 << 30) + 102),
            ((0,), {"chip": 0}, (1 << 30) + 4097, (7 << 30) + 2),
            ((0,), {"chip": 1}, 0, 100),
            ((0,), {"memory": "L1"}, 5000, 6000),
            ((0,), {"memory": "L1", "chip": 0}, 0, 0),
            ((1,), {}, 99, 99),
            ((1,), {"memory": "L1"}, 0, 0),
            ((0, self.own + 1), {}, 1010, 2000),
            ((1, self.own + 1), {}, 0, 0),
            ((0, self.own + 2), {}, 0, 0),
        ):
            with self.subTest(f"{arguments} {named}"):
                self.assertEqual(ttmem.memory_allocated(*arguments, **named), held)
                self.assertEqual(ttmem.max_memory_allocated(*arguments, **named), peak)
        # Whom the list does not show is nobody: it is not process 0.
        self.assertEqual(ttmem.memory_allocated(0, 0), 0)

    def test_free_and_capacity(self):
        self.assertEqual(ttmem.mem_get_info(0), (20 << 30, 24 << 30))
        self.assertEqual(ttmem.mem_get_info(0, chip=0), (9 << 30, 12 << 30))
        self.assertEqual(ttmem.mem_get_info(0, memory="L1", chip=1), (0, 0))

    def test_summary(self):
        text = ""
        for table in (ttmem.memory_summary(0), ttmem.memory_summary(0, self.own + 1),
                      ttmem.memory_summary(1, 1)):
            self.assertEqual({len(line) for line in table.splitlines()}, {79})
            # No two runs have the same number, or as long a one.
            text += re.sub(r"(process )\d+ (.*?) +\|", r"\1PID \2 |", table) + "\n"
        self.compare("python-summary", text)

    def test_peaks_of_others(self):
        """Nobody restarts peaks that another tells."""
        with self.assertRaises(PermissionError) as caught:
            ttmem.reset_peak_memory_stats(0, self.own + 1)
        self.assertEqual(caught.exception.errno, errno.EPERM)
        self.assertEqual(caught.exception.strerror, f"process {self.own + 1} keeps its own "
                         "peaks: only itself can restart them")
        self.assertIsNone(ttmem.reset_peak_memory_stats(0))
        self.assertIsNone(ttmem.reset_peak_memory_stats(0, self.own))
        self.put_clients(*self.lines, f"1 9 {self.own} 0 0 L1 cb 1 1 0 attributed python3")
        self.assertIsNone(ttmem.reset_peak_memory_stats(0))
        with self.assertRaises(PermissionError) as caught:
            ttmem.reset_peak_memory_stats(1)
        self.assertEqual(caught.exception.strerror, "another process tells what this one holds "
                         "of card 1, and keeps the peaks too: they cannot be restarted from here")

    def test_own_files_are_left_alone(self):
        """A copy of a file, closed, would end the locks that the process has on it."""
        with tempfile.NamedTemporaryFile() as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            ttmem.reset_peak_memory_stats(0)
            child = os.fork()
            if not child:
                status = 1
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    status = 0
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(child, 0)[1], 0)

    def measured(self, *arguments, after=(), **named):
        output = io.StringIO()
        with ttmem.measure(*arguments, file=output, **named) as measure:
            self.assertEqual(measure.taken, [])
            self.put_clients(*after)
        return output.getvalue(), measure.taken

    def test_block(self):
        after = [
            f"0 1 {self.own} 0 0 DRAM buffer {3 << 29} {7 << 30} 3 self python3",
            f"0 1 {self.own} 0 1 L1 cb 1000 6000 0 self python3",
        ]
        before = (1 << 30) + 4097
        line, taken = self.measured(0, "forward", after=after)
        self.assertEqual(
            line, "ttmem: forward: card 0 DRAM: +512 MiB, peak +6144 MiB; L1: -4000 B, "
            "peak +1000 B\n")
        self.assertEqual(taken, [
            ttmem.Taken("DRAM", before, 3 << 29, 7 << 30), ttmem.Taken("L1", 5000, 1000, 6000)])

        # Another's peak is known where the block passed the one before.
        other = self.own + 1
        self.put_clients(*self.lines)
        line, taken = self.measured(
            0, pid=other, after=[f"0 4 {other} 0 0 DRAM buffer 1500 2000 1 attributed vllm"])
        self.assertEqual(line, "ttmem: card 0 DRAM: +490 B; L1: +0 B\n")
        self.assertEqual(taken, [
            ttmem.Taken("DRAM", 1010, 1500, None), ttmem.Taken("L1", 0, 0, None)])
        self.put_clients(*self.lines)
        line, taken = self.measured(
            0, pid=other, after=[f"0 4 {other} 0 0 DRAM buffer 1010 2001 1 attributed vllm"])
        self.assertEqual(line, "ttmem: card 0 DRAM: +0 B, peak +991 B; L1: +0 B\n")

        # With a card's errors and the block's, of which the latter matters more.
        self.assertEqual(self.measured(0, quiet=True, after=[])[0], "")
        with self.assertRaises(KeyError):
            with ttmem.measure(0, quiet=True):
                os.unlink(support.LIST)
                raise KeyError
        with self.assertRaises(OSError):
            ttmem.measure(0).__enter__()

    def test_block_left_by_a_child(self):
        output = io.StringIO()
        with ttmem.measure(0, file=output) as measure:
            pid = os.fork()
            if not pid:
                status = 1
                try:
                    measure.__exit__(None, None, None)
                    status = bool(output.getvalue() or measure.taken)
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(pid, 0), (pid, 0))
        self.assertEqual(len(output.getvalue().splitlines()), 1)

    def test_arguments(self):
        self.put_clients(*self.lines)
        for function in (ttmem.memory_allocated, ttmem.max_memory_allocated):
            for wrong, arguments, named in (
                (ValueError, (0,), {"memory": "HBM"}), (ValueError, (-1,), {}),
                (ValueError, (0,), {"chip": -1}), (OSError, (0,), {"chip": 2}),
                (OSError, (7,), {}),
            ):
                with self.subTest(f"{arguments} {named}"), self.assertRaises(wrong):
                    function(*arguments, **named)
        for size, text in ((0, "0 B"), (10239, "10239 B"), (10240, "10 KiB"), (1 << 30, "1024 MiB"),
                           (10 << 30, "10 GiB"), (-(5 << 20), "-5120 KiB"),
                           (2**64 - 1, "16777216 TiB")):
            self.assertEqual(ttmem._torch._size(size), text)


if __name__ == "__main__":
    support.main()
