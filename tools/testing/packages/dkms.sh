# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# `make check-dkms`: make dkms, without a package, where all goes well and where it does
# not. Sourced by ./run.

make_dkms()
{
	inside make -s -C /root/ttmem dkms DKMS_ARGS="-k $kernel"
}

# refused SENTENCE COMMAND…: COMMAND has to fail and to say SENTENCE, in one line. In it
# stands KERNEL for the kernel's name.
refused()
{
	local sentence=${1//KERNEL/${kernel//[+]/[+]}}
	shift

	if "$@" > "$work/refused" 2>&1; then
		cat "$work/refused"
		echo "it did not fail"
		return 1
	fi
	cat "$work/refused"
	grep -qxE "$sentence" "$work/refused" || { echo "expected was: $sentence"; return 1; }
}

# DKMS's state of ttmem, of all versions and kernels, has to be LINE…
status_is()
{
	local state

	state=$(inside dkms status -m ttmem | sed -e 's/^ttmem, /ttmem\//' -e 's/, x86_64//' | LC_ALL=C sort)
	printf 'DKMS says:\n%s\n' "$state"
	[ "$state" = "$(printf '%s\n' "$@" | LC_ALL=C sort)" ]
}

# make dkms-remove, after which DKMS knows ttmem no more. What stands then is written down.
remove()
{
	inside make -s -C /root/ttmem dkms-remove || return
	inside dkms status -m ttmem > "$work/status"
	if [ -s "$work/status" ]; then
		cat "$work/status"
		return 1
	fi
	listing | grep -v ' \./var/lib/dkms/mok\.' > "$work/after"
}

# Nothing is left, but for what is DKMS's own.
removed()
{
	remove && diff "$work/before" "$work/after"
}

# The same after a kernel has come, whose files stay.
all_removed()
{
	remove && ! grep -E 'ttmem|/updates' "$work/after"
}

# make dkms where nothing of Secure Boot is to be said
silent()
{
	make_dkms > "$work/said" 2>&1 || { cat "$work/said"; return 1; }
	cat "$work/said"
	! grep -i 'secure boot' "$work/said"
}

# make dkms with Secure Boot on, as its variable in sysfs tells
secure_boot()
{
	local variables=$root/sys/firmware/efi/efivars sentence

	mkdir -p "$variables"
	printf '\006\000\000\000\001' > "$variables/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	make_dkms > "$work/said" 2>&1
	cat "$work/said"
	rm -r "$root/sys/firmware"
	sentence='.* Type: sudo mokutil --import /var/lib/dkms/mok\.pub, then reboot and choose Enroll MOK\.'
	[ -e "$root/var/lib/dkms/mok.pub" ] || sentence='.* this DKMS has signed nothing: .*'
	grep -qx "Secure Boot is on$sentence" "$work/said"
}

broken()
{
	local status

	echo '#error this is broken' >> "$root/root/ttmem/driver/main.c"
	refused "Building ttmem for Linux KERNEL failed: .*driver/main\.c.* error: #error this is broken.*make\.log" make_dkms
	status=$?
	sed -i '$d' "$root/root/ttmem/driver/main.c"
	return $status
}

check()
{
	local first second kernel

	clean_debian dkms
	try messages "apt-get update" update || return
	first=$(headers amd64 | sed 's/^linux-headers-//')
	second=$(headers cloud-amd64 | sed 's/^linux-headers-//')
	if [ -z "$first" ] || [ -z "$second" ]; then
		verdict "$suite" messages "no kernel"
		return
	fi
	kernel=$first

	try messages "make is installed" apt_install make || return
	try messages "without DKMS" refused 'DKMS is not installed: sudo apt install dkms' make_dkms
	try messages "DKMS is installed" apt_install dkms gcc || return
	echo "        $suite: $(inside dkms --version), Linux $first, later Linux $second"
	try messages "without headers" \
		refused "There are no headers of Linux KERNEL, .*: sudo apt install linux-headers-KERNEL" make_dkms
	kernel=5.4.0-26-generic
	try messages "an older kernel" refused "Linux KERNEL is too old: ttmem takes 5\.10 or later" make_dkms
	kernel=$first
	try messages "headers are installed" apt_install "linux-headers-$first" || return
	try messages "a build that fails" broken
	try messages "and what is left of it goes" inside make -s -C /root/ttmem dkms-remove

	listing > "$work/before"
	try install "make dkms" silent
	try install "DKMS's state" status_is "ttmem/$version, $first: installed"
	try install "the module" module_is "$version" "$first"
	try removal "nothing is left" removed
	try secure-boot "a sentence that helps" secure_boot

	try second-kernel "its headers come" apt_install "linux-headers-$second" || return
	try second-kernel "DKMS's state" status_is "ttmem/$version, $first: installed" "ttmem/$version, $second: installed"
	try second-kernel "the module" module_is "$version" "$second"

	later "$next"
	try upgrade "one that cannot be built" broken
	try upgrade "the older one stays" module_is "$version" "$first"
	try upgrade "make dkms" make_dkms
	try upgrade "DKMS's state" status_is "ttmem/$next, $first: installed" "ttmem/$next, $second: installed"
	try upgrade "the module" module_is "$next" "$first"
	try upgrade "the second kernel's module" module_is "$next" "$second"
	try removal "nothing is left of two kernels'" all_removed
}
