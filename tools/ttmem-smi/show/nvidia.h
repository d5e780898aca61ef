/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nvidia-smi's fields and sections that ttmem-smi has nothing for, so that scripts written
 * for it run: they are taken and answered with [N/A]. They are those of nvidia-smi 535 to
 * 610.
 */
#ifndef TTMEM_SMI_NVIDIA_H
#define TTMEM_SMI_NVIDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The fields of --help-query-gpu that no driver tells of a Tenstorrent card, by unit, with
 * blanks between them. query_cards.c has the others.
 */
#define NVIDIA_FIELDS \
	"vgpu_driver_capability.heterogenous_multivGPU pci.baseClass pci.subClass " \
	"pci.device_id pci.sub_device_id vgpu_device_capability.fractional_multiVgpu " \
	"vgpu_device_capability.heterogeneous_timeSlice_profile " \
	"vgpu_device_capability.heterogeneous_timeSlice_sizes " \
	"vgpu_device_capability.homogeneous_placements " \
	"vgpu_device_capability.mig_timeSlicing " \
	"vgpu_device_capability.mig_timeSlicing_mode " \
	"pcie.link.gen.current pcie.link.gen.gpucurrent pcie.link.gen.max " \
	"pcie.link.gen.gpumax pcie.link.gen.hostmax pcie.link.width.current " \
	"pcie.link.width.max display_mode display_attached display_active " \
	"persistence_mode addressing_mode accounting.buffer_size " \
	"driver_model.current driver_model.pending inforom.img inforom.image inforom.oem " \
	"inforom.ecc inforom.pwr inforom.power inforom.checksum_validation " \
	"reset_status.reset_required reset_status.drain_and_reset_recommended " \
	"gpu_recovery_action gom.current gpu_operation_mode.current gom.pending " \
	"gpu_operation_mode.pending pstate " \
	"clocks_event_reasons.supported clocks_event_reasons.active " \
	"clocks_event_reasons.gpu_idle clocks_event_reasons.applications_clocks_setting " \
	"clocks_event_reasons.sw_power_cap clocks_event_reasons.hw_slowdown " \
	"clocks_event_reasons.hw_thermal_slowdown " \
	"clocks_event_reasons.hw_power_brake_slowdown " \
	"clocks_event_reasons.sw_thermal_slowdown clocks_event_reasons.sync_boost " \
	"clocks_throttle_reasons.supported clocks_throttle_reasons.active " \
	"clocks_throttle_reasons.gpu_idle clocks_throttle_reasons.applications_clocks_setting " \
	"clocks_throttle_reasons.sw_power_cap clocks_throttle_reasons.hw_slowdown " \
	"clocks_throttle_reasons.hw_thermal_slowdown " \
	"clocks_throttle_reasons.hw_power_brake_slowdown " \
	"clocks_throttle_reasons.sw_thermal_slowdown clocks_throttle_reasons.sync_boost " \
	"compute_mode compute_cap encoder.stats.sessionCount encoder.stats.averageFps " \
	"encoder.stats.averageLatency dramEncryption.mode.current " \
	"dramEncryption.mode.pending ecc.mode.current ecc.mode.pending " \
	"ecc.errors.corrected.volatile.device_memory ecc.errors.corrected.volatile.dram " \
	"ecc.errors.corrected.volatile.register_file ecc.errors.corrected.volatile.l1_cache " \
	"ecc.errors.corrected.volatile.l2_cache ecc.errors.corrected.volatile.texture_memory " \
	"ecc.errors.corrected.volatile.cbu ecc.errors.corrected.volatile.sram " \
	"ecc.errors.corrected.volatile.total ecc.errors.corrected.aggregate.device_memory " \
	"ecc.errors.corrected.aggregate.dram ecc.errors.corrected.aggregate.register_file " \
	"ecc.errors.corrected.aggregate.l1_cache ecc.errors.corrected.aggregate.l2_cache " \
	"ecc.errors.corrected.aggregate.texture_memory ecc.errors.corrected.aggregate.cbu " \
	"ecc.errors.corrected.aggregate.sram ecc.errors.corrected.aggregate.total " \
	"ecc.errors.uncorrected.volatile.device_memory ecc.errors.uncorrected.volatile.dram " \
	"ecc.errors.uncorrected.volatile.register_file " \
	"ecc.errors.uncorrected.volatile.l1_cache ecc.errors.uncorrected.volatile.l2_cache " \
	"ecc.errors.uncorrected.volatile.texture_memory ecc.errors.uncorrected.volatile.cbu " \
	"ecc.errors.uncorrected.volatile.sram ecc.errors.uncorrected.volatile.total " \
	"ecc.errors.uncorrected.aggregate.device_memory ecc.errors.uncorrected.aggregate.dram " \
	"ecc.errors.uncorrected.aggregate.register_file " \
	"ecc.errors.uncorrected.aggregate.l1_cache ecc.errors.uncorrected.aggregate.l2_cache " \
	"ecc.errors.uncorrected.aggregate.texture_memory ecc.errors.uncorrected.aggregate.cbu " \
	"ecc.errors.uncorrected.aggregate.sram ecc.errors.uncorrected.aggregate.total " \
	"ecc.errors.uncorrected.volatile.sram.parity " \
	"ecc.errors.uncorrected.volatile.sram.secded " \
	"ecc.errors.uncorrected.aggregate.sram.parity " \
	"ecc.errors.uncorrected.aggregate.sram.secded " \
	"ecc.errors.uncorrected.aggregate.sram.thresholdExceeded " \
	"ecc.errors.uncorrected.aggregate.sram.l2 ecc.errors.uncorrected.aggregate.sram.sm " \
	"ecc.errors.uncorrected.aggregate.sram.mcu ecc.errors.uncorrected.aggregate.sram.pcie " \
	"ecc.errors.uncorrected.aggregate.sram.other " \
	"retired_pages.single_bit_ecc.count retired_pages.sbe retired_pages.double_bit.count " \
	"retired_pages.dbe retired_pages.pending remapped_rows.correctable remapped_rows.sbe " \
	"remapped_rows.correctable_inactive remapped_rows.uncorrectable remapped_rows.dbe " \
	"remapped_rows.uncorrectable_inactive remapped_rows.pending remapped_rows.failure " \
	"remapped_rows.histogram.max remapped_rows.histogram.high " \
	"remapped_rows.histogram.partial remapped_rows.histogram.low " \
	"remapped_rows.histogram.none temperature.gpu.tlimit temperature.memory " \
	"power.management mig.mode.current mig.mode.pending gsp.mode.current " \
	"gsp.mode.default c2c.mode fabric.state fabric.status fabric.cliqueId " \
	"fabric.clusterUuid fabric.health.summary fabric.health.bandwidth " \
	"fabric.health.route_recovery_in_progress fabric.health.route_unhealthy " \
	"fabric.health.access_timeout_recovery fabric.health.incorrect_configuration " \
	"fabric.health.partition_assigned platform.chassis_serial_number " \
	"platform.slot_number platform.tray_index platform.host_id platform.peer_type " \
	"platform.module_id platform.gpu_fabric_guid hostname power_smoothing.enabled " \
	"power_smoothing.delayed_power_smoothing_supported " \
	"power_smoothing.soc_power_smoothing_enabled power_smoothing.priv_level " \
	"power_smoothing.imm_ramp_down power_smoothing.num_preset_profiles " \
	"power_smoothing.curr_profile.primary_floor_act_window_multiplier " \
	"power_smoothing.curr_profile.primary_floor_tar_window_multiplier " \
	"power_smoothing.active_profile " \
	"power_smoothing.admin_override.primary_floor_act_window_multiplier " \
	"power_smoothing.admin_override.primary_floor_tar_window_multiplier"

