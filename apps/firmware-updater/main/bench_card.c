#include "bench_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "esp_system.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "kept.h"
#include "network.h"
#include "panel_io.h"
#include "tell.h"
#include "updater/json.h"
#include "updater/path.h"

#define JSON BOARD_CARD_PATH "/" FERRY_CARD_JSON
#define JOURNAL BOARD_CARD_PATH "/.ferry"
#define LOOK_MS 1000 // whether the card is still there
#define TRY_MS 2000  // whether one has come

static struct {
    struct ferry_idf_card idf_card;
    struct ferry_card card;
    struct ferry_log log;
    struct ferry_fault fault; // why nothing on the card can be used
    uint32_t next_ms;
    bool waiting; // until next_ms
    bool told_missing, told_cut;
    int status;
    size_t chosen; // 1 .. list.count, 0 = as the card says
    struct owed {
        bool owed;
        struct ferry_updater_outcome outcome;
    } owed[BOARD_TARGETS];
    char text[80];
} self;

struct ferry_card *bench_card(void)
{
    return &self.card;
}

struct ferry_log *bench_card_log(void)
{
    return &self.log;
}

const char *bench_card_journal(void)
{
    return JOURNAL;
}

bool bench_card_there(void)
{
    return self.idf_card.card != NULL;
}

bool bench_card_good(void)
{
    return self.idf_card.card && self.status == FERRY_OK;
}

const char *bench_card_text(void)
{
    if (!self.idf_card.card)
        return self.idf_card.reason;
    snprintf(self.text, sizeof self.text, "\"%.15s\", %u MB, %u firmwares", self.idf_card.name,
             (unsigned)self.idf_card.megabytes, (unsigned)self.card.list.count);
    return self.text;
}

int bench_card_space(uint64_t *free_bytes, uint64_t *total_bytes)
{
    return ferry_idf_card_space(&self.idf_card, free_bytes, total_bytes);
}

void bench_card_init(void)
{
    ferry_idf_card_init(&self.idf_card, &board_card);
    snprintf(self.card.dir, sizeof self.card.dir, "%s", BOARD_CARD_PATH);
    ferry_log_init(&self.log, BOARD_CARD_PATH);
    self.status = FERRY_ERR_STORAGE_MISSING;
}

// ---- what could not be written into the log when it happened ----

void bench_card_owe_line(unsigned port, const struct ferry_updater_outcome *outcome)
{
    self.owed[port] = (struct owed){.owed = true, .outcome = *outcome};
    tell("%s: the line for the log is kept until the card is back", board_target_names[port]);
}

static void pay(unsigned port)
{
    const struct ferry_updater_outcome *o = &self.owed[port].outcome;
    const char *word = o->fault.status < 0 ? "failed" : o->result.verified ? "ok" : "unverified";
    struct ferry_log_entry entry = {.mac = o->mac_known ? o->mac : NULL,
                                    .chip = o->chip,
                                    .revision = -1,
                                    .port = board_target_names[port],
                                    .cargo = o->cargo,
                                    .version = o->version,
                                    .written = o->result.bytes_written,
                                    .skipped = o->result.bytes_skipped,
                                    .elapsed_ms = o->result.elapsed_ms,
                                    .result = word,
                                    .status = o->fault.status,
                                    .message = o->fault.what};
    self.owed[port].owed = ferry_log_append(&self.log, &entry, NULL) < 0;
}

static const char *cut_reason(void)
{
    switch (esp_reset_reason()) {
    case ESP_RST_BROWNOUT:
        return "the supply of the updater broke down (brown-out)";
    case ESP_RST_POWERON:
        return "the updater was switched off";
    case ESP_RST_PANIC:
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
        return "the updater crashed";
    default:
        return "the updater was reset";
    }
}

// A job was under way when the updater last lost its power: told once, on the console and in the log.
static void tell_cut(void)
{
    char message[160];
    if (self.told_cut || !kept_job_was_cut())
        return;
    self.told_cut = true;
    snprintf(message, sizeof message,
             "%s while a target was written; start again: what was proved is not written again", cut_reason());
    tell("%s", message);
    struct ferry_log_entry entry = {
        .revision = -1, .result = "failed", .status = FERRY_ERR_CANCELLED, .message = message};
    ferry_log_append(&self.log, &entry, NULL);
    kept_mark_job(false);
}

// ---- coming and going ----

static void tell_card_settings(void)
{
    const struct ferry_settings *s = kept_settings();
    for (size_t i = 0; i < s->count; i++)
        if (ferry_settings_origin_at(s, i) == FERRY_SETTINGS_CARD)
            tell_settings(s, s->rows[i].name);
}

static void read_settings(void)
{
    struct ferry_fault fault;
    if (ferry_settings_card(kept_settings(), JSON, &fault) < 0)
        tell_fault("settings", &fault);
    tell_card_settings();
}

// The card's own word on which firmware comes first, then what is kept in the updater.
static const char *kept_cargo(void)
{
    const struct ferry_settings *s = kept_settings();
    size_t i = ferry_settings_find(s, "cargo");
    return ferry_settings_origin_at(s, i) == FERRY_SETTINGS_CARD ? "" : ferry_settings_text_at(s, i);
}

