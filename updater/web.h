// The updater's web API (docs/protocol/updater-api.yaml) as a handler that any HTTP server can call: what is on the
// card, what is connected, starting and stopping jobs, their progress as it happens, the log, the settings, uploads.
// The same code behind `ferry updater --web` and in the updater firmware; the page (web/) sits on top.
//
// Two sides meet here. The server's side calls the handler, from one thread or several. The updater's side, one thread,
// tells what happens (ferry_web_tell_*) and takes what people want (ferry_web_take); it never waits for the other.
// cfg.lock guards what both see.
//
// Nothing is made whole in memory: lists leave row by row, uploads arrive in pieces and are a file of another name
// until the last one has come. Per open request one buffer of FERRY_WEB_ROW bytes; of the stack 3 KB at most.
//
// Who may: with a token, everything but the page itself and what /api/v1/info tells needs it. Requests that other web
// pages make a browser send are refused by their Origin, Sec-Fetch-Site and Host headers, with and without a token.
#ifndef FERRY_UPDATER_WEB_H
#define FERRY_UPDATER_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "updater/card.h"
#include "updater/job.h"
#include "updater/updater.h"

#define FERRY_WEB_ROW 3072 // bytes of the longest row of an answer
#define FERRY_WEB_ID 17    // a build's id: 16 hex digits and a NUL
#define FERRY_WEB_BUILD 96 // what a job is asked to bring: an id, or "depot:REFERENCE"
#define FERRY_WEB_NOTES 6  // notes and warnings of a port that are kept for the page
#define FERRY_WEB_NOTE 200

enum ferry_web_setting_kind {
    FERRY_WEB_TEXT = 1, // min..max bytes
    FERRY_WEB_SECRET,   // the same, but it is never told again, only whether there is one
    FERRY_WEB_NUMBER,   // min..max
    FERRY_WEB_BOOL,
    FERRY_WEB_CHOICE,     // one of `choices`
    FERRY_WEB_BUILD_NAME, // a firmware on the card, as `--cargo` names it; the page offers those that are there
};

// One line of the page's settings, kept in ferry.json on the card.
struct ferry_web_setting {
    const char *name; // members on the way, "wifi.ssid": {"wifi": {"ssid": ...}}; two levels at most
    enum ferry_web_setting_kind kind;
    const char *label, *hint; // for people; hint may be NULL
    uint32_t min, max;        // TEXT, SECRET, NUMBER
    const char *choices;      // CHOICE: "rom|link|auto"
    const char *unit;         // NUMBER: "s", "baud"; may be NULL
    bool restart;             // counts from the next start on
};

// Where the page's list of a depot's builds comes from: an HTTP client, and the depot's address without the path.
struct ferry_web_depot {
    const struct ferry_http_client *client; // used by one request at a time
    const char *url;                        // "https://depot.local:8443"
    const char *token;                      // of the depot, NULL = none
};

struct ferry_web_cfg {
    const char *name;        // of this updater, for the page's head; NULL = "Ferry"
    const char *version;     // of the program; NULL = not told
    uint32_t boot;           // a random number, another one at each start; 0 = made of what there is
    const char *token;       // NULL or "" = whoever reaches the server may do everything
    struct ferry_card *card; // the updater's. The updater's side looks at it anew only under lock
    const char *card_dir;    // where the card is; NULL = card->dir, which must be set by now
    const char *log_path;    // ferry-log.csv
    unsigned port_count;
    const char *const *port_names; // NULL with port_count 0
    bool rom, link;                // routes that a job may take
    bool start;                    // false: the page shows, and starts nothing
    const struct ferry_web_setting *settings;
    size_t setting_count;
    const struct ferry_web_depot *depot; // NULL: none
    uint32_t upload_limit;               // bytes of one file; 0 = 32 MiB
    struct ferry_http_waker waker;       // wake NULL: the server looks once a second by itself
    // Guards what both sides see; NULL when all calls come from one thread.
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    // Space on the card in bytes; 0 or negative (not known). NULL: not known.
    int (*space)(void *ctx, uint64_t *free_bytes, uint64_t *total_bytes);
    void *ctx;
};

