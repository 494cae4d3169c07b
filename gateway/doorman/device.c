/*
 * Finds the interface of an address or of the default route. A passed socket carries the host's
 * network namespace; bound to a device it reaches nothing but what is behind that device, so every
 * listener that is not loopback gets one before it leaves the doorman. Called at start only.
 */
#include "gateway/doorman/device.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/route.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"

enum { ROUTE_TEXT_MAX = 1 << 20, FIELDS_MAX = 12, RTF_REJECT_V6 = 0x200 };

/* Splits one line at runs of blanks. */
static size_t split_fields(struct str line, struct str out[FIELDS_MAX])
{
    size_t num = 0;
    size_t i = 0;

    while (num < FIELDS_MAX) {
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
            i++;
        if (i == line.n)
            break;
        size_t start = i;

        while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t')
            i++;
        out[num++] = (struct str){line.p + start, i - start};
    }
    return num;
}

static bool parse_hex(struct str s, uint32_t *out)
{
    uint32_t v = 0;

    if (s.n == 0 || s.n > 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = memchr(digits, s.p[i] | 0x20, 16);

        if (at == NULL)
            return false;
        v = v << 4 | (uint32_t)(at - digits);
    }
    *out = v;
    return true;
}

static bool all_zero(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '0')
            return false;
    return s.n > 0;
}

struct best_route {
    bool found;
    uint64_t metric;
    char *device;
};

static void consider(struct best_route *best, struct str device, uint64_t metric)
{
    if (device.n == 0 || device.n >= IFNAMSIZ || str_eq(device, STR("lo")))
        return;
    if (best->found && metric >= best->metric)
        return;
    best->found = true;
    best->metric = metric;
    memcpy(best->device, device.p, device.n);
    best->device[device.n] = '\0';
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
bool device_default_v4(struct str route_table, char out[IFNAMSIZ])
{
    struct best_route best = {.device = out};
    struct str line;

    while (str_split(&route_table, '\n', &line)) {
        struct str f[FIELDS_MAX];
        uint32_t flags;
        uint64_t metric;

        if (split_fields(line, f) < 8 || !all_zero(f[1]) || !all_zero(f[7]) ||
            !parse_hex(f[3], &flags) || !str_to_u64(f[6], UINT32_MAX, &metric))
            continue;
        if ((flags & RTF_UP) != 0 && (flags & RTF_REJECT) == 0)
            consider(&best, f[0], metric);
    }
    return best.found;
}

/* destination prefix-length source prefix-length next-hop metric references use flags device */
bool device_default_v6(struct str route_table, char out[IFNAMSIZ])
{
    struct best_route best = {.device = out};
    struct str line;

    while (str_split(&route_table, '\n', &line)) {
        struct str f[FIELDS_MAX];
        uint32_t flags;
        uint32_t metric;

        if (split_fields(line, f) < 10 || !all_zero(f[0]) || !all_zero(f[1]) ||
            !parse_hex(f[5], &metric) || !parse_hex(f[8], &flags))
            continue;
        if ((flags & RTF_UP) != 0 && (flags & RTF_REJECT_V6) == 0)
            consider(&best, f[9], metric);
    }
    return best.found;
}

/* NULL with errno; free() the bytes. The kernel's files have no size to ask for. */
static char *read_text(const char *path, size_t *out_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : xmalloc(ROUTE_TEXT_MAX);
    ssize_t n = 1;

    *out_len = 0;
    while (text != NULL && n > 0 && *out_len < ROUTE_TEXT_MAX) {
        n = read(fd, text + *out_len, ROUTE_TEXT_MAX - *out_len);
        if (n > 0)
            *out_len += (size_t)n;
    }
    fd_close(&fd);
    return text;
}

static bool choose_default(struct listen_spec *spec, struct err *e)
{
    bool v6 = spec->addr.sa.sa_family == AF_INET6;
    size_t len;
    char *text = read_text(v6 ? "/proc/self/net/ipv6_route" : "/proc/self/net/route", &len);
    struct str table = {text, len};
    bool found = text != NULL && (v6 ? device_default_v6(table, spec->device)
                                     : device_default_v4(table, spec->device));

    free(text);
    if (found)
        return true;
    return err_set(e, "NoDevice", "--listen",
                   "There is no default route for %s, so no interface can guard this listener: "
                   "name one with @DEVICE, or listen on one address.",
                   spec->text);
}

static bool same_address(const struct sockaddr *a, const struct listen_spec *spec)
{
    if (a == NULL || a->sa_family != spec->addr.sa.sa_family)
        return false;
    if (a->sa_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                      &spec->addr.in6.sin6_addr, sizeof(struct in6_addr)) == 0;
    return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
           spec->addr.in.sin_addr.s_addr;
}

static bool choose_owner(struct listen_spec *spec, struct err *e)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) != 0)
        return err_set_errno(e, "NoDevice", "--listen", "The interfaces cannot be listed");
    for (struct ifaddrs *a = all; a != NULL && spec->device[0] == '\0'; a = a->ifa_next)
        if (same_address(a->ifa_addr, spec))
            snprintf(spec->device, IFNAMSIZ, "%s", a->ifa_name);
    freeifaddrs(all);
    if (spec->device[0] != '\0')
        return true;
    return err_set(e, "NoDevice", "--listen",
                   "No interface of this host has the address of %s: check it, or name an "
                   "interface with @DEVICE.",
                   spec->text);
}

bool device_choose(struct listen_spec *spec, struct err *e)
{
    if (spec->loopback)
        return true;
    if (spec->device[0] != '\0') {
        if (if_nametoindex(spec->device) != 0)
            return true;
        return err_set(e, "NoDevice", "--listen", "There is no network interface \"%s\" (for %s).",
                       spec->device, spec->text);
    }
    return spec->wildcard ? choose_default(spec, e) : choose_owner(spec, e);
}
