// SPDX-License-Identifier: Apache-2.0
// What threads ask of the processor and of Linux where Swift cannot ask it.
#ifndef CIERZO_CK_THREAD_H
#define CIERZO_CK_THREAD_H

#include <stddef.h>
#include <stdint.h>

/// Tells the processor that this thread spins.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// Asks memory for some bytes, which need not exist, into this processor's second cache.
static inline void ck_prefetch(const void *bytes, size_t count) {
    for (size_t offset = 0; offset < count; offset += 64)
        __builtin_prefetch((const char *)bytes + offset, 0, 2);
}

/// Sleeps while the word holds a value, until it is woken; may return for no reason.
void ck_sleep(const void *word, uint32_t value);

/// Wakes all threads that sleep on a word.
void ck_wake(const void *word);

/// The processors that the calling thread may run on, one bit each from `mask[0]` on.
///
/// Returns the number of bytes set, or 0 where the system does not tell.
size_t ck_affinity(unsigned char *mask, size_t size);

/// Keeps the calling thread on some processors; 0 where the system agrees.
int ck_set_affinity(const unsigned char *mask, size_t size);

#endif
