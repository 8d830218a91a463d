"""The synthetic capture: depth lies on the figure, masks agree with it, light depends on the camera where it should, files say what was rendered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
import yaml

from im4d_core.data.figure import BONES, PARTS, pose
from im4d_core.data.raymarch import Figure
from im4d_core.data.shading import shade
from im4d_core.data.solid import CoarseField, Solid
from im4d_core.data.synthetic import motion_bounds, render_figure, studio_cameras, synthesize
from im4d_core.geometry import box_corners, project, unproject

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("captures") / "dancer", cameras=4, frames=2, size=64, test_cameras=1, fps=12.0)


def _read_matrices(path: Path) -> dict[str, np.ndarray]:
    """An independent reading: OpenCV's header and tags stripped, the rest is YAML."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("%YAML:1.0\n---\n")
    values = yaml.safe_load(text.removeprefix("%YAML:1.0\n---\n").replace("!!opencv-matrix", ""))
    return {key: np.array(value["data"]).reshape(value["rows"], value["cols"]) if key != "names" else value for key, value in values.items()}


def _surface_points(view: int, time: float, size: int = 96) -> np.ndarray:
    camera = studio_cameras(6, 2, size)[view]
    depth = render_figure(camera, time, supersample=1).depth
    rows, columns = np.nonzero(depth)
    return unproject(camera, np.stack([columns + 0.5, rows + 0.5], axis=-1), depth[rows, columns].astype(np.float64))


@pytest.mark.parametrize(("view", "time"), [(0, 0.0), (3, 0.3), (5, 0.8)])
def test_depth_lies_on_the_figure_and_inside_its_bounds(view: int, time: float) -> None:
    points = _surface_points(view, time)
    assert len(points) > 500  # the figure covers a tenth of 9216 pixels
    solid = Solid(time, device=CPU)
    distance = solid.distance(torch.as_tensor(points.T, dtype=torch.float32))
    assert float(distance.abs().max()) < 1.2e-3  # marching ends within 0.4 mm, for rays that graze within 1 mm; float32 depth adds microns
    assert (points > solid.bounds[0] - 0.02).all()  # smooth unions reach at most 2 cm beyond their parts
    assert (points < solid.bounds[1] + 0.02).all()


def test_distance_never_oversteps() -> None:
    """Stepping by the distance in any direction stays outside: the law that ray marching rests on, up to the step factor of 0.9."""
    solid = Solid(0.15, device=CPU)
    random = torch.Generator().manual_seed(0)
    points = torch.rand(3, 4000, generator=random) * torch.tensor([[1.8], [1.2], [2.0]]) - torch.tensor([[0.9], [0.6], [0.0]])
    distance = solid.distance(points)
    outside = distance > 0.01
    direction = torch.nn.functional.normalize(torch.randn(3, 4000, generator=random), dim=0)
    landed = solid.distance(points + 0.9 * distance * direction)[outside]
    assert float(landed.min()) > -2e-3  # first-order distances of stretched parts: a landing may be a millimetre or two deep, never through


def test_normals_are_gradients_of_the_distance() -> None:
    points = torch.as_tensor(_surface_points(1, 0.4).T, dtype=torch.float32)
    solid = Solid(0.4, device=CPU)
    step = 1e-3
    gradient = torch.stack([solid.distance(points + step * axis[:, None]) - solid.distance(points - step * axis[:, None]) for axis in torch.eye(3)])
    agreement = (torch.nn.functional.normalize(gradient, dim=0) * solid.surface(points).normal).sum(dim=0)
    assert float(agreement.quantile(0.1)) > 0.98  # at creases between groups the difference straddles two surfaces; elsewhere they agree
    assert float(agreement.median()) > 0.999


def test_rest_positions_follow_the_bones() -> None:
    """Points of one bone alone go back to rest by that bone's motion."""
    time, bone = 0.35, BONES.index("hand_l")
    part = next(part for part in PARTS if part.bone == "hand_l")
    rest = np.array(part.end) + np.array([0.0, 0.0, 0.02])
    motion = pose(time)[bone]
    world = motion[:3, :3] @ rest + motion[:3, 3]
    found = Solid(time, device=CPU).surface(torch.as_tensor(world[:, None], dtype=torch.float32)).rest[:, 0].numpy()
    np.testing.assert_allclose(found, rest, atol=2e-3)  # other fingers of the same hand agree, the wrist's share is below a per mille


