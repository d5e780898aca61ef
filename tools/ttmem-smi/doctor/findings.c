// SPDX-License-Identifier: GPL-2.0-only
/* What the doctor finds, and how files are looked for. */
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "doctor/findings.h"

static char *put_together(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

struct finding *found(struct findings *f, enum verdict state, const char *about,
		      const char *format, ...)
{
	struct finding *new;
	va_list args;

	f->finding = grow(f->finding, f->count, sizeof(*new));
	new = &f->finding[f->count++];
	new->state = state;
	new->about = about;
	va_start(args, format);
	new->what = put_together(format, args);
	va_end(args);
	return new;
}

void mend(struct finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	finding->mend = put_together(format, args);
	va_end(args);
}

int look_for(const char *path)
{
	if (!access(path, F_OK))
		return 0;
	return errno == ENOTDIR ? -ENOENT : -errno;
}

bool there(const char *path)
{
	return !look_for(path);
}

static int glob_error;

/* A directory that is not there has nothing in it; one that cannot be read may have. */
static int note_error(const char *path, int error)
{
	(void)path;
	if (error == ENOENT || error == ENOTDIR)
		return 0;
	glob_error = -error;
	return 1;
}

int match(const char *pattern, char *path, size_t size)
{
	glob_t matches;
	int ret;

	glob_error = 0;
	ret = glob(pattern, GLOB_BRACE, note_error, &matches);
	if (ret == GLOB_NOSPACE)
		out_of_memory();
	if (!ret)
		snprintf(path, size, "%s", matches.gl_pathv[0]);
	else
		glob_error = glob_error ? glob_error : -ENOENT;
	globfree(&matches);
	return glob_error;
}

int first_of(const char *kind, const char *name, char *path, size_t size)
{
	static const char * const places[] = {
		"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib",
	};
	int ret = -ENOENT;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]) && ret == -ENOENT; i++) {
		snprintf(path, size, TTMEM_ROOT "%s/%s/%s", places[i], kind, name);
		ret = look_for(path);
	}
	return ret;
}

bool turned_off(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !st.st_size;
}

void cannot_see(struct findings *f, const char *about, const char *path, int error)
{
	found(f, UNKNOWN, about, "%s: %s", path, strerror(-error));
}

void compare_versions(struct findings *f, const char *what, const char *version,
		      const char *how)
{
	if (!strcmp(version, TTMEM_VERSION))
		found(f, WELL, "versions", "%s and ttmem-smi are both %s", what, version);
	else
		mend(found(f, WRONG, "versions", "%s is %s, ttmem-smi is %s", what, version,
			   TTMEM_VERSION),
		     "install both of one version, then: %s", how);
}
