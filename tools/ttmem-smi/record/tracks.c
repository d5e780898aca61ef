// SPDX-License-Identifier: GPL-2.0-only
/* What a recording tells: values over time, and who held them. See record.h. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "record/recording.h"

void recording_free(struct recording *rec)
{
	size_t i, j;

	for (i = 0; i < rec->pools; i++) {
		for (j = 0; j < rec->pool[i].shares; j++)
			free(rec->pool[i].share[j].track.point);
		free(rec->pool[i].share);
		free(rec->pool[i].track.point);
	}
	for (i = 0; i < rec->cards; i++) {
		free(rec->card[i].bus_id);
		free(rec->card[i].board);
	}
	for (i = 0; i < rec->holders; i++) {
		free(rec->holder[i].user);
		free(rec->holder[i].command);
	}
	for (i = 0; i < rec->notices; i++)
		free(rec->notice[i].text);
	free(rec->pool);
	free(rec->card);
	free(rec->holder);
	free(rec->notice);
	free(rec->time);
	memset(rec, 0, sizeof(*rec));
}

const struct point *track_at(const struct track *track, size_t sample)
{
	size_t low = 0, high = track->points;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (track->point[middle].sample < sample)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < track->points && track->point[low].sample == sample)
		return &track->point[low];
	return NULL;
}

const struct point *track_peak(const struct track *track)
{
	const struct point *peak = track->point;
	size_t i;

	for (i = 1; i < track->points; i++)
		if (track->point[i].used > peak->used)
			peak = &track->point[i];
	return peak;
}

double track_sum(const struct recording *rec, const struct track *track,
		 double *seconds)
{
	double sum = 0, time = 0, step;
	size_t i;

	for (i = 0; i < track->points; i++) {
		size_t sample = track->point[i].sample;

		if (sample + 1 == rec->samples)
			break;
		step = (rec->time[sample + 1] - rec->time[sample]) / 1e6;
		time += step;
		sum += step * track->point[i].used;
	}
	if (seconds)
		*seconds = time;
	return sum;
}

uint64_t pool_capacity(const struct pool_track *pool)
{
	return pool->track.point[pool->track.points - 1].total;
}

double pool_mean(const struct recording *rec, const struct pool_track *pool,
		 const struct track *track)
{
	double seconds, sum;

	track_sum(rec, &pool->track, &seconds);
	sum = track_sum(rec, track, NULL);
	if (seconds > 0)
		return sum / seconds;
	return track->points ? track->point[0].used : 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (!x->holder || !y->holder)
		return !x->holder - !y->holder;
	return (x->holder->pid > y->holder->pid) -
	       (x->holder->pid < y->holder->pid);
}

struct holding *pool_holdings(const struct recording *rec,
			      const struct pool_track *pool, size_t sample,
			      size_t *count)
{
	const struct point *point, *used = track_at(&pool->track, sample);
	struct holding *list = calloc(pool->shares + 1, sizeof(*list));
	uint64_t rest = used ? used->used : 0;
	size_t i;

	if (!list)
		out_of_memory();
	*count = 0;
	for (i = 0; i < pool->shares; i++) {
		point = track_at(&pool->share[i].track, sample);
		if (!point)
			continue;
		list[*count].holder = &rec->holder[pool->share[i].holder];
		list[(*count)++].bytes = point->used;
		rest -= point->used < rest ? point->used : rest;
	}
	if (rest)
		list[(*count)++].bytes = rest;
	qsort(list, *count, sizeof(*list), by_bytes);
	return list;
}
