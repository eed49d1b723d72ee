// The depot: firmware kept in a database, and who runs what. SQLite in a file, or PostgreSQL when several machines
// share it; the schema and every statement are the same, the engines are sqlite.c and postgres.c.
//
//   blob     bytes with their SHA-256, in chunks; the same bytes are stored once, however many builds hold them
//   build    what goes where: files (blobs with their flash addresses) and what the images say about themselves
//   channel  a name ("stable") that points at one build of a project for a chip
//   device   a target that was seen: MAC, chip, what it runs
//   job      "bring this build onto that device": queued -> claimed -> running -> done | failed | cancelled
//   token    who may do what over the network; only its SHA-256 is stored
//
// One thread per handle; open as many handles as wanted, in as many processes. Every function that returns int gives
// 0 or a count, or a negative status; ferry_depot_error() then has the words. Besides those named at a function:
//   FERRY_ERR_STORAGE_READ     the database is gone or cannot be read (also: the connection broke; the next call tries
//                              to connect again)
//   FERRY_ERR_STORAGE_WRITE    the disk is full, the database or its folder is read-only; nothing was changed
//   FERRY_ERR_STORAGE_DAMAGED  the database is damaged, or is none
//   FERRY_ERR_BUSY             others kept it locked for longer than busy_ms; nothing was changed
//   FERRY_ERR_NO_MEMORY
// Texts come out whole or the call fails with FERRY_ERR_ARG: nothing is cut off silently. Text that goes in must be
// UTF-8 without control characters (FERRY_ERR_ARG). Times are milliseconds since 1970 by the database's clock; the
// clock of the machine that calls does not matter.
#ifndef FERRY_DEPOT_DEPOT_H
#define FERRY_DEPOT_DEPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/digest.h"

#define FERRY_DEPOT_TEXT 64      // project, version, channel, worker, names: up to 63 bytes and a NUL
#define FERRY_DEPOT_CHIP 16      // a name of the chip table ("esp32c3")
#define FERRY_DEPOT_NOTE 240     // free text
#define FERRY_DEPOT_MAC 18       // "24:0a:c4:00:01:10", lower case; 8-byte MACs are not used by Ferry
#define FERRY_DEPOT_FILES 32     // files of a build
#define FERRY_DEPOT_CHUNK 65536u // bytes of a stored chunk; a read crosses them freely
#define FERRY_DEPOT_LAYOUT 8192  // JSON text of a partition layout
#define FERRY_DEPOT_NO_ADDRESS UINT32_MAX

struct ferry_depot;

struct ferry_depot_error {
    int status;      // negative
    char what[240];  // one sentence
    char where[200]; // the database; for people: a URL's password is not in it
    char hint[240];  // what to try, "" = the status's own hint
};

struct ferry_depot_cfg {
    const char *url;                   // a path, or postgresql://user@host/name (any libpq URL); copied
    const struct ferry_digest *digest; // SHA-256; used within calls only, never across two
    uint32_t busy_ms;                  // how long to wait for others' locks, 0 = 5000
    bool must_exist;                   // SQLite: FERRY_ERR_STORAGE_MISSING instead of a new file (and its folder)
    bool read_only;                    // nothing is written or migrated
    // Tests of clocks that jump: SQLite's idea of now. NULL = the machine's clock. (PostgreSQL: the server's.)
    int64_t (*now_ms)(void *ctx);
    void *now_ctx;
};

