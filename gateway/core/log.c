/*
 * One record, one line, one write(2) on stderr. No buffering and no locks: lines of different
 * threads never mix because a write of at most PIPE_BUF bytes is whole.
 */
#include "gateway/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *program_name = "signalbox";
static atomic_int threshold_now = LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(const char *program, enum log_level threshold)
{
    program_name = program;
    atomic_store_explicit(&threshold_now, (int)threshold, memory_order_relaxed);
}

bool log_init_word(const char *program, const char *word, struct err *e)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (strcmp(word, level_names[i]) == 0) {
            log_init(program, (enum log_level)i);
            return true;
        }
    return err_set(e, "BadOption", "--log-level", "--log-level takes error, warn, info or debug");
}

enum log_level log_threshold(void)
{
    return (enum log_level)atomic_load_explicit(&threshold_now, memory_order_relaxed);
}

/* Copies with control bytes as \xNN; stops where the line is full. */
static size_t add_escaped(char *line, size_t n, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    for (; *text != '\0' && n < LINE_MAX_BYTES - 5; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c != 0x7f) {
            line[n++] = *text;
            continue;
        }
        line[n++] = '\\';
        line[n++] = 'x';
        line[n++] = hex[c >> 4];
        line[n++] = hex[c & 15];
    }
    return n;
}

void log_record(enum log_level level, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm tm;
    va_list ap;
    int saved = errno;

    if (level > log_threshold())
        return;
    va_start(ap, fmt);
    int text_len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (text_len < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);

    n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03ldZ %s %s[%d]: ", now.tv_nsec / 1000000,
                          level_names[level], program_name, (int)getpid());
    n = add_escaped(line, n, text);
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, n);

    (void)ignored; /* a log that cannot be written must not stop the service */
    errno = saved;
}
