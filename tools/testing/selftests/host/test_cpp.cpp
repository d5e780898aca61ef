// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem.hpp and its example before the real module. Wants a guest as
 * tools/testing/vm/run makes it, root, and all cards to itself. Built once for each
 * sanitizer.
 */
#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ttmem/libttmem.hpp>

extern "C" {
#include <cmocka.h>
}

static constexpr std::uint64_t MIB = 1 << 20;

static std::uint64_t stat_of(unsigned int number, const std::string &name)
{
	std::uint64_t value;

	assert_int_equal(ttmem_stat(number, name.c_str(), &value), 0);
	return value;
}

static struct ttmem_reserve dram(std::uint64_t size, const char *label = "")
{
	struct ttmem_reserve what = {};

	what.memory = TTMEM_DRAM;
	what.size = size;
	strcpy(reinterpret_cast<char *>(what.label), label);
	return what;
}

static void every_card(void **)
{
	struct ttmem_card_id *list;
	ttmem::Counters mesh;
	std::size_t count;

	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	assert_true(count > 0);
	for (std::size_t i = 0; i < count; i++) {
		ttmem::Card card(list[i].number), same = ttmem::Card::of_pci(list[i].address);
		int fd = open(("/dev/tenstorrent/" + std::to_string(list[i].number)).c_str(),
			      O_RDWR | O_CLOEXEC);
		ttmem::Card of_fd = ttmem::Card::of_fd(fd);

		close(fd);
		assert_int_equal(card.error(), 0);
		assert_int_equal(card.chips(), list[i].chips);
		assert_int_equal(ttmem_card_number(same.get()), list[i].number);
		assert_int_equal(ttmem_card_number(of_fd.get()), list[i].number);
		for (unsigned int chip = 0; chip < card.chips(); chip++)
			mesh.add(ttmem::Counter(card, chip, TTMEM_L1, TTMEM_TAG_L1_SMALL));
	}
	mesh.allocated(4096);
	mesh.freed(96);
	mesh.allocated_alone(50);
	mesh.freed_alone(49);
	for (std::size_t i = 0; i < count; i++)
		for (unsigned int chip = 0; chip < list[i].chips; chip++)
			assert_int_equal(stat_of(list[i].number, "chip" + std::to_string(chip) +
								 "/l1_small_used"), 4001);
	mesh.set(3);
	assert_int_equal(stat_of(0, "l1_used"), 3 * list[0].chips);
	/* The cards' own objects are long gone. */
	assert_int_equal(stat_of(0, "clients"), 1);
	mesh = ttmem::Counters();
	for (std::size_t i = 0; i < count; i++) {
		assert_int_equal(stat_of(list[i].number, "clients"), 0);
		assert_int_equal(stat_of(list[i].number, "l1_used"), 0);
	}
	ttmem_list_free(list);
	assert_int_equal(ttmem::Card(unsigned(count)).error(), -ENXIO);
}

static void reservations(void **)
{
	ttmem::Card card(0);
	struct ttmem_reservation *list;
	std::size_t count;

	{
		ttmem::Reservation one = card.reserve(dram(5 * MIB, "weights"));
		ttmem::Reservation two = card.reserve(dram(7 * MIB));

		assert_int_equal(one.error(), 0);
		assert_int_equal(stat_of(0, "dram_used"), 12 * MIB);
		two = std::move(one);
		assert_int_equal(stat_of(0, "dram_used"), 5 * MIB);
		assert_int_equal(ttmem_reservations(card.get(), 0, &list, &count,
						    sizeof(*list)), 0);
		assert_int_equal(count, 1);
		assert_int_equal(list->handle, two.handle());
		assert_string_equal(reinterpret_cast<char *>(list->label), "weights");
		ttmem_list_free(list);
	}
	assert_int_equal(stat_of(0, "dram_used"), 0);

	ttmem::Reservation full = card.reserve(dram(stat_of(0, "dram_total") + 1));
	assert_int_equal(full.error(), -ENOSPC);
	assert_int_equal(full.handle(), 0);

	/* With the card goes what was counted for it, and not before. */
	ttmem::Reservation held = card.reserve(dram(1));
	ttmem::Counter(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER).allocated(10);
	card = ttmem::Card();
	assert_int_equal(stat_of(0, "dram_used"), 11);
	held.free();
	assert_int_equal(stat_of(0, "dram_used"), 0);
	assert_int_equal(stat_of(0, "clients"), 0);
}

