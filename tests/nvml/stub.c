/* A stand-in for the driver's libnvidia-ml.so.1. What it says comes from the environment (NVML_DRIVER=...) or else
   from lines in a file "nvml.conf" beside it (DRIVER=...). One value for each GPU, separated by ";"; the last one
   holds for those that follow:
     DRIVER  version               GPUS  how many (1)         NAMES  UUIDS  CAPABILITIES ("8.0")
     TOTAL  USED  bytes, both with what the driver keeps for itself: RESERVED (0)
     PIDS  DRAWING  "pid:bytes,..." (bytes -1: not available)
     MIG  0|1, unset: no such thing                           MODE  compute mode (0)
     FAULT  what[:code][@gpu]: init (9), count (999), handle (15), memory (4), processes (4), hang
   OLD leaves out what drivers before 510 lack. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory2_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process_t;

static const char *said(const char *key) {
    static char found[4096];
    char name[64], path[4096], line[4096];
    snprintf(name, sizeof name, "NVML_%s", key);
    const char *environment = getenv(name);
    if (environment) return environment;
    Dl_info here;
    if (!dladdr((void *)said, &here)) return NULL;
    snprintf(path, sizeof path, "%s", here.dli_fname);
    char *slash = strrchr(path, '/');
    snprintf(slash ? slash + 1 : path, 16, "nvml.conf");
    FILE *file = fopen(path, "r");
    const char *value = NULL;
    while (file && fgets(line, sizeof line, file)) {
        size_t length = strlen(key);
        if (!strncmp(line, key, length) && line[length] == '=') {
            snprintf(found, sizeof found, "%s", line + length + 1);
            found[strcspn(found, "\n")] = 0;
            value = found;
        }
    }
    if (file) fclose(file);
    return value;
}

/* The value for one GPU, NULL where nothing is said. */
static const char *of(const char *key, int gpu) {
    static char found[4096];
    const char *all = said(key);
    if (!all) return NULL;
    while (gpu-- > 0 && strchr(all, ';')) all = strchr(all, ';') + 1;
    snprintf(found, sizeof found, "%s", all);
    found[strcspn(found, ";")] = 0;
    return found;
}

/* The code with which a call fails, 0 where it does not. */
static int fault(const char *name, int gpu, int code) {
    const char *all = said("FAULT");
    size_t length = strlen(name);
    if (!all || strncmp(all, name, length) || (all[length] && !strchr(":@", all[length]))) return 0;
    const char *at = strchr(all, '@'), *other = strchr(all, ':');
    if (at && gpu >= 0 && atoi(at + 1) != gpu) return 0;
    return other ? atoi(other + 1) : code;
}

static int number(void *handle) { return (int)(long)handle - 1; }

int nvmlInit_v2(void) {
    if (fault("hang", -1, 1)) pause();
    return fault("init", -1, 9);
}
int nvmlInitWithFlags(unsigned int flags) { return nvmlInit_v2(); }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *out, unsigned int length) {
    const char *driver = said("DRIVER");
    snprintf(out, length, "%s", driver ? driver : "580.95.05");
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned int *count) {
    const char *gpus = said("GPUS");
    *count = gpus ? atoi(gpus) : 1;
    return fault("count", -1, 999);
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    *handle = (void *)(long)(index + 1);
    return fault("handle", index, 15);
}
int nvmlDeviceGetUUID(void *handle, char *out, unsigned int length) {
    const char *uuid = of("UUIDS", number(handle));
    if (uuid) snprintf(out, length, "%s", uuid);
    else if (number(handle)) snprintf(out, length, "GPU-5a0c-%d", number(handle));
    else snprintf(out, length, "GPU-5a0c");
    return 0;
}
int nvmlDeviceGetName(void *handle, char *out, unsigned int length) {
    const char *name = of("NAMES", number(handle));
    snprintf(out, length, "%s", name ? name : "NVIDIA A100");
    return 0;
}
int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    const char *capability = of("CAPABILITIES", number(handle));
    return sscanf(capability ? capability : "8.0", "%d.%d", major, minor) == 2 ? 0 : 3;
}
int nvmlDeviceGetMigMode(void *handle, unsigned int *current, unsigned int *pending) {
    const char *mig = of("MIG", number(handle));
    if (!mig || !*mig) return 3;
    *current = *pending = atoi(mig);
    return 0;
}
int nvmlDeviceGetComputeMode(void *handle, int *mode) {
    const char *said_mode = of("MODE", number(handle));
    *mode = said_mode ? atoi(said_mode) : 0;
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *out) {
    int failed = fault("memory", number(handle), 4);
    if (failed) return failed;
    const char *total = of("TOTAL", number(handle));
    out->total = total ? strtoull(total, 0, 10) : 80ULL << 30;
    const char *used = of("USED", number(handle));
    out->used = used ? strtoull(used, 0, 10) : 1ULL << 30;
    out->free = out->total - out->used;
    return 0;
}

#ifndef OLD
int nvmlDeviceGetMemoryInfo_v2(void *handle, memory2_t *out) {
    memory_t all;
    const char *reserved = of("RESERVED", number(handle));
    unsigned long long kept = reserved ? strtoull(reserved, 0, 10) : 0;
    if (out->version != (sizeof(memory2_t) | 2 << 24)) return 25;
    int failed = nvmlDeviceGetMemoryInfo(handle, &all);
    *out = (memory2_t){out->version, all.total, kept, all.free, all.used - kept};
    return failed;
}
#endif

static int processes(void *handle, const char *key, unsigned int *count, process_t *out) {
    const char *list = of(key, number(handle));
    unsigned int room = *count, found = 0;
    int failed = fault("processes", number(handle), 4);
    if (failed) return failed;
    while (list && *list) {
        char *end;
        unsigned int pid = strtoul(list, &end, 10);
        unsigned long long used = strtoull(end + 1, &end, 10);
        if (found < room) out[found] = (process_t){pid, used, 0, 0};
        found++;
        list = *end ? end + 1 : end;
    }
    *count = found;
    return found > room ? 7 : 0;
}
#ifdef OLD
int nvmlDeviceGetComputeRunningProcesses_v2(void *h, unsigned int *n, process_t *out) { return processes(h, "PIDS", n, out); }
#else
int nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned int *n, process_t *out) { return processes(h, "PIDS", n, out); }
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *h, unsigned int *n, process_t *out) { return processes(h, "DRAWING", n, out); }
#endif
const char *nvmlErrorString(int code) {
    switch (code) {
        case 3: return "Not Supported";
        case 4: return "Insufficient Permissions";
        case 7: return "Insufficient Size";
        case 9: return "Driver Not Loaded";
        case 15: return "GPU is lost";
        case 17: return "Operating System call failed";
        case 18: return "Driver/library version mismatch";
        default: return "Unknown Error";
    }
}
