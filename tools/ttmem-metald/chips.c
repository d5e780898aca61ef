// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which card and chip a region is about. UMD's unique id of a chip is in the
 * region's name; the rules that lead from it to a card are tried in turn, and
 * only a card that the process has open is ever taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metald.h"

/* The PCI device id. */
#define BLACKHOLE	0xb140

/* More chips than any machine has. */
#define MAP_MAX		65536

static const char run_map[] = TTMEM_RUN "/chips";
static const char etc_map[] = TTMEM_ETC "/chips";

/* A line of a map file. */
struct mapped {
	uint64_t id;
	unsigned int chip;
	char card[24];		/* as it stands there */
};

struct map {
	const char *path;
	struct timespec time;
	ino_t ino;
	off_t size;
	struct mapped *line;
	size_t lines;
};

/* The administrator's comes first. */
static struct map maps[] = { { .path = etc_map }, { .path = run_map } };

unsigned int chips_generation = 1;

void chips_changed(void)
{
	chips_generation++;
}

/* Take a line "id card chip"; empty ones and comments tell nothing. */
static bool map_line(struct map *map, char *line)
{
	char *word[3], *rest = NULL, *more_text;
	unsigned int card;
	struct mapped *m;
	uint64_t chip;
	size_t i;

	line[strcspn(line, "#\n")] = '\0';
	for (i = 0; i < 3; i++) {
		word[i] = strtok_r(i ? NULL : line, " \t\r", &rest);
		if (!word[i])
			return !i;
	}
	more_text = strtok_r(NULL, " \t\r", &rest);
	map->line = more(map->line, map->lines, sizeof(*map->line));
	m = &map->line[map->lines];
	if (more_text || strlen(word[1]) >= sizeof(m->card) ||
	    !ttmem__number(word[0], UINT64_MAX, &m->id) ||
	    ttmem__find(word[1], &card) == -EINVAL ||
	    !ttmem__number(word[2], CARD_CHIPS - 1, &chip))
		return false;
	strcpy(m->card, word[1]);
	m->chip = chip;
	map->lines++;
	return true;
}

static void map_read(struct map *map)
{
	char line[256];
	FILE *file;
	int n = 0;

	free(map->line);
	map->line = NULL;
	map->lines = 0;
	file = fopen(map->path, "re");
	if (!file)
		return;
	while (map->lines < MAP_MAX && fgets(line, sizeof(line), file)) {
		n++;
		if (!map_line(map, line))
			say("%s:%d: not a chip's id, a card's number or PCI address and a chip",
			    map->path, n);
	}
	fclose(file);
}

void chips_read(void)
{
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct map *map = &maps[i];

		if (stat(map->path, &st))
			memset(&st, 0, sizeof(st));
		if (st.st_ino == map->ino && st.st_size == map->size &&
		    st.st_mtim.tv_sec == map->time.tv_sec &&
		    st.st_mtim.tv_nsec == map->time.tv_nsec)
			continue;
		map->ino = st.st_ino;
		map->size = st.st_size;
		map->time = st.st_mtim;
		map_read(map);
		chips_changed();
	}
}

static bool put(struct region *r, const struct card *c, unsigned int chip)
{
	/* Of a card that ttmem does not follow it is not known how many it has. */
	if (chip >= (c->id.chips ? c->id.chips : CARD_CHIPS))
		return false;
	r->card = c->id.number;
	r->chip = chip;
	return true;
}

static bool place_by_map(struct process *p, struct region *r)
{
	size_t i, j, k;

	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		for (j = 0; j < maps[i].lines; j++) {
			struct mapped *m = &maps[i].line[j];

			if (m->id != r->id)
				continue;
			for (k = 0; k < p->opened_count; k++) {
				struct card *c = card_find(p->opened[k].number);
				uint64_t n;

				if (!c)
					continue;
				if (ttmem__number(m->card, UINT32_MAX, &n) ?
				    n == c->id.number :
				    ttmem__same(m->card, c->id.address, SIZE_MAX) ||
				    (!strncmp(c->id.address, "0000:", 5) &&
				     ttmem__same(m->card, c->id.address + 5, SIZE_MAX)))
					return put(r, c, m->chip);
			}
			/* The map is right, the process has not that card open. */
			return false;
		}
	}
	return false;
}

static bool is_mapped(uint64_t id)
{
	size_t i, j;

	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		for (j = 0; j < maps[i].lines; j++)
			if (maps[i].line[j].id == id)
				return true;
	return false;
}

static bool has_asic_id(const struct card *c, uint64_t id)
{
	return c->asic_id == id;
}

