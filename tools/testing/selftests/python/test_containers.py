# SPDX-License-Identifier: GPL-2.0-only
"""Cards in containers: what ttmem-cdi writes, given to Podman, and what is then in the books.

Wants a guest and all cards to itself. The containers have no image: their root is made
here, of a shell, ttmem-run and the libraries that these take.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import support
import ttmem

TOOLS = os.environ["TTMEM_TOOLS"]
SPECIFICATION = "/etc/cdi/tenstorrent.json"
SHOW = "for f in /dev/tenstorrent/* /dev/tenstorrent/mem/*; do test -c $f && echo $f; done; true"


def make_root(top):
    """A smallest system, of what is in this one."""
    for name in ("bin", "dev", "etc", "proc", "run", "sys", "tmp"):
        os.makedirs(f"{top}/{name}")
    for program in ("/bin/sh", "/bin/sleep", f"{TOOLS}/ttmem-run"):
        shutil.copy(program, f"{top}/bin/")
        listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            os.makedirs(top + os.path.dirname(library), exist_ok=True)
            shutil.copy(library, top + library)


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Podman keeps its state on a file system that overlays cannot be, as the guest's root is.
        cls.top = tempfile.mkdtemp(prefix="ttmem-containers.")
        subprocess.run(["mount", "-t", "tmpfs", "containers", cls.top], check=True)
        make_root(f"{cls.top}/root")
        os.makedirs(os.path.dirname(SPECIFICATION), exist_ok=True)
        subprocess.run([f"{TOOLS}/ttmem-cdi", "-o", SPECIFICATION], check=True)

    @classmethod
    def tearDownClass(cls):
        os.unlink(SPECIFICATION)
        subprocess.run(["umount", "-l", cls.top], check=True)
        # Podman cleans up after a container that was killed, perhaps only now.
        shutil.rmtree(cls.top, ignore_errors=True)

    def podman(self, device, *command):
        return [
            "podman", "--root", f"{self.top}/storage", "--runroot", f"{self.top}/run",
            "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
            "run", "--rm", "--ulimit", "nofile=1024:1024", "--network", "none",
            "--cgroups", "disabled", "--device", device, "--rootfs", f"{self.top}/root", *command,
        ]

    def nodes(self, device):
        result = subprocess.run(self.podman(device, "sh", "-c", SHOW), stdout=subprocess.PIPE,
                                text=True, check=True)
        return sorted(result.stdout.split())

    def of_card(self, number):
        return [f"/dev/tenstorrent/{number}", f"/dev/tenstorrent/mem/{number}"]

    def test_nodes(self):
        cards = ttmem.cards()
        everything = sorted(node for card in cards for node in self.of_card(card.number))
        self.assertEqual(self.nodes("tenstorrent.com/card=1"), self.of_card(1))
        self.assertEqual(self.nodes(f"tenstorrent.com/card={cards[2].address}"), self.of_card(2))
        self.assertEqual(self.nodes("tenstorrent.com/card=all"), everything)
        self.assertEqual(self.nodes("/dev/tenstorrent"), everything)

    def test_no_such_card(self):
        result = subprocess.run(self.podman("tenstorrent.com/card=77", "sh"),
                                stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("tenstorrent.com/card=77", result.stderr)

    def test_renumbered(self):
        """The runtime refuses a container whose card has another number than was written."""
        address = ttmem.cards()[2].address
        with open(SPECIFICATION) as file:
            written = file.read()
        try:
            with open(SPECIFICATION, "w") as file:
                file.write(written.replace(f"{address}=2", f"{address}=1"))
            result = subprocess.run(
                self.podman(f"tenstorrent.com/card={address}", "sh", "-c", "echo started"),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        finally:
            with open(SPECIFICATION, "w") as file:
                file.write(written)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "")
        self.assertIn("ttmem-cdi", result.stderr)

    def test_books(self):
        """A container is in the books of the machine, and out of them when it is killed."""
        container = subprocess.Popen(self.podman(
            "tenstorrent.com/card=2", "ttmem-run", "--card", "2", "--dram", "1G", "sleep", "1000"))
        self.addCleanup(container.wait)
        self.addCleanup(container.kill)
        end = time.monotonic() + support.PATIENCE
        # It holds the memory before it becomes what it was started for.
        clients = ttmem.clients(2)
        while [c.command for c in clients] != ["sleep"] and time.monotonic() < end:
            time.sleep(0.1)
            clients = ttmem.clients(2)
        self.assertEqual([(c.memory, c.bytes, c.command) for c in clients],
                         [("DRAM", 1 << 30, "sleep")])
        self.assertEqual(ttmem.stat(2, "dram_used"), 1 << 30)
        with open(f"/proc/{clients[0].pid}/status") as file:
            inside = next(line.split()[-1] for line in file if line.startswith("NSpid:"))
        # ttmem-run is the first.
        self.assertEqual(inside, "2")
        os.kill(clients[0].pid, 9)
        self.assertEqual(container.wait(), 137)
        self.assertEqual(ttmem.stat(2, "dram_used"), 0)


if __name__ == "__main__":
    support.main()
