#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_vchip.h"
#include "apps/ferry/options.h"
#include "sim/chip/boot.h"

static const char HELP[] =
    "usage: ferry vchip --chip CHIP --flash FILE [--listen HOST:PORT [--rfc2217] | --pty PATH] [options]\n"
    "\n"
    "A chip made of software: the mask ROM's serial loader, the second-stage bootloader's decisions, a NOR flash, a\n"
    "serial line. Any tool for ESP chips can talk to it; FILE is its flash and survives.\n"
    "\n"
    "  --chip CHIP          esp8266 esp32 esp32s2 esp32s3 esp32c2 esp32c3 esp32c5 esp32c6 esp32c61 esp32h2 esp32p4\n"
    "  --flash FILE         flash contents; made of FF when missing. The file is mapped: it holds at any moment what "
    "the\n"
    "                       flash holds, also when this program is killed\n"
    "  --flash-size SIZE    size of a FILE that is made: 1MB 2MB 4MB (default) 8MB 16MB ...\n"
    "\n"
    "Where it is served (one of these, or --once):\n"
    "  --listen HOST:PORT   TCP; port 0 = a free one. One client at a time, a second one waits until the first has "
    "gone\n"
    "  --rfc2217            with --listen: RFC 2217, so that baud rate, DTR and RTS work. RTS pulls EN (reset), DTR "
    "the\n"
    "                       boot pin, through the usual two transistors: both asserted = neither\n"
    "  --pty PATH           a pseudo terminal, PATH becomes a link to it; the baud rate is taken from its settings. "
    "Ptys\n"
    "                       have no DTR and RTS\n"
    "  --once               no port: boot once, print \"boots: LABEL\" or \"boots: none\" with the reason, exit 0\n"
    "\n"
    "What happens after a reset:\n"
    "  --boot download      somebody holds the BOOT button: every reset leads into the loader. On plain TCP and on a "
    "pty,\n"
    "                       which have no reset line, each new client finds a chip that was just powered on (default\n"
    "                       there)\n"
    "  --boot normal        the firmware in the flash is started, unless DTR and RTS say otherwise (default with\n"
    "                       --rfc2217 and --once); a new client finds the chip as the last one left it\n"
    "  --app receiver       the firmware that was started contains Ferry's receiver and takes updates on its UART "
    "(ferry\n"
    "                       send), into the other OTA slot; its log shares the line. Default then: --boot normal\n"
    "  --rollback           the bootloader was built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE\n"
    "\n"
    "The line and time:\n"
    "  --line real          bytes take time, the baud rate must fit, the first sync sets the rate, the receive ring "
    "can\n"
    "                       overflow (default). On plain TCP, which has no rate, the client's rate follows the chip's\n"
    "  --line ideal         no baud rate, nothing is lost, answers at once\n"
    "  --time real          bytes and flash operations take as long as on silicon (default)\n"
    "  --time fast          no waiting: virtual time runs ahead\n"
    "  --baud-noise PERCENT the client's baud rate is off by so much, e.g. 1.5 or -2\n"
    "  --fault SPEC         faults, separated by commas, positions counted from 0 since the start:\n"
    "                         drop@N flip@N[:MASK] double@N stall@N:2000ms   at byte N to the chip; with > behind it: "
    "from\n"
    "                                                                       the chip\n"
    "                         reset@N               the chip is reset after N bytes\n"
    "                         power-cut@op=N:torn   power goes in flash operation N (before, torn[@PERMILLE], after) "
    "and\n"
    "                                               comes back after 0.3 s\n"
    "                         ber=1e-5 loss=1e-4    chance per bit, per byte; both ways, or < to the chip, > from it\n"
    "                         latency=2ms jitter=1ms\n"
    "  --seed N             of all that is random (default 1)\n"
    "\n"
    "The chip:\n"
    "  --table-offset N     where its bootloader looks for the partition table (default 0x8000)\n"
    "  --revision N.N  --mac AA:BB:CC:DD:EE:FF  --secure-download  --flash-encryption  --secure-boot\n"
    "  --verbose            the boot log and what goes on\n"
    "\n"
    "examples:\n"
    "  ferry vchip --chip esp32 --flash flash.bin --listen 127.0.0.1:5555     then, elsewhere:\n"
    "    esptool --chip esp32 --port socket://127.0.0.1:5555 --no-stub flash-id\n"
    "  ferry vchip --chip esp32c3 --flash flash.bin --listen 127.0.0.1:5555 --rfc2217\n"
    "    ferry flash --port rfc2217://127.0.0.1:5555 build/\n"
    "  ferry vchip --chip esp32c3 --flash flash.bin --once --rollback --verbose\n"
    "  ferry vchip --chip esp32 --flash f.bin --pty /tmp/esp --fault 'ber=1e-5,stall@5000:2s'\n";

