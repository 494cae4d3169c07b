/*
 * Why the gateway answers a request itself, listed once: symbol, label on /metrics and in the
 * access log, status, Proxy-Status error (RFC 9209 section 2.3, or a word of ours), what ends the
 * connection (DONE: it may stay), text. How a request that was relayed ends is close_reason.h's.
 */
#ifndef GATEWAY_PROXY_REPLY_REASON_H
#define GATEWAY_PROXY_REPLY_REASON_H

#define REPLY_REASONS(X)                                                                          \
    X(REFUSED_REQUEST, "refused", 400, "http_request_error", REFUSED,                             \
      "the request is malformed; signalbox_refused_total says how")                               \
    X(BAD_HOST, "bad_host", 400, "http_request_error", REFUSED, "the Host field is no host name") \
    X(BAD_PATH, "bad_path", 400, "http_request_error", REFUSED,                                   \
      "the path has a dot segment, %00 or a % without two hexadecimal digits")                    \
    X(NOT_IMPLEMENTED, "not_implemented", 501, "http_request_denied", REFUSED,                    \
      "CONNECT and TRACE are not served here")                                                    \
    X(REQUEST_TIMEOUT, "request_timeout", 408, "http_request_error", HEAD_TIMEOUT,                \
      "the request did not arrive in time")                                                       \
    X(BODY_TIMEOUT, "body_timeout", 408, "http_request_error", BODY_TIMEOUT,                      \
      "the body of the request did not arrive in time")                                           \
    X(BODY_SLOW, "body_slow", 408, "http_request_error", BODY_SLOW,                               \
      "the body of the request came too slowly")                                                  \
    X(BODY_TOO_LARGE, "body_too_large", 413, "http_request_error", REFUSED,                       \
      "the request body is larger than this service takes")                                       \
    X(NO_ROUTE, "no_route", 503, "destination_not_found", DONE,                                   \
      "no service answers for this host")                                                         \
    X(NO_PATH, "no_path", 404, "destination_not_found", DONE, "no service answers for this path") \
    X(NO_ENDPOINT, "no_endpoint", 503, "destination_unavailable", DONE,                           \
      "the service of this host has no running task")                                             \
    X(RATE_LIMITED, "rate_limited", 429, "http_request_denied", DONE,                             \
      "too many requests a second for this service")                                              \
    X(TENANT_RATE_LIMITED, "tenant_rate_limited", 429, "http_request_denied", DONE,               \
      "too many requests a second for this tenant")                                               \
    X(ROUTE_BUSY, "route_busy", 503, "connection_limit_reached", DONE,                            \
      "too many requests of this service are under way")                                          \
    X(TENANT_BUSY, "tenant_busy", 503, "connection_limit_reached", DONE,                          \
      "too many requests of this tenant are under way")                                           \
    X(TENANT_FULL, "tenant_full", 503, "connection_limit_reached", TENANT_FULL,                   \
      "too many connections of this tenant are open")                                             \
    X(POOL_BUSY, "pool_busy", 503, "connection_limit_reached", DONE,                              \
      "the tasks of this service are at their limit")                                             \
    X(QUEUE_TIMEOUT, "queue_timeout", 503, "connection_limit_reached", DONE,                      \
      "the tasks of this service were at their limit for too long")                               \
    X(CONNECT_FAILED, "connect_failed", 502, "connection_refused", DONE,                          \
      "the service refused the connection")                                                       \
    X(CONNECT_TIMEOUT, "connect_timeout", 504, "connection_timeout", DONE,                        \
      "the service could not be reached in time")                                                 \
    X(BROKEN, "broken", 502, "connection_terminated", DONE,                                       \
      "the service closed without an answer")                                                     \
    X(BAD_RESPONSE, "bad_response", 502, "http_protocol_error", DONE,                             \
      "the service sent a malformed answer")                                                      \
    X(RESPONSE_TIMEOUT, "response_timeout", 504, "http_response_timeout", ANSWER_TIMEOUT,         \
      "the service did not answer in time")                                                       \
    X(TOTAL_TIMEOUT, "total_timeout", 504, "http_response_timeout", TOTAL_TIMEOUT,                \
      "the request took longer than it may")                                                      \
    X(REDIRECT, "redirect", 302, "", DONE, "the route redirects, with its own status")            \
    X(RESPOND, "respond", 200, "", DONE, "the route answers, with its own status")

enum reply {
#define X(sym, label, status, error, ends, text) REPLY_##sym,
    REPLY_REASONS(X)
#undef X
        REPLY__COUNT
};

const char *reply_label(enum reply which);

#endif
