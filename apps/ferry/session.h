// One target on one port, for the commands: opens the port, runs operations of the flasher one after the other, shows
// what happens. Failures end up in `fault`, ready for cli_display_fault().
#ifndef FERRY_APP_SESSION_H
#define FERRY_APP_SESSION_H

#include "apps/ferry/display.h"
#include "apps/ferry/link_wire.h"
#include "apps/ferry/options.h"
#include "apps/ferry/trace.h"
#include "ferry/engine/flasher.h"
#include "ferry/pump/pump.h"
#include "ports/posix/clock.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "ports/posix/port.h"

#define CLI_BLOCK_SIZE 16384

struct cli_session {
    const struct cli_options *options;
    struct cli_display display;
    struct ferry_fault fault;
    char port_name[256];
    struct ferry_posix_port port;
    struct link_wire wire; // over the port, for jobs and the link route; UDP instead of the port
    struct ferry_posix_clock posix_clock;
    struct ferry_clock clock;
    struct ferry_posix_digest posix_digest;
    struct ferry_digest digest;
    struct ferry_posix_deflate posix_deflate;
    struct ferry_deflate deflate;
    struct cli_trace trace;
    struct ferry_flasher flasher;
    struct ferry_pump pump;
    struct ferry_supply_basic basic;
    struct ferry_supply supply;
    uint8_t block[CLI_BLOCK_SIZE], scratch[4096];
    const char *region_name; // shown at the progress bar
};

// Display, clock, digests: no port yet. The struct is large: keep it static or on the heap.
void cli_session_init(struct cli_session *self, const struct cli_options *options);
// Finds and opens the port and the trace. 0 or negative with fault.
int cli_session_open(struct cli_session *self);
// The same with the wire, which may be UDP; wire.patient, note and ctx are the caller's to set before.
int cli_session_open_wire(struct cli_session *self);
void cli_session_close(struct cli_session *self);

// The flasher's configuration that options and port ask for.
void cli_session_flasher_cfg(struct cli_session *self, struct ferry_flasher_cfg *out);
// Connects and shows the target; no_flash leaves the flash chip alone. 0 or negative with fault.
int cli_session_connect(struct cli_session *self, bool no_flash);
// Runs one operation; `name` is shown at the bar (NULL: none). Sources for WRITE, VERIFY, LOAD_RAM: one per region.
int cli_session_run(struct cli_session *self, const struct ferry_rom_job *job, const char *name,
                    const struct ferry_source *sources);
// Leaves the target as --after asks. Says so when there is no line to reset it with.
int cli_session_leave(struct cli_session *self);
// After a failure with nothing half done: resets the target by the lines, so that it runs what it ran before. Only with
// lines, --before default-reset and --after hard-reset.
void cli_session_release(struct cli_session *self);
// Reports the session's fault, releases the target, closes, returns the exit code.
int cli_session_fail(struct cli_session *self);
// Opens, connects (no_flash: without the flash chip), does the command's work (NULL: none), leaves, closes; the exit
// code.
int cli_session_do(struct cli_session *self, const struct cli_options *options, bool no_flash,
                   int (*work)(struct cli_session *self, void *ctx), void *ctx);
// Leaves (when status is 0), closes, returns the exit code.
int cli_session_end(struct cli_session *self, int status);

// What the person should know about lines and after, for the end of a job; "" = nothing.
const char *cli_session_by_hand(const struct cli_session *self);

// Ctrl-C: from now on it only sets a flag; a second one ends the program at once.
void cli_interrupt_catch(void);
bool cli_interrupted(void);

#endif
