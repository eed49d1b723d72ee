// Blocks on their way to the target: filled from the source into slots of the block buffer, sent, acknowledged.
//
// A group is a contiguous part of the segment; a chunk is what one BEGIN announces: a whole group, or, with two packets
// in flight and deflate, as many sectors as the ROM writes before its receive ring is full. BEGINs here erase nothing.
//
// One packet in flight: a block refused for its checksum is sent again under the next number (the ROM counts before it
// checks). Anything else, and anything at all with two in flight or inside a zlib stream, abandons the segment.
//
// Deflate where a chip always ends a stream by writing its whole 32 KB buffer (FERRY_CAP_DEFLATE_TAIL_32K): the chunk
// is filled up with FF to a multiple of 32 KB, so that every buffer is full; one block more is announced than is sent
// and the last 4 bytes of the stream (its Adler-32) are kept back, so that it never ends. Confirmed on the real ROM.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define MARGIN 64u         // of the block buffer
#define ROM_BUFFER 0x8000u // what the ROM inflates into
#define TRAILER 4u         // Adler-32
#define RING_MARGIN 148u   // bytes of the receive ring kept free
#define PAGE_US 1100u      // the ROM writes 256 bytes in so long
#define OVERHEAD_US 2000u
#define REPEATS 3u
#define PLAIN_TRIES 4u // after so many deflate is not trusted

// --- setting up ------------------------------------------------------------------------------------------------------

static uint16_t largest_block(const struct ferry_flasher *self, unsigned slots)
{
    uint32_t room = ((uint32_t)(self->cfg.block_size < 0x10000u ? self->cfg.block_size : 0x10000u) - MARGIN) / slots;
    uint32_t limit = self->target.chip->max_block;
    if (self->cfg.max_block != 0 && self->cfg.max_block < limit)
        limit = self->cfg.max_block;
    room = room < limit ? room : limit;
    return (uint16_t)(room & ~15u);
}

// Bytes that the ROM writes while its receive ring fills, whole sectors; 0 = less than a sector.
static uint32_t window_chunk(const struct ferry_flasher *self)
{
    uint32_t ring = self->target.chip->rx_ring;
    uint32_t us = (ring - RING_MARGIN) * 10000u / (self->rate / 1000u + 1u);
    if (ring <= RING_MARGIN || us < OVERHEAD_US)
        return 0;
    uint32_t bytes = (us - OVERHEAD_US) / PAGE_US * 256u / FERRY_SECTOR_SIZE * FERRY_SECTOR_SIZE;
    uint32_t block = largest_block(self, 2) / FERRY_SECTOR_SIZE * FERRY_SECTOR_SIZE;
    return bytes < block ? bytes : block;
}

static bool may_use_window(const struct ferry_flasher *self)
{
    return self->cfg.window == 2 && self->job.op == FERRY_ROM_WRITE && ferry_flasher_can(self, FERRY_CAP_WINDOW2) &&
           self->tries == 0 && window_chunk(self) > 0;
}

static void set_up(struct ferry_flasher *self)
{
    memset(self->slots, 0, sizeof self->slots);
    self->fill_slot = self->send_slot = self->data_out = self->shift = self->repeats = 0;
    self->chunk_open = false;
    self->window_now = may_use_window(self) ? 2 : 1;
    bool two = self->window_now == 2 || largest_block(self, 2) >= self->target.chip->max_block;
    self->slot_count = two ? 2 : 1;
    self->block_size = self->window_now == 2 ? window_chunk(self) : largest_block(self, self->slot_count);
}

// --- groups and chunks -----------------------------------------------------------------------------------------------

// The next contiguous sectors to write, from group_end on: *offset .. group_end. False: none.
static bool next_group(struct ferry_flasher *self, uint32_t *offset)
{
    *offset = self->group_end;
    if (self->job.op == FERRY_ROM_LOAD_RAM) {
        self->group_end = ferry_flasher_region(self)->size;
        return *offset < self->group_end;
    }
    uint32_t limit = self->pos + ferry_flasher_segment_len(self, self->pos), bits = self->need_write;
    uint32_t at = (*offset - self->pos + FERRY_SECTOR_SIZE - 1) / FERRY_SECTOR_SIZE;
    while (at < 16 && (bits >> at & 1) == 0)
        at++;
    *offset = self->pos + at * FERRY_SECTOR_SIZE;
    while (bits >> at & 1)
        at++;
    uint32_t end = self->pos + at * FERRY_SECTOR_SIZE;
    self->group_end = end < limit ? end : limit;
    return *offset < self->group_end;
}

