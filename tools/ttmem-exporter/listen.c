// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where ttmem-exporter listens: every address that a name has, in both families, and one
 * that the machine gets only later.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exporter.h"
#include "internal.h"

/* How often to look for a port that is free in both families. */
#define PORTS_TRIED	16

/* Split "ADDRESS:PORT", "[ADDRESS]:PORT" or ":PORT" in place. */
static bool split(char *text, char **address, char **port)
{
	char *colon = strrchr(text, ':');

	if (!colon || !colon[1])
		return false;
	*colon = '\0';
	*port = colon + 1;
	*address = text;
	if (text[0] == '[') {
		if (colon == text + 1 || colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		++*address;
	} else if (strchr(text, ':')) {
		return false;
	}
	return true;
}

/* "10.0.0.5:7762" or "[::1]:7762" */
static void format(const struct addrinfo *info, char *text, size_t size)
{
	char host[NI_MAXHOST], service[NI_MAXSERV];

	if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof(host), service,
			sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV))
		die(1, "cannot tell where it listens");
	snprintf(text, size, info->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, service);
}

static in_port_t *port_of(const struct addrinfo *info)
{
	return info->ai_family == AF_INET6 ?
	       &((struct sockaddr_in6 *)info->ai_addr)->sin6_port :
	       &((struct sockaddr_in *)info->ai_addr)->sin_port;
}

/* A name may stand in /etc/hosts twice; take each address once. */
static void drop_doubles(struct addrinfo *list)
{
	struct addrinfo *info, **next;

	for (; list; list = list->ai_next) {
		for (next = &list->ai_next; (info = *next);) {
			if (info->ai_addrlen != list->ai_addrlen ||
			    memcmp(info->ai_addr, list->ai_addr, info->ai_addrlen)) {
				next = &info->ai_next;
				continue;
			}
			*next = info->ai_next;
			info->ai_next = NULL;
			freeaddrinfo(info);
		}
	}
}

/*
 * At boot a service may be faster than the network. The kernel takes an address that
 * the machine does not have when asked to, and serves it from the moment that it does; so
 * there is nothing to be tried again.
 */
static int bind_early(int fd, const struct addrinfo *info, bool *early)
{
	const int on = 1;

	*early = false;
	if (!bind(fd, info->ai_addr, info->ai_addrlen))
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -errno;
	*early = true;
	if (info->ai_family == AF_INET6 ?
	    setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) :
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)))
		return -errno;
	return bind(fd, info->ai_addr, info->ai_addrlen) ? -errno : 0;
}

/* Listen at one address, @alone in its family. Return: the socket, or a negative errno */
static int listen_one(struct addrinfo *info, int alone, bool *early)
{
	const int on = 1;
	int fd, ret;

	fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone));
	ret = bind_early(fd, info, early);
	if (!ret && (listen(fd, CONNECTIONS) ||
		     getsockname(fd, info->ai_addr, &info->ai_addrlen)))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/*
 * Listen at all of @list. A family that this machine does not have is passed over if it has
 * the other.
 * Return: 0 or a negative errno, of @info
 */
static int listen_all(struct addrinfo *list, struct listeners *to, struct addrinfo **info,
		      bool early[LISTEN_MAX])
{
	/* [::] takes IPv4 too, unless that has a socket of its own. */
	const int alone = !!list->ai_next;
	in_port_t port = *port_of(list);
	struct addrinfo *i;
	int fd;

	to->count = 0;
	*info = list;
	for (i = list; i; i = i->ai_next) {
		if (to->count == LISTEN_MAX)
			return -E2BIG;
		*port_of(i) = port;
		fd = listen_one(i, alone, &early[to->count]);
		if (fd == -EAFNOSUPPORT) {
			i->ai_family = AF_UNSPEC;
			continue;
		}
		if (fd < 0) {
			*info = i;
			return fd;
		}
		to->fd[to->count++] = fd;
		/* Port 0 is any, and then the same for all. */
		port = *port_of(i);
	}
	return to->count ? 0 : -EAFNOSUPPORT;
}

static void close_all(struct listeners *to)
{
	while (to->count)
		close(to->fd[--to->count]);
}

void listen_at(const char *where, struct listeners *to)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	char *text = strdup(where), *address, *port, place[NI_MAXHOST + NI_MAXSERV];
	unsigned int tries = PORTS_TRIED;
	struct addrinfo *list, *info;
	bool early[LISTEN_MAX] = { false };
	uint64_t number;
	size_t i = 0;
	int ret;

	if (!text)
		die(1, "out of memory");
	if (!split(text, &address, &port) || !ttmem__number(port, 65535, &number))
		die(EXIT_USAGE, "'%s' is no address and port as " LISTEN_DEFAULT " or [::1]:7762",
		    where);
	for (;;) {
		ret = getaddrinfo(*address ? address : NULL, port, &hints, &list);
		if (ret)
			die(1, "cannot listen at %s: %s", where, gai_strerror(ret));
		drop_doubles(list);
		ret = listen_all(list, to, &info, early);
		if (ret != -EADDRINUSE || number || !--tries)
			break;
		/* A port that is free in one family need not be in the other. */
		close_all(to);
		freeaddrinfo(list);
	}
	if (ret == -E2BIG)
		die(1, "cannot listen at %s: that is more than %d addresses. Name one of them",
		    where, LISTEN_MAX);
	if (ret == -EAFNOSUPPORT)
		die(1, "cannot listen at %s: %s", where, strerror(-ret));
	if (ret) {
		format(info, place, sizeof(place));
		die(1, "cannot listen at %s: %s", place, strerror(-ret));
	}
	for (info = list; info; info = info->ai_next) {
		if (info->ai_family == AF_UNSPEC)
			continue;
		format(info, place, sizeof(place));
		fprintf(stderr, "ttmem-exporter: http://%s/metrics%s\n", place, early[i++] ?
			", as soon as this machine has that address" : "");
	}
	freeaddrinfo(list);
	free(text);
}