def test_coarse_field_follows_the_solid() -> None:
    solid = Solid(0.6, device=CPU)
    points = torch.as_tensor(_surface_points(0, 0.6).T, dtype=torch.float32)
    difference = CoarseField(solid).distance(points)
    assert float(difference.abs().quantile(0.9)) < 0.006  # interpolation over 2 cm cells rounds what is thinner


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_masks_agree_with_depth(supersample: int) -> None:
    camera = studio_cameras(6, 2, 96)[4]
    picture = render_figure(camera, 0.2, supersample=supersample)
    covered = picture.depth > 0
    interior = covered.copy()
    outside = ~covered
    for shift in ((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
        interior &= np.roll(covered, shift, (0, 1))
        outside &= ~np.roll(covered, shift, (0, 1))
        interior &= np.abs(np.roll(picture.depth, shift, (0, 1)) - picture.depth) < 0.04  # between an arm and the body there are slits
    assert (picture.alpha[interior] < 255).sum() <= 2  # a sliver of a gap that no pixel centre sees
    assert (picture.alpha[outside] > 128).sum() == 0
    assert picture.rgb[picture.alpha == 0].max(initial=0) == 0
    assert (picture.rgb.max(axis=-1).astype(int) <= picture.alpha.astype(int) + 1).all()  # premultiplied: never brighter than the coverage
    if supersample == 1:
        assert set(np.unique(picture.alpha)) == {0, 255}
    else:
        assert len(np.unique(picture.alpha)) > 3


def test_cameras_rendered_together_see_what_each_sees_alone() -> None:
    cameras, figure = studio_cameras(6, 2, 64)[:3], Figure(0.7)
    for camera, together in zip(cameras, figure.render_all(cameras), strict=True):
        alone = figure.render(camera)
        # The order of sums in a matrix product decides the last bits; a ray on the brink of a hit may then stop one step sooner.
        assert (np.abs(together.depth - alone.depth) > 1e-3).sum() <= 2
        assert (together.alpha != alone.alpha).sum() <= 4
        assert (np.abs(together.rgb.astype(int) - alone.rgb) > 2).mean() < 0.001
    with pytest.raises(ValueError, match="one size"):
        figure.render_all([cameras[0], replace(cameras[1], width=32)])


def test_coverage_is_that_of_a_finer_picture() -> None:
    camera = studio_cameras(6, 2, 64)[0]
    coarse = render_figure(camera, 0.1, supersample=3).alpha / 255.0
    fine_camera = replace(camera, K=np.diag([4.0, 4.0, 1.0]) @ camera.K, width=256, height=256)
    fine = (render_figure(fine_camera, 0.1, supersample=1).depth > 0).reshape(64, 4, 64, 4).mean(axis=(1, 3))
    difference = np.abs(coarse - fine)
    assert difference.max() < 0.3  # 16 against 16 samples of an edge, at different places
    assert difference.mean() < 0.004  # and they do not lean to one side
    assert abs((coarse - fine).mean()) < 0.001


def test_diffuse_light_is_shared_and_highlights_are_not() -> None:
    solid = Solid(0.0, device=CPU)
    points = torch.as_tensor(_surface_points(0, 0.0).T, dtype=torch.float32)
    surface, field = solid.surface(points), CoarseField(solid)
    footprint = torch.full((points.shape[1],), 0.004)
    shaded = []
    for angle in (-0.35, 0.35):
        eye = torch.tensor([[3 * np.sin(angle)], [-3 * np.cos(angle)], [1.2]], dtype=torch.float32)
        shaded.append(shade(surface, points, torch.nn.functional.normalize(eye - points, dim=0), footprint, field))
    diffuse = (shaded[0].diffuse - shaded[1].diffuse).abs()
    assert float(diffuse.median()) < 1e-6  # the same light; only the filter width of textures depends on the camera
    assert float(diffuse.mean()) < 0.01
    assert float((shaded[0].specular - shaded[1].specular).abs().max()) > 0.3
    for part in shaded:
        assert bool(torch.isfinite(part.diffuse).all())
        assert bool((part.diffuse >= 0).all())
        assert bool((part.specular >= 0).all())


def test_motion_is_a_smooth_loop() -> None:
    np.testing.assert_allclose(pose(0.0), pose(1.0), atol=1e-12)
    times = np.linspace(0.0, 1.0, 241)
    rest = np.array([part.start for part in PARTS])
    motions = np.stack([pose(time) for time in times])[:, [BONES.index(part.bone) for part in PARTS]]
    points = np.einsum("tpij,pj->tpi", motions[..., :3, :3], rest) + motions[..., :3, 3]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    assert steps.max() < 0.05  # 12 m/s at a loop a second would tear; a hand reaches 4 m/s
    assert np.ptp(points, axis=0).max() > 0.4  # and it dances
    jerks = np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1)
    assert jerks.max() < 0.15 * steps.max()  # no kinks: measured 0.06; an elbow that snaps straight gave 0.7


def test_bones_stay_attached() -> None:
    """Each motion is rigid, and a joint is where its parent puts it."""
    motions = dict(zip(BONES, pose(0.37), strict=True))
    for motion in motions.values():
        np.testing.assert_allclose(motion[:3, :3] @ motion[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(motion[:3, :3]) > 0
    for child, parent, joint in (
        ("forearm_l", "upper_arm_l", (0.425, 0.015, 1.35)),
        ("hand_r", "forearm_r", (-0.655, 0.015, 1.35)),
        ("shin_r", "thigh_r", (-0.09, 0.0, 0.495)),
    ):
        homogeneous = np.array([*joint, 1.0])
        np.testing.assert_allclose(motions[child] @ homogeneous, motions[parent] @ homogeneous, atol=1e-9)


def test_whole_motion_is_inside_every_picture() -> None:
    cameras = studio_cameras(20, 4, 512)
    low, high = np.full((20, 2), np.inf), np.full((20, 2), -np.inf)
    for time in np.arange(0, 1, 1 / 12):
        corners = np.concatenate([box_corners(box) for box in Solid(float(time), device=CPU).part_boxes])
        for i, camera in enumerate(cameras):
            uv, _ = project(camera, corners)
            low[i], high[i] = np.minimum(low[i], uv.min(axis=0)), np.maximum(high[i], uv.max(axis=0))
    assert low.min() > 4
    assert high.max() < 508
    heights = (high - low)[:, 1] / 512
    assert heights.min() > 0.7  # and it fills them


def test_held_out_cameras_lie_between_the_rings() -> None:
    cameras = studio_cameras(20, 4, 512)
    heights = np.array([camera.centre[2] for camera in cameras])
    train, test = heights[:16], heights[16:]
    assert train[::2].max() < test.min()
    assert test.max() < train[1::2].min()
    distances = np.array([[np.linalg.norm(a.centre - b.centre) for b in cameras[:16]] for a in cameras[16:]])
    assert distances.min() > 0.3
    assert [camera.name for camera in cameras] == sorted(camera.name for camera in cameras)


def test_calibration_files_hold_the_cameras(capture: Path) -> None:
    cameras = studio_cameras(4, 1, 64)
    intri, extri = _read_matrices(capture / "intri.yml"), _read_matrices(capture / "extri.yml")
    assert intri["names"] == extri["names"] == [camera.name for camera in cameras]
    for camera in cameras:
        np.testing.assert_array_equal(intri[f"K_{camera.name}"], camera.K)
        np.testing.assert_array_equal(intri[f"dist_{camera.name}"], np.zeros((5, 1)))
        np.testing.assert_array_equal(extri[f"Rot_{camera.name}"], camera.R)
        np.testing.assert_array_equal(extri[f"T_{camera.name}"], camera.T_camera_world[:3, 3:])
        x, y, z = extri[f"R_{camera.name}"][:, 0]
        skew = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
        np.testing.assert_allclose(torch.linalg.matrix_exp(skew).numpy(), camera.R, atol=1e-12)


def test_files_are_complete_and_hold_the_pictures(capture: Path) -> None:
    cameras = studio_cameras(4, 1, 64)
    meta = json.loads((capture / "meta.json").read_text(encoding="utf-8"))
    assert meta["name"] == "dancer", "as its folder is called"
    assert meta["train_views"] == ["00", "01", "02"]
    assert meta["test_views"] == ["03"]
    assert (meta["pixel_centre"], meta["up"], meta["fps"], meta["frames"], meta["width"], meta["height"]) == (0.5, "z", 12.0, 2, 64, 64)
    names = {str(path.relative_to(capture)) for path in capture.rglob("*") if path.is_file()}
    expected = {f"{kind}/{camera.name}/{frame:06d}.{end}" for kind, end in (("images", "jpg"), ("masks", "png")) for camera in cameras for frame in (0, 1)}
    assert names == expected | {f"gt/depth/03_{frame:06d}.npz" for frame in (0, 1)} | {"intri.yml", "extri.yml", "meta.json"}

    picture = render_figure(cameras[3], 0.5)
    # Alone or with others a camera sees the same but for the last bits, which the order of sums in a matrix product decides.
    assert (iio.imread(capture / "masks/03/000001.png") != picture.alpha).sum() <= 4
    stored_depth = np.load(capture / "gt/depth/03_000001.npz")["depth"]
    assert stored_depth.dtype == np.float16
    np.testing.assert_allclose(stored_depth, picture.depth, atol=2.1e-3)  # half precision at 3 m
    stored = iio.imread(capture / "images/03/000001.jpg").astype(float)
    assert np.abs(stored - picture.rgb).mean() < 1.5  # JPEG at quality 95
    first = iio.imread(capture / "images/03/000000.jpg").astype(float)
    assert np.abs(stored - first).mean() > 2.0  # the figure moved; it covers a tenth of the picture

    bounds = np.array([meta["bounds_min"], meta["bounds_max"]])
    np.testing.assert_allclose(bounds, motion_bounds([0.0, 0.5]) + [[-0.08], [0.08]], atol=1e-4)  # rounded to 0.1 mm


def test_scene_opens_the_capture(capture: Path) -> None:
    from im4d_core.config import DataConfig
    from im4d_core.data import open_scene

    scene = open_scene(DataConfig(path=str(capture)))
    assert (scene.train_views, scene.test_views, scene.frames, scene.fps) == ((0, 1, 2), (3,), (0, 1), 12.0)
    for camera, expected in zip(scene.cameras, studio_cameras(4, 1, 64), strict=True):
        np.testing.assert_allclose(camera.K, expected.K, atol=1e-9)
        np.testing.assert_allclose(camera.T_camera_world, expected.T_camera_world, atol=1e-9)


def test_same_arguments_give_the_same_bytes(capture: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    again = synthesize(tmp_path / "dancer", cameras=4, frames=2, size=64, test_cameras=1, fps=12.0, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, 8) for i in range(8)]
    for path in sorted(p for p in capture.rglob("*") if p.is_file()):
        if path.suffix == ".npz":  # an archive has a time stamp
            np.testing.assert_array_equal(np.load(path)["depth"], np.load(again / path.relative_to(capture))["depth"])
        else:
            assert path.read_bytes() == (again / path.relative_to(capture)).read_bytes(), path.name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dancer"]  # no temporary folder is left


def test_other_seeds_move_the_cameras() -> None:
    a, b = studio_cameras(6, 2, 64), studio_cameras(6, 2, 64, seed=1)
    assert all(0.0 < np.linalg.norm(x.centre - y.centre) < 0.5 for x, y in zip(a, b, strict=True))


def test_refuses_a_folder_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(ValueError, match="holds other files"):
        synthesize(tmp_path, cameras=3, frames=1, size=16, test_cameras=1)
    assert (tmp_path / "holiday.jpg").read_bytes() == b"precious"
    with pytest.raises(ValueError, match="file of that name"):
        synthesize(tmp_path / "holiday.jpg", cameras=3, frames=1, size=16, test_cameras=1)


def test_replaces_an_earlier_capture_only_when_the_new_one_is_complete(tmp_path: Path) -> None:
    target = synthesize(tmp_path / "capture", cameras=3, frames=1, size=16, test_cameras=1)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(target, cameras=4, frames=1, size=16, test_cameras=1, progress=interrupt)
    assert len(list((target / "images").iterdir())) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["capture"]
    synthesize(target, cameras=4, frames=1, size=16, test_cameras=1)
    assert len(list((target / "images").iterdir())) == 4


@pytest.mark.parametrize("bad", [{"cameras": 2, "test_cameras": 1}, {"frames": 0}, {"size": 8}, {"fps": 0.0}, {"supersample": 0}, {"test_cameras": -1}])
def test_refuses_what_makes_no_capture(tmp_path: Path, bad: dict) -> None:
    with pytest.raises(ValueError, match="needs at least"):
        synthesize(tmp_path / "capture", **bad)
    assert not list(tmp_path.iterdir())


@pytest.mark.gpu
def test_devices_agree() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    camera = studio_cameras(6, 2, 128)[0]
    a, b = Figure(0.3).render(camera), Figure(0.3, device="cuda").render(camera)
    assert np.mean(np.abs(a.rgb.astype(int) - b.rgb) > 8) < 0.01  # rounding moves samples across edges of textures
    assert np.mean(np.abs(a.alpha.astype(int) - b.alpha) > 64) < 0.002
