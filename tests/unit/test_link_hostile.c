// What a peer must not do: every wrong field, order and lie, and the name that it gets on both sides. Nothing may be
// erased or lost by it, and a proper update must work afterwards. Frames are built by hand from docs/protocol/link.md.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/rig.h"

static uint8_t image[70000];

struct peer {
    struct rig *rig;
    struct ferry_link_reader reader;
    struct ferry_link_assembly assembly;
    uint8_t buf[128];
    uint8_t tag;
    struct ferry_link_ack ack;
    bool answered, noted;
    uint8_t op, status, fault, note_status, note_fault;
    uint8_t more[FERRY_LINK_MESSAGE_MAX];
};

static void peer_new(struct peer *p, const struct rig_cfg *cfg)
{
    memset(p, 0, sizeof *p);
    p->rig = rig_new(cfg, image, sizeof image);
    ferry_link_reader_init(&p->reader, p->buf, sizeof p->buf);
}

static void send(struct peer *p, uint8_t type, uint16_t session, const uint8_t *body, size_t len)
{
    const struct ferry_stream *s = rig_host_stream(p->rig);
    uint8_t wire[1500];
    struct ferry_link_writer w;
    ferry_link_writer_begin(&w, wire, sizeof wire, true, type, session);
    ferry_link_writer_put(&w, body, len);
    size_t n = ferry_link_writer_end(&w);
    for (size_t at = 0; at < n;) {
        at += (size_t)s->write(s->ctx, wire + at, n - at);
        rig_let_run(p->rig, 1000);
    }
}

static void hear(struct peer *p, uint16_t session)
{
    const struct ferry_stream *s = rig_host_stream(p->rig);
    uint8_t bytes[512];
    for (int i = 0; i < 40; i++) {
        rig_let_run(p->rig, 1000);
        int n = s->read(s->ctx, bytes, sizeof bytes);
        struct ferry_link_frame f;
        for (size_t at = 0, used; at < (size_t)n; at += used) {
            if (!ferry_link_reader_push(&p->reader, bytes + at, (size_t)n - at, &used, &f) || f.session != session)
                continue;
            if (f.type == FERRY_LINK_ACK)
                assert_int_equal(ferry_link_get_ack(f.body, f.body_len, &p->ack), 0);
            if (f.type != FERRY_LINK_FROM_TARGET || ferry_link_assembly_add(&p->assembly, f.body, f.body_len) != 1)
                continue;
            const uint8_t *m = p->assembly.bytes;
            if (m[0] == 0x80) {
                p->noted = true;
                p->note_status = m[1];
                p->note_fault = m[2];
            } else if (m[2] != FERRY_LINK_FAULT_PENDING) {
                p->answered = true;
                p->op = m[0];
                p->status = m[1];
                p->fault = m[2];
                memcpy(p->more, m + 3, sizeof p->more - 3);
            }
            ferry_link_assembly_reset(&p->assembly);
        }
    }
}

static void ask(struct peer *p, uint16_t session, uint8_t op, const void *fields, size_t len)
{
    uint8_t message[FERRY_LINK_MESSAGE_MAX], body[64];
    p->tag++;
    p->answered = p->noted = false;
    message[0] = op;
    if (len)
        memcpy(message + 1, fields, len);
    for (size_t at = 0; at < len + 1; at += 56) {
        size_t n = len + 1 - at < 56 ? len + 1 - at : 56;
        body[0] = p->tag;
        body[1] = (uint8_t)(at / 8 | (at + n == len + 1 ? 0x80 : 0));
        memcpy(body + 2, message + at, n);
        send(p, FERRY_LINK_TO_TARGET, session, body, n + 2);
    }
    hear(p, session);
}

static void refused(struct peer *p, int status, uint8_t fault)
{
    assert_true(p->answered);
    assert_int_equal(p->fault, fault);
    assert_int_equal(p->status, -status);
    assert_true(ferry_link_fault_text(p->fault)[0] != 0);
}

