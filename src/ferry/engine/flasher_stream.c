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

static void clear_slots(struct ferry_flasher *self)
{
    memset(self->slots, 0, sizeof self->slots);
    self->fill_slot = self->send_slot = self->data_out = self->shift = self->repeats = 0;
    self->chunk_open = false;
}

static void set_up(struct ferry_flasher *self)
{
    clear_slots(self);
    self->window_now = may_use_window(self) ? 2 : 1;
    bool two = self->window_now == 2 || largest_block(self, 2) >= self->target.chip->max_block;
    self->slot_count = two ? 2 : 1;
    self->block_size = self->window_now == 2 ? (uint16_t)window_chunk(self) : largest_block(self, self->slot_count);
}

// --- groups and chunks -----------------------------------------------------------------------------------------------

// The next contiguous sectors to write, from group_end on. False: none.
static bool next_group(struct ferry_flasher *self)
{
    if (self->job.op == FERRY_ROM_LOAD_RAM) {
        self->group_offset = self->group_end;
        self->group_end = ferry_flasher_region(self)->size;
        return self->group_offset < self->group_end;
    }
    uint32_t len = ferry_flasher_segment_len(self, self->pos);
    uint32_t at =
        (self->group_end - self->pos) / FERRY_SECTOR_SIZE + ((self->group_end - self->pos) % FERRY_SECTOR_SIZE != 0);
    while (at < 16 && (self->need_write >> at & 1) == 0)
        at++;
    uint32_t end = at;
    while (end < 16 && (self->need_write >> end & 1) != 0)
        end++;
    self->group_offset = self->pos + at * FERRY_SECTOR_SIZE;
    end *= FERRY_SECTOR_SIZE;
    self->group_end = self->pos + (end < len ? end : len);
    return at < 16 && self->group_offset < self->group_end;
}

static bool tail_quirk(const struct ferry_flasher *self)
{
    return ferry_flasher_can(self, FERRY_CAP_DEFLATE_TAIL_32K);
}

// Raw bytes of the zlib stream of this chunk.
static uint32_t packed_span(const struct ferry_flasher *self)
{
    if (!tail_quirk(self)) // the ROM writes whole words: the last one is filled up with FF, too
        return (self->chunk_raw + 3u) & ~3u;
    return (self->chunk_raw + ROM_BUFFER - 1) / ROM_BUFFER * ROM_BUFFER;
}

static bool may_deflate(const struct ferry_flasher *self)
{
    if (self->job.op != FERRY_ROM_WRITE || self->job.no_deflate || !ferry_flasher_can(self, FERRY_CAP_DEFLATE) ||
        self->target.secure_download || self->tries >= PLAIN_TRIES)
        return false;
    uint32_t end = ferry_flasher_region(self)->address + self->chunk_offset + packed_span(self);
    return self->target.flash_size != 0 && end <= self->target.flash_size;
}

static void ask_packed(struct ferry_flasher *self, enum ferry_request_kind kind, uint32_t offset, uint32_t len)
{
    struct ferry_request request = {
        .kind = kind,
        .region = (uint8_t)self->region,
        .offset = offset,
        .len = len,
        .segment_offset = self->chunk_offset,
        .segment_len = packed_span(self),
    };
    ferry_flasher_ask(self, &request);
}

static void plain_chunk(struct ferry_flasher *self)
{
    self->chunk_kind = self->job.op == FERRY_ROM_LOAD_RAM ? FERRY_FL_RAM : FERRY_FL_PLAIN;
    self->chunk_total = (self->chunk_raw + 3u) & ~3u;
    self->chunk_block = self->block_size;
    self->chunk_blocks = (self->chunk_total + self->chunk_block - 1) / self->chunk_block;
    self->chunk_open = true;
}

// The size of the packed chunk is known: deflate if it gains 5 %.
static void size_known(struct ferry_flasher *self, uint32_t packed)
{
    uint32_t kept_back = tail_quirk(self) ? TRAILER : 0;
    if (packed <= kept_back || packed > self->chunk_raw - self->chunk_raw / 20 ||
        (self->window_now == 2 && packed > self->block_size)) {
        plain_chunk(self);
        return;
    }
    self->chunk_kind = FERRY_FL_PACKED;
    self->chunk_total = packed - kept_back;
    self->chunk_blocks = (self->chunk_total + self->block_size - 1) / self->block_size;
    self->chunk_block = (self->chunk_total + self->chunk_blocks - 1) / self->chunk_blocks;
    self->chunk_open = true;
}

