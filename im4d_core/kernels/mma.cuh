// Tensor-core products of a 16-row tile, and how a warp holds one.
//
// Lane l = 4 g + t serves rows g and g + 8. A fragment of 16 columns is four words: {row g: columns 2t, 2t+1}, {row g+8: the same}, {row g: 2t+8, 2t+9},
// {row g+8: the same}. An accumulator of 8 columns is four floats: {row g: 2t, 2t+1}, {row g+8: the same}; two neighbouring accumulators, rounded, are the
// fragment of the next layer, so activations never leave the registers. Weights lie ready: for 16 inputs and 8 outputs, two words a lane.
#include "half.cuh"

struct Fragment {
    word a[4];
};

struct Tile {
    float c[4];
};

__device__ __forceinline__ void multiply(Tile& sum, const Fragment& x, uint2 w) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum.c[0]), "+f"(sum.c[1]), "+f"(sum.c[2]), "+f"(sum.c[3])
                 : "r"(x.a[0]), "r"(x.a[1]), "r"(x.a[2]), "r"(x.a[3]), "r"(w.x), "r"(w.y));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(sum.c[0]), "+f"(sum.c[1]), "+f"(sum.c[2]), "+f"(sum.c[3])
                 : "r"(x.a[0]), "r"(x.a[1]), "r"(w.x));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(sum.c[0]), "+f"(sum.c[1]), "+f"(sum.c[2]), "+f"(sum.c[3])
                 : "r"(x.a[2]), "r"(x.a[3]), "r"(w.y));
#endif
}

// The bias of 8 outputs, in both rows.
__device__ __forceinline__ Tile biased(const float* bias, int tile, int t) {
    const float low = bias[8 * tile + 2 * t], high = bias[8 * tile + 2 * t + 1];
    return Tile{{low, high, low, high}};
}

__device__ __forceinline__ float relu(float x) { return fmaxf(x, 0.0f); }

// Two accumulators after their activation as the fragment of 16 inputs.
__device__ __forceinline__ Fragment activated(const Tile& first, const Tile& second) {
    Fragment x;
    x.a[0] = pack(relu(first.c[0]), relu(first.c[1])), x.a[1] = pack(relu(first.c[2]), relu(first.c[3]));
    x.a[2] = pack(relu(second.c[0]), relu(second.c[1])), x.a[3] = pack(relu(second.c[2]), relu(second.c[3]));
    return x;
}

// The sum over the four lanes that share a row.
__device__ __forceinline__ float over_quad(float x) {
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
