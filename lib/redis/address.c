/* redis:// and unix:// texts, without I/O.
 *
 * Strict: what is not understood is refused and named, so that a mistyped option does not silently
 * lead to another server. No message ever holds a part of the URI that may be a password, and the
 * password is wiped when the address is freed. */
#include "redis/internal.h"

#define PORT_DEFAULT 6379
#define PORT_HIGHEST 65535
#define PATH_LONGEST (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static entc_status refuse(entc_error **reterr, const char *what)
{
    error_set(reterr, ENTC_E_INVALID, "redis", "redis.uri %s", what);
    error_hint(reterr,
               "write redis://[user[:password]@]host[:port][/db] or unix:///path[?db=N]; in "
               "user and password write %%40 for @, %%3A for :, %%2F for / and %%25 for %%");
    return ENTC_E_INVALID;
}

static bool starts_with(struct span text, const char *head)
{
    const size_t length = strlen(head);

    return text.length >= length && memcmp(text.bytes, head, length) == 0;
}

static struct span skip(struct span text, size_t length)
{
    return (struct span){text.bytes + length, text.length - length};
}

/* Cuts `text` at the first `c`: returns what is before it and leaves what is behind it. False:
 * there is none. */
static bool cut(struct span *text, char c, struct span *ret_before)
{
    const char *at = text->length ? memchr(text->bytes, c, text->length) : NULL;

    if (!at)
        return false;
    *ret_before = (struct span){text->bytes, (size_t)(at - text->bytes)};
    *text = skip(*text, ret_before->length + 1);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Copies with %XX decoded (RFC 3986, 2.1). */
static entc_status decode(const struct redis_address *address, struct span text, char **ret_text,
                          entc_error **reterr)
{
    char *copy = base_allocate(address->allocator, text.length + 1);
    size_t length = 0;
    bool is_bad = false;

    if (!copy)
        return error_no_memory(reterr);
    for (size_t i = 0; i < text.length && !is_bad; i++) {
        int byte = (unsigned char)text.bytes[i];

        if (byte == '%') {
            const int high = i + 2 < text.length ? hex_digit(text.bytes[i + 1]) : -1;
            const int low = i + 2 < text.length ? hex_digit(text.bytes[i + 2]) : -1;

            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        is_bad = byte == 0;
        copy[length++] = (char)byte;
    }
    copy[length] = '\0';
    if (is_bad) {
        base_wipe(copy, text.length + 1);
        base_release(address->allocator, copy);
        return refuse(reterr, "has a percent sign that is not followed by two hex digits, or a "
                              "NUL");
    }
    *ret_text = copy;
    return ENTC_OK;
}

/* user[:password] */
static entc_status parse_identity(struct redis_address *address, struct span text,
                                  entc_error **reterr)
{
    struct span user = text;
    const bool has_password = cut(&text, ':', &user);
    entc_status status = ENTC_OK;

    if (user.length)
        status = decode(address, user, &address->user, reterr);
    if (!status && has_password && text.length)
        status = decode(address, text, &address->password, reterr);
    return status;
}

/* Up to the last @ of what stands before the path. */
static entc_status take_identity(struct redis_address *address, struct span *authority,
                                 entc_error **reterr)
{
    const char *at = authority->length ? memrchr(authority->bytes, '@', authority->length) : NULL;
    struct span identity;

    if (!at)
        return ENTC_OK;
    identity = (struct span){authority->bytes, (size_t)(at - authority->bytes)};
    *authority = skip(*authority, identity.length + 1);
    return parse_identity(address, identity, reterr);
}

static entc_status parse_database(struct redis_address *address, struct span text,
                                  entc_error **reterr)
{
    int64_t number = 0;

    if (!text_to_int64(text.bytes, text.length, &number) || number < 0 || number > INT32_MAX)
        return refuse(reterr, "has a database that is no number from 0 up");
    address->database = (int32_t)number;
    return ENTC_OK;
}

static entc_status parse_port(struct redis_address *address, struct span text, entc_error **reterr)
{
    int64_t number = 0;

    if (!text_to_int64(text.bytes, text.length, &number) || number < 1 || number > PORT_HIGHEST)
        return refuse(reterr, "has a port that is no number from 1 to 65535");
    address->port = (uint16_t)number;
    return ENTC_OK;
}

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

static entc_status copy_host(struct redis_address *address, struct span host, bool is_literal,
                             entc_error **reterr)
{
    if (host.length == 0)
        return refuse(reterr, "names no host");
    for (size_t i = 0; i < host.length; i++)
        if (!is_host_char(host.bytes[i]) &&
            !(is_literal && (host.bytes[i] == ':' || host.bytes[i] == '%')))
            return refuse(reterr, "has a host with a character that no host name has");
    address->host = base_allocate(address->allocator, host.length + 1);
    if (!address->host)
        return error_no_memory(reterr);
    memcpy(address->host, host.bytes, host.length);
    address->host[host.length] = '\0';
    return ENTC_OK;
}

/* host[:port] or [literal][:port] */
static entc_status parse_host(struct redis_address *address, struct span text, entc_error **reterr)
{
    const bool is_literal = starts_with(text, "[");
    struct span host = text;
    bool has_port = false;
    entc_status status = ENTC_OK;

    if (is_literal) {
        text = skip(text, 1);
        if (!cut(&text, ']', &host))
            return refuse(reterr, "has a [ without ]");
        has_port = text.length > 0;
        if (has_port && text.bytes[0] != ':')
            return refuse(reterr, "has something other than a port behind ]");
        text = skip(text, has_port);
    } else {
        has_port = cut(&text, ':', &host);
    }
    status = copy_host(address, host, is_literal, reterr);
    if (!status && has_port)
        status = parse_port(address, text, reterr);
    return status;
}

static entc_status parse_tcp(struct redis_address *address, struct span rest, entc_error **reterr)
{
    struct span authority = rest;
    const bool has_path = cut(&rest, '/', &authority);
    entc_status status = take_identity(address, &authority, reterr);

    if (!status)
        status = parse_host(address, authority, reterr);
    if (!status && has_path && rest.length)
        status = parse_database(address, rest, reterr);
    return status;
}

static entc_status parse_unix(struct redis_address *address, struct span rest, entc_error **reterr)
{
    const char *slash = rest.length ? memchr(rest.bytes, '/', rest.length) : NULL;
    struct span authority;
    struct span path;
    bool has_query = false;
    entc_status status = ENTC_OK;

    if (!slash)
        return refuse(reterr, "names no absolute path");
    authority = (struct span){rest.bytes, (size_t)(slash - rest.bytes)};
    rest = skip(rest, authority.length);
    path = rest;
    status = take_identity(address, &authority, reterr);
    if (!status && authority.length)
        status = refuse(reterr, "names a host before the path of a unix socket");
    has_query = cut(&rest, '?', &path);
    if (!status)
        status = decode(address, path, &address->path, reterr);
    if (!status && (path.length < 2 || strlen(address->path) > PATH_LONGEST))
        status = refuse(reterr, "names a path that is empty or longer than a unix socket's may be");
    if (status || !has_query)
        return status;
    if (!starts_with(rest, "db="))
        return refuse(reterr, "has a parameter other than db");
    return parse_database(address, skip(rest, strlen("db=")), reterr);
}

static entc_status override(struct redis_address *address, char **text, const char *by,
                            entc_error **reterr)
{
    char *copy = NULL;

    if (!by || !*by)
        return ENTC_OK;
    copy = base_copy_text(address->allocator, by);
    if (!copy)
        return error_no_memory(reterr);
    if (*text)
        base_wipe(*text, strlen(*text));
    base_release(address->allocator, *text);
    *text = copy;
    return ENTC_OK;
}

static entc_status parse(struct redis_address *address, const char *uri, entc_error **reterr)
{
    const struct span text = {uri, strlen(uri)};

    if (starts_with(text, "redis://"))
        return parse_tcp(address, skip(text, strlen("redis://")), reterr);
    if (starts_with(text, "unix://"))
        return parse_unix(address, skip(text, strlen("unix://")), reterr);
    if (!starts_with(text, "rediss://"))
        return refuse(reterr, "begins with neither redis:// nor unix://");
    error_set(reterr, ENTC_E_UNSUPPORTED, "redis",
              "redis.uri asks for TLS, which this build cannot do");
    error_hint(reterr, "use redis:// through a TLS tunnel, or a unix socket");
    return ENTC_E_UNSUPPORTED;
}

entc_status redis_address_parse(struct redis_address *address, const char *uri, const char *user,
                                const char *password, const entc_allocator *allocator,
                                entc_error **reterr)
{
    entc_status status = ENTC_OK;

    *address = (struct redis_address){.allocator = allocator, .port = PORT_DEFAULT};
    status = parse(address, uri, reterr);
    if (!status)
        status = override(address, &address->user, user, reterr);
    if (!status)
        status = override(address, &address->password, password, reterr);
    if (status)
        redis_address_fini(address);
    return status;
}

void redis_address_fini(struct redis_address *address)
{
    if (address->password)
        base_wipe(address->password, strlen(address->password));
    base_release(address->allocator, address->path);
    base_release(address->allocator, address->host);
    base_release(address->allocator, address->user);
    base_release(address->allocator, address->password);
    *address = (struct redis_address){.allocator = address->allocator};
}
