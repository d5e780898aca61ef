# SPDX-License-Identifier: GPL-2.0-only
#
# The module itself is described in Kbuild. These are the commands for people. A line
# "##@ text" begins a section of `make help`, and "## text" describes a command there.
#
# Variables, and what they are for:
#
#	KDIR=DIR	the kernel to build for (default: the headers of the running kernel)
#	CC=COMPILER	tools and tests; also the module, if the kernel was built with the same
#		kind of compiler
#	PREFIX=DIR	where tools and library are installed (default: /usr/local)
#	DESTDIR=DIR	put before every path that is installed
#	DKMS_ARGS=	dkms: more arguments for DKMS, such as -k RELEASE for another kernel
#	TT_KMD=FILE	check, demo, stress: use this tenstorrent.ko instead of the stand-in
#	kunit_seed=SEED	kunit: repeat a run with the seed that it printed
#	MINUTES=N SEED=N KERNEL=	stress, fuzz, coverage: how long; the seed that an earlier
#		run printed; another kernel for the guest: a version or a bzImage
#	CARDS=n300,n300,n300	stress: the cards
#	KERNELS="5.10 6.12-rt 7.3-arm64"	check-matrix: only these kernels; 6.12@SUITE
#		takes one from another suite than usual
#	BEFORE=FILE	bench: compare with this ttmem.ko of an earlier version, built for the
#		guest's kernel
#	METAL_TRACKER=FILE	bench: compare with this shared object of tt-metal's own tracker
#	BENCH_ARGS=	bench: --quick for a short run
#	SUITES=		check-fresh, check-packages, check-dkms: only these releases of Debian

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
ifneq ($(filter-out help,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell find $(O) -maxdepth 1 ! -writable 2>/dev/null),)
$(error another user has built in $(O), and you cannot write there: sudo chown -R $$USER $(O))
endif
endif
dkms_src = $(DESTDIR)/usr/src/ttmem-$(VERSION)

# The kernel's configuration says which compiler its modules need. A kernel that was built with
# clang needs all of LLVM, in the same version if there are several. O= and KBUILD_OUTPUT of the
# caller are for another build and are not passed on.
MAKEOVERRIDES := $(filter-out O=% KBUILD_OUTPUT=%,$(MAKEOVERRIDES))
clang	= $(shell sed -n 's/^CONFIG_CLANG_VERSION=\([0-9]*\)[0-9]\{4\}$$/\1/p' $(KDIR)/.config 2>/dev/null | grep -vx 0)
llvm	= $(if $(shell command -v clang-$(clang)),-$(clang),1)
named_cc = $(if $(findstring clang,$(CC)),clang)
kbuild	= env -u KBUILD_OUTPUT -u O $(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(clang),LLVM=$(llvm)) \
	$(if $(clang),$(if $(named_cc),,CC=clang$(filter -%,$(llvm))),$(if $(named_cc),CC=gcc))

# The release that modules_install uses; `make kernelrelease` of packaged headers may print another.
release	= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
# The headers of a distribution ask for a signature but have no key.
unsigned = $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

define need_root
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" = 0 ] || [ -w '$(PREFIX)' ] || { \
		echo 'You may not change $(PREFIX): sudo make $(or $(MAKECMDGOALS),$@)' >&2; exit 1; }
endef

##@ Build

all: module ## build ttmem.ko for the running kernel (KDIR=)

module: headers
	+$(kbuild) W=1 $(if $(shell command -v sparse),C=2) modules
	@command -v sparse >/dev/null || echo 'built without sparse, which is not installed: apt install sparse'

headers:
	@test -e $(KDIR)/Makefile || { \
		echo 'There are no headers of the kernel in $(KDIR); install them, e.g.: sudo apt install linux-headers-'"$$(uname -r)" >&2; \
		exit 1; }
	@echo '$(release)' | grep -Eq "$$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"/\1/p' dkms.conf)" || { \
		echo 'Linux $(release) in $(KDIR) is too old: ttmem takes 5.10 or later' >&2; exit 1; }

