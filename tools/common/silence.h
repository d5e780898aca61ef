/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why nothing is told of a process that has a card open: ttmem-metald's word for it in
 * metald.json, and what a person is told. In one place, as one program writes what
 * others read.
 */
#ifndef TTMEM_SILENCE_H
#define TTMEM_SILENCE_H

enum silence {
	SILENT_NOT,
	SILENT_STARTING,	/* too young to say */
	SILENT_DISABLED,	/* tracking is turned off in its environment */
	SILENT_NO_TRACKER,	/* it maps no region */
	SILENT_LAYOUT,		/* a layout that is not known */
	SILENT_UNREADABLE,	/* its regions cannot be read */
	SILENT_FULL,		/* it was one too many for its region */
	SILENT_UNPLACED,	/* it is not known which chips its regions are about */
	SILENT_LIMIT,		/* its user has too many processes */
	SILENT_INHERITED,	/* the one that opened its file has ended */
	SILENT_OTHER,		/* a later ttmem-metald's, which its readers do not know */
	SILENCES
};

/**
 * silence_word() - the word for a reason
 * @why: the reason
 * Return: the word; empty for SILENT_NOT
 */
static inline const char *silence_word(enum silence why)
{
	static const char * const words[SILENCES] = {
		[SILENT_NOT] = "",
		[SILENT_STARTING] = "starting",
		[SILENT_DISABLED] = "disabled",
		[SILENT_NO_TRACKER] = "no_tracker",
		[SILENT_LAYOUT] = "layout",
		[SILENT_UNREADABLE] = "unreadable",
		[SILENT_FULL] = "full",
		[SILENT_UNPLACED] = "unplaced",
		[SILENT_LIMIT] = "limit",
		[SILENT_INHERITED] = "inherited",
		[SILENT_OTHER] = "other",
	};

	return words[why];
}

/**
 * silence_sentence() - a reason, and what to do, for a person
 * @why: the reason
 * Return: words to stand behind "the process" and a colon; empty for SILENT_NOT
 */
static inline const char *silence_sentence(enum silence why)
{
	static const char * const sentences[SILENCES] = {
		[SILENT_NOT] = "",
		[SILENT_STARTING] = "has just begun",
		[SILENT_DISABLED] =
			"TT_METAL_SHM_TRACKING_DISABLED=1 in its environment: start it without",
		[SILENT_NO_TRACKER] =
			"counts nothing: no tt-metal, or one before 0.67, or another user owns /dev/shm/tt_device_*",
		[SILENT_LAYOUT] =
			"counts in a layout that this ttmem-metald does not know: update it",
		[SILENT_UNREADABLE] = "what it counts cannot be read: is ttmem-metald root?",
		[SILENT_FULL] =
			"64 others are in its chips' tables: remove /dev/shm/tt_device_* when nothing runs",
		[SILENT_UNPLACED] =
			"counts, but for which card is not known: ttmem-metald --chips DESCRIPTOR",
		[SILENT_LIMIT] = "its user has too many processes with a card open",
		[SILENT_INHERITED] =
			"has it from one that has ended, so it is not known which it is",
		[SILENT_OTHER] = "for a reason that this version does not know: update ttmem",
	};

	return sentences[why];
}

#endif /* TTMEM_SILENCE_H */
