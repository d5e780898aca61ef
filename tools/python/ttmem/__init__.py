# SPDX-License-Identifier: MIT
"""What processes hold in the memory of Tenstorrent cards: tell it, and read it.

    import ttmem

    with ttmem.open(0) as card:
        card.reserve("DRAM", 200 << 20, tag="buffer", label="kv")
        ...

    for client in ttmem.clients():
        print(client.card, client.pid, client.command, client.memory, client.bytes)

In torch.cuda's words, for this process or for another one by its pid:

    ttmem.memory_allocated(0), ttmem.max_memory_allocated(0, pid=1234)
    ttmem.reset_peak_memory_stats(0)
    free, total = ttmem.mem_get_info(0)
    print(ttmem.memory_summary(0))

    with ttmem.measure(0, "forward"):   # prints what the block took
        ...

An open card is one client of the kernel module ttmem. What it holds is given back
when it is closed, or when the process ends, in whatever way.

Sizes are bytes, of all banks of a memory together. A memory is "DRAM" or "L1". A
tag says what bytes are for: "buffer", "trace" or "system" in DRAM; "buffer",
"l1_small", "cb" or "system" in L1.

Errors. What libttmem or the kernel refuses is an OSError with their errno, and
with libttmem's sentence on what to do about it. From open():

    ENXIO       no such card, or ttmem does not follow it, or TT-KMD is not loaded
    ENOPKG      the card is there, the module ttmem is not loaded
    ENOTCONN    the card's node is not in this /dev: a container was not given it
    EACCES      the node may not be opened (a PermissionError)

and of every call on a card:

    EBADF       it has been closed
    ENODEV      the card is gone, or its books were invalidated after a reset; for
                good: close it and open it again
    ESRCH       the process that attribute() named is gone, and the books with it; for
                good: close the card

What can be told to be wrong before anybody is asked is a ValueError, as a memory
of another name, or a TypeError.

Threads. Everything here may be called by any thread at any time. close() takes
effect when the calls under way on that card have ended.

Processes. After os.fork() parent and child share the client, its counters too, and
what it holds is given back when both have closed it or ended. A child that leaves a
with block which its parent has entered gives nothing back and measures nothing, and
one that closes the card closes its own copy. A child that wants books of its own
opens the card again.
"""

import ctypes
import errno
import operator
import os
from types import TracebackType
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Tuple, Type, TypeVar, Union

from . import _library
from ._library import library

__version__ = "0.1.0"

__all__ = [
    "Card",
    "CardId",
    "Client",
    "Freed",
    "Gauge",
    "Info",
    "Pool",
    "Reservation",
    "ReservationEntry",
    "Taken",
    "cards",
    "clients",
    "max_memory_allocated",
    "measure",
    "mem_get_info",
    "memory_allocated",
    "memory_summary",
    "open",
    "open_fd",
    "pool",
    "pools",
    "present",
    "reset_peak_memory_stats",
    "stat",
]

_MEMORIES = ("DRAM", "L1")
_TAGS = ("buffer", "trace", "system", "l1_small", "cb")
_TAGS_OF = (("buffer", "trace", "system"), ("buffer", "l1_small", "cb", "system"))
_SOURCES = ("self", "attributed")

_Structure = TypeVar("_Structure", bound=ctypes.Structure)


class CardId(NamedTuple):
    """A card that TT-KMD drives.

    number   N of /dev/tenstorrent/N and of tenstorrent!N in sysfs
    chips    chips that ttmem keeps books of, 0 if it does not follow the card
    address  PCI address, "0000:01:00.0"
    """

    number: int
    chips: int
    address: str


class Info(NamedTuple):
    """What an open card is.

    card, address, board     number, PCI address, board's name ("" if not known)
    chips                    how many chips are reached through it
    vendor_id, device_id, subsystem_vendor_id, subsystem_id   of PCI
    abi_version              the version of the module's interface
    client                   the id of this card object in clients()
    """

    card: int
    address: str
    board: str
    chips: int
    vendor_id: int
    device_id: int
    subsystem_vendor_id: int
    subsystem_id: int
    abi_version: int
    client: int


class Pool(NamedTuple):
    """One memory of one chip, or of a whole card: what it has and what is used.

    card    the card's number
    chip    the chip, None for the card as a whole
    memory  "DRAM" or "L1"
    total   capacity in bytes, 0 if not known
    used    bytes that are charged now
    free    bytes that are not, 0 if the capacity is not known
    peak    highest used since the module was loaded or root restarted it, in bytes
    banks   equal parts that it has, 0 if not known
    """

    card: int
    chip: Optional[int]
    memory: str
    total: int
    used: int
    free: int
    peak: int
    banks: int


