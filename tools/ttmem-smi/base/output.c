// SPDX-License-Identifier: GPL-2.0-only
/* What ttmem-smi says and writes: whole, or told why not. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "clean.h"

int say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_FAILED;
}

static int cannot_write(int fd, const char *path, const char *why)
{
	say("cannot write to %s: %s", path, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

int open_special(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return cannot_write(fd, path, strerror(errno));
	if (S_ISREG(st.st_mode))
		return cannot_write(fd, path, "it is a link to a file; name that file itself");
	if (S_ISBLK(st.st_mode))
		return cannot_write(fd, path, "it is a disk");
	return fd;
}

int open_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0666);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return open_special(path);
	if (fd < 0 || fstat(fd, &st))
		return cannot_write(fd, path, strerror(errno));
	if (S_ISBLK(st.st_mode))
		return cannot_write(fd, path, "it is a disk");
	if (S_ISREG(st.st_mode) && ftruncate(fd, 0))
		return cannot_write(fd, path, strerror(errno));
	return fd;
}

int close_output(FILE *out, const char *path)
{
	bool bad = ferror(out);

	errno = bad ? EIO : 0;
	if (fclose(out) || bad)
		return say("cannot write to %s: %s", path, strerror(errno));
	return 0;
}

bool write_out(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(fd, text, size);

		if (done < 0) {
			if (errno == EINTR)
				continue;
			fprintf(stderr, "ttmem-smi: cannot write: %s\n",
				strerror(errno));
			return false;
		}
		text += done;
		size -= done;
	}
	return true;
}

void paper_open(struct paper *paper)
{
	paper->text = NULL;
	paper->size = 0;
	paper->out = open_memstream(&paper->text, &paper->size);
	if (!paper->out)
		out_of_memory();
}

bool paper_send(struct paper *paper, int fd)
{
	bool ok;

	if (fclose(paper->out))
		out_of_memory();
	if (!clean_speaks_utf8(fd))
		clean_ascii(paper->text);
	ok = write_out(fd, paper->text, paper->size);
	free(paper->text);
	return ok;
}
