"""What the benchmark of leaks calls one: growth that goes on, not a pool that fills."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.leaks import Held, growth

AT_REST = Held(host=1500.0, host_caches=300.0, allocated=3000.0, reserved=5000.0, device_caches=2500.0, registered=2, textures=3)


def test_pools_that_fill_in_the_first_half_are_no_leak() -> None:
    spans = [replace(AT_REST, reserved=5000.0 + min(i, 4) * 200.0, host=1500.0 + min(i, 2) * 50.0) for i in range(10)]
    assert set(growth(spans).values()) == {0.0}


def test_caches_that_fill_are_no_leak() -> None:
    spans = [replace(AT_REST, reserved=5000.0 + i * 200.0, device_caches=2500.0 + i * 200.0) for i in range(10)]
    assert growth(spans)["GPU MB"] == 0.0


def test_what_grows_all_the_time_leaks() -> None:
    spans = [replace(AT_REST, host=1500.0 + 20.0 * i, reserved=5000.0 + 30.0 * i, registered=2 + i, textures=3 + 2 * i) for i in range(10)]
    assert growth(spans) == {"host MB": 100.0, "GPU MB": 150.0, "registered textures": 5.0, "textures": 10.0}
