# SPDX-License-Identifier: GPL-2.0-only
# Everything is compiled in the tool root and lands in build/.

LAB	:= tools/lab
IN_ROOT	:= $(LAB)/in-root
DESTDIR	?=
PREFIX	?= /usr/local

.DEFAULT_GOAL := all
.PHONY: all help root images kvm host guest tools unit static check check-quick soak \
	demo lab-shell install uninstall clean distclean

all: host guest tools	## build the modules and the tools (default)

help:	## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

root:	## build the tool root (Debian trixie in build/root)
	@$(LAB)/root

images: root	## make what L1 and L2 boot from
	@$(LAB)/images

kvm: root	## build the patched KVM: build/kvm
	@$(LAB)/build-kvm

host: kvm	## build build/host/iocore.ko
	@$(LAB)/modules host

guest: root	## build build/guest/iocore_blk.ko
	@$(LAB)/modules guest

tools: root	## build build/tools/iocorectl
	@$(IN_ROOT) make -s -C tools/iocorectl O=/iocore/build/tools

unit: root	## run the user-space unit tests, with ASan and UBSan
	@selftests/unit/run

static: root kvm	## checkpatch --strict and sparse over all sources
	@$(LAB)/static

check: host guest tools	## all tests: static, unit, then those in the lab
	@selftests/check

soak: host guest tools	## the long runs: hours, resumable; see Documentation/soak.md
	@selftests/soak

check-quick: host guest tools	## static checks and user-space tests
	@selftests/check --quick

demo: host guest tools	## fio on bare metal, virtio-blk and iocore, compared
	@tools/bench/demo

lab-shell: host guest tools	## a shell in L1 with a guest running
	@$(LAB)/shell

install: host guest tools	## install into DESTDIR, for the tool root's kernel
	@$(LAB)/install "$(DESTDIR)" "$(PREFIX)"

uninstall:	## take away what install installed
	@$(LAB)/install --remove "$(DESTDIR)" "$(PREFIX)"

clean:	## remove what was built, keep the tool root
	@$(LAB)/clean

distclean:	## remove build/ altogether
	@$(LAB)/clean --all
