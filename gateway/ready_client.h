/* `signalbox-gateway --check-ready ADDR:PORT`: what a HEALTHCHECK runs. */
#ifndef GATEWAY_READY_CLIENT_H
#define GATEWAY_READY_CLIENT_H

#include <stdbool.h>

/* Asks /readyz there, at most 3 s, and prints one line. True when the gateway is ready. */
bool ready_client_check(const char *addr_port);

#endif
