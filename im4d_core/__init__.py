"""Im4D: data, method, renderers, training and evaluation. Importing it needs no GPU, compiler or display."""
