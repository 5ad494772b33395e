// Leaves out what works on files, and with it headers of the system that would then seem to be a part of this module.
#define Z_SOLO
#include <zlib.h>
