#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "apps/ferry/suggest.h"
#include "ferry/chip/chip.h"
#include "ports/posix/number.h"

struct option {
    char letter; // in cli_depot_command.options; ' ' = every subcommand has it
    const char *name, *argument;
    size_t field; // of a text: its offset + 1; 0 = see take()
    const char *help;
};

#define FIELD(name) (offsetof(struct cli_depot_options, name) + 1)

static const struct option table[] = {
    {'a', "channel", "NAME", FIELD(channel),
     "of this channel; add: points it at what was added; devices set: follows it"},
    {'b', "before", "ID", 0, "the next page: what is older than build ID"},
    {'c', "chip", "CHIP", FIELD(chip), "for this chip: esp32, esp32c3, ..."},
    {'d', "days", "N", 0, "it expires after N days (default: never)"},
    {'e', "release", 0, 0, "set: the device may say itself which channel it follows"},
    {'f', "force", 0, 0, "also when a channel points at it (the channel goes too)"},
    {'k', "keep", "N", 0, "all but the newest N of each project and chip"},
    {'l', "limit", "N", 0, "at most N (default: 50)"},
    {'m', "mac", "MAC", FIELD(mac), "for this device: 24:0a:c4:00:01:10"},
    {'N', "name", "NAME", FIELD(name), "set: a name for people"},
    {'n', "note", "TEXT", FIELD(note), "a note for people"},
    {'o', "out", "FOLDER", FIELD(out), "where to (default: PROJECT-VERSION-CHIP)"},
    {'p', "project", "NAME", FIELD(project), "this project; add: instead of what the image says"},
    {'s', "search", "TEXT", FIELD(search), "with this text in project, version, note or a file name"},
    {'t', "state", "STATE", FIELD(state), "some of queued,claimed,running,done,failed,cancelled"},
    {'u', "unseen", "DAYS", 0, "only those not seen for so many days"},
    {'v', "version", "VERSION", FIELD(version), "this version; add: instead of what the image says"},
    {'x', "scopes", "LIST", FIELD(scopes), "some of read,write,device,work,admin (default: read)"},
    {'y', "dry-run", 0, 0, "only say what would go"},
    {' ', "depot", "URL", FIELD(depot), "a file, or postgresql://USER@HOST/NAME\n(default: FERRY_DEPOT, or your own)"},
    {' ', "json", 0, 0, "one JSON object a line, for programs"},
    {' ', "quiet", 0, 0, "say nothing but errors"},
    {' ', "help", 0, 0, "this"},
};
enum { TABLE = sizeof table / sizeof table[0] };

static bool has(const struct cli_depot_command *command, const struct option *option)
{
    return option->letter == ' ' || strchr(command->options, option->letter);
}

static const char *next_name(const void *ctx, size_t i)
{
    for (size_t k = 0; k < TABLE; k++)
        if (has(ctx, &table[k]) && i-- == 0)
            return table[k].name;
    return 0;
}

int cli_depot_usage(const char *command, const char *what)
{
    char name[40], hint[80];
    snprintf(name, sizeof name, "depot %s", command);
    snprintf(hint, sizeof hint, "ferry %s --help", name);
    return cli_usage_error(name, hint, "%s", what);
}

static int no_option(const struct cli_depot_command *command, const char *word)
{
    char name[40], hint[80];
    const char *like = cli_suggest(word + strspn(word, "-"), next_name, command);
    snprintf(name, sizeof name, "depot %s", command->name);
    snprintf(hint, sizeof hint, like ? "did you mean --%s?" : "ferry %s --help", like ? like : name);
    return cli_usage_error(name, hint, "there is no option %s", word);
}

static int bad_value(const struct cli_depot_command *command, const struct option *option, const char *value)
{
    char what[160];
    snprintf(what, sizeof what, "'%.60s' is no value for --%s", value, option->name);
    return cli_depot_usage(command->name, what);
}