class Client(NamedTuple):
    """What a client holds on one chip in one memory under one tag.

    card          the card's number
    client        id, unique while the module is loaded; for Card.reservations()
    pid           process that last reserved or set through it, or that it was
                  attributed to; None if that is not visible from here or no longer
                  lives
    uid           its effective user
    chip          the chip
    memory, tag   None if this package is too old to know it. The tag is also None
                  where bytes is 0: such an entry tells a peak and nothing else
    bytes         reservations, gauge and counter together
    peak          the most that it ever held of this memory of this chip, in bytes
    reservations  how many, 0 if there is only a gauge or a counter
    source        who told it: "self", or "attributed" for another process that
                  spoke for it; None if this package is too old to know it
    command       the process's name, "-" if pid is None. Bytes that are not UTF-8
                  are surrogates, as os.fsdecode() has them
    """

    card: int
    client: int
    pid: Optional[int]
    uid: int
    chip: int
    memory: Optional[str]
    tag: Optional[str]
    bytes: int
    peak: int
    reservations: int
    source: Optional[str]
    command: str


class ReservationEntry(NamedTuple):
    """A reservation in a list.

    handle              names it, among those of its client
    chip, memory, tag   memory and tag are None if this package is too old to know it
    size                bytes taken, all banks together
    payload             bytes that were asked for, 0 if not told
    address             bank-local address, None if not told
    cookie              the runtime's own id
    label               as it was told
    overcommit          it was allowed to go past the capacity
    """

    handle: int
    chip: int
    memory: Optional[str]
    tag: Optional[str]
    size: int
    payload: int
    address: Optional[int]
    cookie: int
    label: str
    overcommit: bool


class Gauge(NamedTuple):
    """A gauge's new value, for Card.set_many().

    memory, tag, chip  which gauge
    bytes              its value, all banks together; 0 takes it away
    largest_free       largest free range of one bank in bytes, 0 if not told; it is
                       shown in fdinfo and not counted
    """

    memory: str
    bytes: int
    tag: str = "buffer"
    chip: int = 0
    largest_free: int = 0


class Freed(NamedTuple):
    """What was given back: bytes of reservations and gauges, and how many reservations."""

    bytes: int
    reservations: int


def _check(ret: int) -> int:
    """Pass on what libttmem returned, or raise what it says went wrong."""
    if ret < 0:
        raise OSError(-ret, library.ttmem_strerror(ret).decode())
    return ret


def _unsigned(name: str, value: int, bits: int, least: int = 0) -> int:
    """ctypes cuts off what does not fit; refuse it instead."""
    number = operator.index(value)
    if not least <= number < 1 << bits:
        raise ValueError(f"{name} must be from {least} to 2^{bits} - 1, not {number}")
    return number


def _memory(name: str) -> int:
    if name not in _MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(_MEMORIES)}, not {name!r}")
    return _MEMORIES.index(name)


def _tag(name: str) -> int:
    if name not in _TAGS:
        raise ValueError(f"tag must be one of {', '.join(_TAGS)}, not {name!r}")
    return _TAGS.index(name)


def _name(names: Tuple[str, ...], number: int) -> Optional[str]:
    return names[number] if number < len(names) else None


def _address(domain: int, bus: int, device: int, function: int) -> str:
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


_Fetch = Callable[[Any, Any, int], int]
_Entry = TypeVar("_Entry")


def _list(
    structure: Type[_Structure], fetch: _Fetch, convert: Callable[[_Structure], _Entry]
) -> List[_Entry]:
    """Fetch a list of libttmem's, make Python's of it, and free it."""
    entries = ctypes.c_void_p()
    count = ctypes.c_size_t()
    _check(fetch(ctypes.byref(entries), ctypes.byref(count), ctypes.sizeof(structure)))
    try:
        array = ctypes.cast(entries, ctypes.POINTER(structure))
        return [convert(array[i]) for i in range(count.value)]
    finally:
        library.ttmem_list_free(entries)


class _Handle:
    """libttmem's card. Closed with the last reference, so never in the middle of a call."""

    def __init__(self, pointer: ctypes.c_void_p) -> None:
        self._as_parameter_ = pointer

    def __del__(self, _close: Callable[[Any], int] = library.ttmem_close) -> None:
        _close(self._as_parameter_)


