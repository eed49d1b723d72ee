#include "depot/schema.h"

#include "depot/query.h"
#include "ferry/base/status.h"

// One step each, in order. A step that has been released is never changed; the next one changes what it left.
static const char *const steps[FERRY_DEPOT_SCHEMA_VERSION] = {
    // 1: firmware
    ("CREATE TABLE ferry_schema (version BIGINT NOT NULL);"
     "INSERT INTO ferry_schema VALUES (0);"
     "{pg:CREATE FUNCTION ferry_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS"
     " 'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)';}"
     // whole: 0 while it is being stored. touched: when somebody last had to do with it, for the sweep.
     "CREATE TABLE blob (id {key}, sha256 {bytes} UNIQUE, size BIGINT NOT NULL, whole BIGINT NOT NULL,"
     " touched BIGINT NOT NULL);"
     // id: blob * 65536 + number of the chunk.
     "CREATE TABLE chunk (id {row}, bytes {bytes} NOT NULL);"
     // Not packed: firmware hardly packs, and pieces of it can be read.
     "{pg:ALTER TABLE chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;}"
     "CREATE TABLE build (id {key}, sha256 {bytes} NOT NULL UNIQUE, kind TEXT NOT NULL, chip TEXT NOT NULL,"
     " project TEXT NOT NULL, version TEXT NOT NULL, idf TEXT NOT NULL, built TEXT NOT NULL, note TEXT NOT NULL,"
     " flash_size BIGINT NOT NULL, size BIGINT NOT NULL, file_count BIGINT NOT NULL, app_sha256 {bytes} NOT NULL,"
     " app_image_sha256 {bytes} NOT NULL, app_elf_sha256 {bytes} NOT NULL, added BIGINT NOT NULL,"
     " layout TEXT NOT NULL);"
     "CREATE INDEX build_project ON build (project, version);"
     // address -1: the target's partition table says.
     "CREATE TABLE file (build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE, seq BIGINT NOT NULL,"
     " role TEXT NOT NULL, name TEXT NOT NULL, address BIGINT NOT NULL, blob BIGINT NOT NULL REFERENCES blob (id),"
     " PRIMARY KEY (build, seq));"
     "CREATE INDEX file_blob ON file (blob);"
     "CREATE TABLE channel (project TEXT {pg:COLLATE \"C\"} NOT NULL, chip TEXT {pg:COLLATE \"C\"} NOT NULL,"
     " name TEXT {pg:COLLATE \"C\"} NOT NULL,"
     " build BIGINT NOT NULL REFERENCES build (id), changed BIGINT NOT NULL, PRIMARY KEY (project, chip, name));"
     "CREATE INDEX channel_build ON channel (build);"),
    // 2: devices and jobs
    ("CREATE TABLE device (mac TEXT {pg:COLLATE \"C\"} PRIMARY KEY, chip TEXT NOT NULL, name TEXT NOT NULL, channel "
     "TEXT NOT NULL,"
     " project TEXT NOT NULL, version TEXT NOT NULL, running {bytes} NOT NULL, first_seen BIGINT NOT NULL,"
     " last_seen BIGINT NOT NULL);"
     // silent: claims that ran out without a word.
     "CREATE TABLE job (id {key}, state BIGINT NOT NULL, build BIGINT REFERENCES build (id) ON DELETE SET NULL,"
     " project TEXT NOT NULL, version TEXT NOT NULL, chip TEXT NOT NULL, mac TEXT NOT NULL, worker TEXT NOT NULL,"
     " attempt BIGINT NOT NULL, silent BIGINT NOT NULL, revision BIGINT NOT NULL, bytes_done BIGINT NOT NULL,"
     " bytes_total BIGINT NOT NULL, status TEXT NOT NULL, words TEXT NOT NULL, bytes_written BIGINT NOT NULL,"
     " bytes_skipped BIGINT NOT NULL, retries BIGINT NOT NULL, elapsed BIGINT NOT NULL, lease BIGINT NOT NULL,"
     " created BIGINT NOT NULL, claimed BIGINT NOT NULL, renewed BIGINT NOT NULL, finished BIGINT NOT NULL,"
     " changed BIGINT NOT NULL);"
     "CREATE INDEX job_open ON job (id) WHERE state <= 2;"
     "CREATE INDEX job_build ON job (build);"
     "CREATE INDEX job_changed ON job (changed);"),
    // 3: tokens
    ("CREATE TABLE token (id {key}, sha256 {bytes} NOT NULL UNIQUE, name TEXT NOT NULL, scopes BIGINT NOT NULL,"
     " created BIGINT NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL);"),
    // 4: a device is worked on by one claim. target: the device that a claimed or running job holds, '' = not known.
    // Of claims that hold the same one already, the oldest keeps it.
    ("ALTER TABLE job ADD COLUMN target TEXT NOT NULL DEFAULT '';"
     "UPDATE job SET state = 0 WHERE state IN (1, 2) AND mac <> '' AND EXISTS (SELECT 1 FROM job o"
     " WHERE o.mac = job.mac AND o.state IN (1, 2) AND o.id < job.id);"
     "UPDATE job SET target = mac WHERE state <= 2;"
     "CREATE UNIQUE INDEX job_target ON job (target) WHERE state IN (1, 2) AND target <> '';"
     // Room for check-ins to change a row within its page.
     "{pg:ALTER TABLE device SET (fillfactor = 60);}"),
    // 5: wants: the project that the device should run, the last one it ran that the depot has or what somebody said.
    // assigned: 1 = somebody has chosen the channel, and what the device says about it does not count.
    ("ALTER TABLE device ADD COLUMN wants TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE device ADD COLUMN assigned BIGINT NOT NULL DEFAULT 0;"
     "UPDATE device SET wants = project;"),
};

