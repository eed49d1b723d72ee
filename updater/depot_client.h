// What an updater says to a depot that is served (docs/protocol/depot-api.yaml): "what should this device run?", and
// the depot's jobs: claiming one, reporting how it goes. Over any HTTP client; firmware itself is fetched by
// updater/download.h. One request at a time, each blocks as long as the client does.
//
// What a depot answers is not trusted: it is read within bounds, and a field that is no good makes the whole answer
// no good (FERRY_ERR_MANIFEST). Nothing of an answer but its numbers, ids and hashes decides anything; texts are for
// people and come out without control characters.
//
// Memory: an answer of at most FERRY_DEPOT_CLIENT_ANSWER bytes and its JSON, during a call.
#ifndef FERRY_UPDATER_DEPOT_CLIENT_H
#define FERRY_UPDATER_DEPOT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "updater/fault.h"

#define FERRY_DEPOT_CLIENT_ANSWER 16384
#define FERRY_DEPOT_CLIENT_URL 256
#define FERRY_DEPOT_CLIENT_TOKEN 251 // bytes with the terminator
#define FERRY_DEPOT_CLIENT_ID 24
#define FERRY_DEPOT_CLIENT_TEXT 64 // project, version, channel, worker
#define FERRY_DEPOT_CLIENT_CHIP 16
#define FERRY_DEPOT_CLIENT_MAC 18    // "a0:b1:c2:d3:e4:f5"
#define FERRY_DEPOT_CLIENT_SHA256 65 // 64 lower-case hex digits
#define FERRY_DEPOT_CLIENT_REASON 240

struct ferry_depot_client_cfg {
    const struct ferry_http_client *http; // the caller's; as long as the client is used
    const char *url;                      // "https://depot.local:8470"; '/' at its end does no harm
    const char *token;                    // sent as a bearer token; NULL or "" = none
    const char *worker;                   // who claims jobs, 1 to 63 bytes; NULL = claims none
    uint32_t lease_ms;                    // how long a claim lasts without a report, 1000 to 3600000; 0 = 60000
};

struct ferry_depot_client {
    // Private, but for url (without '/' at its end) and lease_ms, which may be read.
    const struct ferry_http_client *http;
    char url[FERRY_DEPOT_CLIENT_URL], bearer[FERRY_DEPOT_CLIENT_TOKEN + 24], worker[FERRY_DEPOT_CLIENT_TEXT];
    uint32_t lease_ms;
};

// 0; FERRY_ERR_ARG with *fault: no http:// or https:// address, a user name in it, something too long, control
// characters in the token. Texts are copied. Nothing has to be closed.
int ferry_depot_client_init(struct ferry_depot_client *self, const struct ferry_depot_client_cfg *cfg,
                            struct ferry_fault *fault);

// Every call that fails fills *fault and returns one of
//   FERRY_ERR_WIRE_OPEN / WIRE_IO / TIMEOUT  not reached, or cut off; FERRY_ERR_BUSY  429 and 5xx: a later trial may do
//   FERRY_ERR_STORAGE_MISSING                404: no such job, or this is no depot
//   FERRY_ERR_STORAGE_READ                   401, 403 (a token with another scope is needed) and other refusals
//   FERRY_ERR_MANIFEST                       what it answers is nothing that a depot says
//   FERRY_ERR_NO_MEMORY
bool ferry_depot_client_later(int status); // true: worth another trial

// ---- check-in ----

// A device, and what it runs. "" = not known.
struct ferry_depot_client_device {
    char mac[FERRY_DEPOT_CLIENT_MAC], chip[FERRY_DEPOT_CLIENT_CHIP];         // must be known
    char project[FERRY_DEPOT_CLIENT_TEXT], version[FERRY_DEPOT_CLIENT_TEXT]; // that it runs
    char sha256[FERRY_DEPOT_CLIENT_SHA256];                                  // of its app: file, appended or ELF
    char channel[FERRY_DEPOT_CLIENT_TEXT];                                   // to follow from now on; "" = as before
    char default_project[FERRY_DEPOT_CLIENT_TEXT];                           // counts where it has none that is known
    char default_channel[FERRY_DEPOT_CLIENT_TEXT];                           // counts where it follows none yet
};

enum ferry_depot_client_verdict {
    FERRY_DEPOT_CLIENT_NOTHING = 0, // it follows no channel, or the channel has no build for its project and chip
    FERRY_DEPOT_CLIENT_CURRENT,     // it runs what it should
    FERRY_DEPOT_CLIENT_UPDATE,      // it should run the build
};
const char *ferry_depot_client_verdict_name(enum ferry_depot_client_verdict verdict); // "nothing", ...

struct ferry_depot_client_build {
    char id[FERRY_DEPOT_CLIENT_ID], project[FERRY_DEPOT_CLIENT_TEXT], version[FERRY_DEPOT_CLIENT_TEXT];
    char sha256[FERRY_DEPOT_CLIENT_SHA256];     // of the build: names it for ever
    char app_sha256[FERRY_DEPOT_CLIENT_SHA256]; // of its app as a file; "" = it has none
};

struct ferry_depot_client_answer {
    enum ferry_depot_client_verdict verdict;
    struct ferry_depot_client_build build; // CURRENT, UPDATE
    // What the depot went by; "" = none, or it does not tell.
    char project[FERRY_DEPOT_CLIENT_TEXT], channel[FERRY_DEPOT_CLIENT_TEXT];
};

// 0 with *out, or negative as above; FERRY_ERR_ARG: no MAC or chip.
int ferry_depot_client_checkin(struct ferry_depot_client *self, const struct ferry_depot_client_device *device,
                               struct ferry_depot_client_answer *out, struct ferry_fault *fault);

// The address that ferry_download() fetches a build by; reference: a build's SHA-256, or an id. False: too long.
bool ferry_depot_client_address(const struct ferry_depot_client *self, const char *reference, char *out, size_t cap);

// ---- jobs ----

struct ferry_depot_client_job {
    char id[FERRY_DEPOT_CLIENT_ID];
    char build[FERRY_DEPOT_CLIENT_ID];                                       // its id; "" = removed since
    char project[FERRY_DEPOT_CLIENT_TEXT], version[FERRY_DEPOT_CLIENT_TEXT]; // for people
    uint32_t attempt;                                                        // goes into every report
};

// A job for this chip and MAC (NULL = whatever). 1: *out is it; 0: there is none; negative as above.
int ferry_depot_client_claim(struct ferry_depot_client *self, const char *chip, const char *mac,
                             struct ferry_depot_client_job *out, struct ferry_fault *fault);

struct ferry_depot_client_report {
    const char *state; // "running", "done", "failed", "queued" (gives it back)
    uint64_t done, size;
    // With "done" and "failed" only:
    const char *result; // a status name, "OK"; NULL = none
    char text[FERRY_DEPOT_CLIENT_REASON];
    uint64_t written, skipped;
    uint32_t retries, elapsed_ms;
    char mac[FERRY_DEPOT_CLIENT_MAC]; // of the device, with every state; "" = not known
    // With "done" only: what it runs now; "" = not known.
    char project[FERRY_DEPOT_CLIENT_TEXT], version[FERRY_DEPOT_CLIENT_TEXT], sha256[FERRY_DEPOT_CLIENT_SHA256];
};

// 0; FERRY_ERR_CANCELLED: the job is somebody else's now, or over: stop; negative as above.
int ferry_depot_client_report(struct ferry_depot_client *self, const struct ferry_depot_client_job *job,
                              const struct ferry_depot_client_report *report, struct ferry_fault *fault);

#endif
