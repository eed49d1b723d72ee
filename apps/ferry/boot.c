#include "apps/ferry/boot.h"

#include <string.h>

// What the ROM, ESP-IDF's second-stage bootloader and its panic handler print.
static const struct {
    const char *text;
    enum cli_boot_verdict verdict;
    const char *meaning, *hint;
} signs[] = {
    {"invalid header", CLI_BOOT_FAILED, "the target finds no bootloader in its flash",
     "write the bootloader and the partition table too: give the whole build folder"},
    {"flash read err", CLI_BOOT_FAILED, "the target cannot load a bootloader from its flash",
     "write the bootloader too (the whole build folder); check the flash mode: --flash-mode dio"},
    {"csum err", CLI_BOOT_FAILED, "the target finds a damaged bootloader", "check the flash mode: --flash-mode dio"},
    {"No bootable app", CLI_BOOT_FAILED, "the bootloader finds no app that it can start",
     "is the app where the partition table says? write the whole build folder"},
    {"Failed to verify partition table", CLI_BOOT_FAILED, "the bootloader refuses the partition table",
     "write the partition table of this build too: give the whole build folder"},
    {"waiting for download", CLI_BOOT_FAILED, "the target is in its serial loader again",
     "its boot pin is held low: release BOOT, check the wire, then press reset"},
    {"Brownout detector", CLI_BOOT_FAILED, "the supply voltage of the target drops", "use a stronger supply"},
    {"Guru Meditation", CLI_BOOT_FAILED, "the new firmware crashes", "read its log: it says where"},
    {"abort() was called", CLI_BOOT_FAILED, "the new firmware aborts", "read its log: it says where"},
    {"Loaded app from partition", CLI_BOOT_LOADED, "", ""},
    {"entry 0x", CLI_BOOT_STARTS, "", ""},
    {"rst:0x", CLI_BOOT_STARTS, "", ""},
};

// The line around `at`, without control characters (colours of the log).
static void copy_line(const char *text, const char *at, struct cli_boot *out)
{
    while (at > text && at[-1] != '\n' && at[-1] != '\r')
        at--;
    size_t n = 0;
    for (; *at && *at != '\n' && *at != '\r' && n < sizeof out->line - 1; at++) {
        if (*at == 27) // ESC [ ... m
            at += strcspn(at, "m\r\n") - (at[strcspn(at, "m\r\n")] != 'm');
        else if (*at >= 32 && *at < 127)
            out->line[n++] = *at;
    }
    out->line[n] = 0;
}

void cli_boot_judge(const char *text, struct cli_boot *out)
{
    *out = (struct cli_boot){.verdict = CLI_BOOT_SILENT, .meaning = "", .hint = ""};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const char *at = strstr(text, signs[i].text);
        if (!at)
            continue;
        out->verdict = signs[i].verdict;
        out->meaning = signs[i].meaning;
        out->hint = signs[i].hint;
        copy_line(text, at, out);
        return;
    }
}

void cli_boot_listen(struct cli_session *session, struct cli_boot *out)
{
    static char text[8192];
    size_t len = 0;
    const struct ferry_clock *clock = &session->clock;
    const struct ferry_stream *stream = &session->port.stream;
    uint32_t start = clock->now_ms(clock->ctx), passed;
    text[0] = 0;
    cli_boot_judge(text, out);
    while ((passed = clock->now_ms(clock->ctx) - start) < CLI_BOOT_LISTEN_MS && !cli_interrupted()) {
        int n = stream->read(stream->ctx, (uint8_t *)text + len, sizeof text - 1 - len);
        if (n < 0 || len == sizeof text - 1)
            return;
        for (int i = 0; i < n; i++, len++)
            if (text[len] == 0)
                text[len] = '?';
        text[len] = 0;
        if (n == 0)
            clock->wait(clock->ctx, CLI_BOOT_LISTEN_MS - passed);
        cli_boot_judge(text, out);
        if (out->verdict >= CLI_BOOT_LOADED && strchr(strstr(text, out->line) ? strstr(text, out->line) : text, '\n'))
            return;
    }
}
