#version 330 core
// One triangle that covers the viewport; no vertex buffer.

out vec2 place;  // (0, 0) at the picture's top left, (1, 1) at its bottom right

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
    place = vec2(corner.x, 1.0 - corner.y);  // row 0 of the data is the top; data is never flipped
}
