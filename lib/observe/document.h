/* Documents of JSON, written into a buffer as they are told: for reports and traces, which travel
 * with answers and must cost next to nothing. Memory that is out shows in the buffer's `failed`;
 * what is written is well-formed as long as every begin has its end. */
#ifndef ENTC_OBSERVE_DOCUMENT_H
#define ENTC_OBSERVE_DOCUMENT_H

#include "base/base.h"

/* `name` is NULL inside an array, and of the outermost. Names and texts are UTF-8. */
void document_begin(struct buffer *buffer, const char *name, char bracket);
void document_end(struct buffer *buffer, char bracket);
/* Under a name of ours, which needs no escape. */
void document_number(struct buffer *buffer, const char *name, uint64_t number);
void document_text(struct buffer *buffer, const char *name, const char *text);
/* What stands between quotes. */
void document_escape(struct buffer *buffer, const char *text);

#endif
