"""The guide's page, served by the Mac, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from lab import build, reference
from lab.conftest import Lab
from lab.reference import SPECS
from lab.webproxy import proxy

pytestmark = pytest.mark.lab
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
"""Chromium talks to nobody of its own accord."""


@pytest.fixture(scope="module")
def served(lab_session: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    reference.deployed(lab_session, "nginx", tmp_path_factory.mktemp("models"))
    yield lab_session
    lab_session.spec = None


@pytest.fixture(scope="module")
def chromium(served: Lab) -> Iterator[Any]:
    """The machine's browser, on a laptop in the tailnet."""
    build.use_packages()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the lab's own package

    with proxy(served.tailnet) as way, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=build.machine_has("chromium"), args=[*QUIET, "--no-sandbox"], proxy={"server": way}
        )
        yield browser
        browser.close()


class Opened:
    """The page, and what the browser complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def states(self) -> dict[str, str]:
        """Read what the page says of each endpoint."""
        cards = self.page.locator("[data-endpoint]").all()
        return {card.get_attribute("data-endpoint"): card.locator(".state").inner_text() for card in cards}

    def wait_for(self, endpoint: str, state: str) -> Any:
        """Wait until an endpoint is seen to be so; the page asks four times a minute."""
        card = self.page.locator(f"[data-endpoint={endpoint}][data-state={state}]")
        card.wait_for(timeout=20_000)
        return card

    def style(self, selector: str, name: str) -> str:
        """Read how something is shown."""
        shown: str = self.page.eval_on_selector(selector, f"it => getComputedStyle(it).{name}")
        return shown


@contextmanager
def opened(lab: Lab, chromium: Any, **options: Any) -> Iterator[Opened]:
    # that the certificate is a good one is checked by curl; the browser has a list of authorities of its own
    context = chromium.new_context(ignore_https_errors=True, **options)
    one = Opened(context.new_page())
    one.page.goto(f"https://{lab.tailnet.name}/macstate/")
    yield one
    context.close()
    assert one.complaints == []
    assert {url.split("/")[2] for url in one.asked if not url.startswith("data:")} == {lab.tailnet.name}


def test_it_shows_what_the_spec_declares_and_that_it_is_up(served: Lab, chromium: Any) -> None:
    with opened(served, chromium) as it:
        for name in (declared := yaml.safe_load(str(served.spec))["endpoints"]):
            it.wait_for(name, "up")
        assert it.states() == dict.fromkeys(declared, "up")


def test_what_is_dead_looks_dead_until_it_is_back(served: Lab, chromium: Any) -> None:
    with opened(served, chromium) as it:
        it.wait_for("vllm", "up")
        alive = it.style("[data-endpoint=vllm]", "borderLeftColor")
        served.mac.run("sudo launchctl bootout system/macstate.vllm")

        it.wait_for("vllm", "down")

        assert it.states() == {"ollama": "up", "vllm": "down", "a1111": "up"}
        assert it.style("[data-endpoint=vllm]", "borderLeftColor") != alive
        assert it.style("[data-endpoint=vllm]", "borderTopStyle") == "dashed"
        assert float(it.style("[data-endpoint=vllm] .name", "opacity")) < 0.6
        assert float(it.style("[data-endpoint=ollama] .name", "opacity")) == 1
        keep(it, "a-dead-one")
        code, said = served.deploy()
        assert code == 0, said
        it.wait_for("vllm", "up")


def test_what_no_route_of_the_tailnet_leads_to_is_shown_as_it_is(served: Lab, chromium: Any) -> None:
    spec = SPECS["nginx"].replace("serve: /vllm", "funnel: {https: 8443, path: /vllm}")
    spec = "".join(line for line in spec.splitlines(keepends=True) if "serve: {https: 7860}" not in line)
    assert yaml.safe_load(spec)["endpoints"]["a1111"].keys() == {"engine", "command", "port"}
    code, said = served.deploy(spec=spec)
    assert code == 0, said

    with opened(served, chromium) as it:
        for name in ("ollama", "vllm", "a1111"):
            it.wait_for(name, "up")

    code, said = served.deploy()
    assert code == 0, said


def test_every_button_copies_its_block(served: Lab, chromium: Any) -> None:
    with opened(served, chromium, permissions=["clipboard-read", "clipboard-write"]) as it:
        blocks = it.page.locator(".block").all()
        for block in blocks:
            block.locator("button").click()
            block.locator("button", has_text="Copied").wait_for()
            copied = it.page.evaluate("navigator.clipboard.readText()")
            assert copied.strip() == block.locator("pre").inner_text().strip()
        assert len(blocks) > 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_is_of_the_readers_colours(served: Lab, chromium: Any, size: str, scheme: str) -> None:
    with opened(served, chromium, viewport=SIZES[size], color_scheme=scheme) as it:
        it.wait_for("ollama", "up")
        assert it.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        ground = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(", "))
        assert (brightness > 600) == (scheme == "light")
        keep(it, f"{size}-{scheme}")


def keep(it: Opened, name: str) -> None:
    """Keep a picture for a person to look at."""
    folder = build.CACHE / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    it.page.screenshot(path=folder / f"{name}.png", full_page=True)
