#version 330 core
// Faces behind what the picture shows are not drawn; the others are a thin film with an edge, so that cells can be told apart.

uniform sampler2D depths;  // float bits in four bytes; 0 where the picture shows nothing
uniform vec2 depths_size;  // in texels; (0, 0) where there are none
uniform vec2 origin;       // of the picture in the framebuffer, bottom left
uniform vec2 extent;       // of the picture, in pixels
uniform float near;

in vec2 across;
flat in int axis;
out vec4 colour;

const vec3 TINTS[3] = vec3[3](vec3(0.35, 0.85, 1.0), vec3(0.25, 0.7, 0.95), vec3(0.5, 0.95, 1.0));  // one side of a cell from the next
const float FILM = 0.10, EDGE = 0.55;

void main() {
    float depth = 1.0 / gl_FragCoord.w;
    if (depth < near) discard;
    if (depths_size.x > 0.0) {
        vec2 place = (gl_FragCoord.xy - origin) / extent;
        ivec2 texel = ivec2(clamp(vec2(place.x, 1.0 - place.y) * depths_size, vec2(0.0), depths_size - 1.0));
        uvec4 bytes = uvec4(texelFetch(depths, texel, 0) * 255.0 + 0.5);
        float there = uintBitsToFloat(bytes.r | bytes.g << 8 | bytes.b << 16 | bytes.a << 24);
        if (there > 0.0 && depth > there) discard;
    }
    vec2 pixel = max(fwidth(across), vec2(1e-4));
    vec2 border = min(across, 1.0 - across) / pixel;
    float edge = 1.0 - clamp(min(border.x, border.y), 0.0, 1.0);
    float large = clamp(1.0 / max(pixel.x, pixel.y) / 6.0, 0.15, 1.0);  // edges of cells a few pixels wide would hide everything
    colour = vec4(TINTS[axis], mix(FILM, EDGE * large, edge));
}