// The version: 0 = an empty database.
static int look(struct ferry_depot *self)
{
    int64_t ours = 0, others = 0, version = 0;
    int status = ferry_depot_query_run(self, self->engine->look_sql, 0, 0);
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        ours = self->engine->number(self, 0);
        others = self->engine->number(self, 1);
    }
    ferry_depot_query_done(self);
    if (status < 0)
        return status;
    if (!ours && others)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_DAMAGED, "name another file, or none for the default",
                                       "this is a database, but no depot: it holds tables of another program");
    if (!ours)
        return 0;
    status =
        ferry_depot_query_number(self, ferry_depot_query_run(self, "SELECT version FROM ferry_schema", 0, 0), &version);
    if (status < 0)
        return status;
    return status > 0 && version > 0 && version < 1000000
               ? (int)version
               : ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_DAMAGED, 0, "the depot does not say its version");
}

static int too_new(struct ferry_depot *self, int version)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_VERSION, "update this ferry; the depot was left as it is",
                                   "the depot has schema version %d; this program knows versions up to %d", version,
                                   FERRY_DEPOT_SCHEMA_VERSION);
}

// The next version after *ctx, unless somebody else has just made it.
static int step(struct ferry_depot *self, void *ctx)
{
    const int *version = ctx;
    int status = *self->engine->lock_script ? self->engine->script(self, self->engine->lock_script) : FERRY_OK;
    if (status >= 0)
        status = look(self);
    if (status != *version)
        return status;
    status = self->engine->script(self, steps[*version]);
    if (status < 0)
        return status;
    status = ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, "UPDATE ferry_schema SET version = $1", FERRY_DEPOT_QUERY_NUMBER(*version + 1)));
    return status < 0 ? status : *version + 1;
}

int ferry_depot_schema_migrate(struct ferry_depot *self, int upto)
{
    int version = look(self);
    if (version < 0)
        return version;
    self->schema_was = version;
    if (version == 0 && self->cfg.must_exist)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING,
                                       "make it: ferry depot migrate, or ferry depot add",
                                       "there is no depot in this database yet");
    if (self->cfg.read_only && version < upto)
        return ferry_depot_engine_fail(
            self, version ? FERRY_ERR_VERSION : FERRY_ERR_STORAGE_MISSING, version ? "run: ferry depot migrate" : 0,
            version ? "the depot has the older schema version %d, and may not be changed here"
                    : "there is no depot here",
            version);
    while (version >= 0 && version < upto)
        version = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, step, &version);
    if (version > FERRY_DEPOT_SCHEMA_VERSION)
        return too_new(self, version);
    return version < 0 ? version : FERRY_OK;
}