class Reservation:
    """Bytes of one pool that a card object holds, as Card.reserve() made it.

    A context manager that gives them back at its end, in the process that reserved
    them: where a forked child leaves the block, they stay its parent's. To lose the
    object gives nothing back: that is done by free(), by closing the card and by the
    end of the process.
    """

    card: "Card"  #: the card object that holds it
    handle: int  #: names it, among those of its card object
    chip: int  #: the chip
    memory: str  #: "DRAM" or "L1"
    tag: str  #: what the bytes are for
    size: int  #: bytes taken, all banks together
    label: str  #: as it was told

    def __init__(
        self, card: "Card", handle: int, chip: int, memory: str, tag: str, size: int, label: str
    ) -> None:
        self.card = card
        self.handle = handle
        self.chip = chip
        self.memory = memory
        self.tag = tag
        self.size = size
        self.label = label
        self._process = os.getpid()

    def free(self) -> None:
        """Give the bytes back, also those that a parent has reserved.

        Raises OSError: ENOENT if that was done already, EBADF after the card was
        closed, ENODEV, ESRCH.
        """
        self.card.free(self.handle)

    def __enter__(self) -> "Reservation":
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
            self.free()
        except OSError:
            # Freed in between, or the card is closed or gone: it is given back.
            pass

    def __repr__(self) -> str:
        return (
            f"<ttmem.Reservation {self.size} bytes of {self.memory} chip {self.chip} "
            f"tag {self.tag} label {self.label!r}>"
        )


