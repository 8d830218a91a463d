#version 330 core

uniform float half_width;  // pixels

in vec4 tint;
in float across;
out vec4 colour;

void main() {
    colour = vec4(tint.rgb, tint.a * clamp(half_width + 0.5 - abs(across), 0.0, 1.0));
}
