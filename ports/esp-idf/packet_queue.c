#include "ports/esp-idf/packet_queue.h"

#include <string.h>

bool ferry_idf_packet_queue_init(struct ferry_idf_packet_queue *self, struct ferry_idf_clock *clock)
{
    self->clock = clock;
    self->queue = xQueueCreate(FERRY_IDF_PACKET_COUNT, sizeof(struct ferry_idf_packet));
    return self->queue != NULL;
}

void ferry_idf_packet_queue_free(struct ferry_idf_packet_queue *self)
{
    if (self->queue)
        vQueueDelete(self->queue);
    self->queue = NULL;
}

void ferry_idf_packet_queue_put(struct ferry_idf_packet_queue *self, const uint8_t *from, const uint8_t *bytes,
                                size_t len)
{
    struct ferry_idf_packet packet = {.len = (uint8_t)len};
    if (len == 0 || len > sizeof packet.bytes)
        return;
    if (from)
        memcpy(packet.from, from, sizeof packet.from);
    memcpy(packet.bytes, bytes, len);
    (void)xQueueSend(self->queue, &packet, 0);
    if (self->clock)
        ferry_idf_clock_wake(self->clock);
}

bool ferry_idf_packet_queue_take(struct ferry_idf_packet_queue *self, struct ferry_idf_packet *out)
{
    return xQueueReceive(self->queue, out, 0) == pdTRUE;
}
