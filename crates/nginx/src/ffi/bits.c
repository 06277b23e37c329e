#include <ngx_config.h>
#include <ngx_core.h>
#include <dlfcn.h>

#include "bits.h"

const char *
gatehouse_library_path(void)
{
    Dl_info  info;

    return dladdr((const void *) &gatehouse_library_path, &info) ? info.dli_fname
                                                                 : NULL;
}
