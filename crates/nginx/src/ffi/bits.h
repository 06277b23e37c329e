/*
 * What only C can say; bindgen declares it to Rust from here.
 */

#ifndef GATEHOUSE_FFI_BITS_H
#define GATEHOUSE_FFI_BITS_H

/* The name this library was loaded by, for as long as it is; null when the loader does not say. */
const char *gatehouse_library_path(void);

#endif
