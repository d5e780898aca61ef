# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-smi top in a terminal, tmux's: keys are sent, screens are read.

Whole screens are compared with those in ../host/expected, graphs left out, as they grow with
time; TTMEM_UPDATE=1 writes them anew, to be read before they are committed.
"""

import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import support
from terminal import PATIENCE, Terminal

TOP = f"{os.environ['TTMEM_TOOLS']}/ttmem-smi top"

# A pane of these stays, with what top has left of the terminal and its status.
SHELL = f"{TOP} -d 0.1; echo ended with $?; stty -a; exec sleep 600"


def luminance(number):
    """Of a colour of the cube of 256."""
    number -= 16
    parts = [(0, 95, 135, 175, 215, 255)[i] / 255 for i in (number // 36, number // 6 % 6, number % 6)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class Top(Terminal):
    def setUp(self):
        super().setUp()
        self.children = []

    def tearDown(self):
        for child in self.children:
            child.kill()
            child.wait()
        super().tearDown()

    def start(self, arguments="", columns=80, rows=24, command=None, **environment):
        """Runs top, or a shell command, in a terminal of that size."""
        self.run_in(columns, rows, command or f"{TOP} -d 0.1 {arguments}", **environment)

    def quit(self, *keys):
        """Types what ends top in a pane of SHELL, which tells its status there."""
        self.keys(*keys)
        self.wait("^ended with 0$")

    def expect(self, name, *patterns):
        """Compares a screen, once all is on it, with the one on file."""
        # A process that has come into sight has no CPU% before its second look.
        self.compare(name, self.still(
            *patterns, absent=[r"^ +\d+ .* - .*(python3|tt-bench|viewer)"]))

    def put_cards(self, count, chips=1):
        for number in range(count):
            self.put_whole_card(number, chips)

    def put_whole_card(self, number, chips=1):
        address = f"0000:{number + 1:02x}:00.0"
        self.put_card(number, address)
        self.put(f"sys/class/tenstorrent/tenstorrent!{number}/tt_card_type",
                 "n300\n" if chips == 2 else "n150\n")
        self.put(f"sys/class/tenstorrent/tenstorrent!{number}/tt_aiclk", "1000\n")
        hwmon = f"sys/devices/pci/{address}/hwmon/hwmon{number}"
        self.put(f"{hwmon}/temp1_input", f"{45 + number}000\n")
        self.put(f"{hwmon}/power1_input", f"{30 + number}000000\n")
        values = {}
        for chip in range(chips):
            part = (number * 2 + chip) % 10 / 10
            values |= {
                f"chip{chip}_dram_total": 12 << 30, f"chip{chip}_dram_used": int(part * (12 << 30)),
                f"chip{chip}_l1_total": 96 << 20, f"chip{chip}_l1_used": 48 << 20,
            }
        self.put_books(number, chips, **values)

    def put_process(self, pid, name, arguments="", ticks=0, start=12345, pages=2560):
        self.put(f"proc/{pid}/comm", f"{name}\n")
        self.put(f"proc/{pid}/cmdline", "\0".join([name, *arguments.split()]) + "\0")
        self.put(f"proc/{pid}/stat", f"{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 "
                                     f"{start} 8396800 {pages} 1 1 1 0 0 0\n")

    def put_three(self):
        """Cards and processes of most of the screens."""
        self.put_cards(3, chips=2)
        self.put_process(101, "python3", "serve.py --model llama")
        self.put_process(102, "tt-bench", "-n 5", pages=25600)
        self.put_process(103, "viewer")
        # As in the real list, cards are mixed; who holds nothing any more is nobody.
        self.put_clients(
            f"0 1 101 0 0 DRAM buffer {3 << 30} {8 << 30} 3 self python3",
            f"0 1 101 0 0 DRAM trace {1 << 30} {8 << 30} 1 self python3",
            f"0 1 101 0 1 L1 cb {5 << 20} {5 << 20} 0 self python3",
            "2 2 0 4000000001 0 DRAM buffer 1000 1000 1 self -",
            f"0 3 102 4000000000 0 L1 buffer {7 << 20} {7 << 20} 70 self tt-bench",
            f"1 4 101 0 0 DRAM buffer {2 << 30} {2 << 30} 2 self python3",
            f"2 5 101 0 0 DRAM - 0 {1 << 30} 0 self python3",
            f"1 6 104 0 0 DRAM - 0 {1 << 30} 0 attributed idle",
            f"2 7 0 4000000001 0 L1 - 0 {1 << 20} 0 self -")
        self.put("proc/driver/tenstorrent/0/pids", "101\n103\n")


class Screens(Top):
    def test_three_cards_in_each_size(self):
        self.put_three()
        for columns, rows in ((80, 24), (200, 60), (40, 10)):
            with self.subTest(columns=columns, rows=rows):
                self.start(columns=columns, rows=rows)
                self.expect(f"top-3-{columns}x{rows}", r" 101 .* 0\.0 .*python3")
                self.stop()

    def test_one_card_in_each_size(self):
        self.put_cards(1)
        for columns, rows in ((80, 24), (200, 60), (40, 10)):
            with self.subTest(columns=columns, rows=rows):
                self.start(columns=columns, rows=rows)
                self.expect(f"top-1-{columns}x{rows}", "No running processes found")
                self.stop()

    def test_32_cards_in_each_size(self):
        self.put_cards(32)
        self.put_process(101, "python3", "train.py")
        self.put_clients(*(
            f"{number} {number + 1} 101 0 0 DRAM buffer {1 << 30} {1 << 30} 1 self python3"
            for number in range(32)))
        for columns, rows in ((80, 24), (200, 60), (40, 10)):
            with self.subTest(columns=columns, rows=rows):
                self.start(columns=columns, rows=rows)
                self.expect(f"top-32-{columns}x{rows}", r" 101 .* 0\.0 .*python3")
                self.stop()

    def test_scrolling_cards(self):
        self.put_cards(32)
        self.start(columns=40, rows=10)
        self.wait(r"^0 +DRAM")
        self.keys("Tab")
        self.wait("Arrows move the cards")
        self.keys("End")
        self.wait(r"^28 +DRAM", r"^31 +DRAM")
        self.keys("Up")
        self.wait(r"^27 +DRAM", absent=[r"^31 +DRAM"])
        self.keys("Home", "Tab")
        self.wait(r"^0 +DRAM", "F10")
        self.keys("c")
        self.wait(r"^all +DRAM\[", absent=[r"^0 +DRAM"])
        self.keys("c")
        self.wait(r"^3 +DRAM", absent=["^all"])

    def test_ascii(self):
        self.put_three()
        for arguments, environment in (("--ascii", {}), ("", {"LC_ALL": "C"})):
            with self.subTest(arguments=arguments):
                self.start(arguments, **environment)
                # The graph of a chip without DRAM in use, of L1 it is filled by half.
                screen = self.wait(r" 101 .* 0\.0 .*python3", r"^45 C  30 W +-[0-9.]+s {20,}-[0-9.]+s +:+$")
                self.assertTrue(screen.isascii(), screen)
                self.stop()

    def test_colours(self):
        self.put_three()
        self.start()
        self.wait(" 101 ")
        # Each colour is read on black and on white.
        screen = self.tmux("capture-pane", "-p", "-e")
        alone = set(re.findall("\x1b\\[38;5;(\\d+)m", screen))
        self.assertLessEqual({"28", "31"}, alone)
        self.assertFalse(re.search("\x1b\\[(?!38;5;|48;5;)(?:[0-9;]*;)?[39][0-7]m", screen), screen)
        for number in alone - {"231"}:
            for ground in (0.0, 1.0):
                low, high = sorted((luminance(int(number)), ground))
                self.assertGreater((high + 0.05) / (low + 0.05), 3, number)
        self.stop()
        # Of 8 colours none but magenta and red is; black stands on cyan.
        self.start(TERM="screen")
        self.wait(" 101 ")
        screen = self.tmux("capture-pane", "-p", "-e")
        self.assertLessEqual(set(re.findall("\x1b\\[(?:[0-9;]*;)?(3[0-7])m", screen)),
                             {"30", "31", "35"})
        self.stop()
        for environment in ({"NO_COLOR": "1"}, {"TERM": "vt100"}):
            with self.subTest(environment=environment):
                self.start(**environment)
                self.wait(" 101 ")
                colours = re.findall("\x1b\\[([0-9;]*)m", self.tmux("capture-pane", "-p", "-e"))
                self.assertTrue(colours)
                self.assertFalse([c for c in colours if re.search(r"\b[34][0-7]\b", c)], colours)
                self.stop()

    def test_history(self):
        self.put_cards(1)
        used = "sys/class/ttmem/ttmem0/chip0/dram_used"
        self.put(used, f"{12 << 30}\n")
        self.start()
        screen = self.wait("\u2588\u2588 ")
        # What its top is, and how far it goes back: 26 columns, 25 times a tenth of a second.
        self.assertRegex(screen.splitlines()[2], "^45 C  30 W    12.0G ")
        self.assertRegex(screen.splitlines()[9], "^ {14}-2\\.[3-9]s ")
        self.put(used, f"{3 << 30}\n")
        # 9 lines, one of them the bar: a quarter of eight is two full ones.
        self.wait(r" 3\.0G/12\.0G 25%\]")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            graph = [line[20:46].ljust(26) for line in self.screen().splitlines()[2:10]]
            last = [line[-1:] for line in graph]
            if last == [" "] * 6 + ["\u2588"] * 2:
                break
            time.sleep(0.05)
        self.assertEqual(last, [" "] * 6 + ["\u2588"] * 2, graph)
        # The past moves to the left and stays what it was.
        self.assertIn("\u2588", graph[0])

    def test_resize(self):
        self.put_three()
        self.start(command=SHELL)
        self.wait(r"^0\.0 +n300", " 101 ")
        self.tmux("resize-window", "-x", "40", "-y", "10")
        self.expect("top-3-40x10", r" 101 .*0\.0 python3", "F4Filter *$")
        self.tmux("resize-window", "-x", "30", "-y", "8")
        self.wait("^Too small: 30x8; 40x10 needed", absent=["DRAM"])
        self.tmux("resize-window", "-x", "200", "-y", "60")
        self.expect("top-3-200x60", r" 101 .* 0\.0 .*python3", "Delay")
        # Every size draws something whole.
        for columns, rows in ((1, 1), (3, 50), (300, 2), (41, 11), (79, 23), (120, 10), (40, 80)):
            self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
            if columns >= 40 and rows >= 10:
                self.wait("PID .*DRAM.*COMMAND", " 101 ")
        self.quit("q")


class Keys(Top):
    def setUp(self):
        super().setUp()
        self.put_three()

    def pids(self, screen):
        return re.findall(r"^ +(\d+|-) +\S+ +[0-9,-]+ +[0-9N]", screen, re.M)

    def wait_pids(self, *pids):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            screen = self.screen()
            if self.pids(screen) == list(pids):
                return screen
            time.sleep(0.05)
        self.fail(f"waited in vain for {pids}:\n{screen}")

    def test_sort(self):
        self.start()
        self.wait_pids("101", "-", "102", "103")
        for keys, pids, title in (
                ("r", ("103", "102", "-", "101"), r"DRAM\+"),
                ("L", ("102", "101", "-", "103"), "L1-"),
                ("N", ("-", "101", "102", "103"), r"PID\+"),
                ("N", ("103", "102", "101", "-"), "PID-"),
                ("M", ("102", "101", "103", "-"), "MEM-"),
                ("D", ("101", "-", "102", "103"), "DRAM-"),
                (">", ("102", "101", "-", "103"), "L1-"),
                ("<", ("101", "-", "102", "103"), "DRAM-")):
            self.keys(keys)
            self.wait_pids(*pids)
            self.wait(title)
        self.keys("F6")
        self.wait("Sort by", "> DRAM")
        self.keys("Up")
        self.wait("> COMMAND")
        self.keys("Escape")
        self.wait("DRAM-", absent=["Sort by"])
        self.keys("s", "Down", "Down", "Down", "Down", "Enter")
        self.wait_pids("-", "101", "102", "103")
        self.wait(r"PID\+", absent=["Sort by"])

    def test_filter(self):
        self.start()
        self.wait_pids("101", "-", "102", "103")
        self.keys("/")
        self.wait("^Filter: _")
        self.keys("-l", "BENCX")
        self.wait("^Filter: BENCX_", "No process matches the filter", "4 processes, 0 match")
        self.keys("BSpace")
        self.wait_pids("102")
        self.keys("Enter")
        self.wait("F10", "4 processes, 1 match", absent=["Filter:"])
        self.keys("F4", "C-u", "10")
        self.wait_pids("101", "102", "103")
        self.keys("Escape")
        self.wait_pids("101", "-", "102", "103")

    def test_chosen_process_stays_chosen(self):
        self.start()
        self.wait_pids("101", "-", "102", "103")
        self.keys("Down", "Down")
        self.wait_reverse("102")
        self.keys("N", "N")
        self.wait_pids("103", "102", "101", "-")
        self.wait_reverse("102")
        # It ends: the next one takes its place.
        self.put_clients(
            f"0 1 101 0 0 DRAM buffer {3 << 30} {3 << 30} 3 self python3",
            "2 2 0 4000000001 0 DRAM buffer 1000 1000 1 self -")
        self.wait_pids("103", "101", "-")
        self.wait_reverse("101")
        self.keys("Home")
        self.wait_reverse("103")

    def wait_reverse(self, pid):
        """Waits for the line of a process to be the one that is drawn in reverse."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            screen = self.tmux("capture-pane", "-p", "-e")
            if re.search(rf"\x1b\[[0-9;]*7m(\x1b\[[0-9;]*m)* +{pid} ", screen):
                return
            time.sleep(0.05)
        self.fail(f"{pid} is not chosen:\n{screen}")

    def test_pause(self):
        self.start()
        self.wait("0.1s$", r"0\.0/|DRAM\[")
        self.keys("p")
        self.wait("PAUSED$")
        self.put("sys/class/ttmem/ttmem0/chip0/dram_used", f"{11 << 30}\n")
        self.keys("h")
        self.wait("ttmem-smi top 0.1.0", "quit")
        self.keys("Escape")
        self.wait("PAUSED$", absent=[r"11.0G\+/12.0G"])
        self.keys("Space")
        self.wait(r"11.0G\+/12.0G", "0.1s$")

    def test_delay(self):
        self.start()
        self.wait(" 0.1s$")
        self.keys("-")
        self.wait(" 0.1s$")
        self.keys("+", "+", "+")
        self.wait(" 1s$")
        self.keys("-")
        self.wait(" 0.5s$")

    def test_help(self):
        self.start(columns=40, rows=10)
        self.wait(" 101 ")
        self.keys("F1")
        self.wait("^q F10 +quit$", "^EscBack", absent=["one core"])
        self.keys("End")
        self.wait("is one core$")
        self.keys("Escape")
        self.wait(" 101 ")

    def test_host_cpu(self):
        # 100 ticks a second are one core, whenever they are looked at.
        start = time.monotonic()
        self.start()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.put("proc/101/stat.new", f"101 (python3) S 1 1 1 0 -1 0 0 0 0 0 "
                     f"{int((time.monotonic() - start) * 200)} 0 0 0 20 0 1 0 1 1 2560 1\n")
            os.rename("proc/101/stat.new", "proc/101/stat")
            if re.search(r" 101 .* (1[5-9]\d|2[0-4]\d)\.\d +10\.0M python3", self.screen()):
                return
            time.sleep(0.02)
        self.fail(self.screen())

    def test_reservations(self):
        # The module's answers are those of ../host/kernel.c.
        for number in range(3):
            self.put("dev/tenstorrent/mem/none", "")
            os.symlink("/dev/null", f"dev/tenstorrent/mem/{number}")
            self.put(f"sys/class/ttmem/ttmem{number}/dev", "1:3\n")
        self.put_clients(
            f"0 7 101 0 0 DRAM buffer {100 << 20} {4 << 30} 2 attributed python3",
            f"0 7 101 0 1 L1 cb {5 << 20} {6 << 20} 0 attributed python3",
            f"1 7 101 0 1 L1 - 0 {1 << 20} 0 attributed python3")
        self.start()
        self.wait(" 101 .*python3 serve.py")
        self.keys("Enter")
        self.expect("top-reservations-80x24", "5 reservations|weights")
        self.tmux("resize-window", "-x", "40", "-y", "10")
        self.expect("top-reservations-40x10", "^101 .*python3", r"5\.0M", "^EscBack")
        # It ends while it is looked at.
        self.put_clients()
        self.put("proc/driver/tenstorrent/0/pids", "")
        self.wait("^It is not in the list any more")
        self.keys("q")
        self.wait("COMMAND", absent=["python3"])

    def test_reservations_that_may_not_be_read(self):
        self.start()
        self.wait(" 101 ")
        self.keys("Enter")
        # What the list of processes has of it stays.
        self.wait("^101 .*python3 serve.py", r"^DRAM 6\.0G, L1 5\.0M; peak 11\.0G, 5\.0M *$",
                  "Card 0: the card's node is not in /dev/tenstorrent/mem")
        self.keys("Escape")
        self.wait("COMMAND")

    def test_reservations_of_one_that_reports_nothing(self):
        self.put_clients()
        self.put("proc/driver/tenstorrent/0/pids", "101\n")
        self.start()
        self.wait(" 101 .* N/A")
        self.keys("Enter")
        self.wait("^Nothing is reported of it, so what it holds is not known", absent=["DRAM 0B"])


