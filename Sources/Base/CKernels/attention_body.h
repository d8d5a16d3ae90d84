// SPDX-License-Identifier: Apache-2.0
// Attention, included by attention.c once per instruction set.
#include "lanes.h"

/// Sixteen consecutive cache elements from element `index` on.
CK_INLINE ck_v16 CK_NAME(load_kv)(const void *base, size_t index, ck_kv_type type) {
    if (type == CK_KV_F32) return CK_NAME(load)((const float *)base + index);
    const uint16_t *p = (const uint16_t *)base + index;
#if defined(CK_HAS_F16C)
    ck_h16 h;
    __builtin_memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, ck_v16);
#else
    float t[CK_LANES];
    for (int j = 0; j < CK_LANES; j++) t[j] = ck_half_to_float(p[j]);
    return CK_NAME(load)(t);
#endif
}

/// scores[i] = q[i] · key of each of sixteen positions, for `n` queries (a constant). Even and odd
/// components are summed apart.
CK_INLINE void CK_NAME(score)(
    const float *const *q, int n, const void *keys, size_t base, ck_kv_type type, size_t dimension,
    ck_v16 *scores) {
    ck_v16 even[4], odd[4];
    for (int i = 0; i < n; i++) even[i] = odd[i] = CK_NAME(splat)(0);
    size_t d = 0;
    for (; d + 2 <= dimension; d += 2) {
        const ck_v16 k0 = CK_NAME(load_kv)(keys, base + d * CK_LANES, type);
        const ck_v16 k1 = CK_NAME(load_kv)(keys, base + (d + 1) * CK_LANES, type);
        for (int i = 0; i < n; i++) {
            even[i] = CK_NAME(fma)(CK_NAME(splat)(q[i][d]), k0, even[i]);
            odd[i] = CK_NAME(fma)(CK_NAME(splat)(q[i][d + 1]), k1, odd[i]);
        }
    }
    if (d < dimension) {
        const ck_v16 k0 = CK_NAME(load_kv)(keys, base + d * CK_LANES, type);
        for (int i = 0; i < n; i++)
            even[i] = CK_NAME(fma)(CK_NAME(splat)(q[i][d]), k0, even[i]);
    }
    for (int i = 0; i < n; i++) scores[i] = even[i] + odd[i];
}

/// e to the power x, for one number.
CK_INLINE float CK_NAME(exp_one)(float x) { return CK_NAME(exp)(CK_NAME(splat)(x))[0]; }

/// Takes the lanes lo..<hi of a chunk's scores into the running softmax: updates the maximum and
/// the sum, stores sixteen probabilities, and returns what the accumulators are to be multiplied with.
CK_INLINE float CK_NAME(soften)(
    ck_v16 scores, int lo, int hi, float *maximum, float *sum, float *probabilities) {
    const ck_i16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const ck_i16 seen = (lane >= lo) & (lane < hi);
    scores = CK_NAME(select)(seen, scores, CK_NAME(splat)(-__builtin_inff()));
    const float top = CK_NAME(largest)(scores);
    float correction = 1;
    if (top > *maximum) {
        correction = CK_NAME(exp_one)(*maximum - top);
        *maximum = top;
    }
    ck_v16 p = CK_NAME(exp)(scores - CK_NAME(splat)(*maximum));
    p = CK_NAME(select)(seen, p, CK_NAME(splat)(0));
    *sum = __builtin_fmaf(*sum, correction, CK_NAME(sum)(p));
    CK_NAME(store)(probabilities, p);
    return correction;
}

/// `n` vectors (a constant) of accumulators: times `correction`, plus the values of the positions
/// lo..<hi in order, each times its probability.
CK_INLINE void CK_NAME(weigh)(
    float *accumulators, int n, float correction, const float *probabilities, int lo, int hi,
    const void *values, size_t base, size_t stride, ck_kv_type type) {
    ck_v16 sums[8];
    for (int i = 0; i < n; i++)
        sums[i] = CK_NAME(load)(accumulators + i * CK_LANES) * CK_NAME(splat)(correction);
    for (int j = lo; j < hi; j++) {
        const ck_v16 p = CK_NAME(splat)(probabilities[j]);
        for (int i = 0; i < n; i++)
            sums[i] = CK_NAME(fma)(
                p, CK_NAME(load_kv)(values, base + (size_t)j * stride + i * CK_LANES, type),
                sums[i]);
    }
    for (int i = 0; i < n; i++) CK_NAME(store)(accumulators + i * CK_LANES, sums[i]);
}

