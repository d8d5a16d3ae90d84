// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "cfiles.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_MAPPINGS = 8192 };

// A mapping; free while `start` is 0, taken but not yet valid while it is 1.
struct mapping {
    _Atomic uintptr_t start;
    _Atomic size_t byte_count;
    _Atomic int is_lost;
};

static struct mapping mappings[MAX_MAPPINGS];
static _Atomic int used_count;
static _Atomic unsigned lost_count;
static struct sigaction former;
static uintptr_t page_size;

static void mark(struct mapping *mapping)
{
    if (atomic_exchange(&mapping->is_lost, 1) == 0)
        atomic_fetch_add(&lost_count, 1);
}

// Only what is safe in a signal handler: atomics and two system calls.
static void handle(int number, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t address = (uintptr_t)info->si_addr;
    int count = atomic_load(&used_count);
    for (int i = 0; info->si_code == BUS_ADRERR && i < count; i++) {
        uintptr_t start = atomic_load(&mappings[i].start);
        size_t byte_count = atomic_load(&mappings[i].byte_count);
        if (start <= 1 || address < start || address - start >= byte_count)
            continue;
        // What a file lacks at one place it lacks at all places after it, so the rest of the mapping
        // becomes zeros at once, instead of page by page.
        uintptr_t page = address & ~(page_size - 1);
        void *zeros = mmap((void *)page, start + byte_count - page, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        if (zeros == MAP_FAILED)
            break;
        mark(&mappings[i]);
        return;
    }
    // Not ours: the instruction is tried again and fails again, for the former handler.
    sigaction(number, &former, NULL);
}

void cf_faults_install(void)
{
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {0};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &former);
}

int cf_faults_register(const void *start, size_t byte_count)
{
    for (int i = 0; i < MAX_MAPPINGS; i++) {
        uintptr_t expected = 0;
        if (!atomic_compare_exchange_strong(&mappings[i].start, &expected, 1))
            continue;
        atomic_store(&mappings[i].byte_count, byte_count);
        atomic_store(&mappings[i].is_lost, 0);
        atomic_store(&mappings[i].start, (uintptr_t)start);
        int count = atomic_load(&used_count);
        while (count <= i && !atomic_compare_exchange_weak(&used_count, &count, i + 1))
            ;
        return i;
    }
    return -1;
}

void cf_faults_forget(int number)
{
    if (number >= 0)
        atomic_store(&mappings[number].start, 0);
}

void cf_faults_mark(int number)
{
    if (number >= 0)
        mark(&mappings[number]);
}

int cf_faults_is_lost(int number)
{
    return number >= 0 && atomic_load(&mappings[number].is_lost);
}

unsigned cf_faults_count(void)
{
    return atomic_load_explicit(&lost_count, memory_order_relaxed);
}
