// The exact fast renderer's march: rays that meet matter are listed, then warps carry sixteen of them at a time through the density field.
// Twin: render/fast.py without bricks.
#include "density.cuh"
#include "view.cuh"

struct Waiting {
    int pixel, k;
};

// One thread a pixel: writes the result of an empty ray, or appends the ray to the list.
extern "C" __global__ void find(const __grid_constant__ View view, const __grid_constant__ Samples samples, Waiting* list) {
    const int pixel = pixel_of_thread(view);
    if (pixel < 0) return;
    Ray ray = ray_of(view, pixel);
    samples.last[pixel] = -1, samples.transmittance[pixel] = 1.0f, samples.evaluated[pixel] = 0;
    if (advance(view, ray)) list[atomicAdd(samples.counters + 1, 1)] = Waiting{pixel, ray.k};
}

// Persistent warps. Lanes 4g and 4g+1 hold the ray of row g, lanes 4g+2 and 4g+3 that of row g+8; a ray that ends is replaced from the list.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    march(const __grid_constant__ View view, const __grid_constant__ Samples samples, const Waiting* list, const __grid_constant__ Field field) {
#if SHARED
    extern __shared__ uint2 weights[];
    for (int i = threadIdx.x; i < kWeightWords; i += BLOCK) weights[i] = field.weights[i];
    __syncthreads();
#else
    const uint2* weights = field.weights;
#endif
    const int lane = threadIdx.x & 31, t = lane & 3;
    const bool writes = (t & 1) == 0;
    const int waiting = samples.counters[1];
    int pixel = -1, last = -1, evaluated = 0;
    float transmittance = 1.0f;
    Ray ray;
    ray.k = ray.end = 0;
    float3 direction = make_float3(0.0f, 0.0f, 0.0f);
    bool drained = false;
    while (true) {
        if (!drained) {
            const unsigned empty = __ballot_sync(0xffffffffu, pixel < 0 && writes);
            if (empty) {
                int start = 0;
                if (lane == 0) start = atomicAdd(samples.counters + 2, __popc(empty));
                start = __shfl_sync(0xffffffffu, start, 0);
                drained = start + __popc(empty) >= waiting;
                const int place = start + __popc(empty & ((1u << (lane & ~1)) - 1u));
                if (pixel < 0 && place < waiting) {
                    const Waiting next = list[place];
                    pixel = next.pixel, last = -1, evaluated = 0, transmittance = 1.0f;
                    ray = ray_of(view, pixel);
                    ray.k = next.k;
                    direction = direction_of(view, pixel);
                }
            }
        }
        if (!__any_sync(0xffffffffu, pixel >= 0)) break;
        const float depth = (ray.k + 0.5f) * view.step;
        const float3 mine = point_at(view, direction, pixel >= 0 ? depth : 0.0f);
        const int first = lane & ~3;
        const float3 low = make_float3(__shfl_sync(0xffffffffu, mine.x, first), __shfl_sync(0xffffffffu, mine.y, first), __shfl_sync(0xffffffffu, mine.z, first));
        const float3 high =
            make_float3(__shfl_sync(0xffffffffu, mine.x, first + 2), __shfl_sync(0xffffffffu, mine.y, first + 2), __shfl_sync(0xffffffffu, mine.z, first + 2));
        const float2 raw = logits(field, weights, low, high);
        if (pixel >= 0) {
            const float through = __expf(-__expf((t < 2 ? raw.x : raw.y) - 1.0f) * view.step * ray.length);
            const float weight = transmittance * (1.0f - through);
            if (weight >= view.min_weight && writes) last = keep(samples, pixel, depth, weight, last);
            transmittance *= through, ++evaluated, ++ray.k;
            if (transmittance <= view.stop || !advance(view, ray)) {
                if (writes) samples.last[pixel] = last, samples.transmittance[pixel] = transmittance, samples.evaluated[pixel] = evaluated;
                pixel = -1;
            }
        }
    }
}

// Raw outputs at points, sixteen a warp. Twin: PlaneField.forward at one time.
extern "C" __global__ void __launch_bounds__(BLOCK, 1) evaluate(const __grid_constant__ Field field, const float* points, float* out, int count) {
#if SHARED
    extern __shared__ uint2 weights[];
    for (int i = threadIdx.x; i < kWeightWords; i += BLOCK) weights[i] = field.weights[i];
    __syncthreads();
#else
    const uint2* weights = field.weights;
#endif
    const int lane = threadIdx.x & 31, g = lane >> 2;
    for (int start = 16 * ((blockIdx.x * BLOCK + threadIdx.x) / 32); start < count; start += 16 * (gridDim.x * BLOCK / 32)) {
        const float* a = points + 3 * min(start + g, count - 1);
        const float* b = points + 3 * min(start + g + 8, count - 1);
        const float2 raw = logits(field, weights, make_float3(a[0], a[1], a[2]), make_float3(b[0], b[1], b[2]));
        if ((lane & 3) == 0 && start + g < count) out[start + g] = raw.x;
        if ((lane & 3) == 2 && start + g + 8 < count) out[start + g + 8] = raw.y;
    }
}