// Opens, creates what is missing, and brings an older schema up to date: each version in one transaction, and whoever
// opens at the same time waits. FERRY_ERR_VERSION: made by a newer Ferry (left as it is), or older and read_only.
// On failure *out is NULL and *error says why.
int ferry_depot_open(struct ferry_depot **out, const struct ferry_depot_cfg *cfg, struct ferry_depot_error *error);
void ferry_depot_close(struct ferry_depot *self); // NULL allowed
// Of the last call that failed; valid until the next call.
const struct ferry_depot_error *ferry_depot_error(const struct ferry_depot *self);
// True for a URL (else it is a path), and what may be shown of it: *shown (cap bytes) is without the password.
bool ferry_depot_is_url(const char *url);
void ferry_depot_shown_url(const char *url, char *shown, size_t cap);
// The schema version this program makes; was: what the database had when it was opened (0 = new).
int ferry_depot_schema(const struct ferry_depot *self, int *was);
// "sqlite" or "postgresql".
const char *ferry_depot_engine(const struct ferry_depot *self);
int ferry_depot_now(struct ferry_depot *self, int64_t *now_ms);

// ---- blobs ----

struct ferry_depot_blob {
    int64_t id;
    uint32_t size;
    uint8_t sha256[FERRY_SHA256_SIZE];
};

// Storing, in pieces of any size. What is stored lies there unseen until a build holds it; when the program dies or
// nobody comes back for it, ferry_depot_sweep() removes it. Several may be under way on one handle, each with a digest
// of its own, which it holds from begin to end.
struct ferry_depot_put;
// limit: more bytes than this are refused with FERRY_ERR_NO_SPACE (0 = 4 GB - 1).
int ferry_depot_put_begin(struct ferry_depot *self, const struct ferry_digest *digest, uint32_t limit,
                          struct ferry_depot_put **out);
int ferry_depot_put_write(struct ferry_depot_put *put, const uint8_t *bytes, size_t len);
// Ends it, in every case. expected (32 bytes, NULL = whatever came): FERRY_ERR_VERIFY when the bytes have another
// SHA-256. *existed (NULL allowed): these bytes were stored before, out is that blob. FERRY_ERR_IMAGE_TRUNCATED: empty.
int ferry_depot_put_end(struct ferry_depot_put *put, const uint8_t *expected, struct ferry_depot_blob *out,
                        bool *existed);
void ferry_depot_put_abort(struct ferry_depot_put *put); // NULL allowed; instead of end

// The blob with this SHA-256 that is whole. FERRY_ERR_STORAGE_MISSING.
int ferry_depot_blob_find(struct ferry_depot *self, const uint8_t sha256[FERRY_SHA256_SIZE],
                          struct ferry_depot_blob *out);
// Up to cap bytes from offset on; how many (> 0; short only at the end of a chunk or of the blob), 0 at the end.
// FERRY_ERR_STORAGE_DAMAGED: a chunk is missing or has another size. Reading in order is the fast case.
int ferry_depot_blob_read(struct ferry_depot *self, int64_t blob, uint32_t offset, uint8_t *buf, size_t cap);
// Lets go of what reading keeps open (for SQLite a snapshot, which keeps its log from being trimmed). Call it after the
// last read, or when the next one may take long to come.
void ferry_depot_blob_rest(struct ferry_depot *self);
// Reads the whole blob and compares its SHA-256. FERRY_ERR_STORAGE_DAMAGED: it is not what was stored; never to be
// flashed.
int ferry_depot_blob_verify(struct ferry_depot *self, int64_t blob);
// Removes what was stored, is held by no build and has been left alone for idle_ms (0 = one hour); how many blobs.
// Every put_begin does so by itself.
int ferry_depot_sweep(struct ferry_depot *self, uint32_t idle_ms);

// ---- builds ----

struct ferry_depot_file {
    char role[16];                // "bootloader", "partition-table", "app", "otadata", "merged", "data"
    char name[FERRY_DEPOT_TEXT];  // of the file it came from
    uint32_t address;             // in the flash; FERRY_DEPOT_NO_ADDRESS = the target's partition table says
    struct ferry_depot_blob blob; // adding: id alone counts
};

