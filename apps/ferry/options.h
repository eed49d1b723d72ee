// Options that commands share: one table for parsing, --help and suggestions.
#ifndef FERRY_APP_OPTIONS_H
#define FERRY_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/engine/flasher.h"
#include "updater/job.h"

// Groups of options; a command names those it takes.
#define CLI_OPT_OUTPUT (1u << 0)  // --json --quiet --verbose
#define CLI_OPT_PORT (1u << 1)    // --port --chip --before --after --baud --connect-attempts --trace
#define CLI_OPT_FLASH (1u << 2)   // --spi-connection --flash-size
#define CLI_OPT_WRITE (1u << 3)   // --no-compress --no-skip --erase-all --window --route --dry-run
#define CLI_OPT_CARGO (1u << 4)   // --flash-mode --flash-freq --force
#define CLI_OPT_ERASE (1u << 5)   // --all --yes --dry-run
#define CLI_OPT_JSON (1u << 6)    // --json alone
#define CLI_OPT_LINK (1u << 7)    // --port --baud --start-baud --trace
#define CLI_OPT_SEND (1u << 8)    // --partition --file --force --no-trial --no-reboot --no-confirm --take-over
#define CLI_OPT_RECEIVE (1u << 9) // --listen --pty --file --flash --chip --rollback --once
#define CLI_OPT_FROM (1u << 10)   // --from --offline --depot

#define CLI_MAX_ARGS 128

struct cli_options {
    const char *port; // NULL: find it
    uint32_t baud;    // 0 = not given
    uint16_t chip;    // enum ferry_chip_id, FERRY_CHIP_ANY
    enum ferry_before before;
    enum ferry_after after;
    uint8_t connect_attempts; // 0 = default
    const char *trace;        // file, "-" = stderr
    uint32_t spi_connection;
    const char *flash_mode, *flash_freq, *flash_size; // NULL = keep
    uint32_t flash_size_bytes;                        // 0 = detect or keep
    uint8_t window;
    enum ferry_job_route route;
    bool route_given;
    uint32_t start_baud[1 + FERRY_LINK_ROUTE_RATES]; // link: where receivers wait, up to a 0; none = 115200
    bool no_compress, no_skip, erase_all, dry_run, force, all, yes;
    bool json, quiet, verbose;
    const char *partition, *file; // send, receive; NULL = not given
    const char *from, *depot;     // cargo out of a depot instead of a path; the depot's address
    bool offline;                 // from: what was fetched before
    const char *listen, *pty, *flash;
    bool once, rollback;
    bool no_trial, no_reboot, no_confirm, take_over;
    const char *args[CLI_MAX_ARGS]; // what is no option
    size_t arg_count;
};

// What `ferry COMMAND --help` says.
struct cli_help {
    const char *usage;    // lines after "usage: "
    const char *about;    // a paragraph
    const char *examples; // lines "  ferry ...    what it does"
    unsigned groups;
};

// Fills *out from the environment and from argv[1] on. Returns -1: go on; else the exit code: 0 after --help, 2 after
// an error that has been reported.
int cli_parse(struct cli_options *out, int argc, char **argv, const struct cli_help *help);
void cli_print_help(const char *command, const struct cli_help *help);
// Moves options that stand before the command behind it (argv[0] is the program): `ferry --port X detect`. Returns the
// index of the command in argv afterwards, 0 = there is none.
int cli_command_first(int argc, char **argv);
// Looks for --json among the arguments, so that wrong usage is reported as the rest of the output is.
void cli_usage_json(int argc, char **argv);
// Reports wrong usage of a command (or of ferry itself: "") on stderr, with --json on stdout, and returns 2.
int cli_usage_error(const char *command, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
