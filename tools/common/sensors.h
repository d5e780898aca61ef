/* SPDX-License-Identifier: GPL-2.0-only */
/* What a card's sensors tell, through TT-KMD. */
#ifndef TTMEM_SENSORS_H
#define TTMEM_SENSORS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct sensors - what they tell
 * @has_temperature: whether it is known
 * @has_power: likewise
 * @has_power_limit: likewise
 * @has_clock: likewise
 * @temperature: millidegrees Celsius
 * @power: microwatts
 * @power_limit: likewise
 * @clock: MHz
 */
struct sensors {
	bool has_temperature;
	bool has_power;
	bool has_power_limit;
	bool has_clock;
	int64_t temperature;
	uint64_t power;
	uint64_t power_limit;
	uint64_t clock;
};

/**
 * sensors_read() - read a card's sensors
 * @card: its number
 * @sensors: out: what is known
 * Return: 0, also where the card has no such sensor or has gone; a negative errno where one
 * could not be read
 */
int sensors_read(unsigned int card, struct sensors *sensors);

#endif /* TTMEM_SENSORS_H */