struct ferry_depot_build {
    int64_t id;                                  // given by the depot
    uint8_t sha256[FERRY_SHA256_SIZE];           // identity: over address, size and SHA-256 of every file, by address
    char kind[24];                               // "build" (several files), "app", "merged", "files"
    char chip[FERRY_DEPOT_CHIP];                 // "" = not known
    char project[FERRY_DEPOT_TEXT];              // never ""
    char version[FERRY_DEPOT_TEXT];              // "" = not known
    char idf[FERRY_DEPOT_TEXT];                  // version of ESP-IDF, "" = not known
    char built[FERRY_DEPOT_TEXT];                // date and time of compilation, "" = not known
    char note[FERRY_DEPOT_NOTE];                 // for people
    uint32_t flash_size;                         // that the bootloader is built for, 0 = not known
    uint64_t size;                               // bytes of all files
    uint32_t file_count;                         // given by the depot
    uint8_t app_sha256[FERRY_SHA256_SIZE];       // of the app image as a file, all 0 = has none
    uint8_t app_image_sha256[FERRY_SHA256_SIZE]; // the SHA-256 appended to it (ESP-IDF: esp_partition_get_sha256)
    uint8_t app_elf_sha256[FERRY_SHA256_SIZE];   // of its ELF file (ESP-IDF: esp_app_get_elf_sha256)
    int64_t added_ms;                            // given by the depot
};

// Stores a build whose files' blobs are there. In: all but what the depot gives; layout is JSON text or NULL. One
// transaction: all or nothing. *existed: the same build was there; *build comes back as it is stored.
// FERRY_ERR_ARG: no project, no files, an address twice. FERRY_ERR_STORAGE_MISSING: a blob is gone (swept: store it
// again).
int ferry_depot_build_add(struct ferry_depot *self, struct ferry_depot_build *build,
                          const struct ferry_depot_file *files, size_t count, const char *layout, bool *existed);

struct ferry_depot_filter {
    const char *project, *version, *chip; // NULL = any
    const char *channel;                  // only builds that this channel points at
    const char *text;                     // part of project, version, note or file name, in any case
    int64_t before; // page: ids below this one; 0 = from the newest on. The next page: the id of the last one
};
// Newest first; how many were filled (fewer than cap: that was the last page). cap <= 1000.
int ferry_depot_build_list(struct ferry_depot *self, const struct ferry_depot_filter *filter,
                           struct ferry_depot_build *out, size_t cap);
// FERRY_ERR_STORAGE_MISSING.
int ferry_depot_build_get(struct ferry_depot *self, int64_t id, struct ferry_depot_build *out);
// The files by address, those without one last; how many.
int ferry_depot_build_files(struct ferry_depot *self, int64_t id, struct ferry_depot_file out[FERRY_DEPOT_FILES]);
// JSON text, "" = has none; its length.
int ferry_depot_build_layout(struct ferry_depot *self, int64_t id, char out[FERRY_DEPOT_LAYOUT]);
// Finds what a person names: "PROJECT@CHANNEL", "PROJECT@VERSION", "PROJECT@latest", "PROJECT" (its channel "stable",
// or its only build), "#ID", or 8 or more digits of a SHA-256 (of the build or its app). Several when builds for
// several chips fit (chip "" or NULL = any); then at most one a chip. How many were filled. FERRY_ERR_STORAGE_MISSING:
// none; FERRY_ERR_AMBIGUOUS: more than one for the same chip; FERRY_ERR_ARG: no such form.
int ferry_depot_find(struct ferry_depot *self, const char *reference, const char *chip, struct ferry_depot_build *out,
                     size_t cap);
// The blobs that no other build holds go too. FERRY_ERR_STORAGE_MISSING; FERRY_ERR_STATE: it is in use: a channel
// points at it (unless force, which clears these), or a job that is not over wants it (force or not).
int ferry_depot_build_remove(struct ferry_depot *self, int64_t id, bool force);
// What remove without force would say: 0 or FERRY_ERR_STATE.
int ferry_depot_build_used(struct ferry_depot *self, int64_t id);
// Another note for people. FERRY_ERR_STORAGE_MISSING.
int ferry_depot_build_note(struct ferry_depot *self, int64_t id, const char *note);

// ---- channels ----

