// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-exporter: gives what ttmem knows to Prometheus. One thread; each
 * connection is for one request and has a limit in bytes and in seconds.
 */
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clean.h"
#include "exporter.h"
#include "internal.h"

#define PROCESSES	20
#define PROCESSES_MAX	10000

/*
 * What a client may cost. Prometheus gives up after 10 s unless told otherwise;
 * who has not asked and read by then is cut off.
 */
#define REQUEST_BYTES	16384u
#ifndef REQUEST_SECONDS		/* only a test is compiled with another one */
#define REQUEST_SECONDS	10
#endif

static const char help[] =
	"Usage: ttmem-exporter [-l ADDRESS:PORT] [-n NUMBER]\n"
	"Serve what processes hold in the memory of Tenstorrent cards to Prometheus.\n"
	"\n"
	"  -l, --listen=ADDRESS:PORT   where to listen, also [::1]:7762; :7762 is every\n"
	"                              address, and a name all that it has\n"
	"                              (" LISTEN_DEFAULT ")\n"
	"  -n, --max-processes=NUMBER  tell so many processes of each card, those that\n"
	"                              hold most, and the rest as a sum (20)\n"
	"  -h, --help                  this text\n"
	"  -V, --version               the version of ttmem-exporter\n"
	"\n"
	"Example, and what it serves:\n"
	"  ttmem-exporter --listen 127.0.0.1:7762 &\n"
	"  curl http://127.0.0.1:7762/metrics\n";

static const char home[] =
	"<!DOCTYPE html>\n"
	"<title>ttmem-exporter</title>\n"
	"<h1>ttmem-exporter " TTMEM_VERSION "</h1>\n"
	"<p><a href=\"/metrics\">Metrics</a>\n";

/* A connection that is open. */
struct slot {
	int fd;			/* -1 if free */
	time_t since;
	uint64_t number;	/* the higher, the later; 0 if it is being ended */
	const int *at;		/* where it came in */
};

/*
 * Pages that nobody has read yet. With half of it the connection that came first is ended
 * for each new page, so who asks and does not read keeps out nobody who does.
 */
#define UNREAD_MAX	(32u << 20)

static struct slot slots[CONNECTIONS];
static unsigned int limit;	/* of them, at each address */
static size_t unread;		/* bytes of pages */
static size_t max_processes = PROCESSES;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-exporter: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static enum MHD_Result reply(struct MHD_Connection *connection,
			     unsigned int status, const char *type,
			     struct MHD_Response *response)
{
	enum MHD_Result ret = MHD_NO;

	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, "Content-Type", type) &&
	    MHD_add_response_header(response, "Connection", "close") &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(response, "Allow", "GET, HEAD")))
		ret = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return ret;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection,
				  unsigned int status, const char *type,
				  const char *text)
{
	return reply(connection, status, type,
		     MHD_create_response_from_buffer(strlen(text), (void *)text,
						     MHD_RESPMEM_PERSISTENT));
}

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/*
 * End the connection that came first if more than @most are open, of those that came in at
 * @at, NULL for all, and but for the socket @but. Its page goes when the library sees that.
 */
static void end_oldest(const int *at, int but, unsigned int most)
{
	struct slot *oldest = NULL;
	unsigned int open = 0;
	size_t i;

	for (i = 0; i < CONNECTIONS; i++) {
		struct slot *slot = &slots[i];

		if (slot->fd < 0 || slot->fd == but || (at && slot->at != at) || !slot->number)
			continue;
		open++;
		if (!oldest || slot->number < oldest->number)
			oldest = slot;
	}
	if (open <= most)
		return;
	shutdown(oldest->fd, SHUT_RDWR);
	oldest->number = 0;
}

static void page_done(void *page)
{
	/* It is text: no NUL is in it. */
	unread -= strlen(page);
	free(page);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	static const char plain[] = "text/plain; charset=utf-8";
	struct MHD_Response *response;
	size_t size;
	char *page;

	(void)cls;
	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD))
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain,
				  "Only GET and HEAD\n");
	/* The first call comes with the head of the request, the last without. */
	if (!*request) {
		*request = slots;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (!strcmp(url, "/"))
		return reply_text(connection, MHD_HTTP_OK,
				  "text/html; charset=utf-8", home);
	if (strcmp(url, "/metrics"))
		return reply_text(connection, MHD_HTTP_NOT_FOUND, plain,
				  "Not here; the metrics are at /metrics\n");

	page = metrics(max_processes, &size);
	if (!page)
		return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				  plain, "Out of memory\n");
	if (unread + size > UNREAD_MAX / 2)
		end_oldest(NULL, socket_of(connection), 0);
	if (unread && unread + size > UNREAD_MAX) {
		free(page);
		return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, plain,
				  "Too many pages wait to be read\n");
	}
	response = MHD_create_response_from_buffer_with_free_callback(size, page, page_done);
	if (response)
		unread += size;
	else
		free(page);
	return reply(connection, MHD_HTTP_OK,
		     "text/plain; version=0.0.4; charset=utf-8", response);
}

