// SPDX-License-Identifier: Apache-2.0
// Packing of weight rows, and its reverse: by bytes, once per model, see ck_packed.h.
#include <string.h>

#include "packed_layout.h"

int ck_can_pack(ck_format format, size_t columns) {
    return (ck_is_packed_float(format) || ck_packing_of(format).columns != 0) && columns != 0
        && columns % ck_block_elements(format) == 0;
}

size_t ck_strip_bytes(ck_format format, size_t columns) {
    if (ck_is_packed_float(format)) return (columns + 1) / 2 * 64;
    const ck_packing p = ck_packing_of(format);
    const size_t rest = columns % p.columns;
    return columns / p.columns * ck_packed_block_bytes(p, p.columns)
        + (rest ? ck_packed_block_bytes(p, rest) : 0);
}

ck_activation ck_activation_of(ck_format format) {
    switch (ck_packing_of(format).columns) {
    case 64: case 128: return CK_ACTIVATION_Q8_32;
    case 256: return CK_ACTIVATION_Q8_256;
    default: return format == CK_BF16 ? CK_ACTIVATION_BF16 : CK_ACTIVATION_F32;
    }
}

size_t ck_activation_bytes(ck_activation kind) {
    switch (kind) {
    case CK_ACTIVATION_F32: return CK_ACTIVATION_COLUMNS * sizeof(float);
    case CK_ACTIVATION_BF16: return CK_ACTIVATION_COLUMNS * 2;
    default: return sizeof(ck_activation_block);
    }
}

// One row's part of a strip's block: its codes as bytes and its scales. What a scale is made of
// differs by type; `scales` and `minimums` hold one per sub-block.
typedef struct {
    uint8_t codes[256];
    uint8_t d[4][2], m[4][2];
    uint8_t scales[16], minimums[16];
} ck_row_block;

/// The six-bit scales and minimums of Q4_K and Q5_K: 8 of each in 12 bytes.
static void unpack_scales_k4(const uint8_t *p, uint8_t *scales, uint8_t *minimums) {
    for (int j = 0; j < 4; j++) {
        scales[j] = p[j] & 63;
        minimums[j] = p[j + 4] & 63;
        scales[j + 4] = (uint8_t)((p[j + 8] & 15) | (p[j] >> 6) << 4);
        minimums[j + 4] = (uint8_t)(p[j + 8] >> 4 | (p[j + 4] >> 6) << 4);
    }
}

static void pack_scales_k4(const uint8_t *scales, const uint8_t *minimums, uint8_t *p) {
    for (int j = 0; j < 4; j++) {
        p[j] = (uint8_t)(scales[j] | (scales[j + 4] >> 4) << 6);
        p[j + 4] = (uint8_t)(minimums[j] | (minimums[j + 4] >> 4) << 6);
        p[j + 8] = (uint8_t)((scales[j + 4] & 15) | (minimums[j + 4] & 15) << 4);
    }
}

