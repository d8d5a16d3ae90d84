// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ck_thread.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void ck_sleep(const void *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void ck_wake(const void *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

size_t ck_affinity(unsigned char *mask, size_t size) {
    // The system call itself tells how many bytes it filled; the library's function does not.
    const long count = syscall(SYS_sched_getaffinity, 0, size, mask);
    return count > 0 ? (size_t)count : 0;
}

int ck_set_affinity(const unsigned char *mask, size_t size) {
    return (int)syscall(SYS_sched_setaffinity, 0, size, mask);
}
