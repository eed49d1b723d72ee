// Jobs: claimed by exactly one updater, held by its reports, given up when these stop.
//
// A claim is proved by the job's id, the worker and the attempt, which goes up with every claim: what a worker says
// whose claim somebody else has got since is refused. So it does not matter when a claim is thought to have run out too
// early or too late because a clock has jumped.
//
// A claim also holds a device (target), as soon as it is known which: no two claims hold the same one, by a unique
// index.
#include <string.h>

#include "depot/device.h"
#include "ferry/base/status.h"

#define COLUMNS                                                                                                        \
    "id, state, COALESCE(build, 0), project, version, chip, mac, worker, attempt, revision, bytes_done, bytes_total,"  \
    " status, words, bytes_written, bytes_skipped, retries, elapsed, created, claimed, finished, changed,"             \
    " renewed + lease"
// Somebody has it, and has not been heard of for a lease's time; or the clock has gone back by more than that.
#define RUN_OUT "(state IN (1, 2) AND (ferry_now() - renewed >= lease OR renewed - ferry_now() >= lease))"
#define CHANGED "revision = revision + 1, changed = ferry_now()"

static const char *const names[] = {"queued", "claimed", "running", "done", "failed", "cancelled"};
enum { STATES = sizeof names / sizeof names[0] };

const char *ferry_depot_job_state_name(enum ferry_depot_job_state state)
{
    return (unsigned)state < STATES ? names[state] : "unknown";
}

int ferry_depot_job_state_by_name(const char *name)
{
    for (int i = 0; i < STATES; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static void take_row(struct ferry_depot_row *row, struct ferry_depot_job *job)
{
    memset(job, 0, sizeof *job);
    job->id = ferry_depot_row_number(row);
    job->state = (enum ferry_depot_job_state)ferry_depot_row_number(row);
    job->build = ferry_depot_row_number(row);
    ferry_depot_row_text(row, job->project, sizeof job->project);
    ferry_depot_row_text(row, job->version, sizeof job->version);
    ferry_depot_row_text(row, job->chip, sizeof job->chip);
    ferry_depot_row_text(row, job->mac, sizeof job->mac);
    ferry_depot_row_text(row, job->worker, sizeof job->worker);
    job->attempt = (uint32_t)ferry_depot_row_number(row);
    job->revision = (uint32_t)ferry_depot_row_number(row);
    job->bytes_done = (uint64_t)ferry_depot_row_number(row);
    job->bytes_total = (uint64_t)ferry_depot_row_number(row);
    ferry_depot_row_text(row, job->status, sizeof job->status);
    ferry_depot_row_text(row, job->text, sizeof job->text);
    job->bytes_written = (uint64_t)ferry_depot_row_number(row);
    job->bytes_skipped = (uint64_t)ferry_depot_row_number(row);
    job->retries = (uint32_t)ferry_depot_row_number(row);
    job->elapsed_ms = (uint32_t)ferry_depot_row_number(row);
    job->created_ms = ferry_depot_row_number(row);
    job->claimed_ms = ferry_depot_row_number(row);
    job->finished_ms = ferry_depot_row_number(row);
    job->changed_ms = ferry_depot_row_number(row);
    job->lease_until_ms = ferry_depot_row_number(row);
    if (job->state != FERRY_DEPOT_JOB_CLAIMED && job->state != FERRY_DEPOT_JOB_RUNNING)
        job->lease_until_ms = 0;
}

static int rows(struct ferry_depot *self, int run_status, struct ferry_depot_job *out, size_t cap)
{
    int status = run_status;
    size_t count = 0;
    while (status >= 0 && count < cap && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        take_row(&row, &out[count++]);
        status = row.status;
    }
    while (status > 0) // what RETURNING gives is written at the end
        status = ferry_depot_query_next(self);
    ferry_depot_query_done(self);
    return status < 0 ? status : (int)count;
}

static int no_job(struct ferry_depot *self, int64_t id)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "see: ferry depot jobs", "there is no job %lld",
                                   (long long)id);
}

// ---- adding ----

struct adding {
    int64_t build;
    char mac[FERRY_DEPOT_MAC];
    int64_t id;
};

