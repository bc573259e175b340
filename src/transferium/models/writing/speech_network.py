"""A small network that hears speech: a row for each moment of a spectrogram."""

from __future__ import annotations

from torch import Tensor, nn


class SpeechNetwork(nn.Module):
    """``float32 (n, 3, bands, frames)`` to ``(n, frames / 2, width)``, by convolutions over time alone.

    The bands of one colour are channels (the three colours are the same); the first convolution has stride 2, the
    others look ever farther around each moment and are added to what they read.

    >>> import torch
    >>> SpeechNetwork(16, 8)(torch.zeros(2, 3, 16, 20)).shape
    torch.Size([2, 10, 8])
    """

    def __init__(self, bands: int, width: int, reaches: tuple[int, ...] = (1, 2, 4)) -> None:
        super().__init__()
        self.first = _Layer(bands, width, stride=2)
        self.layers = nn.ModuleList(_Layer(width, width, reach=reach) for reach in reaches)

    def forward(self, pictures: Tensor) -> Tensor:
        heard: Tensor = self.first(pictures[:, 0])
        for layer in self.layers:
            heard = heard + layer(heard)
        return heard.transpose(1, 2)


class _Layer(nn.Module):
    """A convolution of five moments, a norm over channels, and GELU."""

    def __init__(self, given: int, made: int, stride: int = 1, reach: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(given, made, 5, stride=stride, padding=2 * reach, dilation=reach)
        self.norm, self.drop = nn.LayerNorm(made), nn.Dropout(0.1)

    def forward(self, heard: Tensor) -> Tensor:
        normal: Tensor = self.norm(self.conv(heard).transpose(1, 2)).transpose(1, 2)
        dropped: Tensor = self.drop(nn.functional.gelu(normal))
        return dropped
