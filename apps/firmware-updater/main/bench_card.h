// The card in the socket: noticed when it comes and goes, looked through, and which firmware of it is meant.
#ifndef FERRY_FIRMWARE_BENCH_CARD_H
#define FERRY_FIRMWARE_BENCH_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "updater/card.h"
#include "updater/log.h"
#include "updater/updater.h"

void bench_card_init(void);
// Call it again and again while no job reads the card: mounts what was put in, lets go of what was taken out. True:
// there is a card.
bool bench_card_watch(uint32_t now_ms);
bool bench_card_there(void);
bool bench_card_good(void); // there is one, with something on it that can be flashed
struct ferry_card *bench_card(void);
struct ferry_log *bench_card_log(void);
const char *bench_card_journal(void);                              // folder
const char *bench_card_text(void);                                 // for people
int bench_card_space(uint64_t *free_bytes, uint64_t *total_bytes); // bytes; 0 or FERRY_ERR_STORAGE_READ
void bench_card_look(uint32_t now_ms);                             // again: what is on it has changed
void bench_card_list(void);
unsigned bench_card_next(void); // chooses the next firmware; its number, 0 = none
void bench_card_forget(uint32_t now_ms);
// cargo, a name, path or number of the list, becomes what choose() takes; "" stays "" (what was chosen, or as the card
// says). 0; FERRY_ERR_STORAGE_MISSING (no card), FERRY_ERR_NO_CARGO with *fault.
int bench_card_name(char *cargo, size_t cap, struct ferry_fault *fault);
int bench_card_choose(const char *cargo, const struct ferry_target *target, struct ferry_cargo *out,
                      struct ferry_fault *fault);
// The log's line of this job could not be written: it is when the card is back.
void bench_card_owe_line(unsigned port, const struct ferry_updater_outcome *outcome);

#endif
