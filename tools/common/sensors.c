// SPDX-License-Identifier: GPL-2.0-only
/* A card's hwmon, which is a child of its PCI device, and its clock. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sensors.h"

/* Read a file; false if it is not there. What else is wrong goes to @error. */
static bool read_text(const char *dir, const char *name, const char *file, char *line,
		      size_t size, int *error)
{
	char path[2 * TTMEM_PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
	ret = ttmem__read_line(path, line, size);
	if (ret && ret != -ENOENT && ret != -ENODEV && ret != -ENXIO)
		*error = ret;
	return !ret;
}

static bool read_number(const char *dir, const char *name, const char *file, uint64_t *value,
			int *error)
{
	char line[32];

	if (!read_text(dir, name, file, line, sizeof(line), error))
		return false;
	if (ttmem__number(line, INT64_MAX, value))
		return true;
	*error = -EPROTO;
	return false;
}

static bool read_temperature(const char *dir, const char *name, int64_t *value, int *error)
{
	char line[32], *end;
	int64_t n;

	if (!read_text(dir, name, "temp1_input", line, sizeof(line), error))
		return false;
	n = strtoll(line, &end, 10);
	if (!*line || *end || n <= -1000000 || n >= 1000000) {
		*error = -EPROTO;
		return false;
	}
	*value = n;
	return true;
}

int sensors_read(unsigned int card, struct sensors *sensors)
{
	const struct dirent *entry;
	char dir[TTMEM_PATH_SIZE];
	int error = 0;
	DIR *hwmon;

	memset(sensors, 0, sizeof(*sensors));
	snprintf(dir, sizeof(dir), TTMEM_CLASS "/tenstorrent!%u", card);
	sensors->has_clock = read_number(dir, ".", "tt_aiclk", &sensors->clock, &error);

	snprintf(dir, sizeof(dir), TTMEM_CLASS "/tenstorrent!%u/device/hwmon", card);
	hwmon = opendir(dir);
	if (!hwmon)
		return errno == ENOENT ? error : -errno;
	while ((entry = readdir(hwmon))) {
		const char *name = entry->d_name;

		if (strncmp(name, "hwmon", strlen("hwmon")))
			continue;
		sensors->has_temperature |= read_temperature(dir, name, &sensors->temperature,
							     &error);
		sensors->has_power |= read_number(dir, name, "power1_input", &sensors->power,
						  &error);
		sensors->has_power_limit |= read_number(dir, name, "power1_max",
							&sensors->power_limit, &error);
	}
	closedir(hwmon);
	return error;
}
