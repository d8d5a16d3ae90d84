// SPDX-License-Identifier: Apache-2.0
// Sums of products of codes with activations; included by packed_body.h once per instruction set.

// The scalar twins of the products are functions of their own: inlined everywhere they would take a
// megabyte of code.
#if CK_DOT_256 || CK_DOT_512
#define CK_DOT_INLINE CK_INLINE
#else
#define CK_DOT_INLINE static __attribute__((noinline))
#endif

// Without VNNI there is a product of bytes that sums pairs in 16 bits.
#define CK_DOT_PAIRS ((CK_DOT_512 || CK_DOT_256) && !CK_DOT_VNNI)

#if CK_DOT_PAIRS
#if CK_DOT_512
#define CK_INTS __m512i
#define CK_MM(operation) _mm512_##operation
#else
#define CK_INTS __m256i
#define CK_MM(operation) _mm256_##operation
#endif
#define CK_PARTS (64 / (int)sizeof(CK_INTS))

/// The products of codes with activations, summed by pairs.
///
/// - magnitudes: of the codes, where these are signed; otherwise NULL.
CK_INLINE CK_INTS CK_NAME(pair_products)(CK_INTS codes, const CK_INTS *magnitudes, CK_INTS y) {
    if (!magnitudes) return CK_MM(maddubs_epi16)(codes, y);
#if CK_DOT_512
    y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(codes), _mm512_setzero_si512(), y);
#else
    y = _mm256_sign_epi8(y, codes);
#endif
    return CK_MM(maddubs_epi16)(*magnitudes, y);
}
#else
/// acc[r] += the products of four codes of each row with four activations.
CK_DOT_INLINE ck_i16 CK_NAME(dot)(ck_i16 acc, ck_u16 codes, int32_t y) {
#if CK_DOT_512
    return (ck_i16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)codes, _mm512_set1_epi32(y));
#elif CK_DOT_256
    __m256i sums[2], parts[2];
    __builtin_memcpy(sums, &acc, 64);
    __builtin_memcpy(parts, &codes, 64);
    const __m256i four = _mm256_set1_epi32(y);
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) sums[h] = _mm256_dpbusd_avx_epi32(sums[h], parts[h], four);
    __builtin_memcpy(&acc, sums, 64);
    return acc;
#else
    for (int k = 0; k < 4; k++)
        acc += (ck_i16)(codes >> 8 * k & 255) * (int32_t)(int8_t)((uint32_t)y >> 8 * k);
    return acc;
#endif
}
#endif

/// acc[r] += the products of two 16-bit numbers of each row with two of the activations.
CK_DOT_INLINE ck_i16 CK_NAME(dot_pairs)(ck_i16 acc, ck_i16 pairs, int32_t y) {
#if CK_DOT_512 && CK_DOT_VNNI
    return (ck_i16)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)pairs, _mm512_set1_epi32(y));
#elif CK_DOT_512
    return acc + (ck_i16)_mm512_madd_epi16((__m512i)pairs, _mm512_set1_epi32(y));
#elif CK_DOT_256
    __m256i parts[2];
    __builtin_memcpy(parts, &pairs, 64);
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) parts[h] = _mm256_madd_epi16(parts[h], _mm256_set1_epi32(y));
    __builtin_memcpy(&pairs, parts, 64);
    return acc + pairs;
#else
    for (int r = 0; r < 16; r++)
        acc[r] += (int16_t)pairs[r] * (int16_t)y
            + (int16_t)((uint32_t)pairs[r] >> 16) * (int16_t)((uint32_t)y >> 16);
    return acc;
#endif
}

CK_INLINE int32_t CK_NAME(load_int)(const void *p) {
    int32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE ck_i16 CK_NAME(splat_int)(int32_t x) {
    return (ck_i16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

CK_INLINE ck_v16 CK_NAME(to_float)(ck_i16 x) { return __builtin_convertvector(x, ck_v16); }
