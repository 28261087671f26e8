#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Disks of a guest with the newest kernel of Debian's trixie-backports.

SUITE=trixie-backports
COLLECTION=block
TESTS="semantics poll-queues cache cpu-hotplug sharing basic verify"
# shellcheck source=selftests/portability/others.sh
. "$(dirname "$0")/others.sh"
