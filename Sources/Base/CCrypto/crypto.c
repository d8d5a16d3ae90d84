// SPDX-License-Identifier: Apache-2.0
#include "crypto.h"
#include "ccrypto.h"

#include <dlfcn.h>
#include <pthread.h>

static cc_library library;
static int is_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
#define CC_FIND(field, name) \
    *(void **)&library.field = dlsym(handle, name); \
    if (!library.field) return
    CC_FIND(new_context, "EVP_MD_CTX_new");
    CC_FIND(free_context, "EVP_MD_CTX_free");
    CC_FIND(sha256, "EVP_sha256");
    CC_FIND(sha1, "EVP_sha1");
    CC_FIND(init, "EVP_DigestInit_ex");
    CC_FIND(update, "EVP_DigestUpdate");
    CC_FIND(final, "EVP_DigestFinal_ex");
    CC_FIND(hmac, "HMAC");
    CC_FIND(scrypt, "EVP_PBE_scrypt");
    CC_FIND(read_key, "d2i_PUBKEY");
    CC_FIND(free_key, "EVP_PKEY_free");
    CC_FIND(key_type, "EVP_PKEY_get_base_id");
    CC_FIND(key_bits, "EVP_PKEY_get_bits");
    CC_FIND(key_group, "EVP_PKEY_get_group_name");
    CC_FIND(verify_init, "EVP_DigestVerifyInit");
    CC_FIND(verify, "EVP_DigestVerify");
    CC_FIND(clear_errors, "ERR_clear_error");
    CC_FIND(raw_private_key, "EVP_PKEY_new_raw_private_key");
    CC_FIND(raw_public_key, "EVP_PKEY_new_raw_public_key");
    CC_FIND(write_public_key, "EVP_PKEY_get_raw_public_key");
    CC_FIND(new_key_context, "EVP_PKEY_CTX_new");
    CC_FIND(free_key_context, "EVP_PKEY_CTX_free");
    CC_FIND(derive_init, "EVP_PKEY_derive_init");
    CC_FIND(set_peer, "EVP_PKEY_derive_set_peer");
    CC_FIND(derive, "EVP_PKEY_derive");
    CC_FIND(new_cipher_context, "EVP_CIPHER_CTX_new");
    CC_FIND(free_cipher_context, "EVP_CIPHER_CTX_free");
    CC_FIND(aes256_gcm, "EVP_aes_256_gcm");
    CC_FIND(cipher_init, "EVP_CipherInit_ex");
    CC_FIND(cipher_update, "EVP_CipherUpdate");
    CC_FIND(cipher_final, "EVP_CipherFinal_ex");
    CC_FIND(cipher_control, "EVP_CIPHER_CTX_ctrl");
#undef CC_FIND
    is_ready = 1;
}

const cc_library *cc_open(void) {
    pthread_once(&once, load);
    return is_ready ? &library : NULL;
}

int cc_is_ready(void) { return cc_open() != NULL; }

int cc_hmac_sha256(
    const void *key, size_t key_count, const void *bytes, size_t count, unsigned char tag[32]) {
    const cc_library *crypto = cc_open();
    if (!crypto || key_count > 1 << 20) return -1;
    unsigned length = 0;
    // A NULL key would mean the one of the call before.
    const void *start = key_count ? key : "";
    if (!crypto->hmac(crypto->sha256(), start, (int)key_count, bytes, count, tag, &length)) return -1;
    return length == 32 ? 0 : -1;
}

int cc_scrypt(
    const void *password, size_t password_count, const unsigned char *salt, size_t salt_count,
    uint64_t n, uint64_t r, uint64_t p, unsigned char *key, size_t key_count) {
    const cc_library *crypto = cc_open();
    if (!crypto) return -1;
    // Its own bound is 32 MiB; what a file may ask for is bounded where that is read.
    const uint64_t most = (uint64_t)1 << 30;
    int is_done = crypto->scrypt(
        password, password_count, salt, salt_count, n, r, p, most, key, key_count);
    crypto->clear_errors();
    return is_done == 1 ? 0 : -1;
}
