// The RFC 2217 server against the byte sequences that the RFC and pyserial's client prescribe; the real client is
// driven in tests/e2e/esptool_rfc2217.sh.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/serve/rfc2217.h"

#define IAC 255
#define SB 250
#define SE 240
#define WILL 251
#define WONT 252
#define DO 253
#define DONT 254

static struct sim_serve_rfc2217 server;
static uint8_t data[256];
static size_t data_len;

static enum sim_serve_event feed(const uint8_t *bytes, size_t len)
{
    enum sim_serve_event last = SIM_SERVE_NOTHING;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte;
        enum sim_serve_event event = sim_serve_rfc2217_byte(&server, bytes[i], &byte);
        if (event == SIM_SERVE_DATA)
            data[data_len++] = byte;
        else if (event != SIM_SERVE_NOTHING)
            last = event;
    }
    return last;
}
#define FEED(...) feed((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assert_answer(const uint8_t *want, size_t len)
{
    assert_int_equal(server.outbox_len, len);
    assert_memory_equal(server.outbox, want, len);
    server.outbox_len = 0;
}
#define ANSWER(...) assert_answer((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static int begin(void **state)
{
    (void)state;
    sim_serve_rfc2217_init(&server, 115200);
    data_len = 0;
    return 0;
}

static void options_are_agreed_on_once(void **state)
{
    (void)state;
    FEED(IAC, DO, 3, IAC, WILL, 3, IAC, DO, 0, IAC, WILL, 0);
    ANSWER(IAC, WILL, 3, IAC, DO, 3, IAC, WILL, 0, IAC, DO, 0);
    FEED(IAC, DO, 3, IAC, WILL, 0); // known: answering again could go on for ever
    assert_int_equal(server.outbox_len, 0);
    FEED(IAC, DONT, 3);
    ANSWER(IAC, WONT, 3);
    FEED(IAC, DO, 31, IAC, WILL, 24, IAC, DONT, 31, IAC, WONT, 24);
    ANSWER(IAC, WONT, 31, IAC, DONT, 24);
    assert_false(server.com_port);
}

static void com_port_brings_the_modem_state(void **state)
{
    (void)state;
    FEED(IAC, WILL, 44);
    ANSWER(IAC, DO, 44, IAC, SB, 44, 107, 0xb0, IAC, SE);
    assert_true(server.com_port);
    FEED(IAC, DO, 44);
    ANSWER(IAC, WILL, 44);
}

static void baud_rate_is_kept_and_told(void **state)
{
    (void)state;
    assert_int_equal(FEED(IAC, SB, 44, 1, 0, 0x0e, 0x10, 0, IAC, SE), SIM_SERVE_BAUD);
    assert_int_equal(server.baud, 921600);
    ANSWER(IAC, SB, 44, 101, 0, 0x0e, 0x10, 0, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 1, 0, 0, 0, 0, IAC, SE), SIM_SERVE_NOTHING); // a question
    ANSWER(IAC, SB, 44, 101, 0, 0x0e, 0x10, 0, IAC, SE);
    FEED(IAC, SB, 44, 1, 0, 0, IAC, IAC, 0, IAC, SE); // FF is doubled on its way, and back
    assert_int_equal(server.baud, 0xff00);
    ANSWER(IAC, SB, 44, 101, 0, 0, IAC, IAC, 0, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 1, 0, 0, IAC, SE), SIM_SERVE_NOTHING); // too short
    assert_int_equal(server.baud, 0xff00);
}