struct ferry_depot_channel {
    char name[FERRY_DEPOT_TEXT], project[FERRY_DEPOT_TEXT], chip[FERRY_DEPOT_CHIP];
    int64_t build;
    char version[FERRY_DEPOT_TEXT]; // of the build
    int64_t changed_ms;
};

// Points the channel of the build's project and chip at it. Names: letters, digits, '-', '_', '.', not beginning with
// a digit, not "latest" (FERRY_ERR_ARG).
int ferry_depot_channel_set(struct ferry_depot *self, const char *name, int64_t build);
int ferry_depot_channel_remove(struct ferry_depot *self, const char *name, const char *project, const char *chip);
// By project, chip and name; project NULL = all; those after the first `skip`; how many.
int ferry_depot_channel_list(struct ferry_depot *self, const char *project, size_t skip,
                             struct ferry_depot_channel *out, size_t cap);

// ---- devices ----

struct ferry_depot_device {
    char mac[FERRY_DEPOT_MAC];
    char chip[FERRY_DEPOT_CHIP];
    char name[FERRY_DEPOT_TEXT];    // for people; kept by check-ins
    char channel[FERRY_DEPOT_TEXT]; // it follows this channel of its project, "" = none
    bool assigned;                  // somebody has chosen the channel: what the device says about it does not count
    char project[FERRY_DEPOT_TEXT], version[FERRY_DEPOT_TEXT]; // that it runs; the project is kept when it says none
    char wants[FERRY_DEPOT_TEXT]; // the project it should run: the last one it ran that the depot has, or what was said
    uint8_t running_sha256[FERRY_SHA256_SIZE]; // all 0 = not known
    int64_t first_seen_ms, last_seen_ms;       // 0 = never
};

enum ferry_depot_answer {
    FERRY_DEPOT_NOTHING = 0, // no channel, or none of its project and chip
    FERRY_DEPOT_CURRENT,     // it runs what it should
    FERRY_DEPOT_UPDATE,      // it should run *build
};

// MAC addresses that come in are taken in any case, with ':', '-' or nothing between; chips as people and Arduino write
// them ("ESP32-C3", "ESP32-D0WDQ6"). They are stored and given as above. FERRY_ERR_UNKNOWN_CHIP.

struct ferry_depot_question {
    // mac, chip; what it runs: project, version, running_sha256 (file, appended or ELF hash); channel that it follows.
    // All but mac and chip may be empty.
    const struct ferry_depot_device *device;
    const char *default_project, *default_channel; // NULL or "" = none
};
struct ferry_depot_verdict {
    enum ferry_depot_answer answer;
    // Those that counted, "" = none. project: that it runs, when the depot has a build of it, else the stored one (same
    // condition), else the default one. channel: the assigned one, else what it says, else the stored one, else the
    // default one; which is stored.
    char project[FERRY_DEPOT_TEXT], channel[FERRY_DEPOT_TEXT];
    struct ferry_depot_build build; // with CURRENT and UPDATE
};
// "I am this device and run this: what should I run?"
int ferry_depot_ask(struct ferry_depot *self, const struct ferry_depot_question *question,
                    struct ferry_depot_verdict *out);
int ferry_depot_device_get(struct ferry_depot *self, const char *mac, struct ferry_depot_device *out);
struct ferry_depot_device_change {
    const char *name;     // NULL = keep
    const char *channel;  // NULL = keep; "" = none. Assigned from now on
    bool release_channel; // not assigned any more: the device may say
    const char *project;  // NULL = keep; that it wants
    const char *chip;     // NULL or "" = keep; else a device that was never seen is made
};
// FERRY_ERR_STORAGE_MISSING: it was never seen, and no chip is said.
int ferry_depot_device_change(struct ferry_depot *self, const char *mac, const struct ferry_depot_device_change *to);
int ferry_depot_device_remove(struct ferry_depot *self, const char *mac);
struct ferry_depot_device_filter {
    const char *project, *version, *chip, *channel; // NULL = any
    const char *after;                              // page: MACs above this one; NULL = from the first
    int64_t seen_before_ms;                         // last seen before; 0 = any
};
// By MAC; how many.
int ferry_depot_device_find(struct ferry_depot *self, const struct ferry_depot_device_filter *filter,
                            struct ferry_depot_device *out, size_t cap);

