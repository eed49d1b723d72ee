#include <stdio.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/display.h"
#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "updater/inspect.h"

static const struct cli_help help = {
    .usage = "FILE|FOLDER ... [--json]",
    .about = "Shows what a firmware holds, and checks it: images (chip, revisions, segments, checksum, SHA-256,\n"
             "project and version), partition tables, merged images, build folders, manifests. No target is needed.",
    .examples = "  ferry inspect build/app.bin\n"
                "  ferry inspect build/                  a whole build folder\n"
                "  ferry inspect --json card/            for a program\n",
    .groups = CLI_OPT_JSON,
};

int cmd_inspect(int argc, char **argv)
{
    static struct cli_options options;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count == 0)
        return cli_usage_error(argv[0], 0, "'inspect' wants a file or a folder");
    struct cli_display display;
    struct ferry_posix_digest state;
    struct ferry_digest digest = ferry_posix_digest_init(&state);
    cli_display_init(&display, &options);
    code = 0;
    for (size_t i = 0; i < options.arg_count; i++) {
        struct ferry_fault fault = {.peer_code = -1};
        if (i && !options.json)
            puts("");
        int status = ferry_inspect(options.args[i], options.json, &digest, stdout, &fault);
        if (status < 0 && code == 0)
            code = ferry_status_exit_code(status);
        if (status < 0)
            cli_display_fault(&display, &fault);
    }
    ferry_posix_digest_close(&state);
    return code;
}
