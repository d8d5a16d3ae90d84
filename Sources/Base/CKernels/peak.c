// SPDX-License-Identifier: Apache-2.0
#include "ck_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>

/// Independent sums: twice what hides a latency of four cycles at two instructions per cycle.
#define CK_SUMS 16

/// Repeats `sums[i] = step(sums[i], a, b)`; `a` and `b` are hidden from the optimiser.
#define CK_PEAK_LOOP(vector, zero, step) \
    vector sums[CK_SUMS], a = zero, b = zero; \
    for (int i = 0; i < CK_SUMS; i++) sums[i] = zero; \
    __asm__ volatile("" : "+v"(a), "+v"(b)); \
    for (size_t round = 0; round < rounds; round++) { \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < CK_SUMS; i++) \
            sums[i] = step(sums[i], a, b); \
    } \
    for (int i = 1; i < CK_SUMS; i++) sums[0] += sums[i]; \
    float first; \
    __builtin_memcpy(&first, &sums[0], sizeof first); \
    return first

#define CK_FMA_512(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define CK_FMA_256(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define CK_MADD_256(sum, a, b) \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), b))
#define CK_BF16_512(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))

__attribute__((target("avx512f"))) static float f32_avx512(size_t rounds) {
    CK_PEAK_LOOP(__m512, _mm512_setzero_ps(), CK_FMA_512);
}

__attribute__((target("avx2,fma"))) static float f32_avx2(size_t rounds) {
    CK_PEAK_LOOP(__m256, _mm256_setzero_ps(), CK_FMA_256);
}

__attribute__((target("avx512f,avx512bf16"))) static float bf16_avx512(size_t rounds) {
    CK_PEAK_LOOP(__m512, _mm512_setzero_ps(), CK_BF16_512);
}

__attribute__((target("avx512f,avx512vnni"))) static float int8_avx512(size_t rounds) {
    CK_PEAK_LOOP(__m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32);
}

__attribute__((target("avx2,avxvnni"))) static float int8_avxvnni(size_t rounds) {
    CK_PEAK_LOOP(__m256i, _mm256_setzero_si256(), _mm256_dpbusd_avx_epi32);
}

__attribute__((target("avx2"))) static float int8_avx2(size_t rounds) {
    CK_PEAK_LOOP(__m256i, _mm256_setzero_si256(), CK_MADD_256);
}

__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint8_t *bytes, size_t count) {
    __m512i sums[8];
    for (int i = 0; i < 8; i++) sums[i] = _mm512_setzero_si512();
    size_t at = 0;
    for (; at + 512 <= count; at += 512)
        for (int i = 0; i < 8; i++) {
            _mm_prefetch((const char *)bytes + at + 4096 + (size_t)(64 * i), _MM_HINT_T0);
            sums[i] = _mm512_add_epi64(sums[i], _mm512_loadu_si512(bytes + at + 64 * i));
        }
    for (int i = 1; i < 8; i++) sums[0] = _mm512_add_epi64(sums[0], sums[i]);
    uint64_t sum = (uint64_t)_mm512_reduce_add_epi64(sums[0]);
    for (; at < count; at++) sum += bytes[at];
    return sum;
}

size_t ck_peak_operations(ck_peak kind) {
    __builtin_cpu_init();
    switch (kind) {
    case CK_PEAK_F32:
        if (__builtin_cpu_supports("avx512f")) return CK_SUMS * 16 * 2;
        return __builtin_cpu_supports("fma") ? CK_SUMS * 8 * 2 : 0;
    case CK_PEAK_BF16: return __builtin_cpu_supports("avx512bf16") ? CK_SUMS * 32 * 2 : 0;
    case CK_PEAK_INT8:
        if (__builtin_cpu_supports("avx512vnni")) return CK_SUMS * 64 * 2;
        return __builtin_cpu_supports("avx2") ? CK_SUMS * 32 * 2 : 0;
    }
    return 0;
}

float ck_peak_run(ck_peak kind, size_t rounds) {
    if (ck_peak_operations(kind) == 0) return 0;
    switch (kind) {
    case CK_PEAK_F32:
        return __builtin_cpu_supports("avx512f") ? f32_avx512(rounds) : f32_avx2(rounds);
    case CK_PEAK_BF16: return bf16_avx512(rounds);
    case CK_PEAK_INT8:
        if (__builtin_cpu_supports("avx512vnni")) return int8_avx512(rounds);
        return __builtin_cpu_supports("avxvnni") ? int8_avxvnni(rounds) : int8_avx2(rounds);
    }
    return 0;
}
#else
size_t ck_peak_operations(ck_peak kind) {
    (void)kind;
    return 0;
}

float ck_peak_run(ck_peak kind, size_t rounds) {
    (void)kind;
    (void)rounds;
    return 0;
}
#endif

uint64_t ck_peak_read(const uint8_t *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return read_avx512(bytes, count);
#endif
    uint64_t sum = 0, word;
    size_t at = 0;
    for (; at + 8 <= count; at += 8) {
        __builtin_memcpy(&word, bytes + at, 8);
        sum += word;
    }
    for (; at < count; at++) sum += bytes[at];
    return sum;
}
