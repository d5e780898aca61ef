# SPDX-License-Identifier: GPL-2.0-only
"""A terminal, tmux's: keys are sent, screens are read and compared with those on file."""

import os
import re
import shlex
import signal
import subprocess
import time

import support

# How long anything may take on a busy machine.
PATIENCE = 60

CONFIGURATION = """\
set -g status off
set -g escape-time 0
set -g default-terminal tmux-256color
set -g remain-on-exit on
"""

GRAPH = re.compile("[\u2581-\u2588]")

# How far a graph goes back, whose samples are not taken to the tenth of a second, and the graph.
PAST = re.compile(r"-[\d.]+[smhd] +")


def session_of(pid):
    """The session of a process, None if it has ended, also when nobody has waited for it yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            state, _, _, session = file.read().rpartition(")")[2].split()[:4]
        return None if state in "ZX" else int(session)
    except (OSError, ValueError):
        return None


def end_session(leader):
    """Waits a while until a session has ended, and ends it."""
    end = time.monotonic() + 5
    while True:
        left = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if session_of(pid) == leader]
        if not left:
            return
        if time.monotonic() > end:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        time.sleep(0.05)


class Terminal(support.Roots):
    # How often the screen is looked at, in seconds.
    interval = 0.05

    def setUp(self):
        super().setUp()
        self.put("tmux.conf", CONFIGURATION)
        self.server = 0

    def tearDown(self):
        self.stop()
        super().tearDown()

    def tmux_command(self):
        return ["tmux", "-S", f"{self.top}/tmux{self.server}", "-f", f"{self.top}/tmux.conf", "-u"]

    def tmux(self, *arguments):
        return subprocess.run([*self.tmux_command(), *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def stop(self):
        """Ends what runs, its terminal and the server, whose socket takes a while to go."""
        panes = subprocess.run([*self.tmux_command(), "list-panes", "-a", "-F", "#{pane_pid}"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               check=False).stdout.split()
        subprocess.run([*self.tmux_command(), "kill-server"], stderr=subprocess.DEVNULL, check=False)
        self.server += 1
        # A process that loses its terminal while the leak sanitizer stops its threads waits
        # for ever for a helper that the same signal has ended.
        for pid in panes:
            end_session(int(pid))

    def run_in(self, columns, rows, command, **environment):
        """Runs a shell command in a terminal of that size."""
        environment = {"LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "log_path=asan", **environment}
        words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows),
                  f"cd {self.top}; export {' '.join(words)}; {command}")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait(self, *patterns, absent=()):
        """Waits for a screen in which all patterns are found, and none of those absent."""
        end = time.monotonic() + PATIENCE
        while True:
            screen = self.screen()
            if (all(re.search(p, screen, re.M) for p in patterns)
                    and not any(re.search(p, screen, re.M) for p in absent)):
                return screen
            if time.monotonic() > end:
                self.fail(f"waited in vain for {patterns}, without {absent}:\n{screen}")
            time.sleep(self.interval)

    def still(self, *patterns, absent=()):
        """Such a screen without graphs, which grow with time, and what is blank behind lines.

        It is seen twice in a row: on a busy machine one look may meet it half drawn.
        """
        end = time.monotonic() + PATIENCE
        last = None
        while True:
            screen = self.wait(*patterns, absent=absent)
            screen = re.sub(" +$", "", PAST.sub("-past ", GRAPH.sub(" ", screen)), flags=re.M)
            if screen == last or time.monotonic() > end:
                return screen
            last = screen
            time.sleep(4 * self.interval)