// Opens the next chunk, or asks for its packed size. False: nothing is left.
static bool open_chunk(struct ferry_flasher *self)
{
    uint32_t next = self->chunk_offset + self->chunk_raw;
    if (next >= self->group_end) {
        if (!next_group(self))
            return false;
        next = self->group_offset;
    }
    uint32_t left = self->group_end - next;
    self->chunk_offset = next;
    self->chunk_raw = self->window_now == 2 && left > self->block_size ? self->block_size : left;
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
    return self->cfg.block + (size_t)slot * ((self->block_size + 15u) & ~15u);
}

uint8_t *ferry_flasher_stream_target(struct ferry_flasher *self)
{
    return slot_bytes(self, self->fill_slot);
}

static void begin_fill(struct ferry_flasher *self)
{
    struct ferry_flasher_slot *slot = &self->slots[self->fill_slot];
    uint32_t left = self->chunk_total - self->chunk_at * self->chunk_block;
    *slot = (struct ferry_flasher_slot){
        .state = FERRY_FL_FILLING,
        .first = self->chunk_at == 0,
        .kind = self->chunk_kind,
        .want = (uint16_t)(left < self->chunk_block ? left : self->chunk_block),
        .seq = self->chunk_at,
        .chunk_offset = self->chunk_offset,
        .chunk_raw = self->chunk_raw,
        .chunk_blocks = self->chunk_blocks,
        .chunk_block_size = self->chunk_block,
    };
    uint32_t at = self->chunk_at * self->chunk_block;
    if (self->chunk_kind == FERRY_FL_PACKED) {
        ask_packed(self, FERRY_REQUEST_PACKED, at, slot->want);
        return;
    }
    uint32_t raw = self->chunk_raw - at < slot->want ? self->chunk_raw - at : slot->want;
    memset(slot_bytes(self, self->fill_slot) + raw, 0xff, slot->want - raw); // blocks are multiples of 4
    ferry_flasher_ask(self, &(struct ferry_request){.kind = FERRY_REQUEST_RAW,
                                                    .region = (uint8_t)self->region,
                                                    .offset = self->chunk_offset + at,
                                                    .len = raw});
}

// Starts filling a free slot. False: none free, nothing left, or a request is under way.
static bool fill(struct ferry_flasher *self)
{
    if (self->data_wanted || self->slots[self->fill_slot].state != FERRY_FL_EMPTY)
        return false;
    if (!self->chunk_open)
        return open_chunk(self);
    begin_fill(self);
    return true;
}

void ferry_flasher_stream_supplied(struct ferry_flasher *self)
{
    if (self->request.kind == FERRY_REQUEST_PACKED_SIZE) {
        size_known(self, (uint32_t)self->small[0] | (uint32_t)self->small[1] << 8 | (uint32_t)self->small[2] << 16 |
                             (uint32_t)self->small[3] << 24);
    } else {
        struct ferry_flasher_slot *slot = &self->slots[self->fill_slot];
        slot->len = slot->want;
        slot->state = FERRY_FL_READY;
        self->fill_slot = (uint8_t)((self->fill_slot + 1) % self->slot_count);
        if (++self->chunk_at == self->chunk_blocks)
            self->chunk_open = false;
    }
    ferry_flasher_stream_run(self);
}

// --- sending ---------------------------------------------------------------------------------------------------------

static void send_begin(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    uint32_t address = ferry_flasher_region(self)->address + slot->chunk_offset;
    uint32_t erase = 0, timeout_ms = 3000;
    if (slot->kind == FERRY_FL_RAM) {
        erase = slot->chunk_raw; // here it is the size
    } else if (ferry_flasher_can(self, FERRY_CAP_ERASE_QUIRK_8266)) {
        erase = ferry_rom_erase_size_8266(address, slot->chunk_raw);
        timeout_ms += slot->chunk_raw / FERRY_SECTOR_SIZE * 800;
    }
    uint32_t blocks = slot->chunk_blocks + (slot->kind == FERRY_FL_PACKED && tail_quirk(self) ? 1 : 0);
    const uint32_t words[] = {erase, blocks, slot->chunk_block_size, address, 0};
    static const uint8_t ops[] = {FERRY_ROM_OP_FLASH_BEGIN, FERRY_ROM_OP_FLASH_DEFL_BEGIN, FERRY_ROM_OP_MEM_BEGIN};
    bool five = slot->kind != FERRY_FL_RAM && ferry_flasher_can(self, FERRY_CAP_BEGIN20);
    ferry_flasher_command(self, ops[slot->kind], words, five ? 5 : 4, timeout_ms);
    slot->begun = true;
    self->shift = 0;
}

