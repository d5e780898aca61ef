// SPDX-License-Identifier: GPL-2.0-only
/* What every test program asks of the system; system.h tells what. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system.h"

/* MODULE_INIT_COMPRESSED_FILE of linux/module.h, which older headers have not. */
#define COMPRESSED_FILE	4

const char *st_text(const char *format, ...)
{
	static __thread char texts[16][512];
	static __thread unsigned int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(texts[0]), format, args);
	va_end(args);
	return text;
}

char *st_slurp(const char *path)
{
	size_t size = 65536, length = 0;
	char *text, *longer;
	ssize_t got = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = malloc(size);
	while (text && (got = read(fd, text + length, size - length - 1)) > 0) {
		length += got;
		if (size - length > 1)
			continue;
		size *= 2;
		longer = realloc(text, size);
		if (!longer)
			free(text);
		text = longer;
	}
	close(fd);
	if (!text)
		return NULL;
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

int st_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	size_t length = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
		length += got;
	if (got < 0)
		error = -errno;
	close(fd);
	text[length] = '\0';
	return error;
}

int st_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		error = -errno;
	close(fd);
	return error;
}

pid_t st_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

ssize_t st_send_with_fd(int sock, int fd, const void *data, size_t size, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(sock, &message, flags);
}

ssize_t st_receive_with_fd(int sock, int *fd, void *data, size_t size, int flags)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t got;

	*fd = -1;
	got = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return got;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return got;
}

const char *st_cgroup_path(const char *name, const char *file)
{
	return st_text(ST_CGROUPS "/%s/%s", name, file);
}

int st_cgroup_make(const char *name)
{
	int error = st_write(ST_CGROUPS "/cgroup.subtree_control", "+memory");

	if (!error && mkdir(st_cgroup_path(name, ""), 0755) && errno != EEXIST)
		error = -errno;
	return error;
}

int st_load_file(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, strstr(path, ".ko.") ? COMPRESSED_FILE : 0))
		error = -errno;
	close(fd);
	return error;
}

int st_unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}
