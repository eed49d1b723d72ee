#include "tests/support/pins.h"

#include <string.h>

static uint32_t random_bits(struct pins *p)
{
    p->cfg.seed = p->cfg.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(p->cfg.seed >> 33);
}

static bool pin_read(void *ctx)
{
    const struct pins_foot *f = ctx;
    struct pins_end *e = f->end;
    struct pins *p = e->pins;
    bool low = p->low[f->net][e->end] || (p->low[f->net][!e->end] && !p->cut[f->net]);
    if (p->cfg.spike_every_us && e->due_ns >= e->spike_ns) {
        e->spike_ns = e->due_ns + random_bits(p) % (2000 * p->cfg.spike_every_us);
        e->spike_left = p->cfg.spike_reads ? p->cfg.spike_reads : 1;
    }
    if (!e->spike_left)
        return !low;
    e->spike_left--;
    return low;
}

static void pin_write(void *ctx, bool level)
{
    const struct pins_foot *f = ctx;
    bool *low = &f->end->pins->low[f->net][f->end->end];
    f->end->pins->edges[f->net] += *low == level;
    *low = !level;
}

void pins_init(struct pins *self, const struct pins_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    for (int e = 0; e < 2; e++) {
        struct pins_end *end = &self->end[e];
        end->pins = self;
        end->end = e;
        end->next_ns = cfg->tick_ns[e] * (0.3 + e * 0.4);
        end->spike_ns = 1000u * cfg->spike_every_us;
        for (int net = 0; net < 2; net++) {
            end->foot[net] = (struct pins_foot){end, net};
            end->pin[net] = (struct ferry_pin){&end->foot[net], pin_read, pin_write};
        }
    }
}

void pins_attach(struct pins *self, int end, void (*tick)(void *wire), void *wire)
{
    self->end[end].tick = tick;
    self->end[end].wire = wire;
}

static void next_due(struct pins *p, struct pins_end *e)
{
    e->next_ns += p->cfg.tick_ns[e->end];
    e->due_ns = (uint64_t)e->next_ns + (p->cfg.jitter_ns ? (uint64_t)random_bits(p) * p->cfg.jitter_ns >> 31 : 0);
}

void pins_run(struct pins *self, uint64_t to_ns)
{
    for (;;) {
        struct pins_end *e = &self->end[self->end[1].due_ns < self->end[0].due_ns];
        if (e->due_ns >= to_ns)
            return;
        if (e->tick && !(self->deaf && e->end == 1))
            e->tick(e->wire);
        next_due(self, e);
    }
}

void pins_skip(struct pins *self, uint64_t to_ns)
{
    for (int e = 0; e < 2; e++) {
        struct pins_end *end = &self->end[e];
        double ticks = (double)to_ns > end->next_ns ? ((double)to_ns - end->next_ns) / self->cfg.tick_ns[e] : 0;
        end->next_ns += (double)(uint64_t)ticks * self->cfg.tick_ns[e];
        end->spike_ns += (uint64_t)end->next_ns - end->due_ns; // spikes come while somebody ticks
        end->due_ns = (uint64_t)end->next_ns;
    }
}