static bool tail_quirk(const struct ferry_flasher *self)
{
    return ferry_flasher_can(self, FERRY_CAP_DEFLATE_TAIL_32K);
}

// Raw bytes of the zlib stream of this chunk: whole buffers, or (the ROM writes so) whole words.
static uint32_t packed_span(const struct ferry_flasher *self)
{
    uint32_t unit = tail_quirk(self) ? ROM_BUFFER : 4;
    return (self->chunk.raw + unit - 1) & ~(unit - 1);
}

static bool may_deflate(const struct ferry_flasher *self)
{
    if (self->job.op != FERRY_ROM_WRITE || self->job.no_deflate || !ferry_flasher_can(self, FERRY_CAP_DEFLATE) ||
        self->tries >= PLAIN_TRIES)
        return false;
    uint32_t end = ferry_flasher_region(self)->address + self->chunk.offset + packed_span(self);
    return end <= self->target.flash_size; // 0 = unknown
}

static void ask_packed(struct ferry_flasher *self, enum ferry_request_kind kind, uint32_t offset, uint32_t len)
{
    ferry_flasher_ask(self, kind, offset, len, self->chunk.offset, packed_span(self));
}

static void open_chunk(struct ferry_flasher *self, uint32_t kind, uint32_t total)
{
    struct ferry_flasher_chunk *chunk = &self->chunk;
    chunk->kind = kind;
    chunk->total = total;
    chunk->block = self->block_size;
    chunk->blocks = (total + chunk->block - 1) / chunk->block;
    if (kind == FERRY_FL_PACKED) // blocks of one size: nothing has to be filled up
        chunk->block = (total + chunk->blocks - 1) / chunk->blocks;
    self->chunk_open = true;
}

static void plain_chunk(struct ferry_flasher *self)
{
    open_chunk(self, self->job.op == FERRY_ROM_LOAD_RAM ? FERRY_FL_RAM : FERRY_FL_PLAIN, (self->chunk.raw + 3u) & ~3u);
}

// The size of the packed chunk is known: deflate if it gains 5 %.
static void size_known(struct ferry_flasher *self, uint32_t packed)
{
    uint32_t kept_back = tail_quirk(self) ? TRAILER : 0;
    if (packed <= kept_back || packed > self->chunk.raw - self->chunk.raw / 20 ||
        (self->window_now == 2 && packed > self->block_size))
        plain_chunk(self);
    else
        open_chunk(self, FERRY_FL_PACKED, packed - kept_back);
}

// Opens the next chunk, or asks for its packed size. False: nothing is left.
static bool next_chunk(struct ferry_flasher *self)
{
    uint32_t next = self->chunk.offset + self->chunk.raw;
    if (next >= self->group_end && !next_group(self, &next))
        return false;
    uint32_t left = self->group_end - next;
    self->chunk.offset = next;
    self->chunk.raw = self->window_now == 2 && left > self->block_size ? self->block_size : left;
    self->chunk_at = 0;
    if (may_deflate(self))
        ask_packed(self, FERRY_REQUEST_PACKED_SIZE, 0, 4);
    else
        plain_chunk(self);
    return true;
}

// --- filling ---------------------------------------------------------------------------------------------------------

static uint8_t *slot_bytes(const struct ferry_flasher *self, unsigned slot)
{
    return self->cfg.block + slot * ((self->block_size + 15u) & ~15u);
}

uint8_t *ferry_flasher_stream_target(struct ferry_flasher *self)
{
    return slot_bytes(self, self->fill_slot);
}

static void begin_fill(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    uint32_t at = self->chunk_at * self->chunk.block, left = self->chunk.total - at;
    slot->state = FERRY_FL_FILLING;
    slot->begun = false;
    slot->len = (uint16_t)(left < self->chunk.block ? left : self->chunk.block);
    slot->seq = self->chunk_at;
    slot->chunk = self->chunk;
    if (self->chunk.kind == FERRY_FL_PACKED) {
        ask_packed(self, FERRY_REQUEST_PACKED, at, slot->len);
        return;
    }
    uint32_t raw = self->chunk.raw - at < slot->len ? self->chunk.raw - at : slot->len;
    memset(ferry_flasher_stream_target(self) + raw, 0xff, slot->len - raw); // blocks are multiples of 4
    ferry_flasher_ask(self, FERRY_REQUEST_RAW, self->chunk.offset + at, raw, 0, 0);
}