void bench_card_look(uint32_t now_ms)
{
    struct ferry_fault *fault = &self.fault;
    self.chosen = 0;
    self.next_ms = now_ms + LOOK_MS;
    if (!self.idf_card.card) {
        tell("%s", self.idf_card.reason);
        return;
    }
    memset(fault, 0, sizeof *fault);
    network_lock();
    read_settings();
    self.status = ferry_card_open(&self.card, BOARD_CARD_PATH, kept_cargo(), fault);
    network_unlock();
    network_tell_card(fault);
    tell_card(&self.card, self.idf_card.name, self.idf_card.megabytes);
    if (self.status < 0)
        tell_fault(NULL, fault);
}

static void came(uint32_t now_ms)
{
    self.told_missing = false;
    bench_card_look(now_ms);
    tell_cut();
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (self.owed[i].owed)
            pay(i);
}

static void went(void)
{
    tell("the card was taken out");
    ferry_idf_card_unmount(&self.idf_card);
    self.status = FERRY_ERR_STORAGE_MISSING;
    network_lock();
    memset(&self.card.list, 0, sizeof self.card.list);
    network_unlock();
    ferry_fault_set(&self.fault, self.status, "", "no card is in the socket");
    network_tell_card(&self.fault);
}

static void look_for_card(uint32_t now_ms)
{
    int status = ferry_idf_card_mount(&self.idf_card);
    if (status == FERRY_OK)
        came(now_ms);
    else if (!self.told_missing)
        tell("%s", self.idf_card.reason);
    self.told_missing = status != FERRY_OK;
}

bool bench_card_watch(uint32_t now_ms)
{
    if (self.waiting && !ferry_time_reached(now_ms, self.next_ms))
        return self.idf_card.card != NULL;
    if (self.idf_card.card && !ferry_idf_card_present(&self.idf_card))
        went();
    else if (!self.idf_card.card)
        look_for_card(now_ms);
    self.waiting = true;
    self.next_ms = now_ms + (self.idf_card.card ? LOOK_MS : TRY_MS);
    return self.idf_card.card != NULL;
}

// ---- which firmware ----

void bench_card_list(void)
{
    if (!self.idf_card.card)
        tell("%s", self.idf_card.reason);
    else
        tell_list(&self.card);
    if (self.chosen)
        tell("chosen: %u", (unsigned)self.chosen);
}

unsigned bench_card_next(void)
{
    if (!bench_card_good())
        return 0;
    self.chosen = self.chosen % self.card.list.count + 1;
    const struct ferry_cargo *cargo = &self.card.list.items[self.chosen - 1];
    tell("chosen: %u  %s %s  (%s)", (unsigned)self.chosen, cargo->name, cargo->version,
         ferry_card_shown(&self.card, cargo));
    return (unsigned)self.chosen;
}

void bench_card_forget(uint32_t now_ms)
{
    (void)now_ms;
    self.chosen = 0;
    panel_io_choose(0);
    tell("chosen: what the card says");
}

// By name or path; else by its number in the list. NULL = there is none, or several (*count).
static const struct ferry_cargo *find(const char *name, size_t *count)
{
    const struct ferry_cargo_list *list = &self.card.list;
    uint32_t number = 0;
    size_t index = 0;
    *count = ferry_card_named(&self.card, name, &index);
    if (*count == 1)
        return &list->items[index];
    if (*count > 1)
        return NULL;
    return ferry_json_number(name, &number) && number >= 1 && number <= list->count ? &list->items[number - 1] : NULL;
}

int bench_card_name(char *cargo, size_t cap, struct ferry_fault *fault)
{
    if (!self.idf_card.card)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, BOARD_CARD_PATH, "%s", self.idf_card.reason);
    if (self.status < 0) {
        *fault = self.fault;
        return self.status;
    }
    if (!cargo[0])
        return FERRY_OK;
    size_t count = 0;
    const struct ferry_cargo *found = find(cargo, &count);
    if (!found) {
        int status = count ? FERRY_ERR_AMBIGUOUS : FERRY_ERR_NO_CARGO;
        ferry_fault_set(fault, status, "", count ? "several are called \"%s\"" : "there is no \"%s\" on the card",
                        cargo);
        ferry_fault_hint(fault, "\"list\" shows what there is; a name, a path or a number of it will do");
        return status;
    }
    int n = snprintf(cargo, cap, "%s", ferry_card_shown(&self.card, found));
    return n >= 0 && (size_t)n < cap
               ? FERRY_OK
               : ferry_fault_set(fault, FERRY_ERR_ARG, "", "the path is too long for a choice: name it in ferry.json");
}

int bench_card_choose(const char *cargo, const struct ferry_target *target, struct ferry_cargo *out,
                      struct ferry_fault *fault)
{
    const struct ferry_cargo *named = cargo[0]      ? network_build(cargo)
                                      : self.chosen ? &self.card.list.items[self.chosen - 1]
                                                    : NULL;
    size_t count = 0;
    if (cargo[0] && !named)
        named = find(cargo, &count);
    if (cargo[0] && !named)
        return ferry_fault_set(fault, FERRY_ERR_NO_CARGO, "", "\"%s\" is not on the card any more", cargo);
    int status = FERRY_OK;
    if (named)
        *out = *named;
    else
        status = ferry_card_choose(&self.card, target, out, fault);
    if (status == FERRY_ERR_AMBIGUOUS)
        ferry_fault_hint(fault,
                         "\"flash NAME\", or press the button twice to choose, or name it in %s on the card: "
                         "{\"cargo\": \"NAME\"}",
                         FERRY_CARD_JSON);
    return status;
}
