// What happens in the depot, as it happens. Changes made through this server are told at once; those that others make
// in the database (other servers, updaters, the command line) are looked for about once a second, by whichever stream
// asks first, and only while there are streams.
//
// A ring holds the last events; each stream knows up to which number it has told them. One that has fallen behind is
// told "reload" and goes on with what is new.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"

#define ALIVE_MS 15000u // a comment after this much silence: the other side sees that the line is there
#define OVERLAP_MS 3000 // the database's transactions may become visible later than their time says
#define LOOK_JOBS 200   // changed jobs that one look takes

void api_news_init(struct ferry_depot_api *self)
{
    pthread_mutex_init(&self->news.lock, NULL);
    pthread_mutex_init(&self->news.look_lock, NULL);
    self->news.next = 1;
}

void api_news_free(struct ferry_depot_api *self)
{
    for (size_t i = 0; i < API_NEWS; i++)
        free(self->news.ring[i].data);
    pthread_mutex_destroy(&self->news.lock);
    pthread_mutex_destroy(&self->news.look_lock);
}

// Takes data (NULL = {}).
static void put_event(struct api_news *news, const char *name, char *data)
{
    pthread_mutex_lock(&news->lock);
    struct api_event *event = &news->ring[news->next % API_NEWS];
    free(event->data);
    *event = (struct api_event){news->next++, name, data};
    pthread_mutex_unlock(&news->lock);
}

void api_news_tell(struct ferry_depot_api *self, const char *name)
{
    if (strcmp(name, "jobs") == 0)
        atomic_store(&self->news.poked, true); // the look finds which
    else
        put_event(&self->news, name, NULL);
    if (self->cfg.waker.wake)
        self->cfg.waker.wake(self->cfg.waker.ctx);
}

// ---- looking ----

static bool seen_before(struct api_news *news, const struct ferry_depot_job *job)
{
    for (size_t i = 0; i < API_NEWS; i++)
        if (news->seen[i].id == job->id && news->seen[i].revision == job->revision)
            return true;
    news->seen[news->seen_at++ % API_NEWS] = (struct api_seen){job->id, job->revision};
    return false;
}

static void tell_jobs(struct api_news *news, const struct ferry_depot_job *jobs, int count, bool quietly)
{
    for (int i = count - 1; i >= 0; i--) { // the oldest first
        if (jobs[i].changed_ms > news->since_ms)
            news->since_ms = jobs[i].changed_ms;
        if (seen_before(news, &jobs[i]) || quietly)
            continue;
        cJSON *json = ferry_depot_api_json_job(&jobs[i]);
        char *data = json ? cJSON_PrintUnformatted(json) : NULL;
        cJSON_Delete(json);
        if (data)
            put_event(news, "job", data);
    }
}

static void look_at_jobs(struct api_news *news, struct ferry_depot *depot, bool first)
{
    struct ferry_depot_job *jobs = calloc(LOOK_JOBS, sizeof *jobs);
    if (first && ferry_depot_now(depot, &news->since_ms) < 0) {
        free(jobs);
        return;
    }
    struct ferry_depot_job_filter filter = {.changed_since = news->since_ms - OVERLAP_MS};
    int count = jobs ? ferry_depot_job_list(depot, &filter, jobs, LOOK_JOBS) : 0;
    tell_jobs(news, jobs, count, first);
    free(jobs);
    news->begun = news->begun || count >= 0;
}

static void look_at_rest(struct api_news *news, struct ferry_depot *depot, bool first)
{
    struct ferry_depot_stats stats;
    struct ferry_depot_build newest = {0};
    if (ferry_depot_stats(depot, &stats) < 0)
        return;
    int count = ferry_depot_build_list(depot, &(struct ferry_depot_filter){0}, &newest, 1);
    bool builds = stats.builds != news->stats.builds || (count >= 0 && newest.id != news->newest_build);
    if (!first && builds)
        put_event(news, "builds", NULL);
    if (!first && stats.channels != news->stats.channels)
        put_event(news, "channels", NULL);
    if (!first && stats.devices != news->stats.devices)
        put_event(news, "devices", NULL);
    news->stats = stats;
    news->newest_build = newest.id;
}

