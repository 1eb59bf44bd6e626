/* Counts, logs and disturbs what a process changes on disk below one folder.
 *
 * Loaded by LD_PRELOAD. Every call of the C library below that writes, makes, names, removes or syncs a file whose path
 * begins with the folder of egoshift_arm() is counted and logged; call number `at` is disturbed. What the C library does
 * within itself (the fwrite of stdio) does not come by here, nor what asks the kernel by itself (the rename of
 * safetensors' save_file); the tests compare with strace.
 *
 * The log has a line a call: number, operation, bytes written, path, and for a rename the new path, with tabs between.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, FULL, FAULTY, SHORT };                   /* what to do at call `at` */
enum { PASS, FAIL, HALF };                                     /* what the caller is to do now */
enum { ALLOCATES = 1, WRITES = 2 };                            /* kinds of operation */

static char root[PATH_MAX];
static size_t root_length;
static long at;
static int action, log_fd = -1;
static atomic_int full;                                        /* the disk is full from now on */
static atomic_long calls;
static pthread_mutex_t logging = PTHREAD_MUTEX_INITIALIZER;

/* Begin to count below `folder` (a real path); 0 at `number` disturbs nothing. */
void egoshift_arm(const char *folder, long number, int what, int log)
{
    snprintf(root, sizeof root, "%s", folder);
    atomic_store(&calls, 0);
    atomic_store(&full, 0);
    at = number;
    action = what;
    log_fd = log;
    root_length = strlen(root);
}

long egoshift_calls(void) { return atomic_load(&calls); }

static int below(const char *path)
{
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return 1;
}

/* The absolute path that a call at a folder means; names are not resolved further. */
static int path_at(int folder, const char *name, char *path)
{
    char base[PATH_MAX];
    if (name[0] == '/')
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    if (folder == AT_FDCWD ? syscall(SYS_getcwd, base, sizeof base) < 0 : !path_of(folder, base))
        return 0;
    return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

static void note(long number, const char *operation, size_t bytes, const char *path, const char *other)
{
    char line[2 * PATH_MAX + 100];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%zu\t%s\t%s\n", number, operation, bytes, path, other);
    if (log_fd >= 0 && length > 0)
        syscall(SYS_write, log_fd, line, (size_t)length);
}

/* Counts a call and says whether it is to fail (errno is set), to write half, or to pass. */
static int met(const char *operation, int kind, size_t bytes, const char *path, const char *other)
{
    if (!below(path) && !(other[0] && below(other)))
        return PASS;
    pthread_mutex_lock(&logging);
    long number = atomic_fetch_add(&calls, 1) + 1;
    note(number, operation, bytes, path, other);
    pthread_mutex_unlock(&logging);
    if (atomic_load(&full) && kind & ALLOCATES) {
        errno = ENOSPC;
        return FAIL;
    }
    if (!at || number < at || (number > at && action != SHORT))
        return PASS;
    switch (action) {
    case KILL:
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;)
            pause();
    case FULL:
        atomic_store(&full, 1);
        errno = ENOSPC;
        return FAIL;
    case FAULTY:
        errno = EIO;
        return FAIL;
    case SHORT:
        if (kind & WRITES && !atomic_exchange(&full, 1))
            return HALF;
    }
    return PASS;
}

static int met_fd(const char *operation, int kind, size_t bytes, int fd)
{
    char path[PATH_MAX];
    int saved = errno;
    if (!root_length || !path_of(fd, path)) {
        errno = saved;
        return PASS;
    }
    errno = saved;
    return met(operation, kind, bytes, path, "");
}

static int met_at(const char *operation, int kind, int folder, const char *name, int new_folder, const char *new_name)
{
    char path[PATH_MAX], other[PATH_MAX] = "";
    int saved = errno;
    int known = root_length && path_at(folder, name, path) && (!new_name || path_at(new_folder, new_name, other));
    errno = saved;
    return known ? met(operation, kind, 0, path, other) : PASS;
}

#define REAL(name) (__extension__({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; }))

ssize_t write(int fd, const void *content, size_t size)
{
    int what = met_fd("write", ALLOCATES | WRITES, size, fd);
    return what == FAIL ? -1 : REAL(write)(fd, content, what == HALF ? (size + 1) / 2 : size);
}

