// What the store keeps: byte strings by key, least recently used dropped first, within a limit. For store.c only.
#ifndef FERRY_UPDATER_STORE_CACHE_H
#define FERRY_UPDATER_STORE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "updater/limits.h"

struct ferry_store_cache_key {
    const void *owner; // all items of an owner can be dropped together
    uint8_t kind, region;
    uint32_t offset, len;
};

// In a list from the newest use to the oldest, and in a chain of the table.
struct ferry_store_cache_item {
    struct ferry_store_cache_item *newer, *older, *chain;
    struct ferry_store_cache_key key;
    uint32_t size;
    uint8_t bytes[];
};

// All zero but limit: empty.
struct ferry_store_cache {
    size_t limit, memory, memory_peak; // bytes
    struct ferry_store_cache_item *newest, *oldest;
    struct ferry_store_cache_item *table[FERRY_STORE_BUCKETS];
};

// NULL = not kept. What is found becomes the newest.
struct ferry_store_cache_item *ferry_store_cache_find(struct ferry_store_cache *self,
                                                      const struct ferry_store_cache_key *key);
// Memory for `size` bytes, counted but not yet found by anyone: fill it, then keep() or discard() it. What was used
// longest ago makes room, so pointers to kept items end here. NULL: no memory.
struct ferry_store_cache_item *ferry_store_cache_new(struct ferry_store_cache *self,
                                                     const struct ferry_store_cache_key *key, uint32_t size);
// Gives back what is behind the first `size` bytes of an item that is not yet kept; the item may move.
struct ferry_store_cache_item *ferry_store_cache_fit(struct ferry_store_cache *self,
                                                     struct ferry_store_cache_item *item, uint32_t size);
void ferry_store_cache_keep(struct ferry_store_cache *self, struct ferry_store_cache_item *item);
void ferry_store_cache_discard(struct ferry_store_cache *self, struct ferry_store_cache_item *item);
void ferry_store_cache_drop_owner(struct ferry_store_cache *self, const void *owner);

#endif