enum option_id {
    OPT_CHIP = 1000,
    OPT_FLASH,
    OPT_FLASH_SIZE,
    OPT_LISTEN,
    OPT_RFC2217,
    OPT_PTY,
    OPT_ONCE,
    OPT_BOOT,
    OPT_APP,
    OPT_ROLLBACK,
    OPT_LINE,
    OPT_TIME,
    OPT_BAUD_NOISE,
    OPT_FAULT,
    OPT_SEED,
    OPT_TABLE_OFFSET,
    OPT_REVISION,
    OPT_MAC,
    OPT_SECURE_DOWNLOAD,
    OPT_FLASH_ENCRYPTION,
    OPT_SECURE_BOOT,
    OPT_VERBOSE,
    OPT_HELP,
};

static const struct option OPTIONS[] = {
    {"chip", required_argument, 0, OPT_CHIP},
    {"flash", required_argument, 0, OPT_FLASH},
    {"flash-size", required_argument, 0, OPT_FLASH_SIZE},
    {"listen", required_argument, 0, OPT_LISTEN},
    {"rfc2217", no_argument, 0, OPT_RFC2217},
    {"pty", required_argument, 0, OPT_PTY},
    {"once", no_argument, 0, OPT_ONCE},
    {"boot", required_argument, 0, OPT_BOOT},
    {"app", required_argument, 0, OPT_APP},
    {"rollback", no_argument, 0, OPT_ROLLBACK},
    {"line", required_argument, 0, OPT_LINE},
    {"time", required_argument, 0, OPT_TIME},
    {"baud-noise", required_argument, 0, OPT_BAUD_NOISE},
    {"fault", required_argument, 0, OPT_FAULT},
    {"seed", required_argument, 0, OPT_SEED},
    {"table-offset", required_argument, 0, OPT_TABLE_OFFSET},
    {"revision", required_argument, 0, OPT_REVISION},
    {"mac", required_argument, 0, OPT_MAC},
    {"secure-download", no_argument, 0, OPT_SECURE_DOWNLOAD},
    {"flash-encryption", no_argument, 0, OPT_FLASH_ENCRYPTION},
    {"secure-boot", no_argument, 0, OPT_SECURE_BOOT},
    {"verbose", no_argument, 0, OPT_VERBOSE},
    {"help", no_argument, 0, OPT_HELP},
    {0, 0, 0, 0},
};

