// Bytes on their way into the depot. They go into the database piece by piece and are seen by nobody until all have
// come, their hash is right and a build holds them; what is torn is never seen and is removed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "depot/describe.h"
#include "ferry/base/status.h"

struct api_upload {
    unsigned which; // a handle stays with its upload; others use it in between
    struct ferry_digest digest;
    struct ferry_depot_put *put;
    uint8_t sha256[FERRY_SHA256_SIZE];
    bool expected;
};

static void end_upload(struct api_call *call)
{
    struct ferry_depot_api *self = call->api;
    self->cfg.digest_free(self->cfg.digest_ctx, &call->upload->digest);
    free(call->upload);
    call->upload = NULL;
    atomic_fetch_sub(&self->uploads, 1);
}

void api_upload_abort(struct api_call *call)
{
    struct api_upload *upload = call->upload;
    if (!upload)
        return;
    pthread_mutex_lock(&call->api->depots[upload->which].lock);
    ferry_depot_put_abort(upload->put);
    pthread_mutex_unlock(&call->api->depots[upload->which].lock);
    end_upload(call);
}

// A slot, a digest and a struct; NULL = answered.
static struct api_upload *new_upload(struct api_call *call)
{
    struct ferry_depot_api *self = call->api;
    if (atomic_fetch_add(&self->uploads, 1) >= self->cfg.uploads) {
        atomic_fetch_sub(&self->uploads, 1);
        api_fail(call, 503, "BUSY", "too many uploads at the same time", NULL, "try again in a moment");
        return NULL;
    }
    struct api_upload *upload = calloc(1, sizeof *upload);
    if (upload)
        upload->digest = self->cfg.digest_new(self->cfg.digest_ctx);
    if (upload && upload->digest.ctx)
        return upload;
    free(upload);
    atomic_fetch_sub(&self->uploads, 1);
    api_fail_status(call, 503, FERRY_ERR_NO_MEMORY, "the server is out of memory");
    return NULL;
}

// The hash that the sender says: X-Sha256, or ?sha256=. False = answered.
static bool expected_hash(struct api_call *call, struct api_upload *upload)
{
    const char *said = call->request->header(call->request->ctx, "X-Sha256");
    said = said ? said : api_query(call, "sha256");
    upload->expected = said != NULL;
    return !said || ferry_depot_api_json_read_sha256(said, upload->sha256) ||
           api_wrong(call, "sha256", "has 64 hex digits");
}

bool api_begin_upload(struct api_call *call)
{
    struct ferry_depot_api *self = call->api;
    struct api_upload *upload = new_upload(call);
    call->upload = upload;
    if (!upload)
        return true;
    if (!expected_hash(call, upload)) {
        end_upload(call);
        return true;
    }
    call->depot = api_take(self, &upload->which);
    int status = ferry_depot_put_begin(call->depot, &upload->digest, self->cfg.upload_bytes, &upload->put);
    if (status < 0)
        api_fail_depot(call, status);
    api_give(self, upload->which);
    call->depot = NULL;
    if (status < 0)
        end_upload(call);
    return status < 0;
}

bool api_upload_body(struct api_call *call, const uint8_t *bytes, size_t len)
{
    struct api_upload *upload = call->upload;
    struct api_depot *handle = &call->api->depots[upload->which];
    pthread_mutex_lock(&handle->lock);
    call->depot = handle->depot;
    int status = ferry_depot_put_write(upload->put, bytes, len);
    if (status < 0)
        api_fail_depot(call, status);
    call->depot = NULL;
    pthread_mutex_unlock(&handle->lock);
    return status < 0;
}

// The stored blob; false = answered. run() has taken some handle: the upload has its own, which is the one used now.
static bool all_has_come(struct api_call *call, struct ferry_depot_blob *blob, bool *existed)
{
    struct ferry_depot_api *self = call->api;
    struct api_upload *upload = call->upload;
    if (call->which != upload->which) {
        api_give(self, call->which);
        call->which = upload->which;
        pthread_mutex_lock(&self->depots[call->which].lock);
        call->depot = self->depots[call->which].depot;
    }
    int status = ferry_depot_put_end(upload->put, upload->expected ? upload->sha256 : NULL, blob, existed);
    end_upload(call);
    if (status < 0)
        api_fail_depot(call, status);
    return status >= 0;
}

void api_put_blob(struct api_call *call)
{
    struct ferry_depot_blob blob;
    bool existed = false;
    char hex[65];
    if (!all_has_come(call, &blob, &existed))
        return;
    cJSON *json = cJSON_CreateObject();
    ferry_depot_api_json_hex(blob.sha256, sizeof blob.sha256, hex);
    cJSON_AddStringToObject(json, "sha256", hex);
    cJSON_AddNumberToObject(json, "size", blob.size);
    cJSON_AddBoolToObject(json, "existed", existed);
    api_answer_json(call, existed ? 200 : 201, json);
}

static bool copy(char *out, size_t cap, const char *text)
{
    if (strlen(text) >= cap)
        return false;
    strcpy(out, text);
    return true;
}

