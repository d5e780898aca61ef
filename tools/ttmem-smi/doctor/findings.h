/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the doctor share. */
#ifndef TTMEM_SMI_FINDINGS_H
#define TTMEM_SMI_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

/* Only a test is compiled with another. */
#ifndef TTMEM_ROOT
#define TTMEM_ROOT	""
#endif

enum verdict { WELL, WRONG, UNKNOWN };

/* What has been found. */
struct findings {
	struct finding {
		enum verdict state;
		const char *about;
		char *what;
		char *mend;		/* NULL if there is nothing to be done */
	} *finding;
	size_t count;
	bool in_container;
	struct utsname kernel;
};

/* findings.c */

/**
 * found() - add what was found
 * @f: the findings
 * @state: how that is
 * @about: what was looked at; it stays where it is
 * @format: what was found, as for printf()
 * Return: the finding
 */
struct finding __attribute__((format(printf, 4, 5)))
*found(struct findings *f, enum verdict state, const char *about, const char *format, ...);

/**
 * mend() - say what is to be done about a finding
 * @finding: the finding
 * @format: what, as for printf()
 */
void __attribute__((format(printf, 2, 3)))
mend(struct finding *finding, const char *format, ...);

/**
 * look_for() - see whether a file is there
 * @path: the file
 * Return: 0 if it is, -ENOENT if not, another negative errno if that cannot be seen
 */
int look_for(const char *path);

/* Whether a file is there for sure. */
bool there(const char *path);

/**
 * match() - find the first file that matches a pattern
 * @pattern: the pattern, braces and all
 * @path: out: the file
 * @size: size of @path
 * Return: as look_for()
 */
int match(const char *pattern, char *path, size_t size);

/**
 * first_of() - find a file where udev looks for rules, and systemd for units
 * @kind: of what, as "udev/rules.d"
 * @name: the file's name
 * @path: out: the one that counts first
 * @size: size of @path
 * Return: as look_for()
 */
int first_of(const char *kind, const char *name, char *path, size_t size);

/* An empty file, or a link to /dev/null, is how an administrator turns one off. */
bool turned_off(const char *path);

/* Tell that something could not be looked at, and why: a negative errno. */
void cannot_see(struct findings *f, const char *about, const char *path, int error);

/**
 * compare_versions() - see whether something is of the version of this program
 * @f: the findings
 * @what: what stands beside it
 * @version: the version of that
 * @how: how to take the new one, once both are installed
 */
void compare_versions(struct findings *f, const char *what, const char *version,
		      const char *how);

/* running.c */

/**
 * see_module() - see whether a module is loaded
 * @f: the findings
 * @about: as for found()
 * @name: the module's name
 * @version: out: its version, unchanged where that is not known
 * @size: size of @version
 * Return: whether it is loaded
 */
bool see_module(struct findings *f, const char *about, const char *name,
		char *version, size_t size);

/* The one that the loader finds for other programs: ttmem-smi has its own in it. */
void see_library(struct findings *f);

void see_cards(struct findings *f);
void see_list(struct findings *f);
void see_metald(struct findings *f);

/* installed.c */

void see_rule(struct findings *f);

/* Whether the module is installed for this kernel, and will be for the next one. */
void see_installed(struct findings *f);

/* Whether ttmem-metald is started at the next boot: systemd's doing, or udev's. */
void see_unit(struct findings *f);

#endif /* TTMEM_SMI_FINDINGS_H */
