// SPDX-License-Identifier: GPL-2.0-only
/*
 * libttmem.hpp before trees of sysfs and procfs made by hand, whose node is a link to
 * a device that has pages or none; the module's calls are answered here. Built once for
 * each sanitizer.
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
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ttmem/libttmem.hpp>

extern "C" {
#include <cmocka.h>
#include "fake.h"
int __wrap_ioctl(int fd, unsigned long request, ...);
}

/* What the module was asked, and what it answers. */
static struct {
	unsigned int reserved;
	unsigned int freed;
	struct ttmem_reserve reserve;
	struct ttmem_free free;
	int error;
} asked;

int __wrap_ioctl(int, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case TTMEM_IOC_INFO:
		static_cast<struct ttmem_info *>(arg)->card = 0;
		static_cast<struct ttmem_info *>(arg)->chips = 2;
		return 0;
	case TTMEM_IOC_RESERVE:
		asked.reserve = *static_cast<struct ttmem_reserve *>(arg);
		if (asked.error) {
			errno = asked.error;
			return -1;
		}
		static_cast<struct ttmem_reserve *>(arg)->handle = ++asked.reserved;
		return 0;
	case TTMEM_IOC_FREE:
		asked.free = *static_cast<struct ttmem_free *>(arg);
		asked.freed++;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

/* A card 0 of two chips whose node is a link to a device of the system. */
static void put_linked(const char *device)
{
	struct stat st;
	char text[32];

	put_card(0, "0000:01:00.0");
	put_books(0, 2);
	assert_int_equal(stat(device, &st), 0);
	snprintf(text, sizeof(text), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
	put(text, "sys/class/ttmem/ttmem0/dev");
	put("", "dev/tenstorrent/mem/other");
	assert_int_equal(symlink(device, "dev/tenstorrent/mem/0"), 0);
	asked = {};
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_mapped(const void *page)
{
	return !msync(const_cast<void *>(page), 4096, MS_ASYNC);
}

static void nowhere(void **)
{
	ttmem::Card none, missing(0, TTMEM_OPEN_QUIET), pci = ttmem::Card::of_pci("01:00.0");
	ttmem::Card fd = ttmem::Card::of_fd(-1), file = ttmem::Card::of_fd(STDIN_FILENO);
	struct ttmem_reserve what = {};
	std::int64_t *page = ttmem_counters(nullptr);

	assert_int_equal(none.error(), -EBADF);
	assert_int_equal(missing.error(), -ENXIO);
	assert_int_equal(pci.error(), -ENXIO);
	assert_int_equal(fd.error(), -EBADF);
	assert_int_not_equal(file.error(), 0);
	for (const ttmem::Card *card : {&none, &missing, &pci, &fd, &file}) {
		assert_false(bool(*card));
		assert_null(card->get());
		assert_int_equal(card->chips(), 0);
	}

	what.size = 1;
	ttmem::Reservation held = missing.reserve(what), never;
	assert_int_equal(held.error(), -EBADF);
	assert_false(bool(held));
	assert_int_equal(held.handle(), 0);
	held.free();
	assert_int_equal(never.error(), -ENOENT);

	/* It counts all the same, in the page that is nobody's. */
	ttmem::Counter counter(missing, 1, TTMEM_L1, TTMEM_TAG_CB), any;
	counter.set(0);
	counter.allocated(7);
	counter.freed(3);
	assert_int_equal(counter.value(), 4);
	assert_int_equal(page[TTMEM_COUNTER_INDEX(1, TTMEM_L1, TTMEM_TAG_CB)], 4);
	any.allocated(5);
	any.freed(5);

	/* Wherever a chip may be, and beyond. */
	ttmem::Counters mesh;
	assert_int_equal(mesh.size(), 0);
	mesh.allocated(1);
	for (unsigned int chip = 0; chip < 40; chip++)
		mesh.add(ttmem::Counter(none, chip, TTMEM_L1, TTMEM_TAG_CB));
	assert_int_equal(mesh.size(), 40);
	mesh.set(0);
	mesh.allocated(10);
	mesh.freed(20);
	assert_int_equal(page[TTMEM_COUNTER_INDEX(31, TTMEM_L1, TTMEM_TAG_CB)], -10);
	mesh.set(0);
}

static void reservations(void **)
{
	put_linked("/dev/null");
	{
		ttmem::Card card(0);
		struct ttmem_reserve what = {};

		assert_int_equal(card.error(), 0);
		assert_true(bool(card));
		assert_int_equal(card.chips(), 2);
		what.size = 4096;
		what.chip = 1;
		what.tag = TTMEM_TAG_TRACE;
		strcpy(reinterpret_cast<char *>(what.label), "trace");
		{
			ttmem::Reservation held = card.reserve(what);

			assert_int_equal(asked.reserve.argsz, sizeof(what));
			assert_int_equal(asked.reserve.size, 4096);
			assert_int_equal(asked.reserve.chip, 1);
			assert_int_equal(asked.reserve.tag, TTMEM_TAG_TRACE);
			assert_string_equal(reinterpret_cast<char *>(asked.reserve.label), "trace");
			assert_true(bool(held));
			assert_int_equal(held.error(), 0);
			assert_int_equal(held.handle(), 1);
			assert_int_equal(asked.freed, 0);
		}
		assert_int_equal(asked.freed, 1);
		assert_int_equal(asked.free.handle, 1);
		assert_int_equal(asked.free.flags, 0);

		/* A move leaves nothing behind, an assignment gives back what was there. */
		ttmem::Reservation one = card.reserve(what), two = card.reserve(what);
		ttmem::Reservation moved(std::move(one));
		assert_int_equal(one.handle(), 0);
		assert_int_equal(one.error(), -ENOENT);
		assert_int_equal(moved.handle(), 2);
		assert_int_equal(asked.freed, 1);
		moved = std::move(two);
		assert_int_equal(asked.freed, 2);
		assert_int_equal(asked.free.handle, 2);
		assert_int_equal(moved.handle(), 3);
		ttmem::Reservation &same = moved;
		moved = std::move(same);
		assert_int_equal(moved.handle(), 3);
		two.free();
		assert_int_equal(asked.freed, 2);

		/* Refused: nothing to give back. */
		asked.error = ENOSPC;
		ttmem::Reservation refused = card.reserve(what);
		assert_int_equal(refused.error(), -ENOSPC);
		refused.free();
		assert_int_equal(asked.freed, 2);

		moved.free();
		assert_int_equal(asked.freed, 3);
		moved.free();
	}
	assert_int_equal(asked.freed, 3);
}

/* What is made from a card keeps it open, and the last of it closes it. */
static void lifetime(void **)
{
	put_linked("/dev/zero");
	auto card = std::make_unique<ttmem::Card>(0);
	int fd = ttmem_fd(card->get());
	const std::int64_t *page = ttmem_counters(card->get());
	struct ttmem_reserve what = {};

	assert_ptr_not_equal(page, ttmem_counters(nullptr));
	what.size = 1;
	auto held = std::make_unique<ttmem::Reservation>(card->reserve(what));
	auto counter = std::make_unique<ttmem::Counter>(*card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	auto mesh = std::make_unique<ttmem::Counters>();
	mesh->add(*counter);
	card.reset();
	assert_true(is_open(fd));
	counter.reset();
	mesh->allocated(9);
	assert_int_equal(page[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_BUFFER)], 9);
	mesh.reset();
	assert_true(is_open(fd));
	assert_true(is_mapped(page));
	held.reset();
	assert_int_equal(asked.freed, 1);
	assert_false(is_open(fd));
	assert_false(is_mapped(page));

	/* Not what was refused; nor what is given back early, or assigned over. */
	ttmem::Card again(0), copy(again);
	ttmem::Reservation early = again.reserve(what);
	asked.error = ENOSPC;
	ttmem::Reservation refused = again.reserve(what);
	fd = ttmem_fd(again.get());
	copy = ttmem::Card();
	again = copy;
	assert_true(is_open(fd));
	early.free();
	assert_false(is_open(fd));
}

static void cells(void **)
{
	put_linked("/dev/zero");
	ttmem::Card card(0), other(0);
	const std::int64_t *page = ttmem_counters(card.get());
	std::int64_t sum = 0;

	/* Each of its own, and as the kernel reads it. */
	std::int64_t n = 0;
	for (unsigned int chip : {0, 1, 31}) {
		for (auto memory : {TTMEM_DRAM, TTMEM_L1}) {
			for (auto tag : {TTMEM_TAG_BUFFER, TTMEM_TAG_TRACE, TTMEM_TAG_SYSTEM,
					 TTMEM_TAG_L1_SMALL, TTMEM_TAG_CB}) {
				ttmem::Counter counter(card, chip, memory, tag);

				assert_int_equal(counter.value(), 0);
				counter.set(++n);
				assert_int_equal(page[TTMEM_COUNTER_INDEX(chip, memory, tag)], n);
				sum += n;
			}
		}
	}
	for (unsigned int i = 0; i < 512; i++)
		sum -= page[i];
	assert_int_equal(sum, 0);

	/* A chip for which a page has no room is not another chip's. */
	ttmem::Counter beyond(card, 32, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	beyond.allocated(100);
	assert_int_equal(page[0], 1);
	beyond.freed(100);

	/* Alike is the same; another card object's is another. */
	ttmem::Counter one(card, 1, TTMEM_L1, TTMEM_TAG_CB), two(card, 1, TTMEM_L1, TTMEM_TAG_CB);
	ttmem::Counter foreign(other, 1, TTMEM_L1, TTMEM_TAG_CB);
	one.set(0);
	one.allocated(5);
	two.allocated_alone(3);
	foreign.allocated(50);
	assert_int_equal(one.value(), 8);
	two.freed(7);
	one.freed_alone(2);
	assert_int_equal(two.value(), -1);
	assert_int_equal(foreign.value(), 50);

	/* All of a mesh, in the order in which they were added. */
	ttmem::Counters mesh;
	mesh.add(ttmem::Counter(card, 0, TTMEM_L1, TTMEM_TAG_CB));
	mesh.add(foreign);
	mesh.set(1000);
	mesh.allocated(30);
	mesh.freed(10);
	mesh.allocated_alone(5);
	mesh.freed_alone(1);
	for (const ttmem::Counter &counter : mesh)
		assert_int_equal(counter.value(), 1024);
	assert_int_equal(one.value(), -1);
	assert_ptr_equal(&*mesh.begin() + 2, &*mesh.begin() + mesh.size());
}

/* Also with sizes that a signed number has not. */
static void wrap(void **)
{
	ttmem::Counter counter;

	counter.set(INT64_MAX);
	counter.allocated(1);
	assert_true(counter.value() == INT64_MIN);
	counter.freed_alone(1);
	assert_true(counter.value() == INT64_MAX);
	counter.allocated_alone(UINT64_MAX);
	assert_true(counter.value() == INT64_MAX - 1);
	counter.set(0);
}

static void threads(void **)
{
	constexpr int each = 50000, many = 4;

	put_linked("/dev/zero");
	ttmem::Card card(0);
	ttmem::Counter shared(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	ttmem::Counter alone(card, 0, TTMEM_DRAM, TTMEM_TAG_TRACE);
	std::vector<std::thread> running;
	std::atomic<bool> below(false);
	std::mutex lock;

	for (int i = 0; i < many; i++) {
		running.emplace_back([&] {
			/* Its own reference, copied and dropped while others do the same. */
			for (int n = 0; n < each; n++) {
				shared.allocated(3);
				shared.freed(1);
				if (n % 100 == 0) {
					ttmem::Card copy(card);
					ttmem::Counter same(copy, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);

					same.allocated(1);
					std::lock_guard<std::mutex> guard(lock);
					alone.allocated_alone(3);
					alone.freed_alone(1);
				}
				/* Somebody looks. */
				if (n % 1000 == 0 && shared.value() <= 0)
					below = true;
			}
		});
	}
	for (std::thread &thread : running)
		thread.join();
	assert_false(below);
	assert_int_equal(shared.value(), many * (2 * each + each / 100));
	assert_int_equal(alone.value(), many * each / 100 * 2);
}

/* A child that destroys all of its copies takes no reservation away, and counts on. */
static void forks(void **)
{
	put_linked("/dev/zero");
	ttmem::Card card(0);
	ttmem::Counter counter(card, 0, TTMEM_DRAM, TTMEM_TAG_BUFFER);
	struct ttmem_reserve what = {};
	int status;
	pid_t pid;

	what.size = 1;
	auto held = std::make_unique<ttmem::Reservation>(card.reserve(what));
	auto moved = std::make_unique<ttmem::Reservation>(card.reserve(what));
	counter.allocated(10);
	pid = fork();
	if (!pid) {
		ttmem::Reservation target(std::move(*moved)), own = card.reserve(what);

		counter.allocated(20);
		held.reset();
		moved.reset();
		target.free();
		if (asked.freed)
			_exit(1);
		own.free();
		_exit(asked.freed == 1 && asked.free.handle == 3 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(counter.value(), 30);
	assert_int_equal(asked.freed, 0);
	held.reset();
	assert_int_equal(asked.freed, 1);
}

/* The whole program, where there is no card: all it has is played. */
static void example(void **)
{
	char out[4096], err[4096];

	assert_int_equal(run(TTMEM_MESH " 3", out, sizeof(out), err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "chips of 3 cards, "));
	assert_non_null(strstr(out, "\ncounted under the lock"));
	assert_int_equal(run(TTMEM_MESH " 0", out, sizeof(out), err, sizeof(err)), 2);
	assert_string_equal(err, "Usage: mesh [CARDS]\n");
}

int main()
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		CASE(nowhere),
		CASE(reservations),
		CASE(lifetime),
		CASE(cells),
		CASE(wrap),
		CASE(threads),
		CASE(forks),
		CASE(example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
