// Targets behind no UART: the network, Bluetooth LE, ESP-NOW, pins. Only a running receiver can be there. Which of them
// are in the build: board.h.
#ifndef FERRY_FIRMWARE_BENCH_LINKS_H
#define FERRY_FIRMWARE_BENCH_LINKS_H

#include "board.h"
#include "ports/esp-idf/clock.h"
#include "updater/job.h"

#if BOARD_LINKS
// The settings say where that target is.
bool bench_links_used(enum board_link link);
// Takes what the wire needs (memory, radio, timer), and fills in job->stream and what job->link has to know of it. 0,
// or what the port says, with *error filled.
int bench_links_open(enum board_link link, struct ferry_idf_clock *clock, struct ferry_job_cfg *job,
                     struct ferry_idf_error *error);
void bench_links_close(enum board_link link); // gives it all back; twice is harmless
#endif

#endif