class Card:
    """An open card: one client of ttmem. open() makes it.

    A context manager that closes it.
    """

    _handle: Optional[_Handle]

    def __init__(self, pointer: ctypes.c_void_p) -> None:
        self._handle = _Handle(pointer)
        self._chips = 0

    def _call(self, function: Callable[..., int], *arguments: Any) -> int:
        # No reference stays behind in the traceback of what is raised later: it
        # would keep a closed card open.
        handle = self._handle
        try:
            return function(handle, *arguments)
        finally:
            del handle

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._handle is None

    @property
    def number(self) -> int:
        """TT-KMD's number of the card. Raises OSError: EBADF."""
        return _check(self._call(library.ttmem_card_number))

    def fileno(self) -> int:
        """The descriptor, for passing on and for fdinfo. It stays the card's.

        Raises OSError: EBADF.
        """
        return _check(self._call(library.ttmem_fd))

    def close(self) -> None:
        """Close the card and give back all that was held through it.

        What is shared with another process is given back when that one closes it
        too. To close twice is no error.
        """
        self._handle = None

    def __enter__(self) -> "Card":
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<ttmem.Card closed>" if self.closed else f"<ttmem.Card {self.number}>"

    def _info(self, memory: str, chip: int) -> _library.Info:
        info = _library.Info(memory=_memory(memory), chip=_unsigned("chip", chip, 32))
        _check(self._call(library.ttmem_info, ctypes.byref(info), ctypes.sizeof(info)))
        return info

    def info(self) -> Info:
        """What the card is. Raises OSError: EBADF, ENODEV, ESRCH."""
        info = self._info("DRAM", 0)
        return Info(
            card=info.card,
            address=_address(info.pci_domain, info.pci_bus, info.pci_device, info.pci_function),
            board=info.board.decode("ascii", "replace"),
            chips=info.chips,
            vendor_id=info.vendor_id,
            device_id=info.device_id,
            subsystem_vendor_id=info.subsystem_vendor_id,
            subsystem_id=info.subsystem_id,
            abi_version=info.abi_version,
            client=info.client,
        )

    def pool(self, memory: str, chip: int = 0) -> Pool:
        """One memory of one chip, all its numbers from one moment.

        Raises OSError: EINVAL if the card has no such chip, EBADF, ENODEV, ESRCH.
        """
        info = self._info(memory, chip)
        return Pool(
            card=info.card,
            chip=chip,
            memory=memory,
            total=info.total,
            used=info.used,
            free=max(info.total - info.used, 0),
            peak=info.peak,
            banks=info.banks,
        )

    def reserve(
        self,
        memory: str,
        size: int,
        *,
        tag: str = "buffer",
        label: str = "",
        chip: int = 0,
        payload: int = 0,
        address: Optional[int] = None,
        cookie: int = 0,
        overcommit: bool = False,
    ) -> Reservation:
        """Take bytes of a pool.

        memory      "DRAM" or "L1"
        size        bytes taken, all banks together; not 0
        tag         what they are for
        label       printable ASCII, at most 31 characters, for listings
        chip        the chip
        payload     bytes that were asked for, at most size; 0 if not told
        address     bank-local address, None if not told
        cookie      the runtime's own id, not looked at
        overcommit  record it also where it goes past the capacity

        Raises OSError: ENOSPC if the pool has less left, EDQUOT at a limit on what a
        client holds, 1 TiB of a pool or a number of reservations, EINVAL if there is
        no such chip or the memory has no such tag, ENOMEM, EBADF, ENODEV, ESRCH.
        """
        try:
            text = label.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError(f"label must be printable ASCII, not {label!r}") from None
        if len(text) >= _library.LABEL_SIZE or b"\0" in text:
            raise ValueError(
                f"label must have at most {_library.LABEL_SIZE - 1} characters "
                f"and no NUL, not {label!r}"
            )
        arg = _library.Reserve(
            chip=_unsigned("chip", chip, 32),
            memory=_memory(memory),
            tag=_tag(tag),
            size=_unsigned("size", size, 64, least=1),
            payload=_unsigned("payload", payload, 64),
            cookie=_unsigned("cookie", cookie, 64),
            label=text,
        )
        if address is not None:
            arg.address = _unsigned("address", address, 64)
            arg.flags |= _library.RESERVE_ADDRESS
        if overcommit:
            arg.flags |= _library.RESERVE_OVERCOMMIT
        _check(self._call(library.ttmem_reserve, ctypes.byref(arg), ctypes.sizeof(arg)))
        return Reservation(self, arg.handle, arg.chip, memory, tag, arg.size, label)

    def free(self, handle: int) -> None:
        """Give back one reservation by its handle.

        Raises OSError: ENOENT if this card object holds no such, EBADF, ENODEV, ESRCH.
        """
        _check(self._call(library.ttmem_free, _unsigned("handle", handle, 64)))

    def _free_many(self, function: Callable[..., int], *arguments: int) -> Freed:
        size = ctypes.c_uint64()
        count = ctypes.c_uint64()
        _check(self._call(function, *arguments, ctypes.byref(size), ctypes.byref(count)))
        return Freed(size.value, count.value)

    def free_chip(self, chip: int) -> Freed:
        """Give back all that this card object holds on a chip, its gauges too.

        Its counters become 0; what another thread adds meanwhile stands or is lost.

        Raises OSError: EINVAL if the card has no such chip, EBADF, ENODEV, ESRCH.
        """
        return self._free_many(library.ttmem_free_chip, _unsigned("chip", chip, 32))

    def free_all(self) -> Freed:
        """Give back all that this card object holds; as free_chip() for each chip.

        Raises OSError: EBADF, ENODEV, ESRCH.
        """
        return self._free_many(library.ttmem_free_all)

    def set(
        self, memory: str, bytes: int, *, tag: str = "buffer", chip: int = 0, largest_free: int = 0
    ) -> None:
        """Set one gauge; the arguments are those of Gauge.

        Raises OSError as set_many().
        """
        self.set_many([Gauge(memory, bytes, tag, chip, largest_free)])

    def set_many(self, gauges: Iterable[Gauge]) -> None:
        """Set gauges to new values, 1 to 256 of them, all or none.

        For runtimes that count by themselves. A gauge is not held against the
        pool's capacity. Of two values for one gauge the later counts.

        Raises OSError: EINVAL if there are none or too many, if there is no such
        chip or a memory has no such tag; EDQUOT above 1 TiB of a pool, ENOMEM, EBADF,
        ENODEV, ESRCH.
        """
        entries = [
            _library.Gauge(
                chip=_unsigned("chip", gauge.chip, 32),
                memory=_memory(gauge.memory),
                tag=_tag(gauge.tag),
                bytes=_unsigned("bytes", gauge.bytes, 64),
                largest_free=_unsigned("largest_free", gauge.largest_free, 64),
            )
            for gauge in gauges
        ]
        array = (_library.Gauge * len(entries))(*entries)
        _check(
            self._call(library.ttmem_set, array, len(entries), ctypes.sizeof(_library.Gauge))
        )

    def add(self, memory: str, delta: int, *, tag: str = "buffer", chip: int = 0) -> None:
        """Add to a counter: bytes taken, or given back if delta is negative.

        Counters are for what changes too often for a gauge: the kernel is not
        called, but reads them when somebody asks what is used. What is below 0 counts
        as 0. A counter adds to the gauge of the same tag.

        Raises OSError: EBADF; from the first call also ENODEV, ESRCH. Later ones add
        to counters that nobody reads once the card is gone.
        """
        m, t = _memory(memory), _tag(tag)
        if tag not in _TAGS_OF[m]:
            raise ValueError(f"{memory} has no tag {tag}")
        n = operator.index(delta)
        if not -(1 << 63) <= n < 1 << 63:
            raise ValueError(f"delta must be from -2^63 to 2^63 - 1, not {n}")
        if not self._chips:
            self._chips = self.info().chips
        k = operator.index(chip)
        if not 0 <= k < self._chips:
            raise ValueError(f"chip must be below {self._chips}, not {k}")

        def count(handle: Optional[_Handle]) -> int:
            if handle is None:
                return -errno.EBADF
            library.ttmem_counter_add(library.ttmem_counters(handle), k, m, t, n)
            return 0

        _check(self._call(count))

    def restart_peaks(self) -> None:
        """Let the peaks of this card object's entries in clients() start again.

        They start at what it holds now. The peaks of pools stay.

        Raises OSError: EBADF, ENODEV, ESRCH.
        """
        _check(self._call(library.ttmem_restart_peaks))

    def attribute(self, pid: int) -> None:
        """Let this card object, which holds nothing yet, speak for a process from now on.

        Its entries in clients() show that process, and its books end with it. For a
        service that keeps the books of programs that do not know ttmem. A number may
        go to another process: open a pidfd of the one that is meant, call this, and
        see that the pidfd's process still lives.

        Raises OSError: EPERM without CAP_SYS_PTRACE for another process than one's
        own, and for a kernel thread; ESRCH if there is no such process, EBUSY if this
        was done before or something is held, EINVAL for 0, EBADF, ENODEV.
        """
        _check(self._call(library.ttmem_attribute, _unsigned("pid", pid, 31)))

    def reservations(self, client: int = 0) -> List[ReservationEntry]:
        """List the reservations of this card object, or of a client by its id.

        In no particular order. A long list is fetched in pieces: what is reserved
        or freed meanwhile may or may not be in it.

        Raises OSError: EACCES for a client of another user or of a process that is
        not visible from here, unless one has CAP_SYS_PTRACE; ENOENT if the card has no
        such client, ENOMEM, EBADF, ENODEV, ESRCH.
        """
        who = _unsigned("client", client, 64)

        def fetch(entries: Any, count: Any, size: int) -> int:
            return self._call(library.ttmem_reservations, who, entries, count, size)

        def convert(entry: _library.Reservation) -> ReservationEntry:
            return ReservationEntry(
                handle=entry.handle,
                chip=entry.chip,
                memory=_name(_MEMORIES, entry.memory),
                tag=_name(_TAGS, entry.tag),
                size=entry.size,
                payload=entry.payload,
                address=entry.address if entry.flags & _library.RESERVE_ADDRESS else None,
                cookie=entry.cookie,
                label=entry.label.decode("ascii", "replace"),
                overcommit=bool(entry.flags & _library.RESERVE_OVERCOMMIT),
            )

        return _list(_library.Reservation, fetch, convert)


