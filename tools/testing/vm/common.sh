# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of this directory share. Sourced, never run.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
tree=$(cd "$vm_dir/../../.." && pwd -P)

# Nothing that is downloaded or built for a guest is kept in the checkout: a
# fresh clone finds it again here.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ttmem

# udev's, kmod's and the kernel's programs are not in every user's PATH.
PATH=$PATH:/usr/sbin:/sbin

# The kernel's builds take it for theirs.
unset KBUILD_OUTPUT

# A command that Ctrl-C ends may exit with a status, as ours do; bash would then run the next.
trap 'exit 130' INT

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# The runner's own failures are 125, as env(1) and timeout(1) have it, so that
# they can be told from the command's.
die()
{
	say "$*"
	exit 125
}

# Whether as_root works, asking for a password where there is somebody to ask.
may_be_root()
{
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		may_be_root || die "this needs root, which you cannot become here; have an administrator run: $*"
		sudo "$@"
	fi
}

# Bytes as a person reads them: megabytes
mb()
{
	echo "$((($1 + 500000) / 1000000)) MB"
}

# Holds FILE's lock until the calling shell ends. Says so where it has to wait.
lock()
{
	local fd

	mkdir -p "$(dirname "$1")"
	exec {fd}>"$1"
	flock -w 5 "$fd" && return
	say "waiting for another run that works on ${1%.lock}"
	flock "$fd"
}

apt_lists()
{
	command -v apt-get >/dev/null ||
		die "there is no apt-get here: give a kernel of your own with --kernel FILE --kdir DIR"
	if [ -z "$(apt-cache pkgnames linux-image- | head -n 1)" ]; then
		apt_update
	fi
}

apt_update()
{
	say "updating apt's package lists"
	as_root apt-get -q update >&2 || die "apt-get update failed; see above"
}

# The mirror that the machine's own sources have of Debian or Debian-Security: mirror LABEL
mirror()
{
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^$1 //p" | sort -u | head -n 1
}

# Readies a Debian, a copy or an overlay of what ./suite keeps, for in_chroot: ready_chroot DIR
ready_chroot()
{
	# No service is started: the kernel and its processes are the machine's.
	printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	apt-config dump Acquire::http::Proxy Acquire::https::Proxy > "$1/etc/apt/apt.conf.d/90proxy"
	[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf > "$1/etc/resolv.conf"
}

# Runs a command in it: in_chroot DIR COMMAND…. Where bind names a directory of the machine's
# it is /mnt there. The mounts are nobody else's and gone with the command. Nobody boots from
# it, so its kernels need no initramfs.
in_chroot()
{
	# shellcheck disable=SC2016 # for the shell that it starts
	unshare --mount sh -ec '
		root=$1 bind=$2
		shift 2
		mount -t proc proc "$root/proc"
		[ -z "$bind" ] || mount --bind "$bind" "$root/mnt"
		exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive INITRD=No chroot "$root" "$@"
	' sh "$1" "${bind:-}" "${@:2}"
}

# Downloads packages and unpacks them into a directory, which is made anew; installs nothing.
# It has all of them or is not there, whenever this is ended.
# apt_unpack DIR PACKAGE…
apt_unpack()
{
	local dir=$1 new debs deb
	local -a get=(apt-get download)
	shift

	rm -rf "$dir".new.*
	mkdir -p "$(dirname "$dir")"
	new=$(mktemp -d "$dir.new.XXXXXX")
	debs=$new/.debs
	mkdir "$debs"
	# As root apt downloads as the user _apt, who may not write here.
	[ "$(id -u)" != 0 ] || get+=(-o APT::Sandbox::User=root)
	say "downloading $* ($(mb "$(apt-cache show --no-all-versions "$@" 2>/dev/null |
		awk '/^Size: / { n += $2 } END { print n + 0 }')"))"
	# Lists that have grown old name files that are gone from the archive.
	if ! (cd "$debs" && "${get[@]}" "$@" >&2); then
		apt_update
		(cd "$debs" && "${get[@]}" "$@" >&2) ||
			{ rm -rf "$new"; return 1; }
	fi
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$new" || { rm -rf "$new"; return 1; }
	done
	rm -rf "$debs" "$dir"
	chmod 755 "$new"
	mv "$new" "$dir"
}

# The compiler that a kernel's modules take: plain gcc where it is the one that built
# the kernel, else gcc-N.
kernel_gcc()
{
	local version

	version=$(sed -n 's/^CONFIG_GCC_VERSION=\([0-9]*\)[0-9]\{4\}$/\1/p' "$1/.config" 2>/dev/null)
	case $version in
	'' | 0 | "$(gcc -dumpversion | cut -d . -f 1)") echo gcc ;;
	*) echo "gcc-$version" ;;
	esac
}

# Prints the warnings and errors in a log of a kernel's build. That compiler or pahole are
# of another version than the kernel's own says nothing about the source.
warnings()
{
	grep -E '(warning|error):' "$1" | grep -vE 'warning: (the compiler|pahole version) differs'
}
