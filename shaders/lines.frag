#version 330 core
// Lines behind what the picture shows are faint.

uniform float half_width;  // pixels
uniform sampler2D depths;  // float bits in four bytes; 0 where the picture shows nothing
uniform vec2 depths_size;  // in texels; (0, 0) where there are none
uniform vec2 origin;       // of the picture in the framebuffer, bottom left
uniform vec2 extent;       // of the picture, in pixels

in vec4 tint;
in float across;
in float inverse_depth;
out vec4 colour;

const float FAINT = 0.22;
const float NOT_ITSELF = 1.004;  // a line that lies on a surface is not behind it: depth is an expectation, not a surface

void main() {
    float seen = 1.0;
    if (depths_size.x > 0.0) {
        vec2 place = (gl_FragCoord.xy - origin) / extent;
        ivec2 texel = ivec2(clamp(vec2(place.x, 1.0 - place.y) * depths_size, vec2(0.0), depths_size - 1.0));
        uvec4 bytes = uvec4(texelFetch(depths, texel, 0) * 255.0 + 0.5);
        float depth = uintBitsToFloat(bytes.r | bytes.g << 8 | bytes.b << 16 | bytes.a << 24);
        if (depth > 0.0 && inverse_depth * depth * NOT_ITSELF < 1.0) seen = FAINT;
    }
    colour = vec4(tint.rgb, tint.a * seen * clamp(half_width + 0.5 - abs(across), 0.0, 1.0));
}
