# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-cdi before made-up trees, its output whole."""

import json
import os
import subprocess

import support

TOOLS = os.environ["TTMEM_TOOLS"]


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
        devices = ",\n".join(
            f'    {{\n      "name":"{name}",\n      "containerEdits":{{\n'
            f'        "deviceNodes":{nodes}\n      }}\n    }}'
            for name in ("0", "0000:01:00.0", "all")
        )
        self.assertEqual(self.run_cdi(), (0, (
            '{\n  "cdiVersion":"0.6.0",\n  "kind":"tenstorrent.com/card",\n  "devices":[\n'
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

        def device(name, *paths):
            return {"name": name, "containerEdits": {"deviceNodes": [
                {"path": path, "permissions": "rw"} for path in paths]}}

        three = ["/dev/tenstorrent/3"]
        twelve = ["/dev/tenstorrent/12", "/dev/tenstorrent/mem/12"]
        self.assertEqual(json.loads(out), {
            "cdiVersion": "0.6.0",
            "kind": "tenstorrent.com/card",
            "devices": [
                device("3", *three), device("0000:01:00.0", *three),
                device("12", *twelve), device("10000:e1:00.1", *twelve),
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
        self.assertEqual(self.run_cdi("--output=none/spec.json"), (
            1, "", "ttmem-cdi: cannot write beside none/spec.json: No such file or directory\n"))
        self.put("cdi/directory/file", "")
        self.assertEqual(self.run_cdi("--output=cdi/directory"), (
            1, "", "ttmem-cdi: cannot write cdi/directory: Is a directory\n"))
        self.assertEqual(sorted(os.listdir("cdi")), ["directory", "spec.json"])

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
        self.assertEqual(self.run_cdi("--version"), (0, "ttmem-cdi 0.1.0 (CDI 0.6.0)\n", ""))
        status, out, err = self.run_cdi("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("Usage: ttmem-cdi [-o FILE]\n"), out)
        self.assertEqual(self.run_cdi("0"), (2, "", (
            "ttmem-cdi: '0' is one argument too many. ttmem-cdi --help tells more\n")))
        status, out, err = self.run_cdi("--wrong")
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(err.endswith("ttmem-cdi: ttmem-cdi --help tells more\n"), err)


if __name__ == "__main__":
    support.main()
