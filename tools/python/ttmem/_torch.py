# SPDX-License-Identifier: MIT
"""torch.cuda's words for a card's memory: what one process holds, and what is left."""

import ctypes
import errno
import fcntl
import os
import sys
from types import TracebackType
from typing import Dict, Iterable, List, NamedTuple, Optional, TextIO, Tuple, Type, Union

# The package takes this file in last.
from . import Card, Client, _library, _memory, _unsigned, _MEMORIES, clients, pool, pools, stat


class _Held(NamedTuple):
    bytes: int
    peak: int


def _number(card: Union[int, Card]) -> int:
    return card.number if isinstance(card, Card) else card


def _self() -> int:
    """This process, by the number that /proc has for it, and with it the list."""
    return int(os.readlink("/proc/self"))


def _entries(
    card: Union[int, Card], pid: Optional[int], memory: Optional[str], chip: Optional[int]
) -> List[Client]:
    if memory is not None:
        _memory(memory)
    who = _self() if pid is None else pid
    number = _number(card)
    if chip is not None:
        stat(number, f"chip{_unsigned('chip', chip, 32)}/dram_used")  # says if there is none
    return [
        entry
        for entry in clients(number)
        if entry.pid == who
        and (memory is None or entry.memory == memory)
        and (chip is None or entry.chip == chip)
    ]


def _sum(entries: Iterable[Client]) -> _Held:
    """Bytes and peak; the peak stands in each entry of a client's memory of a chip."""
    held = 0
    peaks: Dict[Tuple[int, int, Optional[str]], int] = {}
    for entry in entries:
        held += entry.bytes
        peaks[entry.client, entry.chip, entry.memory] = entry.peak
    return _Held(held, sum(peaks.values()))


def memory_allocated(
    card: Union[int, Card],
    pid: Optional[int] = None,
    *,
    memory: str = "DRAM",
    chip: Optional[int] = None,
) -> int:
    """How many bytes a process holds of a card, or of one of its chips.

    card    the card's number, or a card object
    pid     the process, as its number is here; None for this one
    memory  "DRAM" or "L1"
    chip    one chip; None for all of the card together

    0 also for a process that ttmem does not know, or whose entries hide from here whose
    they are (a /proc mounted with hidepid, another pid namespace).

    Raises OSError as clients(); ENOENT if the card has no such chip.
    """
    return _sum(_entries(card, pid, memory, chip)).bytes


def max_memory_allocated(
    card: Union[int, Card],
    pid: Optional[int] = None,
    *,
    memory: str = "DRAM",
    chip: Optional[int] = None,
) -> int:
    """The most bytes that a process ever held, or since it restarted its peaks.

    Arguments and errors are those of memory_allocated(). ttmem keeps a peak of each
    client's memory of each chip, and these are added up here: for several chips, and for
    a process with several clients, that may be more than was ever held at one time. What
    is counted without a call rises when somebody looks, as this function does.
    """
    return _sum(_entries(card, pid, memory, chip)).peak


def _is_own_node(fd: Union[int, str], number: int) -> bool:
    """Whether an open file of this process is a client of the card and speaks for itself."""
    told = {}
    try:
        with open(f"/proc/self/fdinfo/{fd}", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":\t")
                told[key] = value.rstrip("\n")
    except FileNotFoundError:
        return False  # closed meanwhile
    return (
        told.get("ttmem-card") == str(number)
        and told.get("ttmem-source") == "self"
        and told.get("ttmem-state") == "live"
    )


def _own_nodes(number: int) -> List[int]:
    """The open files of this process that are clients of the card and speak for itself.

    Also those that others opened, as a runtime in C++ in this process. The descriptors are
    copies, to be closed: the other threads may do with theirs what they like. No other file
    is copied: to close a copy of any file ends the locks that the process has on it.
    """
    found: List[int] = []
    try:
        for name in os.listdir("/proc/self/fdinfo"):
            # A copy may have got the number that the listing itself had.
            if int(name) in found or not _is_own_node(name, number):
                continue
            try:
                fd = fcntl.fcntl(int(name), fcntl.F_DUPFD_CLOEXEC, 0)
            except OSError as error:
                if error.errno == errno.EBADF:
                    continue  # closed meanwhile
                raise
            found.append(fd)
            # Another thread may have opened something else under that number.
            if not _is_own_node(fd, number):
                os.close(found.pop())
    except BaseException:
        for fd in found:
            os.close(fd)
        raise
    return found


def reset_peak_memory_stats(card: Union[int, Card], pid: Optional[int] = None) -> None:
    """Let the peaks of this process on a card start again at what it holds.

    Those of all clients that it has open, whoever in this process opened them, in both
    memories of all chips. The peaks of pools stay.

    Raises PermissionError for another process, and where others tell what this one holds
    (ttmem-metald): peaks belong to who tells them. OSError as clients().
    """
    number = _number(card)
    if pid is not None and pid != _self():
        raise PermissionError(
            errno.EPERM, f"process {pid} keeps its own peaks: only itself can restart them")
    for entry in _entries(number, None, None, None):
        if entry.source != "self":
            raise PermissionError(
                errno.EPERM,
                f"another process tells what this one holds of card {number}, and keeps the "
                "peaks too: they cannot be restarted from here")
    nodes = _own_nodes(number)
    try:
        for fd in nodes:
            argument = _library.Set(
                argsz=ctypes.sizeof(_library.Set),
                flags=_library.SET_RESTART_PEAKS,
                entry_size=ctypes.sizeof(_library.Gauge),
            )
            try:
                fcntl.ioctl(fd, _library.IOC_SET, argument)
            except OSError as error:
                # Open for reading alone it never held anything; the others are gone.
                if error.errno not in (errno.EBADF, errno.ENODEV, errno.ESRCH):
                    raise
    finally:
        for fd in nodes:
            os.close(fd)