static int add(struct ferry_depot *self, void *ctx)
{
    static const char sql[] =
        "INSERT INTO job (state, build, project, version, chip, mac, worker, attempt, silent, revision, bytes_done,"
        " bytes_total, status, words, bytes_written, bytes_skipped, retries, elapsed, lease, created, claimed, renewed,"
        " finished, changed)"
        " VALUES (0, $1, $2, $3, $4, $5, '', 0, 0, 1, 0, $6, '', '', 0, 0, 0, 0, 0, ferry_now(), 0, 0, 0, ferry_now())"
        " RETURNING id";
    struct adding *a = ctx;
    struct ferry_depot_build build;
    int status = ferry_depot_build_get(self, a->build, &build);
    if (status < 0)
        return status;
    return ferry_depot_query_number(
        self,
        FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(build.id), FERRY_DEPOT_QUERY_TEXT(build.project),
                          FERRY_DEPOT_QUERY_TEXT(build.version), FERRY_DEPOT_QUERY_TEXT(build.chip),
                          FERRY_DEPOT_QUERY_TEXT(a->mac), FERRY_DEPOT_QUERY_NUMBER(build.size)),
        &a->id);
}

int ferry_depot_job_add(struct ferry_depot *self, int64_t build, const char *mac, int64_t *id)
{
    struct adding a = {.build = build};
    int status = ferry_depot_device_mac_or_none(self, mac, a.mac);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, add, &a);
    *id = a.id;
    return status < 0 ? status : FERRY_OK;
}

// ---- claiming ----

struct claiming {
    const struct ferry_depot_claim *claim;
    char mac[FERRY_DEPOT_MAC], chip[FERRY_DEPOT_CHIP];
    struct ferry_depot_job *out;
};

// What may be claimed for the device $1 and the chip $2 ('' = any). Two claims at the same moment for one device: the
// unique index job_target lets one of them in, and the other one looks again.
#define FREE                                                                                                           \
    "(state = 0 AND ($1 = '' OR mac = '' OR mac = $1) AND ($2 = '' OR chip = $2)"                                      \
    " AND NOT EXISTS (SELECT 1 FROM job h WHERE h.state IN (1, 2) AND h.target <> ''"                                  \
    " AND h.target = CASE WHEN job.mac = '' THEN $1 ELSE job.mac END))"

// Claims that have run out: the job waits for the next one, and lets go of its device. Those that nobody could bring to
// an end have failed. Worker and attempt stay: that one may go on while nobody else has begun.
static int let_go(struct ferry_depot *self)
{
    static const char sql[] =
        "UPDATE job SET silent = silent + 1, bytes_done = 0, state = CASE WHEN silent + 1 >= $1 THEN 4 ELSE 0 END,"
        " status = CASE WHEN silent + 1 >= $1 THEN 'TIMEOUT' ELSE '' END,"
        " words = CASE WHEN silent + 1 >= $1 THEN 'its updaters went silent, one after the other' ELSE '' END,"
        " finished = CASE WHEN silent + 1 >= $1 THEN ferry_now() ELSE 0 END, " CHANGED
        " WHERE id IN (SELECT id FROM job WHERE " RUN_OUT " {skip})";
    return ferry_depot_query_changes(self,
                                     FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(FERRY_DEPOT_ATTEMPTS)));
}

static int claim(struct ferry_depot *self, void *ctx)
{
    static const char sql[] =
        "UPDATE job SET state = 1, worker = $3, attempt = attempt + 1, bytes_done = 0, lease = $4,"
        " target = CASE WHEN mac = '' THEN $1 ELSE mac END, claimed = ferry_now(), renewed = ferry_now(), " CHANGED
        " WHERE id = (SELECT id FROM job WHERE " FREE " ORDER BY id LIMIT 1 {skip}) RETURNING " COLUMNS;
    struct claiming *c = ctx;
    int status = let_go(self);
    if (status < 0)
        return status;
    return rows(
        self,
        FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(c->mac), FERRY_DEPOT_QUERY_TEXT(c->chip),
                          FERRY_DEPOT_QUERY_TEXT(c->claim->worker),
                          FERRY_DEPOT_QUERY_NUMBER(c->claim->lease_ms ? c->claim->lease_ms : FERRY_DEPOT_LEASE_MS)),
        c->out, 1);
}

