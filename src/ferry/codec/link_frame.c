#include "ferry/codec/link_frame.h"
#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/crc32c.h"
#include <string.h>

void ferry_link_writer_begin(struct ferry_link_writer *self, uint8_t *buf, size_t cap, bool lead, uint8_t type,
                             uint16_t session)
{
    uint8_t head[FERRY_LINK_HEADER];
    head[0] = type;
    ferry_store16le(head + 1, session);
    size_t zeros = lead ? 2 : 1;
    self->buf = buf;
    self->cap = cap;
    self->lead = lead;
    self->crc = 0;
    if (lead && cap)
        buf[0] = 0;
    ferry_cobs_begin(&self->cobs, buf + (lead && cap), cap > zeros ? cap - zeros : 0);
    ferry_link_writer_put(self, head, sizeof head);
}

void ferry_link_writer_put(struct ferry_link_writer *self, const uint8_t *bytes, size_t len)
{
    self->crc = ferry_crc32c(self->crc, bytes, len);
    ferry_cobs_put(&self->cobs, bytes, len);
}

size_t ferry_link_writer_end(struct ferry_link_writer *self)
{
    uint8_t crc[FERRY_LINK_CRC];
    ferry_store32le(crc, self->crc);
    ferry_cobs_put(&self->cobs, crc, sizeof crc);
    size_t len = ferry_cobs_finish(&self->cobs);
    if (!len)
        return 0;
    len += self->lead;
    self->buf[len++] = 0;
    return len;
}

int ferry_link_frame_parse(struct ferry_link_frame *out, const uint8_t *bytes, size_t len)
{
    if (len < FERRY_LINK_FRAME_MIN)
        return FERRY_ERR_PROTOCOL;
    if (ferry_crc32c(0, bytes, len - FERRY_LINK_CRC) != ferry_load32le(bytes + len - FERRY_LINK_CRC))
        return FERRY_ERR_PROTOCOL;
    out->type = bytes[0];
    out->session = ferry_load16le(bytes + 1);
    out->body = bytes + FERRY_LINK_HEADER;
    out->body_len = len - FERRY_LINK_FRAME_MIN;
    return FERRY_OK;
}

static void next_run(struct ferry_link_reader *self)
{
    ferry_cobs_start(&self->cobs, self->buf, self->cap);
    self->run = 0;
    self->text = true;
}

void ferry_link_reader_init(struct ferry_link_reader *self, uint8_t *buf, size_t cap)
{
    memset(self, 0, sizeof *self);
    self->buf = buf;
    self->cap = cap;
    next_run(self);
}

// Tab, line ends, the escape of colour codes, and what has a glyph in ASCII. A frame always has a byte outside of
// these: its type.
static bool is_text(uint8_t c)
{
    return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r' || c == 0x1b;
}

static void note_text(struct ferry_link_reader *self, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && self->text; i++)
        self->text = is_text(bytes[i]);
}

// A delimiter has come: is what came before it a frame?
static bool end_run(struct ferry_link_reader *self, struct ferry_link_frame *out)
{
    int len = ferry_cobs_end(&self->cobs);
    bool good = len >= 0 && ferry_link_frame_parse(out, self->buf, (size_t)len) == FERRY_OK;
    if (good)
        self->frames++;
    else
        self->stray += self->run;
    if (!good && !self->text && self->run > FERRY_LINK_FRAME_MIN)
        self->damaged++;
    next_run(self);
    return good;
}

bool ferry_link_reader_push(struct ferry_link_reader *self, const uint8_t *bytes, size_t len, size_t *consumed,
                            struct ferry_link_frame *out)
{
    size_t at = 0;
    while (at < len) {
        const uint8_t *zero = memchr(bytes + at, 0, len - at);
        size_t n = zero ? (size_t)(zero - bytes) - at : len - at;
        ferry_cobs_take(&self->cobs, bytes + at, n);
        note_text(self, bytes + at, n);
        self->run += (uint32_t)n;
        at += n + (zero != NULL);
        self->bytes += (uint32_t)(n + (zero != NULL));
        if (zero && self->run && end_run(self, out)) {
            *consumed = at;
            return true;
        }
    }
    *consumed = at;
    return false;
}
