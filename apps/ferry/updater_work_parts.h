// What the files of apps/ferry/updater_work*.c share: the slots, one for each port, and who may touch them.
//
//   loop (updater_work.c)                        thread (updater_work_talk.c)
//   UNKNOWN  nobody is known: look (probe)
//   LOOKING  ... is under way                    IDLE      ask the depot: claim a job / check in
//   FETCHING its build comes (updater_fetch.h)   FETCHING  \  a job's lease
//   READY    start it when the port is free      READY      > is renewed
//   RUNNING  it is written                       RUNNING   /
//   RESTING  check-in: told; until it has gone   OVER      tell what became of it
//   HELD     somebody else (the page) works here
//
// Everything below the mutex is touched under it only. While `asking` is set, the thread has the slot in its hands
// without the mutex (a request is under way): the loop leaves phase and target alone.
#ifndef FERRY_APP_UPDATER_WORK_PARTS_H
#define FERRY_APP_UPDATER_WORK_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "apps/ferry/updater_work.h"
#include "ports/posix/http_client.h"
#include "updater/depot_client.h"

enum work_phase {
    WORK_UNKNOWN,
    WORK_LOOKING,
    WORK_IDLE,
    WORK_FETCHING,
    WORK_READY,
    WORK_RUNNING,
    WORK_OVER,
    WORK_RESTING,
    WORK_HELD,
};

struct work_slot {
    enum work_phase phase, before; // before: of LOOKING
    unsigned index;
    uint32_t next_ms; // UNKNOWN: look, IDLE: ask, FETCHING to RUNNING: renew
    uint32_t look_ms; // with wait, IDLE and RESTING: see whether it is still there
    uint32_t ask_ms;  // RESTING: ask again
    uint32_t over_ms; // OVER: since
    unsigned silent;  // looks in a row that nobody answered
    bool asking;
    bool by_rom;   // no receiver answered when it was looked at: the loader is taken at once
    bool looked;   // at least once
    bool none;     // the last claim found nothing
    bool known;    // OVER: it is still the target below
    bool lost;     // the job is not ours any more
    bool swapped;  // another target than the job was claimed for
    bool told;     // that nobody answers
    bool stopped;  // by a person, on the page
    bool begun;    // FETCHING: the fetcher has been asked
    bool again;    // check-in: after it was flashed
    bool changed;  // the job may have altered the target's flash
    uint16_t chip; // enum ferry_chip_id
    char chip_name[FERRY_DEPOT_CLIENT_CHIP], label[24], mac[FERRY_DEPOT_CLIENT_MAC];
    struct ferry_running running;
    char hash[FERRY_DEPOT_CLIENT_SHA256]; // of what it runs, "" = not known
    struct ferry_depot_client_job job;
    struct ferry_depot_client_report report;
    struct ferry_depot_client_answer answer; // of the last check-in
    char tried[FERRY_DEPOT_CLIENT_SHA256];   // check-in: this build was brought, or failed: not again
    uint32_t fetched_percent;                // told last
    struct ferry_cargo *cargo;               // READY and RUNNING
};

// Something to be told, in the order in which it happened.
enum work_said {
    WORK_SAID_LINE,
    WORK_SAID_WARNING,
    WORK_SAID_REACHED,   // the depot answers again
    WORK_SAID_UNREACHED, // ... does not
    WORK_SAID_CLAIM,
    WORK_SAID_CHECKIN,
    WORK_SAID_LOST,
    WORK_SAID_REPORT,
    WORK_SAID_FETCH, // begins
    WORK_SAID_READY,
};

struct work_told {
    enum work_said what;
    int port; // -1 = of the depot
    char job[FERRY_DEPOT_CLIENT_ID];
    char project[FERRY_DEPOT_CLIENT_TEXT], version[FERRY_DEPOT_CLIENT_TEXT]; // of the build
    char state[16], result[24];                                              // REPORT
    uint32_t attempt;                                                        // CLAIM
    // CHECKIN
    struct ferry_depot_client_answer answer;
    struct ferry_running running;
    char hash[FERRY_DEPOT_CLIENT_SHA256]; // of what runs
    char chip[FERRY_DEPOT_CLIENT_CHIP], label[24], mac[FERRY_DEPOT_CLIENT_MAC];
    bool again;
    char text[256], hint[240];
};

struct updater_work {
    struct updater_work_cfg cfg;
    struct ferry_posix_http_client *posix_client;
    struct ferry_http_client http;
    struct ferry_depot_client client; // the thread's
    char project[FERRY_DEPOT_CLIENT_TEXT], channel[FERRY_DEPOT_CLIENT_TEXT];
    pthread_t thread;
    pthread_mutex_t mutex; // all below
    bool stop, reached;
    bool last; // the thread tells what is still to be told
    uint32_t failures, retry_ms;
    struct ferry_fault fatal; // status 0 = none
    struct ferry_fault first; // check-in: of the first target that nothing was brought to, status 0 = none
    struct work_told *told;
    unsigned told_count, told_cap;
    struct work_slot slots[];
};

static inline void work_lock(struct updater_work *self)
{
    pthread_mutex_lock(&self->mutex);
}

static inline void work_unlock(struct updater_work *self)
{
    pthread_mutex_unlock(&self->mutex);
}

static inline bool work_checks_in(const struct updater_work *self)
{
    return self->cfg.check_in;
}

uint32_t work_now_ms(void);
void work_over(struct work_slot *slot); // there is something to be told to the depot

// ---- updater_work_talk.c ----

void *work_talk(void *ctx); // the thread
// The job has come to an end here; under the mutex. altered: the target's flash may have been touched.
void work_end_job(struct work_slot *slot, const struct ferry_fault *fault, bool altered);

// ---- updater_work_say.c ----

// A new thing to be told; the oldest goes when there is no room. Under the mutex.
struct work_told *work_tell(struct updater_work *self, enum work_said what, int port);
void work_say(struct updater_work *self, int port, bool warning, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void work_show_all(struct updater_work *self); // by the loop, not under the mutex
// What stands in the port's line while nothing runs there; under the mutex.
void work_show_slot(struct updater_work *self, const struct work_slot *slot);

#endif
