#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What goes and comes under a guest with the newest kernel of Debian's bookworm.

SUITE=bookworm
COLLECTION=lifetime
TESTS="replay replay-end driver detach suspend"
# shellcheck source=selftests/portability/others.sh
. "$(dirname "$0")/others.sh"
