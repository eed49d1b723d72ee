#include <cJSON.h>
#include <stdio.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/display.h"
#include "ports/posix/ports.h"

static const struct cli_help help = {
    .usage = "[--json]",
    .about = "Lists the serial ports of this computer; those that are likely a board are marked.",
    .examples = "  ferry ports\n",
    .groups = CLI_OPT_JSON,
};

static void show(struct cli_display *display, const struct ferry_posix_ports_entry *entry)
{
    char ids[16] = "";
    if (entry->vid)
        snprintf(ids, sizeof ids, "%04x:%04x", (unsigned)entry->vid, (unsigned)entry->pid);
    cli_display_line(display, "%c %-20s %-9s  %s", ferry_posix_ports_likely(entry) ? '*' : ' ', entry->name, ids,
                     entry->description);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "port", entry->name);
    cJSON_AddStringToObject(object, "description", entry->description);
    cJSON_AddStringToObject(object, "usb", ids);
    cJSON_AddBoolToObject(object, "likely", ferry_posix_ports_likely(entry));
    cli_display_json(display, "port", object);
}

int cmd_ports(int argc, char **argv)
{
    struct cli_options options;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count)
        return cli_usage_error(argv[0], 0, "'ports' takes no arguments");
    struct cli_display display;
    cli_display_init(&display, &options);
    struct ferry_posix_ports_entry entries[256];
    size_t count = ferry_posix_ports_list(entries, 256);
    for (size_t i = 0; i < count && i < 256; i++)
        show(&display, &entries[i]);
    if (count == 0)
        cli_display_line(&display, "No serial ports. (socket:// and rfc2217:// need none.)");
    return 0;
}
