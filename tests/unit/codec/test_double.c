/* Proves that a double's text is ECMAScript's, is read back as the same bits, and that neither way
 * asks the locale. */
#include "codec/codec.h"
#include "codec/json.h"
#include "test.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What node 20 prints for String(x), but for -0. */
static const struct {
    double number;
    const char *text;
} known[] = {
    {0.0, "0"},
    {-0.0, "-0"},
    {1.0, "1"},
    {-1.0, "-1"},
    {10.0, "10"},
    {0.1, "0.1"},
    {0.30000000000000004, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {2.0 / 3, "0.6666666666666666"},
    {49.95, "49.95"},
    {123456789.125, "123456789.125"},
    {52.370215999999999, "52.370216"},
    {100.0, "100"},
    {1e15, "1000000000000000"},
    {123456789012345680.0, "123456789012345680"},
    {9007199254740991.0, "9007199254740991"},
    {9007199254740992.0, "9007199254740992"},
    {9007199254740994.0, "9007199254740994"},
    {1e20, "100000000000000000000"},
    {123456789012345680000.0, "123456789012345680000"},
    {1e21, "1e+21"},
    {1.5e21, "1.5e+21"},
    {1e22, "1e+22"},
    {1e23, "1e+23"},
    {1e-6, "0.000001"},
    {1.5e-6, "0.0000015"},
    {1e-7, "1e-7"},
    {1.25e-7, "1.25e-7"},
    {1.2345678901234567e-6, "0.0000012345678901234567"},
    {5e-324, "5e-324"},
    {1e-323, "1e-323"},
    {1.5e-323, "1.5e-323"},
    {2.2250738585072009e-308, "2.225073858507201e-308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {4.35, "4.35"},
    {1.005, "1.005"},
    {0.000123, "0.000123"},
    {7.0e-10, "7e-10"},
    {9.5367431640625e-7, "9.5367431640625e-7"},
    {4.440892098500626e-16, "4.440892098500626e-16"},
    {9.109383701528e-31, "9.109383701528e-31"},
    {6.02214076e23, "6.02214076e+23"},
    /* Powers of two, where the nearest decimal of 16 digits is another double's. */
    {0x1p-1017, "7.120236347223045e-307"},
    {0x1p-957, "8.209073602596753e-289"},
    {0x1p-44, "5.684341886080802e-14"},
    {9007199254740993.0, "9007199254740992"},
    {NAN, "NaN"},
    {INFINITY, "Infinity"},
    {-INFINITY, "-Infinity"},
};

static void check_known(void)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[CODEC_DOUBLE_MAX];
        const size_t length = codec_double_text(text, known[i].number);
        double back;

        if (length != strlen(known[i].text) || memcmp(text, known[i].text, length) != 0)
            test_fail("%s is written as %.*s", known[i].text, (int)length, text);
        if (!isfinite(known[i].number))
            continue;
        if (!codec_double_parse(text, length, &back) ||
            memcmp(&back, &known[i].number, sizeof(back)) != 0)
            test_fail("%s is read as %.17g", known[i].text, back);
    }
}

static void known_numbers_are_written_as_ecmascript_writes_them(void **state)
{
    (void)state;
    check_known();
}

/* ---- random numbers ---- */

static uint64_t next(uint64_t *seed)
{
    /* SplitMix64 (Steele, Lea, Flood 2014). */
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void check_round_trip(double number)
{
    char text[CODEC_DOUBLE_MAX + 1];
    char shorter[64];
    const size_t length = codec_double_text(text, number);
    size_t digits = 0;
    double back;

    text[length] = '\0';
    if (!codec_double_parse(text, length, &back) || memcmp(&back, &number, sizeof(back)) != 0)
        test_fail("%a is written as %s and read as %a", number, text, back);
    if (strtod(text, NULL) != number)
        test_fail("%a is written as %s, which strtod() reads otherwise", number, text);
    for (size_t i = 0; i < length && text[i] != 'e'; i++)
        digits += text[i] >= '0' && text[i] <= '9' && (digits > 0 || text[i] != '0');
    if (digits < 2 || strpbrk(text, ".e") == NULL)
        return;
    snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, number);
    if (strtod(shorter, NULL) == number)
        test_fail("%s is longer than %s", text, shorter);
}