tools: ## build libttmem and the tools, in build/
	+@$(MAKE) --no-print-directory -C tools O=$(O) PREFIX=$(PREFIX)

##@ Install

install: module-install tools-install ## install module, udev rule, tools and library; as root (PREFIX=, DESTDIR=)

module-install: module udev-install
	+$(kbuild) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) $(unsigned) modules_install
	$(if $(DESTDIR),,depmod -a $(release))

tools-install: tools ## install tools, services and library, for example after make dkms; as root (PREFIX=, DESTDIR=)
	$(need_root)
	+@$(MAKE) --no-print-directory -C tools install O=$(O) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

udev-install:
	$(need_root)
	$(INSTALL) -d $(DESTDIR)$(UDEVDIR)
	$(INSTALL) -m 644 tools/udev/60-ttmem.rules $(DESTDIR)$(UDEVDIR)
	$(if $(DESTDIR),,udevadm control --reload 2>/dev/null || :)

# Done before the module's file is removed, because modprobe looks for it. A module that is in
# use stays loaded.
define unload
	@if grep -qs '^ttmem ' /proc/modules && ! modprobe -r ttmem; then \
		echo 'ttmem stays loaded as long as it is in use, or until the next boot'; fi
endef

uninstall: ## remove what install has installed; as root, with the same variables
	$(need_root)
	+@$(MAKE) --no-print-directory -C tools uninstall O=$(O) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)
	$(if $(DESTDIR),,$(unload))
	rm -f $(DESTDIR)$(UDEVDIR)/60-ttmem.rules
	@for dir in $(DESTDIR)/lib/modules/*; do \
		set -- $$dir/updates/ttmem.ko* $$dir/extra/ttmem.ko*; \
		[ -e "$$1" ] || [ -e "$$2" ] || continue; \
		echo "rm -f $$*"; rm -f "$$@" || exit; \
		$(if $(DESTDIR),:,depmod -a "$${dir##*/}") || exit; done
	$(if $(DESTDIR),,udevadm control --reload 2>/dev/null || :)

