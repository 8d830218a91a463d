#version 330 core
// The picture lies in the first `size` texels of a texture that may be larger.

uniform sampler2D picture;
uniform vec2 size;   // picture, in texels
uniform vec2 scale;  // one texel, in texture coordinates

in vec2 place;
out vec4 colour;

void main() {
    vec2 texel = clamp(place * size, vec2(0.5), size - 0.5);  // texels outside the picture hold old data
    colour = vec4(texture(picture, texel * scale).rgb, 1.0);
}
