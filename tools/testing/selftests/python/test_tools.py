# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-cdi and ttmem-exporter before made-up trees, their outputs whole."""

import contextlib
import errno
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import support
import terminal

TOOLS = os.environ["TTMEM_TOOLS"]
PLAIN_TOOLS = os.environ["TTMEM_PLAIN_TOOLS"]
TREE = os.environ["TTMEM_TREE"]


class Cdi(support.Roots):
    def run_cdi(self, *arguments):
        result = subprocess.run(
            [f"{TOOLS}/ttmem-cdi", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        return result.returncode, result.stdout, result.stderr

    def test_one_card_to_the_letter(self):
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        nodes = """[
          {
            "path":"/dev/tenstorrent/0",
            "permissions":"rw"
          },
          {
            "path":"/dev/tenstorrent/mem/0",
            "permissions":"rw"
          }
        ]"""
        # The card at an address may have another number by then.
        hooks = f""",
        "hooks":[
          {{
            "hookName":"createRuntime",
            "path":"{os.path.realpath(TOOLS)}/ttmem-cdi",
            "args":[
              "ttmem-cdi",
              "--check=0000:01:00.0=0"
            ]
          }}
        ]"""
        devices = ",\n".join(
            f'    {{\n      "name":"{name}",\n      "containerEdits":{{\n'
            f'        "deviceNodes":{nodes}{edits}\n      }}\n    }}'
            for name, edits in (("0", ""), ("0000:01:00.0", hooks), ("all", ""))
        )
        self.assertEqual(self.run_cdi(), (0, (
            '{\n  "cdiVersion":"0.5.0",\n  "kind":"tenstorrent.com/card",\n  "devices":[\n'
            f"{devices}\n  ]\n}}\n"
        ), ""))

    def test_several_cards(self):
        self.put_card(12, "10000:e1:00.1")
        self.put_books(12, 2)
        self.put_card(3, "0000:01:00.0")
        status, out, err = self.run_cdi()
        self.assertEqual((status, err), (0, (
            "ttmem-cdi: card 3 is told without ttmem's node, as ttmem does not follow it: "
            "run modprobe ttmem, then this again\n")))

        def device(name, *paths, check=None):
            edits = {"deviceNodes": [{"path": path, "permissions": "rw"} for path in paths]}
            if check:
                edits["hooks"] = [{
                    "hookName": "createRuntime",
                    "path": f"{os.path.realpath(TOOLS)}/ttmem-cdi",
                    "args": ["ttmem-cdi", f"--check={check}"]}]
            return {"name": name, "containerEdits": edits}

        three = ["/dev/tenstorrent/3"]
        twelve = ["/dev/tenstorrent/12", "/dev/tenstorrent/mem/12"]
        self.assertEqual(json.loads(out), {
            "cdiVersion": "0.5.0",
            "kind": "tenstorrent.com/card",
            "devices": [
                device("3", *three), device("0000:01:00.0", *three, check="0000:01:00.0=3"),
                device("12", *twelve), device("10000:e1:00.1", *twelve, check="10000:e1:00.1=12"),
                device("all", *three, *twelve),
            ],
        })

    def test_into_a_file(self):
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        expected = self.run_cdi()[1]
        self.put("cdi/spec.json", "old")
        self.assertEqual(self.run_cdi("-o", "cdi/spec.json"), (0, "", ""))
        with open("cdi/spec.json") as file:
            self.assertEqual(file.read(), expected)
        self.assertEqual(os.stat("cdi/spec.json").st_mode & 0o777, 0o644)
        self.assertEqual(os.listdir("cdi"), ["spec.json"])
        self.assertEqual(self.run_cdi("--output=a/new//one/spec.json"), (0, "", ""))
        with open("a/new/one/spec.json") as file:
            self.assertEqual(file.read(), expected)
        self.put("a/file", "")
        self.assertEqual(self.run_cdi("--output=a/file/b/spec.json"), (
            1, "", "ttmem-cdi: cannot make the directory a/file/b for a/file/b/spec.json: "
            "Not a directory\n"))
        self.assertEqual(self.run_cdi("--output=a/file/spec.json"), (
            1, "", "ttmem-cdi: cannot create a file in the directory of a/file/spec.json: Not a directory\n"))
        self.put("cdi/directory/file", "")
        self.assertEqual(self.run_cdi("--output=cdi/directory"), (
            1, "", "ttmem-cdi: cannot write cdi/directory: Is a directory\n"))
        self.assertEqual(sorted(os.listdir("cdi")), ["directory", "spec.json"])

    def test_ended_at_work(self):
        """As by systemd, when the next card comes: the old file or the new, and nothing else."""
        self.put_card(0, "0000:01:00.0")
        expected = self.run_cdi()[1]
        self.put("cdi/spec.json", "old")
        killed = 0
        for i in range(60):
            process = subprocess.Popen([f"{TOOLS}/ttmem-cdi", "-o", "cdi/spec.json"],
                                       stderr=subprocess.DEVNULL)
            time.sleep(i / 1000)
            process.terminate()
            killed += process.wait() != 0
            self.assertEqual(os.listdir("cdi"), ["spec.json"])
            with open("cdi/spec.json") as file:
                self.assertIn(file.read(), ("old", expected))
        self.assertGreater(killed, 0)

    def test_renumbered(self):
        """An address never gives another card away."""
        self.put_card(0, "0000:01:00.0")
        self.put_card(1, "10000:e1:00.1")
        again = "Write the CDI specification again with ttmem-cdi -o\n"
        for check, status, err in (
            ("0000:01:00.0=0", 0, ""), ("01:00.0=0", 0, ""), ("10000:e1:00.1=1", 0, ""),
            ("0000:01:00.0=1", 1, "the card at 0000:01:00.0 has the number 0 now, not 1 as when "
             "the CDI specification was written. Write that again with ttmem-cdi -o\n"),
            ("0000:02:00.0=0", 1, "there is no card at 0000:02:00.0 (any more): ttmem-smi -L lists "
             f"those there are. {again}"),
        ):
            self.assertEqual(self.run_cdi(f"--check={check}"), (
                status, "", err and f"ttmem-cdi: {err}"))
        for wrong in ("", "0", "0=0", "=0", "0000:01:00.0", "0000:01:00.0=", "0000:01:00.0=x",
                      "0000:01:00.0=-1", "0000:01:00.0=4294967296", "a:b:c=0", "1" * 600 + ":=0"):
            self.assertEqual(self.run_cdi("-c", wrong), (
                2, "", f"ttmem-cdi: --check {wrong}: this is no PCI address and number as "
                "0000:01:00.0=0\n"))

    def test_no_card_left(self):
        """-r: a file that tells of cards which are gone goes too."""
        os.makedirs("sys/class/tenstorrent")
        for _ in range(2):
            self.assertEqual(self.run_cdi("-r", "-o", "cdi/spec.json"), (0, "", ""))
            self.put("cdi/spec.json", "old")
        self.assertEqual(self.run_cdi("-r", "-o", "cdi/spec.json"), (0, "", ""))
        self.assertEqual(os.listdir("cdi"), [])
        # TT-KMD was unloaded.
        self.put("cdi/spec.json", "old")
        os.rmdir("sys/class/tenstorrent")
        self.assertEqual(self.run_cdi("--remove", "-o", "cdi/spec.json"), (0, "", ""))
        self.assertEqual(os.listdir("cdi"), [])
        # What cannot be read is not taken for none.
        self.put("cdi/spec.json", "old")
        self.put("sys/class/tenstorrent", "")
        self.assertEqual(self.run_cdi("-r", "-o", "cdi/spec.json")[0], 1)
        self.assertEqual(os.listdir("cdi"), ["spec.json"])

    def test_a_full_disk(self):
        self.put_card(0, "0000:01:00.0")
        result = subprocess.run(
            f"{TOOLS}/ttmem-cdi > /dev/full", shell=True, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.splitlines()[-1],
                         "ttmem-cdi: cannot write: No space left on device")

    def test_nothing_to_tell(self):
        self.assertEqual(self.run_cdi(), (1, "", (
            "ttmem-cdi: no such card: ls /sys/class/tenstorrent shows those there are; if there "
            "are none, is TT-KMD loaded (modprobe tenstorrent)?\n")))
        os.makedirs("sys/class/tenstorrent")
        self.put("old.json", "old")
        self.assertEqual(self.run_cdi("-o", "old.json"), (1, "", (
            "ttmem-cdi: TT-KMD is loaded and drives no card, and a CDI specification needs one. "
            "lspci -d 1e52: shows the cards that the machine sees\n")))
        with open("old.json") as file:
            self.assertEqual(file.read(), "old")

    def test_options(self):
        self.assertEqual(self.run_cdi("--version"), (0, "ttmem-cdi 0.1.0 (CDI 0.5.0)\n", ""))
        status, out, err = self.run_cdi("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("Usage: ttmem-cdi [-o FILE [-r]]\n"), out)
        for arguments, why in (
            (("-o", ""), "the name of the file of -o is empty"),
            (("-r",), "-r says what to do with the file of -o, which is not given"),
            (("-o", "x", "-c", "0000:01:00.0=0"), "-c writes nothing: there is no -o with it"),
        ):
            self.assertEqual(self.run_cdi(*arguments), (
                2, "", f"ttmem-cdi: {why}. ttmem-cdi --help tells more\n"))
        self.assertEqual(self.run_cdi("0"), (2, "", (
            "ttmem-cdi: '0' is one argument too many. ttmem-cdi --help tells more\n")))
        status, out, err = self.run_cdi("--wrong")
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(err.endswith("ttmem-cdi: ttmem-cdi --help tells more\n"), err)


PAGE = """\
# HELP ttmem_exporter_info This exporter, 1.
# TYPE ttmem_exporter_info gauge
ttmem_exporter_info{version="0.1.0"} 1
# HELP ttmem_up Whether TT-KMD and ttmem are loaded, 1 or 0.
# TYPE ttmem_up gauge
ttmem_up 1
# HELP ttmem_module_info The module ttmem, 1.
# TYPE ttmem_module_info gauge
ttmem_module_info{version="0.1.0"} 1
# HELP ttmem_card_info A card that TT-KMD drives, 1. The label board is empty while TT-KMD does not tell it.
# TYPE ttmem_card_info gauge
ttmem_card_info{card="0",address="0000:01:00.0",board="n300"} 1
ttmem_card_info{card="3",address="10000:e1:00.0",board=""} 1
ttmem_card_info{card="31",address="0000:02:00.0",board=""} 1
# HELP ttmem_capacity_bytes What a memory of a chip has, in bytes; not there where it is not known.
# TYPE ttmem_capacity_bytes gauge
ttmem_capacity_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM"} 12884901888
ttmem_capacity_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1"} 95944704
# HELP ttmem_used_bytes What of it processes hold, in bytes.
# TYPE ttmem_used_bytes gauge
ttmem_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM"} 209715200
ttmem_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1"} 0
ttmem_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="DRAM"} 0
ttmem_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1"} 4096
ttmem_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="DRAM"} 18446744073709551615
ttmem_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1"} 0
# HELP ttmem_tag_used_bytes What is held of a memory by what it is for, in bytes.
# TYPE ttmem_tag_used_bytes gauge
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",tag="buffer"} 157286390
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1",tag="buffer"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",tag="trace"} 52428800
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",tag="system"} 10
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1",tag="l1_small"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1",tag="cb"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1",tag="system"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="DRAM",tag="buffer"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",tag="buffer"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="DRAM",tag="trace"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="DRAM",tag="system"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",tag="l1_small"} 0
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",tag="cb"} 5000
ttmem_tag_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",tag="system"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="DRAM",tag="buffer"} 18446744073709551615
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1",tag="buffer"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="DRAM",tag="trace"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="DRAM",tag="system"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1",tag="l1_small"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1",tag="cb"} 0
ttmem_tag_used_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1",tag="system"} 0
# HELP ttmem_peak_bytes Highest ttmem_used_bytes since ttmem was loaded or root restarted it.
# TYPE ttmem_peak_bytes gauge
ttmem_peak_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM"} 300000000
ttmem_peak_bytes{card="0",address="0000:01:00.0",chip="0",memory="L1"} 0
ttmem_peak_bytes{card="0",address="0000:01:00.0",chip="1",memory="DRAM"} 0
ttmem_peak_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1"} 5000
ttmem_peak_bytes{card="3",address="10000:e1:00.0",chip="0",memory="DRAM"} 18446744073709551615
ttmem_peak_bytes{card="3",address="10000:e1:00.0",chip="0",memory="L1"} 0
# HELP ttmem_card_peak_bytes The same for all chips of a card together, which is not the sum of their peaks.
# TYPE ttmem_card_peak_bytes gauge
ttmem_card_peak_bytes{card="0",address="0000:01:00.0",memory="DRAM"} 300000001
ttmem_card_peak_bytes{card="0",address="0000:01:00.0",memory="L1"} 5001
ttmem_card_peak_bytes{card="3",address="10000:e1:00.0",memory="DRAM"} 0
ttmem_card_peak_bytes{card="3",address="10000:e1:00.0",memory="L1"} 0
# HELP ttmem_reservations How many reservations are held.
# TYPE ttmem_reservations gauge
ttmem_reservations{card="0",address="0000:01:00.0",chip="0"} 12
ttmem_reservations{card="0",address="0000:01:00.0",chip="1"} 0
ttmem_reservations{card="3",address="10000:e1:00.0",chip="0"} 0
# HELP ttmem_denied_total How many reservations were refused, as the memory was full or a limit was reached.
# TYPE ttmem_denied_total counter
ttmem_denied_total{card="0",address="0000:01:00.0",chip="0"} 0
ttmem_denied_total{card="0",address="0000:01:00.0",chip="1"} 7
ttmem_denied_total{card="3",address="10000:e1:00.0",chip="0"} 0
# HELP ttmem_clients How many clients, open files of the card's node, hold something.
# TYPE ttmem_clients gauge
ttmem_clients{card="0",address="0000:01:00.0"} 5
ttmem_clients{card="3",address="10000:e1:00.0"} 0
# HELP ttmem_card_temperature_celsius A card's temperature; like the next three not there where TT-KMD does not tell it.
# TYPE ttmem_card_temperature_celsius gauge
ttmem_card_temperature_celsius{card="0",address="0000:01:00.0"} 45.050
ttmem_card_temperature_celsius{card="31",address="0000:02:00.0"} -0.500
# HELP ttmem_card_power_watts What a card takes.
# TYPE ttmem_card_power_watts gauge
ttmem_card_power_watts{card="0",address="0000:01:00.0"} 36.400001
# HELP ttmem_card_power_limit_watts What a card may take.
# TYPE ttmem_card_power_limit_watts gauge
ttmem_card_power_limit_watts{card="0",address="0000:01:00.0"} 160.000000
# HELP ttmem_card_clock_hertz The clock of a card's chips.
# TYPE ttmem_card_clock_hertz gauge
ttmem_card_clock_hertz{card="0",address="0000:01:00.0"} 1000000000
ttmem_card_clock_hertz{card="3",address="10000:e1:00.0"} 0
# HELP ttmem_process_used_bytes Bytes that a process holds. Those that are not visible from here have no pid; what is beyond --max-processes is in pid other.
# TYPE ttmem_process_used_bytes gauge
ttmem_process_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="1234",command="python3",user="root",cgroup="/kubepods/pod1/c1",pod_uid="",container_id="",source="self"} 104857600
ttmem_process_used_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",pid="1234",command="python3",user="root",cgroup="/kubepods/pod1/c1",pod_uid="",container_id="",source="self"} 4096
ttmem_process_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="",command="-",user="54321",cgroup="",pod_uid="",container_id="",source="self"} 100000000
ttmem_process_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="77",command="a \\"b\\" \\\\ �� é � ���",user="54321",cgroup="/docker/\\"x\\\\",pod_uid="",container_id="",source="attributed"} 4000000
ttmem_process_used_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="other",command="",user="",cgroup="",pod_uid="",container_id="",source=""} 857600
# HELP ttmem_process_peak_bytes The most that a process has held, of its open files added up; told of those that have a pid and are named.
# TYPE ttmem_process_peak_bytes gauge
ttmem_process_peak_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="1234",command="python3",user="root",cgroup="/kubepods/pod1/c1",pod_uid="",container_id="",source="self"} 112428800
ttmem_process_peak_bytes{card="0",address="0000:01:00.0",chip="1",memory="L1",pid="1234",command="python3",user="root",cgroup="/kubepods/pod1/c1",pod_uid="",container_id="",source="self"} 4096
ttmem_process_peak_bytes{card="0",address="0000:01:00.0",chip="0",memory="DRAM",pid="77",command="a \\"b\\" \\\\ �� é � ���",user="54321",cgroup="/docker/\\"x\\\\",pod_uid="",container_id="",source="attributed"} 4000000
# HELP ttmem_processes_other How many processes pid other is the sum of.
# TYPE ttmem_processes_other gauge
ttmem_processes_other{card="0",address="0000:01:00.0"} 2
ttmem_processes_other{card="3",address="10000:e1:00.0"} 0
# HELP ttmem_silent_processes Processes that have the card open and of which nothing is told, so that more of it is used than ttmem_used_bytes.
# TYPE ttmem_silent_processes gauge
# HELP ttmem_metald_up Whether ttmem-metald, which tells of unmodified programs, runs, 1 or 0.
# TYPE ttmem_metald_up gauge
ttmem_metald_up 0
# HELP ttmem_unplaced_bytes Bytes that processes count for chips which ttmem-metald cannot place; see ttmem-metald --chips.
# TYPE ttmem_unplaced_bytes gauge
# HELP ttmem_read_errors_total How often this exporter failed to read something and left it out.
# TYPE ttmem_read_errors_total counter
ttmem_read_errors_total 0
"""

DOWN = """\
# HELP ttmem_exporter_info This exporter, 1.
# TYPE ttmem_exporter_info gauge
ttmem_exporter_info{version="0.1.0"} 1
# HELP ttmem_up Whether TT-KMD and ttmem are loaded, 1 or 0.
# TYPE ttmem_up gauge
ttmem_up 0
# HELP ttmem_read_errors_total How often this exporter failed to read something and left it out.
# TYPE ttmem_read_errors_total counter
ttmem_read_errors_total 0
"""


class Exporter(support.Roots):
    def start(self, *arguments, tools=TOOLS):
        return support.Exporter(f"{tools}/ttmem-exporter", *arguments)

    def put_machine(self):
        self.put_card(0, "0000:01:00.0")
        self.put_card(3, "10000:e1:00.0")
        self.put_card(31, "0000:02:00.0")
        self.put("sys/class/tenstorrent/tenstorrent!0/tt_card_type", "n300\n")
        self.put_books(
            0, 2, clients=5, dram_peak=300000001, l1_peak=5001,
            chip0_dram_total=12884901888, chip0_dram_used=209715200, chip0_dram_peak=300000000,
            chip0_dram_trace_used=52428800, chip0_dram_system_used=10, chip1_l1_cb_used=5000,
            chip0_reservations=12, chip1_l1_total=95944704, chip1_l1_used=4096,
            chip1_l1_peak=5000, chip1_denied=7)
        for card, address, file, value in (
            (0, "0000:01:00.0", "temp1_input", 45050), (0, "0000:01:00.0", "power1_input", 36400001),
            (0, "0000:01:00.0", "power1_max", 160000000), (31, "0000:02:00.0", "temp1_input", -500),
        ):
            self.put(f"sys/devices/pci/{address}/hwmon/hwmon{card}/{file}", f"{value}\n")
        self.put("sys/class/tenstorrent/tenstorrent!0/tt_aiclk", "1000\n")
        self.put("sys/class/tenstorrent/tenstorrent!3/tt_aiclk", "0\n")
        self.put_books(3, 1, chip0_dram_used=2**64 - 1, chip0_dram_peak=2**64 - 1)
        self.put_clients(
            # Two clients of a process, two tags, two chips.
            "0 1 1234 0 0 DRAM buffer 52428800 60000000 1 self python3",
            "0 2 1234 0 1 L1 cb 4096 4096 0 self python3",
            "0 2 1234 0 0 DRAM trace 52428800 52428800 1 self python3",
            # Two that are not visible, of one user.
            "0 3 0 54321 0 DRAM buffer 60000000 60000000 1 self -",
            "0 4 0 54321 0 DRAM buffer 40000000 40000000 1 self -",
            # Whatever a command may be: the escapes of text and of UTF-8, and what is none.
            b'0 5 77 54321 0 DRAM buffer 4000000 4000000 0 attributed a "b" \\134 \\012\\033 \xc3\xa9 \xff \xed\xa0\x80',
            # Beyond --max-processes.
            "0 6 78 0 0 DRAM buffer 857599 857599 1 self x",
            "0 7 79 0 0 DRAM buffer 1 1 1 self y",
        )
        self.put("proc/1234/cgroup", "0::/kubepods/pod1/c1\n")
        self.put("proc/77/cgroup", '12:cpuset:/no\n4:memory:/docker/"x\\\n0::/unified\n')

    def test_page(self):
        self.put_machine()
        with self.start("--max-processes", "3") as exporter:
            status, headers, body = exporter.get()
            self.assertEqual(status, 200)
            self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertEqual(headers["Connection"], "close")
            self.assertEqual(body, PAGE)
            self.assertEqual(exporter.get("/metrics?a=b")[2], PAGE)
        result = subprocess.run(
            [f"{support.PROMETHEUS}/promtool", "check", "metrics"], input=body, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_the_most_processes(self):
        self.put_machine()
        samples = re.compile(r'^ttmem_process_used_bytes\{card="0".*pid="(.*?)".*\} (\d+)$', re.M)
        for most, pids in (
            (0, ["other", "other"]), (1, ["1234", "1234", "other"]),
            (4, ["1234", "1234", "", "77", "78", "other"]),
            (5, ["1234", "1234", "", "77", "78", "79"]),
            (10000, ["1234", "1234", "", "77", "78", "79"]),
        ):
            with self.subTest(most), self.start("-n", str(most)) as exporter:
                found = samples.findall(exporter.page())
                self.assertEqual([pid for pid, _ in found], pids)
                self.assertEqual(sum(int(held) for _, held in found), 209715200 + 4096)

    def test_not_loaded(self):
        with self.start() as exporter:
            self.assertEqual(exporter.page(), DOWN)
            self.put_card(0, "0000:01:00.0")
            self.assertEqual(exporter.page(), DOWN)
            self.put_books(0, 1)
            self.assertIn('\nttmem_used_bytes{card="0",', exporter.page())

    def test_same_labels(self):
        """Two users of one name, and one whose name is a number: no sample stands there twice."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 2)
        for uid, name in ((1000, "ann"), (1001, "bob"), (1002, "ann"), (1003, "1004")):
            self.put(f"users/{uid}", name)
        self.put_clients(
            "0 1 0 1000 0 DRAM buffer 100 100 1 self -",
            "0 2 0 1001 0 DRAM buffer 60 60 1 self -",
            "0 3 0 1002 0 DRAM buffer 30 30 1 self -",
            "0 3 0 1002 1 L1 cb 5 5 1 self -",
            "0 4 0 1000 1 L1 cb 3 3 1 attributed -",
            "0 5 0 1003 0 DRAM buffer 20 20 1 self -",
            "0 6 0 1004 0 DRAM buffer 4 4 1 self -",
            # Two sources that are too new to be known.
            "0 7 7 0 0 DRAM buffer 2 2 1 later x",
            "0 8 7 0 0 DRAM buffer 1 1 1 sooner x")
        sample = re.compile(r'^ttmem_process_used_bytes\{.*chip="(\d)",memory="(\w+)",pid="(\w*)",'
                            r'.*user="(\w*)",.*,source="(\w*)"\} (\d+)$', re.M)
        everything = [
            ("0", "DRAM", "", "ann", "self", "130"), ("1", "L1", "", "ann", "self", "5"),
            ("1", "L1", "", "ann", "attributed", "3"), ("0", "DRAM", "", "bob", "self", "60"),
            ("0", "DRAM", "", "1004", "self", "24"), ("0", "DRAM", "7", "root", "", "3")]
        self.put("users/0", "root")
        os.environ["TTMEM_FAKE_USERS"] = "users"
        self.addCleanup(os.environ.pop, "TTMEM_FAKE_USERS")
        for most, expected, processes in (
            (20, everything, 0), (4, everything, 0),
            # Those that are named are looked for no more once there are enough.
            (2, [("0", "DRAM", "", "ann", "self", "100"),
                 ("1", "L1", "", "ann", "attributed", "3"),
                 ("0", "DRAM", "", "bob", "self", "60"),
                 ("0", "DRAM", "other", "", "", "57"), ("1", "L1", "other", "", "", "5")], 4),
            (1, [("0", "DRAM", "", "ann", "self", "100"),
                 ("1", "L1", "", "ann", "attributed", "3"),
                 ("0", "DRAM", "other", "", "", "117"), ("1", "L1", "other", "", "", "5")], 5),
        ):
            with self.subTest(most), self.start("-n", str(most)) as exporter:
                page = exporter.page()
                self.assertEqual(sample.findall(page), expected)
                self.assertIn("\nttmem_processes_other{card=\"0\",address=\"0000:01:00.0\"} "
                              f"{processes}\n", page)
                labels = re.findall(r"^(\w+(?:\{.*\})?) \d+$", page, re.M)
                self.assertEqual(len(labels), len(set(labels)))

    def test_containers(self):
        """Which pod and container a process is in, and that nobody can pretend to be in one."""
        pod = "0b6e0e3c-94a2-4cd9-b41c-7d1b0c6a8e21"
        pod_ = pod.replace("-", "_")
        static = "3c8ee7b6fe4ec9a4b0d5e5d3f5b77c94"
        a, b = "0123456789abcdef" * 4, "f" * 64
        slices = "/kubepods.slice/kubepods-burstable.slice"
        users = "/user.slice/user-1000.slice/user@1000.service"
        groups = (
            # The kubelet's systemd driver: containerd, CRI-O, crun, Docker; guaranteed; a static pod.
            (f"{slices}/kubepods-burstable-pod{pod_}.slice/cri-containerd-{a}.scope", pod, a),
            (f"{slices}/kubepods-burstable-pod{pod_}.slice/crio-{a}.scope/container", pod, a),
            (f"/kubepods.slice/kubepods-pod{pod_}.slice/docker-{a}.scope", pod, a),
            (f"/kubepods.slice/kubepods-pod{static}.slice/crio-{a}.scope", static, a),
            (f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{pod_}.slice/"
             f"cri-containerd-{a}.scope", pod, a),
            (f"/system.slice/containerd.service/kubepods-burstable-pod{pod_}.slice:cri-containerd:{a}",
             pod, a),
            # Its cgroupfs driver.
            (f"/kubepods/burstable/pod{pod}/{a}", pod, a),
            (f"/kubepods/besteffort/pod{pod}/crio-{a}", pod, a),
            (f"/kubepods/pod{pod}/{a}/system.slice/x.service", pod, a),
            (f"/k/kubepods/pod{static}/{a}", static, a),
            # Seen from a container with a namespace of control groups.
            (f"/../../kubepods-besteffort-pod{pod_}.slice/cri-containerd-{a}.scope", pod, a),
            (f"/../../pod{pod}/{a}", pod, a),
            (f"/../{a}", "", a),
            # Without Kubernetes.
            (f"/docker/{a}", "", a),
            (f"/system.slice/docker-{a}.scope", "", a),
            (f"/machine.slice/libpod-{a}.scope/container", "", a),
            (f"/machine.slice/machine-libpod_pod_{b}.slice/libpod-{a}.scope", "", a),
            (f"/libpod_parent/libpod-{a}", "", a),
            (f"{users}/user.slice/libpod-{a}.scope/container", "", a),
            (f"/system.slice/nerdctl-{a}.scope", "", a),
            # What a container makes below itself is not what it is in.
            (f"{slices}/kubepods-burstable-pod{pod_}.slice/crio-{a}.scope/kubepods/pod{static}/{b}",
             pod, a),
            (f"/docker/{a}/kubepods/burstable/pod{pod}/{b}", "", a),
            # What a user or a service makes is no pod.
            (f"{users}/kubepods.slice/kubepods-pod{pod_}.slice/crio-{a}.scope", "", a),
            (f"{users}/kubepods/pod{pod}/{a}", "", a),
            (f"/user.slice/user-1000.slice/session-1.scope/kubepods/pod{pod}/{a}", "", ""),
            (f"/system.slice/ci.service/kubepods/pod{pod}/{a}", "", ""),
            (f"/lxc.payload.x/kubepods/pod{pod}/{a}", "", ""),
            (f"/pod{pod}/x", "", ""),
            # Nearly.
            (f"/docker/{a[1:]}", "", ""), (f"/docker/{a}0", "", ""), (f"/docker/{a.upper()}", "", ""),
            (f"/docker/x{a}", "", ""), (f"/docker/{a}.scope.d", "", ""),
            (f"/kubepods/pod{pod}0/x", "", ""), (f"/kubepods/pod{pod[1:]}/x", "", ""),
            (f"/kubepods/podz{pod[1:]}/x", "", ""), ("/kubepods/pod/x", "", ""),
            (f"/kubepods-pod{pod_}.slice.d", "", ""), ("/kubepods:", "", ""), (":", "", ""),
            ("/.slice", "", ""), ("/kubepods", "", ""), ("/", "", ""), ("", "", ""),
            ("/kubepods.slice:", "", ""), ("/-pod.slice", "", ""), ("/kubepods-pod.slice", "", ""),
        )
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        clients, lines = [], []
        for i, (path, uid, container) in enumerate(groups):
            clients.append(f"0 {i + 1} {i + 1} 0 0 DRAM buffer {1000 - i} 1000 1 self x")
            # Half of them on a machine with the older hierarchy.
            self.put(f"proc/{i + 1}/cgroup", f"0::{path}\n" if i % 2 else
                     f"9:cpu,cpuacct:/\n4:memory:{path}\n1:name=systemd:/init.scope\n0::/\n")
            lines.append(f'pid="{i + 1}",command="x",user="root",cgroup="{path}",pod_uid="{uid}",'
                         f'container_id="{container}"')
        self.put_clients(*clients)
        with self.start("-n", "100") as exporter:
            page = exporter.page()
        found = re.findall(r'^ttmem_process_used_bytes\{.*(pid=.*),source="self"\}', page, re.M)
        self.assertEqual(found, lines)

    def test_long_groups(self):
        """A label has an end, at the end of a character; what is in it is found all the same."""
        a = "0123456789abcdef" * 4
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        self.put_clients(*(f"0 {i} {i} 0 0 DRAM buffer {9 - i} 9 1 self x" for i in range(1, 5)))
        self.put("proc/1/cgroup", "0::/" + "a" * 510 + "\n")
        self.put("proc/2/cgroup", "0::/" + "a" * 511 + "\n")
        self.put("proc/3/cgroup", "0::/" + "a" * 509 + "\u20ac" * 1000 + f"/libpod-{a}.scope\n")
        os.makedirs("proc/4/cgroup")
        with self.start() as exporter:
            page = exporter.page()
        self.assertEqual(
            re.findall(r'^ttmem_process_used_bytes\{.*pid="(\d)".*cgroup="(.*?)",.*'
                       r'container_id="(.*?)"', page, re.M),
            [("1", "/" + "a" * 510, ""), ("2", "/" + "a" * 510, ""), ("3", "/" + "a" * 509, a),
             ("4", "", "")])
        # What could not be read is not taken for none.
        self.assertTrue(page.endswith("\nttmem_read_errors_total 1\n"))

    def test_sensors_that_cannot_be_read(self):
        self.put_card(0, "0000:01:00.0")
        self.put("sys/devices/pci/0000:01:00.0/hwmon/hwmon0/temp1_input", "hot\n")
        self.put("sys/devices/pci/0000:01:00.0/hwmon/hwmon0/power1_input", "1000000\n")
        self.put_books(0, 1)
        with self.start() as exporter:
            page = exporter.page()
        self.assertNotIn("\nttmem_card_temperature_celsius{", page)
        self.assertIn('\nttmem_card_power_watts{card="0",address="0000:01:00.0"} 1.000000\n', page)
        self.assertTrue(page.endswith("\nttmem_read_errors_total 1\n"))

    def test_what_cannot_be_read(self):
        """It is left out and counted; what goes with its card is not."""
        self.put_card(0, "0000:01:00.0")
        self.put_card(1, "0000:02:00.0")
        self.put_books(0, 1)
        self.put_books(1, 1)
        self.put(support.LIST, "nonsense\n")
        why = ("the module ttmem answered in a form that this version of libttmem does not know: "
               "update libttmem")
        self.put("sys/class/ttmem/ttmem1/chip0/l1_used", "much\n")
        with self.start() as exporter:
            for count in (2, 4):
                page = exporter.page()
                self.assertTrue(page.endswith(f"\nttmem_read_errors_total {count}\n"), page)
                self.assertIn('\nttmem_used_bytes{card="0",', page)
                self.assertNotIn("\nttmem_process_used_bytes{", page)
                self.assertNotIn("\nttmem_processes_other{", page)
                self.assertIn('\nttmem_card_info{card="1",', page)
                self.assertNotIn('\nttmem_used_bytes{card="1",', page)
            self.put_clients()
            os.unlink("sys/class/ttmem/ttmem1/clients")
            page = exporter.page()
            self.assertTrue(page.endswith("\nttmem_read_errors_total 4\n"))
            self.assertIn('\nttmem_processes_other{card="0",', page)
            # As in a /proc with subset=pid; told once.
            os.unlink(support.LIST)
            exporter.page()
            self.assertTrue(exporter.page().endswith("\nttmem_read_errors_total 6\n"))
            gone = ("ttmem is loaded, but its list of clients is not in this /proc: it is mounted "
                    "with subset=pid, or covered; look from where all of /proc is seen")
            exporter.says = "".join(
                f"ttmem-exporter: processes are left out: {text}\n" for text in (why, gone))

    def test_silent_processes(self):
        """A card that somebody uses and tells nothing of is shown, and why."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1)
        self.put_card(3, "10000:e1:00.0")
        self.put_books(3, 1)
        self.put_clients("0 1 1234 0 0 DRAM buffer 100 300 1 self serve",
                         "0 2 77 0 0 L1 cb 10 30 0 attributed ttnn")
        self.put("proc/driver/tenstorrent/0/pids", "1234\n77\n4321\n4322\n4322\n0\n")
        self.put("proc/driver/tenstorrent/3/pids", "1234\n")
        silent = re.compile(r'^ttmem_silent_processes\{card="(\d)",.*reason="(.*)"\} (\d+)$', re.M)
        with self.start() as exporter:
            page = exporter.page()
            self.assertEqual(silent.findall(page), [
                ("0", "metald_not_running", "3"), ("3", "metald_not_running", "1")])
            self.assertIn("\nttmem_metald_up 0\n", page)

            state = {"schema": 1, "time": 1764000000, "interval": 0.1, "unplaced_bytes": 5,
                     "cards": [{"card": 0, "silent": {"disabled": 2, "limit": 1}}]}
            self.put("run/metald.json", json.dumps(state))
            page = exporter.page()
            told = silent.findall(page)
            self.assertEqual([t for t in told if t[2] != "0"], [
                ("0", "disabled", "2"), ("0", "limit", "1"), ("3", "metald_not_running", "1")])
            self.assertEqual(len(told), len(set(told)))
            self.assertIn("\nttmem_metald_up 1\n", page)
            self.assertIn("\nttmem_unplaced_bytes 5\n", page)

            # What is not understood is no word at all, and an error.
            self.put("run/metald.json", "{")
            page = exporter.page()
            self.assertEqual(silent.findall(page)[0], ("0", "other", "3"))
            self.assertNotIn("\nttmem_metald_up ", page)
            self.assertNotIn("\nttmem_unplaced_bytes ", page)
            self.assertTrue(page.endswith("\nttmem_read_errors_total 1\n"))

            # Nobody can tell: no sample, and an error.
            os.unlink("run/metald.json")
            os.unlink("proc/driver/tenstorrent/0/pids")
            os.mkdir("proc/driver/tenstorrent/0/pids")
            page = exporter.page()
            self.assertEqual(silent.findall(page), [("3", "metald_not_running", "1")])
            self.assertTrue(page.endswith("\nttmem_read_errors_total 2\n"))

    def test_who_holds_nothing(self):
        """He has peaks and is no user; one that is told of twice is two series."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 2)
        self.put_clients(
            "0 1 5 0 0 DRAM - 0 70 0 self idle",
            "0 2 5 0 0 DRAM - 0 7 0 self idle",
            "0 3 0 0 0 DRAM - 0 9 0 self -",
            "0 4 6 0 1 L1 cb 30 40 0 attributed both",
            "0 4 6 0 1 L1 buffer 1 40 0 attributed both",
            "0 5 6 0 1 L1 buffer 2 3 1 self both",
            f"0 6 6 0 0 DRAM buffer {2**64 - 1} {2**64 - 1} 1 later both",
            f"0 7 6 0 0 DRAM buffer 1 1 1 later both",
            "1 8 6 0 0 DRAM buffer 1 1 1 self elsewhere")
        sample = re.compile(r'^ttmem_process_(\w+?)_bytes\{.*chip="(\d)",memory="(\w+)",pid="(\d*)".*'
                            r',source="(\w*)"\} (\d+)$', re.M)
        most = str(2**64 - 1)
        both = [("0", "DRAM", "6", "", most), ("1", "L1", "6", "self", "2"),
                ("1", "L1", "6", "attributed", "31")]
        peaks = [("0", "DRAM", "6", "", most), ("1", "L1", "6", "self", "3"),
                 ("1", "L1", "6", "attributed", "40")]
        for number, idle in ((20, [("0", "DRAM", "5", "self", "77")]), (1, [])):
            with self.subTest(number), self.start("-n", str(number)) as exporter:
                page = exporter.page()
                self.assertEqual(
                    sample.findall(page),
                    [("used", *s) for s in both] + [("peak", *s) for s in peaks + idle])
                # Those left out hold nothing.
                self.assertIn('\nttmem_processes_other{card="0",address="0000:01:00.0"} 0\n', page)

    def test_paths_and_methods(self):
        with self.start() as exporter:
            self.assertEqual(exporter.get("/")[::2], (200, (
                "<!DOCTYPE html>\n<title>ttmem-exporter</title>\n"
                "<h1>ttmem-exporter 0.1.0</h1>\n<p><a href=\"/metrics\">Metrics</a>\n")))
            for path in ("/metrics/", "/metric", "//metrics", "/../metrics", "/favicon.ico"):
                self.assertEqual(
                    exporter.get(path)[::2], (404, "Not here; the metrics are at /metrics\n"))
            status, headers, body = exporter.get(method="HEAD")
            self.assertEqual((status, body), (200, ""))
            self.assertEqual(headers["Content-Length"], str(len(DOWN)))
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
                status, headers, body = exporter.get(method=method)
                self.assertEqual(
                    (status, headers["Allow"], body), (405, "GET, HEAD", "Only GET and HEAD\n"))

    def test_malformed_and_huge(self):
        """Whatever is sent, the next one is served, and nothing stays behind."""
        head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
        with self.start() as exporter:
            # Which of these depends on the version of libmicrohttpd, and on how much of it
            # came at once; None is an end without an answer.
            refused = {None, 400, 405, 413, 414, 431, 505}
            for request, statuses in (
                (b"", refused),
                (b"\r\n" * 10000, refused),
                (b"\0" * 20000, refused),
                (os.urandom(1 << 16), refused),
                (b"GET\r\n\r\n", refused),
                (b"GET /metrics\r\n\r\n", {200, *refused}),
                (b"GET /metrics HTTP/9.9\r\n\r\n", refused),
                (b"GET /metrics HTTP/1.1\r\n\r\n", refused),
                (head + b"A" * (1 << 20), refused),
                (head + b"X: " + b"A" * (1 << 20) + b"\r\n\r\n", refused),
                (head + b"X: y\r\n" * 100000 + b"\r\n", refused),
                (b"GET /" + b"A" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n", refused),
                (head + b"Content-Length: 99999999999999999999\r\n\r\n", refused),
                (head + b"Content-Length: -1\r\n\r\n", refused),
                (head + b"Content-Length: 5\r\n\r\nabcde", {200}),
                (head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", refused),
                (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
                 + b"A" * 9999999, refused),
                (head + b"\r\n" + head + b"\r\n", {200}),
            ):
                with self.subTest(request[:60]):
                    with exporter.connect() as connection:
                        answer = b""
                        try:
                            connection.sendall(request)
                            connection.shutdown(socket.SHUT_WR)
                            while piece := connection.recv(1 << 16):
                                answer += piece
                        except OSError as error:
                            # It did not want to hear it all, and has closed.
                            self.assertIn(error.errno, (
                                errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN))
                    status = int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None
                    self.assertIn(status, statuses)
                    # libmicrohttpd tells some errors twice; who asks well has one answer.
                    if status == 200:
                        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
                    self.assertEqual(exporter.page(), DOWN)
            self.until(lambda: exporter.connections() == 0)

    def test_slow(self):
        """Who sends a byte now and then is cut off, however many they are."""
        with self.start() as exporter:
            slow = [exporter.connect() for _ in range(80)]
            for connection in slow:
                connection.settimeout(0)
            request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"A" * 10000
            for i in range(len(request)):
                for connection in list(slow):
                    try:
                        connection.send(request[i:i + 1])
                        over = connection.recv(4096) == b""
                    except BlockingIOError:
                        over = False
                    except (BrokenPipeError, ConnectionResetError):
                        over = True
                    if over:
                        connection.close()
                        slow.remove(connection)
                if not slow:
                    break
                time.sleep(0.1)
            self.assertEqual(slow, [])
            self.assertEqual(exporter.page(), DOWN)
            self.until(lambda: exporter.connections() == 0)

    def test_served_while_others_are_slow(self):
        """However many are silent, and come back when they are cut off: who asks is served."""
        with self.start() as exporter:
            silent = [exporter.connect() for _ in range(200)]
            begin = time.monotonic()
            for _ in range(20):
                self.assertEqual(exporter.page(), DOWN)
                silent.extend(exporter.connect() for _ in range(20))
            # The oldest made room at once: their time, two seconds, was not waited for.
            self.assertLess(time.monotonic() - begin, 2)
            for connection in silent:
                connection.close()
            self.until(lambda: exporter.connections() == 0)

    def put_large_page(self):
        """What makes a page of several MB, which fits no buffer of a socket."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1, chip0_dram_used=3000)
        self.put_clients(
            *(f"0 {n} {n} 0 0 DRAM buffer 1 1 1 self x" for n in range(1, 3001)))
        for n in range(1, 3001):
            self.put(f"proc/{n}/cgroup", "0::/" + "a" * 4000 + "\n")

    def test_who_does_not_read(self):
        """A page that fits no buffer is cut off with its connection."""
        self.put_large_page()
        with self.start("-n", "10000") as exporter:
            with socket.socket() as connection:
                connection.settimeout(support.PATIENCE)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", exporter.port))
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                self.until(lambda: exporter.connections() == 1)
                self.until(lambda: exporter.connections() == 0)
                got = b""
                try:
                    while piece := connection.recv(1 << 16):
                        got += piece
                except ConnectionResetError:
                    pass
            self.assertFalse(got.endswith(b"ttmem_read_errors_total 0\n"))
            self.assertLess(len(got), 12000000)
            self.put_clients()
            self.assertTrue(exporter.page().endswith("ttmem_read_errors_total 0\n"))

    def test_many_who_do_not_read(self):
        """Their pages do not take all memory, and who reads is served."""
        self.put_large_page()
        with self.start("-n", "10000") as exporter, contextlib.ExitStack() as stack:
            for _ in range(4):
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", exporter.port))
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            page = exporter.page()
            self.assertTrue(page.endswith("ttmem_read_errors_total 0\n"))
            # As many pages as fit into 32 MiB, and the one that was read.
            self.assertLessEqual(exporter.connections(), (32 << 20) // len(page) + 1)

    def test_list_that_is_too_long(self):
        """Who opens a card very often does not take the totals away."""
        self.put_card(0, "0000:01:00.0")
        self.put_books(0, 1, chip0_dram_used=3000)
        self.put_clients("x" * (16 << 20))
        with self.start() as exporter:
            page = exporter.page()
            self.assertIn('\nttmem_used_bytes{card="0",', page)
            self.assertNotIn("\nttmem_process_used_bytes{", page)
            self.assertTrue(page.endswith("\nttmem_read_errors_total 1\n"))
            exporter.says = (
                "ttmem-exporter: processes are left out: the list of clients has more than 16 MiB; "
                "ttmem-smi shows whose they are\n")

    def test_ten_thousand_scrapes(self):
        """Without growth: neither in memory nor in open files."""
        self.put_machine()
        with self.start("-n", "3", tools=PLAIN_TOOLS) as exporter:
            for _ in range(1000):
                exporter.page()
            self.until(lambda: exporter.connections() == 0)
            fds, rss = exporter.fds(), exporter.rss()
            for _ in range(9000):
                exporter.page()
            self.assertEqual(exporter.page(), PAGE)
            self.until(lambda: exporter.connections() == 0)
            self.assertEqual(len(exporter.fds()), len(fds))
            # A leak of 16 bytes a scrape would be 140.
            self.assertLess(exporter.rss() - rss, 128)

    def test_options(self):
        def run(*arguments):
            result = subprocess.run(
                [f"{TOOLS}/ttmem-exporter", *arguments],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            return result.returncode, result.stdout, result.stderr

        status, out, err = run("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^ttmem-exporter 0\.1\.0 \(libmicrohttpd [0-9.]+\)\n$")
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("Usage: ttmem-exporter [-l ADDRESS:PORT] [-n NUMBER]\n"))
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        for where in ("7762", "", ":", "::1:7762", "[::1:7762", "::1]:7762", "x:", "x:0x10",
                      "x:65536", "x:-1", "[]", "[:5"):
            self.assertEqual(run("--listen", where), (2, "", (
                f"ttmem-exporter: '{where}' is no address and port as 127.0.0.1:7762 "
                "or [::1]:7762\n")))
        for number in ("", "-1", "10001", "many", "1.5"):
            self.assertEqual(run("-n", number), (2, "", (
                f"ttmem-exporter: '{number}' is no number of processes from 0 to 10000. "
                "ttmem-exporter --help tells more\n")))
        self.assertEqual(run("x"), (2, "", (
            "ttmem-exporter: 'x' is one argument too many. ttmem-exporter --help tells more\n")))
        self.assertEqual(run("--listen", "256.0.0.1:0")[0], 1)
        with self.start() as exporter:
            self.assertEqual(run("--listen", f"127.0.0.1:{exporter.port}"), (1, "", (
                f"ttmem-exporter: cannot listen at 127.0.0.1:{exporter.port}: "
                "Address already in use\n")))

    def listen(self, where, lines, **environment):
        """Start it there, and have what it says, a match of each line, and the process."""
        process = subprocess.Popen(
            [f"{TOOLS}/ttmem-exporter", "--listen", where], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment})

        def end():
            process.terminate()
            said = process.stderr.read()
            process.stderr.close()
            self.assertEqual((process.wait(), said), (0, ""))

        self.addCleanup(end)
        return [re.fullmatch(f"ttmem-exporter: http://{line}\n", process.stderr.readline())
                for line in lines]

    def served(self, address, port):
        with socket.create_connection((address, int(port)), timeout=support.PATIENCE) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"))

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6")
    def test_every_address(self):
        ipv4, ipv6 = self.listen(":0", (r"0\.0\.0\.0:(\d+)/metrics", r"\[::\]:(\d+)/metrics"))
        self.assertEqual(ipv4.group(1), ipv6.group(1))
        for address in ("127.0.0.1", "::1"):
            self.served(address, ipv4.group(1))
        # [::] is every address too, if it is asked for alone.
        [both] = self.listen("[::]:0", (r"\[::\]:(\d+)/metrics",))
        for address in ("127.0.0.1", "::1"):
            self.served(address, both.group(1))

    def test_all_that_a_name_has(self):
        """localhost in both families, each address once, however often /etc/hosts has it."""
        addresses = {info[4][0] for info in socket.getaddrinfo(
            "localhost", 0, type=socket.SOCK_STREAM)}
        lines = self.listen("localhost:0", [r"\[?([0-9a-f.:]+?)\]?:(\d+)/metrics.*"] * len(addresses))
        self.assertEqual({line.group(1) for line in lines}, addresses)
        self.assertEqual(len({line.group(2) for line in lines}), 1)
        self.served("127.0.0.1", lines[0].group(2))

    def test_without_ipv6(self):
        [line] = self.listen(":0", (r"0\.0\.0\.0:(\d+)/metrics",), TTMEM_FAKE_NO_IPV6="1")
        self.served("127.0.0.1", line.group(1))
        result = subprocess.run(
            [f"{TOOLS}/ttmem-exporter", "--listen", "[::1]:0"], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TTMEM_FAKE_NO_IPV6": "1"})
        self.assertEqual((result.returncode, result.stderr), (
            1, "ttmem-exporter: cannot listen at [::1]:0: Address family not supported by protocol\n"))

    def test_an_address_of_later(self):
        """It is no error; test_prometheus has it come. 192.0.2.0/24 is nobody's."""
        self.listen("192.0.2.1:0", (r"192\.0\.2\.1:\d+/metrics, as soon as this machine has that "
                                    "address",))


class Names(unittest.TestCase):
    def test_the_caller_does_not_choose_the_name_in_messages(self):
        for name in ("ttmem-smi", "ttmem-run", "ttmem-cdi", "ttmem-exporter", "ttmem-metald",
                     "ttmem-account"):
            for first in ([], ["top"], ["record"], ["report"], ["doctor"]) if name == "ttmem-smi" else ([],):
                with self.subTest(name=name, first=first):
                    result = subprocess.run(
                        ["\x1b[2J\x9b", *first, "--no-such"], executable=f"{TOOLS}/{name}",
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE, text=True, check=False)
                    self.assertEqual(result.stdout, "")
                    self.assertNotEqual(result.returncode, 0)
                    self.assertTrue(result.stderr.startswith(
                        f"{' '.join([name, *first])}: unrecognized option '--no-such'\n"),
                        result.stderr)
                    self.assertNotIn("\x1b", result.stderr)


class Ended(support.Roots):
    """What the tests have started ends with them."""

    SHELL = """#!/bin/sh
sleep 1000 &
echo $! > pid.new
mv pid.new pid
wait
"""
    TERMINAL = """#!/usr/bin/env python3
import os
import support
import terminal

class Test(terminal.Terminal):
    def test(self):
        self.run_in(80, 24, f"echo $$ > {HERE}/pid.new; mv {HERE}/pid.new {HERE}/pid; exec sleep 1000")
        self.wait("what does not come")

HERE = os.getcwd()
support.main()
"""

    def test_ended(self):
        environment = {**os.environ, "PYTHONPATH": os.path.dirname(support.__file__)}
        for program in self.SHELL, self.TERMINAL:
            self.put("test_waits", program)
            os.chmod("test_waits", 0o755)
            for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
                with self.subTest(program, signal=number):
                    runner = subprocess.Popen([f"{TREE}/tools/testing/selftests/run", "."],
                                              env=environment, stdout=subprocess.DEVNULL)
                    self.until(lambda: os.path.exists("pid"))
                    with open("pid", encoding="ascii") as file:
                        pid = int(file.read())
                    os.unlink("pid")
                    self.assertIsNotNone(terminal.session_of(pid))
                    runner.send_signal(number)
                    self.assertEqual(runner.wait(support.PATIENCE), 130)
                    # It has its signal, and perhaps not ended yet.
                    self.until(lambda: terminal.session_of(pid) is None)


class Rules(unittest.TestCase):
    def promtool(self, *arguments):
        result = subprocess.run(
            [f"{support.PROMETHEUS}/promtool", *arguments], cwd=f"{TREE}/tools/prometheus",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_rules(self):
        self.assertIn("SUCCESS: 10 rules found", self.promtool("check", "rules", "ttmem.rules.yml"))
        self.assertIn("SUCCESS", self.promtool("test", "rules", "ttmem.rules.test.yml"))

    def test_only_metrics_that_there_are(self):
        told = set(re.findall(r"^# TYPE (\w+) ", PAGE, re.M))
        for name in ("ttmem.rules.yml", "ttmem-dashboard.json"):
            with open(f"{TREE}/tools/prometheus/{name}") as file:
                used = set(re.findall(r"\bttmem_\w+", file.read()))
            self.assertTrue(used)
            self.assertEqual(used - told, set())


if __name__ == "__main__":
    support.main()
