/* Powers of ten to 128 bits, for reading and writing doubles. 26 powers are kept to 192 bits, every
 * 27th; the others are one of these times a power of five that fits 64 bits. For every exponent in
 * the range the result is the true one cut off (computed in full and compared; test_double.c does
 * it again). Made by
 *
 *   for j in range(-13, 13): n = 10 ** abs(27 * j)   # its first 192 bits; of 1 / n for j < 0
 */
#include "codec/json.h"

#define STEP 27
#define FIRST (-13 * STEP)

static const uint64_t kept[26][3] = {
    {0x8049A4AC0C5811AEu, 0x205B896D777D6278u, 0xAC261E9F5141430Bu},
    {0xCF42894A5DCE35EAu, 0x52064CAC828675B9u, 0x475F2B7D7DF1AD7Au},
    {0xA76C582338ED2621u, 0xAF2AF2B80AF6F24Eu, 0x657C8F4D43323A36u},
    {0x873E4F75E2224E68u, 0x5A7744A6E804A291u, 0xCC35EDDFCF0996D7u},
    {0xDA7F5BF590966848u, 0xAF39A475506A899Eu, 0xA30294CC2934E662u},
    {0xB080392CC4349DECu, 0xBD8D794D96AACFB3u, 0xFE13A5C86AF64418u},
    {0x8E938662882AF53Eu, 0x547EB47B7282EE9Cu, 0x41B0230E1421487Du},
    {0xE65829B3046B0AFAu, 0x0CB4A5A3112A5112u, 0xA3B561B1CB208396u},
    {0xBA121A4650E4DDEBu, 0x92F34D62616CE413u, 0x21A0183E10583CD3u},
    {0x964E858C91BA2655u, 0x3A6A07F8D510F86Fu, 0xE9082F25E9C5E9ECu},
    {0xF2D56790AB41C2A2u, 0xFAE27299423FB9C3u, 0x3695DAD7E8858901u},
    {0xC428D05AA4751E4Cu, 0xAA97E14C3C26B886u, 0x96842DC95323F5A8u},
    {0x9E74D1B791E07E48u, 0x775EA264CF55347Du, 0xCA49F1C05120C9C7u},
    {0x8000000000000000u, 0x0000000000000000u, 0x0000000000000000u},
    {0xCECB8F27F4200F3Au, 0x0000000000000000u, 0x0000000000000000u},
    {0xA70C3C40A64E6C51u, 0x999090B65F67D924u, 0x0000000000000000u},
    {0x86F0AC99B4E8DAFDu, 0x69A028BB3DED71A3u, 0xDF9F915627C04E28u},
    {0xDA01EE641A708DE9u, 0xE80E6F4820CC9495u, 0xD74BAAD03BC1D8D3u},
    {0xB01AE745B101E9E4u, 0x5EC05DCFF72E7F8Fu, 0xC04C79FFE324301Fu},
    {0x8E41ADE9FBEBC27Du, 0x14588F13BE847307u, 0x23BD6A2059C002F5u},
    {0xE5D3EF282A242E81u, 0x8F1668C8A86DA5FAu, 0xF0B5CCF5176ECC7Cu},
    {0xB9A74A0637CE2EE1u, 0x6D953E2BD7173692u, 0x88EFB0037AC08BDEu},
    {0x95F83D0A1FB69CD9u, 0x4ABDAF101564F98Eu, 0x0D5A4AF7B3A98E47u},
    {0xF24A01A73CF2DCCFu, 0xBC633B39673C8CECu, 0x3D9C44CD2F36917Cu},
    {0xC3B8358109E84F07u, 0x0A862F80EC4700C8u, 0x02606EA01029DC37u},
    {0x9E19DB92B4E31BA9u, 0x6C07A2C26A8346D1u, 0x4944D9F52CD0DEC2u},
};

static const uint64_t powers_of_five[STEP] = {
    0x1u,
    0x5u,
    0x19u,
    0x7Du,
    0x271u,
    0xC35u,
    0x3D09u,
    0x1312Du,
    0x5F5E1u,
    0x1DCD65u,
    0x9502F9u,
    0x2E90EDDu,
    0xE8D4A51u,
    0x48C27395u,
    0x16BCC41E9u,
    0x71AFD498Du,
    0x2386F26FC1u,
    0xB1A2BC2EC5u,
    0x3782DACE9D9u,
    0x1158E460913Du,
    0x56BC75E2D631u,
    0x1B1AE4D6E2EF5u,
    0x878678326EAC9u,
    0x2A5A058FC295EDu,
    0xD3C21BCECCEDA1u,
    0x422CA8B0A00A425u,
    0x14ADF4B7320334B9u,
};

struct json_wide json_power_of_ten(int32_t exponent)
{
    const uint32_t number = (uint32_t)(exponent - FIRST) / STEP;
    const uint64_t *power = kept[number];
    const uint64_t five = powers_of_five[(uint32_t)(exponent - FIRST) % STEP];
    const uint64_t factor = five << __builtin_clzll(five);
    const struct json_wide top = json_multiply(power[0], factor);
    const struct json_wide middle = json_multiply(power[1], factor);
    const struct json_wide bottom = json_multiply(power[2], factor);
    const uint64_t third = middle.low + bottom.high;
    const uint64_t carry = third < middle.low;
    struct json_wide result = {top.high, top.low + middle.high};

    result.high += result.low < top.low;
    result.low += carry;
    result.high += carry && result.low == 0;
    if (result.high >> 63)
        return result;
    result.high = result.high << 1 | result.low >> 63;
    result.low = result.low << 1 | third >> 63;
    return result;
}
