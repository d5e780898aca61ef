// SPDX-License-Identifier: GPL-2.0-only
/*
 * --version: of all that takes part, and whether they understand each other.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "clean.h"
#include "internal.h"
#include "show/show.h"

/* The module's ABI, by any node that may be opened; else a negative errno. */
static int module_abi(void)
{
	struct ttmem_card_id *list;
	int ret, result = -ENXIO;
	size_t count, i;

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret)
		return ret;
	for (i = 0; i < count && result < 0; i++) {
		struct ttmem_info info = { 0 };
		struct ttmem_card *card;

		ret = ttmem_open(list[i].number, TTMEM_OPEN_QUIET, &card);
		if (!ret)
			ret = ttmem_info(card, &info, sizeof(info));
		if (!ret)
			result = info.abi_version;
		else if (list[i].chips)
			result = ret;
		ttmem_close(card);
	}
	ttmem_list_free(list);
	return result;
}

static bool module_version(const char *path, char *text, size_t size)
{
	char directory[TTMEM_PATH_SIZE];

	snprintf(directory, sizeof(directory), TTMEM_SYSFS "/module/%s", path);
	if (access(directory, F_OK)) {
		if (errno == ENOENT)
			snprintf(text, size, "not loaded");
		else
			snprintf(text, size, "not known: %s", strerror(errno));
		return false;
	}
	strcat(directory, "/version");
	ttmem__read_line(directory, text, size);
	if (!*text)
		snprintf(text, size, "loaded, version not known");
	return true;
}

int print_version(FILE *out)
{
	char ttmem[64], tt_kmd[64];
	bool loaded = module_version("ttmem", ttmem, sizeof(ttmem));
	int abi = loaded ? module_abi() : -ENOPKG;

	module_version("tenstorrent", tt_kmd, sizeof(tt_kmd));
	fprintf(out, "ttmem-smi %s (ABI %d)\nttmem     ", TTMEM_VERSION, TTMEM_ABI_VERSION);
	clean_print(out, "%s", ttmem);
	if (abi >= 0)
		fprintf(out, " (ABI %d)", abi);
	else if (abi == -ENXIO)
		fputs(" (ABI not known: there is no card to ask)", out);
	else if (loaded)
		fprintf(out, " (ABI not known: %s)", ttmem_strerror(abi));
	fputs("\nTT-KMD    ", out);
	clean_print(out, "%s", tt_kmd);
	fputc('\n', out);

	if (abi > TTMEM_ABI_VERSION)
		fputs("The module is newer than this ttmem-smi, which shows only what it knows: install the tools of the same version\n",
		      out);
	else if (abi >= 0 && abi < TTMEM_ABI_VERSION)
		fputs("The module is older than this ttmem-smi, which cannot show all that it could: install the module of the same version and load it anew\n",
		      out);
	return EXIT_OK;
}