CK_INLINE void CK_NAME(weigh_all)(
    float *accumulators, float correction, const float *probabilities, int lo, int hi,
    const void *values, size_t base, size_t stride, ck_kv_type type) {
    size_t d = 0;
    for (; d + 8 * CK_LANES <= stride; d += 8 * CK_LANES)
        CK_NAME(weigh)(
            accumulators + d, 8, correction, probabilities, lo, hi, values, base + d, stride, type);
    for (; d + 4 * CK_LANES <= stride; d += 4 * CK_LANES)
        CK_NAME(weigh)(
            accumulators + d, 4, correction, probabilities, lo, hi, values, base + d, stride, type);
    for (; d < stride; d += CK_LANES)
        CK_NAME(weigh)(
            accumulators + d, 1, correction, probabilities, lo, hi, values, base + d, stride, type);
}

/// Queries `first`..<`first + n` (n a constant) of a tile against one chunk.
CK_INLINE void CK_NAME(attend_chunk)(
    const ck_attention *a, const ck_attention_tile *tile, ck_kv_type type, size_t kv_head,
    int64_t chunk, size_t first, int n, size_t query_count, float *state) {
    const size_t stride = ck_value_stride(a), dimension = a->head_dimension;
    const int64_t start = chunk * CK_ATTENTION_CHUNK;
    const float *q[4];
    int lo[4], hi[4], any = 0;
    for (int i = 0; i < n; i++) {
        const size_t row = (first + i) / a->group, head = (first + i) % a->group;
        q[i] = a->queries + (tile->first_row + row) * a->query_stride
            + (kv_head * a->group + head) * dimension;
        const int64_t position = tile->first_position + (int64_t)row;
        lo[i] = ck_lane(position - a->window + 1 - start);
        hi[i] = ck_lane(position + 1 - start);
        any |= lo[i] < hi[i];
    }
    if (!any) return;
    const size_t block = (size_t)tile->block_table[start / (int64_t)a->positions_per_block];
    const size_t offset = (size_t)start % a->positions_per_block;
    const size_t cell = (block * a->kv_head_count + kv_head) * a->positions_per_block + offset;
    ck_v16 scores[4];
    CK_NAME(score)(q, n, a->keys, cell * dimension, type, dimension, scores);
    float *maxima = state, *sums = state + query_count, *accumulators = state + 2 * query_count;
    for (int i = 0; i < n; i++) {
        if (lo[i] >= hi[i]) continue;
        float probabilities[CK_LANES];
        const float correction = CK_NAME(soften)(
            scores[i] * CK_NAME(splat)(a->scale), lo[i], hi[i], maxima + first + i,
            sums + first + i, probabilities);
        CK_NAME(weigh_all)(
            accumulators + (first + i) * stride, correction, probabilities, lo[i], hi[i],
            a->values, cell * stride, stride, type);
    }
}

CK_INLINE void CK_NAME(attend_span)(
    const ck_attention *a, const ck_attention_tile *tile, ck_kv_type type, size_t kv_head,
    size_t span, float *state) {
    const size_t query_count = tile->row_count * a->group;
    ck_reset_state(a, query_count, state);
    const int64_t chunks = CK_ATTENTION_SPAN / CK_ATTENTION_CHUNK;
    const int64_t oldest = ck_first_seen(a, tile) / CK_ATTENTION_CHUNK;
    const int64_t newest = ck_last_seen(tile) / CK_ATTENTION_CHUNK;
    int64_t begin = (int64_t)span * chunks, end = begin + chunks;
    if (begin < oldest) begin = oldest;
    if (end > newest + 1) end = newest + 1;
    for (int64_t chunk = begin; chunk < end; chunk++) {
        size_t i = 0;
        for (; i + 4 <= query_count; i += 4)
            CK_NAME(attend_chunk)(a, tile, type, kv_head, chunk, i, 4, query_count, state);
        for (; i < query_count; i++)
            CK_NAME(attend_chunk)(a, tile, type, kv_head, chunk, i, 1, query_count, state);
    }
}

