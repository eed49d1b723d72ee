// Inside the depot's API: what its files share.
#ifndef FERRY_DEPOT_API_PARTS_H
#define FERRY_DEPOT_API_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "depot/api.h"
#include "depot/api_json.h"
#include "depot/api_limit.h"
#include "ferry/io/http_answer.h"

#define API_TOKENS 64          // that are remembered as good
#define API_TOKEN_MS 5000      // for this long: a token that is removed elsewhere works no longer than that
#define API_PROOFS 256         // blobs that are remembered as whole
#define API_PROOF_MS 600000    // for this long
#define API_NEWS 256           // events that a stream may be behind
#define API_ARG 192            // bytes of a part of a path
#define API_LOOK_MS 1000       // how often the database is asked for changes that others made
#define API_STREAM_MS 3600000u // an event stream's life; then its token is looked at anew

struct api_depot {
    pthread_mutex_t lock;
    struct ferry_depot *depot;
};

struct api_token {
    char secret[FERRY_DEPOT_SECRET]; // "" = free
    struct ferry_depot_token token;
    uint32_t at_ms;
};

struct api_proof {
    uint8_t blob[FERRY_SHA256_SIZE];
    bool used;
    char md5[33];
    uint32_t at_ms;
};

struct api_cache;

struct api_event {
    uint64_t seq; // from 1 on
    const char *name;
    char *data; // JSON
};

struct api_seen { // a job as it was told last
    int64_t id;
    uint32_t revision;
};

struct api_news {
    pthread_mutex_t lock; // what follows
    struct api_event ring[API_NEWS];
    uint64_t next;             // seq of the next event
    pthread_mutex_t look_lock; // held by who asks the database
    bool begun;
    uint32_t looked_ms;
    int64_t since_ms; // by the database's clock
    struct api_seen seen[API_NEWS];
    size_t seen_at;
    struct ferry_depot_stats stats;
    int64_t newest_build;
    atomic_bool poked;
};

struct ferry_depot_api {
    struct ferry_depot_api_cfg cfg;
    struct api_depot depots[FERRY_DEPOT_API_HANDLES];
    atomic_uint turn;
    pthread_mutex_t lock; // limits, tokens, proofs
    struct ferry_depot_api_limit limit, failures;
    struct api_token tokens[API_TOKENS];
    struct api_proof proofs[API_PROOFS];
    atomic_uint uploads, streams;
    struct api_cache *cache;
    struct api_news news;
    char boot[17]; // of this run
};

struct api_upload;

struct api_call {
    struct ferry_depot_api *api;
    const struct ferry_http_request *request;
    struct ferry_http_answer *answer;
    const struct api_route *route;
    char arg[2][API_ARG]; // what the stars of the route stand for
    struct ferry_depot_token token;
    unsigned scopes;
    // JSON bodies.
    char *text;
    size_t len;
    cJSON *json;
    struct api_upload *upload;
    // The database, while run() is called.
    unsigned which;
    struct ferry_depot *depot;
};

enum api_body { API_NONE, API_JSON, API_STREAM };

struct api_route {
    const char *method; // GET takes HEAD as well
    const char *path;   // behind /api/v1/; "*" = one part, "**" = one or more at the end
    unsigned scopes;    // one of these is needed; 0 = none
    enum api_body body;
    void (*run)(struct api_call *call);   // answers; STREAM: when all has come
    bool (*begin)(struct api_call *call); // STREAM: before the first byte; true = answered
};

extern const struct api_route api_routes[];
extern const size_t api_routes_count;

// api.c
struct ferry_depot *api_take(struct ferry_depot_api *self, unsigned *which);
void api_give(struct ferry_depot_api *self, unsigned which);
uint32_t api_now(const struct ferry_depot_api *self);

// api_answer.c
void api_fail(struct api_call *call, int http, const char *error, const char *what, const char *where,
              const char *hint);
