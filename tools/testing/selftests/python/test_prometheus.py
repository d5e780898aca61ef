# SPDX-License-Identifier: GPL-2.0-only
"""ttmem-exporter before the real module, and Debian's Prometheus scraping it.

Wants a guest and all cards to itself.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import support
import ttmem

EXPORTER = f"{os.environ['TTMEM_TOOLS']}/ttmem-exporter"
RULES = f"{os.environ['TTMEM_TREE']}/tools/prometheus/ttmem.rules.yml"
DASHBOARD = f"{os.environ['TTMEM_TREE']}/tools/prometheus/ttmem-dashboard.json"
GROUP = "/sys/fs/cgroup/ttmem-test.slice"

HOLDER = """
import os, sys, ttmem
os.setgid(65534)
os.setuid(65534)
card = ttmem.open(0)
card.reserve("DRAM", 200 << 20, label="kv")
card.reserve("DRAM", 3, tag="trace")
card.set("L1", 4096, tag="cb")
try: card.reserve("DRAM", 1 << 50)
except OSError: pass
print("ready", flush=True)
for line in sys.stdin:
    card.reserve("DRAM", 1)
    print("more", flush=True)
"""


# In a network of its own, where only lo is up: an address that comes when the exporter
# has long been started, goes, and comes again; IPv6 switched off.
LATER = """
import atexit, fcntl, os, socket, struct, subprocess, sys

def interface(request, name, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, request, struct.pack("16s24s", name, data))

def up(name, flags):
    interface(0x8914, name, struct.pack("h", flags))  # SIOCSIFFLAGS

def address(name, text):
    interface(0x8916, name, struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(text)))

