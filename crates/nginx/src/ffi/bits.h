/*
 * What only C can say; bindgen declares it to Rust from here.
 */

#ifndef GATEHOUSE_FFI_BITS_H
#define GATEHOUSE_FFI_BITS_H

#include <stddef.h>

/* The name this library was loaded by, for as long as it is; null when the loader does not say. */
const char *gatehouse_library_path(void);

/* Empties whole pages of shared memory, which take none then; only Linux can. */
void gatehouse_pages_give_back(void *start, size_t length);

#endif
