// A plan in the making: shared by the files that place, check and patch. Private to cargo_*.c.
#ifndef FERRY_UPDATER_CARGO_WORK_H
#define FERRY_UPDATER_CARGO_WORK_H

#include "ferry/source/overlay.h"
#include "updater/cargo.h"
#include "updater/cargo_content.h"
#include "updater/cargo_file.h"
#include "updater/cargo_parts.h"

// One region in the making. It stays where it is: its source points into it.
struct ferry_cargo_work_item {
    enum ferry_cargo_role role;
    bool placed;
    uint32_t address;
    char shown[FERRY_CARGO_PATH]; // name for messages
    struct ferry_cargo_file file;
    struct ferry_source source; // the file, or bytes made here, with patches laid over
    enum ferry_cargo_content content;
    uint32_t base, boot_offset, table_address; // of a merged image, see ferry_cargo_peek
    uint16_t chip_id;
    uint32_t image_size; // of the verified image it begins with, 0 = none
    struct ferry_source_overlay overlay;
    uint8_t patch_header[2], patch_hash[FERRY_SHA256_SIZE];
    uint8_t made[32]; // otadata made here: its first entry, erased flash behind it
};

struct ferry_cargo_work {
    const struct ferry_cargo *cargo;
    const struct ferry_target *target;
    const struct ferry_chip *chip;
    const struct ferry_cargo_options *options;
    struct ferry_plan *plan;
    struct ferry_fault *fault;
    struct ferry_cargo_parts parts;
    struct ferry_cargo_work_item items[FERRY_CARGO_MAX_REGIONS];
    uint8_t count;
    uint32_t flash_size; // 0 = unknown
    bool has_table, table_of_target;
    uint32_t table_address;
    struct ferry_partition_table table;
    struct ferry_image image; // the one under check
};

// A warning in the plan; the ninth and later ones are counted in the last.
void ferry_cargo_warn(struct ferry_cargo_work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
// With force a warning and 0, else the failure. where names the item, with offset unless UINT32_MAX.
int ferry_cargo_refuse(struct ferry_cargo_work *work, int status, const struct ferry_cargo_work_item *item,
                       uint32_t offset, const char *format, ...) __attribute__((format(printf, 5, 6)));
// The failure, force or not.
int ferry_cargo_fail(struct ferry_cargo_work *work, int status, const struct ferry_cargo_work_item *item,
                     uint32_t offset, const char *format, ...) __attribute__((format(printf, 5, 6)));

// cargo_plan.c: a plan by these steps, which set status and fault; on failure nothing stays open.
int ferry_cargo_make(const struct ferry_cargo *cargo, const struct ferry_target *target,
                     const struct ferry_cargo_options *options, struct ferry_plan *plan, struct ferry_fault *fault,
                     int (*steps)(struct ferry_cargo_work *work));
// Opens one file of the cargo as the next item, and looks at what it is.
int ferry_cargo_open_part(struct ferry_cargo_work *work, const struct ferry_cargo_part *part);
// cargo_hash.c: the plan's SHA-256 (with addresses and sizes, or of the bytes alone) and fingerprints, in one reading.
int ferry_cargo_hash(struct ferry_cargo_work *work, bool with_places);
// cargo_check.c: the image at offset of the item, whole, held against the target (one without a chip: in itself).
int ferry_cargo_check_image(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset);
// cargo_place.c: the cargo's own table, then addresses for whatever has none.
int ferry_cargo_place(struct ferry_cargo_work *work);
// cargo_check.c: every image and table in every item; then sizes, overlaps and guards, with items in any order.
int ferry_cargo_check_content(struct ferry_cargo_work *work);
int ferry_cargo_check_layout(struct ferry_cargo_work *work);
int ferry_cargo_check_encryption(struct ferry_cargo_work *work); // first: it needs no files
int ferry_cargo_check_target(struct ferry_cargo_work *work);
// cargo_patch.c: the bootloader header, as the options ask.
int ferry_cargo_patch(struct ferry_cargo_work *work);
// The item holds the bootloader of this chip: *offset is where in it.
bool ferry_cargo_holds_bootloader(const struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item,
                                  uint32_t *offset);

#endif
