// The command line: finds the command and hands over.
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/options.h"
#include "apps/ferry/suggest.h"
#include "ferry/base/status.h"

static const struct cli_command commands[] = {
    {"flash", "write a firmware to a target and prove it", cmd_flash},
    {"verify", "compare what is on a target with a firmware", cmd_verify},
    {"detect", "tell what is connected: chip, revision, MAC, flash, security", cmd_detect},
    {"read", "read a target's flash into a file", cmd_read},
    {"erase", "erase a region of a target's flash, or all of it", cmd_erase},
    {"run-ram", "load a program into a target's RAM and start it", cmd_run_ram},
    {"reg", "read or write a register of a target", cmd_reg},
    {"send", "send a firmware or file to a target that runs a receiver", cmd_send},
    {"receive", "be a receiver: take files over the link route", cmd_receive},
    {"link-test", "try the line to a receiver and name its fault", cmd_link_test},
    {"inspect", "show what a firmware file or folder holds, and check it", cmd_inspect},
    {"ports", "list the serial ports of this computer", cmd_ports},
    {"updater", "flash from a card (a folder) to one or many targets", cmd_updater},
    {"depot", "firmware in a database: add, list, channels, jobs, serve", cmd_depot},
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
        if (strcmp(c->name, name) == 0)
            return c;
    return 0;
}

// What other tools call it: {their name, ours}.
static const char *const known_elsewhere[][2] = {
    {"write-flash", "flash"},   {"upload", "flash"},        {"program", "flash"},
    {"verify-flash", "verify"}, {"read-flash", "read"},     {"erase-flash", "erase --all"},
    {"erase-region", "erase"},  {"load-ram", "run-ram"},    {"chip-id", "detect"},
    {"flash-id", "detect"},     {"read-mac", "detect"},     {"get-security-info", "detect"},
    {"read-reg", "reg read"},   {"write-reg", "reg write"}, {"read-mem", "reg read"},
    {"write-mem", "reg write"}, {"image-info", "inspect"},  {"info", "inspect"},
    {"list", "ports"},          {"simulate", "vchip"},      {"sim", "vchip"},
};

static const char *next_command(const void *ctx, size_t i)
{
    (void)ctx;
    for (const struct cli_command *c = commands; c->name; c++)
        if (i-- == 0)
            return c->name;
    return 0;
}

static int unknown(const char *name)
{
    char hint[80] = "ferry help";
    const char *like = cli_suggest(name, next_command, 0);
    for (size_t i = 0; i < sizeof known_elsewhere / sizeof known_elsewhere[0]; i++)
        if (cli_distance(name, known_elsewhere[i][0]) == 0)
            like = known_elsewhere[i][1];
    if (like)
        snprintf(hint, sizeof hint, "did you mean: ferry %s", like);
    return cli_usage_error("", hint, "there is no command %s", name);
}

// What was said has to have arrived: a full disk behind > must not look like success.
static int written(int code)
{
    bool failed = fflush(stdout) != 0;
    failed = ferror(stdout) || failed;
    if (!failed || code != 0)
        return code;
    fputs("error: the output cannot be written\n  try: is the disk full?\n", stderr);
    return ferry_status_exit_code(FERRY_ERR_STORAGE_WRITE);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return cmd_version(1, argv);
    bool help = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    if (help)
        return cmd_help(1, argv);
    cli_usage_json(argc, argv);
    if (cli_command_first(argc, argv) == 0)
        return cli_usage_error("", 0, "no command is named, only options");
    const struct cli_command *command = cli_find_command(argv[1]);
    return command ? written(command->run(argc - 1, argv + 1)) : unknown(argv[1]);
}