// 0, or 2 after the error was reported.
static int take_chip(struct vchip_options *o, const char *value)
{
    static char name[16];
    size_t n = 0;
    for (const char *p = value; *p && n + 1 < sizeof name; p++)
        if (*p != '-' && *p != '_')
            name[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    name[n] = 0;
    o->chip = name;
    if (sim_boot_bootloader_offset(name) != UINT32_MAX)
        return 0;
    return cli_usage_error("vchip",
                           "esp8266 esp32 esp32s2 esp32s3 esp32c2 esp32c3 esp32c5 esp32c6 esp32c61 esp32h2 esp32p4",
                           "--chip %s: no such chip", value);
}

static int take_size(struct vchip_options *o, const char *value)
{
    char *end;
    unsigned long n = strtoul(value, &end, 0);
    if (strcmp(end, "MB") == 0 || strcmp(end, "M") == 0)
        n = n <= 256 ? n << 20 : 0;
    else if (strcmp(end, "KB") == 0 || strcmp(end, "K") == 0)
        n = n <= 262144 ? n << 10 : 0;
    else if (*end)
        n = 0;
    if (n < SIM_FLASH_BLOCK || n > 256ul << 20 || (n & (n - 1)) != 0)
        return cli_usage_error("vchip", "a power of two from 64KB to 256MB, such as 4MB",
                               "--flash-size %s: no flash chip has it", value);
    o->flash_size = (uint32_t)n;
    return 0;
}

// One of two words.
static int take_choice(const char *option, const char *value, const char *yes, const char *no, bool *out)
{
    *out = strcmp(value, yes) == 0;
    if (*out || strcmp(value, no) == 0)
        return 0;
    char hint[64];
    snprintf(hint, sizeof hint, "%s or %s", yes, no);
    return cli_usage_error("vchip", hint, "%s %s: not known", option, value);
}

static int take_app(struct vchip_options *o, const char *value)
{
    o->receiver = strcmp(value, "receiver") == 0;
    return o->receiver ? 0 : cli_usage_error("vchip", "--app receiver", "--app %s: there is no such program", value);
}

static int take_revision(struct vchip_options *o, const char *value)
{
    unsigned major, minor;
    char rest;
    if (sscanf(value, *value == 'v' ? "v%u.%u%c" : "%u.%u%c", &major, &minor, &rest) != 2 || major > 99 || minor > 99)
        return cli_usage_error("vchip", "as in 3.0 or v0.4", "--revision %s: not understood", value);
    o->revision = (uint16_t)(major * 100 + minor);
    return 0;
}

static int take_mac(struct vchip_options *o, const char *value)
{
    unsigned b[6];
    char rest;
    int n = sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &rest);
    for (int i = 0; i < 6 && n == 6; i++)
        o->mac[i] = (uint8_t)b[i];
    return n == 6 ? 0 : cli_usage_error("vchip", "six bytes: AA:BB:CC:DD:EE:FF", "--mac %s: not understood", value);
}

static int take_noise(struct vchip_options *o, const char *value)
{
    char *end;
    o->baud_noise = strtod(value, &end);
    if (*end == '%')
        end++;
    if (end == value || *end || !(o->baud_noise >= -20 && o->baud_noise <= 20))
        return cli_usage_error("vchip", "per cent, -20 to 20", "--baud-noise %s: not understood", value);
    return 0;
}

static int take_fault(struct vchip_options *o, const char *value)
{
    char error[512];
    if (sim_serve_faults_parse(&o->faults, value, error, sizeof error))
        return 0;
    return cli_usage_error("vchip", "ferry vchip --help", "%s", error);
}

static int take_number(const char *option, const char *value, uint32_t *out)
{
    char *end;
    unsigned long n = strtoul(value, &end, 0);
    if (end == value || *end || *value == '-' || n > UINT32_MAX)
        return cli_usage_error("vchip", "a number of 32 bits", "%s %s: not understood", option, value);
    *out = (uint32_t)n;
    return 0;
}

static bool take_flag(struct vchip_options *o, int id)
{
    switch (id) {
    case OPT_RFC2217:
        o->rfc2217 = true;
        return true;
    case OPT_ONCE:
        o->once = true;
        return true;
    case OPT_ROLLBACK:
        o->rollback = true;
        return true;
    case OPT_SECURE_DOWNLOAD:
        o->secure_download = true;
        return true;
    case OPT_FLASH_ENCRYPTION:
        o->flash_encryption = true;
        return true;
    case OPT_SECURE_BOOT:
        o->secure_boot = true;
        return true;
    case OPT_VERBOSE:
        o->verbose = true;
        return true;
    default:
        return false;
    }
}

