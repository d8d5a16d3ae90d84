// SPDX-License-Identifier: Apache-2.0
// Sixteen floats at a time, written once and compiled for every instruction set.
//
// A kernel body includes this file inside a region that fixes the target (see variants.h). Only
// element-wise IEEE operations, fused multiply-add and one fixed summation tree occur, so every
// variant gives the same bits. No include guard: each variant gets its own static functions, since
// a vector argument may not cross from one target to another.

#define CK_LANES 16

#undef CK_INLINE
#define CK_INLINE static inline __attribute__((always_inline, unused))

CK_INLINE ck_v16 CK_NAME(splat)(float x) {
    return (ck_v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

CK_INLINE ck_v16 CK_NAME(load)(const float *p) {
    ck_v16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// The first `count` (below 16) floats at `p`, then zeros.
CK_INLINE ck_v16 CK_NAME(load_partial)(const float *p, int count) {
    float t[CK_LANES] = {0};
    for (int j = 0; j < count; j++) t[j] = p[j];
    return CK_NAME(load)(t);
}

CK_INLINE void CK_NAME(store)(float *p, ck_v16 v) { __builtin_memcpy(p, &v, sizeof v); }

CK_INLINE void CK_NAME(store_partial)(float *p, ck_v16 v, int count) {
    float t[CK_LANES];
    CK_NAME(store)(t, v);
    for (int j = 0; j < count; j++) p[j] = t[j];
}

CK_INLINE ck_v16 CK_NAME(fma)(ck_v16 a, ck_v16 b, ck_v16 c) {
    return __builtin_elementwise_fma(a, b, c);
}

/// Lanes of `a` where `mask` is all ones, of `b` where it is zero.
CK_INLINE ck_v16 CK_NAME(select)(ck_i16 mask, ck_v16 a, ck_v16 b) {
    return (ck_v16)((mask & (ck_i16)a) | (~mask & (ck_i16)b));
}

/// The larger of each pair; where either is not a number, `b`'s lane.
CK_INLINE ck_v16 CK_NAME(max)(ck_v16 a, ck_v16 b) { return CK_NAME(select)(a > b, a, b); }

/// The sum of all lanes by halving: lane j + lane j+8, then +4, +2, +1.
CK_INLINE float CK_NAME(sum)(ck_v16 v) {
    ck_v8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    ck_v4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

/// The largest lane, by the same halving.
CK_INLINE float CK_NAME(largest)(ck_v16 v) {
    v = CK_NAME(max)(
        v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = CK_NAME(max)(
        v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v = CK_NAME(max)(
        v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    v = CK_NAME(max)(
        v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    return v[0];
}

/// e to the power of each lane: within 2 units in the last place, exactly 1 at 0, 0 below -87.3
/// (where the result would be subnormal), the largest power of e that fits above 88.3.
///
/// x = n·ln 2 + r with |r| <= ln 2 / 2; the Taylor polynomial of degree 7 in r, scaled by 2^n.
CK_INLINE ck_v16 CK_NAME(exp)(ck_v16 x) {
    const ck_v16 shifter = CK_NAME(splat)(0x1.8p23f);
    const ck_i16 tiny = x < CK_NAME(splat)(-87.3f);
    const ck_v16 high = CK_NAME(splat)(88.3f);
    x = CK_NAME(select)(x > high, high, x);
    x = CK_NAME(select)(tiny, CK_NAME(splat)(0), x);
    const ck_v16 shifted = CK_NAME(fma)(x, CK_NAME(splat)(0x1.715476p+0f), shifter);
    const ck_v16 n = shifted - shifter;
    ck_v16 r = CK_NAME(fma)(n, CK_NAME(splat)(-0x1.62e4p-1f), x);
    r = CK_NAME(fma)(n, CK_NAME(splat)(-0x1.7f7d1cp-20f), r);
    ck_v16 p = CK_NAME(splat)(0x1.a01a02p-13f);
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(0x1.6c16c2p-10f));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(0x1.111112p-7f));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(0x1.555556p-5f));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(0x1.555556p-3f));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(0.5f));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(1));
    p = CK_NAME(fma)(p, r, CK_NAME(splat)(1));
    // The low bits of `shifted` hold n; adding n to the exponent field multiplies by 2^n.
    const ck_i16 exponent = (ck_i16)((ck_u16)shifted << 23);
    const ck_v16 scaled = (ck_v16)((ck_i16)p + exponent);
    return CK_NAME(select)(tiny, CK_NAME(splat)(0), scaled);
}
