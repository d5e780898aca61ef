# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# `make check-fresh`: what a newcomer types first, in a clean Debian, as root and as a plain
# user with sudo. Sourced by ./run.

# as USER COMMAND…: in USER's clone, with the terminal's absence and a shell's environment.
as()
{
	local user=$1 home=/root
	shift

	[ "$user" = root ] || home=/home/$user
	inside su -s /bin/bash "$user" -c \
		"cd $home/ttmem && exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=$home USER=$user LOGNAME=$user $*"
}

# The file systems that a machine has and a chroot has not.
machine()
{
	mount -t tmpfs -o mode=755 dev "$root/dev" &&
		cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev" &&
		{ [ ! -e /dev/fuse ] || cp -a /dev/fuse "$root/dev"; } &&
		ln -s /proc/self/fd "$root/dev/fd" && ln -s pts/ptmx "$root/dev/ptmx" &&
		mkdir "$root/dev/pts" "$root/dev/shm" &&
		mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts" &&
		mount -t tmpfs -o mode=1777 shm "$root/dev/shm" &&
		mount -t tmpfs -o mode=1777 tmp "$root/tmp" &&
		mount --rbind /sys "$root/sys"
}

newcomer()
{
	apt_install make git sudo || return
	if [ "$1" != root ]; then
		inside useradd --create-home --shell /bin/bash "$1" &&
			echo "$1 ALL=(ALL) NOPASSWD: ALL" > "$root/etc/sudoers.d/$1" &&
			mv "$root/root/ttmem" "$root/home/$1/" &&
			inside chown -R "$1:" "/home/$1/ttmem"
	fi
}

# It says what it takes before it begins, installs it, and passes.
make_check()
{
	local before

	before=$(df --output=used -B1000000 "$root.upper" | tail -n 1)
	as "$1" make check > "$work/said" 2>&1
	tail -n 60 "$work/said"
	cp "$work/said" "$cache/suite/fresh-$suite-$1.log"
	echo "MB written: $(($(df --output=used -B1000000 "$root.upper" | tail -n 1) - before))"
	grep -qE '^check: [1-9][0-9]* passed, 0 failed$' "$work/said" || return
	took[$1]=$(sed -n 's/^after \([0-9]* min\)$/\1/p' "$work/said")
}

# Who may not become root is told once, in a sentence, what is missing.
no_sudo()
{
	rm -f "$root/etc/sudoers.d/$1"
	inside apt-get -q -y --purge remove sparse > /dev/null || return
	as "$1" make check > "$work/said" 2>&1 && return 1
	cat "$work/said"
	[ "$(grep -c 'have an administrator run: apt-get install ' "$work/said")" = 1 ]
}

check()
{
	local -A took=()
	local user

	for user in root plain; do
		try "$user" "a clean Debian $suite" clean_debian "fresh-$user" || continue
		try "$user" "what every machine has" machine || continue
		try "$user" "package lists" update || continue
		try "$user" "make, git and sudo" newcomer "$user" || continue
		try "$user" "make check" make_check "$user" &&
			echo "        $suite: $user: after ${took[$user]}"
	done
	try plain "without sudo" no_sudo plain
}
