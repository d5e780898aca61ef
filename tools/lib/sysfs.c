// SPDX-License-Identifier: MIT
/*
 * What sysfs and procfs tell: the cards, their values, the clients. The
 * functions are explained in libttmem.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* As ttmem__read_file(); -EFBIG if there is more than @most. */
static int read_most(const char *path, size_t most, char **data, size_t *size)
{
	size_t used = 0, room = 0;
	char *text = NULL;
	ssize_t got;
	int fd, ret;

	*data = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		if (room - used < 4096) {
			char *moved = realloc(text, room * 2 + 8192);

			if (!moved) {
				ret = -ENOMEM;
				goto fail;
			}
			text = moved;
			room = room * 2 + 8192;
		}
		got = read(fd, text + used, room - used - 1);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			ret = -errno;
			goto fail;
		}
		used += got;
		if (used > most) {
			ret = -EFBIG;
			goto fail;
		}
	} while (got);
	close(fd);

	text[used] = '\0';
	*data = text;
	if (size)
		*size = used;
	return 0;

fail:
	close(fd);
	free(text);
	return ret;
}

int ttmem__read_file(const char *path, char **data, size_t *size)
{
	return read_most(path, SIZE_MAX, data, size);
}

/* The text of a small file, as much of it as there is room for. */
static int read_text(const char *path, char *line, size_t size)
{
	ssize_t got;
	int fd;

	line[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, line, size - 1);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		got = -errno;
		line[0] = '\0';
		close(fd);
		return got;
	}
	close(fd);
	line[got] = '\0';
	return 0;
}

int ttmem__read_line(const char *path, char *line, size_t size)
{
	int ret = read_text(path, line, size);

	line[strcspn(line, "\n")] = '\0';
	return ret;
}

bool ttmem__number(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned int digit = (unsigned char)*text - '0';

		if (digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool ttmem__same(const char *a, const char *b, size_t len)
{
	for (; len && lower(*a) == lower(*b); a++, b++, len--)
		if (!*a)
			return true;
	return !len;
}

bool ttmem__size(const char *text, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	uint64_t whole, part = 0, scale = 1, unit = 1;
	size_t digits = strspn(text, "0123456789");
	const char *end = text + digits, *letter;
	char number[32];

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (!ttmem__number(number, UINT64_MAX, &whole))
		return false;
	if (*end == '.') {
		/* So many that no unit times them overflows. */
		for (end++; *end >= '0' && *end <= '9' && scale < 1000000; end++) {
			part = 10 * part + *end - '0';
			scale *= 10;
		}
		/* There are no parts of a byte. */
		if (scale == 1 || !*end)
			return false;
	}
	if (*end) {
		bool binary = !end[1] || ttmem__same(end + 1, "iB", SIZE_MAX);

		letter = strchr(units, *end | 0x20);
		if (!letter || (!binary && ((end[1] | 0x20) != 'b' || end[2])))
			return false;
		for (; letter >= units; letter--)
			unit *= binary ? 1024 : 1000;
	}
	return !__builtin_mul_overflow(whole, unit, &whole) &&
	       !__builtin_add_overflow(whole, part * unit / scale, bytes);
}

size_t ttmem__utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned long c;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	c = s[0] & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Too long a form, surrogates, beyond Unicode. */
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (len == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return len;
}

/* Whether something is there: 0, @otherwise, or why that cannot be told. */
static int look_for(const char *path, int otherwise)
{
	if (!access(path, F_OK))
		return 0;
	return errno == ENOENT || errno == ENOTDIR ? otherwise : -errno;
}

int ttmem__why_not(unsigned int number)
{
	char path[TTMEM_PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u", number);
	ret = look_for(path, -ENXIO);
	if (!ret)
		ret = look_for(TTMEM_MODULE, -ENOPKG);
	return ret ? ret : -ENXIO;
}

int ttmem_present(void)
{
	int ret = look_for(TTMEM_CLASS, -ENXIO);

	return ret ? ret : look_for(TTMEM_MODULE, -ENOPKG);
}

void ttmem_list_free(void *list)
{
	free(list);
}

/* Hexadecimal digits up to @end; the address of what follows @end, or NULL. */
static const char *hex(const char *text, char end, unsigned int digits,
		       unsigned int *value)
{
	*value = 0;
	for (; *text != end; text++) {
		unsigned int digit;

		if (*text >= '0' && *text <= '9')
			digit = *text - '0';
		else if (*text >= 'a' && *text <= 'f')
			digit = *text - 'a' + 10;
		else if (*text >= 'A' && *text <= 'F')
			digit = *text - 'A' + 10;
		else
			return NULL;
		if (!digits--)
			return NULL;
		*value = *value << 4 | digit;
	}
	return text + 1;
}

/* Parse "dddd:bb:dd.f" or "bb:dd.f" into the PCI fields of @id. */
static bool parse_address(const char *text, struct ttmem_card_id *id)
{
	unsigned int domain = 0, bus, device, function;
	const char *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':')) {
		text = hex(text, ':', 8, &domain);
		if (!text)
			return false;
	}
	text = hex(text, ':', 2, &bus);
	if (text)
		text = hex(text, '.', 2, &device);
	if (text)
		text = hex(text, '\0', 1, &function);
	if (!text || device > 31 || function > 7)
		return false;
	id->pci_domain = domain;
	id->pci_bus = bus;
	id->pci_device = device;
	id->pci_function = function;
	return true;
}

/* Fill in a card; -ENOENT if it is not there (any more). */
static int identify(unsigned int number, struct ttmem_card_id *id)
{
	char path[TTMEM_PATH_SIZE], target[PATH_MAX];
	const char *name;
	ssize_t len;
	int ret;

	memset(id, 0, sizeof(*id));
	id->number = number;
	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/device",
		 number);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= sizeof(id->address) || !parse_address(name, id))
		return -EPROTO;
	strcpy(id->address, name);

	do {
		snprintf(path, sizeof(path), TTMEM_BOOKS "/chip%u", number,
			 id->chips);
		ret = look_for(path, -ENOENT);
	} while (!ret && ++id->chips);
	return ret == -ENOENT ? 0 : ret;
}

