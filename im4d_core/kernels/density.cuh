// The density field at 16 points: features of planes and of lines (the space-time planes at the frame's time), streamed into the MLP.
// A texel's channels are stored in the order in which the lanes of a fragment want them, so a lane reads its share of a texel with one load.
#include "mma.cuh"

constexpr int kWidth = WIDTH, kTiles = WIDTH / 8, kSteps = WIDTH / 16;
constexpr int kChunks = 6 * LEVELS * CHANNELS / 16;  // of 16 inputs
constexpr int kPlaneWords = CHANNELS / 8;            // a lane's share of a texel
__constant__ const int kSpace[LEVELS] = {SPATIAL};

struct Field {
    const word* planes[LEVELS];  // 3, size, size, CHANNELS halves
    const word* lines[LEVELS];   // 3, size, CHANNELS halves
    const uint2* weights;        // in the order in which they are used
    const float* biases;         // first, skip, hidden ..., output
    float low[3], scale[3];      // of the scene's box: relative = (p - low) * scale
};

constexpr int kFirst = kChunks * kTiles * (SKIP ? 2 : 1);  // tiles of the layers that see the encoding
constexpr int kHidden = kSteps * kTiles;
constexpr int kWeightWords = 32 * (kFirst + (DEPTH - 1) * kHidden + (SKIP ? kHidden : 0));  // of eight bytes

struct Share {
    word w[kPlaneWords];
};

__device__ __forceinline__ Share share(const word* texels, int index, int t) {
    Share s;
    if constexpr (kPlaneWords == 2) {
        const uint2 both = __ldg(reinterpret_cast<const uint2*>(texels + index * (CHANNELS / 2)) + t);
        s.w[0] = both.x, s.w[1] = both.y;
    } else {
        s.w[0] = __ldg(texels + index * (CHANNELS / 2) + t);
    }
    return s;
}

__device__ __forceinline__ void accumulate(Share& sum, const Share& x, float weight) {
    const word w = pack(weight, weight);
    for (int i = 0; i < kPlaneWords; ++i) sum.w[i] = fma2(w, x.w[i], sum.w[i]);
}

// One plane's features of a point, relative coordinates in [0, 1]. kind: xy, yz, xz, then the lines x, y, z.
template <int kind>
__device__ __forceinline__ Share looked_up(const Field& field, int level, const float* at, int t) {
    const int size = kSpace[level];
    Share sum{};
    if constexpr (kind < 3) {
        const float x = at[kind == 1 ? 1 : 0] * (size - 1), y = at[kind == 0 ? 1 : 2] * (size - 1);
        const int x0 = min(int(x), size - 2), y0 = min(int(y), size - 2);
        const float fx = x - x0, fy = y - y0;
        const word* texels = field.planes[level] + kind * size * size * (CHANNELS / 2);
        const int corner = y0 * size + x0;
        const Share a = share(texels, corner, t), b = share(texels, corner + 1, t);
        const Share c = share(texels, corner + size, t), d = share(texels, corner + size + 1, t);
        accumulate(sum, a, (1.0f - fx) * (1.0f - fy)), accumulate(sum, b, fx * (1.0f - fy));
        accumulate(sum, c, (1.0f - fx) * fy), accumulate(sum, d, fx * fy);
    } else {
        const float x = at[kind - 3] * (size - 1);
        const int x0 = min(int(x), size - 2);
        const word* texels = field.lines[level] + (kind - 3) * size * (CHANNELS / 2);
        const Share a = share(texels, x0, t), b = share(texels, x0 + 1, t);
        accumulate(sum, a, 1.0f - (x - x0)), accumulate(sum, b, x - x0);
    }
    return sum;
}

__device__ __forceinline__ void into_layers(Tile* first, Tile* skip, const Fragment& x, const uint2*& weights, int lane) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) multiply(first[n], x, weights[32 * n + lane]);
    weights += 32 * kTiles;
    if constexpr (SKIP) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) multiply(skip[n], x, weights[32 * n + lane]);
        weights += 32 * kTiles;
    }
}

