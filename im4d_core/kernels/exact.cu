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

struct Corners {
    int cells[3], refine[3], bricks[3];  // of the occupancy; fine cells per cell; bricks along each axis
    float low[3], size[3];               // of the box; of a fine cell
    const unsigned char* distance;
    const int* table;  // brick of a place, -1 for none
    const int* places; // place of a brick, flat
    unsigned short* values;
    int* counter;
    int* list;  // brick * 729 + corner
};

// One thread a corner of a brick: lists those that touch an occupied cell, empties the others.
extern "C" __global__ void list_corners(const __grid_constant__ Corners c, int bricks) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= bricks * 729) return;
    const int brick = i / 729, corner = i % 729, place = c.places[brick];
    const int at[3] = {8 * (place / (c.bricks[1] * c.bricks[2])) + corner / 81, 8 * (place / c.bricks[2] % c.bricks[1]) + corner / 9 % 9,
                       8 * (place % c.bricks[2]) + corner % 9};
    bool touches = false;
    for (int side = 0; side < 8; ++side) {
        int cell[3];
        bool inside = true;
        for (int a = 0; a < 3; ++a) {
            const int fine = at[a] - (side >> a & 1);
            cell[a] = fine / c.refine[a];
            inside = inside && fine >= 0 && cell[a] < c.cells[a];
        }
        touches = touches || (inside && c.distance[((size_t)cell[0] * c.cells[1] + cell[1]) * c.cells[2] + cell[2]] == 0);
    }
    if (touches)
        c.list[atomicAdd(c.counter, 1)] = i;
    else
        c.values[i] = float_to_half(-20.0f);  // exp(-21) is no density; never read
}

// Raw outputs at the listed corners.
extern "C" __global__ void __launch_bounds__(BLOCK, 1) bake(const __grid_constant__ Corners c, const __grid_constant__ Field field) {
#if SHARED
    extern __shared__ uint2 weights[];
    for (int i = threadIdx.x; i < kWeightWords; i += BLOCK) weights[i] = field.weights[i];
    __syncthreads();
#else
    const uint2* weights = field.weights;
#endif
    const int lane = threadIdx.x & 31, g = lane >> 2, count = *c.counter;
    for (int start = 16 * ((blockIdx.x * BLOCK + threadIdx.x) / 32); start < count; start += 16 * (gridDim.x * BLOCK / 32)) {
        float3 points[2];
        int which[2];
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            which[row] = c.list[min(start + g + 8 * row, count - 1)];
            const int place = c.places[which[row] / 729], corner = which[row] % 729;
            points[row] = make_float3(c.low[0] + c.size[0] * (8 * (place / (c.bricks[1] * c.bricks[2])) + corner / 81),
                                      c.low[1] + c.size[1] * (8 * (place / c.bricks[2] % c.bricks[1]) + corner / 9 % 9),
                                      c.low[2] + c.size[2] * (8 * (place % c.bricks[2]) + corner % 9));
        }
        const float2 raw = logits(field, weights, points[0], points[1]);
        if ((lane & 3) == 0) c.values[which[0]] = float_to_half(raw.x);
        if ((lane & 3) == 2) c.values[which[1]] = float_to_half(raw.y);
    }
}
