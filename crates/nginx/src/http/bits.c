/*
 * What only C can say.
 *
 * Bit fields of a request and of an upstream's settings, read and written by nginx's own compiler.
 * bindgen counts them from where the first one begins; since nginx 1.29 that is no multiple of four
 * bytes (in_port_t port stands before), so that from the second word on its accessors hit the wrong
 * bits.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

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