// Starts filling the next slot, or opens a chunk. False: it is not free, a request is under way, or nothing is left.
static bool fill(struct ferry_flasher *self)
{
    struct ferry_flasher_slot *slot = &self->slots[self->fill_slot];
    if ((self->wishes & FERRY_WANT_DATA) || slot->state != FERRY_FL_EMPTY)
        return false;
    if (!self->chunk_open)
        return next_chunk(self);
    begin_fill(self, slot);
    return true;
}

// The slot that follows, of one or two.
static uint8_t after(const struct ferry_flasher *self, uint8_t slot)
{
    return slot + 1u < self->slot_count ? 1 : 0;
}

void ferry_flasher_stream_supplied(struct ferry_flasher *self)
{
    if (self->request.kind == FERRY_REQUEST_PACKED_SIZE) {
        size_known(self, ferry_rom_word(self->small));
    } else {
        self->slots[self->fill_slot].state = FERRY_FL_READY;
        self->fill_slot = after(self, self->fill_slot);
        self->chunk_open = ++self->chunk_at != self->chunk.blocks;
    }
    ferry_flasher_stream_run(self);
}

// --- sending ---------------------------------------------------------------------------------------------------------

static void send_begin(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    static const uint8_t ops[] = {FERRY_ROM_OP_FLASH_BEGIN, FERRY_ROM_OP_FLASH_DEFL_BEGIN, FERRY_ROM_OP_MEM_BEGIN};
    const struct ferry_flasher_chunk *chunk = &slot->chunk;
    uint32_t address = ferry_flasher_region(self)->address + chunk->offset;
    uint32_t words[] = {0, chunk->blocks, chunk->block, address, 0}, timeout_ms = 3000;
    slot->begun = true;
    self->shift = 0;
    if (chunk->kind == FERRY_FL_RAM) {
        words[0] = chunk->raw; // here it is the size, and there is no fifth word
        ferry_flasher_command(self, FERRY_ROM_OP_MEM_BEGIN, words, 4, timeout_ms);
        return;
    }
    if (ferry_flasher_can(self, FERRY_CAP_ERASE_QUIRK_8266)) {
        words[0] = ferry_rom_erase_size_8266(address, chunk->raw);
        timeout_ms += chunk->raw / FERRY_SECTOR_SIZE * 800;
    }
    if (chunk->kind == FERRY_FL_PACKED && tail_quirk(self))
        words[1]++;
    ferry_flasher_begin(self, ops[chunk->kind], words, timeout_ms);
}

static void send_data(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    static const uint8_t ops[] = {FERRY_ROM_OP_FLASH_DATA, FERRY_ROM_OP_FLASH_DEFL_DATA, FERRY_ROM_OP_MEM_DATA};
    const uint32_t words[] = {slot->len, slot->seq + self->shift, 0, 0};
    uint8_t head[FERRY_ROM_DATA_HEAD_SIZE];
    ferry_rom_words(head, words, 4);
    // The port may still hold most of it when it has left here; a page takes 3 ms at worst.
    uint32_t raw = slot->chunk.kind == FERRY_FL_PACKED ? slot->chunk.raw + ROM_BUFFER : slot->len;
    uint32_t timeout_ms = 3000 + ferry_flasher_wire_ms(self, slot->len * 2u) + raw / 256 * 4;
    ferry_flasher_send(self, ops[slot->chunk.kind], head, sizeof head, slot_bytes(self, self->send_slot), slot->len,
                       timeout_ms);
    slot->state = FERRY_FL_SENT;
    self->data_out++;
}

static bool may_send(const struct ferry_flasher *self)
{
    if (ferry_rom_client_tx_busy(&self->rom))
        return false;
    return self->window_now == 2 ? self->data_out < 2 && self->rom.pending_count < FERRY_ROM_CLIENT_WINDOW
                                 : self->rom.pending_count == 0;
}

static void free_slot(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    slot->state = FERRY_FL_EMPTY;
    self->send_slot = after(self, self->send_slot);
}

static struct ferry_flasher_slot *sending(struct ferry_flasher *self)
{
    return &self->slots[self->send_slot];
}

