// The receiver in one call: this firmware can be updated from then on, while it runs.
//
//     #include "ferry_receiver.h"
//
//     void app_main(void)
//     {
//         ferry_receiver_start(NULL); // updates over the console's UART: ferry send app.bin -p /dev/ttyUSB0
//         ... the application ...
//     }
//
// It needs a partition table with two OTA slots, and should have CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y: then a new
// firmware runs on trial, and one that crashes, hangs or is not confirmed gives way to the old one. The updater
// confirms it after it has read back its version and hash; an application that wants to judge by itself calls
// esp_ota_mark_app_valid_cancel_rollback() or ferry_receiver_confirm(), which come to the same.
//
// A task of its own does the work. Stack FERRY_RECEIVER_STACK; heap: see docs/guide/receiver-esp-idf.md, which has the
// measured figures. Several receivers (one per wire) are not supported in one firmware: they would write one slot.
#ifndef FERRY_RECEIVER_H
#define FERRY_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ferry_stream;
struct ferry_datagram;

#define FERRY_RECEIVER_STACK 6144

enum ferry_receiver_wire {
    FERRY_RECEIVER_UART = 0,
    FERRY_RECEIVER_TCP,      // listens; the application (or ferry_idf_net_*) brings the network up
    FERRY_RECEIVER_TCP_DIAL, // connects to host and port, again and again
    FERRY_RECEIVER_UDP,      // waits
    FERRY_RECEIVER_BLE,      // CONFIG_FERRY_BLE
    FERRY_RECEIVER_ESPNOW,   // CONFIG_FERRY_ESPNOW; Wi-Fi must have been started
    FERRY_RECEIVER_SOFT_UART,
    FERRY_RECEIVER_TWO_WIRE,
    FERRY_RECEIVER_STREAM,   // any io/stream.h of the caller's
    FERRY_RECEIVER_DATAGRAM, // any io/datagram.h of the caller's
};

enum ferry_receiver_event {
    FERRY_RECEIVER_TRIAL = 1,  // at the start: this firmware is on trial
    FERRY_RECEIVER_REVERTED,   // at the start: the last update was given up (ferry_receiver_give_up_reason())
    FERRY_RECEIVER_BEGUN,      // an update has begun
    FERRY_RECEIVER_COMPLETE,   // it is whole, proved and selected; it starts with the next reboot
    FERRY_RECEIVER_ABORTED,    // it was given up by the updater
    FERRY_RECEIVER_CONFIRMED,  // this firmware stays
    FERRY_RECEIVER_GIVEN_UP,   // this firmware was given up: the old one starts with the next reboot
    FERRY_RECEIVER_RESTARTING, // esp_restart() follows when the callback returns
};

struct ferry_receiver_config {
    enum ferry_receiver_wire wire;
    // UART: port (default 0: the console's), pins (0 = as they are, else GPIO number; GPIO0 itself is given as -1),
    // rate after a reset (0 = 115200), highest rate that the updater may switch to (0 = 921600; = baud: never another).
    int uart, tx_pin, rx_pin;
    uint32_t baud, max_baud;
    // TCP, UDP: 0 = 3232. TCP_DIAL: where to.
    uint16_t port;
    const char *host;
    const char *name; // BLE, mDNS (TCP and UDP); NULL = "ferry-" and the last three bytes of the MAC
    // SOFT_UART (9600 baud): tx_pin, rx_pin. TWO_WIRE: clock_pin, data_pin.
    int clock_pin, data_pin;
    const struct ferry_stream *stream;     // STREAM: stays the caller's
    const struct ferry_datagram *datagram; // DATAGRAM: stays the caller's
    // All wires.
    uint32_t window;     // bytes of chunk window, 0 = 8192; 1024 .. 61440, a multiple of 1024
    uint32_t buffer;     // bytes of the UART's ring, 0 = 10240
    uint32_t confirm_ms; // a firmware on trial is given up after so long without a confirmation; 0 = 60000
    uint8_t attempts;    // failed starts until a new firmware is given up; 0 = one
    bool no_partitions;  // only firmware: data partitions cannot be written
    uint32_t stack;      // bytes, 0 = FERRY_RECEIVER_STACK
    uint8_t priority;    // of the task, 0 = 5
    int8_t core;         // 0 = any, 1 = core 0, 2 = core 1
    // Is called by the receiver's task when something happens; must not block for long. NULL = none.
    void (*event)(void *ctx, enum ferry_receiver_event event);
    void *event_ctx;
};

// Starts the task. config NULL = all defaults; copied (texts, stream, datagram stay the caller's). Call it early: it
// looks after a trial first, and restarts the chip at once when another firmware is selected than the one that runs.
// ESP_OK; ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE (runs already), ESP_ERR_NO_MEM, ESP_ERR_NOT_FOUND (no second OTA
// slot or no otadata in the partition table), ESP_ERR_NOT_SUPPORTED (flash encryption; a wire that is not built in),
// ESP_FAIL (the wire cannot be opened; the log says why). Without a receiver the application runs on.
esp_err_t ferry_receiver_start(const struct ferry_receiver_config *config);
// Ends the task and gives everything back; not from its own event callback. An update under way stays unfinished in
// flash and can be continued.
void ferry_receiver_stop(void);
// The application's own judgement of a firmware on trial. From any task; they take effect at once in the receiver's
// task. ESP_OK, ESP_ERR_INVALID_STATE: not started.
esp_err_t ferry_receiver_confirm(void);
esp_err_t ferry_receiver_give_up(void); // the old firmware is selected; the caller restarts
bool ferry_receiver_on_trial(void);
// Why the last update was given up, for people: "nobody confirmed it in time"; "" = it was not.
const char *ferry_receiver_give_up_reason(void);

struct ferry_receiver_figures {
    uint32_t stack_free; // bytes of the task's stack that were never used (uxTaskGetStackHighWaterMark)
    uint32_t heap;       // bytes of heap that start() has taken
};

// ESP_OK, ESP_ERR_INVALID_STATE: not started.
esp_err_t ferry_receiver_measure(struct ferry_receiver_figures *out);

#ifdef __cplusplus
}
#endif

#endif
