"""Denoising and VICReg: noise is what it says, and each term is its formula."""

import numpy as np
import pytest
import torch
from torch import nn

from transferium.errors import InputError
from transferium.models.heads.picture_decoder import PictureDecoder
from transferium.models.model import Model
from transferium.objectives.self_supervised.denoising import NOISES, DenoisingAutoEncoder, corrupted
from transferium.objectives.self_supervised.masked_images import MaskedImages, patches
from transferium.objectives.self_supervised.vicreg import VICReg
from transferium.training.feeds.batch import Batch
from transferium.training.loop.view import View


def pictures(n: int = 8) -> torch.Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_as_strong_as_asked(noise: str) -> None:
    torch.manual_seed(0)
    x = pictures(50)
    assert torch.equal(corrupted(x, noise, 0), x)
    noisy = corrupted(x, noise, 0.25)
    share = float((noisy != x).float().mean())
    if noise == "gaussian":
        assert abs(float((noisy - x).std() / x.std()) - 0.25) < 0.01
    elif noise == "downsampling":
        assert noisy.std() < x.std() and noisy.shape == x.shape
    elif noise == "warping":
        u, v = torch.meshgrid(*[torch.linspace(-1, 1, 33)] * 2, indexing="xy")
        seen = corrupted(torch.stack([u, v]).expand(400, 2, 33, 33) * (32 / 33), noise, 0.25)
        shift = seen[:, :, 16, 16]  # the middle of a ramp is moved by the shift alone
        turned = (seen[:, :, 16, 24] - shift) / (16 / 33) - torch.tensor([1.0, 0.0])
        for moved in (shift, turned):
            assert float(moved.abs().max()) <= 0.126 and abs(float(moved.std()) - 0.25 / 12**0.5) < 0.005
    else:
        assert abs(share - 0.25) < 0.02
        whole = (noisy != x).all(1) == (noisy != x).any(1)
        assert whole.float().mean() > 0.99


def test_an_unknown_noise_is_refused() -> None:
    with pytest.raises(InputError, match=r"no noise 'gausian'\. Did you mean 'gaussian'"):
        DenoisingAutoEncoder("gausian")


@torch.no_grad()
def test_the_loss_is_one_for_the_mean_picture_and_nothing_for_the_right_one() -> None:
    x = pictures()
    batch = {"corpus": Batch((x,), None, torch.arange(8))}

    class Draws(nn.Module):
        def __init__(self, answer: torch.Tensor) -> None:
            super().__init__()
            self.answer = answer

        def forward(self, _features: torch.Tensor) -> torch.Tensor:
            return self.answer

    for answer, loss in ((x, 0.0), (x.mean(0).expand_as(x), 1.0)):
        model = Model(nn.Flatten(), Draws(answer))
        assert float(DenoisingAutoEncoder()(View(model, batch))["dae"]) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize("side", [8, 17, 28, 64, 224])
def test_a_decoder_draws_at_any_side(side: int) -> None:
    assert PictureDecoder(5, side, maps=32)(torch.zeros(1, 5)).shape == (1, 3, side, side)


@torch.no_grad()
def test_vicreg_is_its_formula() -> None:
    torch.manual_seed(0)
    term = VICReg(12, 6).eval()
    model = Model(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten()), nn.Identity())
    x = pictures(), pictures() + 0.1 * torch.randn(8, 3, 16, 16)
    found = term(View(model, {"corpus": Batch(x, None, torch.arange(8))}))
    z = [term.projector(model.backbone(part)).double().numpy() for part in x]
    want = {"invariance": 25 * ((z[0] - z[1]) ** 2).mean(), "variance": 0.0, "covariance": 0.0}
    for part in z:
        cov = np.cov(part.T)
        want["variance"] += 25 * np.maximum(0, 1 - np.sqrt(np.diag(cov) + 1e-4)).mean() / 2
        want["covariance"] += (cov**2).sum() / 6 / 2 - (np.diag(cov) ** 2).sum() / 6 / 2
    assert {name: float(value) for name, value in found.items()} == pytest.approx(want, rel=1e-4)


@torch.no_grad()
def test_hidden_patches_alone_are_drawn_and_cost() -> None:
    x = pictures()
    seen = []

    class Encoder(nn.Module):
        def forward(self, pixels: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
            seen.append(hidden)
            return patches(pixels, 4)

    given = {"corpus": Batch((x,), None, torch.arange(8))}
    assert float(MaskedImages(4)(View(Model(Encoder(), nn.Identity()), given))["mim"]) == 0
    assert (seen[0].sum(1) == round(0.6 * 16)).all()

    class Nothing(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(rows)

    found = float(MaskedImages(4)(View(Model(Encoder(), Nothing()), given))["mim"])
    want = patches(x, 4)[seen[1]].square().mean() / (x - x.mean(0)).square().mean()
    assert found == pytest.approx(float(want), rel=1e-5)


def test_vicreg_is_refused_for_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="spreads the features of a whole batch"):
        VICReg(4)
