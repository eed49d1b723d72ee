// Bug: the boot model refused real ESP32 apps with a segment in RTC fast memory as the data bus sees it (0x3FF80000) as
// "bad load address range", so that verified firmware seemed not to start. Ranges: ESP-IDF's soc.h, SOC_RTC_DRAM_LOW
// and SOC_RTC_DRAM_HIGH. Beside the range, and over its end, the refusal stays.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot.h"
#include "tests/support/boot_compose.h"

enum { APP = 0x10000, HEADER = 24, RTC_LOW = 0x3ff80000, RTC_HIGH = 0x3ff82000 };

static const char *boot_with_segment_at(struct sim_flash *flash, uint32_t address, bool last_word_at_address)
{
    struct boot_compose what = {.chip = "esp32", .table = "factory_only", .slot_count = 1};
    what.slots[0] = (struct boot_compose_slot){"factory", "no_hash"};
    memset(what.otadata, 0xff, sizeof what.otadata);
    uint8_t *bytes = sim_flash_bytes(flash);
    assert_true(boot_compose(&what, bytes, BOOT_COMPOSE_FLASH));
    uint8_t *segment = bytes + APP + HEADER;
    while (ferry_load32le(segment) < 0x3ffae000 || ferry_load32le(segment) >= 0x40000000) // the one in DRAM
        segment += 8 + ferry_load32le(segment + 4);
    uint32_t size = ferry_load32le(segment + 4);
    assert_in_range(size, 8, RTC_HIGH - RTC_LOW);
    ferry_store32le(segment, last_word_at_address ? address + 4 - size : address);
    static struct sim_boot_result result;
    sim_boot_run(flash, &(struct sim_boot_cfg){.chip = "esp32"}, &result);
    return result.boots;
}

static void rtc_fast_memory_on_the_data_bus_is_memory(void **state)
{
    (void)state;
    struct sim_flash *flash = sim_flash_new(&(struct sim_flash_cfg){.size = BOOT_COMPOSE_FLASH});
    assert_string_equal(boot_with_segment_at(flash, RTC_LOW, false), "factory");
    assert_string_equal(boot_with_segment_at(flash, RTC_HIGH - 4, true), "factory");
    assert_string_equal(boot_with_segment_at(flash, RTC_HIGH, true), "none");
    assert_string_equal(boot_with_segment_at(flash, RTC_LOW - 4, false), "none");
    sim_flash_free(flash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rtc_fast_memory_on_the_data_bus_is_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
