// SPDX-License-Identifier: GPL-2.0-only
/*
 * One look at the cards and at who uses them: sysfs and procfs, of ttmem and of
 * TT-KMD. TT-KMD's node is never opened, so ttmem-smi is not among the users.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "internal.h"
#include "look/parts.h"

/* Add a sentence to what is missing. */
static void __attribute__((format(printf, 2, 3)))
tell(struct snapshot *snap, const char *format, ...)
{
	size_t len = strlen(snap->why);
	va_list args;

	if (len && len + 2 < sizeof(snap->why)) {
		strcpy(snap->why + len, "; ");
		len += 2;
	}
	va_start(args, format);
	vsnprintf(snap->why + len, sizeof(snap->why) - len, format, args);
	va_end(args);
}

/* Tell of the words of -i for which there is no card. */
static bool all_found(struct snapshot *snap, const struct want *want)
{
	char *list, *rest, *word;
	bool all = true;

	if (!want->cards)
		return true;
	list = copy(want->cards);
	rest = list;
	while ((word = strsep(&rest, ","))) {
		const struct want one = { .cards = word };
		size_t i;

		for (i = 0; i < snap->cards; i++)
			if (card_wanted(&one, &snap->card[i]))
				break;
		if (i == snap->cards && !ttmem__same(word, "all", SIZE_MAX)) {
			tell(snap, "there is no card %s. ttmem-smi -L lists those there are",
			     word);
			all = false;
		}
	}
	free(list);
	return all;
}

/* Tell of the numbers of -p for which there is no process. */
static bool pids_found(struct snapshot *snap, const struct filter *filter)
{
	bool all = true;
	size_t i;

	for (i = 0; i < filter->pid_count; i++) {
		if (filter->seen[i])
			continue;
		tell(snap, "no process %llu has %s open or holds memory of one",
		     (unsigned long long)filter->pids[i],
		     filter->want->cards ? "one of these cards" : "a card");
		all = false;
	}
	return all;
}

/*
 * Look at one card of the list.
 * Return: EXIT_FAILED if who has it open could not be read
 */
static int take_card(struct snapshot *snap, const struct ttmem_card_id *id,
		     struct filter *filter, const struct ttmem_client *clients, size_t count)
{
	const struct want *want = filter->want;
	size_t from = snap->processes;
	bool unread = snap->clients_unread;
	int ret, status = EXIT_OK;
	bool known = false;
	struct card *card;

	snap->card = grow(snap->card, snap->cards, sizeof(*card));
	card = &snap->card[snap->cards];
	card->id = *id;
	if (want->ids)
		read_ids(card);
	if (want->cards) {
		ttmem__board(card->id.number, card->board, sizeof(card->board));
		if (!card_wanted(want, card))
			return EXIT_OK;
	}
	if (snap->processes_known) {
		count = clients_of(&clients, count, id->number);
		add_clients(snap, id->number, clients, count);
		ret = add_openers(snap, id->number, from);
		/* Before 2.5 TT-KMD has no list. */
		if (ret && ret != -ENOENT) {
			tell(snap, "who has card %u open is not known: %s", id->number,
			     strerror(-ret));
			status = EXIT_FAILED;
			unread = true;
		}
		known = !ret;
	}
	silent_count(card, snap, from, known);
	card->silent.unread = unread && !card->silent.known;
	if (!want->processes)
		drop_processes(snap, from);
	if (!want->peaks)
		drop_idle(snap, from);
	keep_processes(snap, from, filter);
	name_processes(snap, from, want->commands);
	if (!read_card(card, want->details)) {
		free(card->chip);
		drop_processes(snap, from);
		tell(snap, "card %u went away while it was looked at",
		     id->number);
		return status;
	}
	snap->cards++;
	return status;
}

int snapshot_take(struct snapshot *snap, const struct want *want)
{
	int ret, unread = 0, status = EXIT_OK;
	struct ttmem_client *clients = NULL;
	size_t count, client_count = 0, i;
	struct ttmem_card_id *list;
	struct filter filter;

	memset(snap, 0, sizeof(*snap));
	forget_users();
	commands_begin();
	clock_gettime(CLOCK_REALTIME, &snap->time);

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret && ret != -ENXIO) {
		tell(snap, "the cards could not be listed: %s", ttmem_strerror(ret));
		return EXIT_FAILED;
	}
	if (ret) {
		tell(snap, "TT-KMD, Tenstorrent's driver, is not loaded (there is no " TTMEM_CLASS "). Run: sudo modprobe tenstorrent. To install it see https://github.com/tenstorrent/tt-kmd%s",
		     access(TTMEM_SYSFS "/module/ttmem", F_OK) ?
		     ". Nor is ttmem: sudo modprobe ttmem" : "");
		return EXIT_NO_DRIVER;
	}
	if (ttmem_present()) {
		tell(snap, "the kernel module ttmem, which keeps the books, is not loaded. Run: sudo modprobe ttmem. To install it run, in its source: sudo make dkms");
		ttmem_list_free(list);
		return EXIT_NO_DRIVER;
	}
	read_line(snap->ttmem, sizeof(snap->ttmem),
		  TTMEM_SYSFS "/module/ttmem/version");
	read_line(snap->tt_kmd, sizeof(snap->tt_kmd),
		  TTMEM_SYSFS "/module/tenstorrent/version");

	ret = want->silent ? metald_read(&snap->metald) : 0;
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret)
		tell(snap, "what ttmem-metald says in " METALD_STATE " is not known: %s",
		     strerror(-ret));
	/* It knows who uses a card and tells nothing; else it is to be found out. */
	if (want->processes || (want->silent && !snap->metald.running)) {
		ret = list_clients(&clients, &client_count);
		if (ret) {
			tell(snap, "%s is not known: %s",
			     want->processes ? "who holds what" : "what is free",
			     ttmem_strerror(ret));
			status = list_status(ret);
		}
		snap->processes_known = !ret;
		snap->clients_unread = ret;
	}
	filter_open(&filter, want);
	for (i = 0; i < count; i++)
		unread |= take_card(snap, &list[i], &filter, clients, client_count);
	/* A list with some missing is none. */
	if (unread) {
		drop_processes(snap, 0);
		snap->processes_known = false;
		status = EXIT_FAILED;
	}
	ttmem_list_free(clients);
	ttmem_list_free(list);

	if (!all_found(snap, want))
		status = EXIT_NOT_FOUND;
	if (want->all_pids && snap->processes_known && snap->cards &&
	    !pids_found(snap, &filter) && !status)
		status = EXIT_NOT_FOUND;
	filter_close(&filter);
	if (!snap->cards) {
		if (!*snap->why)
			tell(snap, "TT-KMD is loaded and drives no card. lspci -d 1e52: shows the cards that the machine sees, dmesg what TT-KMD says of them");
		return EXIT_NOT_FOUND;
	}
	if (want->sort)
		sort_processes(snap, want->sort);
	return status;
}

const struct card *snapshot_card(const struct snapshot *snap,
				 unsigned int number)
{
	size_t i;

	for (i = 0; i < snap->cards; i++)
		if (snap->card[i].id.number == number)
			return &snap->card[i];
	return NULL;
}

void snapshot_free(struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->cards; i++)
		free(snap->card[i].chip);
	for (i = 0; i < snap->processes; i++)
		free_process(&snap->process[i]);
	metald_free(&snap->metald);
	free(snap->card);
	free(snap->process);
	memset(snap, 0, sizeof(*snap));
}
