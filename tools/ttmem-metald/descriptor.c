// SPDX-License-Identifier: GPL-2.0-only
/* UMD's cluster descriptor, which tells what chips a machine has. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "metald.h"

/* What is being read, and the chips found so far. */
struct reading {
	yaml_document_t document;
	struct described *list;
	size_t count;
};

static yaml_node_t *node(struct reading *in, int index)
{
	return yaml_document_get_node(&in->document, index);
}

static const char *text_of(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

static yaml_node_t *member(struct reading *in, yaml_node_t *map, const char *key)
{
	yaml_node_pair_t *pair;

	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
	     pair++)
		if (!strcmp(text_of(node(in, pair->key)), key))
			return node(in, pair->value);
	return NULL;
}

static struct described *chip_get(struct reading *in, const char *text)
{
	struct described *d;
	uint64_t chip;
	size_t i;

	if (!ttmem__number(text, INT32_MAX, &chip))
		return NULL;
	for (i = 0; i < in->count; i++)
		if (in->list[i].chip == (int64_t)chip)
			return &in->list[i];
	in->list = more(in->list, in->count, sizeof(*in->list));
	d = &in->list[in->count++];
	*d = (struct described){ .chip = chip, .card = -1, .board = -1 };
	return d;
}

/* Call @take for each "chip: value" of a mapping, or of a list of such. */
static bool each_pair(struct reading *in, yaml_node_t *n,
		      bool (*take)(struct described *d, const char *value))
{
	yaml_node_pair_t *pair;
	yaml_node_item_t *item;

	if (!n)
		return true;
	if (n->type == YAML_SEQUENCE_NODE) {
		for (item = n->data.sequence.items.start;
		     item < n->data.sequence.items.top; item++) {
			yaml_node_t *one = node(in, *item);

			if (one->type != YAML_MAPPING_NODE || !each_pair(in, one, take))
				return false;
		}
		return true;
	}
	if (n->type != YAML_MAPPING_NODE)
		return false;
	for (pair = n->data.mapping.pairs.start; pair < n->data.mapping.pairs.top;
	     pair++) {
		struct described *d = chip_get(in, text_of(node(in, pair->key)));

		if (!d || !take(d, text_of(node(in, pair->value))))
			return false;
	}
	return true;
}

static bool take_id(struct described *d, const char *value)
{
	return ttmem__number(value, UINT64_MAX, &d->id);
}

static bool take_card(struct described *d, const char *value)
{
	uint64_t card;

	if (!ttmem__number(value, INT32_MAX, &card))
		return false;
	d->card = card;
	return true;
}

static bool take_address(struct described *d, const char *value)
{
	/* It goes into a file of lines and words. */
	if (!*value || strlen(value) >= sizeof(d->address) ||
	    strspn(value, "0123456789abcdefABCDEF:.") != strlen(value))
		return false;
	strcpy(d->address, value);
	return true;
}

/* A board is a list of mappings, one of which names its chips. */
static bool take_board(struct reading *in, yaml_node_t *board, int64_t number)
{
	yaml_node_item_t *part, *item;

	if (board->type != YAML_SEQUENCE_NODE)
		return false;
	for (part = board->data.sequence.items.start;
	     part < board->data.sequence.items.top; part++) {
		yaml_node_t *chips = member(in, node(in, *part), "chips");

		if (!chips)
			continue;
		if (chips->type != YAML_SEQUENCE_NODE)
			return false;
		for (item = chips->data.sequence.items.start;
		     item < chips->data.sequence.items.top; item++) {
			struct described *d = chip_get(in, text_of(node(in, *item)));

			if (!d)
				return false;
			d->board = number;
		}
	}
	return true;
}

static bool take_boards(struct reading *in, yaml_node_t *boards)
{
	yaml_node_item_t *item;
	int64_t number = 0;

	if (!boards)
		return true;
	if (boards->type != YAML_SEQUENCE_NODE)
		return false;
	for (item = boards->data.sequence.items.start;
	     item < boards->data.sequence.items.top; item++)
		if (!take_board(in, node(in, *item), number++))
			return false;
	return true;
}

static bool take_all(struct reading *in, char *why, size_t why_size)
{
	yaml_node_t *root = yaml_document_get_root_node(&in->document);
	const char *wrong = NULL;

	if (!member(in, root, "chip_unique_ids"))
		wrong = "it has no chip_unique_ids: is this a cluster descriptor of 2025 or later?";
	else if (!each_pair(in, member(in, root, "chip_unique_ids"), take_id))
		wrong = "chip_unique_ids cannot be understood";
	else if (!each_pair(in, member(in, root, "chips_with_mmio"), take_card))
		wrong = "chips_with_mmio cannot be understood";
	else if (!each_pair(in, member(in, root, "chip_pci_bdfs"), take_address))
		wrong = "chip_pci_bdfs cannot be understood";
	else if (!take_boards(in, member(in, root, "boards")))
		wrong = "boards cannot be understood";
	if (wrong)
		snprintf(why, why_size, "%s", wrong);
	return !wrong;
}

bool descriptor_read(FILE *file, struct described **list, size_t *count,
		     char *why, size_t why_size)
{
	struct reading in = { .count = 0 };
	yaml_parser_t parser;
	bool ok;

	if (!yaml_parser_initialize(&parser))
		out_of_memory();
	yaml_parser_set_input_file(&parser, file);
	ok = yaml_parser_load(&parser, &in.document);
	if (!ok) {
		snprintf(why, why_size, "line %zu: %s", parser.problem_mark.line + 1,
			 parser.problem ? parser.problem : "no YAML");
	} else {
		ok = take_all(&in, why, why_size);
		yaml_document_delete(&in.document);
	}
	yaml_parser_delete(&parser);
	if (!ok) {
		free(in.list);
		return false;
	}
	*list = in.list;
	*count = in.count;
	return true;
}