def _flags(inherit: bool, quiet: bool) -> int:
    return (_library.OPEN_INHERIT if inherit else 0) | (_library.OPEN_QUIET if quiet else 0)


def open(card: Union[int, str], *, inherit: bool = False, quiet: bool = False) -> Card:
    """Open a card by its number, or by its PCI address as text.

    card     N of /dev/tenstorrent/N; or "0000:01:00.0" or, in domain 0, "01:00.0"
    inherit  keep the descriptor over exec(), for a process that becomes another
    quiet    print nothing. Else libttmem prints one line on stderr, once per
             process, where the node is missing or not permitted: a program that
             ignores the error would be absent from the books unnoticed

    Raises OSError: ENXIO, ENOPKG, ENOTCONN, EACCES as explained above; EINVAL for
    what is no address; ENOMEM, EMFILE, ENFILE if the card has as many clients as it
    can have, ENODEV if it went away meanwhile.
    """
    pointer = ctypes.c_void_p()
    flags = _flags(inherit, quiet)
    if isinstance(card, str):
        address = os.fsencode(card)
        if b"\0" in address:
            raise ValueError(f"card must be a PCI address without NUL, not {card!r}")
        _check(library.ttmem_open_pci(address, flags, ctypes.byref(pointer)))
    else:
        number = _unsigned("card", card, 32)
        _check(library.ttmem_open(number, flags, ctypes.byref(pointer)))
    return Card(pointer)


