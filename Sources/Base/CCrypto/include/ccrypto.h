// SPDX-License-Identifier: Apache-2.0
#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

// libcrypto (OpenSSL 3), opened when it is first needed: a server without keys of its own, which
// fetches nothing either, does not even have it in memory.

/// Whether libcrypto is there; without it everything below fails.
int cc_is_ready(void);

typedef enum { CC_SHA256 = 0, CC_SHA1 = 1 } cc_digest_kind;
typedef struct cc_digest cc_digest;

/// NULL: no libcrypto.
cc_digest *cc_digest_open(cc_digest_kind kind);
void cc_digest_close(cc_digest *digest);
/// Adds bytes; 0 on success.
int cc_digest_add(cc_digest *digest, const void *bytes, size_t count);
/// Writes the digest, at most 64 bytes, and returns their number; 0 on failure. Nothing follows it.
size_t cc_digest_finish(cc_digest *digest, unsigned char bytes[64]);

/// HMAC with SHA-256 (RFC 2104); 0 on success.
int cc_hmac_sha256(
    const void *key, size_t key_count, const void *bytes, size_t count, unsigned char tag[32]);

/// scrypt (RFC 7914), in 128 · n · r bytes of memory; 0 on success.
int cc_scrypt(
    const void *password, size_t password_count, const unsigned char *salt, size_t salt_count,
    uint64_t n, uint64_t r, uint64_t p, unsigned char *key, size_t key_count);

/// What a public key is for.
typedef enum { CC_OTHER = 0, CC_RSA = 1, CC_EC_P256 = 2, CC_ED25519 = 3 } cc_key_kind;
typedef struct cc_key cc_key;

/// A public key from its SubjectPublicKeyInfo (RFC 5280 §4.1) in DER, all of whose bytes it must be;
/// NULL where that is no key. Keys are never changed: any number of threads may use one.
cc_key *cc_key_open(const unsigned char *bytes, size_t count);
void cc_key_close(cc_key *key);
cc_key_kind cc_key_kind_of(const cc_key *key);
int cc_key_bit_count(const cc_key *key);
/// Whether a signature is the key's: RSA PKCS #1 v1.5 or ECDSA (in DER) over SHA-256, or Ed25519.
/// 1 if it is, 0 for everything else.
int cc_key_verifies(
    const cc_key *key, const void *message, size_t count, const unsigned char *signature,
    size_t signature_count);

/// The public key of a private one of X25519 (RFC 7748); 0 on success.
int cc_x25519_public(const unsigned char key[32], unsigned char public_key[32]);
/// The secret that a private key of X25519 and another's public one have together; 0 on success, and
/// not for a public key that has the same secret with everybody.
int cc_x25519(
    const unsigned char key[32], const unsigned char public_key[32], unsigned char secret[32]);

/// Encrypts bytes with AES-256-GCM, and writes a tag for them and for what is bound to them; 0 on
/// success.
int cc_aes256_gcm_seal(
    const unsigned char key[32], const unsigned char nonce[12], const void *bound,
    size_t bound_count, const void *bytes, size_t count, unsigned char *sealed,
    unsigned char tag[16]);
/// The reverse: 0 only where all is as it was; otherwise what was written means nothing.
int cc_aes256_gcm_open(
    const unsigned char key[32], const unsigned char nonce[12], const void *bound,
    size_t bound_count, const void *sealed, size_t count, const unsigned char tag[16],
    unsigned char *bytes);

#endif
