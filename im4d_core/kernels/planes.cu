// Bilinear features of space planes (xy, yz, xz) and space-time planes (xt, yt, zt), and the gradient of the planes.
// Twin: reference.plane_features. Planes are channels-last in memory. A thread serves four channels of one plane for one sample.
#include "half.cuh"

struct Planes {
    float* spatial[LEVELS];   // 3, size, size, CHANNELS
    float* temporal[LEVELS];  // 3, times, size, CHANNELS
};

__constant__ const int kSize[LEVELS] = {SPATIAL};
__constant__ const int kTimes[LEVELS] = {TEMPORAL};
constexpr int kQuads = CHANNELS / 4;
constexpr int kColumns = 6 * LEVELS * kQuads;  // threads of a sample

struct Taps {
    float* base;
    int at[4];
    float weight[4];
};

__device__ __forceinline__ Taps taps_of(const Planes& planes, const float* points, const float* time, long long sample, int column) {
    const int quad = column % kQuads, plane = column / kQuads, level = plane / 6, kind = plane % 6;
    const float* p = points + 3 * sample;
    const bool spatial = kind < 3;
    const float across = p[spatial ? (kind == 1 ? 1 : 0) : kind - 3];
    const float down = spatial ? p[kind == 0 ? 1 : 2] : time[sample];
    const int width = kSize[level], height = spatial ? width : kTimes[level];
    const float x = fminf(fmaxf((across + 1.0f) * 0.5f * (width - 1), 0.0f), float(width - 1));
    const float y = fminf(fmaxf((down + 1.0f) * 0.5f * (height - 1), 0.0f), float(height - 1));
    const int x0 = int(x), y0 = int(y), x1 = min(x0 + 1, width - 1), y1 = min(y0 + 1, height - 1);
    const float fx = x - x0, fy = y - y0;
    Taps taps;
    taps.base = (spatial ? planes.spatial[level] : planes.temporal[level]) + (long long)(kind % 3) * height * width * CHANNELS + 4 * quad;
    taps.at[0] = (y0 * width + x0) * CHANNELS, taps.weight[0] = (1.0f - fx) * (1.0f - fy);
    taps.at[1] = (y0 * width + x1) * CHANNELS, taps.weight[1] = fx * (1.0f - fy);
    taps.at[2] = (y1 * width + x0) * CHANNELS, taps.weight[2] = (1.0f - fx) * fy;
    taps.at[3] = (y1 * width + x1) * CHANNELS, taps.weight[3] = fx * fy;
    return taps;
}

extern "C" __global__ void features(Planes planes, const float* points, const float* time, void* out, long long samples) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= samples * kColumns) return;
    const Taps taps = taps_of(planes, points, time, i / kColumns, int(i % kColumns));
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (int k = 0; k < 4; ++k) {
        const float4 value = *reinterpret_cast<const float4*>(taps.base + taps.at[k]);
        sum.x += taps.weight[k] * value.x, sum.y += taps.weight[k] * value.y;
        sum.z += taps.weight[k] * value.z, sum.w += taps.weight[k] * value.w;
    }
#if HALF
    reinterpret_cast<uint2*>(out)[i] = make_uint2(pack(sum.x, sum.y), pack(sum.z, sum.w));
#else
    reinterpret_cast<float4*>(out)[i] = sum;
#endif
}

__device__ __forceinline__ void add(float* at, float4 value) {
#if __CUDA_ARCH__ >= 900
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(at), "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w) : "memory");
#else
    atomicAdd(at, value.x), atomicAdd(at + 1, value.y), atomicAdd(at + 2, value.z), atomicAdd(at + 3, value.w);
#endif
}

// `planes` holds the gradients, zero at first.
extern "C" __global__ void features_backward(Planes planes, const float* points, const float* time, const void* gradient, long long samples) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= samples * kColumns) return;
#if HALF
    const uint2 packed = reinterpret_cast<const uint2*>(gradient)[i];
    const float2 low = unpack(packed.x), high = unpack(packed.y);
    const float4 from = make_float4(low.x, low.y, high.x, high.y);
#else
    const float4 from = reinterpret_cast<const float4*>(gradient)[i];
#endif
    if (from.x == 0.0f && from.y == 0.0f && from.z == 0.0f && from.w == 0.0f) return;  // samples behind a surface move nothing
    const Taps taps = taps_of(planes, points, time, i / kColumns, int(i % kColumns));
    for (int k = 0; k < 4; ++k) {
        const float w = taps.weight[k];
        if (w != 0.0f) add(taps.base + taps.at[k], make_float4(w * from.x, w * from.y, w * from.z, w * from.w));
    }
}
