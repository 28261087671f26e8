#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Disks of a guest with the newest kernel of Debian's trixie-backports.

SUITE=trixie-backports
COLLECTION=block
TESTS="basic verify semantics cache poll-queues cpu-hotplug sharing"
# shellcheck source=selftests/portability/others.sh
. "$(dirname "$0")/others.sh"
