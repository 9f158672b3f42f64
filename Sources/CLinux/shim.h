// Linux calls and constants that Swift's Glibc module does not show, because they are
// variadic, macros, or hidden behind _GNU_SOURCE. Declarations and short wrappers only.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/types.h>
#include <malloc.h>
#include <nss.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

long syscall(long number, ...);

static const int linux_O_NOATIME = 01000000;
static const int linux_O_PATH = 010000000;
static const int linux_O_TMPFILE = 020000000 | O_DIRECTORY;
static const int linux_AT_EMPTY_PATH = 0x1000;
static const int linux_AT_NO_AUTOMOUNT = 0x800;
static const int linux_SEEK_DATA = 3;
static const int linux_SEEK_HOLE = 4;

// statx(2), with the kernel's own struct.
static inline int linux_statx(int fd, const char *path, int flags, unsigned mask,
                              struct statx *out) {
  return (int)syscall(SYS_statx, fd, path, flags, mask, out);
}

// renameat2(2) with RENAME_NOREPLACE: EEXIST where the target exists.
static inline int linux_rename_noreplace(int from_fd, const char *from, int to_fd,
                                         const char *to) {
  return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 1u);
}

// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: starts write-back, does not wait.
static inline int linux_start_writeback(int fd, int64_t offset, int64_t length) {
  return (int)syscall(SYS_sync_file_range, fd, offset, length, 2u);
}

// syncfs(2): the whole file system that a file is on.
static inline int linux_syncfs(int fd) { return (int)syscall(SYS_syncfs, fd); }

