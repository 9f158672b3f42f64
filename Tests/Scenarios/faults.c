// Makes one call of a program to the C library fail, for files and directories below a path.
//
//   LD_PRELOAD=faults.so FAULT_CALL=write FAULT_AT=3 FAULT_ERROR=28 FAULT_UNDER=/repo program …
//
// The third write below /repo fails with error number 28. With FAULT_ONWARD=1 all later ones fail as
// well. FAULT_COUNTS=file has all such calls counted instead. The file FAULT_DONE is made when a call has failed. FAULT_KILL=1 kills the program instead.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

// How many calls of each kind there were, for FAULT_COUNTS.
static struct {
  const char *call;
  atomic_int number;
} counts[32];
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static void count(const char *call) {
  pthread_mutex_lock(&counting);
  int i = 0;
  while (i < 31 && counts[i].call && strcmp(counts[i].call, call) != 0) i++;
  counts[i].call = call;
  counts[i].number++;
  pthread_mutex_unlock(&counting);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAULT_COUNTS");
  if (!path) return;
  int file = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  for (int i = 0; i < 32 && counts[i].call; i++) {
    char line[64];
    int length = snprintf(line, sizeof line, "%s %d\n", counts[i].call, counts[i].number);
    if (syscall(SYS_write, file, line, length) < 0) return;
  }
}

static int is_below(const char *path) {
  const char *under = getenv("FAULT_UNDER");
  char absolute[8192];
  if (!path || !under) return 0;
  if (path[0] != '/') {
    if (!getcwd(absolute, 4096)) return 0;
    strncat(strcat(absolute, "/"), path, 4000);
    path = absolute;
  }
  return strncmp(path, under, strlen(under)) == 0;
}

static int open_path(int descriptor, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return 1;
}

static int is_open_below(int descriptor) {
  char path[4096];
  return open_path(descriptor, path, sizeof path) && is_below(path);
}

// The entry `name` of an open directory; the directory itself, or the open file, for no name.
static int is_entry_below(int directory, const char *name) {
  char path[8300];
  if (name && name[0] == '/') return is_below(name);
  if (directory == AT_FDCWD) return is_below(name);
  if (!open_path(directory, path, 4096)) return 0;
  if (name && *name) strncat(strcat(path, "/"), name, 4000);
  return is_below(path);
}

// A path that may go through /proc/self/fd/NUMBER.
static int is_reached_below(const char *path) {
  int descriptor, length = 0;
  if (sscanf(path, "/proc/self/fd/%d%n", &descriptor, &length) != 1) return is_below(path);
  return is_entry_below(descriptor, path[length] ? path + length + 1 : NULL);
}

static int fails(const char *call, int applies) {
  const char *wanted = getenv("FAULT_CALL"), *at = getenv("FAULT_AT");
  if (applies && getenv("FAULT_COUNTS")) count(call);
  if (!applies || !wanted || !at || strcmp(wanted, call) != 0) return 0;
  int number = atomic_fetch_add(&calls, 1) + 1;
  if (number != atoi(at) && !(getenv("FAULT_ONWARD") && number > atoi(at))) return 0;
  const char *done = getenv("FAULT_DONE");
  if (done) syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, done, O_CREAT | O_WRONLY, 0600));
  if (getenv("FAULT_KILL")) raise(SIGKILL);
  errno = atoi(getenv("FAULT_ERROR"));
  return 1;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  if (fails("open", is_below(path))) return -1;
  return REAL(int, "open", const char *, int, mode_t)(path, flags, mode);
}

DIR *opendir(const char *path) {
  if (fails("open", is_below(path))) return NULL;
  return REAL(DIR *, "opendir", const char *)(path);
}

struct dirent *readdir(DIR *directory) {
  if (fails("list", is_open_below(dirfd(directory)))) return NULL;
  return REAL(struct dirent *, "readdir", DIR *)(directory);
}