#define NVIDIA_FIELDS_PERCENT \
	"fan.speed utilization.gpu utilization.memory utilization.encoder " \
	"utilization.decoder utilization.jpeg utilization.ofa edpp_multiplier " \
	"power_smoothing.hw_lifetime_remaining_percent " \
	"power_smoothing.max_percent_tmp_floor power_smoothing.min_percent_tmp_floor " \
	"power_smoothing.curr_profile.percent_tmp_floor " \
	"power_smoothing.admin_override.percent_tmp_floor"

#define NVIDIA_FIELDS_MIB \
	"memory.reserved protected_memory.total protected_memory.used protected_memory.free"

#define NVIDIA_FIELDS_WATTS \
	"power.draw.average gpu.power.draw.average " \
	"power.default_limit gpu.power.default_limit power.min_limit gpu.power.min_limit " \
	"power.max_limit gpu.power.max_limit module.power.draw.average " \
	"module.power.draw.instant module.power.limit module.power.requested_limit " \
	"module.enforced.power.limit module.power.current_limit module.power.default_limit " \
	"module.power.min_limit module.power.max_limit gpu.base.current gpu.base.requested " \
	"gpu.base.default gpu.base.min gpu.base.max power_smoothing.tmp_floor " \
	"power_smoothing.tmp_ceil power_smoothing.primary_power_floor " \
	"power_smoothing.secondary_power_floor " \
	"power_smoothing.min_primary_floor_activation_offset " \
	"power_smoothing.min_primary_floor_activation_point " \
	"power_smoothing.curr_profile.secondary_power_floor " \
	"power_smoothing.curr_profile.primary_floor_act_offset " \
	"power_smoothing.admin_override.secondary_power_floor " \
	"power_smoothing.admin_override.primary_floor_act_offset"

