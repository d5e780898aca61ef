// SPDX-License-Identifier: GPL-2.0-only
/*
 * What top shows, read anew: memory and clients at each look, what changes
 * seldom once a second. The functions are explained in top.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "internal.h"
#include "look/look.h"
#include "top/model.h"
#include "top/read.h"

/* How often what changes seldom is read, in seconds. */
#define SELDOM		1.0

/* How soon a process is looked at a second time: that tells its CPU. */
#define SECOND_LOOK	0.3

/* Return whether who has the card open is known. */
static bool add_openers(struct top *top, unsigned int card)
{
	char path[TTMEM_PATH_SIZE];
	size_t count, i;
	pid_t *pids;
	int ret;

	ret = ttmem__openers(card, &pids, &count);
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret && ret != -ENOENT)
		snprintf(top->problem, sizeof(top->problem),
			 "Who has card %u open is not known: %s", card, strerror(-ret));
	for (i = 0; i < count; i++) {
		/*
		 * Its number may belong to somebody else if it has ended and
		 * left its file to another process: that is an invisible one.
		 */
		snprintf(path, sizeof(path), TTMEM_PROC "/%d", pids[i]);
		if (access(path, F_OK))
			pids[i] = 0;
		top->opener = grow(top->opener, top->openers,
				   sizeof(*top->opener));
		top->opener[top->openers++] = (struct top_opener){ card, pids[i] };
	}
	free(pids);
	/* Before 2.5 TT-KMD has no list. */
	return !ret || ret == -ENOENT;
}

/* Put a card's chips at their places. Return how many there are then. */
static size_t place_card(struct top *top, size_t place, const struct card *card)
{
	struct top_chip *chip;
	size_t i;

	if (!card->chips) {
		top_chip(top, place, card, 0)->followed = false;
		return place + 1;
	}
	for (i = 0; i < card->chips; i++) {
		const struct pool *pool = card->chip[i].pool;

		chip = top_chip(top, place + i, card, i);
		chip->followed = true;
		chip->pool[TTMEM_DRAM].used = pool[TTMEM_DRAM].used;
		chip->pool[TTMEM_DRAM].total = pool[TTMEM_DRAM].total;
		chip->pool[TTMEM_L1].used = pool[TTMEM_L1].used;
		chip->pool[TTMEM_L1].total = pool[TTMEM_L1].total;
	}
	return place + i;
}

static void tell(struct top *top, const char *text)
{
	snprintf(top->problem, sizeof(top->problem), "%s", text);
}

/* Return EXIT_OK, or the status that ttmem-smi would end with. */
static int read_cards(struct top *top)
{
	struct ttmem_card_id *list;
	size_t count = 0, place = 0, i;
	int status = EXIT_OK, ret;

	forget_users();
	top->cards = 0;
	top->openers = 0;
	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret) {
		tell(top, "TT-KMD, Tenstorrent's driver, is not loaded. Run: sudo modprobe tenstorrent");
		status = EXIT_NO_DRIVER;
	} else if (ttmem_present()) {
		tell(top, "The kernel module ttmem, which keeps the books, is not loaded. Run: sudo modprobe ttmem");
		status = EXIT_NO_DRIVER;
	}
	for (i = 0; !status && i < count; i++) {
		struct card card = { .id = list[i] };

		if (read_card(&card, false) && card_wanted(&top->want, &card)) {
			card.silent.known = add_openers(top, card.id.number);
			place = place_card(top, place, &card);
			top->cards++;
		}
		free(card.chip);
	}
	ttmem_list_free(list);
	top_keep_chips(top, place);
	if (status || place)
		return status;
	if (count)
		snprintf(top->problem, sizeof(top->problem),
			 "There is no card %s. ttmem-smi -L lists those there are",
			 top->want.cards);
	else
		tell(top, "TT-KMD is loaded and drives no card. lspci -d 1e52: shows the cards that the machine sees");
	return EXIT_NOT_FOUND;
}

/* Read what is used now. Return whether all chips are still there. */
static bool read_used(struct top *top)
{
	static const char * const names[] = {
		[TTMEM_DRAM] = "dram", [TTMEM_L1] = "l1",
	};
	unsigned int memory;
	char name[32];
	size_t i;

	for (i = 0; i < top->chips; i++) {
		struct top_chip *c = top->chip[i];

		for (memory = 0; c->followed && memory < 2; memory++) {
			snprintf(name, sizeof(name), "chip%u/%s_used", c->chip,
				 names[memory]);
			if (ttmem_stat(c->card.id.number, name,
				       &c->pool[memory].used))
				return false;
		}
	}
	return true;
}

static void name_user(struct top_process *p, uid_t uid)
{
	if (p->user && p->uid == uid)
		return;
	free(p->user);
	p->uid = uid;
	p->user = strdup(user_name(uid));
	if (!p->user)
		out_of_memory();
}

