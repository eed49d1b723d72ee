// Writing, the plan: which sectors differ, which of those are erased already, where one erase pays for many segments.
//
// Ascending, segment by segment (64 KB from the start of the region). A segment is judged by the target's own digests:
// a sample at its head, a sample at its tail, the whole; one that differs in part is looked through sector by sector.
// Segments that differ entirely form a run that one FLASH_BEGIN erases (the ROM erases up to 16 sectors at either end
// of an erase one by one, which costs 45 ms each, and 64 KB blocks between at 150 ms).
//
// What lies behind an erase is judged after it, never before: a BEGIN that the line damaged can erase too much upwards,
// and that is found. After any error everything is proved once more at the end (PROVE_ALL).
//
// Ascending order also keeps an interrupted job harmless: an image whose end is missing does not pass the checks of the
// ROM or of the bootloader (checksum, appended SHA-256), so half of it never starts.
#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define SAMPLE 1024u
#define SECTOR_SAMPLE 256u
#define SECTORS (FERRY_SEGMENT_SIZE / FERRY_SECTOR_SIZE)
#define RUN_LIMIT 0x400000u // bytes erased at once: about 10 s without a sign of life
#define BLIND_TRIES 3u      // after so many a segment is written whole, without looking
#define PASSES 4u

static uint16_t all_sectors(uint32_t len)
{
    uint32_t count = len / FERRY_SECTOR_SIZE + (len % FERRY_SECTOR_SIZE != 0);
    return (uint16_t)((1ul << count) - 1);
}

static uint32_t sector_round(uint32_t len)
{
    return (len + FERRY_SECTOR_SIZE - 1) / FERRY_SECTOR_SIZE * FERRY_SECTOR_SIZE;
}

const struct ferry_region *ferry_flasher_region(const struct ferry_flasher *self)
{
    // (ERASE_CHIP has no regions of the caller; a pointer to our own would not survive a move.)
    return self->job.op == FERRY_ROM_ERASE_CHIP ? &self->whole : &self->job.regions[self->region];
}

uint32_t ferry_flasher_segment_len(const struct ferry_flasher *self, uint32_t offset)
{
    uint32_t left = ferry_flasher_region(self)->size - offset;
    return left < FERRY_SEGMENT_SIZE ? left : FERRY_SEGMENT_SIZE;
}

void ferry_flasher_write_begin(struct ferry_flasher *self)
{
    if (!ferry_flasher_has_md5(self))
        ferry_flasher_warn(self, "this target has no digest: what is written cannot be verified");
    ferry_flasher_go(self, FERRY_FL_SCAN);
}

// --- regions ---------------------------------------------------------------------------------------------------------

// At the end of a region: goes to the next. False: that was the last.
static bool more_regions(struct ferry_flasher *self)
{
    if (self->region == self->job.region_count)
        return false;
    uint32_t size = ferry_flasher_region(self)->size;
    if (self->pos == size) {
        if (!self->work.proving)
            ferry_flasher_event(self, FERRY_EVENT_REGION, "", self->region, self->work.written, self->work.skipped);
        self->work.total_done += size;
        self->work.segment_index += (size + FERRY_SEGMENT_SIZE - 1) / FERRY_SEGMENT_SIZE;
        self->region++;
        self->pos = self->erased_end = self->work.written = self->work.skipped = 0;
    }
    return self->region < self->job.region_count;
}

static void all_written(struct ferry_flasher *self)
{
    if (!self->work.anomaly || !ferry_flasher_has_md5(self)) {
        ferry_flasher_finish(self);
    } else if (++self->work.passes > PASSES) {
        ferry_flasher_fail_at(self, FERRY_ERR_VERIFY, "", self->last_address);
    } else {
        self->work.proving = true;
        self->work.anomaly = false;
        self->region = 0;
        self->pos = self->work.total_done = self->work.segment_index = 0;
        ferry_flasher_go(self, FERRY_FL_PROVE_ALL);
    }
}

// The segment at pos is proved (or, without digests, written).
static void segment_done(struct ferry_flasher *self, uint32_t written)
{
    uint32_t len = ferry_flasher_segment_len(self, self->pos);
    if (ferry_flasher_has_md5(self))
        ferry_flasher_event(self, FERRY_EVENT_SEGMENT, "", self->region, self->pos, len);
    self->work.written += written;
    self->work.skipped += len - written;
    self->work.skipped_total += len - written;
    self->pos += len;
    ferry_flasher_progress_made(self);
    ferry_flasher_go(self, self->job.op == FERRY_ROM_VERIFY ? FERRY_FL_VERIFY : FERRY_FL_SCAN);
}

