#include "sim/serve/circuit.h"

void sim_serve_circuit_set(struct sim_serve_circuit *self, bool dtr, bool rts, uint64_t now_us)
{
    bool pulled = rts && !dtr;
    self->dtr = dtr;
    self->rts = rts;
    if (pulled) {
        self->reset = true;
        self->rising = false;
    } else if (self->reset) {
        uint64_t wait = dtr && rts ? SIM_SERVE_EN_BOTH_US : SIM_SERVE_EN_RISE_US;
        self->rising = true;
        self->rise_us = now_us + wait;
    }
    self->boot = dtr && !rts;
}

bool sim_serve_circuit_poll(struct sim_serve_circuit *self, uint64_t now_us)
{
    if (!self->rising || now_us < self->rise_us)
        return false;
    self->rising = false;
    self->reset = false;
    return true;
}

uint64_t sim_serve_circuit_deadline(const struct sim_serve_circuit *self)
{
    return self->rising ? self->rise_us : UINT64_MAX;
}
