// A frame's density at the corners of its bricks. Twin: render/bricks.py.
//
// The first layer and the skip are linear in the features, and what a plane knows of a corner depends on two of its coordinates: of a brick's 729 corners
// the three planes are looked up and multiplied 81 times each. A block takes a brick and keeps these products in shared memory; a corner is then the sum
// of three of them and goes through the rest of the MLP.
#include "density.cuh"

constexpr int kSide = 9, kFace = kSide * kSide, kCorners = kSide * kFace;
constexpr int kRow = (SKIP ? 2 : 1) * WIDTH / 2;  // words: the first layer's sums, then the skip's
constexpr float kMost = 65504.0f;                  // an infinite corner would make the interpolation between two cells not a number

struct Corners {
    int cells[3], shift[3], bricks[3];  // of the occupancy; fine cells per cell as a power of two; bricks along each axis
    float low[3], size[3];              // of the box; of a fine cell
    const unsigned char* distance;
    const int* places;  // place of a brick, flat
    unsigned short* values;
};

// Where a word of a row lies: rows are turned against each other, so that those which a warp reads together lie in different banks.
__device__ __forceinline__ int place_of(int row, int index) { return row * kRow + (index + 4 * row) % kRow; }

// Adds one plane's share of the first layers at the points of two rows.
template <int kind>
__device__ __forceinline__ void project(const Field& field, int level, const float* low, const float* high, int t, int lane, Tile* first, Tile* skip) {
    const Share a = looked_up<kind>(field, level, low, t), b = looked_up<kind>(field, level, high, t);
    const int chunk = kPlaneWords == 2 ? 6 * level + kind : 3 * level + kind / 2;
    const uint2* weights = field.weights + chunk * 32 * kTiles * (SKIP ? 2 : 1);
    Fragment x{};
    if constexpr (kPlaneWords == 2) {
        x = Fragment{{a.w[0], b.w[0], a.w[1], b.w[1]}};
    } else {  // a step of sixteen holds two planes of eight channels; the other one is not this face's
        x.a[kind % 2 * 2] = a.w[0], x.a[kind % 2 * 2 + 1] = b.w[0];
    }
    into_layers(first, skip, x, weights, lane);
}

// Sixteen rows of one face of a brick: the products of its plane and of one line. face: xy with x, yz with y, xz with z; a row is the place on the face.
template <int face>
__device__ __forceinline__ void project_rows(const Corners& c, const Field& field, const int* origin, int row, word* sums) {
    const int lane = threadIdx.x & 31, t = lane & 3;
    constexpr int across = face == 1 ? 1 : 0, along = face == 0 ? 1 : 2;  // the axes of the face
    const int rows[2] = {row + (lane >> 2), row + (lane >> 2) + 8};
    float at[2][3] = {};
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int place = min(rows[i], kFace - 1);
        at[i][across] = relative(field, across, c.low[across] + c.size[across] * (origin[across] + place / kSide));
        at[i][along] = relative(field, along, c.low[along] + c.size[along] * (origin[along] + place % kSide));
    }
    Tile first[kTiles], skip[kTiles];
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
        first[n] = skip[n] = Tile{};
        if constexpr (face == 0) first[n] = biased(field.biases, n, t);
        if constexpr (face == 0 && SKIP) skip[n] = biased(field.biases + kWidth, n, t);
    }
#pragma unroll 1
    for (int level = 0; level < LEVELS; ++level) {
        project<face>(field, level, at[0], at[1], t, lane, first, skip);
        project<face + 3>(field, level, at[0], at[1], t, lane, first, skip);
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        if (rows[i] >= kFace) continue;
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
            sums[place_of(face * kFace + rows[i], 4 * n + t)] = pack(first[n].c[2 * i], first[n].c[2 * i + 1]);
            if constexpr (SKIP) sums[place_of(face * kFace + rows[i], WIDTH / 2 + 4 * n + t)] = pack(skip[n].c[2 * i], skip[n].c[2 * i + 1]);
        }
    }
}