class Kill(Top):
    def start_child(self):
        child = subprocess.Popen(["sleep", "600"])
        self.children.append(child)
        self.put_process(child.pid, "sleep", "600")
        self.put_cards(1)
        self.put_clients(f"0 1 {child.pid} 0 0 DRAM buffer {1 << 30} {1 << 30} 1 self sleep")
        return child

    def test_kill(self):
        for keys, number in ((("Enter",), signal.SIGTERM), (("Down", "Enter"), signal.SIGKILL)):
            with self.subTest(number=number):
                shutil.rmtree("sys", ignore_errors=True)
                child = self.start_child()
                self.start(command=SHELL)
                self.wait(rf" {child.pid} .* 0\.0 .*sleep 600")
                self.keys("k")
                self.wait("End this process?", rf"{child.pid} \(.*\) sleep 600", "> SIGTERM")
                self.keys("Escape")
                self.wait("COMMAND", absent=["End this process?"])
                self.assertIsNone(child.poll())
                self.keys("F9")
                self.wait("End this process?", "> SIGTERM")
                self.keys(*keys)
                self.wait(rf"^{number.name} was sent to {child.pid} ")
                self.assertEqual(child.wait(PATIENCE), -number)
                self.put_clients()
                self.wait("No running processes found")
                self.quit("k", "q")
                self.stop()

    def test_read_only(self):
        """No key ends a process, and none is offered that would."""
        child = self.start_child()
        self.start("--read-only")
        self.wait(rf" {child.pid} .* 0\.0 .*sleep 600", "F10Quit", absent=["Kill"])
        for key in ("k", "F9"):
            self.keys(key)
            self.wait("^No process is ended from here: top was started with --read-only",
                      absent=["End this process"])
            self.keys("Enter")
            self.wait("^DRAM 1", absent=["No process is ended"])
            self.keys("Escape")
            self.wait("F10Quit")
        self.assertIsNone(child.poll())

    def test_another_process_with_its_number(self):
        child = self.start_child()
        self.start()
        self.wait(rf" {child.pid} .* 0\.0 .*sleep 600")
        self.keys("p")
        self.wait("PAUSED")
        self.put_process(child.pid, "sleep", "600", start=99999)
        self.keys("k")
        self.wait(f"^Process {child.pid} has ended", absent=["End this process?"])
        self.assertIsNone(child.poll())

    def test_no_such_process(self):
        child = self.start_child()
        self.start()
        self.wait(rf" {child.pid} .*sleep 600")
        child.kill()
        child.wait()
        self.keys("k")
        self.wait(f"^Process {child.pid} has ended", absent=["End this process?"])

    def test_invisible(self):
        self.put_cards(1)
        self.put_clients("0 1 0 0 0 DRAM buffer 5 5 1 self -")
        self.start()
        self.wait(r"^ +- root ")
        self.keys("k")
        self.wait("^This process cannot be seen from here")

    @unittest.skipUnless(os.geteuid() == 0, "another user's process takes root")
    def test_not_permitted(self):
        child = self.start_child()
        shutil.copy(f"{os.environ['TTMEM_TOOLS']}/ttmem-smi", "ttmem-smi")
        os.chmod(".", 0o755)
        self.start(command="exec setpriv --reuid 65534 --clear-groups ./ttmem-smi top -d 0.1")
        self.wait(rf" {child.pid} .* 0\.0 .*sleep 600")
        self.keys("k")
        self.wait("End this process?")
        self.keys("Enter")
        self.wait(f"^Not permitted: only its user and root may end {child.pid} ")
        self.assertIsNone(child.poll())


