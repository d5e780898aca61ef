/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The views. Each prints a snapshot or, where that is told, what it has looked at
 * itself; what it takes beyond is told here.
 */
#ifndef TTMEM_SMI_SHOW_H
#define TTMEM_SMI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "look/look.h"
#include "text/text.h"

/* The table of cards and that of processes. */
void print_table(FILE *out, const struct snapshot *snap,
		 const struct style *style);

/* A line for each card. */
void print_list(FILE *out, const struct snapshot *snap);

/* What parts of a card print_all() tells. */
enum {
	ALL_PRODUCT	= 1 << 0,
	ALL_MEMORY	= 1 << 1,
	ALL_TEMPERATURE	= 1 << 2,
	ALL_POWER	= 1 << 3,
	ALL_CLOCK	= 1 << 4,
	ALL_PIDS	= 1 << 5,
	ALL_OF_IT	= (1 << 6) - 1,
	ALL_ACCOUNTING	= 1 << 6,	/* only where it is asked for: it is long */
	/* From here on a bit for each of sections[], of which nothing is known. */
	ALL_SECTIONS	= 1 << 7,
};

/* All that is known, in words, of the parts of ALL_*. */
void print_all(FILE *out, const struct snapshot *snap, unsigned int parts);

/**
 * parse_parts() - understand the list of -q -d
 * @text: words separated by commas, NULL for all
 * @parts: out: ALL_*
 * @why: what is wrong with it
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool parse_parts(const char *text, unsigned int *parts, char *why,
		 size_t why_size);

/* A JSON document, on one line if @compact. */
void print_json(FILE *out, const struct snapshot *snap, bool compact);

/* The same as -q, in the form of nvidia-smi -q -x. */
void print_xml(FILE *out, const struct snapshot *snap);

/* How CSV is written: --format. */
struct csv {
	bool header;
	bool units;
	bool bytes;	/* no MiB */
};

/* What a query's lines are about. */
enum query { QUERY_CARDS, QUERY_CHIPS, QUERY_PROCESSES, QUERY_ACCOUNTED };

/* Fields as typed, separated by commas; the header only if @first. */
void print_query(FILE *out, const struct snapshot *snap, enum query query,
		 const char *fields, const struct csv *csv, bool first);

/**
 * query_check() - see whether there are such fields
 * @query: what the lines are about
 * @fields: as typed
 * @why: what is wrong with them
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool query_check(enum query query, const char *fields, char *why,
		 size_t why_size);

/**
 * query_wants_peaks() - whether peaks of processes are asked for
 * @query: what the lines are about
 * @fields: as typed, and checked
 * Return: whether they are
 */
bool query_wants_peaks(enum query query, const char *fields);

/**
 * query_wants_silent() - whether a field depends on who uses a card and tells nothing
 * @query: what the lines are about
 * @fields: as typed, and checked
 * Return: whether one does
 */
bool query_wants_silent(enum query query, const char *fields);

/**
 * query_wants_commands() - whether command lines of processes are asked for
 * @fields: as typed, and checked, of processes
 * Return: whether they are
 */
bool query_wants_commands(const char *fields);

/* Explain the fields of a query. */
void print_query_help(FILE *out, enum query query);

/* Which clients make one line of --query-accounted-apps. */
enum accounted_by { BY_CLIENT, BY_CGROUP, BY_JOB, BY_USER };

/**
 * accounted_by() - understand --by
 * @text: as typed
 * @by: out
 * Return: whether there is such a word
 */
bool accounted_by(const char *text, enum accounted_by *by);

/**
 * print_accounts() - --query-accounted-apps
 * @out: where to
 * @want: which cards and processes
 * @by: what makes a line
 * @fields: as typed, and checked
 * @csv: how
 * Return: the status to end with
 */
int print_accounts(FILE *out, const struct want *want, enum accounted_by by,
		   const char *fields, const struct csv *csv);

/* Columns of dmon and pmon. */
struct monitor {
	const char *groups;	/* -s, NULL for all */
	bool date;		/* -o D */
	bool time;		/* -o T */
};

/**
 * monitor_check() - see whether there are such groups of columns
 * @processes: pmon, else dmon
 * @monitor: what was typed
 * @why: what is wrong with it
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool monitor_check(bool processes, const struct monitor *monitor, char *why,
		   size_t why_size);

/* A line for each chip or, if @processes, process; the head now and then. */
void print_monitor(FILE *out, const struct snapshot *snap, bool processes,
		   const struct monitor *monitor, const struct style *style);

/* What opens or reads something itself, tells of errors, and returns a status. */

/**
 * print_reservations() - list what a process has reserved
 * @out: where to
 * @want: on which cards
 * @pid: the process
 * @csv: NULL for a table
 * Return: the status to end with
 */
int print_reservations(FILE *out, const struct want *want, pid_t pid,
		       const struct csv *csv);

/**
 * print_accounting_mode() - --accounting-mode
 * @out: where to
 * @wanted: what was typed, NULL: only tell
 * Return: the status to end with
 */
int print_accounting_mode(FILE *out, const char *wanted);

/**
 * print_version() - the versions of all that takes part
 * @out: where to
 * Return: the status to end with
 */
int print_version(FILE *out);

#endif /* TTMEM_SMI_SHOW_H */
