/*
 * Force-included in every file of ours by CMake: the functions below have a bounded or checked
 * replacement, so that using one does not compile. Never include it by hand.
 */
#ifndef GATEWAY_CORE_BANNED_H
#define GATEWAY_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef sprintf /* glibc makes macros of these two when clang builds with _FORTIFY_SOURCE */
#undef vsprintf
/* gets is not here: C11 does not declare it, and BoringSSL's headers name a parameter so. */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll

#endif
