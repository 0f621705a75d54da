/* Calls that write below one folder, counted; one of them fails, as told by a small file that is shared.
 *
 * Preloaded before the C library (LD_PRELOAD), in a process and in those that it starts. The file says below which
 * folder calls count, which one is meant, and what becomes of it: see tests/faults/failing_calls.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FAIL_ONCE = 1, FAIL_ON = 2, KILL = 3, TEAR = 4, SHORTEN = 5 };

struct orders {
    long long count; /* calls so far */
    long long meant; /* the one that is meant, counted from 1; 0: none */
    int mode;
    int error;
    char folder[1024]; /* empty: nothing is counted */
    char call[2048];   /* what the one that was meant is, and on what */
};

static struct orders *orders;

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *place = getenv("BARHOUSE_FAILING_CALLS");
    if (!place) return;
    int file = NEXT(open)(place, O_RDWR);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) orders = mapped;
    close(file);
}

static int is_below(const char *path) {
    size_t length = strlen(orders->folder);
    return length && !strncmp(path, orders->folder, length) && (path[length] == '/' || !path[length]);
}

static void end_here(void) { kill(getpid(), 9); }

/* What becomes of a call on a path: 0 it goes on, otherwise the mode. */
static int order(const char *name, const char *path) {
    if (!orders || !is_below(path)) return 0;
    long long number = __atomic_add_fetch(&orders->count, 1, __ATOMIC_SEQ_CST);
    int after = orders->mode == FAIL_ON && orders->meant && number > orders->meant;
    if (number != orders->meant && !after) return 0;
    if (!after) snprintf(orders->call, sizeof orders->call, "%s %s", name, path);
    if (orders->mode == KILL) end_here();
    return orders->mode;
}

static int order_file(const char *name, int file) {
    char link[64], path[PATH_MAX];
    if (!orders || !orders->folder[0] || file < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return order(name, path);
}

static int order_name(const char *name, int folder, const char *given) {
    char link[64], path[PATH_MAX];
    if (!orders || !orders->folder[0] || !given) return 0;
    if (given[0] == '/') return order(name, given);
    ssize_t length;
    if (folder == AT_FDCWD) length = getcwd(path, sizeof path) ? (ssize_t)strlen(path) : -1;
    else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(link, path, sizeof path - 1);
    }
    if (length <= 0 || length + strlen(given) + 2 > sizeof path) return 0;
    path[length] = '/';
    strcpy(path + length + 1, given);
    return order(name, path);
}

#define REFUSE(mode) \
    if ((mode) == FAIL_ONCE || (mode) == FAIL_ON) { errno = orders->error; return -1; }

