#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"

static const struct cli_help help = {
    .usage = "[OPTIONS]",
    .about = "Connects and tells what is there: chip, revision, crystal, MAC, flash, what protects it.\n"
             "Nothing is written; the target starts its firmware again afterwards.",
    .examples = "  ferry detect                                  the only board that is plugged in\n"
                "  ferry detect -p /dev/ttyUSB0 --json           for a program\n"
                "  ferry detect -p socket://10.0.0.7:3333 --before no-reset\n"
                "                                                through a bridge without reset lines: hold BOOT\n"
                "                                                while you press reset, then start this\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH,
};

int cmd_detect(int argc, char **argv)
{
    static struct cli_options options;
    static struct cli_session session;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count)
        return cli_usage_error(argv[0], 0, "'detect' takes no arguments");
    return cli_session_do(&session, &options, false, 0, 0);
}