// The segment at pos, target against source.
static void compare_segment(struct ferry_flasher *self)
{
    self->compared_twice = false;
    ferry_flasher_compare(self, self->pos, ferry_flasher_segment_len(self, self->pos), true);
}

// True when it is the same. A digest that differs is asked for once more, as the answer may have been damaged; after
// that *differs.
static bool same_segment(struct ferry_flasher *self, bool *differs)
{
    bool same = ferry_flasher_equal(self);
    *differs = !same && self->compared_twice;
    if (!same && !self->compared_twice) {
        self->compared_twice = true;
        ferry_flasher_compare(self, self->compare_offset, self->compare_len, true);
    }
    return same;
}

// --- judging a segment -----------------------------------------------------------------------------------------------

static bool journal_says_proved(const struct ferry_flasher *self)
{
    if (self->job.proved == NULL)
        return false;
    uint32_t bit = self->work.segment_index + self->look / FERRY_SEGMENT_SIZE;
    return (self->job.proved[bit / 8] >> (bit % 8) & 1) != 0;
}

static void execute(struct ferry_flasher *self, uint16_t write, uint16_t erase)
{
    self->need_write = write;
    self->need_erase = erase;
    ferry_flasher_go(self, FERRY_FL_ERASE);
}

// Closes the run pos .. look: one erase, then segment after segment.
static void erase_run(struct ferry_flasher *self)
{
    self->need_write = 0;
    self->need_erase = 0;
    self->erased_end = self->look;
    ferry_flasher_go(self, FERRY_FL_ERASE);
}

static uint32_t run_limit(const struct ferry_flasher *self)
{
    // A ROM that miscounts erases is asked segment by segment; so is one that had trouble and cannot be looked into.
    bool single = ferry_flasher_can(self, FERRY_CAP_ERASE_QUIRK_8266) || self->tries >= BLIND_TRIES ||
                  (self->work.anomaly && !ferry_flasher_has_md5(self));
    return single ? FERRY_SEGMENT_SIZE : RUN_LIMIT;
}

static void judge_next(struct ferry_flasher *self);

// The segment at look differs entirely: it joins the run.
static void judged_full(struct ferry_flasher *self)
{
    self->look += ferry_flasher_segment_len(self, self->look);
    if (self->look == ferry_flasher_region(self)->size || self->look - self->pos >= run_limit(self))
        erase_run(self);
    else
        judge_next(self);
}

// The segment at look is something else: write and erase some of its sectors (or none).
static void judged(struct ferry_flasher *self, uint16_t write, uint16_t erase)
{
    uint16_t all = all_sectors(ferry_flasher_segment_len(self, self->look));
    if (write == all && erase == all)
        judged_full(self);
    else if (self->look > self->pos)
        erase_run(self); // this one is judged again when the run is written
    else if (write == 0)
        segment_done(self, 0);
    else
        execute(self, write, erase);
}

static void judge_next(struct ferry_flasher *self)
{
    uint32_t len = ferry_flasher_segment_len(self, self->look);

    self->sector = 0;
    if (!ferry_flasher_has_md5(self) || self->job.no_skip || self->tries >= BLIND_TRIES) {
        uint32_t left = ferry_flasher_region(self)->size - self->pos, limit = run_limit(self);
        self->look = self->pos + (left < limit ? left : limit);
        erase_run(self);
    } else if (len <= FERRY_SECTOR_SIZE || (journal_says_proved(self) && self->tries == 0)) {
        ferry_flasher_go(self, FERRY_FL_WHOLE);
    } else {
        ferry_flasher_go(self, FERRY_FL_SAMPLE_HEAD);
    }
}

void ferry_flasher_enter_scan(struct ferry_flasher *self)
{
    if (!more_regions(self)) {
        all_written(self);
    } else if (self->pos < self->erased_end) { // in a run
        execute(self, all_sectors(ferry_flasher_segment_len(self, self->pos)), 0);
    } else {
        self->look = self->pos;
        judge_next(self);
    }
}

void ferry_flasher_done_scan(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)self;
    (void)answer;
}

void ferry_flasher_enter_sample_head(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, self->look, SAMPLE, true);
}

