#include "updater/panel.h"

#include "ferry/base/status.h"

#define FLASH_MS 50u

void ferry_panel_set(struct ferry_panel *self, enum ferry_panel_state state, int status, uint32_t now_ms)
{
    if (self->state == state && self->status == status)
        return;
    self->state = state;
    self->status = status;
    self->since_ms = now_ms;
    if (state != FERRY_PANEL_READY)
        self->chosen = 0;
}

static enum ferry_panel_state sum_running(const struct ferry_panel_port *ports, unsigned count, bool *running)
{
    enum ferry_panel_state state = FERRY_PANEL_SEEKING;
    for (unsigned i = 0; i < count; i++) {
        *running = *running || ports[i].running;
        if (ports[i].running && ports[i].connected)
            state = FERRY_PANEL_WORKING;
    }
    return state;
}

enum ferry_panel_state ferry_panel_sum(const struct ferry_panel_port *ports, unsigned count, bool has_card, int *status)
{
    bool running = false, well = false;
    int failed = 0, silent = 0;
    enum ferry_panel_state state = sum_running(ports, count, &running);
    *status = 0;
    if (running)
        return state;
    for (unsigned i = 0; i < count; i++) {
        well = well || (ports[i].ended && ports[i].status >= 0);
        if (ports[i].ended && ports[i].status < 0 && failed == 0)
            *(ports[i].answered ? &failed : &silent) = ports[i].status;
    }
    *status = failed ? failed : well ? 0 : silent;
    if (*status < 0)
        return FERRY_PANEL_FAILED;
    if (!has_card)
        return FERRY_PANEL_NO_CARD;
    return well ? FERRY_PANEL_DONE : FERRY_PANEL_READY;
}

void ferry_panel_choose(struct ferry_panel *self, uint32_t number, uint32_t now_ms)
{
    self->chosen = number;
    self->chosen_ms = now_ms;
}

// ---- the button ----

static bool busy(const struct ferry_panel *self)
{
    return self->state == FERRY_PANEL_SEEKING || self->state == FERRY_PANEL_WORKING;
}

static enum ferry_panel_action went_down(struct ferry_panel *self, uint32_t now_ms)
{
    self->down = true;
    self->down_ms = now_ms;
    self->acted = self->pending;
    if (!self->pending)
        return FERRY_PANEL_NOTHING;
    self->pending = false;
    return busy(self) ? FERRY_PANEL_NOTHING : FERRY_PANEL_NEXT;
}

static void went_up(struct ferry_panel *self, uint32_t now_ms)
{
    self->down = false;
    self->up_ms = now_ms;
    self->pending = !self->acted;
}

static enum ferry_panel_action while_down(struct ferry_panel *self, uint32_t now_ms)
{
    if (self->acted || now_ms - self->down_ms < FERRY_PANEL_HELD_MS)
        return FERRY_PANEL_NOTHING;
    self->acted = true;
    return busy(self) ? FERRY_PANEL_ABORT : FERRY_PANEL_FORGET;
}

// A press counts as a short one when no second has followed.
static enum ferry_panel_action while_up(struct ferry_panel *self, uint32_t now_ms)
{
    if (!self->pending || now_ms - self->up_ms < FERRY_PANEL_TWICE_MS)
        return FERRY_PANEL_NOTHING;
    self->pending = false;
    return busy(self) ? FERRY_PANEL_NOTHING : FERRY_PANEL_START;
}

enum ferry_panel_action ferry_panel_button(struct ferry_panel *self, bool pressed, uint32_t now_ms)
{
    if (pressed != self->raw) {
        self->raw = pressed;
        self->raw_ms = now_ms;
    }
    bool settled = now_ms - self->raw_ms >= FERRY_PANEL_DEBOUNCE_MS;
    if (settled && self->raw && !self->down)
        return went_down(self, self->raw_ms);
    if (settled && !self->raw && self->down)
        went_up(self, self->raw_ms);
    return self->down ? while_down(self, now_ms) : while_up(self, now_ms);
}

// ---- the LED ----

uint32_t ferry_panel_blinks(int status)
{
    int number = (int)ferry_status_class_of(status);
    return number >= FERRY_CLASS_CALLER && number <= FERRY_CLASS_STORAGE ? (uint32_t)number : FERRY_CLASS_CALLER;
}

// `count` times on_ms on and as long off, then pause_ms off, over and over.
static bool blink(uint32_t t, uint32_t count, uint32_t on_ms, uint32_t pause_ms)
{
    t %= count * 2 * on_ms + pause_ms;
    return t < count * 2 * on_ms && t % (2 * on_ms) < on_ms;
}

bool ferry_panel_led(const struct ferry_panel *self, uint32_t now_ms)
{
    uint32_t t = now_ms - self->since_ms;
    if (self->chosen && !busy(self) && now_ms - self->chosen_ms < FERRY_PANEL_CHOSEN_MS)
        return blink(now_ms - self->chosen_ms, self->chosen, 200, 1000);
    switch (self->state) {
    case FERRY_PANEL_READY:
        return blink(t, 1, FLASH_MS, 3000 - 2 * FLASH_MS);
    case FERRY_PANEL_NO_CARD:
        return blink(t, 2, 2 * FLASH_MS, 3000 - 8 * FLASH_MS);
    case FERRY_PANEL_SEEKING:
        return blink(t, 1, 1000, 0);
    case FERRY_PANEL_WORKING:
        return blink(t, 1, 100, 0);
    case FERRY_PANEL_DONE:
        return true;
    case FERRY_PANEL_FAILED:
        return blink(t, ferry_panel_blinks(self->status), 600, 2000);
    }
    return false;
}