/* Whoever looks meanwhile sees what some order of the additions gives. */
static void threads(void **)
{
	constexpr unsigned int each = 20000, many = 4;
	ttmem::Card card(0);
	ttmem::Counter shared(card, 0, TTMEM_DRAM, TTMEM_TAG_SYSTEM);
	ttmem::Counter alone(card, 0, TTMEM_DRAM, TTMEM_TAG_TRACE);
	std::atomic<unsigned int> left(many);
	std::vector<std::thread> running;
	std::mutex lock;

	for (unsigned int i = 0; i < many; i++) {
		running.emplace_back([&] {
			for (unsigned int n = 0; n < each; n++) {
				shared.allocated(4096);
				{
					std::lock_guard<std::mutex> guard(lock);
					alone.allocated_alone(64);
				}
				shared.freed(4095);
			}
			left--;
		});
	}
	std::uint64_t least = 0;
	while (left) {
		std::uint64_t system = stat_of(0, "dram_system_used");
		std::uint64_t traces = stat_of(0, "dram_trace_used");

		assert_true(system <= each * many + 4096 * many);
		assert_int_equal(traces % 64, 0);
		assert_true(traces >= least && traces <= 64ull * each * many);
		least = traces;
	}
	for (std::thread &thread : running)
		thread.join();
	assert_int_equal(stat_of(0, "dram_system_used"), each * many);
	assert_int_equal(stat_of(0, "dram_trace_used"), 64ull * each * many);
}

/* A pair of pipes to go step by step with a child. */
class Steps {
public:
	Steps()
	{
		assert_int_equal(pipe2(to_, O_CLOEXEC), 0);
		assert_int_equal(pipe2(from_, O_CLOEXEC), 0);
	}

	~Steps()
	{
		for (int fd : {to_[0], to_[1], from_[0], from_[1]})
			close(fd);
	}

	bool child_waits()
	{
		char c;

		return write(from_[1], "", 1) == 1 && read(to_[0], &c, 1) == 1;
	}

	void child_is_there()
	{
		char c;

		assert_int_equal(read(from_[0], &c, 1), 1);
	}

	void child_goes_on()
	{
		assert_int_equal(write(to_[1], "\n", 1), 1);
	}

	void become_shell()
	{
		dup2(to_[0], STDIN_FILENO);
		dup2(from_[1], STDOUT_FILENO);
		execlp("sh", "sh", "-c", "echo; read line; exit 3", nullptr);
	}

private:
	int to_[2], from_[2];
};

static void forks(void **)
{
	auto card = std::make_unique<ttmem::Card>(0);
	auto held = std::make_unique<ttmem::Reservation>(card->reserve(dram(MIB)));
	auto counter = std::make_unique<ttmem::Counter>(*card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	Steps steps;
	int status;
	pid_t pid;

	counter->allocated(10);
	pid = fork();
	if (!pid) {
		bool ok;

		/* It drops all it was born with, and allocates for itself. */
		held.reset();
		counter->allocated(20);
		counter.reset();
		card.reset();
		ttmem::Card own(0);
		ttmem::Counter mine(own, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
		mine.allocated(100);
		ok = steps.child_waits();
		mine.freed(60);
		ok &= steps.child_waits();
		_exit(ok ? 0 : 1);
	}
	steps.child_is_there();
	assert_int_equal(stat_of(0, "clients"), 2);
	assert_int_equal(stat_of(0, "dram_used"), MIB + 130);
	held.reset();
	assert_int_equal(stat_of(0, "dram_used"), 130);
	counter.reset();
	card.reset();
	assert_int_equal(stat_of(0, "dram_used"), 100);
	steps.child_goes_on();
	steps.child_is_there();
	assert_int_equal(stat_of(0, "dram_used"), 40);
	steps.child_goes_on();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat_of(0, "clients"), 0);

	/* One that keeps its copies: the books end with the later of both. */
	card = std::make_unique<ttmem::Card>(0);
	held = std::make_unique<ttmem::Reservation>(card->reserve(dram(MIB)));
	ttmem::Counter(*card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER).allocated(5);
	pid = fork();
	if (!pid)
		_exit(steps.child_waits() ? 0 : 1);
	steps.child_is_there();
	assert_int_equal(stat_of(0, "dram_used"), MIB + 5);
	held.reset();
	card.reset();
	assert_int_equal(stat_of(0, "dram_used"), 5);
	assert_int_equal(stat_of(0, "clients"), 1);
	steps.child_goes_on();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat_of(0, "clients"), 0);
}