// ---- jobs ----

enum ferry_depot_job_state {
    FERRY_DEPOT_JOB_QUEUED = 0,
    FERRY_DEPOT_JOB_CLAIMED, // an updater has it and has not begun
    FERRY_DEPOT_JOB_RUNNING,
    FERRY_DEPOT_JOB_DONE, // proved
    FERRY_DEPOT_JOB_FAILED,
    FERRY_DEPOT_JOB_CANCELLED,
};
// "queued", "claimed", ...; the other way round -1 = no such state.
const char *ferry_depot_job_state_name(enum ferry_depot_job_state state);
int ferry_depot_job_state_by_name(const char *name);

#define FERRY_DEPOT_LEASE_MS 60000u
#define FERRY_DEPOT_ATTEMPTS 5 // claims that ended without a word: then the job has failed

struct ferry_depot_job {
    int64_t id;
    enum ferry_depot_job_state state;
    int64_t build; // 0 = removed since
    // Of the build, kept when it is removed.
    char project[FERRY_DEPOT_TEXT], version[FERRY_DEPOT_TEXT], chip[FERRY_DEPOT_CHIP];
    char mac[FERRY_DEPOT_MAC];     // "" = any device of that chip
    char worker[FERRY_DEPOT_TEXT]; // the updater that has or had it, "" = none yet
    uint32_t attempt;              // of the claim; with id and worker it is the proof that the claim is yours
    uint32_t revision;             // goes up with every change
    uint64_t bytes_done, bytes_total;
    // How it ended: a ferry_status name ("VERIFY", "OK"; "" = not over), its words, and figures.
    char status[24];
    char text[FERRY_DEPOT_NOTE];
    uint64_t bytes_written, bytes_skipped;
    uint32_t retries, elapsed_ms;
    // 0 = not yet. changed_ms: of the last change, whatever it was.
    int64_t created_ms, claimed_ms, finished_ms, changed_ms, lease_until_ms;
};

// mac "" or NULL = any device of the build's chip. FERRY_ERR_STORAGE_MISSING: no such build.
int ferry_depot_job_add(struct ferry_depot *self, int64_t build, const char *mac, int64_t *id);

struct ferry_depot_claim {
    const char *worker; // who asks; FERRY_ERR_ARG when empty
    const char *mac;    // jobs for this device and those for any, which it holds then; NULL = whatever device
    const char *chip;   // NULL = any
    uint32_t lease_ms;  // how long it holds without a report; 0 = FERRY_DEPOT_LEASE_MS
};
// The oldest job that is queued, or whose claim has run out, becomes this worker's: exactly one worker gets it, and no
// two claims are for the same device (job's or claim's mac) at the same time. 1 = *out is it, 0 = there is none. A
// claim has run out when the database's clock is a lease's time away from its last report, in either direction; the job
// is queued again as soon as somebody claims any. A job that was claimed FERRY_DEPOT_ATTEMPTS times without a word
// becomes FAILED instead.
int ferry_depot_job_claim(struct ferry_depot *self, const struct ferry_depot_claim *claim, struct ferry_depot_job *out);
struct ferry_depot_report {
    enum ferry_depot_job_state state;      // RUNNING, DONE, FAILED; QUEUED gives the job back
    uint64_t bytes_done, bytes_total;      // RUNNING
    const char *status, *text;             // DONE, FAILED; NULL = "OK" / "", "UNKNOWN" / ""
    uint64_t bytes_written, bytes_skipped; // DONE, FAILED
    uint32_t retries, elapsed_ms;          // DONE, FAILED
    // The device, for a job for any; NULL = as the job or the claim says. RUNNING: held by this claim from now on.
    const char *mac;
    // DONE: what the device runs now; NULL = as the job says (the build's app_sha256). Its row says so, when the MAC is
    // known.
    const char *project, *version;
    const uint8_t *running_sha256;
};
// Renews the lease. FERRY_ERR_CANCELLED: the job is not this claim's any more (it ran out and somebody else has it, it
// was cancelled, it is over), or another claim holds the device, and the job was given back: stop.
int ferry_depot_job_report(struct ferry_depot *self, int64_t id, const char *worker, uint32_t attempt,
                           const struct ferry_depot_report *report);
