// The journal: what the target's own digest has proved, per cargo and target, so that an interrupted job resumes.
//
// It is a memory and an accelerator, never a proof: the flasher asks the target for the MD5 of whatever the journal
// lists before it skips it. A lost or damaged journal therefore costs time and nothing else.
//
// One file per target and cargo in a folder of the card: MAC-SHA.fjr (12 and 16 hex digits), removed when the job has
// ended well. Append-only; every record has a CRC-32 that also covers the header, so that stale bytes of another file
// are never taken for records. A file that exists is first rewritten under another name (.new) and put in place by a
// rename.
//
//   header  0 "FERJ"  4 version 1  5 regions  6 MAC (6)  12 SHA-256 (32)  44 total size  48 time (8)  56 0 (4)  60 CRC
//   record  0 0xA5  1 region  2 number (2)  4 offset  8 length  12 CRC of bytes 0..11, continued from the header's CRC
//
// All numbers are little endian. CRC-32 is that of zlib and Ethernet.
#ifndef FERRY_UPDATER_JOURNAL_H
#define FERRY_UPDATER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ferry/engine/flasher.h"
#include "updater/fault.h"
#include "updater/limits.h"

#define FERRY_JOURNAL_PATH FERRY_CARGO_PATH
#define FERRY_JOURNAL_HEADER 64
#define FERRY_JOURNAL_RECORD 16

// What the job is about.
struct ferry_journal_key {
    uint8_t mac[6];
    uint8_t sha256[32];                 // of the plan
    const struct ferry_region *regions; // the caller's, as long as the journal is open
    uint8_t region_count;
};

enum ferry_journal_found {
    FERRY_JOURNAL_NONE = 0, // no earlier job
    FERRY_JOURNAL_RESUMED,  // records of an interrupted job were taken (proved_bytes)
    FERRY_JOURNAL_TORN,     // the same, and its last record was incomplete and dropped
    FERRY_JOURNAL_DAMAGED,  // there was a file, and nothing of it is used
};

struct ferry_journal {
    struct ferry_journal_key key;
    char path[FERRY_JOURNAL_PATH];
    FILE *file; // NULL: closed
    enum ferry_journal_found found;
    int64_t found_utc;     // when the interrupted job began, 0 = unknown
    uint32_t proved_bytes; // listed by the file that was found
    uint32_t header_crc;
    uint16_t records;
    int status; // first error of writing; nothing is written after it
};

// Opens the journal of this job in `dir` (made when missing) and sets the bits of `proved` (bits per 64 KB segment over
// all regions in order, as in struct ferry_rom_job) for segments that lie whole in what the file lists. `utc` =
// seconds since 1970, for people. 0; FERRY_ERR_STORAGE_WRITE with *fault filled: the job can go on without (add and
// finish then do nothing). found, found_utc and proved_bytes are valid in both cases.
int ferry_journal_open(struct ferry_journal *self, const char *dir, const struct ferry_journal_key *key, int64_t utc,
                       uint8_t *proved, size_t proved_size, struct ferry_fault *fault);
// Appends: these bytes of the region are proved. 0 or FERRY_ERR_STORAGE_WRITE (first error sticks).
int ferry_journal_add(struct ferry_journal *self, uint8_t region, uint32_t offset, uint32_t len);
// Ends: complete removes the file, else it stays for the next time. Safe to call again, and on a journal never opened
// that is all zero.
void ferry_journal_close(struct ferry_journal *self, bool complete);
// 64 KB segments of all regions together.
size_t ferry_journal_segments(const struct ferry_region *regions, uint8_t count);

#endif
