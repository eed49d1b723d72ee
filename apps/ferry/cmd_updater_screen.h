// What `ferry updater` shows: on a terminal a block of lines, one for each port, below the messages; elsewhere plain
// lines that begin with the port; with --json one object a line that names the port.
#ifndef FERRY_APP_CMD_UPDATER_SCREEN_H
#define FERRY_APP_CMD_UPDATER_SCREEN_H

#include "apps/ferry/display.h"
#include "apps/ferry/options.h"
#include "updater/updater.h"

struct cmd_updater_screen_port {
    enum ferry_job_state state; // told last
    int trouble;                // told last
    bool target_told, plan_told;
    unsigned percent; // told last (plain lines, JSON)
    struct ferry_posix_console_rate rate;
    // Between jobs; kept from one to the next.
    char resting[160]; // what to show, "" = as the updater sees it
    char file[64];     // of a build that is being fetched, "" = none
    uint32_t fetched, fetch_size;
    unsigned fetch_percent; // told last
    char word[16];          // of the table at the end, when no job says it: "current", "nothing"
    char chip[24], mac[24]; // the target's
};

struct cmd_updater_screen {
    struct cli_display display;
    const char *const *names;
    unsigned count;
    struct cmd_updater_screen_port *ports;
    unsigned drawn; // lines of the block that stand on the terminal
    bool redraw;
    unsigned current; // targets that were found up to date
    uint32_t drawn_ms, started_ms;
    // Told every event that was taken out of a job. NULL: nobody else wants them.
    void (*event)(void *ctx, unsigned port, const struct ferry_job_event *event);
    void *event_ctx;
};

// 0 or FERRY_ERR_NO_MEMORY.
int cmd_updater_screen_init(struct cmd_updater_screen *self, const struct cli_options *options,
                            const char *const *names, unsigned count, uint32_t now_ms);
void cmd_updater_screen_free(struct cmd_updater_screen *self);
void cmd_updater_screen_warning(struct cmd_updater_screen *self, unsigned port, const char *text);
// A build comes for this port: `file` of it, done of size bytes (size 0 = not known); file NULL = not any more.
void cmd_updater_screen_fetch(struct cmd_updater_screen *self, unsigned port, const char *file, uint32_t done,
                              uint32_t size);
// What stands in the port's line while nothing runs there.
void cmd_updater_screen_rest(struct cmd_updater_screen *self, unsigned port, const char *text);
// What the table at the end says of a target that had no job. Texts are copied.
void cmd_updater_screen_word(struct cmd_updater_screen *self, unsigned port, const char *word, const char *chip,
                             const char *mac);
// Tells what is new on every port: events, progress, states.
void cmd_updater_screen_update(struct cmd_updater_screen *self, struct ferry_updater *updater, uint32_t now_ms);
// A job has ended (the `ended` of struct ferry_updater_cfg).
void cmd_updater_screen_ended(struct cmd_updater_screen *self, unsigned port, struct ferry_job *job,
                              const struct ferry_updater_outcome *outcome);
// The table at the end.
void cmd_updater_screen_summary(struct cmd_updater_screen *self, const struct ferry_updater *updater, uint32_t now_ms);
// Takes the block off the terminal, so that something else can be written.
void cmd_updater_screen_wipe(struct cmd_updater_screen *self);

#endif
