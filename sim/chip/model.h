// What differs between the chips as seen from outside in the loader: registers, limits, texts. Values come from the
// recorded dialogues (tests/vectors/rom) and, where there is none, from the technical reference manuals and esptool's
// register addresses.
#ifndef SIM_CHIP_MODEL_H
#define SIM_CHIP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A field of an efuse word.
struct sim_field {
    uint32_t address; // 0 = the chip has no such field
    uint8_t bit, width;
};

struct sim_reg {
    uint32_t address, value;
};

struct sim_spi {
    uint32_t base;
    uint8_t usr, usr1, usr2, mosi_dlen, miso_dlen, w0; // offsets; mosi_dlen 0 = lengths are fields of usr1
    bool addr_msb;                                     // the address register is sent from its top bit
    uint32_t usr_default, usr2_default;
};

// A reset cause as the chip prints it.
struct sim_reset_text {
    uint16_t code;
    const char *name;
};

struct sim_model {
    const char *name;
    uint16_t id;    // as in GET_SECURITY_INFO
    uint32_t magic; // at 0x40001000
    struct sim_spi spi;
    uint32_t efuse_base, efuse_len;
    uint32_t mac_low; // efuse words of the MAC: low word, high word
    uint32_t mac_high;
    uint16_t mac_ext; // above the MAC in its high word: the middle of a long address
    struct sim_field minor_low, minor_high, major_low, major_high;
    struct sim_field crypt_count, secure_boot, secure_download, no_manual_encrypt;
    struct sim_reg silicon[6];  // registers that differ from 0 on a real chip
    struct sim_reg recorded[6]; // ... and in the emulator the vectors were recorded in (ideal line)
    uint32_t uart_clkdiv;
    uint8_t uart_clk_per_xtal; // UART clock = crystal times this
    uint8_t xtal_mhz;
    uint8_t xtal_assumed_mhz; // by CHANGE_BAUDRATE and the boot log; 0 = the ROM measures it
    bool xtal_by_field;       // ... reads it in a clock register
    uint16_t ring;
    uint8_t begin_len; // data bytes of FLASH_BEGIN
    uint8_t status_len;
    uint8_t last_op;               // highest operation code the ROM knows
    uint8_t security_len;          // bytes of GET_SECURITY_INFO, 0 = unknown command
    uint8_t security_last_purpose; // what the ROM shows for the key block behind the last
    uint8_t eco;                   // api_version of GET_SECURITY_INFO
    bool deflate_tail_32k, erase_head_twice, checks_encrypted;
    struct { // what the stack holds where the session lies before any BEGIN
        uint32_t size, blocks, block_size, seq, written, address;
        bool encrypted;
    } stale;
    // Boot log: `banner`, then "rst:0x%x (%s),boot:0x%x (%s)\r\n", then for the loader `wait`.
    const char *banner;
    uint32_t log_baud; // at the assumed crystal
    struct sim_reset_text power_on, software, watchdog;
    struct sim_reset_text strap_download, strap_normal, strap_recorded;
    const char *wait, *wait_recorded;
    const char *left_loader; // text after FLASH_END with flag 1
    struct {
        uint32_t from, to;
    } mapped[9]; // addresses where a load finds something
    bool panics; // a bad address prints a register dump (RISC-V) instead of nothing
};

const struct sim_model *sim_model_find(const char *name); // as esptool's --chip; NULL = unknown

#endif
