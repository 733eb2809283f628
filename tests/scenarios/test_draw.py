"""Pictures of topologies: everything is in them, nothing covers a text, and equal ones are equal files."""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netsiege.errors import ConfigError
from netsiege.scenarios import draw, load_topology, scenario_names
from netsiege.scenarios.drawing.layout import lay_out
from netsiege.scenarios.drawing.rules import Places, bundles
from netsiege.scenarios.drawing.scene import CARDS, CELLS, COUNTS, scene_of
from netsiege.scenarios.drawing.shapes import Line, Picture, Text, fitted, wrapped
from netsiege.scenarios.model import DataItem, Host, Rule, ServiceItem, Topology

Rectangle = tuple[float, float, float, float]


@pytest.fixture
def measured() -> Callable[..., float]:
    pytest.importorskip("matplotlib")
    from netsiege.scenarios.drawing.paint import measure  # noqa: PLC0415  # needs matplotlib

    return measure


def synthetic(nets: int, hosts: int, rules: tuple[Rule, ...] = (), routers: int = 1) -> Topology:
    """Networks 10.N.0.0/16 with so many hosts each, one public network, and routers that join all."""
    machines = [
        Host(
            f"host_{net}_{i}",
            (f"10.{net}.{i // 200 + 1}.{i % 200 + 1}",),
            (ServiceItem("ssh", data=(DataItem("User1", f"Item{i}"),) if i % 7 == 0 else ()),),
            start=i % 5 == 0,
        )
        for net in range(nets)
        for i in range(hosts)
    ]
    machines.append(Host("outside", ("203.0.113.9",)))
    joined = range(nets)
    machines += [
        Host(f"router{k}", tuple(f"10.{n}.0.{k + 1}" for n in joined), is_router=True) for k in range(routers)
    ]
    networks = (*(f"10.{net}.0.0/16" for net in range(nets)), "203.0.113.0/24")
    return Topology("synthetic", networks, tuple(machines), rules, "Made for a test.")


def host_rules(nets: int, hosts: int, count: int) -> tuple[Rule, ...]:
    """So many rules between single hosts, no two of them alike."""
    ends = [f"10.{n}.1.{i + 1}/32" for i in range(hosts) for n in range(nets)]
    pairs = itertools.islice(itertools.pairwise(ends), count)
    return tuple(Rule(source, target) for source, target in pairs)


def texts(path: Path) -> Counter[str]:
    root = ElementTree.parse(path).getroot()
    return Counter(e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text"))


def drawn(topology: Topology, tmp_path: Path) -> Counter[str]:
    pytest.importorskip("matplotlib")
    draw(topology, tmp_path / "picture.svg")
    return texts(tmp_path / "picture.svg")


@pytest.mark.parametrize("name", scenario_names())
def test_svg_of_bundled_scenario_has_every_host_service_and_datum(name: str, tmp_path: Path) -> None:
    topology = load_topology(name)
    found = drawn(topology, tmp_path)
    services = [service for host in topology.hosts for service in host.services]
    wanted = Counter([service.name for service in services])
    wanted += Counter(f"{item.owner}/{item.id}" for service in services for item in service.data)
    wanted += Counter(host.name for host in topology.hosts)
    wanted += Counter(topology.networks)
    assert {text: found[text] for text in wanted} == dict(wanted)
    assert found["start x2"] == sum(host.start == 2 for host in topology.hosts)
    assert found["start"] == sum(host.start == 1 for host in topology.hosts)
    assert topology.description in found


def test_svg_of_three_networks_names_each_bundle_of_rules(tmp_path: Path) -> None:
    found = drawn(load_topology("three_net_scenario"), tmp_path)
    assert {
        "client_1, client_2, client_3, client_4, client_5 → smb_server, web_server, other_server_1",
        "smb_server, web_server → db_server, ad_server",
        "ad_server → 192.168.1.0/24, 192.168.2.0/24",
        "db_server → 192.168.2.0/24",
    } <= found.keys()
    assert (found["1→"], found["→1"]) == (5 + 1, 3), "a tag at every card, and the sample"
    assert found["→4"] == 1, "at the network"
    assert {"rule 1", "rule 4", "router1", "always open"} <= found.keys()
    assert "rule 5" not in found


PROGRAM = """
import sys
from netsiege.scenarios import draw, load_topology
for name in ("three_net_scenario", "one_network"):
    draw(load_topology(name), f"{sys.argv[1]}/{name}.svg")
"""


@pytest.mark.soak
def test_svg_of_equal_topologies_in_two_processes_is_equal(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], check=True, env=environment)
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert len(files[0]) == 2
    assert files[0] == files[1]


