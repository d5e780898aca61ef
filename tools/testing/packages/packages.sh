# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# `make check-packages`: Debian's packages built with nothing but what they ask for, looked
# at by lintian, installed, upgraded and purged. Sourced by ./run.

build_dependencies()
{
	apt_install build-essential && inside sh -c 'cd /root/ttmem && apt-get -q -y --no-install-recommends build-dep .'
}

build()
{
	inside sh -c 'cd /root/ttmem && dpkg-buildpackage -us -uc' &&
		mkdir "$root/root/debs" "$root/root/later" && cp "$root/root"/*.deb "$root/root/debs/" &&
		rm "$root/root/debs"/*-dbgsym_*
}

build_later()
{
	later "$next" && inside make -C /root/ttmem deb && mv "$root/root/ttmem/build"/*.deb "$root/root/later/"
}

# It is silent where all is well; what it tells for information is shown with the rest.
lintian()
{
	inside sh -c 'lintian --allow-root --fail-on error,warning -I /root/*.changes'
}

# copy DIR VERSION: takes DIR's packages over to a fresh Debian.
copy()
{
	mkdir -p "$root/root/$2" && cp "$1"/*.deb "$root/root/$2/"
}

# What these packages stand on, so that it is not taken for theirs afterwards.
dependencies()
{
	local names

	mapfile -t names < <(inside sh -c "cd /root/$version && apt-get -s install ./*.deb" |
		awk '$1 == "Inst" && $2 !~ /ttmem/ { print $2 }')
	apt_install "linux-headers-$kernel" udev g++ pkg-config "${names[@]}"
}

# debs GLOB VERSION: installs them as README has it.
debs()
{
	inside sh -c "cd /root/$2 && apt-get -q -y install ./$1"
}

# works VERSION: what each package is for, without a card
works()
{
	local file

	module_is "$1" "$kernel" || return 1
	[ "$(inside dkms status -m ttmem | wc -l)" = 1 ] || { inside dkms status; return 1; }
	[ -e "$root/usr/lib/udev/rules.d/60-ttmem.rules" ] || { echo "no udev rule"; return 1; }
	inside ttmem-smi --version | grep "ttmem-smi $1" || return 1
	inside ttmem-cdi --version && inside ttmem-run --help && inside ttmem-exporter --version &&
		inside ttmem-metald --version && inside ttmem-account --version || return 1
	[ -L "$root/etc/systemd/system/multi-user.target.wants/ttmem-exporter.service" ] ||
		{ echo "the exporter is not enabled"; return 1; }
	[ -L "$root/etc/systemd/system/multi-user.target.wants/ttmem-metald.service" ] ||
		{ echo "ttmem-metald is not enabled"; return 1; }
	[ ! -e "$root/etc/systemd/system/multi-user.target.wants/ttmem-account.service" ] ||
		{ echo "ttmem-account is enabled, and that is for root to do"; return 1; }
	[ -L "$root/etc/systemd/system/multi-user.target.wants/ttmem-cdi.service" ] ||
		{ echo "ttmem-cdi is not enabled"; return 1; }
	[ -e "$root/usr/lib/udev/rules.d/62-ttmem-cdi.rules" ] || { echo "no udev rule of ttmem-cdi's"; return 1; }
	[ -e "$root/usr/lib/udev/rules.d/61-ttmem-metald.rules" ] || { echo "no udev rule of ttmem-metald's"; return 1; }
	for file in man1/ttmem-{smi,run,cdi,exporter}.1.gz man8/ttmem-{metald,account}.8.gz; do
		[ -e "$root/usr/share/man/$file" ] || { echo "no $file"; return 1; }
	done
	[ "$(inside python3 -c 'import ttmem; print(ttmem.__version__)')" = "$1" ] || return 1
	cat > "$root/root/a.c" <<-END
		#include <stdio.h>
		#include <ttmem/libttmem.h>
		int main(void) { return puts(ttmem_strerror(0)) < 0; }
	END
	# shellcheck disable=SC2016 # for the shell inside
	inside sh -c 'cd /root && gcc -Wall -Werror -o a a.c $(pkg-config --cflags --libs ttmem) && ./a' &&
		inside ldd /root/a | grep libttmem.so.0 || return 1
	# shellcheck disable=SC2016 # likewise
	inside sh -c 'cd /root && g++ -std=c++17 -Wall -Werror -pthread -o mesh \
		/usr/share/doc/libttmem-dev/examples/mesh.cpp $(pkg-config --cflags --libs ttmem) && ./mesh'
}

# are VERSION: all packages are installed, and of that version.
are()
{
	# shellcheck disable=SC2016 # dpkg's own
	inside dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' '*ttmem*' |
		LC_ALL=C sort > "$work/list"
	cat "$work/list"
	diff "$work/list" <(sed -n "s/^Package: \(.*\)/\1 $1 installed/p" "$tree/debian/control" | LC_ALL=C sort)
}

purged()
{
	# As ttmem-account leaves it.
	mkdir -p "$root/var/log/ttmem" && touch "$root/var/log/ttmem/account.log"
	inside sh -c "apt-get -q -y purge '.*ttmem.*'" || return 1
	listing | grep -v ' \./var/lib/dkms/mok\.' > "$work/after"
	diff "$work/before" "$work/after"
}

check()
{
	local built kernel

	clean_debian build
	try build "apt-get update" update || return
	try build "what the packages ask for is installed" build_dependencies || return
	try build "dpkg-buildpackage" build || return
	try build "make deb, of version $next" build_later || return
	try lintian "lintian is installed" apt_install lintian
	try lintian "no error and no warning" lintian
	sed 's/^/    /' "$work/out"
	built=$root/root

	clean_debian install
	update > /dev/null 2>&1
	kernel=$(headers amd64 | sed 's/^linux-headers-//')
	copy "$built/debs" "$version"
	copy "$built/later" "$next"
	try install "what they stand on" dependencies || return
	listing > "$work/before"
	try install "apt install ./ttmem-*.deb" debs 'ttmem-*.deb' "$version"
	try install "and the libraries" debs '*ttmem*.deb' "$version"
	try install "all packages" are "$version"
	try install "they work" works "$version"
	try upgrade "apt install ./*.deb of $next" debs '*.deb' "$next"
	try upgrade "all packages" are "$next"
	try upgrade "they work" works "$next"
	try purge "nothing is left" purged
}