// The same from a status, with its hint.
void api_fail_status(struct api_call *call, int http, int status, const char *what);
// From the database's last error.
void api_fail_depot(struct api_call *call, int status);
// Takes json (NULL = no memory).
void api_answer_json(struct api_call *call, int http, cJSON *json);
void api_answer_none(struct api_call *call); // 204
int api_http_status(int status);
const char *api_query(const struct api_call *call, const char *name); // NULL = not there or empty
// A number 1 .. max, `otherwise` when it is not there; 0 = answered.
uint32_t api_query_limit(struct api_call *call, uint32_t otherwise, uint32_t max);
bool api_query_id(struct api_call *call, const char *name, int64_t *out);  // false = answered; 0 when not there
bool api_wrong(struct api_call *call, const char *name, const char *what); // 400 about a member; false
struct api_text {
    const char *name;
    const char **into; // untouched when the member is not there
};
// Members of the body that are texts; false = one is something else: answered.
bool api_take_texts(struct api_call *call, const struct api_text *texts, size_t count);

// api_auth.c: true = may go on; false = answered.
bool api_admit(struct api_call *call);
void api_forget_tokens(struct ferry_depot_api *self);
void api_cors(struct api_call *call);

// api_cache.c: pieces of blobs.
struct api_cache *api_cache_new(uint32_t bytes);
void api_cache_free(struct api_cache *self);
// Up to cap bytes at offset: how many, or a negative status.
int api_read(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, uint32_t offset, uint8_t *buf,
             size_t cap);
// The blob is what its SHA-256 says (looked at once in a while); md5 in hex.
int api_prove(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, char md5[33]);

// api_events.c
void api_news_init(struct ferry_depot_api *self);
void api_news_free(struct ferry_depot_api *self);
void api_news_tell(struct ferry_depot_api *self, const char *name); // "builds", "channels", "devices", "jobs"

// Handlers by file.
bool api_resolve(struct api_call *call, const char *reference, struct ferry_depot_build *out); // false = answered
bool api_make_build(struct api_call *call, struct ferry_depot_file *files, size_t count, const char *project,
                    const char *version, const char *note, const char *channel); // answers
bool api_begin_upload(struct api_call *call);
bool api_upload_body(struct api_call *call, const uint8_t *bytes, size_t len);
void api_upload_abort(struct api_call *call);
void api_put_blob(struct api_call *call);
void api_put_file(struct api_call *call);
void api_info(struct api_call *call);
void api_health(struct api_call *call);
void api_stats(struct api_call *call);
void api_list_builds(struct api_call *call);
void api_show_build(struct api_call *call);
void api_add_build(struct api_call *call);
void api_remove_build(struct api_call *call);
void api_get_blob(struct api_call *call);
void api_get_app(struct api_call *call);
void api_get_ota(struct api_call *call);
void api_ota_manifest(struct api_call *call);
// The app among a build's files; merged images are none. False = answered.
bool api_find_app(struct api_call *call, const struct ferry_depot_build *build, struct ferry_depot_blob *out);
// A blob that is whole, or nothing of it (false = answered). Gives the call's database back.
bool api_prove_blob(struct api_call *call, const struct ferry_depot_blob *blob, char md5[33]);
void api_list_channels(struct api_call *call);
void api_set_channel(struct api_call *call);
void api_remove_channel(struct api_call *call);
void api_list_devices(struct api_call *call);
void api_show_device(struct api_call *call);
void api_set_device(struct api_call *call);
void api_remove_device(struct api_call *call);
void api_checkin(struct api_call *call);
void api_list_jobs(struct api_call *call);
void api_show_job(struct api_call *call);
void api_add_job(struct api_call *call);
void api_cancel_job(struct api_call *call);
void api_claim_job(struct api_call *call);
void api_report_job(struct api_call *call);
void api_events(struct api_call *call);
void api_list_tokens(struct api_call *call);
void api_add_token(struct api_call *call);
void api_remove_token(struct api_call *call);

#endif
