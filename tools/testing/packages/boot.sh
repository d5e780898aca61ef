# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A clean Debian with its own stock kernel, ttmem's packages installed on it as README has
# it, and then booted in a guest with virtual cards: nobody loads a module, and ttmem-smi
# shows the card. What a person would see is printed. Sourced by ./run.

# prompt COMMAND…: shows the command and what it prints, as in a terminal.
prompt()
{
	printf '$ %s\n' "$*"
	inside sh -c "cd /root/ttmem && $*" 2>&1
}

install_as_readme()
{
	prompt apt-get -q -y build-dep . > "$work/build-dep" || { cat "$work/build-dep"; return 1; }
	prompt make deb > "$work/deb" || { tail -n 30 "$work/deb"; return 1; }
	prompt 'apt-get -q -y install ./build/ttmem-*.deb'
}

# The card and TT-KMD are virtual, and built where ttmem.ko was.
boot()
{
	local module

	for module in vcard standin; do
		inside make -s -C "/lib/modules/$kernel/build" "M=/root/ttmem/tools/testing/$module" modules || return
		cp "$root/root/ttmem/tools/testing/$module"/*.ko "$root/root/"
	done
	cp "$here/guest" "$root/root/guest"
	(cd "$root" && "$vm_dir/run" --kernel "$root/boot/vmlinuz-$kernel" --no-modules -- "$root/root/guest" "$root")
}

# What the guest printed holds these lines.
shows()
{
	grep -E "$1" "$work/guest"
}

check()
{
	local kernel

	clean_debian boot
	try install "apt-get update" update || return
	try install "Debian's stock kernel and udev" apt_install linux-image-amd64 linux-headers-amd64 udev || return
	kernel=$(headers amd64 | sed 's/^linux-headers-//')
	try install "apt install ./build/ttmem-*.deb" install_as_readme
	grep -v -E '^(Get:|Selecting|Preparing|Unpacking|\(Reading)' "$work/out"
	boot > "$work/guest" 2>&1 < /dev/null
	cat "$work/guest"
	try boot "ttmem came by itself" shows '^ttmem +[0-9]+ '
	try boot "from where DKMS has put it" shows "^/lib/modules/$kernel/updates/dkms/ttmem\.ko"
	try boot "ttmem-smi shows the card" shows '0 n150 .* / 12288 MiB'
	try boot "and what a process holds" shows '200 MiB .* sleep 60'
	try boot "anybody may use the node" shows '^crw-rw-rw- .*/dev/tenstorrent/mem/0$'
}
