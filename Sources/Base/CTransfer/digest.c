// SPDX-License-Identifier: Apache-2.0
#include "ctransfer.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/// Functions of libcrypto, by the types that its header gives them.
static struct {
    __typeof__(EVP_MD_CTX_new) *new_context;
    __typeof__(EVP_MD_CTX_free) *free_context;
    __typeof__(EVP_sha256) *sha256;
    __typeof__(EVP_sha1) *sha1;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
    int is_ready;
} crypto;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
#define CT_FIND(field, name) \
    *(void **)&crypto.field = dlsym(library, name); \
    if (!crypto.field) return
    CT_FIND(new_context, "EVP_MD_CTX_new");
    CT_FIND(free_context, "EVP_MD_CTX_free");
    CT_FIND(sha256, "EVP_sha256");
    CT_FIND(sha1, "EVP_sha1");
    CT_FIND(init, "EVP_DigestInit_ex");
    CT_FIND(update, "EVP_DigestUpdate");
    CT_FIND(final, "EVP_DigestFinal_ex");
#undef CT_FIND
    crypto.is_ready = 1;
}

struct ct_digest {
    EVP_MD_CTX *context;
};

ct_digest *ct_digest_open(ct_digest_kind kind) {
    pthread_once(&once, load);
    if (!crypto.is_ready) return NULL;
    ct_digest *digest = malloc(sizeof *digest);
    if (!digest) return NULL;
    digest->context = crypto.new_context();
    const EVP_MD *type = kind == CT_SHA1 ? crypto.sha1() : crypto.sha256();
    if (!digest->context || crypto.init(digest->context, type, NULL) != 1) {
        ct_digest_close(digest);
        return NULL;
    }
    return digest;
}

void ct_digest_close(ct_digest *digest) {
    if (!digest) return;
    crypto.free_context(digest->context);
    free(digest);
}

int ct_digest_add(ct_digest *digest, const void *bytes, size_t count) {
    return crypto.update(digest->context, bytes, count) == 1 ? 0 : -1;
}

size_t ct_digest_finish(ct_digest *digest, unsigned char bytes[64]) {
    unsigned count = 0;
    return crypto.final(digest->context, bytes, &count) == 1 ? count : 0;
}