static void accepted(struct peer *p)
{
    assert_true(p->answered);
    assert_int_equal(p->status, 0);
}

static void hello(struct peer *p, uint16_t session, uint32_t updater, uint8_t flags)
{
    uint8_t f[8] = {1, flags};
    ferry_store32le(f + 4, updater);
    ask(p, session, FERRY_LINK_HELLO, f, 8);
}

static void begin(struct peer *p, uint16_t session, const struct ferry_manifest *m)
{
    uint8_t f[FERRY_LINK_MESSAGE_MAX];
    ask(p, session, FERRY_LINK_BEGIN, f, ferry_link_put_manifest(f, m));
}

static void range(struct peer *p, uint16_t session, uint32_t start, uint32_t end)
{
    uint8_t f[8];
    ferry_store32le(f, start);
    ferry_store32le(f + 4, end);
    ask(p, session, FERRY_LINK_RANGE, f, 8);
}

static void chunk(struct peer *p, uint16_t session, uint16_t seq, uint32_t offset, size_t len, uint8_t change)
{
    uint8_t body[1100];
    ferry_store16le(body, seq);
    ferry_store32le(body + 2, offset);
    for (size_t i = 0; i < len; i++)
        body[6 + i] = (uint8_t)((offset < sizeof image ? image[(offset + i) % sizeof image] : 0) ^ change);
    p->noted = false;
    send(p, FERRY_LINK_CHUNK, session, body, 6 + len);
    hear(p, session);
}

static void noted(struct peer *p, int status, uint8_t fault)
{
    assert_true(p->noted);
    assert_int_equal(p->note_fault, fault);
    assert_int_equal(p->note_status, -status);
}

// After all that, an ordinary updater finds a target that works.
static void then_all_is_well(struct peer *p)
{
    assert_int_equal(rig_info(p->rig)->boot_state, FERRY_BOOT_CONFIRMED);
    rig_let_run(p->rig, 11000000); // the hostile session ends by itself
    assert_int_equal(rig_run(p->rig, NULL, 60), FERRY_OK);
    assert_true(rig_selected(p->rig));
    rig_free(p->rig);
}

static const struct rig_cfg plain = {.seed = 1, .instant_flash = true};

static void lengths_and_ops(void **state)
{
    static const uint8_t lens[14] = {0, 8, 6, 4, 0, 8, 9, 4, 0, 0, 0, 32, 0, 4};
    uint8_t fields[64] = {1};
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    hello(&p, 100, 1, 0);
    accepted(&p);
    for (uint8_t op = FERRY_LINK_BAUD; op < FERRY_LINK_OP_END; op++) {
        if (op == FERRY_LINK_BEGIN)
            continue;
        for (size_t len = 0; len < 40; len++) {
            if (len == lens[op])
                continue;
            ask(&p, 100, op, fields, len);
            refused(&p, FERRY_ERR_PROTOCOL, len < lens[op] ? FERRY_LINK_FAULT_SHORT : FERRY_LINK_FAULT_LONG);
        }
    }
    ask(&p, 100, 0x33, fields, 3);
    refused(&p, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_OP);
    assert_int_equal(rig_erases(p.rig), 0);
    then_all_is_well(&p);
}

static void manifests(void **state)
{
    struct ferry_manifest good, m;
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    rig_manifest(p.rig, &good);
    hello(&p, 100, 1, 0);
#define WRONG(change, status, fault)                                                                                   \
    m = good;                                                                                                          \
    change;                                                                                                            \
    begin(&p, 100, &m);                                                                                                \
    refused(&p, status, fault)
    WRONG(m.kind = 0, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_KIND);
    WRONG(m.kind = 4, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_KIND);
    WRONG(m.size = 0, FERRY_ERR_MANIFEST, FERRY_LINK_FAULT_SIZE);
    WRONG(m.codec = 1, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_CODEC);
    WRONG(m.signature_len = 64, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_SIGNATURE);
    WRONG(m.options = 0x80000000u, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_OPTION);
    WRONG(m.kind = FERRY_MANIFEST_FILE, FERRY_ERR_MANIFEST, FERRY_LINK_FAULT_NAME);
    WRONG(m.chip = 9, FERRY_ERR_IMAGE_CHIP, FERRY_LINK_FAULT_SINK);
    WRONG(m.size = 0x200001, FERRY_ERR_TOO_LARGE_PARTITION, FERRY_LINK_FAULT_SINK);
    WRONG(m.size = UINT32_MAX, FERRY_ERR_TOO_LARGE_PARTITION, FERRY_LINK_FAULT_SINK);
    rig_refuse(p.rig, FERRY_ERR_NO_SLOT);
    WRONG((void)0, FERRY_ERR_NO_SLOT, FERRY_LINK_FAULT_SINK);
    rig_refuse(p.rig, 0);
    assert_int_equal(rig_erases(p.rig), 0);
    then_all_is_well(&p);
}

