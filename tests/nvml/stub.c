/* A stand-in for the driver's libnvidia-ml.so.1, told what to say by environment variables:
   NVML_FAULT=init|memory|processes|hang, NVML_PIDS="pid:bytes,..." (bytes -1: not available),
   NVML_USED=bytes. One GPU of 80 GiB. OLD leaves out what drivers before 510 lack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process_t;

static int fault(const char *name) {
    const char *said = getenv("NVML_FAULT");
    return said && !strcmp(said, name);
}

int nvmlInit_v2(void) {
    if (fault("hang")) pause();
    return fault("init") ? 9 : 0;
}
int nvmlSystemGetDriverVersion(char *out, unsigned int length) { snprintf(out, length, "580.95.05"); return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) { *handle = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetUUID(void *handle, char *out, unsigned int length) { snprintf(out, length, "GPU-5a0c"); return 0; }
int nvmlDeviceGetName(void *handle, char *out, unsigned int length) { snprintf(out, length, "NVIDIA A100"); return 0; }
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *out) {
    const char *used = getenv("NVML_USED");
    if (fault("memory")) return 4;
    out->total = 80ULL << 30;
    out->used = used ? strtoull(used, 0, 10) : 1ULL << 30;
    out->free = out->total - out->used;
    return 0;
}

static int processes(unsigned int *count, process_t *out) {
    const char *said = getenv("NVML_PIDS");
    unsigned int room = *count, number = 0;
    if (fault("processes")) return 4;
    while (said && *said) {
        char *end;
        unsigned int pid = strtoul(said, &end, 10);
        unsigned long long used = strtoull(end + 1, &end, 10);
        if (number < room) out[number] = (process_t){pid, used, 0, 0};
        number++;
        said = *end ? end + 1 : end;
    }
    *count = number;
    return number > room ? 7 : 0;
}
#ifdef OLD
int nvmlDeviceGetComputeRunningProcesses_v2(void *h, unsigned int *count, process_t *out) { return processes(count, out); }
#else
int nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned int *count, process_t *out) { return processes(count, out); }
#endif
const char *nvmlErrorString(int code) {
    return code == 4 ? "Insufficient Permissions" : code == 9 ? "Driver Not Loaded" : "Unknown Error";
}
