// The updater's command line.
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_updater_bench.h"
#include "apps/ferry/cmd_updater_options.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

static int take_port(struct bench *b, const char *port)
{
    if (b->count == BENCH_PORTS)
        return cli_usage_error("updater", NULL, "more than %d ports", BENCH_PORTS);
    for (unsigned i = 0; i < b->count; i++)
        if (strcmp(b->names[i], port) == 0)
            return cli_usage_error("updater", NULL, "--port %s is named twice", port);
    b->names[b->count++] = port;
    return -1;
}

static int take_others(struct bench *b, int argc, char **argv, int *i)
{
    int took = web_tls_option(&b->tls, argc, argv, i);
    if (took < 0)
        return cli_usage_error("updater", NULL, "%s needs a value", argv[*i]);
    return took ? took : updater_work_option(&b->work_cfg, argc, argv, i);
}

// Takes argv[*i] when it is an option of this command only. 1: taken, 0: not ours, else the exit code.
static int take_own(struct bench *b, int argc, char **argv, int *i)
{
    static const char *const names[] = {"--card", "--cargo", "--probe",     "--port",
                                        "-p",     "--web",   "--web-token", "--depot"};
    bool missing = false;
    const char *value = NULL;
    size_t which = 0;
    if (strcmp(argv[*i], "--wait") == 0) {
        b->wait = true;
        return 1;
    }
    for (; which < 8 && !value; which++)
        value = cmd_updater_value(names[which], argc, argv, i, &missing);
    if (!value)
        return take_others(b, argc, argv, i);
    if (missing || !*value)
        return cli_usage_error("updater", NULL, "%s needs a value", names[which - 1]);
    uint32_t seconds = 0;
    if (which == 1)
        b->card_dir = value;
    else if (which == 2)
        b->cargo = value;
    else if (which == 3 && !ferry_posix_number_in(value, 1, 3600, &seconds))
        return cli_usage_error("updater", "1 to 3600", "'%s' is no number of seconds for --probe", value);
    else if (which == 3)
        b->probe_ms = seconds * 1000;
    else if (which == 6)
        b->listen = value;
    else if (which == 7)
        b->token = value;
    else if (which == 8)
        b->depot = value;
    else
        return take_port(b, value) < 0 ? 1 : 2;
    return 1;
}

// What was given, all together. -1: well; else the exit code.
static int check(struct bench *b)
{
    bool for_depot = b->work_cfg.work || b->work_cfg.check_in;
    const char *tls = web_tls_wrong(&b->tls);
    if (!b->card_dir && b->options.arg_count == 1)
        b->card_dir = b->options.args[0];
    else if (b->options.arg_count > 0)
        return cli_usage_error("updater", "ferry updater --card DIR --port PORT", "'%s' is no option",
                               b->options.args[0]);
    if (!b->card_dir && !for_depot)
        return cli_usage_error("updater", "ferry updater --card DIR --port PORT", "which card? name its folder");
    if (tls || (!b->listen && (b->tls.cert || b->tls.key || b->tls.self_signed)))
        return cli_usage_error("updater", "--web 8443 --tls-self-signed", "%s",
                               tls ? tls : "the --tls options go with --web");
    if (b->count == 0 && b->options.port)
        b->names[b->count++] = b->options.port; // from the environment
    b->work_cfg.depot = b->depot;
    b->work_cfg.wait = b->wait;
    b->work_cfg.dry = b->options.dry_run;
    b->work_cfg.probe_ms = b->probe_ms;
    return updater_work_check(&b->work_cfg);
}

int bench_parse(struct bench *b, int argc, char **argv)
{
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    int count = 0, code = -1;
    if (!rest)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    rest[count++] = argv[0];
    for (int i = 1; i < argc && code < 0; i++) {
        int taken = take_own(b, argc, argv, &i);
        if (taken == 0)
            rest[count++] = argv[i];
        else if (taken > 1)
            code = taken;
    }
    if (code < 0)
        code = cli_parse(&b->options, count, rest, &cmd_updater_help);
    free(rest);
    return code < 0 ? check(b) : code;
}
