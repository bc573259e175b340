"""Laws of every change and preset for images, and what single ones do."""

import itertools

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import affine, resize

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.errors import InputError
from transferium.models.preprocess import CallablePreprocess
from transferium.training.augment.augment import check_augment, say_augment, seeded
from transferium.training.augment.images import find_augment
from transferium.training.augment.recipe import IMAGES, TEXTS
from transferium.training.augment.warp import Warp
from transferium.training.feeds.feeds import Feeds
from transferium.training.preview import contact_of
from worlds.toy import PICTURE, blobs, pictures, row_model

CHANGING = [name for name in [*IMAGES.presets, *IMAGES.changes] if IMAGES.read(name)]
EPOCHS = range(12)


def big_picture(height=40, width=60, seed=0):
    """Smooth colours, darker at the left, so that a resampled pixel is near the pixel it came from."""
    rng = np.random.default_rng(seed)
    across = np.linspace(40, 200, width)[None, :, None] + np.linspace(-20, 20, height)[:, None, None]
    return torch.from_numpy((across + rng.integers(-8, 8, 3)).clip(0, 255).astype(np.uint8)).permute(2, 0, 1)


def centre(image, size):
    top, left = (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    return image[:, top : top + size, left : left + size]


@pytest.mark.parametrize("recipe", CHANGING)
def test_a_change_is_a_pure_function_of_seed_epoch_and_row(recipe):
    domain = pictures(6)

    def see(epoch, rows, seed=0):
        feed = Feeds(PICTURE, augment=recipe, seed=seed, cache_bytes=0).open(domain, augmented=True)
        torch.rand(epoch + 1)
        return torch.stack([feed.picture(epoch, row) for row in rows])

    first = see(2, range(6))
    assert first.shape == (6, 3, 16, 16) and first.dtype == torch.uint8
    assert torch.equal(first, see(2, range(6)))
    assert torch.equal(first[4:], see(2, [4, 5])), "an example must not depend on its neighbours"
    assert any(not torch.equal(first, see(epoch, range(6))) for epoch in (3, 4, 5))
    assert any(not torch.equal(see(epoch, range(6)), see(epoch, range(6), seed=1)) for epoch in (2, 3, 4))


@pytest.mark.parametrize("recipe", CHANGING)
@pytest.mark.parametrize("shape", [(20, 20), (40, 60), (64, 33)])
def test_any_picture_becomes_the_square_that_is_asked_for(recipe, shape):
    for epoch in range(3):
        with seeded(epoch):
            seen = find_augment(recipe, 18)(big_picture(*shape))
        assert seen.shape == (3, 18, 18) and seen.dtype == torch.uint8


@pytest.mark.parametrize("name", [n for n in IMAGES.changes if n not in ("crop", "randaugment")])
def test_almost_nothing_of_a_change_is_the_picture_as_it_is_evaluated(name):
    image = big_picture(40, 60)
    change = find_augment(f"{name}:1e-7", 20)
    for epoch in EPOCHS:
        with seeded(epoch):
            assert (change(image).int() - centre(image, 20).int()).abs().max() <= 2


def test_nothing_of_every_change_is_no_augmentation():
    assert find_augment("+".join(f"{name}:0" for name in IMAGES.changes), 16) is None
    assert all(find_augment(name, 16) is None for name in ("none", "no-flip"))
    domain = pictures(4)
    plain, zero = (Feeds(PICTURE, augment=a).open(domain, augmented=True) for a in ("none", "flip:0+crop:0"))
    rows = np.arange(4)
    assert torch.equal(plain.batch(0, rows).inputs[0], zero.batch(0, rows).inputs[0])


def test_presets_differ_from_each_other():
    image = big_picture()
    seen = {}
    for name in IMAGES.presets:
        if name not in ("none", "no-flip", "auto"):
            views = []
            for epoch in EPOCHS:
                with seeded(epoch):
                    views.append(find_augment(name, 20)(image))
            seen[name] = torch.stack(views)
    assert len(seen) == 8
    for a, b in itertools.combinations(seen, 2):
        assert not torch.equal(seen[a], seen[b]), (a, b)


def test_auto_is_simple_for_images():
    assert IMAGES.read("auto") == IMAGES.read("simple") == {"crop": 0.5, "flip": 0.5}
    assert TEXTS.read("auto") == TEXTS.read("simple") == {}


def share_reversed(recipe):
    """How often the dark left side of a picture ends at the right."""
    image, change, turned = big_picture(32, 32).float(), find_augment(recipe, 24), 0
    for epoch in range(60):
        with seeded(epoch):
            seen = change(image.to(torch.uint8)).float()
        turned += int(seen[..., :12].mean() > seen[..., 12:].mean())
    return turned / 60


def test_without_flips_left_stays_left():
    assert 0.3 < share_reversed("medium") < 0.7
    assert share_reversed("medium+no-flip") == share_reversed("no-flip+medium") == share_reversed("digits") == 0
    assert share_reversed("flip:1") == 1


def test_flips_are_mirror_images():
    image = big_picture(24, 24)
    for name, dims in (("flip", [2]), ("flip-vertical", [1])):
        assert torch.equal(find_augment(f"{name}:1", 24)(image), image.flip(dims))


@pytest.mark.parametrize("name", ["rotate", "shift", "zoom", "shear"])
def test_a_warp_is_torchvisions_affine_map(name):
    size, amount = 48, {"rotate": 30, "shift": 0.2, "zoom": 0.3, "shear": 20}[name]
    rng = np.random.default_rng(0)
    rough = torch.from_numpy(rng.integers(0, 256, (3, 7, 7)).astype(np.uint8))
    image = resize(rough, [size, size], InterpolationMode.BICUBIC)
    for epoch in range(4):
        with seeded(epoch):
            turn, shear, right, down, zoom = (2 * torch.rand(5) - 1).tolist()
        arguments = {
            "angle": turn * amount if name == "rotate" else 0.0,
            "translate": [round(right * amount * size), round(down * amount * size)] if name == "shift" else [0, 0],
            "scale": 1 + zoom * amount if name == "zoom" else 1.0,
            "shear": [shear * amount if name == "shear" else 0.0, 0.0],
        }
        expected = affine(image, interpolation=InterpolationMode.BILINEAR, **arguments).int()
        with seeded(epoch):
            seen = Warp(size, {name: amount})(image).int()
        inside = slice(16, 32)
        apart = (seen - expected)[:, inside, inside].abs()
        # torchvision shifts by whole pixels, this one by what was drawn.
        assert apart.float().mean() < (12 if name == "shift" else 1.5), (name, epoch)
        assert apart.float().mean() < (image.int() - expected)[:, inside, inside].abs().float().mean()


def test_a_warp_repeats_the_border():
    image = torch.full((3, 20, 20), 77, dtype=torch.uint8)
    for epoch in EPOCHS:
        with seeded(epoch):
            assert (find_augment("geometric", 20)(image) == 77).all()


def test_a_crop_keeps_at_least_its_share():
    image = torch.zeros(3, 100, 100, dtype=torch.uint8)
    image[:, :, :50] = 200
    for recipe, least in (("crop:0.05", 0.38), ("crop:0.9", 0.0)):
        shares = []
        for epoch in range(40):
            with seeded(epoch):
                shares.append((find_augment(recipe, 32)(image) > 100).float().mean().item())
        assert min(shares) >= least and max(shares) <= 1 - least
    assert max(shares) - min(shares) > 0.5


def test_erasing_covers_a_part_and_only_a_part():
    image = torch.full((3, 32, 32), 5, dtype=torch.uint8)
    with seeded(1):
        gone = (find_augment("erase:1", 32)(image) != 5).float().mean()
    assert 0.01 < gone < 0.3


def test_a_squashed_picture_is_kept_whole():
    image = big_picture(30, 90)
    seen = find_augment("colour:1e-9", 16, squash=True)(image)
    assert seen[:, :, 0].float().mean() < image[:, :, :10].float().mean() + 10
    assert seen[:, :, -1].float().mean() > image[:, :, -10:].float().mean() - 10


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("strng", r"no augmentation preset 'strng'. Did you mean 'strong'\?"),
        ("crop+flp", r"no augmentation preset 'flp' \(in 'crop\+flp'\). Did you mean 'flip'\?"),
        ("color", r"Did you mean 'colour'\?"),
        ("", r"no augmentation preset ''. Choose from 'auto', 'blur'"),
        ("crop:2", r"crop:2 says how much of 'crop' there is: largest share .* from 0 to 0.95, as in crop:0.5"),
        ("rotate:much", r"rotate:much says how much of 'rotate' there is: degrees"),
        ("strong:2", r"'strong' is a preset and takes no amount; it is short for"),
        ("flip+swap", r"mixes changes of texts \(swap\) and of images \(flip\)"),
        (3, r"augment takes a recipe such as 'strong', or a function that rewrites texts; it was given 3"),
    ],
)
def test_what_is_no_recipe_is_named(recipe, message):
    with pytest.raises(InputError, match=message):
        check_augment(recipe)