static int any_to_claim(struct ferry_depot *self, const struct claiming *c)
{
    static const char sql[] = "SELECT id FROM job WHERE state <= 2 AND (" FREE " OR " RUN_OUT ") LIMIT 1";
    int64_t found = 0;
    return ferry_depot_query_number(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(c->mac), FERRY_DEPOT_QUERY_TEXT(c->chip)), &found);
}

int ferry_depot_job_claim(struct ferry_depot *self, const struct ferry_depot_claim *what, struct ferry_depot_job *out)
{
    struct claiming c = {.claim = what, .out = out};
    int status = ferry_depot_query_check_some(self, "the worker's name", what->worker, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_device_mac_or_none(self, what->mac, c.mac);
    if (status >= 0 && what->chip && *what->chip)
        status = ferry_depot_device_chip(self, what->chip, c.chip);
    if (status >= 0) // most of the time there is nothing, and nothing needs to be locked to see that
        status = any_to_claim(self, &c);
    return status <= 0 ? status : ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, claim, &c);
}

// ---- reporting ----

struct reporting {
    int64_t id;
    const char *worker;
    uint32_t attempt;
    const struct ferry_depot_report *report;
    char mac[FERRY_DEPOT_MAC]; // that the report says
    bool device_taken;         // it was given back: another claim holds the device
};

static int not_yours(struct ferry_depot *self, int64_t id)
{
    return ferry_depot_engine_fail(
        self, FERRY_ERR_CANCELLED, "stop; claim the next one",
        "job %lld is not this updater's (any more): it was cancelled, it is over, or it took "
        "too long without a report and somebody else has it",
        (long long)id);
}

// Also of a claim that has run out, while nobody else has the job or its device.
#define MINE "id = $1 AND worker = $2 AND attempt = $3 AND state <= 2"

static int go_on(struct ferry_depot *self, const struct reporting *r)
{
    static const char sql[] =
        "UPDATE job SET state = 2, bytes_done = $4, bytes_total = $5, renewed = ferry_now(),"
        " silent = silent - CASE WHEN state = 0 THEN 1 ELSE 0 END,"
        " target = CASE WHEN mac <> '' THEN mac WHEN $6 <> '' THEN $6 ELSE target END, " CHANGED " WHERE " MINE
        " AND NOT EXISTS (SELECT 1 FROM job h WHERE h.state IN (1, 2) AND h.target <> '' AND h.id <> job.id"
        " AND h.target = CASE WHEN job.mac <> '' THEN job.mac WHEN $6 <> '' THEN $6 ELSE job.target END)";
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(r->id), FERRY_DEPOT_QUERY_TEXT(r->worker),
                                FERRY_DEPOT_QUERY_NUMBER(r->attempt), FERRY_DEPOT_QUERY_NUMBER(r->report->bytes_done),
                                FERRY_DEPOT_QUERY_NUMBER(r->report->bytes_total), FERRY_DEPOT_QUERY_TEXT(r->mac)));
}

static int give_back(struct ferry_depot *self, const struct reporting *r)
{
    static const char sql[] =
        "UPDATE job SET state = 0, bytes_done = 0, worker = '', target = '', " CHANGED " WHERE " MINE;
    return ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(r->id),
                                                             FERRY_DEPOT_QUERY_TEXT(r->worker),
                                                             FERRY_DEPOT_QUERY_NUMBER(r->attempt)));
}

