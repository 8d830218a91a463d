#version 330 core
// The picture lies in the first `size` texels of a texture that may be larger; so does the other one, which it may be compared with.

uniform sampler2D picture;
uniform vec2 size;   // picture, in texels
uniform vec2 scale;  // one texel, in texture coordinates
uniform sampler2D other;
uniform vec2 other_size;
uniform vec2 other_scale;
uniform int layout_number;  // 0 picture, 1 wipe, 2 split, 3 difference, 4 other
uniform float wipe;         // where the border is, 0 left to 1 right
uniform float gain;         // of differences

in vec2 place;
out vec4 colour;

vec3 seen(sampler2D pixels, vec2 extent, vec2 texel_size, vec2 where) {
    vec2 texel = clamp(where * extent, vec2(0.5), extent - 0.5);  // texels outside the picture hold old data
    return texture(pixels, texel * texel_size).rgb;
}

void main() {
    vec2 here = place;
    bool second = layout_number == 4;
    if (layout_number == 1) second = place.x > wipe;
    if (layout_number == 2) {
        second = place.x > 0.5;
        here.x += second ? -0.25 : 0.25;  // the middle half of the view on both sides
    }
    vec3 value = second ? seen(other, other_size, other_scale, here) : seen(picture, size, scale, here);
    if (layout_number == 3) value = gain * abs(value - seen(other, other_size, other_scale, here));
    colour = vec4(value, 1.0);
}
