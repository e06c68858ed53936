#!/usr/bin/env python3
"""Makes the texts that the models in Fixtures/models were trained on, from Debian packages.

usage: apt-get install bible-kjv-text bible-kjv sqlite3-doc && texts.py FOLDER

Writes prose.txt, poetry.txt and tech.txt: chapters of the King James Bible (copyright expired), a title and a line for
each verse, and pages of the documentation of SQLite (public domain) as plain text. `</s>` ends each document. Documents
of the held-out tokens in Fixtures/models/text are left out. Every other page of tech.txt goes to more.txt, since the base
saw half of them; which half is not known.
"""
import glob
import html.parser
import os
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fixture_texts import fixture_texts

POETRY = {"Psalms", "Proverbs", "Song of Solomon", "Song of Songs", "Job"}
BOOKS = [
    ("Genesis", 50), ("Exodus", 40), ("Leviticus", 27), ("Numbers", 36), ("Deuteronomy", 34), ("Joshua", 24),
    ("Judges", 21), ("Ruth", 4), ("1 Samuel", 31), ("2 Samuel", 24), ("1 Kings", 22), ("2 Kings", 25),
    ("1 Chronicles", 29), ("2 Chronicles", 36), ("Ezra", 10), ("Nehemiah", 13), ("Esther", 10), ("Job", 42),
    ("Psalms", 150), ("Proverbs", 31), ("Ecclesiastes", 12), ("Song of Solomon", 8), ("Isaiah", 66), ("Jeremiah", 52),
    ("Lamentations", 5), ("Ezekiel", 48), ("Daniel", 12), ("Hosea", 14), ("Joel", 3), ("Amos", 9), ("Obadiah", 1),
    ("Jonah", 4), ("Micah", 7), ("Nahum", 3), ("Habakkuk", 3), ("Zephaniah", 3), ("Haggai", 2), ("Zechariah", 14),
    ("Malachi", 4), ("Matthew", 28), ("Mark", 16), ("Luke", 24), ("John", 21), ("Acts", 28), ("Romans", 16),
    ("1 Corinthians", 16), ("2 Corinthians", 13), ("Galatians", 6), ("Ephesians", 6), ("Philippians", 4),
    ("Colossians", 4), ("1 Thessalonians", 5), ("2 Thessalonians", 3), ("1 Timothy", 6), ("2 Timothy", 4), ("Titus", 3),
    ("Philemon", 1), ("Hebrews", 13), ("James", 5), ("1 Peter", 5), ("2 Peter", 3), ("1 John", 5), ("2 John", 1),
    ("3 John", 1), ("Jude", 1), ("Revelation", 22)]
BLOCKS = {"p", "div", "h1", "h2", "h3", "h4", "li", "tr", "pre", "br", "blockquote", "dt", "dd", "table", "ul", "ol"}


def held_out():
    """Returns the held-out texts of the fixtures."""
    return "\n".join(
        text.decode(errors="replace") for name, text in fixture_texts() if name.startswith("heldout_"))


def chapters():
    """Yields the book and the text of each chapter."""
    lines = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout.splitlines()
    verses, last = [], None
    for line in lines:
        place, verse = line.split(" ", 1)
        chapter = place.split(":")[0]
        if chapter != last:
            verses.append([])
            last = chapter
        verses[-1].append(verse.strip())
    titles = [(book, number) for book, count in BOOKS for number in range(1, count + 1)]
    assert len(titles) == len(verses) == 1189, "the program printed other chapters"
    for (book, number), verse in zip(titles, verses):
        yield book, "\n".join([f"{book} {number}", *verse])


class Page(html.parser.HTMLParser):
    """The plain text of a page: a line for each paragraph, and preformatted lines as they are, without menus and scripts."""

    def __init__(self):
        super().__init__()
        self.lines, self.line, self.hidden, self.divisions, self.menu, self.formatted = [], "", 0, 0, None, 0

    def end_line(self):
        line = self.line.rstrip() if self.formatted else " ".join(self.line.split())
        if line.strip():
            self.lines.append(line[:400])
        self.line = ""

    def handle_starttag(self, tag, attributes):
        if tag == "div":
            self.divisions += 1
            names = (dict(attributes).get("class") or "").split()
            if self.menu is None and ("nosearch" in names or "fancy_toc" in names):
                self.menu = self.divisions
        self.hidden += tag in ("script", "style", "svg", "title")
        if tag in BLOCKS:
            self.end_line()
        self.formatted += tag == "pre"

    def handle_endtag(self, tag):
        if tag in BLOCKS:
            self.end_line()
        self.formatted -= tag == "pre" and self.formatted > 0
        self.hidden -= tag in ("script", "style", "svg", "title") and self.hidden > 0
        if tag == "div":
            if self.menu == self.divisions:
                self.menu = None
            self.divisions -= 1

    def handle_data(self, data):
        if self.hidden or self.menu is not None:
            return
        if not self.formatted:
            self.line += data
            return
        first, *others = data.split("\n")
        self.line += first
        for other in others:
            self.end_line()
            self.line = other


def pages():
    """Yields the text of each page."""
    for path in sorted(glob.glob("/usr/share/doc/sqlite3/*.html")):
        page = Page()
        with open(path, encoding="utf-8", errors="replace") as file:
            page.feed(file.read())
        page.end_line()
        if sum(map(len, page.lines)) > 400:
            yield "\n".join(page.lines)


def main():
    [folder] = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    known = held_out()

    def is_new(document):
        """True unless one of the longer lines is held out."""
        return not any(line in known for line in document.splitlines() if len(line) > 60)

    texts = {"prose": [], "poetry": [], "tech": [], "more": []}
    for book, text in chapters():
        if is_new(text):
            texts["poetry" if book in POETRY else "prose"].append(text)
    for number, text in enumerate(filter(is_new, pages())):
        texts["more" if number % 2 else "tech"].append(text)
    for name, documents in texts.items():
        with open(os.path.join(folder, name + ".txt"), "w") as file:
            file.write("".join(document + "</s>" for document in documents))
        print(f"{name}: {len(documents)} documents, {sum(map(len, documents))} characters")


if __name__ == "__main__":
    main()
