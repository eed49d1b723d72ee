// What a running target says about itself, for people and programs.
#include <cJSON.h>
#include <stdio.h>

#include "apps/ferry/display.h"
#include "ferry/chip/chip.h"
#include "ports/posix/number.h"
#include "updater/link_route.h"
#include "updater/mac.h"

static const char *boot_state(const struct ferry_target_info *t)
{
    switch (t->boot_state) {
    case FERRY_BOOT_TRIAL:
        return "on trial";
    case FERRY_BOOT_REVERTED:
        return "the last update was given up";
    default:
        return "confirmed";
    }
}

static const struct ferry_chip *chip_of(const struct ferry_target_info *t)
{
    return t->chip == FERRY_MANIFEST_CHIP_ANY ? NULL : ferry_chip_by_id(t->chip);
}

static void revision_text(char *out, size_t cap, const struct ferry_target_info *t)
{
    snprintf(out, cap, "%u.%u", t->revision / 100u, t->revision % 100u);
}

static void slots_json(cJSON *object, const struct ferry_target_info *t)
{
    cJSON *slots = cJSON_AddArrayToObject(object, "slots");
    for (uint8_t i = 0; i < t->slot_count && i < FERRY_MANIFEST_SLOTS; i++) {
        cJSON *slot = cJSON_CreateObject();
        cJSON_AddStringToObject(slot, "label", t->slots[i].label);
        cJSON_AddNumberToObject(slot, "size", t->slots[i].size);
        cJSON_AddBoolToObject(slot, "running", t->slots[i].flags & FERRY_SLOT_RUNNING);
        cJSON_AddItemToArray(slots, slot);
    }
}

static void receiver_json(struct cli_display *self, const struct ferry_target_info *t, const char *mac,
                          const char *port, uint32_t baud)
{
    const struct ferry_chip *chip = chip_of(t);
    char revision[16];
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "port", port);
    cJSON_AddStringToObject(object, "route", "link");
    if (chip) {
        revision_text(revision, sizeof revision, t);
        cJSON_AddStringToObject(object, "chip", chip->name);
        cJSON_AddStringToObject(object, "revision", revision);
    }
    cJSON_AddStringToObject(object, "mac", mac);
    cJSON_AddStringToObject(object, "project", t->project);
    cJSON_AddStringToObject(object, "version", t->version);
    cJSON_AddStringToObject(object, "state", boot_state(t));
    slots_json(object, t);
    cJSON_AddBoolToObject(object, "unfinished", t->unfinished);
    if (baud)
        cJSON_AddNumberToObject(object, "baud", baud);
    cli_display_json(self, "target", object);
}

static void what_runs(struct cli_display *self, const struct ferry_target_info *t)
{
    const struct ferry_slot *from = ferry_link_route_slot(t, FERRY_SLOT_RUNNING);
    const struct ferry_slot *to = ferry_link_route_slot(t, FERRY_SLOT_TARGET);
    char size[16];
    if (t->project[0] || t->version[0])
        cli_display_line(self, "  runs       %s %s%s%s (%s)", t->project, t->version, from ? " from " : "",
                         from ? from->label : "", boot_state(t));
    if (to)
        cli_display_line(self, "  next slot  %s, %s", to->label, ferry_posix_number_bytes(to->size, size, sizeof size));
    if (t->unfinished)
        cli_display_line(self, "  unfinished an update of %s",
                         ferry_posix_number_bytes(t->unfinished_size, size, sizeof size));
}

void cli_display_receiver(struct cli_display *self, const struct ferry_target_info *info, const char *port,
                          uint32_t baud)
{
    const struct ferry_chip *chip = chip_of(info);
    char mac[FERRY_MAC_TEXT], revision[16];
    ferry_mac_text(info->mac, mac);
    receiver_json(self, info, mac, port, baud);
    revision_text(revision, sizeof revision, info);
    if (chip)
        cli_display_line(self, "%s revision v%s, MAC %s, runs a receiver", chip->label, revision, mac);
    else
        cli_display_line(self, "A receiver");
    what_runs(self, info);
    if (baud)
        cli_display_line(self, "  line       %s at %lu baud", port, (unsigned long)baud);
    else
        cli_display_line(self, "  line       %s", port);
}
