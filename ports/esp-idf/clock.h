// The clock of ESP-IDF: esp_timer, and waiting on a semaphore that the streams of this port give when bytes arrive.
//
// One clock for one task: the one that steps the engines. A UART, ESP-NOW and BLE wake it from their interrupts and
// callbacks; sockets by select(). Where both are in use the sockets are looked at every 5 ms.
#ifndef PORTS_ESP_IDF_CLOCK_H
#define PORTS_ESP_IDF_CLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "ferry/io/clock.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#define FERRY_IDF_CLOCK_SOCKETS 4

struct ferry_idf_clock {
    StaticSemaphore_t memory;
    SemaphoreHandle_t arrived;
    int sockets[FERRY_IDF_CLOCK_SOCKETS];
    size_t socket_count;
    bool woken; // something uses the semaphore
};

// now_ms() is esp_timer_get_time() / 1000, from any task. wait() rounds up to whole ticks: CONFIG_FREERTOS_HZ=1000
// makes that 1 ms. Takes no heap. *self must outlive the result and stay where it is.
struct ferry_clock ferry_idf_clock_init(struct ferry_idf_clock *self);
// Wakes the task in wait(): something has arrived. From any task; the second one from interrupts (true: a task of
// higher priority was woken, so the interrupt should end with portYIELD_FROM_ISR()).
void ferry_idf_clock_wake(struct ferry_idf_clock *self);
bool ferry_idf_clock_wake_from_isr(struct ferry_idf_clock *self);
// A socket that wait() shall watch. false: the table is full (wait() then sleeps at most 5 ms).
bool ferry_idf_clock_add(struct ferry_idf_clock *self, int socket);
void ferry_idf_clock_remove(struct ferry_idf_clock *self, int socket);
uint32_t ferry_idf_clock_now(void); // the same time, without a clock

#endif
