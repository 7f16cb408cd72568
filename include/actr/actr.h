/* All of the public API. */
#ifndef ACTR_H
#define ACTR_H

#include <actr/call.h>
#include <actr/config.h>
#include <actr/error.h>
#include <actr/hooks.h>
#include <actr/media.h>
#include <actr/metrics.h>
#include <actr/node.h>
#include <actr/service.h>
#include <actr/stream.h>
#include <actr/types.h>

#endif
