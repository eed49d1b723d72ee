// The parts of messages that are made of fields (tag, length, value): what a target is, and the manifest.
#include "ferry/base/bytes.h"
#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "ferry/codec/link_message.h"
#include <string.h>

enum info_tag {
    INFO_CHIP = 0x01,       // chip u16, revision u16
    INFO_MAC = 0x02,        // 6
    INFO_PROJECT = 0x03,    // text
    INFO_VERSION = 0x04,    // text
    INFO_HASH = 0x05,       // 32
    INFO_SLOT = 0x06,       // flags u8, size u32, label
    INFO_LIMITS = 0x07,     // max_chunk u16, window u32, wire_buffer u32, codecs u32
    INFO_FLASH = 0x08,      // erase_unit u32, erase_ms u16, write_unit u16, deaf u8
    INFO_BAUD = 0x09,       // start u32, max u32
    INFO_UNFINISHED = 0x0a, // size u32, sha256
    INFO_BOOT = 0x0b,       // state u8, give_up u8, attempts u8
};

enum manifest_tag {
    MANIFEST_KIND = 0x81,
    MANIFEST_SIZE = 0x82,
    MANIFEST_SHA256 = 0x83,
    MANIFEST_CHIP = 0x84,
    MANIFEST_PROJECT = 0x05,
    MANIFEST_VERSION = 0x06,
    MANIFEST_NAME = 0x87,
    MANIFEST_OPTIONS = 0x88,
    MANIFEST_CODEC = 0x89,
    MANIFEST_SIGNATURE = 0x8a,
    MANIFEST_HEAD = 0x0b,
};

struct out {
    uint8_t *at;
    size_t len;
};

static void put(struct out *o, uint8_t tag, const void *value, size_t len)
{
    o->at[o->len] = tag;
    o->at[o->len + 1] = (uint8_t)len;
    memcpy(o->at + o->len + 2, value, len);
    o->len += 2 + len;
}

static void put_number(struct out *o, uint8_t tag, uint32_t value, size_t len)
{
    uint8_t bytes[4];
    ferry_store32le(bytes, value);
    put(o, tag, bytes, len);
}

static size_t text_len(const char *text, size_t cap)
{
    const char *end = memchr(text, 0, cap);
    return end ? (size_t)(end - text) : cap - 1;
}

// Characters of UTF-8, none of them a control character (C1 too: U+009B begins an escape sequence).
static bool is_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f ||
            ((uint8_t)text[i] == 0xc2 && len - i > 1 && (uint8_t)text[i + 1] < 0xa0))
            return false;
    return ferry_http_text_utf8(text, len);
}

// What an image or a partition table calls itself may be anything, and may have been cut within a character: it is
// shown as far as it is text.
static size_t shown_len(const char *text, size_t cap)
{
    size_t len = text_len(text, cap);
    while (!is_text(text, len))
        len--;
    return len;
}