def mem_get_info(
    card: Union[int, Card], *, memory: str = "DRAM", chip: Optional[int] = None
) -> Tuple[int, int]:
    """Free bytes and capacity of a card's memory, or of one chip's, for all processes.

    Free is what nobody has reported: where a process uses the card and reports nothing,
    which ttmem-smi shows, less of it is free. Both are 0 where the capacity is not known.
    Raises OSError as pool().
    """
    of = pool(_number(card), memory, chip)
    return of.free, of.total


def _size(size: int) -> str:
    """As torch prints it: a whole number of the largest unit of which it has ten or more."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 10240:
            return f"{size} {unit}"
        size = (abs(size) + 512) // 1024 * (-1 if size < 0 else 1)
    return f"{size} TiB"


def _cut(text: str, width: int) -> str:
    """Fit for one line of a table, whatever a process calls itself."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= width else plain[: width - 1] + "+"


def memory_summary(card: Union[int, Card], pid: Optional[int] = None) -> str:
    """A table of what a process holds of a card, by chip, memory and tag.

    Beside it stand its peaks, and what all processes together use of each pool and have
    used. A tag of which it holds nothing is left out. Arguments and errors are those of
    memory_allocated().
    """
    number = _number(card)
    who = _self() if pid is None else pid
    entries = _entries(number, who, None, None)
    command = next((entry.command for entry in entries), "-")
    sources = {entry.source for entry in entries} - {"self"}
    rule = "|" + "=" * 77 + "|"
    thin = "|" + "-" * 77 + "|"
    row = "| {:<15} | {:>9} | {:>9} | {:>9} | {:>9} | {:>9} |"
    title = f"ttmem, card {number}, process {who} {_cut(command, 20)}"
    if sources:
        title += ", told by another"
    lines = [
        rule,
        f"| {title:<75} |",
        thin,
        row.format("", "process", "its peak", "pool used", "pool peak", "capacity"),
        rule,
    ]
    for of in pools(number):
        mine = [e for e in entries if (e.chip, e.memory) == (of.chip, of.memory)]
        held, peak = _sum(mine)
        lines.append(
            row.format(
                f"chip {of.chip} {of.memory}", _size(held), _size(peak), _size(of.used),
                _size(of.peak), _size(of.total) if of.total else "N/A"))
        tags: Dict[str, int] = {}
        for entry in mine:
            if entry.bytes:
                tag = entry.tag or "unknown"
                tags[tag] = tags.get(tag, 0) + entry.bytes
        for tag, size in tags.items():
            lines.append(row.format(f"  {tag}", _size(size), "", "", "", ""))
        lines.append(thin)
    lines[-1] = rule
    return "\n".join(lines)


class Taken(NamedTuple):
    """What a block of code took of one memory of a card.

    memory  "DRAM" or "L1"
    before  bytes that the process held when it began
    after   when it ended
    peak    the most in between, at most: see max_memory_allocated(). None if others tell
            what the process holds, and its earlier peak was not passed
    """

    memory: str
    before: int
    after: int
    peak: Optional[int]


class measure:
    """A context manager that prints what a block of code took of a card.

        with ttmem.measure(0, "forward"):
            model(batch)

        ttmem: forward: card 0 DRAM: +512 MiB, peak +768 MiB; L1: +0 B, peak +3072 KiB

    card   the card's number, or a card object
    label  what the line begins with
    pid    the process; None for this one
    file   where to print; None for sys.stderr
    quiet  print nothing: the attribute taken has it

    It begins with reset_peak_memory_stats() where that may be done: not for another
    process, nor where another tells what this one holds. Then the peak is told if the
    block passed the one from before. A forked child that leaves the block tells nothing.

    Raises OSError as memory_allocated(). What the block raises is passed on.
    """

    taken: List[Taken]  #: of each memory, when the block has ended

    def __init__(
        self,
        card: Union[int, Card],
        label: str = "",
        *,
        pid: Optional[int] = None,
        file: Optional[TextIO] = None,
        quiet: bool = False,
    ) -> None:
        self.card = _number(card)
        self.label = label
        self.pid = _self() if pid is None else pid
        self.file = file
        self.quiet = quiet
        self.taken = []
        self._restarted = False
        self._process = 0
        self._before: Dict[str, _Held] = {}

    def _held(self) -> Dict[str, _Held]:
        entries = _entries(self.card, self.pid, None, None)
        return {
            memory: _sum(entry for entry in entries if entry.memory == memory)
            for memory in _MEMORIES
        }

    def __enter__(self) -> "measure":
        try:
            reset_peak_memory_stats(self.card, self.pid)
            self._restarted = True
        except PermissionError:
            self._restarted = False
        self._before = self._held()
        self._process = os.getpid()
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if self._process != os.getpid():
            return  # the parent is still in its block
        try:
            now = self._held()
        except OSError:
            if exc is None:
                raise
            return  # what the block raised matters more
        self.taken = []
        for memory, before in self._before.items():
            known = self._restarted or now[memory].peak > before.peak
            self.taken.append(
                Taken(memory, before.bytes, now[memory].bytes, now[memory].peak if known else None))
        if not self.quiet:
            print(self, file=self.file or sys.stderr, flush=True)

    def __str__(self) -> str:
        parts = []
        for memory, before, after, peak in self.taken:
            part = f"{memory}: {'+' if after >= before else ''}{_size(after - before)}"
            if peak is not None:
                part += f", peak +{_size(max(peak - before, 0))}"
            parts.append(part)
        label = f"{self.label}: " if self.label else ""
        return f"ttmem: {label}card {self.card} {'; '.join(parts)}"