dkms-source:
	rm -rf $(dkms_src)
	$(INSTALL) -d $(dkms_src)
	for f in dkms.conf Kbuild COPYING uapi/*.h driver/*.[ch] tools/dkms/secure-boot; do \
		$(INSTALL) -D -m $$(test -x $$f && echo 755 || echo 644) $$f $(dkms_src)/$$f; done

dkms: ## build and install the module with DKMS, for this kernel and each later one; as root
	@tools/dkms/setup ready $(DKMS_ARGS)
	+@$(MAKE) --no-print-directory dkms-source udev-install
	@tools/dkms/setup install $(VERSION) $(DKMS_ARGS)

dkms-remove: ## remove what dkms has installed; as root
	$(unload)
	@tools/dkms/setup remove
	rm -rf $(dkms_src)
	rm -f $(DESTDIR)$(UDEVDIR)/60-ttmem.rules
	@udevadm control --reload 2>/dev/null || :
	@echo 'What stays: DKMS itself, and the key that it signs modules with, which others may need'

deb: ## build Debian's packages, in build/; first install what they need: sudo apt build-dep .
	@dpkg-checkbuilddeps || { echo 'Install what is missing: sudo apt build-dep .' >&2; exit 1; }
	rm -rf $(O)/deb $(O)/*.deb
	mkdir -p $(O)/deb/ttmem
	tar --exclude=./.git --exclude=./build -cf - . | tar -xf - -C $(O)/deb/ttmem
	cd $(O)/deb/ttmem && DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" dpkg-buildpackage -b -us -uc
	mv $(O)/deb/*.deb $(O)

##@ Try, in a virtual machine with virtual cards

demo: ## show how it works, in one minute; installs what it needs
	+@$(vm)/setup demo
	+@$(MAKE) --no-print-directory tools
	+@$(MAKE) --no-print-directory -s -C tools/testing/metal O=$(O)/metal played
	+@$(vm)/run --plain -- $(vm)/demo

shell: ## a prompt, with ttmem-metald and programs that use the cards; installs what it needs
	@test -t 0 || { echo 'make shell is for a terminal' >&2; exit 1; }
	+@$(vm)/setup shell
	+@$(MAKE) --no-print-directory tools
	+@$(MAKE) --no-print-directory -s -C tools/testing/metal O=$(O)/metal played
	+@$(vm)/run --plain --shell -- $(vm)/shell

##@ Test

check: ## the tests, on this machine and in a virtual machine; 10 minutes; installs what it needs (TT_KMD=)
	+@tools/testing/check

check-all: ## check, and all else that a change must pass: debugging kernel, KUnit, stress, lint; 40 minutes
	+@tools/testing/check all

##@ For developers

kunit: ## the KUnit suites on user-mode Linux, which is built on the first use (kunit_seed=)
	@kunit/run $(foreach p,kunit_seed kunit_operations,$(if $($(p)),--$(p)=$($(p))))

check-fresh: ## make check in clean Debians, as root and as a plain user; as root or with sudo (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run fresh $(SUITES)

check-packages: ## the packages in clean Debians: build, lintian, install, upgrade, purge; as root or with sudo (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run packages $(SUITES)

check-dkms: ## make dkms in clean Debians, with kernels added and removed; as root or with sudo (SUITES=)
	@$(vm)/setup packages
	@tools/testing/packages/run dkms $(SUITES)

check-boot: ## the packages on a clean Debian 12, booted with a virtual card; as root or with sudo
	@$(vm)/setup demo
	@$(vm)/setup packages
	@tools/testing/packages/run boot

check-kcsan: ## KUnit and the tests on a kernel that finds data races, which is built on the first use
	+@tools/testing/check kcsan

check-matrix: ## build, boot and test with Debian's kernels 5.10 to 7.3; as root (KERNELS="5.10 6.12")
	+@tools/testing/matrix $(KERNELS)

lints := $(addprefix lint-,sparse checkpatch cocci analyzer doc shell spec versions)

lint: $(lints) ## the static checks; one alone: lint-sparse -checkpatch -cocci -analyzer -doc -shell -spec -versions

$(lints):
	@tools/testing/lint/run $(@:lint-%=%)

bench: ## measure what calls, counters and reads cost; installs what it needs (BENCH_ARGS=--quick)
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

stress: ## many clients at once, kills, cards added and removed (MINUTES=10 SEED= CARDS= KERNEL= TT_KMD=)
	+@$(vm)/setup stress
	+@$(MAKE) --no-print-directory -C tools/testing/stress O=$(O)
	@$(vm)/run $(if $(KERNEL),--kernel $(KERNEL)) --cards $(CARDS) --log $(O)/stress-kernel.log \
		--time-limit $$(awk 'BEGIN { printf "%d", 900 + 90 * "$(MINUTES)" }') -- \
		$(O)/stress --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

fuzz_run = tools/testing/fuzz/run --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
	   $(if $(KERNEL),--kernel $(KERNEL))

fuzz: MINUTES ?= 20
fuzz: ## random system calls on the node and the files, on a debugging kernel (MINUTES=20 SEED= KERNEL=)
	+@$(vm)/setup fuzz
	+@$(fuzz_run) fuzz

coverage: MINUTES ?= 5
coverage: ## which lines of driver/ KUnit, selftests and fuzzing reach (MINUTES=5 SEED= KERNEL=)
	+@$(vm)/setup fuzz
	+@$(fuzz_run) --goal 95 kunit selftests fuzz

##@ Other

clean: ## remove what was built
	rm -rf $(O)
	-test ! -e $(KDIR)/Makefile || $(kbuild) clean
	find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name '*.o.d' -o -name modules.order -o -name Module.symvers \) -exec rm -f {} +

help: ## this list
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", sep, substr($$0, 5); sep = "\n" } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: all module headers tools install module-install tools-install udev-install uninstall \
	dkms-source dkms dkms-remove deb demo kunit shell check check-all check-kcsan check-matrix check-fresh check-packages \
	check-dkms check-boot lint $(lints) bench stress fuzz coverage \
	clean help
