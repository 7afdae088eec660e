/* A stand-in for the driver's libcuda.so.1: CUDA_INIT is cuInit's code, CUDA_DRIVER the version (13000), CUDA_COUNT how
   many devices there are (1), CUDA_HANGS lets it wait for ever, CUDA_TELLS a file that learns who asked. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int said(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

int cuInit(unsigned int flags) {
    const char *tells = getenv("CUDA_TELLS");
    FILE *out = tells ? fopen(tells, "w") : NULL;
    if (out) {
        fprintf(out, "%d %d", getuid(), getgid());
        fclose(out);
    }
    if (said("CUDA_HANGS", 0)) pause();
    printf("a library that talks\n");
    return said("CUDA_INIT", 0);
}
int cuDriverGetVersion(int *version) { *version = said("CUDA_DRIVER", 13000); return 0; }
int cuDeviceGetCount(int *count) { *count = said("CUDA_COUNT", 1); return 0; }
