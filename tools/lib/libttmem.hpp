/* SPDX-License-Identifier: MIT */
/*
 * libttmem for runtimes in C++17 and later: what libttmem.h has, as objects, and
 * the hook that an allocator calls. A header and nothing else: link libttmem.
 *
 *	ttmem::Card card(0);
 *	ttmem::Reservation weights = card.reserve(what);	// rare: a call
 *	ttmem::Counter buffers(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
 *
 *	buffers.allocated(bytes);				// hot: an addition
 *	buffers.freed(bytes);
 *
 * Without ttmem. No constructor fails for want of the module, the card or the
 * node: Card::error() tells, all else works, counts at the same cost, and is in
 * nobody's books. So a runtime has one path. Nothing here throws but
 * std::bad_alloc, from what allocates.
 *
 * Lifetime. Card is a reference to one open card, which is one client of ttmem;
 * copies share it, and so does each object that is made from it. With the last
 * of them the client ends and all that it held is given back, also what counters
 * still have. An allocator that comes and goes alone opens a Card of its own, and
 * leaves nothing behind.
 *
 * Threads. All of it may be used by any thread at any time, as long as the object
 * itself is not assigned to, moved from or destroyed meanwhile; the functions
 * that end in _alone() ask for more and say so.
 *
 * fork(). The child shares the client: what it counts is added to its parent's,
 * and what both hold ends with the later of them. Reservations know the process
 * that made them and are given back by no other, so a child that ends through
 * exit(), and destroys its copies, takes nothing away from its parent. Counters
 * cost too little to know that: a child must not free through its copy of an
 * allocator what its parent still has, as it must not on the device. A child that
 * allocates for itself makes a Card and counters of its own. _exit() and exec()
 * touch nothing.
 *
 * exec(). The card is closed and the books end, unless it was opened with
 * TTMEM_OPEN_INHERIT. Then reservations and counters stay as they were, until
 * the new program's end.
 */
#ifndef LIBTTMEM_HPP
#define LIBTTMEM_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <errno.h>
#include <unistd.h>

#include "libttmem.h"

namespace ttmem {

class Reservation;

/**
 * Card - an open card, or none
 */
class Card {
public:
	/** Card() - no card: what is counted for it is in nobody's books */
	Card() noexcept = default;

	/**
	 * Card() - open a card by its number
	 * @number: N of /dev/tenstorrent/N
	 * @flags: TTMEM_OPEN_*
	 */
	explicit Card(unsigned int number, unsigned int flags = 0)
	{
		struct ttmem_card *card;

		error_ = ttmem_open(number, flags, &card);
		own(card);
	}

	/**
	 * of_pci() - open a card by its PCI address
	 * @address: as "0000:01:00.0"
	 * @flags: TTMEM_OPEN_*
	 */
	static Card of_pci(const char *address, unsigned int flags = 0)
	{
		struct ttmem_card *opened;
		Card card;

		card.error_ = ttmem_open_pci(address, flags, &opened);
		card.own(opened);
		return card;
	}

	/**
	 * of_fd() - open the card that an open file of TT-KMD belongs to
	 * @fd: a descriptor of /dev/tenstorrent/N; it stays the caller's
	 * @flags: TTMEM_OPEN_*
	 */
	static Card of_fd(int fd, unsigned int flags = 0)
	{
		struct ttmem_card *opened;
		Card card;

		card.error_ = ttmem_open_fd(fd, flags, &opened);
		card.own(opened);
		return card;
	}

	/** error() - 0 if it is open, else what ttmem_open() returned */
	int error() const noexcept
	{
		return error_;
	}

	explicit operator bool() const noexcept
	{
		return card_ != nullptr;
	}

	/** get() - for the functions of libttmem.h, which take NULL too */
	struct ttmem_card *get() const noexcept
	{
		return card_.get();
	}

	/** chips() - how many chips are reached through it, 0 if it is not open or gone */
	unsigned int chips() const noexcept
	{
		struct ttmem_info info = {};

		return ttmem_info(get(), &info, sizeof(info)) ? 0 : info.chips;
	}

	/**
	 * reserve() - take bytes of a pool
	 * @what: as for ttmem_reserve()
	 *
	 * Return: them, until it is destroyed; its error() tells if there are none.
	 */
	Reservation reserve(const struct ttmem_reserve &what) const;

private:
	void own(struct ttmem_card *card)
	{
		if (card)
			card_.reset(card, ttmem_close);
	}

	std::shared_ptr<struct ttmem_card> card_;
	int error_ = -EBADF;
};

/**
 * Reservation - bytes of a pool that are given back when it is destroyed
 *
 * For what is rare and worth a call: weights, a trace region. Unlike what is
 * counted it is refused when the pool is full, and listed with its label.
 */
class Reservation {
public:
	/** Reservation() - nothing */
	Reservation() noexcept = default;

	Reservation(Reservation &&other) noexcept
		: card_(std::move(other.card_)), handle_(std::exchange(other.handle_, 0)),
		  error_(std::exchange(other.error_, -ENOENT)), process_(other.process_)
	{
	}

	Reservation &operator=(Reservation &&other) noexcept
	{
		if (this != &other) {
			free();
			card_ = std::move(other.card_);
			handle_ = std::exchange(other.handle_, 0);
			error_ = std::exchange(other.error_, -ENOENT);
			process_ = other.process_;
		}
		return *this;
	}

	~Reservation()
	{
		free();
	}

	/** error() - 0 if there are bytes, else what ttmem_reserve() returned */
	int error() const noexcept
	{
		return error_;
	}

