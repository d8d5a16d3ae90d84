// SPDX-License-Identifier: Apache-2.0
#include "ccrypto.h"
#include "crypto.h"

#include <stdlib.h>

struct cc_digest {
    const cc_library *crypto;
    EVP_MD_CTX *context;
};

cc_digest *cc_digest_open(cc_digest_kind kind) {
    const cc_library *crypto = cc_open();
    if (!crypto) return NULL;
    cc_digest *digest = malloc(sizeof *digest);
    if (!digest) return NULL;
    digest->crypto = crypto;
    digest->context = crypto->new_context();
    const EVP_MD *type = kind == CC_SHA1 ? crypto->sha1() : crypto->sha256();
    if (!digest->context || crypto->init(digest->context, type, NULL) != 1) {
        cc_digest_close(digest);
        return NULL;
    }
    return digest;
}

void cc_digest_close(cc_digest *digest) {
    if (!digest) return;
    digest->crypto->free_context(digest->context);
    free(digest);
}

int cc_digest_add(cc_digest *digest, const void *bytes, size_t count) {
    return digest->crypto->update(digest->context, bytes, count) == 1 ? 0 : -1;
}

size_t cc_digest_finish(cc_digest *digest, unsigned char bytes[64]) {
    unsigned count = 0;
    return digest->crypto->final(digest->context, bytes, &count) == 1 ? count : 0;
}
