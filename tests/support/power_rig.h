// A target with a flash, a bootloader model and the real OTA sink, driven through whole updates while its power is cut.
// Every start of the target begins with nothing but the flash: all state is poisoned and made anew.
#ifndef TESTS_SUPPORT_POWER_RIG_H
#define TESTS_SUPPORT_POWER_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/sink/sink_ota.h"
#include "ports/posix/digest.h"
#include "sim/chip/boot.h"
#include "sim/flash/flash_port.h"

#define POWER_FLASH (512u << 10)
#define POWER_LABEL 96
#define POWER_SECTORS 20 // an image has at most so many

enum power_ending { POWER_CONFIRM, POWER_REVERT, POWER_CRASH, POWER_NO_TRIAL, POWER_ENDINGS };

// One way a target can be laid out and used before the update.
struct power_layout {
    const char *chip; // "esp32", "esp32c3"
    bool factory;
    uint8_t slots;
    int running;   // -1 = factory
    unsigned data; // number of otadata contents, see power_rig.c
    unsigned old; // what the slots that do not run hold: 0 blank, 1 a bootable image, 2 the torso of one, 3 the new one
    bool rollback;
    uint8_t attempts;
    enum power_ending ending;
    bool large; // images of more than one 64 KiB block
};

enum { POWER_OLD, POWER_NEW, POWER_OTHER, POWER_STALE }; // images

enum power_actor { POWER_TARGET, POWER_UPDATER, POWER_BOTH, POWER_ACTORS };

struct power_cut {
    uint64_t op;   // flash operation counted from the start; UINT64_MAX = none
    unsigned kind; // 0 before, 1 .. 4 torn at 0, 250, 500, 999 permille, 5 after
    enum power_actor actor;
    uint64_t op2; // a second one, counted from the first; UINT64_MAX = none
    unsigned kind2;
};
#define POWER_KINDS 6

struct power_rig {
    const struct power_layout *layout;
    uint8_t *base, *bytes; // contents before the update, now
    struct sim_flash *flash;
    struct sim_flash_port port;
    struct ferry_flash io;
    struct ferry_posix_digest digest_port;
    struct ferry_digest digest;
    uint8_t *image[4]; // old, new, another new one, stale
    uint32_t size[4];
    uint8_t sha256[4][32], sector_sha256[4][POWER_SECTORS][32];
    uint64_t salt; // of the chip: same contents on another chip are another state
    // Of a run.
    struct ferry_sink_ota ota;
    struct ferry_manifest manifest;
    struct power_cut cut;
    bool power_on, was_cut, second_set, updater_gone, ended_once;
    int wanted; // image that the updater sends: 1, 2
    unsigned boots;
    uint64_t cut_state; // digest of the flash when the power came back
    uint64_t ops;
    char why[320]; // what is wrong, "" = nothing
};

// Number of otadata contents.
unsigned power_rig_datas(void);
// False: the layout makes no sense (its otadata would not start `running`).
bool power_rig_init(struct power_rig *self, const struct power_layout *layout);
void power_rig_free(struct power_rig *self);
// A whole update from the base contents with that cut. True: every boot started a whole old or a whole new firmware,
// and in the end the new one runs, confirmed. Else why says what went wrong. ops: flash operations without a cut.
bool power_rig_run(struct power_rig *self, const struct power_cut *cut);
// The pieces of it. The base contents, no cut; the next start is one after a loss of power.
void power_rig_fresh(struct power_rig *self, uint32_t seed);
// The bootloader, and the sink made anew (not its boot()): the image that runs, -1: power was cut, -2: why says it.
int power_rig_boot(struct power_rig *self);
// Operation `op` from now on is cut in that way.
void power_rig_set_cut(struct power_rig *self, uint64_t op, unsigned kind);
// Sends image `wanted` to the sink: its status.
int power_rig_update(struct power_rig *self);
void power_rig_manifest(struct power_rig *self);                      // makes self->manifest, of `wanted`
uint32_t power_rig_slot(const struct power_layout *layout, int slot); // address; -1 = factory
void power_rig_name(const struct power_layout *layout, char text[POWER_LABEL]);

#endif
