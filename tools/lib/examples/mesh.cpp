// SPDX-License-Identifier: MIT
/*
 * A runtime in small, and how it keeps ttmem's books: a mesh of chips, 16 cards of
 * two chips unless told otherwise, and an allocator that places in lock step, the
 * same range in each bank of each chip. What is rare is reserved, a call each: the
 * trace region and the weights. What is hot, buffers that live for one operation, is
 * counted, an addition each.
 *
 * It tells what an allocation and its free cost so, and whether the books have what
 * the allocator has. Cards that are not there are played: no path is different.
 *
 *	c++ -std=c++17 -O2 mesh.cpp -o mesh -pthread $(pkg-config --cflags --libs ttmem)
 *	./mesh [CARDS]
 */
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include <ttmem/libttmem.hpp>

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t BANKS = 12;
constexpr std::uint64_t BANK_SIZE = 1024 * MIB;
constexpr std::uint64_t TRACE_REGION = 10 * MIB * BANKS;
constexpr std::uint64_t WEIGHTS = 300 * MIB * BANKS;

/* A chip of the mesh: one of those that a card leads to. */
struct Chip {
	ttmem::Card card;
	unsigned int number;
};

std::vector<Chip> open_mesh(unsigned int cards, unsigned int *counted)
{
	std::vector<Chip> chips;

	*counted = 0;
	for (unsigned int n = 0; n < cards; n++) {
		/* An error is nothing to this program, but that it counts for nobody. */
		ttmem::Card card(n, TTMEM_OPEN_QUIET);
		unsigned int own = card ? card.chips() : 2;

		if (card)
			++*counted;
		for (unsigned int chip = 0; chip < own; chip++)
			chips.push_back({card, chip});
	}
	return chips;
}

/*
 * The ways to tell of an allocation: as one likes, which is Counters' own way; as the
 * holder of a lock; not at all, to compare with; and by a call, likewise.
 */
class Locked {
public:
	explicit Locked(const ttmem::Counters &counters) : counters_(counters)
	{
	}

	void allocated(std::uint64_t bytes) const
	{
		counters_.allocated_alone(bytes);
	}

	void freed(std::uint64_t bytes) const
	{
		counters_.freed_alone(bytes);
	}

private:
	const ttmem::Counters &counters_;
};

class Untold {
public:
	void allocated(std::uint64_t) const
	{
	}

	void freed(std::uint64_t) const
	{
	}
};

/* For what is freed in the opposite order. */
class Called {
public:
	explicit Called(const std::vector<Chip> &chips) : chips_(chips)
	{
	}

	void allocated(std::uint64_t bytes)
	{
		struct ttmem_reserve what = {};

		what.memory = TTMEM_DRAM;
		what.size = bytes;
		for (const Chip &chip : chips_) {
			what.chip = chip.number;
			held_.push_back(chip.card.reserve(what));
		}
	}

	void freed(std::uint64_t)
	{
		held_.resize(held_.size() - chips_.size());
	}

private:
	const std::vector<Chip> &chips_;
	std::vector<ttmem::Reservation> held_;
};

/*
 * Gives out one bank from its bottom up; all banks of all chips are alike. Only the
 * last range given out becomes free again at once; the whole does when nothing is
 * given out any more.
 */
template <class Hook> class Bump_allocator {
public:
	Bump_allocator(std::uint64_t bank_size, Hook &hook) : size_(bank_size), hook_(hook)
	{
	}

	std::optional<std::uint64_t> allocate(std::uint64_t bytes)
	{
		std::uint64_t bank = in_a_bank(bytes);
		std::lock_guard<std::mutex> guard(lock_);
		std::uint64_t address = top_;

		if (bank > size_ - top_)
			return std::nullopt;
		top_ += bank;
		ranges_++;
		/* Not what was asked for: what it takes. */
		hook_.allocated(bank * BANKS);
		return address;
	}

	void free(std::uint64_t address, std::uint64_t bytes)
	{
		std::uint64_t bank = in_a_bank(bytes);
		std::lock_guard<std::mutex> guard(lock_);

		if (--ranges_ == 0)
			top_ = 0;
		else if (address + bank == top_)
			top_ = address;
		hook_.freed(bank * BANKS);
	}

private:
	static std::uint64_t in_a_bank(std::uint64_t bytes)
	{
		constexpr std::uint64_t aligned = 64;

		return (bytes + BANKS * aligned - 1) / (BANKS * aligned) * aligned;
	}

	std::mutex lock_;
	std::uint64_t size_, top_ = 0, ranges_ = 0;
	Hook &hook_;
};

