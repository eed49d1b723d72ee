// The parts of the receiver (ferry_receiver.h), shared by its files.
#ifndef PORTS_ESP_IDF_RECEIVER_PARTS_H
#define PORTS_ESP_IDF_RECEIVER_PARTS_H

#include "esp_partition.h"
#include "ferry/engine/link_receiver.h"
#include "ferry/pump/receiver_pump.h"
#include "ferry/sink/sink_by_kind.h"
#include "ferry/sink/sink_ota.h"
#include "ferry/sink/sink_partition.h"
#include "ferry/wire/packet.h"
#include "ferry/wire/soft_uart.h"
#include "ferry/wire/two_wire.h"
#include "ferry_receiver.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "ports/esp-idf/ble.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/digest.h"
#include "ports/esp-idf/espnow.h"
#include "ports/esp-idf/flash.h"
#include "ports/esp-idf/pins.h"
#include "ports/esp-idf/tcp.h"
#include "ports/esp-idf/uart.h"
#include "ports/esp-idf/udp.h"

struct ferry_receiver_wire_parts {
    struct ferry_stream stream;
    struct ferry_datagram datagram;
    uint32_t wire_buffer; // see struct ferry_link_receiver_cfg
    bool deaf;
    struct ferry_wire_packet *packet; // allocated for packet wires
    struct ferry_idf_uart uart;
    struct ferry_idf_tcp tcp;
    struct ferry_idf_udp udp;
    struct ferry_idf_ble *ble;
    struct ferry_idf_espnow *espnow;
    struct ferry_wire_soft_uart *soft_uart; // allocated
    struct ferry_wire_two_wire *two_wire;   // allocated
    struct ferry_idf_pin pins[2];
    struct ferry_pin pin_io[2];
    struct ferry_idf_ticker ticker;
};

struct ferry_receiver_self {
    struct ferry_receiver_config config;
    char name[32];
    struct ferry_idf_clock idf_clock;
    struct ferry_clock clock;
    struct ferry_idf_digest idf_digest;
    struct ferry_digest digest;
    struct ferry_flash flash;
    // Sinks: what is given to the pump is `sink`, which tells the application and ESP-IDF and passes on to `inner`.
    struct ferry_sink_ota ota;
    struct ferry_sink_partition data;
    struct ferry_sink_by_kind by_kind;
    struct ferry_sink firmware, partition, inner, sink;
    const esp_partition_t *running;
    struct ferry_receiver_wire_parts wire;
    bool wire_open;
    struct ferry_link_receiver engine;
    struct ferry_receiver_pump pump;
    uint8_t *window, *frame;
    TaskHandle_t task;
    SemaphoreHandle_t ended; // given when the task has left its loop
    uint32_t heap;           // bytes that start() has taken
    uint32_t looked_ms;      // when ESP-IDF was asked whether the application has confirmed
    int last_error;          // of the wire, that was logged
    volatile bool stop, confirm, give_up;
};

// receiver_sink.c: opens flash and sinks and looks after a trial. 0, FERRY_SINK_OTA_RESTART, negative status.
int ferry_receiver_sink_open(struct ferry_receiver_self *self);
// The application has said to ESP-IDF that it is good, and the sink has not heard of it yet.
bool ferry_receiver_sink_confirmed(struct ferry_receiver_self *self);
void ferry_receiver_tell(struct ferry_receiver_self *self, enum ferry_receiver_event event);

// receiver_wire.c. 0, or a negative status; the log says why.
int ferry_receiver_wire_open(struct ferry_receiver_self *self);
void ferry_receiver_wire_close(struct ferry_receiver_self *self);
// Waits until what was written has left (at most 500 ms).
void ferry_receiver_wire_drain(struct ferry_receiver_self *self);

#endif
