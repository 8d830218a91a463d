#version 330 core
// Each instance is one line of the world, drawn as a screen-aligned strip of six vertices with soft edges.

uniform mat4 clip_world;
uniform vec2 viewport;  // pixels
uniform float width;    // pixels
uniform float near;     // world units; what lies nearer is cut off before the division

layout(location = 0) in vec3 start;
layout(location = 1) in vec3 end;
layout(location = 2) in vec4 colour;

out vec4 tint;
out float across;         // pixels from the middle of the line
out float inverse_depth;  // linear on the screen, as everything here is: w is 1

void main() {
    vec4 a = clip_world * vec4(start, 1.0);
    vec4 b = clip_world * vec4(end, 1.0);
    tint = colour;
    across = 0.0;
    inverse_depth = 1.0;
    if (a.w < near && b.w < near) {
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // outside: nothing is drawn
        return;
    }
    if (a.w < near) a = mix(a, b, (near - a.w) / (b.w - a.w));
    else if (b.w < near) b = mix(b, a, (near - b.w) / (a.w - b.w));

    vec2 from = a.xy / a.w * viewport * 0.5;
    vec2 to = b.xy / b.w * viewport * 0.5;
    float length = distance(from, to);
    vec2 along = length > 1e-6 ? (to - from) / length : vec2(1.0, 0.0);
    float half_width = width * 0.5 + 1.0;  // one pixel for the soft edge
    int corner = gl_VertexID % 6;
    bool last = corner == 1 || corner == 2 || corner == 4;
    across = corner == 2 || corner >= 4 ? half_width : -half_width;
    inverse_depth = 1.0 / (last ? b.w : a.w);
    vec2 place = (last ? to : from) + vec2(-along.y, along.x) * across;
    gl_Position = vec4(place / (viewport * 0.5), 0.0, 1.0);
}
