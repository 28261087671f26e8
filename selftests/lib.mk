# SPDX-License-Identifier: GPL-2.0-only
# The part of the kernel's selftests/lib.mk that our tests need.
#
#   TEST_PROGS		scripts that are tests
#   TEST_FILES		what they need beside them
#   TEST_GEN_PROGS	programs that are tests, built of one .c file each
#   TEST_GEN_FILES	programs that the tests use
#   TEST_GUEST_PROGS	programs that the tests use in the guest: linked statically,
#			installed in guest/ and put into the guest's /bin
#
# OUTPUT is where programs are built, INSTALL_PATH where everything is put.

OUTPUT	?= $(CURDIR)
CC	?= gcc
CFLAGS	+= -std=gnu11 -O2 -g -Wall -Wextra -Werror -I$(top)/include/uapi
top	:= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
gen	:= $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS) $(TEST_GEN_FILES))
guest	:= $(addprefix $(OUTPUT)/guest/,$(TEST_GUEST_PROGS))

.PHONY: all install emit_tests clean
all: $(gen) $(guest)

$(OUTPUT)/guest/%: %.c $(wildcard *.h ../lib/*.h)
	@mkdir -p $(OUTPUT)/guest
	$(CC) $(CFLAGS) -static -s -o $@ $< $(LDLIBS)

$(OUTPUT)/%: %.c $(wildcard *.h ../lib/*.h)
	@mkdir -p $(OUTPUT)
	$(CC) $(CFLAGS) -o $@ $< $(LDLIBS)

install: all
	@mkdir -p $(INSTALL_PATH)
	cp -p $(TEST_PROGS) $(TEST_FILES) $(wildcard settings) $(gen) $(INSTALL_PATH)/
	@set -e; for p in $(guest); do install -D -t $(INSTALL_PATH)/guest $$p; done

emit_tests:
	@for t in $(TEST_GEN_PROGS) $(TEST_PROGS); do echo "$(notdir $(CURDIR)):$$t"; done

clean:
	rm -f $(gen) $(guest)
