/* Names: looked up on a helper thread, because getaddrinfo() blocks. libpq then gets each address
 * as hostaddr beside the name, which it still needs for certificates and the password file. One
 * look-up at a time: connections that want one meanwhile share it, so a name server that hangs
 * costs one thread and not one for each attempt. */
#include "postgres/internal.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

struct postgres_lookup {
    struct engine_helper helper;
    struct postgres_port *port;               /* for the driver only */
    const struct postgres_settings *settings; /* immutable, and outlives the helper */
    struct postgres_targets *targets;
    entc_error *error;
};

/* Numeric form of an address, with the zone of a link-local one. */
static bool write_address(char out[POSTGRES_ADDRESS_MAX], const struct addrinfo *found)
{
    return getnameinfo(found->ai_addr, found->ai_addrlen, out, POSTGRES_ADDRESS_MAX, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

static void add_found(struct postgres_targets *targets, const struct postgres_host *host,
                      const struct addrinfo *found)
{
    for (size_t n = 0; found && n < POSTGRES_ADDRESSES_PER_HOST; found = found->ai_next) {
        struct postgres_target *target = &targets->items[targets->count];

        if (!write_address(target->address, found))
            continue;
        target->host = host;
        targets->count++;
        n++;
    }
}

static void add_host(struct postgres_targets *targets, const struct postgres_host *host,
                     entc_error **reterr)
{
    const struct addrinfo hint = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = 0;

    if (!host->is_name) {
        struct postgres_target *target = &targets->items[targets->count++];

        target->host = host;
        snprintf(target->address, sizeof(target->address), "%s",
                 host->address ? host->address : "");
        return;
    }
    problem = getaddrinfo(host->name, NULL, &hint, &found);
    if (problem)
        error_set(reterr, ENTC_E_UNAVAILABLE, "postgres", "cannot look up the host name \"%s\": %s",
                  host->name, gai_strerror(problem));
    else
        add_found(targets, host, found);
    if (found)
        freeaddrinfo(found);
}

entc_status postgres_targets_find(const struct postgres_settings *settings,
                                  struct postgres_targets **ret_targets, entc_error **reterr)
{
    const size_t most = settings->host_count * POSTGRES_ADDRESSES_PER_HOST;
    struct postgres_targets *targets = base_allocate_zeroed(
        settings->allocator, sizeof(*targets) + most * sizeof(targets->items[0]));

    if (!targets)
        return error_no_memory(reterr);
    targets->allocator = settings->allocator;
    targets->references = 1;
    for (size_t i = 0; i < settings->host_count; i++)
        add_host(targets, &settings->hosts[i], reterr);
    if (targets->count == 0) {
        base_release(settings->allocator, targets);
        return ENTC_E_UNAVAILABLE;
    }
    *ret_targets = targets;
    return ENTC_OK;
}

struct postgres_targets *postgres_targets_ref(struct postgres_targets *targets)
{
    targets->references++;
    return targets;
}

void postgres_targets_unref(struct postgres_targets *targets)
{
    if (targets && --targets->references == 0)
        base_release(targets->allocator, targets);
}

/* ---- the helper ---- */

static void work(struct engine_helper *helper)
{
    struct postgres_lookup *lookup = BASE_CONTAINER(helper, struct postgres_lookup, helper);

    postgres_targets_find(lookup->settings, &lookup->targets, &lookup->error);
}

static void done(struct engine_helper *helper)
{
    struct postgres_lookup *lookup = BASE_CONTAINER(helper, struct postgres_lookup, helper);
    struct postgres_port *port = lookup->port;
    struct list *waiting = &port->connections[LINK_LOOKING_UP];

    port->lookup = NULL;
    /* Each of them leaves this list, for a socket or for good. */
    while (!list_is_empty(waiting))
        postgres_connection_found(BASE_CONTAINER(waiting->next, struct postgres_connection, link),
                                  lookup->targets, lookup->error);
    postgres_targets_unref(lookup->targets);
    entc_error_free(lookup->error);
    base_release(port->allocator, lookup);
}

entc_status postgres_lookup_start(struct postgres_port *port)
{
    struct postgres_lookup *lookup = NULL;
    entc_status status = ENTC_OK;

    if (port->lookup)
        return ENTC_OK;
    lookup = base_allocate_zeroed(port->allocator, sizeof(*lookup));
    if (!lookup)
        return ENTC_E_NO_MEMORY;
    lookup->port = port;
    lookup->settings = &port->settings;
    lookup->helper.work = work;
    lookup->helper.done = done;
    status = engine_helper_start(port->engine, &lookup->helper);
    if (status)
        base_release(port->allocator, lookup);
    else
        port->lookup = lookup;
    return status;
}

void postgres_lookup_forget(struct postgres_port *port)
{
    base_release(port->allocator, port->lookup);
    port->lookup = NULL;
}
