// Who may: tokens, limits, and what browsers are made to send by other pages.
#include <stdio.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

static const char *header(const struct api_call *call, const char *name)
{
    return call->request->header(call->request->ctx, name);
}

static bool listed(const char *const *list, const char *name, size_t len)
{
    for (; list && *list; list++)
        if (strlen(*list) == len && strncmp(*list, name, len) == 0)
            return true;
    return false;
}

// The page's own origin is where the request was sent to: same host and port, and the same scheme. Behind a proxy that
// speaks TLS for this server the schemes differ; then the browser's own word counts, which no page can write.
static bool own_origin(const struct api_call *call, const char *origin)
{
    const char *host = header(call, "Host"), *site = header(call, "Sec-Fetch-Site");
    bool https = strncmp(origin, "https://", 8) == 0, http = strncmp(origin, "http://", 7) == 0;
    bool scheme = call->request->secure ? https : http || (https && site && strcmp(site, "same-origin") == 0);
    return host && scheme && ferry_http_text_same(origin + (https ? 8 : 7), host);
}

static const char *foreign_origin_allowed(const struct api_call *call)
{
    const char *origin = header(call, "Origin");
    return origin && listed(call->api->cfg.origins, origin, strlen(origin)) ? origin : NULL;
}

void api_cors(struct api_call *call)
{
    const char *origin = foreign_origin_allowed(call);
    if (!origin)
        return;
    ferry_http_answer_header(call->answer, "Access-Control-Allow-Origin", origin);
    ferry_http_answer_header(call->answer, "Vary", "Origin");
    if (strcmp(call->request->method, "OPTIONS") != 0)
        return;
    ferry_http_answer_header(call->answer, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE");
    ferry_http_answer_header(call->answer, "Access-Control-Allow-Headers", "Authorization, Content-Type, X-Sha256");
}

// A name that an attacker's DNS could point here (rebinding) is not an address, not localhost and not *.local.
static bool host_is_ours(const struct api_call *call, const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
    if (host[0] == '[' || strspn(host, "0123456789.") == len)
        return true;
    if (len == strlen("localhost") && strncmp(host, "localhost", len) == 0)
        return true;
    if (len > strlen(".local") && strncmp(host + len - strlen(".local"), ".local", strlen(".local")) == 0)
        return true;
    return listed(call->api->cfg.hosts, host, len);
}

static bool refuse_foreign(struct api_call *call, const char *what)
{
    api_fail(call, 403, "ORIGIN", what, NULL,
             "open the depot's own page; or the server's owner allows yours: --origin URL, --host NAME");
    return false;
}

static bool origin_fits(struct api_call *call)
{
    const char *origin = header(call, "Origin"), *site = header(call, "Sec-Fetch-Site");
    bool foreign = (origin && !own_origin(call, origin)) || (site && strcmp(site, "cross-site") == 0);
    if (foreign && !foreign_origin_allowed(call))
        return refuse_foreign(call, "the request comes from another web page");
    return true;
}

// Without a token, nothing but the name it was called by tells a browser's own request from one that a foreign page
// has made it send to an address it only believes to be its own.
static bool host_fits(struct api_call *call)
{
    const char *agent = header(call, "User-Agent"), *host = header(call, "Host");
    if (agent && strncmp(agent, "Mozilla", 7) == 0 && (!host || !host_is_ours(call, host)))
        return refuse_foreign(call, "this server is not known by the name that the browser calls it by");
    return true;
}

static bool within(struct api_call *call, struct ferry_depot_api_limit *limit, const char *kind, const char *key,
                   uint32_t cost)
{
    char name[96];
    snprintf(name, sizeof name, "%s%.80s", kind, key);
    pthread_mutex_lock(&call->api->lock);
    bool good = ferry_depot_api_limit_take(limit, name, cost, api_now(call->api));
    pthread_mutex_unlock(&call->api->lock);
    return good;
}

static bool too_many(struct api_call *call)
{
    api_fail(call, 429, "BUSY", "too many requests in a short time", NULL, "ask less often");
    return false;
}

// ---- tokens ----

// True = it was good a moment ago. *known: it was good some time ago, and is worth a look at the database even when
// others at the same address have tried wrong ones too often.
static bool remembered(struct ferry_depot_api *self, const char *secret, struct ferry_depot_token *out, bool *known)
{
    size_t len = strlen(secret);
    bool found = false;
    *known = false;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < API_TOKENS; i++) {
        struct api_token *t = &self->tokens[i];
        if (!t->secret[0] || !ferry_http_text_same_secret(t->secret, strlen(t->secret), secret, len))
            continue;
        *known = true;
        if (api_now(self) - t->at_ms < API_TOKEN_MS) {
            *out = t->token;
            found = true;
        }
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static void remember(struct ferry_depot_api *self, const char *secret, const struct ferry_depot_token *token)
{
    pthread_mutex_lock(&self->lock);
    uint32_t now = api_now(self);
    struct api_token *oldest = self->tokens;
    for (size_t i = 0; i < API_TOKENS; i++) {
        if (strcmp(self->tokens[i].secret, secret) == 0) {
            oldest = &self->tokens[i];
            break;
        }
        if (oldest->secret[0] && (!self->tokens[i].secret[0] || now - self->tokens[i].at_ms > now - oldest->at_ms))
            oldest = &self->tokens[i];
    }
    snprintf(oldest->secret, sizeof oldest->secret, "%s", secret);
    oldest->token = *token;
    oldest->at_ms = now;
    pthread_mutex_unlock(&self->lock);
}

void api_forget_tokens(struct ferry_depot_api *self)
{
    pthread_mutex_lock(&self->lock);
    explicit_bzero(self->tokens, sizeof self->tokens);
    pthread_mutex_unlock(&self->lock);
}

static void forget(struct ferry_depot_api *self, const char *secret)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < API_TOKENS; i++)
        if (strcmp(self->tokens[i].secret, secret) == 0)
            explicit_bzero(&self->tokens[i], sizeof self->tokens[i]);
    pthread_mutex_unlock(&self->lock);
}

