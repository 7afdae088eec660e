"""The few names of torchvision that transformers needs to take a picture, for tests on the CPU.

The index carries torchvision for CUDA builds of torch only, and beside a CPU build it does not load.
"""

__version__ = "0.0"
