#include "depot/api_parts.h"

enum {
    READ = FERRY_DEPOT_SCOPE_READ,
    WRITE = FERRY_DEPOT_SCOPE_WRITE,
    DEVICE = FERRY_DEPOT_SCOPE_DEVICE,
    WORK = FERRY_DEPOT_SCOPE_WORK,
    ADMIN = FERRY_DEPOT_SCOPE_ADMIN,
};

// Who may read one build and its bytes: those who look, those who flash, and devices that update themselves.
#define FETCH (READ | WORK | DEVICE)

const struct api_route api_routes[] = {
    {"GET", "info", 0, API_NONE, api_info, NULL},
    {"GET", "health", 0, API_NONE, api_health, NULL},
    {"GET", "stats", READ, API_NONE, api_stats, NULL},
    {"GET", "builds", READ | WORK, API_NONE, api_list_builds, NULL},
    {"POST", "builds", WRITE, API_JSON, api_add_build, NULL},
    {"GET", "builds/*", FETCH, API_NONE, api_show_build, NULL},
    {"DELETE", "builds/*", WRITE, API_NONE, api_remove_build, NULL},
    {"GET", "builds/*/app", FETCH, API_NONE, api_get_app, NULL},
    {"GET", "ota/*", FETCH, API_NONE, api_get_ota, NULL},
    {"GET", "ota/*/*", FETCH, API_NONE, api_get_ota, NULL},
    {"PUT", "files/**", WRITE, API_STREAM, api_put_file, api_begin_upload},
    {"PUT", "blobs", WRITE, API_STREAM, api_put_blob, api_begin_upload},
    {"GET", "blobs/*", FETCH, API_NONE, api_get_blob, NULL},
    {"GET", "channels", READ, API_NONE, api_list_channels, NULL},
    {"PUT", "channels/*", WRITE, API_JSON, api_set_channel, NULL},
    {"DELETE", "channels/*", WRITE, API_NONE, api_remove_channel, NULL},
    {"GET", "devices", READ, API_NONE, api_list_devices, NULL},
    {"GET", "devices/*", READ, API_NONE, api_show_device, NULL},
    {"PUT", "devices/*", WRITE, API_JSON, api_set_device, NULL},
    {"DELETE", "devices/*", WRITE, API_NONE, api_remove_device, NULL},
    {"POST", "checkin", DEVICE | WORK, API_JSON, api_checkin, NULL},
    {"GET", "jobs", READ | WORK, API_NONE, api_list_jobs, NULL},
    {"POST", "jobs", WRITE, API_JSON, api_add_job, NULL},
    {"POST", "jobs/claim", WORK, API_JSON, api_claim_job, NULL},
    {"GET", "jobs/*", READ | WORK, API_NONE, api_show_job, NULL},
    {"DELETE", "jobs/*", WRITE, API_NONE, api_cancel_job, NULL},
    {"POST", "jobs/*/report", WORK, API_JSON, api_report_job, NULL},
    {"GET", "events", READ, API_NONE, api_events, NULL},
    {"GET", "tokens", ADMIN, API_NONE, api_list_tokens, NULL},
    {"POST", "tokens", ADMIN, API_JSON, api_add_token, NULL},
    {"DELETE", "tokens/*", ADMIN, API_NONE, api_remove_token, NULL},
};
const size_t api_routes_count = sizeof api_routes / sizeof *api_routes;
