import io

import numpy as np
import pytest
import torch
from PIL import Image

from transferium.data.domain import Domain
from transferium.data.images.decode import decode
from transferium.data.samples import Items
from transferium.errors import DataError, InputError
from transferium.models.preprocess import CallablePreprocess, TextPreprocess
from transferium.problems.classes import Classes
from transferium.training.augment.augment import seeded
from transferium.training.augment.images import find_augment
from transferium.training.feeds.feeds import Feeds, Steps
from transferium.training.feeds.order import Order
from worlds.toy import PICTURE, blobs, pictures

ROWS = np.array([3, 0, 5])


def test_without_augmentation_an_image_is_what_the_backbone_sees_bit_for_bit():
    domain = pictures(8)
    batch = Feeds(PICTURE, augment="simple").open(domain, augmented=False).batch(0, ROWS)
    expected = np.stack([PICTURE(decode(domain.samples.raw(i))) for i in ROWS])
    assert np.array_equal(batch.inputs[0].numpy(), expected)
    assert batch.inputs[0].is_contiguous(memory_format=torch.channels_last)
    assert batch.labels.tolist() == domain.labels[ROWS].tolist()
    assert batch.index.tolist() == ROWS.tolist()


@pytest.mark.parametrize("preprocess", [PICTURE, PICTURE.resized(32).cheaper()])
def test_a_halved_preprocessing_is_kept_too(preprocess):
    domain = pictures(6)
    batch = Feeds(preprocess).open(domain, augmented=True).batch(0, ROWS)
    assert np.array_equal(batch.inputs[0].numpy(), np.stack([preprocess(decode(domain.samples.raw(i))) for i in ROWS]))


def test_augmentation_depends_on_seed_epoch_and_example_alone():
    domain = pictures(8)

    def see(seed, epoch, rows, cache=1 << 20):
        feed = Feeds(PICTURE, augment="simple", seed=seed, cache_bytes=cache).open(domain, augmented=True)
        torch.rand(epoch + 3)  # what else was drawn must not matter
        return feed.batch(epoch, np.array(rows)).inputs[0]

    first = see(0, 4, [3, 0, 5])
    assert torch.equal(first, see(0, 4, [3, 0, 5]))
    assert torch.equal(first[2:], see(0, 4, [5])), "an example must not depend on its neighbours"
    assert torch.equal(first, see(0, 4, [3, 0, 5], cache=4000)), "nor on what fits in memory"
    assert not torch.equal(first, see(0, 5, [3, 0, 5]))
    assert not torch.equal(first, see(1, 4, [3, 0, 5]))


def test_augmenting_leaves_the_global_generator_alone():
    feed = Feeds(PICTURE, augment="simple").open(pictures(4), augmented=True)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    feed.batch(0, np.arange(4))
    with seeded(1):
        torch.rand(9)
    assert torch.equal(torch.rand(2), expected)


def test_memory_for_pictures_is_limited():
    domain = pictures(20)
    one = 3 * 16 * 16
    feed = Feeds(PICTURE, cache_bytes=5 * one).open(domain, augmented=False)
    assert len(feed.pictures.kept) == 5
    assert all(p.dtype == torch.uint8 for p in feed.pictures.kept.values())


def test_an_elongated_picture_is_cut_to_twice_its_shorter_side():
    wide = Items([np.zeros((10, 400, 3), np.uint8)])
    feed = Feeds(PICTURE, augment="simple").open(Domain(wide, "image", ["a"]), augmented=True)
    assert tuple(feed.pictures[0].shape) == (3, 18, 36)


@pytest.mark.parametrize("augment", ["none", "simple"])
def test_a_transform_of_ones_own(augment):
    def transform(image):
        return np.asarray(image.resize((12, 12)), np.float32).transpose(2, 0, 1) / 255

    domain = pictures(6)
    feed = Feeds(CallablePreprocess(transform), augment=augment).open(domain, augmented=True)
    batch = feed.batch(0, ROWS).inputs[0]
    assert batch.shape == (3, 3, 12, 12)
    plain = np.stack([transform(decode(domain.samples.raw(i))) for i in ROWS])
    assert np.array_equal(batch.numpy(), plain) == (augment == "none")
    assert torch.equal(batch, feed.batch(0, ROWS).inputs[0])


