// depot: firmware kept in a database. Finds the subcommand, opens the depot, hands over.
#include "apps/ferry/cmd_depot.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/suggest.h"
#include "ferry/base/status.h"

static const struct cli_depot_command commands[] = {
    {"add", "FOLDER|FILE ... [OPTIONS]",
     "Stores builds: a build folder (flasher_args.json), an Arduino export, an ESP Web Tools manifest, an app image, "
     "a\n"
     "merged image. Chip, project, version and partition layout are read from the images. The same build twice is\n"
     "stored once.",
     "ancpv", false, cli_depot_add},
    {"list", "[OPTIONS]", "Lists builds, the newest first.", "abclpsv", true, cli_depot_list},
    {"show", "BUILD [OPTIONS]",
     "Shows a build: its files, hashes, partition layout.\n"
     "BUILD is PROJECT@CHANNEL, PROJECT@VERSION, PROJECT@latest, PROJECT, #ID or 8 and more digits of a SHA-256.",
     "c", true, cli_depot_show},
    {"get", "BUILD [OPTIONS]",
     "Writes a build's files into a folder that `ferry flash` takes. Every file's SHA-256 is checked first.", "co",
     true, cli_depot_get},
    {"rm", "BUILD ... | --keep N [OPTIONS]",
     "Removes builds, and the files that no other build holds. --keep N: all but the newest N of each project and "
     "chip;\n"
     "what a channel points at or a job wants stays.",
     "cfkpy", true, cli_depot_rm},
    {"check", "[BUILD ...] [OPTIONS]",
     "Reads builds (or all) whole and compares every file's SHA-256 with what it was when it was stored.", "c", true,
     cli_depot_check},
    {"channel", "[NAME BUILD | rm NAME PROJECT] [OPTIONS]",
     "Lists the channels; or points a channel (stable, beta, ...) of the build's project at it, for every chip that "
     "has\n"
     "such a build; or removes one.",
     "cp", true, cli_depot_channel},
    {"devices", "[set MAC | rm MAC ... | rm --unseen DAYS] [OPTIONS]",
     "Lists the devices that were seen, what they run and should run, and since when they were not seen. set gives one "
     "a\n"
     "name, or a channel that it follows from now on, whatever it says itself (shown as channel!); --chip makes one "
     "that\n"
     "was never seen. rm forgets one.",
     "aceluNpv", true, cli_depot_devices},
    {"jobs", "[add BUILD | cancel ID | show ID] [OPTIONS]",
     "Lists jobs and their results, the newest first; or queues one for the updaters that ask this depot; or cancels\n"
     "one.",
     "bclmpt", true, cli_depot_jobs},
    {"token", "[add NAME | rm ID|NAME] [OPTIONS]",
     "Lists the tokens of `ferry depot serve`; or makes one (its secret is shown once); or removes one.", "dx", true,
     cli_depot_token},
    {"migrate", "[OPTIONS]", "Makes a depot, or brings its schema up to date, and says what it holds.", "", false,
     cli_depot_migrate},
    {"copy", "DEPOT [OPTIONS]",
     "Copies builds with their notes and channels, and the devices' names and channels, into another depot: a file, "
     "or\n"
     "postgresql://USER@HOST/NAME. Jobs and tokens stay behind. Done again, it copies what has come since.",
     "cp", true, cli_depot_copy},
    {"compact", "[OPTIONS]",
     "Gives the room of removed builds back to the disk, by writing everything anew. Nobody can write meanwhile.", "",
     true, cli_depot_compact},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

// ---- what they share ----

int cli_depot_fault(struct ferry_fault *fault, const struct ferry_depot_error *error)
{
    ferry_fault_set(fault, error->status, error->where, "%s", error->what);
    if (error->hint[0])
        ferry_fault_hint(fault, "%s", error->hint);
    return error->status;
}

int cli_depot_told(struct cli_depot *self)
{
    return cli_display_fault(&self->display, &self->fault);
}

int cli_depot_fail(struct cli_depot *self)
{
    cli_depot_fault(&self->fault, ferry_depot_error(self->depot));
    return cli_depot_told(self);
}

int cli_depot_one(struct cli_depot *self, const char *reference, struct ferry_depot_build *out)
{
    int count = ferry_depot_find(self->depot, reference, self->options.chip, out, 1);
    return count < 0 ? cli_depot_fail(self) : -1;
}

const char *cli_depot_time(int64_t ms, char buf[24])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (ms == 0 || !localtime_r(&seconds, &tm) || strftime(buf, 24, "%Y-%m-%d %H:%M", &tm) == 0)
        strcpy(buf, "-");
    return buf;
}

bool cli_depot_number(const char *text, int64_t *out)
{
    char *end;
    *out = strtoll(*text == '#' ? text + 1 : text, &end, 10);
    return *text && *end == 0 && *out > 0;
}

