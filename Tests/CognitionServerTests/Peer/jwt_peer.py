"""Checks and makes access tokens as another program would.

Reads `{algorithm, token, jwks, secret, kid}` from standard input: a token of the server, its public keys, and the key that
signs. Prints the header and claims that it found, a token of its own that the server has to take, and forgeries.
"""

import base64
import json
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


def private_key(algorithm: str, secret: bytes):
    if algorithm == "HS256":
        return secret
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def main() -> int:
    task = json.load(sys.stdin)
    algorithm, token, kid = task["algorithm"], task["token"], task["kid"]
    secret = base64.urlsafe_b64decode(task["secret"] + "==")
    signing = private_key(algorithm, secret)

    # What a service does that trusts the server: it looks the key up by the token's kid.
    header = jwt.get_unverified_header(token)
    if algorithm == "HS256":
        assert task["jwks"] == {"keys": []}, task["jwks"]
        checking = secret
    else:
        checking = jwt.PyJWKSet.from_dict(task["jwks"])[header["kid"]].key
    claims = jwt.decode(token, checking, algorithms=[algorithm], audience="cognitionos", issuer="cognitionos")
    for wrong in ({"audience": "other"}, {"issuer": "other"}):
        try:
            jwt.decode(token, checking, algorithms=[algorithm], **{"audience": "cognitionos", "issuer": "cognitionos", **wrong})
        except jwt.InvalidTokenError:
            continue
        raise AssertionError(f"taken with {wrong}")

    now = int(time.time())
    own = {**claims, "iat": now, "exp": now + 300, "jti": "01980000-0000-7000-8000-000000000000"}

    def make(changes=None, *, key=signing, alg=algorithm, **headers):
        return jwt.encode({**own, **(changes or {})}, key, algorithm=alg, headers={"typ": "at+jwt", "kid": kid, **headers})

    strangers = {
        "HS256": b"x" * 32,
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }
    forgeries = {
        "alg none": make(key=None, alg="none"),
        "another kid": make(kid="other"),
        "another type": make(typ="JWT"),
        "another audience": make({"aud": "other"}),
        "two audiences": make({"aud": ["cognitionos", "other"]}),
        "another issuer": make({"iss": "other"}),
        "from the future": make({"iat": now + 600, "exp": now + 900}),
    }
    for name, stranger in strangers.items():
        forgeries[f"a stranger's key of {name}"] = make(key=stranger, alg=name)
    if algorithm != "HS256":
        # The public key, which everybody has, taken for a secret.
        public = base64.urlsafe_b64decode(task["jwks"]["keys"][0]["x"] + "==")
        forgeries["the public key as a secret"] = make(key=public, alg="HS256")
        forgeries["the private key's bytes as a secret"] = make(key=secret, alg="HS256")
    print(json.dumps({"header": header, "claims": claims, "good": make(), "forgeries": forgeries}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
