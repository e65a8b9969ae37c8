/* Draws traces as waterfalls: one SVG that stands by itself, on standard output.
 *
 *   waterfall TITLE [LABEL TRACE]...    each trace below the last, all at the same time scale
 *   cc waterfall.c $(pkg-config --cflags --libs libcjson) -o waterfall
 *
 * A trace is a file of Chrome's trace event format, as entc_trace_write() and naive.c make it. Its
 * lanes are loader, Redis, PostgreSQL and decode; a bar is labelled with the size of its batch, and
 * tells all when the pointer rests on it. A vertical line marks the end of the request: what comes
 * behind it is work for which nobody waits. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACES_MAX 4
#define FILE_BYTES_MAX (64L * 1024 * 1024)
#define ROWS_MAX 12 /* of one lane; what overlaps more lies in the last one */

/* The picture, in pixels. */
#define WIDTH 900.0
#define LEFT 92.0
#define RIGHT 22.0
#define TITLE_HEIGHT 44.0
#define HEAD_HEIGHT 30.0
#define ROW_HEIGHT 22.0
#define BAR_HEIGHT 17.0
#define GAP 26.0
#define AXIS_HEIGHT 26.0
#define LETTER 6.3 /* a wide one, of a label */

typedef enum Lane { LOADER, REDIS, POSTGRES, DECODE, LANES } Lane;

static const struct {
    const char *name;
    const char *fill;
    const char *ink;
} lanes[LANES] = {{"loader", "#c9cdd4", "#20262e"},
                  {"Redis", "#c8432f", "#ffffff"},
                  {"PostgreSQL", "#2f6792", "#ffffff"},
                  {"decode", "#3d8b57", "#ffffff"}};

typedef struct Bar {
    Lane lane;
    int row;
    double begin; /* microseconds since the trace began */
    double end;
    double keys;
    const char *name; /* in the document */
} Bar;

typedef struct Waterfall {
    const char *label;
    cJSON *document;
    Bar *bars;
    size_t count;
    double begin;   /* of its first span, on the trace's clock */
    double end;     /* of all, since it began */
    double request; /* when the request ended; 0: there is none */
    double commands;
    int bars_of[LANES];
    double dropped;
    int rows[LANES];
} Waterfall;

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "waterfall: %s: %s\n", path, why);
    exit(1);
}

/* ---- reading ---- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    char *text = NULL;

    if (!file)
        fail(path, strerror(errno));
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 0 || size > FILE_BYTES_MAX || fseek(file, 0, SEEK_SET) != 0)
        fail(path, "is no file, or larger than 64 MiB");
    text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        fail(path, "cannot be read");
    text[size] = '\0';
    fclose(file);
    if (strlen(text) != (size_t)size)
        fail(path, "is no text");
    return text;
}

/* A member that is a number, or `otherwise`. */
static double number(const cJSON *object, const char *name, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : otherwise;
}

static const char *text(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return value ? value : "";
}

/* Spans have a beginning and a length; all else in the file is for other viewers. */
static int is_span(const cJSON *event)
{
    return strcmp(text(event, "ph"), "X") == 0 && number(event, "ts", -1) >= 0 &&
           number(event, "dur", -1) >= 0;
}

/* LANES for what has no bar. A list or page of a relation is seen by its statement and its batch.
 */
static Lane lane_of(const char *category)
{
    static const char *const categories[LANES] = {"batch", "redis", "postgres", "decode"};

    for (int lane = 0; lane < LANES; lane++)
        if (strcmp(category, categories[lane]) == 0)
            return (Lane)lane;
    return strcmp(category, "loader") == 0 ? LOADER : LANES;
}

