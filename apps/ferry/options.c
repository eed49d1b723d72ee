#include "apps/ferry/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/display.h"
#include "apps/ferry/suggest.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

struct option {
    const char *name;
    const char *letters;  // short spellings, each with its dash, separated by spaces
    const char *argument; // for --help; NULL: takes none
    unsigned groups;
    // Returns NULL, or what values are accepted.
    const char *(*take)(struct cli_options *out, const char *value);
    const char *help;
};

static bool word_is(const char *value, const char *word) // default_reset is default-reset
{
    for (; *value && *word; value++, word++)
        if (*value != *word && !(*value == '_' && *word == '-'))
            return false;
    return *value == *word;
}

static const char *take_port(struct cli_options *o, const char *v)
{
    o->port = v;
    return *v ? 0 : "a device, socket://HOST:PORT or rfc2217://HOST:PORT";
}

static const char *take_baud(struct cli_options *o, const char *v)
{
    return ferry_posix_number_in(v, 300, 6000000, &o->baud) ? 0 : "300 to 6000000, such as 921600";
}

static const char *take_start_baud(struct cli_options *o, const char *v)
{
    size_t count = 0, most = sizeof o->start_baud / sizeof o->start_baud[0];
    memset(o->start_baud, 0, sizeof o->start_baud);
    for (; count < most; count++) {
        char word[16];
        size_t len = strcspn(v, ",");
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), v);
        if (!ferry_posix_number_in(word, 300, 6000000, &o->start_baud[count]))
            break;
        v += len;
        if (!*v++)
            return 0;
    }
    return "up to four rates of 300 to 6000000, such as 115200,921600";
}