const char *cli_depot_hex(const uint8_t sha256[FERRY_SHA256_SIZE], char buf[65])
{
    for (size_t i = 0; i < FERRY_SHA256_SIZE; i++)
        snprintf(buf + 2 * i, 3, "%02x", sha256[i]);
    return buf;
}

static void add_hash(cJSON *object, const char *name, const uint8_t sha256[FERRY_SHA256_SIZE])
{
    static const uint8_t none[FERRY_SHA256_SIZE];
    char hex[65];
    if (memcmp(sha256, none, sizeof none) != 0)
        cJSON_AddStringToObject(object, name, cli_depot_hex(sha256, hex));
}

cJSON *cli_depot_build_json(const struct ferry_depot_build *b)
{
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "id", (double)b->id);
    add_hash(object, "sha256", b->sha256);
    cJSON_AddStringToObject(object, "kind", b->kind);
    cJSON_AddStringToObject(object, "chip", b->chip);
    cJSON_AddStringToObject(object, "project", b->project);
    cJSON_AddStringToObject(object, "version", b->version);
    cJSON_AddStringToObject(object, "idf", b->idf);
    cJSON_AddStringToObject(object, "built", b->built);
    cJSON_AddStringToObject(object, "note", b->note);
    cJSON_AddNumberToObject(object, "flash_size", b->flash_size);
    cJSON_AddNumberToObject(object, "size", (double)b->size);
    cJSON_AddNumberToObject(object, "file_count", b->file_count);
    add_hash(object, "app_sha256", b->app_sha256);
    add_hash(object, "app_image_sha256", b->app_image_sha256);
    add_hash(object, "app_elf_sha256", b->app_elf_sha256);
    cJSON_AddNumberToObject(object, "added_ms", (double)b->added_ms);
    return object;
}

// ---- running ----

static int open_depot(struct cli_depot *self, const struct cli_depot_command *command)
{
    char path[1024];
    struct ferry_depot_error error;
    struct ferry_depot_cfg cfg = {.url = cli_depot_url(self->options.depot, path, sizeof path),
                                  .digest = &self->digest,
                                  .must_exist = command->reads};
    int status = ferry_depot_open(&self->depot, &cfg, &error);
    if (status >= 0)
        return -1;
    cli_depot_fault(&self->fault, &error);
    return cli_depot_told(self);
}

static int run(const struct cli_depot_command *command, int argc, char **argv)
{
    struct cli_depot *self = calloc(1, sizeof *self);
    if (!self)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    int code = cli_depot_parse(&self->options, argc, argv, command);
    struct cli_options *shown = code < 0 ? calloc(1, sizeof *shown) : 0;
    if (shown) {
        shown->json = self->options.json;
        shown->quiet = self->options.quiet;
        cli_display_init(&self->display, shown);
        self->digest = ferry_posix_digest_init(&self->digest_state);
        self->put_digest = ferry_posix_digest_init(&self->put_state);
        code = open_depot(self, command);
        if (code < 0)
            code = command->run(self);
        ferry_depot_close(self->depot);
        ferry_posix_digest_close(&self->digest_state);
        ferry_posix_digest_close(&self->put_state);
    }
    free(shown);
    free(self);
    return code;
}

static void overview(void)
{
    puts(
        "The depot keeps firmware in a database, every build with its version, chip and channel. It is a file of your\n"
        "own (SQLite), or a PostgreSQL that several machines share: --depot postgresql://USER@HOST/NAME.\n"
        "\n"
        "Examples:\n"
        "  ferry depot add build/ --channel beta     store a build folder\n"
        "  ferry depot list\n"
        "  ferry depot channel stable blink@1.2.0    this one is for everybody now\n"
        "  ferry flash --from depot:blink@stable     from the depot to the board\n"
        "\n"
        "Usage: ferry depot COMMAND [OPTIONS]\n"
        "\n"
        "Commands:");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].usage);
    puts("  serve    [OPTIONS]\n"
         "\n"
         "Options:\n"
         "      --depot URL              a file, or postgresql://... (default: FERRY_DEPOT, or\n"
         "                               ~/.local/share/ferry/depot.db)\n"
         "      --json                   one JSON object a line, for programs\n"
         "      --help                   also: ferry depot COMMAND --help");
}

static const char *next_command(const void *ctx, size_t i)
{
    (void)ctx;
    return i < COMMANDS ? commands[i].name : i == COMMANDS ? "serve" : 0;
}

static int unknown(const char *word)
{
    char hint[80] = "ferry depot --help";
    const char *like = cli_suggest(word, next_command, 0);
    if (like)
        snprintf(hint, sizeof hint, "did you mean: ferry depot %s", like);
    return cli_usage_error("depot", hint, "there is no command depot %s", word);
}

int cmd_depot(int argc, char **argv)
{
    if (argc < 2)
        return cli_usage_error("depot", "ferry depot list, ferry depot --help", "'depot' wants a command");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        overview();
        return 0;
    }
    if (strcmp(argv[1], "serve") == 0)
        return cmd_depot_serve(argc - 1, argv + 1);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    return unknown(argv[1]);
}