def get(where, port):
    with socket.create_connection((where, port), timeout=5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        return connection.recv(15)

def refused(where, port):
    try:
        return not get(where, port)
    except OSError:
        return True

def start(where, *says):
    process = subprocess.Popen([sys.argv[1], "--listen", where], stderr=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    for line in says:
        found = process.stderr.readline()
        assert found == f"ttmem-exporter: http://{line}\\n", found
    return process

later = "/metrics, as soon as this machine has that address"
# Without any address the kernel takes none for one of another machine.
up(b"lo", 0x41)
first = start("10.9.8.7:7762", "10.9.8.7:7762" + later)
assert refused("10.9.8.7", 7762)
for _ in range(2):
    address(b"lo:1", "10.9.8.7")
    assert get("10.9.8.7", 7762) == b"HTTP/1.1 200 OK"
    assert refused("127.0.0.1", 7762)
    up(b"lo:1", 0)
    assert refused("10.9.8.7", 7762)
if os.path.exists("/proc/sys/net/ipv6/conf"):
    for name in ("all", "lo"):
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as file:
            file.write("1")
    second = start(":7763", "0.0.0.0:7763/metrics", "[::]:7763/metrics")
    third = start("[::1]:7764", "[::1]:7764" + later)
    assert get("127.0.0.1", 7763) == b"HTTP/1.1 200 OK"
    assert refused("::1", 7764)
    with open("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "w") as file:
        file.write("0")
    assert get("::1", 7764) == get("::1", 7763) == b"HTTP/1.1 200 OK"
    processes = (first, second, third)
else:
    processes = (first,)
for process in processes:
    process.terminate()
    assert process.wait() == 0
print("all is well")
"""


class Holder:
    """A process of the user nobody, in a control group of its own, that holds memory of card 0."""

    def __init__(self):
        os.makedirs(GROUP, exist_ok=True)

        def enter():
            with open(f"{GROUP}/cgroup.procs", "w") as file:
                file.write(str(os.getpid()))

        self.process = subprocess.Popen(
            [sys.executable, "-B", "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=enter)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        os.rmdir(GROUP)


class Exporter(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        os.chmod("/dev/tenstorrent/mem/0", 0o666)
        self.address = ttmem.cards()[0].address
        self.holder = Holder()
        self.addCleanup(self.holder.kill)

    def expected(self, chip, memory, held):
        command = os.path.basename(sys.executable)
        return (
            f'ttmem_process_used_bytes{{card="0",address="{self.address}",chip="{chip}",'
            f'memory="{memory}",pid="{self.holder.process.pid}",command="{command}",'
            f'user="nobody",cgroup="/ttmem-test.slice",pod_uid="",container_id="",'
            f'source="self"}} {held}'
        )

    def test_page(self):
        with support.Exporter(EXPORTER) as exporter:
            page = exporter.page()
        self.assertEqual(
            [line for line in page.splitlines() if line.startswith("ttmem_process_used_bytes{")],
            [self.expected(0, "DRAM", 209715203), self.expected(0, "L1", 4096)])
        for card in ttmem.cards():
            start = f'{{card="{card.number}",address="{card.address}"'
            for pool in ttmem.pools(card.number):
                labels = f'{start},chip="{pool.chip}",memory="{pool.memory}"}}'
                self.assertIn(f"\nttmem_capacity_bytes{labels} {pool.total}\n", page)
                self.assertIn(f"\nttmem_used_bytes{labels} {pool.used}\n", page)
                self.assertIn(f"\nttmem_peak_bytes{labels} {pool.peak}\n", page)
            for name, metric in (("reservations", "reservations"), ("denied", "denied_total")):
                value = ttmem.stat(card.number, f"chip0/{name}")
                self.assertIn(f'\nttmem_{metric}{start},chip="0"}} {value}\n', page)
        self.assertIn(f'\nttmem_reservations{{card="0",address="{self.address}",chip="0"}} 2\n', page)
        self.assertIn("\nttmem_read_errors_total 0\n", page)

    def test_told_by_another(self):
        """What another tells in its name, and the peak when that is taken back."""
        pid = self.holder.process.pid
        with ttmem.open(0) as card:
            card.attribute(pid)
            card.set("L1", 8192, tag="buffer")
            with support.Exporter(EXPORTER) as exporter:
                full = exporter.page()
                card.set("L1", 0, tag="buffer")
                empty = exporter.page()
        of_it = re.compile(
            rf'^ttmem_process_(\w+)_bytes\{{card="0",.*,memory="(\w+)",pid="{pid}",.*,'
            r'source="(\w+)"\} (\d+)$', re.M)
        itself = [("used", "DRAM", "self", "209715203"), ("used", "L1", "self", "4096"),
                  ("peak", "DRAM", "self", "209715203"), ("peak", "L1", "self", "4096")]
        peak = ("peak", "L1", "attributed", "8192")
        self.assertEqual(of_it.findall(full), [
            *itself[:2], ("used", "L1", "attributed", "8192"), *itself[2:], peak])
        self.assertEqual(of_it.findall(empty), [*itself, peak])

    def test_without_privileges(self):
        """It tells nobody less than root."""
        with support.Exporter(EXPORTER) as exporter:
            of_root = exporter.page()
        # Where the tree is may not be for everybody.
        with tempfile.TemporaryDirectory() as top:
            os.chmod(top, 0o755)
            program = shutil.copy(EXPORTER, top)
            with support.Exporter(program, preexec_fn=lambda: os.setuid(65533)) as exporter:
                self.assertEqual(exporter.page(), of_root)

    def test_an_address_of_later(self):
        result = subprocess.run(
            ["unshare", "--net", sys.executable, "-B", "-c", LATER, EXPORTER],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual((result.returncode, result.stdout), (0, "all is well\n"))

    def test_in_a_pid_namespace(self):
        """As in a container: who is not there has no pid, and counts all the same."""
        unshare = ("unshare", "--pid", "--fork", "--mount-proc")
        with support.Exporter(EXPORTER, under=unshare) as exporter:
            page = exporter.page()
        labels = f'{{card="0",address="{self.address}",chip="0",memory='
        who = ',pid="",command="-",user="nobody",cgroup="",pod_uid="",container_id="",source="self"}'
        self.assertEqual(
            [line for line in page.splitlines() if line.startswith("ttmem_process_used_bytes{")],
            [f'ttmem_process_used_bytes{labels}"DRAM"{who} 209715203',
             f'ttmem_process_used_bytes{labels}"L1"{who} 4096'])
        self.assertIn(f'\nttmem_used_bytes{labels}"DRAM"}} 209715203\n', page)


class Prometheus(unittest.TestCase):
    def query(self, expression):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})
        with urllib.request.urlopen(url, timeout=support.PATIENCE) as answer:
            result = json.load(answer)
        self.assertEqual(result["status"], "success")
        return [(sample["metric"], sample["value"][1]) for sample in result["data"]["result"]]

    def wait_for(self, what, done):
        end = time.monotonic() + 2 * support.PATIENCE
        while True:
            try:
                if done():
                    return
            except OSError:
                pass  # it does not listen yet
            self.assertIsNone(self.prometheus.poll(), "prometheus has ended")
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.5)

    def start(self, exporter, top):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        with open(f"{top}/prometheus.yml", "w") as file:
            json.dump({
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [RULES],
                "scrape_configs": [{
                    "job_name": "ttmem",
                    "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
                }],
            }, file)
        self.prometheus = subprocess.Popen(
            [f"{support.PROMETHEUS}/prometheus", f"--config.file={top}/prometheus.yml",
             f"--storage.tsdb.path={top}/data", f"--web.listen-address=127.0.0.1:{self.port}",
             "--log.level=error"])

    def test_scraped(self):
        """A process's bytes by query, then by an alert; after kill -9 they are gone."""
        os.chmod("/dev/tenstorrent/mem/0", 0o666)
        with tempfile.TemporaryDirectory() as top, support.Exporter(EXPORTER) as exporter:
            self.start(exporter, top)
            try:
                self.wait_for("a first scrape", lambda: self.query("ttmem_up == 1"))
                holder = Holder()
                try:
                    self.scraped(holder)
                finally:
                    holder.kill()
                self.wait_for("the end of the killed", lambda: (
                    self.query('ttmem_used_bytes{card="0", memory="DRAM"} == 0')
                    and not self.query("ttmem_process_used_bytes")))
            finally:
                self.prometheus.terminate()
                self.prometheus.wait()

    def scraped(self, holder):
        pid = holder.process.pid
        self.wait_for("the process's bytes", lambda: self.query(
            f'sum(ttmem_process_used_bytes{{pid="{pid}", memory="DRAM"}}) == 209715203'))
        [(labels, held)] = self.query(f'ttmem_process_used_bytes{{pid="{pid}", memory="L1"}}')
        self.assertEqual(held, "4096")
        self.assertEqual(labels, {
            "__name__": "ttmem_process_used_bytes", "job": "ttmem",
            "instance": labels["instance"], "card": "0", "address": ttmem.cards()[0].address,
            "chip": "0", "memory": "L1", "pid": str(pid),
            "command": os.path.basename(sys.executable), "user": "nobody",
            "cgroup": "/ttmem-test.slice", "source": "self",
        })

        holder.process.stdin.write("\n")
        holder.process.stdin.flush()
        self.assertEqual(holder.process.stdout.readline(), "more\n")
        self.wait_for("what it holds more", lambda: self.query(
            'sum(ttmem_used_bytes{card="0", memory="DRAM"}) == 209715204'))
        self.assertEqual(self.query("sum(ttmem_process_used_bytes) - sum(ttmem_used_bytes) != 0"), [])

        self.wait_for("the alert on a refusal", lambda: self.query(
            'ALERTS{alertname="TtmemRefusals", card="0", alertstate="firing"}'))
        self.assertEqual(self.query('ALERTS{alertname!="TtmemRefusals"}'), [])

        # The dashboard's own questions, as Grafana would put them.
        with open(DASHBOARD) as file:
            panels = json.load(file)["panels"]
        for panel in panels:
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", "1m")
                expression = re.sub(r"\$\w+", ".*", expression)
                self.assertTrue(self.query(expression), expression)


if __name__ == "__main__":
    support.main()
