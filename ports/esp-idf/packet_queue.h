// Packets on their way from a radio's callback to the task that steps the engine: a FreeRTOS queue of whole packets.
#ifndef PORTS_ESP_IDF_PACKET_QUEUE_H
#define PORTS_ESP_IDF_PACKET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "ports/esp-idf/clock.h"

#define FERRY_IDF_PACKET_MAX 250
#define FERRY_IDF_PACKET_COUNT 24

struct ferry_idf_packet {
    uint8_t len, from[6];
    uint8_t bytes[FERRY_IDF_PACKET_MAX];
};

struct ferry_idf_packet_queue {
    QueueHandle_t queue;
    struct ferry_idf_clock *clock;
};

// Takes 6 KB of heap. false: there is no memory.
bool ferry_idf_packet_queue_init(struct ferry_idf_packet_queue *self, struct ferry_idf_clock *clock);
void ferry_idf_packet_queue_free(struct ferry_idf_packet_queue *self);
// From a callback in a task. A packet for which there is no room is lost, as packets may be. from NULL = 0.
void ferry_idf_packet_queue_put(struct ferry_idf_packet_queue *self, const uint8_t *from, const uint8_t *bytes,
                                size_t len);
// false: none now.
bool ferry_idf_packet_queue_take(struct ferry_idf_packet_queue *self, struct ferry_idf_packet *out);

#endif
