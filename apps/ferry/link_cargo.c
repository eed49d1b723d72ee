#include "apps/ferry/link_cargo.h"

#include <stdio.h>
#include <string.h>

#include "apps/ferry/link_tell.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ferry/codec/image.h"
#include "ports/posix/number.h"
#include "updater/path.h"

enum { PIECE = 4096 };

typedef int piece_fn(void *ctx, const uint8_t *bytes, size_t len); // 0 = go on, 1 = enough, negative

static int each_piece(const struct ferry_source *source, piece_fn *take, void *ctx)
{
    uint8_t bytes[PIECE];
    int status = FERRY_OK;
    for (uint32_t at = 0; at < source->size && status == FERRY_OK; at += PIECE) {
        size_t len = source->size - at < PIECE ? source->size - at : PIECE;
        status = source->read(source->ctx, at, bytes, len);
        if (status == FERRY_OK)
            status = take(ctx, bytes, len);
    }
    return status < 0 ? status : FERRY_OK;
}

struct look {
    struct ferry_image image;
    const struct ferry_digest *digest;
};

static int look_piece(void *ctx, const uint8_t *bytes, size_t len)
{
    struct look *look = ctx;
    for (size_t at = 0; at < len && !ferry_image_ended(&look->image);) {
        bool hashed = ferry_image_in_hash(&look->image);
        size_t n = ferry_image_feed(&look->image, bytes + at, len - at);
        if (hashed && look->digest->update(look->digest->ctx, bytes + at, n) < 0)
            return FERRY_ERR_STATE;
        if (n == 0)
            break;
        at += n;
    }
    return ferry_image_ended(&look->image);
}

static int bad_image(const struct ferry_image *image, const char *path, struct ferry_fault *fault)
{
    const char *detail = image->detail ? image->detail : "";
    return ferry_fault_set(fault, image->status, path, "%s%s%s", ferry_status_text(image->status), *detail ? ": " : "",
                           detail);
}

static int no_app(const char *path, struct ferry_fault *fault, const char *what)
{
    ferry_fault_set(fault, FERRY_ERR_IMAGE_FORMAT, path, "%s", what);
    ferry_fault_hint(fault, "send the application image (build/PROJECT.bin); bootloader, partition table and merged "
                            "images go by: ferry flash");
    return FERRY_ERR_IMAGE_FORMAT;
}

// All bytes behind the image are filler.
static int filler_piece(void *ctx, const uint8_t *bytes, size_t len)
{
    uint32_t *skip = ctx;
    for (size_t i = 0; i < len; i++) {
        if (*skip)
            (*skip)--;
        else if (bytes[i] != 0xff && bytes[i] != 0)
            return FERRY_ERR_IMAGE_FORMAT;
    }
    return FERRY_OK;
}

static int check_app(struct link_cargo *self, const struct ferry_image *image, const char *path, bool force,
                     struct ferry_fault *fault)
{
    if (image->format == FERRY_IMAGE_ESP8266)
        return no_app(path, fault, "this is firmware for an ESP8266, which has no OTA slots of this kind");
    if (image->has_boot_desc)
        return no_app(path, fault, "this is a bootloader (or a merged image), not an application");
    if (!image->has_app_desc && !force)
        return no_app(path, fault, "this image has no application description: it is no application of ESP-IDF's kind");
    uint32_t skip = image->size;
    if (each_piece(&self->source, filler_piece, &skip) < 0)
        return no_app(path, fault, "more follows behind the image: a merged image, or a signature");
    self->source.size = image->size;
    return FERRY_OK;
}

static int look_at_image(struct link_cargo *self, const struct cli_options *o, const char *path,
                         const struct ferry_digest *digest, struct ferry_fault *fault)
{
    struct look look = {.digest = digest};
    uint8_t sha256[FERRY_SHA256_SIZE];
    struct ferry_manifest *m = &self->manifest;
    ferry_image_init(&look.image, FERRY_IMAGE_AUTO);
    if (digest->begin(digest->ctx, FERRY_DIGEST_SHA256) < 0)
        return ferry_fault_set(fault, FERRY_ERR_UNSUPPORTED, path, "SHA-256 is not available");
    int status = each_piece(&self->source, look_piece, &look);
    if (status < 0 || digest->finish(digest->ctx, sha256, sizeof sha256) < 0)
        return ferry_fault_set(fault, status < 0 ? status : FERRY_ERR_STATE, path, "cannot be read whole");
    if (ferry_image_finish(&look.image, sha256) < 0)
        return bad_image(&look.image, path, fault);
    status = check_app(self, &look.image, path, o->force, fault);
    m->chip = look.image.chip_id;
    if (look.image.has_app_desc) {
        memcpy(m->project, look.image.app.project, sizeof m->project);
        memcpy(m->version, look.image.app.version, sizeof m->version);
        link_tell_ascii(m->project);
        link_tell_ascii(m->version);
        snprintf(self->name, sizeof self->name, "%s %s", m->project, m->version);
    }
    return status;
}