static uint64_t newest(struct api_news *news)
{
    pthread_mutex_lock(&news->lock);
    uint64_t next = news->next;
    pthread_mutex_unlock(&news->lock);
    return next;
}

// Asks the database when it is time to; one at a time, others go on without: they are woken when it has found
// something.
static void look(struct ferry_depot_api *self)
{
    struct api_news *news = &self->news;
    uint32_t now = api_now(self);
    uint64_t before = newest(news);
    if (pthread_mutex_trylock(&news->look_lock) != 0)
        return;
    bool first = !news->begun, due = first || now - news->looked_ms >= API_LOOK_MS;
    if (atomic_exchange(&news->poked, false) || due) {
        unsigned which;
        struct ferry_depot *depot = api_take(self, &which);
        look_at_jobs(news, depot, first);
        if (due) {
            look_at_rest(news, depot, first);
            news->looked_ms = now;
        }
        api_give(self, which);
    }
    pthread_mutex_unlock(&news->look_lock);
    if (newest(news) != before && self->cfg.waker.wake)
        self->cfg.waker.wake(self->cfg.waker.ctx);
}

// ---- streams ----

struct stream {
    struct ferry_depot_api *api;
    uint64_t at; // the next event to tell
    uint32_t begun_ms, spoke_ms;
    char *text; // being sent
    size_t sent, len;
};

// "" = nothing new. malloc'd.
static char *next_text(struct stream *s)
{
    struct api_news *news = &s->api->news;
    char *text = NULL;
    pthread_mutex_lock(&news->lock);
    if (s->at + API_NEWS < news->next) {
        s->at = news->next;
        text = strdup("event: reload\ndata: {}\n\n");
    } else if (s->at < news->next) {
        const struct api_event *e = &news->ring[s->at % API_NEWS];
        const char *data = e->data ? e->data : "{}";
        size_t size = strlen(data) + strlen(e->name) + 96;
        text = malloc(size);
        if (text)
            snprintf(text, size, "id: %s-%llu\nevent: %s\ndata: %s\n\n", s->api->boot, (unsigned long long)e->seq,
                     e->name, data);
        s->at++;
    }
    pthread_mutex_unlock(&news->lock);
    return text;
}

static bool get_text(struct stream *s)
{
    uint32_t now = api_now(s->api);
    s->text = next_text(s);
    if (!s->text && now - s->spoke_ms >= ALIVE_MS)
        s->text = strdup(": alive\n\n");
    if (!s->text)
        return false;
    s->spoke_ms = now;
    s->len = strlen(s->text);
    s->sent = 0;
    return true;
}

static int read_stream(void *ctx, uint8_t *buf, size_t cap)
{
    struct stream *s = ctx;
    if (!s->text) {
        if (api_now(s->api) - s->begun_ms >= API_STREAM_MS)
            return FERRY_HTTP_OVER;
        look(s->api);
        if (!get_text(s))
            return 0;
    }
    size_t n = s->len - s->sent < cap ? s->len - s->sent : cap;
    memcpy(buf, s->text + s->sent, n);
    s->sent += n;
    if (s->sent == s->len) {
        free(s->text);
        s->text = NULL;
    }
    return (int)n;
}

static void close_stream(void *ctx)
{
    struct stream *s = ctx;
    atomic_fetch_sub(&s->api->streams, 1);
    free(s->text);
    free(s);
}

// The number in a Last-Event-ID ("BOOT-12") of this run of the server; 0 = it is of another one, or none of ours.
static int64_t last_told(const struct ferry_depot_api *self, const char *last)
{
    size_t boot = strlen(self->boot);
    int64_t seq = 0;
    bool ours = strncmp(last, self->boot, boot) == 0 && last[boot] == '-';
    return ours && ferry_depot_api_json_read_id(last + boot + 1, &seq) ? seq : 0;
}

