#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/AccessTests/Goldens/tokens.json: keys, and tokens that they have signed or seem to have.

Keys are made anew each time. Needs cryptography (python3-cryptography).
"""
import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef-secret"


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return text(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


rsa_key, other_rsa, small_rsa = (
    rsa.generate_private_key(65537, size) for size in (2048, 2048, 1024))
ec_key, other_curve = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ed_key = ed25519.Ed25519PrivateKey.generate()

claims = {
    "iss": "https://login.example", "aud": "cierzo", "sub": "user-1", "exp": NOW + 600,
    "nbf": NOW - 600, "tier": "gold", "groups": ["staff", "research"],
}


def sign_rsa(message, key=rsa_key):
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def sign_ec_der(message):
    return ec_key.sign(message, ec.ECDSA(hashes.SHA256()))


def sign_ec(message):
    r, s = utils.decode_dss_signature(sign_ec_der(message))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def mac(message, key=SECRET):
    return hmac.new(key, message, hashlib.sha256).digest()


def token(algorithm, sign, body=claims, **header):
    head = text(json.dumps({"alg": algorithm, "typ": "JWT", **header}).encode())
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = f"{head}.{text(content)}".encode()
    return message.decode() + "." + text(sign(message))


def without(name):
    return {key: value for key, value in claims.items() if key != name}


rs256 = token("RS256", sign_rsa, kid="rsa-1")
head, body, signature = rs256.split(".")
forged = text(json.dumps({**claims, "tier": "admin"}).encode())
sound = {
    "rs256": rs256,
    "rs256 without kid": token("RS256", sign_rsa),
    "es256": token("ES256", sign_ec, kid="ec-1"),
    "eddsa": token("EdDSA", ed_key.sign, kid="ed-1"),
    "hs256": token("HS256", mac),
    "audience in a list": token("RS256", sign_rsa, {**claims, "aud": ["other", "cierzo"]}),
    "expired within the leeway": token("RS256", sign_rsa, {**claims, "exp": NOW - 29}),
    "early within the leeway": token("RS256", sign_rsa, {**claims, "nbf": NOW + 29.5}),
    "fraction of a second": token("RS256", sign_rsa, {**claims, "exp": NOW + 0.5}),
    "without nbf": token("RS256", sign_rsa, without("nbf")),
}
refused = {
    "expired": [token("RS256", sign_rsa, {**claims, "exp": NOW - 30})],
    "early": [token("RS256", sign_rsa, {**claims, "nbf": NOW + 31})],
    "issuer": [
        token("RS256", sign_rsa, {**claims, "iss": "https://login.example/"}),
        token("HS256", mac, {**claims, "iss": "https://evil.example"}),
    ],
    "audience": [
        token("RS256", sign_rsa, {**claims, "aud": "other"}),
        token("RS256", sign_rsa, {**claims, "aud": []}),
        token("RS256", sign_rsa, {**claims, "aud": {"cierzo": 1}}),
    ],
    "missing": [
        token("RS256", sign_rsa, without("exp")), token("RS256", sign_rsa, without("sub")),
        token("RS256", sign_rsa, without("iss")), token("RS256", sign_rsa, without("aud")),
        token("RS256", sign_rsa, {**claims, "exp": "tomorrow"}),
        token("RS256", sign_rsa, {**claims, "sub": 7}),
    ],
    "algorithm": [
        token("none", lambda _: b""), token("None", lambda _: b""), token("RS512", sign_rsa),
        token("PS256", sign_rsa), token("HS384", mac), token("rs256", sign_rsa),
        token("RS256", sign_rsa, crit=["exp"]), token("", sign_rsa), token(None, sign_rsa),
    ],
    "signature": [
        f"{head}.{forged}.{signature}",
        token("RS256", lambda message: sign_rsa(message)[:-8]),
        token("RS256", lambda message: sign_rsa(message, other_rsa)),
        token("RS256", lambda _: b""), token("ES256", lambda _: b""),
        token("ES256", lambda _: bytes(64)), token("ES256", sign_ec_der),
        token("EdDSA", lambda _: bytes(64)), token("RS256", sign_rsa, kid="rsa-2"),
        # The public key is no secret: HMAC by any of its forms opens nothing.
        token("HS256", lambda message: mac(message, pem(rsa_key).encode())),
        token("HS256", lambda message: mac(message, pem(rsa_key).strip().encode())),
        token("HS256", lambda message: mac(message, b"")),
        # A token that is signed for another way than it says.
        token("ES256", sign_rsa), token("RS256", sign_ec), token("EdDSA", mac),
    ],
    "malformed": [
        rs256 + ".", "." + rs256, "..", "a.b.c", head + "." + body, rs256 + "=", "",
        head + "=." + body + "." + signature, token("RS256", sign_rsa, b"[]"),
        token("RS256", sign_rsa, b"{"), token("RS256", sign_rsa, b'{"iss":1,"iss":2}'),
        token("RS256", sign_rsa, {**claims, "nbf": "now"}),
        token("RS256", sign_rsa, {**claims, "padding": "a" * 20_000}),
    ],
}
point = ec_key.public_key().public_numbers()
public = rsa_key.public_key().public_numbers()
edwards = ed_key.public_key().public_bytes(
    serialization.Encoding.Raw, serialization.PublicFormat.Raw)
jwks = {
    "keys": [
        {"kty": "RSA", "kid": "rsa-1", "use": "sig", "alg": "RS256", "n": number(public.n),
         "e": number(public.e)},
        {"kty": "EC", "kid": "ec-1", "crv": "P-256", "x": number(point.x, 32),
         "y": number(point.y, 32)},
        {"kty": "OKP", "kid": "ed-1", "crv": "Ed25519", "x": text(edwards)},
        # What is for something else is passed over.
        {"kty": "RSA", "kid": "enc", "use": "enc", "n": number(public.n), "e": number(public.e)},
        {"kty": "EC", "kid": "p384", "crv": "P-384", "x": "AA", "y": "AA"},
    ]
}
small = small_rsa.public_key().public_numbers()
result = {
    "now": NOW, "secret": SECRET.decode(), "jwks": jwks,
    "pem": pem(rsa_key) + pem(ec_key) + pem(ed_key), "sound": sound, "refused": refused,
    "wrong_files": {
        "a small key": json.dumps(
            {"keys": [{"kty": "RSA", "n": number(small.n), "e": number(small.e)}]}),
        "a small key in PEM": pem(small_rsa),
        "another curve in PEM": pem(other_curve),
        "a secret among public keys": json.dumps({"keys": [{"kty": "oct", "k": text(SECRET)}]}),
        "a private key": json.dumps(
            {"keys": [{**jwks["keys"][2], "d": text(bytes(32))}]}),
        "a private key in PEM": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        "a point off the curve": json.dumps(
            {"keys": [{**jwks["keys"][1], "y": number(point.x, 32)}]}),
        "no keys": json.dumps({"keys": []}),
        "no usable keys": json.dumps({"keys": jwks["keys"][3:]}),
        "no list": "{}", "no JSON": "keys", "half of PEM": pem(rsa_key)[:200], "nothing": "",
    },
}
path = pathlib.Path(__file__).resolve().parents[2] / "Tests/AccessTests/Goldens/tokens.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(result, indent=1) + "\n")