struct ferry_web;

// NULL: no memory, or no card. Copies cfg; what it points to stays the caller's. Removes what torn uploads have left
// in the card's .ferry folder and brings a half-replaced ferry.json to its end.
struct ferry_web *ferry_web_new(const struct ferry_web_cfg *cfg);
void ferry_web_free(struct ferry_web *self); // when no request is open any more
struct ferry_http_handler ferry_web_handler(struct ferry_web *self);
// The server's waker, once it runs (instead of cfg.waker, which is needed before there is a server).
void ferry_web_set_waker(struct ferry_web *self, struct ferry_http_waker waker);
// What the page may know without a token, for other handlers too: true = the request must not be answered, *answer
// says why (400, 401, 403).
bool ferry_web_refuses(const struct ferry_web *self, const struct ferry_http_request *request,
                       struct ferry_http_answer *answer);

// ---- the updater's side ----

enum ferry_web_wish {
    FERRY_WEB_NOTHING = 0,
    FERRY_WEB_START, // bring `build` to the target of `port`
    FERRY_WEB_PROBE, // see who is connected to `port`: reset into the loader, identify, and back
    FERRY_WEB_ABORT, // end the job of `port`
    FERRY_WEB_LOOK,  // the card has changed: look at it again, then ferry_web_tell_card()
    FERRY_WEB_APPLY, // ferry.json has changed (LOOK comes as well)
};

struct ferry_web_command {
    enum ferry_web_wish wish;
    unsigned port;
    uint32_t job;                       // its number
    char build[FERRY_WEB_BUILD];        // START: an id (ferry_web_build), or "depot:..."
    enum ferry_job_route route;         // START
    bool erase_all, force, verify_only; // START
};

// Takes the next wish; false = none. A port that has been asked to START or PROBE is busy until ferry_web_tell_ended().
bool ferry_web_take(struct ferry_web *self, struct ferry_web_command *out);
// The item of the card's list with this id; NULL = none (any more).
const struct ferry_cargo *ferry_web_build(const struct ferry_web *self, const char *id);
void ferry_web_build_id(const struct ferry_card *card, const struct ferry_cargo *cargo, char out[FERRY_WEB_ID]);

// The job of a port as it stands; cheap, for every step. Jobs that nobody asked for on the page (a bench) are shown as
// well: they get a number with the first call.
void ferry_web_tell_job(struct ferry_web *self, unsigned port, const struct ferry_job *job);
void ferry_web_tell_event(struct ferry_web *self, unsigned port, const struct ferry_job_event *event);
// The build of the port's job is being fetched: `file` of it, done of size bytes in all (size 0 = not known yet); file
// NULL = not any more. Cheap, for every piece. Until then, or ferry_web_tell_ended(), the job's state is "fetching"
// with these figures, whatever ferry_web_tell_job() says meanwhile. FERRY_WEB_ABORT comes for it as for any job.
void ferry_web_tell_fetching(struct ferry_web *self, unsigned port, const char *file, uint64_t done, uint64_t size);
// The port's job has ended, or could not begin (job NULL; outcome->fault says why).
void ferry_web_tell_ended(struct ferry_web *self, unsigned port, const struct ferry_job *job,
                          const struct ferry_updater_outcome *outcome);
// A look at who is there, which nobody on the page has asked for, has ended: chip, MAC and what runs are taken from it.
// No job is shown for it, and it counts for nothing while a job is on that port. Cheap when nothing differs.
void ferry_web_tell_seen(struct ferry_web *self, unsigned port, const struct ferry_job *job,
                         const struct ferry_running *running); // NULL: what runs was not looked at
// The target has gone, as far as the updater sees: its chip and MAC are not shown any longer.
void ferry_web_tell_gone(struct ferry_web *self, unsigned port);
// The card was looked at; fault is what ferry_card_open() said (NULL or status 0 = well). Call it under no lock.
void ferry_web_tell_card(struct ferry_web *self, const struct ferry_fault *fault);
// Around ferry_card_open() on cfg.card.
void ferry_web_lock(struct ferry_web *self);
void ferry_web_unlock(struct ferry_web *self);

#endif
