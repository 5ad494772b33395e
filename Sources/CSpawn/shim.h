// What the C library of Linux offers beyond POSIX, and Swift's import of it leaves out. Needs glibc 2.34 or newer.
#include <spawn.h>

extern int pipe2(int descriptors[2], int flags);
extern int memfd_create(const char *name, unsigned int flags);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

enum { memfd_close_on_exec = 1 };
