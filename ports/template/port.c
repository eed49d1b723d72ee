#include "ports/template/port.h"

#include "ferry/base/status.h"
#include "ports/template/board.h"

// --- the wire: nothing here may wait ---------------------------------------------------------------------------------

static int read_stream(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    return (int)board_uart_read(buf, cap);
}

static int write_stream(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    return (int)board_uart_write(bytes, len);
}

static int pending(void *ctx)
{
    (void)ctx;
    return (int)board_uart_unsent();
}

// The engine asks for it when everything has been handed to write(); the last bytes still have to leave.
static int set_baud(void *ctx, uint32_t baud)
{
    (void)ctx;
    while (board_uart_unsent() > 0)
        board_sleep(1);
    return board_uart_set_baud(baud) ? FERRY_OK : FERRY_ERR_BAUD;
}

struct ferry_stream ferry_template_stream(void)
{
    return (struct ferry_stream){.read = read_stream, .write = write_stream, .set_baud = set_baud, .pending = pending};
}

// --- reset and boot: asserted means low at the target's pin ----------------------------------------------------------

static int set_lines(void *ctx, bool reset_asserted, bool boot_asserted)
{
    (void)ctx;
    board_pin_low(reset_asserted, boot_asserted);
    return FERRY_OK;
}

struct ferry_lines ferry_template_lines(void)
{
    return (struct ferry_lines){.set = set_lines};
}

// --- time ------------------------------------------------------------------------------------------------------------

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return board_millis();
}

// Shorter is allowed, longer is not: bytes that arrive meanwhile have to find room in the receive buffer.
static void wait_ms(void *ctx, uint32_t ms)
{
    (void)ctx;
    board_sleep(ms < 5 ? ms : 5);
}

struct ferry_clock ferry_template_clock(void)
{
    return (struct ferry_clock){.now_ms = now_ms, .wait = wait_ms};
}

// --- a target's flash ------------------------------------------------------------------------------------------------

static int read_flash(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    (void)ctx;
    return board_flash_read(address, bytes, len) ? FERRY_OK : FERRY_ERR_STORAGE_READ;
}

static int program_flash(void *ctx, uint32_t address, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    return board_flash_write(address, bytes, len) ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int erase_flash(void *ctx, uint32_t address, uint32_t len)
{
    (void)ctx;
    return board_flash_erase(address, len) ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

struct ferry_flash ferry_template_flash(uint32_t bytes)
{
    return (struct ferry_flash){.size = bytes, .read = read_flash, .program = program_flash, .erase = erase_flash};
}

// --- files -----------------------------------------------------------------------------------------------------------

static int read_source(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct ferry_template_file *self = ctx;
    return self->read_at(self->file, offset, buf, len) ? FERRY_OK : FERRY_ERR_STORAGE_READ;
}

struct ferry_source ferry_template_source(struct ferry_template_file *file, uint32_t bytes)
{
    return (struct ferry_source){.ctx = file, .size = bytes, .read = read_source};
}
