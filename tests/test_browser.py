"""What people do with the pages, in a real browser: by mouse, by keyboard alone, and with JavaScript off."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from service.wording import LANGUAGES
from tests.site import SCRIPT, foreign_site, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="NO BROWSER: install Debian's package `chromium`; the pages were NOT tried in one",
    ),
]

QUESTION = "retired masters who mentor apprentices that think of quitting"
PROBLEM = (
    "Our apprentices think of quitting because no master listens to them in the first year. We need a retired master "
    "who mentors each of them every week and gives advice. Some pupils are often sick and their parents are never told "
    "of the absence on the same day. We need a nurse who phones the parents."
)
PAGES = {
    "start": "/",
    "answer": f"/?q={QUESTION}",
    "problem": f"/?q={PROBLEM}",
    "nothing": "/?q=bake the cake with sugar until golden",
    "no-practice-passes": "/?q=mentors&country=GR&approaches=outreach",
    "listing": "/practices",
    "practice": "/practices/mentors",
    "hostile": "/practices/%3Cimg%3E%26%22'%2B;%5Bbold%5D%C3%A9%F0%9F%8E%93",
    "map": f"/map?q={QUESTION}",
    "compare": "/compare?pick=mentors&pick=street-work&pick=long-title",
    "about": "/about",
    "widget": "/widget",
    "error": "/practices/nobody",
}
FRAMED = {"embed": "/embed/related/mentors", "demo": "/embed/demo", "api": "/api/v1/docs"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("site")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, home: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=home, locale="en-GB", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def plain(browser: Browser, home: str) -> Iterator[Page]:
    """A page with JavaScript off."""
    context = browser.new_context(base_url=home, locale="en-GB", java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def ask(page: Page, question: str = QUESTION) -> None:
    page.goto("/")
    page.get_by_label("Your problem, in your own words").fill(question)
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#hit-1")).to_be_visible()


def hits(page: Page) -> list[str]:
    return page.locator(".hits h3").all_inner_texts()


def test_a_question_is_answered_with_the_sentence_that_says_why(page: Page) -> None:
    ask(page)

    first = page.locator("#hit-1")
    expect(first.get_by_role("heading")).to_have_text("Senior mentors")
    expect(first.locator(".yours mark")).to_have_text(QUESTION)
    expect(first.locator(".theirs mark")).to_have_text("Retired masters mentor apprentices who think of quitting.")
    expect(first).to_contain_text("Survey or process evaluation")
    expect(first).to_contain_text("Germany")
    expect(first.locator(".confidence")).to_have_text(re.compile(r"fit \(\d+%\)"))
    expect(page).to_have_url(re.compile(r"\?q=retired\+masters"))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"10 practices shown\."))


def test_the_address_of_an_answer_gives_the_same_answer_again(page: Page, context: BrowserContext) -> None:
    ask(page)
    page.locator("#filter-country").get_by_label("Germany").check()
    expect(page).to_have_url(re.compile("country=DE"))
    expect(page.locator(".hits > li")).to_have_count(2)
    again = context.new_page()
    again.goto(page.url)

    assert hits(again) == hits(page) == ["Senior mentors", "Street work"]


def test_filters_are_set_removed_and_undone_by_back(page: Page) -> None:
    ask(page)
    unfiltered = hits(page)
    page.locator("#filter-country").get_by_label("Germany").check()
    expect(page.locator(".hits > li")).to_have_count(2)
    chip = page.get_by_role("link", name="Remove the filter Country: Germany")
    expect(chip).to_be_visible()

    page.go_back()
    expect(page.locator(".hits > li")).to_have_count(len(unfiltered))
    assert hits(page) == unfiltered
    expect(page.locator("#filter-country").get_by_label("Germany")).not_to_be_checked()
    page.go_forward()
    expect(chip).to_be_visible()
    chip.click()
    expect(page.locator(".hits > li")).to_have_count(len(unfiltered))
    expect(chip).to_have_count(0)


def test_where_no_practice_passes_the_page_says_which_filter_to_drop(page: Page) -> None:
    page.goto(PAGES["no-practice-passes"])
    expect(page.get_by_role("heading", name="No practice passes all of these filters")).to_be_visible()
    page.get_by_role("link", name="without Country: Greece").click()

    expect(page.locator(".hits > li")).to_have_count(2)
    assert "Street work" in hits(page)


def test_what_is_not_in_the_catalogue_is_said_in_words(page: Page) -> None:
    page.goto(PAGES["nothing"])

    expect(page.locator(".verdict")).to_contain_text("Nothing in this catalogue fits the question.")
    expect(page.locator(".hits")).to_have_count(0)


def test_a_long_problem_shows_its_needs_and_which_practice_covers_which(page: Page) -> None:
    ask(page, PROBLEM)
    expect(page.get_by_role("heading", name="Your description has 2 needs")).to_be_visible()

    assert len(page.locator(".needs li").all()) == 2
    row = page.locator(".matrix tbody tr", has_text="Senior mentors")
    assert [cell.split(",")[0].strip("●·\n ") for cell in row.locator("td").all_inner_texts()] == ["Yes", "No"]


def test_the_listing_turns_pages(page: Page) -> None:
    page.goto("/practices")
    expect(page.get_by_text("Displaying results 1 - 12 of 13").first).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".displaying")).to_have_text("Displaying results 13 - 13 of 13")
    expect(page.get_by_role("status")).to_have_text("Displaying results 13 - 13 of 13")
    page.go_back()
    expect(page.locator(".displaying")).to_have_text("Displaying results 1 - 12 of 13")


def test_practices_are_ticked_and_compared(page: Page) -> None:
    ask(page)
    page.locator("#hit-1").get_by_role("link", name="Add to shortlist").click()
    expect(page.locator("#hit-1").get_by_role("link", name="On your shortlist")).to_be_focused()
    page.get_by_role("link", name="Add to shortlist Street work").click()
    expect(page).to_have_url(re.compile("pick=mentors&pick=street-work"))
    page.get_by_role("link", name="Compare").click()

    expect(page.get_by_role("columnheader")).to_have_text(["Senior mentors", "Street work"])
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Approaches"))
    assert row.locator("td").nth(1).inner_text().split("\n") == ["Outreach", "Mentoring"]
    assert row.locator(".is-shared").all_inner_texts() == ["Mentoring", "Mentoring"]
    cost = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Effect on early leaving"))
    assert cost.locator("td").all_inner_texts() == ["Positive", "Not known"]


def test_two_ticks_at_once_are_both_kept(page: Page) -> None:
    ask(page)
    expect(page.locator("#hit-1")).to_be_visible()
    page.evaluate("['mentors', 'street-work'].forEach((id) => document.getElementById(`tick-${id}`).click())")

    expect(page.locator(".shortlist li")).to_have_count(2)
    expect(page).to_have_url(re.compile("pick=mentors&pick=street-work"))


def test_what_is_typed_while_an_answer_is_on_its_way_is_kept(page: Page) -> None:
    page.goto("/")
    page.evaluate(
        "() => { const ask = fetch; window.fetch = async (...all) => { const answer = await ask(...all);"
        " await new Promise((done) => setTimeout(done, 1000)); return answer; }; }"
    )
    page.keyboard.type("mentors")
    page.keyboard.press("Enter")
    page.keyboard.type(" for apprentices")
    expect(page.locator("#hit-1")).to_be_visible()

    expect(page.locator("textarea")).to_have_value("mentors for apprentices")
    expect(page.locator("textarea")).to_be_focused()


@pytest.mark.parametrize("kind", ["CSV", "Excel", "Briefing (Word)"])
def test_an_answer_is_downloaded(page: Page, kind: str) -> None:
    ask(page)
    with page.expect_download() as waited:
        page.locator(".answer-head").get_by_role("link", name=kind).click()
    content = Path(waited.value.path()).read_bytes()

    assert re.fullmatch(r"practices-\d{4}-\d\d-\d\d\.(csv|xlsx|docx)", waited.value.suggested_filename)
    if kind == "CSV":
        first, *_ = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        assert (first["Id"], first["Question"]) == ("mentors", QUESTION)
    else:
        assert content.startswith(b"PK")


def test_a_related_practice_is_found_by_tab_and_opened(page: Page) -> None:
    page.goto("/practices/mentors")
    page.get_by_role("link", name="Other country").click()
    expect(page).to_have_url(re.compile("mode=other-country#related$"))
    expect(page.locator(".cards li").first).to_be_visible()
    assert not [one for one in page.locator(".cards .meta").all_inner_texts() if "Germany" in one]
    page.get_by_role("link", name="Similar approach").click()
    expect(page.locator(".cards li")).to_have_count(1)
    page.locator(".cards").get_by_role("link", name="Street work").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Street work")


def test_the_language_is_switched_and_the_question_kept(page: Page) -> None:
    ask(page)
    page.locator(".languages summary").click()
    page.get_by_role("button", name="Deutsch").click()

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("textarea")).to_have_value(QUESTION)
    expect(page.locator("#hit-1")).to_contain_text("Deutschland")
    page.locator(".site-name").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_a_browser_gets_its_own_language(browser: Browser, home: str) -> None:
    context = browser.new_context(base_url=home, locale="el-GR")
    page = context.new_page()
    page.goto("/practices/mentors")

    expect(page.locator("html")).to_have_attribute("lang", "el")
    expect(page.locator(".facts")).to_contain_text("Γερμανία")
    context.close()


def test_everything_works_with_javascript_off(plain: Page) -> None:
    plain.goto("/")
    plain.get_by_label("Your problem, in your own words").fill(QUESTION)
    plain.get_by_role("button", name="Search").click()
    expect(plain.locator("#hit-1 h3")).to_have_text("Senior mentors")
    plain.locator("#filters > summary").dispatch_event("click")
    plain.locator("#filter-country").get_by_label("Germany").check()
    plain.get_by_role("button", name="Apply filters").click()
    assert hits(plain) == ["Senior mentors", "Street work"]
    plain.get_by_role("link", name="Add to shortlist Senior mentors").click()
    plain.get_by_role("link", name="Add to shortlist Street work").click()
    plain.get_by_role("link", name="Compare").click()
    expect(plain.get_by_role("columnheader")).to_have_text(["Senior mentors", "Street work"])
    plain.get_by_role("link", name="All practices").first.click()
    plain.get_by_label("Sort by").select_option("newest")
    plain.get_by_role("button", name="Sort").click()
    expect(plain.locator(".hits h2").first).to_have_text("Absence follow-up")
    plain.get_by_role("link", name="Map").first.click()
    plain.get_by_role("link", name="Senior mentors", exact=True).first.click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Senior mentors")
    plain.go_back()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Map of the practices")


def test_a_whole_visit_is_made_with_the_keyboard_alone(page: Page) -> None:
    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            focused = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()")
            if re.sub(r"\s+", " ", focused).startswith(name):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"nobody sees that {name} has the focus"
                return
        raise AssertionError(f"Tab never reached {name}")

    page.goto("/")
    page.keyboard.type(QUESTION)  # the box has the focus
    page.keyboard.press("Enter")
    expect(page.locator("#hit-1")).to_be_visible()
    tab_to("Germany")
    page.keyboard.press("Space")
    expect(page.locator(".hits > li")).to_have_count(2)
    tab_to("Add to shortlist Senior mentors")
    page.keyboard.press("Enter")
    tab_to("Add to shortlist Street work")
    page.keyboard.press("Enter")
    expect(page.locator(".shortlist li")).to_have_count(2)
    tab_to("Compare")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare practices")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first stop skips to the content
    expect(page.locator("main")).to_be_focused()


def test_nothing_covers_what_has_the_focus(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 600})
    page.goto(f"/?q={QUESTION}&pick=mentors&pick=street-work")
    covered = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(
            "() => { const one = document.activeElement; const box = one.getClientRects()[0];"
            " const top = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
            " return [one.textContent.trim().slice(0, 40), !box || one === document.body || one.contains(top)"
            " || top?.contains(one)]; }"
        )
        if not is_seen:
            covered.append(name)

    assert covered == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_moves_while_it_loads(page: Page, name: str) -> None:
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) => { for (const one of list.getEntries()) window.moved +="
        " one.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(PAGES[name], wait_until="networkidle")

    assert page.evaluate("window.moved") < 0.05  # a good score is up to 0.1


def test_the_map_is_read_by_pointer_and_by_arrow_keys(page: Page) -> None:
    page.goto(PAGES["map"])
    card = page.locator("#map-card strong")
    expect(page.locator(".is-hit")).to_have_count(10)
    page.locator(".dot[data-rank='2']").hover()
    expect(card).to_have_text(re.compile(r"^2\. "))
    page.locator(".dot[data-rank='1']").focus()
    expect(card).to_have_text("1. Senior mentors")
    assert page.locator(".dot[tabindex='0']").count() == 1
    places = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        places.add(card.inner_text())
    assert len(places) >= 3
    page.locator(".dot[data-rank='1']").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Senior mentors")


def test_hostile_texts_are_shown_as_texts_and_do_nothing(page: Page) -> None:
    for name in ("hostile", "listing", "map", "compare"):
        page.goto(PAGES[name])
        assert page.title() != "broken in"
        assert page.locator("main img, main b, main textarea").count() == 0
    page.goto(PAGES["hostile"])

    expect(page.get_by_role("heading", level=1)).to_contain_text(SCRIPT)
    expect(page.locator(".record")).to_contain_text("{{ 7*7 }}")
    expect(page.locator(".record")).to_contain_text("onerror=\"document.title='broken in'\"")
    assert page.locator(".sources a").all_inner_texts() == ["https://source.example/?a=1&b=2"]


@pytest.mark.parametrize("name", [*PAGES, *FRAMED])
def test_no_page_breaks_its_own_policy_or_asks_another_host(context: BrowserContext, home: str, name: str) -> None:
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "404" not in message.text:
            complaints.append(message.text)

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("console", hear)
    page.on("request", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto((PAGES | FRAMED)[name], wait_until="networkidle")

    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert complaints == []
    assert [url for url in asked if not url.startswith((home, "data:"))] == []
    assert context.cookies() == []


def test_the_policy_stops_a_script_that_gets_into_a_page(page: Page) -> None:
    page.goto("/")
    page.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'document.title = \"broken in\"';"
        " document.body.append(one); }"
    )

    assert page.title() != "broken in"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_on_any_page(browser: Browser, home: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(
        base_url=home, color_scheme=scheme, locale="en-GB", viewport={"width": width, "height": 900}
    )
    page, axe, found = context.new_page(), Axe(), {}
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    for name, address in {
        **PAGES,
        "embed": FRAMED["embed"],
        "shortlist": f"/?q={QUESTION}&pick=mentors&pick=long-title",
    }.items():
        page.goto(address)
        violations = axe.run(page, options=rules).response["violations"]
        found |= {f"{name}: {one['id']}": [node["target"] for node in one["nodes"]][:3] for one in violations}
    context.close()

    assert found == {}


def test_axe_would_find_a_fault(page: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto("/")
    page.evaluate("document.querySelector('label[for=q]').remove()")

    assert Axe().run(page).violations_count > 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 640])
def test_no_page_needs_to_be_scrolled_sideways(page: Page, name: str, width: int) -> None:
    """320 CSS pixels; 640 are a window of 1280 at 200 % zoom."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(PAGES[name])

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_language_is_too_long_for_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    widths = {}
    for language in LANGUAGES:
        for address in ("/", "/practices", "/practices/mentors", "/map", "/compare?pick=mentors&pick=street-work"):
            page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
            widths[language, address] = page.evaluate("document.documentElement.scrollWidth")

    assert {key: width for key, width in widths.items() if width > 320} == {}


