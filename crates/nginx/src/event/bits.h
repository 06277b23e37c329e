/*
 * Bit fields of a connection's TLS, read and written by nginx's own compiler; bindgen declares these
 * functions to Rust from here.
 *
 * Its accessors of bit fields count from where the first field begins; here a byte stands before, so
 * that they hit the wrong bits.
 */

#ifndef GATEHOUSE_EVENT_BITS_H
#define GATEHOUSE_EVENT_BITS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#if (NGX_SSL)

/* Each takes a connection with TLS. */
ngx_uint_t gatehouse_ssl_handshaked(const ngx_connection_t *c);
void gatehouse_ssl_no_wait(ngx_connection_t *c);

#endif

#endif
