#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"
#include "updater/job_parts.h"

// ---- reading what the plan wants to see of the target's flash ----

static const uint8_t *have_read(const struct ferry_job *self, uint32_t address, size_t len)
{
    for (int i = 0; i < self->read_count - (self->read_open ? 1 : 0); i++) {
        const struct ferry_store_read *r = &self->reads[i];
        if (address >= r->address && address - r->address <= r->len && len <= r->len - (address - r->address))
            return r->bytes + (address - r->address);
    }
    return NULL;
}

static int want_read(struct ferry_job *self, uint32_t address, size_t len)
{
    if (self->read_open)
        return FERRY_ERR_STATE; // one at a time; the plan is made again after it
    if (self->read_count == FERRY_JOB_READS || len == 0 || len > FERRY_JOB_READ_MAX)
        return FERRY_ERR_ARG;
    struct ferry_store_read *r = &self->reads[self->read_count];
    *r = (struct ferry_store_read){.address = address, .len = (uint32_t)len, .bytes = malloc(len)};
    if (!r->bytes)
        return FERRY_ERR_NO_MEMORY;
    self->read_count++;
    self->read_open = true;
    self->read_got = 0;
    return FERRY_ERR_STATE;
}

static int read_target(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    struct ferry_job *self = ctx;
    const struct ferry_target *target = ferry_job_target(self);
    const uint8_t *bytes = have_read(self, address, len);
    if (bytes) {
        memcpy(buf, bytes, len);
        return FERRY_OK;
    }
    if (self->cfg.cargo.read_target)
        return self->cfg.cargo.read_target(self->cfg.cargo.read_ctx, address, buf, len);
    if (self->by_link)
        return FERRY_ERR_UNSUPPORTED;
    if (target->secure_download)
        return FERRY_ERR_SECURE_DOWNLOAD;
    if (target->chip && !self->cfg.engine && !ferry_chip_can(target->chip, FERRY_CAP_READ_FLASH_SLOW))
        return FERRY_ERR_UNSUPPORTED;
    return want_read(self, address, len);
}

int ferry_job_read_target(struct ferry_job *self, uint32_t address, uint8_t *buf, size_t len)
{
    return !self->by_link && !ferry_job_target(self) ? FERRY_ERR_UNSUPPORTED : read_target(self, address, buf, len);
}

static void start_read(struct ferry_job *self, uint32_t now_ms)
{
    const struct ferry_store_read *r = &self->reads[self->read_count - 1];
    self->read_region = (struct ferry_region){.address = r->address, .size = r->len};
    struct ferry_rom_job op = {.op = FERRY_ROM_READ, .regions = &self->read_region, .region_count = 1};
    ferry_job_begin(self, FERRY_JOB_READING, &op, now_ms);
}

// The pump hands over what the engine has read; offsets count from the start of the region.
int ferry_job_take_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_job *self = ctx;
    if (!self->read_open)
        return FERRY_OK;
    struct ferry_store_read *r = &self->reads[self->read_count - 1];
    if (offset > r->len || len > r->len - offset)
        return FERRY_ERR_PROTOCOL;
    memcpy(r->bytes + offset, bytes, len);
    self->read_got += (uint32_t)len;
    return FERRY_OK;
}

void ferry_job_read_done(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_store_read *r = &self->reads[self->read_count - 1];
    if (self->read_got != r->len) {
        ferry_fault_set(&self->fault, FERRY_ERR_PROTOCOL, "", "the target gave %lu of %lu bytes of its flash at 0x%lx",
                        (unsigned long)self->read_got, (unsigned long)r->len, (unsigned long)r->address);
        ferry_job_end(self, now_ms);
        return;
    }
    self->read_open = false;
    self->state = FERRY_JOB_PLANNING;
}

// ---- planning ----

static void plan_refused(struct ferry_job *self, int status, uint32_t now_ms)
{
    if (self->fault.status >= 0)
        ferry_fault_set(&self->fault, status, "", "%s", ferry_status_text(status));
    ferry_job_leave(self, now_ms);
}