ssize_t pread(int descriptor, void *to, size_t size, off_t offset) {
  if (fails("read", is_open_below(descriptor))) return -1;
  return syscall(SYS_pread64, descriptor, to, size, offset);
}

ssize_t read(int descriptor, void *to, size_t size) {
  if (fails("read", is_open_below(descriptor))) return -1;
  return syscall(SYS_read, descriptor, to, size);
}

ssize_t write(int descriptor, const void *from, size_t size) {
  if (fails("write", is_open_below(descriptor))) return -1;
  return syscall(SYS_write, descriptor, from, size);
}

ssize_t pwrite(int descriptor, const void *from, size_t size, off_t offset) {
  if (fails("write", is_open_below(descriptor))) return -1;
  return syscall(SYS_pwrite64, descriptor, from, size, offset);
}

int fsync(int descriptor) {
  if (fails("fsync", is_open_below(descriptor))) return -1;
  return syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to) {
  if (fails("rename", is_below(to))) return -1;
  return syscall(SYS_rename, from, to);
}

int unlink(const char *path) {
  if (fails("unlink", is_below(path))) return -1;
  return syscall(SYS_unlink, path);
}

int fstatat(int directory, const char *path, struct stat *to, int flags) {
  if (fails("stat", is_entry_below(directory, path))) return -1;
  return REAL(int, "fstatat", int, const char *, struct stat *, int)(directory, path, to, flags);
}

int stat(const char *path, struct stat *to) {
  if (fails("stat", is_below(path))) return -1;
  return REAL(int, "stat", const char *, struct stat *)(path, to);
}

long syscall(long number, ...) {
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_statx && fails("stat", is_entry_below((int)a[0], (const char *)a[1]))) return -1;
  if (number == SYS_getdents64 && fails("list", is_open_below((int)a[0]))) return -1;
  if (number == SYS_openat && fails("open", is_entry_below((int)a[0], (const char *)a[1]))) return -1;
  if (number == 464 /* getxattrat */ &&
      fails("getxattr", is_entry_below((int)a[0], (const char *)a[1])))
    return -1;
  if (number == 465 /* listxattrat */ &&
      fails("listxattr", is_entry_below((int)a[0], (const char *)a[1])))
    return -1;
  if (number == SYS_renameat2 && fails("rename", is_entry_below((int)a[2], (const char *)a[3])))
    return -1;
  if (number == SYS_fallocate && fails("write", is_open_below((int)a[0]))) return -1;
  return REAL(long, "syscall", long, ...)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int openat(int directory, const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  if (fails("open", is_entry_below(directory, path))) return -1;
  return REAL(int, "openat", int, const char *, int, mode_t)(directory, path, flags, mode);
}

int close(int descriptor) {
  // Linux lets go of the number whatever it says.
  int failing = fails("close", is_open_below(descriptor)), code = errno;
  int result = syscall(SYS_close, descriptor);
  if (!failing) return result;
  errno = code;
  return -1;
}

ssize_t readlinkat(int directory, const char *path, char *to, size_t size) {
  if (fails("readlink", is_entry_below(directory, path))) return -1;
  return syscall(SYS_readlinkat, directory, path, to, size);
}

off_t lseek(int descriptor, off_t offset, int whence) {
  if (fails("lseek", is_open_below(descriptor))) return -1;
  return syscall(SYS_lseek, descriptor, offset, whence);
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (fails("ioctl", is_open_below(descriptor))) return -1;
  return syscall(SYS_ioctl, descriptor, request, argument);
}

ssize_t flistxattr(int descriptor, char *to, size_t size) {
  if (fails("listxattr", is_open_below(descriptor))) return -1;
  return syscall(SYS_flistxattr, descriptor, to, size);
}

ssize_t llistxattr(const char *path, char *to, size_t size) {
  if (fails("listxattr", is_reached_below(path))) return -1;
  return syscall(SYS_llistxattr, path, to, size);
}

