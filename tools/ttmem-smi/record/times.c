// SPDX-License-Identifier: GPL-2.0-only
/* Times of a recording, for people and for files. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "record/recording.h"

void format_time(char *text, size_t size, int64_t time, int decimals)
{
	static const int units[] = {
		1000000, 100000, 10000, 1000, 100, 10, 1,
	};
	time_t seconds = time / 1000000;
	size_t len;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	if (decimals)
		len += snprintf(text + len, size - len, ".%0*d", decimals,
				(int)(time % 1000000) / units[decimals]);
	snprintf(text + len, size - len, "Z");
}

int64_t since_start(const struct recording *rec, size_t sample)
{
	return rec->time[sample] - rec->time[0];
}

double seconds_after(const struct recording *rec, size_t sample)
{
	return since_start(rec, sample) / 1e6;
}

void format_span(char *text, size_t size, const struct recording *rec)
{
	char begin[32], end[32];
	bool same_day;

	format_time(begin, sizeof(begin), rec->time[0], 0);
	format_time(end, sizeof(end), rec->time[rec->samples - 1], 0);
	same_day = !memcmp(begin, end, 10);
	snprintf(text, size, "%.10s %.8s to %.10s%s%.8s UTC", begin, begin + 11,
		 same_day ? "" : end, same_day ? "" : " ", end + 11);
}

void format_after(char *text, size_t size, const struct recording *rec,
		  double seconds, double step)
{
	double all = seconds_after(rec, rec->samples - 1);
	long s = lround(seconds);

	if (all > 3600)
		snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60,
			 s % 60);
	else if (all > 120)
		snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
	else
		snprintf(text, size, "%.*f s", step >= 1 ? 0 : step < 0.01 && step > 0 ?
			 3 : step < 0.1 && step > 0 ? 2 : 1, seconds);
}
