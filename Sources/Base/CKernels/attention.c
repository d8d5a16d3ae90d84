// SPDX-License-Identifier: Apache-2.0
#include "ck_attention.h"

#include "variants.h"

typedef _Float16 ck_h16 __attribute__((vector_size(32)));
typedef uint16_t ck_w16 __attribute__((vector_size(32)));
typedef int8_t ck_b16 __attribute__((vector_size(16)));

enum {
    CK_CHUNK = CK_ATTENTION_CHUNK,
    CK_KEY_GROUP = CK_ATTENTION_KEY_GROUP,
    /// Chunks of a step: the scores that the running softmax takes in at a time.
    CK_STEP_CHUNKS = 4,
    CK_STEP = CK_STEP_CHUNKS * CK_CHUNK
};

/// Distance of two positions' values, in elements.
static inline size_t ck_value_stride(const ck_attention *a) {
    return (a->value_dimension + CK_CHUNK - 1) / CK_CHUNK * CK_CHUNK;
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

/// A distance from a step's start, limited to the step.
static inline int ck_within_step(int64_t distance) {
    return distance < 0 ? 0 : distance > CK_STEP ? CK_STEP : (int)distance;
}

static inline size_t ck_element_bytes(ck_kv_type type) {
    return type == CK_KV_F32 ? 4 : type == CK_KV_Q8 ? 1 : 2;
}

/// Bytes of sixteen positions' numbers: `width` elements and `scale_count` scales each.
static inline size_t ck_chunk_bytes(ck_kv_type type, size_t width, size_t scale_count) {
    const size_t scales = type == CK_KV_Q8 ? scale_count * sizeof(float) : 0;
    return CK_CHUNK * (width * ck_element_bytes(type) + scales);
}

static inline size_t ck_key_chunk_bytes(ck_kv_type type, size_t dimension) {
    const size_t groups = (dimension + CK_KEY_GROUP - 1) / CK_KEY_GROUP;
    return ck_chunk_bytes(type, dimension, groups);
}

static inline size_t ck_value_chunk_bytes(ck_kv_type type, size_t stride) {
    return ck_chunk_bytes(type, stride, 1);
}

/// Where a step's chunks lie.
typedef struct {
    const char *keys[CK_STEP_CHUNKS];
    const char *values[CK_STEP_CHUNKS];
} ck_step;

/// Finds the chunks of a step up to the tile's last; the others get the address of that one.
static inline void ck_find_step(
    const ck_attention *a, const ck_attention_tile *tile, size_t head_group, int64_t start,
    ck_step *step) {
    const size_t kv_head = head_group / a->groups_per_kv_head;
    const int64_t last = ck_last_seen(tile) / CK_CHUNK;
    const size_t per_block = a->positions_per_block / CK_CHUNK;
    const size_t key_bytes = ck_key_chunk_bytes(a->type, a->head_dimension);
    const size_t value_bytes = ck_value_chunk_bytes(a->type, ck_value_stride(a));
    for (int c = 0; c < CK_STEP_CHUNKS; c++) {
        int64_t chunk = start / CK_CHUNK + c;
        if (chunk > last) chunk = last;
        const size_t block = (size_t)tile->block_table[(size_t)chunk / per_block];
        const size_t cell
            = (block * a->kv_head_count + kv_head) * per_block + (size_t)chunk % per_block;
        step->keys[c] = (const char *)a->keys + cell * key_bytes;
        step->values[c] = a->values ? (const char *)a->values + cell * value_bytes : NULL;
    }
}

/// Per query: its maximum, sixteen partial sums, its accumulators.
static inline size_t ck_state_count(const ck_attention *a, size_t query_count) {
    return query_count * (1 + CK_CHUNK + ck_value_stride(a));
}

static inline void ck_reset_state(const ck_attention *a, size_t query_count, float *state) {
    __builtin_memset(state, 0, ck_state_count(a, query_count) * sizeof(float));
    for (size_t i = 0; i < query_count; i++) state[i] = -__builtin_inff();
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

#define CK_WIDE
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "attention_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

size_t ck_attention_state_count(const ck_attention *attention, size_t row_count) {
    return ck_state_count(attention, row_count * attention->group);
}

size_t ck_attention_turned_count(size_t value_dimension, int values_are_stored) {
    const ck_attention shape = {.value_dimension = value_dimension};
    return values_are_stored ? 0 : CK_STEP * ck_value_stride(&shape);
}

void ck_attention_run(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    float *scratch, float *turned) {
    CK_DISPATCH(isa, attention_run, attention, tile, head_group, scratch, turned);
}

void ck_attention_run_span(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    size_t span, float *state, float *turned) {
    CK_DISPATCH(isa, attention_run_span, attention, tile, head_group, span, state, turned);
}

void ck_attention_merge_spans(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    float *states, size_t span_count) {
    CK_DISPATCH(isa, attention_merge_spans, attention, tile, head_group, states, span_count);
}

/// To the nearest bfloat16, ties to even.
static inline uint16_t ck_float_to_bfloat(float value) {
    union { float value; uint32_t bits; } x = {value};
    if (value != value) return (uint16_t)(x.bits >> 16 | 0x40);
    return (uint16_t)((x.bits + 0x7fff + (x.bits >> 16 & 1)) >> 16);
}

/// Stores `count` numbers `stride` elements apart, the first at element `first`.
static void ck_put(
    const float *x, size_t count, void *chunk, size_t first, size_t stride, ck_kv_type type,
    float *scale) {
    if (type == CK_KV_F32) {
        for (size_t d = 0; d < count; d++) ((float *)chunk)[first + d * stride] = x[d];
    } else if (type == CK_KV_F16) {
        for (size_t d = 0; d < count; d++)
            ((uint16_t *)chunk)[first + d * stride] = ck_float_to_half(x[d]);
    } else if (type == CK_KV_BF16) {
        for (size_t d = 0; d < count; d++)
            ((uint16_t *)chunk)[first + d * stride] = ck_float_to_bfloat(x[d]);
    } else {
        float largest = 0;
        for (size_t d = 0; d < count; d++) {
            const float size = __builtin_fabsf(x[d]);
            // Written so that what is not a number becomes the scale, and stays visible.
            if (!(size <= largest)) largest = size;
        }
        *scale = largest / 127;
        const float inverse = largest > 0 ? 127 / largest : 0;
        for (size_t d = 0; d < count; d++) {
            float y = x[d] * inverse;
            y = y > 127 ? 127 : y < -127 ? -127 : y == y ? y : 0;
            // Adding 1.5 * 2^23 rounds to a whole number, ties to even.
            ((int8_t *)chunk)[first + d * stride] = (int8_t)(y + 0x1.8p23f - 0x1.8p23f);
        }
    }
}

void ck_kv_append(
    const float *key, const float *value, void *keys, void *values, ck_kv_type type,
    size_t kv_head_count, size_t head_dimension, size_t positions_per_block, size_t block,
    size_t offset) {
    const ck_attention shape = {.value_dimension = head_dimension};
    const size_t stride = ck_value_stride(&shape), lane = offset % CK_CHUNK;
    const size_t per_block = positions_per_block / CK_CHUNK;
    for (size_t h = 0; h < kv_head_count; h++) {
        const size_t cell = (block * kv_head_count + h) * per_block + offset / CK_CHUNK;
        const float *x = key + h * head_dimension;
        char *k = (char *)keys + cell * ck_key_chunk_bytes(type, head_dimension);
        const size_t bytes = ck_element_bytes(type);
        float *key_scales = (float *)(k + CK_CHUNK * head_dimension * bytes) + lane;
        for (size_t d = 0; d < head_dimension; d += CK_KEY_GROUP) {
            const size_t rest = head_dimension - d;
            const size_t count = rest < CK_KEY_GROUP ? rest : CK_KEY_GROUP;
            ck_put(
                x + d, count, k, d * CK_CHUNK + lane, CK_CHUNK, type,
                key_scales + d / CK_KEY_GROUP * CK_CHUNK);
        }
        if (!value) continue;
        char *v = (char *)values + cell * ck_value_chunk_bytes(type, stride);
        float *value_scale = (float *)(v + CK_CHUNK * stride * bytes) + lane;
        ck_put(
            value + h * head_dimension, head_dimension, v, lane * stride, 1, type, value_scale);
    }
}
