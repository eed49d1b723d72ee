// The command line: finds the command and hands over.
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"

static const struct cli_command commands[] = {
    {"updater", "flash from a card (a folder) to one or many targets", cmd_updater},
    {"vchip", "a virtual ESP32 on TCP, RFC 2217 or a pty", cmd_vchip},
    {"version", "print the version", cmd_version},
    {"help", "help, or help on one command", cmd_help},
    {0, 0, 0},
};

const struct cli_command *cli_commands(void)
{
    return commands;
}

const struct cli_command *cli_find_command(const char *name)
{
    for (const struct cli_command *c = commands; c->name; c++)
        if (c->run && strcmp(c->name, name) == 0)
            return c;
    return 0;
}

int cmd_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("ferry 0.1.0");
    return 0;
}

int cmd_help(int argc, char **argv)
{
    if (argc > 1) {
        const struct cli_command *c = cli_find_command(argv[1]);
        char *help[] = {argv[1], "--help", 0};
        if (c && c->run != cmd_help)
            return c->run(2, help);
    }
    puts("usage: ferry COMMAND [options]\n");
    for (const struct cli_command *c = commands; c->name; c++)
        if (c->run)
            printf("  %-10s %s\n", c->name, c->summary);
    return 0;
}

int main(int argc, char **argv)
{
    const struct cli_command *c = argc > 1 ? cli_find_command(argv[1]) : cli_find_command("help");
    if (c)
        return c->run(argc - (argc > 1), argv + (argc > 1));
    fprintf(stderr, "error: no such command: %s\n  try: ferry help\n", argv[1]);
    return 2;
}
