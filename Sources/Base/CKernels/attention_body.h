// SPDX-License-Identifier: Apache-2.0
// Attention, included by attention.c once per instruction set.
#include "lanes.h"

// Tiles that fit the registers: chunks that are scored and vectors of values that are summed.
#undef CK_TILE_CHUNKS
#undef CK_TILE_VECTORS
#if defined(CK_WIDE)
#define CK_TILE_CHUNKS CK_STEP_CHUNKS
#define CK_TILE_VECTORS 4
#else
#define CK_TILE_CHUNKS 1
#define CK_TILE_VECTORS 1
#endif

/// Sixteen consecutive cache elements from element `index` on.
CK_INLINE ck_v16 CK_NAME(load_kv)(const char *base, size_t index, ck_kv_type type) {
    const char *p = base + index * ck_element_bytes(type);
    if (type == CK_KV_F32) return CK_NAME(load)((const float *)p);
    if (type == CK_KV_Q8) {
        ck_b16 b;
        __builtin_memcpy(&b, p, sizeof b);
        return __builtin_convertvector(__builtin_convertvector(b, ck_i16), ck_v16);
    }
    if (type == CK_KV_BF16) {
        ck_w16 w;
        __builtin_memcpy(&w, p, sizeof w);
        return (ck_v16)(__builtin_convertvector(w, ck_u16) << 16);
    }
#if defined(CK_HAS_F16C)
    ck_h16 h;
    __builtin_memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, ck_v16);
#else
    uint16_t h[CK_LANES];
    float t[CK_LANES];
    __builtin_memcpy(h, p, sizeof h);
    for (int j = 0; j < CK_LANES; j++) t[j] = ck_half_to_float(h[j]);
    return CK_NAME(load)(t);
#endif
}

/// Asks for the memory of `count` (a constant) vectors of elements, to the second-level cache: two
/// steps do not fit the first.
CK_INLINE void CK_NAME(prefetch)(const char *base, size_t index, int count, ck_kv_type type) {
    const size_t bytes = ck_element_bytes(type);
    for (size_t b = 0; b < count * CK_LANES * bytes; b += 64)
        __builtin_prefetch(base + index * bytes + b, 0, 2);
}

/// products[i][c] = q[i] · key of each of sixteen positions, over the components `d` to `end`, for
/// `n` queries and `m` chunks (both constants); asks for the memory of `next` where `ahead` (also).
CK_INLINE void CK_NAME(dot)(
    const float *const *q, int n, const char *const *keys, int m, const char *const *next,
    int ahead, ck_kv_type type, size_t d, size_t end, ck_v16 (*products)[CK_STEP_CHUNKS]) {
    ck_v16 sums[4][CK_STEP_CHUNKS];
    for (int i = 0; i < n; i++)
        for (int c = 0; c < m; c++) sums[i][c] = CK_NAME(splat)(0);
    for (; d + 4 <= end; d += 4) {
        if (ahead)
            for (int c = 0; c < m; c++) CK_NAME(prefetch)(next[c], d * CK_LANES, 4, type);
        for (int e = 0; e < 4; e++) {
            ck_v16 k[CK_STEP_CHUNKS];
            for (int c = 0; c < m; c++)
                k[c] = CK_NAME(load_kv)(keys[c], (d + e) * CK_LANES, type);
            for (int i = 0; i < n; i++) {
                const ck_v16 x = CK_NAME(splat)(q[i][d + e]);
                for (int c = 0; c < m; c++) sums[i][c] = CK_NAME(fma)(x, k[c], sums[i][c]);
            }
        }
    }
    for (; d < end; d++)
        for (int c = 0; c < m; c++) {
            const ck_v16 k = CK_NAME(load_kv)(keys[c], d * CK_LANES, type);
            for (int i = 0; i < n; i++)
                sums[i][c] = CK_NAME(fma)(CK_NAME(splat)(q[i][d]), k, sums[i][c]);
        }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < m; c++) products[i][c] = sums[i][c];
}

