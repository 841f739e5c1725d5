/* Preloaded between a node and libc: records what happens below one directory, and makes calls fail.
 *
 * Recording   every change of a name or a content is appended to SHIM_LOG as one record, after it took
 *             effect. A sync is recorded when it returned, with the sequence number at which it began:
 *             only what was recorded before that number is on stable storage.
 * Faults      SHIM_RULES is a mapped file of `struct rule`; the test writes it while the node runs.
 * Scope       paths below SHIM_ROOT. Streams of stdio and mapped writes are not seen: the node and its
 *             database use neither for what must last.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MKDIR, WRITE, TRUNCATE, RENAME, UNLINK, RMDIR, LINK, SYNC, EXTEND };
enum { ON_SYNC = 1, ON_WRITE = 2, ON_CREATE = 4, ON_READ = 8 };

#define FILES_MAX 65536
#define RULES_MAX 8

struct record {
    uint32_t kind;
    uint32_t path_bytes;
    uint64_t sequence;
    uint64_t inode;
    uint64_t offset;
    uint64_t data_bytes;
};

/* `left` calls more fail; below zero: all. */
struct rule {
    int32_t on;
    int32_t error;
    int32_t left;
    int32_t hits;
    char pattern[240];
};

static char *root;
static size_t root_bytes;
static int log_file = -1;
static volatile struct rule *rules;
static char *paths[FILES_MAX];
static uint64_t sequence = 1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    char *name = getenv("SHIM_ROOT");
    if (!name) return;
    root = strdup(name);
    root_bytes = strlen(root);
    if ((name = getenv("SHIM_LOG")))
        log_file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if ((name = getenv("SHIM_RULES"))) {
        int file = syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0);
        if (file >= 0) {
            void *at = mmap(NULL, RULES_MAX * sizeof(struct rule), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            if (at != MAP_FAILED) rules = at;
            syscall(SYS_close, file);
        }
    }
}

static int inside(const char *path) {
    return root && path && !strncmp(path, root, root_bytes) && (path[root_bytes] == '/' || !path[root_bytes]);
}

/* The absolute path of `path` relative to `directory`; NULL outside the root. */
static char *whole(int directory, const char *path, char *made) {
    if (!root || !path) return NULL;
    if (path[0] == '/') {
        snprintf(made, PATH_MAX, "%s", path);
    } else {
        char link[64];
        if (directory == AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/cwd");
        else
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t size = readlink(link, made, PATH_MAX - 1);
        if (size < 0) return NULL;
        snprintf(made + size, PATH_MAX - size, "/%s", path);
    }
    return inside(made) ? made : NULL;
}

static const char *path_of(int file) { return file >= 0 && file < FILES_MAX ? paths[file] : NULL; }

static uint64_t inode_of(int file) {
    struct stat facts;
    return fstat(file, &facts) ? 0 : facts.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat facts;
    return lstat(path, &facts) ? 0 : facts.st_ino;
}

static void note(uint32_t kind, const char *path, uint64_t inode, uint64_t offset, const void *data, size_t size) {
    if (log_file < 0) return;
    int kept = errno;
    struct record head = {kind, path ? strlen(path) : 0, 0, inode, offset, size};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path_bytes}, {(void *)data, size}};
    pthread_mutex_lock(&turn);
    head.sequence = sequence++;
    if (syscall(SYS_writev, log_file, parts, 3) != (ssize_t)(sizeof head + head.path_bytes + size)) abort();
    pthread_mutex_unlock(&turn);
    errno = kept;
}

static uint64_t now(void) {
    pthread_mutex_lock(&turn);
    uint64_t at = sequence;
    pthread_mutex_unlock(&turn);
    return at;
}

/* The error that a call must fail with, or 0. */
static int fault(int on, const char *path) {
    if (!rules || !path) return 0;
    for (int index = 0; index < RULES_MAX; index++) {
        volatile struct rule *rule = &rules[index];
        if (!(rule->on & on) || !rule->left || !strstr(path, (const char *)rule->pattern)) continue;
        if (rule->left > 0 && __sync_fetch_and_sub(&rule->left, 1) <= 0) continue;
        __sync_fetch_and_add(&rule->hits, 1);
        return rule->error;
    }
    return 0;
}

#define FAIL_IF(on, path) \
    do { \
        int error = fault(on, path); \
        if (error) { errno = error; return -1; } \
    } while (0)

static int opened(int file, const char *path, int flags, int is_new) {
    if (file < 0 || file >= FILES_MAX) return file;
    paths[file] = strdup(path);
    if (is_new)
        note(CREATE, path, inode_of(file), 0, NULL, 0);
    else if (flags & O_TRUNC)
        note(TRUNCATE, NULL, inode_of(file), 0, NULL, 0);
    return file;
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
    char made[PATH_MAX];
    char *at = whole(directory, path, made);
    int is_new = 0;
    if (at && (flags & O_CREAT)) {
        FAIL_IF(ON_CREATE, at);
        is_new = !inode_at(at);
    }
    int file = syscall(SYS_openat, directory, path, flags, mode);
    return at ? opened(file, at, flags, is_new) : file;
}

