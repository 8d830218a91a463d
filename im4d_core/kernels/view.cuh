// What the kernels of one picture share: its rays, the march through the frame's occupancy, the list of kept samples.
// Samples lie on the lattice of midpoints (k + 1/2) * step, measured in depth from the camera (twin: reference.lattice_samples).
#include "half.cuh"

struct View {
    float to_world[9];  // (u, v, 1) -> direction, not normalised: a sample's parameter is its depth
    float centre[3];
    float low[3], high[3];  // the frame's box
    float scale[3];         // cells per world unit
    int cells[3];
    int width, height;
    float pixel_offset, near, far, step;
    float min_weight;  // lighter samples are not kept
    float stop;        // a ray ends below this transmittance
    const unsigned char* distance;  // x, y, z: Chebyshev distance in cells to the nearest occupied one
};

struct Record {
    int pixel;
    float depth, weight;
    int previous;  // the ray's sample in front, -1 for none
};

struct Samples {
    int* counters;  // [0] kept samples, [1] rays that meet matter, [2] rays taken from that list
    Record* records;
    int capacity;
    int* last;             // per pixel: its last record, -1 for none
    float* transmittance;  // per pixel: behind its last sample
    int* evaluated;        // per pixel: density evaluations
};

struct Ray {
    float origin[3], direction[3];  // in cells of the frame's box
    float length;                   // of the world direction
    int k, end;                     // next midpoint, one past the last
};

__device__ __forceinline__ float3 direction_of(const View& view, int pixel) {
    const float u = pixel % view.width + view.pixel_offset, v = pixel / view.width + view.pixel_offset;
    const float* m = view.to_world;
    return make_float3(m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5], m[6] * u + m[7] * v + m[8]);
}

__device__ __forceinline__ float3 point_at(const View& view, float3 direction, float depth) {
    return make_float3(view.centre[0] + depth * direction.x, view.centre[1] + depth * direction.y, view.centre[2] + depth * direction.z);
}

// A pixel's ray from where it enters the box; one that misses has no midpoints.
__device__ __forceinline__ Ray ray_of(const View& view, int pixel) {
    const float3 world = direction_of(view, pixel);
    const float d[3] = {world.x, world.y, world.z};
    float near = view.near, far = view.far;
    Ray ray;
#pragma unroll
    for (int a = 0; a < 3; ++a) {
        const float safe = fabsf(d[a]) < 1e-9f ? 1e-9f : d[a];  // within a slab's plane: no division by zero
        const float first = (view.low[a] - view.centre[a]) / safe, second = (view.high[a] - view.centre[a]) / safe;
        near = fmaxf(near, fminf(first, second)), far = fminf(far, fmaxf(first, second));
        ray.origin[a] = (view.centre[a] - view.low[a]) * view.scale[a], ray.direction[a] = d[a] * view.scale[a];
    }
    ray.length = sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    ray.k = max(0, int(near / view.step - 0.5f)), ray.end = far > near ? int(far / view.step + 0.5f) + 1 : 0;
    return ray;
}

// Moves a ray on to its next occupied midpoint at or behind k; false when there is none.
__device__ __forceinline__ bool advance(const View& view, Ray& ray) {
    const float along = fmaxf(fmaxf(fabsf(ray.direction[0]), fabsf(ray.direction[1])), fabsf(ray.direction[2])) * view.step;
    const float steps = 1.0f / along;  // a cell takes this many
    while (ray.k < ray.end) {
        const float depth = (ray.k + 0.5f) * view.step;
        const float x = ray.origin[0] + depth * ray.direction[0], y = ray.origin[1] + depth * ray.direction[1], z = ray.origin[2] + depth * ray.direction[2];
        if (x < 0.0f || y < 0.0f || z < 0.0f || x >= view.cells[0] || y >= view.cells[1] || z >= view.cells[2]) {
            ++ray.k;
            continue;
        }
        const int away = __ldg(view.distance + ((size_t)int(x) * view.cells[1] + int(y)) * view.cells[2] + int(z));
        if (away == 0) return true;
        ray.k += 1 + int(fmaxf((away - 1) * steps - 1e-3f, 0.0f));  // 1e-3: rounding must not jump over a cell
    }
    return false;
}

// The pixel of a thread: blocks of 256 are squares of 16 x 16, warps are 8 x 4; -1 outside the picture.
__device__ __forceinline__ int pixel_of_thread(const View& view) {
    const int across = (view.width + 15) / 16, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int x = (blockIdx.x % across) * 16 + (warp % 2) * 8 + lane % 8, y = (blockIdx.x / across) * 16 + (warp / 2) * 4 + lane / 8;
    return x < view.width && y < view.height ? y * view.width + x : -1;
}

// Adds a sample to the list; returns its place, or the previous one where the list is full (the host sees the counter and makes a longer one).
__device__ __forceinline__ int keep(const Samples& samples, int pixel, float depth, float weight, int previous) {
    const int place = atomicAdd(samples.counters, 1);
    if (place >= samples.capacity) return previous;
    samples.records[place] = Record{pixel, depth, weight, previous};
    return place;
}