/// scores[i][c] = scale · q[i] · key of each of sixteen positions; parameters as above.
CK_INLINE void CK_NAME(score)(
    const ck_attention *a, const float *const *q, int n, const char *const *keys, int m,
    const char *const *next, int ahead, ck_kv_type type, ck_v16 (*scores)[CK_STEP_CHUNKS]) {
    const size_t dimension = a->head_dimension;
    const ck_v16 scale = CK_NAME(splat)(a->scale);
    if (type != CK_KV_Q8) {
        CK_NAME(dot)(q, n, keys, m, next, ahead, type, 0, dimension, scores);
        for (int i = 0; i < n; i++)
            for (int c = 0; c < m; c++) scores[i][c] *= scale;
        return;
    }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < m; c++) scores[i][c] = CK_NAME(splat)(0);
    for (size_t d = 0; d < dimension; d += CK_KEY_GROUP) {
        const size_t end = dimension - d < CK_KEY_GROUP ? dimension : d + CK_KEY_GROUP;
        ck_v16 products[4][CK_STEP_CHUNKS];
        CK_NAME(dot)(q, n, keys, m, next, ahead, type, d, end, products);
        for (int c = 0; c < m; c++) {
            const float *scales = (const float *)(keys[c] + CK_LANES * dimension);
            const ck_v16 factor
                = CK_NAME(load)(scales + d / CK_KEY_GROUP * CK_LANES) * scale;
            for (int i = 0; i < n; i++)
                scores[i][c] = CK_NAME(fma)(products[i][c], factor, scores[i][c]);
        }
    }
}

/// e to the power x, for one number.
CK_INLINE float CK_NAME(exp_one)(float x) { return CK_NAME(exp)(CK_NAME(splat)(x))[0]; }

/// Takes a step's scores into the running softmax: updates the maximum and the sums, stores the
/// probabilities, and returns what the accumulators are to be multiplied with.
CK_INLINE float CK_NAME(soften)(
    const ck_v16 *scores, float *maximum, float *sums, float *probabilities) {
    const ck_v16 top = CK_NAME(max)(
        CK_NAME(max)(scores[0], scores[1]), CK_NAME(max)(scores[2], scores[3]));
    float correction = 1;
    if (__builtin_reduce_or(top > CK_NAME(splat)(*maximum))) {
        const float largest = CK_NAME(largest)(top);
        correction = CK_NAME(exp_one)(*maximum - largest);
        *maximum = largest;
    }
    ck_v16 p[CK_STEP_CHUNKS];
    for (int c = 0; c < CK_STEP_CHUNKS; c++) {
        p[c] = CK_NAME(exp)(scores[c] - CK_NAME(splat)(*maximum));
        CK_NAME(store)(probabilities + c * CK_LANES, p[c]);
    }
    CK_NAME(store)(
        sums, CK_NAME(fma)(
                  CK_NAME(load)(sums), CK_NAME(splat)(correction), (p[0] + p[1]) + (p[2] + p[3])));
    return correction;
}

/// `v` vectors of accumulators of `n` queries (both constants): times the query's correction, plus
/// the values of the positions lo..<hi in order, each times its probability.
CK_INLINE void CK_NAME(weigh)(
    float *accumulators, int n, int v, const float *corrections, float (*probabilities)[CK_STEP],
    int lo, int hi, const ck_step *step, const ck_step *next, int ahead, size_t first,
    size_t stride, ck_kv_type type) {
    ck_v16 sums[4][8];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < v; j++)
            sums[i][j] = CK_NAME(load)(accumulators + i * stride + first + j * CK_LANES)
                * CK_NAME(splat)(corrections[i]);
    for (int position = lo; position < hi;) {
        const int c = position / CK_LANES;
        const int end = hi < (c + 1) * CK_LANES ? hi : (c + 1) * CK_LANES;
        const char *values = step->values[c], *later = next->values[c];
        for (; position < end; position++) {
            const size_t row = (size_t)(position % CK_LANES) * stride + first;
            if (ahead) CK_NAME(prefetch)(later, row, v, type);
            ck_v16 y[8];
            for (int j = 0; j < v; j++)
                y[j] = CK_NAME(load_kv)(values, row + j * CK_LANES, type);
            for (int i = 0; i < n; i++) {
                const ck_v16 p = CK_NAME(splat)(probabilities[i][position]);
                for (int j = 0; j < v; j++) sums[i][j] = CK_NAME(fma)(p, y[j], sums[i][j]);
            }
        }
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < v; j++)
            CK_NAME(store)(accumulators + i * stride + first + j * CK_LANES, sums[i][j]);
}

