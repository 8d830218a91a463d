// Half precision and small integers without CUDA's headers: a word holds two halves, the first in its low bits.
typedef unsigned int word;

__device__ __forceinline__ word pack(float low, float high) {
    word w;
    asm("{ .reg .f16 l, h;\n cvt.rn.f16.f32 l, %1;\n cvt.rn.f16.f32 h, %2;\n mov.b32 %0, {l, h}; }" : "=r"(w) : "f"(low), "f"(high));
    return w;
}

__device__ __forceinline__ float2 unpack(word w) {
    float2 f;
    asm("{ .reg .f16 l, h;\n mov.b32 {l, h}, %2;\n cvt.f32.f16 %0, l;\n cvt.f32.f16 %1, h; }" : "=f"(f.x), "=f"(f.y) : "r"(w));
    return f;
}

__device__ __forceinline__ float half_to_float(unsigned short h) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
    return f;
}

__device__ __forceinline__ unsigned short float_to_half(float f) {
    unsigned short h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
    return h;
}

// a * b + c on both halves
__device__ __forceinline__ word fma2(word a, word b, word c) {
    word d;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