	explicit operator bool() const noexcept
	{
		return !error_;
	}

	/** handle() - as ttmem_reserve() gave it, 0 if there is none */
	std::uint64_t handle() const noexcept
	{
		return handle_;
	}

	/** free() - give the bytes back now */
	void free() noexcept
	{
		if (handle_ && process_ == getpid())
			ttmem_free(card_.get(), handle_);
		handle_ = 0;
		error_ = -ENOENT;
		card_ = Card();
	}

private:
	friend class Card;

	Reservation(const Card &card, struct ttmem_reserve what) noexcept
		: error_(ttmem_reserve(card.get(), &what, sizeof(what))), process_(getpid())
	{
		if (error_)
			return;
		card_ = card;
		handle_ = what.handle;
	}

	Card card_;
	std::uint64_t handle_ = 0;
	int error_ = -ENOENT;
	pid_t process_ = 0;
};

inline Reservation Card::reserve(const struct ttmem_reserve &what) const
{
	return Reservation(*this, what);
}

/**
 * Counter - the bytes of one tag in one memory of one chip, for what is hot
 *
 * Two counters that are made alike are the same one. The module reads it when
 * somebody asks; what is below 0 then counts as 0.
 */
class Counter {
public:
	/** Counter() - one that is in nobody's books */
	Counter() : Counter(Card(), 0, TTMEM_DRAM, TTMEM_TAG_BUFFER)
	{
	}

	/**
	 * Counter() - a counter of a card
	 * @card: the card
	 * @chip: the chip. Of one that the card has not, the bytes are in nobody's
	 *	books
	 * @memory: the memory
	 * @tag: what the bytes are for, likewise
	 */
	Counter(const Card &card, unsigned int chip, enum ttmem_memory memory, enum ttmem_tag tag)
		: card_(card)
	{
		std::int64_t *counters = ttmem_counters(chip < chips_max ? card.get() : nullptr);

		cell_ = &counters[TTMEM_COUNTER_INDEX(chip % chips_max, std::size_t(memory),
						      std::size_t(tag))];
	}

	/**
	 * allocated() - the hook of an allocator that has given bytes out
	 * @bytes: what it took for them, all banks together
	 */
	void allocated(std::uint64_t bytes) const noexcept
	{
		__atomic_fetch_add(cell_, std::int64_t(bytes), __ATOMIC_RELAXED);
	}

	/**
	 * freed() - the hook of an allocator that has bytes back
	 * @bytes: as for allocated()
	 */
	void freed(std::uint64_t bytes) const noexcept
	{
		__atomic_fetch_sub(cell_, std::int64_t(bytes), __ATOMIC_RELAXED);
	}

	/**
	 * allocated_alone() - as allocated(), where nobody else changes this counter
	 * @bytes: as for allocated()
	 *
	 * For an allocator that holds a lock anyway: a load and a store, which take a
	 * fraction of an atomic addition. All who change the counter hold that lock.
	 */
	void allocated_alone(std::uint64_t bytes) const noexcept
	{
		set(std::int64_t(std::uint64_t(value()) + bytes));
	}

	/**
	 * freed_alone() - as freed(), where nobody else changes this counter
	 * @bytes: as for allocated()
	 */
	void freed_alone(std::uint64_t bytes) const noexcept
	{
		set(std::int64_t(std::uint64_t(value()) - bytes));
	}

	/**
	 * set() - what there is now, for what is computed as a whole
	 * @bytes: all of it; as circular buffers when a program is set up
	 */
	void set(std::int64_t bytes) const noexcept
	{
		__atomic_store_n(cell_, bytes, __ATOMIC_RELAXED);
	}

	/** value() - what was counted */
	std::int64_t value() const noexcept
	{
		return __atomic_load_n(cell_, __ATOMIC_RELAXED);
	}

private:
	/* There is room for so many in a page of counters. */
	static constexpr unsigned int chips_max = 32;

	Card card_;
	std::int64_t *cell_;
};

/**
 * Counters - the same tag of the same memory on many chips
 *
 * For an allocator that places in lock step: what it gives out it takes on each
 * chip. An addition a chip.
 */
class Counters {
public:
	Counters() noexcept = default;

	/** add() - one more chip, before the allocator begins */
	void add(const Counter &counter)
	{
		counters_.push_back(counter);
	}

	/** size() - how many chips */
	std::size_t size() const noexcept
	{
		return counters_.size();
	}

	/** begin(), end() - the counter of each chip, in the order of add() */
	std::vector<Counter>::const_iterator begin() const noexcept
	{
		return counters_.begin();
	}

	std::vector<Counter>::const_iterator end() const noexcept
	{
		return counters_.end();
	}

	/** allocated() and all that follow: as Counter has them, on each chip */
	void allocated(std::uint64_t bytes) const noexcept
	{
		for (const Counter &counter : counters_)
			counter.allocated(bytes);
	}

	void freed(std::uint64_t bytes) const noexcept
	{
		for (const Counter &counter : counters_)
			counter.freed(bytes);
	}

	void allocated_alone(std::uint64_t bytes) const noexcept
	{
		for (const Counter &counter : counters_)
			counter.allocated_alone(bytes);
	}

	void freed_alone(std::uint64_t bytes) const noexcept
	{
		for (const Counter &counter : counters_)
			counter.freed_alone(bytes);
	}

	void set(std::int64_t bytes) const noexcept
	{
		for (const Counter &counter : counters_)
			counter.set(bytes);
	}

private:
	std::vector<Counter> counters_;
};

} /* namespace ttmem */

#endif /* LIBTTMEM_HPP */
