#include "bits.h"

ngx_uint_t
gatehouse_request_internal(const ngx_http_request_t *r)
{
    return r->internal;
}

void
gatehouse_request_set_external(ngx_http_request_t *r)
{
    r->internal = 0;
}

void
gatehouse_request_send_uri(ngx_http_request_t *r)
{
    r->valid_unparsed_uri = 0;
}

#if (NGX_HTTP_CACHE)

ngx_uint_t
gatehouse_request_cached(const ngx_http_request_t *r)
{
    return r->cached;
}

ngx_uint_t
gatehouse_upstream_conf_caches(const ngx_http_upstream_conf_t *conf)
{
    return conf->cache == 1;
}

#endif
