// The few calls of CUDA's driver that sums over GPUs make, for machines without GPUs: device memory is the host's.
#include <stddef.h>
#include <string.h>

int cuInit(unsigned flags) { return (int)flags; }

int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return 0;
}

int cuDeviceGetUuid_v2(char *name, int device) {
    memset(name, 0, 16);
    name[0] = (char)device;
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = (char *)NULL + 1 + device;
    return 0;
}

int cuCtxSetCurrent(void *context) { return context ? 0 : 201; }

// Not ready on every second look.
int cuStreamQuery(void *stream) {
    static int looks;
    return stream || looks++ % 2 ? 0 : 600;
}

int cuMemcpyDtoH_v2(void *host, unsigned long long device, size_t bytes) {
    memcpy(host, (const void *)device, bytes);
    return 0;
}
