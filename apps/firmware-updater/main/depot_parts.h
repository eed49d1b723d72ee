// Between the bench's side of the depot (depot.c, depot_work.c) and its task (depot_task.c): errands, one for each
// target and one for the console. An errand belongs to the bench while it is at REST or DONE, else to the task.
#ifndef FERRY_FIRMWARE_DEPOT_PARTS_H
#define FERRY_FIRMWARE_DEPOT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "updater/cargo.h"
#include "updater/depot_client.h"
#include "updater/fault.h"
#include "updater/updater.h"
#include "updater/web.h"

#define DEPOT_CONSOLE BOARD_TARGETS // the errand of "fetch"
#define DEPOT_ERRANDS (BOARD_TARGETS + 1)
#define DEPOT_LEASE_MS 900000u // of a job: long enough to fetch a build without reporting meanwhile
#define DEPOT_CACHE BOARD_CARD_PATH "/.ferry/cache"

enum errand_what {
    ERRAND_FETCH = 1, // reference -> cargo
    ERRAND_CHECK_IN,  // device -> answer
    ERRAND_CLAIM,     // device.chip, device.mac -> job
    ERRAND_REPORT,    // job, report
};

enum errand_phase { ERRAND_REST = 0, ERRAND_ASKED, ERRAND_AT_WORK, ERRAND_DONE };

struct errand {
    enum errand_phase phase;
    enum errand_what what;
    bool stop;                               // the task shall end it; it is at REST afterwards
    char reference[FERRY_UPDATER_CARGO];     // "depot:kettle@stable", "https://..."
    struct ferry_depot_client_device device; // FETCH: its chip
    struct ferry_depot_client_answer answer;
    struct ferry_depot_client_job job;
    struct ferry_depot_client_report report;
    int status; // of what was done; CLAIM: 1 = there is a job
    struct ferry_fault fault;
    struct ferry_cargo cargo;
    char path[FERRY_CARGO_PATH];   // what was fetched
    char folder[FERRY_CARGO_PATH]; // of the cache: stays as long as it is named here
    uint32_t fetched, kept, unchanged;
    // While it is fetched.
    char file[40];
    uint32_t at, size;
};

extern struct errand depot_errands[DEPOT_ERRANDS];

void depot_lock(void);
void depot_unlock(void);
// Hands depot_errands[i], which the bench has filled, to the task.
void depot_hand_over(unsigned i);
const char *depot_url(void);                 // "" = none
bool depot_task_start(uint64_t cache_limit); // false: no memory
void depot_task_limit(uint64_t cache_limit); // bytes
uint32_t depot_task_stack_left(void);        // bytes
const struct ferry_web_depot *depot_task_page(bool *secure);

// The bench's side of what the depot decides (depot_work.c).
void depot_work_start(struct ferry_updater *updater);
void depot_work_poll(uint32_t now_ms);
int depot_work_ask(unsigned port);
bool depot_work_abort(unsigned port, uint32_t now_ms);
bool depot_work_has(unsigned port); // the errand of this port is its
int depot_work_choose(unsigned port, const struct ferry_target *target, struct ferry_cargo *out,
                      struct ferry_fault *fault);
void depot_work_job(unsigned port, const struct ferry_job *job);
bool depot_work_looks(unsigned port);
bool depot_work_ended(unsigned port, const struct ferry_updater_outcome *outcome, uint32_t now_ms); // true: was its

#endif
