/* Door of base: what knows nothing of actors. Every other room may include it. */
#ifndef ACTR_BASE_H
#define ACTR_BASE_H

#include "base/macros.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/mpsc.h"
#include "base/histogram.h"

#endif