void ferry_flasher_done_sample_head(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (ferry_flasher_equal(self))
        ferry_flasher_go(self, FERRY_FL_WHOLE);
    else if (ferry_flasher_target_blank(self, SAMPLE))
        ferry_flasher_go(self, FERRY_FL_BLANK);
    else
        ferry_flasher_go(self, FERRY_FL_SAMPLE_TAIL);
}

void ferry_flasher_enter_sample_tail(struct ferry_flasher *self)
{
    uint32_t len = ferry_flasher_segment_len(self, self->look);
    ferry_flasher_compare(self, self->look + len - SAMPLE, SAMPLE, true);
}

void ferry_flasher_done_sample_tail(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    uint16_t all = all_sectors(ferry_flasher_segment_len(self, self->look));
    if (ferry_flasher_equal(self))
        ferry_flasher_go(self, FERRY_FL_SECTOR_SAMPLE);
    else
        judged(self, all, all);
}

void ferry_flasher_enter_whole(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, self->look, ferry_flasher_segment_len(self, self->look), true);
}

void ferry_flasher_done_whole(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (ferry_flasher_equal(self))
        judged(self, 0, 0);
    else if (ferry_flasher_segment_len(self, self->look) <= FERRY_SECTOR_SIZE)
        ferry_flasher_go(self, FERRY_FL_BLANK);
    else
        ferry_flasher_go(self, FERRY_FL_SECTOR_SAMPLE);
}

void ferry_flasher_enter_blank(struct ferry_flasher *self)
{
    uint32_t len = sector_round(ferry_flasher_segment_len(self, self->look));
    ferry_flasher_compare(self, self->look, len, false);
}

void ferry_flasher_done_blank(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    uint32_t len = ferry_flasher_segment_len(self, self->look);
    uint16_t all = all_sectors(len);
    if (ferry_flasher_target_blank(self, sector_round(len)))
        judged(self, all, 0);
    else if (len <= FERRY_SECTOR_SIZE)
        judged(self, all, all);
    else
        ferry_flasher_go(self, FERRY_FL_SECTOR_SAMPLE);
}

// --- sector by sector ------------------------------------------------------------------------------------------------

static uint32_t sector_offset(const struct ferry_flasher *self)
{
    return self->look + self->sector * FERRY_SECTOR_SIZE;
}

static uint32_t sector_len(const struct ferry_flasher *self, uint32_t limit)
{
    uint32_t left = ferry_flasher_segment_len(self, self->look) - self->sector * FERRY_SECTOR_SIZE;
    return left < limit ? left : limit;
}

static void sector_judged(struct ferry_flasher *self, bool write, bool erase)
{
    uint16_t bit = (uint16_t)(1u << self->sector);
    if (self->sector == 0)
        self->need_write = self->need_erase = 0;
    self->need_write |= write ? bit : 0;
    self->need_erase |= erase ? bit : 0;
    self->sector++;
    if (self->sector * FERRY_SECTOR_SIZE < ferry_flasher_segment_len(self, self->look))
        ferry_flasher_go(self, FERRY_FL_SECTOR_SAMPLE);
    else
        judged(self, self->need_write, self->need_erase);
}

void ferry_flasher_enter_sector_sample(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, sector_offset(self), sector_len(self, SECTOR_SAMPLE), true);
}

void ferry_flasher_done_sector_sample(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (ferry_flasher_equal(self))
        ferry_flasher_go(self, FERRY_FL_SECTOR_WHOLE);
    else if (ferry_flasher_target_blank(self, self->compare_len))
        ferry_flasher_go(self, FERRY_FL_SECTOR_BLANK);
    else
        sector_judged(self, true, true);
}

void ferry_flasher_enter_sector_whole(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, sector_offset(self), sector_len(self, FERRY_SECTOR_SIZE), true);
}

void ferry_flasher_done_sector_whole(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    bool same = ferry_flasher_equal(self);
    sector_judged(self, !same, !same);
}

void ferry_flasher_enter_sector_blank(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, sector_offset(self), FERRY_SECTOR_SIZE, false);
}

void ferry_flasher_done_sector_blank(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    sector_judged(self, true, !ferry_flasher_target_blank(self, FERRY_SECTOR_SIZE));
}

// --- erasing ---------------------------------------------------------------------------------------------------------

