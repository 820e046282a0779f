/* `smartctl token`: an access token for tests and demos, signed by libjwt. */

#define _POSIX_C_SOURCE 200809L

#include "smartctl.h"

#include <errno.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char smartctl_token_usage[] =
    "smartctl token --key <private.pem> [option ...]\n"
    "    Prints a signed JWT access token.\n"
    "    --key <file>           private key, PEM: RSA or EC (`smartctl keys` makes one)\n"
    "    --alg <alg>            RS256 RS384 RS512 ES256 ES384 ES512; default: RS256, or what the "
    "curve asks\n"
    "    --kid <text>           key id of the header; default: none\n"
    "    --iss --aud --sub --client-id --scope --patient --encounter --fhir-user <text>\n"
    "                           claims; --aud may be repeated\n"
    "    --expires-in <seconds> default 300; may be negative\n"
    "    --claim <name>=<json>  any claim, as JSON: --claim 'tenant=\"a\"' (repeatable; null takes "
    "a claim out)\n";

typedef struct {
    const char *key_path;
    const char *alg;
    const char *kid;
    long expires_in;
    json_t *claims;
} options_t;

/* Options that are claims with a text for a value. */
static const struct {
    const char *option;
    const char *claim;
} text_claims[] = {
    {"iss", "iss"},
    {"sub", "sub"},
    {"client-id", "client_id"},
    {"scope", "scope"},
    {"patient", "patient"},
    {"encounter", "encounter"},
    {"fhir-user", "fhirUser"},
};

static const struct {
    const char *name;
    jwt_alg_t alg;
} algorithms[] = {
    {"RS256", JWT_ALG_RS256}, {"RS384", JWT_ALG_RS384}, {"RS512", JWT_ALG_RS512},
    {"ES256", JWT_ALG_ES256}, {"ES384", JWT_ALG_ES384}, {"ES512", JWT_ALG_ES512},
};

static bool set_text(json_t *claims, const char *name, const char *value)
{
    return json_object_set_new(claims, name, json_string(value)) == 0;
}

/* One audience is a string, several are an array (RFC 7519 section 4.1.3). */
static bool add_audience(json_t *claims, const char *value)
{
    json_t *earlier = json_object_get(claims, "aud"), *list;

    if (earlier == NULL) {
        return set_text(claims, "aud", value);
    }
    if (json_is_array(earlier)) {
        return json_array_append_new(earlier, json_string(value)) == 0;
    }
    list = json_array();
    return json_array_append(list, earlier) == 0 &&
           json_array_append_new(list, json_string(value)) == 0 &&
           json_object_set_new(claims, "aud", list) == 0;
}

static bool add_json(json_t *claims, const char *text)
{
    const char *equals = strchr(text, '=');
    json_error_t error;
    json_t *value;
    char *name;
    bool done;

    if (equals == NULL || equals == text) {
        return false;
    }
    value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    name = strndup(text, (size_t) (equals - text));
    done = value != NULL && name != NULL && json_object_set(claims, name, value) == 0;
    free(name);
    json_decref(value);
    return done;
}

static bool set_number(const char *text, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text;
}

static bool set_option(options_t *options, const char *name, const char *value)
{
    size_t i;

    if (value == NULL) {
        return false;
    }
    for (i = 0; i < sizeof(text_claims) / sizeof(text_claims[0]); i++) {
        if (strcmp(name, text_claims[i].option) == 0) {
            return set_text(options->claims, text_claims[i].claim, value);
        }
    }
    if (strcmp(name, "aud") == 0) {
        return add_audience(options->claims, value);
    }
    if (strcmp(name, "claim") == 0) {
        return add_json(options->claims, value);
    }
    if (strcmp(name, "expires-in") == 0) {
        return set_number(value, &options->expires_in);
    }
    if (strcmp(name, "key") == 0) {
        options->key_path = value;
    } else if (strcmp(name, "alg") == 0) {
        options->alg = value;
    } else if (strcmp(name, "kid") == 0) {
        options->kid = value;
    } else {
        return false;
    }
    return true;
}

/* RFC 7518 section 3.4: the curve says which. */
static const char *default_algorithm(const char *pem, size_t n)
{
    BIO *bio = BIO_new_mem_buf(pem, (int) n);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    const char *alg = NULL;
    int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        alg = "RS256";
    } else if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        alg = bits == 256 ? "ES256" : bits == 384 ? "ES384" : bits == 521 ? "ES512" : NULL;
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    return alg;
}

static bool find_algorithm(const char *name, jwt_alg_t *alg)
{
    size_t i;

    for (i = 0; name != NULL && i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            *alg = algorithms[i].alg;
            return true;
        }
    }
    return false;
}

static char *sign(const options_t *options, const char *pem, size_t pem_n, jwt_alg_t alg)
{
    char *claims = json_dumps(options->claims, JSON_COMPACT), *token = NULL;
    jwt_t *jwt = NULL;

    if (claims != NULL && jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        (options->kid == NULL || jwt_add_header(jwt, "kid", options->kid) == 0) &&
        jwt_set_alg(jwt, alg, (const unsigned char *) pem, (int) pem_n) == 0) {
        token = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    free(claims);
    return token;
}

/* Claims that --claim did not set (or take out, by null). */
static void set_times(options_t *options)
{
    json_int_t now = (json_int_t) time(NULL);
    const char *name;
    json_t *value;
    void *next;

    if (json_object_get(options->claims, "iat") == NULL) {
        (void) json_object_set_new(options->claims, "iat", json_integer(now));
    }
    if (json_object_get(options->claims, "exp") == NULL) {
        (void) json_object_set_new(options->claims, "exp", json_integer(now + options->expires_in));
    }
    json_object_foreach_safe(options->claims, next, name, value)
    {
        if (json_is_null(value)) {
            (void) json_object_del(options->claims, name);
        }
    }
}

static int print_token(options_t *options)
{
    size_t n;
    jwt_alg_t alg;
    char *pem = smartctl_read(options->key_path, &n), *token;

    if (pem == NULL) {
        return SMARTCTL_USAGE;
    }
    if (!find_algorithm(options->alg != NULL ? options->alg : default_algorithm(pem, n), &alg)) {
        free(pem);
        return smartctl_fail(SMARTCTL_USAGE, "this key or algorithm is not for libjwt: "
                                             "RS256 RS384 RS512 ES256 ES384 ES512 are");
    }
    set_times(options);
    token = sign(options, pem, n, alg);
    free(pem);
    if (token == NULL) {
        return smartctl_fail(SMARTCTL_REFUSED, "the token could not be signed with this key");
    }
    (void) printf("%s\n", token);
    free(token);
    return SMARTCTL_OK;
}

int smartctl_token(int argc, char **argv)
{
    options_t options = {NULL, NULL, NULL, 300, NULL};
    const char *name, *value;
    int at = 0, code = SMARTCTL_OK;

    options.claims = json_object();
    while (code == SMARTCTL_OK && smartctl_option(argc, argv, &at, &name, &value)) {
        if (!set_option(&options, name, value)) {
            code = smartctl_fail(SMARTCTL_USAGE, "wrong option --%s", name);
        }
    }
    if (code == SMARTCTL_OK && (at != argc || options.key_path == NULL)) {
        code =
            smartctl_fail(SMARTCTL_USAGE, at != argc ? "unexpected argument" : "--key is needed");
    }
    if (code == SMARTCTL_OK) {
        code = print_token(&options);
    } else {
        (void) fputs(smartctl_token_usage, stderr);
    }
    json_decref(options.claims);
    return code;
}