static void executes(void **)
{
	for (unsigned int flags : {0u, TTMEM_OPEN_INHERIT}) {
		std::uint64_t stays = flags ? MIB + 30 : 0;
		Steps steps;
		int status;
		pid_t pid = fork();

		if (!pid) {
			ttmem::Card card(0, flags);
			ttmem::Reservation held = card.reserve(dram(MIB));
			ttmem::Counter counter(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);

			counter.allocated(30);
			if (steps.child_waits())
				steps.become_shell();
			_exit(1);
		}
		steps.child_is_there();
		assert_int_equal(stat_of(0, "dram_used"), MIB + 30);
		steps.child_goes_on();
		steps.child_is_there();
		assert_int_equal(stat_of(0, "dram_used"), stays);
		assert_int_equal(stat_of(0, "clients"), flags ? 1 : 0);
		steps.child_goes_on();
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 3);
		assert_int_equal(stat_of(0, "clients"), 0);
	}
}

/* A reset: all goes on uncounted, and a card that is opened anew counts. */
static void invalidated(void **)
{
	ttmem::Card card(0);
	ttmem::Reservation held = card.reserve(dram(MIB));
	ttmem::Counter counter(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	FILE *file = fopen("/sys/class/ttmem/ttmem0/invalidate", "w");

	counter.allocated(5);
	assert_non_null(file);
	assert_true(fputs("1", file) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(card.chips(), 0);
	assert_int_equal(card.reserve(dram(MIB)).error(), -ENODEV);
	counter.allocated(5);
	assert_int_equal(counter.value(), 10);
	assert_int_equal(stat_of(0, "dram_used"), 0);
	held.free();

	card = ttmem::Card(0);
	counter = ttmem::Counter(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	counter.allocated(7);
	assert_int_equal(stat_of(0, "dram_used"), 7);
}

/* The example says that the books have what its allocator has, with these cards. */
static void example(void **)
{
	struct ttmem_card_id *list;
	std::size_t count, chips = 0;
	std::string out, expected;
	char line[256];
	FILE *file;

	assert_int_equal(ttmem_cards(&list, &count, sizeof(*list)), 0);
	for (std::size_t i = 0; i < count; i++)
		chips += list[i].chips;
	ttmem_list_free(list);

	file = popen(TTMEM_MESH, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		out += line;
	assert_int_equal(pclose(file), 0);
	fputs(out.c_str(), stdout);
	expected = std::to_string(chips + 2 * (16 - count)) + " chips of 16 cards, " +
		   std::to_string(count) + " of them with ttmem\nloaded: " +
		   std::to_string(chips * 3720) + " MiB in ttmem's books\nrunning: " +
		   std::to_string(chips * (3720 + 768)) + " MiB in ttmem's books\n";
	assert_int_equal(out.find(expected), 0);
	assert_true(out.find("\nunloaded: 0 MiB in ttmem's books\n") != std::string::npos);
}

static int no_clients(void **)
{
	return stat_of(0, "clients") ? -1 : 0;
}

int main()
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, no_clients, no_clients)
	const struct CMUnitTest tests[] = {
		CASE(every_card),
		CASE(reservations),
		CASE(threads),
		CASE(forks),
		CASE(executes),
		CASE(invalidated),
		CASE(example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
