#version 330 core
// Pictures behind what the picture of the window shows are faint, as lines are.

uniform sampler2D atlas;
uniform sampler2D depths;  // float bits in four bytes; 0 where the picture shows nothing
uniform vec2 depths_size;  // in texels; (0, 0) where there are none
uniform vec2 origin;       // of the picture in the framebuffer, bottom left
uniform vec2 extent;       // of the picture, in pixels

in vec2 place;
out vec4 colour;

const float CLEAR = 0.92, FAINT = 0.12;

void main() {
    float seen = CLEAR;
    if (depths_size.x > 0.0) {
        vec2 at = (gl_FragCoord.xy - origin) / extent;
        ivec2 texel = ivec2(clamp(vec2(at.x, 1.0 - at.y) * depths_size, vec2(0.0), depths_size - 1.0));
        uvec4 bytes = uvec4(texelFetch(depths, texel, 0) * 255.0 + 0.5);
        float depth = uintBitsToFloat(bytes.r | bytes.g << 8 | bytes.b << 16 | bytes.a << 24);
        if (depth > 0.0 && 1.0 / gl_FragCoord.w > depth) seen = FAINT;
    }
    colour = vec4(texture(atlas, place).rgb, seen);
}