#define NVIDIA_FIELDS_WATTS_PER_SECOND \
	"power_smoothing.curr_profile.ramp_up_rate " \
	"power_smoothing.curr_profile.ramp_down_rate " \
	"power_smoothing.admin_override.ramp_up_rate " \
	"power_smoothing.admin_override.ramp_down_rate"

#define NVIDIA_FIELDS_MHZ \
	"clocks.current.memory clocks.mem clocks.current.video clocks.video " \
	"clocks.applications.graphics clocks.applications.gr clocks.applications.memory " \
	"clocks.applications.mem clocks.default_applications.graphics " \
	"clocks.default_applications.gr clocks.default_applications.memory " \
	"clocks.default_applications.mem clocks.max.graphics clocks.max.gr clocks.max.sm " \
	"clocks.max.memory clocks.max.mem"

#define NVIDIA_FIELDS_US \
	"clocks_event_reasons_counters.sw_power_cap clocks_event_reasons_counters.sync_boost " \
	"clocks_event_reasons_counters.sw_thermal_slowdown " \
	"clocks_event_reasons_counters.hw_thermal_slowdown " \
	"clocks_event_reasons_counters.hw_power_brake_slowdown"

#define NVIDIA_FIELDS_MS \
	"power_smoothing.window_multiplier power_smoothing.curr_profile.ramp_down_hysteresis " \
	"power_smoothing.admin_override.ramp_down_hysteresis"

#define NVIDIA_FIELDS_SECONDS "bbx.time_run"

/*
 * A section of -q -d of which nothing is known. Its lines are separated by newlines, each
 * with a tab for each heading that it stands below; what ends in a colon has a value.
 */
struct section {
	const char *word;
	const char *lines;
};

extern const struct section sections[];

/**
 * find_section() - find a section that nothing is known of
 * @word: as typed, in any case
 * @len: how many characters of it
 * Return: its place in sections[], -1 if there is none
 */
int find_section(const char *word, size_t len);

/* Print the lines of such a section, each value N/A, by @print. */
void print_section(FILE *out, const struct section *section,
		   void (*print)(FILE *out, unsigned int depth, const char *name, bool value));

#endif /* TTMEM_SMI_NVIDIA_H */
