// The depot's API without a server: requests are made as a server port would make them, the answer is read to its end.
#ifndef FERRY_TESTS_SUPPORT_API_RIG_H
#define FERRY_TESTS_SUPPORT_API_RIG_H

#include "depot/api.h"

#define API_RIG_BODY (1u << 20)

struct api_rig {
    struct ferry_depot_api *api;
    struct ferry_http_handler handler;
    struct ferry_clock clock;
    uint32_t now_ms;
    int digests; // that are not given back
    // The last answer.
    int status;
    struct ferry_http_answer answer; // closed already
    char body[API_RIG_BODY + 1];
    size_t len;
    bool whole;
};

struct api_rig_ask {
    const char *method, *target; // the target with its query, not decoded
    const char *token;           // NULL = none
    const char *const *headers;  // name, value, name, value, ..., NULL
    const void *body;
    size_t body_len;
    size_t piece;      // bytes at once, 0 = all
    size_t gone_after; // > 0: the peer goes after so many bytes of the body
    const char *peer;  // NULL = "192.0.2.1"
    size_t reads;      // of an endless answer, 0 = until it has nothing
};

// cfg: what is not given here is filled in. depot stays the caller's.
void api_rig_start(struct api_rig *rig, struct ferry_depot *depot, const struct ferry_depot_api_cfg *cfg);
void api_rig_end(struct api_rig *rig);
// The status; 0 = the peer had gone. -1 = a target that a port does not pass on.
int api_rig_ask(struct api_rig *rig, const struct api_rig_ask *ask);
const char *api_rig_header(const struct api_rig *rig, const char *name); // of the last answer, NULL = none

#endif