static void CK_NAME(attention_run_span)(
    const ck_attention *a, const ck_attention_tile *tile, size_t kv_head, size_t span,
    float *state) {
    if (a->type == CK_KV_F32)
        CK_NAME(attend_span)(a, tile, CK_KV_F32, kv_head, span, state);
    else
        CK_NAME(attend_span)(a, tile, CK_KV_F16, kv_head, span, state);
}

/// Takes a later span's state into `total`.
static void CK_NAME(merge)(
    const ck_attention *a, size_t query_count, float *total, const float *state) {
    const size_t stride = ck_value_stride(a);
    for (size_t i = 0; i < query_count; i++) {
        if (state[query_count + i] == 0) continue;
        const float top = state[i] > total[i] ? state[i] : total[i];
        const float old_weight = CK_NAME(exp_one)(total[i] - top);
        const float new_weight = CK_NAME(exp_one)(state[i] - top);
        total[i] = top;
        total[query_count + i] = __builtin_fmaf(
            state[query_count + i], new_weight, total[query_count + i] * old_weight);
        float *x = total + 2 * query_count + i * stride;
        const float *y = state + 2 * query_count + i * stride;
        for (size_t d = 0; d < stride; d += CK_LANES)
            CK_NAME(store)(
                x + d,
                CK_NAME(fma)(
                    CK_NAME(load)(y + d), CK_NAME(splat)(new_weight),
                    CK_NAME(load)(x + d) * CK_NAME(splat)(old_weight)));
    }
}

/// Divides the accumulators by the sums, into the output rows.
static void CK_NAME(finish)(
    const ck_attention *a, const ck_attention_tile *tile, size_t kv_head, const float *total) {
    const size_t query_count = tile->row_count * a->group, stride = ck_value_stride(a);
    for (size_t i = 0; i < query_count; i++) {
        const size_t row = i / a->group, head = i % a->group;
        float *y = a->output + (tile->first_row + row) * a->output_stride
            + (kv_head * a->group + head) * a->head_dimension;
        const float *x = total + 2 * query_count + i * stride;
        const float sum = total[query_count + i];
        for (size_t d = 0; d < a->head_dimension; d++) y[d] = x[d] / sum;
    }
}

static void CK_NAME(attention_merge_spans)(
    const ck_attention *a, const ck_attention_tile *tile, size_t kv_head, float *states,
    size_t span_count) {
    const size_t query_count = tile->row_count * a->group;
    const size_t state_count = query_count * (2 + ck_value_stride(a));
    for (size_t s = 1; s < span_count; s++)
        CK_NAME(merge)(a, query_count, states, states + s * state_count);
    CK_NAME(finish)(a, tile, kv_head, states);
}

static void CK_NAME(attention_run)(
    const ck_attention *a, const ck_attention_tile *tile, size_t kv_head, float *scratch) {
    const size_t query_count = tile->row_count * a->group;
    float *later = scratch + query_count * (2 + ck_value_stride(a));
    const size_t first = (size_t)(ck_first_seen(a, tile) / CK_ATTENTION_SPAN);
    const size_t last = (size_t)(ck_last_seen(tile) / CK_ATTENTION_SPAN);
    CK_NAME(attention_run_span)(a, tile, kv_head, first, scratch);
    for (size_t span = first + 1; span <= last; span++) {
        CK_NAME(attention_run_span)(a, tile, kv_head, span, later);
        CK_NAME(merge)(a, query_count, scratch, later);
    }
    CK_NAME(finish)(a, tile, kv_head, scratch);
}