static const char *take_chip(struct cli_options *o, const char *v)
{
    static char names[256];
    const struct ferry_chip *chip = ferry_chip_by_name(v);
    o->chip = chip ? chip->id : FERRY_CHIP_ANY;
    if (chip || word_is(v, "auto"))
        return 0;
    size_t count, at = 0;
    const struct ferry_chip *table = ferry_chip_table(&count);
    for (size_t i = 0; i < count && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s, ", table[i].name);
    snprintf(names + (at < sizeof names - 8 ? at : sizeof names - 8), 8, "auto");
    return names;
}

static const char *take_before(struct cli_options *o, const char *v)
{
    static const char *const words[] = {"default-reset", "no-reset", "no-reset-no-sync"};
    static const enum ferry_before values[] = {FERRY_BEFORE_DEFAULT_RESET, FERRY_BEFORE_NO_RESET,
                                               FERRY_BEFORE_NO_RESET_NO_SYNC};
    for (size_t i = 0; i < 3; i++)
        if (word_is(v, words[i])) {
            o->before = values[i];
            return 0;
        }
    return "default-reset, no-reset, no-reset-no-sync";
}

static const char *take_after(struct cli_options *o, const char *v)
{
    static const char *const words[] = {"hard-reset", "no-reset", "run"};
    static const enum ferry_after values[] = {FERRY_AFTER_HARD_RESET, FERRY_AFTER_NO_RESET, FERRY_AFTER_RUN};
    for (size_t i = 0; i < 3; i++)
        if (word_is(v, words[i])) {
            o->after = values[i];
            return 0;
        }
    return "hard-reset, no-reset, run";
}

static const char *take_attempts(struct cli_options *o, const char *v)
{
    uint32_t n;
    if (!ferry_posix_number_in(v, 1, 250, &n))
        return "1 to 250";
    o->connect_attempts = (uint8_t)n;
    return 0;
}

static const char *take_trace(struct cli_options *o, const char *v)
{
    o->trace = v;
    return *v ? 0 : "a file, or - for the screen";
}

// CLK,Q,D,HD,CS in the order and packing of SPI_ATTACH: six bits each.
static bool pack_pins(const char *v, uint32_t *out)
{
    static const unsigned shift[5] = {0, 6, 12, 24, 18};
    uint32_t word = 0;
    for (size_t i = 0; i < 5; i++) {
        char *end;
        unsigned long pin = strtoul(v, &end, 0);
        if (end == v || *v == '-' || pin > 63 || *end != (i < 4 ? ',' : 0))
            return false;
        word |= (uint32_t)pin << shift[i];
        v = end + 1;
    }
    *out = word;
    return true;
}

static const char *take_spi(struct cli_options *o, const char *v)
{
    if (strcmp(v, "SPI") == 0 || strcmp(v, "spi") == 0)
        o->spi_connection = 0;
    else if (strcmp(v, "HSPI") == 0 || strcmp(v, "hspi") == 0)
        o->spi_connection = 1;
    else if (!pack_pins(v, &o->spi_connection))
        return "SPI, HSPI, or five pin numbers CLK,Q,D,HD,CS";
    return 0;
}

static const char *take_mode(struct cli_options *o, const char *v)
{
    static const char *const words[] = {"keep", "qio", "qout", "dio", "dout"};
    for (size_t i = 0; i < 5; i++)
        if (word_is(v, words[i])) {
            o->flash_mode = i ? words[i] : 0;
            return 0;
        }
    return "keep, qio, qout, dio, dout";
}

static const char *take_freq(struct cli_options *o, const char *v)
{
    static const char *const words[] = {"keep", "80m", "60m", "48m", "40m", "30m",
                                        "26m",  "24m", "20m", "16m", "15m", "12m"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (word_is(v, words[i])) {
            o->flash_freq = i ? words[i] : 0;
            return 0;
        }
    return "keep, 80m, 60m, 48m, 40m, 30m, 26m, 24m, 20m, 16m, 15m, 12m";
}

static const char *take_size(struct cli_options *o, const char *v)
{
    o->flash_size = word_is(v, "keep") ? 0 : v;
    o->flash_size_bytes = 0;
    if (word_is(v, "keep") || word_is(v, "detect"))
        return 0;
    uint32_t n;
    bool power = ferry_posix_number_in(v, 256u << 10, 1u << 28, &n) && (n & (n - 1)) == 0;
    o->flash_size_bytes = power ? n : 0;
    return power ? 0 : "keep, detect, 256KB, 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 32MB, 64MB, 128MB";
}

static const char *take_window(struct cli_options *o, const char *v)
{
    uint32_t n;
    if (!ferry_posix_number_in(v, 1, 2, &n))
        return "1 or 2";
    o->window = (uint8_t)n;
    return 0;
}

static const char *take_route(struct cli_options *o, const char *v)
{
    static const char *const words[] = {"rom", "link", "auto"};
    for (size_t i = 0; i < 3; i++)
        if (word_is(v, words[i])) {
            o->route = (enum ferry_job_route)i;
            o->route_given = true;
            return 0;
        }
    return "rom, link, auto";
}

#define FLAG(field)                                                                                                    \
    static const char *flag_##field(struct cli_options *o, const char *v)                                              \
    {                                                                                                                  \
        (void)v;                                                                                                       \
        o->field = true;                                                                                               \
        return 0;                                                                                                      \
    }
FLAG(no_compress)
FLAG(no_skip)
FLAG(erase_all)
FLAG(dry_run)
FLAG(force)
FLAG(all)
FLAG(yes)
FLAG(json)
FLAG(quiet)
FLAG(verbose)

FLAG(no_trial)
FLAG(no_reboot)
FLAG(no_confirm)
FLAG(take_over)
FLAG(once)
FLAG(rollback)
FLAG(offline)

static const char *take_flash(struct cli_options *o, const char *v)
{
    o->flash = v;
    return *v ? 0 : "a file that holds a flash image";
}

static const char *take_listen(struct cli_options *o, const char *v)
{
    o->listen = v;
    return *v ? 0 : "HOST:PORT, such as 0.0.0.0:3232";
}

static const char *take_pty(struct cli_options *o, const char *v)
{
    o->pty = v;
    return *v ? 0 : "a path that does not exist yet";
}

static const char *take_partition(struct cli_options *o, const char *v)
{
    o->partition = v;
    return *v && strlen(v) <= 16 ? 0 : "a label of the target's partition table, up to 16 characters";
}

static const char *take_file(struct cli_options *o, const char *v)
{
    o->file = v;
    return *v ? 0 : "a name";
}

static const char *take_from(struct cli_options *o, const char *v)
{
    o->from = v;
    return *v ? 0 : "depot:PROJECT[@VERSION or CHANNEL]";
}

static const char *take_depot(struct cli_options *o, const char *v)
{
    o->depot = v;
    return *v ? 0 : "the address of a depot";
}

static const char *nothing(struct cli_options *o, const char *v)
{
    (void)o, (void)v;
    return 0;
}

static const struct option table[] = {
    {"port", "-p", "PORT", CLI_OPT_PORT | CLI_OPT_LINK, take_port,
     "/dev/ttyUSB0, socket://HOST:PORT, rfc2217://HOST:PORT; link: udp://HOST:PORT\n(default: FERRY_PORT, "
     "ESPTOOL_PORT, or the only board)"},
    {"chip", "-c", "CHIP", CLI_OPT_PORT | CLI_OPT_RECEIVE, take_chip,
     "refuse any other chip: esp32, esp32c3, ... (default: auto)"},
    {"baud", "-b", "RATE", CLI_OPT_PORT | CLI_OPT_LINK, take_baud,
     "rate to work at; steps down by itself when the line does not hold it\n(default: FERRY_BAUD, ESPTOOL_BAUD, or "
     "921600)"},
    {"start-baud", "", "RATES", CLI_OPT_LINK | CLI_OPT_WRITE, take_start_baud,
     "link: the rate at which the receiver waits, or several with commas between\n(default: 115200)"},
    {"before", "", "HOW", CLI_OPT_PORT, take_before,
     "default-reset (by DTR and RTS), no-reset (it waits in the loader),\nno-reset-no-sync"},
    {"after", "-a", "HOW", CLI_OPT_PORT, take_after, "hard-reset (start the firmware; default), no-reset, run"},
    {"connect-attempts", "", "N", CLI_OPT_PORT, take_attempts, "how often to try to connect (default: 7)"},
    {"trace", "-t", "FILE", CLI_OPT_PORT | CLI_OPT_LINK, take_trace,
     "write every byte on the wire to FILE (-: the screen)"},
    {"spi-connection", "-sc", "PINS", CLI_OPT_FLASH, take_spi, "SPI, HSPI or CLK,Q,D,HD,CS (default: as wired)"},
    {"no-compress", "-u", 0, CLI_OPT_WRITE, flag_no_compress, "send plain data only"},
    {"compress", "-z", 0, CLI_OPT_WRITE, nothing, 0},
    {"no-skip", "", 0, CLI_OPT_WRITE, flag_no_skip, "write also what the target holds already"},
    {"erase-all", "-e", 0, CLI_OPT_WRITE, flag_erase_all, "erase the whole flash first"},
    {"window", "", "N", CLI_OPT_WRITE, take_window,
     "packets under way at once: 1 (default) or 2 (faster where it works)"},
    {"route", "", "ROUTE", CLI_OPT_WRITE, take_route,
     "rom: the serial loader (default of flash); link: the receiver in the running\nfirmware (as ferry send); auto: "
     "link, and rom where none answers (default\nof updater)"},
    {"dry-run", "-n", 0, CLI_OPT_WRITE | CLI_OPT_ERASE, flag_dry_run, "connect and check everything, change nothing"},
    {"flash-mode", "-fm", "MODE", CLI_OPT_CARGO, take_mode, "bootloader header: keep (default), qio, qout, dio, dout"},
    {"flash-freq", "-ff", "FREQ", CLI_OPT_CARGO, take_freq,
     "bootloader header: keep (default), 80m, 40m, 26m, 20m, ..."},
    {"flash-size", "-fs", "SIZE", CLI_OPT_CARGO | CLI_OPT_FLASH, take_size,
     "keep (default), detect, or a size such as 4MB (also when the chip's\nflash does not say its size)"},
    {"force", "", 0, CLI_OPT_CARGO | CLI_OPT_SEND, flag_force, "go on where a check says no and you know better"},
    {"partition", "", "LABEL", CLI_OPT_SEND, take_partition,
     "write the data partition of that label instead of the firmware"},
    {"file", "", "NAME", CLI_OPT_SEND | CLI_OPT_RECEIVE, take_file,
     "send: store it as a file of that name on the target;\nreceive: the folder for the files that come"},
    {"flash", "", "IMAGE", CLI_OPT_RECEIVE, take_flash,
     "a flash image of --chip, which takes firmware and data partitions"},
    {"rollback", "", 0, CLI_OPT_RECEIVE, flag_rollback,
     "with --flash: its bootloader has CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE"},
    {"listen", "", "HOST:PORT", CLI_OPT_RECEIVE, take_listen,
     "wait for updaters on TCP, or udp://HOST:PORT[?mtu=N]; port 0: a free one"},
    {"pty", "", "PATH", CLI_OPT_RECEIVE, take_pty, "wait on a pseudo terminal; PATH becomes a link to it"},
    {"once", "", 0, CLI_OPT_RECEIVE, flag_once, "end after one complete update"},
    {"no-trial", "", 0, CLI_OPT_SEND, flag_no_trial, "select the firmware for good: no trial, no way back by itself"},
    {"no-reboot", "", 0, CLI_OPT_SEND, flag_no_reboot, "select the firmware, but let the target restart when it likes"},
    {"no-confirm", "", 0, CLI_OPT_SEND, flag_no_confirm, "leave it to the new firmware to confirm itself"},
    {"take-over", "", 0, CLI_OPT_SEND, flag_take_over, "from another updater that is at work on the target"},
    {"from", "", "FIRMWARE", CLI_OPT_FROM, take_from,
     "instead of a path: depot:PROJECT[@VERSION or CHANNEL],\n"
     "depot:https://HOST/PROJECT[@...], https://HOST/FILE"},
    {"offline", "", 0, CLI_OPT_FROM, flag_offline, "what --from has fetched before, without asking the server"},
    {"depot", "", "URL", CLI_OPT_FROM, take_depot, "the depot that --from means (default: FERRY_DEPOT)"},
    {"all", "", 0, CLI_OPT_ERASE, flag_all, "the whole flash"},
    {"yes", "-y", 0, CLI_OPT_ERASE, flag_yes, "do not ask"},
    {"json", "", 0, CLI_OPT_OUTPUT | CLI_OPT_JSON, flag_json, "one JSON object a line, for programs"},
    {"quiet", "-q", 0, CLI_OPT_OUTPUT, flag_quiet, "only errors"},
    {"verbose", "-v", 0, CLI_OPT_OUTPUT, flag_verbose, "also what is going on behind"},
    {"help", "-h", 0, ~0u, nothing, "this text"},
};
enum { TABLE = sizeof table / sizeof table[0] };

static bool letter_is(const struct option *option, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = option->letters; *at;) {
        size_t n = strcspn(at, " ");
        if (n == len && strncmp(at, word, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

// The option that word ("--name", "--name=value", "-x") spells; *value = behind the '=', or NULL.
static const struct option *find(const char *word, const char **value)
{
    *value = 0;
    for (size_t i = 0; i < TABLE; i++)
        if (word[1] != '-' && letter_is(&table[i], word))
            return &table[i];
    if (strncmp(word, "--", 2) != 0)
        return 0;
    char name[40];
    size_t len = strcspn(word + 2, "=");
    if (len >= sizeof name)
        return 0;
    memcpy(name, word + 2, len);
    name[len] = 0;
    for (size_t i = 0; i < TABLE; i++)
        if (word_is(name, table[i].name)) {
            *value = word[2 + len] ? word + 3 + len : 0;
            return &table[i];
        }
    return 0;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != 0;
}

int cli_command_first(int argc, char **argv)
{
    int at = 1;
    while (at < argc && is_option(argv[at])) {
        const char *value;
        const struct option *option = find(argv[at], &value);
        if (!option || strcmp(option->name, "help") == 0)
            return 0;
        at += option->argument && !value ? 2 : 1;
    }
    if (at >= argc)
        return 0;
    char *command = argv[at];
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    argv[1] = command;
    return 1;
}

static const char *next_name(const void *ctx, size_t i)
{
    unsigned groups = *(const unsigned *)ctx;
    for (size_t k = 0; k < TABLE; k++)
        if ((table[k].groups & groups) && table[k].help && i-- == 0)
            return table[k].name;
    return 0;
}

static int unknown(const char *command, const char *word, unsigned groups)
{
    const char *value;
    const struct option *known = find(word, &value);
    if (known)
        return cli_usage_error(command, 0, "%s does not go with '%s'", word, command);
    const char *like = word[1] == '-' ? cli_suggest(word + 2, next_name, &groups) : 0;
    char hint[80] = "";
    if (like)
        snprintf(hint, sizeof hint, "did you mean --%s?", like);
    return cli_usage_error(command, hint, "there is no option %s", word);
}

static int take(struct cli_options *out, const struct option *option, const char *word, const char *value,
                const char *command)
{
    if (option->argument && !value)
        return cli_usage_error(command, 0, "%s needs a value: %s", word, option->argument);
    if (!option->argument && value)
        return cli_usage_error(command, 0, "--%s takes no value", option->name);
    const char *accepted = option->take(out, value);
    if (!accepted)
        return -1;
    char hint[320];
    snprintf(hint, sizeof hint, "accepted: %s", accepted);
    return cli_usage_error(command, hint, "'%s' is no value for --%s", value, option->name);
}

static int from_environment(struct cli_options *out, unsigned groups)
{
    static const char *const pairs[][2] = {
        {"FERRY_PORT", "--port"},   {"ESPTOOL_PORT", "--port"}, {"FERRY_BAUD", "--baud"},
        {"ESPTOOL_BAUD", "--baud"}, {"FERRY_CHIP", "--chip"},   {"ESPTOOL_CHIP", "--chip"},
    };
    unsigned set = 0; // bit of the pair's first row: FERRY_ goes before ESPTOOL_
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *text = getenv(pairs[i][0]), *value;
        if (!text || !*text || (set & 1u << (i / 2)) || !(groups & (CLI_OPT_PORT | CLI_OPT_LINK)))
            continue;
        set |= 1u << (i / 2);
        const char *accepted = find(pairs[i][1], &value)->take(out, text);
        if (accepted) {
            char hint[320];
            snprintf(hint, sizeof hint, "one of %s", accepted);
            return cli_usage_error("", hint, "the environment's %s is '%s'", pairs[i][0], text);
        }
    }
    return -1;
}

static int add_argument(struct cli_options *out, const char *word, const char *command)
{
    if (out->arg_count == CLI_MAX_ARGS)
        return cli_usage_error(command, 0, "more than %d arguments", CLI_MAX_ARGS);
    out->args[out->arg_count++] = word;
    return -1;
}

int cli_parse(struct cli_options *out, int argc, char **argv, const struct cli_help *help)
{
    memset(out, 0, sizeof *out);
    out->chip = FERRY_CHIP_ANY;
    int code = from_environment(out, help->groups);
    bool only_arguments = false;
    for (int i = 1; i < argc && code < 0; i++) {
        const char *value, *word = argv[i];
        if (only_arguments || !is_option(word)) {
            code = add_argument(out, word, argv[0]);
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_arguments = true;
            continue;
        }
        const struct option *option = find(word, &value);
        if (!option || !(option->groups & help->groups))
            return unknown(argv[0], word, help->groups);
        if (strcmp(option->name, "help") == 0) {
            cli_print_help(argv[0], help);
            return 0;
        }
        if (option->argument && !value && i + 1 < argc)
            value = argv[++i];
        code = take(out, option, word, value, argv[0]);
    }
    if (code < 0 && out->offline && !out->from)
        code = cli_usage_error(argv[0], 0, "--offline goes with --from");
    return code;
}

static void print_option(const struct option *option)
{
    char left[48];
    snprintf(left, sizeof left, "%s%s--%s%s%s", option->letters, *option->letters ? ", " : "    ", option->name,
             option->argument ? " " : "", option->argument ? option->argument : "");
    const char *at = option->help;
    for (int line = 0; *at; line++) {
        size_t len = strcspn(at, "\n");
        printf("  %-28s %.*s\n", line ? "" : left, (int)len, at);
        at += len + (at[len] == '\n');
    }
}

void cli_print_help(const char *command, const struct cli_help *help)
{
    printf("%s\n\nExamples:\n%s\nUsage: ferry %s %s\n\nOptions:\n", help->about, help->examples, command, help->usage);
    for (size_t i = 0; i < TABLE; i++)
        if ((table[i].groups & help->groups) && table[i].help)
            print_option(&table[i]);
    printf("\nSizes and addresses: 0x10000, 65536, 64k, 4MB. All commands: ferry help. Exit codes: ferry help exit\n");
}

static bool usage_json;

void cli_usage_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        usage_json = usage_json || strcmp(argv[i], "--json") == 0;
}

int cli_usage_error(const char *command, const char *hint, const char *format, ...)
{
    char what[240], try[320];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(try, sizeof try, "ferry%s%s --help", *command ? " " : "", command);
    struct ferry_fault fault;
    ferry_fault_set(&fault, FERRY_ERR_ARG, "", "%s", what);
    ferry_fault_hint(&fault, "%s", hint && *hint ? hint : try);
    cli_display_fault(&(struct cli_display){.json = usage_json, .quiet = true}, &fault);
    return 2;
}
