// What an updater says about what it wants to send (the manifest), and what a target says about itself (its info).
// Plain data, shared by the sink (io/), the link frames (codec/) and the link engines (engine/).
#ifndef FERRY_BASE_MANIFEST_H
#define FERRY_BASE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#define FERRY_MANIFEST_TEXT 33  // project, version, name: up to 32 bytes and a NUL, as in esp_app_desc_t
#define FERRY_MANIFEST_LABEL 17 // partition label: up to 16 bytes and a NUL, as in the partition table
#define FERRY_MANIFEST_HEAD 24  // esp_image_header_t
#define FERRY_MANIFEST_SLOTS 4
#define FERRY_MANIFEST_CHIP_ANY 0xffffu // as in image headers, "no chip named"

enum ferry_manifest_kind {
    FERRY_MANIFEST_FIRMWARE = 1,  // an application image for the OTA slot that does not run
    FERRY_MANIFEST_PARTITION = 2, // the contents of the data partition called `name`
    FERRY_MANIFEST_FILE = 3,      // a file called `name`
};

enum ferry_manifest_option {
    FERRY_MANIFEST_FORCE = 1u << 0,    // also another project, or the firmware that runs already
    FERRY_MANIFEST_NO_TRIAL = 1u << 1, // firmware: selected for good, no trial boot, nothing to confirm
};
#define FERRY_MANIFEST_OPTIONS_KNOWN 3u

struct ferry_manifest {
    uint8_t kind;       // enum ferry_manifest_kind
    uint8_t codec;      // 0 = plain bytes; nothing else is accepted today
    uint16_t chip;      // chip id of image headers, FERRY_MANIFEST_CHIP_ANY = not bound to a chip
    uint32_t size;      // bytes, > 0
    uint8_t sha256[32]; // of all size bytes
    uint32_t options;   // bits of enum ferry_manifest_option; unknown ones are refused
    char project[FERRY_MANIFEST_TEXT];
    char version[FERRY_MANIFEST_TEXT];
    char name[FERRY_MANIFEST_TEXT];    // partition label or file name; "" for firmware
    uint16_t signature_len;            // bytes of a signature that came along; refused today when not 0
    uint8_t head_len;                  // 0, or FERRY_MANIFEST_HEAD
    uint8_t head[FERRY_MANIFEST_HEAD]; // the first bytes, so that magic, chip and revision are checked before any erase
};

enum ferry_slot_flag {
    FERRY_SLOT_RUNNING = 1 << 0, // the running firmware lies here
    FERRY_SLOT_TARGET = 1 << 1,  // firmware would be written here
    FERRY_SLOT_DATA = 1 << 2,    // a data partition (or the place for files)
};

struct ferry_slot {
    char label[FERRY_MANIFEST_LABEL];
    uint8_t flags; // enum ferry_slot_flag
    uint32_t size; // bytes
};

enum ferry_boot_state {
    FERRY_BOOT_CONFIRMED = 0, // the running firmware is here to stay
    FERRY_BOOT_TRIAL = 1,     // it runs on trial: confirm it, or the old one comes back
    FERRY_BOOT_REVERTED = 2,  // the last update was given up, the old firmware runs; see give_up
};

enum ferry_give_up { // why the last update was given up
    FERRY_GIVE_UP_NONE = 0,
    FERRY_GIVE_UP_NOT_CONFIRMED = 1, // nobody confirmed it within the set time
    FERRY_GIVE_UP_CRASHED = 2,       // it reset before it was confirmed
    FERRY_GIVE_UP_INVALID = 3,       // the bootloader refused the image
    FERRY_GIVE_UP_ASKED = 4,         // the updater or the application asked for it
};

struct ferry_target_info {
    uint16_t chip;     // chip id of image headers
    uint16_t revision; // major * 100 + minor
    uint8_t mac[6];
    char project[FERRY_MANIFEST_TEXT];
    char version[FERRY_MANIFEST_TEXT]; // of the running firmware
    uint8_t sha256[32];                // of the running image as a file (appended digest included); all 0 = unknown
    uint8_t boot_state;                // enum ferry_boot_state
    uint8_t give_up;                   // enum ferry_give_up
    uint8_t attempts_left;             // trial boots left, 0 when not on trial
    uint8_t slot_count;
    struct ferry_slot slots[FERRY_MANIFEST_SLOTS];
    uint32_t erase_unit; // bytes that are erased at once as a rule (65536); 0 = needs no erasing
    uint16_t erase_ms;   // what one erase takes at most as a rule
    uint16_t write_unit; // writes are whole multiples of it but for the last one of a range; 0 = 256
    bool deaf;           // while it erases nothing is received (interrupts off)
    bool any_order;      // write units of what is prepared may come in any order; not told over the link
    bool unfinished;     // an update that was begun and neither ended nor aborted, not even by a reset
    uint32_t unfinished_size;
    uint8_t unfinished_sha256[32];
};

#endif
