#include "ports/esp-idf/clock.h"

#include <sys/select.h>

#include "esp_attr.h"
#include "esp_timer.h"
#include "freertos/task.h"

enum { LOOK_MS = 5 };

uint32_t ferry_idf_clock_now(void)
{
    return (uint32_t)(esp_timer_get_time() / 1000);
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return ferry_idf_clock_now();
}

static TickType_t ticks(uint32_t ms)
{
    uint64_t n = ((uint64_t)ms * configTICK_RATE_HZ + 999) / 1000;
    return n < portMAX_DELAY ? (TickType_t)n : portMAX_DELAY - 1;
}

static void watch(const struct ferry_idf_clock *self, uint32_t ms)
{
    fd_set readable;
    int highest = -1;
    struct timeval timeout = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    FD_ZERO(&readable);
    for (size_t i = 0; i < self->socket_count; i++) {
        FD_SET(self->sockets[i], &readable);
        highest = self->sockets[i] > highest ? self->sockets[i] : highest;
    }
    (void)select(highest + 1, &readable, NULL, NULL, &timeout);
}

static void wait(void *ctx, uint32_t ms)
{
    struct ferry_idf_clock *self = ctx;
    if (ms == 0)
        return;
    if (self->socket_count == 0) {
        (void)xSemaphoreTake(self->arrived, ticks(ms));
        return;
    }
    if (self->woken && xSemaphoreTake(self->arrived, 0) == pdTRUE)
        return;
    watch(self, self->woken && ms > LOOK_MS ? LOOK_MS : ms);
}

struct ferry_clock ferry_idf_clock_init(struct ferry_idf_clock *self)
{
    *self = (struct ferry_idf_clock){0};
    self->arrived = xSemaphoreCreateBinaryStatic(&self->memory);
    return (struct ferry_clock){.ctx = self, .now_ms = now_ms, .wait = wait};
}

void ferry_idf_clock_wake(struct ferry_idf_clock *self)
{
    self->woken = true;
    (void)xSemaphoreGive(self->arrived);
}

// In IRAM as the UART's interrupt is: while flash is being written nothing else can be run.
bool IRAM_ATTR ferry_idf_clock_wake_from_isr(struct ferry_idf_clock *self)
{
    BaseType_t higher = pdFALSE;
    self->woken = true;
    (void)xSemaphoreGiveFromISR(self->arrived, &higher);
    return higher == pdTRUE;
}

bool ferry_idf_clock_add(struct ferry_idf_clock *self, int socket)
{
    if (self->socket_count == FERRY_IDF_CLOCK_SOCKETS) {
        self->woken = true;
        return false;
    }
    self->sockets[self->socket_count++] = socket;
    return true;
}

void ferry_idf_clock_remove(struct ferry_idf_clock *self, int socket)
{
    for (size_t i = 0; i < self->socket_count; i++)
        if (self->sockets[i] == socket)
            self->sockets[i] = self->sockets[--self->socket_count];
}
