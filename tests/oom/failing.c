/* The series, and how the libraries are brought into it. */
#include "failing.h"

#include "test.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t calls;
static _Atomic uint64_t fail_at;
static _Atomic bool is_lasting;
static _Atomic size_t live;

void failing_at(uint64_t n, bool from_then_on)
{
    atomic_store(&fail_at, 0);
    atomic_store(&calls, 0);
    atomic_store(&is_lasting, from_then_on);
    atomic_store(&fail_at, n);
}

uint64_t failing_calls(void)
{
    return atomic_load(&calls);
}

static bool must_fail(void)
{
    const uint64_t call = atomic_fetch_add(&calls, 1) + 1;
    const uint64_t at = atomic_load(&fail_at);
    const bool fails = at != 0 && (atomic_load(&is_lasting) ? call >= at : call == at);

    if (fails)
        errno = ENOMEM;
    return fails;
}

/* ---- the libraries' ---- */

static void *fail_malloc(size_t size)
{
    return must_fail() ? NULL : malloc(size);
}

static void *fail_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : calloc(count, size);
}

static void *fail_realloc(void *memory, size_t size)
{
    return must_fail() ? NULL : realloc(memory, size);
}

static char *fail_strdup(const char *text)
{
    return must_fail() ? NULL : strdup(text);
}

typedef void (*function)(void);

static const struct hook {
    const char *name;
    function ours;
} hooks[] = {{"malloc", (function)fail_malloc},
             {"calloc", (function)fail_calloc},
             {"realloc", (function)fail_realloc},
             {"strdup", (function)fail_strdup}};

static const char *const libraries[] = {"/libentitycache.so", "/libhiredis.so", "/libpq.so"};
enum { LIBRARIES = sizeof(libraries) / sizeof(libraries[0]) };

/* What of PT_DYNAMIC is needed. */
struct tables {
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * relocations[2];
    size_t counts[2];
};

static void read_tables(const struct dl_phdr_info *info, struct tables *tables)
{
    const ElfW(Dyn) *entry = NULL;

    memset(tables, 0, sizeof(*tables));
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        const void *at = (const void *)entry->d_un.d_ptr;

        if (entry->d_tag == DT_SYMTAB)
            tables->symbols = at;
        else if (entry->d_tag == DT_STRTAB)
            tables->names = at;
        else if (entry->d_tag == DT_JMPREL)
            tables->relocations[0] = at;
        else if (entry->d_tag == DT_RELA)
            tables->relocations[1] = at;
        else if (entry->d_tag == DT_PLTRELSZ)
            tables->counts[0] = entry->d_un.d_val / sizeof(ElfW(Rela));
        else if (entry->d_tag == DT_RELASZ)
            tables->counts[1] = entry->d_un.d_val / sizeof(ElfW(Rela));
    }
}

/* The table may have been made read-only after it was filled (RELRO). */
static void turn(void *slot, function ours)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *begin = (void *)((uintptr_t)slot & ~(page - 1));

    assert_int_equal(mprotect(begin, page, PROT_READ | PROT_WRITE), 0);
    memcpy(slot, &ours, sizeof(ours));
}

static size_t turn_all(const struct dl_phdr_info *info, const struct tables *tables)
{
    size_t turned = 0;

    for (int table = 0; table < 2; table++) {
        for (size_t i = 0; i < tables->counts[table]; i++) {
            const ElfW(Rela) *relocation = &tables->relocations[table][i];
            const ElfW(Sym) *symbol = &tables->symbols[ELF64_R_SYM(relocation->r_info)];

            for (size_t k = 0; k < sizeof(hooks) / sizeof(hooks[0]); k++) {
                if (strcmp(tables->names + symbol->st_name, hooks[k].name) != 0)
                    continue;
                turn((void *)(info->dlpi_addr + relocation->r_offset), hooks[k].ours);
                turned++;
            }
        }
    }
    return turned;
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    size_t *turned = context;

    (void)size;
    for (int i = 0; i < LIBRARIES; i++) {
        struct tables tables;

        if (!strstr(info->dlpi_name, libraries[i]))
            continue;
        read_tables(info, &tables);
        turned[i] += turn_all(info, &tables);
    }
    return 0;
}

void failing_install(void)
{
    size_t turned[LIBRARIES] = {0};

    dl_iterate_phdr(visit, turned);
    for (int i = 0; i < LIBRARIES; i++)
        if (turned[i] == 0)
            fail_msg("no allocation of %s can be made to fail", libraries[i]);
}

/* ---- the engine's ---- */

/* Fresh bytes are never zero, so that code which relies on cleared memory is found. */
static void *allocate(size_t size, void *user)
{
    void *memory = NULL;

    (void)user;
    if (must_fail())
        return NULL;
    memory = malloc(size);
    if (!memory)
        return NULL;
    memset(memory, 0xA5, size);
    atomic_fetch_add(&live, 1);
    return memory;
}

static void *reallocate(void *memory, size_t size, void *user)
{
    if (!memory)
        return allocate(size, user);
    return must_fail() ? NULL : realloc(memory, size);
}

static void release(void *memory, void *user)
{
    (void)user;
    if (!memory)
        return;
    atomic_fetch_sub(&live, 1);
    free(memory);
}

const entc_allocator *failing_allocator(void)
{
    static const entc_allocator allocator = {allocate, reallocate, release, NULL};

    return &allocator;
}

size_t failing_live(void)
{
    return atomic_load(&live);
}
