/* Settings: which servers the connection text names, with everything that libpq adds to it: the PG*
 * variables, the service file, its own defaults. libpq is asked for the result instead of being
 * imitated. What is kept never changes, so a helper thread may read it. */
#include "postgres/internal.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

/* libpq checks a connection's options before it touches the network, and gssencmode late among
 * them. An impossible value therefore ends the attempt with all options merged and known to be
 * sound. */
#define PROBE_OPTION "gssencmode"
#define PROBE_VALUE "?"

static bool holds_secret(const char *text)
{
    /* In a URI the password stands between ':' and '@'. */
    return strcasestr(text, "password") != NULL || strchr(text, '@') != NULL;
}

/* Passes libpq's complaint on. It quotes the piece that it stumbled over, which may be a piece of a
 * password: then the quoted part is left out. */
static entc_status refuse_text(const char *text, const char *complaint, entc_error **reterr)
{
    const char *first = strchr(complaint, '"');
    const char *last = strrchr(complaint, '"');
    size_t length = strcspn(complaint, "\n");

    if (postgres_says_no_memory(complaint))
        return error_no_memory(reterr);
    if (first && holds_secret(text))
        error_set(reterr, ENTC_E_INVALID, "postgres", "connection text: %.*s\"...\"%s",
                  (int)(first - complaint), complaint, last + 1);
    else
        error_set(reterr, ENTC_E_INVALID, "postgres", "connection text: %.*s", (int)length,
                  complaint);
    error_hint(reterr, "write key=value pairs such as `host=db.example dbname=shop user=web`, or "
                       "postgresql://web@db.example/shop");
    return ENTC_E_INVALID;
}

static const PQconninfoOption *option_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options;
    return NULL;
}

/* The option's value; NULL when it is not set or empty, which is the same to libpq. */
static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    const PQconninfoOption *option = option_of(options, keyword);

    return option && option->val && option->val[0] ? option->val : NULL;
}

/* ---- lists with commas ---- */

