// SPDX-License-Identifier: Apache-2.0
#include "ck_cpu.h"

int ck_isa_available(ck_isa isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
    const int avx512 = avx2 && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq");
    switch (isa) {
    case CK_ISA_AVX512VNNI: return avx512 && __builtin_cpu_supports("avx512vnni");
    case CK_ISA_AVX512: return avx512;
    case CK_ISA_AVXVNNI: return avx2 && __builtin_cpu_supports("avxvnni");
    case CK_ISA_AVX2: return avx2;
    default: return isa == CK_ISA_SCALAR;
    }
#else
    return isa == CK_ISA_SCALAR;
#endif
}

ck_isa ck_best_isa(void) {
    for (int isa = CK_ISA_AVX512VNNI; isa > CK_ISA_SCALAR; isa--)
        if (ck_isa_available((ck_isa)isa)) return (ck_isa)isa;
    return CK_ISA_SCALAR;
}