static void random_numbers_are_read_back_as_the_same_bits_and_are_shortest(void **state)
{
    uint64_t seed = 20261122;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next(&seed);
        const double power = ldexp(1.0, (int)(next(&seed) % 2098) - 1074);
        double number;

        memcpy(&number, &bits, sizeof(number));
        if (isfinite(number))
            check_round_trip(number);
        bits &= (UINT64_C(1) << (next(&seed) % 52 + 1)) - 1; /* subnormal */
        memcpy(&number, &bits, sizeof(number));
        check_round_trip(number);
        check_round_trip(power);
        check_round_trip(nextafter(power, INFINITY));
        check_round_trip(nextafter(power, 0));
        check_round_trip((double)(next(&seed) % 100000000) / 10000);
        check_round_trip(-(double)(int64_t)(next(&seed) >> (next(&seed) % 64)));
    }
}

/* ---- reading ---- */

static void check_parse(const char *text)
{
    const double expected = strtod(text, NULL);
    double number = 0;
    const bool taken = codec_double_parse(text, strlen(text), &number);

    if (taken != isfinite(expected) || (taken && memcmp(&number, &expected, sizeof(number)) != 0))
        test_fail("%.200s is read as %a, not %a", text, number, expected);
}

static void any_decimal_is_read_as_the_nearest_double(void **state)
{
    static const char *const hard[] = {
        /* Halfway between two doubles, and a hair beside it. */
        "9007199254740993",
        "9007199254740993.0000000000000000000000000000000000000000000000001",
        "9007199254740992.9999999999999999999999999999999999999999999999999",
        "1e23",
        "8.5e22",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.4703282292062327208e-324",
        "2.4703282292062328e-324",
        "4.9406564584124654e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "0.000000000000000000000000000000000000000000000000000000000000001",
        "100000000000000000000000000000000000000000000000000000000000000",
        "0e99999999999999999999",
        "1e-99999999999999999999",
        "1e99999999999999999999",
        "-0.0",
        "123456789012345678",
        "1234567890123456789012345678901234567890e-40",
    };
    uint64_t seed = 7;
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
        check_parse(hard[i]);
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof(text), "%s%llu.%llue%d", next(&seed) % 2 ? "-" : "",
                 (unsigned long long)(next(&seed) >> (next(&seed) % 64)),
                 (unsigned long long)(next(&seed) >> (next(&seed) % 64)),
                 (int)(next(&seed) % 700) - 350);
        check_parse(text);
    }
}

static void numbers_of_thousands_of_digits_are_read_as_exactly(void **state)
{
    enum { DIGITS = 3000 };
    static char text[DIGITS + 32];
    uint64_t seed = 99;

    (void)state;
    /* 2^53 + 1 is halfway; digits far behind decide. */
    for (int last = 0; last < 2; last++) {
        memcpy(text, "9007199254740993.", 17);
        memset(text + 17, '0', DIGITS);
        text[17 + DIGITS] = (char)('0' + last);
        text[18 + DIGITS] = '\0';
        check_parse(text);
    }
    for (int i = 0; i < 500; i++) {
        const size_t length = next(&seed) % DIGITS + 1;
        const size_t point = next(&seed) % length;

        for (size_t at = 0; at < length; at++)
            text[at] = (char)('0' + next(&seed) % 10);
        text[0] = '1';
        if (point > 0 && point + 1 < length)
            text[point] = '.';
        snprintf(text + length, 16, "e%d", -(int)(next(&seed) % DIGITS));
        check_parse(text);
    }
    /* Long zeros on either side are no magnitude of their own. */
    memset(text, '0', DIGITS);
    memcpy(text, "0.", 2);
    snprintf(text + DIGITS, 16, "1e%d", DIGITS - 2 + 5);
    check_parse(text);
    memset(text, '0', DIGITS);
    text[0] = '1';
    snprintf(text + DIGITS, 16, "e-%d", DIGITS);
    check_parse(text);
}

static void only_the_number_grammar_of_json_is_read(void **state)
{
    static const char *const cases[] = {
        "",    "-",  "+1",  "1.",    ".1",       "1.e1",  "1e",       "1e+", "01",
        "-01", "1 ", " 1",  "0x1",   "1,5",      "NaN",   "nan",      "inf", "1e1.5",
        "--1", "1-", "1d5", "\"1\"", "Infinity", "1_000", "\xD9\xA1",
    };
    double number = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (codec_double_parse(cases[i], strlen(cases[i]), &number))
            test_fail("%s is read as %g", cases[i], number);
        assert_true(number == 42);
    }
    assert_false(codec_double_parse("1\0", 2, &number));
    assert_true(codec_double_parse("1.5e3", 3, &number));
    assert_true(number == 1.5);
}

