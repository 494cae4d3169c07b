/*
 * Making and reading identity files. BoringSSL makes the key, the self-signed certificate and the
 * random bytes; reading refuses whatever `identity new` would not have written, because a
 * coordinator with half an identity would lock out every fleet. Called by the coordinator's main
 * and by auth.c.
 */
#include "admin/auth/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/hex.h"

enum { CA_DAYS = 3650, DER_MAX = 8192 };

/* ---- making -------------------------------------------------------------------------------------
 */

static EVP_PKEY *new_key(void)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EVP_PKEY *key = EVP_PKEY_new();

    if (ec == NULL || key == NULL || !EC_KEY_generate_key(ec) || !EVP_PKEY_set1_EC_KEY(key, ec)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EC_KEY_free(ec);
    return key;
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/* A positive serial number of 127 bits (RFC 5280 section 4.1.2.2). */
static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    BIGNUM *n;
    bool ok;

    if (!RAND_bytes(bytes, sizeof bytes))
        return false;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
    n = BN_bin2bn(bytes, sizeof bytes, NULL);
    ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_name(X509 *cert)
{
    X509_NAME *name = X509_get_subject_name(cert);
    static const unsigned char cn[] = "Signalbox CA";

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0) &&
           X509_set_issuer_name(cert, name);
}

