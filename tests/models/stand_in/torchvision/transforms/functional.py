"""Transformations as functions."""

import numpy
import torch


def pil_to_tensor(picture):
    """A picture as a tensor of channels, height, width."""
    return torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).contiguous()
