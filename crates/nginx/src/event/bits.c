/*
 * What only C can say.
 *
 * Bit fields of a connection's TLS: a byte stands before the first of them, so that bindgen, which counts
 * them from where it begins, hits the wrong bits.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#if (NGX_SSL)

ngx_uint_t
gatehouse_ssl_handshaked(const ngx_connection_t *c)
{
    return c->ssl->handshaked;
}

void
gatehouse_ssl_no_wait(ngx_connection_t *c)
{
    c->ssl->no_wait_shutdown = 1;
}

#endif
