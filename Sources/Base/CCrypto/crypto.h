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
    __typeof__(EVP_PKEY_new_raw_private_key) *raw_private_key;
    __typeof__(EVP_PKEY_new_raw_public_key) *raw_public_key;
    __typeof__(EVP_PKEY_get_raw_public_key) *write_public_key;
    __typeof__(EVP_PKEY_CTX_new) *new_key_context;
    __typeof__(EVP_PKEY_CTX_free) *free_key_context;
    __typeof__(EVP_PKEY_derive_init) *derive_init;
    __typeof__(EVP_PKEY_derive_set_peer) *set_peer;
    __typeof__(EVP_PKEY_derive) *derive;
    __typeof__(EVP_CIPHER_CTX_new) *new_cipher_context;
    __typeof__(EVP_CIPHER_CTX_free) *free_cipher_context;
    __typeof__(EVP_aes_256_gcm) *aes256_gcm;
    __typeof__(EVP_CipherInit_ex) *cipher_init;
    __typeof__(EVP_CipherUpdate) *cipher_update;
    __typeof__(EVP_CipherFinal_ex) *cipher_final;
    __typeof__(EVP_CIPHER_CTX_ctrl) *cipher_control;
} cc_library;

/// The library, or NULL where it is missing.
const cc_library *cc_open(void);

#endif
