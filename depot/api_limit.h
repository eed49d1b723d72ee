// How many requests somebody may make: a bucket for each key that fills at `rate` tokens a second up to `burst`; each
// request takes one out. A fixed table: when it is full, the bucket that was used longest ago is given to the new key.
// Someone with many addresses can push others' buckets out, which makes these full again, never empty.
#ifndef FERRY_DEPOT_API_LIMIT_H
#define FERRY_DEPOT_API_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define FERRY_DEPOT_API_LIMIT_SETS 256 // of 4 buckets each

struct ferry_depot_api_limit_bucket {
    uint64_t key;   // 0 = free
    uint32_t at_ms; // of the last look
    uint32_t milli; // tokens / 1000
};

struct ferry_depot_api_limit {
    uint32_t rate, burst; // rate UINT32_MAX = everything is allowed
    uint64_t salt;        // of the keys' hash
    struct ferry_depot_api_limit_bucket buckets[FERRY_DEPOT_API_LIMIT_SETS][4];
};

void ferry_depot_api_limit_init(struct ferry_depot_api_limit *self, uint32_t rate, uint32_t burst, uint64_t salt);
// Takes `cost` tokens of this key's bucket; false, and none taken: there are not enough. Cost 0 takes none and asks
// whether there is one. now_ms may wrap.
bool ferry_depot_api_limit_take(struct ferry_depot_api_limit *self, const char *key, uint32_t cost, uint32_t now_ms);

#endif