static int sum_piece(void *ctx, const uint8_t *bytes, size_t len)
{
    const struct ferry_digest *digest = ctx;
    return digest->update(digest->ctx, bytes, len);
}

static int sum(struct link_cargo *self, const struct ferry_digest *digest)
{
    struct ferry_digest d = *digest;
    int status = d.begin(d.ctx, FERRY_DIGEST_SHA256);
    if (status == FERRY_OK)
        status = each_piece(&self->source, sum_piece, &d);
    return status < 0 ? status : d.finish(d.ctx, self->manifest.sha256, FERRY_SHA256_SIZE);
}

static int name_it(struct link_cargo *self, const struct cli_options *o, struct ferry_fault *fault)
{
    struct ferry_manifest *m = &self->manifest;
    const char *name = o->partition ? o->partition : o->file;
    if (!name)
        return FERRY_OK;
    for (const char *c = name; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return ferry_fault_set(fault, FERRY_ERR_ARG, name, "a name on the target has only printable ASCII");
    if (strlen(name) >= sizeof m->name)
        return ferry_fault_set(fault, FERRY_ERR_ARG, name, "a name on the target has at most %zu characters",
                               sizeof m->name - 1);
    m->kind = o->partition ? FERRY_MANIFEST_PARTITION : FERRY_MANIFEST_FILE;
    snprintf(m->name, sizeof m->name, "%s", name);
    return FERRY_OK;
}

int link_cargo_open(struct link_cargo *self, const char *path, const struct cli_options *options,
                    const struct ferry_digest *digest, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    memset(self, 0, sizeof *self);
    self->file.fd = -1;
    self->manifest.kind = FERRY_MANIFEST_FIRMWARE;
    self->manifest.chip = FERRY_MANIFEST_CHIP_ANY;
    self->manifest.options =
        (options->force ? FERRY_MANIFEST_FORCE : 0u) | (options->no_trial ? FERRY_MANIFEST_NO_TRIAL : 0u);
    int status = name_it(self, options, fault);
    if (status < 0)
        return status;
    status = ferry_posix_file_open(&self->file, path, &self->source, &error);
    if (status < 0) {
        ferry_fault_set(fault, status, error.where, "%s", error.what);
        return status;
    }
    ferry_path_text(self->name, sizeof self->name, ferry_path_base(path));
    if (self->source.size == 0)
        return ferry_fault_set(fault, FERRY_ERR_IMAGE_FORMAT, path, "the file is empty");
    if (self->manifest.kind == FERRY_MANIFEST_FIRMWARE)
        status = look_at_image(self, options, path, digest, fault);
    if (status == FERRY_OK && sum(self, digest) < 0)
        status = ferry_fault_set(fault, FERRY_ERR_STORAGE_READ, path, "cannot be read whole");
    self->manifest.size = self->source.size;
    return status;
}

void link_cargo_close(struct link_cargo *self)
{
    ferry_posix_file_close(&self->file);
}

static const char *chip_label(uint16_t id)
{
    const struct ferry_chip *chip = ferry_chip_by_id(id);
    return chip ? chip->label : "an unknown chip";
}

int link_cargo_check(const struct link_cargo *self, const struct ferry_target_info *target, struct ferry_fault *fault)
{
    const struct ferry_manifest *m = &self->manifest;
    if (m->kind != FERRY_MANIFEST_FIRMWARE)
        return FERRY_OK;
    if (target->chip != FERRY_MANIFEST_CHIP_ANY && m->chip != FERRY_MANIFEST_CHIP_ANY && m->chip != target->chip)
        return ferry_fault_set(fault, FERRY_ERR_IMAGE_CHIP, self->name, "the firmware is for %s, the target is %s",
                               chip_label(m->chip), chip_label(target->chip));
    char size[16], room[16];
    for (uint8_t i = 0; i < target->slot_count && i < FERRY_MANIFEST_SLOTS; i++) {
        const struct ferry_slot *slot = &target->slots[i];
        if ((slot->flags & FERRY_SLOT_TARGET) && m->size > slot->size)
            return ferry_fault_set(fault, FERRY_ERR_TOO_LARGE_PARTITION, self->name,
                                   "the firmware has %s, the slot %s only %s",
                                   ferry_posix_number_bytes(m->size, size, sizeof size), slot->label,
                                   ferry_posix_number_bytes(slot->size, room, sizeof room));
    }
    return FERRY_OK;
}