static int by_number(const void *a, const void *b)
{
	const struct ttmem_card_id *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/*
 * Bring an array of our structures into the size that the program knows: what
 * it does not know is cut off, what we do not know is zero.
 */
static void *restride(void *list, size_t count, size_t size, size_t entry_size)
{
	char *out;
	size_t i;

	if (size == entry_size)
		return list;
	out = count > SIZE_MAX / entry_size ? NULL : calloc(count, entry_size);
	for (i = 0; out && i < count; i++)
		memcpy(out + i * entry_size, (char *)list + i * size,
		       size < entry_size ? size : entry_size);
	free(list);
	return out;
}

int ttmem_cards(struct ttmem_card_id **list, size_t *count, size_t entry_size)
{
	static const char prefix[] = "tenstorrent!";
	struct ttmem_card_id *cards = NULL;
	const struct dirent *entry;
	size_t used = 0;
	uint64_t number;
	int ret = 0;
	DIR *dir;

	if (!list || !count)
		return -EINVAL;
	*list = NULL;
	*count = 0;
	if (entry_size < sizeof(*cards))
		return -EINVAL;

	dir = opendir(TTMEM_CLASS);
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? -ENXIO : -errno;
	while (!ret && (errno = 0, entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    !ttmem__number(entry->d_name + strlen(prefix), INT_MAX,
				   &number))
			continue;
		if (!(used & (used - 1))) {	/* 0, 1, 2, 4, ... */
			size_t room = used ? used * 2 : 1;
			void *moved = realloc(cards, room * sizeof(*cards));

			if (!moved) {
				ret = -ENOMEM;
				break;
			}
			cards = moved;
		}
		ret = identify(number, &cards[used]);
		if (!ret)
			used++;
		else if (ret == -ENOENT)
			ret = 0;
	}
	if (!ret && errno)
		ret = -errno;
	closedir(dir);
	if (ret || !used) {
		free(cards);
		return ret;
	}

	qsort(cards, used, sizeof(*cards), by_number);
	cards = restride(cards, used, sizeof(*cards), entry_size);
	if (!cards)
		return -ENOMEM;
	*list = cards;
	*count = used;
	return 0;
}

int ttmem__find(const char *text, unsigned int *number)
{
	struct ttmem_card_id want, *list;
	size_t count, i;
	uint64_t n;
	int ret;

	if (ttmem__number(text, INT_MAX, &n)) {
		*number = n;
		return 0;
	}
	if (!parse_address(text, &want))
		return -EINVAL;
	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret)
		return ret;
	ret = -ENXIO;
	for (i = 0; i < count; i++) {
		if (list[i].pci_domain == want.pci_domain &&
		    list[i].pci_bus == want.pci_bus &&
		    list[i].pci_device == want.pci_device &&
		    list[i].pci_function == want.pci_function) {
			*number = list[i].number;
			ret = 0;
			break;
		}
	}
	ttmem_list_free(list);
	return ret;
}

