// SPDX-License-Identifier: Apache-2.0
#include "CPage.h"

#include "files.inc"

const cp_file *cp_files(size_t *count) {
    *count = sizeof files / sizeof *files;
    return files;
}

uint64_t cp_digest(const unsigned char *bytes, size_t count) {
    uint64_t digest = 0xcbf29ce484222325;
    for (size_t i = 0; i < count; i++) {
        digest = (digest ^ bytes[i]) * 0x100000001b3;
    }
    return digest;
}
