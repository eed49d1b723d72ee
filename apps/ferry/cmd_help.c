#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/options.h"
#include "ferry.h"

static void exit_codes(void)
{
    puts("Exit codes:\n"
         "  0  done, and proved where the target can prove it\n"
         "  1  an error that has no class of its own\n"
         "  2  wrong usage, or cancelled (Ctrl-C)\n"
         "  3  the wire: port, cable, boot mode, noise, no answer\n"
         "  4  the target refused or failed: wrong chip, protected, flash does not hold, verify\n"
         "  5  the firmware does not fit this target: damaged file, other chip, too large\n"
         "  6  storage: file missing, unreadable, changed while it was sent, not writable");
}

int cmd_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("ferry " FERRY_VERSION);
    return 0;
}

static void overview(void)
{
    puts("Ferry writes firmware to ESP chips and proves that it arrived.\n"
         "\n"
         "Examples:\n"
         "  ferry detect                              what is connected?\n"
         "  ferry flash build/                        a build folder to the board that is plugged in\n"
         "  ferry flash -p /dev/ttyUSB0 app.merged.bin\n"
         "  ferry flash 0x1000 boot.bin 0x10000 app.bin\n"
         "  ferry inspect build/                      what is in there, and is it whole?\n"
         "  ferry help flash                          more on one command\n"
         "\n"
         "Usage: ferry COMMAND [OPTIONS] [ARGUMENTS]\n"
         "\n"
         "Commands:");
    for (const struct cli_command *c = cli_commands(); c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    puts("\nNo board at hand? ferry vchip --chip esp32 --flash /tmp/esp32.bin --listen 127.0.0.1:5555 --rfc2217\n"
         "gives you a virtual one: ferry detect -p rfc2217://127.0.0.1:5555\n");
    exit_codes();
}

int cmd_help(int argc, char **argv)
{
    if (argc < 2 || strncmp(argv[1], "-", 1) == 0) {
        overview();
        return 0;
    }
    if (strcmp(argv[1], "exit") == 0) {
        exit_codes();
        return 0;
    }
    const struct cli_command *command = cli_find_command(argv[1]);
    if (!command)
        return cli_usage_error("", "ferry help", "there is no command %s", argv[1]);
    if (command->run == cmd_help) {
        puts("Usage: ferry help [COMMAND|exit]");
        return 0;
    }
    char option[] = "--help", *args[] = {argv[1], option, 0};
    return command->run(2, args);
}
