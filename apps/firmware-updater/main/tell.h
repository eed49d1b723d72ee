// What the console says. All of it comes from the bench's task.
#ifndef FERRY_FIRMWARE_TELL_H
#define FERRY_FIRMWARE_TELL_H

#include "updater/card.h"
#include "updater/job.h"
#include "updater/settings.h"
#include "updater/updater.h"

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
// "what", "where", "try: hint", the target's own error byte. name: of the port, or NULL.
void tell_fault(const char *name, const struct ferry_fault *fault);
void tell_card(const struct ferry_card *card, const char *name, uint32_t megabytes);
void tell_list(const struct ferry_card *card);
void tell_settings(const struct ferry_settings *settings, const char *only); // only NULL = all
// A job as it stands: says what has changed since the last call for this port.
void tell_job(unsigned port, const char *name, struct ferry_job *job);
void tell_event(const char *name, const struct ferry_job_event *event);
void tell_target(const char *name, const struct ferry_target *target);
void tell_ended(unsigned port, const char *name, const struct ferry_updater_outcome *outcome);
void tell_clear(unsigned port);                  // the next job is another one
void tell_log(const char *path, unsigned lines); // its last lines

#endif