/// Transposes sixteen vectors: for each bit of a row's number, the two rows of a pair that differ in
/// it exchange the lanes of the one with the bit for those of the other without.
CK_INLINE void CK_NAME(transpose)(ck_v16 *rows) {
#define CK_EXCHANGE(bit, low, high) \
    for (int i = 0; i < CK_LANES; i++) { \
        if (i & bit) continue; \
        const ck_v16 a = rows[i], b = rows[i + bit]; \
        rows[i] = __builtin_shufflevector(a, b, low); \
        rows[i + bit] = __builtin_shufflevector(a, b, high); \
    }
#define CK_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define CK_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define CK_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define CK_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define CK_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define CK_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define CK_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define CK_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
    CK_EXCHANGE(1, CK_LOW_1, CK_HIGH_1)
    CK_EXCHANGE(2, CK_LOW_2, CK_HIGH_2)
    CK_EXCHANGE(4, CK_LOW_4, CK_HIGH_4)
    CK_EXCHANGE(8, CK_LOW_8, CK_HIGH_8)
#undef CK_EXCHANGE
}

/// The values of a step's first `count` positions, which are the first components of their keys,
/// turned into rows of f32: each is read once for all queries of a tile.
CK_INLINE void CK_NAME(turn)(
    const ck_attention *a, ck_kv_type type, int64_t count, ck_step *step, float *turned) {
    const size_t width = a->value_dimension, stride = ck_value_stride(a);
    for (int c = 0; c < CK_STEP_CHUNKS; c++) {
        float *rows = turned + (size_t)c * CK_LANES * stride;
        step->values[c] = (const char *)rows;
        if ((int64_t)c * CK_LANES >= count) continue;
        const char *keys = step->keys[c];
        const float *scales = (const float *)(keys + CK_LANES * a->head_dimension);
        for (size_t d = 0; d < stride; d += CK_LANES) {
            ck_v16 x[CK_LANES];
            for (size_t e = 0; e < CK_LANES; e++) {
                x[e] = CK_NAME(splat)(0);
                if (d + e >= width) continue;
                x[e] = CK_NAME(load_kv)(keys, (d + e) * CK_LANES, type);
                if (type == CK_KV_Q8)
                    x[e] *= CK_NAME(load)(scales + (d + e) / CK_KEY_GROUP * CK_LANES);
            }
            CK_NAME(transpose)(x);
            for (size_t e = 0; e < CK_LANES; e++) CK_NAME(store)(rows + e * stride + d, x[e]);
        }
    }
}

/// `n` queries (a constant) from `first` on, which all see the positions lo..<hi of a step.
///
/// `turns` says whether values are turned keys.
CK_INLINE void CK_NAME(attend_step)(
    const ck_attention *a, const ck_attention_tile *tile, ck_kv_type type, int turns,
    size_t head_group, const ck_step *step, const ck_step *next, int ahead, int lo, int hi,
    size_t first, int n, float *state) {
    const ck_kv_type value_type = turns ? CK_KV_F32 : type;
    const size_t query_count = tile->row_count * a->group;
    const size_t dimension = a->head_dimension, stride = ck_value_stride(a);
    const float *q[4];
    for (int i = 0; i < n; i++) {
        const size_t row = (first + i) / a->group, head = (first + i) % a->group;
        q[i] = a->queries + (tile->first_row + row) * a->query_stride
            + (head_group * a->group + head) * dimension;
    }
    ck_v16 scores[4][CK_STEP_CHUNKS];
    if (hi - lo == CK_STEP) {
        for (int c = 0; c < CK_STEP_CHUNKS; c += CK_TILE_CHUNKS) {
            ck_v16 some[4][CK_STEP_CHUNKS];
            CK_NAME(score)(
                a, q, n, step->keys + c, CK_TILE_CHUNKS, next->keys + c, ahead, type, some);
            for (int i = 0; i < n; i++)
                for (int t = 0; t < CK_TILE_CHUNKS; t++) scores[i][c + t] = some[i][t];
        }
    } else {
        const ck_i16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        const ck_v16 unseen = CK_NAME(splat)(-__builtin_inff());
        for (int c = 0; c < CK_STEP_CHUNKS; c++) {
            const int from = lo - c * CK_LANES, to = hi - c * CK_LANES;
            ck_v16 some[4][CK_STEP_CHUNKS];
            for (int i = 0; i < n; i++) scores[i][c] = unseen;
            if (from >= CK_LANES || to <= 0) continue;
            CK_NAME(score)(a, q, n, step->keys + c, 1, next->keys + c, ahead, type, some);
            const ck_i16 seen = (lane >= from) & (lane < to);
            for (int i = 0; i < n; i++)
                scores[i][c] = CK_NAME(select)(seen, some[i][0], unseen);
        }
    }
    float *maxima = state + first, *sums = state + query_count + first * CK_LANES;
    float *accumulators = state + query_count * (1 + CK_LANES) + first * stride;
    float probabilities[4][CK_STEP], corrections[4];
    for (int i = 0; i < n; i++) {
        corrections[i] = CK_NAME(soften)(
            scores[i], maxima + i, sums + i * CK_LANES, probabilities[i]);
        if (value_type == CK_KV_Q8)
            for (int c = 0; c < CK_STEP_CHUNKS; c++) {
                float *p = probabilities[i] + c * CK_LANES;
                CK_NAME(store)(
                    p, CK_NAME(load)(p)
                        * CK_NAME(load)((const float *)(step->values[c] + CK_LANES * stride)));
            }
    }
    const int v = n == 1 ? 2 * CK_TILE_VECTORS : CK_TILE_VECTORS;
    size_t d = 0;
    for (; d + v * CK_LANES <= stride; d += v * CK_LANES)
        CK_NAME(weigh)(
            accumulators, n, v, corrections, probabilities, lo, hi, step, next, ahead && !turns, d,
            stride, value_type);
    for (; d < stride; d += CK_LANES)
        CK_NAME(weigh)(
            accumulators, n, 1, corrections, probabilities, lo, hi, step, next, ahead && !turns, d,
            stride, value_type);
}

