// SPDX-License-Identifier: Apache-2.0
#ifndef CRYPTO_H
#define CRYPTO_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

/// Functions of libcrypto, by the types that its headers give them.
typedef struct {
    __typeof__(EVP_MD_CTX_new) *new_context;
    __typeof__(EVP_MD_CTX_free) *free_context;
    __typeof__(EVP_sha256) *sha256;
    __typeof__(EVP_sha1) *sha1;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
    __typeof__(HMAC) *hmac;
    __typeof__(EVP_PBE_scrypt) *scrypt;
    __typeof__(d2i_PUBKEY) *read_key;
    __typeof__(EVP_PKEY_free) *free_key;
    __typeof__(EVP_PKEY_get_base_id) *key_type;
    __typeof__(EVP_PKEY_get_bits) *key_bits;
    __typeof__(EVP_PKEY_get_group_name) *key_group;
    __typeof__(EVP_DigestVerifyInit) *verify_init;
    __typeof__(EVP_DigestVerify) *verify;
    __typeof__(ERR_clear_error) *clear_errors;
} cc_library;

/// The library, or NULL where it is missing.
const cc_library *cc_open(void);

#endif