// fallocate(2)
static inline int linux_fallocate(int fd, int mode, int64_t offset, int64_t length) {
  return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

static inline int linux_get_inode_flags(int fd, int *flags) {
  return ioctl(fd, FS_IOC_GETFLAGS, flags);
}
static inline int linux_set_inode_flags(int fd, int flags) {
  return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

// The generation of an open file's inode, which is another one for each file that gets its number.
static inline int linux_get_inode_generation(int fd, uint32_t *generation) {
  long value = 0;
  if (ioctl(fd, FS_IOC_GETVERSION, &value) != 0) return -1;
  int number;  // The kernel writes an int, whatever the call's number says.
  memcpy(&number, &value, sizeof number);
  *generation = (uint32_t)number;
  return 0;
}

// Columns of a terminal; 0 for what is none.
static inline int linux_terminal_width(int fd) {
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static inline uint64_t linux_makedev(uint32_t major, uint32_t minor) {
  return makedev(major, minor);
}
static inline uint32_t linux_major(uint64_t device) { return major(device); }
static inline uint32_t linux_minor(uint64_t device) { return minor(device); }

// No core dump of this process ever holds a key.
static inline int linux_disable_core_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// Memory that is freed is used again, instead of going back to the kernel and coming anew, zeroed
// page by page: that would take longer than what is done with it. Blocks beyond 32 MiB do go back.
// Two arenas, because what one thread has freed the others could not use otherwise: blocks go from
// thread to thread.
static inline void linux_keep_freed_memory(void) {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

// The next block of memory of up to `size` bytes that this thread asks for is in huge pages, where
// the kernel has them. It is taken from the heap, which is told so, and given back to it at once:
// what is asked for next is where this was. Should it come from elsewhere, it is as it always is.
static inline void linux_prepare_large_block(size_t size) {
  mallopt(M_MMAP_MAX, 0);
  char *block = malloc(size);
  mallopt(M_MMAP_MAX, 65536);  // as it was
  if (block == NULL) return;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t start = ((uintptr_t)block + page - 1) & ~(page - 1);
  const uintptr_t end = ((uintptr_t)block + size) & ~(page - 1);
  if (start < end) madvise((void *)start, end - start, MADV_HUGEPAGE);
  free(block);
}

// Gives what is free at the end of the heap back to the kernel.
static inline void linux_trim_heap(void) { malloc_trim(0); }

// The kernel keeps the first 15 bytes.
static inline int linux_set_thread_name(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}

static inline int linux_exclude_from_core_dumps(void *start, size_t length) {
  return madvise(start, length, 16 /* MADV_DONTDUMP */);
}

// open and openat are variadic.
static inline int linux_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}
static inline int linux_openat(int directory, const char *name, int flags, mode_t mode) {
  return openat(directory, name, flags, mode);
}

// The f_type of statfs(2); works on any descriptor.
static inline int linux_file_system_type(int descriptor, uint64_t *type) {
  struct statfs info;
  if (fstatfs(descriptor, &info) != 0) return -1;
  *type = (uint64_t)info.f_type & 0xffffffffu;
  return 0;
}

// getdents64(2), into a buffer of struct linux_dirent64.
static inline long linux_getdents64(int directory, void *buffer, size_t size) {
  return syscall(SYS_getdents64, directory, buffer, size);
}

// The extended attribute calls that take a directory and a name, since Linux 6.13. The numbers
// are the same on every architecture.
struct linux_xattr_args {
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};
static inline long linux_listxattrat(int directory, const char *name, int flags, char *list,
                                     size_t size) {
  return syscall(465, directory, name, flags, list, size);
}
static inline long linux_getxattrat(int directory, const char *name, int flags,
                                    const char *attribute, void *value, size_t size) {
  struct linux_xattr_args arguments = {(uint64_t)(uintptr_t)value, (uint32_t)size, 0};
  return syscall(464, directory, name, flags, attribute, &arguments, sizeof arguments);
}

// A program that no dynamic linker has started, as it is copied into the root of another system,
// must not load modules of the C library that is there to look up names: it may be another version
// of it, and be none of ours. So it asks files and DNS, whatever nsswitch.conf says; the C library
// can do that without loading anything. It fails for names of databases that there are not.
static inline void linux_look_up_names_without_modules(void) {
  if (getauxval(AT_BASE) != 0) return;
  (void)__nss_configure_lookup("passwd", "files");
  (void)__nss_configure_lookup("group", "files");
  (void)__nss_configure_lookup("hosts", "files dns");
}

// The environment of this process, to be handed to a child.
static inline char **linux_environment(void) { return __environ; }

// pipe2(2) with O_CLOEXEC: no child inherits an end by accident.
static inline int linux_pipe(int descriptors[2]) {
  return (int)syscall(SYS_pipe2, descriptors, O_CLOEXEC);
}

// memfd_create(2) with MFD_CLOEXEC: a file that is memory.
static inline int linux_memory_file(void) {
  return (int)syscall(SYS_memfd_create, "archivist", 1u);
}

// fcntl is variadic. A descriptor that is no pipe refuses.
static inline int linux_set_pipe_size(int descriptor, int size) {
  return fcntl(descriptor, 1031 /* F_SETPIPE_SZ */, size);
}

// Bytes in a pipe that nobody has read yet, seen from either end; negative for what is no pipe.
static inline int linux_bytes_in_pipe(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -1;
}

// splice(2) with SPLICE_F_NONBLOCK: what is in a file becomes what is in a pipe, without a copy.
static inline ssize_t linux_splice_from_file(int file, int64_t offset, int pipe, size_t count) {
  return (ssize_t)syscall(SYS_splice, file, &offset, pipe, (void *)0, count, 2u);
}

// posix_fadvise(2) with POSIX_FADV_WILLNEED: starts reading, does not wait.
static inline void linux_start_reading(int file, int64_t offset, int64_t count) {
  (void)posix_fadvise(file, offset, count, 3);
}

// Writing never waits from now on: EAGAIN says that there is no room.
static inline int linux_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags < 0 ? flags : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

// Two stretches of bytes, as if they were one.
static inline ssize_t linux_write_both(
    int descriptor, const void *first, size_t first_size, const void *second, size_t second_size) {
  struct iovec parts[2] = {{(void *)first, first_size}, {(void *)second, second_size}};
  return writev(descriptor, parts, 2);
}