static size_t count_elements(const char *list)
{
    size_t count = 1;

    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* Copies element `index`; a list of one element is for all. *ret_text stays NULL when the list is
 * NULL or the element empty. */
static bool copy_element(const struct postgres_settings *settings, const char *list, size_t index,
                         char **ret_text)
{
    size_t length = 0;

    if (!list)
        return true;
    if (count_elements(list) == 1)
        index = 0;
    for (; index > 0; index--)
        list += strcspn(list, ",") + 1;
    length = strcspn(list, ",");
    if (length == 0)
        return true;
    *ret_text = base_allocate(settings->allocator, length + 1);
    if (!*ret_text)
        return false;
    memcpy(*ret_text, list, length);
    (*ret_text)[length] = '\0';
    return true;
}

/* ---- hosts ---- */

static bool is_socket(const char *name)
{
    return name[0] == '/' || name[0] == '@';
}

static bool is_numeric(const char *name)
{
    const struct addrinfo hint = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (getaddrinfo(name, NULL, &hint, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

static bool read_host(struct postgres_settings *settings, size_t index,
                      const PQconninfoOption *options)
{
    struct postgres_host *host = &settings->hosts[index];

    if (!copy_element(settings, value_of(options, "host"), index, &host->name) ||
        !copy_element(settings, value_of(options, "hostaddr"), index, &host->address) ||
        !copy_element(settings, value_of(options, "port"), index, &host->port))
        return false;
    if (!host->port)
        host->port = base_copy_text(settings->allocator, option_of(options, "port")->compiled);
    host->is_name =
        host->name && !host->address && !is_socket(host->name) && !is_numeric(host->name);
    settings->has_names = settings->has_names || host->is_name;
    return host->port != NULL;
}

static entc_status read_hosts(struct postgres_settings *settings, const PQconninfoOption *options,
                              entc_error **reterr)
{
    const char *names = value_of(options, "host");
    const char *addresses = value_of(options, "hostaddr");
    const char *list = addresses ? addresses : names;
    const size_t count = list ? count_elements(list) : 1;

    settings->hosts = base_allocate_zeroed(settings->allocator, count * sizeof(*settings->hosts));
    if (!settings->hosts)
        return error_no_memory(reterr);
    settings->host_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!read_host(settings, i, options))
            return error_no_memory(reterr);
        /* Hosts are given to libpq one by one, and an option that its own sources set cannot be
         * made empty for one of them. */
        if (addresses && !settings->hosts[i].address && !settings->hosts[i].is_name) {
            error_set(reterr, ENTC_E_INVALID, "postgres",
                      "connection text: hostaddr is set, but not for host %zu of %zu", i + 1,
                      count);
            error_hint(reterr, "leave hostaddr out: names are looked up without it");
            return ENTC_E_INVALID;
        }
    }
    return ENTC_OK;
}

/* Writes must find the primary, and so must reads: a standby may answer with a row that is older
 * than what the cache has forgotten. Who says otherwise knows why. */
static void read_session_attrs(struct postgres_settings *settings, const PQconninfoOption *of_text,
                               const PQconninfoOption *merged)
{
    const char *value = value_of(merged, "target_session_attrs");

    settings->prefers_standby = value && strcmp(value, "prefer-standby") == 0;
    settings->is_read_write = !value_of(of_text, "target_session_attrs") &&
                              !getenv("PGTARGETSESSIONATTRS") &&
                              (!value || strcmp(value, "any") == 0);
}

static entc_status read_merged(struct postgres_settings *settings, const PQconninfoOption *of_text,
                               entc_error **reterr)
{
    const char *const keywords[] = {"dbname", PROBE_OPTION, NULL};
    const char *const values[] = {settings->text, PROBE_VALUE, NULL};
    PGconn *probe = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *merged = probe ? PQconninfo(probe) : NULL;
    entc_status status = ENTC_OK;

    if (!merged) {
        status = error_no_memory(reterr);
    } else if (!strstr(PQerrorMessage(probe), PROBE_OPTION)) {
        status = refuse_text(settings->text, PQerrorMessage(probe), reterr);
    } else {
        read_session_attrs(settings, of_text, merged);
        status = read_hosts(settings, merged, reterr);
    }
    PQconninfoFree(merged);
    PQfinish(probe);
    return status;
}

entc_status postgres_settings_init(struct postgres_settings *settings, const char *text,
                                   const entc_allocator *allocator, entc_error **reterr)
{
    PQconninfoOption *of_text = NULL;
    char *complaint = NULL;
    entc_status status = ENTC_OK;

    memset(settings, 0, sizeof(*settings));
    settings->allocator = allocator;
    /* Text of nothing but spaces would be a database's name to PQconnectStartParams(). */
    text = text ? text + strspn(text, " \t\n\r\f\v") : "";
    settings->text = base_copy_text(allocator, text);
    if (!settings->text)
        return error_no_memory(reterr);
    of_text = PQconninfoParse(settings->text, &complaint);
    if (of_text)
        status = read_merged(settings, of_text, reterr);
    else if (complaint)
        status = refuse_text(settings->text, complaint, reterr);
    else
        status = error_no_memory(reterr);
    PQconninfoFree(of_text);
    PQfreemem(complaint);
    return status;
}

void postgres_settings_fini(struct postgres_settings *settings)
{
    for (size_t i = 0; i < settings->host_count; i++) {
        base_release(settings->allocator, settings->hosts[i].name);
        base_release(settings->allocator, settings->hosts[i].address);
        base_release(settings->allocator, settings->hosts[i].port);
    }
    if (settings->text)
        base_wipe(settings->text, strlen(settings->text));
    base_release(settings->allocator, settings->text);
    base_release(settings->allocator, settings->hosts);
    memset(settings, 0, sizeof(*settings));
}
