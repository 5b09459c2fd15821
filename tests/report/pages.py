"""What tests of pages share: the words that a reader sees before anything is unfolded, and where they stand."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
OFFLINE = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PHONE = {"width": 390, "height": 844}

JARGON = re.compile(
    r"\b(AUC|TPR|FPR|Holm|epsilon|LiRA|shadow|lots|loneli\w*|told|n_leaked|drawn alike|learned by heart)\b"
    r"|`|==|!=|\b\w+\(|--\w|divulge (audit|compare|report|gate)|pip install|\b\w+_\w+\b"
)
"""What no one has to read who decides: metrics, expressions, commands, names of settings, words of our own."""


class Unfolded(HTMLParser):
    """The text of a page outside of closed details, scripts and styles; a summary is outside of its details."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "rect", "circle", "path", "line", "option"})

    def __init__(self, everything=False):
        super().__init__()
        self.everything, self.open, self.parts = everything, [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            folds = tag == "details" and "open" not in dict(attributes) and not self.everything
            self.open.append((tag, folds))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if {"script", "style", "title", "svg"} & set(tags):
            return
        folded = [place for place, (_, folds) in enumerate(self.open) if folds]
        shown = not folded or (len(folded) == 1 and "summary" in tags[folded[0] + 1 : folded[0] + 2])
        if shown:
            self.parts.append(data)


def text_of(page, everything=False):
    """The text before anything is unfolded, or all of it."""
    parser = Unfolded(everything)
    parser.feed(page)
    return re.sub(r"\s+", " ", " ".join(parser.parts)).strip()


def words_in(text):
    """Words: marks and signs alone are none."""
    return [word for word in text.split() if re.search(r"\w", word)]


WORDS_ABOVE = """height => {
    const words = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const node = walk.currentNode, parent = node.parentElement;
        if (parent.closest('script, style, .skip, .unseen') || !parent.checkVisibility()) continue;
        for (const match of node.textContent.matchAll(/\\S+/g)) {
            const range = document.createRange();
            range.setStart(node, match.index);
            range.setEnd(node, match.index + match[0].length);
            const box = range.getBoundingClientRect();
            if (box.width && box.top < height) words.push(match[0]);
        }
    }
    return words.join(' ');
}"""
"""In a browser: the words whose top stands above a height."""
