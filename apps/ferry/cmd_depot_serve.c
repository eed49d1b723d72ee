// depot serve: the depot over HTTP, with the page.
#include <cJSON.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "apps/ferry/depot_server.h"
#include "apps/ferry/web_tls.h"
#include "ferry.h"
#include "ports/posix/number.h"

#define THREADS_DEFAULT 4
#define GRACE_MS 5000

static const char usage[] =
    "Usage: ferry depot serve [OPTIONS]\n"
    "\n"
    "Serves the depot over HTTP until Ctrl-C: an API for updaters and devices, and a page for people.\n"
    "docs/guide/depot-server.md shows how; docs/protocol/depot-api.yaml describes the API.\n"
    "\n"
    "  --depot PATH|URL             which depot, else $FERRY_DEPOT, else the user's own\n"
    "  --listen [ADDRESS:]PORT      where (127.0.0.1:8470); * is every address of this computer, port 0 a free one\n"
    "  --tls-cert FILE              certificate (chain) in PEM; with\n"
    "  --tls-key FILE               its key: https. SIGHUP reads both again, nobody is cut off\n"
    "  --tls-self-signed            https with a certificate of its own, made once and kept in $FERRY_TLS\n"
    "                               (~/.local/share/ferry/tls)\n"
    "  --anonymous SCOPES           what requests without a token may do: read, write, device, work (nothing)\n"
    "  --upload-limit SIZE          bytes of one file (32M)\n"
    "  --rate N                     requests a second from one address, and of one token (200); 0 = no limit\n"
    "  --connections N              at the same time (512); half of them from one address, unless\n"
    "  --connections-per-address N  says otherwise\n"
    "  --threads N                  of the server, each with a connection to the database (4)\n"
    "  --origin URL                 another web page that may use the API (may be given several times)\n"
    "  --host NAME                  a name of this server, for browsers without a token (may be given several times)\n"
    "  --name TEXT                  for the page's head\n"
    "  --no-page                    the API alone\n"
    "  --verbose                    a line for each request\n"
    "  --quiet                      only errors\n"
    "  --json                       one JSON object a line\n"
    "  --help\n"
    "\n"
    "Examples:\n"
    "  ferry depot token add bench --scopes read,work\n"
    "  ferry depot serve --listen '*:8470' --tls-self-signed\n"
    "  ferry depot serve --depot postgresql://ferry@db/ferry --anonymous read\n";

struct serving {
    struct depot_server_cfg cfg;
    const char *depot, *listen;
    const char *origins[FERRY_DEPOT_API_ORIGINS + 1], *hosts[FERRY_DEPOT_API_ORIGINS + 1];
    size_t origin_count, host_count;
    uint32_t rate, upload, connections, per_address, threads;
    bool json, quiet, verbose, no_page, help;
    struct web_tls tls;
    char address[128];
    const char *scopes;
};

struct option {
    const char *name;
    const char **text;
    uint32_t *number;
    bool *flag;
    uint32_t min, max;
};

static int wrong(const char *what, const char *value)
{
    char text[240];
    snprintf(text, sizeof text, what, value);
    return cli_depot_usage("serve", text);
}

static int take_value(const struct option *o, const char *value)
{
    if (o->text)
        *o->text = value;
    else if (!ferry_posix_number_in(value, o->min, o->max, o->number))
        return wrong("'%s' is out of range", value);
    return -1;
}

static int take_listed(struct serving *s, const char *name, const char *value)
{
    bool origin = strcmp(name, "--origin") == 0;
    size_t *count = origin ? &s->origin_count : &s->host_count;
    if (*count == FERRY_DEPOT_API_ORIGINS)
        return wrong("%s is given too often", name);
    (origin ? s->origins : s->hosts)[(*count)++] = value;
    return -1;
}

