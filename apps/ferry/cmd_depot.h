// ferry depot: what its subcommands share.
#ifndef FERRY_APP_CMD_DEPOT_H
#define FERRY_APP_CMD_DEPOT_H

#include "apps/ferry/display.h"
#include "depot/depot.h"
#include "ports/posix/digest.h"

struct cJSON;

enum { CLI_DEPOT_ARGS = 64 };

struct cli_depot_options {
    const char *depot; // --depot
    const char *note, *channel, *project, *version, *chip, *search, *out, *mac, *scopes, *state,
        *name;                          // NULL = not given
    uint32_t limit, days, keep, unseen; // 0 = not given
    uint32_t before;
    bool json, quiet, force, dry_run, release;
    const char *args[CLI_DEPOT_ARGS];
    size_t arg_count;
};

// One run of a subcommand: the depot is open while it works.
struct cli_depot {
    struct cli_depot_options options;
    struct cli_display display;
    struct ferry_posix_digest digest_state, put_state;
    struct ferry_digest digest, put_digest; // the depot's own; for what is being stored
    struct ferry_depot *depot;
    struct ferry_fault fault;
    bool headed; // the heads of the columns were written
};

struct cli_depot_command {
    const char *name;
    const char *usage;   // behind the name
    const char *about;   // lines
    const char *options; // letters of the table in cmd_depot_options.c
    bool reads;          // needs a depot that is there
    // The exit code.
    int (*run)(struct cli_depot *self);
};

// Which depot is meant: `given` (--depot), else $FERRY_DEPOT, else the user's own (buf; $XDG_DATA_HOME/ferry/depot.db
// or
// ~/.local/share/ferry/depot.db).
const char *cli_depot_url(const char *given, char *buf, size_t cap);
// -1: go on; else the exit code.
int cli_depot_parse(struct cli_depot_options *out, int argc, char **argv, const struct cli_depot_command *command);
void cli_depot_print_help(const struct cli_depot_command *command);

// Takes the depot's error into a fault; returns the status.
int cli_depot_fault(struct ferry_fault *fault, const struct ferry_depot_error *error);
// Tells the depot's last error, or self->fault; the exit code.
int cli_depot_fail(struct cli_depot *self);
int cli_depot_told(struct cli_depot *self);
// The one build that a person named. -1: go on; else the exit code.
int cli_depot_one(struct cli_depot *self, const char *reference, struct ferry_depot_build *out);
// Wrong usage; 2.
int cli_depot_usage(const char *command, const char *what);
// "2026-11-22 20:31", local time, "-" for 0; hex of a SHA-256 (buf 65 bytes).
const char *cli_depot_time(int64_t ms, char buf[24]);
// "12" or "#12".
bool cli_depot_number(const char *text, int64_t *out);
const char *cli_depot_hex(const uint8_t sha256[FERRY_SHA256_SIZE], char buf[65]);
struct cJSON *cli_depot_build_json(const struct ferry_depot_build *build);

int cli_depot_add(struct cli_depot *self);
int cli_depot_list(struct cli_depot *self);
int cli_depot_show(struct cli_depot *self);
int cli_depot_get(struct cli_depot *self);
int cli_depot_rm(struct cli_depot *self);
int cli_depot_check(struct cli_depot *self);
int cli_depot_channel(struct cli_depot *self);
int cli_depot_devices(struct cli_depot *self);
int cli_depot_jobs(struct cli_depot *self);
int cli_depot_token(struct cli_depot *self);
int cli_depot_migrate(struct cli_depot *self);
int cli_depot_compact(struct cli_depot *self);
int cli_depot_copy(struct cli_depot *self);

// ferry depot serve: options and help of its own. argv[0] is "serve".
int cmd_depot_serve(int argc, char **argv);

#endif