static void name_command(struct top_process *p, const char *name)
{
	if (p->command && !strcmp(p->name, name))
		return;
	free(p->command);
	p->command = read_command(p->key.pid, name, NULL);
	snprintf(p->name, sizeof(p->name), "%s", name);
}

/* Tell of the clients of a card, its part of the list. */
static void tell_clients(struct top *top, const struct ttmem_client *list,
			 size_t count)
{
	struct top_process *p;
	pid_t self = ttmem__self();
	bool add_peak;
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].pid == self)
			continue;
		add_peak = !i || list[i].client != list[i - 1].client ||
			   list[i].chip != list[i - 1].chip ||
			   list[i].memory != list[i - 1].memory;
		p = top_client(top, &list[i], add_peak);
		if (!p || list[i].tag == TTMEM_TAG_NONE)
			continue;
		name_user(p, list[i].uid);
		if (p->key.pid)
			name_command(p, list[i].command);
	}
}

/* Whether more of a card may be used than is told. */
static void mark_card(struct top *top, unsigned int card, bool at_least)
{
	unsigned int memory;
	size_t i;

	for (i = 0; i < top->chips; i++)
		for (memory = 0; memory < 2; memory++)
			if (top->chip[i]->card.id.number == card)
				top->chip[i]->pool[memory].at_least = at_least;
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The processes of the list, sorted: both may be long. */
static pid_t *pids_of(const struct ttmem_client *list, size_t count)
{
	pid_t *pids = reallocarray(NULL, count + 1, sizeof(*pids));
	size_t i;

	if (!pids)
		out_of_memory();
	for (i = 0; i < count; i++)
		pids[i] = list[i].pid;
	qsort(pids, count, sizeof(*pids), by_pid);
	return pids;
}

/*
 * ttmem-metald sees all processes, also those that -p leaves out; without it those count
 * that TT-KMD lists and that are no clients.
 */
static void tell_openers(struct top *top, const struct card *of, const struct metald_card *told,
			 const struct ttmem_client *list, size_t count)
{
	const unsigned int card = of->id.number;
	char path[TTMEM_PATH_SIZE];
	struct top_process *p;
	bool silent = told ? silent_told(told) : !of->silent.known;
	pid_t *pids = NULL;
	struct stat st;
	size_t i;

	for (i = 0; i < top->openers; i++) {
		if (top->opener[i].card != card)
			continue;
		p = top_open(top, card, top->opener[i].pid);
		if (!p && !told && !pids)
			pids = pids_of(list, count);
		if (!told)
			silent |= p ? !p->reports :
				  !bsearch(&top->opener[i].pid, pids, count, sizeof(*pids), by_pid);
		if (!p || !p->key.pid || p->command)
			continue;
		p->command = read_command(p->key.pid, NULL, NULL);
		snprintf(path, sizeof(path), TTMEM_PROC "/%d", p->key.pid);
		if (!stat(path, &st))
			name_user(p, st.st_uid);
	}
	free(pids);
	mark_card(top, card, silent);
}

int top_read(struct top *top, double now)
{
	const struct ttmem_client *of_card;
	const struct top_chip *before = NULL;
	const struct metald_card *told;
	struct ttmem_client *list = NULL;
	struct metald_state metald;
	int status = EXIT_OK, ret;
	size_t count = 0, n, i;

	commands_begin();
	/* One that cannot be read is as if it did not run: TT-KMD's list is asked then. */
	if (metald_read(&metald) == -ENOMEM)
		out_of_memory();
	if (now >= top->next_cards || !read_used(top)) {
		top->problem[0] = '\0';
		status = read_cards(top);
		top->next_cards = *top->problem ? 0 : now + SELDOM;
	}

	ret = top->chips ? list_clients(&list, &count) : 0;
	top->unknown = ret;
	if (ret) {
		tell(top, ttmem_strerror(ret));
		top->next_cards = 0;
	}

	top_begin(top);
	for (i = 0; i < top->chips; i++) {
		struct top_chip *c = top->chip[i];

		history_add(&c->pool[TTMEM_DRAM].history,
			    c->pool[TTMEM_DRAM].used, now);
		history_add(&c->pool[TTMEM_L1].history,
			    c->pool[TTMEM_L1].used, now);
		if (before && before->card.id.number == c->card.id.number)
			continue;
		before = c;
		told = metald_card(&metald, c->card.id.number);
		if (ret) {
			mark_card(top, c->card.id.number, !told || silent_told(told));
			continue;
		}
		of_card = list;
		n = clients_of(&of_card, count, c->card.id.number);
		tell_clients(top, of_card, n);
		tell_openers(top, &c->card, told, of_card, n);
	}
	top_end(top);
	metald_free(&metald);
	ttmem_list_free(list);
	return status;
}

bool read_host_stat(pid_t pid, struct host_stat *stat)
{
	char path[TTMEM_PATH_SIZE], *text;
	bool known;

	/* The name in it may hold line feeds. */
	snprintf(path, sizeof(path), TTMEM_PROC "/%d/stat", pid);
	if (ttmem__read_file(path, &text, NULL))
		return false;
	known = parse_host_stat(text, stat);
	free(text);
	return known;
}

static void read_host(struct top_process *p, double now)
{
	struct host_stat stat;

	if (!p->key.pid ||
	    (p->has_host &&
	     now < p->host_time + (p->cpu < 0 ? SECOND_LOOK : SELDOM)))
		return;
	if (read_host_stat(p->key.pid, &stat)) {
		top_host(p, &stat, now, sysconf(_SC_CLK_TCK),
			 sysconf(_SC_PAGESIZE));
		return;
	}
	p->has_host = false;
	p->cpu = -1;
	p->memory = 0;
}

void top_read_host(struct top *top, size_t first, size_t count, double now)
{
	size_t i;

	/* Each costs some 10 us, so only those that are needed. */
	if (top->sort == SORT_CPU || top->sort == SORT_MEMORY) {
		first = 0;
		count = top->shown_count;
	}
	for (i = first; i < first + count && i < top->shown_count; i++)
		read_host(top->shown[i], now);
}

/* By card, chip, memory and address; those without one by handle, behind. */
static int by_place(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	uint64_t key[2][6];
	size_t i;

	for (i = 0; i < 2; i++) {
		const struct held *h = i ? y : x;
		bool has = h->is.flags & TTMEM_RESERVE_ADDRESS;

		key[i][0] = h->card;
		key[i][1] = h->is.chip;
		key[i][2] = h->is.memory;
		key[i][3] = !has;
		key[i][4] = has ? h->is.address : h->sum;
		key[i][5] = h->is.handle;
	}
	for (i = 0; i < 6; i++)
		if (key[0][i] != key[1][i])
			return key[0][i] < key[1][i] ? -1 : 1;
	return 0;
}

static struct held *more_held(struct held_list *list, size_t count)
{
	list->held = reallocarray(list->held, list->count + count + 1,
				  sizeof(*list->held));
	if (!list->held)
		out_of_memory();
	memset(list->held + list->count, 0, count * sizeof(*list->held));
	list->count += count;
	return list->held + list->count - count;
}

static int read_client_held(struct ttmem_card *node, unsigned int card,
			    uint64_t client, struct held_list *list)
{
	struct ttmem_reservation *is;
	struct held *held;
	size_t count, i;
	int ret;

	ret = ttmem_reservations(node, client, &is, &count, sizeof(*is));
	if (ret)
		return ret == -ENOENT ? 0 : ret;	/* it has ended */
	held = more_held(list, count);
	for (i = 0; i < count; i++) {
		held[i].card = card;
		held[i].is = is[i];
	}
	ttmem_list_free(is);
	return 0;
}

static bool belongs(const struct ttmem_client *client, const struct top_key *key)
{
	if (key->pid || client->pid)
		return client->pid == key->pid;
	return client->card == key->card && client->client == key->client;
}

static int read_card_held(unsigned int card, const struct top_key *key,
			  const struct ttmem_client *clients, size_t count,
			  struct held_list *list)
{
	struct ttmem_card *node = NULL;
	uint64_t last = UINT64_MAX;
	int ret = 0, error = 0;
	struct held *held;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct ttmem_client *c = &clients[i];

		if (c->card != card || !belongs(c, key) ||
		    c->tag == TTMEM_TAG_NONE)
			continue;
		if (!c->reservations) {
			held = more_held(list, 1);
			held->card = card;
			held->sum = true;
			held->is.chip = c->chip;
			held->is.memory = c->memory;
			held->is.tag = c->tag;
			held->is.size = c->bytes;
			continue;
		}
		/* A client has a line for each tag, one after the other. */
		if (c->client == last)
			continue;
		last = c->client;
		if (!node)
			ret = ttmem_open(card, TTMEM_OPEN_QUIET, &node);
		if (!ret)
			ret = read_client_held(node, card, last, list);
		if (ret)
			error = ret;
	}
	ttmem_close(node);
	return error;
}

void top_read_held(const struct top *top, const struct top_key *key,
		   struct held_list *list)
{
	struct ttmem_client *clients;
	unsigned int card;
	size_t count, i;
	int ret;

	memset(list, 0, sizeof(*list));
	ret = ttmem_clients(&clients, &count, sizeof(*clients));
	if (ret)
		snprintf(list->problem, sizeof(list->problem), "%s",
			 ttmem_strerror(ret));
	for (i = 0; i < top->chips; i++) {
		card = top->chip[i]->card.id.number;
		if (!top->chip[i]->followed ||
		    (i && top->chip[i - 1]->card.id.number == card))
			continue;
		ret = read_card_held(card, key, clients, count, list);
		if (ret && !*list->problem)
			snprintf(list->problem, sizeof(list->problem),
				 "Card %u: %s", card, ttmem_strerror(ret));
	}
	ttmem_list_free(clients);
	if (list->count)
		qsort(list->held, list->count, sizeof(*list->held), by_place);
}

void held_free(struct held_list *list)
{
	free(list->held);
	memset(list, 0, sizeof(*list));
}
