/* Helper threads: one short-lived thread for each thing that may block (a name look-up, PQcancel).
 * It never touches the engine; its end is a task in the inbox, where the driver joins it. */
#include "engine/internal.h"

#include <signal.h>

static void *helper_main(void *argument)
{
    struct engine_helper *helper = argument;

    helper->work(helper);
    engine_post(helper->engine, &helper->done_task);
    return NULL;
}

static void helper_done(struct engine_task *task)
{
    struct engine_helper *helper = BASE_CONTAINER(task, struct engine_helper, done_task);

    pthread_join(helper->thread, NULL);
    list_remove(&helper->link);
    helper->done(helper);
}

entc_status engine_helper_start(struct engine *engine, struct engine_helper *helper)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    helper->engine = engine;
    helper->done_task.run = helper_done;
    /* The host's signals are for the host's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&helper->thread, NULL, helper_main, helper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return ENTC_E_SYSTEM;
    list_push(&engine->helpers, &helper->link);
    return ENTC_OK;
}
