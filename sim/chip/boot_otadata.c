// Which application is tried first: otadata's two entries and the rollback states. Format: ESP-IDF Programming Guide,
// "Over The Air Updates". The rules, odd ones included: tests/vectors/boot.
#include <string.h>
#include <zlib.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot_internal.h"

// One entry: ota_seq u32, label 20 bytes, ota_state u32, crc u32.
enum { ENTRY = 32, AT_STATE = 24, AT_CRC = 28 };
enum { NEW = 0, PENDING_VERIFY = 1, VALID = 2, INVALID = 3, ABORTED = 4 };

static uint32_t entry_seq(const uint8_t e[ENTRY])
{
    return ferry_load32le(e);
}

static uint32_t entry_state(const uint8_t e[ENTRY])
{
    return ferry_load32le(e + AT_STATE);
}

// The ROM's crc32_le started at FFFFFFFF over the sequence number, which is zlib's crc32 continued from there.
static uint32_t seq_crc(const uint8_t seq[4])
{
    return (uint32_t)crc32(0xffffffffu, seq, 4);
}

static bool crc_fits(const uint8_t e[ENTRY])
{
    return ferry_load32le(e + AT_CRC) == seq_crc(e);
}

// Empty or refused; the crc plays no part.
static bool refused(const uint8_t e[ENTRY])
{
    return entry_seq(e) == UINT32_MAX || entry_state(e) == INVALID || entry_state(e) == ABORTED;
}

static bool counts(const uint8_t e[ENTRY])
{
    return !refused(e) && crc_fits(e);
}

// Index of the entry that wins, -1 = none. The greater number without wrap-around; a tie goes to the first.
static int winner(uint8_t entries[2][ENTRY])
{
    bool first = counts(entries[0]), second = counts(entries[1]);
    if (first && second)
        return entry_seq(entries[0]) >= entry_seq(entries[1]) ? 0 : 1;
    return first ? 0 : (second ? 1 : -1);
}

static bool rewrite_state(struct sim_boot *b, const struct sim_boot_table *t, uint8_t entries[2][ENTRY], int i,
                          uint32_t state)
{
    ferry_store32le(entries[i] + AT_STATE, state);
    return sim_boot_write_entry(b, t->otadata.offset + SIM_FLASH_SECTOR * (uint32_t)i, entries[i]);
}

static bool abort_pending(struct sim_boot *b, const struct sim_boot_table *t, uint8_t entries[2][ENTRY])
{
    for (int i = 0; i < 2; i++)
        if (entry_state(entries[i]) == PENDING_VERIFY && !rewrite_state(b, t, entries, i, ABORTED))
            return false;
    return true;
}

static bool unusable(const uint8_t e[ENTRY])
{
    return entry_seq(e) == UINT32_MAX || !crc_fits(e);
}

static int default_index(struct sim_boot *b, const struct sim_boot_table *t, uint8_t entries[2][ENTRY], bool *initial)
{
    if (t->factory.offset != 0) {
        sim_boot_say(b, 'I', SIM_BOOT_DECISIVE, "boot", "Defaulting to factory image");
        return SIM_BOOT_INDEX_FACTORY;
    }
    sim_boot_say(b, 'I', SIM_BOOT_DECISIVE, "boot", "No factory image, trying OTA 0");
    *initial = unusable(entries[0]) && unusable(entries[1]);
    return 0;
}

static int invalid_index(struct sim_boot *b, const struct sim_boot_table *t)
{
    if (t->factory.offset != 0)
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "ota data partition invalid, falling back to factory");
    else
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot",
                     "ota data partition invalid and no factory, will try all partitions");
    return SIM_BOOT_INDEX_FACTORY;
}

static bool otadata_readable(struct sim_boot *b, const struct sim_boot_part *part)
{
    if (part->size < 2 * SIM_FLASH_SECTOR) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "ota_info partition size %u is too small (minimum %u bytes)",
                     (unsigned)part->size, 2 * SIM_FLASH_SECTOR);
        return false;
    }
    if (part->size > b->chip->mmap_max) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "bootloader_flash", "bootloader_mmap excess size 0x%x",
                     (unsigned)part->size);
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "bootloader_mmap(0x%x, 0x%x) failed", (unsigned)part->offset,
                     (unsigned)part->size);
        return false;
    }
    return true;
}

int sim_boot_select(struct sim_boot *b, const struct sim_boot_table *t, bool *initial)
{
    uint8_t entries[2][ENTRY];
    *initial = false;
    if (t->otadata.offset == 0)
        return SIM_BOOT_INDEX_FACTORY;
    if (!otadata_readable(b, &t->otadata))
        return SIM_BOOT_INDEX_NONE;
    for (uint32_t i = 0; i < 2; i++)
        sim_boot_read(b, t->otadata.offset + i * SIM_FLASH_SECTOR, entries[i], ENTRY);
    if (b->cfg->rollback && !abort_pending(b, t, entries))
        return SIM_BOOT_INDEX_NONE;
    if ((refused(entries[0]) && refused(entries[1])) || t->ota_rows == 0)
        return default_index(b, t, entries, initial);
    int active = winner(entries);
    if (active < 0)
        return invalid_index(b, t);
    int index = (int)((entry_seq(entries[active]) - 1u) % t->ota_rows);
    // Marked before the image is looked at.
    if (b->cfg->rollback && entry_state(entries[active]) == NEW &&
        !rewrite_state(b, t, entries, active, PENDING_VERIFY))
        return SIM_BOOT_INDEX_NONE;
    return index;
}

bool sim_boot_set_initial(struct sim_boot *b, const struct sim_boot_table *t, int index)
{
    uint8_t entry[ENTRY];
    memset(entry, 0xff, sizeof entry);
    ferry_store32le(entry, (uint32_t)index + 1);
    ferry_store32le(entry + AT_STATE, VALID);
    ferry_store32le(entry + AT_CRC, seq_crc(entry));
    if (!sim_boot_write_entry(b, t->otadata.offset, entry))
        return false;
    sim_boot_say(b, 'I', SIM_BOOT_DECISIVE, "boot", "Set actual ota_seq=%d in otadata[0]", index + 1);
    return true;
}