/* The library limits silence; that one byte follows another is for us to limit. */
static void keep_time(void *cls, struct MHD_Connection *connection,
		      void **context, enum MHD_ConnectionNotificationCode code)
{
	struct slot *slot = *context;
	static uint64_t number;
	int fd = socket_of(connection);
	size_t i;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (slot)
			slot->fd = -1;
		return;
	}
	for (i = 0; fd >= 0 && i < CONNECTIONS; i++) {
		if (slots[i].fd >= 0)
			continue;
		slots[i].fd = fd;
		slots[i].since = now();
		slots[i].number = ++number;
		slots[i].at = cls;
		*context = &slots[i];
		/*
		 * Who keeps connections open and asks nothing is not to keep out who asks:
		 * there is always room for some new ones, in the place of the oldest.
		 */
		end_oldest(cls, -1, limit - limit / 4);
		return;
	}
}

static void end_late_ones(void)
{
	time_t start = now() - REQUEST_SECONDS;
	size_t i;

	for (i = 0; i < CONNECTIONS; i++)
		if (slots[i].fd >= 0 && slots[i].since < start)
			shutdown(slots[i].fd, SHUT_RDWR);
}

static struct MHD_Daemon *start(const int *fd)
{
	struct MHD_Daemon *daemon;

	daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, NULL,
				  MHD_OPTION_LISTEN_SOCKET, *fd,
				  MHD_OPTION_CONNECTION_LIMIT, limit,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
				  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)REQUEST_SECONDS,
				  MHD_OPTION_STRICT_FOR_CLIENT, 1,
				  MHD_OPTION_NOTIFY_CONNECTION, keep_time, (void *)fd,
				  MHD_OPTION_END);
	if (!daemon)
		die(1, "libmicrohttpd does not start: %s", strerror(errno));
	return daemon;
}

/* The library has one socket a daemon; all are run by this one thread. */
static void serve(const struct listeners *at)
{
	struct MHD_Daemon *daemon[LISTEN_MAX];
	struct pollfd polled[LISTEN_MAX];
	MHD_UNSIGNED_LONG_LONG wait;
	size_t i;

	for (i = 0; i < CONNECTIONS; i++)
		slots[i].fd = -1;
	limit = CONNECTIONS / at->count;
	for (i = 0; i < at->count; i++) {
		daemon[i] = start(&at->fd[i]);
		polled[i].fd = MHD_get_daemon_info(daemon[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
		polled[i].events = POLLIN;
	}
	while (!stopped) {
		int timeout = 1000;

		for (i = 0; i < at->count; i++)
			if (MHD_get_timeout(daemon[i], &wait) == MHD_YES &&
			    wait < (MHD_UNSIGNED_LONG_LONG)timeout)
				timeout = wait;
		if (poll(polled, at->count, timeout) < 0 && errno != EINTR)
			die(1, "cannot wait for requests: %s", strerror(errno));
		for (i = 0; i < at->count; i++)
			if (MHD_run(daemon[i]) != MHD_YES && !stopped)
				die(1, "libmicrohttpd has failed: %s", strerror(errno));
		end_late_ones();
	}
	for (i = 0; i < at->count; i++)
		MHD_stop_daemon(daemon[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "max-processes", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	const struct sigaction action = { .sa_handler = stop };
	const char *where = LISTEN_DEFAULT;
	struct listeners at;
	uint64_t number;
	int opt;

	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-exporter";
	while ((opt = getopt_long(argc, argv, "l:n:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'l':
			where = optarg;
			break;
		case 'n':
			if (!ttmem__number(optarg, PROCESSES_MAX, &number))
				die(EXIT_USAGE, "'%s' is no number of processes from 0 to %d. ttmem-exporter --help tells more",
				    optarg, PROCESSES_MAX);
			max_processes = number;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? 1 : 0;
		case 'V':
			printf("ttmem-exporter %s (libmicrohttpd %s)\n",
			       TTMEM_VERSION, MHD_get_version());
			return fflush(stdout) ? 1 : 0;
		default:
			die(EXIT_USAGE, "ttmem-exporter --help tells more");
		}
	}
	if (optind < argc)
		die(EXIT_USAGE, "'%s' is one argument too many. ttmem-exporter --help tells more",
		    argv[optind]);

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	listen_at(where, &at);
	serve(&at);
	return 0;
}