def test_an_unreadable_picture_is_named():
    broken = Items([b"\xff\xd8\xff not a jpeg"])
    with pytest.raises(DataError, match=r"image 'bad.jpg' cannot be trained on: .*Leave it out"):
        Feeds(PICTURE).open(Domain(broken, "image", ["bad.jpg"]), augmented=False)


def test_bytes_are_decoded():
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (10, 200, 30)).save(buffer, "PNG")
    domain = Domain(Items([buffer.getvalue()]), "image", ["a"])
    image = Feeds(PICTURE).open(domain, augmented=False).batch(0, np.array([0])).inputs[0]
    assert torch.allclose(image[0, 1], torch.full((16, 16), (200 / 255 - 0.4) / 0.25), atol=1e-5)


def test_texts_are_padded_to_the_longest_of_their_batch(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "a": 2, "b": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    domain = Domain(Items(["a b a", "b", "", "a c"]), "text", list("wxyz"), np.array([0, 1, 0, 1]), Classes(("n", "p")))
    feed = Feeds(TextPreprocess(tmp_path / "tokenizer.json", 8, pad_id=1)).open(domain, augmented=True)
    assert feed.lengths == [3, 1, 0, 2]
    ids, mask = feed.batch(0, np.array([1, 3])).inputs
    assert ids.tolist() == [[3, 1], [2, 0]] and ids.dtype == torch.int64
    assert mask.tolist() == [[1, 0], [1, 1]]
    assert feed.batch(0, np.array([2])).inputs[0].tolist() == [[1]]


def test_a_domain_is_opened_once_and_with_its_own_preprocessing():
    feeds, domain = Feeds(PICTURE), pictures(3)
    assert feeds.open(domain, augmented=True) is feeds.open(domain, augmented=True)
    assert feeds.open(domain, augmented=True) is not feeds.open(domain, augmented=False)
    with pytest.raises(InputError, match="holds image examples, and the preprocessing is NoneType"):
        Feeds().open(domain, augmented=True)


def test_feature_rows_may_be_halves_on_disk(tmp_path):
    file = np.memmap(tmp_path / "cut", dtype=np.float16, mode="w+", shape=(6, 2, 3, 3))
    file[:] = np.arange(6)[:, None, None, None]
    domain = blobs(6).embedded(file)
    inputs = Feeds().open(domain, augmented=True).batch(0, ROWS).inputs[0]
    assert inputs.dtype == torch.float32 and inputs.shape == (3, 2, 3, 3)
    assert inputs[:, 0, 0, 0].tolist() == ROWS.tolist()


def test_workers_change_nothing():
    feeds = {"target": Feeds(PICTURE, augment="simple").open(pictures(10), augmented=True)}
    steps = Steps(feeds, {"target": Order(10, 4, 0)})
    torch.manual_seed(0)
    alone = [s.batches["target"].inputs[0] for s in steps.between(1, 5)]
    drawn = torch.rand(1)
    torch.manual_seed(0)
    helped = [s.batches["target"].inputs[0] for s in steps.between(1, 5, workers=2)]
    assert torch.equal(torch.rand(1), drawn)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_shares_of_processes_add_up():
    feeds = {"target": Feeds().open(blobs(9), augmented=True)}
    parts = [Steps(feeds, {"target": Order(9, 4, 0)}, rank, 2)[2] for rank in range(2)]
    assert [p.share for p in parts] == [2.0, 0.0]
    assert [len(p.batches["target"]) for p in parts] == [1, 1]


def test_an_unknown_preset_is_named():
    with pytest.raises(InputError, match=r"no augmentation preset 'simpel'. Did you mean 'simple'"):
        find_augment("simpel", 16)


def test_feature_rows_are_not_augmented():
    assert Feeds(augment="auto").open(blobs(4), augmented=True)
    assert Feeds(augment="strong").open(blobs(4), augmented=False)
    with pytest.raises(InputError, match=r"changes images, texts or sounds, and domain 'blobs' holds feature rows"):
        Feeds(augment="strong").open(blobs(4), augmented=True)
