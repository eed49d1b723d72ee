#include "bench_ports.h"

#include <stdlib.h>

#include "board.h"
#include "ferry/base/status.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "kept.h"

#define BLOCK (6144 + 64) // the largest block that a ROM loader takes, with its frame

static struct {
    struct ferry_idf_clock *clock;
    struct wire {
        bool open, has_lines;
        struct ferry_idf_uart uart;
        struct ferry_idf_lines idf_lines;
        struct ferry_stream stream;
        struct ferry_lines lines;
        uint8_t *block;
    } wires[BOARD_TARGETS];
} ports;

void bench_ports_init(struct ferry_idf_clock *clock)
{
    ports.clock = clock;
}

static int give(struct ferry_fault *fault, const struct ferry_idf_error *error, unsigned port)
{
    ferry_fault_set(fault, error->status, board_target_names[port], "%s", error->what);
    if (error->hint && error->hint[0])
        ferry_fault_hint(fault, "%s", error->hint);
    return error->status;
}

static int open_wire(struct wire *wire, unsigned port, struct ferry_fault *fault)
{
    struct ferry_idf_error error = {0};
    struct ferry_idf_uart_cfg uart = board_uarts[port];
    const struct ferry_idf_lines_cfg *lines = &board_lines[port];
    uart.clock = ports.clock;
    if (!wire->block)
        wire->block = malloc(BLOCK);
    if (!wire->block)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, board_target_names[port], "no memory for the block buffer");
    if (ferry_idf_uart_open(&wire->uart, &uart, &wire->stream, &error) < 0)
        return give(fault, &error, port);
    wire->has_lines = lines->reset_pin >= 0 && lines->boot_pin >= 0;
    if (wire->has_lines && ferry_idf_lines_open(&wire->idf_lines, lines, &wire->lines, &error) < 0) {
        ferry_idf_uart_close(&wire->uart);
        return give(fault, &error, port);
    }
    wire->open = true;
    return FERRY_OK;
}

// The wire stays open between jobs: its buffers are taken once.
int bench_ports_open(void *ctx, unsigned port, struct ferry_job_cfg *job, struct ferry_fault *fault)
{
    struct wire *wire = &ports.wires[port];
    const struct ferry_settings *s = kept_settings();
    (void)ctx;
    int status = wire->open ? FERRY_OK : open_wire(wire, port, fault);
    if (status < 0)
        return status;
    job->stream = &wire->stream;
    job->lines = wire->has_lines ? &wire->lines : NULL;
    job->after = wire->has_lines ? FERRY_AFTER_HARD_RESET : FERRY_AFTER_NO_RESET;
    job->flasher = (struct ferry_flasher_cfg){
        .block = wire->block,
        .block_size = BLOCK,
        .chip = FERRY_CHIP_ANY,
        .has_lines = wire->has_lines,
        .baud = ferry_settings_number(s, "baud"),
        .connect_attempts = 3,
    };
    job->link.sender.start_baud = ferry_settings_number(s, "link_baud");
    job->link.sender.baud = ferry_settings_number(s, "baud");
    return FERRY_OK;
}

void bench_ports_close(void *ctx, unsigned port)
{
    (void)ctx;
    struct wire *wire = &ports.wires[port];
    if (wire->open && wire->has_lines)
        wire->lines.set(wire->lines.ctx, false, false);
}

void bench_ports_release(unsigned port)
{
    struct wire *wire = &ports.wires[port];
    if (!wire->open || !wire->has_lines)
        return;
    wire->lines.set(wire->lines.ctx, true, false);
    vTaskDelay(pdMS_TO_TICKS(100));
    wire->lines.set(wire->lines.ctx, false, false);
}
