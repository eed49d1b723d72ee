// link-test: tries the line to a receiver and names its fault.
#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/link_session.h"
#include "ferry/base/status.h"

static const struct cli_help help = {
    .usage = "[OPTIONS]",
    .about =
        "Sends known patterns to a target that runs a receiver and has it send some back, at the rate at which\n"
        "receivers wait (115200); then finds the highest rate that holds. Names what is wrong with the line: nothing\n"
        "received, one direction dead, wrong baud rate, bytes lost while the target erases its flash, or the rate of\n"
        "errors in each direction. Changes nothing on the target.",
    .examples = "  ferry link-test -p /dev/ttyUSB0\n"
                "  ferry link-test -p socket://192.168.1.7:3232 --json\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_LINK,
};

static void report_json(struct link_session *link)
{
    const struct ferry_link_line_report *r = &link->sender.report;
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "sent", r->sent);
    cJSON_AddNumberToObject(object, "arrived", r->arrived);
    cJSON_AddNumberToObject(object, "asked", r->asked);
    cJSON_AddNumberToObject(object, "received", r->received);
    cJSON_AddNumberToObject(object, "bit_errors_per_million_to", r->errors_per_million_to);
    cJSON_AddNumberToObject(object, "bit_errors_per_million_from", r->errors_per_million_from);
    cJSON_AddNumberToObject(object, "overruns", r->overruns);
    cJSON_AddNumberToObject(object, "log_bytes", r->log_bytes);
    cJSON_AddNumberToObject(object, "round_trip_ms", r->round_trip_ms);
    cli_display_json(&link->session.display, "line", object);
}

static void direction(struct link_session *link, const char *name, uint32_t sent, uint32_t arrived, uint32_t errors)
{
    if (sent == arrived)
        cli_display_line(&link->session.display, "  %s all of %lu frames arrived", name, (unsigned long)sent);
    else
        cli_display_line(&link->session.display, "  %s %lu of %lu frames arrived: about %lu bit error%s in a million",
                         name, (unsigned long)arrived, (unsigned long)sent, (unsigned long)errors,
                         errors == 1 ? "" : "s");
}

static void report(struct link_session *link)
{
    const struct ferry_link_line_report *r = &link->sender.report;
    struct cli_display *display = &link->session.display;
    report_json(link);
    direction(link, "to the target:  ", r->sent, r->arrived, r->errors_per_million_to);
    direction(link, "from the target:", r->asked, r->received, r->errors_per_million_from);
    cli_display_line(display, "  round trip       %lu ms", (unsigned long)r->round_trip_ms);
    if (r->log_bytes)
        cli_display_line(display, "  other output     %lu bytes (the target's log) between the frames",
                         (unsigned long)r->log_bytes);
}

static int test(struct link_session *link, const struct cli_options *options)
{
    struct cli_session *s = &link->session;
    int status = link_session_open(link, options);
    if (status < 0)
        return status;
    cli_display_status(&s->display, "Connecting to %s ...", s->port_name);
    status = link_session_run(link, FERRY_LINK_SENDER_TEST);
    if (link->sender.report.sent)
        report(link);
    link_session_restart(link);
    if (status == FERRY_OK) // finds the highest rate that holds
        status = link_session_run(link, FERRY_LINK_SENDER_CONNECT);
    if (status < 0)
        return status;
    struct ferry_progress progress;
    ferry_link_sender_ops.progress(&link->sender, &progress);
    cli_display_receiver(&s->display, &link->sender.target, s->port_name, progress.baud);
    cli_display_good(&s->display, "The line is good.");
    return FERRY_OK;
}

int cmd_link_test(int argc, char **argv)
{
    static struct cli_options options;
    static struct link_session link;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count)
        return cli_usage_error("link-test", 0, "'%s' is not an option", options.args[0]);
    return link_session_end(&link, test(&link, &options));
}
