-- Tokens checked in Lua as someone writes it who knows LuaJIT: what runs for each request is compiled or a call into C, keys
-- are read once, MACs are libcrypto's and compared in constant time, and they are checked before anything else is believed.
-- Unlike `token_auth` this leaves the token in the request and sets no variables.

local ffi = require "ffi"
local json = require "cjson.safe"
local base64url = require("ngx.base64").decode_base64url

local C, var, exit, now = ffi.C, ngx.var, ngx.exit, ngx.time
local find, sub, byte = string.find, string.sub, string.byte
local tonumber, type = tonumber, type

ffi.cdef [[
    const void *EVP_sha256(void);
    unsigned char *HMAC(const void *md, const void *key, int key_len, const char *text, size_t len,
                        unsigned char *mac, unsigned int *mac_len);
    void *HMAC_CTX_new(void);
    int HMAC_Init_ex(void *ctx, const void *key, int key_len, const void *md, void *engine);
    int HMAC_Update(void *ctx, const char *text, size_t len);
    int HMAC_Final(void *ctx, unsigned char *mac, unsigned int *mac_len);
    int CRYPTO_memcmp(const void *a, const void *b, size_t len);
    unsigned char *ngx_hex_dump(unsigned char *out, const unsigned char *bytes, size_t len);
]]

local SHA256, LENGTH = C.EVP_sha256(), 32
local hex = ffi.new("unsigned char[?]", 2 * LENGTH)

local tokens = {}

function tokens.key(path)
    local file = assert(io.open(path, "rb"))
    local key = file:read("*a")
    file:close()
    return key
end

-- One call of OpenSSL's HMAC() for each request.
function tokens.once(key)
    local mac = ffi.new("unsigned char[?]", LENGTH)
    return function(text)
        C.HMAC(SHA256, key, #key, text, #text, mac, nil)
        return mac
    end
end

-- The key is prepared once, and each request begins with that.
function tokens.prepared(key)
    local mac, ctx = ffi.new("unsigned char[?]", LENGTH), C.HMAC_CTX_new()
    assert(C.HMAC_Init_ex(ctx, key, #key, SHA256, nil) == 1)
    return function(text)
        C.HMAC_Init_ex(ctx, nil, 0, nil, nil)
        C.HMAC_Update(ctx, text, #text)
        C.HMAC_Final(ctx, mac, nil)
        return mac
    end
end

local function matches(pattern, path)
    if byte(pattern, -1) ~= 42 then return pattern == path end
    return sub(pattern, 1, -2) == sub(path, 1, #pattern - 1)
end

-- Whether one of the patterns, with "!" between, is the path or its beginning and "*".
local function is_open(patterns, path)
    local to = find(patterns, "!", 1, true)
    if not to then return matches(patterns, path) end
    return matches(sub(patterns, 1, to - 1), path) or is_open(sub(patterns, to + 1), path)
end

-- The value of a field of signed text. No loops here: LuaJIT compiles a function with one in pieces.
local function field(text, name)
    local from = #name + 1
    if sub(text, 1, from) ~= name .. "=" then
        local at = find(text, "~" .. name .. "=", 1, true)
        if not at then return nil end
        from = at + from
    end
    local to = find(text, "~", from, true)
    return sub(text, from + 1, to and to - 1 or -1)
end

-- Akamai's EdgeAuth: fields with "~" between, the last one is the MAC.
function tokens.edge(mac)
    return function()
        local token = var.arg___token__
        local at = token and find(token, "~hmac=", 1, true)
        if not at or #token - at - 5 ~= 2 * LENGTH then return exit(403) end
        local signed = sub(token, 1, at - 1)
        C.ngx_hex_dump(hex, mac(signed), LENGTH)
        if C.CRYPTO_memcmp(hex, sub(token, at + 6), 2 * LENGTH) ~= 0 then return exit(403) end
        local time, expires, begins = now(), tonumber(field(signed, "exp")), field(signed, "st")
        if not expires or expires < time or (begins and tonumber(begins) > time) then return exit(403) end
        local acl = field(signed, "acl")
        if not acl or not is_open(acl, var.uri) then return exit(403) end
    end
end

-- A JSON Web Token by HS256.
function tokens.jwt(mac)
    return function()
        local line = var.http_authorization
        if not line or sub(line, 1, 7) ~= "Bearer " then return exit(401) end
        local head_end = find(line, ".", 8, true)
        local claims_end = head_end and find(line, ".", head_end + 1, true)
        if not claims_end then return exit(401) end
        local given = base64url(sub(line, claims_end + 1))
        if not given or #given ~= LENGTH then return exit(401) end
        if C.CRYPTO_memcmp(mac(sub(line, 8, claims_end - 1)), given, LENGTH) ~= 0 then return exit(401) end
        local head = json.decode(base64url(sub(line, 8, head_end - 1)) or "")
        if type(head) ~= "table" or head.alg ~= "HS256" or head.crit then return exit(401) end
        local claims = json.decode(base64url(sub(line, head_end + 1, claims_end - 1)) or "")
        if type(claims) ~= "table" then return exit(401) end
        local time = now()
        if type(claims.exp) ~= "number" or claims.exp <= time then return exit(401) end
        if claims.nbf and (type(claims.nbf) ~= "number" or claims.nbf > time) then return exit(401) end
    end
end

return tokens
