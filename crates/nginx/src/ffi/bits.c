#include <ngx_config.h>
#include <ngx_core.h>
#include <dlfcn.h>
#include <sys/mman.h>

#include "bits.h"

const char *
gatehouse_library_path(void)
{
    Dl_info  info;

    return dladdr((const void *) &gatehouse_library_path, &info) ? info.dli_fname
                                                                 : NULL;
}

void
gatehouse_pages_give_back(void *start, size_t length)
{
#ifdef MADV_REMOVE
    /* Not MADV_DONTNEED: that leaves shared pages where they are. */
    (void) madvise(start, length, MADV_REMOVE);
#else
    (void) start;
    (void) length;
#endif
}
