// How long names and paths may be, and how much is listed at once. A computer has room for a card full of projects; on
// a chip all of it has to fit beside Wi-Fi into some 100 KB, so everything is a size smaller there. What does not fit
// is counted and told, never dropped silently. A build may define each of these itself; all files must agree.
#ifndef FERRY_UPDATER_LIMITS_H
#define FERRY_UPDATER_LIMITS_H

#ifdef ESP_PLATFORM
#define FERRY_LIMITS_SMALL 1
#else
#define FERRY_LIMITS_SMALL 0
#endif

#ifndef FERRY_CARGO_PATH
#define FERRY_CARGO_PATH                                                                                               \
    (FERRY_LIMITS_SMALL ? 160 : 512) // bytes of a path with the card's own folder, terminator included
#endif
#ifndef FERRY_CARGO_NAME
#define FERRY_CARGO_NAME (FERRY_LIMITS_SMALL ? 48 : 64) // bytes of a name for people
#endif
#ifndef FERRY_CARGO_LISTED
#define FERRY_CARGO_LISTED (FERRY_LIMITS_SMALL ? 16 : 64) // cargoes of one card
#endif
#ifndef FERRY_CARGO_REFUSED
#define FERRY_CARGO_REFUSED (FERRY_LIMITS_SMALL ? 6 : 32) // reasons for refusal, 700 bytes each
#endif
#ifndef FERRY_CARGO_MAX_REGIONS
#define FERRY_CARGO_MAX_REGIONS (FERRY_LIMITS_SMALL ? 12 : 32) // files of one cargo, at most FERRY_FLASHER_MAX_REGIONS
#endif
#ifndef FERRY_CARGO_FOLDER_NAMES
#define FERRY_CARGO_FOLDER_NAMES (FERRY_LIMITS_SMALL ? 250 : 1000) // entries of one folder that are looked at
#endif
#ifndef FERRY_JSON_MAX_SIZE
#define FERRY_JSON_MAX_SIZE ((FERRY_LIMITS_SMALL ? 16u : 256u) * 1024) // bytes; loaded whole, and parsed beside that
#endif
#ifndef FERRY_JSON_MAX_VALUES
#define FERRY_JSON_MAX_VALUES (FERRY_LIMITS_SMALL ? 512 : 4096) // some 60 bytes each
#endif
#ifndef FERRY_PLAN_BLOCK
#define FERRY_PLAN_BLOCK                                                                                               \
    (FERRY_LIMITS_SMALL ? 0x2000u                                                                                      \
                        : 0x4000u) // bytes of the regions that one fingerprint covers, and that are read at once
#endif
#ifndef FERRY_STORE_MEMORY_MIN
#define FERRY_STORE_MEMORY_MIN ((FERRY_LIMITS_SMALL ? 24u : 192u) << 10) // bytes; packing needs 160 KB of them
#endif
#ifndef FERRY_STORE_BUCKETS
#define FERRY_STORE_BUCKETS (FERRY_LIMITS_SMALL ? 64u : 1024u)
#endif
#ifndef FERRY_JOB_EVENTS
#define FERRY_JOB_EVENTS (FERRY_LIMITS_SMALL ? 8 : 24) // not yet taken; 256 bytes each
#endif
#ifndef FERRY_JOURNAL_SYNC
// Records of the journal until they are forced down to the card. A computer has handed them to its system anyway; on a
// chip a loss of power takes all that was not forced down.
#define FERRY_JOURNAL_SYNC (FERRY_LIMITS_SMALL ? 1 : 16)
#endif
#ifndef FERRY_DOWNLOAD_SYNC
// Bytes of a file that is fetched until they are forced down to the card: a loss of power takes at most so many.
#define FERRY_DOWNLOAD_SYNC ((FERRY_LIMITS_SMALL ? 64u : 1024u) << 10)
#endif
#ifndef FERRY_LOG_LINE
#define FERRY_LOG_LINE (FERRY_LIMITS_SMALL ? 1024 : 2048) // bytes of the longest line; fields are cut to fit
#endif

#endif
