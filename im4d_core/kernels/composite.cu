// Sums the kept samples of each pixel and writes the picture. Twin: the end of render/fast.trace.
#include "view.cuh"

struct Picture {
    float* rgb;  // any of these may be null
    float* opacity;
    float* depth;
    int* samples;
    word* display;  // RGBA8, opaque
    float background[3];
    int renormalise;  // scale the kept weights to the whole opacity
};

__device__ __forceinline__ word byte_of(float x) { return word(__saturatef(x) * 255.0f + 0.5f); }

extern "C" __global__ void composite(const __grid_constant__ View view, const __grid_constant__ Samples samples, const uint2* colors, const __grid_constant__ Picture picture) {
    const int pixel = pixel_of_thread(view);
    if (pixel < 0) return;
    float red = 0.0f, green = 0.0f, blue = 0.0f, total = 0.0f, depth = 0.0f;
    for (int at = samples.last[pixel]; at >= 0;) {  // back to front, in the order in which the ray kept them: the same sum every time
        const Record record = samples.records[at];
        const float2 low = unpack(colors[at].x), high = unpack(colors[at].y);
        red += record.weight * low.x, green += record.weight * low.y, blue += record.weight * high.x;
        total += record.weight, depth += record.weight * record.depth;
        at = record.previous;
    }
    const float opacity = total > 0.0f ? (picture.renormalise ? 1.0f - samples.transmittance[pixel] : total) : 0.0f;
    const float scale = picture.renormalise ? opacity / fmaxf(total, 1e-6f) : 1.0f, behind = 1.0f - opacity;
    red = red * scale + behind * picture.background[0], green = green * scale + behind * picture.background[1], blue = blue * scale + behind * picture.background[2];
    if (picture.rgb) picture.rgb[3 * pixel] = __saturatef(red), picture.rgb[3 * pixel + 1] = __saturatef(green), picture.rgb[3 * pixel + 2] = __saturatef(blue);
    if (picture.opacity) picture.opacity[pixel] = opacity;
    if (picture.depth) picture.depth[pixel] = depth / fmaxf(total, 1e-3f);
    if (picture.samples) picture.samples[pixel] = samples.evaluated[pixel];
    if (picture.display) picture.display[pixel] = byte_of(red) | byte_of(green) << 8 | byte_of(blue) << 16 | 0xff000000u;
}
