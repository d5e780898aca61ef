// SPDX-License-Identifier: GPL-2.0-only
/* The cards that TT-KMD drives, and what it tells of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "metald.h"

struct card *cards;
size_t cards_count;
bool cards_list_pids;

/* A number of 16 hexadecimal digits in sysfs, 0 if it is not told. */
static uint64_t read_hex(unsigned int number, const char *name)
{
	char path[TTMEM_PATH_SIZE], line[32], *end;
	unsigned long long value;

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/%s", number, name);
	if (ttmem__read_line(path, line, sizeof(line)))
		return 0;
	errno = 0;
	value = strtoull(line, &end, 16);
	return errno || end == line || *end ? 0 : value;
}

static dev_t read_devt(unsigned int number)
{
	char path[TTMEM_PATH_SIZE], line[32];
	unsigned int major, minor;

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/dev", number);
	if (ttmem__read_line(path, line, sizeof(line)) ||
	    sscanf(line, "%u:%u", &major, &minor) != 2)
		return 0;
	return makedev(major, minor);
}

/*
 * From TT-KMD 2.7 on its lists have our numbers of all processes. They cannot be seen
 * where /proc has processes alone (subset=pid).
 */
static bool lists_work(void)
{
	unsigned int major, minor;
	char line[64];

	if (ttmem__read_line(TTMEM_SYSFS "/module/tenstorrent/version", line,
			     sizeof(line)) ||
	    sscanf(line, "%u.%u", &major, &minor) != 2)
		return false;
	return (major > 2 || (major == 2 && minor >= 7)) &&
	       !access(TTMEM_PROC "/driver/tenstorrent", F_OK);
}

struct card *card_find(unsigned int number)
{
	size_t i;

	for (i = 0; i < cards_count; i++)
		if (cards[i].id.number == number)
			return &cards[i];
	return NULL;
}

/* It is read at every look: the file stays open, until the card is gone. */
bool card_clients(struct card *c, uint64_t *clients)
{
	char path[TTMEM_PATH_SIZE], text[32];
	ssize_t len;

	if (c->clients_file < 0) {
		snprintf(path, sizeof(path), TTMEM_BOOKS "/clients", c->id.number);
		c->clients_file = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (c->clients_file < 0)
		return false;
	len = pread(c->clients_file, text, sizeof(text), 0);
	if (len > 0 && text[len - 1] == '\n') {
		text[len - 1] = '\0';
		if (ttmem__number(text, UINT64_MAX, clients))
			return true;
	}
	close(c->clients_file);
	c->clients_file = -1;
	return false;
}

bool cards_read(void)
{
	struct ttmem_card_id *list;
	bool changed = false;
	struct card *fresh;
	size_t count, i;
	int ret;

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret)
		count = 0;
	fresh = calloc(count + 1, sizeof(*fresh));
	if (!fresh)
		out_of_memory();
	for (i = 0; i < count; i++) {
		struct card *old = card_find(list[i].number);
		struct card *c = &fresh[i];

		c->pids = -1;
		c->clients_file = -1;
		if (old && !memcmp(&old->id, &list[i], sizeof(list[i]))) {
			*c = *old;
			old->pids = -1;
			old->clients_file = -1;
		} else {
			changed = true;
		}
		c->id = list[i];
		c->devt = read_devt(c->id.number);
		/* The firmware tells these some seconds after the card is there. */
		if (!c->asic_id)
			c->asic_id = read_hex(c->id.number, "tt_asic_id");
		if (!c->serial)
			c->serial = read_hex(c->id.number, "tt_serial");
		if (!c->pci_device)
			c->pci_device = read_hex(c->id.number, "device/device");
		if (old && (old->asic_id != c->asic_id || old->serial != c->serial))
			changed = true;
	}
	changed |= count != cards_count;
	if (changed)
		cards_list_pids = lists_work();
	for (i = 0; i < cards_count; i++) {
		if (cards[i].pids >= 0)
			close(cards[i].pids);
		if (cards[i].clients_file >= 0)
			close(cards[i].clients_file);
	}
	free(cards);
	cards = fresh;
	cards_count = count;
	ttmem_list_free(list);
	return changed;
}