/* Nanoseconds of an allocation and its free, the median of some slices. */
template <class Hook> double measure(Hook &&hook, unsigned int pairs)
{
	Bump_allocator<std::remove_reference_t<Hook>> allocator(BANK_SIZE, hook);
	std::vector<double> slices;

	for (unsigned int slice = 0; slice < 31; slice++) {
		auto start = std::chrono::steady_clock::now();

		for (unsigned int i = 0; i < pairs; i++) {
			std::uint64_t bytes = 4096 << i % 8;
			auto address = allocator.allocate(bytes);

			allocator.free(address.value(), bytes);
		}
		std::chrono::duration<double, std::nano> took =
			std::chrono::steady_clock::now() - start;
		slices.push_back(took.count() / pairs);
	}
	std::sort(slices.begin(), slices.end());
	return slices[slices.size() / 2];
}

void tell(const char *what, double pair, double bare, std::size_t chips)
{
	std::printf("%-28s %10.1f %10.2f\n", what, pair, (pair - bare) / double(chips));
}

/* What ttmem has of this process, on all cards. */
std::uint64_t in_the_books()
{
	struct ttmem_client *list;
	std::uint64_t sum = 0;
	std::size_t count;

	if (ttmem_clients(&list, &count, sizeof(*list)))
		return 0;
	for (std::size_t i = 0; i < count; i++)
		if (list[i].pid == getpid())
			sum += list[i].bytes;
	ttmem_list_free(list);
	return sum;
}

bool same(const char *when, std::uint64_t expected)
{
	std::uint64_t books = in_the_books();

	std::printf("%s: %llu MiB in ttmem's books\n", when,
		    static_cast<unsigned long long>(books / MIB));
	if (books != expected)
		std::printf("%llu bytes are there and %llu should be\n",
			    static_cast<unsigned long long>(books),
			    static_cast<unsigned long long>(expected));
	return books == expected;
}

} /* namespace */

int main(int argc, char **argv)
{
	unsigned int cards = argc > 1 ? unsigned(std::strtoul(argv[1], nullptr, 10)) : 16;
	unsigned int counted;
	std::vector<Chip> chips = open_mesh(cards, &counted);
	std::size_t real = 0;
	bool good = true;

	if (chips.empty()) {
		std::fputs("Usage: mesh [CARDS]\n", stderr);
		return 2;
	}
	std::printf("%zu chips of %u cards, %u of them with ttmem\n", chips.size(), cards,
		    counted);

	/* Rare: when the mesh is opened, and when a model is loaded. */
	std::vector<ttmem::Reservation> held;
	std::uint64_t reserved = 0;
	struct ttmem_reserve trace = {}, weights = {};

	trace.memory = weights.memory = TTMEM_DRAM;
	trace.tag = TTMEM_TAG_TRACE;
	trace.size = TRACE_REGION;
	std::strcpy(reinterpret_cast<char *>(trace.label), "trace region");
	weights.tag = TTMEM_TAG_BUFFER;
	weights.size = WEIGHTS;
	std::strcpy(reinterpret_cast<char *>(weights.label), "weights");
	for (const Chip &chip : chips) {
		for (struct ttmem_reserve *what : {&trace, &weights}) {
			what->chip = chip.number;
			held.push_back(chip.card.reserve(*what));
			if (held.back())
				reserved += what->size;
			else if (chip.card)
				std::printf("card %d chip %u: %s\n",
					    ttmem_card_number(chip.card.get()), chip.number,
					    ttmem_strerror(held.back().error()));
		}
		if (chip.card)
			real++;
	}
	good &= same("loaded", reserved);

	/* Hot: a counter on each chip. */
	ttmem::Counters buffers;

	for (const Chip &chip : chips)
		buffers.add(ttmem::Counter(chip.card, chip.number, TTMEM_DRAM, TTMEM_TAG_BUFFER));

	{
		constexpr std::uint64_t activations = 64 * MIB * BANKS;
		Bump_allocator<const ttmem::Counters> allocator(BANK_SIZE, buffers);
		auto address = allocator.allocate(activations);

		good &= same("running", reserved + activations * real);
		allocator.free(address.value(), activations);
	}

	double bare = measure(Untold(), 1 << 16);

	std::printf("%-28s %10s %10s\n", "allocation and free, ns", "all chips", "a chip");
	tell("told to nobody", bare, bare, chips.size());
	tell("counted, atomic", measure(buffers, 1 << 12), bare, chips.size());
	tell("counted under the lock", measure(Locked(buffers), 1 << 14), bare, chips.size());
	if (real)
		tell("reserved, a call each", measure(Called(chips), 16), bare, chips.size());
	good &= same("run", reserved);

	held.clear();
	good &= same("unloaded", 0);
	return good ? 0 : 1;
}