static void order_and_ranges(void **state)
{
    struct ferry_manifest m;
    uint8_t f[16] = {0};
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    rig_manifest(p.rig, &m);
    hello(&p, 100, 1, 0);
    range(&p, 100, 0, 4096);
    refused(&p, FERRY_ERR_STATE, FERRY_LINK_FAULT_NO_UPDATE);
    ask(&p, 100, FERRY_LINK_END, f, 4);
    refused(&p, FERRY_ERR_STATE, FERRY_LINK_FAULT_NO_UPDATE);
    ask(&p, 100, FERRY_LINK_PROVE, f, 9);
    refused(&p, FERRY_ERR_STATE, FERRY_LINK_FAULT_NO_UPDATE);
    chunk(&p, 100, 0, 0, 100, 0);
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_NO_RANGE);
    begin(&p, 100, &m);
    accepted(&p);
    static const struct {
        uint32_t start, end;
        uint8_t fault;
    } bad[] = {{0, 0, FERRY_LINK_FAULT_RANGE_ORDER},      {4096, 0, FERRY_LINK_FAULT_RANGE_ORDER},
               {0, 70001, FERRY_LINK_FAULT_RANGE_ORDER},  {0, UINT32_MAX, FERRY_LINK_FAULT_RANGE_ORDER},
               {100, 4096, FERRY_LINK_FAULT_RANGE_ALIGN}, {UINT32_MAX, 1, FERRY_LINK_FAULT_RANGE_ORDER}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        range(&p, 100, bad[i].start, bad[i].end);
        refused(&p, FERRY_ERR_PROTOCOL, bad[i].fault);
    }
    static const uint32_t proofs[][3] = {{0, 0, 1},       {0, 4096, 0},     {0, 4096, 17},
                                         {70000, 1, 1},   {65536, 4096, 3}, {UINT32_MAX, UINT32_MAX, 16},
                                         {0, 1u << 31, 2}};
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        ferry_store32le(f, proofs[i][0]);
        ferry_store32le(f + 4, proofs[i][1]);
        f[8] = (uint8_t)proofs[i][2];
        ask(&p, 100, FERRY_LINK_PROVE, f, 9);
        refused(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_PROOF_RANGE);
    }
    ferry_store32le(f, 1);
    ask(&p, 100, FERRY_LINK_END, f, 4);
    refused(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_SIZE);
    ferry_store32le(f, sizeof image);
    ask(&p, 100, FERRY_LINK_END, f, 4);
    refused(&p, FERRY_ERR_VERIFY, FERRY_LINK_FAULT_HASH_DIFFERS);
    assert_int_equal(rig_erases(p.rig), 0);
    then_all_is_well(&p);
}

