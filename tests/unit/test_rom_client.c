// The ROM client: anchored in the habits of the real ROMs (tests/vectors/rom: sync, unknown_opcodes, back_to_back).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/engine/rom_client.h"

static struct ferry_rom_client client;

static int fresh(void **state)
{
    (void)state;
    ferry_rom_client_init(&client);
    return 0;
}

static void send(uint8_t op)
{
    uint8_t out[64];
    assert_int_equal(ferry_rom_client_send(&client, op, NULL, 0, NULL, 0, 100), 0);
    while (ferry_rom_client_tx_busy(&client))
        ferry_rom_client_poll(&client, out, sizeof out, 0);
}

// An answer as the ROM sends it; the frame's bytes in out.
static size_t answer(uint8_t *out, uint8_t op, uint8_t status, uint8_t error, uint8_t value)
{
    const uint8_t frame[] = {0xc0, 1, op, 4, 0, value, 0, 0, 0, status, error, 0, 0, 0xc0};
    memcpy(out, frame, sizeof frame);
    return sizeof frame;
}

static bool feed(uint8_t op, uint8_t status, uint8_t error, uint8_t value)
{
    uint8_t in[16];
    bool answered;
    size_t len = answer(in, op, status, error, value);
    assert_int_equal(ferry_rom_client_feed(&client, in, len, 0, &answered), len);
    return answered;
}

static void a_command_is_framed(void **state)
{
    (void)state;
    const uint8_t head[] = {0xc0, 2, 3, 4}, body[] = {5, 0xdb};
    const uint8_t wire[] = {0xc0, 0, 3, 6, 0, 0xef ^ 5 ^ 0xdb, 0, 0, 0, 0xdb, 0xdc, 2, 3, 4, 5, 0xdb, 0xdd, 0xc0};
    for (size_t piece = 2; piece < sizeof wire + 2; piece++) {
        uint8_t out[64];
        size_t len = 0;
        ferry_rom_client_init(&client);
        assert_int_equal(ferry_rom_client_send(&client, 3, head, sizeof head, body, sizeof body, 100), 0);
        while (ferry_rom_client_tx_busy(&client))
            len += ferry_rom_client_poll(&client, out + len, piece, 0);
        assert_int_equal(len, sizeof wire);
        assert_memory_equal(out, wire, sizeof wire);
    }
}

static void answers_come_in_order(void **state)
{
    (void)state;
    send(2);
    send(3);
    assert_false(feed(3, 0, 0, 0)); // not yet its turn
    assert_true(feed(2, 0, 0, 0));
    assert_true(feed(3, 0, 0, 0));
    assert_false(feed(3, 0, 0, 0)); // nothing is under way
}

static void the_rest_of_eight_sync_answers_is_no_answer(void **state)
{
    (void)state;
    send(8);
    assert_true(feed(8, 0, 0, 7));
    send(0x0a);
    for (int i = 0; i < 7; i++)
        assert_false(feed(8, 0, 0, 7));
    assert_true(feed(0x0a, 0, 0, 9));
    assert_int_equal(client.answer.value, 9);
}

static void a_refusal_carries_the_opcode_before(void **state)
{
    (void)state;
    send(8);
    assert_true(feed(8, 0, 0, 7));
    for (int i = 0; i < 2; i++) { // an unknown command does not become "the one before"
        send(0x14);
        assert_true(feed(8, 1, 5, 7));
        assert_false(client.answer.good);
        assert_int_equal(client.answered_op, 0x14);
    }
}

static void text_and_noise_between_frames(void **state)
{
    (void)state;
    bool answered;
    send(0x0a);
    const char *text = "rst:0x1 (POWERON),boot:0x13\r\n";
    ferry_rom_client_feed(&client, (const uint8_t *)text, strlen(text), 0, &answered);
    assert_false(answered);
    assert_int_equal(client.log.boot_mode, 0x13);
    assert_true(feed(0x0a, 0, 0, 1));
}

static void a_lost_end_costs_one_answer_only(void **state)
{
    (void)state;
    uint8_t in[32];
    bool answered;
    send(0x0a);
    size_t len = answer(in, 0x0a, 0, 0, 1);
    ferry_rom_client_feed(&client, in, len - 1, 0, &answered);
    assert_false(answered);
    len = answer(in, 0x0a, 0, 0, 2); // its first C0 ends the one before
    ferry_rom_client_feed(&client, in, len, 0, &answered);
    assert_true(answered);
    assert_int_equal(client.answer.value, 1);
}

static void overdue_from_when_it_has_left(void **state)
{
    (void)state;
    uint8_t out[8];
    assert_int_equal(ferry_rom_client_send(&client, 8, NULL, 0, NULL, 0, 100), 0);
    assert_int_equal(ferry_rom_client_deadline(&client, 5000), FERRY_NEVER_MS);
    while (ferry_rom_client_tx_busy(&client))
        ferry_rom_client_poll(&client, out, sizeof out, 0xfffffff0u); // the clock wraps
    assert_int_equal(ferry_rom_client_deadline(&client, 0xfffffff0u), 100);
    assert_false(ferry_rom_client_overdue(&client, 83));
    assert_true(ferry_rom_client_overdue(&client, 84));
    ferry_rom_client_abandon(&client);
    assert_false(ferry_rom_client_overdue(&client, 84));
}

static void limits(void **state)
{
    (void)state;
    uint8_t head[64] = {0};
    assert_int_equal(ferry_rom_client_send(&client, 2, head, sizeof head, NULL, 0, 1), FERRY_ERR_ARG);
    assert_int_equal(ferry_rom_client_send(&client, 2, head, 4, NULL, 0, 1), 0);
    assert_int_equal(ferry_rom_client_send(&client, 2, head, 4, NULL, 0, 1), FERRY_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_command_is_framed, fresh),
        cmocka_unit_test_setup(answers_come_in_order, fresh),
        cmocka_unit_test_setup(the_rest_of_eight_sync_answers_is_no_answer, fresh),
        cmocka_unit_test_setup(a_refusal_carries_the_opcode_before, fresh),
        cmocka_unit_test_setup(text_and_noise_between_frames, fresh),
        cmocka_unit_test_setup(a_lost_end_costs_one_answer_only, fresh),
        cmocka_unit_test_setup(overdue_from_when_it_has_left, fresh),
        cmocka_unit_test_setup(limits, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