template <int kind>
__device__ __forceinline__ void stream(const Field& field, int level, const float* low, const float* high, int t, int lane, Tile* first, Tile* skip, const uint2*& weights) {
    if constexpr (kPlaneWords == 2) {
        const Share a = looked_up<kind>(field, level, low, t), b = looked_up<kind>(field, level, high, t);
        into_layers(first, skip, Fragment{{a.w[0], b.w[0], a.w[1], b.w[1]}}, weights, lane);
    } else if constexpr (kind % 2 == 0) {  // two planes of eight channels make a step of sixteen
        const Share a = looked_up<kind>(field, level, low, t), b = looked_up<kind>(field, level, high, t);
        const Share c = looked_up<kind + 1>(field, level, low, t), d = looked_up<kind + 1>(field, level, high, t);
        into_layers(first, skip, Fragment{{a.w[0], b.w[0], c.w[0], d.w[0]}}, weights, lane);
    }
}

__device__ __forceinline__ void layer(Tile* out, const Fragment* x, const uint2*& weights, int lane) {
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) multiply(out[n], x[k], weights[32 * (k * kTiles + n) + lane]);
    }
    weights += 32 * kHidden;
}

// The rest of the MLP, from the first layer's and the skip's sums over all features on: the raw output of rows g and g + 8. `weights` are at the first hidden layer.
__device__ __forceinline__ float2 decoded(const Field& field, Tile* first, Tile* skip, const uint2* weights, int lane, int t) {
    const float* biases = field.biases + (SKIP ? 2 * kWidth : kWidth);
    Fragment x[kSteps];
#pragma unroll
    for (int k = 0; k < kSteps; ++k) x[k] = activated(first[2 * k], first[2 * k + 1]);
#pragma unroll 1
    for (int hidden = 1; hidden < DEPTH; ++hidden) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) first[n] = biased(biases, n, t);
        biases += kWidth;
        layer(first, x, weights, lane);
#pragma unroll
        for (int k = 0; k < kSteps; ++k) x[k] = activated(first[2 * k], first[2 * k + 1]);
    }
    if constexpr (SKIP) {
        layer(skip, x, weights, lane);
#pragma unroll
        for (int n = 0; n < kTiles; ++n) first[n] = skip[n];
    }
    // the output layer: its weights follow the biases, its bias comes last
    float of_low = 0.0f, of_high = 0.0f;
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
        const float a = biases[8 * n + 2 * t], b = biases[8 * n + 2 * t + 1];
        of_low += a * relu(first[n].c[0]) + b * relu(first[n].c[1]);
        of_high += a * relu(first[n].c[2]) + b * relu(first[n].c[3]);
    }
    return make_float2(over_quad(of_low) + biases[kWidth], over_quad(of_high) + biases[kWidth]);
}

// Relative coordinate of a point along an axis.
__device__ __forceinline__ float relative(const Field& field, int axis, float x) { return __saturatef((x - field.low[axis]) * field.scale[axis]); }

// Raw output at the points of rows g (`low`) and g + 8 (`high`); every lane of the four that share a row gets it. The whole warp takes part.
__device__ __forceinline__ float2 logits(const Field& field, const uint2* weights, float3 low_point, float3 high_point) {
    const int lane = threadIdx.x & 31, t = lane & 3;
    const float low[3] = {relative(field, 0, low_point.x), relative(field, 1, low_point.y), relative(field, 2, low_point.z)};
    const float high[3] = {relative(field, 0, high_point.x), relative(field, 1, high_point.y), relative(field, 2, high_point.z)};
    Tile first[kTiles], skip[kTiles];
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
        first[n] = biased(field.biases, n, t);
        if constexpr (SKIP) skip[n] = biased(field.biases + kWidth, n, t);
    }
#pragma unroll 1
    for (int level = 0; level < LEVELS; ++level) {
        stream<0>(field, level, low, high, t, lane, first, skip, weights);
        stream<1>(field, level, low, high, t, lane, first, skip, weights);
        stream<2>(field, level, low, high, t, lane, first, skip, weights);
        stream<3>(field, level, low, high, t, lane, first, skip, weights);
        stream<4>(field, level, low, high, t, lane, first, skip, weights);
        stream<5>(field, level, low, high, t, lane, first, skip, weights);
    }
    return decoded(field, first, skip, weights, lane, t);
}