// Queued, claimed or running: becomes CANCELLED; the updater hears it with its next report. FERRY_ERR_STORAGE_MISSING,
// FERRY_ERR_STATE (it is over).
int ferry_depot_job_cancel(struct ferry_depot *self, int64_t id);
int ferry_depot_job_get(struct ferry_depot *self, int64_t id, struct ferry_depot_job *out);

struct ferry_depot_job_filter {
    unsigned states;                    // bits 1 << state; 0 = all
    const char *project, *mac, *worker; // NULL = any
    int64_t changed_since; // changed_ms >= this; 0 = all. For live views: ask from a little before the last answer and
                           // drop what id and revision show as known
    int64_t before;        // page: ids below this one; 0 = from the newest on
};
// Newest first; how many.
int ferry_depot_job_list(struct ferry_depot *self, const struct ferry_depot_job_filter *filter,
                         struct ferry_depot_job *out, size_t cap);

// ---- tokens ----

enum ferry_depot_scope {
    FERRY_DEPOT_SCOPE_READ = 1 << 0,   // list, show, download
    FERRY_DEPOT_SCOPE_WRITE = 1 << 1,  // upload, remove, channels, jobs
    FERRY_DEPOT_SCOPE_DEVICE = 1 << 2, // check in
    FERRY_DEPOT_SCOPE_WORK = 1 << 3,   // claim jobs and report
    FERRY_DEPOT_SCOPE_ADMIN = 1 << 4,  // tokens
};
#define FERRY_DEPOT_SECRET 53 // "fd_" and 48 hex digits, and room

struct ferry_depot_token {
    int64_t id;
    char name[FERRY_DEPOT_TEXT];
    unsigned scopes;             // bits of enum ferry_depot_scope
    int64_t expires_ms;          // 0 = never
    int64_t created_ms, used_ms; // used_ms: by the hour, 0 = never
};

// "read,write"; false = a word that is no scope, or none. And the text for bits.
bool ferry_depot_scopes_parse(const char *text, unsigned *scopes);
void ferry_depot_scopes_text(unsigned scopes, char out[FERRY_DEPOT_TEXT]);
// The secret is told this once. lives_ms 0 = for ever.
int ferry_depot_token_add(struct ferry_depot *self, const char *name, unsigned scopes, int64_t lives_ms,
                          char secret[FERRY_DEPOT_SECRET], struct ferry_depot_token *out);
// FERRY_ERR_STORAGE_MISSING: no such token, or it has expired.
int ferry_depot_token_check(struct ferry_depot *self, const char *secret, struct ferry_depot_token *out);
int ferry_depot_token_remove(struct ferry_depot *self, int64_t id);
int ferry_depot_token_list(struct ferry_depot *self, struct ferry_depot_token *out, size_t cap);

// ---- all together ----

struct ferry_depot_stats {
    uint64_t builds, blobs, bytes, devices, channels, jobs_queued, jobs_active, jobs_done, jobs_failed;
};
int ferry_depot_stats(struct ferry_depot *self, struct ferry_depot_stats *out);
// Gives the room of what was removed back to the disk, by writing everything anew; nobody can write meanwhile, nor read
// with PostgreSQL. Bytes that the database takes before and after. (SQLite: a depot that was made by this version does
// so by itself when a build is removed.)
int ferry_depot_compact(struct ferry_depot *self, uint64_t *before, uint64_t *after);

#endif
