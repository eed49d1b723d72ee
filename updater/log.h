// The log on the card: one line of ferry-log.csv for every job, well ended or not.
//
// Comma-separated values with RFC 4180 quoting, lines ended by a single LF, the header line once. Every record is one
// line: line breaks inside a field are written as spaces, so that a line torn by a power cut can be told and cut off.
//
//   time,mac,chip,revision,port,cargo,version,sha256,written,skipped,seconds,result,error,message
//
// time is UTC, ISO 8601 ("2024-05-01T12:00:00Z"), empty when the clock is not set (before 2020). result is "ok",
// "unverified" (written, but the target cannot prove it), "verified", "planned" (dry run) or "failed".
#ifndef FERRY_UPDATER_LOG_H
#define FERRY_UPDATER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "updater/fault.h"
#include "updater/limits.h"

#define FERRY_LOG_PATH FERRY_CARGO_PATH

struct ferry_log {
    char path[FERRY_LOG_PATH];
    int64_t (*utc)(void *ctx); // seconds since 1970 UTC; NULL = time()
    void *utc_ctx;
    uint32_t lines;             // written by this log
    bool repaired;              // a torn last line was cut off when the log was used the last time
    char moved[FERRY_LOG_PATH]; // a file with other columns was renamed to this; "" = none
};

// Text fields may be NULL or "": unknown.
struct ferry_log_entry {
    const uint8_t *mac; // 6 bytes, NULL = unknown
    const char *chip;   // "esp32c3"
    int revision;       // major * 100 + minor, -1 = unknown; written as "v3.1"
    const char *port;
    const char *cargo;
    const char *version;
    const uint8_t *sha256; // 32 bytes of the plan, NULL = no plan
    uint32_t written, skipped;
    uint32_t elapsed_ms; // written as seconds with one decimal
    const char *result;
    int status; // 0 or negative; its name is the error field
    const char *message;
};

// Names the file: `dir`/ferry-log.csv. Touches nothing yet. 0 or FERRY_ERR_ARG (path too long).
int ferry_log_init(struct ferry_log *self, const char *dir);
// Appends one line: repairs a torn last line, writes the header when the file is new, flushes to the card. 0, or
// FERRY_ERR_STORAGE_WRITE with *fault filled (card full, write-protected, gone); the file then ends as before.
int ferry_log_append(struct ferry_log *self, const struct ferry_log_entry *entry, struct ferry_fault *fault);
// The line as it is written, with its LF; returns its length. cap >= FERRY_LOG_LINE.
size_t ferry_log_format(const struct ferry_log_entry *entry, int64_t utc, char *out, size_t cap);

#endif
