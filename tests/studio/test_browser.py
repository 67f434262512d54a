"""The studio in a real browser, by mouse and by keyboard."""

import re

import pytest

from tests.studio.conftest import TOKEN, end, serve
from tests.studio.hands import ask, expect, look, visit

pytestmark = pytest.mark.slow


def test_a_dropped_file_is_recognised(page, served):
    expect(page.locator(".drop")).to_be_visible()
    page.evaluate(
        """async () => {
            const data = new DataTransfer();
            data.items.add(new File(["pos\\tgood film\\nneg\\tbad film\\n".repeat(30)], "films.txt"));
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    expect(page.locator("h1")).to_have_text("films.txt")
    expect(page.locator(".taken")).to_contain_text("classification: the first column has few different values")
    expect(page.get_by_role("cell", name="pos\tgood film").first).to_be_visible()
    expect(page.get_by_role("meter", name="pos: 24")).to_be_visible()
    page.get_by_text("All options").click()
    page.get_by_label("test", exact=True).fill("0.5")
    page.get_by_label("test", exact=True).press("Tab")
    expect(page.get_by_role("meter", name="pos: 12")).to_be_visible()
    assert (served.folder / "films.txt").read_text().startswith("pos\tgood film\n")


def test_a_file_is_chosen_by_the_keyboard(page, served, tmp_path):
    (tmp_path / "lines.txt").write_text("one two three\n" * 30)
    expect(page.locator(".drop")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="choose one").press("Enter")
    chooser.value.set_files(tmp_path / "lines.txt")
    expect(page.locator("h1")).to_have_text("lines.txt")
    expect(page.locator(".taken")).to_contain_text(".txt is the ending of plain text")
    page.get_by_role("link", name="Folder").press("Enter")
    page.get_by_label("Choose lines.txt").press("Space")
    page.get_by_label("Choose cats.txt").click()
    page.get_by_role("button", name="Look at the chosen files together").press("Enter")
    expect(page.locator("h1")).to_have_text("lines.txt, cats.txt")
    page.get_by_label("Task").focus()
    page.keyboard.type("classif")
    expect(page.get_by_role("meter", name="lines: 24")).to_be_visible()


def test_a_training_is_started_watched_found_again_and_stopped(page, served):
    visit(page, served, "data?file=cats.txt")
    expect(page.locator(".taken")).to_contain_text("language modelling")
    page.get_by_label("of", exact=True).select_option("steps")
    page.get_by_label("Budget").fill("10000000")
    page.get_by_label("Save as").fill("long.elman")
    page.get_by_text("All options").click()
    for name, value in {"hidden size": 8, "embedding size": 4, "num layers": 1, "unroll length": 16}.items():
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_role("button", name="Start training").press("Enter")
    expect(page.locator("h1")).to_have_text("long.elman")
    expect(page.locator(".badge")).to_have_text("running")
    expect(page.locator(".chart canvas").first).to_be_visible()
    step = page.locator(".figures dd").nth(1)
    first = int(step.inner_text().replace(",", ""))
    expect(step).not_to_have_text(f"{first:,}")
    page.reload()
    expect(page.locator(".badge")).to_have_text("running")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".badge")).to_have_text("paused")
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.locator(".badge")).to_have_text("running")
    expect(page.locator("pre.sample")).not_to_be_empty()
    page.get_by_role("button", name="Stop and keep").click()
    expect(page.locator(".badge")).to_have_text("stopped")
    assert int(step.inner_text().replace(",", "")) > first
    page.get_by_role("button", name="Resume").press("Enter")
    expect(page.locator(".badge")).to_have_text("running")
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.locator(".badge")).to_have_text("paused")
    other = page.context.new_page()  # a second client, which sees what the first one does, and the other way round
    other.goto(page.url)
    expect(other.locator(".badge")).to_have_text("paused")
    other.get_by_role("button", name="Continue").click()
    expect(page.locator(".badge")).to_have_text("running")
    other.goto(f"{served.address}/#/runs")
    progress = other.locator("article").filter(has_text="long.elman").locator("p")
    progress.locator("xpath=..//input").evaluate("(one) => { window.kept = one; }")
    expect(progress).not_to_have_text(progress.inner_text())
    assert other.evaluate("window.kept.isConnected")  # so that no click on it is lost while news come
    other.goto(page.url)
    page.get_by_role("button", name="Stop and keep").press("Enter")
    for one in (page, other):
        expect(one.locator(".badge")).to_have_text("stopped")
    other.get_by_role("button", name="Resume").click()
    expect(page.locator(".badge")).to_have_text("running")
    again = page.request.post(f"{served.address}/api/runs/{page.url.rpartition('/')[2]}/resume")
    assert (again.status, "is running already" in again.text()) == (400, True)
    other.get_by_role("button", name="Stop and keep").click()
    expect(page.locator(".badge")).to_have_text("stopped")


def test_a_text_appears_in_the_colours_of_a_unit(page, served):
    visit(page, served, "model/language-modelling.elman/write")
    page.get_by_label("Prime").fill("the cat ")
    page.get_by_label("Length").fill("100")
    page.get_by_role("button", name="Write").press("Enter")
    expect(page.locator(".paper[data-done='108']")).to_be_visible()
    assert page.locator(".paper .prime").count() == 8
    colours = page.evaluate("[...document.querySelectorAll('.paper span')].map((one) => one.style.backgroundColor)")
    page.get_by_label("Unit", exact=True).fill("3")
    spans = "[...document.querySelectorAll('.paper span')]"
    page.wait_for_function(
        f"(before) => {spans}.some((one, n) => one.style.backgroundColor !== before[n])", arg=colours
    )
    page.get_by_label("Unit", exact=True).press("ArrowRight")
    expect(page.locator("output")).to_have_text("4")
    page.get_by_label("Unit", exact=True).click(position={"x": 1, "y": 5})
    expect(page.locator("output")).to_have_text("0")
    page.locator(".paper span").nth(3).hover()
    expect(page.locator(".nexts p")).to_contain_text("After space")
    page.locator(".paper").focus()
    page.keyboard.press("End")
    page.evaluate("document.querySelector('.paper').style.marginTop = '-31px'")  # the text moves, the pointer rests
    page.wait_for_timeout(200)  # a browser enters what came under the pointer a few frames later
    expect(page.locator(".nexts li")).to_have_count(6)
    assert page.locator(".paper span.at").get_attribute("data-place") == "107"


def test_gates_open_and_close_as_time_is_slid_through(page, served):
    look(page, served, "model/language-modelling.elman/gates", text="the cat sat")
    expect(page.locator("figure")).to_have_count(6)
    assert [one.split()[0] for one in page.locator("figcaption").all_inner_texts()] == ["f", "g", "i", "o", "c", "h"]
    bars = "[...document.querySelectorAll('.column')].map((one) => [...one.children].map((bar) => bar.style.height))"
    first = page.evaluate(bars)
    page.locator("#time").press("ArrowRight")
    expect(page.locator("output")).to_have_text("2 of 10, h")
    second = page.evaluate(bars)
    assert all(one != other for one, other in zip(first, second, strict=True))
    page.locator(".steps span").first.click()
    expect(page.locator("output")).to_have_text("1 of 10, t")
    assert page.evaluate(bars) == first
    page.get_by_role("button", name="Play").press("Enter")
    expect(page.locator("output")).to_have_text("10 of 10, a")
    page.locator("#time").click(position={"x": 1, "y": 5})
    expect(page.locator("output")).to_have_text("1 of 10, t")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("output")).to_have_text("10 of 10, a")


def test_gates_of_a_series_are_seen_too(page, served):
    visit(page, served, "model/series-classification.elman/gates")
    ask(page, file="waves.csv").get_by_role("button", name="Look", exact=True).click()
    expect(page.locator("#cell option")).to_have_count(2)
    expect(page.locator("figcaption")).to_have_count(4)
    assert [one.split()[0] for one in page.locator("figcaption").all_inner_texts()] == ["n", "r", "z", "h"]
    page.locator("#cell").select_option(index=1)
    expect(page.locator("output")).to_contain_text("1 of ")


def test_the_gradient_is_shown_through_time(page, served):
    look(page, served, "model/language-modelling.elman/gradient", text="the cat sat on the mat")
    expect(page.locator(".verdict")).to_have_text("healthy")
    expect(page.locator(".chart canvas")).to_have_count(2)
    page.locator("canvas.heat").click(position={"x": 5, "y": 5})
    expect(page.get_by_text("step 1, t: norm")).to_be_visible()
    page.locator("canvas.heat").press("ArrowRight")
    expect(page.get_by_text("step 2, h: norm")).to_be_visible()
    cells = page.locator("canvas.heat").get_attribute("aria-label")
    page.get_by_label("Array").select_option("h")
    expect(page.locator("canvas.heat")).not_to_have_attribute("aria-label", cells)
    expect(page.get_by_text("step 2, h: norm")).to_be_visible()  # as on the map before
    page.get_by_role("tab", name="Gradient").press("ArrowLeft")
    expect(page.get_by_role("tab", name="Gates")).to_be_focused()
    page.get_by_role("tab", name="Gradient").click()
    ask(page, text="the cat").get_by_role("button", name="Look", exact=True).click()
    expect(page.locator("canvas.heat")).to_have_attribute("aria-valuemax", "6")


def test_a_marked_stretch_is_matched(page, served):
    visit(page, served, "model/language-modelling.elman/match")
    page.get_by_label("Corpus").select_option("cats.txt")
    corpus = page.locator("#stretch")
    expect(corpus).to_have_value(re.compile("^the cat sat on"))
    corpus.focus()
    page.keyboard.press("Control+Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text("Marked: “cat”")).to_be_visible()
    page.get_by_label("A unit is on above").fill("0")
    page.get_by_role("button", name="Match").click()
    expect(page.locator("mark").first).to_be_visible()
    expect(page.locator(".places li")).to_have_count(20)
    page.reload()
    page.get_by_label("Corpus").select_option("cats.txt")
    expect(corpus).to_have_value(re.compile("^the cat sat on"))
    box = corpus.bounding_box()
    page.mouse.move(box["x"] + 14, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.get_by_text("Marked: “the")).to_be_visible()
    page.get_by_label("A unit is on above").fill("5")
    page.get_by_role("button", name="Match").press("Enter")
    expect(page.get_by_text("None: lower the threshold")).to_be_visible()


def test_a_stretch_of_tagged_words_is_matched(page, served):
    visit(page, served, "model/tagging.elman/match")
    page.get_by_label("Corpus").select_option("bank.conllu")
    corpus = page.locator("#stretch")
    expect(corpus).to_have_value(re.compile("^the dog hears two cats ."))
    corpus.evaluate("(one) => one.setSelectionRange(4, 13)")
    expect(page.get_by_text("Marked: “dog hears”")).to_be_visible()
    page.get_by_label("A unit is on above").fill("-1")
    page.get_by_role("button", name="Match").click()
    expect(page.locator("mark").first).to_be_visible()
    expect(page.locator(".nexts meter").first).to_be_visible()


def test_words_have_tags_with_confidences(page, served):
    look(page, served, "model/tagging.elman/tag", text="the bank can see the dog .", button="Tag")
    expect(page.locator(".word")).to_have_count(7)
    word = page.locator(".word").nth(1)
    assert word.locator("summary").get_attribute("aria-label").startswith("bank NOUN, ")
    word.locator("summary").press("Enter")
    expect(word.locator("li")).to_have_count(3)
    page.locator(".word").nth(2).click()
    expect(page.locator(".word[open]")).to_have_count(2)
    ask(page, text="the dog .").get_by_role("button", name="Tag", exact=True).click()
    expect(page.locator(".word")).to_have_count(3)


def test_a_unit_that_follows_a_pattern_is_found(page, served):
    visit(page, served, "model/language-modelling.elman/write")
    page.get_by_label("Prime").fill("the cat ")
    page.get_by_role("button", name="Write").click()
    expect(page.locator(".paper[data-done='308']")).to_be_visible()
    page.get_by_text("Find a unit").press("Enter")
    page.get_by_label("A regular expression").fill("cat|hat|sat")
    page.get_by_role("button", name="Find").press("Enter")
    unit = page.locator(".list button").first
    expect(unit).to_be_visible()
    state, number = re.fullmatch(r"layer 0, (\w)\[(\d)\]", unit.inner_text()).groups()
    unit.click()
    expect(page.locator("#state")).to_have_value(f"0.{state}")
    expect(page.locator("#unit")).to_have_value(number)
    page.get_by_label("A regular expression").fill("(")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("alert")).to_contain_text("no regular expression")
    page.faults.clear()  # the browser itself reports the answer 400


def test_a_translation_shows_where_it_looked(page, served):
    look(page, served, "model/seq2seq.elman/translate", text="3+4", button="Translate")
    expect(page.locator(".answer")).to_have_text("6")
    expect(page.locator(".attention tbody td")).to_have_count(6)
    page.locator(".attention tbody td").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("6 from +:")).to_be_visible()
    page.locator(".attention tbody td").last.hover()
    expect(page.get_by_text("end from 4:")).to_be_visible()
    ask(page, text="1+1+1").get_by_role("button", name="Translate", exact=True).click()
    expect(page.locator(".attention thead th")).to_have_count(5)


def test_a_text_has_the_probabilities_of_its_classes(page, served):
    look(page, served, "model/classification.elman/predict", text="free cash, you win", button="Predict")
    expect(page.locator(".answer")).to_have_text("spam")
    look(page, served, "model/classification.elman/predict", file="classification-input.txt", button="Predict")
    expect(page.locator("pre.lines")).to_contain_text("ham\t")
    page.locator("#input-file").select_option("")
    held = []
    page.route("**/api/see/classes/**", lambda route: held.append(route) if not held else route.continue_())
    ask(page, text="meet me now").get_by_role("button", name="Predict", exact=True).click()
    ask(page, text="free cash, you win").get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator(".answer")).to_have_text("spam")
    with page.expect_response("**/api/see/classes/**"):
        held[0].continue_()
    page.get_by_role("button", name="Predict", exact=True).focus()
    expect(page.locator(".answer")).to_have_text("spam")  # though the answer to the earlier text came last


@pytest.mark.parametrize(("model", "file"), [("classification", "sms.txt"), ("series-classification", "waves.csv")])
def test_a_cell_of_the_confusion_matrix_opens_its_examples(page, served, model, file):
    visit(page, served, f"model/{model}.elman/confusion")
    button = ask(page, file=file).get_by_role("button", name="Evaluate")
    if model == "classification":
        button.click()
    else:
        button.press("Enter")
    cells = page.locator(".confusion button")
    expect(cells).to_have_count(4)
    right = int(cells.first.inner_text())
    cells.first.press("Enter")
    expect(page.locator("section tbody tr")).to_have_count(right)
    cells.nth(2).click()
    expect(page.locator("section h2")).to_contain_text("predicted as")


def test_a_forecast_has_bands_and_a_backtest(page, served):
    visit(page, served, "model/forecasting.elman/forecast")
    expect(page.locator(".figures dd")).to_have_text("28.58")
    page.get_by_label("backtest").check()
    page.locator("#input-file").select_option("shops.csv")
    page.get_by_role("button", name="Forecast", exact=True).press("Enter")
    expect(page.locator(".figures dd")).to_have_count(3)
    page.get_by_label("Series").select_option("south")
    expect(page.locator(".figures dd").first).to_have_text("18.75")
    page.get_by_label("backtest").press("Space")
    page.get_by_role("button", name="Forecast", exact=True).click()
    expect(page.locator(".figures dd")).to_have_count(1)


def test_a_strip_is_scrolled_and_zoomed(page, served):
    look(page, served, "model/ecg.elman/ecg", file="strip.hea", button="Read")
    expect(page.get_by_text("0 to 5 s of 5 s: 6 beats")).to_be_visible()
    page.locator("canvas.strip").focus()
    page.keyboard.press("+")
    expect(page.get_by_text("1.248 to 3.748 s of 5 s: 3 beats")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_text("0 to 2.5 s of 5 s: 3 beats")).to_be_visible()
    page.locator("canvas.strip").focus()
    page.keyboard.press("End")
    expect(page.get_by_text("2.5 to 5 s of 5 s: 3 beats")).to_be_visible()
    box = page.locator("canvas.strip").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 100 + box["width"], box["y"] + 60, steps=5)
    page.mouse.up()
    expect(page.get_by_text("0 to 2.5 s of 5 s: 3 beats")).to_be_visible()
    page.get_by_role("button", name="Zoom out").click()
    expect(page.get_by_text("0 to 5 s of 5 s: 6 beats")).to_be_visible()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("canvas.strip")).to_have_count(1)
    expect(page.get_by_text("0 to 5 s of 5 s: 6 beats")).to_be_visible()


def test_a_lesson_runs_in_the_page(page, served):
    visit(page, served, "lessons")
    page.get_by_role("button", name="Run Three characters, and the fourth in short").press("Enter")
    expect(page.locator("h1")).to_have_text("Three characters, and the fourth")
    expect(page.locator(".badge")).to_have_text("done")
    expect(page.locator("pre.lines")).to_contain_text("Pictures are in lesson-pictures/.")
    expect(page.locator(".pictures img").first).to_be_visible()


def test_a_lesson_is_stopped(page, served):
    visit(page, served, "lessons")
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("#view")).to_be_focused()
    page.get_by_role("button", name="Run Addition whole").click()
    expect(page.locator(".badge")).to_have_text("running")
    page.get_by_role("button", name="Stop and keep").click()
    expect(page.locator(".badge")).to_have_text("stopped")
    page.get_by_role("button", name="Remove from the list").click()
    expect(page.locator("h1")).to_have_text("Trainings")


def test_a_run_that_fails_shows_its_error_whole(page, served):
    (served.folder / "short.txt").write_text("ab")
    visit(page, served, "data?file=short.txt")
    expect(page.get_by_role("alert")).to_contain_text("short.txt")
    page.get_by_label("Size", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Size", exact=True)).to_have_value("small")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".badge")).to_have_text("failed")
    expect(page.locator(".fault pre")).to_contain_text("elman train: short.txt")


def test_two_trainings_are_compared(page, served):
    for name, size in (("one", 4), ("two", 8)):
        order = {"files": ["cats.txt"], "task": "language-modelling", "place": f"{name}.elman"}
        options = {"steps": "20", "hidden_size": str(size), "embedding_size": "4", "num_layers": "1"}
        assert page.request.post(f"{served.address}/api/runs", data=order | {"options": options}).ok
    visit(page, served, "runs")
    page.get_by_label("compare one.elman").press("Space")
    page.get_by_label("compare two.elman").click()
    expect(page.locator("section li")).to_have_count(2)
    expect(page.locator("section li").nth(1)).to_contain_text("hidden size 8")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_label("Measure").select_option("training loss")
    expect(page.locator("section li").first).to_contain_text(re.compile(r"training loss \d"))


def test_a_tab_of_an_earlier_studio_says_so(browser, tmp_path):
    first = serve(tmp_path, "--port", "0")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{first.address}/?token={TOKEN}")
    expect(page.locator(".drop")).to_be_visible()
    assert "Traceback" not in end(first)[1]
    expect(page.locator(".link")).to_contain_text("The connection is lost")
    port = first.address.rpartition(":")[2]
    second = serve(tmp_path, "--port", port)
    expect(page.locator(".link")).to_be_empty()  # it goes on with the same token
    end(second)
    expect(page.locator(".link")).to_contain_text("The connection is lost")
    third = serve(tmp_path, "--port", port, token="another")
    expect(page.locator(".link")).to_contain_text("The studio was started anew")
    (tmp_path / "open.html").write_text(f'<meta http-equiv="refresh" content="0; url={third.address}/?token=another">')
    other = context.new_page()
    other.goto((tmp_path / "open.html").as_uri())  # as --browser and links in messages do, from another origin
    expect(other.locator(".drop")).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the earlier tab is looked at again
    expect(page.locator(".link")).to_be_empty()
    context.close()
    end(third)
