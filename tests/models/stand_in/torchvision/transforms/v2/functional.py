"""Transformations as functions."""

import torch

from .. import InterpolationMode
from ..functional import pil_to_tensor

__all__ = ["InterpolationMode", "normalize", "pil_to_tensor", "resize"]


def resize(picture, size, interpolation=None, antialias=True):
    """The picture, or a batch of them, in another size."""
    batch = picture if picture.dim() == 4 else picture[None]
    made = torch.nn.functional.interpolate(batch.float(), size=list(size), mode="bicubic", antialias=antialias)
    if picture.dtype == torch.uint8:
        made = made.round().clamp(0, 255)
    made = made.to(picture.dtype)
    return made if picture.dim() == 4 else made[0]


def normalize(picture, mean, std, inplace=False):
    """The picture with this mean and deviation for each channel."""
    shape = (-1, 1, 1)
    of = {"dtype": picture.dtype, "device": picture.device}
    return (picture - torch.as_tensor(mean, **of).view(shape)) / torch.as_tensor(std, **of).view(shape)