static void put_text(struct out *o, uint8_t tag, const char *text, size_t len)
{
    if (len)
        put(o, tag, text, len);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

static void put_slot(struct out *o, const struct ferry_slot *slot)
{
    uint8_t v[5 + FERRY_MANIFEST_LABEL];
    size_t len = shown_len(slot->label, sizeof slot->label);
    v[0] = slot->flags;
    ferry_store32le(v + 1, slot->size);
    memcpy(v + 5, slot->label, len);
    put(o, INFO_SLOT, v, 5 + len);
}

static void put_limits(struct out *o, const struct ferry_link_limits *limits)
{
    uint8_t v[14];
    ferry_store16le(v, limits->max_chunk);
    ferry_store32le(v + 2, limits->window);
    ferry_store32le(v + 6, limits->wire_buffer);
    ferry_store32le(v + 10, limits->codecs);
    put(o, INFO_LIMITS, v, 14);
    ferry_store32le(v, limits->start_baud);
    ferry_store32le(v + 4, limits->max_baud);
    put(o, INFO_BAUD, v, 8);
}

static void put_flash(struct out *o, const struct ferry_target_info *info)
{
    uint8_t v[36];
    ferry_store32le(v, info->erase_unit);
    ferry_store16le(v + 4, info->erase_ms);
    ferry_store16le(v + 6, info->write_unit);
    v[8] = info->deaf;
    put(o, INFO_FLASH, v, 9);
    if (!info->unfinished)
        return;
    ferry_store32le(v, info->unfinished_size);
    memcpy(v + 4, info->unfinished_sha256, 32);
    put(o, INFO_UNFINISHED, v, 36);
}

size_t ferry_link_put_info(uint8_t *out, const struct ferry_target_info *info, const struct ferry_link_limits *limits)
{
    struct out o = {out, 0};
    const uint8_t boot[3] = {info->boot_state, info->give_up, info->attempts_left};
    put_number(&o, INFO_CHIP, info->chip | (uint32_t)info->revision << 16, 4);
    put(&o, INFO_MAC, info->mac, 6);
    put_text(&o, INFO_PROJECT, info->project, shown_len(info->project, sizeof info->project));
    put_text(&o, INFO_VERSION, info->version, shown_len(info->version, sizeof info->version));
    if (!all_zero(info->sha256, 32))
        put(&o, INFO_HASH, info->sha256, 32);
    for (size_t i = 0; i < info->slot_count && i < FERRY_MANIFEST_SLOTS; i++)
        put_slot(&o, &info->slots[i]);
    put_limits(&o, limits);
    put_flash(&o, info);
    put(&o, INFO_BOOT, boot, 3);
    return o.len;
}

size_t ferry_link_put_manifest(uint8_t *out, const struct ferry_manifest *m)
{
    struct out o = {out, 0};
    put_number(&o, MANIFEST_KIND, m->kind, 1);
    put_number(&o, MANIFEST_SIZE, m->size, 4);
    put(&o, MANIFEST_SHA256, m->sha256, 32);
    put_number(&o, MANIFEST_CHIP, m->chip, 2);
    put_text(&o, MANIFEST_PROJECT, m->project, shown_len(m->project, sizeof m->project));
    put_text(&o, MANIFEST_VERSION, m->version, shown_len(m->version, sizeof m->version));
    put_text(&o, MANIFEST_NAME, m->name, text_len(m->name, sizeof m->name)); // cut, it would be another name
    put_number(&o, MANIFEST_OPTIONS, m->options, 4);
    put_number(&o, MANIFEST_CODEC, m->codec, 1);
    if (m->signature_len) // a signature cannot be carried yet: the field says that there is one
        put_number(&o, MANIFEST_SIGNATURE, m->signature_len, 2);
    if (m->head_len)
        put(&o, MANIFEST_HEAD, m->head, FERRY_MANIFEST_HEAD);
    return o.len;
}

struct field {
    uint8_t tag;
    size_t len;
    const uint8_t *value;
};

// Takes the next field; a fault when it is cut short.
static uint8_t next_field(const uint8_t *in, size_t len, size_t *at, struct field *f)
{
    if (len - *at < 2 || len - *at - 2 < in[*at + 1])
        return FERRY_LINK_FAULT_SHORT;
    f->tag = in[*at];
    f->len = in[*at + 1];
    f->value = in + *at + 2;
    *at += 2 + f->len;
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t exactly(const struct field *f, size_t len)
{
    return f->len == len ? FERRY_LINK_FAULT_NONE : f->len < len ? FERRY_LINK_FAULT_SHORT : FERRY_LINK_FAULT_LONG;
}

static uint8_t get_bytes(const struct field *f, void *out, size_t len)
{
    uint8_t fault = exactly(f, len);
    if (!fault)
        memcpy(out, f->value, len);
    return fault;
}

static uint8_t get_text(const uint8_t *value, size_t len, char *out, size_t cap)
{
    if (len >= cap || !is_text((const char *)value, len))
        return FERRY_LINK_FAULT_NAME;
    memcpy(out, value, len);
    out[len] = 0;
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t get_slot(const struct field *f, struct ferry_target_info *info)
{
    if (f->len < 5)
        return FERRY_LINK_FAULT_SHORT;
    if (info->slot_count == FERRY_MANIFEST_SLOTS)
        return FERRY_LINK_FAULT_NONE;
    struct ferry_slot *slot = &info->slots[info->slot_count++];
    slot->flags = f->value[0];
    slot->size = ferry_load32le(f->value + 1);
    return get_text(f->value + 5, f->len - 5, slot->label, sizeof slot->label);
}

static uint8_t get_limits(const struct field *f, struct ferry_link_limits *limits)
{
    uint8_t fault = exactly(f, 14);
    if (fault)
        return fault;
    limits->max_chunk = ferry_load16le(f->value);
    limits->window = ferry_load32le(f->value + 2);
    limits->wire_buffer = ferry_load32le(f->value + 6);
    limits->codecs = ferry_load32le(f->value + 10);
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t get_flash(const struct field *f, struct ferry_target_info *info)
{
    uint8_t fault = exactly(f, 9);
    if (fault)
        return fault;
    info->erase_unit = ferry_load32le(f->value);
    info->erase_ms = ferry_load16le(f->value + 4);
    info->write_unit = ferry_load16le(f->value + 6);
    info->deaf = f->value[8] != 0;
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t get_state(const struct field *f, struct ferry_target_info *info)
{
    uint8_t fault = exactly(f, f->tag == INFO_BOOT ? 3 : 36);
    if (fault)
        return fault;
    if (f->tag == INFO_BOOT) {
        info->boot_state = f->value[0];
        info->give_up = f->value[1];
        info->attempts_left = f->value[2];
        return FERRY_LINK_FAULT_NONE;
    }
    info->unfinished = true;
    info->unfinished_size = ferry_load32le(f->value);
    memcpy(info->unfinished_sha256, f->value + 4, 32);
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t get_numbers(const struct field *f, struct ferry_target_info *info, struct ferry_link_limits *limits)
{
    uint8_t fault = exactly(f, f->tag == INFO_CHIP ? 4 : 8);
    if (fault)
        return fault;
    if (f->tag == INFO_CHIP) {
        info->chip = ferry_load16le(f->value);
        info->revision = ferry_load16le(f->value + 2);
    } else {
        limits->start_baud = ferry_load32le(f->value);
        limits->max_baud = ferry_load32le(f->value + 4);
    }
    return FERRY_LINK_FAULT_NONE;
}

static uint8_t get_info_field(const struct field *f, struct ferry_target_info *info, struct ferry_link_limits *limits)
{
    switch (f->tag) {
    case INFO_CHIP:
    case INFO_BAUD:
        return get_numbers(f, info, limits);
    case INFO_MAC:
        return get_bytes(f, info->mac, 6);
    case INFO_PROJECT:
        return get_text(f->value, f->len, info->project, sizeof info->project);
    case INFO_VERSION:
        return get_text(f->value, f->len, info->version, sizeof info->version);
    case INFO_HASH:
        return get_bytes(f, info->sha256, 32);
    case INFO_SLOT:
        return get_slot(f, info);
    case INFO_LIMITS:
        return get_limits(f, limits);
    case INFO_FLASH:
        return get_flash(f, info);
    case INFO_BOOT:
    case INFO_UNFINISHED:
        return get_state(f, info);
    default:
        return f->tag & 0x80 ? FERRY_LINK_FAULT_FIELD_UNKNOWN : FERRY_LINK_FAULT_NONE;
    }
}

uint8_t ferry_link_get_info(const uint8_t *in, size_t len, struct ferry_target_info *info,
                            struct ferry_link_limits *limits)
{
    memset(info, 0, sizeof *info);
    memset(limits, 0, sizeof *limits);
    for (size_t at = 0; at < len;) {
        struct field f = {0};
        uint8_t fault = next_field(in, len, &at, &f);
        if (!fault)
            fault = get_info_field(&f, info, limits);
        if (fault)
            return fault;
    }
    return limits->max_chunk && limits->window ? FERRY_LINK_FAULT_NONE : FERRY_LINK_FAULT_SHORT;
}

static uint8_t get_number(const struct field *f, uint32_t *out, size_t len)
{
    uint8_t bytes[4] = {0};
    uint8_t fault = get_bytes(f, bytes, len);
    *out = ferry_load32le(bytes);
    return fault;
}

static uint8_t get_manifest_number(const struct field *f, struct ferry_manifest *m)
{
    static const uint8_t sizes[10] = {0, 1, 4, 0, 2, 0, 0, 0, 4, 1};
    uint32_t v;
    uint8_t fault = get_number(f, &v, sizes[f->tag & 0x7f]);
    if (f->tag == MANIFEST_KIND)
        m->kind = (uint8_t)v;
    else if (f->tag == MANIFEST_SIZE)
        m->size = v;
    else if (f->tag == MANIFEST_CHIP)
        m->chip = (uint16_t)v;
    else if (f->tag == MANIFEST_OPTIONS)
        m->options = v;
    else
        m->codec = (uint8_t)v;
    return fault;
}

static uint8_t get_manifest_field(const struct field *f, struct ferry_manifest *m)
{
    switch (f->tag) {
    case MANIFEST_KIND:
    case MANIFEST_SIZE:
    case MANIFEST_CHIP:
    case MANIFEST_OPTIONS:
    case MANIFEST_CODEC:
        return get_manifest_number(f, m);
    case MANIFEST_SHA256:
        return get_bytes(f, m->sha256, 32);
    case MANIFEST_PROJECT:
        return get_text(f->value, f->len, m->project, sizeof m->project);
    case MANIFEST_VERSION:
        return get_text(f->value, f->len, m->version, sizeof m->version);
    case MANIFEST_NAME:
        return get_text(f->value, f->len, m->name, sizeof m->name);
    case MANIFEST_SIGNATURE:
        m->signature_len = (uint16_t)(f->len ? f->len : 1);
        return FERRY_LINK_FAULT_NONE;
    case MANIFEST_HEAD:
        m->head_len = FERRY_MANIFEST_HEAD;
        return get_bytes(f, m->head, FERRY_MANIFEST_HEAD);
    default:
        return f->tag & 0x80 ? FERRY_LINK_FAULT_FIELD_UNKNOWN : FERRY_LINK_FAULT_NONE;
    }
}

static uint8_t missing(uint16_t seen)
{
    if (!(seen & 1u << (MANIFEST_KIND & 15)))
        return FERRY_LINK_FAULT_KIND;
    if (!(seen & 1u << (MANIFEST_SIZE & 15)))
        return FERRY_LINK_FAULT_SIZE;
    return seen & 1u << (MANIFEST_SHA256 & 15) ? FERRY_LINK_FAULT_NONE : FERRY_LINK_FAULT_HASH_MISSING;
}

uint8_t ferry_link_get_manifest(const uint8_t *in, size_t len, struct ferry_manifest *m)
{
    uint16_t seen = 0;
    memset(m, 0, sizeof *m);
    m->chip = FERRY_MANIFEST_CHIP_ANY;
    for (size_t at = 0; at < len;) {
        struct field f = {0};
        uint8_t fault = next_field(in, len, &at, &f);
        uint16_t bit = (uint16_t)((f.tag & 0x7f) < 16 ? 1u << (f.tag & 15) : 0);
        if (!fault && seen & bit)
            fault = FERRY_LINK_FAULT_FIELD_TWICE;
        if (!fault)
            fault = get_manifest_field(&f, m);
        if (fault)
            return fault;
        seen |= bit;
    }
    return missing(seen);
}
