/* QMP commands that only ask. */
#ifndef CLI_QMP_QUERY_H
#define CLI_QMP_QUERY_H

#include <jansson.h>

#include "cli/session.h"

struct qmp_query { /* the list ends with a NULL name */
    const char *name;
    json_t *(*run)(struct session *s);
};
extern const struct qmp_query qmp_queries[];
json_t *qmp_version(struct session *s); /* also in the greeting */

#endif