static int finish(struct ferry_depot *self, const struct reporting *r)
{
    static const char sql[] =
        "UPDATE job SET state = $4, status = $5, words = $6, bytes_written = $7, bytes_skipped = $8, retries = $9,"
        " elapsed = $10, bytes_done = CASE WHEN $4 = 3 THEN bytes_total ELSE bytes_done END, mac = CASE"
        " WHEN mac <> '' THEN mac WHEN $11 <> '' THEN $11 WHEN $4 = 3 THEN target ELSE '' END,"
        " finished = ferry_now(), " CHANGED " WHERE " MINE;
    const struct ferry_depot_report *p = r->report;
    bool done = p->state == FERRY_DEPOT_JOB_DONE;
    const char *status = p->status ? p->status : done ? "OK" : "UNKNOWN";
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(r->id), FERRY_DEPOT_QUERY_TEXT(r->worker),
                                FERRY_DEPOT_QUERY_NUMBER(r->attempt), FERRY_DEPOT_QUERY_NUMBER(p->state),
                                FERRY_DEPOT_QUERY_TEXT(status), FERRY_DEPOT_QUERY_TEXT(p->text),
                                FERRY_DEPOT_QUERY_NUMBER(p->bytes_written), FERRY_DEPOT_QUERY_NUMBER(p->bytes_skipped),
                                FERRY_DEPOT_QUERY_NUMBER(p->retries), FERRY_DEPOT_QUERY_NUMBER(p->elapsed_ms),
                                FERRY_DEPOT_QUERY_TEXT(r->mac)));
}

// The device runs the job's build now, or what the report says.
static int note_device(struct ferry_depot *self, const struct reporting *r)
{
    static const char sql[] =
        "INSERT INTO device (mac, chip, name, channel, project, wants, version, running, first_seen, last_seen)"
        " SELECT j.mac, j.chip, '', '', CASE WHEN $2 = 1 THEN $3 ELSE j.project END, j.project,"
        " CASE WHEN $4 = 1 THEN $5 ELSE j.version END, CASE WHEN $6 = 1 THEN $7 ELSE COALESCE(b.app_sha256, $7) END,"
        " ferry_now(), ferry_now() FROM job j LEFT JOIN build b ON b.id = j.build WHERE j.id = $1 AND j.mac <> ''"
        " ON CONFLICT (mac) DO UPDATE SET project = excluded.project, wants = excluded.wants,"
        " version = excluded.version,"
        " chip = CASE WHEN excluded.chip = '' THEN device.chip ELSE excluded.chip END,"
        " first_seen = CASE WHEN device.first_seen = 0 THEN excluded.first_seen ELSE device.first_seen END,"
        " running = excluded.running, last_seen = excluded.last_seen";
    static const uint8_t none[FERRY_SHA256_SIZE];
    const struct ferry_depot_report *p = r->report;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(r->id), FERRY_DEPOT_QUERY_NUMBER(p->project != 0),
                                FERRY_DEPOT_QUERY_TEXT(p->project), FERRY_DEPOT_QUERY_NUMBER(p->version != 0),
                                FERRY_DEPOT_QUERY_TEXT(p->version), FERRY_DEPOT_QUERY_NUMBER(p->running_sha256 != 0),
                                FERRY_DEPOT_QUERY_SHA256(p->running_sha256 ? p->running_sha256 : none)));
}

static int report(struct ferry_depot *self, void *ctx)
{
    struct reporting *r = ctx;
    enum ferry_depot_job_state state = r->report->state;
    int status = state == FERRY_DEPOT_JOB_RUNNING  ? go_on(self, r)
                 : state == FERRY_DEPOT_JOB_QUEUED ? give_back(self, r)
                                                   : finish(self, r);
    if (status == 0 && state == FERRY_DEPOT_JOB_RUNNING) {
        status = give_back(self, r); // it was the device, if this claim still is one
        r->device_taken = status > 0;
    }
    if (status == 0)
        return not_yours(self, r->id);
    if (status > 0 && state == FERRY_DEPOT_JOB_DONE)
        status = note_device(self, r);
    return status;
}

static int check_report(struct ferry_depot *self, const char *worker, const struct ferry_depot_report *r)
{
    if (r->state == FERRY_DEPOT_JOB_CLAIMED || r->state >= FERRY_DEPOT_JOB_CANCELLED)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "queued, running, done or failed",
                                       "a report cannot make a job %s", ferry_depot_job_state_name(r->state));
    int status = ferry_depot_query_check_some(self, "the worker's name", worker, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the status", r->status, sizeof((struct ferry_depot_job *)0)->status);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the text", r->text, FERRY_DEPOT_NOTE);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the project", r->project, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the version", r->version, FERRY_DEPOT_TEXT);
    return status;
}