/// Asks for the memory of the first step of a span, up to position `end`: no step before it did.
CK_INLINE void CK_NAME(prefetch_step)(
    const ck_attention *a, ck_kv_type type, int turns, const ck_step *step, int64_t start,
    int64_t end) {
    const int count = (int)((end - start + CK_LANES - 1) / CK_LANES);
    for (int c = 0; c < CK_STEP_CHUNKS && c < count; c++)
        for (size_t d = 0; d < a->head_dimension; d += 4)
            CK_NAME(prefetch)(step->keys[c], d * CK_LANES, 4, type);
    for (int c = 0; !turns && c < CK_STEP_CHUNKS && c < count; c++)
        for (size_t d = 0; d < ck_value_stride(a); d += 4)
            CK_NAME(prefetch)(step->values[c], d * CK_LANES, 4, type);
}

CK_INLINE void CK_NAME(attend_span)(
    const ck_attention *a, const ck_attention_tile *tile, ck_kv_type type, int turns,
    size_t head_group, size_t span, float *state, float *turned) {
    const size_t query_count = tile->row_count * a->group;
    ck_reset_state(a, query_count, state);
    const int64_t oldest = ck_first_seen(a, tile), newest = ck_last_seen(tile);
    int64_t start = (int64_t)span * CK_ATTENTION_SPAN, end = start + CK_ATTENTION_SPAN;
    if (start < oldest) start = oldest / CK_STEP * CK_STEP;
    if (end > newest + 1) end = newest + 1;
    ck_step step, next;
    ck_find_step(a, tile, head_group, start, &next);
    CK_NAME(prefetch_step)(a, type, turns, &next, start, end);
    for (; start < end; start += CK_STEP) {
        step = next;
        if (turns) CK_NAME(turn)(a, type, end - start, &step, turned);
        ck_find_step(a, tile, head_group, start + CK_STEP, &next);
        for (size_t i = 0; i < query_count;) {
            int lo[5], hi[5], n = 0;
            for (; n < 4 && i + n < query_count; n++) {
                const int64_t distance
                    = tile->first_position + (int64_t)((i + n) / a->group) + 1 - start;
                lo[n] = ck_within_step(distance - a->window);
                hi[n] = ck_within_step(distance);
                if (lo[n] != lo[0] || hi[n] != hi[0]) break;
            }
#define CK_ATTEND(count, ahead) \
    CK_NAME(attend_step)( \
        a, tile, type, turns, head_group, &step, &next, ahead, lo[0], hi[0], i, count, state)
            if (lo[0] < hi[0]) {
                if (n == 4) {
                    if (i == 0) CK_ATTEND(4, 1);
                    else CK_ATTEND(4, 0);
                } else if (n == 3) CK_ATTEND(3, 1);
                else if (n == 2) CK_ATTEND(2, 1);
                else CK_ATTEND(1, 1);
            }
#undef CK_ATTEND
            i += n;
        }
    }
}

