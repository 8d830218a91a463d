// The baked renderer's march: one thread a ray, density interpolated from the frame's bricks. Twin: render/fast.py with bricks.
#include "view.cuh"

struct Bricks {
    const unsigned short* values;  // brick, 9, 9, 9 halves
    const int* table;              // place -> brick
    int bricks[3];
    float refine[3];  // fine cells per cell
};

__device__ __forceinline__ float logit_at(const Bricks& bricks, float x, float y, float z) {
    const int i = int(x), j = int(y), k = int(z);
    const int brick = __ldg(bricks.table + ((i >> 3) * bricks.bricks[1] + (j >> 3)) * bricks.bricks[2] + (k >> 3));
    const unsigned short* v = bricks.values + brick * 729 + ((i & 7) * 9 + (j & 7)) * 9 + (k & 7);
    const float fx = x - i, fy = y - j, fz = z - k;
    float planes[2];
#pragma unroll
    for (int a = 0; a < 2; ++a) {
        const float v00 = half_to_float(__ldg(v + 81 * a)), v01 = half_to_float(__ldg(v + 81 * a + 1));
        const float v10 = half_to_float(__ldg(v + 81 * a + 9)), v11 = half_to_float(__ldg(v + 81 * a + 10));
        const float near = v00 + fz * (v01 - v00), far = v10 + fz * (v11 - v10);
        planes[a] = near + fy * (far - near);
    }
    return planes[0] + fx * (planes[1] - planes[0]);
}

extern "C" __global__ void march(const __grid_constant__ View view, const __grid_constant__ Samples samples, const __grid_constant__ Bricks bricks) {
    const int pixel = pixel_of_thread(view);
    if (pixel < 0) return;
    Ray ray = ray_of(view, pixel);
    int last = -1, evaluated = 0;
    float transmittance = 1.0f;
    while (transmittance > view.stop && advance(view, ray)) {
        const float depth = (ray.k + 0.5f) * view.step;
        const float raw = logit_at(bricks, (ray.origin[0] + depth * ray.direction[0]) * bricks.refine[0],
                                   (ray.origin[1] + depth * ray.direction[1]) * bricks.refine[1], (ray.origin[2] + depth * ray.direction[2]) * bricks.refine[2]);
        const float through = __expf(-__expf(raw - 1.0f) * view.step * ray.length);
        const float weight = transmittance * (1.0f - through);
        if (weight >= view.min_weight) last = keep(samples, pixel, depth, weight, last);
        transmittance *= through, ++evaluated, ++ray.k;
    }
    samples.last[pixel] = last, samples.transmittance[pixel] = transmittance, samples.evaluated[pixel] = evaluated;
}
