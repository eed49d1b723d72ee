// What a person sees on the screen, or a program reads with --json. Commands say what happened; how it is shown is
// decided here: one bar drawn over and over on a terminal, plain lines elsewhere, one JSON object a line for programs.
// Faults and warnings go to stderr (as JSON to stdout), everything else to stdout.
#ifndef FERRY_APP_DISPLAY_H
#define FERRY_APP_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/ferry/options.h"
#include "ferry/base/manifest.h"
#include "ferry/engine/engine.h"
#include "ferry/engine/flasher.h"
#include "ports/posix/console.h"
#include "updater/fault.h"

struct cJSON;

struct cli_display {
    struct ferry_posix_console console;
    bool json, quiet, verbose;
    // Private: the progress line.
    bool drawn; // a line without its end is on the terminal
    int region; // shown by it, -1 = none
    uint32_t drawn_ms, region_started_ms;
    uint32_t shown;  // JSON and plain lines: last percentage told
    uint32_t warned; // warnings told so far
    struct ferry_posix_console_rate rate;
};

void cli_display_init(struct cli_display *self, const struct cli_options *options);
// A line for people; not with --quiet or --json.
void cli_display_line(struct cli_display *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same in green (when there is colour): what was proved.
void cli_display_good(struct cli_display *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A line that the next one replaces: only on a terminal, where a person waits.
void cli_display_status(struct cli_display *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Only with --verbose; {"event":"note"} with --json.
void cli_display_note(struct cli_display *self, const char *text);
void cli_display_warning(struct cli_display *self, const char *text);
// {"event":name, ...fields}: takes the object over. Nothing without --json (the object is freed).
void cli_display_json(struct cli_display *self, const char *event, struct cJSON *fields);
// The object to fill for cli_display_json.
struct cJSON *cli_display_object(void);

// What CONNECT found.
void cli_display_target(struct cli_display *self, const struct ferry_target *target, const char *port);
// The same on the link route: what the target's running firmware says. baud 0: the wire has no rate.
void cli_display_receiver(struct cli_display *self, const struct ferry_target_info *info, const char *port,
                          uint32_t baud);
// Progress of the region p->region, whose name is given; draws when it is time to.
void cli_display_progress(struct cli_display *self, const struct ferry_progress *p, const char *name, uint32_t now_ms);
// A region is proved: ends its bar with a line that stays. address UINT32_MAX: it is the target's to know (link).
void cli_display_region(struct cli_display *self, const char *name, uint32_t address, uint32_t size, uint32_t written,
                        uint32_t skipped, uint32_t now_ms);
// Ends a progress line that is on the screen (it is wiped).
void cli_display_wipe(struct cli_display *self);
// Tells a fault and returns the exit code for it. fault->what "" = the status's own text.
int cli_display_fault(struct cli_display *self, const struct ferry_fault *fault);

#endif
