// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that have a card open and of which nothing is told. What they hold is not
 * known, so such a card must not look free; and a person wants to know why.
 */

#include "base/base.h"
#include "look/parts.h"

/* Of the reasons that ttmem-metald has for a card, that of most processes. */
static enum silence most(const struct metald_card *card)
{
	enum silence why = SILENT_NOT;
	int i;

	/* Who has just begun needs no advice if there are others. */
	for (i = SILENT_STARTING + 1; i < SILENCES; i++)
		if (card->silent[i] > card->silent[why])
			why = i;
	if (why == SILENT_NOT && card->silent[SILENT_STARTING])
		why = SILENT_STARTING;
	return why;
}

uint64_t silent_told(const struct metald_card *card)
{
	uint64_t sum = 0;
	int i;

	for (i = SILENT_NOT + 1; i < SILENCES; i++)
		add_bytes(&sum, card->silent[i]);
	return sum;
}

void silent_count(struct card *card, const struct snapshot *snap, size_t from, bool known)
{
	const struct metald_card *told = metald_card(&snap->metald, card->id.number);
	struct silent_use *use = &card->silent;
	size_t i;

	/* It sees all processes, also those of other namespaces. */
	if (told) {
		use->known = true;
		use->processes = silent_told(told);
		use->why = most(told);
		return;
	}
	use->known = known;
	for (i = from; known && i < snap->processes; i++)
		use->processes += snap->process[i].card == card->id.number &&
				  !snap->process[i].reports;
}

const char *silent_word(const struct snapshot *snap, const struct silent_use *use)
{
	if (!use->known || !use->processes)
		return NULL;
	return snap->metald.running ? silence_word(use->why) : "metald_not_running";
}

const char *silent_sentence(const struct snapshot *snap, const struct silent_use *use)
{
	if (snap->metald.running && use->why == SILENT_NOT)
		return "ttmem-metald has not seen the card yet";
	if (snap->metald.running)
		return silence_sentence(use->why);
	return "ttmem-metald is not running: sudo systemctl enable --now ttmem-metald";
}
