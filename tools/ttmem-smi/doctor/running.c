// SPDX-License-Identifier: GPL-2.0-only
/* What is there now: modules, the library, cards and their nodes, ttmem-metald. */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "doctor/findings.h"
#include "internal.h"
#include "metald_state.h"

bool see_module(struct findings *f, const char *about, const char *name,
		char *version, size_t size)
{
	char path[TTMEM_PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), TTMEM_SYSFS "/module/%s", name);
	ret = look_for(path);
	if (ret && ret != -ENOENT) {
		cannot_see(f, about, path, ret);
		return false;
	}
	if (ret) {
		mend(found(f, WRONG, about, "the module %s is not loaded", name),
		     "%ssudo modprobe %s", f->in_container ? "on the host: " : "", name);
		return false;
	}
	snprintf(path, sizeof(path), TTMEM_SYSFS "/module/%s/version", name);
	if (ttmem__read_line(path, version, size) || !*version)
		found(f, UNKNOWN, about, "the module %s is loaded, and its version cannot be read",
		      name);
	else
		found(f, WELL, about, "%s", version);
	return true;
}

void see_library(struct findings *f)
{
	static const char name[] = "libttmem.so.0";
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	const char *(*version)(void);
	const char *error;

	if (!library) {
		error = dlerror();
		if (error && strstr(error, name) && strstr(error, strerror(ENOENT)))
			found(f, WELL, "versions", "%s is not installed; only programs that tell ttmem themselves take it",
			      name);
		else
			found(f, UNKNOWN, "versions", "%s", error ? error : name);
		return;
	}
	version = (const char *(*)(void))dlsym(library, "ttmem_version");
	if (version)
		compare_versions(f, name, version(), "sudo ldconfig");
	else
		mend(found(f, WRONG, "versions", "%s is older than ttmem-smi, which is %s", name,
			   TTMEM_VERSION),
		     "install both of one version, then: sudo ldconfig");
	dlclose(library);
}

static void see_node(struct findings *f, const struct ttmem_card_id *card)
{
	char path[TTMEM_PATH_SIZE];
	char driver[TTMEM_PATH_SIZE];
	struct stat st, tt_kmd;
	mode_t denied;

	snprintf(path, sizeof(path), TTMEM_NODES "/%u", card->number);
	if (stat(path, &st)) {
		mend(found(f, WRONG, "node", "%s: %s", path, strerror(errno)),
		     "%s", f->in_container ?
		     "give the container that device too, or all of /dev/tenstorrent" :
		     "sudo udevadm trigger --subsystem-match=ttmem");
		return;
	}
	if (!S_ISCHR(st.st_mode)) {
		mend(found(f, WRONG, "node", "%s is not a device", path),
		     "remove it, then: sudo udevadm trigger --subsystem-match=ttmem");
		return;
	}
	if (access(path, R_OK | W_OK)) {
		mend(found(f, WRONG, "node", "%s may not be opened by you, its mode is %04o", path,
			   st.st_mode & 07777),
		     "see MODE in 60-ttmem.rules, and the groups of: ls -l %s", path);
		return;
	}
	/* Who may use the card has to be able to tell; root is denied neither. */
	snprintf(driver, sizeof(driver), TTMEM_DEV "/tenstorrent/%u", card->number);
	if (stat(driver, &tt_kmd)) {
		/* A container may have it under another name. */
		if (errno != ENOENT || !f->in_container)
			found(f, UNKNOWN, "node", "%s, mode %04o; who may use the card is not known: %s: %s",
			      path, st.st_mode & 07777, driver, strerror(errno));
		else
			found(f, WELL, "node", "%s, mode %04o", path, st.st_mode & 07777);
		return;
	}
	denied = tt_kmd.st_mode & ~st.st_mode & 0666;
	if (tt_kmd.st_gid != st.st_gid)
		denied |= tt_kmd.st_mode & ~(st.st_mode << 3) & 060;
	if (denied)
		mend(found(f, WRONG, "node", "%s, mode %04o, is closed to some who may use %s, mode %04o",
			   path, st.st_mode & 07777, driver, tt_kmd.st_mode & 07777),
		     "set MODE and GROUP in 60-ttmem.rules as in TT-KMD's rule, then: sudo udevadm trigger --subsystem-match=ttmem");
	else
		found(f, WELL, "node", "%s, mode %04o", path, st.st_mode & 07777);
}

