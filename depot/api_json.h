// JSON of the depot's API: what others send is taken apart within bounds, what the depot holds is written.
#ifndef FERRY_DEPOT_API_JSON_H
#define FERRY_DEPOT_API_JSON_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "depot/depot.h"

#define FERRY_DEPOT_API_JSON_MAX 65536u // bytes of a body
#define FERRY_DEPOT_API_JSON_DEPTH 8
#define FERRY_DEPOT_API_JSON_VALUES 1024

// Parses an object; whatever follows it but white space, a zero byte, broken UTF-8, two members of one name, more depth
// or values than above: NULL, and *why says what is wrong (static text). NULL and why "no memory".
cJSON *ferry_depot_api_json_parse(const char *text, size_t len, const char **why);

// Members of an object. False: there, and not what it must be (*out is untouched when it is not there; null is there).
bool ferry_depot_api_json_text(const cJSON *object, const char *name, const char **out); // a text without control codes
bool ferry_depot_api_json_count(const cJSON *object, const char *name, uint64_t *out);   // whole, below 10^15
bool ferry_depot_api_json_id(const cJSON *object, const char *name, int64_t *out);       // "12" or 12, > 0
bool ferry_depot_api_json_sha256(const cJSON *object, const char *name, uint8_t out[32], bool *there);

// Text to numbers. False: not exactly that.
bool ferry_depot_api_json_read_id(const char *text, int64_t *out);          // decimal, > 0
bool ferry_depot_api_json_read_sha256(const char *text, uint8_t out[32]);   // 64 hex digits
bool ferry_depot_api_json_read_address(const char *text, uint32_t *out);    // 0x10000, 65536
void ferry_depot_api_json_hex(const uint8_t *bytes, size_t len, char *out); // 2 * len + 1 bytes

// What the depot holds, as objects; NULL = no memory.
cJSON *ferry_depot_api_json_build(const struct ferry_depot_build *build);
cJSON *ferry_depot_api_json_file(const struct ferry_depot_file *file);
cJSON *ferry_depot_api_json_channel(const struct ferry_depot_channel *channel);
cJSON *ferry_depot_api_json_device(const struct ferry_depot_device *device);
cJSON *ferry_depot_api_json_job(const struct ferry_depot_job *job);
cJSON *ferry_depot_api_json_token(const struct ferry_depot_token *token);
cJSON *ferry_depot_api_json_scopes(unsigned scopes);
void ferry_depot_api_json_add_id(cJSON *object, const char *name, int64_t id); // as text

#endif