@pytest.mark.parametrize("name", ["picture.pdf", "picture", "picture.svg.gz", ".svg"])
def test_draw_with_another_ending_says_which_there_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a picture's name ends in \.svg or \.png") as caught:
        draw(load_topology("two_networks_tiny"), tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert not (tmp_path / name).exists()


def test_draw_where_nothing_can_be_written_says_why(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "folder.png").mkdir()
    topology = load_topology("two_networks_tiny")
    for path, reason in ((tmp_path / "no" / "a.svg", "No such file"), (tmp_path / "folder.png", "directory")):
        with pytest.raises(ConfigError) as caught:
            draw(topology, path)
        (line,) = caught.value.problems
        assert line.startswith(f"{path}: cannot write it: ")
        assert reason in line


def test_draw_without_matplotlib_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "netsiege.scenarios.drawing.paint", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'netsiege\[plots\]'"):
        draw(load_topology("two_networks_tiny"), tmp_path / "a.svg")


def test_scenarios_imported_alone_do_not_load_matplotlib() -> None:
    program = "import sys\nfrom netsiege.scenarios import draw\nassert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_png_has_the_signature_and_a_reasonable_size(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "A.PNG"
    draw(load_topology("two_networks"), path)
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    assert 1000 < width < 3000
    assert 600 < height < 2000


def test_svg_with_odd_texts_is_xml_and_keeps_what_can_be_shown(tmp_path: Path) -> None:
    service = ServiceItem("a<b> & $x_1$", data=(DataItem("Üser", "日本\x01\ud800"),))
    host = Host("odd", ("10.0.0.2",), (service,))
    found = drawn(Topology("odd", ("10.0.0.0/8",), (host,)), tmp_path)
    assert found["a<b> & $x_1$"] == 1
    assert found["Üser/日本\ufffd\ufffd"] == 1


@pytest.mark.soak
def test_svg_of_a_thousand_hosts_has_every_name(tmp_path: Path) -> None:
    found = drawn(synthetic(4, 250), tmp_path)
    assert all(found[f"host_{net}_{i}"] == 1 for net in range(4) for i in range(250))


def test_svg_of_more_hosts_than_can_be_seen_counts_them(tmp_path: Path) -> None:
    found = drawn(synthetic(3, 2000), tmp_path)
    assert found["private, 2,000 hosts"] == 3
    assert found["400 start hosts"] == 3
    assert found["286 pieces of data on 286 hosts"] == 3
    assert found["2,000 x ssh"] == 3
    assert found["outside"] == 1, "a small network keeps its cards"


def test_host_in_two_networks_shows_its_services_once(tmp_path: Path) -> None:
    host = Host("both", ("10.1.0.2", "10.2.0.2"), (ServiceItem("ssh"),))
    found = drawn(Topology("two", ("10.1.0.0/16", "10.2.0.0/16"), (host,)), tmp_path)
    assert (found["both"], found["ssh"], found["also 10.2.0.2"], found["also 10.1.0.2"]) == (2, 1, 1, 1)
    assert found[".0.2"] == 2


def test_router_with_many_addresses_in_a_network_is_abridged_at_its_tap() -> None:
    addresses = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.1.0.1", "10.1.0.2")
    router = Host("router", addresses, is_router=True)
    scene = scene_of(Topology("many", ("10.0.0.0/24", "10.1.0.0/24"), (router,)))
    assert scene.links[0].ports == {0: ".1 +2", 1: ".1, .2"}


@pytest.mark.parametrize(
    ("hosts", "mode"), [(0, CARDS), (30, CARDS), (31, CELLS), (3999, CELLS), (4000, COUNTS)]
)
def test_scene_of_a_network_is_shown_as_its_size_allows(hosts: int, mode: str) -> None:
    net = scene_of(synthetic(1, hosts)).nets[0]
    assert net.mode == mode
    assert len(net.members) == hosts, "a router with a line of its own is not among them"


def test_scene_with_many_routers_shows_them_in_their_networks() -> None:
    scene = scene_of(synthetic(2, 3, routers=11))
    assert [len(net.members) for net in scene.nets] == [14, 14, 1]
    assert "router" not in {link.kind for link in scene.links}


def test_scene_with_an_address_outside_every_network_is_refused() -> None:
    topology = Topology("lost", ("10.0.0.0/8",), (Host("far", ("192.168.1.1",)),))
    with pytest.raises(ConfigError, match=r"lost: '192\.168\.1\.1' of far is in none of the networks"):
        scene_of(topology)


def test_bundles_of_few_rules_say_exactly_what_reaches_what() -> None:
    rules = [Rule(f"10.0.1.{s}/32", f"10.1.1.{t}/32") for s in (1, 2, 3) for t in (1, 2)]
    rules += [Rule("10.1.0.0/16", "10.0.1.0/24"), Rule("0.0.0.0/0", "203.0.113.9/32")]
    found = bundles(Places(synthetic(2, 4, tuple(rules))))
    assert found is not None
    assert [(b.source.label, b.target.label, b.rules, b.exact) for b in found] == [
        ("host_0_0, host_0_1, host_0_2", "host_1_0, host_1_1", 6, True),
        ("10.1.0.0/16", "10.0.1.0/24", 1, True),
        ("anywhere", "outside", 1, True),
    ]
    part = found[1].target
    assert (part.touched, part.whole, len(part.addresses)) == ({0}, set(), 4)
    assert found[2].source.whole == {0, 1, 2}


@pytest.mark.parametrize(
    ("nets", "rules", "sizes"),
    [
        (3, 12, [1] * 12),
        (3, 30, [10, 10, 10]),
        (16, 64, [4] * 16),
        (17, 64, None),
    ],
)
def test_bundles_of_many_rules_are_gathered_by_networks(
    nets: int, rules: int, sizes: list[int] | None
) -> None:
    found = bundles(Places(synthetic(nets, 12, host_rules(nets, 12, rules))))
    assert (None if found is None else [b.rules for b in found]) == sizes
    if found and rules > 12:
        assert found[0].source.label == "some of 10.0.0.0/16"


def rectangle(text: Text, measure: Callable[..., float]) -> Rectangle:
    width = measure(text.text, text.size, text.bold)
    left = text.x - {"left": 0, "center": width / 2, "right": width}[text.align]
    return left, text.y - 0.73 * text.size, left + width, text.y


def overlap(a: Rectangle, b: Rectangle) -> bool:
    slack = 0.1
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack


def collisions(picture: Picture, measure: Callable[..., float]) -> list[tuple[str, str]]:
    """Texts that cover one another or are crossed by a line, and those that leave the picture."""
    areas = [(t.text, rectangle(t, measure)) for t in picture.shapes if isinstance(t, Text)]
    areas.sort(key=lambda area: area[1][1])
    lines = [line for line in picture.shapes if isinstance(line, Line)]
    found = [(text, "") for text, a in areas if min(a) < 0 or a[2] > picture.width or a[3] > picture.height]
    for i, (text, area) in enumerate(areas):
        below = itertools.takewhile(lambda other: other[1][1] < area[3], areas[i + 1 :])  # noqa: B023  # used at once
        found += [(text, other) for other, taken in below if overlap(area, taken)]
        for line in lines:
            xs, ys = sorted((line.x1, line.x2)), sorted((line.y1, line.y2))
            half = line.width / 2
            if overlap(area, (xs[0] - half, ys[0] - half, xs[1] + half, ys[1] + half)):
                found.append((text, "a line"))
    return found


LAYOUTS = {
    **{name: (lambda name=name: load_topology(name)) for name in scenario_names()},
    "cards of 200": lambda: synthetic(8, 25, host_rules(8, 25, 12), routers=3),
    "gathered rules": lambda: synthetic(12, 20, host_rules(12, 20, 200), routers=10),
    "cells of 1000": lambda: synthetic(4, 250, host_rules(4, 200, 500)),
    "counts": lambda: synthetic(5, 1000, host_rules(5, 200, 500)),
    "40 networks": lambda: synthetic(40, 3, host_rules(40, 3, 100), routers=12),
    "long names": lambda: Topology(
        "n" * 64,
        ("10.0.0.0/16", "10.1.0.0/16"),
        tuple(
            Host("h" * 60 + str(i), (f"10.{i % 2}.0.{i + 1}",), (ServiceItem("s" * 200),), start=1)
            for i in range(9)
        ),
        (Rule("10.0.0.0/16", "10.1.0.0/16"), Rule("10.0.0.1/32", "10.0.0.3/32")),
        "word " * 300 + "w" * 500,
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layout_of_any_topology_keeps_texts_clear(case: str, measured: Callable[..., float]) -> None:
    picture = lay_out(scene_of(LAYOUTS[case]()), measured)
    assert collisions(picture, measured) == []
    assert 0.4 < picture.width / picture.height < 4


@pytest.mark.parametrize("case", LAYOUTS)
def test_layout_of_any_topology_lays_no_line_along_another(case: str) -> None:
    picture = lay_out(scene_of(LAYOUTS[case]()), width_of_half)
    upright = [s for s in picture.shapes if isinstance(s, Line) and s.x1 == s.x2]
    upright.sort(key=lambda line: (line.x1, min(line.y1, line.y2)))
    for a, b in itertools.pairwise(upright):
        assert a.x1 != b.x1 or max(a.y1, a.y2) <= min(b.y1, b.y2)


def width_of_half(text: str, size: float, bold: bool = False) -> float:
    return len(text) * size / 2


def width_of_ten(text: str, size: float, bold: bool = False) -> float:
    return 10.0 * len(text)


@pytest.mark.parametrize(
    ("text", "room", "wanted"), [("abc", 30, "abc"), ("abcd", 30, "ab…"), ("abc", 5, "…"), ("", 0, "")]
)
def test_fitted_text_is_cut_to_the_room(text: str, room: float, wanted: str) -> None:
    assert fitted(text, 8, room, width_of_ten) == wanted


def test_wrapped_text_fills_lines_and_cuts_what_is_too_long() -> None:
    assert wrapped("ab cd efghijk l", 8, 50, width_of_ten) == ["ab cd", "efgh…", "l"]