/// Reads one block of the file's format: 32 columns into half `part`, or 256.
static void read_block(ck_format format, const uint8_t *b, int part, ck_row_block *y) {
    uint8_t *const c = y->codes + 32 * part;
    switch (format) {
    case CK_Q4_0: case CK_IQ4_NL: case CK_Q4_1: case CK_Q5_0: case CK_Q5_1: {
        memcpy(y->d[part], b, 2);
        b += 2;
        if (format == CK_Q4_1 || format == CK_Q5_1) {
            memcpy(y->m[part], b, 2);
            b += 2;
        }
        uint32_t high = 0;
        if (format == CK_Q5_0 || format == CK_Q5_1) {
            memcpy(&high, b, 4);
            b += 4;
        }
        for (int k = 0; k < 16; k++) {
            c[k] = (uint8_t)((b[k] & 15) | (high >> k & 1) << 4);
            c[k + 16] = (uint8_t)(b[k] >> 4 | (high >> (k + 16) & 1) << 4);
        }
        return;
    }
    case CK_Q8_0:
        memcpy(y->d[part], b, 2);
        for (int k = 0; k < 32; k++) c[k] = b[2 + k] ^ 128;
        return;
    case CK_MXFP4:
        y->d[part][0] = b[0];
        for (int k = 0; k < 16; k++) {
            c[k] = b[1 + k] & 15;
            c[k + 16] = b[1 + k] >> 4;
        }
        return;
    case CK_Q2_K:
        for (int j = 0; j < 16; j++) {
            y->scales[j] = b[j] & 15;
            y->minimums[j] = b[j] >> 4;
        }
        for (int k = 0; k < 256; k++)
            c[k] = b[16 + k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3;
        memcpy(y->d[0], b + 80, 2);
        memcpy(y->m[0], b + 82, 2);
        return;
    case CK_Q3_K:
        for (int j = 0; j < 16; j++) {
            const int low = j < 8 ? b[96 + j] & 15 : b[96 + j - 8] >> 4;
            y->scales[j] = (uint8_t)(low | (b[104 + j % 4] >> 2 * (j / 4) & 3) << 4);
        }
        for (int k = 0; k < 256; k++) {
            const int low = b[32 + k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3;
            c[k] = (uint8_t)(low | (b[k % 32] >> k / 32 & 1) << 2);
        }
        memcpy(y->d[0], b + 108, 2);
        return;
    case CK_Q4_K: case CK_Q5_K: {
        memcpy(y->d[0], b, 2);
        memcpy(y->m[0], b + 2, 2);
        unpack_scales_k4(b + 4, y->scales, y->minimums);
        const uint8_t *const q = b + (format == CK_Q5_K ? 48 : 16);
        for (int k = 0; k < 256; k++) c[k] = q[k / 64 * 32 + k % 32] >> k % 64 / 32 * 4 & 15;
        if (format == CK_Q5_K)
            for (int k = 0; k < 256; k++)
                c[k] |= (uint8_t)((b[16 + k % 32] >> k / 32 & 1) << 4);
        return;
    }
    case CK_Q6_K:
        for (int k = 0; k < 256; k++) {
            const int quarter = k % 128 / 32;
            const int low =
                b[k / 128 * 64 + quarter % 2 * 32 + k % 32] >> quarter / 2 * 4 & 15;
            c[k] = (uint8_t)(low | (b[128 + k / 128 * 32 + k % 32] >> 2 * quarter & 3) << 4);
        }
        memcpy(y->scales, b + 192, 16);
        memcpy(y->d[0], b + 208, 2);
        return;
    case CK_IQ4_XS: {
        memcpy(y->d[0], b, 2);
        const int high = b[2] | b[3] << 8;
        for (int j = 0; j < 8; j++)
            y->scales[j] =
                (uint8_t)(((b[4 + j / 2] >> j % 2 * 4 & 15) | (high >> 2 * j & 3) << 4) - 32);
        for (int k = 0; k < 256; k++) c[k] = b[8 + k / 32 * 16 + k % 16] >> k % 32 / 16 * 4 & 15;
        return;
    }
    default: return;
    }
}

/// The reverse of read_block.
static void write_block(ck_format format, const ck_row_block *y, int part, uint8_t *b) {
    const uint8_t *const c = y->codes + 32 * part;
    switch (format) {
    case CK_Q4_0: case CK_IQ4_NL: case CK_Q4_1: case CK_Q5_0: case CK_Q5_1: {
        memcpy(b, y->d[part], 2);
        b += 2;
        if (format == CK_Q4_1 || format == CK_Q5_1) {
            memcpy(b, y->m[part], 2);
            b += 2;
        }
        if (format == CK_Q5_0 || format == CK_Q5_1) {
            uint32_t high = 0;
            for (int k = 0; k < 32; k++) high |= (uint32_t)(c[k] >> 4) << k;
            memcpy(b, &high, 4);
            b += 4;
        }
        for (int k = 0; k < 16; k++) b[k] = (uint8_t)((c[k] & 15) | c[k + 16] << 4);
        return;
    }
    case CK_Q8_0:
        memcpy(b, y->d[part], 2);
        for (int k = 0; k < 32; k++) b[2 + k] = c[k] ^ 128;
        return;
    case CK_MXFP4:
        b[0] = y->d[part][0];
        for (int k = 0; k < 16; k++) b[1 + k] = (uint8_t)((c[k] & 15) | c[k + 16] << 4);
        return;
    case CK_Q2_K:
        memset(b, 0, 84);
        for (int j = 0; j < 16; j++) b[j] = (uint8_t)(y->scales[j] | y->minimums[j] << 4);
        for (int k = 0; k < 256; k++)
            b[16 + k / 128 * 32 + k % 32] |= (uint8_t)(c[k] << k % 128 / 32 * 2);
        memcpy(b + 80, y->d[0], 2);
        memcpy(b + 82, y->m[0], 2);
        return;
    case CK_Q3_K:
        memset(b, 0, 110);
        for (int j = 0; j < 16; j++) {
            b[96 + j % 8] |= (uint8_t)((y->scales[j] & 15) << j / 8 * 4);
            b[104 + j % 4] |= (uint8_t)(y->scales[j] >> 4 << 2 * (j / 4));
        }
        for (int k = 0; k < 256; k++) {
            b[32 + k / 128 * 32 + k % 32] |= (uint8_t)((c[k] & 3) << k % 128 / 32 * 2);
            b[k % 32] |= (uint8_t)((c[k] >> 2) << k / 32);
        }
        memcpy(b + 108, y->d[0], 2);
        return;
    case CK_Q4_K: case CK_Q5_K: {
        memset(b, 0, format == CK_Q5_K ? 176 : 144);
        memcpy(b, y->d[0], 2);
        memcpy(b + 2, y->m[0], 2);
        pack_scales_k4(y->scales, y->minimums, b + 4);
        uint8_t *const q = b + (format == CK_Q5_K ? 48 : 16);
        for (int k = 0; k < 256; k++)
            q[k / 64 * 32 + k % 32] |= (uint8_t)((c[k] & 15) << k % 64 / 32 * 4);
        if (format == CK_Q5_K)
            for (int k = 0; k < 256; k++) b[16 + k % 32] |= (uint8_t)((c[k] >> 4) << k / 32);
        return;
    }
    case CK_Q6_K:
        memset(b, 0, 210);
        for (int k = 0; k < 256; k++) {
            const int quarter = k % 128 / 32;
            b[k / 128 * 64 + quarter % 2 * 32 + k % 32] |=
                (uint8_t)((c[k] & 15) << quarter / 2 * 4);
            b[128 + k / 128 * 32 + k % 32] |= (uint8_t)(c[k] >> 4 << 2 * quarter);
        }
        memcpy(b + 192, y->scales, 16);
        memcpy(b + 208, y->d[0], 2);
        return;
    case CK_IQ4_XS: {
        memset(b, 0, 136);
        memcpy(b, y->d[0], 2);
        for (int j = 0; j < 8; j++) {
            const int s = (uint8_t)(y->scales[j] + 32);
            b[4 + j / 2] |= (uint8_t)((s & 15) << j % 2 * 4);
            b[2 + j / 4] |= (uint8_t)((s >> 4) << j % 4 * 2);
        }
        for (int k = 0; k < 256; k++)
            b[8 + k / 32 * 16 + k % 16] |= (uint8_t)(c[k] << k % 32 / 16 * 4);
        return;
    }
    default: return;
    }
}

static uint32_t load4(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void store4(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }

/// Spreads 32 columns of codes of row `r` over the planes; four columns at a time.
static void pack_codes(int bytes, const uint8_t *c, size_t r, uint8_t *planes) {
    uint8_t *const to = planes + 4 * r;
    if (bytes == 512) {
        for (int j = 0; j < 8; j++) store4(to + 64 * j, load4(c + 4 * j));
        return;
    }
    const int low_bits = bytes == 128 || bytes == 192 ? 2 : 4;
    const int high_bits = bytes == 384 ? 2 : bytes == 320 || bytes == 192 ? 1 : 0;
    const uint32_t ones = 0x01010101u, mask = low_bits == 2 ? 3 * ones : 15 * ones;
    const int per_plane = 8 / low_bits, plane_count = low_bits;
    for (int h = 0; h < plane_count; h++) {
        uint32_t v = 0;
        for (int i = 0; i < per_plane; i++) {
            const int j = low_bits == 4 ? h + 4 * i : 4 * h + i;
            v |= (load4(c + 4 * j) & mask) << low_bits * i;
        }
        store4(to + 64 * h, v);
    }
    uint8_t *const high = to + 64 * plane_count;
    if (high_bits == 1) {
        uint32_t v = 0;
        for (int j = 0; j < 8; j++) v |= (load4(c + 4 * j) >> low_bits & ones) << j;
        store4(high, v);
    } else if (high_bits == 2) {
        for (int h = 0; h < 2; h++) {
            uint32_t v = 0;
            for (int i = 0; i < 4; i++) v |= (load4(c + 16 * h + 4 * i) >> 4 & 3 * ones) << 2 * i;
            store4(high + 64 * h, v);
        }
    }
}

/// The reverse of pack_codes.
static void unpack_codes(int bytes, const uint8_t *planes, size_t r, uint8_t *c) {
    const uint8_t *const from = planes + 4 * r;
    if (bytes == 512) {
        for (int j = 0; j < 8; j++) store4(c + 4 * j, load4(from + 64 * j));
        return;
    }
    const int low_bits = bytes == 128 || bytes == 192 ? 2 : 4;
    const int high_bits = bytes == 384 ? 2 : bytes == 320 || bytes == 192 ? 1 : 0;
    const uint32_t ones = 0x01010101u, mask = low_bits == 2 ? 3 * ones : 15 * ones;
    const uint8_t *const high = from + 64 * low_bits;
    for (int j = 0; j < 8; j++) {
        const int h = low_bits == 4 ? j % 4 : j / 4, i = low_bits == 4 ? j / 4 : j % 4;
        uint32_t v = load4(from + 64 * h) >> low_bits * i & mask;
        if (high_bits == 1) v |= (load4(high) >> j & ones) << low_bits;
        if (high_bits == 2) v |= (load4(high + 64 * (j / 4)) >> 2 * (j % 4) & 3 * ones) << 4;
        store4(c + 4 * j, v);
    }
}

/// Writes a row's scales into the header of its strip's block.
static void pack_header(ck_format format, const ck_row_block *y, size_t r, uint8_t *header) {
    if (format == CK_MXFP4) {
        for (size_t part = 0; part < 4; part++) header[16 * part + r] = y->d[part][0];
        return;
    }
    if (ck_packing_of(format).columns == 64) {
        for (size_t part = 0; part < 2; part++) {
            memcpy(header + 32 * part + 2 * r, y->d[part], 2);
            if (format == CK_Q4_1 || format == CK_Q5_1)
                memcpy(header + 64 + 32 * part + 2 * r, y->m[part], 2);
        }
        return;
    }
    memcpy(header + 2 * r, y->d[0], 2);
    uint8_t *s = header + 32;
    if (format == CK_Q2_K || format == CK_Q4_K || format == CK_Q5_K) {
        memcpy(header + 32 + 2 * r, y->m[0], 2);
        s += 32;
    }
    switch (format) {
    case CK_Q2_K:
        for (int j = 0; j < 16; j++) s[16 * j + r] = (uint8_t)(y->scales[j] | y->minimums[j] << 4);
        return;
    case CK_Q3_K:
        for (int j = 0; j < 8; j++)
            s[16 * j + r] = (uint8_t)((y->scales[j] & 15) | (y->scales[j + 8] & 15) << 4);
        for (int j = 0; j < 4; j++)
            s[128 + 16 * j + r] =
                (uint8_t)(y->scales[j] >> 4 | y->scales[j + 4] >> 4 << 2
                          | y->scales[j + 8] >> 4 << 4 | y->scales[j + 12] >> 4 << 6);
        return;
    case CK_Q4_K: case CK_Q5_K:
        for (int j = 0; j < 8; j++) {
            s[16 * j + r] = y->scales[j];
            s[128 + 16 * j + r] = y->minimums[j];
        }
        return;
    case CK_Q6_K:
        for (int j = 0; j < 16; j++) s[16 * j + r] = y->scales[j];
        return;
    default:
        for (int j = 0; j < 8; j++) s[16 * j + r] = y->scales[j];
    }
}

/// The reverse of pack_header.
static void unpack_header(ck_format format, const uint8_t *header, size_t r, ck_row_block *y) {
    if (format == CK_MXFP4) {
        for (size_t part = 0; part < 4; part++) y->d[part][0] = header[16 * part + r];
        return;
    }
    if (ck_packing_of(format).columns == 64) {
        for (size_t part = 0; part < 2; part++) {
            memcpy(y->d[part], header + 32 * part + 2 * r, 2);
            if (format == CK_Q4_1 || format == CK_Q5_1)
                memcpy(y->m[part], header + 64 + 32 * part + 2 * r, 2);
        }
        return;
    }
    memcpy(y->d[0], header + 2 * r, 2);
    const uint8_t *s = header + 32;
    if (format == CK_Q2_K || format == CK_Q4_K || format == CK_Q5_K) {
        memcpy(y->m[0], header + 32 + 2 * r, 2);
        s += 32;
    }
    for (int j = 0; j < 16; j++)
        switch (format) {
        case CK_Q2_K:
            y->scales[j] = s[16 * j + r] & 15;
            y->minimums[j] = s[16 * j + r] >> 4;
            break;
        case CK_Q3_K: {
            const int low = s[16 * (j % 8) + r] >> j / 8 * 4 & 15;
            y->scales[j] = (uint8_t)(low | (s[128 + 16 * (j % 4) + r] >> j / 4 * 2 & 3) << 4);
            break;
        }
        case CK_Q4_K: case CK_Q5_K:
            if (j < 8) {
                y->scales[j] = s[16 * j + r];
                y->minimums[j] = s[128 + 16 * j + r];
            }
            break;
        case CK_Q6_K: y->scales[j] = s[16 * j + r]; break;
        default:
            if (j < 8) y->scales[j] = s[16 * j + r];
        }
}

/// Where column `k` of row `r` of a strip stands within the 64 bytes of its pair of columns.
static size_t float_place(ck_format format, size_t r, size_t k) {
    return format == CK_BF16 ? 4 * r + 2 * (k % 2) : 2 * r + 32 * (k % 2);
}

static void pack_floats(
    ck_format format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t columns,
    uint8_t *panel) {
    const size_t strips = (row_count + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS;
    if (row_count % CK_STRIP_ROWS || columns % 2)
        memset(panel, 0, strips * ck_strip_bytes(format, columns));
    // A cache line of each row at a time.
    for (size_t k0 = 0; k0 < columns; k0 += 32) {
        const size_t end = columns - k0 < 32 ? columns : k0 + 32;
        for (size_t row = 0; row < row_count; row++) {
            const uint8_t *const from = rows + row * row_bytes;
            uint8_t *const to = panel + row / CK_STRIP_ROWS * 64;
            for (size_t k = k0; k < end; k++)
                memcpy(
                    to + k / 2 * strips * 64 + float_place(format, row % CK_STRIP_ROWS, k),
                    from + 2 * k, 2);
        }
    }
}

/// Copies some columns of a packed row as they were before packing.
static void unpack_float_row(
    ck_format format, const uint8_t *panel, size_t strips, size_t row, size_t first, size_t count,
    uint8_t *to) {
    const uint8_t *const from = panel + row / CK_STRIP_ROWS * 64;
    for (size_t k = first; k < first + count; k++, to += 2)
        memcpy(to, from + k / 2 * strips * 64 + float_place(format, row % CK_STRIP_ROWS, k), 2);
}

void ck_pack_panel(
    ck_format format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t columns,
    uint8_t *panel) {
    if (ck_is_packed_float(format)) {
        pack_floats(format, rows, row_bytes, row_count, columns, panel);
        return;
    }
    const ck_packing p = ck_packing_of(format);
    const size_t elements = ck_block_elements(format), bytes = ck_block_bytes(format);
    const size_t strips = (row_count + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS;
    for (size_t k = 0; k < columns; k += p.columns) {
        const size_t width = columns - k < p.columns ? columns - k : p.columns;
        const size_t block_bytes = ck_packed_block_bytes(p, width);
        for (size_t strip = 0; strip < strips; strip++, panel += block_bytes) {
            const size_t first = strip * CK_STRIP_ROWS;
            const size_t count =
                row_count - first < CK_STRIP_ROWS ? row_count - first : CK_STRIP_ROWS;
            memset(panel, 0, count < CK_STRIP_ROWS ? block_bytes : p.header_bytes);
            for (size_t r = 0; r < count; r++) {
                const uint8_t *const b = rows + (first + r) * row_bytes + k / elements * bytes;
                ck_row_block block = {0};
                for (size_t part = 0; part * elements < width; part++)
                    read_block(format, b + part * bytes, (int)part, &block);
                pack_header(format, &block, r, panel);
                for (size_t c = 0; c < width; c += 32)
                    pack_codes(
                        p.code_bytes, block.codes + c, r,
                        panel + p.header_bytes + c / 32 * p.code_bytes);
            }
        }
    }
}

/// Reads the part of row `row` that begins at column `k`, a multiple of the packing's columns.
static void unpack_row_block(
    ck_format format, const uint8_t *panel, size_t strip_count, size_t row, size_t k,
    size_t columns, ck_row_block *block) {
    const ck_packing p = ck_packing_of(format);
    const size_t width = columns - k < p.columns ? columns - k : p.columns;
    const uint8_t *const b = panel
        + k / p.columns * strip_count * ck_packed_block_bytes(p, p.columns)
        + row / CK_STRIP_ROWS * ck_packed_block_bytes(p, width);
    const size_t r = row % CK_STRIP_ROWS;
    unpack_header(format, b, r, block);
    for (size_t c = 0; c < width; c += 32)
        unpack_codes(
            p.code_bytes, b + p.header_bytes + c / 32 * p.code_bytes, r, block->codes + c);
}

void ck_decode_packed_row(
    ck_isa isa, ck_format format, const uint8_t *panel, size_t strip_count, size_t row,
    size_t columns, float *y) {
    const ck_packing p = ck_packing_of(format);
    const size_t elements = ck_block_elements(format), bytes = ck_block_bytes(format);
    if (ck_is_packed_float(format)) {
        for (size_t k = 0; k < columns; k += 256) {
            const size_t width = columns - k < 256 ? columns - k : 256;
            uint8_t raw[512];
            unpack_float_row(format, panel, strip_count, row, k, width, raw);
            ck_dequantize(isa, format, raw, y + k, width);
        }
        return;
    }
    for (size_t k = 0; k < columns; k += p.columns) {
        const size_t width = columns - k < p.columns ? columns - k : p.columns;
        ck_row_block block = {0};
        unpack_row_block(format, panel, strip_count, row, k, columns, &block);
        uint8_t raw[256];
        for (size_t part = 0; part * elements < width; part++)
            write_block(format, &block, (int)part, raw + part * bytes);
        ck_dequantize(isa, format, raw, y + k, width);
    }
}