// The next contiguous part to erase: the run, or sectors of the segment. False: none.
static bool next_erase(const struct ferry_flasher *self, uint32_t *offset, uint32_t *len)
{
    if (self->need_write == 0) {
        *offset = self->pos;
        *len = sector_round(self->erased_end - self->pos);
        return true;
    }
    unsigned first = 0, count = 0;
    while (first < SECTORS && (self->need_erase >> first & 1) == 0)
        first++;
    while (first + count < SECTORS && (self->need_erase >> (first + count) & 1) != 0)
        count++;
    *offset = self->pos + first * FERRY_SECTOR_SIZE;
    *len = count * FERRY_SECTOR_SIZE;
    return count > 0;
}

// The BEGIN of an ESP8266 erases and starts the data at once: there is no erasing beforehand.
static bool erases_with_data(const struct ferry_flasher *self)
{
    return ferry_flasher_can(self, FERRY_CAP_ERASE_QUIRK_8266);
}

void ferry_flasher_enter_erase(struct ferry_flasher *self)
{
    uint32_t offset, len;
    if (erases_with_data(self)) {
        self->need_write = all_sectors(ferry_flasher_segment_len(self, self->pos));
        ferry_flasher_go(self, FERRY_FL_STREAM);
        return;
    }
    if (!next_erase(self, &offset, &len)) {
        ferry_flasher_go(self, FERRY_FL_STREAM);
        return;
    }
    uint32_t sectors = len / FERRY_SECTOR_SIZE;
    uint32_t single = sectors < 2 * SECTORS ? sectors : 2 * SECTORS; // the ROM erases so many one by one
    const uint32_t words[] = {len, (len + 1023) / 1024, 1024, ferry_flasher_region(self)->address + offset, 0};
    ferry_flasher_begin(self, FERRY_ROM_OP_FLASH_BEGIN, words,
                        1000 + single * 400 + (sectors - single) / SECTORS * 2000);
}

void ferry_flasher_done_erase(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (self->need_write == 0) {
        ferry_flasher_go(self, FERRY_FL_SCAN);
        return;
    }
    uint32_t offset, len;
    next_erase(self, &offset, &len);
    uint32_t first = (offset - self->pos) / FERRY_SECTOR_SIZE, count = len / FERRY_SECTOR_SIZE;
    self->need_erase &= (uint16_t) ~(((1ul << count) - 1) << first);
    ferry_flasher_go(self, FERRY_FL_ERASE);
}

// --- proving ---------------------------------------------------------------------------------------------------------

static uint32_t bytes_written(const struct ferry_flasher *self)
{
    uint32_t len = ferry_flasher_segment_len(self, self->pos), count = 0;
    for (unsigned i = 0; i < SECTORS; i++)
        count += self->need_write >> i & 1;
    return count * FERRY_SECTOR_SIZE < len ? count * FERRY_SECTOR_SIZE : len;
}

void ferry_flasher_enter_prove(struct ferry_flasher *self)
{
    if (ferry_flasher_has_md5(self))
        compare_segment(self);
    else
        segment_done(self, bytes_written(self));
}

void ferry_flasher_done_prove(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    bool differs;
    if (same_segment(self, &differs))
        segment_done(self, bytes_written(self));
    else if (differs)
        ferry_flasher_trouble(self, FERRY_ERR_VERIFY, -1, "what was written reads back differently");
}

// After an anomaly: everything once more. A segment that differs is written again.
void ferry_flasher_enter_prove_all(struct ferry_flasher *self)
{
    if (more_regions(self)) {
        compare_segment(self);
    } else {
        self->work.proving = false;
        all_written(self);
    }
}

void ferry_flasher_done_prove_all(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    bool differs;
    if (same_segment(self, &differs)) {
        self->pos += ferry_flasher_segment_len(self, self->pos);
        ferry_flasher_progress_made(self);
        ferry_flasher_go(self, FERRY_FL_PROVE_ALL);
    } else if (differs) {
        self->work.proving = false;
        self->work.anomaly = true;
        self->erased_end = self->pos;
        self->work.written = self->work.skipped = 0;
        ferry_flasher_go(self, FERRY_FL_SCAN);
    }
}

// --- verify ----------------------------------------------------------------------------------------------------------

void ferry_flasher_enter_verify(struct ferry_flasher *self)
{
    if (more_regions(self))
        compare_segment(self);
    else
        ferry_flasher_finish(self);
}

void ferry_flasher_done_verify(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    bool differs;
    if (same_segment(self, &differs))
        segment_done(self, 0);
    else if (differs)
        ferry_flasher_fail_at(self, FERRY_ERR_VERIFY, "", ferry_flasher_region(self)->address + self->pos);
}
