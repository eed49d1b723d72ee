#include "depot/api_limit.h"

#include <string.h>

void ferry_depot_api_limit_init(struct ferry_depot_api_limit *self, uint32_t rate, uint32_t burst, uint64_t salt)
{
    memset(self, 0, sizeof *self);
    self->rate = rate;
    self->burst = burst < UINT32_MAX / 1000 ? burst : UINT32_MAX / 1000;
    self->salt = salt;
}

// FNV-1a, salted: two keys that share a bucket share a limit, which nobody can bring about without the salt.
static uint64_t hash(uint64_t salt, const char *key)
{
    uint64_t h = 0xcbf29ce484222325u ^ salt;
    for (; *key; key++)
        h = (h ^ (uint8_t)*key) * 0x100000001b3u;
    h ^= h >> 32;
    return h ? h : 1;
}

static struct ferry_depot_api_limit_bucket *find(struct ferry_depot_api_limit *self, uint64_t key, uint32_t now)
{
    struct ferry_depot_api_limit_bucket *set = self->buckets[key % FERRY_DEPOT_API_LIMIT_SETS], *oldest = set;
    for (int i = 0; i < 4; i++) {
        if (set[i].key == key)
            return &set[i];
        if (oldest->key && (!set[i].key || now - set[i].at_ms > now - oldest->at_ms))
            oldest = &set[i];
    }
    *oldest = (struct ferry_depot_api_limit_bucket){key, now, self->burst * 1000};
    return oldest;
}

bool ferry_depot_api_limit_take(struct ferry_depot_api_limit *self, const char *key, uint32_t cost, uint32_t now_ms)
{
    if (self->rate == UINT32_MAX)
        return true;
    struct ferry_depot_api_limit_bucket *bucket = find(self, hash(self->salt, key), now_ms);
    uint64_t filled = bucket->milli + (uint64_t)(now_ms - bucket->at_ms) * self->rate;
    uint64_t full = (uint64_t)self->burst * 1000, price = (uint64_t)cost * 1000;
    filled = filled < full ? filled : full;
    bucket->at_ms = now_ms;
    bool enough = filled >= (price ? price : 1000);
    bucket->milli = (uint32_t)(enough ? filled - price : filled);
    return enough;
}
