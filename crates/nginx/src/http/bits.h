/*
 * Bit fields of a request and of an upstream's settings, read and written by nginx's own compiler;
 * bindgen declares these functions to Rust from here.
 *
 * Its accessors of bit fields count from where the first field begins; since nginx 1.29 that is no
 * multiple of four bytes (in_port_t port stands before), so that from the second word on they hit the
 * wrong bits. Of ngx_http_request_t only those of the first word (count) may be used in Rust.
 */

#ifndef GATEHOUSE_HTTP_BITS_H
#define GATEHOUSE_HTTP_BITS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Each takes a live request. */
ngx_uint_t gatehouse_request_internal(const ngx_http_request_t *r);
ngx_uint_t gatehouse_request_uri_changes(const ngx_http_request_t *r);
void gatehouse_request_set_external(ngx_http_request_t *r);
void gatehouse_request_send_uri(ngx_http_request_t *r);

/* Whether its client speaks TLS: what nginx's $scheme asks. */
ngx_uint_t gatehouse_request_is_tls(const ngx_http_request_t *r);

/* What nginx's own ngx_http_writer() asks before it writes: 0 go on, 1 wait, 2 the time is over. */
ngx_uint_t gatehouse_request_may_write(ngx_http_request_t *r);

/* As ngx_http_set_write_handler() does: the time a client has, and the event when it takes more. */
ngx_int_t gatehouse_request_wait_write(ngx_http_request_t *r);

/* A client that goes while nothing is read from it ends its request. */
ngx_int_t gatehouse_request_watch_client(ngx_http_request_t *r);

void gatehouse_request_timed_out(ngx_http_request_t *r);
ngx_uint_t gatehouse_request_header_only(const ngx_http_request_t *r);

/* What If-Match and its like say of the answer is looked at by who makes it, and not by nginx's filter. */
void gatehouse_request_own_conditions(ngx_http_request_t *r);

/* The longest body of this one request; its location's own client_max_body_size counts no more. */
ngx_int_t gatehouse_request_limit_body(ngx_http_request_t *r, off_t limit);

/* Takes back the last limit, before the request ends: a connection that is kept alive has nginx look at the settings of the
   location when the request's memory is gone (ngx_http_set_keepalive). */
void gatehouse_request_unlimit_body(ngx_http_request_t *r);

/* Takes the settings of a location: whether it is one by the beginning of a path. */
ngx_uint_t gatehouse_location_is_prefix(const ngx_http_core_loc_conf_t *clcf);

/* Likewise: whether it is a named one, which a request enters without a way through its server. */
ngx_uint_t gatehouse_location_is_named(const ngx_http_core_loc_conf_t *clcf);

/* Likewise: whether it is an `if` or a `limit_except` of another one. */
ngx_uint_t gatehouse_location_is_part(const ngx_http_core_loc_conf_t *clcf);

/* A subrequest that asks for something of its own has not the body of its parent: empty, zeroed, living as long. */
void gatehouse_subrequest_without_body(ngx_http_request_t *sr, ngx_http_request_body_t *empty);

/* What a subrequest has that is nobody's but its own, with room for an answer of so many bytes; made before it in its parent's
   pool, NULL when memory is short. A subrequest that has been given it has nothing of the client's but the server's name. */
void *gatehouse_subrequest_own(ngx_http_request_t *r, size_t most);
void gatehouse_subrequest_alone(ngx_http_request_t *sr, void *own);

/* Before the header of a subrequest is sent: what its upstream answers is passed on piece by piece. nginx would keep it until
   its end, in buffers and in a file, and a subrequest in the background gets none of it before; where neither has room for
   more, its end never comes. Not where the answer is kept anyhow (proxy_cache, proxy_store). */
void gatehouse_subrequest_unbuffer(ngx_http_request_t *sr);

/* What is left of an answer that nobody takes any more is dropped: nginx would wait until it is sent, and hold the parent. */
void gatehouse_subrequest_drop_rest(ngx_http_request_t *sr);

/* Ends what the upstream of a live subrequest is waited for, as if it had said nothing for too long. The subrequest, and its
   parent, may be over then. */
void gatehouse_subrequest_give_up(ngx_http_request_t *sr);

/* Stops response lines from being sent that are for some caches only and count more than Cache-Control there: those of RFC 9213,
   such as CDN-Cache-Control, and Surrogate-Control. */
void gatehouse_response_hide_targeted(ngx_http_request_t *r);

#if (NGX_HTTP_CACHE)

ngx_uint_t gatehouse_request_cached(const ngx_http_request_t *r);

/* Takes the settings of an upstream, merged. */
ngx_uint_t gatehouse_upstream_conf_caches(const ngx_http_upstream_conf_t *conf);

#endif

/* Whether a connection that nobody has accepted is idle, as nginx's keepalive leaves those to backends. */
ngx_uint_t gatehouse_connection_is_idle(const ngx_connection_t *c);

/* As ngx_close_idle_connections() does with each. */
void gatehouse_connection_close_idle(ngx_connection_t *c);

/* Whether a request that is answered now switches protocols, with a connection on both sides of its own. */
ngx_uint_t gatehouse_request_is_upgraded(const ngx_http_request_t *r);

/* nginx finds that the backend of an upgraded request has closed, at the loop's next turn. */
void gatehouse_request_end_upgraded(ngx_http_request_t *r);

#endif
