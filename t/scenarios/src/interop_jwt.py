# PyJWT as the other side of `format jwt`, for the scenario interop_jwt. Runs where t/ is.
#
# usage: interop_jwt.py secrets  prints a JWKS with the secret for each algorithm that has one, as PyJWT spells it
#        interop_jwt.py keys     prints one with the public keys
#        interop_jwt.py tokens   prints a line for each token: host, target, header or nothing, answer, `sub` as hex
#        interop_jwt.py verify   reads lines of an algorithm, a token and its `sub`, and verifies each
import base64, hashlib, hmac, json, random, sys, time
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SECRET = b"0123456789abcdef" * 4


def private(name):
    with open(f"t/data/keys/{name}.pem", "rb") as file:
        return load_pem_private_key(file.read(), None)


RSA, ED = private("rsa"), private("ed25519")
KEYS = {f"HS{bits}": SECRET for bits in (256, 384, 512)}
KEYS |= {f"{kind}{bits}": RSA for kind in ("RS", "PS") for bits in (256, 384, 512)}
KEYS |= {"ES256": private("p256"), "ES384": private("p384"), "ES512": private("p521"), "EdDSA": ED}


def other(algorithm):
    """A key of the same kind that nobody knows."""
    key = KEYS[algorithm]
    if key is SECRET:
        return SECRET[1:] + b"x"
    if key is RSA:
        return OTHER_RSA
    return ed25519.Ed25519PrivateKey.generate() if key is ED else ec.generate_private_key(key.curve)


OTHER_RSA = rsa.generate_private_key(65537, 2048)


def public(algorithm):
    key = KEYS[algorithm]
    return key if key is SECRET else key.public_key()


def jwks(of):
    listed = []
    for name in of:
        key = jwt.get_algorithm_by_name(name).to_jwk(public(name), as_dict=True)
        listed.append({**key, "kid": name, "alg": name, "use": "sig", "key_ops": ["verify"]})
    print(json.dumps({"keys": listed}))


def text(most):
    return "".join(random.choice('abcXYZ019-_.~ é"\\/&=+?%#€😀') for _ in range(random.randint(1, most)))


def value(depth):
    kind = random.randrange(7 if depth else 5)
    if kind < 2:
        return text(12)
    if kind == 5:
        return [value(depth - 1) for _ in range(random.randrange(4))]
    if kind == 6:
        return {text(6): value(depth - 1) for _ in range(random.randrange(4))}
    return [random.randint(-(2**53), 2**53), random.random() * 1e6, random.choice([True, False, None])][kind - 2]


def claims():
    now = int(time.time())
    until = now + random.randint(600, 90000)
    made = {f"x-{text(4)}": value(3) for _ in range(random.randrange(6))}
    made |= {
        "exp": random.choice([until, until + 0.5]),
        "iss": "https://id.test/",
        "aud": random.choice(["edge", ["edge"], ["https://other.test/", "edge"]]),
        "sub": text(20),
        "scope": random.choice(["write", "read write", "write é", 'a"b write read']),
    }
    if random.random() < 0.5:
        made["nbf"] = now - random.randint(0, 60)
    if random.random() < 0.5:
        made["iat"] = now - 60 - random.random()
    shuffled = list(made.items())
    random.shuffle(shuffled)
    return dict(shuffled)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def confused(made):
    """What a naive verifier takes: an HMAC under the text of a public key."""
    with open("t/data/keys/rsa.pub.pem", "rb") as file:
        key = file.read()
    signed = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + b64(json.dumps(made).encode())
    return signed + "." + b64(hmac.new(key, signed.encode(), hashlib.sha256).digest())


def altered(token):
    head, payload, signature = token.split(".")
    kind = random.randrange(3)
    if kind == 0:
        at = random.randrange(len(signature) - 1)  # the last digit has bits that count for nothing
        signature = signature[:at] + ("A" if signature[at] != "A" else "B") + signature[at + 1 :]
    elif kind == 1:
        payload = b64(base64.urlsafe_b64decode(payload + "==") + b" ")
    else:
        head = b64(base64.urlsafe_b64decode(head + "==") + b" ")
    return ".".join([head, payload, signature])


