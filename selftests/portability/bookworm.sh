#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest driver under the newest kernel of Debian's bookworm.

SUITE=bookworm
# shellcheck source=selftests/portability/kernel.sh
. "$(dirname "$0")/kernel.sh"