static int take(struct vchip_options *o, int id, const char *value)
{
    switch (id) {
    case OPT_CHIP:
        return take_chip(o, value);
    case OPT_FLASH:
        o->flash = value;
        return 0;
    case OPT_FLASH_SIZE:
        return take_size(o, value);
    case OPT_LISTEN:
        o->listen = value;
        return 0;
    case OPT_PTY:
        o->pty = value;
        return 0;
    case OPT_BOOT:
        o->boot_given = true;
        return take_choice("--boot", value, "download", "normal", &o->download);
    case OPT_APP:
        return take_app(o, value);
    case OPT_LINE:
        return take_choice("--line", value, "ideal", "real", &o->ideal);
    case OPT_TIME:
        return take_choice("--time", value, "fast", "real", &o->fast);
    case OPT_BAUD_NOISE:
        return take_noise(o, value);
    case OPT_FAULT:
        return take_fault(o, value);
    case OPT_SEED:
        return take_number("--seed", value, &o->seed);
    case OPT_TABLE_OFFSET:
        return take_number("--table-offset", value, &o->table_offset);
    case OPT_REVISION:
        return take_revision(o, value);
    case OPT_MAC:
        return take_mac(o, value);
    default:
        return take_flag(o, id) ? 0 : 2;
    }
}

// What only makes sense together.
static int check(struct vchip_options *o)
{
    const char *see = "ferry vchip --help";
    if (!o->chip)
        return cli_usage_error("vchip", "--chip esp32 (or esp32c3, ...)", "which chip? --chip is missing");
    if (!o->flash)
        return cli_usage_error("vchip", "--flash flash.bin; the file is made when it is missing", "--flash is missing");
    if (o->listen && o->pty)
        return cli_usage_error("vchip", see, "--listen and --pty exclude each other");
    if (o->rfc2217 && !o->listen)
        return cli_usage_error("vchip", "--listen 127.0.0.1:5555 --rfc2217", "--rfc2217 needs --listen");
    if (o->once && (o->listen || o->pty))
        return cli_usage_error("vchip", see, "--once boots without a port: leave --listen and --pty out");
    if (!o->once && !o->listen && !o->pty)
        return cli_usage_error("vchip", "--listen 127.0.0.1:5555, --pty PATH, or --once", "where should it be served?");
    if (o->once && o->boot_given && o->download)
        return cli_usage_error("vchip", "--boot normal --once",
                               "--once boots normally: a loader alone has nobody to talk to");
    if (!o->boot_given)
        o->download = !o->rfc2217 && !o->once && !o->receiver;
    // The recorded ESP32 (--line ideal, --once) is older than what many builds of today ask for.
    if (!o->revision && !o->ideal && !o->once && strcmp(o->chip, "esp32") == 0)
        o->revision = 300;
    return 0;
}

int vchip_parse(struct vchip_options *out, int argc, char **argv)
{
    memset(out, 0, sizeof *out);
    out->seed = 1;
    optind = 1;
    opterr = 0;
    for (int id, at = 1; (id = getopt_long(argc, argv, ":h", OPTIONS, NULL)) != -1; at = optind) {
        if (id == OPT_HELP || id == 'h') {
            fputs(HELP, stdout);
            return 0;
        }
        if (id == ':')
            return cli_usage_error("vchip", "ferry vchip --help", "%s needs a value", argv[at]);
        if (id == '?')
            return cli_usage_error("vchip", "ferry vchip --help", "%s: no such option", argv[at]);
        int code = take(out, id, optarg);
        if (code != 0)
            return code;
    }
    if (optind < argc)
        return cli_usage_error("vchip", "ferry vchip --help", "'%s' is not an option", argv[optind]);
    int code = check(out);
    return code ? code : -1;
}
