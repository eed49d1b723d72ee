#include "apps/ferry/link_ota.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "sim/chip/boot.h"
#include "updater/path.h"

enum { APP_DESC = 24 + 8 }; // image header, first segment's header

void link_ota_init(struct link_ota *self, const struct link_ota_cfg *cfg, struct sim_flash *flash)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->flash = sim_flash_port_init(&self->port, flash);
    self->digest = ferry_posix_digest_init(&self->posix_digest);
}

static int find(struct link_ota *self, const char *label, uint32_t *address)
{
    struct ferry_sink_row row;
    uint32_t table = self->cfg.table_offset ? self->cfg.table_offset : 0x8000;
    for (unsigned i = 0; ferry_sink_layout_row(&self->flash, table, i, &row) > 0; i++)
        if (strcmp(row.label, label) == 0) {
            *address = row.place.address;
            return FERRY_OK;
        }
    return FERRY_ERR_NO_PLACE;
}

// What the running firmware says about itself, as esp_app_get_description() does.
static void describe(struct link_ota *self, uint32_t address)
{
    uint8_t bytes[FERRY_APP_DESC_SIZE];
    memset(&self->app, 0, sizeof self->app);
    if (self->flash.read(self->flash.ctx, address + APP_DESC, bytes, sizeof bytes) == FERRY_OK)
        ferry_app_desc_parse(&self->app, bytes);
    ferry_path_text(self->app.project, sizeof self->app.project, self->app.project);
    ferry_path_text(self->app.version, sizeof self->app.version, self->app.version);
}

// The one that the loader of the virtual chip shows, too.
static const uint8_t *mac_of(const struct link_ota *self)
{
    static const uint8_t esp32[6] = {0x10, 0x01, 0x00, 0xc4, 0x0a, 0x24},
                         other[6] = {0xc4, 0x0a, 0x24, 0xfe, 0x10, 0x01}, none[6] = {0};
    if (memcmp(self->cfg.mac, none, sizeof none) != 0)
        return self->cfg.mac;
    return strcmp(self->cfg.chip, "esp32") == 0 ? esp32 : other;
}

static void ota_cfg(struct link_ota *self, uint32_t address, bool power_on, struct ferry_sink_ota_cfg *out)
{
    const struct ferry_chip *chip = ferry_chip_by_name(self->cfg.chip);
    *out = (struct ferry_sink_ota_cfg){
        .flash = &self->flash,
        .digest = &self->digest,
        .table = self->cfg.table_offset,
        .running = address,
        .chip = chip ? chip->id : 0,
        .revision = self->cfg.revision ? self->cfg.revision : sim_boot_revision(self->cfg.chip),
        .project = self->app.project,
        .version = self->app.version,
        .rollback = self->cfg.rollback,
        .power_on = power_on,
        .deaf = self->cfg.deaf,
        .restart_ctx = self->cfg.restart_ctx,
        .restart = self->cfg.restart,
    };
    memcpy(out->mac, mac_of(self), sizeof out->mac);
}

int link_ota_boot(struct link_ota *self, const char *label, bool power_on)
{
    struct ferry_sink_ota_cfg cfg;
    uint32_t address;
    int status = find(self, label, &address);
    if (status < 0)
        return status;
    describe(self, address);
    ota_cfg(self, address, power_on, &cfg);
    status = ferry_sink_ota_init(&self->ota, &cfg);
    if (status < 0)
        return status;
    status = ferry_sink_partition_init(&self->data, &self->flash, &self->digest, self->cfg.table_offset);
    if (status < 0)
        return status;
    self->firmware = ferry_sink_ota(&self->ota);
    self->partition = ferry_sink_partition(&self->data);
    self->by_kind = (struct ferry_sink_by_kind){.firmware = &self->firmware, .partition = &self->partition};
    self->inner = ferry_sink_by_kind(&self->by_kind);
    self->sink = link_tell_sink(&self->tell, &self->inner, self->cfg.line, self->cfg.line_ctx);
    return ferry_sink_ota_boot(&self->ota);
}

void link_ota_close(struct link_ota *self)
{
    ferry_posix_digest_close(&self->posix_digest);
}