static X509 *new_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    if (cert == NULL)
        return NULL;
    /* An hour back, so that a node whose clock is a little slow takes it. */
    if (X509_set_version(cert, X509_VERSION_3) && set_serial(cert) && set_name(cert) &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(cert), CA_DAYS, 0, NULL) != NULL &&
        X509_set_pubkey(cert, key) &&
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(cert, NID_subject_key_identifier, "hash") &&
        X509_sign(cert, key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool add_base64(struct buf *b, const char *word, const uint8_t *bytes, size_t n)
{
    uint8_t text[DER_MAX * 2];
    bool ok;

    ASSERT(n <= DER_MAX);
    EVP_EncodeBlock(text, bytes, n);
    ok = buf_add_fmt(b, "%s %s\n", word, (const char *)text);
    OPENSSL_cleanse(text, sizeof text);
    return ok;
}

static bool add_key(struct buf *b, EVP_PKEY *key)
{
    CBB cbb;
    uint8_t *der = NULL;
    size_t n = 0;
    bool ok = false;

    if (CBB_init(&cbb, 256) && EVP_marshal_private_key(&cbb, key) && CBB_finish(&cbb, &der, &n))
        ok = add_base64(b, "ca-key", der, n);
    else
        CBB_cleanup(&cbb);
    if (der != NULL)
        OPENSSL_cleanse(der, n);
    OPENSSL_free(der);
    return ok;
}

static bool add_certificate(struct buf *b, X509 *cert)
{
    uint8_t *der = NULL;
    int n = i2d_X509(cert, &der);
    bool ok = n > 0 && add_base64(b, "ca-cert", der, (size_t)n);

    OPENSSL_free(der);
    return ok;
}

static bool add_token_key(struct buf *b)
{
    uint8_t bytes[IDENTITY_TOKEN_KEY];
    bool ok = RAND_bytes(bytes, sizeof bytes) && add_base64(b, "token-key", bytes, sizeof bytes);

    OPENSSL_cleanse(bytes, sizeof bytes);
    return ok;
}

bool identity_new(struct buf *b, struct err *e)
{
    EVP_PKEY *key = new_key();
    X509 *cert = key != NULL ? new_certificate(key) : NULL;
    bool ok = cert != NULL && buf_add_str(b, STR("signalbox-identity 1\n")) && add_key(b, key) &&
              add_certificate(b, cert) && add_token_key(b);

    X509_free(cert);
    EVP_PKEY_free(key);
    return ok || err_set(e, "CannotMake", "", "the cryptographic library could not make a key");
}

/* ---- reading ------------------------------------------------------------------------------------
 */

struct field {
    const char *word;
    uint8_t bytes[DER_MAX];
    size_t n;
    bool seen;
};

enum { FIELD_CA_KEY, FIELD_CA_CERT, FIELD_TOKEN_KEY, FIELD__COUNT };

static bool read_line(struct field *fields, struct str line, struct err *e)
{
    struct str rest = line;
    struct str word;

    if (!str_split(&rest, ' ', &word))
        return err_set(e, "BadIdentity", "", "a line of the identity is empty");
    for (size_t i = 0; i < FIELD__COUNT; i++) {
        struct field *f = &fields[i];

        if (!str_eq(word, str_from(f->word)))
            continue;
        if (f->seen)
            return err_set(e, "BadIdentity", f->word, "the identity has two lines \"%s\"", f->word);
        f->seen = true;
        if (rest.n == 0 || rest.n > DER_MAX ||
            !EVP_DecodeBase64(f->bytes, &f->n, sizeof f->bytes, (const uint8_t *)rest.p, rest.n))
            return err_set(e, "BadIdentity", f->word, "the line \"%s\" is no base64", f->word);
        return true;
    }
    /* What stands there may be half a key: it is not repeated. */
    return err_set(e, "BadIdentity", "", "the identity has a line that begins with no known word");
}

/* An identity that went through an editor or a clipboard may end its lines as Windows does. */
static bool next_line(struct str *rest, struct str *out)
{
    if (rest->n == 0 || !str_split(rest, '\n', out))
        return false;
    if (out->n > 0 && out->p[out->n - 1] == '\r')
        out->n--;
    return true;
}

static bool read_lines(struct field *fields, struct str text, struct err *e)
{
    struct str rest = text;
    struct str line;

    if (!next_line(&rest, &line) || !str_eq(line, STR("signalbox-identity 1")))
        return err_set(e, "BadIdentity", "",
                       "this is no identity: make one with \"signalbox-coordinator identity new\"");
    while (next_line(&rest, &line)) {
        if (!read_line(fields, line, e))
            return false;
    }
    for (size_t i = 0; i < FIELD__COUNT; i++) {
        if (!fields[i].seen)
            return err_set(e, "BadIdentity", fields[i].word, "the identity has no line \"%s\"",
                           fields[i].word);
    }
    return true;
}

static EVP_PKEY *parse_key(const struct field *f)
{
    CBS cbs;
    EVP_PKEY *key;

    CBS_init(&cbs, f->bytes, f->n);
    key = EVP_parse_private_key(&cbs);
    if (key != NULL && (CBS_len(&cbs) != 0 || EVP_PKEY_id(key) != EVP_PKEY_EC)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static X509 *parse_certificate(const struct field *f)
{
    const uint8_t *p = f->bytes;
    X509 *cert = d2i_X509(NULL, &p, (long)f->n);

    if (cert != NULL && p != f->bytes + f->n) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static bool is_p256(EVP_PKEY *key)
{
    const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(key);

    return EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) == NID_X9_62_prime256v1;
}

static bool check_pair(const struct field *key_field, const struct field *cert_field, struct err *e)
{
    EVP_PKEY *key = parse_key(key_field);
    X509 *cert = parse_certificate(cert_field);
    bool ok = true;

    if (key == NULL || !is_p256(key))
        ok = err_set(e, "BadIdentity", "ca-key", "the CA's key is no PKCS#8 P-256 key");
    else if (cert == NULL)
        ok = err_set(e, "BadIdentity", "ca-cert", "the CA's certificate is no DER certificate");
    else if (!X509_check_private_key(cert, key))
        ok = err_set(e, "BadIdentity", "ca-key", "the CA's key does not belong to its certificate");
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

static void set_pin(struct identity *id, const struct field *cert)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];

    SHA256(cert->bytes, cert->n, sum);
    hex_write(sum, sizeof sum, id->pin);
}

static bool take_fields(const struct field *fields, struct identity *out, struct err *e)
{
    if (!check_pair(&fields[FIELD_CA_KEY], &fields[FIELD_CA_CERT], e))
        return false;
    if (fields[FIELD_TOKEN_KEY].n != IDENTITY_TOKEN_KEY)
        return err_set(e, "BadIdentity", "token-key", "the token key must have %d bytes",
                       (int)IDENTITY_TOKEN_KEY);
    memcpy(out->token_key, fields[FIELD_TOKEN_KEY].bytes, IDENTITY_TOKEN_KEY);
    set_pin(out, &fields[FIELD_CA_CERT]);
    return true;
}

bool identity_parse(struct str text, struct identity *out, struct err *e)
{
    struct field fields[FIELD__COUNT] = {
        [FIELD_CA_KEY] = {.word = "ca-key"},
        [FIELD_CA_CERT] = {.word = "ca-cert"},
        [FIELD_TOKEN_KEY] = {.word = "token-key"},
    };
    bool ok;

    memset(out, 0, sizeof *out);
    if (text.n > IDENTITY_FILE_MAX)
        return err_set(e, "BadIdentity", "", "the identity is larger than %d bytes",
                       (int)IDENTITY_FILE_MAX);
    ok = read_lines(fields, text, e) && take_fields(fields, out, e);
    OPENSSL_cleanse(fields, sizeof fields);
    return ok;
}

static ssize_t read_file(const char *path, char *out, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got = 1;

    if (fd < 0)
        return -1;
    while (n < max && got > 0) {
        got = read(fd, out + n, max - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    fd_close(&fd);
    return got < 0 ? -1 : (ssize_t)n;
}

bool identity_load(const char *path, struct identity *out, struct err *e)
{
    char *text = xcalloc(1, IDENTITY_FILE_MAX + 1);
    ssize_t n = read_file(path, text, IDENTITY_FILE_MAX + 1);
    bool ok = n >= 0 ? identity_parse((struct str){text, (size_t)n}, out, e)
                     : err_set_errno(e, "NoIdentity", "--identity", "cannot read %s", path);

    OPENSSL_cleanse(text, IDENTITY_FILE_MAX + 1);
    free(text);
    return ok;
}

void identity_wipe(struct identity *id)
{
    OPENSSL_cleanse(id, sizeof *id);
}
