// The shape that every engine has, so that one pump, one progress display and one job runner serve all of them.
//
// An engine is a state machine in a struct whose size is known at compile time. It does no I/O, allocates nothing,
// never blocks and knows no clock: time comes in as now_ms. It says what it wants (wants), takes what arrived (feed),
// gives what has to go out (poll), asks for data (request) and takes it (supply). The first error sticks: wants()
// says FAILED from then on and error() tells the cause.
#ifndef FERRY_ENGINE_ENGINE_H
#define FERRY_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ferry_want {
    FERRY_WANT_TX = 1 << 0,     // poll() has bytes for the wire
    FERRY_WANT_RX = 1 << 1,     // feed() is waiting for bytes from the wire
    FERRY_WANT_DATA = 1 << 2,   // request() says what; answer with supply() or supply_failed()
    FERRY_WANT_LINES = 1 << 3,  // lines() says what; answer with lines_done()
    FERRY_WANT_WAIT = 1 << 4,   // time must pass: call step() at deadline()
    FERRY_WANT_OUTPUT = 1 << 5, // output() has bytes that were read from the target
    FERRY_WANT_DONE = 1 << 6,   // the operation has ended well
    FERRY_WANT_FAILED = 1 << 7, // the operation has ended; see error()
};

enum ferry_request_kind {
    FERRY_REQUEST_RAW = 1,         // bytes offset .. offset+len of the region
    FERRY_REQUEST_MD5 = 2,         // 16 bytes: MD5 of segment_offset .. +segment_len of the region
    FERRY_REQUEST_PACKED_SIZE = 3, // 4 bytes LE: size of the zlib stream of that segment; 0 = cannot be packed
    FERRY_REQUEST_PACKED = 4,      // bytes offset .. offset+len of that zlib stream
    FERRY_REQUEST_SHA256 = 5,      // 32 bytes: SHA-256 of segment_offset .. +segment_len of the region
    FERRY_REQUEST_MD5_OF = 6,      // 16 bytes: MD5 of the engine's own bytes (request.bytes, segment_len of them)
};

// Bytes behind the end of a region read as 0xFF: a segment may reach beyond it (the ESP32's deflate tail).

struct ferry_request {
    enum ferry_request_kind kind;
    uint8_t region;          // index into the regions of the job
    uint32_t offset;         // RAW: in the region; PACKED: in the packed stream
    uint32_t len;            // bytes wanted; 16, 4 or 32 for MD5, PACKED_SIZE, SHA256
    uint32_t segment_offset; // MD5, PACKED_SIZE, PACKED, SHA256: which bytes of the region are meant
    uint32_t segment_len;
    const uint8_t *bytes; // MD5_OF: the engine's; valid until supply()
};

// What should happen on the lines of the target and on our end of the wire, in this order: set reset and boot (if
// set_lines), change our baud rate (if baud is not 0, after everything written has left), wait hold_ms, drop whatever
// has been received (if flush), then lines_done().
struct ferry_line_request {
    bool set_lines;
    bool reset_asserted;
    bool boot_asserted;
    bool flush;
    uint32_t baud;
    uint32_t hold_ms;
};

enum ferry_event_kind {
    FERRY_EVENT_NONE = 0,
    FERRY_EVENT_STEP,    // a new step began; text is its name for people ("connecting", "erasing", ...)
    FERRY_EVENT_NOTE,    // worth a line in a log
    FERRY_EVENT_WARNING, // worth a line on the screen (a retry, a lower baud rate)
    FERRY_EVENT_REGION,  // a[0] = region whose proof is complete; a[1] = bytes written, a[2] = bytes skipped
    FERRY_EVENT_SEGMENT, // a[0] = region, a[1] = offset, a[2] = length: proved by the target's own digest (journal it)
};

struct ferry_event {
    enum ferry_event_kind kind;
    const char *text; // static string; never NULL
    uint32_t a[3];
};

struct ferry_progress {
    const char *step; // static string: what is going on
    uint8_t region;   // region under work
    uint8_t region_count;
    uint32_t region_done; // bytes of this region that are on the target (written or found unchanged)
    uint32_t region_size;
    uint32_t total_done; // the same over all regions
    uint32_t total_size;
    uint32_t wire_bytes; // bytes sent so far, all included
    uint32_t skipped;    // bytes found unchanged
    uint32_t retries;    // repeated commands and segments
    uint32_t baud;       // rate in use, 0 = none
};

struct ferry_error {
    int status;         // enum ferry_status; 0 = none
    const char *step;   // static string: during which step
    const char *detail; // static string with more about the cause, "" when there is nothing to add
    const char *hint;   // static string: what to try; "" = the status's own hint (ferry_status_hint)
    int peer_code;      // the target's own error byte, -1 = none
    uint32_t address;   // flash address concerned, UINT32_MAX = none
};

struct ferry_engine_ops {
    uint32_t (*wants)(const void *self);
    size_t (*feed)(void *self, const uint8_t *bytes, size_t len, uint32_t now_ms); // consumed (may be less than len)
    size_t (*poll)(void *self, uint8_t *buf, size_t cap, uint32_t now_ms);         // produced
    void (*step)(void *self, uint32_t now_ms);                                     // lets time pass
    uint32_t (*deadline)(const void *self, uint32_t now_ms);                       // ms until step() must be called
    bool (*request)(const void *self, struct ferry_request *out);
    void (*supply)(void *self, uint32_t offset, const uint8_t *bytes, size_t len, uint32_t now_ms);
    void (*supply_failed)(void *self, int status);
    bool (*lines)(const void *self, struct ferry_line_request *out);
    void (*lines_done)(void *self, uint32_t now_ms);
    size_t (*output)(void *self, uint32_t *offset, uint8_t *buf, size_t cap); // takes bytes read from the target
    bool (*event)(void *self, struct ferry_event *out);                       // takes the oldest, false = none
    void (*progress)(const void *self, struct ferry_progress *out);
    void (*error)(const void *self, struct ferry_error *out);
};

// supply() rules: offset must be the offset of the request (RAW, PACKED; 0 for the others); RAW and PACKED may be
// answered in several pieces of any size > 0, in order; the engine then asks for the rest.

#endif
