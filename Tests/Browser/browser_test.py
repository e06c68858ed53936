"""Opens reports in headless Chromium: no errors, no requests, charts, sorting, searching, hostile names, many tensors.

usage: browser_test.py PROGRAM [--pictures FOLDER] [--tensors N]
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

from devtools import Browser

MODEL = os.path.join(os.path.dirname(__file__), "../../Fixtures/models/base")
FAILED = []


def check(condition, text):
    print(("ok    " if condition else "FAILED") + "  " + text)
    if not condition:
        FAILED.append(text)


def safetensors(path, tensors):
    """Writes float32 tensors, each with a name and its values."""
    header, data = {}, b""
    for name, values in tensors:
        start = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def run(program, *arguments):
    subprocess.run([program, *arguments, "-q"], check=True)


def names(browser):
    return browser.value("[...document.querySelectorAll('#rows tbody th')].map(c => c.textContent)")


def check_model(browser, path):
    browser.open(path)
    count = browser.value("JSON.parse(document.getElementById('data').textContent).rows.length")
    check(browser.value("document.querySelectorAll('svg.chart').length") >= 6, "the charts are present")
    check(
        browser.value("[...document.querySelectorAll('svg.chart')].every("
                      "c => c.getAttribute('role') === 'img' && c.querySelector('title') && c.querySelector('desc'))"),
        "each chart has a role, a title and a description")
    check(len(names(browser)) == min(200, count), "the table has its rows")
    check(browser.value("document.querySelectorAll('#rows thead th[aria-sort]').length") > 10, "columns can be sorted")

    browser.value("[...document.querySelectorAll('#rows thead button')].find(b => b.textContent === 'values').click()")
    values = browser.value(
        "(() => { const i = [...document.querySelectorAll('#rows thead th')].findIndex(c => c.textContent === 'values');"
        "return [...document.querySelectorAll('#rows tbody tr')].map(r => Number(r.children[i].textContent.replaceAll(',', ''))); })()")
    check(values == sorted(values, reverse=True) and values[0] > values[-1], "sorting by values orders the rows")
    check(
        browser.value("document.querySelectorAll('#rows thead th[aria-sort=descending]').length") == 1,
        "the sorted column says so")

    browser.value(
        "(() => { const s = document.getElementById('search'); s.value = 'down_proj 1.';"
        "s.dispatchEvent(new Event('input')); return new Promise(d => setTimeout(d, 300)); })()")
    found = names(browser)
    check(0 < len(found) < count and all("down_proj" in n and "1." in n for n in found), "searching finds the rows")
    check("of" in browser.value("document.getElementById('status').textContent"), "the number of found rows is announced")

    browser.value("document.querySelector('#rows thead button').focus()")
    check(browser.value("document.activeElement.tagName") == "BUTTON", "heads of columns take the focus")
    check(browser.problems() == [], f"no errors and no requests {browser.problems()}")


def check_hostile(browser, program, folder):
    hostile = [
        "</script><script>window.hacked = 1</script>", "<img src=x onerror=window.hacked=1>",
        "\"'><b onclick=window.hacked=1>", "\"\u0301 onmouseover=\u0301window.hacked=1", "a\u0000b\u001b[2J", "\u202egnp.exe",
        "<!--<script>", "${window.hacked=1}{{title}}",
    ]
    model, page = os.path.join(folder, "hostile.safetensors"), os.path.join(folder, "hostile.html")
    safetensors(model, [(f"layers.{i}.{name}", [1.0, -2.0]) for i, name in enumerate(hostile)])
    run(program, "report", model, "-o", page)
    browser.open(page)
    check(browser.value("window.hacked === undefined"), "names do not run")
    check(browser.value("document.querySelectorAll('img, b, main script').length") == 0, "names make no elements")
    shown = names(browser)
    check(len(shown) == len(hostile) and any("<img src=x" in name for name in shown), "names with markup stay text")
    check(
        browser.value("!/[\\u0000-\\u0009\\u000b-\\u001f\\u202a-\\u202e]/.test(document.querySelector('tbody').textContent)"),
        "control characters are escaped")
    check(browser.problems() == [], f"no errors and no requests {browser.problems()}")


def check_difference(browser, program, folder, packed):
    page = os.path.join(folder, "changes.html")
    run(program, "report", MODEL, packed, "-o", page)
    browser.open(page)
    check(browser.value("document.querySelectorAll('svg.chart').length") >= 1, "the chart of a difference is present")
    check(len(names(browser)) == 39, "a difference has a row for each tensor")
    check(browser.problems() == [], f"no errors and no requests {browser.problems()}")


def check_many(browser, program, folder, count):
    model, page = os.path.join(folder, "many.safetensors"), os.path.join(folder, "many.html")
    safetensors(model, [(f"layers.{i // 1000}.mlp.experts.{i % 1000}.w", [float(i)]) for i in range(count)])
    run(program, "report", model, "-o", page)
    seconds = browser.open(page)
    print(f"        {count:,} tensors: {os.path.getsize(page) / 1e6:.1f} MB, opened in {seconds:.2f} s")
    check(browser.value("document.querySelectorAll('#rows tbody tr').length") <= 1000, "rows are made as they are needed")
    browser.value("document.querySelector('.rows').scrollTo(0, 1e9); new Promise(d => setTimeout(d, 400))")
    check(browser.value("document.querySelectorAll('#rows tbody tr').length") > 200, "scrolling makes more rows")
    check(browser.problems() == [], f"no errors and no requests {browser.problems()}")

    model, page = os.path.join(folder, "thousand.safetensors"), os.path.join(folder, "thousand.html")
    safetensors(model, [(f"model.layers.{i // 10}.block.part{i % 10}.weight", [0.1 * k for k in range(64)]) for i in range(1000)])
    run(program, "report", model, "-o", page)
    check(os.path.getsize(page) < 2_000_000, f"a report on 1,000 tensors has {os.path.getsize(page)} bytes, below 2 MB")


def check_themes(path, pictures):
    for name, width, height, dark in [
        ("report-light", 1000, 700, False), ("report-dark", 1000, 700, True), ("report-phone", 390, 760, False)
    ]:
        browser = Browser(width, height, dark)
        try:
            browser.open(path)
            check(
                browser.value("document.documentElement.scrollWidth <= innerWidth"), f"{name}: no part is wider than the window")
            color = browser.value("getComputedStyle(document.body).backgroundColor")
            check((color == "rgb(255, 255, 255)") != dark, f"{name}: the background is {color}")
            check(browser.problems() == [], f"{name}: no errors")
            if pictures:
                browser.picture(os.path.join(pictures, name + ".png"))
                browser.value("document.getElementById('layers').scrollIntoView()")
                browser.picture(os.path.join(pictures, name + "-layers.png"))
                browser.value("document.getElementById('table').scrollIntoView()")
                browser.picture(os.path.join(pictures, name + "-table.png"))
        finally:
            browser.close()


def main():
    program = os.path.abspath(sys.argv[1])
    # The statistics of 100,000 tensors take minutes, so the page on as many is opened on demand.
    count = int(sys.argv[sys.argv.index("--tensors") + 1]) if "--tensors" in sys.argv else 1500
    pictures = sys.argv[sys.argv.index("--pictures") + 1] if "--pictures" in sys.argv else None
    with tempfile.TemporaryDirectory() as folder:
        packed, page = os.path.join(folder, "packed.sumac"), os.path.join(folder, "model.html")
        pruned = os.path.join(folder, "pruned.sumac")
        run(program, "prune", MODEL, "--by", "magnitude", "--amount", "30%", "-o", pruned)
        run(program, "convert", pruned, "--type", "int8", "-o", packed)
        subprocess.run([program, "report", "packed.sumac", "-o", page, "-q"], check=True, cwd=folder)
        browser = Browser()
        try:
            check_model(browser, page)
            check_hostile(browser, program, folder)
            check_difference(browser, program, folder, packed)
            check_many(browser, program, folder, count)
        finally:
            browser.close()
        check_themes(page, pictures)
    print(f"{len(FAILED)} failed" if FAILED else "all checks of reports in a browser passed")
    sys.exit(1 if FAILED else 0)


main()
