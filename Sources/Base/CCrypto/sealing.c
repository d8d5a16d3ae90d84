// SPDX-License-Identifier: Apache-2.0
#include "ccrypto.h"
#include "crypto.h"

#include <string.h>

int cc_x25519_public(const unsigned char key[32], unsigned char public_key[32]) {
    const cc_library *crypto = cc_open();
    if (!crypto) return -1;
    EVP_PKEY *pair = crypto->raw_private_key(EVP_PKEY_X25519, NULL, key, 32);
    size_t count = 32;
    int is_done = pair && crypto->write_public_key(pair, public_key, &count) == 1 && count == 32;
    crypto->free_key(pair);
    crypto->clear_errors();
    return is_done ? 0 : -1;
}

int cc_x25519(
    const unsigned char key[32], const unsigned char public_key[32], unsigned char secret[32]) {
    const cc_library *crypto = cc_open();
    if (!crypto) return -1;
    EVP_PKEY *own = crypto->raw_private_key(EVP_PKEY_X25519, NULL, key, 32);
    EVP_PKEY *other = crypto->raw_public_key(EVP_PKEY_X25519, NULL, public_key, 32);
    EVP_PKEY_CTX *context = own ? crypto->new_key_context(own, NULL) : NULL;
    size_t count = 32;
    int is_done = context && other && crypto->derive_init(context) == 1
        && crypto->set_peer(context, other) == 1 && crypto->derive(context, secret, &count) == 1
        && count == 32;
    crypto->free_key_context(context);
    crypto->free_key(other);
    crypto->free_key(own);
    crypto->clear_errors();
    return is_done ? 0 : -1;
}

/// Encrypts or decrypts, of which the tag is made or checked.
static int run(
    int seals, const unsigned char key[32], const unsigned char nonce[12], const void *bound,
    size_t bound_count, const unsigned char *input, size_t count, unsigned char *output,
    unsigned char tag[16]) {
    const cc_library *crypto = cc_open();
    if (!crypto || bound_count > 1 << 30) return -1;
    EVP_CIPHER_CTX *context = crypto->new_cipher_context();
    if (!context) return -1;
    int length = 0;
    int is_done = crypto->cipher_init(context, crypto->aes256_gcm(), NULL, key, nonce, seals) == 1
        && (bound_count == 0
            || crypto->cipher_update(context, NULL, &length, bound, (int)bound_count) == 1);
    // Lengths are ints there.
    for (size_t done = 0; is_done && done < count;) {
        size_t part = count - done < 1 << 30 ? count - done : 1 << 30;
        is_done = crypto->cipher_update(context, output + done, &length, input + done, (int)part) == 1
            && (size_t)length == part;
        done += part;
    }
    unsigned char rest[16];
    is_done = is_done
        && (seals || crypto->cipher_control(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1)
        && crypto->cipher_final(context, rest, &length) == 1 && length == 0
        && (!seals || crypto->cipher_control(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);
    crypto->free_cipher_context(context);
    crypto->clear_errors();
    return is_done ? 0 : -1;
}

int cc_aes256_gcm_seal(
    const unsigned char key[32], const unsigned char nonce[12], const void *bound,
    size_t bound_count, const void *bytes, size_t count, unsigned char *sealed,
    unsigned char tag[16]) {
    return run(1, key, nonce, bound, bound_count, bytes, count, sealed, tag);
}

int cc_aes256_gcm_open(
    const unsigned char key[32], const unsigned char nonce[12], const void *bound,
    size_t bound_count, const void *sealed, size_t count, const unsigned char tag[16],
    unsigned char *bytes) {
    unsigned char expected[16];
    memcpy(expected, tag, sizeof expected);
    return run(0, key, nonce, bound, bound_count, sealed, count, bytes, expected);
}
