#include "apps/ferry/boot.h"

void cli_boot_listen(struct cli_session *session, struct ferry_boot_log *out)
{
    uint8_t bytes[512];
    const struct ferry_clock *clock = &session->clock;
    const struct ferry_stream *stream = &session->port.stream;
    uint32_t start = clock->now_ms(clock->ctx), passed;
    ferry_boot_log_reset(out);
    while ((passed = clock->now_ms(clock->ctx) - start) < CLI_BOOT_LISTEN_MS && !cli_interrupted()) {
        int n = stream->read(stream->ctx, bytes, sizeof bytes);
        if (n < 0)
            return;
        ferry_boot_log_feed(out, bytes, (size_t)n);
        if (n == 0)
            clock->wait(clock->ctx, CLI_BOOT_LISTEN_MS - passed);
        if (out->verdict >= FERRY_BOOT_LOG_LOADED && !out->current)
            return;
    }
}