ssize_t fgetxattr(int descriptor, const char *name, void *to, size_t size) {
  if (fails("getxattr", is_open_below(descriptor))) return -1;
  return syscall(SYS_fgetxattr, descriptor, name, to, size);
}

ssize_t lgetxattr(const char *path, const char *name, void *to, size_t size) {
  if (fails("getxattr", is_reached_below(path))) return -1;
  return syscall(SYS_lgetxattr, path, name, to, size);
}

int fsetxattr(int descriptor, const char *name, const void *value, size_t size, int flags) {
  if (fails("setxattr", is_open_below(descriptor))) return -1;
  return syscall(SYS_fsetxattr, descriptor, name, value, size, flags);
}

int setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  if (fails("setxattr", is_reached_below(path))) return -1;
  return syscall(SYS_setxattr, path, name, value, size, flags);
}

int fremovexattr(int descriptor, const char *name) {
  if (fails("removexattr", is_open_below(descriptor))) return -1;
  return syscall(SYS_fremovexattr, descriptor, name);
}

int fchown(int descriptor, uid_t user, gid_t group) {
  if (fails("chown", is_open_below(descriptor))) return -1;
  return syscall(SYS_fchown, descriptor, user, group);
}

int fchownat(int directory, const char *path, uid_t user, gid_t group, int flags) {
  if (fails("chown", is_entry_below(directory, path))) return -1;
  return syscall(SYS_fchownat, directory, path, user, group, flags);
}

int fchmod(int descriptor, mode_t mode) {
  if (fails("chmod", is_open_below(descriptor))) return -1;
  return syscall(SYS_fchmod, descriptor, mode);
}

int chmod(const char *path, mode_t mode) {
  if (fails("chmod", is_reached_below(path))) return -1;
  return REAL(int, "chmod", const char *, mode_t)(path, mode);
}

int futimens(int descriptor, const struct timespec times[2]) {
  if (fails("utimens", is_open_below(descriptor))) return -1;
  return REAL(int, "futimens", int, const struct timespec *)(descriptor, times);
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
  if (fails("utimens", is_entry_below(directory, path))) return -1;
  return syscall(SYS_utimensat, directory, path, times, flags);
}

int ftruncate(int descriptor, off_t size) {
  if (fails("truncate", is_open_below(descriptor))) return -1;
  return syscall(SYS_ftruncate, descriptor, size);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
  if (fails("link", is_entry_below(to, new))) return -1;
  return syscall(SYS_linkat, from, old, to, new, flags);
}

int symlinkat(const char *target, int directory, const char *path) {
  if (fails("symlink", is_entry_below(directory, path))) return -1;
  return syscall(SYS_symlinkat, target, directory, path);
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device) {
  if (fails("mknod", is_entry_below(directory, path))) return -1;
  return REAL(int, "mknodat", int, const char *, mode_t, dev_t)(directory, path, mode, device);
}

int mkdirat(int directory, const char *path, mode_t mode) {
  if (fails("mkdir", is_entry_below(directory, path))) return -1;
  return syscall(SYS_mkdirat, directory, path, mode);
}

int renameat(int from, const char *old, int to, const char *new) {
  if (fails("rename", is_entry_below(to, new))) return -1;
  return REAL(int, "renameat", int, const char *, int, const char *)(from, old, to, new);
}

int unlinkat(int directory, const char *path, int flags) {
  if (fails("unlink", is_entry_below(directory, path))) return -1;
  return syscall(SYS_unlinkat, directory, path, flags);
}

// These concern no file.

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset) {
  if (fails("mmap", 1)) return MAP_FAILED;
  return (void *)syscall(SYS_mmap, address, size, protection, flags, descriptor, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
  if (fails("thread", 1)) return errno;
  return REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)(
      thread, attributes, start, argument);
}

ssize_t getrandom(void *to, size_t size, unsigned flags) {
  if (fails("random", 1)) return -1;
  return syscall(SYS_getrandom, to, size, flags);
}