// What is more than a text. -1: taken.
static int take(struct cli_depot_options *out, const struct option *option, const char *value,
                const struct cli_depot_command *command)
{
    const struct ferry_chip *chip;
    if (option->field)
        memcpy((char *)out + option->field - 1, &value, sizeof value);
    out->json |= strcmp(option->name, "json") == 0;
    out->quiet |= strcmp(option->name, "quiet") == 0;
    out->force |= option->letter == 'f';
    out->dry_run |= option->letter == 'y';
    out->release |= option->letter == 'e';
    if (option->letter == 'c') {
        chip = ferry_chip_by_name(value);
        out->chip = chip ? chip->name : 0;
        return chip ? -1 : bad_value(command, option, value);
    }
    uint32_t *number = option->letter == 'b'   ? &out->before
                       : option->letter == 'd' ? &out->days
                       : option->letter == 'l' ? &out->limit
                       : option->letter == 'k' ? &out->keep
                       : option->letter == 'u' ? &out->unseen
                                               : 0;
    return !number || ferry_posix_number_in(value, 1, option->letter == 'l' ? 1000000 : INT32_MAX, number)
               ? -1
               : bad_value(command, option, value);
}

static const struct option *find(const struct cli_depot_command *command, const char *word, size_t len)
{
    for (size_t i = 0; i < TABLE; i++)
        if (has(command, &table[i]) && strlen(table[i].name) == len && memcmp(table[i].name, word, len) == 0)
            return &table[i];
    return 0;
}

// The option at argv[*at]; moves *at over its value.
static int parse_option(struct cli_depot_options *out, int argc, char **argv, int *at,
                        const struct cli_depot_command *command)
{
    char what[120];
    const char *word = argv[*at];
    size_t len = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
    const struct option *option = len ? find(command, word + 2, len) : 0;
    if (strcmp(word, "-h") == 0 || (option && strcmp(option->name, "help") == 0)) {
        cli_depot_print_help(command);
        return 0;
    }
    if (!option)
        return no_option(command, word);
    const char *value = word[2 + len] ? word + 3 + len : 0;
    if (option->argument && !value && *at + 1 < argc)
        value = argv[++*at];
    snprintf(what, sizeof what, option->argument ? "--%s needs a value: %s" : "--%s takes no value", option->name,
             option->argument);
    return !option->argument == !value ? take(out, option, value, command) : cli_depot_usage(command->name, what);
}

int cli_depot_parse(struct cli_depot_options *out, int argc, char **argv, const struct cli_depot_command *command)
{
    bool only_arguments = false;
    int code = -1;
    memset(out, 0, sizeof *out);
    for (int i = 1; i < argc && code < 0; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else if (!only_arguments && argv[i][0] == '-' && argv[i][1])
            code = parse_option(out, argc, argv, &i, command);
        else if (out->arg_count == CLI_DEPOT_ARGS)
            code = cli_depot_usage(command->name, "too many arguments");
        else
            out->args[out->arg_count++] = argv[i];
    }
    return code;
}

void cli_depot_print_help(const struct cli_depot_command *command)
{
    printf("%s\n\nUsage: ferry depot %s %s\n\nOptions:\n", command->about, command->name, command->usage);
    for (size_t i = 0; i < TABLE; i++) {
        char left[40];
        const char *at = table[i].help;
        if (!has(command, &table[i]))
            continue;
        snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
                 table[i].argument ? table[i].argument : "");
        for (int line = 0; *at; line++) {
            size_t len = strcspn(at, "\n");
            printf("  %-20s %.*s\n", line ? "" : left, (int)len, at);
            at += len + (at[len] == '\n');
        }
    }
}

const char *cli_depot_url(const char *given, char *buf, size_t cap)
{
    const char *set = getenv("FERRY_DEPOT"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (given && *given)
        return given;
    if (set && *set)
        return set;
    if (data && *data == '/')
        snprintf(buf, cap, "%s/ferry/depot.db", data);
    else
        snprintf(buf, cap, "%s/.local/share/ferry/depot.db", home && *home ? home : ".");
    return buf;
}