/* ---- the locale ---- */

/* Compiles a locale with a decimal comma into `folder`; false where there is no localedef. */
static bool make_locale(const char *folder)
{
    char path[256];
    pid_t child;
    int status = 0;

    snprintf(path, sizeof(path), "%s/de_DE.UTF-8", folder);
    child = fork();
    if (child == 0) {
        execlp("localedef", "localedef", "-i", "de_DE", "-f", "UTF-8", path, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static char locale_folder[] = P_tmpdir "/entc-locale-XXXXXX";

static bool take_comma_locale(void)
{
    if (setlocale(LC_ALL, "de_DE.UTF-8"))
        return true;
    if (!make_locale(locale_folder) || setenv("LOCPATH", locale_folder, 1) != 0)
        return false;
    return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

static int leave_locale(void **state)
{
    const pid_t child = fork();

    (void)state;
    if (child == 0) {
        execlp("rm", "rm", "-rf", locale_folder, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    unsetenv("LOCPATH");
    return setlocale(LC_ALL, "C") ? 0 : -1;
}

static void the_locale_plays_no_part(void **state)
{
    uint64_t seed = 3;
    char text[CODEC_DOUBLE_MAX];
    double back;

    (void)state;
    assert_non_null(mkdtemp(locale_folder));
    if (!take_comma_locale()) {
        print_message("no locale with a decimal comma can be made here\n");
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    check_known();
    for (int i = 0; i < 1000; i++) {
        const double number = (double)next(&seed) / 7e9;

        assert_true(codec_double_parse(text, codec_double_text(text, number), &back));
        assert_true(back == number);
    }
}

/* ---- powers of ten ---- */

#define WORDS 48 /* of 32 bits, lowest first: 10^342 has 1137 bits */

static uint32_t bit_of(const uint32_t *number, int bit)
{
    return bit < 0 ? 0 : number[bit / 32] >> (bit % 32) & 1;
}

static void times_ten(uint32_t *number)
{
    uint64_t carry = 0;

    for (int i = 0; i < WORDS; i++) {
        carry += (uint64_t)number[i] * 10;
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void by_ten(uint32_t *number)
{
    uint64_t rest = 0;

    for (int i = WORDS - 1; i >= 0; i--) {
        rest = rest << 32 | number[i];
        number[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
}

static void check_power(const uint32_t *number, int exponent)
{
    const struct json_wide power = json_power_of_ten(exponent);
    int top = WORDS * 32 - 1;

    while (!bit_of(number, top))
        top--;
    for (int i = 0; i < 128; i++) {
        const uint64_t word = i < 64 ? power.high : power.low;

        if ((word >> (63 - i % 64) & 1) != bit_of(number, top - i))
            test_fail("10^%d: bit %d is wrong", exponent, i);
    }
}

static void the_powers_of_ten_are_right_to_128_bits(void **state)
{
    uint32_t number[WORDS] = {1};

    (void)state;
    for (int exponent = 0; exponent <= JSON_POWER_MAX; exponent++) {
        check_power(number, exponent);
        times_ten(number);
    }
    /* The highest bit stands for 1, and cutting off ten times by ten is cutting off by their
     * product. */
    memset(number, 0, sizeof(number));
    number[WORDS - 1] = UINT32_C(1) << 31;
    for (int exponent = 0; exponent >= JSON_POWER_MIN; exponent--) {
        check_power(number, exponent);
        by_ten(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_powers_of_ten_are_right_to_128_bits),
        cmocka_unit_test(known_numbers_are_written_as_ecmascript_writes_them),
        cmocka_unit_test(random_numbers_are_read_back_as_the_same_bits_and_are_shortest),
        cmocka_unit_test(any_decimal_is_read_as_the_nearest_double),
        cmocka_unit_test(numbers_of_thousands_of_digits_are_read_as_exactly),
        cmocka_unit_test(only_the_number_grammar_of_json_is_read),
        cmocka_unit_test_teardown(the_locale_plays_no_part, leave_locale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