void see_cards(struct findings *f)
{
	struct ttmem_card_id *list;
	size_t count, i;
	int ret;

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret == -ENXIO || (!ret && !count)) {
		mend(found(f, WRONG, "cards", "TT-KMD drives no card"),
		     "lspci -d 1e52: shows the cards that the machine sees, dmesg what TT-KMD says of them");
	} else if (ret) {
		cannot_see(f, "cards", TTMEM_CLASS, ret);
	}
	for (i = 0; !ret && i < count; i++) {
		if (!list[i].chips) {
			mend(found(f, WRONG, "cards", "ttmem does not follow card %u",
				   list[i].number),
			     "%s%s", f->in_container ? "on the host: " : "",
			     ttmem_present() ? "sudo modprobe ttmem" :
			     "sudo dmesg | grep ttmem says why");
			continue;
		}
		found(f, WELL, "cards", "card %u, %s, %u chip%s", list[i].number, list[i].address,
		      list[i].chips, list[i].chips == 1 ? "" : "s");
		see_node(f, &list[i]);
	}
	ttmem_list_free(list);
}

void see_list(struct findings *f)
{
	struct ttmem_client *list;
	size_t count;
	int ret;

	if (ttmem_present())
		return;
	ret = ttmem_clients(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret)
		found(f, WRONG, "list", "who holds what cannot be read: %s",
		      ttmem_strerror(ret));
	else
		found(f, WELL, "list", TTMEM_LIST " can be read");
	ttmem_list_free(list);
}

static void see_silence(struct findings *f, const struct metald_state *metald)
{
	size_t i;
	int why;

	for (i = 0; i < metald->cards; i++)
		for (why = SILENT_STARTING + 1; why < SILENCES; why++)
			if (metald->card[i].silent[why])
				mend(found(f, WRONG, "processes", "of %" PRIu64 " with card %u open nothing is told: %s",
					   metald->card[i].silent[why], metald->card[i].card,
					   silence_sentence(why)),
				     "sudo ttmem-metald --once shows which");
	if (metald->unplaced)
		mend(found(f, WRONG, "chips", "%" PRIu64 " bytes are counted of chips that cannot be placed",
			   metald->unplaced),
		     "sudo ttmem-metald --chips DESCRIPTOR, see ttmem-metald(8)");
	else
		found(f, WELL, "chips", "all that are counted are placed");
}

void see_metald(struct findings *f)
{
	struct metald_state metald;
	char last[64] = "";
	int ret;

	ret = metald_read(&metald);
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret == -EBADMSG || ret == -EFBIG) {
		mend(found(f, UNKNOWN, "ttmem-metald", METALD_STATE " is not understood"),
		     "install ttmem-metald %s, then: sudo systemctl restart ttmem-metald",
		     TTMEM_VERSION);
	} else if (ret) {
		cannot_see(f, "ttmem-metald", METALD_STATE, ret);
	} else if (!metald.running) {
		if (there(METALD_STATE))
			snprintf(last, sizeof(last), metald.age > 0 ?
				 ", " METALD_STATE " is %.0f s old" :
				 ", " METALD_STATE " is %.0f s ahead of the clock",
				 fabs(metald.age));
		mend(found(f, WRONG, "ttmem-metald",
			   "it is not running%s: nothing is told of unmodified programs", last),
		     "sudo systemctl enable --now ttmem-metald; systemctl status ttmem-metald says why it ended");
	} else {
		found(f, WELL, "ttmem-metald", "it is running, and wrote %.0f s ago",
		      fabs(metald.age));
		if (*metald.version)
			compare_versions(f, "ttmem-metald", metald.version,
					 "sudo systemctl restart ttmem-metald");
		else
			mend(found(f, UNKNOWN, "versions", "ttmem-metald does not say which it is"),
			     "install ttmem-metald %s, then: sudo systemctl restart ttmem-metald",
			     TTMEM_VERSION);
		see_silence(f, &metald);
	}
	metald_free(&metald);
}
