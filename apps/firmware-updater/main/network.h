// The updater's page: network, web server, and what the bench tells it. Without CONFIG_FERRY_UPDATER_NETWORK nothing of
// it is in the build.
#ifndef FERRY_FIRMWARE_NETWORK_H
#define FERRY_FIRMWARE_NETWORK_H

#include "sdkconfig.h"
#include "updater/updater.h"

enum network_wifi {
    NETWORK_WIFI_OFF = 0,
    NETWORK_WIFI_AP,
    NETWORK_WIFI_STATION,
};

#if CONFIG_FERRY_UPDATER_NETWORK
enum network_wifi network_wifi(void);             // what it was started as
void network_start(void);                         // once the settings are there
void network_poll(struct ferry_updater *updater); // carries out what the page asks for
void network_lock(void);
void network_unlock(void);
void network_tell_card(const struct ferry_fault *fault);
void network_tell_job(unsigned port, const struct ferry_job *job);
// A look that nobody on the page has asked for.
void network_tell_seen(unsigned port, const struct ferry_job *job, const struct ferry_updater_outcome *outcome);
// A build for the port's job is on its way; file NULL = not any more.
void network_tell_fetching(unsigned port, const char *file, uint64_t done, uint64_t size);
void network_tell_event(unsigned port, const struct ferry_job_event *event);
void network_tell_ended(unsigned port, const struct ferry_job *job, const struct ferry_updater_outcome *outcome);
void network_tell_status(void);
const struct ferry_cargo *network_build(const char *id); // a build as the page names it; NULL = not one
#else
static inline enum network_wifi network_wifi(void)
{
    return NETWORK_WIFI_OFF;
}
static inline void network_start(void)
{
}
static inline void network_poll(struct ferry_updater *updater)
{
    (void)updater;
}
static inline void network_lock(void)
{
}
static inline void network_unlock(void)
{
}
static inline void network_tell_card(const struct ferry_fault *fault)
{
    (void)fault;
}
static inline void network_tell_job(unsigned port, const struct ferry_job *job)
{
    (void)port, (void)job;
}
static inline void network_tell_fetching(unsigned port, const char *file, uint64_t done, uint64_t size)
{
    (void)port, (void)file, (void)done, (void)size;
}
static inline void network_tell_seen(unsigned port, const struct ferry_job *job,
                                     const struct ferry_updater_outcome *outcome)
{
    (void)port, (void)job, (void)outcome;
}
static inline void network_tell_event(unsigned port, const struct ferry_job_event *event)
{
    (void)port, (void)event;
}
static inline void network_tell_ended(unsigned port, const struct ferry_job *job,
                                      const struct ferry_updater_outcome *outcome)
{
    (void)port, (void)job, (void)outcome;
}
static inline void network_tell_status(void)
{
}
static inline const struct ferry_cargo *network_build(const char *id)
{
    (void)id;
    return NULL;
}
#endif

#endif
