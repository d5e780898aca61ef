# SPDX-License-Identifier: GPL-2.0-only
#
# The module itself is described in Kbuild; this is what a person types.
#
#	KDIR=DIR	the kernel to build for (default: the running one's headers)
#	CC=COMPILER	for tools and tests; the module takes it too where it is of the kind
#		that built the kernel
#	PREFIX=DIR	where tools and library go (default: /usr/local)
#	DESTDIR=DIR	put before every path that is installed
#	TT_KMD=FILE	check and demo with this tenstorrent.ko instead of the stand-in
#	kunit_seed=SEED	do a run of kunit again, with the seed that it printed
#	MINUTES=N SEED=N KERNEL=	of stress, fuzz and coverage: how long, a seed that it
#		printed, another kernel for the guest: a version or a bzImage
#	CARDS=n300,n300,n300	of stress: the cards
#	KERNELS="5.10 6.12-rt 7.3-arm64"	of check-matrix: some of its kernels; 6.12@SUITE
#		takes one from another suite than usual
#	BEFORE=FILE	of bench: a ttmem.ko of the version before, built for the guest's kernel, to
#		compare with
#	METAL_TRACKER=FILE	of bench: a shared object with tt-metal's own tracker, likewise
#	DKMS_ARGS=	of dkms: more for DKMS, as -k RELEASE for another kernel
#	SUITES=		of check-fresh, check-packages and check-dkms: Debian's releases, if not all of them

# Neither make nor the kernel's build can use a name with a blank.
ifneq ($(words $(CURDIR)),1)
$(error ttmem cannot be built in a directory with a blank in its name: move it elsewhere)
endif

KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
# udev reads /usr/local/lib and /usr/lib.
UDEVDIR	?= $(PREFIX)/lib/udev/rules.d
INSTALL	?= install

VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
O	:= $(CURDIR)/build
vm	:= tools/testing/vm
dkms_src = $(DESTDIR)/usr/src/ttmem-$(VERSION)

# The kernel says which kind of compiler its modules take: one that clang built takes all of
# LLVM, of its own version where there are several. Where the kernel's build puts things is its
# own to know, whatever O= and KBUILD_OUTPUT say of another.
MAKEOVERRIDES := $(filter-out O=% KBUILD_OUTPUT=%,$(MAKEOVERRIDES))
clang	= $(shell sed -n 's/^CONFIG_CLANG_VERSION=\([0-9]*\)[0-9]\{4\}$$/\1/p' $(KDIR)/.config 2>/dev/null | grep -vx 0)
llvm	= $(if $(shell command -v clang-$(clang)),-$(clang),1)
named_cc = $(if $(findstring clang,$(CC)),clang)
kbuild	= env -u KBUILD_OUTPUT -u O $(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(clang),LLVM=$(llvm)) \
	$(if $(clang),$(if $(named_cc),,CC=clang$(filter -%,$(llvm))),$(if $(named_cc),CC=gcc))

# What modules_install takes; `make kernelrelease` of packaged headers may answer another.
release	= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
# A distribution's headers ask for a signature and have no key.
unsigned = $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

all: module ## build ttmem.ko for the running kernel (KDIR= names another)

module: headers
	+$(kbuild) W=1 $(if $(shell command -v sparse),C=2) modules
	@command -v sparse >/dev/null || echo 'built without sparse, which is not installed: apt install sparse'

headers:
	@test -e $(KDIR)/Makefile || { \
		echo 'There are no headers of the kernel in $(KDIR); install them, e.g.: sudo apt install linux-headers-'"$$(uname -r)" >&2; \
		exit 1; }
	@echo '$(release)' | grep -Eq "$$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"/\1/p' dkms.conf)" || { \
		echo 'Linux $(release) in $(KDIR) is too old: ttmem takes 5.10 or later' >&2; exit 1; }

tools: ## build libttmem and the tools into build/
	+@$(MAKE) --no-print-directory -C tools O=$(O) PREFIX=$(PREFIX)

