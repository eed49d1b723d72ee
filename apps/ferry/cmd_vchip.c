// `ferry vchip`: a virtual ESP32 that any tool can talk to, and that boots what was written.
#include <stdio.h>
#include <string.h>

#include "apps/ferry/cmd_vchip.h"
#include "apps/ferry/commands.h"
#include "sim/chip/boot.h"

static void print_reason(const char *reason)
{
    for (const char *line = reason; *line;) {
        size_t len = strcspn(line, "\n");
        printf("  %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

// No port: boots once, says what, and leaves otadata as the bootloader does.
static int boot_once(const struct vchip_options *o, struct sim_flash *flash)
{
    static struct sim_boot_result result;
    struct sim_boot_cfg cfg = {.chip = o->chip,
                               .revision = o->revision,
                               .rollback = o->rollback,
                               .secure_boot = o->secure_boot,
                               .flash_encryption = o->flash_encryption,
                               .table_offset = o->table_offset};
    sim_boot_run(flash, &cfg, &result);
    if (o->verbose)
        fwrite(result.log, 1, result.log_len, stdout);
    print_reason(result.reason);
    if (result.end == SIM_BOOT_POWER_LOST)
        printf("power cut at flash operation %llu\n", (unsigned long long)o->faults.cut_op);
    printf("boots: %s\n", result.boots);
    return 0;
}

static int serve(const struct vchip_options *o, struct sim_flash *flash)
{
    struct vchip_port port;
    int code = o->pty ? vchip_port_pty(&port, o->pty) : vchip_port_listen(&port, o->listen, o->rfc2217);
    if (code != 0)
        return code;
    code = vchip_serve(o, flash, &port);
    vchip_port_close(&port);
    return code;
}

int cmd_vchip(int argc, char **argv)
{
    static struct vchip_options options; // holds the fault list, which must not move
    struct vchip_file file;
    int code = vchip_parse(&options, argc, argv);
    if (code >= 0)
        return code;
    code = vchip_file_open(&file, options.flash, options.flash_size);
    if (code != 0)
        return code;
    struct sim_flash *flash =
        sim_flash_on(&(struct sim_flash_cfg){.size = (uint32_t)file.size, .seed = options.seed}, file.bytes);
    if (!flash) {
        fprintf(stderr, "error: out of memory\n");
        code = 2;
    } else {
        if (options.faults.power_cut)
            sim_flash_cut_at(flash, options.faults.cut_op, options.faults.cut_kind, options.faults.cut_permille);
        code = options.once ? boot_once(&options, flash) : serve(&options, flash);
    }
    sim_flash_free(flash);
    vchip_file_close(&file);
    return code;
}
