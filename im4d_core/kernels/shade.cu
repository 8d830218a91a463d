// Colours of the kept samples: projection into the source views, their texels, the blending network; sixteen samples a warp.
// Twins: methods/source_views.fetch and methods/blocks.BlendNet.
//
// A texel has 16 halves: colour (3), features (8), zeros; in the order in which the lanes of a fragment want them. The direction (4) takes channels 11 to 14
// on the way, so one fragment a view feeds both layers that look at views: the first has zero weights for the direction.
#include "mma.cuh"
#include "view.cuh"

constexpr int kSeen = 11;  // colour and features

struct SourceView {
    float camera_world[12], K[9], centre[3];
    int width, height;  // of its own picture inside the canvas
};

struct Sources {
    const SourceView* views;
    const uint2* texels;  // view, height, width, 4 lanes
    int width, height;    // of the canvas
    float pixel_offset;
    int mask_invisible;
};

struct Blend {
    const uint2* weights;  // statistics of a view (4 tiles), of variance and mean (8), pooled (4), spread (8), compare shared (40), of a view (8)
    const float* biases;   // statistics 32, pooled 16, spread 64, compare 64; then attention 32 + 1, score 64 + 1
    float least_score;     // lower ones count as this
};

constexpr int kStatistics = 0, kMoments = 4, kPooled = 12, kSpread = 16, kShared = 24, kCompare = 64, kBlendTiles = 72;

// One row of a view's fragment: what the view shows at a point and how its direction differs from the ray's; whether it sees the point.
__device__ __forceinline__ bool seen(const Sources& sources, const SourceView& view, int index, float3 p, float3 to_target, int t, word* out) {
    const float* m = view.camera_world;
    const float cx = m[0] * p.x + m[1] * p.y + m[2] * p.z + m[3], cy = m[4] * p.x + m[5] * p.y + m[6] * p.z + m[7], cz = m[8] * p.x + m[9] * p.y + m[10] * p.z + m[11];
    const float* k = view.K;
    const float depth = k[6] * cx + k[7] * cy + k[8] * cz, inverse = 1.0f / fmaxf(depth, 1e-6f);  // a point in the camera's plane has no pixel
    float x = (k[0] * cx + k[1] * cy + k[2] * cz) * inverse - sources.pixel_offset, y = (k[3] * cx + k[4] * cy + k[5] * cz) * inverse - sources.pixel_offset;
    const bool visible = x >= -0.5f && y >= -0.5f && x <= view.width - 0.5f && y <= view.height - 0.5f && depth > 1e-6f;
    x = fminf(fmaxf(x, 0.0f), float(view.width - 1)), y = fminf(fmaxf(y, 0.0f), float(view.height - 1));
    const int x0 = int(x), y0 = int(y), x1 = min(x0 + 1, sources.width - 1), y1 = min(y0 + 1, sources.height - 1);
    const float fx = x - x0, fy = y - y0;
    const uint2* texels = sources.texels + (size_t)index * sources.height * sources.width * 4 + t;
    const uint2 a = __ldg(texels + 4 * (y0 * sources.width + x0)), b = __ldg(texels + 4 * (y0 * sources.width + x1));
    const uint2 c = __ldg(texels + 4 * (y1 * sources.width + x0)), d = __ldg(texels + 4 * (y1 * sources.width + x1));
    const float wa = (1.0f - fx) * (1.0f - fy), wb = fx * (1.0f - fy), wc = (1.0f - fx) * fy, wd = fx * fy;
    const float2 al = unpack(a.x), bl = unpack(b.x), cl = unpack(c.x), dl = unpack(d.x);
    const float2 ah = unpack(a.y), bh = unpack(b.y), ch = unpack(c.y), dh = unpack(d.y);
    float high0 = wa * ah.x + wb * bh.x + wc * ch.x + wd * dh.x, high1 = wa * ah.y + wb * bh.y + wc * ch.y + wd * dh.y;
    float sx = view.centre[0] - p.x, sy = view.centre[1] - p.y, sz = view.centre[2] - p.z;
    const float reach = 1.0f / (sqrtf(sx * sx + sy * sy + sz * sz) + 1e-6f);
    sx *= reach, sy *= reach, sz *= reach;
    float ex = to_target.x - sx, ey = to_target.y - sy, ez = to_target.z - sz;
    const float apart = 1.0f / (sqrtf(ex * ex + ey * ey + ez * ez) + 1e-6f);
    ex *= apart, ey *= apart, ez *= apart;
    // channels 2t+8 and 2t+9 of this lane: 8 9 | 10 11 | 12 13 | 14 15
    if (t == 1) high1 = ex;
    if (t == 2) high0 = ey, high1 = ez;
    if (t == 3) high0 = to_target.x * sx + to_target.y * sy + to_target.z * sz, high1 = 0.0f;
    out[0] = pack(wa * al.x + wb * bl.x + wc * cl.x + wd * dl.x, wa * al.y + wb * bl.y + wc * cl.y + wd * dl.y);
    out[1] = pack(high0, high1);
    return visible;
}

