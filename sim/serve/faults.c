#include "sim/serve/faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 96 };
enum direction { EITHER, TO_CHIP, TO_HOST };

static const char WORDS[] = "the words are: drop@N flip@N[:MASK] double@N stall@N:TIME reset@N "
                            "power-cut@op=N:before|torn[@PERMILLE]|after ber=X loss=X latency=TIME jitter=TIME "
                            "(TIME: 2000ms, 150us, 2s; suffix < to the chip, > from it)";

struct parse {
    struct sim_serve_faults *out;
    char word[WORD_MAX]; // one element, without its direction
    enum direction direction;
    char *error;
    size_t error_cap;
};

static bool fail(struct parse *p, const char *what)
{
    snprintf(p->error, p->error_cap, "--fault: '%s': %s; %s", p->word, what, WORDS);
    return false;
}

// The number at *text; *text moves behind it.
static bool number(const char **text, uint64_t *out)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *out = strtoull(*text, &end, 0);
    if (errno)
        return false;
    *text = end;
    return true;
}

static bool duration(const char *text, uint32_t *out_us)
{
    uint64_t n;
    if (!number(&text, &n) || n > 3600000000u)
        return false;
    uint64_t unit =
        strcmp(text, "us") == 0 ? 1 : (strcmp(text, "ms") == 0 ? 1000 : (strcmp(text, "s") == 0 ? 1000000 : 0));
    if (unit == 0 || n * unit > 3600000000u)
        return false;
    *out_us = (uint32_t)(n * unit);
    return true;
}

static bool chance(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == 0 && *out >= 0 && *out <= 1;
}

static bool add_fault(struct parse *p, enum sim_fault_kind kind, const char *text)
{
    struct sim_fault f = {.kind = kind, .to_host = p->direction == TO_HOST};
    uint64_t mask = 0;
    if (!number(&text, &f.at_byte))
        return fail(p, "a byte position is missing behind '@'");
    if (kind == SIM_FAULT_STALL) {
        if (*text != ':' || !duration(text + 1, &f.stall_us))
            return fail(p, "a stall needs a time, as in stall@100:2000ms");
    } else if (kind == SIM_FAULT_FLIP && *text == ':') {
        text++;
        if (!number(&text, &mask) || *text || mask == 0 || mask > 255)
            return fail(p, "the mask of a flip is 1 to 0xff");
        f.flip_mask = (uint8_t)mask;
    } else if (*text) {
        return fail(p, "something is left over behind the position");
    }
    if (p->out->line.fault_count == SIM_SERVE_FAULTS)
        return fail(p, "too many faults");
    p->out->list[p->out->line.fault_count++] = f;
    return true;
}

static bool add_reset(struct parse *p, const char *text)
{
    struct sim_serve_reset r = {.to_host = p->direction == TO_HOST};
    if (!number(&text, &r.at_byte) || *text)
        return fail(p, "a byte position is missing behind '@'");
    if (p->out->reset_count == SIM_SERVE_RESETS)
        return fail(p, "too many resets");
    p->out->resets[p->out->reset_count++] = r;
    return true;
}

static bool add_power_cut(struct parse *p, const char *text)
{
    uint64_t permille = 500;
    if (strncmp(text, "op=", 3) != 0)
        return fail(p, "a power cut is placed by flash operation: power-cut@op=N:torn");
    text += 3;
    if (!number(&text, &p->out->cut_op))
        return fail(p, "the number of a flash operation is missing behind 'op='");
    if (strcmp(text, ":before") == 0) {
        p->out->cut_kind = SIM_FLASH_CUT_BEFORE;
    } else if (strcmp(text, ":after") == 0) {
        p->out->cut_kind = SIM_FLASH_CUT_AFTER;
    } else if (strncmp(text, ":torn", 5) == 0 || *text == 0) {
        text += *text ? 5 : 0;
        if (*text == '@' && (text++, !number(&text, &permille) || permille > 999))
            return fail(p, "torn@PERMILLE wants 0 to 999");
        if (*text)
            return fail(p, "the kinds of a power cut are before, torn, after");
        p->out->cut_kind = SIM_FLASH_CUT_TORN;
    } else {
        return fail(p, "the kinds of a power cut are before, torn, after");
    }
    p->out->power_cut = true;
    p->out->cut_permille = (unsigned)permille;
    return true;
}

static bool set_chance(struct parse *p, const char *text, double *to_chip, double *to_host)
{
    double x;
    if (!chance(text, &x))
        return fail(p, "wants a number from 0 to 1");
    if (p->direction != TO_HOST)
        *to_chip = x;
    if (p->direction != TO_CHIP)
        *to_host = x;
    return true;
}

static bool set_time(struct parse *p, const char *text, uint32_t *out_us)
{
    return duration(text, out_us) || fail(p, "wants a time as in 2ms or 150us");
}

// Text behind `name`, NULL = another word.
static const char *behind(const struct parse *p, const char *name)
{
    size_t n = strlen(name);
    return strncmp(p->word, name, n) == 0 ? p->word + n : NULL;
}

static bool element(struct parse *p)
{
    struct sim_line_cfg *line = &p->out->line;
    const char *rest;
    if ((rest = behind(p, "drop@")))
        return add_fault(p, SIM_FAULT_DROP, rest);
    if ((rest = behind(p, "flip@")))
        return add_fault(p, SIM_FAULT_FLIP, rest);
    if ((rest = behind(p, "double@")))
        return add_fault(p, SIM_FAULT_DOUBLE, rest);
    if ((rest = behind(p, "stall@")))
        return add_fault(p, SIM_FAULT_STALL, rest);
    if ((rest = behind(p, "reset@")))
        return add_reset(p, rest);
    if ((rest = behind(p, "power-cut@")))
        return add_power_cut(p, rest);
    if ((rest = behind(p, "ber=")))
        return set_chance(p, rest, &line->ber_to_chip, &line->ber_to_host);
    if ((rest = behind(p, "loss=")))
        return set_chance(p, rest, &line->drop_to_chip, &line->drop_to_host);
    if ((rest = behind(p, "latency=")))
        return set_time(p, rest, &line->latency_us);
    if ((rest = behind(p, "jitter=")))
        return set_time(p, rest, &line->jitter_us);
    return fail(p, "unknown fault");
}

// Cuts the next element off *spec into p->word and takes its direction away.
static bool next_element(struct parse *p, const char **spec)
{
    size_t len = strcspn(*spec, ","), shown = len < WORD_MAX - 1 ? len : WORD_MAX - 1;
    memcpy(p->word, *spec, shown);
    p->word[shown] = 0;
    *spec += len + ((*spec)[len] == ',');
    if (len != shown)
        return fail(p, "too long");
    if (len == 0)
        return fail(p, "empty element");
    char last = p->word[len - 1];
    p->direction = last == '<' ? TO_CHIP : (last == '>' ? TO_HOST : EITHER);
    if (p->direction != EITHER)
        p->word[len - 1] = 0;
    return true;
}

bool sim_serve_faults_parse(struct sim_serve_faults *self, const char *spec, char *error, size_t error_cap)
{
    struct parse p = {.out = self, .error = error, .error_cap = error_cap};
    memset(self, 0, sizeof *self);
    self->line.faults = self->list;
    do {
        if (!next_element(&p, &spec) || !element(&p))
            return false;
    } while (*spec);
    return true;
}
