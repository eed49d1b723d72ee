// A port to copy: Ferry's interfaces (src/ferry/io) over a board's own functions (board.h). docs/porting.md goes
// through it.
#ifndef PORTS_TEMPLATE_PORT_H
#define PORTS_TEMPLATE_PORT_H

#include "ferry/io/clock.h"
#include "ferry/io/flash.h"
#include "ferry/io/lines.h"
#include "ferry/io/source.h"
#include "ferry/io/stream.h"

struct ferry_stream ferry_template_stream(void);         // the UART to the target (or, on a target, to the updater)
struct ferry_lines ferry_template_lines(void);           // its reset and boot pin; leave out where there are none
struct ferry_clock ferry_template_clock(void);           // for ferry_pump_run(); not needed by who calls step()
struct ferry_flash ferry_template_flash(uint32_t bytes); // a target's own flash, for the sinks
// A file of your file system as a source. file stays open and the caller's.
struct ferry_template_file {
    void *file;
    bool (*read_at)(void *file, uint32_t offset, void *buf, size_t len); // false: it cannot be read
};
struct ferry_source ferry_template_source(struct ferry_template_file *file, uint32_t bytes);

#endif
