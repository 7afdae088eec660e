/* A stand-in for the driver's libcuda.so.1: CUDA_INIT is cuInit's code, CUDA_DRIVER the version (13000), CUDA_COUNT how
   many devices there are (1), CUDA_HANGS lets it wait for ever, CUDA_TELLS a file that learns who asked. They come from
   the environment, the numbers else from lines in a file "cuda.conf" beside the library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int said(const char *name, int otherwise) {
    const char *value = getenv(name);
    char path[4096], line[256];
    Dl_info here;
    if (value) return atoi(value);
    if (!dladdr((void *)said, &here)) return otherwise;
    snprintf(path, sizeof path, "%s", here.dli_fname);
    char *slash = strrchr(path, '/');
    snprintf(slash ? slash + 1 : path, 16, "cuda.conf");
    FILE *file = fopen(path, "r");
    size_t length = strlen(name);
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, length) && line[length] == '=') otherwise = atoi(line + length + 1);
    if (file) fclose(file);
    return otherwise;
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
