#include "updater/boot_log.h"

#include <string.h>

// What the ROM, ESP-IDF's second-stage bootloader and its panic handler print.
static const struct {
    const char *text;
    enum ferry_boot_log_verdict verdict;
    const char *meaning, *hint;
} signs[] = {
    {"Brownout detector", FERRY_BOOT_LOG_FAILED, "the supply voltage of the target drops",
     "use a stronger supply: another board's 3V3 pin seldom has the current, which flash writes need too"},
    {"invalid header", FERRY_BOOT_LOG_FAILED, "the target finds no bootloader in its flash",
     "write the bootloader and the partition table too: give the whole build folder"},
    {"flash read err", FERRY_BOOT_LOG_FAILED, "the target cannot load a bootloader from its flash",
     "write the bootloader too (the whole build folder); check the flash mode: --flash-mode dio"},
    {"csum err", FERRY_BOOT_LOG_FAILED, "the target finds a damaged bootloader",
     "check the flash mode: --flash-mode dio"},
    {"No bootable app", FERRY_BOOT_LOG_FAILED, "the bootloader finds no app that it can start",
     "is the app where the partition table says? write the whole build folder"},
    {"Failed to verify partition table", FERRY_BOOT_LOG_FAILED, "the bootloader refuses the partition table",
     "write the partition table of this build too: give the whole build folder"},
    {"waiting for download", FERRY_BOOT_LOG_FAILED, "the target is in its serial loader",
     "its boot pin is held low: release BOOT, check the wire to it, then press reset"},
    {"Guru Meditation", FERRY_BOOT_LOG_FAILED, "the firmware on the target crashes", "read its log: it says where"},
    {"abort() was called", FERRY_BOOT_LOG_FAILED, "the firmware on the target aborts", "read its log: it says where"},
    {"Loaded app from partition", FERRY_BOOT_LOG_LOADED, "", ""},
    {"entry 0x", FERRY_BOOT_LOG_STARTS, "", ""},
    {"rst:0x", FERRY_BOOT_LOG_STARTS, "", ""},
};

void ferry_boot_log_reset(struct ferry_boot_log *self)
{
    memset(self, 0, sizeof *self);
    self->meaning = self->hint = "";
}

// Without the colours of the log (ESC [ ... m).
static void copy_line(struct ferry_boot_log *self)
{
    size_t n = 0;
    for (const char *at = self->line; *at; at++) {
        if (*at != 27)
            self->said[n++] = *at;
        else
            at += strcspn(at, "m") - (at[strcspn(at, "m")] == 0);
    }
    self->said[n] = 0;
}

static void judge(struct ferry_boot_log *self)
{
    self->line[self->len] = 0;
    if (self->current)
        copy_line(self); // more of it has come
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (signs[i].verdict <= self->verdict || !strstr(self->line, signs[i].text))
            continue;
        self->verdict = signs[i].verdict;
        self->meaning = signs[i].meaning;
        self->hint = signs[i].hint;
        self->current = true;
        copy_line(self);
    }
}

void ferry_boot_log_feed(struct ferry_boot_log *self, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = (char)bytes[i];
        bool printable = (bytes[i] >= 32 && bytes[i] < 127) || bytes[i] == 27;
        if (printable && self->len < FERRY_BOOT_LOG_LINE - 1u)
            self->line[self->len++] = c;
        if (printable)
            continue;
        if (self->len)
            judge(self);
        self->len = 0;
        self->current = false;
    }
    if (self->len)
        judge(self); // the last line may never end
}