def open_fd(fd: int, *, inherit: bool = False, quiet: bool = False) -> Card:
    """Open the card that an open file of TT-KMD belongs to, whatever its name was.

    fd  a descriptor of /dev/tenstorrent/N; only looked at, it stays the caller's

    Raises OSError as open(); EBADF if fd is not open, EINVAL if it is something
    else than a card of TT-KMD.
    """
    pointer = ctypes.c_void_p()
    number = _unsigned("fd", fd, 31)
    _check(library.ttmem_open_fd(number, _flags(inherit, quiet), ctypes.byref(pointer)))
    return Card(pointer)


# What follows reads sysfs and procfs: it needs no open card, no node and no rights.


def present() -> None:
    """Raise an OSError unless TT-KMD (else ENXIO) and ttmem (else ENOPKG) are loaded."""
    _check(library.ttmem_present())


def cards() -> List[CardId]:
    """List the cards that TT-KMD drives, by number.

    Raises OSError: ENXIO if TT-KMD is not loaded, ENOMEM.
    """

    def convert(card: _library.CardId) -> CardId:
        return CardId(card.number, card.chips, card.address.decode())

    return _list(_library.CardId, library.ttmem_cards, convert)


def clients(card: Optional[int] = None) -> List[Client]:
    """List what all clients hold, of a card or of all cards; oldest client first.

    An entry for each client, chip, memory and tag of which it holds something, and
    one for each memory of which it only held something. The entries of one client are
    from one moment.

    Raises OSError: ENXIO, ENOPKG, ENOMEM; EOPNOTSUPP if ttmem is loaded and its list is
    not in this /proc, as in one mounted with subset=pid; EPROTO if the module is too new.
    """
    number = None if card is None else _unsigned("card", card, 32)
    if number is not None:
        stat(number, "clients")  # says why, where there are no books

    def convert(client: _library.Client) -> Client:
        return Client(
            card=client.card,
            client=client.client,
            pid=client.pid or None,
            uid=client.uid,
            chip=client.chip,
            memory=_name(_MEMORIES, client.memory),
            tag=_name(_TAGS, client.tag),
            bytes=client.bytes,
            peak=client.peak,
            reservations=client.reservations,
            source=_name(_SOURCES, client.source),
            command=os.fsdecode(client.command),
        )

    return [
        client
        for client in _list(_library.Client, library.ttmem_clients, convert)
        if number is None or client.card == number
    ]


def stat(card: int, name: str) -> int:
    """Read a file of a card's memory_stats, as "dram_used" or "chip0/l1_total".

    Raises OSError: ENXIO, ENOPKG; ENOENT if there is no such file, EINVAL for a name
    that leads elsewhere, EPROTO if it holds no number.
    """
    value = ctypes.c_uint64()
    text = os.fsencode(name)
    if b"\0" in text:
        raise ValueError(f"name must have no NUL, not {name!r}")
    _check(library.ttmem_stat(_unsigned("card", card, 32), text, ctypes.byref(value)))
    return value.value


def pool(card: int, memory: str, chip: Optional[int] = None) -> Pool:
    """One memory of a card, or of one of its chips, without opening it.

    Its numbers are read one after the other; Card.pool() has all from one moment.

    Raises OSError: ENXIO, ENOPKG; ENOENT if there is no such chip.
    """
    _memory(memory)
    where = "" if chip is None else f"chip{_unsigned('chip', chip, 32)}/"
    total, used, free, peak, banks = (
        stat(card, f"{where}{memory.lower()}_{name}")
        for name in ("total", "used", "free", "peak", "banks")
    )
    return Pool(card, chip, memory, total, used, free, peak, banks)


def pools(card: Optional[int] = None) -> List[Pool]:
    """List the memories of each chip, of a card or of all cards.

    Raises OSError: ENXIO, ENOPKG.
    """
    present()
    if card is not None:
        stat(card, "clients")  # says why, where there are no books
    return [
        pool(found.number, memory, chip)
        for found in cards()
        if card is None or found.number == card
        for chip in range(found.chips)
        for memory in _MEMORIES
    ]


from ._torch import (  # noqa: E402 # it builds on all of the above
    Taken,
    max_memory_allocated,
    measure,
    mem_get_info,
    memory_allocated,
    memory_summary,
    reset_peak_memory_stats,
)