// -1 = go on, else the exit code. *used: how many arguments it was.
static int take_option(struct serving *s, const char *arg, const char *value, int *used)
{
    const struct option options[] = {
        {"--depot", &s->depot, NULL, NULL, 0, 0},
        {"--listen", &s->listen, NULL, NULL, 0, 0},
        {"--anonymous", &s->scopes, NULL, NULL, 0, 0},
        {"--name", &s->cfg.api.name, NULL, NULL, 0, 0},
        {"--upload-limit", NULL, &s->upload, NULL, 1024, UINT32_MAX - 1},
        {"--rate", NULL, &s->rate, NULL, 0, 1000000},
        {"--connections", NULL, &s->connections, NULL, 1, 65536},
        {"--connections-per-address", NULL, &s->per_address, NULL, 1, 65536},
        {"--threads", NULL, &s->threads, NULL, 1, FERRY_DEPOT_API_HANDLES},
        {"--no-page", NULL, NULL, &s->no_page, 0, 0},
        {"--verbose", NULL, NULL, &s->verbose, 0, 0},
        {"--quiet", NULL, NULL, &s->quiet, 0, 0},
        {"--json", NULL, NULL, &s->json, 0, 0},
        {"--help", NULL, NULL, &s->help, 0, 0},
        {"-h", NULL, NULL, &s->help, 0, 0},
    };
    bool listed = strcmp(arg, "--origin") == 0 || strcmp(arg, "--host") == 0;
    *used = 2;
    if (listed)
        return value ? take_listed(s, arg, value) : wrong("%s needs a value", arg);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, arg) != 0)
            continue;
        if (!options[i].flag)
            return value ? take_value(&options[i], value) : wrong("%s needs a value", arg);
        *options[i].flag = true;
        *used = 1;
        return -1;
    }
    return wrong("there is no option '%s'", arg);
}

static int take_listen(struct serving *s)
{
    const char *colon = strrchr(s->listen, ':'), *number = colon ? colon + 1 : s->listen;
    uint32_t port;
    if (!ferry_posix_number_in(number, 0, 65535, &port) || (colon && colon - s->listen >= (int)sizeof s->address))
        return wrong("--listen takes [ADDRESS:]PORT, not '%s'", s->listen);
    s->cfg.http.port = (uint16_t)port;
    if (!colon)
        return -1;
    const char *from = s->listen, *to = colon;
    if (*from == '[' && to > from + 1 && to[-1] == ']') { // [::1]:8470
        from++;
        to--;
    }
    snprintf(s->address, sizeof s->address, "%.*s", (int)(to - from), from);
    s->cfg.http.bind = s->address[0] ? s->address : "*";
    return -1;
}

static void log_request(void *ctx, const struct ferry_posix_http_server_event *e)
{
    const struct serving *s = ctx;
    if (s->json)
        printf(
            "{\"event\":\"request\",\"peer\":\"%s\",\"method\":\"%s\",\"status\":%d,\"bytes\":%llu,\"complete\":%s}\n",
            e->peer, e->method, e->status, (unsigned long long)e->bytes, e->complete ? "true" : "false");
    else
        printf("%s %s %s %d %llu%s\n", e->peer, e->method, e->path, e->status, (unsigned long long)e->bytes,
               e->complete ? "" : " (cut)");
    fflush(stdout);
}

static int finish_cfg(struct serving *s)
{
    struct depot_server_cfg *cfg = &s->cfg;
    if (s->scopes && !ferry_depot_scopes_parse(s->scopes, &cfg->api.anonymous))
        return wrong("--anonymous takes read, write, device, work with commas between, not '%s'", s->scopes);
    if (cfg->api.anonymous & FERRY_DEPOT_SCOPE_ADMIN)
        return wrong("--anonymous does not take '%s': tokens are not for everybody", "admin");
    if (web_tls_wrong(&s->tls))
        return wrong("%s", web_tls_wrong(&s->tls));
    cfg->http.threads = s->threads;
    cfg->http.connections = s->connections;
    cfg->http.connections_per_peer = s->per_address;
    cfg->http.body_bytes = (uint64_t)s->upload + 65536;
    cfg->http.log = s->verbose ? log_request : NULL;
    cfg->http.log_ctx = s;
    cfg->api.upload_bytes = s->upload;
    cfg->api.streams = (s->connections ? s->connections : 512) / 2 + 1;
    cfg->api.rate = s->rate ? s->rate : UINT32_MAX;
    cfg->api.version = FERRY_VERSION;
    cfg->api.origins = s->origins;
    cfg->api.hosts = s->hosts;
    cfg->api.page = !s->no_page;
    return take_listen(s);
}