static bool check_secret(struct api_call *call, const char *secret)
{
    struct ferry_depot_api *self = call->api;
    if (strlen(secret) >= FERRY_DEPOT_SECRET) {
        api_fail(call, 401, "TOKEN", "this token is not known", NULL, "ask whoever runs the depot for one");
        return false;
    }
    bool known;
    if (remembered(self, secret, &call->token, &known))
        return true;
    if (!known && !within(call, &self->failures, "", call->request->peer, 0))
        return too_many(call);
    call->depot = api_take(self, &call->which);
    int status = ferry_depot_token_check(call->depot, secret, &call->token);
    if (status < 0 && status != FERRY_ERR_STORAGE_MISSING && status != FERRY_ERR_ARG)
        api_fail_depot(call, status);
    api_give(self, call->which);
    call->depot = NULL;
    if (status >= 0) {
        remember(self, secret, &call->token);
        return true;
    }
    if (status == FERRY_ERR_STORAGE_MISSING || status == FERRY_ERR_ARG) {
        forget(self, secret);
        bool patient = within(call, &self->failures, "", call->request->peer, 1);
        if (!patient)
            return too_many(call);
        api_fail(call, 401, "TOKEN", "this token is not known, or has expired", NULL,
                 "ask whoever runs the depot for one (ferry depot token)");
    }
    return false;
}

static bool scopes_fit(struct api_call *call)
{
    unsigned wanted = call->route->scopes;
    if (!wanted || (call->scopes & wanted))
        return true;
    if (!call->token.id)
        api_fail(call, 401, "TOKEN", "a token is needed for this", NULL,
                 "send \"Authorization: Bearer TOKEN\"; ferry depot token makes one");
    else
        api_fail(call, 403, "SCOPE", "this token is not for that", NULL,
                 "ask whoever runs the depot for one with more scopes");
    return false;
}

// What needs no token is told to those with a wrong one as well.
static void take_back(struct api_call *call)
{
    if (call->answer->close)
        call->answer->close(call->answer->ctx);
    *call->answer = (struct ferry_http_answer){0};
    call->token = (struct ferry_depot_token){0};
}

// Devices and tools that know no bearer tokens (HTTPUpdate's setAuthorization(), ESPHome, http://x:TOKEN@host/) send
// theirs as a password, whoever they say they are. For what is only read; nobody is asked for a password.
static const char *find_secret(const struct api_call *call, char password[FERRY_DEPOT_SECRET + 1])
{
    const char *authorization = header(call, "Authorization"), *method = call->request->method;
    const char *secret = ferry_http_text_bearer(authorization);
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (secret || !reads)
        return secret;
    return ferry_http_text_basic(authorization, password, FERRY_DEPOT_SECRET + 1) ? password : NULL;
}

bool api_admit(struct api_call *call)
{
    struct ferry_depot_api *self = call->api;
    char number[24], password[FERRY_DEPOT_SECRET + 1];
    const char *secret = find_secret(call, password);
    if (!within(call, &self->limit, "peer ", call->request->peer, 1))
        return too_many(call);
    if (!origin_fits(call))
        return false;
    call->scopes = self->cfg.anonymous;
    if (secret && !check_secret(call, secret)) {
        if (call->route->scopes)
            return false;
        take_back(call);
    }
    if (call->token.id) {
        call->scopes |= call->token.scopes;
        snprintf(number, sizeof number, "%lld", (long long)call->token.id);
        if (!within(call, &self->limit, "token ", number, 1))
            return too_many(call);
    } else if (!host_fits(call)) {
        return false;
    }
    return scopes_fit(call);
}
