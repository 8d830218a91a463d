"""Small pictures in the frusta of the cameras: where they stand, what hides them, and that reading them is in nobody's way."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from driver import Driver
from stand_in import StandIn, as_renderer, stand_in_scene
from states import opened

from im4d_core.geometry import project
from viewer.asking import Asking
from viewer.messages import Miniatures
from viewer.miniatures import sheet
from viewer.overlays import frustum_depth
from viewer.pictures import PictureMaker
from viewer.request import RenderRequest
from viewer.thumbnails import Thumbnail


def _pictures(scene, *colours: tuple[int, int, int], frame: int = 10) -> tuple[Thumbnail, ...]:
    """One plain colour a view, the top half of the picture twice as bright."""
    made = []
    for view, colour in enumerate(colours):
        pixels = np.full((12, 16, 4), 255, np.uint8)
        pixels[..., :3] = np.array(colour) // 2
        pixels[:6, :, :3] = colour
        made.append(Thumbnail(view=view, frame=frame, pixels=pixels))
    return tuple(made)


def test_pictures_stand_in_the_image_planes_of_their_cameras() -> None:
    scene = stand_in_scene()
    depth = frustum_depth(scene)
    made = sheet(scene, 10, _pictures(scene, (200, 0, 0), (0, 200, 0), (0, 0, 200)), depth)
    assert made.views == (0, 1, 2)
    for view in made.views:
        camera, quad = scene.cameras[view], made.quads[view]
        corners = quad[:12].reshape(4, 3).astype(np.float64)
        uv, z = project(camera, corners)
        np.testing.assert_allclose(z, depth, rtol=1e-5)
        np.testing.assert_allclose(uv, [[0, 0], [160, 0], [160, 120], [0, 120]], atol=1e-2)  # float32 of a few metres is exact to a hundredth of a pixel
        left, top, right, bottom = quad[12:] * np.tile(made.pixels.shape[1::-1], 2)
        part = made.pixels[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
        assert part.shape[:2] == (12, 16)
        assert part[0, 0, view] == 200 and part[-1, -1, view] == 100


def test_the_farthest_is_drawn_first_and_the_one_looked_through_not_at_all() -> None:
    scene = stand_in_scene()
    made = sheet(scene, 10, _pictures(scene, *[(9, 9, 9)] * 6), frustum_depth(scene))
    order = made.order(scene.cameras[2], 2)
    assert 2 not in order and sorted(order) == [0, 1, 3, 4, 5]
    middles = made.quads[order][:, :12].reshape(-1, 4, 3).mean(axis=1)
    assert (np.diff(np.linalg.norm(middles - scene.cameras[2].centre, axis=1)) <= 1e-6).all()


def test_they_are_drawn_upright_and_faint_behind_surfaces(shoot) -> None:
    from viewer.depths import DepthTexture
    from viewer.miniature_drawer import MiniatureDrawer

    scene = stand_in_scene()
    made = sheet(scene, 10, _pictures(scene, (240, 0, 0)), frustum_depth(scene))
    own = scene.cameras[0]
    behind = replace(own, T_camera_world=np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.3], [0, 0, 0, 1]]) @ own.T_camera_world)  # a step back
    drawer = MiniatureDrawer()
    shots = [shoot(160, 120, lambda: drawer.draw(made, behind, 0.01, (0, 0, 160, 120), None))]

    class Wall(DepthTexture):
        """A surface in front of everything."""

        def bind(self, program) -> None:
            texture.bind(2)
            program.set_integer("depths", 2)
            program.set_vector("depths_size", 1.0, 1.0)

    from viewer.gl import Texture

    texture = Texture(1, 1)
    near = np.full((1, 1), 0.1, np.float32)
    texture.upload(near.ctypes.data, 1, 1)
    wall = Wall(None)
    shots.append(shoot(160, 120, lambda: drawer.draw(made, behind, 0.01, (0, 0, 160, 120), wall)))
    nothing = shoot(160, 120, lambda: drawer.draw(made, behind, 0.01, (0, 0, 160, 120), None, without=0))
    drawer.close()
    assert nothing.max() == 0
    clear, faint = shots
    rows = np.nonzero(clear[:, 80, 0])[0]
    assert 10 < len(rows) < 110  # a part of the picture
    top, bottom = clear[rows[2], 80, 0], clear[rows[-3], 80, 0]
    assert 200 < top <= 240 and 90 < bottom <= 120, "the bright half is on top"
    assert 0 < faint[rows[2], 80, 0] < 0.3 * top


def test_a_camera_without_a_picture_is_left_out_and_nothing_is_read_twice() -> None:
    renderer = StandIn()
    read, get = [], renderer.loader.get

    def reading(frame, views):
        read.append((frame, *views))
        if 3 in views:
            raise FileNotFoundError("03/000010.jpg")
        return get(frame, views)

    renderer.loader.get = reading
    maker = PictureMaker(as_renderer(renderer), shares_memory=False, tell=lambda _: None)
    begun = maker.miniatures(10)
    assert [next(begun).view, next(begun).view] == [0, 1]
    del begun  # something newer was asked for
    assert [made.view for made in maker.miniatures(10)] == [0, 1, 2, 4, 5]
    assert [key for key in read if read.count(key) > 1] == []
    assert list(maker.miniatures(10)) == [], "they were given"
    assert {made.frame for made in maker.miniatures(11)} == {11}


def test_reading_them_stops_for_a_newer_picture() -> None:
    from states import opened

    from viewer.request import render_request
    from viewer.worker import RenderWorker

    renderer, slow = StandIn(), threading.Event()
    get = renderer.loader.get

    def slowly(frame, views):
        slow.set()
        time.sleep(0.3)
        return get(frame, views)

    renderer.loader.get = slowly
    worker = RenderWorker(
        opener=lambda source, device: as_renderer(renderer), device="cpu", display="", display_device="", shares_memory=False, wake=lambda: None
    )
    state = opened()
    state = replace(state, now_s=state.now_s + 1.0, overlays=replace(state.overlays, cameras=True), picture=replace(state.picture, mode="full"))
    request = render_request(state, 80, 60)
    assert request is not None and request.frusta
    worker.start()
    worker.open(state.source)  # pyright: ignore[reportArgumentType]
    while not any(type(message).__name__ == "Opened" for message in worker.take()):
        time.sleep(0.01)
    worker.submit(request)
    assert slow.wait(10.0)
    newer, began = replace(request, frame=12, frusta=False), time.monotonic()
    worker.submit(newer)
    while not any(frame == 12 for frame, *_ in renderer.rendered):
        assert time.monotonic() - began < 5.0
        time.sleep(0.005)
    assert time.monotonic() - began < 1.2, "one camera's time, not the six's"  # 0.3 s, and what a busy machine adds
    told = [message for message in worker.take() if isinstance(message, Miniatures)]
    assert all(len(message.pictures) < 6 for message in told)
    assert worker.stop()


@pytest.mark.parametrize("cameras", [True, False])
def test_a_view_that_comes_to_rest_on_its_final_picture_is_asked_for_again_for_them_alone(cameras: bool) -> None:
    asked: list[RenderRequest] = []
    worker = SimpleNamespace(submit=lambda request, asked_s, coming: asked.append(request))
    state = opened()
    moving = replace(state, moved_s=state.now_s, overlays=replace(state.overlays, cameras=cameras))
    asking = Asking()
    asking.ask(worker, moving, 64, 48, None, 0.0)
    shown = SimpleNamespace(final=True, request=asked[0])
    resting = replace(moving, now_s=moving.now_s + 1.0)
    for _ in range(2):
        asking.ask(worker, resting, 64, 48, shown, 0.0)
    assert [request.moving for request in asked] == ([True, False] if cameras else [True])


def test_the_window_shows_them_with_the_cameras(drive) -> None:
    def script(d: Driver) -> None:
        area = d.session._area
        assert area is not None
        assert area.captured is None
        d.press_name("C")
        d.until(lambda: area.captured is not None and len(area.captured.views) == 6)
        d.press_name("Right")
        d.until(lambda: d.shown.request.frame == 11 and area.captured is not None)
        assert area.captured is not None and area.captured.frame == 11
        d.press_name("C")
        d.until(lambda: not d.state.overlays.cameras)

    drive().run(script)
