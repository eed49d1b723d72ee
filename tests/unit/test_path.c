// Paths out of manifests: none leads out of its folder, whatever it is made of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/path.h"

static char out[512];
static struct ferry_fault fault;

static void joined(void **state)
{
    (void)state;
    static const struct {
        const char *base, *name, *expected;
    } cases[] = {{"", "a.bin", "/card/a.bin"},
                 {"x/y", "a.bin", "/card/x/y/a.bin"},
                 {"x/y", "../a.bin", "/card/x/a.bin"},
                 {"x/y", "../../a.bin", "/card/a.bin"},
                 {"x", "./b//c/./a.bin", "/card/x/b/c/a.bin"},
                 {"", "b\\c\\a.bin", "/card/b/c/a.bin"},
                 {"", "with space/\xc3\xa4.bin", "/card/with space/\xc3\xa4.bin"},
                 {"", "...", "/card/..."},
                 {"", "..a/b..", "/card/..a/b.."}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ferry_path_join(out, sizeof out, "/card", cases[i].base, cases[i].name, &fault), 0);
        assert_string_equal(out, cases[i].expected);
    }
    assert_int_equal(ferry_path_join(out, sizeof out, "/", "", "a.bin", &fault), 0);
    assert_string_equal(out, "/a.bin");
}

static void refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",      ".",   "..",         "x/..", "../a",    "../../../a", "/a",   "\\a",
                                        "C:\\a", "c:a", "http://x/a", "a\nb", "\x1b[2J", "x/../../a",  "..\\a"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(ferry_path_join(out, sizeof out, "/card", "", names[i], &fault), FERRY_ERR_STORAGE_PATH);
        assert_true(*fault.what && *fault.hint);
    }
    assert_int_equal(ferry_path_join(out, sizeof out, "/card", "x", "../../a", &fault), FERRY_ERR_STORAGE_PATH);
    char longest[700];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(ferry_path_join(out, sizeof out, "/card", "", longest, &fault), FERRY_ERR_STORAGE_PATH);
    assert_int_equal(ferry_path_join(out, 8, "/card", "", "abc", &fault), FERRY_ERR_STORAGE_PATH);
}

static void parts_of_a_path(void **state)
{
    (void)state;
    assert_string_equal(ferry_path_base("a/b/c.bin"), "c.bin");
    assert_string_equal(ferry_path_base("c.bin"), "c.bin");
    ferry_path_folder(out, sizeof out, "a/b/c.bin");
    assert_string_equal(out, "a/b");
    ferry_path_folder(out, sizeof out, "c.bin");
    assert_string_equal(out, ".");
    ferry_path_folder(out, sizeof out, "/c.bin");
    assert_string_equal(out, "/");
    assert_string_equal(ferry_path_shown("/card", "/card/x/a.bin"), "x/a.bin");
    assert_string_equal(ferry_path_shown("/card", "/cards/a.bin"), "/cards/a.bin");
    assert_string_equal(ferry_path_shown("", "a.bin"), "a.bin");
    assert_true(ferry_path_ends("A.BIN", ".bin"));
    assert_false(ferry_path_ends("bin", ".bin"));
}

static void text_is_safe_to_show(void **state)
{
    (void)state;
    ferry_path_text(out, sizeof out, "a\x1b[31m\nb\x7f\x80 \xc3\xa4 \xe2\x82\xac \xff\xfe");
    assert_string_equal(out, "a?[31m?b?? \xc3\xa4 \xe2\x82\xac ??");
    // C1 (U+009B is ESC [ to a terminal), overlong and surrogate forms, the marks that turn text round.
    ferry_path_text(out, sizeof out,
                    "a\xc2\x9b\x33\xc2\x80\xc2\xa0|\xc0\x9b|\xe0\x82\x9b|\xed\xa0\x80|\xe2\x80\xae\xe2\x81\xa6.|\xc3");
    assert_string_equal(out, "a?3?\xc2\xa0|\?\?|\?\?\?|\?\?\?|\?\?.|?");
    ferry_path_text(out, 4, "ab\xe2\x82\xac"); // the euro sign does not fit whole
    assert_string_equal(out, "ab");
    ferry_fault_set(&fault, FERRY_ERR_ARG, "w\x1b", "%s", "x\x07y");
    assert_string_equal(fault.what, "x?y");
    assert_string_equal(fault.where, "w?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined),
        cmocka_unit_test(refused),
        cmocka_unit_test(parts_of_a_path),
        cmocka_unit_test(text_is_safe_to_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