// Mean and unbiased variance over the views that count, for one row, as the words of a fragment.
__device__ __forceinline__ void moments(const Fragment* views, int row, unsigned used, word* variance, word* mean) {
    const int count = __popc(used);
    const float share = 1.0f / count, unbiased = 1.0f / max(count - 1, 1);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float2 sum = make_float2(0.0f, 0.0f), squares = sum;
#pragma unroll
        for (int v = 0; v < VIEWS; ++v)
            if (used >> v & 1) {
                const float2 x = unpack(views[v].a[2 * half + row]);
                sum.x += x.x, sum.y += x.y;
            }
        const float2 middle = make_float2(sum.x * share, sum.y * share);
#pragma unroll
        for (int v = 0; v < VIEWS; ++v)
            if (used >> v & 1) {
                const float2 x = unpack(views[v].a[2 * half + row]);
                squares.x += (x.x - middle.x) * (x.x - middle.x), squares.y += (x.y - middle.y) * (x.y - middle.y);
            }
        mean[2 * half + row] = pack(middle.x, middle.y), variance[2 * half + row] = pack(squares.x * unbiased, squares.y * unbiased);
    }
}

template <int inputs, int outputs>
__device__ __forceinline__ void dense(Tile* out, const Fragment* x, const uint2* weights, int lane) {
#pragma unroll
    for (int k = 0; k < inputs; ++k)
#pragma unroll
        for (int n = 0; n < outputs; ++n) multiply(out[n], x[k], weights[32 * (k * outputs + n) + lane]);
}

// max(w . relu(h) + b, least) of both rows.
template <int tiles>
__device__ __forceinline__ float2 scored(const Tile* h, const float* w, float bias, float least, int t) {
    float low = 0.0f, high = 0.0f;
#pragma unroll
    for (int n = 0; n < tiles; ++n) {
        const float a = w[8 * n + 2 * t], b = w[8 * n + 2 * t + 1];
        low += a * relu(h[n].c[0]) + b * relu(h[n].c[1]), high += a * relu(h[n].c[2]) + b * relu(h[n].c[3]);
    }
    return make_float2(fmaxf(over_quad(low) + bias, least), fmaxf(over_quad(high) + bias, least));
}

// Weighted sums over views whose weights are a softmax of scores that come one by one (Milakov and Gimelshein 2018).
struct Softmax {
    float top = -1e30f, total = 0.0f;
    __device__ __forceinline__ float2 take(float score) {  // what to scale the sums by, and the newcomer's weight
        const float higher = fmaxf(top, score), old = __expf(top - higher), weight = __expf(score - higher);
        top = higher, total = total * old + weight;
        return make_float2(old, weight);
    }
};

