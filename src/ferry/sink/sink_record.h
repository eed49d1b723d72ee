// The sink's own notes in flash: one record of 64 bytes per update, in the rest of an otadata sector, behind the
// bootloader's 32-byte entry. They are what survives a reset: which update is unfinished, which one is on trial, how
// often it failed, why it was given up.
//
//   0   "FjU1" | slot u8 | options u8 | attempts u8 | FF | size u32
//   12  seq u32 of the otadata entry, FF until it is about to be selected
//   16  SHA-256 of the image
//   48  CRC-32 of bytes 0 .. 12 and 16 .. 48
//   52  marks, FF until set: selected | confirmed | aborted | started | reasons of giving up, four bytes |
//       failures, a bit each | power losses, a bit each | FF FF
//
// A record is written once and then only loses bits, so noting and counting needs no erase. A torn record has a wrong
// CRC and is skipped; a torn mark counts as set.
#ifndef FERRY_SINK_SINK_RECORD_H
#define FERRY_SINK_SINK_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/base/manifest.h"
#include "ferry/io/flash.h"

#define FERRY_SINK_RECORD_SIZE 64u
#define FERRY_SINK_RECORD_BITS 8 // counters go so far

enum ferry_sink_record_mark { // offset in the record
    FERRY_SINK_RECORD_SELECTED = 52,
    FERRY_SINK_RECORD_CONFIRMED = 53,
    FERRY_SINK_RECORD_ABORTED = 54,
    FERRY_SINK_RECORD_STARTED = 55,
    FERRY_SINK_RECORD_REASON = 56, // + enum ferry_give_up - 1
    FERRY_SINK_RECORD_FAILURES = 60,
    FERRY_SINK_RECORD_POWER_LOSSES = 61,
};

struct ferry_sink_record {
    uint32_t address; // in flash; 0 = there is none
    uint8_t slot, options, attempts;
    uint32_t size, seq;
    uint8_t sha256[32];
    bool selected, confirmed, aborted, started;
    uint8_t reason; // enum ferry_give_up
    uint8_t failures, power_losses;
};

// The last whole record of the otadata sector at this address (address 0 in *out = none). 0 or FERRY_ERR_STORAGE_READ.
int ferry_sink_record_last(const struct ferry_flash *flash, uint32_t sector, struct ferry_sink_record *out);
// Where the next one goes; *address = 0: the sector is full. 0 or FERRY_ERR_STORAGE_READ.
int ferry_sink_record_room(const struct ferry_flash *flash, uint32_t sector, uint32_t *address);
// Writes slot, options, attempts, size and sha256 at self->address, which room() gave. 0, FERRY_ERR_WRITE_FAILED.
int ferry_sink_record_write(const struct ferry_flash *flash, struct ferry_sink_record *self);
// Writes the sequence number, once. 0, FERRY_ERR_WRITE_FAILED, FERRY_ERR_STORAGE_READ.
int ferry_sink_record_set_seq(const struct ferry_flash *flash, struct ferry_sink_record *self, uint32_t seq);
// Sets a mark that is one byte; adds one to a counter (FAILURES, POWER_LOSSES; full counters stay full). *self follows.
int ferry_sink_record_set(const struct ferry_flash *flash, struct ferry_sink_record *self,
                          enum ferry_sink_record_mark mark);
int ferry_sink_record_count(const struct ferry_flash *flash, struct ferry_sink_record *self,
                            enum ferry_sink_record_mark counter);
int ferry_sink_record_give_up(const struct ferry_flash *flash, struct ferry_sink_record *self,
                              enum ferry_give_up reason);
// Begun, and neither selected nor aborted nor given up. / Selected, and neither confirmed nor given up.
bool ferry_sink_record_unfinished(const struct ferry_sink_record *self);
bool ferry_sink_record_on_trial(const struct ferry_sink_record *self);

#endif
