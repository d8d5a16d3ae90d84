// SPDX-License-Identifier: Apache-2.0
#ifndef CFILES_H
#define CFILES_H

#include <stddef.h>

/// Gives a file another name, unless something of that name is there (EEXIST). As rename(2), 0 or
/// -1 with errno. Where the file system has no way to do both in one, it looks first.
int cf_rename_new(const char *from, const char *to);

/// Has the process go on when a mapped file turns out to be shorter than its mapping, which is a
/// SIGBUS otherwise: bytes that are gone read as zeros from then on, and the mapping counts as lost.
/// Addresses outside of registered mappings are left to whoever handled the signal before.
void cf_faults_install(void);

/// Registers a mapping of a file; returns its number, or -1 if there is no room for more, and then a
/// fault in it ends the process as ever.
int cf_faults_register(const void *start, size_t byte_count);

/// Forgets a mapping; call it before it is unmapped.
void cf_faults_forget(int number);

/// Marks a mapping as lost for another reason.
void cf_faults_mark(int number);

/// Whether bytes of a mapping were lost.
int cf_faults_is_lost(int number);

/// How many mappings were ever lost: a load that costs nothing.
unsigned cf_faults_count(void);

#endif