static void add_span(Waterfall *waterfall, const cJSON *event)
{
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(event, "args");
    const double begin = number(event, "ts", 0) - waterfall->begin;
    const double end = begin + number(event, "dur", 0);
    const Lane lane = lane_of(text(event, "cat"));

    if (strcmp(text(event, "cat"), "request") == 0 && end > waterfall->request)
        waterfall->request = end;
    if (end > waterfall->end)
        waterfall->end = end;
    if (lane == LANES)
        return;
    waterfall->bars_of[lane]++;
    waterfall->commands += lane == REDIS ? number(arguments, "commands", 0) : 0;
    waterfall->bars[waterfall->count++] =
        (Bar){lane, 0, begin, end, number(arguments, "keys", 0), text(event, "name")};
}

static int compare_bars(const void *left, const void *right)
{
    const Bar *a = left;
    const Bar *b = right;

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* Bars of a lane that overlap lie below each other. */
static void place_bars(Waterfall *waterfall)
{
    double ends[LANES][ROWS_MAX];

    for (int i = 0; i < LANES * ROWS_MAX; i++)
        ends[i / ROWS_MAX][i % ROWS_MAX] = -1;
    for (int lane = 0; lane < LANES; lane++)
        waterfall->rows[lane] = 1;
    qsort(waterfall->bars, waterfall->count, sizeof(*waterfall->bars), compare_bars);
    for (size_t i = 0; i < waterfall->count; i++) {
        Bar *bar = &waterfall->bars[i];

        while (bar->row < ROWS_MAX - 1 && ends[bar->lane][bar->row] > bar->begin)
            bar->row++;
        ends[bar->lane][bar->row] = bar->end;
        if (bar->row >= waterfall->rows[bar->lane])
            waterfall->rows[bar->lane] = bar->row + 1;
    }
}

static void read_trace(Waterfall *waterfall, const char *label, const char *path)
{
    char *content = read_file(path);
    const cJSON *events = NULL;
    const cJSON *event = NULL;
    size_t spans = 0;

    waterfall->label = label;
    waterfall->document = cJSON_ParseWithOpts(content, NULL, 1);
    free(content);
    events = cJSON_GetObjectItemCaseSensitive(waterfall->document, "traceEvents");
    if (!cJSON_IsArray(events))
        fail(path, "is no trace: it must be JSON with an array \"traceEvents\"");
    cJSON_ArrayForEach(event, events)
    {
        if (!is_span(event))
            continue;
        if (spans++ == 0 || number(event, "ts", 0) < waterfall->begin)
            waterfall->begin = number(event, "ts", 0);
    }
    if (spans == 0)
        fail(path, "has no spans");
    waterfall->bars = calloc(spans, sizeof(*waterfall->bars));
    if (!waterfall->bars)
        fail(path, "no memory");
    cJSON_ArrayForEach(event, events)
    {
        if (is_span(event))
            add_span(waterfall, event);
    }
    waterfall->dropped = number(cJSON_GetObjectItemCaseSensitive(waterfall->document, "otherData"),
                                "droppedSpans", 0);
    place_bars(waterfall);
}

/* ---- drawing ---- */

/* The length of the UTF-8 sequence that begins here; 0 when none does, or XML does not know it. */
static int sequence(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    const int length = c[0] < 0x80 ? 1 : c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    unsigned code = c[0] & (0xFFu >> (length + 1));

    if (length == 1)
        return c[0] >= 0x20 && c[0] != 0x7F;
    for (int i = 1; i < length; i++) {
        if ((c[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3F);
    }
    if ((length == 3 && (code < 0x800 || (code >= 0xD800 && code < 0xE000) || code > 0xFFFD)) ||
        (length == 4 && (code < 0x10000 || code > 0x10FFFF)))
        return 0;
    return length;
}

/* Any bytes as XML text. */
static void put_text(const char *text)
{
    while (*text) {
        const int length = sequence(text);

        if (*text == '&' || *text == '<' || *text == '>' || *text == '"')
            printf("&#%d;", *text);
        else
            printf("%.*s", length ? length : 1, length ? text : "?");
        text += length ? length : 1;
    }
}

/* A piece of text at (x, y), with attributes of its own. */
static void put_label(double x, double y, const char *attributes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void put_label(double x, double y, const char *attributes, const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    printf("<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    put_text(line);
    printf("</text>\n");
}

/* The longest label that the bar has room for, perhaps none. */
static void put_bar_label(const Bar *bar, double x, double y, double width)
{
    const char *entity = strrchr(bar->name, ' ');
    char size[32] = "";
    char labels[3][128];

    if (bar->keys >= 1)
        snprintf(size, sizeof(size), " \xC3\x97%.0f", bar->keys);
    snprintf(labels[0], sizeof(labels[0]), "%.80s%s", bar->name, size);
    snprintf(labels[1], sizeof(labels[1]), "%.80s%s", entity ? entity + 1 : bar->name, size);
    snprintf(labels[2], sizeof(labels[2]), "%s", *size ? size + 3 : "");
    for (int i = 0; i < 3; i++) {
        if ((double)strlen(labels[i]) * LETTER + (i < 2 ? 8 : 2) > width)
            continue;
        printf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"11\" fill=\"%s\">",
               x + width / 2, y + 12.5, lanes[bar->lane].ink);
        put_text(labels[i]);
        printf("</text>");
        return;
    }
}

static void put_bar(const Bar *bar, double top, double scale)
{
    const double x = LEFT + bar->begin * scale;
    const double y = top + bar->row * ROW_HEIGHT + (ROW_HEIGHT - BAR_HEIGHT) / 2;
    const double width = (bar->end - bar->begin) * scale;

    printf("<g><title>");
    put_text(bar->name);
    printf(": %.0f key%s, %.0f \xC2\xB5s from %.0f \xC2\xB5s</title>", bar->keys,
           bar->keys == 1 ? "" : "s", bar->end - bar->begin, bar->begin);
    printf("<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\" rx=\"1.5\" fill=\"%s\" "
           "stroke=\"#ffffff\" stroke-width=\"0.6\"/>",
           x, y, width > 1.4 ? width : 1.4, BAR_HEIGHT, lanes[bar->lane].fill);
    put_bar_label(bar, x, y, width);
    printf("</g>\n");
}

static double lane_top(const Waterfall *waterfall, int lane)
{
    double top = HEAD_HEIGHT;

    for (int i = 0; i < lane; i++)
        top += waterfall->rows[i] * ROW_HEIGHT + 2;
    return top;
}

static void put_duration(double us)
{
    if (us < 10000)
        printf("%.0f \xC2\xB5s", us);
    else
        printf("%.1f ms", us / 1000);
}

static void put_count(double count, const char *one, const char *many)
{
    printf("%.0f %s", count, count == 1 ? one : many);
}

/* "the naive way  21 SQL queries, 30 Redis commands in 30 round trips, 2785 us" */
static void put_head(const Waterfall *waterfall, double top)
{
    printf("<text x=\"%.1f\" y=\"%.1f\" font-size=\"14\"><tspan font-weight=\"bold\">", LEFT,
           top + 19);
    put_text(waterfall->label);
    printf("</tspan><tspan dx=\"10\">");
    put_count(waterfall->bars_of[POSTGRES], "SQL query, ", "SQL queries, ");
    put_count(waterfall->commands, "Redis command in ", "Redis commands in ");
    put_count(waterfall->bars_of[REDIS], "round trip, ", "round trips, ");
    put_duration(waterfall->request > 0 ? waterfall->request : waterfall->end);
    if (waterfall->dropped > 0)
        printf(" (%.0f spans are missing)", waterfall->dropped);
    printf("</tspan></text>\n");
}

/* Where the request was answered; the word stands on the side that has room. */
static void put_answer(const Waterfall *waterfall, double top, double scale)
{
    const double x = LEFT + waterfall->request * scale;
    const double bottom = top + lane_top(waterfall, LANES);
    const int is_left = x > WIDTH / 2;

    printf("<path d=\"M%.1f %.1fV%.1f\" stroke=\"#20262e\" stroke-width=\"1.6\"/>\n", x,
           top + HEAD_HEIGHT - 4, bottom + 12);
    put_label(x + (is_left ? -5 : 5), bottom + 11,
              is_left ? "text-anchor=\"end\" font-size=\"11\"" : "font-size=\"11\"", "answer");
}

static void put_waterfall(const Waterfall *waterfall, double top, double scale)
{
    put_head(waterfall, top);
    for (int lane = 0; lane < LANES; lane++) {
        const double y = top + lane_top(waterfall, lane);

        printf("<rect x=\"%.0f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" fill=\"#f3f4f6\"/>\n",
               LEFT, y, WIDTH - LEFT - RIGHT, waterfall->rows[lane] * ROW_HEIGHT);
        put_label(LEFT - 8, y + 15, "text-anchor=\"end\" font-size=\"12\"", "%s", lanes[lane].name);
    }
    for (size_t i = 0; i < waterfall->count; i++)
        put_bar(&waterfall->bars[i], top + lane_top(waterfall, (int)waterfall->bars[i].lane),
                scale);
    if (waterfall->request > 0)
        put_answer(waterfall, top, scale);
}

/* The shortest of 1, 2, 5, 10, 20, .. of which eight cover the whole. */
static double step_for(double whole)
{
    double step = 1;

    while (step * 80 < whole)
        step *= 10;
    if (step * 8 >= whole)
        return step;
    return step * 16 >= whole ? step * 2 : step * 40 >= whole ? step * 5 : step * 10;
}

static void put_axis(double top, double bottom, double whole, double scale)
{
    const double step = step_for(whole);
    const int in_ms = whole >= 10000;

    for (int i = 0; i * step <= whole; i++) {
        const double at = i * step;
        const double x = LEFT + at * scale;

        printf("<path d=\"M%.1f %.1fV%.1f\" stroke=\"#dfe2e7\"/>\n", x, top, bottom);
        put_label(x, bottom + 16, "text-anchor=\"middle\" font-size=\"11\" fill=\"#5b6470\"",
                  at > 0 ? in_ms ? "%g ms" : "%g \xC2\xB5s" : "%g", in_ms ? at / 1000 : at);
    }
}

static void put_picture(const char *title, const Waterfall *all, size_t count)
{
    double whole = 1;
    double height = TITLE_HEIGHT;
    double scale = 1;
    double top = TITLE_HEIGHT;

    for (size_t i = 0; i < count; i++) {
        whole = all[i].end > whole ? all[i].end : whole;
        height += lane_top(&all[i], LANES) + GAP;
    }
    scale = (WIDTH - LEFT - RIGHT) / whole;
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
           "height=\"%.0f\" font-family=\"sans-serif\" fill=\"#20262e\">\n",
           WIDTH, height + AXIS_HEIGHT, WIDTH, height + AXIS_HEIGHT);
    printf("<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    put_label(16, 28, "font-size=\"15\"", "%s", title);
    put_axis(TITLE_HEIGHT, height - GAP / 2, whole, scale);
    for (size_t i = 0; i < count; i++) {
        put_waterfall(&all[i], top, scale);
        top += lane_top(&all[i], LANES) + GAP;
    }
    printf("</svg>\n");
}

int main(int argc, char **argv)
{
    Waterfall all[TRACES_MAX] = {{0}};
    size_t count = 0;

    if (argc < 4 || argc % 2 != 0 || argc > 2 + 2 * TRACES_MAX) {
        fprintf(stderr, "usage: waterfall TITLE LABEL TRACE [LABEL TRACE]... (at most %d)\n",
                TRACES_MAX);
        return 2;
    }
    for (int i = 2; i < argc; i += 2)
        read_trace(&all[count++], argv[i], argv[i + 1]);
    put_picture(argv[1], all, count);
    for (size_t i = 0; i < count; i++) {
        free(all[i].bars);
        cJSON_Delete(all[i].document);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        fail("standard output", strerror(errno));
    return 0;
}