def test_a_recipe_for_texts_does_not_change_images():
    with pytest.raises(
        InputError, match=r"augment='swap' is for texts, and these are images. Choose from 'auto', 'blur'"
    ):
        Feeds(PICTURE, augment="swap").open(pictures(3), augmented=True)
    with pytest.raises(InputError, match=r"augment=builtins.len rewrites texts, and domain 'pictures' holds image"):
        Feeds(PICTURE, augment=len).open(pictures(3), augmented=True)
    with pytest.raises(InputError, match="is for texts"):
        Feeds(CallablePreprocess(np.asarray), augment="eda").open(pictures(3), augmented=True)


def test_a_stage_says_its_recipe():
    from transferium.objectives.supervised import Supervised
    from transferium.training.loop.stage import Stage

    stage = Stage(row_model(), {"target": blobs(8)}, Supervised("target"), feeds=Feeds(augment="light"), epochs=1)
    assert stage.describe()["augment"] == "light"
    assert say_augment(len) == "builtins.len"


def test_a_contact_shows_what_is_trained_on():
    domain, feeds = pictures(12), Feeds(PICTURE, augment="strong", seed=3)
    contact = contact_of(feeds, domain, count=4, versions=3)
    assert contact.recipe == "strong = crop:0.8+flip:0.5+colour:0.4+erase:0.5"
    assert [e.label for e in contact.examples] == ["a", "b", "a", "b"]
    trained = feeds.open(domain, augmented=True)
    for example in contact.examples:
        row = list(domain.ids).index(example.id)
        for epoch, version in enumerate(example.versions):
            assert np.array_equal(np.asarray(version), trained.picture(epoch, row).permute(1, 2, 0).numpy())
        plain = feeds.open(domain, augmented=False).picture(0, row)
        assert np.array_equal(np.asarray(example.original), plain.permute(1, 2, 0).numpy())


def test_a_contact_is_none_where_nothing_changes_and_leaves_out_what_cannot_be_read():
    assert contact_of(Feeds(PICTURE), pictures(4)) is None
    broken = Domain(Items([b"no picture", np.full((20, 20, 3), 9, np.uint8)]), "image", ["bad", "good"])
    contact = contact_of(Feeds(PICTURE, augment="flip"), broken)
    assert [e.id for e in contact.examples] == ["good"] and contact.examples[0].label is None


def test_a_contact_of_ones_own_transform_shows_what_the_transform_is_given():
    feeds = Feeds(CallablePreprocess(lambda image: np.asarray(image, np.float32)), augment="flip:1")
    contact = contact_of(feeds, pictures(2), versions=1)
    example = contact.examples[0]
    height, width = np.asarray(example.original).shape[:2]
    assert example.versions[0].size == (min(height, width),) * 2
