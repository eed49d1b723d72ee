// The SLIP decoder and the ROM's answers and boot log: any bytes, any cut; and what is encoded comes back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/rom.h"
#include "ferry/codec/rom_log.h"
#include "ferry/codec/slip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *data, size_t size)
{
    uint8_t buf[80], md5[16];
    struct ferry_slip_decoder d;
    struct ferry_rom_answer answer;
    ferry_slip_decoder_init(&d, buf, sizeof buf);
    for (size_t at = 0; at < size;) {
        size_t n = 1 + data[at] % 16;
        n = n < size - at ? n : size - at;
        if (ferry_slip_decode(&d, data + at, &n)) {
            if (d.len == 0 || d.len > sizeof buf)
                abort();
            if (ferry_rom_parse(buf, d.len, &answer)) {
                if (answer.body_len > FERRY_ROM_MAX_BODY + 2 || answer.body + answer.body_len > buf + d.len)
                    abort();
                ferry_rom_md5(&answer, md5);
            }
        }
        at += n;
    }
}

static void round_trip(const uint8_t *data, size_t size)
{
    static uint8_t wire[4096], back[2048];
    size = size < sizeof back ? size : sizeof back;
    size_t used = size, made = ferry_slip_encode(data, &used, wire, sizeof wire - 1);
    struct ferry_slip_decoder d;
    if (size == 0 || used != size)
        return;
    wire[made++] = FERRY_SLIP_END;
    ferry_slip_decoder_init(&d, back, sizeof back);
    if (!ferry_slip_decode(&d, wire, &made) || d.len != size || memcmp(back, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_rom_log log;
    ferry_rom_log_init(&log);
    ferry_rom_log_feed(&log, data, size);
    if (ferry_rom_log_verdict(&log) >= 0)
        abort();
    decode(data, size);
    round_trip(data, size);
    return 0;
}