class ComingAndGoing(Top):
    def test_cards(self):
        self.put_cards(2)
        self.start()
        self.wait(r"^0 +n150", r"^1 +n150", "2 cards")
        self.put_whole_card(7)
        self.wait("3 cards", r"^7 +n150")
        shutil.rmtree("sys/class/tenstorrent/tenstorrent!0")
        shutil.rmtree("sys/class/ttmem/ttmem0")
        self.wait("2 cards", r"^7 +n150", absent=["^0 +n150"])
        for number in (1, 7):
            shutil.rmtree(f"sys/class/tenstorrent/tenstorrent!{number}")
        self.wait("TT-KMD is loaded and drives no card", "0 cards")
        self.put_card(1, "0000:09:00.0")
        self.wait("1 card,")

    def test_unloaded_and_back(self):
        self.put_three()
        self.start()
        self.wait(" 101 ")
        os.rename("sys", "gone")
        self.wait("TT-KMD, Tenstorrent's driver, is not loaded", absent=[" 101 "])
        os.rename("gone", "sys")
        self.wait(" 101 ", absent=["TT-KMD"])
        os.rename("sys/module", "gone")
        os.rename("sys/class/ttmem", "away")
        self.wait("The kernel module ttmem, which keeps the books, is not loaded",
                  "^ *modprobe ttmem", absent=[" 101 "])
        os.rename("away", "sys/class/ttmem")
        os.rename("gone", "sys/module")
        self.wait(" 101 ", absent=["modprobe"])

    def test_not_followed(self):
        self.put_cards(1)
        self.put_card(1, "0000:05:00.0")
        self.start()
        self.wait("^1 .*ttmem does not follow this card")

    def test_books_not_understood(self):
        self.put_cards(1)
        self.start()
        self.wait("No running")
        self.put(support.LIST, "WHAT IS THIS\n")
        self.wait("^the module ttmem answered in a form", "^ N/A$", absent=["No running"])
        self.put_clients()
        self.wait("F10", "No running", absent=["answered"])

    def test_no_list(self):
        """As in a /proc with subset=pid: not that nobody holds anything."""
        self.put_three()
        os.rename(support.LIST, "away")
        self.start()
        self.wait("^ttmem is loaded, but its list of clients is not in this /proc", "^ N/A$",
                  r"^0\.0 +n300", absent=["No running", " 101 "])
        os.rename("away", support.LIST)
        self.wait(" 101 ", "F10", absent=["is loaded", "N/A$"])
        self.keys("Enter")
        self.wait("^101 .*python3 serve.py")
        os.rename(support.LIST, "away")
        self.wait("^It is not in the list any more|^ttmem is loaded, but its list")

    def test_idle(self):
        """Who holds nothing any more is shown only while he has the card open, and with 0."""
        self.put_cards(1)
        self.put_process(101, "python3", "serve.py")
        self.put_clients(f"0 1 101 0 0 DRAM - 0 {1 << 30} 0 self python3")
        self.start()
        self.wait("No running processes found", "0 processes")
        self.put("proc/driver/tenstorrent/0/pids", "101\n")
        self.wait(r"^ +101 \S+ +0 +0B +0B ", "1 process ")
        self.keys("Enter")
        self.wait(r"^0 reservations: DRAM 0B, L1 0B; peak 1\.0G, 0B *$")

    def test_only_one_card(self):
        self.put_three()
        self.start("-i 1")
        self.wait(r"1 card, 1 process ", r"^1\.0 +n300", absent=[r"^0\.0", " 102 "])
        self.stop()
        self.start("-i 01:00.0 -p 102,103")
        self.wait(r"1 card, 2 processes", " 102 ", " 103 ", absent=[" 101 "])