/* Of what is torn the first half is written, and then the process ends; what is shortened is written by half. */
#define WRITING(type, name, parameters, file, size, half, whole) \
    type name parameters { \
        int mode = order_file(#name, file); \
        REFUSE(mode) \
        if ((mode == TEAR || mode == SHORTEN) && size > 1) { \
            type done = half; \
            if (mode == TEAR) end_here(); \
            return done; \
        } \
        type done = whole; \
        if (mode == TEAR) end_here(); \
        return done; \
    }

WRITING(ssize_t, write, (int file, const void *from, size_t size), file, size,
        NEXT(write)(file, from, size / 2), NEXT(write)(file, from, size))
WRITING(ssize_t, pwrite, (int file, const void *from, size_t size, off_t at), file, size,
        NEXT(pwrite)(file, from, size / 2, at), NEXT(pwrite)(file, from, size, at))
WRITING(ssize_t, pwrite64, (int file, const void *from, size_t size, off64_t at), file, size,
        NEXT(pwrite64)(file, from, size / 2, at), NEXT(pwrite64)(file, from, size, at))
WRITING(ssize_t, writev, (int file, const struct iovec *from, int size), file, size,
        NEXT(writev)(file, from, size / 2), NEXT(writev)(file, from, size))
ssize_t sendfile(int, int, off_t *, size_t);
ssize_t sendfile64(int, int, off64_t *, size_t);
WRITING(ssize_t, sendfile, (int file, int from, off_t *at, size_t size), file, size,
        NEXT(sendfile)(file, from, at, size / 2), NEXT(sendfile)(file, from, at, size))
WRITING(ssize_t, sendfile64, (int file, int from, off64_t *at, size_t size), file, size,
        NEXT(sendfile64)(file, from, at, size / 2), NEXT(sendfile64)(file, from, at, size))
WRITING(ssize_t, copy_file_range, (int from, off64_t *at, int file, off64_t *to, size_t size, unsigned flags), file,
        size, NEXT(copy_file_range)(from, at, file, to, size / 2, flags),
        NEXT(copy_file_range)(from, at, file, to, size, flags))

/* What is torn of these is done, and then the process ends. */
#define DOING(type, name, parameters, asked, whole) \
    type name parameters { \
        int mode = asked; \
        REFUSE(mode) \
        type done = whole; \
        if (mode == TEAR) end_here(); \
        return done; \
    }

DOING(int, fsync, (int file), order_file("fsync", file), NEXT(fsync)(file))
DOING(int, fdatasync, (int file), order_file("fdatasync", file), NEXT(fdatasync)(file))
DOING(int, ftruncate, (int file, off_t size), order_file("ftruncate", file), NEXT(ftruncate)(file, size))
DOING(int, ftruncate64, (int file, off64_t size), order_file("ftruncate", file), NEXT(ftruncate64)(file, size))
DOING(int, fallocate, (int file, int how, off_t at, off_t size), order_file("fallocate", file),
      NEXT(fallocate)(file, how, at, size))
DOING(int, fallocate64, (int file, int how, off64_t at, off64_t size), order_file("fallocate", file),
      NEXT(fallocate64)(file, how, at, size))
DOING(int, fchmod, (int file, mode_t mode_given), order_file("fchmod", file), NEXT(fchmod)(file, mode_given))
DOING(int, truncate, (const char *path, off_t size), order_name("truncate", AT_FDCWD, path), NEXT(truncate)(path, size))
DOING(int, unlink, (const char *path), order_name("unlink", AT_FDCWD, path), NEXT(unlink)(path))
DOING(int, unlinkat, (int folder, const char *path, int flags), order_name("unlink", folder, path),
      NEXT(unlinkat)(folder, path, flags))
DOING(int, remove, (const char *path), order_name("remove", AT_FDCWD, path), NEXT(remove)(path))
DOING(int, rmdir, (const char *path), order_name("rmdir", AT_FDCWD, path), NEXT(rmdir)(path))
DOING(int, mkdir, (const char *path, mode_t given), order_name("mkdir", AT_FDCWD, path), NEXT(mkdir)(path, given))
DOING(int, chmod, (const char *path, mode_t given), order_name("chmod", AT_FDCWD, path), NEXT(chmod)(path, given))
DOING(int, rename, (const char *from, const char *to), order_name("rename", AT_FDCWD, to), NEXT(rename)(from, to))
DOING(int, renameat, (int in, const char *from, int into, const char *to), order_name("rename", into, to),
      NEXT(renameat)(in, from, into, to))
DOING(int, link, (const char *from, const char *to), order_name("link", AT_FDCWD, to), NEXT(link)(from, to))
DOING(int, linkat, (int in, const char *from, int into, const char *to, int flags), order_name("link", into, to),
      NEXT(linkat)(in, from, into, to, flags))

/* Opening counts where it makes a file or empties one. */
#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        mode_t given = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); given = va_arg(more, int); va_end(more); } \
        int mode = flags & (O_CREAT | O_TRUNC) ? order_name("open", AT_FDCWD, path) : 0; \
        REFUSE(mode) \
        int done = NEXT(name)(path, flags, given); \
        if (mode == TEAR) end_here(); \
        return done; \
    }
OPENING(open)
OPENING(open64)
#define OPENING_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        mode_t given = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); given = va_arg(more, int); va_end(more); } \
        int mode = flags & (O_CREAT | O_TRUNC) ? order_name("open", folder, path) : 0; \
        REFUSE(mode) \
        int done = NEXT(name)(folder, path, flags, given); \
        if (mode == TEAR) end_here(); \
        return done; \
    }
OPENING_AT(openat)
OPENING_AT(openat64)