// Nothing for the link, but for the loader perhaps.
static void refused(struct ferry_job *self, int status, uint32_t now_ms)
{
    bool other = status == FERRY_ERR_NO_PLACE || status == FERRY_ERR_NO_SLOT;
    struct ferry_fault fault = self->fault;
    if (other && ferry_job_other_route(self, fault.what, now_ms)) {
        ferry_store_release(self->store);
        self->store = NULL;
        self->planned = false;
        self->result = (struct ferry_job_result){.elapsed_ms = self->result.elapsed_ms};
        self->data = ferry_store_pool_supply(self->pool);
        return;
    }
    plan_refused(self, status, now_ms);
}

static int choose(struct ferry_job *self)
{
    if (self->has_chosen)
        return FERRY_OK;
    int status = self->cfg.choose(self->cfg.choose_ctx, ferry_job_target(self), &self->chosen, &self->fault);
    self->has_chosen = status >= 0;
    return status;
}

static struct ferry_store_key store_key(const struct ferry_job *self)
{
    return (struct ferry_store_key){
        .cargo = &self->chosen,
        .target = self->by_link ? ferry_link_route_target(&self->in.link) : ferry_job_target(self),
        .link = self->by_link,
        .reads = self->reads,
        .read_count = self->read_count,
    };
}

static int link_plan(struct ferry_job *self, const struct ferry_cargo_options *options, struct ferry_plan *plan)
{
    return ferry_cargo_plan_link(&self->chosen, ferry_link_route_target(&self->in.link), options, plan, &self->fault);
}

// A plan of our own. OK with self->store set, or with read_open set: bytes of the target are wanted first.
static int make_plan(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for the plan");
    struct ferry_cargo_options options = self->cfg.cargo;
    options.read_target = read_target;
    options.read_ctx = self;
    int status = self->by_link ? link_plan(self, &options, plan)
                               : ferry_cargo_plan(&self->chosen, ferry_job_target(self), &options, plan, &self->fault);
    if (status < 0 || self->read_open) {
        if (status >= 0)
            ferry_plan_close(plan);
        free(plan);
        if (self->read_open)
            memset(&self->fault, 0, sizeof self->fault);
        return self->read_open ? FERRY_OK : status;
    }
    struct ferry_store_key key = store_key(self);
    self->store = ferry_store_open(self->pool, plan, &key, now_ms);
    return self->store ? FERRY_OK : ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for the store");
}

static int find_or_make_plan(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_store_key key = store_key(self);
    struct ferry_store_read missing = {0};
    self->store = ferry_store_find(self->pool, &key, now_ms, &missing);
    if (self->store)
        return FERRY_OK;
    if (missing.len && !have_read(self, missing.address, missing.len) && !self->cfg.cargo.read_target) {
        uint8_t nothing;
        if (read_target(self, missing.address, &nothing, missing.len) == FERRY_ERR_STATE && self->read_open)
            return FERRY_OK;
    }
    return make_plan(self, now_ms);
}

static int64_t utc(const struct ferry_job *self)
{
    if (self->cfg.log && self->cfg.log->utc)
        return self->cfg.log->utc(self->cfg.log->utc_ctx);
    return (int64_t)time(NULL);
}

static void note_journal(struct ferry_job *self)
{
    char text[FERRY_JOB_TEXT];
    if (self->journal.found == FERRY_JOURNAL_DAMAGED)
        ferry_job_push(self, FERRY_EVENT_WARNING, "the journal of an interrupted job is damaged and was ignored", NULL);
    if (self->journal.found != FERRY_JOURNAL_RESUMED && self->journal.found != FERRY_JOURNAL_TORN)
        return;
    self->result.resumed = self->journal.proved_bytes;
    snprintf(text, sizeof text, "an earlier job was interrupted: %lu of %lu bytes were proved; going on from there",
             (unsigned long)self->journal.proved_bytes, (unsigned long)self->result.bytes_total);
    ferry_job_push(self, FERRY_EVENT_NOTE, text, NULL);
}

