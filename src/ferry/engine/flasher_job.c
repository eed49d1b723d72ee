// Beginning: configuration, checks of a job; leaving.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define ADDRESS_LIMIT 0x1000000u // the ROMs send 24 address bits: what is above wraps around

int ferry_flasher_init(struct ferry_flasher *self, const struct ferry_flasher_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    if (cfg->block == NULL || cfg->block_size < 1024)
        return FERRY_ERR_ARG;
    self->cfg = *cfg;
    if (self->cfg.connect_baud == 0)
        self->cfg.connect_baud = 115200;
    if (self->cfg.baud == 0)
        self->cfg.baud = 921600;
    if (self->cfg.connect_attempts == 0)
        self->cfg.connect_attempts = 7;
    ferry_rom_client_init(&self->rom);
    self->error =
        (struct ferry_error){.step = "idle", .detail = "", .hint = "", .peer_code = -1, .address = FERRY_FL_NO_ADDRESS};
    self->last_detail = "";
    self->last_address = FERRY_FL_NO_ADDRESS;
    self->connect_rate = self->rate = self->cfg.connect_baud;
    return FERRY_OK;
}

const struct ferry_target *ferry_flasher_target(const struct ferry_flasher *self)
{
    return &self->target;
}

uint32_t ferry_flasher_value(const struct ferry_flasher *self)
{
    return self->value;
}

const uint8_t *ferry_flasher_md5(const struct ferry_flasher *self)
{
    return self->target_md5;
}

// --- checks ----------------------------------------------------------------------------------------------------------

// What an operation is about.
enum { CORE = 1, REGIONS = 2, FLASH = 4, SECTORS = 8, OPEN = 16, DIGEST = 32 };
static const uint8_t traits[] = {
    [FERRY_ROM_CONNECT] = CORE, // needs nothing of ferry_flasher_extra
    [FERRY_ROM_WRITE] = CORE | REGIONS | FLASH | SECTORS,
    [FERRY_ROM_VERIFY] = CORE | REGIONS | FLASH | OPEN | DIGEST,
    [FERRY_ROM_READ] = REGIONS | FLASH | OPEN, // OPEN: not in secure download mode
    [FERRY_ROM_ERASE_REGION] = REGIONS | FLASH | SECTORS,
    [FERRY_ROM_ERASE_CHIP] = 0,
    [FERRY_ROM_LOAD_RAM] = REGIONS | OPEN,
    [FERRY_ROM_READ_REG] = OPEN,
    [FERRY_ROM_WRITE_REG] = OPEN,
    [FERRY_ROM_MD5] = REGIONS | FLASH | OPEN | DIGEST,
    [FERRY_ROM_LEAVE] = CORE,
};

static bool check_region(const struct ferry_rom_job *job, unsigned i)
{
    const struct ferry_region *region = &job->regions[i];
    if (region->size == 0 || region->size > UINT32_MAX - region->address)
        return false;
    // Two regions that share a sector would erase each other: an end within a sector is fine, a start is not.
    if ((traits[job->op] & SECTORS) && region->address % FERRY_SECTOR_SIZE != 0)
        return false;
    if (job->op == FERRY_ROM_ERASE_REGION && region->size % FERRY_SECTOR_SIZE != 0)
        return false;
    return i == 0 || region[-1].address + region[-1].size <= region->address;
}

static int check_job(const struct ferry_flasher *self, const struct ferry_rom_job *job)
{
    if (self->busy || self->error.status != 0)
        return FERRY_ERR_STATE;
    if (job->op < FERRY_ROM_CONNECT || job->op > FERRY_ROM_LEAVE)
        return FERRY_ERR_ARG;
    if (!self->connected && job->op != FERRY_ROM_CONNECT && job->op != FERRY_ROM_LEAVE)
        return FERRY_ERR_STATE;
    if (!(traits[job->op] & REGIONS))
        return FERRY_OK;
    if (job->regions == NULL || job->region_count == 0 || job->region_count > FERRY_FLASHER_MAX_REGIONS)
        return FERRY_ERR_ARG;
    for (unsigned i = 0; i < job->region_count; i++)
        if (!check_region(job, i))
            return FERRY_ERR_ARG;
    return FERRY_OK;
}