install: module-install tools-install ## install module, udev rule, tools and library (as root; PREFIX=, DESTDIR=)

module-install: module udev-install
	+$(kbuild) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) $(unsigned) modules_install
	$(if $(DESTDIR),,depmod -a $(release))

tools-install: tools ## install only the tools and the library, for use with DKMS
	+@$(MAKE) --no-print-directory -C tools install O=$(O) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

udev-install:
	$(INSTALL) -d $(DESTDIR)$(UDEVDIR)
	$(INSTALL) -m 644 tools/udev/60-ttmem.rules $(DESTDIR)$(UDEVDIR)
	$(if $(DESTDIR),,udevadm control --reload 2>/dev/null || :)

# While its file is there, as modprobe looks for it. What is in use stays loaded.
define unload
	@if grep -qs '^ttmem ' /proc/modules && ! modprobe -r ttmem; then \
		echo 'ttmem stays loaded as long as it is in use, or until the next boot'; fi
endef

uninstall: ## remove what install has installed (as root; with the same variables)
	+@$(MAKE) --no-print-directory -C tools uninstall O=$(O) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)
	$(if $(DESTDIR),,$(unload))
	rm -f $(DESTDIR)$(UDEVDIR)/60-ttmem.rules
	rm -f $(foreach d,updates extra,$(DESTDIR)/lib/modules/$(release)/$(d)/ttmem.ko*)
	$(if $(DESTDIR),,depmod -a $(release))
	$(if $(DESTDIR),,udevadm control --reload 2>/dev/null || :)

