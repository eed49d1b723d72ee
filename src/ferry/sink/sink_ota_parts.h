// What the files of the OTA sink share.
#ifndef FERRY_SINK_SINK_OTA_PARTS_H
#define FERRY_SINK_SINK_OTA_PARTS_H

#include "ferry/sink/sink_ota.h"

// sink_ota.c
int ferry_sink_ota_read(const struct ferry_sink_ota *self, uint32_t address, uint8_t *bytes, size_t len);
int ferry_sink_ota_blank(const struct ferry_sink_ota *self, uint32_t address, uint32_t len); // 1, 0, negative
// SHA-256 of len bytes of flash.
int ferry_sink_ota_digest(const struct ferry_sink_ota *self, uint32_t address, uint32_t len, uint8_t sha256[32]);
// The running firmware is selected explicitly, and the update that is open is noted.
int ferry_sink_ota_start_writing(struct ferry_sink_ota *self);
int ferry_sink_ota_head_check(const struct ferry_sink_ota *self, const uint8_t head[FERRY_MANIFEST_HEAD]);
// sink_ota_end.c
int ferry_sink_ota_end(void *ctx);
int ferry_sink_ota_image_size(struct ferry_sink_ota *self, uint32_t address, uint32_t limit, uint32_t *size);
// sink_ota_boot.c
int ferry_sink_ota_confirm(void *ctx);
int ferry_sink_ota_revert(void *ctx, enum ferry_give_up reason);
// Writes the entry that starts the record's firmware. The record says selected already.
int ferry_sink_ota_select(struct ferry_sink_ota *self);

#endif
