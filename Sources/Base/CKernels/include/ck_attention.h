// SPDX-License-Identifier: Apache-2.0
// Attention of queries to the keys and values of a paged cache.
//
// Cache layout, per layer: a block holds S positions of K heads, in chunks of 16 positions.
//   keys    [block][K][S / 16][Dh][16]   sixteen positions side by side: a score needs no shuffle
//   values  [block][K][S / 16][16][Dv]   Dv = their width rounded up to 16, the padding zero
// A chunk of Q8 ends with the sixteen positions' scales, f32: an element is its int8 times a scale.
// Keys have one for each 32 components, [Dh / 32 rounded up][16], since some components of keys are
// many times as large as others; values have one, [16].
// Where values are the first components of their keys, as in latent attention, they are not stored
// again: whoever attends turns those of 64 positions into rows of f32, once for all queries of a tile.
//
// Order of the sums, which depends on nothing but the position of the query: a score is summed in
// the order of the components; the running softmax takes in steps of 64 positions; steps make up
// spans of 512, which are merged in order. All of it starts at multiples of 64 and 512, so neither
// the neighbours in the batch, the cut of the prompt, the blocks' places, S nor the threads change
// a bit of the result.
#ifndef CIERZO_CK_ATTENTION_H
#define CIERZO_CK_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

enum {
    /// Positions of a chunk: one vector of scores.
    CK_ATTENTION_CHUNK = 16,
    /// Positions of a span: the least that one task takes of a query's attention.
    CK_ATTENTION_SPAN = 512,
    /// Components of a Q8 key that share a scale.
    CK_ATTENTION_KEY_GROUP = 32
};

/// How cache elements are stored. Whatever is read from the cache is computed with in f32.
typedef enum {
    CK_KV_F32 = 0,
    CK_KV_F16 = 1,
    CK_KV_BF16 = 2,
    /// int8 and scales.
    CK_KV_Q8 = 3
} ck_kv_type;

/// What all tiles of one layer's attention share.
typedef struct {
    /// Rows of H·Dh floats, head by head, `query_stride` floats apart.
    const float *queries;
    size_t query_stride;
    /// Rows of H results, `value_dimension` floats each.
    float *output;
    size_t output_stride;
    /// The distance between the results of two heads, in floats.
    size_t output_head_stride;
    /// The layer's keys and values; no values: they are the first components of the keys.
    const void *keys;
    const void *values;
    ck_kv_type type;
    /// K.
    size_t kv_head_count;
    /// Query heads that attend together, all to the same key/value head.
    size_t group;
    /// How many such groups attend to each key/value head: H / (K · group).
    size_t groups_per_kv_head;
    /// Dh, the width of queries and keys.
    size_t head_dimension;
    /// The width of values; at most Dh where they are the first components of the keys.
    size_t value_dimension;
    /// S.
    size_t positions_per_block;
    /// What scores are multiplied with.
    float scale;
    /// A query at position p sees the positions above p - window up to p.
    int64_t window;
    /// H logits that join each softmax and whose share is dropped; NULL: there are none.
    const float *sinks;
} ck_attention;

/// A run of queries of one sequence, at consecutive positions in consecutive rows.
typedef struct {
    /// Block of each S positions of the sequence.
    const int32_t *block_table;
    size_t first_row;
    size_t row_count;
    /// Position of the first row.
    int64_t first_position;
} ck_attention_tile;

/// Floats that the state of a tile needs: per query its maximum, 16 partial sums and Dv
/// accumulators.
size_t ck_attention_state_count(const ck_attention *attention, size_t row_count);

/// Floats that turning the values of 64 positions takes; 0 where values are stored.
size_t ck_attention_turned_count(size_t value_dimension, int values_are_stored);

/// The whole attention of a tile's rows, in one group of heads; `scratch` has room for two states,
/// `turned` for values that are turned.
void ck_attention_run(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    float *scratch, float *turned);

/// The part of it that concerns one span, left in `state`.
void ck_attention_run_span(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    size_t span, float *state, float *turned);

/// Merges `span_count` consecutive states, one of each span from the first that the tile sees to
/// its last, into the output. Overwrites the first of them.
void ck_attention_merge_spans(
    ck_isa isa, const ck_attention *attention, const ck_attention_tile *tile, size_t head_group,
    float *states, size_t span_count);

/// Stores the keys and values of one position: `key` and `value` are K·Dh floats, head by head; no
/// `value`: the keys alone.
void ck_kv_append(
    const float *key, const float *value, void *keys, void *values, ck_kv_type type,
    size_t kv_head_count, size_t head_dimension, size_t positions_per_block, size_t block,
    size_t offset);

#endif
