#version 330 core
// Each instance is one face of an occupied cell (or block of cells), drawn where it is turned towards the camera.

uniform mat4 clip_world;
uniform vec3 corner;  // of the grid
uniform vec3 cell;    // size of a cell, or block
uniform vec3 eye;

layout(location = 0) in vec3 index;  // of the cell
layout(location = 1) in float face;  // 0 to 5: below and above along x, y, z

out vec2 across;  // 0 to 1 over the face
flat out int axis;

void main() {
    axis = int(face) / 2;
    bool above = int(face) % 2 == 1;
    int vertex = gl_VertexID % 6;
    across = vec2(vertex == 1 || vertex == 2 || vertex == 4, vertex == 2 || vertex >= 4);
    vec3 along = vec3(0.0);
    along[axis] = above ? 1.0 : 0.0;
    along[(axis + 1) % 3] = across.x;
    along[(axis + 2) % 3] = across.y;
    vec3 world = corner + (index + along) * cell;
    float turned = (eye[axis] - world[axis]) * (above ? 1.0 : -1.0);
    gl_Position = turned > 0.0 ? clip_world * vec4(world, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);  // outside: nothing is drawn
}