#define POSITIONED(name, offset_type) \
    ssize_t name(int fd, const void *content, size_t size, offset_type offset) \
    { \
        int what = met_fd("write", ALLOCATES | WRITES, size, fd); \
        return what == FAIL ? -1 : REAL(name)(fd, content, what == HALF ? (size + 1) / 2 : size, offset); \
    }
POSITIONED(pwrite, off_t)
POSITIONED(pwrite64, off64_t)

/* Half of a vector is its first piece. */
#define VECTOR(name, further, passed) \
    ssize_t name further \
    { \
        size_t size = 0; \
        for (int piece = 0; piece < number; piece++) \
            size += pieces[piece].iov_len; \
        int what = met_fd("write", ALLOCATES | WRITES, size, fd); \
        if (what == HALF) \
            number = 1; \
        return what == FAIL ? -1 : REAL(name) passed; \
    }
VECTOR(writev, (int fd, const struct iovec *pieces, int number), (fd, pieces, number))
VECTOR(pwritev, (int fd, const struct iovec *pieces, int number, off_t offset), (fd, pieces, number, offset))
VECTOR(pwritev64, (int fd, const struct iovec *pieces, int number, off64_t offset), (fd, pieces, number, offset))

int fsync(int fd) { return met_fd("fsync", ALLOCATES, 0, fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return met_fd("fsync", ALLOCATES, 0, fd) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return met_fd("truncate", ALLOCATES, 0, fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t s) { return met_fd("truncate", ALLOCATES, 0, fd) ? -1 : REAL(ftruncate64)(fd, s); }

/* These two give the error instead of setting it. */
int posix_fallocate(int fd, off_t offset, off_t size)
{
    return met_fd("reserve", ALLOCATES, 0, fd) ? errno : REAL(posix_fallocate)(fd, offset, size);
}
int posix_fallocate64(int fd, off64_t offset, off64_t size)
{
    return met_fd("reserve", ALLOCATES, 0, fd) ? errno : REAL(posix_fallocate64)(fd, offset, size);
}

static int makes(int flags) { return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE; }

static mode_t mode_of(int flags, va_list rest) { return makes(flags) ? va_arg(rest, mode_t) : 0; }

#define OPENING(name, folder, further, passed) \
    int name further \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        if (makes(flags) && met_at(flags & O_CREAT ? "open" : "scratch", ALLOCATES, folder, path, 0, NULL)) \
            return -1; \
        return REAL(name) passed; \
    }
OPENING(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPENING(openat64, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

int rename(const char *old, const char *new)
{
    return met_at("rename", 0, AT_FDCWD, old, AT_FDCWD, new) ? -1 : REAL(rename)(old, new);
}
int renameat(int from, const char *old, int to, const char *new)
{
    return met_at("rename", 0, from, old, to, new) ? -1 : REAL(renameat)(from, old, to, new);
}
int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return met_at("rename", 0, from, old, to, new) ? -1 : REAL(renameat2)(from, old, to, new, flags);
}

/* Of a folder that is there, mkdir changes nothing. */
static int is_there(int folder, const char *path) { return !syscall(SYS_faccessat, folder, path, F_OK); }

int mkdir(const char *path, mode_t mode)
{
    if (is_there(AT_FDCWD, path))
        return REAL(mkdir)(path, mode);
    return met_at("mkdir", ALLOCATES, AT_FDCWD, path, 0, NULL) ? -1 : REAL(mkdir)(path, mode);
}
int mkdirat(int folder, const char *path, mode_t mode)
{
    if (is_there(folder, path))
        return REAL(mkdirat)(folder, path, mode);
    return met_at("mkdir", ALLOCATES, folder, path, 0, NULL) ? -1 : REAL(mkdirat)(folder, path, mode);
}
int unlink(const char *path) { return met_at("remove", 0, AT_FDCWD, path, 0, NULL) ? -1 : REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags)
{
    return met_at("remove", 0, folder, path, 0, NULL) ? -1 : REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) { return met_at("remove", 0, AT_FDCWD, path, 0, NULL) ? -1 : REAL(rmdir)(path); }
