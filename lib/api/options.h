/* Options, checked and with their defaults filled in. */
#ifndef ENTC_API_OPTIONS_H
#define ENTC_API_OPTIONS_H

#include <entitycache/engine.h>

/* NULL `given`: from the environment. Texts stay borrowed. */
entc_status api_options_complete(const entc_engine_options *given, entc_engine_options *ret_options,
                                 entc_error **reterr);

#endif
