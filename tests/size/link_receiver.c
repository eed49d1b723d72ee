// The link's receiver as a device links it: engine, pump, and what both need of the codecs. RAM holds the receiver, its
// pump, the window (a sector: the only data buffer there is) and the frame buffer. The sink is the caller's.
#include "ferry.h"

static struct ferry_link_receiver receiver;
static struct ferry_receiver_pump pump;
static uint8_t window[4096];
static uint8_t frame[FERRY_LINK_PLAIN_BUFFER(1024)];

int main(void)
{
    struct ferry_link_receiver_cfg cfg = {
        .window = window, .window_size = sizeof window, .frame = frame, .frame_size = sizeof frame};
    uint32_t wait_ms;
    if (ferry_link_receiver_init(&receiver, &cfg, 0) < 0)
        return 1;
    pump.receiver = &receiver;
    return ferry_receiver_pump_step(&pump, 0, &wait_ms);
}
