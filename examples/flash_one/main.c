// Writes one file to one chip: flash_one PORT ADDRESS FILE
#include <stdio.h>
#include <stdlib.h>

#include "ferry.h"
#include "ports/posix/digest.h"
#include "ports/posix/file.h"
#include "ports/posix/port.h"

static struct ferry_flasher flasher;
static uint8_t block[6208], scratch[1024];

int main(int argc, char **argv)
{
    struct ferry_posix_clock waiter;
    struct ferry_clock clock = ferry_posix_clock_init(&waiter);
    struct ferry_posix_digest hasher;
    struct ferry_digest digest = ferry_posix_digest_init(&hasher);
    struct ferry_posix_file file;
    struct ferry_source source;
    struct ferry_posix_port port;
    struct ferry_posix_error why;
    if (argc != 4 || ferry_posix_file_open(&file, argv[3], &source, &why) < 0 ||
        ferry_posix_port_open(&port, argv[1], 115200, &waiter, &why) < 0)
        return puts("usage: flash_one PORT ADDRESS FILE (is the port there, and the file?)"), 2;
    struct ferry_supply_basic basic = {
        .sources = &source, .source_count = 1, .digest = &digest, .scratch = scratch, .scratch_size = sizeof scratch};
    struct ferry_supply supply = ferry_supply_from(&basic);
    struct ferry_flasher_cfg cfg = {
        .block = block, .block_size = sizeof block, .chip = FERRY_CHIP_ANY, .has_lines = port.has_lines};
    struct ferry_region region = {.address = (uint32_t)strtoul(argv[2], NULL, 0), .size = source.size};
    struct ferry_rom_job jobs[] = {{.op = FERRY_ROM_CONNECT},
                                   {.op = FERRY_ROM_WRITE, .regions = &region, .region_count = 1},
                                   {.op = FERRY_ROM_LEAVE}};
    struct ferry_pump pump = {.engine = &flasher,
                              .ops = &ferry_flasher_ops,
                              .stream = &port.stream,
                              .lines = ferry_posix_port_lines(&port),
                              .supply = &supply};
    int status = ferry_flasher_init(&flasher, &cfg);
    for (size_t i = 0; i < 3 && status >= 0; i++)
        if ((status = ferry_flasher_start(&flasher, &jobs[i], clock.now_ms(NULL))) >= 0)
            status = ferry_pump_run(&pump, &clock, NULL, NULL);
    printf("%s: %s\n", status < 0 ? "failed" : "written and proved", ferry_status_text(status));
    return ferry_status_exit_code(status);
}