static void send_data(struct ferry_flasher *self, struct ferry_flasher_slot *slot)
{
    static const uint8_t ops[] = {FERRY_ROM_OP_FLASH_DATA, FERRY_ROM_OP_FLASH_DEFL_DATA, FERRY_ROM_OP_MEM_DATA};
    const uint32_t words[] = {slot->len, slot->seq + self->shift, 0, 0};
    uint8_t head[FERRY_ROM_DATA_HEAD_SIZE];
    ferry_rom_words(head, words, 4);
    // The port may still hold most of it when it has left here; a page takes 3 ms at worst.
    uint32_t raw = slot->kind == FERRY_FL_PACKED ? slot->chunk_raw + ROM_BUFFER : slot->len;
    uint32_t timeout_ms = 3000 + ferry_flasher_wire_ms(self, slot->len * 2u) + raw / 256 * 4;
    int status = ferry_rom_client_send(&self->rom, ops[slot->kind], head, sizeof head,
                                       slot_bytes(self, self->send_slot), slot->len, timeout_ms);
    if (status < 0)
        ferry_flasher_fail(self, status, "two blocks at once", FERRY_FL_NO_ADDRESS);
    slot->state = FERRY_FL_SENT;
    self->data_out++;
}

static bool may_send(const struct ferry_flasher *self)
{
    if (ferry_rom_client_tx_busy(&self->rom) || self->rom.pending_count == FERRY_ROM_CLIENT_WINDOW)
        return false;
    return self->window_now == 2 ? self->data_out < 2 : self->rom.pending_count == 0;
}

// With two in flight nothing is ever sent again from here: a slot is free when its frame has left.
static void free_sent(struct ferry_flasher *self)
{
    struct ferry_flasher_slot *slot = &self->slots[self->send_slot];
    if (slot->state != FERRY_FL_SENT || ferry_rom_client_tx_busy(&self->rom))
        return;
    slot->state = FERRY_FL_EMPTY;
    self->send_slot = (uint8_t)((self->send_slot + 1) % self->slot_count);
}

// Sends what is ready. False: nothing could be sent.
static bool send(struct ferry_flasher *self)
{
    if (self->window_now == 2)
        free_sent(self);
    struct ferry_flasher_slot *slot = &self->slots[self->send_slot];
    if (slot->state != FERRY_FL_READY || !may_send(self))
        return false;
    if (slot->first && !slot->begun)
        send_begin(self, slot);
    else
        send_data(self, slot);
    return true;
}

static bool all_done(const struct ferry_flasher *self)
{
    return !self->data_wanted && !self->chunk_open && self->rom.pending_count == 0 &&
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
    bool more = true, left = true;
    while (more && self->state == FERRY_FL_STREAM && self->busy) {
        more = send(self);
        if (left && !self->data_wanted && self->slots[self->fill_slot].state == FERRY_FL_EMPTY) {
            left = fill(self);
            more = more || left;
        }
    }
    if (self->busy && self->state == FERRY_FL_STREAM && !left && all_done(self))
        group_done(self);
}

void ferry_flasher_enter_stream(struct ferry_flasher *self)
{
    set_up(self);
    self->group_end = self->job.op == FERRY_ROM_WRITE ? self->pos : 0;
    self->chunk_offset = self->acked = self->group_end;
    self->chunk_raw = 0;
    ferry_flasher_stream_run(self);
}

void ferry_flasher_done_stream(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)self;
    (void)answer;
}

// --- answers ---------------------------------------------------------------------------------------------------------

// The block at hand was refused for its checksum. True: it goes out again under the next number.
static bool repeat_block(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    struct ferry_flasher_slot *slot = &self->slots[self->send_slot];
    if (self->window_now == 2 || slot->kind == FERRY_FL_PACKED || slot->state != FERRY_FL_SENT ||
        answer->error != FERRY_ROM_ERR_CHECKSUM || ++self->repeats > REPEATS)
        return false;
    self->shift++;
    self->retries++;
    slot->state = FERRY_FL_READY;
    return true;
}

void ferry_flasher_stream_answer(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    bool data = self->rom.answered_op == FERRY_ROM_OP_FLASH_DATA ||
                self->rom.answered_op == FERRY_ROM_OP_FLASH_DEFL_DATA || self->rom.answered_op == FERRY_ROM_OP_MEM_DATA;
    if (data)
        self->data_out--;
    if (!answer->good) {
        if (!data || !repeat_block(self, answer)) {
            ferry_flasher_trouble(self, FERRY_ERR_REFUSED, answer->error, ferry_rom_error_text(answer->error));
            return;
        }
    } else if (data && self->window_now == 2) {
        self->acked += self->block_size;
    } else if (data) {
        const struct ferry_flasher_slot *slot = &self->slots[self->send_slot];
        self->acked = slot->chunk_offset + slot->chunk_raw * (slot->seq + 1) / slot->chunk_blocks;
        self->slots[self->send_slot].state = FERRY_FL_EMPTY;
        self->send_slot = (uint8_t)((self->send_slot + 1) % self->slot_count);
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