// Sends what is ready. False: nothing could be sent.
static bool send(struct ferry_flasher *self)
{
    struct ferry_flasher_slot *slot = sending(self);
    // With two in flight nothing is ever sent again from here: a slot is free when its frame has left.
    if (self->window_now == 2 && slot->state == FERRY_FL_SENT && !ferry_rom_client_tx_busy(&self->rom)) {
        free_slot(self, slot);
        slot = sending(self);
    }
    if (slot->state != FERRY_FL_READY || !may_send(self))
        return false;
    if (slot->seq == 0 && !slot->begun)
        send_begin(self, slot);
    else
        send_data(self, slot);
    return true;
}

static bool all_done(const struct ferry_flasher *self)
{
    return !(self->wishes & FERRY_WANT_DATA) && !self->chunk_open && self->rom.pending_count == 0 &&
           self->slots[0].state == FERRY_FL_EMPTY && self->slots[1].state == FERRY_FL_EMPTY;
}

static void group_done(struct ferry_flasher *self)
{
    if (self->job.op == FERRY_ROM_WRITE) {
        ferry_flasher_go(self, FERRY_FL_PROVE);
    } else if (++self->region < self->job.region_count) {
        ferry_flasher_go(self, FERRY_FL_STREAM);
    } else {
        self->region--;
        ferry_flasher_go(self, FERRY_FL_RAM_END);
    }
}

void ferry_flasher_stream_run(struct ferry_flasher *self)
{
    bool sent, filled;
    do {
        if (self->state != FERRY_FL_STREAM || !self->busy)
            return;
        sent = send(self);
        filled = fill(self);
    } while (sent || filled);
    if (all_done(self))
        group_done(self);
}

void ferry_flasher_enter_stream(struct ferry_flasher *self)
{
    set_up(self);
    self->group_end = self->job.op == FERRY_ROM_WRITE ? self->pos : 0;
    self->chunk.offset = self->acked = self->group_end;
    self->chunk.raw = 0;
    ferry_flasher_stream_run(self);
}

// --- answers ---------------------------------------------------------------------------------------------------------

// The block at hand was refused for its checksum. True: it goes out again under the next number.
static bool repeat_block(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    struct ferry_flasher_slot *slot = sending(self);
    if (self->window_now == 2 || slot->chunk.kind == FERRY_FL_PACKED || slot->state != FERRY_FL_SENT ||
        answer->error != FERRY_ROM_ERR_CHECKSUM || ++self->repeats > REPEATS)
        return false;
    self->shift++;
    self->retries++;
    slot->state = FERRY_FL_READY;
    return true;
}

void ferry_flasher_done_stream(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    uint8_t op = self->rom.answered_op;
    bool data = op == FERRY_ROM_OP_FLASH_DATA || op == FERRY_ROM_OP_FLASH_DEFL_DATA || op == FERRY_ROM_OP_MEM_DATA;
    if (data)
        self->data_out--;
    if (!answer->good) {
        if (!data || !repeat_block(self, answer)) {
            ferry_flasher_refused(self, answer);
            return;
        }
    } else if (data && self->window_now == 2) {
        self->acked += self->block_size;
    } else if (data) {
        struct ferry_flasher_slot *slot = sending(self);
        self->acked = slot->chunk.offset + slot->chunk.raw * (slot->seq + 1) / slot->chunk.blocks;
        free_slot(self, slot);
    }
    ferry_flasher_stream_run(self);
}

// --- RAM -------------------------------------------------------------------------------------------------------------

void ferry_flasher_stream_ram(struct ferry_flasher *self)
{
    self->region = 0;
    self->pos = 0;
    ferry_flasher_go(self, FERRY_FL_STREAM);
}

void ferry_flasher_enter_ram_end(struct ferry_flasher *self)
{
    const uint32_t words[] = {self->job.entry == 0, self->job.entry};
    ferry_flasher_command(self, FERRY_ROM_OP_MEM_END, words, 2, 300);
}

void ferry_flasher_done_ram_end(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    // The program may start, and change the UART, before the answer has left.
    if (answer == NULL && self->job.entry == 0) {
        ferry_flasher_trouble(self, FERRY_ERR_TIMEOUT, -1, "");
        return;
    }
    if (self->job.entry != 0)
        self->connected = false;
    ferry_flasher_finish(self);
}