static void control_lines(void **state)
{
    (void)state;
    assert_int_equal(FEED(IAC, SB, 44, 5, 8, IAC, SE), SIM_SERVE_LINES);
    assert_true(server.dtr && !server.rts);
    ANSWER(IAC, SB, 44, 105, 8, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 5, 11, IAC, SE), SIM_SERVE_LINES);
    assert_true(server.dtr && server.rts);
    ANSWER(IAC, SB, 44, 105, 11, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 5, 9, IAC, SE), SIM_SERVE_LINES);
    assert_true(!server.dtr && server.rts);
    server.outbox_len = 0;
    assert_int_equal(FEED(IAC, SB, 44, 5, 7, IAC, SE), SIM_SERVE_NOTHING); // DTR?
    ANSWER(IAC, SB, 44, 105, 9, IAC, SE);
    FEED(IAC, SB, 44, 5, 10, IAC, SE); // RTS?
    ANSWER(IAC, SB, 44, 105, 11, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 5, 5, IAC, SE), SIM_SERVE_BREAK);
    assert_true(server.sending_break);
}

static void the_rest_is_agreed_to(void **state)
{
    (void)state;
    FEED(IAC, SB, 44, 2, 8, IAC, SE, IAC, SB, 44, 3, 0, IAC, SE, IAC, SB, 44, 4, 1, IAC, SE);
    ANSWER(IAC, SB, 44, 102, 8, IAC, SE, IAC, SB, 44, 103, 1, IAC, SE, IAC, SB, 44, 104, 1, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 12, 1, IAC, SE), SIM_SERVE_PURGE_RX);
    ANSWER(IAC, SB, 44, 112, 1, IAC, SE);
    assert_int_equal(FEED(IAC, SB, 44, 12, 2, IAC, SE), SIM_SERVE_PURGE_TX);
    assert_int_equal(FEED(IAC, SB, 44, 12, 3, IAC, SE), SIM_SERVE_PURGE_BOTH);
    server.outbox_len = 0;
    FEED(IAC, SB, 44, 10, 0x10, IAC, SE, IAC, SB, 44, 11, 0xb0, IAC, SE);
    ANSWER(IAC, SB, 44, 110, 0x10, IAC, SE, IAC, SB, 44, 111, 0xb0, IAC, SE);
    FEED(IAC, SB, 44, 7, IAC, SE);
    ANSWER(IAC, SB, 44, 107, 0xb0, IAC, SE);
    FEED(IAC, SB, 44, 8, IAC, SE, IAC, SB, 24, 1, IAC, SE, IAC, SB, IAC, SE, IAC, 241);
    assert_int_equal(server.outbox_len, 0);
}

// Data of all values, doubled as the RFC says, comes through; and goes out doubled.
static void data_is_transparent(void **state)
{
    (void)state;
    uint8_t plain[256], coded[512];
    for (int i = 0; i < 256; i++)
        plain[i] = (uint8_t)i;
    size_t len = sim_serve_rfc2217_encode(plain, 256, coded);
    assert_int_equal(len, 257);
    feed(coded, len);
    assert_int_equal(data_len, 256);
    assert_memory_equal(data, plain, 256);
}

static void nonsense_does_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (int i = 0; i < 200000; i++) {
        uint8_t byte;
        seed = seed * 1664525u + 1013904223u;
        uint8_t next = (seed >> 30) == 0 ? IAC : (uint8_t)((seed >> 30) == 1 ? 240 + (seed >> 8) % 16 : seed >> 16);
        sim_serve_rfc2217_byte(&server, next, &byte);
        assert_true(server.outbox_len <= sizeof server.outbox);
        if (server.outbox_len > sizeof server.outbox - SIM_SERVE_RFC2217_ANSWER)
            server.outbox_len = 0;
    }
    begin(NULL);
    uint8_t flood[300];
    memset(flood, 7, sizeof flood);
    FEED(IAC, SB, 44);
    feed(flood, sizeof flood);
    FEED(IAC, SE);
    FEED('x');
    assert_int_equal(data[0], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(options_are_agreed_on_once, begin),
        cmocka_unit_test_setup(com_port_brings_the_modem_state, begin),
        cmocka_unit_test_setup(baud_rate_is_kept_and_told, begin),
        cmocka_unit_test_setup(control_lines, begin),
        cmocka_unit_test_setup(the_rest_is_agreed_to, begin),
        cmocka_unit_test_setup(data_is_transparent, begin),
        cmocka_unit_test_setup(nonsense_does_no_harm, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
