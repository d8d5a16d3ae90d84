#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes boxes of HPKE (RFC 9180) that others have sealed.

    make-sealed-boxes.py TEST-VECTORS.json > Tests/AccessTests/Goldens/boxes.json

TEST-VECTORS.json is that of the RFC's authors (github.com/cfrg/draft-irtf-cfrg-hpke; also in the
source of pyhpke, tests/vectors). `official` is the first message of its case of base mode,
DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; `sealed` are boxes of pyhpke for one key of
openssl, of lengths around those of blocks.
Needs: pyhpke, cryptography, openssl.
"""
import json
import random
import subprocess
import sys

from cryptography.hazmat.primitives import serialization
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

vectors = json.load(open(sys.argv[1]))
case = next(
    v for v in vectors
    if (v["mode"], v["kem_id"], v["kdf_id"], v["aead_id"]) == (0, 0x20, 1, 2))
first = case["encryptions"][0]
official = {
    "recipient": case["skRm"], "public": case["pkRm"], "ephemeral": case["skEm"],
    "info": case["info"], "bound": first["aad"], "message": first.get("pt", first.get("plaintext")),
    "box": case["enc"] + first.get("ct", first.get("ciphertext")),
}

private = subprocess.run(
    ["openssl", "genpkey", "-algorithm", "X25519"], capture_output=True, check=True).stdout
public = subprocess.run(
    ["openssl", "pkey", "-pubout"], input=private, capture_output=True, check=True).stdout
suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
key = KEMKey.from_pyca_cryptography_key(serialization.load_pem_public_key(public))
info = b"cierzo audit content 1"
draw = random.Random(14)
sealed = []
for count in [0, 1, 15, 16, 17, 255, 4096]:
    message = bytes(draw.randrange(256) for _ in range(count))
    bound = bytes(draw.randrange(256) for _ in range(count % 40))
    enc, sender = suite.create_sender_context(key, info=info)
    box = enc + sender.seal(message, aad=bound)
    sealed.append({"message": message.hex(), "bound": bound.hex(), "box": box.hex()})
json.dump(
    {"official": official, "private": private.decode(), "public": public.decode(),
     "info": info.hex(), "sealed": sealed},
    sys.stdout, indent=1)
print()
