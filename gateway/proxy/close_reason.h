/* Why client connections end, listed once: enum, label on /metrics and text follow from it. */
#ifndef GATEWAY_PROXY_CLOSE_REASON_H
#define GATEWAY_PROXY_CLOSE_REASON_H

#define CLOSE_REASONS(X)                                                           \
    X(DONE, "done", "the last response was sent, as announced")                    \
    X(CLIENT_EOF, "client_eof", "the client closed between requests")              \
    X(CLIENT_EOF_IN_HEAD, "client_eof_in_head", "the client closed inside a head") \
    X(CLIENT_EOF_IN_BODY, "client_eof_in_body", "the client closed inside a body") \
    X(CLIENT_RESET, "client_reset", "the client reset the connection")             \
    X(CLIENT_SLOW, "client_slow", "the client was too slow to read")               \
    X(HEAD_TIMEOUT, "head_timeout", "a request head did not come in time")         \
    X(BODY_TIMEOUT, "body_timeout", "a request body stood still for too long")     \
    X(BODY_SLOW, "body_slow", "a request body came below the rate asked for")      \
    X(IDLE_TIMEOUT, "idle_timeout", "no request within the time set")              \
    X(PROXY_HEADER, "proxy_header", "a trusted peer sent no good PROXY header")    \
    X(REFUSED, "refused", "a request was refused and its connection ended")        \
    X(BAD_BODY, "bad_body", "a request body was wrong while its response ran")     \
    X(RESPONSE_BROKEN, "response_broken", "an endpoint ended inside its response") \
    X(RESPONSE_BAD, "response_bad", "an endpoint sent a malformed response body")  \
    X(ANSWER_TIMEOUT, "answer_timeout", "an endpoint began no response in time")   \
    X(RESPONSE_TIMEOUT, "response_timeout", "a response stood still for too long") \
    X(TOTAL_TIMEOUT, "total_timeout", "a request took longer than its route lets") \
    X(LISTENER_FULL, "listener_full", "at once: its listener has too many")        \
    X(CLIENT_FULL, "client_full", "at once: its client address has too many")      \
    X(TENANT_FULL, "tenant_full", "its first request's tenant has too many")       \
    X(SHED, "shed", "no request yet, and its descriptor was needed for others")    \
    X(TUNNEL_DONE, "tunnel_done", "both sides of a tunnel ended")                  \
    X(TUNNEL_BROKEN, "tunnel_broken", "an endpoint broke a tunnel off")            \
    X(TUNNEL_IDLE, "tunnel_idle", "nobody spoke in a tunnel within the time set")  \
    X(H2_ERROR, "h2_error", "the client broke a rule of HTTP/2")                   \
    X(H2_FLOOD, "h2_flood", "an HTTP/2 client made too much work for nothing")     \
    X(DRAIN, "drain", "the gateway is going away")

enum close_reason {
#define X(sym, label, text) CLOSE_##sym,
    CLOSE_REASONS(X)
#undef X
        CLOSE__COUNT
};

const char *close_reason_label(enum close_reason why);
const char *close_reason_text(enum close_reason why);

#endif
