// The virtual NOR flash behind the interface that sinks use (ferry/io/flash.h). Operations take effect at once; who
// keeps a clock adds up what they took.
#ifndef SIM_FLASH_FLASH_PORT_H
#define SIM_FLASH_FLASH_PORT_H

#include "ferry/io/flash.h"
#include "sim/flash/flash.h"

struct sim_flash_port {
    struct sim_flash *flash;
    uint64_t took_us; // by all programs and erases so far
};

// *self must outlive the result. After a power cut every function fails until sim_flash_power_on().
struct ferry_flash sim_flash_port_init(struct sim_flash_port *self, struct sim_flash *flash);

#endif