void ttmem__board(unsigned int number, char *board, size_t size)
{
	struct ttmem_info info = { 0 };
	char path[TTMEM_PATH_SIZE];
	struct ttmem_card *card;

	snprintf(path, sizeof(path), TTMEM_CLASS "/tenstorrent!%u/tt_card_type", number);
	if (!ttmem__read_line(path, board, size) && *board && strcmp(board, "unknown"))
		return;

	/* The firmware has not answered yet: ttmem knows most by their ids. */
	*board = '\0';
	if (ttmem_open(number, TTMEM_OPEN_QUIET, &card))
		return;
	if (!ttmem_info(card, &info, sizeof(info)))
		snprintf(board, size, "%.*s", (int)sizeof(info.board), (const char *)info.board);
	ttmem_close(card);
}

int ttmem_stat(unsigned int number, const char *name, uint64_t *value)
{
	char path[TTMEM_PATH_SIZE], line[32], *end;
	int len, ret;

	if (!value)
		return -EINVAL;
	*value = 0;
	if (!name || !*name || *name == '/' || strstr(name, ".."))
		return -EINVAL;

	/*
	 * By way of ttmem's own device: should another driver show something
	 * under the name memory_stats, it is not taken for these books.
	 */
	len = snprintf(path, sizeof(path), TTMEM_BOOKS "/%s", number, name);
	if (len >= (int)sizeof(path))
		return -EINVAL;
	ret = read_text(path, line, sizeof(line));
	if (ret == -ENODEV)	/* on its way out */
		return -ENXIO;
	if (ret == -ENOENT) {
		uint64_t clients;

		/* Is it the value that is missing, or the card? */
		if (strcmp(name, "clients") &&
		    !ttmem_stat(number, "clients", &clients))
			return -ENOENT;
		return ttmem__why_not(number);
	}
	if (ret)
		return ret;
	/* Without its end it may be a part of a number. */
	end = strchr(line, '\n');
	if (!end)
		return -EPROTO;
	*end = '\0';
	return ttmem__number(line, UINT64_MAX, value) ? 0 : -EPROTO;
}

/* Undo the escapes of a command, "\012", in place. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' &&
		    text[1] >= '0' && text[1] <= '3' &&
		    text[2] >= '0' && text[2] <= '7' &&
		    text[3] >= '0' && text[3] <= '7') {
			char byte = (text[1] - '0') << 6 |
				    (text[2] - '0') << 3 | (text[3] - '0');

			text += 4;
			if (byte)
				*out++ = byte;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* Take the next word off a line; NULL if there is none. */
static char *word(char **line)
{
	char *start = *line + strspn(*line, " \t");
	size_t len = strcspn(start, " \t");

	if (!len)
		return NULL;
	*line = start + len;
	if (**line)
		*(*line)++ = '\0';
	return start;
}

/* Where a name stands in a list of such, TTMEM_UNKNOWN if it does not. */
static uint32_t place_of(const char *name, const char * const *names,
			 uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return i;
	return TTMEM_UNKNOWN;
}

static const char * const memories[] = {
	[TTMEM_DRAM] = "DRAM",
	[TTMEM_L1] = "L1",
};

const char * const ttmem__tags[TTMEM_TAG_CB + 1] = {
	[TTMEM_TAG_BUFFER] = "buffer",
	[TTMEM_TAG_TRACE] = "trace",
	[TTMEM_TAG_SYSTEM] = "system",
	[TTMEM_TAG_L1_SMALL] = "l1_small",
	[TTMEM_TAG_CB] = "cb",
};

static const char * const sources[] = {
	[TTMEM_SOURCE_SELF] = "self",
	[TTMEM_SOURCE_ATTRIBUTED] = "attributed",
};

#define PLACE_OF(name, names) \
	place_of(name, names, sizeof(names) / sizeof((names)[0]))

/*
 * The list says in its first line which columns it has: these, and in a later
 * module more of them, with COMMAND always the last.
 */
enum {
	CARD, CLIENT, PID, UID, CHIP, MEMORY, TAG, BYTES, PEAK, RESERVATIONS,
	SOURCE, COLUMNS
};

static const char * const columns[COLUMNS] = {
	"CARD", "CLIENT", "PID", "UID", "CHIP", "MEMORY", "TAG", "BYTES",
	"PEAK", "RESERVATIONS", "SOURCE",
};

/* The most columns that a list may have before COMMAND. */
#define COLUMNS_MAX	64