#define OPEN_MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { OPEN_MODE return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE return open_at(AT_FDCWD, path, flags, mode); }
int openat(int directory, const char *path, int flags, ...) { OPEN_MODE return open_at(directory, path, flags, mode); }
int openat64(int directory, const char *path, int flags, ...) { OPEN_MODE return open_at(directory, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int file) {
    if (path_of(file)) paths[file] = NULL;
    return syscall(SYS_close, file);
}

/* ── contents ── */

static void wrote(int file, const struct iovec *parts, int count, off_t offset, size_t size) {
    uint64_t inode = inode_of(file);
    for (int index = 0; index < count && size; index++) {
        size_t piece = parts[index].iov_len < size ? parts[index].iov_len : size;
        note(WRITE, NULL, inode, offset, parts[index].iov_base, piece);
        offset += piece;
        size -= piece;
    }
}

static ssize_t write_parts(int file, const struct iovec *parts, int count, off_t offset) {
    const char *path = path_of(file);
    if (path) FAIL_IF(ON_WRITE, path);
    ssize_t size = offset < 0 ? syscall(SYS_writev, file, parts, count)
                              : syscall(SYS_pwritev, file, parts, count, offset, 0);
    if (path && size > 0) {
        if (offset < 0) offset = lseek(file, 0, SEEK_CUR) - size;
        wrote(file, parts, count, offset, size);
    }
    return size;
}

#define ONE struct iovec one = {(void *)data, size}
ssize_t write(int file, const void *data, size_t size) {
    if (!path_of(file)) return syscall(SYS_write, file, data, size);
    ONE; return write_parts(file, &one, 1, -1);
}
ssize_t writev(int file, const struct iovec *parts, int count) { return write_parts(file, parts, count, -1); }
ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { ONE; return write_parts(file, &one, 1, offset); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) { ONE; return write_parts(file, &one, 1, offset); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) { return write_parts(file, parts, count, offset); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) { return write_parts(file, parts, count, offset); }
ssize_t pwritev2(int file, const struct iovec *parts, int count, off_t offset, int flags) { (void)flags; return write_parts(file, parts, count, offset); }
ssize_t pwritev64v2(int file, const struct iovec *parts, int count, off64_t offset, int flags) { (void)flags; return write_parts(file, parts, count, offset); }

static int truncate_file(int file, off_t size) {
    const char *path = path_of(file);
    if (path) FAIL_IF(ON_WRITE, path);
    int result = syscall(SYS_ftruncate, file, size);
    if (path && !result) note(TRUNCATE, NULL, inode_of(file), size, NULL, 0);
    return result;
}
int ftruncate(int file, off_t size) { return truncate_file(file, size); }
int ftruncate64(int file, off64_t size) { return truncate_file(file, size); }

static int extend(int file, off_t offset, off_t size) {
    const char *path = path_of(file);
    int error = fault(ON_WRITE, path);
    if (error) return error;
    if (syscall(SYS_fallocate, file, 0, offset, size)) return errno;
    if (path) note(EXTEND, NULL, inode_of(file), offset + size, NULL, 0);
    return 0;
}
int posix_fallocate(int file, off_t offset, off_t size) { return extend(file, offset, size); }
int posix_fallocate64(int file, off64_t offset, off64_t size) { return extend(file, offset, size); }

static int sync_file(int file, long call) {
    const char *path = path_of(file);
    if (path) FAIL_IF(ON_SYNC, path);
    uint64_t began = now();
    int result = syscall(call, file);
    if (path && !result) note(SYNC, path, inode_of(file), began, NULL, 0);
    return result;
}
int fsync(int file) { return sync_file(file, SYS_fsync); }
int fdatasync(int file) { return sync_file(file, SYS_fdatasync); }

static ssize_t read_at(int file, void *data, size_t size, off_t offset) {
    if (path_of(file)) FAIL_IF(ON_READ, path_of(file));
    return syscall(SYS_pread64, file, data, size, offset);
}
ssize_t pread(int file, void *data, size_t size, off_t offset) { return read_at(file, data, size, offset); }
ssize_t pread64(int file, void *data, size_t size, off64_t offset) { return read_at(file, data, size, offset); }

/* ── names ── */

static int move(int from, const char *old, int to, const char *new) {
    char source[PATH_MAX], target[PATH_MAX];
    char *is_source = whole(from, old, source), *is_target = whole(to, new, target);
    if (is_target) FAIL_IF(ON_CREATE, target);
    int result = syscall(SYS_renameat, from, old, to, new);
    if (!result && is_source && is_target) note(RENAME, source, 0, 0, target, strlen(target));
    return result;
}
int rename(const char *old, const char *new) { return move(AT_FDCWD, old, AT_FDCWD, new); }
int renameat(int from, const char *old, int to, const char *new) { return move(from, old, to, new); }

static int join(int from, const char *old, int to, const char *new, int flags) {
    char source[PATH_MAX], target[PATH_MAX];
    char *is_source = whole(from, old, source), *is_target = whole(to, new, target);
    int result = syscall(SYS_linkat, from, old, to, new, flags);
    if (!result && is_source && is_target) note(LINK, source, 0, 0, target, strlen(target));
    return result;
}
int link(const char *old, const char *new) { return join(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) { return join(from, old, to, new, flags); }

static int drop(int directory, const char *path, int flags) {
    char made[PATH_MAX];
    char *at = whole(directory, path, made);
    int result = syscall(SYS_unlinkat, directory, path, flags);
    if (!result && at) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, at, 0, 0, NULL, 0);
    return result;
}
int unlink(const char *path) { return drop(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char *path, int flags) { return drop(directory, path, flags); }
int rmdir(const char *path) { return drop(AT_FDCWD, path, AT_REMOVEDIR); }

static int make(int directory, const char *path, mode_t mode) {
    char made[PATH_MAX];
    char *at = whole(directory, path, made);
    if (at) FAIL_IF(ON_CREATE, at);
    int result = syscall(SYS_mkdirat, directory, path, mode);
    if (!result && at) note(MKDIR, at, inode_at(at), 0, NULL, 0);
    return result;
}
int mkdir(const char *path, mode_t mode) { return make(AT_FDCWD, path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) { return make(directory, path, mode); }
