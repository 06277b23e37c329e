/* Stands in for libFuzzer, where there is no C++ compiler and no time: gives each file that is named to the target, once. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Wanted by targets that change inputs themselves; none is changed here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    (void) data;
    (void) max_size;
    return size;
}

int main(int argc, char **argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            perror(argv[i]);
            return 1;
        }
        size_t size = (size_t) ftell(file);
        rewind(file);
        /* No byte more than the input has, so that a read behind it may be noticed. */
        uint8_t *data = malloc(size > 0 ? size : 1);
        if (data == NULL || fread(data, 1, size, file) != size) {
            perror(argv[i]);
            return 1;
        }
        fclose(file);
        /* Named before: a crash says nothing itself. */
        fprintf(stderr, "%s\n", argv[i]);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    return 0;
}