struct layout {
	size_t columns;
	size_t place[COLUMNS];	/* of each that is known */
};

static bool parse_header(char *line, struct layout *layout)
{
	unsigned int found = 0;
	const char *name;
	uint32_t i;

	layout->columns = 0;
	while ((name = word(&line)) && strcmp(name, "COMMAND")) {
		i = PLACE_OF(name, columns);
		if (i != TTMEM_UNKNOWN) {
			layout->place[i] = layout->columns;
			found |= 1u << i;
		}
		if (++layout->columns > COLUMNS_MAX)
			return false;
	}
	return name && !*line && found == (1u << COLUMNS) - 1;
}

static bool parse_client(char *line, const struct layout *layout,
			 struct ttmem_client *client)
{
	const char *word_at[COLUMNS_MAX], *field[COLUMNS];
	uint64_t card, pid, uid, chip;
	size_t i;

	for (i = 0; i < layout->columns; i++) {
		word_at[i] = word(&line);
		if (!word_at[i])
			return false;
	}
	for (i = 0; i < COLUMNS; i++)
		field[i] = word_at[layout->place[i]];

	memset(client, 0, sizeof(*client));
	if (!ttmem__number(field[CARD], INT_MAX, &card) ||
	    !ttmem__number(field[CLIENT], UINT64_MAX, &client->client) ||
	    !ttmem__number(field[PID], INT32_MAX, &pid) ||
	    !ttmem__number(field[UID], UINT32_MAX, &uid) ||
	    !ttmem__number(field[CHIP], UINT32_MAX, &chip) ||
	    !ttmem__number(field[BYTES], UINT64_MAX, &client->bytes) ||
	    !ttmem__number(field[PEAK], UINT64_MAX, &client->peak) ||
	    !ttmem__number(field[RESERVATIONS], UINT64_MAX,
			   &client->reservations))
		return false;
	client->card = card;
	client->pid = pid;
	client->uid = uid;
	client->chip = chip;
	client->memory = PLACE_OF(field[MEMORY], memories);
	client->tag = strcmp(field[TAG], "-") ? PLACE_OF(field[TAG], ttmem__tags) :
						TTMEM_TAG_NONE;
	client->source = PLACE_OF(field[SOURCE], sources);
	unescape(line);
	client->command = line;
	return true;
}

int ttmem__clients(struct ttmem_client **list, size_t *count, size_t entry_size, size_t most)
{
	size_t size = 0, lines = 0, used = 0, i;
	struct ttmem_client *clients;
	char *text, *line, *end;
	struct layout layout;
	int ret;

	if (!list || !count)
		return -EINVAL;
	*list = NULL;
	*count = 0;
	if (entry_size < sizeof(*clients))
		return -EINVAL;

	ret = read_most(TTMEM_LIST, most, &text, &size);
	if (ret == -ENODEV)	/* the module is on its way out */
		return -ENOPKG;
	if (ret == -ENOENT) {
		ret = ttmem_present();
		return ret ? ret : -EOPNOTSUPP;
	}
	if (ret)
		return ret;
	for (i = 0; i < size; i++)
		lines += text[i] == '\n';
	/* Not a byte of it may be passed over, so what is not lines is wrong. */
	if (!lines || text[size - 1] != '\n' || memchr(text, '\0', size)) {
		free(text);
		return -EPROTO;
	}

	/* One block for all, so that one free() does: entries, then the text. */
	if (entry_size > (SIZE_MAX - size) / lines) {
		free(text);
		return -ENOMEM;
	}
	clients = calloc(1, lines * entry_size + size);
	if (!clients) {
		free(text);
		return -ENOMEM;
	}
	line = (char *)clients + lines * entry_size;
	memcpy(line, text, size);
	free(text);

	for (i = 0; i < lines; i++, line = end + 1) {
		struct ttmem_client client;

		end = strchr(line, '\n');
		*end = '\0';
		if (!i) {
			if (!parse_header(line, &layout))
				goto unknown;
			continue;
		}
		if (!parse_client(line, &layout, &client))
			goto unknown;
		memcpy((char *)clients + used++ * entry_size, &client,
		       sizeof(client));
	}
	if (!used) {
		free(clients);
		return 0;
	}
	*list = clients;
	*count = used;
	return 0;

unknown:
	free(clients);
	return -EPROTO;
}

int ttmem_clients(struct ttmem_client **list, size_t *count, size_t entry_size)
{
	return ttmem__clients(list, count, entry_size, SIZE_MAX);
}