void api_put_file(struct api_call *call)
{
    struct ferry_depot_file file = {.address = FERRY_DEPOT_NO_ADDRESS};
    const char *slash = strrchr(call->arg[0], '/'), *address = api_query(call, "address");
    bool existed = false;
    if (!copy(file.name, sizeof file.name, slash ? slash + 1 : call->arg[0]) || !file.name[0]) {
        api_wrong(call, "name", "of the file has 1 to 63 bytes");
        return;
    }
    if (address && !ferry_depot_api_json_read_address(address, &file.address)) {
        api_wrong(call, "address", "is a flash address like 0x10000");
        return;
    }
    if (all_has_come(call, &file.blob, &existed))
        api_make_build(call, &file, 1, api_query(call, "project"), api_query(call, "version"), api_query(call, "note"),
                       api_query(call, "channel"));
}

// ---- builds out of blobs ----

struct piece { // a blob as a source
    struct ferry_depot *depot;
    int64_t blob;
};

static int read_piece(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct piece *piece = ctx;
    while (len > 0) {
        int n = ferry_depot_blob_read(piece->depot, piece->blob, offset, buf, len);
        if (n <= 0)
            return n < 0 ? n : FERRY_ERR_STORAGE_READ;
        offset += (uint32_t)n;
        buf += n;
        len -= (size_t)n;
    }
    return FERRY_OK;
}

struct making {
    struct ferry_depot_build build;
    struct ferry_depot_describe_file described[FERRY_DEPOT_FILES];
    struct piece pieces[FERRY_DEPOT_FILES];
    char layout[FERRY_DEPOT_LAYOUT];
    struct ferry_depot_error error;
};

static int describe(struct api_call *call, struct making *m, struct ferry_depot_file *files, size_t count)
{
    struct ferry_depot_api *self = call->api;
    struct ferry_digest digest = self->cfg.digest_new(self->cfg.digest_ctx);
    if (!digest.ctx)
        return FERRY_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        m->pieces[i] = (struct piece){call->depot, files[i].blob.id};
        struct ferry_depot_describe_file *d = &m->described[i];
        d->source = (struct ferry_source){&m->pieces[i], files[i].blob.size, read_piece};
        memcpy(d->role, files[i].role, sizeof d->role);
        memcpy(d->name, files[i].name, sizeof d->name);
        d->address = files[i].address;
    }
    int status = ferry_depot_describe(m->described, count, &digest, &m->build, m->layout, &m->error);
    ferry_depot_blob_rest(call->depot);
    self->cfg.digest_free(self->cfg.digest_ctx, &digest);
    for (size_t i = 0; i < count && status >= 0; i++) {
        memcpy(files[i].role, m->described[i].role, sizeof files[i].role);
        files[i].address = m->described[i].address;
    }
    return status;
}

// What people say counts more than what the image says. False = answered.
static bool take_words(struct api_call *call, struct making *m, const char *project, const char *version,
                       const char *note)
{
    struct ferry_depot_build *b = &m->build;
    if (project && !copy(b->project, sizeof b->project, project))
        return api_wrong(call, "project", "has at most 63 bytes");
    if (version && !copy(b->version, sizeof b->version, version))
        return api_wrong(call, "version", "has at most 63 bytes");
    if (note && !copy(b->note, sizeof b->note, note))
        return api_wrong(call, "note", "has at most 239 bytes");
    return true;
}

static void made(struct api_call *call, const struct ferry_depot_build *build, bool existed, const char *channel)
{
    int status = channel ? ferry_depot_channel_set(call->depot, channel, build->id) : FERRY_OK;
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    cJSON *json = ferry_depot_api_json_build(build);
    cJSON_AddBoolToObject(json, "existed", existed);
    api_answer_json(call, existed ? 200 : 201, json);
    if (!existed)
        api_news_tell(call->api, "builds");
    if (channel)
        api_news_tell(call->api, "channels");
}

static void make_it(struct api_call *call, struct making *m, struct ferry_depot_file *files, size_t count,
                    const char *channel)
{
    bool existed = false;
    int status = ferry_depot_build_add(call->depot, &m->build, files, count, m->layout[0] ? m->layout : NULL, &existed);
    if (status < 0)
        api_fail_depot(call, status);
    else
        made(call, &m->build, existed, channel);
}

bool api_make_build(struct api_call *call, struct ferry_depot_file *files, size_t count, const char *project,
                    const char *version, const char *note, const char *channel)
{
    struct making *m = calloc(1, sizeof *m);
    int status = m ? describe(call, m, files, count) : FERRY_ERR_NO_MEMORY;
    if (status < 0) {
        const struct ferry_depot_error *e = m ? &m->error : NULL;
        const char *what = e && e->what[0] ? e->what : ferry_status_text(status);
        api_fail(call, api_http_status(status), ferry_status_name(status), what, e ? e->where : NULL,
                 e && e->hint[0] ? e->hint : ferry_status_hint(status));
    } else if (take_words(call, m, project, version, note)) {
        make_it(call, m, files, count, channel);
    }
    free(m);
    return status >= 0;
}
