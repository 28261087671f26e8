// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace.c - the trace points' bodies
 */
#include "iocore.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
