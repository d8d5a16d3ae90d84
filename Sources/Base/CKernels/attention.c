// SPDX-License-Identifier: Apache-2.0
#include "ck_attention.h"

#include "variants.h"

typedef _Float16 ck_h16 __attribute__((vector_size(32)));

/// Distance of two positions' values.
static inline size_t ck_value_stride(const ck_attention *a) {
    return (a->head_dimension + CK_ATTENTION_CHUNK - 1) / CK_ATTENTION_CHUNK * CK_ATTENTION_CHUNK;
}

/// The first position that any query of the tile sees.
static inline int64_t ck_first_seen(const ck_attention *a, const ck_attention_tile *tile) {
    const int64_t first = tile->first_position - a->window + 1;
    return first > 0 ? first : 0;
}

/// The last position that any query of the tile sees.
static inline int64_t ck_last_seen(const ck_attention_tile *tile) {
    return tile->first_position + (int64_t)tile->row_count - 1;
}

/// A distance from a chunk's start, limited to its lanes.
static inline int ck_lane(int64_t distance) {
    return distance < 0 ? 0 : distance > CK_ATTENTION_CHUNK ? CK_ATTENTION_CHUNK : (int)distance;
}

static inline void ck_reset_state(const ck_attention *a, size_t query_count, float *state) {
    for (size_t i = 0; i < query_count; i++) state[i] = -__builtin_inff();
    __builtin_memset(
        state + query_count, 0, query_count * (1 + ck_value_stride(a)) * sizeof(float));
}

/// Exact, for every half.
static inline float ck_half_to_float(uint16_t half) {
    union { uint32_t bits; float value; } x = {(uint32_t)(half & 0x7fff) << 13};
    if ((half & 0x7c00) == 0x7c00) x.bits |= 0x7f800000; // infinity or not a number
    else x.value *= 0x1p112f;
    x.bits |= (uint32_t)(half & 0x8000) << 16;
    return x.value;
}

/// To the nearest half, ties to even; too large becomes infinity.
static inline uint16_t ck_float_to_half(float value) {
    union { float value; uint32_t bits; } x = {value};
    const uint32_t sign = x.bits >> 16 & 0x8000;
    x.bits &= 0x7fffffff;
    if (x.bits > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (x.bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (x.bits < 0x38800000) { // subnormal: adding 0.5 leaves the rounded mantissa's bits
        x.value += 0.5f;
        return (uint16_t)(sign | (x.bits - 0x3f000000));
    }
    x.bits += 0xfff + (x.bits >> 13 & 1);
    return (uint16_t)(sign | ((x.bits - 0x38000000) >> 13));
}

#define CK_VARIANT scalar
#include "attention_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#define CK_HAS_F16C
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "attention_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "attention_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

size_t ck_attention_state_count(const ck_attention *attention, size_t row_count) {
    return row_count * attention->group * (2 + ck_value_stride(attention));
}

void ck_attention_run(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t kv_head,
    float *scratch) {
    CK_DISPATCH(isa, attention_run, attention, tile, kv_head, scratch);
}

void ck_attention_run_span(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t kv_head,
    size_t span, float *state) {
    CK_DISPATCH(isa, attention_run_span, attention, tile, kv_head, span, state);
}

void ck_attention_merge_spans(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t kv_head,
    float *states, size_t span_count) {
    CK_DISPATCH(isa, attention_merge_spans, attention, tile, kv_head, states, span_count);
}

void ck_kv_append(
    const float *key, const float *value, void *keys, void *values, ck_kv_type type,
    size_t kv_head_count, size_t head_dimension, size_t positions_per_block, size_t block,
    size_t offset) {
    const ck_attention shape = {.head_dimension = head_dimension};
    const size_t stride = ck_value_stride(&shape), lane = offset % CK_ATTENTION_CHUNK;
    for (size_t h = 0; h < kv_head_count; h++) {
        const size_t cell = (block * kv_head_count + h) * positions_per_block + offset;
        const size_t k = (cell - lane) * head_dimension + lane, v = cell * stride;
        for (size_t d = 0; d < head_dimension; d++) {
            const float x = key[h * head_dimension + d], y = value[h * head_dimension + d];
            if (type == CK_KV_F32) {
                ((float *)keys)[k + d * CK_ATTENTION_CHUNK] = x;
                ((float *)values)[v + d] = y;
            } else {
                ((uint16_t *)keys)[k + d * CK_ATTENTION_CHUNK] = ck_float_to_half(x);
                ((uint16_t *)values)[v + d] = ck_float_to_half(y);
            }
        }
    }
}
