// Firmware over the network: builds of a depot (ferry depot serve) and files of web servers, fetched onto the card by a
// task of its own, then flashed like what lies on the card. Also what the depot is asked by itself: what a target
// should run (depot.use = check-in), and its jobs (depot.use = jobs).
//
// All calls come from the bench's task. Without CONFIG_FERRY_UPDATER_DEPOT nothing of it is in the build.
#ifndef FERRY_FIRMWARE_DEPOT_H
#define FERRY_FIRMWARE_DEPOT_H

#include <stdbool.h>

#include "sdkconfig.h"
#include "updater/updater.h"
#include "updater/web.h"

#if CONFIG_FERRY_UPDATER_DEPOT
void depot_start(struct ferry_updater *updater); // once the settings are there, before the network
// The page's way to the depot; NULL: there is none. *secure: it is asked by https, which takes more stack.
const struct ferry_web_depot *depot_of_page(bool *secure);
// "depot:kettle@stable", "depot:SHA256", "depot:https://...", "https://...": what is fetched first.
bool depot_names(const char *cargo);
// depot.use says that the depot decides what a target gets.
bool depot_decides(void);
// For struct ferry_updater_cfg.choose, with a cargo that depot_names(): 0, FERRY_ERR_BUSY (it is being fetched),
// others.
int depot_choose(unsigned port, const char *cargo, const struct ferry_target *target, struct ferry_cargo *out,
                 struct ferry_fault *fault);
int depot_ask(unsigned port);      // what should this target run? Then it gets it. 0, FERRY_ERR_BUSY
int depot_fetch(const char *what); // onto the card only; 0, FERRY_ERR_BUSY
bool depot_abort(unsigned port);   // port of the bench, or BENCH_ALL: true = there was something
void depot_poll(bool card, uint32_t now_ms);
bool depot_looks(unsigned port);                            // the port's job is a look of ours: nobody has to be told
bool depot_busy(void);                                      // something writes the card
bool depot_holds(unsigned port);                            // a build is on its way for this port
void depot_job(unsigned port, const struct ferry_job *job); // as it runs: for the depot's own list
void depot_ended(unsigned port, const struct ferry_updater_outcome *outcome, uint32_t now_ms);
void depot_tell_status(void);
#else
static inline void depot_start(struct ferry_updater *updater)
{
    (void)updater;
}
static inline const struct ferry_web_depot *depot_of_page(bool *secure)
{
    *secure = false;
    return NULL;
}
static inline bool depot_names(const char *cargo)
{
    (void)cargo;
    return false;
}
static inline bool depot_decides(void)
{
    return false;
}
static inline int depot_choose(unsigned port, const char *cargo, const struct ferry_target *target,
                               struct ferry_cargo *out, struct ferry_fault *fault)
{
    (void)port, (void)cargo, (void)target, (void)out, (void)fault;
    return -1;
}
static inline int depot_ask(unsigned port)
{
    (void)port;
    return -1;
}
static inline bool depot_abort(unsigned port)
{
    (void)port;
    return false;
}
static inline void depot_poll(bool card, uint32_t now_ms)
{
    (void)card, (void)now_ms;
}
static inline bool depot_looks(unsigned port)
{
    (void)port;
    return false;
}
static inline bool depot_busy(void)
{
    return false;
}
static inline bool depot_holds(unsigned port)
{
    (void)port;
    return false;
}
static inline void depot_job(unsigned port, const struct ferry_job *job)
{
    (void)port, (void)job;
}
static inline void depot_ended(unsigned port, const struct ferry_updater_outcome *outcome, uint32_t now_ms)
{
    (void)port, (void)outcome, (void)now_ms;
}
static inline void depot_tell_status(void)
{
}
#endif

#endif