// What this target cannot do. Fails the operation and returns false.
static bool possible(struct ferry_flasher *self)
{
    enum ferry_rom_op op = self->job.op;
    if (self->target.secure_download && (traits[op] & OPEN)) {
        ferry_flasher_fail(self, FERRY_ERR_SECURE_DOWNLOAD, "");
        return false;
    }
    if (((traits[op] & DIGEST) && !ferry_flasher_can(self, FERRY_CAP_MD5)) ||
        (op == FERRY_ROM_READ && !ferry_flasher_can(self, FERRY_CAP_READ_FLASH_SLOW))) {
        ferry_flasher_fail(self, FERRY_ERR_UNSUPPORTED, "the ROM of this chip has no command for it");
        return false;
    }
    if (op == FERRY_ROM_ERASE_CHIP && self->target.flash_size == 0) {
        ferry_flasher_fail(self, FERRY_ERR_FLASH_SIZE, "");
        return false;
    }
    return true;
}

static bool fits(struct ferry_flasher *self)
{
    uint32_t flash = self->target.flash_size;
    for (unsigned i = 0; (traits[self->job.op] & FLASH) && i < self->job.region_count; i++) {
        uint32_t address = self->job.regions[i].address, end = address + self->job.regions[i].size;
        if (flash != 0 && end > flash) {
            ferry_flasher_fail_at(self, FERRY_ERR_TOO_LARGE_FLASH, "a region ends behind the end of the flash",
                                  address);
            return false;
        }
        if (end > ADDRESS_LIMIT && !ferry_flasher_can(self, FERRY_CAP_ADDR_4BYTE_ROM)) {
            ferry_flasher_fail_at(self, FERRY_ERR_UNSUPPORTED,
                                  "the ROM reaches 16 MB of flash only; addresses above would wrap around", address);
            return false;
        }
    }
    return true;
}

// --- starting --------------------------------------------------------------------------------------------------------

static void clear_for(struct ferry_flasher *self, const struct ferry_rom_job *job)
{
    self->job = *job;
    memset(&self->work, 0, sizeof self->work);
    if (!(traits[job->op] & REGIONS))
        self->job.region_count = 0;
    for (unsigned i = 0; i < self->job.region_count; i++)
        self->work.total_size += job->regions[i].size;
    if (job->op == FERRY_ROM_ERASE_CHIP) {
        self->whole = (struct ferry_region){.address = 0, .size = self->target.flash_size};
        self->job.region_count = 1;
        self->work.total_size = self->whole.size;
    }
    self->busy = true;
    self->error.detail = "";
    self->error.hint = "";
    self->region = self->pos = self->erased_end = 0;
    self->tries = self->sync_tries = self->seen_len = 0;
}

static void begin(struct ferry_flasher *self)
{
    switch (self->job.op) {
    case FERRY_ROM_CONNECT:
        ferry_flasher_connect(self);
        break;
    case FERRY_ROM_WRITE:
        ferry_flasher_write_begin(self);
        break;
    case FERRY_ROM_LEAVE:
        ferry_flasher_go(self, FERRY_FL_LEAVE_LOW);
        break;
    default:
        ferry_flasher_restart_job(self);
    }
}

int ferry_flasher_start_core(struct ferry_flasher *self, const struct ferry_rom_job *job, uint32_t now_ms)
{
    int status = check_job(self, job);
    if (status < 0)
        return status;
    if (self->extra == NULL && !(traits[job->op] & CORE))
        return FERRY_ERR_UNSUPPORTED;
    self->now_ms = now_ms;
    clear_for(self, job);
    ferry_rom_client_abandon(&self->rom);
    if (job->op == FERRY_ROM_CONNECT || job->op == FERRY_ROM_LEAVE || (possible(self) && fits(self)))
        begin(self);
    return FERRY_OK;
}

// --- leaving ---------------------------------------------------------------------------------------------------------

void ferry_flasher_enter_leave_low(struct ferry_flasher *self)
{
    self->connected = false;
    if (self->job.after == FERRY_AFTER_NO_RESET) {
        ferry_flasher_finish(self);
    } else if (!self->cfg.has_lines) {
        // FLASH_END would leave the loader, but not into the firmware: the boot pin was read at the last reset.
        ferry_flasher_warn(self, "no reset line: release BOOT and press RESET to start the firmware");
        ferry_flasher_finish(self);
    } else {
        ferry_flasher_lines(self, FERRY_FL_SET | FERRY_FL_RESET, 0, 100);
    }
}

void ferry_flasher_done_leave_low(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_LEAVE_OPEN);
}

void ferry_flasher_enter_leave_open(struct ferry_flasher *self)
{
    ferry_flasher_lines(self, FERRY_FL_SET, self->cfg.connect_baud, 0);
}

void ferry_flasher_done_leave_open(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_finish(self);
}