static int parse(struct serving *s, int argc, char **argv)
{
    int code = -1, used = 1;
    for (int i = 1; i < argc && code < 0; i += used) {
        int tls = web_tls_option(&s->tls, argc, argv, &i);
        used = 1;
        if (tls < 0)
            code = wrong("%s needs a value", argv[i]);
        else if (tls == 0)
            code = take_option(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
    }
    return code >= 0 || s->help ? code : finish_cfg(s);
}

static void tell_start(const struct serving *s, const struct depot_server *server, struct cli_display *display)
{
    char shown[200];
    const char *scheme = s->cfg.http.tls_cert ? "https" : "http";
    const char *address = s->cfg.http.bind && strcmp(s->cfg.http.bind, "*") != 0 ? s->cfg.http.bind : "127.0.0.1";
    unsigned port = ferry_posix_http_server_port(server->http);
    bool bare = strchr(address, ':') != NULL;
    ferry_depot_shown_url(s->cfg.depot, shown, sizeof shown);
    if (s->json)
        printf("{\"event\":\"listening\",\"url\":\"%s://%s%s%s:%u/\",\"port\":%u}\n", scheme, bare ? "[" : "", address,
               bare ? "]" : "", port, port);
    else if (!s->quiet)
        printf("%s at %s://%s%s%s:%u/ (Ctrl-C ends it)\n", shown, scheme, bare ? "[" : "", address, bare ? "]" : "",
               port);
    struct ferry_depot_token token;
    if (!s->quiet && !s->json && !s->cfg.api.anonymous && ferry_depot_token_list(server->depots[0], &token, 1) == 0)
        printf("nobody may do anything yet: `ferry depot token add NAME --scopes read,write` makes a token\n");
    web_tls_tell(&s->tls, s->cfg.http.bind, display);
    fflush(stdout);
}

static void read_certificate_again(struct depot_server *server, struct cli_display *display)
{
    struct ferry_posix_error error;
    if (ferry_posix_http_server_reload(server->http, &error) < 0)
        cli_display_warning(display, error.what);
    else if (display->json)
        cli_display_json(display, "certificate_read", cli_display_object());
    else
        cli_display_line(display, "The certificate was read again");
    fflush(stdout);
}

static void serve_until_ended(struct depot_server *server, const sigset_t *signals, struct cli_display *display)
{
    int which = SIGHUP;
    while (sigwait(signals, &which) == 0 && which == SIGHUP)
        read_certificate_again(server, display);
}

// These signals are blocked in all threads (the server's are started after this) and taken here.
static int serve(struct serving *s, struct cli_display *display)
{
    struct depot_server server;
    struct ferry_fault fault = {0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (web_tls_prepare(&s->tls, s->hosts, s->cfg.http.bind, &fault) < 0)
        return cli_display_fault(display, &fault);
    s->cfg.http.tls_cert = s->tls.cert;
    s->cfg.http.tls_key = s->tls.key;
    if (depot_server_start(&server, &s->cfg, &fault) < 0)
        return cli_display_fault(display, &fault);
    tell_start(s, &server, display);
    serve_until_ended(&server, &signals, display);
    depot_server_stop(&server, GRACE_MS);
    return 0;
}

int cmd_depot_serve(int argc, char **argv)
{
    struct serving s = {.listen = "8470", .rate = 200, .upload = 32u << 20, .threads = THREADS_DEFAULT};
    struct cli_options options = {0};
    struct cli_display display;
    char depot[512];
    int code = parse(&s, argc, argv);
    if (s.help) {
        fputs(usage, stdout);
        return 0;
    }
    if (code >= 0)
        return code;
    options.json = s.json;
    options.quiet = s.quiet;
    cli_display_init(&display, &options);
    s.cfg.depot = cli_depot_url(s.depot, depot, sizeof depot);
    return serve(&s, &display);
}