// Where a stream begins: behind what was told last (Last-Event-ID, ?after=). *lost: it was told something that this
// server does not know, so it has missed what came since. False = answered.
static bool start_at(struct api_call *call, uint64_t *at, bool *lost)
{
    struct api_news *news = &call->api->news;
    const char *last = call->request->header(call->request->ctx, "Last-Event-ID"), *after = api_query(call, "after");
    int64_t seq = 0;
    if (after && strcmp(after, "0") != 0 && !ferry_depot_api_json_read_id(after, &seq))
        return api_wrong(call, "after", "is a number");
    bool comes_back = !after && last && *last;
    if (comes_back)
        seq = last_told(call->api, last);
    pthread_mutex_lock(&news->lock);
    bool known = seq > 0 && (uint64_t)seq < news->next;
    *at = known ? (uint64_t)seq + 1 : news->next;
    *lost = comes_back && !known;
    pthread_mutex_unlock(&news->lock);
    return true;
}

static void answer_stream(struct api_call *call, uint64_t at, bool lost)
{
    struct ferry_depot_api *self = call->api;
    struct stream *s = calloc(1, sizeof *s);
    if (!s || atomic_fetch_add(&self->streams, 1) >= self->cfg.streams) {
        if (s)
            atomic_fetch_sub(&self->streams, 1);
        free(s);
        api_fail(call, 503, "BUSY", "too many listen already", NULL, "close other pages, or ask with ?after= instead");
        return;
    }
    uint32_t now = api_now(self);
    *s = (struct stream){.api = self, .at = at, .begun_ms = now, .spoke_ms = now};
    // Something at once: the other side sees that it is heard.
    s->text = strdup(lost ? "retry: 2000\n\nevent: reload\ndata: {}\n\n" : "retry: 2000\n\n");
    s->len = s->text ? strlen(s->text) : 0;
    ferry_http_answer_header(call->answer, "Content-Type", "text/event-stream");
    ferry_http_answer_header(call->answer, "Cache-Control", "no-store");
    ferry_http_answer_header(call->answer, "X-Accel-Buffering", "no"); // nginx in between passes it on at once
    api_cors(call);
    call->answer->status = 200;
    call->answer->length = -1;
    call->answer->read = read_stream;
    call->answer->close = close_stream;
    call->answer->ctx = s;
}

static void answer_poll(struct api_call *call, uint64_t at)
{
    struct api_news *news = &call->api->news;
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "events");
    pthread_mutex_lock(&news->lock);
    bool behind = at + API_NEWS < news->next;
    for (uint64_t seq = behind ? news->next : at; list && seq < news->next; seq++) {
        const struct api_event *e = &news->ring[seq % API_NEWS];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "event", e->name);
        cJSON_AddItemToObject(o, "data", cJSON_CreateRaw(e->data ? e->data : "{}"));
        cJSON_AddItemToArray(list, o);
    }
    cJSON_AddNumberToObject(json, "seq", (double)(news->next - 1));
    pthread_mutex_unlock(&news->lock);
    cJSON_AddBoolToObject(json, "reload", behind);
    cJSON_AddStringToObject(json, "boot", call->api->boot);
    api_answer_json(call, 200, json);
}

void api_events(struct api_call *call)
{
    const char *accept = call->request->header(call->request->ctx, "Accept");
    uint64_t at = 0;
    bool lost = false;
    if (!start_at(call, &at, &lost))
        return;
    api_give(call->api, call->which); // looking takes one itself
    call->depot = NULL;
    look(call->api);
    if (accept && strstr(accept, "application/json") && !strstr(accept, "text/event-stream"))
        answer_poll(call, at);
    else
        answer_stream(call, at, lost);
}
