// A target made of software, seen from its firmware: the sinks for OTA slots and data partitions on a virtual flash,
// for `ferry vchip --app receiver` and `ferry receive --flash`. What runs there is whatever the boot model has started.
#ifndef FERRY_APP_LINK_OTA_H
#define FERRY_APP_LINK_OTA_H

#include "apps/ferry/link_tell.h"
#include "ferry/codec/app_desc.h"
#include "ferry/sink/sink_by_kind.h"
#include "ferry/sink/sink_ota.h"
#include "ferry/sink/sink_partition.h"
#include "ports/posix/digest.h"
#include "sim/flash/flash_port.h"

struct link_ota_cfg {
    const char *chip;      // "esp32c3"
    uint16_t revision;     // 0 = what the boot model takes for the chip
    uint8_t mac[6];        // all 0 = the virtual chip's usual one
    uint32_t table_offset; // 0 = 0x8000
    bool rollback;         // the bootloader's
    bool deaf;             // nothing is received while the flash erases
    void *restart_ctx;
    int (*restart)(void *ctx);
    void (*line)(void *ctx, const char *text); // tells what happens
    void *line_ctx;
};

struct link_ota {
    struct link_ota_cfg cfg;
    struct sim_flash_port port;
    struct ferry_flash flash;
    struct ferry_posix_digest posix_digest;
    struct ferry_digest digest;
    struct ferry_sink_ota ota;
    struct ferry_sink_partition data;
    struct ferry_sink_by_kind by_kind;
    struct ferry_sink firmware, partition, inner, sink;
    struct link_tell tell;
    struct ferry_app_desc app; // of what runs
};

// flash has to outlive self; copies cfg.
void link_ota_init(struct link_ota *self, const struct link_ota_cfg *cfg, struct sim_flash *flash);
// The partition `label` was started; power_on: after a loss of power. 0: self->sink is ready. FERRY_SINK_OTA_RESTART:
// restart at once. Negative: this firmware cannot take updates (see ferry_sink_ota_init).
int link_ota_boot(struct link_ota *self, const char *label, bool power_on);
void link_ota_close(struct link_ota *self);

#endif
