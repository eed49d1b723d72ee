// The same with its sink for firmware: OTA slot, otadata, records, trial boot, and the image check.
#include "ferry.h"

static struct ferry_link_receiver receiver;
static struct ferry_receiver_pump pump;
static struct ferry_sink_ota ota;
static struct ferry_sink sink;
static uint8_t window[4096];
static uint8_t frame[FERRY_LINK_PLAIN_BUFFER(1024)];

int main(void)
{
    struct ferry_link_receiver_cfg cfg = {
        .window = window, .window_size = sizeof window, .frame = frame, .frame_size = sizeof frame};
    struct ferry_sink_ota_cfg ota_cfg = {0};
    uint32_t wait_ms;
    if (ferry_sink_ota_init(&ota, &ota_cfg) < 0 || ferry_sink_ota_boot(&ota) != 0)
        return 1;
    sink = ferry_sink_ota(&ota);
    if (ferry_link_receiver_init(&receiver, &cfg, 0) < 0)
        return 1;
    pump.receiver = &receiver;
    pump.sink = &sink;
    return ferry_receiver_pump_step(&pump, 0, &wait_ms);
}
