// What the parts of the web API share: web.c (requests), web_answer.c (answers), web_state.c (ports and wishes),
// web_events.c (targets and events), web_builds.c, web_files.c (uploads), web_history.c, web_settings.c, web_depot.c.
#ifndef FERRY_UPDATER_WEB_WORK_H
#define FERRY_UPDATER_WEB_WORK_H

#include "ferry/io/http_answer.h"
#include "updater/web.h"
#include "updater/web_json.h"

#define FERRY_WEB_API "/api/v1/"
#define FERRY_WEB_BODY 4096 // bytes of the longest JSON body

struct ferry_web_note {
    uint32_t seq;
    bool warning;
    char text[FERRY_WEB_NOTE];
};

// What is connected to a port, as far as known.
struct ferry_web_who {
    char chip[24], label[24], mac[18];
    uint16_t revision;
    uint32_t flash_size;
    char running[64], running_version[32], slot[17]; // what runs there; slot: link
};

struct ferry_web_port {
    uint32_t seq, progress_seq; // of the last change of the whole, and of the progress alone
    struct ferry_web_who who;
    // The job that is asked for, runs, or ran last; number 0 = none yet.
    uint32_t job;
    bool busy, asked, abort_asked, aborting, probe, ended;
    struct ferry_web_command command;
    enum ferry_job_state state; // 0 = not begun
    enum ferry_job_route route;
    char cargo[FERRY_CARGO_NAME], version[FERRY_CARGO_NAME], path[FERRY_CARGO_PATH];
    struct ferry_progress progress;
    uint32_t told;     // thousandths of the progress that was told last
    char fetching[48]; // the file of its build that is being fetched, "" = none
    uint64_t fetched, fetch_size;
    struct ferry_job_result result;
    struct ferry_fault fault;
    struct ferry_web_note notes[FERRY_WEB_NOTES];
    uint8_t note_at;
};

struct ferry_web {
    struct ferry_web_cfg cfg;
    char dir[FERRY_CARGO_PATH]; // the card's; card->dir is the updater's, and written anew at every look
    struct ferry_web_port *ports;
    uint32_t seq, jobs; // counters: of changes, of jobs
    uint32_t boot;      // tells one run of the program from another
    uint32_t card_seq, history_seq, settings_seq;
    bool look, apply; // asked for
    bool stale;       // the card has changed since it was looked at
    struct ferry_fault card_fault;
    uint32_t parts; // numbers of uploads
    bool depot_busy;
};

static inline void ferry_web_changed(struct ferry_web *self, uint32_t *seq)
{
    *seq = ++self->seq;
}
void ferry_web_wake(struct ferry_web *self);

// ---- answers ----

// An answer made row by row.
struct ferry_web_stream {
    struct ferry_web *web;
    // Writes the next row, at most cap bytes. > 0 = its length; 0 = none now; negative as for struct ferry_http_answer.
    int (*row)(struct ferry_web_stream *self, char *out, size_t cap);
    void (*end)(struct ferry_web_stream *self); // frees what row() has; NULL: nothing
    unsigned phase, index, tries;
    uint32_t after; // events: the last one told
    void *extra;
    size_t at, len; // of text, what is still to be sent
    char text[FERRY_WEB_ROW];
};
// Fills the answer with a stream (status 200); NULL: no memory, and the answer says so. end() is not called then.
struct ferry_web_stream *ferry_web_stream(struct ferry_web *self, const char *type,
                                          int (*row)(struct ferry_web_stream *self, char *out, size_t cap),
                                          struct ferry_http_answer *answer);
// A JSON text as the whole body; it is copied.
void ferry_web_answer_json(struct ferry_http_answer *answer, int status, const char *text, size_t len);
// {"error":name, "what", "where", "hint"}; where and hint may be NULL.
void ferry_web_answer_error(struct ferry_http_answer *answer, int status, const char *name, const char *what,
                            const char *where, const char *hint);
// The same from a fault; the HTTP status follows from fault->status.
void ferry_web_answer_fault(struct ferry_http_answer *answer, const struct ferry_fault *fault);
// error, what, where, hint as members of an open object.
void ferry_web_json_fault(struct ferry_web_json *json, const struct ferry_fault *fault);

// ---- requests ----

// A request with a body: text is collected in `body`, or `file` takes it.
struct ferry_web_upload;
struct ferry_web_request {
    struct ferry_web *web;
    const struct ferry_http_request *http;
    void (*done)(struct ferry_web_request *self, struct ferry_http_answer *answer);
    struct ferry_web_upload *upload; // NULL: none
    size_t len;
    char body[FERRY_WEB_BODY + 1];
};

// Each fills *answer. `rest` is what stands behind the name in the path, "" = nothing.
typedef void ferry_web_get(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                           struct ferry_http_answer *answer);
ferry_web_get ferry_web_targets, ferry_web_jobs, ferry_web_events, ferry_web_builds, ferry_web_history,
    ferry_web_history_csv, ferry_web_settings, ferry_web_depot_builds, ferry_web_job_abort, ferry_web_build_delete,
    ferry_web_files_commit, ferry_web_files_drop, ferry_web_look;
void ferry_web_job_start(struct ferry_web_request *self, struct ferry_http_answer *answer);
void ferry_web_settings_put(struct ferry_web_request *self, struct ferry_http_answer *answer);

// True: *answer is filled, nothing was begun.
bool ferry_web_upload_open(struct ferry_web_request *self, const char *path, struct ferry_http_answer *answer);
bool ferry_web_upload_body(struct ferry_web_request *self, const uint8_t *bytes, size_t len,
                           struct ferry_http_answer *answer);
void ferry_web_upload_done(struct ferry_web_request *self, struct ferry_http_answer *answer);
void ferry_web_upload_abort(struct ferry_web_request *self);
// Removes what earlier uploads have left.
void ferry_web_files_clean(const struct ferry_web *self);
// The card is to be looked at again; those who ask for its builds wait for that. Under lock.
void ferry_web_touched(struct ferry_web *self);
// A job that runs reads from this file or from its folder. Under lock.
bool ferry_web_in_use(const struct ferry_web *self, const char *path);
// ferry.json was being replaced when the power went: brings that to an end.
void ferry_web_settings_recover(const struct ferry_web *self);
// Puts a finished file in the place of another, also where rename() does not replace. 0 or FERRY_ERR_STORAGE_WRITE.
int ferry_web_replace(const char *from, const char *to);

#endif