static void chunks(void **state)
{
    struct ferry_manifest m;
    uint8_t f[4];
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    rig_manifest(p.rig, &m);
    hello(&p, 100, 1, 0);
    begin(&p, 100, &m);
    range(&p, 100, 0, 8192);
    accepted(&p);
    chunk(&p, 100, 0, 1000, 100, 0); // too early, but within the window
    assert_false(p.noted);
    assert_int_equal(p.ack.received, 0);
    chunk(&p, 100, 1, 1050, 100, 0x55); // overlaps, other bytes
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_DIFFERS);
    chunk(&p, 100, 2, 1050, 100, 0); // overlaps, same bytes
    assert_false(p.noted);
    chunk(&p, 100, 3, 69990, 11, 0);
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_END);
    chunk(&p, 100, 4, UINT32_MAX - 5, 10, 0);
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_END);
    chunk(&p, 100, 5, 4090, 10, 0); // beyond the credit of 4096
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_CREDIT);
    chunk(&p, 100, 6, 8190, 10, 0); // beyond the range
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_CREDIT);
    p.noted = false;
    send(&p, FERRY_LINK_CHUNK, 100, f, 3);
    hear(&p, 100);
    noted(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_SHORT);
    ferry_store32le(f, sizeof image);
    ask(&p, 100, FERRY_LINK_END, f, 4);
    refused(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_INCOMPLETE);
    range(&p, 100, 8192, 12288);
    refused(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_INCOMPLETE);
    chunk(&p, 101, 7, 0, 100, 0); // another session
    hear(&p, 101);
    assert_true(p.noted);
    assert_int_equal(p.note_fault, FERRY_LINK_FAULT_SESSION);
    then_all_is_well(&p);
}

static void two_updaters(void **state)
{
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    hello(&p, 100, 1, 0);
    accepted(&p);
    hello(&p, 200, 2, 0);
    refused(&p, FERRY_ERR_BUSY, FERRY_LINK_FAULT_OTHER_UPDATER);
    ask(&p, 100, FERRY_LINK_STATUS, NULL, 0);
    accepted(&p); // the first is not disturbed
    hello(&p, 200, 2, FERRY_LINK_HELLO_TAKE_OVER);
    accepted(&p);
    ask(&p, 100, FERRY_LINK_STATUS, NULL, 0);
    assert_true(p.noted); // and learns it
    assert_int_equal(p.note_fault, FERRY_LINK_FAULT_SESSION);
    hello(&p, 300, 2, 0); // the same one after a restart
    accepted(&p);
    assert_int_equal(rig_run(p.rig, NULL, 5), FERRY_ERR_BUSY); // the ordinary sender says so too
    then_all_is_well(&p);
}

static void other_requests(void **state)
{
    uint8_t f[32] = {0};
    struct peer p;
    (void)state;
    peer_new(&p, &plain);
    f[0] = 2; // version
    ask(&p, 100, FERRY_LINK_HELLO, f, 8);
    refused(&p, FERRY_ERR_VERSION, FERRY_LINK_FAULT_PROTOCOL_VERSION);
    assert_int_equal(p.more[0], FERRY_LINK_VERSION);
    hello(&p, 100, 1, 0);
    memset(f, 0xff, sizeof f);
    ask(&p, 100, FERRY_LINK_CONFIRM, f, 32);
    refused(&p, FERRY_ERR_STATE, FERRY_LINK_FAULT_OTHER_FIRMWARE);
    ask(&p, 100, FERRY_LINK_REVERT, f, 0);
    refused(&p, FERRY_ERR_STATE, FERRY_LINK_FAULT_SINK);
    ask(&p, 100, FERRY_LINK_BAUD, f, 6);
    refused(&p, FERRY_ERR_BAUD, FERRY_LINK_FAULT_BAUD_RANGE);
    ask(&p, 100, FERRY_LINK_KEEP, f, 4);
    refused(&p, FERRY_ERR_BAUD, FERRY_LINK_FAULT_BAUD_RANGE);
    ask(&p, 100, FERRY_LINK_TEST, f, 4);
    refused(&p, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_TEST_RANGE);
    then_all_is_well(&p);
}

