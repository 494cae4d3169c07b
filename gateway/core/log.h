/*
 * Records for people, one line each on stderr: time, level, program, then the sentence. error = a
 * human must act, warn = degraded but serving, info = lifecycle, debug = per request. Values of
 * foreign origin are printed through log's own escaping (control bytes become \xNN). Never secrets,
 * never bodies. Safe from any thread; one write(2) a record.
 */
#ifndef GATEWAY_CORE_LOG_H
#define GATEWAY_CORE_LOG_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_init(const char *program, enum log_level threshold); /* program is borrowed for ever */
/* The same from the word that --log-level got: error, warn, info or debug. */
MUST_USE bool log_init_word(const char *program, const char *word, struct err *e);
enum log_level log_threshold(void);
void log_record(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_record(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_record(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_record(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                          \
    do {                                        \
        if (log_threshold() >= LOG_DEBUG)       \
            log_record(LOG_DEBUG, __VA_ARGS__); \
    } while (0)

#endif
