// The ROM route as a device links it: connect, identify, write with its supply, verify, leave. RAM holds the flasher,
// the pump, the supply's scratch and the block buffer.
#include "ferry.h"

static struct ferry_flasher flasher;
static struct ferry_pump pump;
static struct ferry_supply_basic basic;
static uint8_t block[6144 + 64];
static uint8_t scratch[1024];

int main(void)
{
    struct ferry_flasher_cfg cfg = {.block = block, .block_size = sizeof block, .chip = FERRY_CHIP_ANY};
    struct ferry_rom_job job = {.op = FERRY_ROM_CONNECT};
    struct ferry_supply supply = ferry_supply_from(&basic);
    basic.scratch = scratch;
    basic.scratch_size = sizeof scratch;
    if (ferry_flasher_init(&flasher, &cfg) < 0 || ferry_flasher_start_core(&flasher, &job, 0) < 0)
        return 1;
    pump.engine = &flasher;
    pump.ops = &ferry_flasher_ops;
    pump.supply = &supply;
    return ferry_pump_run(&pump, 0, 0, 0);
}
