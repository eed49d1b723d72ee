// `ferry vchip --app receiver`: the firmware that the virtual chip has started contains Ferry's receiver: the real
// engine, with the OTA-slot sink on the chip's flash, on the UART that also carries the log.
#ifndef FERRY_APP_VCHIP_RECEIVER_H
#define FERRY_APP_VCHIP_RECEIVER_H

#include "apps/ferry/cmd_vchip.h"
#include "sim/chip/app.h"

struct vchip_receiver;

// NULL: no memory. Tells what happens to the updates on stdout.
struct vchip_receiver *vchip_receiver_new(const struct vchip_options *options, struct sim_flash *flash);
void vchip_receiver_free(struct vchip_receiver *self);
const struct sim_app *vchip_receiver_app(struct vchip_receiver *self);
// The next start follows a loss of power.
void vchip_receiver_power_on(struct vchip_receiver *self);

#endif
