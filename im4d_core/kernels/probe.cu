// Shows that compiling, loading and launching work on a device.
extern "C" __global__ void probe(int* result) { *result = 42; }
