# PyPI's cwt as the other side of `format cat`, for the scenario interop_cat. Runs where t/ is.
#
# usage: interop_cat.py tokens   prints a line for each token: host, target, header or nothing, answer, `sub` as hex
#        interop_cat.py verify   reads lines of an algorithm, a token and its `sub` as hex, and verifies each
import base64, random, sys, time
import cwt
from cbor2 import CBORTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key)
from cwt import COSEKey

SECRET = b"0123456789abcdef" * 4
FILES = {"RSA": "rsa", "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed25519"}
ALGORITHMS = ["HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def private(name):
    with open(f"t/data/keys/{name}.pem", "rb") as file:
        return load_pem_private_key(file.read(), None)


def of(algorithm):
    return private(FILES["RSA" if algorithm[:2] == "PS" else algorithm])


def cose_key(algorithm, key=None, kid=b""):
    if algorithm[:2] == "HS":
        return COSEKey.from_symmetric_key(key or SECRET, alg=algorithm, kid=kid)
    pem = (key or of(algorithm)).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return COSEKey.from_pem(pem, alg=algorithm, kid=kid)


def public(algorithm, kid=b""):
    if algorithm[:2] == "HS":
        return cose_key(algorithm, None, kid)
    pem = of(algorithm).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return COSEKey.from_pem(pem, alg=algorithm, kid=kid)


def other(algorithm):
    """A key of the same kind that nobody knows."""
    kind = algorithm[:2]
    if kind == "HS":
        return SECRET[1:] + b"x"
    if kind == "PS":
        return OTHER_RSA
    return ed25519.Ed25519PrivateKey.generate() if kind == "Ed" else ec.generate_private_key(of(algorithm).curve)


OTHER_RSA = rsa.generate_private_key(65537, 2048)


def text(most):
    return "".join(random.choice('abcXYZ019-_.~ é"\\/&=+?%#€😀') for _ in range(random.randint(1, most)))


def value(depth):
    kind = random.randrange(8 if depth else 6)
    if kind < 2:
        return text(12)
    if kind == 6:
        return [value(depth - 1) for _ in range(random.randrange(4))]
    if kind == 7:
        return {random.choice([text(6), random.randint(-99, 99)]): value(depth - 1) for _ in range(random.randrange(3))}
    return [random.randint(-(2**63), 2**63), random.random() * 1e6, random.choice([True, False, None]),
            random.randbytes(9)][kind - 2]


# What a request to /live/ch1/ok?x=1 of 127.0.0.1 may be asked, and what it may not.
HOLDS = [
    {312: {3: {1: "/live/"}}}, {312: {0: {0: "https"}, 1: {2: ".test"}}}, {312: {5: {0: "/live/ch1"}, 6: {0: "ok"}}},
    {312: {4: {0: "x=1"}}}, {312: {2: {0: "443"}}}, {313: ["HEAD", "GET"]}, {310: 1}, {308: 0},
    {311: [CBORTag(52, b"\x7f\0\0\1")]}, {311: [64496, CBORTag(52, [8, b"\x7f"])]}, {315: {"X-Device": {0: "tv"}}},
    {45: [4, 2]}, {323: {0: 0, 1: 120}}, {-70000: {"any": [1]}},
]
FAILS = [
    ({312: {3: {1: "/vod/"}}}, 403), ({312: {1: {0: "other.test"}}}, 403), ({312: {3: {4: [".*"]}}}, 403),
    ({312: {8: {0: ".ts"}}}, 403), ({313: ["POST"]}, 403), ({310: 2}, 403), ({308: 1}, 403),
    ({311: [CBORTag(52, b"\x7f\0\0\2")]}, 403), ({311: [CBORTag(54, b"\x7f" + bytes(15))]}, 403), ({311: [64496]}, 403),
    ({316: ["DE"]}, 403), ({320: {}}, 403), ({321: {}}, 403), ({45: [998]}, 403), ({322: {}}, 403), ({999: 1}, 403),
    ({1: "https://other.test/"}, 403), ({3: "other"}, 403), ({4: int(time.time()) - 600}, 401),
    ({5: int(time.time()) + 600}, 401), ({315: {"X-Device": {0: "phone"}}}, 403),
]


def claims():
    now = int(time.time())
    made = {1: "https://id.test/", 2: text(20), 3: random.choice(["edge", ["x", "edge"]]),
            4: random.choice([now + 600, now + 900.5])}
    if random.random() < 0.5:
        made |= {5: now - 60, 6: now - 60}
    if random.random() < 0.5:
        made[7] = random.randbytes(8)
    made |= {random.choice([f"x-{text(4)}", -random.randint(65537, 99999)]): value(3) for _ in range(random.randrange(4))}
    for one in random.sample(HOLDS, random.randrange(4)):
        made |= one
    return made


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def accepts(token, algorithm, kid):
    try:
        cwt.decode(token, public(algorithm, kid))
        return True
    except Exception:
        return False


def tokens():
    random.seed(20261201)
    for number in range(200):
        algorithm = random.choice(ALGORITHMS)
        made, status, key = claims(), 200, None
        kind = random.randrange(4)
        if kind == 1:
            change, status = random.choice(FAILS)
            made |= change
        if kind == 2:
            key, status = other(algorithm), 401
        # Without one cwt would not verify it.
        kid = algorithm.encode()
        encode = cwt.encode_and_mac if algorithm[:2] == "HS" else cwt.encode_and_sign
        token = encode(made, cose_key(algorithm, key, kid), tagged=random.random() < 0.5)
        if kind == 3:
            at = random.randrange(len(token))
            token, status = token[:at] + bytes([token[at] ^ 1 << random.randrange(8)]) + token[at + 1:], 401
        # Both judge the key and the times; only we judge the request. A name of a key is not signed.
        if kind != 3 and accepts(token, algorithm, kid) != (status == 200 or status == 403):
            sys.exit(f"cwt does not say {status} of {made}")
        host = random.choice([algorithm.lower(), "any"])
        spelled = b64(token)
        target, header = "/live/ch1/ok?x=1", ""
        place = random.randrange(3)
        if place == 0:
            target += f"&CAT={spelled}"
        else:
            header = f"{['Common-Access-Token: ', 'Cookie: Common-Access-Token='][place - 1]}{spelled}"
        print(host, target, header, status, made[2].encode().hex(), sep="\t")


def verify():
    for line in sys.stdin:
        algorithm, token, sub = line.rstrip("\n").split("\t")
        found = cwt.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), public(algorithm, algorithm.encode()))
        wanted = {1: "https://id.test/", 2: bytes.fromhex(sub).decode(), 3: "edge", 310: 1, 313: ["GET", "HEAD"],
                  312: {3: {1: "/live/"}, 1: {0: "cdn.test"}}, 316: ["DE", "US-CA"], 7: b"id-1",
                  311: [64496, CBORTag(52, [24, b"\xc0\0\2"]), CBORTag(54, bytes([0x20, 1, 0xd, 0xb8]) + bytes(11) + b"\1")]}
        for claim, value in wanted.items():
            if found.get(claim) != value:
                sys.exit(f"{algorithm}: {claim} is {found.get(claim)}, not {value}")
        if found[4] <= time.time() or found[6] > time.time() + 5:
            sys.exit(f"{algorithm}: the times are {found[4]}, {found[6]}")
        print("ok")


{"tokens": tokens, "verify": verify}[sys.argv[1]]()
