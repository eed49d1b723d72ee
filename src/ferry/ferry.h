// The library: every public header, and the conventions that all functions share. Programs include "ferry.h".
//
// THE PARTS
//   base    status codes, byte order, time            codec   pure formats: SLIP, COBS, ROM commands, ESP image, tables
//   chip    one table of chips                        engine  state machines: flasher (ROM route), link ends
//   io      interfaces that a platform implements     wire    portable adapters over io: packets, bit-banged pins
//   source  portable sources of bytes                 sink    where a receiver puts them: OTA slot, partition
//   pump    the loop that joins engine, wire and source
//
// CONVENTIONS
//   Results     int: 0 or a count on success, a negative enum ferry_status on failure (ferry/base/status.h). Every code
//               has a name, a text and a hint.
//   Memory      The library allocates nothing. Structs are the caller's; sizes are known at compile time; a buffer that
//               is handed in stays the caller's and must live as long as the header says.
//   Config      const structs, copied at init; a field of 0 means its default, and each field states unit and range.
//   Time        Milliseconds in a uint32_t that may wrap (ferry/base/time.h), passed in. Nothing reads a clock.
//   Blocking    Nothing blocks but ferry_pump_run(), which exists for programs that have nothing else to do.
//   Threads     No globals. One engine is used by one thread at a time; several engines need no locks.
//   Callbacks   Only at the platform border (ferry/io): context first; the header says what may block.
//   Strings     Those returned are static and never NULL, in English, without a full stop.
//   Numbers     On the wire little endian unless a format says otherwise. Addresses are flash addresses in bytes.
#ifndef FERRY_FERRY_H
#define FERRY_FERRY_H

#define FERRY_VERSION_MAJOR 0
#define FERRY_VERSION_MINOR 1
#define FERRY_VERSION_PATCH 0
#define FERRY_VERSION "0.1.0"

#include "ferry/base/bytes.h"
#include "ferry/base/http_text.h"
#include "ferry/base/manifest.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/chip/chip.h"
#include "ferry/engine/engine.h"
#include "ferry/engine/flasher.h"
#include "ferry/engine/link_receiver.h"
#include "ferry/engine/link_sender.h"
#include "ferry/io/clock.h"
#include "ferry/io/datagram.h"
#include "ferry/io/deflate.h"
#include "ferry/io/digest.h"
#include "ferry/io/flash.h"
#include "ferry/io/http.h"
#include "ferry/io/http_answer.h"
#include "ferry/io/lines.h"
#include "ferry/io/pins.h"
#include "ferry/io/sink.h"
#include "ferry/io/source.h"
#include "ferry/io/stream.h"
#include "ferry/io/trace.h"
#include "ferry/pump/pump.h"
#include "ferry/pump/receiver_pump.h"
#include "ferry/pump/supply.h"
#include "ferry/sink/sink_by_kind.h"
#include "ferry/sink/sink_ota.h"
#include "ferry/sink/sink_partition.h"
#include "ferry/source/blob.h"
#include "ferry/source/http.h"
#include "ferry/source/memory.h"
#include "ferry/source/overlay.h"
#include "ferry/source/prefetch.h"
#include "ferry/source/region.h"
#include "ferry/wire/packet.h"
#include "ferry/wire/soft_uart.h"
#include "ferry/wire/two_wire.h"

#endif
