// The schema, version by version. Private to depot/ and its tests.
#ifndef FERRY_DEPOT_SCHEMA_H
#define FERRY_DEPOT_SCHEMA_H

#include "depot/engine.h"

#define FERRY_DEPOT_SCHEMA_VERSION 5

// The database's version into self->schema_was, then up to the version `upto`, each in one transaction. See
// ferry_depot_open() for the errors.
int ferry_depot_schema_migrate(struct ferry_depot *self, int upto);

#endif
