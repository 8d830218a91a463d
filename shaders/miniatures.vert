#version 330 core
// Each instance is a small picture on a quad of the world.

uniform mat4 clip_world;

layout(location = 0) in vec3 top_left;
layout(location = 1) in vec3 top_right;
layout(location = 2) in vec3 bottom_right;
layout(location = 3) in vec3 bottom_left;
layout(location = 4) in vec4 part;  // of the atlas: left, top, right, bottom

out vec2 place;

void main() {
    int corner = int[6](0, 1, 2, 0, 2, 3)[gl_VertexID % 6];
    vec3 point = corner == 0 ? top_left : corner == 1 ? top_right : corner == 2 ? bottom_right : bottom_left;
    place = vec2(corner == 1 || corner == 2 ? part.z : part.x, corner >= 2 ? part.w : part.y);
    gl_Position = clip_world * vec4(point, 1.0);
}
