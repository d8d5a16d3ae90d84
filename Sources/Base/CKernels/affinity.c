// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ck_cpu.h"

size_t ck_affinity(unsigned char *mask, size_t size) {
    // The system call itself tells how many bytes it filled; the library's function does not.
    const long count = syscall(SYS_sched_getaffinity, 0, size, mask);
    return count > 0 ? (size_t)count : 0;
}

int ck_pin_thread(pthread_t thread, size_t processor) {
    unsigned long set[64] = {0};
    const size_t bits = 8 * sizeof set[0];
    if (processor >= sizeof set * 8) return -1;
    set[processor / bits] |= 1UL << processor % bits;
    return pthread_setaffinity_np(thread, sizeof set, (const cpu_set_t *)set);
}
