// Chebyshev distance to the nearest occupied cell, at most REACH, axis by axis: after z, y and x it is the distance in space.
// Twin: reference.distance_grid.
extern "C" __global__ void pass(const unsigned char* in, unsigned char* out, int x, int y, int z, int axis, int first) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (long long)x * y * z) return;
    const int stride = axis == 0 ? y * z : axis == 1 ? z : 1, length = axis == 0 ? x : axis == 1 ? y : z;
    const int at = axis == 0 ? int(i / (y * z)) : axis == 1 ? int(i / z % y) : int(i % z);
    int best = REACH;
    for (int k = 0; k < best; ++k) {
        for (int side = -1; side <= 1; side += 2) {
            const int other = at + side * k;
            if (other < 0 || other >= length) continue;
            const int there = in[i + (long long)side * k * stride];
            best = min(best, max(k, first ? (there ? 0 : REACH) : there));  // the first pass reads occupancy: 1 where there is matter
        }
    }
    out[i] = best;
}
