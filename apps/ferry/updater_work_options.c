// The options of `ferry updater --work` and `--check-in`.
#include <string.h>

#include "apps/ferry/cmd_updater_options.h"
#include "apps/ferry/updater_work.h"
#include "ports/posix/number.h"

static int take_seconds(const char *name, const char *value, uint32_t *out)
{
    if (ferry_posix_number_in(value, 1, 3600, out))
        return 1;
    return cli_usage_error("updater", "1 to 3600", "'%s' is no number of seconds for %s", value, name);
}

static int take_project(struct updater_work_cfg *cfg, const char *value)
{
    const char *at = strchr(value, '@');
    size_t len = at ? (size_t)(at - value) : strlen(value);
    if (len == 0 || len > 63 || (at && (!at[1] || strlen(at + 1) > 63 || strchr(at + 1, '@'))))
        return cli_usage_error("updater", "blink, or blink@beta", "'%s' is no PROJECT[@CHANNEL]", value);
    cfg->project = value;
    return 1;
}

static int take_worker(struct updater_work_cfg *cfg, const char *value)
{
    if (!*value || strlen(value) > 63)
        return cli_usage_error("updater", "1 to 63 characters", "'%s' is no name for --worker", value);
    cfg->worker = value;
    return 1;
}

int updater_work_option(struct updater_work_cfg *cfg, int argc, char **argv, int *i)
{
    static const char *const names[] = {"--worker", "--lease", "--project", "--every"};
    bool missing = false;
    const char *value = NULL;
    size_t which = 0;
    if (strcmp(argv[*i], "--work") == 0)
        return cfg->work = true;
    if (strcmp(argv[*i], "--check-in") == 0)
        return cfg->check_in = true;
    if (strcmp(argv[*i], "--once") == 0)
        return cfg->once = true;
    for (; which < 4 && !value; which++)
        value = cmd_updater_value(names[which], argc, argv, i, &missing);
    if (!value)
        return 0;
    if (missing)
        return cli_usage_error("updater", NULL, "%s needs a value", names[which - 1]);
    switch (which) {
    case 1:
        return take_worker(cfg, value);
    case 2:
        return take_seconds("--lease", value, &cfg->lease_s);
    case 3:
        return take_project(cfg, value);
    default:
        return take_seconds("--every", value, &cfg->every_s);
    }
}

int updater_work_check(const struct updater_work_cfg *cfg)
{
    bool http = cfg->depot && (strncmp(cfg->depot, "http://", 7) == 0 || strncmp(cfg->depot, "https://", 8) == 0);
    const char *which = cfg->work ? "--work" : "--check-in";
    if (cfg->work && cfg->check_in)
        return cli_usage_error("updater", "jobs are what somebody has queued, a check-in asks what a target should run",
                               "--work and --check-in exclude each other");
    if (!cfg->work && (cfg->once || cfg->worker || cfg->lease_s))
        return cli_usage_error("updater", "--depot URL --work", "--once, --worker and --lease go with --work");
    if (!cfg->check_in && (cfg->project || cfg->every_s))
        return cli_usage_error("updater", "--depot URL --check-in", "--project and --every go with --check-in");
    if (cfg->every_s && !cfg->wait)
        return cli_usage_error("updater", "--check-in --wait --every 60", "--every goes with --wait");
    if ((cfg->work || cfg->check_in) && !http)
        return cli_usage_error("updater", "--depot https://depot.local:8470",
                               "%s needs --depot with the address of a ferry depot serve", which);
    if (cfg->work && cfg->dry)
        return cli_usage_error("updater", "ferry depot jobs list shows what waits; --check-in takes --dry-run",
                               "--work and --dry-run exclude each other: a job is done, or it is not claimed");
    return -1;
}
