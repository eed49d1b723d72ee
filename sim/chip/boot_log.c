// The text of a boot, as a serial port shows it, and the flash as the bootloader sees it.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/chip/boot_internal.h"

enum { BYTE_US_115200 = 87, READ_NS_PER_BYTE = 250 };

void sim_boot_log_add(struct sim_boot *b, const char *text)
{
    struct sim_boot_result *r = b->out;
    size_t len = strlen(text), room = sizeof r->log - 1 - r->log_len;
    if (len > room)
        len = room;
    memcpy(r->log + r->log_len, text, len);
    r->log_len += len;
    r->log[r->log_len] = 0;
    b->log_us += len * BYTE_US_115200;
}

void sim_boot_reason_add(struct sim_boot *b, const char *text)
{
    char *reason = b->out->reason;
    size_t room = sizeof b->out->reason - 1 - b->reason_len, len = strlen(text), gap = b->reason_len ? 1 : 0;
    if (len + gap > room)
        return;
    if (gap)
        reason[b->reason_len++] = '\n';
    memcpy(reason + b->reason_len, text, len);
    b->reason_len += len;
    reason[b->reason_len] = 0;
}

static const char *colour(char level)
{
    return level == 'E' ? "31" : (level == 'W' ? "33" : "32");
}

void sim_boot_say(struct sim_boot *b, char level, enum sim_boot_weight weight, const char *tag, const char *format, ...)
{
    char text[192], line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned ms = (unsigned)((b->log_us + b->out->took_us) / 1000);
    snprintf(line, sizeof line, "\033[0;%sm%c (%u) %s: %s\033[0m\r\n", colour(level), level, ms, tag, text);
    sim_boot_log_add(b, line);
    if (weight == SIM_BOOT_DECISIVE) {
        snprintf(line, sizeof line, "%c %s: %s", level, tag, text);
        sim_boot_reason_add(b, line);
    }
}

void sim_boot_print(struct sim_boot *b, enum sim_boot_weight weight, const char *format, ...)
{
    char text[192];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_boot_log_add(b, text);
    if (weight != SIM_BOOT_DECISIVE)
        return;
    text[strcspn(text, "\r\n")] = 0;
    sim_boot_reason_add(b, text);
}

// Noise that depends on the address only: encrypting and decrypting are the same.
static uint8_t key_stream(uint32_t address)
{
    uint32_t x = (address ^ 0x9e3779b9u) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    return (uint8_t)(x >> 13);
}

static void scramble(uint32_t address, uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf[i] ^= key_stream(address + (uint32_t)i);
}

void sim_boot_read(struct sim_boot *b, uint32_t address, uint8_t *buf, size_t len)
{
    const uint8_t *flash = sim_flash_bytes(b->flash);
    uint32_t size = sim_flash_size(b->flash);
    for (size_t done = 0; done < len;) {
        uint32_t at = (address + (uint32_t)done) % size;
        size_t n = len - done < size - at ? len - done : size - at;
        memcpy(buf + done, flash + at, n);
        if (b->cfg->flash_encryption)
            scramble(at, buf + done, n);
        done += n;
    }
    b->out->took_us += len * READ_NS_PER_BYTE / 1000;
}

bool sim_boot_write_entry(struct sim_boot *b, uint32_t address, const uint8_t entry[32])
{
    uint8_t bytes[32];
    memcpy(bytes, entry, sizeof bytes);
    if (b->cfg->flash_encryption)
        scramble(address, bytes, sizeof bytes);
    int64_t erase = sim_flash_erase_sector(b->flash, address);
    if (erase >= 0)
        b->out->took_us += (uint64_t)erase;
    int64_t program = erase < 0 ? -1 : sim_flash_program(b->flash, address, bytes, sizeof bytes);
    if (program >= 0)
        b->out->took_us += (uint64_t)program;
    return !sim_flash_dead(b->flash);
}