// Eight outputs of the first layers at the corners of two rows: the sum of what the three faces know.
__device__ __forceinline__ Tile summed(const word* sums, const int (*rows)[3], int index) {
    Tile tile{};
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int face = 0; face < 3; ++face) {
            const float2 part = unpack(sums[place_of(rows[i][face], index)]);
            tile.c[2 * i] += part.x, tile.c[2 * i + 1] += part.y;
        }
    }
    return tile;
}

__device__ __forceinline__ bool touches(const Corners& c, const int* origin, int corner) {
    const int at[3] = {origin[0] + corner / kFace, origin[1] + corner / kSide % kSide, origin[2] + corner % kSide};
    for (int side = 0; side < 8; ++side) {
        const int x = (at[0] - (side & 1)) >> c.shift[0], y = (at[1] - (side >> 1 & 1)) >> c.shift[1], z = (at[2] - (side >> 2)) >> c.shift[2];
        if (x < 0 || y < 0 || z < 0 || x >= c.cells[0] || y >= c.cells[1] || z >= c.cells[2]) continue;
        if (c.distance[((size_t)x * c.cells[1] + y) * c.cells[2] + z] == 0) return true;
    }
    return false;
}

// One block a brick.
extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) bake(const __grid_constant__ Corners c, const __grid_constant__ Field field) {
    extern __shared__ word sums[];  // 3 faces, 81 rows
    __shared__ unsigned short listed[kCorners];
    __shared__ int count;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, t = lane & 3;
    const int place = c.places[blockIdx.x];
    const int origin[3] = {8 * (place / (c.bricks[1] * c.bricks[2])), 8 * (place / c.bricks[2] % c.bricks[1]), 8 * (place % c.bricks[2])};
    unsigned short* values = c.values + blockIdx.x * kCorners;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    for (int start = 32 * warp; start < kCorners; start += BLOCK) {  // corners that touch an occupied cell are listed
        const int corner = start + lane;
        const bool wanted = corner < kCorners && touches(c, origin, corner);
        const unsigned all = __ballot_sync(0xffffffffu, wanted);
        int first = 0;
        if (lane == 0) first = atomicAdd(&count, __popc(all));
        first = __shfl_sync(0xffffffffu, first, 0);
        if (wanted)
            listed[first + __popc(all & ((1u << lane) - 1u))] = corner;
        else if (corner < kCorners)
            values[corner] = float_to_half(-20.0f);  // exp(-21) is no density; never read
    }
    for (int row = 16 * warp; row < kFace; row += BLOCK / 2) {  // all warps do one face at a time: its weights stay in the first cache
        project_rows<0>(c, field, origin, row, sums);
        project_rows<1>(c, field, origin, row, sums);
        project_rows<2>(c, field, origin, row, sums);
    }
    __syncthreads();
    for (int start = 16 * warp; start < count; start += BLOCK / 2) {
        int corners[2], rows[2][3];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            corners[i] = listed[min(start + (lane >> 2) + 8 * i, count - 1)];
            const int x = corners[i] / kFace, y = corners[i] / kSide % kSide, z = corners[i] % kSide;
            rows[i][0] = x * kSide + y, rows[i][1] = kFace + y * kSide + z, rows[i][2] = 2 * kFace + x * kSide + z;
        }
        Tile first[kTiles], skip[kTiles];
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
            first[n] = summed(sums, rows, 4 * n + t);
            if constexpr (SKIP) skip[n] = summed(sums, rows, WIDTH / 2 + 4 * n + t);
        }
        const float2 raw = decoded(field, first, skip, field.weights + 32 * kFirst, lane, t);
        if (t == 0) values[corners[0]] = float_to_half(fminf(fmaxf(raw.x, -kMost), kMost));
        if (t == 2) values[corners[1]] = float_to_half(fminf(fmaxf(raw.y, -kMost), kMost));
    }
}
