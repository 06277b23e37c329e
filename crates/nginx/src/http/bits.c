#include "bits.h"

ngx_uint_t
gatehouse_request_uri_changes(const ngx_http_request_t *r)
{
    return r->uri_changes;
}

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

ngx_uint_t
gatehouse_request_may_write(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;

    if (wev->timedout) {
        return 2;
    }

    if (wev->delayed || r->aio) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK ? 1 : 2;
    }

    return 0;
}

ngx_int_t
gatehouse_request_wait_write(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}

ngx_int_t
gatehouse_request_watch_client(ngx_http_request_t *r)
{
    r->read_event_handler = r->discard_body ? ngx_http_discarded_request_body_handler
                                            : ngx_http_test_reading;

    return ngx_handle_read_event(r->connection->read, 0);
}

void
gatehouse_request_timed_out(ngx_http_request_t *r)
{
    r->connection->timedout = 1;
}

ngx_uint_t
gatehouse_request_is_tls(const ngx_http_request_t *r)
{
    /* With the one the other is there, too: this may be loaded into an nginx that has TLS where the one it was made for has not. */
#if (NGX_HTTP_SSL || NGX_COMPAT)
    return r->connection->ssl != NULL;
#else
    return 0;
#endif
}

ngx_uint_t
gatehouse_request_header_only(const ngx_http_request_t *r)
{
    return r->header_only;
}

void
gatehouse_request_own_conditions(ngx_http_request_t *r)
{
    r->disable_not_modified = 1;
}

ngx_int_t
gatehouse_request_limit_body(ngx_http_request_t *r, off_t limit)
{
    void                     **conf;
    ngx_http_core_loc_conf_t  *clcf;

    /* The last one is the table that this one stands in for. */
    conf = ngx_palloc(r->pool, (ngx_http_max_module + 1) * sizeof(void *));
    clcf = ngx_palloc(r->pool, sizeof(ngx_http_core_loc_conf_t));

    if (conf == NULL || clcf == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(conf, r->loc_conf, ngx_http_max_module * sizeof(void *));
    *clcf = *(ngx_http_core_loc_conf_t *) conf[ngx_http_core_module.ctx_index];

    clcf->client_max_body_size = limit;
    conf[ngx_http_core_module.ctx_index] = clcf;
    conf[ngx_http_max_module] = r->loc_conf;
    r->loc_conf = conf;

    return NGX_OK;
}

void
gatehouse_request_unlimit_body(ngx_http_request_t *r)
{
    r->loc_conf = r->loc_conf[ngx_http_max_module];
}

ngx_uint_t
gatehouse_location_is_named(const ngx_http_core_loc_conf_t *clcf)
{
    return clcf->named;
}

ngx_uint_t
gatehouse_location_is_part(const ngx_http_core_loc_conf_t *clcf)
{
    return clcf->noname;
}

ngx_uint_t
gatehouse_location_is_prefix(const ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)

    if (clcf->regex) {
        return 0;
    }

#endif

    return !clcf->exact_match && !clcf->named && !clcf->noname;
}

void
gatehouse_subrequest_without_body(ngx_http_request_t *sr, ngx_http_request_body_t *empty)
{
    sr->request_body = empty;
    sr->headers_in.content_length = NULL;
    sr->headers_in.content_length_n = -1;
    sr->headers_in.chunked = 0;
}

typedef struct {
    ngx_table_elt_t             header;
    ngx_chain_t                 out;
    ngx_http_variable_value_t  *variables;
} gatehouse_subrequest_own_t;

void *
gatehouse_subrequest_own(ngx_http_request_t *r, size_t most)
{
    gatehouse_subrequest_own_t  *own;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    own = ngx_pcalloc(r->pool, sizeof(gatehouse_subrequest_own_t));
    if (own == NULL) {
        return NULL;
    }

    own->variables = ngx_pcalloc(r->pool, cmcf->variables.nelts
                                          * sizeof(ngx_http_variable_value_t));
    own->out.buf = ngx_create_temp_buf(r->pool, most);

    if (own->variables == NULL || own->out.buf == NULL) {
        return NULL;
    }

    own->out.buf->last_buf = 1;

    return own;
}

void
gatehouse_subrequest_alone(ngx_http_request_t *sr, void *data)
{
    ngx_str_t                    server;
    ngx_list_t                  *headers;
    gatehouse_subrequest_own_t  *own;

    own = data;

    /* The name by which the server was found. */
    server = sr->headers_in.server;
    ngx_memzero(&sr->headers_in, sizeof(ngx_http_headers_in_t));
    sr->headers_in.server = server;
    sr->headers_in.content_length_n = -1;
    sr->headers_in.keep_alive_n = -1;

    headers = &sr->headers_in.headers;
    headers->part.elts = &own->header;
    headers->last = &headers->part;
    headers->size = sizeof(ngx_table_elt_t);
    headers->nalloc = 1;
    headers->pool = sr->pool;

    sr->variables = own->variables;
    sr->unparsed_uri = sr->uri;

    /* What the postpone filter would make of subrequest_output_buffer_size. */
    sr->out = &own->out;
}

void
gatehouse_subrequest_unbuffer(ngx_http_request_t *sr)
{
    ngx_http_upstream_t  *u;

    u = sr->upstream;

#if (NGX_HTTP_CACHE)
    if (u != NULL && u->cacheable) {
        return;
    }
#endif

    if (u != NULL && !u->store) {
        u->buffering = 0;
    }
}

static ngx_uint_t
gatehouse_ends_in(const ngx_str_t *name, const char *end, size_t len)
{
    return name->len >= len
           && ngx_strncasecmp(name->data + name->len - len, (u_char *) end, len)
              == 0;
}

void
gatehouse_response_hide_targeted(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *line;

    for (part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        line = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (gatehouse_ends_in(&line[i].key, "-cache-control", 14)
                || gatehouse_ends_in(&line[i].key, "surrogate-control", 17))
            {
                line[i].hash = 0;
            }
        }
    }
}

void
gatehouse_subrequest_drop_rest(ngx_http_request_t *sr)
{
    sr->buffered = 0;
}

void
gatehouse_subrequest_give_up(ngx_http_request_t *sr)
{
    ngx_event_t  *rev;

    if (sr->upstream == NULL || sr->upstream->peer.connection == NULL) {
        return;
    }

    rev = sr->upstream->peer.connection->read;

    /* limit_rate: nginx takes a timeout for the end of its pause */
    rev->delayed = 0;
    rev->timedout = 1;
    rev->handler(rev);
}

ngx_uint_t
gatehouse_connection_is_idle(const ngx_connection_t *c)
{
    return c->fd != (ngx_socket_t) -1 && c->idle && c->listening == NULL
           && c->read->handler != NULL;
}

void
gatehouse_connection_close_idle(ngx_connection_t *c)
{
    c->close = 1;
    c->read->handler(c->read);
}

ngx_uint_t
gatehouse_request_is_upgraded(const ngx_http_request_t *r)
{
    return r->upstream != NULL && r->upstream->upgrade
           && r->http_version == NGX_HTTP_VERSION_11 && r == r->main
           && r->connection->data == r
           && r->upstream->peer.connection != NULL
           && r->upstream->peer.connection->data == r;
}

void
gatehouse_request_end_upgraded(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->upstream->peer.connection;

    if (c != NULL && c->fd != (ngx_socket_t) -1) {
        (void) shutdown(c->fd, SHUT_RDWR);
    }
}