dkms-source:
	rm -rf $(dkms_src)
	$(INSTALL) -d $(dkms_src)
	for f in dkms.conf Kbuild COPYING uapi/*.h driver/*.[ch] tools/dkms/secure-boot; do \
		$(INSTALL) -D -m $$(test -x $$f && echo 755 || echo 644) $$f $(dkms_src)/$$f; done

dkms: ## have DKMS build the module for this kernel and each later one (as root)
	@tools/dkms/setup ready $(DKMS_ARGS)
	+@$(MAKE) --no-print-directory dkms-source udev-install
	@tools/dkms/setup install $(VERSION) $(DKMS_ARGS)

dkms-remove: ## remove all that dkms has done (as root)
	$(unload)
	@tools/dkms/setup remove
	rm -rf $(dkms_src)
	rm -f $(DESTDIR)$(UDEVDIR)/60-ttmem.rules
	@udevadm control --reload 2>/dev/null || :
	@echo 'What stays: DKMS itself, and the key that it signs modules with, which others may need'

deb: ## build Debian's packages into build/, what they take being installed: sudo apt build-dep .
	@dpkg-checkbuilddeps || { echo 'Install what is missing: sudo apt build-dep .' >&2; exit 1; }
	rm -rf $(O)/deb $(O)/*.deb
	mkdir -p $(O)/deb/ttmem
	tar --exclude=./.git --exclude=./build -cf - . | tar -xf - -C $(O)/deb/ttmem
	cd $(O)/deb/ttmem && DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" dpkg-buildpackage -b -us -uc
	mv $(O)/deb/*.deb $(O)

demo: ## see it work, in a guest with virtual cards; installs what it needs
	+@$(vm)/setup demo
	+@$(MAKE) --no-print-directory tools
	+@$(MAKE) --no-print-directory -C tools/testing/metal O=$(O)/metal played
	+@$(vm)/run --plain -- $(vm)/demo

kunit: ## run the KUnit suites on user-mode Linux; the first time builds that, some minutes
	@kunit/run $(foreach p,kunit_seed kunit_operations,$(if $($(p)),--$(p)=$($(p))))

check: ## test it, on this machine and in a guest with virtual cards; installs what that needs
	+@tools/testing/check

check-all: ## check, and all that a change must pass: debugging kernel, storm, KUnit, lint
	+@tools/testing/check all

shell: ## a prompt in a guest with virtual cards, ttmem-metald and a played workload
	@test -t 0 || { echo 'make shell is for a terminal' >&2; exit 1; }
	+@$(vm)/setup shell
	+@$(MAKE) --no-print-directory tools
	+@$(MAKE) --no-print-directory -C tools/testing/metal O=$(O)/metal played
	+@$(vm)/run --plain --shell -- $(vm)/shell

check-fresh: ## make check in clean Debians, as root and as a plain user, as root (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run fresh $(SUITES)

check-packages: ## build, lintian, install, upgrade and purge packages in clean Debians (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run packages $(SUITES)

check-dkms: ## make dkms in clean Debians, with kernels that come and go (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run dkms $(SUITES)

check-boot: ## Debian's packages on a clean Debian 12, booted in a guest with a virtual card
	@$(vm)/setup demo
	@$(vm)/setup packages
	@tools/testing/packages/run boot

check-kcsan: ## KUnit and the tests on a kernel that looks for data races; builds that, some minutes
	+@tools/testing/check kcsan

check-matrix: ## build, boot and test with Debian's kernels 5.10 to 7.3, as root (KERNELS="5.10 6.12")
	+@tools/testing/matrix $(KERNELS)

lints := $(addprefix lint-,sparse checkpatch cocci analyzer doc shell spec versions)

lint: $(lints) ## the static checks; each alone: lint-sparse -checkpatch -cocci -analyzer -doc -shell -spec -versions

$(lints):
	@tools/testing/lint/run $(@:lint-%=%)

bench: ## measure what a reservation costs, in a guest and natively; installs what it needs (BENCH_ARGS=--quick)
	+@$(vm)/setup demo
	+@$(MAKE) --no-print-directory -C tools/testing/bench O=$(O)
	$(if $(BEFORE),@cp $(BEFORE) $(O)/before.ko)
	+@$(vm)/run --plain --cards n300,n300,n300 -- $(O)/bench $(if $(BEFORE),--before $(O)/before.ko) \
		$(BENCH_ARGS)
	@METAL_TRACKER=$(abspath $(METAL_TRACKER)) $(O)/bench --host
	+@$(MAKE) --no-print-directory -C tools/testing/metal O=$(O)/metal bench
	@kunit/run bench

stress: MINUTES ?= 10
CARDS	?= n300,n300,n300

stress: ## a storm of clients, kills, cards that come and go (MINUTES=10 SEED= CARDS= KERNEL= TT_KMD=)
	+@$(vm)/setup stress
	+@$(MAKE) --no-print-directory -C tools/testing/stress O=$(O)
	@$(vm)/run $(if $(KERNEL),--kernel $(KERNEL)) --cards $(CARDS) --log $(O)/stress-kernel.log \
		--time-limit $$(awk 'BEGIN { printf "%d", 900 + 90 * "$(MINUTES)" }') -- \
		$(O)/stress --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

fuzz_run = tools/testing/fuzz/run --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
	   $(if $(KERNEL),--kernel $(KERNEL))

fuzz: MINUTES ?= 20
fuzz: ## fuzz the node and the files on a debugging kernel (MINUTES=20 SEED= KERNEL=)
	+@$(vm)/setup fuzz
	+@$(fuzz_run) fuzz

coverage: MINUTES ?= 5
coverage: ## the lines of driver/ that KUnit, selftests and fuzzing reach (MINUTES=5 SEED= KERNEL=)
	+@$(vm)/setup fuzz
	+@$(fuzz_run) --goal 95 kunit selftests fuzz

clean: ## remove what was built
	rm -rf $(O)
	-test ! -e $(KDIR)/Makefile || $(kbuild) clean
	find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name '*.o.d' -o -name modules.order -o -name Module.symvers \) -exec rm -f {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: all module headers tools install module-install tools-install udev-install uninstall \
	dkms-source dkms dkms-remove deb demo kunit shell check check-all check-kcsan check-matrix check-fresh check-packages \
	check-dkms check-boot lint $(lints) bench stress fuzz coverage \
	clean help
