#include "bits.h"

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