def test_text_can_be_twice_as_large(page: Page) -> None:
    page.goto(PAGES["answer"])
    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_nothing_moves_for_readers_who_want_less_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(PAGES["map"])

    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(one => { const style = getComputedStyle(one);"
        " return style.animationName !== 'none' || !/^0s/.test(style.transitionDuration) }).length"
    )
    assert moving == 0


def test_a_practice_prints_without_the_controls_of_the_page(page: Page) -> None:
    page.goto("/practices/mentors")
    page.emulate_media(media="print")

    expect(page.locator(".site-head nav")).to_be_hidden()
    expect(page.locator(".tick")).to_be_hidden()
    expect(page.locator(".facts")).to_be_visible()


def test_the_start_page_is_light(context: BrowserContext) -> None:
    page = context.new_page()
    bodies: dict[str, int] = {}
    page.on("response", lambda answer: bodies.update({answer.url: len(answer.body())}))
    page.goto("/", wait_until="networkidle")

    assert len(bodies) <= 6
    assert sum(bodies.values()) < 60_000  # bytes before compression


WIDGET_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Elsewhere</title>
<style>* {{ letter-spacing: 1px }} a {{ color: rgb(255, 0, 0) !important }} li {{ list-style: square }}
related-practices:not(:defined) {{ display: block; min-height: 27em }}</style>
<script src="{home}/widget.js" defer></script>
<h1>Another site</h1>
<div style="height: {space}px"></div>
<related-practices practice="{practice}" top-k="3" lang="en"></related-practices>
<related-practices text="{text}" top-k="3" lang="de"><a href="/own">Our own link</a></related-practices>
<p id="after">What stands below.</p>
<script>
  window.moved = 0;
  new PerformanceObserver((list) => {{ for (const one of list.getEntries()) window.moved += one.value; }})
    .observe({{ type: "layout-shift", buffered: true }});
</script>"""


def foreign_page(folder: Path, home: str, *, practice: str = "mentors", text: str = QUESTION, space: int = 0) -> None:
    folder.joinpath("index.html").write_text(
        WIDGET_PAGE.format(home=home, practice=practice, text=text, space=space), encoding="utf-8"
    )


def test_the_widget_works_on_a_foreign_site_and_moves_nothing(page: Page, home: str, tmp_path: Path) -> None:
    foreign_page(tmp_path, home)
    with foreign_site(tmp_path) as elsewhere:
        page.goto(elsewhere)
        first, second = page.locator("related-practices").all()
        expect(first.get_by_role("link", name="Street work")).to_be_visible()
        expect(second.get_by_role("link", name="Senior mentors")).to_be_visible()
        assert page.evaluate("window.moved") == 0
        assert first.get_by_role("link", name="Street work").evaluate("one => getComputedStyle(one).color") != (
            "rgb(255, 0, 0)"
        )
        first.get_by_role("link", name="Street work").click()
        expect(page).to_have_url(re.compile(f"^{re.escape(home)}/practices/street-work"))


def test_the_widget_shows_hostile_texts_as_texts(page: Page, home: str, tmp_path: Path) -> None:
    foreign_page(tmp_path, home, practice="street-work", text="hostile pupils write")
    with foreign_site(tmp_path) as elsewhere:
        page.goto(elsewhere)
        second = page.locator("related-practices").nth(1)
        expect(second).to_contain_text(SCRIPT)
        assert page.title() == "Elsewhere"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_widget_asks_only_when_it_comes_into_view(page: Page, home: str, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    foreign_page(tmp_path, home, space=4000)
    with foreign_site(tmp_path) as elsewhere:
        page.goto(elsewhere, wait_until="networkidle")
        assert not [url for url in asked if "/embed/" in url]
        page.locator("#after").scroll_into_view_if_needed()
        expect(page.locator("related-practices").first.get_by_role("link", name="Street work")).to_be_visible()


def test_the_widget_falls_back_to_links_where_the_service_is_away(page: Page, home: str, tmp_path: Path) -> None:
    foreign_page(tmp_path, home)
    page.route(re.compile("/embed/"), lambda route: route.abort())
    with foreign_site(tmp_path) as elsewhere:
        page.goto(elsewhere)
        first, second = page.locator("related-practices").all()
        expect(first.get_by_role("link").first).to_be_visible()
        assert first.get_by_role("link").first.get_attribute("href").startswith(home)
        expect(second.get_by_role("link", name="Our own link")).to_be_visible()
