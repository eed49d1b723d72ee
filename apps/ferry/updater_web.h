// `ferry updater --web`: the updater's page and API (updater/web.h) on a socket, beside the loop that drives the
// targets. The server has threads of its own; what people want is taken up in updater_web_poll().
#ifndef FERRY_APP_UPDATER_WEB_H
#define FERRY_APP_UPDATER_WEB_H

#include <stdbool.h>

#include "apps/ferry/updater_fetch.h"
#include "apps/ferry/web_tls.h"
#include "updater/card.h"
#include "updater/updater.h"
#include "updater/web.h"

struct updater_web;

struct updater_web_cfg {
    const char *listen;  // "[ADDRESS:]PORT", ADDRESS 127.0.0.1 unless named, "*" = all; PORT 0 = a free one
    const char *token;   // NULL = none on 127.0.0.1, a random one elsewhere
    struct web_tls *tls; // its options; the certificate is made here. NULL = no TLS. Stays until close()
    const char *name;    // for the page's head, NULL = the computer's
    struct ferry_card *card;
    const char *log_path;
    const char *const *port_names;
    unsigned port_count;
    bool rom, link;                // routes that jobs may take
    struct ferry_updater *updater; // may not be initialised yet: used from updater_web_poll() on
    // Looks at the card again (ferry_card_open); 0 or negative with *fault.
    int (*look)(void *ctx, struct ferry_fault *fault);
    void *ctx;
    const char *depot;           // address of a `ferry depot serve` whose builds the page offers too, NULL = none
    struct updater_fetch *fetch; // fetches those builds; NULL without depot
    // Others that work on the ports (updater_work.h), NULL = nobody. busy: a firmware is under way there; looks: it is
    // only being looked who is there; stop: ends what is under way and has not begun, true = that was all.
    bool (*busy)(void *ctx, unsigned port);
    bool (*looks)(void *ctx, unsigned port);
    bool (*stop)(void *ctx, unsigned port);
};

// Listens from here on. 0, or negative with *fault; then *out is NULL.
int updater_web_open(struct updater_web **out, const struct updater_web_cfg *cfg, struct ferry_fault *fault);
// Where a browser finds the page, with "#token=..." when there is one.
const char *updater_web_url(const struct updater_web *self);
// About its certificate, or that it has none where others can listen.
void updater_web_tell(const struct updater_web *self, struct cli_display *display);
// The address is one that other machines reach.
bool updater_web_is_open_to_others(const struct updater_web *self);

// In the loop, before or after every step: carries out what people want, tells how jobs stand.
void updater_web_poll(struct updater_web *self, uint32_t now_ms);
// An event that was taken out of a port's job.
void updater_web_event(struct updater_web *self, unsigned port, const struct ferry_job_event *event);
// From ferry_updater_cfg.ended.
void updater_web_ended(struct updater_web *self, unsigned port, const struct ferry_job *job,
                       const struct ferry_updater_outcome *outcome);
// Around a look at the card that nobody on the page has asked for; fault is what it said, NULL = well.
void updater_web_looking(struct updater_web *self);
void updater_web_looked(struct updater_web *self, const struct ferry_fault *fault);
// The firmware that the page has named for a port. 1 = *out is it; 0 = none was named; negative with *fault. What lies
// in the depot has been fetched before the job began.
int updater_web_choose(struct updater_web *self, unsigned port, const struct ferry_updater_wish *wish,
                       struct ferry_cargo *out, struct ferry_fault *fault);
// A build comes for a port, whoever has asked for it: `file` of it, done of size bytes; file NULL = not any more.
void updater_web_fetching(struct updater_web *self, unsigned port, const char *file, uint32_t done, uint32_t size);
// A look at who is there, which nobody on the page has asked for: the job that it was, NULL = nobody is there.
void updater_web_seen(struct updater_web *self, unsigned port, const struct ferry_job *job,
                      const struct ferry_running *running);
void updater_web_close(struct updater_web *self); // NULL allowed

#endif
