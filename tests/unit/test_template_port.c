// The port to copy (ports/template): a whole job goes through it to the virtual chip, whose flash is what anchors it.
// The board under it is the virtual chip's line and pins.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ports/template/port.c"
#include "tests/support/world.h"

static struct world *world;
static struct ferry_stream line;
static struct ferry_lines pins;
static uint8_t image[70000], flash[8192];
static bool broken;

size_t board_uart_read(uint8_t *buf, size_t cap)
{
    int n = line.read(line.ctx, buf, cap);
    return n > 0 ? (size_t)n : 0;
}

size_t board_uart_write(const uint8_t *bytes, size_t len)
{
    int n = line.write(line.ctx, bytes, len);
    return n > 0 ? (size_t)n : 0;
}

size_t board_uart_unsent(void)
{
    return 0; // the virtual line changes its rate behind the last byte by itself
}

bool board_uart_set_baud(uint32_t baud)
{
    return baud <= 921600 && line.set_baud(line.ctx, baud) == 0;
}

void board_pin_low(bool reset, bool boot)
{
    pins.set(pins.ctx, reset, boot);
}

uint32_t board_millis(void)
{
    return (uint32_t)(world_now_us(world) / 1000);
}

void board_sleep(uint32_t ms)
{
    assert_true(ms <= 5);
}

bool board_flash_read(uint32_t address, void *bytes, size_t len)
{
    memcpy(bytes, flash + address, len);
    return !broken;
}

bool board_flash_write(uint32_t address, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        flash[address + i] &= ((const uint8_t *)bytes)[i];
    return !broken;
}

bool board_flash_erase(uint32_t address, size_t len)
{
    memset(flash + address, 0xff, len);
    return !broken;
}

static void a_job_goes_through_it(void **state)
{
    (void)state;
    static struct ferry_stream stream;
    static struct ferry_lines lines;
    world = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    line = *world_pump(world)->stream;
    pins = *world_pump(world)->lines;
    stream = ferry_template_stream();
    lines = ferry_template_lines();
    world_pump(world)->stream = &stream;
    world_pump(world)->lines = &lines;
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + i / 251);
    struct world_part part = {.address = 0x20000, .bytes = image, .len = sizeof image};
    assert_int_equal(world_flash(world, &part, 1).status, 0);
    assert_memory_equal(sim_flash_bytes(world_flash_chip(world)) + 0x20000, image, sizeof image);
    struct ferry_clock clock = ferry_template_clock();
    assert_int_equal(clock.now_ms(clock.ctx), world_now_us(world) / 1000);
    clock.wait(clock.ctx, 1000);
    assert_int_equal(stream.set_baud(stream.ctx, 4000000), FERRY_ERR_BAUD);
    world_free(world);
}

static bool read_at(void *file, uint32_t offset, void *buf, size_t len)
{
    memcpy(buf, (const uint8_t *)file + offset, len);
    return !broken;
}

static void flash_and_files_fail_by_name(void **state)
{
    (void)state;
    uint8_t buf[4] = {0xf0, 0xf0, 0xf0, 0xf0};
    struct ferry_flash f = ferry_template_flash(sizeof flash);
    struct ferry_template_file file = {.file = image, .read_at = read_at};
    struct ferry_source s = ferry_template_source(&file, sizeof image);
    broken = false;
    assert_int_equal(f.erase(f.ctx, 4096, 4096), 0);
    assert_int_equal(f.program(f.ctx, 4100, buf, 4), 0);
    assert_int_equal(f.read(f.ctx, 4100, buf, 4), 0);
    assert_int_equal(buf[3], 0xf0);
    assert_int_equal(s.read(s.ctx, 9, buf, 4), 0);
    assert_memory_equal(buf, image + 9, 4);
    broken = true;
    assert_int_equal(f.erase(f.ctx, 4096, 4096), FERRY_ERR_WRITE_FAILED);
    assert_int_equal(f.program(f.ctx, 4100, buf, 4), FERRY_ERR_WRITE_FAILED);
    assert_int_equal(f.read(f.ctx, 4100, buf, 4), FERRY_ERR_STORAGE_READ);
    assert_int_equal(s.read(s.ctx, 9, buf, 4), FERRY_ERR_STORAGE_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_goes_through_it),
        cmocka_unit_test(flash_and_files_fail_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
