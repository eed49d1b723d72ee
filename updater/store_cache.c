#include "updater/store_cache.h"

#include <stdbool.h>
#include <stdlib.h>

static bool same_key(const struct ferry_store_cache_key *a, const struct ferry_store_cache_key *b)
{
    return a->offset == b->offset && a->len == b->len && a->region == b->region && a->kind == b->kind &&
           a->owner == b->owner;
}

static struct ferry_store_cache_item **bucket(struct ferry_store_cache *self, const struct ferry_store_cache_key *key)
{
    uint32_t h = key->offset * 0x9e3779b1u ^ key->len * 0x85ebca6bu ^ ((uint32_t)key->kind << 8 | key->region);
    h ^= (uint32_t)((uintptr_t)key->owner >> 6);
    return &self->table[(h ^ h >> 15) % FERRY_STORE_BUCKETS];
}

static void unlink_item(struct ferry_store_cache *self, struct ferry_store_cache_item *item)
{
    *(item->newer ? &item->newer->older : &self->newest) = item->older;
    *(item->older ? &item->older->newer : &self->oldest) = item->newer;
}

static void link_newest(struct ferry_store_cache *self, struct ferry_store_cache_item *item)
{
    item->newer = NULL;
    item->older = self->newest;
    *(self->newest ? &self->newest->newer : &self->oldest) = item;
    self->newest = item;
}

struct ferry_store_cache_item *ferry_store_cache_find(struct ferry_store_cache *self,
                                                      const struct ferry_store_cache_key *key)
{
    struct ferry_store_cache_item *item = *bucket(self, key);
    while (item && !same_key(&item->key, key))
        item = item->chain;
    if (item) {
        unlink_item(self, item);
        link_newest(self, item);
    }
    return item;
}

void ferry_store_cache_discard(struct ferry_store_cache *self, struct ferry_store_cache_item *item)
{
    self->memory -= sizeof *item + item->size;
    free(item);
}

static void drop(struct ferry_store_cache *self, struct ferry_store_cache_item *item)
{
    struct ferry_store_cache_item **at = bucket(self, &item->key);
    while (*at != item)
        at = &(*at)->chain;
    *at = item->chain;
    unlink_item(self, item);
    ferry_store_cache_discard(self, item);
}

struct ferry_store_cache_item *ferry_store_cache_new(struct ferry_store_cache *self,
                                                     const struct ferry_store_cache_key *key, uint32_t size)
{
    size_t whole = sizeof(struct ferry_store_cache_item) + size;
    while (self->oldest && self->memory + whole > self->limit)
        drop(self, self->oldest);
    struct ferry_store_cache_item *item = malloc(whole);
    if (!item)
        return NULL;
    *item = (struct ferry_store_cache_item){.key = *key, .size = size};
    self->memory += whole;
    if (self->memory > self->memory_peak)
        self->memory_peak = self->memory;
    return item;
}

void ferry_store_cache_keep(struct ferry_store_cache *self, struct ferry_store_cache_item *item)
{
    struct ferry_store_cache_item **at = bucket(self, &item->key);
    item->chain = *at;
    *at = item;
    link_newest(self, item);
}

struct ferry_store_cache_item *ferry_store_cache_fit(struct ferry_store_cache *self,
                                                     struct ferry_store_cache_item *item, uint32_t size)
{
    self->memory -= item->size - size;
    item->size = size;
    struct ferry_store_cache_item *smaller = realloc(item, sizeof *item + size);
    return smaller ? smaller : item;
}

void ferry_store_cache_drop_owner(struct ferry_store_cache *self, const void *owner)
{
    struct ferry_store_cache_item *older;
    for (struct ferry_store_cache_item *item = self->newest; item; item = older) {
        older = item->older;
        if (item->key.owner == owner)
            drop(self, item);
    }
}