static void open_journal(struct ferry_job *self)
{
    const struct ferry_plan *plan = ferry_job_plan(self);
    const struct ferry_target *target = ferry_job_target(self);
    if (self->by_link || !self->cfg.journal_dir || self->cfg.verify_only || self->cfg.erase_all || !target->mac_known)
        return; // a chip erase starts from nothing each time
    struct ferry_journal_key key = {.regions = plan->regions, .region_count = plan->count};
    memcpy(key.mac, target->mac, sizeof key.mac);
    memcpy(key.sha256, plan->sha256, sizeof key.sha256);
    struct ferry_fault fault;
    if (ferry_journal_open(&self->journal, self->cfg.journal_dir, &key, utc(self), self->proved, sizeof self->proved,
                           &fault) != FERRY_OK)
        ferry_job_warn(self, &fault);
    note_journal(self);
}

// The same chip, and by the link: slots and sizes, and what an interrupted job has left there.
static int fits_link(struct ferry_job *self)
{
    const struct ferry_target_info *info = ferry_job_info(self);
    const struct ferry_plan *plan = ferry_job_plan(self);
    const struct ferry_chip *wanted = ferry_chip_by_id(self->cfg.flasher.chip);
    if (wanted && self->cfg.flasher.chip != FERRY_CHIP_ANY && info->chip != wanted->id)
        return ferry_fault_set(&self->fault, FERRY_ERR_WRONG_CHIP, "", "the target is no %s", wanted->label);
    int status = ferry_link_route_check(&self->in.link, plan, &self->fault);
    if (status < 0)
        return status;
    char text[FERRY_JOB_TEXT];
    if (ferry_link_route_warn_project(&self->in.link, plan, text, sizeof text))
        ferry_job_push(self, FERRY_EVENT_WARNING, text, NULL);
    const struct ferry_slot *to = ferry_link_route_slot(info, FERRY_SLOT_TARGET);
    bool firmware = plan->manifest.kind == FERRY_MANIFEST_FIRMWARE;
    snprintf(self->result.slot, sizeof self->result.slot, "%s", !firmware ? plan->manifest.name : to ? to->label : "");
    if (info->unfinished && memcmp(info->unfinished_sha256, plan->manifest.sha256, sizeof plan->manifest.sha256) == 0) {
        self->result.resumed = plan->manifest.size; // at most; cut down to what the target proves
        ferry_job_push(self, FERRY_EVENT_NOTE,
                       "an earlier update was interrupted: what the target proves to have is not sent again", NULL);
    }
    return FERRY_OK;
}

static void use_plan(struct ferry_job *self, uint32_t now_ms)
{
    const struct ferry_plan *plan = ferry_job_plan(self);
    for (uint8_t i = 0; i < plan->warning_count; i++)
        ferry_job_push(self, FERRY_EVENT_WARNING, plan->warnings[i], NULL);
    for (uint8_t i = 0; i < plan->count; i++)
        self->result.bytes_total += plan->regions[i].size;
    if (self->by_link && fits_link(self) < 0) {
        refused(self, self->fault.status, now_ms);
        return;
    }
    self->data = ferry_store_supply(self->store);
    if (self->cfg.dry_run) {
        ferry_job_leave(self, now_ms);
        return;
    }
    open_journal(self);
    if (self->cfg.erase_all && !self->cfg.verify_only)
        ferry_job_erase_all(self, now_ms);
    else
        ferry_job_write(self, now_ms);
}

void ferry_job_make_ready(struct ferry_job *self, uint32_t now_ms)
{
    if (self->planned) {
        use_plan(self, now_ms);
        return;
    }
    memset(&self->fault, 0, sizeof self->fault);
    int status = choose(self);
    if (status == FERRY_ERR_BUSY) {
        memset(&self->fault, 0, sizeof self->fault);
        return;
    }
    if (status == FERRY_ERR_STATE && self->read_open) {
        memset(&self->fault, 0, sizeof self->fault);
        start_read(self, now_ms);
        return;
    }
    if (status >= 0)
        status = find_or_make_plan(self, now_ms);
    if (status < 0)
        refused(self, status, now_ms);
    else if (self->read_open)
        start_read(self, now_ms);
    else
        self->planned = true; // goes on with the next step, whose time is right again
}