FAULTS = {
    "expired": lambda made: made.update(exp=int(time.time()) - random.randint(1, 90000)),
    "endless": lambda made: made.pop("exp"),
    "early": lambda made: made.update(nbf=int(time.time()) + random.randint(600, 90000)),
    "issuer": lambda made: made.update(iss=random.choice(["https://id.test", "https://id.test/x", ""])),
    "no issuer": lambda made: made.pop("iss"),
    "audience": lambda made: made.update(aud=random.choice(["edg", [], ["edges", "x"]])),
    "no audience": lambda made: made.pop("aud"),
    "scope": lambda made: made.update(scope=random.choice(["read", "writes", "read-write", ""])),
}


def judged(token, algorithm, scope):
    """The answer that PyJWT's own verdict leads to."""
    try:
        got = jwt.decode(
            token, public(algorithm), algorithms=[algorithm], audience="edge",
            issuer="https://id.test/", options={"require": ["exp"]})
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
        return 403
    except jwt.MissingRequiredClaimError as error:
        return 403 if error.claim in ("aud", "iss") else 401
    except jwt.PyJWTError:
        return 401
    return 200 if "write" in got["scope"].split(" ") else 403


def tokens():
    random.seed(20261130)
    for number in range(200):
        algorithm = list(KEYS)[number % len(KEYS)]
        made = claims()
        host = random.choice([algorithm.lower(), "any", "jwks"])
        faults = [None] * len(FAULTS) + list(FAULTS) + ["key", "algorithm", "altered", "none", "confused", "kid"]
        fault = random.choice(faults)
        if fault in FAULTS:
            FAULTS[fault](made)
        headers = {"kid": algorithm} if host == "jwks" or random.random() < 0.3 else {}
        headers |= {"typ": random.choice(["JWT", "at+jwt"])}
        signer, checked = algorithm, algorithm
        if fault == "algorithm":
            # Signed well, but the host is that of another algorithm, which may have the same key.
            checked = random.choice([name for name in KEYS if name != algorithm])
            host = checked.lower()
        if fault == "kid":
            # The key says what it is for, whatever the token names.
            host, headers["kid"] = "jwks", random.choice([name for name in KEYS if name != algorithm])
        key = other(signer) if fault == "key" else KEYS[signer]
        if fault == "none":
            token = jwt.encode(made, None, algorithm="none", headers=headers)
        elif fault == "confused":
            token = confused(made)
        else:
            token = jwt.encode(made, key, algorithm=signer, headers=headers)
        if fault == "altered":
            token = altered(token)
        status = 401 if fault == "kid" else judged(token, checked, made.get("scope"))
        wanted = {None: 200, "issuer": 403, "no issuer": 403, "audience": 403, "no audience": 403, "scope": 403}
        if status != wanted.get(fault, 401):
            sys.exit(f"PyJWT has its own mind about {fault}: {status} {token}")
        where = random.randrange(3)
        target = f"/?t={token}" if where == 0 else "/"
        header = ["", f"Authorization: Bearer {token}", f"Cookie: a=b; c={token}"][where]
        print(host, target, header, status, made["sub"].encode().hex(), sep="\t")


def verify():
    for line in sys.stdin:
        algorithm, token, sub = line.rstrip("\n").split("\t")
        got = jwt.decode(
            token, public(algorithm), algorithms=[algorithm], audience="edge",
            issuer="https://id.test/", options={"require": ["exp", "iat"]})
        if got["sub"] != bytes.fromhex(sub).decode():
            sys.exit(f"{algorithm}: sub is {got['sub']!r}")
        print("ok")


{
    "secrets": lambda: jwks(name for name in KEYS if KEYS[name] is SECRET),
    "keys": lambda: jwks(name for name in KEYS if KEYS[name] is not SECRET),
    "tokens": tokens,
    "verify": verify,
}[sys.argv[1]]()