// The other side: a receiver that lies in an acknowledgement. credit: beyond what was sent, since what has come early
// may be in flash already.
static void lies(uint16_t ahead, int32_t received, uint32_t credit, uint8_t fault)
{
    struct rig *r = rig_new(&plain, image, sizeof image);
    struct ferry_link_sender *s = rig_sender(r);
    struct ferry_error e;
    uint8_t wire[64], body[32];
    struct ferry_link_writer w;
    assert_int_equal(rig_start(r, NULL), FERRY_OK);
    while (s->received < 20000)
        assert_true(rig_turn(r, 60000000));
    struct ferry_link_ack ack = {.highest = (uint16_t)(s->next_seq - 1 + ahead),
                                 .received = (uint32_t)((int32_t)s->received + received),
                                 .credit = (uint16_t)(credit < 0xffff ? credit + s->sent_to - s->received : credit),
                                 .map_len = 8};
    ferry_link_writer_begin(&w, wire, sizeof wire, true, FERRY_LINK_ACK, s->session);
    ferry_link_writer_put(&w, body, ferry_link_put_ack(body, &ack));
    ferry_link_sender_ops.feed(s, wire, ferry_link_writer_end(&w), (uint32_t)(rig_now_us(r) / 1000));
    ferry_link_sender_ops.error(s, &e);
    assert_int_equal(e.status, FERRY_ERR_PROTOCOL);
    assert_string_equal(e.detail, ferry_link_fault_text(fault));
    assert_int_equal(rig_run(r, NULL, 60), FERRY_OK); // the next attempt finds what is there and goes on
    assert_true(rig_selected(r));
    rig_free(r);
}

static void lying_receivers(void **state)
{
    (void)state;
    lies(1, 0, 100, FERRY_LINK_FAULT_ACK_UNSENT);
    lies(0, 40000, 100, FERRY_LINK_FAULT_ACK_UNSENT);
    lies(0, -100, 100, FERRY_LINK_FAULT_ACK_BACKWARDS);
    lies(0, 0, 4097, FERRY_LINK_FAULT_ACK_CREDIT);
    lies(0, 0, 0xffff, FERRY_LINK_FAULT_ACK_CREDIT);
}

static void the_line_test_names_the_fault(void **state)
{
    struct {
        const char *says;
        int status;
        struct rig_cfg cfg;
    } cases[] = {
        {"", FERRY_OK, {.seed = 1}},
        {"nothing was received", FERRY_ERR_NO_ANSWER, {.seed = 1, .dead = {false, true}}},
        {"hears nothing", FERRY_ERR_TX_PATH, {.seed = 1, .dead = {true, false}, .beacon_ms = 500}},
        {"hears nothing", FERRY_ERR_TX_PATH, {.seed = 1, .dead = {true, false}, .log = true}},
        {"wrong baud", FERRY_ERR_GARBAGE, {.seed = 1, .baud = 115200, .target_real_baud = 74880, .log = true}},
        {"both directions", FERRY_ERR_NOISE, {.seed = 1, .ber = {5e-4, 5e-4}}},
        {"direction to the target", FERRY_ERR_NOISE, {.seed = 1, .ber = {5e-4, 0}}},
        {"direction from the target", FERRY_ERR_NOISE, {.seed = 1, .ber = {0, 5e-4}}},
    };
    struct ferry_link_job test = {.op = FERRY_LINK_SENDER_TEST};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_new(&cases[i].cfg, image, sizeof image);
        struct ferry_error e;
        if (cases[i].cfg.dead[0] && !cases[i].cfg.log)
            rig_let_run(r, 1000);
        int status = rig_run(r, &test, 60);
        ferry_link_sender_ops.error(rig_sender(r), &e);
        if (status != cases[i].status || !strstr(e.detail, cases[i].says))
            print_message("case %zu: %s: %s\n", i, ferry_status_name(status), e.detail);
        assert_int_equal(status, cases[i].status);
        assert_non_null(strstr(e.detail, cases[i].says));
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_and_ops),  cmocka_unit_test(manifests),
        cmocka_unit_test(order_and_ranges), cmocka_unit_test(chunks),
        cmocka_unit_test(two_updaters),     cmocka_unit_test(other_requests),
        cmocka_unit_test(lying_receivers),  cmocka_unit_test(the_line_test_names_the_fault)};
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
