// Makes one call of a program to the C library fail, for files and folders below a path.
//
//   LD_PRELOAD=faults.so FAULT_CALL=write FAULT_AT=3 FAULT_ERROR=28 FAULT_UNDER=/repo program …
//
// The third write below /repo fails with error number 28. With FAULT_ONWARD=1 all later ones fail as
// well. The file FAULT_DONE is made when a call has failed. FAULT_KILL=1 kills the program instead.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int calls;

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

static int is_open_below(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_below(path);
}

static int fails(const char *call, int applies) {
  const char *wanted = getenv("FAULT_CALL"), *at = getenv("FAULT_AT");
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

struct dirent *readdir(DIR *folder) {
  if (fails("list", is_open_below(dirfd(folder)))) return NULL;
  return REAL(struct dirent *, "readdir", DIR *)(folder);
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
  if (number == SYS_renameat2 && fails("rename", is_below((const char *)a[3]))) return -1;
  if (number == SYS_fallocate && fails("write", is_open_below((int)a[0]))) return -1;
  return REAL(long, "syscall", long, ...)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
