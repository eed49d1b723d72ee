// --trace FILE: every byte on the wire, for people who look for a fault.
//
//        12.345 > c0 00 08 24 00 ...   time in seconds; > to the target, < from it, # a note
#ifndef FERRY_APP_TRACE_H
#define FERRY_APP_TRACE_H

#include <stdio.h>

#include "ferry/io/trace.h"
#include "updater/fault.h"

struct cli_trace {
    FILE *file;
    struct ferry_trace trace; // file NULL: not used
    uint32_t start_ms;
    int started;
};

// path NULL: no trace. "-" is stderr. 0, or FERRY_ERR_STORAGE_WRITE with *fault filled.
int cli_trace_open(struct cli_trace *self, const char *path, struct ferry_fault *fault);
// 0, or FERRY_ERR_STORAGE_WRITE: it is not whole (the disk is full). May be called twice.
int cli_trace_close(struct cli_trace *self);
static inline const struct ferry_trace *cli_trace_get(const struct cli_trace *self)
{
    return self->file ? &self->trace : 0;
}

#endif
