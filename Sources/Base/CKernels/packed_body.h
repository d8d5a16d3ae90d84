// SPDX-License-Identifier: Apache-2.0
// Products with packed weights, included by packed.c once per instruction set; see ck_packed.h.
//
// A block of a panel's weights is decoded to bytes that stay in the first cache, with its scales as
// whole vectors; then a few tokens at a time pass over it. A tile keeps the sums of CK_TILE_STRIPS
// strips by CK_TILE_TOKENS tokens in registers. Between blocks the sums wait in `sums`.
#include "lanes.h"
#include "packed_dot_body.h"
#include "packed_decode_body.h"
#include "packed_sums_body.h"
#include "packed_tile_body.h"
#include "packed_stream_body.h"

/// Up to how many tokens codes are decoded anew for each group of tokens: where 32 columns share an
/// integer scale that beats the tiles for any number of them (748 to 690 Gop/s of one Zen 5 core,
/// Q4_K, in the cache); else it does while weights come from memory (Q8_0: 497 to 404 Gop/s at 16
/// tokens, 548 to 683 at 64). Sixteen narrower registers do not hold the codes of 32 columns, so
/// there it pays while weights come from memory only (AVX2, Q4_K, 1 token: 39 GB/s to 26).
CK_INLINE size_t CK_NAME(stream_limit)(ck_format format) {
    if (!CK_DOT_512) return 8;
    const int is_integer = ck_packing_of(format).columns == 256;
    const int is_wide = CK_NAME(scale_width)(format) == 32;
    return is_wide && (is_integer || CK_DOT_PAIRS) ? SIZE_MAX : 16;
}

#define CK_STREAM_CASE(tokens) \
    case tokens: CK_NAME(stream)(format, tokens, p, strips, columns, x, next, sums); break

/// Adds the panel's block of up to 256 columns to the sums of all tokens. After the tokens' blocks
/// `x` has those of CK_AHEAD_TOKENS that come next.
///
/// - Returns: where the panel's next block begins.
CK_INLINE const uint8_t *CK_NAME(add_block)(
    ck_format format, const uint8_t *p, size_t strips, size_t columns, size_t token_count,
    const ck_activation_block *const *x, float *sums, ck_decoded *decoded) {
#if CK_STREAM_TOKENS
    if (token_count <= CK_NAME(stream_limit)(format)) {
        // Near-equal groups: a small one would waste the decoding.
        size_t groups = (token_count + CK_STREAM_TOKENS - 1) / CK_STREAM_TOKENS;
        const int is_alone = groups == 1; // then the activations stay in the caches
        for (; groups > 0; groups--) {
            const size_t tokens = (token_count + groups - 1) / groups;
            const ck_activation_block *const *next = is_alone ? NULL : x + tokens;
            switch (tokens) {
                CK_STREAM_CASE(1);
                CK_STREAM_CASE(2);
                CK_STREAM_CASE(3);
                CK_STREAM_CASE(4);
#if CK_STREAM_TOKENS > 4
                CK_STREAM_CASE(5);
                CK_STREAM_CASE(6);
                CK_STREAM_CASE(7);
                CK_STREAM_CASE(8);
#endif
            }
            token_count -= tokens;
            x += tokens;
            sums += tokens * CK_PANEL_ROWS;
        }
        return p + strips * CK_NAME(block_bytes)(format, columns);
    }
#endif
    const uint8_t *const next = CK_NAME(decode)(format, p, strips, columns, decoded);
    CK_NAME(add_decoded)(
        format, strips, token_count, columns, decoded, x, sums, next, (size_t)(next - p));
    return next;
}

#undef CK_STREAM_CASE

CK_INLINE const ck_activation_block *CK_NAME(next_block)(
    const ck_activation_block *x, size_t block_stride) {
    return (const ck_activation_block *)(const void *)((const uint8_t *)x + block_stride);
}

CK_INLINE void CK_NAME(multiply_format)(
    ck_format format, const ck_packed_product *p, size_t first_panel, size_t panel_count,
    ck_packed_scratch *scratch) {
    const size_t strip_bytes = ck_strip_bytes(format, p->columns);
    const size_t all_strips = (p->row_count + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS;
    for (size_t t0 = 0; t0 < p->token_count; t0 += CK_TOKEN_BLOCK) {
        const size_t tokens =
            p->token_count - t0 < CK_TOKEN_BLOCK ? p->token_count - t0 : CK_TOKEN_BLOCK;
        for (size_t panel = first_panel; panel < first_panel + panel_count; panel++) {
            const size_t first_strip = panel * CK_PANEL_STRIPS;
            const size_t strips = all_strips - first_strip < CK_PANEL_STRIPS
                ? all_strips - first_strip : CK_PANEL_STRIPS;
            const uint8_t *weights = p->panels + first_strip * strip_bytes;
            const ck_activation_block *x[CK_TOKEN_BLOCK + CK_AHEAD_TOKENS];
            for (size_t t = 0; t < tokens; t++)
                x[t] = (const ck_activation_block *)(const void *)p->x
                    + (p->x_rows ? (size_t)p->x_rows[t0 + t] : t0 + t);
            // After the last token the first are read again, of the next block.
            for (size_t t = 0; t < CK_AHEAD_TOKENS; t++)
                x[tokens + t] = CK_NAME(next_block)(x[t % tokens], p->block_stride);
            __builtin_memset(
                scratch->sums, 0, tokens * CK_PANEL_STRIPS * CK_LANES * sizeof(float));
            for (size_t k = 0; k < p->columns; k += CK_ACTIVATION_COLUMNS) {
                const size_t columns = p->columns - k < CK_ACTIVATION_COLUMNS
                    ? p->columns - k : CK_ACTIVATION_COLUMNS;
                weights = CK_NAME(add_block)(
                    format, weights, strips, columns, tokens, x, scratch->sums,
                    scratch->decoded);
                for (size_t t = 0; t < tokens + CK_AHEAD_TOKENS; t++)
                    x[t] = CK_NAME(next_block)(x[t], p->block_stride);
            }
            for (size_t t = 0; t < tokens; t++) {
                const size_t row = p->y_rows ? (size_t)p->y_rows[t0 + t] : t0 + t;
                const size_t first = panel * CK_PANEL_ROWS;
                const size_t rows = p->row_count - first < CK_PANEL_ROWS
                    ? p->row_count - first : CK_PANEL_ROWS;
                __builtin_memcpy(
                    p->y + row * p->y_stride + first,
                    scratch->sums + t * CK_PANEL_STRIPS * CK_LANES, rows * sizeof(float));
            }
        }
    }
}

#define CK_FORMAT_CASE(name, columns, header_bytes, code_bytes) \
    case CK_##name: \
        CK_NAME(multiply_format)(CK_##name, p, first_panel, panel_count, scratch); \
        return;

static void CK_NAME(multiply_packed)(
    const ck_packed_product *p, size_t first_panel, size_t panel_count,
    ck_packed_scratch *scratch) {
    switch (p->format) {
        CK_PACKED_FORMATS(CK_FORMAT_CASE)
    default: return;
    }
}

#undef CK_FORMAT_CASE
#undef CK_DOT_INLINE
#undef CK_DOT_PAIRS
#undef CK_INTS
#undef CK_MM
#undef CK_PARTS
