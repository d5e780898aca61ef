// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which container and which pod a process is in, by the path of its control group. The
 * paths as runtimes and the kubelet make them:
 *
 *	/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_U.slice/
 *		cri-containerd-ID.scope
 *	/kubepods.slice/kubepods-podU_U.slice/crio-ID.scope[/container]
 *	/kubepods/besteffort/podU-U/ID			the cgroupfs driver; CRI-O: crio-ID
 *	/kubelet.slice/kubelet-kubepods.slice/...	with --cgroup-root
 *	/system.slice/containerd.service/kubepods-podU_U.slice:cri-containerd:ID
 *	/system.slice/docker-ID.scope, /docker/ID
 *	/machine.slice/libpod-ID.scope[/container], /libpod_parent/libpod-ID
 *	/user.slice/user-N.slice/user@N.service/user.slice/libpod-ID.scope
 *
 * A path is read from its root, and the first container counts: what is below is that
 * container's own word, as what is below a unit of systemd is that unit's. Below user@N.service
 * it is that user's: so there is no pod there, and an id is only his claim.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "exporter.h"
#include "internal.h"

#define ID_SIZE		64
#define UID_SIZE	36
#define UID_SIZE_STATIC	32	/* of a pod from a file: a hash */

static const char hex[] = "0123456789abcdef";

static bool begins(const char *text, const char *begin)
{
	return !strncmp(text, begin, strlen(begin));
}

static bool ends(const char *text, const char *end)
{
	size_t len = strlen(text), size = strlen(end);

	return len >= size && !strcmp(text + len - size, end);
}

/* "podU", of @len bytes, with a uid's dashes or, as systemd has them, underscores. */
static bool read_pod(const char *text, size_t len, char *uid)
{
	static const char pod[] = "pod";
	size_t i;

	if (len < strlen(pod) || !begins(text, pod))
		return false;
	text += strlen(pod);
	len -= strlen(pod);
	if (len != UID_SIZE && len != UID_SIZE_STATIC)
		return false;
	for (i = 0; i < len; i++) {
		bool dash = len == UID_SIZE && (i == 8 || i == 13 || i == 18 || i == 23);

		if (dash ? text[i] != '-' && text[i] != '_' : !strchr(hex, text[i]))
			return false;
	}
	for (i = 0; i < len; i++)
		uid[i] = text[i] == '_' ? '-' : text[i];
	uid[len] = '\0';
	return true;
}

/* "kubepods-burstable-podU.slice", which is @len bytes long. */
static void read_slice(const char *text, size_t len, char *uid)
{
	static const char end[] = ".slice";
	const char *pod = strstr(text, "kubepods");

	if (!pod || len < strlen(end) || !begins(text + len - strlen(end), end))
		return;
	len -= strlen(end);
	while ((pod = strstr(pod, "-pod")) && pod < text + len) {
		pod++;
		if (read_pod(pod, text + len - pod, uid))
			return;
	}
}

/* "ID", "docker-ID.scope", "slice:cri-containerd:ID": an id is all that is behind a mark. */
static bool read_id(const char *text, char *id)
{
	size_t len = strlen(text);

	if (ends(text, ".scope"))
		len -= strlen(".scope");
	if (len < ID_SIZE)
		return false;
	text += len - ID_SIZE;
	if (strspn(text, hex) != ID_SIZE)
		return false;
	if (len > ID_SIZE && text[-1] != '-' && text[-1] != ':')
		return false;
	memcpy(id, text, ID_SIZE);
	id[ID_SIZE] = '\0';
	return true;
}

/* Where a part of a path stands. */
struct place {
	bool users;	/* below a user's own systemd */
	bool kubelets;	/* below kubepods, or so near that only its end is seen */
};

/* Look at the next part. Return: whether to go on */
static bool read_part(const char *part, struct place *place, struct container *c)
{
	const char *colon = strchr(part, ':');

	if (!strcmp(part, "..")) {
		/* The exporter is in a namespace of control groups. */
		place->kubelets = true;
		return true;
	}
	if (!place->users)
		read_slice(part, colon ? (size_t)(colon - part) : strlen(part), c->pod_uid);
	if (ends(part, ".slice"))
		return true;
	if (begins(part, "user@") && ends(part, ".service")) {
		place->users = true;
		return true;
	}
	if (read_id(part, c->id))
		return false;
	if (!strcmp(part, "kubepods"))
		place->kubelets = true;
	else if (!place->users && place->kubelets &&
		 read_pod(part, strlen(part), c->pod_uid))
		return true;
	else if (strcmp(part, "burstable") && strcmp(part, "besteffort"))
		place->kubelets = false;
	/* What LXC starts has no id, and the rest of the path is that container's. */
	return !ends(part, ".scope") && !begins(part, "lxc") &&
	       (!ends(part, ".service") || !strcmp(part, "containerd.service"));
}

/* Cut off, between characters, what is too long to be a label. */
static void keep_group(const char *path, char *group)
{
	size_t len = strlen(path);

	if (len >= GROUP_SIZE) {
		len = GROUP_SIZE - 1;
		while (len && (path[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(group, path, len);
	group[len] = '\0';
}

int container_read(pid_t pid, struct container *container)
{
	char file[TTMEM_PATH_SIZE], path[PATH_MAX + 1], *text, *part, *rest;
	struct place place = { 0 };
	int ret;

	memset(container, 0, sizeof(*container));
	snprintf(file, sizeof(file), TTMEM_PROC "/%d/cgroup", pid);
	ret = ttmem__read_file(file, &text, NULL);
	if (ret)
		return ret == -ENOENT || ret == -ESRCH ? 0 : ret;
	cgroup_choose(text, path, sizeof(path));
	free(text);
	keep_group(path, container->group);
	for (part = strtok_r(path, "/", &rest);
	     part && read_part(part, &place, container);
	     part = strtok_r(NULL, "/", &rest))
		;
	return 0;
}