static void CK_NAME(attention_run_span)(
    const ck_attention *a, const ck_attention_tile *tile, size_t head_group, size_t span,
    float *state, float *turned) {
#define CK_ATTEND_SPAN(type) \
    case type: \
        if (a->values) CK_NAME(attend_span)(a, tile, type, 0, head_group, span, state, turned); \
        else CK_NAME(attend_span)(a, tile, type, 1, head_group, span, state, turned); \
        break
    switch (a->type) {
        CK_ATTEND_SPAN(CK_KV_F32);
        CK_ATTEND_SPAN(CK_KV_F16);
        CK_ATTEND_SPAN(CK_KV_BF16);
        CK_ATTEND_SPAN(CK_KV_Q8);
    }
#undef CK_ATTEND_SPAN
}

/// x = x · old_weight + y · new_weight, over whole vectors.
CK_INLINE void CK_NAME(merge_vectors)(
    float *x, const float *y, size_t count, ck_v16 old_weight, ck_v16 new_weight) {
    for (size_t d = 0; d < count; d += CK_LANES)
        CK_NAME(store)(
            x + d,
            CK_NAME(fma)(
                CK_NAME(load)(y + d), new_weight, CK_NAME(load)(x + d) * old_weight));
}

/// Takes a later span's state into `total`.
static void CK_NAME(merge)(
    const ck_attention *a, size_t query_count, float *total, const float *state) {
    const size_t stride = ck_value_stride(a);
    for (size_t i = 0; i < query_count; i++) {
        if (state[i] == -__builtin_inff()) continue; // saw nothing of the span
        const float top = state[i] > total[i] ? state[i] : total[i];
        const ck_v16 old_weight = CK_NAME(splat)(CK_NAME(exp_one)(total[i] - top));
        const ck_v16 new_weight = CK_NAME(splat)(CK_NAME(exp_one)(state[i] - top));
        total[i] = top;
        const size_t sums = query_count + i * CK_LANES;
        const size_t accumulators = query_count * (1 + CK_LANES) + i * stride;
        CK_NAME(merge_vectors)(
            total + sums, state + sums, CK_LANES, old_weight, new_weight);
        CK_NAME(merge_vectors)(
            total + accumulators, state + accumulators, stride, old_weight, new_weight);
    }
}

/// Divides the accumulators by the sums, to which the sinks are added first, into the output rows.
static void CK_NAME(finish)(
    const ck_attention *a, const ck_attention_tile *tile, size_t head_group, const float *total) {
    const size_t query_count = tile->row_count * a->group, stride = ck_value_stride(a);
    for (size_t i = 0; i < query_count; i++) {
        const size_t row = i / a->group, head = head_group * a->group + i % a->group;
        float *y = a->output + (tile->first_row + row) * a->output_stride
            + head * a->output_head_stride;
        const float *x = total + query_count * (1 + CK_LANES) + i * stride;
        float sum = CK_NAME(sum)(CK_NAME(load)(total + query_count + i * CK_LANES));
        if (a->sinks) {
            const float sink = a->sinks[head], top = sink > total[i] ? sink : total[i];
            const float weight = CK_NAME(exp_one)(total[i] - top);
            sum = __builtin_fmaf(sum, weight, CK_NAME(exp_one)(sink - top));
            for (size_t d = 0; d < a->value_dimension; d++) y[d] = x[d] * weight / sum;
            continue;
        }
        for (size_t d = 0; d < a->value_dimension; d++) y[d] = x[d] / sum;
    }
}

static void CK_NAME(attention_merge_spans)(
    const ck_attention *a, const ck_attention_tile *tile, size_t head_group, float *states,
    size_t span_count) {
    const size_t query_count = tile->row_count * a->group;
    const size_t state_count = ck_state_count(a, query_count);
    for (size_t s = 1; s < span_count; s++)
        CK_NAME(merge)(a, query_count, states, states + s * state_count);
    CK_NAME(finish)(a, tile, head_group, states);
}

static void CK_NAME(attention_run)(
    const ck_attention *a, const ck_attention_tile *tile, size_t head_group, float *scratch,
    float *turned) {
    const size_t query_count = tile->row_count * a->group;
    float *later = scratch + ck_state_count(a, query_count);
    const size_t first = (size_t)(ck_first_seen(a, tile) / CK_ATTENTION_SPAN);
    const size_t last = (size_t)(ck_last_seen(tile) / CK_ATTENTION_SPAN);
    CK_NAME(attention_run_span)(a, tile, head_group, first, scratch, turned);
    for (size_t span = first + 1; span <= last; span++) {
        CK_NAME(attention_run_span)(a, tile, head_group, span, later, turned);
        CK_NAME(merge)(a, query_count, scratch, later);
    }
    CK_NAME(finish)(a, tile, head_group, scratch);
}