extern "C" __global__ void __launch_bounds__(256, VIEWS > 8 ? 1 : 2)  // what more views show does not fit into half of the registers
    shade(const __grid_constant__ View view, const __grid_constant__ Samples samples, const __grid_constant__ Sources sources, const __grid_constant__ Blend blend, uint2* colors) {
    __shared__ uint2 weights[32 * kBlendTiles];
    __shared__ float biases[176 + 33 + 65];
    __shared__ SourceView views[VIEWS];
    for (int i = threadIdx.x; i < 32 * kBlendTiles; i += 256) weights[i] = blend.weights[i];
    for (int i = threadIdx.x; i < 176 + 33 + 65; i += 256) biases[i] = blend.biases[i];
    for (int i = threadIdx.x; i < VIEWS * int(sizeof(SourceView) / 4); i += 256) reinterpret_cast<int*>(views)[i] = reinterpret_cast<const int*>(sources.views)[i];
    __syncthreads();
    const float *attention = biases + 176, *score = biases + 209;
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int count = min(samples.counters[0], samples.capacity);
    for (int start = 16 * ((blockIdx.x * 256 + threadIdx.x) / 32); start < count; start += 16 * (gridDim.x * 8)) {
        Fragment shown[VIEWS];
        unsigned used[2] = {0, 0};
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            const Record record = samples.records[min(start + g + 8 * row, count - 1)];
            const float3 direction = direction_of(view, record.pixel), p = point_at(view, direction, record.depth);
            const float length = -1.0f / fmaxf(sqrtf(direction.x * direction.x + direction.y * direction.y + direction.z * direction.z), 1e-12f);
            const float3 to_target = make_float3(direction.x * length, direction.y * length, direction.z * length);
#pragma unroll
            for (int v = 0; v < VIEWS; ++v) {
                word both[2];
                if (seen(sources, views[v], v, p, to_target, t, both)) used[row] |= 1u << v;
                shown[v].a[row] = both[0], shown[v].a[2 + row] = both[1];
            }
            if (!sources.mask_invisible || used[row] == 0) used[row] = (1u << VIEWS) - 1;  // a point that no view sees uses all
        }
        Fragment moment[2];  // variance, mean; the direction's channels meet zero weights
        moments(shown, 0, used[0], moment[0].a, moment[1].a), moments(shown, 1, used[1], moment[0].a, moment[1].a);

        Tile pooled[4];
        {
            Tile shared[4];
#pragma unroll
            for (int n = 0; n < 4; ++n) shared[n] = biased(biases, n, t), pooled[n] = Tile{{0.0f, 0.0f, 0.0f, 0.0f}};
            dense<2, 4>(shared, moment, weights + 32 * kMoments, lane);
            Softmax low, high;
#pragma unroll
            for (int v = 0; v < VIEWS; ++v) {
                Tile h[4];
#pragma unroll
                for (int n = 0; n < 4; ++n) h[n] = shared[n];
                dense<1, 4>(h, shown + v, weights + 32 * kStatistics, lane);
                const float2 raw = scored<4>(h, attention, attention[32], blend.least_score, t);
                const float2 a = low.take(used[0] >> v & 1 ? raw.x : -1e4f), b = high.take(used[1] >> v & 1 ? raw.y : -1e4f);
#pragma unroll
                for (int n = 0; n < 4; ++n) {
                    pooled[n].c[0] = pooled[n].c[0] * a.x + a.y * relu(h[n].c[0]), pooled[n].c[1] = pooled[n].c[1] * a.x + a.y * relu(h[n].c[1]);
                    pooled[n].c[2] = pooled[n].c[2] * b.x + b.y * relu(h[n].c[2]), pooled[n].c[3] = pooled[n].c[3] * b.x + b.y * relu(h[n].c[3]);
                }
            }
            const float a = 1.0f / low.total, b = 1.0f / high.total;
#pragma unroll
            for (int n = 0; n < 4; ++n) pooled[n].c[0] *= a, pooled[n].c[1] *= a, pooled[n].c[2] *= b, pooled[n].c[3] *= b;
        }
        Fragment summary[5];  // spread to 64, then the 16 themselves
        {
            const Fragment x[2] = {activated(pooled[0], pooled[1]), activated(pooled[2], pooled[3])};
            Tile narrow[2] = {biased(biases + 32, 0, t), biased(biases + 32, 1, t)};
            dense<2, 2>(narrow, x, weights + 32 * kPooled, lane);
            summary[4] = activated(narrow[0], narrow[1]);
            Tile wide[8];
#pragma unroll
            for (int n = 0; n < 8; ++n) wide[n] = biased(biases + 48, n, t);
            dense<1, 8>(wide, summary + 4, weights + 32 * kSpread, lane);
#pragma unroll
            for (int k = 0; k < 4; ++k) summary[k] = activated(wide[2 * k], wide[2 * k + 1]);
        }
        Tile shared[8];
#pragma unroll
        for (int n = 0; n < 8; ++n) shared[n] = biased(biases + 112, n, t);
        dense<5, 8>(shared, summary, weights + 32 * kShared, lane);
        Softmax low, high;
        float2 color_low = make_float2(0.0f, 0.0f), color_high = color_low;  // lane 0 of a row has red and green, lane 1 blue
#pragma unroll
        for (int v = 0; v < VIEWS; ++v) {
            Tile h[8];
#pragma unroll
            for (int n = 0; n < 8; ++n) h[n] = shared[n];
            dense<1, 8>(h, shown + v, weights + 32 * kCompare, lane);
            const float2 raw = scored<8>(h, score, score[64], blend.least_score, t);
            const float2 a = low.take(used[0] >> v & 1 ? raw.x : -1e4f), b = high.take(used[1] >> v & 1 ? raw.y : -1e4f);
            const float2 x = unpack(shown[v].a[0]), y = unpack(shown[v].a[1]);
            color_low.x = color_low.x * a.x + a.y * x.x, color_low.y = color_low.y * a.x + a.y * x.y;
            color_high.x = color_high.x * b.x + b.y * y.x, color_high.y = color_high.y * b.x + b.y * y.y;
        }
        const float a = 1.0f / low.total, b = 1.0f / high.total;
        const float blue_low = __shfl_sync(0xffffffffu, color_low.x, (lane & ~3) + 1), blue_high = __shfl_sync(0xffffffffu, color_high.x, (lane & ~3) + 1);
        if (t == 0 && start + g < count) colors[start + g] = make_uint2(pack(color_low.x * a, color_low.y * a), pack(blue_low * a, 0.0f));
        if (t == 0 && start + g + 8 < count) colors[start + g + 8] = make_uint2(pack(color_high.x * b, color_high.y * b), pack(blue_high * b, 0.0f));
    }
}
