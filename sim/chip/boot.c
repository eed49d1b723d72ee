// One boot from the mask ROM's first look at the flash to the application.
#include <stdio.h>
#include <string.h>

#include "sim/chip/boot_internal.h"

static uint32_t size_of_code(uint8_t code)
{
    return code < 8 ? 0x100000u << code : 0x100000u;
}

static const char *mode_name(uint8_t mode)
{
    static const char *const NAMES[] = {"QIO", "QOUT", "DIO", "DOUT", "FAST READ", "SLOW READ"};
    return mode < sizeof NAMES / sizeof *NAMES ? NAMES[mode] : "DIO";
}

// What the second stage says of itself before it looks at the partition table.
static void say_hello(struct sim_boot *b, const uint8_t header[24])
{
    char tag[32];
    const char *speed = b->chip->speed[header[3] & 15];
    snprintf(tag, sizeof tag, "boot.%s", b->chip->name);
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "ESP-IDF v5.1 2nd stage bootloader (virtual chip)");
    if (b->chip->multicore)
        sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "Multicore bootloader");
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "chip revision: v%d.%d", b->revision / 100, b->revision % 100);
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, tag, "SPI Speed      : %s", speed ? speed : "40MHz");
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, tag, "SPI Mode       : %s", mode_name(header[2]));
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, tag, "SPI Flash Size : %uMB", (unsigned)(b->chip_size >> 20));
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "Enabling RNG early entropy source...");
}

static const struct sim_boot_part *part_at(const struct sim_boot_table *t, int index)
{
    static const struct sim_boot_part NOTHING;
    if (index == SIM_BOOT_INDEX_FACTORY)
        return &t->factory;
    // The number of rows decides, not their numbers: with ota_0 and ota_2 alone, ota_2 is never found.
    if (index >= 0 && index < SIM_BOOT_OTA_SLOTS && (uint32_t)index < t->ota_rows)
        return &t->ota[index];
    return &NOTHING;
}

static bool start(struct sim_boot *b, const struct sim_boot_part *part)
{
    struct sim_boot_image image;
    if (part->size == 0 || !sim_boot_image_load(b, part->offset, part->size, &image))
        return false;
    sim_boot_say(b, 'I', SIM_BOOT_DECISIVE, "boot", "Loaded app from partition at offset 0x%x", (unsigned)part->offset);
    b->out->end = SIM_BOOT_APP;
    b->out->app_offset = part->offset;
    b->out->app_length = image.length;
    b->out->partition_size = part->size;
    strcpy(b->out->boots, part->label);
    return true;
}

static void say_not_bootable(struct sim_boot *b, int index)
{
    if (index == SIM_BOOT_INDEX_FACTORY)
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "Factory app partition is not bootable");
    else
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "OTA app partition slot %d is not bootable", index);
}

static bool try_index(struct sim_boot *b, const struct sim_boot_table *t, int index, bool initial)
{
    const struct sim_boot_part *part = part_at(t, index);
    if (part->size == 0)
        return false;
    if (start(b, part)) {
        if (initial && index > SIM_BOOT_INDEX_FACTORY && !sim_boot_set_initial(b, t, index))
            b->out->end = SIM_BOOT_POWER_LOST;
        return true;
    }
    say_not_bootable(b, index);
    return false;
}

// From the chosen one downwards to the factory application, then upwards, then a test application.
static bool try_all(struct sim_boot *b, const struct sim_boot_table *t, int first, bool initial)
{
    for (int index = first; index >= SIM_BOOT_INDEX_FACTORY; index--)
        if (try_index(b, t, index, initial))
            return true;
    for (int index = first + 1; index < (int)t->ota_rows; index++)
        if (try_index(b, t, index, initial))
            return true;
    if (start(b, &t->test)) {
        sim_boot_say(b, 'W', SIM_BOOT_DETAIL, "boot", "Falling back to test app as only bootable partition");
        return true;
    }
    sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "No bootable app partitions in the partition table");
    return false;
}

static void second_stage(struct sim_boot *b, const uint8_t header[24])
{
    struct sim_boot_table table;
    bool initial;
    b->out->end = SIM_BOOT_FAILED;
    b->chip_size = size_of_code(header[3] >> 4);
    say_hello(b, header);
    if (!sim_boot_chip_fits(b, header, false) || !sim_boot_table_load(b, &table))
        return;
    int index = sim_boot_select(b, &table, &initial);
    if (!sim_flash_dead(b->flash) && index != SIM_BOOT_INDEX_NONE && try_all(b, &table, index, initial))
        sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "Disabling RNG early entropy source...");
}

// The ESP8266 has no such second stage: its ROM starts the image at 0, whatever that does then.
static void start_image_at_0(struct sim_boot *b, const struct sim_boot_image *image)
{
    b->out->end = SIM_BOOT_APP;
    b->out->app_offset = image->start;
    b->out->app_length = image->length;
    b->out->partition_size = sim_flash_size(b->flash);
    strcpy(b->out->boots, "image_at_0");
    sim_boot_reason_add(b, "the mask ROM starts the image at offset 0x0");
}

static void boot_from_rom(struct sim_boot *b)
{
    struct sim_boot_image image;
    b->out->end = SIM_BOOT_ROM_FAILED;
    if (!sim_boot_rom_load(b, &image))
        return;
    if (b->chip->mmap_max == 0)
        start_image_at_0(b, &image);
    else
        second_stage(b, image.header);
}

void sim_boot_run(struct sim_flash *flash, const struct sim_boot_cfg *cfg, struct sim_boot_result *result)
{
    struct sim_boot b = {.flash = flash, .cfg = cfg, .chip = sim_boot_chip_find(cfg->chip), .out = result};
    result->end = SIM_BOOT_ROM_FAILED;
    result->boots[0] = result->reason[0] = result->log[0] = 0;
    result->app_offset = result->app_length = result->partition_size = 0;
    result->took_us = 0;
    result->log_len = 0;
    if (b.chip) {
        b.revision = cfg->revision ? cfg->revision : b.chip->revision;
        b.table_offset = cfg->table_offset ? cfg->table_offset : 0x8000;
        boot_from_rom(&b);
    } else {
        sim_boot_reason_add(&b, "this chip is unknown to the boot model");
    }
    if (sim_flash_dead(flash))
        result->end = SIM_BOOT_POWER_LOST;
    if (result->end != SIM_BOOT_APP)
        strcpy(result->boots, "none");
}
