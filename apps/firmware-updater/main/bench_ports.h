// The targets' wires: a UART and two pins each, then those of bench_links.h.
#ifndef FERRY_FIRMWARE_BENCH_PORTS_H
#define FERRY_FIRMWARE_BENCH_PORTS_H

#include "ports/esp-idf/clock.h"
#include "updater/updater.h"

void bench_ports_init(struct ferry_idf_clock *clock);
// There may be a target: false for the network, radios and pins as long as no setting says where it is.
bool bench_ports_used(unsigned port);
bool bench_ports_only_link(unsigned port); // no ROM loader can be reached there
// As struct ferry_updater_cfg has them.
int bench_ports_open(void *ctx, unsigned port, struct ferry_job_cfg *job, struct ferry_fault *fault);
void bench_ports_close(void *ctx, unsigned port);
// A target that was only looked at runs again. Takes 100 ms.
void bench_ports_release(unsigned port);

#endif
