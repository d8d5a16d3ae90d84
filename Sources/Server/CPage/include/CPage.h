// SPDX-License-Identifier: Apache-2.0
#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>
#include <stdint.h>

// The files of the page, which the compiler puts into the program: there is nothing to install and
// nothing that could be of another version.

/// A file of the page.
typedef struct {
    /// Its path within the page, such as shared/api.js.
    const char *path;
    const unsigned char *bytes;
    /// At least 1.
    size_t count;
} cp_file;

/// All files, sorted by the bytes of their paths.
const cp_file *cp_files(size_t *count);

/// A number that another content has not, but by accident: FNV-1a of 64 bits.
uint64_t cp_digest(const unsigned char *bytes, size_t count);

#endif
