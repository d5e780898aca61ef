# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A clean Debian with its own stock kernel, ttmem's packages installed on it as README has
# it, and then booted with its own systemd in a guest with virtual cards: nobody loads a
# module or starts a service, and ttmem-smi shows the card and what an unmodified program
# holds of it. What a person would see is printed. Sourced by ./run.

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
	inside make -s -C /root/ttmem/tools/testing/metal O=/root/metal played || return
	cat > "$root/root/test_script.py" <<-END
		import time
		import ttnn

		device = ttnn.open_device(device_id=0)
		tensor = ttnn.zeros((100, 1024, 1024), ttnn.bfloat16, ttnn.TILE_LAYOUT, device)
		time.sleep(600)
	END
	# Anybody runs it. TT-KMD's package has such a rule.
	chmod -R a+rX "$root/root"
	echo 'SUBSYSTEM=="tenstorrent", MODE="0666"' > "$root/etc/udev/rules.d/99-tenstorrent.rules"
	cp "$here/guest" "$root/root/guest"
	(cd "$root" && "$vm_dir/run" --kernel "$root/boot/vmlinuz-$kernel" --no-modules -- "$root/root/guest" "$root")
}

# after COMMAND LINE [N]: what the guest printed below the Nth COMMAND is LINE.
after()
{
	grep -x -F -A 1 -- "+ $1" "$work/guest" | grep -v -x -e -- | sed -n "$((2 * ${3:-1}))p" | grep -x -F -- "$2"
}

# The list of clients that it printed has but the one that told ttmem itself.
left()
{
	sed -n '/^CARD *CLIENT *PID/,/^+ /{/^[0-9]/p}' "$work/guest" > "$work/left"
	cat "$work/left"
	[ "$(wc -l < "$work/left")" = 1 ] && grep ' 209715200 .* self ' "$work/left"
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
	try install "Debian's stock kernel, systemd and udev" apt_install linux-image-amd64 linux-headers-amd64 \
		systemd udev || return
	kernel=$(headers amd64 | sed 's/^linux-headers-//')
	try install "apt install ./build/ttmem-*.deb" install_as_readme
	grep -v -E '^(Get:|Selecting|Preparing|Unpacking|\(Reading)' "$work/out"
	boot > "$work/guest" 2>&1 < /dev/null
	cat "$work/guest"
	try boot "ttmem came by itself" shows '^ttmem +[0-9]+ '
	try boot "from where DKMS has put it" shows "^/lib/modules/$kernel/updates/dkms/ttmem\.ko"
	try boot "ttmem-smi shows the card" shows '0 n150 .* / 12288 MiB'
	try boot "and what a process holds" shows '200 MiB .* sleep 60'
	try boot "no unit has failed" shows '^running$'
	try metald "its package has enabled it" after 'systemctl is-enabled ttmem-metald' enabled
	try metald "it runs before there is a card" after 'systemctl is-active ttmem-metald' active
	try metald "it is stopped" after 'systemctl is-active ttmem-metald' inactive 2
	try metald "udev starts it when the card comes" after 'systemctl is-active ttmem-metald' active 3
	try metald "it writes /run/ttmem/metald.json" shows '^\{"schema":1,"version":"[0-9.]+",.*"card":0,'
	try metald "which everybody may read" shows '^-rw-r--r-- 1 root root .*/run/ttmem/metald\.json$'
	try metald "what an unmodified program of nobody's holds" shows ' nobody +200 MiB .* python3 '
	try metald "all is well for ttmem-smi doctor" shows '^doctor: 0$'
	try metald "killed, the program holds nothing" left
	try metald "killed, it is started anew" after 'systemctl show -P NRestarts ttmem-metald' 1
	try metald "and runs" after 'systemctl is-active ttmem-metald' active 4
	try metald "it has few privileges" shows 'exposure level for ttmem-metald\.service: [012]\.[0-9]'
	try account "root has to want it" after 'systemctl is-enabled ttmem-account' disabled
	try account "what has ended is in the log" shows '^sleep, 10 MiB$'
	try account "it has few privileges" shows 'exposure level for ttmem-account\.service: [012]\.[0-9]'
	try boot "anybody may use the node" shows '^crw-rw-rw- .*/dev/tenstorrent/mem/0$'
}
