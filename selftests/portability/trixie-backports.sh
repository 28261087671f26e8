#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest driver under the newest kernel of Debian's trixie-backports.

SUITE=trixie-backports
# shellcheck source=selftests/portability/kernel.sh
. "$(dirname "$0")/kernel.sh"