int ferry_depot_job_report(struct ferry_depot *self, int64_t id, const char *worker, uint32_t attempt,
                           const struct ferry_depot_report *what)
{
    struct reporting r = {.id = id, .worker = worker, .attempt = attempt, .report = what};
    bool progress = what->state == FERRY_DEPOT_JOB_RUNNING;
    int status = check_report(self, worker, what);
    if (status >= 0)
        status = ferry_depot_device_mac_or_none(self, what->mac, r.mac);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, progress ? FERRY_DEPOT_ENGINE_RELAXED : FERRY_DEPOT_ENGINE_WRITE,
                                               report, &r);
    if (status >= 0 && r.device_taken)
        return ferry_depot_engine_fail(self, FERRY_ERR_CANCELLED, "stop; claim the next one",
                                       "another updater is at work on the device of job %lld: the job waits again",
                                       (long long)id);
    return status < 0 ? status : FERRY_OK;
}

// ---- the rest ----

static int cancel(struct ferry_depot *self, void *ctx)
{
    static const char sql[] =
        "UPDATE job SET state = 5, finished = ferry_now(), " CHANGED " WHERE id = $1 AND state <= 2";
    return ferry_depot_query_changes(self,
                                     FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(*(const int64_t *)ctx)));
}

int ferry_depot_job_cancel(struct ferry_depot *self, int64_t id)
{
    struct ferry_depot_job job;
    int64_t which = id;
    int status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, cancel, &which);
    if (status != 0)
        return status < 0 ? status : FERRY_OK;
    status = ferry_depot_job_get(self, id, &job);
    return status < 0 ? status
                      : ferry_depot_engine_fail(self, FERRY_ERR_STATE, "nothing is to be cancelled",
                                                "job %lld is over already: %s", (long long)id,
                                                ferry_depot_job_state_name(job.state));
}

int ferry_depot_job_get(struct ferry_depot *self, int64_t id, struct ferry_depot_job *out)
{
    int status =
        rows(self, FERRY_DEPOT_QUERY(self, "SELECT " COLUMNS " FROM job WHERE id = $1", FERRY_DEPOT_QUERY_NUMBER(id)),
             out, 1);
    return status == 0 ? no_job(self, id) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_job_list(struct ferry_depot *self, const struct ferry_depot_job_filter *filter,
                         struct ferry_depot_job *out, size_t cap)
{
    // One bit of the wanted states for each state.
    static const char sql[] =
        "SELECT " COLUMNS " FROM job WHERE id < $1 AND changed >= $2 AND ($3 = '' OR project = $3)"
        " AND ($4 = '' OR mac = $4) AND ($5 = '' OR worker = $5) AND ((state = 0 AND $6 = 1) OR (state = 1 AND $7 = 1)"
        " OR (state = 2 AND $8 = 1) OR (state = 3 AND $9 = 1) OR (state = 4 AND $10 = 1) OR (state = 5 AND $11 = 1))"
        " ORDER BY id DESC LIMIT $12";
    struct ferry_depot_job_filter all = {0};
    const struct ferry_depot_job_filter *f = filter ? filter : &all;
    unsigned states = f->states ? f->states : ~0u;
    char mac[FERRY_DEPOT_MAC];
    int status = ferry_depot_query_check(self, "the project", f->project, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_device_mac_or_none(self, f->mac, mac);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the worker", f->worker, FERRY_DEPOT_TEXT);
    if (status < 0)
        return status;
    return rows(self,
                FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(f->before > 0 ? f->before : INT64_MAX),
                                  FERRY_DEPOT_QUERY_NUMBER(f->changed_since), FERRY_DEPOT_QUERY_TEXT(f->project),
                                  FERRY_DEPOT_QUERY_TEXT(mac), FERRY_DEPOT_QUERY_TEXT(f->worker),
                                  FERRY_DEPOT_QUERY_NUMBER(states & 1), FERRY_DEPOT_QUERY_NUMBER(states >> 1 & 1),
                                  FERRY_DEPOT_QUERY_NUMBER(states >> 2 & 1), FERRY_DEPOT_QUERY_NUMBER(states >> 3 & 1),
                                  FERRY_DEPOT_QUERY_NUMBER(states >> 4 & 1), FERRY_DEPOT_QUERY_NUMBER(states >> 5 & 1),
                                  FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000)),
                out, cap);
}
