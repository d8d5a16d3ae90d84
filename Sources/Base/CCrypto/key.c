// SPDX-License-Identifier: Apache-2.0
#include "ccrypto.h"
#include "crypto.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct cc_key {
    const cc_library *crypto;
    EVP_PKEY *key;
    cc_key_kind kind;
};

static cc_key_kind kind_of(const cc_library *crypto, const EVP_PKEY *key) {
    switch (crypto->key_type(key)) {
    case EVP_PKEY_RSA: return CC_RSA;
    case EVP_PKEY_ED25519: return CC_ED25519;
    case EVP_PKEY_EC: {
        char name[64];
        size_t count = 0;
        if (crypto->key_group(key, name, sizeof name, &count) != 1) return CC_OTHER;
        return strcmp(name, "prime256v1") == 0 || strcmp(name, "P-256") == 0 ? CC_EC_P256 : CC_OTHER;
    }
    default: return CC_OTHER;
    }
}

cc_key *cc_key_open(const unsigned char *bytes, size_t count) {
    const cc_library *crypto = cc_open();
    if (!crypto || count > 1 << 16) return NULL;
    cc_key *key = malloc(sizeof *key);
    if (!key) return NULL;
    const unsigned char *end = bytes;
    key->crypto = crypto;
    key->key = crypto->read_key(NULL, &end, (long)count);
    crypto->clear_errors();
    if (!key->key || end != bytes + count) {
        cc_key_close(key);
        return NULL;
    }
    key->kind = kind_of(crypto, key->key);
    return key;
}

void cc_key_close(cc_key *key) {
    if (!key) return;
    key->crypto->free_key(key->key);
    free(key);
}

cc_key_kind cc_key_kind_of(const cc_key *key) { return key->kind; }

int cc_key_bit_count(const cc_key *key) { return key->crypto->key_bits(key->key); }

int cc_key_verifies(
    const cc_key *key, const void *message, size_t count, const unsigned char *signature,
    size_t signature_count) {
    const cc_library *crypto = key->crypto;
    if (key->kind == CC_OTHER) return 0;
    EVP_MD_CTX *context = crypto->new_context();
    if (!context) return 0;
    // Ed25519 digests by itself.
    const EVP_MD *type = key->kind == CC_ED25519 ? NULL : crypto->sha256();
    int is_valid = crypto->verify_init(context, NULL, type, NULL, key->key) == 1
        && crypto->verify(context, signature, signature_count, message, count) == 1;
    crypto->free_context(context);
    crypto->clear_errors();
    return is_valid;
}