static bool has_serial(const struct card *c, uint64_t id)
{
	return c->serial == id || (c->pci_device == BLACKHOLE && c->serial &&
				   c->serial <= UINT64_MAX >> 5 &&
				   c->serial == id >> 5);
}

/* The only card of the process's that has the id, by one of the two above. */
static bool place_by(struct process *p, struct region *r,
		     bool (*has)(const struct card *c, uint64_t id))
{
	struct card *found = NULL;
	size_t i;

	for (i = 0; r->id && i < p->opened_count; i++) {
		struct card *c = card_find(p->opened[i].number);

		if (!c || !has(c, r->id))
			continue;
		if (found)
			return false;
		found = c;
	}
	return found && put(r, found, 0);
}

static bool is_free(const struct process *p, unsigned int card, unsigned int chip)
{
	size_t i;

	for (i = 0; i < p->regions; i++)
		if (p->region[i].card == (int)card && p->region[i].chip == chip)
			return false;
	return true;
}

/* With one card open in all there is not much to choose. */
static bool place_by_only_card(struct process *p, struct region *r)
{
	struct card *c;
	unsigned int chip;

	if (p->opened_count != 1)
		return false;
	c = card_find(p->opened[0].number);
	for (chip = 0; c && chip < CARD_CHIPS; chip++)
		if (is_free(p, c->id.number, chip))
			return put(r, c, chip);
	return false;
}

/* UMD numbers the chips that PCI reaches before those behind them. */
static int by_order(const void *a, const void *b)
{
	const struct region *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

void chips_place(struct process *p)
{
	size_t i;

	if (p->placed == chips_generation)
		return;
	p->placed = chips_generation;
	if (p->regions)
		qsort(p->region, p->regions, sizeof(*p->region), by_order);
	for (i = 0; i < p->regions; i++)
		p->region[i].card = -1;
	for (i = 0; i < p->regions; i++) {
		struct region *r = &p->region[i];

		if (is_mapped(r->id))
			place_by_map(p, r);
		else if (!place_by(p, r, has_asic_id))
			place_by(p, r, has_serial);
	}
	for (i = 0; i < p->regions; i++)
		if (p->region[i].card < 0 && !is_mapped(p->region[i].id))
			place_by_only_card(p, &p->region[i]);
}

/* The map file */

struct pairs {
	const struct described *list;
	size_t count;
};

/* The chip of the same board that PCI reaches, if there is only that one. */
static const struct described *reached_by(const struct pairs *all,
					  const struct described *chip)
{
	const struct described *found = NULL;
	size_t i;

	for (i = 0; i < all->count; i++) {
		const struct described *d = &all->list[i];

		if (d->card < 0 || d->board < 0 || d->board != chip->board)
			continue;
		if (found)
			return NULL;
		found = d;
	}
	return found;
}

static const struct described *card_of(const struct pairs *all,
				       const struct described *d)
{
	return d->card >= 0 ? d : reached_by(all, d);
}

static void write_map(FILE *file, void *arg)
{
	const struct pairs *all = arg;
	size_t i;

	fputs("# Written by ttmem-metald --chips: a chip's id, its card, the chip there.\n",
	      file);
	for (i = 0; i < all->count; i++) {
		const struct described *d = &all->list[i];
		const struct described *local = d->id ? card_of(all, d) : NULL;

		if (!local)
			continue;
		fprintf(file, "%llu ", (unsigned long long)d->id);
		if (local->address[0])
			fprintf(file, "%s", local->address);
		else
			fprintf(file, "%lld", (long long)local->card);
		fprintf(file, " %d\n", local == d ? 0 : 1);
	}
}

int chips_write(const char *descriptor)
{
	struct described *list;
	char why[256] = "";
	struct pairs all;
	size_t count, i;
	FILE *file;
	bool ok;
	int ret;

	file = fopen(descriptor, "re");
	if (!file) {
		say("%s: %s", descriptor, strerror(errno));
		return 1;
	}
	ok = descriptor_read(file, &list, &count, why, sizeof(why));
	fclose(file);
	if (!ok) {
		say("%s: %s", descriptor, why);
		return 1;
	}
	all = (struct pairs){ .list = list, .count = count };
	for (i = 0; i < count; i++)
		if (list[i].id && !card_of(&all, &list[i]))
			say("chip %lld of %s is left out: which card leads to it is not told",
			    (long long)list[i].chip, descriptor);
	if (mkdir(TTMEM_RUN, 0755) && errno != EEXIST) {
		say("%s: %s", TTMEM_RUN, strerror(errno));
		return 1;
	}
	ret = write_whole(run_map, write_map, &all);
	free(list);
	if (ret)
		say("%s: %s", run_map, strerror(-ret));
	return ret ? 1 : 0;
}
