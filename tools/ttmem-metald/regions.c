// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of tt-metal's regions a process has mapped. Its maps are read by a thread: a
 * process can have others wait for its address space as long as it likes (one of its
 * friends reads its memory, which is of a FUSE file; another of its threads maps
 * something). A thread that is left waiting is given up, and nobody waits for it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maps.h"

/* So long a reading is waited for; what comes later is taken in a later look. */
#define WAIT		(100 * NSEC_PER_MSEC)
/* After so long its thread is given up. */
#define GIVE_UP		NSEC_PER_SEC
/* So many may be left waiting. */
#define STUCK_MAX	64
#define STACK_SIZE	(128u << 10)

/**
 * struct worker - a thread that reads maps
 * @thread: the thread
 * @lock: guards @work, @done and @given_up
 * @change: one of these has changed
 * @work: there is a job
 * @done: it is done
 * @given_up: end then
 * @pid: whose maps they are
 * @boot: when that process began, as numbers are given anew
 * @uid: its user
 * @began: when the job was given
 * @job: the job
 */
struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool work;
	bool done;
	bool given_up;
	pid_t pid;
	uint64_t boot;
	uid_t uid;
	uint64_t began;
	struct maps_job job;
};

static struct worker *worker;		/* the one that is given jobs */
static struct worker *stuck[STUCK_MAX];	/* those that were given up */
static size_t stuck_count;
/* A process whose maps were never read had to wait; so in this look only such are. */
static bool turned_away, first_only;

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->given_up && (!w->work || w->done))
			pthread_cond_wait(&w->change, &w->lock);
		if (w->done)
			break;
		pthread_mutex_unlock(&w->lock);
		maps_read(&w->job);
		close(w->job.dir);
		pthread_mutex_lock(&w->lock);
		w->done = true;
		pthread_cond_signal(&w->change);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static struct worker *worker_make(void)
{
	struct worker *w = calloc(1, sizeof(*w));
	pthread_condattr_t clock;
	pthread_attr_t attributes;
	sigset_t all, before;
	int error;

	if (!w)
		out_of_memory();
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->change, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&w->lock, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	/* Signals are for the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&w->thread, &attributes, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (!error)
		return w;
	free(w);
	return NULL;
}

static bool is_done(struct worker *w)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = w->done;
	pthread_mutex_unlock(&w->lock);
	return done;
}

/* The process whose maps these are, NULL if it is not known any more. */
static struct process *process_of(const struct worker *w)
{
	struct process *p = process_find(w->pid);

	return p && p->boot == w->boot ? p : NULL;
}

static struct region *find_region(struct process *p, const struct region_file *file)
{
	size_t i;

	for (i = 0; i < p->regions; i++)
		if (p->region[i].id == file->id && p->region[i].ino == file->ino &&
		    p->region[i].dev == file->dev)
			return &p->region[i];
	return NULL;
}

static void add_region(struct process *p, const struct region_file *file)
{
	if (p->regions == PROCESS_REGIONS || !process_charge(p, 1)) {
		p->limited = true;
		close(file->fd);
		return;
	}
	p->region = more(p->region, p->regions, sizeof(*p->region));
	p->region[p->regions++] = (struct region){
		.id = file->id, .dev = file->dev, .ino = file->ino, .fd = file->fd,
		.slot = -1, .card = -1,
	};
	p->placed = 0;
}

void region_drop(struct process *p, struct region *r)
{
	close(r->fd);
	process_charge(p, -1);
	*r = p->region[--p->regions];
	p->placed = 0;
}

/* Take what a job has found over to its process. */
static void take(struct worker *w)
{
	struct process *p = process_of(w);
	struct maps_job *job = &w->job;
	size_t i;

	if (p) {
		p->gone |= job->gone;
		p->limited = false;
		p->unreadable = job->unreadable;
	}
	for (i = 0; i < job->count; i++) {
		struct region_file *file = &job->file[i];
		struct region *r = p ? find_region(p, file) : NULL;

		if (file->fd >= 0) {
			if (p && !r)
				add_region(p, file);
			else
				close(file->fd);
		} else if (r && !file->seen && !job->failed) {
			region_drop(p, r);
		}
	}
	/* A given up one's thread ends by what is left as it is. */
	if (w->given_up)
		return;
	pthread_mutex_lock(&w->lock);
	w->work = false;
	w->done = false;
	pthread_mutex_unlock(&w->lock);
}

static void give_up(struct worker *w)
{
	struct process *p = process_of(w);

	say("process %d of user %u lets nobody read its maps: it and the user's others are not looked at meanwhile",
	    w->pid, w->uid);
	if (p)
		p->unreadable = true;
	pthread_mutex_lock(&w->lock);
	w->given_up = true;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
	stuck[stuck_count++] = w;
	worker = NULL;
}

void regions_poll(void)
{
	size_t i;

	first_only = turned_away;
	turned_away = false;
	for (i = stuck_count; i--;) {
		if (!is_done(stuck[i]))
			continue;
		take(stuck[i]);
		pthread_join(stuck[i]->thread, NULL);
		free(stuck[i]);
		stuck[i] = stuck[--stuck_count];
	}
	if (!worker || !worker->work)
		return;
	if (is_done(worker))
		take(worker);
	else if (now_ns() - worker->began > GIVE_UP && stuck_count < STUCK_MAX)
		give_up(worker);
}

bool regions_pending(void)
{
	return worker && worker->work;
}

/* Whether a thread waits for one of the user's processes. */
static bool keeps_one_waiting(const struct user *u)
{
	size_t i;

	for (i = 0; i < stuck_count; i++)
		if (stuck[i]->uid == u->uid)
			return true;
	return false;
}

/* Have the maps of a process read, and wait for that a little. */
static void give(struct process *p)
{
	struct maps_job *job = &worker->job;
	struct timespec until;
	uint64_t end;
	bool done;
	size_t i;

	job->dir = fcntl(p->dir, F_DUPFD_CLOEXEC, 0);
	if (job->dir < 0)
		return;
	job->gone = false;
	job->unreadable = false;
	job->failed = false;
	job->count = p->regions;
	for (i = 0; i < p->regions; i++)
		job->file[i] = (struct region_file){
			.id = p->region[i].id, .dev = p->region[i].dev,
			.ino = p->region[i].ino, .fd = -1,
		};
	worker->pid = p->pid;
	worker->boot = p->boot;
	worker->uid = p->user->uid;
	worker->began = now_ns();
	end = worker->began + WAIT;
	until.tv_sec = end / NSEC_PER_SEC;
	until.tv_nsec = end % NSEC_PER_SEC;

	pthread_mutex_lock(&worker->lock);
	worker->work = true;
	pthread_cond_signal(&worker->change);
	while (!worker->done &&
	       !pthread_cond_timedwait(&worker->change, &worker->lock, &until))
		;
	done = worker->done;
	pthread_mutex_unlock(&worker->lock);
	if (done)
		take(worker);
}

/* The size of a process in pages; false if it has ended. */
static bool read_pages(const struct process *p, uint64_t *pages)
{
	char text[64];
	ssize_t got;
	int fd;

	fd = openat(p->dir, "statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	*pages = strtoull(text, NULL, 10);
	return true;
}

void regions_read(struct process *p)
{
	bool young = process_young(p);
	uint64_t now = now_ns(), pages;
	size_t i;

	if (p->checked && !young && now - p->checked < NSEC_PER_SEC)
		return;
	if (!read_pages(p, &pages)) {
		p->gone = true;
		return;
	}
	/* Once a second all of each region is read, not the entry alone. */
	if (now - p->checked >= NSEC_PER_SEC)
		for (i = 0; i < p->regions; i++)
			p->region[i].slot = -1;
	if (p->checked && !young && pages == p->pages) {
		p->checked = now;
		return;
	}
	if (!worker)
		worker = worker_make();
	/* It still waits for another process: this one's turn comes again. */
	if (!worker || keeps_one_waiting(p->user) || (p->checked && first_only))
		return;
	if (worker->work) {
		turned_away |= !p->checked;
		return;
	}
	p->checked = now;
	p->pages = pages;
	give(p);
	/* There is one thread: it is another user's next time, if one wants it. */
	TAILQ_REMOVE(&users, p->user, node);
	TAILQ_INSERT_TAIL(&users, p->user, node);
}