class Ends(Top):
    """The terminal is as it was, whichever way it ends."""

    def setUp(self):
        super().setUp()
        self.put_three()

    def check_terminal(self, status):
        screen = self.wait(f"^ended with {status}$", r"[ ;]icanon", r" echo ", r"[^-]onlcr")
        self.assertNotIn("DRAM", screen)
        self.assertEqual(self.tmux("display-message", "-p", "#{alternate_on}:#{cursor_flag}").strip(),
                         "0:1")

    def pid(self):
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout)

    def test_by_keys(self):
        for key in ("q", "F10"):
            with self.subTest(key=key):
                self.start(command=SHELL)
                self.wait(" 101 ")
                self.keys(key)
                self.check_terminal(0)
                self.stop()

    def test_by_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number=number):
                self.start(command=f"trap : INT QUIT; ulimit -c 0; {SHELL}")
                self.wait(" 101 ")
                os.kill(self.pid(), number)
                self.check_terminal(128 + number)
                self.stop()

    def test_stop_and_continue(self):
        self.start(command="PS1='prompt> ' exec bash --norc -i")
        self.wait("^prompt>")
        self.keys(f"{TOP} -d 0.1", "Enter")
        self.wait(r"^0\.0 +n300", " 101 ")
        self.keys("C-z")
        self.wait("Stopped")
        self.keys("stty -a", "Enter")
        self.wait(r"[ ;]icanon", " echo ")
        self.tmux("resize-window", "-x", "40", "-y", "10")
        self.keys("clear; fg", "Enter")
        self.expect("top-3-40x10", r" 101 .*0\.0 python3", "^TabMore cards F10Quit")
        self.keys("q")
        self.wait("^prompt> *$")

    def test_without_a_terminal(self):
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        result = subprocess.run(TOP.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=environment, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", (
            "ttmem-smi top: input and output must be a terminal. For a file use ttmem-smi -l or --json\n")))

    def test_unknown_terminal(self):
        self.start(command=SHELL, TERM="no-such")
        self.wait("^ttmem-smi top: cannot draw on this terminal: TERM is 'no-such', which is not",
                  "^ended with 1$")

    def test_dumb_terminal(self):
        self.start(command=SHELL, TERM="dumb")
        self.wait("^ttmem-smi top: cannot draw on this terminal: TERM is 'dumb', which is not",
                  "^ended with 1$")
        self.assertNotIn("DRAM", self.screen())

    def test_nothing_to_show(self):
        os.rename("sys", "gone")
        self.start(command=SHELL)
        self.wait("^ttmem-smi top: TT-KMD, Tenstorrent's driver, is not loaded. Run: sudo modprobe",
                  "^ended with 9$")

    def test_options(self):
        def run(*arguments):
            result = subprocess.run([*TOP.split(), *arguments], stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            return result.returncode, result.stdout, result.stderr

        more = ". ttmem-smi top --help tells more\n"
        for arguments, why in (
                (("-d", "0.01"), "-d 0.01: not a number of seconds from 0.1 to 3600"),
                (("-d", "x"), "-d x: not a number of seconds from 0.1 to 3600"),
                (("-p", "0"), "-p 0: '0' is no process's number"),
                (("-p", ",".join(["1"] * 65)), f"-p {','.join(['1'] * 65)}: at most 64 processes"),
                (("-i", "1:2"), "-i 1:2: '1:2' is neither a card's number, nor a bus id as "
                                "0000:01:00.0, nor a board as n300, nor a serial number or UUID"),
                (("x",), "'x' is one argument too many")):
            with self.subTest(arguments=arguments):
                self.assertEqual(run(*arguments), (2, "", f"ttmem-smi top: {why}{more}"))
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("Usage: ttmem-smi top [-d SECONDS]"), out)


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite()
    for case in (Screens, Keys, Kill, ComingAndGoing, Ends):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    support.main()
