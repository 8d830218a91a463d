"""The viewer: window, state, panels. Imports im4d_core, never the other way round."""
