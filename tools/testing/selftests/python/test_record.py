# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-smi record and report before made-up trees, their outputs whole."""

import csv
import io
import json
import os
import re
import resource
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import support

TOOLS = os.environ["TTMEM_TOOLS"]
SMI = f"{TOOLS}/ttmem-smi"
PLAIN = os.environ["TTMEM_PLAIN_TOOLS"]
COLUMNS = (
    "time,kind,card,bus_id,board,chip,memory,used,total,pid,user,command,note,tag,label\n")
DRAM = 12884901888
L1 = 95944704
HOSTILE = "sh -c \"a,b\"\n<i>&'\x1b[2J\\é"
SHOWN = "sh -c \"a,b\"?<i>&'?[2J\\é"
SVG = "{http://www.w3.org/2000/svg}"


def smi(*arguments, **options):
    result = subprocess.run(
        [SMI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, check=False, **options,
    )
    return result.returncode, result.stdout, result.stderr


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def timeless(text):
    """The rows without their times, which are checked, and what repeats once."""
    lines = []
    samples = []
    for line in text.splitlines(keepends=True)[1:]:
        stamp, rest = line.split(",", 1)
        assert re.fullmatch(r"2025-11-24T16:0\d:\d\d\.\d{6}Z", stamp), stamp
        if not lines or lines[-1][0] != stamp:
            assert not lines or lines[-1][0] < stamp
            lines.append((stamp, ""))
        lines[-1] = (stamp, lines[-1][1] + rest)
    for _, rows in lines:
        if not samples or samples[-1] != rows:
            samples.append(rows)
    return samples


def pools(card, bus, board, chips, **used):
    return "".join(
        f"pool,{card},{bus},{board},{chip},{memory},{used.get(f'{memory}{chip}', 0)},{total},,,,,,\n"
        for chip in range(chips) for memory, total in (("DRAM", DRAM), ("L1", L1))
    )


class Record(support.Roots):
    def put(self, path, text):
        """Whole or not at all, as it may be read in the middle."""
        super().put("new", text)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        os.replace("new", path)

    def put_process(self, pid, command):
        self.put(f"proc/{pid}/comm", command.split()[0] + "\n")
        self.put(f"proc/{pid}/cmdline", "\0".join(command.split(" ")) + "\0")

    def put_machine(self):
        """An n300 with two processes, and one that tells nothing."""
        self.put_card(0, "0000:01:00.0")
        self.put("sys/class/tenstorrent/tenstorrent!0/tt_card_type", "n300\n")
        self.put_used(3000, 500, 700)
        self.put_process(11, "python3 serve.py")
        self.put_process(12, HOSTILE)
        self.put("proc/driver/tenstorrent/0/pids", "11\n12\n13\n")
        self.put_process(13, "tt-burnin")
        self.put_clients(
            "0 1 11 0 0 DRAM buffer 1500 2000 2 self python3",
            "0 1 11 0 0 DRAM trace 500 2000 1 self python3",
            "0 1 11 0 1 DRAM trace 700 700 1 self python3",
            "0 1 11 0 1 L1 - 0 9 0 self python3",
            "0 2 12 0 0 DRAM buffer 1000 1000 1 attributed sh",
            "0 2 12 0 0 L1 cb 500 500 0 attributed sh",
            "0 3 14 0 0 DRAM - 0 9 0 self idle",
        )

    def put_used(self, dram0, l1, dram1):
        self.put_books(
            0, 2, chip0_dram_total=DRAM, chip0_l1_total=L1, chip1_dram_total=DRAM,
            chip1_l1_total=L1, chip0_dram_used=dram0, chip0_l1_used=l1, chip1_dram_used=dram1,
        )

    def expected_rows(self):
        quoted = SHOWN.replace('"', '""')
        rows = pools(0, "0000:01:00.0", "n300", 2, DRAM0=3000, L10=500, DRAM1=700)
        where = "process,0,0000:01:00.0,n300"
        rows += f"{where},0,DRAM,1500,,11,root,python3 serve.py,,buffer,\n"
        rows += f"{where},0,DRAM,500,,11,root,python3 serve.py,,trace,\n"
        rows += f'{where},0,DRAM,1000,,12,root,"{quoted}",,buffer,\n'
        rows += f'{where},0,L1,500,,12,root,"{quoted}",,cb,\n'
        rows += f"{where},1,DRAM,700,,11,root,python3 serve.py,,trace,\n"
        return rows + "silent,0,0000:01:00.0,n300,,,,,13,root,tt-burnin,,,\n"

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [SMI, "record", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            **options,
        )

    def wait_for(self, path, what, after=0):
        """Until what is in the file, from an offset on; tell its size then."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if os.path.exists(path) and what in read(path)[after:]:
                return len(read(path))
            time.sleep(0.01)
        self.fail(f"{what!r} does not get into {path}: {read(path)}")

    def test_csv(self):
        self.put_machine()
        status, out, err = smi("record", "-l", "60", "-d", "0.01", "-o", "a.csv")
        self.assertEqual((status, out), (0, ""))
        self.assertRegex(err, (
            r"\Attmem-smi: 2 samples in 0\.\d s are in a\.csv\. To see them: "
            r"ttmem-smi report a\.csv --svg a\.svg\n\Z"))
        text = read("a.csv")
        self.assertEqual(text[:len(COLUMNS)], COLUMNS)
        self.assertEqual(timeless(text), [self.expected_rows()])
        self.assertEqual(len(text.splitlines()), 1 + 2 * 10)
        commands = {row["command"] for row in csv.DictReader(io.StringIO(text))}
        self.assertEqual(commands, {"", "python3 serve.py", SHOWN, "tt-burnin"})
        # The same into a pipe, and of some processes only.
        status, out, err = smi("record", "--lms", "60000", "-d", "0.01", "-o", "-", "-p", "13,11")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(timeless(out), ["".join(
            line + "\n" for line in self.expected_rows().splitlines() if ",12,root" not in line)])

    def test_milliseconds(self):
        """-lms as nvidia-smi has it; and a command's own -lms stays what it is."""
        self.put_machine()
        status, out, err = smi("record", "-lms", "60000", "-d", "0.01", "-o", "-")
        self.assertEqual((status, err, timeless(out)), (0, "", [self.expected_rows()]))
        status, out, _ = smi("record", "-l", "60", "-o", "a.csv", "sh", "-c", 'echo "$1"', "sh", "-lms")
        self.assertEqual((status, out), (0, "-lms\n"))
        for arguments in (["-lms"], ["-lms", "x"], ["-l", "ms"], ["-l", "-lms"]):
            with self.subTest(arguments):
                status, out, err = smi("record", *arguments)
                self.assertEqual((status, out), (2, ""))
                self.assertIn(" --help tells more\n", err)

    def test_trace(self):
        self.put_machine()
        status, out, err = smi("record", "-l", "60", "-d", "0.01", "-o", "a.json")
        self.assertEqual((status, out), (0, ""))
        text = read("a.json")
        events = json.loads(text)
        # An event on each line.
        self.assertEqual([json.loads(line.rstrip(",")) for line in text.splitlines()[1:-1]], events)
        times = sorted({event["ts"] for event in events if "ts" in event})
        self.assertEqual(len(times), 2)
        self.assertEqual(times[0] // 10**6, 1764000000)

        def named(pid, name, **more):
            return {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name, **more}}

        def capacity(chip, memory, size):
            return {"ph": "M", "name": "ttmem_capacity", "pid": 10000000,
                    "args": {"chip": chip, "memory": memory, "bytes": size}}

        def counter(pid, name, ts, **values):
            return {"ph": "C", "name": name, "pid": pid, "ts": ts, "args": values}

        def used(ts):
            return [counter(10000000, name, ts, used=value) for name, value in (
                ("chip 0 DRAM", 3000), ("chip 0 L1", 500), ("chip 1 DRAM", 700), ("chip 1 L1", 0))]

        def held(ts):
            return [
                counter(11, "card 0 chip 0 DRAM", ts, held=2000, buffer=1500, trace=500),
                counter(12, "card 0 chip 0 DRAM", ts, held=1000, buffer=1000),
                counter(12, "card 0 chip 0 L1", ts, held=500, cb=500),
                counter(11, "card 0 chip 1 DRAM", ts, held=700, trace=700)]

        first, second = used(times[0]), held(times[0])
        python = named(11, "python3 serve.py", user="root")
        shell = named(12, SHOWN, user="root")
        self.assertEqual(events, [
            {"ph": "M", "name": "ttmem_recording", "pid": 10000000,
             "args": {"format": 1, "version": "0.1.0"}},
            named(10000000, "card 0: n300 0000:01:00.0", bus_id="0000:01:00.0", board="n300"),
            capacity(0, "DRAM", DRAM), first[0], capacity(0, "L1", L1), first[1],
            capacity(1, "DRAM", DRAM), first[2], capacity(1, "L1", L1), first[3],
            python, second[0], shell, second[1], shell, second[2], python, second[3],
            *used(times[1]), *held(times[1]),
        ])

    def test_report(self):
        """Of both formats, and as text, CSV and JSON."""
        self.put_machine()
        for name in ("a.csv", "a.json"):
            self.assertEqual(smi("record", "-l", "60", "-d", "0.01", "-o", name)[0], 0)
            status, out, err = smi("report", name)
            self.assertEqual((status, err), (0, ""))
            silent = "Card 0: up to 1 process had it open and told ttmem nothing.\n"
            out = re.sub(r"(?<=in )0\.\d s", "T", out).replace("after 0.0 s", "after T")
            self.assertEqual(out, (
                f"{name}: 2 samples in T, 2025-11-24 16:00:00 to 16:00:00 UTC\n"
                "\n"
                "Card Board            Bus id        Chip Memory       Peak       Mean   Capacity"
                "  Peak after\n"
                "   0 n300             0000:01:00.0     0 DRAM     2.93 KiB   2.93 KiB     12 GiB"
                "  0.0 s\n"
                "   0 n300             0000:01:00.0     0 L1          500 B      500 B   91.5 MiB"
                "  0.0 s\n"
                "   0 n300             0000:01:00.0     1 DRAM        700 B      700 B     12 GiB"
                "  0.0 s\n"
                "   0 n300             0000:01:00.0     1 L1            0 B        0 B   91.5 MiB"
                "  -\n"
                + (silent if name == "a.csv" else "") +
                "\n"
                "Card 0 chip 0 DRAM, at its peak of 2.93 KiB after T:\n"
                "     PID User               Held  Command\n"
                "      11 root           1.95 KiB  python3 serve.py\n"
                f"      12 root             1000 B  {SHOWN}\n"
                "\n"
                "Card 0 chip 0 L1, at its peak of 500 B after T:\n"
                "     PID User               Held  Command\n"
                f"      12 root              500 B  {SHOWN}\n"
                "\n"
                "Card 0 chip 1 DRAM, at its peak of 700 B after T:\n"
                "     PID User               Held  Command\n"
                "      11 root              700 B  python3 serve.py\n"))

            status, out, err = smi("report", "--csv", "-i", "n300", name)
            self.assertEqual((status, err), (0, ""))
            quoted = SHOWN.replace('"', '""')
            where = "0,0000:01:00.0,n300"
            self.assertEqual(re.sub(r"2025-11-24T16:00:00\.\d{6}Z", "T", out), (
                "kind,card,bus_id,board,chip,memory,samples,bytes,time,mean,total,pid,user,"
                "command,tag,label\n"
                f"peak,{where},0,DRAM,2,3000,T,3000,{DRAM},,,,,\n"
                f"holder,{where},0,DRAM,,2000,,,,11,root,python3 serve.py,,\n"
                f'holder,{where},0,DRAM,,1000,,,,12,root,"{quoted}",,\n'
                f"peak,{where},0,L1,2,500,T,500,{L1},,,,,\n"
                f'holder,{where},0,L1,,500,,,,12,root,"{quoted}",,\n'
                f"peak,{where},1,DRAM,2,700,T,700,{DRAM},,,,,\n"
                f"holder,{where},1,DRAM,,700,,,,11,root,python3 serve.py,,\n"
                f"peak,{where},1,L1,2,0,T,0,{L1},,,,,\n"))

            status, out, err = smi("report", "--json", name)
            self.assertEqual((status, err), (0, ""))
            report = json.loads(out)
            for key in ("begin", "end"):
                self.assertRegex(report.pop(key), r"^2025-11-24T16:00:00\.\d{6}Z$")
            self.assertGreater(report.pop("seconds"), 0.009)
            [card] = report["cards"]
            for pool in card["pools"]:
                self.assertRegex(pool.pop("peak_time"), r"^2025-11-24T16:00:00\.\d{6}Z$")
                self.assertEqual(pool.pop("peak_after"), 0)
            shell = {"pid": 12, "user": "root", "command": SHOWN, "tag": None, "label": None}
            python = {**shell, "pid": 11, "command": "python3 serve.py"}
            self.assertEqual(report, {
                "format": 1, "by": "process", "samples": 2, "cut": False, "notices": [],
                "cards": [{
                    "card": 0, "bus_id": "0000:01:00.0", "board": "n300",
                    "silent": int(name == "a.csv"),
                    "pools": [
                        {"chip": 0, "memory": "DRAM", "samples": 2, "peak": 3000, "mean": 3000,
                         "total": DRAM, "held_at_peak": [
                             {**python, "bytes": 2000}, {**shell, "bytes": 1000}]},
                        {"chip": 0, "memory": "L1", "samples": 2, "peak": 500, "mean": 500,
                         "total": L1, "held_at_peak": [{**shell, "bytes": 500}]},
                        {"chip": 1, "memory": "DRAM", "samples": 2, "peak": 700, "mean": 700,
                         "total": DRAM, "held_at_peak": [{**python, "bytes": 700}]},
                        {"chip": 1, "memory": "L1", "samples": 2, "peak": 0, "mean": 0,
                         "total": L1, "held_at_peak": []},
                    ],
                }],
            })

    def test_meanwhile(self):
        """Bytes change, a card comes and goes, and ttmem too; then Ctrl-C."""
        for name in ("a.csv", "a.json"):
            self.put_machine()
            recorder = self.start("-l", "0.01", "-o", name)
            at = self.wait_for(name, "python3")
            self.put_used(1000, 0, 0)
            self.put_clients("0 2 12 0 0 DRAM buffer 1000 1000 1 attributed sh")
            at = self.wait_for(name, ",1000," if name == "a.csv" else '"used":1000', at)
            self.put_books(3, 1, chip0_dram_total=DRAM, chip0_l1_total=L1)
            self.put_card(3, "0000:04:00.0")
            at = self.wait_for(name, "card 3 (0000:04:00.0) is there", at)
            os.rename("sys/class/ttmem", "sys/class/away")
            os.rename("sys/module/ttmem", "sys/away")
            at = self.wait_for(name, "ttmem, which keeps the books, is not loaded", at)
            os.rename("sys/class/away", "sys/class/ttmem")
            os.rename("sys/away", "sys/module/ttmem")
            at = self.wait_for(name, "card 3 (0000:04:00.0) is there", at)
            recorder.send_signal(signal.SIGINT)
            out, err = recorder.communicate(timeout=60)
            self.assertEqual((recorder.returncode, out), (0, ""))
            told = [line for line in err.splitlines() if " samples in " not in line]
            missing = next(line for line in told if "is not loaded" in line)
            gone = ["ttmem-smi: card 0 (0000:01:00.0) is gone",
                    "ttmem-smi: card 3 (0000:04:00.0) is gone", missing]
            there = ["ttmem-smi: card 0 (0000:01:00.0) is there",
                     "ttmem-smi: card 3 (0000:04:00.0) is there"]
            self.assertEqual(told[0], there[1])
            self.assertEqual(told[-2:], there)
            # The tree is renamed in two steps, between which a sample may fall.
            self.assertEqual(set(told[1:-2]), set(gone))
            status, out, err = smi("report", name, "--json")
            self.assertEqual((status, err), (0, ""))
            report = json.loads(out)
            self.assertEqual(["ttmem-smi: " + notice["text"] for notice in report["notices"]], told)
            self.assertEqual([card["card"] for card in report["cards"]], [0, 3])
            first = report["cards"][0]["pools"][0]
            self.assertEqual((first["peak"], first["held_at_peak"][0]["pid"]), (3000, 11))
            self.assertTrue(1000 < first["mean"] < 3000)
            self.assertLess(first["samples"], report["samples"])
            if name == "a.json":
                events = json.loads(read(name))
                last = {}
                for event in events:
                    if event["ph"] == "C":
                        last[event["pid"], event["name"]] = event["args"]
                self.assertEqual(last[11, "card 0 chip 0 DRAM"],
                                 {"held": 0, "buffer": 0, "trace": 0})
                self.assertEqual(last[12, "card 0 chip 0 DRAM"], {"held": 1000, "buffer": 1000})
                self.assertEqual(
                    [event["name"] for event in events if event["ph"] == "i"],
                    [notice["text"] for notice in report["notices"]])
            svg = smi("report", name, "--svg", "-")[1]
            self.assertIn('fill="url(#gap)"', svg)
            for path in ("sys", "proc"):
                os.rename(path, f"{path}.{name}")

    def test_no_list(self):
        """Without the list what is used is recorded, and that the rest is missing."""
        self.put_machine()
        os.rename(support.LIST, "away")
        why = ("who holds what is not known: ttmem is loaded, but its list of clients is not in "
               "this /proc: it is mounted with subset=pid, or covered; look from where all of /proc "
               "is seen")
        status, out, err = smi("record", "-l", "60", "-d", "0.01", "-o", "a.csv")
        self.assertEqual((status, out, err.splitlines()[0]), (1, "", f"ttmem-smi: {why}"))
        used = pools(0, "0000:01:00.0", "n300", 2, DRAM0=3000, L10=500, DRAM1=700)
        self.assertEqual(timeless(read("a.csv")), [used + f'notice,,,,,,,,,,,"{why}",,\n', used])
        for command, code in (("true", 1), ("exit 7", 7)):
            self.assertEqual(smi("record", "-o", "a.csv", "--", "sh", "-c", command)[0], code)
        # It comes back: the samples from then on are whole.
        recorder = self.start("-l", "0.01", "-o", "b.csv")
        at = self.wait_for("b.csv", "pool")
        os.rename("away", support.LIST)
        self.wait_for("b.csv", "python3 serve.py", at)
        recorder.send_signal(signal.SIGINT)
        self.assertEqual(recorder.communicate(timeout=60)[0], "")
        self.assertEqual(recorder.returncode, 1)
        self.assertEqual(timeless(read("b.csv"))[-1], self.expected_rows())

    def test_command(self):
        self.put_machine()
        done = ("record", "-l", "60", "-o", "a.csv", "--")
        status, out, err = smi(*done, "sh", "-c", "echo out; exit 7", "-o", "b.csv")
        self.assertEqual((status, out), (7, "out\n"))
        self.assertRegex(err, r"\Attmem-smi: 2 samples in \d+\.\d s are in a\.csv\. ")
        self.assertFalse(os.path.exists("b.csv"))
        self.assertEqual(smi(*done, "sh", "-c", "kill -9 $$")[0], 128 + 9)
        status, out, err = smi(*done, "./none")
        self.assertEqual((status, out, err.splitlines()[1]),
                         (127, "", "ttmem-smi: cannot run ./none: No such file or directory"))
        self.assertEqual(smi(*done, "/")[0], 126)
        # What is sent to the recorder reaches the command.
        recorder = self.start("-o", "c.csv", "--", "sh", "-c",
                              "trap 'exit 5' TERM; : > ready; while :; do sleep 0.1; done")
        end = time.monotonic() + 60
        while not os.path.exists("ready") and time.monotonic() < end:
            time.sleep(0.01)
        recorder.send_signal(signal.SIGTERM)
        recorder.communicate(timeout=60)
        self.assertEqual(recorder.returncode, 5)

    def test_killed(self):
        self.put_machine()
        for name in ("a.csv", "a.json"):
            recorder = self.start("--loop-ms", "5", "-o", name)
            at = self.wait_for(name, "python3")
            self.wait_for(name, "DRAM", at)
            recorder.kill()
            recorder.communicate()
            status, out, err = smi("report", name, "--json")
            self.assertEqual((status, err), (0, ""))
            report = json.loads(out)
            self.assertFalse(report["cut"])
            self.assertEqual(report["cards"][0]["pools"][0]["mean"], 3000)
        text = read("a.json")
        self.assertFalse(text.endswith("]\n"))
        self.assertEqual(json.loads(text + "]")[-1]["ph"], "C")

    def test_command_of_one_that_ends(self):
        """Its command line goes first: what it was stays in the recording."""
        self.put_machine()
        recorder = self.start("--loop-ms", "5", "-o", "a.csv")
        at = self.wait_for("a.csv", "python3 serve.py")
        self.put("proc/11/cmdline", "")
        # The sample after next has begun after that.
        for _ in range(3):
            at = self.wait_for("a.csv", "tt-burnin", at)
        recorder.send_signal(signal.SIGINT)
        recorder.communicate()
        commands = {row["command"] for row in csv.DictReader(io.StringIO(read("a.csv")))
                    if row["pid"] == "11"}
        self.assertEqual(commands, {"python3 serve.py"})

    def test_cut(self):
        """Wherever the end is missing, the samples before are told."""
        self.put_machine()
        for name, header in (("a.csv", len(COLUMNS)), ("a.json", 2)):
            smi("record", "-l", "60", "-d", "0.01", "-o", name)
            whole = read(name).encode()
            seen = set()
            ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
            for size in [*range(0, len(whole), 23), *ends[:-1], len(whole) - 1]:
                self.put("cut", whole[:size])
                status, out, err = smi("report", "--json", "cut")
                if status:
                    self.assertEqual((status, out), (1, ""))
                    self.assertRegex(err, (
                        r"\Attmem-smi: cannot report on cut: (it is empty|there is no sample in it|"
                        r"line 1: no recording of ttmem-smi: there is no column '\w+')\n\Z"))
                    self.assertLess(size, header + 700)
                    continue
                report = json.loads(out)
                seen.add((report["samples"], report["cut"]))
                for pool in report["cards"][0]["pools"]:
                    self.assertLessEqual(pool["peak"], 3000)
            self.assertLessEqual({(1, True), (1, False)}, seen)
        self.put("cut", whole[:-40])
        self.assertIn("; its end was cut off\n", smi("report", "cut")[1])

    def test_malformed(self):
        good = ("2026-11-23T05:16:39.5Z,pool,0,0000:01:00.0,n150,0,DRAM,5,100,,,,,,\n")
        reasons = {
            "a,b\n": "line 1: no recording of ttmem-smi: there is no column 'time'",
            "time,kind\n": "line 1: no recording of ttmem-smi: there is no column 'card'",
            "": "it is empty",
            COLUMNS: "there is no sample in it",
            COLUMNS + good + "x\n":
                "line 3: 1 value where the first line has more columns",
            COLUMNS + good + '2026-11-23T05:16:39.5Z,pool,"0\n' + good:
                "line 3: a quotation mark is not closed",
            COLUMNS + good.replace("05:16", "5 past"):
                "line 2: '2026-11-23T5 past:39.5Z' is no time as 2026-11-23T05:16:39.123456Z",
            COLUMNS + good + good.replace("39.5", "39.4"):
                "line 3: its time is before that of the line above",
            COLUMNS + good.replace("pool,0", "pool,-1"): "line 2: card '-1' is no number",
            COLUMNS + good.replace(",0,DRAM", ",x,DRAM"): "line 2: chip 'x' is no number",
            COLUMNS + good.replace("DRAM", "HBM"): "line 2: memory 'HBM' is neither DRAM nor L1",
            COLUMNS + good.replace(",5,", ",18446744073709551616,"):
                "line 2: used '18446744073709551616' is no number of bytes",
            COLUMNS + good.replace(",100,", ",1e3,"): "line 2: total '1e3' is no number of bytes",
            COLUMNS + good.replace(",100,,", ",100,4294967296,"):
                "line 2: pid '4294967296' is no number",
            COLUMNS + "\0\n": "line 2: it holds a NUL byte",
            "[\n{\n]\n": "line 2: not JSON: unexpected end of data",
            "[\n{}\n]\n": "line 2: an event without pid or args, none of ttmem-smi's",
            '[\n{"ph":"C","pid":1,"ts":1,"name":"x","args":"y"}\n]\n':
                "line 2: an event without pid or args, none of ttmem-smi's",
            COLUMNS + "".join(good.replace("0000:01", f"{card:04}:01") for card in range(513)):
                "line 514: more than 512 cards or 1024 memories",
            '[\n{"ph":"C","pid":1,"name":"x","args":{}}\n]\n': "line 2: an event without a time",
            '[\n{"ph":"C","pid":1,"ts":1,"name":"x","args":{}}\n]\n':
                "line 2: counter 'x' is none of ttmem-smi's",
            '[\n{"ph":"C","pid":1,"ts":1,"name":"card 0 chip 0 DRAM","args":{}}\n]\n':
                "line 2: counter 'card 0 chip 0 DRAM' of pid 1, which was not named before",
            '[\n{"ph":"M","pid":1,"name":"ttmem_capacity","args":{}}\n]\n':
                "line 2: no capacity of a card",
        }
        for text, reason in reasons.items():
            self.put("bad", text)
            self.assertEqual(smi("report", "bad"),
                             (1, "", f"ttmem-smi: cannot report on bad: {reason}\n"))
        self.assertEqual(smi("report"), (1, "", (
            "ttmem-smi: cannot report on ttmem.csv: No such file or directory\n")))
        self.put("good", COLUMNS + good)
        self.assertEqual(smi("report", "good", "-i", "7"), (1, "", (
            "ttmem-smi: cannot report on good: there is no card 7 in it; "
            "without -i all are shown\n")))
        self.assertEqual(smi("report", "good", "--svg", "none/a.svg")[::2], (1, (
            "ttmem-smi: cannot write to none/a.svg: No such file or directory\n")))
        self.assertEqual(smi("report", "good", "--svg", "/dev/full")[0], 1)
        # Columns in another order, more of them, and a program's line ends.
        names = [*reversed(COLUMNS.strip().split(",")), "more"]
        values = [*reversed(good.strip().split(",")), "x"]
        self.put("other", ",".join(names) + "\r\n" + ",".join(values) + "\r\n")
        self.assertEqual(smi("report", "other", "--csv"), smi("report", "good", "--csv"))
        self.assertEqual(smi("report", "good", "--csv")[0], 0)

    def test_hostile(self):
        """Rows that record does not write, and lines that are to make a report huge."""
        stamp = "2026-11-23T05:16:39Z"
        later = "2026-11-23T05:16:40Z"
        silent = "".join(f"{stamp},silent,{card},b{card},n150,,,,,7,u,c,,,\n" for card in range(9))
        good = f"{later},pool,0,b0,n150,0,DRAM,500,900,,,,,,\n"
        orphan = f"{stamp},process,1,b1,n150,0,DRAM,5,,7,u,c,,,\n"
        long = "x" * 10**5
        pools = "".join(f"{stamp},pool,0,b0,n150,{chip},DRAM,500,900,,,,,,\n"
                        f"{stamp},process,0,b0,n150,{chip},DRAM,5,,{{}},u,c,,,\n"
                        for chip in range(500))
        recordings = {
            "silent first": silent + good,
            "no memory": orphan + good,
            "only that": orphan,
            "memory cut off": orphan.replace(",1,b1", ",0,b0") + good + later,
            "long user": good + "".join(
                f"{later},process,0,b0,n150,0,DRAM,1,,{pid},{long if pid == 1 else 'u'},c,,,\n"
                for pid in range(1, 1000)),
            "long command": pools.replace("{}", "7") + pools.splitlines()[1].format(7).replace(
                ",c,", f",{long},") + "\n",
            "notices": pools.replace("{}", "7") + "".join(
                f"{later[:-1]}.{i:06}Z,notice,,,,,,,,,,,{'n' * 100},,\n" for i in range(1000)),
        }
        for name, rows in recordings.items():
            self.put("a.csv", COLUMNS + rows)
            for options in ((), ("--csv",), ("--json",), ("--svg", "-")):
                with self.subTest(name, options=options):
                    status, out, err = smi("report", "a.csv", *options)
                    self.assertEqual((status, err), (0, ""))
                    self.assertLess(len(out), 12 * 10**6)
        # What cannot be seen makes two names look the same.
        for code in (0x9b, 0xad, 0x34f, 0x115f, 0x17b4, 0x180b, 0x200b, 0x202e, 0x2066, 0x2800,
                     0x3164, 0xfe00, 0xfeff, 0xffa0, 0xfff0, 0x1bca0, 0x1d173, 0xe0100):
            self.put("a.csv", COLUMNS + good +
                     f"{later},process,0,b0,n150,0,DRAM,5,,7,u,a{chr(code)}b,,,\n")
            self.assertIn('"command":"a?b"', smi("report", "a.csv", "--json")[1].replace(" ", ""))
        # A tick for each two weeks would be millions.
        event = {"ph": "C", "pid": 10**7, "name": "chip 0 DRAM", "args": {"used": 1}}
        name = {"ph": "M", "pid": 10**7, "name": "process_name", "args": {}}
        self.put("a.json", "[\n" + "".join(json.dumps(line) + ",\n" for line in (
            name, event | {"ts": 1}, event | {"ts": 9 * 10**18})))
        status, out, err = smi("report", "a.json", "--svg", "-")
        self.assertEqual((status, err), (0, ""))
        self.assertLess(len(out), 10000)

    def test_mean_and_peak(self):
        """Weighted by time, and only while the card is there."""
        def at(second, used, *holders):
            lines = f"2026-11-23T05:00:{second:02}Z,pool,0,0000:01:00.0,n150,0,DRAM,{used},1000,,,,,,\n"
            for pid, size, command in holders:
                lines += (f"2026-11-23T05:00:{second:02}Z,process,0,0000:01:00.0,n150,0,DRAM,{size},"
                          f",{pid},u,{command},,buffer,\n")
            return lines

        self.put("a.csv", COLUMNS + at(0, 100, (5, 100, "sh")) + at(1, 400, (5, 400, "python3"))
                 + at(4, 0) + at(6, 900, (5, 300, "other"), (6, 500, "x"))
                 + "2026-11-23T05:00:08Z,notice,,,,,,,,,,,card 0 is gone,,\n"
                 + at(20, 50, (6, 50, "x")) + at(30, 0))
        report = json.loads(smi("report", "a.csv", "--json")[1])
        [pool] = report["cards"][0]["pools"]
        # 1 s of 100, 3 s of 400, 2 s of 0, 2 s of 900, 10 s of 50.
        self.assertEqual(pool["mean"], round((100 + 1200 + 1800 + 500) / 18))
        self.assertEqual((pool["samples"], report["samples"]), (6, 7))
        self.assertEqual((pool["peak"], pool["peak_after"]), (900, 6))
        # What nobody is known to hold is told too, and 5 has come back as another.
        self.assertEqual([(h["pid"], h["command"], h["bytes"]) for h in pool["held_at_peak"]],
                         [(6, "x", 500), (5, "other", 300), (None, None, 100)])
        svg = ElementTree.fromstring(smi("report", "a.csv", "--svg", "-")[1].encode())
        layers = {layer.find(f"{SVG}title").text: layer.get("d")
                  for layer in svg.iter(f"{SVG}path") if "layer" in layer.get("class", "").split()}
        self.assertEqual(layers, {
            "6 x\nuser u\npeak 500 B after 6.0 s, mean 83 B":
                "M152.0 106.0H202.7V200.0H152.0ZM506.7 190.6H760.0V200.0H506.7Z",
            "5 python3\nuser u\npeak 400 B after 1.0 s, mean 72 B":
                "M0.0 181.2H25.3V124.8H101.3V200.0H0.0Z",
            "5 other\nuser u\npeak 300 B after 6.0 s, mean 33 B":
                "M152.0 49.6H202.7V106.0H152.0Z",
            "held by processes that the recording does not tell":
                "M152.0 30.8H202.7V49.6H152.0Z",
        })

    def test_svg(self):
        self.put_machine()
        smi("record", "-l", "60", "-d", "0.01", "-o", "a.csv")
        status, out, err = smi("report", "a.csv", "--svg", "a.svg")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, smi("report", "a.csv")[1])
        svg = ElementTree.fromstring(read("a.svg").encode())
        self.assertEqual(svg.tag, f"{SVG}svg")
        texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]
        for text in ("Memory held on Tenstorrent cards, by process",
                     "Card 0 · n3000000:01:00.0, 1 process told ttmem nothing",
                     "chip 0 DRAM", "chip 0 L1", "chip 1 DRAM", "Nothing held of: chip 1 L1",
                     "11 python3 serve.py", "root, at most 2.64 KiB DRAM",
                     f"12 {SHOWN}", "root, at most 1000 B DRAM, 500 B L1"):
            self.assertIn(text, texts)
        layers = [(layer.get("fill"), layer.find(f"{SVG}title").text.split("\n")[0])
                  for layer in svg.iter(f"{SVG}path") if "layer" in layer.get("class", "").split()]
        shell = ("#0072b2", f"12 {SHOWN}")
        python = ("#e69f00", "11 python3 serve.py")
        self.assertEqual(layers, [shell, python, shell, python])
        if os.path.exists("/usr/bin/xmllint"):
            subprocess.run(["xmllint", "--noout", "a.svg"], check=True)

    def texts(self, *arguments):
        """A picture's texts, and its layers: what they are of, in what colour."""
        status, out, err = smi("report", *arguments, "--svg", "-")
        self.assertEqual((status, err), (0, ""))
        svg = ElementTree.fromstring(out.encode())
        return (["".join(text.itertext()) for text in svg.iter(f"{SVG}text")],
                [(layer.find(f"{SVG}title").text, layer.get("fill"))
                 for layer in svg.iter(f"{SVG}path")
                 if "layer" in layer.get("class", "").split()])

    def held(self, *arguments):
        """What report tells of the first memory's peak, as JSON."""
        status, out, err = smi("report", *arguments, "--json")
        self.assertEqual((status, err), (0, ""))
        report = json.loads(out)
        return report["by"], [
            {key: value for key, value in one.items() if value is not None}
            for one in report["cards"][0]["pools"][0]["held_at_peak"]]

    def test_by_tag(self):
        self.put_machine()
        for name in ("a.csv", "a.json"):
            smi("record", "-l", "60", "-d", "0.01", "-o", name)
            self.assertEqual(self.held(name, "--by=tag"), ("tag", [
                {"tag": "buffer", "bytes": 2500}, {"tag": "trace", "bytes": 500}]))
            status, out, err = smi("report", name, "--by", "tag")
            self.assertEqual((status, err), (0, ""))
            self.assertIn("at its peak of 2.93 KiB after 0.0 s:\n"
                          "      Held  Tag\n"
                          "  2.44 KiB  buffer\n"
                          "     500 B  trace\n", out)
            self.assertEqual(
                [line.split(",", 6)[0::6] for line in smi("report", name, "--by=tag", "--csv")[1]
                 .splitlines() if line.startswith("holder")],
                [["holder", f",{size},,,,,,,{tag},"] for size, tag in (
                    (2500, "buffer"), (500, "trace"), (500, "cb"), (700, "trace"))])
            texts, layers = self.texts(name, "--by=tag")
            self.assertIn("Memory held on Tenstorrent cards, by tag", texts)
            for text in ("buffer", "at most 2.44 KiB DRAM", "trace", "cb", "at most 500 B L1"):
                self.assertIn(text, [text.strip() for text in texts])
            self.assertEqual([title.split("\n")[0] for title, _ in layers],
                             ["buffer", "trace", "cb", "trace"])
            self.assertEqual(smi("report", name, "--by=label"), (1, "", (
                f"ttmem-smi: cannot report on {name}: there is no label in it: ttmem-smi record "
                "--labels records those that may be read\n")))
        # A tag that is not known here is none of those that are.
        self.put("b.csv", read("a.csv").replace(",trace,", ",new,"))
        self.assertEqual(self.held("b.csv", "--by=tag"), ("tag", [
            {"tag": "buffer", "bytes": 2500}, {"bytes": 500}]))
        self.assertIn("     500 B  (tag not known)\n", smi("report", "b.csv", "--by=tag")[1])
        self.assertEqual(smi("report", "--by=chip"), (2, "", (
            "ttmem-smi: report: --by chip: it is process, tag or label. "
            "ttmem-smi report --help tells more\n")))

    def test_tags_over_time(self):
        """A tag that ends is 0 in a trace, and its layer ends in the picture."""
        self.put_machine()
        recorder = self.start("--loop-ms", "5", "-o", "a.json")
        at = self.wait_for("a.json", '"trace":500')
        self.put_clients("0 1 11 0 0 DRAM buffer 1800 2000 2 self python3")
        self.wait_for("a.json", '"held":1800', at)
        self.wait_for("a.json", '"args":{"held":1800,"buffer":1800}')
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=60)
        counters = [event["args"] for event in json.loads(read("a.json"))
                    if event["ph"] == "C" and event["pid"] == 11
                    and event["name"] == "card 0 chip 0 DRAM"]
        self.assertEqual([args for i, args in enumerate(counters)
                          if not i or args != counters[i - 1]], [
            {"held": 2000, "buffer": 1500, "trace": 500},
            {"held": 1800, "buffer": 1800, "trace": 0},
            {"held": 1800, "buffer": 1800}])

    def put_node(self):
        """The module's answers are those of ../host/kernel.c."""
        self.put("dev/tenstorrent/mem/none", "")
        os.symlink("/dev/null", "dev/tenstorrent/mem/0")
        self.put("sys/class/ttmem/ttmem0/dev", "1:3\n")

    def test_labels(self):
        self.put_machine()
        self.put_used(200 << 20, 1 << 20, 0)
        self.put_node()
        self.put_clients(
            f"0 7 11 0 0 DRAM buffer {120 << 20} {120 << 20} 3 self python3",
            f"0 7 11 0 0 L1 cb {1 << 20} {1 << 20} 1 self python3",
            f"0 8 12 0 0 DRAM buffer {80 << 20} {80 << 20} 0 attributed sh")
        for name in ("a.csv", "a.json"):
            status, out, err = smi("record", "--labels", "-l", "60", "-d", "0.01", "-o", name)
            self.assertEqual((status, out, err.count("\n")), (0, "", 1), err)
            # What has no label is told as that, and the rest as not known.
            by, held = self.held(name, "--by=label")
            self.assertEqual(by, "label")
            self.assertEqual(held[1:], [
                {"label": "kv \"cache\", layer 1", "bytes": 104857600},
                {"label": "weights", "bytes": 4096}])
            self.assertEqual(held[0]["label"], "")
            texts, layers = self.texts(name, "--by=label")
            self.assertIn("Memory held on Tenstorrent cards, by label", texts)
            self.assertIn("circular", texts)
            self.assertIn("held by gauge or counter, or under labels that were not read",
                          [title for title, _ in layers])
            # Labels are besides what processes hold.
            self.assertEqual([one["bytes"] for one in self.held(name)[1]], [120 << 20, 80 << 20])
        labels = [row for row in csv.DictReader(io.StringIO(read("a.csv"))) if row["kind"] == "label"]
        self.assertEqual(
            [(row["pid"], row["memory"], row["tag"], row["label"], row["used"]) for row in labels[:4]],
            [("11", "DRAM", "buffer", "kv \"cache\", layer 1", "104857600"),
             ("11", "DRAM", "buffer", "weights", "4096"),
             ("11", "DRAM", "trace", "", "18446744073709551615"),
             ("11", "L1", "cb", "circular", "65536")])

    def test_labels_that_may_not_be_read(self):
        """They are missing, not nothing, and that is told once."""
        self.put_machine()
        self.put_node()
        environment = {**os.environ, "TTMEM_FAKE_ERROR": "13"}
        why = ("the labels of 2 clients cannot be read: only the user of the process and root may")
        status, _, err = smi("record", "--labels", "-l", "0.01", "-d", "0.05", "-o", "a.csv",
                             env=environment)
        self.assertEqual((status, err.splitlines()[:-1]), (0, [f"ttmem-smi: {why}"]))
        rows = list(csv.DictReader(io.StringIO(read("a.csv"))))
        self.assertEqual([row["note"] for row in rows if row["kind"] == "notice"], [why])
        self.assertFalse([row for row in rows if row["kind"] == "label"])
        # So many reservations are not read at all.
        self.put_clients("0 7 11 0 0 DRAM buffer 2000 2000 65537 self python3")
        status, _, err = smi("record", "--labels", "-l", "60", "-d", "0.01", "-o", "b.csv")
        self.assertEqual((status, err.splitlines()[0]), (0, (
            "ttmem-smi: the labels of 1 client are not read: that many reservations would hold up "
            "the samples")))

    def test_capacity(self):
        """The axis tells the capacity, whether or not much of it is used."""
        for used, y in ((900, "12.0"), (150, "12.0"), (2000, "106.0")):
            self.put("a.csv", COLUMNS + "".join(
                f"2026-11-23T05:00:0{second}Z,pool,0,0000:01:00.0,n150,0,DRAM,{used},1000,,,,,,\n"
                for second in range(3)))
            out = smi("report", "a.csv", "--svg", "-")[1]
            svg = ElementTree.fromstring(out.encode())
            [line] = [path for path in svg.iter(f"{SVG}path") if path.get("class") == "capacity"]
            self.assertEqual(line.get("d"), f"M0 {y}H760")
            limit = [(text.text, text.get("x")) for text in svg.iter(f"{SVG}text")
                     if text.get("class") == "tick limit"]
            self.assertEqual(limit, [("1000 B", "-8")])
            self.assertEqual('class="axis break"' in out, used == 150)

    def test_dark(self):
        """What is dark on light is light on dark; no colour stands in an attribute but fills."""
        self.put_machine()
        smi("record", "-d", "0.01", "-o", "a.csv")
        out = smi("report", "a.csv", "--svg", "-")[1]
        style = out[out.index("<style>"):out.index("</style>")]
        light, dark = style.split("@media (prefers-color-scheme: dark) {")

        def colours(text):
            return dict(re.findall(r"^([^\n{]+) \{[^}]*(?:fill|stroke): (#[0-9a-f]+)", text, re.M))

        def luminance(colour):
            colour = colour[1:] if len(colour) == 7 else "".join(c + c for c in colour[1:])
            parts = [int(colour[i:i + 2], 16) / 255 for i in (0, 2, 4)]
            red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
                                for c in parts)
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue

        def contrast(a, b):
            low, high = sorted((luminance(a), luminance(b)))
            return (high + 0.05) / (low + 0.05)

        light, dark = colours(light), colours(dark)
        for theme in (light, dark):
            for name in ("text", ".note, .tick", ".limit", ".notice", ".peak"):
                for ground in (".ground", ".plot"):
                    self.assertGreater(contrast(theme[name], theme[ground]), 4.5, name)
        fills = {f".c{i}": fill for i, fill in enumerate((
            "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
            "#882255", "#9a9a9a"))}
        for name, fill in fills.items():
            self.assertGreater(contrast(dark.get(name, fill), dark[".plot"]), 3, name)
        self.assertEqual(set(re.findall(r'stroke="([^"]*)"', out)), set())
        self.assertLessEqual(set(re.findall(r'fill="(#[^"]*)"', out)), set(fills.values()))

    def test_linear(self):
        """Ten times the processes take about ten times as long, not a hundred times."""
        def used():
            # The sum is exact; what of it is whose, the kernel tells by its ticks.
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime

        def seconds(*arguments):
            before = used()
            subprocess.run([f"{PLAIN}/ttmem-smi", *arguments], check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return used() - before

        def recording(count, at_once):
            rows = [COLUMNS]
            for first in range(0, count, at_once):
                stamp = f"2026-11-23T{first // at_once // 60:02}:{first // at_once % 60:02}:00Z"
                rows.append(f"{stamp},pool,0,b,n150,0,DRAM,{100 * at_once},{10**10},,,,,,\n")
                rows.extend(f"{stamp},process,0,b,n150,0,DRAM,100,,{first + i + 1},u,c {i},,buffer,\n"
                            for i in range(at_once))
            self.put("many.csv", "".join(rows))

        def machine(count):
            self.put_clients(*(f"0 {i} {i} 0 0 DRAM buffer 100 0 1 self x"
                               for i in range(1000, 1000 + count)))

        self.put_machine()
        for name, few, prepare, arguments in (
            ("all at once", 3000, lambda n: recording(n, n), ("report", "many.csv", "--svg", "a.svg")),
            ("one by one", 3000, lambda n: recording(n, 100),
             ("report", "many.csv", "--svg", "a.svg")),
            ("no command line", 2000, machine,
             ("record", "-l", "60", "-d", "0.001", "-o", "-", "--format=trace")),
        ):
            prepare(few)
            short = min(seconds(*arguments) for _ in range(3))
            prepare(10 * few)
            self.assertLess(seconds(*arguments), 30 * short + 0.1, name)

    def test_many(self):
        """More processes than colours, more samples than pixels: the peak stays."""
        rows = [COLUMNS]
        for i in range(3000):
            stamp = f"2026-11-23T0{i // 3600}:{i // 60 % 60:02}:{i % 60:02}Z"
            spike = 10**6 if i == 1234 else 0
            rows.append(f"{stamp},pool,0,b,n150,0,DRAM,{12 * 100 + spike},{10**7},,,,,,\n")
            rows.extend(f"{stamp},process,0,b,n150,0,DRAM,{100 + (spike if pid == 4 else 0)},,{pid},u,c,,cb,\n"
                        for pid in range(1, 13))
        self.put("a.csv", "".join(rows))
        status, out, err = smi("report", "a.csv", "--svg", "-")
        self.assertEqual((status, err), (0, ""))
        svg = ElementTree.fromstring(out.encode())
        texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]
        self.assertIn("4 others", texts)
        self.assertIn("peak 978 KiB (10 %) after 20:34, mean 1.5 KiB, capacity 9.54 MiB", texts)
        layers = [layer for layer in svg.iter(f"{SVG}path") if "layer" in layer.get("class", "").split()]
        self.assertEqual(len({layer.get("fill") for layer in layers}), 9)
        [spike] = [layer for layer in layers if layer.find(f"{SVG}title").text.startswith("4 c\n")]
        # Below the mark of what is left out up to the capacity.
        self.assertIn("V34.2H", spike.get("d"))
        self.assertLess(len(out), 30000)

    def test_files(self):
        self.put_machine()
        self.put("a.csv", "precious")
        status, out, err = smi("record", "-d", "0.01", "-o", "a.csv")
        self.assertEqual((status, out, err.splitlines()[0]),
                         (0, "", "ttmem-smi: what was in a.csv is now in a.csv.old"))
        self.assertEqual(read("a.csv.old"), "precious")
        # In a directory of somebody else's a link may lead anywhere.
        os.symlink("elsewhere", "link.csv")
        self.assertEqual(smi("record", "-d", "0.01", "-o", "link.csv"), (
            1, "", "ttmem-smi: cannot write to link.csv: No such file or directory\n"))
        self.assertFalse(os.path.exists("elsewhere"))
        # A file is not written to by a link, by none of those that write one.
        self.put("elsewhere", "precious")
        refused = "cannot write to link.csv: it is a link to a file; name that file itself\n"
        for command in (["record", "-d", "0.01", "-o", "link.csv"],
                        ["report", "a.csv", "--svg", "link.csv"], ["-f", "link.csv"]):
            self.assertEqual(smi(*command)[::2], (1, "ttmem-smi: " + refused))
        self.assertEqual(read("elsewhere"), "precious")
        self.assertTrue(os.path.islink("link.csv"))
        # What is no file is written to by a link, as a shell's >(...) is one.
        os.symlink("/dev/null", "null.csv")
        for command in (["record", "-d", "0.01", "-o", "null.csv"],
                        ["report", "a.csv", "--svg", "null.csv"], ["-f", "null.csv"]):
            self.assertEqual(smi(*command)[0], 0)
        # A file is written anew, all of it.
        self.put("whole.svg", "x" * 100000)
        self.assertEqual(smi("report", "a.csv", "--svg", "whole.svg")[::2], (0, ""))
        self.assertTrue(read("whole.svg").endswith("</svg>\n"))
        self.assertNotIn("xxx", read("whole.svg"))
        for path, reason in (("none/a.csv", "No such file or directory"),
                             ("sys", "Is a directory")):
            self.assertEqual(smi("record", "-d", "1", "-o", path, ), (
                1, "", f"ttmem-smi: cannot write to {path}: {reason}\n"))
        self.assertEqual(smi("record", "-d", "1", "-o", "/dev/full"), (1, "", (
            "ttmem-smi: cannot write to /dev/full: No space left on device. "
            "0 samples from before are in it\n")))
        # One sample is one.
        def limit_one():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1300, 1300))

        self.assertEqual(smi("record", "-l", "0.01", "-o", "c.csv", preexec_fn=limit_one), (1, "", (
            "ttmem-smi: cannot write to c.csv: File too large. 1 sample from before is in it\n")))
        self.assertTrue(smi("report", "c.csv")[1].startswith("c.csv: 1 sample in 0.0 s, "))
        self.assertIn(", 1 sample. What processes told", smi("report", "c.csv", "--svg", "-")[1])
        # A command goes on, and its failure is told rather than ours.
        self.assertEqual(smi("record", "-o", "/dev/full", "--", "false")[0], 1)

        # A disk that fills in the middle of a sample: what was whole stays.
        sample = (len(read("a.csv").encode()) - len(COLUMNS)) // 2
        room = len(COLUMNS) + sample * 7 // 2

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        status, out, err = smi("record", "-l", "0.01", "-o", "b.csv", preexec_fn=limit)
        self.assertEqual((status, out, err), (1, "", (
            "ttmem-smi: cannot write to b.csv: File too large. 3 samples from before are in it\n")))
        self.assertEqual(timeless(read("b.csv")), [self.expected_rows()])
        report = json.loads(smi("report", "b.csv", "--json")[1])
        self.assertEqual((report["samples"], report["cut"]), (3, False))

    def test_nothing_to_record(self):
        self.put("a.csv", "precious")
        for tree, status, reason in (
            (lambda: None, 9, "TT-KMD, Tenstorrent's driver, is not loaded"),
            (lambda: self.put_card(0, "0000:01:00.0"), 9, "the kernel module ttmem"),
            (lambda: self.put_books(0, 1), 6, "there is no card 5"),
        ):
            tree()
            got, out, err = smi("record", "-i", "5", "-o", "a.csv", "--", "touch", "ran")
            self.assertEqual((got, out), (status, ""), err)
            self.assertIn(reason, err)
        self.assertEqual(read("a.csv"), "precious")
        self.assertFalse(os.path.exists("ran"))

    def test_options(self):
        self.put_machine()
        tells = "ttmem-smi record --help tells more\n"
        for arguments, reason in (
            (("--format", "xml"), "--format xml: it is csv or trace"),
            (("-d", "5x"), "-d 5x: not a time of up to a year, as 90, 90s, 15m, 2h or 1d"),
            (("-d", "0"), "-d 0: not a time of up to a year, as 90, 90s, 15m, 2h or 1d"),
            (("-d", "1", "true"), "-d and a command do not go together: the recording ends when "
                                  "the command does"),
            (("-o", "-", "true"), "-o - and a command do not go together: both would write to "
                                  "standard output"),
            (("-i", "1:2"), "-i 1:2: '1:2' is neither a card's number, nor a bus id as "
                            "0000:01:00.0, nor a board as n300, nor a serial number or UUID"),
            (("-p", "x"), "-p x: 'x' is no process's number"),
        ):
            self.assertEqual(smi("record", *arguments), (
                2, "", f"ttmem-smi: record: {reason}. {tells}"))
        self.assertEqual(smi("report", "a", "b"), (2, "", (
            "ttmem-smi: report: b is one argument too many. ttmem-smi report --help tells more\n")))
        self.assertEqual(smi("report", "--csv", "--json"), (2, "", (
            "ttmem-smi: report: --csv and --json do not go together. "
            "ttmem-smi report --help tells more\n")))
        for name in ("record", "report"):
            status, out, err = smi(name, "--help")
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(out.startswith(f"Usage: ttmem-smi {name} [OPTION...] "), out)
            self.assertLessEqual(max(map(len, out.splitlines())), 80)
            self.assertEqual(smi(name, "--wrong")[0], 2)
        # A process may come yet, and a card may be missing beside others.
        self.assertEqual(smi("record", "-d", "0.01", "-o", "-", "-p", "11,99999")[::2], (0, (
            "ttmem-smi: no process 99999 has a card open or holds memory of one\n")))
        self.assertIn(",,no process 99999 has", smi("record", "-d", "0.01", "-o", "-", "-p", "99999")[1])
        self.assertEqual(smi("record", "-d", "0.01", "-o", "-", "-i", "0,5")[::2], (0, (
            "ttmem-smi: there is no card 5. ttmem-smi -L lists those there are\n")))
        # The format by the name of the file, and what it is called by itself.
        smi("record", "-d", "0.01", "--format=trace")
        json.loads(read("ttmem.json"))
        smi("record", "-d", "0.01")
        self.assertTrue(read("ttmem.csv").startswith(COLUMNS))
        self.assertTrue(smi("report")[1].startswith("ttmem.csv: 2 samples in "))


if __name__ == "__main__":
    support.main()
